/* isg_run_blocks: the job on the leader's side, and the two put together. */

#include "blocks.h"

#include "isogloss/os.h"
#include "leader.h"
#include "loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct blocks_job {
    const isg_blocks *blocks;
    size_t done;
    isg_err rc; /* of the last attempt that failed */
    char text[ISG_MSG_TEXT];
} blocks_job;

static double no_progress(void *self, uint32_t task, uint64_t tokens)
{
    (void)self;
    (void)task;
    (void)tokens;
    return 0;
}

static isg_err collect(void *self, const isg_msg_written *w)
{
    blocks_job *job = self;
    return job->blocks->collect(job->blocks->ctx, w->of.task, w->data, w->n);
}

static isg_err mark(void *self, const isg_job_mark *marks, size_t n)
{
    blocks_job *job = self;
    (void)marks;
    job->done += n;
    if (job->blocks->progress) job->blocks->progress(job->blocks->ctx, job->done);
    return ISG_OK;
}

static isg_err attempts(void *self, const isg_job_attempt *a, size_t n)
{
    blocks_job *job = self;
    for (size_t i = 0; i < n; i++) {
        if (a[i].cause != ISG_CAUSE_EXIT) continue;
        job->rc = (isg_err)a[i].code;
        memcpy(job->text, a[i].text, sizeof job->text);
    }
    return ISG_OK;
}

static const isg_job_type blocks_type = {
    .name = "blocks",
    .progress = no_progress,
    .collect = collect,
    .mark = mark,
    .attempts = attempts,
};

static isg_err outcome(const isg_leader *leader, const blocks_job *job)
{
    isg_sched_status st;
    isg_leader_look(leader, &st);
    if (isg_leader_trouble(leader)[0]) return ISG_FAIL(ISG_EFAIL, "%s", isg_leader_trouble(leader));
    if (st.failed) return ISG_FAIL(job->rc ? job->rc : ISG_EFAIL, "%s", job->text);
    if (st.done == st.total) return ISG_OK;
    return ISG_FAIL(ISG_EAGAIN, "stopped after %zu of %zu blocks", st.done, st.total);
}

static isg_err make_leader(isg_comm *comm, blocks_job *job, const char *hash, isg_leader **out)
{
    size_t n = job->blocks->n;
    isg_sched_task *tasks = malloc((n ? n : 1) * sizeof *tasks);
    if (!tasks) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu blocks", n);
    for (size_t i = 0; i < n; i++) {
        tasks[i] = (isg_sched_task){.cost = 1, .parent = ISG_NO_TASK, .cores = 1};
        if (job->blocks->have && job->blocks->have(job->blocks->ctx, i))
            tasks[i].was = ISG_TASK_DONE;
    }
    isg_leader_options opt = {.comm = comm,
                              .type = &blocks_type,
                              .job = job,
                              .sched = isg_sched_defaults(),
                              .tasks = tasks,
                              .n_tasks = n,
                              .hash = hash,
                              .numerics = ""};
    opt.sched.retries[ISG_CAUSE_EXIT] = 1;
    opt.sched.retries[ISG_CAUSE_KILLED] = 5;
    isg_err rc = isg_leader_create(&opt, out);
    free(tasks);
    return rc;
}

static isg_err make_worker(isg_comm *comm, size_t threads, const char *hash, void *exec,
                           isg_worker **out)
{
    isg_msg_hello hello = {
        .slots = (uint32_t)threads, .cores = (uint32_t)threads, .pid = (int32_t)getpid()};
    (void)snprintf(hello.host, sizeof hello.host, "%s", isg_os_host());
    (void)snprintf(hello.job, sizeof hello.job, "%s", hash);
    return isg_worker_create(comm, 0, &hello, &isg_exec_blocks, exec, out);
}

/* All ranks agree on it: where nothing is left there is nothing to lead. */
static isg_err any_left(isg_comm *comm, const isg_blocks *blocks, bool *left)
{
    int open = 1;
    if (isg_comm_rank(comm) == 0 && blocks->have) {
        size_t b = 0;
        while (b < blocks->n && blocks->have(blocks->ctx, b)) b++;
        open = b < blocks->n;
    }
    isg_err rc = isg_comm_min_int(comm, &open);
    *left = open;
    return rc;
}

static isg_err run_blocks(isg_comm *comm, const isg_blocks *blocks, size_t threads)
{
    bool alone = isg_comm_size(comm) == 1, leads = isg_comm_rank(comm) == 0;
    blocks_job job = {.blocks = blocks};
    isg_loop loop = {.comm = comm};
    void *exec = NULL;
    char hash[72];
    bool left = true;
    isg_err rc = any_left(comm, blocks, &left);

    if (rc || !left) return rc;
    (void)snprintf(hash, sizeof hash, "%zu blocks", blocks->n);
    if (!threads) threads = isg_comm_is_mpi(comm) ? 1 : isg_os_cores();
    if (leads) rc = make_leader(comm, &job, hash, &loop.leader);
    if (!rc && (alone || !leads)) rc = isg_exec_blocks_create(blocks, threads, &exec);
    if (!rc && exec) rc = make_worker(comm, threads, hash, exec, &loop.worker);
    rc = isg_comm_agree(comm, rc);
    if (!rc) rc = isg_loop_run(&loop);
    if (!rc && loop.leader)
        rc = outcome(loop.leader, &job);
    else if (!rc)
        rc = isg_worker_outcome(loop.worker);
    isg_worker_destroy(&loop.worker);
    isg_exec_blocks_destroy(&exec);
    isg_leader_destroy(&loop.leader);
    return rc;
}

isg_err isg_run_blocks(isg_comm *comm, const isg_blocks *blocks, size_t threads)
{
    if (!blocks->n) return ISG_OK;
    if (comm) return run_blocks(comm, blocks, threads);
    ISG_TRY(isg_comm_open_alone(&comm));
    isg_err rc = run_blocks(comm, blocks, threads);
    isg_comm_close(&comm, true);
    return rc;
}
