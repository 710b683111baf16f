/* Slopes: least squares over a window, unknown until it is full. */
#include "rig.h"

static void add_slope(struct rig *rig, enum cyc_signal signal, double window_s)
{
    rig->step.slopes[rig->step.slope_count++] =
        (struct cyc_slope){.signal = (uint8_t)signal, .window_ns = (int64_t)(window_s * 1e9)};
}

/* abs(slope index) < per_s */
static struct cyc_cutoff *cut_slope(struct rig *rig, unsigned index, double per_s)
{
    op_scoped(rig, CYC_SIGNAL_SLOPE, CYC_SCOPE_STEP, index);
    op(rig, CYC_OP_ABS);
    op_const(rig, per_s);
    op(rig, CYC_OP_LT);
    return cutoff(rig, condition(rig), CYC_REASON_CONDITION);
}

static void give(struct rig *rig, double voltage_V, double current_A, double temperature_degC)
{
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = voltage_V;
    sample.current_A = current_A;
    sample.temperature_degC = temperature_degC;
    rig_give(rig, &sample);
}

static struct rig *running(double window_s)
{
    struct rig *rig = rig_new(0.5);
    add_slope(rig, CYC_SIGNAL_VOLTAGE, window_s);
    cut_slope(rig, 0, 0);
    rig_sample(rig);
    rig_step(rig);
    return rig;
}

static void slope_of_a_straight_line_is_its_slope(void)
{
    struct rig *rig = running(60);
    for (int i = 0; i <= 200; i++) {
        give(rig, 3.6 + 0.001 * i, 0, 25);
        if (i < 60) {
            CU_ASSERT_TRUE(isnan(rig->core.slopes[0]));
        } else {
            CYC_NEAR(rig->core.slopes[0], 0.001, 1e-12);
        }
        rig_pass(rig, SECOND);
    }
    rig_free(rig);
}

static void slope_is_that_of_least_squares(void)
{
    /* t = 0 1 2 3 4 s, V = 1 3 2 5 4: x from -2 to 2, integral of x V is 27/6, w^3 is 64 */
    struct rig *rig = running(4);
    const double voltages_V[] = {1, 3, 2, 5, 4};
    for (unsigned i = 0; i < 5; i++) {
        give(rig, voltages_V[i], 0, 25);
        rig_pass(rig, SECOND);
    }
    CYC_NEAR(rig->core.slopes[0], 12 * (27.0 / 6) / 64, 1e-12);
    give(rig, 3, 0, 25); /* now 3 2 5 4 3: the integral is 2 */
    CYC_NEAR(rig->core.slopes[0], 12 * 2.0 / 64, 1e-12);
    rig_free(rig);
}

static void slope_does_not_depend_on_where_the_samples_lie(void)
{
    /* V = exp(-t/100 s): slope over the last 60 s in closed form; samples even, and crowded at
     * one end of the window or the other */
    for (int way = 0; way < 3; way++) {
        struct rig *rig = running(60);
        int64_t t_ns = 0;
        for (int i = 0; t_ns <= 200 * SECOND; i++) {
            rig->now_ns = t_ns;
            give(rig, 3 + exp(-(double)t_ns / 1e11), 0, 25);
            const bool crowded = way == 1 ? t_ns < 170 * SECOND : t_ns >= 170 * SECOND;
            t_ns += way == 0 ? SECOND : crowded ? SECOND / 2 : 4 * SECOND;
        }
        const double last_s = (double)rig->now_ns / 1e9;
        const double from = exp(-(last_s - 60) / 100);
        const double to = exp(-last_s / 100);
        /* integral of x exp(-t/100) over the window, x from its middle */
        const double integral = 100 * (-30 * to - 30 * from) + 1e4 * (from - to);
        CYC_NEAR(rig->core.slopes[0], 12 * integral / (60.0 * 60 * 60), 1e-6);
        rig_free(rig);
    }
}

static void window_begins_between_two_samples(void)
{
    struct rig *rig = running(10);
    for (int i = 0; i < 8; i++) { /* every 3 s; the window begins between two of them */
        give(rig, 3.6 + 0.003 * i, 0, 25);
        rig_pass(rig, 3 * SECOND);
    }
    CYC_NEAR(rig->core.slopes[0], 0.001, 1e-12);
    rig_free(rig);
}

static void fewer_than_five_samples_say_nothing(void)
{
    struct rig *rig = running(60);
    for (int i = 0; i < 10; i++) { /* three in the window, and the one before it */
        give(rig, 3.6, 0, 25);
        CU_ASSERT_TRUE(isnan(rig->core.slopes[0]));
        rig_pass(rig, 25 * SECOND);
    }
    rig_free(rig);
}

static void fast_samples_are_thinned_without_losing_the_slope(void)
{
    struct rig *rig = running(10);
    for (int i = 0; i < 5000; i++) { /* 100 per second */
        give(rig, 3.6 + 1e-5 * i, 0, 25);
        CU_ASSERT_TRUE(rig->core.slope_count[0] <= CYC_SLOPE_POINTS / 2 + 2);
        if (i >= 1000) {
            CYC_NEAR(rig->core.slopes[0], 1e-3, 1e-12);
        }
        rig_pass(rig, 10 * CYC_MS_NS);
    }
    rig_free(rig);
}

static void four_slopes_share_the_ring(void)
{
    struct rig *rig = rig_new(0.5);
    add_slope(rig, CYC_SIGNAL_VOLTAGE, 10);
    add_slope(rig, CYC_SIGNAL_CURRENT, 20);
    add_slope(rig, CYC_SIGNAL_TEMPERATURE, 30);
    add_slope(rig, CYC_SIGNAL_VOLTAGE, 40);
    rig_sample(rig);
    rig_step(rig);
    for (int i = 0; i < 1000; i++) {
        give(rig, 3.6 + 0.001 * i, 1 - 0.002 * i, 25 + 0.003 * i);
        rig_pass(rig, 100 * CYC_MS_NS);
    }
    CYC_NEAR(rig->core.slopes[0], 0.01, 1e-9);
    CYC_NEAR(rig->core.slopes[1], -0.02, 1e-9);
    CYC_NEAR(rig->core.slopes[2], 0.03, 1e-9);
    CYC_NEAR(rig->core.slopes[3], 0.01, 1e-9);
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CYC_NEAR(rig_result(rig)->slopes[1], -0.02, 1e-9);
    rig_free(rig);
}

static void invalid_readings_are_no_points(void)
{
    struct rig *rig = running(10);
    for (int i = 0; i < 30; i++) {
        give(rig, i % 3 == 1 ? NAN : 3.6 + 0.001 * i, 0, 25);
        rig_pass(rig, SECOND);
    }
    CYC_NEAR(rig->core.slopes[0], 0.001, 1e-12);
    rig_free(rig);
}

static void rest_never_ends_on_a_slope_that_has_not_warmed_up(void)
{
    /* A flat voltage from the first second: nothing before the window has passed. */
    for (int host = 0; host < 2; host++) {
        struct rig *rig = rig_new(0.5);
        rig->grid_ns = host == 0 ? 0 : SECOND;
        make_rest(rig);
        add_slope(rig, CYC_SIGNAL_VOLTAGE, 1200);
        cut_slope(rig, 0, 1e-3 / 3600);
        const struct cyc_result *result = rig_run(rig);
        CU_ASSERT_EQUAL(result->step_time_ns, 1200 * SECOND);
        rig_free(rig);
    }
}

static void the_opposite_of_an_unknown_slope_is_not_true_either(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    add_slope(rig, CYC_SIGNAL_VOLTAGE, 600);
    op_scoped(rig, CYC_SIGNAL_SLOPE, CYC_SCOPE_STEP, 0);
    op(rig, CYC_OP_ABS);
    op_const(rig, 1e-3);
    op(rig, CYC_OP_GT);
    op(rig, CYC_OP_NOT);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    CU_ASSERT_EQUAL(rig_run(rig)->step_time_ns, 600 * SECOND);
    rig_free(rig);
}

static void rest_ends_when_the_relaxation_has_slowed_down(void)
{
    /* After 600 s at 1C: dV/dt = I R1 (1 - e^-20) / tau * exp(-t/tau); 1 mV/h is met where the
     * mean over the window is. */
    struct rig *rig = rig_new(1.0);
    rig->cell.r1_ohm = 0.015;
    rig->cell.tau_s = 300;
    make_cc(rig, -2.5);
    cut_time(rig, 600);
    (void)rig_run(rig);
    make_rest(rig);
    add_slope(rig, CYC_SIGNAL_VOLTAGE, 60);
    cut_slope(rig, 0, 1e-3 / 3600);
    const struct cyc_result *result = rig_run(rig);
    const double at_start = 2.5 * 0.015 * -expm1(-2.0) / 300;
    const double expected_s = 300 * log(at_start / (1e-3 / 3600)) + 30;
    CYC_NEAR((double)result->step_time_ns / 1e9, expected_s, 10.0); /* it ends on a sample */
    CU_ASSERT_TRUE(rig->samples > expected_s / 10);
    rig_free(rig);
}

static void window_begins_anew_after_a_pause_and_at_the_crossing(void)
{
    struct rig *rig = running(10);
    for (int i = 0; i < 15; i++) {
        give(rig, 3.6, 0, 25);
        rig_pass(rig, SECOND);
    }
    CU_ASSERT_FALSE(isnan(rig->core.slopes[0]));
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_pass(rig, SECOND);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    give(rig, 3.6, 0, 25);
    CU_ASSERT_TRUE(isnan(rig->core.slopes[0]));
    CU_ASSERT_EQUAL(rig->core.slope_count[0], 1);
    rig_free(rig);

    rig = rig_new(0.5);
    make_cccv(rig, 1.0, 3.7);
    add_slope(rig, CYC_SIGNAL_CURRENT, 30);
    cut_slope(rig, 0, 1.0 / 3600); /* dI/dt is 0 all through the first phase */
    cut_current(rig, 0.01);
    rig->step.cutoffs[0].hold_only = true;
    const struct cyc_result *result = rig_run(rig);
    CU_ASSERT_TRUE(result->hold_time_ns >= 30 * SECOND);
    rig_free(rig);
}

static void short_windows_are_sampled_often_enough(void)
{
    struct rig *rig = running(8);
    give(rig, 3.6, 0, 25);
    CU_ASSERT_TRUE(rig->actions.sampled);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, SECOND);
    rig_free(rig);
    rig = running(3600);
    give(rig, 3.6, 0, 25);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_SAMPLE_GAP_NS);
    rig_free(rig);
}

static void malformed_slopes_are_refused(void)
{
    for (int i = 0; i < 3; i++) {
        struct rig *rig = rig_new(0.5);
        add_slope(rig, i == 0 ? CYC_SIGNAL_TIME : CYC_SIGNAL_VOLTAGE, i == 1 ? 0.0005 : 60);
        rig->step.slope_count = i == 2 ? CYC_SLOPES_MAX + 1 : 1;
        rig_step(rig);
        CU_ASSERT_EQUAL(cyc_core_fault(&rig->core)->kind, CYC_FAULT_INVARIANT);
        rig_free(rig);
    }
}

const struct cyc_check cyc_check_slopes[] = {
    CYC_CHECK(slope_of_a_straight_line_is_its_slope),
    CYC_CHECK(slope_is_that_of_least_squares),
    CYC_CHECK(slope_does_not_depend_on_where_the_samples_lie),
    CYC_CHECK(window_begins_between_two_samples),
    CYC_CHECK(fewer_than_five_samples_say_nothing),
    CYC_CHECK(fast_samples_are_thinned_without_losing_the_slope),
    CYC_CHECK(four_slopes_share_the_ring),
    CYC_CHECK(invalid_readings_are_no_points),
    CYC_CHECK(rest_never_ends_on_a_slope_that_has_not_warmed_up),
    CYC_CHECK(the_opposite_of_an_unknown_slope_is_not_true_either),
    CYC_CHECK(rest_ends_when_the_relaxation_has_slowed_down),
    CYC_CHECK(window_begins_anew_after_a_pause_and_at_the_crossing),
    CYC_CHECK(short_windows_are_sampled_often_enough),
    CYC_CHECK(malformed_slopes_are_refused),
    {0},
};
