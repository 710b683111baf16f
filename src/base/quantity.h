/* Quantities with units, as protocols write them: "4.6 V", "C/20", "180 mAh/g", "30 degC".
 *
 * `number [space] unit`; the units are those of protocols/README.md. Values are in SI with the
 * field's own exceptions: V, A, s, Ah, Wh, W, ohm, degC, K, Pa, N, Hz, g, cm2, fraction (1).
 */
#ifndef CYC_BASE_QUANTITY_H
#define CYC_BASE_QUANTITY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum cyc_kind {
    CYC_KIND_NUMBER,   /* bare: counts and factors */
    CYC_KIND_FRACTION, /* % */
    CYC_KIND_VOLTAGE,
    CYC_KIND_CURRENT,
    CYC_KIND_CAPACITY, /* Ah */
    CYC_KIND_ENERGY,   /* Wh */
    CYC_KIND_POWER,
    CYC_KIND_RESISTANCE,
    CYC_KIND_TIME,
    CYC_KIND_TEMPERATURE,            /* degC */
    CYC_KIND_TEMPERATURE_DIFFERENCE, /* K */
    CYC_KIND_PRESSURE,
    CYC_KIND_FORCE,
    CYC_KIND_FREQUENCY,
    CYC_KIND_MASS,             /* g */
    CYC_KIND_AREA,             /* cm2 */
    CYC_KIND_VOLTAGE_RATE,     /* V/s */
    CYC_KIND_CURRENT_RATE,     /* A/s */
    CYC_KIND_TEMPERATURE_RATE, /* K/s */
    CYC_KIND_PRESSURE_RATE,    /* Pa/s */
    CYC_KIND_FRACTION_RATE,    /* 1/s */
    CYC_KIND_BOOLEAN,          /* of a condition; no literal */
    CYC_KIND_TEXT,             /* no unit */
    CYC_KIND_COUNT
};

/* What a current, capacity, energy or power is written against; converted through the cell. */
enum cyc_basis { CYC_BASIS_ABSOLUTE, CYC_BASIS_C_RATE, CYC_BASIS_PER_MASS, CYC_BASIS_PER_AREA };

struct cyc_quantity {
    double value; /* SI of its kind; C-rate: 1/h; per mass: …/g; per area: …/cm2 */
    enum cyc_kind kind;
    enum cyc_basis basis;
};

/* What a cell brings to a conversion; NaN where it is not known. */
struct cyc_cell_basis {
    double active_mass_g;
    double area_cm2;
    struct cyc_quantity one_c;            /* current: mA/g, mA/cm2 or mA; value NaN: not stated */
    struct cyc_quantity nominal_capacity; /* capacity: mAh/g, mAh/cm2 or mAh; NaN: not stated */
};

/* An empty basis: everything unknown. */
struct cyc_cell_basis cyc_cell_basis_none(void);
/* The current that 1C means, A: one_c, else nominal_capacity / 1 h (then *guessed is true; may be
 * NULL). CYC_E_INPUT names what the cell lacks. */
int cyc_one_c_A(const struct cyc_cell_basis *cell, double *one_c_A, bool *guessed,
                struct cyc_err *err);
/* Nominal capacity in Ah; for derived bounds the caller falls back on 2 × one_c × 1 h. */
int cyc_nominal_capacity_Ah(const struct cyc_cell_basis *cell, double *capacity_Ah,
                            struct cyc_err *err);

/* Reads one quantity from a whole string (surrounding blanks allowed). The err says what is wrong
 * and what would be right: unknown unit with the nearest one, "60 C" where a temperature is due,
 * `1:30:00`, `1,5`, `1 h 30 min`, a missing unit. Its text is "<what is wrong>; write <what would
 * be right>", with "; write " exactly once, so that a caller may show the two apart. */
int cyc_quantity_parse(const char *string, size_t size, struct cyc_quantity *quantity,
                       struct cyc_err *err);
/* As above where the kind is known: a bare number is read where CYC_KIND_NUMBER is due, and a
 * quantity of another kind is refused with what to write instead ("60 C": write 60 degC). */
int cyc_quantity_parse_as(const char *string, size_t size, enum cyc_kind due,
                          struct cyc_quantity *quantity, struct cyc_err *err);
/* CYC_OK when the quantity that was read from the string is of the kind that is due, else
 * CYC_E_KIND with the same words. */
int cyc_quantity_expect(const char *string, size_t size, const struct cyc_quantity *found,
                        enum cyc_kind due, struct cyc_err *err);
/* Reads the longest quantity at the start of the string (for expressions); *used gets the
 * bytes read. A number without unit gives CYC_KIND_NUMBER. */
int cyc_quantity_scan(const char *string, size_t size, struct cyc_quantity *quantity, size_t *used,
                      struct cyc_err *err);
/* Through the cell to the absolute value (A, Ah, Wh, W); other kinds unchanged. CYC_E_INPUT names
 * what the cell lacks ("0.5 C needs cell.one_c or cell.nominal_capacity"). */
int cyc_quantity_resolve(const struct cyc_quantity *quantity, const struct cyc_cell_basis *cell,
                         double *value, struct cyc_err *err);
/* The factor of a unit, so that value_SI = number × factor (degC and K: 1): for x:to("mAh/g").
 * CYC_E_KIND when the unit is not of this kind. */
int cyc_unit_factor(const char *unit, enum cyc_kind kind, const struct cyc_cell_basis *cell,
                    double *factor, struct cyc_err *err);

const char *cyc_kind_name(enum cyc_kind kind);  /* "voltage", "charge", "temperature" */
const char *cyc_kind_units(enum cyc_kind kind); /* "V, mV, uV": for messages and the manual */
const char *cyc_kind_unit(enum cyc_kind kind);  /* SI unit as printed: "V", "Ah", "degC", "" */

/* A value for people, in a fitting unit with six digits: "90.26 uA", "1.5 h", "4.1 V". */
const char *cyc_quantity_text(char *buffer, size_t size, double value, enum cyc_kind kind);

#endif
