#include "net.h"

#include "isogloss/os.h"
#include "isogloss/rng.h"
#include "isogloss/str.h"
#include "memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What one block keeps of the forward pass; R rows. */
struct block_state {
    float *x;     /* (R,d) input of the block */
    float *stat1; /* (R,2) */
    float *y1;    /* (R,d) */
    float *qkv;   /* (R,3d) */
    float *stat;  /* (sequences,heads,context,2) and attention weights, see isg_attention */
    float *e;     /* (sequences,heads,context,stride) */
    float *o;     /* (R,d) */
    float *x2;    /* (R,d) after attention */
    float *stat2; /* (R,2) */
    float *y2;    /* (R,d) */
    float *g;     /* (R,4d) after gelu */
    float *slope; /* (R,4d) derivative of gelu */
};

/* Weights of a block the other way round, for gradients of inputs. */
struct block_transposed {
    float *wqkv, *wo, *w1, *w2;
};

struct isg_net {
    isg_net_shape shape;
    isg_parallel par;
    size_t micro;
    size_t chunk;        /* rows at a time of what goes row by row */
    isg_tensor *tensors; /* [n_tensors] */
    size_t n_tensors;
    float *weights, *grads;
    struct block_state *state;           /* [layers + 1]; the last one has x alone */
    struct block_transposed *transposed; /* [layers] */
    float *wte_t;                        /* (d,256) */
    float *stat, *y, *logits;            /* (R,2) (R,d) (R,256) of the last norm and the head */
    float *dx, *dy, *dqkv, *dh;          /* (R,d) (R,d) (R,3d) (chunk,4d) */
    float *scratch;                      /* of attention, one for each thread */
    float *arena;                        /* owns all of the above */
};

/* Hands out pieces of the arena; a first pass with a NULL arena measures. */
struct carver {
    float *base;
    size_t used;
};

static float *carve(struct carver *c, size_t floats)
{
    float *piece = c->base ? c->base + c->used : NULL;
    c->used += (floats + 15) / 16 * 16; /* cache lines */
    return piece;
}

static void carve_all(isg_net *n, struct carver *c)
{
    const isg_net_shape *s = &n->shape;
    const size_t d = s->d, R = n->micro * s->context;

    n->weights = carve(c, isg_net_params(s));
    n->grads = carve(c, isg_net_params(s));
    n->wte_t = carve(c, ISG_VOCAB * d);
    for (size_t l = 0; l < s->layers; l++) {
        struct block_transposed *t = &n->transposed[l];
        struct block_state *a = &n->state[l];
        t->wqkv = carve(c, 3 * d * d);
        t->wo = carve(c, d * d);
        t->w1 = carve(c, 4 * d * d);
        t->w2 = carve(c, 4 * d * d);
        a->x = carve(c, R * d);
        a->stat1 = carve(c, R * 2);
        a->y1 = carve(c, R * d);
        a->qkv = carve(c, R * 3 * d);
        a->stat = carve(c, R * s->heads * 2);
        a->e = carve(c, n->micro * s->heads * isg_attention_stored(s->context));
        a->o = carve(c, R * d);
        a->x2 = carve(c, R * d);
        a->stat2 = carve(c, R * 2);
        a->y2 = carve(c, R * d);
        a->slope = carve(c, R * 4 * d);
        a->g = carve(c, R * 4 * d);
    }
    n->state[s->layers].x = carve(c, R * d);
    n->stat = carve(c, R * 2);
    n->y = carve(c, R * d);
    n->logits = carve(c, R * ISG_VOCAB);
    n->dx = carve(c, R * d);
    n->dy = carve(c, R * d);
    n->dqkv = carve(c, R * 3 * d);
    n->dh = carve(c, n->chunk * 4 * d);
    n->scratch =
        carve(c, isg_team_size(n->par.team) * isg_attention_scratch(s->context, d / s->heads));
}

/* Said before a run is begun: the kernel would end it in the middle otherwise. Beside the net there
 * are the two moments of each parameter, and the text of a step. */
static isg_err check_memory(const isg_net_shape *s, size_t bytes, size_t step)
{
    const uint64_t there = isg_os_memory(),
                   wanted = bytes + 2 * sizeof(float) * isg_net_params(s) + 2 * step * s->context;
    char a[32], b[32];
    if (!there || wanted <= there) return ISG_OK;
    return ISG_FAIL(ISG_ENOMEM,
                    "it needs %s of memory to train, and this machine has %s (%zu layers, d %zu, "
                    "%zu heads, context %zu)",
                    isg_str_bytes((double)wanted, a, sizeof a),
                    isg_str_bytes((double)there, b, sizeof b), s->layers, s->d, s->heads,
                    s->context);
}

/* What the caches like, as measured: 128 rows at a time, 256 of the wider models, for each thread. */
static size_t rows_for(const isg_net_shape *s, size_t threads)
{
    return threads * (s->d <= 64 ? 128 : 256);
}

/* Sequences at a time; of several threads each takes whole ones then, if they are short. What one
 * thread takes at a time fits a whole number of times: the sums over it stay the same
 * (embedding_grads). More than a step has would be memory for nothing. */
static size_t micro_for(const isg_net_shape *s, size_t threads, size_t step)
{
    const size_t one = s->d <= 64 || s->context > 128 ? 1 : 2;
    const size_t fit = rows_for(s, threads) / s->context / one * one;
    const size_t all = (step + one - 1) / one * one;
    return threads == 1 || !fit ? one : step && fit > all ? all : fit;
}

/* Longer sequences go through a block in pieces: what one product writes is still in the cache when
 * the next one reads it. Sums over rows go on from piece to piece, in order. */
static size_t chunk_for(const isg_net_shape *s, size_t threads, size_t micro)
{
    const size_t rows = rows_for(s, threads), all = micro * s->context;
    return rows < all ? rows : all;
}

isg_err isg_net_create_team(const isg_net_shape *shape, const isg_kernels *kernels, isg_team *team,
                            size_t step, isg_net **out)
{
    *out = NULL;
    ISG_TRY(isg_net_shape_check(shape));
    isg_net *n = calloc(1, sizeof *n);
    if (!n) return ISG_FAIL(ISG_ENOMEM, "out of memory for a model");
    n->shape = *shape;
    n->par = (isg_parallel){kernels, team};
    n->micro = micro_for(shape, isg_team_size(team), step);
    n->chunk = chunk_for(shape, isg_team_size(team), n->micro);
    n->n_tensors = isg_net_tensors(shape);
    n->tensors = calloc(n->n_tensors, sizeof *n->tensors);
    n->state = calloc(shape->layers + 1, sizeof *n->state);
    n->transposed = calloc(shape->layers, sizeof *n->transposed);
    if (n->tensors && n->state && n->transposed) {
        struct carver c = {0};
        for (size_t i = 0; i < n->n_tensors; i++) n->tensors[i] = isg_net_tensor(shape, i);
        carve_all(n, &c);
        isg_err rc = check_memory(shape, c.used * sizeof(float), step);
        if (rc) {
            isg_net_destroy(&n);
            return rc;
        }
        n->arena = isg_floats_create(c.used);
        if (n->arena) {
            c = (struct carver){.base = n->arena};
            carve_all(n, &c);
            *out = n;
            return ISG_OK;
        }
    }
    isg_net_destroy(&n);
    return ISG_FAIL(ISG_ENOMEM, "out of memory for a model of %zu layers, d %zu", shape->layers,
                    shape->d);
}

isg_err isg_net_create(const isg_net_shape *shape, const isg_kernels *kernels, isg_net **out)
{
    return isg_net_create_team(shape, kernels, NULL, 0, out);
}

void isg_net_destroy(isg_net **net)
{
    isg_net *n = *net;
    if (!n) return;
    free(n->arena);
    free(n->tensors);
    free(n->state);
    free(n->transposed);
    free(n);
    *net = NULL;
}

const isg_net_shape *isg_net_shape_of(const isg_net *net)
{
    return &net->shape;
}

const isg_kernels *isg_net_kernels(const isg_net *net)
{
    return net->par.k;
}

const isg_parallel *isg_net_parallel(const isg_net *net)
{
    return &net->par;
}

size_t isg_net_micro(const isg_net *net)
{
    return net->micro;
}

const isg_tensor *isg_net_list(const isg_net *net, size_t *n)
{
    *n = net->n_tensors;
    return net->tensors;
}

float *isg_net_weights(isg_net *net)
{
    return net->weights;
}

float *isg_net_grads(isg_net *net)
{
    return net->grads;
}

/* The sum of four uniforms (of 16 bits) is near enough to normal, and needs no libm whose bits
 * vary with the CPU. Mean 0, variance 1. */
static float draw(isg_rng *r)
{
    uint64_t u = isg_rng_u64(r);
    int32_t sum = (int32_t)((u & 0xffff) + (u >> 16 & 0xffff) + (u >> 32 & 0xffff) + (u >> 48));
    return (float)(sum - 2 * 0xffff) * (1.7320508F / 0x10000);
}

/* w(rows,cols) += waves over the rows: column pairs turn by pi, 2 pi/3, pi/2, pi/3, ... a position,
 * each pair of one series half as fast as the one before. Positions a fixed distance apart are then
 * one rotation apart, so that attention finds the last few bytes from the first steps on; with
 * random positions a small model stays at pair statistics for its first million bytes, for a time
 * that depends on luck (docs/trainer.md). Half-angle formulas need no libm but sqrt. */
static void add_waves(float *w, size_t rows, size_t cols, double size)
{
    double turn_re[2] = {-1, -0.5}, turn_im[2] = {0, 0.86602540378443865};
    for (size_t k = 0; k + 1 < cols; k += 2) {
        double *c = &turn_re[k / 2 % 2], *s = &turn_im[k / 2 % 2];
        double re = size, im = 0;
        for (size_t t = 0; t < rows; t++) {
            w[t * cols + k] += (float)re;
            w[t * cols + k + 1] += (float)im;
            double turned = re * *c - im * *s;
            im = re * *s + im * *c;
            re = turned;
        }
        *s = sqrt((1 - *c) / 2);
        *c = sqrt((1 + *c) / 2);
    }
}

void isg_net_init(isg_net *n, uint64_t seed)
{
    isg_rng r;
    isg_rng_at(&r, seed, ISG_RNG_INIT, 0);
    for (size_t i = 0; i < n->n_tensors; i++) {
        const isg_tensor t = n->tensors[i];
        float *w = n->weights + t.offset, start = (float)t.start;
        for (size_t j = 0; j < t.rows * t.cols; j++) w[j] = t.rows == 1 ? start : start * draw(&r);
    }
    add_waves(n->weights + n->tensors[ISG_TOP_WPE].offset, n->shape.context, n->shape.d,
              2 / sqrt((double)n->shape.d));
    isg_net_changed(n);
}

static float *top(const isg_net *n, float *base, isg_net_top which)
{
    return base + n->tensors[which].offset;
}

static float *block(const isg_net *n, float *base, size_t layer, isg_net_block which)
{
    return base + n->tensors[ISG_TOP_TENSORS + layer * ISG_BLOCK_TENSORS + which].offset;
}

void isg_net_changed(isg_net *n)
{
    const size_t d = n->shape.d;
    isg_par_transpose(&n->par, n->wte_t, ISG_VOCAB, top(n, n->weights, ISG_TOP_WTE), d, ISG_VOCAB,
                      d);
    for (size_t l = 0; l < n->shape.layers; l++) {
        struct block_transposed *t = &n->transposed[l];
#define WEIGHT(which) block(n, n->weights, l, ISG_BLOCK_##which)
        isg_par_transpose(&n->par, t->wqkv, d, WEIGHT(WQKV), 3 * d, d, 3 * d);
        isg_par_transpose(&n->par, t->wo, d, WEIGHT(WO), d, d, d);
        isg_par_transpose(&n->par, t->w1, d, WEIGHT(W1), 4 * d, d, 4 * d);
        isg_par_transpose(&n->par, t->w2, 4 * d, WEIGHT(W2), d, 4 * d, d);
#undef WEIGHT
    }
}

/* c(m,n) = a(m,k) b(k,n) with what `rest` adds to it (from, bias, slope, by), all dense */
static void product(const isg_net *net, float *c, const float *a, const float *b, size_t m,
                    size_t n, size_t k, isg_gemm rest)
{
    rest.m = m, rest.n = n, rest.k = k;
    rest.a = a, rest.lda = k;
    rest.b = b, rest.ldb = n;
    rest.c = c, rest.ldc = n;
    rest.ldby = n;
    isg_par_gemm(&net->par, &rest);
}

/* dw(m,n) += a(rows,m)^T dc(rows,n), dbias(n) += column sums of dc if it is not NULL */
static void weight_grad(const isg_net *net, float *dw, float *dbias, const float *a,
                        const float *dc, size_t rows, size_t m, size_t n)
{
    isg_par_gemm(&net->par, &(isg_gemm){.m = m,
                                        .n = n,
                                        .k = rows,
                                        .a = a,
                                        .lda = m,
                                        .a_transposed = true,
                                        .b = dc,
                                        .ldb = n,
                                        .c = dw,
                                        .ldc = n,
                                        .from = dw,
                                        .b_sums = dbias});
}

/* From row r0 on: dx(rows,d) (+)= gradient of a norm of x(rows,d) whose output has the gradient dy */
static void norm_back(isg_net *n, bool add, const float *gain, float *dgain, float *dbias,
                      const float *x, const float *stat, size_t r0, size_t rows)
{
    const size_t d = n->shape.d;
    const float *dy = n->dy + r0 * d;
    isg_par_norm_sums(&n->par, dgain, dbias, dy, x, stat, rows, d, d);
    isg_par_norm_back(&n->par, n->dx + r0 * d, add, dy, x, stat, gain, rows, d);
}

static isg_attention attention(const isg_net *n, size_t sequences)
{
    const isg_net_shape *s = &n->shape;
    return (isg_attention){s->context,           s->heads,  s->d / s->heads, 0,
                           sequences * s->heads, n->scratch};
}

/* What follows row r of a block's state. */
static struct block_state state_from(const isg_net *n, size_t layer, size_t r)
{
    const size_t d = n->shape.d;
    struct block_state a = n->state[layer];
    a.x += r * d;
    a.stat1 += r * 2;
    a.y1 += r * d;
    a.qkv += r * 3 * d;
    a.o += r * d;
    a.x2 += r * d;
    a.stat2 += r * 2;
    a.y2 += r * d;
    a.g += r * 4 * d;
    a.slope += r * 4 * d;
    return a;
}

static size_t chunk_rows(const isg_net *n, size_t first, size_t rows)
{
    return rows - first < n->chunk ? rows - first : n->chunk;
}

#define WEIGHT(which) block(n, n->weights, l, ISG_BLOCK_##which)
#define GRAD(which) block(n, n->grads, l, ISG_BLOCK_##which)

static void before_attention(isg_net *n, size_t l, size_t r0, size_t rows)
{
    const size_t d = n->shape.d;
    const struct block_state a = state_from(n, l, r0);
    isg_par_norm(&n->par, a.y1, a.stat1, a.x, WEIGHT(GAIN1), WEIGHT(BIAS1), rows, d);
    product(n, a.qkv, a.y1, WEIGHT(WQKV), rows, 3 * d, d, (isg_gemm){.bias = WEIGHT(BQKV)});
}

static void after_attention(isg_net *n, size_t l, size_t r0, size_t rows)
{
    const size_t d = n->shape.d;
    const struct block_state a = state_from(n, l, r0);
    product(n, a.x2, a.o, WEIGHT(WO), rows, d, d, (isg_gemm){.from = a.x, .bias = WEIGHT(BO)});
    isg_par_norm(&n->par, a.y2, a.stat2, a.x2, WEIGHT(GAIN2), WEIGHT(BIAS2), rows, d);
    product(n, a.g, a.y2, WEIGHT(W1), rows, 4 * d, d,
            (isg_gemm){.bias = WEIGHT(B1), .slope = a.slope});
    product(n, n->state[l + 1].x + r0 * d, a.g, WEIGHT(W2), rows, d, 4 * d,
            (isg_gemm){.from = a.x2, .bias = WEIGHT(B2)});
}

static void block_forward(isg_net *n, size_t l, size_t sequences)
{
    const size_t R = sequences * n->shape.context;
    const isg_attention s = attention(n, sequences);
    const struct block_state *a = &n->state[l];
    for (size_t r = 0; r < R; r += n->chunk) before_attention(n, l, r, chunk_rows(n, r, R));
    isg_par_attend(&n->par, &s, a->o, a->stat, a->e, a->qkv);
    for (size_t r = 0; r < R; r += n->chunk) after_attention(n, l, r, chunk_rows(n, r, R));
}

/* From the gradient of the block's output in n->dx, which takes in the MLP, to that of the
 * attention's output in n->dy. */
static void back_to_attention(isg_net *n, size_t l, size_t r0, size_t rows)
{
    const size_t d = n->shape.d;
    const struct block_state a = state_from(n, l, r0);
    const struct block_transposed *t = &n->transposed[l];
    const isg_gemm plain = {0};
    float *dx = n->dx + r0 * d, *dy = n->dy + r0 * d;
    weight_grad(n, GRAD(W2), GRAD(B2), a.g, dx, rows, 4 * d, d);
    product(n, n->dh, dx, t->w2, rows, 4 * d, d, (isg_gemm){.by = a.slope});
    weight_grad(n, GRAD(W1), GRAD(B1), a.y2, n->dh, rows, d, 4 * d);
    product(n, dy, n->dh, t->w1, rows, d, 4 * d, plain);
    norm_back(n, true, WEIGHT(GAIN2), GRAD(GAIN2), GRAD(BIAS2), a.x2, a.stat2, r0, rows);

    weight_grad(n, GRAD(WO), GRAD(BO), a.o, dx, rows, d, d);
    product(n, dy, dx, t->wo, rows, d, d, plain);
}

static void back_from_attention(isg_net *n, size_t l, size_t r0, size_t rows)
{
    const size_t d = n->shape.d;
    const struct block_state a = state_from(n, l, r0);
    const float *dqkv = n->dqkv + r0 * 3 * d;
    weight_grad(n, GRAD(WQKV), GRAD(BQKV), a.y1, dqkv, rows, d, 3 * d);
    product(n, n->dy + r0 * d, dqkv, n->transposed[l].wqkv, rows, d, 3 * d, (isg_gemm){0});
    norm_back(n, true, WEIGHT(GAIN1), GRAD(GAIN1), GRAD(BIAS1), a.x, a.stat1, r0, rows);
}

/* n->dx holds the gradient of the block's output and becomes that of its input. */
static void block_backward(isg_net *n, size_t l, size_t sequences)
{
    const size_t R = sequences * n->shape.context;
    const isg_attention s = attention(n, sequences);
    const struct block_state *a = &n->state[l];
    for (size_t r = 0; r < R; r += n->chunk) back_to_attention(n, l, r, chunk_rows(n, r, R));
    isg_par_attend_back(&n->par, &s, n->dqkv, n->dy, a->o, a->stat, a->e, a->qkv);
    for (size_t r = 0; r < R; r += n->chunk) back_from_attention(n, l, r, chunk_rows(n, r, R));
}

#undef WEIGHT
#undef GRAD

void isg_net_forward(isg_net *n, const uint8_t *input, size_t sequences)
{
    const size_t d = n->shape.d, R = sequences * n->shape.context, L = n->shape.layers;
    float *w = n->weights;

    isg_par_embed(&n->par, n->state[0].x, top(n, w, ISG_TOP_WTE), top(n, w, ISG_TOP_WPE), input, R,
                  n->shape.context, d);
    for (size_t l = 0; l < L; l++) block_forward(n, l, sequences);
    isg_par_norm(&n->par, n->y, n->stat, n->state[L].x, top(n, w, ISG_TOP_GAIN),
                 top(n, w, ISG_TOP_BIAS), R, d);
    product(n, n->logits, n->y, n->wte_t, R, ISG_VOCAB, d, (isg_gemm){0});
}

void isg_net_nats(const isg_net *n, const uint8_t *target, size_t sequences, float *nats)
{
    isg_par_xent(&n->par, nats, n->logits, target, sequences * n->shape.context);
}

void isg_net_zero_grads(isg_net *n)
{
    memset(n->grads, 0, isg_net_params(&n->shape) * sizeof *n->grads);
}

/* The embedding is the head, too. Its sums go over the rows that one thread takes at a time, first
 * from the head, then from the input: in this order whatever the number of threads. */
static void embedding_grads(isg_net *n, const uint8_t *input, size_t R)
{
    const size_t d = n->shape.d, T = n->shape.context, most = micro_for(&n->shape, 1, 0) * T;
    float *wte = top(n, n->grads, ISG_TOP_WTE), *wpe = top(n, n->grads, ISG_TOP_WPE);
    for (size_t r = 0, rows; r < R; r += rows) {
        rows = R - r < most ? R - r : most;
        weight_grad(n, wte, NULL, n->logits + r * ISG_VOCAB, n->y + r * d, rows, ISG_VOCAB, d);
        isg_par_embed_back(&n->par, wte, wpe, n->dx + r * d, input + r, rows, T, d, d);
    }
}

void isg_net_backward(isg_net *n, const uint8_t *input, const uint8_t *target, size_t sequences,
                      float scale)
{
    const size_t d = n->shape.d, R = sequences * n->shape.context, L = n->shape.layers;
    float *w = n->weights, *g = n->grads;

    isg_par_xent_back(&n->par, n->logits, target, R, scale);
    product(n, n->dy, n->logits, top(n, w, ISG_TOP_WTE), R, d, ISG_VOCAB, (isg_gemm){0});
    norm_back(n, false, top(n, w, ISG_TOP_GAIN), top(n, g, ISG_TOP_GAIN), top(n, g, ISG_TOP_BIAS),
              n->state[L].x, n->stat, 0, R);
    for (size_t l = L; l-- > 0;) block_backward(n, l, sequences);
    embedding_grads(n, input, R);
}
