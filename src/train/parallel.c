#include "parallel.h"

/* What parts are made of: rows of register tiles, columns of panels and of vectors. */
enum { ROWS = 16, PANEL = 64, LANES = 16 };

/* ---- products ---------------------------------------------------------------- */

struct gemm_work {
    const isg_kernels *k;
    const isg_gemm *g;
    bool by_rows;
};

static isg_gemm gemm_rows(isg_gemm g, isg_share r, bool sums)
{
    g.m = r.end - r.first;
    g.a += g.a_transposed ? r.first : r.first * g.lda;
    g.c += r.first * g.ldc;
    if (g.from) g.from += r.first * g.ldc;
    if (g.start) g.start += r.first;
    if (g.slope) g.slope += r.first * g.ldc;
    if (g.by) g.by += r.first * g.ldby;
    if (!sums) g.b_sums = NULL;
    return g;
}

static isg_gemm gemm_cols(isg_gemm g, isg_share r)
{
    g.n = r.end - r.first;
    g.b += r.first;
    g.c += r.first;
    if (g.from) g.from += r.first;
    if (g.bias) g.bias += r.first;
    if (g.slope) g.slope += r.first;
    if (g.by) g.by += r.first;
    if (g.b_sums) g.b_sums += r.first;
    return g;
}

static void gemm_part(void *ctx, size_t part, size_t parts)
{
    const struct gemm_work *w = ctx;
    isg_gemm g = w->by_rows
                     ? gemm_rows(*w->g, isg_team_share(w->g->m, ROWS, part, parts), part == 0)
                     : gemm_cols(*w->g, isg_team_share(w->g->n, PANEL, part, parts));
    if (g.m && g.n) w->k->gemm(&g);
}

/* The largest part's share of the work. */
static double largest(size_t n, size_t unit, size_t parts)
{
    isg_share s = isg_team_share(n, unit, 0, parts);
    return (double)(s.end - s.first) / (double)n;
}

void isg_par_gemm(const isg_parallel *p, const isg_gemm *g)
{
    if (!p->team) {
        p->k->gemm(g);
        return;
    }
    size_t threads = isg_team_size(p->team);
    double rows = largest(g->m, ROWS, threads), cols = largest(g->n, PANEL, threads);
    /* A panel of b is copied by everybody who uses it; few rows each are not worth that. */
    bool prefer_rows = !g->a_transposed || g->m >= g->n;
    struct gemm_work w = {p->k, g, prefer_rows ? rows <= cols : rows < cols};
    isg_team_run(p->team, gemm_part, &w);
}

/* ---- by rows ------------------------------------------------------------------- */

/* One kernel's arguments; letters are those of its wrapper. */
struct work {
    const isg_kernels *k;
    float *y, *z;
    const float *a, *b, *c, *d;
    const uint8_t *token;
    size_t rows, cols, context, ldy, lda;
    float scale;
    bool add;
};

static void run(const isg_parallel *p, isg_team_work *part, struct work w)
{
    w.k = p->k;
    isg_team_run(p->team, part, &w);
}

static void transpose_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share r = isg_team_share(w->rows, ROWS, part, parts);
    w->k->transpose(w->y + r.first, w->ldy, w->a + r.first * w->lda, w->lda, r.end - r.first,
                    w->cols);
}

void isg_par_transpose(const isg_parallel *p, float *out, size_t ldo, const float *a, size_t lda,
                       size_t rows, size_t cols)
{
    run(p, transpose_part,
        (struct work){.y = out, .ldy = ldo, .a = a, .lda = lda, .rows = rows, .cols = cols});
}

static void embed_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share r = isg_team_share(w->rows, ROWS, part, parts);
    for (size_t at = r.first, n; at < r.end; at += n) { /* positions of one sequence at a time */
        size_t t = at % w->context;
        n = w->context - t < r.end - at ? w->context - t : r.end - at;
        w->k->embed(w->y + at * w->cols, w->a, w->b + t * w->cols, w->token + at, n, w->context,
                    w->cols);
    }
}

void isg_par_embed(const isg_parallel *p, float *x, const float *wte, const float *wpe,
                   const uint8_t *token, size_t rows, size_t context, size_t d)
{
    run(p, embed_part,
        (struct work){.y = x,
                      .a = wte,
                      .b = wpe,
                      .token = token,
                      .rows = rows,
                      .context = context,
                      .cols = d});
}

static void norm_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share r = isg_team_share(w->rows, ROWS, part, parts);
    w->k->norm(w->y + r.first * w->cols, w->z + 2 * r.first, w->a + r.first * w->cols, w->b, w->c,
               r.end - r.first, w->cols);
}

void isg_par_norm(const isg_parallel *p, float *y, float *stat, const float *x, const float *gain,
                  const float *bias, size_t rows, size_t d)
{
    run(p, norm_part,
        (struct work){.y = y, .z = stat, .a = x, .b = gain, .c = bias, .rows = rows, .cols = d});
}

static void norm_back_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share r = isg_team_share(w->rows, ROWS, part, parts);
    w->k->norm_back(w->y + r.first * w->cols, w->add, w->a + r.first * w->cols,
                    w->b + r.first * w->cols, w->c + 2 * r.first, w->d, r.end - r.first, w->cols);
}

void isg_par_norm_back(const isg_parallel *p, float *dx, bool add, const float *dy, const float *x,
                       const float *stat, const float *gain, size_t rows, size_t d)
{
    run(p, norm_back_part,
        (struct work){
            .y = dx, .add = add, .a = dy, .b = x, .c = stat, .d = gain, .rows = rows, .cols = d});
}

static void xent_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share r = isg_team_share(w->rows, ROWS, part, parts);
    w->k->xent(w->y + r.first, w->a + r.first * ISG_VOCAB, w->token + r.first, r.end - r.first);
}

void isg_par_xent(const isg_parallel *p, float *nats, const float *logits, const uint8_t *target,
                  size_t rows)
{
    run(p, xent_part, (struct work){.y = nats, .a = logits, .token = target, .rows = rows});
}

static void xent_back_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share r = isg_team_share(w->rows, ROWS, part, parts);
    w->k->xent_back(w->y + r.first * ISG_VOCAB, w->token + r.first, r.end - r.first, w->scale);
}

void isg_par_xent_back(const isg_parallel *p, float *logits, const uint8_t *target, size_t rows,
                       float scale)
{
    run(p, xent_back_part,
        (struct work){.y = logits, .token = target, .rows = rows, .scale = scale});
}

/* ---- by columns ------------------------------------------------------------------ */

static void embed_back_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share c = isg_team_share(w->cols, LANES, part, parts);
    w->k->embed_back(w->y + c.first, w->z + c.first, w->a + c.first, w->token, w->rows, w->context,
                     c.end - c.first, w->lda);
}

void isg_par_embed_back(const isg_parallel *p, float *dwte, float *dwpe, const float *dx,
                        const uint8_t *token, size_t rows, size_t context, size_t cols, size_t d)
{
    run(p, embed_back_part,
        (struct work){.y = dwte,
                      .z = dwpe,
                      .a = dx,
                      .token = token,
                      .rows = rows,
                      .context = context,
                      .cols = cols,
                      .lda = d});
}

static void norm_sums_part(void *ctx, size_t part, size_t parts)
{
    const struct work *w = ctx;
    isg_share c = isg_team_share(w->cols, LANES, part, parts);
    w->k->norm_sums(w->y + c.first, w->z + c.first, w->a + c.first, w->b + c.first, w->c, w->rows,
                    c.end - c.first, w->lda);
}

void isg_par_norm_sums(const isg_parallel *p, float *dgain, float *dbias, const float *dy,
                       const float *x, const float *stat, size_t rows, size_t cols, size_t d)
{
    run(p, norm_sums_part,
        (struct work){.y = dgain,
                      .z = dbias,
                      .a = dy,
                      .b = x,
                      .c = stat,
                      .rows = rows,
                      .cols = cols,
                      .lda = d});
}

/* ---- by sequences and heads ------------------------------------------------------- */

struct attend_work {
    const isg_kernels *k;
    const isg_attention *s;
    float *y, *stat, *e;                              /* written */
    const float *dout, *out, *was_stat, *was_e, *qkv; /* read */
};

static isg_attention attention_part(const isg_attention *all, size_t part, size_t parts)
{
    isg_attention s = *all;
    isg_share u = isg_team_share(s.units, 1, part, parts);
    s.scratch += part * isg_attention_scratch(s.context, s.width);
    s.first += u.first;
    s.units = u.end - u.first;
    return s;
}

static void attend_part(void *ctx, size_t part, size_t parts)
{
    const struct attend_work *w = ctx;
    isg_attention s = attention_part(w->s, part, parts);
    w->k->attend(&s, w->y, w->stat, w->e, w->qkv);
}

void isg_par_attend(const isg_parallel *p, const isg_attention *s, float *out, float *stat,
                    float *e, const float *qkv)
{
    struct attend_work w = {.k = p->k, .s = s, .y = out, .stat = stat, .e = e, .qkv = qkv};
    isg_team_run(p->team, attend_part, &w);
}

static void attend_back_part(void *ctx, size_t part, size_t parts)
{
    const struct attend_work *w = ctx;
    isg_attention s = attention_part(w->s, part, parts);
    w->k->attend_back(&s, w->y, w->dout, w->out, w->was_stat, w->was_e, w->qkv);
}

void isg_par_attend_back(const isg_parallel *p, const isg_attention *s, float *dqkv,
                         const float *dout, const float *out, const float *stat, const float *e,
                         const float *qkv)
{
    struct attend_work w = {.k = p->k,
                            .s = s,
                            .y = dqkv,
                            .dout = dout,
                            .out = out,
                            .was_stat = stat,
                            .was_e = e,
                            .qkv = qkv};
    isg_team_run(p->team, attend_back_part, &w);
}

/* ---- by blocks -------------------------------------------------------------------- */

struct sum_work {
    const isg_kernels *k;
    const float *x;
    size_t n;
    double *blocks;
};

static void sum_part(void *ctx, size_t part, size_t parts)
{
    const struct sum_work *w = ctx;
    isg_share r = isg_team_share(w->n, ISG_SUM_BLOCK, part, parts);
    for (size_t at = r.first, n; at < r.end; at += n) {
        n = r.end - at < ISG_SUM_BLOCK ? r.end - at : ISG_SUM_BLOCK;
        w->blocks[at / ISG_SUM_BLOCK] = w->k->sum_squares(w->x + at, n);
    }
}

double isg_par_sum_squares(const isg_parallel *p, const float *x, size_t n, double *blocks)
{
    double total = 0;
    isg_team_run(p->team, sum_part, &(struct sum_work){p->k, x, n, blocks});
    for (size_t b = 0; b * ISG_SUM_BLOCK < n; b++) total += blocks[b];
    return total;
}
