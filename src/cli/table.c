#include "cmd.h"

#include <stddef.h>

extern const isg_cmd isg_cmd_check;
extern const isg_cmd isg_cmd_plan;
extern const isg_cmd isg_cmd_run;
extern const isg_cmd isg_cmd_corpus;
extern const isg_cmd isg_cmd_status;
extern const isg_cmd isg_cmd_extend;
extern const isg_cmd isg_cmd_export;
extern const isg_cmd isg_cmd_import;
extern const isg_cmd isg_cmd_fit;
extern const isg_cmd isg_cmd_methods;
extern const isg_cmd isg_cmd_simulate;
extern const isg_cmd isg_cmd_compare;
extern const isg_cmd isg_cmd_laws;

/* In the order of a user's day; tests/lint checks that each has a test. */
const isg_cmd *const isg_cmds[] = {
    /* clang-format off: one a line, so that additions do not meet */
    &isg_cmd_check,   &isg_cmd_plan,
    &isg_cmd_run,     &isg_cmd_corpus,
    &isg_cmd_status,  &isg_cmd_extend,
    &isg_cmd_export,  &isg_cmd_import,
    &isg_cmd_laws,    &isg_cmd_simulate,
    &isg_cmd_fit,     &isg_cmd_compare,
    &isg_cmd_methods, NULL,
    /* clang-format on */
};
