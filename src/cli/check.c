#include "cli/cli.h"
#include "run/fit.h"

static const char help[] =
    "cyclostat check PROTOCOL [--cell FILE|NAME] [--set NAME=VALUE]… [--json] [--quiet]\n"
    "                [--rig RIG --channel CHANNEL]\n\n"
    "Reads a protocol (YAML or Lua) and says every mistake with its place and what would be\n"
    "right; then prints the plan with its numbers in A and V, and what it asks of a channel.\n\n"
    "  --cell FILE|NAME   the cell under test, instead of the protocol's own `cell`;\n"
    "                     `cyclostat cells` lists the names\n"
    "  --set NAME=VALUE   another value for a parameter of the protocol\n"
    "  --rig RIG, --channel CHANNEL\n"
    "                     the channel it is to run on: its sensors' names may stand in conditions\n"
    "  --json             diagnostics and plan as one JSON object\n"
    "  --quiet            diagnostics only\n\n"
    "Exit codes: 0 no errors (there may be warnings), 1 errors, 2 usage, 4 files or memory.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"cell", required_argument, NULL, 'c'},
                                        {"set", required_argument, NULL, 's'},
                                        {"rig", required_argument, NULL, 'r'},
                                        {"channel", required_argument, NULL, 'n'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {0}};

struct check {
    struct cyc_cli_protocol loaded;
    const char *rig, *channel; /* words of --rig and --channel, NULL: none */
    struct cyc_cli_rig loaded_rig;
    int on; /* the channel */
    struct cyc_sensors sensors;
    bool json, quiet;
};

static int read_options(int argc, char **argv, struct check *check)
{
    int exit_code = 0;
    for (;;) {
        const int option = cyc_cli_option(argc, argv, options, help, &exit_code);
        if (option < 0) {
            break;
        }
        if (option == 'c') {
            check->loaded.cell = optarg;
        } else if (option == 'r') {
            check->rig = optarg;
        } else if (option == 'n') {
            check->channel = optarg;
        } else if (option == 'j') {
            check->json = true;
        } else if (option == 'q') {
            check->quiet = true;
        } else {
            const int status = cyc_cli_setting(&check->loaded, argv[0], optarg);
            if (status != CYC_EXIT_OK) {
                return status;
            }
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if ((check->rig == NULL) != (check->channel == NULL)) {
        return cyc_cli_usage(argv[0], "--rig and --channel go together");
    }
    return cyc_cli_protocol_path(argc, argv, &check->loaded);
}

static void print_json(struct check *check, const struct cyc_err *err)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_open(&json, '{');
    cyc_json_key(&json, "ok");
    cyc_json_bool(&json, check->loaded.protocol != NULL);
    cyc_cli_key_string(&json, "error", check->loaded.protocol != NULL ? NULL : err->text);
    cyc_json_key(&json, "diagnostics");
    cyc_diags_json(&check->loaded.diags, &json);
    if (check->loaded.protocol != NULL) {
        cyc_json_key(&json, "plan");
        cyc_protocol_json(check->loaded.protocol, &json);
    }
    cyc_json_close(&json, '}');
    cyc_text_append(&text, "\n");
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
}

static void print_plan(const struct cyc_protocol *protocol)
{
    struct cyc_text text = {0};
    cyc_protocol_print(protocol, &text);
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
}

/* Mistakes with a place were printed as diagnostics; the rest (no such file) is said here. */
static int refused(const struct check *check, const struct cyc_err *err)
{
    if (check->loaded.diags.error_count == 0) {
        return cyc_cli_error(err);
    }
    const unsigned count = check->loaded.diags.error_count;
    (void)fprintf(stderr, "%u error%s in %s\n", count, count == 1 ? "" : "s", check->loaded.path);
    return CYC_EXIT_MISTAKE;
}

/* The rig's own mistakes are said first. */
static int take_channel(struct check *check)
{
    int exit_code = cyc_cli_rig_open(check->rig, &check->loaded_rig);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = cyc_cli_rig_channel("check", check->loaded_rig.rig, check->channel, &check->on);
    }
    if (exit_code == CYC_EXIT_OK) {
        cyc_fit_sensors(check->loaded_rig.rig, (unsigned)check->on, &check->sensors);
        check->loaded.sensors = &check->sensors;
    }
    return exit_code;
}

/* Whether the channel can carry it out. */
static int fit(const struct check *check)
{
    struct cyc_text reasons = {0};
    const int status = cyc_fit_channel(check->loaded_rig.rig, (unsigned)check->on,
                                       cyc_protocol_demands(check->loaded.protocol), &reasons);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "%s cannot run on channel %s of %s:\n%s", check->loaded.path,
                      check->channel, check->rig, cyc_text_get(&reasons));
    }
    cyc_text_release(&reasons);
    return status == CYC_OK ? CYC_EXIT_OK : CYC_EXIT_MISTAKE;
}

static int carry_out(struct check *check)
{
    struct cyc_err err = {0};
    const int status = cyc_cli_load(&check->loaded, &err);
    if (check->json) {
        print_json(check, &err);
    } else {
        cyc_cli_print_diags(&check->loaded.diags);
    }
    if (status != CYC_OK) {
        return refused(check, &err);
    }
    if (!check->json && !check->quiet) {
        print_plan(check->loaded.protocol);
    }
    return check->rig != NULL ? fit(check) : CYC_EXIT_OK;
}

int cyc_cli_check(int argc, char **argv)
{
    struct check check = {0};
    int exit_code = read_options(argc, argv, &check);
    if (exit_code >= 0) {
        return exit_code;
    }
    exit_code = check.rig != NULL ? take_channel(&check) : CYC_EXIT_OK;
    if (exit_code == CYC_EXIT_OK) {
        exit_code = carry_out(&check);
        cyc_cli_release(&check.loaded);
    }
    cyc_cli_rig_release(&check.loaded_rig);
    return exit_code;
}
