#ifndef ISG_RUN_SCHED_STATE_H
#define ISG_RUN_SCHED_STATE_H

/** What the scheduler remembers, and what its files call of each other. */

#include "ready.h"
#include "sched.h"

#define NONE UINT32_MAX

/* In the order of a life; isg_sched_state_of() says what the world sees of it. */
typedef enum phase {
    WAITING,
    READY,
    SENT, /* handed out, no word of it yet */
    RUNNING,
    GRANTED, /* its worker may be writing the result */
    MARKING, /* written; the mark is being made */
    DONE,
    DIVERGED,
    FAILED,
    HELD, /* granted, and the worker is silent */
    NOT_OURS,
    PHASES
} phase;

typedef struct task {
    double cost, progress, started;
    uint32_t parent, child, sibling; /* first child, next child of the same parent */
    uint32_t cores;                  /* at least 1 */
    uint32_t attempt, worker, bundle;
    uint32_t prev, next;     /* on the worker's list */
    uint8_t phase, failures; /* failures: ends that are neither stops nor kills */
    bool diverged, follows;
    uint8_t used[ISG_CAUSES]; /* of the retry budgets since the last later checkpoint */
} task;

typedef enum worker_state { ABSENT, LIVE, LEAVING, SILENT, GONE } worker_state;

typedef struct worker {
    worker_state state;
    uint32_t host, slots, cores, gpus;
    uint32_t free_slots, free_cores, free_gpus;
    uint32_t first, n_tasks; /* list of its tasks from SENT to MARKING, and HELD */
    uint32_t idle;           /* position in sched.idle, or NONE */
    uint32_t prev, next;     /* in the order of last words */
    double heard;            /* on the lease clock */
    double flops, seconds;   /* of its last runs, older ones fading; seconds of a core */
} worker;

typedef struct bundle {
    uint32_t worker, cores, gpus, left; /* left: members not ended; as free list: next */
} bundle;

typedef struct host {
    uint32_t streak; /* quick failures in a row */
    uint32_t usable; /* workers */
    bool aside;
} host;

struct isg_sched {
    isg_sched_options opt;
    size_t n;
    task *tasks;
    double *level; /* [n] */
    isg_ready ready;
    worker *workers;
    size_t n_workers;
    uint32_t *idle; /* [n_workers] usable workers with a free slot */
    size_t n_idle;
    bundle *bundles;
    size_t n_bundles;
    uint32_t free_bundle;
    host *hosts;
    size_t n_hosts;
    uint32_t oldest, newest; /* workers in the order of last words */
    isg_action *ring;
    size_t ring_first, ring_n, ring_cap;

    double now, first, still; /* still: time in which this process itself stood still */
    bool begun, draining, killed, finished;
    double drain_until, held_until;
    isg_finish drain_why;
    size_t count[PHASES], parked, joined, usable, slots, cores, busy;
    double flops, seconds, best_speed; /* over all workers; per core */
    double cost, cost_done, cost_now;
    double wide;        /* sum of cost * cores over tasks of ours */
    isg_action scratch; /* written to, never read: before the first event and without memory */
    isg_err rc;         /* out of memory inside an event */
};

static inline double rest_of(const task *k)
{
    return k->cost * (1 - k->progress);
}

/* FLOP/s of one core of a worker, as if several made a task so many times as fast; 0: unknown. */
static inline double speed_of(const isg_sched *s, const worker *w)
{
    if (w->seconds > 0) return w->flops / w->seconds;
    if (s->seconds > 0) return s->flops / s->seconds;
    return s->opt.speed;
}

/* May be given tasks. */
static inline bool usable(const isg_sched *s, const worker *w)
{
    return w->state == LIVE && !s->hosts[w->host].aside;
}

static inline bool is_running(const task *k)
{
    return k->phase == SENT || k->phase == RUNNING;
}

static inline size_t active(const isg_sched *s)
{
    return s->count[SENT] + s->count[RUNNING] + s->count[GRANTED] + s->count[MARKING];
}

isg_run_state isg_sched_state_of(phase p);

/* ---- books: what is written down, and told ---- */

/* A new action, to be filled in. */
isg_action *isg_sched_emit(isg_sched *s, isg_action_kind kind);

/* An action about one attempt. */
isg_action *isg_sched_emit_task(isg_sched *s, isg_action_kind kind, uint32_t w, uint32_t t,
                                uint32_t attempt);

/* The end of the attempt that a task is at. */
void isg_sched_record(isg_sched *s, uint32_t t, isg_cause cause);

void isg_sched_set_phase(isg_sched *s, uint32_t t, phase to);

/* A worker's place among the idle, after its slots or state changed. */
void isg_sched_idle_update(isg_sched *s, uint32_t id);

/* Changes of a worker's `state` go through here, so that the counts stay right. */
void isg_sched_worker_set(isg_sched *s, uint32_t id, worker_state to, bool aside);

/* Out of, and to the end of, the order of last words. */
void isg_sched_words_remove(isg_sched *s, uint32_t id);
void isg_sched_words_append(isg_sched *s, uint32_t id);

/* To and from the list of a worker's tasks; a leaving worker goes with its last one. */
void isg_sched_list_add(isg_sched *s, uint32_t id, uint32_t t);
void isg_sched_list_remove(isg_sched *s, uint32_t t);

/* The speed of a worker, from a run it finished. */
void isg_sched_measure(isg_sched *s, worker *w, double flops, double seconds);

/* ---- handing out ---- */

/* Give a worker all that it can take. */
void isg_sched_fill(isg_sched *s, uint32_t id);

/* A task is ready: queue it and find somebody idle for it. */
void isg_sched_offer(isg_sched *s, uint32_t t);

/* The task is out of its bundle, which is returned. */
uint32_t isg_sched_take_out(isg_sched *s, uint32_t t);

/* A member of a bundle has ended; the last one frees the slot. */
void isg_sched_release(isg_sched *s, uint32_t bundle);

/* ---- ends: of tasks, and of the launch ---- */

/* Without a final checkpoint of the parent no child can start, nor can theirs. */
void isg_sched_fail_children(isg_sched *s, uint32_t top);

/* Children of a task that diverged fail, but for those that follow it. */
void isg_sched_leave_children(isg_sched *s, uint32_t t);

/* The task is ready, be it once more. */
void isg_sched_again(isg_sched *s, uint32_t t);

/* After an attempt without a result, off the worker's list: another one, or the end. */
void isg_sched_retry(isg_sched *s, uint32_t t, isg_cause cause);

/* Quick failures in a row, none of tasks known to fail elsewhere, set a host aside. */
void isg_sched_judge_host(isg_sched *s, uint32_t t, isg_cause cause);

/* The mark is made: the result counts. */
void isg_sched_committed(isg_sched *s, uint32_t t);

void isg_sched_stop_all(isg_sched *s, isg_stop_how how);
void isg_sched_drain(isg_sched *s, isg_finish why);
void isg_sched_finish(isg_sched *s, isg_finish why);

/* Is it all over? Finish then. */
void isg_sched_check_end(isg_sched *s);

/* ---- the beginning ---- */

/* Phases at the beginning, and what is ready. */
void isg_sched_place(isg_sched *s, const isg_sched_task *in);

#endif
