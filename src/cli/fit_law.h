#ifndef ISG_CLI_FIT_LAW_H
#define ISG_CLI_FIT_LAW_H

/** Laws that are made for the rows of a fit, for each group of --by anew. */

#include "fit_job.h"

/** ISG_EUSAGE where options of law atlas are given for another. */
isg_err fit_law_check(const fit_args *args);

/**
 * The job of one group: where its law is one that depends on the rows (atlas), make it, with the
 * constraints on it; otherwise a copy. fit_law_clear() it; the loaded job must live longer.
 */
isg_err fit_law_make(const fit_job *loaded, const char *by_value, fit_job *out);
/** The same in place: `job` must not be copied or moved afterwards. */
isg_err fit_law_set(fit_job *job, const char *by_value);
void fit_law_clear(fit_job *job);

#endif
