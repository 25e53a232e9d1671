#include "check.h"
#include "isogloss/os.h"
#include "run/worker.h"

#include <stdlib.h>

/* An executor that does what the test says and counts what it is told. */
typedef struct fake {
    int starts, commits, syncs, committed, denied, stops, kills;
    bool fail_start, fail_commit, fail_sync;
    size_t busy;
    isg_msg_ended end; /* reported by the next step if its attempt is not 0 */
} fake;

static isg_err fake_start(void *self, const isg_msg_start *start)
{
    fake *f = self;
    f->starts += (int)start->n;
    return f->fail_start ? ISG_FAIL(ISG_EBUSY, "no room") : ISG_OK;
}

static isg_err fake_step(void *self, double wait_s, const isg_worker_sink *sink)
{
    fake *f = self;
    CHECK(wait_s >= 0);
    if (!f->end.of.attempt) return ISG_OK;
    sink->started(sink->ctx, f->end.of);
    sink->checkpoint(sink->ctx, f->end.of, 77);
    sink->ended(sink->ctx, &f->end);
    f->end.of.attempt = 0;
    return ISG_OK;
}

static isg_err fake_commit(void *self, isg_msg_attempt of, isg_msg_written *out)
{
    fake *f = self;
    f->commits++;
    out->crc = 1000 + of.task;
    return f->fail_commit && of.task == 2 ? ISG_FAIL(ISG_EIO, "disk full") : ISG_OK;
}

static isg_err fake_sync(void *self)
{
    fake *f = self;
    f->syncs++;
    return f->fail_sync ? ISG_FAIL(ISG_EIO, "disk gone") : ISG_OK;
}

static void fake_committed(void *self, isg_msg_attempt of)
{
    ((fake *)self)->committed += of.attempt != 0;
}

static void fake_denied(void *self, isg_msg_attempt of)
{
    ((fake *)self)->denied += of.attempt != 0;
}

static void fake_stop(void *self, isg_msg_attempt of, isg_stop_how how)
{
    fake *f = self;
    CHECK(of.attempt == 0);
    f->stops += how == ISG_STOP_CHECKPOINT;
    f->kills += how == ISG_STOP_KILL;
}

static size_t fake_busy(const void *self)
{
    return ((const fake *)self)->busy;
}

static const isg_executor_type type = {"fake",      fake_start, fake_step,
                                       fake_commit, fake_sync,  fake_committed,
                                       fake_denied, fake_stop,  fake_busy};

static isg_comm *comm;

static isg_worker *begin(fake *f)
{
    isg_worker *w = NULL;
    const isg_msg_hello hello = {.host = "h", .job = "j", .slots = 1, .cores = 1};
    *f = (fake){0};
    CHECK_OK(isg_worker_create(comm, 0, &hello, &type, f, &w));
    return w;
}

/* The next message to the leader must be of this kind. */
static isg_msg expect(isg_msg_kind kind)
{
    isg_msg m = {0};
    int from;
    bool got = false;
    CHECK_OK(isg_msg_poll(comm, &from, &m, &got));
    CHECK_STR(got ? isg_msg_name(m.kind) : "nothing", isg_msg_name(kind));
    return m;
}

static void expect_silence(void)
{
    isg_msg m;
    int from;
    bool got = true;
    CHECK_OK(isg_msg_poll(comm, &from, &m, &got));
    CHECK(!got);
}

static void tell(isg_worker *w, isg_msg_kind kind, uint32_t task, uint32_t attempt)
{
    CHECK_OK(isg_worker_handle(w, &(isg_msg){.kind = kind, .attempt = {task, attempt}}));
}

static void welcome(isg_worker *w, double beat_s, double lease_s)
{
    (void)expect(ISG_MSG_HELLO);
    CHECK_OK(isg_worker_handle(
        w, &(isg_msg){.kind = ISG_MSG_WELCOME, .welcome = {beat_s, lease_s, 1, ""}}));
}

static void test_course_of_a_task(void)
{
    fake f;
    isg_worker *w = begin(&f);
    welcome(w, 100, 1000);
    CHECK_OK(isg_worker_handle(
        w, &(isg_msg){.kind = ISG_MSG_START, .start = {.n = 1, .task = {{5, 1, 0, 0}}}}));
    CHECK(f.starts == 1);
    f.end = (isg_msg_ended){.of = {5, 1}, .cause = ISG_CAUSE_OK, .has_result = 1};
    CHECK_OK(isg_worker_step(w, 0));
    CHECK(expect(ISG_MSG_STARTED).attempt.task == 5);
    CHECK(expect(ISG_MSG_CHECKPOINT).checkpoint.tokens == 77);
    CHECK(expect(ISG_MSG_ENDED).ended.has_result);
    tell(w, ISG_MSG_GRANT, 5, 1);
    expect_silence(); /* written by the next step that has time, with others */
    CHECK_OK(isg_worker_step(w, 0.001));
    isg_msg m = expect(ISG_MSG_WRITTEN);
    CHECK(m.written.ok && m.written.crc == 1005 && f.syncs == 1);
    tell(w, ISG_MSG_COMMITTED, 5, 1);
    tell(w, ISG_MSG_DENY, 6, 1);
    CHECK(f.committed == 1 && f.denied == 1);
    tell(w, ISG_MSG_QUIT, 0, 0);
    CHECK(isg_worker_finished(w) && f.kills == 1);
    CHECK_OK(isg_worker_outcome(w));
    isg_worker_destroy(&w);
}

/* Many grants share one sync; a write that fails concerns one, a sync that fails all. */
static void test_grants(void)
{
    enum { GRANTS = 600 };
    fake f;
    isg_worker *w = begin(&f);
    welcome(w, 100, 1000);
    f.fail_commit = true;
    for (uint32_t i = 0; i < GRANTS; i++) tell(w, ISG_MSG_GRANT, i, 1);
    CHECK_OK(isg_worker_step(w, 0)); /* even without time: these are many */
    CHECK(f.commits == GRANTS && f.syncs == 1);
    for (uint32_t i = 0; i < GRANTS; i++) {
        isg_msg m = expect(ISG_MSG_WRITTEN);
        CHECK(m.written.of.task == i && m.written.ok == (i != 2));
        if (i == 2) CHECK_STR(m.written.text, "disk full");
    }
    f.fail_sync = true;
    tell(w, ISG_MSG_GRANT, 7, 1);
    tell(w, ISG_MSG_GRANT, 8, 1);
    CHECK_OK(isg_worker_step(w, 0.001));
    for (uint32_t i = 7; i <= 8; i++) {
        isg_msg m = expect(ISG_MSG_WRITTEN);
        CHECK(m.written.of.task == i && m.written.of.attempt == 1 && !m.written.ok);
        CHECK_STR(m.written.text, "disk gone");
    }
    expect_silence();
    isg_worker_destroy(&w);
}

static void test_failed_start(void)
{
    fake f;
    isg_worker *w = begin(&f);
    welcome(w, 100, 1000);
    f.fail_start = true;
    CHECK_OK(
        isg_worker_handle(w, &(isg_msg){.kind = ISG_MSG_START,
                                        .start = {.n = 2, .task = {{1, 1, 0, 0}, {2, 4, 0, 0}}}}));
    for (uint32_t i = 1; i <= 2; i++) {
        (void)expect(ISG_MSG_STARTED);
        isg_msg m = expect(ISG_MSG_ENDED);
        CHECK(m.ended.of.task == i && m.ended.cause == ISG_CAUSE_KILLED && !m.ended.has_result);
        CHECK_STR(m.ended.text, "no room");
    }
    isg_worker_destroy(&w);
}

static void test_beats_and_lease(void)
{
    fake f;
    isg_worker *w = begin(&f);
    welcome(w, 0.02, 1); /* a lease that a busy machine's naps do not reach */
    for (int i = 0; i < 6; i++) {
        isg_nap(0.025);
        CHECK_OK(isg_worker_step(w, 0.001));
        (void)expect(ISG_MSG_BEAT_TO_LEADER);
    }
    tell(w, ISG_MSG_BEAT_TO_WORKER, 0, 0);
    double heard = isg_time_mono();
    while (!isg_worker_finished(w) && isg_time_mono() < heard + 30) {
        isg_nap(0.01);
        CHECK_OK(isg_worker_step(w, 0));
    }
    CHECK(isg_time_mono() - heard > 0.95 && f.kills == 1);
    CHECK_FAILS(isg_worker_outcome(w), ISG_EAGAIN, "was silent");
    isg_worker_destroy(&w);

    isg_msg m;
    int from;
    bool got = true;
    while (got) CHECK_OK(isg_msg_poll(comm, &from, &m, &got));

    w = begin(&f); /* it was us who slept: the leader gets its full lease again */
    welcome(w, 100, 1);
    CHECK_OK(isg_worker_step(w, 0));
    isg_nap(1.3);
    CHECK_OK(isg_worker_step(w, 0));
    CHECK(!isg_worker_finished(w));
    isg_worker_destroy(&w);
}

static void test_drain_and_leave(void)
{
    fake f;
    isg_worker *w = begin(&f);
    welcome(w, 100, 1000);
    f.busy = 1;
    isg_worker_drain(w);
    isg_worker_drain(w);
    CHECK(f.stops == 1 && !expect(ISG_MSG_BYE).bye.left);
    CHECK_OK(isg_worker_step(w, 0));
    CHECK(!isg_worker_finished(w));
    CHECK_OK(isg_worker_handle(
        w, &(isg_msg){.kind = ISG_MSG_START, .start = {.n = 1, .task = {{3, 1, 0, 0}}}}));
    (void)expect(ISG_MSG_STARTED);
    CHECK(f.starts == 0 && expect(ISG_MSG_ENDED).ended.cause == ISG_CAUSE_STOPPED);
    f.busy = 0;
    CHECK_OK(isg_worker_step(w, 0));
    CHECK(isg_worker_finished(w) && expect(ISG_MSG_BYE).bye.left);
    CHECK_FAILS(isg_worker_outcome(w), ISG_EAGAIN, "drained");
    isg_worker_destroy(&w);

    w = begin(&f);
    welcome(w, 100, 1000);
    f.busy = 1;
    isg_worker_leave(w);
    CHECK(isg_worker_finished(w) && f.kills == 1 && expect(ISG_MSG_BYE).bye.left);
    isg_worker_destroy(&w);
}

static void test_refusal(void)
{
    fake f;
    isg_worker *w = begin(&f);
    (void)expect(ISG_MSG_HELLO);
    CHECK_OK(isg_worker_handle(
        w, &(isg_msg){.kind = ISG_MSG_WELCOME, .welcome = {1, 1, 0, "another plan"}}));
    CHECK(isg_worker_finished(w));
    CHECK_FAILS(isg_worker_outcome(w), ISG_EFAIL, "another plan");
    isg_worker_destroy(&w);
}

int main(void)
{
    (void)unsetenv("OMPI_COMM_WORLD_SIZE");
    (void)unsetenv("PMIX_RANK");
    (void)unsetenv("PMI_RANK");
    CHECK_OK(isg_comm_open(&comm));
    test_course_of_a_task();
    test_grants();
    test_failed_start();
    test_beats_and_lease();
    test_drain_and_leave();
    test_refusal();
    isg_comm_close(&comm, true);
    return check_done();
}
