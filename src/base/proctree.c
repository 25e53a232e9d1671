#define _GNU_SOURCE
#include "isogloss/proctree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PROCESSES = 65536, MAX_LOOKS = 100 };

/* All processes; of those below the root, `below` holds the places, nearest first. */
typedef struct tree {
    pid_t pid[MAX_PROCESSES], parent[MAX_PROCESSES];
    int below[MAX_PROCESSES];
    int n, n_below;
} tree;

/* Static, because it must work when memory is short; touched only as far as used. */
static tree procs;

/* Parent of a process, or -1: the second field after its name, which may hold anything but ends at the last ')'. */
static pid_t parent_of(const char *pid)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0) return -1;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    if (!end || strlen(end) < 4) return -1;
    return (pid_t)strtol(end + 4, NULL, 10);
}

static void add_children(tree *t, pid_t parent, const pid_t *spare, size_t n)
{
    for (int i = 0; i < t->n; i++) {
        bool add = t->parent[i] == parent;
        for (size_t k = 0; add && k < n; k++) add = t->pid[i] != spare[k];
        if (add) t->below[t->n_below++] = i;
    }
}

static void look(tree *t, pid_t root, const pid_t *spare, size_t n)
{
    DIR *dir = opendir("/proc");
    t->n = t->n_below = 0;
    if (!dir) return;
    for (struct dirent *d = readdir(dir); d && t->n < MAX_PROCESSES; d = readdir(dir)) {
        if (d->d_name[0] < '1' || d->d_name[0] > '9') continue;
        pid_t parent = parent_of(d->d_name);
        if (parent < 0) continue;
        t->pid[t->n] = (pid_t)strtol(d->d_name, NULL, 10);
        t->parent[t->n++] = parent;
    }
    (void)closedir(dir);
    add_children(t, root, spare, n);
    /* A process is listed once and has one parent, so nothing is added twice. */
    for (int i = 0; i < t->n_below; i++) add_children(t, t->pid[t->below[i]], spare, n);
}

static void send(const tree *t, int sig)
{
    for (int i = 0; i < t->n_below; i++) (void)kill(t->pid[t->below[i]], sig);
}

size_t isg_proctree_signal(pid_t root, int sig)
{
    look(&procs, root, NULL, 0);
    send(&procs, sig);
    return (size_t)procs.n_below;
}

size_t isg_proctree_kill(pid_t root, const pid_t *spare, size_t n)
{
    int before = -1;
    for (int i = 0; i < MAX_LOOKS; i++) {
        look(&procs, root, spare, n);
        if (procs.n_below == before) break;
        before = procs.n_below;
        send(&procs, SIGSTOP);
    }
    send(&procs, SIGKILL);
    return (size_t)procs.n_below;
}
