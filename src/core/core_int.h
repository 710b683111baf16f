/* What the files of src/core share. */
#ifndef CYC_CORE_CORE_INT_H
#define CYC_CORE_CORE_INT_H

#include "base/status.h"
#include "core/core_state.h"

#include <math.h>
#include <stddef.h>

#define CYC_NS_PER_HOUR 3.6e12

/* The event in hand. */
struct cyc_turn {
    struct cyc_core *core;
    const struct cyc_step *step;
    struct cyc_actions *out;
    int64_t t_ns;
};

/* What a test comes to, and whether a value is there. */
enum cyc_truth {
    CYC_TRUTH_FALSE,
    CYC_TRUTH_UNKNOWN, /* a slope that has not warmed up, a division by zero */
    CYC_TRUTH_TRUE,    /* of a value: valid */
    CYC_TRUTH_STALE,
    CYC_TRUTH_INVALID
};

/* ---- Looked at with every sample ---- */

static inline bool cyc_core_in_step(const struct cyc_core *core)
{
    return core->state >= CYC_STATE_SETTLE && core->state <= CYC_STATE_PAUSED;
}

/* Validity of a signal that a sample holds itself. */
static inline enum cyc_truth cyc_core_validity(const struct cyc_core *core, unsigned signal)
{
    return (enum cyc_truth)core->validity[signal];
}

static inline double cyc_sums_get(const struct cyc_sums *sums, unsigned signal)
{
    switch (signal) {
    case CYC_SIGNAL_CHARGE_CAPACITY:
        return sums->charge_Ah;
    case CYC_SIGNAL_DISCHARGE_CAPACITY:
        return sums->discharge_Ah;
    case CYC_SIGNAL_NET_CAPACITY:
        return sums->charge_Ah - sums->discharge_Ah;
    case CYC_SIGNAL_CAPACITY:
        return sums->charge_Ah + sums->discharge_Ah;
    case CYC_SIGNAL_CHARGE_ENERGY:
        return sums->charge_Wh;
    case CYC_SIGNAL_DISCHARGE_ENERGY:
        return sums->discharge_Wh;
    case CYC_SIGNAL_NET_ENERGY:
        return sums->charge_Wh - sums->discharge_Wh;
    default:
        return sums->charge_Wh + sums->discharge_Wh;
    }
}

/* Time since the scope was entered. */
static inline int64_t cyc_core_time_ns(const struct cyc_core *core, unsigned signal, unsigned scope)
{
    if (signal == CYC_SIGNAL_HOLD_TIME) {
        return core->hold_time_ns;
    }
    return scope == CYC_SCOPE_STEP ? core->step_time_ns
                                   : core->now_ns - core->scope_start_ns[scope];
}

/* Times in ns; every other signal in its own unit. */
static inline enum cyc_truth cyc_core_fetch(const struct cyc_core *core, unsigned signal,
                                            unsigned scope, unsigned index, double *number)
{
    if (signal < CYC_DIRECT) {
        *number = core->direct[signal];
        return cyc_core_validity(core, signal);
    }
    switch (signal) {
    case CYC_SIGNAL_AUX:
        *number = core->last.aux[index];
        return isfinite(*number) ? CYC_TRUTH_TRUE : CYC_TRUTH_INVALID;
    case CYC_SIGNAL_PEAK:
        *number = core->peak_V;
        return isfinite(*number) ? CYC_TRUTH_TRUE : CYC_TRUTH_UNKNOWN;
    case CYC_SIGNAL_SLOPE:
        *number = core->slopes[index];
        return isfinite(*number) ? CYC_TRUTH_TRUE : CYC_TRUTH_UNKNOWN;
    case CYC_SIGNAL_TIME:
    case CYC_SIGNAL_HOLD_TIME:
        *number = (double)cyc_core_time_ns(core, signal, scope);
        return CYC_TRUTH_TRUE;
    default:
        *number = cyc_sums_get(&core->total[scope], signal);
        return CYC_TRUTH_TRUE;
    }
}

static inline enum cyc_truth cyc_core_test_interval(const struct cyc_atom *atom, double x)
{
    const bool above = (atom->flags & CYC_ATOM_LOW_OPEN) != 0 ? x > atom->low : x >= atom->low;
    const bool below = (atom->flags & CYC_ATOM_HIGH_OPEN) != 0 ? x < atom->high : x <= atom->high;
    const bool outside = (atom->flags & CYC_ATOM_OUTSIDE) != 0;
    return (above && below) != outside ? CYC_TRUTH_TRUE : CYC_TRUTH_FALSE;
}

/* ---- core.c ---- */
struct cyc_action *cyc_core_act(struct cyc_turn *turn, enum cyc_action_kind kind);
/* The one setter of the state; counts transitions that take no time. */
void cyc_core_enter(struct cyc_turn *turn, enum cyc_state state);
/* SAFE, the last record and the result of the step, FINISH; the first reason stays. Without effect
 * in FAULT and FINISHED. */
void cyc_core_trip(struct cyc_turn *turn, const struct cyc_fault *fault);
void cyc_core_trip_kind(struct cyc_turn *turn, enum cyc_fault_kind kind);

/* ---- account.c ---- */
/* Adds the charge and energy of a sample to the step and all scopes around it. */
void cyc_core_account(struct cyc_core *core, const struct cyc_sample *sample);
void cyc_core_scope_reset(struct cyc_core *core, uint32_t scopes, int64_t t_ns);
void cyc_core_close_sums(struct cyc_core *core);
/* Adds what passed unseen, and ends the trapezoid at the sample before. */
void cyc_core_account_gap(struct cyc_core *core, const struct cyc_sums *passed);

/* ---- condition.c ---- */
/* Translates all conditions of a step. False: they are malformed. */
bool cyc_core_compile(struct cyc_core *core, const struct cyc_step *step);
enum cyc_truth cyc_core_test(struct cyc_core *core, const struct cyc_step *step,
                             struct cyc_code_range range);
/* The same, without a call for the usual condition: one interval of one valid signal. */
static inline enum cyc_truth cyc_core_test_quickly(struct cyc_core *core,
                                                   const struct cyc_step *step,
                                                   struct cyc_code_range range)
{
    if (range.count == 1) {
        const struct cyc_atom *atom = &core->atoms[core->code[range.first]];
        double x;
        if (atom->count == 0 &&
            cyc_core_fetch(core, atom->signal, atom->scope, atom->index, &x) == CYC_TRUTH_TRUE) {
            return cyc_core_test_interval(atom, x);
        }
    }
    return cyc_core_test(core, step, range);
}
/* Remembers bad data found in this sample; the first one names the fault. */
void cyc_core_note_bad(struct cyc_core *core, enum cyc_truth truth, uint8_t signal, uint8_t index);

/* ---- limit.c ---- */
/* False: a limit is malformed. */
bool cyc_core_set_limits(struct cyc_core *core, const struct cyc_step *step);
/* Tests all limits on the latest sample. True and *fault filled: confirmed or far beyond. */
bool cyc_core_breach(struct cyc_core *core, struct cyc_fault *fault);

/* ---- slope.c ---- */
void cyc_core_slopes_clear(struct cyc_core *core);
void cyc_core_slopes_take(struct cyc_core *core, const struct cyc_step *step);
int64_t cyc_core_slopes_wake(const struct cyc_core *core, const struct cyc_step *step);

/* ---- record.c ---- */
void cyc_core_record_begin(struct cyc_turn *turn);
void cyc_core_record_pulse(struct cyc_turn *turn);
/* Records the latest sample if a rule asks for it. */
void cyc_core_record_rule(struct cyc_turn *turn);
/* Records the latest sample if that has not been done. */
void cyc_core_record_force(struct cyc_turn *turn);

/* ---- segment.c ---- */
void cyc_core_segment_begin(struct cyc_turn *turn);
/* Sends the setpoint of the phase, segment and moment the step is in. */
void cyc_core_send(struct cyc_turn *turn);
/* Goes on to the segment that is due. False: the list has come to its end. */
bool cyc_core_segment_next(struct cyc_turn *turn);
const struct cyc_segment *cyc_core_segment(const struct cyc_turn *turn);
void cyc_core_pulse_take(struct cyc_turn *turn);
int64_t cyc_core_pulse_wake(const struct cyc_core *core, const struct cyc_step *step);

/* ---- step.c ---- */
void cyc_core_step_begin(struct cyc_turn *turn);
/* The sample in hand, in the states that belong to a step. */
void cyc_core_step_sample(struct cyc_turn *turn, bool own);
void cyc_core_step_deadline(struct cyc_turn *turn);
/* Counts step time up to now; `own`: the setpoint in force is the step's. */
void cyc_core_step_clock(struct cyc_turn *turn, bool own);
/* cutoff -1: none. */
void cyc_core_step_end(struct cyc_turn *turn, enum cyc_reason reason, int cutoff,
                       enum cyc_follow_up action);
void cyc_core_step_pause(struct cyc_turn *turn, unsigned cutoff);
void cyc_core_step_resume(struct cyc_turn *turn);
void cyc_core_step_interrupt(struct cyc_turn *turn, const struct cyc_absence *absence);
void cyc_core_step_continue(struct cyc_turn *turn);
void cyc_core_step_restart(struct cyc_turn *turn);
/* What is made from the step alone: compiled conditions, limits. False: it is malformed. */
bool cyc_core_step_prepare(struct cyc_core *core, const struct cyc_step *step);

/* ---- wake.c ---- */
/* Fills deadline, sampled and watches of the actions. */
void cyc_core_wake(struct cyc_turn *turn);

#endif
