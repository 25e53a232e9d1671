#ifndef ISOGLOSS_CORPUS_EXTRACT_H
#define ISOGLOSS_CORPUS_EXTRACT_H

/**
 * Text out of well-known archives, as KEY<TAB>TEXT lines for a corpus with
 * `keys: column`. An archive is read as a stream and never unpacked to disk.
 */

#include "isogloss/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct isg_extract_format {
    const char *name;
    const char *summary; /**< one line for the help */
} isg_extract_format;

extern const isg_extract_format isg_extract_formats[]; /**< ends with a NULL name */

typedef struct isg_extract_counts {
    size_t members;   /**< files of the archive that were read */
    size_t languages; /**< files written */
    uint64_t lines;
} isg_extract_counts;

/**
 * Read a tar stream, write `dir`/LANGUAGE.txt for each language in it. A file
 * appears under its name only when the whole stream was read.
 * @param only  languages to write, separated by commas, as the archive names them; NULL: all
 * @return ISG_OK; ISG_EUSAGE for an unknown format; ISG_EINPUT if the stream is
 *         no tar, is cut short, or holds no text of this format
 */
isg_err isg_corpus_extract(const char *format, FILE *tar, const char *only, const char *dir,
                           isg_extract_counts *counts);

#endif
