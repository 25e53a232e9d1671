/* Every law of the table keeps the same promises: its value is that of the
 * formula as papers print it, its gradient and Hessian are the derivatives of
 * its value, its vector objective is the sum over rows of that value, every
 * kernel gives the same bits, a planted truth comes back, and the order of rows
 * does not matter. */

#include "analysis/kernel.h"
#include "check.h"
#include "isogloss/atlas.h"
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

/* ---- the formulas, in natural parameters and variables ------------------------- */

static double chinchilla(const double *p, const double *v)
{
    return p[2] + p[0] / pow(v[0], p[3]) + p[1] / pow(v[1], p[4]);
}

static double repeated(double amount, double whole, double most)
{
    return amount > whole ? whole - whole * most * expm1(-(amount / whole - 1) / most) : amount;
}

static double dcsl(const double *p, const double *v)
{
    const double unique = fmin(v[2], v[1]), g = pow(p[3] * p[0] / (p[4] * p[1]), 1 / (p[3] + p[4]));
    const double used = pow(unique * g, p[4] / p[3]) * g;

    return p[2] + p[0] / pow(repeated(v[0], used, p[6]), p[3]) +
           p[1] / pow(repeated(v[1], unique, p[5]), p[4]);
}

static double msl(const double *p, const double *v)
{
    return chinchilla(p, v) * pow(v[2], -p[5]);
}

static double curse(const double *p, const double *v)
{
    return p[2] + p[0] * pow(v[2], p[5]) / pow(v[0], p[3]) +
           p[1] * pow(v[2], p[6]) / pow(v[1], p[4]);
}

static double gadre(const double *p, const double *v)
{
    const double flops = 6 * v[1] * v[0] * v[0];
    return p[2] + (p[0] * pow(v[1], p[3]) + p[1] * pow(v[1], -p[3])) * pow(flops, -p[3]);
}

static double clark(const double *p, const double *v)
{
    const double start = 1 / (1 / p[4] - 1 / p[5]), n = log10(v[0]);
    const double experts = log10(1 / (1 / (v[1] - 1 + start) + 1 / p[5]));
    return pow(10, p[0] * n + p[1] * experts + p[2] * n * experts + p[3]);
}

/* The template: three sources and others. */
static double atlas(const double *p, const double *v)
{
    double effective = 0;
    for (size_t k = 0; k < 5; k++) {
        const double d = v[1 + 2 * k], u = v[2 + 2 * k], lambda = p[5];
        effective +=
            (k ? p[5 + k] : 1) * (d > u ? u - u * expm1(-lambda * (d / u - 1)) / lambda : d);
    }
    return p[2] + p[0] / pow(v[0], p[3]) + p[1] / pow(fmax(effective, 1e-3 * v[1]), p[4]);
}

static const struct known {
    const char *name;
    double (*loss)(const double *natural, const double *var);
    double plain_lo, plain_hi; /* variables that are plain numbers: spread evenly in their logs */
} knowns[] = {
    {"chinchilla", chinchilla, 0, 0}, {"dcsl", dcsl, 0, 0},   {"msl", msl, 0, 0},
    {"curse", curse, 0, 0},           {"gadre", gadre, 0, 0}, {"clark", clark, 1, 512},
    {"atlas", atlas, 0, 0},
};

static const struct known *known_of(const isg_law *law)
{
    for (size_t k = 0; k < sizeof knowns / sizeof *knowns; k++) {
        if (!strcmp(knowns[k].name, law->name)) return &knowns[k];
    }
    return NULL;
}

/* A variable as laws see it: logs around the centre, amounts around one unit. */
static double random_x(const isg_law *law, isg_rng *r, size_t k, double spread)
{
    const struct known *known = known_of(law);

    switch (law->vars[k].kind) {
    case ISG_VAR_AMOUNT: return uniform(r, 0, spread);
    case ISG_VAR_PLAIN: return exp(uniform(r, log(known->plain_lo), log(known->plain_hi)));
    default: return uniform(r, -spread, spread);
    }
}

static double largest(double a, double b)
{
    return fabs(a) > fabs(b) ? fabs(a) : fabs(b);
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

/* theta of variables in natural units from that of logs and amounts around UNIT */
static void uncentre(const isg_law *law, double *theta)
{
    double by[V];

    for (size_t k = 0; k < law->n_vars; k++)
        by[k] = law->vars[k].kind == ISG_VAR_PLAIN ? 0 : isg_ln(UNIT);
    law->shift(law, theta, by);
}

static void check_formula(const isg_law *law)
{
    const struct known *known = known_of(law);
    isg_rng r;
    double worst = 0;

    isg_rng_at(&r, 8, ISG_RNG_TEST, 0);
    for (int trial = 0; trial < 500; trial++) {
        double theta[P], natural[P], var[V];
        random_theta(law, &r, theta);
        uncentre(law, theta);
        for (size_t j = 0; j < law->n_params; j++)
            natural[j] = law->params[j].log ? exp(theta[j]) : theta[j];
        for (size_t k = 0; k < law->n_vars; k++)
            var[k] = natural_of(law, k, random_x(law, &r, k, 4));
        worst = largest(worst, isg_law_loss(law, natural, var) / known->loss(natural, var) - 1);
    }
    CHECK_NEAR(worst, 0, 2e-12);
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
    CHECK_NEAR(worst, 0, 1e-7);
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

/* The Hessian against differences of gradients, with no kink of Huber's within reach. */
static void check_hessian(const isg_law *law, bool squared)
{
    sample s = make_rows(law, squared);
    const isg_law_eval eval = law->eval(isg_kernels[0], squared, 2);
    const double far = 100, h = 1e-5;
    size_t n = law->n_params;
    isg_rng r;

    isg_rng_at(&r, 5, ISG_RNG_TEST, 0);
    for (int trial = 0; trial < 8; trial++) {
        double theta[P], moved[P], g[P], hess[P * P], up[P], down[P], unused[P * P], scale = 1;
        random_theta(law, &r, theta);
        (void)eval(law, &s.rows, theta, far, g, hess);
        for (size_t j = 0; j < n * n; j++) scale = fmax(scale, fabs(hess[j]));
        for (size_t j = 0; j < n; j++) {
            memcpy(moved, theta, sizeof moved);
            moved[j] += h;
            (void)eval(law, &s.rows, moved, far, up, unused);
            moved[j] -= 2 * h;
            (void)eval(law, &s.rows, moved, far, down, unused);
            for (size_t i = 0; i < n; i++)
                CHECK_NEAR((hess[i * n + j] - (up[i] - down[i]) / (2 * h)) / scale, 0, 1e-7);
        }
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
            double want[P];
            options.law = law;
            options.objective = objectives[o];
            CHECK_OK(isg_problem_create(&options, &obs, &problem));
            const bool shuffle = o == (size_t)trial % 4;
            if (shuffle) CHECK_OK(isg_problem_create(&options, &other, &second));
            if (!problem || (shuffle && !second)) return;
            CHECK_OK(isg_workspace_create(problem, &w));
            if (shuffle) CHECK_OK(isg_workspace_create(second, &w2));
            CHECK_OK(isg_fit_full(problem, w, &fit));
            if (shuffle) CHECK_OK(isg_fit_full(second, w2, &refit));
            memcpy(want, theta, sizeof want);
            uncentre(law, want);
            CHECK(fit.converged);
            for (size_t j = 0; j < law->n_params; j++) {
                double got = law->params[j].log ? isg_ln(fit.natural[j]) : fit.natural[j];
                CHECK_NEAR(got, want[j], 1e-6);
                CHECK(fit.identified[j] && fit.free[j] && !fit.at_bound[j]);
                if (shuffle) CHECK_NEAR(refit.natural[j] / fit.natural[j], 1, 1e-6);
            }
            isg_workspace_destroy(&w);
            isg_workspace_destroy(&w2);
            isg_problem_destroy(&problem);
            isg_problem_destroy(&second);
        }
    }
}

/* Laws made for data have shapes of their own, some with code of their own. */
static void check_made(void)
{
    static const char *const codes[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const isg_atlas_options options[] = {
        {.terms = ISG_ATLAS_TARGET},
        {.terms = ISG_ATLAS_OTHER},
        {.sources = codes, .n_sources = 1},
        {.sources = codes, .n_sources = 3, .lambda_by_source = true},
        {.sources = codes, .n_sources = 8, .lambda_by_source = true},
    };

    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        isg_law *law = NULL;
        CHECK_OK(isg_law_atlas_create(&options[k], &law));
        if (!law) return;
        check_gradient(law);
        check_shift(law);
        check_objective(law, false);
        check_objective(law, true);
        check_hessian(law, false);
        check_hessian(law, true);
        check_same_bits(law);
        isg_law_destroy(&law);
    }
}

int main(void)
{
    check_made();
    for (const isg_law *const *law = isg_laws; *law; law++) {
        const isg_law *found = NULL;
        CHECK_OK(isg_law_find((*law)->name, &found));
        CHECK(found == *law);
        CHECK((*law)->n_params <= P && (*law)->n_vars <= V && (*law)->formula && (*law)->summary);
        CHECK(known_of(*law) != NULL); /* a new law: add its formula above */
        if (!known_of(*law)) continue;
        check_formula(*law);
        check_gradient(*law);
        check_shift(*law);
        check_objective(*law, false);
        check_objective(*law, true);
        check_hessian(*law, false);
        check_hessian(*law, true);
        check_same_bits(*law);
        check_recovery(*law);
    }
    return check_done();
}
