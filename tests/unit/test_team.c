/* The threads of a trainer: parts are done once, nobody hangs, sleepers cost nothing. */

#include "check.h"
#include "isogloss/os.h"
#include "train/kernels.h"
#include "train/team.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { MOST = 8 };

static void test_range(void)
{
    static const size_t ns[] = {0, 1, 15, 16, 17, 64, 100, 255, 4096, 4097};
    static const size_t units[] = {1, 6, 16, 4096};
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
        for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
            for (size_t parts = 1; parts <= 9; parts++) {
                size_t at = 0, least = SIZE_MAX, most = 0, wrong = 0;
                for (size_t p = 0; p < parts; p++) {
                    isg_share r = isg_team_share(ns[i], units[u], p, parts);
                    size_t n = (r.end - r.first + units[u] - 1) / units[u];
                    wrong += r.first != at || r.end < r.first;
                    wrong += r.end < ns[i] && r.end % units[u];
                    if (n < least) least = n;
                    if (n > most) most = n;
                    at = r.end;
                }
                CHECK_EQ_U64(at, ns[i]);
                CHECK(!wrong && most - least <= 1);
            }
        }
    }
}

struct count {
    _Atomic unsigned done[MOST]; /* of each part */
    _Atomic unsigned wrong;
    size_t parts, job;
    size_t written[MOST]; /* plain memory: seen by the caller, and by the next job's thread */
};

static void count_part(void *ctx, size_t part, size_t parts)
{
    struct count *c = ctx;
    if (parts != c->parts || part >= parts || c->written[part] != c->job - 1) {
        atomic_fetch_add(&c->wrong, 1);
        return;
    }
    c->written[part] = c->job;
    atomic_fetch_add(&c->done[part], 1);
}

static void count_jobs(isg_team *team, size_t threads, unsigned jobs, double nap_s)
{
    struct count c = {.parts = threads};
    for (c.job = 1; c.job <= jobs; c.job++) {
        isg_team_run(team, count_part, &c);
        for (size_t p = 0; p < threads; p++) c.wrong += c.written[p] != c.job;
        if (nap_s > 0) isg_nap(nap_s);
    }
    CHECK_EQ_U64(c.wrong, 0);
    for (size_t p = 0; p < threads; p++) CHECK_EQ_U64(c.done[p], jobs);
}

static void test_parts(void)
{
    for (size_t threads = 1; threads <= MOST; threads++) {
        isg_team *team;
        CHECK_OK(isg_team_create(threads, &team));
        CHECK(threads > 1 || !team);
        CHECK_EQ_U64(isg_team_size(team), threads);
        count_jobs(team, threads, 3000, 0);
        count_jobs(team, threads, 20, 0.001); /* asleep in between */
        isg_team_destroy(&team);
        CHECK(!team);
    }
}

static void test_life(void)
{
    for (int i = 0; i < 300; i++) {
        isg_team *team;
        CHECK_OK(isg_team_create(2 + (size_t)i % 4, &team));
        if (i % 3) count_jobs(team, 2 + (size_t)i % 4, (unsigned)(i % 3), 0);
        isg_team_destroy(&team);
    }
    isg_team *none = NULL;
    isg_team_destroy(&none);
}

/* A part that takes long: the others and the caller sleep, and wake. */
static void slow_part(void *ctx, size_t part, size_t parts)
{
    _Atomic unsigned *done = ctx;
    if (part + 1 == parts) isg_nap(0.002);
    atomic_fetch_add(done, 1);
}

static void test_slow(void)
{
    _Atomic unsigned done = 0;
    isg_team *team;
    CHECK_OK(isg_team_create(3, &team));
    for (int i = 0; i < 50; i++) isg_team_run(team, slow_part, &done);
    CHECK_EQ_U64(done, 150);
    isg_team_destroy(&team);
}

static void test_idle(void)
{
    isg_team *team;
    CHECK_OK(isg_team_create(MOST, &team));
    count_jobs(team, MOST, 10, 0);
    isg_nap(0.02);
    double before = isg_time_cpu();
    isg_nap(0.2);
    double used = isg_time_cpu() - before;
    printf("7 idle threads took %.6f s of CPU in 0.2 s\n", used);
    CHECK(used < 0.02); /* one that went on looking would take 0.2 */
    isg_team_destroy(&team);
}

/* What a product of tiny numbers is, and which signals are taken, in every thread. */
struct state {
    float tiny[MOST];
    int takes_signals[MOST];
    atomic_size_t met;
};

static void look_part(void *ctx, size_t part, size_t parts)
{
    struct state *s = ctx;
    volatile float small = 1e-30F;
    sigset_t blocked;
    atomic_fetch_add(&s->met, 1);
    while (atomic_load(&s->met) < parts) isg_nap(0.0001); /* one part a thread */
    s->tiny[part] = small * 1e-10F;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    s->takes_signals[part] = !sigismember(&blocked, SIGTERM);
}

static void test_threads(void)
{
    struct state s = {{1}, {0}, 0};
    isg_team *team;
    CHECK_OK(isg_team_create(4, &team));
    isg_kernels_flush_subnormals(); /* after the helpers began: they did it themselves */
    isg_team_run(team, look_part, &s);
    int takers = 0;
    for (size_t p = 0; p < 4; p++) {
        CHECK(memcmp(&s.tiny[p], &s.tiny[0], sizeof s.tiny[p]) == 0);
        takers += s.takes_signals[p];
    }
    CHECK_EQ_U64(takers, 1);
    isg_team_destroy(&team);
}

static void test_wanted(void)
{
    static const char *const bad[] = {"0", "-1", "two", "4,2", "1.5", "4097", "1e3", " "};
    size_t threads = 0;
    CHECK(!unsetenv("OMP_NUM_THREADS"));
    CHECK_OK(isg_team_wanted(&threads));
    CHECK_EQ_U64(threads, 1);
    CHECK(!setenv("OMP_NUM_THREADS", "", 1));
    CHECK_OK(isg_team_wanted(&threads));
    CHECK_EQ_U64(threads, 1);
    CHECK(!setenv("OMP_NUM_THREADS", "4096", 1));
    CHECK_OK(isg_team_wanted(&threads));
    CHECK_EQ_U64(threads, isg_os_cores() < 4096 ? isg_os_cores() : 4096);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!setenv("OMP_NUM_THREADS", bad[i], 1));
        CHECK_FAILS(isg_team_wanted(&threads), ISG_EUSAGE, bad[i]);
    }
}

int main(void)
{
    test_threads(); /* first: the flags of this thread are still as the system made them */
    test_range();
    test_parts();
    test_life();
    test_slow();
    test_idle();
    test_wanted();
    return check_done();
}
