#ifndef ISG_RUN_SLOT_H
#define ISG_RUN_SLOT_H

/**
 * A slot: one trainer process at a time, and the attempt it works on.
 *
 * A proxy trainer serves many runs and stays between them; after any trouble it
 * is ended and the next attempt gets a fresh one. A command serves one. However
 * an attempt ends, it ends once, with a cause, and only when nothing of its
 * process family is left that should not be.
 */

#include "child.h"
#include "trial.h"

#include <stdbool.h>

/** What all slots of a worker share; borrowed. */
typedef struct isg_slot_site {
    const isg_plan *plan;
    const char *work_dir; /**< absolute */
    char *guard;          /**< path of isogloss-guard */
    char *train;          /**< path of isogloss-train; NULL unless the plan trains proxies */
    char *campaign_dir;   /**< working directory of commands */
} isg_slot_site;

typedef struct isg_slot isg_slot;

/** How an attempt ended. */
typedef struct isg_slot_end {
    isg_msg_ended said; /**< for the leader */
    isg_result *result; /**< the caller's, if said.has_result */
} isg_slot_end;

/** What the leader should hear of meanwhile. */
typedef void isg_slot_checkpoint(void *ctx, isg_msg_attempt of, uint64_t tokens);

isg_err isg_slot_create(const isg_slot_site *site, isg_slot **out);

/** Ends its processes at once and waits for them. Accepts NULL. */
void isg_slot_destroy(isg_slot **slot);

/** KILL without waiting; destroy waits. So that many slots end together. */
void isg_slot_kill(isg_slot *slot);

/**
 * Begin an attempt; the slot must be free. What goes wrong is an end, from step.
 * @param trial  now the slot's
 * @param gpus   value for CUDA_VISIBLE_DEVICES, "" for none; NULL: leave it as it is
 */
void isg_slot_begin(isg_slot *slot, isg_trial *trial, uint32_t cores, const char *gpus,
                    uint32_t n_gpus);

/** The attempt at work, or NULL: the slot is free. */
const isg_trial *isg_slot_trial(const isg_slot *slot);

/** Ask for a checkpoint and an end, or end it now; the cause will be `stopped`. */
void isg_slot_stop(isg_slot *slot, isg_stop_how how);

/** Go on without blocking. @param ended  true: `end` is filled and the slot is free */
isg_err isg_slot_step(isg_slot *slot, isg_slot_checkpoint *checkpoint, void *ctx, isg_slot_end *end,
                      bool *ended);

/** What to wait for, and how long at most until the next look. */
size_t isg_slot_fds(const isg_slot *slot, struct pollfd fds[ISG_CHILD_FDS]);
double isg_slot_wait(const isg_slot *slot);

#endif
