/* The results of a fit, when every block of its bootstraps is there. */
#include "fits.h"

#include "isogloss/os.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static isg_err put_share(const isg_fits_group *g, const double *share, size_t n)
{
    double *none = calloc(n, sizeof *none);
    if (!none) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t k = 0; k < n; k++) none[k] = share ? share[k] : (double)NAN;
    isg_err rc = isg_fits_put(g, ISG_FITS_SHARE, none);
    free(none);
    return rc;
}

/* Intervals of the fit, or what one of several sets says of them. */
static isg_err put_intervals(hid_t file, const char *path, const isg_fits_ending *e,
                             const isg_fitfile_intervals *p, const isg_fitfile_intervals *d)
{
    const isg_fitfile_result *r = e->result;
    const isg_fits_group g = {
        .file = file,
        .path = path,
        .dim = {[ISG_FITS_DIM_P] = e->n_params, [ISG_FITS_DIM_D] = r->n_derived}};
    ISG_TRY(isg_fits_put(&g, ISG_FITS_SE, p->se));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_LO, p->lo));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_HI, p->hi));
    ISG_TRY(put_share(&g, p->share_at_bound, e->n_params));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_METHOD, p->method));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_BY_SET, p->set));
    if (!r->n_derived) return ISG_OK;
    ISG_TRY(isg_fits_put(&g, ISG_FITS_DERIVED, r->derived));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_DERIVED_MEANING, r->derived_meaning));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_DERIVED_ESTIMATE, r->derived_estimate));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_DERIVED_SE, d->se));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_DERIVED_LO, d->lo));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_DERIVED_HI, d->hi));
    ISG_TRY(isg_fits_put(&g, ISG_FITS_DERIVED_METHOD, d->method));
    return isg_fits_put(&g, ISG_FITS_DERIVED_SET, d->set);
}

static isg_err status_names(hid_t set, char **out)
{
    hid_t status = H5Dopen2(set, isg_fits_name(ISG_FITS_STATUS), H5P_DEFAULT);
    isg_err rc = isg_h5_get_text(status, "flag_meanings", out);
    if (status >= 0) (void)H5Dclose(status);
    return rc;
}

/* Replicates of one of several sets, also where those of a single one would be. */
static isg_err copy_headline(hid_t file, hid_t fit, const char *path, const isg_fits_ending *e)
{
    hid_t set = H5Gopen2(fit, e->sets[e->result->headline], H5P_DEFAULT);
    size_t n = set < 0 ? 0 : isg_fits_count(set, ISG_FITS_NUMBER), cells = n * e->n_params;
    isg_fits_group g = {
        .file = file, .path = path, .dim = {[ISG_FITS_DIM_P] = e->n_params, [ISG_FITS_DIM_B] = n}};
    char *names = NULL;
    uint32_t *number = malloc((n + 1) * sizeof *number);
    double *replicate = malloc((cells + 1) * sizeof *replicate);
    uint8_t *status = malloc(n + 1);
    isg_err rc = n ? ISG_OK : isg_h5_fail(ISG_ESTORE, "no set '%s'", e->sets[e->result->headline]);
    if (!rc && (!number || !replicate || !status)) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = status_names(set, &names);
    if (!rc) rc = isg_fits_read(set, ISG_FITS_NUMBER, n, number);
    if (!rc) rc = isg_fits_read(set, ISG_FITS_REPLICATE, cells, replicate);
    if (!rc) rc = isg_fits_read(set, ISG_FITS_STATUS, n, status);
    g.status_names = names;
    if (!rc) rc = isg_fits_put(&g, ISG_FITS_NUMBER, number);
    if (!rc) rc = isg_fits_put(&g, ISG_FITS_REPLICATE, replicate);
    if (!rc) rc = isg_fits_put(&g, ISG_FITS_STATUS, status);
    if (set >= 0) (void)H5Gclose(set);
    free(names);
    free(number);
    free(replicate);
    free(status);
    return rc;
}

static isg_err put_all(hid_t file, hid_t fit, const char *path, const isg_fits_ending *e)
{
    const isg_fits_group top = {.file = file, .path = path};
    const isg_fitfile_result *r = e->result;
    ISG_TRY(put_intervals(file, path, e, &r->param, &r->of_derived));
    for (size_t i = 0; i < e->n_sets && e->n_sets > 1; i++) {
        char own[200];
        (void)snprintf(own, sizeof own, "%s/%s", path, e->sets[i]);
        ISG_TRY(put_intervals(file, own, e, &r->set_param[i], &r->set_derived[i]));
    }
    if (e->n_sets > 1) ISG_TRY(copy_headline(file, fit, path, e));
    return isg_fits_put(&top, ISG_FITS_REPORT, &e->result->report);
}

static isg_err put_notes(hid_t fit, const isg_fits_ending *e)
{
    char digest[65], report[65], now[ISG_TIME_BYTES], *sets = NULL;
    ISG_TRY(isg_h5_get_text(fit, "sets", &sets));
    isg_err rc = isg_fits_digest(fit, sets, digest);
    free(sets);
    isg_fits_sha256(e->result->report, report);
    const isg_fitfile_note notes[] = {
        {"headline", e->n_sets ? e->sets[e->result->headline] : "", 0, false},
        {"digest", digest, 0, false},
        {"report_sha256", report, 0, false},
        {"date_completed", isg_time_iso(isg_time_now(), now), 0, false},
        {"state", "complete", 0, false},
    };
    for (size_t i = 0; i < e->result->n_notes && !rc; i++)
        rc = isg_fits_note(fit, &e->result->notes[i]);
    for (size_t i = 0; i < sizeof notes / sizeof *notes && !rc; i++)
        rc = isg_fits_note(fit, &notes[i]);
    return rc;
}

isg_err isg_fits_end(hid_t file, const isg_fits_ending *e)
{
    char path[80];
    (void)snprintf(path, sizeof path, "/fits/%s", e->fit);
    hid_t fit = H5Gopen2(file, path, H5P_DEFAULT);
    if (fit < 0) return isg_h5_fail(ISG_ESTORE, "no group '%s'", path);
    isg_err rc = put_all(file, fit, path, e);
    if (!rc) rc = put_notes(fit, e);
    (void)H5Gclose(fit);
    return rc;
}
