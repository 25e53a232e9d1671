#define _GNU_SOURCE
#include "isogloss/corpus_extract.h"

#include "extract.h"
#include "isogloss/os.h"
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef isg_err (*page_fn)(isg_sink *sink, const char *name, const isg_str *content);

const isg_extract_format isg_extract_formats[] = {
    {"libreoffice-help", "HTML pages of libreoffice-help-* packages"},
    {"libreoffice-po", "PO files of LibreOffice's translations source"},
    {NULL, NULL},
};

static const struct {
    const char *suffix;
    page_fn extract;
} readers[] = {
    /* in the order of the formats above */
    {".html", isg_extract_help_page},
    {".po", isg_extract_po},
};

/* ---- one file a language -------------------------------------------------- */

enum { MAX_LANGUAGES = 400 };

typedef struct output {
    char *path;
    FILE *file; /* PATH.tmp until everything was read */
    char *language;
} output;

struct isg_sink {
    const char *only; /* comma-separated, NULL: all */
    const char *dir;
    output out[MAX_LANGUAGES];
    size_t n, last;
    uint64_t lines;
};

bool isg_sink_wants(const isg_sink *sink, const char *language)
{
    size_t n = strlen(language);
    for (const char *p = sink->only; p && *p; p += strcspn(p, ","), p += *p == ',') {
        if (strcspn(p, ",") == n && !strncmp(p, language, n)) return true;
    }
    return !sink->only;
}

static isg_err open_output(isg_sink *s, const char *language, output **out)
{
    if (!isg_str_is_name(language) || s->n == MAX_LANGUAGES) {
        return ISG_FAIL(ISG_EINPUT, "'%s' in the archive is no language code", language);
    }
    output o = {.path = isg_strf("%s/%s.txt", s->dir, language), .language = isg_strdup(language)};
    char *tmp = o.path ? isg_strf("%s.tmp", o.path) : NULL;
    isg_err rc = tmp && o.language ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) o.file = fopen(tmp, "we");
    if (!rc && !o.file) rc = ISG_FAIL(ISG_EIO, "cannot create '%s': %s", tmp, strerror(errno));
    free(tmp);
    if (rc) {
        free(o.path);
        free(o.language);
        return rc;
    }
    s->last = s->n++;
    s->out[s->last] = o;
    *out = &s->out[s->last];
    return ISG_OK;
}

static isg_err find_output(isg_sink *s, const char *language, output **out)
{
    *out = &s->out[s->last];
    if (s->n && !strcmp((*out)->language, language)) return ISG_OK;
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->out[i].language, language) != 0) continue;
        s->last = i;
        *out = &s->out[i];
        return ISG_OK;
    }
    return open_output(s, language, out);
}

isg_err isg_sink_line(isg_sink *sink, const char *language, const isg_str *page,
                      const isg_str *unit, const isg_str *text)
{
    output *o = NULL;
    if (!text->len) return ISG_OK;
    ISG_TRY(find_output(sink, language, &o));
    sink->lines++;
    if (fprintf(o->file, "%s#%s\t%s\n", isg_str_c(page), isg_str_c(unit), isg_str_c(text)) > 0)
        return ISG_OK;
    return ISG_FAIL(ISG_EIO, "cannot write '%s': %s", o->path, strerror(errno));
}

/* Give the files their names, or, after a failure, remove them. */
static isg_err close_outputs(isg_sink *s, isg_err rc)
{
    for (size_t i = 0; i < s->n; i++) {
        output *o = &s->out[i];
        char *tmp = isg_strf("%s.tmp", o->path);
        bool bad = fclose(o->file) || !tmp;
        if (!rc && (bad || rename(tmp, o->path))) {
            rc = ISG_FAIL(ISG_EIO, "cannot write '%s': %s", o->path, strerror(errno));
        }
        if (rc && tmp) (void)unlink(tmp);
        free(tmp);
        free(o->path);
        free(o->language);
    }
    return rc;
}

/* ---- the stream ----------------------------------------------------------- */

static bool ends_with(const isg_str *name, const char *suffix)
{
    size_t k = strlen(suffix);
    return name->len > k && !memcmp(name->data + name->len - k, suffix, k);
}

static isg_err read_members(size_t format, isg_tar *tar, isg_sink *sink, isg_extract_counts *counts)
{
    isg_str content = {0};
    bool got = false;
    isg_err rc;
    while (!(rc = isg_tar_next(tar, &got)) && got) {
        if (!ends_with(&tar->name, readers[format].suffix)) continue;
        rc = isg_tar_read(tar, &content);
        if (!rc)
            rc = isg_err_context(readers[format].extract(sink, tar->name.data, &content), "%s",
                                 tar->name.data);
        if (rc) break;
        counts->members++;
    }
    isg_str_free(&content);
    if (!rc && !sink->lines) {
        rc = ISG_FAIL(ISG_EINPUT, "no text of format %s in the tar archive (%zu %s files seen)",
                      isg_extract_formats[format].name, counts->members, readers[format].suffix);
    }
    return rc;
}

isg_err isg_corpus_extract(const char *format, FILE *tar, const char *only, const char *dir,
                           isg_extract_counts *counts)
{
    isg_tar stream = {.in = tar};
    size_t f = 0;
    *counts = (isg_extract_counts){0};
    while (isg_extract_formats[f].name && strcmp(isg_extract_formats[f].name, format) != 0) f++;
    if (!isg_extract_formats[f].name) {
        return ISG_FAIL(ISG_EUSAGE, "unknown format '%s'; known: libreoffice-help, libreoffice-po",
                        format);
    }
    ISG_TRY(isg_dir_make(dir));
    isg_sink *sink = calloc(1, sizeof *sink);
    if (!sink) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    sink->dir = dir;
    sink->only = only;
    isg_err rc = close_outputs(sink, read_members(f, &stream, sink, counts));
    counts->languages = sink->n;
    counts->lines = sink->lines;
    isg_tar_free(&stream);
    free(sink);
    return rc;
}
