#include "vec_avx512.inc"

#include "kernels.inc"
