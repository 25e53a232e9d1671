#ifndef ISG_CLI_CMD_H
#define ISG_CLI_CMD_H

/** One const entry per command; main() finds it, runs it, turns the code into an exit status. */

#include "isogloss/err.h"
#include "isogloss/opt.h"

typedef struct isg_cmd {
    const char *name;
    const char *summary; /**< one line for `isogloss --help` */
    /**
     * Parse and run. argv[0] is the command's name. On `--help` print usage and
     * options on stdout and return ISG_OK. Results on stdout, talk on stderr.
     * A returned failure is printed by main() as "isogloss NAME: MESSAGE".
     */
    isg_err (*run)(int argc, char **argv);
} isg_cmd;

/** All commands, ended by a NULL name (src/cli/table.c). */
extern const isg_cmd *const isg_cmds[];

/**
 * Parse options and handle --help in one call.
 * @param usage  lines after "Usage: isogloss ", newline-separated alternatives
 * @param about  a paragraph or NULL
 * @param done   set to true when help was printed and the command should return ISG_OK
 */
isg_err isg_cmd_parse(const char *usage, const char *about, const isg_opt *opts, int argc,
                      char **argv, int *operands, bool *done);

/** Ranks other than the first print no help. */
void isg_cmd_hush(bool hushed);

/** ISG_EUSAGE "wanted WHAT, got N" unless `met`. @param what  such as "one campaign file" */
isg_err isg_cmd_wants(bool met, const char *what, int got);

#endif
