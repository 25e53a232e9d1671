#ifndef ISG_TRAIN_SHAPE_H
#define ISG_TRAIN_SHAPE_H

/**
 * Shapes of the proxy models and the list of their tensors.
 *
 * Decoder-only transformer over bytes: learned positions, pre-norm blocks
 * (causal attention, then a 4x MLP with GELU), a last norm, head tied to the
 * token embedding. All parameters lie in one array; this list says where.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct isg_net_shape {
    size_t layers, d, heads;
    size_t context; /**< positions */
} isg_net_shape;

/** Tensors before the blocks, then of every block, in the order of the array. */
typedef enum isg_net_top {
    ISG_TOP_WTE,
    ISG_TOP_WPE,
    ISG_TOP_GAIN,
    ISG_TOP_BIAS,
    ISG_TOP_TENSORS
} isg_net_top;
typedef enum isg_net_block {
    ISG_BLOCK_GAIN1,
    ISG_BLOCK_BIAS1,
    ISG_BLOCK_WQKV, /**< (d, 3d): q, k, v side by side, heads inside each */
    ISG_BLOCK_BQKV,
    ISG_BLOCK_WO, /**< (d, d) */
    ISG_BLOCK_BO,
    ISG_BLOCK_GAIN2,
    ISG_BLOCK_BIAS2,
    ISG_BLOCK_W1, /**< (d, 4d) */
    ISG_BLOCK_B1,
    ISG_BLOCK_W2, /**< (4d, d) */
    ISG_BLOCK_B2,
    ISG_BLOCK_TENSORS
} isg_net_block;

typedef struct isg_tensor {
    const char *name;
    size_t offset, rows, cols; /**< rows 1: a vector */
    double start;              /**< vectors: first value; matrices: standard deviation */
} isg_tensor;

/** Head width and d multiples of 16, context a multiple of 32. @return ISG_EINPUT if not */
isg_err isg_net_shape_check(const isg_net_shape *shape);

/**
 * A shape as one writes it: p0 to p9, s0 to s19 (isogloss/ladder.h) or
 * LAYERSxDxHEADS, with context 128 or another behind it: p3@512, 4x96x3@1024.
 * @return ISG_EUSAGE for another word; ISG_EINPUT if it cannot be trained
 */
isg_err isg_net_shape_named(const char *word, isg_net_shape *out);

size_t isg_net_tensors(const isg_net_shape *shape);
isg_tensor isg_net_tensor(const isg_net_shape *shape, size_t i);

/** Offset of a tensor in the parameter array; block tensors by layer. */
size_t isg_net_top_at(const isg_net_shape *shape, isg_net_top which);
size_t isg_net_block_at(const isg_net_shape *shape, size_t layer, isg_net_block which);

/** All parameters, the tied head once. */
size_t isg_net_params(const isg_net_shape *shape);

/** FLOPs of one training token, forward and backward (docs/architecture.md). */
double isg_net_flops(const isg_net_shape *shape);

#endif
