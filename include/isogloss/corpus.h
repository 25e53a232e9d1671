#ifndef ISOGLOSS_CORPUS_H
#define ISOGLOSS_CORPUS_H

/**
 * A built corpus: a directory of flat UTF-8 bytes per language and index.json.
 *
 *   index.json        what is below, with sizes, overlaps and fingerprint
 *   CODE.train        training lines, '\n' after each
 *   CODE.held         held-out lines, shard after shard, inside a shard page after page
 *   CODE.pages        where each held-out page lies: hash of its key, offset, bytes, lines
 *
 * Held-out pages are chosen, and cut into shards, by a hash of the page key
 * that is the same in every language: no translation of held-out text is in
 * any training file. The text is valid UTF-8, so the bytes C0, C1 and F5 to FF
 * never occur and serve as separators: with page_end an FF follows every page. Nothing here is collective.
 */

#include "isogloss/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct isg_corpus_language {
    char *code, *name, *script, *family, *licence;
    char *train_file, *held_file; /**< names inside the directory */
    uint64_t train_bytes, held_bytes;
    uint64_t train_lines, held_lines;
    char *train_sha256, *held_sha256; /**< hex */
    uint64_t *shard_offset;           /**< [n_shards + 1] into the held-out file */
    char *pages_file;                 /**< NULL: a corpus of before there were such */
    uint64_t pages_bytes, held_pages; /**< of that file; held-out pages of the language */
    char *pages_sha256;               /**< hex */
} isg_corpus_language;

typedef struct isg_corpus {
    char *dir; /**< as opened */
    char *name;
    char *fingerprint; /**< SHA-256 (hex) over codes, files and shard cuts */
    size_t n_shards;   /**< the same for every language */
    isg_corpus_language *languages;
    size_t n_languages;
} isg_corpus;

/** Read index.json and check it against the files' sizes. */
isg_err isg_corpus_open(const char *dir, isg_corpus **out);
void isg_corpus_close(isg_corpus **corpus);

/** Hash every file again and compare with index.json. @return ISG_EINPUT naming what differs. */
isg_err isg_corpus_verify(const isg_corpus *corpus);

/** Index of a language code, or (size_t)-1. */
size_t isg_corpus_find(const isg_corpus *corpus, const char *code);

/** A stretch of a file [byte]. */
typedef struct isg_range {
    uint64_t offset, bytes;
} isg_range;

/**
 * Where evaluation shard `shard` of `shards` (a divisor of n_shards) lies in the held-out file: the
 * first `bytes` of the joined built shards s*k .. s*k+k-1, k = n_shards/shards, or fewer.
 */
isg_err isg_corpus_held_range(const isg_corpus *corpus, size_t language, size_t shard,
                              size_t shards, uint64_t bytes, isg_range *out);

/** How often each byte value occurs in the training text: added to count [256]. */
isg_err isg_corpus_count_train(const isg_corpus *corpus, size_t language, uint64_t *count);

/** The same of stretches [n] of the held-out text. @return ISG_EINPUT beyond its end */
isg_err isg_corpus_count_held(const isg_corpus *corpus, size_t language, const isg_range *ranges,
                              size_t n, uint64_t *count);

/** Read-only memory map of a language's training (or held-out) bytes. */
typedef struct isg_bytes {
    const uint8_t *data; /**< [n], NULL if n == 0 */
    size_t n;
} isg_bytes;

isg_err isg_corpus_map_train(const isg_corpus *corpus, size_t language, isg_bytes *out);
isg_err isg_corpus_map_held(const isg_corpus *corpus, size_t language, isg_bytes *out);
void isg_bytes_unmap(isg_bytes *bytes);

/**
 * The bytes of evaluation shard `shard` of `shards` (isg_corpus_held_range).
 * @param out  [bytes] copied
 * @param got  bytes available, <= bytes
 */
isg_err isg_corpus_held_shard(const isg_corpus *corpus, size_t language, size_t shard,
                              size_t shards, size_t bytes, uint8_t *out, size_t *got);

#endif
