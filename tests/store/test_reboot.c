/* Going on after the machine itself was gone: another boot id in the mark. Nothing behind the mark
 * is believed, the run time goes on by the wall clock, and what was not seen is a gap. */
#include "check/check.h"
#include "maker.h"
#include "run/resume.h"
#include "store/state.h"
#include "store/store_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS      10
#define PART_SIZE 2800u /* the rows behind the mark begin a second part */
#define OFF_NS    (120 * CYC_S_NS)
#define WALL_NS   (1767225600 * CYC_S_NS) /* when the last sample was taken */
#define BOOT_NS   (5000 * CYC_S_NS)       /* boot clock of run time 0 */

static char run_folder[CYC_PATH_SIZE];

/* ---- A run whose machine goes away ------------------------------------------------------------
 */

static const struct cyc_segment segment = {
    .duration_ns = CYC_NEVER, .control = CYC_CONTROL_CURRENT, .value = 4.5e-3};

static struct cyc_step a_step(void)
{
    struct cyc_step step = {.mode = CYC_MODE_CC,
                            .id = 1,
                            .charging = true,
                            .type = "CC_CHG",
                            .segments = &segment,
                            .segment_count = 1,
                            .hold_V = NAN,
                            .timeout_ns = CYC_NEVER,
                            .max_gap_ns = 3600 * CYC_S_NS};
    step.environment.temperature_degC = step.environment.pressure_Pa = (double)NAN;
    step.environment.ramp_K_per_s = NAN;
    step.record.every_ns = CYC_S_NS;
    return step;
}

static void feed(struct cyc_core *core, const struct cyc_step *step, int64_t t_ns)
{
    struct cyc_actions actions;
    struct cyc_sample sample = {.t_ns = t_ns,
                                .voltage_V = 3.7,
                                .current_A = 4.5e-3,
                                .temperature_degC = 30,
                                .ambient_degC = 30,
                                .pressure_Pa = NAN,
                                .flags = CYC_SAMPLE_OUTPUT_ON | CYC_SAMPLE_SETTLED};
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        sample.aux[i] = NAN;
    }
    sample.setpoint_number = cyc_core_setpoint(core)->number;
    const struct cyc_event event = {.kind = CYC_EVENT_SAMPLE, .t_ns = t_ns, .sample = &sample};
    cyc_core_handle(core, step, &event, &actions);
}

static void put_rows(struct maker *maker, unsigned count)
{
    struct cyc_record *record = &maker->record;
    for (unsigned i = 0; i < count; i++) {
        record->index++;
        record->sample.t_ns = (int64_t)record->index * CYC_S_NS;
        record->step_count = 1;
        CU_ASSERT_EQUAL(cyc_run_row(maker->run, record, "CC_CHG", NULL), CYC_OK);
    }
}

static void put_state(struct cyc_run *run, const struct cyc_core *core, double rate)
{
    const struct cyc_resume_host host = {
        .rate = rate, .boot_ns = BOOT_NS, .t_ns = ROWS * CYC_S_NS, .unix_ns = WALL_NS};
    struct cyc_text core_text = {0}, host_text = {0};
    cyc_state_save(core, &core_text);
    cyc_resume_host_save(&host, &host_text);
    const struct cyc_run_state state = {.core = cyc_text_get(&core_text),
                                        .host = cyc_text_get(&host_text),
                                        .epoch = 7,
                                        .reading_number = ROWS};
    CU_ASSERT_EQUAL(cyc_run_state(run, &state, NULL), CYC_OK);
    cyc_text_release(&core_text);
    cyc_text_release(&host_text);
}

/* Ten rows under the mark, thirty and a half behind it. */
static void write_and_vanish(double rate)
{
    struct cyc_run_identity identity = maker_identity();
    const struct cyc_step step = a_step();
    struct cyc_core *core = calloc(1, cyc_core_size());
    struct cyc_actions actions;
    struct maker maker;
    struct cyc_run *run = NULL;
    identity.kind = "live";
    identity.channel = "A1";
    identity.rig_channel_json = "{}";
    CU_ASSERT_EQUAL_FATAL(cyc_run_create_sized(maker_folder(), &identity, PART_SIZE, &run, NULL),
                          CYC_OK);
    (void)cyc_copy(run_folder, sizeof run_folder, cyc_run_folder(run));
    maker_init(&maker, run);
    cyc_core_init(core);
    const struct cyc_event begin = {.kind = CYC_EVENT_STEP};
    cyc_core_handle(core, &step, &begin, &actions);
    CU_ASSERT_EQUAL(cyc_run_step_begin(run, &step, 1, 0, NULL), CYC_OK);
    for (int i = 1; i <= ROWS; i++) {
        feed(core, &step, i * CYC_S_NS);
    }
    put_rows(&maker, ROWS);
    put_state(run, core, rate);
    CU_ASSERT_EQUAL(cyc_run_commit(run, NULL), CYC_OK);
    put_rows(&maker, 3 * ROWS);
    CU_ASSERT_EQUAL(cyc_run_push(run, NULL), CYC_OK);
    (void)cyc_file_write(run->data.fd, "41.000,3.", 9, "", &(size_t){0}, NULL);
    cyc_run_leave(run);
    free(core);
}

static void reboot(void)
{
    char path[CYC_PATH_SIZE];
    sqlite3 *db = NULL;
    (void)cyc_path_join(path, run_folder, CYC_JOURNAL_NAME, NULL);
    CU_ASSERT_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db,
                                 "UPDATE mark SET boot_id = '00000000-0000-4000-8000-000000000000'",
                                 NULL, NULL, NULL),
                    SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_changes(db), 1);
    (void)sqlite3_close(db);
}

static struct cyc_resume *open_resume(enum cyc_absence_kind kind)
{
    struct cyc_resume *resume = NULL;
    CU_ASSERT_EQUAL_FATAL(cyc_resume_open(run_folder, &resume, NULL), CYC_OK);
    CU_ASSERT_EQUAL(resume->kind, kind);
    CU_ASSERT_EQUAL(resume->journal.same_boot, kind == CYC_ABSENCE_PROGRAM);
    CU_ASSERT(resume->has_state && resume->in_step);
    CU_ASSERT_EQUAL(resume->journal.row_count, ROWS);
    return resume;
}

static int64_t rows_in_files(uint64_t *told)
{
    struct cyc_run_info info;
    CU_ASSERT_EQUAL_FATAL(cyc_run_find(maker_folder(), run_folder, &info, NULL), CYC_OK);
    *told = info.row_count;
    return maker_count_rows(&info);
}

/* ---- What must hold ---------------------------------------------------------------------------
 */

static void rows_behind_the_mark_stay_only_within_one_boot(void)
{
    for (int rebooted = 0; rebooted < 2; rebooted++) {
        struct cyc_run_tail tail;
        struct cyc_run *run = NULL;
        struct stat status;
        char path[CYC_PATH_SIZE];
        uint64_t told;
        write_and_vanish(1);
        CU_ASSERT_EQUAL(rows_in_files(&told), 4 * ROWS);
        if (rebooted) {
            reboot();
        }
        struct cyc_resume *resume =
            open_resume(rebooted ? CYC_ABSENCE_MACHINE : CYC_ABSENCE_PROGRAM);
        CU_ASSERT_EQUAL_FATAL(cyc_run_reopen(&resume->journal, &run, &tail, NULL), CYC_OK);
        CU_ASSERT_EQUAL(tail.rows > 0, !rebooted);
        (void)cyc_path_join(path, run_folder, resume->journal.data_file, NULL);
        CU_ASSERT_EQUAL(stat(path, &status), 0);
        CU_ASSERT_EQUAL((uint64_t)status.st_size == resume->journal.length, rebooted);
        CU_ASSERT_EQUAL(rows_in_files(&told), (int64_t)(ROWS + tail.rows));
        CU_ASSERT_EQUAL(told, ROWS + tail.rows);
        cyc_run_leave(run);
        cyc_resume_close(resume);
        maker_remove();
    }
}

static char *read_data(const struct cyc_resume *resume, size_t *size)
{
    char path[CYC_PATH_SIZE];
    (void)cyc_path_join(path, run_folder, resume->journal.data_file, NULL);
    return maker_read(path, size);
}

/* Made again from the readings behind the mark, and not to the byte: what was seen stays. */
static void rows_that_are_there_are_not_written_again(void)
{
    struct cyc_run *run = NULL;
    struct cyc_run_tail tail;
    struct maker maker;
    size_t size_before, size;
    uint64_t told;
    write_and_vanish(1);
    struct cyc_resume *resume = open_resume(CYC_ABSENCE_PROGRAM);
    CU_ASSERT_EQUAL_FATAL(cyc_run_reopen(&resume->journal, &run, &tail, NULL), CYC_OK);
    CU_ASSERT(tail.rows > 1);
    char *const before = read_data(resume, &size_before);
    maker_init(&maker, run);
    maker.record.index = ROWS - 1; /* one that the mark covers is made again too */
    maker.record.sample.voltage_V += 0.1;
    put_rows(&maker, 1 + (unsigned)tail.rows);
    CU_ASSERT_EQUAL(cyc_run_push(run, NULL), CYC_OK);
    char *now = read_data(resume, &size);
    CU_ASSERT(size == size_before && memcmp(before, now, size) == 0);
    free(now);
    maker.record.index += 3; /* whatever its maker counts, the file knows */
    put_rows(&maker, 2);
    CU_ASSERT_EQUAL(cyc_run_push(run, NULL), CYC_OK);
    CU_ASSERT_EQUAL(rows_in_files(&told), (int64_t)(ROWS + tail.rows + 2));
    CU_ASSERT_EQUAL(told, ROWS + tail.rows + 2);
    uint64_t index;
    int64_t t_ns;
    CU_ASSERT(cyc_data_last_row(run->data.path, &index, &t_ns));
    CU_ASSERT_EQUAL(index, ROWS + tail.rows + 2);
    CU_ASSERT_EQUAL(t_ns, (int64_t)(ROWS + tail.rows + 5) * CYC_S_NS);
    free(before);
    cyc_run_leave(run);
    cyc_resume_close(resume);
    maker_remove();
}

static void the_run_time_goes_on_from_the_mark_by_the_wall_clock(void)
{
    static const double rates[] = {1, 60};
    for (unsigned i = 0; i < 2; i++) {
        const int64_t rate = i == 0 ? 1 : 60;
        write_and_vanish(rates[i]);
        reboot();
        struct cyc_resume *resume = open_resume(CYC_ABSENCE_MACHINE);
        /* The boot clock began anew, below where it was and beyond: it says nothing. */
        CU_ASSERT_EQUAL(cyc_resume_time_ns(resume, 30 * CYC_S_NS, WALL_NS + OFF_NS),
                        ROWS * CYC_S_NS + OFF_NS * rate);
        CU_ASSERT_EQUAL(cyc_resume_time_ns(resume, 9 * BOOT_NS, WALL_NS + OFF_NS),
                        ROWS * CYC_S_NS + OFF_NS * rate);
        CU_ASSERT_EQUAL(cyc_resume_time_ns(resume, 9 * BOOT_NS, WALL_NS - 1), CYC_NEVER);
        cyc_resume_close(resume);
        maker_remove();
    }
}

static void what_was_not_seen_is_a_gap_and_the_run_goes_on_behind_it(void)
{
    const struct cyc_step step = a_step();
    struct cyc_core *core = calloc(1, cyc_core_size());
    struct cyc_run *run = NULL;
    struct cyc_run_tail tail;
    struct cyc_absence absence;
    struct cyc_gap gap;
    struct maker maker;
    uint64_t told;
    write_and_vanish(1);
    reboot();
    struct cyc_resume *resume = open_resume(CYC_ABSENCE_MACHINE);
    CU_ASSERT_EQUAL(cyc_resume_restore(resume, &step, core, NULL), CYC_OK);
    const int64_t now_ns = cyc_resume_time_ns(resume, 0, WALL_NS + OFF_NS);
    const struct cyc_outage outage = {.now_ns = now_ns,
                                      .off_earliest_ns = ROWS * CYC_S_NS,
                                      .off_latest_ns = now_ns,
                                      .current_max_A = 0.01};
    cyc_resume_gap(core, &outage, &absence, &gap);
    CU_ASSERT_EQUAL(gap.start_ns, ROWS * CYC_S_NS);
    CU_ASSERT_EQUAL(gap.end_ns, ROWS * CYC_S_NS + OFF_NS);
    CU_ASSERT_EQUAL(gap.step_count, 1);
    /* Nothing to 4.5 mA for two minutes: the middle, give or take as much. */
    CYC_NEAR(gap.estimate_Ah, 0.5 * 4.5e-3 * 120 / 3600, 1e-12);
    CYC_NEAR(gap.bound_Ah, 0.5 * 4.5e-3 * 120 / 3600, 1e-12);
    CU_ASSERT_EQUAL_FATAL(cyc_resume_reopen(resume, &run, &tail, NULL), CYC_OK);
    gap.cause = "the machine was off";
    gap.verdict = "continue";
    CU_ASSERT_EQUAL(cyc_run_gap(run, &gap, NULL), CYC_OK);
    maker_init(&maker, run);
    maker.record.index = (uint64_t)(now_ns / CYC_S_NS);
    put_rows(&maker, 1);
    put_state(run, core, 1);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", now_ns + CYC_S_NS, NULL), CYC_OK);
    CU_ASSERT_EQUAL(rows_in_files(&told), ROWS + 1);
    struct cyc_run_info info;
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), run_folder, &info, NULL), CYC_OK);
    CYC_SAME(info.end, "done");
    CU_ASSERT_EQUAL(info.t_ns, now_ns + CYC_S_NS);
    cyc_resume_close(resume);
    free(core);
    maker_remove();
}

const struct cyc_check cyc_check_reboot[] = {
    CYC_CHECK(rows_behind_the_mark_stay_only_within_one_boot),
    CYC_CHECK(rows_that_are_there_are_not_written_again),
    CYC_CHECK(the_run_time_goes_on_from_the_mark_by_the_wall_clock),
    CYC_CHECK(what_was_not_seen_is_a_gap_and_the_run_goes_on_behind_it),
    {0},
};
