#ifndef ISG_TRAIN_MEMORY_H
#define ISG_TRAIN_MEMORY_H

#include <stddef.h>

/**
 * n floats, zero, in large pages where the system has them: with small ones a million parameters
 * lose a twentieth of their time to address translation. The caller frees with free().
 * @return NULL if there is no memory
 */
float *isg_floats_create(size_t n);

#endif
