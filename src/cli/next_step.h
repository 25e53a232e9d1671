#ifndef ISG_CLI_NEXT_STEP_H
#define ISG_CLI_NEXT_STEP_H

/** What to do with a store whose campaign is over. */

#include "isogloss/err.h"

#include <stddef.h>

/**
 * A command that works as it is printed: `isogloss fit` with what must be said to choose one
 * evaluation and the best of a sweep, tried out here; `isogloss export` where the losses carry no
 * such fit; `isogloss status` where there is no loss, and where there are too many to try in seconds.
 *
 * @param store  path
 * @param out    the command, quoted for a shell; now the caller's
 */
isg_err next_step(const char *store, char **out);

#endif
