#ifndef ISG_RUN_SYNTHETIC_H
#define ISG_RUN_SYNTHETIC_H

/**
 * The synthetic trainer: losses from a stated law, with noise, for tests and
 * studies. It runs inside the worker and depends on the plan alone.
 *
 * At a point with D tokens of the evaluation's language (those of the parent
 * runs and of the trunk included, at least 1), a model of N parameters (all)
 * scores
 *
 *     L = (E + A / N^alpha + B / D^beta) exp(s_run z_run + s_point z_point)
 *
 * where z_run is drawn once a run and evaluation (runs that share a trunk share
 * it too), z_point at every point, and both are keyed by the run's id. Shards scatter around L, their mean is L.
 */

#include "isogloss/plan.h"
#include "isogloss/store.h"

#include <stddef.h>

typedef struct isg_synthetic isg_synthetic;

/** Read laws and noise out of the plan. @return ISG_ESPEC if an evaluation has no law */
isg_err isg_synthetic_create(const isg_plan *plan, isg_synthetic **out);
void isg_synthetic_destroy(isg_synthetic **synthetic);

/** The whole curve of a run. @param out  now the caller's */
isg_err isg_synthetic_run(const isg_synthetic *synthetic, size_t run, isg_result **out);

/** How long it lasts: seconds_per_run + FLOPs / speed, as the campaign says [s]. */
double isg_synthetic_seconds(const isg_synthetic *synthetic, size_t run);

#endif
