#include "kernel.h"

#include "isogloss/numerics.h"

#include <stdlib.h>
#include <string.h>

extern const isg_kernel isg_kernel_generic, isg_kernel_avx2, isg_kernel_avx512;

#if defined(__x86_64__)
const isg_kernel *const isg_kernels[ISG_KERNELS] = {&isg_kernel_generic, &isg_kernel_avx2,
                                                    &isg_kernel_avx512};
#else
const isg_kernel *const isg_kernels[ISG_KERNELS] = {&isg_kernel_generic, NULL, NULL};
#endif

isg_err isg_kernel_find(const char *numerics, const isg_kernel **out)
{
    char best[32];

    if (!numerics) {
        ISG_TRY(isg_numerics_best(best));
        numerics = best;
    }
    if (!isg_numerics_supported(numerics)) {
        return ISG_FAIL(ISG_EUSAGE, "numerics '%s' is not available on this CPU", numerics);
    }
    *out = isg_kernels[isg_numerics_level(numerics)];
    return ISG_OK;
}

double *isg_lanes_alloc(size_t blocks)
{
    size_t bytes = (blocks ? blocks : 1) * ISG_LANES * sizeof(double);
    double *p = aligned_alloc(64, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}
