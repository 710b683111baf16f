/* Kills and stops processes at random moments and asks the truth log when the output went off.
 *
 *   trials CYCLOSTAT DOUBLE TRIALS RIGS SEED
 *
 * Several rigs side by side, each with an emulator, a state folder and processes of its own. A
 * trial: the output drives 1 mA; a random time later a victim gets SIGKILL (off within 1 s) or
 * SIGSTOP (within 2 s). A trial in which the emulator itself was late by more than 100 ms judges
 * nothing: it is counted and repeated.
 */
#include "faults/bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIGS_MAX     16
#define TRIALS_MAX   4096
#define PATIENCE     (6 * CYC_S_NS)
#define CRASH_NS     (1 * CYC_S_NS)
#define HANG_NS      (2 * CYC_S_NS)
#define RESTARTS_MAX 24 /* lives that did not get under way: something else is broken */
#define PER_LIFE     4  /* trials before all is started anew: restarts have a budget */

enum victim { DAEMON, PORT, SUPERVISOR, VICTIMS };
static const char *const victims[VICTIMS] = {"daemon", "port", "supervisor"};

enum phase { STARTING, WAITING, STRUCK, RECOVERING, ENDING };

struct trial {
    enum victim victim;
    bool hang;
};

struct place { /* one rig */
    struct bench bench;
    enum phase phase;
    struct trial trial;
    bool busy;
    int64_t strike_ns, since_ns;
    unsigned in_life;
    pid_t stopped;
};

struct tally {
    int64_t latencies_ns[VICTIMS][2][TRIALS_MAX];
    unsigned counts[VICTIMS][2];
    unsigned asked, done, failed, stalled, restarted;
};

static struct place places[RIGS_MAX];
static struct tally tally;
static uint64_t state;

static uint64_t roll(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* What was there has ended in the safe state, as the truth log said; a stopped supervisor has not
 * ended. */
static void begin_life(struct place *place)
{
    bench_kill_all(&place->bench);
    bench_start_supervisor(&place->bench, "steady", "0.001");
    place->phase = STARTING;
    place->since_ns = bench_now_ns();
    place->in_life = 0;
}

/* The victims in turn, so that each kind comes equally often; the moment is what is random. */
static bool next_trial(struct place *place, unsigned trial_count)
{
    if (!place->busy) {
        if (tally.asked >= trial_count) {
            return false;
        }
        place->trial.victim = (enum victim)(tally.asked % VICTIMS);
        place->trial.hang = (tally.asked / VICTIMS) % 2 != 0;
        place->busy = true;
        tally.asked++;
    }
    place->strike_ns = bench_now_ns() + (int64_t)(roll() % (400 * CYC_MS_NS));
    place->phase = WAITING;
    return true;
}

static void strike(struct place *place)
{
    const struct trial *const trial = &place->trial;
    const pid_t pid = trial->victim == SUPERVISOR
                          ? place->bench.supervisor
                          : bench_holder(&place->bench, victims[trial->victim]);
    bench_look(&place->bench);
    if (pid <= 1 || !place->bench.is_on) {
        place->phase = STARTING; /* not energised any more: waits until it is */
        return;
    }
    bench_mark(&place->bench);
    (void)kill(pid, trial->hang ? SIGSTOP : SIGKILL);
    place->stopped = trial->hang ? pid : 0;
    place->phase = STRUCK;
    place->since_ns = place->bench.mark_ns;
}

static void complain(const struct place *place, int64_t latency_ns)
{
    char path[400];
    tally.failed++;
    (void)fprintf(stderr, "%s of the %s: off after %lld ms\n", place->trial.hang ? "hang" : "crash",
                  victims[place->trial.victim], (long long)(latency_ns / CYC_MS_NS));
    (void)snprintf(path, sizeof path, "%s/events.log", place->bench.state);
    bench_print_file(path);
}

static void judge(struct place *place)
{
    struct bench *const bench = &place->bench;
    bench_look(bench);
    const bool over = bench_now_ns() - place->since_ns > PATIENCE;
    if (bench->first_off_ns == 0 && !over) {
        return;
    }
    const int64_t latency_ns =
        bench->first_off_ns != 0 ? bench->first_off_ns - bench->mark_ns : PATIENCE;
    const int64_t bound_ns = place->trial.hang ? HANG_NS : CRASH_NS;
    if (bench->stall_ns > STALL_NS) {
        tally.stalled++; /* place->busy stays: the same trial again */
    } else {
        unsigned *const count = &tally.counts[place->trial.victim][place->trial.hang];
        tally.latencies_ns[place->trial.victim][place->trial.hang][(*count)++] = latency_ns;
        tally.done++;
        place->busy = false;
        if (latency_ns > bound_ns) {
            complain(place, latency_ns);
        }
    }
    place->in_life++;
    place->phase = RECOVERING;
}

static void recover(struct place *place)
{
    if (place->trial.victim == SUPERVISOR) {
        begin_life(place);
    } else if (place->in_life >= PER_LIFE) {
        (void)kill(place->bench.supervisor, SIGTERM);
        place->phase = ENDING;
        place->since_ns = bench_now_ns();
    } else {
        place->phase = STARTING;
        place->since_ns = bench_now_ns();
    }
}

/* One look at a rig; false: nothing is left to be done there. */
static bool serve(struct place *place, unsigned trial_count)
{
    const int64_t now = bench_now_ns();
    switch (place->phase) {
    case STARTING:
        bench_look(&place->bench);
        if (place->bench.is_on) {
            return next_trial(place, trial_count);
        }
        if (now - place->since_ns > PATIENCE) { /* e.g. the budget of restarts is used up */
            tally.restarted++;
            begin_life(place);
        }
        return place->busy || tally.asked < trial_count;
    case WAITING:
        if (now >= place->strike_ns) {
            strike(place);
        }
        return true;
    case STRUCK:
        judge(place);
        return true;
    case RECOVERING:
        recover(place);
        return place->busy || tally.asked < trial_count;
    case ENDING:
        if (waitpid(place->bench.supervisor, NULL, WNOHANG) == place->bench.supervisor) {
            place->bench.supervisor = 0;
            begin_life(place);
        } else if (now - place->since_ns > PATIENCE) {
            begin_life(place);
        }
        return true;
    }
    return false;
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print_tally(void)
{
    (void)printf("%-12s %-6s %6s %8s %8s %8s\n", "victim", "how", "trials", "p50 ms", "p99 ms",
                 "max ms");
    for (unsigned v = 0; v < VICTIMS; v++) {
        for (unsigned h = 0; h < 2; h++) {
            const unsigned count = tally.counts[v][h];
            int64_t *const sorted = tally.latencies_ns[v][h];
            if (count == 0) {
                continue;
            }
            qsort(sorted, count, sizeof *sorted, by_size);
            (void)printf("%-12s %-6s %6u %8lld %8lld %8lld\n", victims[v], h ? "hang" : "crash",
                         count, (long long)(sorted[count / 2] / CYC_MS_NS),
                         (long long)(sorted[(count * 99) / 100] / CYC_MS_NS),
                         (long long)(sorted[count - 1] / CYC_MS_NS));
        }
    }
    (void)printf("%u trials, %u too late, %u repeated because the emulator stalled, %u fresh "
                 "starts\n",
                 tally.done, tally.failed, tally.stalled, tally.restarted);
}

static const char rig[] =
    "cyclostat_rig: 1\n"
    "ports: {smu: {address: smu}}\n"
    "instruments:\n"
    "  smu1: {driver: keithley_2400, port: smu, poll: 250 ms, accept: no_watchdog,\n"
    "         options: {terminator: CR}}\n"
    "channels:\n"
    "  A1: {cycler: smu1, limits: {voltage: [2 V, 4.9 V], current: 100 mA}}\n";

int main(int argc, char **argv)
{
    if (argc != 6) {
        (void)fputs("trials CYCLOSTAT DOUBLE TRIALS RIGS SEED\n", stderr);
        return 2;
    }
    bench_cyclostat = argv[1];
    bench_double = argv[2];
    const unsigned trial_count = (unsigned)strtoul(argv[3], NULL, 10);
    const unsigned rigs = (unsigned)strtoul(argv[4], NULL, 10);
    state = strtoull(argv[5], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    if (rigs < 1 || rigs > RIGS_MAX || trial_count > TRIALS_MAX) {
        return 2;
    }
    (void)printf("seed %s\n", argv[5]);
    for (unsigned i = 0; i < rigs; i++) {
        const char *options[] = {"keithley_2400", "--cell", "linear", "--pty", NULL, NULL};
        bench_make(&places[i].bench, i, rig);
        options[4] = places[i].bench.link;
        bench_start_emulator(&places[i].bench, options);
        begin_life(&places[i]);
    }
    for (bool goes_on = true; goes_on && tally.restarted < RESTARTS_MAX;) {
        goes_on = false;
        for (unsigned i = 0; i < rigs; i++) {
            goes_on |= serve(&places[i], trial_count);
        }
        bench_sleep_ns(5 * CYC_MS_NS);
    }
    for (unsigned i = 0; i < rigs; i++) {
        bench_end(&places[i].bench);
    }
    print_tally();
    return tally.failed == 0 && tally.done >= trial_count ? 0 : 1;
}
