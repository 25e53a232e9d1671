#include "check.h"
#include "isogloss/os.h"
#include "run/events.h"
#include "run/lines.h"

#include <stdlib.h>
#include <unistd.h>

static const char campaign[] =
    "isogloss: 1\nname: t\nseed: 1\n"
    "corpus: {languages: {en: {train_bytes: 9M, held_bytes: 1M}, de: {train_bytes: 9M, held_bytes: 1M}}}\n"
    "trainer: {kind: command, command: [x]}\n"
    "sizes: [12k]\ntokens: [8k]\n"
    "evaluate: {languages: [en, de], points: {count: 4, spacing: log}, bytes: 16k, shards: 2}\n"
    "families: [{name: mono, mixture: monolingual, languages: [en]}]\n";

static isg_plan *plan;
static const isg_run *run;

static void load(void)
{
    char path[] = "/tmp/isg-events-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && !close(fd));
    CHECK_OK(isg_file_write(path, campaign, strlen(campaign)));
    CHECK_OK(isg_plan_load(path, NULL, &plan));
    (void)unlink(path);
    if (plan) run = plan->runs;
}

static isg_err take(isg_curve *c, const char *fmt, isg_said *e)
{
    isg_str line = {0}; /* @ stands for the run's id, #K for planned point K */
    for (const char *p = fmt; *p; p++) {
        if (*p == '@')
            (void)isg_str_puts(&line, run->id);
        else if (*p == '#')
            (void)isg_str_printf(&line, "%llu", (unsigned long long)run->points[*++p - '0']);
        else
            (void)isg_str_add(&line, p, 1);
    }
    isg_err rc = isg_curve_take(c, isg_str_c(&line), line.len, e);
    isg_str_free(&line);
    return rc;
}

#define LOSS "\"loss\":{\"en\":3,\"de\":4}}"

static const struct {
    const char *line;
    isg_said_kind kind;
} good[] = {
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0," LOSS, ISG_SAID_POINT},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"more\":{\"NaN\":\"-Infinity \\\" NaN\"}," LOSS,
     ISG_SAID_POINT},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#3,\"lr_state\":\"end\",\"seen\":{\"en\":8000}," LOSS,
     ISG_SAID_POINT},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#1,\"nats\":{\"en\":[10,20],\"de\":[5,0]},\"bytes\":{\"en\":[10,10],\"de\":[10,0]}}",
     ISG_SAID_POINT},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":1," LOSS, ISG_SAID_EXTRA},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":999999}", ISG_SAID_EXTRA},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"loss\":{\"en\":NaN,\"de\":4}}",
     ISG_SAID_DIVERGED},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"loss\":{\"en\":3,\"de\":-Infinity}}",
     ISG_SAID_DIVERGED},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"loss\":{\"en\":null,\"de\":4}}",
     ISG_SAID_DIVERGED},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"nats\":{\"en\":[1,Infinity],\"de\":[1,1]},\"bytes\":{\"en\":[9,9],\"de\":[9,9]}}",
     ISG_SAID_DIVERGED},
    {"{\"event\":\"checkpoint\",\"run\":\"@\",\"tokens\":100,\"name\":\"ckpt-100\"}",
     ISG_SAID_CHECKPOINT},
    {"{\"event\":\"end\",\"run\":\"@\",\"outcome\":\"done\",\"tokens\":8000,\"flops\":1e12,\"seconds\":null}",
     ISG_SAID_END},
    {"{\"event\":\"end\",\"run\":\"@\",\"outcome\":\"stopped\"}", ISG_SAID_END},
    {"{\"event\":\"hello\",\"protocol\":1}", ISG_SAID_HELLO},
};

static const struct {
    const char *line, *part;
} bad[] = {
    {"hello", "not valid JSON"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,", "not valid JSON"},
    {"{\"event\":\"point\",\"event\":\"end\"}", "not valid JSON"},
    {"[1,2]", "not a JSON object"},
    {"NaN", "not a JSON object"},
    {"{}", "key 'event'"},
    {"{\"event\":7}", "key 'event'"},
    {"{\"event\":\"pointe\",\"run\":\"@\"}", "unknown event 'pointe'"},
    {"{\"event\":\"point\",\"tokens\":#0," LOSS, "key 'run'"},
    {"{\"event\":\"point\",\"run\":\"ffffffffffffffffffffffffffffffff\",\"tokens\":#0," LOSS,
     "the current one"},
    {"{\"event\":\"point\",\"run\":\"@\"," LOSS, "key 'tokens'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":-5," LOSS, "key 'tokens'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":NaN," LOSS, "key 'tokens'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":1.5," LOSS, "key 'tokens'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0}", "key 'loss'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"loss\":{\"en\":3}}",
     "evaluation 'de' is missing"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"loss\":{\"en\":3,\"de\":4,\"xx\":5}}",
     "unknown evaluation 'xx'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"loss\":{\"en\":\"3\",\"de\":4}}",
     "wanted a number"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"loss\":[3,4]}", "key 'loss'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"lr_state\":\"hot\"," LOSS, "lr_state"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"seen\":{\"fr\":1}," LOSS,
     "unknown language 'fr'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"seen\":{\"en\":-1}," LOSS,
     "tokens of 'en'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"nats\":{\"en\":[1],\"de\":[1,1]},\"bytes\":{\"en\":[9],\"de\":[9,9]}}",
     "2 shards, found 1"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"nats\":{\"en\":[1,1],\"de\":[1,1]},\"bytes\":{\"en\":[9,9]}}",
     "bytes of 'de'"},
    {"{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0,\"nats\":{\"en\":[1,1],\"de\":[1,1]},\"bytes\":{\"en\":[9,9],\"de\":[0,0]}}",
     "all are 0"},
    {"{\"event\":\"checkpoint\",\"run\":\"@\",\"tokens\":100,\"name\":\"../x\"}",
     "inside the attempt directory"},
    {"{\"event\":\"checkpoint\",\"run\":\"@\",\"tokens\":100,\"name\":\"..\"}",
     "inside the attempt directory"},
    {"{\"event\":\"checkpoint\",\"run\":\"@\",\"tokens\":100,\"name\":\"\"}",
     "inside the attempt directory"},
    {"{\"event\":\"checkpoint\",\"run\":\"@\",\"tokens\":9000,\"name\":\"c\"}",
     "9000 of 8000 tokens"},
    {"{\"event\":\"end\",\"run\":\"@\",\"outcome\":\"fine\"}", "wanted done, diverged or stopped"},
    {"{\"event\":\"end\",\"run\":\"@\",\"outcome\":\"done\",\"tokens\":7000}",
     "done at 7000 of 8000"},
    {"{\"event\":\"end\",\"run\":\"@\",\"outcome\":\"done\",\"flops\":\"many\"}", "key 'flops'"},
    {"{\"event\":\"hello\",\"protocol\":2}", "speaks protocol 2"},
};

static void test_lines_of_a_trainer(void)
{
    isg_said e;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        isg_curve *c = NULL;
        CHECK_OK(isg_curve_create(plan, 0, 0, &c));
        CHECK_OK(take(c, good[i].line, &e));
        CHECK_EQ_U64(e.kind, good[i].kind);
        isg_curve_destroy(&c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        isg_curve *c = NULL;
        CHECK_OK(isg_curve_create(plan, 0, 0, &c));
        CHECK_FAILS(take(c, bad[i].line, &e), ISG_EPROTO, bad[i].part);
        CHECK(strstr(isg_err_message(), "line \"") != NULL);
        isg_curve_destroy(&c);
    }
}

static void test_curve(void)
{
    isg_curve *c = NULL;
    isg_result *r = NULL;
    isg_said e;
    CHECK_EQ_U64(run->n_points, 4);
    CHECK_OK(isg_curve_create(plan, 0, 0, &c));
    CHECK_OK(take(c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0," LOSS, &e));
    CHECK_FAILS(take(c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0," LOSS, &e), ISG_EPROTO,
                "after one at");
    CHECK_OK(take(c, good[3].line, &e));
    CHECK_FAILS(isg_curve_finish(c, false, &r), ISG_EPROTO, "never came");
    CHECK_OK(take(c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#2," LOSS, &e));
    CHECK_OK(take(c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#3," LOSS, &e));
    CHECK_OK(take(c, good[11].line, &e));
    CHECK_OK(isg_curve_finish(c, false, &r));
    if (r) {
        CHECK(r->n_points == 4 && !r->diverged);
        CHECK_EQ_U64(r->tokens[3], 8000);
        CHECK(r->lr_state[3] == ISG_LR_END && r->lr_state[0] == ISG_LR_STABLE);
        CHECK_NEAR(r->loss[0], 3, 0);
        CHECK_NEAR(r->loss[2], 30 / 20.0 / log(2), 1e-15); /* nats over bytes, as bits */
        CHECK_NEAR(r->loss[3], 5 / 10.0 / log(2), 1e-15);
        CHECK_NEAR((double)r->shard_loss[(1 * 2 + 0) * 2 + 1], 20 / 10.0 / log(2), 1e-6);
        CHECK(isnan(r->shard_loss[(1 * 2 + 1) * 2 + 1])); /* an empty shard has no loss */
        CHECK_NEAR(r->seen[0], (double)run->points[0],
                   0); /* one language: known without being told */
        CHECK_NEAR(r->flops, 1e12, 0);
    }
    isg_result_destroy(&r);
    isg_curve_destroy(&c);
}

static void test_divergence_keeps_the_beginning(void)
{
    isg_curve *c = NULL;
    isg_result *r = NULL;
    isg_said e;
    CHECK_OK(isg_curve_create(plan, 0, 0, &c));
    CHECK_OK(take(c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#0," LOSS, &e));
    CHECK_OK(take(
        c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#1,\"loss\":{\"en\":1,\"de\":NaN}}", &e));
    CHECK(e.kind == ISG_SAID_DIVERGED);
    CHECK_OK(isg_curve_finish(c, true, &r));
    if (r) {
        CHECK(r->n_points == 1 && r->diverged);
        CHECK(isnan(r->loss[2]) && isnan(r->loss[3]) && r->tokens[1] == 0);
    }
    isg_result_destroy(&r);
    isg_curve_destroy(&c);
}

static void test_replay(void)
{
    isg_curve *c = NULL;
    isg_str text = {0}, kept = {0};
    isg_said e;
    isg_result *r = NULL;
    for (int i = 0; i < 3; i++) {
        (void)isg_str_printf(
            &text,
            "{\"event\":\"point\",\"run\":\"%s\",\"tokens\":%llu,\"loss\":{\"en\":%d,\"de\":1}}\n",
            run->id, (unsigned long long)run->points[i], i);
    }
    (void)isg_str_puts(&text, "{\"event\":\"point\",\"run\":\"to"); /* torn by a crash */

    CHECK_OK(isg_curve_create(plan, 0, run->points[1] + 1, &c));
    CHECK_OK(isg_curve_replay(c, isg_str_c(&text), text.len, &kept));
    /* The third lies beyond the checkpoint: superseded by what comes now. */
    CHECK_OK(take(
        c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#1,\"loss\":{\"en\":9,\"de\":9}}", &e));
    CHECK(e.kind == ISG_SAID_EXTRA);
    CHECK_OK(take(
        c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#2,\"loss\":{\"en\":7,\"de\":1}}", &e));
    CHECK_OK(take(
        c, "{\"event\":\"point\",\"run\":\"@\",\"tokens\":#3,\"loss\":{\"en\":8,\"de\":1}}", &e));
    CHECK_OK(isg_curve_finish(c, false, &r));
    if (r) CHECK(r->loss[0] == 0 && r->loss[2] == 1 && r->loss[4] == 7 && r->loss[6] == 8);
    isg_result_destroy(&r);
    isg_curve_destroy(&c);

    isg_str again = {0}; /* what was kept is enough for the next resumption */
    CHECK_OK(isg_curve_create(plan, 0, run->points[1] + 1, &c));
    CHECK_OK(isg_curve_replay(c, isg_str_c(&kept), kept.len, &again));
    CHECK_EQ_U64(again.len, kept.len);
    isg_curve_destroy(&c);

    CHECK_OK(isg_curve_create(plan, 0, run->tokens - 1, &c));
    CHECK_OK(isg_curve_replay(c, isg_str_c(&text), text.len, &again));
    isg_curve_destroy(&c);
    CHECK_OK(isg_curve_create(plan, 0, run->tokens, &c));
    CHECK_FAILS(isg_curve_replay(c, isg_str_c(&text), text.len, &again), ISG_EDATA, "8000 tokens");
    isg_curve_destroy(&c);
    isg_str_free(&again);
    isg_str_free(&kept);
    isg_str_free(&text);
}

static void test_hello(void)
{
    isg_plan proxy = *plan;
    char name[] = "proxy-cpu", version[] = "1";
    isg_hello hello;
    proxy.trainer = ISG_TRAINER_PROXY;
    proxy.trainer_name = name;
    proxy.trainer_version = version;
    (void)snprintf(proxy.numerics, sizeof proxy.numerics, "avx2-2");
    const struct {
        const char *exact, *numerics, *part;
    } rows[] = {{"true", "avx2-2", NULL},
                {"true", "avx512-2", "numerics is 'avx512-2'"},
                {"false", "avx2-2", "exact"},
                {"3", "avx2-2", "'exact'"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *line = isg_strf(
            "{\"event\":\"hello\",\"protocol\":1,\"trainer\":\"proxy-cpu\",\"version\":\"1\",\"exact\":%s,"
            "\"lanes\":1,\"device\":\"cpu\",\"numerics\":\"%s\"}",
            rows[i].exact, rows[i].numerics);
        if (rows[i].part)
            CHECK_FAILS(isg_hello_read(&proxy, line, strlen(line), &hello), ISG_EPROTO,
                        rows[i].part);
        else
            CHECK_OK(isg_hello_read(&proxy, line, strlen(line), &hello));
        free(line);
    }
    CHECK_FAILS(isg_hello_read(&proxy, "{\"event\":\"point\"}", 17, &hello), ISG_EPROTO,
                "before hello");
}

static void test_lines(void)
{
    isg_lines l = {0};
    const char *line;
    size_t n;
    CHECK_OK(isg_lines_add(&l, "a\r\n\n\nbc\nrest", 12));
    CHECK_OK(isg_lines_next(&l, &line, &n));
    CHECK(line && n == 1 && *line == 'a');
    CHECK_OK(isg_lines_next(&l, &line, &n));
    CHECK(line && n == 2 && !memcmp(line, "bc", 2));
    CHECK_OK(isg_lines_next(&l, &line, &n));
    CHECK(line == NULL);
    CHECK_OK(isg_lines_add(&l, "!\n", 2));
    CHECK_OK(isg_lines_next(&l, &line, &n));
    CHECK(line && n == 5 && !memcmp(line, "rest!", 5));

    char *chunk = malloc(65536);
    memset(chunk, '\x01', 65536);
    isg_err rc = ISG_OK;
    int chunks = 0;
    for (; !rc && chunks < 100; chunks++) {
        CHECK_OK(isg_lines_add(&l, chunk, 65536));
        rc = isg_lines_next(&l, &line, &n);
    }
    CHECK(rc == ISG_EPROTO && chunks == 17 && strstr(isg_err_message(), "begins \"????"));
    CHECK(l.text.cap <= 4u << 20);
    free(chunk);
    isg_lines_free(&l);
}

int main(void)
{
    load();
    if (!plan) return check_done();
    test_lines_of_a_trainer();
    test_curve();
    test_divergence_keeps_the_beginning();
    test_replay();
    test_hello();
    test_lines();
    isg_plan_destroy(&plan);
    return check_done();
}
