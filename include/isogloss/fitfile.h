#ifndef ISOGLOSS_FITFILE_H
#define ISOGLOSS_FITFILE_H

/**
 * Fits kept in a file: groups /fits/NAME of an HDF5 file that netCDF-4 readers
 * open (schemas/fits.md). A fit is put there when its bootstrap begins; blocks
 * of replicates follow as they are computed, in any order, each with a mark;
 * results come last. Whatever is killed whenever, the next opening finds the
 * blocks that are marked, and only the others are computed.
 *
 * The file knows nothing of laws: parameters are names, replicates are rows of
 * numbers, everything else is an attribute that the caller names.
 *
 * Everything here is for one process (rank 0). Collective: no.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct isg_fitfile isg_fitfile;

/** An attribute of the fit's group: a text, or else a number. */
typedef struct isg_fitfile_note {
    const char *name;
    const char *text; /**< NULL: a number */
    double number;
    bool whole; /**< written as an unsigned integer */
} isg_fitfile_note;

typedef struct isg_fitfile_source {
    const char *path;
    const char *sha256; /**< of its content; what has another one is other data */
} isg_fitfile_source;

/** One bootstrap of the fit: replicates 0 .. replicates-1 in blocks of `per_block`. */
typedef struct isg_fitfile_set {
    const char *name; /**< what is resampled; also the name of its group if there are several */
    size_t replicates, per_block; /**< >= 1 */
} isg_fitfile_set;

/** What is known when a bootstrap begins. Borrowed for the call. */
typedef struct isg_fitfile_plan {
    const char *name;    /**< of the fit (isg_str_is_name) */
    const char *request; /**< JSON object: the options; another one is another fit */
    const char *version; /**< of the program: replicates of two versions are not mixed */
    const isg_fitfile_source *sources;
    size_t n_sources;                          /**< >= 1 */
    size_t n_params;                           /**< >= 1 */
    const char *const *param, *const *meaning; /**< [n_params] */
    const double *estimate;                    /**< [n_params] natural, of the full fit */
    const double *theta;                       /**< [n_params] internal, of the full fit */
    const bool *identified, *at_bound;         /**< [n_params] */
    const isg_fitfile_set *sets;
    size_t n_sets; /**< 0: no intervals */
    const char
        *status_names; /**< codes 0, 1, ... of a replicate, separated by blanks; 0: missing */
    const isg_fitfile_note *notes;
    size_t n_notes;
    int ranks; /**< of this launch */
} isg_fitfile_plan;

typedef enum isg_fitfile_state {
    ISG_FITFILE_NEW,      /**< nothing was there */
    ISG_FITFILE_BEGUN,    /**< some blocks may be there */
    ISG_FITFILE_COMPLETE, /**< with its results; nothing more can be written */
} isg_fitfile_state;

/**
 * Take the file's lock and find the fit, or put it there (the file is created,
 * or replaced by one that also holds this fit; other fits stay as they are).
 *
 * @param replace  begin the fit anew if it is there
 * @return ISG_OK; ISG_EUSAGE saying what differs when a fit of that name was made of
 * other data or with other options; ISG_ESTORE when the file is damaged or not ours;
 * ISG_EBUSY when another process writes it; ISG_EIO.
 */
isg_err isg_fitfile_open(const char *path, const isg_fitfile_plan *plan, bool replace,
                         isg_fitfile **out);

/** Release the lock. Blocks that were put and not synced are lost unless isg_fitfile_sync(). */
void isg_fitfile_close(isg_fitfile **file);

isg_fitfile_state isg_fitfile_was(const isg_fitfile *file); /**< when it was opened */

/** Blocks that were marked and did not fit their mark: they are made again. */
size_t isg_fitfile_torn(const isg_fitfile *file);

size_t isg_fitfile_blocks(const isg_fitfile *file, size_t set);
bool isg_fitfile_has(const isg_fitfile *file, size_t set, size_t block);

/**
 * Read a block that is there.
 * @param theta   [per_block][n_params] (fewer rows in the last block), or NULL
 * @param natural  the same shape, or NULL
 * @param status  [per_block], or NULL
 */
isg_err isg_fitfile_get(const isg_fitfile *file, size_t set, size_t block, double *theta,
                        double *natural, uint8_t *status);

/**
 * Write a block. It counts once marked: a few times a second, and by isg_fitfile_sync().
 * @return ISG_OK; ISG_EIO; ISG_EBUSY when another process has taken the file over
 */
isg_err isg_fitfile_put(isg_fitfile *file, size_t set, size_t block, const double *theta,
                        const double *natural, const uint8_t *status);

/** Sync what was put, mark it, and sync the marks. */
isg_err isg_fitfile_sync(isg_fitfile *file);

/** Intervals of n numbers; NaN: none. `method` says how, or why not. */
typedef struct isg_fitfile_intervals {
    const double *se, *lo, *hi, *share_at_bound; /**< [n]; the last may be NULL */
    const char *const *method;                   /**< [n] */
    const char *const *set;                      /**< [n] whose interval it is; "": none's */
} isg_fitfile_intervals;

/** Borrowed for the call. */
typedef struct isg_fitfile_result {
    size_t n_derived;
    const char *const *derived, *const *derived_meaning; /**< [n_derived] */
    const double *derived_estimate;                      /**< [n_derived] */
    isg_fitfile_intervals param, of_derived; /**< of parameters and of derived numbers */
    /** [n_sets] what each of several sets says of them; not read where there is one, or none */
    const isg_fitfile_intervals *set_param, *set_derived;
    size_t headline;               /**< the set whose replicates stand for the fit */
    const isg_fitfile_note *notes; /**< further attributes; a name may come again */
    size_t n_notes;
    const char *report; /**< the complete result as JSON text */
} isg_fitfile_result;

/**
 * Write the results and make the fit complete, in one step: the file is replaced by one that
 * has them. Every block must be there. Nothing more can be written; reading goes on.
 */
isg_err isg_fitfile_finish(isg_fitfile *file, const isg_fitfile_result *result);

/** SHA-256 over the result variables of a complete fit: equal fits have equal digests.
 * @param out 64 hex digits */
isg_err isg_fitfile_digest(const isg_fitfile *file, char out[65]);

/** The report of a complete fit. Caller frees. */
isg_err isg_fitfile_report(const isg_fitfile *file, char **out);

/**
 * The report of a complete fit of a file, for reading verbs: no lock is taken.
 * @param name  NULL: the only fit of the file
 * @return ISG_OK; ISG_EUSAGE naming the fits that are there; ISG_EDATA when it is not complete;
 * ISG_ESTORE when the file is damaged or not one of fits
 */
isg_err isg_fitfile_read_report(const char *path, const char *name, char **out);

/** Is it an HDF5 file of fits? @return ISG_OK; ISG_EIO if it cannot be read */
isg_err isg_fitfile_is(const char *path, bool *is);

#endif
