#ifndef ISG_TRAIN_HELD_H
#define ISG_TRAIN_HELD_H

/**
 * Held-out text of a run's evaluations, and the loss of a model on it.
 *
 * A shard is cut into windows of `context` without overlap; every byte of it is
 * predicted once, the first byte of the shard from a line end, the first byte
 * of a later window from the byte before it alone.
 */

#include "isogloss/corpus.h"
#include "job.h"
#include "net.h"

typedef struct isg_held isg_held;

/** Copies the shards. @return ISG_EINPUT if a language or shard is missing */
isg_err isg_held_open(const isg_job *job, const isg_corpus *corpus, isg_held **out);
void isg_held_close(isg_held **held);

/** Loss on one shard of one evaluation; *nats may be non-finite. */
isg_err isg_held_measure(const isg_held *held, isg_net *net, size_t evaluation, size_t shard,
                         double *nats, uint64_t *bytes);

#endif
