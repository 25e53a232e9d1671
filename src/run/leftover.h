#ifndef ISG_RUN_LEFTOVER_H
#define ISG_RUN_LEFTOVER_H

/**
 * Processes of a trainer that outlived everybody who was to end them: if guard
 * and worker are killed at once, the kernel kills the trainer, but not what it
 * started in sessions of its own. Every process below a guard is known by a
 * variable of its environment, which names the work directory.
 */

#include <stddef.h>

#define ISG_LEFTOVER_VARIABLE "ISOGLOSS_WORK"

/**
 * Kill all processes of this host that were started for a work directory. Only
 * under the lock of its store, and while no trainer of this launch is wanted.
 * @param work_dir  absolute
 * @return how many there were
 */
size_t isg_leftover_kill(const char *work_dir);

#endif
