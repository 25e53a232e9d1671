/* A fit in a file, and why a kill cannot tear it.
 *
 * Two kinds of writing, as for stores (layout.c). The shape of the file - a fit that begins, the
 * results of one that is complete - only ever changes on a copy, PATH.tmp, which is synced and
 * renamed: a kill leaves the old or the new file. In between raw data goes to places that are
 * there already: the rows of a block, a sync, then its mark, one aligned 8-byte word with the
 * CRC-32C of the block, and another sync. A block counts if its mark is there and fits. Blocks are
 * pure functions of their number, so those that do not count are simply computed again, and the
 * results come out the same. */
#include "fits.h"

#include "isogloss/hash.h"
#include "isogloss/log.h"
#include "isogloss/os.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Least time between syncs, which grows where they are slow. */
static const double SYNC_S = 0.25;

typedef struct bootstrap {
    char *name;
    size_t replicates, per_block, blocks;
    isg_set replicate, theta, status, mark;
    bool *have; /* [blocks] */
} bootstrap;

typedef struct pending {
    size_t set, block;
    uint64_t word;
} pending;

struct isg_fitfile {
    char *path, *name;
    isg_lock *lock;
    hid_t file, group;
    int fd;
    isg_set start, last, ranks;
    size_t launch;
    size_t n_params, n_sets;
    bootstrap *sets; /* [n_sets] */
    isg_fitfile_state was;
    size_t torn;
    pending *pending;
    size_t n_pending, cap_pending;
    double synced, pause; /* time of the last sync, and least time to the next */
};

static const isg_set no_set = {-1, -1, -1};

/* ---- datasets that stay open ---------------------------------------------------------- */

static void set_close(isg_set *s)
{
    if (s->memory >= 0) (void)H5Tclose(s->memory);
    if (s->space >= 0) (void)H5Sclose(s->space);
    if (s->set >= 0) (void)H5Dclose(s->set);
    *s = no_set;
}

static isg_err set_open(hid_t group, isg_fits_col col, isg_type type, hsize_t rows, hsize_t columns,
                        isg_set *out)
{
    hsize_t extent[2] = {0, 1};
    out->set = H5Dopen2(group, isg_fits_name(col), H5P_DEFAULT);
    if (out->set < 0) return isg_h5_fail(ISG_ESTORE, "no dataset '%s'", isg_fits_name(col));
    out->space = H5Dget_space(out->set);
    out->memory = isg_h5_memory_type(type);
    int rank = H5Sget_simple_extent_ndims(out->space);
    bool good = rank == 1 || rank == 2;
    if (good) (void)H5Sget_simple_extent_dims(out->space, extent, NULL);
    if (!good || extent[0] != rows || extent[1] != columns) {
        return ISG_FAIL(ISG_ESTORE, "dataset '%s' has another shape than its fit",
                        isg_fits_name(col));
    }
    return ISG_OK;
}

static isg_err move(bool writing, const isg_set *s, size_t bytes, size_t first, size_t n,
                    size_t columns, void *data)
{
    const hsize_t start[2] = {first, 0}, count[2] = {n, columns};
    if (writing) return isg_h5_write_box(s->set, s->space, s->memory, bytes, start, count, data);
    return isg_h5_read_box(s->set, s->space, s->memory, start, count, data);
}

static isg_err put_rows(const isg_set *s, size_t bytes, size_t first, size_t n, size_t columns,
                        const void *data)
{
    return move(true, s, bytes, first, n, columns, (void *)(uintptr_t)data);
}

/* ---- blocks ------------------------------------------------------------------------------- */

static size_t rows_of(const bootstrap *b, size_t block)
{
    size_t first = block * b->per_block, left = b->replicates - first;
    return left < b->per_block ? left : b->per_block;
}

static uint64_t mark_of(const isg_fitfile *f, const bootstrap *b, size_t block, const double *theta,
                        const double *natural, const uint8_t *status)
{
    size_t rows = rows_of(b, block), bytes = rows * f->n_params * sizeof *theta;
    uint64_t number = block;
    uint32_t crc = isg_crc32c(0, b->name, strlen(b->name));
    crc = isg_crc32c(crc, &number, sizeof number);
    crc = isg_crc32c(crc, theta, bytes);
    crc = isg_crc32c(crc, natural, bytes);
    return isg_mark_word(1, isg_crc32c(crc, status, rows));
}

static isg_err read_block(const isg_fitfile *f, const bootstrap *b, size_t block, double *theta,
                          double *natural, uint8_t *status)
{
    size_t rows = rows_of(b, block), first = block * b->per_block;
    ISG_TRY(move(false, &b->theta, sizeof *theta, first, rows, f->n_params, theta));
    ISG_TRY(move(false, &b->replicate, sizeof *natural, first, rows, f->n_params, natural));
    return move(false, &b->status, 1, first, rows, 1, status);
}

static isg_err judge_blocks(isg_fitfile *f, bootstrap *b)
{
    size_t cells = b->per_block * f->n_params;
    uint64_t *mark = calloc(b->blocks, sizeof *mark);
    double *rows = calloc(2 * cells, sizeof *rows);
    uint8_t *status = calloc(b->per_block, 1);
    isg_err rc = mark && rows && status ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = move(false, &b->mark, sizeof *mark, 0, b->blocks, 1, mark);
    for (size_t k = 0; k < b->blocks && !rc; k++) {
        if (!mark[k]) continue;
        rc = read_block(f, b, k, rows, rows + cells, status);
        b->have[k] = !rc && mark[k] == mark_of(f, b, k, rows, rows + cells, status);
        f->torn += !rc && !b->have[k];
    }
    free(mark);
    free(rows);
    free(status);
    return rc;
}

static isg_err open_set(isg_fitfile *f, hid_t group, bootstrap *b)
{
    ISG_TRY(set_open(group, ISG_FITS_THETA, ISG_TYPE_F64, b->replicates, f->n_params, &b->theta));
    ISG_TRY(set_open(group, ISG_FITS_REPLICATE, ISG_TYPE_F64, b->replicates, f->n_params,
                     &b->replicate));
    ISG_TRY(set_open(group, ISG_FITS_STATUS, ISG_TYPE_U8, b->replicates, 1, &b->status));
    ISG_TRY(set_open(group, ISG_FITS_MARK, ISG_TYPE_U64, b->blocks, 1, &b->mark));
    return ISG_OK;
}

static isg_err open_sets(isg_fitfile *f)
{
    isg_err rc = ISG_OK;
    for (size_t i = 0; i < f->n_sets && !rc; i++) {
        bootstrap *b = &f->sets[i];
        hid_t own = f->n_sets == 1 ? f->group : H5Gopen2(f->group, b->name, H5P_DEFAULT);
        rc = own < 0 ? isg_h5_fail(ISG_ESTORE, "no group '%s'", b->name) : open_set(f, own, b);
        if (own >= 0 && own != f->group) (void)H5Gclose(own);
    }
    return rc;
}

/* ---- the open file ---------------------------------------------------------------------- */

static void file_close(isg_fitfile *f)
{
    for (size_t i = 0; f->sets && i < f->n_sets; i++) {
        set_close(&f->sets[i].replicate);
        set_close(&f->sets[i].theta);
        set_close(&f->sets[i].status);
        set_close(&f->sets[i].mark);
    }
    set_close(&f->start);
    set_close(&f->last);
    set_close(&f->ranks);
    if (f->group >= 0) (void)H5Gclose(f->group);
    if (f->file >= 0) (void)H5Fclose(f->file);
    if (f->fd >= 0) (void)close(f->fd);
    f->group = f->file = -1;
    f->fd = -1;
}

static isg_err check_format(hid_t file)
{
    uint64_t format = 0;
    if (H5Aexists(file, "isogloss_format") > 0)
        return ISG_FAIL(ISG_EUSAGE, "it is the store of a campaign: name a file of its own (-o)");
    if (H5Aexists(file, "isogloss_fits_format") <= 0)
        return ISG_FAIL(ISG_ESTORE, "this HDF5 file was not made by 'isogloss fit --save'");
    ISG_TRY(isg_h5_get_u64(file, "isogloss_fits_format", &format));
    if (format == ISG_FITS_FORMAT) return ISG_OK;
    return ISG_FAIL(ISG_ESTORE,
                    "it has format %llu, this program knows format %d: use the isogloss that "
                    "made it",
                    (unsigned long long)format, ISG_FITS_FORMAT);
}

static isg_err file_open(isg_fitfile *f, bool write)
{
    char path[80];
    bool is = false;
    ISG_TRY(isg_store_is_hdf5(f->path, &is));
    if (!is) return ISG_FAIL(ISG_ESTORE, "not an HDF5 file; wanted one made by 'isogloss fit'");
    ISG_TRY(isg_h5_open(f->path, write, false, &f->file));
    ISG_TRY(check_format(f->file));
    (void)snprintf(path, sizeof path, "/fits/%s", f->name);
    if (H5Lexists(f->file, "/fits", H5P_DEFAULT) <= 0)
        return ISG_FAIL(ISG_ESTORE, "it has no group /fits");
    if (H5Lexists(f->file, path, H5P_DEFAULT) <= 0) return ISG_OK;
    f->group = H5Gopen2(f->file, path, H5P_DEFAULT);
    if (f->group < 0) return isg_h5_fail(ISG_ESTORE, "cannot open '%s'", path);
    if (!write) return ISG_OK;
    f->fd = open(f->path, O_RDWR | O_CLOEXEC);
    if (f->fd < 0) return ISG_FAIL(ISG_EIO, "cannot open it for syncing: %s", strerror(errno));
    return ISG_OK;
}

static isg_err is_complete(const isg_fitfile *f, bool *complete)
{
    char *state = NULL;
    ISG_TRY(isg_h5_get_text(f->group, "state", &state));
    *complete = !strcmp(state, "complete");
    free(state);
    return ISG_OK;
}

/* The row of this launch: the first free one, or the last. */
static isg_err begin_launch(isg_fitfile *f, int ranks)
{
    double start[ISG_FITS_LAUNCHES], now = isg_time_now();
    int32_t n = ranks;
    ISG_TRY(set_open(f->group, ISG_FITS_START, ISG_TYPE_F64, ISG_FITS_LAUNCHES, 1, &f->start));
    ISG_TRY(set_open(f->group, ISG_FITS_LAST, ISG_TYPE_F64, ISG_FITS_LAUNCHES, 1, &f->last));
    ISG_TRY(set_open(f->group, ISG_FITS_RANKS, ISG_TYPE_I32, ISG_FITS_LAUNCHES, 1, &f->ranks));
    ISG_TRY(move(false, &f->start, sizeof now, 0, ISG_FITS_LAUNCHES, 1, start));
    while (f->launch + 1 < ISG_FITS_LAUNCHES && start[f->launch] > 0) f->launch++;
    ISG_TRY(put_rows(&f->ranks, sizeof n, f->launch, 1, 1, &n));
    ISG_TRY(put_rows(&f->last, sizeof now, f->launch, 1, 1, &now));
    return put_rows(&f->start, sizeof now, f->launch, 1, 1, &now);
}

static isg_err check_text(const isg_fitfile *f, const char *name, const char *is)
{
    char *was = NULL;
    ISG_TRY(isg_h5_get_text(f->group, name, &was));
    bool same = !strcmp(was, is);
    free(was);
    if (same) return ISG_OK;
    return ISG_FAIL(ISG_ESTORE,
                    "fit '%s' is damaged: its values do not have their %s any more; make it again "
                    "with --replace",
                    f->name, name);
}

/* A complete fit is taken as it is or not at all. */
static isg_err verify(const isg_fitfile *f)
{
    char hash[65], *report = NULL;
    ISG_TRY(isg_fitfile_digest(f, hash));
    ISG_TRY(check_text(f, "digest", hash));
    ISG_TRY(isg_fitfile_report(f, &report));
    isg_fits_sha256(report, hash);
    free(report);
    return check_text(f, "report_sha256", hash);
}

static isg_err load(isg_fitfile *f, const isg_fitfile_plan *plan)
{
    if (f->was == ISG_FITFILE_COMPLETE) ISG_TRY(verify(f));
    ISG_TRY(open_sets(f));
    for (size_t i = 0; i < f->n_sets; i++) ISG_TRY(judge_blocks(f, &f->sets[i]));
    if (f->torn && f->was == ISG_FITFILE_COMPLETE)
        return ISG_FAIL(ISG_ESTORE, "%zu blocks of fit '%s' do not fit their marks", f->torn,
                        f->name);
    if (f->torn)
        ISG_WARN("store", "blocks do not fit their marks and are made again file=%s fit=%s n=%zu",
                 f->path, f->name, f->torn);
    return f->was == ISG_FITFILE_COMPLETE ? ISG_OK : begin_launch(f, plan->ranks);
}

typedef struct beginning {
    const isg_fitfile_plan *plan;
    bool replace;
} beginning;

static isg_err begin(void *ctx, hid_t file)
{
    const beginning *b = ctx;
    return isg_fits_begin(file, b->plan, b->replace);
}

/* What is there: nothing, another fit, this one begun or complete. */
static isg_err look(isg_fitfile *f, const isg_fitfile_plan *plan, bool *there)
{
    bool complete = false;
    *there = false;
    if (!isg_path_exists(f->path)) return ISG_OK;
    ISG_TRY(file_open(f, false));
    *there = f->group >= 0;
    if (!*there || f->was == ISG_FITFILE_NEW) return ISG_OK;
    ISG_TRY(is_complete(f, &complete));
    ISG_TRY(isg_fits_check(f->group, plan, complete));
    if (complete) f->was = ISG_FITFILE_COMPLETE;
    return ISG_OK;
}

static isg_err open_all(isg_fitfile *f, const isg_fitfile_plan *plan, bool replace)
{
    bool there = false;
    f->was = replace ? ISG_FITFILE_NEW : ISG_FITFILE_BEGUN;
    isg_err rc = look(f, plan, &there);
    file_close(f);
    if (rc) return rc;
    if (replace || !there) {
        beginning b = {.plan = plan, .replace = replace && there};
        ISG_TRY(isg_fits_change(f->path, f->lock, begin, &b));
        f->was = ISG_FITFILE_NEW;
    }
    ISG_TRY(file_open(f, f->was != ISG_FITFILE_COMPLETE));
    return load(f, plan);
}

static isg_err alloc(const char *path, const isg_fitfile_plan *plan, isg_fitfile *f)
{
    *f = (isg_fitfile){.file = -1,
                       .group = -1,
                       .fd = -1,
                       .start = no_set,
                       .last = no_set,
                       .ranks = no_set,
                       .n_params = plan->n_params,
                       .n_sets = plan->n_sets};
    f->path = isg_strdup(path);
    f->name = isg_strdup(plan->name);
    f->sets = calloc(plan->n_sets + 1, sizeof *f->sets);
    if (!f->path || !f->name || !f->sets) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < plan->n_sets; i++) {
        bootstrap *b = &f->sets[i];
        *b = (bootstrap){.replicates = plan->sets[i].replicates,
                         .per_block = plan->sets[i].per_block,
                         .replicate = no_set,
                         .theta = no_set,
                         .status = no_set,
                         .mark = no_set};
    }
    for (size_t i = 0; i < plan->n_sets; i++) {
        bootstrap *b = &f->sets[i];
        if (!isg_str_is_name(plan->sets[i].name) || !b->replicates || !b->per_block)
            return ISG_FAIL(ISG_EARG, "bootstrap '%s': wanted a name and replicates",
                            plan->sets[i].name);
        b->blocks = (b->replicates + b->per_block - 1) / b->per_block;
        b->name = isg_strdup(plan->sets[i].name);
        b->have = calloc(b->blocks, sizeof *b->have);
        if (!b->name || !b->have) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    return ISG_OK;
}

static void remove_leftover(const char *path)
{
    char *tmp = isg_strf("%s.tmp", path);
    if (tmp) (void)unlink(tmp);
    free(tmp);
}

isg_err isg_fitfile_open(const char *path, const isg_fitfile_plan *plan, bool replace,
                         isg_fitfile **out)
{
    *out = NULL;
    if (!isg_str_is_name(plan->name)) {
        return ISG_FAIL(ISG_EUSAGE,
                        "'%s' cannot name a fit: wanted 1 to 64 letters, digits, '_', '.', '-'",
                        plan->name);
    }
    isg_fitfile *f = calloc(1, sizeof *f);
    if (!f) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = alloc(path, plan, f);
    if (!rc) rc = isg_lock_take(path, &f->lock);
    if (!rc) {
        remove_leftover(path);
        rc = open_all(f, plan, replace);
    }
    f->synced = isg_time_mono();
    f->pause = SYNC_S;
    if (rc) isg_fitfile_close(&f);
    *out = f;
    return isg_err_context(rc, "fits file '%s'", path);
}

void isg_fitfile_close(isg_fitfile **file)
{
    isg_fitfile *f = file ? *file : NULL;
    if (!f) return;
    file_close(f);
    isg_lock_release(&f->lock);
    for (size_t i = 0; f->sets && i < f->n_sets; i++) {
        free(f->sets[i].name);
        free(f->sets[i].have);
    }
    free(f->sets);
    free(f->pending);
    free(f->path);
    free(f->name);
    free(f);
    *file = NULL;
}

isg_fitfile_state isg_fitfile_was(const isg_fitfile *file)
{
    return file->was;
}

size_t isg_fitfile_torn(const isg_fitfile *file)
{
    return file->torn;
}

size_t isg_fitfile_blocks(const isg_fitfile *file, size_t set)
{
    return file->sets[set].blocks;
}

bool isg_fitfile_has(const isg_fitfile *file, size_t set, size_t block)
{
    return file->sets[set].have[block];
}

/* ---- reading and writing blocks --------------------------------------------------------- */

isg_err isg_fitfile_get(const isg_fitfile *f, size_t set, size_t block, double *theta,
                        double *natural, uint8_t *status)
{
    const bootstrap *b = &f->sets[set];
    size_t rows = rows_of(b, block), first = block * b->per_block, p = f->n_params;
    isg_err rc = ISG_OK;
    if (theta) rc = move(false, &b->theta, sizeof *theta, first, rows, p, theta);
    if (!rc && natural) rc = move(false, &b->replicate, sizeof *natural, first, rows, p, natural);
    if (!rc && status) rc = move(false, &b->status, 1, first, rows, 1, status);
    return isg_err_context(rc, "fits file '%s', block %zu", f->path, block);
}

static isg_err remember(isg_fitfile *f, pending p)
{
    if (f->n_pending == f->cap_pending) {
        size_t cap = f->cap_pending ? 2 * f->cap_pending : 64;
        pending *more = realloc(f->pending, cap * sizeof *more);
        if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu marks", cap);
        f->pending = more;
        f->cap_pending = cap;
    }
    f->pending[f->n_pending++] = p;
    return ISG_OK;
}

isg_err isg_fitfile_put(isg_fitfile *f, size_t set, size_t block, const double *theta,
                        const double *natural, const uint8_t *status)
{
    const bootstrap *b = &f->sets[set];
    size_t rows = rows_of(b, block), first = block * b->per_block, p = f->n_params;
    isg_err rc = f->fd < 0 ? ISG_FAIL(ISG_EARG, "the fit is complete") : ISG_OK;
    if (!rc) rc = put_rows(&b->theta, sizeof *theta, first, rows, p, theta);
    if (!rc) rc = put_rows(&b->replicate, sizeof *natural, first, rows, p, natural);
    if (!rc) rc = put_rows(&b->status, 1, first, rows, 1, status);
    if (!rc) {
        rc = remember(f, (pending){set, block, mark_of(f, b, block, theta, natural, status)});
    }
    if (!rc && isg_time_mono() - f->synced >= f->pause) return isg_fitfile_sync(f);
    return isg_err_context(rc, "fits file '%s', block %zu", f->path, block);
}

static isg_err sync_data(const isg_fitfile *f)
{
    if (fdatasync(f->fd))
        return ISG_FAIL(ISG_EIO, "cannot sync '%s': %s", f->path, strerror(errno));
    return ISG_OK;
}

isg_err isg_fitfile_sync(isg_fitfile *f)
{
    double now = isg_time_now(), began = isg_time_mono();
    if (f->fd < 0) return ISG_OK;
    isg_err rc = isg_lock_check(f->lock);
    if (!rc && f->n_pending) rc = sync_data(f);
    for (size_t i = 0; i < f->n_pending && !rc; i++) {
        const pending *p = &f->pending[i];
        rc = put_rows(&f->sets[p->set].mark, sizeof p->word, p->block, 1, 1, &p->word);
    }
    if (!rc) rc = put_rows(&f->last, sizeof now, f->launch, 1, 1, &now);
    if (!rc) rc = sync_data(f);
    for (size_t i = 0; i < f->n_pending && !rc; i++)
        f->sets[f->pending[i].set].have[f->pending[i].block] = true;
    if (!rc) f->n_pending = 0;
    f->synced = isg_time_mono();
    f->pause = fmax(SYNC_S, 10 * (f->synced - began));
    return isg_err_context(rc, "fits file '%s'", f->path);
}

/* ---- the end ---------------------------------------------------------------------------------- */

static isg_err end(void *ctx, hid_t file)
{
    return isg_fits_end(file, ctx);
}

isg_err isg_fitfile_finish(isg_fitfile *f, const isg_fitfile_result *result)
{
    const char **names = calloc(f->n_sets + 1, sizeof *names);
    isg_fits_ending e = {.fit = f->name,
                         .n_params = f->n_params,
                         .n_sets = f->n_sets,
                         .sets = names,
                         .result = result};
    isg_err rc = names ? isg_fitfile_sync(f) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->n_sets && !rc; i++) {
        const bootstrap *b = &f->sets[i];
        size_t missing = 0;
        names[i] = b->name;
        for (size_t k = 0; k < b->blocks; k++) missing += !b->have[k];
        if (missing) rc = ISG_FAIL(ISG_EARG, "%zu blocks of '%s' are missing", missing, b->name);
    }
    file_close(f);
    if (!rc) rc = isg_fits_change(f->path, f->lock, end, &e);
    if (!rc) rc = file_open(f, false);
    if (!rc) rc = open_sets(f);
    free(names);
    return isg_err_context(rc, "fits file '%s'", f->path);
}

isg_err isg_fitfile_digest(const isg_fitfile *f, char out[65])
{
    char *sets = NULL;
    ISG_TRY(isg_h5_get_text(f->group, "sets", &sets));
    isg_err rc = isg_fits_digest(f->group, sets, out);
    free(sets);
    return rc;
}

isg_err isg_fitfile_report(const isg_fitfile *f, char **out)
{
    char **text = NULL;
    size_t n = 0;
    *out = NULL;
    ISG_TRY(isg_fits_read_names(f->group, ISG_FITS_REPORT, &text, &n));
    *out = text[0];
    free(text);
    return ISG_OK;
}

/* ---- for readers ------------------------------------------------------------------------- */

typedef struct fit_names {
    isg_str list;
    char first[80];
    size_t n;
    isg_err rc;
} fit_names;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    fit_names *names = ctx;
    (void)group;
    (void)info;
    if (!names->n++) (void)snprintf(names->first, sizeof names->first, "%s", name);
    names->rc = isg_str_printf(&names->list, "%s%s", names->list.len ? ", " : "", name);
    return names->rc ? -1 : 0;
}

/* f->name from the names that there are, when none is asked for. */
static isg_err choose_fit(isg_fitfile *f, const char *name)
{
    fit_names names = {.rc = ISG_OK};
    hid_t fits = H5Gopen2(f->file, "/fits", H5P_DEFAULT);
    isg_err rc = fits < 0 ? isg_h5_fail(ISG_ESTORE, "cannot open /fits") : ISG_OK;

    if (!rc && H5Literate(fits, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &names) < 0)
        rc = names.rc ? names.rc : isg_h5_fail(ISG_ESTORE, "cannot list /fits");
    if (fits >= 0) (void)H5Gclose(fits);
    if (!rc && !name && names.n != 1)
        rc = ISG_FAIL(ISG_EUSAGE, "it has %zu fits (%s): name one with --fit", names.n,
                      isg_str_c(&names.list));
    if (!rc && name && f->group < 0)
        rc =
            ISG_FAIL(ISG_EUSAGE, "it has no fit '%s'; there are: %s", name, isg_str_c(&names.list));
    if (!rc && !name) {
        free(f->name);
        f->name = isg_strdup(names.first);
        if (!f->name) rc = ISG_FAIL(ISG_ENOMEM, "no memory for a name");
    }
    isg_str_free(&names.list);
    return rc;
}

static isg_err read_report(isg_fitfile *f, const char *name, char **out)
{
    bool complete = false;

    ISG_TRY(file_open(f, false));
    ISG_TRY(choose_fit(f, name));
    if (!name) {
        file_close(f);
        ISG_TRY(file_open(f, false));
    }
    ISG_TRY(is_complete(f, &complete));
    if (!complete)
        return ISG_FAIL(ISG_EDATA,
                        "fit '%s' is not complete: the same isogloss fit goes on with it", f->name);
    ISG_TRY(verify(f));
    return isg_fitfile_report(f, out);
}

isg_err isg_fitfile_read_report(const char *path, const char *name, char **out)
{
    isg_fitfile f = {.path = isg_strdup(path),
                     .name = isg_strdup(name ? name : "?"),
                     .file = -1,
                     .group = -1,
                     .fd = -1,
                     .start = no_set,
                     .last = no_set,
                     .ranks = no_set};
    isg_err rc = f.path && f.name ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a path");

    *out = NULL;
    if (!rc) rc = read_report(&f, name, out);
    file_close(&f);
    free(f.path);
    free(f.name);
    return isg_err_context(rc, "fits file '%s'", path);
}

isg_err isg_fitfile_is(const char *path, bool *is)
{
    hid_t file = -1;
    *is = false;
    bool hdf5 = false;
    ISG_TRY(isg_store_is_hdf5(path, &hdf5));
    if (!hdf5) return ISG_OK;
    isg_err rc = isg_h5_open(path, false, false, &file);
    *is = !rc && H5Aexists(file, "isogloss_fits_format") > 0;
    if (file >= 0) (void)H5Fclose(file);
    return rc;
}
