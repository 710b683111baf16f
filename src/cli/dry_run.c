#include "cli/cli.h"
#include "cli/dry_view.h"
#include "run/fit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Unix time of run time 0 of every dry run, 2000-01-01 00:00:00 UTC: a time that nobody takes for
 * a measurement, and the same run always gives the same bytes. */
#define START_UNIX_NS (INT64_C(946684800) * CYC_S_NS)

static const char help[] =
    "cyclostat dry-run PROTOCOL [options]\n\n"
    "Runs a protocol (YAML or Lua) to its end on a simulated cell, in virtual time, and writes a\n"
    "run folder like that of a real run. Prints the table of cycles, what the protocol expects\n"
    "beside what came out, and how the run ended.\n\n"
    "  --cell FILE|NAME   the simulated cell, which also replaces the protocol's own `cell`;\n"
    "                     default: a shipped one that fits (`cyclostat cells` lists them)\n"
    "  --set NAME=VALUE   another value for a parameter of the protocol\n"
    "  --sample TIME      measure on a grid as an instrument would, say 1s, instead of finding\n"
    "                     the exact moment of each crossing\n"
    "  --rig FILE         as a channel of this rig would measure: as often as its cycler is read,\n"
    "                     with its resolution and sensors; refused where it could not run there\n"
    "  --channel NAME     which one; needed where the rig has several\n"
    "  --until TIME       stop after so much cell time, say 3d\n"
    "  --runs DIR         where the run folder goes; default $CYCLOSTAT_RUNS, else ./runs\n"
    "  --no-files         no run folder\n"
    "  --trace FILE       every event and action, as text\n"
    "  --all              every cycle in the table, not only the first and last\n"
    "  --json             the results as one JSON object\n"
    "  --quiet            no tables and no progress\n\n"
    "Exit codes: 0 done or stopped, 1 mistakes in a file (nothing was started), 2 usage,\n"
    "3 fault, 4 files or memory, 5 failed by the protocol's own verdict, 130 interrupted.\n";

enum {
    OPTION_RUNS = 256,
    OPTION_NO_FILES,
    OPTION_UNTIL,
    OPTION_SAMPLE,
    OPTION_TRACE,
    OPTION_ALL,
    OPTION_RIG
};

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"cell", required_argument, NULL, 'c'},
                                        {"set", required_argument, NULL, 's'},
                                        {"sample", required_argument, NULL, OPTION_SAMPLE},
                                        {"rig", required_argument, NULL, OPTION_RIG},
                                        {"channel", required_argument, NULL, 'C'},
                                        {"until", required_argument, NULL, OPTION_UNTIL},
                                        {"runs", required_argument, NULL, OPTION_RUNS},
                                        {"no-files", no_argument, NULL, OPTION_NO_FILES},
                                        {"trace", required_argument, NULL, OPTION_TRACE},
                                        {"all", no_argument, NULL, OPTION_ALL},
                                        {"json", no_argument, NULL, 'j'},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {0}};

static volatile int interrupted;

/* The first Ctrl-C ends the run in an orderly way, the second one at once. */
static void on_signal(int number)
{
    interrupted = 1;
    (void)signal(number, SIG_DFL);
}

struct dry_run {
    struct cyc_cli_protocol loaded;
    struct cyc_cell_spec cell;
    struct cyc_dry_options options;
    struct cyc_dry_view view;
    const char *runs;
    bool no_files;
    const char *rig_path, *channel_name; /* NULL: none */
    struct cyc_cli_rig rig;
    int channel;
    struct cyc_sensors sensors; /* of the channel */
};

static int take_option(struct dry_run *run, int option, const char *verb)
{
    switch (option) {
    case 'c':
        run->loaded.cell = optarg;
        return CYC_EXIT_OK;
    case 's':
        return cyc_cli_setting(&run->loaded, verb, optarg);
    case OPTION_SAMPLE:
        return cyc_cli_time(verb, "--sample", optarg, &run->options.sample_ns);
    case OPTION_RIG:
        run->rig_path = optarg;
        return CYC_EXIT_OK;
    case 'C':
        run->channel_name = optarg;
        return CYC_EXIT_OK;
    case OPTION_UNTIL:
        return cyc_cli_time(verb, "--until", optarg, &run->options.time_max_ns);
    case OPTION_RUNS:
        run->runs = optarg;
        return CYC_EXIT_OK;
    case OPTION_NO_FILES:
        run->no_files = true;
        return CYC_EXIT_OK;
    case OPTION_TRACE:
        run->options.trace_path = optarg;
        return CYC_EXIT_OK;
    case OPTION_ALL:
        run->view.all = true;
        return CYC_EXIT_OK;
    case 'j':
        run->view.json = true;
        return CYC_EXIT_OK;
    default:
        run->view.quiet = true;
        return CYC_EXIT_OK;
    }
}

static int read_options(int argc, char **argv, struct dry_run *run)
{
    int exit_code = 0;
    for (int option = cyc_cli_option(argc, argv, options, help, &exit_code); option >= 0;
         option = cyc_cli_option(argc, argv, options, help, &exit_code)) {
        const int status = take_option(run, option, argv[0]);
        if (status != CYC_EXIT_OK) {
            return status;
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (run->no_files && run->runs != NULL) {
        return cyc_cli_usage(argv[0], "--runs and --no-files contradict each other");
    }
    if (run->channel_name != NULL && run->rig_path == NULL) {
        return cyc_cli_usage(argv[0], "a channel of which rig? --rig FILE");
    }
    return cyc_cli_protocol_path(argc, argv, &run->loaded);
}

/* ---- As on a channel --------------------------------------------------------------------------
 */

static int take_channel(struct dry_run *run, const char *verb)
{
    int exit_code = cyc_cli_rig_open(run->rig_path, &run->rig);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = cyc_cli_rig_channel(verb, run->rig.rig, run->channel_name, &run->channel);
    }
    if (exit_code != CYC_EXIT_OK) {
        return exit_code;
    }
    const struct cyc_rig *rig = run->rig.rig;
    const struct cyc_rig_instrument *cycler = &rig->instruments[rig->channels[run->channel].cycler];
    const double *resolution = cycler->capabilities.resolution;
    cyc_fit_sensors(rig, (unsigned)run->channel, &run->sensors);
    run->loaded.sensors = &run->sensors;
    run->loaded.voltage_resolution_V = resolution[CYC_MEASURAND_VOLTAGE];
    run->loaded.current_resolution_A = resolution[CYC_MEASURAND_CURRENT];
    if (run->options.sample_ns == 0) {
        run->options.sample_ns = cycler->poll_ns;
    }
    return CYC_EXIT_OK;
}

/* The first reason why it could not run there. */
static int fit_channel(const struct dry_run *run, struct cyc_err *err)
{
    const struct cyc_rig *rig = run->rig.rig;
    struct cyc_text reasons = {0};
    const int status = cyc_fit_channel(rig, (unsigned)run->channel,
                                       cyc_protocol_demands(run->loaded.protocol), &reasons);
    if (status != CYC_OK) {
        (void)cyc_err_set(err, CYC_E_UNSUPPORTED, "%s cannot run on channel %s of %s: %.*s",
                          run->loaded.path, rig->channels[run->channel].name, rig->path,
                          (int)strcspn(cyc_text_get(&reasons), "\n"), cyc_text_get(&reasons));
    }
    cyc_text_release(&reasons);
    return status == CYC_OK ? CYC_OK : CYC_E_UNSUPPORTED;
}

/* Mistakes: nothing was started. */
static int refused(struct dry_run *run, const struct cyc_err *err)
{
    struct cyc_diags *diags = &run->loaded.diags;
    if (run->view.json) {
        struct cyc_text text = {0};
        struct cyc_json json;
        cyc_json_init(&json, &text);
        cyc_json_open(&json, '{');
        cyc_cli_key_string(&json, "error", err->text);
        cyc_cli_key_string(&json, "end", NULL);
        cyc_json_key(&json, "diagnostics");
        cyc_diags_json(diags, &json);
        cyc_json_close(&json, '}');
        cyc_text_append(&text, "\n");
        cyc_cli_put(stdout, &text);
        cyc_text_release(&text);
    } else {
        cyc_cli_print_diags(diags);
    }
    return cyc_cli_refused(diags, err);
}

static int exit_code_of(const struct cyc_dry_outcome *outcome)
{
    if (outcome->interrupted) {
        return CYC_EXIT_INTERRUPTED;
    }
    switch (outcome->finish) {
    case CYC_FINISH_DONE:
    case CYC_FINISH_STOPPED:
        return CYC_EXIT_OK;
    case CYC_FINISH_FAILED:
        return CYC_EXIT_FAILED;
    case CYC_FINISH_FAULT:
        return CYC_EXIT_FAULT;
    }
    return CYC_EXIT_HOST;
}

/* The same refusal as the host's, with the place in the file. */
static bool needs_impedance(struct dry_run *run)
{
    const struct cyc_demand *demand = &cyc_protocol_demands(run->loaded.protocol)->impedance;
    if (demand->step == 0 || demand->pos.line == 0) {
        return false;
    }
    struct cyc_diag *diag = cyc_diags_add(
        &run->loaded.diags, CYC_SEVERITY_ERROR, demand->pos,
        "step %u is an impedance step, and a dry run cannot measure impedance yet", demand->step);
    diag->hint = "`cyclostat check` reads this protocol; to dry-run the rest, leave the step out";
    return true;
}

static int carry_out(struct dry_run *run)
{
    struct cyc_err err = {0};
    struct cyc_dry_outcome outcome = {0};
    cyc_dry_view_init(&run->view, &run->loaded, &run->cell);
    cyc_dry_view_begin(&run->view, &run->loaded, run->loaded.file->facts.name);
    const struct cyc_dry_listener listener = cyc_dry_view_listener(&run->view);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGHUP, on_signal);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of writing, like a full disk */
    const int status = cyc_dry_run(&run->options, &listener, &outcome, &err);
    cyc_dry_view_end(&run->view, &outcome, status == CYC_OK ? NULL : &err);
    cyc_dry_view_release(&run->view);
    if (status != CYC_OK) {
        return cyc_cli_error(&err);
    }
    if (run->view.quiet && outcome.why[0] != '\0' && exit_code_of(&outcome) != CYC_EXIT_OK) {
        (void)fprintf(stderr, "cyclostat: %s: %s\n", cyc_finish_name(outcome.finish), outcome.why);
    }
    return exit_code_of(&outcome);
}

static int load_and_run(struct dry_run *run, const char *command)
{
    struct cyc_err err = {0};
    int status = cyc_cli_load(&run->loaded, &err);
    if (status == CYC_OK && run->rig_path != NULL) {
        status = fit_channel(run, &err);
    }
    if (status == CYC_OK) {
        status = cyc_cli_simulated_cell(&run->loaded, &run->cell, &err);
    }
    if (status == CYC_OK && needs_impedance(run)) {
        status = cyc_err_set(&err, CYC_E_UNSUPPORTED, "the protocol has an impedance step");
    }
    if (status != CYC_OK) {
        return refused(run, &err);
    }
    run->options.protocol = run->loaded.protocol;
    run->options.cell = &run->cell;
    run->options.facts = cyc_protocol_cell(run->loaded.protocol);
    run->options.runs_dir = run->no_files ? NULL : cyc_cli_runs_dir(run->runs);
    run->options.command = command;
    run->options.settings = run->loaded.settings;
    run->options.setting_count = run->loaded.setting_count;
    run->options.start_unix_ns = START_UNIX_NS;
    run->options.progress = cyc_dry_view_progress;
    run->options.progress_context = &run->view;
    return carry_out(run);
}

int cyc_cli_dry_run(int argc, char **argv)
{
    struct dry_run *run = calloc(1, sizeof *run);
    struct cyc_text command = {0};
    if (run == NULL) {
        (void)fputs("cyclostat: out of memory\n", stderr);
        return CYC_EXIT_HOST;
    }
    cyc_cli_command(argc, argv, &command); /* before --set is cut at its '=' */
    int exit_code = read_options(argc, argv, run);
    if (exit_code < 0 && run->rig_path != NULL) {
        const int taken = take_channel(run, argv[0]);
        exit_code = taken == CYC_EXIT_OK ? exit_code : taken;
    }
    if (exit_code < 0) {
        run->view.interrupted = &interrupted;
        exit_code = load_and_run(run, cyc_text_get(&command));
        cyc_cli_release(&run->loaded);
    }
    cyc_cli_rig_release(&run->rig);
    cyc_text_release(&command);
    free(run);
    return exit_code;
}
