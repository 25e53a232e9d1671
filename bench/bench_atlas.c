/* Speed of ATLAS fits on one core: evaluations, the full fit and refits of 774 runs and 10
 * parameters, for each instruction set here. Each figure is the median of three repeats. */

#include "../tests/support/atlas_world.h"
#include "analysis/kernel.h"
#include "analysis/problem.h"
#include "isogloss/boot.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPEATS = 3, EVALUATIONS = 3000, REFITS = 600 };

typedef struct bench {
    const isg_law *law;
    isg_problem *problem;
    isg_workspace *workspace;
    isg_fit full;
    size_t cluster[WORLD_RUNS];
    double evaluations; /* of a refit */
} bench;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double (*run)(bench *), bench *b)
{
    double t[REPEATS];
    for (size_t i = 0; i < REPEATS; i++) t[i] = run(b);
    qsort(t, REPEATS, sizeof *t, by_value);
    return t[REPEATS / 2];
}

/* CPU seconds of one evaluation with gradient and Hessian. */
static double evaluation(bench *b)
{
    const isg_law_eval eval = b->law->eval(b->problem->kernel, false, 2);
    double theta[ISG_LAW_PARAMS], g[ISG_LAW_PARAMS], h[ISG_LAW_PARAMS * ISG_LAW_PARAMS], sum = 0;

    for (size_t k = 0; k < b->law->n_params; k++) theta[k] = b->full.theta[k];
    double t = isg_time_cpu();
    for (int i = 0; i < EVALUATIONS; i++) {
        theta[2] += 1e-9;
        sum += eval(b->law, &b->problem->rows, theta, b->full.delta, g, h);
    }
    t = isg_time_cpu() - t;
    return isfinite(sum) ? t / EVALUATIONS : 0;
}

static double full_fit(bench *b)
{
    double t = isg_time_cpu();
    (void)isg_fit_full(b->problem, b->workspace, &b->full);
    return isg_time_cpu() - t;
}

static double refits(bench *b, isg_refit_start start)
{
    const isg_refit_options options = {.start = start};
    double spent = 0;

    b->evaluations = 0;
    for (uint64_t k = 0; k < REFITS; k++) {
        double weight[WORLD_RUNS] = {0};
        isg_refit end;
        isg_rng r;
        double t = isg_time_cpu();
        isg_rng_at(&r, 1, ISG_RNG_BOOTSTRAP, k);
        for (size_t i = 0; i < WORLD_RUNS; i++) weight[isg_rng_below(&r, WORLD_RUNS)] += 1;
        if (isg_fit_refit(b->problem, b->workspace, &b->full, weight, &options, &end)) return 0;
        spent += isg_time_cpu() - t;
        b->evaluations += (double)end.evaluations / REFITS;
    }
    return spent / REFITS;
}

static double warm(bench *b)
{
    return refits(b, ISG_START_WARM);
}

static double safe(bench *b)
{
    return refits(b, ISG_START_BOTH);
}

static isg_err set_up(bench *b, const char *numerics)
{
    static atlas_world w;
    static double clean[WORLD_RUNS];
    isg_fit_options options = isg_fit_defaults();

    world_design(b->law, world_truth, &w);
    for (size_t i = 0; i < WORLD_RUNS; i++) {
        clean[i] = w.loss[i];
        b->cluster[i] = i;
    }
    world_noise(clean, 0.005, 1, &w);
    const isg_obs obs = world_obs(&w);
    options.law = b->law;
    options.numerics = numerics;
    ISG_TRY(isg_problem_create(&options, &obs, &b->problem));
    ISG_TRY(isg_workspace_create(b->problem, &b->workspace));
    return isg_fit_full(b->problem, b->workspace, &b->full);
}

static isg_err measure(const char *numerics, const isg_law *law)
{
    bench b = {.law = law};
    ISG_TRY(set_up(&b, numerics));
    printf(
        "atlas: %-9s %6.2f us an evaluation with gradient and Hessian, %d rows, %zu parameters\n",
        numerics, 1e6 * median_of(evaluation, &b), WORLD_RUNS, law->n_params);
    printf("atlas: %-9s %6.1f ms a full fit, %zu starts, %zu at the best optimum\n", numerics,
           1e3 * median_of(full_fit, &b), b.full.starts, b.full.at_best);
    printf("atlas: %-9s %6.0f refits/s a core from the full fit", numerics,
           1 / median_of(warm, &b));
    printf(", %.1f evaluations each\n", b.evaluations);
    printf("atlas: %-9s %6.0f refits/s a core, better of full fit and own scan\n", numerics,
           1 / median_of(safe, &b));
    isg_workspace_destroy(&b.workspace);
    isg_problem_destroy(&b.problem);
    return ISG_OK;
}

int main(void)
{
    isg_law *law = NULL;
    isg_err rc = world_law(&law);

    for (int level = ISG_KERNELS - 1; level >= 0 && !rc; level--) {
        const char *numerics = isg_numerics_of_level(level);
        if (isg_numerics_supported(numerics)) rc = measure(numerics, law);
    }
    isg_law_destroy(&law);
    if (rc) (void)fprintf(stderr, "bench_atlas: %s\n", isg_err_message());
    return rc ? isg_err_exit_status(rc) : 0;
}
