/* Alicat PC/PCD pressure controller, after its manuals (MC-series p43, IVCD p20, M-series p32,
 * PC-series p35) and numat/alicat for what two-number frames look like.
 *
 *     A            poll                        A +050.01 +050.00 [HLD] [LCK]   pressure, setpoint
 *     AS5.44       setpoint in its unit        the frame with the new setpoint
 *     A16000       setpoint in counts, 64000 are full scale
 *     AHP AHC AC   hold the valve, close it, cancel
 *     AP AL AU     tare, lock keys, unlock
 *     A??M* A??D*  who made it, what the frame holds     AVE  firmware
 *     AR122 AW122=34    register: which pressure is controlled
 *     A@=@ @@=A    streaming on; polling again under the name A
 *
 * Lines end with CR, letters in either case. A command it refuses is answered with "?"; other
 * units' commands are not answered. The last setpoint is kept when the host is gone.
 *
 * The gas works on the cell through a piston: stack pressure = gas pressure × ratio of the areas.
 */
#include "emulate/emulate.h"
#include "emulate/fault.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_SIZE 64
#define COUNTS        64000.0
#define ROOM_PA       1e5
#define STREAM_NS     (50 * CYC_MS_NS)

struct controller {
    char line[LINE_MAX_SIZE];
    size_t used;
    char id;
    const char *unit;
    double unit_Pa, full_scale, ratio;
    double set, tare;
    double controlled; /* register 122 */
    bool holds, closed, locked, streams;
};

/* NaN: its sensor gives nothing. */
static double gas(struct cyc_unit *unit)
{
    const struct controller *pc = cyc_unit_state(unit);
    struct cyc_terminals seen;
    cyc_unit_terminals(unit, 0, &seen);
    if (seen.no_number || seen.overflow) {
        return seen.overflow ? 2 * pc->full_scale : (double)NAN;
    }
    return seen.sample.pressure_Pa / pc->ratio / pc->unit_Pa;
}

static void control(struct cyc_unit *unit, double pressure)
{
    const struct controller *pc = cyc_unit_state(unit);
    const struct cyc_environment environment = {
        .temperature_degC = NAN,
        .ramp_K_per_s = NAN,
        .pressure_Pa = fmax(pressure * pc->unit_Pa * pc->ratio, ROOM_PA)};
    cyc_unit_environment(unit, &environment);
}

/* "+050.01": a sign and five digits, as many before the point as full scale has. */
static void append_number(const struct controller *pc, struct cyc_text *text, double value)
{
    char digits[CYC_NUMBER_SIZE];
    const int before = pc->full_scale < 10     ? 1
                       : pc->full_scale < 100  ? 2
                       : pc->full_scale < 1000 ? 3
                                               : 4;
    const size_t size = cyc_number_fixed(digits, fabs(value), 5 - before);
    cyc_text_append(text, value < 0 ? " -" : " +");
    for (size_t i = size; i < 6; i++) {
        cyc_text_append(text, "0");
    }
    cyc_text_append_size(text, digits, size);
}

static void send(struct cyc_unit *unit, struct cyc_text *text)
{
    cyc_text_append(text, "\r");
    cyc_unit_send(unit, cyc_text_get(text), text->length, 0);
    cyc_text_release(text);
}

static void send_frame(struct cyc_unit *unit)
{
    const struct controller *pc = cyc_unit_state(unit);
    struct cyc_text text = {0};
    const double now = gas(unit) - pc->tare;
    cyc_text_append_size(&text, &pc->id, 1);
    append_number(pc, &text, isfinite(now) ? now : 0);
    append_number(pc, &text, pc->set);
    cyc_text_append(&text, isfinite(now) && now <= 1.28 * pc->full_scale ? "" : " POV");
    cyc_text_append(&text, pc->holds || pc->closed ? " HLD" : "");
    cyc_text_append(&text, pc->locked ? " LCK" : "");
    send(unit, &text);
}

static void send_line(struct cyc_unit *unit, const char *line)
{
    const struct controller *pc = cyc_unit_state(unit);
    struct cyc_text text = {0};
    cyc_text_format(&text, "%c %s", pc->id, line);
    send(unit, &text);
}

static void refuse(struct cyc_unit *unit)
{
    struct cyc_text text = {0};
    cyc_text_append(&text, "?");
    send(unit, &text);
}

static void set_point(struct cyc_unit *unit, const char *word, double scale)
{
    struct controller *pc = cyc_unit_state(unit);
    double value = 0;
    size_t used = 0;
    cyc_unit_log(unit, "received setpoint %s", word);
    if (!cyc_number_parse(word, strlen(word), &value, &used) || used != strlen(word) ||
        value * scale < 0 || value * scale > pc->full_scale) {
        refuse(unit);
        return;
    }
    if (!cyc_unit_fault(unit, CYC_FAULTY_IGNORE)) {
        pc->set = value * scale;
        if (!pc->holds && !pc->closed) {
            control(unit, pc->set + pc->tare);
        }
    }
    send_frame(unit);
}

/* A valve that is held or closed keeps the gas that is there. */
static void valve(struct cyc_unit *unit, bool holds, bool closed)
{
    struct controller *pc = cyc_unit_state(unit);
    pc->holds = holds;
    pc->closed = closed;
    cyc_unit_log(unit, "received valve %s", holds ? "hold" : closed ? "close" : "cancel");
    control(unit, holds || closed ? gas(unit) : pc->set + pc->tare);
    send_frame(unit);
}

static void describe(struct cyc_unit *unit)
{
    const struct controller *pc = cyc_unit_state(unit);
    char line[80];
    send_line(unit, "D00 NAME______ TYPE______ WIDTH NOTES_______________");
    send_line(unit, "D01 Unit ID    string         1");
    (void)snprintf(line, sizeof line, "D02 Pressure   s decimal     7 %s", pc->unit);
    send_line(unit, line);
    (void)snprintf(line, sizeof line, "D03 Setpoint   s decimal     7 %s", pc->unit);
    send_line(unit, line);
}

static void make(struct cyc_unit *unit)
{
    send_line(unit, "M00 Alicat Scientific");
    send_line(unit, "M04 PC-EMULATED");
    send_line(unit, "M05 Serial number 123456");
    send_line(unit, "M09 Firmware 6v21.0-R22");
}

static void registers(struct cyc_unit *unit, const char *command)
{
    struct controller *pc = cyc_unit_state(unit);
    char line[40];
    double value = 0;
    size_t used = 0;
    const bool writes = command[0] == 'W';
    if (strncmp(command + 1, "122", 3) != 0) {
        refuse(unit);
        return;
    }
    if (writes &&
        (command[4] != '=' || !cyc_number_parse(command + 5, strlen(command + 5), &value, &used))) {
        refuse(unit);
        return;
    }
    pc->controlled = writes ? value : pc->controlled;
    (void)snprintf(line, sizeof line, " 122 = %d", (int)pc->controlled);
    send_line(unit, line);
}

static void obey(struct cyc_unit *unit, const char *command)
{
    struct controller *pc = cyc_unit_state(unit);
    const char first = command[0];
    if (first == '\0') {
        send_frame(unit);
    } else if (first == 'S') {
        set_point(unit, command + 1, 1);
    } else if (first >= '0' && first <= '9') {
        set_point(unit, command, pc->full_scale / COUNTS);
    } else if (strcmp(command, "HP") == 0 || strcmp(command, "$$H") == 0) {
        valve(unit, true, false);
    } else if (strcmp(command, "HC") == 0) {
        valve(unit, false, true);
    } else if (strcmp(command, "C") == 0 || strcmp(command, "$$C") == 0) {
        valve(unit, false, false);
    } else if (strcmp(command, "P") == 0) {
        cyc_unit_log(unit, "received tare");
        pc->tare = gas(unit);
        send_frame(unit);
    } else if (strcmp(command, "L") == 0 || strcmp(command, "U") == 0 ||
               strcmp(command, "$$L") == 0 || strcmp(command, "$$U") == 0) {
        pc->locked = command[strlen(command) - 1] == 'L';
        send_frame(unit);
    } else if (strcmp(command, "??D*") == 0) {
        describe(unit);
    } else if (strcmp(command, "??M*") == 0) {
        make(unit);
    } else if (strcmp(command, "VE") == 0 || strcmp(command, "??M9") == 0) {
        send_line(unit, "6v21.0-R22 Nov 30 2016,14:04:20");
    } else if (first == 'R' || first == 'W') {
        registers(unit, command);
    } else if (strcmp(command, "@=@") == 0) {
        pc->streams = true;
        cyc_unit_wake(unit, cyc_unit_now_ns(unit));
    } else {
        refuse(unit);
    }
}

static void run_line(struct cyc_unit *unit, char *line)
{
    struct controller *pc = cyc_unit_state(unit);
    for (char *at = line; *at != '\0'; at++) {
        *at = cyc_unit_upper(*at);
    }
    const char *name = strncmp(line, "@@=", 3) == 0   ? line + 3
                       : strncmp(line, "@@ ", 3) == 0 ? line + 3
                                                      : NULL;
    if (name != NULL && cyc_unit_is_letter(name[0])) {
        pc->streams = false;
        pc->id = name[0];
        send_frame(unit);
    } else if (line[0] == pc->id && !pc->streams) {
        obey(unit, line + 1);
    }
}

static void receive(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    struct controller *pc = cyc_unit_state(unit);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\r') {
            pc->line[pc->used] = '\0';
            pc->used = 0;
            run_line(unit, pc->line);
        } else if (pc->used + 1 < sizeof pc->line) {
            pc->line[pc->used++] = (char)bytes[i];
        }
    }
}

static void tick(struct cyc_unit *unit)
{
    const struct controller *pc = cyc_unit_state(unit);
    if (pc->streams) {
        send_frame(unit);
        cyc_unit_wake(unit, cyc_unit_now_ns(unit) + STREAM_NS);
    }
}

/* The setpoint is kept in memory: it goes on as before. */
static void power_on(struct cyc_unit *unit)
{
    struct controller *pc = cyc_unit_state(unit);
    pc->used = 0;
    pc->streams = false;
    pc->holds = false;
    pc->closed = false;
    control(unit, pc->set + pc->tare);
}

static int init(struct cyc_unit *unit, const char *options, struct cyc_err *err)
{
    static const char *const names[] = {"id", "unit", "full_scale", "ratio", NULL};
    struct controller *pc = cyc_unit_state(unit);
    char word[16] = "";
    *pc = (struct controller){.id = 'A',
                              .unit = "kPa",
                              .unit_Pa = 1e3,
                              .full_scale = 1000,
                              .ratio = 100,
                              .controlled = 34};
    int status = cyc_unit_option_check(options, names, err);
    status = status == CYC_OK ? cyc_unit_option_number(options, "full_scale", &pc->full_scale, err)
                              : status;
    status = status == CYC_OK ? cyc_unit_option_number(options, "ratio", &pc->ratio, err) : status;
    if (status != CYC_OK) {
        return status;
    }
    if (cyc_unit_option(options, "id", word, sizeof word)) {
        pc->id = cyc_unit_upper(word[0]);
    }
    if (cyc_unit_option(options, "unit", word, sizeof word)) {
        const bool psi = strcmp(word, "psi") == 0;
        const bool bar = strcmp(word, "bar") == 0;
        pc->unit = psi ? "PSI" : bar ? "bar" : "kPa";
        pc->unit_Pa = psi ? 6894.757293168 : bar ? 1e5 : 1e3;
    }
    if (!cyc_unit_is_letter(pc->id) || !(pc->full_scale > 0) || !(pc->ratio > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "id is A to Z, full_scale and ratio are above 0");
    }
    pc->set = gas(unit);
    return CYC_OK;
}

const struct cyc_emulator cyc_emulator_alicat_pc = {
    .name = "alicat_pc",
    .title = "Alicat PC pressure controller (ASCII)",
    .options = "id=A unit=kPa|psi|bar (kPa) full_scale=1000 ratio=100 (piston area / cell area)",
    .state_size = sizeof(struct controller),
    .output_count = CYC_EMULATION_CELLS_MAX,
    .init = init,
    .receive = receive,
    .tick = tick,
    .reset = power_on,
    .faults =
        CYC_FAULT_BIT(IGNORE) | CYC_FAULTS_OF_PRESSURE | CYC_FAULT_BIT(NAN) | CYC_FAULT_BIT(OVLD),
};
