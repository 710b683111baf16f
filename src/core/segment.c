/* Segments: the stretches of a step under one setpoint each, and the pulses among them.
 *
 * Plain steps have one segment without end. Sweeps, profiles and pulse trains walk a list, once or
 * repeat_count times. The list has its own schedule in step time, from which late samples do not
 * move it: what a slow host misses of one segment is not added to the next, and segments that lie
 * between two samples altogether are passed over.
 *
 * A pulse's resistances are (V(t) - V before) / I, where V before is the last reading before the
 * pulse, and V(t) and I lie on the straight line between the two samples of the pulse around its
 * onset + t. Where there are no two such samples the resistance is NaN: a late reading is not the
 * resistance at that time.
 */
#include "core/core_int.h"

#define SKIPPED_MAX 1000000 /* segments passed over at one sample */

static const struct cyc_segment no_end = {.duration_ns = CYC_NEVER, .control = CYC_CONTROL_OPEN};

const struct cyc_segment *cyc_core_segment(const struct cyc_turn *turn)
{
    return turn->step->segment_count == 0 ? &no_end : &turn->step->segments[turn->core->segment];
}

static bool is_swept_in(const struct cyc_turn *turn)
{
    return turn->step->sweep_from_present && turn->core->segment == 0 && turn->core->pass == 0;
}

static int64_t later(int64_t t_ns, int64_t duration_ns)
{
    return duration_ns >= CYC_NEVER - t_ns ? CYC_NEVER : t_ns + duration_ns;
}

/* The first segment of a sweep from the present voltage keeps its end and its rate. */
static int64_t sweep_in(struct cyc_turn *turn, const struct cyc_segment *segment)
{
    struct cyc_core *core = turn->core;
    core->sweep_from_V = core->direct[CYC_SIGNAL_VOLTAGE];
    core->sweep_slope_V_per_s = segment->slope_per_s;
    const double rate = fabs(segment->slope_per_s);
    if (segment->duration_ns == CYC_NEVER || !(rate > 0)) {
        return segment->duration_ns;
    }
    const double end_V =
        segment->value + segment->slope_per_s * ((double)segment->duration_ns / 1e9);
    const double way_V = end_V - core->sweep_from_V;
    core->sweep_slope_V_per_s = way_V < 0 ? -rate : rate;
    const double ns = fabs(way_V) / rate * 1e9;
    return ns < 9e18 ? (int64_t)(ns + 0.5) : CYC_NEVER;
}

static void pulse_begin(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const unsigned from = core->pulse_count * turn->step->resistance_at_count;
    core->in_pulse = true;
    core->pulse_count++;
    core->pulse_ns = turn->t_ns;
    core->pulse_before_V = core->direct[CYC_SIGNAL_VOLTAGE];
    core->pulse_taken = 0;
    core->pulse_seen = false;
    for (unsigned i = 0; i < turn->step->resistance_at_count; i++) {
        if (from + i < CYC_RESISTANCES_MAX) {
            core->resistances_ohm[from + i] = NAN;
        }
    }
    cyc_core_record_pulse(turn);
}

static void enter_segment(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const struct cyc_segment *segment = cyc_core_segment(turn);
    const int64_t duration_ns = is_swept_in(turn) ? sweep_in(turn, segment) : segment->duration_ns;
    core->segment_end_ns = later(core->segment_ns, duration_ns);
}

void cyc_core_segment_begin(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    core->segment = 0;
    core->pass = 0;
    core->segment_ns = 0;
    enter_segment(turn);
    if (cyc_core_segment(turn)->pulse) {
        pulse_begin(turn);
    }
}

static bool walk(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    core->segment_ns = core->segment_end_ns;
    core->segment++;
    if (core->segment >= turn->step->segment_count) {
        core->segment = 0;
        core->pass++;
        if (core->pass >= turn->step->repeat_count) {
            return false;
        }
    }
    enter_segment(turn);
    return true;
}

bool cyc_core_segment_next(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    for (unsigned skipped = 0; core->step_time_ns >= core->segment_end_ns; skipped++) {
        if (skipped >= SKIPPED_MAX) {
            cyc_core_trip_kind(turn, CYC_FAULT_PROGRESS);
            return true;
        }
        if (!walk(turn)) {
            return false;
        }
    }
    core->in_pulse = false;
    if (cyc_core_segment(turn)->pulse) {
        pulse_begin(turn);
    }
    cyc_core_send(turn);
    return true;
}

/* The value a segment's setpoint starts from now: sweeps go on from where they are. */
static void aim(const struct cyc_turn *turn, struct cyc_setpoint *setpoint)
{
    const struct cyc_core *core = turn->core;
    const struct cyc_segment *segment = cyc_core_segment(turn);
    const bool swept_in = is_swept_in(turn);
    setpoint->control = segment->control;
    setpoint->slope_per_s = swept_in ? core->sweep_slope_V_per_s : segment->slope_per_s;
    setpoint->value = swept_in ? core->sweep_from_V : segment->value;
    if (core->step_time_ns > core->segment_ns && fabs(setpoint->slope_per_s) > 0) {
        const double s = (double)(core->step_time_ns - core->segment_ns) / 1e9;
        setpoint->value += setpoint->slope_per_s * s;
    }
}

/* The last look before it leaves: no instrument is asked for what is no number. */
static bool is_sound(const struct cyc_setpoint *setpoint)
{
    return isfinite(setpoint->value) && isfinite(setpoint->slope_per_s) &&
           setpoint->current_min_A <= setpoint->current_max_A;
}

void cyc_core_send(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    struct cyc_setpoint *setpoint = &core->setpoint;
    setpoint->number++;
    if (core->hold && turn->step->mode != CYC_MODE_CV) {
        setpoint->control = CYC_CONTROL_VOLTAGE;
        setpoint->value = turn->step->hold_V;
        setpoint->slope_per_s = 0;
    } else {
        aim(turn, setpoint);
    }
    const bool voltage = setpoint->control == CYC_CONTROL_VOLTAGE;
    setpoint->current_min_A = voltage ? turn->step->current_min_A : 0;
    setpoint->current_max_A = voltage ? turn->step->current_max_A : 0;
    if (!is_sound(setpoint)) {
        cyc_core_trip_kind(turn, CYC_FAULT_INVARIANT);
        return;
    }
    cyc_core_act(turn, CYC_ACTION_SETPOINT)->as.setpoint = *setpoint;
    core->ask_now = true;
    core->settle_count = 0;
    cyc_core_enter(turn, CYC_STATE_SETTLE);
}

static double between(double from, double to, double share)
{
    return from + (to - from) * share;
}

void cyc_core_pulse_take(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const struct cyc_step *step = turn->step;
    if (!core->in_pulse) {
        return;
    }
    const unsigned from = (core->pulse_count - 1) * step->resistance_at_count;
    for (unsigned i = 0; i < step->resistance_at_count; i++) {
        const int64_t at_ns = core->pulse_ns + step->resistance_at_ns[i];
        const uint8_t bit = (uint8_t)(1u << i);
        if ((core->pulse_taken & bit) != 0 || core->last.t_ns < at_ns) {
            continue;
        }
        core->pulse_taken |= bit;
        const bool exact = core->last.t_ns == at_ns;
        if (from + i >= CYC_RESISTANCES_MAX || !(exact || core->pulse_seen)) {
            continue;
        }
        const double share = exact ? 1.0
                                   : (double)(at_ns - core->pulse_seen_ns) /
                                         (double)(core->last.t_ns - core->pulse_seen_ns);
        const double voltage_V =
            between(core->pulse_seen_V, core->direct[CYC_SIGNAL_VOLTAGE], share);
        const double current_A =
            between(core->pulse_seen_A, core->direct[CYC_SIGNAL_CURRENT], share);
        const double ohm = (voltage_V - core->pulse_before_V) / current_A;
        core->resistances_ohm[from + i] = isfinite(ohm) ? ohm : NAN;
    }
    core->pulse_seen = true;
    core->pulse_seen_ns = core->last.t_ns;
    core->pulse_seen_V = core->direct[CYC_SIGNAL_VOLTAGE];
    core->pulse_seen_A = core->direct[CYC_SIGNAL_CURRENT];
}

int64_t cyc_core_pulse_wake(const struct cyc_core *core, const struct cyc_step *step)
{
    int64_t wake_ns = CYC_NEVER;
    for (unsigned i = 0; core->in_pulse && i < step->resistance_at_count; i++) {
        const int64_t at_ns = core->pulse_ns + step->resistance_at_ns[i];
        if ((core->pulse_taken & (1u << i)) == 0 && at_ns < wake_ns) {
            wake_ns = at_ns;
        }
    }
    return wake_ns;
}
