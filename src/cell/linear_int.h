/* The parts of the linear cell: linear.c (state, given current, steps), linear_drive.c (setpoints,
 * length of steps), linear_bound.c (hold, sweep, load), linear_implicit.c (power; any of these with
 * hysteresis), linear_spec.c (parameters). */
#ifndef CYC_CELL_LINEAR_INT_H
#define CYC_CELL_LINEAR_INT_H

#include "cell/cell_int.h"

extern const struct cyc_cell_parameter cyc_linear_parameters[];
void cyc_linear_spec_defaults(struct cyc_cell_spec *spec);
/* Parameters from a spec; values, table and pairs as the model wants them. */
int cyc_linear_take_spec(struct cyc_linear *linear, const struct cyc_cell_spec *spec,
                         struct cyc_err *err);

/* OCV at a state of charge, from the segment last used onwards; *segment is moved along. */
static inline double cyc_linear_ocv_V(const struct cyc_linear *linear, double soc,
                                      uint32_t *segment)
{
    uint32_t i = *segment;
    while (soc >= linear->soc[i + 1] && i + 2 < linear->ocv_count) {
        i++;
    }
    while (soc < linear->soc[i] && i > 0) {
        i--;
    }
    *segment = i;
    return linear->ocv_V[i] + linear->slope_V[i] * (soc - linear->soc[i]);
}

/* Hysteresis after a charge of one sign. */
double cyc_linear_hysteresis(const struct cyc_linear *linear, double hysteresis, double charge_C);

/* SOC, OCV and hysteresis after a charge of one sign; RC voltages are left alone. */
static inline void cyc_linear_pass(const struct cyc_linear *linear,
                                   const struct cyc_linear_state *from, double charge_C,
                                   struct cyc_linear_state *to)
{
    to->soc = from->soc + charge_C / linear->capacity_C;
    to->segment = from->segment;
    to->ocv_V = cyc_linear_ocv_V(linear, to->soc, &to->segment);
    to->hysteresis = linear->values.M == 0
                         ? from->hysteresis
                         : cyc_linear_hysteresis(linear, from->hysteresis, charge_C);
}

/* How the rest voltage moves with charge of this sign, RC voltages aside. */
double cyc_linear_volt_per_C(const struct cyc_linear *linear, const struct cyc_linear_state *state,
                             double sign);
/* OCV, hysteresis and RC voltages. */
static inline double cyc_linear_rest_V(const struct cyc_linear *linear,
                                       const struct cyc_linear_state *state)
{
    double sum_V = state->ocv_V + linear->values.M * state->hysteresis;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        sum_V += state->rc_V[i];
    }
    return sum_V;
}

/* The segment that a current of this sign moves through from the state. */
uint32_t cyc_linear_segment(const struct cyc_linear *linear, const struct cyc_linear_state *state,
                            double current_A);

/* What passed in a step. */
struct cyc_linear_passed {
    double charge_C;
    double end_A;         /* current at its end */
    double energy_J;      /* that went in at the terminals */
    double moment_Cs;     /* integral of t I, where the current follows from the state */
    double square_A2s;    /* integral of I^2, likewise */
    double low_V, high_V; /* the rest voltage was within; of a given current only */
};

/* The state a span after another under the present drive. CYC_OK or CYC_E_INFEASIBLE. */
int cyc_linear_follow(struct cyc_linear *linear, const struct cyc_linear_state *from,
                      int64_t span_ns, struct cyc_linear_state *to,
                      struct cyc_linear_passed *passed);

/* See struct cyc_cell_model. */
void cyc_linear_applied(struct cyc_cell *cell);
int64_t cyc_linear_reach_ns(struct cyc_cell *cell, int64_t limit_ns);

/* Bound drive. The modes for the base state; then steps from there. */
void cyc_linear_bound_prepare(struct cyc_linear *linear, const struct cyc_linear_state *from);
void cyc_linear_bound_step(struct cyc_linear *linear, const struct cyc_linear_state *from,
                           int64_t span_ns, struct cyc_linear_state *to,
                           struct cyc_linear_passed *passed);
/* The bounds of the current between; after cyc_linear_bound_step() for the same span. */
void cyc_linear_bound_range(const struct cyc_linear *linear, double *low_A, double *high_A);

/* The current that a bound or implicit drive wants at a rest voltage; NaN: there is none. */
double cyc_linear_wanted_A(const struct cyc_linear *linear, double rest_V, double time_s);
/* Implicit drive; CYC_OK or CYC_E_INFEASIBLE. */
int cyc_linear_implicit_step(struct cyc_linear *linear, const struct cyc_linear_state *from,
                             double h, struct cyc_linear_state *to,
                             struct cyc_linear_passed *passed);
/* The longest step from the base state, at most limit_ns, that keeps its accuracy. */
int64_t cyc_linear_implicit_reach_ns(struct cyc_linear *linear, const struct cyc_linear_state *from,
                                     int64_t limit_ns);

#endif
