/* Parameters of the linear cell: checked, sorted, the OCV table with its slopes and areas. */
#include "cell/linear_int.h"

#include <math.h>

const struct cyc_cell_parameter cyc_linear_parameters[] = {
#define ROW(name, unit, value, help) {#name, unit, value, help},
    CYC_LINEAR_PARAMETERS(ROW)
#undef ROW
        {NULL, NULL, 0, NULL}};

void cyc_linear_spec_defaults(struct cyc_cell_spec *spec)
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
    if (spec->ocv_count < 2 || spec->ocv_count > CYC_OCV_MAX) {
        return cyc_err_set(err, CYC_E_INPUT, "the OCV needs 2 to %d points, not %u", CYC_OCV_MAX,
                           spec->ocv_count);
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
    if (spec->rc_count > CYC_RC_MAX) {
        return cyc_err_set(err, CYC_E_INPUT, "at most %d RC pairs, not %u", CYC_RC_MAX,
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

int cyc_linear_take_spec(struct cyc_linear *linear, const struct cyc_cell_spec *spec,
                         struct cyc_err *err)
{
    const int status = cyc_cell_spec_values(spec, cyc_linear_parameters, &linear->values.R0, err);
    if (status != CYC_OK) {
        return status;
    }
    if (!(linear->values.R0 > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "R0 must be above 0 ohm");
    }
    if (!(linear->values.gamma >= 0) || fabs(linear->values.h_start) > 1) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "gamma must be at least 0 and h_start between -1 and 1");
    }
    if (!(spec->capacity_Ah > 0) || !isfinite(spec->capacity_Ah)) {
        return cyc_err_set(err, CYC_E_INPUT, "the cell needs a capacity above 0");
    }
    uint64_t seed = spec->seed;
    linear->capacity_C = spec->capacity_Ah * CYC_S_PER_H * cyc_cell_scatter(&seed);
    const double resistance = cyc_cell_scatter(&seed);
    linear->values.R0 *= resistance;
    const int ocv_status = take_ocv(linear, spec, err);
    return ocv_status != CYC_OK ? ocv_status : take_rc(linear, spec, resistance, err);
}
