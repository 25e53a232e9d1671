#ifndef ISOGLOSS_SWEEPS_H
#define ISOGLOSS_SWEEPS_H

/**
 * Sweeps of settings such as learning rate and batch, of which only the best is fitted.
 *
 * A cell has all rows that agree in the variables of the law. A setting is what its rows have in
 * the columns of the sweep; rows of one setting are repetitions (seeds). The envelope of a cell
 * are the rows of the setting whose mean loss is least: the least loss over seeds would be too low.
 *
 * The best of a sweep is luck to some part. A replicate therefore chooses again: of every sweep
 * that it draws it draws the runs, with replacement, and takes the envelope of those.
 */

#include "isogloss/law.h"
#include "isogloss/rng.h"

#include <stdint.h>

/** Rows in order of sweep, cell and setting. */
typedef struct isg_sweeps {
    size_t n;                  /**< rows of all settings */
    double *var[ISG_LAW_VARS]; /**< [n] each, as law->vars */
    double *loss;              /**< [n] */
    size_t *cell;              /**< [n] 0 .. n_cells-1, in ascending order */
    size_t *setting;           /**< [n] 0 .. n_settings-1, in ascending order */
    size_t *run;               /**< [n] 0 .. n_runs-1; those of a sweep follow each other */
    size_t n_cells, n_settings, n_runs, n_sweeps;
    size_t *first_row; /**< [n_sweeps + 1] */
    size_t *first_run; /**< [n_sweeps + 1] */
    size_t *kept;      /**< [n_sweeps] one of its rows on the envelope, in the selection */
    size_t alone;      /**< cells with one setting only */
} isg_sweeps;

/**
 * Weights of one cell's rows: those of the best setting share the number of its rows, the others
 * have none.
 * @param first, end  rows of the cell
 * @param count   [n_runs] how often each run was drawn
 * @param weights [n] added to
 */
void isg_sweeps_envelope(const isg_sweeps *sweeps, size_t first, size_t end, const uint32_t *count,
                         double *weights);

/**
 * Weights of one replicate.
 * @param cluster  [rows of the selection] what is drawn; a sweep is in one of them
 * @param drawn    [clusters] how often
 * @param rng      from which the runs are drawn
 * @param count    [n_runs] scratch
 * @param weights  [n]
 */
void isg_sweeps_draw(const isg_sweeps *sweeps, const size_t *cluster, const uint32_t *drawn,
                     isg_rng *rng, uint32_t *count, double *weights);

void isg_sweeps_destroy(isg_sweeps **sweeps);

#endif
