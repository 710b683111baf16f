/* Inside of the simulated cells: what cell.c (time, watches), the models (linear.c, n_lmro.c) and
 * the surroundings (climate.c) share. The essay on how they work together is in cell.c.
 */
#ifndef CYC_CELL_CELL_INT_H
#define CYC_CELL_CELL_INT_H

#include "cell/cell.h"
#include "cell/climate.h"
#include "cell/linear.h"
#include "cell/n_lmro.h"

#include <stdint.h>

#define CYC_S_PER_H  3600.0
#define CYC_S_PER_NS 1e-9

/* All that can be seen of a cell at one instant. A model fills voltage to pressure and the
 * rest; the sums among the signals, counted from the start of a call, are the driver's. */
struct cyc_point {
    double signal[CYC_SIGNAL_COUNT]; /* by enum cyc_signal; NaN: not a cell's to tell */
    double net_Ah, net_Wh;           /* passed since the base state */
    double low_V, high_V;            /* the voltage since the base state lay within; NaN: unknown */
    double low_A, high_A;
    bool regulated; /* the instrument regulates the voltage */
};

/* Everything that changes with time. Plain data: copied to try a step, kept or thrown away. */
struct cyc_cell_state {
    struct cyc_climate climate;
    union {
        struct cyc_linear_state linear;
        struct cyc_n_lmro_state n_lmro;
    } model;
};

/* A model. Time within a model runs from the base state, `span_ns` onwards. */
struct cyc_cell_model {
    const char *name;
    bool keeps_cuts;     /* a step cut short is as good a base as a whole one */
    int64_t crossing_ns; /* how close behind a crossing a step has to end */
    const struct cyc_cell_parameter *parameters;
    void (*spec_defaults)(struct cyc_cell_spec *spec);
    /* Parameters from the spec, and the state at the start into states[base]. */
    int (*init)(struct cyc_cell *cell, const struct cyc_cell_spec *spec, struct cyc_err *err);
    /* A new setpoint rules from the base state on. */
    void (*applied)(struct cyc_cell *cell);
    /* How far one step() may go from the base state, at least 1 ns and for models that step just
     * as far as they are asked at most limit_ns. The driver makes the state there the new base. */
    int64_t (*reach_ns)(struct cyc_cell *cell, int64_t limit_ns);
    /* The state span_ns after the base state, 0 included, and what is seen there. CYC_OK or
     * CYC_E_INFEASIBLE. */
    int (*step)(struct cyc_cell *cell, int64_t span_ns, struct cyc_cell_state *to,
                struct cyc_point *point);
    double (*inner)(const struct cyc_cell *cell, const char *name); /* of the present state */
};

extern const struct cyc_cell_model cyc_linear_model;
extern const struct cyc_cell_model cyc_n_lmro_model;
/* NULL: no such model. */
const struct cyc_cell_model *cyc_cell_model(const char *name);

struct cyc_cell {
    const struct cyc_cell_model *model;
    struct cyc_setpoint setpoint;
    int64_t applied_ns; /* when; slopes count from here */
    struct cyc_climate_control climate;
    union {
        struct cyc_linear linear;
        struct cyc_n_lmro n_lmro;
    } of; /* parameters and caches */

    struct cyc_cell_state states[2]; /* the base state and one on trial */
    unsigned base;                   /* index of the base state */
    int64_t base_ns;
    int64_t now_ns;
    struct cyc_point points[2];
    struct cyc_point *now;   /* of points: seen at now_ns, under the present setpoint */
    struct cyc_point *tried; /* the other one */
    bool infeasible;         /* the present setpoint cannot be met */
    double net_Ah;           /* up to the base state, since the start */
};

static inline struct cyc_cell_state *cyc_cell_base(struct cyc_cell *cell)
{
    return &cell->states[cell->base];
}

/* The state at now_ns: the base or, within a step, the one on trial. */
static inline const struct cyc_cell_state *cyc_cell_present(const struct cyc_cell *cell)
{
    return &cell->states[cell->now_ns > cell->base_ns ? 1 - cell->base : cell->base];
}

/* The setpoint's value at span_ns after the base state, its slope counted in. */
static inline double cyc_cell_target(const struct cyc_cell *cell, int64_t span_ns)
{
    const int64_t age_ns = cell->base_ns + span_ns - cell->applied_ns;
    return cell->setpoint.value + cell->setpoint.slope_per_s * ((double)age_ns * CYC_S_PER_NS);
}

/* The value of a named parameter of a spec, or its default. */
double cyc_cell_spec_value(const struct cyc_cell_spec *spec,
                           const struct cyc_cell_parameter *parameter);
/* Fills `values`, one double per row of the table, checking that names are known and numbers
 * finite. */
int cyc_cell_spec_values(const struct cyc_cell_spec *spec, const struct cyc_cell_parameter *table,
                         double *values, struct cyc_err *err);
/* A factor of 1 ± 0.01 drawn from a seed; each call moves the seed on. 1 for seed 0. */
double cyc_cell_scatter(uint64_t *seed);

#endif
