/* The verbs for runs that go on: attach, status, pause, resume, skip, stop, restart. */
#include "cli/live.h"

#include "device/port.h"
#include "run/supervisor.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RESTART_MS 10000

/* clang-format off */
#define COMMON                                    \
    {"help", no_argument, NULL, CYC_OPTION_HELP}, \
    {"rig", required_argument, NULL, 'r'},        \
    {"channel", required_argument, NULL, 'C'}
/* clang-format on */
static const struct option plain_options[] = {COMMON, {0}};
static const struct option stop_options[] = {COMMON, {"now", no_argument, NULL, 'n'}, {0}};
static const struct option status_options[] = {COMMON, {"json", no_argument, NULL, 'j'}, {0}};
static const struct option attach_options[] = {
    COMMON, {"json", no_argument, NULL, 'j'}, {"quiet", no_argument, NULL, 'q'}, {0}};
static const struct option restart_options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                                {"rig", required_argument, NULL, 'r'},
                                                {"rate", required_argument, NULL, 'R'},
                                                {0}};

#define CHANNEL_HELP                                                                               \
    "CHANNEL may be left out where the rig has one only; without --rig, the rig\n"                 \
    "is $CYCLOSTAT_RIG.\n"

struct words {
    struct cyc_cli_live live;
    bool json, quiet, now;
    const char *rate; /* of restart */
};

/* -1: go on. A channel may also stand behind the verb. */
static int read_words(int argc, char **argv, const struct option *options, const char *help,
                      struct words *words)
{
    int exit_code = -1;
    *words = (struct words){.rate = "1"};
    for (int option; (option = cyc_cli_option(argc, argv, options, help, &exit_code)) >= 0;) {
        if (option == 'r') {
            words->live.rig_path = optarg;
        } else if (option == 'C') {
            words->live.channel_name = optarg;
        } else if (option == 'j') {
            words->json = true;
        } else if (option == 'q') {
            words->quiet = true;
        } else if (option == 'R') {
            words->rate = optarg;
        } else {
            words->now = true;
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (optind < argc && words->live.channel_name == NULL) {
        words->live.channel_name = argv[optind++];
    }
    return optind == argc
               ? -1
               : cyc_cli_usage(argv[0], "one channel at a time, not also '%s'", argv[optind]);
}

/* ---- Commands to a run ----------------------------------------------------------------------- */

static int command(int argc, char **argv, const char *help, enum cyc_request_kind kind)
{
    struct words words;
    struct cyc_err err = {0};
    const struct option *options = kind == CYC_REQUEST_STOP ? stop_options : plain_options;
    int exit_code = read_words(argc, argv, options, help, &words);
    if (exit_code >= 0) {
        return exit_code;
    }
    exit_code = cyc_cli_live_open(&words.live, argv[0], true);
    if (exit_code == CYC_EXIT_OK) {
        struct cyc_request request = {
            .kind = kind == CYC_REQUEST_STOP && words.now ? CYC_REQUEST_ABORT : kind};
        (void)cyc_copy(request.channel, sizeof request.channel,
                       words.live.loaded.rig->channels[words.live.channel].name);
        struct cyc_response done = {0};
        if (cyc_control_command(words.live.state_dir, &request, &done, &err) != CYC_OK) {
            exit_code = cyc_cli_error(&err);
        } else if (done.text[0] != '\0') {
            (void)fprintf(stderr, "cyclostat %s: %s\n", argv[0], done.text);
        }
    }
    cyc_cli_live_close(&words.live);
    return exit_code;
}

int cyc_cli_pause(int argc, char **argv)
{
    return command(argc, argv,
                   "cyclostat pause [CHANNEL] --rig RIG\n\n"
                   "Opens the circuit and stops the step's time; chamber and pressure are kept.\n"
                   "`cyclostat resume` goes on with the same step.\n\n" CHANNEL_HELP,
                   CYC_REQUEST_PAUSE);
}

int cyc_cli_resume(int argc, char **argv)
{
    return command(argc, argv,
                   "cyclostat resume [CHANNEL] --rig RIG\n\n"
                   "Goes on with a paused or held step; answers a step that asks for a person.\n"
                   "\n" CHANNEL_HELP,
                   CYC_REQUEST_RESUME);
}

int cyc_cli_skip(int argc, char **argv)
{
    return command(
        argc, argv,
        "cyclostat skip [CHANNEL] --rig RIG\n\n"
        "Ends the present step, as if a cutoff had been met, and goes on with the next.\n"
        "\n" CHANNEL_HELP,
        CYC_REQUEST_SKIP);
}

int cyc_cli_stop(int argc, char **argv)
{
    return command(
        argc, argv,
        "cyclostat stop [CHANNEL] --rig RIG [--now]\n\n"
        "Ends the run: the present step ends, the steps of `finally` follow. With --now\n"
        "the outputs go off at once and nothing follows. On a channel that a fault has\n"
        "latched: acknowledges the fault.\n\n" CHANNEL_HELP,
        CYC_REQUEST_STOP);
}

int cyc_cli_attach(int argc, char **argv)
{
    struct words words;
    int exit_code =
        read_words(argc, argv, attach_options,
                   "cyclostat attach [CHANNEL] --rig RIG [--quiet] [--json]\n\n"
                   "Follows a run that goes on, until it ends. Ctrl-C detaches.\n\n"
                   "  --quiet   no live line\n"
                   "  --json    what became of the run as one JSON object, as of `cyclostat run`\n",
                   &words);
    if (exit_code >= 0) {
        return exit_code;
    }
    exit_code = cyc_cli_live_open(&words.live, argv[0], true);
    if (exit_code == CYC_EXIT_OK) {
        const struct cyc_cli_live_view view = {.quiet = words.quiet, .json = words.json};
        exit_code = cyc_cli_live_follow(&words.live, &view);
    }
    cyc_cli_live_close(&words.live);
    return exit_code;
}

/* ---- Status ---------------------------------------------------------------------------------- */

static void status_json(struct cyc_json *json, const struct cyc_channel_status *status)
{
    cyc_json_open(json, '{');
    cyc_cli_key_string(json, "channel", status->channel);
    cyc_cli_key_string(json, "state", cyc_channel_state_name(status->state));
    cyc_json_key(json, "linked");
    cyc_json_bool(json, status->linked);
    cyc_cli_key_string(json, "run", status->run_id[0] != '\0' ? status->run_id : NULL);
    cyc_cli_key_string(json, "folder", status->folder[0] != '\0' ? status->folder : NULL);
    cyc_cli_key_string(json, "step_name", status->step_name);
    cyc_cli_key_string(json, "step_type", status->step_type);
    cyc_cli_key_integer(json, "cycle_number", status->cycle_number);
    cyc_cli_key_integer(json, "cycle_count", status->cycle_count);
    cyc_cli_key_integer(json, "step_count", status->step_count);
    cyc_cli_key_number(json, "t_s", (double)status->t_ns * 1e-9);
    cyc_cli_key_number(json, "age_s",
                       status->age_ns == INT64_MAX ? (double)NAN : (double)status->age_ns * 1e-9);
    cyc_cli_key_number(json, "voltage_V", status->voltage_V);
    cyc_cli_key_number(json, "current_A", status->current_A);
    cyc_cli_key_number(json, "temperature_degC", status->temperature_degC);
    cyc_cli_key_number(json, "ambient_degC", status->ambient_degC);
    cyc_cli_key_number(json, "pressure_Pa", status->pressure_Pa);
    cyc_cli_key_number(json, "step_capacity_Ah", status->step_capacity_Ah);
    cyc_cli_key_number(json, "step_left_s",
                       status->left_ns == CYC_NEVER ? (double)NAN : (double)status->left_ns * 1e-9);
    cyc_cli_key_number(json, "rate", status->rate);
    cyc_cli_key_number(json, "daemon_turns", (double)status->loops);
    cyc_cli_key_number(json, "daemon_turns_over_1_ms", (double)status->slow_loops);
    cyc_cli_key_number(json, "daemon_longest_turn_ms", (double)status->slowest_loop_ns * 1e-6);
    cyc_cli_key_string(json, "end", status->end[0] != '\0' ? status->end : NULL);
    cyc_cli_key_string(json, "why", status->why);
    cyc_json_close(json, '}');
}

static void put_quantity(struct cyc_table *table, double value, int digits, enum cyc_kind kind)
{
    char text[64];
    cyc_table_cell(table, isnan(value) ? "-"
                                       : cyc_quantity_text(text, sizeof text,
                                                           cyc_cli_rounded(value, digits), kind));
}

static void status_row(struct cyc_table *table, const struct cyc_channel_status *status)
{
    char text[80];
    const bool runs = status->state != CYC_CHANNEL_FREE && status->state != CYC_CHANNEL_FAULT;
    cyc_table_cell(table, status->channel);
    (void)snprintf(text, sizeof text, "%s%s", cyc_channel_state_name(status->state),
                   status->linked ? "" : ", no answer");
    cyc_table_cell(table, text);
    if (runs) {
        (void)snprintf(text, sizeof text, "%" PRIu32, status->cycle_number);
        cyc_table_cell(table, text);
        (void)snprintf(text, sizeof text, "%" PRIu32 " %s", status->step_count, status->step_type);
        cyc_table_cell(table, text);
        cyc_table_cell(table, cyc_duration_text(text, status->t_ns / CYC_S_NS * CYC_S_NS));
        cyc_table_cell(table, status->left_ns == CYC_NEVER
                                  ? "-"
                                  : cyc_duration_text(text, status->left_ns / CYC_S_NS * CYC_S_NS));
    } else {
        cyc_table_cell(table, "");
        cyc_table_cell(table, status->end);
        cyc_table_cell(table, "");
        cyc_table_cell(table, "");
    }
    put_quantity(table, status->voltage_V, 5, CYC_KIND_VOLTAGE);
    put_quantity(table, status->current_A, 4, CYC_KIND_CURRENT);
    put_quantity(table, status->temperature_degC, 4, CYC_KIND_TEMPERATURE);
    put_quantity(table, status->pressure_Pa, 4, CYC_KIND_PRESSURE);
    cyc_table_cell(table, status->run_id);
}

/* What does not fit a column stands below the table, whole. */
static void status_notes(struct cyc_text *notes, const struct cyc_cli_live *live,
                         const struct cyc_channel_status *status)
{
    if (!status->linked && status->link[0] != '\0') {
        cyc_text_format(notes, "%s: no answer: %s\n", status->channel, status->link);
    }
    if (status->age_ns > 3 * CYC_S_NS && status->age_ns != INT64_MAX && !isnan(status->voltage_V)) {
        char age[CYC_NUMBER_SIZE];
        cyc_text_format(notes, "%s: voltage and current were read %s ago\n", status->channel,
                        cyc_duration_text(age, status->age_ns / CYC_S_NS * CYC_S_NS));
    }
    if (status->why[0] != '\0') {
        cyc_text_format(notes, "%s: %s\n", status->channel, status->why);
    }
    cyc_cli_live_remedy(live, status, notes);
}

struct status_out {
    const struct cyc_cli_live *live;
    struct cyc_table table;
    struct cyc_text text, notes;
    struct cyc_json json;
    bool as_json;
};

static int take_status(struct status_out *out, int fd, struct cyc_err *err)
{
    for (;;) {
        struct cyc_response response;
        const int status = cyc_control_response(fd, &response, 2 * CYC_S_NS, err);
        if (status != CYC_OK) {
            return status;
        }
        if (response.kind == CYC_RESPONSE_DONE) {
            return response.status == CYC_OK
                       ? CYC_OK
                       : cyc_err_set(err, response.status, "%s", response.text);
        }
        if (response.kind == CYC_RESPONSE_CHANNEL && out->as_json) {
            status_json(&out->json, &response.channel);
        } else if (response.kind == CYC_RESPONSE_CHANNEL) {
            status_row(&out->table, &response.channel);
            status_notes(&out->notes, out->live, &response.channel);
        }
    }
}

static void tell_latch(const struct cyc_cli_live *live)
{
    char why[160] = "";
    if (cyc_latch_is_set(live->state_dir, why, sizeof why)) {
        (void)fprintf(stderr,
                      "All outputs are latched off (%s). See to what made them safe; then\n"
                      "  cyclostat rearm %s\n",
                      why, live->rig_path);
    }
}

/* Processes whose restarts are used up: whoever asks for the status has to know. */
static void tell_who_is_down(const struct cyc_cli_live *live)
{
    struct cyc_text names = {0};
    if (cyc_supervisor_down(live->state_dir, &names)) {
        (void)fprintf(stderr,
                      "%s: stays down, safe, after three restarts in ten minutes; %s/events.log "
                      "says why. Then `cyclostat shutdown --runs-stay %s` and `cyclostat restart "
                      "--rig %s` start all of it anew\n",
                      cyc_text_get(&names), live->state_dir, live->rig_path, live->rig_path);
    }
    cyc_text_release(&names);
}

static int print_status(const struct words *words, struct cyc_err *err)
{
    static const char *const columns[] = {"channel", "state",     ">cycle",   "step",
                                          ">time",   ">left",     ">voltage", ">current",
                                          ">cell",   ">pressure", "run",      NULL};
    struct status_out out = {.live = &words->live, .as_json = words->json};
    struct cyc_request request = {.kind = CYC_REQUEST_STATUS};
    int fd = -1;
    if (words->live.channel_name != NULL) {
        (void)cyc_copy(request.channel, sizeof request.channel, words->live.channel_name);
    }
    cyc_table_init(&out.table, columns);
    cyc_json_init(&out.json, &out.text);
    cyc_json_open(&out.json, '[');
    int status = cyc_control_open(words->live.state_dir, &fd, err);
    if (status == CYC_OK) {
        status = cyc_control_ask(fd, &request, err);
    }
    if (status == CYC_OK) {
        status = take_status(&out, fd, err);
    }
    cyc_json_close(&out.json, ']');
    if (status == CYC_OK && !words->json) {
        cyc_text_clear(&out.text);
        cyc_table_print(&out.table, &out.text);
        cyc_text_append(&out.text, cyc_text_get(&out.notes));
    }
    if (status == CYC_OK) {
        cyc_text_append(&out.text, words->json ? "\n" : "");
        cyc_cli_put(stdout, &out.text);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    cyc_table_release(&out.table);
    cyc_text_release(&out.notes);
    cyc_text_release(&out.text);
    return status;
}

int cyc_cli_status(int argc, char **argv)
{
    struct words words;
    struct cyc_err err = {0};
    int exit_code =
        read_words(argc, argv, status_options,
                   "cyclostat status [CHANNEL] --rig RIG [--json]\n\n"
                   "What every channel of a rig does and measures now. `time` is that of the run,\n"
                   "`left` what its present step still takes: known where a time or, at a steady\n"
                   "current, a charge ends it.\n",
                   &words);
    if (exit_code >= 0) {
        return exit_code;
    }
    exit_code = cyc_cli_live_open(&words.live, argv[0], words.live.channel_name != NULL);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = print_status(&words, &err) == CYC_OK ? CYC_EXIT_OK : cyc_cli_error(&err);
        tell_latch(&words.live);
        tell_who_is_down(&words.live);
    }
    cyc_cli_live_close(&words.live);
    return exit_code;
}

/* ---- Upgrade --------------------------------------------------------------------------------- */

static int wait_for_successor(const struct cyc_cli_live *live, struct cyc_err *err)
{
    const struct timespec nap = {.tv_nsec = 50 * 1000000};
    for (int waited_ms = 0; waited_ms < RESTART_MS; waited_ms += 50) {
        int fd = -1;
        (void)nanosleep(&nap, NULL);
        if (cyc_control_open(live->state_dir, &fd, err) == CYC_OK) {
            (void)close(fd);
            return CYC_OK;
        }
    }
    return cyc_err_set(err, CYC_E_TIMEOUT, "no new daemon has come; %s/log says why",
                       live->state_dir);
}

int cyc_cli_restart(int argc, char **argv)
{
    struct words words;
    struct cyc_err err = {0};
    int exit_code =
        read_words(argc, argv, restart_options,
                   "cyclostat restart --rig RIG [--rate N]\n\n"
                   "After an upgrade: all runs rest, the daemon ends, and the new\n"
                   "program takes its place. After a shutdown, or when the computer\n"
                   "was off: starts the rig's processes; with emulated instruments\n"
                   "--rate N as in `cyclostat run`.\n\n"
                   "Where a daemon is replaced, each run goes on by itself when all is\n"
                   "found as it was left: instrument, protections, cell, limits, and a\n"
                   "gap within `max_gap`. Else, for a pulse, sweep, profile or\n"
                   "impedance, and after a shutdown, it goes on as the\n"
                   "`after_interruption` of its step says. That is `hold` where nothing\n"
                   "is stated: then it waits for `cyclostat resume`.\n",
                   &words);
    if (exit_code < 0 && words.live.channel_name != NULL) {
        exit_code = cyc_cli_usage(argv[0], "it is for all channels of a rig; leave '%s' out",
                                  words.live.channel_name);
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    exit_code = cyc_cli_live_open(&words.live, argv[0], false);
    if (exit_code == CYC_EXIT_OK) {
        const struct cyc_request request = {.kind = CYC_REQUEST_UPGRADE};
        int status = cyc_control_command(words.live.state_dir, &request, NULL, &err);
        if (status == CYC_OK) {
            status = wait_for_successor(&words.live, &err);
        } else if (status == CYC_E_LOST) {
            status = cyc_cli_live_start(&words.live, words.rate, &err);
        }
        exit_code = status == CYC_OK ? CYC_EXIT_OK : cyc_cli_error(&err);
    }
    cyc_cli_live_close(&words.live);
    return exit_code;
}
