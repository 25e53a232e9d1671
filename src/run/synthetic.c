#include "synthetic.h"

#include "isogloss/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct law {
    double E, A, B, alpha, beta;
} law;

struct isg_synthetic {
    const isg_plan *plan;
    law *law;              /* [n_evaluations] */
    double s_run, s_point; /* standard deviations of log loss */
    double seconds, speed; /* duration of a run [s], [FLOP/s], 0: none */
};

static const double shard_scatter = 0.02; /* standard deviation of a shard's log loss */

static isg_err read_law(const json_t *object, law *out)
{
    const struct {
        const char *key;
        double *to;
    } keys[] = {{"E", &out->E},
                {"A", &out->A},
                {"B", &out->B},
                {"alpha", &out->alpha},
                {"beta", &out->beta}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        ISG_TRY(isg_json_number(object, keys[i].key, keys[i].to));
    return ISG_OK;
}

static isg_err read_laws(isg_synthetic *s)
{
    const isg_plan *p = s->plan;
    const json_t *all = p->trainer_settings;
    for (size_t e = 0; e < p->n_evaluations; e++) {
        const char *code = p->languages[p->evaluations[e].language].code;
        const json_t *one = json_object_get(json_object_get(all, "laws"), code);
        if (!one) one = json_object_get(all, "law");
        if (!one) {
            return ISG_FAIL(
                ISG_ESPEC,
                "synthetic trainer: no law for the language '%s': add it under 'laws', or 'law' for all",
                code);
        }
        ISG_TRY(isg_err_context(read_law(one, &s->law[e]), "synthetic trainer: law of '%s'", code));
    }
    const json_t *noise = json_object_get(all, "noise");
    s->s_run = json_number_value(json_object_get(noise, "run")); /* 0 if absent */
    s->s_point = json_number_value(json_object_get(noise, "point"));
    s->seconds = json_number_value(json_object_get(all, "seconds_per_run"));
    s->speed = json_number_value(json_object_get(all, "speed"));
    return ISG_OK;
}

isg_err isg_synthetic_create(const isg_plan *plan, isg_synthetic **out)
{
    isg_synthetic *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    s->plan = plan;
    s->law = calloc(plan->n_evaluations + 1, sizeof *s->law);
    isg_err rc = s->law ? read_laws(s) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (rc) isg_synthetic_destroy(&s);
    *out = s;
    return rc;
}

void isg_synthetic_destroy(isg_synthetic **synthetic)
{
    if (!*synthetic) return;
    free((*synthetic)->law);
    free(*synthetic);
    *synthetic = NULL;
}

/* Tokens of a language before the run begins. */
static double seen_before(const isg_plan *plan, const isg_run *run, size_t language)
{
    double seen = 0;
    while (run->parent != ISG_NO_RUN) {
        bool goes_on = run->from > 0; /* its tokens are counted in the run's own */
        run = &plan->runs[run->parent];
        if (!goes_on) seen += run->weight[language] * (double)run->tokens;
    }
    return seen;
}

/* The run itself, or the first part of its trunk: luck is that of the trunk. */
static const isg_run *trunk_of(const isg_plan *plan, const isg_run *run)
{
    while (run->from) run = &plan->runs[run->parent];
    return run;
}

static isg_lr_state lr_state_at(const isg_run *run, uint64_t tokens)
{
    return tokens == run->tokens && !run->trunk ? ISG_LR_END : ISG_LR_STABLE;
}

static uint64_t key_of(const isg_run *run)
{
    uint64_t key = 0;
    for (int i = 0; i < 16; i++) {
        char c = run->id[i];
        key = key << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return key;
}

static void fill_shards(isg_rng *rng, double loss, size_t n, float *shard)
{
    double mean = 0;
    for (size_t i = 0; i < n; i++) {
        shard[i] = (float)(loss * (1 + shard_scatter * isg_rng_normal(rng)));
        mean += (double)shard[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) shard[i] += (float)(loss - mean);
}

static void fill_point(const isg_synthetic *s, const isg_run *run, size_t point,
                       const double *z_run, isg_result *r)
{
    const isg_plan *p = s->plan;
    const double tokens = (double)run->points[point];
    isg_rng rng;

    r->tokens[point] = run->points[point];
    r->lr_state[point] = (uint8_t)lr_state_at(run, run->points[point]);
    for (size_t l = 0; l < p->n_languages; l++)
        r->seen[point * p->n_languages + l] = run->weight[l] * tokens;
    isg_rng_at(&rng, key_of(run), ISG_RNG_NOISE_POINT, point);
    for (size_t e = 0; e < p->n_evaluations; e++) {
        const size_t language = p->evaluations[e].language, at = point * p->n_evaluations + e;
        const law *w = &s->law[e];
        if (!run->evaluate[e]) continue;
        double d = run->weight[language] * tokens + seen_before(p, run, language);
        double truth = w->E + w->A / pow((double)run->shape.n_total, w->alpha) +
                       w->B / pow(fmax(d, 1), w->beta);
        r->loss[at] = truth * exp(s->s_run * z_run[e] + s->s_point * isg_rng_normal(&rng));
        fill_shards(&rng, r->loss[at], p->evaluations[e].shards,
                    r->shard_loss + at * p->max_shards);
    }
}

isg_err isg_synthetic_run(const isg_synthetic *synthetic, size_t run, isg_result **out)
{
    const isg_plan *p = synthetic->plan;
    const isg_run *r = &p->runs[run];
    double *z_run = calloc(p->n_evaluations + 1, sizeof *z_run);
    isg_rng rng;

    *out = NULL;
    if (!z_run) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = isg_result_create(p, out);
    for (size_t e = 0; e < p->n_evaluations; e++) {
        isg_rng_at(&rng, key_of(trunk_of(p, r)), ISG_RNG_NOISE_RUN, e);
        z_run[e] = isg_rng_normal(&rng);
    }
    for (size_t i = 0; i < r->n_points && !rc; i++) fill_point(synthetic, r, i, z_run, *out);
    if (!rc) {
        (*out)->n_points = r->n_points;
        (*out)->flops = r->flops;
    }
    free(z_run);
    return rc;
}

double isg_synthetic_seconds(const isg_synthetic *synthetic, size_t run)
{
    const double flops = synthetic->plan->runs[run].flops;
    return synthetic->seconds + (synthetic->speed > 0 ? flops / synthetic->speed : 0);
}
