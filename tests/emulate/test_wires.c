/* Each fault of wires, cell and surroundings, against what the circuit must do. The cell: 3.5 V
 * behind 0.1 ohm, 10 mAh over 1 V. */
#include "emulate/lab.h"

#include <stdio.h>

static void keithley(struct lab *lab, unsigned cells, const char *fault, const char *current)
{
    lab_open(lab, &cyc_emulator_keithley_2400, "", cells, 1);
    lab_source_A(lab, current);
    lab_fault(lab, fault);
    lab_wait(lab, 0.001); /* faults begin */
}

static double reading(struct lab *lab, unsigned element)
{
    return lab_number(lab_ask(lab, ":READ?"), element);
}

static void in_an_open_circuit_no_current_follows_and_the_source_goes_to_its_compliance(void)
{
    struct lab lab;
    keithley(&lab, 1, "open", "0.005");
    CYC_NEAR(reading(&lab, 1), 0, 1e-7);
    CYC_NEAR(lab_cell_A(&lab), 0, 1e-7);
    lab_send(&lab, ":SYST:RSEN OFF");
    lab_send(&lab, ":OUTP ON");
    CYC_SAME(lab_ask(&lab, ":SENS:VOLT:PROT:TRIP?"), "1");
    CYC_NEAR(lab_cell_A(&lab), 0, 1e-7);
    CYC_NEAR(reading(&lab, 0), 4.5, 1e-3);
    lab_close(&lab);
}

/* A hold at 3.9 V for an hour, through leads of this resistance. */
static double held_charge_Ah(double ohm)
{
    struct lab lab;
    char fault[32];
    (void)snprintf(fault, sizeof fault, "lead:ohm=%s", ohm > 0 ? "0.000001" : "0");
    keithley(&lab, 1, fault, "0");
    lab_send(&lab, ":OUTP OFF;:SOUR:FUNC VOLT;VOLT 3.9;:SENS:CURR:PROT 0.01;:OUTP ON");
    for (unsigned i = 0; i < 360; i++) {
        lab_wait(&lab, 10);
    }
    const double charge_Ah = cyc_cell_net_charge_Ah(cyc_emulation_truth_cell(lab.emulation, 0));
    lab_close(&lab);
    return charge_Ah;
}

static void solving_the_network_comes_to_what_the_cell_does_by_itself(void)
{
    CYC_NEAR(held_charge_Ah(0), 0.004, 1e-6);
    CYC_NEAR(held_charge_Ah(1), held_charge_Ah(0), 1e-7);
}

static void a_loose_contact_comes_and_goes(void)
{
    struct lab lab;
    unsigned apart = 0;
    keithley(&lab, 1, "contact:ohm=10", "0.01");
    lab_send(&lab, ":SYST:RSEN OFF");
    lab_send(&lab, ":OUTP ON");
    for (unsigned i = 0; i < 200; i++) {
        lab_wait(&lab, 0.02);
        apart += reading(&lab, 0) > lab_cell_V(&lab) + 0.005 ? 1 : 0;
    }
    CU_ASSERT_TRUE(apart > 50 && apart < 150);
    lab_close(&lab);
}

static void leads_show_in_two_wires_and_not_in_four(void)
{
    struct lab lab;
    keithley(&lab, 1, "lead:ohm=2", "0.01");
    CYC_NEAR(reading(&lab, 0), 3.501, 2e-4);
    lab_send(&lab, ":SYST:RSEN OFF");
    lab_send(&lab, ":OUTP ON");
    CYC_NEAR(reading(&lab, 0), 3.521, 2e-4);
    lab_close(&lab);
}

static void leads_may_drift(void)
{
    struct lab lab;
    keithley(&lab, 1, "lead:ohm=2,ramp=100", "0.001");
    lab_send(&lab, ":SYST:RSEN OFF");
    lab_send(&lab, ":OUTP ON");
    lab_wait(&lab, 50);
    CYC_NEAR(reading(&lab, 0) - lab_cell_V(&lab), 0.001, 1e-4);
    lab_wait(&lab, 100);
    CYC_NEAR(reading(&lab, 0) - lab_cell_V(&lab), 0.002, 1e-4);
    lab_close(&lab);
}

static void across_an_external_short_the_cell_empties_itself(void)
{
    struct lab lab;
    keithley(&lab, 1, "external_short:ohm=0.4", "0");
    CYC_NEAR(lab_cell_A(&lab), -7, 0.05);
    CYC_NEAR(reading(&lab, 0), 2.8, 0.02);
    lab_close(&lab);
}

static void an_internal_short_takes_charge_that_no_instrument_sees(void)
{
    struct lab lab;
    keithley(&lab, 1, "short:ohm=100", "0");
    CYC_NEAR(lab_cell_A(&lab), -3.5 / 100.1, 1e-4);
    CYC_NEAR(reading(&lab, 1), 0, 1e-9);
    lab_wait(&lab, 60);
    CYC_NEAR(cyc_cell_net_charge_Ah(cyc_emulation_truth_cell(lab.emulation, 0)), -0.035 * 60 / 3600,
             2e-5);
    lab_close(&lab);
}

static void a_soft_short_becomes_a_hard_one(void)
{
    struct lab lab;
    keithley(&lab, 1, "short:ohm=0.5,ramp=1", "0");
    lab_wait(&lab, 0.05);
    CU_ASSERT_TRUE(lab_cell_A(&lab) > -0.2);
    lab_wait(&lab, 1);
    CU_ASSERT_TRUE(lab_cell_A(&lab) < -4);
    lab_close(&lab);
}

static void a_short_may_wait_for_a_voltage(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 60);
    lab_source_A(&lab, "0.01");
    lab_fault(&lab, "short:ohm=10,above=3.7");
    lab_wait(&lab, 10);
    CYC_NEAR(lab_cell_A(&lab), 0.01, 1e-6);
    lab_wait(&lab, 2.1);
    CU_ASSERT_TRUE(lab_cell_A(&lab) < -0.3);
    lab_close(&lab);
}

static void open_sense_leads_let_the_source_charge_on(void)
{
    struct lab lab;
    keithley(&lab, 1, "sense_off", "0.01");
    CYC_NEAR(reading(&lab, 0), 0, 1e-6);
    lab_send(&lab, ":SENS:VOLT:PROT 3.4");
    CYC_NEAR(lab_cell_A(&lab), 0.01, 1e-6); /* beyond the compliance, unseen */
    CYC_SAME(lab_ask(&lab, ":SENS:VOLT:PROT:TRIP?"), "0");
    lab_close(&lab);
}

static void a_reversed_cell_reads_negative_and_is_discharged_by_charging(void)
{
    struct lab lab;
    keithley(&lab, 1, "reversed", "0.005");
    CYC_NEAR(reading(&lab, 0), -3.4995, 1e-3);
    CYC_NEAR(lab_cell_A(&lab), -0.005, 1e-6);
    lab_close(&lab);
}

static void swapped_wires_show_another_cell(void)
{
    struct lab lab;
    keithley(&lab, 2, "swapped:cell=0,value=1", "0");
    CYC_NEAR(reading(&lab, 0), 3.7, 1e-3);
    lab_close(&lab);
}

static void a_welded_relay_goes_on(void)
{
    struct lab lab;
    keithley(&lab, 1, "welded:for=10", "0.005");
    lab_send(&lab, ":OUTP OFF");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    CYC_NEAR(lab_cell_A(&lab), 0.005, 1e-9);
    CU_ASSERT_EQUAL(cyc_unit_truth(lab.unit, 0)->control, CYC_CONTROL_CURRENT);
    lab_wait(&lab, 11);
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    lab_close(&lab);
}

static void an_open_output_does_not_open_that_of_another_instrument_at_the_cell(void)
{
    struct lab lab;
    struct cyc_unit *other = NULL;
    const unsigned cell = 0;
    const struct cyc_setpoint charge = {.control = CYC_CONTROL_CURRENT, .value = 0.002};
    const struct cyc_setpoint open = {.control = CYC_CONTROL_OPEN};
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 1);
    lab_source_A(&lab, "0.005");
    CU_ASSERT_EQUAL(cyc_emulation_unit(lab.emulation, &cyc_emulator_zketech_ebc, lab.link, "",
                                       &cell, 1, &other, NULL),
                    CYC_OK);
    CYC_NEAR(lab_cell_A(&lab), 0.005, 1e-9);
    cyc_unit_drive(other, 0, &charge);
    CYC_NEAR(lab_cell_A(&lab), 0.002, 1e-9);
    cyc_unit_drive(other, 0, &open);
    CYC_NEAR(lab_cell_A(&lab), 0, 1e-9);
    lab_close(&lab);
}

static void capacity_may_be_gone_at_once(void)
{
    struct lab lab;
    keithley(&lab, 1, "capacity:value=0.5", "0.005");
    const double before_V = lab_cell_V(&lab);
    lab_wait(&lab, 1800); /* 2.5 mAh of 5 mAh are half a volt */
    CYC_NEAR(lab_cell_V(&lab) - before_V, 0.5, 0.002);
    lab_close(&lab);
}

static void the_paper_s_cell_loses_capacity_too(void)
{
    struct lab lab;
    struct cyc_cell_spec spec;
    struct cyc_err err = {0};
    unsigned index = 0;
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 1);
    CU_ASSERT_EQUAL(cyc_cell_spec_init(&spec, "n_lmro", &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_emulation_cell(lab.emulation, &spec, &index, &err), CYC_OK);
    struct cyc_unit *unit = NULL;
    CU_ASSERT_EQUAL(cyc_emulation_unit(lab.emulation, &cyc_emulator_keithley_2400, lab.link, "",
                                       &index, 1, &unit, &err),
                    CYC_OK);
    const struct cyc_setpoint charge = {.control = CYC_CONTROL_CURRENT, .value = 0.001};
    cyc_unit_drive(unit, 0, &charge);
    lab_wait(&lab, 3600);
    lab_fault(&lab, "capacity:cell=1,value=0.7,times=1");
    lab_wait(&lab, 1);
    CYC_NEAR(cyc_cell_inner(cyc_emulation_truth_cell(lab.emulation, 1), "retention"), 0.7, 0.01);
    lab_close(&lab);
}

/* ---- Surroundings ---- */

static double ambient_after(const char *fault, double set_degC, double minutes, double *highest)
{
    struct lab lab;
    struct cyc_sample sample;
    char line[64];
    lab_open(&lab, &cyc_emulator_espec_p300, "", 1, 60);
    if (fault != NULL) {
        lab_fault(&lab, fault);
    }
    lab_wait(&lab, 0.001);
    const int size = snprintf(line, sizeof line, "TEMP, S%d.0\r\n", (int)set_degC);
    lab_bytes(&lab, line, (size_t)size);
    *highest = -INFINITY;
    for (double t = 0; t < minutes; t += 0.1) {
        lab_wait(&lab, 0.1);
        cyc_unit_measure(lab.unit, 0, &sample);
        *highest = fmax(*highest, sample.ambient_degC);
    }
    lab_close(&lab);
    return sample.ambient_degC;
}

static void chambers_fail_in_their_ways(void)
{
    double highest = 0;
    CYC_NEAR(ambient_after(NULL, 40, 20, &highest), 40, 0.01);
    CYC_NEAR(highest, 40, 0.01);
    CYC_NEAR(ambient_after("chamber_stuck", 40, 20, &highest), 30, 0.01);
    CYC_NEAR(ambient_after("heat", 40, 20, &highest), 50, 0.2);
    CU_ASSERT_TRUE(ambient_after("chamber_off", 40, 60, &highest) < 27);
    CYC_NEAR(ambient_after("overshoot:K=5", 40, 30, &highest), 40, 0.1);
    CYC_NEAR(highest, 45, 0.1);
    (void)ambient_after("ripple:K=2", 40, 30, &highest);
    CYC_NEAR(highest, 42, 0.1);
}

static void a_chamber_goes_back_to_work_when_its_fault_ends(void)
{
    double highest = 0;
    CYC_NEAR(ambient_after("chamber_stuck:for=5min", 40, 20, &highest), 40, 0.01);
}

static void stack_pressure_may_be_lost(void)
{
    struct lab lab;
    struct cyc_sample sample;
    lab_open(&lab, &cyc_emulator_bongshin_bs205, "mode=request", 1, 60);
    lab_fault(&lab, "pressure:Pa=2e7,at=1min,ramp=1min");
    lab_wait(&lab, 0.9);
    cyc_unit_measure(lab.unit, 0, &sample);
    CYC_NEAR(sample.pressure_Pa, 50e6, 1e3);
    lab_wait(&lab, 0.6);
    cyc_unit_measure(lab.unit, 0, &sample);
    CU_ASSERT_TRUE(sample.pressure_Pa > 25e6 && sample.pressure_Pa < 45e6);
    lab_wait(&lab, 3);
    cyc_unit_measure(lab.unit, 0, &sample);
    CYC_NEAR(sample.pressure_Pa, 20e6, 1e3);
    lab_close(&lab);
}

const struct cyc_check cyc_check_wires[] = {
    CYC_CHECK(in_an_open_circuit_no_current_follows_and_the_source_goes_to_its_compliance),
    CYC_CHECK(solving_the_network_comes_to_what_the_cell_does_by_itself),
    CYC_CHECK(a_loose_contact_comes_and_goes),
    CYC_CHECK(leads_show_in_two_wires_and_not_in_four),
    CYC_CHECK(leads_may_drift),
    CYC_CHECK(across_an_external_short_the_cell_empties_itself),
    CYC_CHECK(an_internal_short_takes_charge_that_no_instrument_sees),
    CYC_CHECK(a_soft_short_becomes_a_hard_one),
    CYC_CHECK(a_short_may_wait_for_a_voltage),
    CYC_CHECK(open_sense_leads_let_the_source_charge_on),
    CYC_CHECK(a_reversed_cell_reads_negative_and_is_discharged_by_charging),
    CYC_CHECK(swapped_wires_show_another_cell),
    CYC_CHECK(a_welded_relay_goes_on),
    CYC_CHECK(an_open_output_does_not_open_that_of_another_instrument_at_the_cell),
    CYC_CHECK(capacity_may_be_gone_at_once),
    CYC_CHECK(the_paper_s_cell_loses_capacity_too),
    CYC_CHECK(chambers_fail_in_their_ways),
    CYC_CHECK(a_chamber_goes_back_to_work_when_its_fault_ends),
    CYC_CHECK(stack_pressure_may_be_lost),
    {0}};
