#ifndef ISG_CORPUS_FORMAT_H
#define ISG_CORPUS_FORMAT_H

/** What the reader and the builder of a corpus directory share. */

#include "isogloss/corpus.h"

enum {
    ISG_CORPUS_FORMAT = 1, /**< version in index.json; raise it when the layout changes */
    ISG_CORPUS_MAX_SHARDS = 1024,
    ISG_CORPUS_HEX = 65 /**< SHA-256 in hex, with the terminator */
};

/** Fingerprint of an opened or just built corpus: codes, file hashes, shard cuts, by code. */
isg_err isg_corpus_fingerprint(const isg_corpus *corpus, char hex[ISG_CORPUS_HEX]);

/** Release what a language owns. */
void isg_corpus_language_clear(isg_corpus_language *l);

#endif
