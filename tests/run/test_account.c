/* Charge that the executor counted against charge that the simulated cell counted by itself. */
#include "lab.h"

#define CYCLING                                                                                    \
    "  - cycles: 3\n"                                                                              \
    "    id: main\n"                                                                               \
    "    steps:\n"                                                                                 \
    "      - {discharge: 1 C, cutoff: 3.2 V, id: down}\n"                                          \
    "      - {rest: 10 min}\n"                                                                     \
    "      - {charge: 0.5 C, hold: 4.1 V, cutoff: 0.05 C, id: up}\n"                               \
    "      - {rest: 10 min}\n"                                                                     \
    "      - {discharge: 5 W, cutoff: 20 min}\n"                                                   \
    "      - {hold: 3.9 V, current: 1 C, cutoff: 10 min}\n"

static double net_Ah(const struct lab *lab)
{
    double sum = 0.0;
    for (unsigned i = 0; i < lab->count; i++) {
        sum += lab->results[i].sums.charge_Ah - lab->results[i].sums.discharge_Ah;
    }
    return sum;
}

static double throughput_Ah(const struct lab *lab)
{
    double sum = 0.0;
    for (unsigned i = 0; i < lab->count; i++) {
        sum += lab->results[i].sums.charge_Ah + lab->results[i].sums.discharge_Ah;
    }
    return sum;
}

static void step_charges_add_up_to_the_charge_in_the_linear_cell(void)
{
    struct lab lab;
    lab_init(&lab, 2);
    lab_run(&lab, CYCLING);
    CU_ASSERT_EQUAL(lab.count, 18);
    CU_ASSERT_EQUAL(lab.outcome.finish, CYC_FINISH_DONE);
    CU_ASSERT(throughput_Ah(&lab) > 5.0);
    CYC_NEAR(net_Ah(&lab), lab.outcome.net_charge_Ah, 1e-9 * throughput_Ah(&lab));
    lab_release(&lab);
}

static void step_charges_add_up_to_the_charge_in_the_n_lmro_cell(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    CU_ASSERT_EQUAL(cyc_cell_spec_init(&lab.cell, "n_lmro", &lab.err), CYC_OK);
    lab.cell.active_mass_g = 0.00903;
    lab_run_whole(&lab, "cyclostat: 1\n"
                        "name: test\n"
                        "cell: {active_mass: 9.03 mg, one_c: 200 mA/g, "
                        "nominal_capacity: 290 mAh/g, reference: In/Li-In}\n"
                        "limits: {voltage: [1.2 V, 4.1 V], current: 1 C}\n"
                        "method:\n"
                        "  - cycles: 2\n"
                        "    steps:\n"
                        "      - {charge: 0.5 C, hold: 4.6 V vs Li/Li+, cutoff: 0.25 C}\n"
                        "      - {discharge: 0.5 C, cutoff: 2.0 V vs Li/Li+}\n");
    CU_ASSERT_EQUAL(lab.count, 4);
    CYC_NEAR(net_Ah(&lab), lab.outcome.net_charge_Ah, 1e-9 * throughput_Ah(&lab));
    lab_release(&lab);
}

static void cycles_add_up_to_their_steps(void)
{
    struct lab lab;
    lab_init(&lab, 2);
    lab_run(&lab, CYCLING);
    CU_ASSERT_EQUAL(lab.cycle_count, 3);
    double charge_Ah = 0.0;
    double discharge_Ah = 0.0;
    for (unsigned i = 6; i < 12; i++) {
        charge_Ah += lab.results[i].sums.charge_Ah;
        discharge_Ah += lab.results[i].sums.discharge_Ah;
    }
    CYC_NEAR(lab.cycles[1].sums.charge_Ah, charge_Ah, 1e-12);
    CYC_NEAR(lab.cycles[1].sums.discharge_Ah, discharge_Ah, 1e-12);
    CU_ASSERT_EQUAL(lab.cycles[1].number, 2);
    CU_ASSERT_EQUAL(lab.cycles[1].start_ns, lab.results[6].start_ns);
    CU_ASSERT_EQUAL(lab.cycles[1].end_ns, lab.results[11].end_ns);
    CU_ASSERT(lab.cycles[1].complete);
    lab_release(&lab);
}

static void parts_of_a_charge_add_up(void)
{
    struct lab lab;
    lab_init(&lab, 2);
    lab_run(&lab, CYCLING);
    const struct cyc_result *up = lab_step(&lab, 3);
    CYC_NEAR(up->cc_capacity_Ah + up->cv_capacity_Ah, up->sums.charge_Ah, 1e-12);
    CU_ASSERT(up->cv_capacity_Ah > 0.1);
    CU_ASSERT(up->hold_time_ns > 0 && up->hold_time_ns < up->step_time_ns);
    lab_release(&lab);
}

static void energy_is_charge_times_voltage_at_constant_voltage(void)
{
    struct lab lab;
    lab_init(&lab, 1);
    lab.cell.initial_soc = 0.5;
    lab_run(&lab, "  - {hold: 3.8 V, current: 10 C, cutoff: 30 min}\n");
    const struct cyc_sums *sums = &lab_step(&lab, 1)->sums;
    CU_ASSERT(sums->charge_Ah > 0.1);
    CYC_NEAR(sums->charge_Wh, 3.8 * sums->charge_Ah, 1e-9);
    lab_release(&lab);
}

const struct cyc_check cyc_check_account[] = {
    CYC_CHECK(step_charges_add_up_to_the_charge_in_the_linear_cell),
    CYC_CHECK(step_charges_add_up_to_the_charge_in_the_n_lmro_cell),
    CYC_CHECK(cycles_add_up_to_their_steps),
    CYC_CHECK(parts_of_a_charge_add_up),
    CYC_CHECK(energy_is_charge_times_voltage_at_constant_voltage),
    {0}};
