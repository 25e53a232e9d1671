#include "decide.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The order of the rules, each seeing only what the ones before it left:
 *
 *   untranslated  the line is also a line of a language named in not_in
 *   shared        shared_by or more languages have the line
 *   duplicate     of equal lines the one whose page has the smallest hash stays
 *   held          its page's hash is below the threshold
 *   overlap       a training line that folds to the same text as a held-out line
 *   twin          a training line whose unit was, in any language, dropped as the
 *                 duplicate or overlap of a held-out line: it translates held-out
 *                 text although its page is not held out
 *
 * Since pages are held out from the smallest hash upwards, a line that occurs
 * on any held-out page stays there, whatever the threshold turns out to be.
 */

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory while sorting the lines");
}

static void drop_found(isg_gather *g, const uint64_t *set, size_t n, isg_fate fate)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->line[i].fate == ISG_FATE_TRAIN && isg_set_has(set, n, g->line[i].text)) {
            g->line[i].fate = (uint8_t)fate;
        }
    }
}

/* The sets used here are those of the first pass, so the order of languages does not matter. */
static void drop_untranslated(const isg_corpus_recipe *recipe, isg_gather *g)
{
    for (size_t l = 0; l < recipe->n_languages; l++) {
        const isg_corpus_source *s = g[l].source;
        for (size_t k = 0; k < s->n_not_in; k++) {
            for (size_t o = 0; o < recipe->n_languages; o++) {
                if (o == l || strcmp(recipe->languages[o].code, s->not_in[k]) != 0) continue;
                drop_found(&g[l], g[o].set, g[o].n_set, ISG_FATE_UNTRANSLATED);
            }
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static isg_err drop_shared(const isg_corpus_recipe *recipe, isg_gather *g)
{
    size_t n = 0, kept = 0;
    if (!recipe->shared_by) return ISG_OK;
    for (size_t l = 0; l < recipe->n_languages; l++) n += g[l].n_set;
    uint64_t *all = calloc(n + 1, sizeof *all);
    if (!all) return no_memory();
    n = 0;
    for (size_t l = 0; l < recipe->n_languages; l++) {
        memcpy(all + n, g[l].set, g[l].n_set * sizeof *all);
        n += g[l].n_set;
    }
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && all[j] == all[i]; j++) continue;
        if (j - i >= recipe->shared_by) all[kept++] = all[i];
    }
    for (size_t l = 0; l < recipe->n_languages; l++) drop_found(&g[l], all, kept, ISG_FATE_SHARED);
    free(all);
    return ISG_OK;
}

typedef struct occurrence {
    uint64_t text, page;
    size_t line;
} occurrence;

static int by_text(const void *a, const void *b)
{
    const occurrence *x = a, *y = b;
    if (x->text != y->text) return x->text < y->text ? -1 : 1;
    if (x->page != y->page) return x->page < y->page ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static isg_err drop_duplicates(isg_gather *g)
{
    size_t n = 0;
    occurrence *o = calloc(g->n + 1, sizeof *o);
    if (!o) return no_memory();
    for (size_t i = 0; i < g->n; i++) {
        const isg_line *line = &g->line[i];
        if (line->fate == ISG_FATE_TRAIN) o[n++] = (occurrence){line->text, line->page, i};
    }
    qsort(o, n, sizeof *o, by_text);
    for (size_t i = 1; i < n; i++) {
        if (o[i].text == o[i - 1].text) g->line[o[i].line].fate = ISG_FATE_DUPLICATE;
    }
    free(o);
    return ISG_OK;
}

/* ---- which pages are held out ------------------------------------------- */

static int by_page(const void *a, const void *b)
{
    const isg_held_page *x = a, *y = b;
    return (x->page > y->page) - (x->page < y->page);
}

/* Add up the bytes of equal pages. @return pages left, ascending */
static size_t merge_pages(isg_held_page *p, size_t n)
{
    size_t kept = 0;
    qsort(p, n, sizeof *p, by_page);
    for (size_t i = 0; i < n; i++) {
        if (kept && p[kept - 1].page == p[i].page) {
            p[kept - 1].bytes += p[i].bytes;
            p[kept - 1].weight += p[i].weight;
        } else {
            p[kept++] = p[i];
        }
    }
    return kept;
}

static isg_err pages_of(const isg_gather *g, isg_held_page **out, size_t *n)
{
    size_t m = 0;
    isg_held_page *p = calloc(g->n + 1, sizeof *p);
    *out = p;
    if (!p) return no_memory();
    for (size_t i = 0; i < g->n; i++) {
        if (g->line[i].fate != ISG_FATE_TRAIN) continue;
        p[m++] = (isg_held_page){.page = g->line[i].page, .bytes = (uint64_t)g->line[i].bytes + 1};
    }
    *n = merge_pages(p, m);
    return ISG_OK;
}

static uint64_t threshold_of(double fraction)
{
    return (uint64_t)ldexp(fraction, 63) * 2; /* fraction <= 0.5: no overflow */
}

/* Raise the threshold until this language has the bytes asked for, or half its pages are gone. */
static void raise_threshold(uint64_t wanted, const isg_held_page *p, size_t n, uint64_t *threshold)
{
    const uint64_t most = threshold_of(0.5);
    uint64_t have = 0;
    for (size_t i = 0; i < n && have < wanted && p[i].page < most; i++) {
        have += p[i].bytes;
        if (p[i].page >= *threshold) *threshold = p[i].page + 1;
    }
}

/* A page counts by its share of the language, or large languages alone would even out the shards. */
static void weigh(isg_held_page *p, size_t n)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) all += p[i].bytes;
    for (size_t i = 0; i < n; i++)
        p[i].weight = p[i].bytes * 1000000 / all; /* pages are far below 2^44 bytes */
}

/* All pages of all languages: choose the threshold, keep the held-out ones in out->held. */
static isg_err choose_pages(const isg_corpus_recipe *recipe, const isg_gather *g, isg_decision *out)
{
    isg_err rc = ISG_OK;
    isg_held_page *all = NULL;
    size_t n = 0;

    out->threshold = threshold_of(recipe->held_fraction);
    for (size_t l = 0; !rc && l < recipe->n_languages; l++) {
        isg_held_page *p = NULL;
        size_t m = 0;
        rc = pages_of(&g[l], &p, &m);
        if (!rc) raise_threshold(recipe->held_bytes, p, m, &out->threshold);
        if (!rc) weigh(p, m);
        isg_held_page *grown = rc ? NULL : realloc(all, (n + m + 1) * sizeof *all);
        if (!rc && !grown) rc = no_memory();
        if (grown) {
            all = grown;
            memcpy(all + n, p, m * sizeof *p);
            n += m;
        }
        free(p);
    }
    if (rc) {
        free(all);
        return rc;
    }
    qsort(all, n, sizeof *all, by_page);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && all[j].page == all[i].page; j++) continue;
        out->pages++;
        out->shared_pages += j - i > 1;
    }
    n = merge_pages(all, n);
    out->held = all;
    while (out->n_held < n && all[out->n_held].page < out->threshold) out->n_held++;
    out->held_fraction = ldexp((double)out->threshold, -64);
    return ISG_OK;
}

static int by_weight_falling(const void *a, const void *b)
{
    const isg_held_page *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return by_page(a, b);
}

/*
 * Deal the pages out, largest first, to and fro (0 1 2 3 3 2 1 0 0 1 ...): even
 * shards of equally many pages, cut alike in every language. Filling the
 * emptiest shard would be more even, but leaves a huge page alone in its shard,
 * which a language that lacks this page then finds empty.
 */
static void cut_shards(size_t shards, isg_decision *d)
{
    qsort(d->held, d->n_held, sizeof *d->held, by_weight_falling);
    for (size_t i = 0; i < d->n_held; i++) {
        size_t turn = i % (2 * shards);
        d->held[i].shard = (uint32_t)(turn < shards ? turn : 2 * shards - 1 - turn);
    }
    qsort(d->held, d->n_held, sizeof *d->held, by_page);
}

size_t isg_decision_page(const isg_decision *d, uint64_t page)
{
    const isg_held_page key = {.page = page};
    const isg_held_page *p = bsearch(&key, d->held, d->n_held, sizeof *d->held, by_page);
    assert(p && "only lines of held-out pages are held out");
    return (size_t)(p - d->held);
}

size_t isg_decision_shard(const isg_decision *d, uint64_t page)
{
    return d->held[isg_decision_page(d, page)].shard;
}

void isg_decision_free(isg_decision *d)
{
    free(d->held);
    *d = (isg_decision){0};
}

/* ---- what must leave the training text because it is held out ------------ */

typedef struct units {
    uint64_t *unit;
    size_t n, cap;
} units;

static isg_err add_unit(units *u, uint64_t unit)
{
    if (!unit) return ISG_OK;
    if (u->n == u->cap) {
        size_t cap = u->cap ? 2 * u->cap : 1024;
        uint64_t *grown = realloc(u->unit, cap * sizeof *grown);
        if (!grown) return no_memory();
        u->unit = grown;
        u->cap = cap;
    }
    u->unit[u->n++] = unit;
    return ISG_OK;
}

/* Hold out, drop overlaps, and collect the units outside the held-out pages that repeat held-out lines. */
static isg_err hold_out(isg_gather *g, uint64_t threshold, units *twins)
{
    isg_err rc = ISG_OK;
    size_t n = 0;
    uint64_t *folded = calloc(g->n + 1, sizeof *folded);
    if (!folded) return no_memory();
    for (size_t i = 0; i < g->n; i++) {
        isg_line *line = &g->line[i];
        if (line->fate != ISG_FATE_TRAIN || line->page >= threshold) continue;
        line->fate = ISG_FATE_HELD;
        folded[n++] = line->folded;
    }
    n = isg_set_sort(folded, n);
    for (size_t i = 0; !rc && i < g->n; i++) {
        isg_line *line = &g->line[i];
        bool carries = line->fate == ISG_FATE_TRAIN || line->fate == ISG_FATE_DUPLICATE;
        if (!carries || line->page < threshold || !isg_set_has(folded, n, line->folded)) continue;
        if (line->fate == ISG_FATE_TRAIN) line->fate = ISG_FATE_OVERLAP;
        rc = add_unit(twins, line->unit);
    }
    free(folded);
    return rc;
}

/* A training text goes if any line that carries it, itself or a duplicate, is of a twin unit. */
static isg_err drop_twins(isg_gather *g, const units *twins)
{
    size_t n = 0;
    uint64_t *text = calloc(g->n + 1, sizeof *text);
    if (!text) return no_memory();
    for (size_t i = 0; i < g->n; i++) {
        const isg_line *line = &g->line[i];
        bool carries = line->fate == ISG_FATE_TRAIN || line->fate == ISG_FATE_DUPLICATE;
        if (carries && line->unit && isg_set_has(twins->unit, twins->n, line->unit))
            text[n++] = line->text;
    }
    n = isg_set_sort(text, n);
    drop_found(g, text, n, ISG_FATE_TWIN);
    free(text);
    return ISG_OK;
}

static void count(isg_gather *g)
{
    for (size_t i = 0; i < g->n; i++) {
        g->lines[g->line[i].fate]++;
        g->bytes[g->line[i].fate] += (uint64_t)g->line[i].bytes + 1;
    }
}

isg_err isg_decide(const isg_corpus_recipe *recipe, isg_gather *g, isg_decision *out)
{
    units twins = {0};
    size_t n = recipe->n_languages;

    *out = (isg_decision){0};
    drop_untranslated(recipe, g);
    isg_err rc = ISG_OK;
    for (size_t l = 0; !rc && l < n; l++) rc = isg_gather_make_set(&g[l]);
    if (!rc) rc = drop_shared(recipe, g);
    for (size_t l = 0; !rc && l < n; l++) rc = drop_duplicates(&g[l]);
    if (!rc) rc = choose_pages(recipe, g, out);
    if (!rc) cut_shards(recipe->shards, out);
    for (size_t l = 0; !rc && l < n; l++) rc = hold_out(&g[l], out->threshold, &twins);
    twins.n = isg_set_sort(twins.unit, twins.n);
    for (size_t l = 0; !rc && l < n; l++) rc = drop_twins(&g[l], &twins);
    for (size_t l = 0; !rc && l < n; l++) {
        count(&g[l]);
        rc = isg_gather_make_set(&g[l]);
    }
    free(twins.unit);
    return rc;
}
