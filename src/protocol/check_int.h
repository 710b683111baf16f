/* What the files of the static checks share. */
#ifndef CYC_PROTOCOL_CHECK_INT_H
#define CYC_PROTOCOL_CHECK_INT_H

#include "protocol/check.h"

#define CYC_CHECK_TEXT 48

/* `signal op value` inside a condition. */
struct cyc_check_atom {
    uint8_t signal, scope, comparison, index;
    bool magnitude;
    double value;
};

/* A resolved step under inspection. */
struct cyc_check_view {
    struct cyc_checker *checker;
    const struct cyc_step_plan *plan;
    const struct cyc_step *step;
    const struct cyc_resolver *resolver;
};

/* The next atom at or after *at inside the condition; false: no more. */
bool cyc_check_next_atom(const struct cyc_step *step, const struct cyc_condition *condition,
                         unsigned *at, struct cyc_check_atom *atom);
/* The only atom of a condition; false: it is more than one comparison. */
bool cyc_check_only_atom(const struct cyc_step *step, const struct cyc_condition *condition,
                         struct cyc_check_atom *atom);
bool cyc_check_upward(const struct cyc_check_atom *atom); /* > or >= */
bool cyc_check_downward(const struct cyc_check_atom *atom);
/* The comparison for a known value of its signal. */
bool cyc_check_holds(const struct cyc_check_atom *atom, double value);
/* Charge, energy or time counted since the step began. */
bool cyc_check_is_step_sum(const struct cyc_check_atom *atom);

const char *cyc_check_value(char text[CYC_CHECK_TEXT], unsigned signal, double value);
/* Where a cutoff was written; the step's own place for those that it implies. */
struct cyc_pos cyc_check_cutoff_pos(const struct cyc_check_view *view, unsigned cutoff);
/* A voltage in the lowest (-1) or highest (1) part of the limits; 0: between, or no limits. */
int cyc_check_edge(const struct cyc_step *step, double voltage_V);
/* The largest constant current of the step, A; NaN: it has none. */
double cyc_check_current_A(const struct cyc_step *step);

/* check_meaning.c: against the step's own setpoint, its bounds and the limits. */
void cyc_check_meaning(const struct cyc_check_view *view);
/* check_scale.c: against the cell. */
void cyc_check_constants(struct cyc_checker *checker, const struct cyc_step_plan *plan);
void cyc_check_scale(const struct cyc_check_view *view);

#endif
