#ifndef ISOGLOSS_COMPARE_H
#define ISOGLOSS_COMPARE_H

/**
 * Laws against each other on rows that none of them has seen. Errors are
 * ln L - ln L_pred; R² takes the mean of the held-out ln L (the stricter one)
 * and, for comparison with other work, also that of the training rows.
 */

#include "isogloss/fit.h"
#include "isogloss/split.h"

/** One law as it sees the rows: all rivals have the same rows in the same order. */
typedef struct isg_rival {
    const char *name;
    isg_fit_options fit;
    isg_obs obs;
    const double *given; /**< [n_params] natural: a published law, not refitted; else NULL */
} isg_rival;

enum { ISG_COMPARE_WHY = 200 };

/** What became of a law on a split. */
typedef struct isg_score {
    size_t folds, failed;      /**< refits; those that had too few rows or did not converge */
    char why[ISG_COMPARE_WHY]; /**< the first that failed: its reason; else "" */
    size_t scored;             /**< held-out rows with a prediction, over all folds */
    size_t rows, runs;         /**< different ones among them */
    double r2;          /**< 1 - sum of squares / about the held-out mean; pooled over folds */
    double r2_training; /**< the same about the training mean */
    double rmse, bias;  /**< root mean square and mean of the errors [ln loss] */
} isg_score;

typedef enum isg_verdict {
    ISG_VERDICT_NONE, /**< fewer clusters than ISG_COMPARE_MIN_CLUSTERS, no replicates, or nothing to compare */
    ISG_VERDICT_UNDECIDED,
    ISG_VERDICT_BETTER,
    ISG_VERDICT_WORSE
} isg_verdict;

const char *isg_verdict_name(isg_verdict verdict);

enum { ISG_COMPARE_MIN_CLUSTERS = 6 };

/** Mean squared error minus that of the first law, on the rows that both predict [(ln loss)^2]. */
typedef struct isg_paired {
    size_t rows, clusters;
    double difference;
    double se, lo, hi; /**< over resampled held-out clusters, the same draws for every law */
    isg_verdict verdict;
} isg_paired;

typedef struct isg_comparison {
    size_t n_rivals;
    isg_score *score;   /**< [n_rivals] */
    isg_paired *paired; /**< [n_rivals]; the first is the law compared with */
    double *error;      /**< [n_rivals][n_folds][rows] ln L - ln L_pred; NaN where not held out */
} isg_comparison;

typedef struct isg_compare_options {
    const size_t *cluster; /**< [rows] */
    size_t n_clusters;
    double level;
    size_t replicates;
    uint64_t seed;
} isg_compare_options;

/** Refit every rival on the rows that each fold leaves. @return ISG_OK; ISG_EUSAGE for what no
 * rows allow, such as parameters held at impossible values; ISG_ENOMEM */
isg_err isg_compare(const isg_rival *rivals, size_t n, const isg_split *split,
                    const isg_compare_options *options, isg_comparison **out);
void isg_comparison_destroy(isg_comparison **comparison);

/**
 * Fit `rival` to the rows of `obs` that are not held and predict the others.
 * @param held   [obs.n]
 * @param error  [obs.n] ln L - ln L_pred of held rows, NaN elsewhere
 * @param natural  [n_params] of the fit, or NULL
 * @return ISG_OK; ISG_EDATA when the rows left are too few or the fit did not converge; ISG_ENOMEM
 */
isg_err isg_holdout(const isg_rival *rival, const unsigned char *held, double *error,
                    double *natural);

#endif
