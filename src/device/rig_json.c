/* The channel's part of the rig, in a fixed order: what a run was made under. Addresses are left
 * out, since ports change their names without anything being different. */
#include "device/rig_int.h"

#include <math.h>

static void key_string(struct cyc_json *json, const char *key, const char *value)
{
    cyc_json_key(json, key);
    cyc_json_string(json, value);
}

static void key_number(struct cyc_json *json, const char *key, double value)
{
    if (!isnan(value)) {
        cyc_json_key(json, key);
        cyc_json_number(json, value);
    }
}

static void key_window(struct cyc_json *json, const char *key, double low, double high)
{
    if (!isnan(low) || !isnan(high)) {
        cyc_json_key(json, key);
        cyc_json_open(json, '[');
        cyc_json_number(json, low);
        cyc_json_number(json, high);
        cyc_json_close(json, ']');
    }
}

static void put_calibration(struct cyc_json *json, const char *key,
                            const struct cyc_calibration *calibration)
{
    cyc_json_key(json, key);
    cyc_json_open(json, '{');
    key_number(json, "gain", calibration->gain);
    key_number(json, "offset", calibration->offset);
    key_string(json, "date", calibration->date);
    key_string(json, "due", calibration->due);
    cyc_json_close(json, '}');
}

static void put_instrument(struct cyc_json *json, const char *key, const struct cyc_rig *rig,
                           int index, unsigned output)
{
    if (index < 0) {
        return;
    }
    const struct cyc_rig_instrument *const instrument = &rig->instruments[index];
    cyc_json_key(json, key);
    cyc_json_open(json, '{');
    key_string(json, "instrument", instrument->name);
    key_string(json, "driver", instrument->driver->name);
    key_string(json, "serial_number", instrument->serial_number);
    cyc_json_key(json, "output");
    cyc_json_integer(json, (int64_t)output + 1);
    key_number(json, "poll_s", (double)instrument->poll_ns * 1e-9);
    cyc_json_key(json, "options");
    cyc_json_open(json, '{');
    for (unsigned i = 0; i < instrument->setting_count; i++) {
        key_string(json, instrument->settings[i].name, instrument->settings[i].text);
    }
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
}

static void put_sensor(struct cyc_json *json, const char *key, const struct cyc_rig *rig, int index)
{
    if (index < 0) {
        return;
    }
    const struct cyc_rig_sensor *const sensor = &rig->sensors[index];
    if (key != NULL) {
        cyc_json_key(json, key);
    }
    cyc_json_open(json, '{');
    key_string(json, "name", sensor->name);
    put_instrument(json, "from", rig, sensor->instrument, sensor->output);
    key_string(json, "reads", cyc_measurand_name(sensor->measurand));
    key_string(json, "quantity", cyc_kind_name(sensor->kind));
    key_number(json, "area_cm2", sensor->area_cm2);
    key_number(json, "tare_N", sensor->tare_N);
    put_calibration(json, "calibration", &sensor->calibration);
    cyc_json_close(json, '}');
}

static void put_limits(struct cyc_json *json, const struct cyc_rig_channel *channel)
{
    const struct cyc_protection *const limits = &channel->limits;
    cyc_json_key(json, "limits");
    cyc_json_open(json, '{');
    key_window(json, "voltage_V", limits->voltage_min_V, limits->voltage_max_V);
    key_window(json, "current_A", limits->current_min_A, limits->current_max_A);
    key_number(json, "power_W", channel->power_max_W);
    key_window(json, "temperature_degC", limits->temperature_min_degC,
               limits->temperature_max_degC);
    key_window(json, "pressure_Pa", limits->pressure_min_Pa, limits->pressure_max_Pa);
    cyc_json_close(json, '}');
}

void cyc_rig_channel_put(const struct cyc_rig *rig, unsigned channel, struct cyc_json *json)
{
    const struct cyc_rig_channel *const own = &rig->channels[channel];
    cyc_json_open(json, '{');
    key_string(json, "channel", own->name);
    put_instrument(json, "cycler", rig, own->cycler, own->output);
    put_instrument(json, "chamber", rig, own->chamber, own->chamber_output);
    put_instrument(json, "press", rig, own->press, own->press_output);
    put_sensor(json, "temperature", rig, own->temperature);
    put_sensor(json, "pressure", rig, own->pressure);
    put_sensor(json, "ambient", rig, own->ambient);
    cyc_json_key(json, "sensors");
    cyc_json_open(json, '[');
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        put_sensor(json, NULL, rig, own->aux[i]);
    }
    cyc_json_close(json, ']');
    put_limits(json, own);
    cyc_json_key(json, "calibration");
    cyc_json_open(json, '{');
    put_calibration(json, "voltage", &own->voltage);
    put_calibration(json, "current", &own->current);
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
}

void cyc_rig_channel_json(const struct cyc_rig *rig, unsigned channel, struct cyc_text *text)
{
    struct cyc_json json;
    cyc_json_init(&json, text);
    cyc_rig_channel_put(rig, channel, &json);
}
