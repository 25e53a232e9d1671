/* What proxies draw from: what decides the training, and nothing that is only measured of it, of the
 * run or of its parent; and runs that are one training, measured in several ways, are one cluster. */
#include "check.h"
#include "isogloss/json.h"
#include "isogloss/os.h"
#include "isogloss/plan.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/isogloss-streams-XXXXXX";

/* A campaign of parents and their finetunes; what is not given is empty. */
typedef struct parts {
    const char *trainer, *evaluate, *top, *base, *tune, *numerics, *more;
} parts;

static isg_plan *parse_kind(const char *trainer, parts with)
{
#define TEXT(member) (with.member ? with.member : "")
    isg_plan *p = NULL;
    const isg_plan_options options = {.numerics = with.numerics ? with.numerics : "generic-2",
                                      .corpus_override = dir};
    char *text = isg_strf(
        "isogloss: 1\nname: t\nseed: 1\ncorpus: %s\n"
        "trainer: {%s, context: 64, batch: 256, warmup: 1k, decay: 0.25%s}\n"
        "evaluate: {bytes: 2Ki, shards: 4%s}\nsizes: [{layers: 1, d: 16, heads: 1}]\n%s"
        "families:\n"
        "  - {name: base, mixture: monolingual, languages: [de], tokens: [16k, 32k]%s}\n"
        "  - {name: tune, from: base, languages: [ru], tokens: [8k]%s}\n%s",
        dir, trainer, TEXT(trainer), TEXT(evaluate), TEXT(top), TEXT(base), TEXT(tune), TEXT(more));
    CHECK_OK(isg_plan_parse_text(text, "t.yaml", &options, &p));
    free(text);
    return p;
}

static isg_plan *parse(parts with)
{
    return parse_kind("kind: proxy", with);
}

static bool same_streams(const isg_run *a, const isg_run *b)
{
    return a->init_stream == b->init_stream && a->data_stream == b->data_stream;
}

/* The last run of a family. */
static const isg_run *last(const isg_plan *p, size_t family)
{
    const isg_run *found = NULL;
    for (size_t i = 0; i < p->n_runs; i++) {
        if (p->runs[i].member[family] && !p->runs[i].trunk) found = &p->runs[i];
    }
    CHECK(found != NULL);
    return found;
}

/* Stores of earlier versions go on: neither ids nor streams may ever change. Of finetunes, the last
 * two, they may if TUNED_STREAMS rises. */
static void test_pinned(void)
{
    static const struct {
        const char *trainer, *id;
        uint64_t init, data;
    } rows[] = {
        {"", "9b339d9c7c5a19e6788c4faafc7fb10e", 36462612778803, 2861911434488529},
        {"", "e4bd514bbb3f5f89b39deaa542847269", 1832582341599058, 1568877170836932},
        {", branches: true", "ad38298763c9a5c8f5b4ab4589e0c548", 3323594520323001,
         3723718079995656}, /* the first part of the trunk */
        {", branches: true", "acab0761db2c7d9a1cfabc0dafddfa13", 3323594520323001,
         3723718079995656},
        {", branches: true", "a91e1482295cfdf8c914f29ca08b457d", 3323594520323001,
         3723718079995656}, /* the second */
        {", branches: true", "82ec66729b30168c58e0fe01be590891", 3323594520323001,
         3723718079995656},
        {"", "a3ade872513e46d5d9bcd78f077ef357", 3055065382205964, 896366806563404},
        {", branches: true", "4169342548a59fb1d2a59513ec3fc5ee", 6807192885119419,
         8611032315426664},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        isg_plan *p = parse((parts){.trainer = rows[i].trainer});
        if (!p) continue;
        const size_t run = isg_plan_find(p, rows[i].id);
        CHECK(run != ISG_NO_RUN);
        if (run != ISG_NO_RUN) {
            CHECK_EQ_U64(p->runs[run].init_stream, rows[i].init);
            CHECK_EQ_U64(p->runs[run].data_stream, rows[i].data);
        }
        isg_plan_destroy(&p);
    }
}

/* Of a parent only what trains it counts. */
static void test_parent(void)
{
    static const struct {
        parts with;
        bool same;
    } rows[] = {
        {{.base = ", points: 5"}, true},
        {{.base = ", evaluate: [de, ru]"}, true},
        {{.base = ", checkpoint: true"}, true},
        {{.evaluate = ", languages: [ru]"}, true},
        {{.evaluate = ", points: 3"}, true},
        {{.numerics = "avx2-2"}, true},
        {{.tune = ", points: 3"}, true},
        {{.base = ", seeds: [3]", .tune = ", seeds: [3]"}, false},
        {{.base = ", vary: {data_seed: [7]}"}, false},
        {{.base = ", vary: {lr: [2]}"}, false},
        {{.base = ", unique: 20k"}, false},
        {{.base = ", branches: true"}, false},
        {{.tune = ", unique: 20k"}, false},
        {{.tune = ", vary: {lr: [2]}"}, false},
        {{.tune = ", vary: {data_seed: [7]}"}, false},
        {{.trainer = ", schedule: cosine"}, false},
    };
    isg_plan *p = parse((parts){0});
    if (!p) return;
    const isg_run *tune = last(p, 1);
    CHECK(p->runs[tune->parent].tokens == 32000 && !same_streams(tune, &p->runs[tune->parent]));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        isg_plan *q = parse(rows[i].with);
        if (!q) continue;
        if (same_streams(last(q, 1), tune) != rows[i].same)
            fprintf(stderr, "campaign %zu of the table\n", i);
        CHECK(same_streams(last(q, 1), tune) == rows[i].same);
        isg_plan_destroy(&q);
    }
    isg_plan_destroy(&p);
}

/* No two trainings read the same windows, finetunes included. */
static void test_apart(void)
{
    static const parts rows[] = {
        {.more = "  - {name: again, from: tune, languages: [ru], tokens: [8k]}\n"},
        {.trainer = ", branches: true",
         .more = "  - {name: other, from: base, languages: [de], "
                 "tokens: [8k]}\n"},
        {.base = ", vary: {lr: [1, 2]}"},
        {.base = ", seeds: 2", .tune = ", seeds: 2"},
        {.base = ", vary: {data_seed: [5, 6]}"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        isg_plan *p = parse(rows[k]);
        for (size_t i = 0; p && i < p->n_runs; i++) {
            for (size_t j = 0; j < i; j++) {
                const isg_run *a = &p->runs[i], *b = &p->runs[j];
                const bool joined = (a->from || b->from) && a->cluster == b->cluster;
                if (!joined) CHECK(a->data_stream != b->data_stream);
            }
        }
        isg_plan_destroy(&p);
    }
}

/* Takes the plan. */
static void check_clusters(isg_plan *p, size_t clusters)
{
    size_t found = 0;
    if (!p) return;
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        found += r->cluster == i;
        CHECK(r->cluster <= i && p->runs[r->cluster].cluster == r->cluster);
        CHECK(p->runs[r->cluster].parent == ISG_NO_RUN);
        CHECK(r->parent == ISG_NO_RUN || r->cluster == p->runs[r->parent].cluster);
        for (size_t k = 0; k < i && p->trainer == ISG_TRAINER_PROXY; k++)
            CHECK(!same_streams(r, &p->runs[k]) || r->cluster == p->runs[k].cluster);
    }
    CHECK_EQ_U64(found, clusters);
    isg_plan_destroy(&p);
}

static void test_clusters(void)
{
#define OTHER(how) "  - {name: other, mixture: uniform, languages: [de], " how "}\n"
    static const struct {
        parts with;
        size_t clusters;
    } rows[] = {
        {{0}, 2},
        {{.more = OTHER("tokens: [16k, 32k], points: 5")}, 2},
        {{.more = OTHER("tokens: [16k, 32k], evaluate: [ru]")}, 2},
        {{.more = OTHER("tokens: [16k, 64k], points: 5")}, 3},
        {{.more = OTHER("tokens: [16k, 32k], points: 5, seeds: [2]")}, 4},
        {{.more = OTHER("tokens: [16k, 32k], points: 5, vary: {data_seed: [2]}")}, 4},
        {{.more = OTHER("tokens: [16k, 32k], points: 5, vary: {lr: [2]}")}, 4},
        {{.more = OTHER("tokens: [16k, 32k], points: 5, unique: 20k")}, 4},
        {{.more = OTHER("tokens: [16k, 32k], points: 5") "  - {name: more, from: other, languages: "
                                                         "[ru], tokens: [8k]}\n"},
         2},
        {{.trainer = ", branches: true"}, 1},
        {{.trainer = ", branches: true", .more = OTHER("tokens: [8k, 64k], points: 5")}, 1},
        {{.trainer = ", branches: true", .more = OTHER("tokens: [8k, 64k], seeds: [2]")}, 2},
        /* what shares no trunk draws by itself */
        {{.base = ", branches: true", .more = OTHER("tokens: [16k, 32k], points: 5")}, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_clusters(parse(rows[i].with), rows[i].clusters);
        check_clusters(parse_kind("kind: command, command: [x], lr: 1", rows[i].with),
                       rows[i].clusters);
    }
}

int main(void)
{
    static const char index[] =
        "{\"isogloss_corpus\":1,\"name\":\"t\",\"fingerprint\":\"f\",\"shards\":4,\"languages\":["
        "{\"code\":\"de\",\"train\":{\"bytes\":100000},\"held\":{\"bytes\":40000,"
        "\"shard_offset\":[0,10000,20000,30000,40000]}},"
        "{\"code\":\"ru\",\"train\":{\"bytes\":100000},\"held\":{\"bytes\":40000,"
        "\"shard_offset\":[0,10000,20000,30000,40000]}}]}";
    if (!mkdtemp(dir)) return 1;
    char *path = isg_path_join(dir, "index.json");
    CHECK_OK(isg_file_write(path, index, sizeof index - 1));
    test_pinned();
    test_parent();
    test_apart();
    test_clusters();
    (void)unlink(path);
    free(path);
    (void)rmdir(dir);
    return check_done();
}
