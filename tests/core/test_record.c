/* The record rule: which samples become rows. */
#include "rig.h"

static double at_s(const struct rig *rig, unsigned i)
{
    return i < rig->record_count ? (double)rig->records[i].sample.t_ns / 1e9 : NAN;
}

static void rows_lie_on_a_grid_from_the_steps_start(void)
{
    struct rig *rig = rig_new(0.5);
    rig->now_ns = 7 * SECOND; /* the run has gone on for 7 s */
    rig->cell.t_ns = rig->now_ns;
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 60 * SECOND;
    cut_time(rig, 150);
    (void)rig_run(rig);
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 4);
    CYC_NEAR(at_s(rig, 0), 7, 0);
    CYC_NEAR(at_s(rig, 1), 67, 0);
    CYC_NEAR(at_s(rig, 2), 127, 0);
    CYC_NEAR(at_s(rig, 3), 157, 0); /* the last sample, always */
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(rig->records[i].index, i + 1);
        CU_ASSERT_EQUAL(rig->records[i].step_time_ns, rig->records[i].sample.t_ns - 7 * SECOND);
    }
    rig_free(rig);
}

static void late_samples_do_not_move_the_grid(void)
{
    struct rig *rig = rig_new(0.5);
    rig->grid_ns = 7 * SECOND;
    rig->grid_only = true;
    make_rest(rig);
    rig->step.record.every_ns = 10 * SECOND;
    rig_step(rig);
    rig_until(rig, 42 * SECOND);
    const double expected[] = {0, 14, 21, 35, 42}; /* the first at or after 10, 20, 30, 40 */
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 5);
    for (unsigned i = 0; i < 5; i++) {
        CYC_NEAR(at_s(rig, i), expected[i], 0);
    }
    rig_free(rig);
}

static void first_and_last_sample_are_kept_without_any_rule(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    cut_time(rig, 100);
    (void)rig_run(rig);
    CU_ASSERT_EQUAL(rig->record_count, 2);
    CYC_NEAR(at_s(rig, 0), 0, 0);
    CYC_NEAR(at_s(rig, 1), 100, 0);
    rig_free(rig);
}

static void the_last_sample_is_not_written_twice(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 10 * SECOND;
    cut_time(rig, 20);
    (void)rig_run(rig);
    CU_ASSERT_EQUAL(rig->record_count, 3);
    make_rest(rig);
    rig->step.record.every_ns = 10 * SECOND;
    rig_step(rig);
    rig_until(rig, 30 * SECOND);
    rig_operator(rig, CYC_OPERATOR_SKIP); /* that sample has its row already */
    CU_ASSERT_EQUAL(rig->record_count, 5);
    make_rest(rig);
    rig_step(rig);
    rig_sample(rig);
    rig_pass(rig, SECOND);
    rig_sample(rig);
    rig_operator(rig, CYC_OPERATOR_SKIP); /* this one not yet */
    CU_ASSERT_EQUAL(rig->record_count, 7);
    rig_free(rig);
}

static void rows_follow_the_voltage(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0); /* k = 133.33 uV/s */
    rig->step.record.voltage_V = 0.010;
    rig_step(rig);
    rig_until(rig, 160 * SECOND);
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 3);
    CYC_NEAR(at_s(rig, 1), 75, 1e-6);
    CYC_NEAR(at_s(rig, 2), 150, 1e-6);
    CU_ASSERT_TRUE(rig->records[1].sample.voltage_V >= rig->records[0].sample.voltage_V + 0.010);
    rig_free(rig);
}

static void rows_follow_every_quantity_with_a_rule(void)
{
    for (int i = 0; i < 8; i++) { /* each quantity, up and down */
        struct rig *rig = rig_new(0.5);
        make_rest(rig);
        rig->step.record = (struct cyc_record_rule){
            .voltage_V = 0.1, .current_A = 0.1, .temperature_K = 0.1, .pressure_Pa = 0.1};
        rig_sample(rig);
        rig_step(rig);
        rig_sample(rig);
        CU_ASSERT_EQUAL(rig->record_count, 1);
        struct cyc_sample sample = rig_peek(rig);
        double *const fields[] = {&sample.voltage_V, &sample.current_A, &sample.temperature_degC,
                                  &sample.pressure_Pa};
        const double sign = i % 2 == 0 ? 1 : -1;
        *fields[i / 2] += sign * 0.099;
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->record_count, 1);
        *fields[i / 2] += sign * 0.002;
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->record_count, 2);
        *fields[i / 2] -= sign * 0.099; /* counted from the row before, not from the first */
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->record_count, 2);
        rig_free(rig);
    }
}

static void rows_follow_the_charge(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, -1.0);
    rig->step.record.capacity_Ah = 0.01;
    rig_step(rig);
    rig_until(rig, 80 * SECOND);
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 3);
    CYC_NEAR(at_s(rig, 1), 36, 1e-6);
    CYC_NEAR(at_s(rig, 2), 72, 1e-6);
    CYC_NEAR(rig->records[1].step.discharge_Ah, 0.01, 1e-12);
    rig_free(rig);
}

static void the_first_rule_that_asks_is_enough(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig->step.record.voltage_V = 0.010; /* each 75 s */
    rig->step.record.every_ns = 60 * SECOND;
    rig_step(rig);
    rig_until(rig, 200 * SECOND);
    const double expected[] = {0, 60, 120, 180}; /* each row starts the voltage's count anew */
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        CYC_NEAR(at_s(rig, i), expected[i], 0);
    }
    rig_free(rig);
}

static void a_value_that_is_missing_asks_for_nothing(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    rig->cell.temperature_degC = NAN;
    rig->step.record.temperature_K = 1;
    rig->step.record.voltage_V = 0.1;
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.watch_count, 2);
    rig_pass(rig, SECOND);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->record_count, 1);
    rig->cell.temperature_degC = 25; /* it comes back; the next row knows it */
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = 3.8;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->record_count, 2);
    CU_ASSERT_EQUAL(rig->actions.watch_count, 4);
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_TEMPERATURE, 26));
    rig_free(rig);
}

static void rows_follow_named_sensors(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    rig->step.record = (struct cyc_record_rule){.voltage_V = 0.1};
    rig->step.record.aux[0] = 0.01;
    rig->step.record.aux[6] = 2;
    struct cyc_sample sample = rig_peek(rig);
    sample.aux[6] = NAN;
    rig_give(rig, &sample);
    rig_step(rig);
    sample.setpoint_number = rig->core.setpoint.number;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 1);
    CU_ASSERT_TRUE(rig->actions.sampled);         /* nobody can foresee them, */
    CU_ASSERT_EQUAL(rig->actions.watch_count, 2); /* but still the voltage */
    sample.aux[0] = -0.009;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->record_count, 1);
    sample.aux[0] = -0.011;
    sample.aux[6] = 30;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->record_count, 2);
    sample.aux[6] = 31.9; /* counted from the row before, whoever asked for that */
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->record_count, 2);
    sample.aux[6] = 32;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->record_count, 3);
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, sample.voltage_V + 0.1));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, sample.voltage_V - 0.1));
    rig_free(rig);
}

static void bursts_follow_one_after_the_other(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 60 * SECOND;
    rig->step.record.bursts[0] = (struct cyc_burst){.during_ns = SECOND, .every_ns = SECOND / 4};
    rig->step.record.bursts[1] = (struct cyc_burst){.during_ns = 3 * SECOND, .every_ns = SECOND};
    rig->step.record.burst_count = 2;
    rig_step(rig);
    rig_until(rig, 70 * SECOND);
    const double expected[] = {0, 0.25, 0.5, 0.75, 1, 2, 3, 4, 60};
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 9);
    for (unsigned i = 0; i < 9; i++) {
        CYC_NEAR(at_s(rig, i), expected[i], 0);
    }
    rig_free(rig);
}

static void a_burst_whose_grid_does_not_fit_ends_on_its_end(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig->step.record.bursts[0] =
        (struct cyc_burst){.during_ns = SECOND, .every_ns = 400 * CYC_MS_NS};
    rig->step.record.bursts[1] = (struct cyc_burst){.during_ns = SECOND, .every_ns = 0};
    rig->step.record.bursts[2] = (struct cyc_burst){.during_ns = SECOND, .every_ns = SECOND / 2};
    rig->step.record.burst_count = 3;
    rig_step(rig);
    rig_until(rig, 70 * SECOND);
    const double expected[] = {0, 0.4, 0.8, 1.0, 2.0, 2.5, 3.0};
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 7);
    for (unsigned i = 0; i < 7; i++) {
        CYC_NEAR(at_s(rig, i), expected[i], 0);
    }
    rig_free(rig);
}

static void bursts_of_a_train_begin_with_each_pulse(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PULSE, CYC_CONTROL_OPEN, 0);
    rig->segments[0] = (struct cyc_segment){.duration_ns = 5 * SECOND};
    rig->segments[1] = (struct cyc_segment){
        .duration_ns = 10 * SECOND, .control = CYC_CONTROL_CURRENT, .value = 1, .pulse = true};
    rig->step.segment_count = 2;
    rig->step.repeat_count = 2;
    rig->step.record.bursts[0] = (struct cyc_burst){.during_ns = 2 * SECOND, .every_ns = SECOND};
    rig->step.record.burst_count = 1;
    (void)rig_run(rig);
    /* the first sample; both pulses at 0, 1, 2 s of theirs; the last sample */
    const double expected[] = {0, 5, 6, 7, 20, 21, 22, 30};
    CU_ASSERT_EQUAL_FATAL(rig->record_count, 8);
    for (unsigned i = 0; i < 8; i++) {
        CYC_NEAR(at_s(rig, i), expected[i], 0);
    }
    CYC_NEAR(rig->records[1].sample.current_A, 1, 0); /* under the pulse, not before it */
    rig_free(rig);
}

static void rows_carry_their_place_in_the_test(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 3.6);
    cut_time(rig, 10);
    (void)rig_run(rig);
    make_cc(rig, 3.6);
    rig->step.id = 17;
    rig->step.cycle_number = 4;
    rig->step.scope_resets = 1u << CYC_SCOPE_CYCLE;
    cut_time(rig, 20);
    (void)rig_run(rig);
    const struct cyc_record *last = &rig->records[rig->record_count - 1];
    CU_ASSERT_EQUAL(last->step_id, 17);
    CU_ASSERT_EQUAL(last->cycle_number, 4);
    CU_ASSERT_EQUAL(last->step_count, 2);
    CU_ASSERT_EQUAL(last->step_time_ns, 20 * SECOND);
    CYC_NEAR(last->step.charge_Ah, 0.02, 1e-12);
    CYC_NEAR(last->cycle.charge_Ah, 0.02, 1e-12);
    CYC_NEAR(last->test.charge_Ah, 0.03, 1e-12);
    rig_free(rig);
}

static void rows_go_on_in_a_pause_and_under_an_older_setpoint(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 10 * SECOND;
    rig_step(rig);
    rig_until(rig, 15 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_until(rig, 25 * SECOND);
    CU_ASSERT_EQUAL(rig->record_count, 3);
    CYC_NEAR(at_s(rig, 2), 20, 0);
    CU_ASSERT_EQUAL(rig->records[2].step_time_ns, 15 * SECOND);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_pass(rig, 5 * SECOND);
    struct cyc_sample old = rig_peek(rig);
    old.setpoint_number--;
    rig_give(rig, &old);
    CU_ASSERT_EQUAL(rig->record_count, 4);
    rig_free(rig);
}

static void unsettled_samples_are_recorded_too(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig->step.record.every_ns = SECOND;
    rig_sample(rig);
    rig_step(rig);
    struct cyc_sample sample = rig_peek(rig);
    sample.flags &= ~(unsigned)CYC_SAMPLE_SETTLED;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->record_count, 1);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_SETTLE);
    rig_free(rig);
}

const struct cyc_check cyc_check_record[] = {
    CYC_CHECK(rows_lie_on_a_grid_from_the_steps_start),
    CYC_CHECK(late_samples_do_not_move_the_grid),
    CYC_CHECK(first_and_last_sample_are_kept_without_any_rule),
    CYC_CHECK(the_last_sample_is_not_written_twice),
    CYC_CHECK(rows_follow_the_voltage),
    CYC_CHECK(rows_follow_every_quantity_with_a_rule),
    CYC_CHECK(rows_follow_the_charge),
    CYC_CHECK(the_first_rule_that_asks_is_enough),
    CYC_CHECK(a_value_that_is_missing_asks_for_nothing),
    CYC_CHECK(rows_follow_named_sensors),
    CYC_CHECK(bursts_follow_one_after_the_other),
    CYC_CHECK(a_burst_whose_grid_does_not_fit_ends_on_its_end),
    CYC_CHECK(bursts_of_a_train_begin_with_each_pulse),
    CYC_CHECK(rows_carry_their_place_in_the_test),
    CYC_CHECK(rows_go_on_in_a_pause_and_under_an_older_setpoint),
    CYC_CHECK(unsettled_samples_are_recorded_too),
    {0},
};
