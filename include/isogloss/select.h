#ifndef ISOGLOSS_SELECT_H
#define ISOGLOSS_SELECT_H

/**
 * From a table to the observations of one fit. Nothing incomparable is pooled:
 * one evaluation of one target, cooled last points, one row for a run and D;
 * otherwise the columns that separate the rows are named and nothing is fitted.
 *
 * Rows are put into an order of their own (cluster, run, N, D, loss): the order
 * in the file does not matter.
 */

#include "isogloss/fit.h"
#include "isogloss/metric.h"
#include "isogloss/sweeps.h"
#include "isogloss/table.h"

typedef enum isg_points {
    ISG_POINTS_AUTO,   /**< final where columns tell runs or last points, else all */
    ISG_POINTS_FINAL,  /**< the last point of each run, when it is cooled */
    ISG_POINTS_STABLE, /**< taken at a constant learning rate */
    ISG_POINTS_ALL
} isg_points;

/** NULL and 0 are the defaults. Strings are borrowed. */
typedef struct isg_select_options {
    const isg_law *law; /**< whose variables are wanted; NULL: chinchilla */
    const char *const
        *var; /**< [n_var] "NAME=COL": column or expression of a variable of the law */
    size_t n_var;
    const char *n;            /**< "total", "nonembedding", a column or an expression (expr.h) */
    const char *d;            /**< column or expression, default D_tokens: all tokens of the run */
    const char *loss;         /**< column or expression, default loss */
    const char *unit;         /**< of the loss */
    isg_metric metric;        /**< that the losses are converted to */
    const char *target;       /**< value of the column evaluation, eval_language or eval_set */
    const char *cluster;      /**< column; default cluster_id, else run_id */
    const char *const *where; /**< "col=value", "col=a|b" for a or b, and !=, <, <=, >, >= */
    size_t n_where;
    const char *by, *by_value; /**< one group of --by */
    isg_points points;
    bool pool;  /**< mix rows that columns separate */
    bool rows;  /**< every row is a cluster */
    bool store; /**< a campaign's own runs: unless the law is of mixtures, only those trained on
                     the target alone; a table with n_languages and tokens_LANG or weight_LANG is
                     taken the same way */
    const char *const *best_over; /**< [n_best_over] columns of settings: only the best is fitted */
    size_t n_best_over;
    size_t drop_highest; /**< leave out this many rows of highest loss */
} isg_select_options;

enum { ISG_SELECT_RUN = 64 };

/** What an observation of a store goes by: its run (isg_table_run), cut to fit; "" of other rows,
 * which have a line. */
typedef struct isg_run_name {
    char text[ISG_SELECT_RUN];
} isg_run_name;

typedef struct isg_excluded {
    char *reason;
    size_t n;
    size_t *line;      /**< [n] in the source; 0: a row of a store */
    isg_run_name *run; /**< [n]; NULL: all rows have lines */
} isg_excluded;

enum { ISG_EXCLUDED_KINDS = 12 + ISG_LAW_VARS, ISG_SELECT_NOTES = 12, ISG_GROUPINGS = 3 };

/**
 * One way to resample: rows of one group are drawn together. Sizes and compute are taken by run
 * (a run's compute is that at its last point), so that a run is never torn apart: their groups are
 * levels, each a value around which many runs lie, and the runs within 0.5 % (N) or a factor 4/3
 * (C) of it. Made for designs whose runs share sizes or budgets, exactly or up to rounding.
 */
typedef struct isg_grouping {
    char *name;      /**< "run", "row", "size", "compute", "sweep", or the column of --cluster */
    char *unit;      /**< what a group is, for people: "run_id", "N equal within 0.5 %" */
    size_t *cluster; /**< [rows] 0 .. n-1 */
    size_t n;
} isg_grouping;

typedef struct isg_selection {
    size_t n;                  /**< observations */
    double *var[ISG_LAW_VARS]; /**< [n] each, as law->vars */
    double *loss;              /**< [n] */
    size_t *cluster;           /**< [n] */
    size_t *line;              /**< [n] in the source; 0: a row of a store */
    isg_run_name *run;         /**< [n]; NULL: all rows have lines */
    size_t *row;               /**< [n] of the table */
    size_t *setting; /**< [n] equal where rows differ in replicates (seeds) at most, besides
                                    the variables and columns of free-running numbers */
    size_t n_clusters;
    /** [0] is the one above, then size and compute where they make two groups or more, and others
     * than an earlier grouping */
    isg_grouping grouping[ISG_GROUPINGS];
    size_t n_groupings;
    isg_sweeps *sweeps; /**< with best_over, else NULL: the rows of all settings; those above are
                             the envelope, and a cluster has whole sweeps */
    size_t n_read;      /**< rows of the table */
    size_t n_other;     /**< rows that --where, --by, --target and --points did not ask for */
    char *n_column, *d_column, *loss_column; /**< column or expression; D "" if the law has none */
    char *var_from[ISG_LAW_VARS];            /**< as law->vars: column or expression; "": zero */
    const char *n_kind; /**< "total", "non-embedding" or "" if the column does not say */
    char *unit;         /**< "" if unknown, "mixed" where --pool mixes */
    isg_metric metric;
    double offset;      /**< to be added to losses and to E where they are shown: not 0 for
                             ISG_METRIC_UNIGRAM, whose losses are fitted in bits per byte */
    char *target;       /**< "" if there is only one */
    char *cluster_unit; /**< what is resampled: "run_id", "row", ... */
    char *points;       /**< which points, in words */
    isg_excluded excluded[ISG_EXCLUDED_KINDS];
    size_t n_excluded;
    char *note[ISG_SELECT_NOTES]; /**< what was done, in sentences */
    size_t n_notes;
    char *warning; /**< what is doubtful about the runs, or NULL */
} isg_selection;

/**
 * @return ISG_OK; ISG_EINPUT for rows that must not be pooled or cells that are
 * no numbers, naming columns or lines; ISG_EUSAGE for unknown columns and values,
 * naming the nearest; ISG_EDATA if nothing is left; ISG_ENOMEM.
 */
isg_err isg_select(const isg_table *table, const isg_select_options *options, isg_selection **out);
void isg_selection_destroy(isg_selection **selection);

/**
 * Append which rows: "lines 3, 5, ...", or of a store "runs 1a2b3c4d, ...", each once.
 * @param at     [n] indices into line and run; NULL: the first n
 * @param run    NULL: all rows have lines
 * @param shown  at most so many are written
 */
isg_err isg_select_places(const size_t *line, const isg_run_name *run, const size_t *at, size_t n,
                          size_t shown, isg_str *to);

/** A setting that campaigns have by themselves, such as lr, by the name of its column? */
bool isg_select_knows_setting(const char *column);

/** The column that holds the losses: `given`, if it is a column; "loss"; else the first with a usual
 * name, such as val_loss. NULL: there is none. Borrowed. */
const char *isg_select_loss(const isg_table *table, const char *given);

/**
 * Which rows hold all conditions ("col=value" and !=, <, <=, >, >=)?
 * @param keep  [n_rows] becomes 1 or 0
 * @return ISG_OK; ISG_EUSAGE for unknown columns, and if no row is left
 */
isg_err isg_select_where(const isg_table *table, const char *const *where, size_t n,
                         unsigned char *keep);

/** The values of the column options->by among the rows that options->where and target ask for, in
 * order of their text. Borrowed texts; caller frees the array. */
isg_err isg_select_groups(const isg_table *table, const isg_select_options *options,
                          const char ***out, size_t *n);

#endif
