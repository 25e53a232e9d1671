/* Trunks in a plan: who shares one, what its parts are, what it costs. */
#include "check.h"
#include "isogloss/advice.h"
#include "isogloss/json.h"
#include "isogloss/plan.h"

#include <stdlib.h>

#define HEAD                                                                                       \
    "isogloss: 1\nname: t\nseed: 1\n"                                                              \
    "corpus: {languages: {aa: {train_bytes: 4M, held_bytes: 256k}, bb: {train_bytes: 100k, "       \
    "held_bytes: 256k}}}\n"
#define LAW "law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}"
#define TRAINER(more) "trainer: {kind: synthetic, batch: 1024, warmup: 10k, " more LAW "}\n"
#define BRANCHES TRAINER("branches: true, ")
#define GRID "sizes: [p0]\ntokens: [1M, 250k, 500k]\nseeds: 2\n"
#define MONO "  - {name: mono, mixture: monolingual, languages: [aa]}\n"

static isg_plan *parse(const char *text)
{
    isg_plan *p = NULL;
    CHECK_OK(isg_plan_parse_text(text, "t.yaml", NULL, &p));
    return p;
}

static size_t parts_of(const isg_plan *p)
{
    isg_branches b;
    isg_plan_branches(p, &b);
    return b.parts;
}

/* What must hold in any plan. */
static void check_plan(const isg_plan *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i], *up = r->parent == ISG_NO_RUN ? NULL : &p->runs[r->parent];
        double bytes = 0;
        CHECK(!up || (r->parent < i && r->cluster == up->cluster && r->depth == up->depth + 1));
        CHECK(up || (r->cluster <= i && r->depth == 0 && !r->from));
        CHECK(!r->from || (up->trunk && up->tokens == r->from && up->keep_checkpoint));
        CHECK((up && up->trunk) == (r->from > 0));
        CHECK(r->n_points > 0 && r->points[0] > r->from);
        CHECK(r->points[r->n_points - 1] == r->tokens);
        for (size_t k = 1; k < r->n_points; k++) CHECK(r->points[k - 1] < r->points[k]);
        for (size_t e = 0; e < p->n_evaluations; e++)
            bytes += r->evaluate[e] ? (double)p->evaluations[e].bytes : 0;
        CHECK_NEAR(r->flops,
                   isg_shape_flops(&r->shape) *
                       ((double)(r->tokens - r->from) + (double)r->n_points * bytes / 3),
                   1e-12);
        for (size_t f = 0; f < p->n_families && r->from; f++)
            CHECK(!r->member[f] || up->member[f]); /* a trunk is in the families of its runs */
        CHECK_EQ_U64(isg_plan_find(p, r->id), i);
    }
}

static void test_parts(void)
{
    isg_plan *p = parse(HEAD BRANCHES GRID "families:\n" MONO);
    static const uint64_t budget[] = {250000, 500000, 1000000}, cut[] = {211968, 424960, 849920};
    size_t part[3] = {0}, n = 0;
    isg_branches b;
    if (!p) return;
    check_plan(p);
    CHECK_EQ_U64(p->n_runs, 12);
    CHECK_EQ_U64(p->families[0].n_runs, 6); /* parts of trunks do not count */
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (r->seed != 1) continue;
        CHECK_EQ_U64(p->runs[r->cluster].tokens, cut[0]);
        if (r->trunk) part[n < 3 ? n++ : 0] = i;
    }
    CHECK_EQ_U64(n, 3);
    for (size_t k = 0; k < 3; k++) {
        const isg_run *s = &p->runs[part[k]];
        size_t cooled = 0;
        CHECK_EQ_U64(s->tokens, cut[k]);
        CHECK_EQ_U64(s->from, k ? cut[k - 1] : 0);
        CHECK(s->parent == (k ? part[k - 1] : ISG_NO_RUN));
        for (size_t i = 0; i < p->n_runs; i++) {
            const isg_run *r = &p->runs[i];
            if (r->trunk || r->parent != part[k]) continue;
            CHECK(r->tokens == budget[k] && r->from == cut[k]);
            cooled++;
        }
        CHECK_EQ_U64(cooled, 1);
    }
    isg_plan_branches(p, &b);
    CHECK(b.runs == 6 && b.trunks == 2 && b.parts == 6);
    CHECK_NEAR(b.unbranched, 2 * 1750000.0 * 147456, 1e-12);
    isg_estimate e;
    CHECK_OK(isg_plan_estimate(p, 1, (isg_speed){.flops = 1e9}, &e));
    CHECK_EQ_U64(e.depth, 4);
    CHECK(e.waiting == 2 * 3 && e.waiting_parts == 2 * 2);
    CHECK_NEAR(e.flops - e.evaluation_flops, b.training, 1e-12);
    /* the trunk once, and three decays */
    CHECK_NEAR(b.training, 2 * (849920.0 + 38032 + 75040 + 150080) * 147456, 1e-12);
    isg_plan_destroy(&p);
}

/* A point is measured once: by the part that its own budget's list adds, or by the cooled run. */
static void test_points(void)
{
    isg_plan *p =
        parse(HEAD BRANCHES "sizes: [p0]\ntokens: [500k, 1M]\n"
                            "evaluate: {points: {count: 5, spacing: linear}}\nfamilies:\n" MONO);
    static const uint64_t want[4][5] = {
        {100000, 200000, 300000, 400000, 424960}, {500000}, {600000, 800000, 849920}, {1000000}};
    static const size_t n[4] = {5, 1, 3, 1};
    if (!p) return;
    check_plan(p);
    CHECK_EQ_U64(p->n_runs, 4);
    CHECK_EQ_U64(p->max_points, 5);
    for (size_t i = 0; i < 4 && i < p->n_runs; i++) {
        CHECK_EQ_U64(p->runs[i].n_points, n[i]);
        for (size_t k = 0; k < n[i] && k < p->runs[i].n_points; k++)
            CHECK_EQ_U64(p->runs[i].points[k], want[i][k]);
    }
    isg_plan_destroy(&p);
}

static void test_run_json(void)
{
    isg_plan *p = parse(HEAD BRANCHES GRID "families:\n" MONO);
    if (!p) return;
    for (size_t i = 0; i < p->n_runs; i++) {
        json_t *run = NULL;
        CHECK_OK(isg_plan_run_json(p, i, &run));
        const char *schedule = json_string_value(json_object_get(run, "schedule"));
        CHECK_STR(schedule, p->runs[i].trunk ? "constant" : "wsd");
        json_decref(run);
    }
    isg_plan_destroy(&p);
}

/* Is every run of one plan in another? */
static bool holds(const isg_plan *all, const isg_plan *some)
{
    for (size_t i = 0; i < some->n_runs; i++) {
        if (isg_plan_find(all, some->runs[i].id) == ISG_NO_RUN) return false;
    }
    return true;
}

/* What is trained once, and what stays the same when a campaign grows. */
static void test_shared(void)
{
#define FAMILY(name, more) "  - {name: " name ", mixture: monolingual, languages: [aa]" more "}\n"
    isg_plan *one = parse(HEAD BRANCHES GRID "families:\n" MONO);
    isg_plan *twice = parse(HEAD BRANCHES GRID "families:\n" MONO FAMILY("again", ""));
    isg_plan *larger =
        parse(HEAD BRANCHES GRID "families:\n" MONO FAMILY("more", ", tokens: [2M, 1M]"));
    isg_plan *points = parse(HEAD BRANCHES GRID "families:\n" MONO FAMILY("few", ", points: 2"));
    isg_plan *rates = parse(HEAD BRANCHES GRID "families:\n" FAMILY("f", ", vary: {lr: [1, 2]}"));
    isg_plan *plain = parse(HEAD TRAINER("") GRID "families:\n" MONO);
    isg_plan *both =
        parse(HEAD BRANCHES GRID "families:\n" MONO FAMILY("plain", ", branches: false"));
    isg_plan *other =
        parse(HEAD BRANCHES GRID "families:\n" FAMILY("plain", ", branches: false") MONO);
    if (one && twice && larger && points && rates && plain && both && other) {
        CHECK_EQ_U64(twice->n_runs, 12);
        CHECK(twice->families[1].n_runs == 6 && twice->runs[0].trunk && twice->runs[0].member[1]);
        CHECK(holds(larger, one)); /* a larger budget only adds */
        CHECK_EQ_U64(larger->n_runs, 12 + 4);
        CHECK_EQ_U64(parts_of(larger), 8);
        CHECK_EQ_U64(parts_of(points), 12); /* other points: other results */
        CHECK_EQ_U64(parts_of(rates), 12);
        CHECK(holds(rates, one));
        CHECK_EQ_U64(parts_of(plain), 0);
        CHECK(holds(both, plain) && holds(both, one) && both->n_runs == 18);
        CHECK(holds(both, other) && holds(other, both)); /* whatever the order */
        check_plan(twice);
        check_plan(larger);
        check_plan(points);
        check_plan(rates);
        check_plan(both);
    }
    isg_plan *all[] = {one, twice, larger, points, rates, plain, both, other};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) isg_plan_destroy(&all[i]);
}

/* Budgets of one batch branch off at one place. */
static void test_same_cut(void)
{
    isg_plan *p = parse(HEAD BRANCHES "sizes: [p0]\ntokens: [1000000, 1000100, 2M]\n"
                                      "families:\n" MONO);
    if (!p) return;
    check_plan(p);
    CHECK_EQ_U64(p->n_runs, 5);
    CHECK_EQ_U64(parts_of(p), 2);
    isg_plan_destroy(&p);
    p = parse(HEAD BRANCHES "sizes: [p0]\ntokens: [1000000, 1000100]\nfamilies:\n" MONO);
    if (!p) return;
    check_plan(p);
    CHECK_EQ_U64(p->n_runs, 3);
    isg_plan_destroy(&p);
}

static void test_alone(void)
{
    static const struct {
        const char *text;
        size_t parts, budget, weights, brief;
    } rows[] = {
        {HEAD BRANCHES "sizes: [p0]\ntokens: [1M]\nfamilies:\n" MONO, 0, 1, 0, 0},
        {HEAD BRANCHES "sizes: [p0]\ntokens: [1M, 10k, 20k, 500k]\nfamilies:\n" MONO, 2, 0, 0, 2},
        /* bb is used up: four passes are 40 % of the smaller budget and 20 % of the larger one */
        {HEAD BRANCHES "sizes: [p0]\ntokens: [1M, 2M]\n"
                       "families:\n  - {name: u, mixture: unimax, languages: [aa, bb]}\n",
         0, 0, 2, 0},
        {HEAD BRANCHES "sizes: [p0]\ntokens: [100k, 200k, 400k, 2M]\n"
                       "families:\n  - {name: u, mixture: unimax, languages: [aa, bb]}\n",
         3, 0, 1, 0},
        {HEAD TRAINER("") "sizes: [p0]\ntokens: [1M]\nfamilies:\n" MONO, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        isg_advice_list advice = {0};
        isg_plan *p = parse(rows[i].text);
        if (!p) continue;
        check_plan(p);
        CHECK_EQ_U64(parts_of(p), rows[i].parts);
        CHECK_EQ_U64(p->alone.budget, rows[i].budget);
        CHECK_EQ_U64(p->alone.weights, rows[i].weights);
        CHECK_EQ_U64(p->alone.brief, rows[i].brief);
        CHECK_OK(isg_plan_advise(p, 0, &advice));
        bool said = false;
        for (size_t k = 0; k < advice.n; k++)
            said = said || strstr(advice.item[k].text, "trained without a trunk");
        CHECK(said == (rows[i].budget + rows[i].weights + rows[i].brief > 0));
        isg_advice_free(&advice);
        isg_plan_destroy(&p);
    }
}

/* Finetuning takes weights, of a cooled run; finetunes of several budgets have a trunk of theirs. */
static void test_finetune(void)
{
    isg_plan *p = parse(HEAD BRANCHES GRID
                        "families:\n" MONO
                        "  - {name: tune, from: mono, languages: [bb], tokens: [100k, 200k]}\n");
    if (!p) return;
    check_plan(p);
    CHECK_EQ_U64(p->n_runs, 12 + 8);
    CHECK_EQ_U64(p->families[1].n_runs, 4);
    for (size_t i = 12; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i], *up = &p->runs[r->parent];
        CHECK(r->member[1] && !r->member[0]);
        CHECK(p->runs[r->cluster].seed == r->seed && r->cluster < 12);
        if (r->from) continue;
        CHECK(r->trunk && !up->trunk && up->tokens == 1000000 && up->seed == r->seed);
    }
    isg_plan_destroy(&p);
}

static void test_refused(void)
{
#define REFUSED(trainer, family, words)                                                            \
    {                                                                                              \
        HEAD "trainer: {kind: synthetic, " trainer ", " LAW "}\n" GRID                             \
             "families:\n  - {name: m, mixture: "                                                  \
             "monolingual, languages: aa" family "}\n",                                            \
            words                                                                                  \
    }
    static const struct {
        const char *text, *says;
    } rows[] = {
        REFUSED("branches: true, schedule: cosine", "", "'cosine' cannot share a trunk"),
        REFUSED("schedule: cosine", ", branches: true", "'cosine' cannot share a trunk"),
        REFUSED("branches: true, schedule: constant", "", "'constant' cannot share a trunk"),
        REFUSED("branches: true, decay: 0", "", "'decay' is 0"),
        REFUSED("branches: true, warmup: 0.05", "", "'warmup' is 0.05, a share of each run"),
        REFUSED("branches: true", ", vary: {warmup: [10k, 0.5]}", "'warmup' is 0.5"),
        REFUSED("branches: true", ", vary: {decay: [0.5, 0]}", "'decay' is 0"),
        REFUSED("branches: maybe", "", "key 'branches': found 'maybe'"),
        {HEAD "trainer: {kind: command, command: [x], branches: true}\n" GRID "families:\n" MONO,
         "'decay' is 0 or not given"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        isg_plan *p = NULL;
        CHECK_FAILS(isg_plan_parse_text(rows[i].text, "t.yaml", NULL, &p), ISG_ESPEC, rows[i].says);
        CHECK(p == NULL);
    }
    isg_plan *p =
        parse(HEAD "trainer: {kind: command, command: [x], branches: true, decay: 0.2}\n" GRID
                   "families:\n" MONO);
    if (p) CHECK_EQ_U64(p->runs[0].tokens, 200000); /* no batch is known: to the token */
    isg_plan_destroy(&p);
}

int main(void)
{
    test_parts();
    test_points();
    test_run_json();
    test_shared();
    test_same_cut();
    test_alone();
    test_finetune();
    test_refused();
    return check_done();
}
