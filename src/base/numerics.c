#include "isogloss/numerics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME(isa) isa "-2"

_Static_assert(ISG_KERNEL_VERSION == 2, "the names below carry the kernel version");

static const char *const level_name[] = {NAME("generic"), NAME("avx2"), NAME("avx512")};
enum { LEVELS = sizeof level_name / sizeof level_name[0] };

static int cpu_level(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return 0;
}

int isg_numerics_level(const char *name)
{
    for (int i = 0; i < LEVELS; i++) {
        if (!strcmp(name, level_name[i])) return i;
    }
    return -1;
}

const char *isg_numerics_of_level(int level)
{
    return level_name[level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level];
}

bool isg_numerics_supported(const char *name)
{
    int level = isg_numerics_level(name);
    return level >= 0 && level <= cpu_level();
}

isg_err isg_numerics_best(char out[32])
{
    const char *name = getenv("ISOGLOSS_NUMERICS");
    if (!name || !*name) name = level_name[cpu_level()];
    if (!isg_numerics_supported(name)) {
        return ISG_FAIL(ISG_EUSAGE,
                        "ISOGLOSS_NUMERICS='%s' is not available on this CPU; best here is '%s'",
                        name, level_name[cpu_level()]);
    }
    (void)snprintf(out, 32, "%s", name);
    return ISG_OK;
}
