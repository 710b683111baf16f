#include "check/check.h"
#include "maker.h"
#include "store/store_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cyc_run *create_as(const struct cyc_run_identity *identity)
{
    struct cyc_run *run = NULL;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_run_create(maker_folder(), identity, &run, &err), CYC_OK);
    CYC_SAME(err.text, "");
    if (run == NULL) {
        exit(2);
    }
    return run;
}

static struct cyc_run *create(void)
{
    const struct cyc_run_identity identity = maker_identity();
    return create_as(&identity);
}

static struct cyc_run_info find(const char *word)
{
    struct cyc_run_info info = {0};
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), word, &info, &err), CYC_OK);
    CYC_SAME(err.text, "");
    return info;
}

/* One number out of a journal. */
static int64_t ask(const char *folder, const char *sql)
{
    char path[CYC_PATH_SIZE];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t answer = -1;
    (void)cyc_path_join(path, folder, CYC_JOURNAL_NAME, NULL);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        answer = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return answer;
}

/* ---- Cycles and steps ------------------------------------------------------------------------ */

static int count_cycles(void *context, const struct cyc_cycle *cycle)
{
    unsigned *count = context;
    CU_ASSERT_EQUAL(cycle->number, ++*count);
    CU_ASSERT_EQUAL(cycle->pass, *count);
    CYC_SAME(cycle->block, "main");
    CU_ASSERT(cycle->complete);
    CU_ASSERT_EQUAL(cycle->coulombic_efficiency, 0.998);
    CU_ASSERT_EQUAL(cycle->energy_efficiency, 0.95);
    CU_ASSERT_EQUAL(cycle->mean_charge_V, 3.7);
    CU_ASSERT_EQUAL(cycle->mean_discharge_V, 3.5);
    CU_ASSERT(isnan(cycle->retention));
    CU_ASSERT_EQUAL(cycle->end_ns - cycle->start_ns, 80 * 30 * CYC_S_NS);
    return 0;
}

static int count_steps(void *context, uint32_t cycle_number, const char *name, const char *type,
                       uint32_t step_id, const char *text, const struct cyc_result *result,
                       bool ended)
{
    unsigned *count = context;
    CU_ASSERT_EQUAL(result->step_count, ++*count);
    CU_ASSERT_EQUAL(cycle_number, (*count + 1) / 2);
    CYC_SAME(name, *count % 2 ? "" : "measure");
    CYC_SAME(type, *count % 2 ? "CC_CHG" : "CC_DCH");
    CU_ASSERT_EQUAL(step_id, *count % 2 ? 1 : 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, *count % 2 ? "voltage 3.98 >=" : "voltage 1.38 <="));
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
    CU_ASSERT(ended);
    return 0;
}

static void a_finished_run_is_read_back(void)
{
    struct cyc_run *run = create();
    struct maker maker;
    struct cyc_err err = {0};
    maker_init(&maker, run);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(maker_cycle(&maker, &err), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_commit(run, &err), CYC_OK);
    }
    CYC_SAME(find("last").end, "");
    CU_ASSERT_EQUAL(cyc_run_finish(run, "stopped", "by hand", maker.t_ns, &err), CYC_OK);
    const struct cyc_run_info info = find("20260101-N-LMRO-001");
    CYC_SAME(info.end, "stopped");
    CYC_SAME(info.why, "by hand");
    CYC_SAME(info.kind, "dry");
    CYC_SAME(info.cell, "N-LMRO");
    CYC_SAME(info.protocol_name, "Formation");
    CYC_SAME(info.protocol_source, "Song et al. 2024");
    CU_ASSERT_EQUAL(info.start_unix_ns, maker_identity().start_unix_ns);
    CU_ASSERT_EQUAL(info.t_ns, maker.t_ns);
    CU_ASSERT_EQUAL(info.one_c_A, 0.001806);
    CU_ASSERT_EQUAL(info.row_count, 240);
    CU_ASSERT_EQUAL(info.step_count, 6);
    CU_ASSERT_EQUAL(info.cycle_count, 3);
    unsigned cycles = 0, steps = 0;
    CU_ASSERT_EQUAL(cyc_run_each_cycle(info.folder, count_cycles, &cycles, &err), CYC_OK);
    CU_ASSERT_EQUAL(cycles, 3);
    CU_ASSERT_EQUAL(cyc_run_each_step(info.folder, count_steps, &steps, &err), CYC_OK);
    CU_ASSERT_EQUAL(steps, 6);
    CU_ASSERT_EQUAL(ask(info.folder, "SELECT count(*) FROM definition"), 2);
    CYC_SAME(err.text, "");
    maker_remove();
}

static int keep_result(void *context, uint32_t cycle_number, const char *name, const char *type,
                       uint32_t step_id, const char *text, const struct cyc_result *result,
                       bool ended)
{
    (void)cycle_number;
    (void)name;
    (void)type;
    (void)step_id;
    (void)text;
    ((struct cyc_result *)context)[0] = *result;
    return ended ? 0 : 77;
}

/* A double of any size, with all its bits in use. */
static double wild(unsigned *seed)
{
    const double mantissa =
        1.0 + ((double)rand_r(seed) + (double)rand_r(seed) / 2147483648.0) / 2147483648.0;
    return ldexp(rand_r(seed) % 2 ? mantissa : -mantissa, rand_r(seed) % 600 - 300);
}

static struct cyc_result wild_result(unsigned *seed)
{
    struct cyc_result result = {
        .step_count = 1,
        .reason = CYC_REASON_FAULT,
        .cutoff = -1,
        .action = CYC_FOLLOW_FAIL,
        .tag = -17,
        .flags = CYC_RESULT_EXACT | CYC_RESULT_PAUSED,
        .start_ns = 123456789,
        .end_ns = INT64_C(9007199254740993),
        .step_time_ns = INT64_C(9007199254740995),
        .hold_time_ns = 7,
        .resistance_count = 5,
        .fault = {.kind = CYC_FAULT_LIMIT,
                  .signal = CYC_SIGNAL_AUX,
                  .index = 3,
                  .level = CYC_LEVEL_CHANNEL,
                  .value = wild(seed),
                  .bound = wild(seed),
                  .t_ns = INT64_C(9007199254740997)},
    };
    double *const reals[] = {&result.sums.charge_Ah,  &result.sums.discharge_Ah,
                             &result.sums.charge_Wh,  &result.sums.discharge_Wh,
                             &result.cc_capacity_Ah,  &result.cv_capacity_Ah,
                             &result.start_voltage_V, &result.voltage_V,
                             &result.current_A,       &result.temperature_degC,
                             &result.ambient_degC,    &result.pressure_Pa,
                             &result.peak_V};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        *reals[i] = wild(seed);
    }
    result.current_A = -0.0; /* SQLite keeps whole numbers as integers where it can */
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        result.aux[i] = i % 3 ? (double)NAN : wild(seed);
    }
    for (unsigned i = 0; i < CYC_SLOPES_MAX; i++) {
        result.slopes[i] = i == 2 ? wild(seed) : (double)NAN;
    }
    for (unsigned i = 0; i < CYC_RESISTANCES_MAX; i++) {
        result.resistances_ohm[i] = i < 5 && i != 3 ? wild(seed) : (double)NAN;
    }
    return result;
}

static bool same_reals(const double *left, const double *right, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (isnan(left[i]) ? !isnan(right[i]) : memcmp(&left[i], &right[i], sizeof *left) != 0) {
            return false;
        }
    }
    return true;
}

static void check_same_result(const struct cyc_result *back, const struct cyc_result *result)
{
    CU_ASSERT_EQUAL(back->step_count, result->step_count);
    CU_ASSERT_EQUAL(back->reason, result->reason);
    CU_ASSERT_EQUAL(back->cutoff, result->cutoff);
    CU_ASSERT_EQUAL(back->action, result->action);
    CU_ASSERT_EQUAL(back->tag, result->tag);
    CU_ASSERT_EQUAL(back->flags, result->flags);
    CU_ASSERT_EQUAL(back->start_ns, result->start_ns);
    CU_ASSERT_EQUAL(back->end_ns, result->end_ns);
    CU_ASSERT_EQUAL(back->step_time_ns, result->step_time_ns);
    CU_ASSERT_EQUAL(back->hold_time_ns, result->hold_time_ns);
    CU_ASSERT_EQUAL(memcmp(&back->sums, &result->sums, sizeof back->sums), 0);
    CU_ASSERT(same_reals(&back->cc_capacity_Ah, &result->cc_capacity_Ah, 1));
    CU_ASSERT(same_reals(&back->cv_capacity_Ah, &result->cv_capacity_Ah, 1));
    CU_ASSERT(same_reals(&back->start_voltage_V, &result->start_voltage_V, 1));
    CU_ASSERT(same_reals(&back->voltage_V, &result->voltage_V, 1));
    CU_ASSERT(same_reals(&back->current_A, &result->current_A, 1));
    CU_ASSERT(same_reals(&back->temperature_degC, &result->temperature_degC, 1));
    CU_ASSERT(same_reals(&back->ambient_degC, &result->ambient_degC, 1));
    CU_ASSERT(same_reals(&back->pressure_Pa, &result->pressure_Pa, 1));
    CU_ASSERT(same_reals(&back->peak_V, &result->peak_V, 1));
    CU_ASSERT(same_reals(back->aux, result->aux, CYC_AUX_MAX));
    CU_ASSERT(same_reals(back->slopes, result->slopes, CYC_SLOPES_MAX));
    CU_ASSERT(same_reals(back->resistances_ohm, result->resistances_ohm, CYC_RESISTANCES_MAX));
    CU_ASSERT_EQUAL(back->resistance_count, result->resistance_count);
    CU_ASSERT_EQUAL(back->fault.kind, result->fault.kind);
    CU_ASSERT_EQUAL(back->fault.signal, result->fault.signal);
    CU_ASSERT_EQUAL(back->fault.index, result->fault.index);
    CU_ASSERT_EQUAL(back->fault.level, result->fault.level);
    CU_ASSERT(same_reals(&back->fault.value, &result->fault.value, 1));
    CU_ASSERT(same_reals(&back->fault.bound, &result->fault.bound, 1));
    CU_ASSERT_EQUAL(back->fault.t_ns, result->fault.t_ns);
}

static void a_result_comes_back_bit_by_bit(void)
{
    unsigned seed = 3;
    for (int i = 0; i < 20; i++) {
        struct cyc_run *run = create();
        struct maker maker;
        maker_init(&maker, run);
        maker.step.slope_count = CYC_SLOPES_MAX;
        struct cyc_result result = wild_result(&seed), back;
        CU_ASSERT_EQUAL(cyc_run_step_begin(run, &maker.step, 1, result.start_ns, NULL), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_step_end(run, &maker.step, &result, NULL), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_finish(run, "fault", "a limit", 0, NULL), CYC_OK);
        const struct cyc_run_info info = find("last");
        CU_ASSERT_EQUAL(cyc_run_each_step(info.folder, keep_result, &back, NULL), CYC_OK);
        check_same_result(&back, &result);
    }
    maker_remove();
}

static int keep_ended(void *context, uint32_t cycle_number, const char *name, const char *type,
                      uint32_t step_id, const char *text, const struct cyc_result *result,
                      bool ended)
{
    (void)name;
    (void)type;
    (void)step_id;
    (void)text;
    int *states = context;
    CU_ASSERT_EQUAL(cycle_number, 9);
    states[result->step_count] = ended ? 2 : 1;
    CU_ASSERT_EQUAL(result->start_ns, result->step_count * 1000);
    return 0;
}

static void a_step_that_still_runs_is_seen_after_a_commit(void)
{
    struct cyc_run *run = create();
    struct maker maker;
    maker_init(&maker, run);
    maker.step.cycle_number = 9;
    struct cyc_result result = {.step_count = 1, .start_ns = 1000, .end_ns = 2000};
    int states[3] = {0};
    char folder[CYC_PATH_SIZE];
    (void)cyc_copy(folder, sizeof folder, cyc_run_folder(run));
    CU_ASSERT_EQUAL(cyc_run_step_begin(run, &maker.step, 1, 1000, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_commit(run, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_each_step(folder, keep_ended, states, NULL), CYC_OK);
    CU_ASSERT_EQUAL(states[1], 1);
    CU_ASSERT_EQUAL(cyc_run_step_end(run, &maker.step, &result, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_step_begin(run, &maker.step, 2, 2000, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "interrupted", "Ctrl-C", 2500, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_each_step(folder, keep_ended, states, NULL), CYC_OK);
    CU_ASSERT_EQUAL(states[1], 2);
    CU_ASSERT_EQUAL(states[2], 1);
    maker_remove();
}

static void steps_that_differ_are_told_apart_however_many(void)
{
    struct cyc_run *run = create();
    struct maker maker;
    maker_init(&maker, run);
    struct cyc_result result = {0};
    /* More than are kept at hand, twice; then one of them over and over. */
    for (uint32_t i = 1; i <= 400; i++) {
        maker.segment.value = i > 300 ? 1000.0 : (double)(i % 150);
        result.step_count = i;
        CU_ASSERT_EQUAL(cyc_run_step_begin(run, &maker.step, i, 0, NULL), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_step_end(run, &maker.step, &result, NULL), CYC_OK);
    }
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    const struct cyc_run_info info = find("last");
    CU_ASSERT_EQUAL(ask(info.folder, "SELECT count(DISTINCT text) FROM definition"), 151);
    CU_ASSERT_EQUAL(ask(info.folder, "SELECT count(*) FROM definition"), 301);
    CU_ASSERT_EQUAL(ask(info.folder, "SELECT count(*) FROM step JOIN definition ON id = definition "
                                     "WHERE json_extract(text, '$.segments[0].value') IS "
                                     "iif(count > 300, 1000, count % 150)"),
                    400);
    maker_remove();
}

/* ---- Events and expectations ----------------------------------------------------------------- */

static int check_event(void *context, int64_t t_ns, const char *who, const char *what,
                       const char *why)
{
    unsigned *count = context;
    static const char *const whys[] = {"a \"word\", and 'more'", "", "°C; Ω\n"};
    CU_ASSERT_EQUAL(t_ns, (int64_t)*count * 5);
    CYC_SAME(who, "operator");
    CYC_SAME(what, "note");
    CYC_SAME(why, whys[*count]);
    ++*count;
    return *count == 3 ? 42 : 0;
}

static void events_come_back_in_order_and_a_callback_can_end_the_walk(void)
{
    struct cyc_run *run = create();
    CU_ASSERT_EQUAL(cyc_run_event(run, 0, "operator", "note", "a \"word\", and 'more'", NULL), 0);
    CU_ASSERT_EQUAL(cyc_run_event(run, 5, "operator", "note", NULL, NULL), 0);
    CU_ASSERT_EQUAL(cyc_run_event(run, 10, "operator", "note", "°C; Ω\n", NULL), 0);
    CU_ASSERT_EQUAL(cyc_run_event(run, 15, "operator", "note", "unseen", NULL), 0);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", NULL, 20, NULL), CYC_OK);
    unsigned count = 0;
    struct cyc_err err = {0};
    const struct cyc_run_info info = find("last");
    CU_ASSERT_EQUAL(info.event_count, 4);
    CU_ASSERT_EQUAL(cyc_run_each_event(info.folder, check_event, &count, &err), 42);
    CU_ASSERT_EQUAL(count, 3);
    CYC_SAME(err.text, "");
    maker_remove();
}

static int check_expectation(void *context, const char *name, const char *unit, double value,
                             double is, double tolerance, const char *source)
{
    ++*(unsigned *)context;
    CYC_SAME(name, "cycles.main.first.discharge_capacity");
    CYC_SAME(unit, "mAh/g");
    CU_ASSERT_EQUAL(value, 183.4);
    CU_ASSERT_EQUAL(is, 183.0);
    CU_ASSERT(isnan(tolerance));
    CYC_SAME(source, "section 2.1");
    return 0;
}

static void expectations_come_back(void)
{
    struct cyc_run *run = create();
    CU_ASSERT_EQUAL(cyc_run_expectation(run, "cycles.main.first.discharge_capacity", "mAh/g", 183.4,
                                        183.0, (double)NAN, "section 2.1", NULL),
                    CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 20, NULL), CYC_OK);
    unsigned count = 0;
    const struct cyc_run_info info = find("last");
    CU_ASSERT_EQUAL(cyc_run_each_expectation(info.folder, check_expectation, &count, NULL), CYC_OK);
    CU_ASSERT_EQUAL(count, 1);
    maker_remove();
}

/* ---- The folder ------------------------------------------------------------------------------ */

static bool holds(const char *folder, const char *name)
{
    char path[CYC_PATH_SIZE];
    return cyc_path_join(path, folder, name, NULL) == CYC_OK && access(path, F_OK) == 0;
}

static void ids_are_unique_and_safe_for_file_names(void)
{
    struct cyc_run_identity identity = maker_identity();
    identity.cell = "../_CH4: Zelle ä__7\n";
    identity.institution = "Uni / Lab_C";
    for (int i = 1; i <= 3; i++) {
        struct cyc_run *run = create_as(&identity);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "20260101-CH4-Zelle-7-%03d", i);
        CYC_SAME(cyc_run_id(run), expected);
        (void)snprintf(expected, sizeof expected, "Uni-Lab-C__CH4-Zelle-7__20260101_%03d.bdf.csv",
                       i);
        CU_ASSERT(holds(cyc_run_folder(run), expected));
        CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    }
    identity.cell = "…";
    identity.institution = NULL;
    struct cyc_run *run = create_as(&identity);
    CYC_SAME(cyc_run_id(run), "20260101-X-001");
    CU_ASSERT(holds(cyc_run_folder(run), "LAB__X__20260101_001.bdf.csv"));
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    maker_remove();
}

static void protocol_files_are_copied_and_never_leave_the_folder(void)
{
    static const struct cyc_run_file files[] = {
        {"p/one.yaml", "one", 3, "aa", NULL},
        {"q/one.yaml", "two", 3, "bb", NULL},
        {"../../..", "three", 5, "cc", NULL},
        {"/etc/x.lua", "a\0b", 3, NULL, NULL},
    };
    struct cyc_run_identity identity = maker_identity();
    identity.files = files;
    identity.file_count = 4;
    struct cyc_run *run = create_as(&identity);
    const char *folder = cyc_run_folder(run);
    CU_ASSERT(holds(folder, "protocol/one.yaml"));
    CU_ASSERT(holds(folder, "protocol/2-one.yaml"));
    CU_ASSERT(holds(folder, "protocol/3-protocol"));
    char path[CYC_PATH_SIZE];
    size_t size;
    (void)cyc_path_join(path, folder, "protocol/x.lua", NULL);
    char *text = maker_read(path, &size);
    CU_ASSERT(text != NULL && size == 3 && memcmp(text, "a\0b", 3) == 0);
    free(text);
    CU_ASSERT_EQUAL(ask(folder,
                        "SELECT count(*) FROM protocol_file WHERE (name, stored, sha256) IN "
                        "(VALUES ('p/one.yaml', 'protocol/one.yaml', 'aa'),"
                        " ('q/one.yaml', 'protocol/2-one.yaml', 'bb'),"
                        " ('../../..', 'protocol/3-protocol', 'cc'))"),
                    3);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    maker_remove();
}

static void a_finished_journal_is_one_file(void)
{
    struct cyc_run *run = create();
    char folder[CYC_PATH_SIZE];
    (void)cyc_copy(folder, sizeof folder, cyc_run_folder(run));
    CU_ASSERT(holds(folder, "journal.sqlite-wal"));
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    CU_ASSERT(!holds(folder, "journal.sqlite-wal"));
    CU_ASSERT(!holds(folder, "journal.sqlite-shm"));
    CU_ASSERT_EQUAL(ask(folder, "PRAGMA user_version"), CYC_SCHEMA_VERSION);
    CYC_SAME(find("last").end, "done");
    CU_ASSERT(!holds(folder, "journal.sqlite-wal"));
    maker_remove();
}

static void two_equal_runs_give_equal_data(void)
{
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        struct cyc_run *run = create();
        struct maker maker;
        maker_init(&maker, run);
        for (int k = 0; k < 5; k++) {
            CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
            /* How often a host commits depends on its own speed. */
            if (k % (i + 2) == 0) {
                CU_ASSERT_EQUAL(cyc_run_commit(run, NULL), CYC_OK);
            }
        }
        char path[CYC_PATH_SIZE];
        size_t size;
        (void)cyc_copy(path, sizeof path, cyc_run_data_path(run));
        CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", maker.t_ns, NULL), CYC_OK);
        texts[i] = maker_read(path, &size);
    }
    CU_ASSERT_EQUAL(strcmp(texts[0], texts[1]), 0);
    free(texts[0]);
    free(texts[1]);
    maker_remove();
}

static void the_mark_tells_length_and_checksum_of_the_data(void)
{
    struct cyc_run *run = create();
    struct maker maker;
    maker_init(&maker, run);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_commit(run, NULL), CYC_OK);
        size_t size;
        char *text = maker_read(cyc_run_data_path(run), &size), sql[200];
        struct cyc_checksum checksum;
        cyc_checksum_init(&checksum);
        cyc_checksum_add(&checksum, text, size);
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM mark WHERE length = %zu AND xxh64 = '%016llx' AND "
                       "row_count = %d AND length(boot_id) = 36",
                       size, (unsigned long long)cyc_checksum_value(&checksum), 80 * (i + 1));
        CU_ASSERT_EQUAL(ask(cyc_run_folder(run), sql), 1);
        free(text);
    }
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", maker.t_ns, NULL), CYC_OK);
    maker_remove();
}

const struct cyc_check cyc_check_run[] = {
    CYC_CHECK(a_finished_run_is_read_back),
    CYC_CHECK(a_result_comes_back_bit_by_bit),
    CYC_CHECK(a_step_that_still_runs_is_seen_after_a_commit),
    CYC_CHECK(steps_that_differ_are_told_apart_however_many),
    CYC_CHECK(events_come_back_in_order_and_a_callback_can_end_the_walk),
    CYC_CHECK(expectations_come_back),
    CYC_CHECK(ids_are_unique_and_safe_for_file_names),
    CYC_CHECK(protocol_files_are_copied_and_never_leave_the_folder),
    CYC_CHECK(a_finished_journal_is_one_file),
    CYC_CHECK(two_equal_runs_give_equal_data),
    CYC_CHECK(the_mark_tells_length_and_checksum_of_the_data),
    {0},
};
