/* `cyclostat identify RIG`: who answers on the ports. */
#include "cli/contact.h"

#include <string.h>

static const char help[] =
    "cyclostat identify [RIG] [--port PORT] [--json]\n\n"
    "Opens the ports of a rig and asks each instrument who it is. Nothing is changed on any of\n"
    "them: no output, no setting. An instrument of another kind or with another serial number\n"
    "than the rig states is named.\n\n"
    "  --port PORT   this port only\n"
    "  --json        as one JSON object\n\n"
    "Exit codes: 0 all answer and are who they should be, 1 mistakes in the rig file, 2 usage,\n"
    "4 somebody does not answer, or is somebody else.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"port", required_argument, NULL, 'p'},
                                        {"json", no_argument, NULL, 'j'},
                                        {0}};

static const char *words_of(const struct cyc_found *found)
{
    if (found->status != CYC_OK) {
        return found->text[0] != '\0' ? found->text : cyc_status_text(found->status);
    }
    return found->identity.power_on ? "answers; was switched on or reset since it was last asked"
                                    : "answers";
}

static void print_table(const struct cyc_contact *contact)
{
    static const char *const columns[] = {"instrument", "port",          "state",    "maker",
                                          "model",      "serial number", "firmware", NULL};
    struct cyc_text out = {0};
    struct cyc_table table;
    cyc_table_init(&table, columns);
    for (unsigned i = 0; i < contact->rig->instrument_count; i++) {
        const struct cyc_found *const found = &contact->found[i];
        const struct cyc_rig_instrument *const instrument = &contact->rig->instruments[i];
        if (!found->wanted) {
            continue;
        }
        const char *const cells[] = {
            instrument->name,        contact->rig->ports[instrument->port].name,
            words_of(found),         found->identity.maker,
            found->identity.model,   found->identity.serial_number,
            found->identity.firmware};
        for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) {
            cyc_table_cell(&table, cells[k][0] != '\0' ? cells[k] : "-");
        }
    }
    cyc_table_print(&table, &out);
    cyc_cli_put(stdout, &out);
    cyc_table_release(&table);
    cyc_text_release(&out);
}

static void print_json(const struct cyc_contact *contact)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_open(&json, '[');
    for (unsigned i = 0; i < contact->rig->instrument_count; i++) {
        const struct cyc_found *const found = &contact->found[i];
        const struct cyc_rig_instrument *const instrument = &contact->rig->instruments[i];
        if (!found->wanted) {
            continue;
        }
        cyc_json_open(&json, '{');
        cyc_cli_key_string(&json, "instrument", instrument->name);
        cyc_cli_key_string(&json, "port", contact->rig->ports[instrument->port].name);
        cyc_json_key(&json, "ok");
        cyc_json_bool(&json, found->status == CYC_OK);
        cyc_cli_key_string(&json, "status", cyc_status_name(found->status));
        cyc_cli_key_string(&json, "error", found->status == CYC_OK ? NULL : words_of(found));
        cyc_cli_key_string(&json, "maker", found->identity.maker);
        cyc_cli_key_string(&json, "model", found->identity.model);
        cyc_cli_key_string(&json, "serial_number", found->identity.serial_number);
        cyc_cli_key_string(&json, "firmware", found->identity.firmware);
        cyc_json_key(&json, "power_on");
        cyc_json_bool(&json, found->identity.power_on);
        cyc_json_close(&json, '}');
    }
    cyc_json_close(&json, ']');
    cyc_text_append(&text, "\n");
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
}

static int ask_all(const struct cyc_rig *rig, int port, bool json)
{
    struct cyc_contact contact;
    struct cyc_err err = {0};
    int exit_code = CYC_EXIT_OK;
    if (cyc_contact_init(&contact, rig, &err) != CYC_OK) {
        exit_code = cyc_cli_error(&err);
    } else {
        for (unsigned i = 0; i < rig->instrument_count; i++) {
            contact.found[i].wanted = port < 0 || rig->instruments[i].port == port;
        }
        cyc_contact_identify(&contact);
        (json ? print_json : print_table)(&contact);
        exit_code = cyc_contact_missing(&contact) > 0 ? CYC_EXIT_HOST : CYC_EXIT_OK;
    }
    cyc_contact_release(&contact);
    return exit_code;
}

int cyc_cli_identify(int argc, char **argv)
{
    const char *word = NULL;
    bool json = false;
    int exit_code = 0;
    for (;;) {
        const int option = cyc_cli_option(argc, argv, options, help, &exit_code);
        if (option < 0) {
            break;
        }
        json = json || option == 'j';
        word = option == 'p' ? optarg : word;
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    const char *const rig = cyc_cli_rig_path(argv[0], argc, argv);
    if (rig == NULL) {
        return CYC_EXIT_USAGE;
    }
    struct cyc_cli_rig loaded;
    exit_code = cyc_cli_rig_open(rig, &loaded);
    const int port =
        exit_code == CYC_EXIT_OK && word != NULL ? cyc_rig_find_port(loaded.rig, word) : -1;
    if (exit_code == CYC_EXIT_OK && word != NULL && port < 0) {
        exit_code = cyc_cli_usage(argv[0], "'%s' has no port '%s'", rig, word);
    } else if (exit_code == CYC_EXIT_OK) {
        exit_code = ask_all(loaded.rig, port, json);
    }
    cyc_cli_rig_release(&loaded);
    return exit_code;
}
