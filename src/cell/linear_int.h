/* The parts of the linear cell: linear.c (state, OCV, given current), linear_bound.c (voltage,
 * load), linear_power.c (power). */
#ifndef CYC_CELL_LINEAR_INT_H
#define CYC_CELL_LINEAR_INT_H

#include "cell/cell_int.h"

/* OCV at a state of charge, from the segment last used onwards; *segment is moved along. */
double cyc_linear_ocv_V(const struct cyc_linear *linear, double soc, uint32_t *segment);
/* Integral of the OCV over the charge between two states, V C. */
double cyc_linear_ocv_charge(const struct cyc_linear *linear, const struct cyc_linear_state *from,
                             const struct cyc_linear_state *to);
/* OCV plus RC voltages. */
double cyc_linear_rest_V(const struct cyc_linear *linear, const struct cyc_linear_state *state);
/* The segment that a current of this sign moves through from the state. */
uint32_t cyc_linear_segment(const struct cyc_linear *linear, const struct cyc_linear_state *state,
                            double current_A);
/* The exponentials of RC pairs over a span, kept for the next call with the same span. */
void cyc_linear_decays(struct cyc_linear *linear, int64_t span_ns);

/* The current at the base state under a bound drive. */
double cyc_linear_bound_A(const struct cyc_linear *linear, const struct cyc_linear_state *from);
/* Works the modes out for the base state. */
void cyc_linear_bound_prepare(struct cyc_linear *linear, const struct cyc_linear_state *from);
/* RC voltages and SOC after a span; returns the charge that passed, C. *end_A gets the current,
 * *energy_J what went in at the terminals. */
double cyc_linear_bound_step(struct cyc_linear *linear, const struct cyc_linear_state *from,
                             int64_t span_ns, struct cyc_linear_state *to, double *end_A,
                             double *energy_J);
/* The bounds of the current between; after cyc_linear_bound_step() for the same span. */
void cyc_linear_bound_range(const struct cyc_linear *linear, double *low_A, double *high_A);

/* The current that draws a power from a rest voltage; NaN: there is none. */
double cyc_linear_power_A(double rest_V, double r0_ohm, double power_W);
/* As cyc_linear_bound_step(); CYC_E_INFEASIBLE. */
int cyc_linear_power_step(struct cyc_linear *linear, const struct cyc_linear_state *from,
                          double span_s, struct cyc_linear_state *to, double *charge_C,
                          double *end_A);
/* The longest step from the base state that keeps its accuracy. */
int64_t cyc_linear_power_reach_ns(struct cyc_linear *linear, const struct cyc_linear_state *from,
                                  int64_t limit_ns);

#endif
