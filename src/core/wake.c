/* When the executor must see a sample next: the deadline and the watches.
 *
 * The deadline is the earliest of: the record grid and bursts, times in conditions, the ends of
 * `lasting` and `after`, the end of the segment, the times of resistances, the step's bound, a
 * pause's time-out, the confirmation of a breach, the end of patience with bad data. All of them
 * are fixed points of run time while the step's clock runs, so the result is kept until it is
 * reached or something changes.
 *
 * The watches are the voltage of the hold, the bounds of the record rule, the limits, and the ends
 * of the intervals that conditions test. Where a condition has an atom that is no interval of a
 * watchable signal, `sampled` asks for samples at least CYC_SAMPLE_GAP_NS apart, more often for
 * short slope windows.
 *
 * Sums are watched by what remains. Adding what has passed can fall short of the threshold by a
 * rounding; so what remains is never given as less than a few units in the last place of the
 * threshold, and the next addition does move the sum beyond it. Against any other wake-up that
 * comes at once again and again there is one guard: after CYC_DULL_MAX of them without an action
 * the watches are hidden for a time that doubles.
 */
#include "core/core_int.h"

#include <float.h>
#include <string.h>

#define ROUNDING (4 * DBL_EPSILON)
#define FEW      8 /* watches of most steps */

/* ---- The deadline ---------------------------------------------------------------------------- */

static void sooner(int64_t *wake_ns, int64_t now_ns, int64_t candidate_ns)
{
    if (candidate_ns > now_ns && candidate_ns < *wake_ns) {
        *wake_ns = candidate_ns;
    }
}

/* The run time at which a clock that stands at `from` reaches `to`. */
static void sooner_by(int64_t *wake_ns, int64_t now_ns, int64_t from_ns, int64_t to_ns)
{
    if (to_ns > from_ns && to_ns - from_ns < CYC_NEVER - now_ns) {
        sooner(wake_ns, now_ns, now_ns + (to_ns - from_ns));
    }
}

static bool is_time(const struct cyc_atom *atom)
{
    return atom->count == 0 &&
           (atom->signal == CYC_SIGNAL_TIME || atom->signal == CYC_SIGNAL_HOLD_TIME);
}

/* The first whole ns behind a boundary, seen as a double (past 2^53 ns they are sparse). */
static int64_t behind(int64_t boundary_ns)
{
    return boundary_ns + 1 + (boundary_ns >> 52);
}

/* Both ends of an interval of time: where the atom's truth changes. */
static void sooner_atom(const struct cyc_core *core, const struct cyc_atom *atom, int64_t *wake_ns)
{
    const bool hold_time = atom->signal == CYC_SIGNAL_HOLD_TIME;
    const int64_t time_ns = cyc_core_time_ns(core, atom->signal, atom->scope);
    if (hold_time && !core->hold) {
        return;
    }
    if (atom->low > 0 && atom->low < 9e18) {
        const int64_t low_ns = (int64_t)atom->low;
        const bool open = (atom->flags & CYC_ATOM_LOW_OPEN) != 0;
        sooner_by(wake_ns, core->now_ns, time_ns, open ? behind(low_ns) : low_ns);
    }
    if (atom->high > 0 && atom->high < 9e18) {
        const int64_t high_ns = (int64_t)atom->high;
        const bool open = (atom->flags & CYC_ATOM_HIGH_OPEN) != 0;
        sooner_by(wake_ns, core->now_ns, time_ns, open ? high_ns : behind(high_ns));
    }
}

static void sooner_range(const struct cyc_core *core, struct cyc_code_range range, int64_t *wake_ns)
{
    for (unsigned i = range.first; i < (unsigned)range.first + range.count; i++) {
        if (core->code[i] < CYC_CODE_AND && is_time(&core->atoms[core->code[i]])) {
            sooner_atom(core, &core->atoms[core->code[i]], wake_ns);
        }
    }
}

static void sooner_cutoffs(const struct cyc_turn *turn, int64_t *wake_ns)
{
    const struct cyc_core *core = turn->core;
    for (unsigned i = 0; i < turn->step->cutoff_count; i++) {
        const struct cyc_cutoff *cutoff = &turn->step->cutoffs[i];
        const struct cyc_core_cutoff *state = &core->cutoffs[i];
        if (cutoff->hold_only && !core->hold) {
            continue;
        }
        sooner_by(wake_ns, core->now_ns, core->step_time_ns, cutoff->after_ns);
        if (state->since_ns != CYC_NEVER) {
            sooner_by(wake_ns, core->now_ns, core->now_ns - state->since_ns, cutoff->lasting_ns);
        }
        sooner_range(core, state->when, wake_ns);
    }
}

static int64_t earliest(const struct cyc_turn *turn)
{
    const struct cyc_core *core = turn->core;
    const struct cyc_step *step = turn->step;
    const int64_t now_ns = core->now_ns;
    int64_t wake_ns = CYC_NEVER;
    if (core->breached != 0) {
        sooner_by(&wake_ns, now_ns, now_ns - core->last.t_ns, CYC_LIMIT_CONFIRM_NS);
    }
    if (core->bad_since_ns != CYC_NEVER) {
        sooner_by(&wake_ns, now_ns, now_ns - core->bad_since_ns, core->patience.sample_ns);
    }
    if (core->state == CYC_STATE_PAUSED) {
        if (!core->interrupted && core->paused_by < CYC_CUTOFFS_MAX) {
            sooner_by(&wake_ns, now_ns, now_ns - core->pause_ns,
                      step->cutoffs[core->paused_by].pause_timeout_ns);
            sooner_range(core, core->cutoffs[core->paused_by].resume, &wake_ns);
        }
        return wake_ns;
    }
    if (!core->entry_pending) {
        sooner_by(&wake_ns, now_ns, core->step_time_ns, step->timeout_ns);
        sooner_by(&wake_ns, now_ns, core->step_time_ns, core->segment_end_ns);
        sooner(&wake_ns, now_ns, cyc_core_pulse_wake(core, step));
        sooner_cutoffs(turn, &wake_ns);
    }
    return wake_ns;
}

/* ---- The watches ----------------------------------------------------------------------------- */

/* What cannot be watched, or finds no room, the host has to sample. */
static void watch(struct cyc_core *core, unsigned signal, unsigned scope, double value)
{
    if (signal == CYC_SIGNAL_AUX) {
        core->sampled = true; /* no host can foresee a sensor */
        return;
    }
    if (!isfinite(value)) {
        return;
    }
    if (signal < CYC_DIRECT && core->watch_count < CYC_DIRECTS_MAX) {
        core->watches[core->watch_count++] =
            (struct cyc_watch){.signal = (uint8_t)signal, .value = value};
    } else if (signal >= CYC_DIRECT && core->sum_count < CYC_SUMS_MAX) {
        core->sum_watches[core->sum_count++] = (struct cyc_sum_watch){
            .signal = (uint8_t)signal, .scope = (uint8_t)scope, .value = value};
    } else {
        core->sampled = true;
    }
}

/* The bounds of the record rule stand first, so that a record can move them in place. */
static void watch_deltas(struct cyc_core *core)
{
    for (unsigned i = 0; core->started && i < core->delta_count; i++) {
        watch(core, core->deltas[i].signal, CYC_SCOPE_STEP, core->deltas[i].low);
        watch(core, core->deltas[i].signal, CYC_SCOPE_STEP, core->deltas[i].high);
    }
    if (core->started) {
        watch(core, CYC_SIGNAL_CAPACITY, CYC_SCOPE_STEP, core->next_capacity_Ah);
    }
}

/* Low and high, or one watch of the magnitude where they are mirror images. */
static void watch_interval(struct cyc_core *core, unsigned signal, unsigned scope, double low,
                           double high)
{
    const bool mirrored = isfinite(low) && signal < CYC_DIRECT && !(-low < high) &&
                          !(-low > high) && core->watch_count < CYC_DIRECTS_MAX;
    watch(core, signal, scope, high);
    if (mirrored) {
        core->watches[core->watch_count - 1].magnitude = true;
    } else {
        watch(core, signal, scope, low);
    }
}

static bool reads_signal(const struct cyc_step *step, const struct cyc_atom *atom)
{
    for (unsigned i = atom->first; i < (unsigned)atom->first + atom->count; i++) {
        if (step->ops[i].code == CYC_OP_SIGNAL) {
            return true;
        }
    }
    return false;
}

static void watch_atom(struct cyc_core *core, const struct cyc_step *step,
                       const struct cyc_atom *atom)
{
    if (atom->count > 0) {
        core->sampled = core->sampled || reads_signal(step, atom);
        return;
    }
    if (is_time(atom)) {
        return;
    }
    if (atom->signal >= CYC_DIRECT && atom->signal < CYC_SIGNAL_CHARGE_CAPACITY) {
        core->sampled = true; /* sensors and slopes */
        return;
    }
    /* Where the end itself does not count, look just behind it. */
    const bool low_open = (atom->flags & CYC_ATOM_LOW_OPEN) != 0;
    const bool high_open = (atom->flags & CYC_ATOM_HIGH_OPEN) != 0;
    const double low = low_open ? atom->low + ROUNDING * fabs(atom->low) : atom->low;
    const double high = high_open ? atom->high - ROUNDING * fabs(atom->high) : atom->high;
    watch_interval(core, atom->signal, atom->scope, low, high);
}

static void watch_range(struct cyc_core *core, const struct cyc_step *step,
                        struct cyc_code_range range)
{
    for (unsigned i = range.first; i < (unsigned)range.first + range.count; i++) {
        if (core->code[i] < CYC_CODE_AND) {
            watch_atom(core, step, &core->atoms[core->code[i]]);
        }
    }
}

static void watch_conditions(struct cyc_core *core, const struct cyc_step *step)
{
    if (core->state == CYC_STATE_PAUSED) {
        if (!core->interrupted && core->paused_by < CYC_CUTOFFS_MAX) {
            watch_range(core, step, core->cutoffs[core->paused_by].resume);
        }
        return;
    }
    if (!core->hold && (step->mode == CYC_MODE_CCCV || step->mode == CYC_MODE_CPCV)) {
        watch(core, CYC_SIGNAL_VOLTAGE, CYC_SCOPE_STEP, step->hold_V);
    }
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        if (core->hold || !step->cutoffs[i].hold_only) {
            watch_range(core, step, core->cutoffs[i].when);
        }
    }
}

static void rebuild(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    core->rewatch = false;
    core->rewake = true;
    core->sampled = false;
    core->watch_count = 0;
    core->sum_count = 0;
    watch_deltas(core);
    for (unsigned i = 0; i < core->band_count; i++) {
        const struct cyc_band *band = &core->bands[i];
        watch_interval(core, band->signal, CYC_SCOPE_STEP, band->low, band->high);
    }
    watch_conditions(core, turn->step);
}

/* What remains of a sum, never so little that adding it could be lost. False: it is behind. */
static bool remains(const struct cyc_core *core, const struct cyc_sum_watch *from, double *rest)
{
    const double least = ROUNDING * fabs(from->value) + DBL_MIN;
    const double left = from->value - cyc_sums_get(&core->total[from->scope], from->signal);
    const bool falls =
        from->signal == CYC_SIGNAL_NET_CAPACITY || from->signal == CYC_SIGNAL_NET_ENERGY;
    if (falls && left < 0) {
        *rest = left < -least ? left : -least;
        return true;
    }
    *rest = left > least ? left : least;
    return left > -least;
}

static void give_watches(const struct cyc_core *core, struct cyc_actions *out)
{
    unsigned count = core->watch_count;
    memcpy(out->watches, core->watches, FEW * sizeof out->watches[0]); /* of fixed size: fast */
    if (count > FEW) {
        memcpy(out->watches + FEW, core->watches + FEW, (count - FEW) * sizeof out->watches[0]);
    }
    for (unsigned i = 0; i < core->sum_count; i++) {
        const struct cyc_sum_watch *from = &core->sum_watches[i];
        struct cyc_watch *to = &out->watches[count];
        if (remains(core, from, &to->value)) {
            to->signal = from->signal;
            to->magnitude = false;
            count++;
        }
    }
    out->watch_count = count;
}

/* ---- Both ------------------------------------------------------------------------------------ */

static int64_t settle_wake(const struct cyc_core *core)
{
    const unsigned doublings = core->settle_count < 8 ? core->settle_count : 8;
    return core->now_ns + (CYC_MS_NS << doublings);
}

static int64_t dull_wake(const struct cyc_core *core)
{
    const unsigned doublings = core->dull_count - CYC_DULL_MAX;
    const int64_t gap_ns = doublings < 24 ? CYC_DULL_FIRST_NS << doublings : CYC_SAMPLE_GAP_NS;
    return core->now_ns + (gap_ns < CYC_SAMPLE_GAP_NS ? gap_ns : CYC_SAMPLE_GAP_NS);
}

static void at_latest(struct cyc_actions *out, int64_t t_ns)
{
    out->deadline_ns = t_ns < out->deadline_ns ? t_ns : out->deadline_ns;
}

void cyc_core_wake(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    struct cyc_actions *out = turn->out;
    out->deadline_ns = CYC_NEVER;
    out->sampled = false;
    out->watch_count = 0;
    if (!cyc_core_in_step(core)) {
        return;
    }
    if (core->rewatch) {
        rebuild(turn);
    }
    if (core->rewake || core->now_ns >= core->wake_ns) {
        core->wake_ns = earliest(turn);
        core->rewake = false;
    }
    out->deadline_ns = core->wake_ns;
    if (core->started) {
        sooner(&out->deadline_ns, core->now_ns, core->next_every_ns);
        sooner(&out->deadline_ns, core->now_ns, core->next_burst_ns);
    }
    out->sampled = core->sampled;
    if (core->sampled && core->state != CYC_STATE_SETTLE) {
        at_latest(out, cyc_core_slopes_wake(core, turn->step));
    }
    if (core->ask_now) {
        out->deadline_ns = core->now_ns;
    } else if (core->state == CYC_STATE_SETTLE) {
        at_latest(out, settle_wake(core));
    }
    if (core->demand_ns <= core->now_ns && core->last.t_ns < core->demand_ns) {
        at_latest(out, core->demand_ns + core->patience.sample_ns);
    }
    if (core->dull_count >= CYC_DULL_MAX && core->state != CYC_STATE_SETTLE) {
        at_latest(out, dull_wake(core));
        return;
    }
    give_watches(core, out);
}
