#include "check/check.h"
#include "maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_run(const char *cell, int64_t start_s)
{
    struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    identity.cell = cell;
    identity.start_unix_ns = start_s * CYC_S_NS;
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(maker_folder(), &identity, &run, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
}

/* The id that is found, or the error text. */
static const char *found(const char *word)
{
    static char answer[CYC_ERR_TEXT_SIZE];
    struct cyc_run_info info;
    struct cyc_err err = {0};
    const int status = cyc_run_find(maker_folder(), word, &info, &err);
    (void)cyc_copy(answer, sizeof answer, status == CYC_OK ? info.id : err.text);
    return answer;
}

static const char *in_folder(const char *format)
{
    static char text[400];
    (void)snprintf(text, sizeof text, format, maker_folder());
    return text;
}

static int list_ids(void *context, const struct cyc_run_info *info)
{
    struct cyc_text *ids = context;
    cyc_text_format(ids, "%s %s%s\n", info->id, info->end,
                    strcmp(info->end, "unreadable") == 0 && info->why[0] != '\0' ? "!" : "");
    return 0;
}

static void runs_are_listed_newest_first(void)
{
    struct cyc_text ids = {0};
    make_run("B", 1767225600); /* 2026-01-01, made first */
    make_run("A", 1767225600);
    make_run("C", 1735689600); /* 2025-01-01, made last */
    make_run("C", 1735689600);
    CU_ASSERT_EQUAL(cyc_runs_each(maker_folder(), list_ids, &ids, NULL), CYC_OK);
    CYC_SAME(cyc_text_get(&ids), "20250101-C-002 done\n20250101-C-001 done\n"
                                 "20260101-A-001 done\n20260101-B-001 done\n");
    cyc_text_release(&ids);
    maker_remove();
}

static int stop_at_once(void *context, const struct cyc_run_info *info)
{
    (void)info;
    ++*(int *)context;
    return -5;
}

static void a_listing_ends_when_its_callback_says_so(void)
{
    int count = 0;
    make_run("A", 0);
    make_run("A", 0);
    CU_ASSERT_EQUAL(cyc_runs_each(maker_folder(), stop_at_once, &count, NULL), -5);
    CU_ASSERT_EQUAL(count, 1);
    maker_remove();
}

static void what_is_no_run_is_not_listed(void)
{
    struct cyc_text ids = {0};
    make_run("A", 0);
    CU_ASSERT_EQUAL(mkdir(in_folder("%s/notes"), 0777), 0);
    CU_ASSERT_EQUAL(mkdir(in_folder("%s/19700101-A-01x"), 0777), 0);
    CU_ASSERT_EQUAL(mkdir(in_folder("%s/19700101-001"), 0777), 0);
    CU_ASSERT_EQUAL(cyc_runs_each(maker_folder(), list_ids, &ids, NULL), CYC_OK);
    CYC_SAME(cyc_text_get(&ids), "19700101-A-001 done\n");
    cyc_text_release(&ids);
    maker_remove();
}

static void a_folder_that_does_not_exist_holds_no_runs(void)
{
    struct cyc_text ids = {0};
    struct cyc_run_info info;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_runs_each("/tmp/cyc-no-such-folder", list_ids, &ids, &err), CYC_OK);
    CYC_SAME(cyc_text_get(&ids), "");
    CU_ASSERT_EQUAL(cyc_run_find("/tmp/cyc-no-such-folder", "last", &info, &err), CYC_E_INPUT);
    CYC_SAME(err.text, "there is no run in /tmp/cyc-no-such-folder yet");
    cyc_text_release(&ids);
}

static void one_unreadable_run_does_not_hide_the_others(void)
{
    struct cyc_text ids = {0};
    make_run("A", 0);
    make_run("A", 0);
    CU_ASSERT_EQUAL(truncate(in_folder("%s/19700101-A-001/journal.sqlite"), 5000), 0);
    CU_ASSERT_EQUAL(cyc_runs_each(maker_folder(), list_ids, &ids, NULL), CYC_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&ids), "19700101-A-001 unreadable!\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&ids), "19700101-A-002 done\n"));
    cyc_text_release(&ids);
    maker_remove();
}

static void a_run_is_found_by_id_beginning_folder_or_last(void)
{
    make_run("A", 0);
    make_run("A", 0);
    make_run("BB", 86400);
    CYC_SAME(found("19700101-A-001"), "19700101-A-001");
    CYC_SAME(found("19700102"), "19700102-BB-001");
    CYC_SAME(found("last"), "19700102-BB-001");
    CYC_SAME(found(in_folder("%s/19700101-A-002")), "19700101-A-002");
    CYC_SAME(found(in_folder("%s/19700101-A-002///")), "19700101-A-002");
    CU_ASSERT_EQUAL(chdir(maker_folder()), 0);
    CYC_SAME(found("./19700101-A-001/"), "19700101-A-001");
    CU_ASSERT_EQUAL(rename("19700101-A-001", "kept"), 0);
    CYC_SAME(found("kept"), "19700101-A-001");
    CYC_SAME(found(in_folder("%s/kept")), "19700101-A-001");
    CU_ASSERT_EQUAL(chdir("/"), 0);
    maker_remove();
}

static void an_id_wins_over_the_longer_ones_that_it_begins(void)
{
    make_run("A", 0);
    CU_ASSERT_EQUAL(chdir(maker_folder()), 0);
    CU_ASSERT_EQUAL(rename("19700101-A-001", "19700101-A-0010"), 0);
    CU_ASSERT_EQUAL(chdir("/"), 0);
    make_run("A", 0);
    struct cyc_run_info info;
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "19700101-A-001", &info, NULL), CYC_OK);
    CYC_SAME(info.folder, in_folder("%s/19700101-A-001"));
    maker_remove();
}

static void what_cannot_be_found_is_told_with_a_way_out(void)
{
    char expected[400];
    for (int i = 0; i < 7; i++) {
        make_run("A", 0);
    }
    make_run("B", 0);
    CYC_SAME(found("19700101-A"),
             "'19700101-A' is the beginning of 7 runs: 19700101-A-007, 19700101-A-006, "
             "19700101-A-005, 19700101-A-004, 19700101-A-003, …; write more of the id");
    (void)snprintf(expected, sizeof expected,
                   "no run in %s begins with '2030', and there is no such folder; "
                   "`cyclostat runs` lists them",
                   maker_folder());
    CYC_SAME(found("2030"), expected);
    CYC_SAME(found(""), "which run? Write its id, or 'last'");
    CYC_SAME(found("/tmp/cyc-nowhere/x"),
             "cannot read the run /tmp/cyc-nowhere/x: No such file or directory");
    CYC_SAME(found("/etc/passwd"), "/etc/passwd is not the folder of a run");
    CYC_SAME(found("/etc/"), "there is no /etc/journal.sqlite: this is not the folder of a run");
    maker_remove();
}

const struct cyc_check cyc_check_find[] = {
    CYC_CHECK(runs_are_listed_newest_first),
    CYC_CHECK(a_listing_ends_when_its_callback_says_so),
    CYC_CHECK(what_is_no_run_is_not_listed),
    CYC_CHECK(a_folder_that_does_not_exist_holds_no_runs),
    CYC_CHECK(one_unreadable_run_does_not_hide_the_others),
    CYC_CHECK(a_run_is_found_by_id_beginning_folder_or_last),
    CYC_CHECK(an_id_wins_over_the_longer_ones_that_it_begins),
    CYC_CHECK(what_cannot_be_found_is_told_with_a_way_out),
    {0},
};
