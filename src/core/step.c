/* A step from its entry to its result.
 *
 *   STEP ──► entry ──► SETTLE ──► RUN ──► HOLD ──► STEP_DONE
 *              │          ▲        │ ▲      │
 *              │          └────────┘ └──────┼── every setpoint of the step settles first
 *              ▼                   ▼        ▼
 *        already met:            PAUSED (circuit open, step time stops, charge kept)
 *        STEP_DONE
 *
 * Entry: before any current of its own flows, a step is judged on the latest sample: time, charge,
 * energy, temperature and pressure always, voltage if the circuit is open. What is already met
 * ends the step at once. Without a fresh valid sample, or while a limit may be breached, no
 * setpoint is sent until there is clarity. Everything else waits for the first settled sample
 * under the step's own setpoint: readings under an older one are accounted and end nothing.
 *
 * A CC-CV step sends two setpoints, the second when the voltage reaches hold_V, unless the
 * instrument reports that it has crossed over by itself. Cutoffs are tested before the crossing
 * and again on the first settled sample after it, so a current that is already low enough ends
 * the step with a hold of 0 s.
 *
 * Step time runs from the moment the setpoint is in force and stops in pauses; a rest counts on.
 */
#include "core/core_int.h"

/* ---- Time ------------------------------------------------------------------------------------ */

void cyc_core_step_clock(struct cyc_turn *turn, bool own)
{
    struct cyc_core *core = turn->core;
    if (core->entry_pending || turn->t_ns <= core->clock_ns) {
        return;
    }
    const bool resting = turn->step->mode == CYC_MODE_REST && core->started;
    if (core->clock_on || own || resting) {
        core->step_time_ns += turn->t_ns - core->clock_ns;
        core->hold_time_ns += core->hold ? turn->t_ns - core->clock_ns : 0;
    }
    core->clock_ns = turn->t_ns;
}

/* ---- Cutoffs --------------------------------------------------------------------------------- */

static bool is_active(const struct cyc_core *core, const struct cyc_cutoff *cutoff)
{
    return core->hold || !cutoff->hold_only;
}

/* With `lasting`: has it held so long? Bad data neither count as holding nor break it. */
static bool has_lasted(struct cyc_core *core, unsigned i, enum cyc_truth truth, int64_t lasting_ns)
{
    struct cyc_core_cutoff *state = &core->cutoffs[i];
    const int64_t t_ns = core->last.t_ns;
    if (truth > CYC_TRUTH_TRUE) {
        return false;
    }
    if ((truth == CYC_TRUTH_TRUE) != (state->since_ns != CYC_NEVER)) {
        state->since_ns = truth == CYC_TRUTH_TRUE ? t_ns : CYC_NEVER;
        core->rewake = true;
    }
    return truth == CYC_TRUTH_TRUE && t_ns - state->since_ns >= lasting_ns;
}

/* The first cutoff in written order that is met; -1: none. */
static int judge(const struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const struct cyc_step *step = turn->step;
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        const struct cyc_cutoff *cutoff = &step->cutoffs[i];
        if (!is_active(core, cutoff) || core->step_time_ns < cutoff->after_ns) {
            continue;
        }
        const enum cyc_truth truth = cyc_core_test_quickly(core, step, core->cutoffs[i].when);
        const bool met = cutoff->lasting_ns > 0 ? has_lasted(core, i, truth, cutoff->lasting_ns)
                                                : truth == CYC_TRUTH_TRUE;
        if (met) {
            return (int)i;
        }
    }
    return -1;
}

static int judge_entry(const struct cyc_turn *turn, bool open)
{
    struct cyc_core *core = turn->core;
    const struct cyc_step *step = turn->step;
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        const struct cyc_cutoff *cutoff = &step->cutoffs[i];
        const bool now =
            cutoff->entry == CYC_ENTRY_BEFORE || (cutoff->entry == CYC_ENTRY_OPEN && open);
        if (now && is_active(core, cutoff) && cutoff->after_ns <= 0 && cutoff->lasting_ns <= 0 &&
            cyc_core_test(core, step, core->cutoffs[i].when) == CYC_TRUTH_TRUE) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- End, pause, resume ---------------------------------------------------------------------- */

static uint32_t result_flags(const struct cyc_core *core)
{
    uint32_t flags = core->at_entry ? CYC_RESULT_AT_ENTRY : 0;
    flags |= core->exact ? CYC_RESULT_EXACT : 0;
    flags |= core->estimated ? CYC_RESULT_ESTIMATED : 0;
    flags |= core->interrupted_once ? CYC_RESULT_INTERRUPTED : 0;
    flags |= core->restarted ? CYC_RESULT_RESTARTED : 0;
    return flags | (core->paused_once ? CYC_RESULT_PAUSED : 0);
}

static void fill_values(struct cyc_result *result, const struct cyc_core *core)
{
    result->voltage_V = core->direct[CYC_SIGNAL_VOLTAGE];
    result->current_A = core->direct[CYC_SIGNAL_CURRENT];
    result->temperature_degC = core->direct[CYC_SIGNAL_TEMPERATURE];
    result->ambient_degC = core->direct[CYC_SIGNAL_AMBIENT];
    result->pressure_Pa = core->direct[CYC_SIGNAL_PRESSURE];
    result->start_voltage_V = core->start_V;
    result->peak_V = core->peak_V;
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        result->aux[i] = core->last.aux[i];
    }
    for (unsigned i = 0; i < CYC_SLOPES_MAX; i++) {
        result->slopes[i] = core->slopes[i];
    }
}

static void fill_sums(struct cyc_result *result, const struct cyc_core *core)
{
    result->sums = core->total[CYC_SCOPE_STEP];
    const double capacity_Ah = cyc_sums_get(&result->sums, CYC_SIGNAL_CAPACITY);
    result->cc_capacity_Ah = core->hold ? core->hold_from_Ah : capacity_Ah;
    result->cv_capacity_Ah = capacity_Ah - result->cc_capacity_Ah;
}

static void fill_resistances(struct cyc_result *result, const struct cyc_turn *turn)
{
    const uint64_t count = (uint64_t)turn->core->pulse_count * turn->step->resistance_at_count;
    result->resistance_count = (uint8_t)(count < CYC_RESISTANCES_MAX ? count : CYC_RESISTANCES_MAX);
    for (unsigned i = 0; i < CYC_RESISTANCES_MAX; i++) {
        result->resistances_ohm[i] =
            i < result->resistance_count ? turn->core->resistances_ohm[i] : NAN;
    }
}

void cyc_core_step_end(struct cyc_turn *turn, enum cyc_reason reason, int cutoff,
                       enum cyc_follow_up action)
{
    struct cyc_core *core = turn->core;
    struct cyc_result *result = &turn->out->result;
    result->step_count = core->step_count;
    result->reason = reason;
    result->cutoff = (int16_t)cutoff;
    result->action = action;
    result->tag = cutoff >= 0 ? turn->step->cutoffs[cutoff].tag : -1;
    result->flags = result_flags(core);
    result->start_ns = core->start_ns;
    result->end_ns = turn->t_ns;
    result->step_time_ns = core->step_time_ns;
    result->hold_time_ns = core->hold_time_ns;
    fill_sums(result, core);
    fill_values(result, core);
    fill_resistances(result, turn);
    result->fault = core->fault;
    (void)cyc_core_act(turn, CYC_ACTION_STEP_DONE);
    cyc_core_close_sums(core);
    core->exact = true;
    core->estimated = false;
    core->interrupted = false;
    cyc_core_enter(turn, CYC_STATE_IDLE);
}

static int32_t pause_tag(const struct cyc_turn *turn)
{
    const unsigned by = turn->core->paused_by;
    if (by < CYC_CUTOFFS_MAX) {
        return turn->step->cutoffs[by].tag;
    }
    return by == CYC_PAUSED_BY_OPERATOR ? CYC_TAG_OPERATOR : CYC_TAG_INTERRUPTION;
}

static void forget_lasting(struct cyc_core *core)
{
    for (unsigned i = 0; i < CYC_CUTOFFS_MAX; i++) {
        core->cutoffs[i].since_ns = CYC_NEVER;
    }
}

static void open_circuit(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    core->setpoint = (struct cyc_setpoint){.number = core->setpoint.number + 1};
    cyc_core_act(turn, CYC_ACTION_SETPOINT)->as.setpoint = core->setpoint;
}

static void begin_pause(struct cyc_turn *turn, unsigned by)
{
    struct cyc_core *core = turn->core;
    core->paused_by = (uint16_t)by;
    core->pause_ns = turn->t_ns;
    core->paused_once = true;
    core->clock_on = false;
    core->in_pulse = false;
    core->ask_now = true;
    forget_lasting(core);
    cyc_core_act(turn, CYC_ACTION_PAUSED)->as.tag = pause_tag(turn);
}

void cyc_core_step_pause(struct cyc_turn *turn, unsigned cutoff)
{
    begin_pause(turn, cutoff);
    if (turn->core->setpoint.control != CYC_CONTROL_OPEN) {
        open_circuit(turn);
    }
    cyc_core_enter(turn, CYC_STATE_PAUSED);
}

static void try_entry(struct cyc_turn *turn);

/* Chamber and press may have come back from a power cut with something else in mind. */
static void ask_environment(struct cyc_turn *turn)
{
    const struct cyc_environment *asked = &turn->core->environment;
    if (isfinite(asked->temperature_degC) || asked->temperature_off ||
        isfinite(asked->pressure_Pa) || asked->pressure_off) {
        cyc_core_act(turn, CYC_ACTION_ENVIRONMENT)->as.environment = *asked;
    }
}

void cyc_core_step_resume(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    if (core->interrupted) {
        ask_environment(turn);
    }
    cyc_core_act(turn, CYC_ACTION_RESUMED)->as.tag = pause_tag(turn);
    core->interrupted = false;
    cyc_core_slopes_clear(core);
    if (core->entry_pending) {
        cyc_core_enter(turn, CYC_STATE_SETTLE);
        try_entry(turn);
    } else {
        cyc_core_send(turn);
    }
}

static void carry_out(struct cyc_turn *turn, int cutoff)
{
    const struct cyc_cutoff *met = &turn->step->cutoffs[cutoff];
    if (met->action == CYC_FOLLOW_PAUSE) {
        cyc_core_step_pause(turn, (unsigned)cutoff);
    } else {
        cyc_core_record_force(turn);
        cyc_core_step_end(turn, met->reason, cutoff, met->action);
    }
}

/* ---- Entry ----------------------------------------------------------------------------------- */

static bool crosses_over(const struct cyc_step *step)
{
    return step->mode == CYC_MODE_CCCV || step->mode == CYC_MODE_CPCV;
}

static bool is_beyond_hold(const struct cyc_turn *turn)
{
    const double voltage_V = turn->core->direct[CYC_SIGNAL_VOLTAGE];
    return turn->step->charging ? voltage_V >= turn->step->hold_V : voltage_V <= turn->step->hold_V;
}

static bool has_fresh_voltage(const struct cyc_turn *turn)
{
    const struct cyc_core *core = turn->core;
    return core->has_sample && turn->t_ns - core->last.t_ns <= core->patience.sample_ns &&
           cyc_core_validity(core, CYC_SIGNAL_VOLTAGE) == CYC_TRUTH_TRUE;
}

static void try_entry(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const bool open = core->setpoint.control == CYC_CONTROL_OPEN;
    if (!has_fresh_voltage(turn) || (open && core->breached != 0)) {
        return;
    }
    core->hold = turn->step->mode == CYC_MODE_CV ||
                 (crosses_over(turn->step) && open && is_beyond_hold(turn));
    core->start_V = core->direct[CYC_SIGNAL_VOLTAGE];
    const int cutoff = judge_entry(turn, open);
    if (cutoff >= 0) {
        core->recorded = false; /* the step's only row */
        core->at_entry = true;
        carry_out(turn, cutoff);
        return;
    }
    core->entry_pending = false;
    core->clock_ns = turn->t_ns;
    cyc_core_segment_begin(turn);
    cyc_core_send(turn);
}

static void forget_step(struct cyc_core *core)
{
    core->entry_pending = true;
    core->started = false;
    core->clock_on = false;
    core->hold = false;
    core->at_entry = false;
    core->settled_once = false;
    core->paused_once = false;
    core->interrupted = false;
    core->interrupted_once = false;
    core->restarted = false;
    core->step_time_ns = 0;
    core->hold_time_ns = 0;
    core->hold_from_Ah = 0;
    core->start_V = NAN;
    core->peak_V = NAN;
    core->in_pulse = false;
    core->pulse_count = 0;
    forget_lasting(core);
    cyc_core_slopes_clear(core);
}

bool cyc_core_step_prepare(struct cyc_core *core, const struct cyc_step *step)
{
    if (step->op_count > CYC_OPS_MAX || step->cutoff_count > CYC_CUTOFFS_MAX ||
        step->limit_count > CYC_LIMITS_MAX || step->slope_count > CYC_SLOPES_MAX ||
        step->resistance_at_count > CYC_RESISTANCE_AT_MAX ||
        step->record.burst_count > CYC_BURSTS_MAX || step->block_depth > CYC_BLOCKS_MAX) {
        return false;
    }
    for (unsigned i = 0; i < step->slope_count; i++) {
        if (step->slopes[i].signal >= CYC_DIRECT || step->slopes[i].window_ns < CYC_MS_NS) {
            return false;
        }
    }
    if (crosses_over(step) && !isfinite(step->hold_V)) {
        return false; /* it would never cross over */
    }
    return (step->segment_count == 0 || step->segments != NULL) && cyc_core_compile(core, step) &&
           cyc_core_set_limits(core, step);
}

/* What stays as it is keeps what was asked for before. */
static void keep_environment(struct cyc_environment *kept, const struct cyc_environment *asked)
{
    if (isfinite(asked->temperature_degC) || asked->temperature_off) {
        kept->temperature_degC = asked->temperature_degC;
        kept->ramp_K_per_s = asked->ramp_K_per_s;
        kept->temperature_off = asked->temperature_off;
    }
    if (isfinite(asked->pressure_Pa) || asked->pressure_off) {
        kept->pressure_Pa = asked->pressure_Pa;
        kept->pressure_off = asked->pressure_off;
    }
}

void cyc_core_step_begin(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const struct cyc_step *step = turn->step;
    core->step_count++;
    core->start_ns = turn->t_ns;
    core->clock_ns = turn->t_ns;
    forget_step(core);
    if (!cyc_core_step_prepare(core, step)) {
        cyc_core_trip_kind(turn, CYC_FAULT_INVARIANT);
        return;
    }
    core->block_depth = step->block_depth;
    cyc_core_scope_reset(core, step->scope_resets, turn->t_ns);
    cyc_core_enter(turn, CYC_STATE_SETTLE);
    core->ask_now = true;
    if (step->mode == CYC_MODE_IMPEDANCE) {
        cyc_core_trip_kind(turn, CYC_FAULT_INFEASIBLE);
        return;
    }
    if (step->mode == CYC_MODE_TEMPERATURE || step->mode == CYC_MODE_PRESSURE) {
        keep_environment(&core->environment, &step->environment);
        cyc_core_act(turn, CYC_ACTION_ENVIRONMENT)->as.environment = step->environment;
    }
    try_entry(turn);
}

/* ---- Interruption ---------------------------------------------------------------------------- */

void cyc_core_step_interrupt(struct cyc_turn *turn, const struct cyc_absence *absence)
{
    struct cyc_core *core = turn->core;
    const struct cyc_absence nothing = {0};
    const struct cyc_absence *told = absence != NULL ? absence : &nothing;
    const bool in_step = cyc_core_in_step(core);
    cyc_core_account_gap(core, &told->passed);
    core->record_count =
        told->record_count > core->record_count ? told->record_count : core->record_count;
    core->bad_kind = CYC_FAULT_NONE; /* whatever was bad then is seen anew now */
    core->bad_since_ns = CYC_NEVER;
    core->demand_ns = CYC_NEVER;
    if (in_step) {
        if (turn->step->mode == CYC_MODE_REST) {
            cyc_core_step_clock(turn, false); /* the circuit was open all the time */
        }
        core->clock_ns = turn->t_ns;
        core->interrupted_once = true;
        if (core->state != CYC_STATE_PAUSED) {
            begin_pause(turn, CYC_PAUSED_BY_INTERRUPTION);
        }
        core->interrupted = true;
        core->ask_now = true;
    }
    open_circuit(turn); /* also where it is open already: what is read from now on is numbered so */
    if (in_step) {
        cyc_core_enter(turn, CYC_STATE_PAUSED);
    }
}

void cyc_core_step_continue(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    if (core->paused_by == CYC_PAUSED_BY_INTERRUPTION) {
        cyc_core_step_resume(turn);
        return;
    }
    ask_environment(turn);
    core->interrupted = false;
    core->pause_ns = turn->t_ns; /* its time-out begins anew */
    core->rewatch = true;
}

void cyc_core_step_restart(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    cyc_core_act(turn, CYC_ACTION_RESUMED)->as.tag = pause_tag(turn);
    ask_environment(turn);
    cyc_core_close_sums(core);
    forget_step(core);
    core->exact = true;
    core->estimated = false;
    core->interrupted_once = true;
    core->restarted = true;
    core->start_ns = turn->t_ns;
    core->clock_ns = turn->t_ns;
    core->ask_now = true;
    cyc_core_enter(turn, CYC_STATE_SETTLE);
    try_entry(turn);
}

/* ---- Samples --------------------------------------------------------------------------------- */

static void paused(struct cyc_turn *turn, bool own)
{
    struct cyc_core *core = turn->core;
    if (core->started) {
        cyc_core_record_rule(turn);
    }
    if (core->interrupted || core->paused_by >= CYC_CUTOFFS_MAX) {
        return;
    }
    const struct cyc_cutoff *cutoff = &turn->step->cutoffs[core->paused_by];
    const struct cyc_code_range resume = core->cutoffs[core->paused_by].resume;
    if (own && cyc_core_test(core, turn->step, resume) == CYC_TRUTH_TRUE) {
        cyc_core_step_resume(turn);
    } else if (cutoff->pause_timeout_ns > 0 &&
               turn->t_ns - core->pause_ns >= cutoff->pause_timeout_ns) {
        cyc_core_trip_kind(turn, CYC_FAULT_PAUSE);
    }
}

/* The current now is the hold's: by our command, or because the instrument has crossed over. */
static void cross_over(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    core->hold = true;
    core->hold_from_Ah = cyc_sums_get(&core->total[CYC_SCOPE_STEP], CYC_SIGNAL_CAPACITY);
    cyc_core_slopes_clear(core);
    if ((core->last.flags & CYC_SAMPLE_CV) != 0) {
        cyc_core_enter(turn, CYC_STATE_HOLD);
    } else {
        cyc_core_send(turn);
    }
}

static void first_own(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    core->clock_on = true;
    if (!core->started) {
        core->started = true;
        core->origin_ns = turn->t_ns - core->step_time_ns;
        cyc_core_record_begin(turn);
        core->rewatch = true;
    }
}

/* A step whose time is up without a cutoff. */
static bool has_run_out(struct cyc_turn *turn)
{
    const struct cyc_step *step = turn->step;
    if (step->timeout_ns <= 0 || turn->core->step_time_ns < step->timeout_ns) {
        return false;
    }
    const struct cyc_fault fault = {.kind =
                                        step->timeout_derived ? CYC_FAULT_BOUND : CYC_FAULT_TIMEOUT,
                                    .signal = CYC_SIGNAL_TIME,
                                    .value = (double)turn->core->step_time_ns / 1e9,
                                    .bound = (double)step->timeout_ns / 1e9};
    cyc_core_trip(turn, &fault);
    return true;
}

static bool is_crossing(const struct cyc_turn *turn)
{
    return !turn->core->hold && crosses_over(turn->step) &&
           (is_beyond_hold(turn) || (turn->core->last.flags & CYC_SAMPLE_CV) != 0);
}

static void decide(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const int cutoff = judge(turn);
    if (cutoff >= 0) {
        if (turn->step->cutoffs[cutoff].action == CYC_FOLLOW_PAUSE) {
            cyc_core_record_rule(turn);
        }
        carry_out(turn, cutoff);
        return;
    }
    if (has_run_out(turn)) {
        return;
    }
    cyc_core_record_rule(turn);
    if (is_crossing(turn)) {
        cross_over(turn);
    } else if (core->step_time_ns >= core->segment_end_ns) {
        if (!cyc_core_segment_next(turn)) {
            cyc_core_record_force(turn);
            cyc_core_step_end(turn, CYC_REASON_PROFILE, -1, CYC_FOLLOW_NEXT);
        }
    } else if ((core->last.flags & CYC_SAMPLE_ENDED) != 0) {
        cyc_core_trip_kind(turn,
                           CYC_FAULT_PROTECTION); /* it stopped and nothing here explains it */
    }
}

/* A reading under an older setpoint: what it says is from before. */
static void older(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    if (core->in_pulse && !core->pulse_seen && core->last.t_ns > core->pulse_ns) {
        core->pulse_ns = core->last.t_ns;
        core->pulse_before_V = core->direct[CYC_SIGNAL_VOLTAGE];
    }
    if (core->started) {
        cyc_core_record_rule(turn);
    }
}

void cyc_core_step_sample(struct cyc_turn *turn, bool own)
{
    struct cyc_core *core = turn->core;
    if (core->state == CYC_STATE_PAUSED) {
        cyc_core_step_clock(turn, false);
        paused(turn, own);
        return;
    }
    if (core->entry_pending) {
        try_entry(turn);
        return;
    }
    cyc_core_step_clock(turn, own);
    if (!own) {
        older(turn);
        return;
    }
    first_own(turn);
    const double voltage_V = core->direct[CYC_SIGNAL_VOLTAGE];
    if (voltage_V > core->peak_V || isnan(core->peak_V)) {
        core->peak_V = voltage_V;
    }
    cyc_core_pulse_take(turn);
    if (core->state == CYC_STATE_SETTLE) {
        if ((core->last.flags & CYC_SAMPLE_SETTLED) == 0) {
            cyc_core_record_rule(turn);
            return;
        }
        cyc_core_enter(turn, core->hold ? CYC_STATE_HOLD : CYC_STATE_RUN);
        core->at_entry = !core->settled_once;
        core->settled_once = true;
    }
    if (turn->step->slope_count > 0) {
        cyc_core_slopes_take(core, turn->step);
    }
    decide(turn);
    core->at_entry = false;
}

void cyc_core_step_deadline(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    cyc_core_step_clock(turn, false);
    if (core->state == CYC_STATE_PAUSED) {
        if (!core->interrupted && core->paused_by < CYC_CUTOFFS_MAX &&
            turn->step->cutoffs[core->paused_by].pause_timeout_ns > 0 &&
            turn->t_ns - core->pause_ns >= turn->step->cutoffs[core->paused_by].pause_timeout_ns) {
            cyc_core_trip_kind(turn, CYC_FAULT_PAUSE);
        }
        return;
    }
    if (!core->started || has_run_out(turn)) {
        return;
    }
    const bool last = core->segment + 1 >= turn->step->segment_count &&
                      core->pass + 1 >= turn->step->repeat_count;
    if (!last && core->step_time_ns >= core->segment_end_ns) {
        (void)cyc_core_segment_next(turn);
    }
}
