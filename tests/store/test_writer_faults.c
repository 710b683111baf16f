/* The nth write, open or sync of the writer's thread fails, for n from 1 until a whole run of three
 * steps and thirty rows completes. Whatever fails, it is told as news with its reason, what was
 * acknowledged before is in the folder, and the folder can be read. Every other run that fails is
 * ended, the rest are left to be gone on with. */
#include "check/check.h"
#include "faults.h"
#include "maker.h"
#include "run/writer.h"
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS         3u
#define ROWS_PER_STEP 10u
#define ROWS          (STEPS * ROWS_PER_STEP)
#define PART_SIZE     3000u /* so that files are opened on the way */

struct story {
    struct cyc_writer *writer;
    unsigned slot;
    struct cyc_core *core;
    struct maker maker;
    uint64_t rows[ROWS], begins[STEPS], ends[STEPS]; /* tickets; 0: none */
    struct cyc_writer_news news;                     /* the latest */
    bool failed;                                     /* a call did */
    bool left, failing;                              /* the writer was told to, with a fault */
    char folder[CYC_PATH_SIZE];
};

/* ---- Telling ----------------------------------------------------------------------------------
 */

static void post_state(struct story *story)
{
    const struct cyc_resume_host host = {.rate = 1, .boot_ns = 1};
    const struct cyc_writer_place place = {
        .epoch = 7, .reading_number = story->maker.record.index, .host = &host};
    (void)cyc_writer_state(story->writer, story->slot, story->core, &place);
}

/* Nothing more will become of it by itself. */
static bool is_stuck(const struct story *story)
{
    return story->news.finished || (story->news.status != CYC_OK && !story->left);
}

/* Until the ticket is durable; false: it never will be, and that has been told. */
static bool wait_for(struct story *story, uint64_t ticket)
{
    for (int i = 0; i < 4000 && !is_stuck(story); i++) {
        struct pollfd wait = {.fd = cyc_writer_fd(story->writer), .events = POLLIN};
        struct cyc_writer_news news;
        while (cyc_writer_poll(story->writer, &news)) {
            story->news = news;
        }
        if (is_stuck(story) || (ticket > 0 && story->news.durable >= ticket)) {
            break;
        }
        (void)poll(&wait, 1, 5); /* the event itself may be the write that fails */
    }
    return !is_stuck(story) && ticket > 0 && story->news.durable >= ticket;
}

static void post_row(struct story *story)
{
    struct maker *maker = &story->maker;
    struct cyc_record *record = &maker->record;
    record->sample.t_ns = maker->t_ns;
    record->step_count = maker->step_count;
    record->index++;
    story->rows[record->index - 1] =
        cyc_writer_row(story->writer, story->slot, record, maker->step.type);
    maker->t_ns += 30 * CYC_S_NS;
    post_state(story);
}

static bool write_step(struct story *story)
{
    struct maker *maker = &story->maker;
    struct cyc_result result = {.step_count = ++maker->step_count, .start_ns = maker->t_ns};
    uint64_t *begin = &story->begins[maker->step_count - 1];
    uint64_t *end = &story->ends[maker->step_count - 1];
    *begin = cyc_writer_step_begin(story->writer, story->slot, &maker->step, maker->step_count,
                                   maker->t_ns);
    if (!wait_for(story, *begin)) {
        return false;
    }
    for (unsigned i = 0; i < ROWS_PER_STEP; i++) {
        post_row(story);
        if (i % 4 == 3 && !wait_for(story, cyc_writer_sync(story->writer, story->slot))) {
            return false;
        }
    }
    result.end_ns = maker->t_ns;
    *end = cyc_writer_step_end(story->writer, story->slot, &maker->step, &result);
    post_state(story);
    return wait_for(story, *end);
}

/* Of the right size but empty, for it is made hundreds of times. */
static void make_reserve(void)
{
    char path[CYC_PATH_SIZE];
    (void)cyc_path_join(path, maker_folder(), ".reserve", NULL);
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, CYC_RESERVE_SIZE), 0);
    (void)close(fd);
}

static struct cyc_run *create(void)
{
    struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    identity.kind = "live";
    identity.channel = "A1";
    identity.rig_channel_json = "{}";
    identity.sync = true;
    make_reserve();
    CU_ASSERT_EQUAL_FATAL(cyc_run_create_sized(maker_folder(), &identity, PART_SIZE, &run, NULL),
                          CYC_OK);
    return run;
}

static void tell(struct story *story, enum fault_kind kind, unsigned nth, int error_number,
                 bool lasting)
{
    struct cyc_run *run = create();
    *story = (struct story){.core = calloc(1, cyc_core_size())};
    (void)cyc_copy(story->folder, sizeof story->folder, cyc_run_folder(run));
    cyc_core_init(story->core);
    maker_init(&story->maker, run);
    (void)cyc_copy(story->maker.step.type, sizeof story->maker.step.type, "CC_CHG");
    faults_arm(kind, nth, error_number, lasting);
    CU_ASSERT_EQUAL_FATAL(cyc_writer_open(0, &story->writer, NULL), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_writer_add(story->writer, run, &story->slot, NULL), CYC_OK);
    post_state(story);
    bool well = true;
    for (unsigned i = 0; i < STEPS && well; i++) {
        well = write_step(story);
    }
    if (well) {
        (void)cyc_writer_finish(story->writer, story->slot, "done", "", story->maker.t_ns);
        (void)wait_for(story, 0);
    }
    if (!story->news.finished) {
        story->left = true;
        story->failing = nth % 2 == 0;
        cyc_writer_leave(story->writer, story->slot, story->failing ? "disk: it has failed" : "");
        (void)wait_for(story, 0);
    }
    cyc_writer_close(story->writer);
    story->failed = faults_disarm();
    free(story->core);
}

/* ---- Judging ----------------------------------------------------------------------------------
 */

struct steps {
    unsigned begun, ended;
};

static int take_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                     uint32_t step_id, const char *text, const struct cyc_result *result,
                     bool ended)
{
    struct steps *steps = context;
    (void)cycle_number, (void)name, (void)type, (void)step_id, (void)text, (void)result;
    steps->begun++;
    steps->ended += ended;
    return 0;
}

static unsigned acknowledged(const uint64_t *tickets, unsigned count, uint64_t durable)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        found += tickets[i] > 0 && tickets[i] <= durable;
    }
    return found;
}

/* What the folder must hold of a run that can be resumed; NULL: it does. */
static const char *judge_mark(const struct story *story, unsigned rows)
{
    struct cyc_run_journal journal;
    if (cyc_run_journal_read(story->folder, &journal, NULL) != CYC_OK) {
        return "the journal cannot be read";
    }
    const bool held =
        journal.row_count >= rows && journal.reading_number >= story->news.reading_number;
    cyc_run_journal_release(&journal);
    return held ? NULL : "the mark does not hold what was acknowledged";
}

static const char *judge_news(const struct story *story, int error_number)
{
    const struct cyc_writer_news *news = &story->news;
    const int expected = error_number == ENOSPC ? CYC_E_NO_SPACE : CYC_E_FILE;
    if (!news->finished) {
        return "there was no last news";
    }
    if ((news->status == CYC_OK) != (news->text[0] == '\0')) {
        return "status and text of the news disagree";
    }
    if (news->status != CYC_OK && !story->failed) {
        return "an error without a fault";
    }
    return news->status == CYC_OK || news->status == expected ? NULL
                                                              : "the news carry another status";
}

static const char *judge(const struct story *story, int error_number)
{
    struct cyc_run_info info;
    struct steps steps = {0};
    const unsigned rows = acknowledged(story->rows, ROWS, story->news.durable);
    const char *wrong = judge_news(story, error_number);
    if (wrong != NULL) {
        return wrong;
    }
    if (cyc_run_find(maker_folder(), story->folder, &info, NULL) != CYC_OK ||
        cyc_run_each_step(story->folder, take_step, &steps, NULL) != CYC_OK) {
        return "the folder cannot be read";
    }
    if (info.row_count < rows || info.row_count < story->news.reading_number ||
        (int64_t)info.row_count != maker_count_rows(&info)) {
        return "acknowledged rows are missing";
    }
    if (steps.begun < acknowledged(story->begins, STEPS, story->news.durable) ||
        steps.ended < acknowledged(story->ends, STEPS, story->news.durable)) {
        return "acknowledged steps are missing";
    }
    const bool done = strcmp(info.end, "done") == 0;
    if (done && (info.row_count != ROWS || steps.ended != STEPS)) {
        return "done, but not all is there";
    }
    if (story->news.status == CYC_OK && !done) {
        return "not done, and nobody was told";
    }
    if (!done && strcmp(info.end, "fault") != 0 && strcmp(info.end, "interrupted") != 0) {
        return "it ended otherwise than it could";
    }
    const bool interrupted = strcmp(info.end, "interrupted") == 0;
    if (story->left && !story->failing && !interrupted) {
        return "it was to be left as it is";
    }
    return interrupted ? judge_mark(story, rows) : NULL;
}

static void fail_until_it_completes(enum fault_kind kind, int error_number, bool lasting)
{
    struct story story = {.failed = true};
    unsigned nth = 1, told = 0;
    for (; story.failed && nth < 2000; nth++) {
        tell(&story, kind, nth, error_number, lasting);
        const char *wrong = judge(&story, error_number);
        if (wrong != NULL) {
            (void)fprintf(stderr, "\nkind %d, nth %u, errno %d, lasting %d: %s; %d: '%s'; %s\n",
                          kind, nth, error_number, lasting, wrong, story.news.status,
                          story.news.text, story.folder);
            CU_FAIL("a fault was not handled");
            return;
        }
        told += story.news.status != CYC_OK;
        maker_remove();
    }
    CU_ASSERT(told > 10);
    CU_ASSERT(!story.failed);
}

static void every_failing_write_of_the_thread_is_told(void)
{
    fail_until_it_completes(FAULT_WRITE, EIO, false);
    fail_until_it_completes(FAULT_WRITE, EIO, true);
    fail_until_it_completes(FAULT_WRITE, ENOSPC, false);
    fail_until_it_completes(FAULT_WRITE, ENOSPC, true);
    fail_until_it_completes(FAULT_SHORT, ENOSPC, true);
}

static void every_failing_sync_of_the_thread_is_told(void)
{
    fail_until_it_completes(FAULT_SYNC, EIO, false);
    fail_until_it_completes(FAULT_SYNC, EIO, true);
    fail_until_it_completes(FAULT_SYNC, ENOSPC, false);
    fail_until_it_completes(FAULT_SYNC, ENOSPC, true);
}

const struct cyc_check cyc_check_writer_faults[] = {
    CYC_CHECK(every_failing_write_of_the_thread_is_told),
    CYC_CHECK(every_failing_sync_of_the_thread_is_told),
    {0},
};
