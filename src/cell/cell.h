/* Simulated cells: an electrochemical cell in a chamber and a press, behind one interface.
 *
 * `advance under this setpoint until this time or the first of these crossings`. A cell knows
 * nothing of protocols: it sees only setpoints, as an instrument would. Time is int64 nanoseconds
 * and moves only in cyc_cell_advance(). All state is plain data, so runs are bit-reproducible.
 *
 * Models: "linear" (OCV line or table, R0, any number of RC pairs up to CYC_RC_MAX) and "n_lmro"
 * (after Song et al. 2024: activation, hysteresis, diffusion, pressure; equations and their
 * sources in n_lmro.c). Both share chamber, press and thermal node (climate.c).
 */
#ifndef CYC_CELL_CELL_H
#define CYC_CELL_CELL_H

#include "base/quantity.h"
#include "base/status.h"
#include "core/core.h"

#include <stddef.h>

#define CYC_RC_MAX         8
#define CYC_OCV_MAX        512
#define CYC_PARAMETERS_MAX 96

/* One parameter of a model: for cell files, messages and the manual. */
struct cyc_cell_parameter {
    const char *name; /* "R0_30" */
    const char *unit; /* as in a cell file: "ohm g", "mAh/g", "1"; no conversion is done */
    double value;     /* default */
    const char *help;
};

/* What a cell file states, ready to build a cell from. Plain data, caller-owned. */
struct cyc_cell_spec {
    char name[64];
    char model[16];          /* "linear" or "n_lmro" */
    double active_mass_g;    /* n_lmro works per gram */
    double capacity_Ah;      /* linear: Q of its SOC scale */
    double initial_soc;      /* linear: 0 … 1; n_lmro starts pristine */
    double temperature_degC; /* of everything at the start */
    double pressure_Pa;      /* press at the start */
    uint64_t seed;           /* 0: none; else mass, resistance, capacity vary by ±1 % */
    unsigned ocv_count;      /* linear: points of the table, at least 2, soc ascending */
    double ocv_soc[CYC_OCV_MAX];
    double ocv_V[CYC_OCV_MAX];
    unsigned rc_count;
    double rc_ohm[CYC_RC_MAX];
    double rc_tau_s[CYC_RC_MAX];
    /* Overrides of the model's parameters, by name; the strings are borrowed. */
    unsigned parameter_count;
    struct {
        const char *name;
        double value;
    } parameters[CYC_PARAMETERS_MAX];
};

struct cyc_cell; /* owned by whoever made it */

/* The parameters of a model with their defaults, ended by a null name; NULL: no such model. */
const struct cyc_cell_parameter *cyc_cell_parameters(const char *model);
/* Fills the defaults of a model. CYC_E_UNKNOWN_NAME: no such model. */
int cyc_cell_spec_init(struct cyc_cell_spec *spec, const char *model, struct cyc_err *err);
/* CYC_E_INPUT names the parameter that is unknown or out of range, CYC_E_NO_MEMORY. */
int cyc_cell_new(const struct cyc_cell_spec *spec, struct cyc_cell **cell, struct cyc_err *err);
void cyc_cell_free(struct cyc_cell *cell);

/* From now on this setpoint; takes no time. */
void cyc_cell_apply(struct cyc_cell *cell, const struct cyc_setpoint *setpoint);
void cyc_cell_environment(struct cyc_cell *cell, const struct cyc_environment *environment);

/* Goes to until_ns or to just behind the first crossing of a watch (within 1e-6 s, on its far
 * side; a signal that starts exactly on the value crosses when it leaves it), whichever is earlier,
 * and fills *sample with the state there: voltage, current, temperatures, pressure, and the exact
 * charge and energy since the call before (CYC_SAMPLE_EXACT, CYC_SAMPLE_SETTLED). With until_ns
 * equal to the present time nothing moves: the first sample under a new setpoint. CYC_E_INFEASIBLE:
 * no current satisfies the setpoint (say, too much power); the state then stands where it was. A
 * setpoint that can no longer be met on the way ends the call at the last moment it could, with
 * CYC_OK; the next call then says so. */
int cyc_cell_advance(struct cyc_cell *cell, int64_t until_ns, const struct cyc_watch *watches,
                     unsigned watch_count, struct cyc_sample *sample, struct cyc_err *err);

/* The cell's own truth, for tests and for showing: net charge since the start in Ah, and named
 * inner states ("activation", "soc", "retention", "surface_V", …); NaN for an unknown name. */
double cyc_cell_net_charge_Ah(const struct cyc_cell *cell);
double cyc_cell_inner(const struct cyc_cell *cell, const char *name);

#endif
