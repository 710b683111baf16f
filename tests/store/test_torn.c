/* Torn images: what a power cut can leave of a live run, and what it should not. A run is written
 * with two marks; the first is acknowledged, the second is on its way. Everything behind the first
 * is cut or garbled at seeded places, and each image is opened again: it is at one of the two
 * marks with every byte under it as it was written, or, where a disk has lied, it is refused. */
#include "check/check.h"
#include "maker.h"
#include "store/store_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGES_PER_KIND 100
#define WAL_NAME        CYC_JOURNAL_NAME "-wal"

enum kind {
    TORN_ROWS, /* the second mark had not begun: its rows were being written */
    TORN_MARK, /* its rows are there, its journal is torn, and rows behind it are too */
    LYING_DISK /* anything of both, in whatever order */
};

struct file {
    char *bytes;       /* owned */
    size_t size, safe; /* up to `safe` it was synced when the first mark was acknowledged */
};

struct original {
    struct file data, wal, journal;
    char data_name[CYC_FILE_NAME_SIZE];
    size_t second; /* length of the data under the second mark */
    uint64_t rows[2], readings[2];
};

/* ---- The original ------------------------------------------------------------------------------
 */

static struct file take(const char *folder, const char *name)
{
    char path[CYC_PATH_SIZE];
    struct file file = {0};
    (void)cyc_path_join(path, folder, name, NULL);
    file.bytes = maker_read(path, &file.size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file.bytes);
    return file;
}

static size_t size_of(const char *folder, const char *name)
{
    char path[CYC_PATH_SIZE];
    struct stat status = {0};
    (void)cyc_path_join(path, folder, name, NULL);
    CU_ASSERT_EQUAL_FATAL(stat(path, &status), 0);
    return (size_t)status.st_size;
}

static void commit(struct maker *maker, struct original *original, unsigned which)
{
    const struct cyc_run_state state = {
        .core = "core", .epoch = 7, .reading_number = maker->record.index};
    CU_ASSERT_EQUAL(cyc_run_state(maker->run, &state, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_commit(maker->run, NULL), CYC_OK);
    original->rows[which] = original->readings[which] = maker->record.index;
}

static void make_original(struct original *original)
{
    struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct maker maker;
    identity.kind = "live";
    identity.channel = "A1";
    identity.rig_channel_json = "{}";
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(maker_folder(), &identity, &run, NULL), CYC_OK);
    const char *folder = cyc_run_folder(run);
    (void)cyc_copy(original->data_name, sizeof original->data_name,
                   strrchr(cyc_run_data_path(run), '/') + 1);
    maker_init(&maker, run);
    CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
    commit(&maker, original, 0);
    const size_t data_safe = size_of(folder, original->data_name);
    const size_t wal_safe = size_of(folder, WAL_NAME);
    CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
    commit(&maker, original, 1);
    original->second = size_of(folder, original->data_name);
    CU_ASSERT_EQUAL(maker_step(&maker, true, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_push(run, NULL), CYC_OK);
    original->data = take(folder, original->data_name);
    original->wal = take(folder, WAL_NAME);
    original->journal = take(folder, CYC_JOURNAL_NAME);
    original->data.safe = data_safe;
    original->wal.safe = wal_safe;
    CU_ASSERT(data_safe < original->second && original->second < original->data.size);
    CU_ASSERT(wal_safe < original->wal.size);
    cyc_run_leave(run);
    maker_remove();
}

/* ---- An image ----------------------------------------------------------------------------------
 */

static void put(const char *folder, const char *name, const char *bytes, size_t size)
{
    char path[CYC_PATH_SIZE];
    (void)cyc_path_join(path, folder, name, NULL);
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static size_t between(unsigned *seed, size_t low, size_t high)
{
    return low + (size_t)rand_r(seed) % (high - low + 1);
}

/* Cuts, garbles or blanks (blocks that were never written read as zeros) behind `from`. */
static void put_torn(const char *folder, const char *name, const struct file *file, size_t from,
                     unsigned *seed)
{
    char *bytes = malloc(file->size + 1);
    size_t size = file->size;
    memcpy(bytes, file->bytes, size);
    const unsigned how = (unsigned)rand_r(seed) % 4;
    const size_t at = between(seed, from, size);
    const size_t to = how == 1 ? size : between(seed, at, size < at + 5000 ? size : at + 5000);
    if (how == 0) {
        size = at;
    } else if (how == 1) {
        memset(bytes + at, 0, to - at);
    } else {
        for (size_t i = at; i < to; i++) {
            bytes[i] = (char)rand_r(seed);
        }
        size = how == 2 ? size : between(seed, at, size);
    }
    put(folder, name, bytes, size);
    free(bytes);
}

/* One in three got there as a whole. */
static void put_wal(const char *folder, const struct file *wal, unsigned *seed)
{
    if (rand_r(seed) % 3 == 0) {
        put(folder, WAL_NAME, wal->bytes, wal->size);
    } else {
        put_torn(folder, WAL_NAME, wal, wal->safe, seed);
    }
}

static void make_image(const struct original *original, enum kind kind, const char *folder,
                       unsigned *seed)
{
    const struct file *data = &original->data, *wal = &original->wal;
    CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0777), 0);
    put(folder, CYC_JOURNAL_NAME, original->journal.bytes, original->journal.size);
    switch (kind) {
    case TORN_ROWS:
        put_torn(folder, original->data_name, data, data->safe, seed);
        put(folder, WAL_NAME, wal->bytes, wal->safe);
        return;
    case TORN_MARK:
        put_torn(folder, original->data_name, data, original->second, seed);
        put_wal(folder, wal, seed);
        return;
    case LYING_DISK:
        put_torn(folder, original->data_name, data, data->safe, seed);
        put_wal(folder, wal, seed);
        return;
    }
}

/* ---- What must hold ----------------------------------------------------------------------------
 */

static int count_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                      uint32_t step_id, const char *text, const struct cyc_result *result,
                      bool ended)
{
    unsigned *count = context;
    (void)cycle_number, (void)name, (void)type, (void)step_id, (void)text;
    return result->step_count == ++*count && ended ? 0 : -1;
}

struct tally {
    unsigned first, second, refused;
};

/* The file is what was written, to the last byte under the mark, and nothing else. */
static bool is_intact(const struct original *original, const char *folder, size_t length)
{
    const struct file now = take(folder, original->data_name);
    const bool intact = now.size == length && memcmp(now.bytes, original->data.bytes, length) == 0;
    free(now.bytes);
    return intact;
}

static const char *judge_open(const struct original *original,
                              const struct cyc_run_journal *journal, struct tally *tally)
{
    struct cyc_run *run = NULL;
    struct cyc_run_tail tail;
    const bool second = journal->row_count == original->rows[1];
    const size_t length = second ? original->second : original->data.safe;
    unsigned steps = 0;
    if (!second && journal->row_count != original->rows[0]) {
        return "it is at no mark that was ever made";
    }
    if (journal->reading_number != original->readings[second] || journal->length != length) {
        return "the mark is a mixture";
    }
    if (cyc_run_each_step(journal->folder, count_step, &steps, NULL) != CYC_OK ||
        steps != (second ? 4 : 2)) {
        return "the steps are not those under the mark";
    }
    const int status = cyc_run_reopen(journal, &run, &tail, NULL);
    if (status == CYC_E_JOURNAL) {
        tally->refused++;
        return NULL;
    }
    if (status != CYC_OK) {
        return "it cannot be opened, and not for what it holds";
    }
    cyc_run_leave(run);
    *(second ? &tally->second : &tally->first) += 1;
    return is_intact(original, journal->folder, length) ? NULL : "something corrupt was accepted";
}

static const char *judge(const struct original *original, const char *folder, struct tally *tally)
{
    struct cyc_run_journal journal;
    if (cyc_run_journal_read(folder, &journal, NULL) != CYC_OK) {
        return "the journal cannot be read";
    }
    journal.same_boot = false; /* the power was cut */
    const char *wrong = judge_open(original, &journal, tally);
    cyc_run_journal_release(&journal);
    return wrong;
}

static struct tally try_images(enum kind kind)
{
    struct original original = {0};
    struct tally tally = {0};
    make_original(&original);
    for (unsigned i = 0; i < IMAGES_PER_KIND; i++) {
        unsigned seed = 1000u * (unsigned)kind + i;
        char folder[CYC_PATH_SIZE];
        (void)cyc_path_join(folder, maker_folder(), "20260101-N-LMRO-001", NULL);
        make_image(&original, kind, folder, &seed);
        const char *wrong = judge(&original, folder, &tally);
        if (wrong != NULL) {
            (void)fprintf(stderr, "\nkind %d, image %u: %s; kept in %s\n", kind, i, wrong, folder);
            CU_FAIL("a torn image was not handled");
            break;
        }
        maker_remove();
    }
    free(original.data.bytes);
    free(original.wal.bytes);
    free(original.journal.bytes);
    return tally;
}

static void rows_torn_behind_the_mark_are_cut_off(void)
{
    const struct tally tally = try_images(TORN_ROWS);
    CU_ASSERT_EQUAL(tally.first, IMAGES_PER_KIND);
}

static void a_torn_mark_is_made_whole_or_never_was(void)
{
    const struct tally tally = try_images(TORN_MARK);
    CU_ASSERT_EQUAL(tally.refused, 0);
    CU_ASSERT(tally.first > IMAGES_PER_KIND / 10 && tally.second > IMAGES_PER_KIND / 10);
}

static void what_a_lying_disk_left_is_right_or_refused(void)
{
    const struct tally tally = try_images(LYING_DISK);
    CU_ASSERT_EQUAL(tally.first + tally.second + tally.refused, IMAGES_PER_KIND);
    CU_ASSERT(tally.first > 0 && tally.second > 0 && tally.refused > 0);
}

const struct cyc_check cyc_check_torn[] = {
    CYC_CHECK(rows_torn_behind_the_mark_are_cut_off),
    CYC_CHECK(a_torn_mark_is_made_whole_or_never_was),
    CYC_CHECK(what_a_lying_disk_left_is_right_or_refused),
    {0},
};
