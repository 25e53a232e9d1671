#include "runs.h"

#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_ALIKE = 10 }; /* fewer values of a column are a setting rather than names of runs */

typedef struct cell {
    size_t group, row;
    const char *text;
    double x, d;
} cell;

typedef struct guess {
    const isg_runs_in *in;
    const isg_table *t;
    cell *cell;    /* [in->n] being sorted */
    size_t *other; /* [in->n] groups tried out */
    size_t *count; /* [n_columns] different values */
    bool *along;   /* [n_columns] */
} guess;

static int by_group_and_text(const void *a, const void *b)
{
    const cell *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return strcmp(x->text, y->text);
}

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_group_and_d(const void *a, const void *b)
{
    const cell *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    int c = compare(x->d, y->d);
    return c ? c : compare(x->x, y->x);
}

/* Split groups by the texts of a column. @return the number of groups */
static size_t split(const guess *g, const isg_column *c, size_t *group)
{
    const size_t n = g->in->n;
    size_t m = 0;

    for (size_t i = 0; i < n; i++)
        g->cell[i] = (cell){.group = group[i], .row = i, .text = c->text[g->in->row[i]]};
    qsort(g->cell, n, sizeof *g->cell, by_group_and_text);
    for (size_t i = 0; i < n; i++) {
        m += !i || by_group_and_text(&g->cell[i - 1], &g->cell[i]) != 0;
        group[g->cell[i].row] = m - 1;
    }
    return m;
}

/* Strictly monotone in D, in one direction, wherever a group has several values of D? */
static bool follows_d(const guess *g, const isg_column *c, const size_t *group)
{
    const size_t n = g->in->n;
    int direction = 0;

    if (!c->numeric || strstr(c->name, "seed")) return false;
    for (size_t i = 0; i < n; i++) {
        const size_t row = g->in->row[i];
        g->cell[i] = (cell){.group = group[i], .row = i, .x = c->number[row], .d = g->in->d[row]};
        if (isnan(g->cell[i].x) || isnan(g->cell[i].d)) return false;
    }
    qsort(g->cell, n, sizeof *g->cell, by_group_and_d);
    for (size_t i = 1; i < n; i++) {
        const cell *a = &g->cell[i - 1], *b = &g->cell[i];
        if (a->group != b->group) continue;
        int step = compare(b->x, a->x);
        bool same_d = !compare(a->d, b->d);
        if (same_d ? step : !step || step * direction < 0) return false;
        if (!same_d) direction = step;
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
    for (size_t i = 1; i < g->in->n; i++) { /* in the order that split() left */
        const cell *a = &g->cell[i - 1], *b = &g->cell[i];
        if (g->other[a->row] == g->other[b->row] &&
            compare(g->in->d[g->in->row[a->row]], g->in->d[g->in->row[b->row]]))
            return true;
    }
    return false;
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

isg_err isg_runs_guess(const isg_runs_in *in, isg_runs *out)
{
    const isg_table *t = in->table;
    guess g = {.in = in, .t = t};
    isg_err rc = ISG_OK;

    *out = (isg_runs){.run = calloc(in->n + 1, sizeof *out->run)};
    g.cell = calloc(in->n + 1, sizeof *g.cell);
    g.other = calloc(in->n + 1, sizeof *g.other);
    g.count = calloc(t->n_columns + 1, sizeof *g.count);
    g.along = calloc(t->n_columns + 1, sizeof *g.along);
    if (!out->run || !g.cell || !g.other || !g.count || !g.along) {
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for the runs of %zu rows", in->n);
    } else {
        for (size_t j = 0; j < t->n_columns; j++) {
            memset(g.other, 0, in->n * sizeof *g.other);
            g.count[j] = split(&g, &t->columns[j], g.other);
        }
        split_all(&g, out);
        rc = judge(&g, out);
    }
    free(g.cell);
    free(g.other);
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
