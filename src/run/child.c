#define _GNU_SOURCE
#include "child.h"

#include "isogloss/log.h"
#include "isogloss/os.h"
#include "isogloss/probe.h"
#include "isogloss/proctree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHUNK = 65536, MAX_GUARDS = 4096, FIRST_FD = 10, IN = 0, OUT, ERR, CONTROL, STATUS, PIPES };

static const double look_every_s = 0.2, destroy_limit_s = 20;

struct isg_child {
    pid_t guard;
    int fd[PIPES]; /* our ends; -1: closed */
    isg_child_state state;
    int code;
    bool gone;   /* the guard said that no descendant is left, or we saw to it */
    bool reaped; /* the guard itself */
    bool ended_gently, killed;
    isg_probe trainer; /* once the guard has said who it is */
    double grace_s, guard_limit_s;
    double look_at;    /* when to ask next what the guard owes, monotonic [s] */
    double owed_since; /* 0: it owes nothing */
    isg_str input;     /* still to be written to stdin */
    isg_str status;    /* of the guard, an unfinished line */
    isg_str tail;      /* at most twice ISG_CHILD_TAIL */
};

/* Guards that live: all else below this process is left over from dead ones. */
static pid_t guards[MAX_GUARDS];
static size_t n_guards;

isg_err isg_child_inherit(void)
{
    if (!prctl(PR_SET_CHILD_SUBREAPER, 1)) return ISG_OK;
    return ISG_FAIL(ISG_EFAIL, "prctl(PR_SET_CHILD_SUBREAPER) failed: %s", strerror(errno));
}

static void forget_guard(pid_t pid)
{
    for (size_t i = 0; i < n_guards; i++) {
        if (guards[i] == pid) guards[i--] = guards[--n_guards];
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

/* One pipe; the end for the child is moved out of the way of its numbers 0 to 4. */
static isg_err make_pipe(int *ours, int *theirs, bool we_write)
{
    int p[2];
    *ours = *theirs = -1;
    if (pipe2(p, O_CLOEXEC)) return ISG_FAIL(ISG_EIO, "cannot make a pipe: %s", strerror(errno));
    *theirs = fcntl(p[!we_write], F_DUPFD_CLOEXEC, FIRST_FD);
    *ours = fcntl(p[we_write], F_DUPFD_CLOEXEC, FIRST_FD);
    (void)close(p[0]);
    (void)close(p[1]);
    if (*theirs < 0 || *ours < 0 || fcntl(*ours, F_SETFL, O_NONBLOCK)) {
        return ISG_FAIL(ISG_EIO, "cannot make a pipe: %s", strerror(errno));
    }
    return ISG_OK;
}

/* The environment with `more` over it. Caller frees the array, not the texts. */
static char **join_env(const char *const *more)
{
    size_t n = 0, m = 0, k = 0;
    while (environ[n]) n++;
    while (more && more[m]) m++;
    char **out = malloc((n + m + 1) * sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool replaced = false;
        for (size_t j = 0; j < m; j++) replaced = replaced || !strncmp(environ[i], more[j], name);
        if (!replaced) out[k++] = environ[i];
    }
    for (size_t j = 0; out && j < m; j++) out[k++] = (char *)(uintptr_t)more[j];
    if (out) out[k] = NULL;
    return out;
}

/* isogloss-guard --grace S -- PROGRAM ARG... Caller frees the array. */
static char **guard_argv(const isg_child_spec *spec, char *grace)
{
    static char option[] = "--grace", end[] = "--";
    size_t n = 0;
    while (spec->argv[n]) n++;
    char **out = malloc((n + 5) * sizeof *out);
    if (!out) return NULL;
    out[0] = (char *)(uintptr_t)spec->guard;
    out[1] = option;
    out[2] = grace;
    out[3] = end;
    memcpy(out + 4, spec->argv, (n + 1) * sizeof *out);
    return out;
}

static isg_err spawn(isg_child *c, const isg_child_spec *spec, const int theirs[PIPES])
{
    posix_spawn_file_actions_t actions;
    char grace[32];
    (void)snprintf(grace, sizeof grace, "%.3f", spec->grace_s);
    char **argv = guard_argv(spec, grace), **env = join_env(spec->env);
    int bad = argv && env ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    if (!bad) {
        for (int fd = 0; fd < PIPES && !bad; fd++)
            bad = posix_spawn_file_actions_adddup2(&actions, theirs[fd], fd);
        if (!bad) bad = posix_spawn_file_actions_addchdir_np(&actions, spec->dir);
        if (!bad) bad = posix_spawn(&c->guard, spec->guard, &actions, NULL, argv, env);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    free(argv);
    free(env);
    if (!bad) return ISG_OK;
    return ISG_FAIL(ISG_EIO, "cannot start '%s' in '%s': %s", spec->guard, spec->dir,
                    strerror(bad));
}

isg_err isg_child_start(const isg_child_spec *spec, isg_child **out)
{
    int theirs[PIPES] = {-1, -1, -1, -1, -1};
    isg_child *c = NULL;
    isg_err rc = ISG_OK;

    *out = NULL;
    if (n_guards == MAX_GUARDS)
        return ISG_FAIL(ISG_EFAIL, "more than %d trainers at a time", MAX_GUARDS);
    c = calloc(1, sizeof *c);
    if (!c) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    c->grace_s = spec->grace_s;
    c->guard_limit_s = spec->guard_limit_s;
    for (int i = 0; i < PIPES; i++) c->fd[i] = -1;
    for (int i = 0; i < PIPES && !rc; i++)
        rc = make_pipe(&c->fd[i], &theirs[i], i == IN || i == CONTROL);
    if (!rc && !spec->talk) { /* free text: both on one pipe, nothing on stdin */
        close_fd(&theirs[OUT]);
        theirs[OUT] = fcntl(theirs[ERR], F_DUPFD_CLOEXEC, FIRST_FD);
        if (theirs[OUT] < 0) rc = ISG_FAIL(ISG_EIO, "cannot make a pipe: %s", strerror(errno));
        close_fd(&c->fd[OUT]);
        close_fd(&c->fd[IN]);
    }
    if (!rc) rc = spawn(c, spec, theirs);
    for (int i = 0; i < PIPES; i++) close_fd(&theirs[i]);
    if (!rc)
        guards[n_guards++] = c->guard;
    else
        c->reaped = c->gone = true;
    if (rc) isg_child_destroy(&c);
    *out = c;
    return rc;
}

isg_err isg_child_write(isg_child *child, const char *text)
{
    if (child->fd[IN] < 0) return ISG_OK;
    return isg_str_puts(&child->input, text);
}

void isg_child_end(isg_child *child, bool gently)
{
    if (child->killed || (gently && child->ended_gently) || child->fd[CONTROL] < 0) return;
    if (!child->ended_gently) child->owed_since = 0;
    child->ended_gently = true;
    child->killed = !gently;
    /* A guard that is gone needs no telling. */
    if (write(child->fd[CONTROL], gently ? "T" : "K", 1) < 0) close_fd(&child->fd[CONTROL]);
}

void isg_child_deafen(isg_child *child)
{
    close_fd(&child->fd[OUT]);
}

size_t isg_child_fds(const isg_child *child, struct pollfd fds[ISG_CHILD_FDS])
{
    size_t n = 0;
    for (int i = OUT; i < PIPES; i++) {
        if (i != CONTROL && child->fd[i] >= 0)
            fds[n++] = (struct pollfd){.fd = child->fd[i], .events = POLLIN};
    }
    if (child->input.len && child->fd[IN] >= 0)
        fds[n++] = (struct pollfd){.fd = child->fd[IN], .events = POLLOUT};
    return n;
}

static void write_input(isg_child *c)
{
    while (c->input.len && c->fd[IN] >= 0) {
        ssize_t n = write(c->fd[IN], c->input.data, c->input.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0) { /* it closed its stdin, or died: its end tells more */
            close_fd(&c->fd[IN]);
            isg_str_reset(&c->input);
            return;
        }
        c->input.len -= (size_t)n;
        memmove(c->input.data, c->input.data + n, c->input.len + 1);
    }
}

/* @return bytes read; 0: nothing now, or the end (then the descriptor is closed) */
static size_t read_some(int *fd, char *buf)
{
    if (*fd < 0) return 0;
    ssize_t n = read(*fd, buf, CHUNK);
    if (n > 0) return (size_t)n;
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) close_fd(fd);
    return 0;
}

static void keep_tail(isg_child *c, const char *bytes, size_t n)
{
    if (isg_str_add(&c->tail, bytes, n)) isg_err_clear(); /* only for people to read */
    if (c->tail.len <= 2 * ISG_CHILD_TAIL) return;
    memmove(c->tail.data, c->tail.data + c->tail.len - ISG_CHILD_TAIL, ISG_CHILD_TAIL + 1);
    c->tail.len = ISG_CHILD_TAIL;
}

const isg_str *isg_child_tail(isg_child *child)
{
    if (child->tail.len > ISG_CHILD_TAIL) {
        size_t cut = child->tail.len - ISG_CHILD_TAIL;
        memmove(child->tail.data, child->tail.data + cut, ISG_CHILD_TAIL + 1);
        child->tail.len = ISG_CHILD_TAIL;
    }
    return &child->tail;
}

static void status_line(isg_child *c, const char *line)
{
    static const struct {
        const char *word;
        isg_child_state state;
    } words[] = {{"exit", ISG_CHILD_EXITED},
                 {"signal", ISG_CHILD_SIGNALED},
                 {"failed", ISG_CHILD_UNSTARTED}};
    char word[16] = "";
    int code = 0;
    (void)sscanf(line, "%15s %d", word, &code);
    if (!strcmp(word, "gone")) c->gone = true;
    if (!strcmp(word, "pid")) {
        isg_probe_init(&c->trainer, code);
        c->owed_since = 0; /* what it may owe next has its own time */
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word)) continue;
        c->state = words[i].state;
        c->code = code;
    }
}

static isg_err read_status(isg_child *c, char *buf)
{
    size_t n = read_some(&c->fd[STATUS], buf);
    if (n) ISG_TRY(isg_str_add(&c->status, buf, n));
    for (char *end; c->status.len && (end = strchr(c->status.data, '\n'));) {
        *end = '\0';
        status_line(c, c->status.data);
        c->status.len -= (size_t)(end + 1 - c->status.data);
        memmove(c->status.data, end + 1, c->status.len + 1);
    }
    return ISG_OK;
}

/* Reap the processes that came to us from dead guards. */
static void reap_orphans(void)
{
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid) return;
        for (size_t i = 0; i < n_guards; i++) {
            if (guards[i] == info.si_pid)
                return; /* its owner waits for it; it hides the others until then */
        }
        (void)waitpid(info.si_pid, NULL, WNOHANG);
    }
}

/* The end it was told to make, its trainer's start, or the news of its trainer's death. */
static bool guard_owes(const isg_child *c)
{
    bool unstarted = c->state == ISG_CHILD_RUNS && !c->trainer.pid;
    return c->ended_gently || unstarted || isg_probe_is_dead(&c->trainer);
}

/* A guard that hangs is killed; then after_guard() ends what it guarded. */
static void watch_guard(isg_child *c)
{
    double now = isg_time_mono();
    if (c->fd[STATUS] < 0 || now < c->look_at) return;
    c->look_at = now + look_every_s;
    if (!guard_owes(c))
        c->owed_since = 0;
    else if (c->owed_since <= 0)
        c->owed_since = now;
    double limit = c->guard_limit_s + (c->killed ? 0 : c->grace_s);
    if (c->owed_since <= 0 || now - c->owed_since <= limit) return;
    ISG_WARN("child", "the guard %ld did not answer for %.0f s: killed", (long)c->guard, limit);
    (void)kill(c->guard, SIGKILL);
    c->owed_since = now;
}

/* The status pipe ended. If the guard did not say that all are gone, it was killed. */
static void after_guard(isg_child *c)
{
    if (!c->reaped) {
        pid_t pid = waitpid(c->guard, NULL, WNOHANG);
        if (pid == 0 || (pid < 0 && errno == EINTR)) return;
        c->reaped = true;
        forget_guard(c->guard);
    }
    if (c->gone) return;
    if (c->state == ISG_CHILD_RUNS) c->state = ISG_CHILD_LOST;
    reap_orphans();
    size_t left = isg_proctree_kill(getpid(), guards, n_guards);
    if (left)
        ISG_INFO("child", "the guard %ld was killed; killed %zu processes it left", (long)c->guard,
                 left);
    else
        c->gone = true;
}

isg_err isg_child_pump(isg_child *child, isg_child_output *output, void *ctx, bool *heard)
{
    isg_child *c = child;
    char buf[CHUNK];
    size_t n;

    *heard = false;
    write_input(c);
    if ((n = read_some(&c->fd[OUT], buf)) > 0) {
        *heard = true;
        output(ctx, buf, n);
    }
    if ((n = read_some(&c->fd[ERR], buf)) > 0) {
        *heard = true;
        keep_tail(c, buf, n);
    }
    ISG_TRY(read_status(c, buf));
    watch_guard(c);
    if (c->fd[STATUS] < 0) after_guard(c);
    return ISG_OK;
}

isg_child_state isg_child_how(const isg_child *child, int *code)
{
    *code = child->code;
    return child->state;
}

bool isg_child_over(const isg_child *child)
{
    return child->reaped && child->gone && child->fd[OUT] < 0 && child->fd[ERR] < 0;
}

bool isg_child_closing(const isg_child *child)
{
    return child->fd[STATUS] < 0 && !isg_child_over(child);
}

long isg_child_guard(const isg_child *child)
{
    return (long)child->guard;
}

long isg_child_trainer(const isg_child *child)
{
    return (long)child->trainer.pid;
}

static void ignore_output(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    (void)bytes;
    (void)n;
}

void isg_child_destroy(isg_child **child)
{
    isg_child *c = *child;
    if (!c) return;
    double end = isg_time_mono() + destroy_limit_s;
    isg_child_end(c, false);
    isg_child_deafen(c);
    while (!isg_child_over(c) && isg_time_mono() < end) {
        struct pollfd fds[ISG_CHILD_FDS];
        bool heard;
        if (isg_child_pump(c, ignore_output, NULL, &heard)) break;
        if (!isg_child_over(c) && !heard) (void)poll(fds, isg_child_fds(c, fds), 5);
    }
    for (int i = 0; i < PIPES; i++) close_fd(&c->fd[i]); /* a guard still there kills all */
    forget_guard(c->guard);
    isg_str_free(&c->input);
    isg_str_free(&c->status);
    isg_str_free(&c->tail);
    free(c);
    *child = NULL;
}
