/* A store as a table of observations: one row per (run, point, evaluation) with a loss. */
#include "internal.h"

#include "isogloss/log.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct observation {
    size_t run, evaluation;
    double tokens, loss;
    uint8_t lr_state;
    bool final, diverged;
    size_t seen_at; /* first of its languages in `seen` */
} observation;

/* What converts bits per byte: bytes per character and per page, unigram loss. */
enum { TEXTS = 3 };

typedef struct tidy {
    const isg_store *s;
    size_t runs, languages, evaluations, families;
    char **id, **cluster, **family, **run_family, **code, **evaluation, **eval_language, **unit;
    double *tokens, *unique, *weight; /* [runs], [runs][languages] twice */
    double *trunk;                    /* [runs] 0 or 1; NULL: there are none */
    uint8_t *member;                  /* [runs][families] */
    double *per_evaluation[TEXTS];    /* [evaluations] NaN: not known */
    observation *row;
    size_t n, cap;
    double *seen; /* [points so far][languages] */
    size_t n_seen, cap_seen;
    isg_observed *of; /* [n] run and evaluation of each row */
    double *number;   /* [n] the column being made */
    const char **text;
    isg_table *table;
} tidy;

/* Any numeric column of one row a run, as doubles (HDF5 converts). [runs * width] */
static isg_err read_numbers(const tidy *t, isg_col col, double *out)
{
    const isg_set *c = &t->s->col[col];
    (void)H5Sselect_all(c->space);
    if (H5Dread(c->set, H5T_NATIVE_DOUBLE, H5S_ALL, c->space, H5P_DEFAULT, out) < 0) {
        return isg_h5_fail(ISG_ESTORE, "cannot read '%s'", isg_columns[col].name);
    }
    return ISG_OK;
}

static isg_err load_names(tidy *t)
{
    const struct {
        isg_col col;
        char ***to;
        size_t *n;
    } rows[] = {
        {ISG_COL_RUNS_ID, &t->id, &t->runs},
        {ISG_COL_RUNS_CLUSTER, &t->cluster, &t->runs},
        {ISG_COL_POINTS_FAMILY, &t->run_family, &t->runs},
        {ISG_COL_RUNS_FAMILY, &t->family, &t->families},
        {ISG_COL_RUNS_LANGUAGE, &t->code, &t->languages},
        {ISG_COL_EVAL_EVALUATION, &t->evaluation, &t->evaluations},
        {ISG_COL_EVAL_LANGUAGE, &t->eval_language, &t->evaluations},
        {ISG_COL_EVAL_UNIT, &t->unit, &t->evaluations},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ISG_TRY(isg_col_read_names(t->s, rows[i].col, rows[i].to, rows[i].n));
    }
    return ISG_OK;
}

static isg_err load_runs(tidy *t)
{
    t->tokens = calloc(t->runs, sizeof *t->tokens);
    t->unique = calloc(t->runs * t->languages, sizeof *t->unique);
    t->weight = calloc(t->runs * t->languages, sizeof *t->weight);
    t->member = calloc(t->runs * t->families, 1);
    if (!t->tokens || !t->unique || !t->weight || !t->member) {
        return ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    ISG_TRY(read_numbers(t, ISG_COL_RUNS_TOKENS, t->tokens));
    ISG_TRY(read_numbers(t, ISG_COL_RUNS_UNIQUE, t->unique));
    ISG_TRY(read_numbers(t, ISG_COL_RUNS_MIXTURE, t->weight));
    ISG_TRY(isg_store_read_trunks(t->s, &t->trunk));
    return isg_col_read(t->s, ISG_COL_RUNS_MEMBERSHIP, 0, t->runs, t->member);
}

/* One number of each evaluation; zero in a store that does not have the column. */
static isg_err read_evaluations(const tidy *t, isg_col col, double *out)
{
    return t->s->col[col].set < 0 ? ISG_OK : read_numbers(t, col, out);
}

static isg_err load_texts(tidy *t)
{
    static const isg_col of[TEXTS] = {ISG_COL_EVAL_CHARACTERS, ISG_COL_EVAL_UNIGRAM,
                                      ISG_COL_EVAL_PAGES};
    double *bytes = calloc(t->evaluations, sizeof *bytes);
    isg_err rc = bytes ? read_evaluations(t, ISG_COL_EVAL_SCORED, bytes)
                       : ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t k = 0; k < TEXTS && !rc; k++) {
        double *x = t->per_evaluation[k] = calloc(t->evaluations, sizeof *x);
        rc = x ? read_evaluations(t, of[k], x) : ISG_FAIL(ISG_ENOMEM, "out of memory");
        for (size_t e = 0; e < t->evaluations && !rc; e++) {
            const bool known = bytes[e] > 0 && x[e] > 0;
            x[e] = !known ? (double)NAN : k == 1 ? x[e] / bytes[e] : bytes[e] / x[e];
        }
    }
    free(bytes);
    return rc;
}

/* Room for `more` further items in a growing array. */
static isg_err make_room(void **array, size_t used, size_t more, size_t *cap, size_t bytes)
{
    if (used + more <= *cap) return ISG_OK;
    size_t wanted = 2 * (used + more);
    void *bigger = realloc(*array, wanted * bytes);
    if (!bigger) return ISG_FAIL(ISG_ENOMEM, "out of memory for %zu observations", wanted);
    *array = bigger;
    *cap = wanted;
    return ISG_OK;
}

/* Its last point is no end of a run: the rate has not fallen. */
static bool is_trunk(const tidy *t, size_t run)
{
    return t->trunk && t->trunk[run] > 0;
}

static isg_err add_rows(tidy *t, size_t run, const isg_result *r)
{
    void *row = t->row, *seen = t->seen;
    isg_err rc = make_room(&row, t->n, r->n_points * t->evaluations, &t->cap, sizeof *t->row);
    t->row = row;
    if (!rc)
        rc = make_room(&seen, t->n_seen, r->n_points * t->languages, &t->cap_seen, sizeof(double));
    t->seen = seen;
    for (size_t p = 0; p < r->n_points && !rc; p++) {
        memcpy(t->seen + t->n_seen, r->seen + p * t->languages, t->languages * sizeof(double));
        for (size_t e = 0; e < t->evaluations; e++) {
            double loss = r->loss[p * t->evaluations + e], tokens = (double)r->tokens[p];
            if (isnan(loss)) continue; /* not measured at this point */
            t->row[t->n++] = (observation){
                .run = run,
                .evaluation = e,
                .tokens = tokens,
                .loss = loss,
                .lr_state = r->lr_state[p],
                .diverged = r->diverged,
                .seen_at = t->n_seen,
                .final = tokens >= t->tokens[run] && !r->diverged && !is_trunk(t, run),
            };
        }
        t->n_seen += t->languages;
    }
    return rc;
}

/* @param finished  runs with a result: they diverged before their first loss */
static isg_err nothing(const isg_store *s, size_t finished)
{
    if (!finished)
        return ISG_FAIL(ISG_EDATA,
                        "store '%s' has no finished run yet: isogloss run goes on, isogloss status "
                        "says how far it is",
                        s->path);
    return ISG_FAIL(ISG_EDATA,
                    "store '%s' has no loss: %zu %s, before the first loss (isogloss status says "
                    "where). Try a lower lr or a longer warmup, in a campaign with a store of its "
                    "own",
                    s->path, finished,
                    isg_str_plural(finished, "finished run diverged", "finished runs diverged"));
}

static isg_err load_observations(tidy *t)
{
    size_t finished = 0;
    for (size_t run = 0; run < t->runs; run++) {
        isg_result *r = NULL;
        isg_err rc = isg_store_read_result(t->s, run, &r);
        if (rc == ISG_ESTORE) ISG_WARN("store", "left out: %s", isg_err_message());
        if (rc == ISG_EDATA || rc == ISG_ESTORE) {
            isg_err_clear();
            continue;
        }
        if (!rc) rc = add_rows(t, run, r);
        isg_result_destroy(&r);
        if (rc) return rc;
        finished += !is_trunk(t, run);
    }
    if (!t->n) return nothing(t->s, finished);
    t->number = calloc(t->n, sizeof *t->number);
    t->text = calloc(t->n, sizeof *t->text);
    t->of = calloc(t->n, sizeof *t->of);
    if (!t->number || !t->text || !t->of) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < t->n; i++)
        t->of[i] = (isg_observed){.run = t->row[i].run, .evaluation = t->row[i].evaluation};
    ISG_TRY(isg_table_create(t->s->path, t->n, &t->table));
    isg_table_forget_lines(t->table);
    return ISG_OK;
}

/* ---- columns ----------------------------------------------------------------- */

static isg_err add_number(tidy *t, const char *name,
                          double (*of)(const tidy *, const observation *))
{
    for (size_t i = 0; i < t->n; i++) t->number[i] = of(t, &t->row[i]);
    return isg_table_add_numbers(t->table, name, t->number);
}

static isg_err add_text(tidy *t, const char *name,
                        const char *(*of)(const tidy *, const observation *))
{
    for (size_t i = 0; i < t->n; i++) t->text[i] = of(t, &t->row[i]);
    return isg_table_add_text(t->table, name, t->text);
}

/* A number of each run, given as an array with `stride` numbers a run. */
static isg_err add_of_run(tidy *t, const char *name, const double *value, size_t stride)
{
    for (size_t i = 0; i < t->n; i++) t->number[i] = value[t->row[i].run * stride];
    return isg_table_add_numbers(t->table, name, t->number);
}

static isg_err add_stored(tidy *t, const char *name, isg_col col)
{
    double *value = calloc(t->runs, sizeof *value);
    if (!value) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = read_numbers(t, col, value);
    if (!rc) rc = add_of_run(t, name, value, 1);
    free(value);
    return rc;
}

static const char *id_of(const tidy *t, const observation *o)
{
    return t->id[o->run];
}

static const char *family_of(const tidy *t, const observation *o)
{
    return t->run_family[o->run];
}

static const char *cluster_of(const tidy *t, const observation *o)
{
    return t->cluster[o->run];
}

static const char *eval_language_of(const tidy *t, const observation *o)
{
    return t->eval_language[o->evaluation];
}

static const char *evaluation_of(const tidy *t, const observation *o)
{
    return t->evaluation[o->evaluation];
}

static const char *unit_of(const tidy *t, const observation *o)
{
    return t->unit[o->evaluation];
}

static const char *lr_state_of(const tidy *t, const observation *o)
{
    (void)t;
    return isg_lr_state_name((isg_lr_state)o->lr_state);
}

static double tokens_of(const tidy *t, const observation *o)
{
    (void)t;
    return o->tokens;
}

static double loss_of(const tidy *t, const observation *o)
{
    (void)t;
    return o->loss;
}

static double final_of(const tidy *t, const observation *o)
{
    (void)t;
    return o->final;
}

static double diverged_of(const tidy *t, const observation *o)
{
    (void)t;
    return o->diverged;
}

static double seen_of(const tidy *t, const observation *o, size_t language)
{
    double seen = t->seen[o->seen_at + language];
    return isnan(seen) ? t->weight[o->run * t->languages + language] * o->tokens : seen;
}

/* Different tokens so far: a language repeats once its unique tokens are used up. */
static double unique_seen_of(const tidy *t, const observation *o, size_t language)
{
    return fmin(seen_of(t, o, language), t->unique[o->run * t->languages + language]);
}

static double unique_of(const tidy *t, const observation *o)
{
    double sum = 0;
    for (size_t l = 0; l < t->languages; l++) sum += unique_seen_of(t, o, l);
    sum = fmin(sum, o->tokens); /* `seen` is exact, the tokens of a point are as planned */
    return sum;
}

static double epochs_of(const tidy *t, const observation *o)
{
    double unique = unique_of(t, o);
    return unique > 0 ? o->tokens / unique : (double)NAN;
}

static double languages_of(const tidy *t, const observation *o)
{
    size_t n = 0;
    for (size_t l = 0; l < t->languages; l++) n += t->weight[o->run * t->languages + l] > 0;
    return (double)n;
}

static bool trained_on(const tidy *t, size_t language)
{
    for (size_t r = 0; r < t->runs; r++) {
        if (t->weight[r * t->languages + language] > 0) return true;
    }
    return false;
}

static isg_err add_languages(tidy *t)
{
    char name[96];
    for (size_t l = 0; l < t->languages; l++) {
        if (!trained_on(t, l)) continue;
        for (size_t i = 0; i < t->n; i++) t->number[i] = seen_of(t, &t->row[i], l);
        (void)snprintf(name, sizeof name, "tokens_%s", t->code[l]);
        ISG_TRY(isg_table_add_numbers(t->table, name, t->number));
        for (size_t i = 0; i < t->n; i++) t->number[i] = unique_seen_of(t, &t->row[i], l);
        (void)snprintf(name, sizeof name, "unique_%s", t->code[l]);
        ISG_TRY(isg_table_add_numbers(t->table, name, t->number));
        (void)snprintf(name, sizeof name, "weight_%s", t->code[l]);
        ISG_TRY(add_of_run(t, name, t->weight + l, t->languages));
    }
    return ISG_OK;
}

static isg_err add_families(tidy *t)
{
    char name[96];
    for (size_t f = 0; f < t->families; f++) {
        for (size_t i = 0; i < t->n; i++) t->number[i] = t->member[t->row[i].run * t->families + f];
        (void)snprintf(name, sizeof name, "in_%s", t->family[f]);
        ISG_TRY(isg_table_add_numbers(t->table, name, t->number));
    }
    return ISG_OK;
}

/* Columns that no evaluation has a number for are left out. */
static isg_err add_texts(tidy *t)
{
    static const char *const name[TEXTS] = {"bytes_per_character", "unigram_loss",
                                            "bytes_per_page"};
    for (size_t k = 0; k < TEXTS; k++) {
        bool any = false;
        for (size_t i = 0; i < t->n; i++) {
            t->number[i] = t->per_evaluation[k][t->row[i].evaluation];
            any = any || !isnan(t->number[i]);
        }
        if (any) ISG_TRY(isg_table_add_numbers(t->table, name[k], t->number));
    }
    return ISG_OK;
}

static isg_err add_columns(tidy *t)
{
    ISG_TRY(add_text(t, "run_id", id_of));
    ISG_TRY(add_text(t, "family", family_of));
    ISG_TRY(add_text(t, "cluster_id", cluster_of));
    ISG_TRY(add_stored(t, "N_params", ISG_COL_RUNS_N_TOTAL));
    ISG_TRY(add_stored(t, "N_nonembedding", ISG_COL_RUNS_N_NONEMB));
    ISG_TRY(add_number(t, "D_tokens", tokens_of));
    ISG_TRY(add_number(t, "unique_tokens", unique_of));
    ISG_TRY(add_number(t, "epochs", epochs_of));
    ISG_TRY(add_number(t, "n_languages", languages_of));
    ISG_TRY(add_text(t, "eval_language", eval_language_of));
    ISG_TRY(add_text(t, "evaluation", evaluation_of));
    ISG_TRY(add_number(t, "loss", loss_of));
    ISG_TRY(add_text(t, "unit", unit_of));
    ISG_TRY(add_texts(t));
    ISG_TRY(add_text(t, "lr_state", lr_state_of));
    ISG_TRY(add_number(t, "is_final", final_of));
    ISG_TRY(add_number(t, "diverged", diverged_of));
    if (t->trunk) ISG_TRY(add_of_run(t, "is_trunk", t->trunk, 1));
    ISG_TRY(add_stored(t, "seed", ISG_COL_RUNS_SEED));
    ISG_TRY(add_stored(t, "data_seed", ISG_COL_RUNS_DATA_SEED));
    ISG_TRY(add_languages(t));
    ISG_TRY(add_families(t));
    return isg_tidy_recipe(t->s, t->of, t->n, t->table);
}

isg_err isg_store_tidy(const isg_store *s, isg_table **out)
{
    tidy t = {.s = s};
    if (s->imported) return isg_foreign_tidy(s, out);
    isg_err rc = load_names(&t);
    if (!rc) rc = load_runs(&t);
    if (!rc) rc = load_texts(&t);
    if (!rc) rc = load_observations(&t);
    if (!rc) rc = add_columns(&t);
    *out = rc ? NULL : t.table;
    if (rc) isg_table_destroy(&t.table);
    isg_names_free(&t.id, t.runs);
    isg_names_free(&t.cluster, t.runs);
    isg_names_free(&t.run_family, t.runs);
    isg_names_free(&t.family, t.families);
    isg_names_free(&t.code, t.languages);
    isg_names_free(&t.evaluation, t.evaluations);
    isg_names_free(&t.eval_language, t.evaluations);
    isg_names_free(&t.unit, t.evaluations);
    for (size_t k = 0; k < TEXTS; k++) free(t.per_evaluation[k]);
    free(t.tokens);
    free(t.unique);
    free(t.weight);
    free(t.trunk);
    free(t.member);
    free(t.row);
    free(t.seen);
    free(t.of);
    free(t.number);
    free(t.text);
    return rc;
}
