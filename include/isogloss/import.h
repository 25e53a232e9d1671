#ifndef ISOGLOSS_IMPORT_H
#define ISOGLOSS_IMPORT_H

/**
 * Runs made elsewhere, from a table to a plan with its results: what
 * `isogloss import` puts into a store. Three steps, each on the last one's
 * result:
 *
 *   isg_import_map_*   which column or expression is what (docs/import.md)
 *   isg_import_table   the source under the names of the tidy table, one row a loss
 *   isg_import_runs    runs, points and evaluations; rows that cannot be taken
 */

#include "isogloss/plan.h"
#include "isogloss/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* ---- the map ---------------------------------------------------------------------- */

/** One column of the result: where it comes from. */
typedef struct isg_import_item {
    char *name; /**< column of the tidy table ("D_tokens", "tokens_de"), or the evaluation of a wide
                     table */
    char *source; /**< column or expression; with `constant` the text itself */
    char *where;  /**< "map.yaml:3:11" or "--d", for messages */
    bool text;    /**< names rather than numbers */
    bool constant;
    bool language; /**< tokens or unique tokens of a language */
} isg_import_item;

typedef struct isg_import_map {
    char *
        text; /**< the file as given, or one that says the same as the options; kept in the store */
    char *unit; /**< of every loss; "" if it was not said */
    isg_import_item *items;
    size_t n_items;
    isg_import_item *losses; /**< of a wide table: one column for each evaluation */
    size_t n_losses;
    bool keep_all; /**< no `keep:`: every further column */
    char **where;  /**< [n_where] "column=value" */
    size_t n_where;
} isg_import_map;

/** Options of the command line that stand for a short map; NULL: the usual name. */
typedef struct isg_import_options {
    const char *run_id, *n, *d, *loss, *unit;
    const char *const *where;
    size_t n_where;
} isg_import_options;

/**
 * @param text  the YAML; @param name  file name for messages
 * @param options  given beside the map, they win over it; or NULL
 * @return ISG_OK; ISG_ESPEC with file:line:column and the nearest key; ISG_ENOMEM
 */
isg_err isg_import_map_read(const char *text, size_t n, const char *name,
                            const isg_import_options *options, isg_import_map **out);
/** The map of a table with the usual names. */
isg_err isg_import_map_default(const isg_import_options *options, isg_import_map **out);
void isg_import_map_destroy(isg_import_map **map);

/** Every key with what it means, as a Markdown table (docs/import.md). */
void isg_import_map_help(FILE *out);

/* ---- the table ---------------------------------------------------------------------- */

/**
 * The source under the names of the tidy table: columns of the map, then those
 * that are kept. A wide table gives as many rows a row as it has losses. Lines
 * are those of the source; cells that are no expression are kept as they are.
 *
 * @param source  already filtered by the map's `where`
 * @param note    what was done that nobody asked for, in sentences
 * @return ISG_OK; ISG_EUSAGE for columns and expressions; ISG_EINPUT for a cell
 * that is no number, naming its line; ISG_ENOMEM
 */
isg_err isg_import_table(const isg_import_map *map, const isg_table *source, isg_str *note,
                         isg_table **out);

/* ---- the runs ------------------------------------------------------------------------ */

/** What a column depends on. */
typedef enum isg_level {
    ISG_LEVEL_RUN,
    ISG_LEVEL_EVALUATION,
    ISG_LEVEL_POINT,
    ISG_LEVEL_OBSERVATION
} isg_level;

typedef struct isg_foreign_column {
    const char *name; /**< of the tidy table */
    isg_level level;
    double *number;    /**< [cells of the level] NaN where missing; NULL: text */
    const char **text; /**< [cells of the level] "" where missing; NULL: numbers. Borrowed texts */
} isg_foreign_column;

typedef struct isg_import_left {
    const char *reason; /**< static */
    size_t n;
    size_t *line; /**< [n] in the source */
} isg_import_left;

enum { ISG_IMPORT_REASONS = 8 };

typedef struct isg_foreign {
    isg_plan *plan;    /**< trainer "import"; unknown shapes are 0 */
    const char **name; /**< [n_runs] as the source calls them; borrowed from the table */
    double *loss;      /**< [n_runs][max_points][n_evaluations], NaN where missing */
    double *seen;      /**< [n_runs][max_points][n_languages] tokens, NaN where not said */
    isg_foreign_column *columns; /**< in the order of the table, without run_id and loss */
    size_t n_columns;
    size_t n_rows, n_taken;
    isg_import_left left[ISG_IMPORT_REASONS]; /**< rows that were not taken */
    size_t n_left;
    char *warning; /**< what is doubtful about the numbers, or NULL */
} isg_foreign;

/** Who made the runs known: part of every run id. */
typedef struct isg_import_source {
    const char *name;        /**< of the campaign; a word */
    const char *fingerprint; /**< SHA-256 over the files and the map, 64 hex digits */
} isg_import_source;

/**
 * @param table  from isg_import_table(), with a column run_id; must outlive the result
 * @return ISG_OK; ISG_EINPUT naming two lines that contradict each other (a run with two sizes,
 * two losses of one evaluation at one D); ISG_EDATA if no row is left; ISG_ENOMEM
 */
isg_err isg_import_runs(const isg_table *table, const isg_import_map *map,
                        const isg_import_source *source, isg_foreign **out);
void isg_foreign_destroy(isg_foreign **foreign);

/** Cells of a level: runs, evaluations, runs x points, runs x points x evaluations. */
size_t isg_foreign_cells(const isg_plan *plan, isg_level level);

#endif
