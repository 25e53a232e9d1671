#include "check.h"
#include "isogloss/os.h"
#include "run/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *guard;
static isg_str heard_text;

/* What is done as often as time allows counts only when it fails. */
static void must(isg_err rc)
{
    if (rc) CHECK_OK(rc);
}

static void note(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    must(isg_str_add(&heard_text, bytes, n));
}

static double patience_s = 30; /* with the guard */

static const double limit_s = 90; /* for anything: a busy machine is slow, not wrong */

static isg_child *start(const char *script, bool talk)
{
    char shell[] = "/bin/sh", c[] = "-c";
    char *argv[] = {shell, c, strdup(script), NULL};
    static const char *const env[] = {"ADDED=yes", "HOME=/nowhere", NULL};
    isg_child *child = NULL;
    isg_str_reset(&heard_text);
    must(isg_child_start(&(isg_child_spec){.guard = guard,
                                           .argv = argv,
                                           .env = env,
                                           .dir = "/",
                                           .grace_s = 0.2,
                                           .guard_limit_s = patience_s,
                                           .talk = talk},
                         &child));
    free(argv[2]);
    return child;
}

/* Pump until it is over, its output holds `text`, or the limit. */
static bool pump_until(isg_child *c, const char *text)
{
    double end = isg_time_mono() + limit_s;
    while (!isg_child_over(c)) {
        struct pollfd fds[ISG_CHILD_FDS];
        bool heard;
        must(isg_child_pump(c, note, NULL, &heard));
        if (text && strstr(isg_str_c(&heard_text), text)) return true;
        if (text && strstr(isg_str_c(isg_child_tail(c)), text)) return true;
        if (isg_time_mono() > end) return false;
        if (!isg_child_over(c))
            (void)poll(fds, isg_child_fds(c, fds), isg_child_closing(c) ? 2 : 20);
    }
    return !text;
}

static void check_end(const char *script, isg_child_state how, int code)
{
    int got = -1;
    isg_child *c = start(script, true);
    CHECK(pump_until(c, NULL));
    CHECK(isg_child_how(c, &got) == how && got == code);
    isg_child_destroy(&c);
}

static void test_ends(void)
{
    check_end("exit 0", ISG_CHILD_EXITED, 0);
    check_end("exit 3", ISG_CHILD_EXITED, 3);
    check_end("kill -SEGV $$", ISG_CHILD_SIGNALED, SIGSEGV);
    check_end("sleep 1000 & setsid sleep 1000 & exit 7", ISG_CHILD_EXITED, 7);
}

static void test_unstarted(void)
{
    char dir[] = "/usr";
    char *argv[] = {dir, NULL};
    isg_child *c = NULL;
    int code = 0;
    CHECK_OK(isg_child_start(
        &(isg_child_spec){
            .guard = guard, .argv = argv, .dir = "/", .guard_limit_s = patience_s, .talk = true},
        &c));
    CHECK(pump_until(c, NULL));
    CHECK(isg_child_how(c, &code) == ISG_CHILD_UNSTARTED && code == EISDIR);
    isg_child_destroy(&c);
    CHECK_FAILS(isg_child_start(&(isg_child_spec){.guard = "/no/guard",
                                                  .argv = argv,
                                                  .dir = "/",
                                                  .guard_limit_s = patience_s,
                                                  .talk = true},
                                &c),
                ISG_EIO, "/no/guard");
}

static void test_talk(void)
{
    isg_child *c =
        start("echo $ADDED $HOME $PWD; read x; echo got $x; echo complaint >&2; read y", true);
    CHECK(pump_until(c, "yes /nowhere /\n"));
    CHECK_OK(isg_child_write(c, "word\n"));
    CHECK(pump_until(c, "got word\n"));
    CHECK(pump_until(c, "complaint"));
    CHECK(!strstr(isg_str_c(&heard_text), "complaint"));
    isg_child_end(c, true);
    CHECK(pump_until(c, NULL));
    int code = 0;
    CHECK(isg_child_how(c, &code) == ISG_CHILD_SIGNALED && code == SIGTERM);
    isg_child_destroy(&c);
}

/* More input than a pipe holds reaches a slow reader whole. */
static void test_long_input(void)
{
    isg_child *c = start("sleep 0.1; head -c 300000 | wc -c", true);
    char *text = malloc(300001);
    memset(text, 'x', 300000);
    text[300000] = '\0';
    CHECK_OK(isg_child_write(c, text));
    free(text);
    CHECK(pump_until(c, NULL));
    CHECK_STR(isg_str_c(&heard_text), "300000\n");
    isg_child_destroy(&c);
    c = start("cat >/dev/null; exit 5", false); /* no stdin at all */
    CHECK(pump_until(c, NULL));
    isg_child_destroy(&c);
}

static void test_free_text_and_tail(void)
{
    isg_child *c = start(
        "echo out; i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; "
        "i=$((i+1)); done; echo err >&2",
        false);
    CHECK(pump_until(c, NULL));
    const isg_str *tail = isg_child_tail(c);
    CHECK_EQ_U64(tail->len, ISG_CHILD_TAIL);
    CHECK(strstr(isg_str_c(tail), "err\n") && !strstr(isg_str_c(tail), "out\n"));
    CHECK(heard_text.len == 0);
    isg_child_destroy(&c);
}

/* A flood is ended within moments, and no memory is used for what nobody reads. */
static void test_flood(void)
{
    isg_child *c = start("yes", true);
    CHECK(pump_until(c, "y\ny\n"));
    isg_child_deafen(c);
    isg_child_end(c, false);
    CHECK(pump_until(c, NULL));
    isg_child_destroy(&c);
}

static bool alive(long pid)
{
    return kill((pid_t)pid, 0) == 0;
}

/* Guard killed: trainer and what it started in other sessions die, others do not. */
static void test_guard_killed(void)
{
    isg_child *other = start("echo up; sleep 1000", true);
    CHECK(pump_until(other, "up"));
    isg_child *c = start(
        "(setsid sh -c 'echo a$$; sleep 1000' &) ; read x; setsid sh -c 'echo b$$; sleep 1000'",
        true);
    CHECK(pump_until(c, "a"));
    CHECK_OK(isg_child_write(c, "on\n"));
    CHECK(pump_until(c, "b"));
    const char *text = isg_str_c(&heard_text), *a = strchr(text, 'a'), *b = strchr(text, 'b');
    long pa = a ? strtol(a + 1, NULL, 10) : 0, pb = b ? strtol(b + 1, NULL, 10) : 0;
    CHECK(pa > 1 && pb > 1 && alive(pa) && alive(pb));
    CHECK(!kill((pid_t)isg_child_guard(c), SIGKILL));
    CHECK(pump_until(c, NULL));
    int code;
    CHECK(isg_child_how(c, &code) == ISG_CHILD_LOST);
    CHECK(!alive(pa) && !alive(pb));
    isg_child_destroy(&c);

    bool heard;
    CHECK_OK(isg_child_pump(other, note, NULL, &heard));
    CHECK(isg_child_how(other, &code) == ISG_CHILD_RUNS);
    isg_child_destroy(&other);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* nothing is left below us */
}

/* Started, and its guard has told so. A guard that needs longer than it is given, on a busy machine,
 * is given twice as long the next time. */
static isg_child *start_up(const char *script)
{
    for (;;) {
        isg_child *c = start(script, true);
        const bool up = pump_until(c, "up");
        int code;
        for (bool heard; isg_child_how(c, &code) == ISG_CHILD_RUNS && !isg_child_trainer(c);) {
            must(isg_child_pump(c, note, NULL, &heard));
            isg_nap(0.001);
        }
        if ((up && isg_child_how(c, &code) == ISG_CHILD_RUNS) || patience_s > limit_s) return c;
        isg_child_destroy(&c);
        patience_s *= 2;
    }
}

/* A guard that is stopped does not keep what it guards, nor its worker, for ever. */
static void test_guard_stopped(void)
{
    static const char script[] = "setsid sleep 1000 & echo $!; echo up$$; sleep 1000";
    int code;
    patience_s = 0.5;
    for (int told = 0; told < 3; told++) {
        isg_child *c = start_up(script);
        const char *text = isg_str_c(&heard_text), *up = strstr(text, "up");
        long below = strtol(text, NULL, 10), trainer = up ? strtol(up + 2, NULL, 10) : 0;
        CHECK(below > 1 && trainer > 1);
        CHECK(!kill((pid_t)isg_child_guard(c), SIGSTOP));
        double t = isg_time_mono();
        if (told)
            isg_child_end(c, told == 1);
        else
            CHECK(!kill((pid_t)trainer, SIGKILL));
        CHECK(pump_until(c, NULL));
        CHECK(isg_time_mono() - t >= patience_s);
        CHECK(isg_child_how(c, &code) == ISG_CHILD_LOST);
        CHECK(!alive(below) && !alive(trainer));
        isg_child_destroy(&c);
    }
    isg_child *c = start("sleep 1000", true); /* told to end by destroy itself */
    CHECK(!kill((pid_t)isg_child_guard(c), SIGSTOP));
    isg_child_destroy(&c);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    patience_s = 30;
}

int main(void)
{
    guard = getenv("ISOGLOSS_GUARD");
    (void)signal(SIGPIPE, SIG_IGN);
    if (!guard) {
        puts("skipped: needs ISOGLOSS_GUARD, the path of isogloss-guard");
        return 77;
    }
    CHECK_OK(isg_child_inherit());
    test_ends();
    test_unstarted();
    test_talk();
    test_long_input();
    test_free_text_and_tail();
    test_flood();
    test_guard_killed();
    test_guard_stopped();
    isg_str_free(&heard_text);
    return check_done();
}
