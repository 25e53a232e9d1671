#include "held.h"

#include <stdlib.h>
#include <string.h>

struct shard {
    uint8_t *data; /* [n] */
    size_t n;
};

struct isg_held {
    size_t n_evaluations;
    size_t *first; /* [n_evaluations + 1] into shards */
    struct shard *shards;
};

static isg_err shards_open(const isg_job_evaluation *e, const isg_corpus *corpus,
                           struct shard *shards)
{
    size_t language = isg_corpus_find(corpus, e->language), each = (size_t)(e->bytes / e->shards);
    if (language == (size_t)-1) {
        return ISG_FAIL(ISG_EINPUT, "evaluation '%s': corpus %s has no language '%s'", e->name,
                        corpus->dir, e->language);
    }
    for (size_t i = 0; i < e->shards; i++) {
        shards[i].data = malloc(each);
        if (!shards[i].data) return ISG_FAIL(ISG_ENOMEM, "out of memory for held-out text");
        ISG_TRY(isg_corpus_held_shard(corpus, language, i, e->shards, each, shards[i].data,
                                      &shards[i].n));
        if (!shards[i].n)
            return ISG_FAIL(ISG_EINPUT, "evaluation '%s': shard %zu is empty", e->name, i);
    }
    return ISG_OK;
}

isg_err isg_held_open(const isg_job *job, const isg_corpus *corpus, isg_held **out)
{
    isg_err rc = ISG_OK;
    *out = NULL;
    isg_held *h = calloc(1, sizeof *h);
    if (!h) return ISG_FAIL(ISG_ENOMEM, "out of memory for held-out text");
    h->n_evaluations = job->n_evaluations;
    h->first = calloc(job->n_evaluations + 1, sizeof *h->first);
    if (h->first) {
        for (size_t i = 0; i < job->n_evaluations; i++)
            h->first[i + 1] = h->first[i] + job->evaluations[i].shards;
        h->shards = calloc(h->first[job->n_evaluations] + 1, sizeof *h->shards);
    }
    if (!h->shards) rc = ISG_FAIL(ISG_ENOMEM, "out of memory for held-out text");
    for (size_t i = 0; !rc && i < job->n_evaluations; i++) {
        rc = shards_open(&job->evaluations[i], corpus, h->shards + h->first[i]);
    }
    if (rc) isg_held_close(&h);
    *out = h;
    return rc;
}

void isg_held_close(isg_held **held)
{
    isg_held *h = *held;
    if (!h) return;
    for (size_t i = 0; h->shards && i < h->first[h->n_evaluations]; i++) free(h->shards[i].data);
    free(h->shards);
    free(h->first);
    free(h);
    *held = NULL;
}

isg_err isg_held_measure(const isg_held *h, isg_net *net, size_t evaluation, size_t shard,
                         double *nats, uint64_t *bytes)
{
    const struct shard *s = &h->shards[h->first[evaluation] + shard];
    const size_t T = isg_net_shape_of(net)->context, rows = T * isg_net_micro(net);
    uint8_t *input = malloc(rows), *target = malloc(rows);
    float *row_nats = malloc(rows * sizeof *row_nats);
    isg_err rc = ISG_OK;

    *nats = 0;
    *bytes = s->n;
    if (!input || !target || !row_nats)
        rc = ISG_FAIL(ISG_ENOMEM, "out of memory for an evaluation");
    for (size_t at = 0; !rc && at < s->n; at += rows) {
        size_t n = s->n - at < rows ? s->n - at : rows, sequences = (n + T - 1) / T;
        memset(input, '\n', rows); /* fills up a short last window; not counted */
        memset(target, '\n', rows);
        memcpy(target, s->data + at, n);
        memcpy(input + (at ? 0 : 1), s->data + (at ? at - 1 : 0), at ? n : n - 1);
        isg_net_forward(net, input, sequences);
        isg_net_nats(net, target, sequences, row_nats);
        for (size_t r = 0; r < n; r++) *nats += (double)row_nats[r];
    }
    free(input);
    free(target);
    free(row_nats);
    return rc;
}
