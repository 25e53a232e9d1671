/* The store in one process: create, write, mark, read, and what damage looks like. */
#include "check.h"
#include "isogloss/os.h"
#include "isogloss/store.h"
#include "sample_plan.h"
#include "sample_result.h"
#include "store/layout.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/isogloss-store-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)unlink(path);
    return path;
}

static isg_err commit(isg_store *s, const isg_plan *plan, size_t run)
{
    isg_result *r = NULL;
    isg_mark m = {
        .slot = run, .state = ISG_RUN_DONE, .attempt = 1, .host = "here", .device = "cpu"};
    isg_err rc = sample_result(plan, run, &r);
    if (!rc) rc = isg_store_put_result(s, run, r, &m.crc);
    if (!rc) rc = isg_store_mark(s, &m, 1);
    isg_result_destroy(&r);
    return rc;
}

static isg_store *open_store(const char *path, isg_store_mode mode)
{
    isg_store *s = NULL;
    CHECK_OK(isg_store_open(path, mode, false, &s));
    return s;
}

static isg_run_record *records_of(const isg_store *s, bool verify)
{
    isg_run_record *r = calloc(isg_store_runs(s), sizeof *r);
    CHECK_OK(isg_store_read_records(s, verify, r));
    return r;
}

/* The tables of layout.c hold together. */
static void test_layout(void)
{
    for (int c = 0; c < ISG_COLS; c++) {
        const isg_column_def *def = &isg_columns[c];
        CHECK(def->name && (def->long_name || isg_dim_is_bare(isg_dim_of(def->dims[0]))));
        CHECK(isg_column_rank((isg_col)c) <= ISG_COL_MAX_RANK);
        const char *last = def->dims + strlen(def->dims) - (def->dims[0] != 0);
        bool text = *last && isg_dim_is_bare(isg_dim_of(*last)) && !isg_column_is_scale((isg_col)c);
        CHECK(text == (def->type == ISG_TYPE_TEXT));
        CHECK(!(def->type == ISG_TYPE_NAME && def->role != ISG_ROLE_PLAN));
        for (const char *d = def->dims; *d; d++) {
            isg_col scale = isg_scale_of(def->group, isg_dim_of(*d));
            CHECK(scale <= (isg_col)c); /* scales come first in their group */
        }
        bool result = c >= ISG_RESULT_FIRST && c <= ISG_RESULT_LAST;
        CHECK(result == (def->role == ISG_ROLE_RESULT));
    }
}

static void test_life(void)
{
    const char *path = path_of("life.h5");
    isg_plan plan = sample_plan(7);
    CHECK_OK(isg_store_create(path, &plan));
    CHECK_FAILS(isg_store_create(path, &plan), ISG_EARG, "already there");

    isg_store *w = open_store(path, ISG_STORE_WRITE);
    isg_store *live = open_store(path, ISG_STORE_READ); /* before anything is written */
    CHECK_EQ_U64(isg_store_runs(w), 7);
    CHECK_STR(isg_store_numerics(w), "generic-2");
    for (size_t i = 0; i < 7; i++) CHECK_EQ_U64(isg_store_find(w, plan.runs[i].id), i);
    CHECK_EQ_U64(isg_store_find(w, "ffff"), ISG_NO_RUN);
    char *text = NULL;
    CHECK_OK(isg_store_campaign_text(w, &text));
    CHECK_STR(text, plan.text);
    free(text);

    CHECK_OK(isg_store_put_state(w, 3, ISG_RUN_FAILED, 4));
    CHECK_OK(commit(w, &plan, 2));
    CHECK_OK(commit(w, &plan, 5));
    isg_run_record *r = records_of(live, true); /* the open reader sees what was written */
    CHECK_EQ_U64(r[0].state, ISG_RUN_WAITING);
    CHECK_EQ_U64(r[2].state, ISG_RUN_DONE);
    CHECK_EQ_U64(r[2].mark_attempt, 1);
    CHECK_STR(r[2].host, "here");
    CHECK_EQ_U64(r[3].state, ISG_RUN_FAILED);
    CHECK_EQ_U64(r[3].attempts, 4);
    CHECK_NEAR(r[5].seconds, 1.5, 0);
    free(r);

    isg_result *got = NULL, *wanted = NULL;
    CHECK_FAILS(isg_store_read_result(live, 0, &got), ISG_EDATA, "no result");
    CHECK_OK(isg_store_read_result(live, 5, &got));
    CHECK_OK(sample_result(&plan, 5, &wanted));
    CHECK_EQ_U64(got->n_points, 3);
    CHECK_EQ_U64(got->tokens[2], plan.runs[5].tokens);
    CHECK_EQ_U64(got->tokens[3], 0);
    CHECK(isnan(got->loss[3 * SAMPLE_EVALUATIONS]));
    CHECK(!memcmp(got->loss, wanted->loss, 3 * SAMPLE_EVALUATIONS * sizeof *got->loss));
    CHECK(!memcmp(got->shard_loss, wanted->shard_loss,
                  3 * SAMPLE_EVALUATIONS * SAMPLE_SHARDS * sizeof(float)));
    CHECK(!memcmp(got->seen, wanted->seen, 3 * SAMPLE_LANGUAGES * sizeof *got->seen));
    CHECK(got->lr_state[2] == ISG_LR_END && !got->diverged);
    isg_result_destroy(&got);
    isg_result_destroy(&wanted);

    uint32_t crc;
    CHECK_OK(isg_result_create(&plan, &got));
    got->n_points = SAMPLE_POINTS + 1;
    CHECK_FAILS(isg_store_put_result(w, 0, got, &crc), ISG_EARG, "5 points, but the store holds 4");
    got->n_points = 0;
    CHECK_FAILS(isg_store_put_result(w, 7, got, &crc), ISG_EARG, "has 7 runs");
    CHECK_FAILS(isg_store_put_result(live, 0, got, &crc), ISG_EARG, "reading only");
    isg_result_destroy(&got);
    isg_store_close(&live);
    isg_store_close(&w);
    sample_plan_free(&plan);
}

/* A diverged run has a result of its own kind, whatever the state column says. */
static void test_diverged(void)
{
    const char *path = path_of("diverged.h5");
    isg_plan plan = sample_plan(3);
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    isg_result *r = NULL;
    CHECK_OK(sample_result(&plan, 1, &r));
    r->diverged = true;
    r->n_points = 1;
    isg_mark m = {.slot = 1, .state = ISG_RUN_DIVERGED, .attempt = 2};
    CHECK_OK(isg_store_put_result(s, 1, r, &m.crc));
    CHECK_OK(isg_store_mark(s, &m, 1));
    CHECK_OK(isg_store_put_state(s, 1, ISG_RUN_RUNNING, 2)); /* a stale record */
    CHECK_OK(isg_store_put_state(s, 2, ISG_RUN_DONE, 1));    /* a state without a mark */
    isg_run_record *rec = records_of(s, true);
    CHECK_EQ_U64(rec[1].state, ISG_RUN_DIVERGED);
    CHECK_EQ_U64(rec[1].mark_attempt, 2);
    CHECK_EQ_U64(rec[2].state, ISG_RUN_READY);
    free(rec);
    isg_result_destroy(&r);
    isg_store_close(&s);
    sample_plan_free(&plan);
}

static off_t find_bytes(const char *path, const void *what, size_t n)
{
    isg_str all = {0};
    off_t at = -1;
    CHECK_OK(isg_file_read(path, (size_t)1 << 30, &all));
    for (size_t i = 0; i + n <= all.len && at < 0; i++) {
        if (!memcmp(all.data + i, what, n)) at = (off_t)i;
    }
    isg_str_free(&all);
    return at;
}

/* One flipped bit in a result is found, and only by those who verify. */
static void test_damage(void)
{
    const char *path = path_of("damage.h5");
    isg_plan plan = sample_plan(4);
    char digest[65];
    size_t n;
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    for (size_t i = 0; i < 4; i++) CHECK_OK(commit(s, &plan, i));
    CHECK_OK(isg_store_digest(s, digest, &n));
    CHECK_EQ_U64(n, 4);
    isg_result *r = NULL;
    CHECK_OK(isg_store_read_result(s, 3, &r));
    off_t at = find_bytes(path, r->loss, sizeof *r->loss);
    CHECK(at > 0);
    isg_store_close(&s);

    int fd = open(path, O_RDWR);
    unsigned char byte;
    CHECK(pread(fd, &byte, 1, at) == 1);
    byte ^= 1;
    CHECK(pwrite(fd, &byte, 1, at) == 1);
    CHECK(close(fd) == 0);

    s = open_store(path, ISG_STORE_READ);
    isg_run_record *rec = records_of(s, false);
    CHECK_EQ_U64(rec[3].state, ISG_RUN_DONE);
    free(rec);
    rec = records_of(s, true);
    CHECK_EQ_U64(rec[2].state, ISG_RUN_DONE);
    CHECK_EQ_U64(rec[3].state, ISG_RUN_READY);
    CHECK_EQ_U64(rec[3].mark_attempt, 0);
    free(rec);
    isg_result_destroy(&r);
    CHECK_FAILS(isg_store_read_result(s, 3, &r), ISG_ESTORE, "does not fit");
    CHECK_FAILS(isg_store_digest(s, digest, &n), ISG_ESTORE, plan.runs[3].id);
    isg_store_close(&s);

    CHECK(truncate(path, 5000) == 0);
    CHECK_FAILS(isg_store_open(path, ISG_STORE_READ, false, &s), ISG_ESTORE, path);
    CHECK_OK(isg_file_write(path, "not HDF5", 8));
    CHECK_FAILS(isg_store_open(path, ISG_STORE_READ, false, &s), ISG_ESTORE, path);
    CHECK_FAILS(isg_store_open("/nowhere/x.h5", ISG_STORE_READ, false, &s), ISG_EIO,
                "/nowhere/x.h5");
    sample_plan_free(&plan);
}

/* Equal results have equal digests, in whatever order they came, with whatever NaN. */
static void test_digest(void)
{
    isg_plan plan = sample_plan(6);
    char digest[2][65], path[2][256];
    for (size_t k = 0; k < 2; k++) {
        (void)snprintf(path[k], sizeof path[k], "%s", path_of(k ? "two.h5" : "one.h5"));
        CHECK_OK(isg_store_create(path[k], &plan));
        isg_store *s = open_store(path[k], ISG_STORE_WRITE);
        for (size_t i = 0; i < 6; i++) {
            isg_result *r = NULL;
            size_t run = k ? 5 - i : i;
            isg_mark m = {.slot = run, .state = ISG_RUN_DONE, .attempt = 1 + (uint32_t)k};
            CHECK_OK(sample_result(&plan, run, &r));
            r->loss[1] = k ? (double)NAN : -(double)NAN;
            r->seconds = (double)k;
            r->tokens[3] = r->n_points < 4 ? 99 + k : r->tokens[3]; /* beyond the points reached */
            CHECK_OK(isg_store_put_result(s, run, r, &m.crc));
            CHECK_OK(isg_store_mark(s, &m, 1));
            isg_result_destroy(&r);
        }
        CHECK_OK(isg_store_digest(s, digest[k], NULL));
        isg_store_close(&s);
    }
    CHECK_STR(digest[1], digest[0]);
    sample_plan_free(&plan);
}

/* Many results behind one sync, their marks and states behind another: nothing is lost, whatever
 * the order of the slots and however often the waiting ones had to make room. */
static void test_groups(void)
{
    enum { N = 1301, STEP = 500 }; /* no common divisor: every slot comes once */
    static isg_mark marks[N];
    static isg_state states[N];
    isg_plan plan = sample_plan(N);
    char path[256];
    (void)snprintf(path, sizeof path, "%s", path_of("groups.h5"));
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    for (size_t i = 0; i < N; i++) {
        isg_result *r = NULL;
        size_t run = i * STEP % N;
        CHECK_OK(sample_result(&plan, run, &r));
        r->seconds = (double)run;
        states[i] = (isg_state){run, ISG_RUN_RUNNING, 1 + (uint32_t)run % 3};
        marks[i] = (isg_mark){.slot = run, .state = ISG_RUN_DONE, .attempt = states[i].attempts};
        (void)snprintf(marks[i].host, sizeof marks[i].host, "host%zu", run);
        CHECK_OK(isg_store_write_result(s, run, r, &marks[i].crc));
        isg_result_destroy(&r);
    }
    CHECK_OK(isg_store_sync(s));
    CHECK_OK(isg_store_put_states(s, states, N));
    isg_store *reader = open_store(path, ISG_STORE_READ); /* all is there, and counts not yet */
    isg_run_record *r = records_of(reader, true);
    for (size_t i = 0; i < N; i++) CHECK(r[i].state == ISG_RUN_RUNNING && !r[i].mark_attempt);
    free(r);
    CHECK_OK(isg_store_mark(s, marks, N));
    r = records_of(reader, true);
    for (size_t i = 0; i < N; i++) {
        char host[64];
        (void)snprintf(host, sizeof host, "host%zu", i);
        CHECK(r[i].state == ISG_RUN_DONE && r[i].attempts == 1 + i % 3);
        CHECK(r[i].mark_attempt == 1 + i % 3 && r[i].seconds == (double)i);
        CHECK_STR(r[i].host, host);
    }
    free(r);
    isg_store_close(&reader);
    isg_store_close(&s);
    sample_plan_free(&plan);
}

/* All bytes of a store, without the one flag that the serial driver sets in the superblock while a
 * file is open for writing (readers of superblock version 0 ignore it). */
static void snapshot(const char *path, isg_str *out)
{
    enum { FLAGS_AT = 20 };
    CHECK_OK(isg_file_read(path, (size_t)1 << 30, out));
    CHECK(out->len > FLAGS_AT && out->data[8] == 0);
    out->data[FLAGS_AT] = 0;
}

static bool same(const isg_str *a, const isg_str *b)
{
    return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* Opening, writing and closing change no metadata and no size: what a kill could tear. */
static void test_metadata_stays(void)
{
    const char *path = path_of("still.h5");
    isg_plan plan = sample_plan(5);
    isg_str before = {0}, after = {0};
    CHECK_OK(isg_store_create(path, &plan));
    snapshot(path, &before);
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    snapshot(path, &after);
    CHECK(same(&before, &after)); /* while it is open */
    isg_store_close(&s);
    s = open_store(path, ISG_STORE_WRITE);
    for (size_t i = 0; i < 5; i++) CHECK_OK(commit(s, &plan, i));
    snapshot(path, &before);
    CHECK(!same(&before, &after) && before.len == after.len);
    isg_store_close(&s);
    snapshot(path, &after);
    CHECK(same(&before, &after)); /* nothing was held back until the close */
    isg_str_free(&before);
    isg_str_free(&after);
    sample_plan_free(&plan);
}

/* /attempts is bounded: rows in order, the oldest of a run give way when it is full. */
static void test_attempts(void)
{
    const char *path = path_of("attempts.h5");
    isg_plan plan = sample_plan(2);
    enum { CAPACITY = 4 * 2 + 256, MORE = 40 };
    isg_attempt *a = NULL, give[3] = {{0}};
    size_t n;
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    for (uint32_t i = 0; i < CAPACITY / 3 * 3; i += 3) {
        for (uint32_t k = 0; k < 3; k++) {
            give[k] = (isg_attempt){.slot = i ? 1 : 0,
                                    .number = i + k + 1,
                                    .rank = 2,
                                    .host = "node7",
                                    .cause = ISG_CAUSE_CRASH,
                                    .code = 11,
                                    .start = i,
                                    .end = i + 1};
            (void)snprintf(give[k].message, sizeof give[k].message, "number %u", i + k + 1);
        }
        CHECK_OK(isg_store_put_attempts(s, give, 3));
    }
    CHECK_OK(isg_store_read_attempts(s, &a, &n));
    CHECK_EQ_U64(n, CAPACITY / 3 * 3);
    CHECK_STR(a[200].message, "number 201");
    CHECK_STR(a[200].host, "node7");
    CHECK(a[200].cause == ISG_CAUSE_CRASH && a[200].code == 11 && a[200].rank == 2);
    free(a);
    isg_store_close(&s);
    s = open_store(path, ISG_STORE_WRITE); /* goes on where it was */
    for (uint32_t i = 0; i < MORE; i++) {
        give[0] = (isg_attempt){.slot = 1, .number = 1000 + i};
        CHECK_OK(isg_store_put_attempts(s, give, 1));
    }
    CHECK_OK(isg_store_read_attempts(s, &a, &n));
    CHECK_EQ_U64(n, CAPACITY);
    CHECK_EQ_U64(a[0].number, 1); /* the only words about run 0 stay */
    CHECK_EQ_U64(a[2].number, 3);
    CHECK(a[3].number > 4);
    CHECK_EQ_U64(a[n - 1].number, 1000 + MORE - 1);
    free(a);
    isg_store_close(&s);
    sample_plan_free(&plan);
}

static void test_launches(void)
{
    const char *path = path_of("launches.h5");
    isg_plan plan = sample_plan(2);
    isg_launch l = {.version = "0.1.0", .host = "here", .ranks = 3, .start = 5}, *got = NULL;
    size_t n, row = (size_t)-1;
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    CHECK_OK(isg_store_put_launch(s, &l, &row));
    l.end = 9;
    l.exit_status = 75;
    CHECK_OK(isg_store_put_launch(s, &l, &row));
    row = (size_t)-1;
    l.start = 10;
    CHECK_OK(isg_store_put_launch(s, &l, &row));
    CHECK_OK(isg_store_read_launches(s, &got, &n));
    CHECK_EQ_U64(n, 2);
    CHECK_NEAR(got[0].end, 9, 0);
    CHECK_EQ_U64(got[0].exit_status, 75);
    CHECK_NEAR(got[1].start, 10, 0);
    CHECK_STR(got[1].host, "here");
    free(got);
    isg_store_close(&s);
    sample_plan_free(&plan);
}

/* Growing keeps what is committed, wherever its run, language and evaluation went. */
static void test_extend(void)
{
    const char *path = path_of("extend.h5");
    isg_plan small = sample_plan(5), large = sample_plan(9), swapped = sample_plan(9);
    isg_evaluation turned[2] = {small.evaluations[1], small.evaluations[0]};
    size_t kept, added, n;
    uint32_t crc;
    CHECK_OK(isg_store_create(path, &small));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    CHECK_OK(isg_store_check_plan(s, &small));
    CHECK_OK(commit(s, &small, 1));
    CHECK_OK(commit(s, &small, 4));
    CHECK_OK(isg_store_put_state(s, 3, ISG_RUN_FAILED, 3));
    isg_attempt a = {.slot = 3, .number = 3, .message = "it broke"}, *got = NULL;
    CHECK_OK(isg_store_put_attempts(s, &a, 1));
    isg_launch l = {.host = "first"}, *launches = NULL;
    size_t row = (size_t)-1;
    CHECK_OK(isg_store_put_launch(s, &l, &row));
    isg_result *r = NULL; /* written, never marked: not carried over */
    CHECK_OK(sample_result(&small, 0, &r));
    CHECK_OK(isg_store_put_result(s, 0, r, &crc));
    isg_result_destroy(&r);
    isg_overview *o = NULL;
    CHECK_OK(isg_store_read_overview(s, &o));
    char *uuid = isg_strdup(o->uuid);
    isg_overview_destroy(&o);
    isg_store_close(&s);

    swapped.evaluations = turned;
    /* Runs in another order: slots move. */
    isg_run first = swapped.runs[0];
    swapped.runs[0] = swapped.runs[8];
    swapped.runs[8] = first;
    swapped.runs[2].parent = swapped.runs[2].cluster = 8;
    (void)snprintf(swapped.hash, sizeof swapped.hash, "swapped");
    CHECK_OK(isg_store_extend(path, &swapped, &kept, &added));
    CHECK_EQ_U64(kept, 2);
    CHECK_EQ_U64(added, 4);
    s = open_store(path, ISG_STORE_WRITE);
    CHECK_OK(isg_store_check_plan(s, &swapped));
    CHECK_EQ_U64(isg_store_runs(s), 9);
    CHECK_EQ_U64(isg_store_find(s, small.runs[0].id), 8);
    isg_run_record *rec = records_of(s, true);
    CHECK(rec[1].state == ISG_RUN_DONE && rec[4].state == ISG_RUN_DONE &&
          rec[3].state == ISG_RUN_FAILED);
    CHECK(rec[8].state == ISG_RUN_WAITING && rec[1].mark_attempt == 1 && rec[3].attempts == 3);
    CHECK_STR(rec[4].host, "here");
    free(rec);
    isg_result *wanted = NULL;
    CHECK_OK(sample_result(&small, 4, &wanted));
    CHECK_OK(isg_store_read_result(s, 4, &r));
    CHECK_NEAR(r->loss[1], wanted->loss[0], 0); /* the evaluations changed places */
    CHECK_NEAR(r->loss[0], wanted->loss[1], 0);
    CHECK_NEAR((double)r->shard_loss[SAMPLE_SHARDS + 2], (double)wanted->shard_loss[2], 0);
    CHECK_NEAR(r->seconds, wanted->seconds, 0);
    isg_result_destroy(&r);
    isg_result_destroy(&wanted);
    CHECK_OK(isg_store_read_attempts(s, &got, &n));
    CHECK(n == 1 && got[0].slot == 3);
    CHECK_STR(got[0].message, "it broke");
    free(got);
    CHECK_OK(isg_store_read_launches(s, &launches, &n));
    CHECK(n == 1);
    free(launches);
    CHECK_OK(isg_store_read_overview(s, &o));
    CHECK_STR(o->uuid, uuid);
    isg_overview_destroy(&o);
    isg_store_close(&s);

    /* Back to the large plan in its usual order: the same results as if it had been so from the
     * start. */
    char digest[2][65];
    CHECK_OK(isg_store_extend(path, &large, &kept, &added));
    CHECK(kept == 2 && added == 0);
    s = open_store(path, ISG_STORE_READ);
    CHECK_OK(isg_store_digest(s, digest[0], NULL));
    isg_store_close(&s);
    path = path_of("fresh.h5");
    CHECK_OK(isg_store_create(path, &large));
    s = open_store(path, ISG_STORE_WRITE);
    CHECK_OK(commit(s, &large, 4));
    CHECK_OK(commit(s, &large, 1));
    CHECK_OK(isg_store_digest(s, digest[1], NULL));
    CHECK_STR(digest[0], digest[1]);
    isg_store_close(&s);
    free(uuid);
    sample_plan_free(&small);
    sample_plan_free(&large);
    sample_plan_free(&swapped);
}

/* Tables of records grow when 90 % of their rows are used, and keep what they hold. */
static void test_full(void)
{
    enum { LAUNCHES = 1024 };
    const char *path = path_of("full.h5");
    isg_plan plan = sample_plan(2);
    size_t kept, added, n;
    bool full = true;
    isg_launch l = {.host = "here"}, *got = NULL;
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    CHECK_OK(commit(s, &plan, 1));
    CHECK(isg_store_is_full(s, &full) == ISG_OK && !full);
    for (int i = 0; i < LAUNCHES - LAUNCHES / 10; i++) {
        size_t row = (size_t)-1;
        CHECK(isg_store_is_full(s, &full) == ISG_OK && !full);
        l.start = i;
        CHECK_OK(isg_store_put_launch(s, &l, &row));
    }
    CHECK(isg_store_is_full(s, &full) == ISG_OK && full);
    isg_store_close(&s);
    CHECK_OK(isg_store_extend(path, &plan, &kept, &added));
    CHECK(kept == 1 && added == 0);
    s = open_store(path, ISG_STORE_WRITE);
    CHECK_OK(isg_store_check_plan(s, &plan));
    CHECK(isg_store_is_full(s, &full) == ISG_OK && !full);
    for (int i = 0; i < 2 * LAUNCHES; i++) { /* the newest 2048 are kept */
        size_t row = (size_t)-1;
        l.start = LAUNCHES + i;
        CHECK_OK(isg_store_put_launch(s, &l, &row));
    }
    CHECK_OK(isg_store_read_launches(s, &got, &n));
    CHECK_EQ_U64(n, 2 * LAUNCHES);
    CHECK_NEAR(got[0].start, LAUNCHES, 0);
    free(got);
    isg_store_close(&s);
    sample_plan_free(&plan);
}

/* A changed campaign is refused with what changed, and what to do. */
static void test_check_plan(void)
{
    const char *path = path_of("changed.h5");
    isg_plan plan = sample_plan(5), more = sample_plan(9), less = sample_plan(3);
    size_t kept, added;
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    CHECK_FAILS(isg_store_check_plan(s, &more), ISG_ESPEC, "4 runs added");
    CHECK(strstr(isg_err_message(), more.runs[5].id) && strstr(isg_err_message(), ", ..."));
    CHECK(strstr(isg_err_message(), "isogloss extend") && !strstr(isg_err_message(), "removed"));
    CHECK_FAILS(isg_store_check_plan(s, &less), ISG_ESPEC, "2 runs removed");
    more.schedule = "cosine";
    json_object_set_new(more.trainer_settings, "law", json_string("other"));
    CHECK_FAILS(isg_store_check_plan(s, &more), ISG_ESPEC, "schedule: was \"wsd\", is \"cosine\"");
    CHECK(strstr(isg_err_message(), "trainer_settings.law: was \"chinchilla\", is \"other\"") !=
          NULL);
    CHECK_OK(commit(s, &plan, 4));
    isg_store_close(&s);
    CHECK_FAILS(isg_store_extend(path, &less, &kept, &added), ISG_ESPEC, plan.runs[4].id);
    char tmp[300];
    (void)snprintf(tmp, sizeof tmp, "%s.tmp", path);
    CHECK(!isg_path_exists(tmp));
    s = open_store(path, ISG_STORE_READ); /* as it was */
    CHECK_EQ_U64(isg_store_runs(s), 5);
    isg_store_close(&s);
    sample_plan_free(&plan);
    sample_plan_free(&more);
    sample_plan_free(&less);
}

/* Slices over 1 MiB go in pieces; every element arrives at its place. */
static void test_large_slices(void)
{
    const char *path = path_of("large.h5");
    isg_plan plan = sample_plan(3);
    plan.max_shards = 50001;
    size_t n = plan.max_points * plan.n_evaluations * plan.max_shards;
    isg_result *r = NULL, *got = NULL;
    isg_mark m = {.slot = 1, .state = ISG_RUN_DONE, .attempt = 1};
    CHECK_OK(isg_store_create(path, &plan));
    isg_store *s = open_store(path, ISG_STORE_WRITE);
    CHECK_OK(sample_result(&plan, 1, &r));
    r->n_points = plan.max_points;
    for (size_t i = 0; i < n; i++) r->shard_loss[i] = (float)i;
    CHECK_OK(isg_store_put_result(s, 1, r, &m.crc));
    CHECK_OK(isg_store_mark(s, &m, 1));
    CHECK_OK(isg_store_read_result(s, 1, &got));
    CHECK(got && !memcmp(got->shard_loss, r->shard_loss, n * sizeof(float)));
    isg_result_destroy(&r);
    isg_result_destroy(&got);
    isg_store_close(&s);
    sample_plan_free(&plan);
}

/* A full disk (here: a limit on the size of files) fails with a message and leaves nothing. */
static void no_space(void)
{
    const char *path = path_of("full.h5");
    isg_plan plan = sample_plan(2000);
    struct rlimit old, small;
    char tmp[300];
    (void)snprintf(tmp, sizeof tmp, "%s.tmp", path);
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 10000; limit < 2000000; limit *= 5) {
        small = (struct rlimit){.rlim_cur = limit, .rlim_max = old.rlim_max};
        CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
        CHECK_FAILS(isg_store_create(path, &plan), ISG_EIO, tmp);
        CHECK(!isg_path_exists(path) && !isg_path_exists(tmp));
    }
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK_OK(isg_store_create(path, &plan));
    sample_plan_free(&plan);
}

/* In a child that ends at once: HDF5 loses some memory with a file that it cannot close. */
static void test_no_space(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        no_space();
        _exit(check_failed ? 1 : 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    test_layout();
    test_life();
    test_diverged();
    test_damage();
    test_digest();
    test_groups();
    test_metadata_stays();
    test_attempts();
    test_launches();
    test_extend();
    test_full();
    test_check_plan();
    test_large_slices();
    test_no_space();
    CHECK_OK(isg_path_remove(dir));
    return check_done();
}
