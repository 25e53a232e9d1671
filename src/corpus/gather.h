#ifndef ISG_CORPUS_GATHER_H
#define ISG_CORPUS_GATHER_H

/** First pass of a build: the lines of one language that may be kept, in a spool file. */

#include "isogloss/corpus_build.h"
#include "source.h"

/** What became of a line; the order is that of the report. */
#define ISG_FATE_LIST(X)                                                                           \
    X(TRAIN, "train")                                                                              \
    X(HELD, "held")                                                                                \
    X(SHORT, "short")               /* fewer than min_line_bytes */                                \
    X(LETTERS, "few_letters")       /* fewer than min_letters */                                   \
    X(SCRIPT, "other_script")       /* less than own_script */                                     \
    X(UNTRANSLATED, "untranslated") /* a line of a language listed in not_in */                    \
    X(SHARED, "shared")             /* a line of shared_by languages */                            \
    X(DUPLICATE, "duplicate")       /* equal to another line of the language */                    \
    X(OVERLAP, "overlap")           /* like a held-out line of the language */                     \
    X(TWIN, "twin")                 /* its unit is held out under another key */

typedef enum isg_fate {
#define X(sym, text) ISG_FATE_##sym,
    ISG_FATE_LIST(X)
#undef X
        ISG_FATES
} isg_fate;

typedef struct isg_line {
    uint64_t text;   /**< hash of the bytes */
    uint64_t folded; /**< hash with digits and white space folded */
    uint64_t page;   /**< hash of the page key: decides what is held out */
    uint64_t unit;   /**< hash of the whole key, 0 if it names no unit */
    uint32_t bytes;  /**< without the newline */
    uint8_t fate;    /**< isg_fate; TRAIN until decided */
} isg_line;

typedef struct isg_gather {
    const isg_corpus_source *source;
    isg_line *line; /**< [n] in the order of the spool */
    size_t n, cap;
    uint64_t lines[ISG_FATES], bytes[ISG_FATES]; /**< newline included */
    uint64_t bad_bytes;                          /**< removed by clean_utf8 */
    uint64_t *set;                               /**< [n_set] text hashes, ascending, each once */
    size_t n_set;
    char *spool; /**< path: the lines, '\n' after each */
} isg_gather;

/** Hash of a page key: the first 8 bytes, big-endian, of its SHA-256. */
uint64_t isg_page_hash(const char *key, size_t n);

/** Read `files` of a language into `dir`/CODE.spool and g->line; sets g->set to the lines kept so far. */
isg_err isg_gather_language(const isg_corpus_recipe *recipe, const isg_corpus_source *source,
                            const isg_source_list *files, const char *dir, isg_gather *g);
void isg_gather_free(isg_gather *g);

/** Collect the hashes of the lines whose fate is TRAIN or HELD into g->set. */
isg_err isg_gather_make_set(isg_gather *g);

/** Is `hash` in the ascending array? */
bool isg_set_has(const uint64_t *set, size_t n, uint64_t hash);

/** Sort, drop repeats. @return what is left */
size_t isg_set_sort(uint64_t *set, size_t n);

#endif
