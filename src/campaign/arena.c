#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGN = _Alignof(max_align_t) };

struct isg_arena_block {
    struct isg_arena_block *next;
    size_t used, cap;
    max_align_t data[];
};

void *isg_arena_alloc(isg_arena *arena, size_t n, size_t size)
{
    if (size && n > (SIZE_MAX / 4) / size) return NULL;
    size_t want = (n * size + ALIGN - 1) / ALIGN * ALIGN;
    struct isg_arena_block *b = arena->block;
    if (!b || b->cap - b->used < want) {
        size_t cap = want > BLOCK_BYTES ? want : BLOCK_BYTES;
        b = calloc(1, sizeof *b + cap);
        if (!b) return NULL;
        b->cap = cap;
        b->next = arena->block;
        arena->block = b;
    }
    void *p = (char *)b->data + b->used;
    b->used += want;
    return p;
}

char *isg_arena_text(isg_arena *arena, const char *text, size_t n)
{
    char *copy = isg_arena_alloc(arena, n + 1, 1);
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

void isg_arena_free(isg_arena *arena)
{
    while (arena->block) {
        struct isg_arena_block *next = arena->block->next;
        free(arena->block);
        arena->block = next;
    }
}
