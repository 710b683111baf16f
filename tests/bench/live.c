/* Port processes under load, against the floor: the same wire, the same number of processes, the
 * same polls.
 *
 *   bench_live subject|floor PORTS OUTPUTS SECONDS PROGRAM DRIVER
 *
 *   rack ◄── pseudo-terminals ──► `cyclostat port` × PORTS ◄── sockets ──► a daemon as plain as can
 * be │                           or bench_ptyloop × PORTS └─ stamps, in shared memory
 *
 * PROGRAM is cyclostat or bench_ptyloop. The rack is a process of its own: it answers, it counts
 * the polls that did not come, about one reading in a hundred of an output that is on lies beyond
 * the limit and stays there until OFF arrives, and it takes both times, so that the subject cannot
 * flatter itself. The daemon arms, applies, renews leases and confirms readings.
 *
 * Prints: us of CPU per exchange of all port processes, % of a core, exchanges, missed polls, limit
 * to action in us (p50, p99, most), how many, and KiB of private memory per port process. */
#include "bench/rack.h"
#include "device/message.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PORTS_MAX     64
#define PERIOD_NS     (100 * CYC_MS_NS)
#define LATENCIES_MAX 65536
#define SETTLE_NS     (3 * CYC_S_NS)

struct stamps { /* shared with the rack */
    volatile int measuring;
    volatile uint64_t exchanges, missed;
    volatile unsigned latency_count;
    int64_t latencies_ns[LATENCIES_MAX];
};

struct live {
    bool floor;
    unsigned ports, outputs;
    double seconds;
    const char *program, *driver;
    char folder[64];
    char rig[128], sha256[65];
    int masters[PORTS_MAX];
    char names[PORTS_MAX][64];
    pid_t rack, processes[PORTS_MAX];
    int sockets[PORTS_MAX];
    int supervisor[PORTS_MAX]; /* this end of the socket that the port process beats on */
    uint64_t confirmed[PORTS_MAX], epochs[PORTS_MAX];
    int64_t again_ns[PORTS_MAX * RACK_OUTPUTS_MAX]; /* when a channel is armed again; 0: not */
    uint32_t number;
    struct stamps *stamps;
};

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_live: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- The rack ---------------------------------------------------------------------------------
 */

struct slot { /* one output */
    bool on;
    int64_t polled_ns, over_ns; /* over_ns 0: within the limits */
};

struct rack {
    struct live *live;
    struct slot slots[PORTS_MAX][RACK_OUTPUTS_MAX];
    char lines[PORTS_MAX][64];
    size_t used[PORTS_MAX];
    uint64_t random;
};

static void reply(const struct rack *rack, unsigned port, const char *text)
{
    const size_t size = strlen(text);
    if (write(rack->live->masters[port], text, size) != (ssize_t)size) {
        die("the rack cannot answer");
    }
}

static void count_poll(struct rack *rack, struct slot *slot)
{
    struct stamps *const stamps = rack->live->stamps;
    const int64_t now = now_ns();
    /* Readings out of turn (again, at once) are none of the grid's. */
    if (stamps->measuring != 0 && slot->polled_ns != 0 &&
        now - slot->polled_ns > PERIOD_NS * 3 / 2) {
        stamps->missed += (uint64_t)((now - slot->polled_ns + PERIOD_NS / 2) / PERIOD_NS - 1);
    }
    slot->polled_ns = now;
}

static void measure(struct rack *rack, unsigned port, struct slot *slot)
{
    count_poll(rack, slot);
    rack->random ^= rack->random << 13;
    rack->random ^= rack->random >> 7;
    rack->random ^= rack->random << 17;
    if (slot->on && slot->over_ns == 0 && rack->live->stamps->measuring != 0 &&
        rack->random % 100 == 0) {
        slot->over_ns = now_ns();
    }
    reply(rack, port,
          slot->over_ns != 0 ? "+5.5000000E+00,+1.0000000E-03,1\n"
          : slot->on         ? "+3.7012345E+00,+1.0000000E-03,1\n"
                             : "+3.7012345E+00,+0.0000000E+00,0\n");
}

static void switch_off(struct rack *rack, struct slot *slot)
{
    struct stamps *const stamps = rack->live->stamps;
    if (slot->over_ns != 0 && stamps->latency_count < LATENCIES_MAX) {
        stamps->latencies_ns[stamps->latency_count++] = now_ns() - slot->over_ns;
    }
    slot->over_ns = 0;
    slot->on = false;
}

static void carry_out(struct rack *rack, unsigned port, const char *line)
{
    const unsigned output = (unsigned)strtoul(line + 1, NULL, 10) % RACK_OUTPUTS_MAX;
    struct slot *const slot = &rack->slots[port][output];
    rack->live->stamps->exchanges += rack->live->stamps->measuring != 0 ? 1 : 0;
    if (line[0] == 'M') {
        measure(rack, port, slot);
    } else if (line[0] == 'S') {
        switch_off(rack, slot);
        reply(rack, port, "0\n");
    } else if (line[0] == 'A' || line[0] == 'P') {
        slot->on = slot->on || line[0] == 'A';
        reply(rack, port, "1\n");
    } else if (line[0] == 'I') {
        reply(rack, port, "RACK,1\n");
    }
}

static void take(struct rack *rack, unsigned port)
{
    char *const line = rack->lines[port];
    const ssize_t got = read(rack->live->masters[port], line + rack->used[port],
                             sizeof rack->lines[port] - 1 - rack->used[port]);
    if (got <= 0) {
        return;
    }
    rack->used[port] += (size_t)got;
    line[rack->used[port]] = '\0';
    for (char *end; (end = strchr(line, '\n')) != NULL;) {
        *end = '\0';
        carry_out(rack, port, line);
        rack->used[port] -= (size_t)(end + 1 - line);
        memmove(line, end + 1, rack->used[port] + 1);
    }
    if (rack->used[port] + 1 == sizeof rack->lines[port]) {
        rack->used[port] = 0;
    }
}

static void run_rack(struct live *live)
{
    struct rack *const rack = calloc(1, sizeof *rack);
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (rack == NULL || poller < 0) {
        die("the rack does not start");
    }
    rack->live = live;
    rack->random = 88172645463325252u;
    for (unsigned i = 0; i < live->ports; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        (void)epoll_ctl(poller, EPOLL_CTL_ADD, live->masters[i], &event);
    }
    for (;;) {
        struct epoll_event events[PORTS_MAX];
        const int count = epoll_wait(poller, events, PORTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            take(rack, events[i].data.u32);
        }
    }
}

static void open_ports(struct live *live)
{
    for (unsigned i = 0; i < live->ports; i++) {
        struct termios raw;
        int slave = -1;
        memset(&raw, 0, sizeof raw);
        cfmakeraw(&raw);
        raw.c_cflag |= CLOCAL | CREAD | CS8;
        (void)cfsetspeed(&raw, B115200);
        if (openpty(&live->masters[i], &slave, live->names[i], &raw, NULL) != 0) {
            die("no pseudo-terminal");
        }
        (void)fcntl(live->masters[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(slave, F_SETFD, FD_CLOEXEC); /* stays open here, so that it never hangs up */
    }
}

/* ---- The port processes -----------------------------------------------------------------------
 */

static void write_rig(struct live *live)
{
    struct cyc_text text = {0};
    cyc_text_append(&text, "cyclostat_rig: 1\nname: rack\nports:\n");
    for (unsigned i = 0; i < live->ports; i++) {
        cyc_text_format(&text, "  p%u: {address: %s}\n", i, live->names[i]);
    }
    cyc_text_append(&text, "instruments:\n");
    for (unsigned i = 0; i < live->ports; i++) {
        cyc_text_format(&text,
                        "  r%u: {driver: %s, port: p%u, poll: 100 ms, accept: no_watchdog, "
                        "options: {outputs: %u}}\n",
                        i, live->driver, i, live->outputs);
    }
    cyc_text_append(&text, "channels:\n");
    for (unsigned i = 0; i < live->ports * live->outputs; i++) {
        cyc_text_format(&text,
                        "  c%u: {cycler: r%u.%u, limits: {voltage: [0 V, 5 V], current: 5 mA}}\n",
                        i, i / live->outputs, i % live->outputs + 1);
    }
    (void)snprintf(live->rig, sizeof live->rig, "%s/rig.yaml", live->folder);
    FILE *const file = fopen(live->rig, "we");
    if (file == NULL || fputs(cyc_text_get(&text), file) < 0 || fclose(file) != 0 ||
        chmod(live->rig, 0600) != 0) {
        die(live->rig);
    }
    cyc_sha256(text.data, text.length, live->sha256);
    cyc_text_release(&text);
}

static void start_port(struct live *live, unsigned port)
{
    char name[16];
    char outputs[16];
    char shift[16];
    (void)snprintf(name, sizeof name, "p%u", port);
    (void)snprintf(outputs, sizeof outputs, "%u", live->outputs);
    (void)snprintf(shift, sizeof shift, "%u", port % 16 * 6);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        die("no socket");
    }
    live->supervisor[port] = pair[0];
    live->processes[port] = fork();
    if (live->processes[port] != 0) {
        (void)close(pair[1]);
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (live->floor) {
        (void)execl(live->program, live->program, live->names[port], outputs, "100", shift,
                    (char *)NULL);
    } else {
        (void)snprintf(shift, sizeof shift, "%d", dup(pair[1])); /* not closed by exec */
        (void)execl(live->program, live->program, "port", "--rig", live->rig, "--state",
                    live->folder, "--port", name, "--supervisor-fd", shift, (char *)NULL);
    }
    die(live->program);
}

/* "123456 …": ns on a processor so far. */
static double cpu_s(pid_t pid)
{
    char path[64];
    unsigned long long time_ns = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    FILE *const file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%llu", &time_ns) != 1) {
        die("a port process has ended");
    }
    (void)fclose(file);
    return 1e-9 * (double)time_ns;
}

static double private_KiB(pid_t pid)
{
    char path[64];
    char line[256];
    double sum_KiB = 0.0;
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *const file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        sum_KiB += strncmp(line, "Private_", 8) == 0
                       ? (double)strtol(strchr(line, ':') + 1, NULL, 10)
                       : 0.0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return sum_KiB;
}

/* ---- The daemon --------------------------------------------------------------------------------
 */

static void say(struct live *live, unsigned port, struct cyc_message *message)
{
    message->t_ns = now_ns();
    (void)cyc_message_send(live->sockets[port], message, -1, NULL);
}

/* What the supervisor does: hears, and says that it lives. */
static void beat(struct live *live, unsigned port)
{
    struct cyc_message message;
    int passed = -1;
    while (cyc_message_receive(live->supervisor[port], &message, &passed, NULL) == CYC_OK) {
        if (passed >= 0) {
            (void)close(passed);
        }
    }
    message = (struct cyc_message){.kind = CYC_MESSAGE_ALIVE, .channel = -1, .t_ns = now_ns()};
    (void)cyc_message_send(live->supervisor[port], &message, -1, NULL);
}

static void call(struct live *live, unsigned port)
{
    char name[32];
    (void)snprintf(name, sizeof name, "port-p%u.sock", port);
    for (unsigned i = 0; i < 200; i++) {
        if (cyc_message_connect(live->folder, name, &live->sockets[port], NULL) == CYC_OK) {
            struct cyc_message hello = {.kind = CYC_MESSAGE_HELLO, .index = CYC_MESSAGE_VERSION};
            (void)cyc_copy(hello.text, sizeof hello.text, live->sha256);
            say(live, port, &hello);
            return;
        }
        for (unsigned k = 0; k < live->ports; k++) {
            beat(live, k); /* those that wait for the others */
        }
        (void)poll(NULL, 0, 50);
    }
    die("a port process does not listen");
}

static void hear(struct live *live, unsigned port)
{
    struct cyc_message message;
    while (cyc_message_receive(live->sockets[port], &message, NULL, NULL) == CYC_OK) {
        struct cyc_message command = {.kind = CYC_MESSAGE_APPLY, .channel = message.channel};
        if (message.kind == CYC_MESSAGE_READING) {
            live->confirmed[port] = message.number;
            live->epochs[port] = message.epoch;
        } else if (message.kind == CYC_MESSAGE_ARMED && message.status == CYC_OK) {
            command.as.drive = (struct cyc_drive){.setpoint = {.number = ++live->number,
                                                               .control = CYC_CONTROL_CURRENT,
                                                               .value = RACK_CURRENT_A},
                                                  .latest_V = (double)NAN,
                                                  .backstop_low_V = (double)NAN,
                                                  .backstop_high_V = (double)NAN};
            say(live, port, &command);
        } else if (message.kind == CYC_MESSAGE_ARMED || message.kind == CYC_MESSAGE_TRIPPED ||
                   (message.kind == CYC_MESSAGE_APPLIED && message.status != CYC_OK)) {
            if (message.channel >= 0) {
                live->again_ns[message.channel] = now_ns() + 250 * CYC_MS_NS;
            }
        }
    }
}

static void renew(struct live *live)
{
    for (unsigned i = 0; i < live->ports; i++) {
        beat(live, i);
        struct cyc_message lease = {.kind = CYC_MESSAGE_LEASE, .channel = -1};
        struct cyc_message confirm = {.kind = CYC_MESSAGE_CONFIRM,
                                      .channel = -1,
                                      .number = live->confirmed[i],
                                      .epoch = live->epochs[i]};
        say(live, i, &lease);
        if (live->confirmed[i] != 0) {
            say(live, i, &confirm);
        }
    }
}

static void arm_again(struct live *live)
{
    const int64_t now = now_ns();
    for (unsigned i = 0; i < live->ports * live->outputs; i++) {
        if (live->again_ns[i] != 0 && live->again_ns[i] <= now) {
            struct cyc_message arm = {.kind = CYC_MESSAGE_ARM, .channel = (int32_t)i};
            live->again_ns[i] = 0;
            say(live, i / live->outputs, &arm);
        }
    }
}

static void serve(struct live *live, int64_t until_ns)
{
    struct pollfd waiting[PORTS_MAX];
    int64_t renew_ns = 0;
    for (unsigned i = 0; i < live->ports; i++) {
        waiting[i] = (struct pollfd){.fd = live->floor ? -1 : live->sockets[i], .events = POLLIN};
    }
    while (now_ns() < until_ns) {
        (void)poll(waiting, live->ports, 20);
        if (live->floor) {
            continue;
        }
        for (unsigned i = 0; i < live->ports; i++) {
            if (waiting[i].revents != 0) {
                hear(live, i);
            }
        }
        if (now_ns() - renew_ns >= CYC_HEARTBEAT_NS) {
            renew_ns = now_ns();
            renew(live);
        }
        arm_again(live);
    }
}

/* ---- Together ----------------------------------------------------------------------------------
 */

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double total_cpu_s(const struct live *live)
{
    double sum_s = 0.0;
    for (unsigned i = 0; i < live->ports; i++) {
        sum_s += cpu_s(live->processes[i]);
    }
    return sum_s;
}

static void print(struct live *live, double used_s, double private_sum_KiB)
{
    struct stamps *const stamps = live->stamps;
    const unsigned count = stamps->latency_count;
    qsort(stamps->latencies_ns, count, sizeof stamps->latencies_ns[0], by_size);
    const double p50 = count > 0 ? 1e-3 * (double)stamps->latencies_ns[count / 2] : 0.0;
    const double p99 = count > 0 ? 1e-3 * (double)stamps->latencies_ns[count * 99 / 100] : 0.0;
    const double most = count > 0 ? 1e-3 * (double)stamps->latencies_ns[count - 1] : 0.0;
    (void)printf("%.3f %.3f %llu %llu %.0f %.0f %.0f %u %.0f\n",
                 1e6 * used_s / (double)(stamps->exchanges > 0 ? stamps->exchanges : 1),
                 100.0 * used_s / live->seconds, (unsigned long long)stamps->exchanges,
                 (unsigned long long)stamps->missed, p50, p99, most, count,
                 private_sum_KiB / live->ports);
}

static void end_all(struct live *live)
{
    for (unsigned i = 0; i < live->ports; i++) {
        (void)kill(live->processes[i], SIGKILL);
        (void)waitpid(live->processes[i], NULL, 0);
    }
    (void)kill(live->rack, SIGKILL);
    (void)waitpid(live->rack, NULL, 0);
    for (unsigned i = 0; i < live->ports && !live->floor; i++) {
        for (unsigned k = 0; k < 2; k++) {
            char path[128];
            (void)snprintf(path, sizeof path, k == 0 ? "%s/port-p%u.sock" : "%s/port-p%u.on",
                           live->folder, i);
            (void)unlink(path);
        }
    }
    (void)unlink(live->rig);
    (void)rmdir(live->folder);
}

static void run(struct live *live)
{
    open_ports(live);
    write_rig(live);
    live->rack = fork();
    if (live->rack == 0) {
        run_rack(live);
    }
    for (unsigned i = 0; i < live->ports; i++) {
        start_port(live, i);
    }
    for (unsigned i = 0; i < live->ports && !live->floor; i++) {
        call(live, i);
    }
    for (unsigned i = 0; i < live->ports * live->outputs; i++) {
        live->again_ns[i] = now_ns() + CYC_S_NS; /* once they have identified their racks */
    }
    serve(live, now_ns() + SETTLE_NS);
    const double before_s = total_cpu_s(live);
    live->stamps->measuring = 1;
    serve(live, now_ns() + (int64_t)(live->seconds * 1e9));
    live->stamps->measuring = 0;
    const double used_s = total_cpu_s(live) - before_s;
    double private_sum_KiB = 0.0;
    for (unsigned i = 0; i < live->ports; i++) {
        private_sum_KiB += private_KiB(live->processes[i]);
    }
    print(live, used_s, private_sum_KiB);
    end_all(live);
}

int main(int argc, char **argv)
{
    static struct live live;
    if (argc != 7) {
        (void)fputs("bench_live subject|floor PORTS OUTPUTS SECONDS PROGRAM DRIVER\n", stderr);
        return 2;
    }
    live.floor = strcmp(argv[1], "floor") == 0;
    live.ports = (unsigned)strtoul(argv[2], NULL, 10);
    live.outputs = (unsigned)strtoul(argv[3], NULL, 10);
    live.seconds = (double)strtol(argv[4], NULL, 10);
    live.program = argv[5];
    live.driver = argv[6];
    if (live.ports < 1 || live.ports > PORTS_MAX || live.outputs < 1 ||
        live.outputs > RACK_OUTPUTS_MAX || live.seconds < 1.0) {
        return 2;
    }
    (void)cyc_copy(live.folder, sizeof live.folder, "/tmp/cyclostat-bench-XXXXXX");
    if (mkdtemp(live.folder) == NULL) {
        die("no folder");
    }
    live.stamps =
        mmap(NULL, sizeof *live.stamps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (live.stamps == MAP_FAILED) {
        die("no shared memory");
    }
    run(&live);
    return 0;
}
