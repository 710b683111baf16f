/* A bench for the executor: an analytic cell, a host with exact crossings or on a grid, and a log
 * of everything the executor did. Builders make steps and conditions readable in tests.
 */
#ifndef CYC_TESTS_CORE_RIG_H
#define CYC_TESTS_CORE_RIG_H

#include "cell.h"
#include "check/check.h"
#include "core/core_state.h"

#include <string.h>

#define SECOND CYC_S_NS
#define MINUTE (60 * CYC_S_NS)
#define HOUR   (3600 * CYC_S_NS)

/* ---- The log --------------------------------------------------------------------------------- */

#define RIG_RESULTS_MAX   256
#define RIG_RECORDS_MAX   8192
#define RIG_SETPOINTS_MAX 1024

struct rig {
    struct cyc_core core;
    struct bench_cell cell;
    struct cyc_step step; /* the current one */
    struct cyc_segment segments[16];
    uint16_t open_ops; /* appended since the last condition() */
    struct cyc_actions actions;
    struct cyc_sample sample; /* last one given */
    int64_t now_ns;
    int64_t grid_ns; /* 0: exact crossings */
    bool not_exact;  /* samples come without the cell's own counts */
    bool grid_only;  /* no samples at deadlines, only on the grid (but always after setpoints) */
    uint32_t extra_flags;
    unsigned samples;
    /* what the executor did */
    unsigned result_count;
    struct cyc_result results[RIG_RESULTS_MAX];
    unsigned record_count;
    struct cyc_record records[RIG_RECORDS_MAX];
    unsigned setpoint_count;
    struct cyc_setpoint setpoints[RIG_SETPOINTS_MAX];
    struct cyc_environment environment;
    unsigned environment_count, safe_count, paused_count, resumed_count, finish_count;
    int32_t paused_tag;
    enum cyc_finish finish;
};

/* A rig with the test cell of 2.5 Ah: OCV 3.0 + 1.2 z, R0 20 mOhm, no RC, at charge z. */
struct rig *rig_new(double z);
void rig_free(struct rig *rig);

/* One event each; the actions are logged and carried out on the cell. */
void rig_event(struct rig *rig, const struct cyc_event *event);
void rig_step(struct rig *rig);   /* rig->step, now */
void rig_sample(struct rig *rig); /* the cell's state, now */
void rig_give(struct rig *rig, const struct cyc_sample *sample);
void rig_operator(struct rig *rig, enum cyc_operator word);
void rig_reply(struct rig *rig, enum cyc_reply reply);
void rig_deadline(struct rig *rig, int64_t t_ns);
void rig_end(struct rig *rig, enum cyc_finish finish);
/* Time moves to the next sample that the executor or the grid asks for; that sample is given. */
void rig_turn(struct rig *rig);
/* rig_step(), then turns until the step has ended or there was a fault; returns its result. */
const struct cyc_result *rig_run(struct rig *rig);
/* Turns until the time, or until the step has ended. */
void rig_until(struct rig *rig, int64_t t_ns);
/* The last result. */
const struct cyc_result *rig_result(const struct rig *rig);
/* A sample as the cell would give it now, to be bent by tests. */
struct cyc_sample rig_peek(const struct rig *rig);
/* Moves the cell and the clock without telling the executor. */
void rig_pass(struct rig *rig, int64_t ns);

/* ---- Building steps -------------------------------------------------------------------------- */

/* An empty step of a mode with one segment; protocol-like defaults, recording nothing by time. */
void make_step(struct rig *rig, enum cyc_mode mode, enum cyc_control control, double value);
void make_rest(struct rig *rig);
void make_cc(struct rig *rig, double current_A); /* sign gives the direction */
void make_cccv(struct rig *rig, double current_A, double hold_V);
void make_cv(struct rig *rig, double voltage_V, double current_max_A);

/* Operations, appended to rig->step; op_… return nothing, condition(…) closes what was appended. */
void op_const(struct rig *rig, double value);
void op_signal(struct rig *rig, enum cyc_signal signal);
void op_scoped(struct rig *rig, enum cyc_signal signal, unsigned scope, unsigned index);
void op(struct rig *rig, enum cyc_op_code code);
struct cyc_condition condition(struct rig *rig);
/* `signal code value`, and abs(signal) code value. */
struct cyc_condition compare(struct rig *rig, enum cyc_signal signal, enum cyc_op_code code,
                             double value);
struct cyc_condition compare_abs(struct rig *rig, enum cyc_signal signal, enum cyc_op_code code,
                                 double value);

/* A cutoff with `when`; action NEXT, entry SETTLED, tag 100 + index. Returned for more. */
struct cyc_cutoff *cutoff(struct rig *rig, struct cyc_condition when, enum cyc_reason reason);
/* Bare cutoffs with the entry class that the language gives them. */
struct cyc_cutoff *cut_voltage(struct rig *rig, enum cyc_op_code code, double voltage_V);
struct cyc_cutoff *cut_current(struct rig *rig, double current_A); /* CV phase only */
struct cyc_cutoff *cut_time(struct rig *rig, double s);
struct cyc_cutoff *cut_capacity(struct rig *rig, double capacity_Ah);
struct cyc_cutoff *cut_energy(struct rig *rig, double energy_Wh);
void limit(struct rig *rig, enum cyc_signal signal, double low, double high, enum cyc_level level);

/* ---- Looking at actions ---------------------------------------------------------------------- */

bool did(const struct rig *rig, enum cyc_action_kind kind); /* in the last call */
bool watches(const struct rig *rig, enum cyc_signal signal, double value);
bool watches_magnitude(const struct rig *rig, enum cyc_signal signal, double value);

#endif
