#ifndef ISOGLOSS_ATLAS_H
#define ISOGLOSS_ATLAS_H

/**
 * The ATLAS law of one target language t (Longpre et al. 2025, arXiv 2510.22037, eqs. 1 to 3):
 *
 *     L     = E + A/N^alpha + B/D_eff^beta
 *     D_eff = S(D_t; U_t) + sum_i tau_i S(D_i; U_i) + tau_other S(D_other; U_other)
 *     S(D; U) = D                                            D <= U
 *               U [1 + (1 - exp(-lambda (D/U - 1)))/lambda]  D > U
 *
 * with D tokens trained on [token], U different ones among them. D_eff is at least .001 of the
 * different tokens of the target (of all where it has none), whatever interferes (a guard). Which languages i have a tau
 * of their own depends on the data, so a law is made for them; `--law atlas` is a template.
 */

#include "isogloss/law.h"
#include "isogloss/select.h"

/** What counts as data: the steps of the paper's ablation (Table 1). */
typedef enum isg_atlas_terms {
    ISG_ATLAS_TRANSFER, /**< target, sources, others: eq. 2 as it stands */
    ISG_ATLAS_OTHER,    /**< target and everything else with one tau_other */
    ISG_ATLAS_TARGET /**< the target's tokens only: one parameter (lambda) more than chinchilla */
} isg_atlas_terms;

enum { ISG_ATLAS_SOURCES = 8 };

/** Zero-initialise; strings are copied. */
typedef struct isg_atlas_options {
    const char *const *sources; /**< [n_sources] codes of languages with a tau of their own */
    size_t n_sources;           /**< <= ISG_ATLAS_SOURCES */
    isg_atlas_terms terms;
    bool no_other;         /**< there are no tokens of other languages: no tau_other */
    bool lambda_by_source; /**< a lambda for the target, each source and the others */
    /** [n_sources] a start of tau besides the usual ones, or NULL */
    const double *tau;
    /** Where the amounts come from, in the order D_t, U_t, D and U of each source, D_other, U_other:
     * columns or expressions over columns; NULL (all or one): tokens_CODE, unique_CODE */
    const char *const *from;
    const char *target; /**< code of the target, "" or NULL if nothing says it */
    const char
        *about; /**< sentences for the report: how sources and amounts were chosen, or NULL */
} isg_atlas_options;

/** Amounts of a law with so many sources and others: D_t, U_t, ... */
enum { ISG_ATLAS_AMOUNTS = 2 * (ISG_ATLAS_SOURCES + 2) };

/**
 * Make a law. Parameters A, B, E, alpha, beta, lambda (or lambda_t, lambda_CODE, ...,
 * lambda_other), tau_CODE, ..., tau_other; variables N, D_t, U_t, D_CODE, U_CODE, ..., D_other,
 * U_other. Its `optimum` wants U and the D in any proportion (all zero: the target alone) and
 * answers with all tokens.
 *
 * @return ISG_OK; ISG_EUSAGE for too many, repeated or unusable codes; ISG_ENOMEM
 */
isg_err isg_law_atlas_create(const isg_atlas_options *options, isg_law **out);

/** Of a law that was made; not of those of the table. */
void isg_law_destroy(isg_law **law);

/** D_eff [token] of natural parameters and variables [n_vars]. @param guarded  it is the guard's */
double isg_atlas_effective(const isg_law *law, const double *natural, const double *var,
                           bool *guarded);

/** What a law was made with. */
typedef struct isg_atlas_config {
    isg_atlas_terms terms;
    bool lambda_by_source;
    size_t n_sources;
    bool other;                 /**< has tau_other */
    size_t amounts;             /**< terms of D_eff: target, sources, others */
    size_t lambdas;             /**< parameters 5 .. 4 + lambdas; tau follow */
    const char *target, *about; /**< "" if unknown */
    const char *source[ISG_ATLAS_SOURCES];
    bool has_tau;
    double tau[ISG_ATLAS_SOURCES];
} isg_atlas_config;

/** NULL for laws that are not ATLAS. */
const isg_atlas_config *isg_law_atlas_config(const isg_law *law);

/** What is asked of a law that a table's rows shall decide on. */
typedef struct isg_atlas_request {
    isg_atlas_terms terms;
    bool lambda_by_source;
    const char *sources;       /**< codes with commas, a number of them, or NULL: 3 */
    const isg_table *transfer; /**< BTS scores, or NULL; see isg_atlas_tau() */
} isg_atlas_request;

/**
 * The law of the rows that would be selected. Its target is their eval_language (else --target,
 * else LANG of --var D_t=tokens_LANG). Sources, unless named: the languages that the runs with the
 * target sample most beside it, shares summed over runs (Longpre et al. 2025, section 3.1). Amounts
 * come from tokens_LANG and unique_LANG; without unique_LANG nothing repeats. Others: the sum over
 * the other languages; where the languages do not make up D, the rest of D.
 *
 * @param target_only  a condition for --where that leaves out rows without the target, or NULL;
 *                     caller frees
 * @return ISG_OK; ISG_EUSAGE where the table has no such columns or languages; ISG_EINPUT for rows of
 * several targets; what isg_select() returns; ISG_ENOMEM
 */
isg_err isg_law_atlas_for(const isg_table *table, const isg_select_options *select,
                          const isg_atlas_request *request, isg_law **out, char **target_only);

/**
 * A start of tau from bilingual transfer scores: BTS/(2 - BTS), which is what the score means if
 * the law holds and nothing repeats. The table is a matrix whose first column names targets (its
 * header "target" or "tgt") or sources ("source", "src") and whose other columns name the others,
 * or has columns source, target and bts (or score).
 *
 * @param found  false: no such pair
 * @return ISG_OK; ISG_EUSAGE for another table; ISG_EINPUT for a score of 2 or more; ISG_ENOMEM
 */
isg_err isg_atlas_tau(const isg_table *transfer, const char *source, const char *target,
                      double *tau, bool *found);

/** Amounts of a language are zero in rows that leave them empty but have those of others. */
void isg_table_fill_mixtures(isg_table *table);

#endif
