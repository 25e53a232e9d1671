/* Profile intervals: where the objective is a parabola they are the t interval of the cluster
 * sandwich, exactly; at bounds, for tied and for held parameters. */

#include "analysis/dist.h"
#include "check.h"
#include "isogloss/profile.h"
#include "isogloss/rng.h"

enum { N = 120, G = 30, A = 0, B, E, ALPHA, BETA };

static double n_of[N], d_of[N], loss[N];
static size_t cluster[N];

typedef struct fitted {
    isg_fit_options options;
    isg_obs obs;
    isg_problem *problem;
    isg_workspace *w;
    isg_fit fit;
} fitted;

static fitted fit(isg_objective objective, const isg_constraint *c, size_t n_constraints)
{
    fitted f = {.options = isg_fit_defaults(), .obs = {.n = N, .var = {n_of, d_of}, .loss = loss}};

    f.options.objective = objective;
    f.options.constraints = c;
    f.options.n_constraints = n_constraints;
    CHECK_OK(isg_problem_create(&f.options, &f.obs, &f.problem));
    CHECK_OK(isg_workspace_create(f.problem, &f.w));
    CHECK_OK(isg_fit_full(f.problem, f.w, &f.fit));
    return f;
}

static void clear(fitted *f)
{
    isg_workspace_destroy(&f->w);
    isg_problem_destroy(&f->problem);
}

static isg_profile profile(const fitted *f, size_t param)
{
    const isg_profile_of of = {&f->options, &f->obs, f->problem, &f->fit, cluster, G};
    isg_profile out;
    CHECK_OK(isg_profile_param(&of, param, .9, &out));
    return out;
}

static void draw(double e, double alpha, double beta, double sd, uint64_t seed)
{
    isg_rng r;

    isg_rng_at(&r, seed, ISG_RNG_TEST, 1);
    for (size_t i = 0; i < N; i++) {
        cluster[i] = i % G;
        n_of[i] = 5e7 * pow(300, isg_rng_double(&r));
        d_of[i] = 8e8 * pow(400, isg_rng_double(&r));
        loss[i] = (e + 480 / pow(n_of[i], alpha) + 2100 / pow(d_of[i], beta)) *
                  exp(sd * isg_rng_normal(&r));
    }
}

/* ln L = a - alpha ln N by least squares: t with G - 2 degrees of freedom, G/(G-2) in place of
 * G/(G-1). */
static void test_parabola(void)
{
    static const isg_constraint line[] = {
        {.param = E, .value = 1e-200}, {.param = B, .value = 1e-200}, {.param = BETA, .value = .3}};
    double x[N], y[N], sx = 0, sy = 0, sxx = 0, sxy = 0, meat[2][2] = {{0}}, variance[2] = {0};
    double score[G][2] = {{0}};
    isg_rng r;

    draw(1, .3, .3, 0, 2);
    isg_rng_at(&r, 3, ISG_RNG_TEST, 1);
    for (size_t i = 0; i < N; i++) {
        y[i] = log(300) - .3 * log(n_of[i]) + .02 * isg_rng_normal(&r);
        loss[i] = exp(y[i]);
        x[i] = -log(n_of[i]);
        sx += x[i], sy += y[i], sxx += x[i] * x[i], sxy += x[i] * y[i];
    }
    double det = N * sxx - sx * sx, alpha = (N * sxy - sx * sy) / det, a = (sy - alpha * sx) / N;
    for (size_t i = 0; i < N; i++) {
        score[cluster[i]][0] += y[i] - a - alpha * x[i];
        score[cluster[i]][1] += x[i] * (y[i] - a - alpha * x[i]);
    }
    for (size_t g = 0; g < G; g++) {
        for (size_t k = 0; k < 4; k++) meat[k / 2][k % 2] += score[g][k / 2] * score[g][k % 2];
    }
    double u[2][2] = {{sxx / det, -sx / det}, {-sx / det, N / det}};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 4; i++)
            variance[k] += u[k][i / 2] * meat[i / 2][i % 2] * u[k][i % 2] * G / (G - 2);
    }
    double t = isg_t_quantile(.95, G - 2);
    fitted f = fit(ISG_LOG_LSQ, line, 3);
    isg_profile p = profile(&f, ALPHA);
    CHECK(p.done && p.below == ISG_PROFILE_CLOSED && p.above == ISG_PROFILE_CLOSED);
    CHECK_NEAR(p.lo, alpha - t * sqrt(variance[1]), 1e-6);
    CHECK_NEAR(p.hi, alpha + t * sqrt(variance[1]), 1e-6);
    p = profile(&f, A);
    CHECK_NEAR(log(p.lo), a - t * sqrt(variance[0]), 1e-4);
    CHECK_NEAR(log(p.hi), a + t * sqrt(variance[0]), 1e-4);
    CHECK(!profile(&f, BETA).done && !profile(&f, E).done); /* held */
    clear(&f);
}

static void test_bound(void)
{
    draw(-.01, .35, .37, .003, 4);
    fitted f = fit(ISG_HUBER, NULL, 0);
    CHECK(f.fit.at_bound[E]);
    isg_profile p = profile(&f, E);
    CHECK(p.done && p.below == ISG_PROFILE_BOUND && p.above == ISG_PROFILE_CLOSED);
    CHECK_NEAR(p.lo, 0, 0);
    CHECK(p.hi > 1e-4 && p.hi < .2);
    clear(&f);
}

/* Every objective has one, and a tied parameter has that of the other. */
static void test_objectives(void)
{
    static const isg_constraint tied[] = {{.param = BETA, .tied = true, .other = ALPHA}};

    draw(1.8, .36, .36, .004, 5);
    for (int objective = ISG_HUBER; objective <= ISG_LOG_LSQ; objective++) {
        fitted f = fit((isg_objective)objective, tied, 1);
        isg_profile p = profile(&f, ALPHA), q = profile(&f, BETA);
        CHECK(p.done && p.below == ISG_PROFILE_CLOSED && p.above == ISG_PROFILE_CLOSED);
        CHECK(!p.improved);
        CHECK(p.lo < f.fit.natural[ALPHA] && f.fit.natural[ALPHA] < p.hi);
        CHECK(p.hi - p.lo > .001 && p.hi - p.lo < .06);
        CHECK(q.done && !(fabs(p.lo - q.lo) > 0) && !(fabs(p.hi - q.hi) > 0));
        clear(&f);
    }
}

/* One size: nothing tells A from E, so neither has a profile. */
static void test_unidentified(void)
{
    draw(1.8, .35, .37, .004, 6);
    for (size_t i = 0; i < N; i++) {
        loss[i] *= (1.8 + 480 / pow(1e8, .35) + 2100 / pow(d_of[i], .37)) /
                   (1.8 + 480 / pow(n_of[i], .35) + 2100 / pow(d_of[i], .37));
        n_of[i] = 1e8;
    }
    fitted f = fit(ISG_HUBER, NULL, 0);
    CHECK(!f.fit.identified[A] && f.fit.n_null == 2);
    CHECK(!profile(&f, A).done);
    CHECK(profile(&f, BETA).done);
    clear(&f);
}

int main(void)
{
    test_parabola();
    test_bound();
    test_objectives();
    test_unidentified();
    return check_done();
}
