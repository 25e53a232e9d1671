#ifndef ISG_CORPUS_SOURCE_H
#define ISG_CORPUS_SOURCE_H

/** Input files: found by name, directory or pattern; read line by line, unpacked on the way. */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

typedef struct isg_source_file {
    char *path;
    char *key; /**< path below the listed directory or pattern, without .xz and the like */
} isg_source_file;

typedef struct isg_source_list {
    isg_source_file
        *file; /**< [n] in order of the names given; inside a directory sorted by bytes */
    size_t n, cap;
} isg_source_list;

/** Add what `name` (a file, a directory tree or a glob pattern below `base`) stands for; at least one file. */
isg_err isg_source_find(isg_source_list *list, const char *base, const char *name);
void isg_source_list_free(isg_source_list *list);

typedef struct isg_source {
    const char *path; /**< borrowed */
    FILE *in;
    pid_t child; /**< the unpacking program, 0 if none */
    const char *program;
    char *line; /**< without '\n' and '\r', valid until the next call; not 0-terminated text */
    size_t n, cap;
    uint64_t offset; /**< of `line` in the unpacked text */
    uint64_t next;
} isg_source;

isg_err isg_source_open(const char *path, isg_source *out);

/** Next line. @param got false at the end of the text */
isg_err isg_source_line(isg_source *source, bool *got);

/** Close; a failure of the unpacking program is a failure here. Safe after any error. */
isg_err isg_source_close(isg_source *source);

#endif
