/* The little of HTML and of the help's XML that running text needs. */
#include "extract.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

const char *isg_markup_tag_end(const char *s, size_t n)
{
    char quote = 0;
    if (n > 3 && !memcmp(s, "<!--", 4)) { /* apostrophes in comments are no quotes */
        const char *close = strstr(s, "-->");
        return close && close + 3 <= s + n ? close + 3 : s + n;
    }
    for (size_t i = 1; i < n; i++) {
        if (quote) {
            if (s[i] == quote) quote = 0;
        } else if (s[i] == '"' || s[i] == '\'') {
            quote = s[i];
        } else if (s[i] == '>') {
            return s + i + 1;
        }
    }
    return s + n;
}

static bool is_name_char(char c)
{
    return isg_text_is_alpha(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool isg_markup_is(const char *s, size_t n, const char *name)
{
    size_t k = strlen(name), i = n > 1 && s[1] == '/' ? 2 : 1;
    return n >= i + k && !strncmp(s + i, name, k) && (n == i + k || !is_name_char(s[i + k]));
}

/* A '<' that starts no tag is a less-than sign. */
static bool is_tag(const char *s, size_t n)
{
    if (n < 2) return false;
    char c = s[1] == '/' && n > 2 ? s[2] : s[1];
    return isg_text_is_alpha(c) || c == '!' || c == '?';
}

/* Decode the entity at s ('&'). @return its bytes, 0 if it is none */
static size_t entity(const char *s, size_t n, uint32_t *out)
{
    static const struct {
        const char *name;
        uint32_t c;
    } named[] = {{"amp;", '&'},       {"lt;", '<'},       {"gt;", '>'},       {"quot;", '"'},
                 {"apos;", '\''},     {"nbsp;", ' '},     {"ndash;", 0x2013}, {"mdash;", 0x2014},
                 {"hellip;", 0x2026}, {"lsquo;", 0x2018}, {"rsquo;", 0x2019}, {"ldquo;", 0x201C},
                 {"rdquo;", 0x201D},  {"times;", 0xD7},   {"copy;", 0xA9},    {"reg;", 0xAE}};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        size_t k = strlen(named[i].name);
        if (n > k && !memcmp(s + 1, named[i].name, k)) {
            *out = named[i].c;
            return k + 1;
        }
    }
    if (n < 4 || s[1] != '#') return 0;
    bool hex = (s[2] | 0x20) == 'x';
    uint32_t c = 0;
    size_t i = hex ? 3 : 2, start = i;
    for (; i < n && i < start + 8; i++) {
        const char *digits = "0123456789abcdef";
        const char *d =
            s[i] ? strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] | 0x20 : s[i]) : NULL;
        if (!d || (!hex && d - digits > 9)) break;
        c = c * (hex ? 16 : 10) + (uint32_t)(d - digits);
    }
    if (i == start || i >= n || s[i] != ';' || c < ' ' || c > 0x10FFFF ||
        (c >= 0xD800 && c < 0xE000))
        return 0;
    *out = c;
    return i + 1;
}

static isg_err add_blank(isg_str *out, size_t start)
{
    if (out->len == start || out->data[out->len - 1] == ' ') return ISG_OK;
    return isg_str_add(out, " ", 1);
}

static size_t blank(const char *s, size_t n)
{
    if (*s == ' ' || (*s >= '\t' && *s <= '\r')) return 1;
    return n > 1 && !memcmp(s, "\xC2\xA0", 2) ? 2 : 0;
}

static bool leaves_no_blank(const isg_markup *m, const char *s, size_t n)
{
    for (size_t i = 0; m->silent[i]; i++) {
        if (isg_markup_is(s, n, m->silent[i])) return true;
    }
    return false;
}

isg_err isg_markup_text(const isg_markup *markup, const char *s, size_t n, isg_str *out)
{
    const char *end = s + n;
    size_t start = out->len;
    while (s < end) {
        size_t left = (size_t)(end - s), k = blank(s, left);
        uint32_t c = 0;
        char bytes[4];
        if (k) {
            ISG_TRY(add_blank(out, start));
        } else if (*s == '<' && is_tag(s, left)) {
            k = (size_t)(isg_markup_tag_end(s, left) - s);
            if (!leaves_no_blank(markup, s, left)) ISG_TRY(add_blank(out, start));
        } else if (*s == '&' && (k = entity(s, left, &c)) > 0) {
            if (c == ' ' || c == 0xA0)
                ISG_TRY(add_blank(out, start));
            else
                ISG_TRY(isg_str_add(out, bytes, isg_text_encode(c, bytes)));
        } else {
            k = 1 + strcspn(s + 1, " \t\n\v\f\r<&\xC2"); /* text is 0-terminated */
            if (k > left) k = left;
            ISG_TRY(isg_str_add(out, s, k));
        }
        s += k;
    }
    while (out->len > start && out->data[out->len - 1] == ' ') out->data[--out->len] = '\0';
    return ISG_OK;
}
