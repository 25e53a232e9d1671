/*
 * Help pages as HTML: each paragraph is <p id="par_..." class="..."> or a
 * heading <hN id="hd_...">. Header, aside and footer are page furniture, and
 * paragraphs of the code classes are program text.
 */
#include "extract.h"

#include <string.h>

static const char *const furniture[] = {"header", "aside",    "footer", "script",
                                        "style",  "noscript", "nav",    NULL};
static const char *const code_classes[] = {"code", "bascode", "sqlcode", "pycode", NULL};
static const char *const inline_tags[] = {"span", "a",    "em",      "strong", "b",   "i",
                                          "u",    "code", "literal", "sup",    "sub", "kbd",
                                          "samp", "tt",   "font",    NULL};
static const isg_markup help_markup = {inline_tags};

static const char *const *find_name(const char *const *names, const char *s, size_t n)
{
    for (; *names; names++) {
        if (isg_markup_is(s, n, *names)) return names;
    }
    return NULL;
}

/* One past the closing tag of `name`, or the end. @param close start of that tag */
static const char *skip_to_close(const char *s, const char *end, const char *name,
                                 const char **close)
{
    while (s < end && (s = memchr(s, '<', (size_t)(end - s))) != NULL) {
        const char *after = isg_markup_tag_end(s, (size_t)(end - s));
        if (s + 1 < end && s[1] == '/' && isg_markup_is(s, (size_t)(end - s), name)) {
            *close = s;
            return after;
        }
        s++;
    }
    *close = end;
    return end;
}

/* Value of an attribute in the tag [s, end): its start and bytes. */
static const char *attribute(const char *s, const char *end, const char *name, size_t *n)
{
    size_t k = strlen(name);
    for (const char *p = s; p + k + 2 < end; p++) {
        if ((p[-1] != ' ' && p > s) || strncmp(p, name, k) != 0 || p[k] != '=' || p[k + 1] != '"')
            continue;
        const char *value = p + k + 2;
        const char *quote = memchr(value, '"', (size_t)(end - value));
        if (!quote) return NULL;
        *n = (size_t)(quote - value);
        return value;
    }
    return NULL;
}

static bool starts(const char *s, size_t n, const char *with)
{
    size_t k = strlen(with);
    return s && n >= k && !memcmp(s, with, k);
}

static bool is_code(const char *s, const char *end)
{
    size_t n = 0;
    const char *class = attribute(s, end, "class", &n);
    for (size_t i = 0; code_classes[i]; i++) {
        if (starts(class, n, code_classes[i])) return true;
    }
    return false;
}

/* ".../help/LANGUAGE/text/AREA/PAGE.html": the language and "text/AREA/PAGE". */
static isg_err name_parts(const char *name, isg_str *language, isg_str *page)
{
    const char *text = strstr(name, "/text/"), *slash = text;
    size_t n = text ? strlen(text) : 0;
    if (n < 12 || strcmp(text + n - 5, ".html") != 0) return ISG_OK;
    while (slash > name && slash[-1] != '/') slash--;
    ISG_TRY(isg_str_add(language, slash, (size_t)(text - slash)));
    return isg_str_add(page, text + 1, n - 6);
}

static isg_err extract(isg_sink *sink, const char *language, const isg_str *page,
                       const isg_str *html, isg_str *unit, isg_str *text)
{
    static const char *const wanted[] = {"p", "h1", "h2", "h3", "h4", "h5", "h6", NULL};
    const char *s = isg_str_c(html), *end = s + html->len, *close = NULL;
    while (s < end && (s = memchr(s, '<', (size_t)(end - s))) != NULL) {
        size_t left = (size_t)(end - s), n = 0;
        const char *after = isg_markup_tag_end(s, left);
        const char *const *skip = left > 1 && s[1] != '/' ? find_name(furniture, s, left) : NULL;
        const char *const *name = left > 1 && s[1] != '/' ? find_name(wanted, s, left) : NULL;
        const char *id = name ? attribute(s + 1, after, "id", &n) : NULL;
        const char *tag = s;
        if (skip) {
            s = skip_to_close(after, end, *skip, &close);
        } else if (starts(id, n, "par_") || starts(id, n, "hd_") || starts(id, n, "bm_")) {
            s = skip_to_close(after, end, *name, &close);
            if (is_code(tag + 1, after)) continue;
            isg_str_reset(unit);
            isg_str_reset(text);
            ISG_TRY(isg_str_add(unit, id, n));
            ISG_TRY(isg_markup_text(&help_markup, after, (size_t)(close - after), text));
            ISG_TRY(isg_sink_line(sink, language, page, unit, text));
        } else {
            s = after;
        }
    }
    return ISG_OK;
}

isg_err isg_extract_help_page(isg_sink *sink, const char *name, const isg_str *html)
{
    isg_str language = {0}, page = {0}, unit = {0}, text = {0};
    isg_err rc = name_parts(name, &language, &page);
    if (!rc && page.len && isg_sink_wants(sink, isg_str_c(&language)))
        rc = extract(sink, isg_str_c(&language), &page, html, &unit, &text);
    isg_str_free(&language);
    isg_str_free(&page);
    isg_str_free(&unit);
    isg_str_free(&text);
    return rc;
}
