#ifndef ISG_CAMPAIGN_ARENA_H
#define ISG_CAMPAIGN_ARENA_H

/** Memory that lives as long as the reading of one campaign and is freed at once. */

#include <stddef.h>

typedef struct isg_arena {
    struct isg_arena_block *block;
} isg_arena;

/** Zeroed memory, or NULL. Zero-initialise the arena: `isg_arena a = {0}`. */
void *isg_arena_alloc(isg_arena *arena, size_t n, size_t size);

/** A copy of `n` bytes with a terminator, or NULL. */
char *isg_arena_text(isg_arena *arena, const char *text, size_t n);

void isg_arena_free(isg_arena *arena);

#endif
