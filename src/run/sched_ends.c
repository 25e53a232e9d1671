/* Ends: of attempts and tasks, with what they mean for children and hosts, and of the launch. */
#include "sched_state.h"

#include <math.h>

/* ---- ends of tasks ------------------------------------------------------ */

static void close_task(isg_sched *s, uint32_t t, phase to)
{
    task *k = &s->tasks[t];
    isg_sched_set_phase(s, t, to);
    s->cost_done += rest_of(k); /* the share before the checkpoint is in there */
}

/* Without a final checkpoint of the parent no child can start, nor can theirs. */
void isg_sched_fail_children(isg_sched *s, uint32_t top)
{
    uint32_t t = s->tasks[top].child;
    while (t != NONE) {
        task *k = &s->tasks[t];
        if (k->phase == WAITING) close_task(s, t, FAILED);
        if (k->child != NONE) {
            t = k->child;
            continue;
        }
        while (t != top && s->tasks[t].sibling == NONE) t = s->tasks[t].parent;
        t = t == top ? NONE : s->tasks[t].sibling;
    }
}

static void fail(isg_sched *s, uint32_t t)
{
    close_task(s, t, FAILED);
    isg_sched_fail_children(s, t);
}

void isg_sched_again(isg_sched *s, uint32_t t)
{
    isg_sched_set_phase(s, t, READY);
    isg_sched_offer(s, t);
}

/* Children of a task that diverged fail, but for those that follow it. */
void isg_sched_leave_children(isg_sched *s, uint32_t t)
{
    for (uint32_t c = s->tasks[t].child; c != NONE; c = s->tasks[c].sibling) {
        if (s->tasks[c].phase != WAITING) continue;
        if (s->tasks[c].follows)
            isg_sched_again(s, c);
        else
            fail(s, c);
    }
}

static bool is_own_failure(isg_cause c)
{
    return c != ISG_CAUSE_STOPPED && c != ISG_CAUSE_KILLED;
}

/* After an attempt without a result, off the worker's list: another one, or the end. */
void isg_sched_retry(isg_sched *s, uint32_t t, isg_cause cause)
{
    task *k = &s->tasks[t];
    if (cause == ISG_CAUSE_KILLED && s->draining) cause = ISG_CAUSE_STOPPED; /* our own doing */
    if (cause != ISG_CAUSE_STOPPED) {
        if (is_own_failure(cause) && k->failures < UINT8_MAX) k->failures++;
        if (k->used[cause] >= s->opt.retries[cause] || k->used[cause] == UINT8_MAX) {
            fail(s, t);
            return;
        }
        k->used[cause]++;
    }
    isg_sched_again(s, t);
}

static void set_aside(isg_sched *s, uint32_t h)
{
    for (uint32_t id = 0; id < s->n_workers; id++) {
        worker *w = &s->workers[id];
        if (w->state == ABSENT || w->host != h) continue;
        isg_sched_worker_set(s, id, w->state, true);
    }
    s->hosts[h].aside = true;
    for (uint32_t id = 0; id < s->n_workers; id++) {
        if (s->workers[id].state != ABSENT && s->workers[id].host == h)
            isg_sched_idle_update(s, id);
    }
    isg_sched_emit(s, ISG_ACT_SET_ASIDE)->host = h;
}

/* Several tasks in a row that fail at once on one host, none of them known to
 * fail elsewhere: the host's fault, as long as there is another one. */
void isg_sched_judge_host(isg_sched *s, uint32_t t, isg_cause cause)
{
    const task *k = &s->tasks[t];
    uint32_t id = s->workers[k->worker].host;
    host *h = &s->hosts[id];
    if (cause == ISG_CAUSE_OK || cause == ISG_CAUSE_DIVERGED)
        h->streak = 0;
    else if (is_own_failure(cause) && k->failures == 0 && s->now - k->started < s->opt.quick_s)
        h->streak++;
    if (h->streak >= s->opt.quick_failures && !h->aside && s->usable > h->usable) set_aside(s, id);
}

void isg_sched_committed(isg_sched *s, uint32_t t)
{
    task *k = &s->tasks[t];
    isg_sched_record(s, t, k->diverged ? ISG_CAUSE_DIVERGED : ISG_CAUSE_OK);
    isg_sched_emit_task(s, ISG_ACT_COMMITTED, k->worker, t, k->attempt);
    s->cost_now += rest_of(k);
    close_task(s, t, k->diverged ? DIVERGED : DONE);
    isg_sched_list_remove(s, t);
    if (k->diverged) {
        isg_sched_leave_children(s, t);
        return;
    }
    for (uint32_t c = k->child; c != NONE; c = s->tasks[c].sibling) {
        if (s->tasks[c].phase == WAITING) isg_sched_again(s, c);
    }
}

/* ---- the end ------------------------------------------------------------ */

void isg_sched_stop_all(isg_sched *s, isg_stop_how how)
{
    for (uint32_t id = s->oldest; id != NONE; id = s->workers[id].next) {
        isg_action *a = isg_sched_emit(s, ISG_ACT_STOP);
        a->worker = id;
        a->how = how;
    }
}

void isg_sched_drain(isg_sched *s, isg_finish why)
{
    if (s->draining) return;
    s->draining = true;
    s->drain_why = why;
    double last = fmax(s->now, s->opt.end - s->opt.margin_s / 4);
    s->drain_until = fmin(s->now + s->opt.drain_s, last);
    isg_sched_stop_all(s, ISG_STOP_CHECKPOINT);
}

void isg_sched_finish(isg_sched *s, isg_finish why)
{
    s->finished = true;
    for (uint32_t id = s->oldest; id != NONE; id = s->workers[id].next)
        isg_sched_emit(s, ISG_ACT_QUIT)->worker = id;
    isg_sched_emit(s, ISG_ACT_FINISHED)->why = why;
}

/* All usable hosts are gone: those set aside are better than none. */
static void take_back(isg_sched *s)
{
    for (uint32_t id = 0; id < s->n_workers; id++) {
        worker *w = &s->workers[id];
        if (w->state != LIVE || !s->hosts[w->host].aside) continue;
        uint32_t h = w->host;
        s->hosts[h] = (host){0};
        for (uint32_t other = id; other < s->n_workers; other++) {
            worker *o = &s->workers[other];
            if (o->state != LIVE || o->host != h) continue;
            s->hosts[h].usable++;
            s->usable++;
            s->slots += o->slots;
            isg_sched_fill(s, other);
        }
    }
}

void isg_sched_check_end(isg_sched *s)
{
    if (s->finished) return;
    size_t over = s->count[DONE] + s->count[DIVERGED] + s->count[FAILED] + s->count[NOT_OURS];
    if (over == s->n) {
        isg_sched_finish(s, ISG_FINISH_ALL);
        return;
    }
    if (s->draining) {
        if (!active(s)) isg_sched_finish(s, s->drain_why);
        return;
    }
    if (!s->usable) take_back(s);
    if (active(s) || (s->joined < s->opt.workers && s->now < s->first + s->opt.join_s)) return;
    if (s->count[HELD] && s->now < s->held_until) return;
    if (!s->usable)
        isg_sched_finish(s, ISG_FINISH_ALONE);
    else if (!s->count[READY])
        isg_sched_finish(s, ISG_FINISH_HELD);
    else
        isg_sched_finish(s, s->parked ? ISG_FINISH_TIME : ISG_FINISH_TOO_LARGE);
}
