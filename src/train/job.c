#include "job.h"

#include "isogloss/os.h"
#include "isogloss/recipe.h"
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

static isg_err read_size(const json_t *object, const char *key, size_t *out)
{
    uint64_t value;
    ISG_TRY(isg_json_u64(object, key, &value));
    *out = (size_t)value;
    return ISG_OK;
}

static isg_err read_shape(isg_job *job)
{
    json_t *shape;
    uint64_t vocab;
    ISG_TRY(isg_json_object(job->json, "shape", &shape));
    ISG_TRY(read_size(shape, "layers", &job->shape.layers));
    ISG_TRY(read_size(shape, "d", &job->shape.d));
    ISG_TRY(read_size(shape, "heads", &job->shape.heads));
    ISG_TRY(read_size(shape, "context", &job->shape.context));
    ISG_TRY(isg_json_u64(shape, "vocab", &vocab));
    if (vocab != ISG_VOCAB) {
        return ISG_FAIL(ISG_EINPUT, "shape: vocab is %llu; this trainer reads bytes, wanted %d",
                        (unsigned long long)vocab, ISG_VOCAB);
    }
    return isg_net_shape_check(&job->shape);
}

/* An array of `key`, with room for its elements of `size` bytes each. */
static isg_err read_array(const isg_job *job, const char *key, size_t size, json_t **array,
                          void **out, size_t *n)
{
    ISG_TRY(isg_json_array(job->json, key, array));
    *n = json_array_size(*array);
    *out = calloc(*n ? *n : 1, size);
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory for '%s'", key);
}

/* [245], or [192,193]: digits of the tag. Rows without one have none, then all of them. */
static isg_err read_tag(isg_job *job, const json_t *row, const char *language, isg_tag *out)
{
    const json_t *array = json_object_get(row, "tag");
    const size_t n = json_array_size(array);
    if (array && (!n || n > ISG_TAG_DIGITS))
        return ISG_FAIL(ISG_EINPUT, "tag of '%s': wanted 1 to %d bytes", language, ISG_TAG_DIGITS);
    for (size_t i = 0; i < n; i++) {
        const json_t *byte = json_array_get(array, i);
        if (!json_is_integer(byte) || !isg_tag_is_digit((uint64_t)json_integer_value(byte)))
            return ISG_FAIL(ISG_EINPUT, "tag of '%s': wanted 192, 193 and 245 to 254", language);
        out->digit[i] = (uint8_t)json_integer_value(byte);
    }
    out->n = n;
    if (n != job->languages[0].tag.n) {
        return ISG_FAIL(ISG_EINPUT, "tag of '%s': %zu bytes, but that of '%s' has %zu", language, n,
                        job->languages[0].code, job->languages[0].tag.n);
    }
    return ISG_OK;
}

static isg_err read_mixture(isg_job *job)
{
    json_t *array;
    void *rows;
    double sum = 0;
    ISG_TRY(read_array(job, "mixture", sizeof *job->languages, &array, &rows, &job->n_languages));
    job->languages = rows;
    for (size_t i = 0; i < job->n_languages; i++) {
        const json_t *row = json_array_get(array, i);
        isg_job_language *l = &job->languages[i];
        ISG_TRY(isg_json_string(row, "language", &l->code));
        ISG_TRY(isg_json_number(row, "weight", &l->weight));
        ISG_TRY(isg_json_u64(row, "unique_bytes", &l->unique_bytes));
        ISG_TRY(read_tag(job, row, l->code, &l->tag));
        if (!(l->weight > 0)) {
            return ISG_FAIL(ISG_EINPUT, "mixture: weight of '%s' is %g; wanted more than 0",
                            l->code, l->weight);
        }
        if (l->unique_bytes < job->shape.context) {
            return ISG_FAIL(ISG_EINPUT,
                            "mixture: %llu unique bytes of '%s' are less than one context of %zu",
                            (unsigned long long)l->unique_bytes, l->code, job->shape.context);
        }
        sum += l->weight;
    }
    if (!job->n_languages) return ISG_FAIL(ISG_EINPUT, "mixture: no language");
    for (size_t i = 0; i < job->n_languages; i++) job->languages[i].weight /= sum;
    return ISG_OK;
}

/* The numbers of `settings`; what is not there keeps its value. */
static isg_err read_numbers(isg_job *job, double *batch)
{
    const struct {
        const char *name;
        double *value, min, max;
    } known[] = {
        {"batch", batch, 1, 1e9},
        {"lr", &job->schedule.lr, 0, 1e6},
        {"warmup", &job->schedule.warmup, 0, 1e15},
        {"decay", &job->schedule.decay, 0, 1},
        {"beta1", &job->beta1, 0, 0.999999},
        {"beta2", &job->beta2, 0, 0.999999},
        {"weight_decay", &job->weight_decay, 0, 1e3},
        {"clip", &job->clip, 0, 1e9},
    };
    enum { KNOWN = sizeof known / sizeof known[0] };
    json_t *settings, *value;
    const char *key;

    ISG_TRY(isg_json_object(job->json, "settings", &settings));
    json_object_foreach(settings, key, value)
    {
        size_t i = 0;
        while (i < KNOWN && strcmp(known[i].name, key)) i++;
        if (i == KNOWN) return ISG_FAIL(ISG_EINPUT, "settings: this trainer has no '%s'", key);
        ISG_TRY(isg_json_number(settings, key, known[i].value));
        if (*known[i].value < known[i].min || *known[i].value > known[i].max) {
            return ISG_FAIL(ISG_EINPUT, "settings: %s is %g; wanted %g to %g", key, *known[i].value,
                            known[i].min, known[i].max);
        }
    }
    return ISG_OK;
}

static isg_err place_batch(isg_job *job, double batch)
{
    job->batch = (uint64_t)batch;
    if ((double)job->batch == batch && job->batch % job->shape.context == 0) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT,
                    "settings: batch is %g tokens; wanted a multiple of the context, %zu", batch,
                    job->shape.context);
}

/* Its numbers were read with the others: the rate is a multiple of the default, the warm-up may be a
 * share. */
static isg_err place_schedule(isg_job *job)
{
    const char *name;
    ISG_TRY(isg_json_string(job->json, "schedule", &name));
    ISG_TRY(isg_schedule_kind_of(name, &job->schedule.kind));
    job->schedule.lr *= isg_schedule_default_lr(job->shape.d, job->batch);
    job->schedule.tokens = job->tokens;
    job->schedule.batch = job->batch;
    job->schedule.warmup = isg_recipe_warmup(job->schedule.warmup, job->tokens);
    return ISG_OK;
}

static isg_err read_settings(isg_job *job)
{
    double batch = (double)isg_recipe_batch(job->shape.context);
    job->schedule = (isg_schedule){.lr = 1, .warmup = ISG_RECIPE_WARMUP, .decay = 0.15};
    job->beta1 = 0.9;
    job->beta2 = 0.95;
    job->weight_decay = 0.1;
    job->clip = 1;
    ISG_TRY(read_numbers(job, &batch));
    ISG_TRY(place_batch(job, batch));
    return place_schedule(job);
}

static isg_err read_range(const isg_job_evaluation *e, const json_t *pair, isg_range *out)
{
    const json_t *first = json_array_get(pair, 0), *second = json_array_get(pair, 1);
    const json_int_t offset = json_integer_value(first), bytes = json_integer_value(second);
    if (json_array_size(pair) != 2 || !json_is_integer(first) || offset < 0 || bytes <= 0)
        return ISG_FAIL(ISG_EINPUT, "evaluation '%s': a range is [offset, bytes]", e->name);
    *out = (isg_range){.offset = (uint64_t)offset, .bytes = (uint64_t)bytes};
    return ISG_OK;
}

/* One list for each shard. */
static isg_err read_ranges(isg_job_evaluation *e, const json_t *lists)
{
    size_t n = 0;
    for (size_t s = 0; s < json_array_size(lists); s++)
        n += json_array_size(json_array_get(lists, s));
    e->range = calloc(n + 1, sizeof *e->range);
    e->shard = calloc(n + 1, sizeof *e->shard);
    if (!e->range || !e->shard) return ISG_FAIL(ISG_ENOMEM, "out of memory for ranges");
    if (json_array_size(lists) != e->shards)
        return ISG_FAIL(ISG_EINPUT,
                        "evaluation '%s': %zu lists of ranges; wanted one for each of "
                        "%zu shards",
                        e->name, json_array_size(lists), e->shards);
    for (size_t s = 0; s < e->shards; s++) {
        const json_t *list = json_array_get(lists, s);
        if (!json_array_size(list))
            return ISG_FAIL(ISG_EINPUT, "evaluation '%s': shard %zu has no range", e->name, s);
        for (size_t i = 0; i < json_array_size(list); i++) {
            ISG_TRY(read_range(e, json_array_get(list, i), &e->range[e->n_ranges]));
            e->shard[e->n_ranges++] = s;
        }
    }
    return ISG_OK;
}

static isg_err read_evaluations(isg_job *job)
{
    json_t *array;
    void *rows;
    ISG_TRY(read_array(job, "evaluations", sizeof *job->evaluations, &array, &rows,
                       &job->n_evaluations));
    job->evaluations = rows;
    for (size_t i = 0; i < job->n_evaluations; i++) {
        const json_t *row = json_array_get(array, i);
        isg_job_evaluation *e = &job->evaluations[i];
        ISG_TRY(isg_json_string(row, "name", &e->name));
        ISG_TRY(isg_json_string(row, "language", &e->language));
        ISG_TRY(isg_json_u64(row, "bytes", &e->bytes));
        ISG_TRY(read_size(row, "shards", &e->shards));
        ISG_TRY(read_tag(job, row, e->language, &e->tag));
        if (!e->shards || e->bytes < e->shards) {
            return ISG_FAIL(
                ISG_EINPUT,
                "evaluation '%s': %llu bytes in %zu shards; wanted at least a byte in each",
                e->name, (unsigned long long)e->bytes, e->shards);
        }
        if (json_object_get(row, "ranges")) ISG_TRY(read_ranges(e, json_object_get(row, "ranges")));
    }
    return ISG_OK;
}

static isg_err read_points(isg_job *job)
{
    json_t *array;
    void *rows;
    ISG_TRY(read_array(job, "points", sizeof *job->points, &array, &rows, &job->n_points));
    job->points = rows;
    for (size_t i = 0; i < job->n_points; i++) {
        const json_t *value = json_array_get(array, i);
        json_int_t point = json_integer_value(value);
        uint64_t before = i ? job->points[i - 1] : 0;
        if (!json_is_integer(value) || point <= 0 || (uint64_t)point <= before ||
            (uint64_t)point > job->tokens) {
            return ISG_FAIL(
                ISG_EINPUT,
                "points[%zu]: wanted a whole number above %llu and at most tokens = %llu", i,
                (unsigned long long)before, (unsigned long long)job->tokens);
        }
        job->points[i] = (uint64_t)point;
    }
    return ISG_OK;
}

/* A trunk stays one when the run is resumed: what it cost is not the run's. */
static isg_err read_trunk(isg_job *job)
{
    const json_t *trunk = json_object_get(job->json, "trunk");
    if (!trunk || json_is_null(trunk)) return ISG_OK;
    ISG_TRY(isg_err_context(isg_json_u64(trunk, "tokens", &job->from), "trunk"));
    if (job->from && job->from < job->tokens && job->from % job->batch == 0) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT,
                    "trunk: it has %llu tokens; wanted whole steps of %llu and fewer than the "
                    "run's %llu",
                    (unsigned long long)job->from, (unsigned long long)job->batch,
                    (unsigned long long)job->tokens);
}

static isg_err read_start(isg_job *job)
{
    static const struct {
        const char *key;
        isg_job_start start;
    } kinds[] = {{"parent", ISG_START_PARENT}, /* the last wins */
                 {"trunk", ISG_START_TRUNK},
                 {"resume", ISG_START_RESUME}};

    ISG_TRY(read_trunk(job));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const json_t *from = json_object_get(job->json, kinds[i].key);
        const char *dir, *name;
        if (!from || json_is_null(from)) continue;
        isg_err rc = isg_json_string(from, "dir", &dir);
        if (!rc) rc = isg_json_string(from, "name", &name);
        job->start_id = job->id;
        if (!rc && kinds[i].start != ISG_START_RESUME)
            rc = isg_json_string(from, "id", &job->start_id);
        if (rc) return isg_err_context(rc, "%s", kinds[i].key);
        free(job->start_path);
        job->start_path = isg_path_join(dir, name);
        if (!job->start_path) return ISG_FAIL(ISG_ENOMEM, "out of memory for a path");
        job->start = kinds[i].start;
    }
    return ISG_OK;
}

static isg_err read_all(isg_job *job)
{
    json_t *checkpoint;
    ISG_TRY(isg_json_string(job->json, "id", &job->id));
    ISG_TRY(read_shape(job));
    ISG_TRY(isg_json_u64(job->json, "tokens", &job->tokens));
    if (!job->tokens) return ISG_FAIL(ISG_EINPUT, "tokens is 0; wanted at least 1");
    ISG_TRY(read_mixture(job));
    ISG_TRY(read_settings(job));
    ISG_TRY(isg_json_u64(job->json, "seed", &job->seed));
    ISG_TRY(isg_json_u64(job->json, "data_seed", &job->data_seed));
    ISG_TRY(read_evaluations(job));
    ISG_TRY(read_points(job));
    ISG_TRY(isg_json_string(job->json, "numerics", &job->numerics));
    ISG_TRY(isg_json_string(job->json, "corpus", &job->corpus));
    ISG_TRY(isg_json_string(job->json, "dir", &job->dir));
    ISG_TRY(isg_json_object(job->json, "checkpoint", &checkpoint));
    ISG_TRY(isg_json_number(checkpoint, "every_s", &job->checkpoint_every_s));
    ISG_TRY(isg_json_bool(checkpoint, "final", &job->checkpoint_final));
    return read_start(job);
}

isg_err isg_job_create(json_t *run, isg_job **out)
{
    *out = NULL;
    isg_job *job = calloc(1, sizeof *job);
    if (!job) return ISG_FAIL(ISG_ENOMEM, "out of memory for a run");
    job->json = json_incref(run);
    isg_err rc = read_all(job);
    if (rc) {
        rc = isg_err_context(rc, "run %s", job->id ? job->id : "without id");
        isg_job_destroy(&job);
        return rc;
    }
    *out = job;
    return ISG_OK;
}

void isg_job_destroy(isg_job **job)
{
    if (!*job) return;
    free((*job)->languages);
    for (size_t i = 0; (*job)->evaluations && i < (*job)->n_evaluations; i++) {
        free((*job)->evaluations[i].range);
        free((*job)->evaluations[i].shard);
    }
    free((*job)->evaluations);
    free((*job)->points);
    free((*job)->start_path);
    json_decref((*job)->json);
    free(*job);
    *job = NULL;
}
