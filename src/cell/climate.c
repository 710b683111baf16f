/* Chamber, jig, cell and press.
 *
 *     setpoint ──ramp──► chamber ──G_jig──► jig (C_jig) ──G_cell──► cell (C_cell) ◄── heat
 *     press setpoint ──press_tau──► press
 *
 * The chamber's air moves at a constant rate, the slower of its own and the one asked for, until
 * it is at its setpoint; released, it drifts to the room's temperature exponentially. Jig and cell
 * are lumped nodes (heat balance of a battery in a holder, e.g. PyBaMM's equivalent-circuit
 * thermal submodel):
 *
 *     C_cell dT/dt = heat - G_cell (T - Tj)      C_jig dTj/dt = G_cell (T - Tj) - G_jig (Tj - Tch)
 *
 * With heat constant and Tch a straight line both have a closed form: a straight line plus two
 * decaying modes, the exponential of a 2x2 matrix. So a step is exact while the chamber ramps or
 * stands; in a drift the chamber's own value is exact and is taken as straight within a step of
 * 10 s, which costs 1e-4 K. A node without heat capacity follows its neighbour at once; then the
 * cell's heat is left out (isothermal).
 *
 * What has come within 1e-6 K (1 Pa) of where it is going is put there, so that a settled climate
 * costs nothing.
 */
#include "cell/climate.h"

#include <math.h>

#define SETTLED_K  1e-6
#define SETTLED_PA 1.0
#define STEP_NS    (10 * CYC_S_NS)
#define S_PER_NS   1e-9

void cyc_climate_init(struct cyc_climate_control *control, struct cyc_climate *climate,
                      double temperature_degC, double pressure_Pa)
{
    control->target_degC = temperature_degC;
    control->ramp_K_per_s = control->values.chamber_ramp / 60;
    control->released = false;
    control->press_target_Pa = pressure_Pa;
    *climate = (struct cyc_climate){.chamber_degC = temperature_degC,
                                    .jig_degC = temperature_degC,
                                    .cell_degC = temperature_degC,
                                    .press_Pa = pressure_Pa};
}

void cyc_climate_command(struct cyc_climate_control *control, struct cyc_climate *climate,
                         const struct cyc_environment *environment)
{
    if (environment->temperature_off) {
        control->released = true;
        control->target_degC = control->values.room_temperature;
    } else if (isfinite(environment->temperature_degC)) {
        const double own = control->values.chamber_ramp / 60;
        const double asked = environment->ramp_K_per_s;
        control->released = false;
        control->target_degC = environment->temperature_degC;
        control->ramp_K_per_s = isfinite(asked) && asked > 0 ? fmin(asked, own) : own;
    }
    if (environment->pressure_off) {
        control->press_target_Pa = control->values.press_released;
    } else if (isfinite(environment->pressure_Pa)) {
        control->press_target_Pa = environment->pressure_Pa;
    }
    climate->moving = true;
}

/* Seconds until the ramping chamber is at its setpoint. */
static double ramp_left_s(const struct cyc_climate_control *control,
                          const struct cyc_climate *climate)
{
    return fabs(control->target_degC - climate->chamber_degC) / control->ramp_K_per_s;
}

int64_t cyc_climate_reach_ns(const struct cyc_climate_control *control,
                             const struct cyc_climate *climate)
{
    if (!climate->moving) {
        return CYC_NEVER;
    }
    if (!control->released && climate->chamber_degC != control->target_degC) {
        const double left_ns = ceil(ramp_left_s(control, climate) / S_PER_NS);
        return left_ns < (double)STEP_NS ? (int64_t)fmax(left_ns, 1) : STEP_NS;
    }
    return STEP_NS;
}

static double chamber_after(const struct cyc_climate_control *control,
                            const struct cyc_climate *from, double time_s)
{
    const double target_degC = control->target_degC;
    if (control->released) {
        const double left_K =
            (from->chamber_degC - target_degC) * exp(-time_s / control->values.room_tau);
        return fabs(left_K) < SETTLED_K ? target_degC : target_degC + left_K;
    }
    if (ramp_left_s(control, from) <= time_s) {
        return target_degC;
    }
    return from->chamber_degC +
           copysign(control->ramp_K_per_s * time_s, target_degC - from->chamber_degC);
}

/* One node on a straight line start_degC + slope * t. */
static double one_node(double capacity, double conductance, double start_degC, double slope,
                       double heat_W, double node_degC, double time_s)
{
    const double steady = start_degC + (heat_W - capacity * slope) / conductance;
    const double decay = exp(-time_s * conductance / capacity);
    return steady + slope * time_s + (node_degC - steady) * decay;
}

static void two_nodes(const struct cyc_climate_values *values, const struct cyc_climate *from,
                      double slope, double heat_W, double time_s, struct cyc_climate *to)
{
    const double a = values->G_cell / values->C_cell;
    const double c = values->G_cell / values->C_jig;
    const double d = values->G_jig / values->C_jig;
    const double mean = (a + c + d) / 2;
    const double delta = sqrt(mean * mean - a * d); /* > 0: ((a-c-d)^2 + 4ac) / 4 */
    const double slow = exp(-(mean - delta) * time_s);
    const double fast = exp(-(mean + delta) * time_s);
    const double even = (slow + fast) / 2;
    const double odd = (slow - fast) / (2 * delta);

    const double jig_steady =
        from->chamber_degC + (heat_W - (values->C_cell + values->C_jig) * slope) / values->G_jig;
    const double cell_steady = jig_steady + (heat_W - values->C_cell * slope) / values->G_cell;
    const double cell = from->cell_degC - cell_steady;
    const double jig = from->jig_degC - jig_steady;
    to->cell_degC =
        cell_steady + slope * time_s + even * cell + odd * ((mean - a) * cell + a * jig);
    to->jig_degC =
        jig_steady + slope * time_s + even * jig + odd * (c * cell + (mean - c - d) * jig);
}

static void nodes(const struct cyc_climate_control *control, const struct cyc_climate *from,
                  double time_s, double heat_W, struct cyc_climate *to)
{
    const struct cyc_climate_values *values = &control->values;
    const double slope = time_s > 0 ? (to->chamber_degC - from->chamber_degC) / time_s : 0;
    if (values->C_cell > 0 && values->C_jig > 0) {
        two_nodes(values, from, slope, heat_W, time_s, to);
    } else if (values->C_cell > 0) {
        to->jig_degC = to->chamber_degC;
        to->cell_degC = one_node(values->C_cell, values->G_cell, from->chamber_degC, slope, heat_W,
                                 from->cell_degC, time_s);
    } else if (values->C_jig > 0) {
        to->jig_degC = one_node(values->C_jig, values->G_jig, from->chamber_degC, slope, 0,
                                from->jig_degC, time_s);
        to->cell_degC = to->jig_degC;
    } else {
        to->jig_degC = to->chamber_degC;
        to->cell_degC = to->chamber_degC;
    }
}

/* Puts what has settled where it belongs and notes whether all has. */
static void settle(const struct cyc_climate_control *control, double heat_W,
                   struct cyc_climate *climate)
{
    const double target_degC = control->target_degC;
    climate->moving = true;
    if (climate->chamber_degC == target_degC && heat_W == 0 &&
        fabs(climate->jig_degC - target_degC) < SETTLED_K &&
        fabs(climate->cell_degC - target_degC) < SETTLED_K) {
        climate->jig_degC = target_degC;
        climate->cell_degC = target_degC;
        climate->moving = false;
    }
    if (fabs(climate->press_Pa - control->press_target_Pa) < SETTLED_PA) {
        climate->press_Pa = control->press_target_Pa;
    } else {
        climate->moving = true;
    }
}

void cyc_climate_move(const struct cyc_climate_control *control, const struct cyc_climate *from,
                      double time_s, double heat_W, struct cyc_climate *to)
{
    *to = *from;
    to->chamber_degC = chamber_after(control, from, time_s);
    nodes(control, from, time_s, heat_W, to);
    const double tau_s = control->values.press_tau;
    const double left = tau_s > 0 ? exp(-time_s / tau_s) : 0;
    to->press_Pa = control->press_target_Pa + (from->press_Pa - control->press_target_Pa) * left;
    settle(control, heat_W, to);
}

int cyc_climate_check(const struct cyc_climate_values *values, struct cyc_err *err)
{
    if (!(values->chamber_ramp > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "chamber_ramp must be above 0");
    }
    if (!(values->room_tau > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "room_tau must be above 0");
    }
    if (values->C_cell > 0 && !(values->G_cell > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "C_cell needs a G_cell above 0");
    }
    if (values->C_jig > 0 && !(values->G_jig > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "C_jig needs a G_jig above 0");
    }
    return CYC_OK;
}
