/* isogloss fit: sources -> table -> selection -> full fit -> blocks of refits on
 * all ranks -> report. Every rank reads the sources and makes the full fit by
 * itself (milliseconds, the same bits everywhere); only rank 0 speaks. */

#include "cmd.h"
#include "isogloss/boot.h"
#include "isogloss/comm.h"
#include "isogloss/json.h"
#include "isogloss/log.h"
#include "isogloss/os.h"
#include "isogloss/report_fit.h"
#include "isogloss/run.h"
#include "isogloss/select.h"
#include "isogloss/store.h"
#include "isogloss/str.h"
#include "isogloss/table.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCES = 64 };

typedef struct fit_args {
    const char *law, *n, *d, *loss, *unit, *target, *points, *cluster, *resample, *objective,
        *delta, *compat;
    const char *by, *output;
    isg_opt_list where, fix, tie;
    uint64_t starts, bootstrap, seed, drop_highest;
    double level;
    bool pool, table, json;
} fit_args;

static const char *const points_names[] = {"final", "stable", "all", NULL};
static const char *const objective_names[] = {"huber", "lad", "lsq", NULL};
static const char *const resample_names[] = {"clusters", "rows", NULL};
static const char *const compat_names[] = {"hoffmann", NULL};

static isg_err parse(int argc, char **argv, fit_args *a, int *operands, bool *done)
{
    const isg_opt opts[] = {
        {0, "law", ISG_OPT_STRING, &a->law, "NAME",
         "Law to fit (chinchilla: L = E + A/N^alpha + B/D^beta).", 0, 0, NULL},
        {0, "n", ISG_OPT_STRING, &a->n, "COL",
         "Model size: total, nonembedding or a column. Default: total.", 0, 0, NULL},
        {0, "d", ISG_OPT_STRING, &a->d, "COL", "Column of training tokens. Default: D_tokens.", 0,
         0, NULL},
        {0, "loss", ISG_OPT_STRING, &a->loss, "COL", "Column of losses. Default: loss.", 0, 0,
         NULL},
        {0, "unit", ISG_OPT_STRING, &a->unit, "UNIT", "Unit of the loss, for the report.", 0, 0,
         NULL},
        {0, "target", ISG_OPT_STRING, &a->target, "EVALUATION",
         "Fit the losses of this evaluation or language.", 0, 0, NULL},
        {0, "points", ISG_OPT_STRING, &a->points, "WHICH",
         "final: the last, cooled point of each run (default where run_id, is_final, "
         "lr_state or a name tell runs apart); stable: those at a constant learning rate; all.",
         0, 0, points_names},
        {0, "where", ISG_OPT_LIST, &a->where, "COL=VALUE",
         "Keep only these rows; also !=, <, <=, >, >=. May be repeated.", 0, 0, NULL},
        {0, "by", ISG_OPT_STRING, &a->by, "COL", "One fit for each value of the column.", 0, 0,
         NULL},
        {0, "drop-highest", ISG_OPT_U64, &a->drop_highest, "K",
         "Leave out the K rows of highest loss.", 0, 1e9, NULL},
        {0, "pool", ISG_OPT_FLAG, &a->pool, NULL,
         "Fit rows together that columns say are not comparable.", 0, 0, NULL},
        {0, "objective", ISG_OPT_STRING, &a->objective, "NAME",
         "huber (default) or lad, on log losses; lsq, on losses. "
         "Always a sum over rows.",
         0, 0, objective_names},
        {0, "delta", ISG_OPT_STRING, &a->delta, "X",
         "Where huber turns from squares to absolute values; auto (default) is "
         "1.345 times the robust standard deviation of the residuals.",
         0, 0, NULL},
        {0, "compat", ISG_OPT_STRING, &a->compat, "PAPER", "hoffmann: huber with delta 0.001.", 0,
         0, compat_names},
        {0, "fix", ISG_OPT_LIST, &a->fix, "NAME=VALUE",
         "Hold a parameter, for instance alpha=0.35.", 0, 0, NULL},
        {0, "tie", ISG_OPT_LIST, &a->tie, "NAME=NAME",
         "Make two parameters equal, for instance alpha=beta.", 0, 0, NULL},
        {0, "starts", ISG_OPT_U64, &a->starts, "K",
         "Cold starts besides those of the scan. Default: 64.", 0, 1e6, NULL},
        {0, "bootstrap", ISG_OPT_U64, &a->bootstrap, "B",
         "Refits for the intervals; 0 for none. Default: 4000.", 0, 1e7, NULL},
        {0, "resample", ISG_OPT_STRING, &a->resample, "WHAT", "clusters (default) or rows.", 0, 0,
         resample_names},
        {0, "cluster", ISG_OPT_STRING, &a->cluster, "COL",
         "Rows that are resampled together. Default: cluster_id, else "
         "run_id or run, else rows equal in all but D, loss and what follows D.",
         0, 0, NULL},
        {0, "level", ISG_OPT_DOUBLE, &a->level, "P",
         "Level of the intervals, 0.5 to 0.9999. Default: 0.95.", 0, 0, NULL},
        {0, "seed", ISG_OPT_U64, &a->seed, "S", "Of the resamples. Default: 1.", 0, 9e15, NULL},
        {0, "table", ISG_OPT_FLAG, &a->table, NULL,
         "Also print the losses by N and D (always for stores).", 0, 0, NULL},
        {'o', "output", ISG_OPT_STRING, &a->output, "FILE", "Write the JSON result to a file.", 0,
         0, NULL},
        {0, "json", ISG_OPT_FLAG, &a->json, NULL, "Print the result as JSON.", 0, 0, NULL},
        {0, NULL, ISG_OPT_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    return isg_cmd_parse(
        "fit [OPTION]... SOURCE...",
        "Fit a scaling law to the runs of stores or CSV files and say how sure every\n"
        "number is. A CSV file has columns N_params, D_tokens, loss and whatever tells\n"
        "runs apart (run_id, family, eval_language, ...).\n"
        "\n"
        "Exit status: 0 a fit; 2 rows that do not belong together, or wrong usage; 5 the\n"
        "data determine no parameter (what there is to say is printed) or are too few.",
        opts, argc, argv, operands, done);
}

static size_t index_of(const char *word, const char *const *names)
{
    size_t i = 0;
    while (names[i] && strcmp(names[i], word) != 0) i++;
    return i;
}

/* ---- sources ----------------------------------------------------------------------- */

/* How much of what was planned the stores hold. */
typedef struct coverage {
    size_t planned, missing, by_state[ISG_RUN_HELD + 1];
} coverage;

static isg_err count_missing(const isg_store *store, coverage *c)
{
    const size_t n = isg_store_runs(store);
    isg_run_record *records = calloc(n + 1, sizeof *records);

    if (!records) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu runs", n);
    isg_err rc = isg_store_read_records(store, false, records);
    for (size_t i = 0; i < n && !rc; i++) {
        const isg_run_state state = records[i].state;
        c->planned++;
        if (state == ISG_RUN_DONE || state == ISG_RUN_DIVERGED) continue; /* the selection tells */
        c->missing++;
        c->by_state[state]++;
    }
    free(records);
    return rc;
}

static isg_err load_store(const char *path, coverage *c, isg_table **out)
{
    isg_store *store = NULL;
    ISG_TRY(isg_store_open(path, ISG_STORE_READ, false, &store));
    isg_err rc = isg_store_tidy(store, out);
    if (!rc) rc = count_missing(store, c);
    isg_store_close(&store);
    return rc;
}

/* "2 of 24 planned runs have no result (failed 2): ..."; NULL when out of memory */
static char *tell_missing(const coverage *c)
{
    isg_str states = {0};
    isg_err rc = ISG_OK;

    for (size_t k = 0; k <= ISG_RUN_HELD && !rc; k++) {
        if (!c->by_state[k]) continue;
        rc = isg_str_printf(&states, "%s%s %zu", states.len ? ", " : "",
                            isg_run_state_name((isg_run_state)k), c->by_state[k]);
    }
    char *text = isg_strf("%zu of %zu planned runs ha%s no result (%s): the fit is made without "
                          "%s; see isogloss status.",
                          c->missing, c->planned, c->missing > 1 ? "ve" : "s", isg_str_c(&states),
                          c->missing > 1 ? "them" : "it");
    isg_str_free(&states);
    return text;
}

/* @param stores  true if all of them are stores */
static isg_err load_sources(char **paths, size_t n, isg_table **out, bool *stores, coverage *c)
{
    isg_table *tables[MAX_SOURCES] = {NULL};
    isg_err rc = ISG_OK;

    *out = NULL;
    ISG_TRY(isg_cmd_wants(n > 0, "one or more stores or CSV files", 0));
    if (n > MAX_SOURCES) return ISG_FAIL(ISG_EUSAGE, "%zu sources; at most %d", n, MAX_SOURCES);
    *stores = true;
    for (size_t k = 0; k < n && !rc; k++) {
        bool store = false;
        rc = isg_store_is_hdf5(paths[k], &store);
        if (!rc && store) rc = load_store(paths[k], c, &tables[k]);
        if (!rc && !store) rc = isg_table_read_csv(paths[k], &tables[k]);
        *stores = *stores && store;
    }
    if (!rc && n > 1) rc = isg_table_join((const isg_table *const *)tables, n, out);
    if (!rc && n == 1) {
        *out = tables[0];
        tables[0] = NULL;
    }
    for (size_t k = 0; k < n; k++) isg_table_destroy(&tables[k]);
    return rc;
}

/* ---- options of the fit --------------------------------------------------------------- */

typedef struct setup {
    const fit_args *args;
    isg_comm *comm; /* NULL: this process alone */
    bool speak;     /* rank 0 */
    isg_select_options select;
    isg_fit_options fit;
    isg_constraint constraints[ISG_LAW_PARAMS];
    coverage coverage;
    char *missing; /* what of the stores is missing, in words, or NULL */
} setup;

static isg_err add_constraint(setup *s, const char *option, const char *text, bool tied)
{
    isg_constraint c = {.tied = tied};
    size_t at = strcspn(text, "=");
    char *name = isg_strf("%.*s", (int)at, text);
    isg_err rc = ISG_OK;

    if (!name) return ISG_FAIL(ISG_ENOMEM, "no memory");
    if (!text[at])
        rc = ISG_FAIL(ISG_EUSAGE, "'%s': wanted NAME=%s, such as alpha=%s", text,
                      tied ? "NAME" : "VALUE", tied ? "beta" : "0.35");
    if (!rc && s->fit.n_constraints == ISG_LAW_PARAMS)
        rc = ISG_FAIL(ISG_EUSAGE, "too many --fix and --tie");
    if (!rc)
        rc =
            isg_law_param_find(s->fit.law, tied ? text + at + 1 : name, tied ? &c.param : &c.other);
    if (!rc) rc = isg_law_param_find(s->fit.law, name, tied ? &c.other : &c.param);
    if (!rc && !tied && !isg_str_to_double(text + at + 1, &c.value)) {
        rc = ISG_FAIL(ISG_EUSAGE, "'%s' is not a number", text + at + 1);
    }
    free(name);
    if (!rc) s->constraints[s->fit.n_constraints++] = c;
    return isg_err_context(rc, "--%s", option);
}

static isg_err set_delta(const fit_args *a, isg_fit_options *fit)
{
    if (a->compat) {
        if (a->delta || fit->objective != ISG_HUBER) {
            return ISG_FAIL(ISG_EUSAGE,
                            "--compat hoffmann sets --objective huber and --delta itself");
        }
        fit->delta = 1e-3;
    }
    if (!a->delta || !strcmp(a->delta, "auto")) return ISG_OK;
    if (fit->objective != ISG_HUBER)
        return ISG_FAIL(ISG_EUSAGE, "--delta belongs to --objective huber");
    if (!isg_str_to_double(a->delta, &fit->delta) || fit->delta < 1e-9 || fit->delta > 100) {
        return ISG_FAIL(ISG_EUSAGE,
                        "--delta %s: wanted 'auto' or a number from 1e-9 to 100 [log loss]",
                        a->delta);
    }
    return ISG_OK;
}

static isg_err set_up(const fit_args *a, setup *s)
{
    s->args = a;
    s->select = (isg_select_options){
        .n = a->n,
        .d = a->d,
        .loss = a->loss,
        .unit = a->unit,
        .target = a->target,
        .cluster = a->cluster,
        .where = a->where.item,
        .n_where = a->where.n,
        .pool = a->pool,
        .rows = a->resample && !strcmp(a->resample, "rows"),
        .drop_highest = a->drop_highest,
        .by = a->by,
        .points = a->points ? (isg_points)(index_of(a->points, points_names) + ISG_POINTS_FINAL)
                            : ISG_POINTS_AUTO,
    };
    s->fit = isg_fit_defaults();
    s->fit.cold_starts = a->starts;
    s->fit.constraints = s->constraints;
    if (a->law) ISG_TRY(isg_law_find(a->law, &s->fit.law));
    if (a->objective) s->fit.objective = (isg_objective)index_of(a->objective, objective_names);
    ISG_TRY(set_delta(a, &s->fit));
    for (size_t k = 0; k < a->fix.n; k++) ISG_TRY(add_constraint(s, "fix", a->fix.item[k], false));
    for (size_t k = 0; k < a->tie.n; k++) ISG_TRY(add_constraint(s, "tie", a->tie.item[k], true));
    if (a->level > 1 && a->level < 100)
        return ISG_FAIL(ISG_EUSAGE,
                        "--level %g: wanted a share from 0.5 to 0.9999; did you mean %g?", a->level,
                        a->level / 100);
    if (a->level < 0.5 || a->level > 0.9999)
        return ISG_FAIL(ISG_EUSAGE, "--level %g is outside 0.5 to 0.9999", a->level);
    if (a->by && !strcmp(a->by, "")) return ISG_FAIL(ISG_EUSAGE, "--by needs a column");
    return ISG_OK;
}

/* ---- one fit ----------------------------------------------------------------------------- */

/* Why there can be no interval; "" if there can. */
static void refuse_interval(const isg_selection *s, const isg_problem *p, size_t replicates,
                            char why[160])
{
    size_t distinct = isg_problem_distinct_rows(p), params = isg_problem_free_params(p);

    why[0] = '\0';
    if (!replicates) {
        (void)snprintf(why, 160, "--bootstrap 0");
    } else if (s->n_clusters < ISG_BOOT_MIN_CLUSTERS) {
        (void)snprintf(why, 160, "%zu clusters (%s) cannot carry one; at least %d are needed",
                       s->n_clusters, s->cluster_unit, ISG_BOOT_MIN_CLUSTERS);
    } else if (distinct < 2 * params) {
        (void)snprintf(why, 160, "%zu different points for %zu parameters; at least %zu are needed",
                       distinct, params, 2 * params);
    }
}

typedef struct outcome {
    isg_selection *selection;
    isg_problem *problem;
    isg_fit fit;
    bool has_undropped;
    double undropped[ISG_LAW_PARAMS]; /* natural parameters with the rows of --drop-highest */
    isg_boot_summary boot;
    bool has_boot;
    char why[160];
} outcome;

static void outcome_clear(outcome *o)
{
    isg_problem_destroy(&o->problem);
    isg_selection_destroy(&o->selection);
}

/* What the blocks of refits share; only rank 0 collects. */
typedef struct refits {
    isg_boot boot;
    isg_replicates *replicates;
} refits;

static isg_err compute_block(void *ctx, size_t block, void *out, size_t cap, size_t *used)
{
    const refits *r = ctx;
    return isg_boot_block(&r->boot, block, out, cap, used);
}

static isg_err collect_block(void *ctx, size_t block, const void *data, size_t n)
{
    refits *r = ctx;
    return isg_replicates_collect(r->replicates, &r->boot, block, ISG_BLOCK_BYTES, data, n);
}

static isg_err summarise(const setup *s, const refits *r, outcome *o)
{
    isg_err rc = isg_boot_summarise(&r->boot, r->replicates, s->args->level, &o->boot);
    if (rc == ISG_OK && 2 * o->boot.converged < r->boot.replicates) {
        rc = ISG_FAIL(ISG_EDATA, "only %zu of %zu replicates converged", o->boot.converged,
                      r->boot.replicates);
    }
    o->has_boot = rc == ISG_OK;
    if (rc != ISG_EDATA) return rc;
    (void)snprintf(o->why, sizeof o->why, "%s", isg_err_message());
    isg_err_clear();
    return ISG_OK;
}

static isg_err bootstrap(const setup *s, outcome *o)
{
    refits r = {.boot = {.problem = o->problem,
                         .full = &o->fit,
                         .cluster = o->selection->cluster,
                         .n_clusters = o->selection->n_clusters,
                         .replicates = s->args->bootstrap,
                         .seed = s->args->seed}};
    const isg_blocks blocks = {.n = isg_boot_blocks(&r.boot, ISG_BLOCK_BYTES),
                               .compute = compute_block,
                               .collect = collect_block,
                               .ctx = &r};

    refuse_interval(o->selection, o->problem, r.boot.replicates, o->why);
    if (o->why[0]) return ISG_OK;
    ISG_TRY(isg_replicates_create(&r.boot, &r.replicates));
    isg_err rc = isg_run_blocks(s->comm, &blocks, 0);
    if (!rc && s->speak) rc = summarise(s, &r, o);
    isg_replicates_destroy(&r.replicates);
    return rc;
}

/* The full fit of a selection. */
static isg_err fit_selected(const setup *s, const isg_table *table,
                            const isg_select_options *select, outcome *o)
{
    isg_workspace *w = NULL;
    isg_err rc = isg_select(table, select, &o->selection);

    if (rc) return rc;
    isg_obs obs = {.n = o->selection->n,
                   .var = {o->selection->var[0], o->selection->var[1]},
                   .loss = o->selection->loss};
    rc = isg_problem_create(&s->fit, &obs, &o->problem);
    if (!rc) rc = isg_workspace_create(o->problem, &w);
    if (!rc) rc = isg_fit_full(o->problem, w, &o->fit);
    isg_workspace_destroy(&w);
    return rc;
}

static isg_err fit_group(const setup *s, const isg_table *table, const char *by_value, outcome *o)
{
    isg_select_options select = s->select;

    select.by_value = by_value;
    ISG_TRY(fit_selected(s, table, &select, o));
    if (select.drop_highest) { /* leaving rows out must show what it does */
        outcome all = {0};
        select.drop_highest = 0;
        isg_err rc = fit_selected(s, table, &select, &all);
        o->has_undropped = rc == ISG_OK;
        memcpy(o->undropped, all.fit.natural, sizeof o->undropped);
        outcome_clear(&all);
        if (rc) return rc;
    }
    return bootstrap(s, o);
}

static isg_fit_report report_of(const setup *s, const isg_table *table, const char *by_value,
                                const outcome *o)
{
    return (isg_fit_report){
        .source = table->source,
        .missing = s->missing,
        .planned_runs = s->coverage.planned,
        .missing_runs = s->coverage.missing,
        .by = s->args->by,
        .by_value = by_value,
        .law = s->fit.law,
        .objective = s->fit.objective,
        .delta_given = s->fit.delta > 0,
        .constraints = s->constraints,
        .n_constraints = s->fit.n_constraints,
        .selection = o->selection,
        .problem = o->problem,
        .fit = &o->fit,
        .undropped = o->has_undropped ? o->undropped : NULL,
        .boot = o->has_boot ? &o->boot : NULL,
        .no_interval = o->why,
        .replicates = s->args->bootstrap,
        .seed = s->args->seed,
        .level = s->args->level,
        .loss_table = s->args->table || s->select.store,
    };
}

/* A parameter that rests at its bound is not determined by the data. */
static bool says_nothing(const isg_fit *fit, const isg_law *law)
{
    for (size_t k = 0; k < law->n_params; k++) {
        if (fit->free[k] && fit->identified[k] && !fit->at_bound[k]) return false;
    }
    return true;
}

static json_t *word(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *words(const isg_opt_list *list)
{
    json_t *a = json_array();
    for (size_t k = 0; a && k < list->n; k++)
        (void)json_array_append_new(a, json_string(list->item[k]));
    return a;
}

static json_t *whole(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* The options as they were given, so that the result can be made again. */
static json_t *request(const fit_args *a)
{
    const struct {
        const char *name;
        json_t *value;
    } options[] = {
        {"law", word(a->law)},
        {"n", word(a->n)},
        {"d", word(a->d)},
        {"loss", word(a->loss)},
        {"unit", word(a->unit)},
        {"target", word(a->target)},
        {"points", word(a->points)},
        {"where", words(&a->where)},
        {"by", word(a->by)},
        {"drop_highest", whole(a->drop_highest)},
        {"pool", json_boolean(a->pool)},
        {"objective", word(a->objective)},
        {"delta", word(a->delta)},
        {"compat", word(a->compat)},
        {"fix", words(&a->fix)},
        {"tie", words(&a->tie)},
        {"starts", whole(a->starts)},
        {"bootstrap", whole(a->bootstrap)},
        {"resample", word(a->resample)},
        {"cluster", word(a->cluster)},
        {"level", isg_json_real(a->level)},
        {"seed", whole(a->seed)},
    };
    json_t *o = json_object();

    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
        (void)json_object_set_new(o, options[k].name, options[k].value);
    return o;
}

/* Fit and, on rank 0, report: text to stdout unless JSON is asked for, and the JSON. */
static isg_err run_group(const setup *s, const isg_table *table, const char *by_value, json_t **out)
{
    outcome o = {0};
    isg_err rc = fit_group(s, table, by_value, &o);

    *out = NULL;
    if (!rc && s->speak) {
        isg_fit_report r = report_of(s, table, by_value, &o);
        if (!s->args->json) rc = isg_report_fit_text(&r, stdout);
        if (!rc) rc = isg_report_fit_json(&r, out);
        if (!rc && json_object_set_new(*out, "request", request(s->args)))
            rc = ISG_FAIL(ISG_ENOMEM, "no memory for the report");
    }
    if (!rc && says_nothing(&o.fit, s->fit.law)) {
        rc = ISG_FAIL(ISG_EDATA, "the data determine no parameter of %s", s->fit.law->name);
    }
    outcome_clear(&o);
    return rc;
}

/* A group that cannot be fitted is reported as such and does not stop the others. */
static isg_err run_groups(const setup *s, const isg_table *table, json_t **out)
{
    const char **values = NULL;
    size_t n = 0, good = 0;
    json_t *fits = NULL;
    isg_err rc = isg_select_values(table, s->args->by, &values, &n), last = ISG_OK;

    if (rc) return rc;
    fits = json_array();
    for (size_t k = 0; k < n; k++) {
        json_t *one = NULL;
        rc = run_group(s, table, values[k], &one);
        if (rc == ISG_EAGAIN || rc == ISG_EMPI) {
            last = rc;
            break; /* the job ends */
        }
        if (rc && !one) {
            one = json_object();
            (void)json_object_set_new(one, "by", json_string(s->args->by));
            (void)json_object_set_new(one, "group", json_string(values[k]));
            (void)json_object_set_new(one, "error", json_string(isg_err_message()));
            if (s->speak && !s->args->json)
                (void)printf("%s = %s: %s\n", s->args->by, values[k], isg_err_message());
        }
        (void)json_array_append_new(fits, one);
        if (rc)
            last = rc;
        else
            good++;
        if (s->speak && !s->args->json && k + 1 < n) (void)printf("\n");
    }
    free(values);
    *out = json_object();
    (void)json_object_set_new(*out, "format", json_integer(1));
    (void)json_object_set_new(*out, "by", json_string(s->args->by));
    (void)json_object_set_new(*out, "fits", fits);
    return good && last != ISG_EAGAIN && last != ISG_EMPI ? ISG_OK : last;
}

static isg_err write_json(const fit_args *a, const json_t *result)
{
    isg_err rc = ISG_OK;

    if (a->json) ISG_TRY(isg_json_print(result, stdout));
    if (!a->output) return ISG_OK;
    char *text = json_dumps(result, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text) return ISG_FAIL(ISG_ENOMEM, "no memory for the result");
    rc = isg_file_write(a->output, text, strlen(text));
    free(text);
    return rc;
}

static isg_err fit_sources(setup *s, char **paths, size_t n)
{
    isg_table *table = NULL;
    json_t *result = NULL;
    isg_err rc = load_sources(paths, n, &table, &s->select.store, &s->coverage);

    if (!rc && s->coverage.missing) {
        s->missing = tell_missing(&s->coverage);
        if (!s->missing) rc = ISG_FAIL(ISG_ENOMEM, "no memory for a warning");
    }
    if (s->comm) rc = isg_comm_agree(s->comm, rc); /* a rank may not see the file */
    if (!rc && s->args->by)
        rc = run_groups(s, table, &result);
    else if (!rc)
        rc = run_group(s, table, NULL, &result);
    if (s->speak && result && (rc == ISG_OK || rc == ISG_EDATA)) {
        isg_err written = write_json(s->args, result);
        if (!rc) rc = written;
    }
    json_decref(result);
    isg_table_destroy(&table);
    free(s->missing);
    s->missing = NULL;
    return rc;
}

static isg_err fit_with(setup *s, int argc, char **argv)
{
    fit_args args = {.starts = 64, .bootstrap = 4000, .seed = 1, .level = 0.95};
    int operands = 0;
    bool done = false;

    ISG_TRY(parse(argc, argv, &args, &operands, &done));
    if (done) return ISG_OK;
    ISG_TRY(set_up(&args, s));
    return fit_sources(s, argv + 1, (size_t)operands);
}

/* Every rank comes to the same end. Rank 0 alone says and returns it: mpirun
 * kills the others as soon as one leaves with a failure, perhaps before rank 0
 * has spoken. */
static isg_err run_fit(int argc, char **argv)
{
    setup s = {.speak = true};

    if (!isg_comm_launched()) return fit_with(&s, argc, argv);
    ISG_TRY(isg_comm_open(&s.comm));
    s.speak = isg_comm_rank(s.comm) == 0;
    isg_log_set_rank(isg_comm_rank(s.comm));
    isg_err rc = fit_with(&s, argc, argv);
    isg_comm_close(&s.comm, rc != ISG_EAGAIN && rc != ISG_EMPI && rc != ISG_ENOMEM);
    if (s.speak || rc == ISG_EMPI || rc == ISG_ENOMEM) return rc;
    isg_err_clear();
    return ISG_OK;
}

const isg_cmd isg_cmd_fit = {
    .name = "fit",
    .summary = "fit a scaling law to a store or a CSV file, with intervals",
    .run = run_fit,
};
