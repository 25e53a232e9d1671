/* Sweeps of settings: which rows belong to one, and the best of each. */

#include "columns.h"
#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double EQUAL = 1e-6; /* relative; for D that comes of a division */

enum { KEYS = ISG_LAW_VARS + 1 };

struct sorting;

typedef struct entry {
    const struct sorting *of;
    size_t item, cell, setting, run, sweep;
} entry;

typedef struct sorting {
    isg_selecting *w;
    isg_item *items; /* [n] in order of runs */
    size_t n, n_keys;
    double *key[KEYS];         /* [n] by item: variables of the law; equal ones have equal bits */
    const isg_column **column; /* [n_best_over] */
    entry *e;                  /* [n] */
    size_t *run;               /* [n] by item */
    size_t *row;               /* [n] of the table, in order of entries at last */
    size_t *parent;            /* [3 n] cells, runs, clusters: what hangs together */
    isg_item **by_cluster;     /* [n] */
    const char **first;        /* [3 n] first cluster of what hangs together */
    uint32_t *count;           /* [n] */
    double *weights;           /* [n] in order of entries */
    bool *best;                /* [n] by item */
} sorting;

/* ---- cells and settings ------------------------------------------------------------------- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int order(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

typedef struct value {
    double x;
    size_t item;
} value;

static int by_value(const void *a, const void *b)
{
    return compare(((const value *)a)->x, ((const value *)b)->x);
}

static isg_err add_key(sorting *s, const double *number)
{
    double *key = s->key[s->n_keys++] = malloc((s->n + 1) * sizeof *key);
    value *v = malloc((s->n + 1) * sizeof *v);

    if (!key || !v) {
        free(v);
        return ISG_FAIL(ISG_ENOMEM, "no memory for sweeps of %zu rows", s->n);
    }
    for (size_t i = 0; i < s->n; i++) {
        const double x = number[s->items[i].row];
        v[i] = (value){.x = isnan(x) ? -1 : x, .item = i};
    }
    qsort(v, s->n, sizeof *v, by_value);
    for (size_t i = 0; i < s->n; i++) {
        bool same = i && v[i].x - v[i - 1].x <= EQUAL * fabs(v[i].x);
        key[v[i].item] = same ? key[v[i - 1].item] : v[i].x;
    }
    free(v);
    return ISG_OK;
}

static isg_err make_keys(sorting *s)
{
    const isg_selecting *w = s->w;
    const isg_column *unique = isg_table_column(w->t, "unique_tokens");

    for (size_t k = 0; k < w->law->n_vars; k++) ISG_TRY(add_key(s, w->var[k]));
    /* how often data are repeated is no setting */
    return unique && unique->numeric ? add_key(s, unique->number) : ISG_OK;
}

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int c = 0;
    for (size_t k = 0; k < x->of->n_keys && !c; k++)
        c = compare(x->of->key[k][x->item], x->of->key[k][y->item]);
    return c;
}

static int by_columns(const sorting *s, size_t a, size_t b)
{
    int c = 0;
    for (size_t k = 0; k < s->w->o->n_best_over && !c; k++) {
        const isg_column *column = s->column[k];
        const size_t i = s->items[a].row, j = s->items[b].row;
        c = column->numeric ? compare(column->number[i], column->number[j])
                            : strcmp(column->text[i], column->text[j]);
    }
    return c;
}

static int by_setting(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int c = order(x->cell, y->cell);
    if (!c) c = by_columns(x->of, x->item, y->item);
    return c ? c : order(x->item, y->item);
}

static void number_cells(sorting *s)
{
    for (size_t i = 0; i < s->n; i++) s->e[i] = (entry){.of = s, .item = i};
    qsort(s->e, s->n, sizeof *s->e, by_key);
    for (size_t i = 1; i < s->n; i++)
        s->e[i].cell = s->e[i - 1].cell + (by_key(&s->e[i - 1], &s->e[i]) != 0);
    qsort(s->e, s->n, sizeof *s->e, by_setting);
    for (size_t i = 1; i < s->n; i++) {
        bool same =
            s->e[i].cell == s->e[i - 1].cell && !by_columns(s, s->e[i].item, s->e[i - 1].item);
        s->e[i].setting = s->e[i - 1].setting + !same;
    }
}

/* ---- sweeps and clusters ------------------------------------------------------------------- */

static size_t root(size_t *parent, size_t i)
{
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static void unite(size_t *parent, size_t a, size_t b)
{
    a = root(parent, a);
    b = root(parent, b);
    if (a < b) parent[b] = a;
    if (b < a) parent[a] = b;
}

static int by_cluster(const void *a, const void *b)
{
    const isg_item *const *x = a, *const *y = b;
    return strcmp((*x)->cluster, (*y)->cluster);
}

/* Runs that share a cell are one sweep, called by its first cell; sweeps that share a cluster are
 * drawn together. */
static void join(sorting *s)
{
    const size_t n = s->n;
    size_t *parent = s->parent; /* cells from 0 on, runs from n on, clusters from 2 n on */

    for (size_t i = 0; i < 3 * n; i++) parent[i] = i;
    for (size_t i = 0; i < n; i++) {
        s->run[i] = i ? s->run[i - 1] + (strcmp(s->items[i].run, s->items[i - 1].run) != 0) : 0;
        s->by_cluster[i] = &s->items[i];
    }
    for (size_t i = 0; i < n; i++) {
        s->e[i].run = s->run[s->e[i].item];
        unite(parent, s->e[i].cell, n + s->e[i].run);
    }
    for (size_t i = 0; i < n; i++) s->e[i].sweep = root(parent, s->e[i].cell);
    qsort(s->by_cluster, n, sizeof(isg_item *), by_cluster);
    for (size_t i = 0, at = 0; i < n; i++) {
        if (i && by_cluster(&s->by_cluster[i - 1], &s->by_cluster[i])) at = i;
        unite(parent, n + s->run[s->by_cluster[i] - s->items], 2 * n + at);
    }
    for (size_t i = 0; i < n; i++) {
        const char **first = &s->first[root(parent, n + s->run[s->by_cluster[i] - s->items])];
        if (!*first) *first = s->by_cluster[i]->cluster;
    }
    for (size_t i = 0; i < n; i++) s->items[i].cluster = s->first[root(parent, n + s->run[i])];
}

static int by_sweep(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int c = order(x->sweep, y->sweep);
    if (!c) c = order(x->setting, y->setting); /* settings are numbered through the cells */
    if (!c) c = order(x->run, y->run);
    return c ? c : order(x->item, y->item);
}

/* ---- result ---------------------------------------------------------------------------------- */

static isg_err allocate(const sorting *s, isg_sweeps *to)
{
    const size_t bytes = (s->n + 1) * sizeof(size_t);
    bool good = true;

    for (size_t k = 0; k < s->w->law->n_vars; k++) {
        to->var[k] = malloc((s->n + 1) * sizeof *to->var[k]);
        good = good && to->var[k];
    }
    to->loss = malloc((s->n + 1) * sizeof *to->loss);
    to->cell = malloc(bytes);
    to->setting = malloc(bytes);
    to->run = malloc(bytes);
    to->first_row = malloc(bytes);
    to->first_run = malloc(bytes);
    to->kept = malloc(bytes);
    good = good && to->loss && to->cell && to->setting && to->run && to->first_row &&
           to->first_run && to->kept;
    return good ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for sweeps of %zu rows", s->n);
}

/* Rows into the order of the entries; runs are numbered as they come, those of a sweep together. */
static void fill(sorting *s, isg_sweeps *to)
{
    const size_t none = s->n;
    size_t *number = s->parent; /* [n] by run; what hangs together is known now */

    for (size_t k = 0; k < s->n; k++) number[k] = none;
    qsort(s->e, s->n, sizeof *s->e, by_sweep);
    to->n = s->n;
    for (size_t i = 0; i < s->n; i++) {
        const entry *e = &s->e[i];
        const size_t row = s->items[e->item].row;
        const bool opens = !i || e->sweep != e[-1].sweep;
        if (opens) {
            to->first_row[to->n_sweeps] = i;
            to->first_run[to->n_sweeps++] = to->n_runs;
        }
        if (number[e->run] == none) number[e->run] = to->n_runs++;
        to->run[i] = number[e->run];
        to->n_cells += opens || e->cell != e[-1].cell;
        to->n_settings += opens || e->setting != e[-1].setting;
        to->cell[i] = to->n_cells - 1;
        to->setting[i] = to->n_settings - 1;
        to->loss[i] = s->items[e->item].loss;
        for (size_t k = 0; k < s->w->law->n_vars; k++) to->var[k][i] = s->w->var[k][row];
        s->w->sweep_of[row] = to->n_sweeps - 1;
    }
    to->first_row[to->n_sweeps] = s->n;
    to->first_run[to->n_sweeps] = to->n_runs;
}

/* The envelope of all runs. @return rows on it */
static size_t choose(sorting *s, isg_sweeps *to)
{
    size_t kept = 0;

    for (size_t k = 0; k < to->n_runs; k++) s->count[k] = 1;
    for (size_t i = 0, next; i < s->n; i = next) {
        for (next = i + 1; next < s->n && to->cell[next] == to->cell[i];) next++;
        isg_sweeps_envelope(to, i, next, s->count, s->weights);
        to->alone += to->setting[next - 1] == to->setting[i];
    }
    for (size_t i = 0; i < s->n; i++) s->best[s->e[i].item] = s->weights[i] > 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->best[i]) s->items[kept++] = s->items[i];
    }
    return kept;
}

/* ---- what is doubtful -------------------------------------------------------------------------- */

/* Cells whose best value of a column is the least or the largest that was tried. */
static isg_err warn_edges(const sorting *s, const isg_sweeps *to, const isg_column *c)
{
    size_t cells = 0, edges = 0;
    const char *example = "";

    if (!c->numeric) return ISG_OK;
    for (size_t i = 0, next; i < s->n; i = next) {
        double lo = INFINITY, hi = -INFINITY, best = NAN;
        const char *text = "";
        for (next = i; next < s->n && to->cell[next] == to->cell[i]; next++) {
            const size_t row = s->row[next];
            const double x = c->number[row];
            lo = fmin(lo, x);
            hi = fmax(hi, x);
            if (!(s->weights[next] > 0)) continue;
            best = x;
            text = c->text[row];
        }
        if (!(hi > lo)) continue;
        cells++;
        if (best > lo && best < hi) continue;
        if (!edges++) example = text;
    }
    if (!edges) return ISG_OK;
    return isg_selecting_warn(s->w, isg_strf("The best %s is at the sweep's edge in %zu of %zu "
                                             "cells (for instance %s = %s): widen the sweep.",
                                             c->name, edges, cells, c->name, example));
}

static isg_err say(sorting *s, const isg_sweeps *to, const char *columns, size_t kept)
{
    if (to->alone == to->n_cells)
        return ISG_FAIL(ISG_EDATA,
                        "--best-over %s: no two rows of %s agree in all variables of law %s and "
                        "differ there: there is nothing to choose from",
                        columns, s->w->t->source, s->w->law->name);
    ISG_TRY(isg_selecting_note(
        s->w, isg_strf("Of %zu rows (%zu runs) the best over %s is fitted in each of %zu cells of "
                       "equal variables: %zu rows. Replicates draw sweeps and, inside them, runs.",
                       to->n, to->n_runs, columns, to->n_cells, kept)));
    for (size_t k = 0; k < s->w->o->n_best_over; k++) ISG_TRY(warn_edges(s, to, s->column[k]));
    if (!to->alone) return ISG_OK;
    return isg_selecting_warn(s->w, isg_strf("%zu of %zu cells have one setting of %s only: their "
                                             "loss is not the best of a sweep.",
                                             to->alone, to->n_cells, columns));
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static isg_err find_columns(sorting *s, isg_str *list)
{
    const isg_selecting *w = s->w;

    if (w->o->rows)
        return ISG_FAIL(ISG_EUSAGE,
                        "--best-over draws sweeps and their runs: it does not go with --resample "
                        "rows");
    for (size_t k = 0; k < w->o->n_best_over; k++) {
        const char *name = w->o->best_over[k];
        const isg_column *c = s->column[k] = isg_table_column(w->t, name);
        if (!c) return isg_columns_unknown(w->t, name, "--best-over");
        if (isg_selecting_explained(w, c))
            return ISG_FAIL(ISG_EUSAGE, "--best-over %s: that is %s, not a setting", name,
                            c == w->loss.column ? "the loss" : "a variable of the law");
        if (c == w->run || c == w->cluster)
            return ISG_FAIL(ISG_EUSAGE, "--best-over %s: that names runs, it is not a setting",
                            name);
        if (strstr(name, "seed"))
            return ISG_FAIL(ISG_EUSAGE,
                            "--best-over %s: the best of several seeds is too good; rows of one "
                            "setting that differ in their seed are averaged",
                            name);
        ISG_TRY(isg_str_printf(list, "%s%s", k ? ", " : "", name));
    }
    return ISG_OK;
}

static isg_err make(sorting *s, isg_sweeps *to, size_t *kept)
{
    isg_str columns = {0};
    isg_err rc = find_columns(s, &columns);

    if (!rc) rc = allocate(s, to);
    if (!rc) rc = make_keys(s);
    if (!rc) {
        number_cells(s);
        join(s);
        fill(s, to);
        for (size_t i = 0; i < s->n; i++) s->row[i] = s->items[s->e[i].item].row;
        *kept = choose(s, to);
        rc = say(s, to, isg_str_c(&columns), *kept);
    }
    isg_str_free(&columns);
    return rc;
}

isg_err isg_selecting_sweeps(isg_selecting *w, isg_item *items, size_t *n)
{
    const size_t m = *n + 1;
    sorting s = {.w = w,
                 .items = items,
                 .n = *n,
                 .column = calloc(w->o->n_best_over + 1, sizeof *s.column),
                 .e = calloc(m, sizeof *s.e),
                 .run = calloc(m, sizeof *s.run),
                 .row = calloc(m, sizeof *s.row),
                 .parent = calloc(3 * m, sizeof *s.parent),
                 .by_cluster = calloc(m, sizeof *s.by_cluster),
                 .first = calloc(3 * m, sizeof *s.first),
                 .count = calloc(m, sizeof *s.count),
                 .weights = calloc(m, sizeof *s.weights),
                 .best = calloc(m, sizeof *s.best)};
    isg_err rc = ISG_OK;

    w->s->sweeps = calloc(1, sizeof *w->s->sweeps);
    w->sweep_of = calloc(w->t->n_rows + 1, sizeof *w->sweep_of);
    if (!s.column || !s.e || !s.run || !s.row || !s.parent || !s.by_cluster || !s.first ||
        !s.count || !s.weights || !s.best || !w->s->sweeps || !w->sweep_of)
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for sweeps of %zu rows", *n);
    if (!rc) rc = make(&s, w->s->sweeps, n);
    for (size_t k = 0; k < s.n_keys; k++) free(s.key[k]);
    free(s.column);
    free(s.e);
    free(s.run);
    free(s.row);
    free(s.parent);
    free(s.by_cluster);
    free(s.first);
    free(s.count);
    free(s.weights);
    free(s.best);
    return rc;
}
