/* The parts of the N-LMRO model: n_lmro.c (equations), n_lmro_current.c (the current of a step),
 * n_lmro_drive.c (setpoints, steps). */
#ifndef CYC_CELL_N_LMRO_INT_H
#define CYC_CELL_N_LMRO_INT_H

#include "cell/cell_int.h"

/* The pristine cell. */
void cyc_n_lmro_start(const struct cyc_n_lmro *model, struct cyc_n_lmro_state *state);
/* The potential at which the main host of a cell in this state holds a charge, mAh/g. */
struct cyc_n_lmro_host {
    double potential_V;
    double slope; /* dq/dU, mAh/g per V */
    double ncm;   /* part of the NCM sites that is charged */
};
struct cyc_n_lmro_host cyc_n_lmro_host(const struct cyc_n_lmro *model,
                                       const struct cyc_n_lmro_state *state, double charge,
                                       double guess_V);
/* Prepares steps from a state in its surroundings. */
void cyc_n_lmro_freeze(struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                       const struct cyc_climate *climate);
/* The state `time_h` after the one that was frozen, under a constant current, mA/g; *volt_hours
 * gets the integral of the cell voltage, V h. */
void cyc_n_lmro_step(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                     double current, double time_h, struct cyc_n_lmro_state *to,
                     double *volt_hours);
/* Voltage of the cell without the ohmic drop, V. */
double cyc_n_lmro_rest_V(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state);
/* How much the voltage after a step rises per current, V per mA/g: an estimate for solvers. */
double cyc_n_lmro_stiffness(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                            double time_h);
/* One step from the frozen state, as a function of its current. */
struct cyc_n_lmro_attempt {
    const struct cyc_n_lmro *model;
    const struct cyc_n_lmro_state *from;
    struct cyc_n_lmro_state *to;
    double time_h;
    enum cyc_control control;
    double target;     /* V, W/g, ohm g: per gram */
    double mean;       /* current that passed, mA/g: in a hold it goes in a ramp from that before */
    double voltage_V;  /* after the step */
    double volt_hours; /* integral of the voltage */
};
/* Tries a current at the end of the step, mA/g. */
void cyc_n_lmro_attempt(struct cyc_n_lmro_attempt *attempt, double current);
/* The current with which the setpoint holds after the step, or the one of `least` and `most` that
 * stands in the way; the last attempt is with that one. CYC_E_INFEASIBLE where no current does:
 * more power than the cell has. */
int cyc_n_lmro_find_current(struct cyc_n_lmro_attempt *attempt, double guess, double least,
                            double most, double *current);

double cyc_n_lmro_pressure_MPa(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                               const struct cyc_climate *climate);

#endif
