/* What surrounds a cell: chamber, jig, press, and the thermal node of the cell itself. */
#ifndef CYC_CELL_CLIMATE_H
#define CYC_CELL_CLIMATE_H

#include "base/status.h"
#include "core/types.h"

#include <stdbool.h>
#include <stdint.h>

/* Parameters that every model has: name, unit, default, help. */
#define CYC_CLIMATE_PARAMETERS(X)                                                                  \
    X(chamber_ramp, "K/min", 2, "fastest change of the chamber")                                   \
    X(room_temperature, "degC", 25, "where a released chamber drifts to")                          \
    X(room_tau, "s", 3600, "time constant of that drift")                                          \
    X(C_jig, "J/K", 150, "heat capacity of the jig; 0: the jig follows the chamber at once")       \
    X(G_jig, "W/K", 0.15, "heat conductance between jig and chamber")                              \
    X(C_cell, "J/K", 0,                                                                            \
      "heat capacity of the cell; 0: it has the jig's temperature, its heat is "                   \
      "left out")                                                                                  \
    X(G_cell, "W/K", 0, "heat conductance between cell and jig")                                   \
    X(press_tau, "s", 5, "time constant of the press")                                             \
    X(press_released, "Pa", 1e5, "pressure when the press is released")

struct cyc_climate_values {
#define CYC_CLIMATE_FIELD(name, unit, value, help) double name;
    CYC_CLIMATE_PARAMETERS(CYC_CLIMATE_FIELD)
#undef CYC_CLIMATE_FIELD
};

struct cyc_climate_control {
    struct cyc_climate_values values;
    double target_degC;
    double ramp_K_per_s;
    bool released;
    double press_target_Pa;
};

struct cyc_climate {
    double chamber_degC, jig_degC, cell_degC;
    double press_Pa;
    bool moving; /* something is not where it is going */
};

/* CYC_E_INPUT: a value that cannot be. */
int cyc_climate_check(const struct cyc_climate_values *values, struct cyc_err *err);
/* Everything at one temperature and pressure, at rest. */
void cyc_climate_init(struct cyc_climate_control *control, struct cyc_climate *climate,
                      double temperature_degC, double pressure_Pa);
/* A command from now on; marks the state as moving. */
void cyc_climate_command(struct cyc_climate_control *control, struct cyc_climate *climate,
                         const struct cyc_environment *environment);
/* The longest step that cyc_climate_step() takes without losing accuracy; CYC_NEVER at rest. */
int64_t cyc_climate_reach_ns(const struct cyc_climate_control *control,
                             const struct cyc_climate *climate);
/* Whether heat of the cell changes anything. */
static inline bool cyc_climate_takes_heat(const struct cyc_climate_control *control)
{
    return control->values.C_cell > 0;
}
/* `time_s` later, with a mean heat in the cell meanwhile. */
void cyc_climate_move(const struct cyc_climate_control *control, const struct cyc_climate *from,
                      double time_s, double heat_W, struct cyc_climate *to);

/* As above; at rest and without heat nothing moves. */
static inline void cyc_climate_step(const struct cyc_climate_control *control,
                                    const struct cyc_climate *from, double time_s, double heat_W,
                                    struct cyc_climate *to)
{
    if (from->moving || heat_W != 0) {
        cyc_climate_move(control, from, time_s, heat_W, to);
    } else {
        *to = *from;
    }
}

#endif
