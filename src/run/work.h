#ifndef ISG_RUN_WORK_H
#define ISG_RUN_WORK_H

/** The work directory NAME.work (docs/architecture.md): paths and what is found there. */

#include "isogloss/err.h"

#include <stdint.h>

/** NAME.work of NAME.h5 (any other name: NAME.work appended). Caller frees; NULL when out of memory. */
char *isg_work_dir(const char *store_path);

/** WORK/runs/RUNID and WORK/runs/RUNID/attempt-K. Caller frees; NULL when out of memory. */
char *isg_work_run_dir(const char *work_dir, const char *run_id);
char *isg_work_attempt_dir(const char *work_dir, const char *run_id, uint32_t attempt);

enum { ISG_WORK_NAME = 256 }; /**< room for the name of a checkpoint */

/** What earlier attempts of a run left. */
typedef struct isg_work_state {
    uint32_t last_attempt;       /**< highest K of which a directory exists; 0: none */
    uint32_t checkpoint_attempt; /**< whose checkpoint.json has most tokens; 0: none */
    uint64_t checkpoint_tokens;
} isg_work_state;

/** Look. An absent directory is nothing found; an unreadable checkpoint.json is no checkpoint. */
isg_err isg_work_scan(const char *work_dir, const char *run_id, isg_work_state *out);

/** Read one checkpoint.json. @param name  [ISG_WORK_NAME]; @return ISG_OK; ISG_EINPUT; ISG_EIO if absent */
isg_err isg_work_checkpoint(const char *work_dir, const char *run_id, uint32_t attempt, char *name,
                            uint64_t *tokens);

#endif
