/* Newton with the exact Hessian, damped in the manner of Levenberg with a gain
 * ratio, inside box bounds (parameters at a bound that push outwards are held).
 * Cold starts go through falling values of delta: far from the optimum a wide
 * Huber loss is nearly quadratic, and its valley leads into that of the narrow
 * one (98 of 100 cold starts end at the best optimum; without, half). LAD is
 * the limit of small delta and goes the same way. */

#include "descend.h"

#include <math.h>
#include <string.h>

enum { P = ISG_LAW_PARAMS };

static const double STAGE = 0.2;                /* factor between stages */
static const double TOLERANCE = 1e-11;          /* Newton decrement, of the objective */
static const double COARSE = 1e-3, NEAR = 1e-2; /* the same of early stages, cold and from a scan */

static void reduce(const isg_map *m, size_t full, const double *g, const double *h, isg_point *at)
{
    for (size_t a = 0; a < m->n; a++) {
        double half[P];
        at->g[a] = 0;
        for (size_t i = 0; i < full; i++) at->g[a] += m->t[i][a] * g[i];
        for (size_t j = 0; j < full; j++) {
            half[j] = 0;
            for (size_t i = 0; i < full; i++) half[j] += m->t[i][a] * h[i * full + j];
        }
        for (size_t b = 0; b < m->n; b++) {
            double sum = 0;
            for (size_t j = 0; j < full; j++) sum += half[j] * m->t[j][b];
            at->h[a * m->n + b] = sum;
        }
    }
}

static void theta_of(const isg_descent *d, const double *q, double *theta)
{
    isg_map_theta(d->p, q, theta);
    if (d->held) memcpy(theta, d->held, d->p->law->n_first * sizeof *theta);
}

void isg_descent_evaluate(isg_descent *d, isg_point *at)
{
    const isg_law *law = d->p->law;
    isg_law_eval eval = law->eval(d->p->kernel, d->p->objective == ISG_LSQ, 2);

    d->evaluations++;
    if (d->p->map.identity) {
        at->f = eval(law, d->rows, at->q, d->delta, at->g, at->h);
    } else {
        double theta[P], g[P], h[P * P];
        theta_of(d, at->q, theta);
        at->f = eval(law, d->rows, theta, d->delta, g, h);
        reduce(&d->p->map, law->n_params, g, h, at);
    }
}

/* (H + lambda diag s) x = -g over the parameters in `idx`. @return false if not positive definite
 */
static bool solve(const isg_point *at, size_t n, const size_t *idx, size_t m, double lambda,
                  const double *s, double *x)
{
    double l[P][P];

    for (size_t j = 0; j < m; j++) {
        double pivot = at->h[idx[j] * n + idx[j]] + lambda * s[idx[j]], whole = fabs(pivot);
        for (size_t k = 0; k < j; k++) pivot -= l[j][k] * l[j][k];
        if (!(pivot > 1e-13 * whole)) return false;
        l[j][j] = sqrt(pivot);
        double inverse = 1 / l[j][j];
        for (size_t i = j + 1; i < m; i++) {
            double u = at->h[idx[i] * n + idx[j]];
            for (size_t k = 0; k < j; k++) u -= l[i][k] * l[j][k];
            l[i][j] = u * inverse;
        }
        double u = -at->g[idx[j]];
        for (size_t k = 0; k < j; k++) u -= l[j][k] * x[idx[k]];
        x[idx[j]] = u * inverse;
    }
    for (size_t j = m; j-- > 0;) {
        double u = x[idx[j]];
        for (size_t k = j + 1; k < m; k++) u -= l[k][j] * x[idx[k]];
        x[idx[j]] = u / l[j][j];
    }
    return true;
}

/* Parameters that may move: not at a bound that the descent pushes against. */
static size_t movable(const isg_map *m, const isg_point *at, size_t *idx)
{
    size_t n = 0;
    for (size_t j = 0; j < m->n; j++) {
        bool held =
            (at->q[j] <= m->lo[j] && at->g[j] > 0) || (at->q[j] >= m->hi[j] && at->g[j] < 0);
        if (!held) idx[n++] = j;
    }
    return n;
}

/* The step inside the bounds (at most 3 in any parameter) and what the quadratic model promises. */
static double bounded_step(const isg_map *m, const isg_point *at, const size_t *idx, size_t k,
                           const double *x, double *q)
{
    double longest = 0, step[P] = {0}, gain = 0;

    for (size_t j = 0; j < k; j++) longest = fmax(longest, fabs(x[idx[j]]));
    double scale = longest > 3 ? 3 / longest : 1;
    memcpy(q, at->q, m->n * sizeof *q);
    for (size_t j = 0; j < k; j++) {
        size_t i = idx[j];
        q[i] = fmin(fmax(at->q[i] + scale * x[i], m->lo[i]), m->hi[i]);
        step[i] = q[i] - at->q[i];
    }
    for (size_t a = 0; a < k; a++) {
        double row = 0;
        for (size_t b = 0; b < k; b++) row += at->h[idx[a] * m->n + idx[b]] * step[idx[b]];
        gain -= step[idx[a]] * (at->g[idx[a]] + 0.5 * row);
    }
    return gain;
}

/* One damped Newton step from `at`. */
typedef enum step_end { STEP_GOOD, STEP_CONVERGED, STEP_STUCK } step_end;

/* @param pair  the point, which the better one of the two takes, and a spare */
static step_end newton_step(isg_descent *d, isg_point *pair[2], double *lambda, double tolerance)
{
    const isg_map *m = &d->p->map;
    isg_point *at = pair[0], *next = pair[1];
    size_t idx[P], k = movable(m, at, idx);
    double s[P], x[P], decrement = 0;

    for (size_t j = 0; j < m->n; j++) s[j] = fabs(at->h[j * m->n + j]) + 1e-14;
    for (int tries = 0; !solve(at, m->n, idx, k, *lambda, s, x); tries++) {
        if (tries == 40) return STEP_STUCK;
        *lambda = *lambda > 0 ? *lambda * 8 : 1e-3;
    }
    for (size_t j = 0; j < k; j++) decrement -= at->g[idx[j]] * x[idx[j]];
    double gain = bounded_step(m, at, idx, k, x, next->q);
    bool small = decrement <= tolerance * at->f + d->floor && *lambda <= 1e-2;
    isg_descent_evaluate(d, next);
    if (next->f < at->f || (small && next->f <= at->f)) {
        double ratio = (at->f - next->f) / gain;
        if (ratio > 0.75)
            *lambda = *lambda < 1e-6 ? 0 : *lambda * 0.1;
        else if (!(ratio >= 0.25))
            *lambda = *lambda > 0 ? *lambda * 3 : 1e-3;
        pair[0] = next;
        pair[1] = at;
        return small ? STEP_CONVERGED : STEP_GOOD;
    }
    if (small || decrement <= 1e-13 * at->f + d->floor) return STEP_CONVERGED;
    *lambda = *lambda > 0 ? *lambda * 6 : 1e-2;
    return *lambda > 1e12 ? STEP_STUCK : STEP_GOOD;
}

static bool newton(isg_descent *d, double delta, isg_point *pair[2], int steps, double tolerance,
                   double lambda)
{
    d->delta = delta;
    isg_descent_evaluate(d, pair[0]);
    for (int i = 0; i < steps; i++) {
        step_end end = newton_step(d, pair, &lambda, tolerance);
        if (end != STEP_GOOD) return end == STEP_CONVERGED;
    }
    return false;
}

bool isg_has_no_delta(const isg_problem *p)
{
    return p->objective == ISG_LSQ || p->objective == ISG_LOG_LSQ;
}

double isg_next_stage(double delta)
{
    return delta * (delta > ISG_FIRST_DELTA ? STAGE : 2 * STAGE);
}

void isg_early_stage(isg_descent *d, double delta, isg_point *at[2], bool far)
{
    bool coarse = delta > ISG_FIRST_DELTA;
    double tolerance = !coarse ? 1e-13 : far ? COARSE : NEAR;
    (void)newton(d, delta, at, coarse ? 60 : 200, tolerance, coarse ? 1e-2 : 0);
}

void isg_follow(isg_descent *d, isg_point *at[2], double delta, double last, bool far, bool staged,
                int steps, isg_refit *out)
{
    for (; delta > 1.5 * last; delta = isg_next_stage(delta), staged = true)
        isg_early_stage(d, delta, at, far);
    out->converged = newton(d, last, at, steps, TOLERANCE, staged ? 1e-4 : 0);
    out->objective = at[0]->f;
    out->evaluations = d->evaluations;
    theta_of(d, at[0]->q, out->theta);
}

void isg_descend(const isg_problem *p, const isg_rows *rows, const double *held,
                 const double *theta, double first, double last, int steps, isg_refit *out)
{
    isg_descent d = {
        .p = p, .rows = rows, .held = held, .floor = ISG_OBJECTIVE_ROUNDING * (double)rows->n};
    isg_point points[2], *at[2] = {&points[0], &points[1]};

    isg_map_q(p, theta, at[0]->q);
    if (isg_has_no_delta(p)) first = last;
    isg_follow(&d, at, first, last, first >= ISG_COLD_DELTA, first > last, steps, out);
}

/* Point k of an additive quasi-random sequence with the generalised golden ratio. */
void isg_cold_start(const isg_problem *p, size_t k, double *theta)
{
    size_t n = p->law->n_params;
    double phi = 2;

    for (int i = 0; i < 40; i++)
        phi = isg_exp(isg_ln(1 + phi) / (double)(n + 1)); /* phi^(n+1) = 1 + phi */
    double step = 1;
    for (size_t j = 0; j < n; j++) {
        const isg_law_param *param = &p->law->params[j];
        step /= phi;
        double u = 0.5 + step * (double)(k + 1);
        u -= floor(u);
        theta[j] = (param->log && !param->free_scale ? p->log_loss_min : 0) + param->start_lo +
                   u * (param->start_hi - param->start_lo);
    }
}
