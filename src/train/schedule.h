#ifndef ISG_TRAIN_SCHEDULE_H
#define ISG_TRAIN_SCHEDULE_H

/** Learning rate over the tokens of a run. Pure. */

#include "isogloss/err.h"

#include <stddef.h>
#include <stdint.h>

typedef enum isg_schedule_kind {
    ISG_SCHEDULE_WSD,     /**< warm-up, stable, linear decay to 0 */
    ISG_SCHEDULE_COSINE,  /**< warm-up, then a half cosine down to a tenth */
    ISG_SCHEDULE_CONSTANT /**< warm-up, then no change */
} isg_schedule_kind;

typedef struct isg_schedule {
    isg_schedule_kind kind;
    double lr;       /**< at the top */
    double warmup;   /**< [token] with rising rate (isg_recipe_warmup) */
    double decay;    /**< fraction of `tokens`; for wsd only (isg_recipe_decay_start) */
    uint64_t tokens; /**< horizon */
    uint64_t batch;  /**< tokens of a step */
} isg_schedule;

/** "wsd", "cosine", "constant". @return ISG_EINPUT for another word */
isg_err isg_schedule_kind_of(const char *word, isg_schedule_kind *out);

/** (0.5 / d) sqrt(batch / 4096), found by sweeps at d 32 to 128. */
double isg_schedule_default_lr(size_t d, uint64_t batch);

/** Rate when `tokens` have been seen; a step takes it at its middle. */
double isg_schedule_at(const isg_schedule *s, double tokens);

/** "warmup", "stable", "decay", or "end": all of the decay is done. */
const char *isg_schedule_state(const isg_schedule *s, uint64_t tokens);

#endif
