#include "bench/far_end.h"
#include "base/priority.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

void far_die(const char *what)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

int64_t far_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- The racks --------------------------------------------------------------------------------
 */

struct slot { /* one output */
    bool on;
    enum over over;
    unsigned disk;              /* when that began */
    int64_t polled_ns, over_ns; /* over_ns 0: not beyond anything */
    unsigned polls;
};

struct racks {
    struct far_end *far;
    struct slot slots[FAR_PORTS_MAX][RACK_OUTPUTS_MAX];
    char lines[FAR_PORTS_MAX][64];
    size_t used[FAR_PORTS_MAX];
    uint64_t random;
};

static void reply(const struct racks *racks, unsigned port, const char *text)
{
    const size_t size = strlen(text);
    if (write(racks->far->masters[port], text, size) != (ssize_t)size) {
        far_die("the rack cannot answer");
    }
}

static void count_poll(struct racks *racks, struct slot *slot)
{
    struct far_stamps *const stamps = racks->far->stamps;
    const int64_t now = far_now_ns();
    /* Readings out of turn (again, at once) are none of the grid's. */
    if (stamps->measuring != 0 && slot->polled_ns != 0 &&
        now - slot->polled_ns > FAR_PERIOD_NS * 3 / 2) {
        stamps->missed +=
            (uint64_t)((now - slot->polled_ns + FAR_PERIOD_NS / 2) / FAR_PERIOD_NS - 1);
    }
    slot->polled_ns = now;
}

static enum over next_over(struct racks *racks, volatile unsigned char *order)
{
    const struct far_stamps *const stamps = racks->far->stamps;
    racks->random ^= racks->random << 13;
    racks->random ^= racks->random >> 7;
    racks->random ^= racks->random << 17;
    const enum over chance = (enum over)stamps->chance;
    const enum over ordered = (enum over) * order;
    *order = OVER_NONE;
    return ordered != OVER_NONE ? ordered : racks->random % 100 == 0 ? chance : OVER_NONE;
}

/* A cell's voltage as an instrument reads it: 30 mV more under current, and its last digits never
 * stand still. */
static void measure(struct racks *racks, unsigned port, unsigned output)
{
    static const double voltages_V[OVER_COUNT] = {
        [OVER_NONE] = 3.73, [OVER_CUTOFF] = 3.76, [OVER_PROTOCOL] = 4.9, [OVER_CHANNEL] = 5.1};
    struct slot *const slot = &racks->slots[port][output];
    count_poll(racks, slot);
    if (slot->on && slot->over == OVER_NONE) {
        slot->over = next_over(racks, &racks->far->stamps->orders[port][output]);
        slot->disk = racks->far->stamps->disk != 0 ? 1 : 0;
    }
    char text[64];
    const double noise_V = 1e-5 * (double)(slot->polls++ * 7 % 50);
    (void)snprintf(text, sizeof text, "%+.7E,%+.7E,%d\n",
                   (slot->on ? voltages_V[slot->over] : 3.7) + noise_V,
                   slot->on ? RACK_CURRENT_A : 0.0, slot->on);
    if (slot->over != OVER_NONE && slot->over_ns == 0) {
        slot->over_ns = far_now_ns();
    }
    reply(racks, port, text);
}

static void switch_off(struct racks *racks, struct slot *slot)
{
    struct far_series *const series = &racks->far->stamps->series[slot->over][slot->disk];
    if (slot->over != OVER_NONE && series->count < FAR_LATENCIES_MAX) {
        series->ns[series->count++] = far_now_ns() - slot->over_ns;
    }
    slot->over = OVER_NONE;
    slot->over_ns = 0;
    slot->on = false;
}

static void carry_out(struct racks *racks, unsigned port, const char *line)
{
    struct far_stamps *const stamps = racks->far->stamps;
    const unsigned output = (unsigned)strtoul(line + 1, NULL, 10) % RACK_OUTPUTS_MAX;
    struct slot *const slot = &racks->slots[port][output];
    stamps->exchanges += stamps->measuring != 0 ? 1 : 0;
    if (line[0] == 'M') {
        measure(racks, port, output);
    } else if (line[0] == 'S') {
        switch_off(racks, slot);
        reply(racks, port, "0\n");
    } else if (line[0] == 'A' || line[0] == 'P') {
        slot->on = slot->on || line[0] == 'A';
        reply(racks, port, "1\n");
    } else if (line[0] == 'I') {
        reply(racks, port, "RACK,1\n");
    }
    stamps->on[port][output] = slot->on;
}

static void take(struct racks *racks, unsigned port)
{
    char *const line = racks->lines[port];
    const ssize_t got = read(racks->far->masters[port], line + racks->used[port],
                             sizeof racks->lines[port] - 1 - racks->used[port]);
    if (got <= 0) {
        return;
    }
    racks->used[port] += (size_t)got;
    line[racks->used[port]] = '\0';
    for (char *end; (end = strchr(line, '\n')) != NULL;) {
        *end = '\0';
        carry_out(racks, port, line);
        racks->used[port] -= (size_t)(end + 1 - line);
        memmove(line, end + 1, racks->used[port] + 1);
    }
    if (racks->used[port] + 1 == sizeof racks->lines[port]) {
        racks->used[port] = 0;
    }
}

static void run_racks(struct far_end *far)
{
    struct racks *const racks = calloc(1, sizeof *racks);
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)cyc_go_first(); /* an instrument has a processor of its own */
    if (racks == NULL || poller < 0) {
        far_die("the rack does not start");
    }
    racks->far = far;
    racks->random = 88172645463325252u;
    for (unsigned i = 0; i < far->ports; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        (void)epoll_ctl(poller, EPOLL_CTL_ADD, far->masters[i], &event);
    }
    for (;;) {
        struct epoll_event events[FAR_PORTS_MAX];
        const int count = epoll_wait(poller, events, FAR_PORTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            take(racks, events[i].data.u32);
        }
    }
}

static void open_ports(struct far_end *far)
{
    for (unsigned i = 0; i < far->ports; i++) {
        struct termios raw;
        int slave = -1;
        memset(&raw, 0, sizeof raw);
        cfmakeraw(&raw);
        raw.c_cflag |= CLOCAL | CREAD | CS8;
        (void)cfsetspeed(&raw, B115200);
        if (openpty(&far->masters[i], &slave, far->names[i], &raw, NULL) != 0) {
            far_die("no pseudo-terminal");
        }
        (void)fcntl(far->masters[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(slave, F_SETFD, FD_CLOEXEC); /* stays open here, so that it never hangs up */
    }
}

void far_start(struct far_end *far)
{
    far->stamps =
        mmap(NULL, sizeof *far->stamps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (far->stamps == MAP_FAILED) {
        far_die("no shared memory");
    }
    open_ports(far);
    far->process = fork();
    if (far->process == 0) {
        run_racks(far);
    }
}

void far_stop(struct far_end *far)
{
    (void)kill(far->process, SIGKILL);
    (void)waitpid(far->process, NULL, 0);
}

void far_write_rig(const struct far_end *far, const char *driver, const char *path, char sha256[65])
{
    struct cyc_text text = {0};
    cyc_text_append(&text, "cyclostat_rig: 1\nname: rack\nports:\n");
    for (unsigned i = 0; i < far->ports; i++) {
        cyc_text_format(&text, "  p%u: {address: %s}\n", i, far->names[i]);
    }
    cyc_text_append(&text, "instruments:\n");
    for (unsigned i = 0; i < far->ports; i++) {
        cyc_text_format(&text,
                        "  r%u: {driver: %s, port: p%u, poll: 100 ms, accept: no_watchdog, "
                        "options: {outputs: %u}}\n",
                        i, driver, i, far->outputs);
    }
    cyc_text_append(&text, "channels:\n");
    for (unsigned i = 0; i < far->ports * far->outputs; i++) {
        cyc_text_format(&text,
                        "  c%u: {cycler: r%u.%u, limits: {voltage: [0 V, 5 V], current: 5 mA}}\n",
                        i, i / far->outputs, i % far->outputs + 1);
    }
    FILE *const file = fopen(path, "we");
    if (file == NULL || fputs(cyc_text_get(&text), file) < 0 || fclose(file) != 0 ||
        chmod(path, 0600) != 0) {
        far_die(path);
    }
    cyc_sha256(text.data, text.length, sha256);
    cyc_text_release(&text);
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

struct far_quantiles far_quantiles(struct far_series *series)
{
    const unsigned count = series->count;
    if (count == 0) {
        return (struct far_quantiles){0};
    }
    qsort(series->ns, count, sizeof series->ns[0], by_size);
    return (struct far_quantiles){.count = count,
                                  .p50_us = 1e-3 * (double)series->ns[count / 2],
                                  .p99_us = 1e-3 * (double)series->ns[count * 99 / 100],
                                  .most_us = 1e-3 * (double)series->ns[count - 1]};
}

/* ---- Processes --------------------------------------------------------------------------------
 */

/* "123456 …": ns on a processor so far. */
static double thread_cpu_s(const char *path)
{
    unsigned long long time_ns = 0;
    FILE *const file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%llu", &time_ns) != 1) {
        far_die("a process has ended");
    }
    (void)fclose(file);
    return 1e-9 * (double)time_ns;
}

double far_cpu_s(pid_t pid, double *first_s)
{
    char path[300];
    double others_s = 0.0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *const folder = opendir(path);
    if (folder == NULL) {
        far_die("a process has ended");
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        const double own_s = thread_cpu_s(path);
        if (strtol(entry->d_name, NULL, 10) == pid) {
            *first_s = own_s;
        } else {
            others_s += own_s;
        }
    }
    (void)closedir(folder);
    return others_s;
}

double far_private_KiB(pid_t pid)
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
