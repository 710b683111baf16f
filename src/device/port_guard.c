/* The channel limits, as the port process keeps them: on every reading, and on every setpoint.
 *
 * These are the limits of the rig; nothing that a protocol or a daemon says goes in here. A
 * reading is beyond a bound when it is so by SLACK of it; far beyond, by FAR of the band's width,
 * trips at once; else the output is measured again without waiting for the grid, and two in a row
 * trip. A temperature or pressure for which there is no time to be measured again, two polls after
 * the reading before, trips at once too. A voltage or current that is no number while the output is
 * on counts as broken too: what cannot be read may be anywhere.
 *
 * Temperatures and pressures are often measured on another port. The process that measures judges
 * and sends a TRIP; and it hands its good readings on, so that the process that holds the output
 * knows how old they are: a sensor, a cable or a whole process that has gone silent trips after
 * three polls, or PORT_FRESH_NS where that is longer.
 */
#include "device/port_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SLACK        1e-9
#define FAR          0.05
#define POWER        CYC_MEASURAND_COUNT       /* its bit in watch.breached */
#define UNREADABLE   (CYC_MEASURAND_COUNT + 1) /* likewise */
#define SURROUNDINGS (1u << CYC_MEASURAND_TEMPERATURE | 1u << CYC_MEASURAND_PRESSURE)
#define AGES_NS      (10 * CYC_MS_NS) /* how often ages are looked at */
#define SILENT_NS    CYC_S_NS /* or three polls: an output that is on must have been read since */

struct band {
    unsigned bit;
    const char *name, *unit;
    double value, low, high; /* NaN: no bound */
};

/* ---- What a channel needs ------------------------------------------------------------------- */

static bool is_bounded(double low, double high)
{
    return !isnan(low) || !isnan(high);
}

static int output_index(const struct port *port, int instrument, unsigned number)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        const struct output *const output = &port->outputs[i];
        if ((int)port->units[output->unit].index == instrument && output->number == number) {
            return (int)i;
        }
    }
    return -1;
}

static void find_sources(const struct cyc_rig *rig, const struct cyc_rig_channel *channel,
                         struct watch *watch)
{
    const struct cyc_protection *const limits = &channel->limits;
    watch->temperature_at = watch->pressure_at = -1;
    if (is_bounded(limits->temperature_min_degC, limits->temperature_max_degC)) {
        const struct cyc_rig_sensor *const sensor =
            channel->temperature >= 0 ? &rig->sensors[channel->temperature] : NULL;
        watch->temperature_at = sensor != NULL ? sensor->instrument : channel->chamber;
        watch->temperature_output = sensor != NULL ? sensor->output : channel->chamber_output;
    }
    if (is_bounded(limits->pressure_min_Pa, limits->pressure_max_Pa)) {
        const struct cyc_rig_sensor *const sensor =
            channel->pressure >= 0 ? &rig->sensors[channel->pressure] : NULL;
        watch->pressure_at = sensor != NULL ? sensor->instrument : channel->press;
        watch->pressure_output = sensor != NULL ? sensor->output : channel->press_output;
    }
}

int cyc_port_guard_init(struct port *port, struct cyc_err *err)
{
    const struct cyc_rig *const rig = port->rig;
    port->watches = calloc(rig->channel_count + 1, sizeof *port->watches);
    if (port->watches == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the channels' limits");
    }
    for (unsigned i = 0; i < rig->channel_count; i++) {
        struct watch *const watch = &port->watches[i];
        const struct cyc_rig_channel *const channel = &rig->channels[i];
        watch->output = output_index(port, channel->cycler, channel->output);
        find_sources(rig, channel, watch);
        const int at[] = {output_index(port, watch->temperature_at, watch->temperature_output),
                          output_index(port, watch->pressure_at, watch->pressure_output)};
        for (unsigned k = 0; k < 2; k++) {
            if (at[k] >= 0) {
                port->outputs[at[k]].surrounds = true;
                port->outputs[at[k]].elsewhere |= watch->output < 0;
            }
        }
    }
    return CYC_OK;
}

/* ---- Values --------------------------------------------------------------------------------- */

static bool is_beyond(const struct band *band, bool *far)
{
    const double width = band->high - band->low;
    const double scale = isfinite(width) ? width : fmax(fabs(band->low), fabs(band->high));
    const double below = band->low - band->value - SLACK * fabs(band->low);   /* NaN: no bound */
    const double above = band->value - band->high - SLACK * fabs(band->high); /* likewise */
    *far = below > FAR * scale || above > FAR * scale;
    return below > 0.0 || above > 0.0;
}

static void say_beyond(const struct band *band, char *text, size_t size)
{
    char value[CYC_NUMBER_SIZE], bound[CYC_NUMBER_SIZE];
    const bool low = band->value < band->low;
    (void)snprintf(text, size, "%s %s %s is %s the channel's limit %s %s", band->name,
                   cyc_number_brief(value, band->value, 6), band->unit, low ? "below" : "above",
                   cyc_number_brief(bound, low ? band->low : band->high, 6), band->unit);
}

/* The channel's output off: by ourselves, or by the process that holds it. */
static void trip(struct port *port, unsigned channel, const char *why)
{
    const int index = port->watches[channel].output;
    if (index >= 0) {
        struct output *const output = &port->outputs[index];
        if (output->on || output->armed) { /* else nothing flows, and nothing will */
            cyc_port_trip_limit(port, output, why);
        }
        return;
    }
    struct cyc_message message = cyc_port_message(port, CYC_MESSAGE_TRIP);
    message.channel = (int32_t)channel;
    (void)cyc_copy(message.text, sizeof message.text, why);
    if (port->options->supervisor_fd >= 0) {
        (void)cyc_message_send(port->options->supervisor_fd, &message, -1, NULL);
    }
}

/* True when the breach is certain. */
static bool judge(struct watch *watch, const struct band *band)
{
    bool far = false;
    const uint32_t bit = 1u << band->bit;
    if (!is_beyond(band, &far)) {
        watch->breached &= ~bit;
        return false;
    }
    const bool again = (watch->breached & bit) != 0;
    watch->breached |= bit;
    return again || far;
}

static unsigned electrical_bands(const struct cyc_rig_channel *channel,
                                 const struct cyc_reading *reading, struct band bands[3])
{
    const struct cyc_protection *const limits = &channel->limits;
    const double V =
        cyc_calibration_apply(&channel->voltage, reading->values[CYC_MEASURAND_VOLTAGE]);
    const double A =
        cyc_calibration_apply(&channel->current, reading->values[CYC_MEASURAND_CURRENT]);
    bands[0] = (struct band){CYC_MEASURAND_VOLTAGE, "voltage", "V", V, limits->voltage_min_V,
                             limits->voltage_max_V};
    bands[1] = (struct band){CYC_MEASURAND_CURRENT, "current", "A", A, limits->current_min_A,
                             limits->current_max_A};
    bands[2] =
        (struct band){POWER, "power", "W", V * A, -channel->power_max_W, channel->power_max_W};
    return 3;
}

static bool is_readable(const struct cyc_reading *reading)
{
    const uint32_t both = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT;
    return (reading->valid & both) == both && isfinite(reading->values[CYC_MEASURAND_VOLTAGE]) &&
           isfinite(reading->values[CYC_MEASURAND_CURRENT]);
}

static void judge_unreadable(struct port *port, struct output *output, struct watch *watch,
                             const struct cyc_reading *reading)
{
    const bool again = (watch->breached & 1u << UNREADABLE) != 0;
    watch->breached |= 1u << UNREADABLE;
    if (output->on) {
        output->due_ns = 0;
    }
    if (output->on && again) {
        char text[96];
        (void)snprintf(text, sizeof text, "voltage or current is no number: %s", reading->why);
        cyc_port_trip(port, output, CYC_E_HELD, text);
    }
}

bool cyc_port_tells_state(const struct port *port, const struct output *output)
{
    const uint32_t traits = port->units[output->unit].capabilities.traits;
    return (traits & (CYC_TRAIT_STREAMS | CYC_TRAIT_RUNS_STEPS)) == 0;
}

/* Is the output as it was left? A rest may have it on or off, as its first reading says. */
static bool is_as_left(const struct port *port, struct output *output,
                       const struct cyc_reading *reading)
{
    const bool is_on = (reading->flags & CYC_SAMPLE_OUTPUT_ON) != 0;
    const uint32_t traits = port->units[output->unit].capabilities.traits;
    const bool ended = output->on && (reading->flags & CYC_SAMPLE_ENDED) != 0 &&
                       (traits & CYC_TRAIT_RUNS_STEPS) != 0;
    if (!output->on || output->drive.setpoint.control != CYC_CONTROL_OPEN) {
        return is_on == output->on || ended;
    }
    if (!output->rest_seen || !cyc_port_tells_state(port, output)) {
        output->rest_seen = true;
        output->rest_on = is_on;
    }
    return is_on == output->rest_on;
}

static void judge_state(struct port *port, struct output *output, const struct cyc_reading *reading)
{
    if (output->unsafe) {
        return; /* it is being switched off: on or off is right */
    }
    if (output->on && (reading->flags & CYC_SAMPLE_PROTECTION) != 0) {
        cyc_port_trip(port, output, CYC_E_HELD, "a protection of the instrument has tripped");
        return;
    }
    if (!output->ours || is_as_left(port, output, reading)) {
        output->odd = 0;
        return;
    }
    output->odd++;
    output->due_ns = 0;
    if (output->odd >= 2) {
        const bool is_on = (reading->flags & CYC_SAMPLE_OUTPUT_ON) != 0;
        cyc_port_trip(port, output, CYC_E_HELD,
                      is_on ? "the output was switched on at the instrument"
                            : "the output was switched off at the instrument");
    }
}

static void judge_output(struct port *port, struct output *output,
                         const struct cyc_reading *reading)
{
    const unsigned channel = (unsigned)output->channel;
    struct watch *const watch = &port->watches[channel];
    judge_state(port, output, reading);
    if ((reading->flags & CYC_SAMPLE_OUTPUT_ON) == 0) {
        output->read_ns = reading->t_ns; /* nothing flows; many cannot measure then */
        watch->breached &= SURROUNDINGS;
        return;
    }
    if (!is_readable(reading)) {
        judge_unreadable(port, output, watch, reading);
        return;
    }
    watch->breached &= ~(1u << UNREADABLE);
    output->read_ns = reading->t_ns;
    struct band bands[3];
    const unsigned count = electrical_bands(&port->rig->channels[channel], reading, bands);
    for (unsigned i = 0; i < count; i++) {
        const bool certain = judge(watch, &bands[i]);
        if (certain && (output->on || output->armed)) {
            char text[160];
            say_beyond(&bands[i], text, sizeof text);
            cyc_port_trip_limit(port, output, text);
        } else if ((watch->breached & 1u << bands[i].bit) != 0 && output->on) {
            output->due_ns = 0;
        }
    }
}

/* ---- Temperature and pressure ----------------------------------------------------------------
 */

static struct band temperature_band(const struct cyc_rig *rig,
                                    const struct cyc_rig_channel *channel,
                                    const struct cyc_reading *reading)
{
    const double value = channel->temperature >= 0
                             ? cyc_rig_sensor_value(&rig->sensors[channel->temperature], reading)
                             : reading->values[CYC_MEASURAND_TEMPERATURE];
    return (struct band){CYC_MEASURAND_TEMPERATURE,
                         "temperature",
                         "degC",
                         value,
                         channel->limits.temperature_min_degC,
                         channel->limits.temperature_max_degC};
}

static struct band pressure_band(const struct cyc_rig *rig, const struct cyc_rig_channel *channel,
                                 const struct cyc_reading *reading)
{
    const double value = channel->pressure >= 0
                             ? cyc_rig_sensor_value(&rig->sensors[channel->pressure], reading)
                             : reading->values[CYC_MEASURAND_PRESSURE];
    return (struct band){
        CYC_MEASURAND_PRESSURE,         "pressure", "Pa", value, channel->limits.pressure_min_Pa,
        channel->limits.pressure_max_Pa};
}

/* Could it be asked again within two polls of the reading before, since when the limit may have
 * been broken? Not after a command, a time-out or an exchange that was slow. */
static bool has_time(const struct port *port, int sensor, int64_t good_ns,
                     const struct cyc_reading *reading)
{
    if (sensor < 0) {
        return true; /* the process that measures it decides */
    }
    const struct output *const output = &port->outputs[sensor];
    const int64_t polls_ns = 2 * port->units[output->unit].rig->poll_ns;
    return reading->t_ns + output->took_ns <= good_ns + polls_ns;
}

static void judge_sensor(struct port *port, unsigned channel, int sensor, const struct band *band,
                         int64_t *good_ns, const struct cyc_reading *reading)
{
    const int64_t before_ns = *good_ns;
    if (!isfinite(band->value)) {
        return; /* its age tells */
    }
    if (reading->t_ns > *good_ns) {
        *good_ns = reading->t_ns;
    }
    const bool certain = judge(&port->watches[channel], band);
    const bool broken = (port->watches[channel].breached & 1u << band->bit) != 0;
    if (certain || (broken && !has_time(port, sensor, before_ns, reading))) {
        char text[160];
        say_beyond(band, text, sizeof text);
        trip(port, channel, text);
    }
}

/* The first reading beyond a limit is repeated without waiting for the grid. */
static void judge_temperature(struct port *port, unsigned channel, int sensor,
                              const struct cyc_reading *reading)
{
    struct watch *const watch = &port->watches[channel];
    const uint32_t before = watch->breached;
    const struct band band = temperature_band(port->rig, &port->rig->channels[channel], reading);
    judge_sensor(port, channel, sensor, &band, &watch->temperature_ns, reading);
    if (sensor >= 0 && (watch->breached & ~before) != 0) {
        port->outputs[sensor].due_ns = 0;
    }
}

static void judge_pressure(struct port *port, unsigned channel, int sensor,
                           const struct cyc_reading *reading)
{
    struct watch *const watch = &port->watches[channel];
    const uint32_t before = watch->breached;
    const struct band band = pressure_band(port->rig, &port->rig->channels[channel], reading);
    judge_sensor(port, channel, sensor, &band, &watch->pressure_ns, reading);
    if (sensor >= 0 && (watch->breached & ~before) != 0) {
        port->outputs[sensor].due_ns = 0;
    }
}

void cyc_port_guard_reading(struct port *port, unsigned instrument, unsigned output,
                            const struct cyc_reading *reading, bool here)
{
    const int index = here ? output_index(port, (int)instrument, output) : -1;
    if (index >= 0 && port->outputs[index].channel >= 0) {
        judge_output(port, &port->outputs[index], reading);
    }
    if (index >= 0 && !port->outputs[index].surrounds) {
        return;
    }
    for (unsigned i = 0; i < port->rig->channel_count; i++) {
        const struct watch *const watch = &port->watches[i];
        if (watch->temperature_at == (int)instrument && watch->temperature_output == output) {
            judge_temperature(port, i, index, reading);
        }
        if (watch->pressure_at == (int)instrument && watch->pressure_output == output) {
            judge_pressure(port, i, index, reading);
        }
    }
}

static int64_t patience_ns(const struct cyc_rig *rig, int instrument)
{
    const int64_t polls_ns = 3 * rig->instruments[instrument].poll_ns;
    return polls_ns > PORT_FRESH_NS ? polls_ns : PORT_FRESH_NS;
}

static bool is_old(const struct cyc_rig *rig, int instrument, int64_t good_ns, int64_t now)
{
    return instrument >= 0 && (good_ns == 0 || now - good_ns > patience_ns(rig, instrument));
}

int cyc_port_guard_fresh(const struct port *port, unsigned channel, int64_t now,
                         struct cyc_err *err)
{
    const struct watch *const watch = &port->watches[channel];
    if (is_old(port->rig, watch->temperature_at, watch->temperature_ns, now)) {
        return cyc_err_set(err, CYC_E_REFUSED,
                           "the channel has limits of temperature, but '%s' has not measured it "
                           "lately",
                           port->rig->instruments[watch->temperature_at].name);
    }
    if (is_old(port->rig, watch->pressure_at, watch->pressure_ns, now)) {
        return cyc_err_set(
            err, CYC_E_REFUSED,
            "the channel has limits of pressure, but '%s' has not measured it lately",
            port->rig->instruments[watch->pressure_at].name);
    }
    return CYC_OK;
}

int cyc_port_guard_surroundings(const struct port *port, unsigned channel, struct cyc_err *err)
{
    const uint32_t breached = port->watches[channel].breached & SURROUNDINGS;
    const bool warm = (breached & 1u << CYC_MEASURAND_TEMPERATURE) != 0;
    if (breached != 0) {
        return cyc_err_set(err, CYC_E_REFUSED, "refused: the %s is beyond the channel's limits",
                           warm ? "temperature" : "pressure");
    }
    return CYC_OK;
}

void cyc_port_guard_ages(struct port *port, int64_t now)
{
    struct cyc_err err;
    if (now - port->aged_ns < AGES_NS) {
        return;
    }
    port->aged_ns = now;
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        if (!output->on || output->unsafe || output->channel < 0) {
            continue;
        }
        const int64_t polls_ns = 3 * port->units[output->unit].rig->poll_ns;
        const int64_t patience = polls_ns > SILENT_NS ? polls_ns : SILENT_NS;
        if (now - output->read_ns > patience) {
            cyc_port_trip(port, output, CYC_E_LOST,
                          "voltage and current could not be read for too long");
        } else if (cyc_port_guard_fresh(port, (unsigned)output->channel, now, &err) != CYC_OK) {
            cyc_port_trip(port, output, CYC_E_LOST, err.text);
        }
    }
}

/* ---- Setpoints ------------------------------------------------------------------------------- */

static int check(const char *name, const char *unit, double value, double low, double high,
                 struct cyc_err *err)
{
    const struct band band = {0, name, unit, value, low, high};
    bool far;
    if (!isfinite(value)) {
        return cyc_err_set(err, CYC_E_REFUSED, "the %s asked for is no number", name);
    }
    if (is_beyond(&band, &far)) {
        char text[160];
        say_beyond(&band, text, sizeof text);
        return cyc_err_set(err, CYC_E_REFUSED, "refused: the asked %s", text);
    }
    return CYC_OK;
}

static int check_compliance(const struct cyc_setpoint *setpoint,
                            const struct cyc_protection *limits, struct cyc_err *err)
{
    int status = check("current compliance", "A", setpoint->current_min_A, limits->current_min_A,
                       limits->current_max_A, err);
    status = status == CYC_OK ? check("current compliance", "A", setpoint->current_max_A,
                                      limits->current_min_A, limits->current_max_A, err)
                              : status;
    if (status == CYC_OK && setpoint->current_min_A > setpoint->current_max_A) {
        status = cyc_err_set(err, CYC_E_REFUSED, "the current compliance is upside down");
    }
    return status;
}

/* The current that a load draws at the highest voltage the channel may see. */
static int check_load(double load_ohm, const struct cyc_protection *limits, struct cyc_err *err)
{
    if (!(load_ohm > 0.0) || !isfinite(load_ohm)) {
        return cyc_err_set(err, CYC_E_REFUSED, "the load asked for is no resistance");
    }
    return check("current into the load", "A", -limits->voltage_max_V / load_ohm,
                 limits->current_min_A, limits->current_max_A, err);
}

int cyc_port_guard_drive(const struct port *port, const struct output *output,
                         const struct cyc_drive *drive, struct cyc_err *err)
{
    const struct cyc_rig_channel *const channel = &port->rig->channels[output->channel];
    const struct cyc_protection *const limits = &channel->limits;
    const struct cyc_setpoint *const setpoint = &drive->setpoint;
    const double power_W = channel->power_max_W;
    int status;
    if (!isfinite(setpoint->slope_per_s)) {
        return cyc_err_set(err, CYC_E_REFUSED, "the slope asked for is no number");
    }
    switch (setpoint->control) {
    case CYC_CONTROL_OPEN:
        return CYC_OK;
    case CYC_CONTROL_CURRENT:
        return check("current", "A", setpoint->value, limits->current_min_A, limits->current_max_A,
                     err);
    case CYC_CONTROL_VOLTAGE:
        status = check("voltage", "V", setpoint->value, limits->voltage_min_V,
                       limits->voltage_max_V, err);
        return status == CYC_OK ? check_compliance(setpoint, limits, err) : status;
    case CYC_CONTROL_POWER:
        return check("power", "W", setpoint->value, -power_W, power_W, err);
    case CYC_CONTROL_LOAD:
        return check_load(setpoint->value, limits, err);
    }
    return cyc_err_set(err, CYC_E_REFUSED, "there is no such control");
}

int cyc_port_guard_environment(const struct port *port, unsigned channel,
                               const struct cyc_environment *environment, struct cyc_err *err)
{
    const struct cyc_protection *const limits = &port->rig->channels[channel].limits;
    int status = CYC_OK;
    if (!isnan(environment->temperature_degC)) {
        status = check("temperature", "degC", environment->temperature_degC,
                       limits->temperature_min_degC, limits->temperature_max_degC, err);
    }
    if (status == CYC_OK && !isnan(environment->pressure_Pa)) {
        status = check("pressure", "Pa", environment->pressure_Pa, limits->pressure_min_Pa,
                       limits->pressure_max_Pa, err);
    }
    if (status == CYC_OK && !isnan(environment->ramp_K_per_s) &&
        !(environment->ramp_K_per_s > 0.0 && isfinite(environment->ramp_K_per_s))) {
        status = cyc_err_set(err, CYC_E_REFUSED, "the ramp asked for is no rate");
    }
    return status;
}

int cyc_port_guard_present(const struct port *port, const struct output *output,
                           struct cyc_err *err)
{
    const struct cyc_rig_channel *const channel = &port->rig->channels[output->channel];
    struct band bands[3];
    if ((output->last.flags & CYC_SAMPLE_OUTPUT_ON) == 0 || !is_readable(&output->last)) {
        return CYC_OK; /* many instruments see the cell only once they are connected to it */
    }
    const unsigned count = electrical_bands(channel, &output->last, bands);
    for (unsigned i = 0; i < count; i++) {
        bool far;
        if (is_beyond(&bands[i], &far)) {
            char text[160];
            say_beyond(&bands[i], text, sizeof text);
            return cyc_err_set(err, CYC_E_REFUSED, "refused: the %s", text);
        }
    }
    return CYC_OK;
}
