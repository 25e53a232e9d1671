/* What replicates say of numbers. Sums go over the numbers of the replicates, never
 * over the order in which they arrived. */

#include "dist.h"
#include "isogloss/boot.h"
#include "isogloss/sandwich.h"
#include "order.h"
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double isg_quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

/* Natural parameters of the converged replicates, [n][n_params]. */
typedef struct sample {
    const isg_boot *boot;
    size_t n, n_params, n_all;
    double *natural;
    double *value; /* [n] scratch */
    isg_sandwich *sandwich;
    double level;
} sample;

static void close_sample(sample *s)
{
    isg_sandwich_destroy(&s->sandwich);
    free(s->natural);
    free(s->value);
}

static isg_err open_sample(const isg_boot *boot, const isg_replicates *r, double level, sample *s)
{
    *s = (sample){.boot = boot, .n_params = r->n_params, .n_all = r->n, .level = level};
    for (size_t b = 0; b < r->n; b++) s->n += r->status[b] == ISG_REPLICATE_CONVERGED;
    if (s->n < 2) return ISG_FAIL(ISG_EDATA, "%zu of %zu replicates converged", s->n, r->n);
    s->natural = malloc(s->n * s->n_params * sizeof *s->natural);
    s->value = malloc(s->n * sizeof *s->value);
    isg_err rc = s->natural && s->value
                     ? isg_sandwich_create(boot->problem, boot->full, boot->cluster,
                                           boot->n_clusters, ISG_LAW_PARAMS, &s->sandwich)
                     : ISG_FAIL(ISG_ENOMEM, "no memory for %zu replicates", r->n);
    size_t n = 0;
    for (size_t b = 0; !rc && b < r->n; b++) {
        if (r->status[b] != ISG_REPLICATE_CONVERGED) continue;
        isg_problem_natural(boot->problem, r->theta + b * r->n_params,
                            s->natural + n++ * s->n_params);
    }
    if (rc) close_sample(s);
    return rc;
}

/* ---- beside the percentiles ---------------------------------------------------------- */

static double at_theta(const sample *s, const isg_boot_number *number, const double *theta)
{
    double natural[ISG_LAW_PARAMS];
    isg_problem_natural(s->boot->problem, theta, natural);
    return number->value(number->ctx, natural);
}

/* The number's slope by theta from differences of a thousandth of a standard error. */
static bool linearise(const sample *s, const isg_boot_number *number, isg_sandwich_number *out)
{
    double theta[ISG_LAW_PARAMS], slope[ISG_LAW_PARAMS] = {0};

    if (!s->sandwich->usable) return false;
    memcpy(theta, s->sandwich->theta, sizeof theta);
    for (size_t k = 0; k < s->n_params; k++) {
        double h = fmax(1e-3 * s->sandwich->sd[k], 1e-7), here = theta[k];
        if (!(s->sandwich->sd[k] > 0)) continue; /* held */
        theta[k] = here + h;
        double above = at_theta(s, number, theta);
        theta[k] = here - h;
        slope[k] = (above - at_theta(s, number, theta)) / (2 * h);
        theta[k] = here;
        if (!isfinite(slope[k])) return false;
    }
    return isg_sandwich_of(s->sandwich, slope, out);
}

/* The share of replicates that BCa puts in place of p. Efron 1987, eq. 3.6 */
static double bca_share(double z0, double acceleration, double p)
{
    double z = z0 + isg_normal_quantile(p), below = 1 - acceleration * z;
    return below > 0 ? isg_normal_cdf(z0 + z / below) : z > 0;
}

static void bca(const sample *s, size_t n, double estimate, double acceleration, isg_interval *out)
{
    double below = 0, least = 1 / (double)(n + 1);

    for (size_t i = 0; i < n; i++)
        below += s->value[i] < estimate ? 1 : s->value[i] > estimate ? 0 : 0.5;
    below /= (double)n;
    if (!(below > 0 && below < 1)) return; /* z0 is infinite */
    double z0 = isg_normal_quantile(below);
    double lo = bca_share(z0, acceleration, 0.5 * (1 - s->level));
    double hi = bca_share(z0, acceleration, 0.5 * (1 + s->level));
    out->has_bca = lo >= least && hi <= 1 - least && lo < hi; /* else beyond all replicates */
    if (!out->has_bca) return;
    out->bca_lo = isg_quantile(s->value, n, lo);
    out->bca_hi = isg_quantile(s->value, n, hi);
}

/* ---- one number ---------------------------------------------------------------------- */

/* Values of the replicates that have one, sorted; their standard deviation in order of number. */
static size_t gather(const sample *s, const isg_boot_number *number, double *se)
{
    double mean = 0, squares = 0;
    size_t n = 0;

    for (size_t b = 0; b < s->n; b++) {
        double v = number->value(number->ctx, s->natural + b * s->n_params);
        if (isfinite(v)) s->value[n++] = v;
    }
    for (size_t i = 0; i < n; i++) mean += s->value[i] / (double)n;
    for (size_t i = 0; i < n; i++) squares += (s->value[i] - mean) * (s->value[i] - mean);
    *se = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    qsort(s->value, n, sizeof *s->value, isg_by_value);
    return n;
}

static void interval_of(const sample *s, const isg_boot_number *number, isg_interval *out)
{
    isg_sandwich_number linear;

    *out = (isg_interval){0};
    size_t n = gather(s, number, &out->se);
    out->undefined = s->n - n;
    if (n < 2) return;
    out->lo = isg_quantile(s->value, n, 0.5 * (1 - s->level));
    out->hi = isg_quantile(s->value, n, 0.5 * (1 + s->level));
    out->spread = 0.5 * (isg_quantile(s->value, n, 0.84) - isg_quantile(s->value, n, 0.16));
    double estimate = number->value(number->ctx, s->boot->full->natural);
    if (!isfinite(estimate) || !linearise(s, number, &linear)) return;
    out->has_sandwich = true;
    out->sandwich_se = linear.se;
    bca(s, n, estimate, linear.acceleration, out);
}

isg_err isg_boot_numbers(const isg_boot *boot, const isg_replicates *r, double level,
                         const isg_boot_number *numbers, size_t n, isg_interval *out)
{
    sample s;

    ISG_TRY(open_sample(boot, r, level, &s));
    for (size_t k = 0; k < n; k++) interval_of(&s, &numbers[k], &out[k]);
    close_sample(&s);
    return ISG_OK;
}

/* ---- the law's own numbers ------------------------------------------------------------ */

typedef struct own_number {
    const isg_law *law;
    size_t k;
} own_number;

static double param_value(const void *ctx, const double *natural)
{
    const own_number *o = ctx;
    return natural[o->k];
}

static double derived_value(const void *ctx, const double *natural)
{
    const own_number *o = ctx;
    return o->law->derived[o->k].value(o->law, natural);
}

/* Natural value of a parameter at its bound; what a log's lower bound stands for is zero. */
static double end_of_range(const sample *s, size_t k, int side)
{
    double theta[ISG_LAW_PARAMS], natural[ISG_LAW_PARAMS];

    if (side < 0 && isg_problem_law(s->boot->problem)->params[k].log) return 0;
    memcpy(theta, s->boot->full->theta, sizeof theta);
    (void)isg_problem_bounds(s->boot->problem, k, side < 0 ? &theta[k] : NULL,
                             side > 0 ? &theta[k] : NULL);
    isg_problem_natural(s->boot->problem, theta, natural);
    return natural[k];
}

/* One-sided where too many replicates, or the estimate, rest at a bound. s->value is the
 * parameter's. @param share  [2] of replicates at the lower and the upper bound */
static void bound_interval(const sample *s, size_t k, const double *share, isg_interval *out)
{
    int full = isg_problem_bound_side(s->boot->problem, s->boot->full->theta, k);
    bool below = full < 0 || share[0] > 0.5 * (1 - s->level);
    bool above = full > 0 || share[1] > 0.5 * (1 - s->level);
    size_t n = s->n - out->undefined;

    out->share_at_bound = share[0] + share[1];
    if ((!below && !above) || n < 2) return;
    out->has_bca = false;
    if (full > 0 || (above && !below)) {
        out->bounded = ISG_BOUNDED_ABOVE;
        out->lo = below ? end_of_range(s, k, -1) : isg_quantile(s->value, n, 1 - s->level);
        out->hi = fmax(end_of_range(s, k, 1), s->value[n - 1]);
    } else {
        out->bounded = ISG_BOUNDED_BELOW;
        out->lo = fmin(end_of_range(s, k, -1), s->value[0]);
        out->hi = above ? end_of_range(s, k, 1) : isg_quantile(s->value, n, s->level);
    }
}

static void parameter_of(const sample *s, const isg_replicates *r, size_t k, isg_interval *out)
{
    const own_number own = {isg_problem_law(s->boot->problem), k};
    double share[2] = {0};

    interval_of(s, &(isg_boot_number){param_value, &own}, out);
    for (size_t b = 0; b < r->n; b++) {
        if (r->status[b] != ISG_REPLICATE_CONVERGED) continue;
        int side = isg_problem_bound_side(s->boot->problem, r->theta + b * r->n_params, k);
        if (side) share[side > 0] += 1 / (double)s->n;
    }
    bound_interval(s, k, share, out);
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
    sample s;

    *out = (isg_boot_summary){.level = level};
    count_status(r, out);
    ISG_TRY(open_sample(boot, r, level, &s));
    for (size_t k = 0; k < law->n_params; k++) parameter_of(&s, r, k, &out->param[k]);
    for (size_t k = 0; k < law->n_derived; k++) {
        const own_number own = {law, k};
        interval_of(&s, &(isg_boot_number){derived_value, &own}, &out->derived[k]);
    }
    close_sample(&s);
    return ISG_OK;
}

size_t isg_boot_headline(const isg_interval *const *by, size_t n)
{
    size_t first = n, widest = 0;
    double least = INFINITY;

    for (size_t k = 0; k < n; k++) {
        if (!by[k]) continue;
        if (first == n) first = widest = k;
        if (by[k]->spread > by[widest]->spread) widest = k;
        least = fmin(least, by[k]->spread);
    }
    if (first == n) return 0;
    const double most = by[widest]->spread;
    return most > ISG_GROUPING_FACTOR * least && most > ISG_GROUPING_NEAR * by[first]->spread
               ? widest
               : first;
}
