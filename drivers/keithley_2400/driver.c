/* Keithley 2400 SourceMeters, SCPI over RS-232.
 *
 * What makes these instruments awkward with a cell, and what follows:
 *
 *   - With the output off they present 0 V (off state NORMal): a cell discharges through them. So
 *     the off state is made high impedance before anything else, and read back.
 *   - As a current source they only hold off a voltage up to their compliance: a cell above it
 *     drives a current of its own. So compliance must exceed the cell's voltage as measured, or the
 *     output stays off.
 *   - As a voltage source they start from whatever level was set: 0 V on a cell is a short. So
 *     level and current compliance are written and read back with the output off, and function and
 *     sense are changed with the output off.
 *   - With the output off the terminals are disconnected and nothing can be measured. So a rest,
 *     unless the rig says `rest: off`, is a current source at 0 A; `safe` always opens the output.
 *
 *                      protect                apply
 *     unknown ────────────────────► ready ◄──────────── off, current source, voltage source
 *        ▲                            │
 *        └──── safe, power failed ────┘     not ready: every setpoint is refused, a rest is "off"
 *
 * Compliance is the same in both directions: a lower bound of voltage is not the instrument's.
 *
 * Sources: Keithley 2400 Series User's Manual, 2400S-900-01 (set-up and battery notes 3-24, status
 * word 18-50, compliance 18-68, device clear 14-14); see README.md.
 */
#include "keithley_2400/smu.h"

#include <math.h>
#include <string.h>

#define READ_BITS     1000.0 /* question and reading, 630, and now and then an audit */
#define CYCLE_S       0.02   /* of the mains; voltage and current one after the other */
#define DEVICE_CLEAR  "\x03"
#define SAFE_QUIET_NS (15 * CYC_MS_NS)
#define SAFE_FIRST_NS (150 * CYC_MS_NS) /* what is well takes 120 ms at 9600 baud */
#define SAFE_STEP_NS  (CYC_S_NS)        /* the rest of the deadline: some instruments are slow */

static const struct cyc_driver_option options[] = {
    {"terminator", CYC_KIND_TEXT, NAN, NAN, "CR|LF|CRLF", "CR",
     "end of a line, as set at the front panel (the factory's is not verified)"},
    {"sense", CYC_KIND_TEXT, NAN, NAN, "4wire|2wire", "4wire", "how the voltage is sensed"},
    {"nplc", CYC_KIND_NUMBER, 0.01, 10, NULL, "1", "integration time in cycles of the mains"},
    {"rest", CYC_KIND_TEXT, NAN, NAN, "zero|off", "zero",
     "rest as 0 A, so that the voltage is measured, or with the output off and no voltage"},
    {NULL, CYC_KIND_NUMBER, NAN, NAN, NULL, NULL, NULL},
};

void cyc_k2400_forget(struct smu *smu)
{
    smu->ready = false;
    smu->function = FUNCTION_UNKNOWN;
    smu->current_range_A = smu->current_A = NAN;
    smu->voltage_range_V = smu->voltage_V = NAN;
    smu->sense_range_V = smu->compliance_V = NAN;
    smu->sense_range_A = smu->compliance_A = NAN;
    smu->sensed_V = NAN;
}

static int k2400_open(struct cyc_instrument *instrument, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    const char *const terminator = cyc_instrument_text(instrument, "terminator");
    (void)err;
    smu->scpi.bus = cyc_instrument_bus(instrument);
    (void)cyc_copy(smu->scpi.terminator, sizeof smu->scpi.terminator,
                   strcmp(terminator, "LF") == 0   ? "\n"
                   : strcmp(terminator, "CR") == 0 ? "\r"
                                                   : "\r\n");
    smu->model = cyc_k2400_find_model("");
    smu->timestamp_s = NAN;
    cyc_k2400_forget(smu);
    return CYC_OK;
}

/* ---- Who it is ------------------------------------------------------------------------------ */

static int find_model(struct smu *smu, struct cyc_identity *identity, struct cyc_err *err)
{
    const char *const at = strstr(identity->model, "MODEL ");
    const struct cyc_k2400_model *const model = at != NULL ? cyc_k2400_find_model(at + 6) : NULL;
    if (model == NULL) {
        return cyc_err_set(err, CYC_E_IDENTITY, "this is a %s %s, not a Keithley 2400",
                           identity->maker, identity->model);
    }
    smu->model = model;
    memmove(identity->model, at + 6, strlen(at + 6) + 1);
    return CYC_OK;
}

static int k2400_capabilities(struct cyc_instrument *instrument,
                              struct cyc_capabilities *capabilities, struct cyc_err *err)
{
    const struct smu *const smu = cyc_instrument_state(instrument);
    (void)err;
    cyc_k2400_capabilities(smu->model, capabilities);
    const int baud = cyc_bus_settings(smu->scpi.bus)->baud;
    const double line_s = baud > 0 ? READ_BITS / baud : 0;
    const double integration_s = 2 * CYCLE_S * cyc_instrument_number(instrument, "nplc");
    capabilities->fastest_sample_ns = (int64_t)((line_s + integration_s) * (double)CYC_S_NS);
    return CYC_OK;
}

/* Nothing that ends as it should came. Does it end otherwise? It answers to any end of a line. */
static int other_terminator(struct smu *smu, struct cyc_err *err)
{
    static const struct {
        char end[4];
        const char *name;
    } ends[] = {{"\r", "CR"}, {"\n", "LF"}};
    char line[CYC_SCPI_REPLY_SIZE];
    size_t length;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct cyc_frame frame = {.kind = CYC_FRAME_LINE};
        (void)cyc_copy(frame.terminator, sizeof frame.terminator, ends[i].end);
        if (strcmp(ends[i].end, smu->scpi.terminator) != 0 &&
            cyc_bus_read(smu->scpi.bus, &frame, line, sizeof line, &length,
                         cyc_bus_now_ns(smu->scpi.bus), NULL) == CYC_OK &&
            length > 0) {
            return cyc_err_set(err, CYC_E_REPLY,
                               "it answers, but ends its lines with %s; write `terminator: %s` "
                               "among its options, or change the menu of the instrument",
                               ends[i].name, ends[i].name);
        }
    }
    return CYC_E_TIMEOUT;
}

static int k2400_identify(struct cyc_instrument *instrument, struct cyc_identity *identity,
                          int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    char reply[CYC_SCPI_REPLY_SIZE];
    *identity = (struct cyc_identity){0};
    int status = cyc_scpi_ask(&smu->scpi, "*IDN?", reply, sizeof reply, deadline_ns, err);
    if (status == CYC_E_TIMEOUT) {
        return other_terminator(smu, err);
    }
    if (status == CYC_OK) {
        status = cyc_scpi_identity(reply, identity, err);
    }
    if (status == CYC_OK) {
        status = find_model(smu, identity, err);
    }
    if (status == CYC_OK) {
        cyc_bus_in_step(smu->scpi.bus);
    }
    if (status != CYC_OK || !cyc_instrument_is_expected(instrument, identity)) {
        return status; /* the power-on bit of another one is for whoever drives that */
    }
    status = cyc_k2400_read_power_on(smu, &identity->power_on, deadline_ns, err);
    identity->power_on = identity->power_on || smu->failed;
    smu->failed = smu->failed && status != CYC_OK; /* it is told here */
    return status == CYC_E_REPLY
               ? cyc_err_wrap(err, "does its option `terminator` say how it ends its lines?")
               : status;
}

/* ---- Setpoints ------------------------------------------------------------------------------ */

static int check_drive(const struct smu *smu, const struct cyc_drive *drive, struct cyc_err *err)
{
    const struct cyc_setpoint *const setpoint = &drive->setpoint;
    const struct cyc_protection *const bounds = &drive->bounds;
    const bool current = setpoint->control == CYC_CONTROL_CURRENT;
    char text[CYC_NUMBER_SIZE];
    if (!current && setpoint->control != CYC_CONTROL_VOLTAGE) {
        return cyc_err_set(err, CYC_E_UNSUPPORTED,
                           "a Keithley 2400 holds a current or a voltage, nothing else");
    }
    if (!smu->ready) {
        return cyc_err_set(err, CYC_E_REFUSED,
                           "the instrument is not set up for a cell; protect it first");
    }
    if (setpoint->slope_per_s != 0) {
        return cyc_err_set(err, CYC_E_UNSUPPORTED, "a Keithley 2400 runs no ramp by itself");
    }
    const double low = current ? bounds->current_min_A : bounds->voltage_min_V;
    const double high = current ? bounds->current_max_A : bounds->voltage_max_V;
    const double most =
        current ? cyc_k2400_current_most_A(smu->model) : cyc_k2400_voltage_most_V(smu->model);
    if (!isfinite(setpoint->value) || setpoint->value < low || setpoint->value > high ||
        fabs(setpoint->value) > most) {
        return cyc_err_set(err, CYC_E_INPUT, "%s %s lies outside the bounds",
                           cyc_number_brief(text, setpoint->value, 6), current ? "A" : "V");
    }
    if (isnan(bounds->voltage_max_V)) {
        return cyc_err_set(err, CYC_E_INPUT, "there is no upper bound of voltage");
    }
    return CYC_OK;
}

/* Whether the compliance holds off the cell: else the cell drives a current of its own. */
static int check_held_off(const struct smu *smu, double voltage_V, struct cyc_err *err)
{
    if (voltage_V < smu->compliance_V) { /* false for NaN */
        return CYC_OK;
    }
    char text[2][CYC_NUMBER_SIZE];
    if (isnan(voltage_V)) {
        return cyc_err_set(err, CYC_E_REFUSED,
                           "the cell's voltage could not be read, so nobody knows that the "
                           "compliance of %s V exceeds it",
                           cyc_number_brief(text[0], smu->compliance_V, 6));
    }
    return cyc_err_set(
        err, CYC_E_REFUSED, "the cell is at %s V; the compliance of %s V must exceed that",
        cyc_number_brief(text[0], voltage_V, 6), cyc_number_brief(text[1], smu->compliance_V, 6));
}

/* Switches the current source on at 0 A and measures what it is connected to. */
static int connect_at_zero(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    struct cyc_reading reading = {0};
    int status = cyc_k2400_set_current(smu, 0, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_k2400_switch_output(smu, true, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_read(smu, &reading, deadline_ns, err);
    }
    if (status == CYC_OK) {
        const bool valid = (reading.valid & 1u << CYC_MEASURAND_VOLTAGE) != 0;
        status = check_held_off(smu, valid ? reading.values[CYC_MEASURAND_VOLTAGE] : NAN, err);
    }
    if (status == CYC_E_REFUSED) {
        (void)cyc_k2400_switch_output(smu, false, deadline_ns, NULL); /* the first reason stands */
    }
    return status;
}

/* For another function. What is to be switched on again must not have been switched off by somebody
 * else in the meantime. */
static int open_for_change(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    int status = cyc_k2400_read_output(smu, deadline_ns, err);
    status = status == CYC_OK ? cyc_k2400_check_closed(smu, err) : status;
    return status == CYC_OK ? cyc_k2400_switch_output(smu, false, deadline_ns, err) : status;
}

static int drive_current(struct smu *smu, const struct cyc_drive *drive, double current_A,
                         int64_t deadline_ns, struct cyc_err *err)
{
    int status = CYC_OK;
    const bool was_on = smu->output_on;
    if (smu->function != FUNCTION_CURRENT && was_on) {
        status = open_for_change(smu, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_function(smu, FUNCTION_CURRENT, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_compliance_V(smu, drive->bounds.voltage_max_V, deadline_ns, err);
    }
    const double latest_V = isnan(drive->latest_V) ? smu->sensed_V : drive->latest_V;
    if (status == CYC_OK && !isnan(latest_V)) {
        status = check_held_off(smu, latest_V, err);
    }
    /* What it was connected to a moment ago is still there. */
    if (status == CYC_OK && (!was_on || isnan(latest_V))) {
        status = connect_at_zero(smu, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_current(smu, current_A, deadline_ns, err);
    }
    return status == CYC_OK && !smu->output_on
               ? cyc_k2400_switch_output(smu, true, deadline_ns, err)
               : status;
}

/* The compliance is the same in both directions: the wider one of the setpoint's, within the
 * bounds. */
static double hold_current_A(const struct smu *smu, const struct cyc_drive *drive)
{
    const struct cyc_setpoint *const setpoint = &drive->setpoint;
    const double high_A = fmin(fmax(setpoint->current_max_A, 0), drive->bounds.current_max_A);
    const double low_A = fmax(fmin(setpoint->current_min_A, 0), drive->bounds.current_min_A);
    return fmin(cyc_k2400_larger(high_A, low_A), cyc_k2400_current_most_A(smu->model));
}

static int drive_voltage(struct smu *smu, const struct cyc_drive *drive, int64_t deadline_ns,
                         struct cyc_err *err)
{
    const double current_A = hold_current_A(smu, drive);
    if (!(current_A > 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "a voltage needs a bound of current above 0 A");
    }
    int status = CYC_OK;
    if (smu->function != FUNCTION_VOLTAGE && smu->output_on) {
        status = open_for_change(smu, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_compliance_A(smu, current_A, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_voltage(smu, drive->setpoint.value, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_function(smu, FUNCTION_VOLTAGE, deadline_ns, err);
    }
    if (status == CYC_OK && !smu->output_on) {
        status = cyc_k2400_switch_output(smu, true, deadline_ns, err);
    }
    return status;
}

/* Reset or switched on anew it would hold 0 V on the cell with its output off. */
static int set_off_state(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    return cyc_scpi_set_word(&smu->scpi, ":OUTP:SMOD", "HIMP", NULL, deadline_ns, err);
}

static int rest(struct cyc_instrument *instrument, const struct cyc_drive *drive,
                int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    const bool off = strcmp(cyc_instrument_text(instrument, "rest"), "off") == 0;
    if (off || !smu->ready || isnan(drive->bounds.voltage_max_V)) {
        smu->driven = false;
        const int status = cyc_k2400_switch_output(smu, false, deadline_ns, err);
        return status == CYC_OK && !smu->ready ? set_off_state(smu, deadline_ns, err) : status;
    }
    return drive_current(smu, drive, 0, deadline_ns, err);
}

static int apply(struct cyc_instrument *instrument, const struct cyc_drive *drive,
                 int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    smu->driven = smu->ready;
    smu->audited_ns = cyc_bus_now_ns(smu->scpi.bus); /* it is read back right here */
    if (drive->setpoint.control == CYC_CONTROL_OPEN) {
        return rest(instrument, drive, deadline_ns, err);
    }
    const int status = check_drive(smu, drive, err);
    if (status != CYC_OK) {
        return status;
    }
    return drive->setpoint.control == CYC_CONTROL_CURRENT
               ? drive_current(smu, drive, drive->setpoint.value, deadline_ns, err)
               : drive_voltage(smu, drive, deadline_ns, err);
}

/* Nothing is driven after a power failure, nor what was switched off at the instrument. And a power
 * failure in the midst of it would leave a voltage source at 0 V under what is believed to
 * be a current source; read back alone, one setting after the other, it does not show. */
static int k2400_apply(struct cyc_instrument *instrument, unsigned output,
                       const struct cyc_drive *drive, int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
    int status = cyc_k2400_tell_power(smu, err);
    status = status == CYC_OK ? cyc_k2400_check_closed(smu, err) : status;
    if (status == CYC_OK && smu->output_on && smu->ready) {
        status = cyc_k2400_check_power(smu, deadline_ns, err); /* else before it is switched on */
    }
    status = status == CYC_OK ? apply(instrument, drive, deadline_ns, err) : status;
    return status == CYC_OK && smu->ready ? cyc_k2400_check_power(smu, deadline_ns, err) : status;
}

/* ---- From any state ------------------------------------------------------------------------- */

/* The device clear throws away what the instrument holds of a command or a reply: a half-sent
 * command is never completed. */
static int clear_and_resync(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    int status = cyc_bus_write(smu->scpi.bus, DEVICE_CLEAR, 1, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_bus_drain(smu->scpi.bus, SAFE_QUIET_NS, deadline_ns, err);
    }
    return status == CYC_OK ? cyc_scpi_resync(&smu->scpi, deadline_ns, err) : status;
}

static int safe_once(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    static const char clear_and_off[] = DEVICE_CLEAR ":OUTP OFF";
    int status = cyc_scpi_write(&smu->scpi, clear_and_off, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_scpi_write(&smu->scpi, clear_and_off, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_bus_drain(smu->scpi.bus, SAFE_QUIET_NS, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_scpi_prove(&smu->scpi, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_read_output(smu, deadline_ns, err);
    }
    if (status == CYC_OK && smu->output_on) {
        status = cyc_err_set(err, CYC_E_REFUSED, "the output is still on");
    }
    return status == CYC_OK ? set_off_state(smu, deadline_ns, err) : status;
}

/* Each attempt sends the whole of it anew: what arrived mutilated is not mended. It is sent twice
 * before anything is waited for, so that one broken byte costs 11 ms at 9600 baud, not a time-out:
 * an instrument that hears is off within 25 ms, and within 175 ms where both were broken. */
static int k2400_safe(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                      struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
    cyc_k2400_forget(smu);
    smu->driven = smu->closed = false;
    smu->output_on = true;
    for (bool again = false;; again = true) {
        const int64_t now_ns = cyc_bus_now_ns(smu->scpi.bus);
        const int64_t step_ns = now_ns + (again ? SAFE_STEP_NS : SAFE_FIRST_NS);
        struct cyc_err failure = {0};
        const int status = safe_once(smu, step_ns < deadline_ns ? step_ns : deadline_ns, &failure);
        if (status == CYC_OK) {
            return CYC_OK;
        }
        if (status == CYC_E_LOST || status == CYC_E_BUG ||
            cyc_bus_now_ns(smu->scpi.bus) >= deadline_ns ||
            cyc_bus_now_ns(smu->scpi.bus) == now_ns) {
            return cyc_err_set(err, status, "%s", failure.text);
        }
    }
}

static int k2400_resync(struct cyc_instrument *instrument, int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    bool power_on;
    int status = clear_and_resync(smu, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_k2400_read_power_on(smu, &power_on, deadline_ns, err);
    }
    return status == CYC_OK ? cyc_k2400_read_output(smu, deadline_ns, err) : status;
}

const struct cyc_driver cyc_driver_keithley_2400 = {
    .api = CYC_DRIVER_API,
    .name = "keithley_2400",
    .title = "Keithley 2400 series SourceMeter (SCPI, RS-232)",
    .models = "MODEL 2400, 2401, 2410, 2420, 2425, 2430, 2440",
    .roles = CYC_ROLE_CYCLER,
    .bus = {.baud = 9600,
            .data_bits = 8,
            .stop_bits = 1,
            .parity = CYC_PARITY_NONE,
            .flow = CYC_FLOW_NONE},
    .options = options,
    .state_size = sizeof(struct smu),
    .open = k2400_open,
    .identify = k2400_identify,
    .capabilities = k2400_capabilities,
    .protect = cyc_k2400_protect,
    .apply = k2400_apply,
    .measure = cyc_k2400_measure,
    .safe = k2400_safe,
    .resync = k2400_resync,
};
