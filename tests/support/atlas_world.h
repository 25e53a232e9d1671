#ifndef ISG_TEST_ATLAS_WORLD_H
#define ISG_TEST_ATLAS_WORLD_H

/**
 * Planted ATLAS worlds: the campaign of 774 runs with monolingual, bilingual and multilingual
 * mixtures, seven sizes, 1 to 200 G tokens, so that the smaller languages are read up to 40 times.
 */

#include "isogloss/atlas.h"
#include "isogloss/fit.h"
#include "isogloss/rng.h"

#include <math.h>

enum { WORLD_RUNS = 774, WORLD_TERMS = 5, WORLD_PARAMS = 10 };

typedef struct atlas_world {
    double n[WORLD_RUNS], d[WORLD_TERMS][WORLD_RUNS], u[WORLD_TERMS][WORLD_RUNS], loss[WORLD_RUNS];
} atlas_world;

static const char *const world_source[] = {"ru", "es", "de"};
/** A, B, E, alpha, beta, lambda, tau of ru, es, de, others */
static const double world_truth[WORLD_PARAMS] = {300,  600, 0.7, 0.34, 0.32,
                                                 0.25, 0.5, 0.3, 0.1,  0.03};
static const double world_unique[WORLD_TERMS] = {5e9, 20e9, 2e9, 50e9, 200e9};

static inline double world_power(double x, double y)
{
    return isg_exp(y * isg_ln(x));
}

/** Shares of target, ru, es, de and others in run i: 30 % alone, 40 % in halves, 30 % of 8 mixtures. */
static inline void world_shares(size_t i, double share[WORLD_TERMS])
{
    static const double mixture[8][WORLD_TERMS] = {
        {.1, .15, .05, .2, .5},  {.2, .2, .2, .2, .2},   {.4, .1, .1, .1, .3},
        {.05, .4, .1, .05, .4},  {.3, .05, .3, .05, .3}, {.02, .02, .02, .02, .92},
        {.25, .25, .25, .25, 0}, {.1, 0, .1, .4, .4}};
    for (size_t k = 0; k < WORLD_TERMS; k++) share[k] = 0;
    if (i % 10 < 3) {
        share[0] = 1;
    } else if (i % 10 < 7) {
        share[0] = share[1 + i / 10 % 3] = 0.5;
    } else {
        for (size_t k = 0; k < WORLD_TERMS; k++) share[k] = mixture[(i / 10 + i) % 8][k];
    }
}

/** The design, and losses without noise. @param truth  [WORLD_PARAMS] */
static inline void world_design(const isg_law *law, const double *truth, atlas_world *w)
{
    for (size_t i = 0; i < WORLD_RUNS; i++) {
        double share[WORLD_TERMS], var[ISG_LAW_VARS], u = 0.6180339887498949 * (double)(i + 1);
        double tokens = 1e9 * world_power(200, u - floor(u));

        world_shares(i, share);
        var[0] = w->n[i] = 1e7 * world_power(800, (double)(i % 7) / 6);
        for (size_t k = 0; k < WORLD_TERMS; k++) {
            var[1 + 2 * k] = w->d[k][i] = tokens * share[k];
            var[2 + 2 * k] = w->u[k][i] = world_unique[k];
        }
        w->loss[i] = isg_law_loss(law, truth, var);
    }
}

static inline isg_obs world_obs(const atlas_world *w)
{
    isg_obs obs = {.n = WORLD_RUNS, .loss = w->loss, .var = {w->n}};
    for (size_t k = 0; k < WORLD_TERMS; k++) {
        obs.var[1 + 2 * k] = w->d[k];
        obs.var[2 + 2 * k] = w->u[k];
    }
    return obs;
}

/** Standard normal with the analysis' own log: the same bits everywhere. */
static inline double world_normal(isg_rng *r)
{
    for (;;) {
        double u = 2 * isg_rng_double(r) - 1, v = 2 * isg_rng_double(r) - 1, s = u * u + v * v;
        if (s > 0 && s < 1) return u * sqrt(-2 * isg_ln(s) / s);
    }
}

/** Losses with noise. @param clean  [WORLD_RUNS] */
static inline void world_noise(const double *clean, double sd, uint64_t seed, atlas_world *w)
{
    isg_rng r;
    isg_rng_at(&r, seed, ISG_RNG_SIMULATE, 774);
    for (size_t i = 0; i < WORLD_RUNS; i++) w->loss[i] = clean[i] * isg_exp(sd * world_normal(&r));
}

static inline isg_err world_law(isg_law **out)
{
    const isg_atlas_options o = {.sources = world_source, .n_sources = 3};
    return isg_law_atlas_create(&o, out);
}

#endif
