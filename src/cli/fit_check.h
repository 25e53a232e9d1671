#ifndef ISG_CLI_FIT_CHECK_H
#define ISG_CLI_FIT_CHECK_H

/** --check: simulated campaigns on the user's own design (isogloss/simulate.h). */

#include "fit_job.h"
#include "isogloss/report_check.h"

typedef struct fit_check_args {
    uint64_t worlds;   /**< 0: no check; ISG_OPT_BARE: as many as by default */
    const char *rival; /**< law, or NULL: this one with the data's own misfit */
} fit_check_args;

/** Append the options that fill `args` at rows[at]. @return index behind the last */
size_t fit_check_rows(fit_check_args *args, isg_opt *rows, size_t at);

/** "check" (null: none) and "rival" of the request in a result's JSON. */
isg_err fit_check_request(const fit_check_args *args, json_t *request);

typedef struct fit_check fit_check;

/**
 * Simulate, fit and count.
 * @param out  rank 0: the check, NULL where the data carry no interval; NULL elsewhere
 *
 * Collective: yes.
 */
isg_err fit_check_run(const fit_job *job, const fit_outcome *outcome, const char *by_value,
                      const fit_check_args *args, fit_check **out);
void fit_check_destroy(fit_check **check);

const isg_check *fit_check_report(const fit_check *check);

#endif
