/* The nth write, sync or allocation fails, for n from 1 until a whole run completes. Whatever
 * fails, the writer is told or it did not matter, the folder can be read afterwards, and no row
 * that a commit had acknowledged is missing. */
#include "check/check.h"
#include "faults.h"
#include "maker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct story {
    bool begun;            /* cyc_run_create() gave a run */
    uint64_t acknowledged; /* rows under the last good commit */
    uint64_t row_count;    /* rows handed over */
    int status;            /* the first failure, CYC_OK: none */
    struct cyc_err err;
};

static void keep_first(struct story *story, int status)
{
    story->status = story->status == CYC_OK ? status : story->status;
}

static void write_cycles(struct story *story, struct cyc_run *run)
{
    struct maker maker;
    maker_init(&maker, run);
    for (int i = 0; i < 3 && story->status == CYC_OK; i++) {
        keep_first(story, maker_cycle(&maker, &story->err));
        story->row_count = maker.record.index;
        if (story->status == CYC_OK) {
            keep_first(story, cyc_run_commit(run, &story->err));
        }
        if (story->status == CYC_OK) {
            story->acknowledged = story->row_count;
        }
    }
    const bool ended = story->status == CYC_OK;
    keep_first(story, cyc_run_finish(run, ended ? "done" : "fault", story->err.text, maker.t_ns,
                                     ended ? &story->err : NULL));
}

static struct story tell(enum fault_kind kind, unsigned nth, int error_number, bool lasting,
                         bool *failed)
{
    struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct story story = {0};
    identity.sync = true;
    (void)maker_folder();
    faults_arm(kind, nth, error_number, lasting);
    keep_first(&story, cyc_run_create(maker_folder(), &identity, &run, &story.err));
    if (run != NULL) {
        story.begun = true;
        write_cycles(&story, run);
    }
    *failed = faults_disarm();
    return story;
}

static int take_info(void *context, const struct cyc_run_info *info)
{
    *(struct cyc_run_info *)context = *info;
    return 0;
}

/* NULL, or what is wrong with the story. */
static const char *judge(const struct story *story, bool failed)
{
    struct cyc_run_info info = {0};
    struct cyc_err err = {0};
    if ((story->status == CYC_OK) != (story->err.text[0] == '\0')) {
        return "status and text of the error disagree";
    }
    if (story->status != CYC_OK && !failed) {
        return "an error without a fault";
    }
    if (cyc_runs_each(maker_folder(), take_info, &info, &err) != CYC_OK) {
        return "the runs cannot be listed";
    }
    if (!story->begun) {
        /* What is left of it may be nothing, but never a riddle. */
        return strcmp(info.end, "unreadable") == 0 ? "a run that never began is unreadable" : NULL;
    }
    if (info.end[0] == '\0' || strcmp(info.end, "unreadable") == 0) {
        return "the run cannot be read";
    }
    if (info.row_count < story->acknowledged || info.row_count > story->row_count) {
        return "acknowledged rows are missing";
    }
    if ((int64_t)info.row_count != maker_count_rows(&info)) {
        return "the rows told are not those in the file";
    }
    if (strcmp(info.end, "done") == 0 && story->status == CYC_OK && info.row_count != 240) {
        return "done, but not all rows are there";
    }
    size_t size = 0;
    char *text = maker_read(info.data_file, &size);
    const bool torn = text == NULL || (size > 0 && text[size - 1] != '\n');
    free(text);
    /* A failed cut can leave a torn line; readers know how. */
    return torn && size == 0 ? "the data file is gone" : NULL;
}

static void fail_until_it_completes(enum fault_kind kind, int error_number, bool lasting)
{
    bool failed = true;
    unsigned nth = 1, count = 0;
    for (; failed && nth < 100000; nth += 1 + nth / 50, count++) {
        const struct story story = tell(kind, nth, error_number, lasting, &failed);
        const char *wrong = judge(&story, failed);
        if (wrong != NULL) {
            (void)fprintf(stderr, "\nkind %d, nth %u, errno %d: %s; error: '%s'; kept in %s\n",
                          kind, nth, error_number, wrong, story.err.text, maker_folder());
            CU_FAIL("a fault was not handled");
            return;
        }
        maker_remove();
    }
    CU_ASSERT(count > 5);
    CU_ASSERT(!failed);
}

static void every_failing_write_is_survived(void)
{
    fail_until_it_completes(FAULT_WRITE, ENOSPC, false);
    fail_until_it_completes(FAULT_WRITE, ENOSPC, true);
    fail_until_it_completes(FAULT_WRITE, EIO, true);
}

static void every_short_write_is_survived(void)
{
    fail_until_it_completes(FAULT_SHORT, ENOSPC, false);
}

static void every_failing_sync_is_survived(void)
{
    fail_until_it_completes(FAULT_SYNC, EIO, false);
    fail_until_it_completes(FAULT_SYNC, EIO, true);
}

static void every_failing_allocation_is_survived(void)
{
    if (faults_can_allocate()) {
        fail_until_it_completes(FAULT_ALLOCATION, ENOMEM, false);
        fail_until_it_completes(FAULT_ALLOCATION, ENOMEM, true);
    }
}

static int ignore_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                       uint32_t step_id, const char *text, const struct cyc_result *result,
                       bool ended)
{
    (void)context, (void)cycle_number, (void)name, (void)type, (void)step_id, (void)text;
    return result->step_count > 0 && ended ? 0 : -99;
}

static void every_failing_allocation_of_a_reader_is_told(void)
{
    bool failed = faults_can_allocate();
    (void)tell(FAULT_SYNC, 1000000, 0, false, &(bool){false});
    for (unsigned nth = 1; failed; nth += 1 + nth / 50) {
        struct cyc_run_info info = {0};
        struct cyc_err err = {0};
        faults_arm(FAULT_ALLOCATION, nth, ENOMEM, true);
        int status = cyc_run_find(maker_folder(), "last", &info, &err);
        if (status == CYC_OK) {
            status = cyc_run_each_step(info.folder, ignore_step, NULL, &err);
        }
        failed = faults_disarm();
        CU_ASSERT_EQUAL(status == CYC_OK, err.text[0] == '\0');
        CU_ASSERT(!failed || status == CYC_E_NO_MEMORY);
        CU_ASSERT(failed || status == CYC_OK);
    }
    maker_remove();
}

const struct cyc_check cyc_check_faults[] = {
    CYC_CHECK(every_failing_write_is_survived),
    CYC_CHECK(every_short_write_is_survived),
    CYC_CHECK(every_failing_sync_is_survived),
    CYC_CHECK(every_failing_allocation_is_survived),
    CYC_CHECK(every_failing_allocation_of_a_reader_is_told),
    {0},
};
