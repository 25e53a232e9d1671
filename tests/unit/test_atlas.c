/* The ATLAS law: what it is made of, and its effective data against eqs. 2 and 3 as printed. */

#include "analysis/kernel.h"
#include "check.h"
#include "isogloss/atlas.h"
#include "isogloss/rng.h"

#include <stdlib.h>

static isg_law *make(const isg_atlas_options *o)
{
    isg_law *law = NULL;
    CHECK_OK(isg_law_atlas_create(o, &law));
    return law;
}

static void check_params(const isg_law *law, const char *const *want, size_t n)
{
    CHECK_EQ_U64(law->n_params, n);
    for (size_t k = 0; k < n && k < law->n_params; k++) CHECK_STR(law->params[k].name, want[k]);
}

static void test_shapes(void)
{
    static const char *const codes[] = {"ru", "es"};
    static const char *const full[] = {"A",      "B",      "E",      "alpha",    "beta",
                                       "lambda", "tau_ru", "tau_es", "tau_other"};
    static const char *const by_source[] = {"A",         "B",         "E",
                                            "alpha",     "beta",      "lambda_t",
                                            "lambda_ru", "lambda_es", "lambda_other",
                                            "tau_ru",    "tau_es",    "tau_other"};
    static const char *const vars[] = {"N",    "D_t",  "U_t",     "D_ru",   "U_ru",
                                       "D_es", "U_es", "D_other", "U_other"};
    isg_atlas_options o = {.sources = codes, .n_sources = 2};
    isg_law *law = make(&o);
    check_params(law, full, 9);
    CHECK_EQ_U64(law->n_vars, 9);
    for (size_t k = 0; k < 9; k++) CHECK_STR(law->vars[k].name, vars[k]);
    CHECK_STR(law->vars[3].from[0], "tokens_ru");
    CHECK_STR(law->vars[4].from[0], "unique_ru");
    CHECK(!law->vars[4].from[1] && isg_law_atlas_config(law)->n_sources == 2);
    isg_law_destroy(&law);
    CHECK(!law);
    isg_law_destroy(&law);

    o.lambda_by_source = true;
    law = make(&o);
    check_params(law, by_source, 12);
    isg_law_destroy(&law);

    o = (isg_atlas_options){.sources = codes, .n_sources = 2, .terms = ISG_ATLAS_OTHER};
    law = make(&o);
    static const char *const other[] = {"A", "B", "E", "alpha", "beta", "lambda", "tau_other"};
    check_params(law, other, 7);
    CHECK_EQ_U64(law->n_vars, 5);
    isg_law_destroy(&law);

    o.terms = ISG_ATLAS_TARGET;
    law = make(&o);
    check_params(law, full, 6);
    CHECK_EQ_U64(law->n_vars, 3);
    isg_law_destroy(&law);

    o = (isg_atlas_options){.sources = codes, .n_sources = 2, .no_other = true};
    law = make(&o);
    check_params(law, full, 8);
    isg_law_destroy(&law);
}

static void test_refusals(void)
{
    static const char *const nine[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    static const char *const twice[] = {"ru", "ru"}, *const other[] = {"other"},
                             *const bad[] = {"r u"};
    isg_law *law = NULL;
    isg_atlas_options o = {.sources = nine, .n_sources = 9};

    CHECK_FAILS(isg_law_atlas_create(&o, &law), ISG_EUSAGE, "at most 8");
    o = (isg_atlas_options){.sources = twice, .n_sources = 2};
    CHECK_FAILS(isg_law_atlas_create(&o, &law), ISG_EUSAGE, "twice");
    o = (isg_atlas_options){.sources = other, .n_sources = 1};
    CHECK_FAILS(isg_law_atlas_create(&o, &law), ISG_EUSAGE, "'other'");
    o = (isg_atlas_options){.sources = bad, .n_sources = 1};
    CHECK_FAILS(isg_law_atlas_create(&o, &law), ISG_EUSAGE, "'r u'");
    CHECK(!law);
}

/* Eq. 3 as printed. */
static double saturated(double d, double u, double lambda)
{
    return d <= u ? d : u * (1 - expm1(-lambda * (d / u - 1)) / lambda);
}

/* The widest law: 8 sources, others, a lambda each: 24 parameters, 21 variables. */
static void test_values(void)
{
    static const char *const codes[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    const isg_atlas_options o = {.sources = codes, .n_sources = 8, .lambda_by_source = true};
    isg_law *law = make(&o);
    isg_rng r;

    CHECK_EQ_U64(law->n_params, ISG_LAW_PARAMS);
    CHECK_EQ_U64(law->n_vars, 21);
    isg_rng_at(&r, 1, ISG_RNG_TEST, 0);
    for (int trial = 0; trial < 500; trial++) {
        double p[ISG_LAW_PARAMS] = {300, 600, 0.7, 0.34, 0.32}, var[ISG_LAW_VARS], want = 0;
        var[0] = 1e8;
        for (size_t k = 0; k < 10; k++) {
            p[5 + k] = exp(-8 + 14 * isg_rng_double(&r));
            if (k) p[14 + k] = 1.2 * isg_rng_double(&r) - 0.2;
            var[2 + 2 * k] = 1e9 * (0.1 + isg_rng_double(&r));
            var[1 + 2 * k] = var[2 + 2 * k] * exp(8 * isg_rng_double(&r) - 4);
            if (trial % 3 == 0 && k) /* hardly repeated: where differences cancel */
                var[1 + 2 * k] = var[2 + 2 * k] * (1 + 1e-9 * isg_rng_double(&r));
            if (trial % 5 == 0 && k) var[1 + 2 * k] = var[2 + 2 * k] = 0;
            want += (k ? p[14 + k] : 1) * saturated(var[1 + 2 * k], var[2 + 2 * k], p[5 + k]);
        }
        bool guarded;
        double got = isg_atlas_effective(law, p, var, &guarded);
        const double least = 1e-3 * fmin(var[1], var[2]);
        CHECK(guarded == (want <= least));
        if (guarded) want = least;
        CHECK_NEAR(got / want, 1, 1e-13);
        CHECK_NEAR(isg_law_loss(law, p, var), 0.7 + 300 * pow(1e8, -0.34) + 600 * pow(want, -0.32),
                   1e-12);
    }
    isg_law_destroy(&law);
}

/* Interference that eats everything up, and runs without a token of the target. */
static void test_guard(void)
{
    static const char *const codes[] = {"ru"};
    const isg_atlas_options o = {.sources = codes, .n_sources = 1, .no_other = true};
    isg_law *law = make(&o);
    const double p[] = {300, 600, 0.7, 0.34, 0.32, 0.25, -2};
    const double eaten[] = {1e8, 1e9, 1e9, 1e9, 1e9}, zero_shot[] = {1e8, 0, 0, 1e9, 1e9};
    const double nothing[] = {1e8, 0, 0, 0, 0}, good[] = {1e8, 1e9, 1e9, 1e8, 1e8};
    double gradient[ISG_LAW_PARAMS], theta[] = {5, 6, -0.3, 0.34, 0.32, -1.4, -2};
    bool guarded;

    CHECK_NEAR(isg_atlas_effective(law, p, eaten, &guarded), 1e6, 1e-12);
    CHECK(guarded);
    CHECK_NEAR(isg_atlas_effective(law, p, zero_shot, &guarded), 1e6, 1e-12);
    CHECK(guarded);
    CHECK(isg_atlas_effective(law, p, nothing, &guarded) > 0 && guarded);
    CHECK(isfinite(isg_law_loss(law, p, nothing)));
    CHECK_NEAR(isg_atlas_effective(law, p, good, &guarded), 8e8, 1e-12);
    CHECK(!guarded);
    (void)law->log_loss(law, theta, eaten, gradient);
    CHECK(gradient[4] < 0 || gradient[4] > 0);
    CHECK(!(fabs(gradient[5]) > 0) && !(fabs(gradient[6]) > 0)); /* the guard stands still */
    isg_law_destroy(&law);
}

/* Least loss along a budget, by golden section on the law's own prediction. */
static double best_tokens(const isg_law *law, const double *p, double flops, const double *share,
                          const double *unique)
{
    const double golden = 0.6180339887498949;
    double lo = log(1e6), hi = log(flops / 6e6), f[2], at[2];

    for (int i = 0; i < 200; i++) {
        at[0] = hi - golden * (hi - lo);
        at[1] = lo + golden * (hi - lo);
        for (int k = 0; k < 2; k++) {
            double var[ISG_LAW_VARS] = {flops / 6 / exp(at[k])};
            for (size_t j = 0; j < 3; j++) {
                var[1 + 2 * j] = share[j] * exp(at[k]);
                var[2 + 2 * j] = unique[j];
            }
            f[k] = isg_law_loss(law, p, var);
        }
        if (f[0] < f[1])
            hi = at[1];
        else
            lo = at[0];
    }
    return exp(0.5 * (lo + hi));
}

/* Of one language without repeats the answer is that of chinchilla; data that run out bend it. */
static void test_optimum(void)
{
    static const char *const codes[] = {"ru"};
    static const double shares[][3] = {{1, 0, 0}, {.5, .5, 0}, {.2, .3, .5}};
    const isg_atlas_options o = {.sources = codes, .n_sources = 1};
    const double p[] = {300, 600, 0.7, 0.34, 0.3, 0.25, 0.5, -0.05};
    isg_law *law = make(&o);
    const isg_law *plain = NULL;
    double n, d, n_plain, d_plain;

    CHECK_OK(isg_law_find("chinchilla", &plain));
    for (double flops = 1e18; flops < 1e24; flops *= 10) {
        const double alone[ISG_LAW_VARS] = {0, 0, 1e15, 0, 1e15, 0, 1e15};
        const double scarce[ISG_LAW_VARS] = {0, 0, 1e9, 0, 1e9, 0, 1e9};
        const double none[ISG_LAW_VARS] = {0};
        const isg_law_budget rich = {.flops = flops, .var = alone};
        CHECK(law->optimum(law, p, &rich, &n, &d));
        CHECK(plain->optimum(plain, p, &rich, &n_plain, &d_plain));
        CHECK_NEAR(n / n_plain, 1, 1e-10);
        CHECK_NEAR(d / d_plain, 1, 1e-10);
        CHECK(law->optimum(law, p, &(isg_law_budget){.flops = flops, .var = scarce}, &n, &d));
        CHECK(d_plain < 1e9 ? fabs(n / n_plain - 1) < 1e-10 : n > n_plain && d < d_plain);
        CHECK_NEAR(6 * n * d / flops, 1, 1e-10);
        CHECK(!law->optimum(law, p, &(isg_law_budget){.flops = flops, .var = none}, &n, &d));
        for (size_t k = 0; k < 3; k++) {
            const double unique[] = {2e9, 4e8, 1e11};
            double var[ISG_LAW_VARS] = {0};
            for (size_t j = 0; j < 3; j++) {
                var[1 + 2 * j] = 7 * shares[k][j]; /* in any proportion */
                var[2 + 2 * j] = unique[j];
            }
            CHECK(law->optimum(law, p, &(isg_law_budget){.flops = flops, .var = var}, &n, &d));
            /* golden section sees differences of the loss down to 1e-16: ln D to 1e-8 */
            CHECK_NEAR(log(best_tokens(law, p, flops, shares[k], unique) / d), 0, 2e-6);
        }
    }
    CHECK(!law->optimum(
        law, p, &(isg_law_budget){.flops = 1, .var = (double[7]){0, 0, 1, 0, 1, 0, 1}}, &n, &d));
    isg_law_destroy(&law);
}

int main(void)
{
    test_shapes();
    test_refusals();
    test_values();
    test_guard();
    test_optimum();
    return check_done();
}
