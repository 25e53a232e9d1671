#ifndef ISG_BASE_TABLE_INTERNAL_H
#define ISG_BASE_TABLE_INTERNAL_H

/** What building a table and reading one share. */

#include "isogloss/table.h"

/** Decide whether a column is numeric and keep its numbers if so. */
isg_err isg_column_find_numbers(isg_column *column, size_t n_rows);

/**
 * Columns of numbers with decimal commas, in files where a comma separates nothing: their texts
 * get points. Only if no number of the file has a point and at least one comma cannot stand
 * before thousands; else they stay text.
 */
void isg_table_decimal_commas(isg_table *table);

/**
 * Is this a text in UTF-8? @param p [n]
 * @return ISG_OK; ISG_EINPUT that says what it is instead and what to do, with line and column
 */
isg_err isg_table_check_text(const char *path, const char *p, size_t n);

#endif
