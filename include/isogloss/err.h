#ifndef ISOGLOSS_ERR_H
#define ISOGLOSS_ERR_H

/**
 * Failures: one list of codes, one message per thread.
 *
 * Three kinds of wrong: a bug asserts, a failure returns an
 * isg_err with a message, an outcome (diverged, no crossing) is data.
 * A message names the thing and the value and, where known, the remedy.
 */

#include <stdarg.h>
#include <stdbool.h>

/* X(symbol, text, exit status) -- the exit statuses are the public table:
 * 0 done, 1 failure, 2 usage or bad campaign, 3 finished but some runs failed
 * for good, 4 store damaged, 5 the data do not say, 75 work left: run again. */
#define ISG_ERR_LIST(X)                                                                            \
    X(ISG_OK, "done", 0)                                                                           \
    X(ISG_EFAIL, "failure", 1)                                                                     \
    X(ISG_ENOMEM, "out of memory", 1)                                                              \
    X(ISG_EIO, "input/output error", 1)                                                            \
    X(ISG_EARG, "invalid argument", 1)                                                             \
    X(ISG_EMPI, "MPI error", 1)                                                                    \
    X(ISG_EPROTO, "protocol violated", 1)                                                          \
    X(ISG_EBUSY, "in use by another process", 1)                                                   \
    X(ISG_EABSENT, "not available in this build", 1)                                               \
    X(ISG_EUSAGE, "usage error", 2)                                                                \
    X(ISG_ESPEC, "bad campaign", 2)                                                                \
    X(ISG_EINPUT, "bad input data", 2)                                                             \
    X(ISG_ESOME, "finished, but some runs failed", 3)                                              \
    X(ISG_ESTORE, "store damaged", 4)                                                              \
    X(ISG_EDATA, "the data do not say", 5)                                                         \
    X(ISG_EAGAIN, "work left: run the same command again", 75)

typedef enum isg_err {
#define X(sym, text, status) sym,
    ISG_ERR_LIST(X)
#undef X
} isg_err;

/** Text of a code; never NULL. */
const char *isg_err_text(isg_err rc);

/** Process exit status of a code (see the list above). */
int isg_err_exit_status(isg_err rc);

/** Message of the last failure on this thread; "" when there was none. */
const char *isg_err_message(void);

/** Record a formatted message and return `rc`. Use through ISG_FAIL. */
isg_err isg_err_fail(isg_err rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * Put "CONTEXT: " before the current message if `rc` is a failure.
 * @return rc unchanged, so that it can close a function.
 */
isg_err isg_err_context(isg_err rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Forget the message of this thread (after a failure was handled). */
void isg_err_clear(void);

#define ISG_FAIL(rc, ...) isg_err_fail((rc), __VA_ARGS__)

/* Only while the function owns nothing; otherwise one `done:` label. */
#define ISG_TRY(call)                                                                              \
    do {                                                                                           \
        isg_err isg_try_rc_ = (call);                                                              \
        if (isg_try_rc_) return isg_try_rc_;                                                       \
    } while (0)

#endif
