/* One protocol, three hosts: exact crossings, samples on a 1 s grid with deadlines kept, and a
 * grid alone. The list of steps is the same, each end within one sample. */
#include "rig.h"

#define PLAN_STEPS 14

/* Step i of a small ageing protocol. */
static void plan(struct rig *rig, unsigned i)
{
    switch (i % 7) {
    case 0:
        make_cccv(rig, 1.25, 4.1);
        cut_current(rig, 0.125);
        break;
    case 1:
    case 5:
        make_rest(rig);
        cut_time(rig, 600);
        break;
    case 2:
        make_cc(rig, -2.5);
        cut_voltage(rig, CYC_OP_LE, 3.2);
        break;
    case 3:
        make_cc(rig, -0.5);
        cut_voltage(rig, CYC_OP_LE, 3.2);
        cut_capacity(rig, 1.0);
        break;
    case 4:
        make_cc(rig, 0.5);
        cut_capacity(rig, 1.0);
        cut_voltage(rig, CYC_OP_GE, 4.1);
        break;
    default:
        make_step(rig, CYC_MODE_PULSE, CYC_CONTROL_CURRENT, 0);
        rig->segments[0] = (struct cyc_segment){.duration_ns = 10 * SECOND,
                                                .control = CYC_CONTROL_CURRENT,
                                                .value = -2.0,
                                                .pulse = true};
        rig->segments[1] = (struct cyc_segment){.duration_ns = 40 * SECOND};
        rig->step.segment_count = 2;
        rig->step.repeat_count = 3;
        break;
    }
    rig->step.record.every_ns = 60 * SECOND;
    rig->step.record.voltage_V = 0.01;
    limit(rig, CYC_SIGNAL_VOLTAGE, 2.5, 4.3, CYC_LEVEL_PROTOCOL);
    limit(rig, CYC_SIGNAL_CURRENT, -5, 5, CYC_LEVEL_PROTOCOL);
    rig->step.timeout_ns = 24 * HOUR;
}

static struct rig *run_plan(int64_t grid_ns, bool grid_only, bool not_exact)
{
    struct rig *rig = rig_new(0.3);
    rig->grid_ns = grid_ns;
    rig->grid_only = grid_only;
    rig->not_exact = not_exact;
    for (unsigned i = 0; i < PLAN_STEPS; i++) {
        plan(rig, i);
        (void)rig_run(rig);
    }
    rig_end(rig, CYC_FINISH_DONE);
    return rig;
}

static void all_hosts_give_the_same_list_of_steps(void)
{
    struct rig *exact = run_plan(0, false, false);
    struct rig *others[] = {run_plan(SECOND, false, false), run_plan(SECOND, true, false),
                            run_plan(SECOND, true, true)};
    CU_ASSERT_EQUAL(exact->result_count, PLAN_STEPS);
    CU_ASSERT_EQUAL(exact->safe_count, 0);
    for (unsigned k = 0; k < 3; k++) {
        CU_ASSERT_EQUAL_FATAL(others[k]->result_count, PLAN_STEPS);
        for (unsigned i = 0; i < PLAN_STEPS; i++) {
            const struct cyc_result *one = &exact->results[i];
            const struct cyc_result *other = &others[k]->results[i];
            CU_ASSERT_EQUAL(one->reason, other->reason);
            CU_ASSERT_EQUAL(one->cutoff, other->cutoff);
            /* a step that begins up to a sample late begins from another charge */
            CYC_NEAR((double)(one->step_time_ns - other->step_time_ns) / 1e9, 0, 12.0);
        }
        CU_ASSERT_EQUAL(others[k]->setpoint_count, exact->setpoint_count);
        CU_ASSERT_EQUAL(others[k]->finish_count, 1);
        rig_free(others[k]);
    }
    rig_free(exact);
}

static void first_step_ends_within_one_sample(void)
{
    struct rig *exact = rig_new(0.3);
    struct rig *sampled = rig_new(0.3);
    sampled->grid_ns = SECOND;
    sampled->grid_only = true;
    for (unsigned i = 0; i < 3; i += 2) { /* CC-CV, and CC */
        plan(exact, i);
        plan(sampled, i);
        exact->cell.q_Ah = sampled->cell.q_Ah;
        const double exact_s = (double)rig_run(exact)->step_time_ns / 1e9;
        const double sampled_s = (double)rig_run(sampled)->step_time_ns / 1e9;
        CU_ASSERT_TRUE(sampled_s >= exact_s - 1e-6);
        /* the crossing and the end each fall on a sample */
        CU_ASSERT_TRUE(sampled_s <= exact_s + (i == 0 ? 2.0 : 1.0));
    }
    rig_free(exact);
    rig_free(sampled);
}

static void charge_closes_against_the_cell(void)
{
    struct rig *rig = run_plan(0, false, false);
    double net_Ah = 0;
    for (unsigned i = 0; i < PLAN_STEPS; i++) {
        net_Ah += rig->results[i].sums.charge_Ah - rig->results[i].sums.discharge_Ah;
    }
    CYC_NEAR(net_Ah, rig->cell.q_Ah, 1e-9);
    const struct cyc_sums *test = cyc_core_sums(&rig->core, CYC_SCOPE_TEST);
    CYC_NEAR(test->charge_Ah - test->discharge_Ah, rig->cell.q_Ah, 1e-9);
    rig_free(rig);
}

static bool is_same_row(const struct cyc_record *a, const struct cyc_record *b)
{
    return a->sample.t_ns == b->sample.t_ns && a->step_time_ns == b->step_time_ns &&
           a->index == b->index && a->step_count == b->step_count &&
           memcmp(&a->sample.voltage_V, &b->sample.voltage_V, sizeof(double)) == 0 &&
           memcmp(&a->sample.current_A, &b->sample.current_A, sizeof(double)) == 0 &&
           memcmp(&a->step, &b->step, sizeof a->step) == 0 &&
           memcmp(&a->cycle, &b->cycle, sizeof a->cycle) == 0 &&
           memcmp(&a->test, &b->test, sizeof a->test) == 0;
}

static void has_same_rows(const struct rig *one, const struct rig *two)
{
    CU_ASSERT_EQUAL(one->record_count, two->record_count);
    unsigned different = 0;
    for (unsigned i = 0; i < one->record_count; i++) {
        different += !is_same_row(&one->records[i], &two->records[i]);
    }
    CU_ASSERT_EQUAL(different, 0);
}

static void same_events_give_the_same_rows(void)
{
    struct rig *one = run_plan(0, false, false);
    struct rig *two = run_plan(0, false, false);
    CU_ASSERT_TRUE(one->record_count > 100 && one->record_count < RIG_RECORDS_MAX);
    has_same_rows(one, two);
    rig_free(one);
    rig_free(two);
}

static void state_can_be_copied_at_any_time(void)
{
    /* No pointers: a run goes on from a byte-wise copy as if nothing had happened. */
    struct rig *rig = rig_new(0.3);
    plan(rig, 0);
    rig_step(rig);
    for (int i = 0; i < 40; i++) {
        rig_turn(rig);
    }
    struct rig *copy = rig_new(0);
    memcpy(copy, rig, sizeof *copy);
    copy->step.segments = copy->segments;
    CU_ASSERT_EQUAL(copy->result_count, 0);
    rig_until(rig, 24 * HOUR);
    rig_until(copy, 24 * HOUR);
    CU_ASSERT_EQUAL(copy->result_count, 1);
    CU_ASSERT_EQUAL(rig_result(rig)->end_ns, rig_result(copy)->end_ns);
    has_same_rows(rig, copy);
    rig_free(rig);
    rig_free(copy);
}

const struct cyc_check cyc_check_hosts[] = {
    CYC_CHECK(all_hosts_give_the_same_list_of_steps), CYC_CHECK(first_step_ends_within_one_sample),
    CYC_CHECK(charge_closes_against_the_cell),        CYC_CHECK(same_events_give_the_same_rows),
    CYC_CHECK(state_can_be_copied_at_any_time),       {0},
};
