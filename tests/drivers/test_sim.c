/* The cycler without a wire, in virtual time. */
#include "check/check.h"
#include "device/driver.h"

#include <math.h>

extern const struct cyc_driver cyc_driver_sim;

static void nothing(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)now_ns;
    (void)bytes;
    (void)size;
    CU_FAIL("a byte went out");
}

static size_t none(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
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

static struct cyc_bus *bus;
static struct cyc_instrument *instrument;

static void open_sim(void)
{
    const struct cyc_bus_peer peer = {NULL, nothing, none, never, NULL};
    const struct cyc_driver_setting settings[] = {{"outputs", "3", NAN}, {"charge", "50 %", NAN}};
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_memory(&peer, &cyc_driver_sim.bus, 0, &bus, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_instrument_open(&cyc_driver_sim, bus, settings, 2, &instrument, &err),
                          CYC_OK);
}

static void close_sim(void)
{
    cyc_instrument_close(instrument);
    cyc_bus_close(bus);
}

static struct cyc_reading look(unsigned output)
{
    struct cyc_reading reading = {0};
    CU_ASSERT_EQUAL(cyc_driver_sim.measure(instrument, output, &reading, 0, NULL), CYC_OK);
    return reading;
}

static void drive(unsigned output, const struct cyc_setpoint *setpoint)
{
    const struct cyc_drive wanted = {.setpoint = *setpoint};
    CU_ASSERT_EQUAL(cyc_driver_sim.apply(instrument, output, &wanted, 0, NULL), CYC_OK);
}

static void pass(double seconds)
{
    cyc_bus_advance(bus, cyc_bus_now_ns(bus) + (int64_t)(seconds * (double)CYC_S_NS));
}

/* 1.8 mAh between 2.5 V and 4.3 V: 1 V per mAh; 20 ohm. */
static void a_current_charges_one_cell_and_no_other(void)
{
    const struct cyc_setpoint charge = {.control = CYC_CONTROL_CURRENT, .value = 1e-3};
    open_sim();
    CYC_NEAR(look(1).values[CYC_MEASURAND_VOLTAGE], 3.4, 1e-9);
    drive(1, &charge);
    CYC_NEAR(look(1).values[CYC_MEASURAND_VOLTAGE], 3.42, 1e-9);
    pass(360);
    CYC_NEAR(look(1).values[CYC_MEASURAND_VOLTAGE], 3.52, 1e-9);
    CYC_NEAR(look(1).values[CYC_MEASURAND_CURRENT], 1e-3, 0);
    CYC_NEAR(look(0).values[CYC_MEASURAND_VOLTAGE], 3.4, 1e-9);
    CU_ASSERT_EQUAL(look(1).flags, CYC_SAMPLE_OUTPUT_ON);
    CU_ASSERT_EQUAL(look(0).flags, 0);
    CU_ASSERT_EQUAL(cyc_driver_sim.safe(instrument, 1, 0, NULL), CYC_OK);
    CU_ASSERT_EQUAL(look(1).flags, 0);
    CYC_NEAR(look(1).values[CYC_MEASURAND_CURRENT], 0, 0);
    close_sim();
}

static void a_held_voltage_decays_with_its_time_constant(void)
{
    const struct cyc_setpoint hold = {
        .control = CYC_CONTROL_VOLTAGE, .value = 3.41, .current_min_A = -1, .current_max_A = 1};
    open_sim();
    drive(2, &hold);
    const double start_A = look(2).values[CYC_MEASURAND_CURRENT];
    CYC_NEAR(start_A, 5e-4, 1e-12);
    pass(72); /* R / (1 V/mAh) = 20 ohm * 3.6 F */
    CYC_NEAR(look(2).values[CYC_MEASURAND_CURRENT], start_A * exp(-1), 1e-9);
    CU_ASSERT_EQUAL(look(2).flags, CYC_SAMPLE_OUTPUT_ON | CYC_SAMPLE_CV);
    close_sim();
}

static void a_bounded_hold_is_a_current_at_first(void)
{
    const struct cyc_setpoint hold = {
        .control = CYC_CONTROL_VOLTAGE, .value = 3.6, .current_min_A = 0, .current_max_A = 2e-3};
    open_sim();
    drive(0, &hold);
    CYC_NEAR(look(0).values[CYC_MEASURAND_CURRENT], 2e-3, 0);
    CU_ASSERT_EQUAL(look(0).flags, CYC_SAMPLE_OUTPUT_ON);
    pass(300); /* until 3.56 V: 288 s */
    CU_ASSERT(look(0).values[CYC_MEASURAND_CURRENT] < 2e-3);
    CYC_NEAR(look(0).values[CYC_MEASURAND_VOLTAGE], 3.6, 1e-12);
    CYC_NEAR(look(0).values[CYC_MEASURAND_CURRENT], 2e-3 * exp(-12.0 / 72), 3e-5);
    close_sim();
}

static void power_and_load_are_solved(void)
{
    const struct cyc_setpoint power = {.control = CYC_CONTROL_POWER, .value = -2e-3};
    const struct cyc_setpoint load = {.control = CYC_CONTROL_LOAD, .value = 1000};
    open_sim();
    drive(0, &power);
    struct cyc_reading reading = look(0);
    CYC_NEAR(reading.values[CYC_MEASURAND_VOLTAGE] * reading.values[CYC_MEASURAND_CURRENT], -2e-3,
             1e-12);
    drive(0, &load);
    reading = look(0);
    CYC_NEAR(reading.values[CYC_MEASURAND_VOLTAGE] / reading.values[CYC_MEASURAND_CURRENT], -1000,
             1e-6);
    close_sim();
}

static void an_output_that_is_not_there_is_refused(void)
{
    struct cyc_reading reading;
    struct cyc_err err = {0};
    open_sim();
    CU_ASSERT_EQUAL(cyc_driver_sim.measure(instrument, 3, &reading, 0, &err), CYC_E_INPUT);
    CYC_SAME(err.text, "there is no output 3; it has 3, from 0 on");
    close_sim();
}

const struct cyc_check cyc_check_sim[] = {CYC_CHECK(a_current_charges_one_cell_and_no_other),
                                          CYC_CHECK(a_held_voltage_decays_with_its_time_constant),
                                          CYC_CHECK(a_bounded_hold_is_a_current_at_first),
                                          CYC_CHECK(power_and_load_are_solved),
                                          CYC_CHECK(an_output_that_is_not_there_is_refused),
                                          {0}};
