#ifndef ISOGLOSS_SEEDS_H
#define ISOGLOSS_SEEDS_H

/**
 * Intervals from a few seeds. With less than some eight runs an arm a resample
 * of runs covers too little; Student's t does not (it assumes normal noise).
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum isg_seeds_method {
    ISG_SEEDS_NONE,   /**< fewer than two seeds, or a denominator of mean 0: no interval */
    ISG_SEEDS_T,      /**< Student's t */
    ISG_SEEDS_WELCH,  /**< t with Welch's degrees of freedom; of a ratio by the delta method */
    ISG_SEEDS_FIELLER /**< of a ratio, where the denominator is noisy */
} isg_seeds_method;

const char *isg_seeds_method_name(isg_seeds_method method);

typedef struct isg_seeds_interval {
    isg_seeds_method method;
    double estimate;
    double se;      /**< of the estimate (of a ratio: delta method); 0 without an interval */
    double df;      /**< degrees of freedom */
    double lo, hi;  /**< of level; not set if unbounded or without an interval */
    bool unbounded; /**< the denominator may be zero: no bounded interval has the level */
} isg_seeds_interval;

/** Mean of x [n], n >= 1. @param level  0 < level < 1 */
isg_seeds_interval isg_seeds_mean(const double *x, size_t n, double level);

/** mean(a) - mean(b) of independent seeds, variances not taken as equal (Welch 1947). */
isg_seeds_interval isg_seeds_difference(const double *a, size_t n_a, const double *b, size_t n_b,
                                        double level);

/**
 * mean(a) / mean(b) of independent seeds. By the delta method, unless
 * g = (t se(mean b) / mean b)^2 exceeds 0.05: then by Fieller's theorem, with Welch's
 * degrees of freedom at the estimate.
 */
isg_seeds_interval isg_seeds_ratio(const double *a, size_t n_a, const double *b, size_t n_b,
                                   double level);

/** Spread of runs that differ in their seed alone. */
typedef struct isg_run_noise {
    size_t settings; /**< with at least two runs */
    size_t runs;     /**< of those settings */
    size_t df;       /**< runs - settings; 0: nothing is known */
    double sd;       /**< pooled standard deviation of ln loss within settings */
    double lo, hi;   /**< its interval: df sd^2 / sigma^2 is chi-squared under normal noise */
} isg_run_noise;

/**
 * Rows of one setting and different runs are seeds of each other.
 *
 * @param setting  [n] number of what the row has in common with its other seeds
 * @param run      [n] one row of a run counts, that of the highest `order`: points of a run
 *                 share its noise
 * @param order    [n] or NULL: the last
 * @param loss     [n] > 0
 * @return ISG_OK; ISG_ENOMEM
 */
isg_err isg_run_noise_of(const size_t *setting, const size_t *run, const double *order,
                         const double *loss, size_t n, double level, isg_run_noise *out);

#endif
