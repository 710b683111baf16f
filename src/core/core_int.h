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
double cyc_sums_get(const struct cyc_sums *sums, unsigned signal);
/* Time since the scope was entered. */
int64_t cyc_core_time_ns(const struct cyc_core *core, unsigned signal, unsigned scope);

/* ---- condition.c ---- */
enum cyc_truth {
    CYC_TRUTH_FALSE,
    CYC_TRUTH_UNKNOWN, /* a slope that has not warmed up, a division by zero */
    CYC_TRUTH_TRUE,
    CYC_TRUTH_STALE,
    CYC_TRUTH_INVALID
};
/* Translates all conditions of a step. False: they are malformed. */
bool cyc_core_compile(struct cyc_core *core, const struct cyc_step *step);
enum cyc_truth cyc_core_test(struct cyc_core *core, const struct cyc_step *step,
                             struct cyc_code_range range);
/* Remembers bad data found in this sample; the first one names the fault. */
void cyc_core_note_bad(struct cyc_core *core, enum cyc_truth truth, uint8_t signal);
/* Validity of a signal that a sample holds itself. */
enum cyc_truth cyc_core_validity(const struct cyc_core *core, unsigned signal);

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
/* The signal of a rule on change. */
uint8_t cyc_core_delta_signal(unsigned i);
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
bool cyc_core_in_step(const struct cyc_core *core);

/* ---- wake.c ---- */
/* Fills deadline, sampled and watches of the actions. */
void cyc_core_wake(struct cyc_turn *turn);

#endif
