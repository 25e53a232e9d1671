/*
 * Fork and join. A job has a number; a part of it is taken by raising the
 * part's own counter from the job before to this one, so that each part is done
 * once, by whoever comes first. Everybody begins with the part of his own
 * number, which keeps rows in the same cache from job to job; a thread that the
 * system has put aside is not waited for before it has taken anything.
 *
 * Why nobody works on a job that is over: `work` and `ctx` are read only after a
 * part of the job was taken, and the caller leaves, and writes them anew, only
 * after all parts taken were done. Why nobody sleeps for ever: who goes to
 * sleep first says so and then looks again, who wakes first changes what is
 * looked at and then asks who sleeps, all in one order (seq_cst).
 */
#include "team.h"

#include "isogloss/os.h"
#include "isogloss/str.h"
#include "kernels.h"

#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NO_MORE_JOBS UINT64_MAX

/* Longer than what a training step does on one thread; about what it costs to sleep and wake. */
static const double patience_s = 50e-6;

enum { STACK_BYTES = 4 << 20, LOOKS = 32 /* between two looks at the clock */ };

typedef struct helper {
    isg_team *team;
    size_t number; /* 1, 2, ...; the caller is 0 */
    pthread_t thread;
} helper;

typedef struct ticket {
    alignas(64) _Atomic uint64_t taken; /* number of the last job it was taken in */
} ticket;

struct isg_team {
    size_t size;
    helper *helpers; /* [n_helpers] */
    size_t n_helpers;
    ticket *tickets; /* [size] */

    isg_team_work *work;
    void *ctx;
    alignas(64) _Atomic uint64_t job;  /* 1, 2, ... */
    alignas(64) _Atomic size_t undone; /* parts of the job */

    alignas(64) pthread_mutex_t lock;
    pthread_cond_t begun, done;
    _Atomic size_t sleepers; /* helpers that wait for `begun` */
    atomic_bool caller_sleeps;
};

#if defined(__x86_64__)
static void relax(void)
{
    __builtin_ia32_pause();
}
#else
static void relax(void)
{
}
#endif

/* ---- waiting ------------------------------------------------------------- */

static bool new_job(isg_team *t, uint64_t last)
{
    return atomic_load(&t->job) != last;
}

static bool all_done(isg_team *t, uint64_t last)
{
    (void)last;
    return atomic_load(&t->undone) == 0;
}

/* Look for a short time; @return true if it became so */
static bool look_for(bool (*is_so)(isg_team *t, uint64_t last), isg_team *t, uint64_t last)
{
    double until = 0;
    for (;;) {
        for (int i = 0; i < LOOKS; i++) {
            if (is_so(t, last)) return true;
            relax();
        }
        double now = isg_time_mono();
        if (until <= 0) until = now + patience_s;
        if (now >= until) return false;
    }
}

static uint64_t wait_for_job(isg_team *t, uint64_t last)
{
    if (!look_for(new_job, t, last)) {
        (void)pthread_mutex_lock(&t->lock);
        atomic_fetch_add(&t->sleepers, 1);
        while (!new_job(t, last)) (void)pthread_cond_wait(&t->begun, &t->lock);
        atomic_fetch_sub(&t->sleepers, 1);
        (void)pthread_mutex_unlock(&t->lock);
    }
    return atomic_load(&t->job);
}

static void wait_until_done(isg_team *t)
{
    if (look_for(all_done, t, 0)) return;
    (void)pthread_mutex_lock(&t->lock);
    atomic_store(&t->caller_sleeps, true);
    while (!all_done(t, 0)) (void)pthread_cond_wait(&t->done, &t->lock);
    atomic_store(&t->caller_sleeps, false);
    (void)pthread_mutex_unlock(&t->lock);
}

static void announce(isg_team *t, uint64_t job)
{
    atomic_store(&t->job, job);
    if (!atomic_load(&t->sleepers)) return;
    (void)pthread_mutex_lock(&t->lock);
    (void)pthread_cond_broadcast(&t->begun);
    (void)pthread_mutex_unlock(&t->lock);
}

/* ---- working -------------------------------------------------------------- */

static void finish_part(isg_team *t)
{
    if (atomic_fetch_sub(&t->undone, 1) > 1 || !atomic_load(&t->caller_sleeps)) return;
    (void)pthread_mutex_lock(&t->lock);
    (void)pthread_cond_signal(&t->done);
    (void)pthread_mutex_unlock(&t->lock);
}

static void take_parts(isg_team *t, uint64_t job, size_t own)
{
    for (size_t i = 0; i < t->size; i++) {
        size_t p = own + i < t->size ? own + i : own + i - t->size;
        uint64_t before = job - 1;
        if (!atomic_compare_exchange_strong(&t->tickets[p].taken, &before, job)) continue;
        t->work(t->ctx, p, t->size);
        finish_part(t);
    }
}

static void *help(void *arg)
{
    const helper *h = arg;
    isg_kernels_flush_subnormals();
    for (uint64_t job = 0;;) {
        job = wait_for_job(h->team, job);
        if (job == NO_MORE_JOBS) return NULL;
        take_parts(h->team, job, h->number);
    }
}

void isg_team_run(isg_team *team, isg_team_work *work, void *ctx)
{
    isg_team *t = team;
    if (!t) {
        work(ctx, 0, 1);
        return;
    }
    uint64_t job = atomic_load(&t->job) + 1;
    t->work = work;
    t->ctx = ctx;
    atomic_store(&t->undone, t->size);
    announce(t, job);
    take_parts(t, job, 0);
    wait_until_done(t);
}

/* ---- life ------------------------------------------------------------------ */

isg_err isg_team_wanted(size_t *threads)
{
    const char *text = getenv("OMP_NUM_THREADS");
    uint64_t wanted = 1;
    if (text && *text && (!isg_str_to_u64(text, &wanted) || !wanted || wanted > ISG_TEAM_MOST)) {
        return ISG_FAIL(ISG_EUSAGE,
                        "OMP_NUM_THREADS is '%s': the threads of a trainer are a whole number, "
                        "1 to %d (unset: 1)",
                        text, ISG_TEAM_MOST);
    }
    size_t cores = isg_os_cores();
    *threads = wanted < cores ? (size_t)wanted : cores;
    return ISG_OK;
}

/* Signals are for the main thread, whose waits they interrupt. */
static int start_helpers(isg_team *t, const pthread_attr_t *how)
{
    sigset_t all, before;
    int error = 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; !error && i + 1 < t->size; i++) {
        t->helpers[i] = (helper){.team = t, .number = i + 1};
        error = pthread_create(&t->helpers[i].thread, how, help, &t->helpers[i]);
        if (!error) t->n_helpers++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* @return NULL: out of memory */
static isg_team *team_alloc(size_t threads)
{
    isg_team *t = aligned_alloc(alignof(isg_team), sizeof *t);
    if (!t) return NULL;
    memset(t, 0, sizeof *t);
    t->size = threads;
    t->helpers = calloc(threads, sizeof *t->helpers);
    t->tickets = aligned_alloc(alignof(ticket), threads * sizeof *t->tickets);
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->begun, NULL);
    (void)pthread_cond_init(&t->done, NULL);
    if (t->helpers && t->tickets) {
        memset(t->tickets, 0, threads * sizeof *t->tickets);
        return t;
    }
    isg_team_destroy(&t);
    return NULL;
}

isg_err isg_team_create(size_t threads, isg_team **out)
{
    pthread_attr_t how;
    *out = NULL;
    if (threads <= 1) return ISG_OK;
    isg_team *t = team_alloc(threads);
    if (!t) return ISG_FAIL(ISG_ENOMEM, "out of memory for %zu threads", threads);
    int error = pthread_attr_init(&how);
    if (!error) {
        error = pthread_attr_setstacksize(&how, STACK_BYTES);
        if (!error) error = start_helpers(t, &how);
        (void)pthread_attr_destroy(&how);
    }
    size_t made = t->n_helpers;
    if (error) isg_team_destroy(&t);
    *out = t;
    if (!error) return ISG_OK;
    return ISG_FAIL(ISG_EFAIL, "cannot start thread %zu of %zu: %s; give the run fewer cores",
                    made + 2, threads, strerror(error));
}

void isg_team_destroy(isg_team **team)
{
    isg_team *t = *team;
    if (!t) return;
    announce(t, NO_MORE_JOBS);
    for (size_t i = 0; i < t->n_helpers; i++) (void)pthread_join(t->helpers[i].thread, NULL);
    (void)pthread_cond_destroy(&t->done);
    (void)pthread_cond_destroy(&t->begun);
    (void)pthread_mutex_destroy(&t->lock);
    free(t->tickets);
    free(t->helpers);
    free(t);
    *team = NULL;
}

size_t isg_team_size(const isg_team *team)
{
    return team ? team->size : 1;
}

isg_share isg_team_share(size_t n, size_t unit, size_t part, size_t parts)
{
    size_t units = (n + unit - 1) / unit, share = units / parts, more = units % parts;
    isg_share r = {(part * share + (part < more ? part : more)) * unit, 0};
    r.end = r.first + (share + (part < more)) * unit;
    if (r.first > n) r.first = n;
    if (r.end > n) r.end = n;
    return r;
}
