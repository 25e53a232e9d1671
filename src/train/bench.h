#ifndef ISG_TRAIN_BENCH_H
#define ISG_TRAIN_BENCH_H

/** Training speed against the peak of the CPU, both measured in this process. */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Print tokens per CPU second and share of the fused-multiply-add peak.
 * @param shapes  [n] names of the ladder; none: p0 p3 p6
 */
isg_err isg_bench(const char *const *shapes, size_t n, bool json);

#endif
