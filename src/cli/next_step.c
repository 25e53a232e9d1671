#include "next_step.h"

#include "fit_job.h"
#include "isogloss/atlas.h"
#include "isogloss/os.h"
#include "isogloss/store.h"
#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>

/* Of more runs a try takes seconds, and a table of more numbers a gigabyte: nothing is tried then, and
 * no fit offered. */
enum { TARGETS = 6, MOST_RUNS = 20000, MOST_NUMBERS = 100000000 };

/* No try begins later: other ranks wait, but not for long, and so does the user. */
static const double patience_s = 5;

typedef struct choice {
    const char *target;      /* NULL: there is one evaluation */
    const isg_overview *all; /* its settings that vary in the table are swept, if `swept` */
    const isg_table *table;
    bool swept;
} choice;

static bool varies(const isg_table *t, const char *setting)
{
    const isg_column *c = isg_table_column(t, setting);
    for (size_t i = 1; c && i < t->n_rows; i++) {
        if (strcmp(c->text[i], c->text[0]) != 0) return true;
    }
    return false;
}

static void add_swept(const choice *c, isg_opt_list *out)
{
    const size_t most = sizeof out->item / sizeof *out->item;
    for (size_t k = 0; c->swept && k < c->all->n_settings && out->n < most; k++) {
        if (varies(c->table, c->all->setting[k])) out->item[out->n++] = c->all->setting[k];
    }
}

/* Would `isogloss fit` come to an end with these options? */
static bool works(const choice *c, isg_table *table)
{
    fit_args args = fit_args_defaults();
    fit_job job = {.speak = true};
    fit_outcome *o = calloc(1, sizeof *o);
    args.target = c->target;
    add_swept(c, &args.best_over);
    isg_err rc = o ? fit_job_take(&job, &args, table, true) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = fit_job_full(&job, &job.select, o);
    const bool good = !rc && fit_job_determines(&o->fit, job.fit.law);
    if (o) fit_outcome_clear(o);
    free(o);
    job.table = NULL; /* the caller's */
    (void)fit_job_close(&job, ISG_OK);
    isg_err_clear();
    return good;
}

static isg_err add_word(isg_str *out, const char *option, const char *value)
{
    char *word = isg_str_shell(value);
    isg_err rc = word ? isg_str_printf(out, "%s%s", option, word)
                      : ISG_FAIL(ISG_ENOMEM, "out of memory for a command");
    free(word);
    return rc;
}

static isg_err say_fit(const choice *c, const char *store, isg_str *out)
{
    isg_opt_list swept = {0};
    add_swept(c, &swept);
    ISG_TRY(add_word(out, "isogloss fit ", store));
    if (c->target) ISG_TRY(add_word(out, " --target ", c->target));
    for (size_t k = 0; k < swept.n; k++)
        ISG_TRY(add_word(out, k ? "," : " --best-over ", swept.item[k]));
    return ISG_OK;
}

/* Is a language among the training data? Losses of others are of another question. */
static bool is_trained(const isg_table *t, const char *language)
{
    char *name = isg_strf("tokens_%s", language);
    const bool is = name && isg_table_column(t, name);
    free(name);
    return is;
}

/* The first few names of evaluations, those of languages trained on before others. @return how many */
static size_t list_targets(const isg_table *t, const char *target[TARGETS])
{
    const isg_column *c = isg_table_column(t, "evaluation"),
                     *of = isg_table_column(t, "eval_language");
    size_t n = 0;
    for (int others = 0; others < 2; others++) {
        for (size_t i = 0; c && of && i < t->n_rows && n < TARGETS; i++) {
            size_t k = 0;
            while (k < n && strcmp(target[k], c->text[i]) != 0) k++;
            if (k == n && is_trained(t, of->text[i]) != others) target[n++] = c->text[i];
        }
    }
    return n;
}

static isg_err choose(const isg_overview *all, isg_table *table, const char *store, isg_str *out)
{
    const char *target[TARGETS];
    const size_t n = list_targets(table, target);
    const double end = isg_time_mono() + patience_s;
    for (size_t k = 0; k < n; k++) {
        for (int swept = 0; swept < 2; swept++) {
            if (isg_time_mono() > end) return add_word(out, "isogloss status ", store);
            choice c = {n > 1 ? target[k] : NULL, all, table, swept};
            isg_opt_list columns = {0};
            add_swept(&c, &columns);
            if (swept && !columns.n) continue;
            if (works(&c, table)) return say_fit(&c, store, out);
        }
    }
    return add_word(out, "isogloss export ", store);
}

/* Numbers of its table of losses, at most: of each loss those of a run, of each language, family and
 * setting. */
static double numbers(const isg_overview *o)
{
    enum { OF_RUN = 25, OF_LANGUAGE = 3 };
    return (double)o->n_losses *
           (double)(OF_RUN + OF_LANGUAGE * o->n_languages + o->n_families + o->n_settings);
}

static isg_err look(const char *path, isg_str *out)
{
    isg_store *store = NULL;
    isg_overview *all = NULL;
    isg_table *table = NULL;
    ISG_TRY(isg_store_open(path, ISG_STORE_READ, false, &store));
    isg_err rc = isg_store_read_overview(store, &all);
    const bool large = !rc && (all->n_runs > MOST_RUNS || numbers(all) > MOST_NUMBERS);
    if (!rc && !large) rc = isg_store_tidy(store, &table);
    isg_store_close(&store);
    if (!rc && large) rc = add_word(out, "isogloss status ", path);
    if (!rc && table) {
        isg_table_fill_mixtures(table);
        rc = choose(all, table, path, out);
    }
    isg_table_destroy(&table);
    isg_overview_destroy(&all);
    return rc;
}

isg_err next_step(const char *store, char **out)
{
    isg_str text = {0};
    isg_err rc = look(store, &text);
    if (rc == ISG_EDATA) {
        isg_err_clear();
        isg_str_reset(&text);
        rc = add_word(&text, "isogloss status ", store);
    }
    if (rc) isg_str_free(&text);
    *out = text.data;
    return rc;
}
