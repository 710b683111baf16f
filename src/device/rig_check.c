/* What only the whole rig shows: who shares what, limits beyond the instruments, polling, what is
 * there and not used, calibrations that are due. */
#include "device/rig_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void refuse_second(struct cyc_rig_reader *reader, struct cyc_pos pos, struct cyc_pos first,
                          const char *hint, const char *message)
{
    struct cyc_diag *const diag = cyc_rig_say(reader, CYC_SEVERITY_ERROR, pos, "%s", message);
    diag->hint = hint;
    diag->related = first;
    diag->related_text = "the first stands here";
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static bool same_settings(const struct cyc_rig_instrument *a, const struct cyc_rig_instrument *b)
{
    bool same = a->driver == b->driver && a->setting_count == b->setting_count;
    for (unsigned i = 0; same && i < a->setting_count; i++) {
        same = strcmp(a->settings[i].name, b->settings[i].name) == 0 &&
               strcmp(a->settings[i].text, b->settings[i].text) == 0;
    }
    return same;
}

static bool same_bus(const struct cyc_bus_settings *a, const struct cyc_bus_settings *b)
{
    return a->baud == b->baud && a->data_bits == b->data_bits && a->stop_bits == b->stop_bits &&
           a->parity == b->parity;
}

/* Two instruments on one port: both have addresses, and different ones. */
static void check_pair(struct cyc_rig_reader *reader, const struct cyc_rig_instrument *first,
                       const struct cyc_rig_instrument *second)
{
    char text[256];
    const struct cyc_rig_instrument *const alone =
        (first->capabilities.traits & CYC_TRAIT_SHARES_PORT) == 0 ? first : second;
    if ((alone->capabilities.traits & CYC_TRAIT_SHARES_PORT) == 0) {
        (void)snprintf(text, sizeof text, "`%s` and `%s` are on one port, but %s has no address",
                       first->name, second->name, alone->driver->name);
        refuse_second(reader, second->pos, first->pos, "give each a port of its own", text);
    } else if (same_settings(first, second)) {
        (void)snprintf(text, sizeof text, "nothing tells `%s` from `%s` on their port",
                       second->name, first->name);
        refuse_second(reader, second->pos, first->pos, "give each its own address in `options`",
                      text);
    } else if (!same_bus(&first->driver->bus, &second->driver->bus)) {
        struct cyc_diag *const diag =
            cyc_rig_say(reader, CYC_SEVERITY_WARNING, second->pos,
                        "%s and %s leave the factory with different serial settings",
                        first->driver->name, second->driver->name);
        diag->hint = "set both instruments alike and state baud and parity at the port";
    }
}

static void check_port(struct cyc_rig_reader *reader, unsigned index)
{
    const struct cyc_rig *const rig = reader->rig;
    const struct cyc_rig_port *const port = &rig->ports[index];
    const struct cyc_rig_instrument *first = NULL;
    double load = 0.0; /* of the time there is; who asks for too much alone is told so himself */
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        const struct cyc_rig_instrument *const instrument = &rig->instruments[i];
        if (instrument->port != (int)index) {
            continue;
        }
        if (first == NULL) {
            first = instrument;
        } else {
            check_pair(reader, first, instrument);
        }
        load += fmin(
            (double)instrument->capabilities.fastest_sample_ns / (double)instrument->poll_ns, 1.0);
    }
    if (first == NULL) {
        cyc_rig_say(reader, CYC_SEVERITY_WARNING, port->pos, "no instrument is on port `%s`",
                    port->name)
            ->hint = "leave it out, or name it as some instrument's `port`";
    } else if (load > 1.0) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, port->pos,
                    "the instruments on port `%s` cannot be polled so often: it takes %d %% of the "
                    "time there is",
                    port->name, (int)(load * 100.0 + 0.5))
            ->hint = "raise their `poll`, or give some a port of their own";
    }
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(rig->ports[i].address, port->address) == 0) {
            refuse_second(reader, port->pos, rig->ports[i].pos,
                          "instruments that share a wire name the same port",
                          "two ports have the same address");
        }
    }
}

/* ---- Instruments ----------------------------------------------------------------------------- */

static bool is_used(const struct cyc_rig *rig, int instrument)
{
    for (unsigned i = 0; i < rig->channel_count; i++) {
        const struct cyc_rig_channel *const channel = &rig->channels[i];
        if (channel->cycler == instrument || channel->chamber == instrument ||
            channel->press == instrument) {
            return true;
        }
    }
    for (unsigned i = 0; i < rig->sensor_count; i++) {
        if (rig->sensors[i].instrument == instrument) {
            return true;
        }
    }
    return false;
}

static void check_instrument(struct cyc_rig_reader *reader, unsigned index)
{
    const struct cyc_rig_instrument *const instrument = &reader->rig->instruments[index];
    const struct cyc_capabilities *const can = &instrument->capabilities;
    char text[64];
    if (instrument->poll_ns < can->fastest_sample_ns) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, instrument->pos,
                    "`%s` cannot be polled so often: one measurement takes %s", instrument->name,
                    cyc_quantity_text(text, sizeof text, (double)can->fastest_sample_ns * 1e-9,
                                      CYC_KIND_TIME))
            ->hint = "raise its `poll`";
    }
    if ((can->roles & CYC_ROLE_CYCLER) != 0 && instrument->poll_ns > 10 * CYC_S_NS) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, instrument->pos,
                    "`%s` drives a cell: its limits must be looked at every 10 s or more often",
                    instrument->name)
            ->hint = "poll: 1 s";
    }
    if (!is_used(reader->rig, (int)index) && instrument->note[0] == '\0') {
        cyc_rig_say(reader, CYC_SEVERITY_WARNING, instrument->pos,
                    "no channel and no sensor uses `%s`", instrument->name)
            ->hint = "leave it out, or say in its `note` why it is here";
    }
}

/* ---- Sensors --------------------------------------------------------------------------------- */

static void check_due(struct cyc_rig_reader *reader, struct cyc_pos pos, const char *what,
                      const struct cyc_calibration *calibration)
{
    char today[16] = "";
    struct tm fields;
    const time_t now = time(NULL);
    if (calibration->due[0] == '\0') {
        return;
    }
    if (calibration->date[0] != '\0' && strcmp(calibration->due, calibration->date) < 0) {
        (void)cyc_rig_say(reader, CYC_SEVERITY_ERROR, pos,
                          "the calibration of %s is due before it was made", what);
    } else if (localtime_r(&now, &fields) != NULL &&
               strftime(today, sizeof today, "%Y-%m-%d", &fields) > 0 &&
               strcmp(calibration->due, today) < 0) {
        (void)cyc_rig_say(reader, CYC_SEVERITY_WARNING, pos,
                          "the calibration of %s has been due since %s", what, calibration->due);
    }
}

static bool sensor_is_used(const struct cyc_rig *rig, int sensor)
{
    for (unsigned i = 0; i < rig->channel_count; i++) {
        const struct cyc_rig_channel *const channel = &rig->channels[i];
        bool used = channel->temperature == sensor || channel->pressure == sensor ||
                    channel->ambient == sensor;
        for (unsigned k = 0; k < CYC_AUX_MAX; k++) {
            used = used || channel->aux[k] == sensor;
        }
        if (used) {
            return true;
        }
    }
    return false;
}

static void check_sensor(struct cyc_rig_reader *reader, unsigned index)
{
    const struct cyc_rig_sensor *const sensor = &reader->rig->sensors[index];
    char what[CYC_RIG_NAME_SIZE + 16];
    if (!sensor_is_used(reader->rig, (int)index)) {
        cyc_rig_say(reader, CYC_SEVERITY_WARNING, sensor->pos, "no channel uses sensor `%s`",
                    sensor->name)
            ->hint = "name it in a channel as temperature, pressure, ambient or in sensors";
    }
    (void)snprintf(what, sizeof what, "sensor `%s`", sensor->name);
    check_due(reader, sensor->pos, what, &sensor->calibration);
}

/* ---- Channels -------------------------------------------------------------------------------- */

static void check_role(struct cyc_rig_reader *reader, const struct cyc_rig_channel *channel,
                       int instrument, uint32_t role, const char *word)
{
    const struct cyc_rig_instrument *const found =
        instrument >= 0 ? &reader->rig->instruments[instrument] : NULL;
    if (found == NULL || (found->capabilities.roles & role) != 0) {
        return;
    }
    struct cyc_diag *const diag =
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, channel->pos, "`%s` is no %s: driver %s is for %s",
                    found->name, word, found->driver->name, found->driver->title);
    diag->related = found->pos;
    diag->related_text = "the instrument stands here";
}

struct window {
    const char *what;
    enum cyc_kind kind;
    double low, high;         /* the channel's limits; NaN: not stated */
    double can_low, can_high; /* the instrument's */
};

static void check_window(struct cyc_rig_reader *reader, const struct cyc_rig_channel *channel,
                         const struct cyc_rig_instrument *instrument, const struct window *window,
                         enum cyc_severity severity)
{
    char low[64];
    char high[64];
    /* NaN on either side: nothing to compare */
    if (!(window->low < window->can_low) && !(window->high > window->can_high)) {
        return;
    }
    struct cyc_diag *const diag =
        cyc_rig_say(reader, severity, channel->pos, "the limits of %s go beyond what `%s` can do",
                    window->what, instrument->name);
    diag->hint =
        cyc_diags_format(reader->diags, "it goes from %s to %s",
                         cyc_quantity_text(low, sizeof low, window->can_low, window->kind),
                         cyc_quantity_text(high, sizeof high, window->can_high, window->kind));
}

static void check_limits(struct cyc_rig_reader *reader, const struct cyc_rig_channel *channel)
{
    const struct cyc_rig *const rig = reader->rig;
    const struct cyc_protection *const limits = &channel->limits;
    const struct cyc_rig_instrument *const cycler = &rig->instruments[channel->cycler];
    const struct cyc_capabilities *const can = &cycler->capabilities;
    const struct window electrical[] = {
        {"voltage", CYC_KIND_VOLTAGE, limits->voltage_min_V, limits->voltage_max_V,
         can->voltage_min_V, can->voltage_max_V},
        {"current", CYC_KIND_CURRENT, limits->current_min_A, limits->current_max_A,
         can->current_min_A, can->current_max_A}};
    for (size_t i = 0; i < sizeof electrical / sizeof electrical[0]; i++) {
        check_window(reader, channel, cycler, &electrical[i], CYC_SEVERITY_ERROR);
    }
    if (channel->chamber >= 0) {
        const struct cyc_rig_instrument *const chamber = &rig->instruments[channel->chamber];
        const struct window window = {"temperature",
                                      CYC_KIND_TEMPERATURE,
                                      limits->temperature_min_degC,
                                      limits->temperature_max_degC,
                                      chamber->capabilities.temperature_min_degC,
                                      chamber->capabilities.temperature_max_degC};
        check_window(reader, channel, chamber, &window, CYC_SEVERITY_WARNING);
    }
    if (channel->press >= 0) {
        const struct cyc_rig_instrument *const press = &rig->instruments[channel->press];
        const struct window window = {"pressure",
                                      CYC_KIND_PRESSURE,
                                      limits->pressure_min_Pa,
                                      limits->pressure_max_Pa,
                                      press->capabilities.pressure_min_Pa,
                                      press->capabilities.pressure_max_Pa};
        check_window(reader, channel, press, &window, CYC_SEVERITY_WARNING);
    }
}

/* A limit of something that nobody measures would never trip. */
static void check_measured(struct cyc_rig_reader *reader, const struct cyc_rig_channel *channel)
{
    const struct cyc_protection *const limits = &channel->limits;
    if (!isnan(limits->temperature_max_degC) && channel->temperature < 0 && channel->chamber < 0) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, channel->pos,
                    "a limit of temperature, but nothing measures the temperature of `%s`",
                    channel->name)
            ->hint = "name a sensor (temperature: …) or a chamber";
    }
    if (!isnan(limits->pressure_max_Pa) && channel->pressure < 0 && channel->press < 0) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, channel->pos,
                    "a limit of pressure, but nothing measures the pressure of `%s`", channel->name)
            ->hint = "name a sensor (pressure: …) or a press";
    }
}

static void check_watchdog(struct cyc_rig_reader *reader, const struct cyc_rig_channel *channel)
{
    const struct cyc_rig_instrument *const cycler = &reader->rig->instruments[channel->cycler];
    const struct cyc_capabilities *const can = &cycler->capabilities;
    if (can->watchdog == CYC_WATCHDOG_NONE && (can->traits & CYC_TRAIT_OWN_CUTOFF) == 0 &&
        !cycler->accept_no_watchdog) {
        struct cyc_diag *const diag = cyc_rig_say(
            reader, CYC_SEVERITY_ERROR, cycler->pos,
            "`%s` has no watchdog: when this computer stops, it goes on driving the cell of `%s`",
            cycler->name, channel->name);
        diag->hint = "have a cut-off in hardware, then take the risk knowingly: "
                     "accept: no_watchdog";
    }
}

static bool has_sensor_twice(const struct cyc_rig_channel *channel)
{
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (channel->aux[i] >= 0 && channel->aux[i] == channel->aux[k]) {
                return true;
            }
        }
    }
    return false;
}

static void check_channel(struct cyc_rig_reader *reader, unsigned index)
{
    const struct cyc_rig *const rig = reader->rig;
    const struct cyc_rig_channel *const channel = &rig->channels[index];
    const unsigned errors = reader->diags->error_count;
    char text[2 * CYC_RIG_NAME_SIZE + 64];
    check_role(reader, channel, channel->cycler, CYC_ROLE_CYCLER, "cycler");
    check_role(reader, channel, channel->chamber, CYC_ROLE_CHAMBER, "chamber");
    check_role(reader, channel, channel->press, CYC_ROLE_PRESS, "press");
    if (reader->diags->error_count != errors) {
        return;
    }
    for (unsigned i = 0; i < index; i++) {
        const struct cyc_rig_channel *const other = &rig->channels[i];
        if (other->cycler == channel->cycler && other->output == channel->output) {
            (void)snprintf(text, sizeof text, "`%s` and `%s` are on the same output", other->name,
                           channel->name);
            refuse_second(reader, channel->pos, other->pos, "one output drives one cell", text);
        }
    }
    check_limits(reader, channel);
    check_measured(reader, channel);
    check_watchdog(reader, channel);
    if (has_sensor_twice(channel)) {
        (void)cyc_rig_say(reader, CYC_SEVERITY_ERROR, channel->pos,
                          "a sensor stands twice in `sensors`");
    }
    (void)snprintf(text, sizeof text, "voltage of channel `%s`", channel->name);
    check_due(reader, channel->pos, text, &channel->voltage);
    (void)snprintf(text, sizeof text, "current of channel `%s`", channel->name);
    check_due(reader, channel->pos, text, &channel->current);
}

void cyc_rig_check(struct cyc_rig_reader *reader)
{
    const struct cyc_rig *const rig = reader->rig;
    static const char *const sections[] = {"ports", "instruments", "sensors", "channels"};
    void (*const checks[])(struct cyc_rig_reader * reader, unsigned index) = {
        check_port, check_instrument, check_sensor, check_channel};
    const unsigned counts[] = {rig->port_count, rig->instrument_count, rig->sensor_count,
                               rig->channel_count};
    for (size_t s = 0; s < sizeof counts / sizeof counts[0]; s++) {
        cyc_rig_enter(reader, sections[s]);
        for (unsigned i = 0; i < counts[s]; i++) {
            checks[s](reader, i);
        }
        cyc_rig_leave(reader);
    }
}
