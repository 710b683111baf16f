/* Memory for loading: many small allocations, freed at once. A named maximum bounds it. */
#ifndef CYC_BASE_ARENA_H
#define CYC_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct cyc_arena {
    struct cyc_arena_block *blocks; /* owned */
    size_t used;                    /* bytes taken from the heap so far */
    size_t size_max;                /* 0: no bound but the heap's */
    bool failed;                    /* an allocation failed or the bound was reached */
};

void cyc_arena_init(struct cyc_arena *arena, size_t size_max);
/* Zeroed, aligned for any type; NULL when the bound or the heap is exhausted (and `failed`). */
void *cyc_arena_alloc(struct cyc_arena *arena, size_t size);
void *cyc_arena_array(struct cyc_arena *arena, size_t count, size_t size); /* overflow-checked */
char *cyc_arena_string(struct cyc_arena *arena, const char *string, size_t size); /* terminated */
void cyc_arena_release(struct cyc_arena *arena);

#endif
