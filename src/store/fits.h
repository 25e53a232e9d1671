#ifndef ISG_STORE_FITS_H
#define ISG_STORE_FITS_H

/** What the files of fits share (fitfile.c says how they are written). */

#include "h5.h"
#include "internal.h"
#include "isogloss/fitfile.h"

enum { ISG_FITS_FORMAT = 1, ISG_FITS_LAUNCHES = 64 };

typedef enum isg_fits_dim {
    ISG_FITS_DIM_P,
    ISG_FITS_DIM_D,
    ISG_FITS_DIM_S,
    ISG_FITS_DIM_L,
    ISG_FITS_DIM_B,
    ISG_FITS_DIM_K,
    ISG_FITS_DIMS
} isg_fits_dim;

typedef enum isg_fits_col {
#define X(sym, name, type, dims, where, role, more, text) ISG_FITS_##sym,
#include "fits_columns.def"
#undef X
    ISG_FITS_COLS
} isg_fits_col;

typedef enum isg_fits_where {
    ISG_FITS_IN_TOP,
    ISG_FITS_IN_SET,
    ISG_FITS_IN_END,
    ISG_FITS_IN_REPORT
} isg_fits_where;

const char *isg_fits_name(isg_fits_col col);
isg_fits_where isg_fits_where_of(isg_fits_col col);

/** A group being written: its path and the lengths of its dimensions (0: none there). */
typedef struct isg_fits_group {
    hid_t file;
    const char *path;
    size_t dim[ISG_FITS_DIMS];
    const char *status_names;
} isg_fits_group;

/** Create a dataset of the group with its attributes. @param data  all of it, or NULL: blank */
isg_err isg_fits_put(const isg_fits_group *group, isg_fits_col col, const void *data);

/** Read all of a dataset that must have n elements. */
isg_err isg_fits_read(hid_t group, isg_fits_col col, size_t n, void *out);

/** Read the n strings of a dataset. Caller: isg_names_free(). */
isg_err isg_fits_read_names(hid_t group, isg_fits_col col, char ***out, size_t *n);

/** Elements of a dataset; 0 if it is not there. */
size_t isg_fits_count(hid_t group, isg_fits_col col);

/** Write an attribute, also over one that is there. */
isg_err isg_fits_note(hid_t group, const isg_fitfile_note *note);
isg_err isg_fits_note_text(hid_t group, const char *name, const char *text);

/** SHA-256 of the RESULT columns of the group and of the groups of its sets, where they are. */
isg_err isg_fits_digest(hid_t group, const char *sets, char out[65]);

/** SHA-256 of a text. */
void isg_fits_sha256(const char *text, char out[65]);

/** The n-th of several names separated by blanks, or false. */
bool isg_fits_word(const char *words, size_t n, char out[80]);

/**
 * Change the shape of PATH: `change` gets a copy of it (or a new file), which takes its place
 * when all went well. A kill leaves the old or the new file, and at most PATH.tmp.
 */
isg_err isg_fits_change(const char *path, isg_lock *lock, isg_err (*change)(void *ctx, hid_t file),
                        void *ctx);

/** Put the group of a fit that begins into a file. @param replace  remove it first */
isg_err isg_fits_begin(hid_t file, const isg_fitfile_plan *plan, bool replace);

/** What a fit that becomes complete is given. */
typedef struct isg_fits_ending {
    const char *fit;
    size_t n_params, n_sets;
    const char *const *sets; /**< [n_sets] names */
    const isg_fitfile_result *result;
} isg_fits_ending;

isg_err isg_fits_end(hid_t file, const isg_fits_ending *ending);

/** Is the fit in the group the one of the plan? ISG_EUSAGE with a list of what differs. */
isg_err isg_fits_check(hid_t group, const isg_fitfile_plan *plan, bool complete);

#endif
