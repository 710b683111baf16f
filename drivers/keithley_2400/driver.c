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
#include "device/driver.h"
#include "device/scpi.h"
#include "keithley_2400/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEVICE_CLEAR   "\x03"
#define DIGITS         5e-5 /* one digit of a source or compliance setting, of its range */
#define SAFE_QUIET_NS  (15 * CYC_MS_NS)
#define SAFE_STEP_NS   (200 * CYC_MS_NS)
#define AUDIT_EVERY_NS (10 * CYC_S_NS)
#define CLOCK_NS       (50 * CYC_MS_NS) /* above the resolution of the instrument's clock */

enum status_bit {
    STATUS_OVERFLOW = 1u << 0,
    STATUS_COMPLIANCE = 1u << 3,
    STATUS_OVER_VOLTAGE = 1u << 4,
    STATUS_VOLTAGE_SOURCE = 1u << 14,
    STATUS_CURRENT_SOURCE = 1u << 15,
    STATUS_RANGE_COMPLIANCE = 1u << 16
};

enum function { FUNCTION_UNKNOWN, FUNCTION_CURRENT, FUNCTION_VOLTAGE };

struct smu {
    struct cyc_scpi scpi;
    const struct cyc_k2400_model *model;
    bool ready;     /* protect() has set it up, and nothing has undone it */
    bool output_on; /* as last seen */
    bool driven;    /* a setpoint but off was applied and not taken back */
    enum function function;
    /* What was written and read back; NaN: not known. */
    double current_range_A, current_A;  /* current source */
    double voltage_range_V, voltage_V;  /* voltage source */
    double sense_range_V, compliance_V; /* of the current source */
    double sense_range_A, compliance_A; /* of the voltage source */
    double sensed_V;                    /* newest voltage measured with the output on */
    double timestamp_s;                 /* of the newest reading: none comes twice */
    int64_t read_ns;
    int64_t audited_ns;
};

static const struct cyc_driver_option options[] = {
    {"terminator", CYC_KIND_TEXT, NAN, NAN, "CR|LF|CRLF", "CR",
     "end of a line, as set at the front panel"},
    {"sense", CYC_KIND_TEXT, NAN, NAN, "4wire|2wire", "4wire", "how the voltage is sensed"},
    {"nplc", CYC_KIND_NUMBER, 0.01, 10, NULL, "1", "integration time in cycles of the mains"},
    {"rest", CYC_KIND_TEXT, NAN, NAN, "zero|off", "zero",
     "rest as 0 A, so that the voltage is measured, or with the output off and no voltage"},
    {NULL, CYC_KIND_NUMBER, NAN, NAN, NULL, NULL, NULL},
};

static void forget(struct smu *smu)
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
    forget(smu);
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
    return CYC_OK;
}

/* Reading the event register clears it: its power-on bit then tells of a later power failure. */
static int read_power_on(struct smu *smu, bool *power_on, int64_t deadline_ns, struct cyc_err *err)
{
    double events;
    const int status = cyc_scpi_query_number(&smu->scpi, "*ESR?", &events, deadline_ns, err);
    if (status != CYC_OK) {
        return status;
    }
    *power_on = events >= 0 && events < 256 && ((unsigned)events & 0x80u) != 0;
    if (*power_on) {
        forget(smu);
        smu->output_on = false;
    }
    return CYC_OK;
}

static int k2400_identify(struct cyc_instrument *instrument, struct cyc_identity *identity,
                          int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    char reply[CYC_SCPI_REPLY_SIZE];
    *identity = (struct cyc_identity){0};
    int status = cyc_scpi_ask(&smu->scpi, "*IDN?", reply, sizeof reply, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_scpi_identity(reply, identity, err);
    }
    if (status == CYC_OK) {
        status = find_model(smu, identity, err);
    }
    if (status == CYC_OK) {
        cyc_bus_in_step(smu->scpi.bus);
    }
    return status == CYC_OK ? read_power_on(smu, &identity->power_on, deadline_ns, err) : status;
}

/* ---- Writing, and reading back -------------------------------------------------------------- */

static int set_range(struct smu *smu, const char *header, double range, double *kept,
                     int64_t deadline_ns, struct cyc_err *err)
{
    if (*kept == range) {
        return CYC_OK;
    }
    *kept = NAN;
    /* It answers with the full scale, which is 5 % above the name of the range. */
    const int status =
        cyc_scpi_set_number(&smu->scpi, header, range, 0.06 * range, deadline_ns, err);
    *kept = status == CYC_OK ? range : NAN;
    return status;
}

static int set_level(struct smu *smu, const char *header, double value, double digit, double *kept,
                     int64_t deadline_ns, struct cyc_err *err)
{
    if (*kept == value) {
        return CYC_OK;
    }
    *kept = NAN;
    const int status = cyc_scpi_set_number(&smu->scpi, header, value, digit, deadline_ns, err);
    *kept = status == CYC_OK ? value : NAN;
    return status;
}

static int read_output(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    double on;
    const int status = cyc_scpi_query_number(&smu->scpi, ":OUTP?", &on, deadline_ns, err);
    if (status == CYC_OK) {
        smu->output_on = on != 0;
    }
    return status;
}

static int switch_output(struct smu *smu, bool on, int64_t deadline_ns, struct cyc_err *err)
{
    int status = cyc_scpi_write(&smu->scpi, on ? ":OUTP ON" : ":OUTP OFF", deadline_ns, err);
    smu->output_on = smu->output_on || on; /* until it is seen to be off */
    if (status == CYC_OK) {
        status = read_output(smu, deadline_ns, err);
    }
    if (status == CYC_OK && smu->output_on != on) {
        status = cyc_err_set(err, CYC_E_REFUSED, "the output does not switch %s",
                             on ? "on: is its interlock open?" : "off");
    }
    return status;
}

static int set_function(struct smu *smu, enum function function, int64_t deadline_ns,
                        struct cyc_err *err)
{
    if (smu->function == function) {
        return CYC_OK;
    }
    smu->function = FUNCTION_UNKNOWN;
    const int status =
        cyc_scpi_set_word(&smu->scpi, ":SOUR:FUNC", function == FUNCTION_CURRENT ? "CURR" : "VOLT",
                          NULL, deadline_ns, err);
    smu->function = status == CYC_OK ? function : FUNCTION_UNKNOWN;
    return status;
}

/* Compliance of the current source. It cannot lie under a thousandth of the range in force, so the
 * range is set before it; widening goes range first as well. */
static int set_compliance_V(struct smu *smu, double voltage_V, int64_t deadline_ns,
                            struct cyc_err *err)
{
    const double range_V = cyc_k2400_range(smu->model->voltage_ranges_V, voltage_V);
    int status = set_range(smu, ":SENS:VOLT:RANG", range_V, &smu->sense_range_V, deadline_ns, err);
    if (status == CYC_OK) {
        status = set_level(smu, ":SENS:VOLT:PROT", voltage_V, DIGITS * range_V, &smu->compliance_V,
                           deadline_ns, err);
    }
    return status;
}

static int set_compliance_A(struct smu *smu, double current_A, int64_t deadline_ns,
                            struct cyc_err *err)
{
    const double range_A = cyc_k2400_range(smu->model->current_ranges_A, current_A);
    int status = set_range(smu, ":SENS:CURR:RANG", range_A, &smu->sense_range_A, deadline_ns, err);
    if (status == CYC_OK) {
        status = set_level(smu, ":SENS:CURR:PROT", current_A, DIGITS * range_A, &smu->compliance_A,
                           deadline_ns, err);
    }
    return status;
}

/* The level of the current source in the range that resolves it best. Going down, the level goes
 * first: it must fit the range that comes. */
static int set_current(struct smu *smu, double current_A, int64_t deadline_ns, struct cyc_err *err)
{
    const double range_A = cyc_k2400_range(smu->model->current_ranges_A, current_A);
    int status = CYC_OK;
    if (smu->current_range_A > range_A) {
        status = set_level(smu, ":SOUR:CURR", current_A, DIGITS * smu->current_range_A,
                           &smu->current_A, deadline_ns, err);
    }
    const bool moved = smu->current_range_A != range_A;
    if (status == CYC_OK) {
        status =
            set_range(smu, ":SOUR:CURR:RANG", range_A, &smu->current_range_A, deadline_ns, err);
    }
    if (moved && current_A != 0) {
        smu->current_A = NAN; /* once more, with the digits of this range */
    }
    if (status == CYC_OK) {
        status = set_level(smu, ":SOUR:CURR", current_A, DIGITS * range_A, &smu->current_A,
                           deadline_ns, err);
    }
    return status;
}

static int set_voltage(struct smu *smu, double voltage_V, int64_t deadline_ns, struct cyc_err *err)
{
    const double range_V = cyc_k2400_range(smu->model->voltage_ranges_V, voltage_V);
    const double wider_V = smu->voltage_range_V > range_V ? smu->voltage_range_V : range_V;
    int status =
        set_range(smu, ":SOUR:VOLT:RANG", wider_V, &smu->voltage_range_V, deadline_ns, err);
    if (status == CYC_OK) {
        status = set_level(smu, ":SOUR:VOLT", voltage_V, DIGITS * wider_V, &smu->voltage_V,
                           deadline_ns, err);
    }
    return status;
}

/* ---- Set-up --------------------------------------------------------------------------------- */

struct word_row {
    const char *header, *word, *expected;
};

static int write_rows(struct smu *smu, const struct word_row *rows, int64_t deadline_ns,
                      struct cyc_err *err)
{
    int status = CYC_OK;
    for (; rows->header != NULL && status == CYC_OK; rows++) {
        status = cyc_scpi_set_word(&smu->scpi, rows->header, rows->word, rows->expected,
                                   deadline_ns, err);
    }
    return status;
}

static int measure_both(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    char reply[CYC_SCPI_REPLY_SIZE];
    int status = cyc_scpi_write(&smu->scpi, ":SENS:FUNC 'VOLT','CURR'", deadline_ns, err);
    if (status == CYC_OK) {
        status =
            cyc_scpi_query(&smu->scpi, ":SENS:FUNC?", reply, sizeof reply, deadline_ns, NULL, err);
    }
    if (status == CYC_OK && (strstr(reply, "VOLT") == NULL || strstr(reply, "CURR") == NULL)) {
        status =
            cyc_err_set(err, CYC_E_REFUSED,
                        "voltage and current are not both measured: the instrument says %s", reply);
    }
    return status;
}

static int set_up(struct cyc_instrument *instrument, int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    const bool four_wire = strcmp(cyc_instrument_text(instrument, "sense"), "4wire") == 0;
    const struct word_row rows[] = {
        {":OUTP:SMOD", "HIMP", NULL}, /* before all else */
        {":SYST:RSEN", four_wire ? "ON" : "OFF", four_wire ? "1" : "0"},
        {":SOUR:CLE:AUTO", "OFF", "0"},
        {":FORM:ELEM", "VOLT,CURR,TIME,STAT", NULL},
        {":SENS:FUNC:CONC", "ON", "1"},
        {":SOUR:CURR:MODE", "FIX", NULL},
        {":SOUR:VOLT:MODE", "FIX", NULL},
        {NULL, NULL, NULL},
    };
    int status = write_rows(smu, rows, deadline_ns, err);
    if (status == CYC_OK) {
        status = measure_both(smu, deadline_ns, err);
    }
    const double nplc = cyc_instrument_number(instrument, "nplc");
    if (status == CYC_OK) {
        status =
            cyc_scpi_set_number(&smu->scpi, ":SENS:VOLT:NPLC", nplc, 0.01 * nplc, deadline_ns, err);
    }
    return status;
}

static int protect_bounds(const struct smu *smu, const struct cyc_protection *protection,
                          struct cyc_err *err)
{
    const double voltage_V = protection->voltage_max_V;
    if (isnan(voltage_V) || isnan(protection->current_max_A) || isnan(protection->current_min_A)) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "a Keithley 2400 needs bounds of voltage and current; state the "
                           "channel's limits");
    }
    if (voltage_V <= 0 || voltage_V > cyc_k2400_voltage_most_V(smu->model)) {
        char text[CYC_NUMBER_SIZE];
        return cyc_err_set(err, CYC_E_INPUT,
                           "the upper limit of voltage is %s V; a %s takes one up to %.0f V",
                           cyc_number_brief(text, voltage_V, 6), smu->model->number,
                           cyc_k2400_voltage_most_V(smu->model));
    }
    return CYC_OK;
}

static double larger(double a, double b)
{
    return fabs(a) > fabs(b) ? fabs(a) : fabs(b);
}

/* Ends as a current source at 0 A, its output off, compliance at the bounds. */
static int k2400_protect(struct cyc_instrument *instrument, unsigned output,
                         const struct cyc_protection *protection, int64_t deadline_ns,
                         struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
    int status = protect_bounds(smu, protection, err);
    if (status == CYC_OK) {
        status = read_output(smu, deadline_ns, err);
    }
    if (status == CYC_OK && smu->output_on) {
        status = cyc_err_set(err, CYC_E_REFUSED,
                             "the output is on; it is set up with its output off alone");
    }
    if (status != CYC_OK) {
        return status;
    }
    forget(smu);
    smu->driven = false;
    const double current_A = larger(protection->current_min_A, protection->current_max_A);
    status = set_up(instrument, deadline_ns, err);
    if (status == CYC_OK) {
        status = set_compliance_A(smu, fmin(current_A, cyc_k2400_current_most_A(smu->model)),
                                  deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_function(smu, FUNCTION_CURRENT, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_compliance_V(smu, protection->voltage_max_V, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_current(smu, 0, deadline_ns, err);
    }
    smu->ready = status == CYC_OK;
    return status;
}

/* ---- Measuring ------------------------------------------------------------------------------ */

struct raw {
    double values[4]; /* V, A, s, status */
    enum cyc_scpi_value kinds[4];
    int64_t t_ns;
};

static int read_raw(struct smu *smu, struct raw *raw, int64_t deadline_ns, struct cyc_err *err)
{
    char reply[CYC_SCPI_REPLY_SIZE];
    int status =
        cyc_scpi_query(&smu->scpi, ":READ?", reply, sizeof reply, deadline_ns, &raw->t_ns, err);
    if (status == CYC_OK) {
        status = cyc_scpi_numbers(&smu->scpi, reply, raw->values, raw->kinds, 4, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    const bool has_state = raw->kinds[3] == CYC_SCPI_NUMBER && raw->values[3] >= 0 &&
                           raw->values[3] < (double)(1u << 24);
    const bool is_old = raw->values[2] == smu->timestamp_s && raw->t_ns > smu->read_ns + CLOCK_NS;
    if (!has_state || raw->kinds[2] != CYC_SCPI_NUMBER || is_old) {
        cyc_bus_out_of_step(smu->scpi.bus);
        return cyc_err_set(err, CYC_E_STALE, "':READ?': '%s' %s", reply,
                           is_old ? "has the time of an older reading" : "lacks time or status");
    }
    smu->timestamp_s = raw->values[2];
    smu->read_ns = raw->t_ns;
    return CYC_OK;
}

static void take_value(struct cyc_reading *reading, enum cyc_measurand measurand,
                       enum cyc_scpi_value kind, double value, double beyond)
{
    if (kind == CYC_SCPI_NUMBER && fabs(value) <= beyond) {
        reading->values[measurand] = value;
        reading->valid |= 1u << measurand;
        return;
    }
    (void)cyc_copy(reading->why, sizeof reading->why,
                   kind == CYC_SCPI_INVALID    ? "not measured"
                   : kind == CYC_SCPI_OVERFLOW ? "overflow"
                                               : "over range");
}

static void decode(struct smu *smu, const struct raw *raw, struct cyc_reading *reading)
{
    const unsigned state = (unsigned)raw->values[3];
    reading->t_ns = raw->t_ns;
    reading->flags = CYC_SAMPLE_OUTPUT_ON;
    const double current_range_A =
        smu->function == FUNCTION_VOLTAGE ? smu->sense_range_A : smu->current_range_A;
    const double over = (state & STATUS_OVERFLOW) != 0 ? -1 : 1.1;
    take_value(reading, CYC_MEASURAND_VOLTAGE, raw->kinds[0], raw->values[0],
               over * cyc_k2400_voltage_most_V(smu->model));
    take_value(
        reading, CYC_MEASURAND_CURRENT, raw->kinds[1], raw->values[1],
        over * (isnan(current_range_A) ? cyc_k2400_current_most_A(smu->model) : current_range_A));
    const bool at_compliance = (state & (STATUS_COMPLIANCE | STATUS_RANGE_COMPLIANCE)) != 0;
    const unsigned holding = at_compliance ? STATUS_CURRENT_SOURCE : STATUS_VOLTAGE_SOURCE;
    if ((state & holding) != 0) {
        reading->flags |= CYC_SAMPLE_CV;
    }
    if ((state & STATUS_OVER_VOLTAGE) != 0) {
        reading->flags |= CYC_SAMPLE_PROTECTION;
    }
    if ((reading->valid & 1u << CYC_MEASURAND_VOLTAGE) != 0) {
        smu->sensed_V = raw->values[0];
    }
}

/* Somebody at the front panel, or a short power failure that gave no other sign. */
static int audit(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    const int64_t now_ns = cyc_bus_now_ns(smu->scpi.bus);
    if (now_ns < smu->audited_ns + AUDIT_EVERY_NS || !smu->ready) {
        return CYC_OK;
    }
    const bool current = smu->function == FUNCTION_CURRENT;
    const double due = current ? smu->current_A : smu->voltage_V;
    const double digit = DIGITS * (current ? smu->current_range_A : smu->voltage_range_V);
    double found;
    const int status = cyc_scpi_query_number(&smu->scpi, current ? ":SOUR:CURR?" : ":SOUR:VOLT?",
                                             &found, deadline_ns, err);
    if (status != CYC_OK) {
        return status;
    }
    smu->audited_ns = now_ns;
    if (fabs(found - due) <= digit) {
        return CYC_OK;
    }
    char text[2][CYC_NUMBER_SIZE];
    forget(smu);
    return cyc_err_set(err, CYC_E_REPLY,
                       "the setpoint is %s, but %s was written: somebody has changed it at the "
                       "instrument",
                       cyc_number_brief(text[0], found, 7), cyc_number_brief(text[1], due, 7));
}

static int k2400_measure(struct cyc_instrument *instrument, unsigned output,
                         struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
    *reading = (struct cyc_reading){0};
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        reading->values[i] = NAN;
    }
    int status = smu->output_on && smu->ready ? CYC_OK : read_output(smu, deadline_ns, err);
    if (status == CYC_OK && !smu->output_on) {
        /* A question for a reading would be an error with the output off, and stay unanswered. */
        reading->t_ns = cyc_bus_now_ns(smu->scpi.bus);
        reading->flags = smu->driven ? CYC_SAMPLE_ENDED : 0;
        (void)cyc_copy(reading->why, sizeof reading->why, "the output is off");
        return CYC_OK;
    }
    struct raw raw;
    if (status == CYC_OK) {
        status = audit(smu, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = read_raw(smu, &raw, deadline_ns, err);
    }
    if (status == CYC_OK) {
        decode(smu, &raw, reading);
    }
    return status;
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
    return cyc_err_set(
        err, CYC_E_REFUSED, "the cell is at %s V; the compliance of %s V must exceed that",
        cyc_number_brief(text[0], voltage_V, 6), cyc_number_brief(text[1], smu->compliance_V, 6));
}

/* Switches the current source on at 0 A and measures what it is connected to. */
static int connect_at_zero(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    struct cyc_reading reading = {0};
    struct raw raw;
    int status = set_current(smu, 0, deadline_ns, err);
    if (status == CYC_OK) {
        status = switch_output(smu, true, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = read_raw(smu, &raw, deadline_ns, err);
    }
    if (status == CYC_OK) {
        decode(smu, &raw, &reading);
        const bool valid = (reading.valid & 1u << CYC_MEASURAND_VOLTAGE) != 0;
        status = check_held_off(smu, valid ? raw.values[0] : NAN, err);
    }
    if (status == CYC_E_REFUSED) {
        (void)switch_output(smu, false, deadline_ns, NULL); /* the first reason stands */
    }
    return status;
}

static int drive_current(struct smu *smu, const struct cyc_drive *drive, double current_A,
                         int64_t deadline_ns, struct cyc_err *err)
{
    int status = CYC_OK;
    if (smu->function != FUNCTION_CURRENT && smu->output_on) {
        status = switch_output(smu, false, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_function(smu, FUNCTION_CURRENT, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_compliance_V(smu, drive->bounds.voltage_max_V, deadline_ns, err);
    }
    const double latest_V = isnan(drive->latest_V) ? smu->sensed_V : drive->latest_V;
    if (status == CYC_OK && !isnan(latest_V)) {
        status = check_held_off(smu, latest_V, err);
    }
    if (status == CYC_OK && (!smu->output_on || isnan(latest_V))) {
        status = connect_at_zero(smu, deadline_ns, err);
    }
    return status == CYC_OK ? set_current(smu, current_A, deadline_ns, err) : status;
}

/* The compliance is the same in both directions: the wider one of the setpoint's, within the
 * bounds. */
static double hold_current_A(const struct smu *smu, const struct cyc_drive *drive)
{
    const struct cyc_setpoint *const setpoint = &drive->setpoint;
    const double high_A = fmin(fmax(setpoint->current_max_A, 0), drive->bounds.current_max_A);
    const double low_A = fmax(fmin(setpoint->current_min_A, 0), drive->bounds.current_min_A);
    return fmin(larger(high_A, low_A), cyc_k2400_current_most_A(smu->model));
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
        status = switch_output(smu, false, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_compliance_A(smu, current_A, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_voltage(smu, drive->setpoint.value, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = set_function(smu, FUNCTION_VOLTAGE, deadline_ns, err);
    }
    if (status == CYC_OK && !smu->output_on) {
        status = switch_output(smu, true, deadline_ns, err);
    }
    return status;
}

static int rest(struct cyc_instrument *instrument, const struct cyc_drive *drive,
                int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    const bool off = strcmp(cyc_instrument_text(instrument, "rest"), "off") == 0;
    if (off || !smu->ready || isnan(drive->bounds.voltage_max_V)) {
        smu->driven = false;
        return switch_output(smu, false, deadline_ns, err);
    }
    return drive_current(smu, drive, 0, deadline_ns, err);
}

static int k2400_apply(struct cyc_instrument *instrument, unsigned output,
                       const struct cyc_drive *drive, int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
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
        status = cyc_bus_drain(smu->scpi.bus, SAFE_QUIET_NS, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_scpi_prove(&smu->scpi, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = read_output(smu, deadline_ns, err);
    }
    if (status == CYC_OK && smu->output_on) {
        status = cyc_err_set(err, CYC_E_REFUSED, "the output is still on");
    }
    /* Reset or switched on anew it would hold 0 V on the cell with its output off. */
    return status == CYC_OK
               ? cyc_scpi_set_word(&smu->scpi, ":OUTP:SMOD", "HIMP", NULL, deadline_ns, err)
               : status;
}

/* Each attempt sends the whole of it anew: what arrived mutilated is not mended. */
static int k2400_safe(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                      struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
    forget(smu);
    smu->driven = false;
    smu->output_on = true;
    for (;;) {
        const int64_t now_ns = cyc_bus_now_ns(smu->scpi.bus);
        const int64_t step_ns =
            now_ns + SAFE_STEP_NS < deadline_ns ? now_ns + SAFE_STEP_NS : deadline_ns;
        struct cyc_err failure = {0};
        const int status = safe_once(smu, step_ns, &failure);
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
        status = read_power_on(smu, &power_on, deadline_ns, err);
    }
    return status == CYC_OK ? read_output(smu, deadline_ns, err) : status;
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
    .protect = k2400_protect,
    .apply = k2400_apply,
    .measure = k2400_measure,
    .safe = k2400_safe,
    .resync = k2400_resync,
};
