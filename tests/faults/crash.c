/* Live runs whose host is killed at random moments, again and again, while emulated instruments go
 * on in real time.
 *
 *   rig (a process each)      emulator with 4 instruments and cells, one daemon, 4 runs at once;
 *                             two kills of the daemon, then one of the supervisor with all it has
 *                             started, and so on, at moments drawn by seed
 *   reference                 one run of the same protocol, left alone
 *
 * One kill interrupts four runs, each somewhere else in its protocol: four points. At each the
 * daemon is stopped for a moment, so that file and journal are of one instant, and what they hold
 * is kept. In the end:
 *
 *   - every whole row that was there at a kill is there, byte for byte; record indices are
 *     1, 2, 3 … without a hole; every completed step is as it was
 *   - each interruption is a gap in the journal, gone on with by itself
 *   - steps, and what ended them, are those of the reference
 *   - the net charge of each step, from the end of the one before to its own, is what really went
 *     through the cell meanwhile, as the emulator's truth log has it: within one sample at full
 *     current, however often the daemon was killed in it; where all was killed, within what those
 *     gap records bound
 *   - each end of a step comes to the same when it is decided again; in every other run every event
 *     of its trace does, over all kills
 *   - what each gap record estimates is what really went through the cell in the gap, within its
 *     bound
 *
 * Rows are synced every 10 s on the first rig, so that much has to be made again, and every 0.4 s
 * on the second, where a gap that nobody saw is bounded more tightly.
 *
 *   crash CYCLOSTAT POINTS [SEED]
 */
#include "device/port.h"
#include "faults/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIGS       2
#define CHANNELS   4
#define RATE       20.0
#define POLL_S     0.2
#define ONE_C_A    2.5e-3
#define SAMPLE_AH  (POLL_S * RATE * ONE_C_A / 3600)
#define STEPS_MAX  4096
#define SHARES_MAX 1024
#define CLOCKS_AH                                                                                  \
    (SAMPLE_AH / 100) /* what two processes differ in when they say what time it is                \
                       */
#define PATIENCE_NS (20 * CYC_S_NS)

struct text {
    char *bytes;
    size_t size;
};

struct run {
    char data[700], journal[700];
    struct text *rows, *steps; /* at each kill */
};

struct crash {
    struct bench bench;
    unsigned number, channels, kills, seed;
    struct run runs[CHANNELS];
    int64_t slowest_ns; /* from a kill to the last verdict */
    double worst_Ah, plain_Ah;
    unsigned interrupted_steps;
    double shares[SHARES_MAX]; /* of what is allowed, by interrupted step, */
    bool is_seen[SHARES_MAX];  /* of which only the daemon was killed */
    unsigned gaps;
    double worst_gap; /* share of its bound, or of a hundredth of a sample */
};

#define GO_ON "after_interruption: continue, max_gap: 1 h"

static const char *const cell_text =
    "cyclostat_cell: 1\nname: small\nsource: invented, for tests\n"
    "cell: {one_c: 2.5 mA, nominal_capacity: 20 mAh}\n" /* time runs faster than outages do */
    "model:\n  kind: linear\n  capacity: 1 mAh\n  initial_soc: 50 %\n"
    "  ocv: {from: 3.0 V, to: 4.2 V}\n  parameters: {R0: 20}\n";
static const char *const protocol_text =
    "cyclostat: 1\nname: crash\nlimits: {voltage: [2.4 V, 4.5 V], current: 3 C}\n"
    "cutoff: [voltage < 2.5 V, voltage > 4.4 V]\nrecord: {every: 4 s}\n"
    "method:\n"
    "  - cycles: %u\n    id: main\n    steps:\n"
    "      - {charge: 1 C, cutoff: 20 s, " GO_ON "}\n"
    "      - {charge: 0.8 C, hold: 3.67 V, cutoff: [0.1 C, 24 s], " GO_ON "}\n"
    "      - {rest: 6 s, " GO_ON "}\n"
    "      - {discharge: 1 C, cutoff: voltage < 3.55 V, " GO_ON "}\n";

/* ---- Small things ---------------------------------------------------------------------------- */

static void fail(const struct crash *crash, const char *what, const char *more)
{
    printf("crash: rig %u, seed %u: %s%s%s\n", crash->number, crash->seed, what,
           more != NULL ? ": " : "", more != NULL ? more : "");
    printf("       what it left lies in %s\n", crash->bench.folder);
    (void)fflush(stdout);
    struct bench bench = crash->bench;
    bench_kill_all(&bench);
    (void)kill(bench.emulator, SIGKILL);
    _exit(1);
}

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *const file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        exit(2);
    }
}

static struct text read_file(const char *path)
{
    struct text text = {0};
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0) {
        text.bytes = malloc((size_t)status.st_size + 1);
        const ssize_t got = text.bytes != NULL ? read(fd, text.bytes, (size_t)status.st_size) : -1;
        text.size = got > 0 ? (size_t)got : 0;
    }
    if (text.bytes != NULL) {
        text.bytes[text.size] = '\0';
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return text;
}

/* All that a question to a journal answers, as lines. */
static struct text ask(const struct run *run, const char *question)
{
    struct cyc_text answer = {0};
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    cyc_text_append(&answer, "");
    (void)sqlite3_open_v2(run->journal, &db, SQLITE_OPEN_READONLY, NULL);
    (void)sqlite3_busy_timeout(db, 2000);
    if (sqlite3_prepare_v2(db, question, -1, &statement, NULL) == SQLITE_OK) {
        while (sqlite3_step(statement) == SQLITE_ROW) {
            for (int i = 0; i < sqlite3_column_count(statement); i++) {
                const char *const value = (const char *)sqlite3_column_text(statement, i);
                cyc_text_format(&answer, "%s%s", i > 0 ? " " : "", value != NULL ? value : "-");
            }
            cyc_text_append(&answer, "\n");
        }
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return (struct text){answer.data, answer.length};
}

static double ask_number(const struct run *run, const char *question)
{
    const struct text text = ask(run, question);
    double value = 0;
    size_t used;
    (void)(text.size > 0 && cyc_number_parse(text.bytes, text.size, &value, &used));
    free(text.bytes);
    return value;
}

/* ---- A rig ----------------------------------------------------------------------------------- */

static void make_rig(struct crash *crash, unsigned cycles)
{
    struct cyc_text rig = {0};
    char protocol[1200];
    cyc_text_format(&rig, "cyclostat_rig: 1\nname: crash\ninstitution: LAB\nsync: %s\nports:\n",
                    crash->number == 2 ? "400 ms" : "10 s");
    bench_make(&crash->bench, crash->number, "");
    for (unsigned i = 0; i < crash->channels; i++) {
        cyc_text_format(&rig, "  p%u: {address: %s/smu%u, baud: 57600}\n", i, crash->bench.folder,
                        i);
    }
    cyc_text_append(&rig, "instruments:\n");
    for (unsigned i = 0; i < crash->channels; i++) {
        cyc_text_format(&rig,
                        "  smu%u: {driver: keithley_2400, port: p%u, poll: 200 ms, "
                        "accept: no_watchdog}\n",
                        i, i);
    }
    cyc_text_append(&rig, "channels:\n");
    for (unsigned i = 0; i < crash->channels; i++) {
        cyc_text_format(
            &rig, "  A%u: {cycler: smu%u, limits: {voltage: [2 V, 5 V], current: 50 mA}}\n", i, i);
    }
    write_file(crash->bench.folder, "rig.yaml", cyc_text_get(&rig));
    cyc_text_release(&rig);
    write_file(crash->bench.folder, "cell.yaml", cell_text);
    (void)snprintf(protocol, sizeof protocol, protocol_text, cycles);
    write_file(crash->bench.folder, "protocol.yaml", protocol);
}

static void start_emulator(struct crash *crash)
{
    static char cell[400], places[CHANNELS][400];
    const char *options[24] = {"--rate", "20"};
    unsigned count = 2;
    (void)snprintf(cell, sizeof cell, "%s/cell.yaml", crash->bench.folder);
    for (unsigned i = 0; i < crash->channels; i++) {
        options[count++] = "--cell";
        options[count++] = cell;
    }
    for (unsigned i = 0; i < crash->channels; i++) {
        (void)snprintf(places[i], sizeof places[i], "keithley_2400[serial=%u]=%s/smu%u", 1000 + i,
                       crash->bench.folder, i);
        options[count++] = places[i];
    }
    bench_start_emulator(&crash->bench, options);
}

/* As the program finds it, so that those who speak to the daemon do too. */
static void use_state_folder(struct crash *crash)
{
    struct cyc_err err = {0};
    (void)setenv("CYCLOSTAT_STATE", crash->bench.state, 1);
    if (cyc_state_dir(crash->bench.rig, crash->bench.state, sizeof crash->bench.state, &err) !=
        CYC_OK) {
        fail(crash, err.text, NULL);
    }
}

/* Supervisor and all below it; a client that finds no daemon would start another one. */
static void start_host(struct crash *crash)
{
    char path[420];
    const int64_t until_ns = bench_now_ns() + PATIENCE_NS;
    (void)snprintf(path, sizeof path, "%s/daemon.sock", crash->bench.state);
    (void)unlink(path);
    bench_start_program(&crash->bench, "--rate", "20");
    while (access(path, F_OK) != 0) {
        if (bench_now_ns() > until_ns) {
            fail(crash, "no daemon has come", NULL);
        }
        bench_sleep_ns(10 * CYC_MS_NS);
    }
}

/* Every other run is decided again from its whole trace, the rest from what is kept without. */
static bool is_traced(unsigned channel)
{
    return channel % 2 == 1;
}

static void start_run(struct crash *crash, unsigned channel)
{
    char protocol[400], cell[400], name[8], runs[400], pattern[420];
    glob_t found = {0};
    struct run *const run = &crash->runs[channel];
    (void)snprintf(protocol, sizeof protocol, "%s/protocol.yaml", crash->bench.folder);
    (void)snprintf(cell, sizeof cell, "%s/cell.yaml", crash->bench.folder);
    (void)snprintf(runs, sizeof runs, "%s/runs%u", crash->bench.folder, channel);
    (void)snprintf(name, sizeof name, "A%u", channel);
    const char *const arguments[] = {bench_cyclostat,
                                     "run",
                                     protocol,
                                     "--rig",
                                     crash->bench.rig,
                                     "--channel",
                                     name,
                                     "--cell",
                                     cell,
                                     "--runs",
                                     runs,
                                     "--rate",
                                     "20",
                                     "--detach",
                                     is_traced(channel) ? "--trace" : NULL,
                                     NULL};
    if (bench_run(&crash->bench, arguments) != 0) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/out.txt", crash->bench.folder);
        bench_print_file(path);
        fail(crash, "a run was not started", name);
    }
    (void)snprintf(pattern, sizeof pattern, "%s/2*/*.bdf.csv", runs);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1) {
        fail(crash, "there is no data file", pattern);
    }
    (void)snprintf(run->data, sizeof run->data, "%s", found.gl_pathv[0]);
    const char *const slash = strrchr(found.gl_pathv[0], '/');
    (void)snprintf(run->journal, sizeof run->journal, "%.*s/journal.sqlite",
                   (int)(slash - found.gl_pathv[0]), found.gl_pathv[0]);
    globfree(&found);
    run->rows = calloc(crash->kills + 1, sizeof *run->rows);
    run->steps = calloc(crash->kills + 1, sizeof *run->steps);
}

/* ---- Killing --------------------------------------------------------------------------------- */

static const char *const ended_steps = "SELECT * FROM step WHERE end_ns IS NOT NULL ORDER BY count";

static void keep(struct crash *crash, unsigned kill_number)
{
    for (unsigned i = 0; i < crash->channels; i++) {
        struct run *const run = &crash->runs[i];
        run->rows[kill_number] = read_file(run->data);
        run->steps[kill_number] = ask(run, ended_steps);
    }
}

/* Until every run has as many gaps as there were kills, each gone on with. */
static void await_return(struct crash *crash, unsigned gaps, int64_t since_ns)
{
    char count[32];
    (void)snprintf(count, sizeof count, "%u continue\n", gaps);
    for (unsigned i = 0; i < crash->channels; i++) {
        for (;;) {
            struct text text = ask(&crash->runs[i], "SELECT count(*), (SELECT verdict FROM gap "
                                                    "ORDER BY id DESC) FROM gap");
            const bool there = strcmp(text.bytes, count) == 0;
            if (!there &&
                (strstr(text.bytes, "hold") != NULL || bench_now_ns() - since_ns > PATIENCE_NS)) {
                char what[100];
                (void)snprintf(what, sizeof what, "kill %u: channel A%u did not go on", gaps, i);
                fail(crash, what, text.bytes);
            }
            free(text.bytes);
            if (there) {
                break;
            }
            bench_sleep_ns(20 * CYC_MS_NS);
        }
    }
    const int64_t took_ns = bench_now_ns() - since_ns;
    crash->slowest_ns = took_ns > crash->slowest_ns ? took_ns : crash->slowest_ns;
}

static void kill_once(struct crash *crash, unsigned kill_number, unsigned *seed)
{
    bench_sleep_ns((250 + draw(seed, 800)) * CYC_MS_NS);
    const pid_t daemon = bench_holder(&crash->bench, "daemon");
    if (daemon <= 1 || kill(daemon, SIGSTOP) != 0) {
        fail(crash, "there is no daemon to kill", NULL);
    }
    keep(crash, kill_number);
    const int64_t since_ns = bench_now_ns();
    if (kill_number % 3 != 2) {
        (void)kill(daemon, SIGKILL);
    } else { /* a daemon is not started for ever: all of it anew */
        (void)kill(crash->bench.supervisor, SIGKILL);
        (void)kill(daemon, SIGKILL);
        (void)waitpid(crash->bench.supervisor, NULL, 0);
        bench_sleep_ns(CYC_S_NS + draw(seed, 200) * CYC_MS_NS);
        start_host(crash);
    }
    await_return(crash, kill_number + 1, since_ns);
}

static void await_end(struct crash *crash)
{
    const int64_t since_ns = bench_now_ns();
    for (unsigned i = 0; i < crash->channels; i++) {
        for (;;) {
            struct text end = ask(&crash->runs[i], "SELECT outcome, why FROM run");
            const bool ended = end.bytes[0] != '-';
            if (ended && strncmp(end.bytes, "done", 4) != 0) {
                fail(crash, "a run ended otherwise", end.bytes);
            }
            free(end.bytes);
            if (ended) {
                break;
            }
            if (bench_now_ns() - since_ns > 6 * PATIENCE_NS) {
                fail(crash, "a run did not end", NULL);
            }
            bench_sleep_ns(100 * CYC_MS_NS);
        }
    }
}

/* ---- Judging: rows and steps ------------------------------------------------------------------
 */

static bool begins_with(const struct text *text, const char *bytes, size_t size)
{
    return size <= text->size && (size == 0 || memcmp(text->bytes, bytes, size) == 0);
}

static void judge_rows(const struct crash *crash, const struct run *run)
{
    const struct text now = read_file(run->data);
    const struct text steps = ask(run, ended_steps);
    for (unsigned i = 0; i < crash->kills; i++) {
        const struct text *const rows = &run->rows[i];
        const char *const last = memrchr(rows->bytes, '\n', rows->size);
        const size_t whole = last != NULL ? (size_t)(last - rows->bytes) + 1 : 0;
        if (!begins_with(&now, rows->bytes, whole)) {
            fail(crash, "rows from before a kill were changed", run->data);
        }
        if (!begins_with(&steps, run->steps[i].bytes, run->steps[i].size)) {
            fail(crash, "completed steps were changed", run->journal);
        }
    }
    unsigned long index = 0;
    for (char *line = strchr(now.bytes, '\n'); line != NULL && line[1] != '\0';
         line = strchr(line + 1, '\n')) {
        const char *field = line + 1;
        for (unsigned i = 0; i < 10; i++) {
            field = strchr(field, ',') + 1;
        }
        if (strtoul(field, NULL, 10) != ++index) {
            fail(crash, "a record is missing or doubled", run->data);
        }
    }
    if ((double)index < ask_number(run, "SELECT row_count FROM mark")) {
        fail(crash, "acknowledged rows are missing", run->data);
    }
    free(now.bytes);
    free(steps.bytes);
}

/* ---- Judging: charge --------------------------------------------------------------------------
 */

struct truth {
    unsigned count;
    int64_t t_ns[STEPS_MAX];
    double charge_Ah[STEPS_MAX];
};

static double number_after(const char *line, const char *word)
{
    double value = 0;
    size_t used;
    const char *const at = strstr(line, word);
    if (at != NULL) {
        (void)cyc_number_parse(at + strlen(word), strlen(at + strlen(word)), &value, &used);
    }
    return value;
}

static void read_truth(const struct crash *crash, unsigned cell, struct truth *truth)
{
    FILE *const file = fopen(crash->bench.truth, "re");
    char line[600], who[32];
    (void)snprintf(who, sizeof who, " cell%u charge ", cell);
    truth->count = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, who) != NULL && truth->count < STEPS_MAX) {
            truth->t_ns[truth->count] = strtoll(line, NULL, 10);
            truth->charge_Ah[truth->count++] = number_after(line, " charge ");
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

/* Between two lines the current was one and the same, or that of a hold in a stretch so short that
 * a chord is close to it. */
static double charge_at(const struct truth *truth, int64_t t_ns)
{
    unsigned i = 0;
    while (i + 1 < truth->count && truth->t_ns[i + 1] <= t_ns) {
        i++;
    }
    if (i + 1 >= truth->count || t_ns < truth->t_ns[i]) {
        return truth->charge_Ah[i];
    }
    const double share =
        (double)(t_ns - truth->t_ns[i]) / (double)(truth->t_ns[i + 1] - truth->t_ns[i]);
    return truth->charge_Ah[i] + share * (truth->charge_Ah[i + 1] - truth->charge_Ah[i]);
}

static int64_t host_time(const char *host, const char *name)
{
    const char *const at = strstr(host, name);
    return at != NULL ? strtoll(at + strlen(name), NULL, 10) : 0;
}

struct judged {
    struct crash *crash;
    const struct run *run;
    const struct truth *truth;
    int64_t boot_ns, time_ns;
    int64_t from_ns; /* run time up to which steps have been judged */
};

static double charge_of(const struct judged *judged, int64_t from_ns, int64_t to_ns)
{
    const int64_t begin_ns =
        judged->boot_ns + (int64_t)((double)(from_ns - judged->time_ns) / RATE);
    const int64_t end_ns = judged->boot_ns + (int64_t)((double)(to_ns - judged->time_ns) / RATE);
    return charge_at(judged->truth, end_ns) - charge_at(judged->truth, begin_ns);
}

/* Next number of a line; *at goes behind it. */
static double take(const char **at)
{
    double value = 0;
    size_t used = 0;
    *at += strspn(*at, " ");
    (void)cyc_number_parse(*at, strcspn(*at, " \n"), &value, &used);
    *at += used;
    return value;
}

static int64_t take_ns(const char **at)
{
    char *end = NULL;
    const int64_t t_ns = strtoll(*at, &end, 10);
    *at = end;
    return t_ns;
}

static void judge_step(struct judged *judged, const char *row)
{
    struct crash *const crash = judged->crash;
    const char *at = row;
    const long count = (long)take(&at);
    const int64_t end_ns = take_ns(&at);
    const long seen = (long)take(&at), unseen = (long)take(&at), gaps = seen + unseen;
    const double bound_Ah = take(&at), net_Ah = take(&at);
    const double true_Ah = charge_of(judged, judged->from_ns, end_ns);
    const double off_Ah = fabs(net_Ah - true_Ah);
    const double allowed_Ah = bound_Ah + SAMPLE_AH;
    judged->from_ns = end_ns;
    if (gaps == 0) {
        crash->plain_Ah = off_Ah > crash->plain_Ah ? off_Ah : crash->plain_Ah;
    } else if (crash->interrupted_steps < SHARES_MAX) {
        crash->is_seen[crash->interrupted_steps] = unseen == 0;
        crash->shares[crash->interrupted_steps++] = off_Ah / allowed_Ah;
        crash->worst_Ah = off_Ah > crash->worst_Ah ? off_Ah : crash->worst_Ah;
    }
    if (!(off_Ah <= allowed_Ah)) {
        char what[300];
        (void)snprintf(what, sizeof what,
                       "step %ld with %ld gaps: %.4g Ah in the journal, %.4g Ah in truth, %.2g Ah "
                       "allowed",
                       count, gaps, net_Ah, true_Ah, allowed_Ah);
        fail(crash, what, judged->run->journal);
    }
}

static void judge_gap(const struct judged *judged, const char *row)
{
    struct crash *const crash = judged->crash;
    const char *at = row;
    (void)take(&at); /* its number */
    const int64_t start_ns = take_ns(&at), end_ns = take_ns(&at);
    const double estimate_Ah = take(&at), bound_Ah = take(&at);
    const double true_Ah = charge_of(judged, start_ns, end_ns);
    const double off_Ah = fabs(estimate_Ah - true_Ah);
    const double share = off_Ah / (bound_Ah + CLOCKS_AH);
    crash->gaps++;
    crash->worst_gap = share > crash->worst_gap ? share : crash->worst_gap;
    if (!(share <= 1)) {
        fail(crash, "the charge of a gap is beyond its bound", judged->run->journal);
    }
}

static const char *next_line(const char *row)
{
    const char *const end = strchr(row, '\n');
    return end != NULL ? end + 1 : row + strlen(row);
}

/* What passes between two steps is the next one's. */
#define IN_STEP                                                                                    \
    "gap.end_ns <= step.end_ns AND gap.end_ns > (SELECT total(end_ns) FROM step AS before "        \
    "WHERE before.count = step.count - 1)"

/* Each third kill took all processes: only what those gaps bound widens what is allowed. */
static void judge_charge(struct crash *crash, unsigned channel)
{
    static struct truth truth;
    const struct run *const run = &crash->runs[channel];
    const struct text host = ask(run, "SELECT host FROM mark");
    const struct text steps =
        ask(run,
            "SELECT count, end_ns,"
            " (SELECT count(*) FROM gap WHERE " IN_STEP " AND id % 3 <> 0),"
            " (SELECT count(*) FROM gap WHERE " IN_STEP " AND id % 3 = 0),"
            " printf('%.12g', (SELECT total(bound_Ah) FROM gap WHERE " IN_STEP "  AND id % 3 = 0)),"
            " printf('%.12g', charge_Ah - discharge_Ah) FROM step ORDER BY count");
    const struct text gaps = ask(run, "SELECT id, start_ns, end_ns, printf('%.12g', estimate_Ah),"
                                      " printf('%.12g', bound_Ah) FROM gap ORDER BY id");
    struct judged judged = {.crash = crash,
                            .run = run,
                            .truth = &truth,
                            .boot_ns = host_time(host.bytes, "boot_ns "),
                            .time_ns = host_time(host.bytes, "time_ns ")};
    read_truth(crash, channel, &truth);
    for (const char *row = gaps.bytes; row != NULL && row[0] != '\0'; row = next_line(row)) {
        judge_gap(&judged, row);
    }
    for (const char *row = steps.bytes; row != NULL && row[0] != '\0'; row = next_line(row)) {
        judge_step(&judged, row);
    }
    free(host.bytes);
    free(steps.bytes);
    free(gaps.bytes);
}

/* ---- Judging: each end of a step, or each event, decided again -------------------------------
 */

static void judge_ends(const struct crash *crash, unsigned channel)
{
    char runs[400], path[400];
    (void)snprintf(runs, sizeof runs, "%s/runs%u", crash->bench.folder, channel);
    (void)snprintf(path, sizeof path, "%s/out.txt", crash->bench.folder);
    const char *const arguments[] = {bench_cyclostat, "replay", "last", "--runs", runs, NULL};
    const bool same = bench_run(&crash->bench, arguments) == 0 &&
                      ask_number(&crash->runs[channel],
                                 "SELECT count(*) = (SELECT count(*) FROM ending) FROM step") > 0;
    const struct text said = read_file(path);
    const bool whole = memmem(said.bytes, said.size, " events, ", 9) != NULL;
    if (!same || whole != is_traced(channel)) {
        bench_print_file(path);
        fail(crash, "decided again, it goes otherwise", runs);
    }
    free(said.bytes);
}

/* ---- Together ---------------------------------------------------------------------------------
 */

/* What came of a run, for comparing with others: into <base>/<name>. */
static void leave_steps(const struct run *run, const char *base, const char *name)
{
    const struct text steps =
        ask(run, "SELECT step.count, step_id, cycle_number, reason, action, fault FROM step JOIN "
                 "definition ON definition.id = definition ORDER BY count");
    write_file(base, name, steps.bytes);
    free(steps.bytes);
}

static void leave_shares(const struct crash *crash, const char *base, const char *name)
{
    struct cyc_text text = {0};
    cyc_text_append(&text, "");
    for (unsigned i = 0; i < crash->interrupted_steps; i++) {
        cyc_text_format(&text, "%d %.6f\n", crash->is_seen[i] ? 1 : 0, crash->shares[i]);
    }
    write_file(base, name, cyc_text_get(&text));
    cyc_text_release(&text);
}

static int by_value(const void *a, const void *b)
{
    const double first = *(const double *)a, second = *(const double *)b;
    return first < second ? -1 : first > second;
}

/* How far off the charge of interrupted steps was, of all rigs; only of those that are `seen`, or
 * that are not. */
static void print_shares(const char *base, bool seen, const char *allowed)
{
    static double shares[RIGS * SHARES_MAX];
    unsigned count = 0;
    for (unsigned rig = 0; rig <= RIGS; rig++) {
        char path[600];
        (void)snprintf(path, sizeof path, "%s/shares.%u", base, rig);
        const struct text text = read_file(path);
        const char *at = text.bytes;
        while (at != NULL && at < text.bytes + text.size && count < RIGS * SHARES_MAX) {
            const bool is_seen = take(&at) > 0;
            shares[count] = take(&at);
            count += is_seen == seen ? 1 : 0;
            at++;
        }
        free(text.bytes);
    }
    qsort(shares, count, sizeof shares[0], by_value);
    if (count > 0) {
        printf("charge of %u interrupted steps, as a share of %s: p50 %.1f %%, p99 %.1f %%, max "
               "%.1f %%\n",
               count, allowed, 100 * shares[count / 2], 100 * shares[(count * 99 - 1) / 100],
               100 * shares[count - 1]);
    }
}

static void run_rig(struct crash *crash, unsigned cycles, const char *base)
{
    unsigned seed = crash->seed + 7919 * crash->number;
    char name[32];
    make_rig(crash, cycles);
    start_emulator(crash);
    use_state_folder(crash);
    start_host(crash);
    for (unsigned i = 0; i < crash->channels; i++) {
        start_run(crash, i);
        bench_sleep_ns(draw(&seed, 400) * CYC_MS_NS); /* each elsewhere in its protocol */
    }
    for (unsigned i = 0; i < crash->kills; i++) {
        kill_once(crash, i, &seed);
    }
    await_end(crash);
    bench_sleep_ns(300 * CYC_MS_NS);
    for (unsigned i = 0; i < crash->channels; i++) {
        judge_rows(crash, &crash->runs[i]);
        judge_charge(crash, i);
        judge_ends(crash, i);
        (void)snprintf(name, sizeof name, "steps.%u.%u", crash->number, i);
        leave_steps(&crash->runs[i], base, name);
    }
    (void)snprintf(name, sizeof name, "shares.%u", crash->number);
    leave_shares(crash, base, name);
    printf("rig %u: %u kills of %u runs; charge of %u interrupted steps off by %.3g µAh at most "
           "(others: %.3g µAh, a sample is %.3g µAh); %u gaps off by %.0f %% of their bound at "
           "most; resumed in %.2f s at most\n",
           crash->number, crash->kills, crash->channels, crash->interrupted_steps,
           crash->worst_Ah * 1e6, crash->plain_Ah * 1e6, SAMPLE_AH * 1e6, crash->gaps,
           100 * crash->worst_gap, (double)crash->slowest_ns / 1e9);
    (void)fflush(stdout);
    bench_end(&crash->bench);
}

static int compare(const char *base)
{
    char path[600];
    int different = 0;
    (void)snprintf(path, sizeof path, "%s/steps.0.0", base);
    const struct text reference = read_file(path);
    for (unsigned rig = 0; rig <= RIGS; rig++) {
        char shares[600];
        (void)snprintf(shares, sizeof shares, "%s/shares.%u", base, rig);
        (void)unlink(shares);
    }
    for (unsigned rig = 1; rig <= RIGS; rig++) {
        for (unsigned i = 0; i < CHANNELS; i++) {
            (void)snprintf(path, sizeof path, "%s/steps.%u.%u", base, rig, i);
            const struct text steps = read_file(path);
            if (steps.size == 0 || steps.size != reference.size ||
                memcmp(steps.bytes, reference.bytes, steps.size) != 0) {
                printf("crash: rig %u, channel A%u came to other steps or ends than a run that was "
                       "left alone\n",
                       rig, i);
                different = 1;
            }
            (void)unlink(path);
            free(steps.bytes);
        }
    }
    (void)snprintf(path, sizeof path, "%s/steps.0.0", base);
    (void)unlink(path);
    (void)rmdir(base);
    free(reference.bytes);
    return different;
}

int main(int argc, char **argv)
{
    char base[300];
    int bad = 0, how = 0;
    bench_cyclostat = argc > 1 ? argv[1] : "";
    const unsigned points = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 200;
    const unsigned seed = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
    const unsigned kills = (points + RIGS * CHANNELS - 1) / (RIGS * CHANNELS);
    const unsigned cycles = 2 + kills / 3;
    (void)snprintf(base, sizeof base, "%s/cyc-crash-XXXXXX",
                   getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(base) == NULL) {
        perror("mkdtemp");
        return 2;
    }
    for (unsigned rig = 0; rig <= RIGS; rig++) {
        if (fork() == 0) {
            static struct crash crash;
            crash = (struct crash){.number = rig,
                                   .channels = rig == 0 ? 1 : CHANNELS,
                                   .kills = rig == 0 ? 0 : kills,
                                   .seed = seed};
            run_rig(&crash, cycles, base);
            _exit(0);
        }
    }
    while (wait(&how) > 0) {
        bad |= how != 0;
    }
    print_shares(base, true, "one sample (daemon killed)");
    print_shares(base, false, "what gaps bound (all killed)");
    bad |= compare(base);
    printf("seed %u: %u interruptions, %u kills on each of %u rigs: %s\n", seed,
           kills * RIGS * CHANNELS, kills, RIGS, bad != 0 ? "not well" : "all well");
    return bad != 0 ? 1 : 0;
}
