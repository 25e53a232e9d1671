/* Do 95 % intervals hold what they promise? The short form of stat_study.c: the first 200 data sets
 * of some of its rows, with 200 refits instead of 400.
 *
 * Claim: with delta from the data the cluster percentile interval covers alpha, beta, E and a in
 * 93 to 98 % of campaigns (docs/statistics.md has the measured figures).
 * Limits: at least 175 of 200. A true coverage of 93 % passes with 99.8 %, 88 % is caught with
 * 36 %, 85 % with 81 %, 80 % with 99.6 %; there is no upper limit that 98 % would not
 * sometimes break. Results are the same bits everywhere, so the exact counts are pinned as well.
 * Designs and seeds are those of the study and were not chosen by their counts; the factorial
 * design is here because it is the least favourable one known.
 * Negative control: resampling rows of clustered data must fall below 80 %; a method that covers
 * 88 % passes that with 1 %. */

#include "coverage.h"

enum { SETS = 200, CONTROL_SETS = 100, REFITS = 200, SEED = 20261122, LEAST = 175 };

typedef struct pinned {
    cover_case what;
    size_t row; /* in the study's table: its seed */
    size_t sets;
    unsigned inside[COVER_NUMBERS];
} pinned;

static const pinned cases[] = {
    {{"240 runs, normal", 20, 12, 1, {ISG_NORMAL, 0, 0, .006, 0}, false, false, 0},
     0,
     SETS,
     {184, 190, 187, 184}},
    {{"40 runs x 6", 10, 4, 6, {ISG_NORMAL, 0, .005, .002, 0}, false, false, 0},
     7,
     SETS,
     {190, 189, 189, 190}},
    {{"60 runs x 5, factorial", 6, 10, 5, {ISG_NORMAL, 0, .005, .002, 0}, false, true, 0},
     12,
     SETS,
     {181, 188, 192, 182}},
    {{"40 runs x 6, rows resampled", 10, 4, 6, {ISG_NORMAL, 0, .005, .002, 0}, true, false, 0},
     10,
     CONTROL_SETS,
     {63, 63, 58, 60}},
};

int main(void)
{
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        static cover_result r;
        const pinned *c = &cases[k];
        cover(&c->what, SEED + c->row, c->sets, REFITS, &r);
        CHECK_EQ_U64(r.good, c->sets);
        for (size_t j = 0; j < COVER_NUMBERS; j++) {
            const isg_covered *of = &r.number[cover_at[j]].by[ISG_WORLD_PERCENTILE];
            printf("%s, %-5s: %zu of %zu inside\n", c->what.name, cover_name[j], of->inside, of->n);
            CHECK_EQ_U64(of->inside, c->inside[j]);
            if (c->what.rows)
                CHECK(10 * of->inside < 8 * of->n);
            else
                CHECK(of->inside >= LEAST);
        }
    }
    return check_done();
}
