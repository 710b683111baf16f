/* `cyclostat safe` brings the instrument to output off from whatever state it is in, within 500 ms,
 * and nothing energises again before `rearm`.
 *
 *   safe CYCLOSTAT DOUBLE STATES SEED
 *
 * Before each try a stranger writes to the instrument what comes to his mind: an output driven, a
 * command half sent, questions whose replies nobody reads, settings, nonsense. Then `safe`, as a
 * person types it. Judged by the truth log.
 */
#include "faults/bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define BOUND_NS (500 * CYC_MS_NS)

static const char rig[] = BENCH_RIG("250 ms", "[2 V, 4.9 V]");

static const char *const words[] = {
    ":OUTP ON\r",
    ":SOUR:CURR 0.01\r",
    ":SOUR:CURR -0.02\r",
    ":SOUR:VOLT 4.0\r",
    ":SOUR:FUNC VOLT\r",
    ":SOUR:FUNC CURR\r",
    "*IDN?\r",
    ":READ?\r",
    ":SENS:VOLT:PROT 5\r",
    ":OUTP",
    ":SOUR:CUR",
    "*ID",
    "NONSENSE\r",
    "\r\r\r",
    ":SYST:ERR?\r",
    ":SYST:RWL ON\r",
    ":FORM:ELEM CURR\r",
    ":SYST:LOC\r",
    "*CLS\r",
    ":OUTP?",
    "\x11\x13",
    "\xff\xfe\x80",
    ":SOUR:CURR:RANG 0.1\r",
    ":FETC?\r:FETC?\r",
};
#define WORDS (sizeof words / sizeof words[0])

static uint64_t state;

static uint64_t roll(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0) {
        perror("write");
    }
}

/* What a stranger may do, on a port opened by himself. */
static void disturb(const struct bench *bench)
{
    const int fd = open(bench->link, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios raw;
    if (fd < 0 || tcgetattr(fd, &raw) != 0) {
        perror(bench->link);
        exit(2);
    }
    cfmakeraw(&raw);
    (void)tcsetattr(fd, TCSANOW, &raw);
    say(fd, "\x03*RST\r:OUTP:SMOD HIMP\r:SOUR:FUNC CURR\r:SOUR:CURR:RANG 0.1\r:SENS:VOLT:PROT 5\r"
            ":SOUR:CURR 0.001\r:OUTP ON\r");
    for (uint64_t i = roll() % 6; i > 0; i--) {
        say(fd, words[roll() % WORDS]);
    }
    bench_sleep_ns((int64_t)(roll() % (20 * CYC_MS_NS)));
    (void)close(fd);
}

struct outcome {
    unsigned tried, stalled, failed;
    int64_t worst_ns;
};

static bool try_state(struct bench *bench, struct outcome *outcome)
{
    const char *const safe[] = {bench_cyclostat, "safe", bench->rig, "--state", bench->state, NULL};
    disturb(bench);
    bench_look(bench);
    const bool was_on = bench->is_on;
    bench_mark(bench);
    const int64_t begin_ns = bench->mark_ns;
    const int code = bench_run(bench, safe);
    bench_sleep_ns(2 * CYC_MS_NS);
    bench_look(bench);
    if (bench->stall_ns > STALL_NS) {
        outcome->stalled++;
        return true;
    }
    outcome->tried++;
    const int64_t took_ns = bench->changed_ns > begin_ns ? bench->changed_ns - begin_ns : 0;
    outcome->worst_ns = took_ns > outcome->worst_ns ? took_ns : outcome->worst_ns;
    if (code == 0 && !bench->is_on && took_ns <= BOUND_NS) {
        return was_on;
    }
    outcome->failed++;
    (void)fprintf(stderr, "state %u: exit code %d, output %s, after %lld ms\n", outcome->tried,
                  code, bench->is_on ? "ON" : "off", (long long)(took_ns / CYC_MS_NS));
    char path[440];
    (void)snprintf(path, sizeof path, "%s/out.txt", bench->folder);
    bench_print_file(path);
    return was_on;
}

static char said[400]; /* file with what the program said last */

static unsigned wrong(bool is_wrong, int line)
{
    if (is_wrong) {
        (void)fprintf(stderr, "safe.c:%d does not hold; `safe` said:\n", line);
        bench_print_file(said);
    }
    return is_wrong;
}

/* A proof on an output that is on: seen off, and written down. */
static unsigned proven(struct bench *bench)
{
    const char *const proof[] = {bench_cyclostat, "proof",      bench->rig,
                                 "--state",       bench->state, NULL};
    char journal[440];
    (void)snprintf(journal, sizeof journal, "%s/proof.jsonl", bench->state);
    disturb(bench);
    unsigned failed = wrong(bench_run(bench, proof) != 0, __LINE__);
    bench_look(bench);
    failed += wrong(bench->is_on, __LINE__);
    failed += wrong(!bench_file_has(journal, "\"result\":\"off\""), __LINE__);
    (void)printf("proof: %s\n", failed == 0 ? "holds" : "BROKEN");
    return failed;
}

/* With all processes there: off within the time, refused until rearmed, on again after it. */
static unsigned latched(struct bench *bench)
{
    const char *const safe[] = {bench_cyclostat, "safe", bench->rig, "--state", bench->state, NULL};
    const char *const rearm[] = {bench_cyclostat, "rearm",      bench->rig,
                                 "--state",       bench->state, NULL};
    unsigned failed = 0;
    failed += wrong(bench_run(bench, rearm) != 0, __LINE__);
    bench_start_supervisor(bench, "steady", "0.001");
    failed += wrong(!bench_await(bench, true, 5 * CYC_S_NS), __LINE__);
    bench_mark(bench);
    failed += wrong(bench_run(bench, safe) != 0, __LINE__);
    bench_look(bench);
    failed += wrong(bench->first_off_ns == 0 || bench->first_off_ns - bench->mark_ns > BOUND_NS,
                    __LINE__);
    const unsigned energised = bench->energised;
    failed +=
        wrong(bench_await(bench, true, 2 * CYC_S_NS), __LINE__); /* the double tries all the time */
    failed += wrong(bench->energised != energised, __LINE__);
    failed += wrong(bench_run(bench, rearm) != 0, __LINE__);
    failed += wrong(!bench_await(bench, true, 5 * CYC_S_NS), __LINE__);
    (void)printf("latched until rearmed: %s\n", failed == 0 ? "holds" : "BROKEN");
    return failed;
}

/* A supervisor that hangs answers nobody: it and its processes are killed by what is written down
 * of them. */
static unsigned without_answer(struct bench *bench)
{
    const char *const safe[] = {bench_cyclostat, "safe", bench->rig, "--state", bench->state, NULL};
    (void)kill(bench->supervisor, SIGSTOP);
    const pid_t port = bench_holder(bench, "port");
    (void)kill(port, SIGSTOP); /* and nobody acts by himself */
    unsigned failed = wrong(bench_run(bench, safe) != 0, __LINE__);
    bench_look(bench);
    failed += wrong(bench->is_on, __LINE__);
    const unsigned energised = bench->energised;
    (void)kill(port, SIGCONT); /* it is gone, and does not go on where it was */
    bench_sleep_ns(CYC_S_NS / 2);
    bench_look(bench);
    failed += wrong(bench->energised != energised, __LINE__);
    (void)printf("without a supervisor's answer: %s\n", failed == 0 ? "holds" : "BROKEN");
    return failed;
}

/* The supervisor sees a daemon that lives; only the port knows that nobody renews its lease. */
static unsigned without_lease(struct bench *bench)
{
    const char *const rearm[] = {bench_cyclostat, "rearm",      bench->rig,
                                 "--state",       bench->state, NULL};
    bench_kill_all(bench);
    unsigned failed = wrong(bench_run(bench, rearm) != 0, __LINE__);
    bench_start_supervisor(bench, "forgetful", "0.001");
    failed += wrong(!bench_await(bench, true, 2 * CYC_S_NS), __LINE__);
    failed += wrong(!bench_await(bench, false, 4 * CYC_S_NS), __LINE__);
    const unsigned energised = bench->energised;
    failed += wrong(bench_await(bench, true, CYC_S_NS), __LINE__);
    failed += wrong(bench->energised != energised, __LINE__);
    (void)printf("without a lease: %s\n", failed == 0 ? "holds" : "BROKEN");
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("safe CYCLOSTAT DOUBLE STATES SEED\n", stderr);
        return 2;
    }
    bench_cyclostat = argv[1];
    bench_double = argv[2];
    const unsigned states = (unsigned)strtoul(argv[3], NULL, 10);
    state = strtoull(argv[4], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    struct bench bench;
    struct outcome outcome = {0};
    bench_make(&bench, 0, rig);
    const char *const options[] = {"keithley_2400", "--cell", "linear", "--pty", bench.link, NULL};
    bench_start_emulator(&bench, options);
    unsigned on = 0;
    (void)snprintf(said, sizeof said, "%s/out.txt", bench.folder);
    while (outcome.tried < states && outcome.stalled < states) {
        on += try_state(&bench, &outcome);
    }
    (void)printf("seed %s: %u states, %u of them driving the cell, %u not made safe, slowest %lld "
                 "ms, %u repeated because the emulator stalled\n",
                 argv[4], outcome.tried, on, outcome.failed,
                 (long long)(outcome.worst_ns / CYC_MS_NS), outcome.stalled);
    unsigned failed = outcome.failed + (on < states / 4);
    failed += proven(&bench);
    failed += latched(&bench);
    failed += without_answer(&bench);
    failed += without_lease(&bench);
    char path[440];
    (void)snprintf(path, sizeof path, "%s/double.log", bench.state);
    if (failed > 0) {
        bench_print_file(path);
    }
    bench_end(&bench);
    return failed == 0 ? 0 : 1;
}
