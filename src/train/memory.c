#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(MADV_HUGEPAGE)
static void ask_for_large_pages(void *p, size_t bytes)
{
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish: nothing is wrong if it is not met */
}
#else
static void ask_for_large_pages(void *p, size_t bytes)
{
    (void)p;
    (void)bytes;
}
#endif

float *isg_floats_create(size_t n)
{
    enum { SMALL = 4096, LARGE = 2 << 20 };
    const size_t page = n * sizeof(float) < LARGE ? SMALL : LARGE;
    const size_t bytes = (n * sizeof(float) + page - 1) / page * page;
    float *p = aligned_alloc(page, bytes);
    if (!p) return NULL;
    if (page == LARGE) ask_for_large_pages(p, bytes);
    return memset(p, 0, bytes);
}
