/* The models of the series: what they source and measure. */
#ifndef CYC_KEITHLEY_2400_MODEL_H
#define CYC_KEITHLEY_2400_MODEL_H

#include "device/driver.h"

#define CYC_K2400_RANGES_MAX 7

struct cyc_k2400_model {
    const char *number;
    double
        current_ranges_A[CYC_K2400_RANGES_MAX]; /* names of the ranges; full scale is 5 % above */
    double voltage_ranges_V[CYC_K2400_RANGES_MAX];
    double full_power_V; /* up to here at the highest current */
};

/* By its number, "2420"; "": the one to assume before it was asked. NULL: no such model. */
const struct cyc_k2400_model *cyc_k2400_find_model(const char *number);
/* The smallest range of a list that holds a value, else the highest. */
double cyc_k2400_range(const double *ranges, double value);
double cyc_k2400_current_most_A(const struct cyc_k2400_model *model);
double cyc_k2400_voltage_most_V(const struct cyc_k2400_model *model);
void cyc_k2400_capabilities(const struct cyc_k2400_model *model,
                            struct cyc_capabilities *capabilities);

#endif
