#ifndef ISOGLOSS_COMMAND_H
#define ISOGLOSS_COMMAND_H

/**
 * The argv of `trainer: {kind: command}`: words with templates, never a shell.
 *
 * `{run.id}` `{attempt}` `{dir}` `{tokens}` `{seed}` `{data_seed}` `{schedule}`
 * `{corpus}` `{cores}` `{gpus}` `{shape.d}` `{shape.layers}` `{shape.heads}`
 * `{shape.context}` `{shape.vocab}` `{shape.n_total}` `{shape.n_nonembedding}`
 * `{setting.NAME}`; `{{` and `}}` are plain braces.
 */

#include "isogloss/err.h"
#include "isogloss/plan.h"

#include <stddef.h>
#include <stdint.h>

/** What only the worker knows of an attempt. */
typedef struct isg_command_site {
    const char *dir; /**< the attempt's directory */
    uint32_t attempt, cores, gpus;
} isg_command_site;

/**
 * Are all templates of one word known?
 * @return ISG_ESPEC naming the word, the template and the nearest known one
 */
isg_err isg_command_check(const isg_plan *plan, const char *word);

/** The argv for one run, NULL-ended. Caller: isg_command_free(). */
isg_err isg_command_expand(const isg_plan *plan, size_t run, const isg_command_site *site,
                           char ***out);

void isg_command_free(char ***argv);

#endif
