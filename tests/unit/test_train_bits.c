/* Same bits: the same steps twice, after a stop, and against numbers pinned for every compiler. */

#include "check.h"
#include "isogloss/hash.h"
#include "train/optimiser.h"
#include "train/schedule.h"
#include "train_support.h"

#include <string.h>

enum { CONTEXT = 64, BATCH = 4 * CONTEXT, LONG = 544 };

/* Words of a made-up language: enough order to learn from. */
static void make_text(uint8_t *text, size_t n, uint64_t index)
{
    static const char *const words[] = {"lumo ", "tari ", "seket ", "ondu ",
                                        "ra ",   "vi ",   "melon ", "aksa "};
    isg_rng r;
    isg_rng_at(&r, 9, ISG_RNG_TEST, index);
    for (size_t at = 0; at < n;) {
        const char *word = words[isg_rng_below(&r, 8)];
        for (; *word && at < n; word++) text[at++] = (uint8_t)*word;
    }
}

static isg_job settings(isg_net_shape shape)
{
    return (isg_job){.shape = shape,
                     .batch = BATCH,
                     .beta1 = 0.9,
                     .beta2 = 0.95,
                     .weight_decay = 0.1,
                     .clip = 1};
}

static void train_step(isg_net *net, isg_optimiser *o, const isg_job *job, const uint8_t *text,
                       size_t bytes, double lr)
{
    const size_t micro = isg_net_micro(net), T = job->shape.context;
    isg_net_zero_grads(net);
    for (size_t at = 0; at < bytes; at += micro * T) {
        isg_net_forward(net, text + at, micro);
        isg_net_backward(net, text + at, text + at + 1, micro, 1 / (float)bytes);
    }
    CHECK(isg_optimiser_step(o, net, job, lr));
}

static double bits_per_byte(isg_net *net, const uint8_t *text, size_t sequences)
{
    float nats[512];
    double sum = 0;
    const size_t rows = sequences * isg_net_shape_of(net)->context;
    isg_net_forward(net, text, sequences);
    isg_net_nats(net, text + 1, sequences, nats);
    for (size_t r = 0; r < rows; r++) sum += (double)nats[r];
    return sum / (double)rows / 0.69314718055994531;
}

/* CRC of the weights after a few steps from one seed. */
static uint32_t weights_after_steps(const isg_kernels *k, isg_net_shape shape)
{
    const isg_job job = settings(shape);
    const size_t bytes = shape.context > BATCH ? shape.context : BATCH;
    uint8_t text[LONG + 1];
    isg_net *net;
    isg_optimiser o;
    CHECK_OK(isg_net_create(&shape, k, &net));
    CHECK_OK(isg_optimiser_open(net, &o));
    isg_net_init(net, 11);
    for (uint64_t i = 0; i < 5; i++) {
        make_text(text, bytes + 1, i);
        train_step(net, &o, &job, text, bytes, 0.01);
    }
    uint32_t crc = isg_crc32c(0, isg_net_weights(net), isg_net_params(&shape) * sizeof(float));
    isg_optimiser_close(&o);
    isg_net_destroy(&net);
    return crc;
}

/* If these change, a kernel change altered results: raise ISG_KERNEL_VERSION, then pin anew. */
static void test_pinned(const isg_kernels *k)
{
    static const struct {
        const char *numerics;
        uint32_t narrow, wide, longest;
    } pinned[] = {{"avx512-2", 0x0f007ca5, 0x445edd23, 0x3e57684f},
                  {"avx2-2", 0xbc183560, 0x36d388da, 0x20d79c7a},
                  {"generic-2", 0x4719a040, 0x6466a5a1, 0xb036b9d3}};
    const isg_net_shape narrow = {2, 32, 1, CONTEXT}, wide = {1, 112, 7, CONTEXT},
                        longest = {1, 32, 2, LONG};
    size_t i = 0;
    while (i < sizeof pinned / sizeof pinned[0] && strcmp(pinned[i].numerics, k->numerics)) i++;
    CHECK(i < sizeof pinned / sizeof pinned[0]);
    uint32_t a = weights_after_steps(k, narrow), b = weights_after_steps(k, wide),
             c = weights_after_steps(k, longest);
    printf("%s: 0x%08x, 0x%08x, 0x%08x\n", k->numerics, a, b, c);
    CHECK_EQ_U64(a, pinned[i].narrow);
    CHECK_EQ_U64(b, pinned[i].wide);
    CHECK_EQ_U64(c, pinned[i].longest);
    CHECK_EQ_U64(weights_after_steps(k, narrow), a);
}

static void test_untrained(const isg_kernels *k)
{
    const char *const shapes[] = {"p0", "p3", "p5"};
    uint8_t text[2 * 128 + 1];
    make_text(text, sizeof text, 0);
    for (size_t i = 0; i < 3; i++) {
        isg_net_shape shape;
        isg_net *net;
        CHECK_OK(isg_net_shape_named(shapes[i], &shape));
        CHECK_OK(isg_net_create(&shape, k, &net));
        isg_net_init(net, 3);
        /* ln 256 is 8 bits; logits spread 0.3 to either side add half their variance. */
        CHECK_NEAR(bits_per_byte(net, text, 1), 8, 0.03);
        isg_net_destroy(&net);
    }
}

static void test_overfit(const isg_kernels *k)
{
    static const char line[] = "In the beginning was the word, and it had sixty-four bytes only.\n";
    const isg_net_shape shape = {1, 32, 1, CONTEXT};
    const isg_job job = settings(shape);
    isg_net *net;
    isg_optimiser o;
    CHECK_OK(isg_net_create(&shape, k, &net));
    CHECK_OK(isg_optimiser_open(net, &o));
    isg_net_init(net, 1);
    for (int i = 0; i < 300; i++) train_step(net, &o, &job, (const uint8_t *)line, CONTEXT, 0.01);
    CHECK(bits_per_byte(net, (const uint8_t *)line, 1) < 0.05);
    isg_optimiser_close(&o);
    isg_net_destroy(&net);
}

static void test_diverged(const isg_kernels *k)
{
    const isg_net_shape shape = {1, 32, 1, CONTEXT};
    const isg_job job = settings(shape);
    isg_net *net;
    isg_optimiser o;
    CHECK_OK(isg_net_create(&shape, k, &net));
    CHECK_OK(isg_optimiser_open(net, &o));
    isg_net_init(net, 1);
    float before = isg_net_weights(net)[7];
    isg_net_grads(net)[100] = INFINITY;
    CHECK(!isg_optimiser_step(&o, net, &job, 0.01));
    CHECK(o.step == 0 && memcmp(&before, &isg_net_weights(net)[7], sizeof before) == 0);

    isg_optimiser_close(&o);
    isg_net_destroy(&net);
}

/* One bad weight of any tensor reaches the loss and the gradient: the run ends as diverged. */
static void test_bad_weight(const isg_kernels *k)
{
    static const float values[] = {NAN, INFINITY, -INFINITY};
    const isg_net_shape shape = {1, 32, 1, CONTEXT};
    const isg_job job = settings(shape);
    isg_net *net;
    isg_optimiser o;
    float nats[CONTEXT];
    uint8_t text[CONTEXT + 1];
    make_text(text, sizeof text, 0);
    CHECK_OK(isg_net_create(&shape, k, &net));
    CHECK_OK(isg_optimiser_open(net, &o));
    for (size_t i = 0; i < 3 * isg_net_tensors(&shape); i++) {
        const isg_tensor t = isg_net_tensor(&shape, i / 3);
        isg_net_init(net, 1);
        isg_net_weights(net)[t.offset + t.cols / 2] = values[i % 3];
        isg_net_changed(net);
        isg_net_zero_grads(net);
        isg_net_forward(net, text, 1);
        isg_net_nats(net, text + 1, 1, nats);
        isg_net_backward(net, text, text + 1, 1, 1.F / CONTEXT);
        CHECK(!isfinite(nats[CONTEXT - 1]));
        CHECK(!isg_optimiser_step(&o, net, &job, 0.01));
        CHECK_EQ_U64(o.step, 0);
    }
    isg_optimiser_close(&o);
    isg_net_destroy(&net);
}

static void test_schedule(void)
{
    const isg_schedule wsd = {ISG_SCHEDULE_WSD, 2, 50, 0.2, 1000, 1};
    const isg_schedule cosine = {ISG_SCHEDULE_COSINE, 2, 50, 0.2, 1000, 1};
    const isg_schedule constant = {ISG_SCHEDULE_CONSTANT, 2, 50, 0.2, 1000, 1};
    isg_schedule_kind kind;
    CHECK_NEAR(isg_schedule_at(&wsd, 25), 1, 1e-12);
    CHECK_NEAR(isg_schedule_at(&wsd, 500), 2, 0);
    CHECK_NEAR(isg_schedule_at(&wsd, 900), 1, 1e-12);
    CHECK_NEAR(isg_schedule_at(&wsd, 1000), 0, 0);
    CHECK_STR(isg_schedule_state(&wsd, 49), "warmup");
    CHECK_STR(isg_schedule_state(&wsd, 800), "stable");
    CHECK_STR(isg_schedule_state(&wsd, 801), "decay");
    CHECK_STR(isg_schedule_state(&wsd, 1000), "end");
    const isg_schedule stepped = {ISG_SCHEDULE_WSD, 2, 50, 0.2, 1000, 64};
    CHECK_NEAR(isg_schedule_at(&stepped, 768), 2, 0); /* 12 whole steps: 800 is none */
    CHECK_NEAR(isg_schedule_at(&stepped, 884), 1, 1e-12);
    CHECK_STR(isg_schedule_state(&stepped, 769), "decay");
    for (double t = 50; t <= 1000; t += 50) {
        double half = 0.5 * (1 + cos(3.14159265358979324 * (t - 50) / 950));
        CHECK_NEAR(isg_schedule_at(&cosine, t), 2 * (0.1 + 0.9 * half), 1e-12);
    }
    CHECK_STR(isg_schedule_state(&cosine, 1000), "end");
    CHECK_NEAR(isg_schedule_at(&constant, 1000), 2, 0);
    CHECK_STR(isg_schedule_state(&constant, 1000), "stable"); /* never cooled */
    CHECK_NEAR(isg_schedule_default_lr(64, 1024), 0.00390625, 1e-15);
    CHECK_OK(isg_schedule_kind_of("cosine", &kind));
    CHECK(kind == ISG_SCHEDULE_COSINE);
    CHECK_FAILS(isg_schedule_kind_of("linear", &kind), ISG_EINPUT, "schedule is 'linear'");
}

static void test_kernels(const isg_kernels *k)
{
    isg_kernels_flush_subnormals();
    test_pinned(k);
    test_untrained(k);
    test_overfit(k);
    test_diverged(k);
    test_bad_weight(k);
}

int main(void)
{
    test_schedule();
    CHECK(for_each_kernels(test_kernels) >= 1);
    return check_done();
}
