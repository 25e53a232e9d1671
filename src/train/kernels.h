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
    ISG_VOCAB = 256,     /**< bytes */
    ISG_QUERY_BLOCK = 32 /**< rows of one causal attention block */
};

/** c(m,n) = from(m,n) + bias(n) + a(m,k) b(k,n); `from` and `bias` may be NULL. */
typedef struct isg_gemm {
    size_t m, n, k;
    const float *a;
    size_t lda;
    bool a_transposed; /**< a is stored as (k,m) */
    const float *b;
    size_t ldb;
    float *c;
    size_t ldc;
    const float *from; /**< leading dimension ldc; may be c */
    const float *bias;
} isg_gemm;

/** Multi-head causal attention over `sequences` of `context` rows; d = heads * width. */
typedef struct isg_attention {
    size_t sequences, context, heads, width;
    float *scratch; /**< [isg_attention_scratch()] */
} isg_attention;

/** Floats of scratch for either direction. */
static inline size_t isg_attention_scratch(size_t context, size_t width)
{
    return context * width + ISG_QUERY_BLOCK * context;
}

/** One AdamW step; the bias corrections and the clipping factor are the caller's. */
typedef struct isg_adamw {
    float lr, beta1, beta2, decay, eps;
    float grad_scale;       /**< clipping: multiplies every gradient */
    float m_scale, v_scale; /**< 1 / (1 - beta^t) */
} isg_adamw;

typedef struct isg_kernels {
    const char *numerics; /**< "avx512-1": what isogloss/numerics.h calls it */

    void (*gemm)(const isg_gemm *g);
    /** out(cols,rows) = a(rows,cols)^T, both dense */
    void (*transpose)(float *out, const float *a, size_t rows, size_t cols);

    /** x(rows,d) = wte(token[r]) + wpe(r % context) */
    void (*embed)(float *x, const float *wte, const float *wpe, const uint8_t *token, size_t rows,
                  size_t context, size_t d);
    /** dwte(token[r]) += dx(r), dwpe(r % context) += dx(r) */
    void (*embed_back)(float *dwte, float *dwpe, const float *dx, const uint8_t *token, size_t rows,
                       size_t context, size_t d);

    /** y(rows,d) = (x - mean) rstd gain + bias; stat(rows,2) keeps mean and rstd */
    void (*norm)(float *y, float *stat, const float *x, const float *gain, const float *bias,
                 size_t rows, size_t d);
    /** dx(rows,d) (+)= gradient through norm, dgain(d) +=, dbias(d) += */
    void (*norm_back)(float *dx, bool add, float *dgain, float *dbias, const float *dy,
                      const float *x, const float *stat, const float *gain, size_t rows, size_t d);

    /** y[n] = gelu(x) (tanh form), slope[n] = its derivative; slope may be x */
    void (*gelu)(float *y, float *slope, const float *x, size_t n);
    /** x[n] *= by[n] */
    void (*multiply)(float *x, const float *by, size_t n);
    /** sum(cols) += column sums of a(rows,cols) */
    void (*column_sums)(float *sum, const float *a, size_t rows, size_t cols);

    /** out(rows,d), p(sequences,heads,context,context) from qkv(rows,3d) = [q | k | v] */
    void (*attend)(const isg_attention *s, float *out, float *p, const float *qkv);
    /** dqkv(rows,3d) from dout(rows,d) and what attend left in p */
    void (*attend_back)(const isg_attention *s, float *dqkv, const float *dout, const float *p,
                        const float *qkv);

    /** nats[rows] = -ln softmax(logits(r))[target[r]]; logits(rows,256) */
    void (*xent)(float *nats, const float *logits, const uint8_t *target, size_t rows);
    /** logits(rows,256) become scale * (softmax(logits) - onehot(target)) */
    void (*xent_back)(float *logits, const uint8_t *target, size_t rows, float scale);

    /** sum of x[n]^2, n a multiple of 16 */
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
