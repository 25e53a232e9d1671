#ifndef ISOGLOSS_SPLIT_H
#define ISOGLOSS_SPLIT_H

/**
 * Which rows are kept out of a fit, to see what the law says of runs it has not
 * seen (Longpre et al. 2025, arXiv 2510.22037, appendix B.3). Clusters stay
 * whole: no run has rows on both sides.
 */

#include "isogloss/table.h"

#include <stddef.h>
#include <stdint.h>

typedef struct isg_split_type {
    const char *name;    /**< as written in --splits */
    const char *summary; /**< one line */
} isg_split_type;

/** All splits, ended by a NULL name: random, N, D, C, low-C, M, mixture. */
extern const isg_split_type isg_splits[];

/** What a run was trained on. */
typedef enum isg_mixture_kind {
    ISG_MIXTURE_MONOLINGUAL,
    ISG_MIXTURE_BILINGUAL,
    ISG_MIXTURE_UNIMAX,
    ISG_MIXTURE_OTHER
} isg_mixture_kind;

/** What the splits look at. Borrowed. */
typedef struct isg_split_rows {
    size_t n;
    const double *size;    /**< [n] N [parameter] */
    const double *tokens;  /**< [n] all training tokens D [token] */
    const size_t *cluster; /**< [n] 0 .. n_clusters-1 */
    size_t n_clusters;
    const isg_mixture_kind *kind; /**< [n], or NULL: the data do not say */
    const size_t *mixture; /**< [n] number of the row's mixture, 0 .. n_mixtures-1; with kind */
    size_t n_mixtures;
} isg_split_rows;

typedef struct isg_split_options {
    double share;   /**< of the rows to hold out, 0 < share < 1 */
    size_t repeats; /**< of the random split */
    uint64_t seed;
} isg_split_options;

/** 20 %, 10 repeats, seed 1. */
isg_split_options isg_split_defaults(void);

typedef struct isg_split {
    const isg_split_type *type;
    size_t n_rows, n_folds;
    unsigned char *held; /**< [n_folds][n_rows] 1: kept out of this fold's fit */
    size_t n_held;       /**< over all folds */
    char *rule;          /**< which rows, in words and numbers; or why there are none */
} isg_split;

/**
 * Of tied values all or none are held: the least share of the highest values, ties whole, that is
 * not less than `share`. A split that the data do not have has no fold and says why in `rule`.
 * @return ISG_OK; ISG_EUSAGE for a name that is none, with the nearest; ISG_ENOMEM
 */
isg_err isg_split_create(const char *name, const isg_split_rows *rows,
                         const isg_split_options *options, isg_split **out);
void isg_split_destroy(isg_split **split);

/** What rows of a table were trained on. */
typedef struct isg_mixtures {
    isg_mixture_kind *kind; /**< [n]; NULL: no column says */
    size_t *mixture;        /**< [n] 0 .. n_mixtures-1: equal shares of languages to 0.1 % */
    size_t n_mixtures;
} isg_mixtures;

/**
 * From columns weight_LANGUAGE or tokens_LANGUAGE (shares), n_languages, and a family or mixture
 * whose name holds "unimax".
 * @param row  [n] rows of the table
 * @return ISG_OK, also where nothing is known; ISG_ENOMEM
 */
isg_err isg_mixtures_read(const isg_table *table, const size_t *row, size_t n, isg_mixtures *out);
void isg_mixtures_clear(isg_mixtures *mixtures);

#endif
