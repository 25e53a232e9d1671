#ifndef ISG_TRAIN_JOB_H
#define ISG_TRAIN_JOB_H

/** One run as the protocol orders it (docs/architecture.md), checked. */

#include "isogloss/corpus.h"
#include "isogloss/err.h"
#include "isogloss/json.h"
#include "isogloss/tag.h"
#include "schedule.h"
#include "shape.h"

#include <stdint.h>

typedef struct isg_job_language {
    const char *code;
    double weight;         /**< share of the sequences; all sum to 1 */
    uint64_t unique_bytes; /**< training bytes to draw from */
    isg_tag tag;           /**< every window begins with; of all languages as long, or none */
} isg_job_language;

typedef struct isg_job_evaluation {
    const char *name, *language;
    uint64_t bytes; /**< over all shards */
    size_t shards;
    isg_tag tag;      /**< as in the mixture */
    isg_range *range; /**< [n_ranges] of the held-out text, each scored from its own start */
    size_t *shard;    /**< [n_ranges] that it belongs to */
    size_t n_ranges;  /**< 0: the shards of the corpus */
} isg_job_evaluation;

/** Where the weights come from. */
typedef enum isg_job_start {
    ISG_START_FRESH,
    ISG_START_RESUME, /**< everything from a checkpoint of this run */
    ISG_START_TRUNK,  /**< everything from the last checkpoint of another run */
    ISG_START_PARENT  /**< the weights of another run; optimiser, schedule and data begin anew */
} isg_job_start;

typedef struct isg_job {
    json_t *json; /**< owns every string below but `start_path` */
    const char *id;
    isg_net_shape shape;
    uint64_t tokens; /**< to train on, all attempts together; also the horizon of the schedule */
    isg_job_language *languages; /**< [n_languages] */
    size_t n_languages;
    isg_schedule schedule;
    uint64_t batch; /**< tokens of one optimiser step, a multiple of the context */
    double beta1, beta2, weight_decay;
    double clip; /**< greatest norm of the gradient; 0: no clipping */
    uint64_t seed, data_seed;
    isg_job_evaluation *evaluations; /**< [n_evaluations] */
    size_t n_evaluations;
    uint64_t *points; /**< [n_points] strictly increasing, at most `tokens` */
    size_t n_points;
    const char *numerics, *corpus, *dir;
    double checkpoint_every_s; /**< 0: never */
    bool checkpoint_final;
    isg_job_start start;
    char *start_path;     /**< checkpoint file, or NULL */
    const char *start_id; /**< run that wrote it */
    uint64_t from;        /**< tokens of the trunk that the run goes on from; 0: none */
} isg_job;

/**
 * @param run  the value of "run" in the order; a reference is kept
 * @return ISG_EINPUT says what is wrong
 */
isg_err isg_job_create(json_t *run, isg_job **out);
void isg_job_destroy(isg_job **job);

#endif
