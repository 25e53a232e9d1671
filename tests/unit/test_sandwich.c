/* The sandwich and BCa against closed forms: the mean, and a straight line of logs. */

#include "analysis/dist.h"
#include "check.h"
#include "isogloss/boot.h"
#include "isogloss/rng.h"
#include "isogloss/sandwich.h"

#include <stdlib.h>

enum { N = 120, G = 30, A = 0, B, E, ALPHA, BETA };

static double n_of[N], d_of[N], loss[N];
static size_t cluster[N], row[N];

typedef struct fitted {
    isg_problem *problem;
    isg_workspace *w;
    isg_fit fit;
} fitted;

static fitted fit(isg_objective objective, const isg_constraint *c, size_t n_constraints)
{
    isg_fit_options options = isg_fit_defaults();
    const isg_obs obs = {.n = N, .var = {n_of, d_of}, .loss = loss};
    fitted f = {0};

    options.objective = objective;
    options.constraints = c;
    options.n_constraints = n_constraints;
    CHECK_OK(isg_problem_create(&options, &obs, &f.problem));
    CHECK_OK(isg_workspace_create(f.problem, &f.w));
    CHECK_OK(isg_fit_full(f.problem, f.w, &f.fit));
    return f;
}

static void clear(fitted *f)
{
    isg_workspace_destroy(&f->w);
    isg_problem_destroy(&f->problem);
}

static void design(uint64_t seed)
{
    isg_rng r;

    isg_rng_at(&r, seed, ISG_RNG_TEST, 0);
    for (size_t i = 0; i < N; i++) {
        row[i] = i;
        cluster[i] = i % G;
        n_of[i] = 5e7 * pow(300, isg_rng_double(&r));
        d_of[i] = 8e8 * pow(400, isg_rng_double(&r));
    }
}

/* ln L = a - alpha ln N: the cluster-robust (HC1 without the parameters' factor) covariance
 * (X'X)^-1 sum_g (X_g' e_g)(X_g' e_g)' (X'X)^-1 G/(G-1) of the textbooks. */
static void test_line(const size_t *group, size_t n_groups)
{
    static const isg_constraint line[] = {
        {.param = E, .value = 1e-200}, {.param = B, .value = 1e-200}, {.param = BETA, .value = .3}};
    isg_rng r;
    double shared[G], x[N], y[N], sx = 0, sy = 0, sxx = 0, sxy = 0;
    isg_sandwich *s = NULL;
    isg_sandwich_number got;

    design(3);
    isg_rng_at(&r, 4, ISG_RNG_TEST, 0);
    for (size_t g = 0; g < G; g++) shared[g] = .03 * isg_rng_normal(&r);
    for (size_t i = 0; i < N; i++) {
        y[i] = log(300) - .3 * log(n_of[i]) + shared[cluster[i]] + .02 * isg_rng_normal(&r);
        loss[i] = exp(y[i]);
        x[i] = -log(n_of[i]);
        sx += x[i], sy += y[i], sxx += x[i] * x[i], sxy += x[i] * y[i];
    }
    double det = N * sxx - sx * sx, slope = (N * sxy - sx * sy) / det, rest = (sy - slope * sx) / N;
    double meat[2][2] = {{0}}, *score = calloc(2 * n_groups, sizeof *score);
    for (size_t i = 0; i < N; i++) {
        score[2 * group[i]] += y[i] - rest - slope * x[i];
        score[2 * group[i] + 1] += x[i] * (y[i] - rest - slope * x[i]);
    }
    for (size_t g = 0; g < n_groups; g++) {
        for (size_t a = 0; a < 4; a++)
            meat[a / 2][a % 2] += score[2 * g + a / 2] * score[2 * g + a % 2];
    }
    double u[2][2] = {{sxx / det, -sx / det}, {-sx / det, N / det}}, variance[2] = {0};
    for (size_t k = 0; k < 2; k++) {
        for (size_t a = 0; a < 4; a++)
            variance[k] += u[k][a / 2] * meat[a / 2][a % 2] * u[k][a % 2];
        variance[k] *= (double)n_groups / ((double)n_groups - 1);
    }
    fitted f = fit(ISG_LOG_LSQ, line, 3);
    CHECK_OK(isg_sandwich_create(f.problem, &f.fit, group, n_groups, ISG_LAW_PARAMS, &s));
    CHECK(s->usable);
    CHECK_NEAR(s->sd[ALPHA] / sqrt(variance[1]), 1, 1e-9);
    double to_alpha[ISG_LAW_PARAMS] = {[ALPHA] = 1};
    CHECK(isg_sandwich_of(s, to_alpha, &got));
    CHECK_NEAR(got.se / sqrt(variance[1]), 1, 1e-9);
    CHECK_NEAR(got.model / (N / det), 1, 1e-9);
    isg_sandwich_destroy(&s);
    free(score);
    clear(&f);
}

static double mean_value(const void *ctx, const double *natural)
{
    (void)ctx;
    return natural[E];
}

static double cube(const void *ctx, const double *natural)
{
    return mean_value(ctx, natural) > 0 ? pow(natural[E], 3) : (double)NAN;
}

static double never(const void *ctx, const double *natural)
{
    (void)ctx;
    return natural[E] > 1e9 ? 1 : (double)NAN;
}

/* With only E free and squares of losses the fit is the mean of skewed losses: acceleration
 * sum (y - m)^3 / (6 (sum (y - m)^2)^1.5), and the BCa interval is the formula of Efron 1987 on the
 * replicates. BCa transforms with the number; 4000 replicates know z0 to 0.02. */
static void test_bca(void)
{
    static const isg_constraint only_e[] = {{.param = A, .value = 1e-200},
                                            {.param = B, .value = 1e-200},
                                            {.param = ALPHA, .value = .3},
                                            {.param = BETA, .value = .3}};
    enum { REPLICATES = 4000 };
    isg_rng r;
    double mean = 0, squares = 0, cubes = 0;
    isg_sandwich *s = NULL;
    isg_sandwich_number linear;
    isg_replicates *reps = NULL;
    isg_interval i[3];

    design(5);
    isg_rng_at(&r, 6, ISG_RNG_TEST, 0);
    for (size_t k = 0; k < N; k++) loss[k] = 1 - log(1 - isg_rng_double(&r));
    for (size_t k = 0; k < N; k++) mean += loss[k] / N;
    for (size_t k = 0; k < N; k++)
        squares += pow(loss[k] - mean, 2), cubes += pow(loss[k] - mean, 3);
    double wanted = cubes / (6 * pow(squares, 1.5));

    fitted f = fit(ISG_LSQ, only_e, 4);
    CHECK_OK(isg_sandwich_create(f.problem, &f.fit, row, N, ISG_LAW_PARAMS, &s));
    double slope[ISG_LAW_PARAMS] = {[E] = mean}; /* E = exp(theta) */
    CHECK(isg_sandwich_of(s, slope, &linear));
    CHECK_NEAR(linear.acceleration, wanted, 1e-9);
    CHECK_NEAR(linear.se, sqrt(squares / N / (N - 1)), 1e-9);
    isg_sandwich_destroy(&s);

    isg_boot boot = {.problem = f.problem,
                     .full = &f.fit,
                     .cluster = row,
                     .n_clusters = N,
                     .replicates = REPLICATES,
                     .seed = 3};
    const isg_boot_number numbers[] = {{mean_value, NULL}, {cube, NULL}, {never, NULL}};
    CHECK_OK(isg_replicates_create(&boot, &reps));
    CHECK_OK(isg_boot_all(&boot, reps));
    CHECK_OK(isg_boot_numbers(&boot, reps, .9, numbers, 3, i));
    double sorted[REPLICATES], below = 0;
    for (size_t b = 0; b < REPLICATES; b++) {
        double natural[ISG_LAW_PARAMS];
        isg_problem_natural(f.problem, reps->theta + b * reps->n_params, natural);
        size_t at = b;
        for (; at && sorted[at - 1] > natural[E]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = natural[E];
        below += natural[E] < f.fit.natural[E];
    }
    double z0 = isg_normal_quantile(below / REPLICATES), z = isg_normal_quantile(.95);
    double hi = isg_normal_cdf(z0 + (z0 + z) / (1 - wanted * (z0 + z)));
    double lo = isg_normal_cdf(z0 + (z0 - z) / (1 - wanted * (z0 - z)));
    CHECK(i[0].has_bca && i[0].has_sandwich);
    CHECK_NEAR(i[0].bca_hi, isg_quantile(sorted, REPLICATES, hi), 1e-9);
    CHECK_NEAR(i[0].bca_lo, isg_quantile(sorted, REPLICATES, lo), 1e-9);
    CHECK(i[0].bca_hi > i[0].hi && i[0].bca_lo > i[0].lo); /* shifted towards the long tail */
    CHECK_NEAR(i[0].sandwich_se, linear.se, 1e-9);
    CHECK_NEAR(i[1].lo, pow(i[0].lo, 3), 1e-3);
    CHECK_NEAR(i[1].bca_hi, pow(i[0].bca_hi, 3), 1e-3);
    CHECK_NEAR(i[1].sandwich_se, 3 * mean * mean * linear.se, 1e-6);
    CHECK_EQ_U64(i[2].undefined, REPLICATES);
    CHECK(!i[2].has_bca && !i[2].has_sandwich);
    isg_replicates_destroy(&reps);
    clear(&f);
}

/* What --fix holds does not move, and with it in place the rest is that of a smaller problem. */
static void test_held(void)
{
    static const isg_constraint fixed[] = {{.param = ALPHA, .value = .35}};
    isg_rng r;
    isg_sandwich *s = NULL;

    design(7);
    isg_rng_at(&r, 8, ISG_RNG_TEST, 0);
    for (size_t i = 0; i < N; i++)
        loss[i] = (1.8 + 480 / pow(n_of[i], .35) + 2100 / pow(d_of[i], .37)) *
                  exp(.005 * isg_rng_normal(&r));
    fitted f = fit(ISG_HUBER, fixed, 1);
    CHECK_OK(isg_sandwich_create(f.problem, &f.fit, cluster, G, ISG_LAW_PARAMS, &s));
    CHECK(s->usable);
    CHECK_NEAR(s->sd[ALPHA], 0, 0);
    CHECK(s->sd[BETA] > 0 && s->sd[E] > 0);
    isg_sandwich_destroy(&s);
    clear(&f);
}

/* The streams of groupings do not depend on how many there are, and differ. */
static void test_streams(void)
{
    isg_replicates *one = NULL, *other = NULL;

    fitted f = fit(ISG_HUBER, NULL, 0);
    isg_boot boot = {.problem = f.problem,
                     .full = &f.fit,
                     .cluster = cluster,
                     .n_clusters = G,
                     .replicates = 20,
                     .seed = 3};
    CHECK_OK(isg_replicates_create(&boot, &one));
    CHECK_OK(isg_replicates_create(&boot, &other));
    CHECK_OK(isg_boot_all(&boot, one));
    boot.stream = "size";
    CHECK_OK(isg_boot_all(&boot, other));
    CHECK(memcmp(one->theta, other->theta, 20 * one->n_params * sizeof(double)) != 0);
    isg_replicates_destroy(&one);
    isg_replicates_destroy(&other);
    clear(&f);
}

static void test_headline(void)
{
    const isg_interval a = {.spread = 1, .se = 9}, b = {.spread = 1.39}, c = {.spread = .99};
    const isg_interval *by[3] = {&a, &b, NULL};

    CHECK_EQ_U64(isg_boot_headline(by, 3), 0);
    by[2] = &c; /* 1.39 / .99 > 1.4 */
    CHECK_EQ_U64(isg_boot_headline(by, 3), 1);
    const isg_interval hair = {.spread = 1.09}, narrow = {.spread = .1};
    by[1] = &hair; /* the third is narrower, but the second no wider than by a hair */
    by[2] = &narrow;
    CHECK_EQ_U64(isg_boot_headline(by, 3), 0);
    by[1] = NULL;
    CHECK_EQ_U64(isg_boot_headline(by, 3), 0);
    by[0] = by[2] = NULL;
    CHECK_EQ_U64(isg_boot_headline(by, 3), 0);
}

int main(void)
{
    design(1);
    test_line(row, N);
    test_line(cluster, G);
    test_bca();
    test_held();
    test_streams();
    test_headline();
    return check_done();
}
