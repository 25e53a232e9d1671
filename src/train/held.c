#include "held.h"

#include "window.h"

#include <stdlib.h>
#include <string.h>

/* At most so many bytes of a piece as a window has places for. */
struct window {
    const uint8_t *text;
    size_t n, shard;
    bool opens; /* its piece: there is no byte before it */
};

struct evaluation {
    isg_tag tag;
    uint8_t *data; /* pieces one after another; the windows point into it */
    struct window *window;
    size_t n_windows;
    uint64_t *bytes; /* [shards] that are scored */
    size_t shards;
};

struct isg_held {
    size_t context, n_evaluations;
    struct evaluation *evaluation;
    size_t rows; /* of the arrays below, once there is a net */
    uint8_t *input, *target;
    float *nats;
};

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for held-out text");
}

/* The pieces of an evaluation without ranges: a stretch of each shard. */
static isg_err shard_ranges(const isg_job_evaluation *e, const isg_corpus *corpus, size_t language,
                            isg_range *range)
{
    for (size_t i = 0; i < e->shards; i++) {
        ISG_TRY(
            isg_corpus_held_range(corpus, language, i, e->shards, e->bytes / e->shards, &range[i]));
        if (!range[i].bytes)
            return ISG_FAIL(ISG_EINPUT, "evaluation '%s': shard %zu is empty", e->name, i);
    }
    return ISG_OK;
}

static void cut(struct evaluation *v, const uint8_t *piece, size_t n, size_t shard, size_t room)
{
    for (size_t at = 0; at < n; at += room) {
        v->window[v->n_windows++] = (struct window){.text = piece + at,
                                                    .n = n - at < room ? n - at : room,
                                                    .shard = shard,
                                                    .opens = at == 0};
    }
    for (size_t i = 0; i < n; i++) v->bytes[shard] += piece[i] != ISG_SEPARATOR;
}

/* @param shard  [n] of each range */
static isg_err copy_pieces(const isg_job_evaluation *e, isg_bytes held, const isg_range *range,
                           const size_t *shard, size_t n, size_t room, struct evaluation *v)
{
    size_t bytes = 0, windows = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        if (range[i].offset > held.n || range[i].bytes > held.n - range[i].offset)
            return ISG_FAIL(ISG_EINPUT,
                            "evaluation '%s': range %zu ends behind the %zu held-out bytes",
                            e->name, i, held.n);
        bytes += (size_t)range[i].bytes;
        windows += ((size_t)range[i].bytes + room - 1) / room;
    }
    v->shards = e->shards;
    v->data = malloc(bytes);
    v->window = calloc(windows, sizeof *v->window);
    v->bytes = calloc(e->shards, sizeof *v->bytes);
    if (!v->data || !v->window || !v->bytes) return no_memory();
    for (size_t i = 0; i < n; i++) {
        memcpy(v->data + at, held.data + range[i].offset, (size_t)range[i].bytes);
        cut(v, v->data + at, (size_t)range[i].bytes, shard ? shard[i] : i, room);
        at += (size_t)range[i].bytes;
    }
    return ISG_OK;
}

static isg_err open_evaluation(const isg_job_evaluation *e, const isg_corpus *corpus,
                               size_t context, struct evaluation *v)
{
    const size_t language = isg_corpus_find(corpus, e->language);
    isg_range *made = NULL;
    isg_bytes held = {0};
    isg_err rc = ISG_OK;
    v->tag = e->tag;
    const size_t room = context - isg_window_lead(&e->tag);
    if (language == (size_t)-1) {
        return ISG_FAIL(ISG_EINPUT, "evaluation '%s': corpus %s has no language '%s'", e->name,
                        corpus->dir, e->language);
    }
    if (!e->n_ranges) {
        made = calloc(e->shards, sizeof *made);
        rc = made ? shard_ranges(e, corpus, language, made) : no_memory();
    }
    if (!rc) rc = isg_corpus_map_held(corpus, language, &held);
    if (!rc)
        rc = made ? copy_pieces(e, held, made, NULL, e->shards, room, v)
                  : copy_pieces(e, held, e->range, e->shard, e->n_ranges, room, v);
    isg_bytes_unmap(&held);
    free(made);
    for (size_t s = 0; !rc && s < e->shards; s++) {
        if (!v->bytes[s])
            rc = ISG_FAIL(ISG_EINPUT, "evaluation '%s': shard %zu has no text", e->name, s);
    }
    return rc;
}

isg_err isg_held_open(const isg_job *job, const isg_corpus *corpus, isg_held **out)
{
    isg_err rc = ISG_OK;
    *out = NULL;
    isg_held *h = calloc(1, sizeof *h);
    if (!h) return no_memory();
    h->context = job->shape.context;
    h->n_evaluations = job->n_evaluations;
    h->evaluation = calloc(job->n_evaluations + 1, sizeof *h->evaluation);
    if (!h->evaluation) rc = no_memory();
    for (size_t i = 0; !rc && i < job->n_evaluations; i++)
        rc = open_evaluation(&job->evaluations[i], corpus, h->context, &h->evaluation[i]);
    if (rc) isg_held_close(&h);
    *out = h;
    return rc;
}

void isg_held_close(isg_held **held)
{
    isg_held *h = *held;
    if (!h) return;
    for (size_t i = 0; h->evaluation && i < h->n_evaluations; i++) {
        free(h->evaluation[i].data);
        free(h->evaluation[i].window);
        free(h->evaluation[i].bytes);
    }
    free(h->evaluation);
    free(h->input);
    free(h->target);
    free(h->nats);
    free(h);
    *held = NULL;
}

uint64_t isg_held_tokens(const isg_held *held)
{
    uint64_t windows = 0;
    for (size_t i = 0; i < held->n_evaluations; i++) windows += held->evaluation[i].n_windows;
    return windows * held->context;
}

static isg_err make_room(isg_held *h, size_t rows)
{
    if (h->rows >= rows) return ISG_OK;
    free(h->input);
    free(h->target);
    free(h->nats);
    h->input = malloc(rows);
    h->target = malloc(rows);
    h->nats = malloc(rows * sizeof *h->nats);
    h->rows = h->input && h->target && h->nats ? rows : 0;
    return h->rows ? ISG_OK : no_memory();
}

/* One sequence; what is not of the text is not counted. */
static void place(const isg_tag *tag, const struct window *w, size_t context, uint8_t *input,
                  uint8_t *target)
{
    memcpy(target + isg_window_lead(tag), w->text, w->n);
    isg_window_close(tag, w->opens ? ISG_SEPARATOR : w->text[-1], w->n, context, input, target);
}

isg_err isg_held_measure(isg_held *h, isg_net *net, size_t evaluation, double *nats,
                         uint64_t *bytes)
{
    const struct evaluation *v = &h->evaluation[evaluation];
    const size_t T = h->context, lead = isg_window_lead(&v->tag), micro = isg_net_micro(net);
    ISG_TRY(make_room(h, T * micro));
    for (size_t s = 0; s < v->shards; s++) nats[s] = 0;
    memcpy(bytes, v->bytes, v->shards * sizeof *bytes);
    for (size_t at = 0; at < v->n_windows; at += micro) {
        const size_t n = v->n_windows - at < micro ? v->n_windows - at : micro;
        for (size_t k = 0; k < n; k++)
            place(&v->tag, &v->window[at + k], T, h->input + k * T, h->target + k * T);
        isg_net_forward(net, h->input, n);
        isg_net_nats(net, h->target, n, h->nats);
        for (size_t k = 0; k < n; k++) {
            const struct window *w = &v->window[at + k];
            for (size_t i = 0; i < w->n; i++) {
                if (w->text[i] != ISG_SEPARATOR)
                    nats[w->shard] += (double)h->nats[k * T + lead + i];
            }
        }
    }
    return ISG_OK;
}
