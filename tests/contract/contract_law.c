/* Every law of the table keeps the same promises: its gradient is the
 * derivative of its value, its vector objective is the sum over rows of that
 * value, every kernel gives the same bits, a planted truth comes back, and the
 * order of rows does not matter. */

#include "analysis/kernel.h"
#include "check.h"
#include "isogloss/fit.h"
#include "isogloss/numerics.h"
#include "isogloss/rng.h"

#include <stdlib.h>

enum { ROWS = 61, P = ISG_LAW_PARAMS, V = ISG_LAW_VARS };

static double uniform(isg_rng *r, double lo, double hi)
{
    return lo + (hi - lo) * isg_rng_double(r);
}

static void random_theta(const isg_law *law, isg_rng *r, double *theta)
{
    for (size_t j = 0; j < law->n_params; j++) {
        theta[j] = uniform(r, law->params[j].start_lo, law->params[j].start_hi);
    }
}

/* A variable as laws see it: logs around the centre, amounts around one unit. */
static double random_x(const isg_law *law, isg_rng *r, size_t k, double spread)
{
    return law->vars[k].kind == ISG_VAR_AMOUNT ? uniform(r, 0, spread)
                                               : uniform(r, -spread, spread);
}

static double largest(double a, double b)
{
    return fabs(a) > fabs(b) ? fabs(a) : fabs(b);
}

static void check_gradient(const isg_law *law)
{
    isg_rng r;
    double worst = 0;

    isg_rng_at(&r, 1, ISG_RNG_TEST, 0);
    for (int trial = 0; trial < 200; trial++) {
        double theta[P], x[V], g[P], moved[P];
        random_theta(law, &r, theta);
        for (size_t k = 0; k < law->n_vars; k++) x[k] = random_x(law, &r, k, 4);
        (void)law->log_loss(law, theta, x, g);
        for (size_t j = 0; j < law->n_params; j++) {
            const double h = 1e-5;
            memcpy(moved, theta, sizeof moved);
            moved[j] = theta[j] + h;
            double up = law->log_loss(law, moved, x, NULL);
            moved[j] = theta[j] - h;
            double slope = (up - law->log_loss(law, moved, x, NULL)) / (2 * h);
            worst = largest(worst, (slope - g[j]) / largest(1, g[j]));
        }
    }
    CHECK_NEAR(worst, 0, 1e-8);
}

/* Moving the origin and theta together changes nothing. */
static void check_shift(const isg_law *law)
{
    isg_rng r;
    isg_rng_at(&r, 2, ISG_RNG_TEST, 0);
    for (int trial = 0; trial < 50; trial++) {
        double theta[P], x[V], by[V];
        random_theta(law, &r, theta);
        for (size_t k = 0; k < law->n_vars; k++) {
            const isg_law_var *var = &law->vars[k];
            x[k] = random_x(law, &r, k, 3);
            by[k] = var->kind == ISG_VAR_PLAIN                    ? 0
                    : var->kind == ISG_VAR_LOG || var->scale == k ? uniform(&r, -5, 5)
                                                                  : by[var->scale];
        }
        double before = law->log_loss(law, theta, x, NULL);
        law->shift(law, theta, by);
        for (size_t k = 0; k < law->n_vars; k++)
            x[k] = law->vars[k].kind == ISG_VAR_AMOUNT ? x[k] * isg_exp(by[k]) : x[k] + by[k];
        CHECK_NEAR(law->log_loss(law, theta, x, NULL), before, 1e-12);
    }
}

typedef struct sample {
    isg_rows rows;
    double *memory;
} sample;

static sample make_rows(const isg_law *law, bool squared)
{
    isg_rng r;
    size_t blocks = (ROWS + ISG_LANES - 1) / ISG_LANES, stride = blocks * ISG_LANES;
    sample s = {.memory = isg_lanes_alloc(blocks * (law->n_vars + 2))};

    isg_rng_at(&r, 3, ISG_RNG_TEST, squared);
    s.rows = (isg_rows){.n = ROWS, .blocks = blocks, .y = s.memory, .w = s.memory + stride};
    for (size_t k = 0; k < law->n_vars; k++) s.rows.x[k] = s.memory + (2 + k) * stride;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < law->n_vars; k++) s.rows.x[k][i] = random_x(law, &r, k, 3);
        s.rows.y[i] = squared ? uniform(&r, 1, 3) : uniform(&r, 0, 1);
        s.rows.w[i] = (double)isg_rng_below(&r, 4);
    }
    return s;
}

static double plain_sum(const isg_law *law, const isg_rows *rows, const double *theta, double delta,
                        bool squared)
{
    double sum = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double x[V];
        for (size_t k = 0; k < law->n_vars; k++) x[k] = rows->x[k][i];
        double f = law->log_loss(law, theta, x, NULL), r = rows->y[i] - (squared ? isg_exp(f) : f);
        double rho = fabs(r) <= delta || squared ? 0.5 * r * r : delta * (fabs(r) - 0.5 * delta);
        sum += rows->w[i] * rho;
    }
    return sum;
}

static void check_objective(const isg_law *law, bool squared)
{
    const isg_kernel *kernel = isg_kernels[0];
    sample s = make_rows(law, squared);
    const double delta = 0.4, h = 1e-6;
    size_t n = law->n_params;
    isg_rng r;

    isg_rng_at(&r, 4, ISG_RNG_TEST, 0);
    for (int trial = 0; trial < 20; trial++) {
        double theta[P], moved[P], g[P], hess[P * P], up[P], down[P], unused[P * P];
        random_theta(law, &r, theta);
        double f = law->eval(kernel, squared, 2)(law, &s.rows, theta, delta, g, hess);
        CHECK_NEAR(f, plain_sum(law, &s.rows, theta, delta, squared), 1e-12);
        CHECK(!(law->eval(kernel, squared, 0)(law, &s.rows, theta, delta, NULL, NULL) < f));
        for (size_t j = 0; j < n; j++) {
            memcpy(moved, theta, sizeof moved);
            moved[j] += h;
            double f_up = law->eval(kernel, squared, 2)(law, &s.rows, moved, delta, up, unused);
            moved[j] -= 2 * h;
            double f_down = law->eval(kernel, squared, 1)(law, &s.rows, moved, delta, down, NULL);
            CHECK_NEAR(g[j], (f_up - f_down) / (2 * h), 1e-6);
            for (size_t i = 0; i < n; i++) {
                CHECK_NEAR(hess[i * n + j], (up[i] - down[i]) / (2 * h), 1e-2); /* kinks of Huber */
                CHECK(!(hess[i * n + j] < hess[j * n + i]) && !(hess[i * n + j] > hess[j * n + i]));
            }
        }
    }
    free(s.memory);
}

/* Median of |analytic - difference| of the Hessian: a kink hits single entries, an error hits all.
 */
static void check_hessian(const isg_law *law)
{
    sample s = make_rows(law, false);
    size_t n = law->n_params;
    double theta[P], moved[P], g[P], hess[P * P], up[P], down[P], unused[P * P];
    isg_rng r;

    isg_rng_at(&r, 5, ISG_RNG_TEST, 0);
    random_theta(law, &r, theta);
    (void)law->eval(isg_kernels[0], false, 2)(law, &s.rows, theta, 100, g,
                                              hess); /* no kink within reach */
    for (size_t j = 0; j < n; j++) {
        const double h = 1e-5;
        memcpy(moved, theta, sizeof moved);
        moved[j] += h;
        (void)law->eval(isg_kernels[0], false, 2)(law, &s.rows, moved, 100, up, unused);
        moved[j] -= 2 * h;
        (void)law->eval(isg_kernels[0], false, 2)(law, &s.rows, moved, 100, down, unused);
        for (size_t i = 0; i < n; i++)
            CHECK_NEAR(hess[i * n + j], (up[i] - down[i]) / (2 * h), 1e-7);
    }
    free(s.memory);
}

static void check_same_bits(const isg_law *law)
{
    for (int squared = 0; squared < 2; squared++) {
        sample s = make_rows(law, squared);
        double theta[P], want_g[P] = {0}, want_h[P * P] = {0};
        isg_rng r;
        isg_rng_at(&r, 6, ISG_RNG_TEST, 0);
        random_theta(law, &r, theta);
        double want =
            law->eval(isg_kernels[0], squared, 2)(law, &s.rows, theta, 0.1, want_g, want_h);
        for (int level = 1; level < ISG_KERNELS; level++) {
            double g[P] = {0}, h[P * P] = {0};
            if (!isg_numerics_supported(isg_numerics_of_level(level)) || !isg_kernels[level])
                continue;
            double f = law->eval(isg_kernels[level], squared, 2)(law, &s.rows, theta, 0.1, g, h);
            CHECK(!memcmp(&f, &want, sizeof f));
            CHECK(!memcmp(g, want_g, sizeof g));
            CHECK(!memcmp(h, want_h, sizeof h));
        }
        free(s.memory);
    }
}

static const double UNIT = 1e8;

static double natural_of(const isg_law *law, size_t k, double x)
{
    switch (law->vars[k].kind) {
    case ISG_VAR_LOG: return UNIT * isg_exp(x);
    case ISG_VAR_AMOUNT: return UNIT * x;
    default: return x;
    }
}

/* Data exactly on the law: every objective must find the truth. */
static void check_recovery(const isg_law *law)
{
    static const isg_objective objectives[] = {ISG_HUBER, ISG_LAD, ISG_LSQ, ISG_LOG_LSQ};
    double column[V][ROWS], loss[ROWS], shuffled[V][ROWS], shuffled_loss[ROWS];
    isg_obs obs = {.n = ROWS, .loss = loss}, other = {.n = ROWS, .loss = shuffled_loss};
    isg_rng r;

    isg_rng_at(&r, 7, ISG_RNG_TEST, 0);
    for (int trial = 0; trial < 6; trial++) {
        double theta[P], x[V];
        for (size_t j = 0; j < law->n_params; j++) {
            const isg_law_param *p = &law->params[j];
            theta[j] = uniform(&r, 0.7 * p->start_lo + 0.3 * p->start_hi,
                               0.3 * p->start_lo + 0.7 * p->start_hi);
        }
        for (size_t i = 0; i < ROWS; i++) {
            for (size_t k = 0; k < law->n_vars; k++) {
                x[k] = random_x(law, &r, k, 3);
                column[k][i] = natural_of(law, k, x[k]);
            }
            loss[i] = isg_exp(law->log_loss(law, theta, x, NULL));
        }
        for (size_t i = 0; i < ROWS; i++) {
            size_t to = i * 17 % ROWS;
            for (size_t k = 0; k < law->n_vars; k++) shuffled[k][to] = column[k][i];
            shuffled_loss[to] = loss[i];
        }
        for (size_t k = 0; k < law->n_vars; k++) {
            obs.var[k] = column[k];
            other.var[k] = shuffled[k];
        }
        for (size_t o = 0; o < 4; o++) {
            isg_fit_options options = isg_fit_defaults();
            isg_problem *problem = NULL, *second = NULL;
            isg_workspace *w = NULL, *w2 = NULL;
            isg_fit fit, refit;
            double want[P], by[V];
            options.law = law;
            options.objective = objectives[o];
            CHECK_OK(isg_problem_create(&options, &obs, &problem));
            CHECK_OK(isg_problem_create(&options, &other, &second));
            if (!problem || !second) return;
            CHECK_OK(isg_workspace_create(problem, &w));
            CHECK_OK(isg_workspace_create(second, &w2));
            CHECK_OK(isg_fit_full(problem, w, &fit));
            CHECK_OK(isg_fit_full(second, w2, &refit));
            memcpy(want, theta, sizeof want);
            for (size_t k = 0; k < law->n_vars; k++)
                by[k] = law->vars[k].kind == ISG_VAR_PLAIN ? 0 : isg_ln(UNIT);
            law->shift(law, want, by);
            CHECK(fit.converged);
            for (size_t j = 0; j < law->n_params; j++) {
                double got = law->params[j].log ? isg_ln(fit.natural[j]) : fit.natural[j];
                CHECK_NEAR(got, want[j], 1e-6);
                CHECK(fit.identified[j] && fit.free[j] && !fit.at_bound[j]);
                CHECK_NEAR(refit.natural[j] / fit.natural[j], 1, 1e-6);
            }
            isg_workspace_destroy(&w);
            isg_workspace_destroy(&w2);
            isg_problem_destroy(&problem);
            isg_problem_destroy(&second);
        }
    }
}

int main(void)
{
    for (const isg_law *const *law = isg_laws; *law; law++) {
        const isg_law *found = NULL;
        CHECK_OK(isg_law_find((*law)->name, &found));
        CHECK(found == *law);
        CHECK((*law)->n_params <= P && (*law)->n_vars <= V && (*law)->formula && (*law)->summary);
        check_gradient(*law);
        check_shift(*law);
        check_objective(*law, false);
        check_objective(*law, true);
        check_hessian(*law);
        check_same_bits(*law);
        check_recovery(*law);
    }
    return check_done();
}
