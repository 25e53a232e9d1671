#ifndef ISG_TRAIN_HELD_H
#define ISG_TRAIN_HELD_H

/**
 * Held-out text of a run's evaluations, and the loss of a model on it.
 *
 * A shard is one piece of text, or the pages that the run's ranges give it. A piece is cut into
 * windows of `context` without overlap; every byte of it is predicted once, the first byte of the
 * piece from FF, the first byte of a later window from the byte before it alone, or from the tag
 * of the language (window.h). A byte FF ends a page; it may be read but is not scored.
 *
 * Windows of one evaluation share micro-batches. A sequence does not depend on its neighbours, so
 * that a loss has the same bits however windows are packed.
 */

#include "isogloss/corpus.h"
#include "job.h"
#include "net.h"

typedef struct isg_held isg_held;

/** Copies the text. @return ISG_EINPUT if a language, a shard or part of a range is missing */
isg_err isg_held_open(const isg_job *job, const isg_corpus *corpus, isg_held **out);
void isg_held_close(isg_held **held);

/** What all evaluations cost at a point, by whole windows (docs/architecture.md) [token] */
uint64_t isg_held_tokens(const isg_held *held);

/**
 * Loss on one evaluation.
 * @param nats   [shards] sums; may be non-finite
 * @param bytes  [shards] scored
 */
isg_err isg_held_measure(isg_held *held, isg_net *net, size_t evaluation, double *nats,
                         uint64_t *bytes);

#endif
