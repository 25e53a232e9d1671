/*
 * Training runs on this worker: bundles into slots, results kept until the
 * leader grants or denies them. Synthetic runs need no slot's process: their
 * results are ready at once and told when their stated time is over.
 */
#define _GNU_SOURCE
#include "exec_runs.h"

#include "isogloss/log.h"
#include "isogloss/os.h"
#include "leftover.h"
#include "slot.h"
#include "synthetic.h"
#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_GPUS = 64, SYNTHETIC_BATCH = 64 };

static const double most_wait_s = 0.5;

/* One bundle and what works on it. */
typedef struct bench {
    isg_slot *slot; /* NULL for synthetic runs */
    isg_msg_start bundle;
    uint32_t next;          /* first task of the bundle not begun; == bundle.n: none */
    bool gpu[MAX_GPUS];     /* taken by this bundle */
    isg_msg_task synthetic; /* the synthetic run at work, if `until` > 0 */
    double began, until;    /* monotonic [s] */
} bench;

/* A result not yet written, or written and not yet committed. */
typedef struct waiting {
    isg_msg_attempt of;
    isg_result *result;
    bool written;
    char text[ISG_MSG_TEXT]; /* how it diverged, or "" */
} waiting;

typedef struct exec {
    isg_runs_options opt;
    isg_slot_site site;
    char *work_dir;           /* absolute */
    isg_synthetic *synthetic; /* NULL unless the plan says so */
    bench *benches;           /* [opt.slots] */
    struct pollfd *fds;       /* [opt.slots * ISG_CHILD_FDS] */
    waiting *waiting;
    size_t n_waiting, cap_waiting;
    isg_msg_ended *ends; /* to be told in the next step */
    size_t n_ends, cap_ends;
} exec;

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory");
}

/* ---- life ----------------------------------------------------------------- */

static isg_err find_programs(exec *x)
{
    char *absolute = isg_path_absolute(x->opt.plan->path ? x->opt.plan->path : ".");
    x->site.campaign_dir = absolute ? isg_path_dir(absolute) : NULL;
    free(absolute);
    if (!x->site.campaign_dir) return no_memory();
    ISG_TRY(isg_exe_helper("isogloss-guard", &x->site.guard));
    if (x->opt.plan->trainer == ISG_TRAINER_PROXY)
        ISG_TRY(isg_exe_helper("isogloss-train", &x->site.train));
    x->site.work_dir = x->work_dir;
    (void)isg_leftover_kill(x->work_dir);
    return isg_child_inherit();
}

isg_err isg_exec_runs_create(const isg_runs_options *options, void **self)
{
    exec *x = calloc(1, sizeof *x);
    isg_err rc = ISG_OK;

    *self = NULL;
    if (!x) return no_memory();
    x->opt = *options;
    x->site.plan = options->plan;
    x->work_dir = isg_path_absolute(options->work_dir);
    x->benches = calloc(options->slots, sizeof *x->benches);
    x->fds = calloc(options->slots * ISG_CHILD_FDS, sizeof *x->fds);
    if (!x->work_dir || !x->benches || !x->fds) rc = no_memory();
    if (options->plan->trainer == ISG_TRAINER_SYNTHETIC) {
        if (!rc) rc = isg_synthetic_create(options->plan, &x->synthetic);
    } else {
        if (!rc) rc = find_programs(x);
        for (size_t i = 0; i < options->slots && !rc; i++)
            rc = isg_slot_create(&x->site, &x->benches[i].slot);
    }
    *self = x;
    if (rc) isg_exec_runs_destroy(self);
    return rc;
}

void isg_exec_runs_destroy(void **self)
{
    exec *x = *self;
    if (!x) return;
    for (size_t i = 0; x->benches && i < x->opt.slots; i++) {
        if (x->benches[i].slot) isg_slot_kill(x->benches[i].slot);
    }
    for (size_t i = 0; x->benches && i < x->opt.slots; i++) isg_slot_destroy(&x->benches[i].slot);
    for (size_t i = 0; i < x->n_waiting; i++) isg_result_destroy(&x->waiting[i].result);
    isg_synthetic_destroy(&x->synthetic);
    free(x->site.guard);
    free(x->site.train);
    free(x->site.campaign_dir);
    free(x->work_dir);
    free(x->benches);
    free(x->fds);
    free(x->waiting);
    free(x->ends);
    free(x);
    *self = NULL;
}

/* ---- results and ends ------------------------------------------------------ */

static bool same(isg_msg_attempt a, isg_msg_attempt b)
{
    return a.task == b.task && a.attempt == b.attempt;
}

static waiting *find_waiting(exec *x, isg_msg_attempt of)
{
    for (size_t i = 0; i < x->n_waiting; i++) {
        if (same(x->waiting[i].of, of)) return &x->waiting[i];
    }
    return NULL;
}

static void forget_waiting(exec *x, isg_msg_attempt of)
{
    waiting *w = find_waiting(x, of);
    if (!w) return;
    isg_result_destroy(&w->result);
    *w = x->waiting[--x->n_waiting];
}

/* @param result  now kept here, or destroyed on failure */
static isg_err keep_result(exec *x, const isg_msg_ended *end, isg_result *result)
{
    if (x->n_waiting == x->cap_waiting) {
        size_t cap = x->cap_waiting ? 2 * x->cap_waiting : 64;
        waiting *more = realloc(x->waiting, cap * sizeof *more);
        if (!more) {
            isg_result_destroy(&result);
            return no_memory();
        }
        x->waiting = more;
        x->cap_waiting = cap;
    }
    waiting *w = &x->waiting[x->n_waiting++];
    *w = (waiting){.of = end->of, .result = result};
    memcpy(w->text, end->text, sizeof w->text);
    return ISG_OK;
}

static isg_err tell_later(exec *x, const isg_msg_ended *end)
{
    if (x->n_ends == x->cap_ends) {
        size_t cap = x->cap_ends ? 2 * x->cap_ends : 64;
        isg_msg_ended *more = realloc(x->ends, cap * sizeof *more);
        if (!more) return no_memory();
        x->ends = more;
        x->cap_ends = cap;
    }
    x->ends[x->n_ends++] = *end;
    return ISG_OK;
}

static isg_err end_without(exec *x, const isg_msg_task *task, isg_cause cause, const char *text)
{
    isg_msg_ended end = {.of = {task->task, task->attempt}, .cause = (uint32_t)cause};
    (void)snprintf(end.text, sizeof end.text, "%s", text);
    return tell_later(x, &end);
}

/* ---- beginning -------------------------------------------------------------- */

static bool is_free(const bench *b)
{
    return b->next == b->bundle.n && b->until <= 0 && (!b->slot || !isg_slot_trial(b->slot));
}

static isg_err start(void *self, const isg_msg_start *start)
{
    exec *x = self;
    for (uint32_t i = 0; i < start->n; i++) {
        if (start->task[i].task >= x->opt.plan->n_runs) {
            return ISG_FAIL(ISG_EPROTO, "no run %u in a plan of %zu", (unsigned)start->task[i].task,
                            x->opt.plan->n_runs);
        }
    }
    for (size_t i = 0; i < x->opt.slots; i++) {
        bench *b = &x->benches[i];
        if (!is_free(b)) continue;
        b->bundle = *start;
        b->next = 0;
        memset(b->gpu, 0, sizeof b->gpu);
        return ISG_OK;
    }
    return ISG_FAIL(ISG_EBUSY, "all %zu slots are taken", x->opt.slots);
}

/* Name of our GPU number `i`: the i-th of CUDA_VISIBLE_DEVICES if that is set. */
static void add_gpu(size_t i, isg_str *out)
{
    const char *list = getenv("CUDA_VISIBLE_DEVICES");
    for (size_t k = 0; list && k < i; k++) {
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    if (isg_str_puts(out, out->len ? "," : "")) return;
    if (list && *list)
        (void)isg_str_add(out, list, strcspn(list, ","));
    else
        (void)isg_str_printf(out, "%zu", i);
}

/* Take the bundle's GPUs, which no other bundle has. */
static isg_err take_gpus(exec *x, bench *b, isg_str *names)
{
    size_t n = 0, have = x->opt.gpus < MAX_GPUS ? x->opt.gpus : MAX_GPUS;
    for (size_t g = 0; g < have && n < b->bundle.gpus; g++) {
        bool taken = false;
        for (size_t i = 0; i < x->opt.slots; i++) {
            taken =
                taken || (&x->benches[i] != b && !is_free(&x->benches[i]) && x->benches[i].gpu[g]);
        }
        if (taken) continue;
        b->gpu[g] = true;
        add_gpu(g, names);
        n++;
    }
    if (n < b->bundle.gpus)
        return ISG_FAIL(ISG_EBUSY, "the run needs %u GPUs, %zu are free", (unsigned)b->bundle.gpus,
                        n);
    return ISG_OK;
}

/* What goes on from a trunk that diverged has diverged before its first point. */
static isg_err end_diverged(exec *x, const isg_msg_task *task)
{
    const isg_run *runs = x->opt.plan->runs;
    isg_msg_ended end = {
        .of = {task->task, task->attempt}, .cause = ISG_CAUSE_DIVERGED, .has_result = 1};
    isg_result *result = NULL;
    (void)snprintf(end.text, sizeof end.text, "its trunk diverged (%.12s)",
                   runs[runs[task->task].parent].id);
    ISG_TRY(isg_result_create(x->opt.plan, &result));
    result->diverged = true;
    ISG_TRY(keep_result(x, &end, result));
    return tell_later(x, &end);
}

static isg_err begin_process(exec *x, bench *b, const isg_msg_task *task)
{
    if (x->opt.plan->runs[task->task].from && !task->parent_attempt) return end_diverged(x, task);
    isg_trial *trial = NULL;
    isg_str gpus = {0};
    uint32_t cores = b->bundle.cores ? b->bundle.cores : 1;
    isg_err rc = take_gpus(x, b, &gpus);
    if (!rc) rc = isg_trial_create(x->opt.plan, x->work_dir, task, &trial);
    if (!rc)
        isg_slot_begin(b->slot, trial, cores, x->opt.gpus ? isg_str_c(&gpus) : NULL,
                       b->bundle.gpus);
    isg_str_free(&gpus);
    if (!rc) return ISG_OK;
    rc = end_without(x, task, ISG_CAUSE_KILLED, isg_err_message());
    isg_err_clear();
    return rc;
}

static isg_err begin_synthetic(exec *x, bench *b, const isg_msg_task *task)
{
    b->synthetic = *task;
    b->began = isg_time_mono();
    b->until = b->began + isg_synthetic_seconds(x->synthetic, task->task);
    return ISG_OK;
}

static isg_err begin_next(exec *x, bench *b, const isg_worker_sink *sink)
{
    const isg_msg_task *task = &b->bundle.task[b->next++];
    sink->started(sink->ctx, (isg_msg_attempt){task->task, task->attempt});
    return x->synthetic ? begin_synthetic(x, b, task) : begin_process(x, b, task);
}

/* ---- going on ---------------------------------------------------------------- */

static void told_checkpoint(void *ctx, isg_msg_attempt of, uint64_t tokens)
{
    const isg_worker_sink *sink = ctx;
    sink->checkpoint(sink->ctx, of, tokens);
}

static isg_err step_slot(exec *x, bench *b, const isg_worker_sink *sink)
{
    isg_slot_end end;
    bool ended = false;
    isg_worker_sink copy = *sink;
    ISG_TRY(isg_slot_step(b->slot, told_checkpoint, &copy, &end, &ended));
    if (!ended) return ISG_OK;
    if (end.result) ISG_TRY(keep_result(x, &end.said, end.result));
    return tell_later(x, &end.said);
}

static isg_err end_synthetic(exec *x, bench *b)
{
    isg_msg_attempt of = {b->synthetic.task, b->synthetic.attempt};
    isg_result *result = NULL;
    isg_msg_ended end = {.of = of, .cause = ISG_CAUSE_OK, .has_result = 1, .device = "synthetic"};
    ISG_TRY(isg_synthetic_run(x->synthetic, of.task, &result));
    result->seconds = end.seconds = end.own_seconds = isg_time_mono() - b->began;
    end.flops = result->flops;
    b->until = 0;
    ISG_TRY(keep_result(x, &end, result));
    return tell_later(x, &end);
}

static isg_err step_bench(exec *x, bench *b, const isg_worker_sink *sink)
{
    for (int i = 0; i < SYNTHETIC_BATCH; i++) {
        if (b->slot) ISG_TRY(step_slot(x, b, sink));
        if (b->until > 0 && isg_time_mono() >= b->until) ISG_TRY(end_synthetic(x, b));
        bool at_work = b->until > 0 || (b->slot && isg_slot_trial(b->slot));
        if (at_work || b->next == b->bundle.n) break;
        ISG_TRY(begin_next(x, b, sink));
    }
    return ISG_OK;
}

/* How long nothing can happen but what a descriptor tells. */
static double longest_wait(const exec *x, double wait_s)
{
    double wait = wait_s < most_wait_s ? wait_s : most_wait_s, now = isg_time_mono();
    if (x->n_ends) return 0;
    for (size_t i = 0; i < x->opt.slots; i++) {
        const bench *b = &x->benches[i];
        bool at_work = b->until > 0 || (b->slot && isg_slot_trial(b->slot));
        double own = b->slot ? isg_slot_wait(b->slot) : b->until > 0 ? b->until - now : wait;
        if (!at_work && b->next < b->bundle.n) own = 0;
        if (own < wait) wait = own;
    }
    return wait > 0 ? wait : 0;
}

static void wait_for(exec *x, double wait_s)
{
    size_t n = 0;
    for (size_t i = 0; i < x->opt.slots; i++) {
        if (x->benches[i].slot) n += isg_slot_fds(x->benches[i].slot, x->fds + n);
    }
    struct timespec t = {.tv_sec = (time_t)wait_s};
    t.tv_nsec = (long)((wait_s - (double)t.tv_sec) * 1e9);
    (void)ppoll(x->fds, n, &t, NULL);
}

static isg_err step(void *self, double wait_s, const isg_worker_sink *sink)
{
    exec *x = self;
    double wait = longest_wait(x, wait_s);
    if (wait > 0) wait_for(x, wait);
    for (size_t i = 0; i < x->opt.slots; i++) ISG_TRY(step_bench(x, &x->benches[i], sink));
    for (size_t i = 0; i < x->n_ends; i++) sink->ended(sink->ctx, &x->ends[i]);
    x->n_ends = 0;
    return ISG_OK;
}

/* ---- orders ------------------------------------------------------------------- */

static isg_err commit(void *self, isg_msg_attempt of, isg_msg_written *out)
{
    exec *x = self;
    waiting *w = find_waiting(x, of);
    if (!w)
        return ISG_FAIL(ISG_EPROTO, "run %u, attempt %u: no result is kept", (unsigned)of.task,
                        (unsigned)of.attempt);
    const char *id = x->opt.plan->runs[of.task].id;
    size_t slot = isg_store_find(x->opt.store, id);
    if (slot == ISG_NO_RUN) return ISG_FAIL(ISG_ESTORE, "the store has no slot for run %s", id);
    ISG_TRY(isg_store_write_result(x->opt.store, slot, w->result, &out->crc));
    w->written = true;
    memcpy(out->text, w->text, sizeof out->text);
    return ISG_OK;
}

static isg_err sync_store(void *self)
{
    exec *x = self;
    return isg_store_sync(x->opt.store);
}

static void committed(void *self, isg_msg_attempt of)
{
    exec *x = self;
    bool ours = find_waiting(x, of) != NULL;
    forget_waiting(x, of);
    if (!ours || x->synthetic) return;
    if (isg_trial_clean(x->opt.plan, x->work_dir, of)) {
        ISG_WARN("worker", "cannot clean up after run %s: %s", x->opt.plan->runs[of.task].id,
                 isg_err_message());
        isg_err_clear();
    }
}

static bool means(isg_msg_attempt order, isg_msg_attempt of)
{
    return !order.attempt || same(order, of);
}

/* Tasks of a bundle that have not begun end here and now. */
static void drop_queued(exec *x, bench *b, isg_msg_attempt of)
{
    uint32_t kept = b->next;
    for (uint32_t i = b->next; i < b->bundle.n; i++) {
        const isg_msg_task task = b->bundle.task[i];
        if (!means(of, (isg_msg_attempt){task.task, task.attempt}))
            b->bundle.task[kept++] = task;
        else if (end_without(x, &task, ISG_CAUSE_STOPPED, "stopped before it began"))
            return;
    }
    b->bundle.n = kept;
}

static void stop(void *self, isg_msg_attempt of, isg_stop_how how)
{
    exec *x = self;
    for (size_t i = 0; i < x->opt.slots; i++) {
        bench *b = &x->benches[i];
        const isg_trial *trial = b->slot ? isg_slot_trial(b->slot) : NULL;
        drop_queued(x, b, of);
        if (trial && means(of, trial->of)) isg_slot_stop(b->slot, how);
        if (b->until > 0 && means(of, (isg_msg_attempt){b->synthetic.task, b->synthetic.attempt})) {
            b->until = 0;
            (void)end_without(x, &b->synthetic, ISG_CAUSE_STOPPED,
                              "synthetic runs have no checkpoints");
        }
    }
}

static void denied(void *self, isg_msg_attempt of)
{
    exec *x = self;
    forget_waiting(x, of);
    stop(x, of, ISG_STOP_KILL); /* if it still runs, it runs for nobody */
}

static size_t busy(const void *self)
{
    const exec *x = self;
    size_t n = x->n_ends;
    for (size_t i = 0; i < x->opt.slots; i++) n += !is_free(&x->benches[i]);
    for (size_t i = 0; i < x->n_waiting; i++) n += !x->waiting[i].written;
    return n;
}

const isg_executor_type isg_exec_runs = {
    .name = "runs",
    .start = start,
    .step = step,
    .commit = commit,
    .sync = sync_store,
    .committed = committed,
    .denied = denied,
    .stop = stop,
    .busy = busy,
};
