#include "isogloss/forecast.h"

#include "dist.h"
#include "isogloss/boot.h"
#include "order.h"
#include "subset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The replicates' outer quantiles are read here and divided by the normal quantile: a standard
 * deviation for each side that long tails do not own. */
static const double outer = 0.95;

double isg_outlook_scale(const isg_outlook *o, int side)
{
    const double p = o->parameter[side], l = o->law[side];
    return sqrt(p * p + l * l + o->residual * o->residual);
}

/* ---- one fit ------------------------------------------------------------------------------- */

typedef struct fitted {
    isg_problem *problem;
    isg_fit fit;
    double misfit; /* mean |ln L - ln L_pred| */
} fitted;

static double predict(const isg_law *law, const double *natural, const isg_obs *at, size_t i)
{
    double x[ISG_LAW_VARS];
    for (size_t k = 0; k < law->n_vars; k++) x[k] = at->var[k][i];
    return isg_ln(isg_law_loss(law, natural, x));
}

static isg_err fit_to(const isg_fit_options *options, const isg_obs *obs, fitted *out)
{
    isg_workspace *w = NULL;
    isg_err rc;

    *out = (fitted){0};
    rc = isg_problem_create(options, obs, &out->problem);
    if (!rc) rc = isg_workspace_create(out->problem, &w);
    if (!rc) rc = isg_fit_full(out->problem, w, &out->fit);
    if (!rc && !out->fit.converged) rc = ISG_FAIL(ISG_EDATA, "the fit did not converge");
    isg_workspace_destroy(&w);
    for (size_t i = 0; i < obs->n && !rc; i++)
        out->misfit +=
            fabs(isg_ln(obs->loss[i]) - predict(options->law, out->fit.natural, obs, i)) /
            (double)obs->n;
    return rc;
}

/* ---- the law itself -------------------------------------------------------------------------- */

/* @param value  [replicates] scratch */
static void spread_at(const isg_problem *problem, const isg_replicates *r, const isg_obs *points,
                      size_t i, double *value, isg_outlook *out)
{
    const double z = isg_normal_quantile(0.5 * (1 + outer));
    size_t n = 0;

    for (size_t b = 0; b < r->n; b++) {
        double natural[ISG_LAW_PARAMS];
        if (r->status[b] != ISG_REPLICATE_CONVERGED) continue;
        isg_problem_natural(problem, r->theta + b * r->n_params, natural);
        double y = predict(isg_problem_law(problem), natural, points, i);
        if (isfinite(y)) value[n++] = y;
    }
    if (n < 2) return;
    qsort(value, n, sizeof *value, isg_by_value);
    out->parameter[ISG_BELOW] =
        fmax(out->estimate - isg_quantile(value, n, 0.5 * (1 - outer)), 0) / z;
    out->parameter[ISG_ABOVE] =
        fmax(isg_quantile(value, n, 0.5 * (1 + outer)) - out->estimate, 0) / z;
}

static isg_err look_with_law(const isg_forecast_data *data, const isg_subset *rows, const fitted *f,
                             const isg_obs *points, size_t n, isg_outlook *out)
{
    const isg_boot boot = {.problem = f->problem,
                           .full = &f->fit,
                           .cluster = rows->cluster,
                           .n_clusters = rows->n_clusters,
                           .replicates = ISG_FORECAST_REPLICATES,
                           .seed = data->seed};
    const size_t params = isg_problem_free_params(f->problem);
    const double lost = (double)rows->obs.n / fmax(1, (double)rows->obs.n - (double)params);
    double value[ISG_FORECAST_REPLICATES];
    isg_replicates *r = NULL;

    if (rows->n_clusters < ISG_BOOT_MIN_CLUSTERS ||
        isg_problem_distinct_rows(f->problem) < 2 * params)
        return ISG_FAIL(ISG_EDATA, "%zu rows in %zu clusters are too few for a forecast",
                        rows->obs.n, rows->n_clusters);
    isg_err rc = isg_replicates_create(&boot, &r);
    if (!rc) rc = isg_boot_all(&boot, r);
    for (size_t i = 0; i < n && !rc; i++) {
        out[i] = (isg_outlook){.estimate =
                                   predict(isg_problem_law(f->problem), f->fit.natural, points, i),
                               .residual = f->fit.rms * sqrt(lost)};
        spread_at(f->problem, r, points, i, value, &out[i]);
    }
    isg_replicates_destroy(&r);
    return rc;
}

/* ---- rivals ------------------------------------------------------------------------------------ */

/* Sums of squares of what plausible rivals say beyond the law, on both sides. */
typedef struct spread {
    double (*square)[2]; /* [points] */
    size_t rivals;
} spread;

static void add_rival(const fitted *f, const isg_obs *points, size_t n, const isg_outlook *law,
                      spread *to)
{
    for (size_t i = 0; i < n; i++) {
        double d =
            predict(isg_problem_law(f->problem), f->fit.natural, points, i) - law[i].estimate;
        if (isfinite(d)) to->square[i][d > 0] += d * d;
    }
    to->rivals++;
}

/* A fit that its rows do not determine may say anything of other points. */
static bool says_something(const fitted *f)
{
    bool known = isg_problem_distinct_rows(f->problem) >= 2 * isg_problem_free_params(f->problem);
    for (size_t k = 0; k < isg_problem_law(f->problem)->n_params; k++)
        known = known && f->fit.identified[k];
    return known;
}

static isg_err try_rival(const isg_rival *rival, const unsigned char *held, const isg_obs *points,
                         size_t n, double misfit, const isg_outlook *law, spread *to,
                         isg_plausible *out)
{
    isg_subset rows;
    fitted f = {0};
    isg_err rc = isg_subset_take(&rival->obs, rival->fit.law->n_vars, held, NULL, &rows);

    if (!rc) rc = fit_to(&rival->fit, &rows.obs, &f);
    if (!rc) {
        out->misfit = misfit > 0 ? f.misfit / misfit : 1;
        out->plausible = out->misfit <= ISG_FORECAST_AS_WELL && says_something(&f);
        if (out->plausible && points->n) add_rival(&f, points, n, law, to);
    }
    isg_problem_destroy(&f.problem);
    isg_subset_clear(&rows);
    if (rc == ISG_ENOMEM) return rc;
    isg_err_clear(); /* a rival that cannot be fitted is none */
    return ISG_OK;
}

/* Rows with less than the median compute, besides those held. */
static isg_err hold_lower_half(const isg_forecast_data *data, const unsigned char *held, size_t n,
                               unsigned char **out)
{
    double *sorted = malloc((n + 1) * sizeof *sorted);
    size_t m = 0;

    *out = malloc(n + 1);
    if (!sorted || !*out) {
        free(sorted);
        return ISG_FAIL(ISG_ENOMEM, "no memory for a forecast");
    }
    for (size_t i = 0; i < n; i++) {
        if (!held[i]) sorted[m++] = data->compute[i];
    }
    qsort(sorted, m, sizeof *sorted, isg_by_value);
    for (size_t i = 0; i < n; i++) (*out)[i] = held[i] || data->compute[i] < sorted[m / 2];
    free(sorted);
    return ISG_OK;
}

/* The law on the upper half always counts: its rows are its own. */
static isg_err try_upper_half(const isg_forecast_data *data, const unsigned char *held,
                              const isg_obs *points, size_t n, const isg_outlook *law, spread *to,
                              isg_plausible *out)
{
    unsigned char *upper = NULL;
    isg_err rc = hold_lower_half(data, held, data->rivals[0].obs.n, &upper);

    if (!rc) rc = try_rival(&data->rivals[0], upper, points, n, 0, law, to, out);
    free(upper);
    return rc;
}

/* Root mean square about the law, which is one of them; each side as if the other were alike. */
static void put_spread(const spread *s, size_t n, isg_outlook *out)
{
    for (size_t i = 0; i < n; i++) {
        for (int side = 0; side < 2; side++)
            out[i].law[side] = sqrt(2 * s->square[i][side] / (double)(s->rivals + 1));
    }
}

static isg_err look_with_rivals(const isg_forecast_data *data, const unsigned char *held,
                                const isg_obs *points, size_t n, double misfit, isg_outlook *out,
                                isg_plausible *plausible)
{
    spread s = {.square = calloc(n + 1, sizeof *s.square)};
    isg_err rc = s.square ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a forecast");

    for (size_t k = 1; k < data->n_rivals && !rc; k++)
        rc = try_rival(&data->rivals[k], held, &points[k], n, misfit, out, &s, &plausible[k]);
    if (!rc) rc = try_upper_half(data, held, &points[0], n, out, &s, &plausible[data->n_rivals]);
    if (!rc) put_spread(&s, n, out);
    free(s.square);
    return rc;
}

isg_err isg_outlook_make(const isg_forecast_data *data, const unsigned char *held,
                         const isg_obs *points, size_t n, isg_outlook *out,
                         isg_plausible *plausible)
{
    const isg_rival *law = &data->rivals[0];
    unsigned char *none = calloc(law->obs.n + 1, 1);
    isg_plausible *beside = calloc(data->n_rivals + 1, sizeof *beside);
    isg_subset rows = {0};
    fitted f = {0};
    isg_err rc = none && beside ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a forecast");

    if (!held) held = none;
    if (!rc) rc = isg_subset_take(&law->obs, law->fit.law->n_vars, held, data->cluster, &rows);
    if (!rc) rc = fit_to(&law->fit, &rows.obs, &f);
    if (!rc) rc = look_with_law(data, &rows, &f, &points[0], n, out);
    if (!rc) rc = look_with_rivals(data, held, points, n, f.misfit, out, beside);
    if (!rc && plausible) {
        memcpy(plausible, beside, (data->n_rivals + 1) * sizeof *beside);
        plausible[0] = (isg_plausible){1, true};
    }
    isg_problem_destroy(&f.problem);
    isg_subset_clear(&rows);
    free(none);
    free(beside);
    return rc;
}

/* ---- a forecast ---------------------------------------------------------------------------------- */

isg_forecast isg_forecast_make(const isg_outlook *outlook, const isg_backtests *backtests,
                               const double *compute, double k, double level)
{
    isg_forecast f = {.outlook = *outlook,
                      .inflation = isg_backtests_inflation(backtests, compute, INFINITY, k),
                      .k = k};
    const double t = isg_t_quantile(0.5 * (1 + level), f.inflation.df) * f.inflation.factor;

    f.lo = outlook->estimate - t * isg_outlook_scale(outlook, ISG_BELOW);
    f.hi = outlook->estimate + t * isg_outlook_scale(outlook, ISG_ABOVE);
    f.beyond = k > fmax(f.inflation.k_max, 1);
    return f;
}
