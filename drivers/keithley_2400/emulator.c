/* Keithley 2400-series SourceMeter, as its maker describes it (2400S-900-01, User's Manual, and
 * its list of messages in appendix B); nothing here is taken from a driver.
 *
 *      settings ──► what the output does                     what READ? answers
 *      ────────     ─────────────────────────────────────    ─────────────────────────────────
 *      FUNC CURR    current SOUR:CURR within +-SENS:VOLT:PROT  V measured, I of the source
 *      FUNC VOLT    voltage SOUR:VOLT within +-SENS:CURR:PROT  V of the source, I measured
 *      OUTP OFF     by SMOD: HIMP opens the relay; NORM holds 0 V with 0.5 % of the current range;
 *                   ZERO 0 V with the compliance; GUAR 0 A with 0.5 % of the voltage range
 *
 * A cell at the terminals is discharged by all off states but HIMP (manual 3-24, 13-9, 18-57).
 * Compliance is *real* where the programmed value limits (status bit 3, TRIP? answers 1) and
 * *range* where a fixed measurement range does at 105 % (bit 16). A cell whose voltage is above the
 * compliance of the current source is pulled down to it with all the current the hardware has.
 *
 * Readings are refused with the output off (803) unless SOUR:CLE:AUTO is on: then it goes on for
 * the reading and off again. Changing the sense mode turns the output off (2-12). A voltage element
 * that is not measured is the source's programmed value, or 9.91E37 when it is not sourced either;
 * 9.9E37 is an overflow.
 *
 * Not documented, an option: whether the output stays on when the source function changes
 * (`function_change=keep|off`). Not emulated: sweeps, lists, math, limits, buffer, digital port,
 * power envelope between 21 V and 210 V.
 */
#include "emulate/emulate.h"
#include "emulate/fault.h"
#include "emulate/scpi.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOT_A_NUMBER  9.91e37
#define OVERFLOW_CODE 9.9e37
#define OVER_RANGE    1.05
#define OFF_FRACTION  0.005 /* of full scale: compliance of the off states */
#define READINGS_MAX  12
#define MS_PER_PLC    20.0

#define CODE_CONFLICT   (-221)
#define CODE_RANGE      (-222)
#define CODE_VALUE      (-224)
#define CODE_UNDEFINED  (-113)
#define CODE_NOT_WANTED (-108)
#define CODE_MISSING    (-109)
#define CODE_INTERLOCK  802
#define CODE_OUTPUT_OFF 803
#define CODE_TOO_HOT    810

/* ---- Settings -----------------------------------------------------------------------------------
 */

enum kind { BOOLEAN, NUMBER, CHOICE };

enum off_state { OFF_HIMP, OFF_NORM, OFF_ZERO, OFF_GUARD };
enum function { FUNCTION_VOLT, FUNCTION_CURR };

/* id, kind, lowest, highest, after *RST, choices, effect, header. `V` and `A` stand for the
 * model's largest voltage and current. */
enum effect { NONE, DRIVES, SENSE, SWITCHES, FUNCTION, LEVEL, RANGE, COMPLIANCE, MEASURE_RANGE };

#define V_MAX 210.0
#define A_MAX 1.05
#define SETTINGS(X)                                                                                \
    X(OUTPUT, BOOLEAN, 0, 1, 0, NULL, SWITCHES, "OUTPut[1][:STATe]")                               \
    X(OFF_STATE, CHOICE, 0, 3, OFF_NORM, "HIMPedance|NORMal|ZERO|GUARd", DRIVES,                   \
      "OUTPut[1]:SMODe")                                                                           \
    X(ENABLE, BOOLEAN, 0, 1, 0, NULL, DRIVES, "OUTPut[1]:ENABle[:STATe]")                          \
    X(FOUR_WIRE, BOOLEAN, 0, 1, 0, NULL, SENSE, "SYSTem:RSENse")                                   \
    X(FUNCTION, CHOICE, 0, 1, FUNCTION_VOLT, "VOLTage|CURRent", FUNCTION,                          \
      "SOURce[1]:FUNCtion[:MODE]")                                                                 \
    X(VOLT_MODE, CHOICE, 0, 0, 0, "FIXed", NONE, "SOURce[1]:VOLTage:MODE")                         \
    X(CURR_MODE, CHOICE, 0, 0, 0, "FIXed", NONE, "SOURce[1]:CURRent:MODE")                         \
    X(VOLT, NUMBER, -V_MAX, V_MAX, 0, NULL, LEVEL,                                                 \
      "SOURce[1]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")                                         \
    X(CURR, NUMBER, -A_MAX, A_MAX, 0, NULL, LEVEL,                                                 \
      "SOURce[1]:CURRent[:LEVel][:IMMediate][:AMPLitude]")                                         \
    X(VOLT_RANGE, NUMBER, -V_MAX, V_MAX, 20, NULL, RANGE, "SOURce[1]:VOLTage:RANGe")               \
    X(CURR_RANGE, NUMBER, -A_MAX, A_MAX, 1e-4, NULL, RANGE, "SOURce[1]:CURRent:RANGe")             \
    X(VOLT_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "SOURce[1]:VOLTage:RANGe:AUTO")                   \
    X(CURR_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "SOURce[1]:CURRent:RANGe:AUTO")                   \
    X(SOURCE_LIMIT, NUMBER, -500, 500, 160, NULL, DRIVES, "SOURce[1]:VOLTage:PROTection[:LEVel]")  \
    X(VOLT_PROT, NUMBER, -V_MAX, V_MAX, 21, NULL, COMPLIANCE,                                      \
      "[SENSe[1]]:VOLTage[:DC]:PROTection[:LEVel]")                                                \
    X(CURR_PROT, NUMBER, -A_MAX, A_MAX, 1.05e-4, NULL, COMPLIANCE,                                 \
      "[SENSe[1]]:CURRent[:DC]:PROTection[:LEVel]")                                                \
    X(VOLT_SENSE, NUMBER, -V_MAX, V_MAX, 21, NULL, MEASURE_RANGE,                                  \
      "[SENSe[1]]:VOLTage[:DC]:RANGe[:UPPer]")                                                     \
    X(CURR_SENSE, NUMBER, -A_MAX, A_MAX, 1.05e-4, NULL, MEASURE_RANGE,                             \
      "[SENSe[1]]:CURRent[:DC]:RANGe[:UPPer]")                                                     \
    X(VOLT_SENSE_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "[SENSe[1]]:VOLTage[:DC]:RANGe:AUTO")       \
    X(CURR_SENSE_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "[SENSe[1]]:CURRent[:DC]:RANGe:AUTO")       \
    X(NPLC, NUMBER, 0.01, 10, 1, NULL, NONE, "[SENSe[1]]:VOLTage[:DC]:NPLCycles")                  \
    X(CONCURRENT, BOOLEAN, 0, 1, 1, NULL, NONE, "[SENSe[1]]:FUNCtion:CONCurrent")                  \
    X(AUTO_OFF, BOOLEAN, 0, 1, 0, NULL, NONE, "SOURce[1]:CLEar:AUTO")                              \
    X(AUTO_ZERO, CHOICE, 0, 2, 1, "OFF|ON|ONCE", NONE, "SYSTem:AZERo[:STATe]")                     \
    X(DELAY, NUMBER, 0, 9999.999, 0, NULL, NONE, "SOURce[1]:DELay")                                \
    X(DELAY_AUTO, BOOLEAN, 0, 1, 1, NULL, NONE, "SOURce[1]:DELay:AUTO")                            \
    X(FILTER, BOOLEAN, 0, 1, 0, NULL, NONE, "[SENSe[1]]:AVERage[:STATe]")                          \
    X(FILTER_COUNT, NUMBER, 1, 100, 10, NULL, NONE, "[SENSe[1]]:AVERage:COUNt")                    \
    X(TRIGGERS, NUMBER, 1, 2500, 1, NULL, NONE, "TRIGger[:SEQuence1]:COUNt")                       \
    X(ARMS, NUMBER, 1, 2500, 1, NULL, NONE, "ARM[:SEQuence1]:COUNt")                               \
    X(BEEPER, BOOLEAN, 0, 1, 1, NULL, NONE, "SYSTem:BEEPer[:STATe]")                               \
    X(DISPLAY, BOOLEAN, 0, 1, 1, NULL, NONE, "DISPlay:ENABle")                                     \
    X(LOCKED, BOOLEAN, 0, 1, 0, NULL, NONE, "SYSTem:RWLock[:STATe]")

enum setting {
#define SETTING_ID(id, kind, low, high, rst, choices, effect, header) SET_##id,
    SETTINGS(SETTING_ID)
#undef SETTING_ID
        SETTING_COUNT
};

struct setting_row {
    const char *header;
    const char *choices;
    double low, high, after_reset;
    enum kind kind;
    enum effect effect;
};

static const struct setting_row rows[] = {
#define SETTING_ROW(id, kind, low, high, rst, choices, effect, header)                             \
    {header, choices, low, high, rst, kind, effect},
    SETTINGS(SETTING_ROW)
#undef SETTING_ROW
};

static const double voltage_ranges[] = {0.2, 2, 20, 200};
static const double current_ranges[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
#define VOLTAGE_RANGES (sizeof voltage_ranges / sizeof voltage_ranges[0])
#define CURRENT_RANGES (sizeof current_ranges / sizeof current_ranges[0])

enum element { ELEMENT_VOLT, ELEMENT_CURR, ELEMENT_RES, ELEMENT_TIME, ELEMENT_STATUS, ELEMENTS };
static const char *const element_names[] = {"VOLTage", "CURRent", "RESistance", "TIME", "STATus"};
static const char *const element_shorts[] = {"VOLT", "CURR", "RES", "TIME", "STAT"};
#define MEASURES(element) (1u << (element))

struct keithley {
    struct cyc_scpi_unit scpi;
    double set[SETTING_COUNT];
    double before[SETTING_COUNT]; /* before the message at hand */
    unsigned elements;            /* bit per enum element: FORMat:ELEMents */
    unsigned functions;           /* bit per enum element: what is measured */
    bool latched;                 /* the output relay tripped; the settings know nothing of it */
    bool keeps_output;            /* when the source function changes */
    double baud;                  /* 0: answers at once */
    double last[ELEMENTS];        /* the last reading */
    bool has_reading;
    int64_t zero_ns; /* the timestamps count from here */
    char identity[160];
};

/* ---- What the output does -----------------------------------------------------------------------
 */

static double smallest(const double *ranges, size_t count, double value)
{
    size_t i = 0;
    while (i + 1 < count && fabs(value) > ranges[i] * OVER_RANGE) {
        i++;
    }
    return ranges[i];
}

static double source_range(const struct keithley *k, enum setting level)
{
    const bool volts = level == SET_VOLT;
    const bool automatic = k->set[volts ? SET_VOLT_AUTO : SET_CURR_AUTO] != 0;
    if (!automatic) {
        return k->set[volts ? SET_VOLT_RANGE : SET_CURR_RANGE];
    }
    return volts ? smallest(voltage_ranges, VOLTAGE_RANGES, k->set[level])
                 : smallest(current_ranges, CURRENT_RANGES, k->set[level]);
}

/* Full scale of a fixed measurement range; NaN while it ranges by itself. */
static double fixed_range(const struct keithley *k, enum setting sense, enum setting automatic)
{
    return k->set[automatic] != 0 ? NAN : k->set[sense];
}

struct compliance {
    double value;
    bool by_range;
};

static struct compliance compliance(const struct keithley *k)
{
    const bool current = k->set[SET_FUNCTION] == FUNCTION_CURR;
    const double programmed = fabs(k->set[current ? SET_VOLT_PROT : SET_CURR_PROT]);
    const double range = current ? fixed_range(k, SET_VOLT_SENSE, SET_VOLT_SENSE_AUTO)
                                 : fixed_range(k, SET_CURR_SENSE, SET_CURR_SENSE_AUTO);
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
    const double range_A = current ? source_range(k, SET_CURR)
                                   : smallest(current_ranges, CURRENT_RANGES, compliance(k).value);
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
        source->compliance_V = OFF_FRACTION * source_range(k, SET_VOLT);
        source->most_A = A_MAX;
        break;
    }
}

static void drive_on(const struct keithley *k, struct cyc_source *source)
{
    if (k->set[SET_FUNCTION] == FUNCTION_CURR) {
        source->setpoint.control = CYC_CONTROL_CURRENT;
        source->setpoint.value = quantised(k->set[SET_CURR], source_range(k, SET_CURR) / 20000);
        source->compliance_V = compliance(k).value;
        source->most_A = A_MAX;
    } else {
        hold_voltage(source, quantised(k->set[SET_VOLT], source_range(k, SET_VOLT) / 40000),
                     compliance(k).value);
    }
}

static void drive(struct keithley *k)
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
    const double fixed = fixed_range(k, SET_VOLT_SENSE, SET_VOLT_SENSE_AUTO) / OVER_RANGE;
    double range = smallest(voltage_ranges, VOLTAGE_RANGES, seen->sample.voltage_V);
    range = sourced ? source_range(k, SET_VOLT) : isfinite(fixed) ? fixed : range;
    return measured(seen->sample.voltage_V, range, range / 200000);
}

static double current_reading(const struct keithley *k, const struct cyc_terminals *seen)
{
    const bool sourced = k->set[SET_FUNCTION] == FUNCTION_CURR;
    if ((k->functions & MEASURES(ELEMENT_CURR)) == 0) {
        return sourced ? k->set[SET_CURR] : NOT_A_NUMBER;
    }
    const double fixed = fixed_range(k, SET_CURR_SENSE, SET_CURR_SENSE_AUTO) / OVER_RANGE;
    double range = smallest(current_ranges, CURRENT_RANGES, seen->sample.current_A);
    range = sourced ? source_range(k, SET_CURR) : isfinite(fixed) ? fixed : range;
    return measured(seen->sample.current_A, range, range / 100000);
}

static bool is_number(double value)
{
    return isfinite(value) && fabs(value) < OVERFLOW_CODE;
}

static bool in_compliance(const struct keithley *k, const struct cyc_terminals *seen)
{
    if (k->set[SET_OUTPUT] == 0 || k->latched) {
        return false;
    }
    return k->set[SET_FUNCTION] == FUNCTION_CURR ? seen->holds_voltage : !seen->holds_voltage;
}

static double status_word(const struct keithley *k, const struct cyc_terminals *seen)
{
    const bool limited = in_compliance(k, seen);
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
}

static void append_reading(const struct keithley *k, struct cyc_text *answer)
{
    for (unsigned i = 0; i < ELEMENTS; i++) {
        if ((k->elements & (1u << i)) != 0) {
            cyc_text_append(answer, answer->length > 0 ? "," : "");
            cyc_scpi_unit_append(answer, k->last[i]);
        }
    }
}

static bool blocked(const struct keithley *k)
{
    return k->latched || k->set[SET_ENABLE] != 0; /* nothing is plugged into the interlock */
}

static int initiate(struct keithley *k, struct cyc_text *answer)
{
    if (k->set[SET_OUTPUT] == 0 && (k->set[SET_AUTO_OFF] == 0 || blocked(k))) {
        return CODE_OUTPUT_OFF;
    }
    const double wanted = k->set[SET_TRIGGERS] * k->set[SET_ARMS];
    const unsigned count = wanted < READINGS_MAX ? (unsigned)wanted : READINGS_MAX;
    k->set[SET_OUTPUT] = 1;
    drive(k);
    for (unsigned i = 0; i < count; i++) {
        take_reading(k);
        if (answer != NULL) {
            append_reading(k, answer);
        }
    }
    if (k->set[SET_AUTO_OFF] != 0) {
        k->set[SET_OUTPUT] = 0;
        drive(k);
    }
    return 0;
}

/* ---- Setting ------------------------------------------------------------------------------------
 */

/* The n-th word of "A|B|C"; its size, 0: no more. */
static size_t choice_at(const char *choices, unsigned index, const char **word)
{
    while (index > 0 && *choices != '\0') {
        const size_t size = strcspn(choices, "|");
        choices += size + (choices[size] == '|' ? 1 : 0);
        index--;
    }
    *word = choices;
    return strcspn(choices, "|");
}

static int choice_value(const char *choices, const char *parameters, double *value)
{
    const char *word = NULL;
    for (unsigned i = 0; choice_at(choices, i, &word) > 0; i++) {
        char form[32];
        (void)snprintf(form, sizeof form, "%.*s", (int)choice_at(choices, i, &word), word);
        if (cyc_scpi_unit_word(form, parameters, strlen(parameters))) {
            *value = i;
            return 0;
        }
    }
    return *parameters == '\0' ? CODE_MISSING : CODE_VALUE;
}

static int special_number(const struct setting_row *row, const char *word, double *value)
{
    const size_t size = strlen(word);
    if (cyc_scpi_unit_word("MINimum", word, size)) {
        *value = row->low;
        return 0;
    }
    if (cyc_scpi_unit_word("MAXimum", word, size)) {
        *value = row->high;
        return 0;
    }
    if (cyc_scpi_unit_word("DEFault", word, size)) {
        *value = row->after_reset;
        return 0;
    }
    if (cyc_scpi_unit_word("NONE", word, size)) {
        *value = row->high;
        return 0;
    }
    return cyc_scpi_unit_number(word, value);
}

static int parameter_value(const struct setting_row *row, const char *parameters, double *value)
{
    bool on = false;
    int code = 0;
    switch (row->kind) {
    case BOOLEAN:
        code = cyc_scpi_unit_boolean(parameters, &on);
        *value = on ? 1 : 0;
        break;
    case NUMBER:
        code = special_number(row, parameters, value);
        if (code == 0 && (*value < row->low || *value > row->high)) {
            code = CODE_RANGE;
        }
        break;
    case CHOICE:
        code = choice_value(row->choices, parameters, value);
        if (code != 0 && cyc_scpi_unit_number(parameters, value) == 0 && row->low == 0 &&
            strncmp(row->choices, "OFF|ON", 6) == 0 && *value <= row->high) {
            code = 0;
        }
        break;
    }
    return code;
}

static int switch_output(struct keithley *k, double value)
{
    if (value != 0 && k->latched) {
        return CODE_TOO_HOT;
    }
    if (value != 0 && k->set[SET_ENABLE] != 0) {
        return CODE_INTERLOCK;
    }
    k->set[SET_OUTPUT] = value;
    return 0;
}

static int set_level(struct keithley *k, enum setting id, double value)
{
    const bool volts = id == SET_VOLT;
    if (k->set[volts ? SET_VOLT_AUTO : SET_CURR_AUTO] == 0 &&
        fabs(value) > source_range(k, id) * OVER_RANGE * 1.000001) {
        return CODE_RANGE;
    }
    if (volts && fabs(value) > k->set[SET_SOURCE_LIMIT]) {
        return CODE_RANGE;
    }
    k->set[id] = value;
    return 0;
}

static void set_range(struct keithley *k, enum setting id, double value)
{
    const bool volts = id == SET_VOLT_RANGE || id == SET_VOLT_SENSE;
    const double range = volts ? smallest(voltage_ranges, VOLTAGE_RANGES, value)
                               : smallest(current_ranges, CURRENT_RANGES, value);
    const bool measures = id == SET_VOLT_SENSE || id == SET_CURR_SENSE;
    k->set[id] = measures ? range * OVER_RANGE : range;
    if (measures) {
        k->set[volts ? SET_VOLT_SENSE_AUTO : SET_CURR_SENSE_AUTO] = 0;
    } else {
        k->set[volts ? SET_VOLT_AUTO : SET_CURR_AUTO] = 0;
    }
}

/* Not below 0.1 % of the present measurement range. */
static int set_compliance(struct keithley *k, enum setting id, double value)
{
    const bool volts = id == SET_VOLT_PROT;
    const double range = volts ? fixed_range(k, SET_VOLT_SENSE, SET_VOLT_SENSE_AUTO)
                               : fixed_range(k, SET_CURR_SENSE, SET_CURR_SENSE_AUTO);
    const double least = volts ? voltage_ranges[0] : current_ranges[0];
    if (fabs(value) < 0.001 * (isfinite(range) ? range / OVER_RANGE : least)) {
        return CODE_RANGE;
    }
    k->set[id] = fabs(value);
    return 0;
}

static int put(struct keithley *k, enum setting id, double value)
{
    int code = 0;
    switch (rows[id].effect) {
    case NONE:
    case DRIVES:
        k->set[id] = value;
        break;
    case SENSE:
        k->set[SET_OUTPUT] = k->set[id] != value ? 0 : k->set[SET_OUTPUT];
        k->set[id] = value;
        break;
    case SWITCHES:
        code = switch_output(k, value);
        break;
    case FUNCTION:
        if (k->set[id] != value && !k->keeps_output) {
            k->set[SET_OUTPUT] = 0;
        }
        k->set[id] = value;
        break;
    case LEVEL:
        code = set_level(k, id, value);
        break;
    case RANGE:
    case MEASURE_RANGE:
        set_range(k, id, value);
        break;
    case COMPLIANCE:
        code = set_compliance(k, id, value);
        break;
    }
    return code;
}

static int change(struct keithley *k, enum setting id, const struct cyc_scpi_unit_command *command)
{
    double value = 0;
    const int code = parameter_value(&rows[id], command->parameters, &value);
    if (code != 0) {
        return code;
    }
    if (rows[id].effect != NONE) {
        cyc_unit_log(k->scpi.unit, "received %s %s", command->header, command->parameters);
    }
    const bool ignored = rows[id].effect != NONE && cyc_unit_fault(k->scpi.unit, CYC_FAULTY_IGNORE);
    const int result = ignored ? 0 : put(k, id, value);
    drive(k);
    return result;
}

static void ask(const struct setting_row *row, double value, struct cyc_text *answer)
{
    const char *word = NULL;
    switch (row->kind) {
    case BOOLEAN:
        cyc_text_append(answer, value != 0 ? "1" : "0");
        return;
    case NUMBER:
        cyc_scpi_unit_append(answer, value);
        return;
    case CHOICE:
        if (strncmp(row->choices, "OFF|ON", 6) == 0) {
            cyc_text_append(answer, value != 0 ? "1" : "0");
            return;
        }
        const size_t size = choice_at(row->choices, (unsigned)value, &word);
        for (size_t i = 0; i < size && (word[i] < 'a' || word[i] > 'z'); i++) {
            cyc_text_append_size(answer, &word[i], 1);
        }
        return;
    }
}

/* ---- Lists: data elements, functions ------------------------------------------------------------
 */

/* Takes the next word of "VOLT,'CURR:DC'"; its element by name, ELEMENTS: none. */
static enum element next_element(const char **list)
{
    char word[32];
    size_t size = 0;
    for (; **list != '\0' && **list != ','; (*list)++) {
        const bool plain = strchr("'\" ", **list) == NULL;
        if (plain && size + 1 < sizeof word) {
            word[size++] = **list;
        }
    }
    *list += **list == ',' ? 1 : 0;
    word[size] = '\0';
    char *direct = strchr(word, ':'); /* VOLT:DC */
    size = direct != NULL ? (size_t)(direct - word) : size;
    for (unsigned i = 0; i < ELEMENTS; i++) {
        if (cyc_scpi_unit_word(element_names[i], word, size)) {
            return (enum element)i;
        }
    }
    return ELEMENTS;
}

static int element_list(const char *list, unsigned last, unsigned *mask)
{
    *mask = 0;
    if (*list == '\0') {
        return CODE_MISSING;
    }
    while (*list != '\0') {
        const enum element element = next_element(&list);
        if (element > last || element == ELEMENTS) {
            return CODE_VALUE;
        }
        *mask |= MEASURES(element);
    }
    return 0;
}

static void append_elements(struct cyc_text *answer, unsigned mask, const char *before,
                            const char *after)
{
    for (unsigned i = 0; i < ELEMENTS; i++) {
        if ((mask & (1u << i)) != 0) {
            cyc_text_format(answer, "%s%s%s%s", answer->length > 0 ? "," : "", before,
                            element_shorts[i], after);
        }
    }
}

static int set_functions(struct keithley *k, const char *list, bool on)
{
    unsigned mask = 0;
    const int code = element_list(list, ELEMENT_RES, &mask);
    if (code != 0) {
        return code;
    }
    if (!on) {
        k->functions &= ~mask;
    } else if (k->set[SET_CONCURRENT] != 0) {
        k->functions |= mask;
    } else if ((mask & (mask - 1)) != 0) {
        return CODE_CONFLICT; /* one at a time */
    } else {
        k->functions = mask;
    }
    return 0;
}

/* ---- Commands -----------------------------------------------------------------------------------
 */

#define ALL_FUNCTIONS (MEASURES(ELEMENT_VOLT) | MEASURES(ELEMENT_CURR) | MEASURES(ELEMENT_RES))

static void defaults(struct keithley *k)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        if (i != SET_LOCKED) {
            k->set[i] = rows[i].after_reset;
        }
    }
    k->elements = (1u << ELEMENTS) - 1;
    k->functions = MEASURES(ELEMENT_CURR);
    k->has_reading = false;
    drive(k);
}

enum action {
    ACTION_RESET,
    ACTION_IDENTITY,
    ACTION_READ,
    ACTION_FETCH,
    ACTION_INITIATE,
    ACTION_MEASURE_VOLT,
    ACTION_MEASURE_CURR,
    ACTION_MEASURE_RES,
    ACTION_CONFIGURE_VOLT,
    ACTION_CONFIGURE_CURR,
    ACTION_ELEMENTS,
    ACTION_ELEMENTS_ASK,
    ACTION_FUNCTIONS,
    ACTION_FUNCTIONS_ASK,
    ACTION_FUNCTIONS_OFF,
    ACTION_FUNCTIONS_ALL,
    ACTION_FUNCTIONS_NONE,
    ACTION_CLEAR,
    ACTION_TRIPPED_VOLT,
    ACTION_TRIPPED_CURR,
    ACTION_INTERLOCK,
    ACTION_TIME_ZERO,
    ACTION_VERSION,
    ACTION_NOTHING
};

static const struct {
    const char *header;
    bool query;
    enum action action;
} actions[] = {
    {"*RST", false, ACTION_RESET},
    {"SYSTem:PRESet", false, ACTION_RESET},
    {"*IDN", true, ACTION_IDENTITY},
    {"READ", true, ACTION_READ},
    {"FETCh", true, ACTION_FETCH},
    {"[SENSe[1]]:DATA[:LATest]", true, ACTION_FETCH},
    {"INITiate[:IMMediate]", false, ACTION_INITIATE},
    {"MEASure[:VOLTage][:DC]", true, ACTION_MEASURE_VOLT},
    {"MEASure:CURRent[:DC]", true, ACTION_MEASURE_CURR},
    {"MEASure:RESistance", true, ACTION_MEASURE_RES},
    {"CONFigure:VOLTage[:DC]", false, ACTION_CONFIGURE_VOLT},
    {"CONFigure:CURRent[:DC]", false, ACTION_CONFIGURE_CURR},
    {"FORMat:ELEMents[:SENSe[1]]", false, ACTION_ELEMENTS},
    {"FORMat:ELEMents[:SENSe[1]]", true, ACTION_ELEMENTS_ASK},
    {"[SENSe[1]]:FUNCtion[:ON]", false, ACTION_FUNCTIONS},
    {"[SENSe[1]]:FUNCtion[:ON]", true, ACTION_FUNCTIONS_ASK},
    {"[SENSe[1]]:FUNCtion:OFF", false, ACTION_FUNCTIONS_OFF},
    {"[SENSe[1]]:FUNCtion[:ON]:ALL", false, ACTION_FUNCTIONS_ALL},
    {"[SENSe[1]]:FUNCtion:OFF:ALL", false, ACTION_FUNCTIONS_NONE},
    {"SOURce[1]:CLEar[:IMMediate]", false, ACTION_CLEAR},
    {"[SENSe[1]]:VOLTage[:DC]:PROTection:TRIPped", true, ACTION_TRIPPED_VOLT},
    {"[SENSe[1]]:CURRent[:DC]:PROTection:TRIPped", true, ACTION_TRIPPED_CURR},
    {"OUTPut[1]:ENABle:TRIPped", true, ACTION_INTERLOCK},
    {"SYSTem:TIME:RESet", false, ACTION_TIME_ZERO},
    {"SYSTem:VERSion", true, ACTION_VERSION},
    {"SYSTem:LOCal", false, ACTION_NOTHING},
    {"SYSTem:REMote", false, ACTION_NOTHING},
    {"FORMat[:DATA]", false, ACTION_NOTHING}, /* over RS-232 it is ASCII in any case */
    {"ABORt", false, ACTION_NOTHING},
    {"STATus:PRESet", false, ACTION_NOTHING},
    {"SYSTem:BEEPer[:IMMediate]", false, ACTION_NOTHING},
};

static void received(struct keithley *k, const struct cyc_scpi_unit_command *command)
{
    cyc_unit_log(k->scpi.unit, "received %s %s", command->header, command->parameters);
}

static int configure(struct keithley *k, enum element element)
{
    k->functions =
        k->set[SET_CONCURRENT] != 0 ? k->functions | MEASURES(element) : MEASURES(element);
    k->set[SET_TRIGGERS] = 1;
    k->set[SET_ARMS] = 1;
    return 0;
}

static int tripped(struct keithley *k, enum function function, struct cyc_text *answer)
{
    struct cyc_terminals seen;
    cyc_unit_terminals(k->scpi.unit, 0, &seen);
    const bool trips = k->set[SET_FUNCTION] == function && in_compliance(k, &seen);
    cyc_text_append(answer, trips ? "1" : "0");
    return 0;
}

static int fetch(const struct keithley *k, struct cyc_text *answer)
{
    if (!k->has_reading) {
        return -230;
    }
    append_reading(k, answer);
    return 0;
}

static int act(struct keithley *k, enum action action, const struct cyc_scpi_unit_command *command,
               struct cyc_text *answer)
{
    switch (action) {
    case ACTION_RESET:
        received(k, command);
        defaults(k);
        return 0;
    case ACTION_IDENTITY:
        cyc_text_append(answer, k->identity);
        return 0;
    case ACTION_READ:
        return initiate(k, answer);
    case ACTION_FETCH:
        return fetch(k, answer);
    case ACTION_INITIATE:
        return initiate(k, NULL);
    case ACTION_MEASURE_VOLT:
        (void)configure(k, ELEMENT_VOLT);
        return initiate(k, answer);
    case ACTION_MEASURE_CURR:
        (void)configure(k, ELEMENT_CURR);
        return initiate(k, answer);
    case ACTION_MEASURE_RES:
        (void)configure(k, ELEMENT_RES);
        return initiate(k, answer);
    case ACTION_CONFIGURE_VOLT:
        return configure(k, ELEMENT_VOLT);
    case ACTION_CONFIGURE_CURR:
        return configure(k, ELEMENT_CURR);
    case ACTION_ELEMENTS:
        return element_list(command->parameters, ELEMENT_STATUS, &k->elements);
    case ACTION_ELEMENTS_ASK:
        append_elements(answer, k->elements, "", "");
        return 0;
    case ACTION_FUNCTIONS:
        return set_functions(k, command->parameters, true);
    case ACTION_FUNCTIONS_ASK:
        append_elements(answer, k->functions, "\"", ":DC\"");
        return 0;
    case ACTION_FUNCTIONS_OFF:
        return set_functions(k, command->parameters, false);
    case ACTION_FUNCTIONS_ALL:
        k->functions = ALL_FUNCTIONS;
        return 0;
    case ACTION_FUNCTIONS_NONE:
        k->functions = 0;
        return 0;
    case ACTION_CLEAR:
        received(k, command);
        k->set[SET_OUTPUT] = 0;
        drive(k);
        return 0;
    case ACTION_TRIPPED_VOLT:
        return tripped(k, FUNCTION_CURR, answer);
    case ACTION_TRIPPED_CURR:
        return tripped(k, FUNCTION_VOLT, answer);
    case ACTION_INTERLOCK:
        cyc_text_append(answer, blocked(k) ? "0" : "1");
        return 0;
    case ACTION_TIME_ZERO:
        k->zero_ns = cyc_unit_now_ns(k->scpi.unit);
        return 0;
    case ACTION_VERSION:
        cyc_text_append(answer, "1996.0");
        return 0;
    case ACTION_NOTHING:
        return 0;
    }
    return 0;
}

static bool is_setting(unsigned id, const char *header)
{
    /* The integration time is one for all functions. */
    return cyc_scpi_unit_match(rows[id].header, header) ||
           (id == SET_NPLC && cyc_scpi_unit_match("[SENSe[1]]:CURRent[:DC]:NPLCycles", header));
}

static int execute_setting(struct keithley *k, const struct cyc_scpi_unit_command *command,
                           struct cyc_text *answer, bool *found)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        if (is_setting(i, command->header)) {
            *found = true;
            if (command->query) {
                const bool stale =
                    !command->first && cyc_unit_fault(k->scpi.unit, CYC_FAULTY_STALE_RB);
                ask(&rows[i], stale ? k->before[i] : k->set[i], answer);
                return 0;
            }
            return change(k, (enum setting)i, command);
        }
    }
    return CODE_UNDEFINED;
}

static int execute(void *context, const struct cyc_scpi_unit_command *command,
                   struct cyc_text *answer)
{
    struct keithley *k = context;
    bool found = false;
    if (command->first) {
        memcpy(k->before, k->set, sizeof k->before);
    }
    int code = cyc_scpi_unit_common(&k->scpi, command, answer, &found);
    if (!found) {
        code = execute_setting(k, command, answer, &found);
    }
    for (size_t i = 0; !found && i < sizeof actions / sizeof actions[0]; i++) {
        if (actions[i].query == command->query &&
            cyc_scpi_unit_match(actions[i].header, command->header)) {
            found = true;
            code = act(k, actions[i].action, command, answer);
        }
    }
    return code;
}

/* Whether there is such a command. */
static bool knows(void *context, const struct cyc_scpi_unit_command *command)
{
    bool found = command->header[0] == '*' ||
                 cyc_scpi_unit_match("SYSTem:ERRor[:NEXT]", command->header) ||
                 cyc_scpi_unit_match("STATus:QUEue[:NEXT]", command->header);
    (void)context;
    for (unsigned i = 0; !found && i < SETTING_COUNT; i++) {
        found = is_setting(i, command->header);
    }
    for (size_t i = 0; !found && i < sizeof actions / sizeof actions[0]; i++) {
        found = cyc_scpi_unit_match(actions[i].header, command->header);
    }
    return found;
}

/* ---- The instrument -----------------------------------------------------------------------------
 */

static void forget(struct cyc_unit *unit)
{
    struct keithley *k = cyc_unit_state(unit);
    k->scpi.used = 0;
    k->scpi.overrun = false;
    k->scpi.event_enable = 0;
    k->scpi.service_enable = 0;
    k->scpi.error_count = 0;
    k->scpi.event_status = CYC_ESR_PON;
    k->zero_ns = cyc_unit_now_ns(unit);
}

static void power_on(struct cyc_unit *unit)
{
    struct keithley *k = cyc_unit_state(unit);
    forget(unit);
    k->latched = false;
    k->set[SET_LOCKED] = 0;
    defaults(k);
}

/* A protection that lets go leaves the output as it is programmed: on, if nobody switched it off.
 */
static void latch(struct keithley *k, bool begins)
{
    k->latched = begins;
    if (begins) {
        cyc_scpi_unit_error(&k->scpi, CODE_TOO_HOT);
    }
    drive(k);
}

static void fill_errors(struct keithley *k, double count)
{
    for (unsigned i = 0; i < count; i++) {
        cyc_scpi_unit_error(&k->scpi, i % 2 == 0 ? CODE_UNDEFINED : -410);
    }
}

/* The output key; locked where the host has asked for it (SYST:RWL). */
static void press_output(struct keithley *k)
{
    if (k->set[SET_LOCKED] != 0) {
        cyc_unit_log(k->scpi.unit, "output key is locked");
        return;
    }
    k->set[SET_OUTPUT] = k->set[SET_OUTPUT] == 0 ? 1 : 0;
    drive(k);
}

static void fault(struct cyc_unit *unit, int word, bool begins, double value)
{
    struct keithley *k = cyc_unit_state(unit);
    if (word == CYC_FAULTY_LATCH) {
        latch(k, begins);
    } else if (begins && word == CYC_FAULTY_ERRQ) {
        fill_errors(k, value);
    } else if (begins && word == CYC_FAULTY_KNOB) {
        press_output(k);
    } else if (begins && word == CYC_FAULTY_PON_AUTO) {
        cyc_unit_log(unit, "reset");
        forget(unit);
    }
}

static int init(struct cyc_unit *unit, const char *options, struct cyc_err *err)
{
    static const char *const names[] = {"baud",   "function_change", "model",
                                        "serial", "terminator",      NULL};
    struct keithley *k = cyc_unit_state(unit);
    char word[32] = "", model[16] = "2400", serial[32] = "1234567";
    int status = cyc_unit_option_check(options, names, err);
    if (status == CYC_OK) {
        status = cyc_unit_option_number(options, "baud", &k->baud, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    (void)cyc_unit_option(options, "model", model, sizeof model);
    (void)cyc_unit_option(options, "serial", serial, sizeof serial);
    k->scpi.terminator = "\r";
    if (cyc_unit_option(options, "terminator", word, sizeof word)) {
        k->scpi.terminator = strcmp(word, "lf") == 0     ? "\n"
                             : strcmp(word, "crlf") == 0 ? "\r\n"
                             : strcmp(word, "lfcr") == 0 ? "\n\r"
                                                         : "\r";
    }
    (void)cyc_unit_option(options, "function_change", word, sizeof word);
    k->keeps_output = strcmp(word, "off") != 0;
    (void)snprintf(k->identity, sizeof k->identity,
                   "KEITHLEY INSTRUMENTS INC.,MODEL %s,%s,C30 Mar 17 2006 09:29:29/A02  /K/J",
                   model, serial);
    k->scpi.execute = execute;
    k->scpi.knows = knows;
    k->scpi.context = k;
    k->scpi.unit = unit;
    power_on(unit);
    return CYC_OK;
}

static void receive(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    struct keithley *k = cyc_unit_state(unit);
    /* With a baud rate given, an answer of some 40 bytes and the integration take their time. */
    const double wait_s = k->baud > 0 ? 400 / k->baud + 2e-3 * MS_PER_PLC * k->set[SET_NPLC] : 0;
    cyc_scpi_unit_receive(&k->scpi, bytes, size, (int64_t)(wait_s * (double)CYC_S_NS));
}

const struct cyc_emulator cyc_emulator_keithley_2400 = {
    .name = "keithley_2400",
    .title = "Keithley 2400 SourceMeter (SCPI, RS-232)",
    .options = "model=2400 serial=1234567 terminator=cr|lf|crlf|lfcr (cr) baud=0 (0: answers at "
               "once) function_change=keep|off (keep)",
    .state_size = sizeof(struct keithley),
    .output_count = 1,
    .init = init,
    .receive = receive,
    .reset = power_on,
    .faults = UINT64_C(1) << CYC_FAULTY_IGNORE | UINT64_C(1) << CYC_FAULTY_DROP_ALL |
              UINT64_C(1) << CYC_FAULTY_STALE_RB | UINT64_C(1) << CYC_FAULTY_ERRQ |
              UINT64_C(1) << CYC_FAULTY_LATCH | UINT64_C(1) << CYC_FAULTY_KNOB |
              UINT64_C(1) << CYC_FAULTY_PON_AUTO,
    .fault = fault,
};
