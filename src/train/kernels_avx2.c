#include "vec_avx2.inc"

#include "kernels.inc"
