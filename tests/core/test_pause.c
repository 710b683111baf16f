/* Pauses, by a cutoff and by the operator, and the operator's other words. */
#include "rig.h"

/* Charges at 1 A, pausing above 45 degC until below 30 degC. Heats 0.05 K/s, cools 0.02 K/s. */
static struct rig *heating(void)
{
    struct rig *rig = rig_new(0.2);
    rig->cell.temperature_degC = 35;
    rig->cell.heating_K_per_s = 0.05;
    rig->cell.cooling_K_per_s = 0.02;
    make_cc(rig, 1.0);
    cut_capacity(rig, 0.1); /* 360 s of charging */
    struct cyc_cutoff *hot =
        cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 45), CYC_REASON_TEMPERATURE);
    hot->entry = CYC_ENTRY_BEFORE;
    hot->action = CYC_FOLLOW_PAUSE;
    hot->resume = compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_LT, 30);
    hot->pause_timeout_ns = 6 * HOUR;
    return rig;
}

static void hot_cell_pauses_and_goes_on_with_its_charge_kept(void)
{
    for (int host = 0; host < 2; host++) {
        struct rig *rig = heating();
        rig->grid_ns = host == 0 ? 0 : SECOND;
        const struct cyc_result *result = rig_run(rig);
        /* 200 s to 45 degC, 750 s to 30, then the remaining 160 s (to 38 degC) */
        CU_ASSERT_EQUAL(result->reason, CYC_REASON_CAPACITY);
        CYC_NEAR(result->sums.charge_Ah, 0.1, host == 0 ? 1e-9 : 1.0 / 3600);
        CYC_NEAR((double)result->step_time_ns / 1e9, 360, host == 0 ? 1e-4 : 1);
        CYC_NEAR((double)result->end_ns / 1e9, 200 + 750 + 160, host == 0 ? 1e-3 : 3);
        CU_ASSERT_TRUE((result->flags & CYC_RESULT_PAUSED) != 0);
        CU_ASSERT_EQUAL(rig->paused_count, 1);
        CU_ASSERT_EQUAL(rig->resumed_count, 1);
        CU_ASSERT_EQUAL(rig->paused_tag, 101);
        CU_ASSERT_EQUAL_FATAL(rig->setpoint_count, 3);
        CU_ASSERT_EQUAL(rig->setpoints[1].control, CYC_CONTROL_OPEN);
        CYC_NEAR(rig->setpoints[2].value, 1.0, 0);
        CU_ASSERT_EQUAL(rig->setpoints[2].number, 3);
        rig_free(rig);
    }
}

static void a_pause_that_does_not_end_is_a_fault(void)
{
    for (int by_event = 0; by_event < 2; by_event++) {
        struct rig *rig = heating();
        rig->cell.cooling_K_per_s = 0;
        rig->step.cutoffs[1].pause_timeout_ns = 600 * SECOND;
        rig_step(rig);
        while (rig->paused_count == 0) {
            rig_turn(rig);
        }
        const int64_t since_ns = rig->now_ns;
        CU_ASSERT_EQUAL(rig->core.pause_ns, since_ns);
        if (by_event == 0) {
            rig_until(rig, 2 * HOUR);
            CU_ASSERT_EQUAL(rig->now_ns, since_ns + 600 * SECOND);
        } else { /* the host has no sample at that moment */
            rig_pass(rig, 599 * SECOND);
            rig_sample(rig);
            rig_deadline(rig, since_ns + 599 * SECOND + 1);
            CU_ASSERT_EQUAL(rig->safe_count, 0);
            rig_deadline(rig, since_ns + 600 * SECOND);
        }
        CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_PAUSE);
        CU_ASSERT_EQUAL(rig->safe_count, 1);
        CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_FAULT);
        rig_free(rig);
    }
}

static void a_pause_without_time_out_waits_for_ever(void)
{
    struct rig *rig = heating();
    rig->cell.cooling_K_per_s = 0;
    rig->step.cutoffs[1].pause_timeout_ns = 0;
    rig_step(rig);
    rig_until(rig, 100 * HOUR);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_PAUSED);
    rig_deadline(rig, rig->now_ns + 1);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_PAUSED);
    rig_free(rig);
}

static void cell_that_is_hot_already_is_paused_before_any_current(void)
{
    struct rig *rig = heating();
    rig->cell.temperature_degC = 46;
    rig->cell.heating_K_per_s = 0.01;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(rig->paused_count, 1);
    CU_ASSERT_EQUAL_FATAL(rig->setpoint_count, 1); /* the circuit was open anyway */
    CYC_NEAR(rig->setpoints[0].value, 1.0, 0);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CAPACITY);
    CYC_NEAR((double)result->end_ns / 1e9, 800 + 360, 1e-3);
    CYC_NEAR((double)result->step_time_ns / 1e9, 360, 1e-4);
    rig_free(rig);
}

static void pause_without_a_condition_to_resume_waits_for_the_operator(void)
{
    struct rig *rig = heating();
    rig->step.cutoffs[1].resume = (struct cyc_condition){0};
    rig_step(rig);
    rig_until(rig, 3000 * SECOND);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_PAUSED);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_until(rig, 3160 * SECOND + CYC_MS_NS);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_CAPACITY);
    rig_free(rig);
}

static void readings_from_before_the_pause_do_not_end_it(void)
{
    struct rig *rig = heating();
    rig_step(rig);
    while (rig->paused_count == 0) {
        rig_turn(rig);
    }
    rig_pass(rig, SECOND);
    struct cyc_sample old = rig_peek(rig);
    old.setpoint_number = 1;
    old.temperature_degC = 20;
    rig_give(rig, &old);
    CU_ASSERT_EQUAL(rig->resumed_count, 0);
    old.setpoint_number = 2;
    rig_give(rig, &old);
    CU_ASSERT_EQUAL(rig->resumed_count, 1);
    rig_free(rig);
}

static void a_rest_counts_on_in_a_pause(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cut_time(rig, 100);
    rig_step(rig);
    rig_until(rig, 40 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    CU_ASSERT_EQUAL(rig->paused_tag, -1);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1); /* open already */
    rig_until(rig, 70 * SECOND);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_until(rig, 200 * SECOND);
    CU_ASSERT_EQUAL(rig_result(rig)->step_time_ns, 100 * SECOND);
    CU_ASSERT_EQUAL(rig_result(rig)->end_ns, 100 * SECOND);
    rig_free(rig);
}

static void a_rest_that_is_over_in_the_pause_ends_on_resuming(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cut_time(rig, 100);
    rig_step(rig);
    rig_until(rig, 40 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_until(rig, 170 * SECOND);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_TIME);
    CU_ASSERT_EQUAL(rig_result(rig)->step_time_ns, 170 * SECOND);
    rig_free(rig);
}

static void the_operators_pause_has_no_time_out(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 0.1);
    rig_step(rig);
    rig_until(rig, SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_sample(rig);
    rig_deadline(rig, 100 * HOUR);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_PAUSED);
    rig_free(rig);
}

static void hold_goes_on_as_a_hold_after_a_pause(void)
{
    struct rig *rig = rig_new(0.85);
    make_cccv(rig, 1.25, 4.1);
    cut_current(rig, 0.1);
    rig_step(rig);
    while (cyc_core_state(&rig->core) != CYC_STATE_HOLD) {
        rig_turn(rig);
    }
    rig_until(rig, rig->now_ns + 20 * SECOND);
    const int64_t held_ns = rig->core.hold_time_ns;
    CU_ASSERT_EQUAL(held_ns, 20 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_until(rig, rig->now_ns + 100 * SECOND);
    CU_ASSERT_EQUAL(rig->core.hold_time_ns, held_ns);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    CU_ASSERT_EQUAL(rig->setpoints[rig->setpoint_count - 1].control, CYC_CONTROL_VOLTAGE);
    rig_until(rig, 2 * HOUR);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_CURRENT);
    CU_ASSERT_TRUE(rig_result(rig)->hold_time_ns > held_ns);
    rig_free(rig);
}

static void lasting_begins_anew_after_a_pause(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 20), CYC_REASON_TEMPERATURE)
        ->lasting_ns = 60 * SECOND;
    rig_step(rig);
    rig_until(rig, 50 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_until(rig, 55 * SECOND);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_until(rig, 500 * SECOND);
    CU_ASSERT_EQUAL(rig_result(rig)->end_ns, 115 * SECOND);
    rig_free(rig);
}

static void time_of_the_block_runs_on_in_a_pause(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 0.1);
    rig->step.block_depth = 1;
    op_scoped(rig, CYC_SIGNAL_TIME, CYC_SCOPE_BLOCK, 0);
    op_const(rig, 300);
    op(rig, CYC_OP_GE);
    cutoff(rig, condition(rig), CYC_REASON_TIME)->action = CYC_FOLLOW_LEAVE;
    rig_step(rig);
    rig_until(rig, 100 * SECOND);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_until(rig, 200 * SECOND);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_until(rig, 1000 * SECOND);
    CU_ASSERT_EQUAL(rig_result(rig)->end_ns, 300 * SECOND);
    CU_ASSERT_EQUAL(rig_result(rig)->step_time_ns, 200 * SECOND);
    rig_free(rig);
}

static void resume_on_a_time_is_seen_on_time(void)
{
    struct rig *rig = heating();
    op_scoped(rig, CYC_SIGNAL_TIME, CYC_SCOPE_TEST, 0);
    op_const(rig, 1234);
    op(rig, CYC_OP_GE);
    rig->step.cutoffs[1].resume = condition(rig);
    rig->cell.cooling_K_per_s = 10; /* cool long before */
    rig_step(rig);
    while (rig->resumed_count == 0) {
        rig_turn(rig);
    }
    CU_ASSERT_EQUAL(rig->now_ns, 1234 * SECOND);
    rig_free(rig);
}

static void pausing_and_resuming_without_end_is_a_fault(void)
{
    struct rig *rig = heating();
    rig->cell.temperature_degC = 46;
    rig->step.cutoffs[1].entry = CYC_ENTRY_SETTLED;
    rig->step.cutoffs[1].resume = rig->step.cutoffs[1].when;
    CU_ASSERT_EQUAL(rig_run(rig)->reason, CYC_REASON_FAULT);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_PROGRESS);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CU_ASSERT_EQUAL(rig->now_ns, 0);
    rig_free(rig);
}

/* ---- The operator ---------------------------------------------------------------------------- */

static struct rig *charging_for_10_s(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    rig_step(rig);
    rig_until(rig, 10 * SECOND);
    return rig;
}

static void operator_skips_a_step(void)
{
    struct rig *rig = charging_for_10_s();
    rig_pass(rig, SECOND / 2);
    rig_operator(rig, CYC_OPERATOR_SKIP);
    const struct cyc_result *result = rig_result(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_OPERATOR);
    CU_ASSERT_EQUAL(result->action, CYC_FOLLOW_NEXT);
    CU_ASSERT_EQUAL(result->cutoff, -1);
    CU_ASSERT_EQUAL(result->step_time_ns, 10 * SECOND + SECOND / 2);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE);
    rig_free(rig);
}

static void operator_stops_a_run(void)
{
    struct rig *rig = charging_for_10_s();
    rig_operator(rig, CYC_OPERATOR_STOP);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_OPERATOR);
    CU_ASSERT_EQUAL(rig_result(rig)->action, CYC_FOLLOW_STOP);
    rig_operator(rig, CYC_OPERATOR_STOP); /* between two steps */
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FINISHED);
    CU_ASSERT_EQUAL(rig->finish, CYC_FINISH_STOPPED);
    CU_ASSERT_EQUAL(rig->setpoints[1].control, CYC_CONTROL_OPEN);
    rig_free(rig);
}

static void operator_ends_a_step_whose_entry_is_pending(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    rig_step(rig);
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_OPERATOR);
    CU_ASSERT_EQUAL(rig_result(rig)->flags, CYC_RESULT_EXACT); /* not: already met */
    CU_ASSERT_EQUAL(rig->record_count, 0);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_free(rig);
}

static void operator_pauses_a_step_whose_entry_is_pending(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    rig_step(rig);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_sample(rig);
    rig_pass(rig, SECOND);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    rig_sample(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_RUN);
    rig_free(rig);
}

static void words_that_do_not_apply_do_nothing(void)
{
    struct rig *rig = charging_for_10_s();
    rig_operator(rig, CYC_OPERATOR_RESUME);
    rig_operator(rig, CYC_OPERATOR_ANSWER);
    rig_operator(rig, CYC_OPERATOR_ACKNOWLEDGE);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_RUN);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    CU_ASSERT_EQUAL(rig->paused_count, 1);
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE);
    const enum cyc_operator idle[] = {CYC_OPERATOR_PAUSE, CYC_OPERATOR_RESUME, CYC_OPERATOR_SKIP,
                                      CYC_OPERATOR_ANSWER, CYC_OPERATOR_ACKNOWLEDGE};
    for (unsigned i = 0; i < 5; i++) {
        rig_operator(rig, idle[i]);
        CU_ASSERT_EQUAL(rig->actions.count, 0);
        CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE);
    }
    rig_operator(rig, (enum cyc_operator)99);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    rig_event(rig, &(struct cyc_event){.kind = (enum cyc_event_kind)99});
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    rig_end(rig, CYC_FINISH_DONE);
    rig_operator(rig, CYC_OPERATOR_STOP);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    rig_free(rig);
}

const struct cyc_check cyc_check_pause[] = {
    CYC_CHECK(hot_cell_pauses_and_goes_on_with_its_charge_kept),
    CYC_CHECK(a_pause_that_does_not_end_is_a_fault),
    CYC_CHECK(a_pause_without_time_out_waits_for_ever),
    CYC_CHECK(cell_that_is_hot_already_is_paused_before_any_current),
    CYC_CHECK(pause_without_a_condition_to_resume_waits_for_the_operator),
    CYC_CHECK(readings_from_before_the_pause_do_not_end_it),
    CYC_CHECK(a_rest_counts_on_in_a_pause),
    CYC_CHECK(a_rest_that_is_over_in_the_pause_ends_on_resuming),
    CYC_CHECK(the_operators_pause_has_no_time_out),
    CYC_CHECK(hold_goes_on_as_a_hold_after_a_pause),
    CYC_CHECK(lasting_begins_anew_after_a_pause),
    CYC_CHECK(time_of_the_block_runs_on_in_a_pause),
    CYC_CHECK(resume_on_a_time_is_seen_on_time),
    CYC_CHECK(pausing_and_resuming_without_end_is_a_fault),
    CYC_CHECK(operator_skips_a_step),
    CYC_CHECK(operator_stops_a_run),
    CYC_CHECK(operator_ends_a_step_whose_entry_is_pending),
    CYC_CHECK(operator_pauses_a_step_whose_entry_is_pending),
    CYC_CHECK(words_that_do_not_apply_do_nothing),
    {0},
};
