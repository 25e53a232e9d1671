/* What a store is, and why it cannot be torn.
 *
 * The shape is fixed at creation: every group, dataset, attribute and byte of space exists before
 * the first run (written as PATH.tmp, synced, renamed). After that HDF5 is only asked to write raw
 * data at fixed offsets of contiguous datasets, so no kill can leave metadata half-written and any
 * reader can open the file at any time. (The serial driver sets one flag in the superblock while a
 * file is open for writing; superblock version 0, which our bounds give, has it ignored by
 * readers.)
 *
 * The invariant: a run has a result if and only if its mark is not 0 and the low half of the mark
 * equals the CRC-32C over its id and its slices of the RESULT columns.
 *
 *   - The mark is one aligned 8-byte word (attempt and CRC together): a kill or a power cut leaves
 *     the old or the new word, never a mixture.
 *   - A worker syncs its slices before it tells rank 0; only rank 0 writes marks, after that. So a
 *     mark on disk has its result on disk.
 *   - A kill before the mark leaves slices without a mark: no result, the run is made again and
 *     overwrites them. A kill between the marks of one group leaves some written: each of these
 *     stands for itself. Nothing is acknowledged before the sync that follows the group.
 *   - Whether the run diverged is part of the result. State, attempts, times and hosts are
 *     records beside it: the mark decides, whatever they say.
 *   - Rows of /attempts and /provenance get their sequence number last; a row without one is free.
 *
 * Equal campaigns have equal RESULT columns byte for byte: missing values are one NaN pattern, and
 * slices beyond the points reached are blank. */
#include "layout.h"

#include <assert.h>
#include <string.h>

const isg_column_def isg_columns[ISG_COLS] = {
#define X(sym, group, name, type, dims, role, unit, text)                                          \
    [ISG_COL_##sym] = {group, name, ISG_TYPE_##type, dims, ISG_ROLE_##role, unit, text},
#include "columns.def"
#undef X
};

static const struct {
    char letter;
    const char *name;
    size_t fixed;
} dims[ISG_DIMS] = {
    [ISG_DIM_ENTRY] = {'H', "entry", 0},
    [ISG_DIM_LANGUAGE] = {'G', "language", 0},
    [ISG_DIM_EVALUATION] = {'E', "evaluation", 0},
    [ISG_DIM_RUN] = {'R', "run", 0},
    [ISG_DIM_FAMILY] = {'F', "family", 0},
    [ISG_DIM_TRAIN_LANGUAGE] = {'L', "train_language", 0},
    [ISG_DIM_POINT] = {'P', "point", 0},
    [ISG_DIM_SHARD] = {'S', "shard", 0},
    [ISG_DIM_ATTEMPT] = {'A', "attempt", 0},
    [ISG_DIM_LAUNCH] = {'N', "launch", 0},
    [ISG_DIM_STRING32] = {'t', "string32", 32},
    [ISG_DIM_STRING64] = {'u', "string64", 64},
    [ISG_DIM_STRING160] = {'v', "string160", 160},
    [ISG_DIM_STRING240] = {'w', "string240", 240},
};

const char *isg_column_flags(isg_col col)
{
    switch (col) {
    case ISG_COL_RUNS_STATE: return "waiting ready running done diverged failed held";
    case ISG_COL_POINTS_DIVERGED: return "no yes";
    case ISG_COL_POINTS_LR_STATE: return "warmup stable decay end not_reached";
    case ISG_COL_ATT_CAUSE:
        return "none ok crash exit protocol silence time memory killed stopped diverged";
    default: return NULL;
    }
}

isg_dim isg_dim_of(char letter)
{
    for (int d = 0; d < ISG_DIMS; d++) {
        if (dims[d].letter == letter) return (isg_dim)d;
    }
    assert(false && "a dimension letter of columns.def is unknown");
    return ISG_DIMS;
}

bool isg_column_is_optional(isg_col col)
{
    return col == ISG_COL_LANG_FINGERPRINT ||
           (col >= ISG_COL_EVAL_SHARD && col <= ISG_COL_EVAL_SHARD_UNIGRAM);
}

size_t isg_column_rank(isg_col col)
{
    return strlen(isg_columns[col].dims);
}

bool isg_column_is_scale(isg_col col)
{
    const isg_column_def *c = &isg_columns[col];
    return strlen(c->dims) == 1 && !strcmp(c->name, dims[isg_dim_of(c->dims[0])].name);
}

bool isg_dim_is_bare(isg_dim dim)
{
    return dims[dim].fixed > 0;
}

size_t isg_dim_fixed(isg_dim dim)
{
    return dims[dim].fixed;
}

size_t isg_type_bytes(isg_type type)
{
    static const size_t bytes[] = {
        [ISG_TYPE_U8] = 1,
        [ISG_TYPE_U32] = 4,
        [ISG_TYPE_U64] = 8,
        [ISG_TYPE_I32] = 4,
        [ISG_TYPE_F32] = 4,
        [ISG_TYPE_F64] = 8,
        [ISG_TYPE_NAME] = sizeof(char *),
        [ISG_TYPE_TEXT] = 1,
    };
    return bytes[type];
}

isg_col isg_scale_of(const char *group, isg_dim dim)
{
    for (int c = 0; c < ISG_COLS; c++) {
        if (isg_column_is_scale((isg_col)c) && !strcmp(isg_columns[c].group, group) &&
            isg_dim_of(isg_columns[c].dims[0]) == dim) {
            return (isg_col)c;
        }
    }
    return ISG_COLS;
}

size_t isg_column_row_bytes(isg_col col, const size_t dim[ISG_DIMS])
{
    size_t n = isg_type_bytes(isg_columns[col].type);
    for (const char *d = isg_columns[col].dims; *d && d[1]; d++) n *= dim[isg_dim_of(d[1])];
    return n;
}
