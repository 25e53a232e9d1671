#ifndef ISG_TRAIN_TEAM_H
#define ISG_TRAIN_TEAM_H

/**
 * The threads of one trainer, for a run too large for one core.
 *
 * A piece of work is cut into as many parts as the team has threads, by (part, parts) alone; which
 * thread does a part is left to chance. Parts never add into the same number, so results do not
 * depend on the number of threads: work whose sums go over rows is cut by columns, and sums over
 * parts are made by the caller, in order.
 *
 * Threads wait for the next work for a short time at full speed, then they sleep: a team costs
 * nothing while its trainer writes or waits, and next to nothing on a machine with too many threads.
 */

#include "isogloss/err.h"

#include <stddef.h>

enum { ISG_TEAM_MOST = 4096 /**< threads; what `cores` of a campaign may be */ };

typedef struct isg_team isg_team;

/** Part `part` of `parts`; called once for each. */
typedef void isg_team_work(void *ctx, size_t part, size_t parts);

/**
 * Threads that this trainer should have: $OMP_NUM_THREADS, which a worker sets to the `cores` of a
 * run; 1 if it is unset or empty, never more than the cores this process may use.
 * @return ISG_EUSAGE if it is not a whole number from 1 to ISG_TEAM_MOST
 */
isg_err isg_team_wanted(size_t *threads);

/**
 * Start threads - 1 threads; the caller of isg_team_run() is the last. Their subnormal numbers are
 * flushed and they take no signals.
 * @param out  NULL for one thread
 * @return ISG_EFAIL if the system gives no more threads (none is left then)
 */
isg_err isg_team_create(size_t threads, isg_team **out);

/** Ends the threads. */
void isg_team_destroy(isg_team **team);

/** Threads, the caller's included; 1 for NULL. */
size_t isg_team_size(const isg_team *team);

/** Do all parts and return when they are done. One caller at a time; not from inside a part. */
void isg_team_run(isg_team *team, isg_team_work *work, void *ctx);

/** Items [first, end) of a part. */
typedef struct isg_share {
    size_t first, end;
} isg_share;

/** Part `part` of [0, n): in order, as equal as whole units of `unit` items allow; maybe empty. */
isg_share isg_team_share(size_t n, size_t unit, size_t part, size_t parts);

#endif
