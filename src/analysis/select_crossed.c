/* Columns that tell rows of the same N, D and variables apart: two evaluations or two learning rates
 * at one point are no two seeds. */

#include "columns.h"
#include "isogloss/str.h"
#include "selecting.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Of a factor that is crossed with N and D: in so many of the repeated cells it differs, a value of
 * it is in so many of those, and in so many its values have equally many rows. */
static const double DIFFERS = 0.9, SHARED = 0.6, BALANCED = 0.5;
enum { MIN_CELLS = 3 };

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (!strcasecmp(name, names[k])) return true;
    }
    return false;
}

bool isg_selecting_is_setting(const char *column)
{
    static const char *const names[] = {"lr",    "learning_rate", "max_lr",    "peak_lr",
                                        "batch", "batch_size",    "optimizer", "optimiser"};
    return is_one_of(column, names, COUNT(names));
}

bool isg_selecting_is_replicate(const char *column)
{
    static const char *const names[] = {"rep", "reps", "replicate", "replica", "trial", "repeat"};
    const size_t n = strlen(column);

    for (size_t i = 0; i + 4 <= n; i++) {
        if (!strncasecmp(column + i, "seed", 4)) return true;
    }
    return is_one_of(column, names, COUNT(names));
}

/* How often data repeat, what they are made of and which point of a run a row is are no factors. */
static bool is_no_factor(const isg_selecting *w, const isg_column *c)
{
    static const char *const names[] = {"run_id",   "run",      "run_name",   "cluster_id",
                                        "is_final", "lr_state", "diverged",   "family",
                                        "parent",   "epochs",   "n_languages"};
    static const char *const parts[] = {"tokens_", "weight_"};

    if (isg_selecting_explained(w, c) || c == w->run || c == w->cluster || c == w->guess.name)
        return true;
    if (isg_selecting_is_separator(c)) return true; /* always looked at */
    if (isg_selecting_is_constant(c->name)) return true;
    if (!strncasecmp(c->name, "unique", 6) || isg_selecting_is_replicate(c->name)) return true;
    for (size_t k = 0; k < COUNT(parts) && w->law->mixtures; k++) {
        if (!strncmp(c->name, parts[k], strlen(parts[k]))) return true;
    }
    for (size_t k = 0; k < w->o->n_best_over; k++) {
        if (!strcmp(w->o->best_over[k], c->name)) return true;
    }
    return is_one_of(c->name, names, COUNT(names));
}

/* That is refused by itself, whatever else is wrong. */
static bool sweeps_replicates(const isg_selecting *w)
{
    for (size_t k = 0; k < w->o->n_best_over; k++) {
        if (isg_selecting_is_replicate(w->o->best_over[k])) return true;
    }
    return false;
}

/* ---- cells --------------------------------------------------------------------------------- */

typedef struct cells {
    const isg_selecting *w;
    size_t *row;  /* [n] rows of repeated cells, those of a cell together */
    size_t *cell; /* [n] 0 .. n_cells - 1 */
    size_t n, n_cells;
    size_t *code, *slots, *count, *seen; /* scratch */
} cells;

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_point(const void *a, const void *b)
{
    const isg_item *x = a, *y = b;
    int c = compare(x->n, y->n);

    if (!c) c = compare(x->d, y->d);
    for (size_t k = 0; !c && k < x->of->law->n_vars; k++)
        c = compare(x->of->var[k][x->row], y->of->var[k][y->row]);
    return c;
}

static int by_point_and_row(const void *a, const void *b)
{
    const isg_item *x = a, *y = b;
    int c = by_point(a, b);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}

static void fill_cells(cells *t, isg_item *items, size_t n)
{
    qsort(items, n, sizeof *items, by_point_and_row);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && !by_point(&items[i], &items[end]);) end++;
        if (end - i < 2) continue;
        for (size_t k = i; k < end; k++) {
            t->row[t->n] = items[k].row;
            t->cell[t->n++] = t->n_cells;
        }
        t->n_cells++;
    }
}

/* ---- one column ------------------------------------------------------------------------------ */

typedef struct crossing {
    size_t differs, balanced, pairs; /* cells; cells and values, of those where it differs */
} crossing;

/* Rows of a value in the cell from row `at` on: t->count. @return different values */
static size_t count_values(const cells *t, size_t at, size_t end, bool *balanced)
{
    size_t values = 0;

    for (size_t i = at; i < end; i++) t->count[t->code[i]] = 0;
    for (size_t i = at; i < end; i++) values += !t->count[t->code[i]]++;
    *balanced = true;
    for (size_t i = at; i < end; i++)
        *balanced = *balanced && t->count[t->code[i]] == t->count[t->code[at]];
    return values;
}

/* Is every value that of one run? Then it is a name of runs. */
static bool names_runs(const cells *t)
{
    size_t *first = t->seen; /* by value: a row and 1 */

    memset(first, 0, t->n * sizeof *first);
    for (size_t i = 0; i < t->n; i++) {
        size_t *at = &first[t->code[i]];
        if (!*at)
            *at = t->row[i] + 1;
        else if (strcmp(t->w->run_key[*at - 1], t->w->run_key[t->row[i]]) != 0)
            return false;
    }
    return true;
}

static bool is_crossed(const cells *t, const isg_column *c)
{
    const size_t m = isg_columns_code(c, t->row, t->n, false, t->slots, t->code);
    const bool setting = isg_selecting_is_setting(c->name);
    crossing x = {0};
    size_t values = 0;

    if (m < 2 || (!setting && names_runs(t))) return false;
    memset(t->seen, 0, t->n * sizeof *t->seen);
    for (size_t i = 0, end; i < t->n; i = end) {
        bool balanced;
        for (end = i + 1; end < t->n && t->cell[end] == t->cell[i];) end++;
        const size_t here = count_values(t, i, end, &balanced);
        if (here < 2) continue;
        x.differs++;
        x.balanced += balanced;
        x.pairs += here;
        for (size_t k = i; k < end; k++) values += !t->seen[t->code[k]]++;
    }
    const double cells_differ = (double)x.differs;
    if (setting) return 2 * x.differs >= t->n_cells;
    return x.differs >= MIN_CELLS && cells_differ >= DIFFERS * (double)t->n_cells &&
           (double)x.balanced >= BALANCED * cells_differ &&
           (double)x.pairs >= SHARED * cells_differ * (double)values;
}

isg_err isg_selecting_crossed(isg_selecting *w, isg_item *items, size_t n)
{
    cells t = {.w = w,
               .row = calloc(n + 1, sizeof *t.row),
               .cell = calloc(n + 1, sizeof *t.cell),
               .code = calloc(n + 1, sizeof *t.code),
               .slots = calloc(isg_columns_slots(n), sizeof *t.slots),
               .count = calloc(n + 1, sizeof *t.count),
               .seen = calloc(n + 1, sizeof *t.seen)};
    isg_err rc = ISG_OK;

    w->crossed = calloc(w->t->n_columns + 1, sizeof *w->crossed);
    if (!t.row || !t.cell || !t.code || !t.slots || !t.count || !t.seen || !w->crossed) {
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    } else if (!w->campaign && !sweeps_replicates(w)) {
        fill_cells(&t, items, n);
        for (size_t j = 0; j < w->t->n_columns && t.n_cells; j++) {
            const isg_column *c = &w->t->columns[j];
            w->crossed[j] = !is_no_factor(w, c) && is_crossed(&t, c);
        }
    }
    free(t.row);
    free(t.cell);
    free(t.code);
    free(t.slots);
    free(t.count);
    free(t.seen);
    return rc;
}
