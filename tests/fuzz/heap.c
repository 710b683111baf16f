#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>

#ifdef CYC_FUZZ_HEAP

/* glibc's own, for those who replace malloc. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

const int heap_is_counted = 1;
static size_t used, peak, marked;

static void *taken(void *memory)
{
    if (memory != NULL) {
        used += malloc_usable_size(memory);
        peak = used > peak ? used : peak;
    }
    return memory;
}

void *malloc(size_t size)
{
    return taken(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return taken(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    const size_t before = memory != NULL ? malloc_usable_size(memory) : 0;
    void *const moved = __libc_realloc(memory, size);
    if (moved != NULL || size == 0) {
        used -= before;
    }
    return taken(moved);
}

void free(void *memory)
{
    used -= memory != NULL ? malloc_usable_size(memory) : 0;
    __libc_free(memory);
}

void *memalign(size_t alignment, size_t size)
{
    return taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return taken(__libc_memalign(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = taken(__libc_memalign(alignment, size));
    return *memory != NULL ? 0 : ENOMEM;
}

void heap_mark(void)
{
    marked = peak = used;
}

size_t heap_peak(void)
{
    return peak - marked;
}

long heap_left(void)
{
    return (long)(used - marked);
}

#else

const int heap_is_counted = 0;

void heap_mark(void)
{
}

size_t heap_peak(void)
{
    return 0;
}

long heap_left(void)
{
    return 0;
}

#endif
