#include "cell/fault.h"

#include "cell/cell_int.h"

#include <math.h>
#include <string.h>

#define PROBE_A 1e-3 /* the instant relation is a straight line, so any current will do */

static double voltage_at(struct cyc_cell *cell, double current_A)
{
    const struct cyc_setpoint probe = {.control = CYC_CONTROL_CURRENT, .value = current_A};
    cyc_cell_apply(cell, &probe);
    return cell->now->signal[CYC_SIGNAL_VOLTAGE];
}

void cyc_cell_thevenin(struct cyc_cell *cell, double *open_V, double *series_ohm)
{
    const struct cyc_setpoint setpoint = cell->setpoint;
    *open_V = voltage_at(cell, 0);
    *series_ohm = fmax((voltage_at(cell, PROBE_A) - *open_V) / PROBE_A, 0);
    cyc_cell_apply(cell, &setpoint);
}

void cyc_cell_lose(struct cyc_cell *cell, double fraction_left)
{
    const struct cyc_setpoint setpoint = cell->setpoint;
    const struct cyc_setpoint open = {0};
    cyc_cell_apply(cell, &open); /* the state seen last is the base now */
    if (strcmp(cell->model->name, "linear") == 0) {
        cell->of.linear.capacity_C *= fraction_left;
    } else {
        struct cyc_n_lmro_state *state = &cyc_cell_base(cell)->model.n_lmro;
        state->faded += (1 - fraction_left) * (state->main + state->slow);
        state->factor *= fraction_left;
        state->main *= fraction_left;
        state->slow *= fraction_left;
        state->surface *= fraction_left;
        cell->of.n_lmro.frozen_ns = -1;
    }
    cyc_cell_apply(cell, &setpoint);
}
