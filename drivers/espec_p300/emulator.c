/* ESPEC chamber with a P-300 or SCP-220 controller, after the maker's own library
 * (EspecNorthAmerica/ChamberConnectLibrary, especinteract.py, p300.py, scp220.py).
 *
 *     [address,]COMMAND[?][, argument…] CR LF   ──►   value,value…  |  OK:…  |  NA:reason   CR LF
 *
 * Every command to this address is answered with one line; another address is not answered. How
 * fast the air follows, and how it drifts when the chamber is off, is the cell's climate. The
 * controller keeps its setpoint when the host is gone: there is no watchdog. That an alarm limit
 * which is passed only raises the alarm is an assumption, as is the text after "OK:".
 */
#include "emulate/emulate.h"
#include "emulate/fault.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_SIZE 128
#define HIGHEST_DEGC  150.0
#define LOWEST_DEGC   (-70.0)

enum mode { MODE_OFF, MODE_STANDBY, MODE_CONSTANT, MODE_RUN };
static const char *const mode_names[] = {"OFF", "STANDBY", "CONSTANT", "RUN"};

struct chamber {
    char line[LINE_MAX_SIZE];
    size_t used;
    double address; /* 0: none */
    bool scp220;
    enum mode mode;
    double set_degC, high_degC, low_degC;
    double ramp_K_per_s; /* of a timed ramp; NaN */
    double ramp_to_degC;
    bool keys_locked;
};

static void control(struct cyc_unit *unit)
{
    const struct chamber *chamber = cyc_unit_state(unit);
    struct cyc_environment environment = {
        .temperature_degC = NAN, .ramp_K_per_s = NAN, .pressure_Pa = NAN};
    switch (chamber->mode) {
    case MODE_OFF:
    case MODE_STANDBY:
        environment.temperature_off = true;
        break;
    case MODE_CONSTANT:
        environment.temperature_degC = chamber->set_degC;
        break;
    case MODE_RUN:
        environment.temperature_degC = chamber->ramp_to_degC;
        environment.ramp_K_per_s = chamber->ramp_K_per_s;
        break;
    }
    cyc_unit_environment(unit, &environment);
}

static double air_degC(struct cyc_unit *unit)
{
    struct cyc_terminals seen;
    cyc_unit_terminals(unit, 0, &seen);
    return seen.overflow ? (double)NAN : seen.sample.ambient_degC;
}

static unsigned alarm_count(struct cyc_unit *unit)
{
    const struct chamber *chamber = cyc_unit_state(unit);
    const double now_degC = air_degC(unit);
    return now_degC > chamber->high_degC || now_degC < chamber->low_degC || isnan(now_degC) ? 1 : 0;
}

static void reply(struct cyc_unit *unit, struct cyc_text *text)
{
    cyc_text_append(text, "\r\n");
    cyc_unit_send(unit, cyc_text_get(text), text->length, 0);
}

/* One decimal; an open sensor reads as the end of the scale. */
static void append_degC(struct cyc_text *text, double value)
{
    char digits[CYC_NUMBER_SIZE];
    const size_t size = cyc_number_fixed(digits, isfinite(value) ? value : 850.0, 1);
    cyc_text_append_size(text, digits, size);
}

/* ---- Questions ----------------------------------------------------------------------------------
 */

static void ask_temperature(struct cyc_unit *unit, struct cyc_text *text)
{
    const struct chamber *chamber = cyc_unit_state(unit);
    append_degC(text, air_degC(unit));
    cyc_text_append(text, ",");
    append_degC(text, chamber->set_degC);
    cyc_text_append(text, ",");
    append_degC(text, chamber->high_degC);
    cyc_text_append(text, ",");
    append_degC(text, chamber->low_degC);
}

static void ask_monitor(struct cyc_unit *unit, struct cyc_text *text)
{
    const struct chamber *chamber = cyc_unit_state(unit);
    append_degC(text, air_degC(unit));
    cyc_text_format(text, ",,%s,%u", mode_names[chamber->mode], alarm_count(unit));
}

static void ask_alarm(struct cyc_unit *unit, struct cyc_text *text)
{
    const struct chamber *chamber = cyc_unit_state(unit);
    const unsigned count = alarm_count(unit);
    cyc_text_format(text, "%u", count);
    if (count > 0) {
        cyc_text_append(text, air_degC(unit) > chamber->high_degC ? ",1" : ",2");
    }
}

/* A question without its "?"; false: there is no such question. */
static bool answer(struct cyc_unit *unit, const char *question, struct cyc_text *text)
{
    const struct chamber *chamber = cyc_unit_state(unit);
    const bool detail = !chamber->scp220;
    struct cyc_terminals seen;
    cyc_unit_terminals(unit, 0, &seen);
    if (seen.no_number) {
        cyc_text_append(text, "NA:DATA NOT READY");
    } else if (strcmp(question, "ROM?") == 0 || strcmp(question, "ROM?,DISP") == 0) {
        cyc_text_append(text, chamber->scp220 ? "SCP220-1.20" : "P300-1.31");
    } else if (strcmp(question, "TYPE?") == 0) {
        cyc_text_format(text, "T,%s,150.0", chamber->scp220 ? "SCP220" : "P300");
    } else if (strcmp(question, "TEMP?") == 0) {
        ask_temperature(unit, text);
    } else if (strcmp(question, "MON?") == 0 || (detail && strcmp(question, "MON?,DETAIL") == 0)) {
        ask_monitor(unit, text);
    } else if (strcmp(question, "MODE?") == 0 ||
               (detail && strcmp(question, "MODE?,DETAIL") == 0)) {
        cyc_text_append(text, mode_names[chamber->mode]);
    } else if (strcmp(question, "ALARM?") == 0) {
        ask_alarm(unit, text);
    } else if (strcmp(question, "CONSTANT SET?,TEMP") == 0) {
        append_degC(text, chamber->set_degC);
        cyc_text_append(text, ",ON");
    } else if (strcmp(question, "%?") == 0) {
        cyc_text_append(text, chamber->mode >= MODE_CONSTANT ? "1,50.0" : "1,0.0");
    } else {
        return false;
    }
    return true;
}

/* ---- Commands -----------------------------------------------------------------------------------
 */

/* The number behind a letter or word, "S25.0"; NaN: not there. */
static double number_after(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    double value = NAN;
    size_t used = 0;
    if (at == NULL) {
        return NAN;
    }
    at += strlen(word);
    return cyc_number_parse(at, strlen(at), &value, &used) ? value : NAN;
}

static const char *set_temperature(struct cyc_unit *unit, const char *arguments)
{
    struct chamber *chamber = cyc_unit_state(unit);
    const double set = number_after(arguments, "S");
    const double high = number_after(arguments, "H");
    const double low = number_after(arguments, "L");
    if (isnan(set) && isnan(high) && isnan(low)) {
        return "PARA ERR";
    }
    const double new_high = isnan(high) ? chamber->high_degC : high;
    const double new_low = isnan(low) ? chamber->low_degC : low;
    const double new_set = isnan(set) ? chamber->set_degC : set;
    if (new_set > HIGHEST_DEGC || new_set < LOWEST_DEGC || new_set > new_high ||
        new_set < new_low || new_high > HIGHEST_DEGC + 10 || new_low < LOWEST_DEGC - 10) {
        return "DATA OUT OF RANGE";
    }
    chamber->set_degC = nearbyint(new_set * 10) / 10;
    chamber->high_degC = new_high;
    chamber->low_degC = new_low;
    if (chamber->mode == MODE_CONSTANT) {
        control(unit);
    }
    return NULL;
}

static const char *set_mode(struct cyc_unit *unit, const char *word)
{
    struct chamber *chamber = cyc_unit_state(unit);
    if (strcmp(word, "RUN") == 0) {
        return "PARA ERR"; /* programs are started by PRGM,RUN */
    }
    for (unsigned i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
        if (strcmp(word, mode_names[i]) == 0) {
            chamber->mode = (enum mode)i;
            control(unit);
            return NULL;
        }
    }
    return "PARA ERR";
}

/* RUN PRGM, TEMP20.0 TIME1:30 GOTEMP60.0 */
static const char *run_ramp(struct cyc_unit *unit, const char *arguments)
{
    struct chamber *chamber = cyc_unit_state(unit);
    const double from = number_after(arguments, "TEMP");
    const double to = number_after(arguments, "GOTEMP");
    const double hours = number_after(arguments, "TIME");
    const char *colon = strchr(arguments, ':');
    const double minutes = colon != NULL ? number_after(colon, ":") : 0;
    const double time_s = hours * 3600 + minutes * 60;
    if (isnan(from) || isnan(to) || !(time_s > 0)) {
        return "PARA ERR";
    }
    if (to > chamber->high_degC || to < chamber->low_degC) {
        return "DATA OUT OF RANGE";
    }
    chamber->mode = MODE_RUN;
    chamber->ramp_to_degC = to;
    chamber->ramp_K_per_s = fmax(fabs(to - from) / time_s, 1e-6);
    control(unit);
    return NULL;
}

/* NULL: done; else why not. */
static const char *command(struct cyc_unit *unit, const char *line)
{
    struct chamber *chamber = cyc_unit_state(unit);
    if (strncmp(line, "TEMP,", 5) == 0) {
        return set_temperature(unit, line + 5);
    }
    if (strncmp(line, "MODE,", 5) == 0) {
        return set_mode(unit, line + 5 + strspn(line + 5, " "));
    }
    if (strcmp(line, "POWER,ON") == 0) {
        return set_mode(unit, chamber->mode == MODE_OFF ? "STANDBY" : mode_names[chamber->mode]);
    }
    if (strcmp(line, "POWER,OFF") == 0) {
        return set_mode(unit, "OFF");
    }
    if (strncmp(line, "RUN PRGM,", 9) == 0) {
        return run_ramp(unit, line + 9);
    }
    if (strcmp(line, "PRGM,END,STANDBY") == 0) {
        return chamber->mode == MODE_RUN ? set_mode(unit, "STANDBY") : "INVALID REQ";
    }
    if (strncmp(line, "KEYPROTECT,", 11) == 0) {
        chamber->keys_locked = strcmp(line + 11, "ON") == 0;
        return NULL;
    }
    return strncmp(line, "HUMI,", 5) == 0 ? "INVALID REQ" : "CMD ERR";
}

static void run_line(struct cyc_unit *unit, char *line)
{
    const struct chamber *chamber = cyc_unit_state(unit);
    struct cyc_text text = {0};
    for (char *at = line; *at != '\0'; at++) {
        *at = cyc_unit_upper(*at);
    }
    if (chamber->address > 0) {
        double address = 0;
        size_t used = 0;
        if (!cyc_number_parse(line, strlen(line), &address, &used) || line[used] != ',' ||
            address != chamber->address) {
            return; /* for another chamber on the same wire */
        }
        line += used + 1;
    }
    if (strchr(line, '?') != NULL) {
        if (!answer(unit, line, &text)) {
            cyc_text_append(&text, "NA:CMD ERR");
        }
    } else {
        cyc_unit_log(unit, "received %s", line);
        const char *why = cyc_unit_fault(unit, CYC_FAULTY_IGNORE) ? NULL : command(unit, line);
        cyc_text_format(&text, "%s%s", why == NULL ? "OK:" : "NA:", why == NULL ? line : why);
    }
    reply(unit, &text);
    cyc_text_release(&text);
}

static void receive(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    struct chamber *chamber = cyc_unit_state(unit);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            chamber->line[chamber->used] = '\0';
            chamber->used = 0;
            if (chamber->line[0] != '\0') {
                run_line(unit, chamber->line);
            }
        } else if (bytes[i] != '\r' && chamber->used + 1 < sizeof chamber->line) {
            chamber->line[chamber->used++] = (char)bytes[i];
        }
    }
}

/* ---- The controller -----------------------------------------------------------------------------
 */

/* It comes back off: a chamber does not heat by itself after a power cut. */
static void power_on(struct cyc_unit *unit)
{
    struct chamber *chamber = cyc_unit_state(unit);
    chamber->used = 0;
    chamber->mode = MODE_STANDBY;
    control(unit);
}

static int init(struct cyc_unit *unit, const char *options, struct cyc_err *err)
{
    static const char *const names[] = {"address", "model", "mode", "set", NULL};
    struct chamber *chamber = cyc_unit_state(unit);
    char word[16] = "";
    chamber->high_degC = HIGHEST_DEGC;
    chamber->low_degC = LOWEST_DEGC;
    chamber->mode = MODE_CONSTANT;
    chamber->set_degC = nearbyint(air_degC(unit) * 10) / 10;
    int status = cyc_unit_option_check(options, names, err);
    status = status == CYC_OK ? cyc_unit_option_number(options, "address", &chamber->address, err)
                              : status;
    const double before_degC = chamber->set_degC;
    status =
        status == CYC_OK ? cyc_unit_option_number(options, "set", &chamber->set_degC, err) : status;
    chamber->scp220 =
        cyc_unit_option(options, "model", word, sizeof word) && strcmp(word, "scp220") == 0;
    if (cyc_unit_option(options, "mode", word, sizeof word)) {
        chamber->mode = strcmp(word, "off") == 0       ? MODE_OFF
                        : strcmp(word, "standby") == 0 ? MODE_STANDBY
                                                       : MODE_CONSTANT;
    }
    if (status == CYC_OK && (chamber->mode != MODE_CONSTANT || chamber->set_degC != before_degC)) {
        control(unit);
    }
    return status;
}

const struct cyc_emulator cyc_emulator_espec_p300 = {
    .name = "espec_p300",
    .title = "ESPEC chamber with P-300 or SCP-220 controller (ASCII)",
    .options = "address=0 (0: none, as over TCP) model=p300|scp220 mode=constant|standby|off "
               "(constant) set=DEGC (as it is)",
    .state_size = sizeof(struct chamber),
    .output_count = CYC_EMULATION_CELLS_MAX,
    .init = init,
    .receive = receive,
    .reset = power_on,
    .faults = CYC_FAULT_BIT(IGNORE) | CYC_FAULTS_OF_TEMPERATURE | CYC_FAULT_BIT(NAN) |
              CYC_FAULT_BIT(OVLD),
};
