#ifndef ISG_RUN_PROGRESS_H
#define ISG_RUN_PROGRESS_H

/**
 * How far a campaign is, on stderr: a bar with the time left on a terminal, a
 * plain line after 10 s and then each minute in a log.
 */

#include "isogloss/err.h"
#include "isogloss/run.h"
#include "sched.h"

#include <stdbool.h>

typedef struct isg_progress isg_progress;

/** At most one at a time. @return NULL when out of memory: then nothing is shown */
isg_progress *isg_progress_create(void);

/** Is it time for the next line? Cheap; ask before looking at the scheduler. */
bool isg_progress_due(const isg_progress *progress);
void isg_progress_show(isg_progress *progress, const isg_sched_status *status,
                       const isg_campaign_count *runs, const isg_campaign_count *parts);

/** Clears the bar. */
void isg_progress_destroy(isg_progress **progress);

#endif
