/* Time and watches: where an advance ends. */
#include "probe.h"

#include <math.h>

static int advance(struct probe *probe, int64_t until_ns, const struct cyc_watch *watches,
                   unsigned count)
{
    return cyc_cell_advance(probe->cell, until_ns, watches, count, &probe->sample, &probe->err);
}

static void start(struct probe *probe, double soc, double current_A)
{
    probe_linear(probe, 2, soc);
    probe_start(probe);
    probe_current(probe, current_A);
}

static void no_time_gives_the_first_sample_under_a_setpoint(void)
{
    struct probe probe;
    start(&probe, 0.5, 2.5);
    CU_ASSERT_EQUAL(probe.sample.t_ns, 0);
    CU_ASSERT_EQUAL(probe.sample.setpoint_number, 1);
    CU_ASSERT(probe.sample.flags & CYC_SAMPLE_OUTPUT_ON);
    CU_ASSERT(probe.sample.flags & CYC_SAMPLE_EXACT);
    CU_ASSERT(probe.sample.flags & CYC_SAMPLE_SETTLED);
    CU_ASSERT_FALSE(probe.sample.flags & CYC_SAMPLE_CV);
    CYC_NEAR(probe.sample.voltage_V, 3.65, 1e-12);
    CYC_NEAR(probe.sample.charge_Ah, 0, 0);
    CU_ASSERT(isnan(probe.sample.aux[0]));
    probe_open(&probe);
    CU_ASSERT_FALSE(probe.sample.flags & CYC_SAMPLE_OUTPUT_ON);
    probe_end(&probe);
}

/* Just before the crossing it is not there yet: the returned nanosecond is the first. */
static void a_crossing_is_the_first_nanosecond_beyond(void)
{
    struct probe probe;
    start(&probe, 0.5, 2.5);
    (void)probe_until(&probe, CYC_SIGNAL_VOLTAGE, 3.75);
    const int64_t found_ns = probe.sample.t_ns;
    CU_ASSERT(probe.sample.voltage_V >= 3.75);
    probe_end(&probe);
    start(&probe, 0.5, 2.5);
    CU_ASSERT_EQUAL(advance(&probe, found_ns - 1, NULL, 0), CYC_OK);
    CU_ASSERT(probe.sample.voltage_V < 3.75);
    probe_end(&probe);
}

static void the_earliest_of_several_watches_wins(void)
{
    struct probe probe;
    const struct cyc_watch watches[] = {{CYC_SIGNAL_VOLTAGE, false, 3.80},
                                        {CYC_SIGNAL_CHARGE_CAPACITY, false, 0.01},
                                        {CYC_SIGNAL_VOLTAGE, false, 3.70},
                                        {CYC_SIGNAL_CHARGE_CAPACITY, false, 0.4}};
    start(&probe, 0.5, 2.5);
    CU_ASSERT_EQUAL(advance(&probe, 3600 * CYC_S_NS, watches, 4), CYC_OK);
    CYC_NEAR((double)probe.sample.t_ns * 1e-9, 0.01 / 2.5 * 3600, 1e-6);
    CYC_NEAR(probe.sample.charge_Ah, 0.01, 1e-12);
    CU_ASSERT_EQUAL(advance(&probe, 3600 * CYC_S_NS, watches, 1), CYC_OK);
    CYC_NEAR(probe.sample.voltage_V, 3.80, 1e-9);
    probe_end(&probe);
}

static void sums_count_from_the_call(void)
{
    struct probe probe;
    const struct cyc_watch watch = {CYC_SIGNAL_CHARGE_CAPACITY, false, 0.01};
    start(&probe, 0.2, 2.5);
    for (unsigned i = 1; i <= 3; i++) {
        CU_ASSERT_EQUAL(advance(&probe, 3600 * CYC_S_NS, &watch, 1), CYC_OK);
        CYC_NEAR((double)probe.sample.t_ns * 1e-9, i * 14.4, 1e-6);
    }
    const struct cyc_watch energy = {CYC_SIGNAL_CHARGE_ENERGY, false, 0.02};
    CU_ASSERT_EQUAL(advance(&probe, 3600 * CYC_S_NS, &energy, 1), CYC_OK);
    CYC_NEAR(probe.sample.charge_Wh, 0.02, 1e-12);
    const struct cyc_watch passed = {CYC_SIGNAL_CHARGE_CAPACITY, false, -1};
    const int64_t until_ns = probe.sample.t_ns + CYC_S_NS;
    CU_ASSERT_EQUAL(advance(&probe, until_ns, &passed, 1), CYC_OK);
    CU_ASSERT_EQUAL(probe.sample.t_ns, until_ns);
    probe_end(&probe);
}

/* From -1 A to 1 A in 200 s: 50 As out, then 50 As in. */
static void every_sum_can_be_watched(void)
{
    static const struct {
        enum cyc_signal signal;
        double value_As, time_s;
    } rows[] = {{CYC_SIGNAL_DISCHARGE_CAPACITY, 37.5, 50}, {CYC_SIGNAL_NET_CAPACITY, -37.5, 50},
                {CYC_SIGNAL_CHARGE_CAPACITY, 12.5, 150},   {CYC_SIGNAL_CAPACITY, 62.5, 150},
                {CYC_SIGNAL_DISCHARGE_ENERGY, 150, 50},    {CYC_SIGNAL_NET_ENERGY, -150, 50},
                {CYC_SIGNAL_CHARGE_ENERGY, 50, 150},       {CYC_SIGNAL_ENERGY, 250, 150}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct probe probe;
        probe_linear(&probe, 0, 0.5);
        probe.spec.ocv_V[0] = 4; /* flat, next to no resistance: energy is 4 V times charge */
        probe.spec.ocv_V[1] = 4;
        probe_parameter(&probe, "R0", 1e-9);
        probe_start(&probe);
        probe_ramp(&probe, CYC_CONTROL_CURRENT, -1, 0.01);
        CYC_NEAR(probe_until(&probe, rows[i].signal, rows[i].value_As / 3600), rows[i].time_s,
                 1e-5);
        probe_end(&probe);
    }
}

static void time_moves_by_a_nanosecond_at_least_and_never_too_far(void)
{
    struct probe probe;
    const struct cyc_watch nothing_left = {CYC_SIGNAL_CHARGE_CAPACITY, false, 0};
    const struct cyc_watch here = {CYC_SIGNAL_VOLTAGE, false, 3.65};
    start(&probe, 0.5, 2.5);
    CU_ASSERT_EQUAL(advance(&probe, CYC_S_NS, &nothing_left, 1), CYC_OK);
    CU_ASSERT_EQUAL(probe.sample.t_ns, 1);
    CU_ASSERT_EQUAL(advance(&probe, 1, &nothing_left, 1), CYC_OK);
    CU_ASSERT_EQUAL(probe.sample.t_ns, 1);
    CU_ASSERT_EQUAL(advance(&probe, 0, &nothing_left, 1), CYC_OK); /* the past: nothing moves */
    CU_ASSERT_EQUAL(probe.sample.t_ns, 1);
    probe_end(&probe);
    start(&probe, 0.5, 2.5);
    CU_ASSERT_EQUAL(advance(&probe, CYC_S_NS, &here, 1), CYC_OK); /* leaves the value: crossed */
    CU_ASSERT(probe.sample.t_ns > 0 && probe.sample.t_ns < CYC_MS_NS);
    probe_end(&probe);
}

static void a_held_voltage_never_crosses_itself(void)
{
    struct probe probe;
    const struct cyc_watch watches[] = {{CYC_SIGNAL_VOLTAGE, false, 3.7},
                                        {CYC_SIGNAL_VOLTAGE, false, NAN},
                                        {CYC_SIGNAL_TIME, false, 5}};
    probe_linear(&probe, 2, 0.5);
    probe_start(&probe);
    probe_hold(&probe, 3.7, -50, 50);
    CU_ASSERT_EQUAL(advance(&probe, 3600 * CYC_S_NS, watches, 3), CYC_OK);
    CU_ASSERT_EQUAL(probe.sample.t_ns, 3600 * CYC_S_NS);
    probe_end(&probe);
}

static void magnitudes_are_watched_in_both_directions(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_start(&probe);
    probe_ramp(&probe, CYC_CONTROL_CURRENT, -1, 0.01);
    CYC_NEAR(probe_until_magnitude(&probe, CYC_SIGNAL_CURRENT, 0.25), 75, 1e-6);
    CU_ASSERT(probe.sample.current_A < 0);
    probe_wait(&probe, 1); /* off the value */
    CYC_NEAR(probe_until_magnitude(&probe, CYC_SIGNAL_CURRENT, 0.25), 125, 1e-6);
    CU_ASSERT(probe.sample.current_A > 0);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_POWER, 1.8), 150, 2);
    CYC_NEAR(probe.sample.voltage_V * probe.sample.current_A, 1.8, 1e-9);
    probe_end(&probe);
}

/* After a stronger charge the pairs relax and the voltage falls, then it rises with the OCV: a
 * watch just above the lowest point is passed twice within one step. */
static void a_crossing_there_and_back_within_a_step_is_found(void)
{
    struct probe probe;
    double lowest_s = 0;
    start(&probe, 0.5, 2.5);
    probe_wait(&probe, 600);
    probe_current(&probe, 1.0); /* falls while the pairs relax, then rises with the OCV */
    double lowest_V = probe.sample.voltage_V;
    for (double t = 0; t < 1200; t += 1) {
        probe_wait(&probe, 1);
        if (probe.sample.voltage_V < lowest_V) {
            lowest_V = probe.sample.voltage_V;
            lowest_s = t;
        }
    }
    probe_end(&probe);
    CU_ASSERT(lowest_s > 5 && lowest_s < 600);

    start(&probe, 0.5, 2.5);
    probe_wait(&probe, 600);
    probe_current(&probe, 1.0);
    const double found_s = probe_until(&probe, CYC_SIGNAL_VOLTAGE, lowest_V + 1e-5);
    CU_ASSERT(found_s < lowest_s && found_s > 0);
    CU_ASSERT(probe.sample.voltage_V <= lowest_V + 1e-5);
    probe_end(&probe);
}

/* After a charge the pairs relax while a hold goes on: its current first rises, then falls. */
static void a_current_there_and_back_within_a_step_is_found(void)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        struct probe probe;
        double most_A = 0;
        double most_s = 0;
        for (unsigned pass = 0; pass < 2; pass++) {
            start(&probe, 0.5, 2.5 * sign);
            probe_wait(&probe, 300);
            probe_open(&probe);
            probe_hold(&probe, probe.sample.voltage_V + 0.01 * sign, -10, 10);
            if (pass == 1) {
                break;
            }
            for (double t = 1; t < 400; t += 1) {
                probe_wait(&probe, 1);
                if (fabs(probe.sample.current_A) > most_A) {
                    most_A = fabs(probe.sample.current_A);
                    most_s = t;
                }
            }
            probe_end(&probe);
        }
        CU_ASSERT(most_s > 10 && most_s < 300);
        const double found_s = probe_until_magnitude(&probe, CYC_SIGNAL_CURRENT, most_A - 1e-5);
        CU_ASSERT(found_s > 1 && found_s < most_s);
        probe_end(&probe);
    }
}

static void a_hold_at_compliance_is_a_given_current(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_start(&probe);
    probe_hold(&probe, 3.7, -1, 1); /* would draw 5 A */
    CYC_NEAR(probe.sample.current_A, 1, 0);
    CYC_NEAR(probe.sample.voltage_V, 3.62, 1e-12);
    CU_ASSERT_FALSE(probe.sample.flags & CYC_SAMPLE_CV);
    /* 3.7 V is reached at OCV 3.68 V, after 600 C; from there exp(-t/150 s). */
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_CURRENT, 0.5), 600 + 150 * log(2), 1e-6);
    CU_ASSERT(probe.sample.flags & CYC_SAMPLE_CV);
    CYC_NEAR(probe.sums.charge_Ah * 3600, 600 + 75, 1e-6);
    probe_end(&probe);
}

/* From rest a sweep of s V/s draws s/k (1 - exp(-t/150 s)): above 5 A from 150 ln(...) on, the
 * current stays there and the voltage falls behind. */
static void a_sweep_that_meets_its_compliance_falls_behind(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_start(&probe);
    probe_ramp(&probe, CYC_CONTROL_VOLTAGE, 3.6, 1e-3);
    probe.setpoint.current_min_A = -5;
    probe.setpoint.current_max_A = 5;
    cyc_cell_apply(probe.cell, &probe.setpoint);
    const double met_s = -150 * log(1 - 5 / 7.5);
    probe_wait(&probe, met_s + 10);
    CYC_NEAR(probe.sample.current_A, 5, 0);
    CU_ASSERT_FALSE(probe.sample.flags & CYC_SAMPLE_CV);
    CYC_NEAR(probe.sample.voltage_V, 3.6 + 1e-3 * met_s + 10 * 5 * 1.2 / 9000, 1e-9);
    probe_end(&probe);
}

static void a_hold_that_may_not_pass_current_is_open(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_start(&probe);
    probe_hold(&probe, 3.5, 0, 1); /* below the rest voltage: would discharge */
    probe_wait(&probe, 100);
    CYC_NEAR(probe.sample.current_A, 0, 0);
    CYC_NEAR(probe.sample.voltage_V, 3.6, 1e-12);
    CU_ASSERT_FALSE(probe.sample.flags & CYC_SAMPLE_CV);
    probe_end(&probe);
}

static void too_much_power_is_refused_and_time_stands(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.7 / 1.2);
    probe_parameter(&probe, "R0", 0.05);
    probe_start(&probe);
    probe_open(&probe);
    probe_wait(&probe, 10);
    probe_power(&probe, -70);
    CU_ASSERT_EQUAL(probe.status, CYC_E_INFEASIBLE);
    CU_ASSERT_EQUAL(advance(&probe, 20 * CYC_S_NS, NULL, 0), CYC_E_INFEASIBLE);
    CYC_NEAR(cyc_cell_net_charge_Ah(probe.cell), 0, 0);
    probe_load(&probe, -1); /* a source is no load */
    CU_ASSERT_EQUAL(probe.status, CYC_E_INFEASIBLE);
    probe_current(&probe, NAN);
    CU_ASSERT_EQUAL(probe.status, CYC_E_INFEASIBLE);
    probe_open(&probe); /* another setpoint goes on from there */
    CU_ASSERT_EQUAL(probe.status, CYC_OK);
    CU_ASSERT_EQUAL(probe.sample.t_ns, 10 * CYC_S_NS);
    probe_end(&probe);
}

/* E^2 = 4 R P at the end: the last moment that can give the power, then a refusal. */
static void power_that_runs_out_ends_at_the_last_moment(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.7 / 1.2);
    probe_parameter(&probe, "R0", 0.05);
    probe_start(&probe);
    probe_power(&probe, -66);
    CU_ASSERT_EQUAL(advance(&probe, 3600 * CYC_S_NS, NULL, 0), CYC_OK);
    CU_ASSERT(probe.sample.t_ns > CYC_S_NS && probe.sample.t_ns < 300 * CYC_S_NS);
    const double rest_V = probe.sample.voltage_V - 0.05 * probe.sample.current_A;
    CYC_NEAR(rest_V, sqrt(4 * 0.05 * 66), 1e-3);
    CU_ASSERT_EQUAL(advance(&probe, 3600 * CYC_S_NS, NULL, 0), CYC_E_INFEASIBLE);
    probe_end(&probe);
}

static void temperature_and_pressure_are_watched(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_start(&probe);
    const struct cyc_environment environment = {
        .temperature_degC = 60, .ramp_K_per_s = NAN, .pressure_Pa = 1e6};
    cyc_cell_environment(probe.cell, &environment);
    probe.since_ns = 0;
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_PRESSURE, 5.5e5), 5 * log(2), 1e-6);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_AMBIENT, 60), 35 * 30, 1e-6);
    const double lag_K = 1000.0 / 30 * (1 - exp(-1.05));
    CYC_NEAR(probe.sample.temperature_degC, 60 - lag_K, 1e-6);
    CYC_NEAR(probe_until(&probe, CYC_SIGNAL_TEMPERATURE, 59.5), 1050 + 1000 * log(lag_K / 0.5),
             1e-5);
    probe_wait(&probe, 86400);
    CYC_NEAR(probe.sample.temperature_degC, 60, 0);
    CYC_NEAR(probe.sample.pressure_Pa, 1e6, 0);
    probe_end(&probe);
}

static void a_released_chamber_drifts_to_the_room(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe.spec.temperature_degC = 60;
    probe_parameter(&probe, "C_jig", 0);
    probe_start(&probe);
    const struct cyc_environment released = {.temperature_degC = NAN,
                                             .ramp_K_per_s = NAN,
                                             .temperature_off = true,
                                             .pressure_Pa = NAN,
                                             .pressure_off = true};
    cyc_cell_environment(probe.cell, &released);
    probe_wait(&probe, 3600);
    CYC_NEAR(probe.sample.ambient_degC, 25 + 35 * exp(-1), 1e-9);
    CYC_NEAR(probe.sample.temperature_degC, 25 + 35 * exp(-1), 1e-9);
    CYC_NEAR(probe.sample.pressure_Pa, 1e5, 0);
    probe_end(&probe);
}

/* The jig behind it follows a chamber that drifts: two exponentials. */
static void a_jig_follows_the_drift(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe.spec.temperature_degC = 60;
    probe_start(&probe);
    const struct cyc_environment released = {
        .temperature_degC = NAN, .ramp_K_per_s = NAN, .temperature_off = true, .pressure_Pa = NAN};
    cyc_cell_environment(probe.cell, &released);
    for (double time_s = 500; time_s < 8000; time_s += 500) {
        probe_wait(&probe, 500);
        const double room = exp(-time_s / 3600);
        const double jig = room + (room - exp(-time_s / 1000)) * 1000 / (3600 - 1000);
        CYC_NEAR(probe.sample.temperature_degC, 25 + 35 * jig, 2e-4);
    }
    probe_end(&probe);
}

/* What is left alone stays: an environment of NaN changes nothing. */
static void an_empty_command_changes_nothing(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe.spec.temperature_degC = 40;
    probe_start(&probe);
    const struct cyc_environment nothing = {
        .temperature_degC = NAN, .ramp_K_per_s = NAN, .pressure_Pa = NAN};
    cyc_cell_environment(probe.cell, &nothing);
    probe_wait(&probe, 5000);
    CYC_NEAR(probe.sample.temperature_degC, 40, 0);
    CYC_NEAR(probe.sample.pressure_Pa, 1e5, 0);
    probe_end(&probe);
}

const struct cyc_check cyc_check_time[] = {
    CYC_CHECK(no_time_gives_the_first_sample_under_a_setpoint),
    CYC_CHECK(a_crossing_is_the_first_nanosecond_beyond),
    CYC_CHECK(the_earliest_of_several_watches_wins),
    CYC_CHECK(sums_count_from_the_call),
    CYC_CHECK(every_sum_can_be_watched),
    CYC_CHECK(time_moves_by_a_nanosecond_at_least_and_never_too_far),
    CYC_CHECK(a_held_voltage_never_crosses_itself),
    CYC_CHECK(magnitudes_are_watched_in_both_directions),
    CYC_CHECK(a_crossing_there_and_back_within_a_step_is_found),
    CYC_CHECK(a_current_there_and_back_within_a_step_is_found),
    CYC_CHECK(a_hold_at_compliance_is_a_given_current),
    CYC_CHECK(a_sweep_that_meets_its_compliance_falls_behind),
    CYC_CHECK(a_hold_that_may_not_pass_current_is_open),
    CYC_CHECK(too_much_power_is_refused_and_time_stands),
    CYC_CHECK(power_that_runs_out_ends_at_the_last_moment),
    CYC_CHECK(temperature_and_pressure_are_watched),
    CYC_CHECK(a_released_chamber_drifts_to_the_room),
    CYC_CHECK(a_jig_follows_the_drift),
    CYC_CHECK(an_empty_command_changes_nothing),
    {0}};
