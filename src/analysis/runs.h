#ifndef ISOGLOSS_ANALYSIS_RUNS_H
#define ISOGLOSS_ANALYSIS_RUNS_H

/** Which rows of a table without run_id are points of one run. */

#include "isogloss/table.h"

/** What is looked at. Borrowed. */
typedef struct isg_runs_in {
    const isg_table *table;
    const size_t *row; /**< [n] rows of the table that are selected */
    size_t n;
    const double *d;  /**< [table->n_rows] tokens */
    const bool *size; /**< [n_columns] columns that N is read from */
    const bool *free; /**< [n_columns] columns of D and the loss: they may differ inside a run */
} isg_runs_in;

typedef struct isg_runs {
    size_t *run; /**< [n] number of the run of each selected row; the same for shuffled rows */
    size_t n;
    const isg_column *name;  /**< a text column that alone tells runs apart, also those of one N */
    const isg_column *alike; /**< nearly every row is its own run, but texts repeat here */
    char *along;  /**< columns that follow D inside runs and tell none apart; "" if none */
    char *apart;  /**< with `alike`: the columns that differ although it does not */
    bool swapped; /**< with `alike`: D is constant where it repeats and N is not */
} isg_runs;

/**
 * Rows equal in all but D, the loss and columns that follow D (steps, FLOPs, hours: strictly
 * monotone in D wherever the other columns are equal) are one run.
 * Caller frees with isg_runs_clear(), also after a failure.
 * @return ISG_OK; ISG_ENOMEM.
 */
isg_err isg_runs_guess(const isg_runs_in *in, isg_runs *out);
void isg_runs_clear(isg_runs *runs);

#endif
