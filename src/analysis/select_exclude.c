/* Rows that are asked for and cannot be used, or not as they are, and why. */

#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const reason[ISG_ROW_BAD_VAR] = {
    [ISG_ROW_NO_LOSS] = "loss is missing",
    [ISG_ROW_BAD_LOSS] = "loss is not finite and positive",
    [ISG_ROW_MIXED] = "trained on other languages besides the target",
    [ISG_ROW_NOT_TARGET] = "not trained on the target language",
    [ISG_ROW_HIGHEST] = "among the highest losses (--drop-highest)",
    [ISG_ROW_REPEATED] = "the same run, D and loss as another row, which is used",
    [ISG_ROW_NOT_COOLED] = "the run ended before its learning rate had decayed",
};

static const char *const because_of[] = {
    [ISG_VAR_LOG] = "missing or not positive",
    [ISG_VAR_AMOUNT] = "missing or negative",
    [ISG_VAR_PLAIN] = "missing or infinite",
};

void isg_selecting_exclude_losses(isg_selecting *w)
{
    for (size_t i = 0; i < w->t->n_rows; i++) {
        const double l = w->loss.number[i];
        if (w->state[i] != ISG_ROW_KEPT) continue;
        if (w->loss.column ? !w->loss.column->text[i][0] : isnan(l))
            w->state[i] = ISG_ROW_NO_LOSS;
        else if (!isfinite(l) || l < 1e-300)
            w->state[i] = ISG_ROW_BAD_LOSS;
    }
}

const isg_column *isg_selecting_share(const isg_table *t, const char *language)
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

/* A table that says of every run what it was trained on follows the rules of a store,
 * so that both give the same fit. */
bool isg_selecting_is_campaign(const isg_selecting *w)
{
    const isg_column *language = isg_selecting_filled(w->t, "eval_language"),
                     *count = isg_selecting_filled(w->t, "n_languages");
    const char *last = "";
    bool shares = w->o->store;

    if (!count || !count->numeric) return shares;
    for (size_t i = 0; i < w->t->n_rows && !shares; i++) {
        const char *code = isg_selecting_language(w, language, i);
        if (strcmp(last, code) != 0) shares = isg_selecting_share(w->t, code) != NULL;
        last = code;
    }
    return shares;
}

/* Tokens of several languages, each in a column: what a table without n_languages says. */
static bool is_language(const isg_selecting *w, const isg_column *c)
{
    return c->numeric && c != w->d.column && !strncmp(c->name, "tokens_", 7) &&
           strcmp(c->name, "tokens_seen") != 0 && strcmp(c->name, "tokens_total") != 0 &&
           strcmp(c->name, "tokens_B") != 0;
}

static double count_languages(const isg_selecting *w, const isg_column *count, size_t row)
{
    size_t n = 0;

    if (count) return count->number[row];
    for (size_t j = 0; j < w->t->n_columns; j++) {
        const isg_column *c = &w->t->columns[j];
        n += is_language(w, c) && c->number[row] > 0;
    }
    return (double)n;
}

/* A campaign's law of one language: the runs trained on that language and nothing else.
 * Whoever chooses by n_languages gets those. */
isg_err isg_selecting_monolingual(isg_selecting *w)
{
    const isg_column *language = isg_selecting_filled(w->t, "eval_language"),
                     *count = isg_selecting_filled(w->t, "n_languages"), *own = NULL;
    size_t before = isg_selecting_kept(w);
    const char *last = NULL;

    if ((count && !w->campaign) || w->law->mixtures || w->o->pool || (count && !count->numeric) ||
        (!count && w->o->store) || isg_selecting_asks_for(w, "n_languages"))
        return ISG_OK;
    for (size_t i = 0; i < w->t->n_rows; i++) {
        const char *code = isg_selecting_language(w, language, i);
        if (w->state[i] != ISG_ROW_KEPT) continue;
        if (!last || strcmp(last, code) != 0) own = isg_selecting_share(w->t, code);
        last = code;
        if (!count && !(own && is_language(w, own))) continue;
        if (own && !(own->numeric && own->number[i] > 0))
            w->state[i] = ISG_ROW_OTHER; /* a run of other languages */
        else if (count_languages(w, count, i) > 1)
            w->state[i] = ISG_ROW_MIXED;
    }
    size_t after = isg_selecting_kept(w);
    if (before == after) return ISG_OK;
    return isg_selecting_note(
        w, isg_strf("Only runs trained on the target language alone are used: %zu of %zu rows.",
                    after, before));
}

/* tokens_LANGUAGE > unique_LANGUAGE of the language whose losses the row has? */
static bool repeats_target(const isg_selecting *w, const isg_column *language, size_t row)
{
    const char *code = isg_selecting_language(w, language, row);
    char *name = isg_strf("unique_%s", code);
    const isg_column *own = isg_selecting_share(w->t, code),
                     *unique = name ? isg_table_column(w->t, name) : NULL;

    free(name);
    return own && unique && is_language(w, own) && unique->numeric &&
           own->number[row] > unique->number[row];
}

/* A law that does not know how much of the data is different. */
isg_err isg_selecting_note_repeats(isg_selecting *w)
{
    const isg_column *unique = isg_selecting_filled(w->t, "unique_tokens");
    const isg_column *language = isg_selecting_filled(w->t, "eval_language");
    const bool epochs = isg_table_column(w->t, "epochs") != NULL;
    size_t repeated = 0;

    if ((unique && !unique->numeric) || w->law->mixtures) return ISG_OK;
    for (size_t k = 0; k < w->law->n_vars; k++) {
        if (strstr(w->s->var_from[k], "unique") || strstr(w->s->var_from[k], "epochs"))
            return ISG_OK;
    }
    for (size_t i = 0; i < w->t->n_rows; i++)
        repeated += w->state[i] == ISG_ROW_KEPT &&
                    (unique ? w->d.number[i] > unique->number[i] : repeats_target(w, language, i));
    if (!repeated) return ISG_OK;
    return isg_selecting_note(
        w, isg_strf("%zu of %zu rows read their data more than once; this law counts a repeated "
                    "token like a new one (--law dcsl does not%s).",
                    repeated, isg_selecting_kept(w),
                    epochs ? "; --where \"epochs<=1\" leaves them out" : ""));
}

static int by_run_and_row(const void *a, const void *b)
{
    const isg_item *x = a, *y = b;
    int c = isg_item_by_run(a, b);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}

/* A row that is there twice, of overlapping files perhaps, is one observation. */
isg_err isg_selecting_leave_out_repeated(isg_selecting *w)
{
    isg_item *items = malloc((isg_selecting_kept(w) + 1) * sizeof *items);

    if (!items) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", w->t->n_rows);
    const size_t n = isg_items_collect(w, items);
    qsort(items, n, sizeof *items, by_run_and_row);
    for (size_t i = 1; i < n; i++) {
        if (!isg_item_by_run(&items[i - 1], &items[i]) &&
            isg_selecting_alike(w, items[i - 1].row, items[i].row))
            w->state[items[i].row] = ISG_ROW_REPEATED;
    }
    free(items);
    return ISG_OK;
}

static int by_loss_down(const void *a, const void *b)
{
    const isg_item *x = a, *y = b;
    int c = (y->loss > x->loss) - (y->loss < x->loss);
    return c ? c : by_run_and_row(a, b);
}

isg_err isg_selecting_drop_highest(isg_selecting *w)
{
    if (!w->o->drop_highest) return ISG_OK;
    isg_item *items = malloc((isg_selecting_kept(w) + 1) * sizeof *items);
    if (!items) return ISG_FAIL(ISG_ENOMEM, "no memory for --drop-highest");
    const size_t n = isg_items_collect(w, items);
    qsort(items, n, sizeof *items, by_loss_down);
    for (size_t i = 0; i < w->o->drop_highest && i < n; i++)
        w->state[items[i].row] = ISG_ROW_HIGHEST;
    free(items);
    return ISG_OK;
}

static char *why(const isg_selecting *w, int state)
{
    if (state < ISG_ROW_BAD_VAR) return isg_strdup(reason[state]);
    const isg_law_var *v = &w->law->vars[state - ISG_ROW_BAD_VAR];
    return isg_strf("%s is %s", v->name, because_of[v->kind]);
}

isg_err isg_selecting_name_row(const isg_selecting *w, size_t row, size_t at, size_t n,
                               isg_run_name **names)
{
    const char *run = isg_table_run_by(w->t, w->names, row);

    if (!run) return ISG_OK;
    if (!*names) *names = calloc(n, sizeof **names);
    if (!*names) return ISG_FAIL(ISG_ENOMEM, "no memory for the names of %zu rows", n);
    (void)snprintf((*names)[at].text, sizeof(*names)[at].text, "%s", run);
    return ISG_OK;
}

isg_err isg_select_places(const size_t *line, const isg_run_name *run, const size_t *at, size_t n,
                          size_t shown, isg_str *to)
{
    isg_str list = {0};
    const char *last = NULL;
    const bool runs = n && run && run[at ? at[0] : 0].text[0];
    size_t said = 0;
    isg_err rc = ISG_OK;

    for (size_t i = 0; i < n && !rc && said <= shown; i++) {
        const size_t k = at ? at[i] : i;
        const char *name = run && run[k].text[0] ? run[k].text : NULL;
        if (name && last && !strcmp(name, last)) continue; /* a further point of the run */
        last = name;
        const char *sep = said ? ", " : "";
        if (said++ == shown)
            rc = isg_str_puts(&list, ", ...");
        else if (name)
            rc = isg_str_printf(&list, "%s%s%.*s", sep, runs ? "" : "run ",
                                isg_table_run_digits(name), name);
        else
            rc = isg_str_printf(&list, "%s%s%zu", sep, runs ? "line " : "", line[k]);
    }
    if (!rc)
        rc = isg_str_printf(to, "%s%s %s", runs ? "run" : "line", said > 1 ? "s" : "",
                            isg_str_c(&list));
    isg_str_free(&list);
    return rc;
}

isg_err isg_selecting_list_excluded(isg_selecting *w)
{
    for (int k = ISG_ROW_OTHER + 1; k < ISG_ROW_STATES; k++) {
        isg_excluded *e = &w->s->excluded[w->s->n_excluded];
        size_t n = 0;
        for (size_t i = 0; i < w->t->n_rows; i++) n += w->state[i] == k;
        if (!n) continue;
        w->s->n_excluded++;
        e->line = malloc(n * sizeof *e->line);
        e->reason = why(w, k);
        if (!e->line || !e->reason) return ISG_FAIL(ISG_ENOMEM, "no memory for excluded rows");
        for (size_t i = 0; i < w->t->n_rows; i++) {
            if (w->state[i] != k) continue;
            ISG_TRY(isg_selecting_name_row(w, i, e->n, n, &e->run));
            e->line[e->n++] = w->t->line[i];
        }
    }
    for (size_t i = 0; i < w->t->n_rows; i++) w->s->n_other += w->state[i] == ISG_ROW_OTHER;
    return ISG_OK;
}
