/*
 * Blocks on ranks: prints a hash of all results in order, so that runs on any
 * number of ranks can be compared. `mpi_blocks N [STEP [VICTIM FILE]]`: every STEP-th block is there
 * already (0: none); rank VICTIM makes the file and kills itself at its third block, and no other
 * rank computes anything before. The hash goes into FILE.hash, too: after a death mpirun may lose
 * what is printed.
 */

#include "isogloss/comm.h"
#include "isogloss/hash.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"
#include "isogloss/run.h"
#include "isogloss/str.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    uint64_t *value;
    const char *file; /* of the victim; NULL: there is none */
    bool victim;
    size_t step; /* 0: none is there */
    size_t collected;
} job;

static isg_err compute(void *ctx, size_t block, void *out, size_t cap, size_t *used)
{
    static int begun;
    const job *j = ctx;
    isg_rng rng;
    if (j->victim && ++begun == 3 && !isg_file_write(j->file, "", 0)) (void)raise(SIGKILL);
    while (j->file && !j->victim && !isg_path_exists(j->file)) isg_nap(0.01);
    isg_rng_at(&rng, 7, ISG_RNG_TEST, block);
    uint64_t x = isg_rng_u64(&rng);
    *used = sizeof x < cap ? sizeof x : cap;
    memcpy(out, &x, *used);
    return ISG_OK;
}

static isg_err collect(void *ctx, size_t block, const void *data, size_t n)
{
    job *j = ctx;
    memcpy(&j->value[block], data, n);
    j->collected++;
    return ISG_OK;
}

static bool have(void *ctx, size_t block)
{
    job *j = ctx;
    size_t used;
    if (!j->step || block % j->step) return false;
    return !compute(&(job){0}, block, &j->value[block], sizeof j->value[block], &used);
}

static isg_err say_hash(const job *j, uint64_t n)
{
    uint8_t sum[32];
    char hex[65];
    isg_sha256 s;
    isg_sha256_init(&s);
    isg_sha256_add(&s, j->value, n * sizeof *j->value);
    isg_sha256_end(&s, sum);
    isg_str_hex(sum, sizeof sum, hex);
    (void)printf("%s\n", hex);
    if (!j->file) return ISG_OK;
    char *path = isg_strf("%s.hash", j->file);
    isg_err rc = path ? isg_file_write(path, hex, strlen(hex)) : ISG_FAIL(ISG_ENOMEM, "no memory");
    free(path);
    return rc;
}

int main(int argc, char **argv)
{
    isg_comm *comm;
    uint64_t n = 0;
    job j = {0};
    if (argc < 2 || !isg_str_to_u64(argv[1], &n)) return 2;
    if (argc > 2) j.step = (size_t)atoi(argv[2]);
    if (argc > 4) j.file = argv[4];
    j.value = calloc(n + 1, sizeof *j.value);
    if (!j.value || isg_comm_open(&comm)) return 1;
    int rank = isg_comm_rank(comm);
    j.victim = j.file && atoi(argv[3]) == rank;
    isg_blocks blocks = {.n = n, .compute = compute, .collect = collect, .have = have, .ctx = &j};
    double start = isg_time_mono(), cpu = isg_time_cpu();
    isg_err rc = isg_run_blocks(comm, &blocks, 0);
    double wall = isg_time_mono() - start;
    if (!rc && rank == 0) rc = say_hash(&j, n);
    if (rc) (void)fprintf(stderr, "rank %d: %s\n", rank, isg_err_message());
    if (rank == 0 && !rc) {
        (void)fprintf(stderr, "%.0f blocks/s of %zu, leader used %.0f %% of a core\n",
                      (double)j.collected / wall, j.collected, 100 * (isg_time_cpu() - cpu) / wall);
    }
    free(j.value);
    isg_comm_close(&comm, !j.file);
    return isg_err_exit_status(rc);
}
