#ifndef ISOGLOSS_OS_H
#define ISOGLOSS_OS_H

/** Files, time and the machine, with messages that name the path. */

#include "isogloss/err.h"
#include "isogloss/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ISG_TIME_BYTES = 32 };

/** Seconds since the epoch (wall clock), for records and messages only. */
double isg_time_now(void);

/** Seconds on the monotonic clock, for waits and durations. */
double isg_time_mono(void);

/** CPU seconds of this process (all threads). */
double isg_time_cpu(void);

/** "2026-11-21T22:52:58Z" in `buf`, which is returned. */
const char *isg_time_iso(double t, char buf[ISG_TIME_BYTES]);

/** Nap; may return early on a signal. */
void isg_nap(double seconds);

/** Read a whole file (at most `limit` bytes, else ISG_EINPUT) into `out`. */
isg_err isg_file_read(const char *path, size_t limit, isg_str *out);

/**
 * Write a file so that after a crash either the old or the new content is
 * there: temporary name, fsync, rename, fsync of the directory.
 */
isg_err isg_file_write(const char *path, const void *data, size_t n);

/** Write a file that nobody misses after a crash of the machine: not synced, in place. @return ISG_EIO */
isg_err isg_file_put(const char *path, const void *data, size_t n);

/** fsync the directory that holds `path`. */
isg_err isg_dir_sync_of(const char *path);

bool isg_path_exists(const char *path);
bool isg_path_is_dir(const char *path);

/** Create a directory and its missing parents (0777 & ~umask). */
isg_err isg_dir_make(const char *path);

/** Remove a file or a directory tree; fine if it is absent. Never follows links. */
isg_err isg_path_remove(const char *path);

/** `dir/name`, or `name` alone if it is absolute. NULL when out of memory; caller frees. */
char *isg_path_join(const char *dir, const char *name);

/** Directory part ("." if none). Caller frees. */
char *isg_path_dir(const char *path);

/** Last part of a path; points into `path`. */
const char *isg_path_base(const char *path);

/** Absolute path without resolving links. Caller frees. */
char *isg_path_absolute(const char *path);

/**
 * A program that ships with isogloss ("isogloss-train"): $ISOGLOSS_LIBEXEC,
 * beside this executable, or ../libexec/isogloss of it. Caller frees.
 */
isg_err isg_exe_helper(const char *name, char **out);

/** Cores this process may use (affinity mask, of any size), at least 1. */
size_t isg_os_cores(void);

/** Memory that this process may hope for: the machine's, or the least limit of its control group
 * and of those that hold it, if that is less [byte]; 0: not known. */
uint64_t isg_os_memory(void);

/**
 * That limit (cgroups(7), versions 1 and 2) [byte]; UINT64_MAX: none is set, or to be seen.
 * @param mount   where control groups are mounted: /sys/fs/cgroup
 * @param groups  file that says the groups of this process: /proc/self/cgroup
 */
uint64_t isg_os_memory_limit(const char *mount, const char *groups);

/** Short host name in a static buffer. */
const char *isg_os_host(void);

#endif
