/* The executor under a seeded stream of steps and events, every action printed with all its bits.
 *
 *     trace SEED EVENTS
 *
 * Built by different compilers and with different optimisation it has to print the same bytes
 * (determinism.sh). Nothing here calls a mathematical library: the stream itself is the same
 * everywhere. Numbers are printed as hexadecimal doubles.
 */
#include "base/status.h"
#include "core/core_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Random numbers: splitmix64 (Steele, Lea, Flood 2014) ------------------------------------ */

static uint64_t state;

static uint64_t next(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned below(unsigned count)
{
    return (unsigned)(next() % count);
}

static double between(double low, double high)
{
    return low + (high - low) * ((double)(next() >> 11) / 9007199254740992.0);
}

static bool chance(unsigned one_in)
{
    return below(one_in) == 0;
}

int cyc_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static struct cyc_step step;
static struct cyc_segment segments[8];

static void op(enum cyc_op_code code, double value)
{
    step.ops[step.op_count++] = (struct cyc_op){.code = (uint8_t)code, .value = value};
}

static void signal_op(void)
{
    static const uint8_t signals[] = {
        CYC_SIGNAL_VOLTAGE,     CYC_SIGNAL_CURRENT,         CYC_SIGNAL_POWER,
        CYC_SIGNAL_TEMPERATURE, CYC_SIGNAL_PRESSURE,        CYC_SIGNAL_AUX,
        CYC_SIGNAL_PEAK,        CYC_SIGNAL_SLOPE,           CYC_SIGNAL_TIME,
        CYC_SIGNAL_HOLD_TIME,   CYC_SIGNAL_CHARGE_CAPACITY, CYC_SIGNAL_NET_CAPACITY,
        CYC_SIGNAL_CAPACITY,    CYC_SIGNAL_ENERGY,          CYC_SIGNAL_NET_ENERGY};
    struct cyc_op *more = &step.ops[step.op_count++];
    *more = (struct cyc_op){.code = CYC_OP_SIGNAL, .signal = signals[below(sizeof signals)]};
    if (more->signal == CYC_SIGNAL_SLOPE || more->signal == CYC_SIGNAL_AUX) {
        more->index = (uint8_t)below(2);
    }
    if (more->signal == CYC_SIGNAL_TIME || more->signal > CYC_SIGNAL_HOLD_TIME) {
        more->scope = (uint8_t)below(CYC_SCOPE_BLOCK + 2);
    }
}

/* signal, sometimes scaled and shifted, against a number or something calculated */
static void comparison(void)
{
    static const double bounds[] = {0.5, 3.3, 3.9, 25.0, 40.0, 600.0, 3600.0};
    signal_op();
    if (chance(3)) {
        op(CYC_OP_CONST, between(-2, 2));
        op(chance(2) ? CYC_OP_MUL : CYC_OP_ADD, 0);
    }
    if (chance(3)) {
        op(CYC_OP_ABS, 0);
    }
    if (chance(6)) {
        signal_op();
        op(chance(2) ? CYC_OP_DIV : CYC_OP_MIN, 0);
    }
    op(CYC_OP_CONST, bounds[below(7)] * between(0.9, 1.1));
    op(chance(2) ? CYC_OP_GE : CYC_OP_LT, 0);
}

static struct cyc_condition condition(void)
{
    const uint16_t first = step.op_count;
    comparison();
    if (chance(3)) {
        comparison();
        op(chance(2) ? CYC_OP_AND : CYC_OP_OR, 0);
    }
    if (chance(8)) {
        op(CYC_OP_NOT, 0);
    }
    return (struct cyc_condition){first, (uint16_t)(step.op_count - first)};
}

static void make_segments(void)
{
    static const uint8_t modes[] = {CYC_MODE_REST,  CYC_MODE_CC,    CYC_MODE_CV,
                                    CYC_MODE_CCCV,  CYC_MODE_CP,    CYC_MODE_PROFILE,
                                    CYC_MODE_PULSE, CYC_MODE_SWEEP, CYC_MODE_TEMPERATURE};
    step.mode = (enum cyc_mode)modes[below(sizeof modes)];
    step.charging = chance(2);
    const bool list = step.mode >= CYC_MODE_SWEEP && step.mode <= CYC_MODE_PULSE;
    step.segment_count = list ? 2 + below(6) : 1;
    step.repeat_count = list ? below(4) : 1;
    for (unsigned i = 0; i < step.segment_count; i++) {
        const bool open = step.mode == CYC_MODE_REST || step.mode == CYC_MODE_TEMPERATURE ||
                          (step.mode == CYC_MODE_PULSE && i % 2 == 1);
        const bool voltage = step.mode == CYC_MODE_CV || step.mode == CYC_MODE_SWEEP;
        segments[i] = (struct cyc_segment){
            .duration_ns = list ? (int64_t)(1 + below(60)) * CYC_S_NS / 4 : CYC_NEVER,
            .control = open                       ? CYC_CONTROL_OPEN
                       : voltage                  ? CYC_CONTROL_VOLTAGE
                       : step.mode == CYC_MODE_CP ? CYC_CONTROL_POWER
                                                  : CYC_CONTROL_CURRENT,
            .value = open      ? 0
                     : voltage ? between(3, 4)
                               : between(-2, 2),
            .slope_per_s = step.mode == CYC_MODE_SWEEP ? between(-0.01, 0.01) : 0,
            .pulse = step.mode == CYC_MODE_PULSE && i % 2 == 0};
    }
    step.sweep_from_present = step.mode == CYC_MODE_SWEEP && chance(2);
    step.hold_V = step.mode == CYC_MODE_CCCV ? between(3.5, 4.0) : NAN;
    step.current_min_A = -2;
    step.current_max_A = 2;
}

static void make_cutoffs(void)
{
    step.cutoff_count = (uint8_t)(1 + below(5));
    for (unsigned i = 0; i < step.cutoff_count; i++) {
        struct cyc_cutoff *cutoff = &step.cutoffs[i];
        cutoff->when = condition();
        cutoff->reason = (enum cyc_reason)(1 + below(CYC_REASON_CONDITION));
        cutoff->entry = (enum cyc_entry)below(3);
        cutoff->hold_only = chance(4);
        cutoff->lasting_ns = chance(3) ? (int64_t)below(30) * CYC_S_NS : 0;
        cutoff->after_ns = chance(4) ? (int64_t)below(30) * CYC_S_NS : 0;
        cutoff->tag = (int32_t)i;
        if (chance(5)) {
            cutoff->action = CYC_FOLLOW_PAUSE;
            cutoff->resume = condition();
            cutoff->pause_timeout_ns = 3600 * CYC_S_NS;
        }
    }
}

static void make_step(void)
{
    memset(&step, 0, sizeof step);
    step.id = 1 + below(9);
    step.segments = segments;
    step.slope_count = 2;
    step.slopes[0] = (struct cyc_slope){CYC_SIGNAL_VOLTAGE, 20 * CYC_S_NS};
    step.slopes[1] = (struct cyc_slope){CYC_SIGNAL_TEMPERATURE, 60 * CYC_S_NS};
    step.block_depth = (uint8_t)below(3);
    step.scope_resets = chance(3) ? 1u << (CYC_SCOPE_CYCLE + below(2)) : 0;
    step.timeout_ns = chance(4) ? 7200 * CYC_S_NS : CYC_NEVER;
    step.limit_count = 2;
    step.limits[0] = (struct cyc_limit){CYC_SIGNAL_VOLTAGE, 0, CYC_LEVEL_PROTOCOL, 2.0, 5.0};
    step.limits[1] = (struct cyc_limit){CYC_SIGNAL_CURRENT, 0, CYC_LEVEL_CHANNEL, -2.2, 2.2};
    step.record =
        (struct cyc_record_rule){.every_ns = (int64_t)(1 + below(60)) * CYC_S_NS,
                                 .voltage_V = chance(2) ? 0.02 : 0,
                                 .capacity_Ah = chance(3) ? 0.001 : 0,
                                 .bursts = {{.during_ns = CYC_S_NS, .every_ns = CYC_S_NS / 5}},
                                 .burst_count = (uint8_t)below(2)};
    step.resistance_at_ns[0] = CYC_S_NS / 10;
    step.resistance_at_ns[1] = CYC_S_NS;
    step.resistance_at_count = 2;
    make_segments();
    make_cutoffs();
}

/* ---- Printing -------------------------------------------------------------------------------- */

static void print_sums(const struct cyc_sums *sums)
{
    printf(" %a %a %a %a", sums->charge_Ah, sums->discharge_Ah, sums->charge_Wh,
           sums->discharge_Wh);
}

static void print_result(const struct cyc_result *result)
{
    printf(" %" PRIu32 " %s %d %s %" PRId32 " %#" PRIx32 " %" PRId64 " %" PRId64 " %" PRId64
           " %" PRId64,
           result->step_count, cyc_reason_name(result->reason), result->cutoff,
           cyc_follow_up_name(result->action), result->tag, result->flags, result->start_ns,
           result->end_ns, result->step_time_ns, result->hold_time_ns);
    print_sums(&result->sums);
    printf(" %a %a %a %a %a %a", result->cc_capacity_Ah, result->cv_capacity_Ah,
           result->start_voltage_V, result->voltage_V, result->current_A, result->peak_V);
    for (unsigned i = 0; i < CYC_SLOPES_MAX; i++) {
        printf(" %d:%a", isnan(result->slopes[i]),
               isnan(result->slopes[i]) ? 0 : result->slopes[i]);
    }
    for (unsigned i = 0; i < result->resistance_count; i++) {
        const double ohm = result->resistances_ohm[i];
        printf(" %d:%a", isnan(ohm), isnan(ohm) ? 0 : ohm);
    }
}

static void print_record(const struct cyc_record *record)
{
    printf(" %" PRIu64 " %" PRId64 " %" PRId64 " %" PRIu32 " %" PRIu32, record->index,
           record->sample.t_ns, record->step_time_ns, record->step_count, record->step_id);
    print_sums(&record->step);
    print_sums(&record->cycle);
    print_sums(&record->test);
}

static void print_action(const struct cyc_actions *actions, const struct cyc_action *action)
{
    const struct cyc_setpoint *setpoint = &action->as.setpoint;
    printf("  action %d", (int)action->kind);
    switch (action->kind) {
    case CYC_ACTION_SETPOINT:
        printf(" %" PRIu32 " %d %a %a %a %a", setpoint->number, (int)setpoint->control,
               setpoint->value, setpoint->slope_per_s, setpoint->current_min_A,
               setpoint->current_max_A);
        break;
    case CYC_ACTION_RECORD:
        print_record(&actions->record);
        break;
    case CYC_ACTION_STEP_DONE:
        print_result(&actions->result);
        break;
    case CYC_ACTION_PAUSED:
    case CYC_ACTION_RESUMED:
        printf(" %" PRId32, action->as.tag);
        break;
    case CYC_ACTION_FINISH:
        printf(" %s", cyc_finish_name(action->as.finish));
        break;
    case CYC_ACTION_ENVIRONMENT:
    case CYC_ACTION_SAFE:
        break;
    }
    printf("\n");
}

static void print_actions(const struct cyc_core *core, const struct cyc_actions *actions)
{
    printf("%s %" PRId64 " %d", cyc_state_name(cyc_core_state(core)), actions->deadline_ns,
           actions->sampled);
    for (unsigned i = 0; i < actions->watch_count; i++) {
        const struct cyc_watch *watch = &actions->watches[i];
        printf(" %u%s%a", watch->signal, watch->magnitude ? "|" : ":", watch->value);
    }
    printf("\n");
    for (unsigned i = 0; i < actions->count; i++) {
        print_action(actions, &actions->items[i]);
    }
}

/* ---- Events ---------------------------------------------------------------------------------- */

static struct cyc_sample sample = {.voltage_V = 3.5,
                                   .temperature_degC = 25,
                                   .ambient_degC = 25,
                                   .pressure_Pa = 1e5,
                                   .flags = CYC_SAMPLE_SETTLED};

static void wander(const struct cyc_core *core)
{
    const struct cyc_setpoint *setpoint = &core->setpoint;
    const bool open = setpoint->control == CYC_CONTROL_OPEN;
    sample.setpoint_number = setpoint->number - (setpoint->number > 0 && chance(20) ? 1 : 0);
    sample.current_A = open ? 0 : chance(2) ? sample.current_A * 0.9 : between(-2, 2);
    sample.voltage_V += between(-0.03, 0.03) + 0.01 * sample.current_A;
    sample.voltage_V = sample.voltage_V < 2.9   ? 3.2
                       : sample.voltage_V > 4.2 ? 3.9
                                                : sample.voltage_V;
    sample.temperature_degC += between(-1, 1) + (sample.temperature_degC > 35 ? -0.5 : 0.2);
    sample.pressure_Pa *= between(0.99, 1.01);
    sample.aux[0] = between(0, 50);
    sample.temperature_age_ns = chance(50) ? 4 * CYC_S_NS : 0;
    sample.flags = CYC_SAMPLE_SETTLED;
    if (chance(2)) {
        sample.flags |= CYC_SAMPLE_EXACT;
        sample.charge_Ah = sample.current_A > 0 ? between(0, 1e-3) : 0;
        sample.discharge_Ah = sample.current_A < 0 ? between(0, 1e-3) : 0;
        sample.charge_Wh = sample.charge_Ah * sample.voltage_V;
        sample.discharge_Wh = sample.discharge_Ah * sample.voltage_V;
    }
}

static void handle(struct cyc_core *core, struct cyc_event *event, struct cyc_actions *actions,
                   int64_t t_ns)
{
    event->t_ns = t_ns;
    event->sample = &sample;
    cyc_core_handle(core, &step, event, actions);
    print_actions(core, actions);
}

static void give_sample(struct cyc_core *core, struct cyc_actions *actions, int64_t t_ns)
{
    struct cyc_event event = {.kind = CYC_EVENT_SAMPLE};
    const struct cyc_sample good = sample;
    wander(core);
    sample.t_ns = t_ns;
    const double voltage_V = sample.voltage_V;
    sample.voltage_V = chance(100) ? NAN : voltage_V;
    handle(core, &event, actions, t_ns);
    sample.voltage_V = isnan(voltage_V) ? good.voltage_V : voltage_V;
}

static int64_t later(const struct cyc_actions *actions, int64_t t_ns)
{
    const int64_t gap_ns = (int64_t)(between(0, 1) * between(0, 1) * 2e10);
    const bool due = chance(3) && actions->deadline_ns < t_ns + 600 * CYC_S_NS;
    return due ? actions->deadline_ns : t_ns + gap_ns;
}

int main(int argc, char **argv)
{
    static struct cyc_core core;
    static struct cyc_actions actions;
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const unsigned long events = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    int64_t t_ns = 0;
    cyc_core_init(&core);
    for (unsigned long i = 0; i < events; i++) {
        struct cyc_event event = {.kind = CYC_EVENT_STEP};
        if (cyc_core_state(&core) == CYC_STATE_FAULT) { /* a new run; the seed goes on */
            printf("fault %s %s\n", cyc_fault_name(core.fault.kind),
                   cyc_signal_name(core.fault.signal));
            cyc_core_init(&core);
            t_ns = 0;
        }
        if (cyc_core_state(&core) == CYC_STATE_IDLE && !chance(20)) {
            make_step();
            handle(&core, &event, &actions, t_ns);
        } else if (chance(200)) {
            event.kind = CYC_EVENT_OPERATOR;
            event.operator_word = (enum cyc_operator)below(CYC_OPERATOR_SKIP + 1);
            handle(&core, &event, &actions, t_ns);
        } else if (chance(100)) {
            event.kind = CYC_EVENT_DEADLINE;
            handle(&core, &event, &actions, t_ns);
        } else {
            t_ns = later(&actions, t_ns);
            give_sample(&core, &actions, t_ns);
        }
    }
    return 0;
}
