/* Simulated worlds: do they resemble what they are drawn from, and is what they call the truth
 * what the estimator tends to? */

#include "check.h"
#include "isogloss/simulate.h"

#include <math.h>
#include <string.h>

enum { RUNS = 60, POINTS = 5, ROWS = RUNS * POINTS, SETS = 40 };

static const double planted[5] = {477.8, 2143, 1.817, 0.3473, 0.3672}; /* A B E alpha beta */

typedef struct design {
    double n[ROWS], d[ROWS], clean[ROWS], loss[ROWS];
    size_t run[ROWS];
} design;

static double power(double x, double y)
{
    return isg_exp(y * isg_ln(x));
}

static void fill(design *c)
{
    for (size_t i = 0; i < ROWS; i++) {
        const size_t run = i / POINTS;
        const double all = 1e9 * power(150, (double)(run % 6) / 5);
        c->n[i] = 2e7 * power(300, (double)(run / 6) / 9);
        c->d[i] = all * (double)(i % POINTS + 2) / (POINTS + 1);
        c->clean[i] = planted[2] + planted[0] / power(c->n[i], planted[3]) +
                      planted[1] / power(c->d[i], planted[4]);
        c->run[i] = run;
    }
}

static isg_worlds worlds_on(const design *c, const isg_noise *noise)
{
    isg_worlds s = {.fit = isg_fit_defaults(),
                    .design = {.n = ROWS, .var = {c->n, c->d}},
                    .clean = c->clean,
                    .noise = noise,
                    .way = {{.cluster = c->run, .n_clusters = RUNS}},
                    .n_ways = 1,
                    .replicates = 100,
                    .level = 0.95,
                    .seed = 7};
    s.fit.cold_starts = 0;
    return s;
}

/* Mean squares of noise: of cluster means (times the points) and within clusters. */
static void mean_squares(const double *e, double *between, double *within)
{
    for (size_t g = 0; g < RUNS; g++) {
        double mean = 0;
        for (size_t j = 0; j < POINTS; j++) mean += e[g * POINTS + j] / POINTS;
        *between += POINTS * mean * mean / RUNS;
        for (size_t j = 0; j < POINTS; j++) {
            const double w = e[g * POINTS + j] - mean;
            *within += w * w / (RUNS * (POINTS - 1));
        }
    }
}

static void test_planned(void)
{
    static design c;
    static const isg_noise_plan plans[] = {{ISG_NORMAL, 0, .005, .002, 0},
                                           {ISG_LAPLACE, 0, .005, .002, 0},
                                           {ISG_STUDENT, 8, .005, .002, 0}};
    fill(&c);
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        isg_noise *noise = NULL;
        double e[ROWS], between = 0, within = 0;
        CHECK_OK(isg_noise_planned(&plans[k], c.clean, ROWS, c.run, RUNS, &noise));
        for (uint64_t s = 0; s < 400; s++) {
            isg_rng r;
            isg_rng_at(&r, s, ISG_RNG_TEST, k);
            isg_noise_draw(noise, &r, e);
            mean_squares(e, &between, &within);
        }
        /* 24,000 runs: the error of a variance is 1 to 2 % */
        CHECK_NEAR(between / 400, POINTS * 25e-6 + 4e-6, 6e-6);
        CHECK_NEAR(within / 400, 4e-6, 0.2e-6);
        CHECK(!isg_noise_misfit(noise) && !isg_noise_strata(noise));
        isg_noise_destroy(&noise);
    }
}

/* Fit planted data, draw worlds from the residuals, and compare them with what was planted. */
static void one_set(design *c, uint64_t set, double sum[4])
{
    const isg_noise_plan plan = {ISG_NORMAL, 0, .005, .002, 4};
    isg_noise *truth = NULL, *drawn = NULL;
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;
    double e[ROWS];

    CHECK_OK(isg_noise_planned(&plan, c->clean, ROWS, c->run, RUNS, &truth));
    isg_worlds s = worlds_on(c, truth);
    isg_world_draw(&s, set, c->loss);
    const isg_obs obs = {.n = ROWS, .var = {c->n, c->d}, .loss = c->loss};
    for (size_t i = 0; i < ROWS; i++) e[i] = isg_ln(c->loss[i] / c->clean[i]);
    mean_squares(e, &sum[0], &sum[1]);
    CHECK_OK(isg_problem_create(&s.fit, &obs, &problem));
    CHECK_OK(isg_workspace_create(problem, &w));
    CHECK_OK(isg_fit_full(problem, w, &fit));
    CHECK_OK(isg_noise_of_fit(problem, &fit, c->run, RUNS, &drawn));
    CHECK_EQ_U64(isg_noise_strata(drawn), 4);
    for (uint64_t k = 0; k < 20; k++) {
        double b = 0, i = 0;
        isg_rng r;
        isg_rng_at(&r, k, ISG_RNG_TEST, set);
        isg_noise_draw(drawn, &r, e);
        mean_squares(e, &b, &i);
        sum[2] += b / 20;
        sum[3] += i / 20;
    }
    isg_noise_destroy(&drawn);
    isg_noise_destroy(&truth);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
}

static void test_resemblance(void)
{
    static design c;
    double sum[4] = {0};

    fill(&c);
    for (uint64_t set = 0; set < SETS; set++) one_set(&c, set, sum);
    printf("between runs: drawn %.4g, planted %.4g; within: %.4g, %.4g\n", sum[2] / SETS,
           sum[0] / SETS, sum[3] / SETS, sum[1] / SETS);
    CHECK_NEAR(sum[2] / sum[0], 1, 0.07);
    CHECK_NEAR(sum[3] / sum[1], 1, 0.07);
}

/* What a fit says is what the estimator tends to in endless data of its own worlds; and with the
 * misfit kept, it is not what the bent law says. */
static void test_truth(void)
{
    static design c;
    const isg_noise_plan plan = {ISG_LAPLACE, 0, .004, .003, 0};
    isg_noise *truth = NULL, *drawn = NULL;
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;
    double tends[ISG_WORLD_NUMBERS], own[ISG_WORLD_NUMBERS];
    enum { DRAWS = 400 };

    fill(&c);
    CHECK_OK(isg_noise_planned(&plan, c.clean, ROWS, c.run, RUNS, &truth));
    isg_worlds s = worlds_on(&c, truth);
    isg_world_draw(&s, 3, c.loss);
    const isg_obs obs = {.n = ROWS, .var = {c.n, c.d}, .loss = c.loss};
    CHECK_OK(isg_problem_create(&s.fit, &obs, &problem));
    CHECK_OK(isg_workspace_create(problem, &w));
    CHECK_OK(isg_fit_full(problem, w, &fit));
    CHECK_OK(isg_noise_of_fit(problem, &fit, c.run, RUNS, &drawn));
    for (size_t i = 0; i < ROWS; i++) {
        const double var[2] = {c.n[i], c.d[i]};
        c.clean[i] = isg_law_loss(s.fit.law, fit.natural, var);
    }
    s.noise = drawn;
    isg_worlds_truth(&s, fit.natural, own);
    CHECK_OK(isg_worlds_pseudo_truth(&s, DRAWS, tends));
    /* sd of the estimates .015, .02, .03 / sqrt(400), times 4 */
    CHECK_NEAR(tends[3], own[3], 0.003);
    CHECK_NEAR(tends[4], own[4], 0.004);
    CHECK_NEAR(tends[2], own[2], 0.006);
    isg_noise_destroy(&drawn);
    isg_noise_destroy(&truth);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
}

static void test_bytes(void)
{
    static design c;
    const isg_noise_plan plan = {ISG_NORMAL, 0, .004, .001, 0};
    isg_noise *noise = NULL;
    isg_world_result a, b;
    unsigned char bytes[ISG_WORLD_BYTES];

    fill(&c);
    CHECK_OK(isg_noise_planned(&plan, c.clean, ROWS, c.run, RUNS, &noise));
    isg_worlds s = worlds_on(&c, noise);
    CHECK_EQ_U64(isg_world_numbers(&s), 7);
    CHECK_OK(isg_world_run(&s, 11, &a));
    CHECK(a.good && a.number[3].lo[0] < a.number[3].estimate);
    const size_t n = isg_world_pack(&s, &a, bytes);
    CHECK_OK(isg_world_unpack(&s, bytes, n, &b));
    CHECK(b.good && b.rms <= a.rms && b.rms >= a.rms);
    CHECK(!memcmp(a.number, b.number, 7 * sizeof *a.number));
    CHECK_FAILS(isg_world_unpack(&s, bytes, n - 1, &b), ISG_EPROTO, "bytes");
    CHECK_OK(isg_world_run(&s, 11, &b));
    CHECK(b.number[3].hi[0] >= a.number[3].hi[0] && b.number[3].hi[0] <= a.number[3].hi[0]);
    isg_noise_destroy(&noise);
}

static isg_world_result made(double lo, double hi)
{
    isg_world_result r = {.good = true, .rms = 1};
    r.number[0] =
        (isg_world_number){.estimate = 0.5 * (lo + hi), .lo = {lo}, .hi = {hi}, .has = {true}};
    return r;
}

static void test_count(void)
{
    static design c;
    isg_worlds s = worlds_on(&c, NULL);
    const isg_world_result r[] = {made(0, 1), made(2, 3), made(2, 4),
                                  {0},        made(5, 9), made(3, 3.5)};
    const double truth[ISG_WORLD_NUMBERS] = {3};
    isg_coverage out[ISG_WORLD_NUMBERS];
    size_t good = 0;

    CHECK_OK(isg_worlds_count(&s, r, sizeof r / sizeof *r, truth, out, &good));
    CHECK_EQ_U64(good, 5);
    CHECK_EQ_U64(out[0].by[0].n, 5);
    CHECK_EQ_U64(out[0].by[0].inside, 3); /* both ends belong to an interval */
    CHECK_EQ_U64(out[0].by[0].below, 1);
    CHECK_EQ_U64(out[0].by[0].above, 1);
    CHECK_NEAR(out[0].by[0].width, 1, 0);
    CHECK_NEAR(out[0].mean, (0.5 + 2.5 + 3 + 7 + 3.25) / 5, 1e-15);
    CHECK_EQ_U64(out[0].by[ISG_WORLD_BCA].n, 0);
}

int main(void)
{
    test_planned();
    test_resemblance();
    test_truth();
    test_bytes();
    test_count();
    return check_done();
}
