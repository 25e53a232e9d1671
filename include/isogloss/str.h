#ifndef ISOGLOSS_STR_H
#define ISOGLOSS_STR_H

/** Growing byte strings and the small text helpers everybody needs. */

#include "isogloss/err.h"

#include <stddef.h>
#include <stdint.h>

/** A growing, always 0-terminated buffer. Zero-initialise: `isg_str s = {0}`. */
typedef struct isg_str {
    char *data; /**< NULL while empty and never grown */
    size_t len; /**< bytes without the terminator */
    size_t cap;
} isg_str;

/** Release and reset to empty. */
void isg_str_free(isg_str *s);

/** Set length to 0 but keep the memory. */
void isg_str_reset(isg_str *s);

/** Make room for `more` further bytes. */
isg_err isg_str_reserve(isg_str *s, size_t more);

/** Append bytes, a C string, or formatted text. @return ISG_OK or ISG_ENOMEM. */
isg_err isg_str_add(isg_str *s, const void *bytes, size_t n);
isg_err isg_str_puts(isg_str *s, const char *text);
isg_err isg_str_printf(isg_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Never NULL. */
const char *isg_str_c(const isg_str *s);

/** printf into new memory; NULL when out of memory. Caller frees. */
char *isg_strf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** strdup that accepts NULL (gives NULL). Caller frees. */
char *isg_strdup(const char *text);

/**
 * Nearest name to `word` by Damerau-Levenshtein distance.
 * @param names [n] candidates, NULL entries skipped
 * @return the nearest if it is near enough to be a likely typing error, else NULL
 */
const char *isg_str_nearest(const char *word, const char *const *names, size_t n);

/** True if `name` matches [A-Za-z0-9_.-]{1,64} and is neither "." nor "..". */
bool isg_str_is_name(const char *name);

/** Hex digits of `n` bytes into `out` (2n+1 bytes, lower case). */
void isg_str_hex(const uint8_t *bytes, size_t n, char *out);

/**
 * Numbers for people, in a caller's buffer that is returned:
 * count "1.5M", bytes "12.3 MB", seconds "3m 20s", flops "1.2e15".
 */
const char *isg_str_count(double value, char *buf, size_t cap);
const char *isg_str_bytes(double bytes, char *buf, size_t cap);
const char *isg_str_duration(double seconds, char *buf, size_t cap);

/** The noun that goes with a count: `printf("%zu %s", n, isg_str_plural(n, "family", "families"))`. */
const char *isg_str_plural(size_t n, const char *one, const char *many);

/** A word of a command line, quoted where a shell would not take it as it is; NULL when out of
 * memory. Caller frees. */
char *isg_str_shell(const char *word);

/**
 * Strict parsing of a whole word; no trailing text, finite values only.
 * @return false if `text` is not such a number or does not fit
 */
bool isg_str_to_double(const char *text, double *out);
bool isg_str_to_u64(const char *text, uint64_t *out);

#endif
