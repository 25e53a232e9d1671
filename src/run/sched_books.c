/* The books of the scheduler: actions to be taken, phases of tasks, who is idle, who spoke last, who has
 * what, and how fast a worker is. */
#include "sched_state.h"

#include <math.h>
#include <stdlib.h>

static const isg_run_state state_of[PHASES] = {
    [WAITING] = ISG_RUN_WAITING, [READY] = ISG_RUN_READY,       [SENT] = ISG_RUN_RUNNING,
    [RUNNING] = ISG_RUN_RUNNING, [GRANTED] = ISG_RUN_RUNNING,   [MARKING] = ISG_RUN_RUNNING,
    [DONE] = ISG_RUN_DONE,       [DIVERGED] = ISG_RUN_DIVERGED, [FAILED] = ISG_RUN_FAILED,
    [HELD] = ISG_RUN_HELD,       [NOT_OURS] = ISG_RUN_WAITING,
};

isg_run_state isg_sched_state_of(phase p)
{
    return state_of[p];
}

/* ---- actions ------------------------------------------------------------ */

isg_action *isg_sched_emit(isg_sched *s, isg_action_kind kind)
{
    if (!s->begun) return &s->scratch; /* what tasks begin with is nothing to be told */
    if (s->ring_n == s->ring_cap) {
        size_t cap = s->ring_cap ? 2 * s->ring_cap : 64;
        isg_action *ring = malloc(cap * sizeof *ring);
        if (!ring) {
            s->rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu actions", cap);
            return &s->scratch;
        }
        for (size_t i = 0; i < s->ring_n; i++) ring[i] = s->ring[(s->ring_first + i) % s->ring_cap];
        free(s->ring);
        s->ring = ring;
        s->ring_first = 0;
        s->ring_cap = cap;
    }
    isg_action *a = &s->ring[(s->ring_first + s->ring_n++) % s->ring_cap];
    a->kind = kind;
    a->n = 1;
    return a;
}

bool isg_sched_next(isg_sched *s, isg_action *out)
{
    if (!s->ring_n) return false;
    *out = s->ring[s->ring_first];
    s->ring_first = (s->ring_first + 1) % s->ring_cap;
    s->ring_n--;
    return true;
}

/* An action about one attempt. */
isg_action *isg_sched_emit_task(isg_sched *s, isg_action_kind kind, uint32_t w, uint32_t t,
                                uint32_t attempt)
{
    isg_action *a = isg_sched_emit(s, kind);
    a->worker = w;
    a->task[0] = t;
    a->attempt[0] = attempt;
    return a;
}

void isg_sched_record(isg_sched *s, uint32_t t, isg_cause cause)
{
    const task *k = &s->tasks[t];
    isg_action *a = isg_sched_emit_task(s, ISG_ACT_RECORD, k->worker, t, k->attempt);
    a->cause = cause;
    a->started = k->started;
}

void isg_sched_set_phase(isg_sched *s, uint32_t t, phase to)
{
    task *k = &s->tasks[t];
    isg_run_state was = state_of[k->phase], is = state_of[to];
    s->count[k->phase]--;
    s->count[to]++;
    k->phase = (uint8_t)to;
    if (was == is || to == DONE || to == DIVERGED) return; /* the mark says these */
    isg_sched_emit_task(s, ISG_ACT_STATE, k->worker, t, k->attempt)->state = is;
}

/* ---- workers ------------------------------------------------------------ */

void isg_sched_idle_update(isg_sched *s, uint32_t id)
{
    worker *w = &s->workers[id];
    bool want = usable(s, w) && w->free_slots > 0;
    if (want && w->idle == NONE) {
        w->idle = (uint32_t)s->n_idle;
        s->idle[s->n_idle++] = id;
    } else if (!want && w->idle != NONE) {
        uint32_t last = s->idle[--s->n_idle];
        s->idle[w->idle] = last;
        s->workers[last].idle = w->idle;
        w->idle = NONE;
    }
}

/* Changes of `state` go through here, so that the counts stay right. */
void isg_sched_worker_set(isg_sched *s, uint32_t id, worker_state to, bool aside)
{
    worker *w = &s->workers[id];
    host *h = &s->hosts[w->host];
    bool was = usable(s, w);
    w->state = to;
    bool is = to == LIVE && !aside;
    if (was != is) {
        s->usable = is ? s->usable + 1 : s->usable - 1;
        s->slots = is ? s->slots + w->slots : s->slots - w->slots;
        s->cores = is ? s->cores + w->cores : s->cores - w->cores;
        h->usable = is ? h->usable + 1 : h->usable - 1;
    }
}

void isg_sched_words_remove(isg_sched *s, uint32_t id)
{
    worker *w = &s->workers[id];
    if (w->prev != NONE)
        s->workers[w->prev].next = w->next;
    else if (s->oldest == id)
        s->oldest = w->next;
    else
        return; /* not listed */
    if (w->next != NONE)
        s->workers[w->next].prev = w->prev;
    else
        s->newest = w->prev;
    w->prev = w->next = NONE;
}

void isg_sched_words_append(isg_sched *s, uint32_t id)
{
    worker *w = &s->workers[id];
    w->heard = s->now - s->still;
    w->prev = s->newest;
    w->next = NONE;
    if (s->newest != NONE)
        s->workers[s->newest].next = id;
    else
        s->oldest = id;
    s->newest = id;
}

void isg_sched_list_add(isg_sched *s, uint32_t id, uint32_t t)
{
    worker *w = &s->workers[id];
    task *k = &s->tasks[t];
    k->worker = id;
    k->prev = NONE;
    k->next = w->first;
    if (w->first != NONE) s->tasks[w->first].prev = t;
    w->first = t;
    w->n_tasks++;
}

void isg_sched_list_remove(isg_sched *s, uint32_t t)
{
    task *k = &s->tasks[t];
    worker *w = &s->workers[k->worker];
    if (k->prev != NONE)
        s->tasks[k->prev].next = k->next;
    else
        w->first = k->next;
    if (k->next != NONE) s->tasks[k->next].prev = k->prev;
    k->prev = k->next = NONE;
    w->n_tasks--;
    if (w->state == LEAVING && !w->n_tasks) {
        isg_sched_worker_set(s, k->worker, GONE, false);
        isg_sched_words_remove(s, k->worker);
        isg_sched_emit(s, ISG_ACT_QUIT)->worker = k->worker;
    }
}

void isg_sched_measure(isg_sched *s, worker *w, double flops, double seconds)
{
    if (!(flops > 0) || !(seconds > 0)) return;
    w->flops = w->flops / 2 + flops;
    w->seconds = w->seconds / 2 + seconds;
    s->flops += flops;
    s->seconds += seconds;
    s->best_speed = fmax(s->best_speed, w->flops / w->seconds);
}
