/* What must not be pooled is refused, with the columns that tell the rows apart. */

#include "columns.h"
#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Columns whose values make rows incomparable, whatever they are called in a file. */
static const char *const separators[] = {"evaluation", "eval_language", "eval_set",
                                         "metric",     "unit",          "n_languages",
                                         "tokenizer",  "train_corpus",  "dataset"};
/* The same by other usual names, in any case: of texts that repeat. */
static const char *const usual_separators[] = {
    "corpus",   "training_corpus", "eval",      "evalset",   "eval_dataset", "val_set",
    "test_set", "split",           "task",      "benchmark", "lang",         "language",
    "domain",   "tokenizer",       "optimizer", "optimiser", "vocab"};
/* Of foreign tables; in a campaign's store families overlap and the target decides. */
static const char *const csv_separators[] = {"family"};
bool isg_selecting_explained(const isg_selecting *w, const isg_column *c)
{
    const size_t j = (size_t)(c - w->t->columns);
    const bool of_mixture = w->law->mixtures && !strcmp(c->name, "n_languages");
    return w->of_size[j] || w->of_law[j] || of_mixture || c == w->d.column || c == w->loss.column;
}

/* Does the column take different values wherever (run, D) repeats? Columns of
 * free-running numbers separate everything and explain nothing. */
static bool tells_apart(const isg_selecting *w, const isg_column *c, const isg_item *items,
                        size_t n)
{
    bool whole = true;
    if (isg_selecting_explained(w, c) || c == w->run) return false;
    for (size_t i = 0; i < n && c->numeric && whole; i++) {
        double x = c->number[items[i].row];
        whole = isnan(x) || !(floor(x) < x);
    }
    if (!whole) return false;
    for (size_t i = 1; i < n; i++) {
        if (isg_item_same_point(&items[i - 1], &items[i]) &&
            !strcmp(c->text[items[i - 1].row], c->text[items[i].row]))
            return false;
    }
    return true;
}

bool isg_selecting_is_separator(const isg_column *c)
{
    for (size_t k = 0; k < COUNT(separators); k++) {
        if (!strcmp(c->name, separators[k])) return true;
    }
    return false;
}

/* In any case, and not one of the names above. */
static bool is_usual(const isg_column *c)
{
    if (isg_selecting_is_separator(c)) return false;
    for (size_t k = 0; k < COUNT(usual_separators); k++) {
        if (!strcasecmp(c->name, usual_separators[k])) return true;
    }
    return false;
}

bool isg_selecting_alike(const isg_selecting *w, size_t a, size_t b)
{
    for (size_t k = 0; k < COUNT(separators); k++) {
        const isg_column *c = isg_table_column(w->t, separators[k]);
        if (c && strcmp(c->text[a], c->text[b]) != 0) return false;
    }
    for (size_t j = 0; j < w->t->n_columns; j++) {
        const isg_column *c = &w->t->columns[j];
        if (!c->text[a][0] || !c->text[b][0]) continue; /* a file that does not say */
        if (strcmp(c->text[a], c->text[b]) != 0 &&
            (is_usual(c) || isg_selecting_is_setting(c->name)))
            return false;
    }
    return true;
}

bool isg_selecting_is_swept(const isg_selecting *w, const char *column)
{
    for (size_t k = 0; k < w->o->n_best_over; k++) {
        if (!strcmp(w->o->best_over[k], column)) return true;
    }
    return false;
}

static isg_err list_separators(const isg_selecting *w, const char *const *names, size_t n,
                               isg_str *to, const char **first)
{
    for (size_t k = 0; k < n; k++) {
        const isg_column *c = isg_table_column(w->t, names[k]);
        const char **v = NULL;
        size_t m = 0;
        if (!c || isg_selecting_explained(w, c) || isg_selecting_is_swept(w, names[k])) continue;
        if (w->law->mixtures && !strcmp(names[k], "n_languages")) continue;
        ISG_TRY(isg_columns_values(w->t, c, w->state, &v, &m));
        /* --unit says what rows without a unit have */
        bool same = m == 2 && !strcmp(names[k], "unit") && w->o->unit && !v[0][0] &&
                    !strcmp(v[1], w->o->unit);
        free(v);
        if (m < 2 || same || isg_selecting_chosen(w, c)) continue;
        if (!*first) *first = c->name;
        ISG_TRY(isg_columns_describe(w->t, c, w->state, to));
    }
    return ISG_OK;
}

#define LIST(names) names, COUNT(names)

/* Usual names, and factors that are crossed with N and D. */
static isg_err list_further(const isg_selecting *w, size_t rows, isg_str *to, const char **first)
{
    for (size_t j = 0; j < w->t->n_columns; j++) {
        const isg_column *c = &w->t->columns[j];
        const char **v = NULL;
        size_t m = 0;
        const bool usual = is_usual(c) && (!c->numeric || !strcasecmp(c->name, "vocab"));
        if ((!usual && !w->crossed[j]) || isg_selecting_explained(w, c) ||
            isg_selecting_is_swept(w, c->name) || isg_selecting_is_recipe(w, c))
            continue;
        if (c == w->run || c == w->cluster || isg_selecting_chosen(w, c)) continue;
        ISG_TRY(isg_columns_values(w->t, c, w->state, &v, &m));
        free(v);
        if (m < 2 || (m == rows && !w->crossed[j])) continue; /* a name of each row */
        if (!*first) *first = c->name;
        ISG_TRY(isg_columns_describe(w->t, c, w->state, to));
    }
    return ISG_OK;
}

/* Of the language whose losses the first of these rows has. */
static bool says_shares(const isg_selecting *w, size_t row)
{
    const isg_column *language = isg_selecting_filled(w->t, "eval_language");
    return isg_selecting_share(w->t, isg_selecting_language(w, language, row)) != NULL;
}

/* @param list   columns that separate the rows, described
 * @param first  the one to choose by */
static isg_err refuse_separated(const isg_selecting *w, size_t n, size_t repeats, const char *list,
                                const char *first)
{
    const isg_column *c = isg_table_column(w->t, first);
    const bool sweep = c->numeric && !isg_selecting_names_evaluation(first) && !w->campaign &&
                       w->crossed[c - w->t->columns];
    const bool languages = isg_selecting_names_evaluation(first) &&
                           w->o->metric <= ISG_METRIC_BYTE &&
                           isg_selecting_filled(w->t, "bytes_per_character");
    return ISG_FAIL(
        ISG_EINPUT,
        "%s: these %zu rows do not belong into one fit%s. They are separated by: %s. "
        "Choose with "
        "--where \"%s=VALUE\" (VALUE|VALUE for several)%s, fit each with --by %s%s%s, "
        "or force it with --pool%s",
        w->t->source, n, repeats ? ": a run has several losses at one D" : "", list, first,
        isg_selecting_names_evaluation(first) ? " or --target VALUE" : "", first,
        sweep ? ", the best with --best-over " : "", sweep ? first : "",
        languages ? ". A byte is another part of the text in every script: to compare languages "
                    "there is --metric bits-per-character, unigram or page"
                  : "");
}

static isg_err refuse(isg_selecting *w, const isg_item *items, size_t n, size_t repeats,
                      size_t where)
{
    char place[2][ISG_PLACE_BYTES];
    isg_str list = {0};
    const char *first = NULL;
    isg_err rc = list_separators(w, LIST(separators), &list, &first);

    /* families of a table that says what each run was trained on are kinds of mixtures */
    bool kinds = w->campaign || (w->law->mixtures && says_shares(w, items[0].row));
    if (!rc && !kinds) rc = list_separators(w, LIST(csv_separators), &list, &first);
    if (!rc) rc = isg_selecting_list_recipes(w, items, n, &list, &first);
    if (!rc) rc = list_further(w, n, &list, &first);
    for (size_t j = 0; !rc && repeats && j < w->t->n_columns; j++) {
        const isg_column *c = &w->t->columns[j];
        if (!tells_apart(w, c, items, n) || strstr(isg_str_c(&list), c->name)) continue;
        if (!first) first = c->name;
        rc = isg_columns_describe(w->t, c, w->state, &list);
    }
    for (size_t j = 0; !rc && repeats && j < w->t->n_columns;
         j++) { /* the best advice: it leaves one loss a point */
        const isg_column *c = &w->t->columns[j];
        if (c->numeric || !tells_apart(w, c, items, n)) continue;
        first = c->name;
        break;
    }
    if (!rc && first) {
        rc = refuse_separated(w, n, repeats, isg_str_c(&list), first);
    } else if (!rc && repeats && w->run && w->run->text[items[where].row][0]) {
        rc = ISG_FAIL(ISG_EINPUT,
                      "%s: %s '%s' has two losses at one D, %.9g in %s and %.9g in %s, "
                      "and no column tells them apart. Leave one out, or use both with --pool",
                      w->t->source, w->run->name, items[where].run, items[where - 1].loss,
                      isg_table_place(w->t, items[where - 1].row, place[0]), items[where].loss,
                      isg_table_place(w->t, items[where].row, place[1]));
    } else if (!rc && repeats) {
        const size_t a = items[where - 1].row, b = items[where].row;
        rc = ISG_FAIL(ISG_EINPUT,
                      "%s: %s and %s have the same run and D but no column tells them "
                      "apart. If each row "
                      "is a run of its own, add a run_id column or give --resample rows",
                      w->t->source, isg_table_place(w->t, a < b ? a : b, place[0]),
                      isg_table_place(w->t, a < b ? b : a, place[1]));
    }
    isg_str_free(&list);
    return rc;
}

isg_err isg_selecting_comparable(isg_selecting *w, isg_item *items, size_t n)
{
    size_t repeats = 0, where = 0;

    if (w->o->pool) return ISG_OK;
    qsort(items, n, sizeof *items, isg_item_by_run);
    for (size_t i = 1; i < n; i++) {
        if (!isg_item_same_point(&items[i - 1], &items[i])) continue;
        repeats++;
        where = i;
    }
    if (w->o->rows && w->pseudo_runs) repeats = 0; /* every row is a run of its own */
    return refuse(w, items, n, repeats, where);
}

static size_t mixed(size_t setting, size_t code)
{
    return (setting ^ (code + 1)) * (size_t)0x9e3779b97f4a7c15ULL;
}

/* What a run reads again and again is part of its setting where the law does not have it: runs of
 * much and of little text differ in more than their seeds. */
static void add_repetition(const isg_selecting *w, size_t *setting)
{
    const isg_column *unique = isg_table_column(w->t, "unique_tokens"),
                     *epochs = isg_table_column(w->t, "epochs");
    if (!w->campaign || !unique || !epochs || !unique->numeric || !epochs->numeric) return;
    if (isg_selecting_explained(w, unique) || isg_selecting_explained(w, epochs)) return;
    for (size_t i = 0; i < w->s->n; i++) {
        const size_t row = w->s->row[i];
        if (epochs->number[row] > 1)
            setting[i] = mixed(setting[i], (size_t)fmax(0, unique->number[row]));
    }
}

isg_err isg_selecting_settings(const isg_selecting *w, size_t *setting)
{
    const isg_selection *s = w->s;
    size_t *slots = malloc(isg_columns_slots(s->n) * sizeof *slots);
    size_t *code = malloc((s->n + 1) * sizeof *code);
    isg_err rc = slots && code ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", s->n);

    for (size_t j = 0; j < w->t->n_columns && !rc; j++) {
        const isg_column *c = &w->t->columns[j];
        bool separates = w->crossed[j] || is_usual(c) || isg_selecting_is_separator(c) ||
                         isg_selecting_is_setting(c->name) || isg_selecting_is_recipe(w, c);
        if (!separates || isg_selecting_explained(w, c)) continue;
        const size_t m = isg_columns_code(c, s->row, s->n, true, slots, code);
        for (size_t i = 0; i < s->n && m > 1; i++) setting[i] = mixed(setting[i], code[i]);
    }
    if (!rc) add_repetition(w, setting);
    free(slots);
    free(code);
    return rc;
}
