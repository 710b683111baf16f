/* The linear reference cell: an equivalent circuit.
 *
 *          ┌──R1──┐   ┌──R2──┐
 *     OCV ─┤      ├───┤      ├── … ── R0 ──  V        V = OCV(soc) + v1 + v2 + … + R0 I
 *          └──C1──┘   └──C2──┘
 *
 *     dsoc/dt = I / Q          dvi/dt = (Ri I - vi) / taui
 *
 * OCV is a table of straight pieces, continued by the first and last piece beyond its ends; it may
 * not fall. Between changes of piece the cell is linear, so every drive but one has a closed form
 * and time can be crossed in one step of any length:
 *
 * - a given current, constant or a ramp, 0 at open circuit (here): exponentials of the RC pairs;
 *   the pieces of the OCV do not matter, as the state does not depend on them;
 * - a current that follows from the state, I = (u - OCV - v1 - v2 …) / rho, u constant or a ramp
 *   (linear_bound.c): voltage hold, sweep, constant load. One piece of the OCV at a time;
 * - constant power (linear_power.c): the one that is not linear; a collocation of fourth order.
 *
 * Energy is exact. OCV I dt = Q OCV dsoc is a difference of areas under the table whatever the
 * current did meanwhile; the rest are products of exponentials and straight lines.
 *
 * A hold at compliance is a given current until the current that the hold asks for is within the
 * compliance again. Steps under a hold end where its current changes sign, so that charge passed in
 * either direction is counted apart.
 *
 * Resistances (not time constants) follow temperature by exp(Ea/R (1/T - 1/298.15 K)); they are
 * frozen over a step, and steps are short while the temperature moves.
 */
#include "cell/linear_int.h"
#include "cell/root.h"

#include <math.h>
#include <string.h>

#define GAS_J_PER_MOL_K 8.314462618
#define KELVIN          273.15
#define REFERENCE_K     298.15
#define HEATED_STEP_NS  (10 * CYC_S_NS)

/* ---- Parameters --------------------------------------------------------------------------------- */

static const struct cyc_cell_parameter parameters[] = {
#define ROW(name, unit, value, help) {#name, unit, value, help},
    CYC_LINEAR_PARAMETERS(ROW)
#undef ROW
    {NULL, NULL, 0, NULL}};

static void spec_defaults(struct cyc_cell_spec *spec)
{
    spec->capacity_Ah = 2.5;
    spec->initial_soc = 0.5;
    spec->temperature_degC = 25;
    spec->pressure_Pa = 1e5;
    spec->ocv_count = 2;
    spec->ocv_soc[1] = 1;
    spec->ocv_V[0] = 3.0;
    spec->ocv_V[1] = 4.2;
}

static int take_ocv(struct cyc_linear *linear, const struct cyc_cell_spec *spec,
                    struct cyc_err *err)
{
    if (spec->ocv_count < 2 || spec->ocv_count > CYC_LINEAR_OCV_MAX) {
        return cyc_err_set(err, CYC_E_INPUT, "the OCV needs 2 to %d points, not %u",
                           CYC_LINEAR_OCV_MAX, spec->ocv_count);
    }
    linear->ocv_count = spec->ocv_count;
    for (unsigned i = 0; i < spec->ocv_count; i++) {
        linear->soc[i] = spec->ocv_soc[i];
        linear->ocv_V[i] = spec->ocv_V[i];
        if (!isfinite(spec->ocv_soc[i]) || !isfinite(spec->ocv_V[i])) {
            return cyc_err_set(err, CYC_E_INPUT, "point %u of the OCV is not a number", i + 1);
        }
        if (i == 0) {
            continue;
        }
        const double width = linear->soc[i] - linear->soc[i - 1];
        const double rise_V = linear->ocv_V[i] - linear->ocv_V[i - 1];
        if (!(width > 0) || rise_V < 0) {
            return cyc_err_set(err, CYC_E_INPUT,
                               "the OCV must not fall and its SOC must rise: see point %u", i + 1);
        }
        linear->slope_V[i - 1] = rise_V / width;
        linear->area_V[i] =
            linear->area_V[i - 1] + width * (linear->ocv_V[i] + linear->ocv_V[i - 1]) / 2;
    }
    return CYC_OK;
}

/* Sorted by time constant; pairs with the same one are one pair, as they move together. */
static int take_rc(struct cyc_linear *linear, const struct cyc_cell_spec *spec, double factor,
                   struct cyc_err *err)
{
    if (spec->rc_count > CYC_LINEAR_RC_MAX) {
        return cyc_err_set(err, CYC_E_INPUT, "at most %d RC pairs, not %u", CYC_LINEAR_RC_MAX,
                           spec->rc_count);
    }
    for (unsigned i = 0; i < spec->rc_count; i++) {
        const double tau_s = spec->rc_tau_s[i];
        const double ohm = spec->rc_ohm[i] * factor;
        if (!(tau_s > 0) || !isfinite(tau_s) || !(ohm >= 0) || !isfinite(ohm)) {
            return cyc_err_set(err, CYC_E_INPUT,
                               "RC pair %u needs a resistance of at least 0 and a time constant "
                               "above 0",
                               i + 1);
        }
        unsigned place = 0;
        while (place < linear->rc_count && linear->rc_tau_s[place] > tau_s) {
            place++;
        }
        if (ohm == 0) {
            continue;
        }
        if (place < linear->rc_count && linear->rc_tau_s[place] == tau_s) {
            linear->rc_ohm[place] += ohm;
            continue;
        }
        for (unsigned k = linear->rc_count++; k > place; k--) {
            linear->rc_tau_s[k] = linear->rc_tau_s[k - 1];
            linear->rc_ohm[k] = linear->rc_ohm[k - 1];
        }
        linear->rc_tau_s[place] = tau_s;
        linear->rc_ohm[place] = ohm;
    }
    return CYC_OK;
}

static int init(struct cyc_cell *cell, const struct cyc_cell_spec *spec, struct cyc_err *err)
{
    struct cyc_linear *linear = &cell->of.linear;
    int status = cyc_cell_spec_values(spec, parameters, &linear->values.R0, err);
    if (status != CYC_OK) {
        return status;
    }
    if (!(linear->values.R0 > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "R0 must be above 0 ohm");
    }
    if (!(spec->capacity_Ah > 0) || !isfinite(spec->capacity_Ah)) {
        return cyc_err_set(err, CYC_E_INPUT, "the cell needs a capacity above 0");
    }
    uint64_t seed = spec->seed;
    linear->capacity_C = spec->capacity_Ah * CYC_S_PER_H * cyc_cell_scatter(&seed);
    const double resistance = cyc_cell_scatter(&seed);
    linear->values.R0 *= resistance;
    status = take_ocv(linear, spec, err);
    if (status == CYC_OK) {
        status = take_rc(linear, spec, resistance, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    linear->span_ns = -1;
    linear->bound_ns = -1;
    linear->factor_degC = NAN;
    linear->modes.segment = UINT32_MAX;
    linear->initial_soc = isfinite(spec->initial_soc) ? spec->initial_soc : 0.5;
    memcpy(&cell->climate.values, &linear->values.chamber_ramp, sizeof cell->climate.values);
    struct cyc_linear_state *state = &cyc_cell_base(cell)->model.linear;
    state->soc = linear->initial_soc;
    state->ocv_V = cyc_linear_ocv_V(linear, state->soc, &state->segment);
    return CYC_OK;
}

/* ---- Open circuit --------------------------------------------------------------------------------- */

double cyc_linear_ocv_V(const struct cyc_linear *linear, double soc, uint32_t *segment)
{
    uint32_t i = *segment;
    while (soc >= linear->soc[i + 1] && i + 2 < linear->ocv_count) {
        i++;
    }
    while (soc < linear->soc[i] && i > 0) {
        i--;
    }
    *segment = i;
    return linear->ocv_V[i] + linear->slope_V[i] * (soc - linear->soc[i]);
}

static double area_V(const struct cyc_linear *linear, const struct cyc_linear_state *state)
{
    const uint32_t i = state->segment;
    return linear->area_V[i] +
           (state->soc - linear->soc[i]) * (linear->ocv_V[i] + state->ocv_V) / 2;
}

double cyc_linear_ocv_charge(const struct cyc_linear *linear, const struct cyc_linear_state *from,
                             const struct cyc_linear_state *to)
{
    const double mean_or_area = from->segment == to->segment
                                    ? (from->ocv_V + to->ocv_V) / 2 * (to->soc - from->soc)
                                    : area_V(linear, to) - area_V(linear, from);
    return linear->capacity_C * mean_or_area;
}

double cyc_linear_rest_V(const struct cyc_linear *linear, const struct cyc_linear_state *state)
{
    double sum_V = state->ocv_V;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        sum_V += state->rc_V[i];
    }
    return sum_V;
}

uint32_t cyc_linear_segment(const struct cyc_linear *linear, const struct cyc_linear_state *state,
                            double current_A)
{
    uint32_t i = state->segment;
    if (current_A < 0 && i > 0 && state->soc == linear->soc[i]) {
        i--;
    }
    return i;
}

void cyc_linear_decays(struct cyc_linear *linear, int64_t span_ns)
{
    if (span_ns == linear->span_ns) {
        return;
    }
    linear->span_ns = span_ns;
    linear->span_s = (double)span_ns * CYC_S_PER_NS;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        linear->decay[i] = exp(-linear->span_s / linear->rc_tau_s[i]);
    }
}

/* ---- A given current -------------------------------------------------------------------------------- */

/* Constant current: charge, C; *energy_J gets what went in. */
static double constant_current(struct cyc_linear *linear, const struct cyc_linear_state *from,
                               struct cyc_linear_state *to, double *energy_J)
{
    const double current_A = linear->drive_value;
    const double charge_C = current_A * linear->span_s;
    double lost_Vs = linear->r0_ohm * charge_C; /* integral of all voltages but the OCV */
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double goal_V = linear->r_ohm[i] * current_A;
        const double change_V = (goal_V - from->rc_V[i]) * (1 - linear->decay[i]);
        to->rc_V[i] = from->rc_V[i] + change_V;
        lost_Vs += goal_V * linear->span_s - linear->rc_tau_s[i] * change_V;
    }
    to->soc = from->soc + charge_C / linear->capacity_C;
    to->segment = from->segment;
    to->ocv_V = cyc_linear_ocv_V(linear, to->soc, &to->segment);
    *energy_J = charge_C == 0 ? 0 : cyc_linear_ocv_charge(linear, from, to) + current_A * lost_Vs;
    return charge_C;
}

/* A ramp of current: v = A exp(-t/tau) + B + C t. */
static double ramped_current(struct cyc_linear *linear, const struct cyc_linear_state *from,
                             struct cyc_linear_state *to, double *energy_J)
{
    const double i0 = linear->drive_value;
    const double s = linear->drive_slope;
    const double h = linear->span_s;
    const double charge_C = h * (i0 + s * h / 2);
    double energy = linear->r0_ohm * h * (i0 * i0 + h * s * (i0 + s * h / 3));
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double tau = linear->rc_tau_s[i];
        const double c = linear->r_ohm[i] * s;
        const double b = linear->r_ohm[i] * i0 - c * tau;
        const double a = from->rc_V[i] - b;
        const double gone = tau * (1 - linear->decay[i]);
        to->rc_V[i] = a * linear->decay[i] + b + c * h;
        energy += h * (i0 * b + h / 2 * (i0 * c + s * b) + h * h / 3 * s * c) +
                  a * (i0 * gone + s * tau * (gone - h * linear->decay[i]));
    }
    to->soc = from->soc + charge_C / linear->capacity_C;
    to->segment = from->segment;
    to->ocv_V = cyc_linear_ocv_V(linear, to->soc, &to->segment);
    *energy_J = energy + cyc_linear_ocv_charge(linear, from, to);
    return charge_C;
}

/* ---- One step ------------------------------------------------------------------------------------- */

static void bounds(const struct cyc_linear *linear, const struct cyc_linear_state *from,
                   const struct cyc_linear_state *to, struct cyc_point *point)
{
    double low_V = fmin(from->ocv_V, to->ocv_V);
    double high_V = fmax(from->ocv_V, to->ocv_V);
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double a = from->rc_V[i];
        const double b = to->rc_V[i];
        low_V += a < b ? a : b;
        high_V += a < b ? b : a;
    }
    point->low_V = low_V + linear->r0_ohm * point->low_A;
    point->high_V = high_V + linear->r0_ohm * point->high_A;
}

static void observe(struct cyc_cell *cell, int64_t span_ns, const struct cyc_cell_state *from,
                    const struct cyc_cell_state *to, double current_A, struct cyc_point *point)
{
    const struct cyc_linear *linear = &cell->of.linear;
    double voltage_V = cyc_linear_rest_V(linear, &to->model.linear) + linear->r0_ohm * current_A;
    point->regulated = false;
    if (linear->drive == CYC_LINEAR_BOUND) {
        cyc_linear_bound_range(linear, &point->low_A, &point->high_A);
        if (cell->setpoint.control == CYC_CONTROL_VOLTAGE) {
            voltage_V = cyc_cell_target(cell, span_ns);
            point->regulated = true;
        }
    } else {
        const double start_A = linear->drive == CYC_LINEAR_CURRENT ? linear->drive_value : current_A;
        point->low_A = fmin(start_A, current_A);
        point->high_A = fmax(start_A, current_A);
    }
    bounds(linear, &from->model.linear, &to->model.linear, point);
    point->signal[CYC_SIGNAL_VOLTAGE] = voltage_V;
    point->signal[CYC_SIGNAL_CURRENT] = current_A;
    point->signal[CYC_SIGNAL_POWER] = voltage_V * current_A;
    point->signal[CYC_SIGNAL_TEMPERATURE] = to->climate.cell_degC;
    point->signal[CYC_SIGNAL_AMBIENT] = to->climate.chamber_degC;
    point->signal[CYC_SIGNAL_PRESSURE] = to->climate.press_Pa;
}

static double heat_W(const struct cyc_cell *cell, const struct cyc_cell_state *from,
                     const struct cyc_cell_state *to, double charge_C, double energy_J)
{
    const struct cyc_linear *linear = &cell->of.linear;
    if (linear->span_s <= 0 || !cyc_climate_takes_heat(&cell->climate)) {
        return 0;
    }
    const double stored_J =
        cyc_linear_ocv_charge(linear, &from->model.linear, &to->model.linear);
    const double entropic_J =
        charge_C * (from->climate.cell_degC + KELVIN) * linear->values.dU_dT;
    return (energy_J - stored_J + entropic_J) / linear->span_s;
}

static int step(struct cyc_cell *cell, int64_t span_ns, struct cyc_cell_state *to,
                struct cyc_point *point)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_cell_state *from = cyc_cell_base(cell);
    const struct cyc_linear_state *start = &from->model.linear;
    struct cyc_linear_state *end = &to->model.linear;
    double current_A = linear->drive_value;
    double energy_J = 0;
    double charge_C = 0;
    cyc_linear_decays(linear, span_ns);
    if (linear->drive == CYC_LINEAR_CURRENT && linear->drive_slope == 0) {
        charge_C = constant_current(linear, start, end, &energy_J);
    } else if (linear->drive == CYC_LINEAR_CURRENT) {
        current_A += linear->drive_slope * linear->span_s;
        charge_C = ramped_current(linear, start, end, &energy_J);
    } else if (linear->drive == CYC_LINEAR_BOUND) {
        charge_C = cyc_linear_bound_step(linear, start, span_ns, end, &current_A, &energy_J);
    } else {
        energy_J = linear->span_s * (linear->drive_value + linear->drive_slope * linear->span_s / 2);
        const int status = cyc_linear_power_step(linear, start, linear->span_s, end, &charge_C,
                                                 &current_A);
        if (status != CYC_OK) {
            return status;
        }
    }
    cyc_climate_step(&cell->climate, &from->climate, linear->span_s,
                     heat_W(cell, from, to, charge_C, energy_J), &to->climate);
    observe(cell, span_ns, from, to, current_A, point);
    point->net_Ah = charge_C / CYC_S_PER_H;
    point->sums = (struct cyc_sums){0, 0, 0, 0};
    cyc_sums_pass(&point->sums, point->net_Ah, energy_J / CYC_S_PER_H);
    return CYC_OK;
}

/* ---- What drives the cell from the base state on ------------------------------------------------- */

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

static void drive(struct cyc_linear *linear, enum cyc_linear_drive kind, double value,
                  double slope)
{
    linear->drive = kind;
    linear->drive_value = value;
    linear->drive_slope = slope;
}

/* A hold that would need more current than its compliance gives is a given current. */
static void drive_voltage(struct cyc_cell *cell)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_linear_state *state = &cyc_cell_base(cell)->model.linear;
    linear->rho_ohm = linear->r0_ohm;
    drive(linear, CYC_LINEAR_BOUND, cyc_cell_target(cell, 0), cell->setpoint.slope_per_s);
    const double wanted_A = cyc_linear_bound_A(linear, state);
    if (wanted_A > cell->setpoint.current_max_A) {
        drive(linear, CYC_LINEAR_CURRENT, cell->setpoint.current_max_A, 0);
    } else if (wanted_A < cell->setpoint.current_min_A) {
        drive(linear, CYC_LINEAR_CURRENT, cell->setpoint.current_min_A, 0);
    } else {
        cyc_linear_bound_prepare(linear, state);
    }
}

static void applied(struct cyc_cell *cell)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_cell_state *base = cyc_cell_base(cell);
    refresh_resistances(linear, base->climate.cell_degC);
    switch (cell->setpoint.control) {
    case CYC_CONTROL_OPEN:
        drive(linear, CYC_LINEAR_CURRENT, 0, 0);
        break;
    case CYC_CONTROL_CURRENT:
        drive(linear, CYC_LINEAR_CURRENT, cyc_cell_target(cell, 0), cell->setpoint.slope_per_s);
        break;
    case CYC_CONTROL_VOLTAGE:
        drive_voltage(cell);
        break;
    case CYC_CONTROL_POWER:
        drive(linear, CYC_LINEAR_POWER, cyc_cell_target(cell, 0), cell->setpoint.slope_per_s);
        break;
    case CYC_CONTROL_LOAD:
        linear->rho_ohm = linear->r0_ohm + cell->setpoint.value;
        drive(linear, CYC_LINEAR_BOUND, 0, 0);
        cyc_linear_bound_prepare(linear, &base->model.linear);
        break;
    }
}

/* ---- How far one step may go ---------------------------------------------------------------------- */

struct guard {
    struct cyc_cell *cell;
    struct cyc_cell_state *to;
    uint32_t segment;
    double sign;
};

/* Zero or more where a closed form has left its range: the piece of OCV, the sign of the current,
 * the compliance. */
static double bound_side(void *context, int64_t span_ns)
{
    struct guard *guard = context;
    struct cyc_linear *linear = &guard->cell->of.linear;
    struct cyc_linear_state *to = &guard->to->model.linear;
    double current_A = 0;
    double energy_J = 0;
    (void)cyc_linear_bound_step(linear, &cyc_cell_base(guard->cell)->model.linear, span_ns, to,
                                &current_A, &energy_J);
    double side = guard->sign == 0 ? -1 : -guard->sign * current_A;
    if (guard->segment + 2 < linear->ocv_count) {
        side = fmax(side, to->soc - linear->soc[guard->segment + 1]);
    }
    if (guard->segment > 0) {
        side = fmax(side, linear->soc[guard->segment] - to->soc);
    }
    if (guard->cell->setpoint.control == CYC_CONTROL_VOLTAGE) {
        side = fmax(side, current_A - guard->cell->setpoint.current_max_A);
        side = fmax(side, guard->cell->setpoint.current_min_A - current_A);
    }
    return side;
}

static int64_t bound_reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_linear_state *state = &cyc_cell_base(cell)->model.linear;
    struct guard guard = {cell, &cell->states[1 - cell->base], linear->modes.segment, 0};
    double current_A = cyc_linear_bound_A(linear, state);
    if (current_A == 0) { /* the sign that it will take */
        double energy_J = 0;
        (void)cyc_linear_bound_step(linear, state, limit_ns, &guard.to->model.linear, &current_A,
                                    &energy_J);
    }
    guard.sign = current_A > 0 ? 1 : current_A < 0 ? -1 : 0;
    const double side = bound_side(&guard, limit_ns);
    if (side <= 0) {
        return limit_ns;
    }
    return cyc_first_beyond(0, -fabs(side), limit_ns, side, bound_side, &guard);
}

/* At compliance: zero or more once the hold asks for less than that. */
static double compliance_side(void *context, int64_t span_ns)
{
    struct guard *guard = context;
    struct cyc_linear *linear = &guard->cell->of.linear;
    struct cyc_linear_state *to = &guard->to->model.linear;
    double energy_J = 0;
    cyc_linear_decays(linear, span_ns);
    (void)constant_current(linear, &cyc_cell_base(guard->cell)->model.linear, to, &energy_J);
    const double wanted_A = (cyc_cell_target(guard->cell, span_ns) - cyc_linear_rest_V(linear, to)) /
                            linear->r0_ohm;
    return guard->sign * (linear->drive_value - wanted_A);
}

static int64_t compliance_reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    struct guard guard = {cell, &cell->states[1 - cell->base], 0, 1};
    const double start = compliance_side(&guard, 0);
    guard.sign = start > 0 ? -1 : 1;
    const double side = compliance_side(&guard, limit_ns);
    if (side < 0) {
        return limit_ns;
    }
    return cyc_first_beyond(0, -fabs(start), limit_ns, side, compliance_side, &guard);
}

static int64_t power_side_reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    return cyc_linear_power_reach_ns(&cell->of.linear, &cyc_cell_base(cell)->model.linear,
                                     limit_ns);
}

static int64_t reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_climate *climate = &cyc_cell_base(cell)->climate;
    applied(cell);
    if (climate->moving) {
        const int64_t longest_ns = cyc_climate_reach_ns(&cell->climate, climate);
        limit_ns = limit_ns < longest_ns ? limit_ns : longest_ns;
    }
    if (cyc_climate_takes_heat(&cell->climate) && limit_ns > HEATED_STEP_NS) {
        limit_ns = HEATED_STEP_NS;
    }
    if (linear->drive == CYC_LINEAR_BOUND) {
        return bound_reach_ns(cell, limit_ns);
    }
    if (linear->drive == CYC_LINEAR_POWER) {
        return power_side_reach_ns(cell, limit_ns);
    }
    if (cell->setpoint.control == CYC_CONTROL_VOLTAGE) {
        return compliance_reach_ns(cell, limit_ns);
    }
    if (linear->drive_slope != 0 && linear->drive_value / linear->drive_slope < 0) {
        const double zero_ns = ceil(-linear->drive_value / linear->drive_slope / CYC_S_PER_NS);
        return zero_ns < (double)limit_ns ? (int64_t)fmax(zero_ns, 1) : limit_ns;
    }
    return limit_ns;
}

/* ---- Inner truth ------------------------------------------------------------------------------------ */

static double inner(const struct cyc_cell *cell, const char *name)
{
    const struct cyc_linear *linear = &cell->of.linear;
    const struct cyc_linear_state *state = &cyc_cell_present(cell)->model.linear;
    if (strcmp(name, "soc") == 0) {
        return state->soc;
    }
    if (strcmp(name, "ocv_V") == 0) {
        return state->ocv_V;
    }
    if (strcmp(name, "net_Ah") == 0) {
        return (state->soc - linear->initial_soc) * linear->capacity_C / CYC_S_PER_H;
    }
    return NAN;
}

const struct cyc_cell_model cyc_linear_model = {
    .name = "linear",
    .keeps_cuts = true,
    .parameters = parameters,
    .spec_defaults = spec_defaults,
    .init = init,
    .applied = applied,
    .reach_ns = reach_ns,
    .step = step,
    .inner = inner,
};
