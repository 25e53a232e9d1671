#ifndef ISG_TEST_CHECK_H
#define ISG_TEST_CHECK_H

/**
 * Checks that do not stop the test, print got, wanted and tolerance, and
 * decide the exit status. `int main(void) { ...; return check_done(); }`
 */

#include "isogloss/err.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned check_passed, check_failed;

static inline int check_note(int good, const char *file, int line)
{
    if (good) {
        check_passed++;
    } else {
        check_failed++;
        fprintf(stderr, "%s:%d: ", file, line);
    }
    return good;
}

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!check_note(!!(cond), __FILE__, __LINE__)) fprintf(stderr, "not true: %s\n", #cond);   \
    } while (0)

#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        isg_err check_rc_ = (call);                                                                \
        if (!check_note(check_rc_ == ISG_OK, __FILE__, __LINE__))                                  \
            fprintf(stderr, "%s failed: %s: %s\n", #call, isg_err_text(check_rc_),                 \
                    isg_err_message());                                                            \
    } while (0)

/* The call must fail with this code and say `part` in its message. */
#define CHECK_FAILS(call, code, part)                                                              \
    do {                                                                                           \
        isg_err check_rc_ = (call);                                                                \
        if (!check_note(check_rc_ == (code) && strstr(isg_err_message(), part), __FILE__,          \
                        __LINE__))                                                                 \
            fprintf(stderr, "%s: got %s: \"%s\", wanted %s saying \"%s\"\n", #call,                \
                    isg_err_text(check_rc_), isg_err_message(), isg_err_text(code), part);         \
    } while (0)

#define CHECK_EQ_U64(got, wanted)                                                                  \
    do {                                                                                           \
        unsigned long long got_ = (unsigned long long)(got),                                       \
                           wanted_ = (unsigned long long)(wanted);                                 \
        if (!check_note(got_ == wanted_, __FILE__, __LINE__))                                      \
            fprintf(stderr, "%s: got %llu, wanted %llu\n", #got, got_, wanted_);                   \
    } while (0)

#define CHECK_STR(got, wanted)                                                                     \
    do {                                                                                           \
        const char *got_ = (got), *wanted_ = (wanted);                                             \
        if (!check_note(got_ && !strcmp(got_, wanted_), __FILE__, __LINE__))                       \
            fprintf(stderr, "%s: got \"%s\", wanted \"%s\"\n", #got, got_ ? got_ : "(null)",       \
                    wanted_);                                                                      \
    } while (0)

/* |got - wanted| <= tol * max(1, |wanted|) */
#define CHECK_NEAR(got, wanted, tol)                                                               \
    do {                                                                                           \
        double got_ = (got), wanted_ = (wanted), tol_ = (tol);                                     \
        double scale_ = fabs(wanted_) > 1 ? fabs(wanted_) : 1;                                     \
        if (!check_note(fabs(got_ - wanted_) <= tol_ * scale_, __FILE__, __LINE__))                \
            fprintf(stderr, "%s: got %.17g, wanted %.17g, tolerance %g\n", #got, got_, wanted_,    \
                    tol_);                                                                         \
    } while (0)

static inline int check_done(void)
{
    printf("%u checks passed, %u failed\n", check_passed, check_failed);
    return check_failed || !check_passed;
}

#endif
