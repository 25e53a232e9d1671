/* Handing out: which worker gets which tasks, and the slots they take. */
#include "sched_state.h"

#include <math.h>
#include <stdlib.h>

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
