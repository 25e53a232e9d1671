#include "resources.h"

#include "isogloss/hash.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t from_env(const char *const *names, size_t otherwise)
{
    uint64_t x;
    for (; *names; names++) {
        const char *text = getenv(*names);
        if (text && isg_str_to_u64(text, &x)) return (size_t)x;
    }
    return otherwise;
}

/* "0,1,GPU-uuid,.." of this process, or the devices of this host in order. */
static char *visible_gpus(void)
{
    const char *given = getenv("CUDA_VISIBLE_DEVICES");
    isg_str list = {0};
    if (given) return isg_strdup(given);
    for (int i = 0; i < 64; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/dev/nvidia%d", i);
        if (isg_path_exists(path) && isg_str_printf(&list, "%s%d", list.len ? "," : "", i)) break;
    }
    char *out = isg_strdup(isg_str_c(&list));
    isg_str_free(&list);
    return out;
}

static size_t count_words(const char *list)
{
    size_t n = *list != '\0';
    for (const char *p = list; *p; p++) n += *p == ',';
    return n;
}

/* Leave words [first, first + n) of a list in place. */
static void keep_words(char *list, size_t first, size_t n)
{
    char *p = list;
    for (; first; first--) p += strcspn(p, ",") + 1;
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (i) len++;
        len += strcspn(p + len, ",");
    }
    memmove(list, p, len);
    list[len] = '\0';
}

/* Ranks of this host that work, and which of them this one is. Rank 0 of several only leads. */
static isg_err find_neighbours(isg_comm *comm, size_t *workers, size_t *index)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", NULL};
    static const char *const ranks[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID",
                                        "MPI_LOCALRANKID", NULL};
    const char *host = isg_os_host();
    int mine = (int)(isg_crc32c(0, host, strlen(host)) & 0x3fffffff);
    int first = isg_comm_rank(comm) == 0 ? mine : INT_MAX;
    *workers = 1;
    *index = 0;
    ISG_TRY(isg_comm_min_int(comm, &first));
    if (isg_comm_size(comm) == 1) return ISG_OK;
    size_t leads = first == mine, n = from_env(sizes, 1), i = from_env(ranks, 0);
    if (n > leads) *workers = n - leads;
    if (i >= leads && i - leads < *workers) *index = i - leads;
    return ISG_OK;
}

isg_err isg_resources_find(isg_comm *comm, size_t slots, isg_resources *out)
{
    size_t workers, index, cores = isg_os_cores();
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    ISG_TRY(find_neighbours(comm, &workers, &index));
    bool bound = online > 0 && cores * workers <= (size_t)online;
    out->cores = bound ? cores : cores / workers;
    out->slots = slots ? slots : isg_comm_is_mpi(comm) ? 1 : cores;
    if (out->cores < out->slots)
        out->cores = out->slots; /* asked for more at a time: then so be it */

    char *gpus = visible_gpus();
    if (!gpus) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    size_t all = count_words(gpus);
    out->gpus = all / workers;
    keep_words(gpus, index * out->gpus, out->gpus);
    bool bad = all && setenv("CUDA_VISIBLE_DEVICES", gpus, 1);
    free(gpus);
    return bad ? ISG_FAIL(ISG_ENOMEM, "out of memory") : ISG_OK;
}
