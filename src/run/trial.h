#ifndef ISG_RUN_TRIAL_H
#define ISG_RUN_TRIAL_H

/** One attempt at one run, on disk: its directory, what it resumes from, what it leaves. */

#include "events.h"
#include "msg.h"
#include "work.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct isg_trial {
    const isg_plan *plan;
    const isg_run *run;
    isg_msg_attempt of;
    char *run_dir, *dir; /**< WORK/runs/RUNID and its attempt-K, absolute */
    json_t *object;      /**< the run object given to the trainer */
    isg_curve *curve;
    int events;          /**< events.jsonl, for appending */
    uint64_t from;       /**< tokens resumed from; 0: from the beginning */
    double before_s;     /**< work of earlier attempts up to there [s] */
    char checkpoint[65]; /**< newest of this attempt, "" if none */
    uint64_t checkpoint_tokens;
} isg_trial;

/**
 * Make the directory, find checkpoints and earlier points, write run.json.
 * A checkpoint whose points are not complete is not used.
 * @param work_dir  absolute
 * @return ISG_EIO; ISG_EDATA if the parent's checkpoint is not there
 */
isg_err isg_trial_create(const isg_plan *plan, const char *work_dir, const isg_msg_task *task,
                         isg_trial **out);
void isg_trial_destroy(isg_trial **trial);

/** Keep one accepted line. */
isg_err isg_trial_note(isg_trial *trial, const char *line, size_t n);

/**
 * A checkpoint is complete: sync the events, name it in checkpoint.json, remove
 * the one before unless all are kept.
 * @param seconds  work of this attempt so far [s]
 * @return ISG_EPROTO if the trainer did not write it
 */
isg_err isg_trial_checkpoint(isg_trial *trial, const char *name, uint64_t tokens, double seconds);

/** stderr.txt of a failed attempt. */
isg_err isg_trial_keep_output(const isg_trial *trial, const isg_str *text);

/** Path of a file in the attempt's directory. Caller frees; NULL when out of memory. */
char *isg_trial_path(const isg_trial *trial, const char *name);

/** The run is committed: remove its directory, apart from the final checkpoint if it is kept. */
isg_err isg_trial_clean(const isg_plan *plan, const char *work_dir, isg_msg_attempt of);

#endif
