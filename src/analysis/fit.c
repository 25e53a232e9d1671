/* The optimiser. Newton with the exact Hessian, damped in the manner of
 * Levenberg with a gain ratio, inside box bounds (parameters at a bound that
 * push outwards are held). Cold starts go through falling values of delta: far
 * from the optimum a wide Huber loss is nearly quadratic, and its valley leads
 * into that of the narrow one (98 of 100 cold starts end at the best optimum;
 * without, half). LAD is the limit of small delta and goes the same way. */

#include "alternatives.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    P = ISG_LAW_PARAMS,
    MAX_SCAN = 8,
    PER_SETTING = 2,
    MAX_STARTS = 64,
    STEPS = 200,
    PATIENT_STEPS = 2000,
    RESCUES = 8
};

static const double COLD_DELTA = 0.3;     /* where cold starts begin [ln loss] */
static const double STAGE = 0.2;          /* factor between stages */
static const double SCAN_STAGES = 20;     /* a scan's cell begins at this times the last delta */
static const double HUBER_TUNING = 1.345; /* 95 % efficient under normal noise */
static const double FIRST_DELTA = 1e-3;   /* before the residuals are known */
static const double LEAST_DELTA = 1e-9;   /* data without noise */
static const double LAD_DELTA = 1e-6;     /* times the robust sd */
static const double SAME_OPTIMUM = 1e-6;  /* relative, of the objective */
static const double SAME_SUM = 1e-7;      /* relative, of two ends of LAD */
static const double TOLERANCE = 1e-11;    /* Newton decrement, of the objective */
static const double COARSE = 1e-3, NEAR = 1e-2; /* the same of early stages, cold and from a scan */
static const double SAME_VALLEY = 1e-3;         /* relative, of the objective of the first stage */
static const double ROUNDING = 1e-26;           /* objective of exact data, per row */

struct isg_workspace {
    isg_rows rows; /* packed: only rows with weight */
    double *memory;
    double *weights; /* padded copy for the scan */
    double *scratch; /* of the scan */
    isg_scan *scan;  /* of a law with further parameters, at those of scan_theta */
    double scan_theta[P];
    size_t *seen; /* [distinct] stamp of the last resample that had it */
    size_t stamp;
    struct isg_workspace *first; /* of the first of two stages, NULL without */
    double *first_weights;       /* [rows of the first stage] */
};

static isg_err create_first(const isg_problem *p, isg_workspace *w)
{
    w->first_weights = calloc(p->first->rows.n, sizeof *w->first_weights);
    if (!w->first_weights)
        return ISG_FAIL(ISG_ENOMEM, "no memory for a workspace of %zu rows", p->first->rows.n);
    return isg_workspace_create(p->first, &w->first);
}

isg_err isg_workspace_create(const isg_problem *p, isg_workspace **out)
{
    isg_workspace *w = calloc(1, sizeof *w);
    size_t blocks = p->rows.blocks, stride = blocks * ISG_LANES;

    *out = NULL;
    if (!w) return ISG_FAIL(ISG_ENOMEM, "no memory for a workspace");
    w->memory = isg_lanes_alloc(blocks * (p->law->n_vars + 2));
    w->weights = isg_lanes_alloc(blocks);
    w->scratch = isg_lanes_alloc(isg_scan_work(blocks));
    w->seen = calloc(p->n_distinct, sizeof *w->seen);
    if (!w->memory || !w->weights || !w->scratch || !w->seen) {
        isg_workspace_destroy(&w);
        return ISG_FAIL(ISG_ENOMEM, "no memory for a workspace of %zu rows", p->rows.n);
    }
    w->rows.y = w->memory;
    w->rows.w = w->memory + stride;
    for (size_t k = 0; k < p->law->n_vars; k++) w->rows.x[k] = w->memory + (2 + k) * stride;
    if (p->first) {
        isg_err rc = create_first(p, w);
        if (rc) isg_workspace_destroy(&w);
        if (rc) return rc;
    }
    *out = w;
    return ISG_OK;
}

void isg_workspace_destroy(isg_workspace **workspace)
{
    isg_workspace *w = *workspace;
    if (!w) return;
    isg_scan_destroy(&w->scan);
    isg_workspace_destroy(&w->first);
    free(w->first_weights);
    free(w->memory);
    free(w->weights);
    free(w->scratch);
    free(w->seen);
    free(w);
    *workspace = NULL;
}

/* ---- the objective in the free parameters -------------------------------------- */

typedef struct descent {
    const isg_problem *p;
    const isg_rows *rows;
    const double *held; /* theta of the first of two stages, or NULL */
    double delta;
    double floor; /* objectives below are rounding errors */
    size_t evaluations;
} descent;

typedef struct point {
    double q[P], f, g[P], h[P * P]; /* h is [n][n] */
} point;

static void reduce(const isg_map *m, size_t full, const double *g, const double *h, point *at)
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

static void theta_of(const descent *d, const double *q, double *theta)
{
    isg_map_theta(d->p, q, theta);
    if (d->held) memcpy(theta, d->held, d->p->law->n_first * sizeof *theta);
}

static void evaluate(descent *d, point *at)
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
static bool solve(const point *at, size_t n, const size_t *idx, size_t m, double lambda,
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
static size_t movable(const isg_map *m, const point *at, size_t *idx)
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
static double bounded_step(const isg_map *m, const point *at, const size_t *idx, size_t k,
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
static step_end newton_step(descent *d, point *pair[2], double *lambda, double tolerance)
{
    const isg_map *m = &d->p->map;
    point *at = pair[0], *next = pair[1];
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
    evaluate(d, next);
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

static bool newton(descent *d, double delta, point *pair[2], int steps, double tolerance,
                   double lambda)
{
    d->delta = delta;
    evaluate(d, pair[0]);
    for (int i = 0; i < steps; i++) {
        step_end end = newton_step(d, pair, &lambda, tolerance);
        if (end != STEP_GOOD) return end == STEP_CONVERGED;
    }
    return false;
}

/* Squares have none. */
static bool has_no_delta(const isg_problem *p)
{
    return p->objective == ISG_LSQ || p->objective == ISG_LOG_LSQ;
}

static double next_stage(double delta)
{
    return delta * (delta > FIRST_DELTA ? STAGE : 2 * STAGE);
}

static void early_stage(descent *d, double delta, point *at[2], double tolerance)
{
    bool coarse = delta > FIRST_DELTA;
    (void)newton(d, delta, at, coarse ? 60 : 200, coarse ? tolerance : 1e-13, coarse ? 1e-2 : 0);
}

/* Through stages from `delta` to `last` and to the end there. @param staged  some went before */
static void follow(descent *d, point *at[2], double delta, double last, double early, bool staged,
                   int steps, isg_refit *out)
{
    for (; delta > 1.5 * last; delta = next_stage(delta), staged = true)
        early_stage(d, delta, at, early);
    out->converged = newton(d, last, at, steps, TOLERANCE, staged ? 1e-4 : 0);
    out->objective = at[0]->f;
    out->evaluations = d->evaluations;
    theta_of(d, at[0]->q, out->theta);
}

/* From theta through stages of falling delta, the first being `first`, to `last`.
 * @param held   what the first of two stages found, or NULL
 * @param steps  at most, at `last` */
static void descend_for(const isg_problem *p, const isg_rows *rows, const double *held,
                        const double *theta, double first, double last, int steps, isg_refit *out)
{
    descent d = {.p = p, .rows = rows, .held = held, .floor = ROUNDING * (double)rows->n};
    point points[2], *at[2] = {&points[0], &points[1]};

    isg_map_q(p, theta, at[0]->q);
    if (has_no_delta(p)) first = last;
    follow(&d, at, first, last, first < COLD_DELTA ? NEAR : COARSE, first > last, steps, out);
}

static void descend(const isg_problem *p, const isg_rows *rows, const double *held,
                    const double *theta, double first, double last, isg_refit *out)
{
    descend_for(p, rows, held, theta, first, last, STEPS, out);
}

/* ---- full fit --------------------------------------------------------------------- */

/* Point k of an additive quasi-random sequence with the generalised golden ratio. */
static void cold_start(const isg_problem *p, size_t k, double *theta)
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

/* Robust sd and root mean square of ln L - ln L_pred. @param r  [n] scratch */
static void residual_scale(const isg_problem *p, const double *theta, double *r, isg_fit *out)
{
    double squares = 0;
    size_t n = p->rows.n;

    for (size_t i = 0; i < n; i++) {
        double x[ISG_LAW_VARS];
        for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
        r[i] = isg_ln(p->loss[i]) - p->law->log_loss(p->law, theta, x, NULL);
        squares += r[i] * r[i];
    }
    double middle = isg_median(r, n);
    for (size_t i = 0; i < n; i++) r[i] = fabs(r[i] - middle);
    out->robust_sd = 1.4826 * isg_median(r, n);
    out->rms = sqrt(squares / (double)n);
}

typedef struct starts {
    double theta[MAX_STARTS][P];
    size_t n_scan;      /* of theta */
    const double *held; /* of the first of two stages, or NULL */
    isg_refit *ends;    /* [n_scan + cold starts] where each of them ended */
} starts;

static void theta_of_start(const isg_problem *p, const starts *s, size_t k, double *theta)
{
    if (k < s->n_scan)
        memcpy(theta, s->theta[k], p->law->n_params * sizeof *theta);
    else
        cold_start(p, k - s->n_scan, theta);
}

/* Where the first, widest stage of some start ended, and where it went from there. */
typedef struct valley {
    point at;
    isg_refit end;
} valley;

enum { VALLEYS = 16 };

typedef struct valleys {
    size_t n;
    valley known[VALLEYS];
} valleys;

/* A valley whose bottom is this point, but for a thousandth of the objective. */
static const valley *find_valley(const valleys *v, const point *at, size_t n)
{
    for (size_t k = 0; k < v->n; k++) {
        const point *other = &v->known[k].at;
        double squares = 0;
        for (size_t a = 0; a < n; a++) {
            for (size_t b = 0; b < n; b++)
                squares +=
                    (at->q[a] - other->q[a]) * other->h[a * n + b] * (at->q[b] - other->q[b]);
        }
        if (squares >= 0 && squares <= 2 * SAME_VALLEY * other->f &&
            fabs(at->f - other->f) <= SAME_VALLEY * other->f)
            return &v->known[k];
    }
    return NULL;
}

/* One start of the full fit. Nearly all meet at the end of the first stage, where the objective
 * is smooth: those go on as one. */
static void descend_once(const isg_problem *p, const double *held, const double *theta, double last,
                         valleys *v, isg_refit *out)
{
    descent d = {.p = p, .rows = &p->rows, .held = held, .floor = ROUNDING * (double)p->rows.n};
    const double first = fmax(COLD_DELTA, last);
    point points[2], *at[2] = {&points[0], &points[1]};

    if (has_no_delta(p) || first <= 1.5 * last) {
        descend(p, &p->rows, held, theta, first, last, out);
        return;
    }
    isg_map_q(p, theta, at[0]->q);
    early_stage(&d, first, at, COARSE);
    const valley *known = find_valley(v, at[0], p->map.n);
    if (known) {
        *out = known->end;
        return;
    }
    const point bottom = *at[0];
    follow(&d, at, next_stage(first), last, COARSE, true, STEPS, out);
    if (v->n < VALLEYS && bottom.f > 0) v->known[v->n++] = (valley){.at = bottom, .end = *out};
}

static isg_err all_starts(const isg_problem *p, const starts *s, double delta, isg_fit *out)
{
    const size_t n = s->n_scan + p->cold_starts;
    const isg_refit *ends = s->ends;
    valleys *v = calloc(1, sizeof *v);
    isg_refit best = {.objective = INFINITY};

    if (!v) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu starts", n);
    for (size_t k = 0; k < n; k++) {
        double theta[P];
        theta_of_start(p, s, k, theta);
        descend_once(p, s->held, theta, delta, v, &s->ends[k]);
        if (ends[k].objective < best.objective) best = ends[k];
    }
    free(v);
    double limit = best.objective * (1 + SAME_OPTIMUM) + ROUNDING * (double)p->rows.n;
    out->starts = n;
    out->at_best = 0;
    out->has_runner_up = false;
    for (size_t k = 0; k < n; k++) {
        const double f = ends[k].objective;
        if (f <= limit) {
            out->at_best++;
        } else if (isfinite(f) && (!out->has_runner_up || f < out->runner_up)) {
            out->has_runner_up = true;
            out->runner_up = f;
        }
    }
    if (!(best.objective < (double)INFINITY))
        return ISG_FAIL(ISG_EDATA, "no start led to a finite objective");
    memcpy(out->theta, best.theta, sizeof best.theta);
    out->objective = best.objective;
    out->converged = best.converged;
    out->delta = delta;
    return ISG_OK;
}

/* Delta from the residuals, in two rounds from a narrow Huber fit. */
static isg_err find_delta(const isg_problem *p, const starts *s, double *scratch, double *delta,
                          isg_fit *out)
{
    bool lad = p->objective == ISG_LAD;

    *delta = p->delta > 0 && !lad ? p->delta : FIRST_DELTA;
    if (has_no_delta(p)) *delta = INFINITY;
    if ((p->delta > 0 && !lad) || has_no_delta(p)) return ISG_OK;
    ISG_TRY(all_starts(p, s, *delta, out));
    for (int round = 0; round < 2; round++) {
        isg_refit end;
        residual_scale(p, out->theta, scratch, out);
        *delta = fmax(HUBER_TUNING * out->robust_sd, LEAST_DELTA);
        descend(p, &p->rows, s->held, out->theta, *delta, *delta, &end);
        memcpy(out->theta, end.theta, sizeof end.theta);
    }
    if (lad) *delta = fmax(LAD_DELTA * out->robust_sd, LAD_DELTA * LEAST_DELTA);
    return ISG_OK;
}

/* Objective as the user knows it, from the kernel's. */
static double public_objective(const isg_problem *p, double f, double delta)
{
    if (p->objective == ISG_LAD) return f / delta;
    return has_no_delta(p) ? 2 * f : f;
}

static size_t count_guarded(const isg_problem *p, const double *theta)
{
    size_t n = 0;

    for (size_t i = 0; i < p->rows.n && p->law->guarded; i++) {
        double x[ISG_LAW_VARS];
        for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
        n += p->law->guarded(p->law, theta, x);
    }
    return n;
}

static isg_err describe(const isg_problem *p, double *scratch, isg_fit *out)
{
    descent d = {
        .p = p, .rows = &p->rows, .held = p->first ? out->theta : NULL, .delta = out->delta};
    point at;
    double norm = 0;

    isg_map_q(p, out->theta, at.q);
    evaluate(&d, &at);
    for (size_t j = 0; j < p->law->n_params; j++) {
        out->free[j] = false;
        out->at_bound[j] = isg_problem_at_bound(p, out->theta, j);
    }
    for (size_t j = 0; j < p->map.n; j++) {
        out->free[p->map.owner[j]] = true;
        if (!out->at_bound[p->map.owner[j]]) norm += at.g[j] * at.g[j];
    }
    out->gradient_norm = public_objective(p, sqrt(norm), out->delta);
    out->objective = public_objective(p, out->objective, out->delta);
    if (out->has_runner_up) out->runner_up = public_objective(p, out->runner_up, out->delta);
    residual_scale(p, out->theta, scratch, out);
    out->guarded = count_guarded(p, out->theta);
    isg_problem_natural(p, out->theta, out->natural);
    return isg_identify(p, out);
}

/* Scans at the law's own settings of its further parameters, as the constraints leave them. */
static isg_err scan_settings(const isg_problem *p, isg_workspace *w, starts *s)
{
    double theta[P] = {0}, last[P], q[P], rss[PER_SETTING];

    for (size_t k = 0; p->law->setting(p->law, k, theta); k++) {
        isg_scan *scan = NULL;
        isg_map_q(p, theta, q);
        isg_map_theta(p, q, theta);
        if (k && !memcmp(theta + 5, last + 5, (p->law->n_params - 5) * sizeof *theta)) continue;
        memcpy(last, theta, sizeof last);
        if (s->n_scan + PER_SETTING > MAX_STARTS) break;
        ISG_TRY(isg_problem_scan_at(p, theta, &scan));
        s->n_scan +=
            isg_scan_find(scan, p->rows.w, w->scratch, 3, PER_SETTING, s->theta + s->n_scan, rss);
        isg_scan_destroy(&scan);
    }
    return ISG_OK;
}

static isg_err scan_starts(const isg_problem *p, isg_workspace *w, starts *s)
{
    double rss[MAX_SCAN];

    if (s->held) {
        while (s->n_scan < MAX_STARTS && p->law->setting(p->law, s->n_scan, s->theta[s->n_scan]))
            s->n_scan++;
        return ISG_OK;
    }
    if (isg_problem_scans_at(p)) return scan_settings(p, w, s);
    if (p->scan)
        s->n_scan = isg_scan_find(p->scan, p->rows.w, w->scratch, 3, MAX_SCAN, s->theta, rss);
    return ISG_OK;
}

/* @param held  what the first of two stages found, or NULL */
static isg_err full_fit(const isg_problem *p, isg_workspace *w, const double *held, isg_fit *out)
{
    starts s = {.held = held};
    double delta = 0;

    *out = (isg_fit){0};
    ISG_TRY(scan_starts(p, w, &s));
    if (!s.n_scan && !p->cold_starts) {
        return ISG_FAIL(ISG_EDATA, "the scan found no start with positive terms; give --starts");
    }
    const size_t n = s.n_scan + p->cold_starts;
    s.ends = calloc(n, sizeof *s.ends);
    if (!s.ends) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu starts", n);
    isg_err rc = find_delta(p, &s, w->weights, &delta, out);
    if (!rc) rc = all_starts(p, &s, delta, out);
    const double best = out->objective;
    if (!rc) rc = describe(p, w->weights, out);
    if (!rc) isg_alternatives(p, s.ends, n, best, out);
    if (!rc) isg_far_rows(p, out);
    free(s.ends);
    return rc;
}

isg_err isg_fit_full(const isg_problem *p, isg_workspace *w, isg_fit *out)
{
    isg_fit first;

    if (!p->first) return full_fit(p, w, NULL, out);
    ISG_TRY(full_fit(p->first, w->first, NULL, &first));
    ISG_TRY(full_fit(p, w, first.theta, out));
    isg_stages_merge(p, &first, out);
    return ISG_OK;
}

/* ---- refits --------------------------------------------------------------------------- */

/* Only rows with weight, in their order. @return different tuples of variables among them */
static size_t pack(const isg_problem *p, isg_workspace *w, const double *weights)
{
    isg_rows *to = &w->rows;
    size_t m = 0, distinct = 0;

    w->stamp++;
    for (size_t i = 0; i < p->rows.n; i++) {
        if (!(weights[i] > 0)) continue;
        for (size_t k = 0; k < p->law->n_vars; k++) to->x[k][m] = p->rows.x[k][i];
        to->y[m] = p->rows.y[i];
        to->w[m++] = weights[i];
        size_t *seen = &w->seen[p->distinct[i]];
        distinct += *seen != w->stamp;
        *seen = w->stamp;
    }
    to->n = m;
    to->blocks = (m + ISG_LANES - 1) / ISG_LANES;
    for (; m < to->blocks * ISG_LANES; m++) {
        for (size_t k = 0; k < p->law->n_vars; k++) to->x[k][m] = to->x[k][0];
        to->y[m] = to->w[m] = 0;
    }
    return distinct;
}

/* LAD needs stages even from a good start: its last delta is a millionth of the noise. */
static double warm_delta(const isg_problem *p, const isg_fit *full)
{
    return p->objective == ISG_LAD ? full->delta / LAD_DELTA : full->delta;
}

void isg_fit_from(const isg_problem *p, isg_workspace *w, const isg_fit *full,
                  const double *weights, const double *theta, isg_refit *out)
{
    (void)pack(p, w, weights);
    descend(p, &w->rows, p->first ? theta : NULL, theta, fmax(COLD_DELTA, full->delta), full->delta,
            out);
}

/* The scan of refits: at the further parameters of the full fit. NULL: the law has none. */
static isg_err refit_scan(const isg_problem *p, isg_workspace *w, const isg_fit *full,
                          const isg_scan **out)
{
    const size_t bytes = p->law->n_params * sizeof *full->theta;

    *out = p->scan;
    if (!isg_problem_scans_at(p)) return ISG_OK;
    if (!w->scan || memcmp(w->scan_theta, full->theta, bytes) != 0) {
        isg_scan_destroy(&w->scan);
        ISG_TRY(isg_problem_scan_at(p, full->theta, &w->scan));
        memcpy(w->scan_theta, full->theta, bytes);
    }
    *out = w->scan;
    return ISG_OK;
}

/* Keep the better end of two descents; evaluations add up. */
static void take_better(isg_refit *best, const isg_refit *other)
{
    size_t evaluations = best->evaluations + other->evaluations;
    if (other->objective < best->objective ||
        (other->converged && !best->converged && other->objective <= best->objective))
        *best = *other;
    best->evaluations = evaluations;
}

/* The kinks of LAD may throw a descent between sets of zero residuals for ever; two that come from
 * afar to the same sum are at the optimum. */
static bool agree(const isg_problem *p, const isg_refit *a, const isg_refit *b)
{
    return p->objective == ISG_LAD &&
           fabs(a->objective - b->objective) <= SAME_SUM * fabs(a->objective);
}

/* What has not converged creeps along a curved valley (an exponent that goes to zero makes its
 * term a second E): go on with patience, then from elsewhere. */
static void rescue(const isg_problem *p, isg_workspace *w, const isg_fit *full, const double *held,
                   isg_refit *out)
{
    isg_refit other;

    descend_for(p, &w->rows, held, out->theta, warm_delta(p, full), full->delta, PATIENT_STEPS,
                &other);
    take_better(out, &other);
    for (size_t k = 0; k < RESCUES && !out->converged; k++) {
        double theta[P];
        cold_start(p, k, theta);
        descend(p, &w->rows, held, theta, fmax(COLD_DELTA, full->delta), full->delta, &other);
        bool same = agree(p, out, &other);
        take_better(out, &other);
        out->converged = out->converged || same;
    }
}

/* One stage. @param held  what the first of two stages found, or NULL */
static isg_err refit(const isg_problem *p, isg_workspace *w, const isg_fit *full,
                     const double *weights, const isg_refit_options *options, const double *held,
                     isg_refit *out)
{
    const isg_scan *scan = NULL;
    isg_refit other;
    double cell[1][P], rss[1];

    *out = (isg_refit){.objective = INFINITY};
    if (pack(p, w, weights) < p->map.n) return ISG_OK;
    if ((options->start & ISG_START_SCAN) && !held) ISG_TRY(refit_scan(p, w, full, &scan));
    if ((options->start & ISG_START_WARM) || !scan)
        descend(p, &w->rows, held, full->theta, warm_delta(p, full), full->delta, out);
    if (scan) {
        memcpy(w->weights, weights, p->rows.n * sizeof *weights);
        for (size_t i = p->rows.n; i < p->rows.blocks * ISG_LANES; i++) w->weights[i] = 0;
        if (isg_scan_find(scan, w->weights, w->scratch, 1, 1, cell, rss)) {
            descend(p, &w->rows, held, cell[0], SCAN_STAGES * warm_delta(p, full), full->delta,
                    &other);
            take_better(out, &other);
        }
    }
    for (size_t k = 0; k < options->cold_starts; k++) {
        double theta[P];
        cold_start(p, k, theta);
        descend(p, &w->rows, held, theta, fmax(COLD_DELTA, full->delta), full->delta, &other);
        take_better(out, &other);
    }
    if (!out->converged) rescue(p, w, full, held, out);
    return ISG_OK;
}

isg_err isg_fit_refit(const isg_problem *p, isg_workspace *w, const isg_fit *full,
                      const double *weights, const isg_refit_options *options, isg_refit *out)
{
    isg_fit first = {.delta = full->first_delta};
    isg_refit end;

    if (!p->first) return refit(p, w, full, weights, options, NULL, out);
    *out = (isg_refit){.objective = INFINITY};
    memcpy(first.theta, full->theta, p->law->n_params * sizeof *first.theta);
    isg_stages_weights(p, weights, w->first_weights);
    ISG_TRY(refit(p->first, w->first, &first, w->first_weights, options, NULL, &end));
    if (!isfinite(end.objective)) return ISG_OK;
    ISG_TRY(refit(p, w, full, weights, options, end.theta, out));
    out->converged = out->converged && end.converged;
    out->evaluations += end.evaluations;
    return ISG_OK;
}
