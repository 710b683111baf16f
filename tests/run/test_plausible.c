/* Plausibility on simulated cells: each fault of wiring and meters is seen in time, and nothing
 * that sound cells do alarms, odd as it may be. */
#include "child.h"
#include "wired.h"

#include <ctype.h>
#include <ftw.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- No false alarm ----------------------------------------------------------------------------
 */

#define WORDS_MAX 24

struct outing { /* of one protocol on its cell */
    char protocol[512], cell[512];
    struct cyc_setting settings[WORDS_MAX];
    unsigned setting_count;
    char command[1024]; /* cut into the settings */
};

static unsigned run_count, alarm_count;
static uint64_t sample_count, cycle_count;

static void count_cycle(void *context, const struct cyc_cycle *cycle)
{
    (void)context;
    (void)cycle;
    cycle_count++;
}

static void run_outing(const struct outing *outing, int64_t sample_ns, int64_t time_max_ns)
{
    static struct wired wired;
    static struct cyc_cell_file file;
    static struct cyc_dry_outcome outcome;
    struct cyc_cell_spec spec;
    struct cyc_err err = {0};
    struct cyc_diags *const diags = calloc(1, sizeof *diags);
    struct cyc_protocol *protocol = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(diags);
    cyc_diags_init(diags);
    int status = cyc_cell_file_load(outing->cell, diags, &file, &err);
    const struct cyc_protocol_options options = {.path = outing->protocol,
                                                 .cell = &file.facts,
                                                 .settings = outing->settings,
                                                 .setting_count = outing->setting_count};
    status = status == CYC_OK ? cyc_protocol_load(&options, diags, &protocol, &err) : status;
    status = status == CYC_OK ? cyc_cell_spec_from_file(&file, diags, &spec, &err) : status;
    if (status != CYC_OK) {
        (void)fprintf(stderr, "\n%s on %s: %s\n", outing->protocol, outing->cell, err.text);
        CU_FAIL("a protocol does not load");
    } else {
        const struct cyc_dry_options dry = {.protocol = protocol,
                                            .cell = &spec,
                                            .facts = cyc_protocol_cell(protocol),
                                            .sample_ns = sample_ns,
                                            .time_max_ns = time_max_ns};
        const struct cyc_dry_listener listener = {.cycle = count_cycle};
        double nominal_Ah = (double)NAN;
        (void)cyc_nominal_capacity_Ah(&dry.facts->basis, &nominal_Ah, NULL);
        wired_begin(&wired, WIRED_SOUND, nominal_Ah);
        (void)cyc_dry_run(&dry, &listener, &outcome, &err);
        wired_end(&wired);
        wired_print(&wired, outing->protocol);
        run_count++;
        alarm_count += wired.alarm_count;
        sample_count += wired.sample_count;
    }
    cyc_protocol_free(protocol);
    cyc_diags_release(diags);
    free(diags);
}

/* Whole runs as their crossings come, the first day at 10 s, and the first hours as a live
 * host would poll. */
static void run_all_ways(const struct outing *outing)
{
    run_outing(outing, 0, 0);
    run_outing(outing, 10 * CYC_S_NS, 24 * 3600 * CYC_S_NS);
    run_outing(outing, CYC_S_NS, 3 * 3600 * CYC_S_NS);
    run_outing(outing, CYC_S_NS / 10, 600 * CYC_S_NS);
}

/* "protocols/x.yaml --cell protocols/cells/y.yaml --set a=b" */
static void take_words(struct outing *outing, const char *root)
{
    char *rest = NULL;
    char *word = strtok_r(outing->command, " \n", &rest);
    for (; word != NULL; word = strtok_r(NULL, " \n", &rest)) {
        if (strcmp(word, "--cell") == 0) {
            const char *const cell = strtok_r(NULL, " \n", &rest);
            const bool path = cell != NULL && strchr(cell, '/') != NULL;
            (void)snprintf(outing->cell, sizeof outing->cell, "%s/%s%s%s", root,
                           path ? "" : "protocols/cells/", cell != NULL ? cell : "",
                           path ? "" : ".yaml");
        } else if (strcmp(word, "--set") == 0 && outing->setting_count < WORDS_MAX) {
            char *const setting = strtok_r(NULL, " \n", &rest);
            char *const equals = setting != NULL ? strchr(setting, '=') : NULL;
            if (equals != NULL) {
                *equals = '\0';
                outing->settings[outing->setting_count++] =
                    (struct cyc_setting){.name = setting, .value = equals + 1};
            }
        }
    }
}

/* The command in the head of a shipped protocol says on which cell it runs. */
static int run_shipped(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    static struct outing outing;
    char line[1024];
    (void)status;
    (void)walk;
    const char *const dot = strrchr(path, '.');
    if (type != FTW_F || strstr(path, "/cells/") != NULL || dot == NULL ||
        (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".lua") != 0)) {
        return 0;
    }
    memset(&outing, 0, sizeof outing);
    (void)cyc_copy(outing.protocol, sizeof outing.protocol, path);
    FILE *const file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *const command = strstr(line, "cyclostat dry-run ");
        if (command != NULL && outing.cell[0] == '\0') {
            (void)cyc_copy(outing.command, sizeof outing.command, command);
            take_words(&outing, CYC_SOURCE_DIR);
            if (outing.cell[0] == '\0') {
                (void)cyc_copy(outing.cell, sizeof outing.cell,
                               CYC_SOURCE_DIR "/protocols/cells/nca-18650.yaml");
            }
        }
    }
    (void)fclose(file);
    if (outing.cell[0] != '\0') {
        run_all_ways(&outing);
    }
    return 0;
}

static void forget_totals(void)
{
    run_count = alarm_count = 0;
    sample_count = cycle_count = 0;
}

static void no_shipped_protocol_alarms(void)
{
    forget_totals();
    (void)nftw(CYC_SOURCE_DIR "/protocols", run_shipped, 16, FTW_PHYS);
    CU_ASSERT(run_count >= 100);
    CU_ASSERT(cycle_count >= 1300);
    CU_ASSERT(sample_count >= 1000000);
    CU_ASSERT_EQUAL(alarm_count, 0);
}

static void no_golden_case_alarms(void)
{
    glob_t found = {0};
    forget_totals();
    CU_ASSERT_EQUAL_FATAL(glob(CYC_SOURCE_DIR "/tests/golden/*/protocol.*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        static struct outing outing;
        char path[512];
        char line[256] = "";
        memset(&outing, 0, sizeof outing);
        (void)cyc_copy(outing.protocol, sizeof outing.protocol, found.gl_pathv[i]);
        (void)snprintf(path, sizeof path, "%.*s/cell",
                       (int)(strrchr(found.gl_pathv[i], '/') - found.gl_pathv[i]),
                       found.gl_pathv[i]);
        FILE *const file = fopen(path, "re");
        if (file != NULL) {
            (void)fgets(line, sizeof line, file);
            (void)fclose(file);
        }
        line[strcspn(line, "\n")] = '\0';
        const bool by_path = strchr(line, '/') != NULL;
        (void)snprintf(outing.cell, sizeof outing.cell, "%s/%s%s%s", CYC_SOURCE_DIR,
                       by_path ? "tests/golden/" : "protocols/cells/", by_path ? line + 3 : line,
                       by_path ? "" : ".yaml");
        run_all_ways(&outing);
    }
    globfree(&found);
    CU_ASSERT(run_count >= 100);
    CU_ASSERT_EQUAL(alarm_count, 0);
}

/* ---- Faults are seen ----------------------------------------------------------------------------
 *
 * The analytic cell (2.5 Ah, 3.0 to 4.2 V, 20 mohm and two RC pairs) at 50 %, polled each second
 * and ten times a second by a meter of 0.1 mV with 0.2 mV of noise. Whoever sees a fault first ends
 * the run: plausibility, or the limits, where the voltage leaves them. */

/* Steps with their cutoff, and the same for ten minutes whatever the voltage. */
#define STEPS(step, cutoff)                                                                        \
    "  - {rest: 1 min}\n  - {" step ", cutoff: " cutoff "}\n",                                     \
        "  - {rest: 1 min}\n  - {" step ", cutoff: 100 Ah}\n"
#define CHARGE_1C    STEPS("charge: 1 C", "4.15 V")
#define CHARGE_C20   STEPS("charge: C/20", "4.15 V")
#define DISCHARGE_1C STEPS("discharge: 1 C", "3.1 V")
#define CC_CV        STEPS("charge: C/2, hold: 4.1 V", "C/50")
#define POWER        STEPS("discharge: 5 W", "3.1 V")
#define LOAD         STEPS("discharge: 4 ohm", "3.1 V")
#define TRAIN                                                                                      \
    "  - repeat: 20\n    steps:\n      - {charge: 1 C, cutoff: [20 s, 100 Ah]}\n      - {rest: "   \
    "20 s}\n"
#define PULSES TRAIN, TRAIN

#define BIT(alarm) (1u << CYC_ALARM_##alarm)

static const struct faulty {
    const char *name;
    enum wired_fault fault;
    double from_s;
    const char *method, *blind;
    unsigned alarms; /* any of these */
} faulty[] = {
    {"open circuit at a charge", WIRED_OPEN_CIRCUIT, 60, CHARGE_1C,
     BIT(CURRENT_DEVIATES) | BIT(CONTACT)},
    {"open circuit at a slow charge", WIRED_OPEN_CIRCUIT, 60, CHARGE_C20,
     BIT(CURRENT_DEVIATES) | BIT(CONTACT)},
    {"open circuit in the middle", WIRED_OPEN_CIRCUIT, 300, CHARGE_1C,
     BIT(CURRENT_DEVIATES) | BIT(CONTACT)},
    {"open circuit at a discharge", WIRED_OPEN_CIRCUIT, 60, DISCHARGE_1C,
     BIT(CURRENT_DEVIATES) | BIT(CONTACT) | BIT(NO_CELL) | BIT(SENSE)},
    {"open circuit before a hold", WIRED_OPEN_CIRCUIT, 60, CC_CV,
     BIT(CURRENT_DEVIATES) | BIT(CONTACT)},
    {"open circuit under power", WIRED_OPEN_CIRCUIT, 300, POWER, BIT(CURRENT_DEVIATES)},
    {"open circuit under load", WIRED_OPEN_CIRCUIT, 300, LOAD, BIT(CURRENT_DEVIATES)},
    {"empty holder", WIRED_EMPTY_HOLDER, 0, CHARGE_1C, BIT(NO_CELL)},
    {"empty holder, slow charge", WIRED_EMPTY_HOLDER, 0, CHARGE_C20, BIT(NO_CELL)},
    {"reversed poles", WIRED_REVERSED, 0, CHARGE_1C, BIT(POLARITY)},
    {"reversed in the middle", WIRED_REVERSED, 300, DISCHARGE_1C, BIT(POLARITY)},
    {"sense lead off from the start", WIRED_SENSE_OFF, 0, CHARGE_1C, BIT(NO_CELL)},
    {"sense lead off in a charge", WIRED_SENSE_OFF, 300, CHARGE_1C, BIT(SENSE)},
    {"sense lead off in a slow charge", WIRED_SENSE_OFF, 300, CHARGE_C20, BIT(SENSE)},
    {"sense lead floats", WIRED_SENSE_FLOATS, 300, CHARGE_1C, BIT(CONTACT)},
    {"sense lead floats, slow charge", WIRED_SENSE_FLOATS, 300, CHARGE_C20, BIT(CONTACT)},
    {"sense on another cell", WIRED_OTHER_CELL, 0, CHARGE_1C, BIT(SENSE)},
    {"sense on another cell, pulses", WIRED_OTHER_CELL, 0, PULSES, BIT(SENSE)},
    {"loose clip", WIRED_LOOSE_CLIP, 300, CHARGE_1C, BIT(CONTACT)},
    {"loose clip in pulses", WIRED_LOOSE_CLIP, 0, PULSES, BIT(CONTACT)},
    {"frozen voltage at a charge", WIRED_FROZEN_VOLTAGE, 50, CHARGE_1C, BIT(FLAT_LINE)},
    {"frozen voltage at a discharge", WIRED_FROZEN_VOLTAGE, 50, DISCHARGE_1C, BIT(FLAT_LINE)},
    {"frozen current", WIRED_FROZEN_CURRENT, 50, CHARGE_1C, BIT(CURRENT_DEVIATES) | BIT(CONTACT)},
    {"frozen current at rest", WIRED_FROZEN_CURRENT, 5, PULSES, BIT(CURRENT_AT_REST)},
    {"relay sticks", WIRED_STUCK_RELAY, 0, PULSES, BIT(CURRENT_AT_REST)},
    {"relay does not close", WIRED_DEAD_RELAY, 0, CHARGE_1C, BIT(CURRENT_DEVIATES)},
    {"relay does not close, slow", WIRED_DEAD_RELAY, 0, CHARGE_C20, BIT(CURRENT_DEVIATES)},
    {"relay does not close, power", WIRED_DEAD_RELAY, 0, POWER, BIT(CURRENT_DEVIATES)},
    {"current turned around", WIRED_CURRENT_TURNED, 0, CHARGE_1C, BIT(WRONG_WAY)},
    {"current turned around, discharge", WIRED_CURRENT_TURNED, 0, DISCHARGE_1C, BIT(WRONG_WAY)},
    {"current reads ten times", WIRED_CURRENT_X10, 0, CHARGE_1C, BIT(SCALE)},
    {"current reads a thousand times", WIRED_CURRENT_X1000, 0, CHARGE_C20, BIT(SCALE)},
    {"voltage reads ten times", WIRED_VOLTAGE_X10, 0, CHARGE_1C, BIT(SCALE)},
    {"voltage reads a thousand times", WIRED_VOLTAGE_X1000, 0, CHARGE_C20, BIT(SCALE)},
};

/* When current first flows, or should: before it nothing can be told that shows in it. */
static double onset_s(const struct faulty *row)
{
    static const unsigned at_rest = BIT(NO_CELL) | BIT(POLARITY) | BIT(SENSE) | BIT(SCALE);
    const double first_s = strcmp(row->method, TRAIN) == 0 ? 0.0 : 60.0;
    const bool shows = (row->alarms & at_rest) != 0 && row->fault != WIRED_OTHER_CELL &&
                       row->fault != WIRED_CURRENT_X10 && row->fault != WIRED_CURRENT_X1000;
    if (row->fault == WIRED_STUCK_RELAY || strcmp(row->name, "frozen current at rest") == 0) {
        return 20.0;
    }
    return shows || row->from_s > first_s ? row->from_s : first_s;
}

/* Limits that see nothing, so that plausibility is alone. */
#define BLIND                                                                                      \
    "cyclostat: 1\nname: test\ncell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}\n"                   \
    "limits: {voltage: [-100000 V, 100000 V], current: 100000 A, capacity: 1000 Ah}\nmethod:\n"

static void set_up(struct lab *lab, struct wired *wired, const struct faulty *row,
                   int64_t sample_ns)
{
    lab_init(lab, 2);
    lab->cell.initial_soc = 0.5;
    lab->options.sample_ns = sample_ns;
    lab->options.time_max_ns = 600 * CYC_S_NS;
    wired_begin(wired, row->fault, 2.5);
    wired->facts.voltage_min_V = 2.5;
    wired->facts.voltage_max_V = 4.2;
    cyc_plausible_init(wired->plausible, &wired->facts);
    wired->from_ns = (int64_t)(row->from_s * 1e9);
    wired->noise_V = row->fault == WIRED_FROZEN_VOLTAGE ? 0.0 : 2e-4;
    wired->step_V = 1e-4;
    wired->compliance_V = 4.8;
}

static bool in_time(const struct faulty *row, int64_t t_ns)
{
    /* a loose clip has to be loose more than once */
    const double bound_s = row->fault == WIRED_LOOSE_CLIP ? 40.0 : 10.0;
    const double after_s = 1e-9 * (double)t_ns - onset_s(row);
    return after_s >= 0.0 && after_s <= bound_s;
}

static void complain(const struct faulty *row, const struct lab *lab, const struct wired *wired)
{
    (void)fprintf(stderr, "\n%s, every %d ms: not in time; the run ended %s: %s\n", row->name,
                  (int)(lab->options.sample_ns / CYC_MS_NS), cyc_finish_name(lab->outcome.finish),
                  lab->outcome.why);
    wired_print(wired, row->name);
    CU_FAIL("a fault was not seen in time");
}

/* The steps go on for ten minutes whatever the voltage. */
static void see_alone(const struct faulty *row, int64_t sample_ns)
{
    static struct lab lab;
    static struct wired wired;
    struct cyc_text text = {0};
    set_up(&lab, &wired, row, sample_ns);
    cyc_text_append(&text, BLIND);
    cyc_text_append(&text, row->blind);
    lab_run_whole(&lab, cyc_text_get(&text));
    wired_end(&wired);
    const struct cyc_alarm_report *const trip = wired_trip(&wired);
    if (trip == NULL || ((1u << trip->alarm) & row->alarms) == 0 || !in_time(row, trip->t_ns)) {
        complain(row, &lab, &wired);
    }
    cyc_text_release(&text);
    lab_release(&lab);
}

static void faults_of_wiring_and_meters_are_seen_in_time(void)
{
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        see_alone(&faulty[i], CYC_S_NS);
        see_alone(&faulty[i], CYC_S_NS / 10);
    }
}

/* With limits and cutoffs: nobody takes a step for finished that a fault has ended. */
static void no_fault_passes_for_the_end_of_a_step(void)
{
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        static struct lab lab;
        static struct wired wired;
        const struct faulty *const row = &faulty[i];
        set_up(&lab, &wired, row, CYC_S_NS);
        lab_run(&lab, row->method);
        wired_end(&wired);
        const struct cyc_alarm_report *const trip = wired_trip(&wired);
        const bool faulted = lab.outcome.finish == CYC_FINISH_FAULT;
        const int64_t t_ns = trip != NULL && (!faulted || trip->t_ns < lab.outcome.t_ns)
                                 ? trip->t_ns
                                 : lab.outcome.t_ns;
        if ((trip == NULL && !faulted) || !in_time(row, t_ns)) {
            complain(row, &lab, &wired);
        }
        lab_release(&lab);
    }
}

/* The same steps, meter and noise, and nothing wrong. */
static void the_same_runs_without_a_fault_are_silent(void)
{
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        static struct lab lab;
        static struct wired wired;
        lab_init(&lab, 2);
        lab.cell.initial_soc = 0.5;
        lab.options.sample_ns = CYC_S_NS / (i % 2 == 0 ? 1 : 10);
        lab.options.time_max_ns = 1800 * CYC_S_NS;
        wired_begin(&wired, WIRED_SOUND, 2.5);
        wired.noise_V = 2e-4;
        wired.step_V = 1e-4;
        lab_run(&lab, faulty[i].method);
        wired_end(&wired);
        wired_print(&wired, faulty[i].name);
        CU_ASSERT_EQUAL(wired.alarm_count, 0);
        CU_ASSERT(wired.sample_count > 100);
        lab_release(&lab);
    }
}

/* Ten times less than R_LEAST: what shows of it is the charge that passes. */
static void a_small_cell_of_next_to_no_resistance_is_silent(void)
{
    for (int64_t sample_ns = CYC_S_NS / 10; sample_ns <= CYC_S_NS; sample_ns *= 10) {
        static struct lab lab;
        static struct wired wired;
        lab_init(&lab, 0);
        lab.cell.capacity_Ah = 0.010;
        lab.cell.initial_soc = 0.5;
        lab.options.sample_ns = sample_ns;
        wired_begin(&wired, WIRED_SOUND, 0.010);
        wired.step_V = 1e-5;
        wired.facts.voltage_min_V = 2.4;
        wired.facts.voltage_max_V = 4.5;
        cyc_plausible_init(wired.plausible, &wired.facts);
        lab_run(&lab, "  - {rest: 10 s}\n  - {charge: 10 mA, cutoff: 1 min}\n"
                      "  - {discharge: 10 mA, cutoff: 1 min}\n  - {charge: 1 mA, cutoff: 1 min}\n"
                      "  - {rest: 1 min}\n");
        wired_end(&wired);
        wired_print(&wired, "a small cell of next to no resistance");
        CU_ASSERT_EQUAL(lab.count, 5);
        CU_ASSERT_EQUAL(wired.alarm_count, 0);
        lab_release(&lab);
    }
}

/* Of samples that are made by hand. */
static const struct cyc_plausible_facts by_hand = {.nominal_capacity_Ah = 2.5,
                                                   .voltage_min_V = 2.5,
                                                   .voltage_max_V = 4.2,
                                                   .voltage_resolution_V = 1e-4,
                                                   .current_accuracy_A = 1e-3};

/* A clip that is a little loose before it is very loose. */
static void a_small_jump_does_not_hide_larger_ones(void)
{
    struct cyc_alarm_report report = {0};
    struct cyc_step step = {.mode = CYC_MODE_CC, .hold_V = (double)NAN};
    struct cyc_plausible *const plausible = calloc(1, cyc_plausible_size());
    const struct cyc_setpoint setpoint = {
        .number = 1, .control = CYC_CONTROL_CURRENT, .value = 1.0};
    bool raised = false;
    int at = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(plausible);
    cyc_plausible_init(plausible, &by_hand);
    cyc_plausible_step(plausible, &step, 0);
    cyc_plausible_setpoint(plausible, &setpoint, 0);
    for (int i = 0; i < 60 && !raised; i++) {
        const double jump_V = i == 30 ? 0.025 : i > 32 && i % 3 == 0 ? 0.100 : 0.0;
        const struct cyc_sample sample = {.t_ns = i * CYC_S_NS,
                                          .setpoint_number = 1,
                                          .voltage_V = 3.6 + 1e-4 * i + jump_V,
                                          .current_A = 1.0};
        raised = cyc_plausible_sample(plausible, &sample, &report);
        at = i;
    }
    CU_ASSERT_TRUE(raised);
    CU_ASSERT_EQUAL(report.alarm, CYC_ALARM_CONTACT);
    CU_ASSERT(at > 32 && at < 40);
    free(plausible);
}

/* A single wrong sample, as of a change of range, is none. */
static void one_wrong_sample_is_no_alarm(void)
{
    struct cyc_alarm_report report;
    struct cyc_step step = {.mode = CYC_MODE_CC, .hold_V = (double)NAN};
    struct cyc_plausible *const plausible = calloc(1, cyc_plausible_size());
    CU_ASSERT_PTR_NOT_NULL_FATAL(plausible);
    cyc_plausible_init(plausible, &by_hand);
    cyc_plausible_step(plausible, &step, 0);
    const struct cyc_setpoint setpoint = {
        .number = 1, .control = CYC_CONTROL_CURRENT, .value = 1.0};
    cyc_plausible_setpoint(plausible, &setpoint, 0);
    for (int i = 0; i < 600; i++) {
        const bool wrong = i % 60 == 30;
        const bool odd = i % 120 == 30; /* one time the voltage, the other the current */
        const struct cyc_sample sample = {.t_ns = i * CYC_S_NS,
                                          .setpoint_number = 1,
                                          .voltage_V = wrong && odd ? -1.0 : 3.6 + 1e-4 * i,
                                          .current_A = wrong && !odd ? 0.0 : 1.0};
        CU_ASSERT_FALSE(cyc_plausible_sample(plausible, &sample, &report));
    }
    free(plausible);
}

static void samples_that_are_no_numbers_are_left_to_others(void)
{
    struct cyc_alarm_report report;
    struct cyc_plausible *const plausible = calloc(1, cyc_plausible_size());
    const struct cyc_plausible_facts facts = {.nominal_capacity_Ah = (double)NAN,
                                              .voltage_min_V = (double)NAN,
                                              .voltage_max_V = (double)NAN,
                                              .voltage_resolution_V = (double)NAN,
                                              .current_resolution_A = (double)NAN,
                                              .current_accuracy_A = (double)NAN};
    CU_ASSERT_PTR_NOT_NULL_FATAL(plausible);
    cyc_plausible_init(plausible, &facts);
    for (int i = 0; i < 100; i++) {
        const struct cyc_sample sample = {.t_ns = i * CYC_S_NS,
                                          .voltage_V = (double)(i % 2 == 0 ? NAN : INFINITY),
                                          .current_A = 1.0};
        CU_ASSERT_FALSE(cyc_plausible_sample(plausible, &sample, &report));
    }
    free(plausible);
}

/* Charge beyond what was stated, and half the window with next to none: another cell than stated.
 */
static void a_cell_of_another_size_is_told(void)
{
    static const struct {
        double nominal_Ah;
        enum cyc_alarm alarm;
    } rows[] = {{1.0, CYC_ALARM_CHARGE}, {25.0, CYC_ALARM_SCALE}};
    for (size_t i = 0; i < 2; i++) {
        static struct lab lab;
        static struct wired wired;
        lab_init(&lab, 2);
        lab.cell.initial_soc = 0.0;
        lab.options.sample_ns = CYC_S_NS;
        wired_begin(&wired, WIRED_SOUND, rows[i].nominal_Ah);
        wired.facts.voltage_min_V = 3.0;
        wired.facts.voltage_max_V = 4.2;
        cyc_plausible_init(wired.plausible, &wired.facts);
        lab_run(&lab, "  - {charge: C/5, cutoff: 4.2 V}\n");
        if (wired.alarm_count != 1) {
            wired_print(&wired, "a cell of another size");
        }
        wired_end(&wired);
        CU_ASSERT_EQUAL(wired.alarm_count, 1);
        CU_ASSERT_EQUAL(wired.alarms[0].alarm, rows[i].alarm);
        CU_ASSERT_EQUAL(wired.alarms[0].trips, rows[i].alarm == CYC_ALARM_CHARGE);
        lab_release(&lab);
    }
}

static void an_alarm_is_raised_once_per_step(void)
{
    static struct lab lab;
    static struct wired wired;
    lab_init(&lab, 0);
    lab.cell.initial_soc = 0.5;
    lab.options.sample_ns = CYC_S_NS;
    wired_begin(&wired, WIRED_DEAD_RELAY, 2.5);
    lab_run(&lab, "  - {charge: 1 C, cutoff: 5 min}\n  - {charge: 1 C, cutoff: 5 min}\n");
    wired_end(&wired);
    unsigned deviates = 0;
    for (unsigned i = 0; i < wired.alarm_count; i++) {
        deviates += wired.alarms[i].alarm == CYC_ALARM_CURRENT_DEVIATES ? 1 : 0;
        CU_ASSERT(strlen(wired.alarms[i].text) > 20);
        CU_ASSERT(strlen(wired.alarms[i].text) < sizeof wired.alarms[i].text - 1);
    }
    CU_ASSERT_EQUAL(deviates, 2);
    lab_release(&lab);
}

static void alarms_have_names(void)
{
    for (unsigned i = 0; i < CYC_ALARM_COUNT; i++) {
        CU_ASSERT(strlen(cyc_alarm_name((enum cyc_alarm)i)) > 3);
    }
    CYC_SAME(cyc_alarm_name((enum cyc_alarm)99), "unknown");
}

const struct cyc_check cyc_check_plausible[] = {
    CYC_CHECK(no_shipped_protocol_alarms),
    CYC_CHECK(no_golden_case_alarms),
    CYC_CHECK(faults_of_wiring_and_meters_are_seen_in_time),
    CYC_CHECK(no_fault_passes_for_the_end_of_a_step),
    CYC_CHECK(the_same_runs_without_a_fault_are_silent),
    CYC_CHECK(a_small_cell_of_next_to_no_resistance_is_silent),
    CYC_CHECK(a_small_jump_does_not_hide_larger_ones),
    CYC_CHECK(one_wrong_sample_is_no_alarm),
    CYC_CHECK(samples_that_are_no_numbers_are_left_to_others),
    CYC_CHECK(a_cell_of_another_size_is_told),
    CYC_CHECK(an_alarm_is_raised_once_per_step),
    CYC_CHECK(alarms_have_names),
    {0}};
