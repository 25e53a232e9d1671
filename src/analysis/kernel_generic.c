#define W 2
#include "kernel.inc"

extern const isg_kernel isg_kernel_generic;
const isg_kernel isg_kernel_generic = KERNEL_TABLE("generic");

double isg_exp(double x)
{
    return vexp(splat(x))[0];
}

double isg_ln(double x)
{
    return vlog(splat(x))[0];
}
