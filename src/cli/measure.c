/* `cyclostat measure RIG`: one reading of each channel, calibrated. */
#include "cli/contact.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "cyclostat measure [RIG] [--channel CHANNEL] [--watch] [--json]\n\n"
    "Reads every channel of a rig once: voltage, current, temperature, pressure and the named\n"
    "sensors, calibrated as the rig says. Nothing is changed on any instrument; outputs that are\n"
    "off stay off.\n\n"
    "  --channel CHANNEL   this channel only\n"
    "  --watch             again every second, until Ctrl-C\n"
    "  --json              one JSON array per reading\n\n"
    "Exit codes: 0 all were read, 1 mistakes in the rig file, 2 usage, 4 an instrument does not\n"
    "answer.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"channel", required_argument, NULL, 'n'},
                                        {"watch", no_argument, NULL, 'w'},
                                        {"json", no_argument, NULL, 'j'},
                                        {0}};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct values {
    double voltage_V, current_A, temperature_degC, ambient_degC, pressure_Pa;
    bool output_on;
};

static const struct cyc_reading *reading_of(const struct cyc_contact *contact, int instrument,
                                            unsigned output)
{
    return &contact->found[instrument].readings[output];
}

static double value_of(const struct cyc_reading *reading, enum cyc_measurand measurand)
{
    return (reading->valid & 1u << measurand) != 0 ? reading->values[measurand] : (double)NAN;
}

static double sensor_of(const struct cyc_contact *contact, int sensor)
{
    const struct cyc_rig_sensor *const own = &contact->rig->sensors[sensor];
    return cyc_rig_sensor_value(own, reading_of(contact, own->instrument, own->output));
}

static struct values values_of(const struct cyc_contact *contact,
                               const struct cyc_rig_channel *channel)
{
    const struct cyc_reading *const cell = reading_of(contact, channel->cycler, channel->output);
    struct values values = {NAN, NAN, NAN, NAN, NAN, false};
    values.voltage_V =
        cyc_calibration_apply(&channel->voltage, value_of(cell, CYC_MEASURAND_VOLTAGE));
    values.current_A =
        cyc_calibration_apply(&channel->current, value_of(cell, CYC_MEASURAND_CURRENT));
    values.output_on = (cell->flags & CYC_SAMPLE_OUTPUT_ON) != 0;
    if (channel->chamber >= 0) {
        values.ambient_degC =
            value_of(reading_of(contact, channel->chamber, channel->chamber_output),
                     CYC_MEASURAND_TEMPERATURE);
    }
    if (channel->ambient >= 0) {
        values.ambient_degC = sensor_of(contact, channel->ambient);
    }
    values.temperature_degC =
        channel->temperature >= 0 ? sensor_of(contact, channel->temperature) : values.ambient_degC;
    if (channel->pressure >= 0) {
        values.pressure_Pa = sensor_of(contact, channel->pressure);
    } else if (channel->press >= 0) {
        values.pressure_Pa = value_of(reading_of(contact, channel->press, channel->press_output),
                                      CYC_MEASURAND_PRESSURE);
    }
    return values;
}

/* ---- Printing -------------------------------------------------------------------------------- */

static void put_quantity(struct cyc_table *table, double value, enum cyc_kind kind)
{
    char text[64];
    cyc_table_cell(table, isnan(value) ? "-" : cyc_quantity_text(text, sizeof text, value, kind));
}

static void put_sensors(struct cyc_table *table, const struct cyc_contact *contact,
                        const struct cyc_rig_channel *channel)
{
    struct cyc_text text = {0};
    char value[64];
    for (unsigned i = 0; i < CYC_AUX_MAX && channel->aux[i] >= 0; i++) {
        const struct cyc_rig_sensor *const sensor = &contact->rig->sensors[channel->aux[i]];
        cyc_text_format(&text, "%s%s %s", i == 0 ? "" : ", ", sensor->name,
                        cyc_quantity_text(value, sizeof value, sensor_of(contact, channel->aux[i]),
                                          sensor->kind));
    }
    cyc_table_cell(table, text.length == 0 ? "-" : cyc_text_get(&text));
    cyc_text_release(&text);
}

static void print_table(const struct cyc_contact *contact, int only)
{
    static const char *const columns[] = {"channel",      "output",   ">voltage",  ">current",
                                          ">temperature", ">ambient", ">pressure", "sensors",
                                          "note",         NULL};
    struct cyc_text out = {0};
    struct cyc_table table;
    cyc_table_init(&table, columns);
    for (unsigned i = 0; i < contact->rig->channel_count; i++) {
        const struct cyc_rig_channel *const channel = &contact->rig->channels[i];
        if (only >= 0 && only != (int)i) {
            continue;
        }
        const struct values values = values_of(contact, channel);
        cyc_table_cell(&table, channel->name);
        cyc_table_cell(&table, contact->found[channel->cycler].status != CYC_OK ? "?"
                               : values.output_on                               ? "on"
                                                                                : "off");
        put_quantity(&table, values.voltage_V, CYC_KIND_VOLTAGE);
        put_quantity(&table, values.current_A, CYC_KIND_CURRENT);
        put_quantity(&table, values.temperature_degC, CYC_KIND_TEMPERATURE);
        put_quantity(&table, values.ambient_degC, CYC_KIND_TEMPERATURE);
        put_quantity(&table, values.pressure_Pa, CYC_KIND_PRESSURE);
        put_sensors(&table, contact, channel);
        cyc_table_cell(&table, reading_of(contact, channel->cycler, channel->output)->why);
    }
    cyc_table_print(&table, &out);
    cyc_cli_put(stdout, &out);
    cyc_table_release(&table);
    cyc_text_release(&out);
}

static void print_json(const struct cyc_contact *contact, int only)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_open(&json, '[');
    for (unsigned i = 0; i < contact->rig->channel_count; i++) {
        const struct cyc_rig_channel *const channel = &contact->rig->channels[i];
        if (only >= 0 && only != (int)i) {
            continue;
        }
        const struct values values = values_of(contact, channel);
        cyc_json_open(&json, '{');
        cyc_cli_key_string(&json, "channel", channel->name);
        cyc_json_key(&json, "output_on");
        cyc_json_bool(&json, values.output_on);
        cyc_cli_key_number(&json, "voltage_V", values.voltage_V);
        cyc_cli_key_number(&json, "current_A", values.current_A);
        cyc_cli_key_number(&json, "temperature_degC", values.temperature_degC);
        cyc_cli_key_number(&json, "ambient_degC", values.ambient_degC);
        cyc_cli_key_number(&json, "pressure_Pa", values.pressure_Pa);
        cyc_json_key(&json, "sensors");
        cyc_json_open(&json, '{');
        for (unsigned k = 0; k < CYC_AUX_MAX && channel->aux[k] >= 0; k++) {
            cyc_cli_key_number(&json, contact->rig->sensors[channel->aux[k]].name,
                               sensor_of(contact, channel->aux[k]));
        }
        cyc_json_close(&json, '}');
        cyc_json_close(&json, '}');
    }
    cyc_json_close(&json, ']');
    cyc_text_append(&text, "\n");
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
}

/* ---- The verb -------------------------------------------------------------------------------- */

static void want_sensor(struct cyc_contact *contact, int sensor)
{
    if (sensor >= 0) {
        contact->found[contact->rig->sensors[sensor].instrument].wanted = true;
    }
}

static void want_channel(struct cyc_contact *contact, const struct cyc_rig_channel *channel)
{
    contact->found[channel->cycler].wanted = true;
    if (channel->chamber >= 0) {
        contact->found[channel->chamber].wanted = true;
    }
    if (channel->press >= 0) {
        contact->found[channel->press].wanted = true;
    }
    want_sensor(contact, channel->temperature);
    want_sensor(contact, channel->pressure);
    want_sensor(contact, channel->ambient);
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        want_sensor(contact, channel->aux[i]);
    }
}

struct wish {
    const char *channel;
    bool watch, json;
};

static int measure(const struct cyc_rig *rig, int channel, const struct wish *wish)
{
    const struct timespec second = {.tv_sec = 1};
    struct cyc_contact contact;
    struct cyc_err err = {0};
    unsigned missing = 1;
    if (cyc_contact_init(&contact, rig, &err) != CYC_OK) {
        cyc_contact_release(&contact);
        return cyc_cli_error(&err);
    }
    for (unsigned i = 0; i < rig->channel_count; i++) {
        if (channel < 0 || channel == (int)i) {
            want_channel(&contact, &rig->channels[i]);
        }
    }
    cyc_contact_identify(&contact);
    do {
        cyc_contact_measure(&contact);
        (wish->json ? print_json : print_table)(&contact, channel);
        missing = cyc_contact_missing(&contact);
        cyc_contact_complain(&contact);
    } while (wish->watch && missing == 0 && fflush(stdout) == 0 && interrupted == 0 &&
             nanosleep(&second, NULL) == 0 && interrupted == 0);
    cyc_contact_release(&contact);
    return missing > 0 ? CYC_EXIT_HOST : CYC_EXIT_OK;
}

int cyc_cli_measure(int argc, char **argv)
{
    struct wish wish = {0};
    int exit_code = 0;
    int channel = -1;
    for (;;) {
        const int option = cyc_cli_option(argc, argv, options, help, &exit_code);
        if (option < 0) {
            break;
        }
        wish.json = wish.json || option == 'j';
        wish.watch = wish.watch || option == 'w';
        wish.channel = option == 'n' ? optarg : wish.channel;
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    const char *const rig = cyc_cli_rig_path(argv[0], argc, argv);
    if (rig == NULL) {
        return CYC_EXIT_USAGE;
    }
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    struct cyc_cli_rig loaded;
    exit_code = cyc_cli_rig_open(rig, &loaded);
    if (exit_code == CYC_EXIT_OK && wish.channel != NULL) {
        exit_code = cyc_cli_rig_channel(argv[0], loaded.rig, wish.channel, &channel);
    }
    if (exit_code == CYC_EXIT_OK) {
        exit_code = measure(loaded.rig, channel, &wish);
    }
    cyc_cli_rig_release(&loaded);
    return exit_code;
}
