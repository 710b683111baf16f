#include "base/arena.h"
#include "check/check.h"
#include "heap.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static bool is_zero(const char *memory, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (memory[i] != 0) {
            return false;
        }
    }
    return true;
}

static void memory_is_zeroed_aligned_and_apart(void)
{
    struct cyc_arena arena;
    cyc_arena_init(&arena, 0);
    char *before = NULL;
    size_t before_size = 0;
    for (size_t size = 0; size < 3000; size += 7) {
        char *memory = cyc_arena_alloc(&arena, size);
        CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
        CU_ASSERT_EQUAL((uintptr_t)memory % alignof(max_align_t), 0);
        CU_ASSERT(is_zero(memory, size));
        CU_ASSERT(before == NULL || memory >= before + before_size || memory + size <= before);
        memset(memory, 0xAA, size);
        before = memory;
        before_size = size;
    }
    CU_ASSERT(!arena.failed);
    cyc_arena_release(&arena);
    CU_ASSERT_EQUAL(arena.used, 0);
    CU_ASSERT_PTR_NULL(arena.blocks);
}

static void one_large_piece_fits(void)
{
    struct cyc_arena arena;
    cyc_arena_init(&arena, 0);
    const size_t size = (size_t)5 * 1024 * 1024;
    char *memory = cyc_arena_alloc(&arena, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
    memory[0] = 1;
    memory[size - 1] = 1;
    CU_ASSERT(arena.used >= size && arena.used < size + 4096);
    cyc_arena_release(&arena);
}

static void the_bound_holds_and_is_reached(void)
{
    struct cyc_arena arena;
    const size_t bound = (size_t)100 * 1000;
    cyc_arena_init(&arena, bound);
    size_t got = 0;
    while (cyc_arena_alloc(&arena, 96) != NULL) {
        got += 96;
        CU_ASSERT(arena.used <= bound);
    }
    CU_ASSERT(arena.failed);
    CU_ASSERT(got > bound * 9 / 10);
    cyc_arena_release(&arena);
}

static void a_piece_beyond_the_bound_is_refused(void)
{
    struct cyc_arena arena;
    cyc_arena_init(&arena, 8192);
    CU_ASSERT_PTR_NULL(cyc_arena_alloc(&arena, 8192));
    CU_ASSERT(arena.failed);
    CU_ASSERT_PTR_NULL(cyc_arena_alloc(&arena, SIZE_MAX));
    CU_ASSERT_PTR_NULL(cyc_arena_alloc(&arena, SIZE_MAX - 15));
    CU_ASSERT_PTR_NOT_NULL(cyc_arena_alloc(&arena, 100));
    cyc_arena_release(&arena);
    CU_ASSERT(!arena.failed);
}

static void an_array_whose_size_overflows_is_refused(void)
{
    struct cyc_arena arena;
    cyc_arena_init(&arena, 0);
    CU_ASSERT_PTR_NULL(cyc_arena_array(&arena, SIZE_MAX / 4, 8));
    CU_ASSERT(arena.failed);
    CU_ASSERT_PTR_NOT_NULL(cyc_arena_array(&arena, 10, 8));
    CU_ASSERT_PTR_NOT_NULL(cyc_arena_array(&arena, 0, 0));
    cyc_arena_release(&arena);
}

static void strings_are_terminated_copies(void)
{
    struct cyc_arena arena;
    cyc_arena_init(&arena, 0);
    char source[] = "formation";
    const char *copy = cyc_arena_string(&arena, source, 4);
    source[0] = 'X';
    CYC_SAME(copy, "form");
    CYC_SAME(cyc_arena_string(&arena, NULL, 0), "");
    CU_ASSERT_PTR_NULL(cyc_arena_string(&arena, source, SIZE_MAX));
    cyc_arena_release(&arena);
}

static void an_exhausted_heap_is_reported_and_what_was_given_stays(void)
{
    struct cyc_arena arena;
    cyc_arena_init(&arena, 0);
    char *kept = cyc_arena_string(&arena, "kept", 4);
    heap_fail_after(0);
    CU_ASSERT_PTR_NULL(cyc_arena_alloc(&arena, 100000));
    heap_fail_after(-1);
    CU_ASSERT(arena.failed);
    CYC_SAME(kept, "kept");
    CU_ASSERT_PTR_NOT_NULL(cyc_arena_alloc(&arena, 100000));
    cyc_arena_release(&arena);
}

const struct cyc_check check_arena[] = {
    CYC_CHECK(memory_is_zeroed_aligned_and_apart),
    CYC_CHECK(one_large_piece_fits),
    CYC_CHECK(the_bound_holds_and_is_reached),
    CYC_CHECK(a_piece_beyond_the_bound_is_refused),
    CYC_CHECK(an_array_whose_size_overflows_is_refused),
    CYC_CHECK(strings_are_terminated_copies),
    CYC_CHECK(an_exhausted_heap_is_reported_and_what_was_given_stays),
    {0},
};
