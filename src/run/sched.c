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
 */

#include "sched_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- handing out -------------------------------------------------------- */

/* Can it end, or at least reach a checkpoint, before the job must be over? */
static bool in_time(const isg_sched *s, const task *k, double speed)
{
    double left = s->opt.end - s->opt.margin_s - s->now;
    double needs = speed > 0 ? rest_of(k) / (speed * k->cores) : 0;
    return left > 0 && fmin(needs, s->opt.checkpoint_s) <= left;
}

static bool fits(const worker *w, const isg_ready_group *g)
{
    return w->free_slots > 0 && g->cores <= w->free_cores && g->gpus <= w->free_gpus;
}

/* The group whose first task this worker should get, or NULL. */
static isg_ready_group *choose(isg_sched *s, const worker *w)
{
    isg_ready_group *best = NULL;
    double own = speed_of(s, w), fastest = fmax(own, s->best_speed);
    for (size_t i = 0; i < s->ready.n_groups; i++) {
        isg_ready_group *g = &s->ready.groups[i];
        if (!g->n || !fits(w, g)) continue;
        while (g->n && !in_time(s, &s->tasks[g->heap[0]], fastest)) { /* time only gets shorter */
            (void)isg_ready_pop(&s->ready, g);
            s->parked++;
        }
        if (!g->n || !in_time(s, &s->tasks[g->heap[0]], own)) continue;
        if (!best || s->level[g->heap[0]] > s->level[best->heap[0]]) best = g;
    }
    return best;
}

static uint32_t bundle_new(isg_sched *s)
{
    if (s->free_bundle == NONE) {
        size_t more = s->n_bundles ? 2 * s->n_bundles : 64;
        bundle *b = realloc(s->bundles, more * sizeof *b);
        if (!b) {
            s->rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu bundles", more);
            return NONE;
        }
        s->bundles = b;
        for (size_t i = more; i-- > s->n_bundles;) {
            b[i].left = s->free_bundle;
            s->free_bundle = (uint32_t)i;
        }
        s->n_bundles = more;
    }
    uint32_t id = s->free_bundle;
    s->free_bundle = s->bundles[id].left;
    return id;
}

/* Give a bundle of this group: as many as lanes allow, but leave enough for the others. */
static bool hand_out(isg_sched *s, uint32_t id, isg_ready_group *g)
{
    worker *w = &s->workers[id];
    uint32_t b = bundle_new(s);
    if (b == NONE) return false;
    size_t share = g->n / (2 * s->slots) + 1;
    uint32_t want = share < s->opt.lanes ? (uint32_t)share : s->opt.lanes;
    uint32_t got[ISG_MSG_BUNDLE], n = 0;
    double speed = speed_of(s, w);
    while (n < want && g->n && in_time(s, &s->tasks[g->heap[0]], speed))
        got[n++] = isg_ready_pop(&s->ready, g);

    s->bundles[b] = (bundle){id, g->cores, g->gpus, n};
    w->free_slots--;
    w->free_cores -= g->cores;
    w->free_gpus -= g->gpus;
    s->busy++;
    for (uint32_t i = 0; i < n; i++) {
        task *k = &s->tasks[got[i]];
        k->attempt++;
        k->bundle = b;
        k->started = s->now;
        isg_sched_list_add(s, id, got[i]);
        isg_sched_set_phase(s, got[i], SENT);
    }
    isg_action *a = isg_sched_emit(s, ISG_ACT_START);
    a->worker = id;
    a->n = n;
    a->cores = g->cores;
    a->gpus = g->gpus;
    for (uint32_t i = 0; i < n; i++) {
        a->task[i] = got[i];
        a->attempt[i] = s->tasks[got[i]].attempt;
    }
    return true;
}

/* Give a worker all that it can take. */
void isg_sched_fill(isg_sched *s, uint32_t id)
{
    worker *w = &s->workers[id];
    if (!s->draining && usable(s, w)) {
        for (isg_ready_group *g; w->free_slots && (g = choose(s, w)) && hand_out(s, id, g);) {
        }
        for (size_t i = 0; i < s->ready.n_groups; i++) {
            isg_ready_group *g = &s->ready.groups[i];
            if (!g->n && fits(w, g)) g->blocked = false; /* here is somebody for the next one */
        }
    }
    isg_sched_idle_update(s, id);
}

/* A task is ready: queue it and find somebody idle for it. */
void isg_sched_offer(isg_sched *s, uint32_t t)
{
    isg_ready_group *g = isg_ready_push(&s->ready, t);
    if (s->draining || g->blocked) return;
    for (size_t i = s->n_idle; i-- > 0;) {
        if (fits(&s->workers[s->idle[i]], g)) {
            isg_sched_fill(s, s->idle[i]);
            return;
        }
    }
    g->blocked = true;
}

/* The task is out of its bundle, which is returned. */
uint32_t isg_sched_take_out(isg_sched *s, uint32_t t)
{
    uint32_t id = s->tasks[t].bundle;
    s->tasks[t].bundle = NONE;
    return id;
}

/* A member of a bundle has ended; the last one frees the slot. */
void isg_sched_release(isg_sched *s, uint32_t id)
{
    if (id == NONE) return;
    bundle *b = &s->bundles[id];
    if (--b->left) return;
    worker *w = &s->workers[b->worker];
    uint32_t of = b->worker;
    w->free_slots++;
    w->free_cores += b->cores;
    w->free_gpus += b->gpus;
    s->busy--;
    b->left = s->free_bundle;
    s->free_bundle = id;
    isg_sched_fill(s, of);
}

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
