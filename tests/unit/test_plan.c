/* Plans: expansion, identity, order, budgets, estimates. */
#include "check.h"
#include "isogloss/advice.h"
#include "isogloss/json.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "isogloss/plan.h"

#include <stdlib.h>

static char *data_path(const char *name)
{
    const char *source = getenv("ISOGLOSS_SOURCE");
    return isg_strf("%s/tests/data/%s", source ? source : ".", name);
}

static isg_plan *load(const char *name)
{
    isg_plan *p = NULL;
    char *path = data_path(name);
    CHECK_OK(isg_plan_load(path, NULL, &p));
    free(path);
    return p;
}

#define HEAD                                                                                       \
    "isogloss: 1\nname: t\nseed: 1\n"                                                              \
    "corpus: {languages: {aa: {train_bytes: 4M, held_bytes: 256k}, bb: {train_bytes: 2M, "         \
    "held_bytes: 256k}}}\n"
#define SYNTHETIC                                                                                  \
    "trainer: {kind: synthetic, law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}}\n"
#define GRID "sizes: [p0]\ntokens: [1M]\n"
#define MONO "families:\n  - {name: mono, mixture: monolingual, languages: [aa]}\n"

static isg_plan *parse(const char *text)
{
    isg_plan *p = NULL;
    CHECK_OK(isg_plan_parse_text(text, "dir/t.yaml", NULL, &p));
    return p;
}

/* The id of the only run of a campaign. */
static const char *id_of(const char *text, char id[ISG_RUN_ID_CHARS + 1])
{
    isg_plan *p = parse(text);
    CHECK(p && p->n_runs == 1);
    (void)snprintf(id, ISG_RUN_ID_CHARS + 1, "%s", p && p->n_runs ? p->runs[0].id : "none");
    isg_plan_destroy(&p);
    return id;
}

static size_t family(const isg_plan *p, const char *name)
{
    size_t f = 0;
    while (f < p->n_families && strcmp(p->families[f].name, name) != 0) f++;
    CHECK(f < p->n_families);
    return f < p->n_families ? f : 0;
}

static void test_tiny(void)
{
    isg_plan *p = load("tiny.yaml");
    if (!p) return;
    CHECK_EQ_U64(p->n_runs, 48);
    CHECK_EQ_U64(p->n_evaluations, 2);
    CHECK_EQ_U64(p->max_points, 4);
    CHECK_EQ_U64(p->max_shards, 16);
    CHECK_EQ_U64(p->families[0].n_runs, 48);
    for (size_t i = 0; i < p->n_runs; i++) CHECK_EQ_U64(isg_plan_find(p, p->runs[i].id), i);
    CHECK(isg_plan_find(p, "00000000000000000000000000000000") == ISG_NO_RUN);

    const isg_run *r = &p->runs[0];
    CHECK_EQ_U64(r->shape.n_nonembedding, 12288);
    /* (256 + 128) 32 + 12 32^2 + 13 32 + 2 32 */
    CHECK_EQ_U64(r->shape.n_total, 12288 + 12288 + 416 + 64);
    CHECK_NEAR(isg_shape_flops(&r->shape), 147456, 0);
    CHECK_NEAR(r->flops, 147456 * (1e6 + 4 * 32000 / 3.0), 1e-12);
    CHECK_EQ_U64(r->points[0], 62500);
    CHECK_EQ_U64(r->points[3], 1000000);

    CHECK_STR(p->settings[0].name, "batch"); /* the check of proxies' batches counts on it */

    /* Changing one byte of this orphans every store. */
    CHECK_STR(r->id, "26590ba54f8eb1b8e40a63b2b8393418");
    isg_plan_destroy(&p);
    CHECK(p == NULL);
}

static void test_families(void)
{
    isg_plan *p = load("families.yaml");
    if (!p) return;
    CHECK_EQ_U64(p->n_runs, 70);
    static const struct {
        const char *name;
        size_t runs;
    } rows[] = {{"mono", 16},  {"mono-again", 4}, {"pairs", 11},    {"unimax", 8}, {"capacity", 6},
                {"custom", 4}, {"tune", 8},       {"tune-more", 2}, {"lr", 12},    {"mine", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_EQ_U64(p->families[family(p, rows[i].name)].n_runs, rows[i].runs);
    }
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        double sum = 0;
        for (size_t l = 0; l < p->n_languages; l++) {
            sum += r->weight[l];
            CHECK((r->weight[l] > 0) == (r->unique[l] > 0));
        }
        CHECK_NEAR(sum, 1, 1e-12);
        CHECK(r->points[r->n_points - 1] == r->tokens);
        for (size_t k = 1; k < r->n_points; k++) CHECK(r->points[k] > r->points[k - 1]);
        if (r->parent == ISG_NO_RUN) {
            CHECK(r->cluster == i && r->depth == 0);
        } else {
            const isg_run *parent = &p->runs[r->parent];
            CHECK(r->parent < i && r->cluster == parent->cluster && r->depth == parent->depth + 1);
            CHECK(parent->keep_checkpoint && parent->seed == r->seed &&
                  parent->shape.d == r->shape.d);
        }
        CHECK_EQ_U64(r->cores, r->shape.n_total <= 30000 ? 1 : 2);
    }
    /* equal content is planned once: de, p0, 2M, seed 10 is in both */
    size_t mono = family(p, "mono"), again = family(p, "mono-again"), shared = 0;
    for (size_t i = 0; i < p->n_runs; i++)
        shared += p->runs[i].member[mono] && p->runs[i].member[again];
    CHECK_EQ_U64(shared, 2);
    CHECK_EQ_U64(p->limits.retry_crash, 7);
    CHECK_NEAR(p->limits.silence_s, 0, 0);
    CHECK_EQ_U64(p->n_evaluations, 3); /* en, de and, for one family, ru */

    static const char *const pinned[] = {
        /* mono, pairs, unimax, tune, lr, mine; all with a batch of 1024 and a warm-up of 0.05 */
        "0bdaf624bae2365d84f256b43303ea89", "522b7c7775152cc0739febbed7401642",
        "bbc53d988170880ef097d6bcf328dc10", "5e8afc15b0995798b7e7f9d3e6fc330d",
        "ba940b1144b4faf46614d3a2ac100d2e", "2b4876101176798e7956e9693913c660"};
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++)
        CHECK(isg_plan_find(p, pinned[i]) != ISG_NO_RUN);
    isg_plan_destroy(&p);
}

/* Parents: same shape and seed, most tokens. */
static void test_finetune(void)
{
    isg_plan *p = load("families.yaml");
    if (!p) return;
    size_t tune = family(p, "tune"), more = family(p, "tune-more");
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (r->member[tune]) {
            CHECK_EQ_U64(p->runs[r->parent].tokens, 4000000);
            CHECK_EQ_U64(r->tokens, 10 * r->shape.n_nonembedding);
        }
        if (r->member[more]) CHECK(r->depth == 2 && p->runs[r->parent].member[tune]);
    }
    isg_plan_destroy(&p);
}

/* Rows of a file that differ in tokens only are one choice of parent. */
static void test_finetune_list(void)
{
    isg_plan *p = NULL;
    char *path = data_path("inline.yaml");
    CHECK_OK(isg_plan_parse_text(HEAD SYNTHETIC GRID
                                 "families:\n  - {name: list, runs: parents.csv}\n"
                                 "  - {name: tune, from: list, languages: [bb]}\n",
                                 path, NULL, &p));
    free(path);
    if (!p) return;
    CHECK_EQ_U64(p->n_runs, 5);
    CHECK_EQ_U64(p->families[1].n_runs, 2);
    CHECK_EQ_U64(p->runs[3].parent, 1); /* of p0, the one with 2M */
    CHECK_EQ_U64(p->runs[4].parent, 2);
    isg_plan_destroy(&p);
}

static void test_unimax(void)
{
    isg_plan *p = load("families.yaml");
    if (!p) return;
    size_t unimax = family(p, "unimax");
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (!r->member[unimax]) continue;
        double sw = 2 * 100e3,
               rest = ((double)r->tokens - sw) / 3; /* two passes over sw; ru has room */
        CHECK_NEAR(r->weight[3], sw / (double)r->tokens, 1e-12);
        for (size_t l = 0; l < 3; l++) CHECK_NEAR(r->weight[l], rest / (double)r->tokens, 1e-12);
    }
    isg_plan_destroy(&p);
}

/* The id is about content: not names, families, order, limits, resources or paths. */
static void test_identity_same(void)
{
    static const char *const same[] = {
        HEAD SYNTHETIC GRID "families:\n  - {name: other, mixture: custom, weights: {aa: 7}}\n",
        HEAD SYNTHETIC GRID
        "families:\n  - {name: u, mixture: uniform, languages: [aa], unique: 4M}\n",
        HEAD SYNTHETIC "sizes: [{layers: 1, d: 32, heads: 1}]\nflops: [1.47456e11]\n" MONO,
        HEAD SYNTHETIC "sizes: [11k]\ntokens: 'max(1M, 20x)'\nlimits: {run_time: 3h}\n" MONO,
        HEAD SYNTHETIC GRID MONO "resources: [{cores: 4}]\ncheckpoints: {keep: all}\ntitle: x\n",
        "name: renamed\nisogloss: 1\nseed: 1\ncorpus: {path: /x, languages: {bb: {train_bytes: 2M, "
        "held_bytes: 256k}, aa: "
        "{name: A, train_bytes: 4M, held_bytes: 256k}}}\n" SYNTHETIC GRID
        "evaluate: {languages: [aa]}\n" MONO,
        HEAD "trainer: {kind: synthetic, law: {E: 1.5, beta: 0.33, B: 900, A: 300, alpha: 0.35}, "
             "lr: 1, speed: 1e9, "
             "seconds_per_run: 2s}\n" GRID MONO,
    };
    char id[ISG_RUN_ID_CHARS + 1], other[ISG_RUN_ID_CHARS + 1];
    (void)id_of(HEAD SYNTHETIC GRID MONO, id);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) CHECK_STR(id_of(same[i], other), id);
}

static void test_identity_differs(void)
{
    static const char *const differ[] = {
        HEAD SYNTHETIC GRID MONO,
        HEAD SYNTHETIC "sizes: [p1]\ntokens: [1M]\n" MONO,
        HEAD SYNTHETIC "sizes: [p0]\ntokens: [1000001]\n" MONO,
        HEAD SYNTHETIC GRID "seeds: [2]\n" MONO,
        HEAD SYNTHETIC GRID "unique: [1M]\n" MONO,
        HEAD SYNTHETIC GRID "evaluate: {points: 7}\n" MONO,
        HEAD SYNTHETIC GRID "evaluate: {bytes: 8Ki}\n" MONO,
        HEAD SYNTHETIC GRID "evaluate: {shards: 8}\n" MONO,
        HEAD SYNTHETIC GRID "evaluate: {languages: [aa, bb]}\n" MONO,
        HEAD SYNTHETIC GRID "families:\n  - {name: m, mixture: custom, weights: {aa: 1, bb: 1}}\n",
        HEAD SYNTHETIC GRID "families:\n  - {name: m, mixture: custom, weights: {aa: 1, bb: 2}}\n",
        HEAD SYNTHETIC GRID
        "families:\n  - {name: m, mixture: monolingual, languages: aa, vary: {lr: [2]}}\n",
        HEAD SYNTHETIC GRID
        "families:\n  - {name: m, mixture: monolingual, languages: aa, vary: {context: [64]}}\n",
        HEAD SYNTHETIC GRID
        "families:\n  - {name: m, mixture: monolingual, languages: aa, vary: {data_seed: [9]}}\n",
        HEAD "trainer: {kind: synthetic, schedule: cosine, law: {E: 1.5, A: 300, B: 900, alpha: "
             "0.35, beta: 0.33}}\n" GRID MONO,
        HEAD
        "trainer: {kind: synthetic, law: {E: 1.6, A: 300, B: 900, alpha: 0.35, beta: 0.33}}\n" GRID
            MONO,
        HEAD "trainer: {kind: command, command: [x]}\n" GRID MONO,
        HEAD "trainer: {kind: command, command: [x], version: 2}\n" GRID MONO,
        "isogloss: 1\nname: t\nseed: 1\ncorpus: {fingerprint: other, languages: {aa: {train_bytes: "
        "4M, held_bytes: 256k}, "
        "bb: {train_bytes: 2M, held_bytes: 256k}}}\n" SYNTHETIC GRID MONO,
    };
    enum { N = sizeof differ / sizeof differ[0] };
    char id[N][ISG_RUN_ID_CHARS + 1];
    for (size_t i = 0; i < N; i++) {
        (void)id_of(differ[i], id[i]);
        for (size_t k = 0; k < i; k++) {
            if (!strcmp(id[i], id[k]))
                fprintf(stderr, "campaigns %zu and %zu have the same run\n", i, k);
            CHECK(strcmp(id[i], id[k]) != 0);
        }
    }
}

/* The order of families changes the order of runs, and nothing else. */
static void test_order(void)
{
#define A "  - {name: a, mixture: monolingual, languages: [aa, bb], seeds: 2}\n"
#define B "  - {name: b, mixture: bilingual, targets: [aa], sources: [bb]}\n"
    isg_plan *p = parse(HEAD SYNTHETIC GRID "families:\n" A B),
             *q = parse(HEAD SYNTHETIC GRID "families:\n" B A);
    isg_plan *again = parse(HEAD SYNTHETIC GRID "families:\n" A B);
    if (p && q && again) {
        CHECK_EQ_U64(p->n_runs, 5);
        for (size_t i = 0; i < p->n_runs; i++) CHECK(isg_plan_find(q, p->runs[i].id) != ISG_NO_RUN);
        CHECK(strcmp(p->runs[0].id, q->runs[0].id) != 0);
        CHECK(strcmp(p->hash, q->hash) != 0);
        CHECK_STR(p->hash, again->hash);
    }
    isg_plan_destroy(&p);
    isg_plan_destroy(&q);
    isg_plan_destroy(&again);
}

static void test_run_json(void)
{
    isg_plan *p =
        parse(HEAD SYNTHETIC GRID "evaluate: {points: {count: 2, spacing: linear}}\n" MONO);
    json_t *run = NULL;
    if (!p) return;
    CHECK_OK(isg_plan_run_json(p, 0, &run));
    json_object_del(run, "id");
    char *line = json_dumps(run, JSON_COMPACT | JSON_REAL_PRECISION(6));
    CHECK_STR(
        line,
        "{\"shape\":{\"layers\":1,\"d\":32,\"heads\":1,\"context\":128,\"vocab\":256,\"n_"
        "nonembedding\":12288,"
        "\"n_total\":25056},\"tokens\":1000000,\"mixture\":[{\"language\":\"aa\",\"weight\":1.0,"
        "\"unique_bytes\":4000000}],\"schedule\":\"wsd\",\"settings\":{\"batch\":512.0,\"lr\":1.0,"
        "\"warmup\":100000.0,"
        "\"decay\":0.15,\"beta1\":0.9,\"beta2\":0.95,\"weight_decay\":0.1,\"clip\":1.0},\"seed\":1,"
        "\"data_seed\":1,\"evaluations\":[{\"name\":\"aa\",\"language\":\"aa\",\"bytes\":16384,"
        "\"shards\":16}],"
        "\"points\":[500000,1000000],\"numerics\":\"synthetic-1\",\"corpus\":\"\"}");
    free(line);
    json_decref(run);
    isg_plan_destroy(&p);
}

/* A warm-up is a count or a share; its unit says which. */
static void test_warmup(void)
{
#define LAW "law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}"
    static const struct {
        const char *trainer, *families, *unit;
        double value;
    } rows[] = {
        {"", MONO, "token", 100000},
        {", warmup: 2k", MONO, "token", 2000},
        {", warmup: 1Ki", MONO, "token", 1024},
        {", warmup: 0.1", MONO, "1", 0.1},
        {", warmup: 0", MONO, "token", 0},
        {"",
         "families:\n  - {name: m, mixture: monolingual, languages: aa, "
         "vary: {warmup: [0.5, 3k]}}\n",
         "token, or 1 below 1", 0.5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, HEAD "trainer: {kind: synthetic, " LAW "%s}\n" GRID "%s",
                       rows[i].trainer, rows[i].families);
        isg_plan *p = parse(text);
        if (!p) continue;
        CHECK_STR(p->settings[2].name, "warmup");
        CHECK_STR(p->settings[2].unit, rows[i].unit);
        CHECK_NEAR(p->runs[0].setting[2], rows[i].value, 0);
        isg_plan_destroy(&p);
    }
}

static double makespan(const isg_plan *p, size_t workers)
{
    isg_estimate e;
    CHECK_OK(isg_plan_estimate(p, workers, (isg_speed){.flops = 1e9}, &e));
    return e.makespan_s;
}

/* Four runs on one core and three on two, 2 s each. */
static void test_estimate_cores(void)
{
    isg_plan *p =
        parse(HEAD "trainer: {kind: synthetic, law: {E: 1.5, A: 300, B: 900, alpha: 0.35, "
                   "beta: 0.33}, seconds_per_run: 2}\n"
                   "sizes: [p0, p2]\ntokens: [1M]\n"
                   "families:\n"
                   "  - {name: a, mixture: monolingual, languages: [aa], sizes: [p0], seeds: 4}\n"
                   "  - {name: b, mixture: monolingual, languages: [aa], sizes: [p2], seeds: 3}\n"
                   "resources: [{up_to: 30k}, {cores: 2}]\n");
    isg_estimate e;
    if (!p) return;
    CHECK_EQ_U64(p->n_runs, 7);
    CHECK_OK(isg_plan_estimate(p, 2, (isg_speed){0}, &e));
    CHECK_NEAR(e.work_s, 20, 1e-9); /* of cores */
    CHECK_NEAR(e.longest_s, 2, 1e-9);
    CHECK_NEAR(makespan(p, 2), 10, 1e-9); /* the wide ones in turn, then two by two */
    CHECK_NEAR(makespan(p, 3), 8, 1e-9);  /* a wide and a narrow one thrice, and one is left */
    CHECK_NEAR(makespan(p, 5), 4, 1e-9);  /* 2+2+1, 2+1+1+1 */
    CHECK_OK(isg_plan_estimate(p, 1, (isg_speed){0}, &e)); /* the wide ones would never begin */
    CHECK(e.too_wide == 3 && e.wide == 3 && e.widest == 2 && e.makespan_s == 0);
    CHECK_OK(isg_plan_estimate(p, 2, (isg_speed){0}, &e));
    CHECK(e.too_wide == 0 && e.makespan_s >= e.work_s / 2);
    for (size_t workers = 0; workers < 3; workers++) {
        isg_advice_list advice;
        CHECK_OK(isg_plan_advise(p, workers, &advice));
        CHECK_EQ_U64(advice.n, workers == 1);
        if (advice.n) {
            CHECK(strstr(advice.item[0].text, "3 of 7 runs take up to 2 cores"));
            CHECK(strstr(advice.item[0].text, "there is 1"));
            CHECK(advice.item[0].kind == ISG_ADVICE_WARNING && !advice.item[0].at_run);
        }
        isg_advice_free(&advice);
    }
    isg_plan_destroy(&p);

    /* Of a command we know only what --speed says; with GPUs a worker is what has them. */
    p = parse(HEAD "trainer: {kind: command, command: [x]}\n" GRID MONO
                   "resources: [{cores: 4}]\n");
    if (!p) return;
    CHECK_OK(isg_plan_estimate(p, 8, (isg_speed){.flops = p->runs[0].flops}, &e));
    CHECK_NEAR(e.makespan_s, 1, 1e-12);
    CHECK_NEAR(e.work_s, 4, 1e-12);
    isg_plan_destroy(&p);
    p = parse(HEAD "trainer: {kind: command, command: [x]}\n" GRID MONO
                   "resources: [{cores: 64, gpus: 8}]\n");
    if (!p) return;
    CHECK_OK(isg_plan_estimate(p, 8, (isg_speed){.flops = p->runs[0].flops}, &e));
    CHECK_NEAR(e.work_s, 1, 1e-12);
    isg_plan_destroy(&p);
}

/* Without --speed a proxy's time follows from the peak, by size; a given speed wins. */
static void test_estimate_peak(void)
{
    isg_plan *p = parse(HEAD SYNTHETIC "sizes: [p0, p4, p9]\ntokens: [1M]\n" MONO);
    isg_estimate e;
    if (!p) return;
    p->trainer = ISG_TRAINER_PROXY; /* as if the corpus were built */
    (void)snprintf(p->numerics, sizeof p->numerics, "%s", isg_numerics_of_level(2));
    CHECK_EQ_U64(p->n_runs, 3);
    CHECK_OK(isg_plan_estimate(p, 3, (isg_speed){.peak = 1e11}, &e));
    CHECK(0.2 < e.least_share && e.least_share < e.most_share && e.most_share < 1);
    CHECK(e.speed > 0.8e11 * e.least_share && e.speed < 1.2e11 * e.most_share);
    for (size_t i = 0; i < p->n_runs; i++) {
        double s = p->runs[i].flops / isg_plan_run_seconds(p, i, (isg_speed){.peak = 1e11});
        CHECK(s > 0.2e11 && s < 1e11);
        CHECK_NEAR(isg_plan_run_seconds(p, i, (isg_speed){.peak = 2e11}) * s / p->runs[i].flops,
                   0.5, 1e-12);
        CHECK_NEAR(isg_plan_run_seconds(p, i, (isg_speed){.flops = 1e9, .peak = 1e11}),
                   p->runs[i].flops / 1e9, 1e-9);
    }
    double work = e.work_s;
    CHECK_OK(isg_plan_estimate(p, 3, (isg_speed){0}, &e)); /* not measured: some core of 2024 */
    CHECK(e.work_s > work / 3 && e.work_s < 2 * work);
    isg_plan_destroy(&p);
}

static void test_estimate(void)
{
    /* 8 unimax runs, then chains of 3: 2 s each, so 70 runs are 140 s */
    isg_plan *p = load("families.yaml");
    isg_estimate e;
    if (!p) return;
    CHECK_OK(isg_plan_estimate(p, 2, (isg_speed){0}, &e));
    size_t wide = 0;
    for (size_t i = 0; i < p->n_runs; i++) wide += p->runs[i].cores == 2;
    CHECK(wide > 0 && wide < 70);
    CHECK_NEAR(e.work_s, 140 + 2 * (double)wide, 1e-9);
    CHECK(e.makespan_s >= e.work_s / 2 && e.makespan_s <= e.work_s);
    CHECK_EQ_U64(e.wide, wide);
    CHECK_NEAR(e.chain_s, 6, 1e-9);
    CHECK_EQ_U64(e.depth, 3);
    CHECK_EQ_U64(e.waiting, 10);
    CHECK_OK(isg_plan_estimate(p, 1000, (isg_speed){0}, &e));
    CHECK_NEAR(e.makespan_s, 6, 1e-9); /* the longest chain bounds any number of workers */
    for (size_t i = 0; i < p->n_runs; i++) p->runs[i].cores = 1;
    CHECK_OK(isg_plan_estimate(p, 7, (isg_speed){0}, &e));
    CHECK_NEAR(e.makespan_s, 20, 1e-9); /* ten rounds of seven */
    isg_plan_destroy(&p);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {HEAD SYNTHETIC MONO "tokens: 1M\n", "key 'sizes' is missing"},
        {HEAD SYNTHETIC "sizes: [p0]\n" MONO, "key 'tokens' (or 'flops') is missing"},
        {HEAD SYNTHETIC GRID "flops: 1e12\n" MONO, "give one of 'tokens' and 'flops'"},
        {HEAD SYNTHETIC GRID "families:\n  - {name: f, from: none, languages: aa}\n",
         "listed before this one"},
        {HEAD SYNTHETIC GRID "families:\n  - {name: f}\n",
         "exactly one of 'mixture', 'from' and 'runs'"},
        {HEAD SYNTHETIC GRID "families:\n  - {name: m, mixture: monolingual, languages: aa}\n"
                             "  - {name: f, from: m, languages: aa, seeds: [4]}\n",
         "has seed 4"},
        {HEAD SYNTHETIC GRID "families:\n  - {name: m, mixture: monolingual, languages: aa}\n"
                             "  - {name: f, from: m, languages: aa, sizes: [p3]}\n",
         "no run of family 'm' has size 'p3'"},
        {HEAD SYNTHETIC GRID
         "families:\n  - {name: m, mixture: bilingual, targets: aa, sources: aa}\n",
         "have no runs"},
        {HEAD SYNTHETIC GRID
         "families:\n  - {name: m, mixture: monolingual, languages: aa, vary: {lrr: [1]}}\n",
         "did you mean 'lr'?"},
        {HEAD SYNTHETIC GRID "families:\n  - {name: m, runs: nothing.csv}\n",
         "key 'runs': cannot open"},
        {HEAD "trainer: {kind: proxy}\n" GRID MONO, "proxies read the directory of a built corpus"},
        {HEAD "trainer: {kind: command}\n" GRID MONO, "key 'command' is missing"},
        {HEAD "trainer: {kind: synthetic, laws: {bb: {E: 1, A: 1, B: 1, alpha: 1, beta: 1}}}\n" GRID
             MONO,
         "'aa' is evaluated but has no law"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        isg_plan *p = NULL;
        CHECK_FAILS(isg_plan_parse_text(rows[i].text, "t.yaml", NULL, &p), ISG_ESPEC, rows[i].says);
        CHECK(p == NULL);
    }
    isg_plan *p = NULL;
    isg_plan_options few = {.max_runs = 47};
    char *path = data_path("tiny.yaml");
    CHECK_FAILS(isg_plan_load(path, &few, &p), ISG_ESPEC, "48 runs, allowed: 47");
    CHECK_FAILS(isg_plan_load("no/such/file.yaml", NULL, &p), ISG_EIO, "no/such/file.yaml");
    free(path);
}

static void test_runs_text(void)
{
    char text[ISG_RUNS_TEXT];
    CHECK_STR(isg_runs_text(0, 0, "", text), "0 runs");
    CHECK_STR(isg_runs_text(1, 0, "finished ", text), "1 finished run");
    CHECK_STR(isg_runs_text(0, 1, "", text), "1 part of a trunk");
    CHECK_STR(isg_runs_text(2, 3, "finished ", text),
              "2 finished runs and 3 finished parts of trunks");
}

int main(void)
{
    test_tiny();
    test_families();
    test_finetune();
    test_finetune_list();
    test_unimax();
    test_identity_same();
    test_identity_differs();
    test_order();
    test_run_json();
    test_warmup();
    test_estimate();
    test_estimate_peak();
    test_estimate_cores();
    test_refused();
    test_runs_text();
    return check_done();
}
