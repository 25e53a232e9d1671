#ifndef ISG_RUN_READY_H
#define ISG_RUN_READY_H

/**
 * The tasks that could start now: one priority queue for each group of tasks
 * with the same needs (cores, gpus) and bundle key. Groups are few (lines of
 * `resources:` times shapes), so that looking through them is cheap.
 */

#include "isogloss/err.h"
#include "sched.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct isg_ready_group {
    uint64_t key;
    uint32_t cores, gpus;
    uint32_t *heap; /**< [n] of room for every task of the group; highest level first, then lowest
                       index */
    size_t n;
    bool blocked; /**< no idle worker has what this group needs (sched.c) */
} isg_ready_group;

typedef struct isg_ready {
    isg_ready_group *groups;
    size_t n_groups;
    uint32_t *group_of;  /**< [tasks] */
    const double *level; /**< [tasks] borrowed */
} isg_ready;

/** @param bundles  false: keys are ignored; @param level [n] borrowed for good */
isg_err isg_ready_init(isg_ready *ready, const isg_sched_task *tasks, size_t n, bool bundles,
                       const double *level);
void isg_ready_free(isg_ready *ready);

/** Add a task that is in no queue. @return its group */
isg_ready_group *isg_ready_push(isg_ready *ready, uint32_t task);

/** Take the first of a group that is not empty. */
uint32_t isg_ready_pop(isg_ready *ready, isg_ready_group *group);

#endif
