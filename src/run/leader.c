/*
 * The leader's shell. It keeps no state of a task: the scheduler does. What it
 * adds is time (one monotonic clock), names (hosts), and grouping: marks wait
 * until nothing else is to be done, 512 are together, or 50 ms have passed, and
 * share one sync. States wait as long, so that of many changes of a task only the
 * last is written, and go before marks.
 *
 * A worker on this host whose process is gone is known dead within a second.
 * Of others only silence tells, and what they were granted stays held.
 */

#include "leader.h"

#include "isogloss/log.h"
#include "isogloss/os.h"
#include "isogloss/probe.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 512 };
static const double group_s = 0.05, probe_s = 1, keep_s = 10;

typedef struct peer {
    char host[64], device[32];
    uint32_t host_id;
    bool met;
    isg_probe probe; /* of its process, if it is on this host */
} peer;

typedef struct pending {
    uint32_t task, attempt, worker, crc;
    bool diverged;
    char text[ISG_MSG_TEXT]; /* how it diverged */
} pending;

struct isg_leader {
    isg_leader_options opt;
    isg_sched *sched;
    peer *peers; /* [size] */
    size_t size;
    uint32_t n_hosts;
    pending marks[GROUP];
    size_t n_marks;
    double oldest_mark;
    isg_job_state states[GROUP]; /* of different tasks */
    uint32_t *state_of;          /* [n_tasks] place in `states` plus 1, or 0 */
    size_t n_states;
    double oldest_state;
    isg_job_attempt attempts[GROUP];
    size_t n_attempts;
    double oldest_attempt;
    const isg_msg *current; /* the message that is being handled, or NULL */
    const pending *told;    /* [n_told] marks that the scheduler has just heard of */
    size_t n_told;
    double beat_at, tick_at, probe_at, keep_at;
    int signals;
    bool finished;
    isg_finish why;
    size_t lost;
    char trouble[512];
};

static double from_env(const char *name, double otherwise)
{
    const char *text = getenv(name);
    double x;
    return text && isg_str_to_double(text, &x) && x > 0 ? x : otherwise;
}

static double beat_s(void)
{
    return from_env("ISOGLOSS_BEAT_S", 5);
}

static double lease_s(void)
{
    return from_env("ISOGLOSS_LEASE_S", 30);
}

isg_err isg_leader_create(const isg_leader_options *options, isg_leader **out)
{
    isg_err rc = ISG_OK;
    isg_leader *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l) return ISG_FAIL(ISG_ENOMEM, "no memory for a leader");
    l->opt = *options;
    l->size = (size_t)isg_comm_size(options->comm);
    l->peers = calloc(l->size, sizeof *l->peers);
    l->state_of = calloc(options->n_tasks + 1, sizeof *l->state_of);
    if (!l->peers || !l->state_of) {
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu workers and %zu tasks", l->size,
                      options->n_tasks);
    }
    l->opt.sched.workers = l->size > 1 ? l->size - 1 : 1;
    l->opt.sched.lease_s = lease_s();
    if (!rc) rc = isg_sched_create(&l->opt.sched, options->tasks, options->n_tasks, &l->sched);
    if (rc) isg_leader_destroy(&l);
    *out = l;
    return rc;
}

void isg_leader_destroy(isg_leader **leader)
{
    isg_leader *l = *leader;
    if (!l) return;
    isg_sched_destroy(&l->sched);
    free(l->peers);
    free(l->state_of);
    free(l);
    *leader = NULL;
}

/* The first trouble is the one to tell. */
static void trouble(isg_leader *l, const char *text)
{
    if (!l->trouble[0]) (void)snprintf(l->trouble, sizeof l->trouble, "%s", text);
}

/* ---- records -------------------------------------------------------------- */

static isg_err flush_attempts(isg_leader *l)
{
    size_t n = l->n_attempts;
    l->n_attempts = 0;
    if (n && l->opt.type->attempts && l->opt.type->attempts(l->opt.job, l->attempts, n)) {
        ISG_WARN("leader", "%zu attempts are not recorded: %s", n, isg_err_message());
        isg_err_clear();
    }
    return ISG_OK;
}

static isg_err flush_states(isg_leader *l)
{
    size_t n = l->n_states;
    l->n_states = 0;
    for (size_t i = 0; i < n; i++) l->state_of[l->states[i].task] = 0;
    if (n && l->opt.type->states && l->opt.type->states(l->opt.job, l->states, n)) {
        ISG_WARN("leader", "states of %zu tasks are not recorded: %s", n, isg_err_message());
        isg_err_clear();
    }
    return ISG_OK;
}

/* The record of an outcome is made when its mark is written, long after its last words. */
static void say_divergence(const isg_leader *l, isg_job_attempt *r)
{
    for (size_t i = 0; i < l->n_told; i++) {
        if (l->told[i].task != r->task || l->told[i].attempt != r->number) continue;
        memcpy(r->text, l->told[i].text, sizeof r->text);
        return;
    }
}

static isg_err do_record(isg_leader *l, const isg_action *a)
{
    if (l->n_attempts == GROUP) ISG_TRY(flush_attempts(l));
    double now = isg_time_mono(), epoch = isg_time_now();
    if (!l->n_attempts) l->oldest_attempt = now;
    isg_job_attempt *r = &l->attempts[l->n_attempts++];
    *r = (isg_job_attempt){.task = a->task[0],
                           .number = a->attempt[0],
                           .rank = (int)a->worker,
                           .cause = a->cause,
                           .start = epoch - (now - a->started),
                           .end = epoch};
    memcpy(r->host, l->peers[a->worker].host, sizeof r->host);
    const isg_msg *m = l->current;
    bool about = m && m->attempt.task == r->task && m->attempt.attempt == r->number;
    if (about && m->kind == ISG_MSG_ENDED) {
        r->code = m->ended.code;
        memcpy(r->text, m->ended.text, sizeof r->text);
    } else if (about && m->kind == ISG_MSG_WRITTEN) {
        memcpy(r->text, m->written.text, sizeof r->text);
    } else if (a->cause == ISG_CAUSE_DIVERGED) {
        say_divergence(l, r);
    } else if (a->cause == ISG_CAUSE_KILLED) {
        (void)snprintf(r->text, sizeof r->text, "worker rank %d on %s is dead or silent", r->rank,
                       l->peers[a->worker].host);
    }
    if (r->cause != ISG_CAUSE_OK && r->cause != ISG_CAUSE_STOPPED) {
        ISG_INFO("leader", "attempt over task=%u attempt=%u rank=%d cause=%s code=%d %s", r->task,
                 r->number, r->rank, isg_cause_name(r->cause), r->code, r->text);
    }
    return ISG_OK;
}

/* ---- actions -------------------------------------------------------------- */

static isg_err say(isg_leader *l, uint32_t to, isg_msg_kind kind, const isg_action *a)
{
    return isg_msg_send(l->opt.comm, (int)to,
                        &(isg_msg){.kind = kind, .attempt = {a->task[0], a->attempt[0]}});
}

static isg_err do_start(isg_leader *l, const isg_action *a)
{
    isg_msg m = {.kind = ISG_MSG_START};
    double left = l->opt.sched.end - l->opt.sched.margin_s - isg_time_mono();
    m.start.time_left_s = left < 1e18 ? left : 1e18;
    m.start.cores = a->cores;
    m.start.gpus = a->gpus;
    m.start.n = a->n;
    for (uint32_t i = 0; i < a->n; i++) {
        m.start.task[i] = (isg_msg_task){.task = a->task[i], .attempt = a->attempt[i]};
        if (l->opt.type->describe) ISG_TRY(l->opt.type->describe(l->opt.job, &m.start.task[i]));
    }
    return isg_msg_send(l->opt.comm, (int)a->worker, &m);
}

static isg_err do_grant(isg_leader *l, const isg_action *a)
{
    return say(l, a->worker, ISG_MSG_GRANT, a);
}

static isg_err do_deny(isg_leader *l, const isg_action *a)
{
    return say(l, a->worker, ISG_MSG_DENY, a);
}

static isg_err do_committed(isg_leader *l, const isg_action *a)
{
    return say(l, a->worker, ISG_MSG_COMMITTED, a);
}

static isg_err do_quit(isg_leader *l, const isg_action *a)
{
    return isg_msg_send(l->opt.comm, (int)a->worker,
                        &(isg_msg){.kind = ISG_MSG_QUIT, .quit = {l->lost > 0}});
}

static isg_err do_stop(isg_leader *l, const isg_action *a)
{
    return isg_msg_send(l->opt.comm, (int)a->worker,
                        &(isg_msg){.kind = ISG_MSG_STOP, .stop = {.how = a->how}});
}

static isg_err do_state(isg_leader *l, const isg_action *a)
{
    uint32_t *place = &l->state_of[a->task[0]];
    if (!*place) {
        if (l->n_states == GROUP) ISG_TRY(flush_states(l));
        if (!l->n_states) l->oldest_state = isg_time_mono();
        *place = (uint32_t)++l->n_states;
    }
    l->states[*place - 1] = (isg_job_state){a->task[0], a->attempt[0], a->state};
    return ISG_OK;
}

static isg_err do_lost(isg_leader *l, const isg_action *a)
{
    l->lost++;
    if (!l->signals) {
        ISG_WARN("leader", "worker rank %u on %s is dead or silent; its runs go on elsewhere",
                 a->worker, l->peers[a->worker].host);
    }
    return ISG_OK;
}

static isg_err do_set_aside(isg_leader *l, const isg_action *a)
{
    for (size_t i = 0; i < l->size; i++) {
        if (!l->peers[i].met || l->peers[i].host_id != a->host) continue;
        ISG_WARN("leader", "host %s is set aside: several runs failed there at once",
                 l->peers[i].host);
        break;
    }
    return ISG_OK;
}

static isg_err do_finished(isg_leader *l, const isg_action *a)
{
    l->finished = true;
    l->why = a->why;
    return ISG_OK;
}

static isg_err act(isg_leader *l);

/* Marks count together or not at all; each is then told to the scheduler. */
static isg_err flush_marks(isg_leader *l)
{
    isg_job_mark marks[GROUP];
    pending done[GROUP];
    size_t n = l->n_marks;
    if (!n) return ISG_OK;
    for (size_t i = 0; i < n; i++) {
        done[i] = l->marks[i];
        const peer *p = &l->peers[done[i].worker];
        marks[i] = (isg_job_mark){done[i].task,     done[i].attempt, done[i].crc,
                                  done[i].diverged, p->host,         p->device};
    }
    l->n_marks = 0;
    ISG_TRY(flush_states(l));
    isg_err rc = l->opt.type->mark(l->opt.job, marks, n);
    if (rc) {
        trouble(l, isg_err_message());
        isg_err_clear();
    }
    for (size_t i = 0; i < n; i++) {
        ISG_TRY(isg_sched_event(l->sched, &(isg_event){.kind = ISG_EV_MARKED,
                                                       .now = isg_time_mono(),
                                                       .ok = !rc,
                                                       .task = done[i].task,
                                                       .attempt = done[i].attempt}));
    }
    l->told = done;
    l->n_told = n;
    rc = act(l);
    l->n_told = 0;
    l->told = NULL;
    return rc;
}

static isg_err do_mark(isg_leader *l, const isg_action *a)
{
    const isg_msg *m = l->current;
    pending *p = &l->marks[l->n_marks];
    if (!l->n_marks++) l->oldest_mark = isg_time_mono();
    *p = (pending){a->task[0], a->attempt[0], a->worker, m ? m->written.crc : 0, a->diverged, ""};
    if (m && a->diverged) memcpy(p->text, m->written.text, sizeof p->text);
    return l->n_marks == GROUP ? flush_marks(l) : ISG_OK;
}

/* Carry out what the scheduler wants. */
static isg_err act(isg_leader *l)
{
    static isg_err (*const perform[ISG_ACTION_KINDS])(isg_leader *, const isg_action *) = {
        [ISG_ACT_START] = do_start,         [ISG_ACT_GRANT] = do_grant,
        [ISG_ACT_DENY] = do_deny,           [ISG_ACT_MARK] = do_mark,
        [ISG_ACT_COMMITTED] = do_committed, [ISG_ACT_RECORD] = do_record,
        [ISG_ACT_STATE] = do_state,         [ISG_ACT_STOP] = do_stop,
        [ISG_ACT_LOST] = do_lost,           [ISG_ACT_SET_ASIDE] = do_set_aside,
        [ISG_ACT_QUIT] = do_quit,           [ISG_ACT_FINISHED] = do_finished,
    };
    isg_action a;
    while (isg_sched_next(l->sched, &a)) ISG_TRY(perform[a.kind](l, &a));
    return ISG_OK;
}

static isg_err tell(isg_leader *l, isg_event e)
{
    e.now = isg_time_mono();
    ISG_TRY(isg_sched_event(l->sched, &e));
    return act(l);
}

/* ---- messages -------------------------------------------------------------- */

static isg_err refuse(isg_leader *l, int from, const char *text)
{
    isg_msg m = {.kind = ISG_MSG_WELCOME, .welcome = {.beat_s = 1, .lease_s = 1}};
    (void)snprintf(m.welcome.text, sizeof m.welcome.text, "%s", text);
    ISG_WARN("leader", "rank %d is refused: %s", from, text);
    ISG_TRY(isg_msg_send(l->opt.comm, from, &m));
    return tell(l, (isg_event){.kind = ISG_EV_LEFT, .worker = (uint32_t)from});
}

/* Hosts are numbered as they come; ranks of one host mostly come together. */
static uint32_t host_number(isg_leader *l, const char *host)
{
    for (size_t i = l->size; i-- > 0;) {
        if (l->peers[i].met && !strcmp(l->peers[i].host, host)) return l->peers[i].host_id;
    }
    return l->n_hosts++;
}

static isg_err on_hello(isg_leader *l, int from, const isg_msg *m)
{
    const isg_msg_hello *h = &m->hello;
    peer *p = &l->peers[from];
    char text[ISG_MSG_TEXT];
    if (p->met) return ISG_OK;
    if (strcmp(h->job, l->opt.hash) != 0) {
        (void)snprintf(text, sizeof text,
                       "%s has another campaign file or corpus (plan %.12s, wanted %.12s)", h->host,
                       h->job, l->opt.hash);
        return refuse(l, from, text);
    }
    if (l->opt.numerics[0] && strcmp(h->numerics, l->opt.numerics) != 0) {
        (void)snprintf(text, sizeof text, "%s computes with %s, this store wants %s", h->host,
                       h->numerics, l->opt.numerics);
        return refuse(l, from, text);
    }
    p->host_id = host_number(l, h->host);
    p->met = true;
    memcpy(p->host, h->host, sizeof p->host);
    isg_probe_init(&p->probe, !strcmp(h->host, isg_os_host()) && from != isg_comm_rank(l->opt.comm)
                                  ? h->pid
                                  : 0);
    isg_msg w = {.kind = ISG_MSG_WELCOME,
                 .welcome = {.beat_s = beat_s(), .lease_s = lease_s(), .accepted = 1}};
    ISG_TRY(isg_msg_send(l->opt.comm, from, &w));
    return tell(l, (isg_event){.kind = ISG_EV_JOIN,
                               .worker = (uint32_t)from,
                               .host = p->host_id,
                               .slots = h->slots,
                               .cores = h->cores,
                               .gpus = h->gpus});
}

static isg_event about(const isg_msg *m, int from, isg_event_kind kind)
{
    return (isg_event){.kind = kind,
                       .worker = (uint32_t)from,
                       .task = m->attempt.task,
                       .attempt = m->attempt.attempt};
}

static isg_err on_started(isg_leader *l, int from, const isg_msg *m)
{
    return tell(l, about(m, from, ISG_EV_STARTED));
}

static isg_err on_checkpoint(isg_leader *l, int from, const isg_msg *m)
{
    isg_event e = about(m, from, ISG_EV_CHECKPOINT);
    if (e.task >= l->opt.n_tasks) return ISG_OK;
    e.progress = l->opt.type->progress(l->opt.job, e.task, m->checkpoint.tokens);
    return tell(l, e);
}

static isg_err on_ended(isg_leader *l, int from, const isg_msg *m)
{
    isg_event e = about(m, from, ISG_EV_ENDED);
    e.cause = (isg_cause)m->ended.cause;
    e.has_result = m->ended.has_result;
    e.flops = m->ended.flops;
    e.seconds = m->ended.own_seconds;
    peer *p = &l->peers[from];
    (void)snprintf(p->device, sizeof p->device, "%s", m->ended.device);
    return tell(l, e);
}

static isg_err on_written(isg_leader *l, int from, const isg_msg *m)
{
    isg_event e = about(m, from, ISG_EV_WRITTEN);
    e.ok = m->written.ok;
    bool current = e.task < l->opt.n_tasks && isg_sched_attempt(l->sched, e.task) == e.attempt;
    if (current && e.ok && l->opt.type->collect && l->opt.type->collect(l->opt.job, &m->written)) {
        e.ok = false;
        trouble(l, isg_err_message());
        isg_err_clear();
    } else if (current && !e.ok) {
        trouble(l, m->written.text);
    }
    return tell(l, e);
}

static isg_err on_bye(isg_leader *l, int from, const isg_msg *m)
{
    return tell(l, (isg_event){.kind = m->bye.left ? ISG_EV_LEFT : ISG_EV_LEAVING,
                               .worker = (uint32_t)from});
}

static isg_err on_beat(isg_leader *l, int from, const isg_msg *m)
{
    (void)m;
    return tell(l, (isg_event){.kind = ISG_EV_HEARD, .worker = (uint32_t)from});
}

isg_err isg_leader_handle(isg_leader *l, int from, const isg_msg *msg)
{
    static isg_err (*const handle[ISG_MSG_KINDS])(isg_leader *, int, const isg_msg *) = {
        [ISG_MSG_HELLO] = on_hello,           [ISG_MSG_STARTED] = on_started,
        [ISG_MSG_CHECKPOINT] = on_checkpoint, [ISG_MSG_ENDED] = on_ended,
        [ISG_MSG_WRITTEN] = on_written,       [ISG_MSG_BYE] = on_bye,
        [ISG_MSG_BEAT_TO_LEADER] = on_beat,
    };
    if (from < 0 || (size_t)from >= l->size || !handle[msg->kind]) return ISG_OK;
    l->current = msg;
    isg_err rc = handle[msg->kind](l, from, msg);
    l->current = NULL;
    return rc;
}

/* ---- time ------------------------------------------------------------------ */

/* Beats go to everybody who was ever met: a silent worker must not lose us too. */
static isg_err beat(isg_leader *l)
{
    for (size_t i = 0; i < l->size; i++) {
        if (!l->peers[i].met || !isg_sched_knows(l->sched, (uint32_t)i)) continue;
        ISG_TRY(isg_msg_send(l->opt.comm, (int)i, &(isg_msg){.kind = ISG_MSG_BEAT_TO_WORKER}));
    }
    return ISG_OK;
}

static isg_err probe_all(isg_leader *l)
{
    for (size_t i = 0; i < l->size; i++) {
        peer *p = &l->peers[i];
        if (!p->met || !isg_sched_knows(l->sched, (uint32_t)i) || !isg_probe_is_dead(&p->probe))
            continue;
        ISG_TRY(tell(l, (isg_event){.kind = ISG_EV_DEAD, .worker = (uint32_t)i}));
    }
    return ISG_OK;
}

/* True each `every` seconds. */
static bool due(double *at, double now, double every)
{
    if (now < *at) return false;
    *at = now + every;
    return true;
}

isg_err isg_leader_step(isg_leader *l, bool idle)
{
    double now = isg_time_mono();
    if (l->n_marks && (idle || now - l->oldest_mark > group_s)) ISG_TRY(flush_marks(l));
    if (l->n_states && (idle || l->finished || now - l->oldest_state > group_s))
        ISG_TRY(flush_states(l));
    if (l->n_attempts && (l->finished || now - l->oldest_attempt > 1)) ISG_TRY(flush_attempts(l));
    if (l->finished) return ISG_OK;
    if (due(&l->beat_at, now, beat_s())) ISG_TRY(beat(l));
    if (due(&l->probe_at, now, probe_s)) ISG_TRY(probe_all(l));
    if (due(&l->tick_at, now, fmin(1, lease_s() / 10)))
        ISG_TRY(tell(l, (isg_event){.kind = ISG_EV_TICK}));
    if (l->opt.type->keep && due(&l->keep_at, now, keep_s)) ISG_TRY(l->opt.type->keep(l->opt.job));
    return ISG_OK;
}

isg_err isg_leader_signals(isg_leader *l, int n)
{
    if (l->finished || n <= l->signals) return ISG_OK;
    l->signals = n;
    return tell(l, (isg_event){.kind = n == 1 ? ISG_EV_DRAIN : ISG_EV_STOP_NOW});
}

bool isg_leader_finished(const isg_leader *l)
{
    return l->finished && !l->n_marks && !l->n_states && !l->n_attempts;
}

isg_finish isg_leader_why(const isg_leader *l)
{
    return l->why;
}

const char *isg_leader_trouble(const isg_leader *l)
{
    return l->trouble;
}

size_t isg_leader_lost(const isg_leader *l)
{
    return l->lost;
}

const isg_sched *isg_leader_sched(const isg_leader *l)
{
    return l->sched;
}

void isg_leader_look(const isg_leader *l, isg_sched_status *out)
{
    isg_sched_look(l->sched, isg_time_mono(), out);
}
