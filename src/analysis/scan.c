#include "scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PA, PB, PE, ALPHA, BETA, LINEAR };
enum { GRID = ISG_GRID };
static const double GRID_LO = 0.04, GRID_HI = 1.2;

struct isg_scan {
    const isg_kernel *kernel;
    size_t blocks, n_alpha, n_beta;
    bool tied; /* only the diagonal */
    double least_e;
    size_t n_params;
    double held[ISG_LAW_PARAMS]; /* parameters after the fifth */
    double alpha[GRID], beta[GRID];
    double *basis; /* memory of the columns below */
    const double *one,
        *y; /* 1 and 1/L (without the factor on all terms): everything is relative to L */
    const double *t[GRID], *q[GRID]; /* N^-alpha/L, D^-beta/L (centred, with their factors) */
};

static void set_axis(const isg_scan_data *data, size_t param, double *axis, size_t *n)
{
    *n = data->fixed[param] ? 1 : GRID;
    for (size_t j = 0; j < *n; j++)
        axis[j] = GRID_LO + (double)j * (GRID_HI - GRID_LO) / (GRID - 1);
    if (data->fixed[param]) axis[0] = data->value[param];
}

void isg_scan_destroy(isg_scan **scan)
{
    if (!*scan) return;
    free((*scan)->basis);
    free(*scan);
    *scan = NULL;
}

/* 1/L and, in `view`, the logs of effective size and data and of their factors. */
static void view_rows(const isg_scan_data *data, double *one, double *y, double *const view[4])
{
    const isg_rows *rows = data->rows;

    for (size_t i = 0; i < rows->n; i++) {
        double x[ISG_LAW_VARS];
        isg_law_view v = {0};
        for (size_t k = 0; k < data->law->n_vars; k++) x[k] = rows->x[k][i];
        data->law->view(data->law, data->theta, x, &v);
        one[i] = 1;
        y[i] = 1 / (data->loss[i] * isg_exp(-v.whole));
        view[0][i] = v.n;
        view[1][i] = v.d;
        view[2][i] = v.on_n;
        view[3][i] = v.on_d;
    }
}

/* out = exp(factor - exponent x) y */
static void fill_column(const isg_scan *s, double exponent, const double *x, const double *factor,
                        size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) out[i] = factor[i] - exponent * x[i];
    s->kernel->exps(out, s->blocks, out);
    s->kernel->times(out, s->y, s->blocks, out);
}

isg_err isg_scan_create(const isg_scan_data *data, isg_scan **out)
{
    const isg_rows *rows = data->rows;
    isg_scan *s = calloc(1, sizeof *s);
    size_t stride = rows->blocks * ISG_LANES;
    double *views = isg_lanes_alloc(rows->blocks * 4);

    *out = NULL;
    if (s) s->basis = isg_lanes_alloc(rows->blocks * (2 + 2 * GRID));
    if (!s || !s->basis || !views) {
        free(views);
        isg_scan_destroy(&s);
        return ISG_FAIL(ISG_ENOMEM, "no memory to scan %zu rows", rows->n);
    }
    s->kernel = data->kernel;
    s->blocks = rows->blocks;
    s->n_params = data->law->n_params;
    for (size_t k = LINEAR; k < s->n_params; k++) s->held[k] = data->theta[k];
    s->least_e = data->log_loss_min - 8; /* where a cell with E <= 0 starts */
    const bool one_exponent = s->n_params <= BETA;
    s->tied = one_exponent || data->tied_to[BETA] == ALPHA || data->tied_to[ALPHA] == BETA;
    set_axis(data, ALPHA, s->alpha, &s->n_alpha);
    set_axis(data, one_exponent ? ALPHA : BETA, s->beta, &s->n_beta);
    double *one = s->basis, *y = one + stride, *t = y + stride, *q = t + GRID * stride;
    double *const view[4] = {views, views + stride, views + 2 * stride, views + 3 * stride};
    s->one = one;
    s->y = y;
    view_rows(data, one, y, view);
    for (size_t j = 0; j < GRID; j++, t += stride, q += stride) {
        s->t[j] = t;
        s->q[j] = q;
        if (j < s->n_alpha) fill_column(s, s->alpha[j], view[0], view[2], rows->n, t);
        if (j < s->n_beta) fill_column(s, s->beta[j], view[1], view[3], rows->n, q);
    }
    free(views);
    *out = s;
    return ISG_OK;
}

size_t isg_scan_work(size_t blocks)
{
    return 2 * blocks;
}

static void fill_gram(const isg_scan *s, const double *w, double *work, isg_gram *m)
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
        double *wt = work + (j & 1) * s->blocks * ISG_LANES;
        k->times(w, s->t[j], s->blocks, wt);
        own[2] = s->t[j];
        k->dots(wt, own, 3, s->blocks, sums);
        m->t1[j] = sums[0];
        m->ty[j] = sums[1];
        m->tt[j] = sums[2];
        if (s->tied) {
            k->dots(wt, s->q + j, 1, s->blocks, &m->tq[j][j]);
        } else if (j & 1) {
            const double *const pair[2] = {wt - s->blocks * ISG_LANES, wt};
            double *const out[2] = {m->tq[j - 1], m->tq[j]};
            k->dots2(pair, s->q, s->n_beta, s->blocks, out);
        } else if (j + 1 == s->n_alpha) {
            k->dots(wt, s->q, s->n_beta, s->blocks, m->tq[j]);
        }
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
static bool solve_cell(const isg_gram *m, size_t j, size_t k, double *rss, double abe[3])
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

size_t isg_scan_find(const isg_scan *s, const double *w, double *work, size_t apart, size_t max,
                     double (*theta)[ISG_LAW_PARAMS], double *objective)
{
    isg_gram m = {0};
    _Alignas(64) double rss[GRID * GRID];
    double abe[3] = {0};
    size_t taken[16], n = 0;

    fill_gram(s, w, work, &m);
    for (size_t j = 0; j < GRID; j++) {
        double *row = rss + j * GRID;
        if (j < s->n_alpha && !s->tied) {
            s->kernel->cells(&m, j, row);
            continue;
        }
        for (size_t k = 0; k < GRID; k++) row[k] = INFINITY;
        if (j < s->n_alpha && j < s->n_beta && !solve_cell(&m, j, j, &row[j], abe))
            row[j] = INFINITY;
    }
    while (n < max && n < 16) {
        size_t cell = next_cell(rss, taken, n, apart);
        if (cell == GRID * GRID) break;
        if (!solve_cell(&m, cell / GRID, cell % GRID, &objective[n], abe)) {
            rss[cell] = INFINITY; /* singular but for rounding */
            continue;
        }
        for (size_t k = LINEAR; k < s->n_params; k++) theta[n][k] = s->held[k];
        theta[n][PA] = isg_ln(abe[0]);
        theta[n][PB] = isg_ln(abe[1]);
        theta[n][PE] = abe[2] > 0 ? isg_ln(abe[2]) : s->least_e;
        theta[n][ALPHA] = s->alpha[cell / GRID];
        theta[n][BETA] = s->beta[cell % GRID];
        taken[n++] = cell;
    }
    return n;
}
