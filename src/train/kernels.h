#ifndef ISG_TRAIN_KERNELS_H
#define ISG_TRAIN_KERNELS_H

/**
 * The compute kernels of the proxy trainer, one table per instruction set.
 *
 * Matrices are row-major fp32. Rows are positions of a micro-batch: row r is
 * position r % context of sequence r / context. d, head width and every column
 * count are multiples of 16, every row count of 16, the context of 32.
 *
 * Every sum has one fixed order, additions are fused only where the source
 * says so and libm gives only exact functions (sqrt, frexp): the bits depend on
 * the table alone, not on the compiler or the CPU that runs it. Two tables
 * differ in the last bits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ISG_VOCAB = 256,          /**< bytes */
    ISG_QUERY_BLOCK = 32,     /**< rows of one causal attention block */
    ISG_SUM_BLOCK = 4096,     /**< single precision goes no further in a long sum */
    ISG_TILE_ROWS = 128,      /**< rows and columns of a block of attend_back */
    ISG_STORED_CONTEXT = 256, /**< longest context whose attention weights are kept */
};

/**
 * c(m,n) = from(m,n) + bias(n) + start(m) + a(m,k) b(k,n); what is NULL is left out.
 *
 * Then, on the finished c, at most one of: c = gelu(c) (tanh form) and slope(m,n) = its
 * derivative; c = c * by(m,n). An element depends on its row of a and its column of b alone:
 * any range of rows or columns may be computed by itself.
 */
typedef struct isg_gemm {
    size_t m, n, k;
    const float *a;
    size_t lda;
    bool a_transposed; /**< a is stored as (k,m) */
    const float *b;
    size_t ldb;
    float *c;
    size_t ldc;        /**< of c, from and slope */
    const float *from; /**< may be c */
    const float *bias, *start;
    float *slope;
    const float *by;
    size_t ldby;
    float *b_sums; /**< (n) += column sums of b: the bias gradient beside the weight gradient */
} isg_gemm;

/**
 * Causal attention of heads; d = heads * width, unit = sequence * heads + head.
 *
 * With s = q k^T / sqrt(width), row i of e is 2^(s log2(e) - top(i)) up to the diagonal, stat(i) =
 * {top, 1 / sum of e(i)} and out = e v / sum. Up to ISG_STORED_CONTEXT rows e is kept for
 * attend_back; beyond, attend_back computes it again, with the same operations.
 */
typedef struct isg_attention {
    size_t context, heads, width;
    size_t first, units; /**< which units to compute */
    float *scratch;      /**< [isg_attention_scratch()], one per thread */
} isg_attention;

/** Row length of e: no power of two, whose rows would all lie in the same sets of the cache. */
static inline size_t isg_attention_stride(size_t context)
{
    return context + 16;
}

/** Floats of e for one unit. */
static inline size_t isg_attention_stored(size_t context)
{
    return context <= ISG_STORED_CONTEXT ? context * isg_attention_stride(context) : 0;
}

/** Floats of scratch for either direction. */
static inline size_t isg_attention_scratch(size_t context, size_t width)
{
    const size_t tile = ISG_TILE_ROWS * isg_attention_stride(ISG_TILE_ROWS);
    return (2 * width + ISG_QUERY_BLOCK) * isg_attention_stride(context) +
           context * (2 * width + 1) + 2 * tile;
}

/** One AdamW step; the bias corrections and the clipping factor are the caller's. */
typedef struct isg_adamw {
    float lr, beta1, beta2, decay, eps;
    float grad_scale;       /**< clipping: multiplies every gradient */
    float m_scale, v_scale; /**< 1 / (1 - beta^t) */
} isg_adamw;

typedef struct isg_kernels {
    const char *numerics; /**< "avx512-2": what isogloss/numerics.h calls it */

    void (*gemm)(const isg_gemm *g);
    /** out(cols,rows) = a(rows,cols)^T */
    void (*transpose)(float *out, size_t ldo, const float *a, size_t lda, size_t rows, size_t cols);

    /** x(rows,d) = wte(token[r]) + wpe(r % context) */
    void (*embed)(float *x, const float *wte, const float *wpe, const uint8_t *token, size_t rows,
                  size_t context, size_t d);
    /** dwte(token[r]) += dx(r), dwpe(r % context) += dx(r), for `cols` of the d columns of each */
    void (*embed_back)(float *dwte, float *dwpe, const float *dx, const uint8_t *token, size_t rows,
                       size_t context, size_t cols, size_t d);

    /** y(rows,d) = (x - mean) rstd gain + bias; stat(rows,2) keeps mean and rstd */
    void (*norm)(float *y, float *stat, const float *x, const float *gain, const float *bias,
                 size_t rows, size_t d);
    /** dx(rows,d) (+)= gradient through norm */
    void (*norm_back)(float *dx, bool add, const float *dy, const float *x, const float *stat,
                      const float *gain, size_t rows, size_t d);
    /** dgain(cols) +=, dbias(cols) += over the rows of dy and x, for `cols` of their d columns */
    void (*norm_sums)(float *dgain, float *dbias, const float *dy, const float *x,
                      const float *stat, size_t rows, size_t cols, size_t d);

    /** out(rows,d), stat(units,context,2) and e(units,context,stride) from qkv(rows,3d) = [q|k|v] */
    void (*attend)(const isg_attention *s, float *out, float *stat, float *e, const float *qkv);
    /** dqkv(rows,3d) from dout(rows,d) and what attend made */
    void (*attend_back)(const isg_attention *s, float *dqkv, const float *dout, const float *out,
                        const float *stat, const float *e, const float *qkv);

    /** nats[rows] = -ln softmax(logits(r))[target[r]]; logits(rows,256) */
    void (*xent)(float *nats, const float *logits, const uint8_t *target, size_t rows);
    /** logits(rows,256) become scale * (softmax(logits) - onehot(target)) */
    void (*xent_back)(float *logits, const uint8_t *target, size_t rows, float scale);

    /** sum of x[n]^2, n a multiple of 16: sums over blocks of ISG_SUM_BLOCK, added in order */
    double (*sum_squares)(const float *x, size_t n);
    /** p, m, v [n] after one step with gradient g[n] */
    void (*adamw)(float *p, float *m, float *v, const float *g, size_t n, const isg_adamw *a);
} isg_kernels;

/** The table called `numerics`, or NULL if this build has none of that name. */
const isg_kernels *isg_kernels_find(const char *numerics);

/** Table i of this build, best first; NULL behind the last. */
const isg_kernels *isg_kernels_at(size_t i);

/** Subnormal numbers become zero in this thread: they would cost a factor 20. */
void isg_kernels_flush_subnormals(void);

#endif
