/*
 * Threads compute, the worker's own thread talks: only it calls into comm, and
 * beats go out however long a block takes. A finished block is kept until it
 * is granted and then travels inside WRITTEN.
 */

#include "blocks.h"

#include "isogloss/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum job_state { QUEUED, COMPUTING, COMPUTED, KEPT } job_state;

typedef struct job {
    struct job *next;
    isg_msg_attempt of;
    job_state state;
    bool stopped;
    isg_err rc;
    double seconds;
    size_t n;
    char text[ISG_MSG_TEXT];
    uint8_t data[ISG_BLOCK_BYTES];
} job;

typedef struct exec {
    const isg_blocks *blocks;
    pthread_t *threads;
    size_t n_threads;
    pthread_mutex_t lock; /* over everything below */
    pthread_cond_t work;
    job *jobs; /* few: slots, and what waits for its grant */
    bool leaving;
    int wake[2]; /* a byte for each computed block */
} exec;

static job *find_state(exec *e, job_state state)
{
    for (job *j = e->jobs; j; j = j->next) {
        if (j->state == state) return j;
    }
    return NULL;
}

static void compute(exec *e, job *j)
{
    double start = isg_time_mono();
    isg_err_clear();
    j->rc = e->blocks->compute(e->blocks->ctx, j->of.task, j->data, sizeof j->data, &j->n);
    if (!j->rc && j->n > sizeof j->data) j->rc = ISG_FAIL(ISG_EARG, "a result of %zu bytes", j->n);
    if (j->rc) (void)snprintf(j->text, sizeof j->text, "%s", isg_err_message());
    j->seconds = isg_time_mono() - start;
}

static void *thread_main(void *arg)
{
    exec *e = arg;
    (void)pthread_mutex_lock(&e->lock);
    while (!e->leaving) {
        job *j = find_state(e, QUEUED);
        if (!j) {
            (void)pthread_cond_wait(&e->work, &e->lock);
            continue;
        }
        j->state = COMPUTING;
        (void)pthread_mutex_unlock(&e->lock);
        compute(e, j);
        (void)pthread_mutex_lock(&e->lock);
        j->state = COMPUTED;
        while (write(e->wake[1], "", 1) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_mutex_unlock(&e->lock);
    return NULL;
}

static isg_err start(void *self, const isg_msg_start *s)
{
    exec *e = self;
    for (uint32_t i = 0; i < s->n; i++) {
        job *j = calloc(1, sizeof *j);
        if (!j) return ISG_FAIL(ISG_ENOMEM, "no memory for a block");
        j->of = (isg_msg_attempt){s->task[i].task, s->task[i].attempt};
        (void)pthread_mutex_lock(&e->lock);
        job **at = &e->jobs;
        while (*at) at = &(*at)->next;
        *at = j;
        (void)pthread_cond_signal(&e->work);
        (void)pthread_mutex_unlock(&e->lock);
    }
    return ISG_OK;
}

/* Take a job out and free it; the lock is held. */
static void drop(exec *e, job *j)
{
    job **at = &e->jobs;
    while (*at != j) at = &(*at)->next;
    *at = j->next;
    free(j);
}

static job *find_kept(exec *e, isg_msg_attempt of)
{
    for (job *j = e->jobs; j; j = j->next) {
        if (j->state == KEPT && j->of.task == of.task && j->of.attempt == of.attempt) return j;
    }
    return NULL;
}

static void report(exec *e, job *j, const isg_worker_sink *sink)
{
    isg_msg_ended end = {.of = j->of,
                         .cause = ISG_CAUSE_OK,
                         .has_result = 1,
                         .seconds = j->seconds,
                         .own_seconds = j->seconds,
                         .flops = 1};
    if (j->rc || j->stopped) {
        end.cause = j->stopped ? ISG_CAUSE_STOPPED : ISG_CAUSE_EXIT;
        end.code = (int32_t)j->rc;
        end.has_result = 0;
        memcpy(end.text, j->text, sizeof end.text);
        drop(e, j);
    } else {
        j->state = KEPT;
    }
    sink->started(sink->ctx, end.of);
    sink->ended(sink->ctx, &end);
}

static isg_err step(void *self, double wait_s, const isg_worker_sink *sink)
{
    exec *e = self;
    struct pollfd fd = {.fd = e->wake[0], .events = POLLIN};
    uint8_t bytes[64];
    if (poll(&fd, 1, (int)(wait_s * 1000)) > 0) {
        while (read(e->wake[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
        }
    } else if (wait_s > 0 && wait_s < 1e-3) {
        isg_nap(wait_s); /* shorter than poll() can count */
    }
    (void)pthread_mutex_lock(&e->lock);
    for (job *j; (j = find_state(e, COMPUTED));) report(e, j, sink);
    (void)pthread_mutex_unlock(&e->lock);
    return ISG_OK;
}

static isg_err commit(void *self, isg_msg_attempt of, isg_msg_written *out)
{
    exec *e = self;
    isg_err rc = ISG_OK;
    (void)pthread_mutex_lock(&e->lock);
    job *j = find_kept(e, of);
    if (j) {
        memcpy(out->data, j->data, j->n);
        out->n = (uint16_t)j->n;
        drop(e, j);
    } else {
        rc = ISG_FAIL(ISG_EPROTO, "block %u was granted but is not here", of.task);
    }
    (void)pthread_mutex_unlock(&e->lock);
    return rc;
}

static void nothing(void *self, isg_msg_attempt of)
{
    (void)self;
    (void)of;
}

static void denied(void *self, isg_msg_attempt of)
{
    exec *e = self;
    (void)pthread_mutex_lock(&e->lock);
    job *j = find_kept(e, of);
    if (j) drop(e, j);
    (void)pthread_mutex_unlock(&e->lock);
}

/* A block cannot be interrupted: those that wait are skipped, the others' results are dropped. */
static void stop(void *self, isg_msg_attempt of, isg_stop_how how)
{
    exec *e = self;
    (void)how;
    (void)pthread_mutex_lock(&e->lock);
    for (job *j = e->jobs; j; j = j->next) {
        if (j->state == KEPT ||
            (of.attempt && (j->of.task != of.task || j->of.attempt != of.attempt)))
            continue;
        j->stopped = true;
        if (j->state == QUEUED) j->state = COMPUTED;
    }
    (void)pthread_mutex_unlock(&e->lock);
}

static size_t busy(const void *self)
{
    exec *e = (exec *)(uintptr_t)self; /* only the lock changes */
    size_t n = 0;
    (void)pthread_mutex_lock(&e->lock);
    for (const job *j = e->jobs; j; j = j->next) n++;
    (void)pthread_mutex_unlock(&e->lock);
    return n;
}

const isg_executor_type isg_exec_blocks = {
    .name = "blocks",
    .start = start,
    .step = step,
    .commit = commit,
    .committed = nothing,
    .denied = denied,
    .stop = stop,
    .busy = busy,
};

isg_err isg_exec_blocks_create(const isg_blocks *blocks, size_t threads, void **self)
{
    exec *e = calloc(1, sizeof *e);
    isg_err rc = ISG_OK;
    *self = NULL;
    if (!e) return ISG_FAIL(ISG_ENOMEM, "no memory for an executor");
    e->blocks = blocks;
    (void)pthread_mutex_init(&e->lock, NULL);
    (void)pthread_cond_init(&e->work, NULL);
    e->wake[0] = e->wake[1] = -1;
    e->threads = calloc(threads, sizeof *e->threads);
    if (!e->threads) rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu threads", threads);
    if (!rc && pipe(e->wake)) rc = ISG_FAIL(ISG_EIO, "pipe: %s", strerror(errno));
    for (int i = 0; i < 2 && !rc; i++) {
        (void)fcntl(e->wake[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(e->wake[i], F_SETFL, O_NONBLOCK);
    }
    while (!rc && e->n_threads < threads) {
        int bad = pthread_create(&e->threads[e->n_threads], NULL, thread_main, e);
        if (!bad)
            e->n_threads++;
        else if (e->n_threads)
            break; /* fewer will do */
        else
            rc = ISG_FAIL(ISG_EFAIL, "cannot start a thread: %s", strerror(bad));
    }
    *self = e;
    if (rc) isg_exec_blocks_destroy(self);
    return rc;
}

void isg_exec_blocks_destroy(void **self)
{
    exec *e = *self;
    if (!e) return;
    (void)pthread_mutex_lock(&e->lock);
    e->leaving = true;
    (void)pthread_cond_broadcast(&e->work);
    (void)pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < e->n_threads; i++) (void)pthread_join(e->threads[i], NULL);
    while (e->jobs) drop(e, e->jobs);
    for (int i = 0; i < 2; i++) {
        if (e->wake[i] >= 0) (void)close(e->wake[i]);
    }
    (void)pthread_cond_destroy(&e->work);
    (void)pthread_mutex_destroy(&e->lock);
    free(e->threads);
    free(e);
    *self = NULL;
}
