#include "isogloss/log.h"

#include "isogloss/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static isg_log_level least = ISG_LOG_WARN;
static int my_rank = -1;
static void (*hook_before)(void);
static void (*hook_after)(void);

void isg_log_set_level(isg_log_level level)
{
    least = level;
}

void isg_log_set_rank(int rank)
{
    my_rank = rank;
}

void isg_log_set_hooks(void (*before)(void), void (*after)(void))
{
    hook_before = before;
    hook_after = after;
}

void isg_log(isg_log_level level, const char *module, const char *fmt, ...)
{
    static const char *const name[] = {"info", "warn"};
    char line[4096], when[ISG_TIME_BYTES];
    va_list ap;

    if (level < least) return;
    int n = snprintf(line, sizeof line, "%s ", isg_time_iso(isg_time_now(), when));
    if (my_rank >= 0) n += snprintf(line + n, sizeof line - (size_t)n, "rank=%d ", my_rank);
    n += snprintf(line + n, sizeof line - (size_t)n, "%s %s: ", name[level], module);
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    if (m > 0) n += m;
    if ((size_t)n > sizeof line - 2) n = (int)sizeof line - 2;
    line[n++] = '\n';
    if (hook_before) hook_before();
    /* One write, so that lines of several ranks do not mix. */
    if (write(STDERR_FILENO, line, (size_t)n) < 0) { /* nowhere left to say it */
    }
    if (hook_after) hook_after();
}
