#include "siblings.h"

#include "isogloss/str.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Name, state and parent of a process. */
static bool look(const char *pid, char name[32], char *state, int *parent)
{
    char path[64], line[512];
    (void)snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t n = fread(line, 1, sizeof line - 1, f);
    (void)fclose(f);
    line[n] = '\0';
    const char *open = strchr(line, '('), *close = strrchr(line, ')');
    if (!open || !close || close < open) return false;
    (void)snprintf(name, 32, "%.*s", (int)(close - open - 1), open + 1);
    return sscanf(close, ") %c %d", state, parent) == 2;
}

/* A wrapper script between mpirun and us would hide the others. */
static bool is_launcher(int pid)
{
    static const char *const names[] = {"mpirun",  "mpiexec", "orterun", "orted",
                                        "prterun", "prted",   NULL};
    char text[16], name[32], state;
    int parent;
    (void)snprintf(text, sizeof text, "%d", pid);
    if (!look(text, name, &state, &parent)) return false;
    for (const char *const *n = names; *n; n++) {
        if (!strcmp(name, *n)) return true;
    }
    return false;
}

bool isg_siblings_missing(void)
{
    const char *text = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    uint64_t started, alive = 0;
    int launcher = (int)getppid(), parent;
    char name[32], state;
    if (!text || !isg_str_to_u64(text, &started) || !is_launcher(launcher)) return false;
    DIR *proc = opendir("/proc");
    if (!proc) return false;
    for (struct dirent *d = readdir(proc); d; d = readdir(proc)) {
        if (d->d_name[0] < '1' || d->d_name[0] > '9' || !look(d->d_name, name, &state, &parent))
            continue;
        alive += parent == launcher && state != 'Z' && state != 'X';
    }
    (void)closedir(proc);
    return alive < started;
}
