/* The executor's entrance: one event in, actions out.
 *
 * One switch dispatches on the kind of event; everything that happens inside a step is step.c's.
 *
 *            STEP              entry, settling             cutoff, end of list, operator
 *   IDLE ───────────► SETTLE ─────────────────► RUN/HOLD ───────────────────────────► IDLE
 *    │                   any state: a fault ──► FAULT ── ACKNOWLEDGE ──► FINISHED
 *    └── END ──► FINISHED
 *
 * Invariants: there is exactly one SAFE per fault and the first reason stays; nothing but an
 * operator's ACKNOWLEDGE leaves FAULT, nothing leaves FINISHED. A sample is taken apart in the
 * same order everywhere: accumulate, limits, cutoffs in written order, record, transition. A
 * sample older than the one before ends nothing; only its own charge count is added. Transitions
 * that take no time are counted: more than CYC_STILL_MAX at one moment are a fault.
 *
 * Bad data (stale, NaN, infinite) of voltage, current and whatever a limit or an active condition
 * reads are tolerated for CYC_STALE_NS from the first bad sample on. So is the lack of any sample,
 * from the moment on at which one was asked for; that is noticed at the host's DEADLINE events.
 */
#include "core/core_int.h"

#include <string.h>

unsigned long cyc_core_size(void)
{
    return sizeof(struct cyc_core);
}

void cyc_core_init(struct cyc_core *core)
{
    memset(core, 0, sizeof *core);
    core->patience = (struct cyc_patience){CYC_STALE_NS, CYC_STALE_NS, CYC_STALE_NS};
    core->exact = true;
    core->bad_since_ns = CYC_NEVER;
    core->demand_ns = CYC_NEVER;
    core->environment =
        (struct cyc_environment){.temperature_degC = NAN, .ramp_K_per_s = NAN, .pressure_Pa = NAN};
    for (unsigned i = 0; i < CYC_DIRECT; i++) {
        core->direct[i] = NAN;
        core->validity[i] = CYC_TRUTH_INVALID;
    }
}

bool cyc_core_is_interrupted(const struct cyc_core *core)
{
    return core->interrupted;
}

const struct cyc_environment *cyc_core_environment(const struct cyc_core *core)
{
    return &core->environment;
}

static int64_t at_least(int64_t patience_ns)
{
    return patience_ns > CYC_STALE_NS ? patience_ns : CYC_STALE_NS;
}

void cyc_core_set_patience(struct cyc_core *core, const struct cyc_patience *patience)
{
    core->patience.sample_ns = at_least(patience->sample_ns);
    core->patience.temperature_ns = at_least(patience->temperature_ns);
    core->patience.pressure_ns = at_least(patience->pressure_ns);
}

void cyc_core_patience(const struct cyc_core *core, struct cyc_patience *patience)
{
    *patience = core->patience;
}

enum cyc_state cyc_core_state(const struct cyc_core *core)
{
    return core->state;
}

const struct cyc_fault *cyc_core_fault(const struct cyc_core *core)
{
    return &core->fault;
}

const struct cyc_sample *cyc_core_last(const struct cyc_core *core)
{
    return core->has_sample ? &core->last : NULL;
}

void cyc_core_known(const struct cyc_core *core, double *voltage_V, double *current_A)
{
    const bool known = core->has_previous || core->previous_ns != 0; /* also before a gap */
    *voltage_V = known ? core->previous_V : NAN;
    *current_A = known ? core->previous_A : NAN;
}

int64_t cyc_core_counted_ns(const struct cyc_core *core)
{
    return core->previous_ns;
}

const struct cyc_setpoint *cyc_core_setpoint(const struct cyc_core *core)
{
    return &core->setpoint;
}

int64_t cyc_core_step_time_ns(const struct cyc_core *core)
{
    return core->step_time_ns;
}

uint32_t cyc_core_step_count(const struct cyc_core *core)
{
    return core->step_count;
}

struct cyc_action *cyc_core_act(struct cyc_turn *turn, enum cyc_action_kind kind)
{
    struct cyc_actions *out = turn->out;
    out->count -= CYC_ASSERT(out->count < CYC_ACTIONS_MAX) ? 0 : 1;
    struct cyc_action *action = &out->items[out->count++];
    action->kind = kind;
    return action;
}

void cyc_core_enter(struct cyc_turn *turn, enum cyc_state state)
{
    struct cyc_core *core = turn->core;
    core->state = state;
    core->rewatch = true;
    core->still_count = core->still_ns == core->now_ns ? core->still_count + 1 : 0;
    core->still_ns = core->now_ns;
}

void cyc_core_trip(struct cyc_turn *turn, const struct cyc_fault *fault)
{
    struct cyc_core *core = turn->core;
    if (core->state == CYC_STATE_FAULT || core->state == CYC_STATE_FINISHED) {
        return;
    }
    core->fault = *fault;
    core->fault.t_ns = turn->t_ns;
    core->setpoint.control = CYC_CONTROL_OPEN;
    (void)cyc_core_act(turn, CYC_ACTION_SAFE);
    if (cyc_core_in_step(core)) {
        if (core->started) {
            cyc_core_record_force(turn);
        }
        cyc_core_step_end(turn, CYC_REASON_FAULT, -1, CYC_FOLLOW_FAIL);
    }
    cyc_core_act(turn, CYC_ACTION_FINISH)->as.finish = CYC_FINISH_FAULT;
    cyc_core_enter(turn, CYC_STATE_FAULT);
}

void cyc_core_trip_kind(struct cyc_turn *turn, enum cyc_fault_kind kind)
{
    const struct cyc_fault fault = {.kind = kind, .value = NAN, .bound = NAN};
    cyc_core_trip(turn, &fault);
}

/* ---- Samples --------------------------------------------------------------------------------- */

static uint8_t validity_of(double value, bool stale)
{
    if (stale) {
        return CYC_TRUTH_STALE;
    }
    return isfinite(value) ? CYC_TRUTH_TRUE : CYC_TRUTH_INVALID;
}

/* x - x is zero for numbers only: one look at all of them in the usual case. */
static void judge_validity(struct cyc_core *core)
{
    const struct cyc_sample *last = &core->last;
    double zero = 0;
    for (unsigned i = 0; i < CYC_DIRECT; i++) {
        zero += core->direct[i] - core->direct[i];
    }
    const bool old = last->temperature_age_ns > core->patience.temperature_ns;
    const bool old_pressure = last->pressure_age_ns > core->patience.pressure_ns;
    if (!old && !old_pressure && !isnan(zero) && core->all_valid) {
        return;
    }
    const bool stale[CYC_DIRECT] = {[CYC_SIGNAL_TEMPERATURE] = old,
                                    [CYC_SIGNAL_AMBIENT] = old,
                                    [CYC_SIGNAL_PRESSURE] = old_pressure};
    core->all_valid = true;
    for (unsigned i = 0; i < CYC_DIRECT; i++) {
        core->validity[i] = validity_of(core->direct[i], stale[i]);
        core->all_valid = core->all_valid && core->validity[i] == CYC_TRUTH_TRUE;
    }
}

static void take(struct cyc_core *core, const struct cyc_sample *sample)
{
    core->last = *sample;
    core->has_sample = true;
    core->recorded = false;
    core->ask_now = false;
    core->direct[CYC_SIGNAL_VOLTAGE] = sample->voltage_V;
    core->direct[CYC_SIGNAL_CURRENT] = sample->current_A;
    core->direct[CYC_SIGNAL_POWER] = sample->voltage_V * sample->current_A;
    core->direct[CYC_SIGNAL_TEMPERATURE] = sample->temperature_degC;
    core->direct[CYC_SIGNAL_AMBIENT] = sample->ambient_degC;
    core->direct[CYC_SIGNAL_PRESSURE] = sample->pressure_Pa;
    judge_validity(core);
}

/* After all tests of a sample; …_before: what was noted up to the sample before. */
static void check_bad(struct cyc_turn *turn, enum cyc_fault_kind kind_before, uint8_t signal_before,
                      uint8_t index_before)
{
    struct cyc_core *core = turn->core;
    if (core->bad_kind == CYC_FAULT_NONE) {
        if (core->bad_since_ns != CYC_NEVER) {
            core->bad_since_ns = CYC_NEVER;
            core->rewake = true;
        }
        return;
    }
    if (kind_before == CYC_FAULT_NONE) {
        core->bad_since_ns = turn->t_ns;
        core->rewake = true;
        return;
    }
    core->bad_kind = kind_before; /* the first one names the fault */
    core->bad_signal = signal_before;
    core->bad_index = index_before;
    if (turn->t_ns - core->bad_since_ns >= core->patience.sample_ns) {
        const struct cyc_fault fault = {.kind = core->bad_kind,
                                        .signal = core->bad_signal,
                                        .index = core->bad_index,
                                        .value = NAN,
                                        .bound = NAN};
        cyc_core_trip(turn, &fault);
    }
}

/* What every sample goes through, inside a step or not. */
static void on_fresh_sample(struct cyc_turn *turn, const struct cyc_sample *sample)
{
    struct cyc_core *core = turn->core;
    const enum cyc_fault_kind bad_kind = core->bad_kind;
    const uint8_t bad_signal = core->bad_signal;
    const uint8_t bad_index = core->bad_index;
    const uint32_t breached_before = core->breached;
    const bool own = core->setpoint.number == sample->setpoint_number;
    core->bad_kind = CYC_FAULT_NONE;
    take(core, sample);
    cyc_core_account(core, sample);
    for (uint8_t signal = CYC_SIGNAL_VOLTAGE; signal <= CYC_SIGNAL_CURRENT; signal++) {
        if (core->validity[signal] != CYC_TRUTH_TRUE) {
            cyc_core_note_bad(core, CYC_TRUTH_INVALID, signal, 0);
        }
    }
    struct cyc_fault fault = {.kind = CYC_FAULT_PROTECTION, .value = NAN, .bound = NAN};
    if ((sample->flags & CYC_SAMPLE_PROTECTION) != 0 || cyc_core_breach(core, &fault)) {
        if (cyc_core_in_step(core)) { /* its time goes as far as its charge */
            cyc_core_step_clock(turn, own && core->state != CYC_STATE_PAUSED);
        }
        cyc_core_trip(turn, &fault);
        return;
    }
    if (core->breached != breached_before) {
        core->rewake = true;
    }
    if (core->state == CYC_STATE_SETTLE && core->settle_count < UINT8_MAX) {
        core->settle_count++;
    }
    if (cyc_core_in_step(core)) {
        cyc_core_step_sample(turn, own);
    }
    check_bad(turn, bad_kind, bad_signal, bad_index);
}

static void on_sample(struct cyc_turn *turn, const struct cyc_sample *sample)
{
    struct cyc_core *core = turn->core;
    if (core->state == CYC_STATE_FINISHED) {
        return;
    }
    if (core->has_sample && sample->t_ns < core->last.t_ns) {
        if ((sample->flags & CYC_SAMPLE_EXACT) != 0) {
            cyc_core_account(core, sample);
        }
        return;
    }
    const int64_t gap_ns = core->has_sample ? sample->t_ns - core->last.t_ns : CYC_NEVER;
    if (core->state == CYC_STATE_FAULT) { /* the cell is looked after; nothing is decided */
        take(core, sample);
        cyc_core_account(core, sample);
        return;
    }
    on_fresh_sample(turn, sample);
    const bool dull =
        turn->out->count == 0 && (gap_ns < CYC_DULL_GAP_NS || core->dull_count >= CYC_DULL_MAX);
    core->dull_count = dull ? (uint8_t)(core->dull_count + (core->dull_count < UINT8_MAX)) : 0;
}

/* ---- Other events ---------------------------------------------------------------------------- */

static void on_step(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    if (core->state == CYC_STATE_FAULT || core->state == CYC_STATE_FINISHED) {
        return;
    }
    if (core->state != CYC_STATE_IDLE) {
        cyc_core_trip_kind(turn, CYC_FAULT_INVARIANT);
        return;
    }
    cyc_core_step_begin(turn);
}

static void on_deadline(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    if (!cyc_core_in_step(core)) {
        return;
    }
    if (core->demand_ns != CYC_NEVER && turn->t_ns - core->demand_ns >= core->patience.sample_ns) {
        cyc_core_trip_kind(turn, CYC_FAULT_STALE);
        return;
    }
    cyc_core_step_deadline(turn);
}

static void on_reply(struct cyc_turn *turn, enum cyc_reply reply)
{
    switch (reply) {
    case CYC_REPLY_OK:
        return;
    case CYC_REPLY_FAILED:
        cyc_core_trip_kind(turn, CYC_FAULT_REPLY);
        return;
    case CYC_REPLY_STALE:
        cyc_core_trip_kind(turn, CYC_FAULT_STALE);
        return;
    case CYC_REPLY_INFEASIBLE:
        cyc_core_trip_kind(turn, CYC_FAULT_INFEASIBLE);
        return;
    }
    cyc_core_trip_kind(turn, CYC_FAULT_INVARIANT);
}

static void finish(struct cyc_turn *turn, enum cyc_finish how)
{
    struct cyc_core *core = turn->core;
    if (core->setpoint.control != CYC_CONTROL_OPEN) {
        core->setpoint = (struct cyc_setpoint){.number = core->setpoint.number + 1};
        cyc_core_act(turn, CYC_ACTION_SETPOINT)->as.setpoint = core->setpoint;
    }
    cyc_core_act(turn, CYC_ACTION_FINISH)->as.finish = how;
    cyc_core_enter(turn, CYC_STATE_FINISHED);
}

static void on_end(struct cyc_turn *turn, enum cyc_finish how)
{
    struct cyc_core *core = turn->core;
    if (core->state == CYC_STATE_IDLE) {
        finish(turn, how);
    } else {
        cyc_core_trip_kind(turn, CYC_FAULT_INVARIANT);
    }
}

static void end_by_operator(struct cyc_turn *turn, enum cyc_follow_up action)
{
    cyc_core_step_clock(turn, false);
    if (turn->core->started) {
        cyc_core_record_force(turn);
    }
    cyc_core_step_end(turn, CYC_REASON_OPERATOR, -1, action);
}

static void on_operator(struct cyc_turn *turn, const struct cyc_event *event)
{
    struct cyc_core *core = turn->core;
    const bool in_step = cyc_core_in_step(core);
    switch (event->operator_word) {
    case CYC_OPERATOR_PAUSE:
        if (in_step && core->state != CYC_STATE_PAUSED) {
            cyc_core_step_clock(turn, false);
            cyc_core_step_pause(turn, CYC_PAUSED_BY_OPERATOR);
        }
        break;
    case CYC_OPERATOR_RESUME:
        if (core->state == CYC_STATE_PAUSED) {
            cyc_core_step_clock(turn, false);
            cyc_core_step_resume(turn);
        }
        break;
    case CYC_OPERATOR_SKIP:
        if (in_step) {
            end_by_operator(turn, CYC_FOLLOW_NEXT);
        }
        break;
    case CYC_OPERATOR_STOP:
        if (in_step) {
            end_by_operator(turn, CYC_FOLLOW_STOP);
        } else if (core->state == CYC_STATE_IDLE) {
            finish(turn, CYC_FINISH_STOPPED);
        }
        break;
    case CYC_OPERATOR_ANSWER:
        if (in_step && turn->step->mode == CYC_MODE_ASK) {
            end_by_operator(turn, CYC_FOLLOW_NEXT);
        }
        break;
    case CYC_OPERATOR_ACKNOWLEDGE:
        if (core->state == CYC_STATE_FAULT) {
            cyc_core_enter(turn, CYC_STATE_FINISHED);
        }
        break;
    case CYC_OPERATOR_INTERRUPT:
        if (core->state <= CYC_STATE_PAUSED) {
            cyc_core_step_interrupt(turn, event->absence);
        }
        break;
    case CYC_OPERATOR_CONTINUE:
        if (core->interrupted) {
            cyc_core_step_clock(turn, false);
            cyc_core_step_continue(turn);
        }
        break;
    case CYC_OPERATOR_RESTART:
        if (core->interrupted) {
            cyc_core_step_restart(turn);
        }
        break;
    }
}

void cyc_core_handle(struct cyc_core *core, const struct cyc_step *step,
                     const struct cyc_event *event, struct cyc_actions *actions)
{
    const bool is_sample = event->kind == CYC_EVENT_SAMPLE;
    struct cyc_turn turn = {.core = core,
                            .step = step,
                            .out = actions,
                            .t_ns = is_sample ? event->sample->t_ns : event->t_ns};
    actions->count = 0;
    core->now_ns = turn.t_ns > core->now_ns ? turn.t_ns : core->now_ns;
    if (!CYC_ASSERT(step != NULL || (event->kind != CYC_EVENT_STEP && !cyc_core_in_step(core)))) {
        core->state = CYC_STATE_IDLE; /* without its step there is no result to give */
        cyc_core_trip_kind(&turn, CYC_FAULT_INVARIANT);
        cyc_core_wake(&turn);
        return;
    }
    switch (event->kind) {
    case CYC_EVENT_STEP:
        on_step(&turn);
        break;
    case CYC_EVENT_SAMPLE:
        on_sample(&turn, event->sample);
        break;
    case CYC_EVENT_DEADLINE:
        on_deadline(&turn);
        break;
    case CYC_EVENT_REPLY:
        on_reply(&turn, event->reply);
        break;
    case CYC_EVENT_OPERATOR:
        on_operator(&turn, event);
        break;
    case CYC_EVENT_END:
        on_end(&turn, event->finish);
        break;
    }
    if (core->still_count > CYC_STILL_MAX) {
        cyc_core_trip_kind(&turn, CYC_FAULT_PROGRESS);
    }
    cyc_core_wake(&turn);
    if (is_sample || !cyc_core_in_step(core) || actions->deadline_ns < core->demand_ns) {
        core->demand_ns = actions->deadline_ns;
    }
}
