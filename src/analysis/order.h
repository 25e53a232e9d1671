#ifndef ISG_ANALYSIS_ORDER_H
#define ISG_ANALYSIS_ORDER_H

#include <stddef.h>

/** Order of two doubles for qsort(). None may be NaN. */
int isg_by_value(const void *a, const void *b);

/** Sorts x. @param n  >= 1 */
double isg_median(double *x, size_t n);

#endif
