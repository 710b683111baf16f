/* What the output of the emulated Keithley 2400 does, and what it reads: see emulator.c. */
#include "keithley_2400/emulator.h"

#include <math.h>

#define READINGS_MAX 12

static const double voltage_ranges[] = {0.2, 2, 20, 200};
static const double current_ranges[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
#define VOLTAGE_RANGES (sizeof voltage_ranges / sizeof voltage_ranges[0])
#define CURRENT_RANGES (sizeof current_ranges / sizeof current_ranges[0])

double cyc_keithley_range(bool volts, double value)
{
    const double *ranges = volts ? voltage_ranges : current_ranges;
    const size_t count = volts ? VOLTAGE_RANGES : CURRENT_RANGES;
    size_t i = 0;
    while (i + 1 < count && fabs(value) > ranges[i] * OVER_RANGE) {
        i++;
    }
    return ranges[i];
}

double cyc_keithley_source_range(const struct keithley *k, enum setting level)
{
    const bool volts = level == SET_VOLT;
    const bool automatic = k->set[volts ? SET_VOLT_AUTO : SET_CURR_AUTO] != 0;
    if (!automatic) {
        return k->set[volts ? SET_VOLT_RANGE : SET_CURR_RANGE];
    }
    return volts ? cyc_keithley_range(true, k->set[level])
                 : cyc_keithley_range(false, k->set[level]);
}

/* Full scale of a fixed measurement range; NaN while it ranges by itself. */
double cyc_keithley_fixed_range(const struct keithley *k, enum setting sense,
                                enum setting automatic)
{
    return k->set[automatic] != 0 ? NAN : k->set[sense];
}

static struct compliance compliance(const struct keithley *k)
{
    const bool current = k->set[SET_FUNCTION] == FUNCTION_CURR;
    const double programmed = fabs(k->set[current ? SET_VOLT_PROT : SET_CURR_PROT]);
    const double range = current ? cyc_keithley_fixed_range(k, SET_VOLT_SENSE, SET_VOLT_SENSE_AUTO)
                                 : cyc_keithley_fixed_range(k, SET_CURR_SENSE, SET_CURR_SENSE_AUTO);
    return range < programmed ? (struct compliance){range, true}
                              : (struct compliance){programmed, false};
}

/* The finest step of a source range: 1/40000 of a voltage range, 1/20000 of a current range. */
static double quantised(double value, double step)
{
    return nearbyint(value / step) * step;
}

static void hold_voltage(struct cyc_source *source, double voltage_V, double most_A)
{
    source->setpoint.control = CYC_CONTROL_VOLTAGE;
    source->setpoint.value = voltage_V;
    source->setpoint.current_min_A = -most_A;
    source->setpoint.current_max_A = most_A;
}

static void drive_off(const struct keithley *k, struct cyc_source *source)
{
    const bool current = k->set[SET_FUNCTION] == FUNCTION_CURR;
    const double range_A = current ? cyc_keithley_source_range(k, SET_CURR)
                                   : cyc_keithley_range(false, compliance(k).value);
    const double least_A = OFF_FRACTION * range_A;
    switch ((enum off_state)k->set[SET_OFF_STATE]) {
    case OFF_HIMP:
        source->setpoint.control = CYC_CONTROL_OPEN;
        break;
    case OFF_NORM:
        hold_voltage(source, 0, least_A);
        break;
    case OFF_ZERO:
        hold_voltage(source, 0,
                     current ? fmax(fabs(k->set[SET_CURR]), least_A) : compliance(k).value);
        break;
    case OFF_GUARD:
        source->setpoint.control = CYC_CONTROL_CURRENT;
        source->compliance_V = OFF_FRACTION * cyc_keithley_source_range(k, SET_VOLT);
        source->most_A = A_MAX;
        break;
    }
}

static void drive_on(const struct keithley *k, struct cyc_source *source)
{
    if (k->set[SET_FUNCTION] == FUNCTION_CURR) {
        source->setpoint.control = CYC_CONTROL_CURRENT;
        source->setpoint.value =
            quantised(k->set[SET_CURR], cyc_keithley_source_range(k, SET_CURR) / 20000);
        source->compliance_V = compliance(k).value;
        source->most_A = A_MAX;
    } else {
        hold_voltage(source,
                     quantised(k->set[SET_VOLT], cyc_keithley_source_range(k, SET_VOLT) / 40000),
                     compliance(k).value);
    }
}

void cyc_keithley_drive(struct keithley *k)
{
    struct cyc_source source = {
        .compliance_V = NAN, .most_A = NAN, .four_wire = k->set[SET_FOUR_WIRE] != 0};
    if (k->latched) {
        source.setpoint.control = CYC_CONTROL_OPEN;
    } else if (k->set[SET_OUTPUT] == 0) {
        source.four_wire = false; /* while off it is always 2-wire */
        drive_off(k, &source);
    } else {
        drive_on(k, &source);
    }
    cyc_unit_source(k->scpi.unit, 0, &source);
}

/* ---- Readings -----------------------------------------------------------------------------------
 */

static double measured(double value, double range, double step)
{
    return fabs(value) > range * OVER_RANGE * 1.000001 ? OVERFLOW_CODE : quantised(value, step);
}

static double voltage_reading(const struct keithley *k, const struct cyc_terminals *seen)
{
    const bool sourced = k->set[SET_FUNCTION] == FUNCTION_VOLT;
    if ((k->functions & MEASURES(ELEMENT_VOLT)) == 0) {
        return sourced ? k->set[SET_VOLT] : NOT_A_NUMBER;
    }
    const double fixed =
        cyc_keithley_fixed_range(k, SET_VOLT_SENSE, SET_VOLT_SENSE_AUTO) / OVER_RANGE;
    double range = cyc_keithley_range(true, seen->sample.voltage_V);
    range = sourced ? cyc_keithley_source_range(k, SET_VOLT) : isfinite(fixed) ? fixed : range;
    return measured(seen->sample.voltage_V, range, range / 200000);
}

static double current_reading(const struct keithley *k, const struct cyc_terminals *seen)
{
    const bool sourced = k->set[SET_FUNCTION] == FUNCTION_CURR;
    if ((k->functions & MEASURES(ELEMENT_CURR)) == 0) {
        return sourced ? k->set[SET_CURR] : NOT_A_NUMBER;
    }
    const double fixed =
        cyc_keithley_fixed_range(k, SET_CURR_SENSE, SET_CURR_SENSE_AUTO) / OVER_RANGE;
    double range = cyc_keithley_range(false, seen->sample.current_A);
    range = sourced ? cyc_keithley_source_range(k, SET_CURR) : isfinite(fixed) ? fixed : range;
    return measured(seen->sample.current_A, range, range / 100000);
}

static bool is_number(double value)
{
    return isfinite(value) && fabs(value) < OVERFLOW_CODE;
}

bool cyc_keithley_in_compliance(const struct keithley *k, const struct cyc_terminals *seen)
{
    if (k->set[SET_OUTPUT] == 0 || k->latched) {
        return false;
    }
    return k->set[SET_FUNCTION] == FUNCTION_CURR ? seen->holds_voltage : !seen->holds_voltage;
}

static double status_word(const struct keithley *k, const struct cyc_terminals *seen)
{
    const bool limited = cyc_keithley_in_compliance(k, seen);
    const bool by_range = compliance(k).by_range;
    unsigned word = 1u << 2; /* front terminals */
    word |=
        k->last[ELEMENT_VOLT] == OVERFLOW_CODE || k->last[ELEMENT_CURR] == OVERFLOW_CODE ? 1u : 0;
    word |= k->set[SET_FILTER] != 0 ? 1u << 1 : 0;
    word |= limited && !by_range ? 1u << 3 : 0;
    word |= (k->functions & MEASURES(ELEMENT_VOLT)) != 0 ? 1u << 11 : 0;
    word |= (k->functions & MEASURES(ELEMENT_CURR)) != 0 ? 1u << 12 : 0;
    word |= (k->functions & MEASURES(ELEMENT_RES)) != 0 ? 1u << 13 : 0;
    word |= 1u << (k->set[SET_FUNCTION] == FUNCTION_VOLT ? 14 : 15);
    word |= limited && by_range ? 1u << 16 : 0;
    word |= k->set[SET_FOUR_WIRE] != 0 ? 1u << 22 : 0;
    return word;
}

static void take_reading(struct keithley *k)
{
    struct cyc_terminals seen;
    cyc_unit_terminals(k->scpi.unit, 0, &seen);
    k->last[ELEMENT_VOLT] = voltage_reading(k, &seen);
    k->last[ELEMENT_CURR] = current_reading(k, &seen);
    if (seen.no_number || seen.overflow) {
        const double code = seen.overflow ? OVERFLOW_CODE : NOT_A_NUMBER;
        k->last[ELEMENT_VOLT] = code;
        k->last[ELEMENT_CURR] = code;
    }
    const bool ohms = (k->functions & MEASURES(ELEMENT_RES)) != 0 &&
                      is_number(k->last[ELEMENT_VOLT]) && is_number(k->last[ELEMENT_CURR]);
    k->last[ELEMENT_RES] = ohms && k->last[ELEMENT_CURR] != 0
                               ? k->last[ELEMENT_VOLT] / k->last[ELEMENT_CURR]
                           : ohms ? OVERFLOW_CODE
                                  : NOT_A_NUMBER;
    k->last[ELEMENT_TIME] = (double)(cyc_unit_now_ns(k->scpi.unit) - k->zero_ns) / (double)CYC_S_NS;
    k->last[ELEMENT_STATUS] = status_word(k, &seen);
    k->has_reading = true;
    if (k->baud > 0) { /* voltage and current, one after the other */
        k->scpi.answer_after_ns += (int64_t)(2 * MS_PER_PLC * k->set[SET_NPLC] * (double)CYC_MS_NS);
    }
}

void cyc_keithley_append_reading(const struct keithley *k, struct cyc_text *answer)
{
    for (unsigned i = 0; i < ELEMENTS; i++) {
        if ((k->elements & (1u << i)) != 0) {
            cyc_text_append(answer, answer->length > 0 ? "," : "");
            cyc_scpi_unit_append(answer, k->last[i]);
        }
    }
}

bool cyc_keithley_blocked(const struct keithley *k)
{
    return k->latched || k->set[SET_ENABLE] != 0; /* nothing is plugged into the interlock */
}

int cyc_keithley_initiate(struct keithley *k, struct cyc_text *answer)
{
    if (k->set[SET_OUTPUT] == 0 && (k->set[SET_AUTO_OFF] == 0 || cyc_keithley_blocked(k))) {
        return CODE_OUTPUT_OFF;
    }
    const double wanted = k->set[SET_TRIGGERS] * k->set[SET_ARMS];
    const unsigned count = wanted < READINGS_MAX ? (unsigned)wanted : READINGS_MAX;
    k->set[SET_OUTPUT] = 1;
    cyc_keithley_drive(k);
    for (unsigned i = 0; i < count; i++) {
        take_reading(k);
        if (answer != NULL) {
            cyc_keithley_append_reading(k, answer);
        }
    }
    if (k->set[SET_AUTO_OFF] != 0) {
        k->set[SET_OUTPUT] = 0;
        cyc_keithley_drive(k);
    }
    return 0;
}
