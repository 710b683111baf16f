/* A daemon that is not ours: it stands in for the program's own in the tests of what happens when
 * a daemon dies, hangs, or has lost its mind.
 *
 *   double supervise --rig R --state D     the supervisor, with this program as its children
 *   double daemon …                        behaves as $DOUBLE says:
 *
 *     steady       arms every channel, applies $DOUBLE_A ampere, renews the lease
 *     eager        as steady, and arms again whenever an instrument is there again
 *     forgetful    as steady, but renews no lease after two seconds, though it lives and talks
 *     hostile      ignores every limit: huge setpoints, no numbers, wrong indexes, floods, mangled
 *                  messages, and between them $DOUBLE_A, for ever
 *     hello        calls every port again and again, as fast as it can
 *     idle         renews the lease and does nothing
 *
 *   double port …, double safe …           the real program, $DOUBLE_CYCLOSTAT
 */
#include "device/message.h"
#include "device/port.h"
#include "run/supervisor.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

extern const struct cyc_driver *const cyc_drivers_builtin[];

#define PORTS_MAX     64
#define SUPERVISOR_FD 3

struct words {
    const char *rig, *state;
};

struct double_daemon {
    struct cyc_registry *registry;
    struct cyc_rig *rig;
    const char *state, *mode;
    double current_A;
    int ports[PORTS_MAX]; /* sockets, -1 */
    int64_t armed_ns[CYC_RIG_CHANNELS_MAX];
    bool refused[CYC_RIG_CHANNELS_MAX];
    uint64_t random;
    int64_t began_ns;
    FILE *log;
    uint32_t number;
};

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

static uint64_t roll(struct double_daemon *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

static struct words read_words(int argc, char **argv)
{
    struct words words = {NULL, NULL};
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rig") == 0) {
            words.rig = argv[i + 1];
        } else if (strcmp(argv[i], "--state") == 0) {
            words.state = argv[i + 1];
        }
    }
    if (words.rig == NULL || words.state == NULL) {
        (void)fputs("double: --rig and --state are needed\n", stderr);
        exit(2);
    }
    return words;
}

static struct cyc_rig *load(const char *path, struct cyc_registry **registry)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    struct cyc_diags diags;
    struct cyc_rig *rig = NULL;
    struct cyc_err err = {0};
    cyc_diags_init(&diags);
    if (cyc_registry_open(cyc_drivers_builtin, folders, registry, &err) != CYC_OK ||
        cyc_rig_load(path, *registry, &diags, &rig, &err) != CYC_OK) {
        (void)fprintf(stderr, "double: %s: %s\n", path, err.text);
        exit(2);
    }
    cyc_diags_release(&diags);
    return rig;
}

/* ---- The supervisor, with this program's children ----------------------------------------------
 */

static int supervise(const struct words *words)
{
    struct cyc_registry *registry = NULL;
    struct cyc_rig *const rig = load(words->rig, &registry);
    const char *ports[PORTS_MAX + 1] = {NULL};
    char program[1024];
    struct cyc_err err = {0};
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    for (unsigned i = 0; i < rig->port_count && i < PORTS_MAX; i++) {
        ports[i] = rig->ports[i].name;
    }
    const struct cyc_supervisor_options options = {
        .program = program, .rig_path = words->rig, .state_dir = words->state, .ports = ports};
    const int status = cyc_supervisor_run(&options, &err);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "double: %s\n", err.text);
    }
    cyc_rig_free(rig);
    cyc_registry_close(registry);
    return status == CYC_OK ? 0 : 4;
}

/* ---- A daemon ----------------------------------------------------------------------------------
 */

static void say(struct double_daemon *self, unsigned port, struct cyc_message *message)
{
    message->t_ns = now_ns();
    (void)cyc_message_send(self->ports[port], message, -1, NULL);
}

static unsigned port_of(const struct double_daemon *self, unsigned channel)
{
    return (unsigned)self->rig->instruments[self->rig->channels[channel].cycler].port;
}

static void call(struct double_daemon *self, unsigned port)
{
    char name[96];
    (void)snprintf(name, sizeof name, "port-%s.sock", self->rig->ports[port].name);
    if (cyc_message_connect(self->state, name, &self->ports[port], NULL) != CYC_OK) {
        self->ports[port] = -1;
        return;
    }
    struct cyc_message hello = {.kind = CYC_MESSAGE_HELLO, .index = CYC_MESSAGE_VERSION};
    (void)cyc_copy(hello.text, sizeof hello.text, self->rig->sha256);
    say(self, port, &hello);
    for (unsigned i = 0; i < self->rig->channel_count; i++) {
        if (port_of(self, i) == port) {
            self->armed_ns[i] = 0; /* its process is a new one */
        }
    }
}

static void arm(struct double_daemon *self, unsigned channel)
{
    struct cyc_message message = {.kind = CYC_MESSAGE_ARM,
                                  .channel = (int32_t)channel,
                                  .index = CYC_ARM_BY_PERSON}; /* it respects nothing */
    say(self, port_of(self, channel), &message);
    self->armed_ns[channel] = now_ns();
    self->refused[channel] = false;
}

static void apply(struct double_daemon *self, unsigned channel, struct cyc_setpoint setpoint)
{
    struct cyc_message message = {.kind = CYC_MESSAGE_APPLY, .channel = (int32_t)channel};
    setpoint.number = ++self->number;
    message.as.drive = (struct cyc_drive){
        .setpoint = setpoint, .latest_V = NAN, .backstop_low_V = NAN, .backstop_high_V = NAN};
    say(self, port_of(self, channel), &message);
}

static void drive(struct double_daemon *self, unsigned channel)
{
    apply(self, channel,
          (struct cyc_setpoint){.control = CYC_CONTROL_CURRENT, .value = self->current_A});
}

static void take(struct double_daemon *self, unsigned port, const struct cyc_message *message)
{
    if (message->kind != CYC_MESSAGE_READING) {
        (void)fprintf(self->log, "%lld %s channel %d status %d %s\n", (long long)message->t_ns,
                      cyc_message_name(message->kind), message->channel, message->status,
                      message->text);
    }
    if (message->kind == CYC_MESSAGE_TRIPPED && message->channel >= 0) {
        self->refused[message->channel] = true;
    }
    const bool back = message->kind == CYC_MESSAGE_LINK && message->status == CYC_OK;
    for (unsigned i = 0; back && i < self->rig->channel_count; i++) {
        const bool its = self->rig->channels[i].cycler == message->instrument;
        self->refused[i] |= its && strcmp(self->mode, "eager") == 0;
    }
    const bool idle = strcmp(self->mode, "idle") == 0;
    if (message->kind == CYC_MESSAGE_ARMED && message->status != CYC_OK && message->channel >= 0 &&
        message->channel < (int32_t)self->rig->channel_count) {
        self->refused[message->channel] = true; /* tried again */
    }
    if (message->kind == CYC_MESSAGE_ARMED && message->status == CYC_OK && !idle) {
        drive(self, (unsigned)message->channel);
    } else if (message->kind == CYC_MESSAGE_READING) {
        struct cyc_message confirm = {.kind = CYC_MESSAGE_CONFIRM, .number = message->number};
        say(self, port, &confirm);
    }
}

static void hear(struct double_daemon *self, unsigned port)
{
    struct cyc_message messages[CYC_MESSAGE_BATCH];
    unsigned count = 0;
    for (;;) {
        const int status = cyc_message_receive_many(self->ports[port], messages, &count, NULL);
        if (status == CYC_E_LOST) {
            (void)close(self->ports[port]);
            self->ports[port] = -1;
        }
        if (status != CYC_OK) {
            return;
        }
        for (unsigned i = 0; i < count; i++) {
            take(self, port, &messages[i]);
        }
    }
}

/* Arms again, half a second after the last try: what was tripped, refused or lost. */
static void arm_all(struct double_daemon *self)
{
    for (unsigned i = 0; i < self->rig->channel_count; i++) {
        const int64_t age_ns = now_ns() - self->armed_ns[i];
        const bool due =
            self->armed_ns[i] == 0 || strcmp(self->mode, "hostile") == 0 || self->refused[i];
        if (self->ports[port_of(self, i)] >= 0 && age_ns > CYC_S_NS / 4 && due) {
            arm(self, i);
        }
    }
}

static double odd_number(struct double_daemon *self)
{
    static const double odd[] = {0.0, 1e-9, 0.1, 1.0,  -1.0, 4.39,  4.6,
                                 5.0, 20,   -20, 1e30, -1e9, 1e-300};
    const uint64_t r = roll(self) % 16;
    return r < 13 ? odd[r] : r == 13 ? (double)NAN : r == 14 ? (double)INFINITY : -(double)INFINITY;
}

static double odd_degree(struct double_daemon *self)
{
    return roll(self) % 3 == 0 ? odd_number(self) : (double)(roll(self) % 4000) / 10.0 - 100.0;
}

static double odd_pressure(struct double_daemon *self)
{
    return roll(self) % 3 == 0 ? odd_number(self) : (double)(roll(self) % 2000) * 1e4;
}

static double between(struct double_daemon *self, double low, double high)
{
    return low + (high - low) * (double)(roll(self) % 1001) / 1000.0;
}

/* Every other wish for chamber and press can be granted, and keeps them busy without end: close to
 * the upper limit of temperature, and off now and then. */
static struct cyc_environment odd_environment(struct double_daemon *self)
{
    const struct cyc_protection *const limits = &self->rig->channels[0].limits;
    const double high_degC = limits->temperature_max_degC;
    const double close_K = (high_degC - limits->temperature_min_degC) / 10.0;
    if (roll(self) % 2 == 0) {
        return (struct cyc_environment){.temperature_degC = odd_degree(self),
                                        .ramp_K_per_s = odd_number(self),
                                        .pressure_Pa = odd_pressure(self)};
    }
    return (struct cyc_environment){
        .temperature_degC = between(self, high_degC - close_K, high_degC),
        .ramp_K_per_s = NAN,
        .temperature_off = roll(self) % 2 == 0,
        .pressure_Pa = between(self, limits->pressure_min_Pa, limits->pressure_max_Pa)};
}

static void misbehave(struct double_daemon *self, unsigned port)
{
    struct cyc_message message = {.kind = (uint32_t)(roll(self) % 40),
                                  .channel = (int32_t)(roll(self) % 5) - 2,
                                  .instrument = (int32_t)roll(self),
                                  .output = (uint32_t)roll(self),
                                  .number = roll(self)};
    if (roll(self) % 2 == 0) {
        message.kind = CYC_MESSAGE_APPLY;
        message.channel = 0;
    } else if (message.kind == CYC_MESSAGE_SAFE || message.kind == CYC_MESSAGE_DISARM ||
               message.kind == CYC_MESSAGE_HELLO) {
        message.kind = CYC_MESSAGE_ENVIRONMENT; /* those would only stop it */
    }
    message.as.drive.setpoint =
        (struct cyc_setpoint){.number = (uint32_t)roll(self),
                              .control = (enum cyc_control)(1 + roll(self) % 5),
                              .value = odd_number(self),
                              .slope_per_s = roll(self) % 3 == 0 ? odd_number(self) : 0.0,
                              .current_min_A = odd_number(self),
                              .current_max_A = odd_number(self)};
    message.as.drive.bounds.voltage_max_V = 200.0;
    message.as.drive.latest_V = odd_number(self);
    if (message.kind == CYC_MESSAGE_ENVIRONMENT) {
        message.channel = 0;
        message.as.environment = odd_environment(self);
    }
    memset(message.text, (int)(roll(self) % 256), sizeof message.text);
    say(self, port, &message);
    if (roll(self) % 4 == 0) { /* mangled: cut short */
        (void)send(self->ports[port], &message, 1 + roll(self) % (sizeof message - 1),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void call_again(struct double_daemon *self, unsigned port)
{
    if (self->ports[port] >= 0) {
        (void)close(self->ports[port]);
    }
    call(self, port);
    struct cyc_message lease = {.kind = CYC_MESSAGE_LEASE};
    if (self->ports[port] >= 0) {
        say(self, port, &lease);
    }
}

static void serve_ports(struct double_daemon *self)
{
    const bool hostile = strcmp(self->mode, "hostile") == 0;
    for (unsigned i = 0; i < self->rig->port_count && i < PORTS_MAX; i++) {
        if (self->ports[i] < 0) {
            call(self, i);
        }
        if (self->ports[i] < 0) {
            continue;
        }
        struct cyc_message lease = {.kind = CYC_MESSAGE_LEASE};
        if (strcmp(self->mode, "forgetful") != 0 || now_ns() - self->began_ns < 2 * CYC_S_NS) {
            say(self, i, &lease);
        }
        hear(self, i);
    }
    for (unsigned i = 0; strcmp(self->mode, "hello") == 0 && i < self->rig->port_count; i++) {
        for (unsigned k = 0; k < 20; k++) {
            call_again(self, i);
        }
    }
    arm_all(self);
    if (hostile && self->ports[port_of(self, 0)] >= 0) {
        drive(self, 0);
    }
    for (unsigned i = 0; hostile && i < self->rig->port_count; i++) {
        for (unsigned k = 0; self->ports[i] >= 0 && k < 20; k++) {
            misbehave(self, i);
        }
    }
}

static int daemon_double(const struct words *words)
{
    struct double_daemon *const self = calloc(1, sizeof *self);
    char path[1200];
    if (self == NULL) {
        return 4;
    }
    self->rig = load(words->rig, &self->registry);
    self->state = words->state;
    self->began_ns = now_ns();
    self->mode = getenv("DOUBLE") != NULL ? getenv("DOUBLE") : "steady";
    const char *const current = getenv("DOUBLE_A");
    size_t used;
    if (current == NULL || !cyc_number_parse(current, strlen(current), &self->current_A, &used)) {
        self->current_A = 0.001;
    }
    self->random = 88172645463325252u ^ (uint64_t)getpid();
    (void)snprintf(path, sizeof path, "%s/double.log", words->state);
    self->log = fopen(path, "ae");
    if (self->log == NULL) {
        return 4;
    }
    setvbuf(self->log, NULL, _IOLBF, 0);
    memset(self->ports, -1, sizeof self->ports);
    const bool hostile = strcmp(self->mode, "hostile") == 0;
    for (;;) {
        struct cyc_message message = {.kind = CYC_MESSAGE_ALIVE, .t_ns = now_ns()};
        const int sent = cyc_message_send(SUPERVISOR_FD, &message, -1, NULL);
        while (cyc_message_receive(SUPERVISOR_FD, &message, NULL, NULL) == CYC_OK) {
            if (message.kind == CYC_MESSAGE_END) {
                return 0;
            }
        }
        if (sent == CYC_E_LOST) {
            return 0;
        }
        serve_ports(self);
        const struct timespec pause = {.tv_nsec = (hostile ? 20 : 50) * CYC_MS_NS};
        (void)nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv)
{
    const char *const verb = argc > 1 ? argv[1] : "";
    const char *const program = getenv("DOUBLE_CYCLOSTAT");
    if (strcmp(verb, "supervise") == 0 || strcmp(verb, "daemon") == 0) {
        const struct words words = read_words(argc, argv);
        return strcmp(verb, "daemon") == 0 ? daemon_double(&words) : supervise(&words);
    }
    if (program != NULL) {
        (void)execv(program, argv);
    }
    (void)fputs("double: set DOUBLE_CYCLOSTAT\n", stderr);
    return 127;
}
