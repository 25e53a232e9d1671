#ifndef ISG_CLI_ENTRANTS_H
#define ISG_CLI_ENTRANTS_H

/** Several laws on the same rows: those of one table that every one of them can be fitted to. */

#include "fit_job.h"
#include "isogloss/compare.h"

enum { MAX_ENTRANTS = 16, ENTRANT_FROM = 8 };

typedef struct entrant {
    char *name, *words; /**< as given; the same cut into words, which `args` borrows */
    fit_args args;
    fit_job loaded, job; /**< before and after a law is made for its rows (fit_law.h) */
    isg_law seen;        /**< the law as it sees runs of several languages; see entrants_load() */
    isg_law_var vars[ISG_LAW_VARS];
    const char *from[ISG_LAW_VARS][ENTRANT_FROM];
    char *d; /**< column of the target's tokens */
    isg_selection *selection;
    double *memory; /**< of the rival's rows */
} entrant;

typedef struct entrants {
    entrant *one; /**< [MAX_ENTRANTS] */
    isg_rival rival[MAX_ENTRANTS];
    size_t n;
    size_t rows;     /**< common to all */
    size_t left_out; /**< in some selections but not in all */
    size_t *row;     /**< [rows] of the table */
    size_t *cluster; /**< [rows] 0 .. n_clusters-1 */
    size_t n_clusters;
    char *language;        /**< whose tokens laws of one language see, or NULL */
    double *size, *tokens; /**< [rows] N, and training tokens of all languages */
} entrants;

/**
 * Select for each law and keep the common rows. As soon as one law is of mixtures, runs of several
 * languages are kept for all; a law that is not sees of them what they have of the target (its D
 * is the target's tokens), as the monolingual laws of Longpre et al. 2025, Table 1.
 * @param job   sources and options that the laws share; borrowed
 * @param laws  "chinchilla,chinchilla[alpha=beta],atlas[terms=other],curse"
 * @param by_value  of --by, or NULL
 * @return ISG_EUSAGE for a law or parameter that is none; what isg_select() says of a law's
 * selection, with the law's name
 */
isg_err entrants_load(const fit_job *job, const char *laws, const char *by_value, entrants *out);
void entrants_clear(entrants *entrants);

#endif
