/* What drives the linear cell under a setpoint, and how far one step of it may go.
 *
 *     setpoint               drive
 *     open, current          given
 *     voltage                bound; given while the compliance cuts it; implicit with hysteresis
 *     load                   bound; implicit with hysteresis
 *     power                  implicit
 *
 * A step ends where its form stops to hold, found on the grid of nanoseconds like any crossing:
 * at the end of a piece of the OCV, where a hold meets its compliance or comes back from it, and
 * where the current changes sign, so that what passed in either direction is counted apart.
 */
#include "cell/linear_int.h"
#include "cell/root.h"

#include <math.h>

#define GAS_J_PER_MOL_K 8.314462618
#define KELVIN          273.15
#define REFERENCE_K     298.15
#define HEATED_STEP_NS  (10 * CYC_S_NS)

/* ---- The drive from the base state on -------------------------------------------------------- */

static void refresh_resistances(struct cyc_linear *linear, double temperature_degC)
{
    if (linear->factor_degC == temperature_degC) {
        return;
    }
    linear->factor_degC = temperature_degC;
    linear->factor = exp(linear->values.Ea * 1e3 / GAS_J_PER_MOL_K *
                         (1 / (temperature_degC + KELVIN) - 1 / REFERENCE_K));
    linear->r0_ohm = linear->values.R0 * linear->factor;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        linear->r_ohm[i] = linear->rc_ohm[i] * linear->factor;
    }
}

static void drive_given(struct cyc_linear *linear, double current_A, double slope)
{
    linear->drive = CYC_LINEAR_GIVEN;
    linear->drive_value = current_A;
    linear->drive_slope = slope;
}

/* A current that follows from the state: of a voltage through a load (0 ohm: a hold), or a power.
 */
static void drive_free(struct cyc_linear *linear, double value, double slope, double load_ohm,
                       bool power)
{
    linear->drive = power || linear->values.M != 0 ? CYC_LINEAR_IMPLICIT : CYC_LINEAR_BOUND;
    linear->drive_value = value;
    linear->drive_slope = slope;
    linear->load_ohm = load_ohm;
    linear->rho_ohm = linear->r0_ohm + load_ohm;
    linear->power = power;
}

static void drive_voltage(struct cyc_cell *cell, const struct cyc_linear_state *state)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_setpoint *setpoint = &cell->setpoint;
    drive_free(linear, cyc_cell_target(cell, 0), setpoint->slope_per_s, 0, false);
    const double wanted_A = cyc_linear_wanted_A(linear, cyc_linear_rest_V(linear, state), 0);
    if (wanted_A > setpoint->current_max_A) {
        drive_given(linear, setpoint->current_max_A, 0);
    } else if (wanted_A < setpoint->current_min_A) {
        drive_given(linear, setpoint->current_min_A, 0);
    }
}

void cyc_linear_applied(struct cyc_cell *cell)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_setpoint *setpoint = &cell->setpoint;
    const struct cyc_cell_state *base = cyc_cell_base(cell);
    refresh_resistances(linear, base->climate.cell_degC);
    switch (setpoint->control) {
    case CYC_CONTROL_OPEN:
        drive_given(linear, 0, 0);
        break;
    case CYC_CONTROL_CURRENT:
        drive_given(linear, cyc_cell_target(cell, 0), setpoint->slope_per_s);
        break;
    case CYC_CONTROL_VOLTAGE:
        drive_voltage(cell, &base->model.linear);
        break;
    case CYC_CONTROL_POWER:
        drive_free(linear, cyc_cell_target(cell, 0), setpoint->slope_per_s, 0, true);
        break;
    case CYC_CONTROL_LOAD:
        drive_free(linear, 0, 0, setpoint->value, false);
        break;
    }
    if (linear->drive == CYC_LINEAR_BOUND) {
        cyc_linear_bound_prepare(linear, &base->model.linear);
    }
    linear->lasting = linear->drive == CYC_LINEAR_GIVEN && linear->drive_slope == 0 &&
                      setpoint->control != CYC_CONTROL_VOLTAGE &&
                      !cyc_climate_takes_heat(&cell->climate);
}

/* ---- How far --------------------------------------------------------------------------------- */

struct guard {
    struct cyc_cell *cell;
    struct cyc_linear_state to;
    uint32_t segment;
    double sign; /* of the current; 0: not to be guarded */
};

/* Zero or more where the drive has left its piece of OCV, its sign or its compliance. */
static double free_side(void *context, int64_t span_ns)
{
    struct guard *guard = context;
    struct cyc_linear *linear = &guard->cell->of.linear;
    const struct cyc_setpoint *setpoint = &guard->cell->setpoint;
    struct cyc_linear_passed passed;
    if (cyc_linear_follow(linear, &cyc_cell_base(guard->cell)->model.linear, span_ns, &guard->to,
                          &passed) != CYC_OK) {
        return -1; /* what cannot be followed is found by the step itself */
    }
    double side = guard->sign == 0 ? -1 : -guard->sign * passed.end_A;
    if (guard->segment + 2 < linear->ocv_count) {
        side = fmax(side, guard->to.soc - linear->soc[guard->segment + 1]);
    }
    if (guard->segment > 0) {
        side = fmax(side, linear->soc[guard->segment] - guard->to.soc);
    }
    if (setpoint->control == CYC_CONTROL_VOLTAGE) {
        side = fmax(side, passed.end_A - setpoint->current_max_A);
        side = fmax(side, setpoint->current_min_A - passed.end_A);
    }
    return side;
}

static int64_t free_reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_linear_state *state = &cyc_cell_base(cell)->model.linear;
    struct guard guard = {.cell = cell};
    double current_A = cyc_linear_wanted_A(linear, cyc_linear_rest_V(linear, state), 0);
    if (current_A == 0) { /* the sign that it will take */
        struct cyc_linear_passed passed = {0};
        (void)cyc_linear_follow(linear, state, limit_ns, &guard.to, &passed);
        current_A = passed.end_A;
    }
    guard.sign = current_A > 0 ? 1 : current_A < 0 ? -1 : 0;
    guard.segment = linear->drive == CYC_LINEAR_BOUND
                        ? linear->modes.segment
                        : cyc_linear_segment(linear, state, current_A);
    const double side = free_side(&guard, limit_ns);
    if (!(side > 0)) {
        return limit_ns;
    }
    return cyc_first_beyond(0, -fabs(side), limit_ns, side, 1, free_side, &guard);
}

/* At compliance: zero or more once the hold wants less than that. */
static double compliance_side(void *context, int64_t span_ns)
{
    struct guard *guard = context;
    const struct cyc_cell *cell = guard->cell;
    struct cyc_linear *linear = &guard->cell->of.linear;
    struct cyc_linear_passed passed;
    (void)cyc_linear_follow(linear, &cyc_cell_base(guard->cell)->model.linear, span_ns, &guard->to,
                            &passed);
    const double rest_V = cyc_linear_rest_V(linear, &guard->to);
    const double wanted_A = (cyc_cell_target(cell, span_ns) - rest_V) / linear->r0_ohm;
    return guard->sign * (linear->drive_value - wanted_A);
}

static int64_t compliance_reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    struct guard guard = {.cell = cell, .sign = 1};
    const double start = compliance_side(&guard, 0);
    guard.sign = start > 0 ? -1 : 1;
    const double side = compliance_side(&guard, limit_ns);
    if (side < 0) {
        return limit_ns;
    }
    return cyc_first_beyond(0, -fabs(start), limit_ns, side, 1, compliance_side, &guard);
}

/* A ramp of current ends a step where it passes zero. */
static int64_t ramp_reach_ns(const struct cyc_linear *linear, int64_t limit_ns)
{
    const double zero_ns = ceil(-linear->drive_value / linear->drive_slope / CYC_S_PER_NS);
    return zero_ns > 0 && zero_ns < (double)limit_ns ? (int64_t)zero_ns : limit_ns;
}

int64_t cyc_linear_reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_cell_state *base = cyc_cell_base(cell);
    if (linear->lasting && !base->climate.moving &&
        linear->factor_degC == base->climate.cell_degC) {
        return limit_ns;
    }
    cyc_linear_applied(cell);
    if (base->climate.moving) {
        const int64_t longest_ns = cyc_climate_reach_ns(&cell->climate, &base->climate);
        limit_ns = limit_ns < longest_ns ? limit_ns : longest_ns;
    }
    if (cyc_climate_takes_heat(&cell->climate) && limit_ns > HEATED_STEP_NS) {
        limit_ns = HEATED_STEP_NS;
    }
    switch (linear->drive) {
    case CYC_LINEAR_GIVEN:
        break;
    case CYC_LINEAR_IMPLICIT:
        return free_reach_ns(cell,
                             cyc_linear_implicit_reach_ns(linear, &base->model.linear, limit_ns));
    case CYC_LINEAR_BOUND:
        return free_reach_ns(cell, limit_ns);
    }
    if (cell->setpoint.control == CYC_CONTROL_VOLTAGE) {
        return compliance_reach_ns(cell, limit_ns);
    }
    return linear->drive_slope == 0 ? limit_ns : ramp_reach_ns(linear, limit_ns);
}
