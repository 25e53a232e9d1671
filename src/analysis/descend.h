#ifndef ISG_ANALYSIS_DESCEND_H
#define ISG_ANALYSIS_DESCEND_H

#include "problem.h"

/**
 * One descent from a start to an optimum, what full fits (fit.c) and refits (refit.c) are made of.
 *
 * The objective is the kernel's; delta is that of the Huber loss, which falls in stages.
 */

enum { ISG_DESCENT_STEPS = 200 }; /**< at most, at the last delta */

static const double ISG_COLD_DELTA = 0.3;           /**< where cold starts begin [ln loss] */
static const double ISG_FIRST_DELTA = 1e-3;         /**< before the residuals are known */
static const double ISG_LAD_DELTA = 1e-6;           /**< times the robust sd */
static const double ISG_OBJECTIVE_ROUNDING = 1e-26; /**< objective of exact data, per row */

typedef struct isg_descent {
    const isg_problem *p;
    const isg_rows *rows;
    const double *held; /**< theta of the first of two stages, or NULL */
    double delta;
    double floor; /**< objectives below are rounding errors */
    size_t evaluations;
} isg_descent;

/** A place and what the objective does there; h is [n][n] of the n free parameters. */
typedef struct isg_point {
    double q[ISG_LAW_PARAMS], f, g[ISG_LAW_PARAMS], h[ISG_LAW_PARAMS * ISG_LAW_PARAMS];
} isg_point;

/** Fills f, g and h at at->q and d->delta. */
void isg_descent_evaluate(isg_descent *d, isg_point *at);

/** Squares have no delta. */
bool isg_has_no_delta(const isg_problem *p);

/** The stage that follows one at `delta`. */
double isg_next_stage(double delta);

/**
 * One stage that is not the last.
 * @param at   the point, which the better one of the two takes, and a spare
 * @param far  the start is a cold one, not a cell of a scan: a rough end will do
 */
void isg_early_stage(isg_descent *d, double delta, isg_point *at[2], bool far);

/** Through stages from `delta` to `last` and to the end there. @param staged  some went before */
void isg_follow(isg_descent *d, isg_point *at[2], double delta, double last, bool far, bool staged,
                int steps, isg_refit *out);

/**
 * From theta through stages of falling delta, the first being `first`, to `last`.
 * @param held   what the first of two stages found, or NULL
 * @param steps  at most, at `last`
 */
void isg_descend(const isg_problem *p, const isg_rows *rows, const double *held,
                 const double *theta, double first, double last, int steps, isg_refit *out);

/** Cold start k, theta [n_params]. */
void isg_cold_start(const isg_problem *p, size_t k, double *theta);

#endif
