#include "isogloss/seeds.h"

#include "dist.h"
#include "isogloss/law.h"

#include <math.h>
#include <stdlib.h>

static const double NOISY_DENOMINATOR =
    0.05; /* Finney 1978: below, Fieller's is the delta method's */

const char *isg_seeds_method_name(isg_seeds_method method)
{
    static const char *const names[] = {"none", "t", "Welch", "Fieller"};
    return names[method];
}

/* Mean and the variance of the mean. */
static double mean_of(const double *x, size_t n, double *variance)
{
    double mean = 0, squares = 0;

    for (size_t i = 0; i < n; i++) mean += x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    *variance = n > 1 ? squares / (double)(n - 1) / (double)n : 0;
    return mean;
}

static void close_interval(isg_seeds_interval *i, double level)
{
    double t = isg_t_quantile(0.5 * (1 + level), i->df);
    i->lo = i->estimate - t * i->se;
    i->hi = i->estimate + t * i->se;
}

isg_seeds_interval isg_seeds_mean(const double *x, size_t n, double level)
{
    isg_seeds_interval out = {0};
    double variance;

    out.estimate = mean_of(x, n, &variance);
    if (n < 2) return out;
    out.method = ISG_SEEDS_T;
    out.se = sqrt(variance);
    out.df = (double)(n - 1);
    close_interval(&out, level);
    return out;
}

/* Welch 1947; two exact arms have the degrees of freedom of both. */
static double welch_df(double va, size_t n_a, double vb, size_t n_b)
{
    double sum = va + vb;
    if (!(sum > 0)) return (double)(n_a + n_b - 2);
    return sum * sum / (va * va / (double)(n_a - 1) + vb * vb / (double)(n_b - 1));
}

isg_seeds_interval isg_seeds_difference(const double *a, size_t n_a, const double *b, size_t n_b,
                                        double level)
{
    isg_seeds_interval out = {0};
    double va, vb, ma = mean_of(a, n_a, &va), mb = mean_of(b, n_b, &vb);

    out.estimate = ma - mb;
    if (n_a < 2 || n_b < 2) return out;
    out.method = ISG_SEEDS_WELCH;
    out.se = sqrt(va + vb);
    out.df = welch_df(va, n_a, vb, n_b);
    close_interval(&out, level);
    return out;
}

/* All R with (ma - R mb)^2 <= t^2 (va + R^2 vb) (Fieller 1954). */
static void fieller(double ma, double va, double mb, double vb, double t, isg_seeds_interval *out)
{
    double t2 = t * t, a = mb * mb - t2 * vb, b = ma * mb, c = ma * ma - t2 * va;

    out->method = ISG_SEEDS_FIELLER;
    out->unbounded = !(a > 0);
    if (out->unbounded) return;
    double root = sqrt(fmax(b * b - a * c, 0));
    out->lo = (b - root) / a;
    out->hi = (b + root) / a;
}

isg_seeds_interval isg_seeds_ratio(const double *a, size_t n_a, const double *b, size_t n_b,
                                   double level)
{
    isg_seeds_interval out = {0};
    double va, vb, ma = mean_of(a, n_a, &va), mb = mean_of(b, n_b, &vb);

    if (!(fabs(mb) > 0)) return out;
    out.estimate = ma / mb;
    if (n_a < 2 || n_b < 2) return out;
    double from_a = va / (mb * mb), from_b = out.estimate * out.estimate * vb / (mb * mb);
    out.se = sqrt(from_a + from_b);
    out.df = welch_df(from_a, n_a, from_b, n_b);
    double t = isg_t_quantile(0.5 * (1 + level), out.df);
    if (t * t * vb > NOISY_DENOMINATOR * mb * mb) {
        fieller(ma, va, mb, vb, t, &out);
    } else {
        out.method = ISG_SEEDS_WELCH;
        close_interval(&out, level);
    }
    return out;
}

/* ---- noise of runs ---------------------------------------------------------------- */

typedef struct seed_row {
    size_t setting, run, at;
    double order, y;
} seed_row;

/* By run and order: the last of each run counts. */
static int by_run(const void *a, const void *b)
{
    const seed_row *x = a, *y = b;
    if (x->run != y->run) return x->run < y->run ? -1 : 1;
    if (x->order < y->order || x->order > y->order) return x->order < y->order ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_setting(const void *a, const void *b)
{
    const seed_row *x = a, *y = b;
    if (x->setting != y->setting) return x->setting < y->setting ? -1 : 1;
    return x->run < y->run ? -1 : x->run > y->run;
}

/* Squares within settings of rows in order of their setting. */
static double pool(const seed_row *row, size_t n, isg_run_noise *out)
{
    double squares = 0;

    for (size_t i = 0, end; i < n; i = end) {
        double mean = 0;
        for (end = i; end < n && row[end].setting == row[i].setting; end++) mean += row[end].y;
        if (end - i < 2) continue;
        mean /= (double)(end - i);
        for (size_t k = i; k < end; k++) squares += (row[k].y - mean) * (row[k].y - mean);
        out->settings++;
        out->runs += end - i;
    }
    out->df = out->runs - out->settings;
    return squares;
}

isg_err isg_run_noise_of(const size_t *setting, const size_t *run, const double *order,
                         const double *loss, size_t n, double level, isg_run_noise *out)
{
    seed_row *row = malloc((n + 1) * sizeof *row);
    size_t kept = 0;

    *out = (isg_run_noise){0};
    if (!row) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu observations", n);
    for (size_t i = 0; i < n; i++)
        row[i] = (seed_row){setting[i], run[i], i, order ? order[i] : 0, isg_ln(loss[i])};
    qsort(row, n, sizeof *row, by_run);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 == n || row[i + 1].run != row[i].run) row[kept++] = row[i];
    }
    qsort(row, kept, sizeof *row, by_setting);
    double squares = pool(row, kept, out);
    free(row);
    if (!out->df) return ISG_OK;
    out->sd = sqrt(squares / (double)out->df);
    out->lo = sqrt(squares / isg_chi2_quantile(0.5 * (1 + level), (double)out->df));
    out->hi = sqrt(squares / isg_chi2_quantile(0.5 * (1 - level), (double)out->df));
    return ISG_OK;
}
