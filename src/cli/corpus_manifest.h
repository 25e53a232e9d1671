#ifndef ISG_CLI_CORPUS_MANIFEST_H
#define ISG_CLI_CORPUS_MANIFEST_H

/** The YAML file that says which languages a corpus has and how it is built (docs/corpus.md). */

#include "campaign/arena.h"
#include "isogloss/corpus_build.h"

typedef struct isg_manifest {
    isg_arena arena;          /**< owns everything below */
    isg_corpus_recipe recipe; /**< base is the manifest's directory */
} isg_manifest;

/** @return ISG_OK; ISG_ESPEC with every error as FILE:LINE:COLUMN */
isg_err isg_manifest_read(const char *path, isg_manifest *out);
void isg_manifest_free(isg_manifest *manifest);

/** Print the options table, for the help. */
void isg_manifest_help(void);

#endif
