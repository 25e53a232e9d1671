/* Blocks on threads of one process: every block once, failures with their message, the same bytes.
 */

#include "check.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"
#include "isogloss/run.h"

#include <stdlib.h>

enum { N = 2000 };

typedef struct sums {
    uint64_t value[N];
    unsigned times[N];
    size_t seen, bad; /* bad: the block that fails, or N */
    bool odd;         /* odd blocks were collected before */
} sums;

static isg_err compute(void *ctx, size_t block, void *out, size_t cap, size_t *used)
{
    const sums *s = ctx;
    isg_rng rng;
    uint64_t sum = 0;
    if (block == s->bad) return ISG_FAIL(ISG_EDATA, "block %zu says no", block);
    isg_rng_at(&rng, 1, ISG_RNG_TEST, block);
    for (int i = 0; i < 100; i++) sum += isg_rng_u64(&rng);
    *used = sizeof sum;
    if (cap != ISG_BLOCK_BYTES) return ISG_FAIL(ISG_EFAIL, "room for %zu bytes", cap);
    memcpy(out, &sum, sizeof sum);
    return ISG_OK;
}

static isg_err collect(void *ctx, size_t block, const void *data, size_t n)
{
    sums *s = ctx;
    CHECK(n == sizeof s->value[0]);
    memcpy(&s->value[block], data, n);
    s->times[block]++;
    return ISG_OK;
}

static void progress(void *ctx, size_t done)
{
    sums *s = ctx;
    s->seen = done;
}

static bool have(void *ctx, size_t block)
{
    const sums *s = ctx;
    return s->odd && block % 2;
}

static bool every(void *ctx, size_t block)
{
    (void)ctx;
    return block < N;
}

/* Blocks that are there already are not computed, be it some or all of them. */
static void test_have(void)
{
    sums *s = calloc(1, sizeof *s);
    isg_blocks blocks = {.n = N, .compute = compute, .collect = collect, .have = have, .ctx = s};
    s->bad = 77; /* is there already */
    s->odd = true;
    CHECK_OK(isg_run_blocks(NULL, &blocks, 2));
    for (size_t b = 0; b < N; b++) CHECK(s->times[b] == (b % 2 == 0));
    blocks.have = every;
    CHECK_OK(isg_run_blocks(NULL, &blocks, 2));
    for (size_t b = 0; b < N; b++) CHECK(s->times[b] == (b % 2 == 0));
    free(s);
}

static sums *run(size_t threads, size_t bad, isg_err want, const char *part)
{
    sums *s = calloc(1, sizeof *s);
    isg_blocks blocks = {
        .n = N, .compute = compute, .collect = collect, .progress = progress, .ctx = s};
    s->bad = bad;
    if (want)
        CHECK_FAILS(isg_run_blocks(NULL, &blocks, threads), want, part);
    else
        CHECK_OK(isg_run_blocks(NULL, &blocks, threads));
    return s;
}

int main(void)
{
    double t0 = isg_time_mono();
    sums *one = run(1, N, ISG_OK, ""), *four = run(4, N, ISG_OK, "");
    printf("%d blocks in %.3f s\n", 2 * N, isg_time_mono() - t0);
    for (size_t b = 0; b < N; b++) CHECK(one->times[b] == 1 && four->times[b] == 1);
    CHECK(!memcmp(one->value, four->value, sizeof one->value));
    CHECK_EQ_U64(four->seen, N);
    sums *bad = run(3, 77, ISG_EDATA, "block 77 says no");
    for (size_t b = 0; b < N; b++) CHECK(bad->times[b] == (b != 77));
    test_have();
    isg_blocks none = {.n = 0};
    CHECK_OK(isg_run_blocks(NULL, &none, 1));
    free(one);
    free(four);
    free(bad);
    return check_done();
}
