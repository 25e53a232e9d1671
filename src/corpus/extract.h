#ifndef ISG_CORPUS_EXTRACT_H
#define ISG_CORPUS_EXTRACT_H

/** What the extractors of different formats share. */

#include "isogloss/err.h"
#include "isogloss/str.h"

#include <stdbool.h>
#include <stdio.h>

/** Where lines go: one file a language. */
typedef struct isg_sink isg_sink;

/** Is this language asked for? */
bool isg_sink_wants(const isg_sink *sink, const char *language);

/** Write "PAGE#UNIT<TAB>TEXT"; an empty text is no line. */
isg_err isg_sink_line(isg_sink *sink, const char *language, const isg_str *page,
                      const isg_str *unit, const isg_str *text);

/** Mark-up to plain text: where tags and entities are resolved, white space folded. */
typedef struct isg_markup {
    const char *const *silent; /**< NULL-ended tag names that leave no blank behind */
} isg_markup;

/** Append [s, s+n) to `out`: tags out, entities decoded, white space folded to single blanks, ends trimmed. */
isg_err isg_markup_text(const isg_markup *markup, const char *s, size_t n, isg_str *out);

/** End of the tag that starts at s ('<'): one past its '>', or s + n if it has none. */
const char *isg_markup_tag_end(const char *s, size_t n);

/** Does the tag at s ('<' or '</') have this name? */
bool isg_markup_is(const char *s, size_t n, const char *name);

/** One page of a help package: <p id="par_..."> and headings. `name` is the member's path. */
isg_err isg_extract_help_page(isg_sink *sink, const char *name, const isg_str *html);

/** One PO file of a translations archive, .../source/LANGUAGE/AREA/....po. */
isg_err isg_extract_po(isg_sink *sink, const char *name, const isg_str *po);

#endif
