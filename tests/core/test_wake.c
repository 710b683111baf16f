/* What the executor asks of a host: deadlines, watches, and no wake-ups without end. */
#include "rig.h"

static struct rig *running(void (*make)(struct rig *rig))
{
    struct rig *rig = rig_new(0.5);
    make(rig);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    return rig;
}

static void nothing_is_asked_outside_of_steps(void)
{
    struct rig *rig = rig_new(0.5);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    CU_ASSERT_EQUAL(rig->actions.watch_count, 0);
    CU_ASSERT_FALSE(rig->actions.sampled);
    rig_end(rig, CYC_FINISH_DONE);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig_free(rig);
}

static void a_setpoint_asks_for_a_sample_at_once(void)
{
    struct rig *rig = rig_new(0.5);
    rig->now_ns = 123;
    rig->cell.t_ns = 123;
    make_cccv(rig, 1.0, 3.605);
    cut_current(rig, 0.9);
    rig_sample(rig);
    rig_step(rig);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 123);
    rig_sample(rig); /* beyond hold_V under its own current: over to the hold */
    CU_ASSERT_EQUAL(rig->setpoint_count, 2);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 123);
    rig_free(rig);
}

static void full(struct rig *rig)
{
    make_cccv(rig, 1.0, 4.1);
    rig->step.record =
        (struct cyc_record_rule){.every_ns = 60 * SECOND, .voltage_V = 0.1, .capacity_Ah = 0.5};
    rig->step.timeout_ns = 10 * HOUR;
    limit(rig, CYC_SIGNAL_VOLTAGE, 3.0, 4.3, CYC_LEVEL_PROTOCOL);
    limit(rig, CYC_SIGNAL_CURRENT, -2, 2, CYC_LEVEL_PROTOCOL);
    limit(rig, CYC_SIGNAL_CHARGE_CAPACITY, -INFINITY, 3, CYC_LEVEL_PROTOCOL);
    cut_current(rig, 0.25);
    cut_capacity(rig, 2.0);
    cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GE, 45), CYC_REASON_TEMPERATURE);
}

static void watches_are_those_of_hold_rule_limits_and_cutoffs(void)
{
    struct rig *rig = running(full);
    const double slack = 1 + CYC_LIMIT_SLACK;
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 4.1));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 3.62 - 0.1));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 3.62 + 0.1));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_CAPACITY, 0.5));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 3.0 / slack));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, 4.3 * slack));
    CU_ASSERT_TRUE(watches_magnitude(rig, CYC_SIGNAL_CURRENT, 2 * slack));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_CHARGE_CAPACITY, 3 * slack));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_CAPACITY, 2.0));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_TEMPERATURE, 45));
    CU_ASSERT_EQUAL(rig->actions.watch_count, 10); /* the current cutoff sleeps */
    CU_ASSERT_FALSE(rig->actions.sampled);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 60 * SECOND);
    while (cyc_core_state(&rig->core) != CYC_STATE_HOLD) {
        rig_turn(rig);
    }
    CU_ASSERT_TRUE(watches_magnitude(rig, CYC_SIGNAL_CURRENT, 0.25));
    CU_ASSERT_EQUAL(rig->actions.watch_count, 10); /* and hold_V has been reached */
    const double total_Ah = cyc_core_sums(&rig->core, CYC_SCOPE_STEP)->charge_Ah;
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_CAPACITY, 2.0 - total_Ah)); /* what remains */
    rig_free(rig);
}

static void watches_move_with_each_record(void)
{
    struct rig *rig = running(full);
    for (int i = 0; i < 20; i++) {
        rig_turn(rig);
        CU_ASSERT_TRUE(did(rig, CYC_ACTION_RECORD));
        const double voltage_V = rig->sample.voltage_V;
        CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, voltage_V - 0.1));
        CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_VOLTAGE, voltage_V + 0.1));
        CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_CAPACITY, 0.5));
        CU_ASSERT_EQUAL(rig->actions.watch_count, 10);
    }
    rig_free(rig);
}

static void watches_of_a_pause_are_its_own(void)
{
    struct rig *rig = running(full);
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    rig_sample(rig);
    CU_ASSERT_FALSE(watches(rig, CYC_SIGNAL_VOLTAGE, 4.1));
    CU_ASSERT_FALSE(watches(rig, CYC_SIGNAL_TEMPERATURE, 45));
    CU_ASSERT_TRUE(watches_magnitude(rig, CYC_SIGNAL_CURRENT, 2 * (1 + CYC_LIMIT_SLACK)));
    rig_free(rig);
}

/* Where the end of an interval does not count, the watch lies just behind it. */
static void strict(struct rig *rig)
{
    make_cc(rig, 1.0);
    cutoff(rig, compare(rig, CYC_SIGNAL_VOLTAGE, CYC_OP_GT, 3.7), CYC_REASON_VOLTAGE);
    cutoff(rig, compare(rig, CYC_SIGNAL_VOLTAGE, CYC_OP_LT, 3.5), CYC_REASON_VOLTAGE);
    cutoff(rig, compare(rig, CYC_SIGNAL_CAPACITY, CYC_OP_GT, 0.5), CYC_REASON_CAPACITY);
    cutoff(rig, compare(rig, CYC_SIGNAL_TIME, CYC_OP_GT, 500), CYC_REASON_TIME);
}

static void strict_comparisons_are_watched_just_behind_their_bound(void)
{
    struct rig *rig = running(strict);
    unsigned beyond = 0;
    for (unsigned i = 0; i < rig->actions.watch_count; i++) {
        const struct cyc_watch *watch = &rig->actions.watches[i];
        beyond +=
            watch->signal == CYC_SIGNAL_VOLTAGE && watch->value > 3.7 && watch->value < 3.7 + 1e-12;
        beyond +=
            watch->signal == CYC_SIGNAL_VOLTAGE && watch->value < 3.5 && watch->value > 3.5 - 1e-12;
        beyond += watch->signal == CYC_SIGNAL_CAPACITY && watch->value > 0.5 &&
                  watch->value < 0.5 + 1e-12;
    }
    CU_ASSERT_EQUAL(beyond, 3);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, 500 * SECOND + 1);
    rig_until(rig, HOUR);
    CU_ASSERT_EQUAL(rig_result(rig)->end_ns, 500 * SECOND + 1);
    rig_free(rig);
}

static void times(struct rig *rig)
{
    make_cccv(rig, 0.1, 3.7);
    struct cyc_cutoff *held =
        cutoff(rig, compare(rig, CYC_SIGNAL_HOLD_TIME, CYC_OP_GE, 5), CYC_REASON_TIME);
    held->hold_only = true;
    op_signal(rig, CYC_SIGNAL_TIME); /* 10 s < time and time <= 20 s and voltage > 4 V */
    op_const(rig, 10);
    op(rig, CYC_OP_GT);
    op_signal(rig, CYC_SIGNAL_TIME);
    op_const(rig, 20);
    op(rig, CYC_OP_LE);
    op(rig, CYC_OP_AND);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 4);
    op(rig, CYC_OP_GT);
    op(rig, CYC_OP_AND);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    op_signal(rig, CYC_SIGNAL_TIME); /* time < 30 s and voltage > 4 V */
    op_const(rig, 30);
    op(rig, CYC_OP_LT);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 4);
    op(rig, CYC_OP_GT);
    op(rig, CYC_OP_AND);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    cutoff(rig, compare(rig, CYC_SIGNAL_VOLTAGE, CYC_OP_GT, 4.05), CYC_REASON_VOLTAGE)->after_ns =
        40 * SECOND;
}

static void every_change_of_a_time_is_a_deadline(void)
{
    struct rig *rig = running(times);
    const int64_t expected_ns[] = {10 * SECOND + 1, 20 * SECOND + 1, 30 * SECOND, 40 * SECOND};
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(rig->actions.deadline_ns, expected_ns[i]);
        rig_turn(rig);
        CU_ASSERT_EQUAL(rig->now_ns, expected_ns[i]);
    }
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig_free(rig);
}

static void times_beyond_fifty_two_bits_are_still_seen(void)
{
    /* 250 days in ns are beyond 2^53: doubles lie 4 ns apart there */
    struct rig *rig = rig_new(0.5);
    rig->now_ns = 249 * 24 * HOUR + 7;
    rig->cell.t_ns = rig->now_ns;
    make_rest(rig);
    op_scoped(rig, CYC_SIGNAL_TIME, CYC_SCOPE_TEST, 0);
    op_const(rig, 250.0 * 86400);
    op(rig, CYC_OP_GT);
    cutoff(rig, condition(rig), CYC_REASON_TIME);
    rig_step(rig);
    for (int i = 0; i < 60 && rig->result_count == 0; i++) {
        rig_turn(rig);
    }
    CU_ASSERT_EQUAL(rig->result_count, 1);
    CU_ASSERT_TRUE(rig_result(rig)->end_ns - 250 * 24 * HOUR > 0);
    CU_ASSERT_TRUE(rig_result(rig)->end_ns - 250 * 24 * HOUR <= 8);
    rig_free(rig);
}

static void a_bound_of_time_that_is_out_of_reach_is_no_deadline(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cut_time(rig, 1e12);
    cut_time(rig, 9.2e9);
    cutoff(rig, compare(rig, CYC_SIGNAL_TIME, CYC_OP_LE, 1e12), CYC_REASON_TIME)->lasting_ns =
        CYC_NEVER;
    cutoff(rig, compare(rig, CYC_SIGNAL_TIME, CYC_OP_LT, -5), CYC_REASON_TIME);
    rig_sample(rig);
    rig_step(rig);
    rig_pass(rig, HOUR);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    CU_ASSERT_EQUAL(rig->result_count, 0);
    rig_free(rig);
}

static void net(struct rig *rig)
{
    make_cc(rig, -1.0);
    cutoff(rig, compare(rig, CYC_SIGNAL_NET_CAPACITY, CYC_OP_LE, -0.1), CYC_REASON_CAPACITY);
    cutoff(rig, compare(rig, CYC_SIGNAL_NET_CAPACITY, CYC_OP_GE, 0.05), CYC_REASON_CAPACITY);
    cutoff(rig, compare(rig, CYC_SIGNAL_NET_ENERGY, CYC_OP_GE, 0.05), CYC_REASON_ENERGY);
    cutoff(rig, compare(rig, CYC_SIGNAL_NET_CAPACITY, CYC_OP_EQ, 0), CYC_REASON_CAPACITY)
        ->after_ns = HOUR;
}

static void net_sums_are_watched_both_ways(void)
{
    struct rig *rig = running(net);
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_NET_CAPACITY, -0.1));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_NET_CAPACITY, 0.05));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_NET_ENERGY, 0.05));
    for (unsigned i = 0; i < rig->actions.watch_count; i++) {
        CU_ASSERT_TRUE(fabs(rig->actions.watches[i].value) > 0); /* never a zero */
    }
    rig_pass(rig, 36 * SECOND);
    struct cyc_sample sample = rig_peek(rig);
    sample.discharge_Ah = 0.01;
    rig_give(rig, &sample);
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_NET_CAPACITY, -0.09));
    CU_ASSERT_TRUE(watches(rig, CYC_SIGNAL_NET_CAPACITY, 0.06));
    rig_pass(rig, 360 * SECOND - 36 * SECOND);
    sample = rig_peek(rig);
    sample.discharge_Ah = 0.09 - 1e-17; /* short of it by less than a rounding */
    rig_give(rig, &sample);
    if (rig->result_count == 0) {
        for (unsigned i = 0; i < rig->actions.watch_count; i++) {
            CU_ASSERT_TRUE(fabs(rig->actions.watches[i].value) > 1e-17);
        }
    }
    rig_until(rig, HOUR);
    CYC_NEAR(rig_result(rig)->sums.discharge_Ah, 0.1, 1e-9);
    rig_free(rig);
}

static void sums_that_are_behind_are_watched_no_more(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    op_signal(rig, CYC_SIGNAL_CAPACITY); /* capacity >= 10 mAh and voltage > 3.65 V */
    op_const(rig, 0.01);
    op(rig, CYC_OP_GE);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_const(rig, 3.65);
    op(rig, CYC_OP_GT);
    op(rig, CYC_OP_AND);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_step(rig);
    rig_until(rig, 40 * SECOND);
    CU_ASSERT_EQUAL(rig->actions.watch_count, 1);
    CU_ASSERT_EQUAL(rig->actions.watches[0].signal, CYC_SIGNAL_VOLTAGE);
    rig_until(rig, HOUR);
    CYC_NEAR((double)rig_result(rig)->end_ns / 1e9, 225, 1e-5);
    CU_ASSERT_TRUE(rig->samples < 20);
    rig_free(rig);
}

static void a_sum_that_misses_its_threshold_by_a_rounding_gets_there(void)
{
    /* 1,000 Ah before: a step of 1 ns at 1 uA is far below the last place of the sum. */
    struct rig *rig = rig_new(0.5);
    rig->cell.per_Ah_V = 1e-6;
    make_cc(rig, 1000.0);
    rig->cell.r0_ohm = 1e-6;
    cut_time(rig, 3600);
    (void)rig_run(rig);
    for (int i = 0; i < 50; i++) {
        const double before_Ah = cyc_core_sums(&rig->core, CYC_SCOPE_TEST)->charge_Ah;
        make_cc(rig, 1e-6 * (1 + i));
        op_scoped(rig, CYC_SIGNAL_CHARGE_CAPACITY, CYC_SCOPE_TEST, 0);
        op_const(rig, before_Ah + 1e-9 * (i + 1.0 / 3));
        op(rig, CYC_OP_GE);
        cutoff(rig, condition(rig), CYC_REASON_CAPACITY)->entry = CYC_ENTRY_BEFORE;
        const unsigned before = rig->samples;
        const struct cyc_result *result = rig_run(rig);
        CU_ASSERT_EQUAL(result->reason, CYC_REASON_CAPACITY);
        CU_ASSERT_TRUE(rig->samples - before < 12);
    }
    rig_free(rig);
}

static void sampled_when_a_condition_is_no_threshold(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    op_signal(rig, CYC_SIGNAL_VOLTAGE);
    op_signal(rig, CYC_SIGNAL_CURRENT);
    op(rig, CYC_OP_MUL);
    op_const(rig, 3.7);
    op(rig, CYC_OP_GT);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_step(rig);
    CU_ASSERT_TRUE(rig->actions.sampled);
    rig_sample(rig);
    rig_sample(rig);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_SAMPLE_GAP_NS);
    rig_until(rig, HOUR);
    /* 3.62 W + 1 A * k t: 600 s; on the next sample */
    CYC_NEAR((double)rig_result(rig)->end_ns / 1e9, 605, 5.0001);
    make_rest(rig); /* and no more when it is over */
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_FALSE(rig->actions.sampled);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig_free(rig);
}

static void numbers_alone_need_no_samples(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    op_const(rig, NAN);
    op_const(rig, 1);
    op(rig, CYC_OP_GT);
    cutoff(rig, condition(rig), CYC_REASON_CONDITION);
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_FALSE(rig->actions.sampled);
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, CYC_NEVER);
    rig_free(rig);
}

static void more_watches_than_fit_are_sampled(void)
{
    for (int sums = 0; sums < 2; sums++) {
        struct rig *rig = rig_new(0.5);
        make_cc(rig, 1.0);
        for (unsigned i = 0; i < 29; i++) {
            cutoff(rig,
                   compare(rig, sums ? CYC_SIGNAL_CAPACITY : CYC_SIGNAL_VOLTAGE, CYC_OP_GE,
                           5 + 0.01 * i),
                   CYC_REASON_VOLTAGE);
        }
        rig_sample(rig);
        rig_step(rig);
        rig_sample(rig);
        CU_ASSERT_TRUE(rig->actions.sampled);
        CU_ASSERT_TRUE(rig->actions.watch_count <= CYC_WATCHES_MAX);
        CU_ASSERT_EQUAL(rig->actions.watch_count, sums ? CYC_SUMS_MAX : CYC_DIRECTS_MAX);
        rig_free(rig);
    }
    struct rig *rig = rig_new(0.5); /* an interval that no longer fits as one magnitude */
    make_cc(rig, 1.0);
    for (unsigned i = 0; i < 30; i++) {
        cutoff(rig, compare_abs(rig, CYC_SIGNAL_CURRENT, CYC_OP_GE, 5 + 0.01 * i),
               CYC_REASON_CURRENT);
    }
    rig_sample(rig);
    rig_step(rig);
    rig_sample(rig);
    CU_ASSERT_TRUE(rig->actions.sampled);
    CU_ASSERT_EQUAL(rig->actions.watch_count, CYC_DIRECTS_MAX);
    rig_free(rig);
}

static void wake_ups_that_change_nothing_become_rare(void)
{
    /* A cell that finds a crossing every nanosecond, and is mistaken each time. */
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    cut_voltage(rig, CYC_OP_GE, 4.0)->entry = CYC_ENTRY_SETTLED;
    rig->step.record.every_ns = 60 * SECOND;
    rig_step(rig);
    rig_sample(rig);
    rig_sample(rig);
    unsigned wake_ups = 0;
    while (rig->now_ns < 60 * SECOND && wake_ups < 10000) {
        const bool watched = rig->actions.watch_count > 0;
        const int64_t until_ns = watched ? rig->now_ns + 1 : rig->actions.deadline_ns;
        rig_pass(rig, until_ns - rig->now_ns);
        rig_sample(rig);
        CU_ASSERT_TRUE(rig->actions.deadline_ns > rig->now_ns);
        wake_ups++;
    }
    CU_ASSERT_TRUE(wake_ups > CYC_DULL_MAX && wake_ups < 50);
    CU_ASSERT_EQUAL(rig->now_ns, 60 * SECOND);
    CU_ASSERT_TRUE(did(rig, CYC_ACTION_RECORD)); /* a change: watched again */
    CU_ASSERT_TRUE(rig->actions.watch_count > 0);
    rig_free(rig);
}

static void dull_counter_does_not_overflow(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    cut_voltage(rig, CYC_OP_GE, 4.0)->entry = CYC_ENTRY_SETTLED;
    rig_step(rig);
    rig_sample(rig);
    rig_sample(rig);
    for (int i = 0; i < 1000; i++) {
        rig_pass(rig, 1);
        rig_sample(rig);
        const bool hidden = rig->actions.watch_count == 0;
        CU_ASSERT_EQUAL(hidden, i + 1 >= CYC_DULL_MAX);
        CU_ASSERT_EQUAL(hidden, rig->actions.deadline_ns <= rig->now_ns + CYC_SAMPLE_GAP_NS);
    }
    rig_free(rig);
}

static void settling_for_ever_is_asked_for_patiently(void)
{
    struct rig *rig = rig_new(0.5);
    make_cc(rig, 1.0);
    rig_sample(rig);
    rig_step(rig);
    for (int i = 0; i < 600; i++) {
        struct cyc_sample sample = rig_peek(rig);
        sample.flags = 0;
        rig_give(rig, &sample);
        CU_ASSERT_TRUE(rig->actions.deadline_ns > rig->now_ns);
        rig_pass(rig, CYC_MS_NS);
    }
    CU_ASSERT_EQUAL(rig->actions.deadline_ns, rig->now_ns + (CYC_MS_NS << 8) - CYC_MS_NS);
    for (int i = 0; i < 20; i++) { /* in quick succession too */
        rig_pass(rig, 1);
        struct cyc_sample sample = rig_peek(rig);
        sample.flags = 0;
        rig_give(rig, &sample);
        CU_ASSERT_EQUAL(rig->actions.deadline_ns, rig->now_ns + (CYC_MS_NS << 8));
    }
    rig_free(rig);
}

const struct cyc_check cyc_check_wake[] = {
    CYC_CHECK(nothing_is_asked_outside_of_steps),
    CYC_CHECK(a_setpoint_asks_for_a_sample_at_once),
    CYC_CHECK(watches_are_those_of_hold_rule_limits_and_cutoffs),
    CYC_CHECK(watches_move_with_each_record),
    CYC_CHECK(watches_of_a_pause_are_its_own),
    CYC_CHECK(strict_comparisons_are_watched_just_behind_their_bound),
    CYC_CHECK(every_change_of_a_time_is_a_deadline),
    CYC_CHECK(times_beyond_fifty_two_bits_are_still_seen),
    CYC_CHECK(a_bound_of_time_that_is_out_of_reach_is_no_deadline),
    CYC_CHECK(net_sums_are_watched_both_ways),
    CYC_CHECK(sums_that_are_behind_are_watched_no_more),
    CYC_CHECK(a_sum_that_misses_its_threshold_by_a_rounding_gets_there),
    CYC_CHECK(sampled_when_a_condition_is_no_threshold),
    CYC_CHECK(numbers_alone_need_no_samples),
    CYC_CHECK(more_watches_than_fit_are_sampled),
    CYC_CHECK(wake_ups_that_change_nothing_become_rare),
    CYC_CHECK(dull_counter_does_not_overflow),
    CYC_CHECK(settling_for_ever_is_asked_for_patiently),
    {0},
};
