#ifndef ISG_RUN_CAMPAIGN_JOB_H
#define ISG_RUN_CAMPAIGN_JOB_H

/** The leader's side of campaigns: task i is run i of the plan; marks go to the store, under the
 * lock. */

#include "isogloss/plan.h"
#include "isogloss/store.h"
#include "job.h"
#include "sched.h"

typedef struct isg_campaign_job {
    const isg_plan *plan;
    isg_store *store;
    isg_lock *lock;
    const char *work_dir;
    bool retry_failed;       /**< runs that failed for good are open again */
    isg_run_record *records; /**< [runs of the store] as read, until the job begins */
    size_t *slot;            /**< [n_runs] in the store */
    uint32_t *mark_attempt;  /**< [n_runs] attempt that gave the result, 0: none */
    isg_sched_task *tasks;   /**< [n_runs] as they stand at launch */
    uint32_t *needed;        /**< [n_runs] of a part of a trunk: children without a result */
    bool *diverged;          /**< [n_runs] the result is that it diverged */
    size_t left;             /**< tasks of ours that are open */
    size_t committed;        /**< results marked in this launch */
} isg_campaign_job;

extern const isg_job_type isg_campaign_job_type;

/**
 * Read the records and the work directory: what is done, what can be resumed. Writes nothing.
 * All members of `job` up to retry_failed are set; the rest is filled.
 * @param shard, n_shards  runs of other shards are not ours; families of parent and children stay
 * together
 */
isg_err isg_campaign_job_load(isg_campaign_job *job, size_t shard, size_t n_shards);

/**
 * Record what an earlier launch left as running, and what is open now; remove work directories of
 * committed runs.
 */
isg_err isg_campaign_job_begin(isg_campaign_job *job);
void isg_campaign_job_free(isg_campaign_job *job);

/** Is a run of that shard? Parent and children share one: that of the root's id. */
bool isg_campaign_job_is_ours(const isg_plan *plan, size_t run, size_t shard, size_t n_shards);

/** Remove work directories of committed runs whose checkpoint nobody needs (any more). */
isg_err isg_campaign_job_sweep(const isg_campaign_job *job);

#endif
