#ifndef ISG_RUN_EXEC_RUNS_H
#define ISG_RUN_EXEC_RUNS_H

/**
 * The executor of campaigns: a task is a run of the plan. Trains it with a
 * child process behind the guard (proxy, command) or inside (synthetic),
 * keeps its attempt directory, collects its points, writes its store slot.
 */

#include "isogloss/plan.h"
#include "isogloss/store.h"
#include "worker.h"

typedef struct isg_runs_options {
    const isg_plan *plan;
    isg_store *store;          /**< open for writing in this process */
    const char *work_dir;      /**< NAME.work, exists */
    size_t slots, cores, gpus; /**< as said in HELLO */
} isg_runs_options;

extern const isg_executor_type isg_exec_runs;

/**
 * Kills what an earlier launch left on this host, so not while another worker of
 * this launch trains. Everything in `options` is borrowed for the executor's life.
 */
isg_err isg_exec_runs_create(const isg_runs_options *options, void **self);

/** Ends what still runs (KILL) and waits, with a limit, until it is gone. */
void isg_exec_runs_destroy(void **self);

#endif
