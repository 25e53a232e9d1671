/* Rolling backtests: fit below a compute, meet the runs above it. Errors of one threshold err
 * together (one fit made them all), so a threshold counts as one observation at most, less the
 * farther its k are from the one asked for. */

#include "isogloss/forecast.h"

#include "dist.h"
#include "isogloss/boot.h"
#include "order.h"
#include "subset.h"

#include <math.h>
#include <stdlib.h>

/* Runs of one budget, whose C differ by rounding, lie on one side of a threshold; and thresholds
 * nearer to each other would be one backtest counted twice. */
static const double one_budget = 1.1;
static const double nearness = 4; /* backtests at 4 times the k, or a quarter, count 1/e */

/* ---- making them ---------------------------------------------------------------------------- */

/* Held rows of each rival as points. */
static isg_err points_of(const isg_forecast_data *data, const unsigned char *held, size_t rows,
                         isg_subset *out, isg_obs *points)
{
    unsigned char *kept = malloc(rows + 1);
    isg_err rc = kept ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a backtest");

    for (size_t i = 0; i < rows && !rc; i++) kept[i] = !held[i];
    for (size_t k = 0; k < data->n_rivals && !rc; k++) {
        rc = isg_subset_take(&data->rivals[k].obs, data->rivals[k].fit.law->n_vars, kept, NULL,
                             &out[k]);
        points[k] = out[k].obs;
    }
    free(kept);
    return rc;
}

static isg_err add_rows(const isg_forecast_data *data, const isg_subset *held, double threshold,
                        const isg_outlook *outlook, isg_backtests *b)
{
    isg_backtest_row *more = realloc(b->at, (b->n + held->obs.n + 1) * sizeof *more);

    if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for backtests");
    b->at = more;
    for (size_t i = 0; i < held->obs.n; i++) {
        const size_t row = held->row[i];
        isg_backtest_row *to = &b->at[b->n];
        *to = (isg_backtest_row){.threshold = b->n_thresholds,
                                 .row = row,
                                 .k = data->compute[row] / threshold,
                                 .error = isg_ln(held->obs.loss[i]) - outlook[i].estimate,
                                 .outlook = outlook[i]};
        if (!isfinite(to->error)) continue;
        if (to->k > b->k_max) b->k_max = to->k;
        b->n++;
    }
    return ISG_OK;
}

static isg_err run_one(const isg_forecast_data *data, const unsigned char *held, size_t rows,
                       size_t n_held, double threshold, isg_backtests *b)
{
    isg_subset *subset = calloc(data->n_rivals, sizeof *subset);
    isg_obs *points = calloc(data->n_rivals, sizeof *points);
    isg_outlook *outlook = calloc(n_held + 1, sizeof *outlook);
    isg_err rc = subset && points && outlook ? points_of(data, held, rows, subset, points)
                                             : ISG_FAIL(ISG_ENOMEM, "no memory for a backtest");

    if (!rc) {
        rc = isg_outlook_make(data, held, points, n_held, outlook, NULL);
        if (!rc) rc = add_rows(data, &subset[0], threshold, outlook, b);
        if (!rc) {
            b->threshold[b->n_thresholds] = threshold;
            b->fitted[b->n_thresholds++] = rows - n_held;
        }
        if (rc && rc != ISG_ENOMEM) { /* nothing is learnt from this threshold */
            isg_err_clear();
            rc = ISG_OK;
        }
    }
    for (size_t k = 0; subset && k < data->n_rivals; k++) isg_subset_clear(&subset[k]);
    free(subset);
    free(points);
    free(outlook);
    return rc;
}

/* Rows at or below which the thresholds lie: 25 %, 30 %, ... 95 %. */
static isg_err run_ladder(const isg_forecast_data *data, const double *sorted, unsigned char *held,
                          isg_backtests *b)
{
    const size_t rows = data->rivals[0].obs.n;
    double last = 0;

    for (size_t step = 5; step < 20; step++) {
        size_t n = (2 * step * rows + 20) / 40, n_held = 0;
        if (n < ISG_BOOT_MIN_CLUSTERS) n = ISG_BOOT_MIN_CLUSTERS;
        for (double least = sorted[n < rows ? n - 1 : rows - 1];
             n < rows && sorted[n] <= one_budget * least;)
            n++;
        if (n + 2 > rows) break;
        const double threshold = sorted[n - 1];
        if (!(threshold > one_budget * last)) continue;
        last = threshold;
        for (size_t i = 0; i < rows; i++) {
            held[i] = data->compute[i] > threshold;
            n_held += held[i];
        }
        if (n_held) ISG_TRY(run_one(data, held, rows, n_held, threshold, b));
    }
    return ISG_OK;
}

isg_err isg_backtests_run(const isg_forecast_data *data, isg_backtests **out)
{
    const size_t rows = data->rivals[0].obs.n;
    isg_backtests *b = calloc(1, sizeof *b);
    double *sorted = malloc((rows + 1) * sizeof *sorted);
    unsigned char *held = malloc(rows + 1);
    isg_err rc = b && sorted && held ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for backtests");

    for (size_t i = 0; i < rows && !rc; i++) sorted[i] = data->compute[i];
    if (!rc) qsort(sorted, rows, sizeof *sorted, isg_by_value);
    if (!rc) rc = run_ladder(data, sorted, held, b);
    free(sorted);
    free(held);
    if (rc) isg_backtests_destroy(&b);
    *out = b;
    return rc;
}

void isg_backtests_destroy(isg_backtests **backtests)
{
    if (!*backtests) return;
    free((*backtests)->at);
    free(*backtests);
    *backtests = NULL;
}

/* ---- what they say ---------------------------------------------------------------------------- */

static double z_square(const isg_backtest_row *r)
{
    const double z = r->error / isg_outlook_scale(&r->outlook, r->error > 0);
    return fabs(r->error) > 0 ? z * z : 0; /* exact data have no scale either */
}

/* One threshold: the weighted mean square of its errors, and its weight. */
typedef struct verdict_of_one {
    double square, sum, weight;
} verdict_of_one;

static void add_threshold(const verdict_of_one *one, isg_inflation *out)
{
    if (!(one->sum > 0)) return;
    out->factor += one->weight * one->square / one->sum;
    out->df += one->weight;
    out->backtests++;
}

isg_inflation isg_backtests_inflation(const isg_backtests *b, const double *compute, double below,
                                      double k)
{
    isg_inflation out = {.factor = ISG_FORECAST_PRIOR, .df = ISG_FORECAST_PRIOR};
    const double at = isg_ln(fmax(k, 1)); /* inside the data nothing is extrapolated */
    verdict_of_one one = {0};

    for (size_t i = 0; b && i < b->n; i++) {
        const isg_backtest_row *r = &b->at[i];
        if (i && r->threshold != b->at[i - 1].threshold) {
            add_threshold(&one, &out);
            one = (verdict_of_one){0};
        }
        if (!(b->threshold[r->threshold] < below) || compute[r->row] > below) continue;
        const double w = isg_exp(-fabs(isg_ln(r->k) - at) / isg_ln(nearness));
        one.square += w * z_square(r);
        one.sum += w;
        one.weight = fmax(one.weight, w);
        out.k_max = fmax(out.k_max, r->k);
    }
    add_threshold(&one, &out);
    out.factor = sqrt(out.factor / out.df);
    return out;
}

/* ---- would it have covered? ---------------------------------------------------------------------- */

static void coverage(const isg_backtests *b, const double *compute, double level, double *half,
                     double *naive, isg_backtest_coverage *out)
{
    const double z = isg_normal_quantile(0.5 * (1 + level));

    for (size_t i = 0; i < b->n; i++) {
        const isg_backtest_row *r = &b->at[i];
        const double below = b->threshold[r->threshold];
        const isg_inflation f = isg_backtests_inflation(b, compute, below, r->k);
        if (f.backtests < 2) continue;
        const double t = isg_t_quantile(0.5 * (1 + level), f.df) * f.factor;
        const double lo = t * isg_outlook_scale(&r->outlook, ISG_BELOW),
                     hi = t * isg_outlook_scale(&r->outlook, ISG_ABOVE);
        const double *own = r->outlook.parameter;
        const bool hit = r->error >= -lo && r->error <= hi;
        half[out->forecasts] = 0.5 * (lo + hi);
        naive[out->forecasts++] = 0.5 * z * (own[0] + own[1]);
        out->covered += hit;
        out->naive_covered += r->error >= -z * own[ISG_BELOW] && r->error <= z * own[ISG_ABOVE];
        out->thresholds += out->forecasts == 1 || b->at[i - 1].threshold != r->threshold;
        out->k_max = fmax(out->k_max, r->k);
        out->beyond += r->k > f.k_max;
        out->beyond_covered += hit && r->k > f.k_max;
    }
    if (!out->forecasts) return;
    out->half_width = isg_median(half, out->forecasts);
    out->naive_half_width = isg_median(naive, out->forecasts);
}

isg_err isg_backtests_coverage(const isg_backtests *b, const double *compute, double level,
                               isg_backtest_coverage *out)
{
    double *half = malloc((b->n + 1) * sizeof *half), *naive = malloc((b->n + 1) * sizeof *naive);
    isg_err rc = half && naive ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for backtests");

    *out = (isg_backtest_coverage){.level = level};
    if (!rc) coverage(b, compute, level, half, naive, out);
    free(half);
    free(naive);
    return rc;
}
