#ifndef ISG_TRAIN_STREAM_H
#define ISG_TRAIN_STREAM_H

/**
 * The order of training data.
 *
 * Every sequence draws a language by weight, then takes the next window of
 * that language. A language's unique bytes are one stretch of its training
 * file (begun at a place drawn from the data seed, and read round the end of
 * the file), cut into windows (window.h) of `context` bytes, the tag's further
 * digits included; a pass takes every window once, each pass in an order of its
 * own. A rest shorter than a window is left out. So the state is one count per
 * language.
 */

#include "isogloss/corpus.h"
#include "job.h"

typedef struct isg_stream isg_stream;

/** Borrows job and corpus. @return ISG_EINPUT if a language or its bytes are missing */
isg_err isg_stream_open(const isg_job *job, const isg_corpus *corpus, isg_stream **out);
void isg_stream_close(isg_stream **stream);

/** One sequence: input[context], target[context]. */
isg_err isg_stream_next(isg_stream *stream, uint8_t *input, uint8_t *target);

/** Windows taken so far of language i of the job. */
uint64_t isg_stream_windows(const isg_stream *stream, size_t i);

/** Go on from counts [n_languages] of isg_stream_windows. */
void isg_stream_seek(isg_stream *stream, const uint64_t *windows);

#endif
