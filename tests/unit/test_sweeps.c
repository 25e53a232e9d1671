/* The best of a sweep: which rows are chosen, in the data and in a replicate. */

#include "check.h"
#include "isogloss/select.h"

#include <stdlib.h>

static void test_envelope(void)
{
    /* one cell: setting 0 has two seeds, setting 1 one of them, lucky, setting 2 one run */
    double loss[] = {2, 2.25, 1.875, 2.375, 2.1875};
    size_t cell[5] = {0}, setting[] = {0, 0, 1, 1, 2}, run[] = {0, 1, 2, 3, 4};
    const isg_sweeps s = {.n = 5, .loss = loss, .cell = cell, .setting = setting, .run = run};
    const struct {
        uint32_t count[5];
        double weights[5];
    } rows[] = {
        {{1, 1, 1, 1, 1}, {1, 1, 0, 0, 0}}, /* means 2.125, 2.125, 2.1875: the first of equals */
        {{0, 2, 0, 1, 1}, {0, 0, 0, 0, 1}}, /* 2.25, 2.375, 2.1875 */
        {{1, 3, 0, 0, 0}, {0.5, 1.5, 0, 0, 0}}, /* two rows' worth, by how often drawn */
        {{0, 0, 2, 0, 3}, {0, 0, 2, 0, 0}},     /* only the lucky one was drawn */
        {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}},
    };

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        double weights[5] = {0};
        isg_sweeps_envelope(&s, 0, 5, rows[k].count, weights);
        for (size_t i = 0; i < 5; i++) CHECK_NEAR(weights[i], rows[k].weights[i], 1e-15);
    }
}

/* Two sweeps in two clusters: of two runs the better is drawn with probability 3/4. */
static void test_draws(void)
{
    enum { DRAWS = 40000 };
    double loss[] = {3, 2, 5, 4, 6};
    size_t cell[] = {0, 0, 1, 1, 2}, setting[] = {0, 1, 2, 3, 4}, run[] = {0, 1, 2, 3, 3};
    size_t first_row[] = {0, 2, 5}, first_run[] = {0, 2, 4}, kept[] = {0, 1};
    const size_t cluster[] = {1, 0};
    const isg_sweeps s = {.n = 5,
                          .loss = loss,
                          .cell = cell,
                          .setting = setting,
                          .run = run,
                          .n_cells = 3,
                          .n_settings = 5,
                          .n_runs = 4,
                          .n_sweeps = 2,
                          .first_row = first_row,
                          .first_run = first_run,
                          .kept = kept};
    const uint32_t drawn[] = {2, 1}; /* the second sweep twice, the first once */
    double mean[5] = {0};

    for (size_t b = 0; b < DRAWS; b++) {
        isg_rng r;
        uint32_t count[4];
        double w[5];
        isg_rng_at(&r, 1, ISG_RNG_TEST, b);
        isg_sweeps_draw(&s, cluster, drawn, &r, count, w);
        CHECK(w[0] + w[1] > 0.999 && w[0] + w[1] < 1.001);
        CHECK(w[2] + w[3] > 1.999 && w[2] + w[3] < 2.001);
        for (size_t i = 0; i < 5; i++) mean[i] += w[i] / DRAWS;
    }
    /* 5 standard errors of sqrt(2 * .75 * .25 / 40000) */
    CHECK_NEAR(mean[1], 0.75, 0.011);
    CHECK_NEAR(mean[3], 1.5, 0.016);
    CHECK_NEAR(mean[4], 1.5, 0.016); /* run 3 goes on; run 2 has no row in the last cell */
}

enum { SIZES = 6, RATES = 4, POINTS = 3, ROWS = SIZES * RATES * POINTS };

/* Runs of three points each; the best rate is number size mod RATES: at the edge for three of six. */
static isg_table *make_table(const size_t *order)
{
    double n[ROWS], d[ROWS], loss[ROWS], lr[ROWS];
    char name[ROWS][8];
    const char *run[ROWS];
    isg_table *t = NULL;

    CHECK_OK(isg_table_create("sweep.csv", ROWS, &t));
    for (size_t k = 0; k < ROWS; k++) {
        const size_t at = order ? order[k] : k, i = at / (RATES * POINTS), j = at / POINTS % RATES,
                     p = at % POINTS;
        const double off = (double)j - (double)(i % RATES);
        n[k] = 1e7 * (double)(i + 1);
        d[k] = 3e9 * (double)(p + 1) / 3 * (1 + 1e-12 * (double)j); /* from a division */
        lr[k] = 1e-3 * (double)(1 << j);
        loss[k] = 2 + 1 / (double)(i + 1) + 1 / (double)(p + 1) + 0.01 * off * off;
        (void)snprintf(name[k], sizeof name[k], "r%zu-%zu", i, j);
        run[k] = name[k];
    }
    CHECK_OK(isg_table_add_text(t, "run_id", run));
    CHECK_OK(isg_table_add_numbers(t, "N_params", n));
    CHECK_OK(isg_table_add_numbers(t, "D_tokens", d));
    CHECK_OK(isg_table_add_numbers(t, "lr", lr));
    CHECK_OK(isg_table_add_numbers(t, "loss", loss));
    return t;
}

static void test_selection(void)
{
    size_t order[ROWS];
    for (size_t i = 0; i < ROWS; i++) order[i] = (i * 29 + 5) % ROWS;
    isg_table *t = make_table(NULL), *shuffled = make_table(order);
    const char *const lr[] = {"lr"};
    isg_select_options o = {.best_over = lr, .n_best_over = 1, .points = ISG_POINTS_ALL};
    isg_selection *s = NULL, *other = NULL;

    CHECK_OK(isg_select(t, &o, &s));
    CHECK_OK(isg_select(shuffled, &o, &other));
    CHECK_EQ_U64(s->n, SIZES * POINTS);
    CHECK_EQ_U64(s->n_clusters, SIZES);
    CHECK_STR(s->cluster_unit, "sweep");
    CHECK_STR(s->grouping[0].name, "sweep");
    CHECK_EQ_U64(s->sweeps->n, ROWS);
    CHECK_EQ_U64(s->sweeps->n_cells, SIZES * POINTS);
    CHECK_EQ_U64(s->sweeps->n_runs, SIZES * RATES);
    CHECK_EQ_U64(s->sweeps->n_sweeps, SIZES);
    CHECK_EQ_U64(s->sweeps->alone, 0);
    for (size_t i = 0; i < s->n; i++) {
        const double p = s->var[1][i] / 1e9;
        CHECK_NEAR(s->loss[i], 2 + 1e7 / s->var[0][i] + 1 / p, 1e-9);
        CHECK_EQ_U64(s->cluster[i], i / POINTS);
    }
    CHECK(strstr(s->warning, "lr is at the sweep's edge in 9 of 18 cells"));
    CHECK(!memcmp(s->loss, other->loss, s->n * sizeof(double)));
    CHECK(!memcmp(s->sweeps->loss, other->sweeps->loss, ROWS * sizeof(double)));
    CHECK(!memcmp(s->sweeps->run, other->sweeps->run, ROWS * sizeof(size_t)));
    CHECK(!memcmp(s->sweeps->kept, other->sweeps->kept, SIZES * sizeof(size_t)));
    isg_selection_destroy(&s);
    isg_selection_destroy(&other);
    isg_table_destroy(&shuffled);

    static const struct {
        const char *column, *says;
        isg_err code;
    } wrong[] = {
        {"lrr", "did you mean 'lr'", ISG_EUSAGE},
        {"loss", "that is the loss", ISG_EUSAGE},
        {"N_params", "a variable of the law", ISG_EUSAGE},
        {"run_id", "names runs", ISG_EUSAGE},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        o.best_over = &wrong[k].column;
        CHECK_FAILS(isg_select(t, &o, &s), wrong[k].code, wrong[k].says);
    }
    const char *const where[] = {"lr=0.002"};
    o = (isg_select_options){.best_over = lr, .n_best_over = 1, .where = where, .n_where = 1};
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EDATA, "nothing to choose from");
    o.n_where = 0;
    o.rows = true;
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EUSAGE, "--resample rows");
    isg_table_destroy(&t);
}

int main(void)
{
    test_envelope();
    test_draws();
    test_selection();
    return check_done();
}
