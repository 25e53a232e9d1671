/* Every kernel's part of a scan: two sums at once are those taken one by one, the
 * cells of a Gram matrix are solved as by elimination in long double, and every
 * instruction set gives the same bits. */

#include "analysis/kernel.h"
#include "check.h"
#include "isogloss/numerics.h"
#include "isogloss/rng.h"

#include <stdlib.h>

enum { BLOCKS = 6, ROWS = BLOCKS * ISG_LANES, G = ISG_GRID };

typedef struct columns {
    double *memory, *w, *one, *y, *t[G], *q[G];
} columns;

static columns make_columns(uint64_t trial)
{
    columns c = {.memory = isg_lanes_alloc(BLOCKS * (3 + 2 * G))};
    double *next = c.memory;
    isg_rng r;

    isg_rng_at(&r, 31, ISG_RNG_TEST, trial);
    c.w = next, next += ROWS;
    c.one = next, next += ROWS;
    c.y = next, next += ROWS;
    for (size_t j = 0; j < G; j++, next += 2 * ROWS) {
        c.t[j] = next;
        c.q[j] = next + ROWS;
    }
    for (size_t i = 0; i < ROWS; i++) {
        double n = 4 * isg_rng_double(&r) - 2, d = 4 * isg_rng_double(&r) - 2;
        double loss = (trial % 2 ? 0 : 1) + isg_exp(-0.4 * n) + 0.7 * isg_exp(-0.3 * d);
        loss *= 1 + 0.02 * (isg_rng_double(&r) - 0.5);
        c.w[i] = (double)isg_rng_below(&r, 4);
        c.one[i] = 1;
        c.y[i] = 1 / loss;
        for (size_t j = 0; j < G; j++) {
            double e = 0.04 + 0.05 * (double)j;
            c.t[j][i] = isg_exp(-e * n) / loss;
            c.q[j][i] = isg_exp(-e * d) / loss;
        }
    }
    return c;
}

static long double inner(const columns *c, const double *a, const double *b)
{
    long double sum = 0;
    for (size_t i = 0; i < ROWS; i++) sum += (long double)c->w[i] * a[i] * b[i];
    return sum;
}

static void fill_gram(const columns *c, isg_gram *m)
{
    m->ww = (double)inner(c, c->one, c->one);
    m->wy = (double)inner(c, c->one, c->y);
    m->yy = (double)inner(c, c->y, c->y);
    for (size_t j = 0; j < G; j++) {
        m->t1[j] = (double)inner(c, c->t[j], c->one);
        m->ty[j] = (double)inner(c, c->t[j], c->y);
        m->tt[j] = (double)inner(c, c->t[j], c->t[j]);
        m->q1[j] = (double)inner(c, c->q[j], c->one);
        m->qy[j] = (double)inner(c, c->q[j], c->y);
        m->qq[j] = (double)inner(c, c->q[j], c->q[j]);
        for (size_t k = 0; k < G; k++) m->tq[j][k] = (double)inner(c, c->t[j], c->q[k]);
    }
}

/* Least squares of 1 on n columns by elimination. @return residual sum of squares */
static long double solve(const columns *c, const double *const *v, size_t n, long double *x)
{
    long double a[3][4], left = inner(c, c->one, c->one);

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) a[i][j] = inner(c, v[i], v[j]);
        a[i][n] = inner(c, v[i], c->one);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            long double f = a[k][i] / a[i][i];
            for (size_t j = i; j <= n; j++) a[k][j] -= f * a[i][j];
        }
    }
    for (size_t i = n; i-- > 0;) {
        x[i] = a[i][n];
        for (size_t j = i + 1; j < n; j++) x[i] -= a[i][j] * x[j];
        x[i] /= a[i][i];
    }
    for (size_t i = 0; i < n; i++) left -= x[i] * inner(c, v[i], c->one);
    return left;
}

static void check_cell(const columns *c, size_t j, size_t k, double got)
{
    const double *const three[] = {c->y, c->t[j], c->q[k]};
    long double x[3], rss = solve(c, three, 3, x);

    if (fabsl(x[0]) < 1e-4L || fabsl(x[1]) < 1e-4L || fabsl(x[2]) < 1e-4L)
        return; /* rounding decides */
    if (x[0] < 0) {
        rss = solve(c, three + 1, 2, x + 1);
        if (fabsl(x[1]) < 1e-4L || fabsl(x[2]) < 1e-4L) return;
    }
    if (x[1] > 0 && x[2] > 0)
        CHECK_NEAR(got / (double)rss, 1, 1e-6);
    else
        CHECK(isinf(got));
}

static void check_cells(const columns *c, isg_gram *m)
{
    size_t finite = 0, infinite = 0;

    fill_gram(c, m);
    for (size_t j = 0; j < G; j++) {
        _Alignas(64) double want[G], rss[G];
        isg_kernels[0]->cells(m, j, want);
        for (size_t k = 0; k < G; k++) {
            check_cell(c, j, k, want[k]);
            finite += isfinite(want[k]) ? 1 : 0;
            infinite += isfinite(want[k]) ? 0 : 1;
        }
        for (int level = 1; level < ISG_KERNELS; level++) {
            if (!isg_numerics_supported(isg_numerics_of_level(level)) || !isg_kernels[level])
                continue;
            isg_kernels[level]->cells(m, j, rss);
            CHECK(!memcmp(rss, want, sizeof want));
        }
    }
    CHECK(finite > G && infinite > 0);
}

static void check_dots(const columns *c, const isg_kernel *kernel)
{
    const double *const pair[2] = {c->w, c->t[3]}, *const *v = (const double *const *)c->q;
    double one[2][G] = {{0}}, both[2][G] = {{0}}, *const out[2] = {both[0], both[1]};

    for (size_t n = 1; n <= G; n += 5) { /* also not in fours */
        kernel->dots(pair[0], v, n, BLOCKS, one[0]);
        kernel->dots(pair[1], v, n, BLOCKS, one[1]);
        kernel->dots2(pair, v, n, BLOCKS, out);
        CHECK(!memcmp(one, both, sizeof one));
    }
}

int main(void)
{
    for (uint64_t trial = 0; trial < 4; trial++) {
        columns c = make_columns(trial);
        static isg_gram m;
        check_cells(&c, &m);
        for (int level = 0; level < ISG_KERNELS; level++) {
            if (isg_kernels[level] && isg_numerics_supported(isg_numerics_of_level(level)))
                check_dots(&c, isg_kernels[level]);
        }
        free(c.memory);
    }
    return check_done();
}
