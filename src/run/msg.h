#ifndef ISG_RUN_MSG_H
#define ISG_RUN_MSG_H

/**
 * What leader and workers say to each other: fixed structs, at most 4 KiB.
 *
 * A task is an index into a list that every rank holds (the plan's runs, or
 * the blocks of a computation); an attempt is one try at it, numbered from 1.
 * (task, attempt) fences everything: what is said of an attempt that is no
 * longer current changes nothing.
 *
 * The course of one task:
 *
 *     worker                          leader
 *     HELLO                   ->
 *                             <-      WELCOME (or a refusal, then QUIT)
 *                             <-      START    a bundle of tasks
 *     STARTED                 ->               once a task
 *     CHECKPOINT              ->               any number
 *     ENDED has_result        ->               the slot is free from here on
 *                             <-      GRANT    (DENY: throw the result away)
 *     WRITTEN                 ->               the result is in its slot, synced
 *                             <-      COMMITTED the mark is on disk: clean up
 *
 * An attempt that ends without a result ends with ENDED. STOP asks for a
 * checkpoint and an end (cause stopped). BEATs go both ways all the time.
 */

#include "isogloss/comm.h"
#include "isogloss/err.h"
#include "isogloss/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ISG_MSG_VERSION = 1,
    ISG_MSG_BUNDLE = 64, /**< most tasks in one START */
    ISG_MSG_DATA = 3584, /**< most bytes of an inline result in WRITTEN */
    ISG_MSG_TEXT = 240   /**< message of an attempt, with the final 0 */
};

typedef enum isg_msg_kind {
    /* worker to leader */
    ISG_MSG_HELLO = 1,
    ISG_MSG_STARTED,
    ISG_MSG_CHECKPOINT,
    ISG_MSG_ENDED,
    ISG_MSG_WRITTEN,
    ISG_MSG_BYE,
    /* leader to worker */
    ISG_MSG_WELCOME,
    ISG_MSG_START,
    ISG_MSG_GRANT,
    ISG_MSG_DENY,
    ISG_MSG_COMMITTED,
    ISG_MSG_STOP,
    ISG_MSG_QUIT,
    /* both */
    ISG_MSG_BEAT_TO_LEADER,
    ISG_MSG_BEAT_TO_WORKER,
    ISG_MSG_KINDS /**< one past the last */
} isg_msg_kind;

/** STARTED, GRANT, DENY, COMMITTED, and the head of what else is about one attempt. */
typedef struct isg_msg_attempt {
    uint32_t task;
    uint32_t attempt; /**< >= 1 */
} isg_msg_attempt;

typedef struct isg_msg_hello {
    char host[64];
    char job[72];      /**< hash of the task list (the plan's hash); others are refused */
    char numerics[32]; /**< what this rank will compute with */
    uint32_t slots;    /**< bundles at a time */
    uint32_t cores;
    uint32_t gpus;
    int32_t pid;
} isg_msg_hello;

typedef struct isg_msg_welcome {
    double beat_s;    /**< send a BEAT this often */
    double lease_s;   /**< silence after which the other side counts as dead */
    uint8_t accepted; /**< 0: refused, text says why; QUIT follows */
    char text[ISG_MSG_TEXT - 1];
} isg_msg_welcome;

typedef struct isg_msg_task {
    uint32_t task;
    uint32_t attempt;
    uint32_t resume_attempt; /**< its newest checkpoint is where to start; 0: from the beginning */
    uint32_t parent_attempt; /**< of the parent run: has the final checkpoint; 0: no parent, or
                                a trunk that diverged */
} isg_msg_task;

typedef struct isg_msg_start {
    double time_left_s; /**< until the job must have ended; very large: no limit */
    uint32_t cores;     /**< for the whole bundle */
    uint32_t gpus;
    uint32_t n; /**< 1 <= n <= ISG_MSG_BUNDLE */
    uint32_t reserved;
    isg_msg_task task[ISG_MSG_BUNDLE];
} isg_msg_start;

typedef struct isg_msg_checkpoint {
    isg_msg_attempt of;
    uint64_t tokens; /**< position of the complete checkpoint [token] */
} isg_msg_checkpoint;

typedef struct isg_msg_ended {
    isg_msg_attempt of;
    uint32_t cause;     /**< isg_cause */
    int32_t code;       /**< exit code, or signal number */
    double seconds;     /**< of work towards the result, over the attempts of its chain [s] */
    double own_seconds; /**< of this attempt alone, for the speed estimate [s] */
    double flops;       /**< done in this attempt, as reported or predicted [FLOP] */
    uint8_t has_result; /**< cause OK or DIVERGED and the result is ready to be written */
    char device[31];
    char text[ISG_MSG_TEXT];
} isg_msg_ended;

typedef struct isg_msg_written {
    isg_msg_attempt of;
    uint32_t crc; /**< from isg_store_put_result */
    uint16_t n;   /**< bytes of an inline result, <= ISG_MSG_DATA; 0 if it went to the store */
    uint8_t ok;   /**< 0: could not write (disk full): text says why, nothing is marked */
    uint8_t reserved;
    char text[ISG_MSG_TEXT];
    uint8_t data[ISG_MSG_DATA];
} isg_msg_written;

typedef struct isg_msg_bye {
    uint8_t
        left; /**< 0: draining (give me nothing more, my tasks end soon); 1: gone, nothing held */
    char text[ISG_MSG_TEXT - 1];
} isg_msg_bye;

typedef enum isg_stop_how {
    ISG_STOP_CHECKPOINT, /**< reach the next step, write a checkpoint, end as stopped */
    ISG_STOP_KILL        /**< end now */
} isg_stop_how;

/** STOP: of.attempt 0 means every task of this worker. */
typedef struct isg_msg_stop {
    isg_msg_attempt of;
    uint32_t how; /**< isg_stop_how */
} isg_msg_stop;

typedef struct isg_msg_quit {
    uint32_t alone; /**< 1: a rank is dead, nothing collective may follow */
} isg_msg_quit;

typedef struct isg_msg {
    isg_msg_kind kind;
    union { /* STARTED, GRANT, DENY, COMMITTED: attempt. The BEATs carry nothing. */
        isg_msg_attempt attempt;
        isg_msg_hello hello;
        isg_msg_welcome welcome;
        isg_msg_start start;
        isg_msg_checkpoint checkpoint;
        isg_msg_ended ended;
        isg_msg_written written;
        isg_msg_bye bye;
        isg_msg_stop stop;
        isg_msg_quit quit;
    };
} isg_msg;

/** Name of a kind, for logs; never NULL. */
const char *isg_msg_name(isg_msg_kind kind);

/** True for what a worker says. In a process that is both, this decides who gets it. */
bool isg_msg_is_for_leader(isg_msg_kind kind);

/** Bytes of a message. @param out [ISG_COMM_MAX_BYTES]; @param n bytes used */
void isg_msg_encode(const isg_msg *msg, uint8_t *out, size_t *n);

/**
 * Check and read bytes from another rank: version, kind, size, strings that
 * end, counts, enums, finite numbers.
 * @return ISG_OK; ISG_EPROTO
 */
isg_err isg_msg_decode(const uint8_t *data, size_t n, isg_msg *out);

/** Encode and queue. Returns at once; lost silently if the rank is dead. */
isg_err isg_msg_send(isg_comm *comm, int to, const isg_msg *msg);

/** Take the next message. A malformed one is logged and dropped. @param got false: nothing there */
isg_err isg_msg_poll(isg_comm *comm, int *from, isg_msg *out, bool *got);

#endif
