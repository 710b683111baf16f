#include "base/pack.h"
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

#define WORDS 70000u

/* Words of which some are zero, in stretches of every length. */
static void fill(uint64_t *words, unsigned count, unsigned seed)
{
    uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    unsigned left = 0;
    bool zero = seed % 2 == 0;
    for (unsigned i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if (left == 0) {
            left = (unsigned)(random % 9);
            zero = !zero;
        } else {
            left--;
        }
        words[i] = zero ? 0 : random;
    }
}

static void what_was_packed_comes_out_again(void)
{
    static uint64_t words[200], back[200];
    for (unsigned count = 0; count <= 200; count++) {
        struct cyc_text bytes = {0};
        fill(words, count, count);
        cyc_pack_append(&bytes, words, count * sizeof words[0]);
        cyc_pack_append(&bytes, words, count * sizeof words[0]);
        const char *at = cyc_text_get(&bytes);
        const char *const end = at + bytes.length;
        for (unsigned i = 0; i < 2; i++) {
            memset(back, 0x55, sizeof back);
            CU_ASSERT(cyc_pack_take(&at, end, back, count * sizeof back[0]));
            CU_ASSERT_EQUAL(memcmp(back, words, count * sizeof back[0]), 0);
        }
        CU_ASSERT_PTR_EQUAL(at, end);
        cyc_text_release(&bytes);
    }
}

static void long_stretches_come_out_again_and_zeros_take_no_room(void)
{
    uint64_t *const words = calloc(WORDS, sizeof *words);
    uint64_t *const back = malloc(WORDS * sizeof *back);
    for (unsigned filled = 0; filled < 2 && words != NULL && back != NULL; filled++) {
        struct cyc_text bytes = {0};
        cyc_pack_append(&bytes, words, WORDS * sizeof *words);
        CU_ASSERT(bytes.length < (filled ? WORDS * sizeof *words + 16 : 16));
        const char *at = cyc_text_get(&bytes);
        CU_ASSERT(cyc_pack_take(&at, at + bytes.length, back, WORDS * sizeof *back));
        CU_ASSERT_EQUAL(memcmp(back, words, WORDS * sizeof *back), 0);
        cyc_text_release(&bytes);
        memset(words, 0x11, WORDS * sizeof *words);
    }
    free(words);
    free(back);
}

static void bytes_that_were_cut_are_refused(void)
{
    uint64_t words[20], back[20];
    struct cyc_text bytes = {0};
    fill(words, 20, 3);
    cyc_pack_append(&bytes, words, sizeof words);
    for (size_t size = 0; size < bytes.length; size++) {
        const char *at = cyc_text_get(&bytes);
        CU_ASSERT_FALSE(cyc_pack_take(&at, at + size, back, sizeof back));
    }
    const char *at = cyc_text_get(&bytes); /* of another size */
    CU_ASSERT_FALSE(cyc_pack_take(&at, at + bytes.length, back, sizeof back / 2));
    cyc_text_release(&bytes);
}

const struct cyc_check check_pack[] = {
    CYC_CHECK(what_was_packed_comes_out_again),
    CYC_CHECK(long_stretches_come_out_again_and_zeros_take_no_room),
    CYC_CHECK(bytes_that_were_cut_are_refused),
    {0},
};
