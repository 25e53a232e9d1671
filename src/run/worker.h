#ifndef ISG_RUN_WORKER_H
#define ISG_RUN_WORKER_H

/**
 * The worker: keeps the conversation with the leader (beats, leases, grants)
 * and leaves the work itself to an executor. It never blocks longer than it is
 * told to, polls no comm itself (loop.c does, for leader and worker alike),
 * and knows nothing of training runs.
 */

#include "isogloss/comm.h"
#include "isogloss/err.h"
#include "msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How an executor reports; every call names (task, attempt). Valid only inside `step`. */
typedef struct isg_worker_sink {
    void *ctx;
    void (*started)(void *ctx, isg_msg_attempt of);
    void (*checkpoint)(void *ctx, isg_msg_attempt of, uint64_t tokens);
    void (*ended)(void *ctx, const isg_msg_ended *end); /**< exactly once for each started task */
} isg_worker_sink;

/** What does the work: training runs (exec_runs.c), blocks of a computation (blocks.c). */
typedef struct isg_executor_type {
    const char *name;
    /** Begin a bundle; what goes wrong with it is reported by step as ended tasks. */
    isg_err (*start)(void *self, const isg_msg_start *start);
    /**
     * Go on with everything, report, and sleep at most `wait_s` in poll() while
     * nothing happens. Returns early when something did (or at a signal).
     * @param wait_s  0: do not sleep
     */
    isg_err (*step)(void *self, double wait_s, const isg_worker_sink *sink);
    /** Granted: put the result where it belongs; fill crc, or n and data. */
    isg_err (*commit)(void *self, isg_msg_attempt of, isg_msg_written *out);
    /** Sync what was committed, once for several; WRITTEN is sent after it. NULL: nothing to sync. */
    isg_err (*sync)(void *self);
    /** The mark is on disk: clean up. Or denied: the result is nobody's. Either may come for unknown tasks. */
    void (*committed)(void *self, isg_msg_attempt of);
    void (*denied)(void *self, isg_msg_attempt of);
    /** One task, or all if of.attempt is 0. Unknown tasks are ignored. Ends are reported by step. */
    void (*stop)(void *self, isg_msg_attempt of, isg_stop_how how);
    /** Tasks that are not over, and results not yet written: 0 means nothing would be lost. */
    size_t (*busy)(const void *self);
} isg_executor_type;

typedef struct isg_worker isg_worker;

/**
 * Make a worker and queue its HELLO.
 * @param leader    rank to talk to (may be this one)
 * @param hello     copied
 * @param self      the executor's own data, borrowed
 */
isg_err isg_worker_create(isg_comm *comm, int leader, const isg_msg_hello *hello,
                          const isg_executor_type *type, void *self, isg_worker **out);
void isg_worker_destroy(isg_worker **worker);

/** One message from the leader. */
isg_err isg_worker_handle(isg_worker *worker, const isg_msg *msg);

/**
 * Let the executor go on and send what is due. Sleeps at most wait_s.
 * A leader silent for longer than the lease counts as dead: every task is
 * killed, isg_worker_finished() turns true and the result is ISG_EAGAIN.
 */
isg_err isg_worker_step(isg_worker *worker, double wait_s);

/** When it last said something to the leader, beats included [monotonic s]: an answer may be near. */
double isg_worker_said(const isg_worker *worker);

/** Tasks at work or results not yet written: nothing but their end is waited for. */
bool isg_worker_busy(const isg_worker *worker);

/** A signal reached this rank: say BYE (draining), ask for checkpoints, leave when all is written. */
void isg_worker_drain(isg_worker *worker);

/** Leave now: kill every task, say BYE (left). */
void isg_worker_leave(isg_worker *worker);

/** QUIT came, or the leader is dead, or this worker has left. */
bool isg_worker_finished(const isg_worker *worker);

/** The leader said that a rank is dead: nothing collective may follow. */
bool isg_worker_alone(const isg_worker *worker);

/** ISG_OK; ISG_EAGAIN when the leader died; the refusal's code with its text. */
isg_err isg_worker_outcome(const isg_worker *worker);

#endif
