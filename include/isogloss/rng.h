#ifndef ISOGLOSS_RNG_H
#define ISOGLOSS_RNG_H

/**
 * PCG64 (XSL-RR 128/64, O'Neill 2014) with addressed streams.
 *
 * A stream is addressed by seed x purpose x index, never by rank, order or
 * time: replicate b draws the same numbers wherever it runs. The generator
 * equals `pcg64(seed, stream)` of the reference implementation.
 */

#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 isg_u128; /* gcc and clang on 64-bit machines */

typedef struct isg_rng {
    isg_u128 state;
    isg_u128 inc;
} isg_rng;

/* Purposes have a tag of their own, so that more restarts do not change the
 * resamples. Values are part of every result: never renumber. */
typedef enum isg_rng_purpose {
    ISG_RNG_BOOTSTRAP = 1,   /**< index: replicate */
    ISG_RNG_STARTS = 2,      /**< index: start */
    ISG_RNG_INIT = 3,        /**< model initialisation; index: 0 */
    ISG_RNG_ORDER = 4,       /**< order of training data; index: stream */
    ISG_RNG_SUBSET = 5,      /**< choice of unique bytes; index: language hash */
    ISG_RNG_NOISE_RUN = 6,   /**< synthetic trainer, run-level; index: evaluation */
    ISG_RNG_NOISE_POINT = 7, /**< synthetic trainer, point-level; index: point */
    ISG_RNG_SIMULATE = 8,    /**< simulated data sets in tests and studies */
    ISG_RNG_SPLIT = 20,      /**< random hold-outs; index: repeat */
    ISG_RNG_HOLDOUT = 21,    /**< resamples of held-out clusters; index: replicate */
    ISG_RNG_TEST = 99
} isg_rng_purpose;

/** `pcg64(seed, stream)` of the reference: 128-bit state and stream. */
void isg_rng_seed128(isg_rng *r, isg_u128 seed, isg_u128 stream);

/** The stream of (seed, purpose, index): SplitMix64 fills state and stream. */
void isg_rng_at(isg_rng *r, uint64_t seed, isg_rng_purpose purpose, uint64_t index);

/** 64 random bits. */
uint64_t isg_rng_u64(isg_rng *r);

/** Uniform in [0, n), exact (Lemire with rejection); n >= 1. */
uint64_t isg_rng_below(isg_rng *r, uint64_t n);

/** Uniform in [0, 1): 53 bits. */
double isg_rng_double(isg_rng *r);

/** Standard normal, by inversion-free polar rejection on this stream. */
double isg_rng_normal(isg_rng *r);

/** SplitMix64 finaliser: a good 64-bit mixing function. */
uint64_t isg_mix64(uint64_t x);

#endif
