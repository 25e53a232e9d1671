#define _GNU_SOURCE
#include "source.h"

#include "isogloss/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct unpacker {
    const char *suffix, *program, *package;
} unpacker;

static const unpacker unpackers[] = {
    {".xz", "xz", "xz-utils"},
    {".gz", "gzip", "gzip"},
    {".zst", "zstd", "zstd"},
    {".bz2", "bzip2", "bzip2"},
};

static const unpacker *unpacker_of(const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof unpackers / sizeof unpackers[0]; i++) {
        size_t k = strlen(unpackers[i].suffix);
        if (n > k && !strcmp(path + n - k, unpackers[i].suffix)) return &unpackers[i];
    }
    return NULL;
}

/* ---- finding ------------------------------------------------------------ */

static isg_err add_file(isg_source_list *list, const char *path, const char *key)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 64;
        isg_source_file *file = realloc(list->file, cap * sizeof *file);
        if (!file) return ISG_FAIL(ISG_ENOMEM, "out of memory for %zu files", cap);
        list->file = file;
        list->cap = cap;
    }
    isg_source_file f = {.path = isg_strdup(path), .key = isg_strdup(key)};
    if (!f.path || !f.key) {
        free(f.path);
        free(f.key);
        return ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    const unpacker *u = unpacker_of(f.key);
    if (u) f.key[strlen(f.key) - strlen(u->suffix)] = '\0';
    list->file[list->n++] = f;
    return ISG_OK;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* `skip`: length of the part of the path that is the same for all and no part of the key. */
static isg_err add_tree(isg_source_list *list, const char *path, size_t skip, int depth)
{
    if (!isg_path_is_dir(path)) return add_file(list, path, path + skip);
    if (depth > 32) return ISG_FAIL(ISG_EINPUT, "'%s' is nested deeper than 32 directories", path);
    struct dirent **entry = NULL;
    int n = scandir(path, &entry, visible, by_bytes);
    if (n < 0) return ISG_FAIL(ISG_EIO, "cannot list '%s': %s", path, strerror(errno));
    isg_err rc = ISG_OK;
    for (int i = 0; i < n; i++) {
        char *below = rc ? NULL : isg_path_join(path, entry[i]->d_name);
        if (!rc && !below) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
        if (!rc) rc = add_tree(list, below, skip, depth + 1);
        free(below);
        free(entry[i]);
    }
    free(entry);
    return rc;
}

static isg_err add_pattern(isg_source_list *list, const char *pattern)
{
    size_t skip = strcspn(pattern, "*?[");
    while (skip && pattern[skip - 1] != '/') skip--;
    glob_t found = {0};
    isg_err rc = ISG_OK;
    int bad = glob(pattern, 0, NULL, &found);
    if (bad == GLOB_NOMATCH)
        rc = ISG_FAIL(ISG_EINPUT, "no file matches '%s'", pattern);
    else if (bad)
        rc = ISG_FAIL(ISG_EIO, "cannot search for '%s'", pattern);
    for (size_t i = 0; !rc && i < found.gl_pathc; i++)
        rc = add_tree(list, found.gl_pathv[i], skip, 0);
    globfree(&found);
    return rc;
}

isg_err isg_source_find(isg_source_list *list, const char *base, const char *name)
{
    char *path = isg_path_join(base, name);
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = ISG_OK;
    size_t before = list->n, n = strlen(path);
    while (n > 1 && path[n - 1] == '/') path[--n] = '\0';
    if (isg_path_is_dir(path)) {
        rc = add_tree(list, path, n + 1, 0);
        if (!rc && list->n == before) rc = ISG_FAIL(ISG_EINPUT, "no file below '%s'", path);
    } else if (isg_path_exists(path)) {
        rc = add_file(list, path, isg_path_base(path));
    } else if (strpbrk(path, "*?[")) {
        rc = add_pattern(list, path);
    } else {
        rc = ISG_FAIL(ISG_EINPUT, "'%s' does not exist", path);
    }
    free(path);
    return rc;
}

void isg_source_list_free(isg_source_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->file[i].path);
        free(list->file[i].key);
    }
    free(list->file);
    *list = (isg_source_list){0};
}

/* ---- reading ------------------------------------------------------------ */

/* `PROGRAM -dc <path`, its output on `out`. No shell, so any path will do. */
static isg_err start_unpacker(const unpacker *u, const char *path, int *out, pid_t *child)
{
    int fd[2];
    char *argv[] = {(char *)(uintptr_t)u->program, (char[]){"-dc"}, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t deaf;

    if (pipe2(fd, O_CLOEXEC)) return ISG_FAIL(ISG_EIO, "cannot make a pipe: %s", strerror(errno));
    (void)sigemptyset(&deaf);
    (void)sigaddset(&deaf,
                    SIGPIPE); /* ignored here, but it must end the child when we stop reading */
    int bad = posix_spawn_file_actions_init(&actions);
    if (!bad) bad = posix_spawnattr_init(&attr);
    if (!bad) bad = posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0);
    if (!bad) bad = posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
    if (!bad) bad = posix_spawnattr_setsigdefault(&attr, &deaf);
    if (!bad) bad = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    if (!bad) bad = posix_spawnp(child, u->program, &actions, &attr, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    (void)close(fd[1]);
    if (!bad) {
        *out = fd[0];
        return ISG_OK;
    }
    (void)close(fd[0]);
    *child = 0;
    return ISG_FAIL(ISG_EIO, "cannot start '%s' to unpack '%s': %s (Debian package %s)", u->program,
                    path, strerror(bad), u->package);
}

isg_err isg_source_open(const char *path, isg_source *out)
{
    *out = (isg_source){.path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ISG_FAIL(ISG_EIO, "cannot open '%s': %s", path, strerror(errno));
    const unpacker *u = unpacker_of(path);
    if (u) {
        (void)close(fd);
        out->program = u->program;
        ISG_TRY(start_unpacker(u, path, &fd, &out->child));
    }
    out->in = fdopen(fd, "r");
    if (!out->in) {
        (void)close(fd);
        return ISG_FAIL(ISG_ENOMEM, "cannot read '%s': %s", path, strerror(errno));
    }
    return ISG_OK;
}

isg_err isg_source_line(isg_source *source, bool *got)
{
    errno = 0;
    ssize_t n = getline(&source->line, &source->cap, source->in);
    *got = n >= 0;
    if (n < 0) {
        if (feof(source->in)) return ISG_OK;
        return ISG_FAIL(ISG_EIO, "cannot read '%s': %s", source->path, strerror(errno));
    }
    source->offset = source->next;
    source->next += (uint64_t)n;
    source->n = (size_t)n;
    while (source->n &&
           (source->line[source->n - 1] == '\n' || source->line[source->n - 1] == '\r')) {
        source->n--;
    }
    return ISG_OK;
}

isg_err isg_source_close(isg_source *source)
{
    isg_err rc = ISG_OK;
    int status = 0;
    bool whole = source->in && feof(source->in);
    if (source->in) (void)fclose(source->in);
    if (source->child) {
        while (waitpid(source->child, &status, 0) < 0 && errno == EINTR) continue;
        /* If we stopped early the child died of SIGPIPE: no news. */
        if (whole && status) {
            rc = ISG_FAIL(ISG_EINPUT,
                          "'%s' could not unpack '%s' (wait status %d): is the file whole?",
                          source->program, source->path, status);
        }
    }
    free(source->line);
    *source = (isg_source){0};
    return rc;
}
