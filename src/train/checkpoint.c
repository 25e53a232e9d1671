#include "checkpoint.h"

#include "isogloss/hash.h"
#include "isogloss/os.h"

#include <stdlib.h>
#include <string.h>

static json_t *shape_json(const isg_net_shape *s)
{
    return json_pack("{s:I,s:I,s:I,s:I}", "layers", (json_int_t)s->layers, "d", (json_int_t)s->d,
                     "heads", (json_int_t)s->heads, "context", (json_int_t)s->context);
}

static isg_err add_header(const isg_job *job, const isg_optimiser *optimiser,
                          const isg_stream *stream, isg_str *out)
{
    json_t *windows = json_array();
    for (size_t i = 0; windows && i < job->n_languages; i++) {
        json_array_append_new(windows, json_integer((json_int_t)isg_stream_windows(stream, i)));
    }
    json_t *header = json_pack("{s:i,s:s,s:s,s:o,s:I,s:o}", "isogloss_checkpoint", 1, "run",
                               job->id, "numerics", job->numerics, "shape", shape_json(&job->shape),
                               "step", (json_int_t)optimiser->step, "windows", windows);
    char *line = header ? isg_json_line(header) : NULL;
    isg_err rc = line ? isg_str_printf(out, "%s\n", line)
                      : ISG_FAIL(ISG_ENOMEM, "out of memory for a checkpoint");
    free(line);
    json_decref(header);
    return rc;
}

isg_err isg_checkpoint_save(const isg_job *job, const char *name, isg_net *net,
                            const isg_optimiser *optimiser, const isg_stream *stream)
{
    const size_t bytes = optimiser->n * sizeof(float);
    isg_str file = {0};
    char *path = isg_path_join(job->dir, name);
    isg_err rc = path ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory for a path");
    if (!rc) rc = add_header(job, optimiser, stream, &file);
    if (!rc) rc = isg_str_reserve(&file, 3 * bytes + sizeof(uint32_t));
    if (!rc) rc = isg_str_add(&file, isg_net_weights(net), bytes);
    if (!rc) rc = isg_str_add(&file, optimiser->m, bytes);
    if (!rc) rc = isg_str_add(&file, optimiser->v, bytes);
    if (!rc) {
        uint32_t crc = isg_crc32c(0, file.data, file.len);
        rc = isg_str_add(&file, &crc, sizeof crc);
    }
    if (!rc) rc = isg_file_write(path, file.data, file.len);
    free(path);
    isg_str_free(&file);
    return rc;
}

/* A checkpoint read back: the header and where the floats begin. */
struct image {
    isg_str file;
    json_t *header;
    const char *floats; /* not aligned */
};

static void image_free(struct image *i)
{
    isg_str_free(&i->file);
    json_decref(i->header);
}

static isg_err image_check(const isg_job *job, struct image *image)
{
    const size_t floats = 3 * isg_net_params(&job->shape) * sizeof(float);
    const char *path = job->start_path;
    const char *end = memchr(isg_str_c(&image->file), '\n', image->file.len);
    uint32_t crc;
    if (!end || image->file.len < sizeof crc)
        return ISG_FAIL(ISG_EINPUT, "%s is not a checkpoint", path);
    memcpy(&crc, image->file.data + image->file.len - sizeof crc, sizeof crc);
    if (crc != isg_crc32c(0, image->file.data, image->file.len - sizeof crc)) {
        return ISG_FAIL(ISG_EINPUT,
                        "%s is damaged: checksum differs; resume from an older checkpoint", path);
    }
    size_t line = (size_t)(end - image->file.data);
    ISG_TRY(isg_json_parse(image->file.data, line, path, &image->header));
    json_t *shape = shape_json(&job->shape);
    bool same = json_equal(shape, json_object_get(image->header, "shape"));
    json_decref(shape);
    image->floats = end + 1;
    if (same && image->file.len == line + 1 + floats + sizeof crc) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT, "%s holds a model of another shape", path);
}

static isg_err image_read(const isg_job *job, struct image *image)
{
    *image = (struct image){0};
    isg_err rc = isg_file_read(job->start_path, (size_t)16 << 30, &image->file);
    if (!rc) rc = image_check(job, image);
    if (rc) image_free(image);
    return rc;
}

static void take_weights(const struct image *image, isg_net *net)
{
    memcpy(isg_net_weights(net), image->floats,
           isg_net_params(isg_net_shape_of(net)) * sizeof(float));
    isg_net_changed(net);
}

isg_err isg_checkpoint_weights(const isg_job *job, isg_net *net)
{
    struct image image;
    ISG_TRY(image_read(job, &image));
    take_weights(&image, net);
    image_free(&image);
    return ISG_OK;
}

static isg_err take_state(const isg_job *job, const struct image *image, isg_optimiser *optimiser,
                          isg_stream *stream)
{
    const size_t bytes = optimiser->n * sizeof(float);
    const char *run, *numerics;
    json_t *windows;
    ISG_TRY(isg_json_string(image->header, "run", &run));
    ISG_TRY(isg_json_string(image->header, "numerics", &numerics));
    if (strcmp(run, job->start_id) || strcmp(numerics, job->numerics)) {
        return ISG_FAIL(ISG_EINPUT, "written by run %s with %s; wanted run %s with %s", run,
                        numerics, job->start_id, job->numerics);
    }
    ISG_TRY(isg_json_u64(image->header, "step", &optimiser->step));
    ISG_TRY(isg_json_array(image->header, "windows", &windows));
    if (json_array_size(windows) != job->n_languages)
        return ISG_FAIL(ISG_EINPUT, "another number of languages");
    uint64_t *taken = calloc(job->n_languages, sizeof *taken);
    if (!taken) return ISG_FAIL(ISG_ENOMEM, "out of memory for a checkpoint");
    for (size_t i = 0; i < job->n_languages; i++)
        taken[i] = (uint64_t)json_integer_value(json_array_get(windows, i));
    isg_stream_seek(stream, taken);
    free(taken);
    memcpy(optimiser->m, image->floats + bytes, bytes);
    memcpy(optimiser->v, image->floats + 2 * bytes, bytes);
    return ISG_OK;
}

isg_err isg_checkpoint_resume(const isg_job *job, isg_net *net, isg_optimiser *optimiser,
                              isg_stream *stream)
{
    struct image image;
    ISG_TRY(image_read(job, &image));
    isg_err rc = take_state(job, &image, optimiser, stream);
    if (!rc) take_weights(&image, net);
    image_free(&image);
    return isg_err_context(rc, "%s", job->start_path);
}
