/* What a run costs, by the convention of docs/architecture.md. */
#include "build.h"

#include <stdlib.h>

static uint64_t windows(uint64_t bytes, uint64_t room)
{
    return (bytes + room - 1) / room;
}

/* Of shard s, or fewer if it has no more text. */
static uint64_t shard_bytes(const isg_build *b, const isg_evaluation *v, size_t s)
{
    const uint64_t *offset = b->shard_offset ? b->shard_offset[v->language] : NULL;
    const uint64_t bytes = v->bytes / v->shards;
    if (!offset || b->corpus_shards % v->shards) return bytes;
    const size_t k = b->corpus_shards / v->shards;
    const uint64_t there = offset[(s + 1) * k] - offset[s * k];
    return there < bytes ? there : bytes;
}

/* Tokens at a point. Proxies score shards and pages by whole windows, the last of which is filled up,
 * and the digits of a tag but for the first take places in each; a command scores its bytes. */
static double scored(const isg_build *b, const isg_evaluation *v, uint64_t context)
{
    const isg_tag *tag = &b->plan->languages[v->language].tag;
    const uint64_t room = context - (tag->n ? tag->n - 1 : 0);
    uint64_t n = 0;
    if (!v->pages && b->plan->trainer != ISG_TRAINER_PROXY) return (double)v->bytes;
    for (size_t i = 0; i < v->n_pages; i++) n += windows(v->pages[i].bytes, room);
    for (size_t s = 0; s < v->shards && !v->pages; s++) n += windows(shard_bytes(b, v, s), room);
    return (double)(n * context);
}

/* Runs of one context come one after another. */
static isg_err know_scored(isg_build *b, uint32_t context)
{
    const size_t n = b->plan->n_evaluations;
    if (b->scored && b->scored_context == context) return ISG_OK;
    if (!b->scored) b->scored = ISG_NEW(b, n + 1, double);
    if (!b->scored) return isg_build_no_memory();
    for (size_t e = 0; e < n; e++) b->scored[e] = scored(b, &b->plan->evaluations[e], context);
    b->scored_context = context;
    return ISG_OK;
}

isg_err isg_build_flops(isg_build *b, isg_run *r)
{
    const double f = isg_shape_flops(&r->shape);
    double tokens = 0;
    ISG_TRY(know_scored(b, r->shape.context));
    for (size_t e = 0; e < b->plan->n_evaluations; e++) {
        if (r->evaluate[e]) tokens += b->scored[e];
    }
    r->flops = (double)(r->tokens - r->from) * f + (double)r->n_points * tokens * f / 3;
    return ISG_OK;
}
