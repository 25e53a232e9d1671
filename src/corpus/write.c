#include "write.h"

#include "isogloss/hash.h"
#include "isogloss/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Training lines go straight on. Held-out lines are gathered by page, and pages by shard: inside a
 * shard pages stand in the order in which their first lines were read, lines of a page in theirs.
 * With page_end a byte FF, which no UTF-8 text has, follows every page.
 */

static const char PAGE_END = '\xff';

typedef struct part {
    FILE *file;
    isg_sha256 sha;
    uint64_t bytes, lines;
    char *path;
    char hex[ISG_CORPUS_HEX];
} part;

static isg_err part_open(part *p, const char *dir, const char *code, const char *suffix)
{
    *p = (part){.path = isg_strf("%s/%s.%s", dir, code, suffix)};
    if (!p->path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_sha256_init(&p->sha);
    p->file = fopen(p->path, "we");
    return p->file ? ISG_OK : ISG_FAIL(ISG_EIO, "cannot create '%s': %s", p->path, strerror(errno));
}

static isg_err part_add(part *p, const char *data, size_t n)
{
    isg_sha256_add(&p->sha, data, n);
    p->bytes += n;
    if (fwrite(data, 1, n, p->file) == n) return ISG_OK;
    return ISG_FAIL(ISG_EIO, "cannot write '%s': %s", p->path, strerror(errno));
}

static isg_err part_close(part *p, isg_err rc)
{
    uint8_t digest[32];
    if (p->file) {
        bool bad = fflush(p->file) || fsync(fileno(p->file));
        bad = fclose(p->file) || bad;
        if (bad && !rc) rc = ISG_FAIL(ISG_EIO, "cannot write '%s': %s", p->path, strerror(errno));
        isg_sha256_end(&p->sha, digest);
        isg_str_hex(digest, sizeof digest, p->hex);
    }
    free(p->path);
    p->path = NULL;
    p->file = NULL;
    return rc;
}

/* A held-out page of this language. */
typedef struct page {
    isg_str text;
    uint64_t key, lines;
    size_t shard, first; /* first: among the pages of the language */
} page;

typedef struct writing {
    bool page_end;
    const isg_decision *d;
    part train, held, pages;
    page *page;       /* [d->n_held], those with lines are in use */
    size_t n;         /* in use */
    uint64_t trained; /* page of the last training line */
} writing;

static isg_err add_train(writing *w, const isg_line *line, const char *text)
{
    if (w->page_end && w->train.lines && w->trained != line->page)
        ISG_TRY(part_add(&w->train, &PAGE_END, 1));
    w->trained = line->page;
    w->train.lines++;
    return part_add(&w->train, text, (size_t)line->bytes + 1);
}

static isg_err add_held(writing *w, const isg_line *line, const char *text)
{
    page *p = &w->page[isg_decision_page(w->d, line->page)];
    if (!p->lines) {
        p->key = line->page;
        p->shard = isg_decision_shard(w->d, line->page);
        p->first = w->n++;
    }
    p->lines++;
    return isg_str_add(&p->text, text, (size_t)line->bytes + 1);
}

static isg_err copy_lines(const isg_gather *g, writing *w)
{
    isg_err rc = ISG_OK;
    isg_str line = {0};
    FILE *in = fopen(g->spool, "re");
    if (!in) rc = ISG_FAIL(ISG_EIO, "cannot read '%s': %s", g->spool, strerror(errno));
    for (size_t i = 0; !rc && i < g->n; i++) {
        size_t n = (size_t)g->line[i].bytes + 1;
        isg_str_reset(&line);
        rc = isg_str_reserve(&line, n);
        if (!rc && fread(line.data, 1, n, in) != n)
            rc = ISG_FAIL(ISG_EIO, "cannot read back '%s'", g->spool);
        if (rc) break;
        if (g->line[i].fate == ISG_FATE_TRAIN) rc = add_train(w, &g->line[i], line.data);
        if (g->line[i].fate == ISG_FATE_HELD) rc = add_held(w, &g->line[i], line.data);
    }
    if (!rc && w->page_end && w->train.lines) rc = part_add(&w->train, &PAGE_END, 1);
    if (in) (void)fclose(in);
    isg_str_free(&line);
    return rc;
}

static int by_shard_and_first(const void *a, const void *b)
{
    const page *x = a, *y = b;
    if (!x->lines != !y->lines) return x->lines ? -1 : 1; /* those not in use last */
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Shard after shard. @param offset  [shards + 1] */
static isg_err put_held(writing *w, size_t shards, uint64_t *offset)
{
    isg_str row = {0};
    isg_err rc = ISG_OK;
    size_t at = 0;
    qsort(w->page, w->d->n_held, sizeof *w->page, by_shard_and_first);
    for (size_t s = 0; s < shards && !rc; s++) {
        for (; at < w->n && w->page[at].shard == s && !rc; at++) {
            const page *p = &w->page[at];
            isg_str_reset(&row);
            rc = isg_str_printf(&row, "%016" PRIx64 " %" PRIu64 " %zu %" PRIu64 "\n", p->key,
                                w->held.bytes, p->text.len, p->lines);
            if (!rc) rc = part_add(&w->pages, isg_str_c(&row), row.len);
            if (!rc) rc = part_add(&w->held, isg_str_c(&p->text), p->text.len);
            if (!rc && w->page_end) rc = part_add(&w->held, &PAGE_END, 1);
            w->held.lines += p->lines;
            w->pages.lines++;
        }
        offset[s + 1] = w->held.bytes;
    }
    isg_str_free(&row);
    return rc;
}

static isg_err check_size(const isg_corpus_recipe *r, const char *code, const writing *w)
{
    if (w->train.bytes && w->held.bytes) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT,
                    "language '%s' has %" PRIu64 " bytes of training and %" PRIu64
                    " of held-out text: "
                    "with keys '%s' its text lies on too few pages%s",
                    code, w->train.bytes, w->held.bytes, isg_corpus_keys_names[r->keys],
                    r->keys == ISG_KEYS_FILE ? "; for a large file use 'keys: block'" : "");
}

static isg_err describe(const writing *w, const char *code, isg_corpus_language *out)
{
    out->train_bytes = w->train.bytes;
    out->train_lines = w->train.lines;
    out->held_bytes = w->held.bytes;
    out->held_lines = w->held.lines;
    out->pages_bytes = w->pages.bytes;
    out->held_pages = w->pages.lines;
    out->code = isg_strdup(code);
    out->train_sha256 = isg_strdup(w->train.hex);
    out->held_sha256 = isg_strdup(w->held.hex);
    out->pages_sha256 = isg_strdup(w->pages.hex);
    bool good = out->code && out->train_sha256 && out->held_sha256 && out->pages_sha256;
    return good ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
}

isg_err isg_corpus_write_language(const isg_corpus_recipe *r, const isg_gather *g,
                                  const isg_decision *d, const char *dir, isg_corpus_language *out)
{
    const char *code = g->source->code;
    writing w = {.page_end = r->page_end, .d = d, .page = calloc(d->n_held + 1, sizeof *w.page)};
    out->shard_offset = calloc(r->shards + 1, sizeof *out->shard_offset);
    isg_err rc = w.page && out->shard_offset ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = part_open(&w.train, dir, code, "train");
    if (!rc) rc = part_open(&w.held, dir, code, "held");
    if (!rc) rc = part_open(&w.pages, dir, code, "pages");
    if (!rc) rc = copy_lines(g, &w);
    if (!rc) rc = put_held(&w, r->shards, out->shard_offset);
    rc = part_close(&w.train, rc);
    rc = part_close(&w.held, rc);
    rc = part_close(&w.pages, rc);
    for (size_t i = 0; w.page && i < d->n_held; i++) isg_str_free(&w.page[i].text);
    free(w.page);
    if (!rc) rc = check_size(r, code, &w);
    return rc ? rc : describe(&w, code, out);
}
