#ifndef ISG_RUN_SCHED_H
#define ISG_RUN_SCHED_H

/**
 * The scheduler: events in, actions out. No clock, no files, no messages; it
 * knows tasks, workers and times that it is told, so that it can be tested and
 * simulated without any of them (tests/unit/test_sched.c).
 *
 *     isg_sched_event(sched, &event);
 *     while (isg_sched_next(sched, &action)) carry it out;
 *
 * What a task is, is not its business: training runs and blocks of bootstrap
 * refits go through it alike.
 */

#include "isogloss/err.h"
#include "isogloss/store.h"
#include "msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISG_NO_TASK UINT32_MAX
enum { ISG_CAUSES = ISG_CAUSE_DIVERGED + 1 };

/** Where a task stands when the scheduler is made. */
typedef enum isg_task_was {
    ISG_TASK_OPEN, /**< to be done */
    ISG_TASK_DONE,
    ISG_TASK_DIVERGED,
    ISG_TASK_FAILED,  /**< for good, in an earlier launch */
    ISG_TASK_NOT_OURS /**< somebody else's share: never touched, never counted */
} isg_task_was;

typedef struct isg_sched_task {
    double cost;     /**< predicted work [FLOP] */
    double progress; /**< share of it behind the newest checkpoint, 0 <= p < 1 */
    uint64_t key;    /**< tasks of one key may share a bundle */
    uint32_t parent; /**< must be done before; ISG_NO_TASK: none */
    bool follows;    /**< starts after a parent that diverged, too, and not only fails with it */
    uint32_t cores, gpus;
    uint32_t attempts; /**< made in earlier launches */
    isg_task_was was;
} isg_sched_task;

typedef struct isg_sched_options {
    uint32_t retries[ISG_CAUSES]; /**< further attempts after an end with that cause */
    uint32_t lanes;               /**< most tasks in a bundle, 1 .. ISG_MSG_BUNDLE */
    size_t workers;               /**< that will join; the end is not declared before */
    double join_s;                /**< ... or this long after the first event [s] */
    double lease_s;               /**< a worker silent for longer is lost [s] */
    double drain_s;               /**< longest wait for checkpoints while draining [s] */
    double end;      /**< the job must be over by then (clock of the events); INFINITY: no limit */
    double margin_s; /**< kept free before `end` for checkpoints and marks [s] */
    double checkpoint_s; /**< a fresh attempt has a checkpoint after that; INFINITY: never [s] */
    double quick_s;      /**< an attempt that fails sooner may be the host's fault [s] */
    uint32_t quick_failures; /**< so many in a row set a host aside */
    double speed;            /**< first guess per core [FLOP/s]; 0: unknown */
} isg_sched_options;

/** One slot's worth of patience: sensible values for everything; no retries. */
isg_sched_options isg_sched_defaults(void);

typedef enum isg_event_kind {
    ISG_EV_JOIN,       /**< worker, host, slots, cores, gpus */
    ISG_EV_HEARD,      /**< worker: any sign of life; the others below imply it */
    ISG_EV_LEAVING,    /**< worker: gives nothing more back than what it has */
    ISG_EV_LEFT,       /**< worker: gone by its own word */
    ISG_EV_DEAD,       /**< worker: known dead: writes nothing any more */
    ISG_EV_STARTED,    /**< worker, task, attempt */
    ISG_EV_CHECKPOINT, /**< worker, task, attempt, progress */
    ISG_EV_ENDED,      /**< worker, task, attempt, cause, has_result, flops, seconds */
    ISG_EV_WRITTEN,    /**< worker, task, attempt, ok */
    ISG_EV_MARKED,     /**< task, attempt, ok: the leader's own doing */
    ISG_EV_TICK,
    ISG_EV_DRAIN,    /**< first signal */
    ISG_EV_STOP_NOW, /**< second signal */
    ISG_EVENT_KINDS
} isg_event_kind;

typedef struct isg_event {
    isg_event_kind kind;
    double now;      /**< any clock that does not go back [s] */
    uint32_t worker; /**< rank */
    uint32_t task, attempt;
    uint32_t host; /**< JOIN: number of the host, 0, 1, ... */
    uint32_t slots, cores, gpus;
    double progress;       /**< CHECKPOINT: share of the whole task */
    isg_cause cause;       /**< ENDED */
    bool has_result;       /**< ENDED */
    bool ok;               /**< WRITTEN, MARKED: false: could not be written */
    double flops, seconds; /**< ENDED: done in this attempt, and its time; 0: unknown */
} isg_event;

typedef enum isg_action_kind {
    ISG_ACT_START, /**< worker, n, task[], attempt[], cores, gpus */
    ISG_ACT_GRANT, /**< worker, task[0], attempt[0]; also the next four */
    ISG_ACT_DENY,
    ISG_ACT_MARK,      /**< write the mark, then say MARKED; diverged says which */
    ISG_ACT_COMMITTED, /**< tell the worker */
    ISG_ACT_RECORD,    /**< an attempt is over: cause, started */
    ISG_ACT_STATE,     /**< task[0] is now `state` after attempt[0] attempts */
    ISG_ACT_STOP,      /**< worker, how: all of its tasks */
    ISG_ACT_LOST,      /**< worker: its lease ended or it is dead */
    ISG_ACT_SET_ASIDE, /**< host: gets nothing more */
    ISG_ACT_QUIT,      /**< worker */
    ISG_ACT_FINISHED,  /**< why */
    ISG_ACTION_KINDS
} isg_action_kind;

typedef enum isg_finish {
    ISG_FINISH_ALL,       /**< every task is done, diverged or failed */
    ISG_FINISH_DRAINED,   /**< asked to stop, or a result could not be written */
    ISG_FINISH_TIME,      /**< nothing left that fits into the time limit */
    ISG_FINISH_TOO_LARGE, /**< what is left needs more than any worker has */
    ISG_FINISH_ALONE,     /**< no worker left */
    ISG_FINISH_HELD       /**< a granted writer is silent: known at the next launch */
} isg_finish;

typedef struct isg_action {
    isg_action_kind kind;
    uint32_t worker, host, n, cores, gpus;
    uint32_t task[ISG_MSG_BUNDLE], attempt[ISG_MSG_BUNDLE];
    isg_run_state state;
    isg_cause cause;
    isg_stop_how how;
    isg_finish why;
    bool diverged;
    double started;
} isg_action;

typedef struct isg_sched isg_sched;

/**
 * @param tasks  [n] copied; parents may stand anywhere but form no cycle
 * @return ISG_OK; ISG_ENOMEM; ISG_EARG
 */
isg_err isg_sched_create(const isg_sched_options *options, const isg_sched_task *tasks, size_t n,
                         isg_sched **out);
void isg_sched_destroy(isg_sched **sched);

/**
 * Tell what happened. Anything may be told at any time: what is not of a
 * current attempt or a live worker changes nothing. O(log n).
 * @return ISG_OK; ISG_ENOMEM
 */
isg_err isg_sched_event(isg_sched *sched, const isg_event *event);

/** Take the next action; they are carried out in order. @return false: none */
bool isg_sched_next(isg_sched *sched, isg_action *out);

/** Current attempt of a task (0: none was made). */
uint32_t isg_sched_attempt(const isg_sched *sched, uint32_t task);
isg_run_state isg_sched_state(const isg_sched *sched, uint32_t task);

/** True while a worker may be talked to. */
bool isg_sched_knows(const isg_sched *sched, uint32_t worker);

typedef struct isg_sched_status {
    size_t total;                                                 /**< tasks of ours */
    size_t waiting, ready, running, done, diverged, failed, held; /**< running: until the mark */
    size_t workers, slots, busy; /**< usable workers, their slots, slots in use */
    double cost,
        cost_done; /**< of all tasks of ours; finished and estimated share of the running [FLOP] */
    double cost_now; /**< worked off in this launch [FLOP] */
    double eta_s;    /**< until all is done at the measured speed; 0: unknown */
    bool draining;
} isg_sched_status;

/** O(running tasks). */
void isg_sched_look(const isg_sched *sched, double now, isg_sched_status *out);

#endif
