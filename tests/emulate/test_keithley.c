#include "emulate/lab.h"

static void keithley(struct lab *lab)
{
    lab_open(lab, &cyc_emulator_keithley_2400, "", 1, 1);
}

static void it_says_who_it_is_and_that_it_was_switched_on_once(void)
{
    struct lab lab;
    keithley(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_ask(&lab, "*IDN?"), "KEITHLEY INSTRUMENTS INC.,MODEL 2400,"));
    CYC_SAME(lab_ask(&lab, "*ESR?"), "128");
    CYC_SAME(lab_ask(&lab, "*ESR?"), "0");
    lab_close(&lab);
}

static void readings_are_refused_with_the_output_off(void)
{
    struct lab lab;
    keithley(&lab);
    CYC_SAME(lab_ask(&lab, ":READ?"), "");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "803,\"Not permitted with OUTPUT off\"");
    lab_send(&lab, ":SOUR:CLE:AUTO ON");
    CU_ASSERT_TRUE(strlen(lab_ask(&lab, ":READ?")) > 10);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    lab_close(&lab);
}

static void a_cell_leaks_through_the_normal_off_state_and_not_through_high_impedance(void)
{
    struct lab lab;
    keithley(&lab);
    CYC_SAME(lab_ask(&lab, ":OUTP:SMOD?"), "NORM");
    CYC_NEAR(lab_cell_A(&lab), -0.005 * 1e-4, 1e-12); /* 0.5 % of the 100 uA range */
    lab_send(&lab, ":OUTP:SMOD HIMP");
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    CU_ASSERT_EQUAL(cyc_unit_truth(lab.unit, 0)->control, CYC_CONTROL_OPEN);
    lab_close(&lab);
}

static void it_sources_the_current_that_it_was_told(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0.005");
    CYC_NEAR(lab_cell_A(&lab), 0.005, 1e-9);
    const char *answer = lab_ask(&lab, ":READ?");
    CYC_NEAR(lab_number(answer, 0), 3.5005, 1e-4);
    CYC_NEAR(lab_number(answer, 1), 0.005, 1e-6);
    CU_ASSERT_EQUAL((unsigned)lab_number(answer, 2) & (1u << 3), 0);
    lab_wait(&lab, 3600);
    CYC_NEAR(lab_number(lab_ask(&lab, ":READ?"), 0), 4.0005, 1e-4);
    CYC_NEAR(cyc_cell_net_charge_Ah(cyc_emulation_truth_cell(lab.emulation, 0)), 0.005, 1e-9);
    lab_close(&lab);
}

static void at_its_compliance_it_holds_the_voltage_and_says_so(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0.01");
    lab_send(&lab, ":SENS:VOLT:PROT 3.8");
    CYC_SAME(lab_ask(&lab, ":SENS:VOLT:PROT:TRIP?"), "0");
    lab_wait(&lab, 1800);
    const char *answer = lab_ask(&lab, ":READ?");
    CYC_NEAR(lab_number(answer, 0), 3.8, 1e-4);
    CU_ASSERT_TRUE(lab_number(answer, 1) < 0.009);
    CU_ASSERT_NOT_EQUAL((unsigned)lab_number(answer, 2) & (1u << 3), 0);
    CYC_SAME(lab_ask(&lab, ":SENS:VOLT:PROT:TRIP?"), "1");
    lab_close(&lab);
}

static void a_cell_above_the_compliance_is_pulled_down_with_all_the_current_there_is(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0.001");
    lab_send(&lab, ":SENS:VOLT:PROT 3.0");
    CYC_NEAR(lab_cell_A(&lab), -1.05, 1e-9);
    lab_close(&lab);
}

static void a_fixed_measurement_range_limits_as_range_compliance(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0");
    lab_send(&lab, ":SENS:VOLT:RANG 2");
    const unsigned status = (unsigned)lab_number(lab_ask(&lab, ":READ?"), 2);
    CU_ASSERT_NOT_EQUAL(status & (1u << 16), 0);
    CU_ASSERT_EQUAL(status & (1u << 3), 0);
    lab_close(&lab);
}

static void as_a_voltage_source_it_stays_within_its_current(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0");
    lab_send(&lab, ":OUTP OFF;:SOUR:FUNC VOLT;VOLT 3.9;:SENS:CURR:PROT 0.01;:OUTP ON");
    CYC_NEAR(lab_cell_A(&lab), 0.01, 1e-9);
    CYC_SAME(lab_ask(&lab, ":SENS:CURR:PROT:TRIP?"), "1");
    lab_wait(&lab, 3600);
    CYC_NEAR(lab_cell_V(&lab), 3.9, 1e-6);
    CYC_SAME(lab_ask(&lab, ":SENS:CURR:PROT:TRIP?"), "0");
    lab_close(&lab);
}

static void another_sense_mode_turns_the_output_off(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0.005");
    lab_send(&lab, ":SYST:RSEN ON");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "1");
    lab_send(&lab, ":SYST:RSEN OFF");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    lab_close(&lab);
}

static void elements_keep_their_order_and_what_is_not_measured_is_no_number(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0.001");
    lab_send(&lab, ":FORM:ELEM STAT,VOLT");
    CYC_SAME(lab_ask(&lab, ":FORM:ELEM?"), "VOLT,STAT");
    lab_send(&lab, ":SENS:FUNC:OFF 'VOLT'");
    CYC_NEAR(lab_number(lab_ask(&lab, ":READ?"), 0) / 9.91e37, 1, 1e-6);
    lab_close(&lab);
}

static void mistakes_queue_up_and_the_last_place_says_overflow(void)
{
    struct lab lab;
    keithley(&lab);
    CYC_SAME(lab_ask(&lab, ":FOO?"), "");
    lab_send(&lab, ":SOUR:CURR 3");
    lab_send(&lab, ":OUTP MAYBE");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "-113,\"Undefined header\"");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "-222,\"Parameter data out of range\"");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "-104,\"Data type error\"");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "0,\"No error\"");
    for (unsigned i = 0; i < 30; i++) {
        lab_send(&lab, "NONSENSE");
    }
    for (unsigned i = 0; i < 9; i++) {
        CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "-113,\"Undefined header\"");
    }
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "-350,\"Queue overflow\"");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "0,\"No error\"");
    lab_close(&lab);
}

static void device_clear_forgets_half_a_message_and_answers_on_their_way(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_keithley_2400, "baud=9600", 1, 1);
    lab_bytes(&lab, ":OUTP O", 7);
    lab_bytes(&lab, "\x03", 1);
    lab_send(&lab, "*IDN?");
    lab_bytes(&lab, "\x03", 1);
    lab_wait(&lab, 1);
    CYC_SAME(lab_hear(&lab), "");
    lab_send(&lab, ":SYST:ERR?");
    lab_wait(&lab, 1);
    CYC_SAME(lab_hear(&lab), "0,\"No error\"\r");
    lab_close(&lab);
}

static void a_path_goes_on_within_a_message_and_begins_anew_in_the_next(void)
{
    struct lab lab;
    keithley(&lab);
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR:RANG 0.01;LEV 0.002;:SOUR:CURR?"), "+2.000000E-03");
    CYC_SAME(lab_ask(&lab, "source1:current:range?;:sour:curr:rang:auto?"), "+1.000000E-02;0");
    lab_send(&lab, "LEV 0.003");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "-113,\"Undefined header\"");
    CYC_SAME(lab_ask(&lab, ":SOUR:CURRE?;:SYST:ERR?"), "");
    lab_close(&lab);
}

static void levels_come_in_the_steps_of_the_range(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0.0012345678");
    CYC_NEAR(lab_cell_A(&lab), 0.0012345, 1e-10); /* 10 mA range: 500 nA */
    lab_send(&lab, ":SOUR:CURR:RANG 1");
    CYC_NEAR(lab_cell_A(&lab), 0.00125, 1e-10); /* 1 A: 50 uA */
    lab_close(&lab);
}

static void reset_brings_the_defaults_and_only_power_says_so(void)
{
    struct lab lab;
    keithley(&lab);
    lab_source_A(&lab, "0.005");
    (void)lab_ask(&lab, "*ESR?");
    lab_send(&lab, "*RST");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    CYC_SAME(lab_ask(&lab, ":SOUR:FUNC?"), "VOLT");
    CYC_SAME(lab_ask(&lab, "*ESR?"), "0");
    lab_close(&lab);
}

const struct cyc_check cyc_check_keithley[] = {
    CYC_CHECK(it_says_who_it_is_and_that_it_was_switched_on_once),
    CYC_CHECK(readings_are_refused_with_the_output_off),
    CYC_CHECK(a_cell_leaks_through_the_normal_off_state_and_not_through_high_impedance),
    CYC_CHECK(it_sources_the_current_that_it_was_told),
    CYC_CHECK(at_its_compliance_it_holds_the_voltage_and_says_so),
    CYC_CHECK(a_cell_above_the_compliance_is_pulled_down_with_all_the_current_there_is),
    CYC_CHECK(a_fixed_measurement_range_limits_as_range_compliance),
    CYC_CHECK(as_a_voltage_source_it_stays_within_its_current),
    CYC_CHECK(another_sense_mode_turns_the_output_off),
    CYC_CHECK(elements_keep_their_order_and_what_is_not_measured_is_no_number),
    CYC_CHECK(mistakes_queue_up_and_the_last_place_says_overflow),
    CYC_CHECK(device_clear_forgets_half_a_message_and_answers_on_their_way),
    CYC_CHECK(a_path_goes_on_within_a_message_and_begins_anew_in_the_next),
    CYC_CHECK(levels_come_in_the_steps_of_the_range),
    CYC_CHECK(reset_brings_the_defaults_and_only_power_says_so),
    {0}};
