#include "cmd.h"

#include <stddef.h>

/* In the order of a user's day; tests/lint checks that each has a test. */
const isg_cmd *const isg_cmds[] = {
    NULL,
};
