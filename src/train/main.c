/* isogloss-train: trains proxy language models, one run after another, as the protocol orders. */

#include "bench.h"
#include "isogloss/build.h"
#include "isogloss/err.h"
#include "isogloss/opt.h"
#include "job.h"
#include "kernels.h"
#include "loop.h"
#include "protocol.h"
#include "team.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static isg_err run_one(json_t *run, isg_inbox *inbox, isg_team *team)
{
    isg_job *job;
    ISG_TRY(isg_job_create(run, &job));
    isg_err rc = isg_train(job, inbox, team);
    isg_job_destroy(&job);
    return rc;
}

/* Say hello, then train as ordered until there are no more orders. */
static isg_err serve(isg_team *team)
{
    isg_inbox inbox;
    json_t *hello;
    ISG_TRY(isg_hello_json(isg_team_size(team), &hello));
    ISG_TRY(isg_event_send(hello));
    ISG_TRY(isg_inbox_open(STDIN_FILENO, &inbox));
    isg_err rc = ISG_OK;
    for (;;) {
        json_t *run = isg_inbox_take_run(&inbox);
        if (!run && inbox.quit) break;
        if (run) {
            rc = run_one(run, &inbox, team);
            json_decref(run);
        } else {
            rc = isg_inbox_poll(&inbox, true);
        }
        if (rc) break;
    }
    isg_inbox_close(&inbox);
    return rc;
}

static isg_err describe(isg_team *team)
{
    json_t *hello;
    ISG_TRY(isg_hello_json(isg_team_size(team), &hello));
    isg_err rc = isg_json_print(hello, stdout);
    json_decref(hello);
    return rc;
}

/* With the threads that the environment asks for. */
static isg_err work(bool describing, const isg_bench_options *bench)
{
    isg_team *team;
    size_t threads;
    ISG_TRY(isg_team_wanted(&threads));
    ISG_TRY(isg_team_create(threads, &team));
    isg_bench_options options = *bench;
    options.team = team;
    isg_err rc = describing ? describe(team) : bench->shapes ? isg_bench(&options) : serve(team);
    isg_team_destroy(&team);
    return rc;
}

static void print_help(const isg_opt *options)
{
    (void)printf(
        "Usage: isogloss-train [--describe]\n"
        "       isogloss-train --bench [--batch TOKENS] [--rounds N] [--json|--paced]\n"
        "                      [SHAPE]...\n\n"
        "Train proxy language models on orders from standard input (trainer protocol,\n"
        "version 1); events go to standard output. The kernels are the fastest this CPU\n"
        "runs, or those named in $ISOGLOSS_NUMERICS (avx512-2, avx2-2, generic-2). A run\n"
        "is trained by $OMP_NUM_THREADS threads (default 1, at most the cores there are);\n"
        "results do not depend on their number.\n\n");
    isg_opt_help(options, stdout);
}

int main(int argc, char **argv)
{
    bool help = false, version = false, describing = false, benching = false;
    isg_bench_options bench = {.rounds = 5};
    int operands = 0;
    const isg_opt options[] = {
        {.name = "describe",
         .kind = ISG_OPT_FLAG,
         .dest = &describing,
         .help = "Print what this trainer is (its hello) and leave."},
        {.name = "bench",
         .kind = ISG_OPT_FLAG,
         .dest = &benching,
         .help =
             "Measure training speed and share of the peak of this CPU for shapes (p0 to p9, s0 to "
             "s19, LAYERSxDxHEADS, with a context as in p3@512; default p0 p3 p6 p9), for every "
             "instruction set, or the one in $ISOGLOSS_NUMERICS."},
        {0, "batch", ISG_OPT_U64, &bench.batch, "TOKENS",
         "With --bench: tokens of an optimiser step (default 1024, or the next whole number of "
         "sequences).",
         32, 1 << 20, NULL},
        {0, "rounds", ISG_OPT_U64, &bench.rounds, "N",
         "With --bench: rounds over all shapes (default 5).", 1, 100000, NULL},
        {.name = "json",
         .kind = ISG_OPT_FLAG,
         .dest = &bench.json,
         .help = "With --bench: print JSON."},
        {.name = "paced",
         .kind = ISG_OPT_FLAG,
         .dest = &bench.paced,
         .help = "With --bench: begin a round when a line comes on standard input, and answer "
                 "with its figures, a line of JSON for each shape."},
        {.letter = 'h',
         .name = "help",
         .kind = ISG_OPT_FLAG,
         .dest = &help,
         .help = "Print this and leave."},
        {.letter = 'V',
         .name = "version",
         .kind = ISG_OPT_FLAG,
         .dest = &version,
         .help = "Print the version and leave."},
        {0},
    };

    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error code, not a death */
    isg_kernels_flush_subnormals();
    isg_err rc = isg_opt_parse(options, argc, argv, &operands);
    if (!rc && operands && !benching)
        rc = ISG_FAIL(ISG_EUSAGE, "unexpected '%s'; see --help", argv[1]);
    if (!rc) {
        if (help)
            print_help(options);
        else if (version)
            (void)printf("isogloss-train %s (%s)\n", isg_build_version(), isg_build_commit());
        else {
            if (benching) bench.shapes = (const char *const *)argv + 1;
            bench.n = (size_t)operands;
            rc = work(describing, &bench);
        }
    }
    if (rc) (void)fprintf(stderr, "isogloss-train: %s\n", isg_err_message());
    return isg_err_exit_status(rc);
}
