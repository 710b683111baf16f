/* Rows between two syncs: the kernel has them within a second or two, so that others can read along
 * and a full disk is found out; they are told durable when a mark covers them, and not before. */
#include "check/check.h"
#include "run/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES_MAX 2000 /* of 10 ms: a patience, not a duration */

struct bed {
    char folder[128], data[CYC_PATH_SIZE];
    struct cyc_writer *writer;
    unsigned slot;
    struct cyc_core *core;
    uint64_t ticket, durable;
    uint64_t index; /* of rows */
};

static void make_folder(struct bed *bed)
{
    *bed = (struct bed){0};
    (void)snprintf(bed->folder, sizeof bed->folder, "%s/cyc-push-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(bed->folder));
}

static void remove_folder(const struct bed *bed)
{
    char command[200];
    (void)snprintf(command, sizeof command, "rm -r '%s'", bed->folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void make_bed(struct bed *bed, int64_t sync_ns)
{
    struct cyc_run *run = NULL;
    const struct cyc_run_identity identity = {.cell = "push",
                                              .kind = "live",
                                              .channel = "A1",
                                              .rig_channel_json = "{}",
                                              .start_unix_ns = 1767225600 * CYC_S_NS,
                                              .active_mass_g = NAN,
                                              .area_cm2 = NAN,
                                              .one_c_A = NAN,
                                              .nominal_capacity_Ah = NAN,
                                              .voltage_decimals = 4,
                                              .current_decimals = 6,
                                              .capacity_decimals = 9,
                                              .sync = true};
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(bed->folder, &identity, &run, NULL), CYC_OK);
    (void)cyc_copy(bed->data, sizeof bed->data, cyc_run_data_path(run));
    CU_ASSERT_EQUAL_FATAL(cyc_writer_open(sync_ns, &bed->writer, NULL), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_writer_add(bed->writer, run, &bed->slot, NULL), CYC_OK);
    bed->core = calloc(1, cyc_core_size());
    cyc_core_init(bed->core);
}

static void clear_bed(struct bed *bed)
{
    cyc_writer_close(bed->writer);
    free(bed->core);
    remove_folder(bed);
}

static void post_row(struct bed *bed)
{
    struct cyc_record record = {.index = ++bed->index, .step_count = 1, .step_id = 1};
    const struct cyc_resume_host host = {.rate = 1, .boot_ns = 1};
    const struct cyc_writer_place place = {.host = &host};
    record.sample.t_ns = (int64_t)bed->index * CYC_S_NS;
    CU_ASSERT(cyc_writer_row(bed->writer, bed->slot, &record, "REST") > 0);
    bed->ticket = cyc_writer_state(bed->writer, bed->slot, bed->core, &place);
}

static void take_news(struct bed *bed)
{
    struct cyc_writer_news news;
    while (cyc_writer_poll(bed->writer, &news)) {
        CU_ASSERT_EQUAL(news.status, CYC_OK);
        bed->durable = news.durable;
    }
}

static bool becomes_durable(struct bed *bed)
{
    for (unsigned i = 0; i < TRIES_MAX && bed->durable < bed->ticket; i++) {
        (void)usleep(10000);
        take_news(bed);
    }
    return bed->durable >= bed->ticket;
}

static bool is_seen(const struct bed *bed, int64_t size_before)
{
    struct stat status = {0};
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        if (stat(bed->data, &status) == 0 && status.st_size > size_before) {
            return true;
        }
        (void)usleep(10000);
    }
    return false;
}

static int64_t size_of(const struct bed *bed)
{
    struct stat status = {0};
    (void)stat(bed->data, &status);
    return status.st_size;
}

static void rows_are_seen_again_and_again_long_before_they_are_synced(void)
{
    struct bed bed;
    make_folder(&bed);
    make_bed(&bed, 600 * CYC_S_NS);
    post_row(&bed);
    (void)cyc_writer_sync(bed.writer, bed.slot);
    CU_ASSERT(becomes_durable(&bed));
    for (unsigned i = 0; i < 2; i++) {
        const int64_t size = size_of(&bed);
        const uint64_t durable = bed.durable;
        post_row(&bed);
        CU_ASSERT(is_seen(&bed, size));
        take_news(&bed);
        CU_ASSERT_EQUAL(bed.durable, durable);
    }
    clear_bed(&bed);
}

/* As a process that is gone as soon as it was told; false: it never was. */
static bool push_and_vanish(struct bed *bed)
{
    int how = 0;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        make_bed(bed, 2 * CYC_S_NS);
        post_row(bed);
        (void)cyc_writer_sync(bed->writer, bed->slot);
        bool told = becomes_durable(bed);
        const int64_t size = size_of(bed);
        post_row(bed);
        told = told && is_seen(bed, size) && becomes_durable(bed); /* and nothing more comes */
        _exit(told ? 0 : 1);
    }
    return waitpid(child, &how, 0) == child && WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

static void rows_that_were_only_pushed_are_told_durable_when_a_mark_covers_them(void)
{
    struct bed bed;
    struct cyc_run_journal journal;
    char folder[300];
    make_folder(&bed);
    CU_ASSERT(push_and_vanish(&bed));
    (void)snprintf(folder, sizeof folder, "%s/20260101-push-001", bed.folder);
    CU_ASSERT_EQUAL_FATAL(cyc_run_journal_read(folder, &journal, NULL), CYC_OK);
    CU_ASSERT_EQUAL(journal.row_count, 2);
    cyc_run_journal_release(&journal);
    remove_folder(&bed);
}

const struct cyc_check cyc_check_push[] = {
    CYC_CHECK(rows_are_seen_again_and_again_long_before_they_are_synced),
    CYC_CHECK(rows_that_were_only_pushed_are_told_durable_when_a_mark_covers_them),
    {0},
};
