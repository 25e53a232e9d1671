#ifndef ISOGLOSS_PROFILE_H
#define ISOGLOSS_PROFILE_H

/**
 * Profile interval of one parameter: the values at which it can be held, everything else
 * fitted anew, without the objective f rising by more than chance explains.
 *
 * The rise is scaled to W = 2 (f - f_min) c'H^-1 c / V, c'H^-1 c being the parameter's curvature
 * and V its cluster sandwich variance (isogloss/sandwich.h). For independent rows that is
 * 2 (f - f_min) E psi' / E psi^2, which is chi-squared with one degree of freedom; clusters
 * enter through V. The limit is the square of Student's t quantile with G - p degrees of freedom,
 * G clusters and p free parameters: V is an estimate, with G/(G - p) in place of G/(G - 1). The
 * parameter moves on the scale of its logarithm if it has one, so that the interval, unlike
 * estimate +- 2 standard errors, does not depend on how the parameter is written, and it may end at
 * a bound.
 *
 * It stands beside the percentile interval, never in its place: with 20 runs it covers less
 * (91 to 94 % against 96 to 97 %), at a bound no better than the one-sided percentile interval,
 * and with 60 runs they agree (docs/statistics.md, tests/stat/stat_profile.c).
 */

#include "isogloss/fit.h"

typedef enum isg_profile_end {
    ISG_PROFILE_CLOSED,
    ISG_PROFILE_BOUND, /**< W stays below the limit up to the parameter's bound: it is given */
    ISG_PROFILE_OPEN   /**< W stays below the limit as far as was searched */
} isg_profile_end;

typedef struct isg_profile {
    bool done;     /**< false: the parameter is held, not identified, or nothing determines V */
    double lo, hi; /**< natural; 0 where a logarithm has no lower end; not finite: no upper end */
    isg_profile_end below, above;
    double scale;  /**< W = scale * 2 (f - f_min) */
    bool improved; /**< a refit found a lower objective than the full fit */
    size_t refits;
} isg_profile;

/** What the problem of `fit` was made of. Borrowed. */
typedef struct isg_profile_of {
    const isg_fit_options *options;
    const isg_obs *obs;
    const isg_problem *problem;
    const isg_fit *fit;
    const size_t *cluster; /**< [rows] 0 .. n_clusters-1 */
    size_t n_clusters;
} isg_profile_of;

/**
 * @param param  index; one that is tied stands for the other
 * @param level  0 < level < 1
 * @return ISG_OK, also when there is none; ISG_ENOMEM
 */
isg_err isg_profile_param(const isg_profile_of *of, size_t param, double level, isg_profile *out);

#endif
