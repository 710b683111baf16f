#include "cli/cli.h"

#include "device/bus.h"

#include <string.h>

static const char help[] =
    "cyclostat ports [--json]\n\n"
    "Lists the serial ports of this computer with the names they go by. Opens none of them.\n\n"
    "In a rig file, name a port by-id: that name goes with the adapter whatever socket it is\n"
    "plugged into. Adapters without a serial number of their own look all alike: name those\n"
    "by-path, and keep the socket. Numbers such as ttyUSB0 change when a cable is plugged "
    "again.\n\n"
    "  --json   as a JSON list\n";

static const struct option options[] = {
    {"help", no_argument, NULL, CYC_OPTION_HELP}, {"json", no_argument, NULL, 'j'}, {0}};

struct listing {
    struct cyc_table table;
    struct cyc_text text;
    struct cyc_json json;
    unsigned count;
};

/* 0403:6001, as other tools write it. */
static const char *usb_text(char buffer[16], const struct cyc_port_info *info)
{
    if (info->usb_vendor < 0) {
        return "-";
    }
    (void)snprintf(buffer, 16, "%04x:%04x", (unsigned)info->usb_vendor & 0xFFFFu,
                   (unsigned)info->usb_product & 0xFFFFu);
    return buffer;
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

/* The best name first; a second line for the other one. */
static int add_row(void *context, const struct cyc_port_info *info)
{
    struct listing *const listing = context;
    struct cyc_table *const table = &listing->table;
    char usb[16];
    const bool is_unique = info->serial_number[0] != '\0' && info->by_id[0] != '\0';
    const char *const best = is_unique || info->by_path[0] == '\0' ? info->by_id : info->by_path;
    const char *const other = best == info->by_id ? info->by_path : info->by_id;
    cyc_table_cell(table, info->device);
    cyc_table_cell(table, usb_text(usb, info));
    cyc_table_cell(table, or_dash(info->description));
    cyc_table_cell(table,
                   info->is_locked && info->holder[0] == '\0' ? "locked" : or_dash(info->holder));
    cyc_table_cell(table, best[0] != '\0' ? best : info->device);
    for (size_t i = 0; i < 4 && other[0] != '\0'; i++) {
        cyc_table_cell(table, "");
    }
    if (other[0] != '\0') {
        cyc_table_cell(table, other);
    }
    listing->count++;
    return 0;
}

static void key_text(struct cyc_json *json, const char *key, const char *value)
{
    cyc_cli_key_string(json, key, value[0] != '\0' ? value : NULL);
}

static int add_object(void *context, const struct cyc_port_info *info)
{
    struct listing *const listing = context;
    struct cyc_json *const json = &listing->json;
    char usb[16];
    cyc_json_open(json, '{');
    cyc_cli_key_string(json, "device", info->device);
    key_text(json, "by_id", info->by_id);
    key_text(json, "by_path", info->by_path);
    key_text(json, "description", info->description);
    cyc_cli_key_string(json, "usb", info->usb_vendor >= 0 ? usb_text(usb, info) : NULL);
    key_text(json, "serial_number", info->serial_number);
    cyc_json_key(json, "locked");
    cyc_json_bool(json, info->is_locked);
    key_text(json, "holder", info->holder);
    cyc_json_close(json, '}');
    return 0;
}

static int list_json(struct cyc_err *err)
{
    struct listing listing = {0};
    cyc_json_init(&listing.json, &listing.text);
    cyc_json_open(&listing.json, '[');
    const int status = cyc_ports_each(add_object, &listing, err);
    cyc_json_close(&listing.json, ']');
    cyc_text_append(&listing.text, "\n");
    cyc_cli_put(stdout, &listing.text);
    cyc_text_release(&listing.text);
    return status;
}

static int list_table(struct cyc_err *err)
{
    static const char *const columns[] = {"port",      "USB",           "what it is",
                                          "in use by", "name in a rig", NULL};
    struct listing listing = {0};
    cyc_table_init(&listing.table, columns);
    const int status = cyc_ports_each(add_row, &listing, err);
    if (status == CYC_OK && listing.count > 0) {
        cyc_table_print(&listing.table, &listing.text);
        cyc_cli_put(stdout, &listing.text);
    }
    if (status == CYC_OK && listing.count == 0) {
        (void)fputs("there is no serial port here. Is the adapter plugged in (`dmesg`)? In a\n"
                    "container or a virtual machine it must be passed on. An instrument on the\n"
                    "network needs none: its address is tcp:HOST:PORT. Without any instrument,\n"
                    "`cyclostat emulate` makes one.\n",
                    stderr);
    }
    cyc_table_release(&listing.table);
    cyc_text_release(&listing.text);
    return status;
}

int cyc_cli_ports(int argc, char **argv)
{
    bool json = false;
    int exit_code = 0;
    for (int option = cyc_cli_option(argc, argv, options, help, &exit_code); option >= 0;
         option = cyc_cli_option(argc, argv, options, help, &exit_code)) {
        json = true;
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (optind < argc) {
        return cyc_cli_usage(argv[0], "takes no argument, but got '%s'", argv[optind]);
    }
    struct cyc_err err = {0};
    const int status = json ? list_json(&err) : list_table(&err);
    return status == CYC_OK ? CYC_EXIT_OK : cyc_cli_error(&err);
}
