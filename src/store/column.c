/* Moving columns, and fields of C structs, between memory and file. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static void box_of(const isg_store *s, isg_col col, size_t first, size_t n, hsize_t *start,
                   hsize_t *count)
{
    const char *d = isg_columns[col].dims;
    for (size_t i = 0; d[i]; i++) {
        start[i] = i ? 0 : first;
        count[i] = i ? s->dim[isg_dim_of(d[i])] : n;
    }
}

static isg_err context(isg_err rc, isg_col col)
{
    return isg_err_context(rc, "dataset '%s' in %s", isg_columns[col].name, isg_columns[col].group);
}

static isg_err write_as(isg_store *s, isg_col col, hid_t memory, size_t bytes, size_t first,
                        size_t n, const void *data)
{
    hsize_t start[ISG_COL_MAX_RANK], count[ISG_COL_MAX_RANK];
    box_of(s, col, first, n, start, count);
    const isg_set *c = &s->col[col];
    return context(isg_h5_write_box(c->set, c->space, memory, bytes, start, count, data), col);
}

isg_err isg_col_write(isg_store *s, isg_col col, size_t first, size_t n, const void *data)
{
    size_t bytes = isg_type_bytes(isg_columns[col].type);
    return write_as(s, col, s->col[col].memory, bytes, first, n, data);
}

static isg_err read_as(const isg_store *s, isg_col col, hid_t memory, size_t first, size_t n,
                       void *data)
{
    hsize_t start[ISG_COL_MAX_RANK], count[ISG_COL_MAX_RANK];
    box_of(s, col, first, n, start, count);
    const isg_set *c = &s->col[col];
    return context(isg_h5_read_box(c->set, c->space, memory, start, count, data), col);
}

isg_err isg_col_read(const isg_store *s, isg_col col, size_t first, size_t n, void *data)
{
    return read_as(s, col, s->col[col].memory, first, n, data);
}

/* HDF5 allocates the strings; ours are copies, so that free() is right everywhere. */
isg_err isg_col_read_names(const isg_store *s, isg_col col, char ***out, size_t *n)
{
    const isg_set *c = &s->col[col];
    const char *dims = isg_columns[col].dims;
    *n = dims[0] ? s->dim[isg_dim_of(dims[0])] : 1;
    *out = calloc(*n, sizeof **out);
    char **raw = calloc(*n, sizeof *raw);
    isg_err rc = *out && raw ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_col_read(s, col, 0, *n, raw);
    for (size_t i = 0; i < *n && !rc; i++) {
        (*out)[i] = strdup(raw[i] ? raw[i] : "");
        if (!(*out)[i]) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    if (raw) {
        (void)H5Sselect_all(c->space);
        (void)H5Dvlen_reclaim(c->memory, c->space, H5P_DEFAULT, raw);
    }
    free(raw);
    if (rc) isg_names_free(out, *n);
    return rc;
}

void isg_names_free(char ***names, size_t n)
{
    if (!names || !*names) return;
    for (size_t i = 0; i < n; i++) free((*names)[i]);
    free(*names);
    *names = NULL;
}

isg_err isg_store_read_settings(const isg_store *s, json_t **out)
{
    char **text = NULL;
    size_t n;
    ISG_TRY(isg_col_read_names(s, ISG_COL_CAMPAIGN_SETTINGS, &text, &n));
    isg_err rc = isg_json_parse(text[0], strlen(text[0]), "/campaign/settings", out);
    isg_names_free(&text, n);
    return rc;
}

isg_err isg_store_read_setting(const isg_store *s, const char *column, double *out)
{
    isg_err rc = ISG_OK;
    hid_t group = H5Gopen2(s->file, "/runs", H5P_DEFAULT);
    hid_t set = group < 0 ? -1 : H5Dopen2(group, column, H5P_DEFAULT);
    if (set < 0 || H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) {
        rc = isg_h5_fail(ISG_ESTORE, "cannot read the setting '%s' in /runs", column);
    }
    if (set >= 0) (void)H5Dclose(set);
    if (group >= 0) (void)H5Gclose(group);
    return rc;
}

isg_err isg_store_read_trunks(const isg_store *s, double **out)
{
    *out = NULL;
    if (H5Lexists(s->file, "/runs/trunk", H5P_DEFAULT) <= 0) return ISG_OK;
    *out = calloc(s->dim[ISG_DIM_RUN], sizeof **out);
    if (!*out) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    return isg_store_read_setting(s, "trunk", *out);
}

/* Of one struct's field: a row of the column, in the field's memory type. */
static size_t field_bytes(const isg_store *s, const isg_field *f)
{
    size_t elements =
        isg_column_row_bytes(f->col, s->dim) / isg_type_bytes(isg_columns[f->col].type);
    return elements * isg_type_bytes(f->type);
}

isg_err isg_fields_write(isg_store *s, const isg_field *fields, size_t first, size_t n,
                         const void *structs, size_t stride)
{
    isg_err rc = ISG_OK;
    for (const isg_field *f = fields; f->col != ISG_COLS && !rc; f++) {
        size_t bytes = field_bytes(s, f);
        char *column = malloc(n * bytes);
        if (!column) return ISG_FAIL(ISG_ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
            memcpy(column + i * bytes, (const char *)structs + i * stride + f->offset, bytes);
        }
        hid_t memory = isg_h5_memory_type(f->type);
        rc = write_as(s, f->col, memory, isg_type_bytes(f->type), first, n, column);
        (void)H5Tclose(memory);
        free(column);
    }
    return rc;
}

static size_t slot_of(const void *row)
{
    return *(const size_t *)row;
}

static int by_slot(const void *a, const void *b)
{
    return (slot_of(a) > slot_of(b)) - (slot_of(a) < slot_of(b));
}

isg_err isg_fields_scatter(isg_store *s, const isg_field *fields, size_t n, void *structs,
                           size_t stride)
{
    const char *row = structs;

    if (n) qsort(structs, n, stride, by_slot); /* qsort(NULL, 0, ...) is undefined */
    for (size_t i = 0, k; i < n; i += k, row += k * stride) {
        for (k = 1; i + k < n && slot_of(row + k * stride) == slot_of(row) + k;) k++;
        ISG_TRY(isg_fields_write(s, fields, slot_of(row), k, row, stride));
    }
    return ISG_OK;
}

isg_err isg_fields_read(const isg_store *s, const isg_field *fields, size_t first, size_t n,
                        void *structs, size_t stride)
{
    isg_err rc = ISG_OK;
    for (const isg_field *f = fields; f->col != ISG_COLS && !rc; f++) {
        size_t bytes = field_bytes(s, f);
        char *column = malloc(n * bytes);
        if (!column) return ISG_FAIL(ISG_ENOMEM, "out of memory");
        hid_t memory = isg_h5_memory_type(f->type);
        rc = read_as(s, f->col, memory, first, n, column);
        (void)H5Tclose(memory);
        for (size_t i = 0; i < n && !rc; i++) {
            char *field = (char *)structs + i * stride + f->offset;
            memcpy(field, column + i * bytes, bytes);
            if (f->type == ISG_TYPE_TEXT) field[bytes - 1] = '\0';
        }
        free(column);
    }
    return rc;
}
