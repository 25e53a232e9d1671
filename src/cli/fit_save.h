#ifndef ISG_CLI_FIT_SAVE_H
#define ISG_CLI_FIT_SAVE_H

/**
 * --save: the fit in a file (isogloss/fitfile.h) from the beginning of its
 * bootstrap, so that a stopped one goes on and a complete one is not made
 * again. Rank 0 only. Collective: no.
 */

#include "fit_job.h"

typedef struct fit_save fit_save;

/** A bootstrap of the fit. Borrowed for as long as the fit_save lives. */
typedef struct fit_save_set {
    const char *name; /**< what is resampled, as the report calls it */
    const isg_boot *boot;
} fit_save_set;

/** FILE of `-o` if it names a file of fits, or NULL. */
const char *fit_save_file(const char *output);

/** The file beside the first source: "runs.csv" -> "runs.fits.h5". Caller frees. */
char *fit_save_default(const char *source);

/**
 * Find or begin the fit of job->save in its file.
 * @param sets  [n] copied; n is 0 where there is no interval
 */
isg_err fit_save_open(const fit_job *job, const char *by_value, const fit_outcome *outcome,
                      const fit_save_set *sets, size_t n, fit_save **out);
void fit_save_close(fit_save **save);

bool fit_save_has(const fit_save *save, size_t set, size_t block);

/** Fill in the replicates of the blocks that are there. */
isg_err fit_save_load(const fit_save *save, size_t set, isg_replicates *replicates);

/** Write a block that was collected into `replicates`. */
isg_err fit_save_block(fit_save *save, size_t set, size_t block, const isg_replicates *replicates);

/** What was collected counts from now on, whatever comes. */
isg_err fit_save_sync(fit_save *save);

/**
 * The fit is complete. Its intervals are those of the report.
 * @param report  as of isg_report_fit_json()
 */
isg_err fit_save_finish(fit_save *save, const fit_job *job, const fit_outcome *outcome,
                        const json_t *report);

#endif
