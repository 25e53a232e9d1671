/* Every table of kernels keeps the same promises: agreement with plain double precision. */

#include "check.h"
#include "train/reference.h"
#include "train_support.h"

static isg_rng rng;

static void check_gemm(const isg_kernels *k, size_t m, size_t n, size_t depth, bool transposed,
                       bool from, bool bias)
{
    const size_t lda = (transposed ? m : depth) + 16, ldb = n + 16, ldc = n + 32;
    float *a = random_floats(&rng, (transposed ? depth : m) * lda, 1),
          *b = random_floats(&rng, depth * ldb, 1);
    float *c = random_floats(&rng, m * ldc, 1), *f = random_floats(&rng, m * ldc, 1),
          *v = random_floats(&rng, n, 1);
    double *wanted = to_doubles(c, m * ldc); /* what lies between the rows must stay */

    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = (from ? (double)f[i * ldc + j] : 0) + (bias ? (double)v[j] : 0);
            for (size_t p = 0; p < depth; p++) {
                sum += (double)a[transposed ? p * lda + i : i * lda + p] * (double)b[p * ldb + j];
            }
            wanted[i * ldc + j] = sum;
        }
    }
    k->gemm(&(isg_gemm){.m = m,
                        .n = n,
                        .k = depth,
                        .a = a,
                        .lda = lda,
                        .a_transposed = transposed,
                        .b = b,
                        .ldb = ldb,
                        .c = c,
                        .ldc = ldc,
                        .from = from ? f : NULL,
                        .bias = bias ? v : NULL});
    CHECK_NEAR(relative_error(c, wanted, m * ldc), 0, 2e-6);
    free(a), free(b), free(c), free(f), free(v), free(wanted);
}

static void test_gemm(const isg_kernels *k)
{
    const size_t size[][3] = {{32, 32, 16},   {32, 128, 32},  {128, 32, 32},  {128, 96, 32},
                              {128, 192, 64}, {16, 16, 16},   {48, 48, 128},  {128, 256, 64},
                              {64, 80, 112},  {96, 112, 400}, {128, 64, 800}, {256, 16, 128}};
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        for (int how = 0; how < 8; how++) {
            check_gemm(k, size[i][0], size[i][1], size[i][2], how & 1, how & 2, how & 4);
        }
    }
}

static void test_transpose(const isg_kernels *k)
{
    float *a = random_floats(&rng, 48 * 80, 1), *b = random_floats(&rng, 48 * 80, 1);
    size_t wrong = 0;
    k->transpose(b, a, 48, 80);
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

static void test_gelu(const isg_kernels *k)
{
    enum { N = 4096 };
    float *x = random_floats(&rng, N, 1), *y = random_floats(&rng, N, 1),
          *slope = random_floats(&rng, N, 1);
    double worst = 0, worst_slope = 0;
    for (size_t i = 0; i < N; i++) x[i] = ((float)i - N / 2) * 0.01F; /* -20 to 20 */
    k->gelu(y, slope, x, N);
    for (size_t i = 0; i < N; i++) {
        worst = fmax(worst, fabs((double)y[i] - isg_reference_gelu((double)x[i])) /
                                fmax(1, fabs((double)x[i])));
        worst_slope =
            fmax(worst_slope, fabs((double)slope[i] - isg_reference_gelu_slope((double)x[i])));
    }
    CHECK_NEAR(worst, 0, 1e-6);
    CHECK_NEAR(worst_slope, 0, 3e-6);
    x[5] = NAN;
    k->gelu(y, slope, x, N);
    CHECK(isnan(y[5]) && isnan(slope[5])); /* divergence must stay visible */
    free(x), free(y), free(slope);
}

static void test_attend(const isg_kernels *k)
{
    const size_t cases[][3] = {
        {32, 1, 16}, {128, 2, 32}, {96, 3, 16}, {64, 2, 64}}; /* context, heads, width */
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const size_t T = cases[c][0], H = cases[c][1], width = cases[c][2], d = H * width;
        float *qkv = random_floats(&rng, 2 * T * 3 * d, 1.5),
              *out = random_floats(&rng, 2 * T * d, 1);
        float *p = random_floats(&rng, 2 * H * T * T, 1),
              *scratch = random_floats(&rng, isg_attention_scratch(T, width), 1);
        double *QKV = to_doubles(qkv, 2 * T * 3 * d), *O = to_doubles(out, 2 * T * d),
               *P = to_doubles(p, H * T * T);
        k->attend(&(isg_attention){2, T, H, width, scratch}, out, p, qkv);
        for (size_t s = 0; s < 2; s++)
            isg_reference_attend(O + s * T * d, P, QKV + s * T * 3 * d, T, H, width);
        CHECK_NEAR(relative_error(out, O, 2 * T * d), 0, 3e-6);
        free(qkv), free(out), free(p), free(scratch), free(QKV), free(O), free(P);
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
    z[ISG_VOCAB + 3] = NAN;
    k->xent(nats, z, target, 2);
    CHECK(isnan(nats[1]) && isfinite(nats[0]));
    free(z), free(Z);
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

static void test_table(const isg_kernels *k)
{
    printf("%s\n", k->numerics);
    isg_rng_at(&rng, 1, ISG_RNG_TEST, 0);
    CHECK(isg_kernels_find(k->numerics) == k);
    CHECK(isg_numerics_level(k->numerics) >= 0);
    test_gemm(k);
    test_transpose(k);
    test_norm(k);
    test_gelu(k);
    test_attend(k);
    test_xent(k);
    test_optimiser(k);
}

int main(void)
{
    CHECK(for_each_kernels(test_table) >= 1);
    CHECK(isg_kernels_find("avx512-0") == NULL);
    return check_done();
}
