#ifndef ISOGLOSS_CORPUS_BUILD_H
#define ISOGLOSS_CORPUS_BUILD_H

/**
 * Make a corpus directory (isogloss/corpus.h) from text files.
 *
 * Every line of text belongs to a page, named by a key that is the same in
 * every language, and optionally to a unit of that page (a paragraph, a
 * message), `PAGE#UNIT`, that is translated as one. Pages are held out as a
 * whole, in every language at once. A training line is dropped if it equals a
 * held-out line of its language (digits and white space folded), and so is, in
 * every language, each translation of a unit that equals a held-out line in any.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where the key of a line comes from. */
typedef enum isg_corpus_keys {
    ISG_KEYS_FILE,   /**< each file is a page: its path below the listed directory or pattern */
    ISG_KEYS_COLUMN, /**< lines are KEY<TAB>TEXT */
    ISG_KEYS_BLOCK,  /**< each run of block_lines lines is a page: FILE NUMBER:BLOCK NUMBER */
    ISG_KEYS_COUNT
} isg_corpus_keys;

extern const char *const isg_corpus_keys_names[]; /**< "file", "column", "block", NULL */

typedef struct isg_corpus_source {
    const char *code, *name, *script, *family, *licence;
    const char *const
        *files; /**< [n_files] files, directories, glob patterns; .xz .gz .zst .bz2 are unpacked */
    size_t n_files;
    const char *const
        *not_in; /**< [n_not_in] codes: drop lines that these languages have (untranslated) */
    size_t n_not_in;
} isg_corpus_source;

/** Borrowed for the call. */
typedef struct isg_corpus_recipe {
    const char *name;
    const char *base; /**< directory that relative file names start from */
    isg_corpus_keys keys;
    size_t block_lines;
    size_t shards;        /**< 1 to 1024 */
    double held_fraction; /**< least share of the pages, 0 < f <= 0.5 */
    uint64_t
        held_bytes; /**< raise the share (to 0.5 at most) until every language has so many [byte] */
    size_t min_line_bytes; /**< shorter lines are dropped [byte] */
    double min_letters;    /**< least share of letters among a line's visible characters */
    double
        own_script; /**< least share of the language's own script among a line's letters; 0: any */
    size_t shared_by; /**< drop lines that so many languages have; 0: keep */
    bool page_end;    /**< a byte FF after every page, in training and held-out text */
    bool clean_utf8;  /**< drop invalid bytes and count them, instead of refusing the file */
    const isg_corpus_source *languages;
    size_t n_languages;
} isg_corpus_recipe;

/** Defaults of everything but names and languages. */
void isg_corpus_recipe_defaults(isg_corpus_recipe *recipe);

typedef enum isg_corpus_built { ISG_CORPUS_BUILT, ISG_CORPUS_UP_TO_DATE } isg_corpus_built;

/**
 * Build into a temporary directory beside `dir`, then rename. The result is a
 * function of the recipe and the files' contents alone.
 * @param rebuild  replace a corpus made from other inputs (else ISG_EBUSY says so)
 * @return ISG_OK; ISG_ESPEC for a bad recipe; ISG_EINPUT for bad text, naming file and offset
 */
isg_err isg_corpus_build(const isg_corpus_recipe *recipe, const char *dir, bool rebuild,
                         isg_corpus_built *what);

#endif
