#ifndef ISOGLOSS_PROBE_H
#define ISOGLOSS_PROBE_H

/** Is a process of this host still the one it was? Recycled process ids are told apart by their
 * start. */

#include <stdbool.h>
#include <stdint.h>

typedef struct isg_probe {
    int32_t pid;    /**< 0: cannot be probed, never dead */
    uint64_t start; /**< of the process, in ticks since boot */
} isg_probe;

/** @param pid  a living process of this host, or 0. One that cannot be seen from here is not
 * probed. */
void isg_probe_init(isg_probe *probe, int32_t pid);

/** Certainly gone (or a zombie, which writes nothing any more). */
bool isg_probe_is_dead(const isg_probe *probe);

#endif
