/* isogloss simulate: losses of a design under a law and noise that the user
 * gives, as a table or, with --fit, as what intervals would come of it. */

#include "cmd.h"
#include "fit_job.h"
#include "fit_law.h"
#include "isogloss/expr.h"
#include "isogloss/json.h"
#include "isogloss/os.h"
#include "isogloss/report_simulate.h"
#include "isogloss/run.h"
#include "isogloss/str.h"
#include "simulate_design.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORLDS = 200, REFITS = 400, LEAST_WORLDS = 20, COLD_STARTS = 16 };
static const char no_loss[] = "loss of a design";
static const char *const place_names[] = {"loss of best run"};

typedef struct own_args {
    const char *design, *params, *shape, *output;
    uint64_t worlds;
    double run_sd, point_sd, df, power;
    bool fit, json;
} own_args;

typedef struct simulation {
    fit_args args;
    own_args own;
    fit_job job;
    const char *var[64 + ISG_LAW_VARS]; /* [n_var] what --var says and what --design means */
    size_t n_var;
    char var_text[ISG_LAW_VARS][64];
    bool *loss;            /* [n_columns] holds losses of its own */
    size_t n_columns;      /* of the source */
    const char *loss_name; /* the first of them, or NULL */
    isg_selection *selection;
    size_t *cluster; /* [n] runs, whose errors go together */
    size_t n_clusters;
    isg_noise_plan plan;
    isg_noise *noise;
    double natural[ISG_LAW_PARAMS];
    double *clean; /* [n] */
    isg_place best;
    isg_worlds worlds;
    isg_world_result *result; /* [worlds] rank 0 */
} simulation;

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "no memory for simulated campaigns");
}

/* A design has no losses to choose by, and its campaigns one interval a number. */
static const char *const not_here[] = {"by", "best-over", "drop-highest", "profile", NULL};

static isg_err parse(int argc, char **argv, simulation *s, int *operands, bool *done)
{
    own_args *o = &s->own;
    isg_opt opts[FIT_ARGS_ROWS];
    const isg_opt rows[] = {
        {0, "design", ISG_OPT_STRING, &o->design, "TEXT",
         "Instead of a source: all of these together, such as \"N=10M,100M,1B;D=1B,20x\" (20x: "
         "20 N).",
         0, 0, NULL},
        {0, "params", ISG_OPT_STRING, &o->params, "LIST",
         "True parameters of the law, such as A=482,B=2085,E=1.82,alpha=.348,beta=.366, or the "
         "file that fit -o wrote.",
         0, 0, NULL},
        {0, "run-sd", ISG_OPT_DOUBLE, &o->run_sd, "X",
         "Standard deviation of what the points of a run share, in log loss. Default: 0.005.", 0,
         10, NULL},
        {0, "point-sd", ISG_OPT_DOUBLE, &o->point_sd, "X",
         "Standard deviation of each point, in log loss. Default: 0.002.", 0, 10, NULL},
        {0, "shape", ISG_OPT_STRING, &o->shape, "NAME",
         "Distribution of both: normal (default), laplace, student.", 0, 0, isg_noise_shape_name},
        {0, "df", ISG_OPT_DOUBLE, &o->df, "X",
         "Degrees of freedom of student, above 2. Default: 4.", 2.01, 1e6, NULL},
        {0, "noise-power", ISG_OPT_DOUBLE, &o->power, "P",
         "Both grow over the design as loss^P. Default: 0.", -100, 100, NULL},
        {0, "worlds", ISG_OPT_U64, &o->worlds, "K",
         "Campaigns to simulate. Default: 1; with --fit 200.", 1, 1e6, NULL},
        {0, "fit", ISG_OPT_FLAG, &o->fit, NULL,
         "Fit each and report coverage, bias and width of the intervals.", 0, 0, NULL},
        {'o', "output", ISG_OPT_STRING, &o->output, "FILE",
         "Write there: the CSV, with --fit the JSON.", 0, 0, NULL},
        {0, "json", ISG_OPT_FLAG, &o->json, NULL, "With --fit: print the result as JSON.", 0, 0,
         NULL},
    };
    const size_t n = sizeof rows / sizeof *rows;

    *o = (own_args){.run_sd = 0.005, .point_sd = 0.002, .df = 4};
    s->args = fit_args_defaults();
    s->args.bootstrap = REFITS;
    memcpy(opts, rows, sizeof rows);
    size_t end = fit_args_without(opts, fit_args_rows(&s->args, FIT_ARGS_ALL, opts, n), not_here);
    for (size_t k = n; k < end; k++) {
        if (!strcmp(opts[k].name, "bootstrap"))
            opts[k].help = "Refits for the intervals of each campaign. Default: 400.";
        if (!strcmp(opts[k].name, "metric")) opts[k].help = NULL; /* refused, with the reason */
        if (!strcmp(opts[k].name, "seed")) opts[k].help = "Of losses and resamples. Default: 1.";
        if (!strcmp(opts[k].name, "loss"))
            opts[k].help = "Name of the column of losses that is written. Default: loss.";
    }
    opts[end] = fit_args_end;
    ISG_TRY(isg_cmd_parse(
        "simulate --params LIST [OPTION]... SOURCE...\n"
        "simulate --params LIST --design TEXT [OPTION]...",
        "Draw losses for a design: the rows of stores or CSV files (their own losses are\n"
        "not looked at), the planned runs of a campaign (CAMPAIGN.yaml), or --design.\n"
        "Writes them as CSV, several campaigns with a column `world`. With --fit, says\n"
        "how wide intervals from such runs would be, and how often they hold the truth.",
        opts, argc, argv, operands, done));
    if (!s->args.metric || *done) return ISG_OK;
    return ISG_FAIL(ISG_EUSAGE,
                    "--metric %s: losses are drawn from the law of --params, in its unit; fit that "
                    "with --metric first, or leave it out",
                    s->args.metric);
}

/* ---- truth ------------------------------------------------------------------------------- */

static isg_err params_of_file(const char *path, const isg_law *law, double *natural, bool *given)
{
    json_t *fit = NULL, *all = NULL;

    ISG_TRY(isg_json_load(path, &fit));
    isg_err rc = isg_json_object(fit, "parameters", &all);
    for (size_t k = 0; k < law->n_params && !rc; k++) {
        const json_t *one = json_object_get(all, law->params[k].name);
        if (!one) continue;
        rc = isg_json_number(one, "estimate", &natural[k]);
        rc = isg_err_context(rc, "parameter %s", law->params[k].name);
        given[k] = true;
    }
    json_decref(fit);
    return isg_err_context(rc, "%s", path);
}

static isg_err params_of_list(const char *text, const isg_law *law, double *natural, bool *given)
{
    char *copy = isg_strdup(text), *rest = NULL;
    isg_err rc = copy ? ISG_OK : no_memory();

    for (char *word = rc ? NULL : strtok_r(copy, ", ", &rest); word && !rc;
         word = strtok_r(NULL, ", ", &rest)) {
        size_t k = 0;
        char *equals = strchr(word, '=');
        if (!equals) {
            rc = ISG_FAIL(ISG_EUSAGE, "'%s': wanted NAME=VALUE", word);
            break;
        }
        *equals = '\0';
        rc = isg_law_param_find(law, word, &k);
        if (!rc && !isg_str_to_double(equals + 1, &natural[k]))
            rc = ISG_FAIL(ISG_EUSAGE, "%s: '%s' is not a number", word, equals + 1);
        if (!rc) given[k] = true;
    }
    free(copy);
    return rc;
}

static isg_err read_params(const char *text, const isg_law *law, double *natural)
{
    bool given[ISG_LAW_PARAMS] = {false};
    isg_str missing = {0};
    isg_err rc = ISG_OK;

    if (text) {
        rc = strchr(text, '=') ? params_of_list(text, law, natural, given)
                               : params_of_file(text, law, natural, given);
    }
    for (size_t k = 0; k < law->n_params && !rc; k++) {
        const isg_law_param *p = &law->params[k];
        if (!given[k])
            rc = isg_str_printf(&missing, "%s%s", missing.len ? ", " : "", p->name);
        else if (p->log && !(natural[k] > 0) && !p->free_scale && !isg_law_can_be_zero(law, k))
            rc = ISG_FAIL(ISG_EUSAGE, "%s=%g: must be positive", p->name, natural[k]);
        else if (p->log ? !(natural[k] >= 0) : natural[k] < p->lo || natural[k] > p->hi)
            rc = p->log ? ISG_FAIL(ISG_EUSAGE, "%s=%g: must not be negative", p->name, natural[k])
                        : ISG_FAIL(ISG_EUSAGE, "%s=%g: allowed are %g to %g", p->name, natural[k],
                                   p->lo, p->hi);
    }
    if (!rc && missing.len)
        rc = ISG_FAIL(ISG_EUSAGE, "the law %s also needs %s", law->name, isg_str_c(&missing));
    isg_str_free(&missing);
    return isg_err_context(rc, "--params");
}

/* ---- design --------------------------------------------------------------------------------- */

/* Columns of the loss that the design may have: they say nothing of it, least of all which rows
 * are one run. @param used  [n_columns] false */
static isg_err find_losses(const simulation *s, bool *used)
{
    const isg_table *t = s->job.table;
    const char *name = isg_select_loss(t, s->args.loss);
    bool *others = NULL;

    for (size_t k = 0; k < t->n_columns; k++) used[k] = name && !strcmp(t->columns[k].name, name);
    if (!s->args.loss || isg_table_column(t, s->args.loss)) return ISG_OK;
    /* An expression: its columns, but for those of N and D. Columns that it has and the table has
     * not are no matter here. */
    others = calloc(t->n_columns + 1, sizeof *others);
    if (!others) return no_memory();
    isg_err rc = isg_expr_uses(t, s->args.loss, "--loss", used);
    if (!rc && s->args.n) rc = isg_expr_uses(t, s->args.n, "--n", others);
    if (!rc && s->args.d) rc = isg_expr_uses(t, s->args.d, "--d", others);
    for (size_t k = 0; k < t->n_columns; k++) used[k] = used[k] && !rc && !others[k];
    isg_err_clear();
    free(others);
    return ISG_OK;
}

/* Rows of a design are not chosen by the losses that it has not yet. */
static isg_err refuse_where(const simulation *s, const char *name)
{
    const size_t n = strlen(name);

    for (size_t k = 0; k < s->args.where.n; k++) {
        const char *text = s->args.where.item[k];
        if (!strncmp(text, name, n) && strchr("=!<> ", text[n]))
            return ISG_FAIL(ISG_EUSAGE, "--where %s needs losses, and a design has none", text);
    }
    return ISG_OK;
}

/* A column of ones in the place of the loss: rows are chosen by everything else. */
static isg_err without_losses(simulation *s)
{
    static char one_text[] = "1";
    fit_job *job = &s->job;
    const size_t n = job->table->n_rows;
    double *one = malloc((n + 1) * sizeof *one);

    s->n_columns = job->table->n_columns;
    s->loss = calloc(s->n_columns + 1, sizeof *s->loss);
    if (!one || !s->loss) {
        free(one);
        return no_memory();
    }
    isg_err rc = find_losses(s, s->loss);
    for (size_t i = 0; i < n; i++) one[i] = 1;
    for (size_t k = 0; k < s->n_columns && !rc; k++) {
        isg_column *c = &job->table->columns[k];
        for (size_t i = 0; s->loss[k] && i < n; i++) {
            c->text[i] = one_text;
            if (c->numeric) c->number[i] = 1;
        }
        if (!s->loss[k]) continue;
        if (!s->loss_name) s->loss_name = c->name;
        rc = refuse_where(s, c->name);
    }
    if (!rc) rc = isg_table_add_numbers(job->table, no_loss, one);
    job->select.loss = no_loss;
    free(one);
    return rc;
}

/* The names of --design are those of the law's variables, whatever columns it would look for in
 * a file. */
static void name_factors(simulation *s)
{
    const isg_law *law = s->job.fit.law;

    for (size_t k = 0; k < s->args.var.n; k++) s->var[s->n_var++] = s->args.var.item[k];
    for (size_t k = 0; k < law->n_vars; k++) {
        const char *name = law->vars[k].name;
        const bool tokens = !strcmp(name, "D");
        bool said = !strcmp(name, "N") || (tokens && s->args.d);
        for (size_t v = 0; v < s->args.var.n; v++) {
            const size_t n = strlen(name);
            said =
                said || (!strncmp(s->args.var.item[v], name, n) && s->args.var.item[v][n] == '=');
        }
        if (said || (tokens && !law->vars[k].from)) continue;
        if (!tokens && !isg_table_column(s->job.table, name)) continue;
        (void)snprintf(s->var_text[k], sizeof s->var_text[k], "%s=%s", name,
                       tokens ? "D_tokens" : name);
        s->var[s->n_var++] = s->var_text[k];
    }
    s->job.select.var = s->var;
    s->job.select.n_var = s->n_var;
}

static isg_err load(simulation *s, char **paths, size_t n)
{
    const bool campaign = n == 1 && simulate_is_campaign(paths[0]);
    isg_table *table = NULL;

    if (s->own.design && n) return ISG_FAIL(ISG_EUSAGE, "--design and a source exclude each other");
    if (s->own.design) ISG_TRY(simulate_factorial(s->own.design, &table));
    if (campaign) ISG_TRY(simulate_campaign(paths[0], &table));
    ISG_TRY(table ? fit_job_take(&s->job, &s->args, table, campaign)
                  : fit_job_load(&s->job, &s->args, paths, n));
    ISG_TRY(without_losses(s));
    ISG_TRY(fit_law_set(&s->job, NULL));
    if (s->own.design) name_factors(s);
    return isg_select(s->job.table, &s->job.select, &s->selection);
}

/* ---- worlds ------------------------------------------------------------------------------------ */

static isg_err prepare(simulation *s)
{
    const isg_selection *d = s->selection;
    const isg_law *law = s->job.fit.law;
    size_t best = 0;

    s->clean = malloc((d->n + 1) * sizeof *s->clean);
    if (!s->clean) return no_memory();
    for (size_t i = 0; i < d->n; i++) {
        double var[ISG_LAW_VARS];
        char place[ISG_PLACE_BYTES];
        for (size_t k = 0; k < law->n_vars; k++) var[k] = d->var[k][i];
        s->clean[i] = isg_law_loss(law, s->natural, var);
        if (!(s->clean[i] > 0) || s->clean[i] > 1e300)
            return ISG_FAIL(ISG_EUSAGE, "--params: the loss of %s of the design is %g",
                            isg_table_place(s->job.table, d->row[i], place), s->clean[i]);
        if (s->clean[i] < s->clean[best]) best = i;
    }
    for (size_t k = 0; k < law->n_vars; k++) s->best.var[k] = d->var[k][best];
    s->plan = (isg_noise_plan){.run_sd = s->own.run_sd,
                               .point_sd = s->own.point_sd,
                               .df = s->own.df,
                               .power = s->own.power};
    if (s->own.shape)
        s->plan.shape = (isg_noise_shape)fit_args_index(s->own.shape, isg_noise_shape_name);
    ISG_TRY(fit_job_runs(&s->job, NULL, d, &s->cluster, &s->n_clusters));
    ISG_TRY(isg_noise_planned(&s->plan, s->clean, d->n, s->cluster, s->n_clusters, &s->noise));
    s->worlds = (isg_worlds){.fit = s->job.fit,
                             .design = {.n = d->n},
                             .clean = s->clean,
                             .noise = s->noise,
                             .way = {{.cluster = d->cluster, .n_clusters = d->n_clusters}},
                             .n_ways = 1,
                             .replicates = s->args.bootstrap,
                             .replicate_starts = s->args.starts_per_replicate,
                             .level = s->args.level,
                             .place = &s->best,
                             .n_places = 1,
                             .seed = s->args.seed};
    for (size_t k = 0; k < law->n_vars; k++) s->worlds.design.var[k] = d->var[k];
    if (s->worlds.fit.cold_starts > COLD_STARTS) s->worlds.fit.cold_starts = COLD_STARTS;
    if (law->view) s->worlds.fit.cold_starts = 0;
    return ISG_OK;
}

static void clear(simulation *s)
{
    fit_law_clear(&s->job);
    isg_noise_destroy(&s->noise);
    isg_selection_destroy(&s->selection);
    free(s->loss);
    free(s->cluster);
    free(s->clean);
    free(s->result);
}

/* ---- CSV --------------------------------------------------------------------------------------- */

/* A column of the source for the selected rows of every world. */
static isg_err copy_column(const simulation *s, const isg_column *from, const char **text,
                           isg_table *to)
{
    const isg_selection *d = s->selection;

    for (size_t w = 0; w < s->own.worlds; w++) {
        for (size_t i = 0; i < d->n; i++) text[w * d->n + i] = from->text[d->row[i]];
    }
    return isg_table_add_text(to, from->name, text);
}

static isg_err add_losses(const simulation *s, const char *name, double *number, isg_table *to)
{
    const size_t n = s->selection->n;
    isg_err rc = ISG_OK;

    for (size_t k = 0; k < s->own.worlds * n; k++) number[k] = (double)(k / n);
    if (s->own.worlds > 1) rc = isg_table_add_numbers(to, "world", number);
    for (size_t w = 0; w < s->own.worlds; w++) isg_world_draw(&s->worlds, w, number + w * n);
    if (!rc) rc = isg_table_add_numbers(to, name, number);
    return rc;
}

/* Losses go where they were, or where --loss says; where it is an expression, into "loss". */
static const char *loss_column(const simulation *s)
{
    const bool plain =
        s->args.loss && (!s->loss_name || isg_table_column(s->job.table, s->args.loss));
    return plain ? s->args.loss : s->loss_name && !s->args.loss ? s->loss_name : "loss";
}

static isg_err make_table(const simulation *s, isg_table **out)
{
    const isg_table *from = s->job.table;
    const char *name = loss_column(s);
    const size_t n = s->own.worlds * s->selection->n;
    const char **text = malloc((n + 1) * sizeof *text);
    double *number = malloc((n + 1) * sizeof *number);
    isg_err rc = text && number ? ISG_OK : no_memory();

    if (!rc) rc = isg_table_create("simulated", n, out);
    for (size_t k = 0; k < from->n_columns && !rc; k++) {
        const char *column = from->columns[k].name;
        if (!strcmp(column, no_loss) || !strcmp(column, name) || !strcmp(column, "world")) continue;
        if (k < s->n_columns && s->loss[k]) continue;
        rc = copy_column(s, &from->columns[k], text, *out);
    }
    if (!rc) rc = add_losses(s, name, number, *out);
    free(text);
    free(number);
    return rc;
}

static isg_err write_worlds(const simulation *s)
{
    const char *path = s->own.output;
    isg_table *table = NULL;
    isg_err rc = make_table(s, &table);

    if (!rc) {
        FILE *out = path ? fopen(path, "w") : stdout;
        rc = out ? isg_table_write_csv(table, out)
                 : ISG_FAIL(ISG_EIO, "cannot create '%s': %s", path, strerror(errno));
        if (out && path && fclose(out) && !rc)
            rc = ISG_FAIL(ISG_EIO, "cannot write '%s': %s", path, strerror(errno));
    }
    isg_table_destroy(&table);
    return rc;
}

/* ---- fits ---------------------------------------------------------------------------------------- */

static isg_err compute(void *ctx, size_t block, void *out, size_t cap, size_t *used)
{
    const simulation *s = ctx;
    isg_world_result result;
    (void)cap;
    ISG_TRY(isg_world_run(&s->worlds, block, &result));
    *used = isg_world_pack(&s->worlds, &result, out);
    return ISG_OK;
}

static isg_err collect(void *ctx, size_t block, const void *data, size_t n)
{
    simulation *s = ctx;
    return isg_world_unpack(&s->worlds, data, n, &s->result[block]);
}

static void choose_numbers(const fit_job *job, size_t numbers, bool *shown)
{
    for (size_t k = 0; k < numbers; k++) shown[k] = true;
    for (size_t k = 0; k < job->fit.n_constraints; k++) shown[job->constraints[k].param] = false;
}

static isg_err report(const simulation *s, const isg_simulation *r)
{
    json_t *json = NULL;
    isg_err rc = isg_report_simulation_json(r, &json);

    if (!rc)
        rc = s->own.json ? isg_json_print(json, stdout) : isg_report_simulation_text(r, stdout);
    if (!rc && s->own.output) {
        char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        rc = text ? isg_file_write(s->own.output, text, strlen(text)) : no_memory();
        free(text);
    }
    json_decref(json);
    return rc;
}

static isg_err count(const simulation *s)
{
    bool shown[ISG_WORLD_NUMBERS];
    double truth[ISG_WORLD_NUMBERS];
    isg_coverage number[ISG_WORLD_NUMBERS];
    isg_simulation r = {.source = s->job.table->source,
                        .worlds = &s->worlds,
                        .noise = &s->plan,
                        .unit = s->selection->cluster_unit,
                        .n = s->own.worlds,
                        .shown = shown,
                        .truth = truth,
                        .number = number,
                        .place_name = place_names};

    choose_numbers(&s->job, isg_world_numbers(&s->worlds), shown);
    isg_worlds_truth(&s->worlds, s->natural, truth);
    ISG_TRY(isg_worlds_count(&s->worlds, s->result, s->own.worlds, truth, number, &r.good));
    if (!r.good)
        return ISG_FAIL(ISG_EDATA, "none of %zu simulated campaigns gave an interval",
                        (size_t)s->own.worlds);
    return report(s, &r);
}

/* A problem of the design, so that what cannot be fitted is refused before it is simulated. */
static isg_err check_design(const simulation *s)
{
    const isg_selection *d = s->selection;
    isg_obs obs = s->worlds.design;
    isg_problem *problem = NULL;
    char why[160] = "";

    obs.loss = s->clean;
    ISG_TRY(isg_problem_create(&s->worlds.fit, &obs, &problem));
    fit_job_refuse_interval(d, problem, s->args.bootstrap, why);
    isg_problem_destroy(&problem);
    return why[0] ? ISG_FAIL(ISG_EDATA, "the design gives no interval: %s", why) : ISG_OK;
}

static isg_err fit_worlds(simulation *s)
{
    const isg_blocks blocks = {
        .n = s->own.worlds, .compute = compute, .collect = collect, .ctx = s};

    ISG_TRY(check_design(s));
    s->result = calloc(blocks.n, sizeof *s->result);
    if (!s->result) return no_memory();
    ISG_TRY(isg_run_blocks(s->job.comm, &blocks, 0));
    return s->job.speak ? count(s) : ISG_OK;
}

/* ---- the verb -------------------------------------------------------------------------------------- */

static isg_err simulate(simulation *s, int argc, char **argv)
{
    int operands = 0;
    bool done = false;

    ISG_TRY(parse(argc, argv, s, &operands, &done));
    if (done) return ISG_OK;
    if (!s->own.fit && s->own.json)
        return ISG_FAIL(ISG_EUSAGE, "--json goes with --fit; losses are written as CSV");
    if (!s->own.worlds) s->own.worlds = s->own.fit ? WORLDS : 1;
    if (s->own.fit && s->own.worlds < LEAST_WORLDS)
        return ISG_FAIL(ISG_EUSAGE, "--worlds %llu: --fit needs at least %d",
                        (unsigned long long)s->own.worlds, LEAST_WORLDS);
    if (!s->own.params)
        return ISG_FAIL(ISG_EUSAGE, "--params is needed: the true parameters of the law");
    ISG_TRY(load(s, argv + 1, (size_t)operands));
    ISG_TRY(read_params(s->own.params, s->job.fit.law, s->natural));
    ISG_TRY(prepare(s));
    if (s->own.fit) return fit_worlds(s);
    return s->job.speak ? write_worlds(s) : ISG_OK;
}

static isg_err run_simulate(int argc, char **argv)
{
    simulation *s = calloc(1, sizeof *s);

    if (!s) return no_memory();
    isg_err rc = fit_job_open(&s->job);
    if (!rc) rc = fit_job_close(&s->job, simulate(s, argc, argv));
    clear(s);
    free(s);
    return rc;
}

const isg_cmd isg_cmd_simulate = {
    .name = "simulate",
    .summary = "draw losses on a design; say how wide its intervals would be",
    .run = run_simulate,
};
