/* Modes against closed solutions: what a step comes to, and when. */
#include "rig.h"

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void cc_discharge_ends_at_the_crossing(void)
{
    /* One RC pair: V = 4.2 - k I t - I R0 - I R1 (1 - exp(-t/tau)); 3.40 V at 2137.5 s. */
    struct rig *rig = rig_new(1.0);
    rig->cell.r1_ohm = 0.015;
    rig->cell.tau_s = 30.0;
    make_cc(rig, -2.5);
    cut_voltage(rig, CYC_OP_LE, 3.40);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
    CYC_NEAR(seconds(result->step_time_ns), 2137.500000, 1e-6);
    CYC_NEAR(result->voltage_V, 3.40, 1e-9);
    CU_ASSERT_TRUE(result->voltage_V <= 3.40);
    CYC_NEAR(result->current_A, -2.5, 0);
    CYC_NEAR(result->sums.discharge_Ah, 2.5 * 2137.5 / 3600, 1e-9);
    CYC_NEAR(result->cc_capacity_Ah, result->sums.discharge_Ah, 0);
    CYC_NEAR(result->cv_capacity_Ah, 0, 0);
    CYC_NEAR(result->start_voltage_V, 4.2, 1e-12);
    CYC_NEAR(result->peak_V, 4.15, 1e-12);
    CU_ASSERT_EQUAL(result->cutoff, 0);
    CU_ASSERT_EQUAL(result->tag, 100);
    CU_ASSERT_EQUAL(result->action, CYC_FOLLOW_NEXT);
    CU_ASSERT_EQUAL(result->step_count, 1);
    CU_ASSERT_TRUE((result->flags & CYC_RESULT_EXACT) != 0);
    CU_ASSERT_FALSE((result->flags & CYC_RESULT_AT_ENTRY) != 0);
    rig_free(rig);
}

static void time_cutoff_ends_on_the_nanosecond(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 0.25);
    cut_time(rig, 0.1 * 3); /* a double just above 0.3: still 300,000,000 ns */
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_TIME);
    CU_ASSERT_EQUAL(result->step_time_ns, 300000000);
    CU_ASSERT_EQUAL(result->end_ns - result->start_ns, 300000000);
    rig_free(rig);
}

static void capacity_cutoff_ends_where_the_charge_is_reached(void)
{
    /* 350 mAh/g of 9.026 mg at 0.05 C of 200 mA/g: exactly 35 h. */
    struct rig *rig = rig_new(0.0);
    rig->cell.per_Ah_V = 100;
    make_cc(rig, 9.026e-3 * 200e-3 * 0.05);
    cut_capacity(rig, 9.026e-3 * 350e-3);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CAPACITY);
    CYC_NEAR(seconds(result->step_time_ns) / 3600, 35.0, 1e-9);
    CU_ASSERT_TRUE(result->sums.charge_Ah >= 9.026e-3 * 350e-3);
    CYC_NEAR(result->sums.charge_Ah, 9.026e-3 * 350e-3, 1e-15);
    rig_free(rig);
}

static void energy_cutoff_ends_where_the_energy_is_reached(void)
{
    struct rig *rig = rig_new(0.5);
    rig->cell.per_Ah_V = 0;
    make_cc(rig, 1.0);
    cut_energy(rig, 3.62); /* 3.6 V + 20 mV: one hour */
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_ENERGY);
    CYC_NEAR(seconds(result->step_time_ns), 3600, 1e-5);
    CYC_NEAR(result->sums.charge_Wh, 3.62, 1e-9);
    rig_free(rig);
}

static void cccv_crosses_over_and_ends_when_the_current_tapers(void)
{
    /* R0 only, 1.25 A to 4.1 V, then I = 1.25 exp(-t/150): 0.625 A after 103.972077 s. */
    struct rig *rig = rig_new(0.5);
    make_cccv(rig, 1.25, 4.1);
    cut_current(rig, 0.625);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
    CYC_NEAR(seconds(result->hold_time_ns), 103.972077, 1e-5);
    CYC_NEAR(result->cv_capacity_Ah, 0.0260417, 1e-7);
    const double to_hold_Ah = (4.1 - 0.025 - 3.6) * 2.5 / 1.2;
    CYC_NEAR(result->cc_capacity_Ah, to_hold_Ah, 1e-9);
    CYC_NEAR(seconds(result->step_time_ns - result->hold_time_ns), to_hold_Ah / 1.25 * 3600, 1e-5);
    CYC_NEAR(result->voltage_V, 4.1, 1e-9);
    CYC_NEAR(result->current_A, 0.625, 1e-9);
    CU_ASSERT_EQUAL(rig->setpoint_count, 2);
    CU_ASSERT_EQUAL(rig->setpoints[0].control, CYC_CONTROL_CURRENT);
    CU_ASSERT_EQUAL(rig->setpoints[0].number, 1);
    CU_ASSERT_EQUAL(rig->setpoints[1].control, CYC_CONTROL_VOLTAGE);
    CU_ASSERT_EQUAL(rig->setpoints[1].number, 2);
    CYC_NEAR(rig->setpoints[1].value, 4.1, 0);
    CYC_NEAR(rig->setpoints[1].current_min_A, 0, 0);
    CYC_NEAR(rig->setpoints[1].current_max_A, 1.25, 0);
    rig_free(rig);
}

static void cccv_on_discharge_works_the_other_way_round(void)
{
    struct rig *rig = rig_new(0.5);
    make_cccv(rig, -1.25, 3.2);
    cut_current(rig, 0.625);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
    CYC_NEAR(seconds(result->hold_time_ns), 103.972077, 1e-5);
    CYC_NEAR(result->current_A, -0.625, 1e-9);
    CYC_NEAR(result->sums.charge_Ah, 0, 0);
    CYC_NEAR(rig->setpoints[1].current_min_A, -1.25, 0);
    rig_free(rig);
}

static void cccv_whose_current_is_low_already_holds_for_no_time(void)
{
    /* 0.125 A with a cutoff of 0.625 A: to the voltage, and no further. */
    struct rig *rig = rig_new(0.8);
    make_cccv(rig, 0.125, 4.1);
    cut_current(rig, 0.625);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
    CU_ASSERT_EQUAL(result->hold_time_ns, 0);
    CYC_NEAR(result->voltage_V, 4.1, 1e-9);
    CYC_NEAR(result->cv_capacity_Ah, 0, 1e-12);
    CU_ASSERT_FALSE((result->flags & CYC_RESULT_AT_ENTRY) != 0);
    rig_free(rig);
}

static void cccv_beyond_its_voltage_at_open_circuit_holds_at_once(void)
{
    struct rig *rig = rig_new(0.95); /* 4.14 V */
    make_cccv(rig, 1.25, 4.1);
    cut_current(rig, 0.1);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    CU_ASSERT_EQUAL(rig->setpoints[0].control, CYC_CONTROL_VOLTAGE);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
    CYC_NEAR(result->current_A, 0, 0); /* never of the other sign */
    CU_ASSERT_EQUAL(result->step_time_ns, 0);
    CU_ASSERT_TRUE((result->flags & CYC_RESULT_AT_ENTRY) != 0);
    rig_free(rig);
}

static void instrument_that_crosses_over_by_itself_is_not_commanded(void)
{
    struct rig *rig = rig_new(0.5);
    make_cccv(rig, 1.25, 4.1);
    cut_current(rig, 0.625);
    rig_step(rig);
    rig_sample(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_RUN);
    rig_pass(rig, SECOND);
    struct cyc_sample sample = rig_peek(rig);
    sample.flags |= CYC_SAMPLE_CV;
    sample.current_A = 1.0;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_HOLD);
    CU_ASSERT_EQUAL(rig->setpoint_count, 1);
    rig_pass(rig, SECOND);
    sample = rig_peek(rig);
    sample.flags |= CYC_SAMPLE_CV;
    sample.current_A = 0.6;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_CURRENT);
    CU_ASSERT_EQUAL(rig_result(rig)->hold_time_ns, SECOND);
    rig_free(rig);
}

static void staircase_of_currents_to_one_voltage_runs_all_stages(void)
{
    struct rig *rig = rig_new(0.5);
    const double currents_A[] = {2.5, 1.25, 0.5};
    double before_Ah = 0;
    for (unsigned i = 0; i < 3; i++) {
        make_cc(rig, currents_A[i]);
        cut_voltage(rig, CYC_OP_GE, 4.1);
        const struct cyc_result *result = rig_run(rig);
        CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
        CU_ASSERT_FALSE((result->flags & CYC_RESULT_AT_ENTRY) != 0);
        const double after_Ah = (4.1 - 0.02 * currents_A[i] - 3.6) * 2.5 / 1.2;
        CYC_NEAR(result->sums.charge_Ah, after_Ah - before_Ah, 1e-9);
        before_Ah = after_Ah;
    }
    CU_ASSERT_EQUAL(rig->result_count, 3);
    CU_ASSERT_EQUAL(rig->setpoint_count, 3); /* the circuit never opened between them */
    rig_free(rig);
}

static void staircase_of_holds_runs_all_stages(void)
{
    struct rig *rig = rig_new(0.5);
    const double currents_A[] = {2.5, 1.25, 0.5};
    for (unsigned i = 0; i < 3; i++) {
        make_cccv(rig, currents_A[i], 4.1);
        cut_current(rig, currents_A[i] / 2);
        const struct cyc_result *result = rig_run(rig);
        CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
        CYC_NEAR(result->current_A, currents_A[i] / 2, 1e-6);
    }
    CU_ASSERT_EQUAL(rig->result_count, 3);
    rig_free(rig);
}

static void dems_charge_counts_both_phases(void)
{
    /* 0.05 C to 4.28 V, then the hold, until 350 mAh/g in sum; the current's failure cutoff and
     * the time's are not met. */
    struct rig *rig = rig_new(0.0);
    make_cccv(rig, 0.5, 4.0);
    cut_capacity(rig, 2.08);
    cut_current(rig, 0.005)->action = CYC_FOLLOW_FAIL;
    cut_time(rig, 360000)->action = CYC_FOLLOW_FAIL;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CAPACITY);
    CU_ASSERT_EQUAL(result->action, CYC_FOLLOW_NEXT);
    CYC_NEAR(result->sums.charge_Ah, 2.08, 1e-9);
    CYC_NEAR(result->cc_capacity_Ah, (4.0 - 0.01 - 3.0) * 2.5 / 1.2, 1e-9);
    CYC_NEAR(result->cv_capacity_Ah, 2.08 - result->cc_capacity_Ah, 1e-12);
    CU_ASSERT_TRUE(result->hold_time_ns > 0);
    rig_free(rig);
}

static void charge_that_cannot_be_reached_fails_on_the_current(void)
{
    struct rig *rig = rig_new(0.0);
    make_cccv(rig, 0.5, 4.0);
    cut_capacity(rig, 2.5);
    cut_current(rig, 0.005)->action = CYC_FOLLOW_FAIL;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
    CU_ASSERT_EQUAL(result->action, CYC_FOLLOW_FAIL);
    CU_ASSERT_EQUAL(result->tag, 101);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE); /* a verdict, no fault */
    rig_free(rig);
}

static void hold_alone_lets_current_flow_either_way(void)
{
    struct rig *rig = rig_new(0.5); /* 3.6 V */
    make_cv(rig, 3.5, 2.5);
    struct cyc_cutoff *low =
        cutoff(rig, compare_abs(rig, CYC_SIGNAL_CURRENT, CYC_OP_LE, 0.25), CYC_REASON_CURRENT);
    low->hold_only = true;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
    CYC_NEAR(result->current_A, -0.25, 1e-9);
    CU_ASSERT_EQUAL(result->hold_time_ns, result->step_time_ns);
    CYC_NEAR(result->cc_capacity_Ah, 0, 0);
    CYC_NEAR(result->cv_capacity_Ah, result->sums.discharge_Ah, 0);
    /* 0.1 V at 2.5 A of compliance, 150 s time constant: 50 mV clamped, then from 2.5 A down */
    CYC_NEAR(result->sums.discharge_Ah, (0.1 - 0.25 * 0.02) * 2.5 / 1.2, 1e-9);
    rig_free(rig);
}

static void constant_power_and_load_are_passed_on(void)
{
    struct rig *rig = rig_new(0.5);
    rig->cell.per_Ah_V = 0;
    rig->cell.ocv_V = 3.7;
    rig->cell.r0_ohm = 0.05;
    make_step(rig, CYC_MODE_CP, CYC_CONTROL_POWER, -10.0);
    cut_time(rig, 60);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_TIME);
    CYC_NEAR(result->current_A, -2.809358005, 1e-9);
    CYC_NEAR(result->voltage_V, 3.559532100, 1e-9);
    CYC_NEAR(result->sums.discharge_Wh, 10.0 / 60, 1e-12);

    make_step(rig, CYC_MODE_CR, CYC_CONTROL_LOAD, 1.8);
    rig->step.charging = false;
    cut_time(rig, 60);
    result = rig_run(rig);
    CYC_NEAR(result->current_A, -2.0, 1e-12);
    CU_ASSERT_EQUAL(rig->setpoints[1].control, CYC_CONTROL_LOAD);
    rig_free(rig);
}

static void constant_power_with_hold_crosses_over(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_CPCV, CYC_CONTROL_POWER, 5.0);
    rig->step.hold_V = 4.1;
    rig->step.current_max_A = 2.5;
    rig->step.charging = true;
    cut_current(rig, 0.5);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CURRENT);
    CU_ASSERT_EQUAL(rig->setpoint_count, 2);
    CYC_NEAR(rig->setpoints[1].value, 4.1, 0);
    CYC_NEAR(result->current_A, 0.5, 1e-9);
    rig_free(rig);
}

static void each_step_has_its_own_peak(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 2.5);
    cut_voltage(rig, CYC_OP_GE, 4.0);
    CYC_NEAR(rig_run(rig)->peak_V, 4.0, 1e-9);
    make_cc(rig, -2.5); /* from 3.9 V */
    cut_time(rig, 60);
    CYC_NEAR(rig_run(rig)->peak_V, 3.9, 1e-9);
    rig_free(rig);
}

static void rest_is_open_circuit_for_a_time(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cut_time(rig, 7200);
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(result->step_time_ns, 2 * HOUR);
    CU_ASSERT_EQUAL(rig->setpoints[0].control, CYC_CONTROL_OPEN);
    CYC_NEAR(result->sums.charge_Ah + result->sums.discharge_Ah, 0, 0);
    rig_free(rig);
}

static void a_step_without_segments_is_a_rest_without_end(void)
{
    struct rig *rig = rig_new(0.5);
    rig->step = (struct cyc_step){0};
    rig_step(rig);
    rig_sample(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_RUN);
    CU_ASSERT_EQUAL(rig->setpoints[0].control, CYC_CONTROL_OPEN);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    CU_ASSERT_EQUAL(rig->actions.watch_count, 0);
    rig_free(rig);
}

static void temperature_step_sets_the_chamber_and_soaks(void)
{
    struct rig *rig = rig_new(0.5);
    rig->cell.temperature_degC = 45.0;
    rig->cell.cooling_K_per_s = 0.01;
    make_step(rig, CYC_MODE_TEMPERATURE, CYC_CONTROL_OPEN, 0);
    rig->step.environment.temperature_degC = 30.0;
    op_signal(rig, CYC_SIGNAL_TEMPERATURE);
    op_const(rig, 30.0);
    op(rig, CYC_OP_SUB);
    op(rig, CYC_OP_ABS);
    op_const(rig, 0.5);
    op(rig, CYC_OP_LE);
    struct cyc_cutoff *soak = cutoff(rig, condition(rig), CYC_REASON_TEMPERATURE);
    soak->entry = CYC_ENTRY_BEFORE;
    soak->lasting_ns = 50 * SECOND;
    rig->step.timeout_ns = 6 * HOUR;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(rig->environment_count, 1);
    CYC_NEAR(rig->environment.temperature_degC, 30.0, 0);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_TEMPERATURE);
    CYC_NEAR(seconds(result->step_time_ns), 1450.0 + 50.0, 1e-6);
    CYC_NEAR(result->temperature_degC, 30.0, 1e-6);
    rig_free(rig);
}

static void temperature_that_is_there_already_ends_at_once_but_is_still_set(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_TEMPERATURE, CYC_CONTROL_OPEN, 0);
    rig->step.environment.temperature_degC = 25.0;
    cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GE, 24.5), CYC_REASON_TEMPERATURE)
        ->entry = CYC_ENTRY_BEFORE;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_EQUAL(rig->environment_count, 1);
    CU_ASSERT_TRUE((result->flags & CYC_RESULT_AT_ENTRY) != 0);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_free(rig);
}

static void pressure_step_sets_the_press(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_PRESSURE, CYC_CONTROL_OPEN, 0);
    rig->step.environment.pressure_Pa = 50e6;
    cutoff(rig, compare(rig, CYC_SIGNAL_PRESSURE, CYC_OP_GE, 49e6), CYC_REASON_PRESSURE)->entry =
        CYC_ENTRY_BEFORE;
    rig_step(rig);
    CYC_NEAR(rig->environment.pressure_Pa, 50e6, 0);
    rig_sample(rig);
    rig_sample(rig);
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_PRESSURE, 49e6));
    rig->cell.pressure_Pa = 49.5e6;
    rig_pass(rig, SECOND);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_PRESSURE);
    CYC_NEAR(rig_result(rig)->pressure_Pa, 49.5e6, 0);
    rig_free(rig);
}

static void ask_waits_for_the_answer(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_ASK, CYC_CONTROL_OPEN, 0);
    rig_step(rig);
    rig_sample(rig);
    rig_sample(rig);
    rig_pass(rig, MINUTE);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_pass(rig, SECOND);
    rig_operator(rig, CYC_OPERATOR_ANSWER);
    CU_ASSERT_EQUAL(rig_result(rig)->reason, CYC_REASON_OPERATOR);
    CU_ASSERT_EQUAL(rig_result(rig)->action, CYC_FOLLOW_NEXT);
    CU_ASSERT_EQUAL(rig_result(rig)->step_time_ns, 61 * SECOND);
    rig_free(rig);
}

static void impedance_is_refused(void)
{
    struct rig *rig = rig_new(0.5);
    make_step(rig, CYC_MODE_IMPEDANCE, CYC_CONTROL_CURRENT, 0);
    rig_step(rig);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INFEASIBLE);
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    rig_free(rig);
}

const struct cyc_check cyc_check_modes[] = {
    CYC_CHECK(cc_discharge_ends_at_the_crossing),
    CYC_CHECK(time_cutoff_ends_on_the_nanosecond),
    CYC_CHECK(capacity_cutoff_ends_where_the_charge_is_reached),
    CYC_CHECK(energy_cutoff_ends_where_the_energy_is_reached),
    CYC_CHECK(cccv_crosses_over_and_ends_when_the_current_tapers),
    CYC_CHECK(cccv_on_discharge_works_the_other_way_round),
    CYC_CHECK(cccv_whose_current_is_low_already_holds_for_no_time),
    CYC_CHECK(cccv_beyond_its_voltage_at_open_circuit_holds_at_once),
    CYC_CHECK(instrument_that_crosses_over_by_itself_is_not_commanded),
    CYC_CHECK(staircase_of_currents_to_one_voltage_runs_all_stages),
    CYC_CHECK(staircase_of_holds_runs_all_stages),
    CYC_CHECK(dems_charge_counts_both_phases),
    CYC_CHECK(charge_that_cannot_be_reached_fails_on_the_current),
    CYC_CHECK(hold_alone_lets_current_flow_either_way),
    CYC_CHECK(constant_power_and_load_are_passed_on),
    CYC_CHECK(constant_power_with_hold_crosses_over),
    CYC_CHECK(each_step_has_its_own_peak),
    CYC_CHECK(rest_is_open_circuit_for_a_time),
    CYC_CHECK(a_step_without_segments_is_a_rest_without_end),
    CYC_CHECK(temperature_step_sets_the_chamber_and_soaks),
    CYC_CHECK(temperature_that_is_there_already_ends_at_once_but_is_still_set),
    CYC_CHECK(pressure_step_sets_the_press),
    CYC_CHECK(ask_waits_for_the_answer),
    CYC_CHECK(impedance_is_refused),
    {0},
};
