/* What holds for every driver, each against the emulator of its instrument. */
#include "check/check.h"
#include "drivers/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct bench bench;

static void each(void (*test)(const struct bench_kind *kind))
{
    for (const struct bench_kind *kind = bench_kinds; kind->driver != NULL; kind++) {
        test(kind);
    }
}

static bool holds(bool condition, const struct bench_kind *kind, const char *what,
                  const struct cyc_err *err)
{
    if (!condition) {
        (void)fprintf(stderr, "  %s: %s: %s\n", kind->driver, what, err->text);
    }
    CU_ASSERT(condition);
    return condition;
}

static int identify(struct cyc_identity *identity, struct cyc_err *err)
{
    return bench.driver->identify(bench.instrument, identity, bench_deadline(&bench, 5 * CYC_S_NS),
                                  err);
}

static int measure(struct cyc_reading *reading, struct cyc_err *err)
{
    return bench.driver->measure(bench.instrument, 0, reading, bench_deadline(&bench, 5 * CYC_S_NS),
                                 err);
}

/* Connecting to a tester makes it report: it is said, and changes no output. */
static unsigned changes(void)
{
    return bench_truth(&bench, " received ") - bench_truth(&bench, " received 05 ") +
           bench_truth(&bench, " output ") + bench_truth(&bench, " environment ");
}

static void attach_quietly(const struct bench_kind *kind)
{
    struct cyc_err err = {0};
    struct cyc_identity identity;
    struct cyc_reading reading;
    bench_open(&bench, kind, NULL);
    const unsigned before = changes();
    CU_ASSERT_EQUAL(bench.sent_size, 0);
    holds(identify(&identity, &err) == CYC_OK, kind, "identify", &err);
    for (int i = 0; i < 5; i++) {
        bench_wait(&bench, CYC_S_NS);
        holds(measure(&reading, &err) == CYC_OK, kind, "measure", &err);
    }
    cyc_bus_out_of_step(bench.bus);
    holds(bench_mend(&bench, &err) == CYC_OK, kind, "resync", &err);
    holds(measure(&reading, &err) == CYC_OK, kind, "measure after resync", &err);
    bench_reopen_driver(&bench, kind);
    holds(identify(&identity, &err) == CYC_OK, kind, "identify again", &err);
    CU_ASSERT_EQUAL(changes(), before);
    bench_close(&bench);
}

static void open_identify_measure_and_resync_change_no_output(void)
{
    each(attach_quietly);
}

static void identity_of(const struct bench_kind *kind)
{
    static const struct {
        const char *driver, *maker, *model;
    } rows[] = {{"keithley_2400", "KEITHLEY INSTRUMENTS INC.", "2400"},
                {"alicat_pc", "Alicat", "PC"},
                {"zketech_ebc", "ZKETECH", "EBC-A20"},
                {"bongshin_bs205", "", ""}};
    struct cyc_err err = {0};
    struct cyc_identity identity = {0};
    bench_open(&bench, kind, NULL);
    holds(identify(&identity, &err) == CYC_OK, kind, "identify", &err);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].driver, kind->driver) == 0) {
            CYC_SAME(identity.maker, rows[i].maker);
            CYC_SAME(identity.model, rows[i].model);
        }
    }
    bench_close(&bench);
}

static void identify_says_who_it_is(void)
{
    each(identity_of);
}

static void capabilities_of(const struct bench_kind *kind)
{
    struct cyc_err err = {0};
    struct cyc_capabilities can;
    bench_open(&bench, kind, NULL);
    holds(bench.driver->capabilities(bench.instrument, &can, &err) == CYC_OK, kind, "capabilities",
          &err);
    CU_ASSERT_EQUAL(can.roles, bench.driver->roles);
    CU_ASSERT(can.measurands != 0);
    CU_ASSERT(can.output_count >= 1);
    CU_ASSERT(can.fastest_sample_ns > 0);
    const bool cycler = (can.roles & CYC_ROLE_CYCLER) != 0;
    CU_ASSERT(!cycler || (can.controls & 1u << CYC_CONTROL_OPEN) != 0);
    CU_ASSERT(!cycler || can.current_max_A > 0);
    CU_ASSERT(!cycler || can.voltage_max_V > 0);
    CU_ASSERT_EQUAL(bench.sent_size, 0);
    bench_close(&bench);
}

static void capabilities_send_nothing_and_fit_the_role(void)
{
    each(capabilities_of);
}

static void measured_of(const struct bench_kind *kind)
{
    struct cyc_err err = {0};
    struct cyc_reading reading = {0};
    struct cyc_capabilities can;
    bench_open(&bench, kind, NULL);
    bench_ready(&bench);
    if ((bench.driver->roles & CYC_ROLE_CYCLER) != 0) {
        holds(bench_rest(&bench, &err) == CYC_OK, kind, "rest", &err);
    }
    bench_wait(&bench, CYC_S_NS);
    holds(bench.driver->capabilities(bench.instrument, &can, &err) == CYC_OK, kind, "capabilities",
          &err);
    holds(measure(&reading, &err) == CYC_OK, kind, "measure", &err);
    holds((reading.valid & can.measurands) == can.measurands, kind, reading.why, &err);
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        const bool valid = (reading.valid & 1u << i) != 0;
        CU_ASSERT_EQUAL(valid, isfinite(reading.values[i]) != 0);
    }
    CU_ASSERT(reading.t_ns > 0 && reading.t_ns <= cyc_bus_now_ns(bench.bus));
    bench_close(&bench);
}

static void what_is_promised_is_measured_and_nothing_else(void)
{
    each(measured_of);
}

static void mute_of(const struct bench_kind *kind)
{
    struct cyc_err err = {0};
    struct cyc_reading reading;
    bench_open(&bench, kind, "mute:at=20s,for=600s");
    bench_ready(&bench);
    bench_wait(&bench, 25 * CYC_S_NS);
    const int64_t deadline_ns = bench_deadline(&bench, 400 * CYC_MS_NS);
    const int status = bench.driver->measure(bench.instrument, 0, &reading, deadline_ns, &err);
    holds(status == CYC_E_TIMEOUT, kind, "a silent instrument", &err);
    CU_ASSERT(cyc_bus_now_ns(bench.bus) <= deadline_ns);
    bench_close(&bench);
}

static void a_silent_instrument_costs_no_more_than_the_deadline(void)
{
    each(mute_of);
}

static void protect_first_of(const struct bench_kind *kind)
{
    struct cyc_err err = {0};
    struct cyc_identity identity;
    if (strcmp(kind->driver, "keithley_2400") != 0 && strcmp(kind->driver, "zketech_ebc") != 0) {
        return;
    }
    bench_open(&bench, kind, NULL);
    holds(identify(&identity, &err) == CYC_OK, kind, "identify", &err);
    const unsigned before = changes();
    const bool large = strcmp(kind->driver, "zketech_ebc") == 0;
    holds(bench_current(&bench, large ? 0.5 : 0.001, &err) == CYC_E_REFUSED, kind,
          "a current before protect", &err);
    holds(bench_voltage(&bench, 4, 0.005, &err) == CYC_E_REFUSED, kind, "a voltage before protect",
          &err);
    CU_ASSERT_EQUAL(changes(), before);
    bench_ready(&bench);
    holds(bench_current(&bench, large ? 0.5 : 0.001, &err) == CYC_OK, kind, "a current", &err);
    bench_wait(&bench, 3 * CYC_S_NS);
    CU_ASSERT(!bench_is_off(&bench));
    bench_close(&bench);
}

static void no_output_closes_before_protections_are_written(void)
{
    each(protect_first_of);
}

static void out_of_bounds_of(const struct bench_kind *kind)
{
    struct cyc_err err = {0};
    const struct cyc_protection bounds = {.temperature_min_degC = 5,
                                          .temperature_max_degC = 80,
                                          .pressure_min_Pa = 0,
                                          .pressure_max_Pa = 1e5};
    const struct cyc_environment wanted = {
        .temperature_degC = 90, .ramp_K_per_s = NAN, .pressure_Pa = 2e5};
    bench_open(&bench, kind, NULL);
    bench_ready(&bench);
    const unsigned before = changes();
    if (bench.driver->environment != NULL) {
        holds(bench.driver->environment(bench.instrument, 0, &wanted, &bounds,
                                        bench_deadline(&bench, 5 * CYC_S_NS), &err) == CYC_E_INPUT,
              kind, "beyond the bounds", &err);
    } else if (bench.driver->apply != NULL) {
        holds(bench_current(&bench, 2, &err) == CYC_E_INPUT, kind, "beyond the bounds", &err);
        holds(bench_voltage(&bench, 6, 0.005, &err) == CYC_E_INPUT, kind, "beyond the bounds",
              &err);
    }
    CU_ASSERT_EQUAL(changes(), before);
    bench_close(&bench);
}

static void a_setpoint_beyond_the_bounds_is_not_sent(void)
{
    each(out_of_bounds_of);
}

const struct cyc_check cyc_check_conformance[] = {
    CYC_CHECK(open_identify_measure_and_resync_change_no_output),
    CYC_CHECK(identify_says_who_it_is),
    CYC_CHECK(capabilities_send_nothing_and_fit_the_role),
    CYC_CHECK(what_is_promised_is_measured_and_nothing_else),
    CYC_CHECK(a_silent_instrument_costs_no_more_than_the_deadline),
    CYC_CHECK(no_output_closes_before_protections_are_written),
    CYC_CHECK(a_setpoint_beyond_the_bounds_is_not_sent),
    {0}};
