#ifndef ISG_TRAIN_WINDOW_H
#define ISG_TRAIN_WINDOW_H

/**
 * One sequence of bytes as the model reads and predicts it.
 *
 *     no tag:          input  | before t0 t1 .. |     target | t0 t1 t2 .. |
 *     tag a:           input  | a      t0 t1 .. |     target | t0 t1 t2 .. |
 *     tag a b c:       input  | a b c  t0 t1 .. |     target | b c t0 t1 .. |
 *
 * So a tag of one byte costs nothing; each further digit takes a place of the
 * window, and is predicted there. What a short text leaves free is separators.
 */

#include "isogloss/tag.h"

/** Places that a tag takes before the text: its digits but the first. */
size_t isg_window_lead(const isg_tag *tag);

/**
 * Complete a window whose text stands in target[lead .. lead + n).
 *
 * @param before   the byte before the text; ISG_SEPARATOR: none. A tag stands in its place.
 * @param n        bytes of text, 1 <= n <= context - lead
 * @param input    [context]
 * @param target   [context]
 */
void isg_window_close(const isg_tag *tag, uint8_t before, size_t n, size_t context, uint8_t *input,
                      uint8_t *target);

#endif
