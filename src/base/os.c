#define _GNU_SOURCE
#include "isogloss/os.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double clock_s(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t)) return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double isg_time_now(void)
{
    return clock_s(CLOCK_REALTIME);
}

double isg_time_mono(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

double isg_time_cpu(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

const char *isg_time_iso(double t, char buf[ISG_TIME_BYTES])
{
    time_t s = (time_t)t;
    struct tm tm;
    if (!gmtime_r(&s, &tm) || !strftime(buf, ISG_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        (void)snprintf(buf, ISG_TIME_BYTES, "?");
    }
    return buf;
}

void isg_nap(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    (void)nanosleep(&t, NULL);
}

isg_err isg_file_read(const char *path, size_t limit, isg_str *out)
{
    isg_err rc = ISG_OK;
    isg_str_reset(out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ISG_FAIL(ISG_EIO, "cannot open '%s': %s", path, strerror(errno));
    for (;;) {
        rc = isg_str_reserve(out, 65536);
        if (rc) break;
        ssize_t n = read(fd, out->data + out->len, 65536);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = ISG_FAIL(ISG_EIO, "cannot read '%s': %s", path, strerror(errno));
        if (n <= 0) break;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
        if (out->len > limit) {
            rc =
                ISG_FAIL(ISG_EINPUT, "'%s' is larger than the %zu bytes allowed here", path, limit);
            break;
        }
    }
    (void)close(fd);
    return rc;
}

static isg_err write_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t w = write(fd, data, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return ISG_EIO;
        data += w;
        n -= (size_t)w;
    }
    return ISG_OK;
}

isg_err isg_dir_sync_of(const char *path)
{
    char *dir = isg_path_dir(path);
    if (!dir) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync a directory (EINVAL): nothing to add there. */
    int bad = fd < 0 || (fsync(fd) && errno != EINVAL);
    isg_err rc =
        bad ? ISG_FAIL(ISG_EIO, "cannot sync directory '%s': %s", dir, strerror(errno)) : ISG_OK;
    if (fd >= 0) (void)close(fd);
    free(dir);
    return rc;
}

isg_err isg_file_write(const char *path, const void *data, size_t n)
{
    isg_err rc = ISG_OK;
    char *tmp = isg_strf("%s.tmp.%ld", path, (long)getpid());
    if (!tmp) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = ISG_FAIL(ISG_EIO, "cannot write '%s': %s", path, strerror(errno));
        free(tmp);
        return rc;
    }
    bool bad = write_all(fd, data, n) || fsync(fd);
    bad = close(fd) || bad;
    if (bad || rename(tmp, path)) {
        rc = ISG_FAIL(ISG_EIO, "cannot write '%s': %s", path, strerror(errno));
        (void)unlink(tmp);
    } else {
        rc = isg_dir_sync_of(path);
    }
    free(tmp);
    return rc;
}

isg_err isg_file_put(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool bad = fd < 0 || write_all(fd, data, n);
    isg_err rc = bad ? ISG_FAIL(ISG_EIO, "cannot write '%s': %s", path, strerror(errno)) : ISG_OK;
    if (fd >= 0) (void)close(fd);
    return rc;
}

bool isg_path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool isg_path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

isg_err isg_dir_make(const char *path)
{
    char *copy = strdup(path);
    if (!copy) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = ISG_OK;
    for (char *p = copy + 1; rc == ISG_OK; p++) {
        if (*p != '/' && *p != '\0') continue;
        char keep = *p;
        *p = '\0';
        if (mkdir(copy, 0777) && errno != EEXIST) {
            rc = ISG_FAIL(ISG_EIO, "cannot create directory '%s': %s", copy, strerror(errno));
        }
        *p = keep;
        if (!keep) break;
    }
    if (!rc && !isg_path_is_dir(path)) rc = ISG_FAIL(ISG_EIO, "'%s' is not a directory", path);
    free(copy);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path) && errno != ENOENT ? -1 : 0;
}

isg_err isg_path_remove(const char *path)
{
    enum { TRIES = 100 };
    struct stat st;
    for (int i = 0; i < TRIES; i++) {
        if (lstat(path, &st)) return ISG_OK;
        /* A walk that finds less than it saw has met another remover: look again. */
        if (!nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) || errno != ENOENT) break;
    }
    if (lstat(path, &st)) return ISG_OK;
    return ISG_FAIL(ISG_EIO, "cannot remove '%s': %s", path, strerror(errno));
}

char *isg_path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || !strcmp(dir, ".") || !*dir) return strdup(name);
    return isg_strf("%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

char *isg_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    if (slash == path) return strdup("/");
    return strndup(path, (size_t)(slash - path));
}

const char *isg_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *isg_path_absolute(const char *path)
{
    if (path[0] == '/') return strdup(path);
    char *cwd = getcwd(NULL, 0);
    if (!cwd) return NULL;
    char *out = isg_path_join(cwd, path);
    free(cwd);
    return out;
}

/* Directory of the running executable. Caller frees; NULL if unknown. */
static char *exe_dir(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return NULL;
    path[n] = '\0';
    return isg_path_dir(path);
}

isg_err isg_exe_helper(const char *name, char **out)
{
    char *tried[3] = {0};
    isg_err rc = ISG_OK;
    char *exe = exe_dir();
    const char *env = getenv("ISOGLOSS_LIBEXEC");

    *out = NULL;
    if (env && *env) tried[0] = isg_strf("%s/%s", env, name);
    if (exe) tried[1] = isg_strf("%s/%s", exe, name);
    if (exe) tried[2] = isg_strf("%s/../libexec/isogloss/%s", exe, name);
    for (size_t i = 0; i < 3 && !*out; i++) {
        if (tried[i] && access(tried[i], X_OK) == 0) {
            *out = tried[i];
            tried[i] = NULL;
        }
    }
    if (!*out) {
        rc = ISG_FAIL(ISG_EIO,
                      "cannot find the program '%s' (looked in $ISOGLOSS_LIBEXEC, %s and "
                      "../libexec/isogloss): install isogloss or set ISOGLOSS_LIBEXEC",
                      name, exe ? exe : "?");
    }
    for (size_t i = 0; i < 3; i++) free(tried[i]);
    free(exe);
    return rc;
}

/* The kernel refuses a set smaller than its own, which is larger than cpu_set_t on large machines. */
size_t isg_os_cores(void)
{
    enum { MOST = 1 << 22 };
    for (size_t cpus = CPU_SETSIZE; cpus <= MOST; cpus *= 2) {
        const size_t bytes = CPU_ALLOC_SIZE(cpus);
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set) break;
        const bool known = !sched_getaffinity(0, bytes, set), larger = !known && errno == EINVAL;
        const int n = known ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (n > 0) return (size_t)n;
        if (!larger) break;
    }
    return 1;
}

/* A number in a file; `none` if there is no file, or "max". */
static uint64_t number_of(const char *path, uint64_t none)
{
    char line[32] = "";
    uint64_t value;
    FILE *f = fopen(path, "re");
    if (!f) return none;
    bool read = fgets(line, sizeof line, f) != NULL;
    (void)fclose(f);
    line[strcspn(line, "\n")] = '\0';
    return read && isg_str_to_u64(line, &value) ? value : none;
}

/* Least limit of a group and of those it is in, up to the root of the tree that is mounted. */
static uint64_t least_limit(const char *root, const char *group, const char *file)
{
    uint64_t least = UINT64_MAX;
    char *at =
        isg_strdup(strstr(group, "/..") ? "" : group); /* the group is outside of what we see */
    while (at) {
        char *path = isg_strf("%s%s/%s", root, at, file);
        const uint64_t limit = path ? number_of(path, UINT64_MAX) : UINT64_MAX;
        if (limit && limit < least) least = limit;
        free(path);
        char *slash = strrchr(at, '/');
        if (!slash) break;
        *slash = '\0';
    }
    free(at);
    return least;
}

/* Is "memory" among the controllers of a line, "cpu,memory"? */
static bool has_memory(const char *list)
{
    static const char name[] = "memory";
    for (const char *p = list; *p; p += *p == ',') {
        const size_t n = strcspn(p, ",");
        if (n == sizeof name - 1 && !strncmp(p, name, n)) return true;
        p += n;
    }
    return false;
}

uint64_t isg_os_memory_limit(const char *mount, const char *groups)
{
    /* Version 2 is mounted there or, where version 1 is in use too, in a folder of its own. In a
     * container the file may name a group that is not to be seen: then the root is looked at. */
    static const char *const folders[2][2] = {{"", "/unified"}, {"/memory", NULL}};
    static const char *const files[2] = {"memory.max", "memory.limit_in_bytes"};
    char line[PATH_MAX + 64];
    uint64_t least = UINT64_MAX;
    FILE *f = fopen(groups, "re");
    while (f && fgets(line, sizeof line, f)) { /* NUMBER:CONTROLLERS:/GROUP */
        char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
        if (!group) continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        const int version = list[1] ? 1 : 2;
        if (version == 1 && !has_memory(list + 1)) continue;
        if (!strcmp(group, "/")) group++;
        for (int k = 0; k < 2 && folders[2 - version][k]; k++) {
            char *root = isg_strf("%s%s", mount, folders[2 - version][k]);
            const uint64_t limit = root ? least_limit(root, group, files[2 - version]) : UINT64_MAX;
            if (limit < least) least = limit;
            free(root);
        }
    }
    if (f) (void)fclose(f);
    return least;
}

uint64_t isg_os_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    const uint64_t limit = isg_os_memory_limit("/sys/fs/cgroup", "/proc/self/cgroup");
    const uint64_t all = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
    if (limit == UINT64_MAX) return all;
    return all && all < limit ? all : limit;
}

const char *isg_os_host(void)
{
    static char name[64];
    if (!name[0]) {
        if (gethostname(name, sizeof name - 1) || !name[0])
            (void)snprintf(name, sizeof name, "localhost");
        char *dot = strchr(name, '.');
        if (dot) *dot = '\0';
    }
    return name;
}
