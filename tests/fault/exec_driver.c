/*
 * The executor of training runs without leader and messages: every run of a
 * campaign is tried, again from its newest checkpoint if it was stopped, and
 * each end is printed as
 *
 *     RUN ATTEMPT CAUSE CODE DEVICE | TEXT
 *
 *   exec_driver CAMPAIGN DIR SLOTS [STOP_AFTER_S]
 *
 * Results go to DIR/s.h5, attempts to DIR/s.work. With STOP_AFTER_S all first
 * attempts are asked to stop after that time.
 */
#include "check.h"
#include "isogloss/os.h"
#include "run/exec_runs.h"
#include "run/work.h"

#include <signal.h>
#include <stdlib.h>

enum { MAX_RUNS = 64, MAX_ATTEMPTS = 3 };

static const double limit_s = 100;

typedef struct driver {
    const isg_plan *plan;
    isg_store *store;
    char *work;
    void *exec;
    size_t running, left;
    uint32_t attempt[MAX_RUNS]; /* last one begun */
    bool open[MAX_RUNS];        /* to be begun */
    bool over[MAX_RUNS];
    bool granted[MAX_RUNS];     /* ended with a result, to be written */
    bool diverged[MAX_RUNS];
} driver;

static void on_started(void *ctx, isg_msg_attempt of)
{
    const driver *d = ctx;
    CHECK(of.attempt == d->attempt[of.task]);
}

static void on_checkpoint(void *ctx, isg_msg_attempt of, uint64_t tokens)
{
    (void)ctx;
    (void)printf("%u %u checkpoint %llu\n", of.task, of.attempt, (unsigned long long)tokens);
}

static void on_ended(void *ctx, const isg_msg_ended *e)
{
    driver *d = ctx;
    size_t i = e->of.task;
    (void)printf("%u %u %s %d %s | %s\n", e->of.task, e->of.attempt, isg_cause_name((isg_cause)e->cause), (int)e->code,
                 e->device[0] ? e->device : "-", e->text);
    (void)fflush(stdout);
    CHECK(d->running > 0);
    d->running--;
    d->granted[i] = e->has_result;
    d->diverged[i] = e->cause == ISG_CAUSE_DIVERGED;
    bool again = (e->cause == ISG_CAUSE_STOPPED || e->cause == ISG_CAUSE_KILLED) && e->of.attempt < MAX_ATTEMPTS;
    d->open[i] = again;
    d->over[i] = !again && !e->has_result;
    if (d->over[i]) d->left--;
}

static bool parent_done(const driver *d, size_t i)
{
    size_t parent = d->plan->runs[i].parent;
    return parent == ISG_NO_RUN || d->over[parent];
}

static void begin(driver *d, size_t i)
{
    isg_work_state found;
    const size_t parent = d->plan->runs[i].parent;
    CHECK_OK(isg_work_scan(d->work, d->plan->runs[i].id, &found));
    d->attempt[i] = found.last_attempt + 1;
    isg_msg_start start = {.cores = 1, .n = 1};
    start.task[0] = (isg_msg_task){(uint32_t)i, d->attempt[i], found.checkpoint_attempt, parent == ISG_NO_RUN ? 0 : d->attempt[parent]};
    d->open[i] = false;
    d->running++;
    CHECK_OK(isg_exec_runs.start(d->exec, &start));
}

static void write_granted(driver *d)
{
    for (size_t i = 0; i < d->plan->n_runs; i++) {
        if (!d->granted[i]) continue;
        isg_msg_attempt of = {(uint32_t)i, d->attempt[i]};
        isg_msg_written written = {0};
        isg_mark mark = {.slot = i, .state = d->diverged[i] ? ISG_RUN_DIVERGED : ISG_RUN_DONE, .attempt = of.attempt};
        CHECK_OK(isg_exec_runs.commit(d->exec, of, &written));
        CHECK_OK(isg_exec_runs.sync(d->exec));
        mark.crc = written.crc;
        CHECK_OK(isg_store_mark(d->store, &mark, 1));
        isg_exec_runs.committed(d->exec, of);
        d->granted[i] = false;
        d->over[i] = true;
        d->left--;
    }
}

static void drive(driver *d, size_t slots, double stop_after)
{
    const isg_worker_sink sink = {d, on_started, on_checkpoint, on_ended};
    double begun = isg_time_mono();
    bool stopped = stop_after <= 0;
    while (d->left && isg_time_mono() < begun + limit_s) {
        for (size_t i = 0; i < d->plan->n_runs && d->running < slots; i++) {
            if (d->open[i] && parent_done(d, i)) begin(d, i);
        }
        CHECK_OK(isg_exec_runs.step(d->exec, 0.1, &sink));
        write_granted(d);
        if (!stopped && isg_time_mono() > begun + stop_after) {
            isg_exec_runs.stop(d->exec, (isg_msg_attempt){0}, ISG_STOP_CHECKPOINT);
            stopped = true;
        }
    }
    CHECK_EQ_U64(d->left, 0);
    CHECK_EQ_U64(isg_exec_runs.busy(d->exec), 0);
}

int main(int argc, char **argv)
{
    driver d = {0};
    isg_plan *plan = NULL;
    if (argc < 4) return 2;
    (void)signal(SIGPIPE, SIG_IGN);
    size_t slots = (size_t)strtoul(argv[3], NULL, 10);
    char *store = isg_path_join(argv[2], "s.h5");

    d.work = isg_work_dir(store);
    CHECK_OK(isg_plan_load(argv[1], NULL, &plan));
    if (!plan || plan->n_runs > MAX_RUNS) return 2;
    CHECK_OK(isg_dir_make(d.work));
    CHECK_OK(isg_store_create(store, plan));
    CHECK_OK(isg_store_open(store, ISG_STORE_WRITE, false, &d.store));
    d.plan = plan;
    d.left = plan->n_runs;
    for (size_t i = 0; i < plan->n_runs; i++) d.open[i] = true;
    const isg_runs_options options = {.plan = plan, .store = d.store, .work_dir = d.work, .slots = slots, .cores = slots};
    CHECK_OK(isg_exec_runs_create(&options, &d.exec));
    if (d.exec) drive(&d, slots, argc > 4 ? strtod(argv[4], NULL) : 0);
    isg_exec_runs_destroy(&d.exec);
    isg_store_close(&d.store);
    isg_plan_destroy(&plan);
    free(d.work);
    free(store);
    return check_done();
}
