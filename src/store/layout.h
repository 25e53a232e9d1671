#ifndef ISG_STORE_LAYOUT_H
#define ISG_STORE_LAYOUT_H

/** The shape of a store as data: dimensions, groups and columns (see layout.c). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ISG_STORE_FORMAT = 1 };

typedef enum isg_type {
    ISG_TYPE_U8,
    ISG_TYPE_U32,
    ISG_TYPE_U64,
    ISG_TYPE_I32,
    ISG_TYPE_F32,
    ISG_TYPE_F64,
    ISG_TYPE_NAME,
    ISG_TYPE_TEXT
} isg_type;

typedef enum isg_dim {
    ISG_DIM_ENTRY,
    ISG_DIM_LANGUAGE,
    ISG_DIM_EVALUATION,
    ISG_DIM_RUN,
    ISG_DIM_FAMILY,
    ISG_DIM_TRAIN_LANGUAGE,
    ISG_DIM_POINT,
    ISG_DIM_SHARD,
    ISG_DIM_ATTEMPT,
    ISG_DIM_LAUNCH,
    ISG_DIM_STRING32,
    ISG_DIM_STRING64,
    ISG_DIM_STRING160,
    ISG_DIM_STRING240,
    ISG_DIMS
} isg_dim;

typedef enum isg_role { ISG_ROLE_PLAN, ISG_ROLE_RESULT, ISG_ROLE_RECORD } isg_role;

typedef enum isg_col {
#define X(sym, group, name, type, dims, role, unit, text) ISG_COL_##sym,
#include "columns.def"
#undef X
    ISG_COLS
} isg_col;

enum { ISG_COL_MAX_RANK = 4 };

typedef struct isg_column_def {
    const char *group, *name;
    isg_type type;
    const char *dims; /**< one letter each */
    isg_role role;
    const char *unit, *long_name; /**< NULL: none */
} isg_column_def;

extern const isg_column_def isg_columns[ISG_COLS];

/** Flag names of a U8 column, separated by blanks, values 0, 1, ...; NULL if it has none. */
const char *isg_column_flags(isg_col col);

isg_dim isg_dim_of(char letter);

/** May a store lack it? Those made before a column was thought of do. */
bool isg_column_is_optional(isg_col col);

size_t isg_column_rank(isg_col col);
bool isg_column_is_scale(isg_col col);
bool isg_dim_is_bare(isg_dim dim);    /**< counts the bytes of texts: has no coordinate values */
size_t isg_dim_fixed(isg_dim dim);    /**< its length in every store, or 0 */
size_t isg_type_bytes(isg_type type); /**< of one element in memory and file */

/** The scale of dimension `dim` in `group`, or ISG_COLS. */
isg_col isg_scale_of(const char *group, isg_dim dim);

/** Bytes of one step along the first dimension. */
size_t isg_column_row_bytes(isg_col col, const size_t dim[ISG_DIMS]);

/* Result columns are neighbours in the table, in the order of the CRC. */
enum {
    ISG_RESULT_FIRST = ISG_COL_POINTS_COUNT,
    ISG_RESULT_LAST = ISG_COL_POINTS_SHARD_LOSS,
    ISG_RESULTS = ISG_RESULT_LAST - ISG_RESULT_FIRST + 1
};

#endif
