/* The check's campaigns are tasks: one world, its fit and its bootstrap a block,
 * worlds under the law first, those under the rival after them. */

#include "fit_check.h"

#include "fit_boot.h"
#include "isogloss/run.h"
#include "isogloss/str.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORLDS = 200, REFITS = 300, COLD_STARTS = 16, PARTS = 2, POOLED_ROWS = 60000, POOLED = 64 };

static const uint64_t rival_streams = (uint64_t)1 << 32; /* the rival's worlds draw from here on */
static const char *const place_names[] = {"loss of the best run"};

struct fit_check {
    isg_check report;
    isg_check_part part[PARTS];
    isg_worlds worlds[PARTS];
    isg_noise *noise;       /* of the law */
    isg_noise *rival_noise; /* of a rival law */
    double *clean[PARTS];   /* [rows] */
    size_t n;               /* worlds of a part */
    isg_place place;
    bool shown[ISG_WORLD_NUMBERS];
    double truth[PARTS][ISG_WORLD_NUMBERS];
    isg_coverage coverage[PARTS][ISG_WORLD_NUMBERS];
    isg_world_result *result; /* [PARTS * n] rank 0 */
    isg_selection *rival;
    size_t *cluster; /* [rows] whose errors go together */
    size_t n_runs;
};

void fit_check_destroy(fit_check **check)
{
    fit_check *c = *check;
    if (!c) return;
    isg_noise_destroy(&c->noise);
    isg_noise_destroy(&c->rival_noise);
    for (size_t k = 0; k < PARTS; k++) free(c->clean[k]);
    isg_selection_destroy(&c->rival);
    free(c->result);
    free(c->cluster);
    free(c);
    *check = NULL;
}

const isg_check *fit_check_report(const fit_check *check)
{
    return &check->report;
}

size_t fit_check_rows(fit_check_args *a, isg_opt *rows, size_t at)
{
    const isg_opt opts[] = {
        {0, "check", ISG_OPT_BARE_U64, &a->worlds, "WORLDS",
         "Simulate this many campaigns on this design with errors drawn from this fit's residuals, "
         "fit each, and say how often the intervals held the truth. Default: 200.",
         20, 1e6, NULL},
        {0, "rival", ISG_OPT_STRING, &a->rival, "LAW",
         "With --check: also under the truth of this law, fitted to the same rows. Default: the "
         "law itself, bent by the misfit that the data show.",
         0, 0, NULL},
    };
    memcpy(rows + at, opts, sizeof opts);
    return at + sizeof opts / sizeof *opts;
}

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "no memory for simulated campaigns");
}

static uint64_t worlds_wanted(const fit_check_args *a)
{
    return a->worlds == ISG_OPT_BARE ? WORLDS : a->worlds;
}

isg_err fit_check_request(const fit_check_args *a, json_t *request)
{
    const uint64_t worlds = worlds_wanted(a);
    json_t *check = worlds ? json_integer((json_int_t)worlds) : json_null();
    json_t *rival = a->rival ? json_string(a->rival) : json_null();
    const int bad =
        json_object_set_new(request, "check", check) | json_object_set_new(request, "rival", rival);
    return bad ? no_memory() : ISG_OK;
}

/* ---- truths ---------------------------------------------------------------------------- */

static void row_of(const isg_selection *s, const isg_law *law, size_t i, double *var)
{
    for (size_t k = 0; k < law->n_vars; k++) var[k] = s->var[k][i];
}

static isg_err clean_losses(const isg_selection *s, const isg_law *law, const double *natural,
                            double **out)
{
    double *clean = malloc((s->n + 1) * sizeof *clean);

    if (!clean) return no_memory();
    for (size_t i = 0; i < s->n; i++) {
        double var[ISG_LAW_VARS];
        row_of(s, law, i, var);
        clean[i] = isg_law_loss(law, natural, var);
    }
    *out = clean;
    return ISG_OK;
}

/* The best run: where the law expects the least loss. @return its row */
static size_t find_place(const isg_selection *s, const isg_law *law, fit_check *c)
{
    size_t best = 0;

    for (size_t i = 1; i < s->n; i++) {
        if (c->clean[0][i] < c->clean[0][best]) best = i;
    }
    row_of(s, law, best, c->place.var);
    return best;
}

/* The fitted law's losses times what centring took away. */
static isg_err bend(const isg_selection *s, fit_check *c)
{
    const double *misfit = isg_noise_misfit(c->noise);

    c->clean[1] = malloc((s->n + 1) * sizeof *c->clean[1]);
    if (!c->clean[1]) return no_memory();
    for (size_t i = 0; i < s->n; i++) c->clean[1][i] = c->clean[0][i] * isg_exp(misfit[i]);
    c->worlds[1].noise = c->noise;
    c->part[1].kind = "misfit";
    return ISG_OK;
}

/* Do both laws see the same rows? They come in the same order. */
static isg_err same_rows(const isg_selection *a, const isg_selection *b, const char *name)
{
    bool same = a->n == b->n && a->n_clusters == b->n_clusters;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->row[i] == b->row[i] && a->cluster[i] == b->cluster[i];
    if (same) return ISG_OK;
    return ISG_FAIL(ISG_EUSAGE,
                    "--rival %s: that law would use other rows (%zu) than this one (%zu); choose "
                    "rows with --where so that both have their variables",
                    name, b->n, a->n);
}

/* Variables of --var that the rival has, too. */
static isg_err rival_selection(const fit_job *job, const char *by_value, const isg_law *law,
                               isg_selection **out)
{
    isg_select_options select = job->select;
    const char *var[64];
    size_t n = 0;

    for (size_t k = 0; k < select.n_var && n < 64; k++) {
        for (size_t v = 0; v < law->n_vars; v++) {
            const size_t length = strlen(law->vars[v].name);
            if (!strncmp(select.var[k], law->vars[v].name, length) && select.var[k][length] == '=')
                var[n++] = select.var[k];
        }
    }
    select.var = var;
    select.n_var = n;
    select.law = law;
    select.by_value = by_value;
    return isg_select(job->table, &select, out);
}

/* Fit the rival to the same rows; its residuals are the noise of its worlds. */
static isg_err fit_rival(const fit_job *job, const isg_selection *s, const char *by_value,
                         const isg_law *law, fit_check *c)
{
    isg_fit_options options = job->fit;
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;

    ISG_TRY(rival_selection(job, by_value, law, &c->rival));
    ISG_TRY(same_rows(s, c->rival, law->name));
    isg_obs obs = {.n = s->n, .loss = c->rival->loss};
    for (size_t k = 0; k < law->n_vars; k++) obs.var[k] = c->rival->var[k];
    options.law = law;
    options.n_constraints = 0;
    isg_err rc = isg_problem_create(&options, &obs, &problem);
    if (!rc) rc = isg_workspace_create(problem, &w);
    if (!rc) rc = isg_fit_full(problem, w, &fit);
    if (!rc) rc = clean_losses(c->rival, law, fit.natural, &c->clean[1]);
    if (!rc) rc = isg_noise_of_fit(problem, &fit, c->cluster, c->n_runs, &c->rival_noise);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
    c->worlds[1].noise = c->rival_noise;
    c->part[1].kind = "rival";
    c->part[1].rival = law->name;
    return isg_err_context(rc, "--rival %s", law->name);
}

/* ---- preparing ------------------------------------------------------------------------- */

/* What is printed of a fit: what is free, determined and away from its bounds, and what follows. */
static void choose_numbers(const isg_fit *fit, const isg_law *law, fit_check *c)
{
    bool known = true;

    for (size_t k = 0; k < law->n_params; k++) {
        c->shown[k] = fit->free[k] && fit->identified[k];
        if (!law->params[k].log) known = known && c->shown[k];
    }
    for (size_t k = 0; k < law->n_derived; k++) c->shown[law->n_params + k] = known;
    for (size_t k = 0; k < c->report.n_places; k++)
        c->shown[law->n_params + law->n_derived + k] = true;
}

static isg_worlds worlds_of(const fit_job *job, const fit_outcome *o, const fit_check *c)
{
    const isg_selection *s = o->selection;
    isg_worlds w = {.fit = job->fit,
                    .design = {.n = s->n},
                    .clean = c->clean[0],
                    .noise = c->noise,
                    .n_ways = o->n_ways,
                    .first_speaks = fit_boot_chosen(job),
                    .replicates = job->args->bootstrap < REFITS ? job->args->bootstrap : REFITS,
                    .replicate_starts = job->args->starts_per_replicate,
                    .level = job->args->level,
                    .place = &c->place,
                    .n_places = 1,
                    .seed = job->args->seed};

    for (size_t k = 0; k < o->n_ways; k++) {
        const isg_boot *b = &o->way[k].boot;
        w.way[k] = (isg_world_way){b->cluster, o->way[k].n_groups, b->stream};
    }
    w.fit.law = isg_problem_law(o->problem);
    /* The scan finds the optimum of a law that has one; others keep some of their cold starts. */
    if (w.fit.cold_starts > COLD_STARTS) w.fit.cold_starts = COLD_STARTS;
    if (w.fit.law->view) w.fit.cold_starts = 0;
    for (size_t k = 0; k < w.fit.law->n_vars; k++) w.design.var[k] = s->var[k];
    return w;
}

/* The way that speaks for most parameters, as rank 0 knows it. */
static isg_err speaking_way(const fit_job *job, const fit_outcome *o, const isg_law *law, int *way)
{
    size_t votes[ISG_GROUPINGS] = {0}, most = 0;

    for (size_t k = 0; k < law->n_params && job->speak && !fit_boot_chosen(job); k++) {
        const isg_interval *by[ISG_GROUPINGS] = {NULL};
        for (size_t w = 0; w < o->n_ways; w++)
            by[w] = o->way[w].has_boot ? &o->way[w].summary.param[k] : NULL;
        if (o->fit.free[k] && o->fit.identified[k]) votes[isg_boot_headline(by, o->n_ways)]++;
    }
    for (size_t w = 1; w < o->n_ways; w++) most = votes[w] > votes[most] ? w : most;
    *way = job->speak ? (int)most : INT_MAX;
    return job->comm ? isg_comm_min_int(job->comm, way) : ISG_OK;
}

/* What shares errors: the groups that the intervals resample; runs, where the user's are less. */
static isg_err whole_clusters(const fit_job *job, const fit_outcome *o, const char *by_value,
                              fit_check *c)
{
    const isg_selection *s = o->selection;
    int way = 0;

    ISG_TRY(speaking_way(job, o, isg_problem_law(o->problem), &way));
    ISG_TRY(fit_job_runs(job, by_value, s, &c->cluster, &c->n_runs));
    if (way) {
        c->n_runs = o->way[way].n_groups;
        memcpy(c->cluster, o->way[way].boot.cluster, s->n * sizeof *c->cluster);
        c->report.unit = o->way[way].unit;
    }
    if (o->n_ways > 1) c->report.first = o->way[0].name;
    c->report.n_clusters = c->n_runs;
    return ISG_OK;
}

static isg_err prepare(const fit_job *job, const fit_outcome *o, const char *by_value,
                       const isg_law *rival, fit_check *c)
{
    const isg_law *law = isg_problem_law(o->problem);
    const isg_selection *s = o->selection;

    c->report = (isg_check){.law = law,
                            .level = job->args->level,
                            .n_clusters = s->n_clusters,
                            .unit = job->select.rows ? "run" : s->cluster_unit,
                            .seed = job->args->seed,
                            .shown = c->shown,
                            .place = &c->place,
                            .place_name = place_names,
                            .n_places = 1,
                            .data_rms = o->fit.rms,
                            .part = c->part,
                            .n_parts = PARTS};
    ISG_TRY(whole_clusters(job, o, by_value, c));
    ISG_TRY(clean_losses(s, law, o->fit.natural, &c->clean[0]));
    ISG_TRY(isg_noise_of_fit(o->problem, &o->fit, c->cluster, c->n_runs, &c->noise));
    c->report.strata = isg_noise_strata(c->noise);
    c->part[0].kind = "law";
    for (size_t k = 0; k < PARTS; k++) c->worlds[k] = worlds_of(job, o, c);
    c->report.replicates = c->worlds[0].replicates;
    choose_numbers(&o->fit, law, c);
    const size_t best = find_place(s, law, c);
    ISG_TRY(rival ? fit_rival(job, s, by_value, rival, c) : bend(s, c));
    c->worlds[1].clean = c->clean[1];
    isg_worlds_truth(&c->worlds[0], o->fit.natural, c->truth[0]);
    c->truth[1][law->n_params + law->n_derived] = c->clean[1][best];
    return ISG_OK;
}

/* ---- running ---------------------------------------------------------------------------- */

static const isg_worlds *world_of(const fit_check *c, size_t block, uint64_t *index)
{
    const size_t part = block / c->n;
    *index = block % c->n + (part ? rival_streams : 0);
    return &c->worlds[part];
}

static isg_err compute(void *ctx, size_t block, void *out, size_t cap, size_t *used)
{
    uint64_t index = 0;
    const isg_worlds *w = world_of(ctx, block, &index);
    isg_world_result result;

    _Static_assert((int)ISG_WORLD_BYTES <= (int)ISG_BLOCK_BYTES, "a world fits into a block");
    (void)cap;
    ISG_TRY(isg_world_run(w, index, &result));
    *used = isg_world_pack(w, &result, out);
    return ISG_OK;
}

static isg_err collect(void *ctx, size_t block, const void *data, size_t n)
{
    fit_check *c = ctx;
    uint64_t index = 0;
    return isg_world_unpack(world_of(c, block, &index), data, n, &c->result[block]);
}

/* Rank 0: what the estimator tends to under the rival, and the counts. */
static isg_err count(fit_check *c)
{
    const isg_worlds *rival = &c->worlds[1];
    const size_t own = rival->fit.law->n_params + rival->fit.law->n_derived;
    const double at_place = c->truth[1][own];
    size_t draws = POOLED_ROWS / rival->design.n;

    if (draws < POOLED) draws = POOLED;
    ISG_TRY(isg_worlds_pseudo_truth(rival, draws, c->truth[1]));
    c->truth[1][own] = at_place; /* the loss there is known */
    for (size_t k = 0; k < PARTS; k++) {
        const isg_world_result *result = c->result + k * c->n;
        isg_check_part *p = &c->part[k];
        double rms = 0;
        p->worlds = c->n;
        p->truth = c->truth[k];
        p->number = c->coverage[k];
        ISG_TRY(isg_worlds_count(&c->worlds[k], result, c->n, p->truth, c->coverage[k], &p->good));
        for (size_t w = 0; w < c->n; w++) rms += result[w].good ? result[w].rms : 0;
        p->rms = p->good ? rms / (double)p->good : 0;
        if (!p->good)
            return ISG_FAIL(ISG_EDATA, "none of %zu simulated campaigns gave an interval", c->n);
    }
    return ISG_OK;
}

static isg_err run(const fit_job *job, fit_check *c)
{
    const isg_blocks blocks = {.n = PARTS * c->n, .compute = compute, .collect = collect, .ctx = c};

    c->result = calloc(blocks.n, sizeof *c->result);
    if (!c->result) return no_memory();
    isg_err rc = isg_run_blocks(job->comm, &blocks, 0);
    if (!rc && job->speak) rc = count(c);
    return rc;
}

isg_err fit_check_run(const fit_job *job, const fit_outcome *o, const char *by_value,
                      const fit_check_args *a, fit_check **out)
{
    const isg_law *rival = NULL;
    char why[160];

    *out = NULL;
    if (a->rival) ISG_TRY(isg_err_context(isg_law_find(a->rival, &rival), "--rival"));
    fit_job_refuse_interval(o->selection, o->problem, job->args->bootstrap, why);
    if (!a->worlds || why[0]) return ISG_OK;
    if (o->selection->sweeps)
        return ISG_FAIL(ISG_EUSAGE,
                        "--check simulates losses that were fitted, not those of a sweep; "
                        "it does not go with --best-over");
    fit_check *c = calloc(1, sizeof *c);
    if (!c) return no_memory();
    c->n = worlds_wanted(a);
    isg_err rc = prepare(job, o, by_value, rival, c);
    if (!rc) rc = run(job, c);
    if (!rc && job->speak) {
        *out = c;
        return ISG_OK;
    }
    fit_check_destroy(&c);
    return isg_err_context(rc, "--check");
}
