/* The entry rule: what may end a step before, and right after, its current flows. */
#include "rig.h"

static bool at_entry(const struct rig *rig)
{
    return (rig_result(rig)->flags & CYC_RESULT_AT_ENTRY) != 0;
}

static void the_first_step_waits_for_a_sample_before_it_sends_anything(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig->now_ns = 5 * SECOND;
    rig->cell.t_ns = rig->now_ns;
    rig_step(rig);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 5 * SECOND);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_SETTLE);
    rig_sample(rig);
    CU_ASSERT_TRUE(did(rig, CYC_ACTION_SETPOINT));
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 5 * SECOND);
    CU_ASSERT_EQUAL(rig->record_count, 0);
    rig_sample(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_RUN);
    CU_ASSERT_EQUAL(rig->record_count, 1);
    rig_free(rig);
}

static void a_sample_that_is_too_old_is_taken_again(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig_sample(rig);
    rig_pass(rig, CYC_STALE_NS);
    rig_step(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    rig_free(rig);

    rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig_sample(rig);
    rig_pass(rig, CYC_STALE_NS + 1);
    rig_step(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    rig_free(rig);
}

static void no_current_flows_while_the_voltage_is_unknown(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig_step(rig);
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = NAN;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    CU_ASSERT_TRUE(rig->actions.deadline_ns > rig->now_ns);
    rig_pass(rig, SECOND);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    rig_free(rig);
}

static void voltage_that_is_met_at_open_circuit_ends_the_step_before_current(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    cut_voltage(rig, CYC_OP_GE, 3.6);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
    CU_ASSERT_TRUE(at_entry(rig));
    CU_ASSERT_EQUAL(result->step_time_ns, 0);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    CU_ASSERT_EQUAL(rig->record_count, 1);
    CU_ASSERT_EQUAL(rig->records[0].step_count, 1);
    rig_free(rig);
}

static void voltage_is_judged_under_the_own_current_where_current_flows(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0); /* 3.62 V */
    cut_time(rig, 10);
    (void)rig_run(rig);
    make_cc(rig, 0.1); /* 3.6033 V */
    cut_voltage(rig, CYC_OP_GE, 3.61);
    (void)rig_run(rig);
    CU_ASSERT_FALSE(at_entry(rig));
    CU_ASSERT_TRUE(rig_result(rig)->step_time_ns > SECOND);

    make_cc(rig, 2.0); /* here it is met by the first settled sample */
    cut_voltage(rig, CYC_OP_GE, 3.61);
    (void)rig_run(rig);
    CU_ASSERT_TRUE(at_entry(rig));
    CU_ASSERT_EQUAL(rig_result(rig)->step_time_ns, 0);
    CU_ASSERT_EQUAL(rig->setpoint_count, 3);
    rig_free(rig);
}

static void time_charge_and_energy_are_judged_before_current(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    cut_time(rig, 60);
    (void)rig_run(rig);
    const unsigned setpoints = rig->setpoint_count;

    make_cc(rig, 1.0);
    op_scoped(rig, CYC_SIGNAL_TIME, CYC_SCOPE_TEST, 0);
    op_const(rig, 60);
    op(rig, CYC_OP_GE);
    cutoff(rig, condition(rig), CYC_REASON_TIME)->entry = CYC_ENTRY_BEFORE;
    (void)rig_run(rig);
    CU_ASSERT_TRUE(at_entry(rig));

    make_cc(rig, 1.0);
    op_scoped(rig, CYC_SIGNAL_CHARGE_CAPACITY, CYC_SCOPE_TEST, 0);
    op_const(rig, 1.0 / 60);
    op(rig, CYC_OP_GE);
    cutoff(rig, condition(rig), CYC_REASON_CAPACITY)->entry = CYC_ENTRY_BEFORE;
    (void)rig_run(rig);
    CU_ASSERT_TRUE(at_entry(rig));

    make_cc(rig, 1.0);
    op_scoped(rig, CYC_SIGNAL_CHARGE_ENERGY, CYC_SCOPE_TEST, 0);
    op_const(rig, 0.05);
    op(rig, CYC_OP_GE);
    cutoff(rig, condition(rig), CYC_REASON_ENERGY)->entry = CYC_ENTRY_BEFORE;
    (void)rig_run(rig);
    CU_ASSERT_TRUE(at_entry(rig));
    CU_ASSERT_EQUAL(rig->result_count, 4);
    CU_ASSERT_EQUAL(rig->setpoint_count, setpoints);
    rig_free(rig);
}

static void hot_cell_sees_no_current(void)
{
    struct rig *rig = rig_new(0.5);
    rig->cell.temperature_degC = 50;
    make_cc(rig, 1.0);
    cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 45), CYC_REASON_TEMPERATURE)
        ->entry = CYC_ENTRY_BEFORE;
    (void)rig_run(rig);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_TEMPERATURE);
    CU_ASSERT_TRUE(at_entry(rig));
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_free(rig);
}

static void cutoff_of_the_hold_does_not_apply_before_the_hold(void)
{
    struct rig *rig = rig_new(0.5);
    make_cccv(rig, 1.0, 3.7);
    struct cyc_cutoff *warm =
        cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 20), CYC_REASON_TEMPERATURE);
    warm->entry = CYC_ENTRY_BEFORE;
    warm->hold_only = true;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_FALSE(at_entry(rig));
    CYC_NEAR(result->voltage_V, 3.7, 1e-9);
    CU_ASSERT_EQUAL(result->hold_time_ns, 0);
    rig_free(rig);
}

static void cutoffs_with_lasting_or_after_take_their_time(void)
{
    struct rig *rig = rig_new(0.5);
    rig->cell.temperature_degC = 50;
    make_cc(rig, 1.0);
    struct cyc_cutoff *hot =
        cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 45), CYC_REASON_TEMPERATURE);
    hot->entry = CYC_ENTRY_BEFORE;
    hot->lasting_ns = 5 * SECOND;
    CU_ASSERT_EQUAL(rig_run(rig)->step_time_ns, 5 * SECOND);
    CU_ASSERT_FALSE(at_entry(rig));

    make_cc(rig, 1.0);
    hot = cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 45), CYC_REASON_TEMPERATURE);
    hot->entry = CYC_ENTRY_BEFORE;
    hot->after_ns = 7 * SECOND;
    CU_ASSERT_EQUAL(rig_run(rig)->step_time_ns, 7 * SECOND);
    CU_ASSERT_FALSE(at_entry(rig));
    rig_free(rig);
}

static void a_step_that_ends_at_entry_resets_its_scopes_too(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    cut_time(rig, 3600);
    (void)rig_run(rig);
    CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_CYCLE)->charge_Ah, 1.0, 1e-9);
    make_cc(rig, 1.0);
    rig->step.scope_resets = 1u << CYC_SCOPE_CYCLE;
    cut_time(rig, 0);
    (void)rig_run(rig);
    CU_ASSERT_TRUE(at_entry(rig));
    CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_CYCLE)->charge_Ah, 0, 0);
    CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_TEST)->charge_Ah, 1.0, 1e-9);
    rig_free(rig);
}

static void readings_under_an_older_setpoint_end_nothing(void)
{
    struct rig *rig = rig_new(0.5);
    rig->not_exact = true;
    make_cc(rig, 1.0);
    cut_time(rig, 10);
    (void)rig_run(rig); /* under number 1, 3.62 V */
    make_cc(rig, -1.0);
    cut_voltage(rig, CYC_OP_GE, 3.61); /* true of the readings from before, never of its own */
    rig_step(rig);
    for (int i = 0; i < 5; i++) {
        rig_pass(rig, 100 * CYC_MS_NS);
        struct cyc_sample old = rig_peek(rig);
        old.setpoint_number = 1;
        old.current_A = 1.0;
        old.voltage_V = 3.62;
        rig_give(rig, &old);
    }
    CU_ASSERT_EQUAL(rig->result_count, 1);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_SETTLE);
    /* but their charge is counted: half a second of 1 A */
    CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_STEP)->charge_Ah, 0.5 / 3600, 1e-12);
    CU_ASSERT_EQUAL(rig->core.step_time_ns, 0);
    rig_sample(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_RUN);
    CU_ASSERT_EQUAL(rig->core.step_time_ns, 0); /* time under its own setpoint */
    rig_pass(rig, SECOND);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->core.step_time_ns, SECOND);
    rig_free(rig);
}

static void samples_that_have_not_settled_end_nothing(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 5.0);
    cut_voltage(rig, CYC_OP_GE, 3.65)->entry = CYC_ENTRY_SETTLED;
    rig_sample(rig);
    rig_step(rig);
    int64_t gap_ns = 0;
    for (int i = 0; i < 12; i++) {
        struct cyc_sample sample = rig_peek(rig);
        sample.flags &= ~(unsigned)CYC_SAMPLE_SETTLED;
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->result_count, 0);
        CU_ASSERT_TRUE(rig->actions.deadline_ns - rig->now_ns >= gap_ns); /* it grows */
        gap_ns = rig->actions.deadline_ns - rig->now_ns;
        CU_ASSERT_TRUE(gap_ns > 0 && gap_ns < SECOND);
        rig_pass(rig, gap_ns);
    }
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_VOLTAGE);
    CU_ASSERT_TRUE(rig_result(rig)->step_time_ns > 0); /* the current did flow */
    rig_free(rig);
}

static void zero_volts_is_a_cutoff_like_any_other(void)
{
    struct rig *rig = rig_new(0.5);
    rig->cell.ocv_V = 0.1;
    make_cc(rig, -1.0);
    cut_voltage(rig, CYC_OP_LE, 0.0);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
    CYC_NEAR(result->sums.discharge_Ah, 0.08 * 2.5 / 1.2, 1e-9);
    rig_free(rig);
}

const struct cyc_check cyc_check_entry[] = {
    CYC_CHECK(the_first_step_waits_for_a_sample_before_it_sends_anything),
    CYC_CHECK(a_sample_that_is_too_old_is_taken_again),
    CYC_CHECK(no_current_flows_while_the_voltage_is_unknown),
    CYC_CHECK(voltage_that_is_met_at_open_circuit_ends_the_step_before_current),
    CYC_CHECK(voltage_is_judged_under_the_own_current_where_current_flows),
    CYC_CHECK(time_charge_and_energy_are_judged_before_current),
    CYC_CHECK(hot_cell_sees_no_current),
    CYC_CHECK(cutoff_of_the_hold_does_not_apply_before_the_hold),
    CYC_CHECK(cutoffs_with_lasting_or_after_take_their_time),
    CYC_CHECK(a_step_that_ends_at_entry_resets_its_scopes_too),
    CYC_CHECK(readings_under_an_older_setpoint_end_nothing),
    CYC_CHECK(samples_that_have_not_settled_end_nothing),
    CYC_CHECK(zero_volts_is_a_cutoff_like_any_other),
    {0},
};
