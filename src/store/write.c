/* The run phase: raw data into slots that are there, and nothing else (layout.c says why). */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static isg_err check_slot(const isg_store *s, size_t slot)
{
    if (!s->write) return ISG_FAIL(ISG_EARG, "store '%s' is open for reading only", s->path);
    if (slot < s->dim[ISG_DIM_RUN]) return ISG_OK;
    return ISG_FAIL(ISG_EARG, "slot %zu: store '%s' has %zu runs", slot, s->path,
                    s->dim[ISG_DIM_RUN]);
}

static isg_err sync_file(const isg_store *s)
{
    if (fdatasync(s->fd))
        return ISG_FAIL(ISG_EIO, "cannot sync '%s': %s", s->path, strerror(errno));
    return ISG_OK;
}

/* ---- results ---------------------------------------------------------------- */

/* What waits to be written: runs that ended together mostly are neighbours in the file too. */
typedef struct staged {
    size_t slot;
    double seconds;
    unsigned char slice[];
} staged;

enum { STAGE_BYTES = 4 << 20, STAGE_ROWS = 512 };

static size_t stage_stride(const isg_store *s)
{
    size_t align = _Alignof(staged);
    return (sizeof(staged) + s->slice_at[ISG_RESULTS] + align - 1) / align * align;
}

static staged *stage_row(isg_store *s, size_t i)
{
    return (void *)(s->staged + i * stage_stride(s));
}

static isg_err stage_alloc(isg_store *s)
{
    size_t stride = stage_stride(s), rows = STAGE_BYTES / stride;
    if (s->staged) return ISG_OK;
    if (rows > STAGE_ROWS) rows = STAGE_ROWS;
    s->cap_staged = rows ? rows : 1;
    s->staged = calloc(s->cap_staged, stride);
    return s->staged ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for %zu results", s->cap_staged);
}

isg_err isg_store_flush(isg_store *s)
{
    isg_field fields[ISG_RESULTS + 2];
    for (size_t i = 0; i < ISG_RESULTS; i++) {
        isg_col col = (isg_col)(ISG_RESULT_FIRST + i);
        fields[i] = (isg_field){col, sizeof(staged) + s->slice_at[i], isg_columns[col].type};
    }
    fields[ISG_RESULTS] =
        (isg_field){ISG_COL_RUNS_SECONDS, offsetof(staged, seconds), ISG_TYPE_F64};
    fields[ISG_RESULTS + 1] = (isg_field){.col = ISG_COLS};
    ISG_TRY(isg_fields_scatter(s, fields, s->n_staged, s->staged, stage_stride(s)));
    s->n_staged = 0;
    return ISG_OK;
}

isg_err isg_store_sync(isg_store *s)
{
    isg_err rc = isg_store_flush(s);
    s->n_staged = 0; /* a failure is told of all of them */
    return rc ? rc : sync_file(s);
}

isg_err isg_store_write_result(isg_store *s, size_t slot, const isg_result *result, uint32_t *crc)
{
    ISG_TRY(check_slot(s, slot));
    if (result->n_points > s->dim[ISG_DIM_POINT]) {
        return ISG_FAIL(ISG_EARG, "run %s: %zu points, but the store holds %zu a run", s->id[slot],
                        result->n_points, s->dim[ISG_DIM_POINT]);
    }
    ISG_TRY(stage_alloc(s));
    if (s->n_staged == s->cap_staged) ISG_TRY(isg_store_flush(s));
    staged *row = stage_row(s, s->n_staged++);
    row->slot = slot;
    row->seconds = result->seconds;
    isg_slice_encode(s, result, row->slice);
    *crc = isg_slice_crc(s, slot, row->slice);
    return ISG_OK;
}

isg_err isg_store_put_result(isg_store *s, size_t slot, const isg_result *result, uint32_t *crc)
{
    ISG_TRY(isg_store_write_result(s, slot, result, crc));
    return isg_store_sync(s);
}

/* ---- marks and states ------------------------------------------------------- */

typedef struct mark_row {
    size_t slot;
    uint64_t word;
    isg_run_state state;
    char host[64], device[32];
} mark_row;

static const isg_field mark_fields[] = {
    {ISG_COL_RUNS_HOST, offsetof(mark_row, host), ISG_TYPE_TEXT},
    {ISG_COL_RUNS_DEVICE, offsetof(mark_row, device), ISG_TYPE_TEXT},
    {ISG_COL_RUNS_STATE, offsetof(mark_row, state), ISG_TYPE_U32},
    {ISG_COL_RUNS_MARK, offsetof(mark_row, word), ISG_TYPE_U64},
    {ISG_COLS, 0, ISG_TYPE_U8},
};

static const isg_field state_fields[] = {
    {ISG_COL_RUNS_STATE, offsetof(isg_state, state), ISG_TYPE_U32},
    {ISG_COL_RUNS_ATTEMPTS, offsetof(isg_state, attempts), ISG_TYPE_U32},
    {ISG_COLS, 0, ISG_TYPE_U8},
};

_Static_assert(sizeof(isg_run_state) == 4, "states travel as 32-bit numbers");

isg_err isg_store_mark(isg_store *s, const isg_mark *marks, size_t n)
{
    isg_err rc = ISG_OK;
    if (!n) return ISG_OK;
    mark_row *rows = calloc(n, sizeof *rows);
    if (!rows) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !rc; i++) {
        const isg_mark *m = &marks[i];
        rc = check_slot(s, m->slot);
        if (!rc && !m->attempt) rc = ISG_FAIL(ISG_EARG, "a mark needs an attempt of 1 or more");
        rows[i] = (mark_row){m->slot, isg_mark_word(m->attempt, m->crc), m->state, "", ""};
        memcpy(rows[i].host, m->host, sizeof m->host);
        memcpy(rows[i].device, m->device, sizeof m->device);
    }
    if (!rc) rc = isg_fields_scatter(s, mark_fields, n, rows, sizeof *rows);
    if (!rc) rc = sync_file(s);
    free(rows);
    return rc;
}

isg_err isg_store_put_states(isg_store *s, isg_state *states, size_t n)
{
    for (size_t i = 0; i < n; i++) ISG_TRY(check_slot(s, states[i].slot));
    return isg_fields_scatter(s, state_fields, n, states, sizeof *states);
}

isg_err isg_store_put_state(isg_store *s, size_t slot, isg_run_state state, uint32_t attempts)
{
    return isg_store_put_states(s, &(isg_state){slot, state, attempts}, 1);
}

/* ---- bounded tables ------------------------------------------------------- */

const isg_field isg_attempt_fields[] = {
    {ISG_COL_ATT_RUN, offsetof(isg_attempt, slot), ISG_TYPE_U64},
    {ISG_COL_ATT_NUMBER, offsetof(isg_attempt, number), ISG_TYPE_U32},
    {ISG_COL_ATT_RANK, offsetof(isg_attempt, rank), ISG_TYPE_I32},
    {ISG_COL_ATT_HOST, offsetof(isg_attempt, host), ISG_TYPE_TEXT},
    {ISG_COL_ATT_CAUSE, offsetof(isg_attempt, cause), ISG_TYPE_U32},
    {ISG_COL_ATT_CODE, offsetof(isg_attempt, code), ISG_TYPE_I32},
    {ISG_COL_ATT_START, offsetof(isg_attempt, start), ISG_TYPE_F64},
    {ISG_COL_ATT_END, offsetof(isg_attempt, end), ISG_TYPE_F64},
    {ISG_COL_ATT_MESSAGE, offsetof(isg_attempt, message), ISG_TYPE_TEXT},
    {ISG_COLS, 0, ISG_TYPE_U8},
};

const isg_field isg_launch_fields[] = {
    {ISG_COL_LAUNCH_VERSION, offsetof(isg_launch, version), ISG_TYPE_TEXT},
    {ISG_COL_LAUNCH_COMMIT, offsetof(isg_launch, commit), ISG_TYPE_TEXT},
    {ISG_COL_LAUNCH_FLAGS, offsetof(isg_launch, flags), ISG_TYPE_TEXT},
    {ISG_COL_LAUNCH_MPI, offsetof(isg_launch, mpi), ISG_TYPE_TEXT},
    {ISG_COL_LAUNCH_HDF5, offsetof(isg_launch, hdf5), ISG_TYPE_TEXT},
    {ISG_COL_LAUNCH_HOST, offsetof(isg_launch, host), ISG_TYPE_TEXT},
    {ISG_COL_LAUNCH_JOB, offsetof(isg_launch, job), ISG_TYPE_TEXT},
    {ISG_COL_LAUNCH_RANKS, offsetof(isg_launch, ranks), ISG_TYPE_I32},
    {ISG_COL_LAUNCH_START, offsetof(isg_launch, start), ISG_TYPE_F64},
    {ISG_COL_LAUNCH_END, offsetof(isg_launch, end), ISG_TYPE_F64},
    {ISG_COL_LAUNCH_STATUS, offsetof(isg_launch, exit_status), ISG_TYPE_I32},
    {ISG_COLS, 0, ISG_TYPE_U8},
};

_Static_assert(sizeof(isg_cause) == 4, "the cause travels as a 32-bit number");
_Static_assert(sizeof(size_t) == 8, "slots travel as 64-bit numbers");

static isg_err rows_load(isg_store *s, isg_rows *rows, isg_col sequence, isg_col owner)
{
    if (rows->sequence) return ISG_OK;
    rows->capacity = s->dim[isg_dim_of(isg_columns[sequence].dims[0])];
    rows->sequence = calloc(rows->capacity, sizeof *rows->sequence);
    rows->owner = calloc(rows->capacity, sizeof *rows->owner);
    if (!rows->sequence || !rows->owner) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    ISG_TRY(isg_col_read(s, sequence, 0, rows->capacity, rows->sequence));
    if (owner != ISG_COLS) ISG_TRY(isg_col_read(s, owner, 0, rows->capacity, rows->owner));
    for (size_t i = 0; i < rows->capacity; i++) {
        if (rows->sequence[i] > rows->last) rows->last = rows->sequence[i];
    }
    return ISG_OK;
}

/* A free row; else the oldest of the same owner; else the oldest of all. */
static size_t rows_pick(isg_rows *rows, uint32_t owner)
{
    while (rows->next_free < rows->capacity && rows->sequence[rows->next_free]) rows->next_free++;
    if (rows->next_free < rows->capacity) return rows->next_free;
    size_t oldest = 0, own = rows->capacity;
    for (size_t i = 0; i < rows->capacity; i++) {
        if (rows->sequence[i] < rows->sequence[oldest]) oldest = i;
        if (rows->owner[i] != owner) continue;
        if (own == rows->capacity || rows->sequence[i] < rows->sequence[own]) own = i;
    }
    return own < rows->capacity ? own : oldest;
}

static isg_err rows_put(isg_store *s, isg_rows *rows, isg_col sequence, const isg_field *fields,
                        size_t first, size_t n, const void *structs, size_t stride)
{
    uint64_t *number = calloc(n, sizeof *number);
    if (!number) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = ISG_OK;
    /* A row that is overwritten is free while it is half-written. */
    if (rows->sequence[first]) rc = isg_col_write(s, sequence, first, n, number);
    if (!rc) rc = isg_fields_write(s, fields, first, n, structs, stride);
    for (size_t i = 0; i < n; i++) rows->sequence[first + i] = number[i] = ++rows->last;
    if (!rc) rc = isg_col_write(s, sequence, first, n, number);
    free(number);
    return rc;
}

isg_err isg_store_put_attempts(isg_store *s, const isg_attempt *attempts, size_t n)
{
    isg_rows *rows = &s->attempts;
    ISG_TRY(rows_load(s, rows, ISG_COL_ATT_SEQUENCE, ISG_COL_ATT_RUN));
    for (size_t i = 0; i < n;) {
        ISG_TRY(check_slot(s, attempts[i].slot));
        size_t first = rows_pick(rows, (uint32_t)attempts[i].slot), k = 1;
        bool free_row = !rows->sequence[first];
        /* As many as fit into the free rows that follow go in one write. */
        while (free_row && i + k < n && first + k < rows->capacity && !rows->sequence[first + k])
            k++;
        for (size_t j = 0; j < k; j++) rows->owner[first + j] = (uint32_t)attempts[i + j].slot;
        ISG_TRY(rows_put(s, rows, ISG_COL_ATT_SEQUENCE, isg_attempt_fields, first, k, attempts + i,
                         sizeof *attempts));
        i += k;
    }
    return ISG_OK;
}

isg_err isg_store_put_launch(isg_store *s, const isg_launch *launch, size_t *row)
{
    isg_rows *rows = &s->launches;
    ISG_TRY(check_slot(s, 0));
    ISG_TRY(rows_load(s, rows, ISG_COL_LAUNCH_SEQUENCE, ISG_COLS));
    if (*row < rows->capacity) {
        return isg_fields_write(s, isg_launch_fields, *row, 1, launch, sizeof *launch);
    }
    *row = rows_pick(rows, UINT32_MAX);
    return rows_put(s, rows, ISG_COL_LAUNCH_SEQUENCE, isg_launch_fields, *row, 1, launch,
                    sizeof *launch);
}
