/* One campaign, one writer.
 *
 * On one host the kernel decides: rank 0 holds a flock on PATH.lock, which ends with the process,
 * however it ends. A flock may not be seen from another host, so the file also says who holds it:
 * host, pid, job, a random owner and a heartbeat. From elsewhere the lock is free if Slurm says
 * that the holder's job is gone, else if the heartbeat is older than 120 s. Taking raises the
 * epoch and writes a new owner; the former leader reads the file before each group of marks
 * (isg_lock_check), finds another owner and stops writing.
 *
 * The text is one write of a fixed number of bytes, so a reader sees the old or the new one. The
 * file is removed on release while the flock is held; who then gets the flock of a removed file
 * notices and opens the new one. */
#include "internal.h"

#include "isogloss/os.h"
#include "isogloss/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_BYTES = 512, STALE_S = 120, BEAT_S = 10, TRIES = 10 };

typedef struct holder {
    isg_lock_info info;
    char owner[33];   /* random; tells two holders with equal host and pid apart */
    uint64_t restart; /* SLURM_RESTART_COUNT: a requeued job is another one */
} holder;

struct isg_lock {
    char *path;
    int fd;
    holder me;
};

static const char *job_of_environment(void)
{
    const char *job = getenv("SLURM_JOB_ID");
    return job ? job : "";
}

static uint64_t restart_of_environment(void)
{
    uint64_t n = 0;
    const char *text = getenv("SLURM_RESTART_COUNT");
    return text && isg_str_to_u64(text, &n) ? n : 0;
}

/* ---- the text --------------------------------------------------------------- */

static void copy_text(const json_t *object, const char *key, char *to, size_t cap)
{
    const char *text = json_string_value(json_object_get(object, key));
    (void)snprintf(to, cap, "%s", text ? text : "");
}

static void copy_u64(const json_t *object, const char *key, uint64_t *to)
{
    *to = (uint64_t)json_integer_value(json_object_get(object, key));
}

/* False if the file says nothing usable: empty, or the text of something else. */
static bool read_holder(int fd, holder *h)
{
    char text[TEXT_BYTES + 1];
    json_t *object = NULL;
    uint64_t pid;
    *h = (holder){0};
    ssize_t n = pread(fd, text, TEXT_BYTES, 0);
    if (n <= 0 || isg_json_parse(text, (size_t)n, "lock", &object) || !json_is_object(object)) {
        json_decref(object);
        isg_err_clear();
        return false;
    }
    copy_text(object, "host", h->info.host, sizeof h->info.host);
    copy_text(object, "job", h->info.job, sizeof h->info.job);
    copy_text(object, "owner", h->owner, sizeof h->owner);
    copy_u64(object, "pid", &pid);
    copy_u64(object, "epoch", &h->info.epoch);
    copy_u64(object, "restart", &h->restart);
    h->info.pid = (long)pid;
    h->info.since = json_number_value(json_object_get(object, "since"));
    h->info.heartbeat = json_number_value(json_object_get(object, "heartbeat"));
    json_decref(object);
    return h->owner[0] != '\0';
}

static isg_err write_holder(const isg_lock *lock)
{
    const holder *h = &lock->me;
    char text[TEXT_BYTES];
    int n = snprintf(text, sizeof text,
                     "{\"host\":\"%s\",\"pid\":%ld,\"job\":\"%s\",\"restart\":%llu,\"epoch\":%llu,"
                     "\"owner\":\"%s\",\"since\":%.3f,\"heartbeat\":%.3f}",
                     h->info.host, h->info.pid, h->info.job, (unsigned long long)h->restart,
                     (unsigned long long)h->info.epoch, h->owner, h->info.since, h->info.heartbeat);
    if (n < 0 || n >= TEXT_BYTES)
        return ISG_FAIL(ISG_EIO, "lock text too long for '%s'", lock->path);
    memset(text + n, ' ', (size_t)(TEXT_BYTES - 1 - n));
    text[TEXT_BYTES - 1] = '\n';
    if (pwrite(lock->fd, text, TEXT_BYTES, 0) != TEXT_BYTES || fdatasync(lock->fd)) {
        return ISG_FAIL(ISG_EIO, "cannot write the lock '%s': %s", lock->path, strerror(errno));
    }
    return ISG_OK;
}

/* ---- is the holder alive? -------------------------------------------------- */

/* Up to cap - 1 bytes of a command's output within `limit_s`. @return its exit status or -1 */
static int ask(char *const argv[], double limit_s, char *out, size_t cap)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    int pipe_fd[2], status = -1;
    size_t n = 0;
    pid_t pid;
    out[0] = '\0';
    if (pipe(pipe_fd)) return -1;
    (void)fcntl(pipe_fd[0], F_SETFD, FD_CLOEXEC);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], 1);
    (void)posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], 2);
    (void)posix_spawn_file_actions_addclose(&actions, pipe_fd[1]);
    bool started = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(pipe_fd[1]);
    double end = isg_time_mono() + limit_s;
    struct pollfd p = {.fd = pipe_fd[0], .events = POLLIN};
    bool ended = !started;
    while (!ended && isg_time_mono() < end) {
        if (poll(&p, 1, 100) <= 0) continue;
        ssize_t got = read(pipe_fd[0], out + n, cap - 1 - n);
        if (got > 0) n += (size_t)got;
        ended = got == 0 || n == cap - 1;
    }
    out[n] = '\0';
    (void)close(pipe_fd[0]);
    if (!started) return -1;
    if (!ended) (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

typedef enum verdict { ALIVE, GONE, UNKNOWN } verdict;

static verdict ask_slurm(const holder *h)
{
    enum { LIMIT_S = 10 };
    char out[512], job[64];
    (void)snprintf(job, sizeof job, "%s", h->info.job);
    char *const argv[] = {(char[]){"squeue"},
                          (char[]){"-h"},
                          (char[]){"-o"},
                          (char[]){"%T"},
                          (char[]){"-j"},
                          job,
                          NULL};
    if (!isg_str_is_name(job)) return UNKNOWN;
    /* A requeued job keeps its number: our own number with another count is our dead former self.
     */
    if (!strcmp(job, job_of_environment()) && h->restart != restart_of_environment()) return GONE;
    int status = ask(argv, LIMIT_S, out, sizeof out);
    if (status < 0 || status == 127) return UNKNOWN;
    if (strstr(out, "Invalid job id")) return GONE;
    if (status != 0) return UNKNOWN;
    static const char *const live[] = {"RUNNING",   "COMPLETING", "SUSPENDED", "STOPPED",
                                       "SIGNALING", "STAGE_OUT",  "RESIZING"};
    for (size_t i = 0; i < sizeof live / sizeof *live; i++) {
        if (strstr(out, live[i])) return ALIVE;
    }
    return GONE; /* no line, or waiting in the queue: its processes are gone */
}

/* For a holder whose flock this host cannot see. */
static verdict judge(const holder *h)
{
    verdict v = h->info.job[0] ? ask_slurm(h) : UNKNOWN;
    if (v != UNKNOWN) return v;
    return isg_time_now() - h->info.heartbeat > STALE_S ? GONE : ALIVE;
}

static isg_err busy(const char *path, const holder *h)
{
    char since[ISG_TIME_BYTES];
    if (!h->owner[0]) {
        return ISG_FAIL(ISG_EBUSY, "lock '%s' is held by a process that is just starting", path);
    }
    return ISG_FAIL(ISG_EBUSY,
                    "it is being written by pid %ld on host %s%s%s since %s "
                    "(last sign of life %.0f s ago): wait for it or stop it; the lock is '%s'",
                    h->info.pid, h->info.host, h->info.job[0] ? ", job " : "", h->info.job,
                    isg_time_iso(h->info.since, since), isg_time_now() - h->info.heartbeat, path);
}

/* ---- taking, keeping, giving back ------------------------------------------- */

/* The flock of the file that is at `path` now. @param fd  -1: held by another process */
static isg_err flock_path(const char *path, int *fd)
{
    struct stat mine, there;
    for (int i = 0; i < TRIES; i++) {
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*fd < 0)
            return ISG_FAIL(ISG_EIO,
                            "cannot open the lock '%s': %s; a store needs a directory that is "
                            "there and can be written",
                            path, strerror(errno));
        int failed = flock(*fd, LOCK_EX | LOCK_NB) ? errno : 0;
        if (failed && failed != EWOULDBLOCK && failed != EINTR) {
            (void)close(*fd);
            return ISG_FAIL(ISG_EIO, "cannot lock '%s': %s (a file system without flock?)", path,
                            strerror(failed));
        }
        if (!failed && !fstat(*fd, &mine) && !stat(path, &there) && mine.st_ino == there.st_ino &&
            mine.st_dev == there.st_dev) {
            return ISG_OK;
        }
        (void)close(*fd); /* removed meanwhile, or a reader tried it for a moment */
        *fd = -1;
        isg_nap(0.02);
    }
    return ISG_OK;
}

static isg_err claim(isg_lock *lock, const holder *before)
{
    unsigned char random[16];
    holder *me = &lock->me;
    *me = (holder){.restart = restart_of_environment()};
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return ISG_FAIL(ISG_EIO, "no random bytes");
    }
    isg_str_hex(random, sizeof random, me->owner);
    (void)snprintf(me->info.host, sizeof me->info.host, "%s", isg_os_host());
    if (isg_str_is_name(job_of_environment())) {
        (void)snprintf(me->info.job, sizeof me->info.job, "%s", job_of_environment());
    }
    me->info.pid = (long)getpid();
    me->info.epoch = before->info.epoch + 1;
    me->info.since = me->info.heartbeat = isg_time_now();
    return write_holder(lock);
}

static void report_busy_holder(const char *path, holder *h)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !read_holder(fd, h)) *h = (holder){0};
    if (fd >= 0) (void)close(fd);
}

static isg_err take(isg_lock *lock)
{
    holder before;
    ISG_TRY(flock_path(lock->path, &lock->fd));
    if (lock->fd < 0) {
        report_busy_holder(lock->path, &before);
        return busy(lock->path, &before);
    }
    bool said = read_holder(lock->fd, &before);
    if (said && strcmp(before.info.host, isg_os_host()) != 0 && judge(&before) == ALIVE) {
        return busy(lock->path, &before);
    }
    return claim(lock, &before);
}

isg_err isg_lock_take(const char *store_path, isg_lock **out)
{
    isg_lock *lock = calloc(1, sizeof *lock);
    *out = NULL;
    if (!lock) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    lock->fd = -1;
    lock->path = isg_strf("%s.lock", store_path);
    isg_err rc = lock->path ? take(lock) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (rc) {
        if (lock->fd >= 0) (void)close(lock->fd);
        free(lock->path);
        free(lock);
        return rc;
    }
    *out = lock;
    return ISG_OK;
}

isg_err isg_lock_check(isg_lock *lock)
{
    holder now;
    struct stat mine;
    bool there = read_holder(lock->fd, &now) && !fstat(lock->fd, &mine) && mine.st_nlink > 0;
    if (!there || strcmp(now.owner, lock->me.owner) != 0) {
        return ISG_FAIL(ISG_EBUSY,
                        "the lock '%s' was taken over by pid %ld on host %s (epoch %llu, ours "
                        "was %llu): this process must not write any more",
                        lock->path, now.info.pid, now.info.host[0] ? now.info.host : "unknown",
                        (unsigned long long)now.info.epoch,
                        (unsigned long long)lock->me.info.epoch);
    }
    double t = isg_time_now();
    if (t - lock->me.info.heartbeat < BEAT_S && t >= lock->me.info.heartbeat) return ISG_OK;
    lock->me.info.heartbeat = t;
    return write_holder(lock);
}

void isg_lock_release(isg_lock **lock)
{
    isg_lock *l = lock ? *lock : NULL;
    holder now;
    if (!l) return;
    /* Only our own file: another host may have taken it over and written its name. */
    if (read_holder(l->fd, &now) && !strcmp(now.owner, l->me.owner)) (void)unlink(l->path);
    (void)close(l->fd);
    free(l->path);
    free(l);
    *lock = NULL;
}

isg_err isg_lock_holder(const char *store_path, isg_lock_info *out, bool *held)
{
    holder h;
    *held = false;
    *out = (isg_lock_info){0};
    char *path = isg_strf("%s.lock", store_path);
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (fd < 0) return ISG_OK;
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0;
    bool said = read_holder(fd, &h);
    if (locked)
        *held = true;
    else if (said && strcmp(h.info.host, isg_os_host()) != 0)
        *held = judge(&h) == ALIVE;
    if (*held) *out = h.info;
    (void)close(fd);
    return ISG_OK;
}
