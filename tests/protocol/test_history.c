/* Results, passes and cycles as expressions see them. */
#include "check/check.h"
#include "protocol/history.h"

#include <math.h>
#include <string.h>

struct bench {
    struct cyc_cell_facts cell;
    struct cyc_history history;
    struct cyc_segment segment;
    struct cyc_step step;
};

static struct bench bench;

static void begin(bool negative, bool keep_all)
{
    memset(&bench, 0, sizeof bench);
    cyc_cell_facts_init(&bench.cell);
    bench.cell.electrode_negative = negative;
    bench.cell.basis.nominal_capacity.value = 2.0;
    cyc_history_init(&bench.history, &bench.cell, keep_all);
}

static void end(void)
{
    cyc_history_release(&bench.history);
}

/* A CC step of one hour that passes this charge; negative: a discharge. */
static void pass_Ah(double charge_Ah, const char *id)
{
    struct cyc_result result = {0};
    bench.segment = (struct cyc_segment){
        .duration_ns = CYC_NEVER, .control = CYC_CONTROL_CURRENT, .value = charge_Ah};
    bench.step.mode = CYC_MODE_CC;
    bench.step.charging = charge_Ah > 0.0;
    bench.step.segments = &bench.segment;
    bench.step.segment_count = 1;
    (void)cyc_copy(bench.step.name, sizeof bench.step.name, id);
    result.start_ns = bench.history.now_ns;
    result.end_ns = result.start_ns + 3600 * CYC_S_NS;
    result.step_time_ns = 3600 * CYC_S_NS;
    result.sums.charge_Ah = charge_Ah > 0.0 ? charge_Ah : 0.0;
    result.sums.discharge_Ah = charge_Ah < 0.0 ? -charge_Ah : 0.0;
    result.sums.charge_Wh = 4.0 * result.sums.charge_Ah;
    result.sums.discharge_Wh = 3.0 * result.sums.discharge_Ah;
    result.voltage_V = charge_Ah > 0.0 ? 4.1 : 2.9;
    CU_ASSERT_EQUAL(cyc_history_step(&bench.history, &bench.step, &result, NULL), CYC_OK);
}

static double read_ref(enum cyc_subject subject, const char *id, enum cyc_field field, double index)
{
    const struct cyc_ref ref = {.subject = subject, .id = id, .field = field};
    double value = 0.0;
    CU_ASSERT_EQUAL(cyc_history_reference(&bench.history, &ref, index, &value, NULL), CYC_OK);
    return value;
}

static double read_now(unsigned signal, unsigned scope)
{
    const struct cyc_op op = {
        .code = CYC_OP_SIGNAL, .signal = (uint8_t)signal, .scope = (uint8_t)scope};
    double value = NAN;
    (void)cyc_history_present(&bench.history, &op, &value, NULL);
    return value;
}

static void enter(const char *id, bool cycles, uint32_t reference)
{
    CU_ASSERT_EQUAL(cyc_history_enter(&bench.history, NULL, id, cycles, reference, NULL), CYC_OK);
}

static struct cyc_cycle pass(double first_Ah, double second_Ah, bool complete)
{
    struct cyc_cycle cycle;
    cyc_history_pass_begin(&bench.history);
    pass_Ah(first_Ah, "");
    pass_Ah(second_Ah, "");
    CU_ASSERT_EQUAL(cyc_history_pass_end(&bench.history, complete, &cycle, NULL), CYC_OK);
    return cycle;
}

static void results_are_kept_by_kind_and_by_id(void)
{
    begin(false, false);
    CU_ASSERT_TRUE(isnan(read_ref(CYC_SUBJECT_LAST, NULL, CYC_FIELD_CAPACITY, 0)));
    pass_Ah(1.5, "cc1");
    pass_Ah(-1.2, "dc1");
    pass_Ah(0.5, "");
    CYC_NEAR(read_ref(CYC_SUBJECT_LAST, NULL, CYC_FIELD_CAPACITY, 0), 0.5, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_LAST_DISCHARGE, NULL, CYC_FIELD_CAPACITY, 0), 1.2, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_STEP, "cc1", CYC_FIELD_CHARGE_ENERGY, 0), 6.0, 1e-12);
    CYC_NEAR(read_ref(CYC_SUBJECT_STEP, "dc1", CYC_FIELD_NET_CAPACITY, 0), -1.2, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_STEP, "dc1", CYC_FIELD_MEAN_VOLTAGE, 0), 3.0, 1e-12);
    CYC_NEAR(read_ref(CYC_SUBJECT_STEP, "dc1", CYC_FIELD_TIME, 0), 3600.0, 1e-9);
    CU_ASSERT_TRUE(isnan(read_ref(CYC_SUBJECT_STEP, "none", CYC_FIELD_TIME, 0)));
    end();
}

static void sums_are_counted_in_each_scope(void)
{
    begin(false, false);
    pass_Ah(1.0, "");
    enter("outer", false, 1);
    cyc_history_pass_begin(&bench.history);
    pass_Ah(-0.25, "");
    enter("inner", true, 1);
    cyc_history_pass_begin(&bench.history);
    pass_Ah(0.5, "");
    CYC_NEAR(read_now(CYC_SIGNAL_NET_CAPACITY, CYC_SCOPE_TEST), 1.25, 1e-15);
    CYC_NEAR(read_now(CYC_SIGNAL_CAPACITY, CYC_SCOPE_BLOCK), 0.75, 1e-15);
    CYC_NEAR(read_now(CYC_SIGNAL_CAPACITY, CYC_SCOPE_BLOCK + 1), 0.5, 1e-15);
    CYC_NEAR(read_now(CYC_SIGNAL_CAPACITY, CYC_SCOPE_CYCLE), 0.5, 1e-15);
    CYC_NEAR(read_now(CYC_SIGNAL_TIME, CYC_SCOPE_BLOCK), 7200.0, 1e-9);
    CYC_NEAR(read_now(CYC_SIGNAL_TIME, CYC_SCOPE_TEST), 10800.0, 1e-9);
    CYC_NEAR(read_now(CYC_SIGNAL_VOLTAGE, CYC_SCOPE_STEP), 4.1, 1e-12);
    CU_ASSERT_TRUE(isnan(read_now(CYC_SIGNAL_TIME, CYC_SCOPE_STEP)));
    end();
}

static void cycles_are_numbered_over_the_run_and_passes_within_a_visit(void)
{
    begin(false, false);
    enter("a", true, 1);
    CU_ASSERT_EQUAL(pass(1.0, -0.9, true).number, 1);
    const struct cyc_cycle broken = pass(1.0, -0.8, false);
    CU_ASSERT_EQUAL(broken.number, 2);
    CU_ASSERT_FALSE(broken.complete);
    cyc_history_leave(&bench.history);
    enter("a", true, 1);
    const struct cyc_cycle third = pass(1.0, -0.7, true);
    CU_ASSERT_EQUAL(third.number, 3);
    CU_ASSERT_EQUAL(third.pass, 1);
    CYC_SAME(third.block, "a");
    /* the broken one counts nowhere: the first completed pass is the base */
    CYC_NEAR(third.retention, 0.7 / 0.9, 1e-12);
    CU_ASSERT_EQUAL(bench.history.levels[0].passes->completed, 2);
    end();
}

static void efficiency_is_what_came_out_over_what_went_in_before(void)
{
    begin(false, false);
    enter("a", true, 1);
    struct cyc_cycle cycle = pass(1.0, -0.9, true);
    CYC_NEAR(cycle.coulombic_efficiency, 0.9, 1e-12);
    CYC_NEAR(cycle.energy_efficiency, 0.9 * 3.0 / 4.0, 1e-12);
    CYC_NEAR(cycle.mean_charge_V, 4.0, 1e-12);
    CYC_NEAR(cycle.mean_discharge_V, 3.0, 1e-12);
    pass_Ah(1.0, "");               /* outside any pass */
    cycle = pass(-0.8, 0.95, true); /* discharges first: against the charge before that */
    CYC_NEAR(cycle.coulombic_efficiency, 0.8 / 1.0, 1e-12);
    cycle = pass(-0.76, 0.9, true);
    CYC_NEAR(cycle.coulombic_efficiency, 0.76 / 0.95, 1e-12);
    pass_Ah(-1e-5, ""); /* noise of a rest is not a discharge */
    cycle = pass(-0.81, 0.9, true);
    CYC_NEAR(cycle.coulombic_efficiency, 0.81 / 0.9, 1e-12);
    end();
    begin(true, false);
    enter("a", true, 1);
    CYC_NEAR(pass(-1.0, 0.9, true).coulombic_efficiency, 0.9, 1e-12);
    CU_ASSERT_TRUE(isnan(pass(0.5, -1.0, true).coulombic_efficiency));
    CYC_NEAR(pass(0.5, -1.0, true).coulombic_efficiency, 0.5, 1e-12);
    end();
}

static void a_cycle_without_charge_has_no_efficiency(void)
{
    begin(false, false);
    enter("a", true, 1);
    CU_ASSERT_TRUE(isnan(pass(-1.0, -0.5, true).coulombic_efficiency));
    end();
}

static void retention_is_against_the_reference_pass(void)
{
    begin(false, false);
    enter("a", true, 2);
    CU_ASSERT_TRUE(isnan(pass(1.0, -0.5, true).retention));
    CYC_NEAR(pass(1.0, -1.0, true).retention, 1.0, 1e-12);
    CYC_NEAR(pass(1.0, -0.8, true).retention, 0.8, 1e-12);
    end();
}

static void the_judged_pass_is_not_its_own_rival(void)
{
    const enum cyc_field field = CYC_FIELD_DISCHARGE_CAPACITY;
    begin(false, false);
    enter("a", true, 1);
    (void)pass(1.0, -0.9, true);
    CYC_NEAR(read_ref(CYC_SUBJECT_PASS, NULL, field, 0), 0.9, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_FIRST, NULL, field, 0), 0.9, 1e-15);
    CU_ASSERT_TRUE(isnan(read_ref(CYC_SUBJECT_PREVIOUS, NULL, field, 0)));
    CU_ASSERT_TRUE(isnan(read_ref(CYC_SUBJECT_BEST, NULL, field, 0)));
    cyc_history_pass_judged(&bench.history);
    (void)pass(1.0, -0.7, true);
    CYC_NEAR(read_ref(CYC_SUBJECT_PREVIOUS, NULL, field, 0), 0.9, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_BEST, NULL, field, 0), 0.9, 1e-15);
    cyc_history_pass_judged(&bench.history);
    (void)pass(1.0, -0.95, true);
    CYC_NEAR(read_ref(CYC_SUBJECT_PREVIOUS, NULL, field, 0), 0.7, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_BEST, NULL, field, 0), 0.9, 1e-15);
    cyc_history_pass_judged(&bench.history);
    CYC_NEAR(read_ref(CYC_SUBJECT_CYCLES_BEST, "a", field, 0), 0.95, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_CYCLES_LAST, "a", field, 0), 0.95, 1e-15);
    CYC_NEAR(read_ref(CYC_SUBJECT_CYCLES_FIRST, "a", field, 0), 0.9, 1e-15);
    CU_ASSERT_TRUE(isnan(read_ref(CYC_SUBJECT_CYCLES_FIRST, "b", field, 0)));
    end();
}

static void cycles_by_number_are_kept_only_when_asked_for(void)
{
    const enum cyc_field field = CYC_FIELD_DISCHARGE_CAPACITY;
    begin(false, true);
    enter("a", true, 1);
    for (int i = 0; i < 200; i++) {
        (void)pass(1.0, -0.001 * (i + 1), true);
        cyc_history_pass_judged(&bench.history);
    }
    CYC_NEAR(read_ref(CYC_SUBJECT_CYCLES_INDEX, "a", field, 150), 0.150, 1e-12);
    CYC_NEAR(read_ref(CYC_SUBJECT_CYCLES_INDEX, NULL, field, 200), 0.200, 1e-12);
    CU_ASSERT_TRUE(isnan(read_ref(CYC_SUBJECT_CYCLES_INDEX, NULL, field, 201)));
    CU_ASSERT_TRUE(isnan(read_ref(CYC_SUBJECT_CYCLES_INDEX, "a", field, 0)));
    end();
    begin(false, false);
    enter("a", true, 1);
    (void)pass(1.0, -0.9, true);
    CU_ASSERT_PTR_NULL(bench.history.cycles);
    end();
}

static void soc_follows_the_net_charge(void)
{
    begin(false, false);
    pass_Ah(1.0, "");
    CU_ASSERT_TRUE(isnan(cyc_history_soc(&bench.history)));
    cyc_history_set_soc(&bench.history, 0.8);
    pass_Ah(-0.5, "");
    CYC_NEAR(cyc_history_soc(&bench.history), 0.8 - 0.5 / 2.0, 1e-12);
    end();
}

const struct cyc_check cyc_check_history[] = {
    CYC_CHECK(results_are_kept_by_kind_and_by_id),
    CYC_CHECK(sums_are_counted_in_each_scope),
    CYC_CHECK(cycles_are_numbered_over_the_run_and_passes_within_a_visit),
    CYC_CHECK(efficiency_is_what_came_out_over_what_went_in_before),
    CYC_CHECK(a_cycle_without_charge_has_no_efficiency),
    CYC_CHECK(retention_is_against_the_reference_pass),
    CYC_CHECK(the_judged_pass_is_not_its_own_rival),
    CYC_CHECK(cycles_by_number_are_kept_only_when_asked_for),
    CYC_CHECK(soc_follows_the_net_charge),
    {NULL, NULL},
};
