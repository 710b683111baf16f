/* Readings of a Keithley 2400: what is a number, what is its state, and whether somebody has
 * changed it at its front panel. */
#include "keithley_2400/smu.h"

#include <math.h>
#include <string.h>

#define AUDIT_EVERY_NS (5 * CYC_S_NS / 2) /* of the setpoint and of the power, by turns */
#define CLOCK_NS       (50 * CYC_MS_NS)   /* above the resolution of the instrument's clock */

enum status_bit {
    STATUS_OVERFLOW = 1u << 0,
    STATUS_COMPLIANCE = 1u << 3,
    STATUS_OVER_VOLTAGE = 1u << 4,
    STATUS_VOLTAGE_SOURCE = 1u << 14,
    STATUS_CURRENT_SOURCE = 1u << 15,
    STATUS_RANGE_COMPLIANCE = 1u << 16
};

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

int cyc_k2400_read(struct smu *smu, struct cyc_reading *reading, int64_t deadline_ns,
                   struct cyc_err *err)
{
    struct raw raw;
    const int status = read_raw(smu, &raw, deadline_ns, err);
    if (status == CYC_OK) {
        decode(smu, &raw, reading);
    }
    return status;
}

/* Somebody at the front panel. */
static int audit_setpoint(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    const bool current = smu->function == FUNCTION_CURRENT;
    const double due = current ? smu->current_A : smu->voltage_V;
    const double digit = CYC_K2400_DIGITS * (current ? smu->current_range_A : smu->voltage_range_V);
    double found;
    const int status = cyc_scpi_query_number(&smu->scpi, current ? ":SOUR:CURR?" : ":SOUR:VOLT?",
                                             &found, deadline_ns, err);
    if (status != CYC_OK) {
        return status;
    }
    if (fabs(found - due) <= digit) {
        return CYC_OK;
    }
    char text[2][CYC_NUMBER_SIZE];
    cyc_k2400_forget(smu);
    return cyc_err_set(err, CYC_E_HELD,
                       "the setpoint is %s, but %s was written: somebody has changed it at the "
                       "instrument",
                       cyc_number_brief(text[0], found, 7), cyc_number_brief(text[1], due, 7));
}

/* What a reading does not tell. A power failure leaves no other sign where the power-on setup has
 * the output on. One question at a time, so that a reading never takes the time of both. */
static int audit(struct smu *smu, int64_t deadline_ns, struct cyc_err *err)
{
    const int64_t now_ns = cyc_bus_now_ns(smu->scpi.bus);
    if (now_ns < smu->audited_ns + AUDIT_EVERY_NS || !smu->ready) {
        return CYC_OK;
    }
    const bool power = !smu->audited_power;
    const int status = power ? cyc_k2400_check_power(smu, deadline_ns, err)
                             : audit_setpoint(smu, deadline_ns, err);
    if (status == CYC_OK) {
        smu->audited_ns = now_ns;
        smu->audited_power = power;
    }
    return status;
}

int cyc_k2400_measure(struct cyc_instrument *instrument, unsigned output,
                      struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err)
{
    struct smu *const smu = cyc_instrument_state(instrument);
    (void)output;
    *reading = (struct cyc_reading){0};
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        reading->values[i] = NAN;
    }
    int status = cyc_k2400_tell_power(smu, err);
    if (status == CYC_OK && !(smu->output_on && smu->ready)) {
        status = cyc_k2400_read_output(smu, deadline_ns, err);
    }
    if (status == CYC_OK && !smu->output_on) {
        /* A question for a reading would be an error with the output off, and stay unanswered. */
        reading->t_ns = cyc_bus_now_ns(smu->scpi.bus);
        reading->flags = smu->driven ? CYC_SAMPLE_ENDED : 0;
        (void)cyc_copy(reading->why, sizeof reading->why, "the output is off");
        return CYC_OK;
    }
    if (status == CYC_OK) {
        status = audit(smu, deadline_ns, err);
    }
    return status == CYC_OK ? cyc_k2400_read(smu, reading, deadline_ns, err) : status;
}
