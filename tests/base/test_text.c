#include "base/text.h"
#include "check/check.h"
#include "heap.h"

#include <string.h>

static void a_copy_is_terminated_and_tells_when_it_was_cut(void)
{
    char target[6];
    CU_ASSERT(cyc_copy(target, sizeof target, "abcde"));
    CYC_SAME(target, "abcde");
    CU_ASSERT(!cyc_copy(target, sizeof target, "abcdef"));
    CYC_SAME(target, "abcde");
    CU_ASSERT(cyc_copy(target, sizeof target, ""));
    CYC_SAME(target, "");
    CU_ASSERT(!cyc_copy(target, 1, "a"));
    CYC_SAME(target, "");
    CU_ASSERT(!cyc_copy(target, 0, "a"));
}

static void a_copy_is_never_cut_inside_a_character(void)
{
    char target[8];
    /* Two, three and four bytes: Omega, euro sign, a face. */
    CU_ASSERT(!cyc_copy(target, 6, "abcd\xCE\xA9"));
    CYC_SAME(target, "abcd");
    CU_ASSERT(cyc_copy(target, 7, "abcd\xCE\xA9"));
    CYC_SAME(target, "abcd\xCE\xA9");
    CU_ASSERT(!cyc_copy(target, 6, "abc\xE2\x82\xAC"));
    CYC_SAME(target, "abc");
    CU_ASSERT(!cyc_copy(target, 5, "a\xF0\x9F\x98\x80"));
    CYC_SAME(target, "a");
    /* Bytes that are no UTF-8 at all are kept as they are. */
    CU_ASSERT(!cyc_copy(target, 5, "\x80\x80\x80\x80\x80\x80"));
    CYC_SAME(target, "\x80\x80\x80\x80");
}

static void words_are_compared_without_case_and_locale(void)
{
    CU_ASSERT(cyc_same_word("title", "TITLE", 5));
    CU_ASSERT(cyc_same_word("LIMIT", "limits", 5));
    CU_ASSERT(!cyc_same_word("limits", "limit", 5));
    CU_ASSERT(!cyc_same_word("limit", "limits", 6));
    CU_ASSERT(!cyc_same_word("min", "mAn", 3));
    CU_ASSERT(cyc_same_word("", "x", 0));
    CU_ASSERT(!cyc_same_word("\xC3\x84", "\xC3\xA4", 2)); /* only ASCII */
}

static void text_grows(void)
{
    struct cyc_text text = {0};
    CYC_SAME(cyc_text_get(&text), "");
    cyc_text_append_size(&text, "ignored", 0);
    CYC_SAME(cyc_text_get(&text), "");
    for (int i = 0; i < 1000; i++) {
        cyc_text_append(&text, "0123456789");
    }
    CU_ASSERT_EQUAL(text.length, 10000);
    CU_ASSERT_EQUAL(strlen(cyc_text_get(&text)), 10000);
    cyc_text_clear(&text);
    CYC_SAME(cyc_text_get(&text), "");
    CU_ASSERT(text.capacity >= 10000);
    cyc_text_append_size(&text, "abc\0def", 7);
    CU_ASSERT_EQUAL(text.length, 7);
    cyc_text_release(&text);
    CU_ASSERT_PTR_NULL(text.data);
}

static void formatted_text_may_be_of_any_length(void)
{
    char word[1000];
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    struct cyc_text text = {0};
    cyc_text_format(&text, "[%d]", 42);
    cyc_text_format(&text, "<%s>", word);
    CU_ASSERT_EQUAL(text.length, 4 + 1001);
    CU_ASSERT_EQUAL(memcmp(text.data, "[42]<www", 8), 0);
    CYC_SAME(text.data + text.length - 2, "w>");
    cyc_text_release(&text);
    for (size_t length = 250; length < 260; length++) { /* around the size of the inner buffer */
        cyc_text_format(&text, "%.*s", (int)length, word);
        CU_ASSERT_EQUAL(text.length, length);
        cyc_text_release(&text);
    }
}

static void numbers_are_appended_for_people(void)
{
    struct cyc_text text = {0};
    cyc_text_number(&text, 9.026e-2, 6);
    cyc_text_append(&text, " ");
    cyc_text_number(&text, 4.0, 6);
    CYC_SAME(cyc_text_get(&text), "0.09026 4");
    cyc_text_release(&text);
}

static void after_a_failed_allocation_the_text_stays_whole_and_says_so(void)
{
    struct cyc_text text = {0};
    cyc_text_append(&text, "kept");
    heap_fail_after(0);
    for (int i = 0; i < 100; i++) {
        cyc_text_append(&text, "0123456789");
    }
    heap_fail_after(-1);
    CU_ASSERT(text.failed);
    CU_ASSERT_EQUAL(memcmp(cyc_text_get(&text), "kept", 4), 0);
    const size_t length = text.length;
    CU_ASSERT_EQUAL(strlen(cyc_text_get(&text)), length);
    cyc_text_append(&text, "x");
    cyc_text_format(&text, "%d", 1);
    CU_ASSERT_EQUAL(text.length, length);
    cyc_text_clear(&text); /* the loss is not forgotten */
    CU_ASSERT(text.failed);
    cyc_text_release(&text);
    CU_ASSERT(!text.failed);
}

const struct cyc_check check_text[] = {
    CYC_CHECK(a_copy_is_terminated_and_tells_when_it_was_cut),
    CYC_CHECK(a_copy_is_never_cut_inside_a_character),
    CYC_CHECK(words_are_compared_without_case_and_locale),
    CYC_CHECK(text_grows),
    CYC_CHECK(formatted_text_may_be_of_any_length),
    CYC_CHECK(numbers_are_appended_for_people),
    CYC_CHECK(after_a_failed_allocation_the_text_stays_whole_and_says_so),
    {0},
};
