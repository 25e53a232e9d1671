#include "work.h"

#include "isogloss/json.h"
#include "isogloss/os.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

char *isg_work_dir(const char *store_path)
{
    size_t n = strlen(store_path);
    if (n > 3 && !strcmp(store_path + n - 3, ".h5")) n -= 3;
    return isg_strf("%.*s.work", (int)n, store_path);
}

char *isg_work_run_dir(const char *work_dir, const char *run_id)
{
    return isg_strf("%s/runs/%s", work_dir, run_id);
}

char *isg_work_attempt_dir(const char *work_dir, const char *run_id, uint32_t attempt)
{
    return isg_strf("%s/runs/%s/attempt-%u", work_dir, run_id, (unsigned)attempt);
}

/* K of "attempt-K", or 0. */
static uint32_t attempt_of(const char *name)
{
    uint64_t k = 0;
    if (strncmp(name, "attempt-", 8) || !isg_str_to_u64(name + 8, &k) || k > UINT32_MAX) return 0;
    return (uint32_t)k;
}

isg_err isg_work_scan(const char *work_dir, const char *run_id, isg_work_state *out)
{
    char name[ISG_WORK_NAME];
    char *path = isg_work_run_dir(work_dir, run_id);
    *out = (isg_work_state){0};
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    DIR *dir = opendir(path);
    free(path);
    if (!dir) return ISG_OK;
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        uint32_t k = attempt_of(d->d_name);
        uint64_t tokens = 0;
        if (k > out->last_attempt) out->last_attempt = k;
        if (!k || isg_work_checkpoint(work_dir, run_id, k, name, &tokens)) continue;
        bool later = tokens > out->checkpoint_tokens ||
                     (tokens == out->checkpoint_tokens && k > out->checkpoint_attempt);
        if (!later) continue;
        out->checkpoint_attempt = k;
        out->checkpoint_tokens = tokens;
    }
    (void)closedir(dir);
    isg_err_clear(); /* an unreadable checkpoint is none */
    return ISG_OK;
}

static isg_err read_checkpoint(const char *dir, char *name, uint64_t *tokens)
{
    json_t *root = NULL;
    const char *text = NULL;
    char *path = isg_path_join(dir, "checkpoint.json"), *data = NULL;
    isg_err rc = path ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");

    if (!rc) rc = isg_json_load(path, &root);
    if (!rc) rc = isg_json_string(root, "name", &text);
    if (!rc) rc = isg_json_u64(root, "tokens", tokens);
    if (!rc && !isg_str_is_name(text))
        rc = ISG_FAIL(ISG_EINPUT, "'%s': '%.80s' is not a checkpoint's name", path, text);
    if (!rc) data = isg_path_join(dir, text);
    if (data && !isg_path_exists(data))
        rc = ISG_FAIL(ISG_EIO, "'%s' names '%s', which is not there", path, text);
    if (!rc) memcpy(name, text, strlen(text) + 1); /* a name has at most 64 characters */
    free(data);
    free(path);
    json_decref(root);
    return rc;
}

isg_err isg_work_checkpoint(const char *work_dir, const char *run_id, uint32_t attempt, char *name,
                            uint64_t *tokens)
{
    char *dir = isg_work_attempt_dir(work_dir, run_id, attempt);
    if (!dir) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = read_checkpoint(dir, name, tokens);
    free(dir);
    return rc;
}
