/* The N-LMRO model under a setpoint: the current of each step, and the steps themselves.
 *
 * Under voltage, power or load the current is the one with which the relation holds after the step
 * (n_lmro_current.c). Under power and load it is that of the whole step, as a fully implicit method
 * has it; in a hold it is reached in a ramp from the current before, which passes their mean, so
 * that a trapezoid over the samples gives the charge. A hold at compliance stops the search there.
 *
 * The model goes its own steps: after a new setpoint 3.6 s (1 s under voltage), then growing to
 * step_max. What is asked for in between is the same step cut short, looked at and not kept, so
 * that a run does not depend on how often it was looked at.
 */
#include "cell/n_lmro_int.h"

#include <math.h>
#include <string.h>

#define FIRST_STEP_S      3.6
#define FIRST_HOLD_STEP_S 1.0
#define GROWTH            1.15
#define HELD_V            1e-6
#define CURRENT_MAX       1e5 /* mA/g, 500C: what a search for a current stops at */

static const struct cyc_cell_parameter parameters[] = {
#define ROW(name, unit, value, help) {#name, unit, value, help},
    CYC_N_LMRO_PARAMETERS(ROW)
#undef ROW
        {NULL, NULL, 0, NULL}};

static void spec_defaults(struct cyc_cell_spec *spec)
{
    spec->active_mass_g = 9.03e-3;
    spec->temperature_degC = 30;
    spec->pressure_Pa = 50e6;
}

static int init(struct cyc_cell *cell, const struct cyc_cell_spec *spec, struct cyc_err *err)
{
    struct cyc_n_lmro *model = &cell->of.n_lmro;
    struct cyc_n_lmro_values *p = &model->values;
    const int status = cyc_cell_spec_values(spec, parameters, &p->E_ref, err);
    if (status != CYC_OK) {
        return status;
    }
    if (!(spec->active_mass_g > 0) || !isfinite(spec->active_mass_g)) {
        return cyc_err_set(err, CYC_E_INPUT, "the model n_lmro needs an active mass above 0");
    }
    const double *const positive[] = {&p->u,     &p->Q_N,  &p->Q_M,      &p->W_N,
                                      &p->W_1,   &p->W_2,  &p->W_S,      &p->tau_s30,
                                      &p->R0_30, &p->tau1, &p->tau2,     &p->tau_w30,
                                      &p->W_act, &p->W_i,  &p->step_max, &p->step_charge};
    for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++) {
        if (!(*positive[i] > 0)) {
            return cyc_err_set(err, CYC_E_INPUT, "%s must be above 0",
                               parameters[positive[i] - &p->E_ref].name);
        }
    }
    uint64_t seed = spec->seed;
    model->mass_g = spec->active_mass_g * cyc_cell_scatter(&seed);
    const double resistance = cyc_cell_scatter(&seed);
    p->R0_30 *= resistance;
    p->R1_30 *= resistance;
    p->R2_30 *= resistance;
    p->u *= cyc_cell_scatter(&seed);
    model->rates.temperature_degC = NAN;
    memcpy(&cell->climate.values, &p->chamber_ramp, sizeof cell->climate.values);
    cyc_n_lmro_start(model, &cyc_cell_base(cell)->model.n_lmro);
    return CYC_OK;
}

/* ---- One step -------------------------------------------------------------------------------- */

static void observe(struct cyc_cell *cell, const struct cyc_cell_state *to, double voltage_V,
                    double current_A, struct cyc_point *point)
{
    const double before_V = cell->now->signal[CYC_SIGNAL_VOLTAGE];
    point->low_V = fmin(before_V, voltage_V);
    point->high_V = fmax(before_V, voltage_V);
    point->low_A = current_A;
    point->high_A = current_A;
    point->signal[CYC_SIGNAL_VOLTAGE] = voltage_V;
    point->signal[CYC_SIGNAL_CURRENT] = current_A;
    point->signal[CYC_SIGNAL_POWER] = voltage_V * current_A;
    point->signal[CYC_SIGNAL_TEMPERATURE] = to->climate.cell_degC;
    point->signal[CYC_SIGNAL_AMBIENT] = to->climate.chamber_degC;
    point->signal[CYC_SIGNAL_PRESSURE] =
        1e6 * cyc_n_lmro_pressure_MPa(&cell->of.n_lmro, &to->model.n_lmro, &to->climate);
}

/* At the base state itself: the ohmic drop is all that stands between rest and setpoint. */
static int current_at_once(const struct cyc_cell *cell, const struct cyc_n_lmro_state *state,
                           double *current_A)
{
    const double rest_V = cyc_n_lmro_rest_V(&cell->of.n_lmro, state);
    const double r0_ohm = 1e3 * cell->of.n_lmro.rates.r0 / cell->of.n_lmro.mass_g;
    const double target = cyc_cell_target(cell, 0);
    const double square = rest_V * rest_V + 4 * r0_ohm * target;
    *current_A = 0;
    switch (cell->setpoint.control) {
    case CYC_CONTROL_OPEN:
        break;
    case CYC_CONTROL_CURRENT:
        *current_A = target;
        break;
    case CYC_CONTROL_VOLTAGE:
        *current_A = (target - rest_V) / r0_ohm;
        break;
    case CYC_CONTROL_POWER:
        if (!(square >= 0) || !(rest_V > 0)) {
            return CYC_E_INFEASIBLE;
        }
        *current_A = 2 * target / (rest_V + sqrt(square));
        break;
    case CYC_CONTROL_LOAD:
        *current_A = -rest_V / (r0_ohm + target);
        break;
    }
    return CYC_OK;
}

static int step_at_once(struct cyc_cell *cell, struct cyc_cell_state *to, struct cyc_point *point)
{
    const struct cyc_n_lmro *model = &cell->of.n_lmro;
    struct cyc_n_lmro_state *state = &cyc_cell_base(cell)->model.n_lmro;
    double wanted_A = 0;
    const int status = current_at_once(cell, state, &wanted_A);
    if (status != CYC_OK) {
        return status;
    }
    double current_A = wanted_A;
    if (cell->setpoint.control == CYC_CONTROL_VOLTAGE) {
        current_A = fmax(current_A, cell->setpoint.current_min_A);
        current_A = fmin(current_A, cell->setpoint.current_max_A);
    }
    const bool held = cell->setpoint.control == CYC_CONTROL_VOLTAGE && current_A == wanted_A;
    const double voltage_V =
        held ? cyc_cell_target(cell, 0)
             : cyc_n_lmro_rest_V(model, state) + 1e3 * model->rates.r0 / model->mass_g * current_A;
    *to = *cyc_cell_base(cell);
    state->current = 1e3 * current_A / model->mass_g;
    point->net_Ah = 0;
    point->net_Wh = 0;
    point->regulated = held;
    observe(cell, to, voltage_V, current_A, point);
    return CYC_OK;
}

/* A given current: that at the middle of the step, as a ramp passes the same charge. */
static void step_given(struct cyc_cell *cell, struct cyc_n_lmro_attempt *attempt, int64_t span_ns,
                       double *current)
{
    if (cell->setpoint.control == CYC_CONTROL_CURRENT) {
        *current = 1e3 * cyc_cell_target(cell, span_ns / 2) / cell->of.n_lmro.mass_g;
    } else {
        *current = 0;
    }
    attempt->control = CYC_CONTROL_CURRENT;
    cyc_n_lmro_attempt(attempt, *current);
}

static int step_found(struct cyc_cell *cell, struct cyc_n_lmro_attempt *attempt, int64_t span_ns,
                      double *current, bool *held)
{
    const double mass_g = cell->of.n_lmro.mass_g;
    const double target = cyc_cell_target(cell, span_ns);
    switch (cell->setpoint.control) {
    case CYC_CONTROL_OPEN:
    case CYC_CONTROL_CURRENT:
    case CYC_CONTROL_VOLTAGE:
        attempt->target = target;
        break;
    case CYC_CONTROL_POWER:
        attempt->target = target / mass_g;
        break;
    case CYC_CONTROL_LOAD:
        attempt->target = target * mass_g;
        break;
    }
    double least = -CURRENT_MAX;
    double most = CURRENT_MAX;
    if (cell->setpoint.control == CYC_CONTROL_VOLTAGE) {
        least = fmax(1e3 * cell->setpoint.current_min_A / mass_g, least);
        most = fmin(1e3 * cell->setpoint.current_max_A / mass_g, most);
    }
    const int status =
        cyc_n_lmro_find_current(attempt, attempt->from->current, least, most, current);
    *held = cell->setpoint.control == CYC_CONTROL_VOLTAGE &&
            fabs(attempt->voltage_V - attempt->target) < HELD_V;
    return status;
}

static int step(struct cyc_cell *cell, int64_t span_ns, struct cyc_cell_state *to,
                struct cyc_point *point)
{
    struct cyc_n_lmro *model = &cell->of.n_lmro;
    const struct cyc_cell_state *from = cyc_cell_base(cell);
    if (span_ns == 0) {
        return step_at_once(cell, to, point);
    }
    const double time_s = (double)span_ns * CYC_S_PER_NS;
    struct cyc_n_lmro_attempt attempt = {.model = model,
                                         .from = &from->model.n_lmro,
                                         .to = &to->model.n_lmro,
                                         .time_h = time_s / CYC_S_PER_H,
                                         .control = cell->setpoint.control};
    double current = 0;
    bool held = false;
    if (cell->setpoint.control == CYC_CONTROL_OPEN ||
        cell->setpoint.control == CYC_CONTROL_CURRENT) {
        step_given(cell, &attempt, span_ns, &current);
    } else {
        const int status = step_found(cell, &attempt, span_ns, &current, &held);
        if (status != CYC_OK) {
            return status;
        }
    }
    cyc_climate_step(&cell->climate, &from->climate, time_s, 0, &to->climate);
    to->model.n_lmro.next_step_s =
        fmin(from->model.n_lmro.next_step_s * GROWTH, model->values.step_max);
    double end_A = 1e-3 * current * model->mass_g;
    double voltage_V = held ? cyc_cell_target(cell, span_ns) : attempt.voltage_V;
    const double mean_A = 1e-3 * attempt.mean * model->mass_g;
    point->net_Ah = mean_A * attempt.time_h;
    point->net_Wh = mean_A * attempt.volt_hours;
    if (cell->setpoint.control == CYC_CONTROL_CURRENT && cell->setpoint.slope_per_s != 0) {
        const double ramped_A = cyc_cell_target(cell, span_ns);
        voltage_V += 1e3 * model->rates.r0 / model->mass_g * (ramped_A - end_A);
        end_A = ramped_A;
    }
    point->regulated = held;
    observe(cell, to, voltage_V, end_A, point);
    return CYC_OK;
}

/* ---- How far one step may go ----------------------------------------------------------------- */

static void freeze(struct cyc_cell *cell)
{
    const struct cyc_cell_state *base = cyc_cell_base(cell);
    cell->of.n_lmro.frozen_ns = cell->base_ns;
    cyc_n_lmro_freeze(&cell->of.n_lmro, &base->model.n_lmro, &base->climate);
}

static void applied(struct cyc_cell *cell)
{
    struct cyc_cell_state *base = cyc_cell_base(cell);
    freeze(cell);
    base->model.n_lmro.next_step_s = FIRST_STEP_S;
    if (cell->setpoint.control == CYC_CONTROL_VOLTAGE) {
        double current_A = 0; /* a hold begins its ramp with the current that it draws at once */
        base->model.n_lmro.next_step_s = FIRST_HOLD_STEP_S;
        if (current_at_once(cell, &base->model.n_lmro, &current_A) == CYC_OK) {
            current_A = fmax(current_A, cell->setpoint.current_min_A);
            current_A = fmin(current_A, cell->setpoint.current_max_A);
            base->model.n_lmro.current = 1e3 * current_A / cell->of.n_lmro.mass_g;
        }
    }
}

static int64_t reach_ns(struct cyc_cell *cell, int64_t limit_ns)
{
    (void)limit_ns; /* goes its own steps */
    const struct cyc_n_lmro *model = &cell->of.n_lmro;
    struct cyc_cell_state *base = cyc_cell_base(cell);
    struct cyc_n_lmro_state *state = &base->model.n_lmro;
    if (model->frozen_ns != cell->base_ns) {
        freeze(cell);
    }
    double longest_s = state->next_step_s;
    const double speed = fabs(state->current) / CYC_S_PER_H; /* mAh/g per s */
    if (speed * longest_s > model->values.step_charge) {
        longest_s = model->values.step_charge / speed;
    }
    int64_t span_ns = (int64_t)(longest_s / CYC_S_PER_NS);
    if (base->climate.moving) {
        const int64_t climate_ns = cyc_climate_reach_ns(&cell->climate, &base->climate);
        span_ns = span_ns < climate_ns ? span_ns : climate_ns;
    }
    if (cell->setpoint.control == CYC_CONTROL_CURRENT && cell->setpoint.slope_per_s != 0) {
        const double zero_ns =
            ceil(-cyc_cell_target(cell, 0) / cell->setpoint.slope_per_s / CYC_S_PER_NS);
        span_ns = zero_ns > 0 && zero_ns < (double)span_ns ? (int64_t)zero_ns : span_ns;
    }
    return span_ns > 0 ? span_ns : 1;
}

/* ---- Inner truth ----------------------------------------------------------------------------- */

static double inner(const struct cyc_cell *cell, const char *name)
{
    const struct cyc_n_lmro_state *state = &cyc_cell_present(cell)->model.n_lmro;
    const double balance = state->main + state->slow + state->lost + state->faded;
    const struct {
        const char *name;
        double value;
    } rows[] = {{"activation", state->active},     {"retention", state->factor},
                {"surface_V", state->surface_V},   {"interphase", state->interphase},
                {"hysteresis", state->hysteresis}, {"voltage_decay_V", state->decay_V},
                {"full_cycles", state->cycles},    {"formation", state->formed},
                {"balance_mAh_per_g", balance}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].value;
        }
    }
    return NAN;
}

const struct cyc_cell_model cyc_n_lmro_model = {
    .name = "n_lmro",
    .crossing_ns = 1000,
    .parameters = parameters,
    .spec_defaults = spec_defaults,
    .init = init,
    .applied = applied,
    .reach_ns = reach_ns,
    .step = step,
    .inner = inner,
};
