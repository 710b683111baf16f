/* Types of the linear reference cell; the essay is in linear.c. */
#ifndef CYC_CELL_LINEAR_H
#define CYC_CELL_LINEAR_H

#include "cell/cell.h"
#include "cell/climate.h"

#include <stdbool.h>
#include <stdint.h>

#define CYC_LINEAR_PARAMETERS(X)                                                                   \
    X(R0, "ohm", 0.02, "series resistance")                                                        \
    X(Ea, "kJ/mol", 0, "activation energy of all resistances, from 25 degC")                       \
    X(dU_dT, "V/K", 0, "entropy coefficient, for the cell's heat")                                 \
    X(M, "V", 0, "hysteresis: largest distance of the voltage from the OCV")                       \
    X(gamma, "1", 0, "hysteresis: rate per capacity passed")                                       \
    X(h_start, "1", 0, "hysteresis at the start, -1 (discharged) to 1 (charged)")                  \
    CYC_CLIMATE_PARAMETERS(X)

struct cyc_linear_values {
#define CYC_LINEAR_FIELD(name, unit, value, help) double name;
    CYC_LINEAR_PARAMETERS(CYC_LINEAR_FIELD)
#undef CYC_LINEAR_FIELD
};

struct cyc_linear_state {
    double soc;
    double ocv_V;
    double hysteresis; /* h: -1 … 1 */
    double rc_V[CYC_RC_MAX];
    uint32_t segment; /* of the OCV table, last used */
};

/* What a stretch of time runs under. */
enum cyc_linear_drive {
    CYC_LINEAR_GIVEN, /* I = drive_value + drive_slope t */
    CYC_LINEAR_BOUND, /* I = (drive_value + drive_slope t - rest voltage) / rho */
    CYC_LINEAR_IMPLICIT
};

/* Modes of the cell while its current follows from its own state (linear_bound.c). */
struct cyc_linear_modes {
    uint32_t segment; /* what they were worked out for */
    double rho_ohm;
    double factor;
    unsigned count;
    unsigned first;                             /* 1 where the OCV is flat: its mode is left out */
    double rate[CYC_RC_MAX + 1];                /* 1/s */
    double gap[CYC_RC_MAX + 1][CYC_RC_MAX + 1]; /* [state][mode] own rate - mode's */
    double norm[CYC_RC_MAX + 1];
    /* From the base state: */
    double amplitude_A[CYC_RC_MAX + 1];
    double steady_A, steady_A_per_s;
};

struct cyc_linear {
    struct cyc_linear_values values;
    double capacity_C;
    unsigned rc_count;
    double rc_ohm[CYC_RC_MAX]; /* at 25 degC; time constants fall, no two are the same */
    double rc_tau_s[CYC_RC_MAX];
    unsigned ocv_count;
    double soc[CYC_OCV_MAX], ocv_V[CYC_OCV_MAX];
    double slope_V[CYC_OCV_MAX]; /* per unit of SOC, of the segment that begins here */
    double area_V[CYC_OCV_MAX];  /* integral of the OCV over SOC from the first point */
    double initial_soc;

    /* At the base state: */
    double factor; /* of all resistances, by temperature */
    double factor_degC;
    double r0_ohm;
    double r_ohm[CYC_RC_MAX];
    enum cyc_linear_drive drive;
    double drive_value, drive_slope; /* A, V or W; per s */
    double load_ohm;                 /* outside the terminals */
    double rho_ohm;                  /* R0 and the load */
    bool power;                      /* drive_value is a power */
    bool lasting;                    /* a constant current: nothing to look at before a step */
    /* Exponentials of the last span asked for. */
    int64_t span_ns;
    double decay[CYC_RC_MAX];
    int64_t bound_ns; /* the same for the modes */
    double bound_decay[CYC_RC_MAX + 1];
    struct cyc_linear_modes modes;
};

#endif
