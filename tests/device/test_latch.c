#include "check/check.h"

#include "device/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void enter(void)
{
    (void)cyc_copy(folder, sizeof folder, "/tmp/cyc-latch-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void leave(void)
{
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void the_latch_stays_until_it_is_cleared_and_keeps_the_first_reason(void)
{
    char why[64];
    enter();
    CU_ASSERT_FALSE(cyc_latch_is_set(folder, why, sizeof why));
    CU_ASSERT_EQUAL(cyc_latch_set(folder, "smoke", NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_latch_set(folder, "second thoughts", NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_latch_sync(folder, NULL), CYC_OK);
    CU_ASSERT_TRUE(cyc_latch_is_set(folder, why, sizeof why));
    CYC_SAME(why, "smoke");
    CU_ASSERT_EQUAL(cyc_latch_clear(folder, NULL), CYC_OK);
    CU_ASSERT_FALSE(cyc_latch_is_set(folder, NULL, 0));
    CU_ASSERT_EQUAL(cyc_latch_clear(folder, NULL), CYC_OK);
    leave();
}

static void a_latch_that_cannot_be_read_is_set(void)
{
    char path[128];
    char why[64];
    enter();
    CU_ASSERT_TRUE(cyc_latch_is_set("/nonexistent/folder", why, sizeof why));
    (void)snprintf(path, sizeof path, "%s/latch", folder);
    CU_ASSERT_EQUAL(symlink("/nonexistent", path), 0);
    CU_ASSERT_TRUE(cyc_latch_is_set(folder, why, sizeof why));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_TRUE(cyc_latch_is_set(folder, why, sizeof why));
    CU_ASSERT_EQUAL(rmdir(path), 0);
    leave();
}

static void a_tripped_channel_stays_so_until_all_is_rearmed(void)
{
    enter();
    CU_ASSERT_FALSE(cyc_trip_is_set(folder, "A1"));
    CU_ASSERT_EQUAL(cyc_trip_set(folder, "A1", NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_trip_set(folder, "A1", NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_trip_set(folder, "B-2", NULL), CYC_OK);
    CU_ASSERT_TRUE(cyc_trip_is_set(folder, "A1"));
    CU_ASSERT_FALSE(cyc_trip_is_set(folder, "A2"));
    CU_ASSERT_FALSE(cyc_latch_is_set(folder, NULL, 0));
    CU_ASSERT_EQUAL(cyc_latch_clear(folder, NULL), CYC_OK);
    CU_ASSERT_FALSE(cyc_trip_is_set(folder, "A1"));
    CU_ASSERT_FALSE(cyc_trip_is_set(folder, "B-2"));
    CU_ASSERT_EQUAL(cyc_trip_set("/nonexistent/folder", "A1", NULL), CYC_E_FILE);
    leave();
}

static void what_was_found_stays_with_its_reason_until_it_is_taken_back(void)
{
    char what[64];
    char path[128];
    enter();
    CU_ASSERT_FALSE(cyc_found_is_set(folder, "A1", what, sizeof what));
    CU_ASSERT_EQUAL(cyc_found_set(folder, "A1", "switched off", NULL), CYC_OK);
    CU_ASSERT_TRUE(cyc_found_is_set(folder, "A1", what, sizeof what));
    CYC_SAME(what, "switched off");
    CU_ASSERT_FALSE(cyc_found_is_set(folder, "A2", what, sizeof what));
    CU_ASSERT_EQUAL(cyc_latch_clear(folder, NULL), CYC_OK); /* not what a rearm is for */
    CU_ASSERT_TRUE(cyc_found_is_set(folder, "A1", what, sizeof what));
    cyc_found_clear(folder, "A1");
    CU_ASSERT_FALSE(cyc_found_is_set(folder, "A1", what, sizeof what));
    (void)snprintf(path, sizeof path, "%s/found-A1", folder);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0); /* unreadable */
    CU_ASSERT_TRUE(cyc_found_is_set(folder, "A1", what, sizeof what) && what[0] != '\0');
    CU_ASSERT_EQUAL(rmdir(path), 0);
    CU_ASSERT_EQUAL(cyc_found_set("/nonexistent/folder", "A1", "", NULL), CYC_E_FILE);
    leave();
}

static void rigs_of_the_same_name_have_states_of_their_own(void)
{
    char one[256];
    char other[256];
    enter();
    CU_ASSERT_EQUAL(setenv("CYCLOSTAT_STATE", folder, 1), 0);
    CU_ASSERT_EQUAL(cyc_state_dir("/a/bench.yaml", one, sizeof one, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_state_dir("/b/bench.yaml", other, sizeof other, NULL), CYC_OK);
    CU_ASSERT_STRING_NOT_EQUAL(one, other);
    CU_ASSERT_EQUAL(strncmp(one, folder, strlen(folder)), 0);
    CU_ASSERT_EQUAL(rmdir(one), 0);
    CU_ASSERT_EQUAL(rmdir(other), 0);
    CU_ASSERT_EQUAL(unsetenv("CYCLOSTAT_STATE"), 0);
    leave();
}

extern const struct cyc_check cyc_check_latch[];
const struct cyc_check cyc_check_latch[] = {
    CYC_CHECK(the_latch_stays_until_it_is_cleared_and_keeps_the_first_reason),
    CYC_CHECK(a_latch_that_cannot_be_read_is_set),
    CYC_CHECK(a_tripped_channel_stays_so_until_all_is_rearmed),
    CYC_CHECK(what_was_found_stays_with_its_reason_until_it_is_taken_back),
    CYC_CHECK(rigs_of_the_same_name_have_states_of_their_own),
    {0}};
