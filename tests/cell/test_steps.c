/* Steps of the linear cell against an independent integration of its equations (classical
 * Runge-Kutta, 2 ms), and against themselves cut into pieces. */
#include "probe.h"

#include <math.h>
#include <string.h>

/* A table with a flat piece, two RC pairs. */
static void set_up(struct probe *probe, double hysteresis_V)
{
    static const double soc[] = {0, 0.1, 0.3, 0.5, 0.55, 0.8, 1};
    static const double ocv_V[] = {2.8, 3.3, 3.5, 3.6, 3.6, 3.9, 4.25};
    probe_linear(probe, 2, 0.53);
    probe->spec.capacity_Ah = 0.05; /* so that minutes cross several pieces */
    probe->spec.ocv_count = 7;
    memcpy(probe->spec.ocv_soc, soc, sizeof soc);
    memcpy(probe->spec.ocv_V, ocv_V, sizeof ocv_V);
    probe->spec.rc_ohm[0] = 0.6;
    probe->spec.rc_tau_s[0] = 4;
    probe->spec.rc_ohm[1] = 0.9;
    probe->spec.rc_tau_s[1] = 70;
    probe_parameter(probe, "R0", 0.5);
    if (hysteresis_V != 0) {
        probe_parameter(probe, "M", hysteresis_V);
        probe_parameter(probe, "gamma", 30);
    }
}

struct reference {
    const struct cyc_cell_spec *spec;
    const struct cyc_setpoint *setpoint;
    double hysteresis_V;
    double y[9]; /* soc, v1, v2, h, charge and discharge in As, in Ws, heat */
    double current_A, voltage_V;
};

static double table_V(const struct cyc_cell_spec *spec, double soc)
{
    unsigned i = 0;
    while (i + 2 < spec->ocv_count && soc > spec->ocv_soc[i + 1]) {
        i++;
    }
    return spec->ocv_V[i] + (soc - spec->ocv_soc[i]) * (spec->ocv_V[i + 1] - spec->ocv_V[i]) /
                                (spec->ocv_soc[i + 1] - spec->ocv_soc[i]);
}

static double reference_current(const struct reference *reference, const double *y, double t)
{
    const struct cyc_setpoint *setpoint = reference->setpoint;
    const double rest_V =
        table_V(reference->spec, y[0]) + y[1] + y[2] + reference->hysteresis_V * y[3];
    const double target = setpoint->value + setpoint->slope_per_s * t;
    switch (setpoint->control) {
    case CYC_CONTROL_OPEN:
        break;
    case CYC_CONTROL_CURRENT:
        return target;
    case CYC_CONTROL_VOLTAGE:
        return fmin(fmax((target - rest_V) / 0.5, setpoint->current_min_A),
                    setpoint->current_max_A);
    case CYC_CONTROL_POWER:
        return 2 * target / (rest_V + sqrt(rest_V * rest_V + 4 * 0.5 * target));
    case CYC_CONTROL_LOAD:
        return -rest_V / (0.5 + setpoint->value);
    }
    return 0;
}

static void slope(const struct reference *reference, const double *y, double t, double *dy)
{
    const double i = reference_current(reference, y, t);
    const double rest_V =
        table_V(reference->spec, y[0]) + y[1] + y[2] + reference->hysteresis_V * y[3];
    const double power_W = i * (rest_V + 0.5 * i);
    dy[0] = i / 180;
    dy[1] = (0.6 * i - y[1]) / 4;
    dy[2] = (0.9 * i - y[2]) / 70;
    dy[3] = 30 * fabs(i) / 180 * ((i > 0 ? 1 : -1) - y[3]);
    dy[4] = i > 0 ? i : 0;
    dy[5] = i < 0 ? -i : 0;
    dy[6] = i > 0 ? power_W : 0;
    dy[7] = i < 0 ? -power_W : 0;
    dy[8] = 0;
}

static void integrate(struct reference *reference, double time_s)
{
    const double h = 0.002;
    const unsigned count = (unsigned)lround(time_s / h);
    for (unsigned n = 0; n < count; n++) {
        double k[4][9];
        double y[9];
        const double t = n * h;
        slope(reference, reference->y, t, k[0]);
        for (unsigned stage = 1; stage < 4; stage++) {
            const double part = stage == 3 ? h : h / 2;
            for (unsigned j = 0; j < 9; j++) {
                y[j] = reference->y[j] + part * k[stage - 1][j];
            }
            slope(reference, y, t + part, k[stage]);
        }
        for (unsigned j = 0; j < 9; j++) {
            reference->y[j] += h / 6 * (k[0][j] + 2 * k[1][j] + 2 * k[2][j] + k[3][j]);
        }
    }
    reference->current_A = reference_current(reference, reference->y, time_s);
    reference->voltage_V = table_V(reference->spec, reference->y[0]) + reference->y[1] +
                           reference->y[2] + reference->hysteresis_V * reference->y[3] +
                           0.5 * reference->current_A;
}

static const struct {
    enum cyc_control control;
    double value, slope_per_s, low_A, high_A, time_s;
} drives[] = {
    {CYC_CONTROL_CURRENT, 0.1, 0, 0, 0, 400},       /* across several pieces */
    {CYC_CONTROL_VOLTAGE, 3.95, 0, -9, 9, 300},     /* a hold */
    {CYC_CONTROL_OPEN, 0, 0, 0, 0, 100},            /* relaxation of both signs */
    {CYC_CONTROL_VOLTAGE, 3.9, -0.002, -9, 9, 200}, /* a sweep that turns the current around */
    {CYC_CONTROL_CURRENT, -0.2, 0.002, 0, 0, 250},  /* a ramp through zero */
    {CYC_CONTROL_POWER, -0.7, 0, 0, 0, 200},        /* constant power, discharging */
    {CYC_CONTROL_POWER, 0.5, 0.001, 0, 0, 100},     /* rising power, charging */
    {CYC_CONTROL_VOLTAGE, 4.2, 0, -0.3, 0.15, 400}, /* compliance, then the hold */
    {CYC_CONTROL_LOAD, 20, 0, 0, 0, 300},           /* a load, through the flat piece */
    {CYC_CONTROL_VOLTAGE, 3.6, 0, -0.3, 0.3, 200},  /* a hold on the flat piece */
};
#define DRIVE_COUNT (sizeof drives / sizeof drives[0])

static void apply(struct probe *probe, size_t i)
{
    probe_ramp(probe, drives[i].control, drives[i].value, drives[i].slope_per_s);
    probe->setpoint.current_min_A = drives[i].low_A;
    probe->setpoint.current_max_A = drives[i].high_A;
    cyc_cell_apply(probe->cell, &probe->setpoint);
}

static void compare_with_reference(double hysteresis_V, double tolerance)
{
    struct probe probe;
    set_up(&probe, hysteresis_V);
    probe_start(&probe);
    struct reference reference = {.spec = &probe.spec, .hysteresis_V = hysteresis_V};
    reference.y[0] = 0.53;
    for (size_t i = 0; i < DRIVE_COUNT; i++) {
        apply(&probe, i);
        reference.setpoint = &probe.setpoint;
        memset(reference.y + 4, 0, 5 * sizeof reference.y[0]);
        integrate(&reference, drives[i].time_s);
        probe_wait(&probe, drives[i].time_s);
        CYC_NEAR(probe.sample.voltage_V, reference.voltage_V, tolerance);
        CYC_NEAR(probe.sample.current_A, reference.current_A, tolerance);
        CYC_NEAR(cyc_cell_inner(probe.cell, "soc"), reference.y[0], tolerance);
        CYC_NEAR(probe.sums.charge_Ah * 3600, reference.y[4], 100 * tolerance);
        CYC_NEAR(probe.sums.discharge_Ah * 3600, reference.y[5], 100 * tolerance);
        CYC_NEAR(probe.sums.charge_Wh * 3600, reference.y[6], 300 * tolerance);
        CYC_NEAR(probe.sums.discharge_Wh * 3600, reference.y[7], 300 * tolerance);
    }
    probe_end(&probe);
}

/* The reference itself errs where it steps over a corner of the OCV or a change of sign. */
static void every_drive_follows_the_equations(void)
{
    compare_with_reference(0, 2e-8);
}

static void every_drive_follows_the_equations_with_hysteresis(void)
{
    compare_with_reference(0.05, 2e-6); /* the hysteresis has a corner at each change of sign */
}

/* However a stretch is cut, its end is the same. */
static void compare_pieces(double hysteresis_V, double piece_s, double tolerance)
{
    struct probe whole;
    struct probe cut;
    set_up(&whole, hysteresis_V);
    set_up(&cut, hysteresis_V);
    probe_start(&whole);
    probe_start(&cut);
    for (size_t i = 0; i < DRIVE_COUNT; i++) {
        apply(&whole, i);
        apply(&cut, i);
        probe_wait(&whole, drives[i].time_s);
        for (double left_s = drives[i].time_s; left_s > 1e-9; left_s -= piece_s) {
            probe_wait(&cut, fmin(piece_s, left_s));
        }
        CU_ASSERT_EQUAL(whole.sample.t_ns, cut.sample.t_ns);
        CYC_NEAR(cut.sample.voltage_V, whole.sample.voltage_V, tolerance);
        CYC_NEAR(cut.sample.current_A, whole.sample.current_A, tolerance);
        CYC_NEAR(cut.sums.charge_Ah, whole.sums.charge_Ah,
                 tolerance * whole.sums.charge_Ah + 1e-15);
        CYC_NEAR(cut.sums.discharge_Ah, whole.sums.discharge_Ah,
                 tolerance * whole.sums.discharge_Ah + 1e-15);
        CYC_NEAR(cut.sums.charge_Wh, whole.sums.charge_Wh,
                 tolerance * whole.sums.charge_Wh + 1e-15);
        CYC_NEAR(cut.sums.discharge_Wh, whole.sums.discharge_Wh,
                 tolerance * whole.sums.discharge_Wh + 1e-15);
    }
    probe_end(&whole);
    probe_end(&cut);
}

static void pieces_add_up_to_the_whole(void)
{
    compare_pieces(0, 0.25, 1e-9);
    compare_pieces(0, 7.3, 1e-9);
    compare_pieces(0.05, 1.7, 1e-8);
}

/* The count of charge and the state of charge are kept apart and must agree. */
static void charge_is_what_the_state_says(void)
{
    struct probe probe;
    set_up(&probe, 0);
    probe_start(&probe);
    double counted_Ah = 0;
    for (unsigned turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < DRIVE_COUNT; i++) {
            apply(&probe, i);
            probe_wait(&probe, drives[i].time_s / 20);
            counted_Ah += probe.sums.charge_Ah - probe.sums.discharge_Ah;
        }
    }
    CYC_NEAR(cyc_cell_inner(probe.cell, "net_Ah"), counted_Ah, 1e-12);
    CYC_NEAR(cyc_cell_net_charge_Ah(probe.cell), counted_Ah, 1e-12);
    probe_end(&probe);
}

/* All of them start from the same state in the same bits. */
static void the_same_calls_give_the_same_bits(void)
{
    struct probe probes[2];
    for (unsigned p = 0; p < 2; p++) {
        set_up(&probes[p], 0.02);
        probe_start(&probes[p]);
        for (size_t i = 0; i < DRIVE_COUNT; i++) {
            apply(&probes[p], i);
            for (unsigned n = 0; n < 10; n++) {
                probe_wait(&probes[p], drives[i].time_s / 10);
            }
        }
    }
    CU_ASSERT_EQUAL(
        memcmp(&probes[0].sample.voltage_V, &probes[1].sample.voltage_V, sizeof(double)), 0);
    CU_ASSERT_EQUAL(memcmp(&probes[0].sums, &probes[1].sums, sizeof probes[0].sums), 0);
    probe_end(&probes[0]);
    probe_end(&probes[1]);
}

static void beyond_the_table_the_last_piece_goes_on(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 1);
    probe_start(&probe);
    probe_current(&probe, 2.5);
    probe_wait(&probe, 360); /* to z = 1.1 */
    CYC_NEAR(probe.sample.voltage_V, 4.2 + 0.12 + 0.05, 1e-12);
    probe_current(&probe, -2.5);
    probe_wait(&probe, 3600 + 720); /* to z = -0.1 */
    CYC_NEAR(probe.sample.voltage_V, 3.0 - 0.12 - 0.05, 1e-12);
    probe_end(&probe);
}

/* 25 kJ/mol from 25 to 45 degC. */
static void resistance_follows_temperature(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe.spec.temperature_degC = 45;
    probe_parameter(&probe, "Ea", 25);
    probe_start(&probe);
    probe_current(&probe, 1);
    const double factor = exp(25e3 / 8.314462618 * (1 / 318.15 - 1 / 298.15));
    CYC_NEAR(probe.sample.voltage_V, 3.6 + 0.02 * factor, 1e-12);
    probe_end(&probe);
}

/* Also while and after it moves: the rests are short, so that each current starts from a state that
 * has settled. */
static void resistance_follows_a_moving_temperature(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "Ea", 25);
    probe_start(&probe);
    probe_current(&probe, 1e-3);
    const struct cyc_environment environment = {
        .temperature_degC = 45, .ramp_K_per_s = NAN, .pressure_Pa = NAN};
    cyc_cell_environment(probe.cell, &environment);
    for (double time_s = 0; time_s < 40000; time_s += 400) {
        probe_wait(&probe, 400);
        const double kelvin = probe.sample.temperature_degC + 273.15;
        const double factor = exp(25e3 / 8.314462618 * (1 / kelvin - 1 / 298.15));
        const double ocv_V = cyc_cell_inner(probe.cell, "ocv_V");
        CYC_NEAR((probe.sample.voltage_V - ocv_V) / 1e-3, 0.02 * factor, 0.02 * 0.01);
    }
    const double factor = exp(25e3 / 8.314462618 * (1 / 318.15 - 1 / 298.15));
    const double ocv_V = cyc_cell_inner(probe.cell, "ocv_V");
    CYC_NEAR((probe.sample.voltage_V - ocv_V) / 1e-3, 0.02 * factor, 1e-9);
    probe_end(&probe);
}

/* I T dU/dT: 2 A at 298.15 K and 1 mV/K are 0.6 W, beside I^2 R0 = 0.08 W. */
static void entropy_heats(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.2);
    probe_parameter(&probe, "dU_dT", 1e-3);
    probe_parameter(&probe, "C_cell", 1e6);
    probe_parameter(&probe, "G_cell", 1);
    probe_parameter(&probe, "C_jig", 0);
    probe_start(&probe);
    probe_current(&probe, 2);
    probe_wait(&probe, 100);
    CYC_NEAR(probe.sample.temperature_degC - 25, (0.5963 + 0.08) * 100 / 1e6, 1e-8);
    probe_current(&probe, -2);
    probe_wait(&probe, 100);
    CYC_NEAR(probe.sample.temperature_degC - 25, 2 * 0.08 * 100 / 1e6, 1e-8);
    probe_end(&probe);
}

/* On a flat OCV a sweep of s V/s raises the current by s / (sum of R) in the end. */
static void a_sweep_over_a_flat_piece_follows_the_equations(void)
{
    struct probe probe;
    set_up(&probe, 0);
    probe.spec.ocv_V[3] = 3.5; /* flat from 0.3 to 0.55 */
    probe.spec.ocv_V[4] = 3.5;
    probe.spec.initial_soc = 0.35;
    probe_start(&probe);
    struct reference reference = {.spec = &probe.spec};
    reference.y[0] = 0.35;
    probe_ramp(&probe, CYC_CONTROL_VOLTAGE, 3.5, 3e-4);
    reference.setpoint = &probe.setpoint;
    integrate(&reference, 250);
    probe_wait(&probe, 250);
    CYC_NEAR(probe.sample.current_A, reference.current_A, 1e-9);
    CYC_NEAR(probe.sums.charge_Ah * 3600, reference.y[4], 1e-7);
    CYC_NEAR(probe.sums.charge_Wh * 3600, reference.y[6], 1e-6);
    CU_ASSERT(probe.sums.charge_Ah * 3600 > 1);
    probe_end(&probe);
}

static void pairs_of_one_time_constant_are_one(void)
{
    struct probe probe;
    probe_linear(&probe, 2, 0.5);
    probe.spec.rc_tau_s[1] = 30;
    probe_start(&probe);
    probe_hold(&probe, 3.7, -10, 10);
    probe_wait(&probe, 100);
    const double current_A = probe.sample.current_A;
    probe_end(&probe);
    probe_linear(&probe, 1, 0.5);
    probe.spec.rc_ohm[0] = 0.025;
    probe_start(&probe);
    probe_hold(&probe, 3.7, -10, 10);
    probe_wait(&probe, 100);
    CYC_NEAR(probe.sample.current_A, current_A, 1e-12);
    probe_end(&probe);
}

const struct cyc_check cyc_check_steps[] = {
    CYC_CHECK(every_drive_follows_the_equations),
    CYC_CHECK(every_drive_follows_the_equations_with_hysteresis),
    CYC_CHECK(pieces_add_up_to_the_whole),
    CYC_CHECK(charge_is_what_the_state_says),
    CYC_CHECK(the_same_calls_give_the_same_bits),
    CYC_CHECK(beyond_the_table_the_last_piece_goes_on),
    CYC_CHECK(resistance_follows_temperature),
    CYC_CHECK(resistance_follows_a_moving_temperature),
    CYC_CHECK(entropy_heats),
    CYC_CHECK(a_sweep_over_a_flat_piece_follows_the_equations),
    CYC_CHECK(pairs_of_one_time_constant_are_one),
    {0}};
