#ifndef ISG_CORPUS_TEXT_H
#define ISG_CORPUS_TEXT_H

/** What the builder asks of a line of UTF-8. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Offset of the first byte that is not part of valid UTF-8 (RFC 3629), or n. */
size_t isg_text_valid(const char *s, size_t n);

/** Remove invalid bytes in place. @return bytes that stay */
size_t isg_text_clean(char *s, size_t n);

/** 64-bit hash; equal hashes are taken for equal text (10^7 lines: one chance in 4*10^5 of a clash). */
uint64_t isg_text_hash(const char *s, size_t n);

/** The same with every run of digits read as one 0 and every run of white space as one blank. */
uint64_t isg_text_hash_folded(const char *s, size_t n);

/** Bytes of white space, also U+00A0, U+200B and U+FEFF, at `s`; 0 if there is none. */
size_t isg_text_space(const char *s, size_t n);

/** Append a character to `out` (at least 4 bytes). @return bytes written */
size_t isg_text_encode(uint32_t c, char *out);

/** ASCII letters, whatever the locale. */
bool isg_text_is_alpha(char c);

typedef struct isg_text_shape {
    size_t visible; /**< characters that are not white space */
    size_t letters; /**< letters and marks among them */
    size_t own;     /**< letters of the script asked for */
} isg_text_shape;

/** Count the characters of valid UTF-8. @param script ISO 15924; an unknown one owns every letter */
isg_text_shape isg_text_measure(const char *s, size_t n, const char *script);

#endif
