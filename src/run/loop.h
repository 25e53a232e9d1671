#ifndef ISG_RUN_LOOP_H
#define ISG_RUN_LOOP_H

/** The loop of every rank: polls comm, lets leader and worker go on, naps. */

#include "isogloss/comm.h"
#include "isogloss/err.h"
#include "leader.h"
#include "worker.h"

typedef struct isg_loop {
    isg_comm *comm;
    isg_leader *leader;      /**< NULL: not on this rank */
    isg_worker *worker;      /**< NULL: not on this rank */
    void (*look)(void *ctx); /**< now and then, for a progress display; may be NULL */
    void *ctx;
    int signals; /**< that came, set when the loop ends */
} isg_loop;

/**
 * Run until leader and worker of this rank are finished. Signals TERM, INT, USR1,
 * USR2: the first drains, the second leaves at once; handlers are restored after.
 * @return ISG_OK; a failure of this process, not of a task
 */
isg_err isg_loop_run(isg_loop *loop);

#endif
