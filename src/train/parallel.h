#ifndef ISG_TRAIN_PARALLEL_H
#define ISG_TRAIN_PARALLEL_H

/**
 * The kernels, each run by a team of threads (team.h), with the bits of one thread.
 *
 * What is computed row by row is cut by rows, sums over rows by columns, attention by pairs of
 * sequence and head, sums over all by the blocks they have anyway: every number comes out of one
 * thread, by the chain of operations it has without a team. Arguments are those of kernels.h; without a
 * team the calls go straight there.
 */

#include "kernels.h"
#include "team.h"

typedef struct isg_parallel {
    const isg_kernels *k;
    isg_team *team; /**< NULL: one thread */
} isg_parallel;

/** By rows or columns of c, whichever leaves the parts more equal. */
void isg_par_gemm(const isg_parallel *p, const isg_gemm *g);
void isg_par_transpose(const isg_parallel *p, float *out, size_t ldo, const float *a, size_t lda,
                       size_t rows, size_t cols);
void isg_par_embed(const isg_parallel *p, float *x, const float *wte, const float *wpe,
                   const uint8_t *token, size_t rows, size_t context, size_t d);
void isg_par_embed_back(const isg_parallel *p, float *dwte, float *dwpe, const float *dx,
                        const uint8_t *token, size_t rows, size_t context, size_t cols, size_t d);
void isg_par_norm(const isg_parallel *p, float *y, float *stat, const float *x, const float *gain,
                  const float *bias, size_t rows, size_t d);
void isg_par_norm_back(const isg_parallel *p, float *dx, bool add, const float *dy, const float *x,
                       const float *stat, const float *gain, size_t rows, size_t d);
void isg_par_norm_sums(const isg_parallel *p, float *dgain, float *dbias, const float *dy,
                       const float *x, const float *stat, size_t rows, size_t cols, size_t d);
/** s->scratch holds isg_attention_scratch() for each thread. */
void isg_par_attend(const isg_parallel *p, const isg_attention *s, float *out, float *stat,
                    float *e, const float *qkv);
void isg_par_attend_back(const isg_parallel *p, const isg_attention *s, float *dqkv,
                         const float *dout, const float *out, const float *stat, const float *e,
                         const float *qkv);
void isg_par_xent(const isg_parallel *p, float *nats, const float *logits, const uint8_t *target,
                  size_t rows);
void isg_par_xent_back(const isg_parallel *p, float *logits, const uint8_t *target, size_t rows,
                       float scale);
/** @param blocks  [n / ISG_SUM_BLOCK rounded up] */
double isg_par_sum_squares(const isg_parallel *p, const float *x, size_t n, double *blocks);

#endif
