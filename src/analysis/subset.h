#ifndef ISG_ANALYSIS_SUBSET_H
#define ISG_ANALYSIS_SUBSET_H

/** Some rows of the observations as observations of their own. */

#include "isogloss/fit.h"

typedef struct isg_subset {
    isg_obs obs;
    size_t *row;     /**< [obs.n] of all */
    size_t *cluster; /**< [obs.n] 0 .. n_clusters-1; only where clusters were given */
    size_t n_clusters;
    double *memory;
} isg_subset;

/**
 * @param n_vars   variables to take
 * @param held     [all->n] 1: leave the row out
 * @param cluster  [all->n] in ascending order, or NULL
 * @return ISG_OK; ISG_ENOMEM. Clear it in any case.
 */
isg_err isg_subset_take(const isg_obs *all, size_t n_vars, const unsigned char *held,
                        const size_t *cluster, isg_subset *out);
void isg_subset_clear(isg_subset *subset);

#endif
