/* Temperature and pressure: limits that are measured on another port than the one that holds the
 * output, sensors that go silent, calibration; and a daemon that ignores all of it.
 *
 *   surroundings CYCLOSTAT DOUBLE [ROW]
 *
 * An emulated Keithley drives a linear cell in an emulated ESPEC chamber, with a BS-205 that shows
 * the force on it, or an Alicat controller that sets the pressure. The daemon is a double: steady,
 * it starts again whatever happens; hostile, it sends everybody everything, and the chamber here
 * and there without end. What is judged is the truth log: when the heater was stuck, how warm the
 * chamber was then and so at each moment since (it rises by HEAT_K_S, whatever it is told), and
 * when the current stopped.
 */
#include "faults/bench.h"

#include "base/text.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULT_AT    ":at=360s" /* in the time of the cell, which runs … */
#define RATE        "60"       /* … so much faster: after 6 s */
#define FAULT_AT_W  ",at=6s"   /* the same for faults of the wire */
#define FAULT_AT_NS (6 * CYC_S_NS)
#define START_NS    (5 * CYC_S_NS)
#define AFTER_NS    (3 * CYC_S_NS)
#define TRIES       3

#define HEAT         "heat" FAULT_AT ",value=1" /* K/min in the time of the cell: 1 K/s */
#define HEAT_K_S     1.0
#define LIMIT_DEGC   30.0
#define TWO_OVENS_NS (2 * CYC_S_NS) /* two polls of the chamber */
#define TWO_FORCE_NS CYC_S_NS       /* … of the indicator */
#define OLD_NS       (3 * CYC_S_NS) /* a value older than this is none */
/* The last reading was taken up to a poll before the fault, and begun an exchange before that. */
#define EARLY_NS     (OLD_NS - CYC_S_NS - 100 * CYC_MS_NS)
#define BY_ITSELF_NS (-CYC_S_NS / 2) /* a hostile daemon's current has a gap now and then */

#define HEAD                                                                                       \
    "cyclostat_rig: 1\n"                                                                           \
    "ports: {smu: {address: smu}, oven: {address: oven}, force: {address: force}}\n"               \
    "instruments:\n"                                                                               \
    "  smu1: {driver: keithley_2400, port: smu, poll: 250 ms, accept: no_watchdog,\n"              \
    "         options: {terminator: CR}}\n"                                                        \
    "  oven1: {driver: espec_p300, port: oven, poll: 1 s}\n"
#define FORCE                                                                                      \
    "  force1: {driver: bongshin_bs205, port: force, poll: 500 ms, options: {mode: stream}}\n"
#define PRESS "  press1: {driver: alicat_pc, port: force, poll: 500 ms}\n"
#define LIMITS                                                                                     \
    "limits: {voltage: [2 V, 4.5 V], current: 1 mA, temperature: [5 degC, 30 degC],\n"             \
    "      pressure: "
static const char rig[] = HEAD FORCE
    "sensors: {stack: {instrument: force1, quantity: pressure, area: 0.785 cm2}}\n"
    "channels:\n"
    "  A1: {cycler: smu1, chamber: oven1, pressure: stack,\n    " LIMITS "[10 MPa, 100 MPa]}}\n";
/* So wide that no temperature is far beyond it within the bound: all are measured twice. */
static const char wide_rig[] = HEAD FORCE
    "sensors: {stack: {instrument: force1, quantity: pressure, area: 0.785 cm2}}\n"
    "channels:\n"
    "  A1: {cycler: smu1, chamber: oven1, pressure: stack,\n"
    "    limits: {voltage: [2 V, 4.5 V], current: 1 mA, temperature: [-55 degC, 30 degC],\n"
    "      pressure: [10 MPa, 100 MPa]}}\n";
static const char press_rig[] = HEAD PRESS
    "channels:\n"
    "  A1: {cycler: smu1, chamber: oven1, press: press1,\n    " LIMITS "[0.1 MPa, 0.6 MPa]}}\n";
static const char calibrated_rig[] = HEAD FORCE
    "sensors: {stack: {instrument: force1, quantity: pressure, area: 0.785 cm2}}\n"
    "channels:\n"
    "  A1: {cycler: smu1, chamber: oven1, pressure: stack,\n    " LIMITS "[10 MPa, 100 MPa]},\n"
    "    calibration: {voltage: {gain: 1.1, offset: -45 mV},\n"
    "                  current: {gain: 1.25, offset: 0.1 mA}}}\n";
/* 3.6 V are 4.37 V, and 3.8 V are 4.61 V. */
static const char over_voltage_rig[] = HEAD FORCE
    "sensors: {stack: {instrument: force1, quantity: pressure, area: 0.785 cm2}}\n"
    "channels:\n"
    "  A1: {cycler: smu1, chamber: oven1, pressure: stack,\n    " LIMITS "[10 MPa, 100 MPa]},\n"
    "    calibration: {voltage: {gain: 1.2, offset: 50 mV}}}\n";
/* 25 degC are 35 degC. */
static const char warm_rig[] = HEAD FORCE
    "sensors:\n"
    "  stack: {instrument: force1, quantity: pressure, area: 0.785 cm2}\n"
    "  air: {instrument: oven1, quantity: temperature, calibration: {offset: 10 K}}\n"
    "channels:\n"
    "  A1: {cycler: smu1, chamber: oven1, temperature: air, pressure: stack,\n    " LIMITS
    "[10 MPa, 100 MPa]}}\n";
/* 50 MPa are 110 MPa. */
static const char pressed_rig[] = HEAD FORCE
    "sensors: {stack: {instrument: force1, quantity: pressure, area: 0.785 cm2,\n"
    "                  calibration: {gain: 2, offset: 785 N}}}\n"
    "channels:\n"
    "  A1: {cycler: smu1, chamber: oven1, pressure: stack,\n    " LIMITS "[10 MPa, 100 MPa]}}\n";

static const char cell[] = "cyclostat_cell: 1\n"
                           "name: pressed\n"
                           "source: invented, for tests\n"
                           "cell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}\n"
                           "model:\n"
                           "  kind: linear\n"
                           "  capacity: 2.5 Ah\n"
                           "  initial_soc: 50 %\n"
                           "  temperature: 25 degC\n"
                           "  pressure: 50 MPa\n"
                           "  ocv: {from: 3.0 V, to: 4.2 V}\n"
                           "  parameters: {R0: 0.020}\n";

enum course {
    TRIPS,     /* off by a limit, and latched: a new port process refuses as well */
    GOES_MUTE, /* off while the fault lasts */
    REFUSED,   /* never on */
    PASSES     /* on, and stays on */
};

struct row {
    const char *what, *rig, *mode, *fault;
    enum course course;
    int64_t early_ns, bound_ns; /* after the fault, or after it has come to the limit */
    const char *said;           /* in events.log, or what the double heard */
    const char *truth;          /* a line of the truth log; NULL: none */
};

static const struct row rows[] = {
    {"heater stuck", rig, "steady", HEAT, TRIPS, 0, TWO_OVENS_NS,
     "above the channel's limit 30 degC", NULL},
    {"heater stuck, wide limits", wide_rig, "steady", HEAT, TRIPS, 0, TWO_OVENS_NS,
     "above the channel's limit 30 degC", NULL},
    {"heater stuck, hostile daemon", wide_rig, "hostile", HEAT, TRIPS, BY_ITSELF_NS, TWO_OVENS_NS,
     "above the channel's limit 30 degC", NULL},
    {"pressure lost", rig, "steady", "pressure" FAULT_AT ",value=1e6", TRIPS, 0, TWO_FORCE_NS,
     "below the channel's limit", NULL},
    {"pressure lost, hostile daemon", rig, "hostile", "pressure" FAULT_AT ",value=1e6", TRIPS,
     BY_ITSELF_NS, TWO_FORCE_NS, "below the channel's limit", NULL},
    {"pressure lost, press, hostile daemon", press_rig, "hostile", "pressure" FAULT_AT ",value=1e5",
     TRIPS, BY_ITSELF_NS, TWO_FORCE_NS, "below the channel's limit", NULL},
    {"sensor of the chamber open", rig, "steady", "open_T:unit=1" FAULT_AT_W, GOES_MUTE, EARLY_NS,
     OLD_NS + CYC_S_NS / 2, "'oven1' has not measured it lately", NULL},
    {"chamber mute", rig, "steady", "mute:unit=1" FAULT_AT_W, GOES_MUTE, EARLY_NS,
     OLD_NS + CYC_S_NS / 2, "'oven1' has not measured it lately", NULL},
    {"chamber's cable pulled", rig, "steady", "unplug:link=1" FAULT_AT_W ",for=8s", GOES_MUTE,
     EARLY_NS, OLD_NS + CYC_S_NS / 2, "'oven1' has not measured it lately", NULL},
    {"indicator mute", rig, "steady", "mute:unit=2" FAULT_AT_W, GOES_MUTE, EARLY_NS,
     OLD_NS + CYC_S_NS / 2, "'force1' has not measured it lately", NULL},
    {"load cell unplugged", rig, "steady", "force_lost:unit=2" FAULT_AT_W, GOES_MUTE, EARLY_NS,
     OLD_NS + CYC_S_NS / 2, "'force1' has not measured it lately", NULL},
    {"calibrated setpoint and bound", calibrated_rig, "steady", NULL, PASSES, 0, 0, NULL,
     " output 0 current 0.0004 compliance 4.1318"},
    {"limit on the calibrated voltage", over_voltage_rig, "steady",
     "offset_V:unit=0,value=0.2" FAULT_AT_W, TRIPS, 0, CYC_S_NS, "above the channel's limit 4.5 V",
     NULL},
    {"limit on the calibrated temperature", warm_rig, "steady", NULL, REFUSED, 0, 0,
     "the temperature is beyond the channel's limits", NULL},
    {"limit on the calibrated pressure", pressed_rig, "steady", NULL, REFUSED, 0, 0,
     "the pressure is beyond the channel's limits", NULL},
};
#define ROWS (sizeof rows / sizeof rows[0])

struct outcome {
    bool holds, stalled;
    int64_t took_ns;
    char words[120];
};

static void complain(struct outcome *outcome, const char *words)
{
    if (outcome->words[0] == '\0') {
        (void)cyc_copy(outcome->words, sizeof outcome->words, words);
    }
    outcome->holds = false;
}

/* ---- What the truth log has
 * ----------------------------------------------------------------------
 */

static double after(const char *line, const char *word)
{
    const char *const at = strstr(line, word);
    double value = NAN;
    size_t used;
    if (at != NULL &&
        !cyc_number_parse(at + strlen(word), strlen(at + strlen(word)), &value, &used)) {
        value = NAN;
    }
    return value;
}

/* What chamber and press were told, and what the source could do: within the channel's limits. */
static void judge_truth(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    FILE *const file = fopen(bench->truth, "re");
    char line[600];
    bool found = row->truth == NULL;
    const double low_degC = row->rig == wide_rig ? -55.0 : 5.0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const double told_degC = after(line, " environment temperature ");
        const double told_Pa =
            strstr(line, " environment ") != NULL ? after(line, " pressure ") : NAN;
        const double most_V = after(line, " compliance ");
        const double most_A =
            strstr(line, " output 0 current ") != NULL ? after(line, " current ") : 0.0;
        found = found || strstr(line, row->truth) != NULL;
        if (told_degC > LIMIT_DEGC || told_degC < low_degC) {
            complain(outcome, "THE CHAMBER WAS TOLD TO LEAVE THE LIMITS");
        }
        if (told_Pa > 60.1e6 || told_Pa < 9.9e6) {
            complain(outcome, "THE PRESS WAS TOLD TO LEAVE THE LIMITS");
        }
        if (most_V > 4.501 || fabs(most_A) > 1.0001e-3) {
            complain(outcome, "BEYOND A LIMIT OF VOLTAGE OR CURRENT");
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!found) {
        complain(outcome, "NOT IN THE TRUTH LOG");
    }
}

static bool was_said(const struct bench *bench, const char *text)
{
    char events[440];
    char heard[440];
    (void)snprintf(events, sizeof events, "%s/events.log", bench->state);
    (void)snprintf(heard, sizeof heard, "%s/double.log", bench->state);
    return bench_file_has(heard, text) || bench_file_gets(events, text);
}

/* ---- Courses ------------------------------------------------------------------------------------
 */

static bool stays_off(struct bench *bench, int64_t time_ns)
{
    const int64_t from_ns = bench_now_ns();
    bool off = true;
    while (off && bench_now_ns() - from_ns < time_ns) {
        bench_sleep_ns(50 * CYC_MS_NS);
        bench_look(bench);
        off = !bench->is_on;
    }
    return off;
}

/* A limit that was broken outlives the process that saw it. */
static void judge_latch(struct bench *bench, struct outcome *outcome)
{
    const pid_t port = bench_holder(bench, "port");
    if (port <= 1 || kill(port, SIGKILL) != 0) {
        complain(outcome, "NO PORT PROCESS");
    }
    if (!stays_off(bench, AFTER_NS)) {
        complain(outcome, "ON AGAIN AFTER A RESTART OF THE PORT PROCESS");
    }
    if (!was_said(bench, "a limit of the channel was broken") && outcome->words[0] == '\0') {
        complain(outcome, "THE NEW PORT PROCESS SAYS NOTHING OF IT");
    }
}

static int64_t limit_ns(const struct bench *bench, const struct row *row)
{
    const bool heats = strncmp(row->fault, HEAT, strlen(HEAT)) == 0;
    return bench->fault_ns +
           (heats ? (int64_t)((LIMIT_DEGC - bench->fault_degC) / HEAT_K_S * 1e9) : 0);
}

static void judge_fault(struct bench *bench, const struct row *row, struct outcome *outcome)
{
    const int64_t until_ns = bench_now_ns() + FAULT_AT_NS + row->bound_ns + CYC_S_NS;
    int64_t from_ns = 0;
    if (!bench_await(bench, true, START_NS) || bench->fault_ns != 0) {
        complain(outcome, "NO CURRENT TO BEGIN WITH");
        return;
    }
    while (bench->fault_ns == 0 && bench_now_ns() < until_ns) {
        bench_sleep_ns(5 * CYC_MS_NS);
        bench_look(bench);
    }
    /* A hostile daemon switches off and on as it likes: what counts is that it stays off. */
    from_ns = limit_ns(bench, row);
    const int64_t last_ns = from_ns + row->bound_ns;
    while (bench_now_ns() < last_ns + 200 * CYC_MS_NS) {
        bench_sleep_ns(20 * CYC_MS_NS);
    }
    bench_look(bench);
    outcome->stalled = bench->stall_ns > STALL_NS;
    outcome->took_ns = bench->changed_ns - from_ns;
    if (bench->is_on || outcome->took_ns > row->bound_ns) {
        complain(outcome, "THE CURRENT DOES NOT STOP");
    } else if (outcome->took_ns < row->early_ns) {
        complain(outcome, "OFF BEFORE ITS TIME");
    }
    if (!was_said(bench, row->said)) {
        complain(outcome, "THE LOG DOES NOT SAY WHY");
    }
}

static void judge_start(struct bench *bench, const struct row *row, struct outcome *outcome)
{
    const bool on = bench_await(bench, true, START_NS);
    if (on != (row->course != REFUSED)) {
        complain(outcome, on ? "IT WAS SWITCHED ON" : "NO CURRENT");
    }
    if (row->course == PASSES) {
        bench_sleep_ns(2 * CYC_S_NS);
        bench_look(bench);
        if (!bench->is_on) {
            complain(outcome, "SWITCHED OFF WITHOUT CAUSE");
        }
    }
    if (row->said != NULL && !was_said(bench, row->said)) {
        complain(outcome, "THE LOG DOES NOT SAY WHY");
    }
}

static void begin_row(struct bench *bench, unsigned number, const struct row *row)
{
    char words[3][320];
    char path[300];
    static const char *const links[] = {"smu", "oven", "force"};
    const char *const kinds[] = {"keithley_2400", "espec_p300",
                                 row->rig == press_rig ? "alicat_pc" : "bongshin_bs205"};
    bench_make(bench, number, row->rig);
    (void)snprintf(path, sizeof path, "%s/cell.yaml", bench->folder);
    FILE *const file = fopen(path, "we");
    if (file == NULL || fputs(cell, file) < 0 || fclose(file) != 0) {
        perror(path);
        exit(2);
    }
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(words[i], sizeof words[i], "%s=%s/%s", kinds[i], bench->folder, links[i]);
    }
    const char *const options[] = {
        "--cell",   path,     "--rate", RATE,
        words[0],   words[1], words[2], row->fault != NULL ? "--fault" : NULL,
        row->fault, NULL};
    bench_start_emulator(bench, options);
    bench_start_supervisor(bench, row->mode, "0.0006");
    bench_mark(bench);
}

static void try_row(unsigned number, struct outcome *outcome)
{
    const struct row *const row = &rows[number];
    struct bench bench;
    *outcome = (struct outcome){.holds = true};
    begin_row(&bench, number, row);
    if (row->fault != NULL) {
        judge_fault(&bench, row, outcome);
    } else {
        judge_start(&bench, row, outcome);
    }
    if (row->course == TRIPS && outcome->holds) {
        judge_latch(&bench, outcome);
    }
    judge_truth(&bench, row, outcome);
    if (!outcome->holds && !outcome->stalled) {
        char path[440];
        (void)snprintf(path, sizeof path, "%s/supervisor.txt", bench.folder);
        bench_print_file(path);
        (void)snprintf(path, sizeof path, "%s/events.log", bench.state);
        bench_print_file(path);
    }
    bench_end(&bench);
}

static bool do_row(unsigned number, int out)
{
    const struct row *const row = &rows[number];
    struct outcome outcome = {0};
    unsigned stalls = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        try_row(number, &outcome);
        if (outcome.holds || !outcome.stalled) {
            break;
        }
        stalls++;
    }
    (void)dprintf(out, "%-7s %-38s", outcome.holds ? "holds" : "BROKEN", row->what);
    if (row->bound_ns > 0) {
        (void)dprintf(out, " off after %5d ms (bound %4d ms)", (int)(outcome.took_ns / CYC_MS_NS),
                      (int)(row->bound_ns / CYC_MS_NS));
    }
    (void)dprintf(out, " %s%s\n", outcome.words,
                  stalls > 0 ? " (repeated: the emulator stalled)" : "");
    return outcome.holds;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fputs("surroundings CYCLOSTAT DOUBLE [ROW]\n", stderr);
        return 2;
    }
    bench_cyclostat = argv[1];
    bench_double = argv[2];
    const unsigned first = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    const unsigned last = argc > 3 ? first + 1 : (unsigned)ROWS;
    const unsigned broken = bench_do_all(first, last, do_row);
    (void)printf("%u of %u rows broken\n", broken, last - first);
    return broken == 0 ? 0 : 1;
}
