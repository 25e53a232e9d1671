/* A row is kept, unasked for (--where and the like) or excluded with a reason.
 * What would mix unlike things is refused, with the columns that tell them apart. */

#include "isogloss/select.h"

#include "columns.h"
#include "isogloss/str.h"
#include "runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum row_state {
    KEPT,  /* 0, as isg_columns_values() wants it */
    OTHER, /* not asked for */
    NO_LOSS,
    BAD_LOSS,
    NO_SIZE,
    NO_DATA,
    MIXED,
    HIGHEST,
    NOT_COOLED,
    ROW_STATES
} row_state;

static const char *const reason[ROW_STATES] = {
    [NO_LOSS] = "loss is missing",
    [BAD_LOSS] = "loss is not finite and positive",
    [NO_SIZE] = "N is missing or not positive",
    [NO_DATA] = "D is missing or not positive",
    [MIXED] = "trained on other languages besides the target",
    [HIGHEST] = "among the highest losses (--drop-highest)",
    [NOT_COOLED] = "the run ended before its learning rate had decayed",
};

/* Columns whose values make rows incomparable, whatever they are called in a file. */
static const char *const separators[] = {"evaluation", "eval_language", "eval_set",
                                         "metric",     "unit",          "n_languages",
                                         "tokenizer",  "train_corpus",  "dataset"};
/* Of foreign tables; in a campaign's store families overlap and the target decides. */
static const char *const csv_separators[] = {"family"};
/* Settings of a campaign: equal by default, columns when varied. */
static const char *const store_separators[] = {"lr",       "batch", "warmup",       "decay",
                                               "beta1",    "beta2", "weight_decay", "clip",
                                               "schedule", "parent"};
static const char *const run_columns[] = {"run_id", "run", "run_name"};
static const char *const evaluation_columns[] = {"evaluation", "eval_language", "eval_set"};

enum { COUNT_EVALUATIONS = 3 };

typedef struct work {
    const isg_table *t;
    const isg_select_options *o;
    isg_selection *s;
    const isg_column *n, *d, *loss, *run, *cluster;
    unsigned char *state; /* [n_rows] row_state */
    const char **run_key; /* [n_rows] */
    char *made;           /* memory of keys put together here */
    bool pseudo_runs;     /* guessed: there is no run_id */
    isg_runs guess;
    bool campaign; /* a store's runs, from the store or from a table exported of it */
} work;

static const isg_column *filled(const isg_table *t, const char *name)
{
    const isg_column *c = isg_table_column(t, name);
    for (size_t i = 0; c && i < t->n_rows; i++) {
        if (c->text[i][0]) return c;
    }
    return NULL;
}

static isg_err note(work *w, char *text)
{
    if (!text) return ISG_FAIL(ISG_ENOMEM, "no memory for a note");
    if (w->s->n_notes == ISG_SELECT_NOTES)
        free(text);
    else
        w->s->note[w->s->n_notes++] = text;
    return ISG_OK;
}

/* ---- columns ------------------------------------------------------------------ */

static isg_err find_columns(work *w)
{
    static const char *const total[] = {"N_total", "N_params"}, *const rest[] = {
                                                                    "N_nonembedding",
                                                                    "N_params_no_embed"};
    const char *const *choice = total;
    const char *n = w->o->n;
    const bool n_is_usual = !n || !strcmp(n, "total");

    if (!n || !strcmp(n, "total") || !strcmp(n, "nonembedding")) {
        if (n && !strcmp(n, "nonembedding")) choice = rest;
        n = isg_table_column(w->t, choice[0]) ? choice[0] : choice[1];
        if (choice == rest && !isg_table_column(w->t, n)) n = rest[0];
    }
    const char *d = w->o->d ? w->o->d : "D_tokens", *loss = w->o->loss ? w->o->loss : "loss";
    const char *const usual[] = {n_is_usual ? n : NULL, w->o->d ? NULL : d,
                                 w->o->loss ? NULL : loss};
    ISG_TRY(isg_columns_usual(w->t, usual));
    ISG_TRY(isg_columns_number(w->t, n, "--n", &w->n));
    ISG_TRY(isg_columns_number(w->t, d, "--d", &w->d));
    ISG_TRY(isg_columns_number(w->t, loss, "--loss", &w->loss));
    for (size_t k = 0; k < sizeof run_columns / sizeof run_columns[0] && !w->run; k++) {
        w->run = filled(w->t, run_columns[k]);
    }
    if (w->o->cluster) {
        w->cluster = isg_table_column(w->t, w->o->cluster);
        if (!w->cluster) return isg_columns_unknown(w->t, w->o->cluster, "--cluster");
    } else {
        w->cluster = filled(w->t, "cluster_id");
    }
    return ISG_OK;
}

/* ---- values ---------------------------------------------------------------------- */

isg_err isg_select_values(const isg_table *t, const char *column, const char ***out, size_t *n)
{
    const isg_column *c = isg_table_column(t, column);
    *out = NULL;
    return c ? isg_columns_values(t, c, NULL, out, n) : isg_columns_unknown(t, column, "--by");
}

static isg_err describe_column(const work *w, const isg_column *c, isg_str *to)
{
    return isg_columns_describe(w->t, c, w->state, to);
}

static size_t count_kept(const work *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->t->n_rows; i++) n += w->state[i] == KEPT;
    return n;
}

/* ---- filters ----------------------------------------------------------------------- */

typedef enum comparison { EQ, NE, LT, LE, GT, GE } comparison;

static bool holds(comparison op, double order)
{
    switch (op) {
    case EQ: return !(order < 0) && !(order > 0);
    case NE: return order < 0 || order > 0;
    case LT: return order < 0;
    case LE: return order <= 0;
    case GT: return order > 0;
    default: return order >= 0;
    }
}

/* @param option  as the user wrote it, for messages */
static isg_err keep_where(work *w, const char *option, const char *name, comparison op,
                          const char *value)
{
    const isg_column *c = isg_table_column(w->t, name);
    double wanted = 0;

    if (!c) return isg_columns_unknown(w->t, name, option);
    bool numbers = c->numeric && isg_str_to_double(value, &wanted);
    if (!numbers && op > NE)
        return ISG_FAIL(ISG_EUSAGE, "%s: '%s' and the column must be numbers", option, value);
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != KEPT) continue;
        bool keep = numbers ? !isnan(c->number[i]) &&
                                  holds(op, (c->number[i] > wanted) - (c->number[i] < wanted))
                            : holds(op, strcmp(c->text[i], value));
        if (!keep) w->state[i] = OTHER;
    }
    if (count_kept(w)) return ISG_OK;
    memset(w->state, KEPT, w->t->n_rows); /* to say what there is */
    isg_str list = {0};
    isg_err rc = describe_column(w, c, &list);
    if (!rc)
        rc = ISG_FAIL(ISG_EUSAGE, "%s leaves no row of %s. There is: %s", option, w->t->source,
                      isg_str_c(&list));
    isg_str_free(&list);
    return rc;
}

/* The first n bytes without spaces around them; NULL when out of memory. */
static char *trimmed(const char *text, size_t n)
{
    while (n && text[n - 1] == ' ') n--;
    for (; n && *text == ' '; n--) text++;
    return isg_strf("%.*s", (int)n, text);
}

static isg_err apply_where(work *w, const char *text)
{
    static const struct {
        const char *sign;
        comparison op;
    } signs[] = {{"!=", NE}, {"<=", LE}, {">=", GE}, {"==", EQ}, {"=", EQ}, {"<", LT}, {">", GT}};
    size_t at = strcspn(text, "=!<>");

    for (size_t k = 0; text[at] && at && k < sizeof signs / sizeof signs[0]; k++) {
        size_t length = strlen(signs[k].sign);
        if (strncmp(text + at, signs[k].sign, length) != 0) continue;
        char *option = isg_strf("--where \"%s\"", text);
        const char *rest = text + at + length;
        char *name = trimmed(text, at), *value = trimmed(rest, strlen(rest));
        isg_err rc = name && value && option ? keep_where(w, option, name, signs[k].op, value)
                                             : ISG_FAIL(ISG_ENOMEM, "no memory for --where");
        free(name);
        free(value);
        free(option);
        return rc;
    }
    return ISG_FAIL(ISG_EUSAGE, "--where '%s': wanted \"column=value\" (or !=, <, <=, >, >=)",
                    text);
}

/* --target is a value of one of the columns that name evaluations. */
static isg_err apply_target(work *w)
{
    const char *target = w->o->target;
    isg_str list = {0};
    isg_err rc = ISG_OK;

    if (!target) return ISG_OK;
    for (size_t k = 0; k < COUNT_EVALUATIONS; k++) {
        const isg_column *c = filled(w->t, evaluation_columns[k]);
        for (size_t i = 0; c && i < w->t->n_rows; i++) {
            if (!strcmp(c->text[i], target)) return keep_where(w, "--target", c->name, EQ, target);
        }
        if (c && !rc) rc = describe_column(w, c, &list);
    }
    if (!rc && list.len)
        rc = ISG_FAIL(ISG_EUSAGE, "--target %s: there is no such evaluation; there are: %s", target,
                      isg_str_c(&list));
    else if (!rc)
        rc = ISG_FAIL(ISG_EUSAGE,
                      "--target %s: %s has none of the columns evaluation, eval_language, eval_set",
                      target, w->t->source);
    isg_str_free(&list);
    return rc;
}

/* ---- points ------------------------------------------------------------------------- */

static isg_err set_points(work *w, const char *words)
{
    free(w->s->points);
    w->s->points = isg_strdup(words);
    return w->s->points ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory");
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
static isg_err keep_largest_d(work *w)
{
    size_t n = 0, before = count_kept(w);
    run_point *rows = malloc((before + 1) * sizeof *rows);

    if (!rows) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", before);
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != KEPT || isnan(w->d->number[i])) continue;
        rows[n++] = (run_point){.run = w->run_key[i], .d = w->d->number[i], .row = i};
    }
    qsort(rows, n, sizeof *rows, by_run_and_d);
    for (size_t i = n; i-- > 1;) { /* from the end of each run */
        if (strcmp(rows[i - 1].run, rows[i].run) != 0) continue;
        if (rows[i - 1].d < rows[i].d) w->state[rows[i - 1].row] = OTHER;
        rows[i - 1].d = rows[i].d;
    }
    free(rows);
    size_t after = count_kept(w);
    if (after == before) return set_points(w, "all points (one for each run)");
    if (w->o->points == ISG_POINTS_AUTO) {
        const char *name = w->run ? w->run->name : w->guess.name->name;
        ISG_TRY(note(w, isg_strf("Runs have several points (%s): only the one of most tokens of "
                                 "each is used, %zu of %zu rows. --points all uses all.",
                                 name, after, before)));
    }
    return set_points(w, "the point of most tokens of each run");
}

/* Runs that diverged have a curve but no final point. */
static isg_err note_diverged(work *w)
{
    const isg_column *diverged = filled(w->t, "diverged");
    const char *last = NULL;
    size_t runs = 0;

    for (size_t i = 0; diverged && i < w->t->n_rows; i++) {
        if (w->state[i] != KEPT || strcmp(diverged->text[i], "1") != 0) continue;
        runs +=
            !last || strcmp(last, w->run_key[i]) != 0; /* the points of a run follow each other */
        last = w->run_key[i];
    }
    return runs ? note(w, isg_strf("%zu run%s diverged and ha%s no final point.", runs,
                                   runs > 1 ? "s" : "", runs > 1 ? "ve" : "s"))
                : ISG_OK;
}

static isg_err choose_points(work *w)
{
    const isg_column *final = filled(w->t, "is_final"), *lr = filled(w->t, "lr_state");
    isg_points points = w->o->points;

    if (points == ISG_POINTS_AUTO && !final && !lr && !w->run && !w->guess.name)
        points = ISG_POINTS_ALL;
    if (points == ISG_POINTS_ALL) return set_points(w, "all points");
    if (points == ISG_POINTS_STABLE) {
        if (!lr) return isg_columns_unknown(w->t, "lr_state", "--points stable");
        ISG_TRY(keep_where(w, "--points stable", "lr_state", EQ, "stable"));
        return set_points(w, "points at a constant learning rate");
    }
    if (!final && !lr) return keep_largest_d(w);
    ISG_TRY(note_diverged(w));
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != KEPT) continue;
        bool last = final ? !strcmp(final->text[i], "1") || !strcmp(final->text[i], "true") : true;
        bool cooled = !lr || !lr->text[i][0] || !strcmp(lr->text[i], "end");
        if (!last || (!cooled && !final))
            w->state[i] = OTHER;
        else if (!cooled)
            w->state[i] = NOT_COOLED;
    }
    return set_points(w, lr ? "the last, cooled point of each run" : "the last point of each run");
}

/* ---- exclusions ----------------------------------------------------------------------- */

static void exclude_bad(work *w)
{
    for (size_t i = 0; i < w->t->n_rows; i++) {
        double n = w->n->number[i], d = w->d->number[i], l = w->loss->number[i];
        if (w->state[i] != KEPT) continue;
        if (!w->loss->text[i][0])
            w->state[i] = NO_LOSS;
        else if (!isfinite(l) || l < 1e-300)
            w->state[i] = BAD_LOSS;
        else if (!isfinite(n) || n < 1e-300)
            w->state[i] = NO_SIZE;
        else if (!isfinite(d) || d < 1e-300)
            w->state[i] = NO_DATA;
    }
}

/* The row's tokens of a language, or its weight; NULL if the table has neither. */
static const isg_column *share_of(const isg_table *t, const char *language)
{
    static const char *const prefix[] = {"tokens_", "weight_"};
    const isg_column *found = NULL;

    for (size_t k = 0; k < 2 && !found && *language; k++) {
        char *name = isg_strf("%s%s", prefix[k], language);
        found = name ? isg_table_column(t, name) : NULL;
        free(name);
    }
    return found;
}

static const char *language_of(const work *w, const isg_column *language, size_t row)
{
    return language ? language->text[row] : w->o->target ? w->o->target : "";
}

/* A table that says of every run what it was trained on follows the rules of a store,
 * so that both give the same fit. */
static bool is_campaign(const work *w)
{
    const isg_column *language = filled(w->t, "eval_language"),
                     *count = filled(w->t, "n_languages");
    bool shares = w->o->store;

    if (!count || !count->numeric) return shares;
    for (size_t i = 0; i < w->t->n_rows && !shares; i++)
        shares = share_of(w->t, language_of(w, language, i)) != NULL;
    return shares;
}

static bool asks_for(const work *w, const char *column)
{
    for (size_t k = 0; k < w->o->n_where; k++) {
        if (strcspn(w->o->where[k], " =!<>") == strlen(column) &&
            !strncmp(w->o->where[k], column, strlen(column)))
            return true;
    }
    return false;
}

/* A campaign's law of one language: the runs trained on that language and nothing else.
 * Whoever chooses by n_languages gets those. */
static isg_err keep_monolingual(work *w)
{
    const isg_column *language = filled(w->t, "eval_language"),
                     *count = filled(w->t, "n_languages"), *own = NULL;
    size_t before = count_kept(w), repeated = 0;
    const isg_column *unique = filled(w->t, "unique_tokens");
    const char *last = NULL;

    if (!w->campaign || w->o->pool || !count || !count->numeric || asks_for(w, "n_languages"))
        return ISG_OK;
    for (size_t i = 0; i < w->t->n_rows; i++) {
        const char *code = language_of(w, language, i);
        if (w->state[i] != KEPT) continue;
        if (!last || strcmp(last, code) != 0) own = share_of(w->t, code);
        last = code;
        if (own && !(own->numeric && own->number[i] > 0))
            w->state[i] = OTHER; /* a run of other languages */
        else if (count->number[i] > 1)
            w->state[i] = MIXED;
        else if (unique && unique->numeric)
            repeated += w->d->number[i] > unique->number[i];
    }
    size_t after = count_kept(w);
    if (repeated) {
        ISG_TRY(note(
            w,
            isg_strf(
                "%zu of %zu rows read their data more than once; this law counts a repeated token "
                "like a new one (--where \"epochs<=1\" leaves them out).",
                repeated, after)));
    }
    if (before == after) return ISG_OK;
    return note(
        w, isg_strf("Only runs trained on the target language alone are used: %zu of %zu rows.",
                    after, before));
}

typedef struct ranked {
    double loss;
    size_t row;
} ranked;

static int by_loss_down(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->loss < y->loss || x->loss > y->loss) return x->loss < y->loss ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static isg_err drop_highest(work *w)
{
    size_t k = w->o->drop_highest, m = 0;
    if (!k) return ISG_OK;
    ranked *r = malloc((w->t->n_rows + 1) * sizeof *r);
    if (!r) return ISG_FAIL(ISG_ENOMEM, "no memory for --drop-highest");
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] == KEPT) r[m++] = (ranked){.loss = w->loss->number[i], .row = i};
    }
    qsort(r, m, sizeof *r, by_loss_down);
    for (size_t i = 0; i < k && i < m; i++) w->state[r[i].row] = HIGHEST;
    free(r);
    return ISG_OK;
}

/* ---- runs and refusals ----------------------------------------------------------------- */

/* Without run_id, runs are guessed from the other columns. */
static isg_err name_runs(work *w)
{
    enum { KEY = 24 };
    const size_t n = w->t->n_rows;

    w->run_key = malloc((n + 1) * sizeof *w->run_key);
    if (!w->run_key) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; w->run && i < n; i++) w->run_key[i] = w->run->text[i];
    if (w->run) return ISG_OK;
    w->pseudo_runs = true;
    ISG_TRY(isg_runs_guess(w->t, w->n, w->d, w->loss, &w->guess));
    w->made = malloc((n + 1) * KEY);
    if (!w->made) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(w->made + i * KEY, KEY, "%020zu", w->guess.run[i]);
        w->run_key[i] = w->made + i * KEY;
    }
    return ISG_OK;
}

typedef struct item {
    const char *cluster, *run;
    double n, d, loss;
    size_t row;
} item;

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_run(const void *a, const void *b)
{
    const item *x = a, *y = b;
    int c = strcmp(x->run, y->run);
    if (!c) c = compare_numbers(x->n, y->n);
    if (!c) c = compare_numbers(x->d, y->d);
    return c ? c : compare_numbers(x->loss, y->loss);
}

static int by_cluster(const void *a, const void *b)
{
    const item *x = a, *y = b;
    int c = strcmp(x->cluster, y->cluster);
    return c ? c : by_run(a, b);
}

static bool same_point(const item *a, const item *b)
{
    return !strcmp(a->run, b->run) && !compare_numbers(a->n, b->n) && !compare_numbers(a->d, b->d);
}

/* Does the column take different values wherever (run, D) repeats? Columns of
 * free-running numbers separate everything and explain nothing. */
static bool tells_apart(const work *w, const isg_column *c, const item *items, size_t n)
{
    bool whole = true;
    if (c == w->n || c == w->d || c == w->loss || c == w->run) return false;
    for (size_t i = 0; i < n && c->numeric && whole; i++) {
        double x = c->number[items[i].row];
        whole = isnan(x) || !(floor(x) < x);
    }
    if (!whole) return false;
    for (size_t i = 1; i < n; i++) {
        if (same_point(&items[i - 1], &items[i]) &&
            !strcmp(c->text[items[i - 1].row], c->text[items[i].row]))
            return false;
    }
    return true;
}

static isg_err list_separators(const work *w, const char *const *names, size_t n, isg_str *to,
                               const char **first)
{
    for (size_t k = 0; k < n; k++) {
        const isg_column *c = isg_table_column(w->t, names[k]);
        const char **v = NULL;
        size_t m = 0;
        if (!c || c == w->n || c == w->d || c == w->loss) continue;
        ISG_TRY(isg_columns_values(w->t, c, w->state, &v, &m));
        free(v);
        if (m < 2) continue;
        if (!*first) *first = c->name;
        ISG_TRY(describe_column(w, c, to));
    }
    return ISG_OK;
}

static bool names_evaluation(const char *column)
{
    for (size_t k = 0; k < COUNT_EVALUATIONS; k++) {
        if (!strcmp(column, evaluation_columns[k])) return true;
    }
    return false;
}

#define LIST(names) names, sizeof names / sizeof names[0]

static isg_err refuse(const work *w, const item *items, size_t n, size_t repeats, size_t where)
{
    isg_str list = {0};
    const char *first = NULL;
    isg_err rc = list_separators(w, LIST(separators), &list, &first);

    if (!rc && !w->campaign) rc = list_separators(w, LIST(csv_separators), &list, &first);
    if (!rc && w->campaign) rc = list_separators(w, LIST(store_separators), &list, &first);
    for (size_t j = 0; !rc && repeats && j < w->t->n_columns; j++) {
        const isg_column *c = &w->t->columns[j];
        if (!tells_apart(w, c, items, n) || strstr(isg_str_c(&list), c->name)) continue;
        if (!first) first = c->name;
        rc = describe_column(w, c, &list);
    }
    for (size_t j = 0; !rc && repeats && j < w->t->n_columns;
         j++) { /* the best advice: it leaves one loss a point */
        const isg_column *c = &w->t->columns[j];
        if (c->numeric || !tells_apart(w, c, items, n)) continue;
        first = c->name;
        break;
    }
    if (!rc && first) {
        rc = ISG_FAIL(ISG_EINPUT,
                      "%s: these %zu rows do not belong into one fit%s. They are separated by: %s. "
                      "Choose with "
                      "--where \"%s=VALUE\"%s, fit each with --by %s, or force it with --pool",
                      w->t->source, n, repeats ? ": a run has several losses at one D" : "",
                      isg_str_c(&list), first, names_evaluation(first) ? " or --target VALUE" : "",
                      first);
    } else if (!rc && repeats) {
        const size_t a = w->t->line[items[where - 1].row], b = w->t->line[items[where].row];
        rc = ISG_FAIL(ISG_EINPUT,
                      "%s: lines %zu and %zu have the same run and D but no column tells them "
                      "apart. If each row "
                      "is a run of its own, add a run_id column or give --resample rows",
                      w->t->source, a < b ? a : b, a < b ? b : a);
    }
    isg_str_free(&list);
    return rc;
}

static isg_err check_comparable(const work *w, item *items, size_t n)
{
    size_t repeats = 0, where = 0;

    if (w->o->pool) return ISG_OK;
    qsort(items, n, sizeof *items, by_run);
    for (size_t i = 1; i < n; i++) {
        if (!same_point(&items[i - 1], &items[i])) continue;
        repeats++;
        where = i;
    }
    if (w->o->rows && w->pseudo_runs) repeats = 0; /* every row is a run of its own */
    return refuse(w, items, n, repeats, where);
}

/* ---- result ------------------------------------------------------------------------------ */

static isg_err list_excluded(work *w)
{
    for (int k = OTHER + 1; k < ROW_STATES; k++) {
        isg_excluded *e = &w->s->excluded[w->s->n_excluded];
        size_t n = 0;
        for (size_t i = 0; i < w->t->n_rows; i++) n += w->state[i] == k;
        if (!n) continue;
        e->line = malloc(n * sizeof *e->line);
        if (!e->line) return ISG_FAIL(ISG_ENOMEM, "no memory for excluded rows");
        e->reason = reason[k];
        for (size_t i = 0; i < w->t->n_rows; i++) {
            if (w->state[i] == k) e->line[e->n++] = w->t->line[i];
        }
        w->s->n_excluded++;
    }
    for (size_t i = 0; i < w->t->n_rows; i++) w->s->n_other += w->state[i] == OTHER;
    return ISG_OK;
}

/* Rows of one run taken for runs of their own would make intervals too narrow. */
static isg_err warn_apart(work *w, size_t runs)
{
    const char *name = w->guess.alike->name;

    w->s->warning = isg_strf(
        "There is no run_id, and nearly every row counts as a run of its own (%zu runs), although "
        "%s repeats: the rows of one %s differ in %s. %s",
        runs, name, name, w->guess.apart,
        w->guess.swapped ? "D does not change inside them, but N does: are --n and --d swapped?"
                         : "");
    if (w->s->warning && !w->guess.swapped) {
        char *full = isg_strf("%sIf they are points of one run, give --cluster %s: without it the "
                              "intervals are too narrow.",
                              w->s->warning, name);
        free(w->s->warning);
        w->s->warning = full;
    }
    return w->s->warning ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a warning");
}

static isg_err note_runs(work *w, const item *items, size_t n)
{
    size_t runs = 0;
    for (size_t i = 0; i < n; i++) runs += !i || strcmp(items[i].run, items[i - 1].run) != 0;
    if (w->o->rows && runs < n) {
        return note(w, isg_strf("Rows are resampled one by one, although %zu rows come from %zu "
                                "runs: intervals are "
                                "too narrow if the rows of a run err together.",
                                n, runs));
    }
    if (w->cluster || w->o->rows || !w->pseudo_runs) return ISG_OK;
    if (w->guess.alike) return warn_apart(w, runs);
    if (w->guess.name && w->o->points != ISG_POINTS_ALL) return ISG_OK; /* said with the points */
    if (runs == n && !*w->guess.along) return ISG_OK;
    return note(
        w, isg_strf("There is no run_id: rows equal in all but D and loss%s%s%s count as one run "
                    "(%zu rows, %zu runs).%s",
                    *w->guess.along ? " (and " : "", w->guess.along,
                    *w->guess.along ? ", following D)" : "", n, runs,
                    runs == n ? ""
                    : w->guess.name
                        ? ""
                        : " If each row is a run of its own, give --resample rows; "
                          "if they are points of one run, --points final takes its last."));
}

static isg_err fill(work *w, item *items, size_t n)
{
    isg_selection *s = w->s;
    const isg_column *unit = isg_table_column(w->t, "unit");
    const char *cluster_unit = w->o->rows      ? "row"
                               : w->cluster    ? w->cluster->name
                               : w->run        ? w->run->name
                               : w->guess.name ? w->guess.name->name
                                               : "run";

    ISG_TRY(note_runs(w, items, n)); /* still in order of runs */
    qsort(items, n, sizeof *items, by_cluster);
    s->n = n;
    s->n_read = w->t->n_rows;
    for (size_t k = 0; k < 2; k++) s->var[k] = malloc(n * sizeof(double));
    s->loss = malloc(n * sizeof *s->loss);
    s->cluster = malloc(n * sizeof *s->cluster);
    s->line = malloc(n * sizeof *s->line);
    s->row = malloc(n * sizeof *s->row);
    s->n_column = isg_strdup(w->n->name);
    s->d_column = isg_strdup(w->d->name);
    s->loss_column = isg_strdup(w->loss->name);
    s->unit = isg_strdup(w->o->unit ? w->o->unit : unit ? unit->text[items[0].row] : "");
    s->target = isg_strdup(w->o->target ? w->o->target : "");
    s->cluster_unit = isg_strdup(cluster_unit);
    if (!s->var[0] || !s->var[1] || !s->loss || !s->cluster || !s->line || !s->row ||
        !s->n_column || !s->d_column || !s->loss_column || !s->unit || !s->target ||
        !s->cluster_unit) {
        return ISG_FAIL(ISG_ENOMEM, "no memory for %zu observations", n);
    }
    for (size_t i = 0; i < n; i++) {
        s->var[0][i] = items[i].n;
        s->var[1][i] = items[i].d;
        s->loss[i] = items[i].loss;
        s->row[i] = items[i].row;
        s->line[i] = w->t->line[items[i].row];
        bool opens = !i || w->o->rows || strcmp(items[i].cluster, items[i - 1].cluster) != 0;
        s->n_clusters += opens;
        s->cluster[i] = s->n_clusters - 1;
    }
    return ISG_OK;
}

static isg_err gather(work *w)
{
    size_t n = count_kept(w), m = 0;
    item *items = malloc((n + 1) * sizeof *items);

    if (!items) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != KEPT) continue;
        const char *cluster =
            w->cluster && w->cluster->text[i][0] ? w->cluster->text[i] : w->run_key[i];
        items[m++] = (item){.cluster = cluster,
                            .run = w->run_key[i],
                            .row = i,
                            .n = w->n->number[i],
                            .d = w->d->number[i],
                            .loss = w->loss->number[i]};
    }
    isg_err rc = n ? check_comparable(w, items, n)
                   : ISG_FAIL(ISG_EDATA, "%s: no row is left to fit (%zu read)%s%s", w->t->source,
                              w->t->n_rows, w->s->n_excluded ? "; first reason: " : "",
                              w->s->n_excluded ? w->s->excluded[0].reason : "");
    if (!rc) qsort(items, n, sizeof *items, by_run);
    if (!rc) rc = fill(w, items, n);
    free(items);
    return rc;
}

static isg_err select_rows(work *w)
{
    ISG_TRY(find_columns(w));
    w->campaign = is_campaign(w);
    ISG_TRY(name_runs(w));
    if (w->o->by) ISG_TRY(keep_where(w, "--by", w->o->by, EQ, w->o->by_value));
    for (size_t k = 0; k < w->o->n_where; k++) ISG_TRY(apply_where(w, w->o->where[k]));
    ISG_TRY(apply_target(w));
    ISG_TRY(choose_points(w));
    exclude_bad(w);
    ISG_TRY(keep_monolingual(w));
    ISG_TRY(drop_highest(w));
    ISG_TRY(list_excluded(w));
    return gather(w);
}

isg_err isg_select(const isg_table *table, const isg_select_options *options, isg_selection **out)
{
    work w = {.t = table, .o = options};
    isg_err rc = ISG_OK;

    *out = NULL;
    w.s = calloc(1, sizeof *w.s);
    w.state = calloc(table->n_rows + 1, 1);
    if (!w.s || !w.state)
        rc = ISG_FAIL(ISG_ENOMEM, "no memory to select from %zu rows", table->n_rows);
    if (!rc) rc = select_rows(&w);
    if (rc) isg_selection_destroy(&w.s);
    *out = w.s;
    free(w.state);
    free(w.run_key);
    free(w.made);
    isg_runs_clear(&w.guess);
    return rc;
}

void isg_selection_destroy(isg_selection **selection)
{
    isg_selection *s = *selection;
    if (!s) return;
    for (size_t k = 0; k < ISG_LAW_VARS; k++) free(s->var[k]);
    for (size_t k = 0; k < s->n_excluded; k++) free(s->excluded[k].line);
    for (size_t k = 0; k < s->n_notes; k++) free(s->note[k]);
    free(s->loss);
    free(s->cluster);
    free(s->line);
    free(s->row);
    free(s->n_column);
    free(s->d_column);
    free(s->loss_column);
    free(s->unit);
    free(s->target);
    free(s->cluster_unit);
    free(s->points);
    free(s->warning);
    free(s);
    *selection = NULL;
}
