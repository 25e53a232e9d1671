/*
 * Spin a little, then nap: a rank that waits must not burn the core that a
 * trainer could use, and a rank that is spoken to should answer at once. A
 * worker naps in the poll() of its executor, so that a trainer's line wakes it.
 * One that has spoken listens closely: the next run may be on its way. One whose
 * trainers are at work only listens for orders to stop, which can wait. On a
 * busy machine a yield may last as long as a trainer's slice, so that spinning
 * ends by the clock, too.
 */

#include "loop.h"

#include "isogloss/os.h"
#include "msg.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

enum { SPINS = 100, BATCH = 256 };
static const double spin_s = 300e-6, first_nap_s = 50e-6, longest_nap_s = 10e-3, busy_nap_s = 50e-3,
                    flush_s = 2;

static const int caught[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
enum { N_CAUGHT = sizeof caught / sizeof caught[0] };

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    if (signals < 100) signals++;
}

static void signals_catch(struct sigaction old[N_CAUGHT])
{
    struct sigaction sa = {.sa_handler = on_signal}; /* no SA_RESTART: naps end early */
    signals = 0;
    (void)sigemptyset(&sa.sa_mask);
    for (int i = 0; i < N_CAUGHT; i++) (void)sigaction(caught[i], &sa, &old[i]);
}

static void signals_restore(const struct sigaction old[N_CAUGHT])
{
    for (int i = 0; i < N_CAUGHT; i++) (void)sigaction(caught[i], &old[i], NULL);
}

static isg_err dispatch(const isg_loop *loop, size_t *n)
{
    int from;
    bool got = true;
    isg_msg msg;
    for (*n = 0; *n < BATCH; ++*n) {
        ISG_TRY(isg_msg_poll(loop->comm, &from, &msg, &got));
        if (!got) break;
        if (isg_msg_is_for_leader(msg.kind)) {
            if (loop->leader) ISG_TRY(isg_leader_handle(loop->leader, from, &msg));
        } else if (loop->worker) {
            ISG_TRY(isg_worker_handle(loop->worker, &msg));
        }
    }
    return ISG_OK;
}

static double nap_of(const isg_loop *loop, size_t turns)
{
    if (turns < SPINS) return 0;
    /* In one process nothing can come from outside but a trainer's line, which ends the nap. */
    if (loop->worker && isg_comm_size(loop->comm) == 1) return busy_nap_s;
    const bool busy = loop->worker && !loop->leader && isg_worker_busy(loop->worker);
    const double longest = busy ? busy_nap_s : longest_nap_s;
    double nap = first_nap_s;
    for (size_t i = SPINS; i < turns && nap < longest; i += 8) nap *= 2;
    return nap < longest ? nap : longest;
}

static isg_err pass_signals(const isg_loop *loop)
{
    int n = (int)signals;
    if (!n) return ISG_OK;
    if (loop->leader) ISG_TRY(isg_leader_signals(loop->leader, n));
    if (!loop->worker || loop->leader) return ISG_OK; /* our own worker is told by our leader */
    if (n == 1)
        isg_worker_drain(loop->worker);
    else
        isg_worker_leave(loop->worker);
    return ISG_OK;
}

static bool over(const isg_loop *loop)
{
    return (!loop->leader || isg_leader_finished(loop->leader)) &&
           (!loop->worker || isg_worker_finished(loop->worker));
}

/* How long nothing has happened: in turns, from SPINS on without spinning, and since when [s]. */
typedef struct quiet {
    size_t turns;
    double since;
} quiet;

static void count_turn(quiet *q, bool active)
{
    double now = isg_time_mono();
    if (active) *q = (quiet){0, now};
    if (!active && ++q->turns < SPINS && now - q->since > spin_s) q->turns = SPINS;
}

static isg_err turn(const isg_loop *loop, quiet *q)
{
    size_t n;
    ISG_TRY(pass_signals(loop));
    ISG_TRY(dispatch(loop, &n));
    count_turn(q, n > 0);
    if (loop->leader) ISG_TRY(isg_leader_step(loop->leader, q->turns >= SPINS));
    double nap = nap_of(loop, q->turns);
    if (loop->worker && !isg_worker_finished(loop->worker)) {
        double said = isg_worker_said(loop->worker);
        ISG_TRY(isg_worker_step(loop->worker, nap));
        if (isg_worker_said(loop->worker) > said) count_turn(q, true);
    } else if (nap > 0) {
        isg_nap(nap);
    }
    if (nap <= 0 && n == 0) (void)sched_yield();
    if (loop->look) loop->look(loop->ctx);
    return ISG_OK;
}

/* The leader cannot go on: nobody shall work in vain. Keeps the failure and its message. */
static isg_err dismiss(const isg_loop *loop, isg_err rc)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s", isg_err_message());
    (void)isg_leader_signals(loop->leader, INT_MAX);
    return ISG_FAIL(rc, "%s", text);
}

isg_err isg_loop_run(isg_loop *loop)
{
    struct sigaction old[N_CAUGHT];
    isg_err rc = ISG_OK;
    signals_catch(old);
    for (quiet q = {0, isg_time_mono()}; !rc && !over(loop);) rc = turn(loop, &q);
    if (rc && loop->leader) rc = dismiss(loop, rc);
    /* Last words (QUIT, BYE) must leave before this process does; the dead never take theirs. */
    double until = isg_time_mono() + flush_s;
    while (isg_comm_unsent(loop->comm) && isg_time_mono() < until) {
        size_t n;
        if (!rc) rc = dispatch(loop, &n);
        isg_nap(first_nap_s);
    }
    loop->signals = (int)signals;
    signals_restore(old);
    return rc;
}
