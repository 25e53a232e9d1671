/* Which rows are taken, and what run, point and evaluation each belongs to. Rows that cannot be
 * taken are counted by reason; rows that contradict each other are refused, with their lines. */
#include "import_runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NO_RUN_ID = 1, NO_LOSS, BAD_LOSS, BAD_SIZE, BAD_DATA, REPEATED };

const char *const isg_import_reasons[ISG_IMPORT_REASONS] = {
    [NO_RUN_ID - 1] = "run_id is missing",
    [NO_LOSS - 1] = "the loss is missing",
    [BAD_LOSS - 1] = "the loss is not finite and positive",
    [BAD_SIZE - 1] = "N is missing, not positive or above 9e18",
    [BAD_DATA - 1] = "D is missing, not positive or above 9e18",
    [REPEATED - 1] = "repeats an earlier row",
};

/* More cells than this come from one run of very many points among many runs. */
static const double MAX_CELLS = 1e8;

static isg_err no_memory(const isg_table *t)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the %zu rows of %s", t->n_rows, t->source);
}

/* ---- which rows ------------------------------------------------------------------- */

static double number_of(const isg_column *c, size_t row)
{
    return c && c->numeric ? c->number[row] : (double)NAN;
}

static bool is_size(double x)
{
    return isfinite(x) && x > 0 && x < 9.2e18;
}

/* One of the two sizes is there, and neither is nonsense. */
static bool has_size(const import_rows *r, size_t i)
{
    double total = number_of(r->total, i), rest = number_of(r->rest, i);
    if (isnan(total) && isnan(rest)) return false;
    return (isnan(total) || is_size(total)) && (isnan(rest) || is_size(rest));
}

static void judge_rows(import_rows *r)
{
    for (size_t i = 0; i < r->t->n_rows; i++) {
        double loss = number_of(r->loss, i);
        unsigned char why = ISG_TAKEN;
        if (!r->run->text[i][0])
            why = NO_RUN_ID;
        else if (!r->loss->text[i][0])
            why = NO_LOSS;
        else if (!isfinite(loss) || loss <= 0)
            why = BAD_LOSS;
        else if (!has_size(r, i))
            why = BAD_SIZE;
        else if (!is_size(number_of(r->d, i)))
            why = BAD_DATA;
        r->left[i] = why;
        r->n_taken += why == ISG_TAKEN;
    }
}

/* ---- groups ------------------------------------------------------------------------ */

typedef struct keyed {
    const char *text;
    size_t group, row;
    double number;
} keyed;

static int by_text(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    int c = strcmp(x->text, y->text);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}

static int by_number(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->number < y->number || x->number > y->number) return x->number < y->number ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Split the groups of the taken rows by the texts of a column. @param k  [n_rows] to work in */
static size_t split(const import_rows *r, const isg_column *c, keyed *k, size_t *group)
{
    size_t n = 0, groups = 0;

    for (size_t i = 0; i < r->t->n_rows; i++) {
        if (r->left[i] == ISG_TAKEN) k[n++] = (keyed){c->text[i], group[i], i, 0};
    }
    qsort(k, n, sizeof *k, by_text);
    for (size_t i = 0; i < n; i++) {
        groups += !i || k[i].group != k[i - 1].group || strcmp(k[i].text, k[i - 1].text) != 0;
        group[k[i].row] = groups - 1;
    }
    return groups;
}

/* Number groups in the order of their first rows, which become *first. [groups] */
static isg_err in_order(const import_rows *r, size_t groups, size_t *group, size_t **first)
{
    size_t *number = malloc((groups + 1) * sizeof *number), n = 0;

    *first = malloc((groups + 1) * sizeof **first);
    if (!number || !*first) {
        free(number);
        return no_memory(r->t);
    }
    for (size_t g = 0; g < groups; g++) number[g] = ISG_NO_RUN;
    for (size_t i = 0; i < r->t->n_rows; i++) {
        if (r->left[i] != ISG_TAKEN) continue;
        if (number[group[i]] == ISG_NO_RUN) {
            (*first)[n] = i;
            number[group[i]] = n++;
        }
        group[i] = number[group[i]];
    }
    free(number);
    return ISG_OK;
}

static isg_err group_rows(import_rows *r, keyed *k)
{
    static const char *const names[] = {"evaluation", "eval_set", "eval_language", "unit"};
    const isg_table *t = r->t;

    r->n_runs = split(r, r->run, k, r->run_of);
    ISG_TRY(in_order(r, r->n_runs, r->run_of, &r->first_of_run));
    r->n_evaluations = 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const isg_column *c = isg_table_column(t, names[i]);
        if (c) r->n_evaluations = split(r, c, k, r->evaluation_of);
    }
    return in_order(r, r->n_evaluations, r->evaluation_of, &r->first_of_evaluation);
}

/* ---- points --------------------------------------------------------------------------- */

static isg_err two_lines(const import_rows *r, size_t a, size_t b, const char *say)
{
    size_t x = r->t->line[a], y = r->t->line[b];
    if (x == y) return ISG_FAIL(ISG_EINPUT, "%s:%zu: %s", r->t->source, x, say);
    return ISG_FAIL(ISG_EINPUT, "%s: lines %zu and %zu: %s", r->t->source, x < y ? x : y,
                    x < y ? y : x, say);
}

/* The store counts whole tokens: D in billions would be crushed. */
static isg_err check_whole(const import_rows *r, const keyed *a, const keyed *b)
{
    char say[320];
    if (llround(b->number) >= 1 && (!a || llround(b->number) > llround(a->number))) return ISG_OK;
    (void)snprintf(say, sizeof say,
                   "D_tokens %.40s is %s; tokens are whole numbers. If D is in billions, give "
                   "D_tokens as an expression, such as \"D*1e9\"",
                   r->d->text[b->row],
                   a ? "not a whole token above the point before" : "less than one");
    return two_lines(r, a ? a->row : b->row, b->row, say);
}

/* The points of one run: k[0..n) are its rows by D. */
static isg_err number_points(import_rows *r, size_t run, const keyed *k, size_t n)
{
    size_t points = 0;

    r->tokens[run] = malloc(n * sizeof **r->tokens);
    if (!r->tokens[run]) return no_memory(r->t);
    for (size_t i = 0; i < n; i++) {
        bool opens = !i || k[i].number > k[i - 1].number;
        if (opens) ISG_TRY(check_whole(r, i ? &k[i - 1] : NULL, &k[i]));
        if (opens) r->tokens[run][points++] = k[i].number;
        r->point_of[k[i].row] = points - 1;
    }
    r->n_points[run] = points;
    if (points > r->max_points) r->max_points = points;
    return ISG_OK;
}

static isg_err find_points(import_rows *r, keyed *k)
{
    size_t n = 0;

    r->n_points = calloc(r->n_runs, sizeof *r->n_points);
    r->tokens = calloc(r->n_runs, sizeof *r->tokens);
    if (!r->n_points || !r->tokens) return no_memory(r->t);
    for (size_t i = 0; i < r->t->n_rows; i++) {
        if (r->left[i] == ISG_TAKEN) k[n++] = (keyed){"", r->run_of[i], i, r->d->number[i]};
    }
    qsort(k, n, sizeof *k, by_number);
    for (size_t i = 0, m; i < n; i += m) {
        for (m = 1; i + m < n && k[i + m].group == k[i].group;) m++;
        ISG_TRY(number_points(r, k[i].group, k + i, m));
    }
    return ISG_OK;
}

/* ---- cells ----------------------------------------------------------------------------- */

static isg_err refuse_repeat(const import_rows *r, size_t a, size_t b)
{
    char say[512];
    (void)snprintf(say, sizeof say,
                   "run '%.60s' has two losses, %s and %s, at the same D and evaluation. If they "
                   "are two runs, give them different names (run_id: row makes every row a run); "
                   "if they are two evaluations, name the column of evaluations (evaluation:)",
                   r->run->text[a], r->loss->text[a], r->loss->text[b]);
    return two_lines(r, a, b, say);
}

static isg_err find_cells(import_rows *r)
{
    double cells = (double)r->n_runs * (double)r->max_points * (double)r->n_evaluations;

    if (cells > MAX_CELLS)
        return ISG_FAIL(ISG_EINPUT,
                        "%s: %zu runs, up to %zu points and %zu evaluations make %.2g cells; at "
                        "most 1e8. Is run_id the right column? Else import parts (where:)",
                        r->t->source, r->n_runs, r->max_points, r->n_evaluations, cells);
    r->owner = malloc((size_t)cells * sizeof *r->owner);
    if (!r->owner) return no_memory(r->t);
    for (size_t i = 0; i < (size_t)cells; i++) r->owner[i] = ISG_NO_RUN;
    for (size_t i = 0; i < r->t->n_rows; i++) {
        if (r->left[i] != ISG_TAKEN) continue;
        size_t *owner =
            &r->owner[(r->run_of[i] * r->max_points + r->point_of[i]) * r->n_evaluations +
                      r->evaluation_of[i]];
        if (*owner == ISG_NO_RUN) {
            *owner = i;
            continue;
        }
        double a = r->loss->number[*owner], b = r->loss->number[i];
        if (a < b || a > b) return refuse_repeat(r, *owner, i);
        r->left[i] = REPEATED;
        r->n_taken--;
    }
    return ISG_OK;
}

/* A run has one size. */
static isg_err check_sizes(const import_rows *r, const isg_column *c)
{
    char say[320];
    for (size_t i = 0; c && i < r->t->n_rows; i++) {
        if (r->left[i] != ISG_TAKEN) continue;
        size_t first = r->first_of_run[r->run_of[i]];
        double a = number_of(c, first), b = number_of(c, i);
        if (!(a < b || a > b)) continue;
        (void)snprintf(say, sizeof say,
                       "run '%.60s' has two sizes (%s %s and %s); is its name in the right column?",
                       r->run->text[i], c->name, c->text[first], c->text[i]);
        return two_lines(r, first, i, say);
    }
    return ISG_OK;
}

static isg_err nothing_left(const import_rows *r)
{
    size_t count[ISG_IMPORT_REASONS + 1] = {0}, most = 0;
    for (size_t i = 0; i < r->t->n_rows; i++) {
        size_t k = r->left[i];
        if (++count[k] > count[most]) most = k;
    }
    if (!r->t->n_rows)
        return ISG_FAIL(ISG_EDATA, "%s: there is no row below the header", r->t->source);
    return ISG_FAIL(ISG_EDATA, "%s: no row of %zu can be taken; of %zu %s", r->t->source,
                    r->t->n_rows, count[most], most ? isg_import_reasons[most - 1] : "");
}

isg_err isg_import_sort(const isg_table *t, import_rows *r)
{
    const size_t n = t->n_rows;
    keyed *k = malloc((n + 1) * sizeof *k);
    isg_err rc = ISG_OK;

    *r = (import_rows){.t = t,
                       .run = isg_table_column(t, "run_id"),
                       .total = isg_table_column(t, "N_params"),
                       .rest = isg_table_column(t, "N_nonembedding"),
                       .d = isg_table_column(t, "D_tokens"),
                       .loss = isg_table_column(t, "loss")};
    r->left = calloc(n + 1, 1);
    r->run_of = calloc(n + 1, sizeof *r->run_of);
    r->evaluation_of = calloc(n + 1, sizeof *r->evaluation_of);
    r->point_of = calloc(n + 1, sizeof *r->point_of);
    if (!k || !r->left || !r->run_of || !r->evaluation_of || !r->point_of) rc = no_memory(t);
    if (!rc) judge_rows(r);
    if (!rc && !r->n_taken) rc = nothing_left(r);
    if (!rc) rc = group_rows(r, k);
    if (!rc) rc = check_sizes(r, r->total);
    if (!rc) rc = check_sizes(r, r->rest);
    if (!rc) rc = find_points(r, k);
    if (!rc) rc = find_cells(r);
    free(k);
    return rc;
}

void isg_import_rows_clear(import_rows *r)
{
    for (size_t i = 0; r->tokens && i < r->n_runs; i++) free(r->tokens[i]);
    free(r->tokens);
    free(r->left);
    free(r->run_of);
    free(r->evaluation_of);
    free(r->point_of);
    free(r->first_of_run);
    free(r->first_of_evaluation);
    free(r->n_points);
    free(r->owner);
    *r = (import_rows){0};
}
