/* What a plan will cost: a simulation of the scheduler's order on equal
 * workers that never fail. */
#include "build.h"
#include "isogloss/numerics.h"
#include "isogloss/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What proxies make of the peak, by d and numerics, in training and in evaluation: whole steps at
 * batch 1024 beside other jobs, `isogloss-train --bench p0 p3 p6 p9`. Alone on a machine they make
 * more of it, in a campaign less: docs/benchmarks.md. */
static const struct {
    double d, training[3], evaluation[3]; /* generic, avx2, avx512 */
} shares[] = {
    {32, {0.45, 0.58, 0.67}, {0.35, 0.47, 0.55}},
    {64, {0.48, 0.60, 0.70}, {0.42, 0.58, 0.68}},
    {128, {0.47, 0.62, 0.72}, {0.49, 0.58, 0.71}},
    {384, {0.47, 0.68, 0.76}, {0.53, 0.66, 0.77}},
};
enum { SHARES = sizeof shares / sizeof *shares };

static const double peak_of_2024[] = {60e9, 120e9, 230e9};

static int level_of(const isg_plan *plan)
{
    int level = isg_numerics_level(plan->numerics);
    return level < 0 ? 0 : level;
}

/* Between two rows in proportion to d, beyond them as there. */
static double share_of_peak(const isg_plan *plan, double d, bool evaluation)
{
    const int level = level_of(plan);
    size_t hi = 1;
    while (hi < SHARES - 1 && shares[hi].d < d) hi++;
    const double *a = evaluation ? shares[hi - 1].evaluation : shares[hi - 1].training;
    const double *b = evaluation ? shares[hi].evaluation : shares[hi].training;
    double at = (d - shares[hi - 1].d) / (shares[hi].d - shares[hi - 1].d);
    at = at < 0 ? 0 : at > 1 ? 1 : at;
    return a[level] + at * (b[level] - a[level]);
}

static double training_flops(const isg_run *r)
{
    return (double)(r->tokens - r->from) * isg_shape_flops(&r->shape);
}

size_t isg_plan_run_workers(const isg_plan *plan, size_t run)
{
    const isg_run *r = &plan->runs[run];
    return r->gpus || !r->cores ? 1 : r->cores;
}

static double proxy_seconds(const isg_plan *plan, const isg_run *r, isg_speed speed)
{
    const double d = r->shape.d, training = training_flops(r);
    const double peak = speed.peak > 0 ? speed.peak : peak_of_2024[level_of(plan)];
    return (training / share_of_peak(plan, d, false) +
            (r->flops - training) / share_of_peak(plan, d, true)) /
           peak;
}

/* Times as fast as one core: docs/trainer.md, "Threads". Of commands we know what --speed says. */
static double speed_up(const isg_plan *plan, const isg_run *r)
{
    static const double another_core = 0.85;
    return plan->trainer == ISG_TRAINER_PROXY && r->cores > 1 ? 1 + another_core * (r->cores - 1)
                                                              : 1;
}

double isg_plan_run_seconds(const isg_plan *plan, size_t run, isg_speed speed)
{
    const isg_run *r = &plan->runs[run];
    double least = 0, own = 0;
    if (plan->trainer != ISG_TRAINER_SYNTHETIC) {
        double one = speed.flops > 0                      ? r->flops / speed.flops
                     : plan->trainer == ISG_TRAINER_PROXY ? proxy_seconds(plan, r, speed)
                                                          : r->flops / 1e12;
        return one / speed_up(plan, r);
    }
    (void)isg_json_number(plan->trainer_settings, "seconds_per_run", &least);
    (void)isg_json_number(plan->trainer_settings, "speed", &own);
    return least + (own > 0 ? r->flops / own : 0);
}

/* ---- a heap of runs ----------------------------------------------------- */

typedef struct heap {
    size_t *item;
    size_t n;
    const double *key;    /* least first */
    const size_t *height; /* before the key: greatest first; or NULL */
} heap;

static bool before(const heap *h, size_t a, size_t b)
{
    if (h->height && h->height[a] != h->height[b]) return h->height[a] > h->height[b];
    if (h->key[a] < h->key[b] || h->key[a] > h->key[b]) return h->key[a] < h->key[b];
    return a < b;
}

static void heap_push(heap *h, size_t item)
{
    size_t i = h->n++;
    for (; i > 0 && before(h, item, h->item[(i - 1) / 2]); i = (i - 1) / 2)
        h->item[i] = h->item[(i - 1) / 2];
    h->item[i] = item;
}

static size_t heap_pop(heap *h)
{
    size_t top = h->item[0], last = h->item[--h->n], i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->n) break;
        if (child + 1 < h->n && before(h, h->item[child + 1], h->item[child])) child++;
        if (before(h, last, h->item[child])) break;
        h->item[i] = h->item[child];
        i = child;
    }
    h->item[i] = last;
    return top;
}

/* ---- the simulation ----------------------------------------------------- */

/* Ready runs of one width, which is how many workers a run occupies. Like the scheduler, the
 * simulation begins the best run that fits; those that do not fit are not looked through. */
typedef struct queue {
    size_t width, most; /* most: runs of this width */
    heap ready;
} queue;

typedef struct simulation {
    size_t n;
    double *seconds, *order, *end; /* [n]; order = -seconds * width */
    size_t *height;                /* runs below in the longest chain */
    size_t *first, *next;          /* children, as index + 1 */
    size_t *ready, *running;
    size_t *queue_of; /* [n] into queues */
    queue *queues;    /* [n_queues], one a width */
    size_t n_queues;
} simulation;

static void simulation_free(simulation *s)
{
    free(s->seconds);
    free(s->order);
    free(s->end);
    free(s->height);
    free(s->first);
    free(s->next);
    free(s->ready);
    free(s->running);
    free(s->queue_of);
    free(s->queues);
}

static isg_err simulation_create(size_t n, simulation *s)
{
    *s = (simulation){.n = n};
    s->seconds = calloc(n + 1, sizeof *s->seconds);
    s->order = calloc(n + 1, sizeof *s->order);
    s->end = calloc(n + 1, sizeof *s->end);
    s->height = calloc(n + 1, sizeof *s->height);
    s->first = calloc(n + 1, sizeof *s->first);
    s->next = calloc(n + 1, sizeof *s->next);
    s->ready = calloc(n + 1, sizeof *s->ready);
    s->running = calloc(n + 1, sizeof *s->running);
    s->queue_of = calloc(n + 1, sizeof *s->queue_of);
    s->queues = calloc(n + 1, sizeof *s->queues);
    bool good = s->seconds && s->order && s->end && s->height && s->first && s->next && s->ready &&
                s->running && s->queue_of && s->queues;
    return good ? ISG_OK : isg_build_no_memory();
}

/* Widths are few: lines of `resources`. */
static void make_queues(const isg_plan *p, simulation *s)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        size_t width = isg_plan_run_workers(p, i), q = 0;
        while (q < s->n_queues && s->queues[q].width != width) q++;
        if (q == s->n_queues) s->queues[s->n_queues++].width = width;
        s->queues[q].most++;
        s->queue_of[i] = q;
        s->order[i] = -s->seconds[i] * (double)width;
    }
    size_t *item = s->ready;
    for (size_t q = 0; q < s->n_queues; q++) {
        s->queues[q].ready = (heap){.item = item, .key = s->order, .height = s->height};
        item += s->queues[q].most;
    }
}

/* Parents have smaller indices than their children. */
static void link_runs(const isg_plan *p, isg_speed speed, simulation *s, isg_estimate *out)
{
    for (size_t i = p->n_runs; i-- > 0;) {
        const isg_run *r = &p->runs[i];
        s->seconds[i] = isg_plan_run_seconds(p, i, speed);
        if (r->parent == ISG_NO_RUN) continue;
        if (s->height[r->parent] < s->height[i] + 1) s->height[r->parent] = s->height[i] + 1;
        s->next[i] = s->first[r->parent];
        s->first[r->parent] = i + 1;
        out->waiting += !r->trunk;
        out->waiting_parts += r->trunk;
    }
}

static void make_ready(simulation *s, size_t run)
{
    heap_push(&s->queues[s->queue_of[run]].ready, run);
}

/* The queue whose first run is the best of those that fit, or NULL. */
static queue *choose(simulation *s, size_t free_workers)
{
    queue *best = NULL;
    for (queue *q = s->queues; q < s->queues + s->n_queues; q++) {
        if (!q->ready.n || q->width > free_workers) continue;
        if (!best || before(&q->ready, q->ready.item[0], best->ready.item[0])) best = q;
    }
    return best;
}

/* None of the runs is wider than all workers: such a one would never begin. */
static double run_simulation(const isg_plan *p, size_t workers, simulation *s)
{
    heap running = {.item = s->running, .key = s->end};
    double now = 0;
    make_queues(p, s);
    for (size_t i = 0; i < p->n_runs; i++) {
        if (p->runs[i].parent == ISG_NO_RUN) make_ready(s, i);
    }
    for (size_t left = p->n_runs; left; left--) {
        for (queue *q; (q = choose(s, workers));) {
            size_t i = heap_pop(&q->ready);
            workers -= q->width;
            s->end[i] = now + s->seconds[i];
            heap_push(&running, i);
        }
        size_t done = heap_pop(&running);
        now = s->end[done];
        workers += s->queues[s->queue_of[done]].width;
        for (size_t c = s->first[done]; c; c = s->next[c - 1]) make_ready(s, c - 1);
    }
    return now;
}

void isg_plan_branches(const isg_plan *p, isg_branches *out)
{
    *out = (isg_branches){0};
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        double f = isg_shape_flops(&r->shape);
        out->training += (double)(r->tokens - r->from) * f;
        if (!r->trunk) out->unbranched += (double)r->tokens * f;
        out->runs += !r->trunk && r->from;
        out->parts += r->trunk;
        out->trunks += r->trunk && !r->from;
    }
}

size_t isg_plan_own_runs(const isg_plan *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_runs; i++) n += !p->runs[i].trunk;
    return n;
}

const char *isg_plan_runs_text(const isg_plan *p, char *buf, size_t cap)
{
    char parts[64] = "";
    const size_t own = isg_plan_own_runs(p), n = p->n_runs - own;
    if (n)
        (void)snprintf(parts, sizeof parts, " and %zu %s", n,
                       isg_str_plural(n, "part of a trunk", "parts of trunks"));
    (void)snprintf(buf, cap, "%zu %s%s in %zu %s", own, isg_str_plural(own, "run", "runs"), parts,
                   p->n_families, isg_str_plural(p->n_families, "family", "families"));
    return buf;
}

static double store_bytes(const isg_plan *p)
{
    double l = (double)p->n_languages, e = (double)p->n_evaluations, shards = (double)p->max_shards;
    double point = 8 + 1 + 8 * l + 8 * e + 4 * e * shards;
    double run = 400 + (double)p->n_families + 16 * l + 8 * (double)p->n_settings;
    double attempts = 2 * 400;
    return 65536 + (double)strlen(p->text) +
           (double)p->n_runs * ((double)p->max_points * point + run + attempts);
}

static void find_shares(const isg_plan *p, isg_estimate *out)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        double share = share_of_peak(p, p->runs[i].shape.d, false);
        if (share > out->most_share) out->most_share = share;
        if (share < out->least_share || i == 0) out->least_share = share;
    }
}

isg_err isg_plan_estimate(const isg_plan *p, size_t workers, isg_speed speed, isg_estimate *out)
{
    simulation s;
    double busy_s = 0;
    *out = (isg_estimate){.store_bytes = store_bytes(p)};
    isg_err rc = simulation_create(p->n_runs, &s);
    if (!rc) {
        double *chain = s.end; /* until the simulation needs it */
        link_runs(p, speed, &s, out);
        for (size_t i = 0; i < p->n_runs; i++) {
            const isg_run *r = &p->runs[i];
            out->flops += r->flops;
            out->evaluation_flops += r->flops - training_flops(r);
            const size_t width = isg_plan_run_workers(p, i);
            busy_s += s.seconds[i];
            out->work_s += s.seconds[i] * (double)width;
            out->wide += width > 1;
            out->too_wide += width > workers;
            if (width > out->widest) out->widest = width;
            if (r->depth + 1 > out->depth) out->depth = r->depth + 1;
            chain[i] = s.seconds[i] + (r->parent == ISG_NO_RUN ? 0 : chain[r->parent]);
            if (chain[i] > out->chain_s) out->chain_s = chain[i];
            if (s.seconds[i] > out->longest_s || i == 0) {
                out->longest_s = s.seconds[i];
                out->longest = i;
            }
        }
        out->speed = busy_s > 0 ? out->flops / busy_s : 0;
        if (!(speed.flops > 0) && p->trainer == ISG_TRAINER_PROXY) find_shares(p, out);
        if (!out->too_wide) out->makespan_s = run_simulation(p, workers, &s);
    }
    simulation_free(&s);
    return rc;
}
