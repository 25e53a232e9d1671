#include "h5.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !H5_VERSION_GE(1, 10, 7)
#error "isogloss needs HDF5 1.10.7 or newer (H5Pset_file_locking)"
#endif

enum { PIECE_BYTES = 1 << 20 }; /* larger pieces of several ranks contend for the inode lock */

#ifdef H5_HAVE_PARALLEL
#include <mpi.h>

static isg_err set_mpi(hid_t access)
{
    int on = 0;
    if (MPI_Initialized(&on) || !on) {
        return ISG_FAIL(ISG_EARG, "a store is opened through MPI before MPI is initialised");
    }
    if (H5Pset_fapl_mpio(access, MPI_COMM_SELF, MPI_INFO_NULL) < 0) {
        return isg_h5_fail(ISG_EMPI, "cannot select the MPI-IO driver");
    }
    return ISG_OK;
}
#else
static isg_err set_mpi(hid_t access)
{
    (void)access;
    return ISG_FAIL(ISG_EABSENT, "this build has serial HDF5 and cannot open a store through MPI: "
                                 "build with -DISOGLOSS_MPI=ON");
}
#endif

static herr_t innermost(unsigned n, const H5E_error2_t *e, void *ctx)
{
    if (n == 0) (void)snprintf(ctx, 200, "%s: %s", e->func_name, e->desc);
    return 0;
}

isg_err isg_h5_fail(isg_err rc, const char *fmt, ...)
{
    char text[600], reason[200] = "no reason given";
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, reason);
    return ISG_FAIL(rc, "%s (HDF5: %s)", text, reason);
}

/* Errors become messages of ours; HDF5 prints none. It does not clean up at exit either: a file
 * that could not be closed because the disk is full would crash there (1.10.8), and every file
 * that could was closed by us. */
static void quiet(void)
{
    (void)H5dont_atexit();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static isg_err access_list(hid_t *out)
{
    quiet();
    hid_t p = H5Pcreate(H5P_FILE_ACCESS);
    *out = p;
    /* Strong close: no forgotten handle keeps the file open. Our own lock is PATH.lock. */
    if (p < 0 || H5Pset_fclose_degree(p, H5F_CLOSE_STRONG) < 0 ||
        H5Pset_libver_bounds(p, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) < 0 ||
        H5Pset_sieve_buf_size(p, 0) < 0 || H5Pset_file_locking(p, false, true) < 0) {
        return isg_h5_fail(ISG_EIO, "cannot prepare to open a file");
    }
    return ISG_OK;
}

/* netCDF-4 wants the creation order of links and attributes. */
static void keep_order(hid_t create, bool group)
{
    unsigned both = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    if (group) (void)H5Pset_link_creation_order(create, both);
    (void)H5Pset_attr_creation_order(create, both);
    (void)H5Pset_obj_track_times(create, false);
}

isg_err isg_h5_create(const char *path, hid_t *out)
{
    hid_t access;
    *out = -1;
    isg_err rc = access_list(&access);
    hid_t create = H5Pcreate(H5P_FILE_CREATE);
    keep_order(create, true);
    if (!rc) *out = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    if (!rc && *out < 0) rc = isg_h5_fail(ISG_EIO, "cannot create '%s'", path);
    (void)H5Pclose(create);
    (void)H5Pclose(access);
    return rc;
}

isg_err isg_h5_open(const char *path, bool write, bool mpi, hid_t *out)
{
    hid_t access;
    *out = -1;
    isg_err rc = access_list(&access);
    if (!rc && mpi) rc = set_mpi(access);
    if (!rc) *out = H5Fopen(path, write ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
    if (!rc && *out < 0) rc = isg_h5_fail(ISG_ESTORE, "cannot open '%s' as a store", path);
    (void)H5Pclose(access);
    return rc;
}

static hid_t text_type(size_t width)
{
    hid_t t = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(t, width);
    (void)H5Tset_cset(t, H5T_CSET_UTF8);
    (void)H5Tset_strpad(t, H5T_STR_NULLTERM);
    return t;
}

hid_t isg_h5_memory_type(isg_type type)
{
    switch (type) {
    case ISG_TYPE_U8: return H5Tcopy(H5T_NATIVE_UINT8);
    case ISG_TYPE_U32: return H5Tcopy(H5T_NATIVE_UINT32);
    case ISG_TYPE_U64: return H5Tcopy(H5T_NATIVE_UINT64);
    case ISG_TYPE_I32: return H5Tcopy(H5T_NATIVE_INT32);
    case ISG_TYPE_F32: return H5Tcopy(H5T_NATIVE_FLOAT);
    case ISG_TYPE_F64: return H5Tcopy(H5T_NATIVE_DOUBLE);
    case ISG_TYPE_NAME: return text_type(H5T_VARIABLE);
    case ISG_TYPE_TEXT: return text_type(1);
    }
    return -1;
}

/* Little endian. */
static hid_t file_type(isg_type type)
{
    switch (type) {
    case ISG_TYPE_U8: return H5Tcopy(H5T_STD_U8LE);
    case ISG_TYPE_U32: return H5Tcopy(H5T_STD_U32LE);
    case ISG_TYPE_U64: return H5Tcopy(H5T_STD_U64LE);
    case ISG_TYPE_I32: return H5Tcopy(H5T_STD_I32LE);
    case ISG_TYPE_F32: return H5Tcopy(H5T_IEEE_F32LE);
    case ISG_TYPE_F64: return H5Tcopy(H5T_IEEE_F64LE);
    case ISG_TYPE_NAME: return text_type(H5T_VARIABLE);
    case ISG_TYPE_TEXT: return text_type(1);
    }
    return -1;
}

isg_err isg_h5_group(hid_t file, const char *path)
{
    hid_t create = H5Pcreate(H5P_GROUP_CREATE);
    keep_order(create, true);
    hid_t g = H5Gcreate2(file, path, H5P_DEFAULT, create, H5P_DEFAULT);
    (void)H5Pclose(create);
    if (g < 0) return isg_h5_fail(ISG_EIO, "cannot create group '%s'", path);
    (void)H5Gclose(g);
    return ISG_OK;
}

isg_err isg_h5_dataset(hid_t file, const isg_column_def *def, const hsize_t *extent, hid_t *out)
{
    int rank = (int)strlen(def->dims);
    const char *slash = def->group[1] ? "/" : "";
    char path[256];
    double none = NAN;
    hid_t type = file_type(def->type);
    hid_t space = rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    isg_err rc = ISG_OK;

    (void)snprintf(path, sizeof path, "%s%s%s", def->group, slash, def->name);
    keep_order(create, false);
    bool bad = H5Pset_layout(create, H5D_CONTIGUOUS) < 0 ||
               H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY) < 0 ||
               H5Pset_fill_time(create, H5D_FILL_TIME_ALLOC) < 0;
    if (def->type == ISG_TYPE_F32 || def->type == ISG_TYPE_F64) {
        bad = H5Pset_fill_value(create, H5T_NATIVE_DOUBLE, &none) < 0 || bad;
    }
    *out = bad ? -1 : H5Dcreate2(file, path, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    if (*out < 0) rc = isg_h5_fail(ISG_EIO, "cannot create dataset '%s'", path);
    (void)H5Pclose(create);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return rc;
}

isg_err isg_h5_put_text(hid_t object, const char *name, const char *text)
{
    hid_t type = file_type(ISG_TYPE_NAME), space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    isg_err rc = ISG_OK;
    if (a < 0 || H5Awrite(a, type, &text) < 0) {
        rc = isg_h5_fail(ISG_EIO, "cannot write attribute '%s'", name);
    }
    if (a >= 0) (void)H5Aclose(a);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return rc;
}

isg_err isg_h5_put_numbers(hid_t object, const char *name, isg_type type, const void *values,
                           size_t n)
{
    hsize_t extent = n;
    hid_t memory = isg_h5_memory_type(type), file = file_type(type);
    hid_t space = H5Screate_simple(1, &extent, NULL);
    hid_t a = H5Acreate2(object, name, file, space, H5P_DEFAULT, H5P_DEFAULT);
    isg_err rc = ISG_OK;
    if (a < 0 || H5Awrite(a, memory, values) < 0) {
        rc = isg_h5_fail(ISG_EIO, "cannot write attribute '%s'", name);
    }
    if (a >= 0) (void)H5Aclose(a);
    (void)H5Sclose(space);
    (void)H5Tclose(file);
    (void)H5Tclose(memory);
    return rc;
}

isg_err isg_h5_get_text(hid_t object, const char *name, char **out)
{
    hid_t type = isg_h5_memory_type(ISG_TYPE_NAME);
    hid_t a = H5Aopen(object, name, H5P_DEFAULT);
    char *text = NULL;
    isg_err rc = ISG_OK;
    *out = NULL;
    if (a < 0 || H5Aread(a, type, &text) < 0) {
        rc = isg_h5_fail(ISG_ESTORE, "cannot read attribute '%s'", name);
    } else if (!(*out = strdup(text ? text : ""))) {
        rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    (void)H5free_memory(text);
    if (a >= 0) (void)H5Aclose(a);
    (void)H5Tclose(type);
    return rc;
}

isg_err isg_h5_get_u64(hid_t object, const char *name, uint64_t *out)
{
    hid_t a = H5Aopen(object, name, H5P_DEFAULT);
    isg_err rc = ISG_OK;
    if (a < 0 || H5Aread(a, H5T_NATIVE_UINT64, out) < 0) {
        rc = isg_h5_fail(ISG_ESTORE, "cannot read attribute '%s'", name);
    }
    if (a >= 0) (void)H5Aclose(a);
    return rc;
}

/* One transfer of a box that the caller made small enough. */
static herr_t move_box(bool write, hid_t set, hid_t space, hid_t type, int rank,
                       const hsize_t *start, const hsize_t *count, void *data)
{
    hid_t memory = rank ? H5Screate_simple(rank, count, NULL) : H5Screate(H5S_SCALAR);
    herr_t bad = memory < 0 ? -1 : 0;
    if (!bad && rank) bad = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (!bad) {
        bad = write ? H5Dwrite(set, type, memory, space, H5P_DEFAULT, data)
                    : H5Dread(set, type, memory, space, H5P_DEFAULT, data);
    }
    if (memory >= 0) (void)H5Sclose(memory);
    return bad;
}

/* Halve the first dimension longer than 1: both halves stay contiguous in memory. */
static herr_t write_pieces(hid_t set, hid_t space, hid_t type, size_t bytes, int rank,
                           const hsize_t *start, const hsize_t *count, const char *data)
{
    hsize_t at[ISG_COL_MAX_RANK], n[ISG_COL_MAX_RANK];
    size_t total = bytes;
    int longest = -1;
    for (int d = 0; d < rank; d++) {
        at[d] = start[d];
        n[d] = count[d];
        total *= (size_t)count[d];
        if (longest < 0 && count[d] > 1) longest = d;
    }
    if (total <= PIECE_BYTES || longest < 0) {
        void *raw = (void *)(uintptr_t)data; /* H5Dwrite takes it const again */
        return move_box(true, set, space, type, rank, start, count, raw);
    }
    size_t step = total / (size_t)count[longest];
    n[longest] = count[longest] / 2;
    herr_t bad = write_pieces(set, space, type, bytes, rank, at, n, data);
    if (bad) return bad;
    data += step * (size_t)n[longest];
    at[longest] += n[longest];
    n[longest] = count[longest] - n[longest];
    return write_pieces(set, space, type, bytes, rank, at, n, data);
}

isg_err isg_h5_write_box(hid_t set, hid_t space, hid_t type, size_t bytes, const hsize_t *start,
                         const hsize_t *count, const void *data)
{
    int rank = H5Sget_simple_extent_ndims(space);
    if (write_pieces(set, space, type, bytes, rank, start, count, data) < 0) {
        return isg_h5_fail(ISG_EIO, "cannot write");
    }
    return ISG_OK;
}

isg_err isg_h5_read_box(hid_t set, hid_t space, hid_t type, const hsize_t *start,
                        const hsize_t *count, void *data)
{
    int rank = H5Sget_simple_extent_ndims(space);
    if (move_box(false, set, space, type, rank, start, count, data) < 0) {
        return isg_h5_fail(ISG_ESTORE, "cannot read");
    }
    return ISG_OK;
}
