/* What the system is asked for: cores of large machines, limits of nested control groups. */
#define _GNU_SOURCE
#include "check.h"
#include "isogloss/os.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stands in for the system's: a kernel whose sets have `kernel_cpus` bits, of which `allowed` are
 * set, the highest ones; or one that fails otherwise. */
static size_t kernel_cpus, allowed;
static int error;

int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set)
{
    (void)pid;
    if (error || bytes < kernel_cpus / 8) {
        errno = error ? error : EINVAL;
        return -1;
    }
    memset(set, 0, bytes);
    for (size_t i = kernel_cpus - allowed; i < kernel_cpus; i++) CPU_SET_S(i, bytes, set);
    return 0;
}

static void test_cores(void)
{
    static const size_t rows[][2] = {{64, 2}, {1024, 1024}, {2048, 3}, {8192, 8192}, {1 << 20, 5}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kernel_cpus = rows[i][0];
        allowed = rows[i][1];
        CHECK_EQ_U64(isg_os_cores(), allowed);
    }
    error = EPERM;
    CHECK_EQ_U64(isg_os_cores(), 1); /* not known: one, and no endless search */
    error = EINVAL;
    CHECK_EQ_U64(isg_os_cores(), 1);
    error = 0;
}

static void put(const char *dir, const char *name, const char *text)
{
    char *path = isg_path_join(dir, name), *folder = path ? isg_path_dir(path) : NULL;
    CHECK(folder != NULL);
    if (folder) {
        CHECK_OK(isg_dir_make(folder));
        CHECK_OK(isg_file_put(path, text, strlen(text)));
    }
    free(folder);
    free(path);
}

static void test_memory(void)
{
    static const struct {
        const char *group;
        uint64_t limit;
    } rows[] = {
        {"0::/\n", UINT64_MAX}, /* the root of version 2 has no such file */
        {"0::/job/step/task\n", 3000},
        {"0::/job/step\n", 3000},
        {"0::/job\n", 5000},
        {"0::/job/large\n", 5000}, /* that of its parent counts */
        {"0::/small\n", 70},
        {"0::/not/to/be/seen\n", UINT64_MAX},
        {"0::/../../job\n", UINT64_MAX},
        {"12:cpu,cpuacct:/v1/a\n3:memory:/v1/a\n0::/\n", 900},
        {"12:cpu,memory:/v1/a/b\n", 800},
        {"12:memory_not:/v1/a/b\n", UINT64_MAX},
        {"12:memory:/\n", 20000},
        {"3:memory:/v1/a\n0::/job\n", 900},
        {"0::/hybrid\n", 60},
        {"nonsense\n:\n\n", UINT64_MAX},
        {"", UINT64_MAX},
    };
    char dir[] = "/tmp/test_os.XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    put(dir, "job/memory.max", "5000\n");
    put(dir, "job/step/memory.max", "3000\n");
    put(dir, "job/step/task/memory.max", "max\n");
    put(dir, "job/large/memory.max", "9000\n");
    put(dir, "small/memory.max", "70\n");
    put(dir, "unified/hybrid/memory.max", "60\n");
    put(dir, "memory/memory.limit_in_bytes", "20000\n");
    put(dir, "memory/v1/a/memory.limit_in_bytes", "900\n");
    put(dir, "memory/v1/a/b/memory.limit_in_bytes", "800\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(dir, "self", rows[i].group);
        char *self = isg_path_join(dir, "self");
        CHECK_EQ_U64(isg_os_memory_limit(dir, self ? self : ""), rows[i].limit);
        free(self);
    }
    CHECK(isg_os_memory_limit(dir, "/no/such/file") == UINT64_MAX);
    CHECK_OK(isg_path_remove(dir));
}

int main(void)
{
    test_cores();
    test_memory();
    return check_done();
}
