/* What a port process and a supervisor owe their masters, and what they do not put up with.
 *
 *   masters CYCLOSTAT DOUBLE
 *
 *   readings     are numbered, kept until they are confirmed, and sent again as they were
 *   restarts     three in ten minutes; then that process stays down, safe, and `status` says so
 *   a flood      of calls does not fill the log
 *   proof        kills a port process and is told that the output was made safe
 */
#include "faults/bench.h"

#include "device/port.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS (5 * CYC_S_NS)
#define KEPT_MAX    200
#define RING        71 /* readings of a minute at one in ten seconds, 64, and one */
#define RESTARTS    3
#define LINES_MAX   60 /* 20 of each kind in ten seconds, and what the supervisor says itself */

static const char rig[] = BENCH_RIG("10 s", "[2 V, 4.9 V]");

static const char fast_rig[] = BENCH_RIG("250 ms", "[2 V, 4.9 V]");

static const char protocol[] =
    "cyclostat: 1\n"
    "name: masters\n"
    "limits: {voltage: [2.1 V, 4.8 V], current: 50 mA}\n"
    "method:\n"
    "  - {charge: 1 mA, cutoff: [4.5 V, 1 h], after_interruption: continue, max_gap: 1 h}\n";

static unsigned broken;

static void expect(bool holds, const char *what)
{
    (void)printf("%-7s %s\n", holds ? "holds" : "BROKEN", what);
    (void)fflush(stdout);
    broken += !holds;
}

static void begin(struct bench *bench, unsigned number, const char *text)
{
    const char *options[] = {"keithley_2400", "--cell", "linear", "--pty", NULL, NULL};
    bench_make(bench, number, text);
    options[4] = bench->link;
    bench_start_emulator(bench, options);
}

/* ---- Readings
 * ------------------------------------------------------------------------------------
 */

struct master {
    int fd;
    char hash[65];
    const char *state;
    uint64_t oldest;                             /* as WELCOME says */
    int64_t asked_ns;                            /* when readings were last asked for again */
    struct cyc_message heard[CYC_MESSAGE_BATCH]; /* of one datagram */
    unsigned taken, count;
};

static void say(const struct master *master, enum cyc_message_kind kind, uint64_t number)
{
    struct cyc_message message = {.kind = kind,
                                  .channel = 0,
                                  .instrument = -1,
                                  .number = number,
                                  .t_ns = bench_now_ns(),
                                  .index = CYC_MESSAGE_VERSION};
    (void)cyc_copy(message.text, sizeof message.text, master->hash);
    (void)cyc_message_send(master->fd, &message, -1, NULL);
}

/* The next message, of whatever kind; status as of cyc_message_receive(). */
static int next(struct master *master, struct cyc_message *message)
{
    if (master->taken == master->count) {
        unsigned count = 0;
        const int status = cyc_message_receive_many(master->fd, master->heard, &count, NULL);
        if (status != CYC_OK) {
            return status;
        }
        master->taken = 0;
        master->count = count;
    }
    *message = master->heard[master->taken++];
    return CYC_OK;
}

/* The next message of this kind; false: none within the time. */
static bool hear(struct master *master, enum cyc_message_kind kind, int64_t time_ns,
                 struct cyc_message *message)
{
    const int64_t until_ns = bench_now_ns() + time_ns;
    while (bench_now_ns() < until_ns) {
        const int status = next(master, message);
        if (status == CYC_OK && message->kind == kind) {
            return true;
        }
        if (status == CYC_E_LOST) {
            return false;
        }
        if (status == CYC_E_TIMEOUT) {
            struct pollfd news = {.fd = master->fd, .events = POLLIN};
            (void)poll(&news, 1, 20);
        }
    }
    return false;
}

static bool greet(struct master *master)
{
    struct cyc_message welcome;
    master->taken = master->count = 0;
    const int64_t until_ns = bench_now_ns() + PATIENCE_NS;
    while (cyc_message_connect(master->state, "port-smu.sock", &master->fd, NULL) != CYC_OK) {
        if (bench_now_ns() > until_ns) {
            return false;
        }
        bench_sleep_ns(20 * CYC_MS_NS);
    }
    say(master, CYC_MESSAGE_HELLO, 0);
    if (!hear(master, CYC_MESSAGE_WELCOME, PATIENCE_NS, &welcome)) {
        return false;
    }
    master->oldest = welcome.number;
    return welcome.status == CYC_OK;
}

/* What is under way is heard first, so that nothing but what is asked for comes then. */
static void ask_again(struct master *master, uint64_t number)
{
    struct cyc_message reading;
    while (hear(master, CYC_MESSAGE_READING, CYC_S_NS / 5, &reading)) {
    }
    master->asked_ns = bench_now_ns();
    say(master, CYC_MESSAGE_RESEND, number);
}

/* Each arming measures once: readings without waiting for the grid. */
static unsigned collect(struct master *master, unsigned count, struct cyc_message *kept)
{
    unsigned got = 0;
    for (unsigned i = 0; i < count; i++) {
        struct cyc_message armed;
        say(master, CYC_MESSAGE_LEASE, 0);
        say(master, CYC_MESSAGE_ARM, 0);
        if (hear(master, CYC_MESSAGE_ARMED, PATIENCE_NS, &armed) && armed.status != CYC_OK) {
            (void)fprintf(stderr, "not armed: %s\n", armed.text);
        }
    }
    ask_again(master, 0);
    while (got < KEPT_MAX && hear(master, CYC_MESSAGE_READING, CYC_S_NS / 2, &kept[got])) {
        got++;
    }
    return got;
}

static bool same(const struct cyc_message *one, const struct cyc_message *other)
{
    return one->number == other->number && one->epoch == other->epoch &&
           one->setpoint_number == other->setpoint_number &&
           one->as.reading.t_ns == other->as.reading.t_ns &&
           one->as.reading.flags == other->as.reading.flags &&
           one->as.reading.valid == other->as.reading.valid &&
           memcmp(one->as.reading.values, other->as.reading.values,
                  sizeof one->as.reading.values) == 0;
}

/* The newest ones of `kept`, from `number` on: sent again exactly so? What the grid measures
 * meanwhile comes behind them. */
static bool comes_again(struct master *master, const struct cyc_message *kept, unsigned count,
                        uint64_t number)
{
    struct cyc_message again;
    bool good = true;
    for (unsigned i = 0; i < count && good; i++) {
        if (kept[i].number >= number) {
            good = hear(master, CYC_MESSAGE_READING, CYC_S_NS, &again) && same(&kept[i], &again);
        }
    }
    return good && (!hear(master, CYC_MESSAGE_READING, CYC_S_NS / 5, &again) ||
                    again.number > kept[count - 1].number);
}

static bool in_order(const struct cyc_message *kept, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        if (kept[i].number != kept[i - 1].number + 1) {
            return false;
        }
    }
    return true;
}

/* What the grid measures while they come is one more behind them. */
static unsigned older(const struct cyc_message *kept, unsigned count, int64_t t_ns)
{
    unsigned older = 0;
    for (unsigned i = 0; i < count; i++) {
        older += kept[i].as.reading.t_ns <= t_ns;
    }
    return older;
}

static void confirm(struct master *master, struct cyc_message *kept, unsigned count)
{
    const uint64_t newest = kept[count - 1].number;
    ask_again(master, newest - 3);
    expect(comes_again(master, kept, count, newest - 2), "what is asked for again comes as it was");
    say(master, CYC_MESSAGE_CONFIRM, newest - 5);
    say(master, CYC_MESSAGE_CONFIRM, newest + 1000); /* nobody can have that one */
    ask_again(master, 0);
    expect(comes_again(master, kept, count, newest - 4), "what is confirmed is not kept");
    (void)close(master->fd);
    expect(greet(master) && master->oldest == newest - 4,
           "another daemon is told which is the oldest one");
    ask_again(master, master->oldest - 1);
    expect(comes_again(master, kept, count, newest - 4), "and gets what its predecessor has not");
}

static void test_readings(void)
{
    static struct cyc_message kept[KEPT_MAX];
    struct bench bench;
    struct master master = {.fd = -1};
    begin(&bench, 0, rig);
    bench_start_run(&bench, protocol, false);
    (void)kill(bench.daemon, SIGKILL); /* this program takes its place */
    bench.waits = false;
    cyc_sha256(rig, strlen(rig), master.hash);
    master.state = bench.state;
    expect(greet(&master), "a port process welcomes a daemon");
    struct cyc_message link;
    (void)hear(&master, CYC_MESSAGE_LINK, PATIENCE_NS, &link);
    unsigned count = collect(&master, 20, kept);
    expect(count >= 20 && in_order(kept, count), "readings are numbered without a gap");
    if (count >= 20) {
        confirm(&master, kept, count);
    }
    count = collect(&master, 2 * RING, kept);
    expect(in_order(kept, count) && older(kept, count, master.asked_ns) == RING,
           "a minute of them is kept, and no more");
    (void)close(master.fd);
    bench_end(&bench);
}

/* ---- Restarts -----------------------------------------------------------------------------------
 */

static bool another(const struct bench *bench, const char *role, pid_t before, pid_t *pid)
{
    const int64_t until_ns = bench_now_ns() + PATIENCE_NS;
    do {
        bench_sleep_ns(20 * CYC_MS_NS);
        *pid = bench_holder(bench, role);
    } while ((*pid <= 1 || *pid == before) && bench_now_ns() < until_ns);
    return *pid > 1 && *pid != before;
}

static void test_budget(const char *role, const char *name)
{
    struct bench bench;
    pid_t pid = 0;
    bool each = true;
    char what[120];
    char path[440];
    begin(&bench, 1, fast_rig);
    bench_start_run(&bench, protocol, true);
    for (unsigned i = 0; i <= RESTARTS; i++) {
        each = each && another(&bench, role, pid, &pid);
        bench_sleep_ns(CYC_S_NS / 2); /* so that it is no process that has hardly begun */
        (void)kill(pid, SIGKILL);
    }
    (void)snprintf(what, sizeof what, "a %s is started again three times", role);
    expect(each, what);
    bench_sleep_ns(2 * CYC_S_NS);
    (void)snprintf(what, sizeof what, "and then not any more");
    expect(bench_holder(&bench, role) == 0, what);
    (void)snprintf(path, sizeof path, "%s/events.log", bench.state);
    expect(bench_file_gets(path, "it stays down, safe"), "the log says so");
    const char *const status[] = {bench_cyclostat, "status", "--rig", bench.rig, NULL};
    (void)bench_run(&bench, status);
    (void)snprintf(path, sizeof path, "%s/out.txt", bench.folder);
    (void)snprintf(what, sizeof what, "%s: stays down", name);
    expect(bench_file_has(path, what), "status says so");
    bench_look(&bench);
    expect(!bench.is_on, "the output is off");
    bench_end(&bench);
}

/* ---- A flood
 * -------------------------------------------------------------------------------------
 */

static unsigned count_lines(const char *path)
{
    FILE *const file = fopen(path, "re");
    unsigned lines = 0;
    for (int c; file != NULL && (c = fgetc(file)) != EOF;) {
        lines += c == '\n';
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return lines;
}

static void test_flood(void)
{
    struct bench bench;
    char path[440];
    begin(&bench, 2, fast_rig);
    bench_start_supervisor(&bench, "hello", "0.001");
    bench_sleep_ns(4 * CYC_S_NS);
    (void)snprintf(path, sizeof path, "%s/events.log", bench.state);
    const unsigned lines = count_lines(path);
    (void)printf("        %u lines in the log\n", lines);
    expect(bench_file_gets(path, "outputs off"), "calls that end others are logged");
    expect(lines < LINES_MAX, "a daemon that calls again and again does not fill the log");
    expect(!bench_file_has(path, "no sign of life"), "and keeps nobody from his work");
    bench_end(&bench);
}

/* ---- Proof
 * ---------------------------------------------------------------------------------------
 */

/* As if the channel had been proved so many days ago. */
static void prove_days_ago(const struct bench *bench, int days)
{
    const time_t then = time(NULL) - (time_t)days * 86400 - 60;
    struct tm parts;
    char path[440];
    char when[40];
    (void)gmtime_r(&then, &parts);
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
    (void)snprintf(path, sizeof path, "%s/proof.jsonl", bench->state);
    FILE *const file = fopen(path, "ae");
    if (file != NULL) {
        (void)fprintf(file, "{\"time\":\"%s\",\"channel\":\"A1\",\"result\":\"off\"}\n", when);
        (void)fclose(file);
    }
}

/* A run, and what it says of the last proof; NULL: nothing. */
static void test_reminder(int days, const char *said)
{
    struct bench bench;
    char path[440];
    char what[120];
    begin(&bench, 4, fast_rig);
    bench_start_run(&bench, protocol, true);
    if (days >= 0) {
        prove_days_ago(&bench, days);
    }
    for (int64_t until_ns = bench_now_ns() + 3 * PATIENCE_NS;
         !bench.is_on && bench_now_ns() < until_ns;) {
        bench_submit(&bench);
        bench_look(&bench);
        bench_sleep_ns(20 * CYC_MS_NS);
    }
    (void)snprintf(path, sizeof path, "%s/run.txt", bench.folder);
    (void)snprintf(what, sizeof what, "a run says of the last proof: %s",
                   said != NULL ? said : "nothing");
    expect(bench.is_on &&
               bench_file_has(path, said != NULL ? said : "was last shown") == (said != NULL),
           what);
    const char *const proof[] = {bench_cyclostat, "proof", "--kill", bench.rig, NULL};
    const bool refused = bench_run(&bench, proof) != 0;
    bench_look(&bench);
    (void)snprintf(path, sizeof path, "%s/out.txt", bench.folder);
    expect(refused && bench.is_on && bench_file_has(path, "a run is on channel A1"),
           "no process is killed under a run");
    bench_end(&bench);
}

static void test_proof(void)
{
    struct bench bench;
    char path[440];
    begin(&bench, 3, fast_rig);
    const char *const proof[] = {bench_cyclostat, "proof", "--kill", bench.rig, NULL};
    (void)setenv("CYCLOSTAT_STATE", bench.state, 1);
    const bool shown = bench_run(&bench, proof) == 0;
    struct cyc_err err = {0};
    (void)cyc_state_dir(bench.rig, bench.state, sizeof bench.state, &err);
    (void)snprintf(path, sizeof path, "%s/proof.jsonl", bench.state);
    expect(shown && bench_file_has(path, "\"result\":\"off\",\"how\":\"process killed\""),
           "a port process is killed, and the output made safe and written down");
    (void)snprintf(path, sizeof path, "%s/events.log", bench.state);
    expect(bench_file_gets(path, "ended by signal 9") &&
               bench_file_gets(path, "made safe from outside: off"),
           "it was the supervisor who did it");
    for (int i = 0; i < 100 && bench_holder(&bench, "supervisor") != 0; i++) {
        (void)usleep(50000); /* it was told to end, and ends its children first */
    }
    expect(bench_holder(&bench, "supervisor") == 0, "who was started for it has ended");
    bench_end(&bench);
    test_reminder(-1, "never");
    test_reminder(40, "40 days ago");
    test_reminder(29, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fputs("masters CYCLOSTAT DOUBLE\n", stderr);
        return 2;
    }
    bench_cyclostat = argv[1];
    bench_double = argv[2];
    test_readings();
    test_budget("port", "port smu");
    test_budget("daemon", "daemon");
    test_flood();
    test_proof();
    return broken == 0 ? 0 : 1;
}
