/* The analytic cell of the bench.
 *
 * OCV = U0 + k * q (q in Ah), R0, and one RC pair in rest and current control; every mode is
 * solved in closed form and crossings are found to the nanosecond, on their far side.
 */
#ifndef CYC_TESTS_CORE_CELL_H
#define CYC_TESTS_CORE_CELL_H

#include "core/core.h"

#include <math.h>

struct bench_cell {
    double ocv_V;    /* at q = 0 */
    double per_Ah_V; /* slope of the OCV */
    double r0_ohm;
    double r1_ohm; /* RC pair: rest and current control only */
    double tau_s;
    double q_Ah; /* net charge since the start */
    double rc_V;
    double temperature_degC;
    double heating_K_per_s; /* the temperature rises so while current flows, */
    double cooling_K_per_s; /* and falls so at rest, not below ambient */
    double ambient_degC;
    double pressure_Pa;
    int64_t t_ns;
    struct cyc_setpoint setpoint;
    int64_t applied_ns;
};

double bench_current(const struct bench_cell *cell);
double bench_voltage(const struct bench_cell *cell);
/* The same cell at a later time. */
struct bench_cell bench_at(const struct bench_cell *cell, int64_t t_ns);
/* The time of the first crossing up to until_ns, or until_ns. */
int64_t bench_crossing(const struct bench_cell *cell, int64_t until_ns,
                       const struct cyc_watch *watches, unsigned count);
/* Moves the cell and returns what has passed. */
struct cyc_sums bench_advance(struct bench_cell *cell, int64_t until_ns);
void bench_apply(struct bench_cell *cell, const struct cyc_setpoint *setpoint);

#endif
