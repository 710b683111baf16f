/* The linear reference cell: an equivalent circuit.
 *
 *                ┌──R1──┐   ┌──R2──┐
 *     OCV ── Mh ─┤      ├───┤      ├── … ── R0 ──  V    V = OCV(soc) + M h + v1 + v2 + … + R0 I
 *                └──C1──┘   └──C2──┘
 *
 *     dsoc/dt = I / Q          dvi/dt = (Ri I - vi) / taui          dh/dt = gamma |I| / Q (sgn I -
 * h)
 *
 * OCV is a table of straight pieces, continued by the first and last piece beyond its ends; it may
 * not fall. The hysteresis h is the one-state form of Plett 2004, left out by default (M = 0).
 * Between changes of piece the cell is linear, so most drives have a closed form and time can be
 * crossed in one step of any length:
 *
 * - a given current, constant or a ramp, 0 at open circuit (here): exponentials of the RC pairs;
 *   the pieces of the OCV do not matter, as the state does not depend on them;
 * - a bound current, one that follows from the state, I = (u - rest voltage) / rho, u constant or a
 *   ramp (linear_bound.c): voltage hold, sweep, constant load. One piece of the OCV at a time;
 * - an implicit current (linear_implicit.c), where there is no closed form: constant power, and the
 *   bound ones of a cell with hysteresis. A collocation of fourth order, in steps that suit it.
 *
 * Which of them, and how far it may go, is linear_drive.c's business.
 *
 * Energy is exact. OCV I dt = Q OCV dsoc is a difference of areas under the table whatever the
 * current did meanwhile, M h I dt has a closed form in the charge; the rest are products of
 * exponentials and straight lines.
 *
 * Resistances (not time constants) follow temperature by exp(Ea/R (1/T - 1/298.15 K)); they are
 * frozen over a step, and steps are short while the temperature moves.
 */
#include "cell/linear_int.h"

#include <math.h>
#include <string.h>

#define KELVIN 273.15

static int init(struct cyc_cell *cell, const struct cyc_cell_spec *spec, struct cyc_err *err)
{
    struct cyc_linear *linear = &cell->of.linear;
    const int status = cyc_linear_take_spec(linear, spec, err);
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
    state->hysteresis = linear->values.h_start;
    return CYC_OK;
}

/* ---- Open circuit ---------------------------------------------------------------------------- */

uint32_t cyc_linear_segment(const struct cyc_linear *linear, const struct cyc_linear_state *state,
                            double current_A)
{
    uint32_t i = state->segment;
    if (current_A < 0 && i > 0 && state->soc == linear->soc[i]) {
        i--;
    }
    return i;
}

double cyc_linear_hysteresis(const struct cyc_linear *linear, double hysteresis, double charge_C)
{
    const double goal = copysign(1, charge_C);
    return hysteresis + (goal - hysteresis) *
                            -expm1(-linear->values.gamma * fabs(charge_C) / linear->capacity_C);
}

double cyc_linear_volt_per_C(const struct cyc_linear *linear, const struct cyc_linear_state *state,
                             double sign)
{
    const double hysteresis_V =
        linear->values.M * linear->values.gamma * (1 - copysign(1, sign) * state->hysteresis);
    return (linear->slope_V[state->segment] + hysteresis_V) / linear->capacity_C;
}

/* ---- What a charge stores -------------------------------------------------------------------- */

static double area_V(const struct cyc_linear *linear, const struct cyc_linear_state *state)
{
    const uint32_t i = state->segment;
    return linear->area_V[i] +
           (state->soc - linear->soc[i]) * (linear->ocv_V[i] + state->ocv_V) / 2;
}

/* Integral of the OCV over the charge between two states, J. */
static inline double stored_J(const struct cyc_linear *linear, const struct cyc_linear_state *from,
                              const struct cyc_linear_state *to)
{
    const double between_V = from->segment == to->segment
                                 ? (from->ocv_V + to->ocv_V) / 2 * (to->soc - from->soc)
                                 : area_V(linear, to) - area_V(linear, from);
    return linear->capacity_C * between_V;
}

/* Integral of M h over a charge of one sign, J: h = goal + (h0 - goal) exp(-gamma |q| / Q). */
static inline double hysteresis_J(const struct cyc_linear *linear,
                                  const struct cyc_linear_state *from,
                                  const struct cyc_linear_state *to, double charge_C)
{
    const double gamma = linear->values.gamma;
    if (linear->values.M == 0 || charge_C == 0) {
        return 0;
    }
    if (gamma == 0) {
        return linear->values.M * from->hysteresis * charge_C;
    }
    const double goal = copysign(1, charge_C);
    return linear->values.M * (goal * charge_C - goal * (to->hysteresis - from->hysteresis) *
                                                     linear->capacity_C / gamma);
}

/* ---- A given current ------------------------------------------------------------------------- */

/* The exponentials of RC pairs over a span, kept for the next step of the same span. */
static void find_decays(struct cyc_linear *linear, int64_t span_ns)
{
    linear->span_ns = span_ns;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        linear->decay[i] = exp(-(double)span_ns * CYC_S_PER_NS / linear->rc_tau_s[i]);
    }
}

/* Returns what went in beside the OCV and the hysteresis, J; and the range of the RC voltages. */
static inline double constant_current(const struct cyc_linear *linear,
                                      const struct cyc_linear_state *from, double h,
                                      struct cyc_linear_state *to, struct cyc_linear_passed *passed)
{
    const double current_A = linear->drive_value;
    double volt_seconds = linear->r0_ohm * passed->charge_C;
    double low_V = 0;
    double high_V = 0;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double start_V = from->rc_V[i];
        const double goal_V = linear->r_ohm[i] * current_A;
        const double change_V = (goal_V - start_V) * (1 - linear->decay[i]);
        const double end_V = start_V + change_V;
        to->rc_V[i] = end_V;
        low_V += start_V < end_V ? start_V : end_V;
        high_V += start_V < end_V ? end_V : start_V;
        volt_seconds += goal_V * h - linear->rc_tau_s[i] * change_V;
    }
    passed->low_V = low_V;
    passed->high_V = high_V;
    return current_A * volt_seconds;
}

/* The same for a ramp of current: v = a exp(-t/tau) + b + c t. */
static double ramped_current(const struct cyc_linear *linear, const struct cyc_linear_state *from,
                             double h, struct cyc_linear_state *to,
                             struct cyc_linear_passed *passed)
{
    passed->low_V = 0;
    passed->high_V = 0;
    const double i0 = linear->drive_value;
    const double s = linear->drive_slope;
    double energy_J = linear->r0_ohm * h * (i0 * i0 + h * s * (i0 + s * h / 3));
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double tau = linear->rc_tau_s[i];
        const double c = linear->r_ohm[i] * s;
        const double b = linear->r_ohm[i] * i0 - c * tau;
        const double a = from->rc_V[i] - b;
        const double gone = tau * (1 - linear->decay[i]);
        to->rc_V[i] = a * linear->decay[i] + b + c * h;
        passed->low_V += fmin(from->rc_V[i], to->rc_V[i]);
        passed->high_V += fmax(from->rc_V[i], to->rc_V[i]);
        energy_J += h * (i0 * b + h / 2 * (i0 * c + s * b) + h * h / 3 * s * c) +
                    a * (i0 * gone + s * tau * (gone - h * linear->decay[i]));
    }
    return energy_J;
}

/* Adds a part of the voltage that went from one value to another without turning. */
static inline void widen(double start_V, double end_V, struct cyc_linear_passed *passed)
{
    passed->low_V += start_V < end_V ? start_V : end_V;
    passed->high_V += start_V < end_V ? end_V : start_V;
}

static inline void step_given(struct cyc_linear *linear, const struct cyc_linear_state *from,
                              int64_t span_ns, struct cyc_linear_state *to,
                              struct cyc_linear_passed *passed)
{
    const double h = (double)span_ns * CYC_S_PER_NS;
    if (span_ns != linear->span_ns) {
        find_decays(linear, span_ns);
    }
    passed->end_A = linear->drive_value + linear->drive_slope * h;
    passed->charge_C = h * (linear->drive_value + linear->drive_slope * h / 2);
    const double beside_J = linear->drive_slope == 0 ? constant_current(linear, from, h, to, passed)
                                                     : ramped_current(linear, from, h, to, passed);
    cyc_linear_pass(linear, from, passed->charge_C, to);
    passed->energy_J = 0;
    if (passed->charge_C != 0) {
        passed->energy_J = beside_J + stored_J(linear, from, to) +
                           hysteresis_J(linear, from, to, passed->charge_C);
    }
    widen(linear->values.M * from->hysteresis, linear->values.M * to->hysteresis, passed);
    widen(from->ocv_V, to->ocv_V, passed);
}

/* ---- One step -------------------------------------------------------------------------------- */

/* What went in at the terminals where the current follows from the state: u dq under a voltage u,
 * -R I^2 dt through a load, P dt. */
static double terminal_J(const struct cyc_linear *linear, double h,
                         const struct cyc_linear_passed *passed)
{
    if (linear->power) {
        return h * (linear->drive_value + linear->drive_slope * h / 2);
    }
    if (linear->load_ohm > 0) {
        return -linear->load_ohm * passed->square_A2s;
    }
    return linear->drive_value * passed->charge_C + linear->drive_slope * passed->moment_Cs;
}

int cyc_linear_follow(struct cyc_linear *linear, const struct cyc_linear_state *from,
                      int64_t span_ns, struct cyc_linear_state *to,
                      struct cyc_linear_passed *passed)
{
    const double h = (double)span_ns * CYC_S_PER_NS;
    int status = CYC_OK;
    switch (linear->drive) {
    case CYC_LINEAR_GIVEN:
        step_given(linear, from, span_ns, to, passed);
        return CYC_OK;
    case CYC_LINEAR_BOUND:
        cyc_linear_bound_step(linear, from, span_ns, to, passed);
        break;
    case CYC_LINEAR_IMPLICIT:
        status = cyc_linear_implicit_step(linear, from, h, to, passed);
        break;
    }
    if (status == CYC_OK) {
        passed->energy_J = terminal_J(linear, h, passed);
        passed->low_V = NAN; /* such a drive does not turn its voltage around unseen */
        passed->high_V = NAN;
    }
    return status;
}

static inline void observe(const struct cyc_cell *cell, int64_t span_ns,
                           const struct cyc_cell_state *to, const struct cyc_linear_passed *passed,
                           struct cyc_point *point)
{
    const struct cyc_linear *linear = &cell->of.linear;
    const double current_A = passed->end_A;
    double voltage_V = cyc_linear_rest_V(linear, &to->model.linear) + linear->r0_ohm * current_A;
    double start_A = linear->drive_value;
    point->regulated = false;
    if (linear->drive != CYC_LINEAR_GIVEN) {
        start_A = current_A;
        point->regulated = cell->setpoint.control == CYC_CONTROL_VOLTAGE;
        voltage_V = point->regulated ? cyc_cell_target(cell, span_ns) : voltage_V;
    }
    point->low_A = start_A < current_A ? start_A : current_A;
    point->high_A = start_A < current_A ? current_A : start_A;
    if (linear->drive == CYC_LINEAR_BOUND) {
        cyc_linear_bound_range(linear, &point->low_A, &point->high_A);
    }
    point->low_V = passed->low_V + linear->r0_ohm * point->low_A;
    point->high_V = passed->high_V + linear->r0_ohm * point->high_A;
    point->signal[CYC_SIGNAL_VOLTAGE] = voltage_V;
    point->signal[CYC_SIGNAL_CURRENT] = current_A;
    point->signal[CYC_SIGNAL_POWER] = voltage_V * current_A;
    point->signal[CYC_SIGNAL_TEMPERATURE] = to->climate.cell_degC;
    point->signal[CYC_SIGNAL_AMBIENT] = to->climate.chamber_degC;
    point->signal[CYC_SIGNAL_PRESSURE] = to->climate.press_Pa;
}

/* Mean heat of the step: what went in and was not stored, and the entropy's part. */
static inline double heat_W(const struct cyc_cell *cell, const struct cyc_cell_state *from,
                            const struct cyc_cell_state *to, double h,
                            const struct cyc_linear_passed *passed)
{
    const struct cyc_linear *linear = &cell->of.linear;
    if (h <= 0 || !cyc_climate_takes_heat(&cell->climate)) {
        return 0;
    }
    const double entropic_J =
        passed->charge_C * (from->climate.cell_degC + KELVIN) * linear->values.dU_dT;
    const double lost_J =
        passed->energy_J - stored_J(linear, &from->model.linear, &to->model.linear);
    return (lost_J + entropic_J) / h;
}

static int step(struct cyc_cell *cell, int64_t span_ns, struct cyc_cell_state *to,
                struct cyc_point *point)
{
    const struct cyc_cell_state *from = cyc_cell_base(cell);
    const double h = (double)span_ns * CYC_S_PER_NS;
    struct cyc_linear_passed passed;
    struct cyc_linear *linear = &cell->of.linear;
    if (linear->drive == CYC_LINEAR_GIVEN) {
        step_given(linear, &from->model.linear, span_ns, &to->model.linear, &passed);
    } else if (cyc_linear_follow(linear, &from->model.linear, span_ns, &to->model.linear,
                                 &passed) != CYC_OK) {
        return CYC_E_INFEASIBLE;
    }
    cyc_climate_step(&cell->climate, &from->climate, h, heat_W(cell, from, to, h, &passed),
                     &to->climate);
    observe(cell, span_ns, to, &passed, point);
    point->net_Ah = passed.charge_C / CYC_S_PER_H;
    point->net_Wh = passed.energy_J / CYC_S_PER_H;
    return CYC_OK;
}

/* ---- Inner truth ----------------------------------------------------------------------------- */

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
    if (strcmp(name, "hysteresis") == 0) {
        return state->hysteresis;
    }
    if (strcmp(name, "net_Ah") == 0) { /* by the state, not by the count */
        return (state->soc - linear->initial_soc) * linear->capacity_C / CYC_S_PER_H;
    }
    return NAN;
}

const struct cyc_cell_model cyc_linear_model = {
    .name = "linear",
    .keeps_cuts = true,
    .crossing_ns = 1,
    .parameters = cyc_linear_parameters,
    .spec_defaults = cyc_linear_spec_defaults,
    .init = init,
    .applied = cyc_linear_applied,
    .reach_ns = cyc_linear_reach_ns,
    .step = step,
    .inner = inner,
};
