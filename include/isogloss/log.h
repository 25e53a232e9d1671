#ifndef ISOGLOSS_LOG_H
#define ISOGLOSS_LOG_H

/**
 * The log goes to stderr, results go to stdout. A line is
 * `2026-11-21T22:52:58Z rank level module message key=value`.
 * A clean run logs nothing at warn or above.
 */

typedef enum isg_log_level { ISG_LOG_INFO, ISG_LOG_WARN } isg_log_level;

/** Least level that is printed (default: WARN; `-v` INFO). */
void isg_log_set_level(isg_log_level level);

/** Rank shown in each line; negative: no rank column (single process). */
void isg_log_set_rank(int rank);

/**
 * Called before and after each line, so that a progress bar can step aside.
 * NULL removes it.
 */
void isg_log_set_hooks(void (*before)(void), void (*after)(void));

void isg_log(isg_log_level level, const char *module, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define ISG_INFO(module, ...) isg_log(ISG_LOG_INFO, (module), __VA_ARGS__)
#define ISG_WARN(module, ...) isg_log(ISG_LOG_WARN, (module), __VA_ARGS__)

#endif
