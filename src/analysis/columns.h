#ifndef ISG_ANALYSIS_COLUMNS_H
#define ISG_ANALYSIS_COLUMNS_H

/** Columns of a table by name, and what to say when one is not there. */

#include "isogloss/str.h"
#include "isogloss/table.h"

/** ISG_EUSAGE: the user gave `name` with `option`; names the nearest column, else all of them. */
isg_err isg_columns_unknown(const isg_table *table, const char *name, const char *option);

/**
 * Are the columns there that are taken for N, D and loss when the user names none?
 * @param name  [3] NULL: the user named one
 * @return ISG_OK; ISG_EUSAGE that proposes columns of other usual names, if there are any
 */
isg_err isg_columns_usual(const isg_table *table, const char *const name[3]);

/**
 * A column of numbers.
 * @return ISG_OK; ISG_EUSAGE if it is not there; ISG_EINPUT for a cell that is no number, with its
 * line; ISG_EDATA if the column is empty
 */
isg_err isg_columns_number(const isg_table *table, const char *name, const char *option,
                           const isg_column **out);

/** Length of the scratch of isg_columns_code() for n rows. */
size_t isg_columns_slots(size_t n);

/**
 * Number the different values of rows, 0 on, as they come.
 * @param row     [n] rows of the table
 * @param texts   compare texts also where the column has numbers; else "1" is "1.0"
 * @param slots   [isg_columns_slots(n)] scratch
 * @param code    [n]
 * @return how many
 */
size_t isg_columns_code(const isg_column *column, const size_t *row, size_t n, bool texts,
                        size_t *slots, size_t *code);

/** Different values, in order of their text, of the rows whose `state` is 0 (NULL: of all).
 * Borrowed texts; caller frees the array. */
isg_err isg_columns_values(const isg_table *table, const isg_column *column,
                           const unsigned char *state, const char ***out, size_t *n);

/** Append "name (3 values: a, b, c)" of those rows; of many numbers, their range. Of joined tables the
 * files are named that have a value: "name (2 values: a in x.csv, b in y.csv)". */
isg_err isg_columns_describe(const isg_table *table, const isg_column *column,
                             const unsigned char *state, isg_str *to);

#endif
