#ifndef ISOGLOSS_NUMERICS_H
#define ISOGLOSS_NUMERICS_H

/**
 * Names of what decides the last bits of a proxy run: instruction set and
 * kernel version ("avx512-2", "avx2-2", "generic-2"). Chosen when the store is
 * created, part of every run id, demanded of every worker.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>

/** Raise it whenever a kernel change alters a bit of any proxy result. */
enum { ISG_KERNEL_VERSION = 2 };

/** Best name for this CPU; $ISOGLOSS_NUMERICS overrides (must be supported). */
isg_err isg_numerics_best(char out[32]);

/** True if this CPU and build can compute with `name`. */
bool isg_numerics_supported(const char *name);

/** Order for choosing the least of several machines: generic 0 < avx2 1 < avx512 2; -1 unknown. */
int isg_numerics_level(const char *name);

/** The name of a level (inverse of the above); "generic-…" for 0. */
const char *isg_numerics_of_level(int level);

/**
 * What a loop of independent fp32 multiply-adds reaches on this core with the widest vectors of
 * `numerics` [FLOP/s]: the best of some tries in CPU time, some hundredths of a second in all.
 * The CPU must support them. Doubles reach half.
 */
double isg_fma_peak(const char *numerics);

#endif
