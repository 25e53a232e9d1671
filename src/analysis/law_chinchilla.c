/* L = E + A/N^alpha + B/D^beta (Hoffmann et al. 2022), as
 * ln L = ln(exp(a - alpha ln N) + exp(b - beta ln D) + exp(e)).
 *
 * For given exponents the law is linear in E, A and B: a grid over the exponents
 * with relative least squares in closed form gives starts so good that Newton
 * needs a handful of steps ("variable projection"). The scan of a resample costs
 * one weighted Gram matrix. */

#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PA, PB, PE, ALPHA, BETA, PARAMS };
enum { GRID = 24 };
static const double GRID_LO = 0.04, GRID_HI = 1.2;

static double log_loss(const double *theta, const double *x, double *gradient)
{
    double p = isg_exp(theta[PA] - theta[ALPHA] * x[0]);
    double q = isg_exp(theta[PB] - theta[BETA] * x[1]);
    double r = isg_exp(theta[PE]);
    double s = p + q + r;

    if (gradient) {
        gradient[PA] = p / s;
        gradient[PB] = q / s;
        gradient[PE] = r / s;
        gradient[ALPHA] = -x[0] * p / s;
        gradient[BETA] = -x[1] * q / s;
    }
    return isg_ln(s);
}

static void shift(double *theta, const double *by)
{
    theta[PA] += theta[ALPHA] * by[0];
    theta[PB] += theta[BETA] * by[1];
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->chinchilla[squared][order];
}

/* ---- scan ------------------------------------------------------------------ */

struct isg_scan {
    const isg_kernel *kernel;
    size_t blocks, n_alpha, n_beta;
    bool tied; /* only the diagonal */
    double least_e;
    double alpha[GRID], beta[GRID];
    double *basis;                   /* memory of the columns below */
    const double *one, *y;           /* 1 and 1/L: everything is relative to L */
    const double *t[GRID], *q[GRID]; /* N^-alpha/L, D^-beta/L (centred) */
};

/* Weighted inner products of the basis; what a cell is solved from. */
typedef struct gram {
    double ww, wy, yy;
    double t1[GRID], ty[GRID], tt[GRID], q1[GRID], qy[GRID], qq[GRID], tq[GRID][GRID];
} gram;

static void set_axis(const isg_scan_limits *limits, size_t param, double *axis, size_t *n)
{
    *n = limits->fixed[param] ? 1 : GRID;
    for (size_t j = 0; j < *n; j++)
        axis[j] = GRID_LO + (double)j * (GRID_HI - GRID_LO) / (GRID - 1);
    if (limits->fixed[param]) axis[0] = limits->value[param];
}

static void scan_destroy(isg_scan **scan)
{
    if (!*scan) return;
    free((*scan)->basis);
    free(*scan);
    *scan = NULL;
}

static isg_err scan_create(const isg_kernel *kernel, const isg_rows *rows, const double *loss,
                           const isg_scan_limits *limits, isg_scan **out)
{
    isg_scan *s = calloc(1, sizeof *s);
    size_t stride = rows->blocks * ISG_LANES;

    *out = NULL;
    if (s) s->basis = isg_lanes_alloc(rows->blocks * (2 + 2 * GRID));
    if (!s || !s->basis) {
        scan_destroy(&s);
        return ISG_FAIL(ISG_ENOMEM, "no memory to scan %zu rows", rows->n);
    }
    s->kernel = kernel;
    s->blocks = rows->blocks;
    s->least_e = limits->log_loss_min - 8; /* where a cell with E <= 0 starts */
    s->tied = limits->tied_to[BETA] == ALPHA || limits->tied_to[ALPHA] == BETA;
    set_axis(limits, ALPHA, s->alpha, &s->n_alpha);
    set_axis(limits, BETA, s->beta, &s->n_beta);
    double *one = s->basis, *y = one + stride, *t = y + stride, *q = t + GRID * stride;
    s->one = one;
    s->y = y;
    for (size_t i = 0; i < rows->n; i++) {
        one[i] = 1;
        y[i] = 1 / loss[i];
    }
    for (size_t j = 0; j < GRID; j++, t += stride, q += stride) {
        s->t[j] = t;
        s->q[j] = q;
        for (size_t i = 0; i < rows->n; i++) {
            if (j < s->n_alpha) t[i] = isg_exp(-s->alpha[j] * rows->x[0][i]) / loss[i];
            if (j < s->n_beta) q[i] = isg_exp(-s->beta[j] * rows->x[1][i]) / loss[i];
        }
    }
    *out = s;
    return ISG_OK;
}

static size_t scan_work(const isg_scan *scan)
{
    return scan->blocks;
}

static void fill_gram(const isg_scan *s, const double *w, double *work, gram *m)
{
    const isg_kernel *k = s->kernel;
    const double *own[3] = {s->one, s->y, NULL};
    double sums[3];

    k->dots(w, own, 2, s->blocks, sums);
    m->ww = sums[0];
    m->wy = sums[1];
    k->times(w, s->y, s->blocks, work);
    k->dots(work, own + 1, 1, s->blocks, &m->yy);
    for (size_t j = 0; j < s->n_alpha; j++) {
        k->times(w, s->t[j], s->blocks, work);
        own[2] = s->t[j];
        k->dots(work, own, 3, s->blocks, sums);
        m->t1[j] = sums[0];
        m->ty[j] = sums[1];
        m->tt[j] = sums[2];
        if (s->tied)
            k->dots(work, s->q + j, 1, s->blocks, &m->tq[j][j]);
        else
            k->dots(work, s->q, s->n_beta, s->blocks, m->tq[j]);
    }
    for (size_t j = 0; j < s->n_beta; j++) {
        k->times(w, s->q[j], s->blocks, work);
        own[2] = s->q[j];
        k->dots(work, own, 3, s->blocks, sums);
        m->q1[j] = sums[0];
        m->qy[j] = sums[1];
        m->qq[j] = sums[2];
    }
}

/* Least squares of 1 on (1/L, t, q): E, A, B of a cell and the residual sum.
 * With E <= 0 the best E is 0. @return false if A or B would not be positive */
static bool solve_cell(const gram *m, size_t j, size_t k, double *rss, double abe[3])
{
    double l00 = sqrt(m->yy), l10 = m->ty[j] / l00, l20 = m->qy[k] / l00;
    double d1 = m->tt[j] - l10 * l10;
    if (!(d1 > 1e-12 * m->tt[j])) return false;
    double l11 = sqrt(d1), l21 = (m->tq[j][k] - l20 * l10) / l11,
           d2 = m->qq[k] - l20 * l20 - l21 * l21;
    if (!(d2 > 1e-12 * m->qq[k])) return false;
    double y0 = m->wy / l00, y1 = (m->t1[j] - l10 * y0) / l11;
    double l22 = sqrt(d2), y2 = (m->q1[k] - l20 * y0 - l21 * y1) / l22;
    abe[1] = y2 / l22;
    abe[0] = (y1 - l21 * abe[1]) / l11;
    abe[2] = (y0 - l10 * abe[0] - l20 * abe[1]) / l00;
    *rss = m->ww - y0 * y0 - y1 * y1 - y2 * y2;
    if (abe[2] <= 0) {
        double det = m->tt[j] * m->qq[k] - m->tq[j][k] * m->tq[j][k];
        abe[0] = (m->qq[k] * m->t1[j] - m->tq[j][k] * m->q1[k]) / det;
        abe[1] = (m->tt[j] * m->q1[k] - m->tq[j][k] * m->t1[j]) / det;
        abe[2] = 0;
        *rss = m->ww - abe[0] * m->t1[j] - abe[1] * m->q1[k];
    }
    return abe[0] > 0 && abe[1] > 0;
}

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* The least of `rss` that keeps its distance from the cells taken. */
static size_t next_cell(const double *rss, const size_t *taken, size_t n, size_t apart)
{
    size_t best = GRID * GRID;
    for (size_t cell = 0; cell < GRID * GRID; cell++) {
        bool near =
            !(rss[cell] < (double)INFINITY) || (best < GRID * GRID && rss[cell] >= rss[best]);
        for (size_t i = 0; i < n && !near; i++) {
            near = distance(cell / GRID, taken[i] / GRID) < apart &&
                   distance(cell % GRID, taken[i] % GRID) < apart;
        }
        if (!near) best = cell;
    }
    return best;
}

static size_t scan_find(const isg_scan *s, const double *w, double *work, size_t apart, size_t max,
                        double (*theta)[ISG_LAW_PARAMS])
{
    gram m;
    double rss[GRID * GRID], abe[3] = {0};
    size_t taken[16], n = 0;

    fill_gram(s, w, work, &m);
    for (size_t cell = 0; cell < GRID * GRID; cell++) {
        size_t j = cell / GRID, k = cell % GRID;
        bool used = j < s->n_alpha && k < s->n_beta && !(s->tied && j != k);
        if (!used || !solve_cell(&m, j, k, &rss[cell], abe)) rss[cell] = INFINITY;
    }
    while (n < max && n < 16) {
        size_t cell = next_cell(rss, taken, n, apart);
        if (cell == GRID * GRID) break;
        double unused;
        (void)solve_cell(&m, cell / GRID, cell % GRID, &unused, abe);
        theta[n][PA] = isg_ln(abe[0]);
        theta[n][PB] = isg_ln(abe[1]);
        theta[n][PE] = abe[2] > 0 ? isg_ln(abe[2]) : s->least_e;
        theta[n][ALPHA] = s->alpha[cell / GRID];
        theta[n][BETA] = s->beta[cell % GRID];
        taken[n++] = cell;
    }
    return n;
}

/* ---- entry ----------------------------------------------------------------- */

static double size_exponent(const double *p)
{
    return p[BETA] / (p[ALPHA] + p[BETA]);
}

static double data_exponent(const double *p)
{
    return p[ALPHA] / (p[ALPHA] + p[BETA]);
}

static const isg_law_derived derived[] = {
    {"a", "beta/(alpha+beta): best N grows as C^a", size_exponent},
    {"b", "alpha/(alpha+beta): best D grows as C^b", data_exponent},
};

static const isg_law_param params[PARAMS] = {
    {"A", true, -12, 8, -4, 1, "weight of the size term [loss parameter^alpha]"},
    {"B", true, -12, 8, -4, 1, "weight of the data term [loss token^beta]"},
    {"E", true, -12, 1, -3, -0.02, "loss of an infinite model on infinite data [loss]"},
    {"alpha", false, 0.01, 3, 0.05, 1.2, "exponent of model size"},
    {"beta", false, 0.01, 3, 0.05, 1.2, "exponent of data size"},
};

static const char *const vars[] = {"N", "D"};

static const isg_scan_type scan = {
    .create = scan_create,
    .destroy = scan_destroy,
    .work_blocks = scan_work,
    .find = scan_find,
};

extern const isg_law isg_law_chinchilla;
const isg_law isg_law_chinchilla = {
    .name = "chinchilla",
    .formula = "L = E + A/N^alpha + B/D^beta",
    .summary = "sum of an irreducible loss, a size term and a data term (Hoffmann et al. 2022)",
    .params = params,
    .n_params = PARAMS,
    .vars = vars,
    .n_vars = 2,
    .derived = derived,
    .n_derived = 2,
    .log_loss = log_loss,
    .shift = shift,
    .eval = eval,
    .scan = &scan,
};
