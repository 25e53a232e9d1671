/* Replicates are addressed by number and travel in blocks small enough for one
 * message. */

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

/* Where the numbers of a grouping's replicates begin: FNV-1a of its name, above 2^32. */
static uint64_t stream_of(const isg_boot *boot)
{
    uint64_t hash = 14695981039346656037ULL;

    if (!boot->stream) return 0;
    for (const char *c = boot->stream; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211ULL;
    return hash << 32;
}

/* ---- computing --------------------------------------------------------------- */

/* The rows that refits weigh. */
static const isg_problem *refitted(const isg_boot *boot)
{
    return boot->sweeps ? boot->swept : boot->problem;
}

/* @param count  [n_clusters], then runs of sweeps */
static isg_err replicate(const isg_boot *boot, isg_workspace *w, size_t b, uint32_t *count,
                         double *weights, isg_refit *out, isg_boot_status *status)
{
    const isg_refit_options options = {.start = boot->start ? boot->start : ISG_START_BOTH,
                                       .cold_starts = boot->cold_starts};
    isg_rng r;

    memset(count, 0, boot->n_clusters * sizeof *count);
    isg_rng_at(&r, boot->seed, ISG_RNG_BOOTSTRAP, stream_of(boot) + b);
    for (size_t k = 0; k < boot->n_clusters; k++) count[isg_rng_below(&r, boot->n_clusters)]++;
    if (boot->sweeps)
        isg_sweeps_draw(boot->sweeps, boot->cluster, count, &r, count + boot->n_clusters, weights);
    for (size_t i = 0; !boot->sweeps && i < isg_problem_rows(boot->problem); i++)
        weights[i] = count[boot->cluster[i]];
    ISG_TRY(isg_fit_refit(refitted(boot), w, boot->full, weights, &options, out));
    *status = !isfinite(out->objective) ? ISG_REPLICATE_DEGENERATE
              : out->converged          ? ISG_REPLICATE_CONVERGED
                                        : ISG_REPLICATE_STALLED;
    return ISG_OK;
}

isg_err isg_boot_block(const isg_boot *boot, size_t block, void *out, size_t cap, size_t *used)
{
    size_t k = isg_boot_per_block(boot, cap), n_params = isg_problem_law(boot->problem)->n_params;
    isg_workspace *w = NULL;
    const size_t runs = boot->sweeps ? boot->sweeps->n_runs : 0;
    uint32_t *count = malloc((boot->n_clusters + runs) * sizeof *count);
    double *weights = malloc(isg_problem_rows(refitted(boot)) * sizeof *weights);
    unsigned char *to = out;
    isg_err rc =
        count && weights ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a block of refits");

    if (!rc) rc = isg_workspace_create(refitted(boot), &w);
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
