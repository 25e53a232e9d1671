#include "isogloss/err.h"

#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 2048 };

static _Thread_local char message[MESSAGE_BYTES];

static const struct {
    const char *text;
    int status;
} table[] = {
#define X(sym, text, status) {text, status},
    ISG_ERR_LIST(X)
#undef X
};

static bool known(isg_err rc)
{
    return (size_t)rc < sizeof table / sizeof table[0];
}

const char *isg_err_text(isg_err rc)
{
    return known(rc) ? table[rc].text : "unknown error";
}

int isg_err_exit_status(isg_err rc)
{
    return known(rc) ? table[rc].status : 1;
}

const char *isg_err_message(void)
{
    return message;
}

void isg_err_clear(void)
{
    message[0] = '\0';
}

isg_err isg_err_fail(isg_err rc, const char *fmt, ...)
{
    char text[MESSAGE_BYTES]; /* arguments may point into the old message */
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(message, text, sizeof message);
    return rc;
}

isg_err isg_err_context(isg_err rc, const char *fmt, ...)
{
    char text[MESSAGE_BYTES];
    va_list ap;
    int used;

    if (rc == ISG_OK) return rc;
    va_start(ap, fmt);
    used = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (used < 0) return rc;
    size_t at = (size_t)used < sizeof text ? (size_t)used : sizeof text - 1;
    (void)snprintf(text + at, sizeof text - at, ": %s", message[0] ? message : isg_err_text(rc));
    memcpy(message, text, sizeof message);
    return rc;
}
