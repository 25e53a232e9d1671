/* Making, looking at and ending a scheduler. */

#include "sched_state.h"

#include <math.h>
#include <stdlib.h>

isg_sched_options isg_sched_defaults(void)
{
    return (isg_sched_options){.lanes = 1,
                               .workers = 1,
                               .join_s = 120,
                               .lease_s = 30,
                               .drain_s = 120,
                               .end = (double)INFINITY,
                               .margin_s = 20,
                               .checkpoint_s = (double)INFINITY,
                               .quick_s = 10,
                               .quick_failures = 3};
}

/* ---- life ---------------------------------------------------------------- */

/* Children lists and levels, leaves first. A cycle leaves tasks over. */
static isg_err build_forest(isg_sched *s, const isg_sched_task *in)
{
    isg_err rc = ISG_OK;
    size_t n = s->n, head = 0, tail = 0;
    uint32_t *open = calloc(n + 1, sizeof *open), *queue = malloc((n + 1) * sizeof *queue);
    if (!open || !queue) {
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu tasks", n);
        goto done;
    }
    for (size_t t = n; t-- > 0;) {
        uint32_t p = in[t].parent;
        if (p == ISG_NO_TASK) continue;
        if (p >= n || p == t) {
            rc = ISG_FAIL(ISG_EARG, "task %zu: there is no parent %u", t, p);
            goto done;
        }
        s->tasks[t].sibling = s->tasks[p].child;
        s->tasks[p].child = (uint32_t)t;
        open[p]++;
    }
    for (size_t t = 0; t < n; t++) {
        s->level[t] = rest_of(&s->tasks[t]);
        if (!open[t]) queue[tail++] = (uint32_t)t;
    }
    while (head < tail) {
        uint32_t t = queue[head++], p = s->tasks[t].parent;
        if (p == ISG_NO_TASK) continue;
        s->level[p] = fmax(s->level[p], rest_of(&s->tasks[p]) + s->level[t]);
        if (--open[p] == 0) queue[tail++] = p;
    }
    if (tail < n) rc = ISG_FAIL(ISG_EARG, "parents of %zu tasks form a cycle", n - tail);
done:
    free(open);
    free(queue);
    return rc;
}

isg_err isg_sched_create(const isg_sched_options *options, const isg_sched_task *in, size_t n,
                         isg_sched **out)
{
    *out = NULL;
    if (n >= NONE) return ISG_FAIL(ISG_EARG, "%zu tasks are too many", n);
    isg_sched *s = calloc(1, sizeof *s);
    if (!s) return ISG_FAIL(ISG_ENOMEM, "no memory for a scheduler");
    isg_err rc = ISG_OK;
    s->opt = *options;
    s->opt.lanes = options->lanes < 1                ? 1
                   : options->lanes > ISG_MSG_BUNDLE ? ISG_MSG_BUNDLE
                                                     : options->lanes;
    s->n = n;
    s->free_bundle = s->oldest = s->newest = NONE;
    s->tasks = calloc(n + 1, sizeof *s->tasks);
    s->level = calloc(n + 1, sizeof *s->level);
    if (!s->tasks || !s->level) {
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu tasks", n);
        goto done;
    }
    for (size_t t = 0; t < n; t++) {
        s->tasks[t] = (task){.cost = in[t].cost > 0 ? in[t].cost : 0,
                             .progress = in[t].progress,
                             .parent = in[t].parent,
                             .follows = in[t].follows,
                             .cores = in[t].cores ? in[t].cores : 1,
                             .attempt = in[t].attempts,
                             .child = NONE,
                             .sibling = NONE,
                             .worker = NONE,
                             .bundle = NONE,
                             .prev = NONE,
                             .next = NONE};
    }
    rc = build_forest(s, in);
    if (rc) goto done;
    rc = isg_ready_init(&s->ready, in, n, s->opt.lanes > 1, s->level);
    if (rc) goto done;
    isg_sched_place(s, in);
    rc = s->rc;
    if (rc) goto done;
    *out = s;
    s = NULL;
done:
    isg_sched_destroy(&s);
    return rc;
}

void isg_sched_destroy(isg_sched **sched)
{
    isg_sched *s = *sched;
    if (!s) return;
    isg_ready_free(&s->ready);
    free(s->tasks);
    free(s->level);
    free(s->workers);
    free(s->idle);
    free(s->bundles);
    free(s->hosts);
    free(s->ring);
    free(s);
    *sched = NULL;
}

/* ---- looking ------------------------------------------------------------- */

uint32_t isg_sched_attempt(const isg_sched *s, uint32_t t)
{
    return s->tasks[t].attempt;
}

isg_run_state isg_sched_state(const isg_sched *s, uint32_t t)
{
    return isg_sched_state_of((phase)s->tasks[t].phase);
}

bool isg_sched_knows(const isg_sched *s, uint32_t id)
{
    return id < s->n_workers && s->workers[id].state != ABSENT && s->workers[id].state != GONE;
}

void isg_sched_look(const isg_sched *s, double now, isg_sched_status *out)
{
    *out = (isg_sched_status){.total = s->n - s->count[NOT_OURS],
                              .waiting = s->count[WAITING],
                              .ready = s->count[READY],
                              .running = active(s),
                              .done = s->count[DONE],
                              .diverged = s->count[DIVERGED],
                              .failed = s->count[FAILED],
                              .held = s->count[HELD],
                              .workers = s->usable,
                              .slots = s->slots,
                              .busy = s->busy,
                              .cost = s->cost,
                              .cost_done = s->cost_done,
                              .cost_now = s->cost_now,
                              .draining = s->draining};
    double longest = 0, mean = s->seconds > 0 ? s->flops / s->seconds : s->opt.speed;
    for (uint32_t id = s->oldest; id != NONE; id = s->workers[id].next) {
        double speed = speed_of(s, &s->workers[id]);
        for (uint32_t t = s->workers[id].first; t != NONE; t = s->tasks[t].next) {
            const task *k = &s->tasks[t];
            double rest = rest_of(k), rate = speed * k->cores;
            double done = is_running(k) ? fmin(0.99 * rest, (now - k->started) * rate) : rest;
            out->cost_done += done;
            out->cost_now += done;
            if (rate > 0) longest = fmax(longest, (rest - done) / rate);
        }
    }
    size_t open = out->waiting + out->ready + out->running,
           at_once = s->slots < open ? s->slots : open;
    double cores = s->cost > 0 ? (double)at_once * s->wide / s->cost : (double)at_once;
    cores = fmin(cores, (double)s->cores);
    if ((double)out->running > cores) cores = (double)out->running; /* lanes */
    if (mean > 0 && cores > 0)
        out->eta_s = fmax(longest, (out->cost - out->cost_done) / (mean * cores));
}
