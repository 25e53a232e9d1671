#include "isogloss/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* State letter and start time of a process; false if there is none. */
static bool look(int32_t pid, char *state, uint64_t *start)
{
    char path[64], line[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t n = fread(line, 1, sizeof line - 1, f);
    (void)fclose(f);
    line[n] = '\0';
    const char *after = strrchr(line, ')'); /* the name may hold anything */
    unsigned long long ticks;
    if (!after ||
        sscanf(after,
               ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               state, &ticks) != 2) {
        return false;
    }
    *start = ticks;
    return true;
}

void isg_probe_init(isg_probe *probe, int32_t pid)
{
    char state;
    *probe = (isg_probe){.pid = pid};
    if (pid <= 0 || !look(pid, &state, &probe->start)) probe->pid = 0;
}

bool isg_probe_is_dead(const isg_probe *probe)
{
    char state;
    uint64_t start;
    if (!probe->pid) return false;
    if (!look(probe->pid, &state, &start)) return kill(probe->pid, 0) && errno == ESRCH;
    return start != probe->start || state == 'Z' || state == 'X';
}
