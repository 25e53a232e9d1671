#ifndef ISG_CORPUS_TAR_H
#define ISG_CORPUS_TAR_H

/** Members of a tar stream (POSIX ustar and pax, GNU long names), one after the other. */

#include "isogloss/err.h"
#include "isogloss/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct isg_tar {
    FILE *in;
    isg_str name;  /**< of the current member */
    uint64_t left; /**< bytes of the member not yet read, padding included */
    uint64_t size; /**< of the member */
} isg_tar;

/** Go to the next regular file. @param got false at the end of the archive */
isg_err isg_tar_next(isg_tar *tar, bool *got);

/** Read the member whole (at most 256 MiB). */
isg_err isg_tar_read(isg_tar *tar, isg_str *out);

void isg_tar_free(isg_tar *tar);

#endif
