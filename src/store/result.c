/* One run's RESULT columns as bytes: what is written, read, and put under the CRC. */
#include "internal.h"

#include "isogloss/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

isg_err isg_result_alloc(const size_t dim[ISG_DIMS], isg_result **out)
{
    size_t points = dim[ISG_DIM_POINT];
    size_t losses = points * dim[ISG_DIM_EVALUATION], seen = points * dim[ISG_DIM_TRAIN_LANGUAGE];
    size_t shards = losses * dim[ISG_DIM_SHARD];
    isg_result *r = calloc(1, sizeof *r);
    *out = r;
    if (!r) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    r->tokens = calloc(points, sizeof *r->tokens);
    r->lr_state = calloc(points, sizeof *r->lr_state);
    r->seen = calloc(seen, sizeof *r->seen);
    r->loss = calloc(losses, sizeof *r->loss);
    r->shard_loss = calloc(shards, sizeof *r->shard_loss);
    if (!r->tokens || !r->lr_state || !r->seen || !r->loss || !r->shard_loss) {
        isg_result_destroy(out);
        return ISG_FAIL(ISG_ENOMEM, "out of memory for a result");
    }
    for (size_t i = 0; i < seen; i++) r->seen[i] = NAN;
    for (size_t i = 0; i < losses; i++) r->loss[i] = NAN;
    for (size_t i = 0; i < shards; i++) r->shard_loss[i] = NAN;
    return ISG_OK;
}

/* An empty dimension would make empty datasets, which readers dislike: it gets one blank entry. */
static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

isg_err isg_result_create(const isg_plan *plan, isg_result **out)
{
    size_t dim[ISG_DIMS] = {
        [ISG_DIM_POINT] = at_least_one(plan->max_points),
        [ISG_DIM_EVALUATION] = at_least_one(plan->n_evaluations),
        [ISG_DIM_SHARD] = at_least_one(plan->max_shards),
        [ISG_DIM_TRAIN_LANGUAGE] = at_least_one(plan->n_languages),
    };
    return isg_result_alloc(dim, out);
}

void isg_result_destroy(isg_result **result)
{
    isg_result *r = result ? *result : NULL;
    if (!r) return;
    free(r->tokens);
    free(r->lr_state);
    free(r->seen);
    free(r->loss);
    free(r->shard_loss);
    free(r);
    *result = NULL;
}

/* A NaN has many bit patterns; equal results must be equal bytes. */
static void put_doubles(unsigned char *to, const double *from, size_t n, size_t reached)
{
    for (size_t i = 0; i < n; i++) {
        double x = i < reached && !isnan(from[i]) ? from[i] : (double)NAN;
        memcpy(to + i * sizeof x, &x, sizeof x);
    }
}

static void put_floats(unsigned char *to, const float *from, size_t n, size_t reached)
{
    for (size_t i = 0; i < n; i++) {
        float x = i < reached && !isnan(from[i]) ? from[i] : NAN;
        memcpy(to + i * sizeof x, &x, sizeof x);
    }
}

static unsigned char *part(const isg_store *s, const unsigned char *slice, isg_col col)
{
    size_t at = s->slice_at[(size_t)col - ISG_RESULT_FIRST];
    return (unsigned char *)(uintptr_t)slice + at; /* callers keep their own const */
}

void isg_slice_encode(const isg_store *s, const isg_result *r, unsigned char *slice)
{
    enum { NOT_REACHED = ISG_LR_END + 1 };
    size_t points = s->dim[ISG_DIM_POINT], n = r->n_points;
    size_t evaluations = s->dim[ISG_DIM_EVALUATION], languages = s->dim[ISG_DIM_TRAIN_LANGUAGE];
    size_t shards = evaluations * s->dim[ISG_DIM_SHARD];
    uint32_t count = (uint32_t)n;

    memcpy(part(s, slice, ISG_COL_POINTS_COUNT), &count, sizeof count);
    *part(s, slice, ISG_COL_POINTS_DIVERGED) = r->diverged;
    put_doubles(part(s, slice, ISG_COL_POINTS_FLOPS), &r->flops, 1, 1);
    for (size_t p = 0; p < points; p++) {
        uint64_t tokens = p < n ? r->tokens[p] : 0;
        memcpy(part(s, slice, ISG_COL_POINTS_TOKENS) + p * sizeof tokens, &tokens, sizeof tokens);
        part(s, slice, ISG_COL_POINTS_LR_STATE)[p] = p < n ? r->lr_state[p] : NOT_REACHED;
    }
    put_doubles(part(s, slice, ISG_COL_POINTS_SEEN), r->seen, points * languages, n * languages);
    put_doubles(part(s, slice, ISG_COL_POINTS_LOSS), r->loss, points * evaluations,
                n * evaluations);
    put_floats(part(s, slice, ISG_COL_POINTS_SHARD_LOSS), r->shard_loss, points * shards,
               n * shards);
}

void isg_slice_decode(const isg_store *s, const unsigned char *slice, isg_result *r)
{
    uint32_t count;
    memcpy(&count, part(s, slice, ISG_COL_POINTS_COUNT), sizeof count);
    r->n_points = count;
    r->diverged = *part(s, slice, ISG_COL_POINTS_DIVERGED) != 0;
    memcpy(&r->flops, part(s, slice, ISG_COL_POINTS_FLOPS), sizeof r->flops);
    void *const to[] = {r->tokens, r->lr_state, r->seen, r->loss, r->shard_loss};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
        size_t k = ISG_COL_POINTS_TOKENS - ISG_RESULT_FIRST + i;
        memcpy(to[i], slice + s->slice_at[k], s->slice_at[k + 1] - s->slice_at[k]);
    }
}

uint32_t isg_slice_crc(const isg_store *s, size_t slot, const unsigned char *slice)
{
    uint32_t crc = isg_crc32c(0, s->id[slot], strlen(s->id[slot]));
    return isg_crc32c(crc, slice, s->slice_at[ISG_RESULTS]);
}

isg_err isg_slice_read(const isg_store *s, size_t slot, unsigned char *slice)
{
    for (size_t i = 0; i < ISG_RESULTS; i++) {
        ISG_TRY(isg_col_read(s, (isg_col)(ISG_RESULT_FIRST + i), slot, 1, slice + s->slice_at[i]));
    }
    return ISG_OK;
}
