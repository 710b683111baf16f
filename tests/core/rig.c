#include "rig.h"

#include "store/state.h"

#include <stdlib.h>

/* ---- The bench ------------------------------------------------------------------------------- */

struct rig *rig_new(double z)
{
    struct rig *rig = calloc(1, sizeof *rig);
    if (rig == NULL) {
        abort();
    }
    cyc_core_init(&rig->core);
    rig->cell = (struct bench_cell){.ocv_V = 3.0 + 1.2 * z,
                                    .per_Ah_V = 1.2 / 2.5,
                                    .r0_ohm = 0.020,
                                    .temperature_degC = 25.0,
                                    .ambient_degC = 25.0,
                                    .pressure_Pa = 1e5};
    make_rest(rig);
    return rig;
}

void rig_free(struct rig *rig)
{
    free(rig);
}

static void log_result(struct rig *rig)
{
    if (rig->result_count < RIG_RESULTS_MAX) {
        rig->results[rig->result_count] = rig->actions.result;
    }
    rig->result_count++;
}

static void log_record(struct rig *rig)
{
    if (rig->record_count < RIG_RECORDS_MAX) {
        rig->records[rig->record_count] = rig->actions.record;
    }
    rig->record_count++;
}

static void carry_out(struct rig *rig, const struct cyc_action *action)
{
    const struct cyc_setpoint open = {.number = rig->core.setpoint.number};
    switch (action->kind) {
    case CYC_ACTION_SETPOINT:
        bench_apply(&rig->cell, &action->as.setpoint);
        if (rig->setpoint_count < RIG_SETPOINTS_MAX) {
            rig->setpoints[rig->setpoint_count] = action->as.setpoint;
        }
        rig->setpoint_count++;
        break;
    case CYC_ACTION_ENVIRONMENT:
        rig->environment = action->as.environment;
        rig->environment_count++;
        break;
    case CYC_ACTION_SAFE:
        bench_apply(&rig->cell, &open);
        rig->safe_count++;
        break;
    case CYC_ACTION_RECORD:
        log_record(rig);
        break;
    case CYC_ACTION_STEP_DONE:
        log_result(rig);
        break;
    case CYC_ACTION_PAUSED:
        rig->paused_count++;
        rig->paused_tag = action->as.tag;
        break;
    case CYC_ACTION_RESUMED:
        rig->resumed_count++;
        break;
    case CYC_ACTION_FINISH:
        rig->finish_count++;
        rig->finish = action->as.finish;
        break;
    }
}

/* With CYC_TEST_RELOAD in the environment every test runs on an executor that is saved and loaded
 * again and again: nothing may come out differently. */
static void reload(struct rig *rig)
{
    static int every = -1; /* events */
    static unsigned count;
    if (every < 0) {
        every = getenv("CYC_TEST_RELOAD") != NULL ? 5 : 0;
    }
    if (every == 0 || ++count % (unsigned)every != 0) {
        return;
    }
    struct cyc_text text = {0};
    struct cyc_core loaded;
    struct cyc_err err = {0};
    memset(&loaded, 0x5a, sizeof loaded);
    cyc_state_save(&rig->core, &text);
    CU_ASSERT_EQUAL(cyc_state_load(&loaded, &rig->step, cyc_text_get(&text), &err), CYC_OK);
    loaded.patience = rig->core.patience;
    rig->core = loaded;
    cyc_text_release(&text);
}

void rig_event(struct rig *rig, const struct cyc_event *event)
{
    memset(&rig->actions, 0xa5, sizeof rig->actions); /* the executor may not rely on it */
    cyc_core_handle(&rig->core, &rig->step, event, &rig->actions);
    for (unsigned i = 0; i < rig->actions.count; i++) {
        carry_out(rig, &rig->actions.items[i]);
    }
    reload(rig);
}

void rig_step(struct rig *rig)
{
    rig_event(rig, &(struct cyc_event){.kind = CYC_EVENT_STEP, .t_ns = rig->now_ns});
}

void rig_give(struct rig *rig, const struct cyc_sample *sample)
{
    rig->sample = *sample;
    rig->samples++;
    rig_event(rig, &(struct cyc_event){
                       .kind = CYC_EVENT_SAMPLE, .t_ns = rig->now_ns, .sample = &rig->sample});
}

struct cyc_sample rig_peek(const struct rig *rig)
{
    struct cyc_sample sample = {.t_ns = rig->now_ns,
                                .setpoint_number = rig->cell.setpoint.number,
                                .flags =
                                    CYC_SAMPLE_OUTPUT_ON | CYC_SAMPLE_SETTLED | rig->extra_flags,
                                .voltage_V = bench_voltage(&rig->cell),
                                .current_A = bench_current(&rig->cell),
                                .temperature_degC = rig->cell.temperature_degC,
                                .ambient_degC = rig->cell.ambient_degC,
                                .pressure_Pa = rig->cell.pressure_Pa};
    sample.flags |= rig->not_exact ? 0u : (unsigned)CYC_SAMPLE_EXACT;
    return sample;
}

static void sample_after(struct rig *rig, int64_t until_ns)
{
    const struct cyc_sums passed = bench_advance(&rig->cell, until_ns);
    rig->now_ns = until_ns;
    struct cyc_sample sample = rig_peek(rig);
    sample.charge_Ah = passed.charge_Ah;
    sample.discharge_Ah = passed.discharge_Ah;
    sample.charge_Wh = passed.charge_Wh;
    sample.discharge_Wh = passed.discharge_Wh;
    rig_give(rig, &sample);
}

void rig_sample(struct rig *rig)
{
    sample_after(rig, rig->now_ns);
}

void rig_operator(struct rig *rig, enum cyc_operator word)
{
    rig_event(rig, &(struct cyc_event){
                       .kind = CYC_EVENT_OPERATOR, .t_ns = rig->now_ns, .operator_word = word});
}

void rig_reply(struct rig *rig, enum cyc_reply reply)
{
    rig_event(rig,
              &(struct cyc_event){.kind = CYC_EVENT_REPLY, .t_ns = rig->now_ns, .reply = reply});
}

void rig_deadline(struct rig *rig, int64_t t_ns)
{
    rig_event(rig, &(struct cyc_event){.kind = CYC_EVENT_DEADLINE, .t_ns = t_ns});
}

void rig_end(struct rig *rig, enum cyc_finish finish)
{
    rig_event(rig,
              &(struct cyc_event){.kind = CYC_EVENT_END, .t_ns = rig->now_ns, .finish = finish});
}

void rig_pass(struct rig *rig, int64_t ns)
{
    (void)bench_advance(&rig->cell, rig->now_ns + ns);
    rig->now_ns += ns;
}

/* The far end of a turn: the deadline, the grid, at most an hour. */
static int64_t turn_end(const struct rig *rig)
{
    int64_t until_ns = rig->now_ns + HOUR;
    if (rig->actions.deadline_ns < until_ns &&
        (!rig->grid_only || rig->actions.deadline_ns <= rig->now_ns)) {
        until_ns = rig->actions.deadline_ns;
    }
    if (rig->grid_ns > 0 && until_ns > (rig->now_ns / rig->grid_ns + 1) * rig->grid_ns) {
        until_ns = (rig->now_ns / rig->grid_ns + 1) * rig->grid_ns;
    }
    return until_ns < rig->now_ns ? rig->now_ns : until_ns;
}

void rig_turn(struct rig *rig)
{
    int64_t until_ns = turn_end(rig);
    if (rig->grid_ns == 0) {
        until_ns =
            bench_crossing(&rig->cell, until_ns, rig->actions.watches, rig->actions.watch_count);
    }
    sample_after(rig, until_ns);
}

static bool is_running(const struct rig *rig)
{
    const enum cyc_state state = cyc_core_state(&rig->core);
    return state == CYC_STATE_SETTLE || state == CYC_STATE_RUN || state == CYC_STATE_HOLD ||
           state == CYC_STATE_PAUSED;
}

const struct cyc_result *rig_run(struct rig *rig)
{
    rig_step(rig);
    for (unsigned turns = 0; is_running(rig) && turns < 1000000; turns++) {
        rig_turn(rig);
    }
    return rig_result(rig);
}

void rig_until(struct rig *rig, int64_t t_ns)
{
    while (is_running(rig) && rig->now_ns < t_ns) {
        const int64_t deadline_ns = rig->actions.deadline_ns;
        rig->actions.deadline_ns = deadline_ns < t_ns ? deadline_ns : t_ns;
        rig_turn(rig);
    }
}

const struct cyc_result *rig_result(const struct rig *rig)
{
    static const struct cyc_result none;
    return rig->result_count == 0 ? &none : &rig->results[rig->result_count - 1];
}

/* ---- Building steps -------------------------------------------------------------------------- */

void make_step(struct rig *rig, enum cyc_mode mode, enum cyc_control control, double value)
{
    rig->step = (struct cyc_step){.mode = mode, .id = 1, .hold_V = NAN, .charging = value > 0};
    rig->segments[0] =
        (struct cyc_segment){.duration_ns = CYC_NEVER, .control = control, .value = value};
    rig->step.segments = rig->segments;
    rig->step.segment_count = 1;
    rig->step.timeout_ns = CYC_NEVER;
    rig->step.environment =
        (struct cyc_environment){.temperature_degC = NAN, .ramp_K_per_s = NAN, .pressure_Pa = NAN};
}

void make_rest(struct rig *rig)
{
    make_step(rig, CYC_MODE_REST, CYC_CONTROL_OPEN, 0);
}

void make_cc(struct rig *rig, double current_A)
{
    make_step(rig, CYC_MODE_CC, CYC_CONTROL_CURRENT, current_A);
}

void make_cccv(struct rig *rig, double current_A, double hold_V)
{
    make_step(rig, CYC_MODE_CCCV, CYC_CONTROL_CURRENT, current_A);
    rig->step.hold_V = hold_V;
    rig->step.current_min_A = fmin(current_A, 0);
    rig->step.current_max_A = fmax(current_A, 0);
}

void make_cv(struct rig *rig, double voltage_V, double current_max_A)
{
    make_step(rig, CYC_MODE_CV, CYC_CONTROL_VOLTAGE, voltage_V);
    rig->step.current_min_A = -current_max_A;
    rig->step.current_max_A = current_max_A;
}

static void add_op(struct rig *rig, struct cyc_op more)
{
    rig->step.ops[rig->step.op_count++] = more;
    rig->open_ops++;
}

void op_const(struct rig *rig, double value)
{
    add_op(rig, (struct cyc_op){.code = CYC_OP_CONST, .value = value});
}

void op_signal(struct rig *rig, enum cyc_signal signal)
{
    op_scoped(rig, signal, CYC_SCOPE_STEP, 0);
}

void op_scoped(struct rig *rig, enum cyc_signal signal, unsigned scope, unsigned index)
{
    add_op(rig, (struct cyc_op){.code = CYC_OP_SIGNAL,
                                .signal = (uint8_t)signal,
                                .scope = (uint8_t)scope,
                                .index = (uint8_t)index});
}

void op(struct rig *rig, enum cyc_op_code code)
{
    add_op(rig, (struct cyc_op){.code = (uint8_t)code});
}

struct cyc_condition condition(struct rig *rig)
{
    const struct cyc_condition closed = {.first = (uint16_t)(rig->step.op_count - rig->open_ops),
                                         .count = rig->open_ops};
    rig->open_ops = 0;
    return closed;
}

struct cyc_condition compare(struct rig *rig, enum cyc_signal signal, enum cyc_op_code code,
                             double value)
{
    op_signal(rig, signal);
    op_const(rig, value);
    op(rig, code);
    return condition(rig);
}

struct cyc_condition compare_abs(struct rig *rig, enum cyc_signal signal, enum cyc_op_code code,
                                 double value)
{
    op_signal(rig, signal);
    op(rig, CYC_OP_ABS);
    op_const(rig, value);
    op(rig, code);
    return condition(rig);
}

struct cyc_cutoff *cutoff(struct rig *rig, struct cyc_condition when, enum cyc_reason reason)
{
    struct cyc_cutoff *more = &rig->step.cutoffs[rig->step.cutoff_count];
    *more = (struct cyc_cutoff){.when = when,
                                .reason = reason,
                                .entry = CYC_ENTRY_SETTLED,
                                .tag = 100 + rig->step.cutoff_count};
    rig->step.cutoff_count++;
    return more;
}

static struct cyc_cutoff *with_entry(struct cyc_cutoff *more, enum cyc_entry entry)
{
    more->entry = entry;
    return more;
}

struct cyc_cutoff *cut_voltage(struct rig *rig, enum cyc_op_code code, double voltage_V)
{
    return with_entry(
        cutoff(rig, compare(rig, CYC_SIGNAL_VOLTAGE, code, voltage_V), CYC_REASON_VOLTAGE),
        CYC_ENTRY_OPEN);
}

struct cyc_cutoff *cut_current(struct rig *rig, double current_A)
{
    struct cyc_cutoff *more =
        cutoff(rig, compare_abs(rig, CYC_SIGNAL_CURRENT, CYC_OP_LE, current_A), CYC_REASON_CURRENT);
    more->hold_only = true;
    return more;
}

struct cyc_cutoff *cut_time(struct rig *rig, double s)
{
    return with_entry(cutoff(rig, compare(rig, CYC_SIGNAL_TIME, CYC_OP_GE, s), CYC_REASON_TIME),
                      CYC_ENTRY_BEFORE);
}

struct cyc_cutoff *cut_capacity(struct rig *rig, double capacity_Ah)
{
    return with_entry(
        cutoff(rig, compare(rig, CYC_SIGNAL_CAPACITY, CYC_OP_GE, capacity_Ah), CYC_REASON_CAPACITY),
        CYC_ENTRY_BEFORE);
}

struct cyc_cutoff *cut_energy(struct rig *rig, double energy_Wh)
{
    return with_entry(
        cutoff(rig, compare(rig, CYC_SIGNAL_ENERGY, CYC_OP_GE, energy_Wh), CYC_REASON_ENERGY),
        CYC_ENTRY_BEFORE);
}

void limit(struct rig *rig, enum cyc_signal signal, double low, double high, enum cyc_level level)
{
    rig->step.limits[rig->step.limit_count++] = (struct cyc_limit){
        .signal = (uint8_t)signal, .level = (uint8_t)level, .low = low, .high = high};
}

/* ---- Looking at actions ---------------------------------------------------------------------- */

bool did(const struct rig *rig, enum cyc_action_kind kind)
{
    for (unsigned i = 0; i < rig->actions.count; i++) {
        if (rig->actions.items[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static bool has_watch(const struct rig *rig, enum cyc_signal signal, double value, bool magnitude)
{
    for (unsigned i = 0; i < rig->actions.watch_count; i++) {
        const struct cyc_watch *watch = &rig->actions.watches[i];
        if (watch->signal == signal && watch->magnitude == magnitude &&
            fabs(watch->value - value) <= 1e-12 * fmax(1.0, fabs(value))) {
            return true;
        }
    }
    return false;
}

bool watches(const struct rig *rig, enum cyc_signal signal, double value)
{
    return has_watch(rig, signal, value, false);
}

bool watches_magnitude(const struct rig *rig, enum cyc_signal signal, double value)
{
    return has_watch(rig, signal, value, true);
}
