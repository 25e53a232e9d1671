#ifndef ISG_TRAIN_NET_H
#define ISG_TRAIN_NET_H

/**
 * The model: parameters, gradients, and one micro-batch forward and backward.
 *
 * A micro-batch is one or two sequences (several for each of many threads), taken through the
 * whole net at once, so that all activations stay in the cache; gradients of the micro-batches
 * of a step add up in a fixed order.
 */

#include "isogloss/err.h"
#include "parallel.h"
#include "shape.h"

#include <stddef.h>
#include <stdint.h>

typedef struct isg_net isg_net;

/** Parameters zero, no allocation later. @return ISG_EINPUT on a bad shape; ISG_ENOMEM */
isg_err isg_net_create(const isg_net_shape *shape, const isg_kernels *kernels, isg_net **out);

/**
 * The same, to compute with these threads (NULL: the caller's alone); they outlive the net.
 * @param step  sequences of a step: a micro-batch holds no more; 0: any number
 */
isg_err isg_net_create_team(const isg_net_shape *shape, const isg_kernels *kernels, isg_team *team,
                            size_t step, isg_net **out);
void isg_net_destroy(isg_net **net);

const isg_net_shape *isg_net_shape_of(const isg_net *net);
const isg_kernels *isg_net_kernels(const isg_net *net);
const isg_parallel *isg_net_parallel(const isg_net *net);

/** Sequences that one micro-batch may hold: at most so many in one call below. */
size_t isg_net_micro(const isg_net *net);

/** The tensors of the parameter array, in order. */
const isg_tensor *isg_net_list(const isg_net *net, size_t *n);

/** Both [isg_net_params()]; call isg_net_changed() after writing weights. */
float *isg_net_weights(isg_net *net);
float *isg_net_grads(isg_net *net);

/** Draw the first weights from stream (seed, ISG_RNG_INIT, 0). */
void isg_net_init(isg_net *net, uint64_t seed);

/** The weights were written: refresh their transposed copies. */
void isg_net_changed(isg_net *net);

/** input[sequences * context] to logits, kept inside. */
void isg_net_forward(isg_net *net, const uint8_t *input, size_t sequences);

/** nats[sequences * context] of `target` after a forward pass. */
void isg_net_nats(const isg_net *net, const uint8_t *target, size_t sequences, float *nats);

/** Forget the gradients: before the first micro-batch of a step. */
void isg_net_zero_grads(isg_net *net);

/** grads += scale * d(sum of nats)/d(weights) after a forward pass of the same input. */
void isg_net_backward(isg_net *net, const uint8_t *input, const uint8_t *target, size_t sequences,
                      float scale);

#endif
