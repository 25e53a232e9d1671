/* Refits of resamples: warm from the full fit, from a scan, from cold starts, the
 * best of them; and the memory they work in. */

#include "descend.h"
#include "workspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P = ISG_LAW_PARAMS, PATIENT_STEPS = 2000, RESCUES = 8 };

static const double SCAN_STAGES = 20; /* a scan's cell begins at this times the last delta */
static const double SAME_SUM = 1e-7;  /* relative, of two ends of LAD */

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
    return p->objective == ISG_LAD ? full->delta / ISG_LAD_DELTA : full->delta;
}

void isg_fit_from(const isg_problem *p, isg_workspace *w, const isg_fit *full,
                  const double *weights, const double *theta, isg_refit *out)
{
    (void)pack(p, w, weights);
    isg_descend(p, &w->rows, p->first ? theta : NULL, theta, fmax(ISG_COLD_DELTA, full->delta),
                full->delta, ISG_DESCENT_STEPS, out);
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

    isg_descend(p, &w->rows, held, out->theta, warm_delta(p, full), full->delta, PATIENT_STEPS,
                &other);
    take_better(out, &other);
    for (size_t k = 0; k < RESCUES && !out->converged; k++) {
        double theta[P];
        isg_cold_start(p, k, theta);
        isg_descend(p, &w->rows, held, theta, fmax(ISG_COLD_DELTA, full->delta), full->delta,
                    ISG_DESCENT_STEPS, &other);
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
        isg_descend(p, &w->rows, held, full->theta, warm_delta(p, full), full->delta,
                    ISG_DESCENT_STEPS, out);
    if (scan) {
        memcpy(w->weights, weights, p->rows.n * sizeof *weights);
        for (size_t i = p->rows.n; i < p->rows.blocks * ISG_LANES; i++) w->weights[i] = 0;
        if (isg_scan_find(scan, w->weights, w->scratch, 1, 1, cell, rss)) {
            isg_descend(p, &w->rows, held, cell[0], SCAN_STAGES * warm_delta(p, full), full->delta,
                        ISG_DESCENT_STEPS, &other);
            take_better(out, &other);
        }
    }
    for (size_t k = 0; k < options->cold_starts; k++) {
        double theta[P];
        isg_cold_start(p, k, theta);
        isg_descend(p, &w->rows, held, theta, fmax(ISG_COLD_DELTA, full->delta), full->delta,
                    ISG_DESCENT_STEPS, &other);
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
