#ifndef ISG_ANALYSIS_SELECTING_H
#define ISG_ANALYSIS_SELECTING_H

/**
 * A selection in the making, shared by the files select*.c. A row is kept, unasked for (--where
 * and the like) or excluded with a reason.
 */

#include "isogloss/select.h"
#include "runs.h"

/** What became of a row. */
enum {
    ISG_ROW_KEPT,  /**< 0, as isg_columns_values() wants it */
    ISG_ROW_OTHER, /**< not asked for */
    ISG_ROW_NO_LOSS,
    ISG_ROW_BAD_LOSS,
    ISG_ROW_MIXED,
    ISG_ROW_HIGHEST,
    ISG_ROW_NOT_COOLED,
    ISG_ROW_REPEATED,
    ISG_ROW_NOT_TARGET,
    ISG_ROW_BAD_VAR, /**< variable 0 of the law; then the others */
    ISG_ROW_STATES = ISG_ROW_BAD_VAR + ISG_LAW_VARS
};

/** N, D or the loss. */
typedef struct isg_quantity {
    char *text;               /**< column or expression */
    const isg_column *column; /**< NULL: an expression */
    double *number;           /**< [n_rows] */
} isg_quantity;

typedef struct isg_selecting {
    const isg_table *t;
    const isg_select_options *o;
    const isg_law *law;
    isg_selection *s;
    isg_quantity n, d, loss;
    bool no_d;                 /**< the law knows no D and the table has none: d is 1 */
    double *var[ISG_LAW_VARS]; /**< [n_rows] */
    bool *of_size, *of_run;    /**< [n_columns] N is read from it; it may differ inside a run */
    bool *of_law;              /**< [n_columns] a variable of the law is read from it */
    bool *crossed;             /**< [n_columns] differs where N, D and the variables repeat */
    const isg_column *run, *cluster;
    size_t *sweep_of;     /**< [n_rows] with --best-over: its sweep */
    unsigned char *state; /**< [n_rows] */
    const char **run_key; /**< [n_rows], of rows that are kept */
    char *made;           /**< memory of keys put together here */
    bool pseudo_runs;     /**< guessed: there is no run_id */
    size_t asked;         /**< rows before points are chosen */
    isg_runs guess;
    bool campaign; /**< a store's runs, from the store or from a table exported of it */
    char *own; /**< of a campaign: settings that its trainer has by itself, a blank behind each */
    isg_run_columns names; /**< of rows of stores */
} isg_selecting;

/** One kept row. */
typedef struct isg_item {
    const isg_selecting *of;
    const char *cluster, *run;
    double n, d, loss;
    size_t row;
} isg_item;

/** The rows kept. @param items  [rows kept] @return how many */
size_t isg_items_collect(const isg_selecting *w, isg_item *items);
/** By run, N, D, loss and the law's variables. */
int isg_item_by_run(const void *a, const void *b);
/** The same run, N and D? */
bool isg_item_same_point(const isg_item *a, const isg_item *b);

/** The column if it is there and has a filled cell, else NULL. */
const isg_column *isg_selecting_filled(const isg_table *table, const char *name);
size_t isg_selecting_kept(const isg_selecting *w);
/** Takes the text; NULL: out of memory. */
isg_err isg_selecting_note(isg_selecting *w, char *text);
/** Append to what is doubtful; takes the text. NULL: out of memory. */
isg_err isg_selecting_warn(isg_selecting *w, char *text);
bool isg_selecting_names_evaluation(const char *column);
/** Which language's losses a row has: its eval_language, else the target, else "". */
const char *isg_selecting_language(const isg_selecting *w, const isg_column *language, size_t row);

/* select_where.c: what the user asks for */
isg_err isg_selecting_by(isg_selecting *w);
isg_err isg_selecting_where(isg_selecting *w);
isg_err isg_selecting_target(isg_selecting *w);
/** Keep rows whose cell has the text. @param option  as the user wrote it, for messages */
isg_err isg_selecting_equal(isg_selecting *w, const char *option, const char *column,
                            const char *value);
/** Did the user name several values of the column, or of one that it follows, to be taken together? */
bool isg_selecting_chosen(const isg_selecting *w, const isg_column *column);
/** The same of the column alone. */
bool isg_selecting_named(const isg_selecting *w, const isg_column *column);
/** Has the column one value only, empty cells aside, with each value of `chosen` among the rows kept? */
bool isg_selecting_follows(const isg_selecting *w, const isg_column *column,
                           const isg_column *chosen);
/** Where a language has an evaluation of its own name, others of it (CODE.pages) are not asked for
 * unless they are named. */
isg_err isg_selecting_main(isg_selecting *w);
bool isg_selecting_asks_for(const isg_selecting *w, const char *column);

/* select_metric.c: losses in the metric that is asked for */
/** Convert w->loss; rows whose text has no constant are not asked for. */
isg_err isg_selecting_metric(isg_selecting *w);
/** Metric and offset of the observations. @param row  [n] of the table */
isg_err isg_selecting_offset(isg_selecting *w, const size_t *row, size_t n);
/** A column with a constant of the evaluated text? */
bool isg_selecting_is_constant(const char *column);

/* select_exclude.c: rows that cannot be used */
bool isg_selecting_is_campaign(const isg_selecting *w);
void isg_selecting_exclude_losses(isg_selecting *w);
/** Of a law of one language: runs trained on it and nothing else. */
isg_err isg_selecting_monolingual(isg_selecting *w);
isg_err isg_selecting_note_repeats(isg_selecting *w);
isg_err isg_selecting_leave_out_repeated(isg_selecting *w);
isg_err isg_selecting_drop_highest(isg_selecting *w);
isg_err isg_selecting_list_excluded(isg_selecting *w);

/** What row `row` goes by, if it is of a store: into (*names)[at], made for n. */
isg_err isg_selecting_name_row(const isg_selecting *w, size_t row, size_t at, size_t n,
                               isg_run_name **names);

/* select_points.c: runs and which of their points */
isg_err isg_selecting_name_runs(isg_selecting *w);
isg_err isg_selecting_points(isg_selecting *w);

/* select_vars.c: N, D, the loss and the law's variables */
isg_err isg_selecting_find(isg_selecting *w);
isg_err isg_selecting_vars(isg_selecting *w);
/** Exclude rows that lack one or have one that is not allowed. */
void isg_selecting_exclude_vars(isg_selecting *w);

/* select_refuse.c: what must not be pooled. @param items  [n], reordered */
isg_err isg_selecting_comparable(isg_selecting *w, isg_item *items, size_t n);

/** Is the column one of --best-over? */
bool isg_selecting_is_swept(const isg_selecting *w, const char *column);

/* select_recipe.c: how the runs of a campaign were made */
/** Find w->own. */
isg_err isg_selecting_find_own(isg_selecting *w);
/** A column that says so? */
bool isg_selecting_is_recipe(const isg_selecting *w, const isg_column *column);
/**
 * Describe the columns by which the items were made in different ways, and warn of what is only
 * doubtful: files that do not say, another instruction set, what differs along with a choice.
 * @param first  stays, or becomes the first of them if it was NULL
 */
isg_err isg_selecting_list_recipes(isg_selecting *w, const isg_item *items, size_t n, isg_str *to,
                                   const char **first);

/* select_crossed.c: factors that are crossed with N, D and the law's variables */
/** Find them: w->crossed. Seeds and other replicates are none. @param items  [n], reordered */
isg_err isg_selecting_crossed(isg_selecting *w, isg_item *items, size_t n);
/** A column that holds a setting of training by its name, such as lr? */
bool isg_selecting_is_setting(const char *column);
/** A column that is always looked at, by its name: evaluation, unit, ... */
bool isg_selecting_is_separator(const isg_column *column);
/** A column that tells seeds or other replicates apart by its name? */
bool isg_selecting_is_replicate(const char *column);
/** Number what each row has in common with its seeds besides N, D and the variables: what is
 * crossed, and the columns that are always looked at. @param setting  [n], as s->row */
isg_err isg_selecting_settings(const isg_selecting *w, size_t *setting);

/** Are two rows of one evaluation, corpus and unit? */
bool isg_selecting_alike(const isg_selecting *w, size_t a, size_t b);
/** The table's tokens of a language, or its weights; NULL if it has neither. */
const isg_column *isg_selecting_share(const isg_table *table, const char *language);

/** Is the column one of N, D, the loss or a variable of the law? */
bool isg_selecting_explained(const isg_selecting *w, const isg_column *column);

/**
 * select_sweep.c: keep the best of each sweep among the items, which are in order of runs, and call
 * the clusters of all that is drawn together alike.
 * @param n  items before, and those that are left after
 */
isg_err isg_selecting_sweeps(isg_selecting *w, isg_item *items, size_t *n);

/* select_group.c: ways to resample. @param items  [n] in the order of the observations */
isg_err isg_selecting_groupings(isg_selecting *w, const isg_item *items, size_t n);

#endif
