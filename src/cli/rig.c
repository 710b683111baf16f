/* `cyclostat rig check|schema|manual`. */
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const char help[] =
    "cyclostat rig check RIG [--json] [--quiet]\n"
    "cyclostat rig schema\n"
    "cyclostat rig manual\n\n"
    "check reads a rig file (ports, instruments, sensors, channels, limits), says every mistake\n"
    "with its place and what would be right, then prints what is connected to what. It opens no\n"
    "port; `cyclostat identify RIG` does, and changes nothing.\n"
    "schema prints the JSON Schema (draft-07) of rig files, made from the same table as the\n"
    "reader, for editors; manual prints that table, as Markdown.\n\n"
    "  --json    diagnostics and channels as one JSON object\n"
    "  --quiet   diagnostics only\n\n"
    "Exit codes: 0 no errors (there may be warnings), 1 errors, 2 usage, 4 files or memory.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"json", no_argument, NULL, 'j'},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {0}};

/* ---- For people ------------------------------------------------------------------------------ */

static void put_table(struct cyc_table *table, struct cyc_text *out)
{
    cyc_table_print(table, out);
    cyc_table_release(table);
    cyc_text_append(out, "\n");
}

static void put_ports(const struct cyc_rig *rig, struct cyc_text *out)
{
    static const char *const columns[] = {"port", "address", "settings", NULL};
    static const char parities[] = {'N', 'E', 'O'};
    struct cyc_table table;
    cyc_table_init(&table, columns);
    for (unsigned i = 0; i < rig->port_count; i++) {
        const struct cyc_rig_port *const port = &rig->ports[i];
        char settings[48] = "-";
        if (strncmp(port->address, "tcp:", 4) != 0) {
            (void)snprintf(settings, sizeof settings, "%d %d%c%d", port->bus.baud,
                           port->bus.data_bits, parities[port->bus.parity % 3],
                           port->bus.stop_bits);
        }
        cyc_table_cell(&table, port->name);
        cyc_table_cell(&table, port->address);
        cyc_table_cell(&table, settings);
    }
    put_table(&table, out);
}

static void put_instruments(const struct cyc_rig *rig, struct cyc_text *out)
{
    static const char *const columns[] = {"instrument", "driver",   "port",
                                          ">poll",      "watchdog", NULL};
    static const char *const watchdogs[] = {"none", "its own", "external"};
    struct cyc_table table;
    cyc_table_init(&table, columns);
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        const struct cyc_rig_instrument *const instrument = &rig->instruments[i];
        const struct cyc_capabilities *const can = &instrument->capabilities;
        char poll[64];
        cyc_table_cell(&table, instrument->name);
        cyc_table_cell(&table, instrument->driver->name);
        cyc_table_cell(&table, rig->ports[instrument->port].name);
        cyc_table_cell(&table,
                       cyc_quantity_text(poll, sizeof poll, (double)instrument->poll_ns * 1e-9,
                                         CYC_KIND_TIME));
        cyc_table_cell(&table,
                       (can->roles & CYC_ROLE_CYCLER) == 0 ? "-"
                       : can->watchdog == CYC_WATCHDOG_NONE && instrument->accept_no_watchdog
                           ? "none (accepted)"
                           : watchdogs[can->watchdog % 3]);
    }
    put_table(&table, out);
}

/* "0 V to 5 V", "-" where it is not stated. */
static void put_window(struct cyc_table *table, double low, double high, enum cyc_kind kind)
{
    char from[64];
    char to[64];
    char text[160] = "-";
    if (!isnan(low) || !isnan(high)) {
        (void)snprintf(text, sizeof text, "%s to %s",
                       cyc_quantity_text(from, sizeof from, low, kind),
                       cyc_quantity_text(to, sizeof to, high, kind));
    }
    cyc_table_cell(table, text);
}

static void put_output(struct cyc_table *table, const struct cyc_rig *rig, int instrument,
                       unsigned output)
{
    char text[CYC_RIG_NAME_SIZE + 16] = "-";
    if (instrument >= 0 && rig->instruments[instrument].capabilities.output_count > 1) {
        (void)snprintf(text, sizeof text, "%s.%u", rig->instruments[instrument].name, output + 1);
    } else if (instrument >= 0) {
        (void)cyc_copy(text, sizeof text, rig->instruments[instrument].name);
    }
    cyc_table_cell(table, text);
}

static void put_sensors(struct cyc_table *table, const struct cyc_rig *rig,
                        const struct cyc_rig_channel *channel)
{
    const int named[] = {channel->temperature, channel->pressure, channel->ambient};
    struct cyc_text text = {0};
    for (size_t i = 0; i < sizeof named / sizeof named[0] + CYC_AUX_MAX; i++) {
        const int sensor = i < sizeof named / sizeof named[0]
                               ? named[i]
                               : channel->aux[i - sizeof named / sizeof named[0]];
        if (sensor >= 0) {
            cyc_text_format(&text, "%s%s", text.length == 0 ? "" : ", ", rig->sensors[sensor].name);
        }
    }
    cyc_table_cell(table, text.length == 0 ? "-" : cyc_text_get(&text));
    cyc_text_release(&text);
}

static void put_channels(const struct cyc_rig *rig, struct cyc_text *out)
{
    static const char *const columns[] = {"channel",  "cycler",  "chamber", "press",
                                          "sensors",  "voltage", "current", "temperature",
                                          "pressure", NULL};
    struct cyc_table table;
    cyc_table_init(&table, columns);
    for (unsigned i = 0; i < rig->channel_count; i++) {
        const struct cyc_rig_channel *const channel = &rig->channels[i];
        const struct cyc_protection *const limits = &channel->limits;
        cyc_table_cell(&table, channel->name);
        put_output(&table, rig, channel->cycler, channel->output);
        put_output(&table, rig, channel->chamber, channel->chamber_output);
        put_output(&table, rig, channel->press, channel->press_output);
        put_sensors(&table, rig, channel);
        put_window(&table, limits->voltage_min_V, limits->voltage_max_V, CYC_KIND_VOLTAGE);
        put_window(&table, limits->current_min_A, limits->current_max_A, CYC_KIND_CURRENT);
        put_window(&table, limits->temperature_min_degC, limits->temperature_max_degC,
                   CYC_KIND_TEMPERATURE);
        put_window(&table, limits->pressure_min_Pa, limits->pressure_max_Pa, CYC_KIND_PRESSURE);
    }
    cyc_table_print(&table, out);
    cyc_table_release(&table);
}

static void print_rig(const struct cyc_rig *rig)
{
    struct cyc_text out = {0};
    put_ports(rig, &out);
    put_instruments(rig, &out);
    put_channels(rig, &out);
    cyc_cli_put(stdout, &out);
    cyc_text_release(&out);
}

/* ---- As JSON --------------------------------------------------------------------------------- */

static void print_json(struct cyc_cli_rig *loaded, const struct cyc_err *err)
{
    const struct cyc_rig *const rig = loaded->rig;
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_open(&json, '{');
    cyc_json_key(&json, "ok");
    cyc_json_bool(&json, rig != NULL);
    cyc_cli_key_string(&json, "error", rig != NULL ? NULL : err->text);
    cyc_json_key(&json, "diagnostics");
    cyc_diags_json(&loaded->diags, &json);
    if (rig != NULL) {
        cyc_cli_key_string(&json, "sha256", rig->sha256);
        cyc_json_key(&json, "channels");
        cyc_json_open(&json, '[');
        for (unsigned i = 0; i < rig->channel_count; i++) {
            cyc_rig_channel_put(rig, i, &json);
        }
        cyc_json_close(&json, ']');
    }
    cyc_json_close(&json, '}');
    cyc_text_append(&text, "\n");
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
}

/* ---- The verb -------------------------------------------------------------------------------- */

static int check(const char *path, bool json, bool quiet)
{
    struct cyc_cli_rig loaded;
    struct cyc_err err = {0};
    int exit_code = CYC_EXIT_OK;
    if (json) {
        const int status = cyc_cli_rig_load(path, &loaded, &err);
        print_json(&loaded, &err);
        if (status != CYC_OK) {
            exit_code = loaded.diags.error_count > 0 ? (int)CYC_EXIT_MISTAKE : cyc_cli_error(&err);
        }
    } else {
        exit_code = cyc_cli_rig_open(path, &loaded);
        if (exit_code == CYC_EXIT_OK && !quiet) {
            print_rig(loaded.rig);
        }
    }
    cyc_cli_rig_release(&loaded);
    return exit_code;
}

static int print(void (*put)(struct cyc_text *out))
{
    struct cyc_text text = {0};
    put(&text);
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
    return CYC_EXIT_OK;
}

int cyc_cli_rig(int argc, char **argv)
{
    bool json = false;
    bool quiet = false;
    int exit_code = 0;
    for (;;) {
        const int option = cyc_cli_option(argc, argv, options, help, &exit_code);
        if (option < 0) {
            break;
        }
        json = json || option == 'j';
        quiet = quiet || option == 'q';
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    const char *const word = optind < argc ? argv[optind] : "";
    if (strcmp(word, "schema") == 0 && optind + 1 == argc) {
        return print(cyc_rig_schema);
    }
    if (strcmp(word, "manual") == 0 && optind + 1 == argc) {
        return print(cyc_rig_manual);
    }
    if (strcmp(word, "check") == 0 && optind + 2 == argc) {
        return check(argv[optind + 1], json, quiet);
    }
    if (strcmp(word, "check") == 0) {
        return cyc_cli_usage(argv[0], "check takes one rig file");
    }
    return cyc_cli_usage(argv[0], word[0] == '\0' ? "check, schema or manual?" : "there is no '%s'",
                         word);
}
