/* Ways to resample: by run, and by the sizes and budgets that runs share. */

#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How far from the middle of its level a run may lie: sizes are written with few digits; budgets
 * are met but roughly, and are sometimes read off a figure. */
static const double SIZE_RATIO = 1.005, COMPUTE_RATIO = 4.0 / 3;

typedef struct place {
    double x;    /* ln N or ln C of a run */
    size_t run;  /* its number */
    size_t near; /* runs within the radius, itself among them */
    size_t at;   /* index in order of x */
} place;

typedef struct runs {
    size_t n;
    size_t *of;    /* [items] number of the run */
    double *x;     /* [n] */
    place *sorted; /* [n] in order of x */
    place *dense;  /* [n] those with most others near come first */
    size_t *level; /* [n] by run */
} runs;

static int by_x(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->x < y->x || x->x > y->x) return x->x < y->x ? -1 : 1;
    return (x->run > y->run) - (x->run < y->run);
}

static int by_near(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->near != y->near) return x->near > y->near ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Runs with most others near become the middles of levels and take what is near and still free.
 * @return the number of levels, which are numbered in order of their middles */
static size_t find_levels(runs *r, double radius)
{
    const size_t n = r->n;
    place *p = r->sorted;
    size_t lo = 0, hi = 0, count = 0;

    for (size_t i = 0; i < n; i++) p[i] = (place){.x = r->x[i], .run = i};
    qsort(p, n, sizeof *p, by_x);
    for (size_t i = 0; i < n; i++) {
        while (p[i].x - p[lo].x > radius) lo++;
        while (hi < n && p[hi].x - p[i].x <= radius) hi++;
        p[i].near = hi - lo;
        p[i].at = i;
    }
    memcpy(r->dense, p, n * sizeof *p);
    qsort(r->dense, n, sizeof *p, by_near);
    for (size_t i = 0; i < n; i++) p[i].at = n; /* now the middle of its level */
    for (size_t k = 0; k < n; k++) {
        const size_t middle = r->dense[k].at;
        if (p[middle].at < n) continue;
        for (size_t i = middle + 1; i-- > 0 && p[middle].x - p[i].x <= radius;)
            if (p[i].at == n) p[i].at = middle;
        for (size_t i = middle + 1; i < n && p[i].x - p[middle].x <= radius; i++)
            if (p[i].at == n) p[i].at = middle;
    }
    for (size_t i = 0; i < n; i++) { /* middles in order of x: number them */
        if (p[i].at == i) p[i].near = count++;
    }
    for (size_t i = 0; i < n; i++) r->level[p[i].run] = p[p[i].at].near;
    return count;
}

/* ---- compute --------------------------------------------------------------------------- */

/* FLOPs of the rows, if the table says; else NULL. */
static const isg_column *flops_column(const isg_selecting *w, const isg_item *items, size_t n)
{
    static const char *const names[] = {"C_flop", "C_flops", "flops", "FLOPs", "train_flops", "C"};

    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        const isg_column *c = isg_table_column(w->t, names[k]);
        bool good = c && c->numeric;
        for (size_t i = 0; good && i < n; i++)
            good = isfinite(c->number[items[i].row]) && c->number[items[i].row] > 1e-300;
        if (good) return c;
    }
    return NULL;
}

/* ---- groupings --------------------------------------------------------------------------- */

/* Are these two partitions the same? */
static bool same(const isg_grouping *a, const isg_grouping *b, size_t rows, size_t *seen)
{
    if (a->n != b->n) return false;
    for (size_t k = 0; k < a->n; k++) seen[k] = b->n;
    for (size_t i = 0; i < rows; i++) {
        size_t *to = &seen[a->cluster[i]];
        if (*to == b->n) *to = b->cluster[i];
        if (*to != b->cluster[i]) return false;
    }
    return true;
}

static void drop(isg_grouping *g)
{
    free(g->name);
    free(g->unit);
    free(g->cluster);
    *g = (isg_grouping){0};
}

/* Takes `unit`. @param number  [n] of the rows, or NULL: r->level of their runs */
static isg_err add(isg_selecting *w, const runs *r, const size_t *number, size_t n_groups,
                   const char *name, char *unit)
{
    isg_selection *s = w->s;
    isg_grouping *g = &s->grouping[s->n_groupings];
    size_t *seen = malloc((n_groups + 1) * sizeof *seen);

    *g = (isg_grouping){.name = isg_strdup(name),
                        .unit = unit,
                        .cluster = malloc((s->n + 1) * sizeof *g->cluster),
                        .n = n_groups};
    if (!g->name || !g->unit || !g->cluster || !seen) {
        drop(g);
        free(seen);
        return ISG_FAIL(ISG_ENOMEM, "no memory for groups of %zu rows", s->n);
    }
    for (size_t i = 0; i < s->n; i++) g->cluster[i] = number ? number[i] : r->level[r->of[i]];
    bool adds = !s->n_groupings || n_groups > 1;
    for (size_t k = 0; k < s->n_groupings && adds; k++)
        adds = !same(g, &s->grouping[k], s->n, seen);
    if (adds)
        s->n_groupings++;
    else
        drop(g);
    free(seen);
    return ISG_OK;
}

/* Runs of the items, or sweeps, which must not be torn apart either; of each the number of the one
 * with most tokens goes to `last`. */
static void number_runs(runs *r, const isg_item *items, size_t n, bool swept, size_t *last)
{
    r->n = 0;
    for (size_t i = 0; i < n; i++) {
        bool opens = !i || strcmp(items[i].cluster, items[i - 1].cluster) != 0 ||
                     (!swept && strcmp(items[i].run, items[i - 1].run) != 0);
        r->n += opens;
        r->of[i] = r->n - 1;
        if (opens || items[i].d >= items[last[r->n - 1]].d) last[r->n - 1] = i;
    }
}

/* A logarithm for every run, or there are no levels. */
static bool put(double *to, double value)
{
    if (!isfinite(value) || value < 1e-300) return false;
    *to = isg_ln(value);
    return true;
}

static isg_err add_sizes(isg_selecting *w, runs *r, const isg_item *items, const size_t *last)
{
    for (size_t k = 0; k < r->n; k++) {
        if (!put(&r->x[k], items[last[k]].n)) return ISG_OK;
    }
    size_t levels = find_levels(r, isg_ln(SIZE_RATIO));
    return add(w, r, NULL, levels, "size", isg_strdup("N equal within 0.5 %"));
}

static isg_err add_compute(isg_selecting *w, runs *r, const isg_item *items, size_t n,
                           const size_t *last)
{
    const isg_column *flops = flops_column(w, items, n);

    if (!flops && w->no_d) return ISG_OK; /* C is not known */
    for (size_t k = 0; k < r->n; k++) {
        const isg_item *at = &items[last[k]];
        if (!put(&r->x[k], flops ? flops->number[at->row] : 6 * at->n * at->d)) return ISG_OK;
    }
    size_t levels = find_levels(r, isg_ln(COMPUTE_RATIO));
    return add(w, r, NULL, levels, "compute",
               isg_strf("C = %s equal within a factor 4/3", flops ? flops->name : "6 N D"));
}

static isg_err add_all(isg_selecting *w, runs *r, const isg_item *items, size_t n, size_t *last)
{
    const char *name = w->o->rows          ? "row"
                       : w->o->cluster     ? w->cluster->name
                       : w->o->n_best_over ? "sweep"
                                           : "run";

    ISG_TRY(add(w, r, w->s->cluster, w->s->n_clusters, name, isg_strdup(w->s->cluster_unit)));
    number_runs(r, items, n, w->o->n_best_over > 0, last);
    ISG_TRY(add_sizes(w, r, items, last));
    return add_compute(w, r, items, n, last);
}

isg_err isg_selecting_groupings(isg_selecting *w, const isg_item *items, size_t n)
{
    runs r = {.of = malloc((n + 1) * sizeof *r.of),
              .x = malloc((n + 1) * sizeof *r.x),
              .sorted = malloc((n + 1) * sizeof *r.sorted),
              .dense = malloc((n + 1) * sizeof *r.dense),
              .level = malloc((n + 1) * sizeof *r.level)};
    size_t *last = malloc((n + 1) * sizeof *last);
    isg_err rc = r.of && r.x && r.sorted && r.dense && r.level && last
                     ? add_all(w, &r, items, n, last)
                     : ISG_FAIL(ISG_ENOMEM, "no memory for groups of %zu rows", n);

    free(r.of);
    free(r.x);
    free(r.sorted);
    free(r.dense);
    free(r.level);
    free(last);
    return rc;
}
