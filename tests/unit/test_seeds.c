/* Own distribution functions against GSL's, and intervals of few seeds against the
 * formulas and figures of the textbooks. */

#include "analysis/dist.h"
#include "check.h"
#include "isogloss/rng.h"
#include "isogloss/seeds.h"

#include <gsl/gsl_cdf.h>

static void test_distributions(void)
{
    static const double p[] = {.001, .005, .025, .16, .5, .84, .9, .975, .995, .999};
    static const double df[] = {1, 1.7, 2, 3, 4.5, 9, 30, 239, 1e5};

    for (double z = -12; z < 9; z += .13)
        CHECK_NEAR(isg_normal_cdf(z) / gsl_cdf_ugaussian_P(z), 1, 1e-11);
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        CHECK_NEAR(isg_normal_quantile(p[i]), gsl_cdf_ugaussian_Pinv(p[i]), 1e-9);
        for (size_t k = 0; k < sizeof df / sizeof *df; k++) {
            double t = isg_t_quantile(p[i], df[k]), x = isg_chi2_quantile(p[i], df[k]);
            CHECK_NEAR(gsl_cdf_tdist_P(t, df[k]) / p[i], 1, 1e-9);
            CHECK_NEAR(isg_t_cdf(t, df[k]) / p[i], 1, 1e-9);
            CHECK_NEAR(gsl_cdf_chisq_P(x, df[k]) / p[i], 1, 1e-6);
            CHECK_NEAR(isg_chi2_cdf(x, df[k]) / p[i], 1, 1e-9);
        }
    }
    CHECK_NEAR(isg_t_quantile(.975, 2), .95 * sqrt(2 / (1 - .95 * .95)), 1e-12);
    CHECK_NEAR(isg_chi2_quantile(.95, 1), 3.841458820694124, 1e-12);
    CHECK_NEAR(isg_normal_quantile(.975), 1.959963984540054, 1e-12);
}

/* The sleep data of Student (1908): R's t.test gives these. */
static void test_student(void)
{
    static const double a[] = {.7, -1.6, -.2, -1.2, -.1, 3.4, 3.7, .8, 0, 2},
                        b[] = {1.9, .8, 1.1, .1, -.1, 4.4, 5.5, 1.6, 4.6, 3.4};
    isg_seeds_interval i = isg_seeds_mean(b, 10, .95);

    CHECK(i.method == ISG_SEEDS_T);
    CHECK_NEAR(i.estimate, 2.33, 1e-12);
    CHECK_NEAR(i.se, 2.002249 / sqrt(10), 1e-6);
    CHECK_NEAR(i.lo, 0.8976775, 1e-6);
    CHECK_NEAR(i.hi, 3.7623225, 1e-6);
    i = isg_seeds_difference(a, 10, b, 10, .95);
    CHECK(i.method == ISG_SEEDS_WELCH);
    CHECK_NEAR(i.estimate, -1.58, 1e-12);
    CHECK_NEAR(i.df, 17.77647, 1e-5);
    CHECK_NEAR(i.lo, -3.3654832, 1e-6);
    CHECK_NEAR(i.hi, 0.2054832, 1e-6);
}

static void test_ratio(void)
{
    static const double a[] = {3.10, 3.14, 3.07}, b[] = {2.51, 2.48, 2.50, 2.53},
                        noisy[] = {1, 3, 2, 2.5}, zero[] = {-1, 1, .5, -.4};
    isg_seeds_interval i = isg_seeds_ratio(a, 3, b, 4, .9);
    double ma = 3.10333333333333333, mb = 2.505, va = (.0000111111 + .0013444444 + .0011111111) / 6,
           vb = (.000025 + .000625 + .000025 + .000625) / 12, r = ma / mb;

    CHECK(i.method == ISG_SEEDS_WELCH);
    CHECK_NEAR(i.estimate, r, 1e-12);
    CHECK_NEAR(i.se, sqrt(va + r * r * vb) / mb, 1e-8);
    double fa = va, fb = r * r * vb;
    CHECK_NEAR(i.df, (fa + fb) * (fa + fb) / (fa * fa / 2 + fb * fb / 3), 1e-6);
    CHECK_NEAR(i.hi - i.lo, 2 * gsl_cdf_tdist_Pinv(.95, i.df) * i.se, 1e-9);

    /* Fieller's limits R satisfy (ma - R mb)^2 = t^2 (va + R^2 vb). */
    i = isg_seeds_ratio(a, 3, noisy, 4, .9);
    CHECK(i.method == ISG_SEEDS_FIELLER && !i.unbounded);
    double t = gsl_cdf_tdist_Pinv(.95, i.df), m = 2.125,
           v = (1.265625 + .765625 + .015625 + .140625) / 12;
    CHECK_NEAR(pow(ma - i.lo * m, 2), t * t * (va + i.lo * i.lo * v), 1e-7);
    CHECK_NEAR(pow(ma - i.hi * m, 2), t * t * (va + i.hi * i.hi * v), 1e-7);
    CHECK(i.lo < i.estimate && i.estimate < i.hi);
    i = isg_seeds_ratio(a, 3, zero, 4, .9);
    CHECK(i.method == ISG_SEEDS_FIELLER && i.unbounded);
}

static void test_one_seed(void)
{
    static const double x[] = {2.5, 2.6}, zero[] = {0, 0};
    CHECK(isg_seeds_mean(x, 1, .95).method == ISG_SEEDS_NONE);
    CHECK_NEAR(isg_seeds_mean(x, 1, .95).estimate, 2.5, 0);
    CHECK(isg_seeds_difference(x, 2, x, 1, .95).method == ISG_SEEDS_NONE);
    CHECK(isg_seeds_ratio(x, 1, x, 2, .95).method == ISG_SEEDS_NONE);
    CHECK(isg_seeds_ratio(x, 2, zero, 2, .95).method == ISG_SEEDS_NONE);
}

/* Three settings with 3, 2 and 1 seeds; earlier points of a run do not count. */
static void test_noise(void)
{
    static const size_t setting[] = {0, 0, 0, 1, 1, 2, 9, 9}, run[] = {0, 1, 2, 3, 4, 5, 0, 1};
    static const double y[] = {.10, .12, .11, .40, .43, .7, 3, 2}, d[] = {5, 5, 5, 5, 5, 5, 1, 1};
    double loss[8];
    isg_run_noise n;

    for (size_t i = 0; i < 8; i++) loss[i] = exp(y[i]);
    CHECK_OK(isg_run_noise_of(setting, run, d, loss, 8, .95, &n));
    CHECK_EQ_U64(n.settings, 2);
    CHECK_EQ_U64(n.runs, 5);
    CHECK_EQ_U64(n.df, 3);
    CHECK_NEAR(n.sd, sqrt((2e-4 + 4.5e-4) / 3), 1e-12);
    CHECK_NEAR(n.lo, n.sd * sqrt(3 / gsl_cdf_chisq_Pinv(.975, 3)), 1e-10);
    CHECK_NEAR(n.hi, n.sd * sqrt(3 / gsl_cdf_chisq_Pinv(.025, 3)), 1e-10);
    CHECK_OK(isg_run_noise_of(setting + 3, run + 3, NULL, loss + 3, 1, .95, &n));
    CHECK_EQ_U64(n.df, 0);
}

/* FITTING 4.4: with 3 to 8 seeds an arm the t interval of a ratio covers. 2000 draws each,
 * 3 Monte-Carlo errors = 1.5 points. */
static void test_ratio_covers(void)
{
    isg_rng r;

    isg_rng_at(&r, 4, ISG_RNG_TEST, 0);
    for (size_t n = 3; n <= 8; n++) {
        unsigned inside = 0;
        for (size_t k = 0; k < 2000; k++) {
            double a[8], b[8];
            for (size_t i = 0; i < n; i++) {
                a[i] = 3 + .012 * isg_rng_normal(&r);
                b[i] = 2.5 + .03 * isg_rng_normal(&r);
            }
            isg_seeds_interval i = isg_seeds_ratio(a, n, b, n, .95);
            inside += i.lo <= 1.2 && 1.2 <= i.hi;
        }
        CHECK(inside >= 1870 && inside <= 1970);
    }
}

int main(void)
{
    test_distributions();
    test_student();
    test_ratio();
    test_one_seed();
    test_noise();
    test_ratio_covers();
    return check_done();
}
