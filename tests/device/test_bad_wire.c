/* The Keithley 2400's driver against its emulator over a wire on which everything goes wrong: the
 * instrument never does anything else, for longer than one poll, than what the driver says.
 *
 * The host here is as simple as may be: it polls on a grid, changes the setpoint now and then; when
 * a measurement fails it finds the step again, and when a setpoint fails or that does not help, it
 * makes safe, sets up, and goes on. What it believes is what its last successful call said.
 *
 * `CYC_SEED=n` runs that seed alone; `CYC_RECORD=file` records what passes.
 */
#include "device/bad_wire.h"

#include "check/check.h"
#include "core/types.h"
#include "device/driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_NS          (250 * CYC_MS_NS)
#define CALL_NS          (400 * CYC_MS_NS)
#define APPLY_NS         CYC_S_NS
#define SETUP_NS         (4 * CYC_S_NS)
#define SEEDS            8
#define EXCHANGES        100000 /* over all seeds */
#define FAULTS_PER_MILLE 15

extern const struct cyc_driver cyc_driver_keithley_2400;
static const struct cyc_driver *const driver = &cyc_driver_keithley_2400;

static const struct cyc_driver_setting line_feed = {.name = "terminator", .text = "LF"};
static const struct cyc_protection bounds = {.voltage_min_V = 0,
                                             .voltage_max_V = 4.5,
                                             .current_min_A = -0.1,
                                             .current_max_A = 0.1,
                                             .temperature_min_degC = NAN,
                                             .temperature_max_degC = NAN,
                                             .pressure_min_Pa = NAN,
                                             .pressure_max_Pa = NAN};

enum belief { UNKNOWN, OFF, DRIVEN };

struct host {
    struct wire *wire;
    struct cyc_bus *bus;
    struct cyc_instrument *instrument;
    enum belief belief;
    struct cyc_drive drive; /* DRIVEN: the setpoint in force */
    uint64_t exchanges;     /* on buses that were closed since */
    int64_t poll_ns;
    uint64_t seed;
    unsigned readings, applied, safed, wrong;
};

static void complain(struct host *host, const char *what)
{
    const struct cyc_setpoint *const truth = &host->wire->truth;
    if (host->wrong++ == 0) {
        (void)fprintf(stderr,
                      "seed %llu, %.3f s: %s; true: control %d value %g, since %.3f s; believed: "
                      "%d control %d value %g\n",
                      (unsigned long long)host->seed, (double)cyc_bus_now_ns(host->bus) * 1e-9,
                      what, (int)truth->control, truth->value, (double)host->wire->truth_ns * 1e-9,
                      (int)host->belief, (int)host->drive.setpoint.control,
                      host->drive.setpoint.value);
    }
}

static bool is_off(const struct host *host)
{
    return host->wire->truth.control == CYC_CONTROL_OPEN;
}

static bool is_as_driven(const struct host *host)
{
    const struct cyc_setpoint *const truth = &host->wire->truth;
    const struct cyc_setpoint *const due = &host->drive.setpoint;
    const double value = due->control == CYC_CONTROL_OPEN ? 0 : due->value; /* rests at 0 A */
    if (due->control == CYC_CONTROL_OPEN && is_off(host)) {
        return true; /* or with its output off, where it is not set up */
    }
    if (due->control == CYC_CONTROL_VOLTAGE) {
        return truth->control == CYC_CONTROL_VOLTAGE && fabs(truth->value - value) < 1e-3 &&
               truth->current_max_A <= due->current_max_A * 1.01;
    }
    return truth->control == CYC_CONTROL_CURRENT &&
           fabs(truth->value - value) <= 1e-3 * fabs(value) + 1e-12;
}

/* What the host was just told must be so, or must have been so a poll ago. */
static void judge(struct host *host, const char *call)
{
    const bool fits = host->belief == OFF ? is_off(host) : is_as_driven(host);
    if (!fits && cyc_bus_now_ns(host->bus) - host->wire->truth_ns > POLL_NS) {
        complain(host, call);
    }
}

static void record(struct cyc_bus *bus)
{
    const char *const path = getenv("CYC_RECORD");
    if (path != NULL) {
        CU_ASSERT_EQUAL(cyc_bus_record(bus, path, NULL), CYC_OK);
    }
}

static void reopen(struct host *host)
{
    const int64_t now_ns = cyc_bus_now_ns(host->bus);
    host->exchanges += cyc_bus_counts(host->bus)->exchanges;
    cyc_instrument_close(host->instrument);
    cyc_bus_close(host->bus);
    host->bus = wire_open(host->wire, now_ns);
    record(host->bus);
    CU_ASSERT_FATAL(
        cyc_instrument_open(driver, host->bus, &line_feed, 1, &host->instrument, NULL) == CYC_OK);
    const int64_t truth_ns = host->wire->truth_ns;
    const unsigned resets = host->wire->struck[WIRE_RESET];
    struct cyc_identity identity;
    int status = CYC_E_TIMEOUT;
    for (int i = 0; i < 100 && status != CYC_OK && status != CYC_E_LOST; i++) {
        status = driver->identify(host->instrument, &identity, cyc_bus_now_ns(host->bus) + CALL_NS,
                                  NULL);
    }
    if (host->wire->truth_ns != truth_ns && host->wire->struck[WIRE_RESET] == resets) {
        complain(host, "who is only asked who it is changes its output");
    }
}

static int64_t in(const struct host *host, int64_t time_ns)
{
    return cyc_bus_now_ns(host->bus) + time_ns;
}

static void make_safe(struct host *host)
{
    host->belief = UNKNOWN;
    for (int i = 0; i < 1000 && host->belief != OFF; i++) {
        const int status = driver->safe(host->instrument, 0, in(host, CALL_NS), NULL);
        if (status == CYC_E_LOST) {
            reopen(host);
        } else if (status == CYC_OK) {
            host->belief = OFF;
            host->safed++;
            if (!is_off(host)) {
                complain(host, "safe says that the output is off");
            }
        }
    }
    CU_ASSERT_EQUAL_FATAL(host->belief, OFF);
}

static void set_up(struct host *host)
{
    int status = CYC_E_TIMEOUT;
    for (int i = 0; i < 1000 && status != CYC_OK; i++) {
        make_safe(host);
        host->wire->was_reset = false; /* from here on a power failure must be noticed */
        status = driver->protect(host->instrument, 0, &bounds, in(host, SETUP_NS), NULL);
    }
    CU_ASSERT_EQUAL_FATAL(status, CYC_OK);
    if (host->wire->was_reset) {
        complain(host, "protect has not noticed that the power failed");
    }
    judge(host, "protect says that the output is off");
}

static struct cyc_drive any_drive(struct host *host)
{
    static const double currents_A[] = {-0.09, -4.5e-3, -9.026e-5, 1e-6, 9.026e-5, 4.5e-3, 0.09};
    static const double voltages_V[] = {3.2, 3.7, 4.2, 4.4};
    struct cyc_drive drive = {.bounds = bounds, .latest_V = NAN};
    const uint64_t kind = wire_random(host->wire, 10);
    if (kind < 2) {
        drive.setpoint.control = CYC_CONTROL_OPEN;
    } else if (kind < 7) {
        drive.setpoint.control = CYC_CONTROL_CURRENT;
        drive.setpoint.value = currents_A[wire_random(host->wire, 7)];
    } else {
        drive.setpoint.control = CYC_CONTROL_VOLTAGE;
        drive.setpoint.value = voltages_V[wire_random(host->wire, 4)];
        drive.setpoint.current_max_A = 0.05;
        drive.setpoint.current_min_A = -0.05;
    }
    return drive;
}

static void apply(struct host *host)
{
    const struct cyc_drive drive = any_drive(host);
    host->belief = UNKNOWN;
    const int status = driver->apply(host->instrument, 0, &drive, in(host, APPLY_NS), NULL);
    if (status != CYC_OK) {
        set_up(host);
        return;
    }
    host->belief = DRIVEN;
    host->drive = drive;
    host->applied++;
    judge(host, "apply says that it is done");
}

static void check_number(struct host *host, const struct cyc_reading *reading,
                         enum cyc_measurand measurand)
{
    const bool valid = (reading->valid & 1u << measurand) != 0;
    const double value = reading->values[measurand];
    if (valid ? !(fabs(value) < 10) : !isnan(value)) {
        complain(host, "a code has become a number");
    }
}

/* The voltage tells which reading it is. */
static void check_reading(struct host *host, const struct cyc_reading *reading, int64_t asked_ns)
{
    check_number(host, reading, CYC_MEASURAND_VOLTAGE);
    check_number(host, reading, CYC_MEASURAND_CURRENT);
    if ((reading->valid & 1u << CYC_MEASURAND_VOLTAGE) == 0) {
        return;
    }
    const unsigned tag = (unsigned)lround((reading->values[CYC_MEASURAND_VOLTAGE] - 3) * 1e6);
    CU_ASSERT_FATAL(tag < host->wire->tag_count);
    const struct wire_tag *const found = &host->wire->tags[tag];
    if (found->t_ns < asked_ns) {
        complain(host, "an old reading is taken for a new one");
    }
    if (found->current_coded && (reading->valid & 1u << CYC_MEASURAND_CURRENT) != 0) {
        complain(host, "a code has become a current");
    }
    if (reading->t_ns < asked_ns || reading->t_ns > cyc_bus_now_ns(host->bus)) {
        complain(host, "a reading's time lies outside its exchange");
    }
    host->readings++;
}

static void measure(struct host *host)
{
    struct cyc_reading reading;
    const int64_t asked_ns = cyc_bus_now_ns(host->bus);
    int status = driver->measure(host->instrument, 0, &reading, in(host, CALL_NS), NULL);
    if (status == CYC_OK) {
        const bool on = (reading.flags & CYC_SAMPLE_OUTPUT_ON) != 0;
        if (on) {
            check_reading(host, &reading, asked_ns);
        }
        host->belief = on ? DRIVEN : OFF;
        if (on) {
            judge(host, "a reading says that the output is on");
        } else { /* after a power failure the off state is the instrument's own until then */
            set_up(host);
        }
        return;
    }
    for (int i = 0; i < 3 && status != CYC_OK && status != CYC_E_LOST; i++) {
        status = driver->resync(host->instrument, in(host, CALL_NS), NULL);
    }
    if (status == CYC_E_LOST) {
        reopen(host);
    }
    if (status != CYC_OK) {
        set_up(host);
    }
}

static uint64_t exchanges(const struct host *host)
{
    return host->exchanges + cyc_bus_counts(host->bus)->exchanges;
}

static void begin(struct host *host, uint64_t seed, unsigned per_mille)
{
    *host = (struct host){.seed = seed};
    host->wire = wire_new(seed, per_mille, seed % 2 == 0 ? 0 : 12 * CYC_MS_NS);
    host->bus = wire_open(host->wire, 0);
    CU_ASSERT_FATAL(
        cyc_instrument_open(driver, host->bus, &line_feed, 1, &host->instrument, NULL) == CYC_OK);
    reopen(host);
    set_up(host);
}

static void end(struct host *host)
{
    cyc_instrument_close(host->instrument);
    cyc_bus_close(host->bus);
    wire_free(host->wire);
}

static void run(struct host *host, uint64_t seed, unsigned per_mille, uint64_t count)
{
    begin(host, seed, per_mille);
    while (exchanges(host) < count && host->wrong == 0) {
        host->poll_ns += POLL_NS;
        if (host->poll_ns > cyc_bus_now_ns(host->bus)) {
            cyc_bus_advance(host->bus, host->poll_ns);
        }
        host->poll_ns = cyc_bus_now_ns(host->bus);
        if (host->belief == OFF || wire_random(host->wire, 8) == 0) {
            apply(host);
        } else {
            measure(host);
        }
    }
    CU_ASSERT_EQUAL(host->wrong, 0);
}

static void on_a_good_wire_nothing_fails(void)
{
    struct host host;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        run(&host, seed, 0, 2000);
        CU_ASSERT_EQUAL(host.safed, 1);
        CU_ASSERT(host.readings > 100 && host.applied > 50);
        CU_ASSERT_EQUAL(cyc_bus_counts(host.bus)->timeouts, 0);
        CU_ASSERT_EQUAL(cyc_bus_counts(host.bus)->extra_bytes, 0);
        end(&host);
    }
}

static void on_a_bad_wire_the_instrument_does_what_the_driver_says(void)
{
    const char *const only = getenv("CYC_SEED");
    unsigned struck[WIRE_FAULT_COUNT] = {0};
    unsigned readings = 0;
    unsigned applied = 0;
    const uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    const uint64_t last = only != NULL ? first : SEEDS;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct host host;
        run(&host, seed, FAULTS_PER_MILLE, EXCHANGES / SEEDS);
        readings += host.readings;
        applied += host.applied;
        for (int i = 0; i < WIRE_FAULT_COUNT; i++) {
            struck[i] += host.wire->struck[i];
        }
        end(&host);
    }
    for (int i = 0; i < WIRE_FAULT_COUNT && only == NULL; i++) {
        CU_ASSERT(struck[i] >= 10); /* of each kind */
    }
    CU_ASSERT(only != NULL || (readings > EXCHANGES / 20 && applied > EXCHANGES / 100));
}

const struct cyc_check cyc_check_bad_wire[] = {
    CYC_CHECK(on_a_good_wire_nothing_fails),
    CYC_CHECK(on_a_bad_wire_the_instrument_does_what_the_driver_says),
    {0},
};
