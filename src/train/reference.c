#include "reference.h"

#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef isg_real real;

/* c(m,n) = bias(n) + a(m,k) b(k,n) */
static void matmul(real *c, const real *a, const real *b, const real *bias, size_t m, size_t n,
                   size_t k)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) c[i * n + j] = bias ? bias[j] : 0;
        for (size_t p = 0; p < k; p++) {
            for (size_t j = 0; j < n; j++) c[i * n + j] += a[i * k + p] * b[p * n + j];
        }
    }
}

/* da(m,k) = dc(m,n) b^T, db(k,n) += a^T dc, dbias(n) += column sums of dc */
static void matmul_back(real *da, real *db, real *dbias, const real *dc, const real *a,
                        const real *b, size_t m, size_t n, size_t k)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t p = 0; p < k; p++) {
            real sum = 0;
            for (size_t j = 0; j < n; j++) {
                sum += dc[i * n + j] * b[p * n + j];
                db[p * n + j] += a[i * k + p] * dc[i * n + j];
            }
            da[i * k + p] = sum;
        }
        for (size_t j = 0; j < n && dbias; j++) dbias[j] += dc[i * n + j];
    }
}

static void moments(const real *x, size_t d, real *mean, real *rstd)
{
    real m = 0, v = 0;
    for (size_t i = 0; i < d; i++) m += x[i] / (real)d;
    for (size_t i = 0; i < d; i++) v += (x[i] - m) * (x[i] - m) / (real)d;
    *mean = m;
    *rstd = 1 / sqrt(v + 1e-5);
}

void isg_reference_norm(real *y, const real *x, const real *gain, const real *bias, size_t rows,
                        size_t d)
{
    for (size_t r = 0; r < rows; r++, x += d, y += d) {
        real mean, rstd;
        moments(x, d, &mean, &rstd);
        for (size_t i = 0; i < d; i++) y[i] = (x[i] - mean) * rstd * gain[i] + bias[i];
    }
}

/* dx(rows,d) += */
static void norm_back(real *dx, real *dgain, real *dbias, const real *dy, const real *x,
                      const real *gain, size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++, x += d, dx += d, dy += d) {
        real mean, rstd, sum_e = 0, sum_eh = 0;
        moments(x, d, &mean, &rstd);
        for (size_t i = 0; i < d; i++) {
            real h = (x[i] - mean) * rstd;
            dgain[i] += dy[i] * h;
            dbias[i] += dy[i];
            sum_e += dy[i] * gain[i];
            sum_eh += dy[i] * gain[i] * h;
        }
        for (size_t i = 0; i < d; i++) {
            real h = (x[i] - mean) * rstd;
            dx[i] += rstd * (dy[i] * gain[i] - sum_e / (real)d - h * sum_eh / (real)d);
        }
    }
}

static const real root_2_pi = 0.79788456080286536; /* sqrt(2 / pi) */

real isg_reference_gelu(real x)
{
    return x / 2 * (1 + tanh(root_2_pi * (x + 0.044715 * x * x * x)));
}

real isg_reference_gelu_slope(real x)
{
    real t = tanh(root_2_pi * (x + 0.044715 * x * x * x));
    return (1 + t) / 2 + x / 2 * (1 - t * t) * root_2_pi * (1 + 3 * 0.044715 * x * x);
}

void isg_reference_attend(real *out, real *p, const real *qkv, size_t T, size_t heads, size_t width)
{
    const size_t d = heads * width;
    memset(out, 0, T * d * sizeof *out);
    memset(p, 0, heads * T * T * sizeof *p);
    for (size_t h = 0; h < heads; h++) {
        for (size_t t = 0; t < T; t++) {
            const real *q = qkv + t * 3 * d + h * width;
            real *row = p + (h * T + t) * T, top = -INFINITY, sum = 0;
            for (size_t u = 0; u <= t; u++) {
                const real *k = qkv + u * 3 * d + d + h * width;
                for (size_t i = 0; i < width; i++) row[u] += q[i] * k[i] / sqrt((real)width);
                top = fmax(top, row[u]);
            }
            for (size_t u = 0; u <= t; u++) sum += row[u] = exp(row[u] - top);
            for (size_t u = 0; u <= t; u++) {
                const real *v = qkv + u * 3 * d + 2 * d + h * width;
                row[u] /= sum;
                for (size_t i = 0; i < width; i++) out[t * d + h * width + i] += row[u] * v[i];
            }
        }
    }
}

void isg_reference_attend_back(real *dqkv, const real *dout, const real *p, const real *qkv,
                               size_t T, size_t heads, size_t width)
{
    const size_t d = heads * width;
    memset(dqkv, 0, T * 3 * d * sizeof *dqkv);
    for (size_t h = 0; h < heads; h++) {
        for (size_t t = 0; t < T; t++) {
            const real *row = p + (h * T + t) * T, *g = dout + t * d + h * width;
            const size_t q = t * 3 * d + h * width;
            real dot = 0; /* sum over u of p dp */
            for (size_t u = 0; u <= t; u++) {
                const real *v = qkv + u * 3 * d + 2 * d + h * width;
                for (size_t i = 0; i < width; i++) dot += row[u] * g[i] * v[i];
            }
            for (size_t u = 0; u <= t; u++) {
                const size_t k = u * 3 * d + d + h * width, v = k + d;
                real dp = 0;
                for (size_t i = 0; i < width; i++) dp += g[i] * qkv[v + i];
                real ds = row[u] * (dp - dot) / sqrt((real)width);
                for (size_t i = 0; i < width; i++) {
                    dqkv[v + i] += row[u] * g[i];
                    dqkv[q + i] += ds * qkv[k + i];
                    dqkv[k + i] += ds * qkv[q + i];
                }
            }
        }
    }
}

/* Everything one sequence leaves behind in one block. */
struct trace {
    real *x, *y1, *qkv, *p, *o, *x2, *y2, *f, *g;
};

static size_t trace_size(const isg_net_shape *s)
{
    return s->context * (16 * s->d + s->heads * s->context);
}

static struct trace trace_at(real *base, const isg_net_shape *s, size_t layer)
{
    const size_t rows = s->context * s->d;
    real *b = base + layer * trace_size(s);
    struct trace a = {.x = b, .y1 = b + rows, .qkv = b + 2 * rows, .o = b + 5 * rows};
    a.x2 = b + 6 * rows;
    a.y2 = b + 7 * rows;
    a.f = b + 8 * rows;
    a.g = b + 12 * rows;
    a.p = b + 16 * rows;
    return a;
}

#define BLOCK(base, which) ((base) + isg_net_block_at(s, l, ISG_BLOCK_##which))
#define TOP(base, which) ((base) + isg_net_top_at(s, ISG_TOP_##which))

static void block_forward(const isg_net_shape *s, const real *w, size_t l, const struct trace *a,
                          real *next)
{
    const size_t T = s->context, d = s->d;
    isg_reference_norm(a->y1, a->x, BLOCK(w, GAIN1), BLOCK(w, BIAS1), T, d);
    matmul(a->qkv, a->y1, BLOCK(w, WQKV), BLOCK(w, BQKV), T, 3 * d, d);
    isg_reference_attend(a->o, a->p, a->qkv, T, s->heads, d / s->heads);
    matmul(a->x2, a->o, BLOCK(w, WO), BLOCK(w, BO), T, d, d);
    for (size_t i = 0; i < T * d; i++) a->x2[i] += a->x[i];
    isg_reference_norm(a->y2, a->x2, BLOCK(w, GAIN2), BLOCK(w, BIAS2), T, d);
    matmul(a->f, a->y2, BLOCK(w, W1), BLOCK(w, B1), T, 4 * d, d);
    for (size_t i = 0; i < T * 4 * d; i++) a->g[i] = isg_reference_gelu(a->f[i]);
    matmul(next, a->g, BLOCK(w, W2), BLOCK(w, B2), T, d, 4 * d);
    for (size_t i = 0; i < T * d; i++) next[i] += a->x2[i];
}

/* dx(T,d): gradient of the block's output, then of its input; tmp holds (T,5d). */
static void block_backward(const isg_net_shape *s, const real *w, real *g, size_t l,
                           const struct trace *a, real *dx, real *tmp)
{
    const size_t T = s->context, d = s->d;
    real *dy = tmp, *dh = tmp + T * d;
    matmul_back(dh, BLOCK(g, W2), BLOCK(g, B2), dx, a->g, BLOCK(w, W2), T, d, 4 * d);
    for (size_t i = 0; i < T * 4 * d; i++) dh[i] *= isg_reference_gelu_slope(a->f[i]);
    matmul_back(dy, BLOCK(g, W1), BLOCK(g, B1), dh, a->y2, BLOCK(w, W1), T, 4 * d, d);
    norm_back(dx, BLOCK(g, GAIN2), BLOCK(g, BIAS2), dy, a->x2, BLOCK(w, GAIN2), T, d);

    matmul_back(dy, BLOCK(g, WO), BLOCK(g, BO), dx, a->o, BLOCK(w, WO), T, d, d);
    isg_reference_attend_back(dh, dy, a->p, a->qkv, T, s->heads, d / s->heads);
    matmul_back(dy, BLOCK(g, WQKV), BLOCK(g, BQKV), dh, a->y1, BLOCK(w, WQKV), T, 3 * d, d);
    norm_back(dx, BLOCK(g, GAIN1), BLOCK(g, BIAS1), dy, a->x, BLOCK(w, GAIN1), T, d);
}

/* logits(T,256) become softmax - onehot. @return sum of nats */
static real xent(real *logits, const uint8_t *target, size_t T)
{
    real nats = 0;
    for (size_t t = 0; t < T; t++) {
        real *z = logits + t * ISG_VOCAB, top = -INFINITY, sum = 0, chosen = z[target[t]];
        for (size_t i = 0; i < ISG_VOCAB; i++) top = fmax(top, z[i]);
        for (size_t i = 0; i < ISG_VOCAB; i++) sum += exp(z[i] - top);
        for (size_t i = 0; i < ISG_VOCAB; i++) z[i] = exp(z[i] - top) / sum;
        z[target[t]] -= 1;
        nats += log(sum) + top - chosen;
    }
    return nats;
}

isg_err isg_reference_pass(const isg_net_shape *s, const real *w, const uint8_t *input,
                           const uint8_t *target, real *nats, real *g)
{
    const size_t T = s->context, d = s->d, L = s->layers;
    real *traces = calloc((L + 1) * trace_size(s), sizeof *traces);
    real *buffer = calloc(T * (7 * d + ISG_VOCAB) + ISG_VOCAB * d, sizeof *buffer);
    if (!traces || !buffer) {
        free(traces);
        free(buffer);
        return ISG_FAIL(ISG_ENOMEM, "out of memory for the reference model");
    }
    real *y = buffer, *dx = y + T * d, *tmp = dx + T * d, *logits = tmp + T * 5 * d,
         *wte_t = logits + T * ISG_VOCAB;
    const real *wte = TOP(w, WTE), *wpe = TOP(w, WPE);
    real *last = trace_at(traces, s, L).x;

    for (size_t t = 0; t < T; t++) {
        for (size_t i = 0; i < d; i++) traces[t * d + i] = wte[input[t] * d + i] + wpe[t * d + i];
    }
    for (size_t l = 0; l < L; l++) {
        struct trace a = trace_at(traces, s, l);
        block_forward(s, w, l, &a, trace_at(traces, s, l + 1).x);
    }
    isg_reference_norm(y, last, TOP(w, GAIN), TOP(w, BIAS), T, d);
    for (size_t v = 0; v < ISG_VOCAB; v++) {
        for (size_t i = 0; i < d; i++) wte_t[i * ISG_VOCAB + v] = wte[v * d + i];
    }
    matmul(logits, y, wte_t, NULL, T, ISG_VOCAB, d);
    *nats = xent(logits, target, T);

    if (g) {
        real *dy = tmp, *dwte = TOP(g, WTE), *dwpe = TOP(g, WPE);
        for (size_t t = 0; t < T; t++) {
            for (size_t i = 0; i < d; i++) dy[t * d + i] = 0;
            for (size_t v = 0; v < ISG_VOCAB; v++) {
                for (size_t i = 0; i < d; i++) {
                    dy[t * d + i] += logits[t * ISG_VOCAB + v] * wte[v * d + i];
                    dwte[v * d + i] += logits[t * ISG_VOCAB + v] * y[t * d + i];
                }
            }
        }
        norm_back(dx, TOP(g, GAIN), TOP(g, BIAS), dy, last, TOP(w, GAIN), T, d);
        for (size_t l = L; l-- > 0;) {
            struct trace a = trace_at(traces, s, l);
            block_backward(s, w, g, l, &a, dx, tmp);
        }
        for (size_t t = 0; t < T; t++) {
            for (size_t i = 0; i < d; i++) {
                dwte[input[t] * d + i] += dx[t * d + i];
                dwpe[t * d + i] += dx[t * d + i];
            }
        }
    }
    free(traces);
    free(buffer);
    return ISG_OK;
}
