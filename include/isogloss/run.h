#ifndef ISOGLOSS_RUN_H
#define ISOGLOSS_RUN_H

/**
 * Doing work on every rank: campaigns of training runs into a store, and
 * blocks of plain computation (bootstrap refits). One scheduler, one leader and
 * one worker serve both; without a launcher one process is all of them.
 */

#include "isogloss/comm.h"
#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A computation cut into blocks that do not depend on each other. */
typedef struct isg_blocks {
    size_t n; /**< blocks 0 .. n-1 */
    /**
     * Compute one block: a pure function of `block` (random streams addressed by
     * number, never by rank or order). Called on any rank and, in one process,
     * from several threads at once; `ctx` is therefore only read.
     * @param out  [cap] bytes of the result; @param used  bytes written, <= cap
     */
    isg_err (*compute)(void *ctx, size_t block, void *out, size_t cap, size_t *used);
    /** Rank 0 only, one call at a time, once a block, in any order. */
    isg_err (*collect)(void *ctx, size_t block, const void *data, size_t n);
    /** Rank 0 only, before the first: was it collected in an earlier launch, so that it is not
     * computed? NULL: none was. */
    bool (*have)(void *ctx, size_t block);
    /** Rank 0, now and then: blocks collected so far. May be NULL. */
    void (*progress)(void *ctx, size_t done);
    void *ctx;
} isg_blocks;

enum { ISG_BLOCK_BYTES = 3584 }; /**< most bytes of one block's result */

/**
 * Compute every block and collect it on rank 0. The same bytes by number on
 * any number of ranks. A block that fails is tried again elsewhere; twice, and
 * the whole fails with its message.
 *
 * @param comm     NULL or a single process: threads of this process
 * @param threads  blocks at a time on each computing rank; 0: 1 under MPI, else all cores
 *
 * Collective: yes, every rank calls it with the same blocks; with two or more
 * ranks rank 0 only leads. A signal (TERM, INT, USR1, USR2) ends it with
 * ISG_EAGAIN: what was collected may be kept for the next launch (`have`).
 * @return on rank 0: ISG_OK; the failure of a block; ISG_EAGAIN; ISG_ENOMEM. On
 * the others: ISG_OK when told to leave (whatever came of it), ISG_EAGAIN when
 * the leader died.
 */
isg_err isg_run_blocks(isg_comm *comm, const isg_blocks *blocks, size_t threads);

/** `isogloss run`. Strings are borrowed. */
typedef struct isg_campaign_options {
    const char *campaign; /**< path of the YAML */
    const char *store;    /**< path, or NULL: NAME.h5 in the current directory */
    const char *corpus;   /**< corpus directory instead of the campaign's, or NULL */
    const char *numerics; /**< NULL: the best that every rank can do, or what the store says */
    size_t slots;         /**< trainers at a time on each worker; 0: 1 under MPI, else all cores */
    double time_limit_s;  /**< 0: none, or what the batch system says */
    bool retry_failed;    /**< runs that failed for good get their retries again */
    size_t shard, n_shards; /**< this job's share of the runs; 0, 1: all of them */
} isg_campaign_options;

/** Runs, or parts of trunks, of this shard. */
typedef struct isg_campaign_count {
    size_t n, done, diverged, failed, left;
} isg_campaign_count;

/** What a launch did; numbers on rank 0 only. */
typedef struct isg_campaign_summary {
    char store[1024];
    isg_campaign_count runs, parts;
    size_t now;     /**< results committed in this launch, of both */
    double seconds; /**< of this launch */
    bool orderly;   /**< every rank: nobody died, so isg_comm_close may be orderly */
} isg_campaign_summary;

/**
 * Create or resume the store of a campaign and train what is missing.
 *
 * @param comm  opened by the caller; one process is leader and worker
 *
 * Collective: yes. @return on rank 0: ISG_OK, all runs finished; ISG_ESOME,
 * finished but some failed for good; ISG_EAGAIN, work left (signal, time limit,
 * disk full); anything else: nothing more can be done and why. On the others:
 * ISG_OK when told to leave, ISG_EAGAIN when the leader died or a signal came,
 * and what start-up failures rank 0 has.
 */
isg_err isg_run_campaign(isg_comm *comm, const isg_campaign_options *options,
                         isg_campaign_summary *summary);

#endif
