#ifndef ISG_CLI_ENTRANTS_H
#define ISG_CLI_ENTRANTS_H

/** Several laws on the same rows: those of one table that every one of them can be fitted to. */

#include "fit_job.h"
#include "isogloss/compare.h"

enum { MAX_ENTRANTS = 16 };

typedef struct entrant {
    char *name, *words; /**< as given; the same cut into words, which `args` borrows */
    fit_args args;
    fit_job job;
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
    double *size, *tokens; /**< [rows] N, and training tokens of all languages */
} entrants;

/**
 * Select for each law and keep the common rows.
 * @param job   sources and options that the laws share; borrowed
 * @param laws  "chinchilla,chinchilla[alpha=beta],curse"
 * @return ISG_EUSAGE for a law or parameter that is none; what isg_select() says of a law's
 * selection, with the law's name
 */
isg_err entrants_load(const fit_job *job, const char *laws, entrants *out);
void entrants_clear(entrants *entrants);

#endif
