#include "keithley_2400/model.h"

#include <math.h>
#include <string.h>

#define FULL_SCALE 1.05

/* User's Manual 18-78 and specifications; the first row stands for a model not asked yet. */
#define UP_TO_1_A  1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1
#define UP_TO(top) 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, top
static const struct cyc_k2400_model models[] = {
    {"2400", {UP_TO_1_A}, {0.2, 2, 20, 200}, 21},  {"2401", {UP_TO_1_A}, {0.2, 2, 20}, 21},
    {"2410", {UP_TO_1_A}, {0.2, 2, 20, 1000}, 21}, {"2420", {UP_TO(3)}, {0.2, 2, 20, 60}, 21},
    {"2425", {UP_TO(3)}, {0.2, 2, 20, 100}, 21},   {"2430", {UP_TO(3)}, {0.2, 2, 20, 100}, 21},
    {"2440", {UP_TO(5)}, {0.2, 2, 10, 40}, 10.5},
};

double cyc_k2400_range(const double *ranges, double value)
{
    double range = ranges[0];
    for (int i = 0; i < CYC_K2400_RANGES_MAX && ranges[i] > 0; i++) {
        range = ranges[i];
        if (fabs(value) <= range) {
            break;
        }
    }
    return range;
}

double cyc_k2400_current_most_A(const struct cyc_k2400_model *model)
{
    return FULL_SCALE * cyc_k2400_range(model->current_ranges_A, INFINITY);
}

double cyc_k2400_voltage_most_V(const struct cyc_k2400_model *model)
{
    return FULL_SCALE * cyc_k2400_range(model->voltage_ranges_V, INFINITY);
}

const struct cyc_k2400_model *cyc_k2400_find_model(const char *number)
{
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (strncmp(number, models[i].number, number[0] == '\0' ? 0 : 4) == 0) {
            return &models[i];
        }
    }
    return NULL;
}

void cyc_k2400_capabilities(const struct cyc_k2400_model *model,
                            struct cyc_capabilities *capabilities)
{
    *capabilities = (struct cyc_capabilities){
        .roles = CYC_ROLE_CYCLER,
        .controls = 1u << CYC_CONTROL_OPEN | 1u << CYC_CONTROL_CURRENT | 1u << CYC_CONTROL_VOLTAGE,
        .measurands = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT,
        .traits = CYC_TRAIT_FOUR_WIRE,
        .watchdog = CYC_WATCHDOG_NONE,
        .output_count = 1,
        .voltage_min_V = -cyc_k2400_voltage_most_V(model),
        .voltage_max_V = cyc_k2400_voltage_most_V(model),
        .current_min_A = -cyc_k2400_current_most_A(model),
        .current_max_A = cyc_k2400_current_most_A(model),
        .power_max_W = model->full_power_V * cyc_k2400_current_most_A(model),
        .temperature_min_degC = NAN,
        .temperature_max_degC = NAN,
        .pressure_min_Pa = NAN,
        .pressure_max_Pa = NAN,
        .safe_ns = 400 * CYC_MS_NS,
    };
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        capabilities->resolution[i] = capabilities->accuracy[i] = NAN;
    }
    /* As transmitted: seven digits of the range. */
    capabilities->resolution[CYC_MEASURAND_VOLTAGE] = 1e-5;
    capabilities->resolution[CYC_MEASURAND_CURRENT] = model->current_ranges_A[0] * 1e-5;
    for (unsigned i = 0; i < CYC_K2400_RANGES_MAX; i++) {
        capabilities->current_ranges_A[i] = model->current_ranges_A[i];
    }
    capabilities->current_range_count = CYC_K2400_RANGES_MAX;
}
