/* What is written into a Keithley 2400 and read back, each in a message of its own; setting it up
 * for a cell; and whether its power has failed since. */
#include "keithley_2400/smu.h"

#include <math.h>

#include <string.h>

/* Reading the event register clears it: its power-on bit then tells of a later power failure. */
int cyc_k2400_read_power_on(struct smu *smu, bool *power_on, int64_t deadline_ns,
                            struct cyc_err *err)
{
    double events;
    const int status = cyc_scpi_query_number(&smu->scpi, "*ESR?", &events, deadline_ns, err);
    if (status != CYC_OK) {
        return status;
    }
    *power_on = events >= 0 && events < 256 && ((unsigned)events & 0x80u) != 0;
    if (*power_on) {
        cyc_k2400_forget(smu);
        smu->failed = true;
    }
    return CYC_OK;
}

int cyc_k2400_tell_power(struct smu *smu, struct cyc_err *err)
{
    if (!smu->failed) {
        return CYC_OK;
    }
    smu->failed = false;
    return cyc_err_set(err, CYC_E_HELD,
                       "its power has failed for a moment; nothing of what was set is left");
}

int cyc_k2400_check_power(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    bool power_on = false;
    const int status = cyc_k2400_read_power_on(smu, &power_on, deadline_ns, err);
    return status == CYC_OK ? cyc_k2400_tell_power(smu, err) : status;
}

int cyc_k2400_check_closed(const struct smu *smu, struct cyc_err *err)
{
    return !smu->closed || smu->output_on
               ? CYC_OK
               : cyc_err_set(err, CYC_E_HELD, "the output was switched off at the instrument");
}

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

int cyc_k2400_read_output(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    double on;
    const int status = cyc_scpi_query_number(&smu->scpi, ":OUTP?", &on, deadline_ns, err);
    if (status == CYC_OK) {
        smu->output_on = on != 0;
    }
    return status;
}

int cyc_k2400_switch_output(struct smu *smu, bool on, int64_t deadline_ns, struct cyc_err *err)
{
    int status = on ? cyc_k2400_check_power(smu, deadline_ns, err) : CYC_OK;
    if (status != CYC_OK) {
        return status;
    }
    smu->output_on = smu->output_on || on; /* until it is seen to be off */
    smu->closed = smu->closed && on;
    status = cyc_scpi_write(&smu->scpi, on ? ":OUTP ON" : ":OUTP OFF", deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_k2400_read_output(smu, deadline_ns, err);
    }
    if (status == CYC_OK && smu->output_on != on) {
        status = cyc_err_set(err, CYC_E_REFUSED, "the output does not switch %s",
                             on ? "on: is its interlock open?" : "off");
    }
    smu->closed = status == CYC_OK && on;
    return status;
}

int cyc_k2400_set_function(struct smu *smu, enum k2400_function function, int64_t deadline_ns,
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
int cyc_k2400_set_compliance_V(struct smu *smu, double voltage_V, int64_t deadline_ns,
                               struct cyc_err *err)
{
    const double range_V = cyc_k2400_range(smu->model->voltage_ranges_V, voltage_V);
    int status = set_range(smu, ":SENS:VOLT:RANG", range_V, &smu->sense_range_V, deadline_ns, err);
    if (status == CYC_OK) {
        status = set_level(smu, ":SENS:VOLT:PROT", voltage_V, CYC_K2400_DIGITS * range_V,
                           &smu->compliance_V, deadline_ns, err);
    }
    return status;
}

int cyc_k2400_set_compliance_A(struct smu *smu, double current_A, int64_t deadline_ns,
                               struct cyc_err *err)
{
    const double range_A = cyc_k2400_range(smu->model->current_ranges_A, current_A);
    int status = set_range(smu, ":SENS:CURR:RANG", range_A, &smu->sense_range_A, deadline_ns, err);
    if (status == CYC_OK) {
        status = set_level(smu, ":SENS:CURR:PROT", current_A, CYC_K2400_DIGITS * range_A,
                           &smu->compliance_A, deadline_ns, err);
    }
    return status;
}

/* The level of the current source in the range that resolves it best. Going down, the level goes
 * first: it must fit the range that comes. */
int cyc_k2400_set_current(struct smu *smu, double current_A, int64_t deadline_ns,
                          struct cyc_err *err)
{
    const double range_A = cyc_k2400_range(smu->model->current_ranges_A, current_A);
    int status = CYC_OK;
    if (smu->current_range_A > range_A) {
        status = set_level(smu, ":SOUR:CURR", current_A, CYC_K2400_DIGITS * smu->current_range_A,
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
        status = set_level(smu, ":SOUR:CURR", current_A, CYC_K2400_DIGITS * range_A,
                           &smu->current_A, deadline_ns, err);
    }
    return status;
}

int cyc_k2400_set_voltage(struct smu *smu, double voltage_V, int64_t deadline_ns,
                          struct cyc_err *err)
{
    const double range_V = cyc_k2400_range(smu->model->voltage_ranges_V, voltage_V);
    const double wider_V = smu->voltage_range_V > range_V ? smu->voltage_range_V : range_V;
    int status =
        set_range(smu, ":SOUR:VOLT:RANG", wider_V, &smu->voltage_range_V, deadline_ns, err);
    if (status == CYC_OK) {
        status = set_level(smu, ":SOUR:VOLT", voltage_V, CYC_K2400_DIGITS * wider_V,
                           &smu->voltage_V, deadline_ns, err);
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

double cyc_k2400_larger(double a, double b)
{
    return fabs(a) > fabs(b) ? fabs(a) : fabs(b);
}

/* Ends as a current source at 0 A, its output off, compliance at the bounds. */
int cyc_k2400_protect(struct cyc_instrument *instrument, unsigned output,
                      const struct cyc_protection *protection, int64_t deadline_ns,
                      struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
    int status = protect_bounds(smu, protection, err);
    if (status == CYC_OK) {
        status = cyc_k2400_read_output(smu, deadline_ns, err);
    }
    if (status == CYC_OK && smu->output_on) {
        status = cyc_err_set(err, CYC_E_REFUSED,
                             "the output is on; it is set up with its output off alone");
    }
    if (status != CYC_OK) {
        return status;
    }
    cyc_k2400_forget(smu);
    smu->driven = smu->closed = false;
    const double current_A = cyc_k2400_larger(protection->current_min_A, protection->current_max_A);
    status = set_up(instrument, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_k2400_set_compliance_A(
            smu, fmin(current_A, cyc_k2400_current_most_A(smu->model)), deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_function(smu, FUNCTION_CURRENT, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_compliance_V(smu, protection->voltage_max_V, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_set_current(smu, 0, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_k2400_check_power(smu, deadline_ns, err);
    }
    smu->ready = status == CYC_OK;
    return status;
}
