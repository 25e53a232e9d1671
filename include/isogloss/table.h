#ifndef ISOGLOSS_TABLE_H
#define ISOGLOSS_TABLE_H

/**
 * A small data frame: named columns of numbers or text, one row per
 * observation. What a store exports tidily, what a CSV file is read into,
 * and what laws are fitted to.
 */

#include "isogloss/err.h"
#include "isogloss/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct isg_column {
    char *name;
    bool
        numeric; /**< at least one cell is filled, and every filled cell is one (isg_table_number) */
    double *number; /**< [n_rows], NaN where empty; only if numeric */
    char **text;    /**< [n_rows], never NULL, "" where empty; always present; rows may share one */
    char *bytes;    /**< memory of the texts, or NULL when the table holds it */
} isg_column;

typedef struct isg_table {
    char *source; /**< path or store it came from, for messages */
    size_t n_rows, n_columns;
    isg_column *columns;
    size_t *line; /**< [n_rows] line in the source file, or row + 1; 0: a row of a store */
    char **files; /**< [n_files] of joined tables; NULL: there is one source */
    size_t n_files;
    size_t *file; /**< [n_rows] which of them; NULL without `files` */
    char *bytes;  /**< memory of the texts read from a file */
} isg_table;

/**
 * Read a CSV file: comma, semicolon or tab (found from the header, or said by
 * a line "sep=;" before it), RFC 4180 quotes, lines that end in LF, CRLF or CR,
 * UTF-8 with or without a byte-order mark. Spaces around unquoted cells are
 * dropped, empty lines skipped, a column without a name is called "column K".
 *
 * Decimal commas are read as such where a comma separates nothing, no number
 * of the file has a point, and at least one comma cannot stand before
 * thousands (2,5 or 0,125); otherwise such cells stay text.
 *
 * @return ISG_OK; ISG_EINPUT with FILE:LINE:COLUMN (column in bytes) for text
 * that is not a rectangular table, and for files of other kinds (compressed,
 * spreadsheets), with the remedy; ISG_EIO; ISG_ENOMEM.
 */
isg_err isg_table_read_csv(const char *path, isg_table **out);

/** The same of a text that was read already. @param text  taken over, empty afterwards */
isg_err isg_table_parse_csv(isg_str *text, const char *source, isg_table **out);

/** Write as RFC 4180 CSV; numbers with as many digits as reading them back exactly takes. */
isg_err isg_table_write_csv(const isg_table *table, FILE *out);

/** An empty table with `n_rows` rows; add columns, which copy their input. */
isg_err isg_table_create(const char *source, size_t n_rows, isg_table **out);
/** @param number [n_rows]; NaN becomes an empty cell */
isg_err isg_table_add_numbers(isg_table *table, const char *name, const double *number);
/** @param text [n_rows], no NULL. The column is numeric if its texts are numbers. */
isg_err isg_table_add_text(isg_table *table, const char *name, const char *const *text);

/** Its rows come from a store: they have runs, not lines. */
void isg_table_forget_lines(isg_table *table);

enum { ISG_PLACE_BYTES = 512 };

/** Which row, for messages: "line 17", "line 17 of FILE" of joined tables, or, of a store,
 * "run 1a2b3c4d". @param out  [ISG_PLACE_BYTES], returned */
const char *isg_table_place(const isg_table *table, size_t row, char *out);

/** The same with its file before it: "FILE:17" or "STORE: run 1a2b3c4d". @param out  as above */
const char *isg_table_at(const isg_table *table, size_t row, char *out);

/** What a row of a store goes by: the name of an imported run, else the run's id; NULL: none. */
const char *isg_table_run(const isg_table *table, size_t row);

/** Where that stands, to be looked up once for many rows. */
typedef struct isg_run_columns {
    const isg_column *name, *id; /**< NULL: there is none */
} isg_run_columns;

isg_run_columns isg_table_run_columns(const isg_table *table);
const char *isg_table_run_by(const isg_table *table, isg_run_columns columns, size_t row);

/** Digits of it that are shown: the first 8 of an id, all of a name. */
int isg_table_run_digits(const char *run);

/**
 * The rows of several tables below each other; columns by name, cells that a
 * table does not have are empty. @param tables [n], n >= 1
 */
isg_err isg_table_join(const isg_table *const *tables, size_t n, isg_table **out);

/** Is a cell a number, nan, inf or a word for a missing one (NA, None, null)? */
bool isg_table_number(const char *text, double *out);

/** Column by name, or NULL. */
const isg_column *isg_table_column(const isg_table *table, const char *name);

/** The first of several names, separated by blanks, of a column that is there and not empty; NULL. */
const isg_column *isg_table_first(const isg_table *table, const char *names);
bool isg_column_is_filled(const isg_table *table, const isg_column *column);

/** Append the names of the columns, of many the first, for messages. */
isg_err isg_table_list_columns(const isg_table *table, isg_str *out);

/** ISG_EUSAGE: the user gave `name` with `option`; names the nearest column, else all of them. */
isg_err isg_table_unknown(const isg_table *table, const char *name, const char *option);

/**
 * Is every filled cell of the column a number? The column may be empty.
 * @return ISG_OK; ISG_EINPUT with line and text of the first cell that is none and how to write it
 */
isg_err isg_table_all_numbers(const isg_table *table, const isg_column *column);

void isg_table_destroy(isg_table **table);

#endif
