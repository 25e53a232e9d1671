#ifndef ISG_CLI_FIT_BOOT_H
#define ISG_CLI_FIT_BOOT_H

/**
 * The bootstraps of a fit, one for each way to resample (isogloss/select.h), as one
 * list of blocks on all ranks.
 */

#include "fit_job.h"

/**
 * Fills outcome->way; boot, has_boot and why are those of the first way. Where that one carries
 * no interval, none does. A further way with too few groups is left out, with the reason.
 * Collective: yes.
 */
isg_err fit_boot_run(const fit_job *job, const char *by_value, fit_outcome *outcome);

/** Did the user say what to resample? Then that speaks, however wide others are. */
bool fit_boot_chosen(const fit_job *job);

void fit_boot_clear(fit_outcome *outcome);

#endif
