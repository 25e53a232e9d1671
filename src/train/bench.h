#ifndef ISG_TRAIN_BENCH_H
#define ISG_TRAIN_BENCH_H

/** Training speed against the peak of the CPU, both measured in this process. */

#include "isogloss/err.h"
#include "team.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct isg_bench_options {
    const char *const *shapes; /**< [n]; none: p0 p3 p6 p9 */
    size_t n;
    uint64_t batch; /**< tokens of one optimiser step, whole sequences; 0: 1024, or the next such */
    uint64_t rounds; /**< at least 1 */
    isg_team *team;  /**< say how many times as fast it is, too; NULL: one thread alone */
    bool json;
    /** A round begins when a line comes on standard input, and its figures follow as a line of
     * JSON: two programs can then be measured in turns. Ends with the input. */
    bool paced;
} isg_bench_options;

/**
 * Print tokens per CPU second of training and of evaluation, and the share of the
 * fused-multiply-add peak: medians over the rounds with the least and the largest, each line as
 * soon as its last round is over. Standard error says before what is measured and about how long it
 * takes, and then how far it is; not with `paced`.
 * @return ISG_EUSAGE or ISG_EINPUT on a bad shape, batch or $ISOGLOSS_NUMERICS; ISG_ENOMEM; ISG_EIO
 */
isg_err isg_bench(const isg_bench_options *options);

#endif
