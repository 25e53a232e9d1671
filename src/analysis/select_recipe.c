/* How the runs of a campaign were made: settings, trainer, and the text they read and are scored on.
 * A table exported of a store says all of it, so that rows of two stores are told apart as those of
 * one are. A cell that is empty is not known, and no value: the file it is from is named. */

#include "columns.h"
#include "isogloss/str.h"
#include "selecting.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Settings of a campaign, and what else makes its runs another kind. */
static const char *const settings[] = {"lr",    "batch", "warmup",       "decay",    "beta1",
                                       "beta2", "clip",  "weight_decay", "schedule", "parent"};
static const char *const kinds[] = {"context", "vocab", "tag_bytes", "trainer", "trainer_version"};
/* Which part of the held-out text is scored: one for each evaluation. */
static const char *const scored[] = {"eval_bytes", "eval_shards"};
static const char of_text[] = "corpus_"; /* one for each language */

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (!strcmp(name, names[k])) return true;
    }
    return false;
}

bool isg_select_knows_setting(const char *column)
{
    return is_one_of(column, settings, COUNT(settings));
}

isg_err isg_selecting_find_own(isg_selecting *w)
{
    const isg_column *c = w->campaign ? isg_table_column(w->t, "settings") : NULL;
    const char **v = NULL;
    isg_str list = {0};
    size_t n = 0;
    isg_err rc = c ? isg_columns_values(w->t, c, NULL, &v, &n) : ISG_OK;

    for (size_t k = 0; k < n && !rc; k++) rc = isg_str_printf(&list, "%s ", v[k]);
    free(v);
    w->own = list.data;
    return rc;
}

/* A setting that the trainer of a campaign has by itself: `settings` lists their names. */
static bool is_own(const isg_selecting *w, const isg_column *c)
{
    const size_t n = strlen(c->name);

    for (const char *p = w->own; p && *p;) {
        const size_t word = strcspn(p, " ");
        if (word == n && !strncmp(p, c->name, n)) return true;
        p += word + (p[word] == ' ');
    }
    return false;
}

static bool is_text(const isg_column *c)
{
    return !strncmp(c->name, of_text, sizeof of_text - 1);
}

bool isg_selecting_is_recipe(const isg_selecting *w, const isg_column *c)
{
    return w->campaign &&
           (isg_select_knows_setting(c->name) || is_one_of(c->name, kinds, COUNT(kinds)) ||
            is_one_of(c->name, scored, COUNT(scored)) || is_text(c) || !strcmp(c->name, "corpus") ||
            !strcmp(c->name, "numerics") || is_own(w, c));
}

/* ---- what differs ------------------------------------------------------------------------- */

typedef struct recipes {
    isg_selecting *w;
    const isg_item *items; /* [n] */
    size_t n;
    isg_str *to; /* what separates the rows */
    const char **first;
    isg_str along; /* what differs with a column whose values the user takes together */
    isg_str unsaid;
    bool *quiet; /* [files] they do not say something */
    size_t rows; /* that do not */
} recipes;

/* Has the column two values, empty cells aside? */
static bool differs(const recipes *r, const isg_column *c)
{
    const char *seen = NULL;
    for (size_t i = 0; i < r->n; i++) {
        const char *text = c->text[r->items[i].row];
        if (!*text) continue;
        if (seen && strcmp(seen, text) != 0) return true;
        seen = text;
    }
    return false;
}

static isg_err list_one(recipes *r, const isg_column *c)
{
    if (isg_selecting_explained(r->w, c) || isg_selecting_is_swept(r->w, c->name) || !differs(r, c))
        return ISG_OK;
    if (isg_selecting_named(r->w, c)) return ISG_OK;
    if (isg_selecting_chosen(r->w, c))
        return isg_columns_describe(r->w->t, c, r->w->state, &r->along);
    if (!*r->first) *r->first = c->name;
    return isg_columns_describe(r->w->t, c, r->w->state, r->to);
}

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_size(const void *a, const void *b)
{
    return compare(((const isg_item *)a)->n, ((const isg_item *)b)->n);
}

static int by_tokens(const void *a, const void *b)
{
    return compare(((const isg_item *)a)->d, ((const isg_item *)b)->d);
}

/* Is a setting the same wherever N is? Then it belongs to the recipe of a size, as a campaign's
 * batch_by_size makes it, and compares nothing but sizes. *out stays false if there is no N. The same
 * of D: there it must be another with each D, as a number of steps is. Empty cells say nothing. */
static isg_err follows(const recipes *r, const isg_column *c,
                       int (*order)(const void *, const void *), bool *out)
{
    isg_item *items = malloc((r->n + 1) * sizeof *items);
    size_t n = 0, apart = 0, kept = 0;
    *out = false;
    if (!items) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", r->n);
    for (size_t i = 0; i < r->n; i++) {
        if (c->text[r->items[i].row][0]) items[n++] = r->items[i];
    }
    qsort(items, n, sizeof *items, order);
    size_t levels = n > 0;
    for (size_t i = 1; i < n; i++) {
        const bool level = order(&items[i - 1], &items[i]) != 0,
                   same = !strcmp(c->text[items[i - 1].row], c->text[items[i].row]);
        levels += level;
        apart += !level && !same;
        kept += level && same;
    }
    *out = levels > 1 && !apart && (order == by_size || !kept);
    free(items);
    return ISG_OK;
}

/* Does it vary inside one of the files? */
static bool varies_inside(const recipes *r, const isg_column *c)
{
    const isg_table *t = r->w->t;
    const size_t files = t->files ? t->n_files : 1;

    for (size_t k = 0; k < files; k++) {
        const char *seen = NULL;
        for (size_t i = 0; i < r->n; i++) {
            const size_t row = r->items[i].row;
            if (!c->text[row][0] || (t->files && t->file[row] != k)) continue;
            if (seen && strcmp(seen, c->text[row]) != 0) return true;
            seen = c->text[row];
        }
    }
    return false;
}

/* A batch that is one for each N, as a campaign may have it, or because the sources have other sizes. */
static isg_err tell_batch(recipes *r, const isg_column *c)
{
    const isg_selecting *w = r->w;
    isg_str list = {0};

    if (isg_selecting_explained(w, c) || isg_selecting_is_swept(w, c->name) ||
        isg_selecting_chosen(w, c) || !differs(r, c))
        return ISG_OK;
    const bool meant = w->t->n_files < 2 || varies_inside(r, c);
    isg_err rc = isg_columns_describe(w->t, c, w->state, &list);
    char *text = rc ? NULL
                    : isg_strf("%s goes with N%s: what it does to the losses counts as an effect "
                               "of N.%s",
                               isg_str_c(&list), meant ? "" : ", but in no source by itself",
                               meant ? "" : " If that is not meant, fit each with --by batch.");
    if (!rc) rc = meant ? isg_selecting_note(r->w, text) : isg_selecting_warn(r->w, text);
    isg_str_free(&list);
    return rc;
}

static isg_err list_settings(recipes *r)
{
    bool recipe = false, budget = false;

    for (size_t k = 0; k < COUNT(settings) + COUNT(kinds); k++) {
        const char *name = k < COUNT(settings) ? settings[k] : kinds[k - COUNT(settings)];
        const isg_column *c = isg_table_column(r->w->t, name);
        if (!c) continue;
        recipe = false;
        if (!strcmp(name, "batch")) ISG_TRY(follows(r, c, by_size, &recipe));
        ISG_TRY(recipe ? tell_batch(r, c) : list_one(r, c));
    }
    for (size_t j = 0; j < r->w->t->n_columns; j++) {
        const isg_column *c = &r->w->t->columns[j];
        if (isg_select_knows_setting(c->name) || !is_own(r->w, c)) continue;
        ISG_TRY(follows(r, c, by_size, &recipe));
        ISG_TRY(follows(r, c, by_tokens, &budget));
        if (!(recipe || budget) || !varies_inside(r, c)) ISG_TRY(list_one(r, c));
    }
    return ISG_OK;
}

static isg_err list_scored(recipes *r)
{
    const isg_column *evaluation = isg_table_column(r->w->t, "evaluation");

    for (size_t k = 0; k < COUNT(scored); k++) {
        const isg_column *c = isg_table_column(r->w->t, scored[k]);
        if (c && !(evaluation && isg_selecting_follows(r->w, c, evaluation)))
            ISG_TRY(list_one(r, c));
    }
    return ISG_OK;
}

/* The first column of a text, or n_columns. */
static size_t first_text(const isg_table *t)
{
    size_t j = 0;
    while (j < t->n_columns && !is_text(&t->columns[j])) j++;
    return j;
}

/* Does every row that names its corpus also say of which texts its runs are? */
static bool says_texts(const recipes *r, const isg_column *corpus)
{
    const isg_table *t = r->w->t;
    const size_t first = first_text(t);

    for (size_t i = 0; i < r->n; i++) {
        const size_t row = r->items[i].row;
        bool said = !corpus->text[row][0];
        for (size_t j = first; j < t->n_columns && !said; j++)
            said = is_text(&t->columns[j]) && t->columns[j].text[row][0];
        if (!said) return false;
    }
    return true;
}

/* A few of them: a message has no room for hundreds of languages. */
static isg_err list_texts(recipes *r)
{
    enum { SHOWN = 3 };
    const isg_table *t = r->w->t;
    const size_t before = r->to->len;
    size_t n = 0;

    for (size_t j = first_text(t); j < t->n_columns; j++) {
        const isg_column *c = &t->columns[j];
        if (!is_text(c) || !differs(r, c)) continue;
        if (n++ < SHOWN) ISG_TRY(list_one(r, c));
    }
    isg_str *to = r->to->len > before ? r->to : &r->along;
    if (n <= SHOWN || !to->len) return ISG_OK;
    return isg_str_printf(to, "; and the text of %zu more %s", n - SHOWN,
                          isg_str_plural(n - SHOWN, "language", "languages"));
}

/* Two corpora may have the same text of a language: then its runs belong together. */
static isg_err list_corpora(recipes *r)
{
    const isg_column *corpus = isg_table_column(r->w->t, "corpus");

    if (!corpus || !differs(r, corpus)) return ISG_OK;
    return says_texts(r, corpus) ? list_texts(r) : list_one(r, corpus);
}

/* ---- what is only said ---------------------------------------------------------------------- */

/* Some rows say it and others do not. */
static isg_err look_for_gaps(recipes *r, const isg_column *c)
{
    const isg_table *t = r->w->t;
    size_t empty = 0;

    for (size_t i = 0; i < r->n; i++) empty += !c->text[r->items[i].row][0];
    if (!empty || empty == r->n) return ISG_OK;
    if (empty > r->rows) r->rows = empty;
    for (size_t i = 0; i < r->n && t->files; i++) {
        if (!c->text[r->items[i].row][0]) r->quiet[t->file[r->items[i].row]] = true;
    }
    return isg_str_printf(&r->unsaid, "%s%s", r->unsaid.len ? ", " : "", c->name);
}

static isg_err warn_gaps(recipes *r)
{
    const isg_table *t = r->w->t;
    isg_str files = {0};
    isg_err rc = ISG_OK;
    size_t m = 0;

    for (size_t j = 0; j < t->n_columns && !rc; j++) {
        const isg_column *c = &t->columns[j];
        if (isg_selecting_is_recipe(r->w, c) && !is_text(c)) rc = look_for_gaps(r, c);
    }
    if (!r->unsaid.len || rc) return rc;
    for (size_t k = 0; k < t->n_files && !rc; k++) {
        if (r->quiet[k]) rc = isg_str_printf(&files, "%s%s", m++ ? ", " : " of ", t->files[k]);
    }
    if (!rc)
        rc = isg_selecting_warn(
            r->w, isg_strf("%zu %s%s %s not say %s, others do: whether the runs were made "
                           "alike is not known.",
                           r->rows, isg_str_plural(r->rows, "row", "rows"), isg_str_c(&files),
                           isg_str_plural(r->rows, "does", "do"), isg_str_c(&r->unsaid)));
    isg_str_free(&files);
    return rc;
}

static isg_err warn_numerics(recipes *r)
{
    const isg_column *c = isg_table_column(r->w->t, "numerics");
    isg_str list = {0};
    isg_err rc = ISG_OK;

    if (!c || !differs(r, c) || isg_selecting_chosen(r->w, c)) return ISG_OK;
    rc = isg_columns_describe(r->w->t, c, r->w->state, &list);
    if (!rc)
        rc = isg_selecting_warn(r->w, isg_strf("Runs were made by different instruction sets, %s: "
                                               "the same run has another loss there, by rounding.",
                                               isg_str_c(&list)));
    isg_str_free(&list);
    return rc;
}

static isg_err warn_along(recipes *r)
{
    if (!r->along.len) return ISG_OK;
    return isg_selecting_warn(
        r->w, isg_strf("The rows taken together also differ in: %s.", isg_str_c(&r->along)));
}

isg_err isg_selecting_list_recipes(isg_selecting *w, const isg_item *items, size_t n, isg_str *to,
                                   const char **first)
{
    recipes r = {.w = w, .items = items, .n = n, .to = to, .first = first};
    isg_err rc = ISG_OK;

    if (!w->campaign) return ISG_OK;
    r.quiet = calloc(w->t->n_files + 1, sizeof *r.quiet);
    if (!r.quiet) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu files", w->t->n_files);
    rc = list_settings(&r);
    if (!rc) rc = list_scored(&r);
    if (!rc) rc = list_corpora(&r);
    if (!rc) rc = warn_along(&r);
    if (!rc) rc = warn_gaps(&r);
    if (!rc) rc = warn_numerics(&r);
    isg_str_free(&r.along);
    isg_str_free(&r.unsaid);
    free(r.quiet);
    return rc;
}
