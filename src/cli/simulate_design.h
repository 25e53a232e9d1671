#ifndef ISG_CLI_SIMULATE_DESIGN_H
#define ISG_CLI_SIMULATE_DESIGN_H

/** Designs of runs that were not made: tables without losses. */

#include "isogloss/table.h"

/** Is this the name of a campaign file? */
bool simulate_is_campaign(const char *path);

/** The planned runs of a campaign: one row per (run, point, evaluation), named as in a store's table. */
isg_err simulate_campaign(const char *path, isg_table **out);

/**
 * A full factorial design: "N=1e7,1e8;D=1e9,20x": every N with every D, one run each.
 * N and D become N_params and D_tokens, "20x" tokens are 20 N, other names columns of their
 * own. Numbers may end in k, M, G, B or T.
 */
isg_err simulate_factorial(const char *text, isg_table **out);

#endif
