#ifndef ISG_RUN_BLOCKS_H
#define ISG_RUN_BLOCKS_H

/** The executor of isg_run_blocks: threads of this process, woken through a pipe. */

#include "isogloss/run.h"
#include "worker.h"

extern const isg_executor_type isg_exec_blocks;

/** @param threads  >= 1: blocks at a time */
isg_err isg_exec_blocks_create(const isg_blocks *blocks, size_t threads, void **self);

/** Waits for blocks that are being computed. */
void isg_exec_blocks_destroy(void **self);

#endif
