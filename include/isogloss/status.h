#ifndef ISOGLOSS_STATUS_H
#define ISOGLOSS_STATUS_H

/** How far campaigns are: gathered from a store by the command, printed as text or JSON. */

#include "isogloss/json.h"
#include "isogloss/store.h"

#include <stdio.h>

enum { ISG_RUN_STATES = ISG_RUN_HELD + 1 };

/** Runs, or parts of trunks, and how many are in each state. */
typedef struct isg_tally {
    size_t n, by_state[ISG_RUN_STATES];
} isg_tally;

typedef struct isg_progress {
    const char *name; /**< of a family; NULL for the whole campaign */
    isg_tally runs, parts;
    double flops, flops_done; /**< of both, predicted; what diverged counts as done [flop] */
} isg_progress;

/** A run that gave no usable result, with the last words of its last attempt. */
typedef struct isg_casualty {
    const char *id, *family;
    size_t slot;
    bool part;           /**< a part of a trunk */
    uint64_t point;      /**< tokens of its last loss, if it diverged; 0: none */
    const double *share; /**< [overview->n_languages] of its training data */
    uint64_t n_nonembedding, tokens, seed;
    isg_run_state state; /**< failed, held or diverged */
    uint32_t attempts;
    isg_attempt last; /**< number 0: nothing is recorded */
} isg_casualty;

/** Pointers belong to `records`, `overview` and the arrays below. */
typedef struct isg_status {
    const char *path;
    isg_overview *overview;
    isg_run_record *records; /**< [overview->n_runs]; "running" only if somebody holds the lock */
    isg_progress total;
    isg_progress *family; /**< [overview->n_families] */
    isg_casualty *casualty;
    double *share; /**< [n_casualties][overview->n_languages] */
    size_t n_casualties;
    isg_launch *launches;
    size_t n_launches;
    isg_lock_info holder;
    bool held;        /**< somebody writes it now: `holder` */
    double now;       /**< seconds since the epoch */
    double rate, eta; /**< [flop/s] and [s] of the present launch; 0: not known */
    bool verified;
    size_t damaged; /**< marks that do not fit their results, if verified */
} isg_status;

/** Read everything. @param verify  compare all CRCs too. Caller: isg_status_destroy(). */
isg_err isg_status_gather(const char *path, bool verify, isg_status **out);
void isg_status_destroy(isg_status **status);

/** ISG_OK, ISG_ESOME (some failed), ISG_EAGAIN (work left), ISG_ESTORE (damaged); no message. */
isg_err isg_status_verdict(const isg_status *status);

/** @param all_failed  list every run that failed, not only the first few */
isg_err isg_status_print(const isg_status *status, bool all_failed, FILE *out);

/** One store as in schemas/status.schema.json. New reference; NULL when out of memory. */
json_t *isg_status_json(const isg_status *status);

#endif
