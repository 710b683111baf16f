/* The parts of the N-LMRO model: n_lmro.c (equations), n_lmro_drive.c (setpoints, steps). */
#ifndef CYC_CELL_N_LMRO_INT_H
#define CYC_CELL_N_LMRO_INT_H

#include "cell/cell_int.h"

/* The pristine cell. */
void cyc_n_lmro_start(const struct cyc_n_lmro *model, struct cyc_n_lmro_state *state);
/* The potential at which the main host of a cell in this state holds a charge, mAh/g; *slope gets
 * dq/dU. */
double cyc_n_lmro_potential_V(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                              double charge, double guess_V, double *slope);
/* Rates for a state in its surroundings; only recomputed where one of them moved. */
void cyc_n_lmro_rates(struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                      const struct cyc_climate *climate);
/* The state `time_h` later under a constant current, mA/g; *volt_hours gets the integral of the
 * cell voltage, V h. */
void cyc_n_lmro_step(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                     double current, double time_h, struct cyc_n_lmro_state *to,
                     double *volt_hours);
/* Voltage of the cell without the ohmic drop, V. */
double cyc_n_lmro_rest_V(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state);
/* How much the voltage after a step rises per current, V per mA/g: an estimate for solvers. */
double cyc_n_lmro_stiffness(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                            double time_h);
double cyc_n_lmro_pressure_MPa(const struct cyc_n_lmro *model,
                               const struct cyc_n_lmro_state *state,
                               const struct cyc_climate *climate);

#endif
