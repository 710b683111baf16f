/* Steps in numbers: what the executor gets. */
#include "check/check.h"
#include "mock.h"

#include <math.h>
#include <string.h>

#define HEAD                                                                                       \
    "cell: {active_mass: 10 mg, area: 2 cm2, one_c: 200 mA/g, nominal_capacity: 300 mAh/g, "       \
    "reference: In/Li-In}\n"                                                                       \
    "limits: {voltage: [1.2 V, 4.4 V], current: 20 mA}\nmethod:\n"
#define ONE_C 2e-3 /* 10 mg at 200 mA/g */

/* The condition of a cutoff is `signal op value`, perhaps of the magnitude. */
static void check_threshold(const struct cyc_step *step, unsigned index, enum cyc_signal signal,
                            enum cyc_op_code code, double value)
{
    const struct cyc_cutoff *const cutoff = &step->cutoffs[index];
    const struct cyc_op *const ops = &step->ops[cutoff->when.first];
    const unsigned last = cutoff->when.count - 1u;
    CU_ASSERT_TRUE_FATAL(index < step->cutoff_count);
    CU_ASSERT_TRUE_FATAL(cutoff->when.count == 3 || cutoff->when.count == 4);
    CU_ASSERT_EQUAL(ops[0].code, CYC_OP_SIGNAL);
    CU_ASSERT_EQUAL(ops[0].signal, signal);
    CU_ASSERT_EQUAL(ops[last].code, code);
    CYC_NEAR(ops[last - 1].value, value, 1e-9 * fabs(value) + 1e-15);
}

static void cc_has_a_signed_current_and_a_bound(void)
{
    const struct cyc_step *step =
        mock_step(HEAD "  - {discharge: 0.5 C, cutoff: 2.0 V vs Li/Li+}\n");
    CU_ASSERT_EQUAL(step->mode, CYC_MODE_CC);
    CYC_SAME(step->type, "CC_DCH");
    CU_ASSERT_FALSE(step->charging);
    CU_ASSERT_EQUAL_FATAL(step->segment_count, 1);
    CU_ASSERT_EQUAL(step->segments[0].control, CYC_CONTROL_CURRENT);
    CYC_NEAR(step->segments[0].value, -0.5 * ONE_C, 1e-15);
    CU_ASSERT_EQUAL(step->segments[0].duration_ns, CYC_NEVER);
    check_threshold(step, 0, CYC_SIGNAL_VOLTAGE, CYC_OP_LE, 2.0 - 0.62);
    CU_ASSERT_EQUAL(step->cutoffs[0].entry, CYC_ENTRY_OPEN);
    CU_ASSERT_EQUAL(step->cutoffs[0].reason, CYC_REASON_VOLTAGE);
    /* 3 × 300 mAh/g / (0.5 × 200 mA/g) + 1 h */
    CU_ASSERT_EQUAL(step->timeout_ns, 10 * 3600 * CYC_S_NS);
    CU_ASSERT_TRUE(step->timeout_derived);
}

static void cccv_holds_with_the_current_of_its_direction(void)
{
    const struct cyc_step *step =
        mock_step(HEAD "  - {charge: 0.5 C, hold: 4.6 V vs Li/Li+, cutoff: 0.25 C}\n");
    CU_ASSERT_EQUAL(step->mode, CYC_MODE_CCCV);
    CYC_NEAR(step->hold_V, 3.98, 1e-12);
    CYC_NEAR(step->current_min_A, 0.0, 0.0);
    CYC_NEAR(step->current_max_A, 0.5 * ONE_C, 1e-15);
    check_threshold(step, 0, CYC_SIGNAL_CURRENT, CYC_OP_LE, 0.25 * ONE_C);
    CU_ASSERT_TRUE(step->cutoffs[0].hold_only);
    CU_ASSERT_EQUAL(step->cutoffs[0].entry, CYC_ENTRY_SETTLED);
    CU_ASSERT_EQUAL(step->timeout_ns, 34 * 3600 * CYC_S_NS);
    step = mock_step(HEAD "  - {discharge: 0.5 C, hold: 2 V, cutoff: 1 h}\n");
    CYC_NEAR(step->current_min_A, -0.5 * ONE_C, 1e-15);
    CYC_NEAR(step->current_max_A, 0.0, 0.0);
    CU_ASSERT_FALSE(step->cutoffs[0].hold_only);
    CU_ASSERT_EQUAL(step->timeout_ns, CYC_NEVER); /* the cutoff states a time */
}

static void a_power_or_a_load_is_a_setpoint_too(void)
{
    const struct cyc_step *step = mock_step(HEAD "  - {charge: 2 mW, hold: 4 V, cutoff: 1 mA}\n");
    CU_ASSERT_EQUAL(step->mode, CYC_MODE_CPCV);
    CU_ASSERT_EQUAL(step->segments[0].control, CYC_CONTROL_POWER);
    CYC_NEAR(step->segments[0].value, 2e-3, 1e-15);
    step = mock_step(HEAD "  - {discharge: 2 mW/cm2, cutoff: 2 V}\n");
    CYC_SAME(step->type, "CP_DCH");
    CYC_NEAR(step->segments[0].value, -4e-3, 1e-15);
    step = mock_step(HEAD "  - {discharge: 1 kohm, cutoff: 2 V}\n");
    CU_ASSERT_EQUAL(step->mode, CYC_MODE_CR);
    CU_ASSERT_EQUAL(step->segments[0].control, CYC_CONTROL_LOAD);
    CYC_NEAR(step->segments[0].value, 1000.0, 0.0);
}

static void a_hold_takes_the_current_of_the_step_before(void)
{
    const struct cyc_step *step =
        mock_step_at(HEAD "  - {charge: 0.5 C, cutoff: 4 V}\n  - {hold: 4 V, cutoff: 0.1 C}\n", 1);
    CU_ASSERT_EQUAL(step->mode, CYC_MODE_CV);
    CYC_SAME(step->type, "CV_CHG");
    CYC_NEAR(step->current_min_A, -0.5 * ONE_C, 1e-15);
    CYC_NEAR(step->current_max_A, 0.5 * ONE_C, 1e-15);
    CU_ASSERT_FALSE(step->cutoffs[0].hold_only);
    CU_ASSERT_EQUAL(step->timeout_ns, 72 * 3600 * CYC_S_NS);
    step = mock_step(HEAD "  - {hold: 4 V, current: 1 C, cutoff: 0.1 C}\n");
    CYC_NEAR(step->current_max_A, ONE_C, 1e-15);
}

static void a_rest_ends_by_time(void)
{
    const struct cyc_step *step = mock_step("method: [{rest: 90 min}]\n");
    CU_ASSERT_EQUAL(step->mode, CYC_MODE_REST);
    CU_ASSERT_EQUAL(step->segments[0].control, CYC_CONTROL_OPEN);
    check_threshold(step, 0, CYC_SIGNAL_TIME, CYC_OP_GE, 5400.0);
    CU_ASSERT_EQUAL(step->cutoffs[0].entry, CYC_ENTRY_BEFORE);
    CU_ASSERT_EQUAL(step->timeout_ns, CYC_NEVER);
    step = mock_step("method:\n  - rest:\n    cutoff: {when: abs(dV/dt) < 1 mV/h, over: 20 min}\n");
    CU_ASSERT_EQUAL(step->slope_count, 1);
    CU_ASSERT_TRUE(step->slopes[0].window_ns >= 1200 * CYC_S_NS);
    CU_ASSERT_EQUAL(step->cutoffs[0].reason, CYC_REASON_CONDITION);
    CU_ASSERT_EQUAL(step->timeout_ns, 72 * 3600 * CYC_S_NS);
}

static void waiting_for_a_temperature_is_two_thresholds(void)
{
    const struct cyc_step *step =
        mock_step("method:\n  - {temperature: 60 degC, within: 0.5 K, soak: 2 h, ramp: 1 K/min}\n");
    CU_ASSERT_EQUAL(step->mode, CYC_MODE_TEMPERATURE);
    CYC_NEAR(step->environment.temperature_degC, 60.0, 0.0);
    CYC_NEAR(step->environment.ramp_K_per_s, 1.0 / 60.0, 1e-12);
    CU_ASSERT_TRUE(isnan(step->environment.pressure_Pa));
    CU_ASSERT_EQUAL_FATAL(step->cutoff_count, 1);
    CU_ASSERT_EQUAL(step->cutoffs[0].lasting_ns, 7200 * CYC_S_NS);
    CU_ASSERT_EQUAL(step->cutoffs[0].reason, CYC_REASON_TEMPERATURE);
    const struct cyc_op *const ops = step->ops;
    CU_ASSERT_EQUAL_FATAL(step->op_count, 7);
    CYC_NEAR(ops[1].value, 59.5, 1e-12);
    CU_ASSERT_EQUAL(ops[2].code, CYC_OP_GE);
    CYC_NEAR(ops[4].value, 60.5, 1e-12);
    CU_ASSERT_EQUAL(ops[5].code, CYC_OP_LE);
    CU_ASSERT_EQUAL(ops[6].code, CYC_OP_AND);
    CU_ASSERT_EQUAL(step->timeout_ns, 12 * 3600 * CYC_S_NS);
    step = mock_step("method:\n  - {temperature: 60 degC, timeout: 6 h}\n");
    CYC_NEAR(step->ops[1].value, 59.0, 1e-12); /* 1 K by default */
    CU_ASSERT_EQUAL(step->timeout_ns, 6 * 3600 * CYC_S_NS);
    CU_ASSERT_FALSE(step->timeout_derived);
}

static void without_waiting_the_setpoint_is_all(void)
{
    const struct cyc_step *step = mock_step("method:\n  - {temperature: 25 degC, wait: no}\n");
    check_threshold(step, 0, CYC_SIGNAL_TIME, CYC_OP_GE, 0.0);
    step = mock_step("method:\n  - {temperature: off}\n");
    CU_ASSERT_TRUE(step->environment.temperature_off);
    CU_ASSERT_TRUE(isnan(step->environment.temperature_degC));
    step = mock_step("method:\n  - {pressure: 50 MPa}\n");
    CYC_NEAR(step->environment.pressure_Pa, 50e6, 0.0);
    CYC_NEAR(step->ops[1].value, 49e6, 1e-3);
    CU_ASSERT_EQUAL(step->cutoffs[0].reason, CYC_REASON_PRESSURE);
}

static void a_pulse_train_is_a_list_of_segments(void)
{
    const struct cyc_step *step = mock_step(
        HEAD "  - pulse:\n      - {discharge: 2 C, width: 10 s, rest: 40 s}\n"
             "      - {charge: 1.5 C, width: 5 s}\n"
             "    count: 3\n    resistance_at: [0.1 s, 5 s]\n    cutoff: voltage >= 4.25 V\n"
             "    record: {burst: [{during: 1 s, every: 10 ms}]}\n");
    CU_ASSERT_EQUAL_FATAL(step->segment_count, 3);
    CU_ASSERT_EQUAL(step->repeat_count, 3);
    CYC_NEAR(step->segments[0].value, -2.0 * ONE_C, 1e-15);
    CU_ASSERT_TRUE(step->segments[0].pulse);
    CU_ASSERT_EQUAL(step->segments[0].duration_ns, 10 * CYC_S_NS);
    CU_ASSERT_EQUAL(step->segments[1].control, CYC_CONTROL_OPEN);
    CU_ASSERT_FALSE(step->segments[1].pulse);
    CYC_NEAR(step->segments[2].value, 1.5 * ONE_C, 1e-15);
    CU_ASSERT_EQUAL(step->resistance_at_count, 2);
    CU_ASSERT_EQUAL(step->resistance_at_ns[0], 100 * CYC_MS_NS);
    CU_ASSERT_EQUAL(step->record.burst_count, 1);
    CU_ASSERT_EQUAL(step->record.bursts[0].every_ns, 10 * CYC_MS_NS);
    CU_ASSERT_EQUAL(step->cutoff_count, 1);
    step = mock_step(HEAD "  - pulse: {discharge: 2 C, width: 10 s, rest: 40 s}\n");
    CU_ASSERT_EQUAL(step->resistance_at_ns[0], 10 * CYC_S_NS);
    CU_ASSERT_EQUAL(step->repeat_count, 1);
}

static void a_sweep_walks_its_voltages(void)
{
    const struct cyc_step *step =
        mock_step(HEAD "  - {sweep: {from: 2 V, to: [4 V, 3 V], rate: 1 mV/s}, current: 1 C}\n");
    CU_ASSERT_EQUAL_FATAL(step->segment_count, 2);
    CU_ASSERT_FALSE(step->sweep_from_present);
    CYC_NEAR(step->segments[0].value, 2.0, 1e-12);
    CYC_NEAR(step->segments[0].slope_per_s, 1e-3, 1e-15);
    CU_ASSERT_EQUAL(step->segments[0].duration_ns, 2000 * CYC_S_NS);
    CYC_NEAR(step->segments[1].value, 4.0, 1e-12);
    CYC_NEAR(step->segments[1].slope_per_s, -1e-3, 1e-15);
    CYC_NEAR(step->current_max_A, ONE_C, 1e-15);
    step =
        mock_step_at(HEAD "  - rest: 1 h\n  - {sweep: {to: 4 V, rate: 1 mV/s}, current: 1 C}\n", 1);
    CU_ASSERT_TRUE(step->sweep_from_present);
    const struct cyc_segment *const first = &step->segments[0];
    CYC_NEAR(first->value + first->slope_per_s * (double)first->duration_ns / 1e9, 4.0, 1e-9);
}

static void a_profile_holds_each_row_until_the_next(void)
{
    static struct mock mock;
    static struct cyc_segment seen[8];
    struct cyc_source *source = NULL;
    struct cyc_item item;
    mock_init(&mock);
    mock_file(&mock, "p.csv",
              "# a drive cycle\ntime / s, other, current / C\n0, 9, 1\n"
              "10.5, 9, -0.5\r\n20, 9, 0\n30, 9, 7\n");
    mock_load(&mock, HEAD "  - {profile: p.csv, scale: 2, times: 3, cutoff: 2 h}\n");
    CU_ASSERT_EQUAL(mock.diags.error_count, 0);
    CU_ASSERT_EQUAL_FATAL(cyc_source_open(mock.protocol, &source, NULL), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_source_next(source, NULL, &item, NULL), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(item.step->segment_count, 3);
    memcpy(seen, item.step->segments, 3 * sizeof seen[0]);
    CU_ASSERT_EQUAL(item.step->repeat_count, 3);
    CYC_NEAR(seen[0].value, 2.0 * ONE_C, 1e-15);
    CU_ASSERT_EQUAL(seen[0].duration_ns, INT64_C(10500) * CYC_MS_NS);
    CYC_NEAR(seen[1].value, -ONE_C, 1e-15);
    CU_ASSERT_EQUAL(seen[2].control, CYC_CONTROL_OPEN);
    CU_ASSERT_EQUAL(seen[2].duration_ns, 10 * CYC_S_NS);
    cyc_source_close(source);
    mock_release(&mock);
}

static void profiles_with_mistakes_name_the_line(void)
{
    static const char *const files[][2] = {
        {"time / s, current / A\n0, 1\n0, 2\n", "p.csv, line 3: the time does not rise"},
        {"time / s, current / A\n0, 1\n1, x\n", "p.csv, line 3: this is not a number"},
        {"time / s, current / A\n0, 1\n", "p.csv, line 2: a profile needs at least two rows"},
        {"time, current\n0, 1\n", "p.csv, line 1: a column has no unit that fits"},
        {"t, i\n0, 1\n", "p.csv, line 1: the first line names no time and current or power"},
        {"time / s, current / V\n0, 1\n", "p.csv, line 1: a column has no unit that fits"},
        {"time / s, current / A\n0\n", "p.csv, line 2: a row is too short"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        static struct mock mock;
        mock_init(&mock);
        mock_file(&mock, "p.csv", files[i][0]);
        mock_load(&mock, HEAD "  - {profile: p.csv, cutoff: 1 h}\n");
        CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&mock.said), files[i][1]));
        mock_release(&mock);
    }
}

static void impedance_is_accepted_and_asked_for(void)
{
    static struct mock mock;
    mock_init(&mock);
    mock_load(&mock,
              HEAD "  - rest: 1 h\n"
                   "  - {impedance: {amplitude: 10 mV, from: 1 MHz, to: 10 mHz}, id: eis}\n");
    CYC_SAME(cyc_text_get(&mock.said), "");
    const struct cyc_demands *const demands = cyc_protocol_demands(mock.protocol);
    CU_ASSERT_EQUAL(demands->impedance.step, 2);
    CYC_SAME(demands->impedance.name, "eis");
    mock_release(&mock);
}

static void what_not_every_instrument_can_do_is_asked_for_with_its_place(void)
{
    static struct mock mock;
    char text[128];
    mock_init(&mock);
    mock_load(&mock, HEAD "  - {temperature: 45 degC, wait: no}\n"
                          "  - {discharge: 1 mW, cutoff: 1.5 V, id: down}\n"
                          "  - {temperature: 25 degC, ramp: 1 K/min, wait: no, id: cool}\n"
                          "  - {temperature: 35 degC, ramp: 2 K/min, wait: no}\n");
    CU_ASSERT_EQUAL(mock.diags.error_count, 0);
    const struct cyc_demands *const demands = cyc_protocol_demands(mock.protocol);
    CU_ASSERT_EQUAL(demands->impedance.step, 0);
    CU_ASSERT_EQUAL(demands->load.step, 0);
    CU_ASSERT_EQUAL(demands->power.step, 2);
    CU_ASSERT_EQUAL(demands->ramp.step, 3);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(cyc_demand_text(&demands->ramp, text, sizeof text), "step 3 'cool' (line "));
    mock_release(&mock);
}

static void demands_span_the_whole_protocol(void)
{
    static struct mock mock;
    mock_init(&mock);
    mock_load(
        &mock,
        HEAD "  - {temperature: 45 degC, wait: no}\n"
             "  - each: {rate: [0.1 C, 2 C]}\n    steps:\n"
             "      - {charge: = rate, hold: 4.2 V, cutoff: 0.05 C}\n"
             "  - {discharge: 1 C, cutoff: 1.5 V, record: {burst: [{during: 1 s, every: 10 ms}]}}\n"
             "  - {temperature: 25 degC, wait: no}\n");
    CU_ASSERT_EQUAL(mock.diags.error_count, 0);
    const struct cyc_demands *const demands = cyc_protocol_demands(mock.protocol);
    CYC_NEAR(demands->voltage_max_V, 4.2, 1e-12);
    CYC_NEAR(demands->voltage_min_V, 1.5, 1e-12);
    CYC_NEAR(demands->current_max_A, 2.0 * ONE_C, 1e-15);
    CYC_NEAR(demands->current_min_A, -ONE_C, 1e-15);
    CYC_NEAR(demands->temperature_min_degC, 25.0, 0.0);
    CYC_NEAR(demands->temperature_max_degC, 45.0, 0.0);
    CU_ASSERT_EQUAL(demands->fastest_sample_ns, 10 * CYC_MS_NS);
    mock_release(&mock);
}

/* ---- Cutoffs --------------------------------------------------------------------------------- */

static void cutoffs_come_own_first_then_outwards(void)
{
    const struct cyc_step *step = mock_step(
        "cutoff: test.time > 30 d\nmethod:\n"
        "  - repeat: 2\n    cutoff: [temperature > 50 degC, 8 h]\n    steps:\n"
        "      - repeat: 2\n        cutoff: 5 h\n        steps:\n"
        "          - rest: 1 h\n            cutoff: {when: voltage < 3 V, action: fail}\n");
    CU_ASSERT_EQUAL_FATAL(step->cutoff_count, 6);
    check_threshold(step, 0, CYC_SIGNAL_TIME, CYC_OP_GE, 3600.0);
    CU_ASSERT_EQUAL(step->cutoffs[1].action, CYC_FOLLOW_FAIL);
    CU_ASSERT_EQUAL(step->cutoffs[1].entry, CYC_ENTRY_OPEN);
    CU_ASSERT_EQUAL(step->cutoffs[2].action, CYC_FOLLOW_LEAVE);
    CU_ASSERT_EQUAL(step->ops[step->cutoffs[2].when.first].scope, CYC_SCOPE_BLOCK + 1);
    check_threshold(step, 3, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 50.0);
    CU_ASSERT_EQUAL(step->cutoffs[3].reason, CYC_REASON_TEMPERATURE);
    CU_ASSERT_EQUAL(step->ops[step->cutoffs[4].when.first].scope, CYC_SCOPE_BLOCK);
    CU_ASSERT_EQUAL(step->cutoffs[5].action, CYC_FOLLOW_STOP);
    CU_ASSERT_EQUAL(step->block_depth, 2);
}

static void a_mapping_says_more_about_a_cutoff(void)
{
    const struct cyc_step *step = mock_step(
        HEAD
        "  - cycles: 1\n"
        "    cutoff: {when: temperature > 45 degC, action: pause, resume: temperature < 30 degC, "
        "timeout: 6 h, lasting: 10 s, after: 1 min}\n"
        "    steps: [{charge: 1 C, cutoff: 4 V}]\n");
    const struct cyc_cutoff *const cutoff = &step->cutoffs[1];
    CU_ASSERT_EQUAL(cutoff->action, CYC_FOLLOW_PAUSE);
    CU_ASSERT_EQUAL(cutoff->lasting_ns, 10 * CYC_S_NS);
    CU_ASSERT_EQUAL(cutoff->after_ns, 60 * CYC_S_NS);
    CU_ASSERT_EQUAL(cutoff->pause_timeout_ns, 6 * 3600 * CYC_S_NS);
    CU_ASSERT_EQUAL(cutoff->resume.count, 3);
    CYC_NEAR(step->ops[cutoff->resume.first + 1].value, 30.0, 0.0);
}

static void all_demands_everything_at_once(void)
{
    const struct cyc_step *step = mock_step(
        HEAD
        "  - {charge: 1 C, cutoff: [4.2 V, {all: [1 h, 1 mAh, voltage > 4 V], action: fail}]}\n");
    const struct cyc_cutoff *const cutoff = &step->cutoffs[1];
    CU_ASSERT_EQUAL(cutoff->when.count, 11);
    CU_ASSERT_EQUAL(step->ops[cutoff->when.first + 6].code, CYC_OP_AND);
    CU_ASSERT_EQUAL(step->ops[cutoff->when.first + 10].code, CYC_OP_AND);
    CU_ASSERT_EQUAL(cutoff->reason, CYC_REASON_CONDITION);
    CU_ASSERT_EQUAL(cutoff->entry, CYC_ENTRY_OPEN);
}

static void zero_volts_is_a_cutoff_like_any_other(void)
{
    const struct cyc_step *step =
        mock_step("cell: {nominal_capacity: 1 Ah}\nlimits: {voltage: [-0.1 V, 4 V], current: 2 A}\n"
                  "method: [{discharge: 1 A, cutoff: 0 V}]\n");
    check_threshold(step, 0, CYC_SIGNAL_VOLTAGE, CYC_OP_LE, 0.0);
}

/* ---- Limits, record, the rest ---------------------------------------------------------------- */

static void limits_of_all_levels_are_listed(void)
{
    const struct cyc_step *step = mock_step(
        HEAD
        "  - repeat: 1\n    limits: {temperature: [10 degC, 60 degC]}\n    steps:\n"
        "      - {charge: 1 C, cutoff: 4 V, limits: {voltage: [1 V, 4.1 V], capacity: 3 mAh}}\n");
    CU_ASSERT_EQUAL_FATAL(step->limit_count, 6);
    CYC_NEAR(step->limits[0].high, 4.1, 1e-12);
    CU_ASSERT_EQUAL(step->limits[0].level, CYC_LEVEL_STEP);
    CU_ASSERT_EQUAL(step->limits[1].signal, CYC_SIGNAL_CHARGE_CAPACITY);
    CU_ASSERT_EQUAL(step->limits[2].signal, CYC_SIGNAL_DISCHARGE_CAPACITY);
    CYC_NEAR(step->limits[2].high, 3e-3, 1e-15);
    CU_ASSERT_TRUE(isinf(step->limits[2].low));
    CU_ASSERT_EQUAL(step->limits[3].signal, CYC_SIGNAL_TEMPERATURE);
    CU_ASSERT_EQUAL(step->limits[4].level, CYC_LEVEL_PROTOCOL);
    CYC_NEAR(step->limits[5].low, -20e-3, 1e-15);
    CYC_NEAR(step->limits[5].high, 20e-3, 1e-15);
}

static void names_of_sensors_stand_in_limits_and_record(void)
{
    const struct cyc_step *step = mock_step(
        "cell: {one_c: 2 A, sensors: {t_tab: temperature, probe: current, anode: voltage}}\n"
        "limits: {voltage: [1 V, 4.2 V], current: 2 A, t_tab: [10 degC, 60 degC], probe: 5 mA}\n"
        "record: {anode: 5 mV, t_tab: 1 K}\n"
        "method:\n  - {charge: 1 A, cutoff: 4 V, limits: {anode: [0 V, 1 V]},\n"
        "     record: {t_tab: off, probe: 1 mA}}\n");
    CU_ASSERT_EQUAL_FATAL(step->limit_count, 5);
    CU_ASSERT_EQUAL(step->limits[0].signal, CYC_SIGNAL_AUX);
    CU_ASSERT_EQUAL(step->limits[0].index, 2);
    CU_ASSERT_EQUAL(step->limits[0].level, CYC_LEVEL_STEP);
    CYC_NEAR(step->limits[0].high, 1.0, 0);
    CU_ASSERT_EQUAL(step->limits[3].index, 0);
    CYC_NEAR(step->limits[3].low, 10, 0);
    CU_ASSERT_EQUAL(step->limits[4].index, 1);
    CYC_NEAR(step->limits[4].low, -5e-3, 1e-18); /* a current may go either way */
    CYC_NEAR(step->limits[4].high, 5e-3, 1e-18);
    CYC_NEAR(step->record.aux[0], 0, 0);
    CYC_NEAR(step->record.aux[1], 1e-3, 1e-18);
    CYC_NEAR(step->record.aux[2], 5e-3, 1e-18);
    step = mock_step("method: [{rest: 1 h}]\n"); /* nothing is left of it */
    CYC_NEAR(step->record.aux[1], 0, 0);
}

static void record_keys_merge_from_protocol_to_step(void)
{
    const struct cyc_step *step = mock_step("method: [{rest: 1 h}]\n");
    CU_ASSERT_EQUAL(step->record.every_ns, 60 * CYC_S_NS);
    CYC_NEAR(step->record.voltage_V, 0.010, 1e-15);
    step = mock_step("record: {every: 30 s, current: 1 mA}\nmethod:\n"
                     "  - repeat: 1\n    record: {voltage: off, temperature: 1 K}\n    steps:\n"
                     "      - {rest: 1 h, record: {every: 1 s}}\n");
    CU_ASSERT_EQUAL(step->record.every_ns, CYC_S_NS);
    CYC_NEAR(step->record.voltage_V, 0.0, 0.0);
    CYC_NEAR(step->record.current_A, 1e-3, 1e-15);
    CYC_NEAR(step->record.temperature_K, 1.0, 0.0);
}

static void scopes_begin_anew_where_their_block_does(void)
{
    static const char text[] = "method:\n  - rest: 1 h\n  - cycles: 2\n    steps:\n"
                               "      - rest: 1 h\n      - rest: 2 h\n";
    const uint32_t step_bit = 1u << CYC_SCOPE_STEP;
    const uint32_t cycle = 1u << CYC_SCOPE_CYCLE;
    const uint32_t block = 1u << CYC_SCOPE_BLOCK;
    CU_ASSERT_EQUAL(mock_step_at(text, 0)->scope_resets, step_bit);
    CU_ASSERT_EQUAL(mock_step_at(text, 1)->scope_resets, step_bit | cycle | block);
    CU_ASSERT_EQUAL(mock_step_at(text, 2)->scope_resets, step_bit);
    CU_ASSERT_EQUAL(mock_step_at(text, 3)->scope_resets, step_bit | cycle);
    CU_ASSERT_EQUAL(mock_step_at(text, 3)->cycle_number, 2);
    CU_ASSERT_TRUE(mock_step_at(text, 3)->in_cycle);
    CU_ASSERT_FALSE(mock_step_at(text, 0)->in_cycle);
}

static void a_block_timeout_bounds_what_is_left(void)
{
    static const char text[] = "method:\n  - repeat: 1\n    timeout: 90 min\n    steps:\n"
                               "      - rest: 1 h\n      - {rest: 2 h, timeout: 3 h}\n";
    CU_ASSERT_EQUAL(mock_step_at(text, 0)->timeout_ns, 5400 * CYC_S_NS);
    CU_ASSERT_EQUAL(mock_step_at(text, 1)->timeout_ns, 1800 * CYC_S_NS);
}

static void interruptions_are_answered_as_written(void)
{
    const struct cyc_step *step = mock_step(
        "method: [{rest: 1 h, after_interruption: continue, max_gap: 2 h, label: long rest}]\n");
    CU_ASSERT_EQUAL(step->after_interruption, CYC_INTERRUPTION_CONTINUE);
    CU_ASSERT_EQUAL(step->max_gap_ns, 7200 * CYC_S_NS);
    CYC_SAME(step->label, "long rest");
    step = mock_step("method: [{rest: 1 h}]\n");
    CU_ASSERT_EQUAL(step->after_interruption, CYC_INTERRUPTION_HOLD);
    CU_ASSERT_EQUAL(step->max_gap_ns, CYC_NEVER);
}

static void a_computed_setpoint_that_makes_no_sense_names_its_line(void)
{
    CU_ASSERT_PTR_NOT_NULL(
        strstr(mock_trace(HEAD "  - rest: 1 h\n  - {charge: = 0 * 1 C, cutoff: 4 V}\n", 5),
               "6:14 `charge` must be greater than zero"));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        mock_trace(HEAD "  - rest: 1 h\n"
                        "  - {charge: = last.capacity / 1 h, cutoff: 4 V, id: cc}\n",
                   5),
        "ERROR line 6, step 2 'cc': the setpoint came out as 0 and must be greater than zero"));
}

const struct cyc_check cyc_check_step_numbers[] = {
    CYC_CHECK(cc_has_a_signed_current_and_a_bound),
    CYC_CHECK(cccv_holds_with_the_current_of_its_direction),
    CYC_CHECK(a_power_or_a_load_is_a_setpoint_too),
    CYC_CHECK(a_hold_takes_the_current_of_the_step_before),
    CYC_CHECK(a_rest_ends_by_time),
    CYC_CHECK(waiting_for_a_temperature_is_two_thresholds),
    CYC_CHECK(without_waiting_the_setpoint_is_all),
    CYC_CHECK(a_pulse_train_is_a_list_of_segments),
    CYC_CHECK(a_sweep_walks_its_voltages),
    CYC_CHECK(a_profile_holds_each_row_until_the_next),
    CYC_CHECK(profiles_with_mistakes_name_the_line),
    CYC_CHECK(impedance_is_accepted_and_asked_for),
    CYC_CHECK(what_not_every_instrument_can_do_is_asked_for_with_its_place),
    CYC_CHECK(demands_span_the_whole_protocol),
    CYC_CHECK(cutoffs_come_own_first_then_outwards),
    CYC_CHECK(a_mapping_says_more_about_a_cutoff),
    CYC_CHECK(all_demands_everything_at_once),
    CYC_CHECK(zero_volts_is_a_cutoff_like_any_other),
    CYC_CHECK(limits_of_all_levels_are_listed),
    CYC_CHECK(names_of_sensors_stand_in_limits_and_record),
    CYC_CHECK(record_keys_merge_from_protocol_to_step),
    CYC_CHECK(scopes_begin_anew_where_their_block_does),
    CYC_CHECK(a_block_timeout_bounds_what_is_left),
    CYC_CHECK(interruptions_are_answered_as_written),
    CYC_CHECK(a_computed_setpoint_that_makes_no_sense_names_its_line),
    {NULL, NULL},
};
