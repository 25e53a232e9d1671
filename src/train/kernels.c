#include "kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

void isg_kernels_flush_subnormals(void)
{
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
    _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
}

extern const isg_kernels isg_kernels_avx512, isg_kernels_avx2;
#define X86_TABLES &isg_kernels_avx512, &isg_kernels_avx2,
#else
void isg_kernels_flush_subnormals(void)
{
}
#define X86_TABLES
#endif

extern const isg_kernels isg_kernels_generic;

static const isg_kernels *const tables[] = {X86_TABLES & isg_kernels_generic, NULL};

const isg_kernels *isg_kernels_at(size_t i)
{
    return i < sizeof tables / sizeof tables[0] ? tables[i] : NULL;
}

const isg_kernels *isg_kernels_find(const char *numerics)
{
    for (const isg_kernels *const *t = tables; *t; t++) {
        if (!strcmp((*t)->numerics, numerics)) return *t;
    }
    return NULL;
}
