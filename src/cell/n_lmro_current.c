/* The current of a step under voltage, power or load: a root of one unknown.
 *
 * The voltage after a step rises with its current, so under voltage and load there is one root, and
 * under power one on the branch that begins at rest. Newton with an estimated slope, then secants,
 * reach further and further until the root is in a bracket, and then stay in it.
 */
#include "cell/n_lmro_int.h"

#include <math.h>

#define TURNS_MAX 200
#define CLOSE_V   1e-13

void cyc_n_lmro_attempt(struct cyc_n_lmro_attempt *attempt, double current)
{
    const bool ramp = attempt->control == CYC_CONTROL_VOLTAGE;
    attempt->mean = ramp ? (attempt->from->current + current) / 2 : current;
    cyc_n_lmro_step(attempt->model, attempt->from, attempt->mean, attempt->time_h, attempt->to,
                    &attempt->volt_hours);
    attempt->to->current = current;
    attempt->voltage_V =
        cyc_n_lmro_rest_V(attempt->model, attempt->to) + current * attempt->model->rates.r0;
}

/* What the relation misses by after a step with this current; rises with the current. */
static double miss(struct cyc_n_lmro_attempt *attempt, double current)
{
    cyc_n_lmro_attempt(attempt, current);
    const double voltage_V = attempt->voltage_V;
    if (attempt->control == CYC_CONTROL_VOLTAGE) {
        return voltage_V - attempt->target;
    }
    if (attempt->control == CYC_CONTROL_LOAD) {
        return voltage_V + 1e-3 * current * attempt->target;
    }
    return (1e-3 * voltage_V * current - attempt->target) /
           fmax(fabs(voltage_V), 0.1); /* power, as a voltage-like number */
}

/* How `miss` rises with current: an estimate. */
static double rise(const struct cyc_n_lmro_attempt *attempt, double current, double stiffness)
{
    switch (attempt->control) {
    case CYC_CONTROL_OPEN:
    case CYC_CONTROL_CURRENT:
    case CYC_CONTROL_VOLTAGE:
        break;
    case CYC_CONTROL_LOAD:
        return stiffness + 1e-3 * attempt->target;
    case CYC_CONTROL_POWER:
        return 1e-3 * (attempt->voltage_V + current * stiffness) /
               fmax(fabs(attempt->voltage_V), 0.1);
    }
    return stiffness;
}

struct bracket {
    double low, high;   /* currents that give too little and too much; infinite: not known yet */
    double least, most; /* compliance */
};

static bool is_closed(const struct bracket *bracket)
{
    return isfinite(bracket->low) && isfinite(bracket->high);
}

/* To rounding. */
static bool is_shut(const struct bracket *bracket)
{
    const double size = fmax(fabs(bracket->low), fabs(bracket->high));
    return is_closed(bracket) && bracket->high - bracket->low <= 1e-15 * size;
}

/* The next current to try after `at` missed by `value`: by the slope, kept in the bracket, halving
 * it every third turn; further and further while there is none. NaN: there is no way up. */
static double next_current(const struct bracket *bracket, double at, double value, double slope,
                           unsigned turn)
{
    const double middle = (bracket->low + bracket->high) / 2;
    double next = at - value / slope;
    if (is_closed(bracket)) {
        const bool usable = slope > 0 && next > bracket->low && next < bracket->high;
        return usable && turn % 3 != 2 ? next : middle;
    }
    if (!(slope > 0)) {
        return NAN;
    }
    next = at - value / slope * (double)(1u << (turn / 4 < 30 ? turn / 4 : 30));
    return fmin(fmax(next, bracket->least), bracket->most);
}

int cyc_n_lmro_find_current(struct cyc_n_lmro_attempt *attempt, double guess, double least,
                            double most, double *current)
{
    struct bracket bracket = {-INFINITY, INFINITY, least, most};
    const double stiffness = cyc_n_lmro_stiffness(attempt->model, attempt->from, attempt->time_h);
    double at = fmin(fmax(guess, bracket.least), bracket.most);
    double was_at = NAN;
    double was_value = NAN;
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        const double value = miss(attempt, at);
        *current = at;
        if (value < 0) {
            bracket.low = at;
        } else {
            bracket.high = at;
        }
        if (fabs(value) < CLOSE_V || is_shut(&bracket)) {
            return CYC_OK;
        }
        if ((value < 0 && at >= bracket.most) || (value > 0 && at <= bracket.least)) {
            return attempt->control == CYC_CONTROL_POWER ? CYC_E_INFEASIBLE : CYC_OK;
        }
        double slope = (value - was_value) / (at - was_at);
        if (!(slope > 0)) {
            slope = rise(attempt, at, stiffness);
        }
        was_at = at;
        was_value = value;
        at = next_current(&bracket, at, value, slope, turn);
        if (isnan(at)) {
            return CYC_E_INFEASIBLE;
        }
    }
    return is_closed(&bracket) ? CYC_OK : CYC_E_INFEASIBLE;
}
