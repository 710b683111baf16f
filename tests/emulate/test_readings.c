/* Each fault of measurement, seen in what the instrument answers; the cell stays as it is. */
#include "emulate/lab.h"

static double read_one(const char *fault, const char *current, unsigned element)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 1);
    lab_source_A(&lab, current);
    if (fault != NULL) {
        lab_fault(&lab, fault);
    }
    const double value = lab_number(lab_ask(&lab, ":READ?"), element);
    CYC_NEAR(lab_cell_V(&lab), 3.5 + 0.1 * lab_cell_A(&lab), 1e-6);
    lab_close(&lab);
    return value;
}

static void readings_that_are_no_numbers_have_the_codes_of_the_maker(void)
{
    CYC_NEAR(read_one("nan", "0.001", 0) / 9.91e37, 1, 1e-6);
    CYC_NEAR(read_one("ovld", "0.001", 1) / 9.9e37, 1, 1e-6);
}

static void readings_are_off_by_what_was_asked_for(void)
{
    CYC_NEAR(read_one(NULL, "0", 0), 3.5, 1e-4);
    CYC_NEAR(read_one("offset_V:V=0.05", "0", 0), 3.55, 1e-4);
    CYC_NEAR(read_one("gain_V:value=1.1", "0", 0), 3.85, 1e-4);
    CYC_NEAR(read_one("offset_I:A=0.00002", "0.001", 1), 0.00102, 1e-6);
    CYC_NEAR(read_one("gain_I:value=1.02", "0.005", 1), 0.0051, 1e-6);
    CYC_NEAR(read_one("spike:V=0.5,times=1", "0", 0), 4.0, 1e-4);
}

static double spread(const char *fault, unsigned element)
{
    struct lab lab;
    double sum = 0, squares = 0;
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 1);
    lab_source_A(&lab, "0");
    lab_fault(&lab, fault);
    for (unsigned i = 0; i < 400; i++) {
        const double value = lab_number(lab_ask(&lab, ":READ?"), element);
        sum += value;
        squares += value * value;
    }
    lab_close(&lab);
    return sqrt(squares / 400 - sum * sum / 160000);
}

static void noise_has_the_spread_that_was_asked_for(void)
{
    CYC_NEAR(spread("noise_V:V=0.01", 0), 0.01, 0.0015);
    CYC_NEAR(spread("noise_I:A=1e-7", 1), 1e-7, 1.5e-8);
}

static void a_stuck_voltage_or_current_stays(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 1);
    lab_source_A(&lab, "0.005");
    lab_fault(&lab, "stuck_V");
    lab_fault(&lab, "stuck_I");
    const double voltage_V = lab_number(lab_ask(&lab, ":READ?"), 0);
    lab_wait(&lab, 600);
    lab_send(&lab, ":SOUR:CURR 0.002");
    const char *answer = lab_ask(&lab, ":READ?");
    CU_ASSERT_EQUAL(lab_number(answer, 0), voltage_V);
    CYC_NEAR(lab_number(answer, 1), 0.005, 1e-6);
    CYC_NEAR(lab_cell_A(&lab), 0.002, 1e-9);
    lab_close(&lab);
}

static void temperatures_stick_or_the_sensor_is_open(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_espec_p300, "", 1, 60);
    lab_fault(&lab, "stuck_T");
    lab_bytes(&lab, "TEMP?\r\nTEMP, S60.0\r\n", 20);
    lab_wait(&lab, 20);
    (void)lab_hear(&lab);
    lab_bytes(&lab, "TEMP?\r\n", 7);
    CYC_NEAR(lab_number(lab_hear(&lab), 0), 30, 0.1);
    lab_close(&lab);
    lab_open(&lab, &cyc_emulator_espec_p300, "", 1, 60);
    lab_fault(&lab, "open_T");
    lab_bytes(&lab, "TEMP?\r\n", 7);
    CYC_NEAR(lab_number(lab_hear(&lab), 0), 850, 0.1);
    lab_close(&lab);
}

static double force(const char *fault, double wait_s)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_bongshin_bs205, "mode=request", 1, 3600);
    lab_fault(&lab, fault);
    lab_bytes(&lab, "0R", 2);
    (void)lab_hear(&lab);
    lab_wait(&lab, wait_s);
    const struct cyc_environment less = {
        .temperature_degC = NAN, .ramp_K_per_s = NAN, .pressure_Pa = 20e6};
    cyc_unit_environment(lab.unit, &less);
    lab_wait(&lab, 1);
    lab_bytes(&lab, "0R", 2);
    const double value = lab_number(lab_hear(&lab) + 2, 0);
    const double dashes = lab.reply[4] == '-' ? NAN : value;
    lab_close(&lab);
    return dashes;
}

static void forces_stick_drift_or_are_gone(void)
{
    CYC_NEAR(force("stuck_p", 1), 400.24, 0.02);
    CYC_NEAR(force("force_drift:Pa=1e6", 24), 160.10 + 8.0 * 25 / 24, 0.1);
    CU_ASSERT_TRUE(isnan(force("force_lost", 1)));
}

const struct cyc_check cyc_check_readings[] = {
    CYC_CHECK(readings_that_are_no_numbers_have_the_codes_of_the_maker),
    CYC_CHECK(readings_are_off_by_what_was_asked_for),
    CYC_CHECK(noise_has_the_spread_that_was_asked_for),
    CYC_CHECK(a_stuck_voltage_or_current_stays),
    CYC_CHECK(temperatures_stick_or_the_sensor_is_open),
    CYC_CHECK(forces_stick_drift_or_are_gone),
    {0}};
