/* Single laws: printed values, best sizes against a search by hand, and what data without
 * repetition cannot say. */

#include "check.h"
#include "isogloss/fit.h"
#include "isogloss/rng.h"

#include <stdlib.h>

enum { P = ISG_LAW_PARAMS, V = ISG_LAW_VARS };

static const isg_law *law_of(const char *name)
{
    const isg_law *law = NULL;
    CHECK_OK(isg_law_find(name, &law));
    return law;
}

static double relative(double got, double wanted)
{
    return got / wanted - 1;
}

/* Muennighoff et al. 2023: constants as printed, losses that their law gives for two runs. */
static void test_repeated_data(void)
{
    const isg_law *law = law_of("dcsl");
    const double p[] = {exp(6.255414), exp(7.3049974), exp(0.6254804), 0.3526596,
                        0.3526596,     15.387756,      5.309743};

    CHECK_NEAR(
        relative(isg_law_loss(law, p, (const double[]){6.34e9, 242e9, 25e9}), 2.2256440889984477),
        0, 1e-12);
    CHECK_NEAR(
        relative(isg_law_loss(law, p, (const double[]){8.67e9, 178e9, 25e9}), 2.2269634075087867),
        0, 1e-12);
}

/* Without worth lost it is the Chinchilla law; so it is where nothing repeats and N is small. */
static void test_limits(void)
{
    const isg_law *law = law_of("dcsl"), *plain = law_of("chinchilla");
    const double p[] = {480, 2100, 1.8, .35, .37, 1e6, 1e6}, q[] = {480, 2100, 1.8, .35, .37, 5, 2};
    const double repeated[] = {1e8, 4e10, 1e10}, once[] = {1e7, 4e10, 4e10};

    CHECK_NEAR(isg_law_loss(law, p, repeated), isg_law_loss(plain, p, repeated), 1e-6);
    CHECK_NEAR(relative(isg_law_loss(law, q, once), isg_law_loss(plain, q, once)), 0, 1e-15);
    CHECK(isg_law_loss(law, q, repeated) > isg_law_loss(plain, q, repeated) + 1e-3);
}

/* Longpre et al. 2025: how N, D and C grow with languages at equal loss. */
static void test_curse_growth(void)
{
    const isg_law *law = law_of("curse");
    const double p[] = {1, 1, 1, .4527, .147, .11, -.04};
    const double wanted[] = {.243, .728, -.272, .970};

    CHECK_EQ_U64(law->n_derived, 4);
    for (size_t k = 0; k < 4; k++) CHECK_NEAR(law->derived[k].value(law, p), wanted[k], 1e-3);
}

/* ---- best sizes ------------------------------------------------------------------- */

/* The variables of a run of size n that spends the budget. */
static void spend(const isg_law *law, const isg_law_budget *budget, double n, double *var)
{
    size_t of_k = 0;
    const double d = budget->flops / (6 * n);

    memcpy(var, budget->var, law->n_vars * sizeof *var);
    var[0] = n;
    var[1] = strcmp(law->vars[1].name, "M") != 0 ? d : d / n;
    if (!strcmp(law->name, "curse")) {
        CHECK_OK(isg_law_var_find(law, "K", &of_k));
        var[1] /= var[of_k]; /* tokens of each language */
    }
}

static double loss_at(const isg_law *law, const double *p, const isg_law_budget *budget, double n)
{
    double var[V];
    spend(law, budget, n, var);
    return isg_law_loss(law, p, var);
}

/* Golden section of the loss by ln n, from the best of a coarse grid. */
static double search(const isg_law *law, const double *p, const isg_law_budget *budget)
{
    const double golden = 0.6180339887498949;
    double best = 0, least = INFINITY;

    for (double u = log(1e3); u < log(1e16); u += 0.1) {
        double loss = loss_at(law, p, budget, exp(u));
        if (loss < least) {
            least = loss;
            best = u;
        }
    }
    double lo = best - 0.1, hi = best + 0.1;
    while (hi - lo > 1e-9) {
        double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
        if (loss_at(law, p, budget, exp(a)) < loss_at(law, p, budget, exp(b)))
            hi = b;
        else
            lo = a;
    }
    return exp(0.5 * (lo + hi));
}

static void test_optimum(void)
{
    static const struct {
        const char *law;
        double p[P], var[V];
    } cases[] = {
        {"chinchilla", {480, 2100, 1.8, .35, .37}, {0}},
        {"dcsl", {521, 1488, 1.87, .353, .353, 15.4, 5.3}, {0, 0, 25e9}},
        {"dcsl", {300, 2000, 1.87, .33, .38, 3, 0.8}, {0, 0, 1e9}},
        {"dcsl", {300, 2000, 1.87, .40, .33, 0.5, 40}, {0, 0, 1e8}},
        {"msl", {480, 2100, 1.8, .35, .37, .1}, {0, 0, .2}},
        {"curse", {400, 60, 1.2, .45, .147, .11, -.04}, {0, 0, 12}},
        {"gadre", {212.2, 366.69, 1.8366, .1364}, {0}},
    };
    size_t compared = 0;

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const isg_law *law = law_of(cases[k].law);
        for (double flops = 1e18; flops < 1e25; flops *= 7) {
            const isg_law_budget budget = {.flops = flops, .var = cases[k].var};
            double n = 0, d = 0, var[V];
            CHECK(law->optimum(law, cases[k].p, &budget, &n, &d));
            const double found = search(law, cases[k].p, &budget);
            const double least = loss_at(law, cases[k].p, &budget, n);
            /* where the loss is flat to rounding errors a search finds nothing */
            if (loss_at(law, cases[k].p, &budget, 1.05 * n) > least * (1 + 1e-7)) {
                CHECK_NEAR(relative(n, found), 0, 1e-5);
                compared++;
            }
            CHECK(least <= loss_at(law, cases[k].p, &budget, found) * (1 + 1e-15));
            spend(law, &budget, n, var);
            CHECK_NEAR(relative(d, strcmp(law->name, "gadre") != 0 ? var[1] : var[1] * n), 0,
                       1e-12);
        }
    }
    CHECK_EQ_U64(compared, 47); /* of 63 */
}

/* No term, no balance. */
static void test_no_optimum(void)
{
    const isg_law_budget budget = {.flops = 1e21, .var = (const double[ISG_LAW_VARS]){0, 0, 1}};
    const double p[P] = {0, 2100, 1.8, .35, .37, 1, 1};
    double n, d;

    for (const isg_law *const *law = isg_laws; *law; law++) {
        if ((*law)->optimum) CHECK(!(*law)->optimum(*law, p, &budget, &n, &d));
    }
}

/* ---- what data do not say ------------------------------------------------------------ */

/* Runs on fresh data only say nothing of RD, and all small models nothing of RN. */
static void test_nothing_repeated(void)
{
    enum { ROWS = 60 };
    const double truth[] = {480, 2100, 1.8, .35, .37, 10, 5};
    double n[ROWS], d[ROWS], loss[ROWS];
    const isg_law *law = law_of("dcsl");
    const isg_obs obs = {.n = ROWS, .var = {n, d, d}, .loss = loss};
    isg_fit_options options = isg_fit_defaults();
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;
    isg_rng r;

    isg_rng_at(&r, 1, ISG_RNG_TEST, 0);
    for (size_t i = 0; i < ROWS; i++) {
        n[i] = 1e7 * pow(1000, isg_rng_double(&r));
        d[i] = 300 * n[i] * pow(10, isg_rng_double(&r));
        loss[i] = isg_law_loss(law, truth, (const double[]){n[i], d[i], d[i]}) *
                  exp(.003 * isg_rng_normal(&r));
    }
    options.law = law;
    CHECK_OK(isg_problem_create(&options, &obs, &problem));
    CHECK_OK(isg_workspace_create(problem, &w));
    CHECK_OK(isg_fit_full(problem, w, &fit));
    CHECK(!fit.identified[5] && !fit.identified[6]);
    for (size_t k = 0; k < 5; k++) CHECK(fit.identified[k]);
    CHECK_NEAR(fit.natural[3], .35, .05);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
}

/* ---- two stages ---------------------------------------------------------------------- */

enum { STAGED = 90, FIRST = 45, FIVE = 5 };
static double staged_n[STAGED], staged_d[STAGED], staged_u[STAGED], staged_loss[STAGED];

/* The first half read no token twice. */
static void make_staged(double sd)
{
    const double truth[] = {480, 2100, 1.8, .35, .37, 10, 5};
    const isg_law *law = law_of("dcsl");
    isg_rng r;

    isg_rng_at(&r, 2, ISG_RNG_TEST, 0);
    for (size_t i = 0; i < STAGED; i++) {
        staged_n[i] = 1e7 * pow(300, isg_rng_double(&r));
        staged_u[i] = 1e8 * pow(100, isg_rng_double(&r));
        if (i < FIRST) staged_u[i] = 2e9 * pow(100, isg_rng_double(&r));
        staged_d[i] =
            staged_u[i] * (i < FIRST ? 1 - .5 * isg_rng_double(&r) : 1 + 30 * isg_rng_double(&r));
        const double var[] = {staged_n[i], staged_d[i], staged_u[i]};
        double p[7];
        memcpy(p, truth, sizeof p);
        if (i < FIRST) p[6] = 1e100; /* of the first stage: N' = N */
        staged_loss[i] = isg_law_loss(law, p, var) * exp(sd * isg_rng_normal(&r));
    }
}

static void fit_staged(size_t n, bool two, const isg_constraint *c, size_t n_c,
                       isg_problem **problem, isg_workspace **w, isg_fit *fit)
{
    const isg_obs obs = {.n = n, .var = {staged_n, staged_d, staged_u}, .loss = staged_loss};
    isg_fit_options options = isg_fit_defaults();

    options.law = law_of("dcsl");
    options.delta = .01;
    options.two_stages = two;
    options.constraints = c;
    options.n_constraints = n_c;
    CHECK_OK(isg_problem_create(&options, &obs, problem));
    CHECK_OK(isg_workspace_create(*problem, w));
    CHECK_OK(isg_fit_full(*problem, *w, fit));
}

/* The same as the two fits by hand, and refits of equal weights are the full fit. */
static void test_two_stages(void)
{
    isg_constraint no_decay[] = {{.param = 5, .value = 1e100}, {.param = 6, .value = 1e100}};
    isg_constraint held[FIVE];
    isg_problem *problem[3] = {NULL};
    isg_workspace *w[3] = {NULL};
    isg_fit both, first, second;
    double weights[STAGED];
    const isg_refit_options from = {.start = ISG_START_BOTH};
    isg_refit again;

    make_staged(.004);
    fit_staged(STAGED, true, NULL, 0, &problem[0], &w[0], &both);
    fit_staged(FIRST, false, no_decay, 2, &problem[1], &w[1], &first);
    for (size_t k = 0; k < FIVE; k++)
        held[k] = (isg_constraint){.param = k, .value = first.natural[k]};
    fit_staged(STAGED, false, held, FIVE, &problem[2], &w[2], &second);
    CHECK_EQ_U64(isg_problem_free_params(problem[0]), 7);
    CHECK_EQ_U64(isg_problem_first_rows(problem[0]), FIRST);
    CHECK(both.converged);
    for (size_t k = 0; k < 7; k++) {
        const double wanted = k < FIVE ? first.natural[k] : second.natural[k];
        CHECK_NEAR(relative(both.natural[k], wanted), 0, 1e-6);
        CHECK(both.identified[k] && both.free[k]);
    }
    CHECK_NEAR(both.natural[3], .35, .05);
    CHECK_NEAR(relative(both.objective, second.objective), 0, 1e-9);

    for (size_t i = 0; i < STAGED; i++) weights[i] = 1;
    CHECK_OK(isg_fit_refit(problem[0], w[0], &both, weights, &from, &again));
    CHECK(again.converged);
    for (size_t k = 0; k < 7; k++) CHECK_NEAR(again.theta[k], both.theta[k], 1e-6);
    for (size_t i = 0; i < STAGED; i++) weights[i] = (double)(i % 3);
    CHECK_OK(isg_fit_refit(problem[0], w[0], &both, weights, &from, &again));
    CHECK(fabs(again.theta[3] - both.theta[3]) > 1e-6); /* the first stage is resampled, too */
    for (size_t i = 0; i < FIRST; i++) weights[i] = i < 3;
    CHECK_OK(isg_fit_refit(problem[0], w[0], &both, weights, &from, &again));
    CHECK(!isfinite(again.objective)); /* three rows cannot bear five parameters */
    for (size_t k = 0; k < 3; k++) {
        isg_workspace_destroy(&w[k]);
        isg_problem_destroy(&problem[k]);
    }
}

/* What the first stage cannot determine is said of the fit: of one size only A/N^alpha is known. */
static void test_first_stage_unidentified(void)
{
    const isg_constraint e = {.param = 2, .value = 1.8};
    const double truth[] = {480, 2100, 1.8, .35, .37, 10, 1e100};
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;

    make_staged(.004);
    for (size_t i = 0; i < FIRST; i++) {
        staged_n[i] = 1e8;
        staged_loss[i] =
            isg_law_loss(law_of("dcsl"), truth, (const double[]){1e8, staged_d[i], staged_u[i]});
    }
    fit_staged(STAGED, true, &e, 1, &problem, &w, &fit);
    CHECK(!fit.identified[3]);
    CHECK_EQ_U64(fit.n_null, 1);
    CHECK(fabs(fit.null_direction[0]) > 0);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
}

/* Rows of the first stage with more parameters than their tokens can use: counted by the formula. */
static void test_first_stage_doubts(void)
{
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;
    size_t wanted = 0;

    make_staged(.004);
    const isg_obs obs = {.n = STAGED, .var = {staged_n, staged_d, staged_u}, .loss = staged_loss};
    fit_staged(STAGED, true, NULL, 0, &problem, &w, &fit);
    const double *p = fit.natural;
    const double g = pow(p[3] * p[0] / (p[4] * p[1]), 1 / (p[3] + p[4]));
    for (size_t i = 0; i < FIRST; i++)
        wanted += staged_n[i] > g * pow(g * fmin(staged_u[i], staged_d[i]), p[4] / p[3]);
    CHECK(wanted > 0 && wanted < FIRST);
    CHECK_EQ_U64(isg_problem_first_doubts(problem, &obs, p), wanted);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
    fit_staged(STAGED, false, NULL, 0, &problem, &w, &fit);
    CHECK_EQ_U64(isg_problem_first_doubts(problem, &obs, p), 0); /* one stage */
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
}

static void test_stages_refused(void)
{
    const isg_constraint across = {.param = 6, .tied = true, .other = 0};
    const isg_obs obs = {.n = STAGED, .var = {staged_n, staged_d, staged_u}, .loss = staged_loss};
    isg_fit_options options = isg_fit_defaults();
    isg_problem *problem = NULL;

    options.two_stages = true;
    CHECK(isg_problem_create(&options, &obs, &problem) == ISG_EUSAGE); /* chinchilla has none */
    options.law = law_of("dcsl");
    options.constraints = &across;
    options.n_constraints = 1;
    CHECK(isg_problem_create(&options, &obs, &problem) == ISG_EUSAGE);
    options.n_constraints = 0;
    for (size_t i = 0; i < STAGED; i++) staged_u[i] = .5 * staged_d[i];
    CHECK(isg_problem_create(&options, &obs, &problem) == ISG_EDATA);
    CHECK(!problem);
}

int main(void)
{
    test_repeated_data();
    test_limits();
    test_curse_growth();
    test_optimum();
    test_no_optimum();
    test_nothing_repeated();
    test_two_stages();
    test_first_stage_doubts();
    test_first_stage_unidentified();
    test_stages_refused();
    return check_done();
}
