#ifndef ISG_ANALYSIS_ALTERNATIVES_H
#define ISG_ANALYSIS_ALTERNATIVES_H

#include "problem.h"

/**
 * Other optima among the ends [n] of the full fit's starts. What takes another value in one that
 * fits equally well is not identified; parameters after the fifth neither where it fits nearly as
 * well (deviance under 3.84). Fills has_alternative and what belongs to it.
 * @param best  the least objective of the ends
 */
void isg_alternatives(const isg_problem *problem, const isg_refit *ends, size_t n, double best,
                      isg_fit *fit);

/** Rows more than ten robust standard deviations off: n_far and far. */
void isg_far_rows(const isg_problem *problem, isg_fit *fit);

#endif
