#include "base/quantity.h"
#include "check/check.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void check_rate(const char *text, double expected)
{
    struct cyc_quantity quantity = {NAN, CYC_KIND_COUNT, CYC_BASIS_ABSOLUTE};
    CU_ASSERT_EQUAL(cyc_quantity_parse(text, strlen(text), &quantity, NULL), CYC_OK);
    CU_ASSERT_EQUAL(quantity.kind, CYC_KIND_CURRENT);
    CU_ASSERT_EQUAL(quantity.basis, CYC_BASIS_C_RATE);
    CYC_NEAR(quantity.value, expected, 1e-15);
}

static void c_rates_have_three_forms(void)
{
    check_rate("0.5 C", 0.5);
    check_rate("0.5C", 0.5);
    check_rate("2C", 2.0);
    check_rate("C/20", 0.05);
    check_rate("C/2.5", 0.4);
    check_rate(" C/3 ", 1.0 / 3.0);
}

static void check_refused(const char *text, const char *message)
{
    struct cyc_quantity quantity = {47.11, CYC_KIND_COUNT, CYC_BASIS_ABSOLUTE};
    struct cyc_err err = {0};
    CU_ASSERT_NOT_EQUAL(cyc_quantity_parse(text, strlen(text), &quantity, &err), CYC_OK);
    CYC_SAME(err.text, message);
    CU_ASSERT_EQUAL(quantity.value, 47.11); /* untouched */
}

static void a_bare_number_is_refused(void)
{
    check_refused("5", "'5' has no unit; write it with one, such as 5 V");
    check_refused(" -0.5 ", "'-0.5' has no unit; write it with one, such as -0.5 V");
}

static void times_in_other_notations_are_answered_in_hours(void)
{
    check_refused("1:30:00", "'1:30:00' is a clock time; write 1.5 h");
    check_refused("0:05:30", "'0:05:30' is a clock time; write 0.0916667 h");
    check_refused("1:30", "'1:30' is a clock time; write 1.5 h or 1.5 min");
    check_refused("1 h 30 min", "'1 h 30 min' is two times; write 1.5 h");
    check_refused("1h30", "'1h30' is two times; write 1.5 h");
    check_refused("1h30min", "'1h30min' is two times; write 1.5 h");
    check_refused("2 min 30 s", "'2 min 30 s' is two times; write 2.5 min");
    check_refused("1 d 12 h", "'1 d 12 h' is two times; write 36 h");
}

static void decimal_commas_are_answered_with_a_point(void)
{
    check_refused("1,5 V", "'1,5 V' has a decimal comma; write 1.5 V");
    check_refused("1,5", "'1,5' has a decimal comma; write 1.5");
    check_refused("1,000 mAh", "'1,000 mAh' has a comma; write 1.000 mAh or 1000 mAh");
}

static void numbers_in_other_notations_are_refused(void)
{
    check_refused("010 V", "'010 V' begins with a zero; write 10 V");
    check_refused("-007 V", "'-007 V' begins with a zero; write -7 V");
    check_refused("00 V", "'00 V' begins with a zero; write 0 V");
    check_refused("0x10 V", "'0x10 V' is not a decimal number; write it in decimal");
    check_refused("0o17 V", "'0o17 V' is not a decimal number; write it in decimal");
    check_refused("+5 V", "'+5 V' has a plus sign; write 5 V");
    check_refused(".5 V", "'.5 V' has no digit before the point; write 0.5 V");
    check_refused("-.5 V", "'-.5 V' has no digit before the point; write -0.5 V");
    check_refused("5. V", "'5. V' has no digit after the point; write 5.0 V");
    check_refused("1 000 V", "'1 000 V' is two numbers; write digits without gaps");
    check_refused("1_000 V", "'1_000 V' is two numbers; write digits without gaps");
    check_refused("1e400 V", "'1e400 V' is too large for a number");
    check_refused("\xE2\x88\x92"
                  "5 V",
                  "'\xE2\x88\x92"
                  "5 V' begins with a typographic minus sign; write a plain '-'");
}

static void what_is_no_number_is_refused(void)
{
    check_refused("nan V", "'nan V' is not a number; write a finite number and its unit");
    check_refused("-inf A", "'-inf A' is not a number; write a finite number and its unit");
    check_refused(".inf", "'.inf' is not a number; write a finite number and its unit");
    check_refused("NaN", "'NaN' is not a number; write a finite number and its unit");
    check_refused("", "a quantity is missing; write a number and its unit, such as 4.2 V");
    check_refused("  ", "a quantity is missing; write a number and its unit, such as 4.2 V");
    check_refused("fast", "'fast' is not a quantity; write a number and its unit, such as 4.2 V");
    check_refused("> 4.2 V",
                  "'> 4.2 V' is not a quantity; write a number and its unit, such as 4.2 V");
    check_refused("C", "'C' is not a quantity; write a number and its unit, such as 4.2 V");
    check_refused("C/0", "C is divided by zero; write C/20, for example");
    check_refused("C/-2", "C is divided by a negative number; write C/20, for example");
    check_refused("C/", "'C/' is not a quantity; write a number and its unit, such as 4.2 V");
}

static void an_unknown_unit_is_answered_with_the_nearest(void)
{
    check_refused("5 volts", "unknown unit 'volts'; write V");
    check_refused("30 sec", "unknown unit 'sec'; write s");
    check_refused("2 hours", "unknown unit 'hours'; write h");
    check_refused("180 mah/g", "unknown unit 'mah/g'; write mAh/g");
    check_refused("5 Mpa", "unknown unit 'Mpa'; write MPa");
    check_refused("1 mAh/gg", "unknown unit 'mAh/gg'; write mAh/g");
    check_refused("60 celsius", "unknown unit 'celsius'; write degC");
    check_refused("60 degc", "unknown unit 'degc'; write degC");
    check_refused("5 parsec", "unknown unit 'parsec'; write one of those in protocols/README.md");
    check_refused(
        "4.6 V vs Li/Li+",
        "'4.6 V vs Li/Li+' goes on with 'vs Li/Li+' after the quantity; write one number and "
        "one unit");
    check_refused("2 C/3",
                  "'2 C/3' goes on with '/3' after the quantity; write one number and one unit");
}

static void a_long_text_is_quoted_in_part(void)
{
    check_refused(
        "5 abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
        "unknown unit 'abcdefghijklmnopqrstuvwxyzabcdefghijklmn...'; write one of those in "
        "protocols/README.md");
    check_refused(
        "a\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9"
        "\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9",
        "'a\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9"
        "\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9\xCE\xA9...' is not "
        "a quantity; write a number and its unit, such as 4.2 V");
}

static void check_kind(const char *text, enum cyc_kind due, const char *message)
{
    struct cyc_quantity quantity = {47.11, CYC_KIND_COUNT, CYC_BASIS_ABSOLUTE};
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_quantity_parse_as(text, strlen(text), due, &quantity, &err), CYC_E_KIND);
    CYC_SAME(err.text, message);
    CU_ASSERT_EQUAL(quantity.value, 47.11);
}

static void the_wrong_kind_is_answered_with_the_right_one(void)
{
    check_kind("60 C", CYC_KIND_TEMPERATURE,
               "'60 C' is a C-rate, not a temperature; write 60 degC");
    check_kind("60C", CYC_KIND_TEMPERATURE, "'60C' is a C-rate, not a temperature; write 60 degC");
    check_kind("60", CYC_KIND_TEMPERATURE,
               "'60' has no unit where a temperature is due; write 60 degC");
    check_kind("303.15 K", CYC_KIND_TEMPERATURE,
               "'303.15 K' is a temperature difference, not a temperature; write 30 degC");
    check_kind("5 K", CYC_KIND_TEMPERATURE,
               "'5 K' is a temperature difference, not a temperature; write 5 degC");
    check_kind("0.5 degC", CYC_KIND_TEMPERATURE_DIFFERENCE,
               "'0.5 degC' is a temperature, not a temperature difference; write 0.5 K");
    check_kind("5 V", CYC_KIND_CURRENT,
               "'5 V' is a voltage, not a current; write it in A, mA, uA, nA, C, mA/g, mA/cm2");
    check_kind("5", CYC_KIND_TIME,
               "'5' has no unit where a time is due; write it in s, ms, min, h, d");
    check_kind("0.8", CYC_KIND_FRACTION, "'0.8' has no unit where a fraction is due; write 80 %");
    check_kind("3 h", CYC_KIND_NUMBER, "'3 h' is a time, not a number; write 3");
    check_kind("C/20", CYC_KIND_NUMBER, "'C/20' is a C-rate, not a number; write a number");
    check_kind("2 Ah", CYC_KIND_ENERGY,
               "'2 Ah' is a charge, not an energy; write it in Wh, mWh, kWh, mWh/g");
    check_kind("1 Wh", CYC_KIND_CAPACITY,
               "'1 Wh' is an energy, not a charge; write it in Ah, mAh, uAh, mAh/g, mAh/cm2");
}

static void a_number_is_read_where_one_is_due(void)
{
    struct cyc_quantity quantity = {NAN, CYC_KIND_COUNT, CYC_BASIS_ABSOLUTE};
    CU_ASSERT_EQUAL(cyc_quantity_parse_as(" 1300 ", 6, CYC_KIND_NUMBER, &quantity, NULL), CYC_OK);
    CU_ASSERT_EQUAL(quantity.value, 1300);
    CU_ASSERT_EQUAL(cyc_quantity_parse_as("1.5 h", 5, CYC_KIND_TIME, &quantity, NULL), CYC_OK);
    CU_ASSERT_EQUAL(quantity.value, 5400);
}

static void check_scanned(const char *text, double value, enum cyc_kind kind, size_t expected_used)
{
    struct cyc_quantity quantity = {NAN, CYC_KIND_COUNT, CYC_BASIS_ABSOLUTE};
    size_t used = 0;
    struct cyc_err err = {0};
    const int status = cyc_quantity_scan(text, strlen(text), &quantity, &used, &err);
    CYC_SAME(status == CYC_OK ? "" : err.text, "");
    CYC_NEAR(quantity.value, value, 1e-15);
    CU_ASSERT_EQUAL(quantity.kind, kind);
    CU_ASSERT_EQUAL(used, expected_used);
}

static void an_expression_gives_its_quantities_one_by_one(void)
{
    check_scanned("4.6 V vs Li/Li+", 4.6, CYC_KIND_VOLTAGE, 5);
    check_scanned("0.5 * step.check.capacity", 0.5, CYC_KIND_NUMBER, 3);
    check_scanned("80 % * first.discharge_capacity", 0.8, CYC_KIND_FRACTION, 4);
    check_scanned("80%)", 0.8, CYC_KIND_FRACTION, 3);
    check_scanned("2 and soc > 3 %", 2, CYC_KIND_NUMBER, 1);
    check_scanned("2 or", 2, CYC_KIND_NUMBER, 1);
    check_scanned("1 mV/h, over: 20 min", 1e-3 / 3600, CYC_KIND_VOLTAGE_RATE, 6);
    check_scanned("10 mV/n", 0.01, CYC_KIND_VOLTAGE, 5);
    check_scanned("3 h/2", 10800, CYC_KIND_TIME, 3);
    check_scanned("2 C / 4", 2, CYC_KIND_CURRENT, 3);
    check_scanned("C/20)", 0.05, CYC_KIND_CURRENT, 4);
    check_scanned("30 degC - 2 K", 30, CYC_KIND_TEMPERATURE, 7);
    check_scanned("1.5", 1.5, CYC_KIND_NUMBER, 3);
    check_scanned("5 cm2+", 5, CYC_KIND_AREA, 5);
}

static struct cyc_cell_basis n_lmro(void)
{
    struct cyc_cell_basis cell = cyc_cell_basis_none();
    cell.active_mass_g = 9.03e-3;
    cell.one_c = (struct cyc_quantity){0.2, CYC_KIND_CURRENT, CYC_BASIS_PER_MASS};
    cell.nominal_capacity = (struct cyc_quantity){0.29, CYC_KIND_CAPACITY, CYC_BASIS_PER_MASS};
    return cell;
}

static double resolved(const char *text, const struct cyc_cell_basis *cell, struct cyc_err *err)
{
    struct cyc_quantity quantity;
    double value = NAN;
    CU_ASSERT_EQUAL(cyc_quantity_parse(text, strlen(text), &quantity, err), CYC_OK);
    (void)cyc_quantity_resolve(&quantity, cell, &value, err);
    return value;
}

static void quantities_become_absolute_through_the_cell(void)
{
    struct cyc_cell_basis cell = n_lmro();
    cell.area_cm2 = 1.327;
    struct cyc_err err = {0};
    CYC_NEAR(resolved("0.05 C", &cell, &err), 90.3e-6, 1e-15);
    CYC_NEAR(resolved("C/20", &cell, &err), 90.3e-6, 1e-15);
    CYC_NEAR(resolved("183 mAh/g", &cell, &err), 0.183 * 9.03e-3, 1e-15);
    CYC_NEAR(resolved("2 mA/cm2", &cell, &err), 2e-3 * 1.327, 1e-15);
    CYC_NEAR(resolved("1 W/g", &cell, &err), 9.03e-3, 1e-15);
    CYC_NEAR(resolved("4.6 V", &cell, &err), 4.6, 0);
    CYC_NEAR(resolved("1.5 mA", &cell, &err), 1.5e-3, 0);
    CYC_SAME(err.text, "");
}

static void one_c_is_stated_or_guessed_from_the_capacity(void)
{
    struct cyc_cell_basis cell = n_lmro();
    double one_c_A = 0;
    bool guessed = true;
    CU_ASSERT_EQUAL(cyc_one_c_A(&cell, &one_c_A, &guessed, NULL), CYC_OK);
    CYC_NEAR(one_c_A, 0.2 * 9.03e-3, 1e-15);
    CU_ASSERT(!guessed);
    cell.one_c.value = NAN;
    CU_ASSERT_EQUAL(cyc_one_c_A(&cell, &one_c_A, &guessed, NULL), CYC_OK);
    CYC_NEAR(one_c_A, 0.29 * 9.03e-3, 1e-15);
    CU_ASSERT(guessed);
    CU_ASSERT_EQUAL(cyc_one_c_A(&cell, &one_c_A, NULL, NULL), CYC_OK);
    double capacity_Ah = 0;
    CU_ASSERT_EQUAL(cyc_nominal_capacity_Ah(&cell, &capacity_Ah, NULL), CYC_OK);
    CYC_NEAR(capacity_Ah, 0.29 * 9.03e-3, 1e-15);
}

static void check_lacking(const char *text, const struct cyc_cell_basis *cell, const char *message)
{
    struct cyc_err err = {0};
    CU_ASSERT(isnan(resolved(text, cell, &err)));
    CU_ASSERT(err.status == CYC_E_INPUT || err.status == CYC_E_KIND);
    CYC_SAME(err.text, message);
}

static void what_the_cell_lacks_is_named(void)
{
    struct cyc_cell_basis cell = cyc_cell_basis_none();
    check_lacking("0.5 C", &cell,
                  "0.5 C needs cell.one_c or cell.nominal_capacity; for example, cell: {one_c: 200 "
                  "mA/g, active_mass: 9 mg}");
    check_lacking("180 mAh/g", &cell, "180 mAh/g needs cell.active_mass; state it in the cell");
    check_lacking("2 mA/cm2", &cell, "2 mA/cm2 needs cell.area; state it in the cell");
    cell.one_c = (struct cyc_quantity){0.2, CYC_KIND_CURRENT, CYC_BASIS_PER_MASS};
    check_lacking("0.5 C", &cell, "0.5 C: cell.one_c needs cell.active_mass; state it in the cell");
    cell.one_c.basis = CYC_BASIS_C_RATE;
    check_lacking("0.5 C", &cell,
                  "0.5 C: cell.one_c needs mA/g, mA/cm2 or mA instead of a C-rate; state it in the "
                  "cell");
    cell = cyc_cell_basis_none();
    struct cyc_err err = {0};
    double value = 47.11;
    CU_ASSERT_EQUAL(cyc_one_c_A(&cell, &value, NULL, &err), CYC_E_INPUT);
    CYC_SAME(err.text, "a C-rate needs cell.one_c or cell.nominal_capacity");
    CU_ASSERT_EQUAL(cyc_nominal_capacity_Ah(&cell, &value, &err), CYC_E_INPUT);
    CYC_SAME(err.text, "cell.nominal_capacity is not stated");
    CU_ASSERT_EQUAL(value, 47.11);
    cell.active_mass_g = 0;
    check_lacking("180 mAh/g", &cell, "180 mAh/g needs cell.active_mass; state it in the cell");
}

static void a_unit_gives_its_factor(void)
{
    const struct cyc_cell_basis cell = n_lmro();
    double factor = 0;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_unit_factor("mAh", CYC_KIND_CAPACITY, &cell, &factor, &err), CYC_OK);
    CYC_NEAR(factor, 1e-3, 0);
    CU_ASSERT_EQUAL(cyc_unit_factor("mAh/g", CYC_KIND_CAPACITY, &cell, &factor, &err), CYC_OK);
    CYC_NEAR(factor, 9.03e-6, 1e-20);
    CU_ASSERT_EQUAL(cyc_unit_factor("C", CYC_KIND_CURRENT, &cell, &factor, &err), CYC_OK);
    CYC_NEAR(factor, 1.806e-3, 1e-18);
    CU_ASSERT_EQUAL(cyc_unit_factor("degC", CYC_KIND_TEMPERATURE, &cell, &factor, &err), CYC_OK);
    CYC_NEAR(factor, 1.0, 0);
    CU_ASSERT_EQUAL(cyc_unit_factor("%", CYC_KIND_FRACTION, &cell, &factor, &err), CYC_OK);
    CYC_NEAR(factor, 0.01, 0);
    CU_ASSERT_EQUAL(cyc_unit_factor("", CYC_KIND_NUMBER, &cell, &factor, &err), CYC_OK);
    CYC_NEAR(factor, 1.0, 0);
    factor = 47.11;
    CU_ASSERT_EQUAL(cyc_unit_factor("V", CYC_KIND_CAPACITY, &cell, &factor, &err), CYC_E_KIND);
    CYC_SAME(err.text, "'V' is not a unit of a charge; write one of Ah, mAh, uAh, mAh/g, mAh/cm2");
    CU_ASSERT_EQUAL(cyc_unit_factor("mah", CYC_KIND_CAPACITY, &cell, &factor, &err), CYC_E_SYNTAX);
    CYC_SAME(err.text, "unknown unit 'mah'; write mAh");
    CU_ASSERT_EQUAL(cyc_unit_factor("mAh/cm2", CYC_KIND_CAPACITY, &cell, &factor, &err),
                    CYC_E_INPUT);
    CU_ASSERT_EQUAL(factor, 47.11);
}

/* Whatever bytes come, the answer is a quantity or a refusal that fits its buffer. */
static void no_text_is_too_strange(void)
{
    static const char alphabet[] = "0123456789.,:-+eE VmAhCg/%K\xC2\xB5\xCE\xA9\xFF_\t'";
    uint64_t state = 99;
    for (int i = 0; i < 200000; i++) {
        char text[24];
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const size_t size = (size_t)(state >> 59) % sizeof text;
        for (size_t k = 0; k < size; k++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            text[k] = alphabet[(state >> 40) % (sizeof alphabet - 1)];
        }
        struct cyc_quantity quantity = {NAN, CYC_KIND_COUNT, CYC_BASIS_ABSOLUTE};
        struct cyc_err err = {0};
        if (cyc_quantity_parse(text, size, &quantity, &err) == CYC_OK) {
            CU_ASSERT(isfinite(quantity.value) && quantity.kind != CYC_KIND_NUMBER);
        } else {
            CU_ASSERT(err.status == CYC_E_SYNTAX || err.status == CYC_E_KIND);
            CU_ASSERT(strlen(err.text) > 10);
        }
    }
}

const struct cyc_check check_quantity[] = {
    CYC_CHECK(c_rates_have_three_forms),
    CYC_CHECK(a_bare_number_is_refused),
    CYC_CHECK(times_in_other_notations_are_answered_in_hours),
    CYC_CHECK(decimal_commas_are_answered_with_a_point),
    CYC_CHECK(numbers_in_other_notations_are_refused),
    CYC_CHECK(what_is_no_number_is_refused),
    CYC_CHECK(an_unknown_unit_is_answered_with_the_nearest),
    CYC_CHECK(a_long_text_is_quoted_in_part),
    CYC_CHECK(the_wrong_kind_is_answered_with_the_right_one),
    CYC_CHECK(a_number_is_read_where_one_is_due),
    CYC_CHECK(an_expression_gives_its_quantities_one_by_one),
    CYC_CHECK(quantities_become_absolute_through_the_cell),
    CYC_CHECK(one_c_is_stated_or_guessed_from_the_capacity),
    CYC_CHECK(what_the_cell_lacks_is_named),
    CYC_CHECK(a_unit_gives_its_factor),
    CYC_CHECK(no_text_is_too_strange),
    {0},
};
