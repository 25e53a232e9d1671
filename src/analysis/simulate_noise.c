/* Noise of simulated worlds. Whole residual vectors change hands between
 * clusters of a stratum. Splitting them into an effect of the cluster and the rest and drawing
 * the two apart would count the rest twice (a cluster's mean holds its share of
 * it) and lose how points follow one another. */

#include "isogloss/simulate.h"
#include "problem.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_STRATUM = 12, STRATA = 8 };
static const double LEAST_FREE = 1.0 / 16; /* 1 - leverage: a residual grows fourfold at most */

typedef struct stratum {
    size_t first, n; /* in noise->order */
    bool equal;      /* its clusters have as many rows each */
} stratum;

struct isg_noise {
    size_t n, n_clusters;
    size_t *start; /* [n_clusters + 1] in `row` */
    size_t *row;   /* [n] rows of a cluster in their order */
    /* residuals */
    size_t *order;   /* [n_clusters] clusters by stratum */
    size_t *stratum; /* [n_clusters] */
    stratum *strata;
    size_t n_strata;
    double *residual, *misfit; /* [n] */
    /* a plan */
    isg_noise_plan plan;
    double *scale; /* [n] of a plan; NULL: residuals */
};

void isg_noise_destroy(isg_noise **noise)
{
    isg_noise *s = *noise;
    if (!s) return;
    free(s->start);
    free(s->row);
    free(s->order);
    free(s->stratum);
    free(s->strata);
    free(s->residual);
    free(s->misfit);
    free(s->scale);
    free(s);
    *noise = NULL;
}

static isg_err no_memory(size_t n)
{
    return ISG_FAIL(ISG_ENOMEM, "no memory for the noise of %zu rows", n);
}

/* Rows by cluster. */
static isg_err create(size_t n, const size_t *cluster, size_t n_clusters, isg_noise **out)
{
    isg_noise *s = calloc(1, sizeof *s);

    *out = NULL;
    if (!s) return no_memory(n);
    s->n = n;
    s->n_clusters = n_clusters;
    s->start = calloc(n_clusters + 2, sizeof *s->start);
    s->row = malloc((n + 1) * sizeof *s->row);
    if (!s->start || !s->row) {
        isg_noise_destroy(&s);
        return no_memory(n);
    }
    for (size_t i = 0; i < n; i++) s->start[cluster[i] + 2]++;
    for (size_t g = 2; g < n_clusters + 2; g++) s->start[g] += s->start[g - 1];
    for (size_t i = 0; i < n; i++) s->row[s->start[cluster[i] + 1]++] = i;
    *out = s;
    return ISG_OK;
}

static size_t rows_of(const isg_noise *s, size_t g)
{
    return s->start[g + 1] - s->start[g];
}

/* ---- rows of a cluster in the order of the design ------------------------------------------- */

typedef struct placed {
    double x[2];
    size_t row;
} placed;

static int by_variables(const void *a, const void *b)
{
    const placed *p = a, *q = b;
    for (size_t k = 0; k < 2; k++) {
        if (p->x[k] < q->x[k] || p->x[k] > q->x[k]) return p->x[k] > q->x[k] ? 1 : -1;
    }
    return (p->row > q->row) - (p->row < q->row);
}

static isg_err order_rows(const isg_problem *p, isg_noise *s)
{
    placed *at = malloc(s->n * sizeof *at);

    if (!at) return no_memory(s->n);
    for (size_t k = 0; k < s->n; k++) {
        at[k] = (placed){.row = s->row[k]};
        for (size_t v = 0; v < 2 && v < p->law->n_vars; v++) at[k].x[v] = p->rows.x[v][s->row[k]];
    }
    for (size_t g = 0; g < s->n_clusters; g++)
        qsort(at + s->start[g], rows_of(s, g), sizeof *at, by_variables);
    for (size_t k = 0; k < s->n; k++) s->row[k] = at[k].row;
    free(at);
    return ISG_OK;
}

/* ---- strata ------------------------------------------------------------------------------ */

typedef struct spot {
    double at; /* in the direction of the split in hand */
    size_t cluster;
} spot;

static int by_place(const void *a, const void *b)
{
    const spot *x = a, *y = b;
    if (x->at < y->at || x->at > y->at) return x->at > y->at ? 1 : -1;
    return (x->cluster > y->cluster) - (x->cluster < y->cluster);
}

typedef struct splitting {
    isg_noise *noise;
    size_t dims, least;
    double *at; /* [n_clusters][dims], of standard deviation 1 */
    spot *spot; /* [n_clusters] */
} splitting;

static double deviation(const splitting *t, size_t dim, size_t first, size_t n)
{
    double mean = 0, squares = 0;
    for (size_t k = first; k < first + n; k++) mean += t->at[t->spot[k].cluster * t->dims + dim];
    mean /= (double)n;
    for (size_t k = first; k < first + n; k++) {
        double d = t->at[t->spot[k].cluster * t->dims + dim] - mean;
        squares += d * d;
    }
    return sqrt(squares / (double)n);
}

/* Means of the logs of variables over the cluster's rows; of the predicted log loss if the law
 * has no such variable. */
static void place_clusters(const isg_problem *p, const isg_fit *fit, splitting *t)
{
    const isg_noise *s = t->noise;

    for (size_t g = 0; g < s->n_clusters; g++) t->spot[g].cluster = g;
    for (size_t dim = 0, k = 0; dim < t->dims; k++) {
        if (k < p->law->n_vars && p->law->vars[k].kind != ISG_VAR_LOG) continue;
        for (size_t g = 0; g < s->n_clusters; g++) {
            double sum = 0;
            for (size_t i = s->start[g]; i < s->start[g + 1]; i++) {
                double x[ISG_LAW_VARS];
                for (size_t v = 0; v < p->law->n_vars; v++) x[v] = p->rows.x[v][s->row[i]];
                sum += k < p->law->n_vars ? x[k] : p->law->log_loss(p->law, fit->theta, x, NULL);
            }
            t->at[g * t->dims + dim] = sum / (double)rows_of(s, g);
        }
        double sd = deviation(t, dim, 0, s->n_clusters);
        for (size_t g = 0; sd > 0 && g < s->n_clusters; g++) t->at[g * t->dims + dim] /= sd;
        dim++;
    }
}

static void add_stratum(const splitting *t, size_t first, size_t n)
{
    isg_noise *s = t->noise;
    stratum *to = &s->strata[s->n_strata];

    *to = (stratum){.first = first, .n = n, .equal = true};
    for (size_t k = first; k < first + n; k++) {
        s->order[k] = t->spot[k].cluster;
        s->stratum[s->order[k]] = s->n_strata;
        to->equal = to->equal && rows_of(s, s->order[k]) == rows_of(s, s->order[first]);
    }
    s->n_strata++;
}

static void split(const splitting *t, size_t first, size_t n)
{
    size_t widest = 0;

    if (n < 2 * t->least) {
        add_stratum(t, first, n);
        return;
    }
    for (size_t d = 1; d < t->dims; d++) {
        if (deviation(t, d, first, n) > deviation(t, widest, first, n)) widest = d;
    }
    for (size_t k = first; k < first + n; k++)
        t->spot[k].at = t->at[t->spot[k].cluster * t->dims + widest];
    qsort(t->spot + first, n, sizeof *t->spot, by_place);
    split(t, first, n / 2);
    split(t, first + n / 2, n - n / 2);
}

static isg_err stratify(const isg_problem *p, const isg_fit *fit, isg_noise *s)
{
    splitting t = {.noise = s, .least = MIN_STRATUM};

    for (size_t k = 0; k < p->law->n_vars; k++) t.dims += p->law->vars[k].kind == ISG_VAR_LOG;
    if (!t.dims) t.dims = 1;
    if (t.least < s->n_clusters / STRATA) t.least = s->n_clusters / STRATA;
    t.at = calloc(s->n_clusters * t.dims, sizeof *t.at);
    t.spot = calloc(s->n_clusters, sizeof *t.spot);
    isg_err rc = t.at && t.spot ? ISG_OK : no_memory(s->n);
    if (!rc) {
        place_clusters(p, fit, &t);
        split(&t, 0, s->n_clusters);
    }
    free(t.at);
    free(t.spot);
    return rc;
}

/* ---- residuals as large as errors ------------------------------------------------------ */

/* What the residuals were taken from: columns that span what the fit could follow and, since
 * strata are centred, their means. Rows and residuals are weighted as by the objective: an
 * outlier moves a Huber fit less than its leverage says. */
typedef struct hat {
    size_t width, used;
    double *basis;  /* [rows][width], the first `used` columns orthonormal */
    double *weight; /* [rows] square root */
} hat;

static void fill_columns(const isg_problem *p, const isg_fit *fit, const isg_noise *s, hat *h)
{
    const double wide = fmax(fit->delta, 1.345 * fit->robust_sd); /* weights of LAD are too rough */

    for (size_t i = 0; i < s->n; i++) {
        double x[ISG_LAW_VARS], g[ISG_LAW_PARAMS], *to = h->basis + i * h->width;
        for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
        (void)p->law->log_loss(p->law, fit->theta, x, g);
        h->weight[i] = sqrt(wide / fmax(wide, fabs(s->residual[i])));
        if (!isfinite(wide) || !(wide > 0)) h->weight[i] = 1;
        for (size_t c = 0; c < p->map.n; c++) {
            if (fit->at_bound[p->map.owner[c]]) continue;
            for (size_t k = 0; k < p->law->n_params; k++) to[c] += p->map.t[k][c] * g[k];
            to[c] *= h->weight[i];
        }
    }
    for (size_t k = 0; k < s->n_clusters; k++) {
        for (size_t r = s->start[k]; r < s->start[k + 1]; r++)
            h->basis[s->row[r] * h->width + p->map.n + s->stratum[k]] = h->weight[s->row[r]];
    }
}

/* Gram-Schmidt, twice. */
static void orthonormalise(hat *h, size_t n)
{
    const size_t q = h->width;
    double *basis = h->basis;

    for (size_t c = 0; c < q; c++) {
        const size_t u = h->used;
        double before = 0, after = 0;
        for (size_t i = 0; i < n; i++) {
            basis[i * q + u] = basis[i * q + c];
            before += basis[i * q + u] * basis[i * q + u];
        }
        for (size_t b = 0; b < 2 * u; b++) {
            double dot = 0;
            for (size_t i = 0; i < n; i++) dot += basis[i * q + b % u] * basis[i * q + u];
            for (size_t i = 0; i < n; i++) basis[i * q + u] -= dot * basis[i * q + b % u];
        }
        for (size_t i = 0; i < n; i++) after += basis[i * q + u] * basis[i * q + u];
        if (!(after > 1e-16 * before)) continue; /* it follows from the others */
        for (size_t i = 0; i < n; i++) basis[i * q + u] /= sqrt(after);
        h->used++;
    }
}

/* r += U f(U'U) U'r over a cluster's rows: (1 - UU')^(-1/2) r, with f(s) = ((1-s)^(-1/2) - 1)/s.
 * @param to  [used] U'r  @param by  [used] scratch */
static isg_err inflate_by(const hat *h, gsl_matrix *a, const double *to, double *by)
{
    const size_t q = h->used;
    gsl_matrix *v = gsl_matrix_alloc(q, q);
    gsl_vector *e = gsl_vector_alloc(q);
    gsl_eigen_symmv_workspace *w = gsl_eigen_symmv_alloc(q);
    int status = v && e && w ? gsl_eigen_symmv(a, e, v, w) : GSL_ENOMEM;

    for (size_t k = 0; !status && k < q; k++) {
        double share = gsl_vector_get(e, k), along = 0;
        if (!(share > 1e-12)) continue;
        for (size_t j = 0; j < q; j++) along += gsl_matrix_get(v, j, k) * to[j];
        along *= (1 / sqrt(fmax(1 - share, LEAST_FREE)) - 1) / share;
        for (size_t j = 0; j < q; j++) by[j] += gsl_matrix_get(v, j, k) * along;
    }
    gsl_eigen_symmv_free(w);
    gsl_matrix_free(v);
    gsl_vector_free(e);
    return status ? ISG_FAIL(ISG_EFAIL, "gsl_eigen_symmv: %s", gsl_strerror(status)) : ISG_OK;
}

static isg_err inflate(isg_noise *s, size_t g, const hat *h)
{
    const size_t *row = s->row + s->start[g], m = rows_of(s, g), q = h->used;
    double *to = calloc(2 * q, sizeof *to), *by = to + q;
    gsl_matrix *a = gsl_matrix_calloc(q, q);
    isg_err rc = to && a ? ISG_OK : no_memory(s->n);

    for (size_t i = 0; !rc && i < m; i++) {
        const double *u = h->basis + row[i] * h->width;
        for (size_t j = 0; j < q; j++) {
            to[j] += u[j] * h->weight[row[i]] * s->residual[row[i]];
            for (size_t k = 0; k < q; k++)
                gsl_matrix_set(a, j, k, gsl_matrix_get(a, j, k) + u[j] * u[k]);
        }
    }
    if (!rc) rc = inflate_by(h, a, to, by);
    for (size_t i = 0; !rc && i < m; i++) {
        for (size_t j = 0; j < q; j++)
            s->residual[row[i]] += h->basis[row[i] * h->width + j] * by[j] / h->weight[row[i]];
    }
    gsl_matrix_free(a);
    free(to);
    return rc;
}

static isg_err inflate_all(const isg_problem *p, const isg_fit *fit, isg_noise *s)
{
    hat h = {.width = p->map.n + s->n_strata};
    isg_err rc = ISG_OK;

    h.basis = calloc(s->n * h.width, sizeof *h.basis);
    h.weight = malloc(s->n * sizeof *h.weight);
    if (!h.basis || !h.weight) rc = no_memory(s->n);
    gsl_error_handler_t *aborting = gsl_set_error_handler_off();
    if (!rc) fill_columns(p, fit, s, &h);
    if (!rc) orthonormalise(&h, s->n);
    for (size_t g = 0; h.used && !rc && g < s->n_clusters; g++) rc = inflate(s, g, &h);
    (void)gsl_set_error_handler(aborting);
    free(h.basis);
    free(h.weight);
    return rc;
}

/* The rows of clusters of equal size are centred place by place, which takes from the differences
 * within clusters, too. */
static void widen(isg_noise *s, const stratum *t)
{
    const double grow = t->equal && t->n > 1 ? sqrt((double)t->n / (double)(t->n - 1)) : 1;

    for (size_t k = t->first; k < t->first + t->n; k++) {
        const size_t g = s->order[k], m = rows_of(s, g), *row = s->row + s->start[g];
        double mean = 0;
        for (size_t j = 0; j < m; j++) mean += s->residual[row[j]] / (double)m;
        for (size_t j = 0; j < m; j++)
            s->residual[row[j]] = mean + grow * (s->residual[row[j]] - mean);
    }
}

/* ---- centring ------------------------------------------------------------------------------ */

typedef struct weighed {
    double r, w;
} weighed;

/* Where the objective would put a constant: the sum of psi vanishes, found by halving. */
static double location(const weighed *x, size_t n, double delta)
{
    double lo = x[0].r, hi = x[0].r;

    for (size_t i = 1; i < n; i++) {
        lo = fmin(lo, x[i].r);
        hi = fmax(hi, x[i].r);
    }
    for (int step = 0; step < 100 && lo < hi; step++) {
        double middle = lo + 0.5 * (hi - lo), sum = 0;
        for (size_t i = 0; i < n; i++) sum += x[i].w * fmin(fmax(x[i].r - middle, -delta), delta);
        if (sum > 0)
            lo = middle;
        else
            hi = middle;
    }
    return lo + 0.5 * (hi - lo);
}

/* Squares of the loss itself: the mean of exp(r) is to be one. */
static double log_mean(const weighed *x, size_t n)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i].w * isg_exp(x[i].r);
        weight += x[i].w;
    }
    return isg_ln(sum / weight);
}

static double centre_of(const isg_problem *p, const isg_fit *fit, const weighed *x, size_t n)
{
    return p->objective == ISG_LSQ ? log_mean(x, n) : location(x, n, fit->delta);
}

/* Clusters of equal size keep the places of their rows, so each place has a centre of its own.
 * @param x [n] scratch */
static void centre(const isg_problem *p, const isg_fit *fit, isg_noise *s, const stratum *t,
                   weighed *x)
{
    const size_t passes = t->equal ? rows_of(s, s->order[t->first]) : 1;

    for (size_t place = 0; place < passes; place++) {
        size_t n = 0;
        for (size_t k = t->first; k < t->first + t->n; k++) {
            const size_t g = s->order[k], m = rows_of(s, g);
            for (size_t j = t->equal ? place : 0; j < (t->equal ? place + 1 : m); j++)
                x[n++] =
                    (weighed){s->residual[s->row[s->start[g] + j]], 1 / (double)(t->equal ? 1 : m)};
        }
        const double middle = centre_of(p, fit, x, n);
        n = 0;
        for (size_t k = t->first; k < t->first + t->n; k++) {
            const size_t g = s->order[k], m = rows_of(s, g);
            for (size_t j = t->equal ? place : 0; j < (t->equal ? place + 1 : m); j++) {
                const size_t i = s->row[s->start[g] + j];
                s->residual[i] = x[n++].r - middle;
                s->misfit[i] = middle;
            }
        }
    }
}

static void set_residuals(const isg_problem *p, const isg_fit *fit, isg_noise *s)
{
    for (size_t i = 0; i < s->n; i++) {
        double x[ISG_LAW_VARS];
        for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
        s->residual[i] = isg_ln(p->loss[i]) - p->law->log_loss(p->law, fit->theta, x, NULL);
    }
}

isg_err isg_noise_of_fit(const isg_problem *p, const isg_fit *fit, const size_t *cluster,
                         size_t n_clusters, isg_noise **out)
{
    const size_t n = p->rows.n;
    isg_noise *s = NULL;
    weighed *x = malloc(n * sizeof *x);

    *out = NULL;
    isg_err rc = x ? ISG_OK : no_memory(n);
    if (!rc && n_clusters < 2)
        rc = ISG_FAIL(ISG_EDATA, "one cluster alone has no noise to draw from");
    if (!rc) rc = create(n, cluster, n_clusters, &s);
    if (!rc) {
        s->order = calloc(n_clusters, sizeof *s->order);
        s->stratum = calloc(n_clusters, sizeof *s->stratum);
        s->strata = calloc(n_clusters, sizeof *s->strata);
        s->residual = calloc(n, sizeof *s->residual);
        s->misfit = calloc(n, sizeof *s->misfit);
        if (!s->order || !s->stratum || !s->strata || !s->residual || !s->misfit) rc = no_memory(n);
    }
    if (!rc) rc = order_rows(p, s);
    if (!rc) set_residuals(p, fit, s);
    if (!rc) rc = stratify(p, fit, s);
    if (!rc) rc = inflate_all(p, fit, s);
    for (size_t k = 0; !rc && k < s->n_strata; k++) {
        widen(s, &s->strata[k]);
        centre(p, fit, s, &s->strata[k], x);
    }
    free(x);
    if (rc) isg_noise_destroy(&s);
    *out = s;
    return rc;
}

/* ---- plans ------------------------------------------------------------------------------------ */

isg_err isg_noise_planned(const isg_noise_plan *plan, const double *clean, size_t n,
                          const size_t *cluster, size_t n_clusters, isg_noise **out)
{
    isg_noise *s = NULL;
    double mean = 0;

    *out = NULL;
    ISG_TRY(create(n, cluster, n_clusters, &s));
    s->plan = *plan;
    s->scale = malloc((n + 1) * sizeof *s->scale);
    if (!s->scale) {
        isg_noise_destroy(&s);
        return no_memory(n);
    }
    for (size_t i = 0; i < n; i++) mean += isg_ln(clean[i]) / (double)n;
    for (size_t i = 0; i < n; i++) s->scale[i] = isg_exp(plan->power * (isg_ln(clean[i]) - mean));
    *out = s;
    return ISG_OK;
}

/* Of standard deviation 1. Polar methods on the analysis' own log, which gives the same bits on
 * every machine; Student's t after Bailey 1994 (Mathematics of Computation 62, 779). */
static double draw_one(const isg_noise_plan *plan, isg_rng *r)
{
    for (;;) {
        const double u = 2 * isg_rng_double(r) - 1;
        if (plan->shape == ISG_LAPLACE) {
            if (!(fabs(u) > 0)) continue;
            return copysign(sqrt(0.5) * isg_ln(fabs(u)), u);
        }
        const double v = 2 * isg_rng_double(r) - 1, s = u * u + v * v;
        if (!(s > 0 && s < 1)) continue;
        if (plan->shape == ISG_NORMAL) return u * sqrt(-2 * isg_ln(s) / s);
        return u * sqrt((plan->df - 2) * (isg_exp(-2 / plan->df * isg_ln(s)) - 1) / s);
    }
}

static void draw_planned(const isg_noise *s, isg_rng *r, double *out)
{
    for (size_t g = 0; g < s->n_clusters; g++) {
        const double shared = s->plan.run_sd > 0 ? s->plan.run_sd * draw_one(&s->plan, r) : 0;
        for (size_t k = s->start[g]; k < s->start[g + 1]; k++) {
            const size_t i = s->row[k];
            const double own = s->plan.point_sd > 0 ? s->plan.point_sd * draw_one(&s->plan, r) : 0;
            out[i] = s->scale[i] * (shared + own);
        }
    }
}

static void draw_residuals(const isg_noise *s, isg_rng *r, double *out)
{
    for (size_t g = 0; g < s->n_clusters; g++) {
        const stratum *t = &s->strata[s->stratum[g]];
        const size_t donor = s->order[t->first + isg_rng_below(r, t->n)], m = rows_of(s, donor);
        const size_t from = t->equal ? 0 : isg_rng_below(r, m);
        for (size_t j = 0; j < rows_of(s, g); j++)
            out[s->row[s->start[g] + j]] = s->residual[s->row[s->start[donor] + (from + j) % m]];
    }
}

void isg_noise_draw(const isg_noise *s, isg_rng *r, double *out)
{
    if (s->scale)
        draw_planned(s, r, out);
    else
        draw_residuals(s, r, out);
}

const double *isg_noise_misfit(const isg_noise *s)
{
    return s->misfit;
}

size_t isg_noise_strata(const isg_noise *s)
{
    return s->n_strata;
}
