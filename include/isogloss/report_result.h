#ifndef ISOGLOSS_REPORT_RESULT_H
#define ISOGLOSS_REPORT_RESULT_H

/**
 * A finished fit in other words: tables for papers and spreadsheets, and the
 * paragraph for the methods section. All are made of the JSON result
 * (schemas/fit.schema.json), fresh or kept, so that they can never say anything else.
 */

#include "isogloss/json.h"

#include <stdio.h>

typedef enum isg_result_format {
    ISG_RESULT_CSV,
    ISG_RESULT_LATEX,
    ISG_RESULT_MARKDOWN
} isg_result_format;

/**
 * Parameters and derived numbers, one row each; with --by in a paper's formats a row for
 * each group and a column for each number. CSV has all digits, the others as many as the
 * standard error bears.
 * @param result  one fit, or the groups of --by
 * @return ISG_OK; ISG_EINPUT naming what is not as in the schema; ISG_EIO
 */
isg_err isg_report_result_table(const json_t *result, isg_result_format format, FILE *out);

/**
 * What was done, as it belongs into a paper: law, objective, starts, resampling unit,
 * exclusions, versions, seed, and the command that makes the numbers again.
 * @return as above
 */
isg_err isg_report_result_methods(const json_t *result, FILE *out);

#endif
