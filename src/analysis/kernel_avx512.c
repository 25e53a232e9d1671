#define W 8
#include "kernel.inc"

extern const isg_kernel isg_kernel_avx512;
const isg_kernel isg_kernel_avx512 = KERNEL_TABLE("avx512");
