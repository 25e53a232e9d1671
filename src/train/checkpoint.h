#ifndef ISG_TRAIN_CHECKPOINT_H
#define ISG_TRAIN_CHECKPOINT_H

/**
 * Checkpoints: all that decides the rest of a run, in one file.
 *
 * A line of JSON (run, shape, step, windows seen per language), then weights
 * and both moments as fp32 in the machine's order, then a CRC-32C of all
 * before it. Written under a temporary name, synced, renamed. A resumed run
 * ends with the same bits as one that was never stopped.
 */

#include "job.h"
#include "net.h"
#include "optimiser.h"
#include "stream.h"

/** Write `name` in the run's directory. */
isg_err isg_checkpoint_save(const isg_job *job, const char *name, isg_net *net,
                            const isg_optimiser *optimiser, const isg_stream *stream);

/**
 * Go on where job->start_path was written, by this run or its trunk.
 * @return ISG_EINPUT if it belongs to another run or is damaged
 */
isg_err isg_checkpoint_resume(const isg_job *job, isg_net *net, isg_optimiser *optimiser,
                              isg_stream *stream);

/** Take the weights of job->start_path alone; the shape must be the same. */
isg_err isg_checkpoint_weights(const isg_job *job, isg_net *net);

#endif
