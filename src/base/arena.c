#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Blocks double in size: few calls for a large file, little waste for a small one. They stay below
 * the size from which malloc asks the kernel for each block anew. */
#define BLOCK_SIZE_MIN ((size_t)4096)
#define BLOCK_SIZE_MAX ((size_t)64 * 1024)

struct cyc_arena_block {
    struct cyc_arena_block *next;
    size_t size; /* of data */
    size_t used;
    alignas(max_align_t) char data[];
};

void cyc_arena_init(struct cyc_arena *arena, size_t size_max)
{
    *arena = (struct cyc_arena){.size_max = size_max};
}

static size_t next_block_size(const struct cyc_arena *arena, size_t needed)
{
    size_t size = arena->blocks != NULL ? 2 * arena->blocks->size : BLOCK_SIZE_MIN;
    if (size > BLOCK_SIZE_MAX) {
        size = BLOCK_SIZE_MAX;
    }
    if (arena->size_max != 0) {
        const size_t overhead = arena->used + sizeof(struct cyc_arena_block);
        const size_t left = arena->size_max > overhead ? arena->size_max - overhead : 0;
        if (needed > left) {
            return 0;
        }
        size = size < left ? size : left;
    }
    return size > needed ? size : needed;
}

static bool add_block(struct cyc_arena *arena, size_t needed)
{
    const size_t size = next_block_size(arena, needed);
    if (size == 0) {
        return false;
    }
    struct cyc_arena_block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        return false;
    }
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used += sizeof *block + size;
    return true;
}

void *cyc_arena_alloc(struct cyc_arena *arena, size_t size)
{
    const size_t step = alignof(max_align_t);
    if (size > SIZE_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    const size_t rounded = size == 0 ? step : (size + step - 1) / step * step;
    const struct cyc_arena_block *top = arena->blocks;
    if ((top == NULL || top->size - top->used < rounded) && !add_block(arena, rounded)) {
        arena->failed = true;
        return NULL;
    }
    struct cyc_arena_block *block = arena->blocks;
    void *memory = block->data + block->used;
    block->used += rounded;
    return memory;
}

void *cyc_arena_array(struct cyc_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        arena->failed = true;
        return NULL;
    }
    return cyc_arena_alloc(arena, count * size);
}

char *cyc_arena_string(struct cyc_arena *arena, const char *string, size_t size)
{
    char *copy = size < SIZE_MAX ? cyc_arena_alloc(arena, size + 1) : NULL;
    if (copy != NULL && size > 0) {
        memcpy(copy, string, size);
    }
    return copy;
}

void cyc_arena_release(struct cyc_arena *arena)
{
    while (arena->blocks != NULL) {
        struct cyc_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
    arena->failed = false;
}
