/* Cables that are pulled and put into each other's place, again and again.
 *
 *   swaps CYCLOSTAT DOUBLE ROUNDS SEED
 *
 *     port process ── id0 ─► pseudo-terminal ══ relay ══ emulated instrument, serial number 1000001
 *     port process ── id1 ─► pseudo-terminal ══   ×   ══ … 1000002
 *     port process ── id2 ─► pseudo-terminal ══       ══ … 1000003
 *
 * This program is the relay. In each round it hangs up, makes new pseudo-terminals, whose numbers
 * differ, points the links (as udev does in /dev/serial/by-id) at them, and connects them to the
 * instruments in a new order. The rig knows its instruments by serial number; a double of the
 * daemon energises each as soon as it is there. Judged in the truth log: what an instrument
 * received that changes anything, and what its output did, must be of rounds in which its own port
 * process was at the other end; and each must have been found again and energised. While its
 * instrument is somewhere else, a port process is idle.
 *
 * A round in three has all of them at their place, the others one or none, or all again; several
 * rigs go side by side.
 */
#include "faults/bench.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define COUNT      3
#define ROUNDS_MAX 400
#define SIDES      4
#define QUIET_NS   (60 * CYC_MS_NS) /* between two rounds nobody is connected, at least */
#define BUSY_MAX   0.08

static const char rig[] =
    "cyclostat_rig: 1\n"
    "ports: {p0: {address: id0}, p1: {address: id1}, p2: {address: id2}}\n"
    "instruments:\n"
    "  smu0: {driver: keithley_2400, port: p0, serial_number: \"1000001\", poll: 250 ms,\n"
    "         accept: no_watchdog, options: {terminator: CR}}\n"
    "  smu1: {driver: keithley_2400, port: p1, serial_number: \"1000002\", poll: 250 ms,\n"
    "         accept: no_watchdog, options: {terminator: CR}}\n"
    "  smu2: {driver: keithley_2400, port: p2, serial_number: \"1000003\", poll: 250 ms,\n"
    "         accept: no_watchdog, options: {terminator: CR}}\n"
    "channels:\n"
    "  A0: {cycler: smu0, limits: {voltage: [2 V, 4.9 V], current: 100 mA}}\n"
    "  A1: {cycler: smu1, limits: {voltage: [2 V, 4.9 V], current: 100 mA}}\n"
    "  A2: {cycler: smu2, limits: {voltage: [2 V, 4.9 V], current: 100 mA}}\n";

struct round {
    int64_t begin_ns, end_ns;
    unsigned at[COUNT]; /* instrument at the end of link i */
};

struct side {
    struct bench bench;
    int instruments[COUNT]; /* the emulator's pseudo-terminals */
    int masters[COUNT];     /* of the ones that the links lead to */
    struct round rounds[ROUNDS_MAX];
    unsigned round_count;
    uint64_t random;
};

static unsigned rounds_wanted;
static uint64_t seed;

static uint64_t roll(struct side *side)
{
    side->random ^= side->random << 13;
    side->random ^= side->random >> 7;
    side->random ^= side->random << 17;
    return side->random;
}

static void give_up(const char *what)
{
    perror(what);
    _exit(2);
}

static void make_raw(int fd)
{
    struct termios raw;
    if (tcgetattr(fd, &raw) != 0) {
        give_up("tcgetattr");
    }
    cfmakeraw(&raw);
    (void)tcsetattr(fd, TCSANOW, &raw);
}

/* ---- The cables ---------------------------------------------------------------------------------
 */

static void plug(struct side *side, unsigned link)
{
    char path[400];
    char fresh[410];
    char name[64];
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, name, sizeof name) != 0) {
        give_up("openpt");
    }
    make_raw(master);
    (void)snprintf(path, sizeof path, "%s/id%u", side->bench.folder, link);
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    if (symlink(name, fresh) != 0 || rename(fresh, path) != 0) {
        give_up(path);
    }
    side->masters[link] = master;
}

static void pull(struct side *side, unsigned link)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/id%u", side->bench.folder, link);
    (void)unlink(path);
    (void)close(side->masters[link]);
    side->masters[link] = -1;
}

static void copy(int from, int to)
{
    char bytes[512];
    const ssize_t size = read(from, bytes, sizeof bytes);
    if (size > 0 && to >= 0 && write(to, bytes, (size_t)size) != size) {
        (void)fputs("a byte was lost on the way\n", stderr);
    }
}

/* Carries bytes both ways until a time. */
static void relay(struct side *side, const struct round *round, int64_t until_ns)
{
    struct pollfd fds[2 * COUNT];
    for (int64_t now; (now = bench_now_ns()) < until_ns;) {
        for (unsigned i = 0; i < COUNT; i++) {
            const int instrument = side->instruments[round->at[i]];
            fds[2 * i] = (struct pollfd){.fd = side->masters[i], .events = POLLIN};
            fds[2 * i + 1] = (struct pollfd){.fd = instrument, .events = POLLIN};
        }
        (void)poll(fds, 2 * COUNT, (int)((until_ns - now) / CYC_MS_NS) + 1);
        bool idle = true;
        for (unsigned i = 0; i < COUNT; i++) {
            if ((fds[2 * i].revents & POLLIN) != 0) {
                copy(fds[2 * i].fd, fds[2 * i + 1].fd);
                idle = false;
            }
            if ((fds[2 * i + 1].revents & POLLIN) != 0) {
                copy(fds[2 * i + 1].fd, fds[2 * i].fd);
                idle = false;
            }
        }
        if (idle) {
            bench_sleep_ns(2 * CYC_MS_NS); /* nobody has opened the other end: POLLHUP */
        }
    }
}

static void shuffle(struct side *side, struct round *round)
{
    for (unsigned i = 0; i < COUNT; i++) {
        round->at[i] = i;
    }
    for (unsigned i = roll(side) % 3 == 0 ? 0 : COUNT - 1; i > 0; i--) {
        const unsigned other = (unsigned)(roll(side) % (i + 1));
        const unsigned kept = round->at[i];
        round->at[i] = round->at[other];
        round->at[other] = kept;
    }
}

/* What the kernel says of a process behind its name: "S 1 …"; "" where there is none. */
static const char *state_of(pid_t pid, char *text, size_t room)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *const file = fopen(path, "re");
    const size_t size = file != NULL ? fread(text, 1, room - 1, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    text[size] = '\0';
    const char *const name_end = strrchr(text, ')');
    return name_end != NULL && name_end[1] == ' ' ? name_end + 2 : "";
}

static bool sleeps(pid_t pid)
{
    char text[512];
    return state_of(pid, text, sizeof text)[0] == 'S';
}

/* Of a port process: what it has used of a processor since it began. */
static double busy_share(const struct side *side)
{
    char text[512];
    unsigned long user = 0, system = 0;
    unsigned long long begin = 0;
    const char *const state = state_of(bench_holder(&side->bench, "port"), text, sizeof text);
    const int found = sscanf(state,
                             "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
                             "%*d %*d %llu",
                             &user, &system, &begin);
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    const double age_s = (double)bench_now_ns() / 1e9 - (double)begin / ticks;
    return found == 3 && age_s > 0 ? (double)(user + system) / ticks / age_s : 1;
}

/* The truth log has the time at which an instrument reads, and what it was sent in a round is to be
 * read in that round: the emulator goes to sleep again when it has read everything. */
static void let_it_read(const struct side *side)
{
    bench_sleep_ns(QUIET_NS);
    for (unsigned asleep = 0, looks = 0; asleep < 3 && looks < 1000; looks++) {
        asleep = sleeps(side->bench.emulator) ? asleep + 1 : 0;
        bench_sleep_ns(5 * CYC_MS_NS);
    }
}

static void do_round(struct side *side)
{
    struct round *const round = &side->rounds[side->round_count++];
    shuffle(side, round);
    for (unsigned i = 0; i < COUNT; i++) {
        plug(side, i);
    }
    round->begin_ns = bench_now_ns();
    relay(side, round, round->begin_ns + (int64_t)(100 + roll(side) % 900) * CYC_MS_NS);
    for (unsigned i = 0; i < COUNT; i++) {
        pull(side, i);
    }
    let_it_read(side);
    round->end_ns = bench_now_ns();
}

/* ---- Judging
 * ------------------------------------------------------------------------------------- */

struct verdict {
    unsigned wrong, right[COUNT], energised[COUNT];
};

static const struct round *round_of(const struct side *side, int64_t t_ns)
{
    for (unsigned i = 0; i < side->round_count; i++) {
        if (t_ns >= side->rounds[i].begin_ns && t_ns < side->rounds[i].end_ns) {
            return &side->rounds[i];
        }
    }
    return NULL;
}

/* Which instrument wrote the line; -1: none. The first one has no number. */
static int instrument_of(const char *line)
{
    static const char name[] = " keithley_2400";
    if (strncmp(line, name, sizeof name - 1) != 0) {
        return -1;
    }
    const char *const after = line + sizeof name - 1;
    return after[0] == ' ' ? 0 : (int)strtol(after + 1, NULL, 10) - 1; /* #2 */
}

static void judge_line(const struct side *side, const char *line, struct verdict *verdict)
{
    char *rest = NULL;
    const int64_t t_ns = strtoll(line, &rest, 10);
    const int instrument = instrument_of(rest);
    const bool changes = strstr(rest, " received ") != NULL || strstr(rest, " output ") != NULL;
    if (instrument < 0 || instrument >= COUNT || !changes || side->round_count == 0 ||
        t_ns < side->rounds[0].begin_ns) {
        return;
    }
    const struct round *const round = round_of(side, t_ns);
    if (round != NULL && round->at[instrument] == (unsigned)instrument) {
        verdict->right[instrument]++;
        verdict->energised[instrument] += strstr(rest, " output 0 current 0.001") != NULL;
    } else {
        verdict->wrong++;
        (void)fprintf(stderr, "to the wrong instrument: %s", line);
    }
}

static struct verdict judge(const struct side *side)
{
    struct verdict verdict = {0};
    char line[600];
    FILE *const file = fopen(side->bench.truth, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        judge_line(side, line, &verdict);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return verdict;
}

/* ---- One rig
 * ------------------------------------------------------------------------------------- */

static void begin(struct side *side, unsigned number)
{
    char words[COUNT][330];
    const char *options[2 + 2 * COUNT + 1] = {"--cell", "linear,x3"};
    bench_make(&side->bench, number, rig);
    side->random = (seed * 1000 + number) * 0x9E3779B97F4A7C15u + 1;
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(words[i], sizeof words[i], "keithley_2400[serial=100000%u]=%s/e%u", i + 1,
                       side->bench.folder, i);
        options[2 + i] = words[i];
    }
    bench_start_emulator(&side->bench, options);
    for (unsigned i = 0; i < COUNT; i++) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/e%u", side->bench.folder, i);
        side->instruments[i] = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (side->instruments[i] < 0) {
            give_up(path);
        }
        make_raw(side->instruments[i]);
    }
    bench_start_supervisor(&side->bench, "eager", "0.001");
    bench_sleep_ns(CYC_S_NS / 2);
}

static bool do_side(unsigned number, int out)
{
    struct side *const side = calloc(1, sizeof *side);
    if (side == NULL) {
        return false;
    }
    begin(side, number);
    while (side->round_count < rounds_wanted) {
        do_round(side);
    }
    const double busy = busy_share(side);
    bench_kill_all(&side->bench);
    const struct verdict verdict = judge(side);
    bool found = true;
    for (unsigned k = 0; k < COUNT; k++) {
        found = found && verdict.energised[k] > 0;
    }
    const bool holds = verdict.wrong == 0 && found && busy < BUSY_MAX;
    (void)dprintf(
        out,
        "%-7s %u rounds: %u commands and changes of outputs at the right instrument, %u at "
        "a wrong one; energised %u, %u, %u times; a port process busy for %.1f %%\n",
        holds ? "holds" : "BROKEN", side->round_count,
        verdict.right[0] + verdict.right[1] + verdict.right[2], verdict.wrong, verdict.energised[0],
        verdict.energised[1], verdict.energised[2], 100 * busy);
    if (!holds) {
        char path[440];
        (void)snprintf(path, sizeof path, "%s/events.log", side->bench.state);
        bench_print_file(path);
    }
    bench_end(&side->bench);
    free(side);
    return holds;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("swaps CYCLOSTAT DOUBLE ROUNDS SEED\n", stderr);
        return 2;
    }
    bench_cyclostat = argv[1];
    bench_double = argv[2];
    rounds_wanted = ((unsigned)strtoul(argv[3], NULL, 10) + SIDES - 1) / SIDES;
    seed = strtoull(argv[4], NULL, 10);
    if (rounds_wanted < 1 || rounds_wanted > ROUNDS_MAX) {
        return 2;
    }
    (void)printf("seed %s\n", argv[4]);
    return bench_do_all(0, SIDES, do_side) == 0 ? 0 : 1;
}
