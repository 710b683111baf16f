/* Kills and stops processes at random moments and asks the truth log when the output went off.
 *
 *   trials CYCLOSTAT DOUBLE TRIALS RIGS SEED
 *
 * Several rigs side by side, each with an emulator, a state folder and processes of its own. A
 * trial: the output drives 1 mA; a random time later a victim gets SIGKILL (off within 1 s) or
 * SIGSTOP (within 2 s). A trial in which the emulator itself was late by more than 100 ms judges
 * nothing: it is counted and repeated.
 *
 * On the even rigs a double stands in for the daemon, on the odd ones the program's own daemon has
 * a run. The last rig has no supervisor: its daemon is stopped, and nothing but the lease keeps
 * the output from being left on, since no socket closes and nobody kills anybody.
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
#define ALONE_EVERY  12 /* one trial in so many is of the lease alone */
#define PER_LIFE     4  /* trials before all is started anew: restarts have a budget */

static const char rig[] = BENCH_RIG("250 ms", "[2 V, 4.9 V]");

static const char protocol[] =
    "cyclostat: 1\n"
    "name: trial\n"
    "limits: {voltage: [2.1 V, 4.8 V], current: 50 mA}\n"
    "method:\n"
    "  - {charge: 1 mA, cutoff: [4.5 V, 1 h], after_interruption: continue, max_gap: 1 h}\n";

enum victim { DAEMON, PORT, SUPERVISOR, VICTIMS };
static const char *const victims[VICTIMS] = {"daemon", "port", "supervisor"};

enum kind { DOUBLE, RUN, ALONE, KINDS };
static const char *const kinds[KINDS] = {"double", "run", "lease alone"};

enum phase { STARTING, WAITING, STRUCK, RECOVERING, ENDING };

struct trial {
    enum victim victim;
    bool hang;
};

struct place { /* one rig */
    struct bench bench;
    enum kind kind;
    enum phase phase;
    struct trial trial;
    bool busy;
    int64_t strike_ns, since_ns;
    unsigned in_life;
    pid_t stopped;
};

struct tally {
    int64_t latencies_ns[KINDS][VICTIMS][2][TRIALS_MAX];
    unsigned counts[KINDS][VICTIMS][2];
    unsigned asked[KINDS], wanted[KINDS];
    unsigned done, failed, stalled, restarted;
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
    if (place->kind == DOUBLE) {
        bench_start_supervisor(&place->bench, "steady", "0.001");
    } else {
        bench_start_run(&place->bench, protocol, place->kind == RUN);
    }
    place->phase = STARTING;
    place->since_ns = bench_now_ns();
    place->in_life = 0;
}

/* The victims in turn, so that each kind comes equally often; the moment is what is random. */
static bool next_trial(struct place *place)
{
    unsigned *const asked = &tally.asked[place->kind];
    if (!place->busy) {
        if (*asked >= tally.wanted[place->kind]) {
            return false;
        }
        place->trial.victim = place->kind == ALONE ? DAEMON : (enum victim)(*asked % VICTIMS);
        place->trial.hang = place->kind == ALONE || (*asked / VICTIMS) % 2 != 0;
        place->busy = true;
        ++*asked;
    }
    place->strike_ns = bench_now_ns() + (int64_t)(roll() % (400 * CYC_MS_NS));
    place->phase = WAITING;
    return true;
}

static pid_t victim_of(const struct place *place)
{
    if (place->kind == ALONE) {
        return place->bench.daemon;
    }
    return place->trial.victim == SUPERVISOR
               ? place->bench.supervisor
               : bench_holder(&place->bench, victims[place->trial.victim]);
}

static void strike(struct place *place)
{
    const struct trial *const trial = &place->trial;
    const pid_t pid = victim_of(place);
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
    char path[440];
    tally.failed++;
    (void)fprintf(stderr, "%s of the %s (%s): off after %lld ms\n",
                  place->trial.hang ? "hang" : "crash", victims[place->trial.victim],
                  kinds[place->kind], (long long)(latency_ns / CYC_MS_NS));
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
        const struct trial *const trial = &place->trial;
        unsigned *const count = &tally.counts[place->kind][trial->victim][trial->hang];
        tally.latencies_ns[place->kind][trial->victim][trial->hang][(*count)++] = latency_ns;
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
    const bool faulted = place->kind == RUN && place->trial.victim == PORT;
    if (place->trial.victim == SUPERVISOR || place->kind == ALONE || faulted) {
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

static void print_reason(const struct place *place)
{
    static const char *const files[] = {"run.txt", "supervisor.txt", "daemon.txt", "port.txt"};
    char path[440];
    (void)fprintf(stderr, "no current flows (%s):\n", kinds[place->kind]);
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", place->bench.folder, files[i]);
        bench_print_file(path);
    }
    (void)snprintf(path, sizeof path, "%s/events.log", place->bench.state);
    bench_print_file(path);
}

/* One look at a rig; false: nothing is left to be done there. */
static bool serve(struct place *place)
{
    const int64_t now = bench_now_ns();
    const bool more = place->busy || tally.asked[place->kind] < tally.wanted[place->kind];
    switch (place->phase) {
    case STARTING:
        bench_submit(&place->bench);
        bench_look(&place->bench);
        if (place->bench.is_on) {
            return next_trial(place);
        }
        if (more && now - place->since_ns > PATIENCE) { /* e.g. a person is asked for */
            if (tally.restarted++ == 0) {
                print_reason(place);
            }
            begin_life(place);
        }
        return more;
    case WAITING:
        if (now >= place->strike_ns) {
            strike(place);
        }
        return true;
    case STRUCK:
        judge(place);
        return true;
    case RECOVERING:
        if (more) {
            recover(place);
        }
        return more;
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

static void print_line(enum kind kind, enum victim victim, bool hang)
{
    const unsigned count = tally.counts[kind][victim][hang];
    int64_t *const sorted = tally.latencies_ns[kind][victim][hang];
    if (count == 0) {
        return;
    }
    qsort(sorted, count, sizeof *sorted, by_size);
    (void)printf("%-12s %-12s %-6s %6u %8lld %8lld %8lld\n", kinds[kind], victims[victim],
                 hang ? "hang" : "crash", count, (long long)(sorted[count / 2] / CYC_MS_NS),
                 (long long)(sorted[(count * 99) / 100] / CYC_MS_NS),
                 (long long)(sorted[count - 1] / CYC_MS_NS));
}

static void print_tally(void)
{
    (void)printf("%-12s %-12s %-6s %6s %8s %8s %8s\n", "daemon", "victim", "how", "trials",
                 "p50 ms", "p99 ms", "max ms");
    for (unsigned k = 0; k < KINDS * VICTIMS * 2; k++) {
        print_line((enum kind)(k / 2 / VICTIMS), (enum victim)(k / 2 % VICTIMS), k % 2 != 0);
    }
    (void)printf("%u trials, %u too late, %u repeated because the emulator stalled, %u fresh "
                 "starts\n",
                 tally.done, tally.failed, tally.stalled, tally.restarted);
}

static void share_out(unsigned trial_count)
{
    tally.wanted[ALONE] = trial_count / ALONE_EVERY;
    tally.wanted[RUN] = (trial_count - tally.wanted[ALONE]) / 2;
    tally.wanted[DOUBLE] = trial_count - tally.wanted[ALONE] - tally.wanted[RUN];
}

static void begin_place(unsigned index, unsigned rigs)
{
    struct place *const place = &places[index];
    const char *options[] = {"keithley_2400", "--cell", "linear", "--pty", NULL, NULL};
    place->kind = index == rigs - 1 ? ALONE : index % 2 == 0 ? DOUBLE : RUN;
    bench_make(&place->bench, index, rig);
    options[4] = place->bench.link;
    bench_start_emulator(&place->bench, options);
    begin_life(place);
}

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
    if (rigs < 3 || rigs > RIGS_MAX || trial_count > TRIALS_MAX) {
        return 2;
    }
    (void)printf("seed %s\n", argv[5]);
    share_out(trial_count);
    for (unsigned i = 0; i < rigs; i++) {
        begin_place(i, rigs);
    }
    for (bool goes_on = true; goes_on && tally.restarted < RESTARTS_MAX;) {
        goes_on = false;
        for (unsigned i = 0; i < rigs; i++) {
            goes_on |= serve(&places[i]);
        }
        bench_sleep_ns(5 * CYC_MS_NS);
    }
    for (unsigned i = 0; i < rigs; i++) {
        bench_end(&places[i].bench);
    }
    print_tally();
    return tally.failed == 0 && tally.done >= trial_count ? 0 : 1;
}
