/*
 * The scheduler.
 *
 * Order. A task's level is its own predicted work plus that of the longest
 * chain of children behind it; highest level first. That starts parents of long
 * chains early, then the longest tasks, and keeps the short ones to fill the
 * tail: list scheduling by critical path, whose makespan is at most
 * total/slots + longest chain.
 *
 * Fencing. A result counts only along SENT -> RUNNING -> GRANTED -> MARKING ->
 * DONE, each step by the worker and the attempt that the task is with. A worker
 * whose lease ended loses its tasks to others, except those granted: of these
 * it may be writing the slot at this moment, so they are HELD until it speaks
 * again or is known dead. A slot therefore never has two writers.
 *
 * Cost. Queues are heaps, leases a list in order of last words, tasks of a
 * worker a list: O(log n) an event, apart from the few groups (ready.h) and the
 * idle workers that are looked through once until they are known not to fit.
 *
 * Here events are taken in; sched_books.c keeps the books, sched_hand.c hands tasks out, sched_ends.c
 * ends tasks and launches, sched_life.c makes and shows a scheduler.
 */

#include "sched_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- events about workers ----------------------------------------------- */

static isg_err room_for_worker(isg_sched *s, uint32_t id, uint32_t h)
{
    if (id >= s->n_workers) {
        size_t n = (size_t)id + 1 > 2 * s->n_workers ? (size_t)id + 1 : 2 * s->n_workers;
        worker *w = realloc(s->workers, n * sizeof *w);
        if (w) s->workers = w;
        uint32_t *idle = realloc(s->idle, n * sizeof *idle);
        if (idle) s->idle = idle;
        if (!w || !idle) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu workers", n);
        for (size_t i = s->n_workers; i < n; i++) {
            w[i] = (worker){.first = NONE, .idle = NONE, .prev = NONE, .next = NONE};
        }
        s->n_workers = n;
    }
    if (h >= s->n_hosts) {
        size_t n = (size_t)h + 1 > 2 * s->n_hosts ? (size_t)h + 1 : 2 * s->n_hosts;
        host *more = realloc(s->hosts, n * sizeof *more);
        if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu hosts", n);
        memset(more + s->n_hosts, 0, (n - s->n_hosts) * sizeof *more);
        s->hosts = more;
        s->n_hosts = n;
    }
    return ISG_OK;
}

static isg_err join(isg_sched *s, const isg_event *e)
{
    ISG_TRY(room_for_worker(s, e->worker, e->host));
    worker *w = &s->workers[e->worker];
    if (w->state != ABSENT) return ISG_OK; /* said twice */
    w->host = e->host;
    w->slots = w->free_slots = e->slots;
    w->cores = w->free_cores = e->cores;
    w->gpus = w->free_gpus = e->gpus;
    s->joined++;
    isg_sched_worker_set(s, e->worker, LIVE, s->hosts[e->host].aside);
    isg_sched_words_append(s, e->worker);
    isg_sched_fill(s, e->worker);
    return ISG_OK;
}

/* Take everything from a worker. `dead`: it writes nothing any more. */
static void lose(isg_sched *s, uint32_t id, worker_state to, isg_cause cause, bool dead)
{
    worker *w = &s->workers[id];
    if (w->state == LIVE || w->state == LEAVING) {
        isg_sched_emit(s, ISG_ACT_LOST)->worker = id;
        isg_sched_words_remove(s, id);
    }
    isg_sched_worker_set(s, id, to, false);
    isg_sched_idle_update(s, id);
    for (uint32_t t = w->first, next; t != NONE; t = next) {
        task *k = &s->tasks[t];
        next = k->next;
        if (k->phase == MARKING) continue; /* its part is done */
        if (k->phase == GRANTED && !dead) {
            isg_sched_set_phase(s, t, HELD);
            s->held_until = s->now + s->opt.lease_s;
            continue;
        }
        if (k->phase == HELD && !dead) continue;
        isg_sched_release(s, isg_sched_take_out(s, t));
        isg_sched_record(s, t, cause);
        isg_sched_list_remove(s, t);
        isg_sched_retry(s, t, cause);
    }
}

/* A silent worker speaks: what it still runs is nobody's, what it may have written counts. */
static void revive(isg_sched *s, uint32_t id)
{
    worker *w = &s->workers[id];
    isg_action *a = isg_sched_emit(s, ISG_ACT_STOP);
    a->worker = id;
    a->how = ISG_STOP_KILL;
    for (uint32_t t = w->first; t != NONE; t = s->tasks[t].next) {
        if (s->tasks[t].phase == HELD) isg_sched_set_phase(s, t, GRANTED);
    }
    isg_sched_worker_set(s, id, LIVE, s->hosts[w->host].aside);
    isg_sched_words_append(s, id);
    isg_sched_fill(s, id);
}

static void heard(isg_sched *s, uint32_t id)
{
    worker *w = &s->workers[id];
    if (w->state == SILENT) {
        revive(s, id);
    } else if (w->state == LIVE || w->state == LEAVING) {
        isg_sched_words_remove(s, id);
        isg_sched_words_append(s, id);
    }
}

static void leaving(isg_sched *s, uint32_t id)
{
    worker *w = &s->workers[id];
    if (w->state != LIVE) return;
    isg_sched_worker_set(s, id, LEAVING, false);
    isg_sched_idle_update(s, id);
    if (w->n_tasks) return;
    isg_sched_worker_set(s, id, GONE, false);
    isg_sched_words_remove(s, id);
    isg_sched_emit(s, ISG_ACT_QUIT)->worker = id;
}

static void tick(isg_sched *s)
{
    while (s->oldest != NONE && s->now - s->still - s->workers[s->oldest].heard > s->opt.lease_s) {
        lose(s, s->oldest, SILENT, ISG_CAUSE_KILLED, false);
    }
    if (s->now >= s->opt.end - s->opt.margin_s) isg_sched_drain(s, ISG_FINISH_TIME);
    if (!s->draining || s->now < s->drain_until || s->finished) return;
    if (!s->killed) {
        s->killed = true;
        s->drain_until = s->now + fmin(s->opt.lease_s, s->opt.drain_s);
        isg_sched_stop_all(s, ISG_STOP_KILL);
    } else {
        isg_sched_finish(
            s, s->drain_why); /* waited long enough; without marks nothing is lost but time */
    }
}

/* ---- events about tasks -------------------------------------------------- */

static bool is_current(const isg_sched *s, const isg_event *e)
{
    if (e->task >= s->n) return false;
    const task *k = &s->tasks[e->task];
    return k->attempt == e->attempt && k->worker == e->worker && k->phase >= SENT &&
           k->phase != NOT_OURS;
}

static void started(isg_sched *s, const isg_event *e)
{
    task *k = &s->tasks[e->task];
    if (k->phase != SENT) return;
    k->started = s->now;
    isg_sched_set_phase(s, e->task, RUNNING);
}

static void checkpoint(isg_sched *s, const isg_event *e)
{
    task *k = &s->tasks[e->task];
    if (!is_running(k) || !(e->progress > k->progress)) return;
    double more = k->cost * (fmin(e->progress, 1) - k->progress);
    s->cost_now += more;
    s->cost_done += more;
    k->progress = fmin(e->progress, 1);
    memset(k->used, 0, sizeof k->used);
}

static void ended(isg_sched *s, const isg_event *e)
{
    task *k = &s->tasks[e->task];
    if (!is_running(k)) return;
    isg_cause cause = e->cause;
    bool outcome = cause == ISG_CAUSE_OK || cause == ISG_CAUSE_DIVERGED;
    if (cause == ISG_CAUSE_OK && !e->has_result) cause = ISG_CAUSE_PROTOCOL;
    isg_sched_measure(s, &s->workers[k->worker], e->flops, e->seconds * k->cores);
    isg_sched_judge_host(s, e->task, cause);
    bool take = outcome && e->has_result &&
                (cause == ISG_CAUSE_OK || k->used[cause] >= s->opt.retries[cause]);
    if (take) {
        k->diverged = cause == ISG_CAUSE_DIVERGED;
        isg_sched_set_phase(s, e->task, GRANTED);
        isg_sched_emit_task(s, ISG_ACT_GRANT, k->worker, e->task, k->attempt);
        isg_sched_release(s, isg_sched_take_out(s, e->task));
        return;
    }
    if (e->has_result) isg_sched_emit_task(s, ISG_ACT_DENY, k->worker, e->task, k->attempt);
    isg_sched_record(s, e->task, cause);
    isg_sched_list_remove(s, e->task);
    uint32_t b = isg_sched_take_out(s, e->task);
    isg_sched_retry(s, e->task,
                    cause); /* queued before the slot is free: it may be the one to go on */
    isg_sched_release(s, b);
}

/* The result could not be written: nothing is lost, but going on is of no use. */
static void unwritten(isg_sched *s, uint32_t t)
{
    isg_sched_drain(s, ISG_FINISH_DRAINED);
    isg_sched_record(s, t, ISG_CAUSE_STOPPED);
    isg_sched_list_remove(s, t);
    isg_sched_again(s, t);
}

static void written(isg_sched *s, const isg_event *e)
{
    task *k = &s->tasks[e->task];
    if (k->phase != GRANTED && k->phase != HELD) return;
    if (!e->ok) {
        unwritten(s, e->task);
        return;
    }
    isg_sched_set_phase(s, e->task, MARKING);
    isg_sched_emit_task(s, ISG_ACT_MARK, k->worker, e->task, k->attempt)->diverged = k->diverged;
}

static void marked(isg_sched *s, const isg_event *e)
{
    if (e->task >= s->n) return;
    const task *k = &s->tasks[e->task];
    if (k->phase != MARKING || k->attempt != e->attempt) return;
    if (e->ok)
        isg_sched_committed(s, e->task);
    else
        unwritten(s, e->task);
}

static void about_task(isg_sched *s, const isg_event *e)
{
    static void (*const handle[ISG_EVENT_KINDS])(isg_sched *, const isg_event *) = {
        [ISG_EV_STARTED] = started,
        [ISG_EV_CHECKPOINT] = checkpoint,
        [ISG_EV_ENDED] = ended,
        [ISG_EV_WRITTEN] = written,
    };
    if (!handle[e->kind]) return;
    if (is_current(s, e))
        handle[e->kind](s, e);
    else if (e->kind == ISG_EV_ENDED && e->has_result)
        isg_sched_emit_task(s, ISG_ACT_DENY, e->worker, e->task, e->attempt);
}

isg_err isg_sched_event(isg_sched *s, const isg_event *e)
{
    if (!s->begun) s->first = s->now = e->now;
    s->begun = true;
    if (e->now - s->now > s->opt.lease_s / 3)
        s->still += e->now - s->now; /* stopped, or suspended */
    s->now = fmax(s->now, e->now);

    bool known = e->worker < s->n_workers && s->workers[e->worker].state != ABSENT;
    switch (e->kind) {
    case ISG_EV_JOIN: ISG_TRY(join(s, e)); break;
    case ISG_EV_TICK: tick(s); break;
    case ISG_EV_DRAIN: isg_sched_drain(s, ISG_FINISH_DRAINED); break;
    case ISG_EV_STOP_NOW:
        isg_sched_stop_all(s, ISG_STOP_KILL);
        if (!s->finished) isg_sched_finish(s, ISG_FINISH_DRAINED);
        break;
    case ISG_EV_MARKED: marked(s, e); break;
    case ISG_EV_DEAD:
    case ISG_EV_LEFT:
        if (known)
            lose(s, e->worker, GONE, e->kind == ISG_EV_LEFT ? ISG_CAUSE_STOPPED : ISG_CAUSE_KILLED,
                 true);
        else
            s->joined++; /* was expected, will not come */
        break;
    default:
        if (!known) break;
        heard(s, e->worker);
        if (e->kind == ISG_EV_LEAVING)
            leaving(s, e->worker);
        else
            about_task(s, e);
    }
    isg_sched_check_end(s);
    return s->rc;
}

/* ---- the beginning --------------------------------------------------------- */

/* Phases at the beginning; parents first is not needed, phases of parents are given. */
void isg_sched_place(isg_sched *s, const isg_sched_task *in)
{
    static const phase first[] = {[ISG_TASK_OPEN] = WAITING,
                                  [ISG_TASK_DONE] = DONE,
                                  [ISG_TASK_DIVERGED] = DIVERGED,
                                  [ISG_TASK_FAILED] = FAILED,
                                  [ISG_TASK_NOT_OURS] = NOT_OURS};
    for (uint32_t t = 0; t < s->n; t++) {
        task *k = &s->tasks[t];
        k->phase = (uint8_t)first[in[t].was];
        s->count[k->phase]++;
        if (k->phase == NOT_OURS) continue;
        s->cost += k->cost;
        s->wide += k->cost * k->cores;
        s->cost_done += k->phase == WAITING ? k->cost * k->progress : k->cost;
    }
    for (uint32_t t = 0; t < s->n; t++) {
        task *k = &s->tasks[t];
        phase p = k->parent == NONE ? DONE : (phase)s->tasks[k->parent].phase;
        if (k->phase == WAITING && p == DONE) isg_sched_again(s, t);
        if (k->phase == FAILED) isg_sched_fail_children(s, t);
        if (k->phase == DIVERGED) isg_sched_leave_children(s, t);
    }
}
