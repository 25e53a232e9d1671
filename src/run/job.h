#ifndef ISG_RUN_JOB_H
#define ISG_RUN_JOB_H

/**
 * What tasks mean to the leader: a campaign's runs and their marks
 * (campaign_run.c), blocks and their results (blocks.c). The counterpart of the
 * worker's executor. Every function is called on rank 0 only.
 */

#include "isogloss/err.h"
#include "isogloss/store.h"
#include "msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A result that is written and now counts. */
typedef struct isg_job_mark {
    uint32_t task, attempt, crc;
    bool diverged;
    const char *host, *device; /**< of the writer */
} isg_job_mark;

/** An attempt that is over. */
typedef struct isg_job_attempt {
    uint32_t task, number;
    int rank;
    isg_cause cause;
    int code;
    double start, end; /**< seconds since the epoch */
    char host[64], text[ISG_MSG_TEXT];
} isg_job_attempt;

/** What a task has become. */
typedef struct isg_job_state {
    uint32_t task, attempts; /**< attempts made so far */
    isg_run_state state;
} isg_job_state;

/** NULL: nothing to do, apart from `progress` and `mark`. */
typedef struct isg_job_type {
    const char *name;
    /** Before a START: fill resume_attempt and parent_attempt of task->task. */
    isg_err (*describe)(void *self, isg_msg_task *task);
    /** Share of a task behind a checkpoint at `tokens`, 0 .. 1. */
    double (*progress)(void *self, uint32_t task, uint64_t tokens);
    /** An inline result arrived, before it is marked. A failure leaves it unmarked. */
    isg_err (*collect)(void *self, const isg_msg_written *written);
    /** Make results count, all or none, and sync. */
    isg_err (*mark)(void *self, const isg_job_mark *marks, size_t n);
    /** Keep for the record; a failure is logged, no more. */
    isg_err (*attempts)(void *self, const isg_job_attempt *attempts, size_t n);
    isg_err (*states)(void *self, const isg_job_state *states, size_t n);
    /** Every few seconds: still ours to write? A failure ends the job at once. */
    isg_err (*keep)(void *self);
} isg_job_type;

#endif
