#include "fit_job.h"

#include "cmd.h"
#include "fit_boot.h"
#include "fit_save.h"
#include "isogloss/atlas.h"
#include "isogloss/log.h"
#include "isogloss/run.h"
#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCES = 64 };

/* ---- sources ----------------------------------------------------------------------- */

typedef struct planned_run {
    char id[ISG_RUN_ID_CHARS + 1];
    isg_run_state state;
} planned_run;

/* Of all stores: one planned in several of them, such as stores of shards, is there several times. */
typedef struct planned {
    planned_run *run;
    size_t n;
} planned;

/* Runs of a store; its parts of trunks are none. */
static isg_err add_planned(const isg_store *store, planned *p)
{
    isg_overview *o = NULL;
    const size_t n = isg_store_runs(store);
    isg_run_record *records = calloc(n + 1, sizeof *records);
    planned_run *more = realloc(p->run, (p->n + n + 1) * sizeof *more);

    if (more) p->run = more;
    isg_err rc =
        records && more ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for %zu runs", p->n + n);
    if (!rc) rc = isg_store_read_records(store, false, records);
    if (!rc) rc = isg_store_read_overview(store, &o);
    for (size_t i = 0; i < n && !rc; i++) {
        if (o->part[i]) continue;
        planned_run *run = &p->run[p->n++];
        *run = (planned_run){.state = records[i].state};
        (void)snprintf(run->id, sizeof run->id, "%s", o->id[i]);
    }
    isg_overview_destroy(&o);
    free(records);
    return rc;
}

static bool has_result(const planned_run *run)
{
    return run->state == ISG_RUN_DONE || run->state == ISG_RUN_DIVERGED;
}

/* Of one run: where it has a result, else where it came furthest. */
static int by_id(const void *a, const void *b)
{
    const planned_run *x = a, *y = b;
    const int c = strcmp(x->id, y->id);
    if (c) return c;
    if (has_result(x) != has_result(y)) return has_result(x) ? -1 : 1;
    return (x->state < y->state) - (x->state > y->state);
}

static void count_missing(const planned *p, fit_coverage *c)
{
    if (p->n) qsort(p->run, p->n, sizeof *p->run, by_id);
    for (size_t i = 0; i < p->n; i++) {
        if (i && !strcmp(p->run[i].id, p->run[i - 1].id)) continue;
        c->planned++;
        if (has_result(&p->run[i])) continue; /* the selection tells */
        c->missing++;
        c->by_state[p->run[i].state]++;
    }
}

/* @param own  false for imported runs, which follow the rules of a CSV file */
static isg_err load_store(const char *path, planned *p, bool *own, isg_table **out)
{
    isg_store *store = NULL;
    ISG_TRY(isg_store_open(path, ISG_STORE_READ, false, &store));
    isg_err rc = isg_store_tidy(store, out);
    if (!rc) rc = add_planned(store, p);
    *own = !isg_store_is_import(store);
    isg_store_close(&store);
    return rc;
}

/* "2 of 24 planned runs have no result (failed 2): ..."; NULL when out of memory */
static char *tell_missing(const fit_coverage *c)
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

/* @param stores  true if all of them are stores of campaigns */
static isg_err load_sources(char **paths, size_t n, isg_table **out, bool *stores, fit_coverage *c)
{
    isg_table *tables[MAX_SOURCES] = {NULL};
    planned all = {0};
    isg_err rc = ISG_OK;

    *out = NULL;
    ISG_TRY(isg_cmd_wants(n > 0, "one or more stores or CSV files", 0));
    if (n > MAX_SOURCES) return ISG_FAIL(ISG_EUSAGE, "%zu sources; at most %d", n, MAX_SOURCES);
    *stores = true;
    for (size_t k = 0; k < n && !rc; k++) {
        bool store = false, own = false;
        rc = isg_store_is_hdf5(paths[k], &store);
        if (!rc && store) rc = load_store(paths[k], &all, &own, &tables[k]);
        if (!rc && !store) rc = isg_table_read_csv(paths[k], &tables[k]);
        *stores = *stores && own;
    }
    if (!rc && n > 1) rc = isg_table_join((const isg_table *const *)tables, n, out);
    if (!rc && n == 1) {
        *out = tables[0];
        tables[0] = NULL;
    }
    for (size_t k = 0; k < n; k++) isg_table_destroy(&tables[k]);
    if (!rc) count_missing(&all, c);
    free(all.run);
    return rc;
}

/* ---- options of the fit --------------------------------------------------------------- */

static isg_err add_constraint(fit_job *s, const char *option, const char *text, bool tied)
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

/* Columns may be given one by one or with commas between them. */
static isg_err set_best_over(const fit_args *a, fit_job *s)
{
    for (size_t k = 0; k < a->best_over.n; k++) {
        for (const char *p = a->best_over.item[k];;) {
            const size_t n = strcspn(p, ",");
            if (!n)
                return ISG_FAIL(ISG_EUSAGE, "--best-over '%s': wanted columns, such as lr,batch",
                                a->best_over.item[k]);
            if (s->select.n_best_over == FIT_JOB_SWEPT)
                return ISG_FAIL(ISG_EUSAGE, "--best-over: at most %d columns", FIT_JOB_SWEPT);
            char *name = isg_strf("%.*s", (int)n, p);
            if (!name) return ISG_FAIL(ISG_ENOMEM, "no memory for --best-over");
            s->best_over[s->select.n_best_over++] = name;
            if (!p[n]) break;
            p += n + 1;
        }
    }
    s->select.best_over = (const char *const *)s->best_over;
    return ISG_OK;
}

isg_err fit_job_parameters(fit_job *s)
{
    const fit_args *a = s->args;

    s->fit.constraints = s->constraints;
    s->fit.n_constraints = 0;
    for (size_t k = 0; k < a->fix.n; k++) ISG_TRY(add_constraint(s, "fix", a->fix.item[k], false));
    for (size_t k = 0; k < a->tie.n; k++) ISG_TRY(add_constraint(s, "tie", a->tie.item[k], true));
    for (size_t k = 0, at; k < a->profile.n; k++) {
        if (strcmp(a->profile.item[k], "all") != 0)
            ISG_TRY(isg_err_context(isg_law_param_find(s->fit.law, a->profile.item[k], &at),
                                    "--profile"));
    }
    return ISG_OK;
}

static isg_err set_up(const fit_args *a, fit_job *s)
{
    s->args = a;
    s->select = (isg_select_options){
        .n = a->n,
        .d = a->d,
        .loss = a->loss,
        .unit = a->unit,
        .metric = a->metric
                      ? (isg_metric)(fit_args_index(a->metric, fit_metric_names) + ISG_METRIC_BYTE)
                      : ISG_METRIC_AS_STORED,
        .target = a->target,
        .cluster = a->cluster,
        .var = a->var.item,
        .n_var = a->var.n,
        .where = a->where.item,
        .n_where = a->where.n,
        .pool = a->pool,
        .rows = a->resample && !strcmp(a->resample, "rows"),
        .drop_highest = a->drop_highest,
        .by = a->by,
        .points = a->points
                      ? (isg_points)(fit_args_index(a->points, fit_points_names) + ISG_POINTS_FINAL)
                      : ISG_POINTS_AUTO,
    };
    s->fit = isg_fit_defaults();
    s->fit.cold_starts = a->starts;
    s->fit.constraints = s->constraints;
    if (a->law) ISG_TRY(isg_law_find(a->law, &s->fit.law));
    if (a->objective)
        s->fit.objective = (isg_objective)fit_args_index(a->objective, fit_objective_names);
    s->select.law = s->fit.law;
    ISG_TRY(set_best_over(a, s));
    ISG_TRY(set_delta(a, &s->fit));
    if (!isg_law_atlas_config(s->fit.law)) ISG_TRY(fit_job_parameters(s)); /* later made for data */
    s->fit.two_stages = a->stages && !strcmp(a->stages, "two");
    if (a->level > 1 && a->level < 100)
        return ISG_FAIL(ISG_EUSAGE,
                        "--level %g: wanted a share from 0.5 to 0.9999; did you mean %g?", a->level,
                        a->level / 100);
    if (a->level < 0.5 || a->level > 0.9999)
        return ISG_FAIL(ISG_EUSAGE, "--level %g is outside 0.5 to 0.9999", a->level);
    if (a->by && !strcmp(a->by, "")) return ISG_FAIL(ISG_EUSAGE, "--by needs a column");
    return ISG_OK;
}

/* ---- life ------------------------------------------------------------------------------- */

isg_err fit_job_open(fit_job *job)
{
    *job = (fit_job){.speak = true};
    if (!isg_comm_launched()) return ISG_OK;
    ISG_TRY(isg_comm_open(&job->comm));
    job->speak = isg_comm_rank(job->comm) == 0;
    isg_log_set_rank(isg_comm_rank(job->comm));
    isg_cmd_hush(!job->speak);
    return ISG_OK;
}

isg_err fit_job_load(fit_job *s, const fit_args *args, char **paths, size_t n)
{
    isg_err rc = set_up(args, s);

    if (!rc) rc = load_sources(paths, n, &s->table, &s->select.store, &s->coverage);
    if (!rc) isg_table_fill_mixtures(s->table);
    if (!rc && args->transfer) rc = isg_table_read_csv(args->transfer, &s->transfer);
    if (!rc && s->coverage.missing) {
        s->missing = tell_missing(&s->coverage);
        if (!s->missing) rc = ISG_FAIL(ISG_ENOMEM, "no memory for a warning");
    }
    if (s->comm) rc = isg_comm_agree(s->comm, rc); /* a rank may not see the file */
    return rc;
}

isg_err fit_job_again(const fit_job *loaded, const fit_args *args, fit_job *out)
{
    *out = (fit_job){.comm = loaded->comm, .speak = loaded->speak, .table = loaded->table};
    ISG_TRY(set_up(args, out));
    out->select.store = loaded->select.store;
    out->coverage = loaded->coverage;
    out->transfer = loaded->transfer;
    return ISG_OK;
}

isg_err fit_job_take(fit_job *s, const fit_args *args, isg_table *table, bool store)
{
    s->table = table;
    isg_err rc = set_up(args, s);
    s->select.store = store;
    return s->comm ? isg_comm_agree(s->comm, rc) : rc;
}

isg_err fit_job_close(fit_job *job, isg_err rc)
{
    isg_table_destroy(&job->table);
    isg_table_destroy(&job->transfer);
    for (size_t k = 0; k < FIT_JOB_SWEPT; k++) {
        free(job->best_over[k]);
        job->best_over[k] = NULL;
    }
    free(job->missing);
    job->missing = NULL;
    if (!job->comm) return rc;
    isg_comm_close(&job->comm, rc != ISG_EAGAIN && rc != ISG_EMPI && rc != ISG_ENOMEM);
    if (job->speak || rc == ISG_EMPI || rc == ISG_ENOMEM) return rc;
    isg_err_clear();
    return ISG_OK;
}

/* ---- one fit ----------------------------------------------------------------------------- */

void fit_job_refuse_interval(const isg_selection *s, const isg_problem *p, size_t replicates,
                             char why[160])
{
    size_t distinct = isg_problem_distinct_rows(p), params = isg_problem_free_params(p);

    why[0] = '\0';
    if (!replicates) {
        (void)snprintf(why, 160, "--bootstrap 0");
    } else if (s->n_clusters < ISG_BOOT_MIN_CLUSTERS) {
        (void)snprintf(why, 160, "%zu clusters (%s) cannot carry one; at least %d are needed%s",
                       s->n_clusters, s->cluster_unit, ISG_BOOT_MIN_CLUSTERS,
                       !strcmp(s->cluster_unit, "run") && s->n > s->n_clusters
                           ? " (--resample rows if each row is a run of its own; else --cluster "
                             "COL)"
                           : "");
    } else if (distinct < 2 * params) {
        (void)snprintf(why, 160, "%zu different points for %zu parameters; at least %zu are needed",
                       distinct, params, 2 * params);
    }
}

void fit_outcome_clear(fit_outcome *o)
{
    fit_save_close(&o->save);
    fit_boot_clear(o);
    isg_problem_destroy(&o->swept);
    isg_problem_destroy(&o->problem);
    isg_selection_destroy(&o->selection);
}

static isg_obs obs_of(const fit_job *s, const isg_selection *from)
{
    isg_obs obs = {.n = from->n, .loss = from->loss};
    for (size_t k = 0; k < s->fit.law->n_vars; k++) obs.var[k] = from->var[k];
    return obs;
}

isg_err fit_job_runs(const fit_job *s, const char *by_value, const isg_selection *rows,
                     size_t **cluster, size_t *n_clusters)
{
    isg_select_options select = s->select;
    isg_selection *runs = NULL;
    size_t *of_row = calloc(s->table->n_rows + 1, sizeof *of_row); /* of the table */
    size_t *out = malloc((rows->n + 1) * sizeof *out);
    isg_err rc = of_row && out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", rows->n);

    select.rows = false;
    select.by_value = by_value;
    if (!rc) rc = isg_select(s->table, &select, &runs);
    for (size_t i = 0; !rc && i < runs->n; i++) of_row[runs->row[i]] = runs->cluster[i];
    for (size_t i = 0; !rc && i < rows->n; i++) out[i] = of_row[rows->row[i]];
    *n_clusters = rc ? 0 : runs->n_clusters;
    isg_selection_destroy(&runs);
    free(of_row);
    if (rc) free(out);
    *cluster = rc ? NULL : out;
    return rc;
}

/* What the recipe of two stages does not hold for is said beside what is doubtful of the runs. */
static isg_err doubt_stages(const isg_obs *obs, fit_outcome *o)
{
    const isg_law *law = isg_problem_law(o->problem);
    const size_t n = isg_problem_first_doubts(o->problem, obs, o->fit.natural);
    isg_selection *s = o->selection;

    if (!n) return ISG_OK;
    char *text = isg_strf("%s%s%zu of the %zu rows of the first stage have %s. --stages joint "
                          "follows the law in every row.",
                          s->warning ? s->warning : "", s->warning ? " " : "", n,
                          isg_problem_first_rows(o->problem), law->doubt);
    if (!text) return ISG_FAIL(ISG_ENOMEM, "no memory for a warning");
    free(s->warning);
    s->warning = text;
    return ISG_OK;
}

isg_err fit_job_full(const fit_job *s, const isg_select_options *select, fit_outcome *o)
{
    isg_workspace *w = NULL;
    isg_err rc = isg_select(s->table, select, &o->selection);
    const isg_sweeps *sweeps = rc ? NULL : o->selection->sweeps;

    if (rc) return rc;
    isg_obs obs = obs_of(s, o->selection);
    rc = isg_problem_create(&s->fit, &obs, &o->problem);
    if (rc == ISG_EDATA)
        rc = isg_err_context(rc, "%s: %zu of %zu rows %s used", s->table->source, o->selection->n,
                             o->selection->n_read, o->selection->n > 1 ? "are" : "is");
    if (!rc && sweeps) {
        isg_fit_options all = s->fit;
        all.origin = o->problem;
        obs = (isg_obs){.n = sweeps->n, .loss = sweeps->loss};
        for (size_t k = 0; k < s->fit.law->n_vars; k++) obs.var[k] = sweeps->var[k];
        rc = isg_problem_create(&all, &obs, &o->swept);
    }
    if (!rc) rc = isg_workspace_create(o->problem, &w);
    if (!rc) rc = isg_fit_full(o->problem, w, &o->fit);
    isg_workspace_destroy(&w);
    if (!rc && !sweeps) rc = doubt_stages(&obs, o);
    return rc;
}

bool fit_job_determines(const isg_fit *fit, const isg_law *law)
{
    for (size_t k = 0; k < law->n_params; k++) {
        if (fit->free[k] && fit->identified[k] && !fit->at_bound[k]) return true;
    }
    return false;
}

static bool wants_profile(const fit_args *a, const char *name)
{
    for (size_t k = 0; k < a->profile.n; k++) {
        if (!strcmp(a->profile.item[k], name) || !strcmp(a->profile.item[k], "all")) return true;
    }
    return false;
}

/* With the clusters whose interval speaks. */
static isg_err make_profiles(const fit_job *s, fit_outcome *o)
{
    const isg_obs obs = obs_of(s, o->selection);

    for (size_t k = 0; k < s->fit.law->n_params; k++) {
        const isg_interval *by[ISG_GROUPINGS] = {NULL};
        if (!wants_profile(s->args, s->fit.law->params[k].name)) continue;
        for (size_t w = 0; w < o->n_ways; w++)
            by[w] = o->way[w].has_boot ? &o->way[w].summary.param[k] : NULL;
        const fit_way *way = &o->way[fit_boot_chosen(s) ? 0 : isg_boot_headline(by, o->n_ways)];
        const isg_profile_of of = {.options = &s->fit,
                                   .obs = &obs,
                                   .problem = o->problem,
                                   .fit = &o->fit,
                                   .cluster = way->boot.cluster,
                                   .n_clusters = way->n_groups};
        ISG_TRY(isg_profile_param(&of, k, s->args->level, &o->profile[k]));
    }
    return ISG_OK;
}

/* Seeds are runs with the same variables; the clusters must be runs or rows for that. */
static isg_err measure_noise(const fit_job *s, fit_outcome *o)
{
    const isg_selection *from = o->selection;
    bool has_d = s->fit.law->n_vars > 1 && !strcmp(s->fit.law->vars[1].name, "D");

    if (s->args->cluster) return ISG_OK;
    const size_t n = from->n, *point = isg_problem_distinct(o->problem);
    size_t *setting = malloc((n + 1) * sizeof *setting);
    if (!setting) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) /* another learning rate is no other seed */
        setting[i] = (point[i] + 1) * (size_t)0xff51afd7ed558ccdULL ^ from->setting[i];
    isg_err rc = isg_run_noise_of(setting, from->cluster, has_d ? from->var[1] : NULL, from->loss,
                                  n, s->args->level, &o->noise);
    free(setting);
    return rc;
}

/* With the dropped rows the fit is only looked at: more starts than usual are for the fit itself. */
static size_t usual_starts(size_t starts)
{
    const size_t usual = isg_fit_defaults().cold_starts;
    return starts < usual ? starts : usual;
}

isg_err fit_job_group(const fit_job *s, const char *by_value, fit_outcome *o)
{
    isg_select_options select = s->select;

    select.by_value = by_value;
    ISG_TRY(fit_job_full(s, &select, o));
    if (select.drop_highest) { /* leaving rows out must show what it does */
        fit_outcome all = {0};
        fit_job usual = *s;
        select.drop_highest = 0;
        usual.fit.cold_starts = usual_starts(s->fit.cold_starts);
        isg_err rc = fit_job_full(&usual, &select, &all);
        o->has_undropped = rc == ISG_OK;
        memcpy(o->undropped, all.fit.natural, sizeof o->undropped);
        fit_outcome_clear(&all);
        if (rc) return rc;
    }
    ISG_TRY(measure_noise(s, o));
    ISG_TRY(fit_boot_run(s, by_value, o));
    return s->speak ? make_profiles(s, o) : ISG_OK;
}
