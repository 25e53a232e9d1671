#include "campaign_job.h"

#include "isogloss/log.h"
#include "isogloss/os.h"
#include "isogloss/str.h"
#include "trial.h"
#include "work.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- while it runs --------------------------------------------------------- */

static isg_err describe(void *self, isg_msg_task *t)
{
    isg_campaign_job *job = self;
    const isg_run *run = &job->plan->runs[t->task];
    if (run->parent != ISG_NO_RUN && !job->diverged[run->parent])
        t->parent_attempt = job->mark_attempt[run->parent];
    if (t->attempt == 1) return ISG_OK;
    isg_work_state found;
    ISG_TRY(isg_work_scan(job->work_dir, run->id, &found));
    if (found.checkpoint_attempt < t->attempt) t->resume_attempt = found.checkpoint_attempt;
    return ISG_OK;
}

/* Of the run's own work: what it has of its trunk was done before. */
static double share(const isg_run *run, uint64_t tokens)
{
    if (!run->tokens || tokens >= run->tokens) return 1;
    if (tokens <= run->from) return 0;
    return (double)(tokens - run->from) / (double)(run->tokens - run->from);
}

static double progress(void *self, uint32_t task, uint64_t tokens)
{
    const isg_campaign_job *job = self;
    return share(&job->plan->runs[task], tokens);
}

/* The checkpoint of a part of a trunk is for its children, unless somebody asked for it. */
static bool is_kept(const isg_campaign_job *job, size_t i)
{
    const isg_run *r = &job->plan->runs[i];
    return !r->trunk || r->asked || job->plan->limits.keep_all_checkpoints || job->needed[i] > 0;
}

/* What a committed run leaves in the work directory. */
static isg_err clean(const isg_campaign_job *job, size_t i)
{
    const char *id = job->plan->runs[i].id;
    if (is_kept(job, i)) {
        isg_msg_attempt of = {.task = (uint32_t)i, .attempt = job->mark_attempt[i]};
        return isg_trial_clean(job->plan, job->work_dir, of);
    }
    char *dir = isg_work_run_dir(job->work_dir, id);
    isg_err rc = dir ? isg_path_remove(dir) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    free(dir);
    return rc;
}

/* A run has its result: does its trunk still serve another? */
static void leave_trunk(isg_campaign_job *job, size_t i)
{
    const isg_run *r = &job->plan->runs[i];
    if (!r->from || job->mark_attempt[i] || --job->needed[r->parent] || is_kept(job, r->parent))
        return;
    if (clean(job, r->parent)) { /* the next sweep tries again */
        ISG_WARN("run", "cannot clean up after run %s: %s", job->plan->runs[r->parent].id,
                 isg_err_message());
        isg_err_clear();
    }
}

static isg_err mark(void *self, const isg_job_mark *marks, size_t n)
{
    isg_campaign_job *job = self;
    isg_err rc = ISG_OK;
    isg_mark *rows = calloc(n, sizeof *rows);
    if (!rows) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu marks", n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (isg_mark){.slot = job->slot[marks[i].task],
                             .attempt = marks[i].attempt,
                             .crc = marks[i].crc,
                             .state = marks[i].diverged ? ISG_RUN_DIVERGED : ISG_RUN_DONE};
        (void)snprintf(rows[i].host, sizeof rows[i].host, "%s", marks[i].host);
        (void)snprintf(rows[i].device, sizeof rows[i].device, "%s", marks[i].device);
    }
    rc = isg_lock_check(job->lock);
    if (!rc) rc = isg_store_mark(job->store, rows, n);
    for (size_t i = 0; i < n && !rc; i++) {
        leave_trunk(job, marks[i].task);
        job->mark_attempt[marks[i].task] = marks[i].attempt;
        job->diverged[marks[i].task] = marks[i].diverged;
    }
    if (!rc) job->committed += n;
    free(rows);
    return rc;
}

static isg_err attempts(void *self, const isg_job_attempt *a, size_t n)
{
    const isg_campaign_job *job = self;
    isg_attempt *rows = calloc(n, sizeof *rows);
    if (!rows) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu attempts", n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (isg_attempt){.slot = job->slot[a[i].task],
                                .number = a[i].number,
                                .rank = a[i].rank,
                                .cause = a[i].cause,
                                .code = a[i].code,
                                .start = a[i].start,
                                .end = a[i].end};
        memcpy(rows[i].host, a[i].host, sizeof rows[i].host);
        memcpy(rows[i].message, a[i].text, sizeof rows[i].message);
    }
    isg_err rc = isg_store_put_attempts(job->store, rows, n);
    free(rows);
    return rc;
}

static isg_err states(void *self, const isg_job_state *s, size_t n)
{
    const isg_campaign_job *job = self;
    isg_state *rows = calloc(n, sizeof *rows);
    if (!rows) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu states", n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (isg_state){job->slot[s[i].task], s[i].state, s[i].attempts};
    }
    isg_err rc = isg_store_put_states(job->store, rows, n);
    free(rows);
    return rc;
}

static isg_err keep(void *self)
{
    const isg_campaign_job *job = self;
    return isg_lock_check(job->lock);
}

const isg_job_type isg_campaign_job_type = {
    .name = "campaign",
    .describe = describe,
    .progress = progress,
    .mark = mark,
    .attempts = attempts,
    .states = states,
    .keep = keep,
};

/* ---- at launch ------------------------------------------------------------- */

bool isg_campaign_job_is_ours(const isg_plan *plan, size_t i, size_t shard, size_t n_shards)
{
    while (plan->runs[i].parent != ISG_NO_RUN) i = plan->runs[i].parent;
    char head[9];
    memcpy(head, plan->runs[i].id, 8);
    head[8] = '\0';
    return strtoul(head, NULL, 16) % n_shards == shard;
}

static isg_task_was was_of(isg_run_state s, bool retry_failed)
{
    switch (s) {
    case ISG_RUN_DONE: return ISG_TASK_DONE;
    case ISG_RUN_DIVERGED: return ISG_TASK_DIVERGED;
    case ISG_RUN_FAILED: return retry_failed ? ISG_TASK_OPEN : ISG_TASK_FAILED;
    default: return ISG_TASK_OPEN; /* writers of an earlier launch are gone: we have the lock */
    }
}

/* Runs whose shape is the same may share a process (lanes). */
static uint64_t shape_key(const isg_shape *s)
{
    return (uint64_t)s->layers << 48 ^ (uint64_t)s->d << 24 ^ (uint64_t)s->heads << 16 ^ s->context;
}

static void fill_task(isg_campaign_job *job, size_t i, const isg_run_record *r)
{
    const isg_run *run = &job->plan->runs[i];
    job->tasks[i] =
        (isg_sched_task){.cost = run->flops,
                         .key = shape_key(&run->shape),
                         .parent = run->parent == ISG_NO_RUN ? ISG_NO_TASK : (uint32_t)run->parent,
                         .follows = run->from > 0,
                         .cores = run->cores ? run->cores : 1,
                         .gpus = run->gpus,
                         .attempts = r->attempts,
                         .was = was_of(r->state, job->retry_failed)};
    job->mark_attempt[i] = r->mark_attempt;
    job->diverged[i] = r->state == ISG_RUN_DIVERGED;
}

/* What the store says is running, is not: nobody else has the lock. */
static isg_err bury_running(const isg_campaign_job *job)
{
    for (size_t i = 0; i < job->plan->n_runs; i++) {
        const isg_run_record *r = &job->records[job->slot[i]];
        isg_attempt a = {.slot = job->slot[i],
                         .number = r->attempts,
                         .rank = -1,
                         .cause = ISG_CAUSE_KILLED,
                         .end = isg_time_now(),
                         .message = "the job ended while it ran"};
        if (job->tasks[i].was == ISG_TASK_NOT_OURS || r->state != ISG_RUN_RUNNING || !r->attempts)
            continue;
        ISG_TRY(isg_store_put_attempts(job->store, &a, 1));
    }
    return ISG_OK;
}

/* Count what the work directory holds; remove what belongs to committed runs. */
static isg_err visit_run_dir(isg_campaign_job *job, const char *id)
{
    size_t i = isg_plan_find(job->plan, id);
    isg_work_state found;
    if (i == ISG_NO_RUN) return ISG_OK;
    isg_sched_task *t = &job->tasks[i];
    ISG_TRY(isg_work_scan(job->work_dir, id, &found));
    if (found.last_attempt > t->attempts) t->attempts = found.last_attempt;
    if (t->was == ISG_TASK_OPEN) t->progress = share(&job->plan->runs[i], found.checkpoint_tokens);
    if (t->progress >= 1) t->progress = 0.999; /* all tokens are there, the end was not said */
    return ISG_OK;
}

static isg_err each_run_dir(const isg_campaign_job *job,
                            isg_err (*visit)(isg_campaign_job *, const char *),
                            isg_campaign_job *ctx)
{
    isg_err rc = ISG_OK;
    char *path = isg_path_join(job->work_dir, "runs");
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    DIR *dir = opendir(path);
    for (struct dirent *e; !rc && dir && (e = readdir(dir));) {
        if (strlen(e->d_name) == ISG_RUN_ID_CHARS) rc = visit(ctx, e->d_name);
    }
    if (dir) (void)closedir(dir);
    free(path);
    return rc;
}

static isg_err sweep_one(isg_campaign_job *job, const char *id)
{
    size_t i = isg_plan_find(job->plan, id);
    return i == ISG_NO_RUN || !job->mark_attempt[i] ? ISG_OK : clean(job, i);
}

isg_err isg_campaign_job_sweep(const isg_campaign_job *job)
{
    isg_campaign_job copy = *job; /* visitors of another kind may write to it */
    return each_run_dir(job, sweep_one, &copy);
}

/* Runs with a result that went on from this one. */
static size_t finished_children(const isg_campaign_job *job, size_t parent)
{
    size_t n = 0;
    for (size_t i = 0; i < job->plan->n_runs; i++)
        n += job->plan->runs[i].parent == parent && job->tasks[i].was == ISG_TASK_DONE;
    return n;
}

/* Proxies give the same bits again; of a command nobody knows. */
static void say_made_again(const isg_campaign_job *job, size_t parent, size_t child)
{
    const isg_run *runs = job->plan->runs;
    const char *id = runs[parent].id, *why = runs[child].id;
    const size_t n = finished_children(job, parent);
    char more[160] = "";
    if (job->plan->trainer != ISG_TRAINER_COMMAND) {
        ISG_INFO("run", "run %s is made again: its checkpoint is gone and run %s needs it", id,
                 why);
        return;
    }
    if (n) {
        (void)snprintf(more, sizeof more,
                       "; %zu finished run%s went on from the earlier training, not from this one",
                       n, n == 1 ? "" : "s");
    }
    ISG_WARN("run",
             "run %s is trained again: its checkpoint is gone and run %s needs it. Its losses in "
             "the store are replaced, by others if the command does not train the same twice%s. "
             "'checkpoint: true' in a family keeps its checkpoints",
             id, why, more);
}

/* A run to be made goes on from a checkpoint of its parent. Where that is gone, because nobody
 * needed it before the campaign was extended, the parent is made again, from its own parent. */
static void reopen_parents(isg_campaign_job *job, size_t i)
{
    const isg_plan *plan = job->plan;
    for (size_t p = plan->runs[i].parent; p != ISG_NO_RUN; p = plan->runs[p].parent) {
        char name[ISG_WORK_NAME];
        uint64_t tokens = 0;
        bool gone = isg_work_checkpoint(job->work_dir, plan->runs[p].id, job->mark_attempt[p], name,
                                        &tokens) != ISG_OK;
        isg_err_clear();
        if (job->tasks[p].was != ISG_TASK_DONE || (!gone && tokens == plan->runs[p].tokens)) return;
        say_made_again(job, p, i);
        job->tasks[p].was = ISG_TASK_OPEN;
        job->mark_attempt[p] = 0;
        job->left++;
        i = p;
    }
}

/* Open tasks whose record is not what they begin with. */
static isg_err put_first_states(const isg_campaign_job *job)
{
    size_t n = 0;
    isg_state *rows = calloc(job->plan->n_runs + 1, sizeof *rows);
    if (!rows) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu states", job->plan->n_runs);
    for (size_t i = 0; i < job->plan->n_runs; i++) {
        const isg_sched_task *t = &job->tasks[i];
        const isg_run_record *r = &job->records[job->slot[i]];
        if (t->was != ISG_TASK_OPEN) continue;
        isg_task_was parent = t->parent == ISG_NO_TASK ? ISG_TASK_DONE : job->tasks[t->parent].was;
        bool ready =
            parent == ISG_TASK_DONE || (parent == ISG_TASK_DIVERGED && job->tasks[i].follows);
        isg_run_state is = parent == ISG_TASK_OPEN ? ISG_RUN_WAITING
                           : ready                 ? ISG_RUN_READY
                                                   : ISG_RUN_FAILED;
        if (r->state == is && r->attempts == t->attempts) continue;
        rows[n++] = (isg_state){job->slot[i], is, t->attempts};
    }
    isg_err rc = isg_store_put_states(job->store, rows, n);
    free(rows);
    return rc;
}

static isg_err load(isg_campaign_job *job, size_t shard, size_t n_shards)
{
    size_t n = job->plan->n_runs;
    ISG_TRY(isg_store_read_records(job->store, true, job->records));
    for (size_t i = 0; i < n; i++) {
        const isg_run *run = &job->plan->runs[i];
        job->slot[i] = isg_store_find(job->store, run->id);
        if (job->slot[i] == ISG_NO_RUN)
            return ISG_FAIL(ISG_ESTORE, "run %s has no slot in the store", run->id);
        const isg_run_record *r = &job->records[job->slot[i]];
        fill_task(job, i, r);
        if (!isg_campaign_job_is_ours(job->plan, i, shard, n_shards)) {
            job->tasks[i].was = ISG_TASK_NOT_OURS;
            continue;
        }
        job->left += job->tasks[i].was == ISG_TASK_OPEN;
    }
    bool files = job->plan->trainer != ISG_TRAINER_SYNTHETIC; /* its runs need no checkpoints */
    for (size_t i = n; files && i-- > 0;) {
        if (job->tasks[i].was == ISG_TASK_OPEN) reopen_parents(job, i);
    }
    for (size_t i = 0; i < n; i++) {
        const isg_run *run = &job->plan->runs[i];
        if (run->from && !job->mark_attempt[i]) job->needed[run->parent]++;
    }
    return each_run_dir(job, visit_run_dir, job);
}

isg_err isg_campaign_job_load(isg_campaign_job *job, size_t shard, size_t n_shards)
{
    size_t n = job->plan->n_runs;
    job->records = calloc(isg_store_runs(job->store) + 1, sizeof *job->records);
    job->slot = calloc(n + 1, sizeof *job->slot);
    job->mark_attempt = calloc(n + 1, sizeof *job->mark_attempt);
    job->tasks = calloc(n + 1, sizeof *job->tasks);
    job->needed = calloc(n + 1, sizeof *job->needed);
    job->diverged = calloc(n + 1, sizeof *job->diverged);
    if (!job->records || !job->slot || !job->mark_attempt || !job->tasks || !job->needed ||
        !job->diverged)
        return ISG_FAIL(ISG_ENOMEM, "no memory for %zu runs", n);
    return load(job, shard, n_shards);
}

isg_err isg_campaign_job_begin(isg_campaign_job *job)
{
    ISG_TRY(bury_running(job));
    ISG_TRY(put_first_states(job));
    free(job->records);
    job->records = NULL;
    return isg_campaign_job_sweep(job);
}

void isg_campaign_job_free(isg_campaign_job *job)
{
    free(job->records);
    free(job->slot);
    free(job->mark_attempt);
    free(job->tasks);
    free(job->needed);
    free(job->diverged);
    job->records = NULL;
    job->slot = NULL;
    job->needed = NULL;
    job->diverged = NULL;
    job->mark_attempt = NULL;
    job->tasks = NULL;
}
