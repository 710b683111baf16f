/* Faults of the cell itself, for whoever simulates a bench around it. */
#ifndef CYC_CELL_FAULT_H
#define CYC_CELL_FAULT_H

#include "cell/cell.h"

/* What the terminals are to a network around the cell at this instant: an open-circuit voltage
 * behind a resistance. The setpoint stays as it is, a slope begins anew. */
void cyc_cell_thevenin(struct cyc_cell *cell, double *open_V, double *series_ohm);
/* Active material is lost at once: this fraction is left (0 … 1), at the state of charge it had. */
void cyc_cell_lose(struct cyc_cell *cell, double fraction_left);

#endif
