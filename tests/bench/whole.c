/* The whole of it under load: supervisor, port processes, daemon, a source process per run, and a
 * run on every channel, started as anybody would.
 *
 *   bench_whole PORTS OUTPUTS SECONDS STALL_MS FOLDER PROGRAM DRIVER SHIM PROTOCOL CELL
 *
 * The far end of the wire (far_end.h) takes the times. Four parts:
 *
 *   steady   all channels charge: shares of a processor, missed polls, syncs of the disk, memory
 *   cutoffs  one reading in a hundred is beyond the step's cutoff: the next step rests, which here
 *            is OFF
 *   limits   each channel once beyond the limit of its protocol, which the daemon sees, or of the
 *            channel, which the port process sees; with the disk as it is and, in turn, with one
 *            where each sync takes STALL_MS longer
 *
 * Prints a word and a number per line. A protocol's limit is broken by more than a glitch could,
 * so one reading decides; a channel's by less, so the port process reads twice. */
#include "bench/disk.h"
#include "bench/far_end.h"
#include "device/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 4096
#define STARTERS     4    /* `cyclostat run` at one time */
#define WAVES        8    /* of limits; the disk is stalled in every other one */
#define ORDER_MS     10   /* between two channels' breaches */
#define WAVE_MS      1500 /* for the last ones to go off, and for syncs that are under way */

struct family { /* of the supervisor */
    pid_t daemon;
    pid_t ports[FAR_PORTS_MAX];
    pid_t sources[CHILDREN_MAX];
    unsigned port_count, source_count;
};

struct whole {
    struct far_end far;
    double seconds;
    int stall_ms;
    const char *folder, *program, *driver, *shim, *protocol, *cell;
    char rig[512], runs[512], disk_path[512];
    char state[1024];
    struct disk *disk;
    pid_t supervisor;
    struct family family;
};

static void nap_ms(int time_ms)
{
    (void)poll(NULL, 0, time_ms);
}

static void print(const char *name, double value)
{
    (void)printf("%s %.4g\n", name, value);
}

/* ---- Starting ---------------------------------------------------------------------------------
 */

static void map_disk(struct whole *whole)
{
    const int fd = open(whole->disk_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)sizeof *whole->disk) != 0) {
        far_die(whole->disk_path);
    }
    whole->disk = mmap(NULL, sizeof *whole->disk, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (whole->disk == MAP_FAILED) {
        far_die("no shared memory");
    }
    (void)close(fd);
}

static void to_log(const struct whole *whole)
{
    char log[600];
    (void)snprintf(log, sizeof log, "%s/log", whole->folder);
    const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        _exit(1);
    }
}

static void start_supervisor(struct whole *whole)
{
    struct cyc_err err = {0};
    (void)setenv("CYCLOSTAT_STATE", whole->folder, 1);
    if (cyc_state_dir(whole->rig, whole->state, sizeof whole->state, &err) != CYC_OK) {
        (void)fprintf(stderr, "bench: %s\n", err.text);
        exit(1);
    }
    whole->supervisor = fork();
    if (whole->supervisor != 0) {
        return;
    }
    to_log(whole);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)setenv("LD_PRELOAD", whole->shim, 1);
    (void)setenv(DISK_VARIABLE, whole->disk_path, 1);
    (void)execl(whole->program, whole->program, "supervise", "--rig", whole->rig, "--state",
                whole->state, (char *)NULL);
    far_die(whole->program);
}

static void wait_for_daemon(const struct whole *whole)
{
    char path[1100];
    (void)snprintf(path, sizeof path, "%s/daemon.sock", whole->state);
    for (unsigned i = 0; i < 200 && access(path, F_OK) != 0; i++) {
        nap_ms(50);
    }
    nap_ms(500); /* and for it to have called the ports */
}

static pid_t start_run(const struct whole *whole, unsigned channel)
{
    const pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    char name[16];
    (void)snprintf(name, sizeof name, "c%u", channel);
    to_log(whole);
    (void)execl(whole->program, whole->program, "run", whole->protocol, "--rig", whole->rig,
                "--channel", name, "--cell", whole->cell, "--runs", whole->runs, "--detach",
                "--quiet", (char *)NULL);
    far_die(whole->program);
    return -1;
}

static void start_runs(const struct whole *whole)
{
    unsigned busy = 0;
    const unsigned count = whole->far.ports * whole->far.outputs;
    for (unsigned i = 0; i < count || busy > 0;) {
        if (i < count && busy < STARTERS) {
            (void)start_run(whole, i++);
            busy++;
            continue;
        }
        int status = 0;
        if (wait(&status) > 0) {
            busy--;
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            (void)fprintf(stderr, "bench: a run could not be started\n");
            exit(1);
        }
    }
}

/* ---- Who is there -----------------------------------------------------------------------------
 */

static unsigned children_of(pid_t pid, pid_t *children)
{
    char path[64];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *const file = fopen(path, "re");
    while (file != NULL && count < CHILDREN_MAX && fscanf(file, "%d", &children[count]) == 1) {
        count++;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return count;
}

static bool is_verb(pid_t pid, const char *verb)
{
    char path[64];
    char line[4096] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *const file = fopen(path, "re");
    const size_t size = file != NULL ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    const size_t first = strlen(line) + 1;
    return first < size && strcmp(line + first, verb) == 0;
}

static bool look_for_family(struct whole *whole)
{
    static pid_t children[CHILDREN_MAX];
    struct family *const family = &whole->family;
    *family = (struct family){.daemon = -1};
    const unsigned count = children_of(whole->supervisor, children);
    for (unsigned i = 0; i < count; i++) {
        if (is_verb(children[i], "port") && family->port_count < FAR_PORTS_MAX) {
            family->ports[family->port_count++] = children[i];
        } else if (is_verb(children[i], "daemon")) {
            family->daemon = children[i];
        }
    }
    if (family->daemon < 0 || family->port_count != whole->far.ports) {
        return false;
    }
    family->source_count = children_of(family->daemon, family->sources);
    return true;
}

static void find_family(struct whole *whole)
{
    for (unsigned i = 0; i < 200; i++) {
        if (look_for_family(whole)) {
            return;
        }
        nap_ms(50);
    }
    (void)fprintf(stderr, "bench: not all processes are there\n");
    exit(1);
}

struct used { /* s on a processor */
    double loop, threads, ports, sources, supervisor;
};

static double process_cpu_s(pid_t pid)
{
    double first_s = 0.0;
    const double others_s = far_cpu_s(pid, &first_s);
    return first_s + others_s;
}

static struct used used_so_far(const struct whole *whole)
{
    const struct family *const family = &whole->family;
    struct used used = {0};
    used.threads = far_cpu_s(family->daemon, &used.loop);
    used.supervisor = process_cpu_s(whole->supervisor);
    for (unsigned i = 0; i < family->port_count; i++) {
        used.ports += process_cpu_s(family->ports[i]);
    }
    for (unsigned i = 0; i < family->source_count; i++) {
        used.sources += process_cpu_s(family->sources[i]);
    }
    return used;
}

/* ---- The parts --------------------------------------------------------------------------------
 */

static unsigned count_on(const struct whole *whole)
{
    unsigned count = 0;
    for (unsigned p = 0; p < whole->far.ports; p++) {
        for (unsigned o = 0; o < whole->far.outputs; o++) {
            count += whole->far.stamps->on[p][o] != 0 ? 1 : 0;
        }
    }
    return count;
}

static void wait_until_all_are_on(const struct whole *whole)
{
    const unsigned channels = whole->far.ports * whole->far.outputs;
    for (unsigned i = 0; i < 300 && count_on(whole) < channels; i++) {
        nap_ms(100);
    }
    if (count_on(whole) < channels) {
        (void)fprintf(stderr, "bench: %u of %u channels charge\n", count_on(whole), channels);
        exit(1);
    }
    nap_ms(2000);
}

static void steady(struct whole *whole)
{
    struct far_stamps *const stamps = whole->far.stamps;
    const unsigned channels = whole->far.ports * whole->far.outputs;
    const unsigned long syncs = __atomic_load_n(&whole->disk->syncs, __ATOMIC_RELAXED);
    const struct used before = used_so_far(whole);
    stamps->measuring = 1;
    nap_ms((int)(whole->seconds * 1e3));
    stamps->measuring = 0;
    const struct used after = used_so_far(whole);
    const double percent = 100.0 / whole->seconds;
    print("loop_percent", percent * (after.loop - before.loop));
    print("writer_percent", percent * (after.threads - before.threads));
    print("ports_percent", percent * (after.ports - before.ports));
    print("sources_percent", percent * (after.sources - before.sources));
    print("supervisor_percent", percent * (after.supervisor - before.supervisor));
    print("exchanges", (double)stamps->exchanges);
    print("ports_us_per_exchange",
          1e6 * (after.ports - before.ports) / (double)(stamps->exchanges + 1));
    print("missed", (double)stamps->missed);
    const unsigned long now = __atomic_load_n(&whole->disk->syncs, __ATOMIC_RELAXED);
    print("syncs_per_channel_and_10_s", (double)(now - syncs) / channels * 10.0 / whole->seconds);
    print("writer_us_per_channel_and_s",
          1e6 * (after.threads - before.threads) / channels / whole->seconds);
}

static void print_series(const char *name, struct far_series *series)
{
    char word[64];
    const struct far_quantiles of = far_quantiles(series);
    (void)snprintf(word, sizeof word, "%s_count", name);
    print(word, of.count);
    (void)snprintf(word, sizeof word, "%s_p50_us", name);
    print(word, of.p50_us);
    (void)snprintf(word, sizeof word, "%s_p99_us", name);
    print(word, of.p99_us);
    (void)snprintf(word, sizeof word, "%s_most_us", name);
    print(word, of.most_us);
}

static void cutoffs(struct whole *whole)
{
    whole->far.stamps->chance = OVER_CUTOFF;
    nap_ms((int)(whole->seconds * 1e3));
    whole->far.stamps->chance = OVER_NONE;
    nap_ms(2500); /* those that rest charge again */
    print_series("cutoff", &whole->far.stamps->series[OVER_CUTOFF][0]);
}

static void stall(struct whole *whole, bool stalls)
{
    __atomic_store_n(&whole->disk->stall_ms, stalls ? whole->stall_ms : 0, __ATOMIC_RELAXED);
    whole->far.stamps->disk = stalls;
}

/* Channels of each port in turn, kinds in turn: what differs between two series is the disk. */
static void limits(struct whole *whole)
{
    struct far_stamps *const stamps = whole->far.stamps;
    const unsigned channels = whole->far.ports * whole->far.outputs;
    const unsigned waves = channels < 2 * WAVES ? 2 : WAVES;
    unsigned next = 0;
    for (unsigned wave = 0; wave < waves; wave++) {
        stall(whole, wave % 2 == 1);
        for (; next < channels * (wave + 1) / waves; next++) {
            stamps->orders[next % whole->far.ports][next / whole->far.ports] =
                (next / whole->far.ports + next) % 2 == 0 ? OVER_PROTOCOL : OVER_CHANNEL;
            nap_ms(ORDER_MS);
        }
        nap_ms(WAVE_MS);
    }
    stall(whole, false);
    print_series("protocol_limit", &stamps->series[OVER_PROTOCOL][0]);
    print_series("protocol_limit_stalled", &stamps->series[OVER_PROTOCOL][1]);
    print_series("channel_limit", &stamps->series[OVER_CHANNEL][0]);
    print_series("channel_limit_stalled", &stamps->series[OVER_CHANNEL][1]);
    print("still_on", count_on(whole));
}

/* "daemon_turns": 123 in what `cyclostat status` says of any channel. */
static double number_in(const char *text, const char *name)
{
    const char *const at = strstr(text, name);
    return at != NULL ? strtod(at + strlen(name), NULL) : -1.0;
}

static void turns(const struct whole *whole)
{
    static char text[1 << 16];
    char command[1200];
    (void)snprintf(command, sizeof command, "%s status c0 --rig %s --json", whole->program,
                   whole->rig);
    FILE *const out = popen(command, "re");
    const size_t size = out != NULL ? fread(text, 1, sizeof text - 1, out) : 0;
    text[size] = '\0';
    if (out != NULL) {
        while (fgetc(out) != EOF) {
        }
        (void)pclose(out);
    }
    print("daemon_turns", number_in(text, "\"daemon_turns\":"));
    print("daemon_turns_over_1_ms", number_in(text, "\"daemon_turns_over_1_ms\":"));
    print("daemon_longest_turn_ms", number_in(text, "\"daemon_longest_turn_ms\":"));
}

static void memory(const struct whole *whole, double empty_KiB)
{
    const struct family *const family = &whole->family;
    const unsigned channels = whole->far.ports * whole->far.outputs;
    double ports_KiB = 0.0;
    double sources_KiB = 0.0;
    for (unsigned i = 0; i < family->port_count; i++) {
        ports_KiB += far_private_KiB(family->ports[i]);
    }
    for (unsigned i = 0; i < family->source_count; i++) {
        sources_KiB += far_private_KiB(family->sources[i]);
    }
    const double daemon_KiB = far_private_KiB(family->daemon);
    print("daemon_empty_KiB", empty_KiB);
    print("daemon_KiB_per_channel", (daemon_KiB - empty_KiB) / channels);
    print("source_KiB", sources_KiB / (family->source_count > 0 ? family->source_count : 1));
    print("port_KiB", ports_KiB / family->port_count);
}

static void end(struct whole *whole)
{
    (void)kill(whole->supervisor, SIGTERM);
    for (unsigned i = 0; i < 100; i++) {
        if (waitpid(whole->supervisor, NULL, WNOHANG) == whole->supervisor) {
            far_stop(&whole->far);
            return;
        }
        nap_ms(100);
    }
    (void)fprintf(stderr, "bench: the supervisor does not end\n");
    (void)kill(whole->supervisor, SIGKILL);
    far_stop(&whole->far);
}

static void run(struct whole *whole)
{
    char sha256[65];
    (void)snprintf(whole->rig, sizeof whole->rig, "%s/rig.yaml", whole->folder);
    (void)snprintf(whole->runs, sizeof whole->runs, "%s/runs", whole->folder);
    (void)snprintf(whole->disk_path, sizeof whole->disk_path, "%s/disk", whole->folder);
    map_disk(whole);
    far_start(&whole->far);
    far_write_rig(&whole->far, whole->driver, whole->rig, sha256);
    start_supervisor(whole);
    wait_for_daemon(whole);
    find_family(whole);
    const double empty_KiB = far_private_KiB(whole->family.daemon);
    start_runs(whole);
    wait_until_all_are_on(whole);
    find_family(whole);
    steady(whole);
    memory(whole, empty_KiB);
    cutoffs(whole);
    limits(whole);
    turns(whole);
    end(whole);
}

int main(int argc, char **argv)
{
    static struct whole whole;
    if (argc != 11) {
        (void)fputs("bench_whole PORTS OUTPUTS SECONDS STALL_MS FOLDER PROGRAM DRIVER SHIM "
                    "PROTOCOL CELL\n",
                    stderr);
        return 2;
    }
    whole.far.ports = (unsigned)strtoul(argv[1], NULL, 10);
    whole.far.outputs = (unsigned)strtoul(argv[2], NULL, 10);
    whole.seconds = (double)strtol(argv[3], NULL, 10);
    whole.stall_ms = (int)strtol(argv[4], NULL, 10);
    whole.folder = argv[5];
    whole.program = argv[6];
    whole.driver = argv[7];
    whole.shim = argv[8];
    whole.protocol = argv[9];
    whole.cell = argv[10];
    if (whole.far.ports < 1 || whole.far.ports > FAR_PORTS_MAX || whole.far.outputs < 1 ||
        whole.far.outputs > RACK_OUTPUTS_MAX || whole.seconds < 1.0) {
        return 2;
    }
    run(&whole);
    return 0;
}
