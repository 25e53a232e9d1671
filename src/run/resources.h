#ifndef ISG_RUN_RESOURCES_H
#define ISG_RUN_RESOURCES_H

/** What this worker may give to its trainers. */

#include "isogloss/comm.h"
#include "isogloss/err.h"

#include <stddef.h>

typedef struct isg_resources {
    size_t slots, cores, gpus;
} isg_resources;

/**
 * Share out this host's cores and GPUs among the workers on it. A rank that is
 * bound to cores keeps those. Sets CUDA_VISIBLE_DEVICES to this worker's part.
 * @param slots  0: 1 under MPI, else all cores
 * Collective: yes (start-up).
 */
isg_err isg_resources_find(isg_comm *comm, size_t slots, isg_resources *out);

#endif
