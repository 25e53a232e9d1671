#ifndef ISG_TEST_TRAIN_SUPPORT_H
#define ISG_TEST_TRAIN_SUPPORT_H

/** Random arrays and tables of kernels for the tests of the trainer. */

#include "isogloss/numerics.h"
#include "isogloss/rng.h"
#include "train/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/** Normal numbers with standard deviation `spread`; 64-byte aligned; caller frees. */
static inline float *random_floats(isg_rng *r, size_t n, double spread)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    for (size_t i = 0; x && i < n; i++) x[i] = (float)(spread * isg_rng_normal(r));
    return x;
}

static inline double *to_doubles(const float *x, size_t n)
{
    double *y = malloc(n * sizeof *y);
    for (size_t i = 0; y && i < n; i++) y[i] = (double)x[i];
    return y;
}

/** Largest |got - wanted| over the largest |wanted|. */
static inline double relative_error(const float *got, const double *wanted, size_t n)
{
    double worst = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        double e = fabs((double)got[i] - wanted[i]);
        if (!(e <= worst)) worst = e; /* NaN counts as worst */
        if (fabs(wanted[i]) > size) size = fabs(wanted[i]);
    }
    return size > 0 ? worst / size : worst;
}

/** Call `test` for every table this CPU can run. @return how many */
static inline size_t for_each_kernels(void (*test)(const isg_kernels *k))
{
    size_t ran = 0;
    for (size_t i = 0; isg_kernels_at(i); i++) {
        const isg_kernels *k = isg_kernels_at(i);
        if (!isg_numerics_supported(k->numerics)) {
            printf("%s: this CPU has not got it, left out\n", k->numerics);
            continue;
        }
        test(k);
        ran++;
    }
    return ran;
}

#endif
