/*
 * isogloss-guard: stays between a worker and a trainer so that no process of
 * the trainer outlives its run, whatever dies first.
 *
 * Every descendant stays below us: we are a child subreaper, so those that
 * fork twice or call setsid come to us when their parent dies. To end them we
 * freeze and kill all below us (proctree.c). If the worker dies, descriptor 3
 * reads end of file and we do the same; if we are killed, the kernel kills the
 * trainer (parent-death signal) and the worker inherits and kills the rest.
 *
 * It allocates nothing and links no library: it must work when memory is short.
 */
#define _GNU_SOURCE
#include "isogloss/proctree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { CONTROL = 3, STATUS = 4, USAGE = 2 };

typedef enum phase { RUNNING, TERMINATING, KILLING } phase;

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void say(const char *word, int number)
{
    char line[64];
    int n = number < 0 ? snprintf(line, sizeof line, "%s\n", word)
                       : snprintf(line, sizeof line, "%s %d\n", word, number);
    /* A dead worker cannot read it, and its death is seen on the control pipe. */
    if (write(STATUS, line, (size_t)n) < 0) return;
}

/* A child that is an MPI program must not take itself for a rank of our job. */
static void drop_launcher_variables(void)
{
    static const char *const prefixes[] = {"OMPI_", "PMIX_", "PRTE_", "ORTE_", "PMI_"};
    char **to = environ;
    for (char **from = environ; *from; from++) {
        bool drop = false;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            drop = drop || !strncmp(*from, prefixes[i], strlen(prefixes[i]));
        }
        if (!drop) *to++ = *from;
    }
    *to = NULL;
}

static void close_above(int last)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, last + 1, ~0U, 0) == 0) return;
#endif
    long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = last + 1; fd < (limit > 0 && limit < 65536 ? (int)limit : 65536); fd++)
        (void)close(fd);
}

/* In the child: become the trainer, or tell why not through `report`. */
static void become(char **argv, int report, pid_t guard)
{
    sigset_t none;
    struct stat st;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard) _exit(1); /* it died before the line above */
    (void)execvp(argv[0], argv);
    int why = errno;
    if (why == EACCES && stat(argv[0], &st) == 0 && S_ISDIR(st.st_mode)) why = EISDIR;
    if (write(report, &why, sizeof why) < 0) _exit(126);
    _exit(127);
}

/* @return the trainer's pid, or -1 with `*why` an errno */
static pid_t start(char **argv, int *why)
{
    int report[2];
    pid_t guard = getpid();
    *why = 0;
    if (pipe2(report, O_CLOEXEC)) {
        *why = errno;
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) become(argv, report[1], guard);
    if (pid < 0) *why = errno;
    (void)close(report[1]);
    if (pid > 0 && read(report[0], why, sizeof *why) == (ssize_t)sizeof *why) {
        (void)waitpid(pid, NULL, 0);
        pid = -1;
    }
    (void)close(report[0]);
    return pid;
}

/* The trainer alone holds its pipes, so that the worker sees them end with it. */
static void let_go_of_pipes(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return;
    for (int fd = 0; fd <= 2; fd++) (void)dup2(null, fd);
    (void)close(null);
}

/* @return false once no descendant is left */
static bool reap(pid_t trainer, phase *now)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) return true;
        if (pid < 0) return errno == EINTR;
        if (pid != trainer || WIFSTOPPED(status)) continue;
        if (WIFSIGNALED(status))
            say("signal", WTERMSIG(status));
        else
            say("exit", WEXITSTATUS(status));
        if (*now == RUNNING) *now = KILLING; /* what a trainer leaves behind has no purpose */
    }
}

/* What the worker asks for: T and signals end gently, K and its death at once. */
static void listen_to(struct pollfd *fds, phase *now)
{
    struct signalfd_siginfo info;
    char c = 'K';
    if (fds[0].revents) {
        ssize_t n = read(CONTROL, &c, 1);
        if (n <= 0 && !(n < 0 && (errno == EINTR || errno == EAGAIN))) {
            *now = KILLING;
            fds[0].fd = -1; /* its end stays readable for ever */
        } else if (n == 1 && c == 'K') {
            *now = KILLING;
        } else if (n == 1 && c == 'T' && *now == RUNNING) {
            *now = TERMINATING;
        }
    }
    while (fds[1].revents && read(fds[1].fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD && *now == RUNNING) *now = TERMINATING;
    }
}

static void watch(pid_t trainer, int signals, double grace)
{
    struct pollfd fds[2] = {{.fd = CONTROL, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    phase now = RUNNING, told = RUNNING;
    double deadline = 0;

    while (reap(trainer, &now)) {
        if (now == TERMINATING && told == RUNNING) {
            (void)isg_proctree_signal(getpid(), SIGTERM);
            (void)isg_proctree_signal(getpid(), SIGCONT); /* a stopped process would not see it */
            deadline = now_s() + grace;
            told = TERMINATING;
        }
        if (now == TERMINATING && now_s() >= deadline) now = KILLING;
        /* Without /proc none is found: then at least the trainer itself. */
        if (now == KILLING && !isg_proctree_kill(getpid(), NULL, 0)) (void)kill(trainer, SIGKILL);
        int wait_ms = now == RUNNING ? -1 : now == TERMINATING ? 20 : told == KILLING ? 50 : 2;
        if (now == KILLING) told = KILLING;
        if (poll(fds, 2, wait_ms) > 0) listen_to(fds, &now);
    }
}

static int open_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (const int *s =
             (const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, 0};
         *s; s++) {
        (void)sigaddset(&set, *s);
    }
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "Usage: isogloss-guard [--grace S] -- PROGRAM ARG...\n"
                  "Started by isogloss; descriptors 3 and 4 are its control and status pipes.\n");
    return USAGE;
}

int main(int argc, char **argv)
{
    double grace = 10;
    int i = 1, why = EMFILE;

    if (i + 1 < argc && !strcmp(argv[i], "--grace")) {
        char *end;
        grace = strtod(argv[i + 1], &end);
        if (*end || !(grace >= 0)) return usage();
        i += 2;
    }
    if (i + 1 >= argc || strcmp(argv[i], "--")) return usage();
    if (fcntl(CONTROL, F_SETFD, FD_CLOEXEC) || fcntl(STATUS, F_SETFD, FD_CLOEXEC)) return usage();

    close_above(STATUS);
    (void)setsid(); /* fails only for a process group leader, which has what it needs */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)signal(SIGPIPE, SIG_IGN);
    drop_launcher_variables();
    int signals = open_signals();
    pid_t trainer = signals < 0 ? -1 : start(argv + i + 1, &why);
    let_go_of_pipes();
    if (trainer < 0) {
        say("failed", why);
    } else {
        say("pid", (int)trainer);
        watch(trainer, signals, grace);
    }
    say("gone", -1);
    return 0;
}
