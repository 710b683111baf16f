#include "base/diag.h"
#include "check/check.h"
#include "heap.h"

#include <stdio.h>
#include <string.h>

static const char formation[] = "cyclostat: 1\n"
                                "limits:\n"
                                "  voltage: [1.2 V, 4.1 V]\n"
                                "method:\n"
                                "  - {charge: 0.05 C, cutoff: 4.3 V}\n";

static void check_printed(struct cyc_diags *diags, const char *expected)
{
    struct cyc_text out = {0};
    cyc_diags_print(diags, &out, false);
    CYC_SAME(cyc_text_get(&out), expected);
    cyc_text_release(&out);
    cyc_diags_release(diags);
}

static struct cyc_pos at(uint16_t file, uint32_t line, uint32_t column, uint32_t width)
{
    return (struct cyc_pos){file, line, column, width};
}

static void a_mistake_is_shown_with_its_line_hint_and_second_place(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    const uint16_t file =
        cyc_diags_add_file(&diags, "formation.yaml", formation, strlen(formation));
    struct cyc_diag *diag = cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(file, 5, 29, 5),
                                          "a cutoff of %s lies outside the limits", "4.3 V");
    diag->hint = "widen limits.voltage or lower the cutoff";
    diag->path = "method[0].cutoff";
    diag->related = at(file, 3, 12, 14);
    diag->related_text = cyc_diags_format(&diags, "the limit is set %s", "here");
    check_printed(&diags, "formation.yaml:5:29: error: a cutoff of 4.3 V lies outside the limits\n"
                          "    5 |   - {charge: 0.05 C, cutoff: 4.3 V}\n"
                          "      |                             ^~~~~\n"
                          "   hint: widen limits.voltage or lower the cutoff\n"
                          "formation.yaml:3:12: note: the limit is set here\n");
}

static void a_mistake_without_a_place_names_its_path(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    const uint16_t file = cyc_diags_add_file(&diags, "empty.yaml", NULL, 0);
    cyc_diags_add(&diags, CYC_SEVERITY_WARNING, at(file, 0, 0, 0), "nothing to do")->path =
        "method";
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(99, 7, 7, 0), "in no file");
    check_printed(&diags, "empty.yaml: method: warning: nothing to do\n"
                          "error: in no file\n");
}

static void colours_mark_the_severity_and_the_caret(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    const uint16_t file = cyc_diags_add_file(&diags, "a", "x\n", 2);
    (void)cyc_diags_add(&diags, CYC_SEVERITY_NOTE, at(file, 1, 1, 0), "look");
    struct cyc_text out = {0};
    cyc_diags_print(&diags, &out, true);
    CYC_SAME(cyc_text_get(&out), "\x1b[1ma:1:1: \x1b[1;36mnote:\x1b[0m look\n"
                                 "    1 | x\n"
                                 "      | \x1b[1;36m^\x1b[0m\n");
    cyc_text_release(&out);
    cyc_diags_release(&diags);
}

static void check_line(const char *text, size_t size, struct cyc_pos pos, const char *expected)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    (void)cyc_diags_add_file(&diags, "f", text, size);
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, pos, "m");
    struct cyc_text out = {0};
    cyc_diags_print(&diags, &out, false);
    const char *shown = strchr(cyc_text_get(&out), '\n');
    CYC_SAME(shown != NULL ? shown + 1 : NULL, expected);
    cyc_text_release(&out);
    cyc_diags_release(&diags);
}

#define LINE(text, pos, expected) check_line((text), sizeof(text) - 1, (pos), (expected))

static void columns_count_characters(void)
{
    LINE("- {charge: 90 \xC2\xB5"
         "A, cutof: 4 V}",
         at(0, 1, 19, 5),
         "    1 | - {charge: 90 \xC2\xB5"
         "A, cutof: 4 V}\n"
         "      |                   ^~~~~\n");
    LINE("\xEF\xBB\xBFname: x", at(0, 1, 1, 4), "    1 | name: x\n      | ^~~~\n");
}

static void tabs_and_controls_take_one_column(void)
{
    LINE("\tkey:\x1b[31m v", at(0, 1, 2, 3), "    1 |  key:?[31m v\n      |  ^~~\n");
    LINE("a\xC2\x9B"
         "b\x7F",
         at(0, 1, 3, 0), "    1 | a?b?\n      |   ^\n");
    LINE("a\xFF\xC3(b", at(0, 1, 5, 0), "    1 | a?\?(b\n      |     ^\n");
    LINE("a\0b", at(0, 1, 3, 0), "    1 | a?b\n      |   ^\n");
}

static void lines_end_as_in_any_editor(void)
{
    LINE("one\r\ntwo\r\nthree", at(0, 2, 1, 3), "    2 | two\n      | ^~~\n");
    LINE("one\rtwo\rthree", at(0, 3, 1, 3), "    3 | three\n      | ^~~\n");
    LINE("one\n\n\nfour\n", at(0, 4, 1, 3), "    4 | four\n      | ^~~\n");
    LINE("one\n", at(0, 2, 1, 3), "    2 | \n      | ^\n"); /* what is missing at the end */
    LINE("one\n", at(0, 3, 1, 3), "");
    LINE("", at(0, 1, 1, 0), "    1 | \n      | ^\n");
}

static void carets_stay_within_the_line(void)
{
    LINE("abc", at(0, 1, 2, 100), "    1 | abc\n      |  ^~\n");
    LINE("abc", at(0, 1, 4, 2), "    1 | abc\n      |    ^\n");
    LINE("abc", at(0, 1, 4000000000u, 2), "    1 | abc\n      |    ^\n");
    LINE("abc", at(0, 1, 0, 0), "    1 | abc\n      | ^\n");
    LINE("abc\n", at(0, 123456, 1, 0), "");
}

/* 300 characters with a mark at `mark`, printed with the caret on it. */
static void check_window(uint32_t mark, const char *before, uint32_t caret, const char *behind)
{
    char text[300];
    memset(text, 'x', sizeof text);
    text[mark] = 'M';
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    (void)cyc_diags_add_file(&diags, "f", text, sizeof text);
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 1, mark + 1, 1), "m");
    struct cyc_text out = {0};
    cyc_diags_print(&diags, &out, false);
    const char *line = strchr(cyc_text_get(&out), '|') + 2;
    const size_t length = strcspn(line, "\n");
    CU_ASSERT_EQUAL(length, strlen(before) + 120 + strlen(behind));
    CU_ASSERT_EQUAL(strncmp(line, before, strlen(before)), 0);
    CU_ASSERT_EQUAL(strncmp(line + length - strlen(behind), behind, strlen(behind)), 0);
    CU_ASSERT_EQUAL(line[caret], 'M');
    const char *below = strchr(line, '|') + 2;
    CU_ASSERT_EQUAL(strcspn(below, "^"), caret);
    cyc_text_release(&out);
    cyc_diags_release(&diags);
}

static void a_long_line_is_cut_around_the_caret(void)
{
    check_window(0, "", 0, "...");
    check_window(60, "", 60, "...");
    check_window(61, "...", 63, "...");
    check_window(150, "...", 63, "...");
    check_window(299, "...", 122, "");
}

static void mistakes_are_sorted_by_place_and_duplicates_dropped(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    (void)cyc_diags_add_file(&diags, "a", NULL, 0);
    (void)cyc_diags_add_file(&diags, "b", NULL, 0);
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(1, 1, 1, 0), "in b");
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 2, 5, 0), "second column");
    (void)cyc_diags_add(&diags, CYC_SEVERITY_WARNING, at(0, 2, 1, 0), "a warning");
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 2, 1, 0), "twice");
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 2, 1, 0), "found later");
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 2, 1, 0), "twice");
    (void)cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 1, 9, 0), "first line");
    CU_ASSERT_EQUAL(diags.error_count, 6);
    cyc_diags_sort(&diags);
    CU_ASSERT_EQUAL(diags.error_count, 5);
    CU_ASSERT_EQUAL(diags.warning_count, 1);
    check_printed(&diags, "a:1:9: error: first line\n"
                          "a:2:1: error: twice\n"
                          "a:2:1: error: found later\n"
                          "a:2:1: warning: a warning\n"
                          "a:2:5: error: second column\n"
                          "b:1:1: error: in b\n");
}

static void beyond_the_maximum_mistakes_are_only_counted(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    (void)cyc_diags_add_file(&diags, "a", NULL, 0);
    for (uint32_t i = 0; i < 100; i++) {
        (void)cyc_diags_add(&diags, CYC_SEVERITY_WARNING, at(0, 1000 + i, 1, 0), "w%u",
                            (unsigned)i);
    }
    CU_ASSERT_EQUAL(diags.count, CYC_DIAG_WARNINGS_MAX);
    const size_t used = diags.arena.used;
    for (uint32_t i = 0; i < 25; i++) {
        struct cyc_diag *diag =
            cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, i + 1, 1, 0), "e%u", (unsigned)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(diag);
        diag->hint = "h";
    }
    for (int i = 0; i < 100000; i++) {
        (void)cyc_diags_add(&diags, CYC_SEVERITY_WARNING, at(0, 1, 1, 0), "%1000d", i);
    }
    CU_ASSERT_EQUAL(diags.count, CYC_DIAG_ERRORS_MAX + CYC_DIAG_WARNINGS_MAX);
    CU_ASSERT_EQUAL(diags.error_count, 25);
    CU_ASSERT_EQUAL(diags.warning_count, 100100);
    CU_ASSERT(diags.arena.used <= used + 16384);
    struct cyc_text out = {0};
    cyc_diags_print(&diags, &out, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&out), "a:20:1: error: e19\n"));
    CU_ASSERT_PTR_NULL(strstr(cyc_text_get(&out), "e20"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&out), "\nand 5 more errors\n"));
    cyc_text_release(&out);
    cyc_diags_release(&diags);
}

static void names_and_messages_cannot_steer_a_terminal(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    (void)cyc_diags_add_file(&diags, "a\x1b]0;x\x07.yaml", NULL, 0);
    struct cyc_diag *diag = cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 1, 1, 0),
                                          "unknown key '%s'", "\x1b[2J\n\xC2\x9B");
    diag->hint = "\x1b";
    diag->related = at(0, 2, 1, 0);
    diag->related_text = "\r";
    check_printed(&diags, "a?]0;x?.yaml:1:1: error: unknown key '?[2J?\?'\n"
                          "   hint: ?\n"
                          "a?]0;x?.yaml:2:1: note: ?\n");
}

static void the_file_table_has_an_end(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    for (unsigned i = 0; i < CYC_DIAG_FILES_MAX + 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%u", i);
        CU_ASSERT_EQUAL(cyc_diags_add_file(&diags, name, "", 0),
                        i < CYC_DIAG_FILES_MAX ? i : CYC_DIAG_FILES_MAX - 1);
    }
    cyc_diags_release(&diags);
}

static void json_holds_the_same(void)
{
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    (void)cyc_diags_add_file(&diags, "a.yaml", "x", 1);
    (void)cyc_diags_add(&diags, CYC_SEVERITY_WARNING, at(0, 2, 3, 1), "odd \"x\"");
    struct cyc_diag *diag = cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, 1, 1, 1), "bad");
    diag->path = "method[0]";
    diag->hint = "write y";
    diag->related = at(0, 2, 2, 1);
    diag->related_text = "here";
    struct cyc_text out = {0};
    struct cyc_json json;
    cyc_json_init(&json, &out);
    cyc_diags_json(&diags, &json);
    CYC_SAME(cyc_text_get(&out),
             "[{\"severity\":\"error\",\"file\":\"a.yaml\",\"line\":1,\"column\":1,\"path\":"
             "\"method[0]\","
             "\"message\":\"bad\",\"hint\":\"write y\",\"related\":{\"file\":\"a.yaml\",\"line\":2,"
             "\"column\":2,\"text\":\"here\"}},"
             "{\"severity\":\"warning\",\"file\":\"a.yaml\",\"line\":2,\"column\":3,\"path\":null,"
             "\"message\":\"odd \\\"x\\\"\",\"hint\":null,\"related\":null}]");
    cyc_text_release(&out);
    cyc_diags_release(&diags);
}

/* Each allocation fails in turn: something may be missing then, but nothing breaks. */
static void an_exhausted_heap_costs_words_never_the_program(void)
{
    bool failed = true;
    for (long n = 0; failed; n++) {
        CU_ASSERT_FATAL(n < 1000);
        heap_fail_after(n);
        struct cyc_diags diags;
        cyc_diags_init(&diags);
        (void)cyc_diags_add_file(&diags, "formation.yaml", formation, strlen(formation));
        for (uint32_t i = 1; i <= 5; i++) {
            struct cyc_diag *diag =
                cyc_diags_add(&diags, CYC_SEVERITY_ERROR, at(0, i, 1, 3), "%2000u", (unsigned)i);
            diag->hint = cyc_diags_format(&diags, "%2000u", (unsigned)i);
        }
        struct cyc_text out = {0};
        cyc_diags_print(&diags, &out, true);
        struct cyc_text json_out = {0};
        struct cyc_json json;
        cyc_json_init(&json, &json_out);
        cyc_diags_json(&diags, &json);
        failed = heap_has_failed();
        heap_fail_after(-1);
        CU_ASSERT(failed == (out.failed || json_out.failed || diags.arena.failed));
        CU_ASSERT_EQUAL(diags.error_count, 5);
        cyc_text_release(&out);
        cyc_text_release(&json_out);
        cyc_diags_release(&diags);
    }
}

static void the_nearest_word_is_found(void)
{
    static const char *const keys[] = {"charge", "discharge", "cutoff", "hold", "rest", "mV", NULL};
    CYC_SAME(cyc_nearest("cutof", keys), "cutoff");
    CYC_SAME(cyc_nearest("cut_off", keys), "cutoff");
    CYC_SAME(cyc_nearest("CUTOFF", keys), "cutoff");
    CYC_SAME(cyc_nearest("chagre", keys), "charge"); /* swapped neighbours count once */
    CYC_SAME(cyc_nearest("hodl", keys), "hold");
    CYC_SAME(cyc_nearest("MV", keys), "mV");
    CYC_SAME(cyc_nearest("dischrage", keys), "discharge");
    CU_ASSERT_PTR_NULL(cyc_nearest("xy", keys));
    CU_ASSERT_PTR_NULL(cyc_nearest("temperature", keys));
    CU_ASSERT_PTR_NULL(cyc_nearest("", keys));
    CU_ASSERT_PTR_NULL(cyc_nearest("resu", (const char *const[]){NULL}));
    char long_word[200];
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    CU_ASSERT_PTR_NULL(cyc_nearest(long_word, (const char *const[]){long_word, NULL}));
}

const struct cyc_check check_diag[] = {
    CYC_CHECK(a_mistake_is_shown_with_its_line_hint_and_second_place),
    CYC_CHECK(a_mistake_without_a_place_names_its_path),
    CYC_CHECK(colours_mark_the_severity_and_the_caret),
    CYC_CHECK(columns_count_characters),
    CYC_CHECK(tabs_and_controls_take_one_column),
    CYC_CHECK(lines_end_as_in_any_editor),
    CYC_CHECK(carets_stay_within_the_line),
    CYC_CHECK(a_long_line_is_cut_around_the_caret),
    CYC_CHECK(mistakes_are_sorted_by_place_and_duplicates_dropped),
    CYC_CHECK(beyond_the_maximum_mistakes_are_only_counted),
    CYC_CHECK(names_and_messages_cannot_steer_a_terminal),
    CYC_CHECK(the_file_table_has_an_end),
    CYC_CHECK(json_holds_the_same),
    CYC_CHECK(an_exhausted_heap_costs_words_never_the_program),
    CYC_CHECK(the_nearest_word_is_found),
    {0},
};
