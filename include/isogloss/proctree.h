#ifndef ISOGLOSS_PROCTREE_H
#define ISOGLOSS_PROCTREE_H

/**
 * The processes below another one, read from /proc. Used by a child subreaper
 * (the guard, a worker), below which every descendant stays: one that forked
 * twice or called setsid comes to the subreaper when its parent dies.
 *
 * Not for several threads at once. Links nothing.
 */

#include <stddef.h>
#include <sys/types.h>

/** Send `sig` to every descendant of `root`, not to root. @return how many there are */
size_t isg_proctree_signal(pid_t root, int sig);

/**
 * Kill every descendant of `root`, leaving out `spare` [n] and what is below
 * them. Freezes first, until a look finds nothing new: a frozen process cannot
 * fork away. The dead still have to be waited for.
 * @return how many there were, zombies counted
 */
size_t isg_proctree_kill(pid_t root, const pid_t *spare, size_t n);

#endif
