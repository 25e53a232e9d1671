#include "stream.h"

#include "isogloss/hash.h"
#include "isogloss/rng.h"
#include "window.h"

#include <stdlib.h>
#include <string.h>

struct lane { /* one language */
    isg_bytes file;
    const isg_tag *tag;
    uint64_t text;     /* bytes of it in a window: the further digits of a tag take places */
    uint64_t key;      /* of the language code, for its random streams */
    uint64_t start;    /* of the stretch in the file */
    uint64_t per_pass; /* windows of one pass */
    uint64_t taken;    /* windows so far */
    uint32_t *order;   /* [per_pass] of pass `pass` */
    uint64_t pass;
};

struct isg_stream {
    const isg_job *job;
    uint64_t sequences; /* so far, all languages */
    size_t n;
    struct lane *lanes; /* [n] */
};

/* ISG_RNG_ORDER draws languages (even index) and orders of passes (odd). */
static uint64_t draw_index(uint64_t sequence)
{
    return sequence << 1;
}

static uint64_t pass_index(uint64_t key, uint64_t pass)
{
    return isg_mix64(key + pass) << 1 | 1;
}

static uint64_t key_of(const char *code)
{
    uint8_t digest[32];
    isg_sha256 s;
    uint64_t key;
    isg_sha256_init(&s);
    isg_sha256_add(&s, code, strlen(code));
    isg_sha256_end(&s, digest);
    memcpy(&key, digest, sizeof key);
    return key;
}

static isg_err shuffle(const isg_stream *s, struct lane *lane, uint64_t pass)
{
    isg_rng r;
    if (!lane->order) lane->order = malloc(lane->per_pass * sizeof *lane->order);
    if (!lane->order)
        return ISG_FAIL(ISG_ENOMEM, "out of memory for the order of %llu windows",
                        (unsigned long long)lane->per_pass);
    isg_rng_at(&r, s->job->data_seed, ISG_RNG_ORDER, pass_index(lane->key, pass));
    for (uint64_t i = 0; i < lane->per_pass; i++) { /* inside-out Fisher-Yates */
        uint64_t j = isg_rng_below(&r, i + 1);
        lane->order[i] = lane->order[j];
        lane->order[j] = (uint32_t)i;
    }
    lane->pass = pass;
    return ISG_OK;
}

static isg_err lane_open(const isg_stream *s, const isg_corpus *corpus, const isg_job_language *l,
                         struct lane *lane)
{
    isg_rng r;
    size_t at = isg_corpus_find(corpus, l->code);
    if (at == (size_t)-1)
        return ISG_FAIL(ISG_EINPUT, "corpus %s has no language '%s'", corpus->dir, l->code);
    ISG_TRY(isg_corpus_map_train(corpus, at, &lane->file));
    if (lane->file.n < l->unique_bytes) {
        return ISG_FAIL(ISG_EINPUT, "language '%s': %llu unique bytes wanted, corpus %s has %zu",
                        l->code, (unsigned long long)l->unique_bytes, corpus->dir, lane->file.n);
    }
    lane->key = key_of(l->code);
    lane->tag = &l->tag;
    lane->text = s->job->shape.context - isg_window_lead(&l->tag);
    lane->per_pass = l->unique_bytes / lane->text;
    if (lane->per_pass > UINT32_MAX)
        return ISG_FAIL(ISG_EINPUT, "language '%s': more than 2^32 windows", l->code);
    isg_rng_at(&r, s->job->data_seed, ISG_RNG_SUBSET, lane->key);
    lane->start = isg_rng_below(&r, lane->file.n);
    return ISG_OK;
}

isg_err isg_stream_open(const isg_job *job, const isg_corpus *corpus, isg_stream **out)
{
    isg_err rc = ISG_OK;
    *out = NULL;
    isg_stream *s = calloc(1, sizeof *s);
    if (!s) return ISG_FAIL(ISG_ENOMEM, "out of memory for the data order");
    s->job = job;
    s->lanes = calloc(job->n_languages, sizeof *s->lanes);
    if (!s->lanes) rc = ISG_FAIL(ISG_ENOMEM, "out of memory for the data order");
    for (; !rc && s->n < job->n_languages; s->n++) {
        rc = lane_open(s, corpus, &job->languages[s->n], &s->lanes[s->n]);
    }
    if (rc) isg_stream_close(&s);
    *out = s;
    return rc;
}

void isg_stream_close(isg_stream **stream)
{
    isg_stream *s = *stream;
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) {
        isg_bytes_unmap(&s->lanes[i].file);
        free(s->lanes[i].order);
    }
    free(s->lanes);
    free(s);
    *stream = NULL;
}

static struct lane *draw_lane(isg_stream *s)
{
    isg_rng r;
    size_t i = 0;
    isg_rng_at(&r, s->job->data_seed, ISG_RNG_ORDER, draw_index(s->sequences));
    for (double u = isg_rng_double(&r); i + 1 < s->n; i++) {
        u -= s->job->languages[i].weight;
        if (u < 0) break;
    }
    return &s->lanes[i];
}

isg_err isg_stream_next(isg_stream *s, uint8_t *input, uint8_t *target)
{
    const uint64_t T = s->job->shape.context;
    struct lane *lane = draw_lane(s);
    uint64_t pass = lane->taken / lane->per_pass, n = lane->file.n;
    if (!lane->order || lane->pass != pass) ISG_TRY(shuffle(s, lane, pass));

    uint64_t at = (lane->start + lane->order[lane->taken % lane->per_pass] * lane->text) % n;
    uint8_t *text = target + isg_window_lead(lane->tag);
    for (uint64_t i = 0; i < lane->text; i++) text[i] = lane->file.data[(at + i) % n];
    isg_window_close(lane->tag, at ? lane->file.data[at - 1] : ISG_SEPARATOR, lane->text, T, input,
                     target);
    lane->taken++;
    s->sequences++;
    return ISG_OK;
}

uint64_t isg_stream_windows(const isg_stream *s, size_t i)
{
    return s->lanes[i].taken;
}

void isg_stream_seek(isg_stream *s, const uint64_t *windows)
{
    s->sequences = 0;
    for (size_t i = 0; i < s->n; i++) {
        s->lanes[i].taken = windows[i];
        s->sequences += windows[i];
    }
}
