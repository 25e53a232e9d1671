/* Replicates are addressed by number and travel in blocks small enough for one
 * message; sums and percentiles are taken over their numbers, never over the
 * order in which they arrived. */

#include "isogloss/boot.h"

#include "isogloss/rng.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t record_bytes(const isg_boot *boot)
{
    return isg_problem_law(boot->problem)->n_params * sizeof(double) + 1;
}

size_t isg_boot_per_block(const isg_boot *boot, size_t cap)
{
    size_t fit = cap / record_bytes(boot);
    return fit < ISG_BOOT_BLOCK ? fit : ISG_BOOT_BLOCK;
}

size_t isg_boot_blocks(const isg_boot *boot, size_t cap)
{
    size_t k = isg_boot_per_block(boot, cap);
    return k ? (boot->replicates + k - 1) / k : 0;
}

/* ---- computing --------------------------------------------------------------- */

static isg_err replicate(const isg_boot *boot, isg_workspace *w, size_t b, uint32_t *count,
                         double *weights, isg_refit *out, isg_boot_status *status)
{
    const isg_refit_options options = {.start = boot->start ? boot->start : ISG_START_BOTH,
                                       .cold_starts = boot->cold_starts};
    isg_rng r;

    memset(count, 0, boot->n_clusters * sizeof *count);
    isg_rng_at(&r, boot->seed, ISG_RNG_BOOTSTRAP, b);
    for (size_t k = 0; k < boot->n_clusters; k++) count[isg_rng_below(&r, boot->n_clusters)]++;
    for (size_t i = 0; i < isg_problem_rows(boot->problem); i++)
        weights[i] = count[boot->cluster[i]];
    ISG_TRY(isg_fit_refit(boot->problem, w, boot->full, weights, &options, out));
    *status = !isfinite(out->objective) ? ISG_REPLICATE_DEGENERATE
              : out->converged          ? ISG_REPLICATE_CONVERGED
                                        : ISG_REPLICATE_STALLED;
    return ISG_OK;
}

isg_err isg_boot_block(const isg_boot *boot, size_t block, void *out, size_t cap, size_t *used)
{
    size_t k = isg_boot_per_block(boot, cap), n_params = isg_problem_law(boot->problem)->n_params;
    isg_workspace *w = NULL;
    uint32_t *count = malloc(boot->n_clusters * sizeof *count);
    double *weights = malloc(isg_problem_rows(boot->problem) * sizeof *weights);
    unsigned char *to = out;
    isg_err rc =
        count && weights ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a block of refits");

    if (!rc) rc = isg_workspace_create(boot->problem, &w);
    for (size_t b = block * k; !rc && b < (block + 1) * k && b < boot->replicates; b++) {
        isg_refit end;
        isg_boot_status status;
        rc = replicate(boot, w, b, count, weights, &end, &status);
        if (rc) break;
        *to++ = (unsigned char)status;
        memcpy(to, end.theta, n_params * sizeof(double));
        to += n_params * sizeof(double);
    }
    *used = (size_t)(to - (unsigned char *)out);
    isg_workspace_destroy(&w);
    free(count);
    free(weights);
    return rc;
}

/* ---- collecting ---------------------------------------------------------------- */

isg_err isg_replicates_create(const isg_boot *boot, isg_replicates **out)
{
    isg_replicates *r = calloc(1, sizeof *r);

    *out = NULL;
    if (!r) return ISG_FAIL(ISG_ENOMEM, "no memory for replicates");
    r->n = boot->replicates;
    r->n_params = isg_problem_law(boot->problem)->n_params;
    r->theta = calloc(r->n * r->n_params + 1, sizeof *r->theta);
    r->status = calloc(r->n + 1, sizeof *r->status);
    if (!r->theta || !r->status) {
        isg_replicates_destroy(&r);
        return ISG_FAIL(ISG_ENOMEM, "no memory for %zu replicates", boot->replicates);
    }
    *out = r;
    return ISG_OK;
}

void isg_replicates_destroy(isg_replicates **replicates)
{
    if (!*replicates) return;
    free((*replicates)->theta);
    free((*replicates)->status);
    free(*replicates);
    *replicates = NULL;
}

isg_err isg_replicates_collect(isg_replicates *r, const isg_boot *boot, size_t block, size_t cap,
                               const void *data, size_t n)
{
    size_t k = isg_boot_per_block(boot, cap), first = block * k, bytes = record_bytes(boot);
    const unsigned char *from = data;

    if (first >= r->n || n != (r->n - first < k ? r->n - first : k) * bytes) {
        return ISG_FAIL(ISG_EPROTO, "block %zu of the bootstrap has %zu bytes", block, n);
    }
    for (size_t b = first; b < first + n / bytes; b++, from += bytes) {
        r->status[b] = from[0];
        memcpy(r->theta + b * r->n_params, from + 1, bytes - 1);
    }
    return ISG_OK;
}

isg_err isg_boot_all(const isg_boot *boot, isg_replicates *r)
{
    unsigned char bytes[ISG_BOOT_BLOCK * (ISG_LAW_PARAMS * sizeof(double) + 1)];

    for (size_t block = 0; block < isg_boot_blocks(boot, sizeof bytes); block++) {
        size_t used = 0;
        ISG_TRY(isg_boot_block(boot, block, bytes, sizeof bytes, &used));
        ISG_TRY(isg_replicates_collect(r, boot, block, sizeof bytes, bytes, used));
    }
    return ISG_OK;
}

/* ---- intervals ------------------------------------------------------------------- */

double isg_quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sums in the order of replicate numbers, then sort. */
static void interval_of(double *value, size_t n, double level, isg_interval *out)
{
    double mean = 0, squares = 0;

    for (size_t i = 0; i < n; i++) mean += value[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) squares += (value[i] - mean) * (value[i] - mean);
    out->se = sqrt(squares / (double)(n - 1));
    qsort(value, n, sizeof *value, by_value);
    out->lo = isg_quantile(value, n, 0.5 * (1 - level));
    out->hi = isg_quantile(value, n, 0.5 * (1 + level));
}

static void count_status(const isg_replicates *r, isg_boot_summary *out)
{
    for (size_t b = 0; b < r->n; b++) {
        out->converged += r->status[b] == ISG_REPLICATE_CONVERGED;
        out->stalled += r->status[b] == ISG_REPLICATE_STALLED;
        out->degenerate += r->status[b] == ISG_REPLICATE_DEGENERATE;
    }
}

isg_err isg_boot_summarise(const isg_boot *boot, const isg_replicates *r, double level,
                           isg_boot_summary *out)
{
    const isg_law *law = isg_problem_law(boot->problem);
    size_t numbers = law->n_params + law->n_derived, n = 0;

    *out = (isg_boot_summary){.level = level};
    count_status(r, out);
    if (out->converged < 2) {
        return ISG_FAIL(ISG_EDATA, "%zu of %zu replicates converged", out->converged, r->n);
    }
    double *value = malloc(numbers * out->converged * sizeof *value); /* [numbers][converged] */
    if (!value) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu replicates", r->n);
    for (size_t b = 0; b < r->n; b++) {
        double natural[ISG_LAW_PARAMS];
        const double *theta = r->theta + b * r->n_params;
        if (r->status[b] != ISG_REPLICATE_CONVERGED) continue;
        isg_problem_natural(boot->problem, theta, natural);
        for (size_t k = 0; k < law->n_params; k++) {
            value[k * out->converged + n] = natural[k];
            out->param[k].share_at_bound += isg_problem_at_bound(boot->problem, theta, k);
        }
        for (size_t k = 0; k < law->n_derived; k++) {
            value[(law->n_params + k) * out->converged + n] = law->derived[k].value(law, natural);
        }
        n++;
    }
    for (size_t k = 0; k < numbers; k++) {
        isg_interval *to = k < law->n_params ? &out->param[k] : &out->derived[k - law->n_params];
        interval_of(value + k * n, n, level, to);
        to->share_at_bound /= (double)n;
    }
    free(value);
    return ISG_OK;
}
