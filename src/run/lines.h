#ifndef ISG_RUN_LINES_H
#define ISG_RUN_LINES_H

/** Lines out of bytes as they come, with a limit that a flood cannot pass. */

#include "isogloss/str.h"

#include <stdbool.h>
#include <stddef.h>

enum { ISG_LINE_MAX = 1 << 20 }; /**< longest line of the trainer protocol [byte] */

/** Zero-initialise; isg_lines_free() at the end. */
typedef struct isg_lines {
    isg_str text;
    size_t taken; /**< bytes of `text` already given out */
} isg_lines;

void isg_lines_free(isg_lines *lines);

/** Add bytes. Take all lines before adding more: then memory stays bounded. */
isg_err isg_lines_add(isg_lines *lines, const void *bytes, size_t n);

/**
 * Next complete line, without its end ("\n" or "\r\n"); empty lines are skipped.
 * @param line  valid until the next add; not 0-terminated; NULL: no complete line
 * @return ISG_EPROTO if the line grew beyond ISG_LINE_MAX, showing its beginning
 */
isg_err isg_lines_next(isg_lines *lines, const char **line, size_t *n);

/** Up to `max` bytes as printable text for a message: others become '?'. In a caller's buffer. */
const char *isg_lines_show(const char *bytes, size_t n, size_t max, char *buf /* [max + 4] */);

#endif
