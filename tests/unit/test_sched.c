/*
 * The scheduler against a model of the world: workers that run, crash, fall
 * silent, come back and die at random, with messages delivered in random order.
 * Invariants are checked at every action. Then size and quality: a million
 * tasks on ten thousand workers, and the makespan against its lower bound.
 */

#include "check.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"
#include "run/sched.h"

#include <stdlib.h>

enum { TASKS = 60, WORKERS = 6, SLOTS = 3, QUEUE = 4096 };

typedef struct world_task {
    uint32_t marks;
    uint32_t attempt;
    int writer; /* live worker that holds a grant, or -1 */
    bool done;
} world_task;

typedef struct world_worker {
    bool alive, silent, known;
    isg_event queue[QUEUE]; /* said, not yet delivered; in order */
    size_t head, tail;
    uint32_t cores_used, gpus_used, slots_used;
    uint32_t bundle_left[TASKS * 16], bundle_cores[TASKS * 16], bundle_gpus[TASKS * 16], n_bundles;
    int bundle_of[TASKS]; /* of a task that runs here, or -1 */
    uint32_t attempt_of[TASKS];
    bool granted[TASKS];
} world_worker;

typedef struct world {
    isg_rng rng;
    isg_sched *sched;
    isg_sched_task in[TASKS];
    world_task tasks[TASKS];
    world_worker *workers;
    double now;
    bool drained, finished, bad;
    isg_finish why;
    double faults; /* probability of one at each step */
    size_t commits, starts;
} world;

static const uint32_t slots_of[WORKERS] = {1, 2, 3, 1, 2, 3};
static const uint32_t cores_of[WORKERS] = {2, 4, 3, 1, 8, 3};
static const uint32_t gpus_of[WORKERS] = {0, 1, 0, 0, 2, 0};

static void demand(world *w, bool good, const char *what)
{
    if (good) return;
    if (!w->bad) fprintf(stderr, "invariant broken: %s\n", what);
    w->bad = true;
}

static void say(world *w, uint32_t id, isg_event e)
{
    world_worker *k = &w->workers[id];
    e.worker = id;
    if (k->tail < QUEUE)
        k->queue[k->tail++] = e;
    else
        demand(w, false, "the model's queue is long enough");
}

/* The worker's bookkeeping of one member of a bundle that is over. */
static void over(world_worker *k, uint32_t t)
{
    int b = k->bundle_of[t];
    if (b < 0) return;
    k->bundle_of[t] = -1;
    if (--k->bundle_left[b]) return;
    k->slots_used--;
    k->cores_used -= k->bundle_cores[b];
    k->gpus_used -= k->bundle_gpus[b];
}

static void kill_all(world_worker *k)
{
    for (uint32_t t = 0; t < TASKS; t++) over(k, t);
}

static void act_start(world *w, const isg_action *a)
{
    world_worker *k = &w->workers[a->worker];
    demand(w, !w->drained, "nothing is started while draining");
    demand(w, a->n >= 1 && a->n <= 4, "a bundle has 1 to L members");
    w->starts += a->n;
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t t = a->task[i], p = w->in[t].parent;
        demand(w, p == ISG_NO_TASK || w->tasks[p].done, "no child before its parent");
        demand(w, !w->tasks[t].done, "what is committed is never started again");
        demand(w, w->tasks[t].writer < 0, "no start while a writer may be writing");
        demand(w, a->attempt[i] > w->tasks[t].attempt, "attempts count up");
        demand(w, w->in[t].key == w->in[a->task[0]].key, "a bundle has one key");
        demand(w, w->in[t].cores == a->cores && w->in[t].gpus == a->gpus,
               "needs are those of the task");
        w->tasks[t].attempt = a->attempt[i];
    }
    if (!k->alive) return;
    uint32_t b = k->n_bundles++;
    k->bundle_left[b] = a->n;
    k->bundle_cores[b] = a->cores;
    k->bundle_gpus[b] = a->gpus;
    k->slots_used++;
    k->cores_used += a->cores;
    k->gpus_used += a->gpus;
    demand(w, k->slots_used <= slots_of[a->worker], "no more than the slots of a worker");
    demand(w, k->cores_used <= cores_of[a->worker] && k->gpus_used <= gpus_of[a->worker],
           "no more cores and GPUs than a worker has");
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t t = a->task[i];
        k->bundle_of[t] = (int)b;
        k->attempt_of[t] = a->attempt[i];
        say(w, a->worker, (isg_event){.kind = ISG_EV_STARTED, .task = t, .attempt = a->attempt[i]});
    }
}

static void act(world *w, const isg_action *a)
{
    world_worker *k = &w->workers[a->worker];
    uint32_t t = a->task[0], attempt = a->attempt[0];
    switch (a->kind) {
    case ISG_ACT_START: act_start(w, a); break;
    case ISG_ACT_GRANT:
        demand(w, w->tasks[t].writer < 0, "one writer at a time");
        demand(w, attempt == w->tasks[t].attempt, "only the current attempt is granted");
        w->tasks[t].writer = (int)a->worker;
        if (!k->alive) break;
        k->granted[t] = true;
        say(w, a->worker,
            (isg_event){.kind = ISG_EV_WRITTEN,
                        .task = t,
                        .attempt = attempt,
                        .ok = isg_rng_double(&w->rng) > w->faults / 20});
        break;
    case ISG_ACT_MARK: {
        demand(w, attempt == w->tasks[t].attempt, "only the current attempt is marked");
        demand(w, w->tasks[t].writer == (int)a->worker, "only what was granted is marked");
        demand(w, ++w->tasks[t].marks == 1 || w->drained, "a task is marked once");
        bool ok = isg_rng_double(&w->rng) > w->faults / 20;
        w->tasks[t].writer = -1;
        w->tasks[t].done = ok && !a->diverged;
        w->commits += ok;
        if (!ok) w->tasks[t].marks--;
        CHECK_OK(isg_sched_event(
            w->sched,
            &(isg_event){
                .kind = ISG_EV_MARKED, .now = w->now, .task = t, .attempt = attempt, .ok = ok}));
        break;
    }
    case ISG_ACT_STOP:
        if (a->how == ISG_STOP_CHECKPOINT) w->drained = true; /* the only reason for it here */
        if (!k->alive) break;
        if (a->how == ISG_STOP_KILL) {
            kill_all(k);
            break;
        }
        for (uint32_t i = 0; i < TASKS; i++) {
            if (k->bundle_of[i] < 0) continue;
            over(k, i);
            say(w, a->worker,
                (isg_event){.kind = ISG_EV_ENDED,
                            .task = i,
                            .attempt = k->attempt_of[i],
                            .cause = ISG_CAUSE_STOPPED});
        }
        break;
    case ISG_ACT_FINISHED:
        demand(w, !w->finished, "finished once");
        w->finished = true;
        w->why = a->why;
        break;
    default: break;
    }
}

static void tell(world *w, isg_event e)
{
    isg_action a;
    e.now = w->now;
    if (e.kind == ISG_EV_WRITTEN && !e.ok && w->workers[e.worker].granted[e.task] &&
        e.attempt == w->tasks[e.task].attempt) {
        w->tasks[e.task].writer = -1; /* said so itself */
    }
    CHECK_OK(isg_sched_event(w->sched, &e));
    while (isg_sched_next(w->sched, &a)) act(w, &a);
}

/* A running task of a worker gets on. */
static void progress(world *w, uint32_t id)
{
    world_worker *k = &w->workers[id];
    uint32_t t = (uint32_t)isg_rng_below(&w->rng, TASKS);
    if (!k->alive || k->bundle_of[t] < 0) return;
    isg_event e = {.task = t, .attempt = k->attempt_of[t]};
    double u = isg_rng_double(&w->rng);
    if (u < 0.3) {
        e.kind = ISG_EV_CHECKPOINT;
        e.progress = isg_rng_double(&w->rng);
        say(w, id, e);
        return;
    }
    e.kind = ISG_EV_ENDED;
    e.cause = ISG_CAUSE_OK;
    if (isg_rng_double(&w->rng) < 0.2 * (w->faults > 0)) {
        e.cause = (isg_cause)(ISG_CAUSE_CRASH + isg_rng_below(&w->rng, 9));
    }
    e.has_result = e.cause == ISG_CAUSE_OK || e.cause == ISG_CAUSE_DIVERGED;
    e.flops = w->in[t].cost;
    e.seconds = 1 + isg_rng_double(&w->rng);
    over(k, t);
    say(w, id, e);
}

static void fault(world *w, uint32_t id)
{
    world_worker *k = &w->workers[id];
    double u = isg_rng_double(&w->rng);
    if (u < 0.05 && k->alive) { /* dies; what it said is still on its way or lost */
        k->alive = false;
        kill_all(k);
        if (isg_rng_double(&w->rng) < 0.5) k->head = k->tail;
    } else if (u < 0.3) {
        k->silent = !k->silent;
    } else if (u < 0.5) { /* a stale or foolish message changes nothing */
        tell(w, (isg_event){.kind = (isg_event_kind)(ISG_EV_STARTED + isg_rng_below(&w->rng, 4)),
                            .worker = (uint32_t)isg_rng_below(&w->rng, WORKERS + 3),
                            .task = (uint32_t)isg_rng_below(&w->rng, TASKS + 3),
                            .attempt = 999,
                            .ok = true,
                            .has_result = true,
                            .cause = ISG_CAUSE_OK});
    } else if (u < 0.52) {
        w->now += 100; /* this process was suspended: nobody is to blame */
    }
}

/* A dead worker is sooner or later known to be dead, as probing its process does. */
static void bury(world *w, uint32_t id)
{
    world_worker *k = &w->workers[id];
    if (k->alive || k->known || k->head < k->tail) return;
    k->known = true;
    for (uint32_t t = 0; t < TASKS; t++) {
        if (w->tasks[t].writer == (int)id) w->tasks[t].writer = -1;
    }
    tell(w, (isg_event){.kind = ISG_EV_DEAD, .worker = id});
}

static void deliver(world *w, uint32_t id)
{
    world_worker *k = &w->workers[id];
    if (k->silent && k->alive) return;
    if (k->head < k->tail) {
        isg_event e = k->queue[k->head++];
        tell(w, e);
    } else if (k->alive) {
        tell(w, (isg_event){.kind = ISG_EV_HEARD, .worker = id});
    }
    if (k->head == k->tail) k->head = k->tail = 0;
}

static void check_counts(world *w)
{
    isg_sched_status st;
    isg_sched_look(w->sched, w->now, &st);
    demand(w,
           st.waiting + st.ready + st.running + st.done + st.diverged + st.failed + st.held ==
               st.total,
           "every task is in one state");
    demand(w, st.busy <= 12 + WORKERS, "busy slots are counted");
    demand(w, st.cost_done <= st.cost * (1 + 1e-9), "no more work is done than there is");
}

static void make_tasks(world *w)
{
    for (uint32_t t = 0; t < TASKS; t++) {
        bool child = t > 5 && isg_rng_below(&w->rng, 3) == 0;
        bool gpu = isg_rng_below(&w->rng, 8) == 0;
        w->tasks[t].writer = -1;
        w->in[t] =
            (isg_sched_task){.cost = 1 + 100 * isg_rng_double(&w->rng),
                             .key = isg_rng_below(&w->rng, 3),
                             .parent = child ? (uint32_t)isg_rng_below(&w->rng, t) : ISG_NO_TASK,
                             .cores = 1 + (uint32_t)isg_rng_below(&w->rng, 2),
                             .gpus = gpu};
    }
}

/* One life of a campaign. @return false if an invariant broke */
static bool run_world(uint64_t seed, double faults, bool drain, size_t *commits, isg_finish *why)
{
    world w = {.faults = faults};
    isg_rng_at(&w.rng, seed, ISG_RNG_TEST, 2);
    w.workers = calloc(WORKERS, sizeof *w.workers);
    make_tasks(&w);
    isg_sched_options opt = isg_sched_defaults();
    opt.workers = WORKERS;
    opt.lanes = 1 + (uint32_t)isg_rng_below(&w.rng, 4);
    for (int c = 0; c < ISG_CAUSES; c++) opt.retries[c] = 3;
    CHECK_OK(isg_sched_create(&opt, w.in, TASKS, &w.sched));
    for (uint32_t id = 0; id < WORKERS; id++) {
        w.workers[id].alive = true;
        for (uint32_t t = 0; t < TASKS; t++) w.workers[id].bundle_of[t] = -1;
        say(&w, id,
            (isg_event){.kind = ISG_EV_JOIN,
                        .host = id / 2,
                        .slots = slots_of[id],
                        .cores = cores_of[id],
                        .gpus = gpus_of[id]});
    }
    size_t steps = 0, drain_at = drain ? isg_rng_below(&w.rng, 400) : SIZE_MAX;
    for (; !w.finished && !w.bad && steps < 200000; steps++) {
        uint32_t id = (uint32_t)isg_rng_below(&w.rng, WORKERS);
        w.now += 0.1 * isg_rng_double(&w.rng);
        if (steps == drain_at) tell(&w, (isg_event){.kind = ISG_EV_DRAIN});
        if (isg_rng_double(&w.rng) < faults) fault(&w, id);
        progress(&w, id);
        deliver(&w, id);
        if (isg_rng_below(&w.rng, 20) == 0) tell(&w, (isg_event){.kind = ISG_EV_TICK});
        if (isg_rng_below(&w.rng, 50) == 0) bury(&w, id);
        check_counts(&w);
    }
    demand(&w, w.finished, "every campaign ends");
    for (uint32_t t = 0; t < TASKS && w.finished && w.why == ISG_FINISH_ALL; t++) {
        isg_run_state s = isg_sched_state(w.sched, t);
        demand(&w, s == ISG_RUN_DONE || s == ISG_RUN_DIVERGED || s == ISG_RUN_FAILED,
               "ended in an end state");
    }
    *commits = w.commits;
    *why = w.why;
    if (w.bad)
        fprintf(stderr, "seed %llu faults %g drain %d\n", (unsigned long long)seed, faults, drain);
    isg_sched_destroy(&w.sched);
    free(w.workers);
    return !w.bad;
}

static void test_random_worlds(void)
{
    size_t ends[8] = {0}, bad = 0, commits;
    isg_finish why;
    for (uint64_t seed = 0; seed < 3000 && bad < 5; seed++) {
        double faults = seed % 3 == 0 ? 0 : 0.02 * (double)(seed % 7);
        bad += !run_world(seed, faults, seed % 5 == 4, &commits, &why);
        ends[why]++;
        if (faults > 0 || seed % 5 == 4) continue;
        CHECK_EQ_U64(why, ISG_FINISH_ALL); /* nothing wrong: everything is committed once */
        CHECK_EQ_U64(commits, TASKS);
    }
    CHECK_EQ_U64(bad, 0);
    CHECK(ends[ISG_FINISH_ALL] > 1000);
    CHECK(ends[ISG_FINISH_DRAINED] > 300);
    printf("worlds: all %zu, drained %zu, alone %zu, held %zu, too large %zu\n",
           ends[ISG_FINISH_ALL], ends[ISG_FINISH_DRAINED], ends[ISG_FINISH_ALONE],
           ends[ISG_FINISH_HELD], ends[ISG_FINISH_TOO_LARGE]);
}

/* ---- one worker by hand ---------------------------------------------------- */

typedef struct bench {
    isg_sched *sched;
    isg_action last[ISG_ACTION_KINDS]; /* newest of each kind */
    size_t count[ISG_ACTION_KINDS];
} bench;

static void feed(bench *b, isg_event e)
{
    isg_action a;
    CHECK_OK(isg_sched_event(b->sched, &e));
    while (isg_sched_next(b->sched, &a)) {
        b->last[a.kind] = a;
        b->count[a.kind]++;
    }
}

static isg_sched_task plain(double cost)
{
    return (isg_sched_task){.cost = cost, .parent = ISG_NO_TASK, .cores = 1};
}

static void join_worker(bench *b, double now, uint32_t id, uint32_t host)
{
    feed(b,
         (isg_event){
             .kind = ISG_EV_JOIN, .now = now, .worker = id, .host = host, .slots = 1, .cores = 1});
}

static void end_attempt(bench *b, double now, uint32_t w, uint32_t t, uint32_t attempt,
                        isg_cause cause)
{
    feed(b, (isg_event){
                .kind = ISG_EV_STARTED, .now = now, .worker = w, .task = t, .attempt = attempt});
    feed(b, (isg_event){.kind = ISG_EV_ENDED,
                        .now = now,
                        .worker = w,
                        .task = t,
                        .attempt = attempt,
                        .cause = cause,
                        .has_result = cause == ISG_CAUSE_OK});
}

static void test_budgets(void)
{
    bench b = {0};
    isg_sched_task task = plain(1);
    isg_sched_options opt = isg_sched_defaults();
    opt.retries[ISG_CAUSE_CRASH] = 2;
    opt.retries[ISG_CAUSE_KILLED] = 1;
    CHECK_OK(isg_sched_create(&opt, &task, 1, &b.sched));
    join_worker(&b, 0, 0, 0);
    uint32_t attempt = 1;
    end_attempt(&b, 1, 0, 0, attempt++, ISG_CAUSE_CRASH);
    end_attempt(&b, 2, 0, 0, attempt++, ISG_CAUSE_CRASH);
    end_attempt(&b, 3, 0, 0, attempt++, ISG_CAUSE_KILLED); /* has a budget of its own */
    for (int i = 0; i < 9; i++)
        end_attempt(&b, 4, 0, 0, attempt++, ISG_CAUSE_STOPPED); /* never counts */
    CHECK_EQ_U64(isg_sched_state(b.sched, 0), ISG_RUN_RUNNING);
    feed(&b,
         (isg_event){
             .kind = ISG_EV_CHECKPOINT, .now = 5, .task = 0, .attempt = attempt, .progress = 0.5});
    end_attempt(&b, 6, 0, 0, attempt++, ISG_CAUSE_CRASH); /* refilled by the later checkpoint */
    end_attempt(&b, 7, 0, 0, attempt++, ISG_CAUSE_CRASH);
    CHECK_EQ_U64(isg_sched_state(b.sched, 0), ISG_RUN_RUNNING);
    feed(&b,
         (isg_event){
             .kind = ISG_EV_CHECKPOINT, .now = 8, .task = 0, .attempt = attempt, .progress = 0.4});
    end_attempt(&b, 9, 0, 0, attempt++,
                ISG_CAUSE_CRASH); /* an earlier checkpoint refills nothing */
    CHECK_EQ_U64(isg_sched_state(b.sched, 0), ISG_RUN_FAILED);
    CHECK_EQ_U64(b.count[ISG_ACT_FINISHED], 1);
    CHECK_EQ_U64(b.last[ISG_ACT_FINISHED].why, ISG_FINISH_ALL);
    isg_sched_destroy(&b.sched);
}

static void test_children_of_the_failed(void)
{
    bench b = {0};
    isg_sched_task tasks[4] = {plain(1), plain(1), plain(1), plain(5)};
    isg_sched_options opt = isg_sched_defaults();
    tasks[1].parent = 0;
    tasks[2].parent = 1;
    CHECK_OK(isg_sched_create(&opt, tasks, 4, &b.sched));
    join_worker(&b, 0, 0, 0);
    CHECK_EQ_U64(b.last[ISG_ACT_START].task[0], 3); /* 5 against a chain of 3 */
    end_attempt(&b, 1, 0, 3, 1, ISG_CAUSE_EXIT);
    CHECK_EQ_U64(b.last[ISG_ACT_START].task[0], 0);
    end_attempt(&b, 2, 0, 0, 1, ISG_CAUSE_CRASH);
    for (uint32_t t = 0; t < 4; t++) CHECK_EQ_U64(isg_sched_state(b.sched, t), ISG_RUN_FAILED);
    CHECK_EQ_U64(b.last[ISG_ACT_FINISHED].why, ISG_FINISH_ALL);
    isg_sched_destroy(&b.sched);

    tasks[0].parent = 2; /* 0 -> 2 -> 1 -> 0 */
    CHECK_FAILS(isg_sched_create(&opt, tasks, 4, &b.sched), ISG_EARG, "cycle");
    tasks[0].parent = 77;
    CHECK_FAILS(isg_sched_create(&opt, tasks, 4, &b.sched), ISG_EARG, "no parent 77");
}

/* 1 follows 0, 3 follows 1; 2 is but a child of 0, 4 of 2. */
static void test_children_of_the_diverged(void)
{
    static const isg_run_state ended[] = {ISG_RUN_DIVERGED, ISG_RUN_DIVERGED, ISG_RUN_FAILED,
                                          ISG_RUN_DIVERGED, ISG_RUN_FAILED};
    for (int again = 0; again < 2; again++) { /* in this launch, or in an earlier one */
        bench b = {0};
        isg_sched_task tasks[5] = {plain(1), plain(1), plain(1), plain(1), plain(1)};
        isg_sched_options opt = isg_sched_defaults();
        tasks[1].parent = tasks[2].parent = 0;
        tasks[3].parent = 1;
        tasks[4].parent = 2;
        tasks[1].follows = tasks[3].follows = true;
        if (again) tasks[0].was = ISG_TASK_DIVERGED;
        CHECK_OK(isg_sched_create(&opt, tasks, 5, &b.sched));
        join_worker(&b, 0, 0, 0);
        for (uint32_t t = again ? 1 : 0; t < 4; t++) {
            isg_event e = {.now = t + 1, .task = t, .attempt = 1};
            if (t == 2) continue;
            CHECK_EQ_U64(b.last[ISG_ACT_START].task[0], t);
            e.kind = ISG_EV_ENDED;
            e.cause = ISG_CAUSE_DIVERGED;
            e.has_result = true;
            feed(&b, e);
            e.kind = ISG_EV_WRITTEN;
            e.ok = true;
            feed(&b, e);
            CHECK(b.last[ISG_ACT_MARK].task[0] == t && b.last[ISG_ACT_MARK].diverged);
            e.kind = ISG_EV_MARKED;
            feed(&b, e);
        }
        for (uint32_t t = again ? 1 : 0; t < 5; t++)
            CHECK_EQ_U64(isg_sched_state(b.sched, t), ended[t]);
        CHECK_EQ_U64(b.last[ISG_ACT_FINISHED].why, ISG_FINISH_ALL);
        isg_sched_destroy(&b.sched);
    }
}

static void test_fencing(void)
{
    bench b = {0};
    isg_sched_task task = plain(1);
    isg_sched_options opt = isg_sched_defaults();
    opt.workers = 2;
    opt.retries[ISG_CAUSE_KILLED] = 5;
    CHECK_OK(isg_sched_create(&opt, &task, 1, &b.sched));
    join_worker(&b, 0, 0, 0);
    join_worker(&b, 0, 1, 1);
    uint32_t first = b.last[ISG_ACT_START].worker, other = 1 - first;
    end_attempt(&b, 1, first, 0, 1, ISG_CAUSE_OK);
    CHECK_EQ_U64(b.count[ISG_ACT_GRANT], 1);
    for (double t = 2; t < 40; t += 1) { /* the granted one is silent for longer than the lease */
        feed(&b, (isg_event){.kind = ISG_EV_HEARD, .now = t, .worker = other});
        feed(&b, (isg_event){.kind = ISG_EV_TICK, .now = t});
    }
    CHECK_EQ_U64(isg_sched_state(b.sched, 0), ISG_RUN_HELD); /* and not given to the other */
    CHECK_EQ_U64(b.count[ISG_ACT_START], 1);
    feed(&b, (isg_event){.kind = ISG_EV_WRITTEN,
                         .now = 41,
                         .worker = other,
                         .task = 0,
                         .attempt = 1,
                         .ok = true});
    CHECK_EQ_U64(b.count[ISG_ACT_MARK], 0); /* not by somebody else */
    feed(&b, (isg_event){.kind = ISG_EV_DEAD, .now = 42, .worker = first});
    CHECK_EQ_U64(b.count[ISG_ACT_START], 2); /* known dead: the other may */
    CHECK_EQ_U64(b.last[ISG_ACT_START].worker, other);
    feed(&b, (isg_event){.kind = ISG_EV_ENDED,
                         .now = 43,
                         .worker = first,
                         .task = 0,
                         .attempt = 1,
                         .cause = ISG_CAUSE_OK,
                         .has_result = true});
    CHECK_EQ_U64(b.count[ISG_ACT_DENY], 1);
    end_attempt(&b, 44, other, 0, 2, ISG_CAUSE_OK);
    feed(&b, (isg_event){.kind = ISG_EV_WRITTEN,
                         .now = 45,
                         .worker = other,
                         .task = 0,
                         .attempt = 2,
                         .ok = true});
    CHECK_EQ_U64(b.count[ISG_ACT_MARK], 1);
    feed(&b, (isg_event){.kind = ISG_EV_MARKED, .now = 45, .task = 0, .attempt = 2, .ok = true});
    CHECK_EQ_U64(b.last[ISG_ACT_FINISHED].why, ISG_FINISH_ALL);
    isg_sched_destroy(&b.sched);
}

static void test_bad_host(void)
{
    enum { N = 12 };
    bench b = {0};
    isg_sched_task tasks[N];
    isg_sched_options opt = isg_sched_defaults();
    for (int i = 0; i < N; i++) tasks[i] = plain(N - i);
    opt.workers = 2;
    opt.retries[ISG_CAUSE_EXIT] = 1;
    CHECK_OK(isg_sched_create(&opt, tasks, N, &b.sched));
    join_worker(&b, 0, 0, 0);
    join_worker(&b, 0, 1, 1); /* holds task 1 all the time */
    for (int i = 0; i < 6 && !b.count[ISG_ACT_SET_ASIDE]; i++) {
        isg_action a = b.last[ISG_ACT_START];
        if (a.worker == 1) a = (isg_action){.task = {0}, .attempt = {1}};
        end_attempt(&b, i + 1, 0, a.task[0], a.attempt[0], ISG_CAUSE_EXIT);
    }
    CHECK_EQ_U64(b.count[ISG_ACT_SET_ASIDE], 1);
    CHECK_EQ_U64(b.last[ISG_ACT_SET_ASIDE].host, 0);
    size_t starts = b.count[ISG_ACT_START];
    end_attempt(&b, 10, 1, 1, 1, ISG_CAUSE_EXIT);
    CHECK_EQ_U64(b.count[ISG_ACT_START], starts + 1); /* the other host goes on alone */
    CHECK_EQ_U64(b.last[ISG_ACT_START].worker, 1);
    feed(&b, (isg_event){.kind = ISG_EV_DEAD, .now = 11, .worker = 1});
    CHECK_EQ_U64(b.last[ISG_ACT_START].worker, 0); /* better than none */
    isg_sched_destroy(&b.sched);
}

static void test_time_limit(void)
{
    bench b = {0};
    isg_sched_task tasks[3] = {plain(1000), plain(50), plain(20)};
    isg_sched_options opt = isg_sched_defaults();
    opt.speed = 1;
    opt.end = 100;
    opt.margin_s = 10;
    CHECK_OK(isg_sched_create(&opt, tasks, 3, &b.sched));
    join_worker(&b, 0, 0, 0);
    CHECK_EQ_U64(b.last[ISG_ACT_START].task[0], 1); /* 1000 s do not fit into 90 s, 50 s do */
    feed(&b, (isg_event){.kind = ISG_EV_ENDED,
                         .now = 80,
                         .task = 1,
                         .attempt = 1,
                         .cause = ISG_CAUSE_OK,
                         .has_result = true});
    CHECK_EQ_U64(b.count[ISG_ACT_START], 1); /* 20 s do not fit into 10 s any more */
    feed(&b, (isg_event){.kind = ISG_EV_WRITTEN, .now = 80, .task = 1, .attempt = 1, .ok = true});
    feed(&b, (isg_event){.kind = ISG_EV_MARKED, .now = 80, .task = 1, .attempt = 1, .ok = true});
    CHECK_EQ_U64(b.last[ISG_ACT_FINISHED].why, ISG_FINISH_TIME);
    isg_sched_destroy(&b.sched);

    b = (bench){0};
    opt.checkpoint_s = 30; /* a long one that leaves checkpoints is worth starting */
    CHECK_OK(isg_sched_create(&opt, tasks, 3, &b.sched));
    join_worker(&b, 0, 0, 0);
    CHECK_EQ_U64(b.last[ISG_ACT_START].task[0], 0);
    for (double t = 1; t <= 90; t++) feed(&b, (isg_event){.kind = ISG_EV_HEARD, .now = t});
    feed(&b, (isg_event){.kind = ISG_EV_TICK, .now = 90});
    CHECK_EQ_U64(b.count[ISG_ACT_STOP], 1);
    CHECK_EQ_U64(b.last[ISG_ACT_STOP].how, ISG_STOP_CHECKPOINT);
    isg_sched_destroy(&b.sched);
}

static void test_too_large(void)
{
    bench b = {0};
    isg_sched_task task = plain(1);
    isg_sched_options opt = isg_sched_defaults();
    task.cores = 16;
    CHECK_OK(isg_sched_create(&opt, &task, 1, &b.sched));
    join_worker(&b, 0, 0, 0);
    CHECK_EQ_U64(b.last[ISG_ACT_FINISHED].why, ISG_FINISH_TOO_LARGE);
    isg_sched_destroy(&b.sched);
}

/* Speeds are those of a core: what two cores did in a time says what one would. */
static void test_cores(void)
{
    bench b = {0};
    isg_sched_task tasks[4] = {plain(400), plain(120), plain(90), plain(80)};
    isg_sched_options opt = isg_sched_defaults();
    isg_sched_status st;
    tasks[0].cores = 2;
    opt.end = 120;
    opt.margin_s = 10;
    CHECK_OK(isg_sched_create(&opt, tasks, 4, &b.sched));
    feed(&b, (isg_event){.kind = ISG_EV_JOIN, .slots = 2, .cores = 2});
    CHECK_EQ_U64(b.count[ISG_ACT_START], 1); /* it takes both cores, a slot stays empty */
    CHECK_EQ_U64(b.last[ISG_ACT_START].task[0], 0);
    CHECK_EQ_U64(b.last[ISG_ACT_START].cores, 2);
    feed(&b, (isg_event){.kind = ISG_EV_STARTED, .task = 0, .attempt = 1});
    for (double t = 5; t < 20; t += 5) feed(&b, (isg_event){.kind = ISG_EV_HEARD, .now = t});
    feed(&b, (isg_event){.kind = ISG_EV_ENDED,
                         .now = 20,
                         .task = 0,
                         .attempt = 1,
                         .cause = ISG_CAUSE_OK,
                         .has_result = true,
                         .flops = 400,
                         .seconds = 200}); /* 1 FLOP/s a core: 120 do not fit into 90 s, 90 do */
    CHECK_EQ_U64(b.count[ISG_ACT_START], 3);
    CHECK_EQ_U64(b.last[ISG_ACT_START].task[0], 3);
    feed(&b, (isg_event){.kind = ISG_EV_WRITTEN, .now = 20, .task = 0, .attempt = 1, .ok = true});
    feed(&b, (isg_event){.kind = ISG_EV_MARKED, .now = 20, .task = 0, .attempt = 1, .ok = true});
    isg_sched_look(b.sched, 20, &st);
    CHECK_NEAR(st.eta_s, (120 + 90 + 80) / 2., 1e-9);
    isg_sched_destroy(&b.sched);
}

/* ---- simulation ------------------------------------------------------------- */

typedef struct finish_at {
    double when;
    uint32_t worker, task, attempt;
} finish_at;

typedef struct agenda { /* a heap by time */
    finish_at *item;
    size_t n;
} agenda;

static void agenda_push(agenda *h, finish_at x)
{
    size_t i = h->n++;
    for (size_t up; i > 0 && x.when < h->item[up = (i - 1) / 2].when; i = up)
        h->item[i] = h->item[up];
    h->item[i] = x;
}

static finish_at agenda_pop(agenda *h)
{
    finish_at first = h->item[0], last = h->item[--h->n];
    size_t i = 0;
    for (size_t down; (down = 2 * i + 1) < h->n; i = down) {
        if (down + 1 < h->n && h->item[down + 1].when < h->item[down].when) down++;
        if (h->item[down].when >= last.when) break;
        h->item[i] = h->item[down];
    }
    h->item[i] = last;
    return first;
}

/* Carry out everything at time `now`; starts end after their cost in seconds. */
static bool settle(isg_sched *s, const isg_sched_task *tasks, double now, agenda *h)
{
    isg_action a;
    bool finished = false;
    while (isg_sched_next(s, &a)) {
        isg_event e = {
            .now = now, .worker = a.worker, .task = a.task[0], .attempt = a.attempt[0], .ok = true};
        double when = now;
        for (uint32_t i = 0; a.kind == ISG_ACT_START && i < a.n;
             i++) { /* lanes one after the other */
            when += tasks[a.task[i]].cost;
            agenda_push(h, (finish_at){when, a.worker, a.task[i], a.attempt[i]});
        }
        finished |= a.kind == ISG_ACT_FINISHED;
        if (a.kind != ISG_ACT_GRANT && a.kind != ISG_ACT_MARK) continue;
        e.kind = a.kind == ISG_ACT_GRANT ? ISG_EV_WRITTEN : ISG_EV_MARKED;
        if (isg_sched_event(s, &e)) return true;
    }
    return finished;
}

/* @return makespan [s of the simulated world] */
static double simulate(const isg_sched_task *tasks, size_t n, uint32_t workers, uint32_t lanes)
{
    isg_sched *s;
    isg_sched_options opt = isg_sched_defaults();
    agenda h = {malloc(((size_t)workers * lanes + 1) * sizeof *h.item), 0};
    opt.workers = workers;
    opt.lanes = lanes;
    opt.lease_s = 1e18;
    CHECK_OK(isg_sched_create(&opt, tasks, n, &s));
    bool finished = false;
    for (uint32_t w = 0; w < workers; w++) {
        CHECK_OK(isg_sched_event(
            s, &(isg_event){
                   .kind = ISG_EV_JOIN, .worker = w, .host = w / 64, .slots = 1, .cores = 1}));
        finished |= settle(s, tasks, 0, &h);
    }
    double now = 0;
    while (h.n && !finished) {
        finish_at f = agenda_pop(&h);
        now = f.when;
        isg_event e = {.kind = ISG_EV_STARTED,
                       .now = now,
                       .worker = f.worker,
                       .task = f.task,
                       .attempt = f.attempt};
        (void)isg_sched_event(s, &e);
        e.kind = ISG_EV_ENDED;
        e.cause = ISG_CAUSE_OK;
        e.has_result = true;
        e.flops = e.seconds = tasks[f.task].cost;
        (void)isg_sched_event(s, &e);
        finished = settle(s, tasks, now, &h);
    }
    isg_sched_status st;
    isg_sched_look(s, now, &st);
    CHECK(finished);
    CHECK_EQ_U64(st.done, n);
    isg_sched_destroy(&s);
    free(h.item);
    return now;
}

/* Costs over three decades, a tenth of the tasks in chains. */
static isg_sched_task *make_campaign(size_t n, uint64_t seed, double *total, double *longest)
{
    isg_sched_task *tasks = malloc(n * sizeof *tasks);
    double *chain = calloc(n, sizeof *chain);
    isg_rng rng;
    isg_rng_at(&rng, seed, ISG_RNG_TEST, 3);
    *total = *longest = 0;
    for (size_t t = 0; t < n; t++) {
        tasks[t] = plain(pow(10, 3 * isg_rng_double(&rng)));
        if (t > 0 && isg_rng_below(&rng, 10) == 0)
            tasks[t].parent = (uint32_t)isg_rng_below(&rng, t);
        *total += tasks[t].cost;
        chain[t] = tasks[t].cost + (tasks[t].parent == ISG_NO_TASK ? 0 : chain[tasks[t].parent]);
        *longest = fmax(*longest, chain[t]);
    }
    free(chain);
    return tasks;
}

static void test_makespan(void)
{
    static const struct {
        size_t n;
        uint32_t workers, lanes;
        double within;
    } rows[] = {
        {774, 8, 1, 1.01}, {774, 64, 1, 1.05},       {5000, 100, 1, 1.01},
        {774, 8, 8, 1.03}, {20000, 1, 1, 1.0000001},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double total, longest;
        isg_sched_task *tasks = make_campaign(rows[i].n, i, &total, &longest);
        double bound = fmax(total / rows[i].workers, longest);
        double span = simulate(tasks, rows[i].n, rows[i].workers, rows[i].lanes);
        printf("makespan: %zu tasks, %u workers, %u lanes: %.4f of the bound\n", rows[i].n,
               rows[i].workers, rows[i].lanes, span / bound);
        CHECK(span >= bound * (1 - 1e-9));
        CHECK(span <= bound * rows[i].within);
        free(tasks);
    }
}

static void test_size(void)
{
    double total, longest, t0 = isg_time_cpu();
    size_t n = 1000000;
    isg_sched_task *tasks = make_campaign(n, 99, &total, &longest);
    double span = simulate(tasks, n, 10000, 1), cpu = isg_time_cpu() - t0;
    printf("a million tasks on 10,000 workers: %.2f s of CPU, %.4f of the bound\n", cpu,
           span / fmax(total / 10000, longest));
    CHECK(cpu < 30);
    CHECK(span <= fmax(total / 10000, longest) * 1.05);
    free(tasks);
}

int main(void)
{
    test_random_worlds();
    test_budgets();
    test_children_of_the_failed();
    test_children_of_the_diverged();
    test_fencing();
    test_bad_host();
    test_time_limit();
    test_too_large();
    test_cores();
    test_makespan();
    test_size();
    return check_done();
}
