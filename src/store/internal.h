#ifndef ISG_STORE_INTERNAL_H
#define ISG_STORE_INTERNAL_H

/** What the files of src/store share. */

#include "h5.h"
#include "isogloss/store.h"
#include "layout.h"

/** Rows written one after another into a bounded table, told apart by a sequence number. */
typedef struct isg_rows {
    uint64_t *sequence; /**< [capacity] 0: free; NULL until first needed */
    uint32_t *owner;    /**< [capacity] run slot, for /attempts */
    size_t capacity;
    size_t next_free; /**< no free row before it */
    uint64_t last;    /**< highest sequence number given */
} isg_rows;

/** An open HDF5 dataset with what a transfer needs. */
typedef struct isg_set {
    hid_t set, space, memory;
} isg_set;

struct isg_store {
    char *path;
    bool write;
    bool imported; /**< holds runs made elsewhere (foreign.c) */
    hid_t file;
    int fd; /**< a plain descriptor of the same file, to sync; -1 for readers */
    size_t dim[ISG_DIMS];
    isg_set col[ISG_COLS];
    char **id;     /**< [runs] */
    size_t *by_id; /**< [runs] slots in the order of their ids */
    char *numerics;
    unsigned char *slice;             /**< one run's RESULT columns */
    size_t slice_at[ISG_RESULTS + 1]; /**< byte offsets of the columns, and the end */
    isg_rows attempts, launches;
    char *staged; /**< [cap_staged] rows of isg_staged and a slice, not yet in the file */
    size_t n_staged, cap_staged;
};

/** A store object without a file. Caller: isg_store_close(). */
isg_err isg_store_alloc(const char *path, bool write, isg_store **out);

/** After ids and dimensions are known: the order of ids and the slice. */
isg_err isg_store_index(isg_store *store);

/** What a grown store keeps of the old one. */
typedef struct isg_origin {
    const char *uuid, *created;
    size_t attempts, launches; /**< least capacities of /attempts and /provenance */
} isg_origin;

/** A random identity (RFC 4122, version 4). */
isg_err isg_store_uuid(char out[37]);

/** Create PATH.tmp with every dataset and the plan's data; open for writing without MPI. */
isg_err isg_store_build(const char *path, const isg_plan *plan, const isg_origin *origin,
                        isg_store **out);

/** A dataset beside the columns of the format, with its scales; open until H5Dclose(). */
isg_err isg_store_add_dataset(isg_store *store, const isg_column_def *def, hid_t *out);

/** What is known of the evaluated text: bytes, characters, its unigram cost (texts.c). */
isg_err isg_store_put_texts(isg_store *store, const isg_plan *plan);

/** The resolved settings a store was made with. New reference. */
isg_err isg_store_read_settings(const isg_store *store, json_t **out);

/** Whose loss a row of the tidy table holds. */
typedef struct isg_observed {
    size_t run, evaluation;
} isg_observed;

/** Append settings, trainer and text of each row to the tidy table. @param row  [n] */
isg_err isg_tidy_recipe(const isg_store *store, const isg_observed *row, size_t n,
                        isg_table *table);

/** The tidy table of imported runs. */
isg_err isg_foreign_tidy(const isg_store *store, isg_table **out);

/** Give up a store being built: close and remove PATH.tmp. */
void isg_store_discard(isg_store **store);

/** Sync and close a built PATH.tmp and put it in the place of PATH. */
isg_err isg_store_publish(isg_store **store, const char *path);

/** Put staged results into the file, where they stay staged if that fails. */
isg_err isg_store_flush(isg_store *store);

/** Add a line to the history of a store being built (the oldest but the first give way). */
isg_err isg_store_history(isg_store *store, const isg_store *old, const char *line);

/** The resolved settings of a plan as a JSON object. New reference. */
isg_err isg_store_settings(const isg_plan *plan, json_t **out);

/** A line for each thing that differs: objects key by key, anything else as a whole. */
void isg_say_difference(const char *name, const json_t *was, const json_t *is, isg_str *say);

/** Whole rows [first, first + n) of a column along its first dimension. */
isg_err isg_col_write(isg_store *store, isg_col col, size_t first, size_t n, const void *data);
isg_err isg_col_read(const isg_store *store, isg_col col, size_t first, size_t n, void *data);

/** All strings of a one-dimensional or scalar NAME column. Caller: isg_names_free(). */
isg_err isg_col_read_names(const isg_store *store, isg_col col, char ***out, size_t *n);
void isg_names_free(char ***names, size_t n);

/** Slot order of /campaign settings' "columns": a numeric setting of every run. [runs] */
isg_err isg_store_read_setting(const isg_store *store, const char *column, double *out);

/** [runs] 1 for parts of trunks, else 0; NULL where there are none. Caller frees. */
isg_err isg_store_read_trunks(const isg_store *store, double **out);

/** CRC-32C of a run id and its slice: the low half of a mark. */
uint32_t isg_slice_crc(const isg_store *store, size_t slot, const unsigned char *slice);

void isg_slice_encode(const isg_store *store, const isg_result *result, unsigned char *slice);
void isg_slice_decode(const isg_store *store, const unsigned char *slice, isg_result *result);
isg_err isg_slice_read(const isg_store *store, size_t slot, unsigned char *slice);
isg_err isg_result_alloc(const size_t dim[ISG_DIMS], isg_result **out);

static inline uint64_t isg_mark_word(uint32_t attempt, uint32_t crc)
{
    return (uint64_t)attempt << 32 | crc;
}

/** A field of a C struct that goes to or comes from a column. */
typedef struct isg_field {
    isg_col col;
    size_t offset;
    isg_type type; /**< in memory; as many elements as a row of the column has */
} isg_field;

/**
 * Move fields of n structs of `stride` bytes to or from rows [first, first + n).
 * @param fields  ended by col == ISG_COLS
 */
isg_err isg_fields_write(isg_store *store, const isg_field *fields, size_t first, size_t n,
                         const void *structs, size_t stride);

/**
 * The same for structs that begin with their slot (size_t), in any order: sorts them, and moves
 * those that are neighbours in the file together.
 */
isg_err isg_fields_scatter(isg_store *store, const isg_field *fields, size_t n, void *structs,
                           size_t stride);
isg_err isg_fields_read(const isg_store *store, const isg_field *fields, size_t first, size_t n,
                        void *structs, size_t stride);

extern const isg_field isg_attempt_fields[], isg_launch_fields[];

#endif
