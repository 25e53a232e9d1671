#include "vec_generic.inc"

#include "kernels.inc"
