#ifndef ISOGLOSS_STORE_H
#define ISOGLOSS_STORE_H

/**
 * The store: one netCDF-4 readable HDF5 file per campaign (schemas/store.md).
 *
 * Its shape is fixed when it is created: after that no call changes metadata,
 * workers write raw data into their own slots, and rank 0 writes the mark
 * that makes a run's result count. Growing happens at launch, under the lock,
 * by writing a larger file (isg_store_extend).
 */

#include "isogloss/err.h"
#include "isogloss/import.h"
#include "isogloss/plan.h"
#include "isogloss/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct isg_store isg_store;

typedef enum isg_run_state {
    ISG_RUN_WAITING, /**< for its parent */
    ISG_RUN_READY,
    ISG_RUN_RUNNING,
    ISG_RUN_DONE,     /**< committed: mark present and CRC fits */
    ISG_RUN_DIVERGED, /**< an outcome: counts as finished, has a partial curve */
    ISG_RUN_FAILED,   /**< all retries used */
    ISG_RUN_HELD      /**< granted writer silent, or set aside by the user */
} isg_run_state;

typedef enum isg_cause {
    ISG_CAUSE_NONE,
    ISG_CAUSE_OK,
    ISG_CAUSE_CRASH,
    ISG_CAUSE_EXIT,
    ISG_CAUSE_PROTOCOL,
    ISG_CAUSE_SILENCE,
    ISG_CAUSE_TIME,
    ISG_CAUSE_MEMORY,
    ISG_CAUSE_KILLED,
    ISG_CAUSE_STOPPED,
    ISG_CAUSE_DIVERGED
} isg_cause;

typedef enum isg_lr_state { ISG_LR_WARMUP, ISG_LR_STABLE, ISG_LR_DECAY, ISG_LR_END } isg_lr_state;

const char *isg_run_state_name(isg_run_state s); /**< "waiting", ... */
const char *isg_cause_name(isg_cause c);         /**< "ok", "crash", ... */
const char *isg_lr_state_name(isg_lr_state s);

/** What one finished (or diverged) run leaves. Arrays are row-major; missing values are NaN. */
typedef struct isg_result {
    size_t n_points;   /**< points reached, <= max_points */
    uint64_t *tokens;  /**< [max_points] */
    uint8_t *lr_state; /**< [max_points] isg_lr_state */
    double *seen;      /**< [max_points][n_languages] tokens of each language [token] */
    double *loss;      /**< [max_points][n_evaluations] [the campaign's unit] */
    float *shard_loss; /**< [max_points][n_evaluations][max_shards] */
    bool diverged;
    double flops;   /**< as reported by the trainer */
    double seconds; /**< wall time over the attempts of the chain (not a result variable) */
} isg_result;

isg_err isg_result_create(const isg_plan *plan, isg_result **out); /**< filled with NaN and 0 */
void isg_result_destroy(isg_result **result);

typedef struct isg_mark {
    size_t slot;
    isg_run_state state;       /**< ISG_RUN_DONE or ISG_RUN_DIVERGED */
    uint32_t attempt;          /**< that gave the result, >= 1 */
    uint32_t crc;              /**< from isg_store_put_result */
    char host[64], device[32]; /**< of the writer */
} isg_mark;

typedef struct isg_state {
    size_t slot;
    isg_run_state state;
    uint32_t attempts; /**< made so far */
} isg_state;

typedef struct isg_attempt {
    size_t slot;
    uint32_t number; /**< from 1 */
    int rank;
    char host[64];
    isg_cause cause;
    int code;          /**< exit code, or signal number for crash and killed */
    double start, end; /**< seconds since the epoch */
    char message[240];
} isg_attempt;

/** One row per launch; never the environment wholesale. */
typedef struct isg_launch {
    char version[32], commit[32], flags[160], mpi[64], hdf5[32], host[64], job[64];
    int ranks;
    double start, end; /**< end is 0 until an orderly end */
    int exit_status;
} isg_launch;

/* ---- life ------------------------------------------------------------- */

/**
 * Create the store of a plan: PATH.tmp, every dataset allocated, flushed,
 * fsynced, closed, renamed. Refuses an existing PATH. Rank 0 only; not collective.
 */
isg_err isg_store_create(const char *path, const isg_plan *plan);

/**
 * Create a store of runs made elsewhere, with their results, in the same way. Columns that the
 * format does not have become datasets of their own, listed in the plan's settings.
 * @param foreign   its plan's trainer_settings get the list of columns
 * @param launches  [n] one row of /provenance for each source
 * @param history   one line, at most 130 bytes
 */
isg_err isg_store_import(const char *path, isg_foreign *foreign, const isg_launch *launches,
                         size_t n, const char *history);

/** Does the file begin as HDF5 does? @return ISG_OK; ISG_EIO if it cannot be read */
isg_err isg_store_is_hdf5(const char *path, bool *is);

typedef enum isg_store_mode { ISG_STORE_READ, ISG_STORE_WRITE } isg_store_mode;

/**
 * Open for one process. Under MPI a writer uses the MPI-IO driver on
 * MPI_COMM_SELF (@p mpi true), else the serial driver without buffers; neither
 * changes metadata. Not collective.
 */
isg_err isg_store_open(const char *path, isg_store_mode mode, bool mpi, isg_store **out);
void isg_store_close(isg_store **store);

/** Same campaign? ISG_ESPEC with a list of what changed and how to extend. */
isg_err isg_store_check_plan(const isg_store *store, const isg_plan *plan);

/** The campaign text inside a store, so that reading verbs can rebuild the plan. Caller frees. */
isg_err isg_store_campaign_text(const isg_store *store, char **out);

/** Numerics chosen at creation. */
const char *isg_store_numerics(const isg_store *store);

/** Does it hold runs made elsewhere (`isogloss import`)? It can only be read then. */
bool isg_store_is_import(const isg_store *store);

/** Number of run slots in use; slot i of a new store is run i of its plan. */
size_t isg_store_runs(const isg_store *store);

/** Slot of a run id, or ISG_NO_RUN. */
size_t isg_store_find(const isg_store *store, const char *id);

/**
 * Grow to hold `plan` (a superset of the runs): larger file, committed runs
 * copied by id, rename. Under the lock. Prints nothing; counts what it did.
 */
isg_err isg_store_extend(const char *path, const isg_plan *plan, size_t *kept, size_t *added);

/** Are 90 % of the rows of /attempts or /provenance used? Then isg_store_extend doubles them. */
isg_err isg_store_is_full(const isg_store *store, bool *full);

/* ---- writing (run phase) ---------------------------------------------- */

/**
 * Worker: write the slices of one run and fdatasync. Counts only once marked.
 * @param crc  CRC-32C over the result variables in schemas/store.md order
 */
isg_err isg_store_put_result(isg_store *store, size_t slot, const isg_result *result,
                             uint32_t *crc);

/**
 * The two halves of isg_store_put_result, for a worker that finishes many short
 * runs at once. Results may wait in memory until isg_store_sync() returns: before
 * that nothing is known to be in the file, and if it fails none of them is.
 */
isg_err isg_store_write_result(isg_store *store, size_t slot, const isg_result *result,
                               uint32_t *crc);
isg_err isg_store_sync(isg_store *store);

/** Rank 0: write marks in one group, then sync once. Their results must be synced before. */
isg_err isg_store_mark(isg_store *store, const isg_mark *marks, size_t n);

/** Rank 0: append rows to /attempts (bounded: oldest details of a run give way, counts stay). */
isg_err isg_store_put_attempts(isg_store *store, const isg_attempt *attempts, size_t n);

/** Rank 0: states and numbers of attempts, for status; no sync. Sorts its argument. */
isg_err isg_store_put_states(isg_store *store, isg_state *states, size_t n);
isg_err isg_store_put_state(isg_store *store, size_t slot, isg_run_state state, uint32_t attempts);

/** Rank 0: add (*row == (size_t)-1 on entry) or update the row of this launch. */
isg_err isg_store_put_launch(isg_store *store, const isg_launch *launch, size_t *row);

/* ---- reading ----------------------------------------------------------- */

typedef struct isg_run_record {
    isg_run_state state;   /**< DONE or DIVERGED only if the mark is there */
    uint32_t attempts;     /**< attempts made so far */
    uint32_t mark_attempt; /**< 0: no mark */
    uint32_t crc;
    double seconds, flops;
    char host[64];
} isg_run_record;

/** Records of all slots [isg_store_runs]. @param verify also compare CRCs (a misfit reads as no
 * result). */
isg_err isg_store_read_records(const isg_store *store, bool verify, isg_run_record *records);

/** One result; ISG_ESTORE if mark and CRC do not fit, ISG_EDATA if there is none. */
isg_err isg_store_read_result(const isg_store *store, size_t slot, isg_result **out);

/** Attempts in order of writing; caller frees. */
isg_err isg_store_read_attempts(const isg_store *store, isg_attempt **out, size_t *n);

/** Launches in order of writing; caller frees. */
isg_err isg_store_read_launches(const isg_store *store, isg_launch **out, size_t *n);

/** What status needs beside records: who the runs are and what they cost. */
typedef struct isg_overview {
    char *campaign, *uuid, *created; /**< name, random identity, ISO 8601 */
    size_t n_runs, n_families;
    size_t n_losses; /**< at most: runs x points x evaluations */
    uint8_t *part;   /**< [n_runs] 1: a part of a trunk */
    char **language; /**< [n_languages] codes, of isg_store_read_mixture */
    size_t n_languages;
    char **setting; /**< [n_settings] names: those that differ between runs, and lr */
    double *value;  /**< [n_settings][n_runs] */
    size_t n_settings;
    char **family;                            /**< [n_families] names */
    uint8_t *member;                          /**< [n_runs][n_families] 0 or 1 */
    char **id;                                /**< [n_runs] run ids */
    double *flops;                            /**< [n_runs] predicted at planning [flop] */
    uint64_t *n_nonembedding, *tokens, *seed; /**< [n_runs] as planned */
} isg_overview;

isg_err isg_store_read_overview(const isg_store *store, isg_overview **out);
void isg_overview_destroy(isg_overview **overview);

/** Sampling shares of one run. @param share  [n_languages of the overview] */
isg_err isg_store_read_mixture(const isg_store *store, size_t slot, double *share);

/**
 * One SHA-256 over the run ids and result variables of all committed runs,
 * sorted by run id: equal stores have equal digests, however they came about.
 * @param out  64 hex digits; @param n  committed runs in it (may be NULL)
 * @return ISG_ESTORE if a mark does not fit its result
 */
isg_err isg_store_digest(const isg_store *store, char out[65], size_t *n);

/**
 * The observations as a table: one row per (run, point, evaluation) of the
 * committed runs; columns in schemas/store.md. Caller: isg_table_destroy().
 */
isg_err isg_store_tidy(const isg_store *store, isg_table **out);

/* ---- lock -------------------------------------------------------------- */

typedef struct isg_lock isg_lock;

/**
 * One campaign, one writer: flock on PATH.lock (same host), else the job's
 * state or a heartbeat older than 120 s decides; taking over raises the epoch.
 * @return ISG_EBUSY naming host, pid, job and age of the holder.
 */
isg_err isg_lock_take(const char *store_path, isg_lock **out);
/** Rank 0 before each group of marks, and at least every 30 s: still ours? */
isg_err isg_lock_check(isg_lock *lock);
void isg_lock_release(isg_lock **lock);

typedef struct isg_lock_info {
    char host[64], job[64];
    long pid;
    uint64_t epoch;          /**< raised by every taking */
    double since, heartbeat; /**< seconds since the epoch */
} isg_lock_info;

/** Who holds the lock, by the same rules as isg_lock_take, without taking it. */
isg_err isg_lock_holder(const char *store_path, isg_lock_info *out, bool *held);

#endif
