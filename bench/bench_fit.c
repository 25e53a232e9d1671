/* Speed of fits on one core: evaluations (with their share of the core's peak of
 * fused multiply-adds), the full fit, the published grid of 4,500 starts and
 * refits, for each instruction set here. 240 simulated observations, huber, the
 * sizes of the published 240 points. Each figure is the median of three repeats.
 *
 *   bench_fit                    all of it
 *   bench_fit data               the observations as CSV, for a peer
 *   bench_fit warm NUMERICS      refits/s from the full fit, one number, for ratios in turns */

#include "analysis/problem.h"
#include "isogloss/boot.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 240, REPEATS = 3, EVALUATIONS = 20000, FULL_FITS = 20 };
enum { FLOPS_A_ROW = 159 }; /* value, gradient, Hessian: 2 exp 62, log 33, the rest 64 */

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

/* The grid of Hoffmann et al. (2022, App. D.3). @return CPU seconds; *best starts that end there */
static double grid(bench *b, size_t *best, size_t *starts)
{
    const double *centre = b->problem->centre;
    double weights[ROWS], t = isg_time_cpu();

    *best = *starts = 0;
    for (size_t i = 0; i < ROWS; i++) weights[i] = 1;
    for (size_t k = 0; k < 5u * 6 * 6 * 5 * 5; k++) {
        const double alpha = 0.5 * (double)(k % 5), beta = 0.5 * (double)(k / 5 % 5);
        const double theta[ISG_LAW_PARAMS] = {5 * (double)(k / 25 % 6) - alpha * centre[0],
                                              5 * (double)(k / 150 % 6) - beta * centre[1],
                                              0.5 * (double)(k / 900) - 1, alpha, beta};
        isg_refit end;
        isg_fit_from(b->problem, b->workspace, &b->full, weights, theta, &end);
        *best += end.objective <= b->full.objective * (1 + 1e-6);
        ++*starts;
    }
    return isg_time_cpu() - t;
}

static void observations(double n[ROWS], double d[ROWS], double loss[ROWS])
{
    isg_rng r;

    isg_rng_at(&r, 1, ISG_RNG_SIMULATE, 0);
    for (size_t i = 0; i < ROWS; i++) {
        n[i] = 5e7 * pow(300, isg_rng_double(&r));
        d[i] = 8e8 * pow(400, isg_rng_double(&r));
        loss[i] = (1.817 + 478 / pow(n[i], 0.347) + 2143 / pow(d[i], 0.367)) *
                  exp(0.005 * isg_rng_normal(&r));
    }
}

static isg_err set_up(bench *b)
{
    static double n[ROWS], d[ROWS], loss[ROWS];
    isg_fit_options options = isg_fit_defaults();

    observations(n, d, loss);
    for (size_t i = 0; i < ROWS; i++) b->cluster[i] = i;
    const isg_obs obs = {.n = ROWS, .var = {n, d}, .loss = loss};
    options.delta = 1e-3;
    options.numerics = b->numerics;
    ISG_TRY(isg_problem_create(&options, &obs, &b->problem));
    ISG_TRY(isg_workspace_create(b->problem, &b->workspace));
    return isg_fit_full(b->problem, b->workspace, &b->full);
}

static isg_err measure(bench *b)
{
    size_t best, starts;
    double seconds, peak = isg_fma_peak(b->numerics) / 2, evaluated = median_of(evaluation, b);

    printf("fit: %-9s %5.2f us an evaluation with gradient and Hessian, %d rows: %.1f GFlop/s, "
           "%.0f %% of %.0f at the peak\n",
           b->numerics, 1e6 * evaluated, ROWS, 1e-9 * FLOPS_A_ROW * ROWS / evaluated,
           100 * FLOPS_A_ROW * ROWS / evaluated / peak, 1e-9 * peak);
    printf("fit: %-9s %5.2f ms a full fit, %zu starts\n", b->numerics, 1e3 * median_of(full_fit, b),
           b->full.starts);
    seconds = grid(b, &best, &starts);
    printf(
        "fit: %-9s %5.2f s the published grid of %zu starts, %.1f %% of them to the best optimum\n",
        b->numerics, seconds, starts, 100 * (double)best / (double)starts);
    printf("fit: %-9s %6.0f refits/s a core from the full fit\n", b->numerics,
           1 / median_of(warm, b));
    printf("fit: %-9s %6.0f refits/s a core, better of full fit and own scan\n", b->numerics,
           1 / median_of(safe, b));
    return ISG_OK;
}

static isg_err one_rate(bench *b)
{
    printf("%.0f\n", 1 / warm(b));
    return ISG_OK;
}

static isg_err with(const char *numerics, isg_err (*what)(bench *))
{
    bench b = {.numerics = numerics};
    isg_err rc = isg_numerics_supported(numerics) ? set_up(&b) : ISG_EUSAGE;

    if (!rc) rc = what(&b);
    isg_workspace_destroy(&b.workspace);
    isg_problem_destroy(&b.problem);
    return rc;
}

static isg_err measure_all(void)
{
    for (int level = ISG_KERNELS - 1; level >= 0; level--) {
        const char *numerics = isg_numerics_of_level(level);
        if (isg_numerics_supported(numerics)) ISG_TRY(with(numerics, measure));
    }
    return ISG_OK;
}

static void print_data(void)
{
    double n[ROWS], d[ROWS], loss[ROWS];

    observations(n, d, loss);
    printf("N,D,loss\n");
    for (size_t i = 0; i < ROWS; i++) printf("%.17g,%.17g,%.17g\n", n[i], d[i], loss[i]);
}

int main(int argc, char **argv)
{
    isg_err rc = ISG_OK;

    if (argc == 1)
        rc = measure_all();
    else if (argc == 2 && !strcmp(argv[1], "data"))
        print_data();
    else if (argc == 3 && !strcmp(argv[1], "warm"))
        rc = with(argv[2], one_rate);
    else
        rc = ISG_FAIL(ISG_EUSAGE, "bench_fit [data | warm NUMERICS]");
    if (rc) (void)fprintf(stderr, "bench_fit: %s\n", isg_err_message());
    return isg_err_exit_status(rc);
}
