#ifndef ISOGLOSS_TAG_H
#define ISOGLOSS_TAG_H

/**
 * The 13 byte values that never occur in UTF-8: C0, C1, F5 to FF.
 *
 * The first twelve are digits of base 12, of which the tags of languages are
 * made; the last separates texts and fills up windows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ISG_TAG_BASE = 12,
    ISG_TAG_DIGITS = 8,  /**< at most: 12^8 languages */
    ISG_SEPARATOR = 0xff /**< between texts, and what fills up a window */
};

/** What stands for a language; n = 0: it has no tag. */
typedef struct isg_tag {
    uint8_t digit[ISG_TAG_DIGITS]; /**< [n] bytes, the most significant first */
    size_t n;
} isg_tag;

/**
 * The tag of one of `languages`: as few digits as tell all of them apart.
 * @param rank  0 <= rank < languages <= 12^ISG_TAG_DIGITS
 */
isg_tag isg_tag_of(size_t rank, size_t languages);

/** Is it one of the twelve digits? */
bool isg_tag_is_digit(uint64_t byte);

#endif
