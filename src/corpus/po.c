/*
 * LibreOffice's PO files. The page is the source file that a message belongs
 * to (first part of msgctxt), the unit is the whole msgctxt, so both are the
 * same in every language. English is taken from the msgids of one complete
 * language. Product names stand in for their placeholders, other placeholders,
 * tags, addresses and menu accelerators go.
 */
#define _GNU_SOURCE
#include "extract.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char english_from[] = "de";
static const char *const inline_tags[] = {
    "ahelp", "emph",     "item",     "link", "keycode", "menuitem", "widget", "literal",
    "input", "variable", "embedvar", "b",    "i",       "u",        "em",     "strong",
    "span",  "sup",      "sub",      "tt",   "font",    "a",        NULL};
static const isg_markup po_markup = {inline_tags};

enum { MAX_FORMS = 4 };

typedef struct message {
    isg_str ctxt, id, plural, text[MAX_FORMS];
    size_t n_texts;
    bool fuzzy, obsolete;
} message;

typedef struct po_file {
    isg_sink *sink;
    isg_str language, path; /* path: AREA/....po */
    bool help;              /* running text: '_' and '~' mean themselves */
    message m;
    isg_str page, unit, plain, clean;
} po_file;

static void reset(message *m)
{
    isg_str_reset(&m->ctxt);
    isg_str_reset(&m->id);
    isg_str_reset(&m->plural);
    for (size_t i = 0; i < MAX_FORMS; i++) isg_str_reset(&m->text[i]);
    m->n_texts = 0;
    m->fuzzy = m->obsolete = false;
}

/* Append the text between the first and the last quote of a line, escapes undone. */
static isg_err add_quoted(const char *line, size_t n, isg_str *out)
{
    const char *s = memchr(line, '"', n), *end = line + n;
    if (!s) return ISG_OK;
    while (end > s + 1 && end[-1] != '"') end--;
    s++;
    if (end > s && end[-1] == '"') end--;
    while (s < end) {
        const char *escape = memchr(s, '\\', (size_t)(end - s));
        ISG_TRY(isg_str_add(out, s, (size_t)((escape ? escape : end) - s)));
        if (!escape || escape + 1 >= end) break;
        char c = escape[1];
        if (c == 'n' || c == 'r') c = '\n';
        if (c == 't') c = ' ';
        ISG_TRY(isg_str_add(out, &c, 1));
        s = escape + 2;
    }
    return ISG_OK;
}

/* ---- cleaning ------------------------------------------------------------- */

static bool is_word(char c)
{
    return isg_text_is_alpha(c) || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

static bool has(const char *s, const char *end, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(end - s) >= n && !memcmp(s, what, n);
}

/* Bytes of the placeholder at s, 0 if there is none: %NAME, %1, %(name)s, $(ARG1), ${name}, $name, {0}, [%x]. */
static size_t placeholder(const char *s, const char *end)
{
    static const char *const closed[] = {"%(", ")", "$(", ")", "${", "}", "{", "}", "[%", "]"};
    const char *p = s;
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i += 2) {
        if (!has(s, end, closed[i])) continue;
        for (p = s + strlen(closed[i]); p < end && *p != closed[i + 1][0] && !strchr(" \n", *p);
             p++)
            continue;
        if (p == end || *p != closed[i + 1][0]) return 0;
        p++;
        if (s[0] == '%' && p < end && strchr("sdf", *p)) p++;
        return (size_t)(p - s);
    }
    if (*s != '%' && *s != '$') return 0;
    for (p = s + 1; p < end && is_word(*p) && !(*p & 0x80); p++) continue;
    if (p == s + 1) return 0;
    if (*s == '%' && p < end && *p == '%') p++;
    return (size_t)(p - s);
}

static size_t address(const char *s, const char *end)
{
    static const char *const schemes[] = {"http://", "https://", "ftp://", "mailto:", "file://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!has(s, end, schemes[i])) continue;
        const char *p = s;
        while (p < end && !strchr(" \n<>\"", *p)) p++;
        return (size_t)(p - s);
    }
    return 0;
}

/* "(~X)" or "(X)" at the end: how East Asian menus show their accelerator. */
static const char *without_menu_key(const char *s, const char *end)
{
    if (end - s < 4 || end[-1] != ')') return end;
    const char *p = end - 2;
    if (!((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9'))) return end;
    p--;
    if (p > s && (*p == '~' || *p == '_')) p--;
    return *p == '(' && p > s && (p[-1] & 0x80) ? p : end;
}

static isg_err clean(const po_file *f, const char *s, const char *end, isg_str *out)
{
    isg_str_reset(out);
    if (!f->help) end = without_menu_key(s, end);
    while (s < end) {
        size_t n = placeholder(s, end);
        if (has(s, end, "%PRODUCTNAME") || has(s, end, "$[officename]")) {
            n = *s == '$' ? strlen("$[officename]") : strlen("%PRODUCTNAME");
            ISG_TRY(isg_str_puts(out, "LibreOffice"));
        } else if (n || (n = address(s, end)) > 0) {
            ISG_TRY(isg_str_puts(out, " "));
        } else if (!f->help && (*s == '~' || *s == '_') && s + 1 < end && is_word(s[1])) {
            n = 1;
        } else {
            n = 1 +
                strcspn(s + 1, "%$[{~_hfm"); /* what placeholders, marks and addresses start with */
            if (n > (size_t)(end - s)) n = (size_t)(end - s);
            ISG_TRY(isg_str_add(out, s, n));
        }
        s += n;
    }
    return ISG_OK;
}

/* ---- messages ------------------------------------------------------------- */

static isg_err put_text(po_file *f, const char *language, const isg_str *text)
{
    const char *s = isg_str_c(text), *end = s + text->len;
    while (s < end) { /* a message of several paragraphs is as many lines */
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        if (!stop) stop = end;
        isg_str_reset(&f->plain);
        ISG_TRY(clean(f, s, stop, &f->clean));
        ISG_TRY(isg_markup_text(&po_markup, isg_str_c(&f->clean), f->clean.len, &f->plain));
        ISG_TRY(isg_sink_line(f->sink, language, &f->page, &f->unit, &f->plain));
        s = stop + 1;
    }
    return ISG_OK;
}

/*
 * Page: PO file and the part of msgctxt before '\n' or '|'. Unit: msgctxt and a
 * hash of the msgid, since the entries of a list share their msgctxt.
 */
static isg_err set_key(po_file *f)
{
    const message *m = &f->m;
    unsigned long long id = isg_text_hash(m->id.data, m->id.len);
    isg_str_reset(&f->page);
    isg_str_reset(&f->unit);
    ISG_TRY(isg_str_add(&f->page, f->path.data, f->path.len));
    if (m->ctxt.len)
        ISG_TRY(isg_str_printf(&f->page, ":%.*s", (int)strcspn(m->ctxt.data, "\n|"), m->ctxt.data));
    ISG_TRY(isg_str_printf(&f->unit, "%s/%016llx", isg_str_c(&m->ctxt), id));
    for (char *p = f->unit.data; *p; p++) {
        if (*p == '\n' || *p == '\t' || *p == '\r') *p = '/';
    }
    for (char *p = f->page.data; *p; p++) {
        if (*p == '#' || *p == '\t') *p = '/';
    }
    return ISG_OK;
}

static isg_err end_message(po_file *f)
{
    message *m = &f->m;
    const char *language = isg_str_c(&f->language);
    if (m->id.len && m->n_texts && !m->obsolete) {
        ISG_TRY(set_key(f));
        if (!strcmp(language, english_from) && isg_sink_wants(f->sink, "en")) {
            ISG_TRY(put_text(f, "en", &m->id));
            ISG_TRY(put_text(f, "en", &m->plural));
        }
        for (size_t i = 0; i < m->n_texts && !m->fuzzy && isg_sink_wants(f->sink, language); i++) {
            const isg_str *t = &m->text[i];
            bool same = t->len == m->id.len && !memcmp(isg_str_c(t), m->id.data, t->len);
            if (!same) ISG_TRY(put_text(f, language, t));
        }
    }
    reset(m);
    return ISG_OK;
}

/* One line; `field` is where quoted text goes. */
static isg_err take_line(po_file *f, const char *line, size_t n, isg_str **field)
{
    const char *end = line + n;
    message *m = &f->m;
    if (n == 0) {
        *field = NULL;
        return end_message(f);
    }
    if (has(line, end, "#~")) m->obsolete = true;
    if (has(line, end, "#,")) m->fuzzy = m->fuzzy || memmem(line, n, "fuzzy", 5);
    if (line[0] == '#') return ISG_OK;
    if (has(line, end, "msgctxt")) {
        if (m->n_texts) ISG_TRY(end_message(f));
        *field = &m->ctxt;
    } else if (has(line, end, "msgid_plural")) {
        *field = &m->plural;
    } else if (has(line, end, "msgid")) {
        if (m->n_texts) ISG_TRY(end_message(f));
        *field = &m->id;
    } else if (has(line, end, "msgstr")) {
        *field = m->n_texts < MAX_FORMS ? &m->text[m->n_texts++]
                                        : NULL; /* further plural forms are left out */
    }
    if (!*field) return ISG_OK;
    return add_quoted(line, n, *field);
}

/* ".../source/LANGUAGE/AREA/....po" */
static isg_err name_parts(const char *name, po_file *f, bool *ours)
{
    static const char help_area[] = "helpcontent2/";
    const char *source = strstr(name, "/source/");
    size_t n = strlen(name);
    *ours = source && n > 3 && !strcmp(name + n - 3, ".po");
    if (!*ours) return ISG_OK;
    const char *language = source + strlen("/source/"), *slash = strchr(language, '/');
    *ours = slash && slash > language;
    if (!*ours) return ISG_OK;
    f->help = !strncmp(slash + 1, help_area, strlen(help_area));
    ISG_TRY(isg_str_add(&f->language, language, (size_t)(slash - language)));
    return isg_str_puts(&f->path, slash + 1);
}

isg_err isg_extract_po(isg_sink *sink, const char *name, const isg_str *po)
{
    po_file f = {.sink = sink};
    isg_str *field = NULL;
    bool ours = false;
    isg_err rc = name_parts(name, &f, &ours);
    const char *language = isg_str_c(&f.language);
    ours = ours && (isg_sink_wants(sink, language) || !strcmp(language, english_from));
    const char *s = isg_str_c(po), *end = s + po->len;
    while (!rc && ours && s < end) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        if (!stop) stop = end;
        size_t n = (size_t)(stop - s);
        while (n && (s[n - 1] == '\r' || s[n - 1] == ' ')) n--;
        rc = take_line(&f, s, n, &field);
        s = stop + 1;
    }
    if (!rc && ours) rc = end_message(&f);
    isg_str *owned[] = {&f.language,  &f.path,      &f.page,     &f.unit,     &f.plain,
                        &f.clean,     &f.m.ctxt,    &f.m.id,     &f.m.plural, &f.m.text[0],
                        &f.m.text[1], &f.m.text[2], &f.m.text[3]};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) isg_str_free(owned[i]);
    return rc;
}
