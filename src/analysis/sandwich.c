#include "isogloss/sandwich.h"

#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P = ISG_LAW_PARAMS };

static const double BANDWIDTH = 1.6;  /* times robust sd n^(-1/5) */
static const double SINGULAR = 1e-11; /* of a pivot of the scaled curvature */

typedef struct matrix {
    size_t n;
    double at[P][P];
} matrix;

/* ---- one row ---------------------------------------------------------------------- */

/* Residual and its slope by theta, on the scale of the objective. */
static double row_of(const isg_problem *p, const double *theta, size_t i, double *slope)
{
    double x[ISG_LAW_VARS], y;

    for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
    y = p->law->log_loss(p->law, theta, x, slope);
    if (p->objective != ISG_LSQ) return p->rows.y[i] - y;
    y = isg_exp(y);
    for (size_t k = 0; k < p->law->n_params; k++) slope[k] *= y;
    return p->rows.y[i] - y;
}

static double psi_of(double r, double delta)
{
    return fmin(fmax(r, -delta), delta);
}

/* By the free parameters. */
static void to_free(const isg_problem *p, const double *slope, double *out)
{
    for (size_t j = 0; j < p->map.n; j++) {
        out[j] = 0;
        for (size_t k = 0; k < p->law->n_params; k++) out[j] += p->map.t[k][j] * slope[k];
    }
}

/* ---- curvature -------------------------------------------------------------------- */

/* sum of psi' g g' by the free parameters; with width > 0 smoothed, else as it is. */
static void gauss_newton(const isg_problem *p, const isg_fit *fit, double width, matrix *out)
{
    double inside = width > fit->delta ? width : fit->delta;
    double factor = width > fit->delta ? fit->delta / width : 1;

    *out = (matrix){.n = p->map.n};
    for (size_t i = 0; i < p->rows.n; i++) {
        double slope[P], g[P];
        if (!(fabs(row_of(p, fit->theta, i, slope)) <= inside)) continue;
        to_free(p, slope, g);
        for (size_t a = 0; a < out->n; a++) {
            for (size_t b = 0; b < out->n; b++) out->at[a][b] += factor * g[a] * g[b];
        }
    }
}

/* Add what the law's own second derivatives give: exact Hessian - Gauss-Newton at that delta. */
static void add_law_curvature(const isg_problem *p, const isg_fit *fit, matrix *h)
{
    size_t full = p->law->n_params;
    double g[P], exact[P * P];
    matrix sharp;

    (void)p->law->eval(p->kernel, p->objective == ISG_LSQ, 2)(p->law, &p->rows, fit->theta,
                                                              fit->delta, g, exact);
    gauss_newton(p, fit, 0, &sharp);
    for (size_t a = 0; a < h->n; a++) {
        for (size_t b = 0; b < h->n; b++) {
            double sum = 0;
            for (size_t i = 0; i < full; i++) {
                for (size_t j = 0; j < full; j++)
                    sum += p->map.t[i][a] * exact[i * full + j] * p->map.t[j][b];
            }
            h->at[a][b] += sum - sharp.at[a][b];
        }
    }
}

/* In place by Cholesky's method, after scaling to a diagonal of ones; rows that are not in `in`
 * become zero. @return m->n, or the first row that depends on those before it; m is as it was */
static size_t invert(matrix *m, const bool *in)
{
    double l[P][P] = {{0}}, scale[P];
    size_t idx[P], n = 0;

    for (size_t j = 0; j < m->n; j++) {
        if (in[j]) idx[n++] = j;
    }
    for (size_t j = 0; j < n; j++) {
        double d = m->at[idx[j]][idx[j]];
        if (!(d > 0)) return idx[j];
        scale[j] = 1 / sqrt(d);
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            double u = m->at[idx[i]][idx[j]] * scale[i] * scale[j];
            for (size_t k = 0; k < j; k++) u -= l[i][k] * l[j][k];
            if (i == j && !(u > SINGULAR)) return idx[j];
            l[i][j] = i == j ? sqrt(u) : u / l[j][j];
        }
    }
    memset(m->at, 0, sizeof m->at);
    for (size_t c = 0; c < n; c++) { /* columns of the inverse */
        double x[P] = {0};
        for (size_t i = 0; i < n; i++) {
            x[i] = i == c;
            for (size_t k = 0; k < i; k++) x[i] -= l[i][k] * x[k];
            x[i] /= l[i][i];
        }
        for (size_t i = n; i-- > 0;) {
            for (size_t k = i + 1; k < n; k++) x[i] -= l[k][i] * x[k];
            x[i] /= l[i][i];
            m->at[idx[i]][idx[c]] = x[i] * scale[i] * scale[c];
        }
    }
    return m->n;
}

/* Of parameters that only together are determined one is held for each free direction: what the
 * data do determine does not depend on which. */
static bool invert_holding(matrix *m, const bool *in, size_t n_null)
{
    bool left[P];

    memcpy(left, in, m->n * sizeof *left);
    for (size_t held = 0; held <= n_null; held++) {
        size_t bad = invert(m, left);
        if (bad == m->n) return true;
        left[bad] = false;
    }
    return false;
}

/* Inverse of the curvature of the free parameters that are not at a bound. */
static bool curvature_inverse(const isg_problem *p, const isg_fit *fit, size_t keep, matrix *out)
{
    bool in[P], regular = true;
    double width = BANDWIDTH * fit->robust_sd * isg_exp(-0.2 * isg_ln((double)p->rows.n));

    for (size_t j = 0; j < p->map.n; j++) {
        size_t owner = p->map.owner[j];
        in[j] = !fit->at_bound[owner] || owner == keep;
        regular = regular && (owner != keep || !fit->at_bound[owner]);
    }
    gauss_newton(p, fit, width, out);
    if (regular) { /* at a bound the gradient is not zero, and the curvature of logs is made of it */
        add_law_curvature(p, fit, out);
        if (invert_holding(out, in, fit->n_null)) return true;
        gauss_newton(p, fit, width, out);
    }
    return invert_holding(out, in, fit->n_null);
}

/* ---- influence -------------------------------------------------------------------- */

/* Scores by the free parameters, [n_clusters][P]. */
static void add_scores(const isg_problem *p, const isg_fit *fit, const size_t *cluster,
                       double (*score)[P])
{
    for (size_t i = 0; i < p->rows.n; i++) {
        double slope[P], g[P], psi = psi_of(row_of(p, fit->theta, i, slope), fit->delta);
        to_free(p, slope, g);
        for (size_t j = 0; j < p->map.n; j++) score[cluster[i]][j] += psi * g[j];
    }
}

/* At the optimum scores add up to zero but for what is at a bound; kinks leave a rest. */
static void centre_scores(const isg_problem *p, size_t n_clusters, double (*score)[P])
{
    for (size_t j = 0; j < p->map.n; j++) {
        double sum = 0;
        for (size_t g = 0; g < n_clusters; g++) sum += score[g][j];
        for (size_t g = 0; g < n_clusters; g++) score[g][j] -= sum / (double)n_clusters;
    }
}

/* T v of the free parameters. */
static void to_theta(const isg_problem *p, const double *q, double *theta)
{
    for (size_t k = 0; k < p->law->n_params; k++) {
        theta[k] = 0;
        for (size_t j = 0; j < p->map.n; j++) theta[k] += p->map.t[k][j] * q[j];
    }
}

static void fill(const isg_problem *p, const matrix *inverse, const double (*score)[P],
                 isg_sandwich *s)
{
    const size_t np = s->n_params;
    double half[P][P], row[P], unit[P];

    for (size_t g = 0; g < s->n_clusters; g++) {
        for (size_t a = 0; a < p->map.n; a++) {
            row[a] = 0;
            for (size_t b = 0; b < p->map.n; b++) row[a] += inverse->at[a][b] * score[g][b];
        }
        to_theta(p, row, s->influence + g * np);
        for (size_t k = 0; k < np; k++)
            s->sd[k] += s->influence[g * np + k] * s->influence[g * np + k];
    }
    double factor = (double)s->n_clusters / ((double)s->n_clusters - 1);
    for (size_t k = 0; k < np; k++) s->sd[k] = sqrt(factor * s->sd[k]);
    for (size_t a = 0; a < p->map.n; a++) to_theta(p, inverse->at[a], half[a]);
    for (size_t k = 0; k < np; k++) { /* T (T H^-1)' */
        for (size_t a = 0; a < p->map.n; a++) row[a] = half[a][k];
        to_theta(p, row, unit);
        memcpy(s->h_inverse + k * np, unit, np * sizeof *unit);
    }
}

isg_err isg_sandwich_create(const isg_problem *p, const isg_fit *fit, const size_t *cluster,
                            size_t n_clusters, size_t keep, isg_sandwich **out)
{
    isg_sandwich *s = calloc(1, sizeof *s);
    double(*score)[P] = calloc(n_clusters + 1, sizeof *score);
    matrix inverse;

    *out = NULL;
    if (s) s->influence = calloc(n_clusters * p->law->n_params + 1, sizeof *s->influence);
    if (!s || !score || !s->influence) {
        isg_sandwich_destroy(&s);
        free(score);
        return ISG_FAIL(ISG_ENOMEM, "no memory for the influence of %zu clusters", n_clusters);
    }
    s->n_clusters = n_clusters;
    s->n_params = p->law->n_params;
    memcpy(s->theta, fit->theta, sizeof s->theta);
    s->usable = !p->first && n_clusters > 1 && curvature_inverse(p, fit, keep, &inverse);
    if (s->usable) {
        add_scores(p, fit, cluster, score);
        centre_scores(p, n_clusters, score);
        fill(p, &inverse, (const double(*)[P])score, s);
    }
    free(score);
    *out = s;
    return ISG_OK;
}

void isg_sandwich_destroy(isg_sandwich **sandwich)
{
    if (!*sandwich) return;
    free((*sandwich)->influence);
    free(*sandwich);
    *sandwich = NULL;
}

bool isg_sandwich_of(const isg_sandwich *s, const double *slope, isg_sandwich_number *out)
{
    double squares = 0, cubes = 0;
    const size_t np = s->n_params;

    *out = (isg_sandwich_number){0};
    if (!s->usable) return false;
    for (size_t g = 0; g < s->n_clusters; g++) {
        double l = 0;
        for (size_t k = 0; k < np; k++) l += slope[k] * s->influence[g * np + k];
        squares += l * l;
        cubes += l * l * l;
    }
    for (size_t k = 0; k < np; k++) {
        for (size_t j = 0; j < np; j++)
            out->model += slope[k] * s->h_inverse[k * np + j] * slope[j];
    }
    if (!(squares > 0) || !isfinite(squares)) return false;
    out->se = sqrt(squares * (double)s->n_clusters / ((double)s->n_clusters - 1));
    out->acceleration = cubes / (6 * squares * sqrt(squares));
    return true;
}
