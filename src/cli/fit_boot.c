#include "fit_boot.h"

#include "fit_save.h"
#include "isogloss/run.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the blocks of refits share; only rank 0 collects. */
typedef struct refits {
    fit_outcome *o;
    size_t n;                        /* ways that are computed */
    size_t way[ISG_GROUPINGS];       /* [n] */
    size_t first[ISG_GROUPINGS + 1]; /* [n + 1] block of each */
    fit_save *save;                  /* or NULL */
} refits;

/* ---- which ways ---------------------------------------------------------------------- */

/* Why a further way says nothing; "" if it does. */
static void refuse_way(const fit_way *first, fit_way *way)
{
    if (first->why[0])
        (void)snprintf(way->why, sizeof way->why, "%s carries none", first->name);
    else if (way->n_groups < ISG_BOOT_MIN_CLUSTERS)
        (void)snprintf(way->why, sizeof way->why, "%zu clusters; at least %d are needed",
                       way->n_groups, ISG_BOOT_MIN_CLUSTERS);
}

/* The first way is the selection's own clusters. */
static void name_ways(fit_outcome *o)
{
    const isg_selection *s = o->selection;

    o->n_ways = s->n_groupings ? s->n_groupings : 1;
    o->way[0] = (fit_way){.name = s->n_groupings ? s->grouping[0].name : s->cluster_unit,
                          .unit = s->cluster_unit,
                          .n_groups = s->n_clusters};
    o->way[0].boot.cluster = s->cluster;
    for (size_t k = 1; k < o->n_ways; k++) {
        const isg_grouping *g = &s->grouping[k];
        o->way[k] = (fit_way){.name = g->name, .unit = g->unit, .n_groups = g->n};
        o->way[k].boot.cluster = g->cluster;
        o->way[k].boot.stream = g->name;
    }
}

static void choose_ways(const fit_job *s, refits *r)
{
    fit_outcome *o = r->o;

    name_ways(o);
    for (size_t k = 0; k < o->n_ways; k++) {
        fit_way *w = &o->way[k];
        w->boot.problem = o->problem;
        w->boot.full = &o->fit;
        w->boot.n_clusters = w->n_groups;
        w->boot.replicates = s->args->bootstrap;
        w->boot.seed = s->args->seed;
        w->boot.cold_starts = s->args->starts_per_replicate;
        w->boot.sweeps = o->selection->sweeps;
        w->boot.swept = o->swept;
        if (k)
            refuse_way(&o->way[0], w);
        else
            fit_job_refuse_interval(o->selection, o->problem, s->args->bootstrap, w->why);
        if (w->why[0]) continue;
        r->first[r->n + 1] = r->first[r->n] + isg_boot_blocks(&w->boot, ISG_BLOCK_BYTES);
        r->way[r->n++] = k;
    }
}

/* ---- blocks -------------------------------------------------------------------------- */

/* Which of the ways that are computed a block belongs to. */
static size_t set_of(const refits *r, size_t block)
{
    size_t k = 0;
    while (k + 1 < r->n && block >= r->first[k + 1]) k++;
    return k;
}

static isg_err compute_block(void *ctx, size_t block, void *out, size_t cap, size_t *used)
{
    const refits *r = ctx;
    size_t k = set_of(r, block);
    return isg_boot_block(&r->o->way[r->way[k]].boot, block - r->first[k], out, cap, used);
}

static isg_err collect_block(void *ctx, size_t block, const void *data, size_t n)
{
    refits *r = ctx;
    size_t k = set_of(r, block), at = block - r->first[k];
    fit_way *w = &r->o->way[r->way[k]];

    ISG_TRY(isg_replicates_collect(w->replicates, &w->boot, at, ISG_BLOCK_BYTES, data, n));
    return r->save ? fit_save_block(r->save, k, at, w->replicates) : ISG_OK;
}

static bool have_block(void *ctx, size_t block)
{
    const refits *r = ctx;
    size_t k = set_of(r, block);
    return r->save && fit_save_has(r->save, k, block - r->first[k]);
}

/* Every rank comes to the same end, also where it is refused. */
static isg_err open_save(const fit_job *s, const char *by_value, refits *r)
{
    fit_save_set set[ISG_GROUPINGS];
    isg_err rc = ISG_OK;

    if (!s->save.name) return ISG_OK;
    for (size_t k = 0; k < r->n; k++) {
        const fit_way *w = &r->o->way[r->way[k]];
        set[k] = (fit_save_set){.name = w->name, .boot = &w->boot};
    }
    if (s->speak) rc = fit_save_open(s, by_value, r->o, set, r->n, &r->o->save);
    r->save = r->o->save;
    return s->comm ? isg_comm_agree(s->comm, rc) : rc;
}

static isg_err load_save(const fit_job *s, refits *r)
{
    isg_err rc = ISG_OK;
    for (size_t k = 0; k < r->n && r->save && !rc; k++)
        rc = fit_save_load(r->save, k, r->o->way[r->way[k]].replicates);
    return s->comm && s->save.name ? isg_comm_agree(s->comm, rc) : rc;
}

/* What is there already, then the blocks that are missing. */
static isg_err run_refits(const fit_job *s, refits *r)
{
    const isg_blocks blocks = {.n = r->first[r->n],
                               .compute = compute_block,
                               .collect = collect_block,
                               .have = have_block,
                               .ctx = r};
    isg_err rc = load_save(s, r);

    if (!rc) rc = isg_run_blocks(s->comm, &blocks, 0);
    if (rc == ISG_EAGAIN && !s->save.name) {
        char *why = isg_strdup(isg_err_message());
        (void)ISG_FAIL(rc,
                       "%s; nothing is kept: the same command begins anew. With --save NAME it "
                       "would go on",
                       why ? why : "");
        free(why);
    }
    if (!r->save) return rc;
    if (rc == ISG_EAGAIN) {
        char *why = isg_strdup(isg_err_message());
        isg_err synced = fit_save_sync(r->save);
        if (!synced)
            (void)ISG_FAIL(rc, "%s; they are kept: run the same command again", why ? why : "");
        free(why);
        return synced ? synced : rc;
    }
    return rc ? rc : fit_save_sync(r->save);
}

/* ---- results ------------------------------------------------------------------------- */

static isg_err summarise(const fit_job *s, fit_way *w)
{
    isg_err rc = isg_boot_summarise(&w->boot, w->replicates, s->args->level, &w->summary);
    if (rc == ISG_OK && 2 * w->summary.converged < w->boot.replicates) {
        rc = ISG_FAIL(ISG_EDATA, "only %zu of %zu replicates converged", w->summary.converged,
                      w->boot.replicates);
    }
    const double least = 2 / (1 - s->args->level);
    if (rc == ISG_OK && (double)w->boot.replicates < least * (1 - 1e-9)) {
        rc = ISG_FAIL(ISG_EDATA,
                      "%zu refits have no %g %% interval: --bootstrap %.0f at least, better ten "
                      "times as many",
                      w->boot.replicates, 100 * s->args->level, ceil(least * (1 - 1e-9)));
    }
    w->has_boot = rc == ISG_OK;
    if (rc != ISG_EDATA) return rc;
    (void)snprintf(w->why, sizeof w->why, "%s", isg_err_message());
    isg_err_clear();
    return ISG_OK;
}

isg_err fit_boot_run(const fit_job *s, const char *by_value, fit_outcome *o)
{
    refits r = {.o = o};
    isg_err rc = ISG_OK;

    choose_ways(s, &r);
    memcpy(o->why, o->way[0].why, sizeof o->why);
    ISG_TRY(open_save(s, by_value, &r));
    if (!r.n) return ISG_OK;
    for (size_t k = 0; k < r.n && !rc; k++) {
        fit_way *w = &o->way[r.way[k]];
        rc = isg_replicates_create(&w->boot, &w->replicates);
    }
    if (!rc) rc = run_refits(s, &r);
    for (size_t k = 0; k < r.n && !rc && s->speak; k++) rc = summarise(s, &o->way[r.way[k]]);
    o->boot = o->way[0].summary;
    o->has_boot = o->way[0].has_boot;
    memcpy(o->why, o->way[0].why, sizeof o->why);
    return rc;
}

bool fit_boot_chosen(const fit_job *s)
{
    return s->args->cluster || s->args->resample;
}

void fit_boot_clear(fit_outcome *o)
{
    for (size_t k = 0; k < ISG_GROUPINGS; k++) isg_replicates_destroy(&o->way[k].replicates);
}
