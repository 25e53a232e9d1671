/*
 * The worker's half of the conversation in msg.h. It has no state of a task:
 * the executor does, and the leader decides. Grants are collected and written
 * together, so that many short runs share one sync.
 */
#include "worker.h"

#include "isogloss/log.h"
#include "isogloss/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before WELCOME the leader may be creating a large store, and says nothing. */
static const double default_beat_s = 5, first_lease_s = 300;

/* Grants wait until nothing else is to be done, this many are together, or this long. */
enum { GROUP = 512 };
static const double group_s = 0.02;

struct isg_worker {
    isg_comm *comm;
    int leader;
    const isg_executor_type *type;
    void *self;
    double beat_s, lease_s;
    double heard, said, stepped; /* when, on the monotonic clock */
    bool draining, finished, alone;
    isg_err outcome;
    char text[ISG_MSG_TEXT];  /* why the outcome */
    isg_msg_attempt *granted; /* [n_granted] not yet written */
    size_t n_granted, cap_granted;
    double oldest_grant;
};

isg_err isg_worker_create(isg_comm *comm, int leader, const isg_msg_hello *hello,
                          const isg_executor_type *type, void *self, isg_worker **out)
{
    isg_worker *w = calloc(1, sizeof *w);
    isg_msg m = {.kind = ISG_MSG_HELLO, .hello = *hello};

    *out = NULL;
    if (!w) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    w->comm = comm;
    w->leader = leader;
    w->type = type;
    w->self = self;
    w->beat_s = default_beat_s;
    w->lease_s = first_lease_s;
    w->heard = w->said = w->stepped = isg_time_mono();
    isg_err rc = isg_msg_send(comm, leader, &m);
    if (rc) isg_worker_destroy(&w);
    *out = w;
    return rc;
}

void isg_worker_destroy(isg_worker **worker)
{
    if (!*worker) return;
    free((*worker)->granted);
    free(*worker);
    *worker = NULL;
}

static isg_err say(isg_worker *w, const isg_msg *m)
{
    w->said = isg_time_mono();
    return isg_msg_send(w->comm, w->leader, m);
}

/* The sink has no way to fail: a message that cannot be queued is lost like one to a dead rank. */
static void say_or_warn(isg_worker *w, const isg_msg *m)
{
    if (!say(w, m)) return;
    ISG_WARN("worker", "%s is lost: %s", isg_msg_name(m->kind), isg_err_message());
    isg_err_clear();
}

static void sink_started(void *ctx, isg_msg_attempt of)
{
    say_or_warn(ctx, &(isg_msg){.kind = ISG_MSG_STARTED, .attempt = of});
}

static void sink_checkpoint(void *ctx, isg_msg_attempt of, uint64_t tokens)
{
    say_or_warn(ctx,
                &(isg_msg){.kind = ISG_MSG_CHECKPOINT, .checkpoint = {.of = of, .tokens = tokens}});
}

static void sink_ended(void *ctx, const isg_msg_ended *end)
{
    say_or_warn(ctx, &(isg_msg){.kind = ISG_MSG_ENDED, .ended = *end});
}

static void finish(isg_worker *w, isg_err outcome, const char *text)
{
    if (w->finished) return;
    w->type->stop(w->self, (isg_msg_attempt){0}, ISG_STOP_KILL);
    w->finished = true;
    w->outcome = outcome;
    (void)snprintf(w->text, sizeof w->text, "%s", text);
}

static void welcome(isg_worker *w, const isg_msg *m)
{
    if (!m->welcome.accepted) {
        finish(w, ISG_EFAIL, m->welcome.text);
        return;
    }
    w->beat_s = m->welcome.beat_s;
    w->lease_s = m->welcome.lease_s;
}

static void start(isg_worker *w, const isg_msg *m)
{
    const isg_msg_start *s = &m->start;
    isg_err rc =
        w->draining ? ISG_FAIL(ISG_EAGAIN, "this worker is leaving") : w->type->start(w->self, s);
    for (uint32_t i = 0; rc && i < s->n; i++) {
        isg_msg_ended end = {.of = {s->task[i].task, s->task[i].attempt},
                             .cause = w->draining ? ISG_CAUSE_STOPPED : ISG_CAUSE_KILLED};
        (void)snprintf(end.text, sizeof end.text, "%s", isg_err_message());
        sink_started(w, end.of);
        sink_ended(w, &end);
    }
    isg_err_clear();
}

static isg_err granted(isg_worker *w, isg_msg_attempt of)
{
    if (w->n_granted == w->cap_granted) {
        size_t cap = w->cap_granted ? 2 * w->cap_granted : ISG_MSG_BUNDLE;
        isg_msg_attempt *more = realloc(w->granted, cap * sizeof *more);
        if (!more) return ISG_FAIL(ISG_ENOMEM, "out of memory for %zu grants", cap);
        w->granted = more;
        w->cap_granted = cap;
    }
    if (!w->n_granted) w->oldest_grant = isg_time_mono();
    w->granted[w->n_granted++] = of;
    return ISG_OK;
}

isg_err isg_worker_handle(isg_worker *worker, const isg_msg *msg)
{
    isg_worker *w = worker;
    w->heard = isg_time_mono();
    switch (msg->kind) {
    case ISG_MSG_WELCOME: welcome(w, msg); break;
    case ISG_MSG_START: start(w, msg); break;
    case ISG_MSG_GRANT: return granted(w, msg->attempt);
    case ISG_MSG_DENY: w->type->denied(w->self, msg->attempt); break;
    case ISG_MSG_COMMITTED: w->type->committed(w->self, msg->attempt); break;
    case ISG_MSG_STOP: w->type->stop(w->self, msg->stop.of, (isg_stop_how)msg->stop.how); break;
    case ISG_MSG_QUIT:
        w->alone = msg->quit.alone;
        finish(w, ISG_OK, "");
        break;
    case ISG_MSG_BEAT_TO_WORKER: break;
    default: ISG_WARN("worker", "%s is not for a worker: ignored", isg_msg_name(msg->kind));
    }
    return ISG_OK;
}

static void failed(isg_msg_written *out)
{
    out->ok = 0;
    out->n = 0;
    (void)snprintf(out->text, sizeof out->text, "%s", isg_err_message());
    isg_err_clear();
}

/* Write what was granted, sync once, then say so. */
static isg_err write_granted(isg_worker *w)
{
    isg_err rc = ISG_OK;
    size_t n = w->n_granted;
    if (!n) return ISG_OK;
    isg_msg *m = calloc(n, sizeof *m);
    if (!m) return ISG_FAIL(ISG_ENOMEM, "out of memory for %zu grants", n);
    for (size_t i = 0; i < n; i++) {
        m[i].kind = ISG_MSG_WRITTEN;
        m[i].written.of = w->granted[i];
        m[i].written.ok = 1;
        if (w->type->commit(w->self, w->granted[i], &m[i].written)) failed(&m[i].written);
    }
    if (w->type->sync && w->type->sync(w->self)) {
        failed(&m[0].written);
        for (size_t i = 1; i < n; i++) m[i].written = (isg_msg_written){.of = w->granted[i]};
        for (size_t i = 1; i < n; i++) memcpy(m[i].written.text, m[0].written.text, ISG_MSG_TEXT);
    }
    for (size_t i = 0; i < n && !rc; i++) rc = say(w, &m[i]);
    w->n_granted = 0;
    free(m);
    return rc;
}

/* A leader silent beyond its lease is dead, unless it was us who slept (suspended job). */
static void check_lease(isg_worker *w, double now)
{
    if (now - w->stepped > w->lease_s / 2) w->heard = now;
    w->stepped = now;
    if (now - w->heard <= w->lease_s) return;
    char text[ISG_MSG_TEXT];
    (void)snprintf(text, sizeof text,
                   "rank %d, which leads, was silent for %.0f s: run the same command again",
                   w->leader, now - w->heard);
    finish(w, ISG_EAGAIN, text);
}

static isg_err leave_if_drained(isg_worker *w)
{
    if (!w->draining || w->n_granted || w->type->busy(w->self)) return ISG_OK;
    isg_msg m = {.kind = ISG_MSG_BYE, .bye = {.left = 1}};
    ISG_TRY(say(w, &m));
    finish(w, ISG_EAGAIN, "drained after a signal");
    return ISG_OK;
}

isg_err isg_worker_step(isg_worker *worker, double wait_s)
{
    isg_worker *w = worker;
    const isg_worker_sink sink = {w, sink_started, sink_checkpoint, sink_ended};

    if (w->finished) return ISG_OK;
    bool idle = wait_s > 0 || w->draining;
    if (idle || w->n_granted >= GROUP || isg_time_mono() - w->oldest_grant > group_s)
        ISG_TRY(write_granted(w));
    double until_beat = w->said + w->beat_s - isg_time_mono();
    if (until_beat < 0) until_beat = 0;
    ISG_TRY(w->type->step(w->self, wait_s < until_beat ? wait_s : until_beat, &sink));
    double now = isg_time_mono();
    if (now - w->said >= w->beat_s) ISG_TRY(say(w, &(isg_msg){.kind = ISG_MSG_BEAT_TO_LEADER}));
    check_lease(w, now);
    return leave_if_drained(w);
}

double isg_worker_said(const isg_worker *worker)
{
    return worker->said;
}

bool isg_worker_busy(const isg_worker *worker)
{
    return worker->type->busy(worker->self) > 0;
}

void isg_worker_drain(isg_worker *worker)
{
    if (worker->draining || worker->finished) return;
    worker->draining = true;
    say_or_warn(worker, &(isg_msg){.kind = ISG_MSG_BYE});
    worker->type->stop(worker->self, (isg_msg_attempt){0}, ISG_STOP_CHECKPOINT);
}

void isg_worker_leave(isg_worker *worker)
{
    if (worker->finished) return;
    finish(worker, ISG_EAGAIN, "left at once after a signal");
    say_or_warn(worker, &(isg_msg){.kind = ISG_MSG_BYE, .bye = {.left = 1}});
}

bool isg_worker_finished(const isg_worker *worker)
{
    return worker->finished;
}

bool isg_worker_alone(const isg_worker *worker)
{
    return worker->alone;
}

isg_err isg_worker_outcome(const isg_worker *worker)
{
    return worker->outcome ? ISG_FAIL(worker->outcome, "%s", worker->text) : ISG_OK;
}
