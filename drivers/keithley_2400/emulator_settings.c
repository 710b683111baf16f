/* The settings of the emulated Keithley 2400: one table, set and asked by their headers. */
#include "keithley_2400/emulator.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct setting_row cyc_keithley_rows[] = {
#define SETTING_ROW(id, kind, low, high, rst, choices, effect, header)                             \
    {header, choices, low, high, rst, kind, effect},
    SETTINGS(SETTING_ROW)
#undef SETTING_ROW
};

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
        fabs(value) > cyc_keithley_source_range(k, id) * OVER_RANGE * 1.000001) {
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
    const double range = cyc_keithley_range(volts, value);
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
    const double range = volts ? cyc_keithley_fixed_range(k, SET_VOLT_SENSE, SET_VOLT_SENSE_AUTO)
                               : cyc_keithley_fixed_range(k, SET_CURR_SENSE, SET_CURR_SENSE_AUTO);
    const double least = cyc_keithley_range(volts, 0);
    if (fabs(value) < 0.001 * (isfinite(range) ? range / OVER_RANGE : least)) {
        return CODE_RANGE;
    }
    k->set[id] = fabs(value);
    return 0;
}

static int put(struct keithley *k, enum setting id, double value)
{
    int code = 0;
    switch (cyc_keithley_rows[id].effect) {
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

int cyc_keithley_change(struct keithley *k, enum setting id,
                        const struct cyc_scpi_unit_command *command)
{
    double value = 0;
    const int code = parameter_value(&cyc_keithley_rows[id], command->parameters, &value);
    if (code != 0) {
        return code;
    }
    if (cyc_keithley_rows[id].effect != NONE) {
        cyc_unit_log(k->scpi.unit, "received %s %s", command->header, command->parameters);
    }
    const bool ignored =
        cyc_keithley_rows[id].effect != NONE && cyc_unit_fault(k->scpi.unit, CYC_FAULTY_IGNORE);
    const int result = ignored ? 0 : put(k, id, value);
    cyc_keithley_drive(k);
    return result;
}

void cyc_keithley_ask(const struct setting_row *row, double value, struct cyc_text *answer)
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

bool cyc_keithley_is_setting(unsigned id, const char *header)
{
    /* The integration time is one for all functions. */
    return cyc_scpi_unit_match(cyc_keithley_rows[id].header, header) ||
           (id == SET_NPLC && cyc_scpi_unit_match("[SENSe[1]]:CURRent[:DC]:NPLCycles", header));
}
