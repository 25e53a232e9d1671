/* Full fits: starts from a scan and a quasi-random sequence, each led to its
 * optimum, and what is said of the best one. */

#include "alternatives.h"
#include "descend.h"
#include "order.h"
#include "workspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P = ISG_LAW_PARAMS, MAX_SCAN = 8, PER_SETTING = 2, MAX_STARTS = 64 };

static const double HUBER_TUNING = 1.345; /* 95 % efficient under normal noise */
static const double LEAST_DELTA = 1e-9;   /* data without noise */
static const double SAME_OPTIMUM = 1e-6;  /* relative, of the objective */
static const double SAME_VALLEY = 1e-3;   /* relative, of the objective of the first stage */

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
        isg_cold_start(p, k - s->n_scan, theta);
}

/* Where the first, widest stage of some start ended, and where it went from there. */
typedef struct valley {
    isg_point at;
    isg_refit end;
} valley;

enum { VALLEYS = 16 };

typedef struct valleys {
    size_t n;
    valley known[VALLEYS];
} valleys;

/* A valley whose bottom is this point, but for a thousandth of the objective. */
static const valley *find_valley(const valleys *v, const isg_point *at, size_t n)
{
    for (size_t k = 0; k < v->n; k++) {
        const isg_point *other = &v->known[k].at;
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
    isg_descent d = {.p = p,
                     .rows = &p->rows,
                     .held = held,
                     .floor = ISG_OBJECTIVE_ROUNDING * (double)p->rows.n};
    const double first = fmax(ISG_COLD_DELTA, last);
    isg_point points[2], *at[2] = {&points[0], &points[1]};

    if (isg_has_no_delta(p) || first <= 1.5 * last) {
        isg_descend(p, &p->rows, held, theta, first, last, ISG_DESCENT_STEPS, out);
        return;
    }
    isg_map_q(p, theta, at[0]->q);
    isg_early_stage(&d, first, at, true);
    const valley *known = find_valley(v, at[0], p->map.n);
    if (known) {
        *out = known->end;
        return;
    }
    const isg_point bottom = *at[0];
    isg_follow(&d, at, isg_next_stage(first), last, true, true, ISG_DESCENT_STEPS, out);
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
    double limit = best.objective * (1 + SAME_OPTIMUM) + ISG_OBJECTIVE_ROUNDING * (double)p->rows.n;
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

    *delta = p->delta > 0 && !lad ? p->delta : ISG_FIRST_DELTA;
    if (isg_has_no_delta(p)) *delta = INFINITY;
    if ((p->delta > 0 && !lad) || isg_has_no_delta(p)) return ISG_OK;
    ISG_TRY(all_starts(p, s, *delta, out));
    for (int round = 0; round < 2; round++) {
        isg_refit end;
        residual_scale(p, out->theta, scratch, out);
        *delta = fmax(HUBER_TUNING * out->robust_sd, LEAST_DELTA);
        isg_descend(p, &p->rows, s->held, out->theta, *delta, *delta, ISG_DESCENT_STEPS, &end);
        memcpy(out->theta, end.theta, sizeof end.theta);
    }
    if (lad) *delta = fmax(ISG_LAD_DELTA * out->robust_sd, ISG_LAD_DELTA * LEAST_DELTA);
    return ISG_OK;
}

/* Objective as the user knows it, from the kernel's. */
static double public_objective(const isg_problem *p, double f, double delta)
{
    if (p->objective == ISG_LAD) return f / delta;
    return isg_has_no_delta(p) ? 2 * f : f;
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
    isg_descent d = {
        .p = p, .rows = &p->rows, .held = p->first ? out->theta : NULL, .delta = out->delta};
    isg_point at;
    double norm = 0;

    isg_map_q(p, out->theta, at.q);
    isg_descent_evaluate(&d, &at);
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
