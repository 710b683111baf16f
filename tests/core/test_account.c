/* Charge, energy and time: what is counted, by whom, and since when. */
#include "rig.h"

static void give(struct rig *rig, double voltage_V, double current_A)
{
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = voltage_V;
    sample.current_A = current_A;
    sample.flags &= ~(unsigned)CYC_SAMPLE_EXACT;
    rig_give(rig, &sample);
}

static const struct cyc_sums *step_sums(const struct rig *rig)
{
    return cyc_core_sums(&rig->core, CYC_SCOPE_STEP);
}

/* A rest that runs and has had a sample at 0 s with these values. */
static struct rig *running(double voltage_V, double current_A)
{
    struct rig *rig = rig_new(0.5);
    rig_sample(rig);
    rig_step(rig);
    give(rig, voltage_V, current_A);
    return rig;
}

static void trapezoid_between_two_samples(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, 3600 * SECOND);
    give(rig, 3.0, 2.0);
    CYC_NEAR(step_sums(rig)->charge_Ah, 1.5, 1e-15);
    CYC_NEAR(step_sums(rig)->charge_Wh, 0.5 * (4.0 * 1.0 + 3.0 * 2.0), 1e-15);
    CYC_NEAR(step_sums(rig)->discharge_Ah, 0, 0);
    rig_pass(rig, 1800 * SECOND);
    give(rig, 3.0, 2.0);
    CYC_NEAR(step_sums(rig)->charge_Ah, 2.5, 1e-15);
    rig_free(rig);
}

static void sign_change_splits_at_the_zero_of_the_line(void)
{
    /* +1 A to -3 A in one hour: zero after a quarter; 1/8 Ah in, 9/8 Ah out */
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, HOUR);
    give(rig, 3.0, -3.0);
    CYC_NEAR(step_sums(rig)->charge_Ah, 0.125, 1e-15);
    CYC_NEAR(step_sums(rig)->discharge_Ah, 1.125, 1e-15);
    CYC_NEAR(step_sums(rig)->charge_Wh, 0.5, 1e-15);
    CYC_NEAR(step_sums(rig)->discharge_Wh, 3.375, 1e-15);
    rig_free(rig);
}

static void discharge_is_counted_apart(void)
{
    struct rig *rig = running(4.0, -1.0);
    rig_pass(rig, HOUR);
    give(rig, 4.0, 0.0);
    CYC_NEAR(step_sums(rig)->discharge_Ah, 0.5, 1e-15);
    CYC_NEAR(step_sums(rig)->discharge_Wh, 2.0, 1e-15);
    CYC_NEAR(step_sums(rig)->charge_Ah, 0, 0);
    rig_free(rig);
}

static void exact_counts_are_taken_and_said_so(void)
{
    struct rig *rig = running(4.0, 1.0);
    CU_ASSERT_TRUE(rig->core.exact);
    rig_pass(rig, HOUR);
    struct cyc_sample sample = rig_peek(rig);
    sample.charge_Ah = 0.9;
    sample.discharge_Ah = 0.1;
    sample.charge_Wh = 3.3;
    sample.discharge_Wh = 0.3;
    rig_give(rig, &sample);
    CYC_NEAR(step_sums(rig)->charge_Ah, 0.9, 0);
    CYC_NEAR(step_sums(rig)->discharge_Ah, 0.1, 0);
    CYC_NEAR(step_sums(rig)->charge_Wh, 3.3, 0);
    CYC_NEAR(step_sums(rig)->discharge_Wh, 0.3, 0);
    CU_ASSERT_TRUE(rig->core.exact);
    rig_pass(rig, SECOND);
    give(rig, 4.0, 1.0);
    CU_ASSERT_FALSE(rig->core.exact);
    rig_operator(rig, CYC_OPERATOR_SKIP);
    CU_ASSERT_FALSE((rig_result(rig)->flags & CYC_RESULT_EXACT) != 0);
    CU_ASSERT_TRUE(rig->core.exact); /* the next step begins anew */
    rig_free(rig);
}

static void counts_that_are_no_numbers_are_replaced_by_the_trapezoid(void)
{
    const double bad[] = {NAN, -1e-9, INFINITY};
    for (unsigned i = 0; i < 12; i++) {
        struct rig *rig = running(4.0, 1.0);
        rig_pass(rig, HOUR);
        struct cyc_sample sample = rig_peek(rig);
        sample.voltage_V = 4.0;
        sample.current_A = 1.0;
        double *const counts[] = {&sample.charge_Ah, &sample.discharge_Ah, &sample.charge_Wh,
                                  &sample.discharge_Wh};
        *counts[i / 3] = bad[i % 3];
        rig_give(rig, &sample);
        CYC_NEAR(step_sums(rig)->charge_Ah, 1.0, 1e-15);
        CU_ASSERT_FALSE(rig->core.exact);
        rig_free(rig);
    }
}

static void give_switched(struct rig *rig, double voltage_V, double current_A, int64_t since_ns)
{
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = voltage_V;
    sample.current_A = current_A;
    sample.since_ns = since_ns;
    sample.flags &= ~(unsigned)CYC_SAMPLE_EXACT;
    rig_give(rig, &sample);
}

static void a_switch_in_between_gives_each_current_its_own_side(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, HOUR);
    give_switched(rig, 3.0, -2.0, 45 * MINUTE);
    CYC_NEAR(step_sums(rig)->charge_Ah, 0.75, 1e-15);
    CYC_NEAR(step_sums(rig)->charge_Wh, 3.0, 1e-15);
    CYC_NEAR(step_sums(rig)->discharge_Ah, 0.5, 1e-15);
    CYC_NEAR(step_sums(rig)->discharge_Wh, 1.5, 1e-15);
    CU_ASSERT_FALSE(rig->core.exact);
    rig_pass(rig, HOUR); /* the next one was taken under the same: a trapezoid */
    give_switched(rig, 3.0, -1.0, 45 * MINUTE);
    CYC_NEAR(step_sums(rig)->discharge_Ah, 2.0, 1e-15);
    rig_free(rig);
}

static void a_switch_behind_the_sample_counts_from_the_next_one_on(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, HOUR);
    give_switched(rig, 4.0, 1.0, 2 * HOUR);
    CYC_NEAR(step_sums(rig)->charge_Ah, 1.0, 1e-15);
    rig_pass(rig, 2 * HOUR);
    give_switched(rig, 4.0, 0.0, 2 * HOUR);
    CYC_NEAR(step_sums(rig)->charge_Ah, 2.0, 1e-15);
    rig_free(rig);
}

static void an_invalid_reading_leaves_the_switch_to_the_next_one(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, HOUR);
    give_switched(rig, 4.0, NAN, 30 * MINUTE);
    rig_pass(rig, HOUR);
    give_switched(rig, 4.0, 2.0, 30 * MINUTE);
    CYC_NEAR(step_sums(rig)->charge_Ah, 0.5 + 3.0, 1e-15);
    rig_free(rig);
}

static void behind_a_gap_a_current_counts_from_when_it_was_switched_on(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, HOUR);
    rig_operator(rig, CYC_OPERATOR_INTERRUPT);
    rig_pass(rig, HOUR);
    give_switched(rig, 4.0, 2.0, 90 * MINUTE);
    CYC_NEAR(step_sums(rig)->charge_Ah, 1.0, 1e-15);
    rig_operator(rig, CYC_OPERATOR_INTERRUPT);
    rig_pass(rig, HOUR); /* switched before the end of the gap: that is the gap's */
    give_switched(rig, 4.0, 2.0, 90 * MINUTE);
    CYC_NEAR(step_sums(rig)->charge_Ah, 1.0, 1e-15);
    rig_free(rig);
}

static void invalid_readings_are_bridged_by_the_valid_ones_around(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, SECOND);
    give(rig, NAN, 1.0);
    rig_pass(rig, SECOND);
    give(rig, 4.0, NAN);
    CYC_NEAR(step_sums(rig)->charge_Ah, 0, 0);
    rig_pass(rig, SECOND);
    give(rig, 4.0, 1.0);
    CYC_NEAR(step_sums(rig)->charge_Ah, 3.0 / 3600, 1e-15);
    rig_free(rig);
}

static void samples_from_the_past_change_nothing_but_their_own_count(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, 10 * SECOND);
    give(rig, 4.0, 1.0);
    const double before_Ah = step_sums(rig)->charge_Ah;
    struct cyc_sample old = rig_peek(rig);
    old.t_ns -= 5 * SECOND;
    old.flags &= ~(unsigned)CYC_SAMPLE_EXACT;
    old.current_A = 100;
    rig_give(rig, &old);
    CYC_NEAR(step_sums(rig)->charge_Ah, before_Ah, 0);
    old.flags |= CYC_SAMPLE_EXACT;
    old.charge_Ah = 0.25;
    rig_give(rig, &old);
    CYC_NEAR(step_sums(rig)->charge_Ah, before_Ah + 0.25, 1e-15);
    CU_ASSERT_EQUAL(rig->core.previous_ns, 10 * SECOND);
    CU_ASSERT_EQUAL(rig->core.step_time_ns, 10 * SECOND);
    old.charge_Ah = NAN; /* a count that is none: nothing to bridge either */
    rig_give(rig, &old);
    CYC_NEAR(step_sums(rig)->charge_Ah, before_Ah + 0.25, 1e-15);
    rig_free(rig);
}

static void a_repeated_sample_adds_nothing(void)
{
    struct rig *rig = running(4.0, 1.0);
    rig_pass(rig, SECOND);
    give(rig, 4.0, 1.0);
    const double before_Ah = step_sums(rig)->charge_Ah;
    give(rig, 4.0, 1.0);
    CYC_NEAR(step_sums(rig)->charge_Ah, before_Ah, 0);
    rig_free(rig);
}

static void scopes_are_the_sums_of_their_steps(void)
{
    struct rig *rig = rig_new(0.5);
    double cycle_Ah = 0;
    double test_Ah = 0;
    for (int i = 0; i < 40; i++) {
        make_cc(rig, 0.1 + 0.01 * i);
        rig->step.block_depth = 2;
        if (i % 4 == 0) {
            rig->step.scope_resets = 1u << CYC_SCOPE_CYCLE | 1u << (CYC_SCOPE_BLOCK + 1);
            cycle_Ah = 0;
        }
        cut_time(rig, 7.7);
        const struct cyc_result *result = rig_run(rig);
        cycle_Ah += result->sums.charge_Ah;
        test_Ah += result->sums.charge_Ah;
        /* to the last bit: base + step, in the same order */
        CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_CYCLE)->charge_Ah, cycle_Ah, 0);
        CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_BLOCK + 1)->charge_Ah, cycle_Ah, 0);
        CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_TEST)->charge_Ah, test_Ah, 0);
        CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_BLOCK)->charge_Ah, test_Ah, 0);
        CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_STEP)->charge_Ah, 0, 0);
    }
    CYC_NEAR(test_Ah, rig->cell.q_Ah, 1e-9 * test_Ah);
    rig_free(rig);
}

static void charge_between_two_steps_belongs_to_the_next(void)
{
    struct rig *rig = rig_new(0.5);
    rig->not_exact = true;
    make_cc(rig, 1.0);
    cut_time(rig, 10);
    (void)rig_run(rig);
    rig_pass(rig, SECOND);
    rig_sample(rig); /* the source took a second: 1 A flowed on */
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    make_rest(rig);
    cut_time(rig, 10);
    const struct cyc_result *result = rig_run(rig);
    CYC_NEAR(result->sums.charge_Ah, 1.0 / 3600, 1e-15);
    CU_ASSERT_EQUAL(result->start_ns, 11 * SECOND);
    CU_ASSERT_EQUAL(result->end_ns, 21 * SECOND);
    rig_free(rig);
}

static void trapezoid_and_exact_count_agree(void)
{
    double charge_Ah[2];
    double energy_Wh[2];
    for (int exact = 0; exact < 2; exact++) {
        struct rig *rig = rig_new(0.5);
        rig->not_exact = exact == 0;
        rig->grid_ns = SECOND;
        make_cccv(rig, 1.25, 4.1);
        cut_current(rig, 0.1);
        const struct cyc_result *result = rig_run(rig);
        charge_Ah[exact] = result->sums.charge_Ah;
        energy_Wh[exact] = result->sums.charge_Wh;
        rig_free(rig);
    }
    CYC_NEAR(charge_Ah[0] / charge_Ah[1], 1, 1e-5);
    CYC_NEAR(energy_Wh[0] / energy_Wh[1], 1, 1e-5);
}

static void unknown_scope_is_the_step(void)
{
    struct rig *rig = rig_new(0.5);
    CU_ASSERT_PTR_EQUAL(cyc_core_sums(&rig->core, 1000), step_sums(rig));
    rig_free(rig);
}

const struct cyc_check cyc_check_account[] = {
    CYC_CHECK(trapezoid_between_two_samples),
    CYC_CHECK(sign_change_splits_at_the_zero_of_the_line),
    CYC_CHECK(discharge_is_counted_apart),
    CYC_CHECK(exact_counts_are_taken_and_said_so),
    CYC_CHECK(counts_that_are_no_numbers_are_replaced_by_the_trapezoid),
    CYC_CHECK(a_switch_in_between_gives_each_current_its_own_side),
    CYC_CHECK(a_switch_behind_the_sample_counts_from_the_next_one_on),
    CYC_CHECK(an_invalid_reading_leaves_the_switch_to_the_next_one),
    CYC_CHECK(behind_a_gap_a_current_counts_from_when_it_was_switched_on),
    CYC_CHECK(invalid_readings_are_bridged_by_the_valid_ones_around),
    CYC_CHECK(samples_from_the_past_change_nothing_but_their_own_count),
    CYC_CHECK(a_repeated_sample_adds_nothing),
    CYC_CHECK(scopes_are_the_sums_of_their_steps),
    CYC_CHECK(charge_between_two_steps_belongs_to_the_next),
    CYC_CHECK(trapezoid_and_exact_count_agree),
    CYC_CHECK(unknown_scope_is_the_step),
    {0},
};
