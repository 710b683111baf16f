/* A Keithley 2400 at 9600 baud, in virtual time: every byte takes its millisecond, a reading its
 * two cycles of the mains. What a port process may spend on a call is enough for each. */
#include "check/check.h"
#include "drivers/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CALL_NS  (400 * CYC_MS_NS)  /* with an output on */
#define SETUP_NS (1500 * CYC_MS_NS) /* with all of them off */
#define HOST_NS  (10 * CYC_MS_NS)   /* what this computer may need beside */

static struct bench bench;
static const struct bench_kind slow = {"keithley_2400", "keithley_2400", "", "baud=9600"};

enum call { CALL_REST, CALL_CURRENT, CALL_VOLTAGE, CALL_MEASURE, CALL_RESYNC, CALL_SAFE };

static int make_call(enum call call, double value, struct cyc_err *err)
{
    struct cyc_reading reading;
    switch (call) {
    case CALL_REST:
        return bench_rest(&bench, err);
    case CALL_CURRENT:
        return bench_current(&bench, value, err);
    case CALL_VOLTAGE:
        return bench_voltage(&bench, value, 0.005, err);
    case CALL_MEASURE:
        return bench.driver->measure(bench.instrument, 0, &reading, bench_deadline(&bench, CALL_NS),
                                     err);
    case CALL_RESYNC:
        cyc_bus_out_of_step(bench.bus);
        return bench_mend(&bench, err);
    case CALL_SAFE:
        return bench.driver->safe(bench.instrument, 0, bench_deadline(&bench, CALL_NS), err);
    }
    return CYC_E_BUG;
}

static void within(const char *what, int status, int64_t from_ns, int64_t most_ns,
                   const struct cyc_err *err)
{
    const int64_t took_ns = cyc_bus_now_ns(bench.bus) - from_ns;
    if (status != CYC_OK || took_ns > most_ns) {
        (void)fprintf(stderr, "  %s took %.0f ms: %s\n", what, (double)took_ns * 1e-6, err->text);
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
    CU_ASSERT(took_ns <= most_ns);
}

static void no_call_takes_longer_than_a_port_may_wait(void)
{
    static const struct {
        const char *what;
        enum call call;
        double value;
    } rows[] = {
        {"rest from off", CALL_REST, 0},
        {"90 uA from rest", CALL_CURRENT, 90.26e-6},
        {"reading", CALL_MEASURE, 0},
        {"-9 mA from 90 uA", CALL_CURRENT, -9e-3},
        {"1 uA from 9 mA", CALL_CURRENT, 1e-6},
        {"hold from a current", CALL_VOLTAGE, 3.71},
        {"another hold", CALL_VOLTAGE, 3.6},
        {"reading of a hold", CALL_MEASURE, 0},
        {"current from a hold", CALL_CURRENT, 5.1234e-3},
        {"hold again", CALL_VOLTAGE, 3.7},
        {"rest from a hold", CALL_REST, 0},
        {"out of step", CALL_RESYNC, 0},
        {"safe", CALL_SAFE, 0},
    };
    struct cyc_err err = {0};
    struct cyc_identity identity;
    bench_open(&bench, &slow, NULL);
    const struct cyc_protection bounds = bench_bounds(&bench);
    int64_t from_ns = cyc_bus_now_ns(bench.bus);
    int status =
        bench.driver->identify(bench.instrument, &identity, bench_deadline(&bench, SETUP_NS), &err);
    within("identify", status, from_ns, CALL_NS - HOST_NS, &err);
    from_ns = cyc_bus_now_ns(bench.bus);
    status =
        bench.driver->protect(bench.instrument, 0, &bounds, bench_deadline(&bench, SETUP_NS), &err);
    within("protect", status, from_ns, SETUP_NS - HOST_NS, &err);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_wait(&bench, CYC_S_NS);
        from_ns = cyc_bus_now_ns(bench.bus);
        status = make_call(rows[i].call, rows[i].value, &err);
        within(rows[i].what, status, from_ns, CALL_NS - HOST_NS, &err);
    }
    CU_ASSERT(bench_is_off(&bench));
    bench_close(&bench);
}

/* The audit of the setpoint, every ten seconds, is among them. */
static void a_reading_takes_no_longer_than_the_driver_says(void)
{
    struct cyc_err err = {0};
    struct cyc_capabilities can;
    int64_t longest_ns = 0;
    bench_open(&bench, &slow, NULL);
    CU_ASSERT_EQUAL(bench.driver->capabilities(bench.instrument, &can, &err), CYC_OK);
    bench_ready(&bench);
    CU_ASSERT_EQUAL(bench_current(&bench, 1e-3, &err), CYC_OK);
    for (int i = 0; i < 100; i++) {
        bench_wait(&bench, 200 * CYC_MS_NS);
        const int64_t from_ns = cyc_bus_now_ns(bench.bus);
        CU_ASSERT_EQUAL(make_call(CALL_MEASURE, 0, &err), CYC_OK);
        const int64_t took_ns = cyc_bus_now_ns(bench.bus) - from_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
    }
    CU_ASSERT(longest_ns <= can.fastest_sample_ns);
    CU_ASSERT(2 * longest_ns > can.fastest_sample_ns); /* nor does it exaggerate */
    bench_close(&bench);
}

/* A reading is on its way when the order comes: it is thrown away, and the output is off within
 * the time of a few frames. */
static void safe_takes_effect_in_the_middle_of_a_reading(void)
{
    struct cyc_err err = {0};
    for (int64_t wait_ms = 0; wait_ms < 120; wait_ms += 7) {
        bench_open(&bench, &slow, NULL);
        bench_ready(&bench);
        CU_ASSERT_EQUAL(bench_current(&bench, 1e-3, &err), CYC_OK);
        (void)cyc_bus_write(bench.bus, ":READ?\r", 7, bench_deadline(&bench, CALL_NS), NULL);
        bench_wait(&bench, wait_ms * CYC_MS_NS);
        bench_reopen_driver(&bench, &slow);
        const int64_t from_ns = cyc_bus_now_ns(bench.bus);
        const int status = make_call(CALL_SAFE, 0, &err);
        within("safe", status, from_ns, CALL_NS - HOST_NS, &err);
        CU_ASSERT(bench_is_off(&bench));
        bench_close(&bench);
    }
}

static void another_end_of_lines_is_said(void)
{
    static const struct {
        const char *driver, *emulator, *says;
    } rows[] = {
        {"terminator=CR", "terminator=lf", "`terminator: LF`"},
        {"terminator=LF", "terminator=cr", "`terminator: CR`"},
        {"terminator=CRLF", "terminator=cr", "`terminator: CR`"},
        {"terminator=CRLF", "terminator=lf", "`terminator: LF`"},
        {"terminator=CR", "terminator=crlf", "`terminator`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cyc_err err = {0};
        struct cyc_identity identity;
        const struct bench_kind kind = {"keithley_2400", "keithley_2400", rows[i].driver,
                                        rows[i].emulator};
        bench_open(&bench, &kind, NULL);
        CU_ASSERT_EQUAL(bench.driver->identify(bench.instrument, &identity,
                                               bench_deadline(&bench, CALL_NS), &err),
                        CYC_E_REPLY);
        if (strstr(err.text, rows[i].says) == NULL) {
            (void)fprintf(stderr, "  %s, %s: %s\n", rows[i].driver, rows[i].emulator, err.text);
            CU_FAIL("it is not said");
        }
        bench_close(&bench);
    }
}

/* The power fails at each of the moments in which a setpoint is on its way: before it, within it,
 * or right after it. It is never believed to be in force. */
static void a_power_failure_within_a_setpoint_is_noticed(void)
{
    unsigned noticed = 0;
    for (int64_t at_ms = 1000; at_ms < 1400; at_ms += 3) {
        char fault[48];
        struct cyc_err err = {0};
        bench_open(&bench, &slow, NULL);
        bench_ready(&bench);
        const int64_t from_ns = cyc_bus_now_ns(bench.bus);
        (void)snprintf(fault, sizeof fault, "reset:at=%lldms,for=1ms",
                       (long long)(from_ns / CYC_MS_NS + at_ms));
        CU_ASSERT_EQUAL(cyc_emulation_fault(bench.emulation, fault, &err), CYC_OK);
        bench_wait(&bench, 1100 * CYC_MS_NS);
        const int status = bench_current(&bench, 1e-3, &err);
        const struct cyc_setpoint *const truth = cyc_unit_truth(bench.unit, 0);
        const bool driven = truth->control == CYC_CONTROL_CURRENT;
        const bool failed = bench_truth(&bench, " reset") > 0;
        noticed += failed && status != CYC_OK ? 1 : 0;
        CU_ASSERT(status != CYC_OK || driven);
        CU_ASSERT_EQUAL(status == CYC_OK, !failed);
        bench_close(&bench);
    }
    CU_ASSERT(noticed > 50);
}

const struct cyc_check cyc_check_slow_line[] = {
    CYC_CHECK(no_call_takes_longer_than_a_port_may_wait),
    CYC_CHECK(a_reading_takes_no_longer_than_the_driver_says),
    CYC_CHECK(safe_takes_effect_in_the_middle_of_a_reading),
    CYC_CHECK(another_end_of_lines_is_said),
    CYC_CHECK(a_power_failure_within_a_setpoint_is_noticed),
    {0}};
