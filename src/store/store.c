/* Opening, closing and finding. Every column is opened once, so that the run phase only moves data.
 */
#include "internal.h"

#include "isogloss/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const state_names[] = {"waiting",  "ready",  "running", "done",
                                          "diverged", "failed", "held"};
static const char *const cause_names[] = {"none",     "ok",      "crash",   "exit",
                                          "protocol", "silence", "time",    "memory",
                                          "killed",   "stopped", "diverged"};
static const char *const lr_names[] = {"warmup", "stable", "decay", "end"};

#define NAME_OF(table, i) ((size_t)(i) < sizeof(table) / sizeof *(table) ? (table)[i] : "unknown")

const char *isg_run_state_name(isg_run_state s)
{
    return NAME_OF(state_names, s);
}

const char *isg_cause_name(isg_cause c)
{
    return NAME_OF(cause_names, c);
}

const char *isg_lr_state_name(isg_lr_state s)
{
    return NAME_OF(lr_names, s);
}

isg_err isg_store_alloc(const char *path, bool write, isg_store **out)
{
    isg_store *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    s->write = write;
    s->file = -1;
    s->fd = -1;
    for (size_t c = 0; c < ISG_COLS; c++) s->col[c] = (isg_set){-1, -1, -1};
    s->path = strdup(path);
    if (!s->path) {
        isg_store_close(out);
        return ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    return ISG_OK;
}

void isg_store_close(isg_store **store)
{
    isg_store *s = store ? *store : NULL;
    if (!s) return;
    for (size_t c = 0; c < ISG_COLS; c++) {
        if (s->col[c].memory >= 0) (void)H5Tclose(s->col[c].memory);
        if (s->col[c].space >= 0) (void)H5Sclose(s->col[c].space);
        if (s->col[c].set >= 0) (void)H5Dclose(s->col[c].set);
    }
    if (s->file >= 0) (void)H5Fclose(s->file);
    if (s->fd >= 0) (void)close(s->fd);
    isg_names_free(&s->id, s->dim[ISG_DIM_RUN]);
    free(s->by_id);
    free(s->numerics);
    free(s->slice);
    free(s->staged);
    free(s->attempts.sequence);
    free(s->attempts.owner);
    free(s->launches.sequence);
    free(s->launches.owner);
    free(s->path);
    free(s);
    *store = NULL;
}

/* Every column must be there with the rank of the table and one extent for each dimension. */
static isg_err open_column(isg_store *s, isg_col col)
{
    const isg_column_def *def = &isg_columns[col];
    isg_set *c = &s->col[col];
    hsize_t extent[ISG_COL_MAX_RANK] = {0};
    hid_t group = H5Gopen2(s->file, def->group, H5P_DEFAULT);
    size_t rank = isg_column_rank(col);

    if (group >= 0 && isg_column_is_optional(col) &&
        H5Lexists(group, def->name, H5P_DEFAULT) <= 0) {
        (void)H5Gclose(group);
        return ISG_OK;
    }
    if (group >= 0) {
        c->set = H5Dopen2(group, def->name, H5P_DEFAULT);
        (void)H5Gclose(group);
    }
    if (c->set < 0) return isg_h5_fail(ISG_ESTORE, "no dataset '%s' in %s", def->name, def->group);
    c->space = H5Dget_space(c->set);
    c->memory = isg_h5_memory_type(def->type);
    bool bad = H5Sget_simple_extent_ndims(c->space) != (int)rank;
    if (!bad && rank) (void)H5Sget_simple_extent_dims(c->space, extent, NULL);
    for (size_t d = 0; d < rank && !bad; d++) {
        isg_dim which = isg_dim_of(def->dims[d]);
        size_t *dim = &s->dim[which], fixed = isg_dim_fixed(which);
        if (!*dim) *dim = (size_t)extent[d];
        bad = *dim != extent[d] || !extent[d] || (fixed && *dim != fixed);
    }
    if (bad) {
        return ISG_FAIL(ISG_ESTORE, "dataset '%s' in %s has not the shape of format %d", def->name,
                        def->group, ISG_STORE_FORMAT);
    }
    return ISG_OK;
}

isg_err isg_store_is_hdf5(const char *path, bool *is)
{
    static const char signature[] = "\211HDF\r\n\032\n";
    char head[sizeof signature - 1];
    struct stat st;
    isg_err rc = ISG_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *is = false;
    if (fd < 0) return ISG_FAIL(ISG_EIO, "cannot open '%s': %s", path, strerror(errno));
    if (!fstat(fd, &st) && !S_ISFIFO(st.st_mode)) { /* a pipe can be read only once */
        ssize_t n = read(fd, head, sizeof head);
        if (n < 0) rc = ISG_FAIL(ISG_EIO, "cannot read '%s': %s", path, strerror(errno));
        *is = n == (ssize_t)sizeof head && !memcmp(head, signature, sizeof head);
    }
    (void)close(fd);
    return rc;
}

/* HDF5 would make an empty file a store when it opens it for writing. */
static isg_err check_signature(const char *path)
{
    bool is;
    ISG_TRY(isg_store_is_hdf5(path, &is));
    if (is) return ISG_OK;
    return ISG_FAIL(ISG_ESTORE, "not an HDF5 file; wanted a store made by 'isogloss run'");
}

/* Opening for writing changes the file: what may only be read is told by a look before. */
static isg_err check_writable(isg_store *s)
{
    char *trainer = NULL;
    hid_t file = -1;
    ISG_TRY(isg_h5_open(s->path, false, false, &file));
    hid_t group = H5Gopen2(file, "/campaign", H5P_DEFAULT);
    isg_err rc = group < 0 ? ISG_ESTORE : isg_h5_get_text(group, "trainer", &trainer);
    if (rc) isg_err_clear(); /* something else, and open_all() says what */
    bool imported = trainer && !strcmp(trainer, "import");
    free(trainer);
    if (group >= 0) (void)H5Gclose(group);
    (void)H5Fclose(file);
    if (!imported) return ISG_OK;
    return ISG_FAIL(ISG_ESPEC, "it holds imported runs, and nothing can be run in it: give the "
                               "campaign a store of its own");
}

static isg_err open_all(isg_store *s, bool mpi)
{
    uint64_t format = 0;
    size_t n;
    ISG_TRY(check_signature(s->path));
    if (s->write) ISG_TRY(check_writable(s));
    ISG_TRY(isg_h5_open(s->path, s->write, mpi, &s->file));
    isg_err rc = isg_h5_get_u64(s->file, "isogloss_format", &format);
    if (rc && H5Aexists(s->file, "isogloss_fits_format") > 0) {
        return ISG_FAIL(ISG_EINPUT,
                        "it holds fits, not runs: name the store or CSV files that they "
                        "were made of");
    }
    if (rc) return ISG_FAIL(ISG_ESTORE, "this HDF5 file was not made by 'isogloss run'");
    if (format != ISG_STORE_FORMAT) {
        return ISG_FAIL(ISG_ESTORE,
                        "the store has format %llu, this program knows format %d: use the "
                        "isogloss that made it (h5dump -a source FILE says which)",
                        (unsigned long long)format, ISG_STORE_FORMAT);
    }
    for (int c = 0; c < ISG_COLS; c++) ISG_TRY(open_column(s, (isg_col)c));
    if (s->write) {
        s->fd = open(s->path, O_RDWR | O_CLOEXEC);
        if (s->fd < 0) return ISG_FAIL(ISG_EIO, "cannot open it for syncing: %s", strerror(errno));
    }
    hid_t group = H5Gopen2(s->file, "/campaign", H5P_DEFAULT);
    char *trainer = NULL;
    rc = isg_h5_get_text(group, "numerics", &s->numerics);
    if (!rc) rc = isg_h5_get_text(group, "trainer", &trainer);
    (void)H5Gclose(group);
    s->imported = trainer && !strcmp(trainer, "import");
    free(trainer);
    if (!rc) rc = isg_col_read_names(s, ISG_COL_RUNS_ID, &s->id, &n);
    if (!rc) rc = isg_store_index(s);
    return rc;
}

isg_err isg_store_open(const char *path, isg_store_mode mode, bool mpi, isg_store **out)
{
    *out = NULL;
    if (!isg_path_exists(path)) {
        return ISG_FAIL(ISG_EIO, "there is no store '%s': %s", path, strerror(errno));
    }
    ISG_TRY(isg_store_alloc(path, mode == ISG_STORE_WRITE, out));
    isg_err rc = open_all(*out, mpi);
    if (rc) isg_store_close(out);
    return isg_err_context(rc, "store '%s'", path);
}

typedef struct keyed {
    const char *id;
    size_t slot;
} keyed;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const keyed *)a)->id, ((const keyed *)b)->id);
}

isg_err isg_store_index(isg_store *s)
{
    size_t n = s->dim[ISG_DIM_RUN];
    keyed *k = calloc(n, sizeof *k);
    s->by_id = calloc(n, sizeof *s->by_id);
    s->slice_at[0] = 0;
    for (size_t i = 0; i < ISG_RESULTS; i++) {
        isg_col col = (isg_col)(ISG_RESULT_FIRST + i);
        s->slice_at[i + 1] = s->slice_at[i] + isg_column_row_bytes(col, s->dim);
    }
    s->slice = malloc(s->slice_at[ISG_RESULTS]);
    if (!k || !s->by_id || !s->slice) {
        free(k);
        return ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < n; i++) k[i] = (keyed){s->id[i], i};
    qsort(k, n, sizeof *k, by_key);
    for (size_t i = 0; i < n; i++) s->by_id[i] = k[i].slot;
    free(k);
    return ISG_OK;
}

bool isg_store_is_import(const isg_store *store)
{
    return store->imported;
}

size_t isg_store_runs(const isg_store *store)
{
    return store->dim[ISG_DIM_RUN];
}

const char *isg_store_numerics(const isg_store *store)
{
    return store->numerics;
}

size_t isg_store_find(const isg_store *store, const char *id)
{
    size_t lo = 0, hi = store->dim[ISG_DIM_RUN];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(store->id[store->by_id[mid]], id);
        if (c == 0) return store->by_id[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return ISG_NO_RUN;
}

isg_err isg_store_campaign_text(const isg_store *store, char **out)
{
    char **text = NULL;
    size_t n = 0;
    *out = NULL;
    ISG_TRY(isg_col_read_names(store, ISG_COL_CAMPAIGN_TEXT, &text, &n));
    *out = text[0];
    free(text);
    return ISG_OK;
}
