#include "runs.h"

#include "columns.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_ALIKE = 10 }; /* fewer values of a column are a setting rather than names of runs */

typedef struct seen {
    double d, x;
    bool any;
} seen;

typedef struct guess {
    const isg_runs_in *in;
    const isg_table *t;
    size_t *by_d;                /* [in->n] in order of D */
    size_t *other;               /* [in->n] groups tried out */
    size_t *code, *next, *slots; /* scratch of split() */
    seen *last;                  /* [in->n] by group */
    size_t *count;               /* [n_columns] different values */
    bool *along;                 /* [n_columns] */
} guess;

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* Split groups by the values of a column. @return the number of groups */
static size_t split(const guess *g, const isg_column *c, size_t *group)
{
    const size_t n = g->in->n, mask = isg_columns_slots(n) - 1;
    size_t m = 0;

    (void)isg_columns_code(c, g->in->row, n, false, g->slots, g->code);
    memset(g->slots, 0, (mask + 1) * sizeof *g->slots);
    for (size_t k = 0; k < n; k++) {
        uint64_t hash = (group[k] * 0x9e3779b97f4a7c15ULL ^ g->code[k]) * 0xff51afd7ed558ccdULL;
        size_t at = (hash ^ hash >> 32) & mask, with;
        while ((with = g->slots[at]) &&
               (group[with - 1] != group[k] || g->code[with - 1] != g->code[k]))
            at = (at + 1) & mask;
        if (!with) g->slots[at] = k + 1;
        g->next[k] = with ? g->next[with - 1] : m++;
    }
    memcpy(group, g->next, n * sizeof *group);
    return m;
}

/* Strictly monotone in D, in one direction, wherever a group has several values of D? */
static bool follows_d(const guess *g, const isg_column *c, const size_t *group)
{
    const size_t n = g->in->n;
    int direction = 0;

    if (!c->numeric || strstr(c->name, "seed")) return false;
    for (size_t k = 0; k < n; k++) g->last[k].any = false;
    for (size_t k = 0; k < n; k++) {
        const size_t i = g->by_d[k], row = g->in->row[i];
        const double d = g->in->d[row], x = c->number[row];
        seen *last = &g->last[group[i]];
        if (isnan(d) || isnan(x)) return false;
        if (last->any) {
            const int step = compare(x, last->x);
            const bool same_d = !compare(d, last->d);
            if (same_d ? step : !step || step * direction < 0) return false;
            if (!same_d) direction = step;
        }
        *last = (seen){.d = d, .x = x, .any = true};
    }
    return direction != 0;
}

static bool is_key(const guess *g, size_t j)
{
    return !g->in->free[j] && !g->along[j] && g->count[j] > 1;
}

/* Names and sizes first, then numbers from the one of fewest values on: settings and
 * seeds split the runs before what counts along is tried. */
static void split_all(const guess *g, isg_runs *r)
{
    const isg_column *columns = g->t->columns;

    r->n = 1;
    for (size_t j = 0; j < g->t->n_columns; j++) {
        if (is_key(g, j) && (!columns[j].numeric || g->in->size[j]))
            r->n = split(g, &columns[j], r->run);
    }
    for (size_t values = 2; values <= g->in->n;) {
        size_t next = g->in->n + 1;
        for (size_t j = 0; j < g->t->n_columns; j++) {
            if (!is_key(g, j) || !columns[j].numeric || g->in->size[j]) continue;
            if (g->count[j] > values && g->count[j] < next) next = g->count[j];
            if (g->count[j] != values) continue;
            if (r->n == g->in->n) return; /* every row is its own run: nothing follows D */
            g->along[j] = follows_d(g, &columns[j], r->run);
            if (!g->along[j]) r->n = split(g, &columns[j], r->run);
        }
        values = next;
    }
}

static bool varies_within(const guess *g, const isg_column *c, const isg_column *column)
{
    memset(g->other, 0, g->in->n * sizeof *g->other);
    size_t before = split(g, column, g->other);
    return split(g, c, g->other) > before;
}

static isg_err append(isg_str *list, const char *name)
{
    return isg_str_printf(list, "%s%s", list->len ? ", " : "", name);
}

/* Does any of the columns vary where `column` does not? */
static bool any_varies_within(const guess *g, const bool *which, const isg_column *column)
{
    for (size_t j = 0; j < g->t->n_columns; j++) {
        if (which[j] && varies_within(g, &g->t->columns[j], column)) return true;
    }
    return false;
}

static bool d_varies_within(const guess *g, const isg_column *column)
{
    memset(g->other, 0, g->in->n * sizeof *g->other);
    (void)split(g, column, g->other);
    for (size_t k = 0; k < g->in->n; k++) g->last[k].any = false;
    for (size_t k = 0; k < g->in->n; k++) {
        seen *first = &g->last[g->other[k]];
        const double d = g->in->d[g->in->row[k]];
        if (first->any && compare(d, first->d)) return true;
        *first = (seen){.d = d, .any = true};
    }
    return false;
}

/* ---- numbers of runs ------------------------------------------------------------------------ */

typedef struct named {
    const guess *g;
    const size_t *keys; /* [n_keys] columns */
    size_t n_keys, row, run;
} named;

static int by_keys(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int c = 0;

    for (size_t k = 0; k < x->n_keys && !c; k++) {
        const isg_column *column = &x->g->t->columns[x->keys[k]];
        if (column->numeric) {
            const double p = column->number[x->row], q = column->number[y->row];
            c = isnan(p) || isnan(q) ? !isnan(q) - !isnan(p) : compare(p, q);
        } else {
            c = strcmp(column->text[x->row], column->text[y->row]);
        }
    }
    return c;
}

/* Runs in order of what tells them apart: the same numbers for shuffled rows. */
static isg_err number_runs(const guess *g, isg_runs *r)
{
    size_t *keys = malloc((g->t->n_columns + 1) * sizeof *keys), n_keys = 0;
    named *run = malloc((r->n + 1) * sizeof *run);
    isg_err rc = ISG_OK;

    if (keys && run) {
        for (size_t j = 0; j < g->t->n_columns; j++)
            if (is_key(g, j)) keys[n_keys++] = j;
        for (size_t k = g->in->n; k-- > 0;)
            run[r->run[k]] = (named){g, keys, n_keys, g->in->row[k], r->run[k]};
        qsort(run, r->n, sizeof *run, by_keys);
        for (size_t k = 0; k < r->n; k++) g->next[run[k].run] = k;
        for (size_t k = 0; k < g->in->n; k++) r->run[k] = g->next[r->run[k]];
    } else {
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu runs", r->n);
    }
    free(keys);
    free(run);
    return rc;
}

/* What the texts of a column say about the runs found. */
static isg_err judge(const guess *g, isg_runs *r)
{
    const size_t n = g->in->n;
    isg_str along = {0}, apart = {0};
    size_t n_values = 0, best = 0;
    isg_err rc = ISG_OK;

    for (size_t j = 0; j < g->t->n_columns; j++)
        if (g->in->size[j] && g->count[j] > n_values) n_values = g->count[j];
    for (size_t j = 0; j < g->t->n_columns && !rc; j++) {
        const isg_column *c = &g->t->columns[j];
        if (g->along[j]) rc = append(&along, c->name);
        if (!is_key(g, j) || c->numeric) continue;
        if (r->n < n && g->count[j] == r->n && r->n > n_values) r->name = c;
        if (10 * r->n < 9 * n || g->count[j] < MIN_ALIKE || g->count[j] <= best ||
            2 * g->count[j] > n)
            continue;
        best = g->count[j];
        r->alike = c;
    }
    for (size_t j = 0; r->alike && j < g->t->n_columns && !rc; j++) {
        const isg_column *c = &g->t->columns[j];
        if (is_key(g, j) && varies_within(g, c, r->alike)) rc = append(&apart, c->name);
    }
    r->swapped =
        r->alike && !d_varies_within(g, r->alike) && any_varies_within(g, g->in->size, r->alike);
    r->along = isg_strdup(isg_str_c(&along));
    r->apart = isg_strdup(isg_str_c(&apart));
    isg_str_free(&along);
    isg_str_free(&apart);
    if (!rc && (!r->along || !r->apart)) rc = ISG_FAIL(ISG_ENOMEM, "no memory for column names");
    return rc;
}

typedef struct by_tokens {
    double d;
    size_t k;
} by_tokens;

static int by_d(const void *a, const void *b)
{
    const by_tokens *x = a, *y = b;
    if (isnan(x->d) || isnan(y->d)) return isnan(x->d) - isnan(y->d);
    int c = compare(x->d, y->d);
    return c ? c : (x->k > y->k) - (x->k < y->k);
}

static isg_err sort_by_d(const guess *g)
{
    const size_t n = g->in->n;
    by_tokens *v = malloc((n + 1) * sizeof *v);

    if (!v) return ISG_FAIL(ISG_ENOMEM, "no memory for the runs of %zu rows", n);
    for (size_t k = 0; k < n; k++) v[k] = (by_tokens){g->in->d[g->in->row[k]], k};
    qsort(v, n, sizeof *v, by_d);
    for (size_t k = 0; k < n; k++) g->by_d[k] = v[k].k;
    free(v);
    return ISG_OK;
}

static isg_err find(guess *g, isg_runs *out)
{
    ISG_TRY(sort_by_d(g));
    for (size_t j = 0; j < g->t->n_columns; j++)
        g->count[j] =
            isg_columns_code(&g->t->columns[j], g->in->row, g->in->n, false, g->slots, g->code);
    split_all(g, out);
    ISG_TRY(number_runs(g, out));
    return judge(g, out);
}

isg_err isg_runs_guess(const isg_runs_in *in, isg_runs *out)
{
    const isg_table *t = in->table;
    const size_t n = in->n + 1;
    guess g = {.in = in,
               .t = t,
               .by_d = calloc(n, sizeof *g.by_d),
               .other = calloc(n, sizeof *g.other),
               .code = calloc(n, sizeof *g.code),
               .next = calloc(n, sizeof *g.next),
               .slots = calloc(isg_columns_slots(n), sizeof *g.slots),
               .last = calloc(n, sizeof *g.last),
               .count = calloc(t->n_columns + 1, sizeof *g.count),
               .along = calloc(t->n_columns + 1, sizeof *g.along)};
    isg_err rc;

    *out = (isg_runs){.run = calloc(n, sizeof *out->run)};
    if (out->run && g.by_d && g.other && g.code && g.next && g.slots && g.last && g.count &&
        g.along)
        rc = find(&g, out);
    else
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for the runs of %zu rows", in->n);
    free(g.by_d);
    free(g.other);
    free(g.code);
    free(g.next);
    free(g.slots);
    free(g.last);
    free(g.count);
    free(g.along);
    return rc;
}

void isg_runs_clear(isg_runs *r)
{
    free(r->run);
    free(r->along);
    free(r->apart);
    *r = (isg_runs){0};
}
