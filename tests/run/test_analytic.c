/* Cases with a closed solution, carried out from the protocol's text to the result of the step.
 *
 * OCV = 3.0 V + 1.2 V z, Q = 2.5 Ah = 9000 C, so k = dOCV/dq = 1.2/9000 V/C; R0 = 20 mΩ,
 * R1 = 15 mΩ with τ1 = 30 s, R2 = 10 mΩ with τ2 = 300 s. The reference values follow from the
 * formulas beside each case and were computed in double precision, apart from this program. */
#include "lab.h"

#include <math.h>
#include <stdio.h>

#define VOLT   1e-6
#define SECOND 1e-3
#define AMPERE 1e-6

/* T1: V = 4.2 − k I t − I R0 − I R1 (1 − exp(−t/τ1)) */
static void constant_current_follows_one_rc_pair(void)
{
    struct lab lab;
    lab_init(&lab, 1);
    lab_run(&lab, "  - {discharge: 2.5 A, cutoff: 1 s}\n"
                  "  - {discharge: 2.5 A, cutoff: 9 s}\n"
                  "  - {discharge: 2.5 A, cutoff: 20 s}\n"
                  "  - {discharge: 2.5 A, cutoff: 30 s}\n"
                  "  - {discharge: 2.5 A, cutoff: 540 s}\n"
                  "  - {discharge: 2.5 A, cutoff: 1200 s}\n");
    CU_ASSERT_EQUAL(lab.count, 6);
    CYC_NEAR(lab_step(&lab, 1)->voltage_V, 4.148437270, VOLT);
    CYC_NEAR(lab_step(&lab, 2)->voltage_V, 4.136036591, VOLT);
    CYC_NEAR(lab_step(&lab, 3)->voltage_V, 4.116295479, VOLT);
    CYC_NEAR(lab_step(&lab, 4)->voltage_V, 4.097575073, VOLT);
    CYC_NEAR(lab_step(&lab, 5)->voltage_V, 3.912500000, VOLT);
    CYC_NEAR(lab_step(&lab, 6)->voltage_V, 3.512500000, VOLT);
    CU_ASSERT_EQUAL(lab.outcome.finish, CYC_FINISH_DONE);
    lab_release(&lab);
}

static void constant_current_crosses_a_voltage_on_time(void)
{
    static const struct {
        const char *method;
        double time_s;
    } cases[] = {{"  - {discharge: 2.5 A, cutoff: 4.13 V}\n", 15.224954961},
                 {"  - {discharge: 2.5 A, cutoff: 4.10 V}\n", 55.304708428},
                 {"  - {discharge: 2.5 A, cutoff: 3.40 V}\n", 2137.5}};
    for (unsigned i = 0; i < 3; i++) {
        struct lab lab;
        lab_init(&lab, 1);
        lab_run(&lab, cases[i].method);
        CYC_NEAR(lab_time_s(&lab, 1), cases[i].time_s, SECOND);
        CU_ASSERT_EQUAL(lab_step(&lab, 1)->reason, CYC_REASON_VOLTAGE);
        lab_release(&lab);
    }
}

static void constant_current_follows_two_rc_pairs(void)
{
    struct lab lab;
    lab_init(&lab, 2);
    lab_run(&lab, "  - {discharge: 1 C, cutoff: 1 min}\n"
                  "  - {discharge: 1 C, cutoff: 9 min}\n"
                  "  - {discharge: 1 C, cutoff: 20 min}\n"
                  "  - {discharge: 1 C, cutoff: 3.4 V}\n");
    CYC_NEAR(lab_step(&lab, 1)->voltage_V, 4.093043342, VOLT);
    CYC_NEAR(lab_step(&lab, 2)->voltage_V, 3.890883382, VOLT);
    CYC_NEAR(lab_step(&lab, 3)->voltage_V, 3.487561969, VOLT);
    CYC_NEAR(1800.0 + lab_time_s(&lab, 4), 2062.577477, SECOND);
    lab_release(&lab);
}

/* T2: I = I0 exp(−t/τ), τ = R0/k = 150 s; 4.1 V is reached at z = 0.8958333. */
static void hold_with_a_resistance_decays_exponentially(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab.cell.initial_soc = 0.85;
    lab_run(&lab, "  - {charge: 1.25 A, hold: 4.1 V, cutoff: 0.625 A}\n");
    CYC_NEAR((double)lab_step(&lab, 1)->hold_time_ns * 1e-9, 103.972077, SECOND);
    CYC_NEAR(lab_step(&lab, 1)->cv_capacity_Ah, 93.75 / 3600.0, 1e-8);
    CYC_NEAR(lab_time_s(&lab, 1), 330.0 + 103.972077, 2.0 * SECOND);
    CU_ASSERT_EQUAL(lab_step(&lab, 1)->reason, CYC_REASON_CURRENT);
    lab_run(&lab, "  - {charge: 1.25 A, hold: 4.1 V, cutoff: 0.125 A}\n");
    CYC_NEAR((double)lab_step(&lab, 1)->hold_time_ns * 1e-9, 345.387764, SECOND);
    CYC_NEAR(lab_step(&lab, 1)->cv_capacity_Ah, 168.75 / 3600.0, 1e-8);
    lab_run(&lab, "  - {charge: 1.25 A, hold: 4.1 V, cutoff: hold_time >= 60 s}\n");
    CYC_NEAR(lab_step(&lab, 1)->current_A, 0.837900058, AMPERE);
    lab_release(&lab);
}

/* T3: two exponentials, rates 0.00362046 and 0.06137954 1/s */
static void hold_with_an_rc_pair_follows_two_exponentials(void)
{
    static const struct {
        const char *method;
        double current_A;
    } cases[] = {{"  - {charge: 1.25 A, hold: 4.1 V, cutoff: hold_time >= 1 s}\n", 1.241796099},
                 {"  - {charge: 1.25 A, hold: 4.1 V, cutoff: hold_time >= 10 s}\n", 1.177657558},
                 {"  - {charge: 1.25 A, hold: 4.1 V, cutoff: hold_time >= 60 s}\n", 0.954538857},
                 {"  - {charge: 1.25 A, hold: 4.1 V, cutoff: hold_time >= 300 s}\n", 0.399645951}};
    struct lab lab;
    lab_init(&lab, 1);
    lab.cell.initial_soc = 0.5; /* long enough for v1 = I R1 when 4.1 V is reached */
    for (unsigned i = 0; i < 4; i++) {
        lab_run(&lab, cases[i].method);
        CYC_NEAR(lab_step(&lab, 1)->current_A, cases[i].current_A, AMPERE);
    }
    lab_run(&lab, "  - {charge: 1.25 A, hold: 4.1 V, cutoff: 0.625 A}\n");
    CYC_NEAR((double)lab_step(&lab, 1)->hold_time_ns * 1e-9, 176.487953, SECOND);
    CYC_NEAR(lab_step(&lab, 1)->cv_capacity_Ah, 155.495385 / 3600.0, 1e-8);
    lab_run(&lab, "  - {charge: 1.25 A, hold: 4.1 V, cutoff: 0.125 A}\n");
    CYC_NEAR((double)lab_step(&lab, 1)->hold_time_ns * 1e-9, 621.026886, SECOND);
    CYC_NEAR(lab_step(&lab, 1)->cv_capacity_Ah, 293.599009 / 3600.0, 1e-8);
    lab_release(&lab);
}

/* T4: V = 4.0 − Σ I Ri (1 − exp(−600/τi)) exp(−t/τi) */
static void rest_relaxes_as_the_rc_pairs_do(void)
{
    struct lab lab;
    lab_init(&lab, 2);
    lab_run(&lab, "  - {discharge: 2.5 A, cutoff: 600 s}\n"
                  "  - {rest: 10 s}\n"
                  "  - {rest: 50 s}\n"
                  "  - {rest: 240 s}\n"
                  "  - {rest: 1500 s}\n");
    CYC_NEAR(lab_step(&lab, 2)->voltage_V, 3.952222135, VOLT);
    CYC_NEAR(lab_step(&lab, 3)->voltage_V, 3.977226737, VOLT);
    CYC_NEAR(lab_step(&lab, 4)->voltage_V, 3.992045988, VOLT);
    CYC_NEAR(lab_step(&lab, 5)->voltage_V, 3.999946418, VOLT);
    lab_run(&lab, "  - {discharge: 2.5 A, cutoff: 600 s}\n"
                  "  - {rest: 1 h, cutoff: voltage >= 3.999 V}\n");
    CYC_NEAR(lab_time_s(&lab, 2), 922.038710, SECOND);
    lab_release(&lab);
}

/* T5: h → sgn + (h − sgn) exp(−γ |q| / Q), γ = 50; the voltage holds M h. */
static void hysteresis_follows_the_charge_and_rests(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab.cell.initial_soc = 0.5;
    lab_parameter(&lab, "M", 0.030);
    lab_parameter(&lab, "gamma", 50.0);
    lab_parameter(&lab, "h_start", 1.0);
    lab_run(&lab, "  - {discharge: 2.5 A, cutoff: 25 mAh}\n"
                  "  - {rest: 1 h}\n"
                  "  - {charge: 2.5 A, cutoff: 12.5 mAh}\n"
                  "  - {rest: 1 h}\n");
    CYC_NEAR(lab_step(&lab, 1)->voltage_V, 3.6 - 0.012 - 0.05 + 0.030 * 0.213061319, VOLT);
    CYC_NEAR(lab_step(&lab, 2)->voltage_V, 3.6 - 0.012 + 0.030 * 0.213061319, VOLT);
    CYC_NEAR(lab_step(&lab, 4)->voltage_V, 3.6 - 0.006 + 0.030 * 0.387131539, VOLT);
    lab_run(&lab, "  - {discharge: 2.5 A, cutoff: 34.657359 mAh}\n"
                  "  - {rest: 1 h}\n");
    CYC_NEAR(lab_step(&lab, 2)->voltage_V, 3.6 - 1.2 * 0.034657359 / 2.5, VOLT);
    lab_release(&lab);
}

/* T6: from OCV 4.2 V to OCV 3.2 V at 10 W through 20 mΩ; the terminal voltage at OCV 3.2 V is
 * E/2 + sqrt(E²/4 − R P). */
static void constant_power_ends_on_time(void)
{
    struct lab lab;
    char method[128];
    lab_init(&lab, 0);
    const double end_V = 1.6 + sqrt(1.6 * 1.6 - 0.020 * 10.0);
    char number[CYC_NUMBER_SIZE]; /* printf would take the decimal comma of the locale */
    (void)snprintf(method, sizeof method, "  - {discharge: 10 W, cutoff: %s V}\n",
                   cyc_number_exact(number, end_V));
    lab_run(&lab, method);
    CYC_NEAR(lab_time_s(&lab, 1), 2733.575685, SECOND);
    CYC_NEAR(lab_step(&lab, 1)->sums.discharge_Ah, 1.0 / 1.2 * 2.5, 1e-8);
    CYC_NEAR(lab_step(&lab, 1)->sums.discharge_Wh, 10.0 * 2733.575685 / 3600.0, 1e-5);
    lab_release(&lab);
}

static void constant_power_draws_the_current_of_the_quadratic(void)
{
    static const struct {
        const char *method;
        double current_A, voltage_V;
    } cases[] = {{"  - {discharge: 10 W, cutoff: 0.001 ms}\n", 2.809358005, 3.559532100},
                 {"  - {discharge: 50 W, cutoff: 0.001 ms}\n", 17.790627288, 2.810468636},
                 {"  - {discharge: 68 W, cutoff: 0.001 ms}\n", 34.0, 2.0}};
    struct lab lab;
    lab_init(&lab, 0);
    lab_parameter(&lab, "R0", 0.050);
    lab.cell.initial_soc = 0.7 / 1.2; /* E = 3.7 V */
    for (unsigned i = 0; i < 3; i++) {
        lab_run(&lab, cases[i].method);
        CYC_NEAR(-lab_step(&lab, 1)->current_A, cases[i].current_A, 1e-6);
        CYC_NEAR(lab_step(&lab, 1)->voltage_V, cases[i].voltage_V, VOLT);
    }
    lab_release(&lab);
}

/* More than E²/(4 R) = 68.45 W cannot be drawn at E = 3.7 V. */
static void too_much_power_is_a_fault(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_parameter(&lab, "R0", 0.050);
    lab.cell.initial_soc = 0.7 / 1.2;
    lab_run(&lab, "  - {discharge: 70 W, cutoff: 10 s}\n");
    CU_ASSERT_EQUAL(lab.status, CYC_OK);
    CU_ASSERT_EQUAL(lab.outcome.finish, CYC_FINISH_FAULT);
    CU_ASSERT_EQUAL(lab.outcome.fault.kind, CYC_FAULT_INFEASIBLE);
    lab_release(&lab);
}

/* T7: OCV decays with τ = (R0 + R)/k = 7650 s; V = OCV R/(R0 + R) about the zero of the line:
 * the OCV runs down from 4.2 V towards 0, not towards 3.0 V, while the line holds. */
static void constant_load_decays_exponentially(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_run(&lab, "  - {discharge: 1 ohm, cutoff: 600 s}\n");
    CYC_NEAR(lab_step(&lab, 1)->voltage_V, 3.807034446, VOLT);
    lab_run(&lab, "  - {discharge: 1 ohm, cutoff: 3.5 V}\n");
    CYC_NEAR(lab_time_s(&lab, 1), 1243.269811, SECOND);
    lab_release(&lab);
}

/* T8: 20 A through 20 mΩ are 8 W; C = 1000 J/K, G = 2 W/K to surroundings at 25 degC. */
static void heat_warms_the_cell(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_parameter(&lab, "C_cell", 1000.0);
    lab_parameter(&lab, "G_cell", 2.0);
    lab_parameter(&lab, "C_jig", 0.0);
    lab.cell.capacity_Ah = 25.0;
    lab_run(&lab, "  - {discharge: 20 A, cutoff: 60 s}\n"
                  "  - {discharge: 20 A, cutoff: 440 s}\n"
                  "  - {discharge: 20 A, cutoff: 1300 s}\n");
    CYC_NEAR(lab_step(&lab, 1)->temperature_degC, 25.452318253, 1e-5);
    CYC_NEAR(lab_step(&lab, 2)->temperature_degC, 27.528482235, 1e-5);
    CYC_NEAR(lab_step(&lab, 3)->temperature_degC, 28.890705110, 1e-5);
    lab_release(&lab);
}

/* T8, two nodes: 1000 and 500 J/K, 10 W/K from cell to jig and from jig to chamber. */
static void heat_passes_through_the_jig(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_parameter(&lab, "C_cell", 1000.0);
    lab_parameter(&lab, "G_cell", 10.0);
    lab_parameter(&lab, "C_jig", 500.0);
    lab_parameter(&lab, "G_jig", 10.0);
    lab.cell.capacity_Ah = 25.0;
    lab_run(&lab, "  - {discharge: 20 A, cutoff: 60 s}\n"
                  "  - {discharge: 20 A, cutoff: 240 s}\n");
    CYC_NEAR(lab_step(&lab, 1)->temperature_degC, 25.386910830, 1e-5);
    CYC_NEAR(lab_step(&lab, 2)->temperature_degC, 26.176998340, 1e-5);
    lab_release(&lab);
}

/* T8: the chamber rises at 1 K/min, the cell follows with 500 s: 500/60 (1 − exp(−2)) K behind at
 * 1000 s. */
static void a_cell_lags_behind_the_chamber(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_parameter(&lab, "C_jig", 500.0);
    lab_parameter(&lab, "G_jig", 1.0);
    lab_run(&lab, "  - {temperature: 60 degC, ramp: 1 K/min, wait: no}\n"
                  "  - {rest: 1000 s}\n");
    CYC_NEAR(lab_step(&lab, 2)->ambient_degC, 25.0 + 1000.0 / 60.0, 1e-6);
    CYC_NEAR(lab_step(&lab, 2)->ambient_degC - lab_step(&lab, 2)->temperature_degC, 7.205539, 1e-6);
    lab_release(&lab);
}

/* T12: 0.05C of 9.026 mg at 200 mA/g is 0.09026 mA; 350 mAh/g at that rate take 35 h. */
static void charge_to_a_specific_capacity_takes_its_time(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab.cell.initial_soc = 0.1;
    lab_run_whole(&lab, "cyclostat: 1\n"
                        "name: test\n"
                        "cell: {active_mass: 9.026 mg, one_c: 200 mA/g, "
                        "nominal_capacity: 290 mAh/g}\n"
                        "limits: {voltage: [2 V, 5 V], current: 1 C}\n"
                        "method:\n"
                        "  - {charge: 0.05 C, cutoff: 350 mAh/g}\n");
    CYC_NEAR(lab_step(&lab, 1)->current_A, 0.09026e-3, 1e-12);
    CYC_NEAR(lab_time_s(&lab, 1), 35.0 * 3600.0, SECOND);
    CU_ASSERT_EQUAL(lab_step(&lab, 1)->reason, CYC_REASON_CAPACITY);
    CYC_NEAR(lab_step(&lab, 1)->sums.charge_Ah, 0.350 * 9.026e-3, 1e-12);
    lab_release(&lab);
}

/* T12: the current is below the cutoff before the hold begins. */
static void slow_charge_ends_at_the_hold_voltage_without_a_hold(void)
{
    static const char *const rates[] = {"  - {charge: 0.05 C, hold: 4.0 V, cutoff: 0.25 C}\n",
                                        "  - {charge: 0.1 C, hold: 4.0 V, cutoff: 0.25 C}\n"};
    for (unsigned i = 0; i < 2; i++) {
        struct lab lab;
        lab_init(&lab, 2);
        lab.cell.initial_soc = 0.7;
        lab_run(&lab, rates[i]);
        CU_ASSERT_EQUAL(lab_step(&lab, 1)->reason, CYC_REASON_CURRENT);
        CU_ASSERT_EQUAL(lab_step(&lab, 1)->hold_time_ns, 0);
        CYC_NEAR(lab_step(&lab, 1)->voltage_V, 4.0, VOLT);
        CU_ASSERT(lab_time_s(&lab, 1) > 3600.0);
        lab_release(&lab);
    }
}

const struct cyc_check cyc_check_analytic[] = {
    CYC_CHECK(constant_current_follows_one_rc_pair),
    CYC_CHECK(constant_current_crosses_a_voltage_on_time),
    CYC_CHECK(constant_current_follows_two_rc_pairs),
    CYC_CHECK(hold_with_a_resistance_decays_exponentially),
    CYC_CHECK(hold_with_an_rc_pair_follows_two_exponentials),
    CYC_CHECK(rest_relaxes_as_the_rc_pairs_do),
    CYC_CHECK(hysteresis_follows_the_charge_and_rests),
    CYC_CHECK(constant_power_ends_on_time),
    CYC_CHECK(constant_power_draws_the_current_of_the_quadratic),
    CYC_CHECK(too_much_power_is_a_fault),
    CYC_CHECK(constant_load_decays_exponentially),
    CYC_CHECK(heat_warms_the_cell),
    CYC_CHECK(heat_passes_through_the_jig),
    CYC_CHECK(a_cell_lags_behind_the_chamber),
    CYC_CHECK(charge_to_a_specific_capacity_takes_its_time),
    CYC_CHECK(slow_charge_ends_at_the_hold_voltage_without_a_hold),
    {0}};
