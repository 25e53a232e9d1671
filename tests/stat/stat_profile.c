/* Claims: (1) where a parameter's truth is its bound (E = 0), the one-sided percentile interval
 * holds it in 95 to 99 % and says that it is one-sided; (2) the profile interval covers 91 to 97 %,
 * and less than the percentile interval with 20 runs, which is why it stands beside it and never in
 * its place.
 * Sample: campaigns of 20, 30 or 60 single runs, sizes and tokens drawn anew, noise .005, delta from
 * the residuals; 200 refits. Here 150 campaigns a design with pinned counts: a true coverage of
 * 95 % gives 135 to 149 in 99 %. `stat_profile SETS` prints the table of docs/statistics.md from
 * so many campaigns of 400 refits instead. */

#include "check.h"
#include "isogloss/boot.h"
#include "isogloss/profile.h"
#include "isogloss/rng.h"

#include <stdlib.h>

enum { MOST = 60, DESIGNS = 5, NUMBERS = 3, SHORT_SETS = 150, SHORT_REFITS = 200 };

typedef struct design {
    const char *name;
    size_t runs;
    double e;
    bool in_short;
} design;

static const design designs[DESIGNS] = {{"20 runs", 20, 1.817, true},
                                        {"30 runs", 30, 1.817, false},
                                        {"60 runs", 60, 1.817, true},
                                        {"20 runs, E = 0", 20, 0, false},
                                        {"60 runs, E = 0", 60, 0, true}};
static const size_t param[NUMBERS] = {2, 3, 4};
static const char *const name[NUMBERS] = {"E", "alpha", "beta"};

typedef struct counts {
    unsigned percentile[NUMBERS], profile[NUMBERS], one_sided, at_bound;
} counts;

/* Polar method on the analysis' own log: the C library's differs between CPUs in the last bit. */
static double normal(isg_rng *r)
{
    for (;;) {
        double u = 2 * isg_rng_double(r) - 1, v = 2 * isg_rng_double(r) - 1, s = u * u + v * v;
        if (s > 0 && s < 1) return u * sqrt(-2 * isg_ln(s) / s);
    }
}

static double power(double x, double y)
{
    return isg_exp(y * isg_ln(x));
}

static double n_of[MOST], d_of[MOST], loss[MOST];
static size_t cluster[MOST];

static void draw(const design *d, uint64_t seed)
{
    isg_rng r;

    isg_rng_at(&r, seed, ISG_RNG_SIMULATE, 7);
    for (size_t i = 0; i < d->runs; i++) {
        cluster[i] = i;
        n_of[i] = 5e7 * power(300, isg_rng_double(&r));
        d_of[i] = 8e8 * power(400, isg_rng_double(&r));
        double clean = d->e + 478 * power(n_of[i], -.347) + 2143 * power(d_of[i], -.367);
        loss[i] = clean * isg_exp(.005 * normal(&r));
    }
}

static void count(const isg_profile_of *of, const isg_boot_summary *s, const double *truth,
                  counts *to)
{
    for (size_t k = 0; k < NUMBERS; k++) {
        const isg_interval *i = &s->param[param[k]];
        isg_profile p;
        CHECK_OK(isg_profile_param(of, param[k], .95, &p));
        to->percentile[k] += i->lo <= truth[k] && truth[k] <= i->hi;
        to->profile[k] += p.done && p.lo <= truth[k] && truth[k] <= p.hi;
        if (k) continue;
        to->one_sided += i->bounded == ISG_BOUNDED_BELOW;
        to->at_bound += p.done && p.below == ISG_PROFILE_BOUND;
    }
}

static void cover(const design *d, uint64_t seed, size_t refits, counts *to)
{
    const double truth[NUMBERS] = {d->e, .347, .367};
    const isg_obs obs = {.n = d->runs, .var = {n_of, d_of}, .loss = loss};
    isg_fit_options options = isg_fit_defaults();
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_replicates *r = NULL;
    isg_boot_summary summary;
    isg_fit fit;

    draw(d, seed);
    options.cold_starts = 0;
    CHECK_OK(isg_problem_create(&options, &obs, &problem));
    CHECK_OK(isg_workspace_create(problem, &w));
    CHECK_OK(isg_fit_full(problem, w, &fit));
    isg_boot boot = {.problem = problem,
                     .full = &fit,
                     .cluster = cluster,
                     .n_clusters = d->runs,
                     .replicates = refits,
                     .seed = seed};
    CHECK_OK(isg_replicates_create(&boot, &r));
    CHECK_OK(isg_boot_all(&boot, r));
    CHECK_OK(isg_boot_summarise(&boot, r, .95, &summary));
    const isg_profile_of of = {&options, &obs, problem, &fit, cluster, d->runs};
    count(&of, &summary, truth, to);
    isg_replicates_destroy(&r);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
}

static void print(const design *d, const counts *c, unsigned sets)
{
    printf("%-15s percentile", d->name);
    for (size_t k = 0; k < NUMBERS; k++)
        printf(" %s %.1f", name[k], 100. * c->percentile[k] / sets);
    printf("; profile");
    for (size_t k = 0; k < NUMBERS; k++) printf(" %s %.1f", name[k], 100. * c->profile[k] / sets);
    printf("; of %u: %u one-sided, %u profiles to the bound\n", sets, c->one_sided, c->at_bound);
}

int main(int argc, char **argv)
{
    static const counts pinned[DESIGNS] = {[0] = {{141, 145, 143}, {134, 134, 131}, 0, 0},
                                           [2] = {{142, 143, 139}, {144, 142, 141}, 0, 0},
                                           [4] = {{149, 133, 138}, {147, 138, 140}, 149, 147}};
    const unsigned sets = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : SHORT_SETS;

    for (size_t k = 0; k < DESIGNS; k++) {
        counts c = {0};
        if (argc < 2 && !designs[k].in_short) continue;
        for (uint64_t seed = 0; seed < sets; seed++)
            cover(&designs[k], seed, argc > 1 ? 400 : SHORT_REFITS, &c);
        print(&designs[k], &c, sets);
        if (argc > 1) continue;
        for (size_t j = 0; j < NUMBERS; j++) {
            CHECK_EQ_U64(c.percentile[j], pinned[k].percentile[j]);
            CHECK_EQ_U64(c.profile[j], pinned[k].profile[j]);
            if (designs[k].e > 0 && designs[k].runs == 60) CHECK(c.profile[j] >= 135);
            if (designs[k].runs == 20) CHECK(c.profile[j] < c.percentile[j]);
        }
        if (!(designs[k].e > 0)) CHECK(c.percentile[0] >= 135 && c.profile[0] >= 135);
        CHECK_EQ_U64(c.one_sided, pinned[k].one_sided);
        CHECK_EQ_U64(c.at_bound, pinned[k].at_bound);
    }
    return check_done();
}
