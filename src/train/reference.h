#ifndef ISG_TRAIN_REFERENCE_H
#define ISG_TRAIN_REFERENCE_H

/**
 * The same mathematics as net.h, written to be read: plain loops over `real`,
 * one sequence at a time, nothing shared with the kernels. In double precision
 * it is what they and the gradients are tested against.
 */

#include "isogloss/err.h"
#include "shape.h"

#include <stdint.h>

typedef double isg_real;

/** y(rows,d), as isg_kernels.norm without keeping statistics */
void isg_reference_norm(isg_real *y, const isg_real *x, const isg_real *gain, const isg_real *bias,
                        size_t rows, size_t d);
isg_real isg_reference_gelu(isg_real x);
isg_real isg_reference_gelu_slope(isg_real x);

/** One sequence: out(T,d) and p(heads,T,T) from qkv(T,3d). */
void isg_reference_attend(isg_real *out, isg_real *p, const isg_real *qkv, size_t T, size_t heads,
                          size_t width);

/** dqkv(T,3d) from dout(T,d) and the p of isg_reference_attend(). */
void isg_reference_attend_back(isg_real *dqkv, const isg_real *dout, const isg_real *p,
                               const isg_real *qkv, size_t T, size_t heads, size_t width);

/**
 * Sum of nats over one sequence, and its gradient.
 *
 * @param weights  [isg_net_params()] in the order of shape.h
 * @param input    [context]
 * @param target   [context]
 * @param nats     set to the sum
 * @param grads    [isg_net_params()] added to, or NULL
 */
isg_err isg_reference_pass(const isg_net_shape *shape, const isg_real *weights,
                           const uint8_t *input, const uint8_t *target, isg_real *nats,
                           isg_real *grads);

#endif
