/* Sweeps, profiles and pulse trains: lists of segments on their own schedule. */
#include "rig.h"

static void segment(struct rig *rig, unsigned i, double s, enum cyc_control control, double value,
                    double slope_per_s)
{
    rig->segments[i] = (struct cyc_segment){.duration_ns = (int64_t)(s * 1e9),
                                            .control = control,
                                            .value = value,
                                            .slope_per_s = slope_per_s};
    rig->step.segment_count = i + 1;
}

static void make_sweep(struct rig *rig)
{
    make_step(rig, CYC_MODE_SWEEP, CYC_CONTROL_VOLTAGE, 0);
    rig->step.current_min_A = -10;
    rig->step.current_max_A = 10;
}

/* Two pulses: 2 A discharge 10 s, rest 40 s, 1.5 A charge 10 s, rest 60 s. */
static void make_pulses(struct rig *rig)
{
    make_step(rig, CYC_MODE_PULSE, CYC_CONTROL_CURRENT, 0);
    segment(rig, 0, 10, CYC_CONTROL_CURRENT, -2.0, 0);
    segment(rig, 1, 40, CYC_CONTROL_OPEN, 0, 0);
    segment(rig, 2, 10, CYC_CONTROL_CURRENT, 1.5, 0);
    segment(rig, 3, 60, CYC_CONTROL_OPEN, 0, 0);
    rig->segments[0].pulse = true;
    rig->segments[2].pulse = true;
    rig->step.resistance_at_ns[0] = 100 * CYC_MS_NS;
    rig->step.resistance_at_ns[1] = 1 * SECOND;
    rig->step.resistance_at_ns[2] = 10 * SECOND;
    rig->step.resistance_at_count = 3;
}

static void profile_walks_its_segments_on_time(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PROFILE, CYC_CONTROL_CURRENT, 0);
    segment(rig, 0, 10, CYC_CONTROL_CURRENT, 1.0, 0);
    segment(rig, 1, 5, CYC_CONTROL_CURRENT, -2.0, 0);
    segment(rig, 2, 20, CYC_CONTROL_CURRENT, 0.5, 0);
    rig->step.repeat_count = 3;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_PROFILE);
    CU_ASSERT_EQUAL(result->cutoff, -1);
    CU_ASSERT_EQUAL(result->tag, -1);
    CU_ASSERT_EQUAL(result->step_time_ns, 105 * SECOND);
    CYC_NEAR(result->sums.charge_Ah, 3 * 20.0 / 3600, 1e-12);
    CYC_NEAR(result->sums.discharge_Ah, 3 * 10.0 / 3600, 1e-12);
    CU_ASSERT_EQUAL(rig->setpoint_count, 9);
    for (unsigned i = 0; i < 9; i++) {
        CYC_NEAR(rig->setpoints[i].value, rig->segments[i % 3].value, 0);
        CU_ASSERT_EQUAL(rig->setpoints[i].number, i + 1);
    }
    rig_free(rig);
}

static void profile_ends_at_a_cutoff_within_it(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PROFILE, CYC_CONTROL_CURRENT, 0);
    segment(rig, 0, 10, CYC_CONTROL_CURRENT, -1.0, 0);
    segment(rig, 1, 10, CYC_CONTROL_CURRENT, -5.0, 0);
    cut_voltage(rig, CYC_OP_LE, 3.55); /* at 5 A: 3.6 - 0.1 at once */
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
    CU_ASSERT_EQUAL(result->step_time_ns, 10 * SECOND);
    CYC_NEAR(result->current_A, -5.0, 0);
    rig_free(rig);
}

static void slow_host_passes_over_short_segments_and_keeps_the_schedule(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PROFILE, CYC_CONTROL_CURRENT, 0);
    for (unsigned i = 0; i < 10; i++) {
        segment(rig, i, 0.4, CYC_CONTROL_CURRENT, 1.0 + i, 0);
    }
    rig->step.repeat_count = 2;
    rig->grid_ns = SECOND;
    rig->grid_only = true;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->step_time_ns, 8 * SECOND);
    /* at 1, 2, … s: segments 2, 5, 7, 0, 2, 5, 7 */
    const double expected[] = {1, 3, 6, 8, 1, 3, 6, 8};
    CU_ASSERT_EQUAL_FATAL(rig->setpoint_count, 8);
    for (unsigned i = 0; i < 8; i++) {
        CYC_NEAR(rig->setpoints[i].value, expected[i], 0);
    }
    rig_free(rig);
}

static void deadline_event_changes_the_segment_on_time(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PROFILE, CYC_CONTROL_CURRENT, 0);
    segment(rig, 0, 10, CYC_CONTROL_CURRENT, 1.0, 0);
    segment(rig, 1, 10, CYC_CONTROL_CURRENT, 2.0, 0);
    rig_step(rig);
    rig_sample(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 10 * SECOND);
    struct rig *again = rig_new(0.5); /* the last segment, but not of the last pass */
    make_step(again, CYC_MODE_PROFILE, CYC_CONTROL_CURRENT, 1.0);
    segment(again, 0, 10, CYC_CONTROL_CURRENT, 1.0, 0);
    again->step.repeat_count = 2;
    rig_step(again);
    rig_sample(again);
    rig_sample(again);
    rig_deadline(again, 10 * SECOND);
    CU_ASSERT_EQUAL(again->setpoint_count, 2);
    rig_free(again);
    rig_deadline(rig, 9 * SECOND);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    rig_pass(rig, 10 * SECOND);
    rig_deadline(rig, 10 * SECOND);
    CU_ASSERT_EQUAL(rig->setpoint_count, 2);
    CYC_NEAR(rig->setpoints[1].value, 2.0, 0);
    rig_sample(rig);
    /* the end of the list needs a sample: a result is the values at its end */
    rig_pass(rig, 10 * SECOND);
    rig_deadline(rig, 20 * SECOND);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_PROFILE);
    rig_free(rig);
}

static void segments_of_no_duration_are_passed_over(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PROFILE, CYC_CONTROL_CURRENT, 0);
    segment(rig, 0, 1, CYC_CONTROL_CURRENT, 1.0, 0);
    segment(rig, 1, 0, CYC_CONTROL_CURRENT, 9.0, 0);
    segment(rig, 2, 1, CYC_CONTROL_CURRENT, 2.0, 0);
    CU_ASSERT_EQUAL(rig_run(rig)->step_time_ns, 2 * SECOND);
    CU_ASSERT_EQUAL(rig->setpoint_count, 2);
    rig_free(rig);
}

static void endless_list_of_no_duration_is_a_fault(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PROFILE, CYC_CONTROL_CURRENT, 0);
    segment(rig, 0, 0, CYC_CONTROL_CURRENT, 1.0, 0);
    rig->step.repeat_count = UINT32_MAX;
    CU_ASSERT_EQUAL(rig_run(rig)->reason, CYC_REASON_FAULT);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_PROGRESS);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    rig_free(rig);
}

static void sweep_walks_its_list(void)
{
    struct rig *rig = rig_new(0.5);
    make_sweep(rig);
    segment(rig, 0, 100, CYC_CONTROL_VOLTAGE, 3.6, 0.001);  /* to 3.7 */
    segment(rig, 1, 200, CYC_CONTROL_VOLTAGE, 3.7, -0.001); /* to 3.5 */
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_PROFILE);
    CU_ASSERT_EQUAL(result->step_time_ns, 300 * SECOND);
    CYC_NEAR(result->voltage_V, 3.5, 1e-9);
    CYC_NEAR(result->peak_V, 3.7, 1e-9);
    CYC_NEAR(rig->setpoints[0].slope_per_s, 0.001, 0);
    CYC_NEAR(rig->setpoints[1].slope_per_s, -0.001, 0);
    CYC_NEAR(rig->setpoints[1].current_max_A, 10, 0);
    rig_free(rig);
}

static void sweep_from_the_present_voltage_keeps_rate_and_end(void)
{
    struct rig *rig = rig_new(0.5); /* 3.6 V */
    make_sweep(rig);
    rig->step.sweep_from_present = true;
    segment(rig, 0, 400, CYC_CONTROL_VOLTAGE, 3.3, 0.001); /* to 3.7: 100 s from 3.6 */
    segment(rig, 1, 100, CYC_CONTROL_VOLTAGE, 3.7, -0.001);
    rig->step.repeat_count = 2;
    const struct cyc_result *result = rig_run(rig);
    CYC_NEAR(rig->setpoints[0].value, 3.6, 1e-12);
    CYC_NEAR(rig->setpoints[0].slope_per_s, 0.001, 0);
    CYC_NEAR(rig->setpoints[1].value, 3.7, 0);
    CYC_NEAR(rig->setpoints[2].value, 3.3, 0); /* the second pass is as written */
    CU_ASSERT_EQUAL(result->step_time_ns, 700 * SECOND);
    rig_free(rig);
}

static void sweep_from_beyond_its_end_turns_round(void)
{
    struct rig *rig = rig_new(0.5);
    make_sweep(rig);
    rig->step.sweep_from_present = true;
    segment(rig, 0, 100, CYC_CONTROL_VOLTAGE, 3.4, 0.001); /* to 3.5, below 3.6 */
    const struct cyc_result *result = rig_run(rig);
    CYC_NEAR(rig->setpoints[0].slope_per_s, -0.001, 0);
    CYC_NEAR((double)result->step_time_ns / 1e9, 100, 1e-6);
    CYC_NEAR(result->voltage_V, 3.5, 1e-9);
    rig_free(rig);
}

static void sweep_without_end_or_rate_starts_from_the_present_voltage(void)
{
    struct rig *rig = rig_new(0.5);
    make_sweep(rig);
    rig->step.sweep_from_present = true;
    segment(rig, 0, 0, CYC_CONTROL_VOLTAGE, 0, 0.001);
    rig->segments[0].duration_ns = CYC_NEVER;
    cut_voltage(rig, CYC_OP_GE, 3.65)->entry = CYC_ENTRY_SETTLED;
    CYC_NEAR((double)rig_run(rig)->step_time_ns / 1e9, 50, 1e-6);

    make_sweep(rig);
    rig->step.sweep_from_present = true;
    segment(rig, 0, 30, CYC_CONTROL_VOLTAGE, 0, 0);
    CU_ASSERT_EQUAL(rig_run(rig)->step_time_ns, 30 * SECOND);
    CYC_NEAR(rig->setpoints[1].value, 3.65, 1e-9);

    make_sweep(rig);
    rig->step.sweep_from_present = true;
    segment(rig, 0, 1e9, CYC_CONTROL_VOLTAGE, 0, 1e-300); /* would take longer than time lasts */
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->core.segment_end_ns, CYC_NEVER);
    rig_free(rig);
}

static void paused_sweep_goes_on_from_where_it_was(void)
{
    struct rig *rig = rig_new(0.5);
    make_sweep(rig);
    segment(rig, 0, 100, CYC_CONTROL_VOLTAGE, 3.6, 0.001);
    rig_step(rig);
    rig_until(rig, 40 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_until(rig, 140 * SECOND);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    CYC_NEAR(rig->setpoints[2].value, 3.64, 1e-12);
    rig_until(rig, 1000 * SECOND);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_PROFILE);
    CU_ASSERT_EQUAL(rig_result(rig)->step_time_ns, 100 * SECOND);
    CU_ASSERT_EQUAL(rig_result(rig)->end_ns, 200 * SECOND);
    CYC_NEAR(rig_result(rig)->voltage_V, 3.7, 1e-9);
    rig_free(rig);
}

static void pulses_give_resistances_at_their_times(void)
{
    /* R(t) = R0 + R1 (1 - exp(-t/tau)) plus what the OCV moves: k * 1 A s */
    struct rig *rig = rig_new(0.5);
    rig->cell.r1_ohm = 0.015;
    rig->cell.tau_s = 30.0;
    make_pulses(rig);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_PROFILE);
    CU_ASSERT_EQUAL_FATAL(result->resistance_count, 6);
    const double at_s[] = {0.1, 1, 10};
    for (unsigned i = 0; i < 3; i++) {
        const double ohm = 0.020 + 0.015 * -expm1(-at_s[i] / 30) + 1.2 / 9000 * at_s[i];
        CYC_NEAR(result->resistances_ohm[i], ohm, 1e-9);
    }
    /* the second one starts from a cell that still relaxes: a little off, as it would be */
    CYC_NEAR(result->resistances_ohm[3], 0.020, 1e-3);
    CU_ASSERT_TRUE(isnan(result->resistances_ohm[6]));
    rig_free(rig);
}

static void resistance_between_two_samples_lies_on_their_line(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    rig->segments[0].duration_ns = CYC_NEVER;
    rig->step.resistance_at_count = 2;
    rig_sample(rig);
    rig_step(rig);
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = 3.6 - 0.04;
    rig_give(rig, &sample); /* 0 s */
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 100 * CYC_MS_NS);
    rig_pass(rig, 50 * CYC_MS_NS);
    sample = rig_peek(rig);
    sample.voltage_V = 3.6 - 0.05;
    sample.current_A = -2.0;
    rig_give(rig, &sample); /* 0.05 s */
    rig_pass(rig, 100 * CYC_MS_NS);
    sample = rig_peek(rig);
    sample.voltage_V = 3.6 - 0.07;
    sample.current_A = -2.2;
    rig_give(rig, &sample); /* 0.15 s: 0.1 s lies half-way, 3.54 V at -2.1 A */
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CYC_NEAR(rig_result(rig)->resistances_ohm[0], 0.06 / 2.1, 1e-12);
    CU_ASSERT_TRUE(isnan(rig_result(rig)->resistances_ohm[1])); /* 1 s was not reached */
    CU_ASSERT_EQUAL(rig_result(rig)->resistance_count, 2);
    rig_free(rig);
}

static void resistance_of_a_late_first_sample_is_not_known(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    rig_sample(rig);
    rig_step(rig);
    rig_pass(rig, 500 * CYC_MS_NS);
    rig_sample(rig); /* the first one under the pulse: 0.1 s is over */
    rig_pass(rig, SECOND);
    rig_sample(rig);
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CU_ASSERT_TRUE(isnan(rig_result(rig)->resistances_ohm[0]));
    CYC_NEAR(rig_result(rig)->resistances_ohm[1], 0.020, 2e-4);
    rig_free(rig);
}

static void readings_from_before_the_pulse_move_its_onset(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    rig_sample(rig);
    rig_step(rig);
    rig_pass(rig, 30 * CYC_MS_NS);
    struct cyc_sample sample = rig_peek(rig);
    sample.setpoint_number = 0; /* still open */
    sample.voltage_V = 3.61;
    sample.current_A = 0;
    rig_give(rig, &sample);
    rig_pass(rig, 100 * CYC_MS_NS);
    sample = rig_peek(rig);
    sample.voltage_V = 3.55;
    rig_give(rig, &sample); /* 0.1 s after the onset at 0.03 s */
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CYC_NEAR(rig_result(rig)->resistances_ohm[0], 0.06 / 2.0, 1e-9);
    rig_free(rig);
}

static void late_readings_from_before_do_not_disturb_a_pulse_that_is_seen(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    rig_sample(rig);
    rig_step(rig);
    struct cyc_sample old = rig_peek(rig);
    old.setpoint_number = 0;
    old.voltage_V = 3.0; /* at the very onset: what V before is has been decided */
    rig_give(rig, &old);
    CYC_NEAR(rig->core.pulse_before_V, 3.6, 1e-12);
    rig_sample(rig);
    rig_pass(rig, 50 * CYC_MS_NS);
    old.t_ns = rig->now_ns;
    rig_give(rig, &old);
    CU_ASSERT_EQUAL(rig->core.pulse_ns, 0);
    CYC_NEAR(rig->core.pulse_before_V, 3.6, 1e-12);
    rig_free(rig);
}

static void pulse_without_current_has_no_resistance(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    rig->segments[0].value = 0;
    CU_ASSERT_TRUE(isnan(rig_run(rig)->resistances_ohm[0]));
    rig_free(rig);
}

static void resistances_beyond_the_maximum_are_left_out(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    rig->step.repeat_count = 8; /* 16 pulses of 3 */
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->resistance_count, CYC_RESISTANCES_MAX);
    for (unsigned i = 0; i < CYC_RESISTANCES_MAX; i++) {
        CYC_NEAR(result->resistances_ohm[i], 0.0206, 1e-3);
    }
    rig_free(rig);
}

static void pause_in_a_pulse_leaves_its_resistances_unknown(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    rig_step(rig);
    rig_until(rig, 5 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_until(rig, 25 * SECOND);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_until(rig, 1000 * SECOND);
    const struct cyc_result *result = rig_result(rig);
    CU_ASSERT_EQUAL(result->step_time_ns, 120 * SECOND);
    CYC_NEAR(result->resistances_ohm[1], 0.0201, 1e-4);
    CU_ASSERT_TRUE(isnan(result->resistances_ohm[2]));
    CYC_NEAR(result->resistances_ohm[5], 0.0213, 1e-3);
    rig_free(rig);
}

static void cutoff_of_a_train_ends_the_whole_train(void)
{
    struct rig *rig = rig_new(0.5);
    make_pulses(rig);
    cut_voltage(rig, CYC_OP_GE, 3.62); /* 1.5 A of charge: 3.6 - 0.0027 + 0.03 at once */
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
    CU_ASSERT_EQUAL(result->step_time_ns, 50 * SECOND);
    CU_ASSERT_EQUAL(result->resistance_count, 6);
    rig_free(rig);
}

const struct cyc_check cyc_check_segments[] = {
    CYC_CHECK(profile_walks_its_segments_on_time),
    CYC_CHECK(profile_ends_at_a_cutoff_within_it),
    CYC_CHECK(slow_host_passes_over_short_segments_and_keeps_the_schedule),
    CYC_CHECK(deadline_event_changes_the_segment_on_time),
    CYC_CHECK(segments_of_no_duration_are_passed_over),
    CYC_CHECK(endless_list_of_no_duration_is_a_fault),
    CYC_CHECK(sweep_walks_its_list),
    CYC_CHECK(sweep_from_the_present_voltage_keeps_rate_and_end),
    CYC_CHECK(sweep_from_beyond_its_end_turns_round),
    CYC_CHECK(sweep_without_end_or_rate_starts_from_the_present_voltage),
    CYC_CHECK(paused_sweep_goes_on_from_where_it_was),
    CYC_CHECK(pulses_give_resistances_at_their_times),
    CYC_CHECK(resistance_between_two_samples_lies_on_their_line),
    CYC_CHECK(resistance_of_a_late_first_sample_is_not_known),
    CYC_CHECK(readings_from_before_the_pulse_move_its_onset),
    CYC_CHECK(late_readings_from_before_do_not_disturb_a_pulse_that_is_seen),
    CYC_CHECK(pulse_without_current_has_no_resistance),
    CYC_CHECK(resistances_beyond_the_maximum_are_left_out),
    CYC_CHECK(pause_in_a_pulse_leaves_its_resistances_unknown),
    CYC_CHECK(cutoff_of_a_train_ends_the_whole_train),
    {0},
};
