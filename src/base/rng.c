#include "isogloss/rng.h"

#include <math.h>

#define U128(hi, lo) (((isg_u128)(hi) << 64) | (lo))

static const uint64_t MUL_HI = 2549297995355413924ULL;
static const uint64_t MUL_LO = 4865540595714422341ULL;

static void step(isg_rng *r)
{
    r->state = r->state * U128(MUL_HI, MUL_LO) + r->inc;
}

void isg_rng_seed128(isg_rng *r, isg_u128 seed, isg_u128 stream)
{
    r->state = 0;
    r->inc = (stream << 1) | 1;
    step(r);
    r->state += seed;
    step(r);
}

uint64_t isg_mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return x;
}

/* One SplitMix64 output absorbing `word`. */
static uint64_t absorb(uint64_t *s, uint64_t word)
{
    *s = isg_mix64(*s + 0x9e3779b97f4a7c15ULL) ^ word;
    return isg_mix64(*s + 0x9e3779b97f4a7c15ULL);
}

void isg_rng_at(isg_rng *r, uint64_t seed, isg_rng_purpose purpose, uint64_t index)
{
    uint64_t s = 0x69736f676c6f7373ULL; /* "isogloss" */
    uint64_t word[4];

    (void)absorb(&s, seed);
    (void)absorb(&s, (uint64_t)purpose);
    (void)absorb(&s, index);
    for (uint64_t i = 0; i < 4; i++) word[i] = absorb(&s, i);
    /* Set-stream LCGs that share a state are affine images of each other:
     * both the state and the stream come from the address. */
    isg_rng_seed128(r, U128(word[0], word[1]), U128(word[2], word[3]));
}

uint64_t isg_rng_u64(isg_rng *r)
{
    step(r);
    uint64_t hi = (uint64_t)(r->state >> 64), lo = (uint64_t)r->state;
    uint64_t x = hi ^ lo;
    unsigned rot = (unsigned)(hi >> 58);
    return (x >> rot) | (x << ((64 - rot) & 63));
}

uint64_t isg_rng_below(isg_rng *r, uint64_t n)
{
    isg_u128 m = (isg_u128)isg_rng_u64(r) * n;
    if ((uint64_t)m < n) {
        uint64_t threshold = (0 - n) % n;
        while ((uint64_t)m < threshold) m = (isg_u128)isg_rng_u64(r) * n;
    }
    return (uint64_t)(m >> 64);
}

double isg_rng_double(isg_rng *r)
{
    return (double)(isg_rng_u64(r) >> 11) * 0x1p-53;
}

double isg_rng_normal(isg_rng *r)
{
    for (;;) {
        double u = 2 * isg_rng_double(r) - 1, v = 2 * isg_rng_double(r) - 1;
        double s = u * u + v * v;
        if (s > 0 && s < 1) return u * sqrt(-2 * log(s) / s);
    }
}
