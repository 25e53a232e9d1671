/* From rows to observations: variables of a law, ways to resample, what is excluded and refused. */

#include "check.h"
#include "isogloss/rng.h"
#include "isogloss/select.h"

#include <stdlib.h>
#include <time.h>

#ifdef __SANITIZE_ADDRESS__
enum { SLOW = 10 };
#else
enum { SLOW = 1 };
#endif

enum { RUNS = 48, MAX_ROWS = 400 };

typedef struct design {
    size_t rows;
    double n[MAX_ROWS], d[MAX_ROWS], loss[MAX_ROWS], k[MAX_ROWS], de[MAX_ROWS], fr[MAX_ROWS];
    char run[MAX_ROWS][16];
} design;

/* 8 sizes of 6 runs; of K = 1, 2, 4 languages one half of the tokens is German. */
static void make_design(design *x)
{
    x->rows = RUNS;
    for (size_t i = 0; i < RUNS; i++) {
        x->n[i] = 1e7 * (double)(1 << (i % 8));
        x->d[i] = 1e9 * (double)(1 + i / 8);
        x->k[i] = (double)(1 << (i % 3));
        x->de[i] = x->k[i] > 1 ? x->d[i] / 2 : x->d[i];
        x->fr[i] = x->d[i] - x->de[i];
        x->loss[i] = 2 + 100 / (double)(i + 50);
        (void)snprintf(x->run[i], sizeof x->run[i], "run-%02zu", i);
    }
}

/* @param order [rows] which row of the design comes where, or NULL */
static isg_table *make_table(const design *x, const size_t *order)
{
    double column[6][MAX_ROWS];
    const double *const from[6] = {x->n, x->d, x->loss, x->k, x->de, x->fr};
    static const char *const name[6] = {"N_params",    "D_tokens",  "loss",
                                        "n_languages", "tokens_de", "tokens_fr"};
    const char *run[MAX_ROWS], *language[MAX_ROWS];
    isg_table *t = NULL;

    CHECK_OK(isg_table_create("runs.csv", x->rows, &t));
    for (size_t i = 0; i < x->rows; i++) {
        const size_t at = order ? order[i] : i;
        for (size_t c = 0; c < 6; c++) column[c][i] = from[c][at];
        run[i] = x->run[at];
        language[i] = "de";
    }
    CHECK_OK(isg_table_add_text(t, "run_id", run));
    CHECK_OK(isg_table_add_text(t, "eval_language", language));
    for (size_t c = 0; c < 6; c++) CHECK_OK(isg_table_add_numbers(t, name[c], column[c]));
    return t;
}

static const isg_law *law(const char *name)
{
    const isg_law *l = NULL;
    CHECK_OK(isg_law_find(name, &l));
    return l;
}

static void test_variables(void)
{
    design x;
    make_design(&x);
    isg_table *t = make_table(&x, NULL);
    isg_select_options o = {.law = law("curse")};
    isg_selection *s = NULL;

    CHECK_OK(isg_select(t, &o, &s));
    CHECK_EQ_U64(s->n, RUNS);
    CHECK_STR(s->var_from[0], "N_params");
    CHECK_STR(s->var_from[1], "tokens_de");
    CHECK_STR(s->var_from[2], "n_languages");
    for (size_t i = 0; i < s->n; i++) { /* run-00, run-01, ...: in order of the design */
        CHECK_NEAR(s->var[0][i], x.n[i], 0);
        CHECK_NEAR(s->var[1][i], x.de[i], 0);
        CHECK_NEAR(s->var[2][i], x.k[i], 0);
    }
    isg_selection_destroy(&s);

    const char *const var[] = {"D=D_tokens/n_languages", "K=sqrt(n_languages)"};
    o.var = var;
    o.n_var = 2;
    CHECK_OK(isg_select(t, &o, &s));
    CHECK_STR(s->var_from[1], "D_tokens/n_languages");
    CHECK_NEAR(s->var[1][2], x.d[2] / 4, 0);
    CHECK_NEAR(s->var[2][2], 2, 0);
    isg_selection_destroy(&s);

    o = (isg_select_options){
        .n = "2*N_params", .d = "D_tokens/2", .loss = "loss*loss", .pool = true};
    CHECK_OK(isg_select(t, &o, &s));
    CHECK_STR(s->n_column, "2*N_params");
    CHECK_NEAR(s->var[0][3], 2 * x.n[3], 0);
    CHECK_NEAR(s->var[1][3], x.d[3] / 2, 0);
    CHECK_NEAR(s->loss[3], x.loss[3] * x.loss[3], 0);
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
}

/* A law of mixtures takes all runs that have a loss of the target, the others those of it alone. */
static void test_mixtures(void)
{
    design x;
    make_design(&x);
    isg_table *t = make_table(&x, NULL);
    isg_select_options o = {.target = "de"};
    isg_selection *s = NULL;

    CHECK_OK(isg_select(t, &o, &s));
    CHECK_EQ_U64(s->n, 16);
    CHECK_EQ_U64(s->n_excluded, 1);
    CHECK_STR(s->excluded[0].reason, "trained on other languages besides the target");
    CHECK_EQ_U64(s->excluded[0].n, 32);
    isg_selection_destroy(&s);
    o.law = law("curse");
    CHECK_OK(isg_select(t, &o, &s));
    CHECK_EQ_U64(s->n, RUNS);
    isg_selection_destroy(&s);
    isg_table_destroy(&t);

    /* the tokens of each language say it, too; repeats are those of the target's own data */
    double unique[RUNS];
    for (size_t i = 0; i < RUNS; i++) unique[i] = i % 2 ? x.de[i] : x.de[i] / 4;
    CHECK_OK(isg_table_create("tokens.csv", RUNS, &t));
    CHECK_OK(isg_table_add_numbers(t, "N_params", x.n));
    CHECK_OK(isg_table_add_numbers(t, "D_tokens", x.d));
    CHECK_OK(isg_table_add_numbers(t, "loss", x.loss));
    CHECK_OK(isg_table_add_numbers(t, "tokens_de", x.de));
    CHECK_OK(isg_table_add_numbers(t, "tokens_fr", x.fr));
    CHECK_OK(isg_table_add_numbers(t, "unique_de", unique));
    const char *language[RUNS];
    for (size_t i = 0; i < RUNS; i++) language[i] = "de";
    CHECK_OK(isg_table_add_text(t, "eval_language", language));
    o = (isg_select_options){.target = "de"};
    CHECK_OK(isg_select(t, &o, &s));
    CHECK_EQ_U64(s->n, 16);
    bool said = false;
    for (size_t k = 0; k < s->n_notes; k++)
        said = said || strstr(s->note[k], "8 of 16 rows read their data more than once");
    CHECK(said);
    isg_selection_destroy(&s);
    o.pool = true;
    CHECK_OK(isg_select(t, &o, &s));
    CHECK_EQ_U64(s->n, RUNS);
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
}

static void test_bad_variables(void)
{
    design x;
    make_design(&x);
    x.k[5] = 0;
    x.k[7] = NAN;
    x.de[9] = -1;
    x.n[11] = INFINITY;
    isg_table *t = make_table(&x, NULL);
    isg_select_options o = {.law = law("curse")};
    isg_selection *s = NULL;

    CHECK_OK(isg_select(t, &o, &s));
    CHECK_EQ_U64(s->n, RUNS - 4);
    CHECK_EQ_U64(s->n_excluded, 3);
    CHECK_STR(s->excluded[0].reason, "N is missing or not positive");
    CHECK_STR(s->excluded[1].reason, "D is missing or not positive");
    CHECK_STR(s->excluded[2].reason, "K is missing or not positive");
    CHECK_EQ_U64(s->excluded[2].n, 2);
    CHECK_EQ_U64(s->excluded[2].line[0], t->line[5]);
    CHECK_EQ_U64(s->excluded[2].line[1], t->line[7]);
    isg_selection_destroy(&s);

    static const struct {
        const char *var, *says;
    } wrong[] = {
        {"Q=n_languages", "unknown variable 'Q'"},
        {"K", "wanted NAME=COL"},
        {"K=", "wanted NAME=COL"},
        {"K=languages", "--var K"},
        {"K=n_languages+", "position 13"},
        {"K=2*n_lnguages", "did you mean 'n_languages'"},
        {"K=eval_language", "'de'"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        o.var = &wrong[k].var;
        o.n_var = 1;
        CHECK_FAILS(isg_select(t, &o, &s), k < 6 ? ISG_EUSAGE : ISG_EINPUT, wrong[k].says);
    }
    isg_table_destroy(&t);

    CHECK_OK(isg_table_create("bare.csv", RUNS, &t));
    CHECK_OK(isg_table_add_numbers(t, "N_params", x.n));
    CHECK_OK(isg_table_add_numbers(t, "D_tokens", x.d));
    CHECK_OK(isg_table_add_numbers(t, "loss", x.loss));
    o = (isg_select_options){.law = law("curse")};
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EUSAGE,
                "bare.csv has no tokens_LANGUAGE or D_tokens/n_languages");
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EUSAGE, "--var D=COL");
    isg_table_destroy(&t);
}

/* Settings of a campaign's own trainer: `settings` names them. What each size has of its own is its
 * recipe. */
static void test_recipes(void)
{
    design x;
    make_design(&x);
    double depth[RUNS], dropout[RUNS], lr[RUNS], half[RUNS];
    const char *own[RUNS];
    isg_select_options o = {.law = law("curse"), .store = true};
    isg_selection *s = NULL;
    isg_table *t = make_table(&x, NULL);

    for (size_t i = 0; i < RUNS; i++) {
        depth[i] = (double)(i % 8);
        dropout[i] = i / 3 % 2 ? 0.1 : 0;
        lr[i] = 1;
        half[i] = i % 8 < 4 ? 1 : NAN;
        own[i] = "depth dropout";
    }
    CHECK_OK(isg_table_add_numbers(t, "depth", depth));
    CHECK_OK(isg_table_add_text(t, "settings", own));
    CHECK_OK(isg_table_add_numbers(t, "lr", lr));
    CHECK_OK(isg_select(t, &o, &s));
    CHECK(!s->warning);
    isg_selection_destroy(&s);
    CHECK_OK(isg_table_add_numbers(t, "beta2", half)); /* a file of before does not say */
    CHECK_OK(isg_select(t, &o, &s));
    CHECK(s->warning && strstr(s->warning, "24 rows do not say beta2"));
    isg_selection_destroy(&s);
    for (size_t i = 0; i < RUNS; i++) half[i] = i < 8 ? NAN : i % 8 < 4 ? 512 : 1024;
    CHECK_OK(isg_table_add_numbers(t, "batch", half)); /* nor are these another batch */
    CHECK_OK(isg_select(t, &o, &s));
    CHECK(s->warning && strstr(s->warning, "24 rows do not say beta2, batch"));
    isg_selection_destroy(&s);
    CHECK_OK(isg_table_add_numbers(t, "dropout", dropout));
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EINPUT, "separated by: dropout (2 values: 0, 0.1). ");
    isg_table_destroy(&t);
}

/* Sizes of one source have batch 1, those of the other 2; and the same depth, if asked for. */
static isg_table *make_halves(bool depth)
{
    design x;
    make_design(&x);
    double two[RUNS];
    const char *own[RUNS];
    isg_table *half_of[2] = {NULL}, *t = NULL;

    for (size_t k = 0; k < 2; k++) {
        design y = {.rows = 0};
        for (size_t i = 0; i < RUNS; i++) {
            if ((i % 8 < 4) != (k == 0)) continue;
            const size_t at = y.rows++;
            y.n[at] = x.n[i], y.d[at] = x.d[i], y.k[at] = x.k[i], y.de[at] = x.de[i];
            y.fr[at] = x.fr[i], y.loss[at] = x.loss[i];
            memcpy(y.run[at], x.run[i], sizeof y.run[at]);
            two[at] = (double)(k + 1);
            own[at] = "depth";
        }
        half_of[k] = make_table(&y, NULL);
        CHECK_OK(isg_table_add_numbers(half_of[k], "batch", two));
        if (!depth) continue;
        CHECK_OK(isg_table_add_numbers(half_of[k], "depth", two));
        CHECK_OK(isg_table_add_text(half_of[k], "settings", own));
    }
    CHECK_OK(isg_table_join((const isg_table *const *)half_of, 2, &t));
    for (size_t k = 0; k < 2; k++) isg_table_destroy(&half_of[k]);
    return t;
}

static bool notes(const isg_selection *s, const char *text)
{
    for (size_t k = 0; k < s->n_notes; k++) {
        if (strstr(s->note[k], text)) return true;
    }
    return false;
}

/* What goes with N in no source by itself is no recipe; of a batch that is said, as it may be meant. */
static void test_sources(void)
{
    design x;
    make_design(&x);
    double batch[RUNS];
    isg_select_options o = {.law = law("curse"), .store = true};
    isg_selection *s = NULL;
    isg_table *t = make_halves(true);

    CHECK_FAILS(isg_select(t, &o, &s), ISG_EINPUT,
                "separated by: depth (2 values: 1 in runs.csv, 2 in runs.csv). ");
    isg_table_destroy(&t);

    t = make_halves(false);
    CHECK_OK(isg_select(t, &o, &s));
    CHECK(s->warning && strstr(s->warning, "batch (2 values: 1 in runs.csv, 2 in runs.csv) goes "
                                           "with N, but in no source by itself: "));
    CHECK(!notes(s, "goes with N"));
    isg_selection_destroy(&s);
    const char *const where = "batch=1|2";
    o.where = &where;
    o.n_where = 1;
    CHECK_OK(isg_select(t, &o, &s));
    CHECK(!s->warning);
    isg_selection_destroy(&s);
    isg_table_destroy(&t);

    o.n_where = 0; /* one table is one campaign, as far as it says */
    t = make_table(&x, NULL);
    for (size_t i = 0; i < RUNS; i++) batch[i] = i % 8 < 4 ? 1 : 2;
    CHECK_OK(isg_table_add_numbers(t, "batch", batch));
    CHECK_OK(isg_select(t, &o, &s));
    CHECK(!s->warning && notes(s, "batch (2 values: 1, 2) goes with N: "));
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
}

/* Corpora of many languages: the message is cut, and its remedy is not. */
static void test_texts(void)
{
    enum { LANGUAGES = 52 };
    design x;
    make_design(&x);
    char name[32];
    const char *corpus[RUNS], *none[RUNS];
    isg_select_options o = {.law = law("curse"), .store = true};
    isg_selection *s = NULL;
    isg_table *t = make_table(&x, NULL);

    for (size_t i = 0; i < RUNS; i++) {
        corpus[i] = i % 2 ? "0123456789abcdef" : "fedcba9876543210";
        none[i] = i % 2 ? "0123456789abcdef" : "";
    }
    CHECK_OK(isg_table_add_text(t, "corpus", corpus));
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EINPUT, "separated by: corpus (2 values: ");
    CHECK_OK(isg_table_add_text(t, "corpus_en", none)); /* of half of the rows alone */
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EINPUT, "separated by: corpus (2 values: ");
    CHECK_OK(isg_table_add_text(t, "corpus_fr", corpus));
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EINPUT, "separated by: corpus_fr (2 values: ");
    for (size_t l = 0; l < LANGUAGES - 1; l++) {
        (void)snprintf(name, sizeof name, "corpus_%zu", l);
        CHECK_OK(isg_table_add_text(t, name, corpus));
    }
    CHECK_FAILS(isg_select(t, &o, &s), ISG_EINPUT,
                "corpus_1 (2 values: 0123456789abcdef, fedcba9876543210); and the text of 49 more "
                "languages. Choose with --where \"corpus_fr=VALUE\"");
    const char *const where = "corpus=0123456789abcdef|fedcba9876543210";
    o.where = &where;
    o.n_where = 1;
    CHECK_OK(isg_select(t, &o, &s));
    CHECK(s->warning && strstr(s->warning, "; and the text of 49 more languages."));
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
}

/* Rows of stores have runs, those of files lines; of one run one row is named. */
static void test_places(void)
{
    static const size_t line[] = {3, 0, 0, 0}, back[] = {3, 2, 1, 0};
    static const isg_run_name run[] = {
        {""}, {"0123456789abcdef0123456789abcdef"}, {"0123456789abcdef0123456789abcdef"}, {"base"}};
    static const struct {
        const size_t *at;
        size_t shown;
        const char *text;
    } rows[] = {{NULL, 4, "lines 3, run 01234567, run base"},
                {back, 4, "runs base, 01234567, line 3"},
                {back, 1, "runs base, ..."},
                {back + 3, 1, "line 3"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        isg_str text = {0};
        const size_t n = rows[i].at == back + 3 ? 1 : 4;
        CHECK_OK(isg_select_places(line, run, rows[i].at, n, rows[i].shown, &text));
        CHECK_STR(isg_str_c(&text), rows[i].text);
        isg_str_free(&text);
    }
}

static void check_grouping(const isg_selection *s, size_t k, const char *name, size_t groups)
{
    CHECK(k < s->n_groupings);
    if (k >= s->n_groupings) return;
    CHECK_STR(s->grouping[k].name, name);
    CHECK_EQ_U64(s->grouping[k].n, groups);
    for (size_t i = 0; i < s->n; i++) CHECK(s->grouping[k].cluster[i] < groups);
}

/* isoFLOP: 9 budgets, met within 3 %, 8 sizes each, three points of every run. */
static void test_groupings(void)
{
    static design x;
    isg_rng r;
    size_t order[MAX_ROWS];

    isg_rng_at(&r, 7, ISG_RNG_TEST, 0);
    x = (design){0};
    for (size_t i = 0; i < 72; i++) {
        const double c = 1e18 * (double)(1 << i / 8) * (0.97 + 0.06 * isg_rng_double(&r));
        for (size_t p = 0; p < 3; p++) {
            const size_t at = x.rows++;
            x.n[at] = 1e7 * (double)(1 + i % 8) * (1 + 1e-4 * (double)(i / 8));
            x.d[at] = c / (6 * x.n[at]) * (double)(p + 1) / 3;
            x.loss[at] = 3 - 0.001 * (double)at;
            x.k[at] = 1;
            x.de[at] = x.d[at];
            (void)snprintf(x.run[at], sizeof x.run[at], "r%zu", i);
        }
    }
    for (size_t i = 0; i < x.rows; i++) order[i] = (i * 97 + 11) % x.rows; /* 97 and 216 coprime */
    isg_table *t = make_table(&x, NULL), *shuffled = make_table(&x, order);
    isg_select_options o = {.points = ISG_POINTS_ALL};
    isg_selection *s = NULL, *other = NULL;
    CHECK_OK(isg_select(t, &o, &s));
    CHECK_OK(isg_select(shuffled, &o, &other));
    CHECK_EQ_U64(s->n, 216);
    CHECK_EQ_U64(s->n_groupings, 3);
    check_grouping(s, 0, "run", 72);
    check_grouping(s, 1, "size", 8);
    check_grouping(s, 2, "compute", 9);
    for (size_t k = 0; k < 3; k++) {
        CHECK(!memcmp(s->grouping[k].cluster, other->grouping[k].cluster, 216 * sizeof(size_t)));
        for (size_t i = 1; i < s->n; i++) { /* a run is in one group only */
            if (s->cluster[i] == s->cluster[i - 1])
                CHECK(s->grouping[k].cluster[i] == s->grouping[k].cluster[i - 1]);
        }
    }
    CHECK(!memcmp(s->loss, other->loss, 216 * sizeof(double)));
    isg_selection_destroy(&s);
    isg_selection_destroy(&other);
    o.rows = true;
    CHECK_OK(isg_select(t, &o, &s));
    check_grouping(s, 0, "row", 216);
    check_grouping(s, 1, "size", 8);
    isg_selection_destroy(&s);
    o = (isg_select_options){.points = ISG_POINTS_ALL, .cluster = "n_languages"};
    CHECK_OK(isg_select(t, &o, &s));
    check_grouping(s, 0, "n_languages", 1);
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
    isg_table_destroy(&shuffled);
}

/* Sizes that are all different make no grouping of their own. */
static void test_no_further_grouping(void)
{
    static design x;
    x = (design){0};
    x.rows = 20;
    for (size_t i = 0; i < 20; i++) {
        x.n[i] = 1e7 * pow(1.5, (double)i);
        x.d[i] = 20 * x.n[i];
        x.loss[i] = 3 - 0.01 * (double)i;
        x.k[i] = 1;
        x.de[i] = x.d[i];
        (void)snprintf(x.run[i], sizeof x.run[i], "r%02zu", i);
    }
    isg_table *t = make_table(&x, NULL);
    isg_select_options o = {0};
    isg_selection *s = NULL;
    CHECK_OK(isg_select(t, &o, &s));
    CHECK_EQ_U64(s->n_groupings, 1);
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
}

/* Without run_id, 200,000 rows: points of 2,000 runs among seeds and what follows D. */
static void test_many_rows(void)
{
    enum { MANY = 200000, EACH = 100 };
    double *column[5];
    static const char *const name[5] = {"N_params", "D_tokens", "loss", "seed", "step"};
    isg_table *t = NULL;
    isg_selection *s = NULL;
    isg_rng r;

    isg_rng_at(&r, 1, ISG_RNG_TEST, 0);
    for (size_t c = 0; c < 5; c++) column[c] = malloc(MANY * sizeof(double));
    for (size_t i = 0; i < MANY; i++) {
        const size_t run = i / EACH, point = i % EACH + 1;
        column[0][i] = 1e7 * (double)(1 + run % 20);
        column[1][i] = 1e7 * (double)point;
        column[2][i] = 2 + 1 / (double)point + 1e-3 * isg_rng_double(&r);
        column[3][i] = (double)(1 + run / 20);
        column[4][i] = 100 * (double)point;
    }
    CHECK_OK(isg_table_create("many.csv", MANY, &t));
    for (size_t c = 0; c < 5; c++) {
        CHECK_OK(isg_table_add_numbers(t, name[c], column[c]));
        free(column[c]);
    }
    const isg_select_options o = {0};
    const clock_t before = clock();
    CHECK_OK(isg_select(t, &o, &s));
    const double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    printf("200,000 rows: %.3f s\n", seconds);
    CHECK(seconds < SLOW * 1.0);
    CHECK_EQ_U64(s->n, MANY);
    CHECK_EQ_U64(s->n_clusters, MANY / EACH);
    CHECK(strstr(s->note[0], "step"));
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
}

/* Without run_id, 5,000 columns that differ from row to row. */
static void test_many_columns(void)
{
    enum { COLUMNS = 5000 };
    design x;
    make_design(&x);
    isg_table *t = NULL;
    isg_selection *s = NULL;
    const isg_select_options o = {0};

    CHECK_OK(isg_table_create("wide.csv", RUNS, &t));
    CHECK_OK(isg_table_add_numbers(t, "N_params", x.n));
    CHECK_OK(isg_table_add_numbers(t, "D_tokens", x.d));
    CHECK_OK(isg_table_add_numbers(t, "loss", x.loss));
    for (size_t j = 0; j < COLUMNS; j++) {
        char name[16];
        double value[RUNS];
        (void)snprintf(name, sizeof name, "metric_%zu", j);
        for (size_t i = 0; i < RUNS; i++) value[i] = (double)((i * 7 + j) % 47);
        CHECK_OK(isg_table_add_numbers(t, name, value));
    }
    const clock_t before = clock();
    CHECK_OK(isg_select(t, &o, &s));
    const double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    printf("5,000 columns: %.3f s\n", seconds);
    CHECK(seconds < SLOW * 1.0);
    CHECK_EQ_U64(s->n, RUNS);
    CHECK_EQ_U64(s->n_clusters, RUNS);
    isg_selection_destroy(&s);
    isg_table_destroy(&t);
}

int main(void)
{
    test_many_rows();
    test_many_columns();
    test_variables();
    test_mixtures();
    test_bad_variables();
    test_recipes();
    test_sources();
    test_texts();
    test_places();
    test_groupings();
    test_no_further_grouping();
    return check_done();
}
