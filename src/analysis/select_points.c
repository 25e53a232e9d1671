/* Runs, and which of their points are fitted. */

#include "columns.h"
#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- runs ---------------------------------------------------------------------------- */

static bool nameless(const isg_selecting *w, size_t row)
{
    return !w->run || !w->run->text[row][0];
}

/* Without run_id, runs are guessed from the other columns of the rows asked for. */
static isg_err guess_runs(isg_selecting *w, size_t n)
{
    enum { KEY = 24 };
    size_t *row = malloc((n + 1) * sizeof *row), m = 0;
    const isg_runs_in in = {
        .table = w->t, .row = row, .n = n, .d = w->d.number, .size = w->of_size, .free = w->of_run};

    w->made = malloc((n + 1) * KEY);
    if (!row || !w->made) {
        free(row);
        return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    }
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] == ISG_ROW_KEPT && nameless(w, i)) row[m++] = i;
    }
    isg_err rc = isg_runs_guess(&in, &w->guess);
    for (size_t k = 0; k < n && !rc; k++) {
        (void)snprintf(w->made + k * KEY, KEY, "(%020zu)", w->guess.run[k]);
        w->run_key[row[k]] = w->made + k * KEY;
    }
    free(row);
    return rc;
}

isg_err isg_selecting_name_runs(isg_selecting *w)
{
    static const char *const run_columns[] = {"run_id", "run", "run_name"};

    w->run_key = calloc(w->t->n_rows + 1, sizeof *w->run_key);
    if (!w->run_key) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", w->t->n_rows);
    for (size_t k = 0; k < sizeof run_columns / sizeof run_columns[0] && !w->run; k++)
        w->run = isg_selecting_filled(w->t, run_columns[k]);
    size_t n = 0;
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->run) w->run_key[i] = w->run->text[i];
        n += w->state[i] == ISG_ROW_KEPT && nameless(w, i);
    }
    w->pseudo_runs = !w->run;
    if (w->run && !n) return ISG_OK;
    ISG_TRY(guess_runs(w, n));
    if (!w->run) return ISG_OK;
    return isg_selecting_note(
        w, isg_strf("%zu rows have no %s: those equal in all but D and loss count as one run, and "
                    "all their points are used.",
                    n, w->run->name));
}

/* ---- points -------------------------------------------------------------------------- */

static isg_err set_points(isg_selecting *w, const char *words)
{
    free(w->s->points);
    w->s->points = isg_strdup(words);
    return w->s->points ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory");
}

static bool is_true(const isg_column *c, size_t row)
{
    if (c->numeric) return c->number[row] > 0;
    return !strcasecmp(c->text[row], "true") || !strcasecmp(c->text[row], "yes");
}

typedef struct run_point {
    const char *run;
    double d;
    size_t row;
} run_point;

static int by_run_and_d(const void *a, const void *b)
{
    const run_point *x = a, *y = b;
    int c = strcmp(x->run, y->run);
    return c ? c : (x->d > y->d) - (x->d < y->d);
}

/* Without a column that says so, the last point of a run is that with most tokens. */
static isg_err keep_largest_d(isg_selecting *w)
{
    size_t n = 0, before = isg_selecting_kept(w);
    run_point *rows = malloc((before + 1) * sizeof *rows);

    if (!rows) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", before);
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != ISG_ROW_KEPT || isnan(w->d.number[i])) continue;
        if (w->run && nameless(w, i)) continue; /* guessed: hardly a name to go by */
        rows[n++] = (run_point){.run = w->run_key[i], .d = w->d.number[i], .row = i};
    }
    qsort(rows, n, sizeof *rows, by_run_and_d);
    for (size_t i = n; i-- > 1;) { /* from the end of each run */
        if (strcmp(rows[i - 1].run, rows[i].run) != 0) continue;
        if (rows[i - 1].d < rows[i].d) w->state[rows[i - 1].row] = ISG_ROW_OTHER;
        rows[i - 1].d = rows[i].d;
    }
    free(rows);
    size_t after = isg_selecting_kept(w);
    if (after == before) return set_points(w, "all points (one for each run)");
    if (w->o->points == ISG_POINTS_AUTO) {
        const char *name = w->run ? w->run->name : w->guess.name->name;
        ISG_TRY(isg_selecting_note(
            w, isg_strf("Runs have several points (%s): only the one of most tokens of "
                        "each is used, %zu of %zu rows. --points all uses all.",
                        name, after, before)));
    }
    return set_points(w, "the point of most tokens of each run");
}

/* Runs that diverged have a curve but no final point. */
static isg_err note_diverged(isg_selecting *w)
{
    const isg_column *diverged = isg_selecting_filled(w->t, "diverged");
    const char *last = NULL;
    size_t runs = 0;

    for (size_t i = 0; diverged && i < w->t->n_rows; i++) {
        if (w->state[i] != ISG_ROW_KEPT || !is_true(diverged, i)) continue;
        runs +=
            !last || strcmp(last, w->run_key[i]) != 0; /* the points of a run follow each other */
        last = w->run_key[i];
    }
    return runs ? isg_selecting_note(w, isg_strf("%zu run%s diverged and ha%s no final point.",
                                                 runs, runs > 1 ? "s" : "", runs > 1 ? "ve" : "s"))
                : ISG_OK;
}

isg_err isg_selecting_points(isg_selecting *w)
{
    const isg_column *final = isg_selecting_filled(w->t, "is_final"),
                     *lr = isg_selecting_filled(w->t, "lr_state");
    isg_points points = w->o->points;

    if (points == ISG_POINTS_AUTO && !final && !lr && !w->run && !w->guess.name)
        points = ISG_POINTS_ALL;
    if (points == ISG_POINTS_ALL) return set_points(w, "all points");
    if (points == ISG_POINTS_STABLE) {
        if (!lr) return isg_columns_unknown(w->t, "lr_state", "--points stable");
        ISG_TRY(isg_selecting_equal(w, "--points stable", "lr_state", "stable"));
        return set_points(w, "points at a constant learning rate");
    }
    if (!final && !lr) return keep_largest_d(w);
    ISG_TRY(note_diverged(w));
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != ISG_ROW_KEPT) continue;
        bool last = !final || is_true(final, i);
        bool cooled = !lr || !lr->text[i][0] || !strcmp(lr->text[i], "end");
        if (!last || (!cooled && !final))
            w->state[i] = ISG_ROW_OTHER;
        else if (!cooled)
            w->state[i] = ISG_ROW_NOT_COOLED;
    }
    return set_points(w, lr ? "the last, cooled point of each run" : "the last point of each run");
}
