/* Faults: one SAFE each, the first reason kept, and only an operator leaves. */
#include "rig.h"

static struct rig *charging(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    return rig;
}

static void in_fault(const struct rig *rig, enum cyc_fault_kind kind)
{
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, kind);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CU_ASSERT_EQUAL(rig->finish_count, 1);
    CU_ASSERT_EQUAL(rig->finish, CYC_FINISH_FAULT);
}

static void replies_that_are_not_ok_are_faults(void)
{
    static const struct {
        enum cyc_reply reply;
        enum cyc_fault_kind kind;
    } rows[] = {{CYC_REPLY_FAILED, CYC_FAULT_REPLY},
                {CYC_REPLY_STALE, CYC_FAULT_STALE},
                {CYC_REPLY_INFEASIBLE, CYC_FAULT_INFEASIBLE},
                {(enum cyc_reply)99, CYC_FAULT_INVARIANT}};
    for (unsigned i = 0; i < 4; i++) {
        struct rig *rig = charging();
        rig_reply(rig, CYC_REPLY_OK);
        CU_ASSERT_EQUAL(rig->actions.count, 0);
        rig_reply(rig, rows[i].reply);
        in_fault(rig, rows[i].kind);
        CU_ASSERT_EQUAL(rig->result_count, 1);
        CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_FAULT);
        CU_ASSERT_EQUAL(rig_result(rig)->fault.kind, rows[i].kind);
        rig_free(rig);
    }
}

static void first_reason_stays_and_safe_is_said_once(void)
{
    struct rig *rig = charging();
    rig_pass(rig, SECOND);
    rig_reply(rig, CYC_REPLY_FAILED);
    const int64_t at_ns = rig->now_ns;
    rig_pass(rig, SECOND);
    rig_reply(rig, CYC_REPLY_INFEASIBLE);
    struct cyc_sample sample = rig_peek(rig);
    sample.flags |= CYC_SAMPLE_PROTECTION;
    rig_give(rig, &sample);
    rig_step(rig);
    rig_end(rig, CYC_FINISH_DONE);
    rig_deadline(rig, rig->now_ns + HOUR);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_operator(rig, CYC_OPERATOR_SKIP);
    rig_operator(rig, CYC_OPERATOR_STOP);
    in_fault(rig, CYC_FAULT_REPLY);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->t_ns, at_ns);
    CU_ASSERT_EQUAL(rig->result_count, 1);
    rig_free(rig);
}

static void only_the_operators_acknowledgement_leaves(void)
{
    struct rig *rig = charging();
    rig_reply(rig, CYC_REPLY_FAILED);
    rig_operator(rig, CYC_OPERATOR_ACKNOWLEDGE);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FINISHED);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_REPLY); /* still to be read */
    rig_step(rig);
    rig_sample(rig);
    rig_reply(rig, CYC_REPLY_FAILED);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FINISHED);
    rig_free(rig);
}

static void charge_is_counted_on_in_fault(void)
{
    struct rig *rig = charging();
    rig_reply(rig, CYC_REPLY_FAILED);
    rig_pass(rig, SECOND);
    struct cyc_sample sample = rig_peek(rig);
    sample.charge_Ah = 0.5; /* the output did not obey */
    rig_give(rig, &sample);
    CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_TEST)->charge_Ah, 0.5, 1e-12);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    rig_free(rig);
}

static void protection_of_the_instrument_is_a_fault(void)
{
    struct rig *rig = charging();
    rig_pass(rig, SECOND);
    struct cyc_sample sample = rig_peek(rig);
    sample.flags |= CYC_SAMPLE_PROTECTION;
    rig_give(rig, &sample);
    in_fault(rig, CYC_FAULT_PROTECTION);
    CYC_NEAR((double)rig->records[rig->record_count - 1].sample.t_ns, 1e9, 0);
    rig_free(rig);
}

static void instrument_that_ends_by_itself_needs_a_reason(void)
{
    struct rig *rig = charging();
    rig_pass(rig, SECOND);
    struct cyc_sample sample = rig_peek(rig);
    sample.flags |= CYC_SAMPLE_ENDED;
    rig_give(rig, &sample);
    in_fault(rig, CYC_FAULT_PROTECTION);
    rig_free(rig);

    rig = rig_new(0.2); /* with a cutoff that is met it is the end of the step */
    make_cc(rig, 1.0);
    cut_time(rig, 1);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    rig_pass(rig, SECOND);
    sample = rig_peek(rig);
    sample.flags |= CYC_SAMPLE_ENDED;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_TIME);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
}

static void the_steps_bound_is_a_fault(void)
{
    for (int derived = 0; derived < 2; derived++) {
        struct rig *rig = rig_new(0.2);
        make_cc(rig, 0.001);
        rig->step.timeout_ns = 5 * HOUR;
        rig->step.timeout_derived = derived == 1;
        const struct cyc_result *result = rig_run(rig);
        in_fault(rig, derived ? CYC_FAULT_BOUND : CYC_FAULT_TIMEOUT);
        CU_ASSERT_EQUAL(result->step_time_ns, 5 * HOUR);
        CYC_NEAR(result->fault.value, 5 * 3600, 0);
        CYC_NEAR(result->fault.bound, 5 * 3600, 0);
        CU_ASSERT_EQUAL(result->fault.signal, CYC_SIGNAL_TIME);
        CU_ASSERT_EQUAL(rig->record_count, 2);
        rig_free(rig);
    }
}

static void a_cutoff_wins_over_the_bound(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 0.001);
    rig->step.timeout_ns = HOUR;
    cut_time(rig, 3600);
    CU_ASSERT_EQUAL(rig_run(rig)->reason, CYC_REASON_TIME);
    rig_free(rig);
}

static void the_bound_holds_at_a_deadline_without_a_sample(void)
{
    struct rig *rig = charging();
    rig_operator(rig, CYC_OPERATOR_SKIP);
    make_cc(rig, 1.0);
    rig->step.timeout_ns = 2 * SECOND;
    rig_step(rig);
    rig_deadline(rig, rig->now_ns + SECOND / 2); /* not begun: no time counts */
    CU_ASSERT_EQUAL(rig->core.step_time_ns, 0);
    rig->now_ns += SECOND / 2;
    rig->cell.t_ns = rig->now_ns;
    rig_sample(rig);
    rig_deadline(rig, rig->now_ns + SECOND);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_deadline(rig, rig->now_ns + 2 * SECOND);
    in_fault(rig, CYC_FAULT_TIMEOUT);
    rig_free(rig);
}

static void no_samples_at_all_are_a_fault(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 10 * SECOND;
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 10 * SECOND);
    rig_deadline(rig, 10 * SECOND);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 10 * SECOND + CYC_STALE_NS);
    rig_deadline(rig, 12 * SECOND);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 10 * SECOND + CYC_STALE_NS);
    rig_deadline(rig, 13 * SECOND);
    in_fault(rig, CYC_FAULT_STALE);
    rig_free(rig);
}

static void replies_are_no_samples(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 10 * SECOND;
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    rig->now_ns = 12 * SECOND;
    rig_reply(rig, CYC_REPLY_OK);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 10 * SECOND + CYC_STALE_NS);
    rig_deadline(rig, 13 * SECOND);
    in_fault(rig, CYC_FAULT_STALE);
    rig_free(rig);

    rig = rig_new(0.2); /* a step that was skipped owes nothing to the next */
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 10 * SECOND;
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    rig->now_ns = 12 * SECOND;
    rig_operator(rig, CYC_OPERATOR_SKIP);
    rig->now_ns = 14 * SECOND;
    rig_step(rig);
    rig_deadline(rig, 15 * SECOND);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
}

static void a_sample_in_time_keeps_the_run_alive(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    rig->step.record.every_ns = 10 * SECOND;
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    rig_deadline(rig, 10 * SECOND);
    rig_pass(rig, 12 * SECOND);
    rig_sample(rig);
    rig_deadline(rig, 14 * SECOND);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 20 * SECOND);
    rig_free(rig);
}

static void deadlines_outside_a_step_do_nothing(void)
{
    struct rig *rig = rig_new(0.2);
    rig_deadline(rig, HOUR);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig_free(rig);
}

static void invalid_data_are_borne_for_a_while(void)
{
    struct rig *rig = charging();
    struct cyc_sample sample;
    for (int64_t t_ns = SECOND; t_ns < SECOND + CYC_STALE_NS; t_ns += SECOND / 2) {
        rig->now_ns = t_ns;
        sample = rig_peek(rig);
        sample.current_A = NAN;
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->safe_count, 0);
        CU_ASSERT_EQUAL(rig->actions.deadline_ns, SECOND + CYC_STALE_NS);
    }
    rig->now_ns = SECOND + CYC_STALE_NS - 1;
    sample = rig_peek(rig);
    rig_give(rig, &sample); /* a good one: all is well again */
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig->now_ns = 10 * SECOND;
    sample = rig_peek(rig);
    sample.voltage_V = INFINITY;
    rig_give(rig, &sample);
    rig->now_ns = 10 * SECOND + CYC_STALE_NS;
    sample.t_ns = rig->now_ns;
    rig_give(rig, &sample);
    in_fault(rig, CYC_FAULT_INVALID);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->signal, CYC_SIGNAL_VOLTAGE);
    rig_free(rig);
}

static void stale_temperature_and_pressure_end_nothing_and_trip(void)
{
    for (int i = 0; i < 3; i++) {
        static const uint8_t signals[] = {CYC_SIGNAL_TEMPERATURE, CYC_SIGNAL_AMBIENT,
                                          CYC_SIGNAL_PRESSURE};
        struct rig *rig = rig_new(0.2);
        make_cc(rig, 1.0);
        cutoff(rig, compare(rig, (enum cyc_signal)signals[i], CYC_OP_GT, 1), CYC_REASON_CONDITION)
            ->entry = CYC_ENTRY_SETTLED;
        rig_sample(rig);
        rig_step(rig);
        struct cyc_sample sample = rig_peek(rig);
        sample.temperature_age_ns = CYC_STALE_NS + 1;
        sample.pressure_age_ns = CYC_STALE_NS + 1;
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->result_count, 0);
        rig_pass(rig, CYC_STALE_NS);
        sample.t_ns = rig->now_ns;
        rig_give(rig, &sample);
        in_fault(rig, CYC_FAULT_STALE);
        CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->signal, signals[i]);
        rig_free(rig);
    }
}

static void the_first_bad_reading_names_the_fault(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    limit(rig, CYC_SIGNAL_PRESSURE, 0, 1e9, CYC_LEVEL_PROTOCOL);
    rig_sample(rig);
    rig_step(rig);
    struct cyc_sample sample = rig_peek(rig);
    sample.pressure_age_ns = CYC_STALE_NS + 1;
    rig_give(rig, &sample);
    rig_pass(rig, CYC_STALE_NS);
    sample = rig_peek(rig);
    sample.current_A = NAN; /* by now something else is wrong */
    rig_give(rig, &sample);
    in_fault(rig, CYC_FAULT_STALE);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->signal, CYC_SIGNAL_PRESSURE);
    rig_free(rig);
}

static void sensors_that_nothing_reads_may_be_missing(void)
{
    struct rig *rig = charging();
    for (int i = 0; i < 20; i++) {
        rig_pass(rig, SECOND);
        struct cyc_sample sample = rig_peek(rig);
        sample.temperature_degC = NAN;
        sample.ambient_degC = NAN;
        sample.pressure_Pa = NAN;
        rig_give(rig, &sample);
    }
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
}

static void overflow_in_a_condition_is_invalid(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 1e300);
    op(rig, CYC_OP_MAX);
    op_const(rig, 1e300);
    op(rig, CYC_OP_MUL);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 1e300);
    op(rig, CYC_OP_MAX);
    op_const(rig, 1e300);
    op(rig, CYC_OP_MUL);
    op(rig, CYC_OP_SUB); /* infinite minus infinite */
    op_const(rig, 0);
    op(rig, CYC_OP_GE);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_step(rig);
    rig_until(rig, 20 * SECOND);
    in_fault(rig, CYC_FAULT_INVALID);
    rig_free(rig);
}

static void events_out_of_place_are_faults(void)
{
    struct rig *rig = charging();
    rig_step(rig); /* the step before has not ended */
    in_fault(rig, CYC_FAULT_INVARIANT);
    rig_free(rig);

    rig = charging();
    rig_end(rig, CYC_FINISH_DONE);
    in_fault(rig, CYC_FAULT_INVARIANT);
    rig_free(rig);
}

static void fault_before_the_first_step_has_no_result(void)
{
    struct rig *rig = rig_new(0.2);
    rig_reply(rig, CYC_REPLY_FAILED);
    in_fault(rig, CYC_FAULT_REPLY);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_free(rig);
}

static void steps_that_take_some_time_are_not_bounded(void)
{
    struct rig *rig = rig_new(0.2);
    make_rest(rig);
    cut_time(rig, 0);
    for (unsigned i = 0; i < 2 * CYC_STILL_MAX; i++) {
        rig_pass(rig, 1);
        rig_sample(rig);
        rig_step(rig);
    }
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    CU_ASSERT_EQUAL(rig->result_count, 2 * CYC_STILL_MAX);
    rig_free(rig);
}

static void steps_that_take_no_time_are_bounded(void)
{
    struct rig *rig = rig_new(0.2);
    rig_pass(rig, HOUR);
    rig_sample(rig);
    unsigned steps = 0;
    while (cyc_core_state(&rig->core) == CYC_STATE_IDLE && steps < 100000) {
        make_rest(rig);
        cut_time(rig, 0);
        rig_step(rig);
        steps++;
    }
    in_fault(rig, CYC_FAULT_PROGRESS);
    CU_ASSERT_TRUE(steps > 1000 && steps <= CYC_STILL_MAX);
    rig_free(rig);
}

static void end_opens_the_circuit_and_finishes(void)
{
    struct rig *rig = charging();
    rig_operator(rig, CYC_OPERATOR_SKIP);
    rig_end(rig, CYC_FINISH_FAILED);
    CU_ASSERT_EQUAL(rig->actions.count, 2);
    CU_ASSERT_EQUAL(rig->setpoints[1].control, CYC_CONTROL_OPEN);
    CU_ASSERT_EQUAL(rig->setpoints[1].number, 2);
    CU_ASSERT_EQUAL(rig->finish, CYC_FINISH_FAILED);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FINISHED);
    rig_free(rig);

    rig = rig_new(0.2); /* at open circuit there is nothing to open */
    rig_end(rig, CYC_FINISH_DONE);
    CU_ASSERT_EQUAL(rig->actions.count, 1);
    rig_free(rig);
}

static void malformed_steps_are_refused(void)
{
    for (int i = 0; i < 8; i++) {
        struct rig *rig = rig_new(0.2);
        make_rest(rig);
        struct cyc_step *step = &rig->step;
        step->op_count = i == 0 ? CYC_OPS_MAX + 1 : 0;
        step->cutoff_count = i == 1 ? CYC_CUTOFFS_MAX + 1 : 0;
        step->limit_count = i == 2 ? CYC_LIMITS_MAX + 1 : 0;
        step->resistance_at_count = i == 3 ? CYC_RESISTANCE_AT_MAX + 1 : 0;
        step->record.burst_count = i == 4 ? CYC_BURSTS_MAX + 1 : 0;
        step->block_depth = i == 5 ? CYC_BLOCKS_MAX + 1 : 0;
        step->segments = i == 6 ? NULL : step->segments;
        rig_step(rig);
        CU_ASSERT_EQUAL(cyc_core_state(&rig->core), i == 7 ? CYC_STATE_SETTLE : CYC_STATE_FAULT);
        CU_ASSERT_EQUAL(rig->safe_count, i == 7 ? 0 : 1);
        rig_free(rig);
    }
}

static void no_instrument_is_asked_for_what_is_no_number(void)
{
    for (int i = 0; i < 6; i++) {
        struct rig *rig = rig_new(0.2);
        make_cv(rig, 3.5, 1.0);
        rig->segments[0].value = i == 0 ? NAN : i == 1 ? INFINITY : 3.5;
        rig->segments[0].slope_per_s = i == 2 ? NAN : 0;
        rig->step.current_min_A = i == 3 ? 2.0 : -1.0;
        rig->step.current_max_A = i == 4 ? NAN : 1.0;
        rig_sample(rig);
        rig_step(rig);
        CU_ASSERT_EQUAL(rig->setpoint_count, i == 5 ? 1 : 0);
        CU_ASSERT_EQUAL(rig->safe_count, i == 5 ? 0 : 1);
        CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind,
                        i == 5 ? CYC_FAULT_NONE : CYC_FAULT_INVARIANT);
        rig_free(rig);
    }
}

static void a_hold_without_a_voltage_is_refused(void)
{
    struct rig *rig = rig_new(0.2);
    make_cccv(rig, 1.0, NAN);
    rig_sample(rig);
    rig_step(rig);
    in_fault(rig, CYC_FAULT_INVARIANT);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_free(rig);
}

static void without_a_step_there_is_nothing_to_pass(void)
{
    struct rig *rig = rig_new(0.2);
    struct cyc_sample sample = rig_peek(rig);
    const struct cyc_event event = {.kind = CYC_EVENT_SAMPLE, .sample = &sample};
    cyc_core_handle(&rig->core, NULL, &event, &rig->actions);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE);
    rig_free(rig);
}

const struct cyc_check cyc_check_faults[] = {
    CYC_CHECK(replies_that_are_not_ok_are_faults),
    CYC_CHECK(first_reason_stays_and_safe_is_said_once),
    CYC_CHECK(only_the_operators_acknowledgement_leaves),
    CYC_CHECK(charge_is_counted_on_in_fault),
    CYC_CHECK(protection_of_the_instrument_is_a_fault),
    CYC_CHECK(instrument_that_ends_by_itself_needs_a_reason),
    CYC_CHECK(the_steps_bound_is_a_fault),
    CYC_CHECK(a_cutoff_wins_over_the_bound),
    CYC_CHECK(the_bound_holds_at_a_deadline_without_a_sample),
    CYC_CHECK(no_samples_at_all_are_a_fault),
    CYC_CHECK(replies_are_no_samples),
    CYC_CHECK(a_sample_in_time_keeps_the_run_alive),
    CYC_CHECK(deadlines_outside_a_step_do_nothing),
    CYC_CHECK(invalid_data_are_borne_for_a_while),
    CYC_CHECK(stale_temperature_and_pressure_end_nothing_and_trip),
    CYC_CHECK(the_first_bad_reading_names_the_fault),
    CYC_CHECK(sensors_that_nothing_reads_may_be_missing),
    CYC_CHECK(overflow_in_a_condition_is_invalid),
    CYC_CHECK(events_out_of_place_are_faults),
    CYC_CHECK(fault_before_the_first_step_has_no_result),
    CYC_CHECK(steps_that_take_some_time_are_not_bounded),
    CYC_CHECK(steps_that_take_no_time_are_bounded),
    CYC_CHECK(end_opens_the_circuit_and_finishes),
    CYC_CHECK(malformed_steps_are_refused),
    CYC_CHECK(no_instrument_is_asked_for_what_is_no_number),
    CYC_CHECK(a_hold_without_a_voltage_is_refused),
    CYC_CHECK(without_a_step_there_is_nothing_to_pass),
    {0},
};
