#ifndef ISG_TRAIN_LOOP_H
#define ISG_TRAIN_LOOP_H

/** Train one run from its start to its `end` event. */

#include "job.h"
#include "protocol.h"
#include "team.h"

/**
 * Sends every event of the run on stdout and watches `inbox` between steps.
 *
 * A step takes `batch` tokens (the last one fewer) in whole sequences. A point
 * is measured at the first step boundary at or after its tokens and reported
 * with the planned number; `seen` says what was really trained on.
 *
 * @param team  computes; results do not depend on it
 * @return ISG_OK also when the run diverged or was stopped: those are outcomes
 */
isg_err isg_train(const isg_job *job, isg_inbox *inbox, isg_team *team);

#endif
