#define _GNU_SOURCE
#include "segments.h"

#include "isogloss/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char directory[] = "/dev/shm", prefix[] = "vader_segment.";

/* Call `each` with every file of the transport that this process has mapped. */
static void each_mapped(void (*each)(char *path, int rank), int rank)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return;
    while (getline(&line, &cap, maps) > 0) {
        char *path = strchr(line, '/');
        if (!path || strncmp(isg_path_base(path), prefix, sizeof prefix - 1)) continue;
        path[strcspn(path, "\n")] = '\0';
        each(path, rank);
    }
    free(line);
    (void)fclose(maps);
}

static void unlink_one(char *path, int rank)
{
    (void)rank;
    (void)unlink(path); /* a peer may have been first; "x (deleted)" is no file */
}

void isg_segments_unlink_own(void)
{
    each_mapped(unlink_one, 0);
}

/* "…/vader_segment.HOST.UID.JOB.RANK (deleted)" */
static void put_back_one(char *path, int rank)
{
    char tail[32];
    path[strcspn(path, " ")] = '\0';
    (void)snprintf(tail, sizeof tail, ".%d", rank);
    const char *end = strrchr(path, '.');
    if (!end || strcmp(end, tail) != 0) return;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) (void)close(fd);
}

void isg_segments_put_back(int rank)
{
    each_mapped(put_back_one, rank);
}

/* The names, joined by newlines, that some process has mapped. */
static isg_err add_mapped(isg_str *out)
{
    isg_err rc = ISG_OK;
    char *line = NULL, path[64];
    size_t cap = 0;
    DIR *proc = opendir("/proc");
    if (!proc) return ISG_EIO;
    for (struct dirent *d = readdir(proc); d && !rc; d = readdir(proc)) {
        if (d->d_name[0] < '1' || d->d_name[0] > '9') continue;
        (void)snprintf(path, sizeof path, "/proc/%.16s/maps", d->d_name);
        FILE *maps = fopen(path, "re");
        while (maps && !rc && getline(&line, &cap, maps) > 0) {
            if (strstr(line, prefix)) rc = isg_str_puts(out, line);
        }
        if (maps) (void)fclose(maps);
    }
    free(line);
    (void)closedir(proc);
    return rc;
}

/* @param unlink_them false: only count those that nobody has mapped */
static size_t dead(bool unlink_them)
{
    isg_str mapped = {0};
    char mine[160], path[320];
    size_t n = 0;
    DIR *dir = opendir(directory);
    if (!dir) return 0;
    char host[128] = "";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(mine, sizeof mine, "%s%s.%u.", prefix, host, (unsigned)geteuid());
    bool known = false;
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        if (strncmp(d->d_name, mine, strlen(mine))) continue;
        if (!known && add_mapped(&mapped)) break; /* without knowledge nothing is removed */
        known = true;
        if (strstr(isg_str_c(&mapped), d->d_name)) continue;
        n++;
        (void)snprintf(path, sizeof path, "%s/%s", directory, d->d_name);
        if (unlink_them) (void)unlink(path);
    }
    (void)closedir(dir);
    isg_str_free(&mapped);
    return n;
}

void isg_segments_clear_dead(void)
{
    if (!dead(false)) return;
    isg_nap(0.05); /* a starting job maps its file right after making it: look twice */
    (void)dead(true);
}
