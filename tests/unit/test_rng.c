#include "check.h"
#include "isogloss/rng.h"

/* First outputs of the reference pcg64(42, 54). */
static void test_reference_constants(void)
{
    isg_rng r;
    isg_rng_seed128(&r, 42, 54);
    CHECK_EQ_U64(isg_rng_u64(&r), 0x86b1da1d72062b68ULL);
    CHECK_EQ_U64(isg_rng_u64(&r), 0x1304aa46c9853d39ULL);
    CHECK_EQ_U64(isg_rng_u64(&r), 0xa3670e9e0dd50358ULL);
}

static void test_addresses_differ(void)
{
    isg_rng a, b, c, d;
    isg_rng_at(&a, 1, ISG_RNG_BOOTSTRAP, 0);
    isg_rng_at(&b, 1, ISG_RNG_BOOTSTRAP, 1);
    isg_rng_at(&c, 1, ISG_RNG_STARTS, 0);
    isg_rng_at(&d, 2, ISG_RNG_BOOTSTRAP, 0);
    uint64_t x = isg_rng_u64(&a);
    CHECK(x != isg_rng_u64(&b));
    CHECK(x != isg_rng_u64(&c));
    CHECK(x != isg_rng_u64(&d));
    isg_rng_at(&a, 1, ISG_RNG_BOOTSTRAP, 0);
    CHECK_EQ_U64(isg_rng_u64(&a), x);
}

/* Neighbouring addresses must look independent: correlation of 4096 pairs is
 * N(0, 1/64^2); 5 sigma has a false alarm rate below 1e-6. */
static void test_neighbours_uncorrelated(void)
{
    isg_rng a, b;
    double sum = 0;
    isg_rng_at(&a, 7, ISG_RNG_TEST, 100);
    isg_rng_at(&b, 7, ISG_RNG_TEST, 101);
    for (int i = 0; i < 4096; i++)
        sum += (isg_rng_double(&a) - 0.5) * (isg_rng_double(&b) - 0.5) * 12;
    CHECK(fabs(sum / 64) < 5);
}

static void test_ranges(void)
{
    isg_rng r;
    unsigned count[7] = {0};
    double sum = 0, square = 0;
    isg_rng_at(&r, 3, ISG_RNG_TEST, 0);
    for (int i = 0; i < 70000; i++) count[isg_rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++) CHECK(count[i] > 9500 && count[i] < 10500); /* 5.4 sigma */
    CHECK_EQ_U64(isg_rng_below(&r, 1), 0);
    for (int i = 0; i < 100000; i++) {
        double z = isg_rng_normal(&r);
        sum += z;
        square += z * z;
    }
    CHECK(fabs(sum / sqrt(1e5)) < 5);
    CHECK(fabs(square / 1e5 - 1) < 5 * sqrt(2 / 1e5));
}

int main(void)
{
    test_reference_constants();
    test_addresses_differ();
    test_neighbours_uncorrelated();
    test_ranges();
    return check_done();
}
