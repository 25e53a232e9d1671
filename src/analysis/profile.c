#include "isogloss/profile.h"

#include "dist.h"
#include "isogloss/sandwich.h"
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P = ISG_LAW_PARAMS, COLD_STARTS = 4, EXPANSIONS = 24, STEPS = 30 };

static const double FAR = 40;            /* log units that a logarithm without bound is followed */
static const double CLOSE_ENOUGH = 1e-4; /* relative, of the root of W */

/* The coordinate z of the parameter is its logarithm if it has one. */
typedef struct profile {
    const isg_profile_of *of;
    size_t param;
    bool log;
    double *ones;      /* [rows] weights */
    double z0, lo, hi; /* estimate and how far to go */
    double f_min, limit;
    isg_fit last; /* where the next refit starts */
    isg_profile *out;
} profile;

/* The parameter that a tied one follows, in the end. @return false if it is fixed */
static bool follow(const isg_fit_options *o, size_t *param)
{
    for (size_t hops = 0; hops <= o->n_constraints; hops++) {
        const isg_constraint *c = NULL;
        for (size_t k = 0; k < o->n_constraints; k++) {
            if (o->constraints[k].param == *param) c = &o->constraints[k];
        }
        if (!c) return true;
        if (!c->tied) return false;
        *param = c->other;
    }
    return false;
}

/* Slope of z by the centred theta. */
static void slope_of(const isg_problem *p, size_t param, double *slope)
{
    for (size_t j = 0; j < p->law->n_params; j++) {
        double unit[P] = {0};
        unit[j] = 1;
        p->law->shift(p->law, unit, p->centre);
        slope[j] = unit[param];
    }
}

/* Scale of W and the standard error of z. @return false if there is none */
static bool scale_of(const isg_sandwich *s, const double *slope, double free_clusters,
                     double *scale, double *se)
{
    isg_sandwich_number n;

    if (!isg_sandwich_of(s, slope, &n) || !(n.model > 0)) return false;
    *se = n.se * sqrt((double)(s->n_clusters - 1) / free_clusters);
    *scale = n.model / (*se * *se);
    return isfinite(*scale);
}

/* The objective with the parameter held at z. */
static isg_err refit_at(profile *p, double z, double *f)
{
    isg_constraint held[P + 1];
    isg_fit_options options = *p->of->options;
    const isg_refit_options how = {.start = ISG_START_BOTH, .cold_starts = COLD_STARTS};
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_refit end;

    for (size_t k = 0; k < options.n_constraints; k++) held[k] = options.constraints[k];
    held[options.n_constraints] =
        (isg_constraint){.param = p->param, .value = p->log ? isg_exp(z) : z};
    options.constraints = held;
    options.n_constraints++;
    isg_err rc = isg_problem_create(&options, p->of->obs, &problem);
    if (!rc) rc = isg_workspace_create(problem, &w);
    if (!rc) rc = isg_fit_refit(problem, w, &p->last, p->ones, &how, &end);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
    if (rc) return rc;
    p->out->refits++;
    *f = end.objective;
    if (isfinite(end.objective)) memcpy(p->last.theta, end.theta, sizeof end.theta);
    return ISG_OK;
}

/* Root of W at z, minus that of its limit. */
static isg_err excess_at(profile *p, double z, double *excess)
{
    double f;

    ISG_TRY(refit_at(p, z, &f));
    if (f < p->f_min * (1 - 1e-6)) p->out->improved = true;
    *excess = sqrt(p->out->scale * 2 * fmax(f - p->f_min, 0)) - p->limit;
    return ISG_OK;
}

/* Between a (inside) and b (outside), by false position with halving (Illinois). */
static isg_err close_in(profile *p, double a, double fa, double b, double fb, double *z)
{
    for (int k = 0; k < STEPS; k++) {
        double x = (a * fb - b * fa) / (fb - fa), fx;
        if (!(x > fmin(a, b) && x < fmax(a, b))) x = 0.5 * (a + b);
        ISG_TRY(excess_at(p, x, &fx));
        *z = x;
        if (fabs(fx) <= CLOSE_ENOUGH * p->limit || fabs(b - a) <= 1e-12 * (fabs(a) + fabs(b)))
            return ISG_OK;
        if (fx > 0) {
            b = x;
            fb = fx;
            fa *= 0.5;
        } else {
            a = x;
            fa = fx;
            fb *= 0.5;
        }
    }
    return ISG_OK;
}

/* One end: away from the estimate in growing steps until W is above its limit. */
static isg_err find_end(profile *p, double se, int side, double *z, bool *closed)
{
    const double end = side < 0 ? p->lo : p->hi;
    double step = p->limit * se, inside = p->z0, f_inside = -p->limit, f;

    if (p->log) step = fmin(step, 1);
    p->last = *p->of->fit;
    for (int k = 0; k < EXPANSIONS; k++, step *= 1.7) {
        double at = p->z0 + side * step;
        bool last = side < 0 ? at <= end : at >= end;
        if (last) at = end;
        ISG_TRY(excess_at(p, at, &f));
        if (f > 0) {
            *closed = true;
            return close_in(p, inside, f_inside, at, f, z);
        }
        inside = at;
        f_inside = f;
        if (last) break;
    }
    *z = inside;
    *closed = false;
    return ISG_OK;
}

/* How far the parameter may go, and whether that is its bound. */
static void range_of(profile *p, bool *bounded)
{
    const isg_problem *problem = p->of->problem;
    const isg_law_param *param = &problem->law->params[p->param];
    double slope[P], own = 0;

    slope_of(problem, p->param, slope);
    for (size_t j = 0; j < problem->law->n_params; j++) own += fabs(slope[j]);
    *bounded = own <= 1; /* z is theta itself, not a mixture such as ln A = a + alpha centre */
    if (*bounded && isg_problem_bounds(problem, p->param, &p->lo, &p->hi)) return;
    *bounded = !p->log;
    p->lo = p->log ? p->z0 - FAR : param->lo;
    p->hi = p->log ? p->z0 + FAR : param->hi;
}

static isg_err both_ends(profile *p, double se)
{
    isg_profile *out = p->out;
    double lo = p->z0, hi = p->z0;
    bool bounded, closed_below = false, closed_above = false;

    range_of(p, &bounded);
    if (p->z0 > p->lo) ISG_TRY(find_end(p, se, -1, &lo, &closed_below));
    if (p->z0 < p->hi) ISG_TRY(find_end(p, se, 1, &hi, &closed_above));
    isg_profile_end end = bounded ? ISG_PROFILE_BOUND : ISG_PROFILE_OPEN;
    out->below = closed_below ? ISG_PROFILE_CLOSED : end;
    out->above = closed_above ? ISG_PROFILE_CLOSED : end;
    out->lo = !p->log ? lo : closed_below ? isg_exp(lo) : 0;
    out->hi = !p->log ? hi : closed_above || bounded ? isg_exp(hi) : (double)INFINITY;
    out->done = true;
    return ISG_OK;
}

/* The least objective on the kernel's scale, all rows counted once. */
static isg_err find_minimum(profile *p)
{
    const isg_profile_of *of = p->of;
    const isg_refit_options how = {.start = ISG_START_WARM};
    isg_workspace *w = NULL;
    isg_refit end;
    isg_err rc = isg_workspace_create(of->problem, &w);

    if (!rc) rc = isg_fit_refit(of->problem, w, of->fit, p->ones, &how, &end);
    isg_workspace_destroy(&w);
    p->f_min = rc ? 0 : end.objective;
    return rc;
}

isg_err isg_profile_param(const isg_profile_of *of, size_t param, double level, isg_profile *out)
{
    profile p = {.of = of, .param = param, .out = out};
    isg_sandwich *s = NULL;
    double slope[P], se = 0, raw[P];

    *out = (isg_profile){0};
    if (!follow(of->options, &p.param) || !of->fit->identified[p.param]) return ISG_OK;
    if (of->n_clusters <= of->problem->map.n || of->problem->map.n < 2) return ISG_OK;
    const double free_clusters = (double)(of->n_clusters - of->problem->map.n);
    p.log = of->problem->law->params[p.param].log;
    memcpy(raw, of->fit->theta, sizeof raw);
    of->problem->law->shift(of->problem->law, raw, of->problem->centre);
    p.z0 = raw[p.param];
    p.limit = isg_t_quantile(0.5 * (1 + level), free_clusters);
    isg_err rc =
        isg_sandwich_create(of->problem, of->fit, of->cluster, of->n_clusters, p.param, &s);
    if (rc) return rc;
    slope_of(of->problem, p.param, slope);
    bool good = scale_of(s, slope, free_clusters, &out->scale, &se);
    isg_sandwich_destroy(&s);
    if (!good) return ISG_OK;
    p.ones = malloc((of->obs->n + 1) * sizeof *p.ones);
    if (!p.ones) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu observations", of->obs->n);
    for (size_t i = 0; i < of->obs->n; i++) p.ones[i] = 1;
    rc = find_minimum(&p);
    if (!rc) rc = both_ends(&p, se);
    free(p.ones);
    return rc;
}
