/* Changing the shape of a file of fits, and what is known when a fit begins. */
#include "fits.h"

#include "isogloss/build.h"
#include "isogloss/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one file in the place of another ------------------------------------------------ */

static isg_err copy_bytes(int from, int to, const char *path)
{
    enum { PIECE = 1 << 20 };
    isg_err rc = ISG_OK;
    char *buffer = malloc(PIECE);
    if (!buffer) return ISG_FAIL(ISG_ENOMEM, "no memory to copy '%s'", path);
    for (ssize_t n; !rc && (n = read(from, buffer, PIECE)) != 0;) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = ISG_FAIL(ISG_EIO, "cannot read '%s': %s", path, strerror(errno));
        for (ssize_t done = 0; !rc && done < n;) {
            ssize_t k = write(to, buffer + done, (size_t)(n - done));
            if (k >= 0)
                done += k;
            else if (errno != EINTR)
                rc = ISG_FAIL(ISG_EIO, "cannot copy '%s': %s", path, strerror(errno));
        }
    }
    free(buffer);
    return rc;
}

static isg_err copy_file(const char *path, const char *tmp)
{
    struct stat st;
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) return ISG_FAIL(ISG_EIO, "cannot open '%s': %s", path, strerror(errno));
    isg_err rc = ISG_OK;
    int to = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (to < 0) rc = ISG_FAIL(ISG_EIO, "cannot create '%s': %s", tmp, strerror(errno));
    if (!rc && !fstat(from, &st)) (void)fchmod(to, st.st_mode & 0777);
    if (!rc) rc = copy_bytes(from, to, path);
    (void)close(from);
    if (to >= 0 && close(to) && !rc) {
        rc = ISG_FAIL(ISG_EIO, "cannot copy '%s': %s", path, strerror(errno));
    }
    return rc;
}

static isg_err new_file(const char *tmp, hid_t *out)
{
    char source[128], now[ISG_TIME_BYTES];
    uint32_t format = ISG_FITS_FORMAT;
    (void)snprintf(source, sizeof source, "isogloss %s (%s)", isg_build_version(),
                   isg_build_commit());
    const struct {
        const char *name, *text;
    } texts[] = {
        {"Conventions", "CF-1.10, ACDD-1.3"},
        {"title", "isogloss fits"},
        {"summary", "scaling laws fitted to losses, with every refit of the bootstrap"},
        {"source", source},
        {"date_created", isg_time_iso(isg_time_now(), now)},
    };
    ISG_TRY(isg_h5_create(tmp, out));
    ISG_TRY(isg_h5_put_numbers(*out, "isogloss_fits_format", ISG_TYPE_U32, &format, 1));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ISG_TRY(isg_h5_put_text(*out, texts[i].name, texts[i].text));
    }
    return isg_h5_group(*out, "/fits");
}

static isg_err sync_path(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    isg_err rc = ISG_OK;
    if (fd < 0 || fsync(fd)) rc = ISG_FAIL(ISG_EIO, "cannot sync '%s': %s", path, strerror(errno));
    if (fd >= 0) (void)close(fd);
    return rc;
}

isg_err isg_fits_change(const char *path, isg_lock *lock, isg_err (*change)(void *ctx, hid_t file),
                        void *ctx)
{
    hid_t file = -1;
    isg_err rc = ISG_OK;
    char *tmp = isg_strf("%s.tmp", path);
    if (!tmp) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (isg_path_exists(path)) {
        rc = copy_file(path, tmp);
        if (!rc) rc = isg_h5_open(tmp, true, false, &file);
    } else {
        rc = new_file(tmp, &file);
    }
    if (!rc) rc = change(ctx, file);
    if (!rc && H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
        rc = isg_h5_fail(ISG_EIO, "cannot flush '%s'", tmp);
    if (file >= 0 && H5Fclose(file) < 0 && !rc) rc = isg_h5_fail(ISG_EIO, "cannot close '%s'", tmp);
    if (!rc) rc = sync_path(tmp);
    if (!rc) rc = isg_lock_check(lock);
    if (!rc && rename(tmp, path)) {
        rc = ISG_FAIL(ISG_EIO, "cannot rename '%s' to '%s': %s", tmp, path, strerror(errno));
    }
    if (rc) (void)unlink(tmp);
    if (!rc) rc = isg_dir_sync_of(path);
    free(tmp);
    return rc;
}

/* ---- the beginning of a fit ------------------------------------------------------------ */

static isg_err put_index(const isg_fits_group *g, isg_fits_col col, size_t n)
{
    uint32_t *index = malloc((n ? n : 1) * sizeof *index);
    if (!index) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu numbers", n);
    for (size_t i = 0; i < n; i++) index[i] = (uint32_t)i;
    isg_err rc = isg_fits_put(g, col, index);
    free(index);
    return rc;
}

static isg_err put_parameters(const isg_fits_group *g, const isg_fitfile_plan *plan)
{
    size_t n = plan->n_params;
    uint8_t *flag = calloc(n, 2);
    if (!flag) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t k = 0; k < n; k++) flag[k] = plan->identified[k];
    for (size_t k = 0; k < n; k++) flag[n + k] = plan->at_bound[k];
    isg_err rc = isg_fits_put(g, ISG_FITS_PARAMETER, plan->param);
    if (!rc) rc = isg_fits_put(g, ISG_FITS_MEANING, plan->meaning);
    if (!rc) rc = isg_fits_put(g, ISG_FITS_ESTIMATE, plan->estimate);
    if (!rc) rc = isg_fits_put(g, ISG_FITS_FULL, plan->theta);
    if (!rc) rc = isg_fits_put(g, ISG_FITS_IDENTIFIED, flag);
    if (!rc) rc = isg_fits_put(g, ISG_FITS_AT_BOUND, flag + n);
    free(flag);
    return rc;
}

static isg_err put_sources(const isg_fits_group *g, const isg_fitfile_plan *plan)
{
    const char **text = calloc(2 * plan->n_sources, sizeof *text);
    if (!text) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < plan->n_sources; i++) {
        text[i] = plan->sources[i].path;
        text[plan->n_sources + i] = plan->sources[i].sha256;
    }
    isg_err rc = isg_fits_put(g, ISG_FITS_SOURCE, text);
    if (!rc) rc = isg_fits_put(g, ISG_FITS_SHA256, text + plan->n_sources);
    free(text);
    return rc;
}

static isg_err put_set(hid_t file, const char *path, const isg_fitfile_plan *plan,
                       const isg_fitfile_set *set)
{
    size_t blocks = (set->replicates + set->per_block - 1) / set->per_block;
    const isg_fits_group g = {.file = file,
                              .path = path,
                              .status_names = plan->status_names,
                              .dim = {[ISG_FITS_DIM_P] = plan->n_params,
                                      [ISG_FITS_DIM_B] = set->replicates,
                                      [ISG_FITS_DIM_K] = blocks}};
    const isg_fitfile_note notes[] = {
        {"resampled", set->name, 0, false},
        {"replicates", NULL, (double)set->replicates, true},
        {"replicates_per_block", NULL, (double)set->per_block, true},
    };
    ISG_TRY(put_index(&g, ISG_FITS_NUMBER, set->replicates));
    ISG_TRY(put_index(&g, ISG_FITS_BLOCK, blocks));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_REPLICATE, NULL));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_THETA, NULL));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_STATUS, NULL));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_MARK, NULL));
    hid_t group = H5Gopen2(file, path, H5P_DEFAULT);
    isg_err rc = group < 0 ? isg_h5_fail(ISG_EIO, "cannot open '%s'", path) : ISG_OK;
    for (size_t i = 0; i < sizeof notes / sizeof *notes && !rc; i++) {
        rc = isg_fits_note(group, &notes[i]);
    }
    if (group >= 0) (void)H5Gclose(group);
    return rc;
}

/* One set stands in the fit's own group, several each in a group of their own. */
static isg_err put_sets(hid_t file, const char *path, const isg_fitfile_plan *plan)
{
    if (plan->n_sets == 1) return put_set(file, path, plan, plan->sets);
    for (size_t i = 0; i < plan->n_sets; i++) {
        char own[200];
        (void)snprintf(own, sizeof own, "%s/%s", path, plan->sets[i].name);
        const isg_fits_group g = {
            .file = file, .path = own, .dim = {[ISG_FITS_DIM_P] = plan->n_params}};
        ISG_TRY(isg_h5_group(file, own));
        ISG_TRY(isg_fits_put(&g, ISG_FITS_PARAMETER, plan->param));
        ISG_TRY(put_set(file, own, plan, &plan->sets[i]));
    }
    return ISG_OK;
}

static isg_err put_notes(hid_t group, const isg_fitfile_plan *plan)
{
    char hash[65], now[ISG_TIME_BYTES];
    isg_str sets = {0};
    isg_err rc = ISG_OK;
    for (size_t i = 0; i < plan->n_sets && !rc; i++)
        rc = isg_str_printf(&sets, "%s%s", i ? " " : "", plan->sets[i].name);
    isg_fits_sha256(plan->request, hash);
    const isg_fitfile_note notes[] = {
        {"state", "begun", 0, false},
        {"request", plan->request, 0, false},
        {"request_sha256", hash, 0, false},
        {"version", plan->version, 0, false},
        {"commit", isg_build_commit(), 0, false},
        {"date_created", isg_time_iso(isg_time_now(), now), 0, false},
        {"sets", isg_str_c(&sets), 0, false},
    };
    for (size_t i = 0; i < sizeof notes / sizeof *notes && !rc; i++)
        rc = isg_fits_note(group, &notes[i]);
    for (size_t i = 0; i < plan->n_notes && !rc; i++) rc = isg_fits_note(group, &plan->notes[i]);
    isg_str_free(&sets);
    return rc;
}

isg_err isg_fits_begin(hid_t file, const isg_fitfile_plan *plan, bool replace)
{
    const double never[ISG_FITS_LAUNCHES] = {0}; /* a time that is NaN makes readers complain */
    char path[80];
    (void)snprintf(path, sizeof path, "/fits/%s", plan->name);
    const isg_fits_group g = {.file = file,
                              .path = path,
                              .dim = {[ISG_FITS_DIM_P] = plan->n_params,
                                      [ISG_FITS_DIM_S] = plan->n_sources,
                                      [ISG_FITS_DIM_L] = ISG_FITS_LAUNCHES}};
    if (replace && H5Ldelete(file, path, H5P_DEFAULT) < 0)
        return isg_h5_fail(ISG_EIO, "cannot remove the old '%s'", path);
    ISG_TRY(isg_h5_group(file, path));
    ISG_TRY(put_parameters(&g, plan));
    ISG_TRY(put_sources(&g, plan));
    ISG_TRY(put_index(&g, ISG_FITS_LAUNCH, ISG_FITS_LAUNCHES));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_START, never));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_LAST, never));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_RANKS, NULL));
    ISG_TRY(put_sets(file, path, plan));
    hid_t group = H5Gopen2(file, path, H5P_DEFAULT);
    isg_err rc = group < 0 ? isg_h5_fail(ISG_EIO, "cannot open '%s'", path) : ISG_OK;
    if (!rc) rc = put_notes(group, plan);
    if (group >= 0) (void)H5Gclose(group);
    return rc;
}
