/* The linear cell against closed solutions: reference values from the formulas beside each case,
 * computed in double precision apart from this program.
 *
 * OCV = 3.0 V + 1.2 V z, Q = 2.5 Ah, so k = 1.2/9000 V/C; R0 = 20 mohm; R1 = 15 mohm, tau1 = 30 s;
 * R2 = 10 mohm, tau2 = 300 s. */
#include "probe.h"

#include <math.h>

#define VOLT   1e-9
#define AMPERE 1e-9
#define SECOND 1e-6

/* V = 4.2 - k I t - I R0 - I R1 (1 - exp(-t/tau1)) */
static void current_with_one_rc_pair(void)
{
    static const struct {
        double wait_s, voltage_V;
    } rows[] = {{0, 4.150000000},  {1, 4.148437270},   {9, 4.136036591},   {20, 4.116295479},
                {30, 4.097575073}, {540, 3.912500000}, {1200, 3.512500000}};
    struct probe probe;
    probe_linear(&probe, 1, 1);
    probe_start(&probe);
    probe_current(&probe, -2.5);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        probe_wait(&probe, rows[i].wait_s);
        CYC_NEAR(probe.sample.voltage_V, rows[i].voltage_V, VOLT);
    }
    probe_end(&probe);
}

/* By Lambert W. */
static void current_crosses_voltages_on_time(void)
{
    struct probe probe;
    probe_linear(&probe, 1, 1);
    probe_start(&probe);
    probe_current(&probe, -2.5);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_VOLTAGE, 4.13), 15.224954961, SECOND);
    CU_ASSERT(probe.sample.voltage_V <= 4.13);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_VOLTAGE, 4.10), 55.304708428, SECOND);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_VOLTAGE, 3.40), 2137.5, SECOND);
    CYC_NEAR(probe.sample.voltage_V, 3.40, 1e-12);
    probe_end(&probe);
}

static void current_with_two_rc_pairs(void)
{
    struct probe probe;
    probe_linear(&probe, 2, 1);
    probe_start(&probe);
    probe_current(&probe, -2.5);
    probe_wait(&probe, 60);
    CYC_NEAR(probe.sample.voltage_V, 4.093043342, VOLT);
    probe_wait(&probe, 540);
    CYC_NEAR(probe.sample.voltage_V, 3.890883382, VOLT);
    probe_wait(&probe, 1200);
    CYC_NEAR(probe.sample.voltage_V, 3.487561969, VOLT);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_VOLTAGE, 3.40), 2062.577477, SECOND);
    probe_end(&probe);
}

/* I = I0 exp(-t/tau), tau = R0/k = 150 s. */
static void hold_with_a_resistance_only(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.85);
    probe_start(&probe);
    probe_current(&probe, 1.25);
    (void)probe_until(&probe, CYC_SIGNAL_VOLTAGE, 4.1);
    CYC_NEAR(cyc_cell_inner(probe.cell, "soc"), 0.8958333333, 1e-10);
    probe_hold(&probe, 4.1, 0, 1.25);
    probe_wait(&probe, 60);
    CYC_NEAR(probe.sample.current_A, 0.837900058, AMPERE);
    CYC_NEAR(probe.sample.voltage_V, 4.1, 0);
    CU_ASSERT(probe.sample.flags & CYC_SAMPLE_CV);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_CURRENT, 0.625), 103.972077, SECOND);
    CYC_NEAR(probe.sums.charge_Ah, 93.75 / 3600, 1e-11);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_CURRENT, 0.125), 345.387764, SECOND);
    CYC_NEAR(probe.sums.charge_Ah, 168.75 / 3600, 1e-11);
    CYC_NEAR(probe.sums.charge_Wh, 4.1 * 168.75 / 3600, 1e-10);
    probe_end(&probe);
}

/* Two exponentials, rates 0.00362046 and 0.06137954 1/s. */
static void hold_with_an_rc_pair(void)
{
    static const struct {
        double wait_s, current_A;
    } rows[] = {{1, 1.241796099}, {9, 1.177657558}, {50, 0.954538857}, {240, 0.399645951}};
    struct probe probe;
    probe_linear(&probe, 1, 0.5); /* long enough for v1 = I R1 at 4.1 V */
    probe_start(&probe);
    probe_current(&probe, 1.25);
    (void)probe_until(&probe, CYC_SIGNAL_VOLTAGE, 4.1);
    probe_hold(&probe, 4.1, 0, 1.25);
    for (unsigned i = 0; i < 4; i++) {
        probe_wait(&probe, rows[i].wait_s);
        CYC_NEAR(probe.sample.current_A, rows[i].current_A, AMPERE);
    }
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_CURRENT, 0.125), 621.026886, SECOND);
    CYC_NEAR(probe.sums.charge_Ah, 293.599009 / 3600, 1e-10);
    probe_end(&probe);
}

/* V = 4.0 - sum of I Ri (1 - exp(-600/taui)) exp(-t/taui) */
static void rest_relaxes(void)
{
    static const struct {
        double wait_s, voltage_V;
    } rows[] = {{0, 3.940883382},
                {10, 3.952222135},
                {50, 3.977226737},
                {240, 3.992045988},
                {1500, 3.999946418}};
    struct probe probe;
    probe_linear(&probe, 2, 1);
    probe_start(&probe);
    probe_current(&probe, -2.5);
    probe_wait(&probe, 600);
    probe_open(&probe);
    for (unsigned i = 0; i < 5; i++) {
        probe_wait(&probe, rows[i].wait_s);
        CYC_NEAR(probe.sample.voltage_V, rows[i].voltage_V, VOLT);
        CYC_NEAR(probe.sample.current_A, 0, 0);
    }
    probe_end(&probe);
    probe_start(&probe);
    probe_current(&probe, -2.5);
    probe_wait(&probe, 600);
    probe_open(&probe);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_VOLTAGE, 3.999), 922.038710, SECOND);
    probe_end(&probe);
}

/* gamma = 50, Q = 2.5 Ah: h -> sgn + (h - sgn) exp(-gamma |q| / Q). */
static void hysteresis_follows_the_charge(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "M", 0.03);
    probe_parameter(&probe, "gamma", 50);
    probe_parameter(&probe, "h_start", 1);
    probe_start(&probe);
    CYC_NEAR(probe.sample.voltage_V, 3.6 + 0.03, 1e-12);
    probe_current(&probe, -2.5);
    probe_wait(&probe, 36); /* 0.025 Ah */
    CYC_NEAR(cyc_cell_inner(probe.cell, "hysteresis"), 0.213061319, 1e-9);
    CYC_NEAR(probe.sample.voltage_V, 3.6 - 1.2 * 0.01 + 0.03 * 0.213061319 - 0.05, 1e-10);
    probe_open(&probe);
    probe_wait(&probe, 1e5);
    CYC_NEAR(cyc_cell_inner(probe.cell, "hysteresis"), 0.213061319, 1e-9);
    probe_current(&probe, 2.5);
    probe_wait(&probe, 18);
    CYC_NEAR(cyc_cell_inner(probe.cell, "hysteresis"), 0.387131539, 1e-9);
    probe_end(&probe);
    probe_start(&probe);
    probe_current(&probe, -1);
    probe_wait(&probe, 3600 * 0.0346573590);
    CYC_NEAR(cyc_cell_inner(probe.cell, "hysteresis"), 0, 1e-9);
    probe_end(&probe);
}

/* I = (E - sqrt(E^2 - 4 R P)) / (2 R) */
static void power_draws_the_current_of_the_quadratic(void)
{
    static const struct {
        double power_W, current_A, voltage_V;
    } rows[] = {{10, 2.809358005, 3.559532100}, {50, 17.790627288, 2.810468636}, {68, 34, 2}};
    struct probe probe;
    probe_linear(&probe, 0, 0.7 / 1.2); /* E = 3.7 V */
    probe_parameter(&probe, "R0", 0.05);
    probe_start(&probe);
    for (unsigned i = 0; i < 3; i++) {
        probe_power(&probe, -rows[i].power_W);
        CYC_NEAR(probe.sample.current_A, -rows[i].current_A, AMPERE);
        CYC_NEAR(probe.sample.voltage_V, rows[i].voltage_V, VOLT);
    }
    probe_end(&probe);
}

/* t = (F(4.2) - F(3.2)) / k, F from the integral of dE / I(E). */
static void power_ends_on_time(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 1);
    probe_start(&probe);
    probe_power(&probe, -10);
    const double end_V = 1.6 + sqrt(1.6 * 1.6 - 0.02 * 10); /* at OCV 3.2 V */
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_VOLTAGE, end_V), 2733.575685, SECOND);
    CYC_NEAR(probe.sums.discharge_Ah, 2.5 / 1.2, 1e-9);
    CYC_NEAR(probe.sums.discharge_Wh, 10 * 2733.575685 / 3600, 1e-8);
    probe_end(&probe);
}

/* The OCV decays with (R0 + R)/k = 7650 s towards 0 V: the line goes on below z = 0. */
static void load_decays(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 1);
    probe_start(&probe);
    probe_load(&probe, 1);
    probe_wait(&probe, 600);
    CYC_NEAR(probe.sample.voltage_V, 3.807034446, VOLT);
    CYC_NEAR(probe.sample.current_A, -3.807034446, AMPERE);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_VOLTAGE, 3.5), 1243.269811, SECOND);
    /* energy = R times the integral of I^2 = (V0^2 - V^2) / R * 7650 s / 2 */
    const double start_V = 4.2 / 1.02;
    CYC_NEAR(probe.sums.discharge_Wh, (start_V * start_V - 3.5 * 3.5) * 7650 / 2 / 3600, 1e-8);
    probe_end(&probe);
}

/* 20 A through 20 mohm are 8 W. */
static void one_node_warms(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.9);
    probe.spec.capacity_Ah = 50;
    probe_parameter(&probe, "C_cell", 1000);
    probe_parameter(&probe, "G_cell", 2);
    probe_parameter(&probe, "C_jig", 0);
    probe_start(&probe);
    probe_current(&probe, -20);
    probe_wait(&probe, 60);
    CYC_NEAR(probe.sample.temperature_degC, 25.452318253, 1e-8);
    probe_wait(&probe, 440);
    CYC_NEAR(probe.sample.temperature_degC, 27.528482235, 1e-8);
    probe_wait(&probe, 1300);
    CYC_NEAR(probe.sample.temperature_degC, 28.890705110, 1e-8);
    CYC_NEAR(probe.sample.ambient_degC, 25, 0);
    probe_end(&probe);
}

static void two_nodes_warm(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.9);
    probe.spec.capacity_Ah = 50;
    probe_parameter(&probe, "C_cell", 1000);
    probe_parameter(&probe, "G_cell", 10);
    probe_parameter(&probe, "C_jig", 500);
    probe_parameter(&probe, "G_jig", 10);
    probe_start(&probe);
    probe_current(&probe, -20);
    probe_wait(&probe, 60);
    CYC_NEAR(probe.sample.temperature_degC, 25.386910830, 1e-8);
    probe_wait(&probe, 240);
    CYC_NEAR(probe.sample.temperature_degC, 26.176998340, 1e-8);
    probe_end(&probe);
}

/* Chamber ramp of 1 K/min on a node of 500 s: the lag at 1000 s is tau/60 (1 - exp(-2)). */
static void a_node_lags_behind_a_ramp(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "C_jig", 500);
    probe_parameter(&probe, "G_jig", 1);
    probe_start(&probe);
    const struct cyc_environment environment = {
        .temperature_degC = 60, .ramp_K_per_s = 1.0 / 60, .pressure_Pa = NAN};
    cyc_cell_environment(probe.cell, &environment);
    probe_wait(&probe, 1000);
    CYC_NEAR(probe.sample.ambient_degC, 25 + 1000.0 / 60, 1e-9);
    CYC_NEAR(probe.sample.ambient_degC - probe.sample.temperature_degC, 7.205539, 1e-6);
    probe_end(&probe);
}

static void a_charge_takes_its_time(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.1);
    probe_start(&probe);
    probe_current(&probe, 0.09026e-3);
    const struct cyc_watch watch = {CYC_SIGNAL_CHARGE_CAPACITY, false, 0.350 * 9.026e-3};
    probe.status =
        cyc_cell_advance(probe.cell, 40 * 3600 * CYC_S_NS, &watch, 1, &probe.sample, &probe.err);
    CYC_NEAR((double)probe.sample.t_ns * 1e-9, 35 * 3600, SECOND);
    CU_ASSERT(probe.sample.charge_Ah >= watch.value);
    CYC_NEAR(probe.sample.charge_Ah, watch.value, 1e-15);
    probe_end(&probe);
}

const struct cyc_check cyc_check_analytic[] = {CYC_CHECK(current_with_one_rc_pair),
                                               CYC_CHECK(current_crosses_voltages_on_time),
                                               CYC_CHECK(current_with_two_rc_pairs),
                                               CYC_CHECK(hold_with_a_resistance_only),
                                               CYC_CHECK(hold_with_an_rc_pair),
                                               CYC_CHECK(rest_relaxes),
                                               CYC_CHECK(hysteresis_follows_the_charge),
                                               CYC_CHECK(power_draws_the_current_of_the_quadratic),
                                               CYC_CHECK(power_ends_on_time),
                                               CYC_CHECK(load_decays),
                                               CYC_CHECK(one_node_warms),
                                               CYC_CHECK(two_nodes_warm),
                                               CYC_CHECK(a_node_lags_behind_a_ramp),
                                               CYC_CHECK(a_charge_takes_its_time),
                                               {0}};
