/* Inflation and coverage against backtests written down by hand; what one fit says of a point. */

#include "check.h"
#include "isogloss/forecast.h"
#include "isogloss/references.h"
#include "isogloss/rng.h"

#include <stdlib.h>

enum { ROWS = 60 };

/* Three thresholds at C = 1, 4, 16 with runs at 4, 16, 64; scale 1 everywhere. */
static isg_backtest_row by_hand[] = {
    {.threshold = 0, .row = 0, .k = 4, .error = 1},
    {.threshold = 0, .row = 1, .k = 16, .error = 2},
    {.threshold = 0, .row = 2, .k = 64, .error = -3},
    {.threshold = 1, .row = 1, .k = 4, .error = 2},
    {.threshold = 1, .row = 2, .k = 16, .error = -2},
    {.threshold = 2, .row = 2, .k = 4, .error = 4},
};
static const double compute[] = {4, 16, 64};

static isg_backtests backtests(void)
{
    for (size_t i = 0; i < 6; i++) by_hand[i].outlook = (isg_outlook){.residual = 1};
    return (isg_backtests){
        .n_thresholds = 3, .n = 6, .threshold = {1, 4, 16}, .at = by_hand, .k_max = 64};
}

static void test_inflation(void)
{
    const isg_backtests b = backtests();
    isg_inflation f = isg_backtests_inflation(NULL, NULL, INFINITY, 10);
    CHECK_NEAR(f.factor, 1, 0); /* the prior alone */
    CHECK_NEAR(f.df, ISG_FORECAST_PRIOR, 0);
    CHECK_EQ_U64(f.backtests, 0);

    f = isg_backtests_inflation(&b, compute, 4, 4); /* only the run at C = 4 is known there */
    CHECK_EQ_U64(f.backtests, 1);
    CHECK_NEAR(f.k_max, 4, 0);
    CHECK_NEAR(f.df, 2, 1e-12);
    CHECK_NEAR(f.factor, sqrt((1 + 1) / 2.), 1e-12);

    /* at C = 16 two thresholds; weights e^0 and e^-1 (k = 16 is four times 4) */
    const double w = exp(-1);
    f = isg_backtests_inflation(&b, compute, 16, 4);
    CHECK_EQ_U64(f.backtests, 2);
    CHECK_NEAR(f.df, 3, 1e-12);
    CHECK_NEAR(f.factor, sqrt((1 + (1 + 4 * w) / (1 + w) + 4) / 3), 1e-12);

    /* far from all of them the nearest counts least */
    f = isg_backtests_inflation(&b, compute, 16, 64);
    CHECK_NEAR(f.df, 1 + w + w * w, 1e-12);
    f = isg_backtests_inflation(&b, compute, INFINITY, 4);
    CHECK_EQ_U64(f.backtests, 3);
    CHECK_NEAR(f.k_max, 64, 0);

    /* inside the data as at their edge */
    const isg_inflation edge = isg_backtests_inflation(&b, compute, INFINITY, 1);
    f = isg_backtests_inflation(&b, compute, INFINITY, 1e-6);
    CHECK(edge.df == f.df && edge.factor == f.factor);
}

static void test_coverage(void)
{
    const isg_backtests b = backtests();
    isg_backtest_coverage c;

    CHECK_OK(isg_backtests_coverage(&b, compute, .95, &c));
    CHECK_EQ_U64(c.forecasts, 1); /* only above the third threshold are two others known */
    CHECK_EQ_U64(c.thresholds, 1);
    CHECK_EQ_U64(c.naive_covered, 0); /* the parameters' own spread is nothing here */
    const isg_inflation f = isg_backtests_inflation(&b, compute, 16, 4);
    CHECK_NEAR(c.half_width / f.factor, 3.1824, 1e-4); /* t with 3 degrees of freedom */
    CHECK_EQ_U64(c.covered, 4 <= c.half_width);
    CHECK_EQ_U64(c.beyond, 0);
}

typedef struct world {
    double n[ROWS], d[ROWS], loss[ROWS], compute[ROWS];
    size_t cluster[ROWS];
} world;

static void simulate(world *w, double sd)
{
    isg_rng r;
    isg_rng_at(&r, 11, ISG_RNG_TEST, 1);
    for (size_t i = 0; i < ROWS; i++) {
        w->n[i] = 5e7 * pow(100, isg_rng_double(&r));
        w->d[i] = 8e8 * pow(100, isg_rng_double(&r));
        w->loss[i] = (1.8 + 480 / pow(w->n[i], .35) + 2100 / pow(w->d[i], .37)) *
                     exp(sd * isg_rng_normal(&r));
        w->compute[i] = 6 * w->n[i] * w->d[i];
        w->cluster[i] = i;
    }
}

static const double far_n[] = {1e10, 1e11}, far_d[] = {2e11, 2e12};

static void test_outlook(void)
{
    static const isg_constraint without[] = {{.param = 2, .value = 1e-9}};
    static world w;
    isg_rival rivals[2] = {{.name = "law"}, {.name = "without E"}};
    isg_obs points[2];
    isg_outlook out[2];
    isg_plausible plausible[3];

    simulate(&w, .003);
    for (size_t k = 0; k < 2; k++) {
        rivals[k].fit = isg_fit_defaults();
        rivals[k].obs = (isg_obs){.n = ROWS, .var = {w.n, w.d}, .loss = w.loss};
        points[k] = (isg_obs){.n = 2, .var = {far_n, far_d}};
    }
    rivals[1].fit.constraints = without;
    rivals[1].fit.n_constraints = 1;
    isg_forecast_data data = {
        .rivals = rivals, .n_rivals = 2, .cluster = w.cluster, .compute = w.compute, .seed = 1};
    CHECK_OK(isg_outlook_make(&data, NULL, points, 2, out, plausible));
    CHECK(plausible[0].plausible && !plausible[1].plausible && plausible[1].misfit > 1.5);
    CHECK(plausible[2].plausible);
    CHECK(out[0].residual > .002 && out[0].residual < .004);
    for (int side = 0; side < 2; side++) { /* farther is less certain */
        CHECK(out[1].parameter[side] > out[0].parameter[side]);
        CHECK(out[0].parameter[side] > 0);
    }
    const double truth = log(1.8 + 480 / pow(1e10, .35) + 2100 / pow(2e11, .37));
    CHECK(fabs(out[0].estimate - truth) < 4 * isg_outlook_scale(&out[0], out[0].estimate < truth));

    isg_outlook alone[2]; /* a rival that is left out leaves no trace */
    data.n_rivals = 1;
    CHECK_OK(isg_outlook_make(&data, NULL, points, 2, alone, NULL));
    CHECK(!memcmp(alone, out, sizeof out));

    unsigned char held[ROWS];
    for (size_t i = 0; i < ROWS; i++) held[i] = i >= 11;
    CHECK_FAILS(isg_outlook_make(&data, held, points, 2, out, NULL), ISG_EDATA, "too few");
}

static void test_backtests(void)
{
    static world w;
    isg_rival rival = {.name = "law", .fit = isg_fit_defaults()};
    isg_backtests *b = NULL;

    simulate(&w, .003);
    rival.obs = (isg_obs){.n = ROWS, .var = {w.n, w.d}, .loss = w.loss};
    isg_forecast_data data = {
        .rivals = &rival, .n_rivals = 1, .cluster = w.cluster, .compute = w.compute, .seed = 1};
    CHECK_OK(isg_backtests_run(&data, &b));
    CHECK(b->n_thresholds >= 10);
    for (size_t k = 1; k < b->n_thresholds; k++) CHECK(b->threshold[k] > 1.1 * b->threshold[k - 1]);
    for (size_t i = 0; i < b->n; i++) {
        const isg_backtest_row *r = &b->at[i];
        CHECK(r->k > 1 && w.compute[r->row] > b->threshold[r->threshold]);
    }
    /* runs above a threshold must not matter to what was said at it */
    const isg_outlook before = b->at[0].outlook;
    const double bound = b->threshold[0];
    isg_backtests_destroy(&b);
    for (size_t i = 0; i < ROWS; i++) {
        if (w.compute[i] > bound) w.loss[i] *= 1.5;
    }
    CHECK_OK(isg_backtests_run(&data, &b));
    CHECK(!memcmp(&before, &b->at[0].outlook, sizeof before));
    isg_backtests_destroy(&b);
    rival.obs.n = 13; /* nothing can be held out of so few */
    CHECK_OK(isg_backtests_run(&data, &b));
    CHECK_EQ_U64(b->n_thresholds, 0);
    const isg_outlook o = {.residual = .01};
    const isg_forecast f = isg_forecast_make(&o, b, w.compute, 2, .95);
    CHECK(f.beyond);
    CHECK_NEAR(f.hi, .01 * 12.7062, 1e-4); /* t with the prior's one degree of freedom */
    isg_backtests_destroy(&b);
}

static void test_references(void)
{
    isg_reference r;
    const isg_law *law = NULL;
    double p[ISG_LAW_PARAMS];

    CHECK_OK(isg_law_find("chinchilla", &law));
    CHECK_OK(isg_reference_find("besiroglu2024", &r));
    CHECK_NEAR(isg_reference_get(&r, "beta")->value, .3658, 0);
    CHECK(isg_reference_comparable(&r, "alpha") == ISG_COMPARABLE);
    CHECK(isg_reference_comparable(&r, "A") == ISG_COMPARABLE_NOT_UNITS);
    CHECK(isg_reference_comparable(&r, "lambda") == ISG_COMPARABLE_NOT_THERE);
    /* 2B parameters and 150B tokens: 0.84 with an own vocabulary, 0.90 with a multilingual one */
    const double var[] = {2e9, 150e9};
    CHECK_OK(isg_reference_find("atlas2025:en", &r));
    CHECK(isg_reference_parameters(&r, law, p));
    CHECK_NEAR(isg_law_loss(law, p, var), .84, .006);
    CHECK_OK(isg_reference_find("ATLAS2025:EN:multi", &r));
    CHECK_STR(r.name, "atlas2025:EN:multi");
    CHECK(isg_reference_parameters(&r, law, p));
    CHECK_NEAR(isg_law_loss(law, p, var), .90, .006);
    CHECK_OK(isg_reference_find("atlas2025:SW:unimax", &r)); /* E printed as 0.00 */
    CHECK(isg_reference_parameters(&r, law, p));
    CHECK(isg_law_loss(law, p, var) > 0);
    CHECK_FAILS(isg_reference_find("hofmann2022", &r), ISG_EUSAGE, "did you mean 'hoffmann2022'");
    CHECK_FAILS(isg_reference_find("atlas2025:DE", &r), ISG_EUSAGE, "EN, FR, RU, ZH, HI, SW");
}

int main(void)
{
    test_inflation();
    test_coverage();
    test_outlook();
    test_backtests();
    test_references();
    return check_done();
}
