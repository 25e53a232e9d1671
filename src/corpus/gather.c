#include "gather.h"

#include "isogloss/hash.h"
#include "isogloss/os.h"
#include "source.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t isg_page_hash(const char *key, size_t n)
{
    isg_sha256 s;
    uint8_t digest[32];
    uint64_t h = 0;
    isg_sha256_init(&s);
    isg_sha256_add(&s, key, n);
    isg_sha256_end(&s, digest);
    for (size_t i = 0; i < 8; i++) h = h << 8 | digest[i];
    return h;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

size_t isg_set_sort(uint64_t *set, size_t n)
{
    size_t kept = 0;
    if (!n) return 0;
    qsort(set, n, sizeof *set, by_value);
    for (size_t i = 0; i < n; i++) {
        if (!kept || set[i] != set[kept - 1]) set[kept++] = set[i];
    }
    return kept;
}

bool isg_set_has(const uint64_t *set, size_t n, uint64_t hash)
{
    return n && bsearch(&hash, set, n, sizeof *set, by_value);
}

isg_err isg_gather_make_set(isg_gather *g)
{
    if (!g->set) g->set = calloc(g->n + 1, sizeof *g->set);
    if (!g->set) return ISG_FAIL(ISG_ENOMEM, "out of memory for %zu lines", g->n);
    g->n_set = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (g->line[i].fate <= ISG_FATE_HELD) g->set[g->n_set++] = g->line[i].text;
    }
    g->n_set = isg_set_sort(g->set, g->n_set);
    return ISG_OK;
}

void isg_gather_free(isg_gather *g)
{
    free(g->line);
    free(g->set);
    free(g->spool);
    *g = (isg_gather){0};
}

/* ---- reading ------------------------------------------------------------ */

typedef struct reader {
    const isg_corpus_recipe *recipe;
    isg_gather *g;
    FILE *spool;
    const isg_source_file *file;
    size_t file_number; /* from 1 */
    uint64_t line_number;
    char *last_key; /* lines come in runs of one page: hash each key once */
    size_t last_key_n, last_key_cap;
    uint64_t last_page;
} reader;

static isg_err page_of(reader *r, const char *key, size_t n, uint64_t *page)
{
    if (!r->last_key || n != r->last_key_n || memcmp(key, r->last_key, n) != 0) {
        if (n + 1 > r->last_key_cap) {
            char *grown = realloc(r->last_key, n + 1);
            if (!grown) return ISG_FAIL(ISG_ENOMEM, "out of memory");
            r->last_key = grown;
            r->last_key_cap = n + 1;
        }
        memcpy(r->last_key, key, n);
        r->last_key_n = n;
        r->last_page = isg_page_hash(key, n);
    }
    *page = r->last_page;
    return ISG_OK;
}

/* Split off the key of a line; `text` and `n` are moved behind it. */
static isg_err key_of(reader *r, char **text, size_t *n, uint64_t *page, uint64_t *unit)
{
    char block[64];
    const char *key = r->file->key;
    size_t key_n = strlen(key);

    *unit = 0;
    if (r->recipe->keys == ISG_KEYS_BLOCK) {
        uint64_t number = (r->line_number - 1) / r->recipe->block_lines;
        key = block;
        key_n = (size_t)snprintf(block, sizeof block, "%zu:%" PRIu64, r->file_number, number);
    } else if (r->recipe->keys == ISG_KEYS_COLUMN) {
        char *tab = memchr(*text, '\t', *n);
        if (!tab || tab == *text) {
            return ISG_FAIL(ISG_EINPUT,
                            "'%s' line %" PRIu64 ": no key before a tab, as 'keys: column' wants",
                            r->file->path, r->line_number);
        }
        key = *text;
        key_n = (size_t)(tab - *text);
        const char *mark = memchr(key, '#', key_n);
        if (mark) {
            *unit = isg_text_hash(key, key_n) | 1;
            key_n = (size_t)(mark - key);
        }
        *n -= (size_t)(tab + 1 - *text);
        *text = tab + 1;
    }
    return page_of(r, key, key_n, page);
}

static isg_fate judge(const isg_corpus_recipe *recipe, const char *script, const char *text,
                      size_t n)
{
    if (n < recipe->min_line_bytes || !n) return ISG_FATE_SHORT;
    isg_text_shape s = isg_text_measure(text, n, script);
    double letters = (double)s.letters;
    if (letters < recipe->min_letters * (double)s.visible) return ISG_FATE_LETTERS;
    if ((double)s.own < recipe->own_script * letters) return ISG_FATE_SCRIPT;
    return ISG_FATE_TRAIN;
}

static isg_err add_line(reader *r, const char *text, size_t n, uint64_t page, uint64_t unit)
{
    isg_gather *g = r->g;
    if (n >= UINT32_MAX) {
        return ISG_FAIL(ISG_EINPUT, "'%s' line %" PRIu64 " is longer than 4 GB", r->file->path,
                        r->line_number);
    }
    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 4096;
        isg_line *line = realloc(g->line, cap * sizeof *line);
        if (!line) return ISG_FAIL(ISG_ENOMEM, "out of memory for %zu lines", cap);
        g->line = line;
        g->cap = cap;
    }
    g->line[g->n++] = (isg_line){.text = isg_text_hash(text, n),
                                 .folded = isg_text_hash_folded(text, n),
                                 .page = page,
                                 .unit = unit,
                                 .bytes = (uint32_t)n};
    if (fwrite(text, 1, n, r->spool) != n || fputc('\n', r->spool) == EOF) {
        return ISG_FAIL(ISG_EIO, "cannot write '%s': %s", g->spool, strerror(errno));
    }
    return ISG_OK;
}

static isg_err take_line(reader *r, isg_source *in)
{
    char *text = in->line;
    size_t n = in->n, bad = isg_text_valid(text, n);
    uint64_t page = 0, unit = 0;

    r->line_number++;
    if (r->line_number == 1 && n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) { /* byte-order mark */
        text += 3;
        n -= 3;
    }
    if (bad < in->n) {
        if (!r->recipe->clean_utf8) {
            return ISG_FAIL(ISG_EINPUT,
                            "'%s' is not UTF-8: byte 0x%02x at offset %" PRIu64 " (line %" PRIu64
                            "); repair it, or set 'clean_utf8: true' to drop such bytes",
                            r->file->path, (unsigned char)in->line[bad], in->offset + bad,
                            r->line_number);
        }
        size_t kept = isg_text_clean(text, n);
        r->g->bad_bytes += n - kept;
        n = kept;
    }
    if (!n) return ISG_OK;
    ISG_TRY(key_of(r, &text, &n, &page, &unit));
    for (size_t len; n && (len = isg_text_space(text, n)) > 0; n -= len) text += len;
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
    isg_fate fate = judge(r->recipe, r->g->source->script, text, n);
    if (fate == ISG_FATE_TRAIN) return add_line(r, text, n, page, unit);
    r->g->lines[fate]++;
    r->g->bytes[fate] += n + 1;
    return ISG_OK;
}

static isg_err read_file(reader *r)
{
    isg_source in = {0};
    bool got = true;
    r->line_number = 0;
    isg_err rc = isg_source_open(r->file->path, &in);
    while (!rc && got) {
        rc = isg_source_line(&in, &got);
        if (!rc && got) rc = take_line(r, &in);
    }
    isg_err closed = isg_source_close(&in); /* silent unless the text was read to its end */
    return rc ? rc : closed;
}

isg_err isg_gather_language(const isg_corpus_recipe *recipe, const isg_corpus_source *source,
                            const isg_source_list *files, const char *dir, isg_gather *g)
{
    reader r = {.recipe = recipe, .g = g};
    isg_err rc = ISG_OK;

    g->source = source;
    g->spool = isg_strf("%s/%s.spool", dir, source->code);
    if (!g->spool) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    r.spool = fopen(g->spool, "we");
    if (!r.spool) return ISG_FAIL(ISG_EIO, "cannot create '%s': %s", g->spool, strerror(errno));
    for (size_t f = 0; !rc && f < files->n; f++) {
        r.file = &files->file[f];
        r.file_number = f + 1;
        rc = read_file(&r);
    }
    if (fclose(r.spool) && !rc)
        rc = ISG_FAIL(ISG_EIO, "cannot write '%s': %s", g->spool, strerror(errno));
    free(r.last_key);
    if (!rc) rc = isg_gather_make_set(g);
    return rc;
}
