/* Parallel pages: which held-out pages every evaluated language has, and where they lie. Read from the
 * CODE.pages of a built corpus (docs/corpus.md). */
#include "build.h"
#include "isogloss/hash.h"
#include "isogloss/os.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX_BYTES = 1 << 28 };

/* A line of CODE.pages. */
typedef struct entry {
    uint64_t key, offset, bytes, lines;
} entry;

/* The pages of one language, ascending by key. */
typedef struct listing {
    entry *page;
    size_t n;
} listing;

/* A page that all of them have. */
typedef struct candidate {
    uint64_t key;
    bool alike; /* as many lines in every language */
    size_t *at; /* [languages] index into its listing */
} candidate;

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static int best_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->alike != y->alike) return x->alike ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

static isg_err parse_line(const char *line, size_t number, entry *out)
{
    int end = 0;
    if (sscanf(line, "%16" SCNx64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &out->key, &out->offset,
               &out->bytes, &out->lines, &end) == 4 &&
        line[end] == '\n' && out->bytes)
        return ISG_OK;
    return ISG_FAIL(ISG_EINPUT, "line %zu: wanted KEY OFFSET BYTES LINES: build the corpus again",
                    number);
}

static isg_err read_listing(isg_build *b, const char *path, listing *out)
{
    isg_str text = {0};
    isg_err rc = isg_file_read(path, PAGES_MAX_BYTES, &text);
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++) lines += text.data[i] == '\n';
    out->page = rc ? NULL : ISG_NEW(b, lines + 1, entry);
    if (!rc && !out->page) rc = isg_build_no_memory();
    for (const char *p = isg_str_c(&text); !rc && *p && out->n < lines; p += strcspn(p, "\n") + 1) {
        rc = parse_line(p, out->n + 1, &out->page[out->n]);
        out->n += !rc;
    }
    isg_str_free(&text);
    if (!rc) qsort(out->page, out->n, sizeof *out->page, by_key);
    return isg_err_context(rc, "%s", path);
}

/* Listings of the languages that are evaluated. @param said  false once something is wrong */
static isg_err read_all(isg_build *b, const isg_node *at, size_t n, listing *all, bool *good)
{
    const isg_plan *p = b->plan;
    for (size_t e = 0; e < n && *good; e++) {
        const size_t language = p->evaluations[e].language;
        const char *file = b->pages_file ? b->pages_file[language] : NULL;
        if (!file) {
            if (b->pages_file) {
                isg_diag_add(&b->diag, at,
                             "key 'pages': corpus %s was built before pages were listed: move it "
                             "away and make it again, with the scripts/fetch-... that made it or "
                             "'isogloss corpus build MANIFEST -o %s'",
                             p->corpus, p->corpus);
            } else {
                isg_diag_add(&b->diag, at,
                             "key 'pages': only a corpus made by 'isogloss corpus build' has "
                             "parallel pages");
            }
            *good = false;
            return ISG_OK;
        }
        char *path = isg_path_join(p->corpus, file);
        isg_err rc = path ? read_listing(b, path, &all[e]) : isg_build_no_memory();
        free(path);
        if (rc == ISG_EINPUT || rc == ISG_EIO) {
            isg_diag_add(&b->diag, at, "key 'pages': %s", isg_err_message());
            *good = false;
            rc = ISG_OK;
        }
        ISG_TRY(rc);
    }
    return ISG_OK;
}

/* Bytes of a page in the language in which it is longest. */
typedef struct bounds {
    uint64_t least, most;
} bounds;

/* Is the page of the first language, number k, in all others, and as long as wanted? */
static bool in_all(const listing *all, size_t n, size_t k, bounds wanted, candidate *c)
{
    uint64_t bytes = 0;
    const entry *first = &all[0].page[k];
    c->key = first->key;
    c->alike = true;
    for (size_t e = 0; e < n; e++) {
        const entry *p = bsearch(first, all[e].page, all[e].n, sizeof *p, by_key);
        if (!p) return false;
        if (p->bytes > bytes) bytes = p->bytes;
        c->alike = c->alike && p->lines == first->lines;
        c->at[e] = (size_t)(p - all[e].page);
    }
    return bytes >= wanted.least && bytes <= wanted.most;
}

static isg_err find_candidates(isg_build *b, const listing *all, size_t n, bounds wanted,
                               candidate **out, size_t *found)
{
    *found = 0;
    *out = ISG_NEW(b, all[0].n + 1, candidate);
    if (!*out) return isg_build_no_memory();
    for (size_t k = 0; k < all[0].n; k++) {
        candidate *c = &(*out)[*found];
        if (!c->at) c->at = ISG_NEW(b, n, size_t);
        if (!c->at) return isg_build_no_memory();
        *found += in_all(all, n, k, wanted, c);
    }
    qsort(*out, *found, sizeof **out, best_first);
    return ISG_OK;
}

/* One hash stands for the places in what identifies a run. */
static isg_err hash_pages(isg_evaluation *e)
{
    isg_sha256 s;
    uint8_t sum[32];
    isg_str line = {0};
    isg_err rc = ISG_OK;
    isg_sha256_init(&s);
    for (size_t i = 0; i < e->n_pages && !rc; i++) {
        isg_str_reset(&line);
        rc = isg_str_printf(&line, "%" PRIu64 " %" PRIu64 "\n", e->pages[i].offset,
                            e->pages[i].bytes);
        isg_sha256_add(&s, isg_str_c(&line), line.len);
    }
    isg_sha256_end(&s, sum);
    isg_str_hex(sum, 32, e->pages_sha256);
    isg_str_free(&line);
    return rc;
}

/* CODE.pages beside the evaluation `of`. */
static isg_err add_pages(isg_build *b, size_t of, const listing *list, const candidate *chosen,
                         size_t n, size_t shards)
{
    isg_plan *p = b->plan;
    const isg_evaluation *main = &p->evaluations[of];
    isg_evaluation *e = &p->evaluations[p->n_evaluations++];
    *e = (isg_evaluation){.name = isg_strf("%s.pages", main->name),
                          .language = main->language,
                          .metric = isg_strdup(main->metric),
                          .unit = isg_strdup(main->unit),
                          .shards = shards < n ? shards : n,
                          .n_pages = n,
                          .pages = calloc(n, sizeof *e->pages)};
    if (!e->name || !e->metric || !e->unit || !e->pages) return isg_build_no_memory();
    for (size_t i = 0; i < n; i++) {
        const entry *from = &list->page[chosen[i].at[of]];
        e->pages[i] = (isg_page){.offset = from->offset, .bytes = from->bytes};
        e->bytes += from->bytes;
        const uint64_t held = p->languages[e->language].held_bytes;
        if (from->bytes <= held && from->offset <= held - from->bytes) continue;
        return ISG_FAIL(ISG_EINPUT,
                        "corpus '%s': a page of language '%s' ends behind its held-out text: build "
                        "the corpus again",
                        p->corpus, p->languages[e->language].code);
    }
    return hash_pages(e);
}

/* False, with a note, if the campaign asks for what cannot be. */
static bool may_have_pages(isg_build *b, const isg_node *section, bounds bytes)
{
    const isg_node *least = isg_node_get(section, "page_bytes_min"),
                   *most = isg_node_get(section, "page_bytes");
    if (b->corpus_blocks) {
        isg_diag_add(&b->diag, isg_node_get(section, "pages"),
                     "key 'pages': corpus %s was built with 'keys: block', so its pages are lines "
                     "in a row, not translations of each other; allowed: a corpus with parallel "
                     "keys ('keys: file' or 'column', the same in every language), or no 'pages'",
                     b->plan->corpus);
        return false;
    }
    if (bytes.least <= bytes.most) return true;
    isg_diag_add(&b->diag, least ? least : most,
                 "key '%s': pages of %" PRIu64 " (page_bytes_min) to %" PRIu64
                 " (page_bytes) bytes are none; allowed: %s %" PRIu64,
                 least ? "page_bytes_min" : "page_bytes", bytes.least, bytes.most,
                 least ? "at most" : "at least", least ? bytes.most : bytes.least);
    return false;
}

isg_err isg_build_pages(isg_build *b, const isg_node *section)
{
    isg_plan *p = b->plan;
    const isg_node *at = isg_node_get(section, "pages");
    const size_t n = p->n_evaluations, wanted = isg_get_count(section, "evaluate", "pages");
    const bounds bytes = {isg_get_count(section, "evaluate", "page_bytes_min"),
                          isg_get_count(section, "evaluate", "page_bytes")};
    candidate *found = NULL;
    bool good = true;
    if (!wanted || !n) return ISG_OK;
    if (!may_have_pages(b, section, bytes)) return ISG_OK;
    listing *all = ISG_NEW(b, n, listing);
    if (!all) return isg_build_no_memory();
    ISG_TRY(read_all(b, at, n, all, &good));
    if (!good) return ISG_OK;
    ISG_TRY(find_candidates(b, all, n, bytes, &found, &p->pages_usable));
    p->pages_asked = wanted;
    if (!p->pages_usable) {
        isg_diag_add(&b->diag, at,
                     "key 'pages': no held-out page of %" PRIu64 " to %" PRIu64
                     " bytes ('page_bytes_min', 'page_bytes') is in all %zu languages that are "
                     "evaluated",
                     bytes.least, bytes.most, n);
        return ISG_OK;
    }
    const size_t take = wanted < p->pages_usable ? wanted : p->pages_usable;
    for (size_t i = 0; i < take; i++) p->pages_alike += found[i].alike;
    for (size_t e = 0; e < n; e++) {
        ISG_TRY(
            add_pages(b, e, &all[e], found, take, isg_get_count(section, "evaluate", "shards")));
    }
    return ISG_OK;
}
