/* Port processes under load, beside the floor: the same wire, the same number of processes, the
 * same polls, at the same time.
 *
 *   bench_live PORTS OUTPUTS SECONDS PROGRAM DRIVER [FLOOR]
 *
 *   far end ◄── pseudo-terminals ──► `PROGRAM port` × PORTS ◄── sockets ──► a plain daemon
 *   far end ◄── pseudo-terminals ──► FLOOR × PORTS
 *
 * PROGRAM is cyclostat, FLOOR is bench_ptyloop; each has a far end of its own. They share the
 * processors, so that whatever else the machine does meets both alike; their grids are half a slot
 * apart, so that they do not meet each other. The daemon arms, applies, renews leases and confirms
 * readings. For SECONDS nothing else happens; then, for as long, about one reading in a hundred of
 * an output that is on lies beyond the limit, and who tripped is rearmed and armed again.
 *
 * Prints a line for PROGRAM and one for FLOOR: us of CPU per exchange of all port processes, % of a
 * core, exchanges, missed polls, limit to action in us (p50, p99, most), how many, and KiB of
 * private memory per port process. */
#include "base/priority.h"
#include "bench/far_end.h"
#include "device/message.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIRM_NS      CYC_S_NS /* a daemon does when readings are on the disk, far less often */
#define SETTLE_NS       (3 * CYC_S_NS)
#define SETTLE_SHORT_NS (1500 * CYC_MS_NS) /* of a smoke run */

struct side {            /* subject or floor */
    const char *program; /* NULL: not there */
    struct far_end far;
    pid_t processes[FAR_PORTS_MAX];
    double used_s;
};

struct live {
    struct side subject, floor;
    double seconds;
    const char *driver;
    char folder[64];
    char rig[128], sha256[65];
    int sockets[FAR_PORTS_MAX];
    int supervisor[FAR_PORTS_MAX]; /* this end of the socket that the port process beats on */
    uint64_t confirmed[FAR_PORTS_MAX], epochs[FAR_PORTS_MAX];
    int64_t again_ns[FAR_PORTS_MAX * RACK_OUTPUTS_MAX]; /* when a channel is armed again; 0: not */
    uint32_t number;
};

/* ---- The port processes -----------------------------------------------------------------------
 */

static void start_port(struct live *live, unsigned port)
{
    char name[16];
    char supervisor[16];
    (void)snprintf(name, sizeof name, "p%u", port);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        far_die("no socket");
    }
    live->supervisor[port] = pair[0];
    live->subject.processes[port] = fork();
    if (live->subject.processes[port] != 0) {
        (void)close(pair[1]);
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(supervisor, sizeof supervisor, "%d", dup(pair[1])); /* not closed by exec */
    const char *const program = live->subject.program;
    (void)execl(program, program, "port", "--rig", live->rig, "--state", live->folder, "--port",
                name, "--supervisor-fd", supervisor, (char *)NULL);
    far_die(program);
}

static void start_bare_loop(struct side *floor, unsigned port)
{
    char outputs[16];
    char shift[16];
    (void)snprintf(outputs, sizeof outputs, "%u", floor->far.outputs);
    (void)snprintf(shift, sizeof shift, "%u", port % 16 * 6 + 3);
    floor->processes[port] = fork();
    if (floor->processes[port] == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execl(floor->program, floor->program, floor->far.names[port], outputs, "100", shift,
                    (char *)NULL);
        far_die(floor->program);
    }
}

/* ---- The daemon --------------------------------------------------------------------------------
 */

static void say(struct live *live, unsigned port, struct cyc_message *message)
{
    message->t_ns = far_now_ns();
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
    message = (struct cyc_message){.kind = CYC_MESSAGE_ALIVE, .channel = -1, .t_ns = far_now_ns()};
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
        for (unsigned k = 0; k < live->subject.far.ports; k++) {
            beat(live, k); /* those that wait for the others */
        }
        (void)poll(NULL, 0, 50);
    }
    far_die("a port process does not listen");
}

static void take(struct live *live, unsigned port, const struct cyc_message *message)
{
    struct cyc_message command = {.kind = CYC_MESSAGE_APPLY, .channel = message->channel};
    if (message->kind == CYC_MESSAGE_READING) {
        live->confirmed[port] = message->number;
        live->epochs[port] = message->epoch;
    } else if (message->kind == CYC_MESSAGE_ARMED && message->status == CYC_OK) {
        command.as.drive = (struct cyc_drive){.setpoint = {.number = ++live->number,
                                                           .control = CYC_CONTROL_CURRENT,
                                                           .value = RACK_CURRENT_A},
                                              .latest_V = (double)NAN,
                                              .backstop_low_V = (double)NAN,
                                              .backstop_high_V = (double)NAN};
        say(live, port, &command);
    } else if (message->kind == CYC_MESSAGE_ARMED || message->kind == CYC_MESSAGE_TRIPPED ||
               (message->kind == CYC_MESSAGE_APPLIED && message->status != CYC_OK)) {
        if (message->channel >= 0) {
            live->again_ns[message->channel] = far_now_ns() + 250 * CYC_MS_NS;
        }
    }
}

static void hear(struct live *live, unsigned port)
{
    struct cyc_message messages[CYC_MESSAGE_BATCH];
    unsigned count = 0;
    while (cyc_message_receive_many(live->sockets[port], messages, &count, NULL) == CYC_OK) {
        for (unsigned i = 0; i < count; i++) {
            take(live, port, &messages[i]);
        }
    }
}

static void confirm(struct live *live)
{
    for (unsigned i = 0; i < live->subject.far.ports; i++) {
        struct cyc_message message = {.kind = CYC_MESSAGE_CONFIRM,
                                      .channel = -1,
                                      .number = live->confirmed[i],
                                      .epoch = live->epochs[i]};
        if (live->confirmed[i] != 0) {
            say(live, i, &message);
        }
    }
}

static void renew(struct live *live)
{
    for (unsigned i = 0; i < live->subject.far.ports; i++) {
        beat(live, i);
        struct cyc_message lease = {.kind = CYC_MESSAGE_LEASE, .channel = -1};
        say(live, i, &lease);
    }
}

static void arm_again(struct live *live)
{
    const int64_t now = far_now_ns();
    for (unsigned i = 0; i < live->subject.far.ports * live->subject.far.outputs; i++) {
        if (live->again_ns[i] != 0 && live->again_ns[i] <= now) {
            struct cyc_message arm = {.kind = CYC_MESSAGE_ARM, .channel = (int32_t)i};
            const struct cyc_message rearm = {
                .kind = CYC_MESSAGE_REARM, .channel = -1, .t_ns = now};
            live->again_ns[i] = 0;
            (void)cyc_message_send(live->supervisor[i / live->subject.far.outputs], &rearm, -1,
                                   NULL);
            say(live, i / live->subject.far.outputs, &arm);
        }
    }
}

static void serve(struct live *live, int64_t until_ns)
{
    struct pollfd waiting[FAR_PORTS_MAX];
    int64_t renew_ns = 0;
    int64_t confirm_ns = far_now_ns();
    for (unsigned i = 0; i < live->subject.far.ports; i++) {
        waiting[i] = (struct pollfd){.fd = live->sockets[i], .events = POLLIN};
    }
    while (far_now_ns() < until_ns) {
        (void)poll(waiting, live->subject.far.ports, 20);
        for (unsigned i = 0; i < live->subject.far.ports; i++) {
            if (waiting[i].revents != 0) {
                hear(live, i);
            }
        }
        if (far_now_ns() - renew_ns >= CYC_HEARTBEAT_NS) {
            renew_ns = far_now_ns();
            renew(live);
        }
        if (far_now_ns() - confirm_ns >= CONFIRM_NS) {
            confirm_ns = far_now_ns();
            confirm(live);
        }
        arm_again(live);
    }
}

/* ---- Together ----------------------------------------------------------------------------------
 */

static double total_cpu_s(const struct side *side)
{
    double sum_s = 0.0;
    for (unsigned i = 0; i < side->far.ports; i++) {
        double first_s = 0.0;
        sum_s += far_cpu_s(side->processes[i], &first_s) + first_s;
    }
    return sum_s;
}

static void print(const struct side *side, double seconds)
{
    struct far_stamps *const stamps = side->far.stamps;
    const struct far_quantiles off = far_quantiles(&stamps->series[OVER_CHANNEL][0]);
    double private_sum_KiB = 0.0;
    for (unsigned i = 0; i < side->far.ports; i++) {
        private_sum_KiB += far_private_KiB(side->processes[i]);
    }
    (void)printf("%.3f %.3f %llu %llu %.0f %.0f %.0f %u %.0f\n",
                 1e6 * side->used_s / (double)(stamps->exchanges > 0 ? stamps->exchanges : 1),
                 100.0 * side->used_s / seconds, (unsigned long long)stamps->exchanges,
                 (unsigned long long)stamps->missed, off.p50_us, off.p99_us, off.most_us, off.count,
                 private_sum_KiB / side->far.ports);
}

static void end_side(struct side *side)
{
    for (unsigned i = 0; i < side->far.ports; i++) {
        (void)kill(side->processes[i], SIGKILL);
        (void)waitpid(side->processes[i], NULL, 0);
    }
    far_stop(&side->far);
}

static void clean_up(const struct live *live)
{
    for (unsigned i = 0; i < live->subject.far.ports; i++) {
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

static void start(struct live *live, struct side *sides[2], unsigned count)
{
    (void)snprintf(live->rig, sizeof live->rig, "%s/rig.yaml", live->folder);
    for (unsigned i = 0; i < count; i++) {
        far_start(&sides[i]->far);
    }
    far_write_rig(&live->subject.far, live->driver, live->rig, live->sha256);
    for (unsigned i = 0; i < live->subject.far.ports; i++) {
        start_port(live, i);
    }
    for (unsigned i = 0; i < live->subject.far.ports; i++) {
        call(live, i);
    }
    for (unsigned i = 0; i < live->subject.far.ports && count > 1; i++) {
        start_bare_loop(&live->floor, i);
    }
    for (unsigned i = 0; i < live->subject.far.ports * live->subject.far.outputs; i++) {
        live->again_ns[i] = far_now_ns() + CYC_S_NS; /* once they have identified their racks */
    }
    serve(live, far_now_ns() + (live->seconds < 2.0 ? SETTLE_SHORT_NS : SETTLE_NS));
}

static void run(struct live *live)
{
    struct side *sides[2] = {&live->subject, &live->floor};
    const unsigned count = live->floor.program != NULL ? 2 : 1;
    (void)cyc_go_first(); /* this is the ports' supervisor, too */
    start(live, sides, count);
    for (unsigned i = 0; i < count; i++) {
        sides[i]->used_s = -total_cpu_s(sides[i]);
        sides[i]->far.stamps->measuring = 1;
    }
    serve(live, far_now_ns() + (int64_t)(live->seconds * 1e9));
    for (unsigned i = 0; i < count; i++) {
        sides[i]->far.stamps->measuring = 0;
        sides[i]->used_s += total_cpu_s(sides[i]);
        sides[i]->far.stamps->chance = OVER_CHANNEL;
    }
    serve(live, far_now_ns() + (int64_t)(live->seconds * 1e9));
    for (unsigned i = 0; i < count; i++) {
        sides[i]->far.stamps->chance = OVER_NONE;
        print(sides[i], live->seconds);
    }
    for (unsigned i = 0; i < count; i++) {
        end_side(sides[i]);
    }
    clean_up(live);
}

int main(int argc, char **argv)
{
    static struct live live;
    if (argc != 6 && argc != 7) {
        (void)fputs("bench_live PORTS OUTPUTS SECONDS PROGRAM DRIVER [FLOOR]\n", stderr);
        return 2;
    }
    struct far_end *const far = &live.subject.far;
    far->ports = (unsigned)strtoul(argv[1], NULL, 10);
    far->outputs = (unsigned)strtoul(argv[2], NULL, 10);
    live.floor.far = *far;
    live.seconds = (double)strtol(argv[3], NULL, 10);
    live.subject.program = argv[4];
    live.driver = argv[5];
    live.floor.program = argc == 7 ? argv[6] : NULL;
    if (far->ports < 1 || far->ports > FAR_PORTS_MAX || far->outputs < 1 ||
        far->outputs > RACK_OUTPUTS_MAX || live.seconds < 1.0) {
        return 2;
    }
    (void)cyc_copy(live.folder, sizeof live.folder, "/tmp/cyclostat-bench-XXXXXX");
    if (mkdtemp(live.folder) == NULL) {
        far_die("no folder");
    }
    run(&live);
    return 0;
}
