#ifndef ISG_RUN_EVENTS_H
#define ISG_RUN_EVENTS_H

/**
 * What a trainer says (docs/architecture.md, "Trainer protocol"), checked field
 * by field, and the curve of one attempt that its points add up to.
 */

#include "isogloss/plan.h"
#include "isogloss/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct isg_hello {
    char trainer[32], version[32], device[32], numerics[32]; /**< "" if not said */
    bool exact;
    uint32_t lanes;
} isg_hello;

/**
 * Read a hello. Proxies must be the trainer, version and numerics that the plan
 * was made for, and exact: all of it is part of the run ids. A command only has
 * to speak this protocol version.
 * @return ISG_OK; ISG_EPROTO
 */
isg_err isg_hello_read(const isg_plan *plan, const char *line, size_t n, isg_hello *out);

typedef enum isg_said_kind {
    ISG_SAID_HELLO, /**< of a command, in its events file: nothing to do */
    ISG_SAID_POINT, /**< added to the curve */
    ISG_SAID_EXTRA, /**< a point that nobody asked for, or before the checkpoint resumed from: ignored */
    ISG_SAID_DIVERGED, /**< a point with a loss that is no number: not added, the run is over */
    ISG_SAID_CHECKPOINT,
    ISG_SAID_END
} isg_said_kind;

typedef enum isg_end_outcome { ISG_END_DONE, ISG_END_DIVERGED, ISG_END_STOPPED } isg_end_outcome;

typedef struct isg_said {
    isg_said_kind kind;
    uint64_t tokens;         /**< of point, checkpoint, end [token] */
    char name[65];           /**< of a checkpoint */
    isg_end_outcome outcome; /**< of an end */
    double flops,
        seconds; /**< of an end; negative: not said. FLOPs of the whole run up to `tokens` */
} isg_said;

typedef struct isg_curve isg_curve;

/** The empty curve of one run. @param from  tokens of the checkpoint resumed from; 0: from the beginning */
isg_err isg_curve_create(const isg_plan *plan, size_t run, uint64_t from, isg_curve **out);
void isg_curve_destroy(isg_curve **curve);

/**
 * Take one line of this attempt. Points must come in order of tokens; those at
 * planned points are added, others are extra.
 * @return ISG_OK; ISG_EPROTO saying what is wrong with the line; ISG_ENOMEM
 */
isg_err isg_curve_take(isg_curve *curve, const char *line, size_t n, isg_said *out);

/**
 * Take the points up to `from` out of the events of the attempt resumed from.
 * @param text    its events.jsonl; unreadable lines and other events are skipped
 * @param kept    the lines taken are appended, each with a newline
 * @return ISG_OK; ISG_EDATA if a planned point is missing: begin from the start instead
 */
isg_err isg_curve_replay(isg_curve *curve, const char *text, size_t n, isg_str *kept);

/**
 * The result, once it ended: every planned point if done, those reached if it diverged.
 * @param out  now the caller's
 * @return ISG_OK; ISG_EPROTO if done and a planned point is missing
 */
isg_err isg_curve_finish(isg_curve *curve, bool diverged, isg_result **out);

#endif
