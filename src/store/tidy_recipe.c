/* The recipe of each observation: settings, context, trainer, text. All of it is there whether or
 * not it varies in this store, because what is one here may be another in the next: rows of two
 * stores that are put below each other say by themselves that they do not belong together. */
#include "internal.h"

#include "isogloss/select.h"
#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

enum { FINGERPRINT_CHARS = 16 };

typedef struct recipe {
    const isg_store *s;
    const isg_observed *row; /* [n] */
    size_t n;
    isg_table *table;
    json_t *settings;
    double *number;    /* [n] the column being made */
    const char **text; /* [n] */
} recipe;

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory");
}

/* ---- numbers ------------------------------------------------------------------------------ */

static isg_err add_of_runs(recipe *r, const char *name, const double *value)
{
    for (size_t i = 0; i < r->n; i++) r->number[i] = value[r->row[i].run];
    return isg_table_add_numbers(r->table, name, r->number);
}

/* A column of the format with one number a run, or one an evaluation. */
static isg_err add_stored(recipe *r, const char *name, isg_col col)
{
    const isg_set *c = &r->s->col[col];
    const bool of_runs = isg_columns[col].dims[0] == 'R';
    double *value = calloc(r->s->dim[of_runs ? ISG_DIM_RUN : ISG_DIM_EVALUATION], sizeof *value);
    isg_err rc = value ? ISG_OK : no_memory();

    if (!rc && H5Dread(c->set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        rc = isg_h5_fail(ISG_ESTORE, "cannot read '%s'", isg_columns[col].name);
    for (size_t i = 0; i < r->n && !rc; i++)
        r->number[i] = value[of_runs ? r->row[i].run : r->row[i].evaluation];
    if (!rc) rc = isg_table_add_numbers(r->table, name, r->number);
    free(value);
    return rc;
}

/* A name that stands for something else in the table is written setting_NAME. */
static isg_err add_setting(recipe *r, const char *name, const char *column, double *value,
                           isg_str *own)
{
    const bool taken = isg_table_column(r->table, name) || !strcmp(name, "settings");
    char *as = isg_strf("%s%s", taken ? "setting_" : "", name);
    isg_err rc = as ? isg_store_read_setting(r->s, column, value) : no_memory();

    if (!rc) rc = add_of_runs(r, as, value);
    if (!rc && !isg_select_knows_setting(as))
        rc = isg_str_printf(own, "%s%s", own->len ? " " : "", as);
    free(as);
    return rc;
}

/* ---- texts -------------------------------------------------------------------------------- */

/* The same in every row; nothing where it is not known. */
static isg_err add_constant(recipe *r, const char *name, const char *text)
{
    if (!text || !*text) return ISG_OK;
    for (size_t i = 0; i < r->n; i++) r->text[i] = text;
    return isg_table_add_text(r->table, name, r->text);
}

static isg_err add_settings(recipe *r)
{
    const json_t *item;
    size_t i;
    isg_str own = {0};
    double *value = calloc(r->s->dim[ISG_DIM_RUN], sizeof *value);
    isg_err rc = value ? ISG_OK : no_memory();

    json_array_foreach(json_object_get(r->settings, "settings"), i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *column = json_string_value(json_object_get(item, "column"));
        if (!rc && name && column) rc = add_setting(r, name, column, value, &own);
    }
    if (!rc) rc = add_constant(r, "settings", isg_str_c(&own));
    isg_str_free(&own);
    free(value);
    return rc;
}

static isg_err add_trainer(recipe *r)
{
    static const char *const names[] = {"schedule", "trainer", "trainer_version", "numerics"};
    const json_t *tag =
        json_object_get(json_object_get(r->settings, "trainer_settings"), "tag_bytes");

    ISG_TRY(add_stored(r, "context", ISG_COL_RUNS_CONTEXT));
    ISG_TRY(add_stored(r, "vocab", ISG_COL_RUNS_VOCAB));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        ISG_TRY(
            add_constant(r, names[k], json_string_value(json_object_get(r->settings, names[k]))));
    if (!tag) return ISG_OK;
    for (size_t i = 0; i < r->n; i++) r->number[i] = (double)json_integer_value(tag);
    return isg_table_add_numbers(r->table, "tag_bytes", r->number);
}

/* 0123 or 12e45: what reads tables would make it another number. */
static bool is_like_a_number(const char *text)
{
    const char *p = text + strspn(text, DIGITS);
    if (*p == 'e' && p > text) p += 1 + strspn(p + 1, DIGITS);
    return !*p;
}

/* The first digits of a hash, up to the first that makes them text; what a campaign states stays as
 * it is. */
static void shorten(char *fingerprint)
{
    const size_t n = strlen(fingerprint);
    if (n != 64 || strspn(fingerprint, DIGITS "abcdef") != n) return;
    for (size_t shown = FINGERPRINT_CHARS; shown < n; shown++) {
        const char next = fingerprint[shown];
        fingerprint[shown] = '\0';
        if (!is_like_a_number(fingerprint)) return;
        fingerprint[shown] = next;
    }
}

typedef struct texts {
    char **code, **eval_language, **fingerprint;
    size_t languages, evaluations, n;
    double *weight; /* [runs][languages] */
} texts;

static isg_err load_texts(const recipe *r, texts *t)
{
    const isg_set *c = &r->s->col[ISG_COL_RUNS_MIXTURE];

    ISG_TRY(isg_col_read_names(r->s, ISG_COL_RUNS_LANGUAGE, &t->code, &t->languages));
    ISG_TRY(isg_col_read_names(r->s, ISG_COL_EVAL_LANGUAGE, &t->eval_language, &t->evaluations));
    ISG_TRY(isg_col_read_names(r->s, ISG_COL_LANG_FINGERPRINT, &t->fingerprint, &t->n));
    t->weight = calloc(r->s->dim[ISG_DIM_RUN] * t->languages, sizeof *t->weight);
    if (!t->weight) return no_memory();
    if (H5Dread(c->set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, t->weight) < 0)
        return isg_h5_fail(ISG_ESTORE, "cannot read the mixtures");
    return ISG_OK;
}

/* Of the language's text, in rows of runs that read it or are scored on it. */
static isg_err add_text_of(recipe *r, const texts *t, size_t l)
{
    char *name = isg_strf("corpus_%s", t->code[l]);
    isg_err rc = name ? ISG_OK : no_memory();
    bool any = false;

    shorten(t->fingerprint[l]);
    for (size_t i = 0; i < r->n; i++) {
        const bool used = t->weight[r->row[i].run * t->languages + l] > 0 ||
                          !strcmp(t->eval_language[r->row[i].evaluation], t->code[l]);
        r->text[i] = used ? t->fingerprint[l] : "";
        any = any || *r->text[i];
    }
    if (!rc && any) rc = isg_table_add_text(r->table, name, r->text);
    free(name);
    return rc;
}

static isg_err add_texts(recipe *r)
{
    texts t = {0};
    isg_err rc = ISG_OK;

    if (r->s->col[ISG_COL_LANG_FINGERPRINT].set < 0) return ISG_OK;
    rc = load_texts(r, &t);
    for (size_t l = 0; l < t.languages && l < t.n && !rc; l++) rc = add_text_of(r, &t, l);
    isg_names_free(&t.code, t.languages);
    isg_names_free(&t.eval_language, t.evaluations);
    isg_names_free(&t.fingerprint, t.n);
    free(t.weight);
    return rc;
}

static isg_err add_corpus(recipe *r)
{
    char *corpus =
        isg_strdup(json_string_value(json_object_get(r->settings, "corpus_fingerprint")));
    isg_err rc = ISG_OK;

    if (corpus) shorten(corpus);
    rc = add_constant(r, "corpus", corpus);
    free(corpus);
    return rc ? rc : add_texts(r);
}

isg_err isg_tidy_recipe(const isg_store *s, const isg_observed *row, size_t n, isg_table *table)
{
    recipe r = {.s = s,
                .row = row,
                .n = n,
                .table = table,
                .number = calloc(n + 1, sizeof *r.number),
                .text = calloc(n + 1, sizeof *r.text)};
    isg_err rc = r.number && r.text ? isg_store_read_settings(s, &r.settings) : no_memory();

    if (!rc) rc = add_trainer(&r);
    if (!rc) rc = add_stored(&r, "eval_bytes", ISG_COL_EVAL_BYTES);
    if (!rc) rc = add_stored(&r, "eval_shards", ISG_COL_EVAL_SHARDS);
    if (!rc) rc = add_corpus(&r);
    if (!rc) rc = add_settings(&r); /* last: they give way to other columns */
    json_decref(r.settings);
    free(r.number);
    free(r.text);
    return rc;
}
