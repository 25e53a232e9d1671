/* The pipeline on simulated campaigns. One world is one task: its fit, its
 * bootstrap and its intervals depend on the options, the seed and its number
 * alone. What is kept of a world are the ends of its intervals; coverage is
 * counted over numbers of worlds, in their order. */

#include "isogloss/simulate.h"

#include "dist.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const isg_world_method_name[ISG_WORLD_METHODS] = {"percentile", "bca", "sandwich",
                                                              "first"};

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "no memory for a simulated campaign");
}

static const isg_law *law_of(const isg_worlds *s)
{
    return s->fit.law;
}

size_t isg_world_numbers(const isg_worlds *s)
{
    return law_of(s)->n_params + law_of(s)->n_derived + s->n_places;
}

void isg_world_draw(const isg_worlds *s, uint64_t index, double *loss)
{
    isg_rng r;

    isg_rng_at(&r, s->seed, ISG_RNG_SIMULATE, index);
    isg_noise_draw(s->noise, &r, loss);
    for (size_t i = 0; i < s->design.n; i++) loss[i] = s->clean[i] * isg_exp(loss[i]);
}

void isg_worlds_truth(const isg_worlds *s, const double *natural, double *truth)
{
    const isg_law *law = law_of(s);

    memcpy(truth, natural, law->n_params * sizeof *truth);
    truth += law->n_params;
    for (size_t k = 0; k < law->n_derived; k++) *truth++ = law->derived[k].value(law, natural);
    for (size_t k = 0; k < s->n_places; k++) *truth++ = isg_law_loss(law, natural, s->place[k].var);
}

/* ---- one world ------------------------------------------------------------------------- */

/* A parameter, a derived number or the loss of a place as a number of the bootstrap. */
typedef struct asked {
    const isg_worlds *worlds;
    size_t number;
} asked;

static double value_of(const void *ctx, const double *natural)
{
    const asked *a = ctx;
    const isg_law *law = law_of(a->worlds);
    size_t k = a->number;

    if (k < law->n_params) return natural[k];
    k -= law->n_params;
    if (k < law->n_derived) return law->derived[k].value(law, natural);
    return isg_law_loss(law, natural, a->worlds->place[k - law->n_derived].var);
}

static void keep(const isg_worlds *s, const isg_interval *i, const isg_interval *first,
                 double estimate, isg_world_number *out)
{
    const double reach = isg_normal_quantile(0.5 * (1 + s->level)) * i->sandwich_se;

    *out = (isg_world_number){
        .estimate = estimate,
        .lo = {i->lo, i->bca_lo, estimate - reach, first ? first->lo : 0},
        .hi = {i->hi, i->bca_hi, estimate + reach, first ? first->hi : 0},
        .has = {i->hi > i->lo, i->has_bca, i->has_sandwich, first && first->hi > first->lo}};
}

/* Intervals of all numbers by one way. @param out [numbers] */
static isg_err one_way(const isg_worlds *s, const isg_boot *boot, isg_interval *out)
{
    const size_t numbers = isg_world_numbers(s), params = law_of(s)->n_params;
    isg_boot_number number[ISG_WORLD_NUMBERS];
    asked ask[ISG_WORLD_NUMBERS];
    isg_boot_summary summary;
    isg_replicates *r = NULL;

    for (size_t k = 0; k < numbers; k++) {
        ask[k] = (asked){s, k};
        number[k] = (isg_boot_number){value_of, &ask[k]};
    }
    ISG_TRY(isg_replicates_create(boot, &r));
    isg_err rc = isg_boot_all(boot, r);
    if (!rc) rc = isg_boot_summarise(boot, r, s->level, &summary);
    if (!rc && 2 * summary.converged < boot->replicates)
        rc = ISG_FAIL(ISG_EDATA, "too few replicates converged");
    if (!rc)
        rc = isg_boot_numbers(boot, r, s->level, number + params, numbers - params, out + params);
    if (!rc) memcpy(out, summary.param, params * sizeof *out);
    isg_replicates_destroy(&r);
    return rc;
}

/* By every way; the first must give intervals, what another cannot say is left out. */
static isg_err intervals(const isg_worlds *s, const isg_problem *problem, const isg_fit *fit,
                         uint64_t index, isg_world_result *out)
{
    isg_interval all[ISG_GROUPINGS][ISG_WORLD_NUMBERS];
    bool has[ISG_GROUPINGS] = {false};
    double estimate[ISG_WORLD_NUMBERS];

    for (size_t w = 0; w < s->n_ways; w++) {
        const isg_boot boot = {.problem = problem,
                               .full = fit,
                               .cluster = s->way[w].cluster,
                               .n_clusters = s->way[w].n_clusters,
                               .stream = s->way[w].stream,
                               .replicates = s->replicates,
                               .seed = isg_mix64(s->seed) + index,
                               .cold_starts = s->replicate_starts};
        if (w && boot.n_clusters < ISG_BOOT_MIN_CLUSTERS) continue;
        isg_err rc = one_way(s, &boot, all[w]);
        if (rc && (!w || rc != ISG_EDATA)) return rc;
        has[w] = !rc;
        isg_err_clear();
    }
    isg_worlds_truth(s, fit->natural, estimate);
    for (size_t k = 0; k < isg_world_numbers(s); k++) {
        const isg_interval *by[ISG_GROUPINGS] = {NULL};
        for (size_t w = 0; w < s->n_ways; w++) by[w] = has[w] ? &all[w][k] : NULL;
        const size_t way = s->first_speaks ? 0 : isg_boot_headline(by, s->n_ways);
        keep(s, by[way], s->n_ways > 1 ? by[0] : NULL, estimate[k], &out->number[k]);
    }
    return ISG_OK;
}

isg_err isg_world_run(const isg_worlds *s, uint64_t index, isg_world_result *out)
{
    double *loss = malloc((s->design.n + 1) * sizeof *loss);
    isg_obs obs = s->design;
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;

    *out = (isg_world_result){0};
    if (!loss) return no_memory();
    isg_world_draw(s, index, loss);
    obs.loss = loss;
    isg_err rc = isg_problem_create(&s->fit, &obs, &problem);
    if (!rc) rc = isg_workspace_create(problem, &w);
    if (!rc) rc = isg_fit_full(problem, w, &fit);
    if (!rc) {
        out->rms = fit.rms;
        rc = intervals(s, problem, &fit, index, out);
    }
    out->good = rc == ISG_OK;
    if (rc == ISG_EDATA) { /* an outcome of this world */
        isg_err_clear();
        rc = ISG_OK;
    }
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
    free(loss);
    return rc;
}

size_t isg_world_pack(const isg_worlds *s, const isg_world_result *result, void *out)
{
    const double head[2] = {result->good, result->rms};
    const size_t bytes = isg_world_numbers(s) * sizeof *result->number;

    memcpy(out, head, sizeof head);
    memcpy((char *)out + sizeof head, result->number, bytes);
    return sizeof head + bytes;
}

isg_err isg_world_unpack(const isg_worlds *s, const void *data, size_t n, isg_world_result *out)
{
    double head[2];
    const size_t bytes = isg_world_numbers(s) * sizeof *out->number;

    *out = (isg_world_result){0};
    if (n != sizeof head + bytes)
        return ISG_FAIL(ISG_EPROTO, "the result of a simulated campaign has %zu bytes", n);
    memcpy(head, data, sizeof head);
    memcpy(out->number, (const char *)data + sizeof head, bytes);
    out->good = head[0] > 0;
    out->rms = head[1];
    return ISG_OK;
}

/* ---- many worlds ------------------------------------------------------------------------- */

isg_err isg_worlds_pseudo_truth(const isg_worlds *s, size_t draws, double *truth)
{
    static const uint64_t beyond = (uint64_t)1 << 40; /* streams that no world has */
    const size_t n = s->design.n, vars = law_of(s)->n_vars;
    double *memory = malloc((vars + 1) * n * draws * sizeof *memory);
    double *loss = memory;
    isg_obs obs = {.n = n * draws, .loss = loss};
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;

    if (!memory) return no_memory();
    for (size_t d = 0; d < draws; d++) {
        isg_world_draw(s, beyond + d, loss + d * n);
        for (size_t k = 0; k < vars; k++)
            memcpy(memory + ((k + 1) * draws + d) * n, s->design.var[k], n * sizeof *memory);
    }
    for (size_t k = 0; k < vars; k++) obs.var[k] = memory + (k + 1) * draws * n;
    isg_err rc = isg_problem_create(&s->fit, &obs, &problem);
    if (!rc) rc = isg_workspace_create(problem, &w);
    if (!rc) rc = isg_fit_full(problem, w, &fit);
    if (!rc) isg_worlds_truth(s, fit.natural, truth);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
    free(memory);
    return rc;
}

/* @param width [n] scratch */
static void count_intervals(const isg_world_result *result, size_t n, size_t number, size_t method,
                            double truth, isg_covered *out, double *width)
{
    *out = (isg_covered){0};
    for (size_t w = 0; w < n; w++) {
        const isg_world_number *x = &result[w].number[number];
        if (!result[w].good || !x->has[method]) continue;
        out->below += truth < x->lo[method];
        out->above += truth > x->hi[method];
        out->inside += x->lo[method] <= truth && truth <= x->hi[method];
        width[out->n++] = x->hi[method] - x->lo[method];
    }
    if (!out->n) return;
    qsort(width, out->n, sizeof *width, isg_by_value);
    out->width = isg_quantile(width, out->n, 0.5);
}

static void count_number(const isg_world_result *result, size_t n, size_t number, double truth,
                         isg_coverage *out, double *width)
{
    size_t good = 0;
    double squares = 0;

    *out = (isg_coverage){0};
    for (size_t k = 0; k < ISG_WORLD_METHODS; k++)
        count_intervals(result, n, number, k, truth, &out->by[k], width);
    for (size_t w = 0; w < n; w++) {
        if (!result[w].good) continue;
        out->mean += result[w].number[number].estimate;
        good++;
    }
    if (good) out->mean /= (double)good;
    for (size_t w = 0; w < n; w++) {
        const double d = result[w].number[number].estimate - out->mean;
        if (result[w].good) squares += d * d;
    }
    out->sd = good > 1 ? sqrt(squares / (double)(good - 1)) : 0;
}

isg_err isg_worlds_count(const isg_worlds *s, const isg_world_result *result, size_t n,
                         const double *truth, isg_coverage *out, size_t *good)
{
    double *width = malloc((n + 1) * sizeof *width);

    if (!width) return no_memory();
    *good = 0;
    for (size_t w = 0; w < n; w++) *good += result[w].good;
    for (size_t k = 0; k < isg_world_numbers(s); k++)
        count_number(result, n, k, truth[k], &out[k], width);
    free(width);
    return ISG_OK;
}
