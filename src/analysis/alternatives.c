/* Other optima that fit as well. A Jacobian sees only one valley; two valleys of equal depth are
 * as much a lack of information as a flat one: with D = 20 N the two terms of a law can change
 * places, with one fixed mixture a negative tau near the guard does as well as a positive one. */

#include "alternatives.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_FURTHER = 5 };           /* A, B, E, alpha, beta come before */
static const double EQUAL = 0.01;     /* deviance: no data of this size tell them apart */
static const double NEAR = 3.84;      /* the 95 % quantile of chi2 with one degree */
static const double ELSEWHERE = 0.25; /* of the box of starts, in some parameter */
static const double ROUNDING = 1e-26; /* objective of exact data, per row */
static const double FAR = 10;         /* robust standard deviations */

static double centred_residual(const isg_problem *p, const double *theta, size_t i)
{
    double x[ISG_LAW_VARS];

    for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
    const double f = p->law->log_loss(p->law, theta, x, NULL);
    return p->objective == ISG_LSQ ? p->loss[i] - isg_exp(f) : isg_ln(p->loss[i]) - f;
}

/* What a difference of objectives is multiplied with to be chi2 under independent errors:
 * 2 E psi' / E psi^2, psi' smoothed over some residuals where delta is narrow. */
static double deviance_scale(const isg_problem *p, const isg_fit *fit)
{
    const double delta = fit->delta, n = (double)p->rows.n;
    const double width = 1.6 * fit->robust_sd / 1.4826 * isg_exp(-0.2 * isg_ln(n));
    const double h = fmax(width, delta);
    double squares = 0, slope = 0;

    for (size_t i = 0; i < p->rows.n; i++) {
        const double r = centred_residual(p, fit->theta, i), psi = fmin(fmax(r, -delta), delta);
        if (!(p->rows.w[i] > 0)) continue;
        squares += psi * psi;
        if (!isfinite(delta))
            slope += 1;
        else
            slope += fabs(r) <= h ? delta / h : 0;
    }
    return squares > 0 ? 2 * slope / squares : (double)INFINITY;
}

static bool is_elsewhere(const isg_problem *p, const double *a, const double *b, size_t param)
{
    const isg_law_param *k = &p->law->params[param];
    return fabs(a[param] - b[param]) > ELSEWHERE * (k->start_hi - k->start_lo);
}

/* Free parameter j is not known, nor what the formula's parameters make of it (A of alpha). */
static void forget(const isg_problem *p, size_t j, isg_fit *fit)
{
    double direction[ISG_LAW_PARAMS];

    for (size_t k = 0; k < p->law->n_params; k++) direction[k] = p->map.t[k][j];
    p->law->shift(p->law, direction, p->centre);
    for (size_t k = 0; k < p->law->n_params; k++)
        if (fabs(direction[k]) > 1e-9) fit->identified[k] = false;
}

void isg_alternatives(const isg_problem *p, const isg_refit *ends, size_t n, double best,
                      isg_fit *fit)
{
    const double scale = deviance_scale(p, fit);

    fit->has_alternative = false;
    for (size_t k = 0; k < n; k++) {
        const double more = ends[k].objective - best;
        const double deviance = more > ROUNDING * (double)p->rows.n ? scale * more : 0;
        bool elsewhere = false;
        if (!ends[k].converged || !(deviance <= NEAR)) continue;
        for (size_t j = 0; j < p->map.n; j++) {
            const size_t param = p->map.owner[j];
            if (!is_elsewhere(p, ends[k].theta, fit->theta, param)) continue;
            elsewhere = true;
            if (deviance <= EQUAL || param >= FIRST_FURTHER) forget(p, j, fit);
        }
        if (!elsewhere || (fit->has_alternative && deviance >= fit->alternative_deviance)) continue;
        fit->has_alternative = true;
        fit->alternative_deviance = fmax(deviance, 0);
        isg_problem_natural(p, ends[k].theta, fit->alternative);
    }
}

void isg_far_rows(const isg_problem *p, isg_fit *fit)
{
    fit->n_far = 0;
    for (size_t i = 0; i < p->rows.n && fit->robust_sd > 0; i++) {
        double x[ISG_LAW_VARS];
        for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
        const double r = isg_ln(p->loss[i]) - p->law->log_loss(p->law, fit->theta, x, NULL);
        if (!(fabs(r) > FAR * fit->robust_sd)) continue;
        if (fit->n_far < ISG_FIT_FAR) fit->far[fit->n_far] = i;
        fit->n_far++;
    }
}
