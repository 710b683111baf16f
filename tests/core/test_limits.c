/* Safety limits: two breaching samples in a row, or one far beyond, and everything goes off. */
#include "rig.h"

static void give(struct rig *rig, double voltage_V, double current_A)
{
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = voltage_V;
    sample.current_A = current_A;
    sample.flags &= ~(unsigned)CYC_SAMPLE_EXACT;
    rig_give(rig, &sample);
}

/* A rest under the limits of 3 V and 4 V. */
static struct rig *limited(void)
{
    struct rig *rig = rig_new(0.5);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_PROTOCOL);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    return rig;
}

static void two_breaching_samples_in_a_row_are_a_fault(void)
{
    struct rig *rig = limited();
    rig_pass(rig, SECOND);
    give(rig, 4.01, 0.5);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, SECOND + CYC_LIMIT_CONFIRM_NS);
    rig_pass(rig, CYC_LIMIT_CONFIRM_NS);
    give(rig, 4.02, 0.5);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    const struct cyc_fault *fault = cyc_core_fault(&rig->core);
    CU_ASSERT_EQUAL(fault->kind, CYC_FAULT_LIMIT);
    CU_ASSERT_EQUAL(fault->signal, CYC_SIGNAL_VOLTAGE);
    CU_ASSERT_EQUAL(fault->level, CYC_LEVEL_PROTOCOL);
    CYC_NEAR(fault->value, 4.02, 0);
    CYC_NEAR(fault->bound, 4.0, 0);
    CU_ASSERT_EQUAL(fault->t_ns, rig->now_ns);
    rig_free(rig);
}

static void time_of_a_step_that_breaches_goes_as_far_as_its_charge(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_PROTOCOL);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    rig_pass(rig, 90 * SECOND);
    give(rig, 4.5, 1.0);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_FAULT);
    CYC_NEAR((double)rig_result(rig)->step_time_ns / 1e9, 90.0, 1e-9);
    CYC_NEAR((double)rig->records[rig->record_count - 1].step_time_ns / 1e9, 90.0, 1e-9);
    rig_free(rig);
}

static void order_of_a_breach_is_safe_record_result_finish(void)
{
    struct rig *rig = limited();
    rig_pass(rig, SECOND);
    give(rig, 4.5, 0.5);
    const enum cyc_action_kind expected[] = {CYC_ACTION_SAFE, CYC_ACTION_RECORD,
                                             CYC_ACTION_STEP_DONE, CYC_ACTION_FINISH};
    CU_ASSERT_EQUAL_FATAL(rig->actions.count, 4);
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(rig->actions.items[i].kind, expected[i]);
    }
    CU_ASSERT_EQUAL(rig->finish, CYC_FINISH_FAULT);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_FAULT);
    CU_ASSERT_EQUAL(rig_result(rig)->fault.kind, CYC_FAULT_LIMIT);
    CYC_NEAR(rig_result(rig)->voltage_V, 4.5, 0);
    CYC_NEAR(rig->records[rig->record_count - 1].sample.voltage_V, 4.5, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig_free(rig);
}

static void a_single_glitch_is_forgiven(void)
{
    struct rig *rig = limited();
    for (int i = 0; i < 5; i++) {
        rig_pass(rig, SECOND);
        give(rig, 4.01, 0);
        rig_pass(rig, SECOND);
        give(rig, 3.99, 0);
    }
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_pass(rig, SECOND);
    give(rig, 2.99, 0);
    rig_pass(rig, SECOND);
    give(rig, NAN, 0); /* neither confirms */
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_pass(rig, SECOND);
    give(rig, 2.99, 0); /* nor clears */
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CYC_NEAR(cyc_core_fault(&rig->core)->bound, 3.0, 0);
    rig_free(rig);
}

static void one_sample_far_beyond_is_enough(void)
{
    /* far: 5 % of the band's width of 1 V */
    static const struct {
        double voltage_V;
        bool trips;
    } rows[] = {{4.049, false}, {4.051, true}, {2.951, false}, {2.949, true}};
    for (unsigned i = 0; i < 4; i++) {
        struct rig *rig = limited();
        rig_pass(rig, SECOND);
        give(rig, rows[i].voltage_V, 0);
        CU_ASSERT_EQUAL(rig->safe_count, rows[i].trips ? 1 : 0);
        rig_free(rig);
    }
}

static void one_sided_limits_are_far_by_their_bound(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct rig *rig = rig_new(0.5);
        make_cc(rig, i == 0 ? 2.06 : 2.14);
        limit(rig, CYC_SIGNAL_POWER, -INFINITY, 7.2, CYC_LEVEL_STEP); /* 3.6 V: 7.41, 7.7 W */
        rig_sample(rig);
        rig_step(rig);
        rig_sample(rig);
        CU_ASSERT_EQUAL(rig->safe_count, i);
        rig_free(rig);
    }
}

static void a_setpoint_equal_to_the_bound_is_no_breach(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 0.3);
    limit(rig, CYC_SIGNAL_CURRENT, -0.1 * 3, 0.3 * (1 - 1e-15), CYC_LEVEL_PROTOCOL);
    cut_time(rig, 60);
    CU_ASSERT_EQUAL(rig_run(rig)->reason, CYC_REASON_TIME);
    make_cc(rig, -0.3);
    limit(rig, CYC_SIGNAL_CURRENT, -0.3 * (1 - 1e-15), 0.3, CYC_LEVEL_PROTOCOL);
    cut_time(rig, 60);
    CU_ASSERT_EQUAL(rig_run(rig)->reason, CYC_REASON_TIME);
    rig_free(rig);
}

static void no_current_is_no_breach_of_a_bound_of_zero(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    limit(rig, CYC_SIGNAL_CURRENT, -1, 0, CYC_LEVEL_PROTOCOL);
    cut_time(rig, 60);
    CU_ASSERT_EQUAL(rig_run(rig)->reason, CYC_REASON_TIME);
    rig_free(rig);
}

static void the_tightest_of_all_levels_rules(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    limit(rig, CYC_SIGNAL_VOLTAGE, 2.5, 4.2, CYC_LEVEL_CHANNEL);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.5, CYC_LEVEL_PROTOCOL);
    limit(rig, CYC_SIGNAL_VOLTAGE, -INFINITY, 4.1, CYC_LEVEL_STEP);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 4.1 * (1 + CYC_LIMIT_SLACK)));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 3.0 * (1 - CYC_LIMIT_SLACK)));
    CU_ASSERT_EQUAL(rig->actions.watch_count, 2);
    rig_pass(rig, SECOND);
    give(rig, 4.11, 0);
    rig_pass(rig, SECOND);
    give(rig, 4.11, 0);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->level, CYC_LEVEL_STEP);
    CYC_NEAR(cyc_core_fault(&rig->core)->bound, 4.1, 0);
    rig_free(rig);
}

static void limits_of_the_step_before_are_gone(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_STEP);
    cut_time(rig, 1);
    (void)rig_run(rig);
    make_rest(rig);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.5, CYC_LEVEL_PROTOCOL);
    rig_step(rig);
    give(rig, 4.3, 0);
    rig_pass(rig, SECOND);
    give(rig, 4.3, 0);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
}

static void every_limited_signal_is_tested(void)
{
    static const uint8_t signals[] = {
        CYC_SIGNAL_VOLTAGE,           CYC_SIGNAL_CURRENT,  CYC_SIGNAL_POWER,
        CYC_SIGNAL_TEMPERATURE,       CYC_SIGNAL_PRESSURE, CYC_SIGNAL_CHARGE_CAPACITY,
        CYC_SIGNAL_DISCHARGE_CAPACITY};
    for (unsigned i = 0; i < sizeof signals; i++) {
        struct rig *rig = rig_new(0.5);
        limit(rig, (enum cyc_signal)signals[i], -INFINITY, 1e6, CYC_LEVEL_CHANNEL);
        rig_sample(rig);
        rig_step(rig);
        rig_sample(rig);
        struct cyc_sample sample = rig_peek(rig);
        double *const fields[] = {&sample.voltage_V,        &sample.current_A,   &sample.current_A,
                                  &sample.temperature_degC, &sample.pressure_Pa, &sample.charge_Ah,
                                  &sample.discharge_Ah};
        *fields[i] = 2e6;
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
        CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->signal, signals[i]);
        rig_free(rig);
    }
}

static void a_breach_wins_over_a_cutoff_in_the_same_sample(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_PROTOCOL);
    cut_voltage(rig, CYC_OP_GE, 4.1);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    rig_pass(rig, SECOND);
    give(rig, 4.2, 1.0);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_FAULT);
    rig_free(rig);
}

static void an_unconfirmed_breach_does_not_stop_a_cutoff(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_PROTOCOL);
    cut_voltage(rig, CYC_OP_GE, 4.0);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    rig_pass(rig, SECOND);
    give(rig, 4.001, 1.0);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_VOLTAGE);
    /* the next step begins under current; under its own setpoint it takes two samples again */
    make_cc(rig, 0.9);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_PROTOCOL);
    rig_step(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 2);
    give(rig, 4.001, 0.9);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, rig->now_ns + CYC_LIMIT_CONFIRM_NS);
    rig_pass(rig, CYC_LIMIT_CONFIRM_NS);
    give(rig, 4.001, 0.9);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    rig_free(rig);
}

static void no_circuit_is_closed_while_a_breach_is_open(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_PROTOCOL);
    cut_time(rig, 10);
    rig_step(rig);
    rig_sample(rig);
    rig_sample(rig);
    rig_pass(rig, 10 * SECOND);
    give(rig, 4.01, 0); /* the rest ends on a glitch */
    CU_ASSERT_EQUAL(rig->result_count, 1);
    make_cc(rig, 1.0);
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.0, CYC_LEVEL_PROTOCOL);
    rig_step(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    CU_ASSERT_TRUE(rig->actions.deadline_ns <= rig->now_ns + CYC_LIMIT_CONFIRM_NS);
    rig_pass(rig, CYC_LIMIT_CONFIRM_NS);
    give(rig, 3.9, 0);
    CU_ASSERT_EQUAL(rig->setpoint_count, 2);
    rig_free(rig);
}

static void limits_hold_in_pauses_and_between_steps(void)
{
    struct rig *rig = limited();
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    give(rig, 4.5, 0);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    rig_free(rig);

    rig = limited();
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE);
    rig_pass(rig, SECOND);
    give(rig, 4.5, 0);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    CU_ASSERT_EQUAL(rig->result_count, 1); /* the step had ended; there is no second result */
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CU_ASSERT_EQUAL(rig->finish_count, 1);
    rig_free(rig);
}

static void limits_hold_for_readings_under_an_older_setpoint(void)
{
    struct rig *rig = limited();
    struct cyc_sample sample = rig_peek(rig);
    sample.setpoint_number = 0;
    sample.voltage_V = 4.5;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    rig_free(rig);
}

static void a_limit_without_data_is_a_fault_in_the_end(void)
{
    struct rig *rig = rig_new(0.5);
    limit(rig, CYC_SIGNAL_PRESSURE, 1e4, 1e6, CYC_LEVEL_PROTOCOL);
    rig->cell.pressure_Pa = NAN;
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_STALE_NS);
    rig_until(rig, 10 * SECOND);
    CU_ASSERT_EQUAL(rig->now_ns, CYC_STALE_NS);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVALID);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->signal, CYC_SIGNAL_PRESSURE);
    rig_free(rig);
}

static void exact_host_and_sampling_host_trip_alike(void)
{
    for (int sampled = 0; sampled < 2; sampled++) {
        struct rig *rig = rig_new(0.5);
        rig->grid_ns = sampled ? SECOND : 0;
        make_cc(rig, 1.0);
        limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 3.7, CYC_LEVEL_PROTOCOL);
        const struct cyc_result *result = rig_run(rig);
        CU_ASSERT_EQUAL(result->reason, CYC_REASON_FAULT);
        CU_ASSERT_EQUAL(result->fault.kind, CYC_FAULT_LIMIT);
        /* 3.62 V + k t: 3.7 V after 600 s, confirmed 0.1 s later */
        CYC_NEAR((double)result->end_ns / 1e9, 600.1, sampled ? 1.0 : 1e-4);
        rig_free(rig);
    }
}

/* Named sensors 2 and 5, as a host reads them; the other quantities are the cell's. */
static void give_sensors(struct rig *rig, double second, double fifth)
{
    struct cyc_sample sample = rig_peek(rig);
    sample.aux[2] = second;
    sample.aux[5] = fifth;
    rig_give(rig, &sample);
}

static void limit_sensor(struct rig *rig, uint8_t index, double low, double high)
{
    limit(rig, CYC_SIGNAL_AUX, low, high, CYC_LEVEL_STEP);
    rig->step.limits[rig->step.limit_count - 1].index = index;
}

static struct rig *sensing(void)
{
    struct rig *rig = rig_new(0.5);
    limit_sensor(rig, 2, 0.0, 1.0);
    limit_sensor(rig, 5, -20, 60);
    limit_sensor(rig, 2, -1.0, 0.5); /* the tighter of both rules, for each sensor alone */
    give_sensors(rig, 0.3, 25);
    rig_step(rig);
    give_sensors(rig, 0.3, 25);
    return rig;
}

static void limits_of_named_sensors_are_told_apart(void)
{
    struct rig *rig = sensing();
    CU_ASSERT_TRUE(rig->actions.sampled); /* nobody can foresee them */
    rig_pass(rig, SECOND);
    give_sensors(rig, 0.51, 25);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_pass(rig, SECOND);
    give_sensors(rig, 0.49, 61); /* one breach of each does not confirm the other */
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_pass(rig, SECOND);
    give_sensors(rig, 0.49, 62);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    const struct cyc_fault *fault = cyc_core_fault(&rig->core);
    CU_ASSERT_EQUAL(fault->kind, CYC_FAULT_LIMIT);
    CU_ASSERT_EQUAL(fault->signal, CYC_SIGNAL_AUX);
    CU_ASSERT_EQUAL(fault->index, 5);
    CYC_NEAR(fault->value, 62, 0);
    CYC_NEAR(fault->bound, 60, 0);
    rig_free(rig);
}

static void a_limit_on_a_silent_sensor_is_a_fault_that_names_it(void)
{
    struct rig *rig = sensing();
    rig_pass(rig, SECOND);
    give_sensors(rig, 0.3, NAN);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, SECOND + CYC_STALE_NS);
    rig_pass(rig, CYC_STALE_NS - 1);
    give_sensors(rig, NAN, NAN);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_pass(rig, 1);
    give_sensors(rig, 0.3, NAN);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVALID);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->signal, CYC_SIGNAL_AUX);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->index, 5);
    rig_free(rig);
}

static void a_sensor_far_beyond_needs_no_second_sample(void)
{
    struct rig *rig = sensing();
    rig_pass(rig, SECOND);
    give_sensors(rig, 0.6, 25);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->index, 2);
    rig_free(rig);
}

static void is_refused(struct rig *rig)
{
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVARIANT);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_free(rig);
}

static void malformed_limits_are_refused(void)
{
    static const struct {
        enum cyc_signal signal;
        double low, high;
    } rows[] = {{CYC_SIGNAL_PEAK, 1, 2},      {CYC_SIGNAL_SLOPE, 1, 2},
                {CYC_SIGNAL_HOLD_TIME, 1, 2}, {CYC_SIGNAL_COUNT, 1, 2},
                {CYC_SIGNAL_VOLTAGE, NAN, 2}, {CYC_SIGNAL_VOLTAGE, 1, NAN}};
    struct rig *rig;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig = rig_new(0.5);
        limit(rig, rows[i].signal, rows[i].low, rows[i].high, CYC_LEVEL_STEP);
        is_refused(rig);
    }
    rig = rig_new(0.5); /* more signals than there are bands */
    for (unsigned k = 0; k < CYC_SIGNAL_COUNT; k++) {
        if (k < CYC_DIRECT || k > CYC_SIGNAL_HOLD_TIME) {
            limit(rig, (enum cyc_signal)k, -INFINITY, INFINITY, CYC_LEVEL_STEP);
        }
    }
    for (uint8_t k = 0; k < 3; k++) {
        limit_sensor(rig, k, -INFINITY, INFINITY);
    }
    is_refused(rig);
    rig = rig_new(0.5);
    limit_sensor(rig, CYC_AUX_MAX, 1, 2);
    is_refused(rig);
}

const struct cyc_check cyc_check_limits[] = {
    CYC_CHECK(two_breaching_samples_in_a_row_are_a_fault),
    CYC_CHECK(time_of_a_step_that_breaches_goes_as_far_as_its_charge),
    CYC_CHECK(order_of_a_breach_is_safe_record_result_finish),
    CYC_CHECK(a_single_glitch_is_forgiven),
    CYC_CHECK(one_sample_far_beyond_is_enough),
    CYC_CHECK(one_sided_limits_are_far_by_their_bound),
    CYC_CHECK(a_setpoint_equal_to_the_bound_is_no_breach),
    CYC_CHECK(no_current_is_no_breach_of_a_bound_of_zero),
    CYC_CHECK(the_tightest_of_all_levels_rules),
    CYC_CHECK(limits_of_the_step_before_are_gone),
    CYC_CHECK(every_limited_signal_is_tested),
    CYC_CHECK(a_breach_wins_over_a_cutoff_in_the_same_sample),
    CYC_CHECK(an_unconfirmed_breach_does_not_stop_a_cutoff),
    CYC_CHECK(no_circuit_is_closed_while_a_breach_is_open),
    CYC_CHECK(limits_hold_in_pauses_and_between_steps),
    CYC_CHECK(limits_hold_for_readings_under_an_older_setpoint),
    CYC_CHECK(a_limit_without_data_is_a_fault_in_the_end),
    CYC_CHECK(exact_host_and_sampling_host_trip_alike),
    CYC_CHECK(limits_of_named_sensors_are_told_apart),
    CYC_CHECK(a_limit_on_a_silent_sensor_is_a_fault_that_names_it),
    CYC_CHECK(a_sensor_far_beyond_needs_no_second_sample),
    CYC_CHECK(malformed_limits_are_refused),
    {0},
};
