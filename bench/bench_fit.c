/* Speed of fits on one core: evaluations, the full fit and refits, for each
 * instruction set here. 240 simulated observations, huber, the sizes of the
 * published 240 points. Each figure is the median of three repeats. */

#include "analysis/kernel.h"
#include "isogloss/boot.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 240, REPEATS = 3, EVALUATIONS = 20000, FULL_FITS = 20 };

typedef struct bench {
    const char *numerics;
    isg_problem *problem;
    isg_workspace *workspace;
    isg_fit full;
    size_t cluster[ROWS];
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
    const isg_kernel *kernel = NULL;
    size_t blocks = ROWS / ISG_LANES;
    double *memory = isg_lanes_alloc(4 * blocks), theta[5] = {-1, -1, 0.6, 0.35, 0.37}, g[5], h[25],
           sum = 0;
    if (!memory || isg_kernel_find(b->numerics, &kernel)) return 0;
    isg_rows rows = {.n = ROWS,
                     .blocks = blocks,
                     .x = {memory, memory + ROWS},
                     .y = memory + 2 * ROWS,
                     .w = memory + 3 * ROWS};
    for (size_t i = 0; i < ROWS; i++) {
        rows.x[0][i] = sin((double)i);
        rows.x[1][i] = cos((double)i);
        rows.y[i] = 0.8;
        rows.w[i] = 1;
    }
    double t = isg_time_cpu();
    for (int i = 0; i < EVALUATIONS; i++) {
        theta[2] += 1e-9;
        sum += kernel->chinchilla[0][2](isg_laws[0], &rows, theta, 1e-3, g, h);
    }
    t = isg_time_cpu() - t;
    free(memory);
    return isfinite(sum) ? t / EVALUATIONS : 0;
}

static double full_fit(bench *b)
{
    double t = isg_time_cpu();
    for (int i = 0; i < FULL_FITS; i++) (void)isg_fit_full(b->problem, b->workspace, &b->full);
    return (isg_time_cpu() - t) / FULL_FITS;
}

static double refits(bench *b, isg_refit_start start)
{
    enum { N = 2000 };
    isg_boot boot = {.problem = b->problem,
                     .full = &b->full,
                     .cluster = b->cluster,
                     .n_clusters = ROWS,
                     .replicates = N,
                     .seed = 1,
                     .start = start};
    isg_replicates *r = NULL;
    if (isg_replicates_create(&boot, &r)) return 0;
    double t = isg_time_cpu();
    (void)isg_boot_all(&boot, r);
    t = isg_time_cpu() - t;
    isg_replicates_destroy(&r);
    return t / N;
}

static double warm(bench *b)
{
    return refits(b, ISG_START_WARM);
}

static double safe(bench *b)
{
    return refits(b, ISG_START_BOTH);
}

static isg_err set_up(bench *b)
{
    static double n[ROWS], d[ROWS], loss[ROWS];
    isg_fit_options options = isg_fit_defaults();
    isg_rng r;

    isg_rng_at(&r, 1, ISG_RNG_SIMULATE, 0);
    for (size_t i = 0; i < ROWS; i++) {
        n[i] = 5e7 * pow(300, isg_rng_double(&r));
        d[i] = 8e8 * pow(400, isg_rng_double(&r));
        loss[i] = (1.817 + 478 / pow(n[i], 0.347) + 2143 / pow(d[i], 0.367)) *
                  exp(0.005 * isg_rng_normal(&r));
        b->cluster[i] = i;
    }
    const isg_obs obs = {.n = ROWS, .var = {n, d}, .loss = loss};
    options.delta = 1e-3;
    options.numerics = b->numerics;
    ISG_TRY(isg_problem_create(&options, &obs, &b->problem));
    ISG_TRY(isg_workspace_create(b->problem, &b->workspace));
    return isg_fit_full(b->problem, b->workspace, &b->full);
}

int main(void)
{
    for (int level = ISG_KERNELS - 1; level >= 0; level--) {
        bench b = {.numerics = isg_numerics_of_level(level)};
        if (!isg_numerics_supported(b.numerics)) continue;
        isg_err rc = set_up(&b);
        if (rc) {
            (void)fprintf(stderr, "bench_fit: %s\n", isg_err_message());
            return isg_err_exit_status(rc);
        }
        printf("fit: %-9s %5.2f us an evaluation with gradient and Hessian, %d rows\n", b.numerics,
               1e6 * median_of(evaluation, &b), ROWS);
        printf("fit: %-9s %5.2f ms a full fit, %zu starts\n", b.numerics,
               1e3 * median_of(full_fit, &b), b.full.starts);
        printf("fit: %-9s %6.0f refits/s a core from the full fit\n", b.numerics,
               1 / median_of(warm, &b));
        printf("fit: %-9s %6.0f refits/s a core, better of full fit and own scan\n", b.numerics,
               1 / median_of(safe, &b));
        isg_workspace_destroy(&b.workspace);
        isg_problem_destroy(&b.problem);
    }
    return 0;
}
