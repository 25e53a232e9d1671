#ifndef ISG_CLI_FIT_BEYOND_H
#define ISG_CLI_FIT_BEYOND_H

/** --at, --forecast, --backtest, --rivals and --reference of `isogloss fit`. */

#include "fit_job.h"
#include "isogloss/report_beyond.h"

typedef struct fit_beyond_args {
    isg_opt_list at, forecast;
    const char *reference, *rivals;
    bool backtest;
} fit_beyond_args;

enum { FIT_BEYOND_ROWS = 5 };

/** Append the rows of the option table at rows[at]. @return index behind the last */
size_t fit_beyond_rows(fit_beyond_args *args, isg_opt *rows, size_t at);

bool fit_beyond_wanted(const fit_beyond_args *args);

/** The options in the request of a result's JSON. */
isg_err fit_beyond_request(const fit_beyond_args *args, json_t *request);

/** Words that cannot be meant, before anything is computed. @return ISG_EUSAGE; for a rival what
 * its selection says */
isg_err fit_beyond_check(const fit_beyond_args *args, const fit_job *job);

typedef struct fit_beyond fit_beyond;

/** Rank 0 alone, after the fit and its refits. Collective: no. */
isg_err fit_beyond_run(const fit_job *job, const fit_outcome *outcome, const char *by_value,
                       const fit_beyond_args *args, fit_beyond **out);
isg_beyond_report fit_beyond_report(const fit_beyond *beyond);
void fit_beyond_destroy(fit_beyond **beyond);

#endif
