#ifndef ISG_TEST_COVERAGE_H
#define ISG_TEST_COVERAGE_H

/**
 * Data sets with planted truth, the whole pipeline with delta from the data on
 * each, and how often its 95 % intervals hold the truth.
 *
 * The points have the scale of those of Hoffmann et al.'s figure: compute levels
 * from 6.3e18 to 3e21 flop, sizes within a factor 4 either way of sqrt(C/120), between
 * 57 M and 16.2 G. With 20 levels and 12 sizes, and the noise that is
 * there (0.6 %), the Fisher information gives standard errors of alpha
 * .0089, beta .0084 and E .028; the 240 published points .0089, .0080, .025.
 */

#include "check.h"
#include "isogloss/run.h"
#include "isogloss/simulate.h"

#include <stdlib.h>

enum { COVER_ROWS = 300, COVER_NUMBERS = 4 };

static const char *const cover_name[COVER_NUMBERS] = {"alpha", "beta", "E", "a"};
static const size_t cover_at[COVER_NUMBERS] = {3, 4, 2, 5}; /* in a world's numbers */
static const double cover_truth[5] = {477.8, 2143, 1.817, 0.3473, 0.3672};

typedef struct cover_case {
    const char *name;
    size_t levels, sizes, evals; /* runs: levels x sizes, each with `evals` points */
    isg_noise_plan noise;
    bool rows;      /* resample rows, not runs */
    bool factorial; /* sizes 2e7 to 6e9 crossed with `levels` budgets of tokens, 1e9 to 1.5e11 */
    double bend;    /* of the truth away from the law: ln L += bend (ln D - mean)^2 */
} cover_case;

typedef struct cover_design {
    size_t n, n_runs;
    double size[COVER_ROWS], data[COVER_ROWS], clean[COVER_ROWS];
    size_t run[COVER_ROWS], row[COVER_ROWS];
} cover_design;

static double cover_power(double x, double y)
{
    return isg_exp(y * isg_ln(x));
}

/* Size and last tokens of a run. @param level, size  0 to 1 */
static void cover_place(const cover_case *c, double level, double size, double *n, double *tokens)
{
    const double least = 6.3e18, most = 3e21;

    if (c->factorial) {
        *n = 2e7 * cover_power(300, size);
        *tokens = 1e9 * cover_power(150, level);
        return;
    }
    const double flops = least * cover_power(most / least, level);
    *n = fmin(fmax(sqrt(flops / 120) * isg_exp(1.4 * (2 * size - 1)), 57e6), 16.2e9);
    *tokens = flops / (6 * *n);
}

static void cover_fill(const cover_case *c, cover_design *d)
{
    double mean = 0;

    *d = (cover_design){.n = c->levels * c->sizes * c->evals, .n_runs = c->levels * c->sizes};
    for (size_t i = 0; i < d->n; i++) {
        const size_t run = i / c->evals, eval = i % c->evals;
        const double level = (double)(run / c->sizes) / (double)(c->levels - 1);
        const double size = (double)(run % c->sizes) / (double)(c->sizes - 1);
        double tokens = 0;
        cover_place(c, level, size, &d->size[i], &tokens);
        d->data[i] = tokens * (double)(eval + 2) / (double)(c->evals + 1);
        d->run[i] = run;
        d->row[i] = i;
        mean += isg_ln(d->data[i]) / (double)d->n;
    }
    for (size_t i = 0; i < d->n; i++) {
        const double *t = cover_truth, from = isg_ln(d->data[i]) - mean;
        d->clean[i] =
            (t[2] + t[0] / cover_power(d->size[i], t[3]) + t[1] / cover_power(d->data[i], t[4])) *
            isg_exp(c->bend * from * from);
    }
}

typedef struct cover_result {
    size_t good;
    double truth[ISG_WORLD_NUMBERS];
    isg_coverage number[ISG_WORLD_NUMBERS];
} cover_result;

typedef struct cover_run {
    isg_worlds worlds;
    isg_world_result *result;
} cover_run;

static isg_err cover_compute(void *ctx, size_t block, void *out, size_t cap, size_t *used)
{
    const cover_run *r = ctx;
    isg_world_result result;
    (void)cap;
    isg_err rc = isg_world_run(&r->worlds, block, &result);
    *used = rc ? 0 : isg_world_pack(&r->worlds, &result, out);
    return rc;
}

static isg_err cover_collect(void *ctx, size_t block, const void *data, size_t n)
{
    cover_run *r = ctx;
    return isg_world_unpack(&r->worlds, data, n, &r->result[block]);
}

/* All worlds of a case on all cores; the same counts on any number of them. */
static void cover(const cover_case *c, uint64_t seed, size_t sets, size_t refits, cover_result *out)
{
    static cover_design d;
    isg_noise *noise = NULL;
    isg_place best = {.var = {0}};
    cover_run r = {.result = calloc(sets, sizeof *r.result)};
    const isg_blocks blocks = {
        .n = sets, .compute = cover_compute, .collect = cover_collect, .ctx = &r};
    size_t least = 0;

    CHECK(r.result != NULL);
    if (!r.result) return;
    cover_fill(c, &d);
    CHECK_OK(isg_noise_planned(&c->noise, d.clean, d.n, d.run, d.n_runs, &noise));
    for (size_t i = 1; i < d.n; i++) least = d.clean[i] < d.clean[least] ? i : least;
    best.var[0] = d.size[least];
    best.var[1] = d.data[least];
    r.worlds = (isg_worlds){
        .fit = isg_fit_defaults(),
        .design = {.n = d.n, .var = {d.size, d.data}},
        .clean = d.clean,
        .noise = noise,
        .way = {{.cluster = c->rows ? d.row : d.run, .n_clusters = c->rows ? d.n : d.n_runs}},
        .n_ways = 1,
        .replicates = refits,
        .level = 0.95,
        .place = &best,
        .n_places = 1,
        .seed = seed};
    r.worlds.fit.cold_starts = 0; /* the scan's eight starts are enough and forty times faster */
    CHECK_OK(isg_run_blocks(NULL, &blocks, 0));
    isg_worlds_truth(&r.worlds, cover_truth, out->truth);
    if (fabs(c->bend) > 0) {
        CHECK_OK(isg_worlds_pseudo_truth(&r.worlds, 500, out->truth));
        out->truth[7] = d.clean[least];
    }
    CHECK_OK(isg_worlds_count(&r.worlds, r.result, sets, out->truth, out->number, &out->good));
    isg_noise_destroy(&noise);
    free(r.result);
}

#endif
