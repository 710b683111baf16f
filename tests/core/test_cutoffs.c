/* Cutoffs: their order, `lasting` and `after`, and conditions that are no conditions. */
#include "rig.h"

static void give(struct rig *rig, double temperature_degC)
{
    struct cyc_sample sample = rig_peek(rig);
    sample.temperature_degC = temperature_degC;
    rig_give(rig, &sample);
}

static void voltage_compared(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 3.5);
    op(rig, CYC_OP_GT);
}

/* ---- In written order ------------------------------------------------------------------------ */

static void the_first_cutoff_in_written_order_wins(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    cut_time(rig, 20);
    cut_capacity(rig, 10.0 / 3600)->action = CYC_FOLLOW_LEAVE;
    cut_time(rig, 10)->action = CYC_FOLLOW_GOTO;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->cutoff, 1);
    CU_ASSERT_EQUAL(result->tag, 101);
    CU_ASSERT_EQUAL(result->action, CYC_FOLLOW_LEAVE);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CAPACITY);
    rig_free(rig);
}

static void lasting_demands_an_unbroken_time(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    struct cyc_cutoff *soak =
        cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GE, 30), CYC_REASON_TEMPERATURE);
    soak->lasting_ns = 10 * SECOND;
    rig_sample(rig);
    rig_step(rig);
    give(rig, 31);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 10 * SECOND);
    rig_pass(rig, 9 * SECOND);
    give(rig, 29);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig_pass(rig, SECOND);
    give(rig, 31); /* anew, from 10 s */
    rig_pass(rig, SECOND);
    give(rig, NAN); /* a gap in the data breaks nothing, */
    rig_pass(rig, 9 * SECOND);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_pass(rig, -SECOND);
    rig->cell.t_ns = rig->now_ns;
    give(rig, 31);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_pass(rig, SECOND);
    give(rig, NAN); /* but does not end the step either */
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_pass(rig, 1);
    give(rig, 31);
    CU_ASSERT_EQUAL(rig->result_count, 1);
    rig_free(rig);
}

static void cutoff_of_the_hold_sleeps_until_the_hold(void)
{
    struct rig *rig = rig_new(0.5);
    make_cccv(rig, 1.0, 3.7);
    struct cyc_cutoff *held =
        cutoff(rig, compare(rig, CYC_SIGNAL_HOLD_TIME, CYC_OP_GE, 60), CYC_REASON_TIME);
    held->hold_only = true;
    held->lasting_ns = SECOND;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->hold_time_ns, 61 * SECOND);
    rig_free(rig);
}

static void cutoff_without_a_condition_is_none(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cutoff(rig, (struct cyc_condition){0}, CYC_REASON_CONDITION)->entry = CYC_ENTRY_BEFORE;
    cut_time(rig, 5);
    CU_ASSERT_EQUAL(rig_run(rig)->cutoff, 1);
    rig_free(rig);
}

/* ---- Malformed conditions -------------------------------------------------------------------- */

static void is_refused(struct rig *rig)
{
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVARIANT);
    CU_ASSERT_EQUAL(rig->safe_count, 1);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_free(rig);
}

static void malformed_conditions_are_refused(void)
{
    struct rig *rig;
    static const uint8_t lone[] = {CYC_OP_ADD, CYC_OP_NEG, CYC_OP_NOT, CYC_OP_LT, CYC_OP_AND, 99};
    for (unsigned i = 0; i < sizeof lone; i++) { /* too few operands, or no such operation */
        rig = rig_new(0.5);
        op(rig, (enum cyc_op_code)lone[i]);
        is_refused(rig);
        rig = rig_new(0.5);
        op_const(rig, 1);
        op(rig, (enum cyc_op_code)lone[i]);
        is_refused(rig);
    }
    static const uint8_t of_truth[] = {CYC_OP_ADD, CYC_OP_NEG, CYC_OP_FLOOR, CYC_OP_LT};
    for (unsigned i = 0; i < sizeof of_truth; i++) { /* calculating with a truth */
        for (int swap = 0; swap < 2; swap++) {
            rig = rig_new(0.5);
            if (swap) {
                op_const(rig, 1);
            }
            voltage_compared(rig);
            if (!swap) {
                op_const(rig, 1);
            }
            op(rig, (enum cyc_op_code)of_truth[i]);
            is_refused(rig);
        }
    }
    for (int swap = 0; swap < 2; swap++) { /* a number where a truth is due */
        rig = rig_new(0.5);
        if (swap) {
            op_const(rig, 1);
        }
        voltage_compared(rig);
        if (!swap) {
            op_const(rig, 1);
        }
        op(rig, CYC_OP_OR);
        is_refused(rig);
    }
    rig = rig_new(0.5); /* a number alone */
    op_const(rig, 1);
    is_refused(rig);
    rig = rig_new(0.5); /* two truths */
    voltage_compared(rig);
    voltage_compared(rig);
    is_refused(rig);
    rig = rig_new(0.5); /* deeper than the stack */
    for (unsigned i = 0; i <= CYC_STACK_MAX; i++) {
        op_const(rig, 1);
    }
    is_refused(rig);
}

static void signals_that_do_not_exist_are_refused(void)
{
    static const struct cyc_op bad[] = {
        {CYC_OP_SIGNAL, CYC_SIGNAL_COUNT, CYC_SCOPE_STEP, 0, 0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_TIME, CYC_SCOPES_MAX, 0, 0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_VOLTAGE, CYC_SCOPE_CYCLE, 0, 0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_HOLD_TIME, CYC_SCOPE_CYCLE, 0, 0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_AUX, CYC_SCOPE_STEP, CYC_AUX_MAX, 0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_SLOPE, CYC_SCOPE_STEP, 0, 0},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rig *rig = rig_new(0.5);
        op_scoped(rig, (enum cyc_signal)bad[i].signal, bad[i].scope, bad[i].index);
        op_const(rig, 0);
        op(rig, CYC_OP_GT);
        is_refused(rig);
    }
}

static void conditions_that_do_not_fit_are_refused(void)
{
    struct rig *rig = rig_new(0.5); /* operations that are not there */
    voltage_compared(rig);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION)->when.count = 4;
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVARIANT);
    rig_free(rig);

    rig = rig_new(0.5); /* a malformed condition to resume on */
    voltage_compared(rig);
    struct cyc_cutoff *paused = cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    op_const(rig, 1);
    paused->resume = condition(rig);
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVARIANT);
    rig_free(rig);
}

static void conditions_that_share_operations_cannot_overrun_the_atoms(void)
{
    struct rig *rig = rig_new(0.5);
    for (unsigned i = 0; i < 10; i++) {
        voltage_compared(rig);
        if (i > 0) {
            op(rig, CYC_OP_AND);
        }
    }
    const struct cyc_condition ten = condition(rig);
    const struct cyc_condition one = {.first = ten.first, .count = 3};
    for (unsigned i = 0; i < 10; i++) { /* 100 atoms */
        cutoff(rig, ten, CYC_REASON_CONDITION);
    }
    for (unsigned i = 100; i < CYC_ATOMS_MAX; i++) {
        cutoff(rig, one, CYC_REASON_CONDITION);
    }
    struct rig *more = rig_new(0.5);
    more->step = rig->step;
    cutoff(more, one, CYC_REASON_CONDITION);
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_SETTLE);
    rig_step(more);
    CU_ASSERT_EQUAL(cyc_core_fault(&more->core)->kind, CYC_FAULT_INVARIANT);
    rig_free(more);
    rig_free(rig);
}

static void conditions_that_share_operations_cannot_overrun_the_codes(void)
{
    struct rig *rig = rig_new(0.5);
    voltage_compared(rig);
    for (unsigned i = 0; i < 100; i++) {
        op(rig, CYC_OP_NOT);
    }
    const struct cyc_condition nots = condition(rig);
    for (unsigned i = 0; i < 4; i++) {
        cutoff(rig, nots, CYC_REASON_CONDITION);
    }
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVARIANT);
    rig_free(rig);

    rig = rig_new(0.5); /* the 321st code is an `and` */
    voltage_compared(rig);
    for (unsigned i = 0; i < 105; i++) {
        op(rig, CYC_OP_NOT);
    }
    const struct cyc_condition many = condition(rig); /* 106 codes */
    for (unsigned i = 0; i < 3; i++) {
        cutoff(rig, many, CYC_REASON_CONDITION); /* 318 */
    }
    voltage_compared(rig);
    voltage_compared(rig);
    op(rig, CYC_OP_AND);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVARIANT);
    rig_free(rig);
}

const struct cyc_check cyc_check_cutoffs[] = {
    CYC_CHECK(the_first_cutoff_in_written_order_wins),
    CYC_CHECK(lasting_demands_an_unbroken_time),
    CYC_CHECK(cutoff_of_the_hold_sleeps_until_the_hold),
    CYC_CHECK(cutoff_without_a_condition_is_none),
    CYC_CHECK(malformed_conditions_are_refused),
    CYC_CHECK(signals_that_do_not_exist_are_refused),
    CYC_CHECK(conditions_that_do_not_fit_are_refused),
    CYC_CHECK(conditions_that_share_operations_cannot_overrun_the_atoms),
    CYC_CHECK(conditions_that_share_operations_cannot_overrun_the_codes),
    {0},
};
