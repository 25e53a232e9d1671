/* Every table of kernels keeps the same promises: agreement with plain double precision. */

#include "check.h"
#include "train/reference.h"
#include "train_support.h"

#include <string.h>

static isg_rng rng;

enum epilogue { PLAIN, GELU, BY, EPILOGUES };

struct product {
    size_t m, n, k;
    bool transposed, from, bias, start, sums;
    enum epilogue then;
};

/* What one element of c and of slope should be. */
static double element(const isg_gemm *g, size_t i, size_t j, double *slope)
{
    double sum = (g->from ? (double)g->from[i * g->ldc + j] : 0) +
                 (g->bias ? (double)g->bias[j] : 0) + (g->start ? (double)g->start[i] : 0);
    for (size_t p = 0; p < g->k; p++) {
        sum += (double)g->a[g->a_transposed ? p * g->lda + i : i * g->lda + p] *
               (double)g->b[p * g->ldb + j];
    }
    if (g->by) sum *= (double)g->by[i * g->ldby + j];
    *slope = isg_reference_gelu_slope(sum);
    return g->slope ? isg_reference_gelu(sum) : sum;
}

static void check_gemm(const isg_kernels *k, const struct product *x)
{
    const size_t m = x->m, n = x->n;
    const size_t lda = (x->transposed ? m : x->k) + 16, ldb = n + 16, ldc = n + 32, ldby = n + 48;
    float *a = random_floats(&rng, (x->transposed ? x->k : m) * lda, 1),
          *b = random_floats(&rng, x->k * ldb, 1 / sqrt((double)x->k)),
          *c = random_floats(&rng, m * ldc, 1), *from = random_floats(&rng, m * ldc, 1),
          *slope = random_floats(&rng, m * ldc, 1), *by = random_floats(&rng, m * ldby, 1),
          *bias = random_floats(&rng, n, 1), *start = random_floats(&rng, m, 1),
          *sums = random_floats(&rng, n, 1);
    double *C = to_doubles(c, m * ldc), /* what lies between the rows must stay */
        *S = to_doubles(slope, m * ldc), *B = to_doubles(sums, n);
    const isg_gemm g = {.m = m,
                        .n = n,
                        .k = x->k,
                        .a = a,
                        .lda = lda,
                        .a_transposed = x->transposed,
                        .b = b,
                        .ldb = ldb,
                        .c = c,
                        .ldc = ldc,
                        .from = x->from ? from : NULL,
                        .bias = x->bias ? bias : NULL,
                        .start = x->start ? start : NULL,
                        .slope = x->then == GELU ? slope : NULL,
                        .by = x->then == BY ? by : NULL,
                        .ldby = ldby,
                        .b_sums = x->sums ? sums : NULL};

    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double s;
            C[i * ldc + j] = element(&g, i, j, &s);
            if (g.slope) S[i * ldc + j] = s;
        }
    }
    for (size_t p = 0; p < x->k && x->sums; p++) {
        for (size_t j = 0; j < n; j++) B[j] += (double)b[p * ldb + j];
    }
    k->gemm(&g);
    CHECK_NEAR(relative_error(c, C, m * ldc), 0, 2e-6);
    CHECK_NEAR(relative_error(slope, S, m * ldc), 0, 3e-6);
    CHECK_NEAR(relative_error(sums, B, n), 0, 2e-6);
    free(a), free(b), free(c), free(from), free(slope), free(by), free(bias), free(start);
    free(sums), free(C), free(S), free(B);
}

static void test_gemm(const isg_kernels *k)
{
    const size_t size[][3] = {{32, 32, 16},   {32, 128, 32},  {128, 32, 32},  {128, 96, 32},
                              {128, 192, 64}, {16, 16, 16},   {48, 48, 128},  {128, 256, 64},
                              {64, 80, 112},  {96, 112, 400}, {128, 64, 800}, {256, 16, 128}};
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        for (unsigned how = 0; how < 32; how++) {
            const struct product x = {.m = size[i][0],
                                      .n = size[i][1],
                                      .k = size[i][2],
                                      .transposed = how & 1,
                                      .from = how & 2,
                                      .bias = how & 4,
                                      .start = how & 8,
                                      .sums = how & 16,
                                      .then = (enum epilogue)(how % EPILOGUES)};
            check_gemm(k, &x);
        }
    }
}

/* Every edge: all multiples of 16 up to beyond two tiles, with and without packing. */
static void test_gemm_edges(const isg_kernels *k)
{
    for (size_t m = 16; m <= 144; m += 16) {
        for (size_t n = 16; n <= 144; n += 16) {
            const struct product x = {.m = m,
                                      .n = n,
                                      .k = 16 + (m + n) % 48,
                                      .transposed = (m + n) / 16 % 2,
                                      .from = n / 16 % 2,
                                      .then = (enum epilogue)(m / 16 % EPILOGUES)};
            check_gemm(k, &x);
        }
    }
}

/* An element depends on its row and its column alone: parts give the bits of the whole. */
static void test_gemm_parts(const isg_kernels *k)
{
    enum { M = 160, N = 144, K = 400 };
    float *a = random_floats(&rng, M * K, 1), *b = random_floats(&rng, K * N, 1),
          *whole = random_floats(&rng, M * N, 1), *parts = random_floats(&rng, M * N, 1),
          *slope = random_floats(&rng, M * N, 1);
    isg_gemm g = {.m = M, .n = N, .k = K, .a = a, .lda = K, .b = b, .ldb = N, .ldc = N};
    g.c = whole;
    g.slope = slope;
    k->gemm(&g);
    for (size_t m = 0; m < M; m += 80) {
        for (size_t n = 0; n < N; n += 48) {
            isg_gemm part = g;
            part.m = 80, part.n = 48;
            part.a = a + m * K, part.b = b + n;
            part.c = parts + m * N + n, part.slope = slope + m * N + n;
            k->gemm(&part);
        }
    }
    CHECK(memcmp(whole, parts, M * N * sizeof *whole) == 0);
    free(a), free(b), free(whole), free(parts), free(slope);
}

static void test_transpose(const isg_kernels *k)
{
    float *a = random_floats(&rng, 48 * 80, 1), *b = random_floats(&rng, 48 * 80, 1);
    size_t wrong = 0;
    k->transpose(b, 48, a, 80, 48, 80);
    for (size_t i = 0; i < 48; i++) {
        for (size_t j = 0; j < 80; j++)
            wrong += b[j * 48 + i] < a[i * 80 + j] || b[j * 48 + i] > a[i * 80 + j];
    }
    CHECK_EQ_U64(wrong, 0);
    free(a), free(b);
}

static void test_norm(const isg_kernels *k)
{
    for (size_t d = 16; d <= 400; d += 48) {
        const size_t rows = 32;
        float *x = random_floats(&rng, rows * d, 3), *gain = random_floats(&rng, d, 1),
              *bias = random_floats(&rng, d, 1);
        float *y = random_floats(&rng, rows * d, 1), *stat = random_floats(&rng, rows * 2, 1);
        for (size_t i = 0; i < rows * d; i++)
            x[i] += 50; /* a mean far from zero must not cost digits */
        double *X = to_doubles(x, rows * d), *G = to_doubles(gain, d), *B = to_doubles(bias, d),
               *Y = to_doubles(y, rows * d);
        k->norm(y, stat, x, gain, bias, rows, d);
        isg_reference_norm(Y, X, G, B, rows, d);
        CHECK_NEAR(relative_error(y, Y, rows * d), 0, 1e-5);
        free(x), free(gain), free(bias), free(y), free(stat), free(X), free(G), free(B), free(Y);
    }
}

/* gelu is what follows a product; with a = (0 ... x 0 ...), b = 1 it is seen by itself. */
static void gelu(const isg_kernels *k, float *y, float *slope, const float *x, size_t n)
{
    float *zero = calloc(16 * n, sizeof *zero);
    k->gemm(&(isg_gemm){.m = 16,
                        .n = n,
                        .k = 16,
                        .a = zero,
                        .lda = 16,
                        .b = zero,
                        .ldb = n,
                        .c = y,
                        .ldc = n,
                        .bias = x,
                        .slope = slope});
    free(zero);
}

static void test_gelu(const isg_kernels *k)
{
    enum { N = 4096 };
    float *x = random_floats(&rng, N, 1), *y = random_floats(&rng, 16 * N, 1),
          *slope = random_floats(&rng, 16 * N, 1);
    double worst = 0, worst_slope = 0;
    for (size_t i = 0; i < N; i++) x[i] = ((float)i - N / 2) * 0.01F; /* -20 to 20 */
    gelu(k, y, slope, x, N);
    for (size_t i = 0; i < N; i++) {
        worst = fmax(worst, fabs((double)y[i] - isg_reference_gelu((double)x[i])) /
                                fmax(1, fabs((double)x[i])));
        worst_slope =
            fmax(worst_slope, fabs((double)slope[i] - isg_reference_gelu_slope((double)x[i])));
    }
    CHECK_NEAR(worst, 0, 1e-6);
    CHECK_NEAR(worst_slope, 0, 3e-6);
    for (size_t i = 0; i < N; i++) x[i] = ((float)i - N / 2) * 1e6F; /* far out */
    gelu(k, y, slope, x, N);
    size_t wrong = 0;
    for (size_t i = 0; i < N; i++)
        wrong += (size_t)(!(fabsf(y[i] - fmaxf(x[i], 0)) < 1e-9F) || !isfinite(slope[i]));
    CHECK_EQ_U64(wrong, 0);
    x[5] = NAN;
    gelu(k, y, slope, x, N);
    CHECK(isnan(y[5]) && isnan(slope[5])); /* divergence must stay visible */
    free(x), free(y), free(slope);
}

struct heads {
    size_t T, H, width, d, sequences;
    float *qkv, *out, *stat, *e, *dout, *dqkv, *scratch;
};

static struct heads make_heads(size_t T, size_t H, size_t width)
{
    struct heads h = {T, H, width, .d = H * width, .sequences = 2};
    const size_t rows = h.sequences * T;
    h.qkv = random_floats(&rng, rows * 3 * h.d, 1.5);
    h.out = random_floats(&rng, rows * h.d, 1);
    h.dout = random_floats(&rng, rows * h.d, 1);
    h.dqkv = random_floats(&rng, rows * 3 * h.d, 1);
    h.stat = random_floats(&rng, rows * H * 2, 1);
    h.e = random_floats(&rng, h.sequences * H * isg_attention_stored(T) + 16, 1);
    h.scratch = random_floats(&rng, isg_attention_scratch(T, width), 1);
    return h;
}

static void free_heads(struct heads *h)
{
    free(h->qkv), free(h->out), free(h->stat), free(h->e);
    free(h->dout), free(h->dqkv), free(h->scratch);
}

static void run_heads(const isg_kernels *k, const struct heads *h, size_t first, size_t units)
{
    const isg_attention s = {h->T, h->H, h->width, first, units, h->scratch};
    k->attend(&s, h->out, h->stat, h->e, h->qkv);
    k->attend_back(&s, h->dqkv, h->dout, h->out, h->stat, h->e, h->qkv);
}

/* Every head width, one block and ragged tiles, with the weights kept and made again. */
static void test_attend(const isg_kernels *k)
{
    const size_t cases[][3] = {{32, 1, 16},  {128, 2, 32}, {96, 3, 16},  {64, 2, 64}, {160, 1, 48},
                               {256, 1, 32}, {288, 2, 16}, {416, 1, 48}, {512, 1, 32}}; /* T H w */
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct heads h = make_heads(cases[c][0], cases[c][1], cases[c][2]);
        const size_t T = h.T, d = h.d;
        double *QKV = to_doubles(h.qkv, 2 * T * 3 * d), *O = to_doubles(h.out, 2 * T * d),
               *G = to_doubles(h.dout, 2 * T * d), *DQKV = to_doubles(h.dqkv, 2 * T * 3 * d),
               *P = calloc(h.H * T * T, sizeof *P);
        run_heads(k, &h, 0, 2 * h.H);
        for (size_t s = 0; s < 2; s++) {
            const size_t at = s * T * d;
            isg_reference_attend(O + at, P, QKV + 3 * at, T, h.H, h.width);
            isg_reference_attend_back(DQKV + 3 * at, G + at, P, QKV + 3 * at, T, h.H, h.width);
        }
        CHECK_NEAR(relative_error(h.out, O, 2 * T * d), 0, 3e-6);
        CHECK_NEAR(relative_error(h.dqkv, DQKV, 2 * T * 3 * d), 0, 5e-6);

        float *kept = h.dqkv; /* one head at a time, in another order: the same bits */
        h.dqkv = random_floats(&rng, 2 * T * 3 * d, 1);
        for (size_t u = 2 * h.H; u-- > 0;) run_heads(k, &h, u, 1);
        CHECK(memcmp(kept, h.dqkv, 2 * T * 3 * d * sizeof *kept) == 0);
        free(kept), free_heads(&h), free(QKV), free(O), free(G), free(DQKV), free(P);
    }
}

/* What is no number, and what becomes none when it is squared or added up. */
static const float bad_values[] = {NAN, INFINITY, -INFINITY, 3e38F};
enum { BAD_VALUES = sizeof bad_values / sizeof *bad_values };

static size_t not_finite(const float *x, size_t n)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) bad += (size_t)!isfinite(x[i]);
    return bad;
}

/* A number that is none reaches what follows from it, however attention is cut. */
static void test_attend_bad(const isg_kernels *k)
{
    for (size_t T = 128; T <= 384; T += 256) {
        for (size_t part = 0; part < 4; part++) { /* q, k, v, gradient */
            for (size_t i = 0; i < 3; i++) {
                struct heads h = make_heads(T, 1, 32);
                float *in = h.qkv + T / 2 * 3 * h.d + part * h.d, *back = h.dout + T / 2 * h.d;
                *(part < 3 ? in + 5 : back + 5) = bad_values[i];
                run_heads(k, &h, 0, 1);
                CHECK(not_finite(h.dqkv, T * 3 * h.d) > 0);
                CHECK(part == 3 || not_finite(h.out, T * h.d) > 0);
                free_heads(&h);
            }
        }
    }
}

/* One bad element of each argument of a product, with every epilogue: its row or column is bad. */
static void test_gemm_bad(const isg_kernels *k)
{
    enum { M = 32, N = 48, K = 400, AT = 7 };
    for (unsigned how = 0; how < 6 * EPILOGUES * BAD_VALUES; how++) {
        const float bad = bad_values[how % BAD_VALUES];
        const unsigned then = how / BAD_VALUES % EPILOGUES, which = how / BAD_VALUES / EPILOGUES;
        float *x[6], *c = random_floats(&rng, M * N, 1), *slope = random_floats(&rng, M * N, 1),
                     *sums = random_floats(&rng, N, 1);
        const size_t size[6] = {M * K, K * N, M * N, N, M, M * N};
        for (size_t i = 0; i < 6; i++) x[i] = random_floats(&rng, size[i], 3);
        for (size_t i = 0; i < 6 && bad > 1; i++) { /* of one sign, so that 3e38 is too much */
            for (size_t j = 0; j < size[i]; j++) x[i][j] = 2 + fabsf(x[i][j]);
        }
        x[which][AT] = bad;
        k->gemm(&(isg_gemm){.m = M,
                            .n = N,
                            .k = K,
                            .a = x[0],
                            .lda = K,
                            .b = x[1],
                            .ldb = N,
                            .c = c,
                            .ldc = N,
                            .from = x[2],
                            .bias = x[3],
                            .start = x[4],
                            .slope = then == GELU ? slope : NULL,
                            .by = then == BY ? x[5] : NULL,
                            .ldby = N,
                            .b_sums = sums});
        const bool in_sum = isfinite(bad) && (which == 2 || which == 3 || which == 4);
        const bool used = (which < 5 || then == BY) && !in_sum; /* 3e38 + x is a number */
        const size_t n = not_finite(c, M * N);
        CHECK(used ? n > 0 : in_sum || n == 0);
        CHECK(then != GELU || !used || not_finite(slope, M * N) > 0 || bad > 1);
        CHECK_EQ_U64(not_finite(sums, N) > 0, which == 1 && !isfinite(bad));
        for (size_t i = 0; i < 6; i++) free(x[i]);
        free(c), free(slope), free(sums);
    }
}

/* Through a norm and back: 3e38 squared is infinite, and 1 over that must not pass for 0. */
static void test_norm_bad(const isg_kernels *k)
{
    enum { ROWS = 16, D = 48, N = ROWS * D, AT = 5 * D + 7 };
    for (unsigned how = 0; how < 3 * BAD_VALUES; how++) { /* x, gain, dy */
        const float bad = bad_values[how % BAD_VALUES];
        const unsigned which = how / BAD_VALUES;
        float *x = random_floats(&rng, N, 3), *gain = random_floats(&rng, D, 1),
              *bias = random_floats(&rng, D, 1), *y = random_floats(&rng, N, 1),
              *dy = random_floats(&rng, N, 1), *dx = random_floats(&rng, N, 1),
              *dgain = random_floats(&rng, D, 1), *dbias = random_floats(&rng, D, 1),
              *stat = random_floats(&rng, ROWS * 2, 1);
        float *const at[] = {x + AT, gain + AT % D, dy + AT};
        *at[which] = bad;
        k->norm(y, stat, x, gain, bias, ROWS, D);
        k->norm_back(dx, false, dy, x, stat, gain, ROWS, D);
        k->norm_sums(dgain, dbias, dy, x, stat, ROWS, D, D);
        if (which != 1) CHECK_EQ_U64(not_finite(y + 4 * D, D), 0); /* the row before is as it was */
        if (which == 0) CHECK_EQ_U64(not_finite(y + 5 * D, D), D);
        if (which == 0) CHECK_EQ_U64(not_finite(dx + 5 * D, D), D);
        if (which == 0) CHECK_EQ_U64(not_finite(dgain, D), D);
        if (which == 1 && !isfinite(bad)) CHECK(not_finite(y, N) >= ROWS && not_finite(dx, N) > 0);
        if (which == 2 && !isfinite(bad))
            CHECK(not_finite(dx, N) > 0 && not_finite(dgain, D) > 0 && not_finite(dbias, D) == 1);
        free(x), free(gain), free(bias), free(y), free(dy), free(dx), free(dgain), free(dbias);
        free(stat);
    }
}

/* What only adds and copies hands it on: embedding, its gradient, turning over; and the norm of a
 * gradient, which says that a run has diverged. */
static void test_moved_bad(const isg_kernels *k)
{
    enum { D = 32, T = 32, AT = 3 * D + 9 };
    uint8_t token[T];
    for (size_t i = 0; i < T; i++) token[i] = (uint8_t)i;
    for (size_t i = 0; i < BAD_VALUES; i++) {
        float *wte = random_floats(&rng, ISG_VOCAB * D, 1), *wpe = random_floats(&rng, T * D, 1),
              *x = random_floats(&rng, T * D, 1), *y = random_floats(&rng, T * D, 1);
        const bool sum_is_bad = !isfinite(bad_values[i]);
        wte[AT] = bad_values[i];
        k->embed(x, wte, wpe, token, T, T, D);
        CHECK_EQ_U64(not_finite(x, T * D), sum_is_bad);
        wte[AT] = 0;
        x[AT] = bad_values[i];
        k->embed_back(wte, wpe, x, token, T, T, D, D);
        CHECK_EQ_U64(not_finite(wte, T * D) + not_finite(wpe, T * D), 2 * (size_t)sum_is_bad);
        k->transpose(y, T, x, D, T, D);
        CHECK(memcmp(&y[AT % D * T + AT / D], &x[AT], sizeof *x) == 0);
        CHECK(!isfinite(k->sum_squares(x, T * D)));
        free(wte), free(wpe), free(x), free(y);
    }
}

static void test_xent(const isg_kernels *k)
{
    enum { ROWS = 32, N = ROWS * ISG_VOCAB };
    float *z = random_floats(&rng, N, 4), nats[ROWS];
    double *Z = to_doubles(z, N);
    uint8_t target[ROWS];
    for (size_t r = 0; r < ROWS; r++) target[r] = (uint8_t)isg_rng_below(&rng, ISG_VOCAB);
    z[7 * ISG_VOCAB] = 60; /* one certain row */
    Z[7 * ISG_VOCAB] = 60;
    target[7] = 0;
    k->xent(nats, z, target, ROWS);
    k->xent_back(z, target, ROWS, 0.25F);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0, *row = Z + r * ISG_VOCAB, chosen = row[target[r]];
        for (size_t i = 0; i < ISG_VOCAB; i++) sum += exp(row[i]);
        CHECK_NEAR((double)nats[r], log(sum) - chosen, 3e-7);
        for (size_t i = 0; i < ISG_VOCAB; i++)
            row[i] = 0.25 * (exp(row[i]) / sum - (i == target[r]));
    }
    CHECK_NEAR(relative_error(z, Z, N), 0, 2e-6);
    free(z), free(Z);
}

static void test_xent_bad(const isg_kernels *k)
{
    enum { ROWS = 3, N = ROWS * ISG_VOCAB };
    const uint8_t target[ROWS] = {1, 2, 3};
    for (size_t i = 0; i < 3; i++) { /* 3e38 is a logit like any other: the loss is as large */
        for (size_t at = 0; at < ISG_VOCAB; at += 85) { /* 0, 85, 170, 255 */
            float *z = random_floats(&rng, N, 4), nats[ROWS];
            z[ISG_VOCAB + at] = bad_values[i];
            k->xent(nats, z, target, ROWS);
            k->xent_back(z, target, ROWS, 0.25F);
            CHECK(isfinite(nats[0]) && !isfinite(nats[1]) && isfinite(nats[2]));
            CHECK(not_finite(z, ISG_VOCAB) == 0 && not_finite(z + ISG_VOCAB, ISG_VOCAB) > 0);
            free(z);
        }
    }
}

static void test_optimiser(const isg_kernels *k)
{
    enum { N = 160 };
    const isg_adamw a = {.lr = 0.01F,
                         .beta1 = 0.9F,
                         .beta2 = 0.95F,
                         .decay = 0.1F,
                         .eps = 1e-8F,
                         .grad_scale = 0.5F,
                         .m_scale = 1.7F,
                         .v_scale = 2.5F};
    float *p = random_floats(&rng, N, 1), *m = random_floats(&rng, N, 1),
          *v = random_floats(&rng, N, 1);
    float *g = random_floats(&rng, N, 1);
    for (size_t i = 0; i < N; i++) v[i] *= v[i];
    double *P = to_doubles(p, N), *M = to_doubles(m, N), *V = to_doubles(v, N), squares = 0;
    for (size_t i = 0; i < N; i++) {
        double x = 0.5 * (double)g[i];
        squares += (double)g[i] * (double)g[i];
        M[i] = 0.9 * M[i] + 0.1 * x;
        V[i] = 0.95 * V[i] + 0.05 * x * x;
        P[i] -= 0.01 * (M[i] * 1.7 / (sqrt(V[i] * 2.5) + 1e-8) + 0.1 * P[i]);
    }
    CHECK_NEAR(k->sum_squares(g, N) / squares, 1, 1e-6);
    k->adamw(p, m, v, g, N, &a);
    CHECK_NEAR(relative_error(p, P, N), 0, 1e-6);
    CHECK_NEAR(relative_error(m, M, N), 0, 1e-6);
    CHECK_NEAR(relative_error(v, V, N), 0, 1e-6);
    free(p), free(m), free(v), free(g), free(P), free(M), free(V);
}

/* Results too small for a normal number are 0: no kernel pays for subnormal ones. */
static void test_subnormals(const isg_kernels *k)
{
    enum { N = 16 };
    float a[N * N], b[N * N], c[N * N];
    isg_kernels_flush_subnormals();
    for (size_t i = 0; i < sizeof a / sizeof a[0]; i++) a[i] = 1e-25F, b[i] = 1e-15F, c[i] = 1;
    k->gemm(
        &(isg_gemm){.m = N, .n = N, .k = N, .a = a, .lda = N, .b = b, .ldb = N, .c = c, .ldc = N});
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) wrong += c[i] > 0 || c[i] < 0;
    CHECK_EQ_U64(wrong, 0);
}

static void test_table(const isg_kernels *k)
{
    printf("%s\n", k->numerics);
    isg_rng_at(&rng, 1, ISG_RNG_TEST, 0);
    CHECK(isg_kernels_find(k->numerics) == k);
    CHECK(isg_numerics_level(k->numerics) >= 0);
    test_gemm(k);
    test_gemm_edges(k);
    test_gemm_parts(k);
    test_transpose(k);
    test_norm(k);
    test_gelu(k);
    test_attend(k);
    test_attend_bad(k);
    test_gemm_bad(k);
    test_norm_bad(k);
    test_moved_bad(k);
    test_xent(k);
    test_xent_bad(k);
    test_optimiser(k);
    test_subnormals(k);
}

int main(void)
{
    CHECK(for_each_kernels(test_table) >= 1);
    CHECK(isg_kernels_find("avx512-0") == NULL);
    return check_done();
}
