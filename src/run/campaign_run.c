/*
 * `isogloss run`: one launch of a campaign.
 *
 * Everything collective happens before the first task: plan, numerics, store,
 * agreement. From then on ranks only exchange messages, so that the death of
 * one hangs nobody. A launch that finds nothing to do ends before the run phase.
 */

#include "isogloss/advice.h"
#include "isogloss/build.h"
#include "isogloss/log.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "isogloss/plan.h"
#include "isogloss/run.h"
#include "isogloss/store.h"
#include "isogloss/str.h"

#include "campaign_job.h"
#include "exec_runs.h"
#include "leftover.h"
#include "limit.h"
#include "loop.h"
#include "progress.h"
#include "resources.h"
#include "work.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct launch {
    const isg_campaign_options *opt;
    isg_comm *comm;
    bool leads, works;
    isg_plan *plan;
    char *path, *work_dir; /* of the store and its work directory, absolute */
    isg_lock *lock;        /* rank 0 */
    isg_store *store;
    isg_campaign_job job; /* rank 0 */
    isg_resources resources;
    size_t most_cores, most_gpus; /* of any worker */
    bool ready;                   /* rank 0: what is left is known, and some worker can begin it */
    void *exec;
    isg_leader *leader;
    isg_worker *worker;
    isg_progress *progress;
    isg_launch row;
    size_t row_index;
    bool alone;          /* a rank died, or must not be waited for */
    double started, end; /* monotonic clock */
} launch;

/* ---- plan, numerics, store --------------------------------------------------- */

static isg_err load_plan(launch *l, const char *numerics)
{
    isg_plan_options opt = {.numerics = numerics, .corpus_override = l->opt->corpus};
    isg_plan_destroy(&l->plan);
    return isg_plan_load(l->opt->campaign, &opt, &l->plan);
}

static isg_err find_paths(launch *l)
{
    char *name = l->opt->store ? isg_strdup(l->opt->store) : isg_strf("%s.h5", l->plan->name);
    l->path = name ? isg_path_absolute(name) : NULL;
    free(name);
    l->work_dir = l->path ? isg_work_dir(l->path) : NULL;
    return l->work_dir ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
}

static isg_err open_store(launch *l)
{
    return isg_store_open(l->path, ISG_STORE_WRITE, isg_comm_is_mpi(l->comm), &l->store);
}

/* The store half created or grown ("NAME.h5.tmp"), and what Open MPI puts beside an open file and
 * leaves there when it is killed ("NAME.h5-JOB-PID.lock", "NAME.h5.locktest.0"). */
static bool is_leftover(const char *tail)
{
    size_t digits = strspn(tail, "-0123456789");
    return !strcmp(tail, ".tmp") || !strncmp(tail, ".locktest.", 10) ||
           (tail[0] == '-' && digits > 1 && !strcmp(tail + digits, ".lock"));
}

/* Under the lock, so that nobody has these files open. */
static isg_err remove_leftovers(const launch *l)
{
    isg_err rc = ISG_OK;
    char *folder = isg_path_dir(l->path);
    const char *name = isg_path_base(l->path);
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *e; !rc && dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, name, strlen(name)) || !is_leftover(e->d_name + strlen(name)))
            continue;
        char *path = isg_path_join(folder, e->d_name);
        rc = path ? isg_path_remove(path) : ISG_FAIL(ISG_ENOMEM, "out of memory");
        free(path);
    }
    if (dir) (void)closedir(dir);
    free(folder);
    return rc;
}

/* Rank 0: the lock, then the store if there is one. */
static isg_err take_store(launch *l)
{
    ISG_TRY(isg_lock_take(l->path, &l->lock));
    ISG_TRY(remove_leftovers(l));
    return isg_path_exists(l->path) ? open_store(l) : ISG_OK;
}

/* What every rank can do, or what the store was made with: the same on all ranks. */
static isg_err agree_numerics(launch *l)
{
    if (l->plan->trainer != ISG_TRAINER_PROXY || l->opt->numerics) return ISG_OK;
    int wanted = l->store ? isg_numerics_level(isg_store_numerics(l->store)) : INT_MAX;
    ISG_TRY(isg_comm_min_int(l->comm, &wanted));
    if (wanted == INT_MAX) {
        wanted = isg_numerics_level(l->plan->numerics);
        ISG_TRY(isg_comm_min_int(l->comm, &wanted));
    }
    isg_err rc = ISG_OK;
    if (wanted != isg_numerics_level(l->plan->numerics)) {
        const char *name = isg_numerics_of_level(wanted);
        if (isg_numerics_supported(name))
            rc = load_plan(l, name);
        else
            rc = ISG_FAIL(ISG_EFAIL, "%s cannot compute with %s, which this store wants",
                          isg_os_host(), name);
    }
    return isg_comm_agree(l->comm, rc);
}

/* Room for the records of this launch. Without it the oldest ones give way, which stops nobody. */
static isg_err make_room(launch *l)
{
    bool full = false;
    size_t kept, added;
    ISG_TRY(isg_store_is_full(l->store, &full));
    if (!full) return ISG_OK;
    isg_store_close(&l->store);
    if (isg_store_extend(l->path, l->plan, &kept, &added)) {
        ISG_WARN("run", "no more room for records of attempts and launches: %s", isg_err_message());
        isg_err_clear();
    }
    return open_store(l);
}

/* What the user chose and must not forget, once: when the store is made. */
static isg_err say_advice(const launch *l)
{
    isg_advice_list advice;
    ISG_TRY(isg_plan_advise(l->plan, 0, &advice));
    for (size_t i = 0; i < advice.n; i++) {
        if (advice.item[i].at_run) ISG_WARN("run", "%s", advice.item[i].text);
    }
    isg_advice_free(&advice);
    return ISG_OK;
}

/* Collective: the largest number over all workers. */
static isg_err find_most(const launch *l, size_t own, size_t *most)
{
    int least = l->works ? -(int)(own < INT_MAX ? own : INT_MAX) : 0;
    ISG_TRY(isg_comm_min_int(l->comm, &least));
    *most = (size_t)-least;
    return ISG_OK;
}

static isg_err find_resources(launch *l)
{
    isg_err rc = isg_resources_find(l->comm, l->opt->slots, &l->resources);
    ISG_TRY(isg_comm_agree(l->comm, rc)); /* one without memory must not leave the others waiting */
    ISG_TRY(find_most(l, l->resources.cores, &l->most_cores));
    return find_most(l, l->resources.gpus, &l->most_gpus);
}

static size_t n_shards(const launch *l)
{
    return l->opt->n_shards ? l->opt->n_shards : 1;
}

/* Rank 0: runs that no worker could begin are refused before anything is made or trained. Of those
 * that are left, once that is known. */
static isg_err check_fits(launch *l)
{
    size_t n = 0, cores = 0, gpus = 0;
    for (size_t i = 0; i < l->plan->n_runs; i++) {
        const isg_run *r = &l->plan->runs[i];
        const bool left = l->job.tasks
                              ? l->job.tasks[i].was == ISG_TASK_OPEN
                              : isg_campaign_job_is_ours(l->plan, i, l->opt->shard, n_shards(l));
        if (!left || (r->cores <= l->most_cores && r->gpus <= l->most_gpus)) continue;
        if (!r->trunk) n++;
        if (r->cores > cores) cores = r->cores;
        if (r->gpus > gpus) gpus = r->gpus;
    }
    const bool by_gpus = gpus > l->most_gpus;
    if (!by_gpus && cores <= l->most_cores) return ISG_OK;
    const char *what = by_gpus ? "GPUs" : "cores";
    const size_t wanted = by_gpus ? gpus : cores;
    char who[96];
    if (n == 1)
        (void)snprintf(who, sizeof who, "1 run takes %zu %s", wanted, what);
    else
        (void)snprintf(who, sizeof who, "%zu runs take up to %zu %s each", n, wanted, what);
    return ISG_FAIL(ISG_ESPEC,
                    "%s: %s, and no worker here has more than %zu: lower '%s' under 'resources', "
                    "or run it where a worker has so many%s; nothing was trained",
                    l->opt->campaign, who, by_gpus ? l->most_gpus : l->most_cores,
                    by_gpus ? "gpus" : "cores", by_gpus ? "" : " (mpirun --map-by slot:PE=CORES)");
}

/* Rank 0: a store that fits the plan, and what is left to do. */
static isg_err prepare_store(launch *l)
{
    if (!l->store) {
        ISG_TRY(check_fits(l));
        ISG_TRY(isg_store_create(l->path, l->plan));
        ISG_TRY(open_store(l));
        ISG_TRY(say_advice(l));
    }
    ISG_TRY(isg_store_check_plan(l->store, l->plan));
    ISG_TRY(make_room(l));
    l->job = (isg_campaign_job){.plan = l->plan,
                                .store = l->store,
                                .lock = l->lock,
                                .work_dir = l->work_dir,
                                .retry_failed = l->opt->retry_failed};
    ISG_TRY(isg_campaign_job_load(&l->job, l->opt->shard, n_shards(l)));
    ISG_TRY(check_fits(l));
    ISG_TRY(isg_campaign_job_begin(&l->job));
    ISG_TRY(isg_dir_make(l->work_dir));
    l->ready = true;
    return ISG_OK;
}

static isg_err start_up(launch *l)
{
    isg_err rc = load_plan(l, l->opt->numerics);
    if (!rc) rc = find_paths(l);
    ISG_TRY(isg_comm_agree(l->comm, rc));
    if (l->leads) rc = take_store(l);
    ISG_TRY(isg_comm_agree(l->comm, rc));
    ISG_TRY(agree_numerics(l));
    ISG_TRY(find_resources(l));
    if (l->leads) rc = prepare_store(l);
    return isg_comm_agree(l->comm, rc);
}

/* ---- the record of this launch ------------------------------------------------ */

static void put_launch(launch *l)
{
    if (!isg_store_put_launch(l->store, &l->row, &l->row_index)) return;
    ISG_WARN("run", "this launch is not recorded: %s", isg_err_message());
    isg_err_clear();
}

static void begin_record(launch *l)
{
    const char *job = getenv("SLURM_JOB_ID");
    isg_launch *r = &l->row;
    *r = (isg_launch){.ranks = isg_comm_size(l->comm), .start = isg_time_now()};
    (void)snprintf(r->version, sizeof r->version, "%s", isg_build_version());
    (void)snprintf(r->commit, sizeof r->commit, "%s", isg_build_commit());
    (void)snprintf(r->flags, sizeof r->flags, "%s", isg_build_flags());
    (void)snprintf(r->host, sizeof r->host, "%s", isg_os_host());
    (void)snprintf(r->job, sizeof r->job, "%s", job ? job : "");
    l->row_index = ISG_NO_RUN;
    put_launch(l);
}

static void end_record(launch *l, isg_err rc)
{
    l->row.end = isg_time_now();
    l->row.exit_status = isg_err_exit_status(rc);
    put_launch(l);
}

/* ---- the run phase ------------------------------------------------------------- */

static isg_sched_options sched_options(const launch *l)
{
    const isg_limits *limits = &l->plan->limits;
    isg_sched_options o = isg_sched_defaults();
    o.retries[ISG_CAUSE_CRASH] = limits->retry_crash;
    o.retries[ISG_CAUSE_EXIT] = limits->retry_exit;
    o.retries[ISG_CAUSE_PROTOCOL] = limits->retry_protocol;
    o.retries[ISG_CAUSE_SILENCE] = limits->retry_silence;
    o.retries[ISG_CAUSE_TIME] = limits->retry_time;
    o.retries[ISG_CAUSE_MEMORY] = limits->retry_memory;
    o.retries[ISG_CAUSE_KILLED] = limits->retry_killed;
    o.retries[ISG_CAUSE_DIVERGED] = limits->retry_diverged;
    if (l->plan->trainer == ISG_TRAINER_SYNTHETIC)
        o.lanes = ISG_MSG_BUNDLE;
    else if (limits->checkpoint_every_s > 0)
        o.checkpoint_s = limits->checkpoint_every_s;
    o.end = l->end;
    o.margin_s = fmin(60, 0.05 * (l->end - isg_time_mono()));
    if (!isfinite(o.margin_s)) o.margin_s = 0;
    return o;
}

static isg_err make_leader(launch *l)
{
    isg_leader_options o = {.comm = l->comm,
                            .type = &isg_campaign_job_type,
                            .job = &l->job,
                            .sched = sched_options(l),
                            .tasks = l->job.tasks,
                            .n_tasks = l->plan->n_runs,
                            .hash = l->plan->hash,
                            .numerics = l->plan->numerics};
    return isg_leader_create(&o, &l->leader);
}

static isg_err make_worker(launch *l)
{
    const isg_resources *r = &l->resources;
    isg_runs_options o = {.plan = l->plan,
                          .store = l->store,
                          .work_dir = l->work_dir,
                          .slots = r->slots,
                          .cores = r->cores,
                          .gpus = r->gpus};
    isg_msg_hello hello = {.slots = (uint32_t)r->slots,
                           .cores = (uint32_t)r->cores,
                           .gpus = (uint32_t)r->gpus,
                           .pid = (int32_t)getpid()};
    ISG_TRY(isg_exec_runs_create(&o, &l->exec));
    (void)snprintf(hello.host, sizeof hello.host, "%s", isg_os_host());
    (void)snprintf(hello.job, sizeof hello.job, "%s", l->plan->hash);
    (void)snprintf(hello.numerics, sizeof hello.numerics, "%s", l->plan->numerics);
    return isg_worker_create(l->comm, 0, &hello, &isg_exec_runs, l->exec, &l->worker);
}

static void count_one(const launch *l, size_t i, isg_campaign_count *out)
{
    isg_run_state s = ISG_RUN_WAITING;
    isg_task_was was = l->job.tasks[i].was;
    if (was == ISG_TASK_NOT_OURS) return;
    if (l->leader) s = isg_sched_state(isg_leader_sched(l->leader), (uint32_t)i);
    out->n++;
    if (was == ISG_TASK_DONE || s == ISG_RUN_DONE)
        out->done++;
    else if (was == ISG_TASK_DIVERGED || s == ISG_RUN_DIVERGED)
        out->diverged++;
    else if (was == ISG_TASK_FAILED || s == ISG_RUN_FAILED)
        out->failed++;
    else
        out->left++;
}

static void count_all(const launch *l, isg_campaign_count *runs, isg_campaign_count *parts)
{
    *runs = *parts = (isg_campaign_count){0};
    for (size_t i = 0; i < l->plan->n_runs; i++)
        count_one(l, i, l->plan->runs[i].trunk ? parts : runs);
}

static void look(void *ctx)
{
    launch *l = ctx;
    isg_sched_status st;
    isg_campaign_count runs, parts;
    if (!l->progress || !isg_progress_due(l->progress)) return;
    isg_leader_look(l->leader, &st);
    count_all(l, &runs, &parts);
    isg_progress_show(l->progress, &st, &runs, &parts);
}

/* What the end of the run phase means, in words that say what to do. */
static isg_err outcome(const launch *l)
{
    isg_campaign_count runs, parts;
    char text[ISG_RUNS_TEXT];
    const char *trouble = isg_leader_trouble(l->leader), *left = text;
    count_all(l, &runs, &parts);
    (void)isg_runs_text(runs.left, parts.left, "", text);
    const bool one = runs.left + parts.left == 1;
    if (trouble[0]) {
        return ISG_FAIL(
            ISG_EAGAIN,
            "a result could not be written: %s; nothing is lost: mend that and run the same "
            "command again",
            trouble);
    }
    switch (isg_leader_why(l->leader)) {
    case ISG_FINISH_ALL: return runs.failed + parts.failed ? ISG_ESOME : ISG_OK;
    case ISG_FINISH_DRAINED:
        return ISG_FAIL(ISG_EAGAIN, "stopped by a signal, %s left: run the same command again",
                        left);
    case ISG_FINISH_TIME:
        return ISG_FAIL(ISG_EAGAIN, "%s %s not fit into the time limit: run the same command again",
                        left, one ? "does" : "do");
    case ISG_FINISH_TOO_LARGE:
        return ISG_FAIL(ISG_EFAIL,
                        "%s %s more cores or GPUs than any worker has (resources: in the campaign; "
                        "cores per rank in the launcher)",
                        left, one ? "needs" : "need");
    case ISG_FINISH_ALONE:
        return ISG_FAIL(ISG_EAGAIN, "no worker is left, %s %s: run the same command again", left,
                        one ? "is" : "are");
    case ISG_FINISH_HELD:
        return ISG_FAIL(ISG_EAGAIN,
                        "%s %s held by workers that are silent: run the same command again", left,
                        one ? "is" : "are");
    }
    return ISG_OK;
}

static isg_err run_phase(launch *l)
{
    isg_err rc = ISG_OK;
    isg_loop loop = {.comm = l->comm, .look = l->leads ? look : NULL, .ctx = l};
    if (!l->leads) rc = open_store(l);
    if (!rc && l->leads) rc = make_leader(l);
    if (!rc && l->works) rc = make_worker(l);
    rc = isg_comm_agree(l->comm, rc);
    if (rc) {
        l->alone = rc == ISG_EAGAIN; /* a rank died */
        return rc;
    }
    loop.leader = l->leader;
    loop.worker = l->worker;
    if (l->leads) {
        begin_record(l);
        l->progress = isg_progress_create();
    }
    double began = isg_time_mono(), cpu = isg_time_cpu();
    rc = isg_loop_run(&loop);
    cpu = isg_time_cpu() - cpu; /* of this rank, without its trainers */
    if (l->leads) {
        ISG_INFO("run", "run phase over runs=%zu start_up_s=%.3f run_s=%.3f cpu_s=%.3f",
                 l->job.committed, began - l->started, isg_time_mono() - began, cpu);
    } else {
        ISG_INFO("run", "run phase over cpu_s=%.3f", cpu);
    }
    isg_progress_destroy(&l->progress);
    l->alone = loop.signals > 1 || (rc && l->leads);
    if (!l->leads) {
        if (!rc) rc = isg_worker_outcome(l->worker);
        bool left = rc && !loop.signals; /* the leader is dead, or has refused us */
        l->alone |= left || isg_worker_alone(l->worker);
        return rc;
    }
    /* Of workers that died; a leader that leaves at once may not have noticed their death yet. */
    bool lost = isg_leader_lost(l->leader);
    if (lost || (loop.signals > 1 && !l->works)) (void)isg_leftover_kill(l->work_dir);
    l->alone |= lost;
    if (!rc) rc = isg_campaign_job_sweep(&l->job);
    if (!rc) rc = outcome(l);
    end_record(l, rc);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------ */

static void summarise(const launch *l, isg_campaign_summary *out)
{
    out->seconds = isg_time_mono() - l->started;
    out->orderly = !l->alone;
    if (!l->ready) return;
    (void)snprintf(out->store, sizeof out->store, "%s", l->path);
    out->now = l->job.committed;
    count_all(l, &out->runs, &out->parts);
}

static void clean_up(launch *l)
{
    isg_worker_destroy(&l->worker);
    isg_exec_runs_destroy(&l->exec);
    isg_leader_destroy(&l->leader);
    isg_campaign_job_free(&l->job);
    isg_store_close(&l->store);
    if (l->alone && l->lock) (void)remove_leftovers(l); /* of the rank that died */
    isg_lock_release(&l->lock);
    free(l->path);
    free(l->work_dir);
    isg_plan_destroy(&l->plan);
}

isg_err isg_run_campaign(isg_comm *comm, const isg_campaign_options *options,
                         isg_campaign_summary *summary)
{
    launch l = {.opt = options,
                .comm = comm,
                .leads = isg_comm_rank(comm) == 0,
                .started = isg_time_mono()};
    l.works = !l.leads || isg_comm_size(comm) == 1;
    *summary = (isg_campaign_summary){.orderly = true};
    l.end = (double)INFINITY;
    if (l.leads) l.end = l.started + isg_time_left(options->time_limit_s);

    isg_err rc = start_up(&l);
    l.alone = rc == ISG_EAGAIN; /* a rank died */
    int left = l.leads && !rc && l.job.left > 0;
    if (!l.leads) left = 1;
    if (!rc) rc = isg_comm_min_int(comm, &left);
    if (!rc && left) rc = run_phase(&l);
    summarise(&l, summary);
    if (!rc && summary->runs.failed + summary->parts.failed) rc = ISG_ESOME;
    clean_up(&l);
    return rc;
}
