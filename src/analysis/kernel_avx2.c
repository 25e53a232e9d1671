#define W 4
#include "kernel.inc"

extern const isg_kernel isg_kernel_avx2;
const isg_kernel isg_kernel_avx2 = KERNEL_TABLE("avx2");
