#ifndef ISG_CORPUS_DECIDE_H
#define ISG_CORPUS_DECIDE_H

/** Second pass of a build: what becomes of every line. Hashes in, fates out; no files. */

#include "gather.h"

typedef struct isg_held_page {
    uint64_t page;   /**< hash of the key */
    uint64_t bytes;  /**< over all languages */
    uint64_t weight; /**< sum of its shares of the languages' text [1e-6] */
    uint32_t shard;
} isg_held_page;

typedef struct isg_decision {
    uint64_t threshold;   /**< pages with a smaller hash are held out */
    double held_fraction; /**< threshold / 2^64 */
    size_t pages;         /**< distinct, over all languages */
    size_t shared_pages;  /**< in more than one language */
    isg_held_page *held;  /**< [n_held] ascending by page */
    size_t n_held;
} isg_decision;

/** @param g  [recipe->n_languages] in the recipe's order */
isg_err isg_decide(const isg_corpus_recipe *recipe, isg_gather *g, isg_decision *out);
void isg_decision_free(isg_decision *d);

/** Index of a held-out page. */
size_t isg_decision_page(const isg_decision *d, uint64_t page);

/** Shard of a held-out page. */
size_t isg_decision_shard(const isg_decision *d, uint64_t page);

#endif
