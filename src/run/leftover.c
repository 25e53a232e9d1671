#include "leftover.h"

#include "isogloss/log.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A dead process has no environment any more. That of another user cannot be read. */
static bool has_variable(const char *pid, const char *wanted)
{
    char path[64], *entry = NULL;
    size_t cap = 0;
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/%.16s/environ", pid);
    FILE *f = fopen(path, "re");
    while (f && !found && getdelim(&entry, &cap, '\0', f) > 0) found = !strcmp(entry, wanted);
    free(entry);
    if (f) (void)fclose(f);
    return found;
}

static size_t kill_all(const char *wanted)
{
    size_t n = 0;
    DIR *proc = opendir("/proc");
    if (!proc) return 0;
    for (struct dirent *d = readdir(proc); d; d = readdir(proc)) {
        if (d->d_name[0] < '1' || d->d_name[0] > '9' || !has_variable(d->d_name, wanted)) continue;
        n += !kill((pid_t)strtol(d->d_name, NULL, 10), SIGKILL);
    }
    (void)closedir(proc);
    return n;
}

size_t isg_leftover_kill(const char *work_dir)
{
    enum { LOOKS = 100 }; /* what forks while we look is found in the next look */
    const char *own = getenv(ISG_LEFTOVER_VARIABLE);
    size_t n = 0, now = 1;
    if (own && !strcmp(own, work_dir)) return 0; /* we are below such a trainer ourselves */
    char *wanted = isg_strf("%s=%s", ISG_LEFTOVER_VARIABLE, work_dir);
    for (int i = 0; wanted && now && i < LOOKS; i++) {
        if (i) isg_nap(0.01);
        now = kill_all(wanted);
        n += now;
    }
    free(wanted);
    if (n) ISG_INFO("run", "killed %zu processes that trainers of an earlier launch left", n);
    return n;
}
