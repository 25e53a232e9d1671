#ifndef ISG_CORPUS_WRITE_H
#define ISG_CORPUS_WRITE_H

/** Last pass of a build: the files of one language. */

#include "decide.h"
#include "format.h"

/**
 * Write CODE.train, CODE.held and CODE.pages into `dir`.
 * @param out  gets code, sizes, hashes and shard cuts, now the caller's
 */
isg_err isg_corpus_write_language(const isg_corpus_recipe *recipe, const isg_gather *g,
                                  const isg_decision *d, const char *dir, isg_corpus_language *out);

#endif
