#ifndef ISG_RUN_LEADER_H
#define ISG_RUN_LEADER_H

/**
 * The leader: turns messages into events for the scheduler and its actions into
 * messages, marks and records. Knows no training runs (job.h) and polls no comm
 * itself (loop.h).
 */

#include "isogloss/comm.h"
#include "isogloss/err.h"
#include "job.h"
#include "sched.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct isg_leader_options {
    isg_comm *comm;
    const isg_job_type *type;
    void *job;               /**< borrowed */
    isg_sched_options sched; /**< workers, lease_s are filled in by the leader */
    const isg_sched_task *tasks;
    size_t n_tasks;
    const char *hash;     /**< of the task list: workers must have the same */
    const char *numerics; /**< "" : any */
} isg_leader_options;

typedef struct isg_leader isg_leader;

/** @return ISG_OK; ISG_ENOMEM; ISG_EARG */
isg_err isg_leader_create(const isg_leader_options *options, isg_leader **out);
void isg_leader_destroy(isg_leader **leader);

/** One message from a worker. */
isg_err isg_leader_handle(isg_leader *leader, int from, const isg_msg *msg);

/**
 * What time brings: beats, leases, groups of marks. Call it after every batch
 * of messages.
 * @param idle  no message came lately: marks need not wait for more
 */
isg_err isg_leader_step(isg_leader *leader, bool idle);

/** `n` signals have come so far: 1 drains, 2 or more leave at once. */
isg_err isg_leader_signals(isg_leader *leader, int n);

bool isg_leader_finished(const isg_leader *leader);
isg_finish isg_leader_why(const isg_leader *leader);

/** Why results could not be written; "" if all could. */
const char *isg_leader_trouble(const isg_leader *leader);

/** Workers whose lease ended or that died: then nothing collective may follow. */
size_t isg_leader_lost(const isg_leader *leader);

const isg_sched *isg_leader_sched(const isg_leader *leader);
void isg_leader_look(const isg_leader *leader, isg_sched_status *out);

#endif
