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
 * (`function_change=keep|off`). Another says which off state was saved with the power-on setup
 * (SYST:POS SAV0; `off_state=normal|himp`). Not emulated: sweeps, lists, math, limits, buffer,
 * digital port, power envelope between 21 V and 210 V.
 */
#include "keithley_2400/emulator.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const element_names[] = {"VOLTage", "CURRent", "RESistance", "TIME", "STATus"};
static const char *const element_shorts[] = {"VOLT", "CURR", "RES", "TIME", "STAT"};

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
            k->set[i] = cyc_keithley_rows[i].after_reset;
        }
    }
    k->elements = (1u << ELEMENTS) - 1;
    k->functions = MEASURES(ELEMENT_CURR);
    k->has_reading = false;
    cyc_keithley_drive(k);
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
    const bool trips =
        (enum function)k->set[SET_FUNCTION] == function && cyc_keithley_in_compliance(k, &seen);
    cyc_text_append(answer, trips ? "1" : "0");
    return 0;
}

static int fetch(const struct keithley *k, struct cyc_text *answer)
{
    if (!k->has_reading) {
        return -230;
    }
    cyc_keithley_append_reading(k, answer);
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
        return cyc_keithley_initiate(k, answer);
    case ACTION_FETCH:
        return fetch(k, answer);
    case ACTION_INITIATE:
        return cyc_keithley_initiate(k, NULL);
    case ACTION_MEASURE_VOLT:
        (void)configure(k, ELEMENT_VOLT);
        return cyc_keithley_initiate(k, answer);
    case ACTION_MEASURE_CURR:
        (void)configure(k, ELEMENT_CURR);
        return cyc_keithley_initiate(k, answer);
    case ACTION_MEASURE_RES:
        (void)configure(k, ELEMENT_RES);
        return cyc_keithley_initiate(k, answer);
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
        cyc_keithley_drive(k);
        return 0;
    case ACTION_TRIPPED_VOLT:
        return tripped(k, FUNCTION_CURR, answer);
    case ACTION_TRIPPED_CURR:
        return tripped(k, FUNCTION_VOLT, answer);
    case ACTION_INTERLOCK:
        cyc_text_append(answer, cyc_keithley_blocked(k) ? "0" : "1");
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

static int execute_setting(struct keithley *k, const struct cyc_scpi_unit_command *command,
                           struct cyc_text *answer, bool *found)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        if (cyc_keithley_is_setting(i, command->header)) {
            *found = true;
            if (command->query) {
                const bool stale =
                    !command->first && cyc_unit_fault(k->scpi.unit, CYC_FAULTY_STALE_RB);
                cyc_keithley_ask(&cyc_keithley_rows[i], stale ? k->before[i] : k->set[i], answer);
                return 0;
            }
            return cyc_keithley_change(k, (enum setting)i, command);
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
        found = cyc_keithley_is_setting(i, command->header);
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
    k->set[SET_OFF_STATE] = k->saved_off;
    cyc_keithley_drive(k);
}

/* A protection that lets go leaves the output as it is programmed: on, if nobody switched it off.
 */
static void latch(struct keithley *k, bool begins)
{
    k->latched = begins;
    if (begins) {
        cyc_scpi_unit_error(&k->scpi, CODE_TOO_HOT);
    }
    cyc_keithley_drive(k);
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
    cyc_keithley_drive(k);
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
    static const char *const names[] = {"baud",   "function_change", "model", "off_state",
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
    cyc_unit_line_speed(unit, k->baud);
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
    char off_state[8] = "";
    (void)cyc_unit_option(options, "off_state", off_state, sizeof off_state);
    k->saved_off = strcmp(off_state, "himp") == 0 ? OFF_HIMP : OFF_NORM;
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
    cyc_scpi_unit_receive(&k->scpi, bytes, size);
}

const struct cyc_emulator cyc_emulator_keithley_2400 = {
    .name = "keithley_2400",
    .title = "Keithley 2400 SourceMeter (SCPI, RS-232)",
    .options = "model=2400 serial=1234567 terminator=cr|lf|crlf|lfcr (cr) baud=0 (0: no "
               "time on the line, none for a reading) function_change=keep|off (keep) "
               "off_state=normal|himp (normal; of the power-on setup)",
    .state_size = sizeof(struct keithley),
    .output_count = 1,
    .init = init,
    .receive = receive,
    .reset = power_on,
    .faults = UINT64_C(1) << CYC_FAULTY_IGNORE | UINT64_C(1) << CYC_FAULTY_DROP_ALL |
              UINT64_C(1) << CYC_FAULTY_STALE_RB | UINT64_C(1) << CYC_FAULTY_ERRQ |
              UINT64_C(1) << CYC_FAULTY_LATCH | UINT64_C(1) << CYC_FAULTY_KNOB |
              UINT64_C(1) << CYC_FAULTY_PON_AUTO | CYC_FAULTS_OF_CURRENT | CYC_FAULT_BIT(NAN) |
              CYC_FAULT_BIT(OVLD),
    .fault = fault,
};
