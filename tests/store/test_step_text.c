#include "check/check.h"
#include "maker.h"
#include "store/store_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A step that uses every part of the structure. */
static void full_step(struct cyc_step *step, struct cyc_segment segments[2])
{
    segments[0] = (struct cyc_segment){.duration_ns = 10 * CYC_S_NS,
                                       .control = CYC_CONTROL_CURRENT,
                                       .value = -1.0 / 3.0,
                                       .pulse = true};
    segments[1] = (struct cyc_segment){.duration_ns = CYC_NEVER,
                                       .control = CYC_CONTROL_VOLTAGE,
                                       .value = 3.98,
                                       .slope_per_s = 1e-4};
    *step = (struct cyc_step){.mode = CYC_MODE_CCCV,
                              .id = 7,
                              .cycle_number = 3,
                              .in_cycle = true,
                              .charging = true,
                              .name = "main",
                              .label = "a \"label\"",
                              .type = "CCCV_CHG",
                              .segments = segments,
                              .segment_count = 2,
                              .repeat_count = 5,
                              .hold_V = 3.98,
                              .current_min_A = 0.0,
                              .current_max_A = 0.1,
                              .sweep_from_present = true,
                              .environment = {.temperature_degC = 60.0,
                                              .ramp_K_per_s = (double)NAN,
                                              .pressure_Pa = 5e7,
                                              .pressure_off = true},
                              .scope_resets = 5,
                              .block_depth = 2,
                              .timeout_ns = 3600 * CYC_S_NS,
                              .timeout_derived = true,
                              .after_interruption = CYC_INTERRUPTION_RESTART,
                              .max_gap_ns = 1};
    const struct cyc_op ops[] = {
        {CYC_OP_SIGNAL, CYC_SIGNAL_VOLTAGE, 0, 0, 0.0},
        {CYC_OP_CONST, 0, 0, 0, 0.1},
        {CYC_OP_GE, 0, 0, 0, 0.0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_CAPACITY, CYC_SCOPE_BLOCK + 1, 0, 0.0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_SLOPE, 0, 1, 0.0},
        {CYC_OP_LT, 0, 0, 0, 0.0},
        {CYC_OP_SIGNAL, CYC_SIGNAL_TIME, CYC_SCOPE_TEST, 0, 0.0},
    };
    memcpy(step->ops, ops, sizeof ops);
    step->op_count = 7;
    step->cutoffs[0] = (struct cyc_cutoff){.when = {0, 3},
                                           .reason = CYC_REASON_VOLTAGE,
                                           .entry = CYC_ENTRY_OPEN,
                                           .action = CYC_FOLLOW_PAUSE,
                                           .hold_only = true,
                                           .lasting_ns = 2,
                                           .after_ns = 3,
                                           .resume = {3, 3},
                                           .pause_timeout_ns = 4,
                                           .tag = -5};
    step->cutoffs[1] = (struct cyc_cutoff){.when = {6, 1}, .reason = CYC_REASON_TIME};
    step->cutoff_count = 2;
    step->limits[0] = (struct cyc_limit){.signal = CYC_SIGNAL_CURRENT,
                                         .level = CYC_LEVEL_PROTOCOL,
                                         .low = -(double)INFINITY,
                                         .high = 0.2};
    step->limit_count = 1;
    step->slopes[0] = (struct cyc_slope){CYC_SIGNAL_CURRENT, 5};
    step->slopes[1] = (struct cyc_slope){CYC_SIGNAL_VOLTAGE, 300 * CYC_S_NS};
    step->slope_count = 2;
    step->record = (struct cyc_record_rule){.every_ns = 6, .voltage_V = 0.005, .burst_count = 1};
    step->record.bursts[0] = (struct cyc_burst){CYC_S_NS, 10 * CYC_MS_NS};
    step->resistance_at_ns[0] = CYC_S_NS;
    step->resistance_at_count = 1;
}

static void a_step_has_one_text(void)
{
    struct cyc_step step;
    struct cyc_segment segments[2];
    struct cyc_text text = {0};
    full_step(&step, segments);
    cyc_run_step_text(&step, &text);
    CYC_SAME(cyc_text_get(&text),
             "{\"step_id\":7,\"mode\":\"cccv\",\"type\":\"CCCV_CHG\",\"name\":\"main\","
             "\"label\":\"a \\\"label\\\"\",\"charging\":1,\"segments\":[{\"duration_ns\":"
             "10000000000,\"control\":\"current\",\"value\":-0.3333333333333333,\"pulse\":1},"
             "{\"control\":\"voltage\",\"value\":3.98,\"slope_per_s\":0.0001}],\"repeat_count\":5,"
             "\"hold_V\":3.98,\"current_min_A\":0,\"current_max_A\":0.1,\"sweep_from_present\":1,"
             "\"environment\":{\"temperature_degC\":60,\"pressure_Pa\":50000000,"
             "\"pressure_off\":1},\"scope_resets\":5,\"block_depth\":2,\"cutoffs\":[{\"when\":"
             "\"voltage 0.1 >=\",\"reason\":\"voltage\",\"entry\":\"open\",\"action\":\"pause\","
             "\"hold_only\":1,\"lasting_ns\":2,\"after_ns\":3,\"resume\":\"block[1].capacity "
             "slope[1] <\",\"pause_timeout_ns\":4,\"tag\":-5},{\"when\":\"test.time\","
             "\"reason\":\"time\",\"entry\":\"before\",\"action\":\"next\"}],\"limits\":[{\"of\":"
             "\"current\",\"level\":\"protocol\",\"high\":0.2}],\"slopes\":[{\"of\":\"current\","
             "\"window_ns\":5},{\"of\":\"voltage\",\"window_ns\":300000000000}],"
             "\"resistance_at\":[{\"after_ns\":1000000000}],\"record\":{\"every_ns\":6,"
             "\"voltage_V\":0.005,\"current_A\":0,\"capacity_Ah\":0,\"temperature_K\":0,"
             "\"pressure_Pa\":0,\"bursts\":[{\"during_ns\":1000000000,\"every_ns\":10000000}]},"
             "\"timeout_ns\":3600000000000,\"timeout_derived\":1,\"after_interruption\":"
             "\"restart\",\"max_gap_ns\":1}");
    cyc_text_release(&text);
}

/* ---- What makes a difference ----------------------------------------------------------------- */

#define CHANGE(name, statement)                                                                    \
    static void name(struct cyc_step *step, struct cyc_segment *segments)                          \
    {                                                                                              \
        (void)step;                                                                                \
        (void)segments;                                                                            \
        statement;                                                                                 \
    }
CHANGE(change_mode, step->mode = CYC_MODE_CC)
CHANGE(change_id, step->id++)
CHANGE(change_charging, step->charging = false)
CHANGE(change_name, step->name[3] = 'x')
CHANGE(change_label, step->label[0] = '\0')
CHANGE(change_type, step->type[0] = 'X')
CHANGE(change_segment_count, step->segment_count = 1)
CHANGE(change_duration, segments[0].duration_ns++)
CHANGE(change_control, segments[0].control = CYC_CONTROL_POWER)
CHANGE(change_value, segments[0].value = nextafter(segments[0].value, 0.0))
CHANGE(change_slope, segments[1].slope_per_s = -segments[1].slope_per_s)
CHANGE(change_pulse, segments[0].pulse = false)
CHANGE(change_repeat, step->repeat_count++)
CHANGE(change_hold, step->hold_V = nextafter(step->hold_V, 9.0))
CHANGE(change_current_min, step->current_min_A = -1.0)
CHANGE(change_current_max, step->current_max_A = 1.0)
CHANGE(change_sweep, step->sweep_from_present = false)
CHANGE(change_temperature, step->environment.temperature_degC = (double)NAN)
CHANGE(change_ramp, step->environment.ramp_K_per_s = 1.0)
CHANGE(change_temperature_off, step->environment.temperature_off = true)
CHANGE(change_pressure, step->environment.pressure_Pa = 1.0)
CHANGE(change_pressure_off, step->environment.pressure_off = false)
CHANGE(change_scope_resets, step->scope_resets = 1)
CHANGE(change_depth, step->block_depth = 3)
CHANGE(change_op_code, step->ops[2].code = CYC_OP_GT)
CHANGE(change_op_signal, step->ops[0].signal = CYC_SIGNAL_POWER)
CHANGE(change_op_scope, step->ops[3].scope = CYC_SCOPE_CYCLE)
CHANGE(change_op_index, step->ops[4].index = 0)
CHANGE(change_op_value, step->ops[1].value = nextafter(0.1, 1.0))
CHANGE(change_cutoff_count, step->cutoff_count = 1)
CHANGE(change_when, step->cutoffs[1].when.count = 0)
CHANGE(change_reason, step->cutoffs[0].reason = CYC_REASON_TIME)
CHANGE(change_entry, step->cutoffs[0].entry = CYC_ENTRY_SETTLED)
CHANGE(change_action, step->cutoffs[0].action = CYC_FOLLOW_STOP)
CHANGE(change_hold_only, step->cutoffs[0].hold_only = false)
CHANGE(change_lasting, step->cutoffs[0].lasting_ns++)
CHANGE(change_after, step->cutoffs[0].after_ns++)
CHANGE(change_resume, step->cutoffs[0].resume.first = 0)
CHANGE(change_pause_timeout, step->cutoffs[0].pause_timeout_ns++)
CHANGE(change_tag, step->cutoffs[0].tag++)
CHANGE(change_limit_count, step->limit_count = 0)
CHANGE(change_limit_signal, step->limits[0].signal = CYC_SIGNAL_POWER)
CHANGE(change_limit_sensor, (step->limits[0].signal = CYC_SIGNAL_AUX, step->limits[0].index = 1))
CHANGE(change_level, step->limits[0].level = CYC_LEVEL_STEP)
CHANGE(change_low, step->limits[0].low = -0.2)
CHANGE(change_high, step->limits[0].high = (double)INFINITY)
CHANGE(change_slope_signal, step->slopes[0].signal = CYC_SIGNAL_VOLTAGE)
CHANGE(change_window, step->slopes[0].window_ns++)
CHANGE(change_slope_count, step->slope_count = 1)
CHANGE(change_every, step->record.every_ns++)
CHANGE(change_record_voltage, step->record.voltage_V = 0.0)
CHANGE(change_record_current, step->record.current_A = 1.0)
CHANGE(change_record_capacity, step->record.capacity_Ah = 1.0)
CHANGE(change_record_temperature, step->record.temperature_K = 1.0)
CHANGE(change_record_pressure, step->record.pressure_Pa = 1.0)
CHANGE(change_record_sensor, step->record.aux[7] = 1.0)
CHANGE(change_burst_count, step->record.burst_count = 0)
CHANGE(change_burst, step->record.bursts[0].every_ns++)
CHANGE(change_resistance, step->resistance_at_ns[0]++)
CHANGE(change_resistance_count, step->resistance_at_count = 0)
CHANGE(change_timeout, step->timeout_ns = CYC_NEVER)
CHANGE(change_timeout_derived, step->timeout_derived = false)
CHANGE(change_after_interruption, step->after_interruption = CYC_INTERRUPTION_HOLD)
CHANGE(change_max_gap, step->max_gap_ns++)

typedef void (*change_fn)(struct cyc_step *step, struct cyc_segment *segments);
static const change_fn changes[] = {
    change_mode,
    change_id,
    change_charging,
    change_name,
    change_label,
    change_type,
    change_segment_count,
    change_duration,
    change_control,
    change_value,
    change_slope,
    change_pulse,
    change_repeat,
    change_hold,
    change_current_min,
    change_current_max,
    change_sweep,
    change_temperature,
    change_ramp,
    change_temperature_off,
    change_pressure,
    change_pressure_off,
    change_scope_resets,
    change_depth,
    change_op_code,
    change_op_signal,
    change_op_scope,
    change_op_index,
    change_op_value,
    change_cutoff_count,
    change_when,
    change_reason,
    change_entry,
    change_action,
    change_hold_only,
    change_lasting,
    change_after,
    change_resume,
    change_pause_timeout,
    change_tag,
    change_limit_count,
    change_limit_sensor,
    change_record_sensor,
    change_limit_signal,
    change_level,
    change_low,
    change_high,
    change_slope_signal,
    change_window,
    change_slope_count,
    change_every,
    change_record_voltage,
    change_record_current,
    change_record_capacity,
    change_record_temperature,
    change_record_pressure,
    change_burst_count,
    change_burst,
    change_resistance,
    change_resistance_count,
    change_timeout,
    change_timeout_derived,
    change_after_interruption,
    change_max_gap,
};

static void forms(const struct cyc_step *step, struct cyc_text *text, struct cyc_text *bytes)
{
    cyc_text_clear(text);
    cyc_text_clear(bytes);
    cyc_run_step_text(step, text);
    cyc_step_bytes(step, bytes);
}

static void every_field_that_steers_a_step_is_in_its_text_and_bytes(void)
{
    struct cyc_text text = {0}, bytes = {0}, changed_text = {0}, changed_bytes = {0};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct cyc_step step;
        struct cyc_segment segments[2];
        full_step(&step, segments);
        forms(&step, &text, &bytes);
        changes[i](&step, segments);
        forms(&step, &changed_text, &changed_bytes);
        const bool text_differs = strcmp(text.data, changed_text.data) != 0;
        const bool bytes_differ = bytes.length != changed_bytes.length ||
                                  memcmp(bytes.data, changed_bytes.data, bytes.length) != 0;
        CU_ASSERT(text_differs);
        CU_ASSERT(bytes_differ);
    }
    cyc_text_release(&text);
    cyc_text_release(&bytes);
    cyc_text_release(&changed_text);
    cyc_text_release(&changed_bytes);
}

static void the_cycle_and_what_no_count_covers_make_no_difference(void)
{
    struct cyc_text text = {0}, bytes = {0}, same_text = {0}, same_bytes = {0};
    struct cyc_step step;
    struct cyc_segment segments[2];
    full_step(&step, segments);
    forms(&step, &text, &bytes);
    step.cycle_number = 99;
    step.in_cycle = false;
    step.ops[300].value = 1.0;
    step.cutoffs[5].tag = 1;
    step.limits[5].low = 1.0;
    step.name[60] = 'x'; /* behind the end of the text */
    step.record.bursts[3].every_ns = 1;
    forms(&step, &same_text, &same_bytes);
    CYC_SAME(same_text.data, text.data);
    CU_ASSERT_EQUAL(same_bytes.length, bytes.length);
    CU_ASSERT_EQUAL(memcmp(same_bytes.data, bytes.data, bytes.length), 0);
    cyc_text_release(&text);
    cyc_text_release(&bytes);
    cyc_text_release(&same_text);
    cyc_text_release(&same_bytes);
}

const struct cyc_check cyc_check_step_text[] = {
    CYC_CHECK(a_step_has_one_text),
    CYC_CHECK(every_field_that_steers_a_step_is_in_its_text_and_bytes),
    CYC_CHECK(the_cycle_and_what_no_count_covers_make_no_difference),
    {0},
};
