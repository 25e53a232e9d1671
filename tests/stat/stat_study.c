/* The coverage study: how often nominal 95 % intervals hold the truth, as a table for
 * docs/statistics.md. stat_study [DATA SETS [REFITS [ROW]]]; the table there is that of
 * 2000 and 400.
 *
 * Claim, where the last column says so: true coverage of alpha, beta, E and a is within 93.5 to 98 %
 * (40 or more independent runs) and 93 to 98 % (40 or more runs of several points). The check
 * allows three Monte-Carlo standard errors beyond (1.5 points at 2000 data sets), so that a
 * coverage at the edge fails with 0.1 %, and one that is 3 points outside passes with 0.1 %.
 * Rows without a promise are there to show what is not promised. Negative control: rows of
 * clustered data, resampled, are below 80 %. */

#include "coverage.h"

enum { SETS = 2000, REFITS = 400, SEED = 20261122 };

typedef struct row {
    cover_case what;
    double least, most; /* promised; 0: none */
} row;

static const row rows[] = {
    {{"240 runs, normal", 20, 12, 1, {ISG_NORMAL, 0, 0, .006, 0}, false, false, 0}, .935, .98},
    {{"240 runs, Laplace", 20, 12, 1, {ISG_LAPLACE, 0, 0, .006, 0}, false, false, 0}, .935, .98},
    {{"240 runs, t3", 20, 12, 1, {ISG_STUDENT, 3, 0, .006, 0}, false, false, 0}, .935, .98},
    {{"240 runs, sd as L^3", 20, 12, 1, {ISG_NORMAL, 0, 0, .006, 3}, false, false, 0}, .935, .98},
    {{"40 runs, normal", 10, 4, 1, {ISG_NORMAL, 0, 0, .006, 0}, false, false, 0}, .935, .98},
    {{"40 runs, Laplace", 10, 4, 1, {ISG_LAPLACE, 0, 0, .006, 0}, false, false, 0}, .935, .98},
    {{"20 runs, normal", 5, 4, 1, {ISG_NORMAL, 0, 0, .006, 0}, false, false, 0}, 0, 0},
    {{"40 runs x 6", 10, 4, 6, {ISG_NORMAL, 0, .005, .002, 0}, false, false, 0}, .93, .98},
    {{"40 runs x 6, Laplace", 10, 4, 6, {ISG_LAPLACE, 0, .005, .002, 0}, false, false, 0},
     .93,
     .98},
    {{"20 runs x 6", 5, 4, 6, {ISG_NORMAL, 0, .005, .002, 0}, false, false, 0}, 0, 0},
    {{"40 runs x 6, rows resampled", 10, 4, 6, {ISG_NORMAL, 0, .005, .002, 0}, true, false, 0},
     0,
     0},
    {{"240 runs, law is wrong", 20, 12, 1, {ISG_NORMAL, 0, 0, .006, 0}, false, false, .004}, 0, 0},
    {{"60 runs x 5, factorial", 6, 10, 5, {ISG_NORMAL, 0, .005, .002, 0}, false, true, 0},
     .93,
     .98},
    {{"120 runs x 2", 20, 6, 2, {ISG_NORMAL, 0, .005, .002, 0}, false, false, 0}, .93, .98},
};

static void print_row(const row *of, size_t method, size_t sets, const cover_result *r)
{
    const isg_covered *of_alpha = &r->number[cover_at[0]].by[method];

    printf("| %s | %s |", method ? "" : of->what.name, isg_world_method_name[method]);
    for (size_t j = 0; j < COVER_NUMBERS; j++) {
        const isg_covered *c = &r->number[cover_at[j]].by[method];
        const double share = (double)c->inside / (double)c->n;
        const double slack = 3 * sqrt(.95 * .05 / (double)c->n);
        printf(" %.1f |", 100 * share);
        if (method != ISG_WORLD_PERCENTILE) continue;
        if (of->least > 0) CHECK(share >= of->least - slack && share <= of->most + slack);
        if (of->what.rows) CHECK(share < 0.80);
    }
    const isg_covered *best = &r->number[7].by[method];
    printf(" %.1f | %.4f | %zu |\n", 100 * (double)best->inside / (double)best->n, of_alpha->width,
           sets - of_alpha->n);
}

int main(int argc, char **argv)
{
    const size_t sets = argc > 1 ? strtoull(argv[1], NULL, 10) : SETS;
    const size_t refits = argc > 2 ? strtoull(argv[2], NULL, 10) : REFITS;
    const char *only = argc > 3 ? argv[3] : NULL;

    printf(
        "| data sets | interval | alpha | beta | E | a | loss of the best run | width of alpha | "
        "none |\n|---|---|---|---|---|---|---|---|---|\n");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        static cover_result r;
        if (only && strcmp(only, rows[k].what.name) != 0) continue;
        cover(&rows[k].what, SEED + k, sets, refits, &r);
        for (size_t m = 0; m < ISG_WORLD_FIRST; m++) print_row(&rows[k], m, sets, &r);
        (void)fflush(stdout);
    }
    return check_done();
}
