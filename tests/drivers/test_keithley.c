/* What is particular to a source-measure unit with a cell at its terminals. */
#include "check/check.h"
#include "drivers/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct bench bench;
static const struct bench_kind plain = {"keithley_2400", "keithley_2400", "", ""};

static bool went_well(int status, const struct cyc_err *err)
{
    if (status != CYC_OK) {
        (void)fprintf(stderr, "  %s\n", err->text);
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
    return status == CYC_OK;
}

static struct cyc_reading measured(void)
{
    struct cyc_err err = {0};
    struct cyc_reading reading = {0};
    bench_wait(&bench, 200 * CYC_MS_NS);
    (void)went_well(bench.driver->measure(bench.instrument, 0, &reading,
                                          bench_deadline(&bench, 400 * CYC_MS_NS), &err),
                    &err);
    return reading;
}

static double current_of(const struct cyc_reading *reading)
{
    return reading->values[CYC_MEASURAND_CURRENT];
}

static double voltage_of(const struct cyc_reading *reading)
{
    return reading->values[CYC_MEASURAND_VOLTAGE];
}

static void the_off_state_is_high_impedance_before_all_else(void)
{
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    const unsigned himp = bench_truth_line(&bench, "received OUTP:SMOD HIMP");
    CU_ASSERT(himp > 0);
    CU_ASSERT_EQUAL(bench_truth_line(&bench, " received "), himp);
    CU_ASSERT(bench_has_sent(&bench, ":OUTP:SMOD?"));
    CU_ASSERT(bench_is_off(&bench));
    CU_ASSERT_EQUAL(bench_truth(&bench, "received OUTP ON"), 0);
    bench_close(&bench);
}

static void a_rest_is_zero_current_and_measures_the_cell(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    struct cyc_reading reading = measured();
    CU_ASSERT_EQUAL(reading.valid, 0);
    CYC_SAME(reading.why, "the output is off");
    CU_ASSERT_EQUAL(reading.flags, 0);
    (void)went_well(bench_rest(&bench, &err), &err);
    reading = measured();
    CYC_NEAR(voltage_of(&reading), 3.7, 1e-3);
    CYC_NEAR(current_of(&reading), 0, 1e-9);
    CU_ASSERT_EQUAL(reading.flags, CYC_SAMPLE_OUTPUT_ON);
    CU_ASSERT_EQUAL(cyc_unit_truth(bench.unit, 0)->control, CYC_CONTROL_CURRENT);
    CYC_NEAR(cyc_unit_truth(bench.unit, 0)->value, 0, 0);
    bench_close(&bench);
}

static void a_rest_may_be_the_output_off(void)
{
    static const struct bench_kind off = {"keithley_2400", "keithley_2400", "rest=off", ""};
    struct cyc_err err = {0};
    bench_open(&bench, &off, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.001, &err), &err);
    CU_ASSERT_FALSE(bench_is_off(&bench));
    (void)went_well(bench_rest(&bench, &err), &err);
    CU_ASSERT(bench_is_off(&bench));
    const struct cyc_reading reading = measured();
    CU_ASSERT_EQUAL(reading.flags, 0); /* wanted: it has not ended by itself */
    bench_close(&bench);
}

static void ninety_microamperes_have_full_resolution(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 90.26e-6, &err), &err);
    CU_ASSERT(bench_has_sent(&bench, ":SOUR:CURR:RANG 0.0001\r"));
    struct cyc_reading reading = measured();
    CYC_NEAR(current_of(&reading), 90.26e-6, 2e-9);
    (void)went_well(bench_current(&bench, -5e-3, &err), &err);
    CU_ASSERT(bench_has_sent(&bench, ":SOUR:CURR:RANG 0.01\r"));
    reading = measured();
    CYC_NEAR(current_of(&reading), -5e-3, 1e-6);
    bench_forget(&bench);
    (void)went_well(bench_current(&bench, 4e-6, &err), &err);
    CU_ASSERT(bench_has_sent(&bench, ":SOUR:CURR:RANG 0.00001\r"));
    CYC_NEAR(cyc_unit_truth(bench.unit, 0)->value, 4e-6, 1e-9);
    bench_close(&bench);
}

static void the_way_between_ranges_never_exceeds_both_currents(void)
{
    struct cyc_err err = {0};
    static const double currents[] = {5e-3, 90e-6, -8e-3, 0, 1e-6, -9e-3, 9e-3};
    double before = 0;
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    for (size_t i = 0; i < sizeof currents / sizeof currents[0]; i++) {
        (void)went_well(bench_current(&bench, currents[i], &err), &err);
        CYC_NEAR(cyc_unit_truth(bench.unit, 0)->value, currents[i], 1e-6);
        before = currents[i];
    }
    CYC_NEAR(before, 9e-3, 0);
    CU_ASSERT_EQUAL(bench_truth(&bench, "error"), 0);
    bench_close(&bench);
}

static void a_cell_above_the_compliance_is_not_connected(void)
{
    struct cyc_err err = {0};
    const struct cyc_protection low = {
        .voltage_min_V = 0, .voltage_max_V = 3.5, .current_min_A = -0.01, .current_max_A = 0.01};
    const struct cyc_drive drive = {
        .setpoint = {.control = CYC_CONTROL_CURRENT, .value = 0.001},
        .bounds = low,
        .latest_V = 3.7,
    };
    struct cyc_identity identity;
    bench_open(&bench, &plain, NULL);
    (void)went_well(
        bench.driver->identify(bench.instrument, &identity, bench_deadline(&bench, CYC_S_NS), &err),
        &err);
    (void)went_well(
        bench.driver->protect(bench.instrument, 0, &low, bench_deadline(&bench, CYC_S_NS), &err),
        &err);
    CU_ASSERT_EQUAL(
        bench.driver->apply(bench.instrument, 0, &drive, bench_deadline(&bench, CYC_S_NS), &err),
        CYC_E_REFUSED);
    CYC_SAME(err.text, "the cell is at 3.7 V; the compliance of 3.5 V must exceed that");
    CU_ASSERT(bench_is_off(&bench));
    CU_ASSERT_EQUAL(bench_truth(&bench, "received OUTP ON"), 0);
    bench_close(&bench);
}

static void an_unknown_cell_above_the_compliance_is_found_at_zero_current(void)
{
    struct cyc_err err = {0};
    const struct cyc_protection low = {
        .voltage_min_V = 0, .voltage_max_V = 3.5, .current_min_A = -0.01, .current_max_A = 0.01};
    const struct cyc_drive drive = {
        .setpoint = {.control = CYC_CONTROL_CURRENT, .value = 0.001},
        .bounds = low,
        .latest_V = NAN,
    };
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(
        bench.driver->protect(bench.instrument, 0, &low, bench_deadline(&bench, CYC_S_NS), &err),
        &err);
    CU_ASSERT_EQUAL(
        bench.driver->apply(bench.instrument, 0, &drive, bench_deadline(&bench, CYC_S_NS), &err),
        CYC_E_REFUSED);
    CU_ASSERT_FALSE(bench_has_sent(&bench, ":SOUR:CURR 0.001"));
    CU_ASSERT(bench_is_off(&bench));
    bench_close(&bench);
}

static void a_hold_begins_with_level_and_compliance_already_there(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    bench_wait(&bench, CYC_S_NS);
    (void)went_well(bench_voltage(&bench, 3.74, 0.002, &err), &err);
    const struct cyc_reading reading = measured();
    CYC_NEAR(voltage_of(&reading), 3.74, 1e-3);
    CU_ASSERT((reading.flags & CYC_SAMPLE_CV) != 0);
    CU_ASSERT(current_of(&reading) > 0 && current_of(&reading) < 0.0021);
    const unsigned level = bench_truth_line(&bench, "received SOUR:VOLT 3.74");
    const unsigned function = bench_truth_line(&bench, "received SOUR:FUNC VOLT");
    const unsigned compliance = bench_truth_line(&bench, "received SENS:CURR:PROT 0.002");
    CU_ASSERT(level > 0 && level < function);
    CU_ASSERT(compliance > 0 && compliance < function);
    CU_ASSERT_EQUAL(bench_truth(&bench, "output 0 voltage 0 "), 1); /* as it came: off state NORM */
    bench_close(&bench);
}

/* The truth log says what the output did between: never more than the larger of the two. */
static void changing_the_function_dumps_no_current(void)
{
    static const struct bench_kind keeps = {"keithley_2400", "keithley_2400", "",
                                            "function_change=keep"};
    static const struct bench_kind drops = {"keithley_2400", "keithley_2400", "",
                                            "function_change=off"};
    static const struct bench_kind *const kinds[] = {&keeps, &drops};
    struct cyc_err err = {0};
    for (int i = 0; i < 2; i++) {
        bench_open(&bench, kinds[i], NULL);
        bench_ready(&bench);
        for (int round = 0; round < 3; round++) {
            (void)went_well(bench_current(&bench, 0.002, &err), &err);
            (void)went_well(bench_voltage(&bench, 3.75, 0.002, &err), &err);
            const struct cyc_reading reading = measured();
            CU_ASSERT(fabs(current_of(&reading)) <= 0.0021);
            (void)went_well(bench_rest(&bench, &err), &err);
            (void)went_well(bench_current(&bench, -0.002, &err), &err);
        }
        CU_ASSERT_EQUAL(bench_truth(&bench, "output 0 voltage 0 "), 1);
        bench_close(&bench);
    }
}

static void at_compliance_the_current_source_says_cv(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    const struct cyc_protection tight = {
        .voltage_min_V = 0, .voltage_max_V = 3.8, .current_min_A = -0.01, .current_max_A = 0.01};
    const struct cyc_drive drive = {
        .setpoint = {.control = CYC_CONTROL_CURRENT, .value = 0.008},
        .bounds = tight,
        .latest_V = NAN,
    };
    (void)went_well(bench.driver->apply(bench.instrument, 0, &drive,
                                        bench_deadline(&bench, 400 * CYC_MS_NS), &err),
                    &err);
    const struct cyc_reading reading = measured(); /* 3.7 V + 8 mA x 20 ohm > 3.8 V */
    CU_ASSERT((reading.flags & CYC_SAMPLE_CV) != 0);
    CYC_NEAR(voltage_of(&reading), 3.8, 2e-3);
    bench_close(&bench);
}

static void safe_forgets_the_set_up_and_a_rest_stays_off(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    (void)went_well(
        bench.driver->safe(bench.instrument, 0, bench_deadline(&bench, 400 * CYC_MS_NS), &err),
        &err);
    CU_ASSERT(bench_is_off(&bench));
    CU_ASSERT_EQUAL(bench_current(&bench, 0.002, &err), CYC_E_REFUSED);
    (void)went_well(bench_rest(&bench, &err), &err);
    CU_ASSERT(bench_is_off(&bench));
    const struct cyc_protection bounds = bench_bounds(&bench);
    (void)went_well(
        bench.driver->protect(bench.instrument, 0, &bounds, bench_deadline(&bench, CYC_S_NS), &err),
        &err);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    CU_ASSERT_FALSE(bench_is_off(&bench));
    bench_close(&bench);
}

static void protect_is_refused_while_the_output_is_on(void)
{
    struct cyc_err err = {0};
    const struct cyc_protection bounds = {
        .voltage_min_V = 0, .voltage_max_V = 5, .current_min_A = -0.01, .current_max_A = 0.01};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    CU_ASSERT_EQUAL(
        bench.driver->protect(bench.instrument, 0, &bounds, bench_deadline(&bench, CYC_S_NS), &err),
        CYC_E_REFUSED);
    CU_ASSERT_FALSE(bench_is_off(&bench));
    bench_close(&bench);
}

static void unusable_setpoints_are_refused(void)
{
    struct cyc_err err = {0};
    const struct cyc_protection bounds = {
        .voltage_min_V = 0, .voltage_max_V = 5, .current_min_A = -0.01, .current_max_A = 0.01};
    static const struct {
        struct cyc_setpoint setpoint;
        int status;
    } rows[] = {
        {{.control = CYC_CONTROL_POWER, .value = 0.001}, CYC_E_UNSUPPORTED},
        {{.control = CYC_CONTROL_LOAD, .value = 100}, CYC_E_UNSUPPORTED},
        {{.control = CYC_CONTROL_CURRENT, .value = NAN}, CYC_E_INPUT},
        {{.control = CYC_CONTROL_CURRENT, .value = 0.011}, CYC_E_INPUT},
        {{.control = CYC_CONTROL_CURRENT, .value = -0.011}, CYC_E_INPUT},
        {{.control = CYC_CONTROL_CURRENT, .value = 0.001, .slope_per_s = 1e-3}, CYC_E_UNSUPPORTED},
        {{.control = CYC_CONTROL_VOLTAGE, .value = 4, .current_max_A = 0}, CYC_E_INPUT},
        {{.control = CYC_CONTROL_VOLTAGE, .value = 5.1, .current_max_A = 0.01}, CYC_E_INPUT},
        {{.control = CYC_CONTROL_VOLTAGE, .value = -0.1, .current_max_A = 0.01}, CYC_E_INPUT},
    };
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct cyc_drive drive = {
            .setpoint = rows[i].setpoint, .bounds = bounds, .latest_V = NAN};
        CU_ASSERT_EQUAL(bench.driver->apply(bench.instrument, 0, &drive,
                                            bench_deadline(&bench, 400 * CYC_MS_NS), &err),
                        rows[i].status);
        CU_ASSERT(bench_is_off(&bench));
    }
    bench_close(&bench);
}

/* Bytes at 9600 baud, two cycles of the mains for a reading, 2 ms for each question. */
static double passed_s(uint64_t *bytes_before, uint64_t *asked_before)
{
    const struct cyc_bus_counts *const counts = cyc_bus_counts(bench.bus);
    unsigned reads = 0;
    for (size_t i = 0; i + 6 <= bench.sent_size; i++) {
        reads += memcmp(bench.sent + i, ":READ?", 6) == 0;
    }
    const uint64_t bytes = counts->bytes_in + counts->bytes_out;
    const double seconds = (double)(bytes - *bytes_before) * 10 / 9600 + 0.04 * reads +
                           0.002 * (double)(counts->exchanges - *asked_before);
    *bytes_before = bytes;
    *asked_before = counts->exchanges;
    bench_forget(&bench);
    return seconds;
}

static void calls_fit_their_time_at_9600_baud(void)
{
    static const double currents[] = {90e-6, -5e-3, 9e-3};
    struct cyc_err err = {0};
    uint64_t bytes = 0, asked = 0;
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    CU_ASSERT(passed_s(&bytes, &asked) < 1.5);
    for (int i = 0; i < 3; i++) {
        (void)went_well(bench_current(&bench, currents[i], &err), &err);
        CU_ASSERT(passed_s(&bytes, &asked) < 0.4);
        (void)went_well(bench_voltage(&bench, 3.72, 0.002, &err), &err);
        CU_ASSERT(passed_s(&bytes, &asked) < 0.4);
        (void)measured();
        CU_ASSERT(passed_s(&bytes, &asked) < 0.125);
    }
    (void)went_well(
        bench.driver->safe(bench.instrument, 0, bench_deadline(&bench, 400 * CYC_MS_NS), &err),
        &err);
    CU_ASSERT(passed_s(&bytes, &asked) < 0.4);
    bench_close(&bench);
}

static void all_models_are_known_by_their_identity(void)
{
    static const struct {
        const char *options;
        double current_A, voltage_V;
        unsigned ranges;
    } rows[] = {{"model=2400", 1.05, 210, 7},  {"model=2401", 1.05, 21, 7},
                {"model=2410", 1.05, 1050, 7}, {"model=2420", 3.15, 63, 7},
                {"model=2425", 3.15, 105, 7},  {"model=2430", 3.15, 105, 7},
                {"model=2440", 5.25, 42, 7}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct bench_kind kind = {"keithley_2400", "keithley_2400", "", rows[i].options};
        struct cyc_err err = {0};
        struct cyc_identity identity = {0};
        struct cyc_capabilities can;
        bench_open(&bench, &kind, NULL);
        (void)went_well(bench.driver->identify(bench.instrument, &identity,
                                               bench_deadline(&bench, CYC_S_NS), &err),
                        &err);
        CYC_SAME(identity.model, rows[i].options + 6);
        CYC_SAME(identity.serial_number, "1234567");
        CU_ASSERT(identity.power_on);
        (void)went_well(bench.driver->capabilities(bench.instrument, &can, &err), &err);
        CYC_NEAR(can.current_max_A, rows[i].current_A, 1e-9);
        CYC_NEAR(can.voltage_max_V, rows[i].voltage_V, 1e-9);
        CU_ASSERT_EQUAL(can.current_range_count, rows[i].ranges);
        (void)went_well(bench.driver->identify(bench.instrument, &identity,
                                               bench_deadline(&bench, CYC_S_NS), &err),
                        &err);
        CU_ASSERT_FALSE(identity.power_on);
        bench_close(&bench);
    }
}

static void a_front_panel_that_switches_off_is_noticed(void)
{
    struct cyc_err err = {0};
    struct cyc_reading reading = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    cyc_emulation_receive(bench.emulation, bench.link, cyc_bus_now_ns(bench.bus),
                          (const uint8_t *)":OUTP OFF\r", 10);
    CU_ASSERT(bench.driver->measure(bench.instrument, 0, &reading,
                                    bench_deadline(&bench, 400 * CYC_MS_NS), &err) != CYC_OK);
    (void)went_well(bench_mend(&bench, &err), &err);
    reading = measured();
    CU_ASSERT_EQUAL(reading.flags, CYC_SAMPLE_ENDED);
    CU_ASSERT_EQUAL(reading.valid, 0);
    bench_close(&bench);
}

/* Polls until it fails, or for so long. */
static int measure_for(int64_t time_ns, struct cyc_err *err)
{
    const int64_t until_ns = cyc_bus_now_ns(bench.bus) + time_ns;
    int status = CYC_OK;
    while (status == CYC_OK && cyc_bus_now_ns(bench.bus) < until_ns) {
        struct cyc_reading reading;
        bench_wait(&bench, 250 * CYC_MS_NS);
        status = bench.driver->measure(bench.instrument, 0, &reading,
                                       bench_deadline(&bench, 400 * CYC_MS_NS), err);
    }
    return status;
}

/* For a moment; all comes back as it was. */
static void fail_power(void)
{
    struct cyc_err err = {0};
    char fault[64];
    (void)snprintf(fault, sizeof fault, "pon_auto:at=%lldms,times=1",
                   (long long)(cyc_bus_now_ns(bench.bus) / CYC_MS_NS + 1));
    CU_ASSERT_EQUAL(cyc_emulation_fault(bench.emulation, fault, &err), CYC_OK);
    bench_wait(&bench, 10 * CYC_MS_NS);
    CU_ASSERT_EQUAL(bench_truth(&bench, " reset"), 1);
}

static void a_setpoint_changed_at_the_front_panel_is_noticed(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    cyc_emulation_receive(bench.emulation, bench.link, cyc_bus_now_ns(bench.bus),
                          (const uint8_t *)":SOUR:CURR 0.003\r", 17);
    CU_ASSERT_EQUAL(measure_for(6 * CYC_S_NS, &err), CYC_E_HELD);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "somebody has changed it"));
    bench_close(&bench);
}

/* Whose output comes back as it was: a reading does not tell. */
static void a_power_failure_that_gives_no_other_sign_is_noticed_within_five_seconds(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &plain, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    fail_power();
    CU_ASSERT_FALSE(bench_is_off(&bench));
    CU_ASSERT_EQUAL(measure_for(51 * CYC_S_NS / 10, &err), CYC_E_HELD);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "its power has failed"));
    bench_close(&bench);
}

static void nothing_is_driven_after_a_power_failure(void)
{
    struct cyc_err err = {0};
    for (unsigned i = 0; i < 4; i++) {
        bench_open(&bench, &plain, NULL);
        bench_ready(&bench);
        if (i < 3) {
            (void)went_well(bench_current(&bench, 0.002, &err), &err);
        }
        fail_power();
        const unsigned before = bench_truth(&bench, " output ");
        const int status = i == 0   ? bench_current(&bench, 0.003, &err)
                           : i == 1 ? bench_voltage(&bench, 3.8, 0.005, &err)
                           : i == 2 ? bench_rest(&bench, &err)
                                    : bench_current(&bench, 0.002, &err);
        CU_ASSERT_EQUAL(status, CYC_E_HELD);
        CU_ASSERT_EQUAL(bench_truth(&bench, " output "), before); /* not even touched */
        bench_close(&bench);
    }
}

/* The port says so once it has seen it twice; a setpoint may come before that. */
static void what_was_switched_off_at_the_front_panel_is_not_switched_on_again(void)
{
    struct cyc_err err = {0};
    for (unsigned i = 0; i < 4; i++) {
        bench_open(&bench, &plain, NULL);
        bench_ready(&bench);
        (void)went_well(bench_current(&bench, 0.002, &err), &err);
        cyc_emulation_receive(bench.emulation, bench.link, cyc_bus_now_ns(bench.bus),
                              (const uint8_t *)":OUTP OFF\r", 10);
        struct cyc_reading reading;
        if (i >= 2) {
            CU_ASSERT(bench.driver->measure(bench.instrument, 0, &reading,
                                            bench_deadline(&bench, 400 * CYC_MS_NS),
                                            &err) != CYC_OK);
            (void)went_well(bench_mend(&bench, &err), &err);
        }
        const int status = i % 2 == 0 ? bench_voltage(&bench, 3.8, 0.005, &err)
                           : i == 1   ? bench_current(&bench, -0.002, &err)
                                      : bench_rest(&bench, &err);
        CU_ASSERT(status == CYC_E_HELD || i == 1); /* a level alone switches nothing on */
        CU_ASSERT(bench_is_off(&bench));
        bench_close(&bench);
    }
}

/* Its order is out, and out again, before an answer is waited for. */
static void safe_is_said_twice_before_anything_is_waited_for(void)
{
    static const struct bench_kind slow = {"keithley_2400", "keithley_2400", "", "baud=9600"};
    struct cyc_err err = {0};
    bench_open(&bench, &slow, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, 0.002, &err), &err);
    CU_ASSERT_EQUAL(cyc_emulation_fault(bench.emulation, "mute:p=1", &err), CYC_OK);
    bench_forget(&bench);
    const int64_t from_ns = cyc_bus_now_ns(bench.bus);
    CU_ASSERT(bench.driver->safe(bench.instrument, 0, bench_deadline(&bench, 60 * CYC_MS_NS),
                                 &err) != CYC_OK);
    CU_ASSERT(cyc_bus_now_ns(bench.bus) - from_ns <= 70 * CYC_MS_NS);
    CU_ASSERT(bench_has_sent(&bench, "\x03:OUTP OFF\r\x03:OUTP OFF\r"));
    CU_ASSERT(bench_is_off(&bench));
    bench_close(&bench);
}

const struct cyc_check cyc_check_keithley[] = {
    CYC_CHECK(the_off_state_is_high_impedance_before_all_else),
    CYC_CHECK(a_rest_is_zero_current_and_measures_the_cell),
    CYC_CHECK(a_rest_may_be_the_output_off),
    CYC_CHECK(ninety_microamperes_have_full_resolution),
    CYC_CHECK(the_way_between_ranges_never_exceeds_both_currents),
    CYC_CHECK(a_cell_above_the_compliance_is_not_connected),
    CYC_CHECK(an_unknown_cell_above_the_compliance_is_found_at_zero_current),
    CYC_CHECK(a_hold_begins_with_level_and_compliance_already_there),
    CYC_CHECK(changing_the_function_dumps_no_current),
    CYC_CHECK(at_compliance_the_current_source_says_cv),
    CYC_CHECK(safe_forgets_the_set_up_and_a_rest_stays_off),
    CYC_CHECK(protect_is_refused_while_the_output_is_on),
    CYC_CHECK(unusable_setpoints_are_refused),
    CYC_CHECK(calls_fit_their_time_at_9600_baud),
    CYC_CHECK(all_models_are_known_by_their_identity),
    CYC_CHECK(a_front_panel_that_switches_off_is_noticed),
    CYC_CHECK(a_setpoint_changed_at_the_front_panel_is_noticed),
    CYC_CHECK(a_power_failure_that_gives_no_other_sign_is_noticed_within_five_seconds),
    CYC_CHECK(nothing_is_driven_after_a_power_failure),
    CYC_CHECK(what_was_switched_off_at_the_front_panel_is_not_switched_on_again),
    CYC_CHECK(safe_is_said_twice_before_anything_is_waited_for),
    {0}};
