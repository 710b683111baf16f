#include "base/quantity.h"
#include "base/text.h"
#include "check/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct unit_row {
    const char *unit;
    enum cyc_kind kind;
    enum cyc_basis basis;
    double factor;
};

#define ABSOLUTE CYC_BASIS_ABSOLUTE
#define MASS     CYC_BASIS_PER_MASS
#define AREA     CYC_BASIS_PER_AREA

/* Every unit of protocols/README.md. */
static const struct unit_row rows[] = {
    {"V", CYC_KIND_VOLTAGE, ABSOLUTE, 1},
    {"mV", CYC_KIND_VOLTAGE, ABSOLUTE, 1e-3},
    {"uV", CYC_KIND_VOLTAGE, ABSOLUTE, 1e-6},
    {"A", CYC_KIND_CURRENT, ABSOLUTE, 1},
    {"mA", CYC_KIND_CURRENT, ABSOLUTE, 1e-3},
    {"uA", CYC_KIND_CURRENT, ABSOLUTE, 1e-6},
    {"nA", CYC_KIND_CURRENT, ABSOLUTE, 1e-9},
    {"C", CYC_KIND_CURRENT, CYC_BASIS_C_RATE, 1},
    {"mA/g", CYC_KIND_CURRENT, MASS, 1e-3},
    {"mA/cm2", CYC_KIND_CURRENT, AREA, 1e-3},
    {"uA/cm2", CYC_KIND_CURRENT, AREA, 1e-6},
    {"mA/s", CYC_KIND_CURRENT_RATE, ABSOLUTE, 1e-3},
    {"A/s", CYC_KIND_CURRENT_RATE, ABSOLUTE, 1},
    {"Ah", CYC_KIND_CAPACITY, ABSOLUTE, 1},
    {"mAh", CYC_KIND_CAPACITY, ABSOLUTE, 1e-3},
    {"uAh", CYC_KIND_CAPACITY, ABSOLUTE, 1e-6},
    {"mAh/g", CYC_KIND_CAPACITY, MASS, 1e-3},
    {"mAh/cm2", CYC_KIND_CAPACITY, AREA, 1e-3},
    {"Wh", CYC_KIND_ENERGY, ABSOLUTE, 1},
    {"mWh", CYC_KIND_ENERGY, ABSOLUTE, 1e-3},
    {"kWh", CYC_KIND_ENERGY, ABSOLUTE, 1e3},
    {"mWh/g", CYC_KIND_ENERGY, MASS, 1e-3},
    {"W", CYC_KIND_POWER, ABSOLUTE, 1},
    {"mW", CYC_KIND_POWER, ABSOLUTE, 1e-3},
    {"kW", CYC_KIND_POWER, ABSOLUTE, 1e3},
    {"W/g", CYC_KIND_POWER, MASS, 1},
    {"mW/cm2", CYC_KIND_POWER, AREA, 1e-3},
    {"ohm", CYC_KIND_RESISTANCE, ABSOLUTE, 1},
    {"mohm", CYC_KIND_RESISTANCE, ABSOLUTE, 1e-3},
    {"kohm", CYC_KIND_RESISTANCE, ABSOLUTE, 1e3},
    {"s", CYC_KIND_TIME, ABSOLUTE, 1},
    {"ms", CYC_KIND_TIME, ABSOLUTE, 1e-3},
    {"min", CYC_KIND_TIME, ABSOLUTE, 60},
    {"h", CYC_KIND_TIME, ABSOLUTE, 3600},
    {"d", CYC_KIND_TIME, ABSOLUTE, 86400},
    {"degC", CYC_KIND_TEMPERATURE, ABSOLUTE, 1},
    {"K", CYC_KIND_TEMPERATURE_DIFFERENCE, ABSOLUTE, 1},
    {"Pa", CYC_KIND_PRESSURE, ABSOLUTE, 1},
    {"kPa", CYC_KIND_PRESSURE, ABSOLUTE, 1e3},
    {"MPa", CYC_KIND_PRESSURE, ABSOLUTE, 1e6},
    {"bar", CYC_KIND_PRESSURE, ABSOLUTE, 1e5},
    {"N", CYC_KIND_FORCE, ABSOLUTE, 1},
    {"kN", CYC_KIND_FORCE, ABSOLUTE, 1e3},
    {"kgf", CYC_KIND_FORCE, ABSOLUTE, 9.80665},
    {"mHz", CYC_KIND_FREQUENCY, ABSOLUTE, 1e-3},
    {"Hz", CYC_KIND_FREQUENCY, ABSOLUTE, 1},
    {"kHz", CYC_KIND_FREQUENCY, ABSOLUTE, 1e3},
    {"MHz", CYC_KIND_FREQUENCY, ABSOLUTE, 1e6},
    {"%", CYC_KIND_FRACTION, ABSOLUTE, 1e-2},
    {"mg", CYC_KIND_MASS, ABSOLUTE, 1e-3},
    {"g", CYC_KIND_MASS, ABSOLUTE, 1},
    {"mm2", CYC_KIND_AREA, ABSOLUTE, 1e-2},
    {"cm2", CYC_KIND_AREA, ABSOLUTE, 1},
    {"V/s", CYC_KIND_VOLTAGE_RATE, ABSOLUTE, 1},
    {"mV/s", CYC_KIND_VOLTAGE_RATE, ABSOLUTE, 1e-3},
    {"mV/min", CYC_KIND_VOLTAGE_RATE, ABSOLUTE, 1e-3 / 60},
    {"mV/h", CYC_KIND_VOLTAGE_RATE, ABSOLUTE, 1e-3 / 3600},
    {"K/s", CYC_KIND_TEMPERATURE_RATE, ABSOLUTE, 1},
    {"K/min", CYC_KIND_TEMPERATURE_RATE, ABSOLUTE, 1.0 / 60},
    {"K/h", CYC_KIND_TEMPERATURE_RATE, ABSOLUTE, 1.0 / 3600},
    {"MPa/h", CYC_KIND_PRESSURE_RATE, ABSOLUTE, 1e6 / 3600},
    {"bar/h", CYC_KIND_PRESSURE_RATE, ABSOLUTE, 1e5 / 3600},
    {"%/h", CYC_KIND_FRACTION_RATE, ABSOLUTE, 1e-2 / 3600},
    {"%/min", CYC_KIND_FRACTION_RATE, ABSOLUTE, 1e-2 / 60},
    /* Other spellings: degree sign, both omegas, both mus. */
    {"\xC2\xB0"
     "C",
     CYC_KIND_TEMPERATURE, ABSOLUTE, 1},
    {"\xCE\xA9", CYC_KIND_RESISTANCE, ABSOLUTE, 1},
    {"\xE2\x84\xA6", CYC_KIND_RESISTANCE, ABSOLUTE, 1},
    {"m\xCE\xA9", CYC_KIND_RESISTANCE, ABSOLUTE, 1e-3},
    {"k\xCE\xA9", CYC_KIND_RESISTANCE, ABSOLUTE, 1e3},
    {"\xC2\xB5"
     "A",
     CYC_KIND_CURRENT, ABSOLUTE, 1e-6},
    {"\xCE\xBC"
     "Ah",
     CYC_KIND_CAPACITY, ABSOLUTE, 1e-6},
    {"\xC2\xB5"
     "V",
     CYC_KIND_VOLTAGE, ABSOLUTE, 1e-6},
    {"\xC2\xB5"
     "A/cm2",
     CYC_KIND_CURRENT, AREA, 1e-6},
};

static void check_parsed(const char *text, const struct unit_row *row, double number)
{
    struct cyc_quantity quantity = {NAN, CYC_KIND_COUNT, ABSOLUTE};
    struct cyc_err err = {0};
    CYC_SAME(cyc_quantity_parse(text, strlen(text), &quantity, &err) == CYC_OK ? "" : err.text, "");
    CU_ASSERT_EQUAL(quantity.kind, row->kind);
    CU_ASSERT_EQUAL(quantity.basis, row->basis);
    CYC_NEAR(quantity.value, number * row->factor, fabs(number * row->factor) * 1e-15);
}

static void every_unit_is_read_with_and_without_a_space(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "25 %s", rows[i].unit);
        check_parsed(text, &rows[i], 25);
        (void)snprintf(text, sizeof text, "-0.5%s", rows[i].unit);
        check_parsed(text, &rows[i], -0.5);
        (void)snprintf(text, sizeof text, "  1e-3 \t%s  ", rows[i].unit);
        check_parsed(text, &rows[i], 1e-3);
    }
}

static void units_that_mean_nothing_here_are_refused(void)
{
    static const char *const units[] = {
        "v",   "a",     "mA/h/g", "C/h",   "s/h", "V/g", "ohm/cm2",  "K/d2",         "degC/min",
        "F",   "degF",  "Ah/s",   "min/s", "m",   "kg",  "%/g",      "mAhg",         "/h",
        "mA/", "W/s",   "MV",     "KPa",   "cm",  "V2",  "\xC2\xB0", "\xC2\xB0\x46", "\xC2\xB5",
        "Cs",  "mA/ms",
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        char text[64];
        struct cyc_quantity quantity;
        (void)snprintf(text, sizeof text, "5 %s", units[i]);
        if (cyc_quantity_parse(text, strlen(text), &quantity, NULL) == CYC_OK) {
            (void)fprintf(stderr, "\n'%s' was read\n", text);
            CU_FAIL("unit read");
        }
    }
}

static void every_unit_named_for_a_kind_is_of_that_kind(void)
{
    for (int kind = 0; kind < CYC_KIND_COUNT; kind++) {
        const char *at = cyc_kind_units((enum cyc_kind)kind);
        CU_ASSERT(strlen(cyc_kind_name((enum cyc_kind)kind)) > 0);
        while (*at != '\0') {
            char text[32] = "1 ";
            const size_t length = strcspn(at, ",");
            CU_ASSERT_FATAL(length < sizeof text - 3);
            memcpy(text + 2, at, length);
            struct cyc_quantity quantity;
            struct cyc_err err = {0};
            CU_ASSERT_EQUAL(
                cyc_quantity_parse_as(text, length + 2, (enum cyc_kind)kind, &quantity, &err),
                CYC_OK);
            at += length + (at[length] == ',' ? 2 : 0);
        }
    }
    CYC_SAME(cyc_kind_name(CYC_KIND_CAPACITY), "charge");
    CYC_SAME(cyc_kind_unit(CYC_KIND_TEMPERATURE), "degC");
    CYC_SAME(cyc_kind_units(CYC_KIND_VOLTAGE), "V, mV, uV");
    CYC_SAME(cyc_kind_name(CYC_KIND_COUNT), "unknown kind");
}

static void values_are_shown_in_a_fitting_unit(void)
{
    static const struct {
        double value;
        enum cyc_kind kind;
        const char *text;
    } shown[] = {
        {90.26e-6, CYC_KIND_CURRENT, "90.26 uA"},
        {1.8e-3, CYC_KIND_CURRENT, "1.8 mA"},
        {-2.5, CYC_KIND_CURRENT, "-2.5 A"},
        {3e-9, CYC_KIND_CURRENT, "3 nA"},
        {4.1, CYC_KIND_VOLTAGE, "4.1 V"},
        {0.62, CYC_KIND_VOLTAGE, "0.62 V"},
        {0.005, CYC_KIND_VOLTAGE, "5 mV"},
        {2e-6, CYC_KIND_VOLTAGE, "2 uV"},
        {0.0, CYC_KIND_VOLTAGE, "0 V"},
        {5400, CYC_KIND_TIME, "1.5 h"},
        {90, CYC_KIND_TIME, "1.5 min"},
        {100, CYC_KIND_TIME, "100 s"},
        {360000, CYC_KIND_TIME, "100 h"},
        {86400, CYC_KIND_TIME, "1 d"},
        {0.1, CYC_KIND_TIME, "100 ms"},
        {0, CYC_KIND_TIME, "0 s"},
        {3700, CYC_KIND_TIME, "3700 s"},
        {1.65e-3, CYC_KIND_CAPACITY, "1.65 mAh"},
        {30, CYC_KIND_TEMPERATURE, "30 degC"},
        {0.5, CYC_KIND_TEMPERATURE_DIFFERENCE, "0.5 K"},
        {50e6, CYC_KIND_PRESSURE, "50 MPa"},
        {0.8, CYC_KIND_FRACTION, "80 %"},
        {0.0, CYC_KIND_FRACTION, "0 %"},
        {9.03e-3, CYC_KIND_MASS, "9.03 mg"},
        {0.785, CYC_KIND_AREA, "0.785 cm2"},
        {1e-3 / 3600, CYC_KIND_VOLTAGE_RATE, "1 mV/h"},
        {1e-4, CYC_KIND_VOLTAGE_RATE, "0.1 mV/s"},
        {1.0 / 60, CYC_KIND_TEMPERATURE_RATE, "1 K/min"},
        {1300, CYC_KIND_NUMBER, "1300"},
        {NAN, CYC_KIND_VOLTAGE, "-"},
        {NAN, CYC_KIND_TIME, "-"},
        {INFINITY, CYC_KIND_CURRENT, "inf A"},
    };
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        char buffer[48];
        CYC_SAME(cyc_quantity_text(buffer, sizeof buffer, shown[i].value, shown[i].kind),
                 shown[i].text);
    }
    char small[4];
    CYC_SAME(cyc_quantity_text(small, sizeof small, 90.26e-6, CYC_KIND_CURRENT), "90.");
    CYC_SAME(cyc_quantity_text(small, 0, 1.0, CYC_KIND_CURRENT), "");
}

static void a_value_shown_reads_back(void)
{
    for (int kind = CYC_KIND_FRACTION; kind < CYC_KIND_BOOLEAN; kind++) {
        for (int exponent = -12; exponent <= 12; exponent++) {
            const double value = 1.25 * pow(10, exponent);
            char buffer[64];
            struct cyc_quantity quantity = {NAN, CYC_KIND_COUNT, ABSOLUTE};
            (void)cyc_quantity_text(buffer, sizeof buffer, value, (enum cyc_kind)kind);
            CU_ASSERT_EQUAL(cyc_quantity_parse(buffer, strlen(buffer), &quantity, NULL), CYC_OK);
            CU_ASSERT_EQUAL((int)quantity.kind, kind);
            CYC_NEAR(quantity.value, value, value * 1e-5);
        }
    }
}

const struct cyc_check check_unit[] = {
    CYC_CHECK(every_unit_is_read_with_and_without_a_space),
    CYC_CHECK(units_that_mean_nothing_here_are_refused),
    CYC_CHECK(every_unit_named_for_a_kind_is_of_that_kind),
    CYC_CHECK(values_are_shown_in_a_fitting_unit),
    CYC_CHECK(a_value_shown_reads_back),
    {0},
};
