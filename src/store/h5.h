#ifndef ISG_STORE_H5_H
#define ISG_STORE_H5_H

/** The few things isogloss asks of HDF5, with its errors as messages. Not collective. */

#include "isogloss/err.h"
#include "layout.h"

#include <hdf5.h>

/** A failure naming the thing, with HDF5's own innermost reason. */
isg_err isg_h5_fail(isg_err rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** A new file: creation order kept, no object times, bounds (EARLIEST, V18). */
isg_err isg_h5_create(const char *path, hid_t *out);

/**
 * Open for this process alone. A reader takes no lock and keeps no buffer, so that a store being
 * written can be read; a writer never buffers raw data.
 * @param mpi  MPI-IO on MPI_COMM_SELF; ISG_EABSENT if HDF5 is serial
 */
isg_err isg_h5_open(const char *path, bool write, bool mpi, hid_t *out);

/** Type of a column in memory. Caller: H5Tclose(). */
hid_t isg_h5_memory_type(isg_type type);

/** A group with creation order; the group is closed again. */
isg_err isg_h5_group(hid_t file, const char *path);

/** A contiguous dataset, allocated and filled at once. @param extent  [rank] */
isg_err isg_h5_dataset(hid_t file, const isg_column_def *def, const hsize_t *extent, hid_t *out);

/** Attributes of `object` (a file means its root group). */
isg_err isg_h5_put_text(hid_t object, const char *name, const char *text);
isg_err isg_h5_put_numbers(hid_t object, const char *name, isg_type type, const void *values,
                           size_t n);
isg_err isg_h5_get_text(hid_t object, const char *name, char **out); /**< caller frees */
isg_err isg_h5_get_u64(hid_t object, const char *name, uint64_t *out);

/**
 * Move a box between memory (row-major, `type`) and a dataset, in pieces of at most 1 MiB.
 * @param space   file dataspace of `set`; its selection is changed
 * @param start, count  [rank of space]
 * @param bytes   of one element in memory
 */
isg_err isg_h5_write_box(hid_t set, hid_t space, hid_t type, size_t bytes, const hsize_t *start,
                         const hsize_t *count, const void *data);
isg_err isg_h5_read_box(hid_t set, hid_t space, hid_t type, const hsize_t *start,
                        const hsize_t *count, void *data);

#endif
