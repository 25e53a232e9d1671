#ifndef ISG_CLI_FIT_ARGS_H
#define ISG_CLI_FIT_ARGS_H

/** Options that every verb which fits has in common: what to select, which law, how to fit it. */

#include "isogloss/json.h"
#include "isogloss/opt.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct fit_args {
    const char *law, *n, *d, *loss, *unit, *metric, *target, *points, *cluster, *resample,
        *objective, *delta, *compat, *stages;
    const char *terms, *sources, *lambda, *transfer; /**< of law atlas */
    const char *by;
    isg_opt_list where, fix, tie, var, best_over, profile;
    uint64_t starts, starts_per_replicate, bootstrap, seed, drop_highest;
    double level;
    bool pool;
} fit_args;

/** Defaults of the options that have one. */
fit_args fit_args_defaults(void);

enum { FIT_ARGS_SELECT = 1, FIT_ARGS_LAW = 2, FIT_ARGS_BOOTSTRAP = 4, FIT_ARGS_ALL = 7 };

/**
 * Append the rows of the option table that fill `args` at rows[at], without an end row.
 * @param which  FIT_ARGS_* that this verb has
 * @return index behind the last
 */
size_t fit_args_rows(fit_args *args, int which, isg_opt *rows, size_t at);

/** Leave out options that a verb does not have. @param names  ended by NULL @return rows left */
size_t fit_args_without(isg_opt *rows, size_t n, const char *const *names);

enum { FIT_ARGS_ROWS = 64 }; /**< room for them and a verb's own */

extern const isg_opt fit_args_end; /**< the row that ends a table */

/** The options as they were given, so that the result can be made again. */
json_t *fit_args_json(const fit_args *args);

/** The items as strings. */
json_t *fit_args_words(const isg_opt_list *list);

/** Index of a word that the option table has checked. */
size_t fit_args_index(const char *word, const char *const *names);

extern const char *const fit_points_names[], *const fit_objective_names[];
extern const char *const fit_metric_names[];
extern const char *const fit_terms_names[], *const fit_lambda_names[];

#endif
