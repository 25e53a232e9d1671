#ifndef ISOGLOSS_EXPR_H
#define ISOGLOSS_EXPR_H

/**
 * A small arithmetic language over the columns of a table, for columns that a
 * file has only in other terms: `C_flop/(6*N_params)`, `20*N`, `ln(loss)`.
 *
 *   sum      product (+|- product)*
 *   product  signed (*|/ signed)*
 *   signed   -signed | +signed | power
 *   power    primary (^ signed)?              right to left: -2^2 is -4, 2^3^2 is 512
 *   primary  NUMBER | COLUMN | FUNCTION(sum, ...) | (sum)
 *   NUMBER   12, 1.5, 1e6, and with a suffix 250k, 70M, 1.4B, 2G, 3T, 16Ki, 1Mi, 1Gi
 *   COLUMN   [A-Za-z_][A-Za-z0-9_.]*, any other name in "double quotes" or `backticks`
 *   FUNCTION ln log10 exp sqrt abs (one argument), min max (two or more)
 *
 * Numbers, + - * / and powers whose exponent is a whole number of at most 1024
 * (by squaring) are IEEE 754 operations in the order written: the same bits
 * everywhere. ln, log10, exp and other powers are the C library's; sqrt, abs, min, max are exact.
 */

#include "isogloss/table.h"

/**
 * The number of every row. A column whose name is the whole `text`, exactly as
 * it stands, wins over an expression: `a-b` may be a column.
 *
 * @param option  where the text was given, for messages ("--d", "runs.yaml:3:11")
 * @param out     [n_rows]; NaN where a used cell is empty (or a word for that: NA, nan, null) and
 *                where the arithmetic has no value (0/0, ln of a negative number)
 * @return ISG_OK; ISG_EUSAGE with position and token for text that is no
 * expression, with the nearest name for a column or function that is not
 * there; ISG_EINPUT with line and text of a cell that is no number; ISG_ENOMEM
 */
isg_err isg_expr_column(const isg_table *table, const char *text, const char *option, double *out);

/**
 * Which columns such a text reads.
 * @param used  [n_columns] set to true for each; the others are left as they are
 * @return as isg_expr_column()
 */
isg_err isg_expr_uses(const isg_table *table, const char *text, const char *option, bool *used);

#endif
