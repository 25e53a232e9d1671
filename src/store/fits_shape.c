/* The datasets of a fit as a table, and how they are made, read and hashed. */
#include "fits.h"

#include "isogloss/hash.h"
#include "isogloss/str.h"

#include <assert.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fits_column {
    const char *name;
    isg_type type;
    const char *dims;
    isg_fits_where where;
    isg_role role;
    const char *more, *long_name; /* names of codes, or a unit (fits_columns.def) */
} fits_column;

static const fits_column columns[ISG_FITS_COLS] = {
#define X(sym, name, type, dims, where, role, more, text)                                          \
    [ISG_FITS_##                                                                                   \
        sym] = {name, ISG_TYPE_##type, dims, ISG_FITS_IN_##where, ISG_ROLE_##role, more, text},
#include "fits_columns.def"
#undef X
};

/* Each dimension has its scale: the one-dimensional dataset of its name. */
static const struct {
    char letter;
    isg_fits_col scale;
} dims[ISG_FITS_DIMS] = {
    [ISG_FITS_DIM_P] = {'p', ISG_FITS_PARAMETER}, [ISG_FITS_DIM_D] = {'d', ISG_FITS_DERIVED},
    [ISG_FITS_DIM_S] = {'s', ISG_FITS_SOURCE},    [ISG_FITS_DIM_L] = {'l', ISG_FITS_LAUNCH},
    [ISG_FITS_DIM_B] = {'b', ISG_FITS_NUMBER},    [ISG_FITS_DIM_K] = {'k', ISG_FITS_BLOCK},
};

static size_t dim_of(char letter)
{
    for (size_t d = 0; d < ISG_FITS_DIMS; d++) {
        if (dims[d].letter == letter) return d;
    }
    assert(false && "a dimension letter of fits_columns.def is unknown");
    return ISG_FITS_DIMS;
}

const char *isg_fits_name(isg_fits_col col)
{
    return columns[col].name;
}

isg_fits_where isg_fits_where_of(isg_fits_col col)
{
    return columns[col].where;
}

/* ---- making -------------------------------------------------------------------- */

static isg_err put_flags(hid_t set, const char *names)
{
    uint8_t values[16], n = 1;
    for (const char *p = names; *p; p++) n = (uint8_t)(n + (*p == ' '));
    for (uint8_t i = 0; i < n; i++) values[i] = i;
    ISG_TRY(isg_h5_put_numbers(set, "flag_values", ISG_TYPE_U8, values, n));
    return isg_h5_put_text(set, "flag_meanings", names);
}

static isg_err put_attributes(hid_t set, const fits_column *c, const char *status_names)
{
    double none = NAN;
    ISG_TRY(isg_h5_put_text(set, "long_name", c->long_name));
    if (c->type == ISG_TYPE_U8) return put_flags(set, c->more[0] ? c->more : status_names);
    if (c->more) ISG_TRY(isg_h5_put_text(set, "units", c->more));
    if (c->type != ISG_TYPE_F64) return ISG_OK;
    return isg_h5_put_numbers(set, "_FillValue", c->type, &none, 1);
}

static isg_err put_scales(const isg_fits_group *g, hid_t set, isg_fits_col col)
{
    const char *letters = columns[col].dims;
    if (letters[0] && dims[dim_of(letters[0])].scale == col) {
        return H5DSset_scale(set, columns[col].name) < 0 ? isg_h5_fail(ISG_EIO, "H5DSset_scale")
                                                         : ISG_OK;
    }
    for (unsigned i = 0; letters[i]; i++) {
        char path[256];
        const char *scale = columns[dims[dim_of(letters[i])].scale].name;
        (void)snprintf(path, sizeof path, "%s/%s", g->path, scale);
        hid_t other = H5Dopen2(g->file, path, H5P_DEFAULT);
        bool bad = other < 0 || H5DSattach_scale(set, other, i) < 0;
        if (other >= 0) (void)H5Dclose(other);
        if (bad) return isg_h5_fail(ISG_EIO, "cannot attach the scale '%s'", path);
    }
    return ISG_OK;
}

static isg_err write_all(hid_t set, isg_type type, const void *data)
{
    hid_t memory = isg_h5_memory_type(type);
    isg_err rc = ISG_OK;
    if (H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        rc = isg_h5_fail(ISG_EIO, "cannot write");
    }
    (void)H5Tclose(memory);
    return rc;
}

isg_err isg_fits_put(const isg_fits_group *g, isg_fits_col col, const void *data)
{
    const fits_column *c = &columns[col];
    isg_column_def def = {.group = g->path, .name = c->name, .type = c->type, .dims = c->dims};
    hsize_t extent[2] = {0};
    hid_t set = -1;
    for (size_t i = 0; c->dims[i]; i++) {
        extent[i] = g->dim[dim_of(c->dims[i])];
        if (!extent[i]) return ISG_OK; /* readers dislike empty datasets */
    }
    isg_err rc = isg_h5_dataset(g->file, &def, extent, &set);
    if (!rc) rc = put_attributes(set, c, g->status_names);
    if (!rc) rc = put_scales(g, set, col);
    if (!rc && data) rc = write_all(set, c->type, data);
    if (set >= 0) (void)H5Dclose(set);
    return isg_err_context(rc, "dataset '%s' in %s", c->name, g->path);
}

/* ---- reading --------------------------------------------------------------------- */

static size_t elements(hid_t set)
{
    hid_t space = H5Dget_space(set);
    hssize_t n = space < 0 ? 0 : H5Sget_simple_extent_npoints(space);
    if (space >= 0) (void)H5Sclose(space);
    return n > 0 ? (size_t)n : 0;
}

size_t isg_fits_count(hid_t group, isg_fits_col col)
{
    if (H5Lexists(group, columns[col].name, H5P_DEFAULT) <= 0) return 0;
    hid_t set = H5Dopen2(group, columns[col].name, H5P_DEFAULT);
    size_t n = set < 0 ? 0 : elements(set);
    if (set >= 0) (void)H5Dclose(set);
    return n;
}

isg_err isg_fits_read(hid_t group, isg_fits_col col, size_t n, void *out)
{
    const fits_column *c = &columns[col];
    hid_t set = H5Dopen2(group, c->name, H5P_DEFAULT), memory = isg_h5_memory_type(c->type);
    isg_err rc = ISG_OK;
    if (set < 0) {
        rc = isg_h5_fail(ISG_ESTORE, "no dataset '%s'", c->name);
    } else if (elements(set) != n) {
        rc =
            ISG_FAIL(ISG_ESTORE, "dataset '%s' has %zu values, not %zu", c->name, elements(set), n);
    } else if (H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) {
        rc = isg_h5_fail(ISG_ESTORE, "cannot read dataset '%s'", c->name);
    }
    if (set >= 0) (void)H5Dclose(set);
    (void)H5Tclose(memory);
    return rc;
}

/* HDF5 allocates the strings; ours are copies, so that free() is right everywhere. */
isg_err isg_fits_read_names(hid_t group, isg_fits_col col, char ***out, size_t *n)
{
    isg_err rc = ISG_OK;
    *out = NULL;
    *n = isg_fits_count(group, col);
    if (!*n) return ISG_FAIL(ISG_ESTORE, "no dataset '%s'", columns[col].name);
    char **raw = calloc(*n, sizeof *raw), **names = calloc(*n, sizeof *names);
    if (!raw || !names) rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu names", *n);
    if (!rc) rc = isg_fits_read(group, col, *n, raw);
    for (size_t i = 0; i < *n && !rc; i++) {
        names[i] = isg_strdup(raw[i] ? raw[i] : "");
        if (!names[i]) rc = ISG_FAIL(ISG_ENOMEM, "no memory for %zu names", *n);
    }
    for (size_t i = 0; raw && i < *n; i++) (void)H5free_memory(raw[i]);
    free(raw);
    if (rc) isg_names_free(&names, *n);
    *out = names;
    return rc;
}

/* ---- attributes -------------------------------------------------------------------- */

isg_err isg_fits_note(hid_t group, const isg_fitfile_note *note)
{
    if (H5Aexists(group, note->name) > 0) (void)H5Adelete(group, note->name);
    if (note->text) return isg_h5_put_text(group, note->name, note->text);
    uint64_t whole = note->whole ? (uint64_t)note->number : 0;
    if (note->whole) return isg_h5_put_numbers(group, note->name, ISG_TYPE_U64, &whole, 1);
    return isg_h5_put_numbers(group, note->name, ISG_TYPE_F64, &note->number, 1);
}

isg_err isg_fits_note_text(hid_t group, const char *name, const char *text)
{
    return isg_fits_note(group, &(isg_fitfile_note){.name = name, .text = text});
}

/* ---- hashes -------------------------------------------------------------------------- */

void isg_fits_sha256(const char *text, char out[65])
{
    isg_sha256 sha;
    uint8_t hash[32];
    isg_sha256_init(&sha);
    isg_sha256_add(&sha, text, strlen(text));
    isg_sha256_end(&sha, hash);
    isg_str_hex(hash, sizeof hash, out);
}

static isg_err hash_names(hid_t group, isg_fits_col col, isg_sha256 *sha)
{
    char **names = NULL;
    size_t n = 0;
    ISG_TRY(isg_fits_read_names(group, col, &names, &n));
    for (size_t i = 0; i < n; i++) isg_sha256_add(sha, names[i], strlen(names[i]) + 1);
    isg_names_free(&names, n);
    return ISG_OK;
}

static isg_err hash_numbers(hid_t group, isg_fits_col col, isg_sha256 *sha)
{
    size_t n = isg_fits_count(group, col), bytes = isg_type_bytes(columns[col].type);
    unsigned char *data = malloc(n * bytes);
    if (!data) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu values", n);
    isg_err rc = isg_fits_read(group, col, n, data);
    if (!rc) isg_sha256_add(sha, data, n * bytes);
    free(data);
    return rc;
}

static isg_err hash_group(hid_t group, isg_sha256 *sha)
{
    for (int c = 0; c < ISG_FITS_COLS; c++) {
        const fits_column *col = &columns[c];
        if (col->role != ISG_ROLE_RESULT || !isg_fits_count(group, (isg_fits_col)c)) continue;
        isg_sha256_add(sha, col->name, strlen(col->name) + 1);
        if (col->type == ISG_TYPE_NAME)
            ISG_TRY(hash_names(group, (isg_fits_col)c, sha));
        else
            ISG_TRY(hash_numbers(group, (isg_fits_col)c, sha));
    }
    return ISG_OK;
}

bool isg_fits_word(const char *words, size_t n, char out[80])
{
    const char *p = words;
    for (size_t i = 0; i < n && p; i++) {
        p = strchr(p, ' ');
        if (p) p++;
    }
    if (!p || !*p) return false;
    (void)snprintf(out, 80, "%.*s", (int)strcspn(p, " "), p);
    return true;
}

isg_err isg_fits_digest(hid_t group, const char *sets, char out[65])
{
    isg_sha256 sha;
    uint8_t hash[32];
    char word[80];
    isg_sha256_init(&sha);
    isg_err rc = hash_group(group, &sha);
    for (size_t i = 0; !rc && strchr(sets, ' ') && isg_fits_word(sets, i, word); i++) {
        hid_t set = H5Gopen2(group, word, H5P_DEFAULT);
        isg_sha256_add(&sha, word, strlen(word) + 1);
        rc = set < 0 ? isg_h5_fail(ISG_ESTORE, "no group '%s'", word) : hash_group(set, &sha);
        if (set >= 0) (void)H5Gclose(set);
    }
    isg_sha256_end(&sha, hash);
    isg_str_hex(hash, sizeof hash, out);
    return rc;
}
