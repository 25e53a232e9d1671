/* Gradients: the reference against central differences, every kernel table against the reference.
 */

#include "check.h"
#include "isogloss/os.h"
#include "train/net.h"
#include "train/reference.h"
#include "train_support.h"

#include <string.h>

/* Two blocks, two heads, one attention block and more than one of them. */
static const isg_net_shape small = {.layers = 2, .d = 32, .heads = 2, .context = 32};
static const isg_net_shape longer = {.layers = 1, .d = 48, .heads = 3, .context = 96};
static const isg_net_shape wide = {
    .layers = 1, .d = 128, .heads = 4, .context = 64}; /* two sequences at once */
/* Several blocks of keys, pieces of rows, and attention weights that are made again. */
static const isg_net_shape longest = {.layers = 1, .d = 32, .heads = 2, .context = 416};

static uint8_t text[512];

static void make_text(void)
{
    isg_rng r;
    isg_rng_at(&r, 5, ISG_RNG_TEST, 0);
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)isg_rng_below(&r, 256);
}

/* Weights away from their start, so that no gradient is small by design (biases, residual scale).
 */
static double *busy_weights(const isg_net_shape *s)
{
    isg_rng r;
    isg_rng_at(&r, 6, ISG_RNG_TEST, 0);
    size_t n = isg_net_params(s);
    double *w = malloc(n * sizeof *w);
    for (size_t t = 0; t < isg_net_tensors(s); t++) {
        isg_tensor x = isg_net_tensor(s, t);
        double spread = x.rows > 1 ? 1.5 / sqrt((double)s->d) : 0.3;
        for (size_t i = 0; i < x.rows * x.cols; i++) {
            w[x.offset + i] =
                (double)(float)((x.rows > 1 ? 0 : x.start) + spread * isg_rng_normal(&r));
        }
    }
    return w;
}

static double nats_at(const isg_net_shape *s, const double *w)
{
    double nats = 0;
    CHECK_OK(isg_reference_pass(s, w, text, text + 1, &nats, NULL));
    return nats;
}

/* Along a random direction inside one tensor: all its elements take part in one difference. */
static void check_tensor(const isg_net_shape *s, double *w, const double *g, size_t t)
{
    const isg_tensor x = isg_net_tensor(s, t);
    const size_t n = x.rows * x.cols;
    const double h = 1e-5;
    double *kept = malloc(n * sizeof *kept), slope = 0, size = 0;
    signed char *dir = malloc(n);
    isg_rng r;
    isg_rng_at(&r, 7, ISG_RNG_TEST, t);
    memcpy(kept, w + x.offset, n * sizeof *kept);
    for (size_t i = 0; i < n; i++) {
        dir[i] = isg_rng_below(&r, 2) ? 1 : -1;
        slope += dir[i] * g[x.offset + i];
        size += g[x.offset + i] * g[x.offset + i];
    }
    for (size_t i = 0; i < n; i++) w[x.offset + i] = kept[i] + h * dir[i];
    double up = nats_at(s, w);
    for (size_t i = 0; i < n; i++) w[x.offset + i] = kept[i] - h * dir[i];
    double down = nats_at(s, w);
    memcpy(w + x.offset, kept, n * sizeof *kept);
    /* Central difference: truncation h^2, rounding 1e-16 * nats / h = 2e-9. */
    double error = fabs((up - down) / (2 * h) - slope) / sqrt(size);
    if (error > 1e-6) fprintf(stderr, "tensor %zu %s: ", t, x.name);
    CHECK_NEAR(error, 0, 1e-6);
    CHECK(size > 0);
    free(kept), free(dir);
}

static void test_reference(const isg_net_shape *s)
{
    const size_t n = isg_net_params(s);
    double *w = busy_weights(s), *g = calloc(n, sizeof *g), nats;
    CHECK_OK(isg_reference_pass(s, w, text, text + 1, &nats, g));
    for (size_t t = 0; t < isg_net_tensors(s); t++) check_tensor(s, w, g, t);

    /* Single elements, where a direction could hide a swap. */
    isg_rng r;
    isg_rng_at(&r, 8, ISG_RNG_TEST, 0);
    for (int i = 0; i < 40; i++) {
        const size_t at = (size_t)isg_rng_below(&r, n);
        const double h = 1e-5, kept = w[at];
        w[at] = kept + h;
        double up = nats_at(s, w);
        w[at] = kept - h;
        double down = nats_at(s, w);
        w[at] = kept;
        CHECK_NEAR((up - down) / (2 * h), g[at], 1e-6);
    }
    free(w), free(g);
}

static void check_net(const isg_kernels *k, const isg_net_shape *s)
{
    const size_t n = isg_net_params(s), T = s->context;
    const double scale = 1.0 / 64;
    double *w = busy_weights(s), *g = calloc(n, sizeof *g);
    isg_net *net;
    CHECK_OK(isg_net_create(s, k, &net));
    const size_t sequences = isg_net_micro(net);
    float *nats = malloc(sequences * T * sizeof *nats);
    for (size_t i = 0; i < n; i++) isg_net_weights(net)[i] = (float)w[i];
    isg_net_changed(net);
    for (int pass = 0; pass < 2; pass++) { /* gradients add up */
        isg_net_forward(net, text, sequences);
        isg_net_nats(net, text + 1, sequences, nats);
        isg_net_backward(net, text, text + 1, sequences, (float)scale / 2);
    }
    for (size_t q = 0; q < sequences; q++) {
        double wanted, got = 0;
        CHECK_OK(isg_reference_pass(s, w, text + q * T, text + q * T + 1, &wanted, g));
        for (size_t i = 0; i < T; i++) got += (double)nats[q * T + i];
        CHECK_NEAR(got / wanted, 1, 2e-6);
    }
    for (size_t i = 0; i < n; i++) g[i] *= scale;
    for (size_t t = 0; t < isg_net_tensors(s); t++) {
        isg_tensor x = isg_net_tensor(s, t);
        double error = relative_error(isg_net_grads(net) + x.offset, g + x.offset, x.rows * x.cols);
        if (error > 2e-5) fprintf(stderr, "%s tensor %zu %s: ", k->numerics, t, x.name);
        CHECK_NEAR(error, 0, 2e-5);
    }
    isg_net_destroy(&net);
    free(w), free(g), free(nats);
}

static void test_kernels(const isg_kernels *k)
{
    check_net(k, &small);
    check_net(k, &longer);
    check_net(k, &wide);
    check_net(k, &longest);
}

static void test_shapes(void)
{
    isg_net_shape s = {2, 64, 2, 128};
    CHECK_OK(isg_net_shape_check(&s));
    CHECK_NEAR(isg_net_flops(&s), 7.86432e5, 1e-12);
    CHECK_EQ_U64(isg_net_params(&s), 256 * 64 + 128 * 64 + 2 * 64 + 2 * (12 * 64 * 64 + 13 * 64));
    CHECK_OK(isg_net_shape_named("p9", &s));
    CHECK(s.layers == 6 && s.d == 384 && s.heads == 12 && s.context == 128);
    CHECK_OK(isg_net_shape_named("s17@512", &s));
    CHECK(s.layers == 4 && s.d == 112 && s.heads == 7 && s.context == 512);
    CHECK_OK(isg_net_shape_named("16x128x8@2048", &s));
    CHECK(s.layers == 16 && s.d == 128 && s.heads == 8 && s.context == 2048);
    static const char *const none[] = {
        "p10",    "s20",   "",      "p",       "P3",      "2x64",         "2x64x2x1",
        "0x64x2", "2x64x", "x64x2", "-2x64x2", "2x64x2 ", "1234567x64x2", "p3p3p3p3p3p3p3p3p3",
        "@128"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CHECK_FAILS(isg_net_shape_named(none[i], &s), ISG_EUSAGE, "not on the ladder");
    CHECK_FAILS(isg_net_shape_named("p3@", &s), ISG_EUSAGE, "is no context");
    CHECK_FAILS(isg_net_shape_named("p3@12k", &s), ISG_EUSAGE, "is no context");
    CHECK_FAILS(isg_net_shape_named("p3@100", &s), ISG_EINPUT, "context is 100");
    CHECK_FAILS(isg_net_shape_named("65x64x2", &s), ISG_EINPUT, "layers is 65");
    isg_net *net = NULL;
    s = (isg_net_shape){64, 4096, 256, 4096};       /* 1.4 TB and more */
    if (isg_os_memory() < UINT64_C(300000000000)) { /* it wants 328 GB */
        CHECK_FAILS(isg_net_create(&s, isg_kernels_at(0), &net), ISG_ENOMEM,
                    "GB of memory to train");
    }
    CHECK(!net);
    s = (isg_net_shape){2, 64, 2, 128};
    CHECK_FAILS(isg_net_shape_check(&(isg_net_shape){2, 40, 1, 128}), ISG_EINPUT, "d is 40");
    CHECK_FAILS(isg_net_shape_check(&(isg_net_shape){2, 64, 8, 128}), ISG_EINPUT,
                "64 over 8 heads");
    CHECK_FAILS(isg_net_shape_check(&(isg_net_shape){2, 64, 2, 100}), ISG_EINPUT, "context is 100");
    CHECK_FAILS(isg_net_shape_check(&(isg_net_shape){0, 64, 2, 128}), ISG_EINPUT, "layers is 0");
}

int main(void)
{
    make_text();
    test_shapes();
    test_reference(&small);
    test_reference(&longer);
    CHECK(for_each_kernels(test_kernels) >= 1);
    return check_done();
}
