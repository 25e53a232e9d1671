#ifndef ISG_RUN_CHILD_H
#define ISG_RUN_CHILD_H

/**
 * A trainer process behind isogloss-guard, spoken to over pipes that never
 * block. It is over when no process of its family is left. A guard that is
 * stopped or hangs, and so owes something for too long, is killed, and with it
 * what it guarded.
 *
 * This process must be a child subreaper (isg_child_inherit): if a guard is
 * killed, what its trainer started comes here, and isg_child_pump ends it.
 */

#include "isogloss/err.h"
#include "isogloss/str.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { ISG_CHILD_FDS = 4, ISG_CHILD_TAIL = 64 << 10 };

typedef struct isg_child isg_child;

typedef struct isg_child_spec {
    const char *guard;      /**< path of isogloss-guard */
    char *const *argv;      /**< program and arguments, NULL-ended */
    const char *const *env; /**< "NAME=VALUE" over the environment, NULL-ended; NULL: nothing */
    const char *dir;        /**< working directory */
    double grace_s;         /**< between TERM and KILL */
    double guard_limit_s;   /**< for the guard to start, to end after the grace, to tell */
    bool talk; /**< stdin and stdout carry the protocol; else stdout goes with stderr */
} isg_child_spec;

typedef enum isg_child_state {
    ISG_CHILD_RUNS,
    ISG_CHILD_EXITED,    /**< code: exit code */
    ISG_CHILD_SIGNALED,  /**< code: signal */
    ISG_CHILD_UNSTARTED, /**< code: errno of the failed exec */
    ISG_CHILD_LOST       /**< the guard was killed, and the trainer with it */
} isg_child_state;

/** What it wrote on stdout. */
typedef void isg_child_output(void *ctx, const char *bytes, size_t n);

/** Once, before the first child: orphans of killed guards come to this process. */
isg_err isg_child_inherit(void);

isg_err isg_child_start(const isg_child_spec *spec, isg_child **out);

/** Kills it, waits until its family is gone (with a limit), frees. Accepts NULL. */
void isg_child_destroy(isg_child **child);

/** Queue a text for its stdin. What it no longer reads is dropped. */
isg_err isg_child_write(isg_child *child, const char *text);

/** End the family: TERM and KILL after the grace, or KILL at once. May be repeated. */
void isg_child_end(isg_child *child, bool gently);

/** No more of its stdout (a flood blocks it, until it is ended). */
void isg_child_deafen(isg_child *child);

/** What to wait for. @return how many of `fds` are filled */
size_t isg_child_fds(const isg_child *child, struct pollfd fds[ISG_CHILD_FDS]);

/**
 * Move what can be moved, at most some 100 kB, without blocking.
 * @param heard  true if it wrote anything, on stdout or stderr
 */
isg_err isg_child_pump(isg_child *child, isg_child_output *output, void *ctx, bool *heard);

isg_child_state isg_child_how(const isg_child *child, int *code);

/** No process of the family is left and every byte was read. */
bool isg_child_over(const isg_child *child);

/** Its guard has left: nothing more will wake a poll(), so look again soon. */
bool isg_child_closing(const isg_child *child);

/** Process id of its guard, and of the trainer once the guard has told it (0 before), for logs and
 * tests. */
long isg_child_guard(const isg_child *child);
long isg_child_trainer(const isg_child *child);

/** The last ISG_CHILD_TAIL bytes of its stderr. */
const isg_str *isg_child_tail(isg_child *child);

#endif
