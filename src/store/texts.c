/* What is known of the text that evaluations score: it turns bits per byte into other metrics.
 *
 * A character counts where its first byte is scored, whether or not the rest of it is. The unigram
 * cost is that of the scored bytes by the byte frequencies of all training text of the language in
 * the corpus, one added to each of the 256 counts (Tao et al., arXiv:2407.13623, divide by the unigram
 * probability of each token; tokens here are bytes). The byte FF ends pages, is no text, and counts
 * nowhere. */
#include "internal.h"

#include "isogloss/corpus.h"
#include "isogloss/law.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_END = 0xff, BYTES = 256 };

static const double LN2 = 0.693147180559945309417;

/* Bits that each byte value of a language costs, once its training text was counted. */
typedef struct costs {
    bool known;
    double of[BYTES];
} costs;

typedef struct texts {
    const isg_plan *plan;
    isg_corpus *corpus;
    costs *costs;                     /* [languages of the corpus] */
    size_t shards;                    /* of the store */
    uint64_t *bytes, *characters;     /* [evaluations] */
    double *bits;                     /* [evaluations] */
    uint32_t *pages;                  /* [evaluations] */
    uint64_t *s_bytes, *s_characters; /* [evaluations][shards] */
    double *s_bits;                   /* [evaluations][shards] */
} texts;

static isg_err create(texts *t, size_t n)
{
    const size_t cells = n * t->shards;
    t->bytes = calloc(n, sizeof *t->bytes);
    t->characters = calloc(n, sizeof *t->characters);
    t->bits = calloc(n, sizeof *t->bits);
    t->pages = calloc(n, sizeof *t->pages);
    t->s_bytes = calloc(cells, sizeof *t->s_bytes);
    t->s_characters = calloc(cells, sizeof *t->s_characters);
    t->s_bits = calloc(cells, sizeof *t->s_bits);
    if (!t->bytes || !t->characters || !t->bits || !t->pages || !t->s_bytes || !t->s_characters ||
        !t->s_bits)
        return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) t->bits[i] = (double)NAN;
    for (size_t i = 0; i < cells; i++) t->s_bits[i] = (double)NAN;
    return ISG_OK;
}

static void clear(texts *t)
{
    isg_corpus_close(&t->corpus);
    free(t->costs);
    free(t->bytes);
    free(t->characters);
    free(t->bits);
    free(t->pages);
    free(t->s_bytes);
    free(t->s_characters);
    free(t->s_bits);
}

/* Of all training text of a language, which is read once, however many evaluations it has. */
static isg_err find_costs(const isg_corpus *corpus, size_t language, costs *c)
{
    uint64_t count[BYTES] = {0}, all = 0;
    if (c->known) return ISG_OK;
    ISG_TRY(isg_corpus_count_train(corpus, language, count));
    count[PAGE_END] = 0;
    for (size_t b = 0; b < BYTES; b++) all += count[b];
    for (size_t b = 0; b < BYTES; b++)
        c->of[b] = isg_ln((double)(all + BYTES) / (double)(count[b] + 1)) / LN2;
    c->known = true;
    return ISG_OK;
}

static void add_up(const uint64_t *count, const double *cost, uint64_t *bytes, uint64_t *characters,
                   double *bits)
{
    *bits = 0;
    for (size_t b = 0; b < PAGE_END; b++) {
        *bytes += count[b];
        if ((b & 0xc0) != 0x80) *characters += count[b]; /* no continuation byte */
        *bits += (double)count[b] * cost[b];
    }
}

/* How often each byte value is scored in a shard. */
static isg_err count_shard(const texts *t, const isg_evaluation *of, size_t language, size_t shard,
                           uint64_t *count)
{
    isg_range range;
    for (size_t i = shard; i < of->n_pages; i += of->shards) {
        range = (isg_range){.offset = of->pages[i].offset, .bytes = of->pages[i].bytes};
        ISG_TRY(isg_corpus_count_held(t->corpus, language, &range, 1, count));
    }
    if (of->pages) return ISG_OK;
    ISG_TRY(isg_corpus_held_range(t->corpus, language, shard, of->shards, of->bytes / of->shards,
                                  &range));
    return isg_corpus_count_held(t->corpus, language, &range, 1, count);
}

static isg_err measure(texts *t, size_t e)
{
    const isg_evaluation *of = &t->plan->evaluations[e];
    const size_t language = isg_corpus_find(t->corpus, t->plan->languages[of->language].code);
    uint64_t all[BYTES] = {0};
    if (language == (size_t)-1) return ISG_OK; /* of a corpus that is not this one */
    const double *cost = t->costs[language].of;
    ISG_TRY(find_costs(t->corpus, language, &t->costs[language]));
    t->pages[e] = (uint32_t)of->n_pages;
    for (size_t s = 0; s < of->shards; s++) {
        const size_t at = e * t->shards + s;
        uint64_t count[BYTES] = {0};
        ISG_TRY(count_shard(t, of, language, s, count));
        add_up(count, cost, &t->s_bytes[at], &t->s_characters[at], &t->s_bits[at]);
        for (size_t b = 0; b < BYTES; b++) all[b] += count[b];
    }
    add_up(all, cost, &t->bytes[e], &t->characters[e], &t->bits[e]);
    return ISG_OK;
}

/* Of trainers of our own, on a corpus that is there. */
static isg_err measure_all(texts *t)
{
    const isg_plan *p = t->plan;
    if (p->trainer != ISG_TRAINER_PROXY || !p->corpus || !*p->corpus) return ISG_OK;
    char *index = isg_path_join(p->corpus, "index.json");
    if (!index) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    const bool there = isg_path_exists(index);
    free(index);
    if (!there) return ISG_OK;
    ISG_TRY(isg_corpus_open(p->corpus, &t->corpus));
    t->costs = calloc(t->corpus->n_languages + 1, sizeof *t->costs);
    if (!t->costs) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t e = 0; e < p->n_evaluations; e++)
        ISG_TRY(isg_err_context(measure(t, e), "evaluation '%s'", p->evaluations[e].name));
    return ISG_OK;
}

isg_err isg_store_put_texts(isg_store *s, const isg_plan *plan)
{
    const size_t n = s->dim[ISG_DIM_EVALUATION];
    texts t = {.plan = plan, .shards = s->dim[ISG_DIM_SHARD]};
    isg_err rc = create(&t, n);
    const struct {
        isg_col col;
        const void *data;
    } columns[] = {
        {ISG_COL_EVAL_SCORED, t.bytes},         {ISG_COL_EVAL_CHARACTERS, t.characters},
        {ISG_COL_EVAL_UNIGRAM, t.bits},         {ISG_COL_EVAL_PAGES, t.pages},
        {ISG_COL_EVAL_SHARD_SCORED, t.s_bytes}, {ISG_COL_EVAL_SHARD_CHARACTERS, t.s_characters},
        {ISG_COL_EVAL_SHARD_UNIGRAM, t.s_bits}};
    if (!rc) rc = measure_all(&t);
    for (size_t k = 0; k < sizeof columns / sizeof *columns && !rc; k++)
        rc = isg_col_write(s, columns[k].col, 0, n, columns[k].data);
    clear(&t);
    return rc;
}
