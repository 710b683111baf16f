/* Who has the bus of a port when: commands without end against measurements that are due, and
 * limits of surroundings that are seldom measured; and when the daemon is told. One cycler with two
 * outputs and two chambers hang on a bus in memory; their driver writes down what it is called for.
 * A command lasts so long that everything is due when it is done. */
#include "check/check.h"

#include "device/port_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CYCLER_A, CYCLER_B, CHAMBER_A, CHAMBER_B, OUTPUTS }; /* as port_int.h orders outputs */

static char folder[64];
static char calls[256]; /* "mA eA " … of chambers, "ma pa " of cyclers */
static struct port port;
static double voltage_V;     /* of the cycler's outputs */
static int64_t in_future_ns; /* readings are taken so much later than now */

static void note(const struct cyc_instrument *instrument, unsigned number, char what)
{
    const bool is_cycler = instrument == (const void *)&port.units[0];
    const bool second = is_cycler ? number == 1 : instrument == (const void *)&port.units[2];
    const char call[] = {what, (char)((is_cycler ? 'a' : 'A') + second), ' ', '\0'};
    if (strlen(calls) + sizeof call <= sizeof calls) {
        memcpy(calls + strlen(calls), call, sizeof call);
    }
}

static void all_is_due(void)
{
    for (unsigned i = 0; i < OUTPUTS; i++) {
        const int64_t now = cyc_boot_now_ns();
        port.outputs[i].due_ns = port.outputs[i].due_ns < now ? port.outputs[i].due_ns : now;
    }
}

static int measure(struct cyc_instrument *instrument, unsigned number, struct cyc_reading *reading,
                   int64_t deadline_ns, struct cyc_err *err)
{
    (void)deadline_ns;
    (void)err;
    note(instrument, number, 'm');
    *reading = (struct cyc_reading){.t_ns = cyc_boot_now_ns() + in_future_ns,
                                    .valid = 1u << CYC_MEASURAND_TEMPERATURE};
    reading->values[CYC_MEASURAND_TEMPERATURE] = 25.0;
    reading->values[CYC_MEASURAND_VOLTAGE] = voltage_V;
    return CYC_OK;
}

static int environment(struct cyc_instrument *instrument, unsigned number,
                       const struct cyc_environment *wanted, const struct cyc_protection *bounds,
                       int64_t deadline_ns, struct cyc_err *err)
{
    (void)wanted;
    (void)bounds;
    (void)deadline_ns;
    (void)err;
    note(instrument, number, 'e');
    all_is_due();
    return CYC_OK;
}

static int apply(struct cyc_instrument *instrument, unsigned number, const struct cyc_drive *drive,
                 int64_t deadline_ns, struct cyc_err *err)
{
    (void)drive;
    (void)deadline_ns;
    (void)err;
    note(instrument, number, 'p');
    all_is_due();
    return CYC_OK;
}

static const struct cyc_driver driver = {
    .name = "noted", .measure = measure, .environment = environment, .apply = apply};

#define LIMITS                                                                                     \
    {                                                                                              \
        0.0, 5.0, -1.0, 1.0, 5.0, 30.0, NAN, NAN                                                   \
    }
#define CHANNEL(chamber_, output_)                                                                 \
    {                                                                                              \
        .name = "A", .cycler = 0, .output = output_, .chamber = chamber_, .press = -1,             \
        .temperature = -1, .pressure = -1, .limits = LIMITS, .power_max_W = 5.0,                   \
        .voltage.gain = 1.0, .current.gain = 1.0                                                   \
    }

static struct cyc_rig_port rig_port = {.name = "wire"};
static struct cyc_rig_instrument instruments[] = {
    {.name = "box", .driver = &driver, .poll_ns = CYC_S_NS},
    {.name = "oven1", .driver = &driver, .poll_ns = CYC_S_NS},
    {.name = "oven2", .driver = &driver, .poll_ns = CYC_S_NS},
};
static struct cyc_rig_channel channels[] = {CHANNEL(1, 0), CHANNEL(2, 1)};
static struct cyc_rig rig = {.port_count = 1,
                             .instrument_count = 3,
                             .channel_count = 2,
                             .ports = &rig_port,
                             .instruments = instruments,
                             .channels = channels};
static const struct cyc_port_options options = {
    .rig = &rig, .state_dir = folder, .supervisor_fd = -1, .stop_fd = -1};

static void add_output(unsigned index, unsigned unit, unsigned number, int channel)
{
    port.outputs[index] = (struct output){.unit = unit,
                                          .number = number,
                                          .channel = channel,
                                          .slice_ns = CYC_NEVER,
                                          .armed = channel >= 0,
                                          .due_ns = CYC_NEVER};
}

static size_t deliver_nothing(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    (void)context;
    (void)now_ns;
    (void)bytes;
    (void)size;
    return 0;
}

static int64_t never(void *context)
{
    (void)context;
    return INT64_MAX;
}

static void enter(void)
{
    static const struct cyc_bus_peer peer = {.deliver = deliver_nothing, .next_ns = never};
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    (void)cyc_copy(folder, sizeof folder, "/tmp/cyc-port-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    port = (struct port){.options = &options,
                         .rig = &rig,
                         .settings = &rig_port,
                         .listener = -1,
                         .daemon = -1,
                         .lease_ns = CYC_NEVER,
                         .unit_count = 3,
                         .output_count = OUTPUTS};
    for (unsigned i = 0; i < 3; i++) {
        port.units[i] =
            (struct unit){.index = i, .rig = &instruments[i], .state = UNIT_READY, .proved = true};
        port.units[i].instrument = (void *)&port.units[i]; /* it only has to tell them apart */
    }
    add_output(CYCLER_A, 0, 0, 0);
    add_output(CYCLER_B, 0, 1, 1);
    add_output(CHAMBER_A, 1, 0, -1);
    add_output(CHAMBER_B, 2, 0, -1);
    CU_ASSERT_EQUAL(cyc_bus_open_memory(&peer, &settings, 0, &port.bus, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_drain(port.bus, CYC_MS_NS, CYC_S_NS, NULL), CYC_OK);
    cyc_bus_in_step(port.bus);
    CU_ASSERT_EQUAL(cyc_errands_open(&port.errands, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_port_ring_init(&port, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_port_guard_init(&port, NULL), CYC_OK);
    for (unsigned i = CHAMBER_A; i < OUTPUTS; i++) {
        CU_ASSERT_EQUAL(cyc_port_measure(&port, &port.outputs[i], NULL), CYC_OK);
    }
    port.turn = CYCLER_B;
    calls[0] = '\0';
}

static void leave(void)
{
    cyc_port_mark(&port, false);
    cyc_errands_close(port.errands);
    cyc_bus_close(port.bus);
    free(port.ring);
    free(port.watches);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* A daemon that has the next command ready as soon as the one before is taken. */
static void tell(unsigned index, uint32_t kind, int channel)
{
    struct output *const output = &port.outputs[index];
    output->pending = true;
    output->command = (struct cyc_message){.kind = kind, .channel = channel};
    if (kind == CYC_MESSAGE_ENVIRONMENT) {
        output->command.as.environment = (struct cyc_environment){
            .temperature_degC = 20.0, .ramp_K_per_s = NAN, .pressure_Pa = NAN};
    } else {
        output->command.as.drive.setpoint.control = CYC_CONTROL_OPEN;
    }
}

static void pass(void)
{
    (void)cyc_port_act(&port, cyc_boot_now_ns());
    (void)cyc_port_poll(&port, cyc_boot_now_ns());
}

static void commands_to_chambers_delay_each_measurement_by_one_of_them_at_most(void)
{
    enter();
    for (unsigned i = 0; i < 11; i++) {
        tell(CHAMBER_A, CYC_MESSAGE_ENVIRONMENT, 0);
        tell(CHAMBER_B, CYC_MESSAGE_ENVIRONMENT, 1);
        pass();
    }
    CYC_SAME(calls, "mA eA ma mb mA mB eB ma mb mA mB mA eA ma ");
    leave();
}

static void commands_to_one_cycler_keep_nothing_else_from_the_bus(void)
{
    enter();
    tell(CYCLER_B, CYC_MESSAGE_APPLY, 1);
    for (unsigned i = 0; i < 6; i++) {
        tell(CYCLER_A, CYC_MESSAGE_APPLY, 0);
        pass();
    }
    CYC_SAME(calls, "pa ma pb mb pa mA pa mB pa ma pa mb ");
    leave();
}

static void read_chamber(int64_t t_ns, double temperature_degC)
{
    struct cyc_reading reading = {.t_ns = t_ns, .valid = 1u << CYC_MEASURAND_TEMPERATURE};
    reading.values[CYC_MEASURAND_TEMPERATURE] = temperature_degC;
    port.outputs[CHAMBER_A].took_ns = 300 * CYC_MS_NS;
    cyc_port_guard_reading(&port, 1, 0, &reading, true);
}

static void a_limit_that_cannot_be_asked_again_within_two_polls_trips_at_once(void)
{
    const int64_t t_ns = cyc_boot_now_ns() + CYC_S_NS;
    enter();
    read_chamber(t_ns, 29.0);
    read_chamber(t_ns + 1600 * CYC_MS_NS, 30.5);
    CU_ASSERT_FALSE(port.outputs[CYCLER_A].tripped); /* at 1.9 s it is known */
    CU_ASSERT_EQUAL(port.outputs[CHAMBER_A].due_ns, 0);
    read_chamber(t_ns + 1900 * CYC_MS_NS, 29.0);
    read_chamber(t_ns + 3700 * CYC_MS_NS, 30.5);
    CU_ASSERT_TRUE(port.outputs[CYCLER_A].tripped); /* it would be known at 4.0 s: too late */
    CU_ASSERT_FALSE(port.outputs[CYCLER_B].tripped);
    leave();
}

static unsigned told(int fd)
{
    static struct cyc_message messages[CYC_MESSAGE_BATCH];
    unsigned count = 0;
    (void)cyc_message_receive_many(fd, messages, &count, NULL);
    return count;
}

static void measure_and_pump(unsigned index, double V)
{
    voltage_V = V;
    CU_ASSERT_EQUAL(cyc_port_measure(&port, &port.outputs[index], NULL), CYC_OK);
    cyc_port_pump(&port);
}

/* Readings of the future have never waited long enough. */
static void readings_wait_for_each_other_but_not_one_beyond_the_limits_of_its_step(void)
{
    int pair[2];
    enter();
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    port.daemon = pair[0];
    port.greeted = true;
    port.sent = port.newest;
    in_future_ns = 3600 * CYC_S_NS;
    for (unsigned i = CYCLER_A; i <= CYCLER_B; i++) {
        port.outputs[i].on = true;
        port.outputs[i].drive.backstop_low_V = 3.0;
        port.outputs[i].drive.backstop_high_V = 4.2;
    }
    port.outputs[CHAMBER_B].due_ns = 0;
    measure_and_pump(CYCLER_A, 4.19);
    CU_ASSERT_EQUAL(told(pair[1]), 0);
    measure_and_pump(CYCLER_B, 4.21);
    CU_ASSERT_EQUAL(told(pair[1]), 2);
    measure_and_pump(CYCLER_A, 4.19);
    CU_ASSERT_EQUAL(told(pair[1]), 0);
    measure_and_pump(CHAMBER_B, 0.0); /* nothing is due any more */
    CU_ASSERT_EQUAL(told(pair[1]), 2);
    port.outputs[CHAMBER_B].due_ns = 0;
    measure_and_pump(CYCLER_B, 2.99);
    CU_ASSERT_EQUAL(told(pair[1]), 1);
    in_future_ns = 0;
    (void)close(pair[0]);
    (void)close(pair[1]);
    leave();
}

extern const struct cyc_check cyc_check_port[];
const struct cyc_check cyc_check_port[] = {
    CYC_CHECK(commands_to_chambers_delay_each_measurement_by_one_of_them_at_most),
    CYC_CHECK(commands_to_one_cycler_keep_nothing_else_from_the_bus),
    CYC_CHECK(a_limit_that_cannot_be_asked_again_within_two_polls_trips_at_once),
    CYC_CHECK(readings_wait_for_each_other_but_not_one_beyond_the_limits_of_its_step),
    {0}};
