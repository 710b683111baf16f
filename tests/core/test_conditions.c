/* Conditions: what they come to on given samples, and how they are translated. */
#include "rig.h"

/* A running rest whose first cutoff is the condition under test. */
static struct rig *running_with(void (*make)(struct rig *rig))
{
    struct rig *rig = rig_new(0.5);
    make(rig);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_sample(rig);
    rig_step(rig);
    return rig;
}

static void give(struct rig *rig, double voltage_V, double current_A, double temperature_degC)
{
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = voltage_V;
    sample.current_A = current_A;
    sample.temperature_degC = temperature_degC;
    sample.flags &= ~(unsigned)CYC_SAMPLE_EXACT;
    rig_give(rig, &sample);
}

/* Whether the step ends on a sample with these values. */
static bool ends(void (*make)(struct rig *rig), double voltage_V, double current_A,
                 double temperature_degC)
{
    struct rig *rig = running_with(make);
    give(rig, voltage_V, current_A, temperature_degC);
    const bool ended = rig->result_count == 1;
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
    return ended;
}

/* ---- Single comparisons ---------------------------------------------------------------------- */

static enum cyc_op_code code_under_test;
static double bound_under_test;

static void voltage_compared(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, bound_under_test);
    op(rig, code_under_test);
}

static void voltage_compared_mirrored(struct rig *rig)
{
    op_const(rig, bound_under_test);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op(rig, code_under_test);
}

static void magnitude_compared(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op(rig, CYC_OP_ABS);
    op_const(rig, bound_under_test);
    op(rig, code_under_test);
}

/* min(voltage, 1000): the same comparison by calculation. */
static void voltage_calculated(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 1000);
    op(rig, CYC_OP_MIN);
    op_const(rig, bound_under_test);
    op(rig, code_under_test);
}

static void every_comparison_means_what_it_says(void)
{
    static const struct {
        enum cyc_op_code code;
        bool below, at, above;
    } rows[] = {
        {CYC_OP_LT, true, false, false}, {CYC_OP_LE, true, true, false},
        {CYC_OP_GT, false, false, true}, {CYC_OP_GE, false, true, true},
        {CYC_OP_EQ, false, true, false}, {CYC_OP_NE, true, false, true},
    };
    bound_under_test = 3.5;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        code_under_test = rows[i].code;
        CU_ASSERT_EQUAL(ends(voltage_compared, 3.4, 0, 25), rows[i].below);
        CU_ASSERT_EQUAL(ends(voltage_compared, 3.5, 0, 25), rows[i].at);
        CU_ASSERT_EQUAL(ends(voltage_compared, 3.6, 0, 25), rows[i].above);
        CU_ASSERT_EQUAL(ends(voltage_compared_mirrored, 3.4, 0, 25), rows[i].above);
        CU_ASSERT_EQUAL(ends(voltage_compared_mirrored, 3.5, 0, 25), rows[i].at);
        CU_ASSERT_EQUAL(ends(voltage_compared_mirrored, 3.6, 0, 25), rows[i].below);
        CU_ASSERT_EQUAL(ends(voltage_calculated, 3.4, 0, 25), rows[i].below);
        CU_ASSERT_EQUAL(ends(voltage_calculated, 3.5, 0, 25), rows[i].at);
        CU_ASSERT_EQUAL(ends(voltage_calculated, 3.6, 0, 25), rows[i].above);
        /* the magnitude, from both sides */
        for (int sign = -1; sign <= 1; sign += 2) {
            CU_ASSERT_EQUAL(ends(magnitude_compared, 3.4, sign * 3.4, 25), rows[i].below);
            CU_ASSERT_EQUAL(ends(magnitude_compared, 3.4, sign * 3.5, 25), rows[i].at);
            CU_ASSERT_EQUAL(ends(magnitude_compared, 3.4, sign * 3.6, 25), rows[i].above);
        }
    }
}

static void magnitudes_against_negative_numbers_are_settled(void)
{
    bound_under_test = -1;
    code_under_test = CYC_OP_GT;
    CU_ASSERT_TRUE(ends(magnitude_compared, 3.4, 0, 25));
    code_under_test = CYC_OP_LT;
    CU_ASSERT_FALSE(ends(magnitude_compared, 3.4, 0, 25));
}

/* ---- Scaled and shifted signals -------------------------------------------------------------- */

/* 2 * (voltage - 3) / -0.5 + 1 > -1, that is: voltage < 3.5 */
static void scaled(struct rig *rig)
{
    op_const(rig, 2);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 3);
    op(rig, CYC_OP_SUB);
    op(rig, CYC_OP_MUL);
    op_const(rig, -0.5);
    op(rig, CYC_OP_DIV);
    op_const(rig, 1);
    op(rig, CYC_OP_ADD);
    op_const(rig, -1);
    op(rig, CYC_OP_GT);
}

static void a_scaled_and_shifted_signal_is_solved(void)
{
    CU_ASSERT_TRUE(ends(scaled, 3.49, 0, 25));
    CU_ASSERT_FALSE(ends(scaled, 3.51, 0, 25));
    struct rig *rig = running_with(scaled);
    CU_ASSERT_EQUAL(rig->core.atom_count, 1);
    CU_ASSERT_EQUAL(rig->core.atoms[0].count, 0);
    CYC_NEAR(rig->core.atoms[0].high, 3.5, 1e-15);
    CU_ASSERT_TRUE((rig->core.atoms[0].flags & CYC_ATOM_HIGH_OPEN) != 0);
    give(rig, 3.6, 0, 25);
    CU_ASSERT_FALSE(rig->actions.sampled);
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 3.5));
    rig_free(rig);
}

/* 10 - voltage * 2 <= voltage - 0.5: voltage >= 3.5, the signal on both sides */
static void on_both_sides(struct rig *rig)
{
    op_const(rig, 10);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 2);
    op(rig, CYC_OP_MUL);
    op(rig, CYC_OP_SUB);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 0.5);
    op(rig, CYC_OP_SUB);
    op(rig, CYC_OP_LE);
}

static void a_signal_on_both_sides_is_brought_over(void)
{
    CU_ASSERT_FALSE(ends(on_both_sides, 3.49, 0, 25));
    CU_ASSERT_TRUE(ends(on_both_sides, 3.51, 0, 25));
    struct rig *rig = running_with(on_both_sides);
    CYC_NEAR(rig->core.atoms[0].low, 3.5, 1e-15);
    CU_ASSERT_EQUAL(rig->core.atoms[0].count, 0);
    rig_free(rig);
}

/* -(voltage + voltage) < -7.2, abs(-2) taken for the number */
static void negated(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op(rig, CYC_OP_ADD);
    op(rig, CYC_OP_NEG);
    op_const(rig, -3.6);
    op(rig, CYC_OP_ABS);
    op_const(rig, -2);
    op(rig, CYC_OP_MUL);
    op(rig, CYC_OP_LT);
}

/* (voltage - voltage) >= 0: no signal is left of it, and it is true */
static void cancelled(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op(rig, CYC_OP_SUB);
    op_const(rig, 0);
    op(rig, CYC_OP_GE);
}

/* voltage > current, and current + 1 against the voltage's magnitude */
static void two_signals(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op(rig, CYC_OP_GT);
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op_const(rig, 1);
    op(rig, CYC_OP_ADD);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op(rig, CYC_OP_ABS);
    op(rig, CYC_OP_LT);
    op(rig, CYC_OP_AND);
}

/* voltage + 1 > voltage: brought over, nothing is left of the signal, and it is true */
static void cancelled_on_both_sides(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 1);
    op(rig, CYC_OP_ADD);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op(rig, CYC_OP_GT);
}

/* abs(current) < voltage - 1, and the other way round */
static void magnitude_and_signal(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op(rig, CYC_OP_ABS);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 1);
    op(rig, CYC_OP_SUB);
    op(rig, CYC_OP_LT);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op(rig, CYC_OP_ABS);
    op(rig, CYC_OP_GT);
    op(rig, CYC_OP_AND);
}

/* (1 + 2) * max(voltage, 3) >= 10.5: a number times something calculated */
static void number_times_calculated(struct rig *rig)
{
    op_const(rig, 1);
    op_const(rig, 2);
    op(rig, CYC_OP_ADD);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 3);
    op(rig, CYC_OP_MAX);
    op(rig, CYC_OP_MUL);
    op_const(rig, 10.5);
    op(rig, CYC_OP_GE);
}

/* voltage / (current + 1) > 2: one signal divided by another */
static void divided_by_a_signal(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op_const(rig, 1);
    op(rig, CYC_OP_ADD);
    op(rig, CYC_OP_DIV);
    op_const(rig, 2);
    op(rig, CYC_OP_GT);
}

/* max(voltage, 3.45) / 2 < 1.74: something calculated, divided by a number */
static void calculated_divided(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 3.45);
    op(rig, CYC_OP_MAX);
    op_const(rig, 2);
    op(rig, CYC_OP_DIV);
    op_const(rig, 1.74);
    op(rig, CYC_OP_LT);
}

/* abs(voltage * 1e-300 + 1) >= 1e300: a root beyond all numbers */
static void root_out_of_range(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 1e-300);
    op(rig, CYC_OP_MUL);
    op_const(rig, bound_under_test);
    op(rig, CYC_OP_ADD);
    op(rig, CYC_OP_ABS);
    op_const(rig, 1e300);
    op(rig, CYC_OP_GE);
}

/* Sums of two scopes and of two sensors are two signals each. */
static void signals_of_one_kind_are_told_apart(void)
{
    struct rig *rig = rig_new(0.5);
    op_scoped(rig, CYC_SIGNAL_CAPACITY, CYC_SCOPE_STEP, 0);
    op_scoped(rig, CYC_SIGNAL_CAPACITY, CYC_SCOPE_TEST, 0);
    op(rig, CYC_OP_LT);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    op_scoped(rig, CYC_SIGNAL_AUX, CYC_SCOPE_STEP, 1);
    op_scoped(rig, CYC_SIGNAL_AUX, CYC_SCOPE_STEP, 2);
    op(rig, CYC_OP_LT);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    struct cyc_sample sample = rig_peek(rig);
    sample.aux[2] = 1;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig_result(rig)->cutoff, 1);
    rig_free(rig);
}

static void other_forms_are_calculated(void)
{
    CU_ASSERT_TRUE(ends(cancelled_on_both_sides, 3.5, 0, 25));
    CU_ASSERT_TRUE(ends(magnitude_and_signal, 3.5, -2.4, 25));
    CU_ASSERT_FALSE(ends(magnitude_and_signal, 3.5, -2.6, 25));
    CU_ASSERT_TRUE(ends(divided_by_a_signal, 3.5, 0.5, 25));
    CU_ASSERT_FALSE(ends(divided_by_a_signal, 3.5, 1, 25));
    CU_ASSERT_TRUE(ends(calculated_divided, 3.0, 0, 25));
    CU_ASSERT_FALSE(ends(calculated_divided, 3.5, 0, 25));
    CU_ASSERT_TRUE(ends(number_times_calculated, 3.5, 0, 25));
    CU_ASSERT_FALSE(ends(number_times_calculated, 3.4, 0, 25));
    bound_under_test = 1;
    CU_ASSERT_FALSE(ends(root_out_of_range, 3.5, 0, 25));
    bound_under_test = -1;
    CU_ASSERT_FALSE(ends(root_out_of_range, 3.5, 0, 25));
    bound_under_test = 1e300; /* one root is zero, the other beyond all numbers */
    CU_ASSERT_TRUE(ends(root_out_of_range, 3.5, 0, 25));
    bound_under_test = -1e300;
    CU_ASSERT_TRUE(ends(root_out_of_range, 3.5, 0, 25));
    CU_ASSERT_FALSE(ends(negated, 3.59, 0, 25));
    CU_ASSERT_TRUE(ends(negated, 3.61, 0, 25));
    CU_ASSERT_TRUE(ends(cancelled, 3.5, 0, 25));
    CU_ASSERT_TRUE(ends(two_signals, 3.5, 2.4, 25));
    CU_ASSERT_FALSE(ends(two_signals, 3.5, 2.6, 25));
    CU_ASSERT_FALSE(ends(two_signals, 3.5, 3.6, 25));
}

/* ---- Arithmetic ------------------------------------------------------------------------------ */

static enum cyc_op_code operation;
static double left_number, right_number, expected_number;

/* max(voltage, -1e9) - voltage makes a zero that is not folded. */
static void a_zero(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, -1e9);
    op(rig, CYC_OP_MAX);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op(rig, CYC_OP_SUB);
}

static void binary_result(struct rig *rig)
{
    a_zero(rig);
    op_const(rig, left_number);
    op(rig, CYC_OP_ADD);
    op_const(rig, right_number);
    op(rig, operation);
    op_const(rig, expected_number);
    op(rig, CYC_OP_EQ);
}

static void unary_result(struct rig *rig)
{
    a_zero(rig);
    op_const(rig, left_number);
    op(rig, CYC_OP_ADD);
    op(rig, operation);
    op_const(rig, expected_number);
    op(rig, CYC_OP_EQ);
}

static bool gives(enum cyc_op_code code, double x, double y, double expected)
{
    operation = code;
    left_number = x;
    right_number = y;
    expected_number = expected;
    const bool unary = code == CYC_OP_NEG || code == CYC_OP_ABS || code == CYC_OP_FLOOR;
    return ends(unary ? unary_result : binary_result, 3.5, 0, 25);
}

static void arithmetic_is_that_of_lua(void)
{
    CU_ASSERT_TRUE(gives(CYC_OP_ADD, 1.5, 2.25, 3.75));
    CU_ASSERT_TRUE(gives(CYC_OP_SUB, 1.5, 2.25, -0.75));
    CU_ASSERT_TRUE(gives(CYC_OP_MUL, 1.5, -2.0, -3.0));
    CU_ASSERT_TRUE(gives(CYC_OP_DIV, 1.5, -2.0, -0.75));
    CU_ASSERT_TRUE(gives(CYC_OP_MIN, 1.5, -2.0, -2.0));
    CU_ASSERT_TRUE(gives(CYC_OP_MIN, -2.0, 1.5, -2.0));
    CU_ASSERT_TRUE(gives(CYC_OP_MAX, 1.5, -2.0, 1.5));
    CU_ASSERT_TRUE(gives(CYC_OP_MAX, -2.0, 1.5, 1.5));
    CU_ASSERT_TRUE(gives(CYC_OP_MOD, 5.5, 2.0, 1.5));
    CU_ASSERT_TRUE(gives(CYC_OP_MOD, -5.5, 2.0, 0.5));
    CU_ASSERT_TRUE(gives(CYC_OP_MOD, 5.5, -2.0, -0.5));
    CU_ASSERT_TRUE(gives(CYC_OP_NEG, 5.5, 0, -5.5));
    CU_ASSERT_TRUE(gives(CYC_OP_ABS, -5.5, 0, 5.5));
    CU_ASSERT_TRUE(gives(CYC_OP_FLOOR, 5.5, 0, 5.0));
    CU_ASSERT_TRUE(gives(CYC_OP_FLOOR, -5.5, 0, -6.0));
    CU_ASSERT_TRUE(gives(CYC_OP_FLOOR, -5.0, 0, -5.0));
    CU_ASSERT_TRUE(gives(CYC_OP_FLOOR, 1e300, 0, 1e300));
    CU_ASSERT_FALSE(gives(CYC_OP_FLOOR, 5.5, 0, 5.5));
}

/* voltage / (current * current) > 0: two forms of the same signal, and nothing to divide by */
static void ratio(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op(rig, CYC_OP_MUL);
    op(rig, CYC_OP_DIV);
    op_const(rig, 0);
    op(rig, CYC_OP_GT);
}

static void not_ratio(struct rig *rig)
{
    ratio(rig);
    op(rig, CYC_OP_NOT);
}

/* voltage / 0 and voltage mod 0 */
static void constant_zero(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 0);
    op(rig, operation);
    op_const(rig, 0);
    op(rig, CYC_OP_GE);
}

static void a_ratio_without_a_divisor_is_neither_true_nor_bad(void)
{
    CU_ASSERT_TRUE(ends(ratio, 3.5, 0.1, 25));
    CU_ASSERT_FALSE(ends(ratio, 3.5, 0, 25));
    CU_ASSERT_FALSE(ends(not_ratio, 3.5, 0, 25));
    operation = CYC_OP_DIV;
    CU_ASSERT_FALSE(ends(constant_zero, 3.5, 0, 25));
    operation = CYC_OP_MOD;
    CU_ASSERT_FALSE(ends(constant_zero, 3.5, 0, 25));
    struct rig *rig = running_with(ratio);
    for (int i = 0; i < 10; i++) {
        give(rig, 3.5, 0, 25);
        rig_pass(rig, SECOND);
    }
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
}

/* voltage against a result that does not exist yet */
static void missing(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, NAN);
    op(rig, CYC_OP_GT);
}

static void not_missing(struct rig *rig)
{
    missing(rig);
    op(rig, CYC_OP_NOT);
}

static void only_numbers(struct rig *rig)
{
    op_const(rig, 2);
    op_const(rig, 1);
    op(rig, CYC_OP_GT);
}

static void what_does_not_exist_yet_is_not_true(void)
{
    CU_ASSERT_FALSE(ends(missing, 3.5, 0, 25));
    CU_ASSERT_FALSE(ends(not_missing, 3.5, 0, 25));
    CU_ASSERT_TRUE(ends(only_numbers, 3.5, 0, 25));
}

/* ---- and, or, not ---------------------------------------------------------------------------- */

static bool with_not;
static enum cyc_op_code joined_by;

/* voltage > 3.5 (joined) temperature > 40 */
static void joined(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 3.5);
    op(rig, CYC_OP_GT);
    op_signal(rig, CYC_SIGNAL_TEMPERATURE);
    op_const(rig, 40);
    op(rig, CYC_OP_GT);
    op(rig, joined_by);
    if (with_not) {
        op(rig, CYC_OP_NOT);
    }
}

static void logic_holds_with_good_data(void)
{
    for (int not = 0; not < 2; not ++) {
        with_not = not == 1;
        joined_by = CYC_OP_AND;
        CU_ASSERT_EQUAL(ends(joined, 3.6, 0, 50), !with_not);
        CU_ASSERT_EQUAL(ends(joined, 3.6, 0, 30), with_not);
        CU_ASSERT_EQUAL(ends(joined, 3.4, 0, 50), with_not);
        joined_by = CYC_OP_OR;
        CU_ASSERT_EQUAL(ends(joined, 3.6, 0, 30), !with_not);
        CU_ASSERT_EQUAL(ends(joined, 3.4, 0, 50), !with_not);
        CU_ASSERT_EQUAL(ends(joined, 3.4, 0, 30), with_not);
    }
}

static void bad_data_decide_nothing_that_good_data_have_not_decided(void)
{
    with_not = false;
    joined_by = CYC_OP_OR;
    CU_ASSERT_TRUE(ends(joined, 3.6, 0, NAN)); /* true or anything */
    CU_ASSERT_FALSE(ends(joined, 3.4, 0, NAN));
    joined_by = CYC_OP_AND;
    CU_ASSERT_FALSE(ends(joined, 3.6, 0, NAN));
    with_not = true;
    CU_ASSERT_TRUE(ends(joined, 3.4, 0, NAN)); /* not (false and anything) */
    CU_ASSERT_FALSE(ends(joined, 3.6, 0, NAN));
    CU_ASSERT_FALSE(ends(joined, 3.6, 0, INFINITY));
}

/* (missing) and (temperature > 40), in both orders: bad is worse than unknown */
static void unknown_and_bad(struct rig *rig)
{
    missing(rig);
    op_signal(rig, CYC_SIGNAL_TEMPERATURE);
    op_const(rig, 40);
    op(rig, CYC_OP_GT);
    op(rig, CYC_OP_AND);
}

static void bad_and_unknown(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_TEMPERATURE);
    op_const(rig, 40);
    op(rig, CYC_OP_GT);
    missing(rig);
    op(rig, CYC_OP_AND);
}

static void unknown_and_bad_together_are_not_true(void)
{
    CU_ASSERT_FALSE(ends(unknown_and_bad, 3.5, 0, NAN));
    CU_ASSERT_FALSE(ends(bad_and_unknown, 3.5, 0, NAN));
    CU_ASSERT_FALSE(ends(unknown_and_bad, 3.5, 0, 50));
    CU_ASSERT_FALSE(ends(bad_and_unknown, 3.5, 0, 50));
}

/* ---- Signals --------------------------------------------------------------------------------- */

static void every_signal_is_read(void)
{
    static const struct {
        enum cyc_signal signal;
        double value;
    } rows[] = {
        {CYC_SIGNAL_VOLTAGE, 3.5},
        {CYC_SIGNAL_CURRENT, -2},
        {CYC_SIGNAL_POWER, -7},
        {CYC_SIGNAL_TEMPERATURE, 31},
        {CYC_SIGNAL_AMBIENT, 32},
        {CYC_SIGNAL_PRESSURE, 33},
        {CYC_SIGNAL_PEAK, 3.9},
        {CYC_SIGNAL_TIME, 20},
        {CYC_SIGNAL_HOLD_TIME, 0},
        {CYC_SIGNAL_CHARGE_CAPACITY, 3},
        {CYC_SIGNAL_DISCHARGE_CAPACITY, 1},
        {CYC_SIGNAL_NET_CAPACITY, 2},
        {CYC_SIGNAL_CAPACITY, 4},
        {CYC_SIGNAL_CHARGE_ENERGY, 12},
        {CYC_SIGNAL_DISCHARGE_ENERGY, 3},
        {CYC_SIGNAL_NET_ENERGY, 9},
        {CYC_SIGNAL_ENERGY, 15},
    };
    for (unsigned i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct rig *rig = rig_new(0.5);
        const bool calculated = i % 2 == 1;
        op_signal(rig, rows[i / 2].signal);
        op_const(rig, calculated ? -1e9 : 0);
        op(rig, calculated ? CYC_OP_MAX : CYC_OP_ADD);
        op_const(rig, rows[i / 2].value);
        op(rig, CYC_OP_EQ);
        cutoff(rig, condition(rig), CYC_REASON_CONDITION)->after_ns = 20 * SECOND;
        rig_sample(rig);
        rig_step(rig);
        struct cyc_sample sample = rig_peek(rig);
        sample.voltage_V = 3.9;
        rig_give(rig, &sample);
        rig_pass(rig, 20 * SECOND);
        sample = (struct cyc_sample){.t_ns = rig->now_ns,
                                     .setpoint_number = 1,
                                     .flags = CYC_SAMPLE_SETTLED | CYC_SAMPLE_EXACT,
                                     .voltage_V = 3.5,
                                     .current_A = -2,
                                     .temperature_degC = 31,
                                     .ambient_degC = 32,
                                     .pressure_Pa = 33,
                                     .charge_Ah = 3,
                                     .discharge_Ah = 1,
                                     .charge_Wh = 12,
                                     .discharge_Wh = 3};
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->result_count, 1);
        if (rig->result_count != 1) {
            printf("%s was not read\n", cyc_signal_name(rows[i / 2].signal));
        }
        rig_free(rig);
    }
}

static void named_sensors_are_read_and_may_be_missing(void)
{
    struct rig *rig = rig_new(0.5);
    op_scoped(rig, CYC_SIGNAL_AUX, CYC_SCOPE_STEP, 3);
    op_const(rig, 7);
    op(rig, CYC_OP_GT);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_sample(rig);
    rig_step(rig);
    struct cyc_sample sample = rig_peek(rig);
    sample.aux[3] = NAN;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->core.bad_kind, CYC_FAULT_INVALID);
    CU_ASSERT_EQUAL(rig->core.bad_signal, CYC_SIGNAL_AUX);
    CU_ASSERT_TRUE(rig->actions.sampled);
    sample.aux[3] = 7;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->core.bad_kind, CYC_FAULT_NONE);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    sample.aux[3] = 8;
    rig_give(rig, &sample);
    CU_ASSERT_EQUAL(rig->result_count, 1);
    CYC_NEAR(rig_result(rig)->aux[3], 8, 0);
    rig_free(rig);
}

static void falls_below_its_peak(void)
{
    /* voltage < peak - 5 mV: the end of charge of a nickel cell */
    struct rig *rig = rig_new(0.5);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_PEAK);
    op_const(rig, 0.005);
    op(rig, CYC_OP_SUB);
    op(rig, CYC_OP_LT);
    cutoff(rig, condition(rig), CYC_REASON_VOLTAGE);
    rig_sample(rig);
    rig_step(rig);
    const double voltages_V[] = {1.40, 1.45, 1.448, 1.4451, 1.4449};
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(rig->result_count, 0);
        rig_pass(rig, SECOND);
        give(rig, voltages_V[i], 1, 25);
        if (i < 4) {
            CU_ASSERT_TRUE(rig->actions.sampled);
            CU_ASSERT_EQUAL(rig->actions.deadline_ns, rig->now_ns + CYC_SAMPLE_GAP_NS);
        }
    }
    CU_ASSERT_EQUAL(rig->result_count, 1);
    CYC_NEAR(rig_result(rig)->peak_V, 1.45, 0);
    rig_free(rig);
}

/* max(temperature, 10) + 1 > 20 */
static void calculated_temperature(struct rig *rig)
{
    op_signal(rig, CYC_SIGNAL_TEMPERATURE);
    op_const(rig, 10);
    op(rig, CYC_OP_MAX);
    op_const(rig, 1);
    op(rig, CYC_OP_ADD);
    op_const(rig, 20);
    op(rig, CYC_OP_GT);
}

static void bad_data_stay_bad_through_a_calculation(void)
{
    CU_ASSERT_TRUE(ends(calculated_temperature, 3.5, 0, 25));
    struct rig *rig = running_with(calculated_temperature);
    give(rig, 3.5, 0, NAN);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    CU_ASSERT_EQUAL(rig->core.bad_kind, CYC_FAULT_INVALID);
    CU_ASSERT_EQUAL(rig->core.bad_signal, CYC_SIGNAL_TEMPERATURE);
    rig_free(rig);
}

static void there_is_no_peak_before_the_first_sample(void)
{
    struct rig *rig = rig_new(0.5);
    cutoff(rig, compare(rig, CYC_SIGNAL_PEAK, CYC_OP_GT, 1), CYC_REASON_VOLTAGE)->entry =
        CYC_ENTRY_OPEN;
    rig_sample(rig);
    rig_step(rig);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->result_count, 1);
    rig_free(rig);
}

static void sums_of_every_scope_are_read(void)
{
    struct rig *rig = rig_new(0.5);
    for (unsigned scope = CYC_SCOPE_STEP; scope < CYC_SCOPE_BLOCK + 3; scope++) {
        make_cc(rig, 1.0);
        rig->step.block_depth = 3;
        cut_time(rig, 36);
        (void)rig_run(rig); /* 10 mAh before */
        make_cc(rig, 1.0);
        rig->step.block_depth = 3;
        rig->step.scope_resets = scope == CYC_SCOPE_STEP ? 0 : 1u << scope;
        op_scoped(rig, CYC_SIGNAL_CHARGE_CAPACITY, scope, 0);
        op_const(rig, 0.005);
        op(rig, CYC_OP_GE);
        cutoff(rig, condition(rig), CYC_REASON_CAPACITY)->entry = CYC_ENTRY_BEFORE;
        const struct cyc_result *result = rig_run(rig);
        CYC_NEAR((double)result->step_time_ns / 1e9, 18, 1e-6);
        CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_TEST)->charge_Ah,
                 scope < CYC_SCOPE_TEST    ? 0.015
                 : scope == CYC_SCOPE_TEST ? 0.005
                                           : 0.005 + 0.015 * (scope - CYC_SCOPE_TEST),
                 1e-9);
    }
    rig_free(rig);
}

static void times_of_every_scope_are_read(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cut_time(rig, 100);
    (void)rig_run(rig);
    for (unsigned scope = CYC_SCOPE_TEST; scope < CYC_SCOPE_BLOCK + 2; scope++) {
        make_rest(rig);
        rig->step.block_depth = 2;
        rig->step.scope_resets = 1u << scope;
        op_scoped(rig, CYC_SIGNAL_TIME, scope, 0);
        op_const(rig, 50);
        op(rig, CYC_OP_GT);
        cutoff(rig, condition(rig), CYC_REASON_TIME)->entry = CYC_ENTRY_BEFORE;
        CU_ASSERT_EQUAL(rig_run(rig)->step_time_ns, 50 * SECOND + 1); /* strictly more */
    }
    rig_free(rig);
}

static void state_of_charge_is_a_threshold_of_net_capacity(void)
{
    /* soc = 1 + net / 2.5 <= 0.9, as the language compiles it */
    struct rig *rig = rig_new(1.0);
    make_cc(rig, -2.5);
    op_const(rig, 1.0);
    op_signal(rig, CYC_SIGNAL_NET_CAPACITY);
    op_const(rig, 2.5);
    op(rig, CYC_OP_DIV);
    op(rig, CYC_OP_ADD);
    op_const(rig, 0.9);
    op(rig, CYC_OP_LE);
    cutoff(rig, condition(rig), CYC_REASON_CAPACITY)->entry = CYC_ENTRY_BEFORE;
    const struct cyc_result *result = rig_run(rig);
    CYC_NEAR((double)result->step_time_ns / 1e9, 360, 1e-6);
    CU_ASSERT_TRUE(rig->samples < 10);
    rig_free(rig);
}

const struct cyc_check cyc_check_conditions[] = {
    CYC_CHECK(every_comparison_means_what_it_says),
    CYC_CHECK(magnitudes_against_negative_numbers_are_settled),
    CYC_CHECK(a_scaled_and_shifted_signal_is_solved),
    CYC_CHECK(a_signal_on_both_sides_is_brought_over),
    CYC_CHECK(signals_of_one_kind_are_told_apart),
    CYC_CHECK(other_forms_are_calculated),
    CYC_CHECK(arithmetic_is_that_of_lua),
    CYC_CHECK(a_ratio_without_a_divisor_is_neither_true_nor_bad),
    CYC_CHECK(what_does_not_exist_yet_is_not_true),
    CYC_CHECK(logic_holds_with_good_data),
    CYC_CHECK(bad_data_decide_nothing_that_good_data_have_not_decided),
    CYC_CHECK(unknown_and_bad_together_are_not_true),
    CYC_CHECK(every_signal_is_read),
    CYC_CHECK(named_sensors_are_read_and_may_be_missing),
    CYC_CHECK(falls_below_its_peak),
    CYC_CHECK(bad_data_stay_bad_through_a_calculation),
    CYC_CHECK(there_is_no_peak_before_the_first_sample),
    CYC_CHECK(sums_of_every_scope_are_read),
    CYC_CHECK(times_of_every_scope_are_read),
    CYC_CHECK(state_of_charge_is_a_threshold_of_net_capacity),
    {0},
};
