#include "shape.h"

#include "isogloss/ladder.h"
#include "isogloss/str.h"
#include "kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

isg_err isg_net_shape_named(const char *word, isg_net_shape *out)
{
    enum { CONTEXT = 128 };
    isg_rung rung;
    uint64_t context = CONTEXT;
    char name[sizeof rung.name + 1];
    const char *at = strchr(word, '@');
    size_t n = at ? (size_t)(at - word) : strlen(word);
    (void)snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name), word);
    if (!isg_ladder_shape(name, &rung)) {
        return ISG_FAIL(ISG_EUSAGE,
                        "shape '%s' is not on the ladder; wanted %s, with a context "
                        "other than %d as in p3@512",
                        word, isg_ladder_words, CONTEXT);
    }
    if (at && (!isg_str_to_u64(at + 1, &context) || context > SIZE_MAX)) {
        return ISG_FAIL(ISG_EUSAGE, "shape '%s': '%s' is no context; wanted bytes as in p3@512",
                        word, at + 1);
    }
    *out = (isg_net_shape){rung.layers, rung.d, rung.heads, (size_t)context};
    return isg_err_context(isg_net_shape_check(out), "'%s'", word);
}

isg_err isg_net_shape_check(const isg_net_shape *s)
{
    const struct {
        const char *name;
        size_t value, max, step;
    } rows[] = {
        {"layers", s->layers, 64, 1},
        {"d", s->d, 4096, 16},
        {"heads", s->heads, 256, 1},
        {"context", s->context, 4096, 32},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].value < rows[i].step || rows[i].value > rows[i].max ||
            rows[i].value % rows[i].step) {
            return ISG_FAIL(ISG_EINPUT,
                            "shape: %s is %zu; wanted a multiple of %zu from %zu to %zu",
                            rows[i].name, rows[i].value, rows[i].step, rows[i].step, rows[i].max);
        }
    }
    if (s->d % s->heads || s->d / s->heads % 16) {
        return ISG_FAIL(ISG_EINPUT,
                        "shape: d %zu over %zu heads; wanted d / heads to be a multiple of 16",
                        s->d, s->heads);
    }
    return ISG_OK;
}

/* A size is `per_d` times d plus `plain`. Spread is in units of 1/sqrt(fan in), which for every
 * matrix of a block is its number of rows; what writes to the residual stream is divided by
 * sqrt(2 layers), so that the stream keeps its size with depth. */
struct row {
    const char *name;
    size_t rows_per_d, rows_plain, cols_per_d;
    double start;
    bool residual;
};

static const struct row block_rows[ISG_BLOCK_TENSORS] = {
    [ISG_BLOCK_GAIN1] = {"norm1.gain", 0, 1, 1, 1, false},
    [ISG_BLOCK_BIAS1] = {"norm1.bias", 0, 1, 1, 0, false},
    [ISG_BLOCK_WQKV] = {"attention.qkv", 1, 0, 3, 1, false},
    [ISG_BLOCK_BQKV] = {"attention.qkv.bias", 0, 1, 3, 0, false},
    [ISG_BLOCK_WO] = {"attention.out", 1, 0, 1, 1, true},
    [ISG_BLOCK_BO] = {"attention.out.bias", 0, 1, 1, 0, false},
    [ISG_BLOCK_GAIN2] = {"norm2.gain", 0, 1, 1, 1, false},
    [ISG_BLOCK_BIAS2] = {"norm2.bias", 0, 1, 1, 0, false},
    [ISG_BLOCK_W1] = {"mlp.up", 1, 0, 4, 1, false},
    [ISG_BLOCK_B1] = {"mlp.up.bias", 0, 1, 4, 0, false},
    [ISG_BLOCK_W2] = {"mlp.down", 4, 0, 1, 1, true},
    [ISG_BLOCK_B2] = {"mlp.down.bias", 0, 1, 1, 0, false},
};

static size_t block_size(size_t d, isg_net_block which)
{
    const struct row *r = &block_rows[which];
    return (r->rows_per_d * d + r->rows_plain) * r->cols_per_d * d;
}

size_t isg_net_top_at(const isg_net_shape *s, isg_net_top which)
{
    const size_t end[] = {0, ISG_VOCAB * s->d, (ISG_VOCAB + s->context) * s->d,
                          (ISG_VOCAB + s->context + 1) * s->d, (ISG_VOCAB + s->context + 2) * s->d};
    return end[which];
}

size_t isg_net_block_at(const isg_net_shape *s, size_t layer, isg_net_block which)
{
    size_t block = 0, before = 0;
    for (int w = 0; w < ISG_BLOCK_TENSORS; w++) {
        if (w == (int)which) before = block;
        block += block_size(s->d, (isg_net_block)w);
    }
    return isg_net_top_at(s, ISG_TOP_TENSORS) + layer * block + before;
}

size_t isg_net_params(const isg_net_shape *s)
{
    return isg_net_block_at(s, s->layers, ISG_BLOCK_GAIN1);
}

size_t isg_net_tensors(const isg_net_shape *s)
{
    return ISG_TOP_TENSORS + s->layers * ISG_BLOCK_TENSORS;
}

isg_tensor isg_net_tensor(const isg_net_shape *s, size_t i)
{
    /* Embeddings as large as their learning rate deserves; the small last gain spreads the guess
     * of an untrained model over all bytes (8 bits). Positions get waves on top (net.c). */
    const isg_tensor top[ISG_TOP_TENSORS] = {
        [ISG_TOP_WTE] = {"wte", 0, ISG_VOCAB, s->d, 1 / sqrt((double)s->d)},
        [ISG_TOP_WPE] = {"wpe", 0, s->context, s->d, 0.02},
        [ISG_TOP_GAIN] = {"norm.gain", 0, 1, s->d, 0.3},
        [ISG_TOP_BIAS] = {"norm.bias", 0, 1, s->d, 0},
    };
    if (i < ISG_TOP_TENSORS) {
        isg_tensor t = top[i];
        t.offset = isg_net_top_at(s, (isg_net_top)i);
        return t;
    }
    size_t layer = (i - ISG_TOP_TENSORS) / ISG_BLOCK_TENSORS;
    isg_net_block which = (isg_net_block)((i - ISG_TOP_TENSORS) % ISG_BLOCK_TENSORS);
    const struct row *r = &block_rows[which];
    isg_tensor t = {r->name, isg_net_block_at(s, layer, which),
                    r->rows_per_d * s->d + r->rows_plain, r->cols_per_d * s->d, r->start};
    if (t.rows > 1) t.start /= sqrt((double)t.rows * (r->residual ? 2.0 * (double)s->layers : 1.0));
    return t;
}

double isg_net_flops(const isg_net_shape *s)
{
    double L = (double)s->layers, d = (double)s->d, T = (double)s->context;
    return 6 * (12 * L * d * d + ISG_VOCAB * d) + 6 * L * T * d;
}
