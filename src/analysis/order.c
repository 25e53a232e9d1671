#include "order.h"

#include <stdlib.h>

int isg_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double isg_median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, isg_by_value);
    return 0.5 * (x[n / 2] + x[(n - 1) / 2]);
}
