/* Makes and fills stores for the script tests, with results that depend on the run alone.
 *
 *   store_tool create STORE CAMPAIGN
 *   store_tool fill STORE CAMPAIGN [--first N] [--step N] [--mpi] [--diverge SLOT] [--fail SLOT]
 *
 * fill commits the runs first, first + step, ... one by one (under MPI the rank is added to first)
 * and prints "SLOT CRC" once each is acknowledged: written, synced, marked, synced. */
#include "isogloss/comm.h"
#include "isogloss/opt.h"
#include "isogloss/os.h"
#include "isogloss/store.h"
#include "sample_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct orders {
    uint64_t first, step, diverge, fail;
    bool mpi;
} orders;

static isg_err commit(isg_store *store, const isg_plan *plan, size_t slot, bool diverged)
{
    isg_result *r = NULL;
    isg_mark m = {.slot = slot, .attempt = 1, .state = diverged ? ISG_RUN_DIVERGED : ISG_RUN_DONE};
    (void)snprintf(m.host, sizeof m.host, "%s", isg_os_host());
    (void)snprintf(m.device, sizeof m.device, "cpu");
    isg_err rc = sample_result(plan, slot, &r);
    if (!rc && diverged) {
        r->diverged = true;
        r->n_points = 1;
    }
    if (!rc) rc = isg_store_put_result(store, slot, r, &m.crc);
    if (!rc) rc = isg_store_mark(store, &m, 1);
    if (!rc) rc = isg_store_put_state(store, slot, m.state, 1);
    isg_result_destroy(&r);
    if (!rc && (printf("%zu %08x\n", slot, m.crc) < 0 || fflush(stdout)))
        rc = ISG_FAIL(ISG_EIO, "stdout");
    return rc;
}

static isg_err fail(isg_store *store, size_t slot)
{
    isg_attempt a = {.slot = slot,
                     .number = 3,
                     .rank = 1,
                     .host = "node7",
                     .cause = ISG_CAUSE_CRASH,
                     .code = 11,
                     .start = isg_time_now() - 5,
                     .end = isg_time_now()};
    (void)snprintf(a.message, sizeof a.message, "trainer died: \xc3\xa9tude");
    ISG_TRY(isg_store_put_attempts(store, &a, 1));
    return isg_store_put_state(store, slot, ISG_RUN_FAILED, 3);
}

static isg_err fill(const char *path, const isg_plan *plan, const orders *o)
{
    isg_store *store = NULL;
    isg_launch l = {.version = "test", .host = "node7", .ranks = 1, .start = isg_time_now()};
    size_t row = (size_t)-1;
    ISG_TRY(isg_store_open(path, ISG_STORE_WRITE, o->mpi, &store));
    isg_err rc = isg_store_check_plan(store, plan);
    if (!rc && o->first == 0) rc = isg_store_put_launch(store, &l, &row);
    for (size_t i = o->first; i < plan->n_runs && !rc; i += o->step) {
        rc = i == o->fail ? fail(store, i) : commit(store, plan, i, i == o->diverge);
    }
    isg_store_close(&store);
    return rc;
}

static isg_err run(int argc, char **argv)
{
    orders o = {.step = 1, .diverge = UINT64_MAX, .fail = UINT64_MAX};
    const isg_opt opts[] = {{0, "first", ISG_OPT_U64, &o.first, "N", "", 0, 0, NULL},
                            {0, "step", ISG_OPT_U64, &o.step, "N", "", 0, 0, NULL},
                            {0, "diverge", ISG_OPT_U64, &o.diverge, "SLOT", "", 0, 0, NULL},
                            {0, "fail", ISG_OPT_U64, &o.fail, "SLOT", "", 0, 0, NULL},
                            {0, "mpi", ISG_OPT_FLAG, &o.mpi, NULL, "", 0, 0, NULL},
                            {0}};
    isg_plan *plan = NULL;
    isg_comm *comm = NULL;
    int n = 0;
    ISG_TRY(isg_opt_parse(opts, argc, argv, &n));
    if (n != 3) return ISG_FAIL(ISG_EUSAGE, "usage: store_tool create|fill STORE CAMPAIGN");
    isg_err rc = isg_plan_load(argv[3], NULL, &plan);
    if (!rc && o.mpi) rc = isg_comm_open(&comm);
    if (!rc && o.mpi) {
        o.first += (uint64_t)isg_comm_rank(comm);
        o.mpi = isg_comm_is_mpi(comm);
        if (!o.mpi) rc = ISG_FAIL(ISG_EUSAGE, "--mpi needs mpirun");
    }
    if (!rc)
        rc = strcmp(argv[1], "create") ? fill(argv[2], plan, &o) : isg_store_create(argv[2], plan);
    if (comm) isg_comm_close(&comm, true);
    isg_plan_destroy(&plan);
    return rc;
}

int main(int argc, char **argv)
{
    isg_err rc = run(argc, argv);
    if (rc) (void)fprintf(stderr, "store_tool: %s\n", isg_err_message());
    return isg_err_exit_status(rc);
}
