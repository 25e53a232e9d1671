#ifndef ISOGLOSS_TABLE_H
#define ISOGLOSS_TABLE_H

/**
 * A small data frame: named columns of numbers or text, one row per
 * observation. What a store exports tidily, what a CSV file is read into,
 * and what laws are fitted to.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct isg_column {
    char *name;
    bool numeric;   /**< every non-empty cell is a finite number (or nan, inf as written) */
    double *number; /**< [n_rows], NaN where empty; only if numeric */
    char **text;    /**< [n_rows], never NULL, "" where empty; always present */
} isg_column;

typedef struct isg_table {
    char *source;   /**< path or store it came from, for messages */
    size_t n_rows, n_columns;
    isg_column *columns;
    size_t *line;   /**< [n_rows] line in the source file, or row + 1 */
} isg_table;

/**
 * Read a CSV file: comma, semicolon or tab (found from the header), RFC 4180
 * quotes, LF or CRLF, byte-order mark. Errors name file, line and column.
 */
isg_err isg_table_read_csv(const char *path, isg_table **out);

/** Write as RFC 4180 CSV, 17 significant digits. */
isg_err isg_table_write_csv(const isg_table *table, FILE *out);

/** An empty table with `n_rows` rows; add columns, which copy their input. */
isg_err isg_table_create(const char *source, size_t n_rows, isg_table **out);
isg_err isg_table_add_numbers(isg_table *table, const char *name, const double *number);
isg_err isg_table_add_text(isg_table *table, const char *name, const char *const *text);

/** Column by name, or NULL. */
const isg_column *isg_table_column(const isg_table *table, const char *name);

void isg_table_destroy(isg_table **table);

#endif
