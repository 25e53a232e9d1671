#ifndef ISOGLOSS_OPT_H
#define ISOGLOSS_OPT_H

/**
 * GNU-style options from one table that parses and prints the help.
 *
 * `--name VALUE`, `--name=VALUE`, `-n VALUE`, `-nVALUE`, `--flag`, `--` ends
 * the options; operands and options may mix. A wrong name suggests the
 * nearest one. Values are range-checked.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum isg_opt_kind {
    ISG_OPT_FLAG,    /**< bool * */
    ISG_OPT_STRING,  /**< const char **, borrowed from argv */
    ISG_OPT_LIST,    /**< isg_opt_list *, may be given several times */
    ISG_OPT_U64,     /**< uint64_t *, within [min, max] */
    ISG_OPT_DOUBLE,  /**< double *, within [min, max] */
    ISG_OPT_BARE_U64 /**< uint64_t *: --name=N or --name alone, which gives ISG_OPT_BARE */
} isg_opt_kind;

#define ISG_OPT_BARE UINT64_MAX

typedef struct isg_opt_list {
    const char *item[64];
    size_t n;
} isg_opt_list;

typedef struct isg_opt {
    char letter;      /**< 0: none */
    const char *name; /**< without "--"; NULL ends the table */
    isg_opt_kind kind;
    void *dest;                 /**< set before parsing to the default */
    const char *value;          /**< name of the value in the help ("N", "FILE"); NULL for flags */
    const char *help;           /**< one sentence; wrapped to 80 columns; NULL: not shown */
    double min, max;            /**< for numbers; both 0: any */
    const char *const *choices; /**< for strings: NULL-ended, or NULL for any */
} isg_opt;

/**
 * Parse argv[1..]. Operands are moved to the front of argv (argv[1..*operands]).
 * @return ISG_OK or ISG_EUSAGE
 */
isg_err isg_opt_parse(const isg_opt *table, int argc, char **argv, int *operands);

/** Print the table, at most 80 columns wide. */
void isg_opt_help(const isg_opt *table, FILE *out);

#endif
