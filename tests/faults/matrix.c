/* What fails, and which layer makes the cell safe then: one line per row.
 *
 *   matrix CYCLOSTAT [ROW]
 *
 * Each row has an emulated instrument, the program's own processes and a run that drives 1 mA. Then
 * one thing fails, and the truth log of the emulator says when the current stopped. Rows that
 * nothing in a computer can bring about are named, and what is left for them.
 *
 * The rows are independent of each other and go side by side, a few at a time. One in which the
 * emulator was late by more than STALL_NS is repeated.
 */
#include "faults/bench.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRASH_NS    CYC_S_NS
#define HANG_NS     (2 * CYC_S_NS)
#define START_NS    (15 * CYC_S_NS) /* until the run drives a current */
#define AFTER_NS    (4 * CYC_S_NS)  /* so long nothing may be switched on again */
#define TRIES       3
#define FAULT_AT    "6s" /* since the emulator's start */
#define FAULT_AT_NS (6 * CYC_S_NS)

static const char rig[] = BENCH_RIG("250 ms", "[2 V, 4.9 V]");

#define YAML_HEAD                                                                                  \
    "cyclostat: 1\n"                                                                               \
    "name: matrix\n"                                                                               \
    "limits: {voltage: [2.1 V, 4.8 V], current: 50 mA}\n"                                          \
    "method:\n"
/* After an interruption it waits for a person … */
static const char charge[] =
    YAML_HEAD "  - {charge: 1 mA, cutoff: [4.5 V, 1 h], after_interruption: hold}\n";
/* … or goes on by itself. */
static const char charge_on[] = YAML_HEAD
    "  - {charge: 1 mA, cutoff: [4.5 V, 1 h], after_interruption: continue, max_gap: 1 h}\n";

#define LUA_HEAD                                                                                   \
    "-- one step, then what the row is about\n"                                                    \
    "protocol { name = 'matrix', limits = { voltage = { '2.1 V', '4.8 V' }, current = '50 mA' } "  \
    "}\n"                                                                                          \
    "local done = charge('1 mA', { cutoff = { '4.5 V', '3 s' } })\n"
static const char lua_loop[] = LUA_HEAD "if done.voltage < q('4.4 V') then while true do end end\n";
static const char lua_steps[] = LUA_HEAD "charge('1 mA', { cutoff = { '4.5 V', '1 h' } })\n";

struct outcome {
    bool holds, stalled;
    int64_t took_ns;
    char words[160];
};

enum target { DAEMON, PORT, SUPERVISOR, SOURCE };
static const char *const targets[] = {"daemon", "port", "supervisor", "source"};

struct row {
    const char *failure, *layer; /* who acts first */
    const char *protocol;        /* NULL: nothing that a test can bring about */
    enum target target;
    int signal;        /* 0: an emulated fault instead */
    const char *fault; /* of the emulator */
    int64_t after_ns;  /* from the beginning of the fault to when the bound counts */
    int64_t bound_ns;
    bool goes_on; /* the run must drive current again by itself; else nothing may */
};

static const struct row rows[] = {
    {"scheduler crash", "lease (its socket closes)", charge_on, DAEMON, SIGKILL, NULL, 0, CRASH_NS,
     true},
    {"scheduler hang", "lease, then the supervisor", charge_on, DAEMON, SIGSTOP, NULL, 0, HANG_NS,
     true},
    {"Lua loop", "the step's own end; no next step: rest, fault", lua_loop, SOURCE, 0, NULL, 0,
     3 * CYC_S_NS + CYC_S_NS, false},
    {"Lua crash", "the step goes on to its end; then rest, fault", lua_steps, SOURCE, SIGKILL, NULL,
     0, 3 * CYC_S_NS + CYC_S_NS, false},
    {"driver crash", "supervisor takes the port", charge, PORT, SIGKILL, NULL, 0, CRASH_NS, false},
    {"driver hang", "supervisor kills it and takes the port", charge, PORT, SIGSTOP, NULL, 0,
     HANG_NS, false},
    {"driver stuck in the kernel (D state)", "the instrument's watchdog, hardware: `safe` says so",
     NULL, PORT, 0, NULL, 0, 0, false},
    {"guard crash", "ports make safe and end", charge, SUPERVISOR, SIGKILL, NULL, 0, CRASH_NS,
     false},
    {"guard hang", "ports make safe and end", charge, SUPERVISOR, SIGSTOP, NULL, 0, HANG_NS, false},
    {"kernel panic, power of the computer", "the instrument's watchdog, hardware", NULL, PORT, 0,
     NULL, 0, 0, false},
    {"cable pulled, then back", "none while it is out; safe once it is back", charge, PORT, 0,
     "unplug:at=" FAULT_AT ",for=2s", 2 * CYC_S_NS, HANG_NS, false},
    {"instrument mute", "port: off, though nothing answers", charge, PORT, 0,
     "mute:at=" FAULT_AT ",for=6s", 0, HANG_NS, false},
    {"instrument deaf, then hears again", "none while it is deaf; safe once it hears", charge, PORT,
     0, "drop:at=" FAULT_AT ",for=4s", 4 * CYC_S_NS, HANG_NS, false},
    {"instrument busy for 1.5 s", "port: off as soon as it listens", charge, PORT, 0,
     "busy:at=" FAULT_AT ",value=1.5,times=1", 0, HANG_NS, false},
    {"instrument reset", "it is off by itself, and stays off", charge_on, PORT, 0,
     "reset:at=" FAULT_AT ",times=1", 0, HANG_NS, false},
    {"its power fails, its output comes back", "port: asked for every 5 s", charge_on, PORT, 0,
     "pon_auto:at=" FAULT_AT ",times=1", 0, 6 * CYC_S_NS, false},
    {"sensor lead off", "port: a limit of the channel", charge, PORT, 0, "sense_off:at=" FAULT_AT,
     0, CRASH_NS, false},
    {"readings are no numbers", "port: cannot be read, twice", charge_on, PORT, 0,
     "nan:at=" FAULT_AT, 0, CRASH_NS, false},
    {"output key pressed", "it is off, and stays off", charge_on, PORT, 0,
     "knob:at=" FAULT_AT ",times=1", 0, CRASH_NS, false},
};
#define ROWS (sizeof rows / sizeof rows[0])

/* ---- Who ---------------------------------------------------------------------------------------
 */

static bool read_file(const char *path, char *text, size_t size)
{
    FILE *const file = fopen(path, "re");
    const size_t count = file != NULL ? fread(text, 1, size - 1, file) : 0;
    text[count] = '\0';
    for (size_t i = 0; i < count; i++) {
        text[i] = text[i] == '\0' ? ' ' : text[i];
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return count > 0;
}

/* The daemon's child that answers for the protocol. */
static pid_t find_source(pid_t daemon)
{
    DIR *const names = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *name; found == 0 && names != NULL && (name = readdir(names)) != NULL;) {
        char path[300];
        char text[600];
        const pid_t pid = (pid_t)strtol(name->d_name, NULL, 10);
        (void)snprintf(path, sizeof path, "/proc/%.20s/stat", name->d_name);
        if (pid <= 1 || !read_file(path, text, sizeof text)) {
            continue;
        }
        const char *const after = strrchr(text, ')');
        const bool ours =
            after != NULL && strlen(after) > 4 && strtol(after + 4, NULL, 10) == daemon;
        (void)snprintf(path, sizeof path, "/proc/%.20s/cmdline", name->d_name);
        found =
            ours && read_file(path, text, sizeof text) && strstr(text, " source") != NULL ? pid : 0;
    }
    if (names != NULL) {
        (void)closedir(names);
    }
    return found;
}

static pid_t find_target(const struct bench *bench, enum target target)
{
    if (target == SUPERVISOR) {
        return bench->supervisor;
    }
    return target == SOURCE ? find_source(bench_holder(bench, "daemon"))
                            : bench_holder(bench, targets[target]);
}

/* ---- One row ------------------------------------------------------------------------------------
 */

static bool begin_row(struct bench *bench, unsigned number, const struct row *row)
{
    const char *options[] = {"keithley_2400", "--cell", "linear", "--pty", NULL, NULL, NULL, NULL};
    bench_make(bench, number, rig);
    options[4] = bench->link;
    if (row->fault != NULL) {
        options[5] = "--fault";
        options[6] = row->fault;
    }
    bench_start_emulator(bench, options);
    bench_start_run(bench, row->protocol, true);
    const int64_t until_ns = bench_now_ns() + START_NS;
    while (!bench->is_on && bench_now_ns() < until_ns) {
        bench_submit(bench);
        bench_look(bench);
        bench_sleep_ns(5 * CYC_MS_NS);
    }
    return bench->is_on && bench->fault_ns == 0;
}

/* When it fails; 0: it could not be brought about. */
static int64_t fail(struct bench *bench, const struct row *row)
{
    if (row->fault != NULL) {
        const int64_t until_ns = bench_now_ns() + FAULT_AT_NS + CYC_S_NS;
        while (bench->fault_ns == 0 && bench_now_ns() < until_ns) {
            bench_sleep_ns(5 * CYC_MS_NS);
            bench_look(bench);
        }
        return bench->fault_ns;
    }
    if (row->signal == 0) {
        return bench->changed_ns; /* the protocol does it by itself */
    }
    const pid_t pid = find_target(bench, row->target);
    const int64_t now_ns = bench_now_ns();
    return pid > 1 && kill(pid, row->signal) == 0 ? now_ns : 0;
}

static bool is_faulted(const struct bench *bench)
{
    const char *const status[] = {bench_cyclostat, "status", "--rig", bench->rig, "--json", NULL};
    char path[400];
    (void)snprintf(path, sizeof path, "%s/out.txt", bench->folder);
    return bench_run(bench, status) == 0 && bench_file_has(path, "\"fault\"");
}

/* The current has stopped; and what then? */
static void judge(struct bench *bench, const struct row *row, int64_t from_ns,
                  struct outcome *outcome)
{
    const int64_t begin_ns = bench->first_off_ns;
    outcome->took_ns = begin_ns - from_ns;
    outcome->holds = begin_ns != 0 && outcome->took_ns <= row->bound_ns;
    if (row->goes_on) {
        const bool again = bench_await(bench, true, START_NS);
        outcome->holds = outcome->holds && again;
        (void)cyc_copy(outcome->words, sizeof outcome->words,
                       again ? "the run goes on by itself" : "THE RUN DOES NOT GO ON");
        return;
    }
    bench_mark_at(bench, begin_ns + 1);
    const int64_t until_ns = bench_now_ns() + AFTER_NS;
    while (bench_now_ns() < until_ns && bench->energised == 0) {
        bench_sleep_ns(50 * CYC_MS_NS);
        bench_look(bench);
    }
    outcome->holds = outcome->holds && bench->energised == 0 && !bench->is_on;
    (void)cyc_copy(outcome->words, sizeof outcome->words,
                   bench->energised == 0 ? "stays off" : "ON AGAIN BY ITSELF");
    if (row->target == SOURCE) {
        const bool faulted = is_faulted(bench);
        const bool early = outcome->took_ns < 2 * CYC_S_NS;
        outcome->holds = outcome->holds && faulted && !early;
        (void)cyc_copy(outcome->words, sizeof outcome->words,
                       early     ? "THE STEP WAS CUT"
                       : faulted ? "rests, then fault"
                                 : "NO FAULT");
    }
}

static void try_row(unsigned number, struct outcome *outcome)
{
    const struct row *const row = &rows[number];
    struct bench bench;
    *outcome = (struct outcome){0};
    (void)cyc_copy(outcome->words, sizeof outcome->words, "NO CURRENT TO BEGIN WITH");
    if (begin_row(&bench, number, row)) {
        const int64_t t_ns = fail(&bench, row);
        const int64_t from_ns = t_ns + row->after_ns;
        (void)cyc_copy(outcome->words, sizeof outcome->words, "THE CURRENT DOES NOT STOP");
        const int64_t until_ns = from_ns + row->bound_ns + CYC_S_NS;
        do {
            bench_sleep_ns(10 * CYC_MS_NS);
            bench_mark_at(&bench, t_ns);
        } while ((bench.first_off_ns == 0 || bench_now_ns() < from_ns) &&
                 bench_now_ns() < until_ns);
        outcome->stalled = bench.stall_ns > STALL_NS;
        if (t_ns != 0 && bench.first_off_ns != 0) {
            judge(&bench, row, from_ns, outcome);
        }
    }
    if (!outcome->holds && !outcome->stalled) {
        char path[440];
        (void)snprintf(path, sizeof path, "%s/run.txt", bench.folder);
        bench_print_file(path);
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
    if (row->protocol == NULL) {
        (void)dprintf(out, "%-7s %-36s %s\n", "no test", row->failure, row->layer);
        return true;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        try_row(number, &outcome);
        if (outcome.holds || !outcome.stalled) {
            break;
        }
        stalls++;
    }
    (void)dprintf(out, "%-7s %-36s off after %5d ms (bound %4d ms) %-26s %s%s\n",
                  outcome.holds ? "holds" : "BROKEN", row->failure,
                  (int)(outcome.took_ns / CYC_MS_NS), (int)(row->bound_ns / CYC_MS_NS),
                  outcome.words, row->layer, stalls > 0 ? " (repeated: the emulator stalled)" : "");
    return outcome.holds;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("matrix CYCLOSTAT [ROW]\n", stderr);
        return 2;
    }
    bench_cyclostat = argv[1];
    const unsigned first = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    const unsigned last = argc > 2 ? first + 1 : (unsigned)ROWS;
    const unsigned broken = bench_do_all(first, last, do_row);
    (void)printf("%u of %u rows broken\n", broken, last - first);
    return broken == 0 ? 0 : 1;
}
