#ifndef ISG_CAMPAIGN_IMPORT_RUNS_H
#define ISG_CAMPAIGN_IMPORT_RUNS_H

/** What the two files that make runs of a table share. */

#include "isogloss/import.h"

enum { ISG_TAKEN = 0 }; /* of import_rows.left */

/** The rows of a table, sorted into runs, points and evaluations. Only rows with left[i] ==
 * ISG_TAKEN have a run, a point and an evaluation. */
typedef struct import_rows {
    const isg_table *t;
    const isg_column *run, *total, *rest, *d, *loss; /* total or rest may be NULL */
    unsigned char *left;                             /* [n_rows] 0 or 1 + index of a reason */
    size_t *run_of, *evaluation_of, *point_of;       /* [n_rows] */
    size_t *first_of_run, *first_of_evaluation;      /* [n_runs], [n_evaluations] rows */
    size_t *n_points;                                /* [n_runs] */
    double **tokens;                                 /* [n_runs][n_points] D, rising */
    size_t *owner; /* [n_runs][max_points][n_evaluations] row, or ISG_NO_RUN */
    size_t n_runs, n_evaluations, max_points, n_taken;
} import_rows;

extern const char *const isg_import_reasons[ISG_IMPORT_REASONS]; /**< of left - 1 */

/** @return ISG_OK; ISG_EINPUT for rows that contradict each other; ISG_EDATA without any row */
isg_err isg_import_sort(const isg_table *table, import_rows *out);
void isg_import_rows_clear(import_rows *rows);

/** Text of a column in a row; "" without the column. */
static inline const char *isg_import_text(const isg_column *c, size_t row)
{
    return c ? c->text[row] : "";
}

#endif
