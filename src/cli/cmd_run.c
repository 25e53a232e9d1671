#include "cmd.h"
#include "isogloss/log.h"
#include "isogloss/numerics.h"
#include "isogloss/plan.h"
#include "isogloss/run.h"
#include "isogloss/str.h"
#include "next_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "90", "90s", "30m", "4h", "2d", "1:30:00" */
static isg_err parse_time(const char *text, double *out)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    unsigned h, m, s;
    int end = 0;
    if (sscanf(text, "%u:%2u:%2u%n", &h, &m, &s, &end) == 3 && !text[end]) {
        *out = 3600.0 * h + 60.0 * m + s;
        return *out > 0 ? ISG_OK : ISG_FAIL(ISG_EUSAGE, "--time-limit %s is nothing", text);
    }
    char number[32];
    size_t n = strlen(text);
    double scale = 1;
    for (size_t i = 0; n && i < sizeof units / sizeof units[0]; i++) {
        if (text[n - 1] != units[i].unit) continue;
        scale = units[i].seconds;
        n--;
        break;
    }
    (void)snprintf(number, sizeof number, "%.*s", (int)n, text);
    if (!isg_str_to_double(number, out) || *out <= 0) {
        return ISG_FAIL(ISG_EUSAGE,
                        "--time-limit '%s': wanted a time such as 90s, 30m, 4h or 1:30:00", text);
    }
    *out *= scale;
    return ISG_OK;
}

static isg_err parse_shard(const char *text, size_t *shard, size_t *n)
{
    unsigned i, of;
    int end = 0;
    if (sscanf(text, "%u/%u%n", &i, &of, &end) != 2 || text[end] || i < 1 || i > of) {
        return ISG_FAIL(ISG_EUSAGE, "--shard '%s': wanted I/N with 1 <= I <= N, such as 2/8", text);
    }
    *shard = i - 1;
    *n = of;
    return ISG_OK;
}

/* What is not done well: behind the counts, or with trunks in lines of their own. */
static void print_others(const isg_campaign_summary *s, bool lines)
{
    const isg_campaign_count *r = &s->runs, *p = &s->parts;
    char text[ISG_RUNS_TEXT];
    const struct {
        size_t runs, parts;
        const char *word;
    } others[] = {{r->diverged, p->diverged, "diverged"},
                  {r->failed, p->failed, "failed"},
                  {r->left, p->left, "left"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!(others[i].runs + others[i].parts)) continue;
        if (lines)
            (void)printf("  %s: %s\n", others[i].word,
                         isg_runs_text(others[i].runs, others[i].parts, "", text));
        else
            (void)printf(i ? ", %zu %s" : " (%zu %s)", others[i].runs, others[i].word);
    }
}

static void print_counts(const isg_campaign_summary *s)
{
    const isg_campaign_count *r = &s->runs, *p = &s->parts;
    char time[32];
    (void)printf("%zu of %zu %s", r->done + r->diverged, r->n, isg_str_plural(r->n, "run", "runs"));
    if (p->n)
        (void)printf(" and %zu of %zu %s", p->done + p->diverged, p->n,
                     isg_str_plural(p->n, "part of a trunk", "parts of trunks"));
    (void)printf(" done");
    if (!p->n) print_others(s, false);
    (void)printf("; %zu of them now, in %s\n", s->now,
                 isg_str_duration(s->seconds, time, sizeof time));
    if (p->n) print_others(s, true);
    (void)printf("store: %s\n", s->store);
}

static bool all_diverged(const isg_campaign_summary *s)
{
    return s->runs.n && s->runs.diverged == s->runs.n;
}

static void print_diverged(const isg_campaign_summary *s)
{
    if (!(s->runs.diverged + s->parts.diverged)) return;
    if (all_diverged(s)) {
        (void)printf("nothing can be fitted: %s diverged. Try a lower lr or a longer warmup, in\n"
                     "a campaign with a store of its own.\n",
                     s->runs.n == 1 ? "the run" : "all runs");
    }
    (void)printf("diverged is an outcome: it is kept, left out of fits and not trained again,\n"
                 "also not by --retry-failed.\n");
}

/* The same launch again, but for what may be left out. */
static void print_again(const isg_campaign_options *o, const char *option, const char *why)
{
    const struct {
        const char *option, *value;
    } words[] = {{"-o ", o->store}, {"--corpus ", o->corpus}, {"--numerics ", o->numerics}};
    (void)printf("isogloss run %s", option);
    if (o->slots) (void)printf("-j %zu ", o->slots);
    if (o->n_shards) (void)printf("--shard %zu/%zu ", o->shard + 1, o->n_shards);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *word = words[i].value ? isg_str_shell(words[i].value) : NULL;
        if (word) (void)printf("%s%s ", words[i].option, word);
        free(word);
    }
    char *campaign = isg_str_shell(o->campaign);
    (void)printf("%s   (%s)\n", campaign ? campaign : o->campaign, why);
    free(campaign);
}

/* A command to go on with, as it is to be typed. */
static void print_next(const isg_campaign_options *o, const isg_campaign_summary *s, isg_err rc)
{
    const size_t failed = s->runs.failed + s->parts.failed, left = s->runs.left + s->parts.left;
    char *step = NULL;
    if (left && rc == ISG_EAGAIN) {
        (void)printf("next:  ");
        print_again(o, "", "goes on");
    }
    if (left) return;     /* the message says what is in the way */
    (void)fflush(stdout); /* trying out a fit takes a while */
    if (failed) {
        step = isg_str_shell(s->store);
        (void)printf("next:  isogloss status %s   (says why)\n       ", step ? step : s->store);
        print_again(o, "--retry-failed ", "once the cause is gone");
    } else if (all_diverged(s)) {
        step = isg_str_shell(s->store);
        (void)printf("next:  isogloss status %s   (says where)\n", step ? step : s->store);
    } else if (o->n_shards > 1) {
        (void)printf("next:  the other shards: isogloss fit takes the stores of all of them "
                     "together\n");
    } else if (!next_step(s->store, &step)) {
        (void)printf("next:  %s\n", step);
        if (!strncmp(step, "isogloss export", 15))
            (void)printf("       (the losses as a table; isogloss fit says what a fit lacks)\n");
    } else {
        isg_err_clear(); /* the campaign is over all the same */
    }
    free(step);
}

static void print_summary(const isg_campaign_options *o, const isg_campaign_summary *s, isg_err rc)
{
    if (!s->store[0]) return;
    print_counts(s);
    print_diverged(s);
    print_next(o, s, rc);
}

static isg_err run_campaign(isg_comm **comm, const isg_campaign_options *options)
{
    isg_campaign_summary summary;
    bool first = isg_comm_rank(*comm) == 0;
    isg_err rc = isg_run_campaign(*comm, options, &summary);
    if (first) {
        char *said = isg_strdup(isg_err_message());
        print_summary(options, &summary, rc);
        if (rc && said) rc = ISG_FAIL(rc, "%s", said); /* trying out a fit has its own messages */
        free(said);
    }
    if (rc == ISG_ESOME) isg_err_clear(); /* the summary says it */
    isg_comm_close(comm, summary.orderly);
    if (!first && summary.orderly && rc != ISG_EAGAIN) {
        isg_err_clear(); /* rank 0 says it for all: mpirun ends the job with the first that fails */
        return ISG_OK;
    }
    return rc;
}

static isg_err parse(int argc, char **argv, isg_campaign_options *out, bool *done)
{
    isg_campaign_options o = {0};
    const char *time_limit = NULL, *shard = NULL;
    uint64_t slots = 0;
    int operands = 0;
    bool verbose = false;
    const isg_opt opts[] = {
        {'o', "store", ISG_OPT_STRING, &o.store, "FILE",
         "Store to create or to go on with (default: NAME.h5 in the current directory).", 0, 0,
         NULL},
        {'j', "slots", ISG_OPT_U64, &slots, "J",
         "Trainers at a time on each worker (default: 1 under mpirun, else all cores).", 1, 65536,
         NULL},
        {'t', "time-limit", ISG_OPT_STRING, &time_limit, "TIME",
         "Be over within TIME: 90s, 30m, 4h, 1:30:00 (default: what Slurm says, else none).", 0, 0,
         NULL},
        {0, "retry-failed", ISG_OPT_FLAG, &o.retry_failed, NULL,
         "Try runs that failed for good again, with all their retries. Runs that diverged have a "
         "result and are not tried again.",
         0, 0, NULL},
        {0, "shard", ISG_OPT_STRING, &shard, "I/N",
         "Only the I-th of N shares of the runs, in a store of its own.", 0, 0, NULL},
        {0, "corpus", ISG_OPT_STRING, &o.corpus, "DIR",
         "Corpus directory instead of the campaign's.", 0, 0, NULL},
        {0, "numerics", ISG_OPT_STRING, &o.numerics, "NAME",
         "Instruction set of the proxies (default: the best that every rank has, or the store's).",
         0, 0, NULL},
        {'v', "verbose", ISG_OPT_FLAG, &verbose, NULL, "Say more on stderr.", 0, 0, NULL},
        {0, NULL, ISG_OPT_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    ISG_TRY(isg_cmd_parse(
        "run [OPTION]... CAMPAIGN",
        "Train every run of a campaign that has no result yet, on all cores, or on N\n"
        "ranks with `mpirun -n N isogloss run CAMPAIGN`. Stopped, killed or preempted:\n"
        "the same command goes on, and nothing that is committed is trained again. A\n"
        "first TERM, INT, USR1 or USR2 asks trainers for checkpoints and ends with 75;\n"
        "a second one ends at once.",
        opts, argc, argv, &operands, done));
    if (*done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(operands == 1, "one campaign file", operands));
    o.campaign = argv[1];
    o.slots = (size_t)slots;
    if (time_limit) ISG_TRY(parse_time(time_limit, &o.time_limit_s));
    if (shard) ISG_TRY(parse_shard(shard, &o.shard, &o.n_shards));
    if (o.numerics && isg_numerics_level(o.numerics) < 0) {
        return ISG_FAIL(ISG_EUSAGE, "--numerics '%s': wanted %s, %s or %s", o.numerics,
                        isg_numerics_of_level(0), isg_numerics_of_level(1),
                        isg_numerics_of_level(2));
    }
    if (verbose) isg_log_set_level(ISG_LOG_INFO);
    *out = o;
    return ISG_OK;
}

/* Every rank parses the same words: rank 0 says what came of it, and the others leave with success,
 * or mpirun would kill rank 0 before it has spoken. */
static isg_err run(int argc, char **argv)
{
    isg_campaign_options o = {0};
    isg_comm *comm = NULL;
    bool done = false;

    ISG_TRY(isg_comm_open(&comm));
    const bool first = isg_comm_rank(comm) == 0;
    if (isg_comm_size(comm) > 1) isg_log_set_rank(isg_comm_rank(comm));
    isg_cmd_hush(!first);
    isg_err rc = parse(argc, argv, &o, &done);
    if (!rc && !done) return run_campaign(&comm, &o);
    isg_comm_close(&comm, true);
    if (first) return rc;
    isg_err_clear();
    return ISG_OK;
}

const isg_cmd isg_cmd_run = {
    .name = "run",
    .summary = "train what a campaign still lacks: resume is the same command",
    .run = run,
};
