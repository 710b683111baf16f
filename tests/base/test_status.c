#include "base/status.h"
#include "check/check.h"

#include <string.h>

static void every_status_has_a_name_and_a_text(void)
{
    CYC_SAME(cyc_status_name(CYC_OK), "OK");
    CYC_SAME(cyc_status_text(CYC_OK), "ok");
    CYC_SAME(cyc_status_name(CYC_E_TIMEOUT), "TIMEOUT");
    CYC_SAME(cyc_status_text(CYC_E_TIMEOUT), "time-out");
#define CHECK_STATUS(code, name, text)                                                             \
    CYC_SAME(cyc_status_name(code), #name);                                                        \
    CYC_SAME(cyc_status_text(code), text);
    CYC_STATUS_LIST(CHECK_STATUS)
#undef CHECK_STATUS
}

static void an_unknown_status_is_named_so(void)
{
    CYC_SAME(cyc_status_name(4711), "UNKNOWN");
    CYC_SAME(cyc_status_text(-4711), "unknown status");
}

static void an_error_carries_its_status_and_text(void)
{
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_err_set(&err, CYC_E_FILE, "cannot open %s: error %d", "a.yaml", 2),
                    CYC_E_FILE);
    CU_ASSERT_EQUAL(err.status, CYC_E_FILE);
    CYC_SAME(err.text, "cannot open a.yaml: error 2");
}

static void context_comes_before_the_text(void)
{
    struct cyc_err err = {0};
    (void)cyc_err_set(&err, CYC_E_STALE, "no sample for 2 s");
    CU_ASSERT_EQUAL(cyc_err_wrap(&err, "step '%s'", "cc1"), CYC_E_STALE);
    CU_ASSERT_EQUAL(cyc_err_wrap(&err, "channel %d", 3), CYC_E_STALE);
    CYC_SAME(err.text, "channel 3: step 'cc1': no sample for 2 s");
}

static void an_error_may_be_built_from_its_own_text(void)
{
    struct cyc_err err = {0};
    (void)cyc_err_set(&err, CYC_E_IO, "read failed");
    (void)cyc_err_set(&err, CYC_E_FILE, "journal: %s (%s)", err.text, "disk");
    CYC_SAME(err.text, "journal: read failed (disk)");
}

static void without_an_error_only_the_status_comes_back(void)
{
    CU_ASSERT_EQUAL(cyc_err_set(NULL, CYC_E_INPUT, "nobody reads %s", "this"), CYC_E_INPUT);
    CU_ASSERT_EQUAL(cyc_err_wrap(NULL, "context"), CYC_E_BUG);
}

static void a_long_text_is_cut_at_a_character(void)
{
    char long_text[2 * CYC_ERR_TEXT_SIZE];
    /* One ASCII byte before two-byte characters: the cut would fall into the middle of one. */
    for (size_t shift = 0; shift < 2; shift++) {
        memset(long_text, 'x', shift);
        for (size_t i = shift; i + 2 < sizeof long_text; i += 2) {
            memcpy(long_text + i, "\xC3\xA4", 2);
        }
        long_text[sizeof long_text - 2 + shift - (shift != 0 ? 1 : 0)] = '\0';
        struct cyc_err err = {0};
        (void)cyc_err_set(&err, CYC_E_INPUT, "%s", long_text);
        const size_t length = strlen(err.text);
        CU_ASSERT(length >= CYC_ERR_TEXT_SIZE - 2 && length < CYC_ERR_TEXT_SIZE);
        CU_ASSERT_EQUAL((unsigned char)err.text[length - 1], 0xA4);
    }
}

static void numbers_in_an_error_have_a_point_under_every_locale(void)
{
    struct cyc_err err = {0};
    (void)cyc_err_set(&err, CYC_E_INPUT, "%.2f V", 4.25);
    CYC_SAME(err.text, "4.25 V");
}

static void a_broken_invariant_is_false_and_the_program_lives(void)
{
#ifndef CYC_ASSERT_ABORTS
    CU_ASSERT(CYC_ASSERT(1 + 1 == 2));
    CU_ASSERT(!CYC_ASSERT(1 + 1 == 3));
#endif
}

const struct cyc_check check_status[] = {
    CYC_CHECK(every_status_has_a_name_and_a_text),
    CYC_CHECK(an_unknown_status_is_named_so),
    CYC_CHECK(an_error_carries_its_status_and_text),
    CYC_CHECK(context_comes_before_the_text),
    CYC_CHECK(an_error_may_be_built_from_its_own_text),
    CYC_CHECK(without_an_error_only_the_status_comes_back),
    CYC_CHECK(a_long_text_is_cut_at_a_character),
    CYC_CHECK(numbers_in_an_error_have_a_point_under_every_locale),
    CYC_CHECK(a_broken_invariant_is_false_and_the_program_lives),
    {0},
};
