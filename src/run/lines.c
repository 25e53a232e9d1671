#include "lines.h"

#include <string.h>

void isg_lines_free(isg_lines *lines)
{
    isg_str_free(&lines->text);
    lines->taken = 0;
}

isg_err isg_lines_add(isg_lines *lines, const void *bytes, size_t n)
{
    if (lines->taken) {
        lines->text.len -= lines->taken;
        memmove(lines->text.data, lines->text.data + lines->taken, lines->text.len + 1);
        lines->taken = 0;
    }
    return isg_str_add(&lines->text, bytes, n);
}

const char *isg_lines_show(const char *bytes, size_t n, size_t max, char *buf)
{
    size_t shown = n < max ? n : max;
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)bytes[i];
        buf[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    memcpy(buf + shown, n > max ? "..." : "", n > max ? 4 : 1);
    return buf;
}

isg_err isg_lines_next(isg_lines *lines, const char **line, size_t *n)
{
    char shown[84];
    *line = NULL;
    while (lines->taken < lines->text.len) {
        const char *from = lines->text.data + lines->taken;
        size_t left = lines->text.len - lines->taken;
        const char *end = memchr(from, '\n', left);
        size_t length = end ? (size_t)(end - from) : left;
        if (length > ISG_LINE_MAX) {
            return ISG_FAIL(ISG_EPROTO, "a line of more than %d bytes, which begins \"%s\"",
                            ISG_LINE_MAX, isg_lines_show(from, length, 80, shown));
        }
        if (!end) return ISG_OK;
        lines->taken += length + 1;
        if (length && from[length - 1] == '\r') length--;
        if (!length) continue;
        *line = from;
        *n = length;
        return ISG_OK;
    }
    return ISG_OK;
}
