/* Reading a store, also one that another process is writing. */
#include "internal.h"

#include "isogloss/hash.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static isg_err misfit(const isg_store *s, size_t slot, uint64_t mark)
{
    return ISG_FAIL(ISG_ESTORE,
                    "store '%s', run %s (slot %zu): the mark of attempt %u does not fit "
                    "the result; the run counts as not done and the next launch makes it again",
                    s->path, s->id[slot], slot, (unsigned)(mark >> 32));
}

static isg_err check_slice(const isg_store *s, size_t slot, uint64_t mark, unsigned char *slice)
{
    uint32_t count;
    ISG_TRY(isg_slice_read(s, slot, slice));
    memcpy(&count, slice, sizeof count);
    if (isg_slice_crc(s, slot, slice) != (uint32_t)mark || count > s->dim[ISG_DIM_POINT]) {
        return misfit(s, slot, mark);
    }
    return ISG_OK;
}

/* What a slot is worth: the mark decides, the state column only tells unmarked runs apart. */
static isg_err judge(const isg_store *s, size_t slot, bool verify, uint64_t mark, bool diverged,
                     isg_run_state state, isg_run_record *out)
{
    if (mark && verify) {
        isg_err rc = check_slice(s, slot, mark, s->slice);
        if (rc && rc != ISG_ESTORE) return rc;
        if (rc) mark = 0;
        isg_err_clear();
    }
    out->mark_attempt = (uint32_t)(mark >> 32);
    out->crc = (uint32_t)mark;
    if (mark)
        out->state = diverged ? ISG_RUN_DIVERGED : ISG_RUN_DONE;
    else if (state == ISG_RUN_DONE || state == ISG_RUN_DIVERGED)
        out->state = ISG_RUN_READY;
    else
        out->state = state;
    return ISG_OK;
}

isg_err isg_store_read_records(const isg_store *s, bool verify, isg_run_record *records)
{
    static const isg_field fields[] = {
        {ISG_COL_RUNS_ATTEMPTS, offsetof(isg_run_record, attempts), ISG_TYPE_U32},
        {ISG_COL_RUNS_SECONDS, offsetof(isg_run_record, seconds), ISG_TYPE_F64},
        {ISG_COL_POINTS_FLOPS, offsetof(isg_run_record, flops), ISG_TYPE_F64},
        {ISG_COL_RUNS_HOST, offsetof(isg_run_record, host), ISG_TYPE_TEXT},
        {ISG_COLS, 0, ISG_TYPE_U8},
    };
    size_t n = s->dim[ISG_DIM_RUN];
    uint64_t *mark = calloc(n, sizeof *mark);
    uint8_t *state = calloc(n, 1), *diverged = calloc(n, 1);
    isg_err rc = mark && state && diverged ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");

    /* Marks first: what is marked now has its result now. */
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_MARK, 0, n, mark);
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_STATE, 0, n, state);
    if (!rc) rc = isg_col_read(s, ISG_COL_POINTS_DIVERGED, 0, n, diverged);
    if (!rc) rc = isg_fields_read(s, fields, 0, n, records, sizeof *records);
    for (size_t i = 0; i < n && !rc; i++) {
        rc = judge(s, i, verify, mark[i], diverged[i], (isg_run_state)state[i], &records[i]);
    }
    free(mark);
    free(state);
    free(diverged);
    return rc;
}

isg_err isg_store_read_result(const isg_store *s, size_t slot, isg_result **out)
{
    uint64_t mark = 0;
    *out = NULL;
    if (slot >= s->dim[ISG_DIM_RUN]) {
        return ISG_FAIL(ISG_EARG, "slot %zu: store '%s' has %zu runs", slot, s->path,
                        s->dim[ISG_DIM_RUN]);
    }
    ISG_TRY(isg_col_read(s, ISG_COL_RUNS_MARK, slot, 1, &mark));
    if (!mark) return ISG_FAIL(ISG_EDATA, "run %s has no result yet", s->id[slot]);
    ISG_TRY(check_slice(s, slot, mark, s->slice));
    ISG_TRY(isg_result_alloc(s->dim, out));
    isg_slice_decode(s, s->slice, *out);
    isg_err rc = isg_col_read(s, ISG_COL_RUNS_SECONDS, slot, 1, &(*out)->seconds);
    if (rc) isg_result_destroy(out);
    return rc;
}

isg_err isg_store_digest(const isg_store *s, char out[65], size_t *n)
{
    size_t runs = s->dim[ISG_DIM_RUN], used = 0;
    uint8_t hash[32];
    isg_sha256 sha;
    isg_err rc = ISG_OK;
    uint64_t *mark = calloc(runs, sizeof *mark);
    if (!mark) return ISG_FAIL(ISG_ENOMEM, "out of memory");

    isg_sha256_init(&sha);
    rc = isg_col_read(s, ISG_COL_RUNS_MARK, 0, runs, mark);
    for (size_t i = 0; i < runs && !rc; i++) {
        size_t slot = s->by_id[i];
        if (!mark[slot]) continue;
        rc = check_slice(s, slot, mark[slot], s->slice);
        isg_sha256_add(&sha, s->id[slot], strlen(s->id[slot]));
        isg_sha256_add(&sha, s->slice, s->slice_at[ISG_RESULTS]);
        used++;
    }
    isg_sha256_end(&sha, hash);
    isg_str_hex(hash, sizeof hash, out);
    if (n) *n = used;
    free(mark);
    return rc;
}

/* ---- bounded tables --------------------------------------------------------- */

typedef struct numbered {
    uint64_t sequence;
    size_t row;
} numbered;

static int by_sequence(const void *a, const void *b)
{
    uint64_t x = ((const numbered *)a)->sequence, y = ((const numbered *)b)->sequence;
    return (x > y) - (x < y);
}

static isg_err copy_in_order(const uint64_t *sequence, size_t capacity, const char *rows,
                             size_t stride, void **out, size_t *n)
{
    numbered *order = calloc(capacity, sizeof *order);
    if (!order) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < capacity; i++) {
        if (sequence[i]) order[(*n)++] = (numbered){sequence[i], i};
    }
    qsort(order, *n, sizeof *order, by_sequence);
    *out = calloc(*n ? *n : 1, stride);
    for (size_t i = 0; i < *n && *out; i++) {
        memcpy((char *)*out + i * stride, rows + order[i].row * stride, stride);
    }
    free(order);
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
}

/* Every row of a bounded table, in order of writing. [capacity] rows allocated; caller frees. */
static isg_err read_rows(const isg_store *s, isg_col sequence, const isg_field *fields,
                         size_t stride, void **out, size_t *n)
{
    size_t capacity = s->dim[isg_dim_of(isg_columns[sequence].dims[0])];
    uint64_t *number = calloc(capacity, sizeof *number);
    char *rows = calloc(capacity, stride);
    *out = NULL;
    *n = 0;
    isg_err rc = number && rows ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_col_read(s, sequence, 0, capacity, number);
    if (!rc) rc = isg_fields_read(s, fields, 0, capacity, rows, stride);
    if (!rc) rc = copy_in_order(number, capacity, rows, stride, out, n);
    free(number);
    free(rows);
    return rc;
}

isg_err isg_store_read_attempts(const isg_store *s, isg_attempt **out, size_t *n)
{
    void *rows;
    isg_err rc = read_rows(s, ISG_COL_ATT_SEQUENCE, isg_attempt_fields, sizeof **out, &rows, n);
    *out = rows;
    for (size_t i = 0; i < *n && !rc; i++) {
        if ((*out)[i].slot < s->dim[ISG_DIM_RUN]) continue;
        rc = ISG_FAIL(ISG_ESTORE, "store '%s': /attempts names run %zu of %zu", s->path,
                      (*out)[i].slot, s->dim[ISG_DIM_RUN]);
    }
    if (rc) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return rc;
}

isg_err isg_store_read_launches(const isg_store *s, isg_launch **out, size_t *n)
{
    void *rows;
    isg_err rc = read_rows(s, ISG_COL_LAUNCH_SEQUENCE, isg_launch_fields, sizeof **out, &rows, n);
    *out = rows;
    return rc;
}

/* ---- overview ---------------------------------------------------------------- */

void isg_overview_destroy(isg_overview **overview)
{
    isg_overview *o = overview ? *overview : NULL;
    if (!o) return;
    free(o->campaign);
    free(o->uuid);
    free(o->created);
    isg_names_free(&o->family, o->n_families);
    isg_names_free(&o->id, o->n_runs);
    isg_names_free(&o->language, o->n_languages);
    isg_names_free(&o->setting, o->n_settings);
    free(o->value);
    free(o->part);
    free(o->member);
    free(o->flops);
    free(o->n_nonembedding);
    free(o->tokens);
    free(o->seed);
    free(o);
    *overview = NULL;
}

isg_err isg_store_read_mixture(const isg_store *s, size_t slot, double *share)
{
    return isg_col_read(s, ISG_COL_RUNS_MIXTURE, slot, 1, share);
}

/* Imported runs have no settings of ours: an empty list. */
static isg_err read_settings(const isg_store *s, isg_overview *o)
{
    json_t *all = NULL, *item;
    size_t k, runs = s->dim[ISG_DIM_RUN];
    ISG_TRY(isg_store_read_settings(s, &all));
    const json_t *list = json_object_get(all, "settings");
    const size_t room = json_array_size(list) + 1;
    o->setting = calloc(room, sizeof *o->setting);
    o->value = calloc(room * runs, sizeof *o->value);
    isg_err rc = o->setting && o->value ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    json_array_foreach(list, k, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *column = json_string_value(json_object_get(item, "column"));
        if (rc || !name || !column) continue;
        if (!json_is_true(json_object_get(item, "varied")) && strcmp(name, "lr") != 0) continue;
        rc = isg_store_read_setting(s, column, o->value + o->n_settings * runs);
        if (!rc && !(o->setting[o->n_settings++] = isg_strdup(name)))
            rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    json_decref(all);
    return rc;
}

isg_err isg_store_read_overview(const isg_store *s, isg_overview **out)
{
    isg_overview *o = calloc(1, sizeof *o);
    *out = o;
    if (!o) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    size_t runs = s->dim[ISG_DIM_RUN], families = s->dim[ISG_DIM_FAMILY];
    double *trunk = NULL;
    o->member = calloc(runs * families, 1);
    o->part = calloc(runs, 1);
    o->flops = calloc(runs, sizeof *o->flops);
    o->n_nonembedding = calloc(runs, sizeof *o->n_nonembedding);
    o->tokens = calloc(runs, sizeof *o->tokens);
    o->seed = calloc(runs, sizeof *o->seed);
    bool room = o->member && o->part && o->flops && o->n_nonembedding && o->tokens && o->seed;
    isg_err rc = room ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_h5_get_text(s->file, "campaign", &o->campaign);
    if (!rc) rc = isg_h5_get_text(s->file, "uuid", &o->uuid);
    if (!rc) rc = isg_h5_get_text(s->file, "date_created", &o->created);
    if (!rc) rc = isg_col_read_names(s, ISG_COL_RUNS_FAMILY, &o->family, &o->n_families);
    if (!rc) rc = isg_col_read_names(s, ISG_COL_RUNS_ID, &o->id, &o->n_runs);
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_MEMBERSHIP, 0, runs, o->member);
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_PLANNED, 0, runs, o->flops);
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_N_NONEMB, 0, runs, o->n_nonembedding);
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_TOKENS, 0, runs, o->tokens);
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_SEED, 0, runs, o->seed);
    if (!rc) rc = isg_col_read_names(s, ISG_COL_RUNS_LANGUAGE, &o->language, &o->n_languages);
    if (!rc) rc = read_settings(s, o);
    if (!rc) rc = isg_store_read_trunks(s, &trunk);
    for (size_t i = 0; i < runs && trunk && !rc; i++) o->part[i] = trunk[i] > 0;
    o->n_losses = runs * s->dim[ISG_DIM_POINT] * s->dim[ISG_DIM_EVALUATION];
    free(trunk);
    if (rc) isg_overview_destroy(out);
    return rc;
}
