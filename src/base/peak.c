/* Compiled with contraction of a * m + c (src/CMakeLists.txt), which the rest of the tree avoids. */
#include "isogloss/numerics.h"
#include "isogloss/os.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { CHAINS = 12, LOOPS = 1000000, TRIES = 5 };

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

#define PEAK(name, bytes, flags)                                                                   \
    typedef float name##_vec __attribute__((vector_size(bytes)));                                  \
    flags static float name(void)                                                                  \
    {                                                                                              \
        name##_vec a[CHAINS], m = {0}, c = {0};                                                    \
        m += 0.999999F;                                                                            \
        c += 1e-6F;                                                                                \
        for (size_t k = 0; k < CHAINS; k++) a[k] = c * (float)k;                                   \
        for (int i = 0; i < LOOPS; i++) {                                                          \
            UNROLL for (size_t k = 0; k < CHAINS; k++) a[k] = a[k] * m + c;                        \
        }                                                                                          \
        for (size_t k = 1; k < CHAINS; k++) a[0] += a[k];                                          \
        return a[0][0];                                                                            \
    }

#if defined(__x86_64__)
#if defined(__clang__) /* uses the width that the type has */
#define WIDEST "avx512f,fma"
#else
#define WIDEST "avx512f,fma,prefer-vector-width=512"
#endif
PEAK(peak_avx512, 64, __attribute__((target(WIDEST), noinline)))
PEAK(peak_avx2, 32, __attribute__((target("avx2,fma"), noinline)))
#define WIDE(numerics)                                                                             \
    (!strncmp(numerics, "avx512", 6) ? 16 : !strncmp(numerics, "avx2", 4) ? 8 : 4)
#else
#define peak_avx512 peak_generic
#define peak_avx2 peak_generic
#define WIDE(numerics) 4
#endif
PEAK(peak_generic, 16, __attribute__((noinline)))

double isg_fma_peak(const char *numerics)
{
    const int width = WIDE(numerics);
    double best = INFINITY, sum = 0;

    for (int i = 0; i < TRIES; i++) {
        double t = isg_time_cpu();
        sum += (double)(width == 16 ? peak_avx512() : width == 8 ? peak_avx2() : peak_generic());
        best = fmin(best, isg_time_cpu() - t);
    }
    return isfinite(sum) ? 2.0 * width * CHAINS * LOOPS / best : 0;
}
