#include "cli/live.h"
#include "device/port.h"
#include "run/fit.h"
#include "run/start.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINK_MS       10000           /* an instrument may be silent, */
#define REASON_MS     3000            /* and be told to be missing, for so long */
#define BEGIN_NS      (90 * CYC_S_NS) /* setting instruments up, reading the protocol */
#define CELL_SIZE_MAX (1 << 20)

static const char help[] =
    "cyclostat run PROTOCOL --rig RIG --channel C --cell FILE|NAME [options]\n\n"
    "Checks a protocol against a channel of a rig and runs it there. The rig's processes are\n"
    "started where none run; they go on when this command is left. A live line shows cycle, step,\n"
    "time, voltage, current, temperature, pressure and capacity. Ctrl-C, or a closed terminal,\n"
    "detaches: the run goes on.\n\n"
    "  --rig FILE         the rig; default $CYCLOSTAT_RIG\n"
    "  --channel NAME     where the cell is connected; needed where the rig has several\n"
    "  --cell FILE|NAME   the cell under test, which also replaces the protocol's own `cell`\n"
    "  --set NAME=VALUE   another value for a parameter of the protocol\n"
    "  --runs DIR         where the run folder goes; default: the rig's `runs`, else\n"
    "                     $CYCLOSTAT_RUNS, else ./runs\n"
    "  --detach           do not follow it\n"
    "  --quiet            no live line\n"
    "  --json             what became of it as one JSON object, at the end; with --detach, and\n"
    "                     after Ctrl-C, what runs\n"
    "  --trace            keep every event and action in the run folder; `replay` decides them "
    "again\n"
    "  --rate N           run time N times as fast; with emulated instruments only\n\n"
    "Exit codes: 0 done, stopped or detached, 1 mistakes in a file or the channel does not allow\n"
    "it (nothing was started), 2 usage, 3 fault, 4 files, instruments or memory, 5 failed by the\n"
    "protocol's own verdict.\n";

enum { OPTION_RUNS = 256, OPTION_DETACH, OPTION_RATE, OPTION_TRACE };

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"rig", required_argument, NULL, 'r'},
                                        {"channel", required_argument, NULL, 'C'},
                                        {"cell", required_argument, NULL, 'c'},
                                        {"set", required_argument, NULL, 's'},
                                        {"runs", required_argument, NULL, OPTION_RUNS},
                                        {"detach", no_argument, NULL, OPTION_DETACH},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"rate", required_argument, NULL, OPTION_RATE},
                                        {"trace", no_argument, NULL, OPTION_TRACE},
                                        {0}};

struct live_run {
    struct cyc_cli_live live;
    struct cyc_cli_protocol loaded;
    const char *runs, *rate_word;
    double rate;
    bool detach, quiet, json, trace;
    char *cell_text; /* owned */
    size_t cell_size;
    char folder[CYC_PATH_SIZE]; /* of the run */
};

/* ---- The command line ------------------------------------------------------------------------ */

static int take_option(struct live_run *run, int option, const char *verb)
{
    size_t used = 0;
    switch (option) {
    case 'r':
        run->live.rig_path = optarg;
        return CYC_EXIT_OK;
    case 'C':
        run->live.channel_name = optarg;
        return CYC_EXIT_OK;
    case 'c':
        run->loaded.cell = optarg;
        return CYC_EXIT_OK;
    case 's':
        return cyc_cli_setting(&run->loaded, verb, optarg);
    case OPTION_RUNS:
        run->runs = optarg;
        return CYC_EXIT_OK;
    case OPTION_DETACH:
        run->detach = true;
        return CYC_EXIT_OK;
    case 'j':
        run->json = true;
        return CYC_EXIT_OK;
    case OPTION_TRACE:
        run->trace = true;
        return CYC_EXIT_OK;
    case OPTION_RATE:
        run->rate_word = optarg;
        return cyc_number_parse(optarg, strlen(optarg), &run->rate, &used) && optarg[used] == '\0'
                   ? CYC_EXIT_OK
                   : cyc_cli_usage(verb, "--rate takes a number, not '%s'", optarg);
    default:
        run->quiet = true;
        return CYC_EXIT_OK;
    }
}

static int read_options(int argc, char **argv, struct live_run *run)
{
    int exit_code = 0;
    for (int option; (option = cyc_cli_option(argc, argv, options, help, &exit_code)) >= 0;) {
        const int status = take_option(run, option, argv[0]);
        if (status != CYC_EXIT_OK) {
            return status;
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    return cyc_cli_protocol_path(argc, argv, &run->loaded);
}

/* ---- Before anything is started -------------------------------------------------------------- */

static int read_cell(struct live_run *run, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE];
    if (run->loaded.cell == NULL) {
        return CYC_OK;
    }
    const int status = cyc_cli_cell_path(run->loaded.cell, path, sizeof path, err);
    if (status != CYC_OK) {
        return status;
    }
    FILE *file = fopen(path, "re");
    run->cell_text = calloc(1, CELL_SIZE_MAX);
    if (file != NULL && run->cell_text != NULL) {
        run->cell_size = fread(run->cell_text, 1, CELL_SIZE_MAX, file);
    }
    const bool good = file != NULL && run->cell_text != NULL && ferror(file) == 0 &&
                      run->cell_size < CELL_SIZE_MAX;
    if (file != NULL) {
        (void)fclose(file);
    }
    return good ? CYC_OK : cyc_err_set(err, CYC_E_FILE, "cannot read %s", path);
}

/* To stdout, where it was asked for. */
static void put_json(struct live_run *run, const char *error)
{
    if (run->json) {
        cyc_cli_live_json(&(struct cyc_cli_live_outcome){.diags = &run->loaded.diags,
                                                         .error = error,
                                                         .folder = run->folder,
                                                         .end = "",
                                                         .why = ""});
    }
}

static int failed(struct live_run *run, const struct cyc_err *err)
{
    put_json(run, err->text);
    return cyc_cli_error(err);
}

static int refused(struct live_run *run, const struct cyc_err *err)
{
    put_json(run, err->text);
    if (!run->json) {
        cyc_cli_print_diags(&run->loaded.diags);
    }
    return cyc_cli_refused(&run->loaded.diags, err);
}

/* Whether the channel can carry it out. */
static int fit(struct live_run *run)
{
    const struct cyc_rig *rig = run->live.loaded.rig;
    struct cyc_text reasons = {0};
    const int status = cyc_fit_channel(rig, (unsigned)run->live.channel,
                                       cyc_protocol_demands(run->loaded.protocol), &reasons);
    if (status != CYC_OK) {
        put_json(run, cyc_text_get(&reasons));
        (void)fprintf(stderr, "%s cannot run on channel %s of %s:\n%snothing was started\n",
                      run->loaded.path, rig->channels[run->live.channel].name, rig->path,
                      cyc_text_get(&reasons));
    }
    cyc_text_release(&reasons);
    return status == CYC_OK ? CYC_EXIT_OK : CYC_EXIT_MISTAKE;
}

static int check(struct live_run *run)
{
    struct cyc_err err = {0};
    struct cyc_sensors sensors;
    cyc_fit_sensors(run->live.loaded.rig, (unsigned)run->live.channel, &sensors);
    run->loaded.sensors = &sensors;
    int status = cyc_cli_load(&run->loaded, &err);
    run->loaded.sensors = NULL;
    if (status == CYC_OK) {
        status = read_cell(run, &err);
    }
    if (status != CYC_OK) {
        return refused(run, &err);
    }
    if (run->loaded.diags.warning_count > 0 && !run->json) {
        cyc_cli_print_diags(&run->loaded.diags);
    }
    if (cyc_fit_rate(run->live.loaded.rig, run->rate, &err) != CYC_OK) {
        (void)failed(run, &err);
        return CYC_EXIT_MISTAKE;
    }
    return fit(run);
}

/* ---- Starting -------------------------------------------------------------------------------- */

static void nap(void)
{
    const struct timespec time = {.tv_nsec = 50 * 1000000};
    (void)nanosleep(&time, NULL);
}

static bool is_free(enum cyc_channel_state state)
{
    return state == CYC_CHANNEL_FREE;
}

/* Limits of temperature and pressure need somebody who has measured them. */
static const char *unmeasured(const struct cyc_rig_channel *channel,
                              const struct cyc_channel_status *status)
{
    const bool cold = !isnan(channel->limits.temperature_max_degC) &&
                      isnan(status->temperature_degC) && isnan(status->ambient_degC);
    const bool slack = !isnan(channel->limits.pressure_max_Pa) && isnan(status->pressure_Pa);
    return cold ? "temperature" : slack ? "pressure" : NULL;
}

static int refuse_latched(const struct live_run *run, struct cyc_err *err)
{
    const char *channel = run->live.loaded.rig->channels[run->live.channel].name;
    char why[160] = "";
    if (cyc_latch_is_set(run->live.state_dir, why, sizeof why)) {
        return cyc_err_set(err, CYC_E_LATCHED,
                           "outputs are latched off (%s): see to what made them safe, then "
                           "`cyclostat rearm %s`; nothing was started",
                           why, run->live.rig_path);
    }
    if (cyc_trip_is_set(run->live.state_dir, channel)) {
        return cyc_err_set(err, CYC_E_LATCHED,
                           "a limit of channel %s was broken, and it is latched off: see to the "
                           "cause, then `cyclostat rearm %s`; nothing was started",
                           channel, run->live.rig_path);
    }
    return CYC_OK;
}

/* Until the instruments have been found; said before a folder is made. */
static int wait_for_link(struct live_run *run, struct cyc_err *err)
{
    struct cyc_channel_status status = {0};
    const struct cyc_rig *rig = run->live.loaded.rig;
    const struct cyc_rig_channel *channel = &rig->channels[run->live.channel];
    int reason_ms = 0;
    for (int waited_ms = 0; waited_ms < LINK_MS && reason_ms < REASON_MS; waited_ms += 50) {
        const int asked = cyc_cli_live_status(&run->live, &status, err);
        if (asked != CYC_OK) {
            return asked;
        }
        if (status.rate < run->rate || status.rate > run->rate) {
            char now[CYC_NUMBER_SIZE];
            return cyc_err_set(
                err, CYC_E_REFUSED,
                "the rig's daemon runs at rate %s already, and all runs of a rig share "
                "one rate: write --rate %s, or end its processes first (`cyclostat "
                "shutdown %s`)",
                cyc_number_exact(now, status.rate), now, run->live.rig_path);
        }
        if (!is_free((enum cyc_channel_state)status.state)) {
            return status.state == CYC_CHANNEL_FAULT
                       ? cyc_err_set(err, CYC_E_LATCHED,
                                     "channel %s is latched by a fault (%s); `cyclostat stop --rig "
                                     "%s --channel %s` acknowledges it",
                                     channel->name, status.why, run->live.rig_path, channel->name)
                       : cyc_err_set(err, CYC_E_BUSY, "a run is on channel %s already: %s",
                                     channel->name, status.run_id);
        }
        if (status.linked && unmeasured(channel, &status) == NULL) {
            return CYC_OK;
        }
        reason_ms += !status.linked && status.link[0] != '\0' ? 50 : 0;
        nap();
    }
    if (!status.linked && status.link[0] != '\0') {
        return cyc_err_set(err, CYC_E_LOST, "%s; nothing was started", status.link);
    }
    if (status.linked) {
        return cyc_err_set(err, CYC_E_TIMEOUT,
                           "channel %s has limits of %s, but nobody measures it; `cyclostat "
                           "identify %s` says more (the log is %s/log)",
                           channel->name, unmeasured(channel, &status), run->live.rig_path,
                           run->live.state_dir);
    }
    return cyc_err_set(err, CYC_E_TIMEOUT,
                       "%s on port %s does not answer, or another instrument does; `cyclostat "
                       "identify %s` says more (the log is %s/log)",
                       rig->instruments[channel->cycler].name,
                       rig->ports[rig->instruments[channel->cycler].port].name, run->live.rig_path,
                       run->live.state_dir);
}

static const char *runs_dir(const struct live_run *run)
{
    const char *of_rig = run->live.loaded.rig->runs;
    return run->runs == NULL && of_rig[0] != '\0' ? of_rig : cyc_cli_runs_dir(run->runs);
}

static int make_folder(struct live_run *run, const char *command, struct cyc_err *err)
{
    struct timespec now = {0};
    struct cyc_run *made = NULL;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const struct cyc_live_request request = {
        .protocol = run->loaded.protocol,
        .cell_text = run->cell_text,
        .cell_size = run->cell_size,
        .rig = run->live.loaded.rig,
        .channel = (unsigned)run->live.channel,
        .runs_dir = runs_dir(run),
        .command = command,
        .settings = run->loaded.settings,
        .setting_count = run->loaded.setting_count,
        .rate = run->rate,
        .trace = run->trace,
        .start_unix_ns = (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec,
    };
    const int status = cyc_live_create_run(&request, &made, err);
    if (status != CYC_OK) {
        return status;
    }
    char *absolute = realpath(cyc_run_folder(made), NULL);
    const bool fits = absolute != NULL && cyc_copy(run->folder, sizeof run->folder, absolute);
    free(absolute);
    cyc_run_leave(made);
    return fits ? CYC_OK : cyc_err_set(err, CYC_E_BOUND, "the path of the run is too long");
}

/* Until the first step runs, or the start was refused. */
static int wait_for_start(int fd, struct cyc_err *err)
{
    struct cyc_response response = {0};
    int status = CYC_OK;
    while (status == CYC_OK && response.kind != CYC_RESPONSE_DONE) {
        status = cyc_control_response(fd, &response, BEGIN_NS, err);
    }
    if (status == CYC_OK && response.status != CYC_OK) {
        status = cyc_err_set(err, response.status, "%s", response.text);
    }
    return status;
}

static int submit(struct live_run *run, struct cyc_err *err)
{
    const struct cyc_rig *rig = run->live.loaded.rig;
    int fd = -1;
    struct cyc_request request = {.kind = CYC_REQUEST_START};
    (void)cyc_copy(request.channel, sizeof request.channel, rig->channels[run->live.channel].name);
    (void)cyc_copy(request.folder, sizeof request.folder, run->folder);
    (void)cyc_copy(request.rig_sha256, sizeof request.rig_sha256, rig->sha256);
    int status = cyc_control_open(run->live.state_dir, &fd, err);
    status = status == CYC_OK ? cyc_control_ask(fd, &request, err) : status;
    status = status == CYC_OK ? wait_for_start(fd, err) : status;
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static int start(struct live_run *run, const char *command)
{
    struct cyc_err err = {0};
    int status = cyc_cli_live_start(&run->live, run->rate_word, &err);
    if (status == CYC_OK) {
        status = wait_for_link(run, &err);
    }
    if (status == CYC_OK) {
        status = make_folder(run, command, &err);
    }
    if (status == CYC_OK) {
        status = submit(run, &err);
    }
    return status == CYC_OK ? CYC_EXIT_OK : failed(run, &err);
}

/* What keeps a run from starting whatever its instruments say: before any process is started. */
static int may_start(struct live_run *run)
{
    struct cyc_err err = {0};
    int status = refuse_latched(run, &err);
    status = status == CYC_OK ? cyc_cli_live_check_proof(&run->live, &err) : status;
    if (status == CYC_OK) {
        status = cyc_runs_dir_check(runs_dir(run), &err);
    }
    return status == CYC_OK ? CYC_EXIT_OK : failed(run, &err);
}

static void put_beginning(const struct live_run *run)
{
    if (run->json) {
        return;
    }
    (void)printf("%s\nrun   %s\n", cyc_protocol_name(run->loaded.protocol), run->folder);
    if (run->detach) {
        (void)printf("      cyclostat attach --rig %s --channel %s\n", run->live.rig_path,
                     run->live.loaded.rig->channels[run->live.channel].name);
    }
    (void)fflush(stdout);
}

static int carry_out(struct live_run *run, const char *verb, const char *command)
{
    int exit_code = cyc_cli_live_open(&run->live, verb, true);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = check(run);
    }
    if (exit_code == CYC_EXIT_OK) {
        exit_code = may_start(run);
    }
    if (exit_code == CYC_EXIT_OK) {
        exit_code = start(run, command);
    }
    if (exit_code != CYC_EXIT_OK) {
        return exit_code;
    }
    if (!run->quiet || run->detach) {
        put_beginning(run);
    }
    if (run->detach) {
        put_json(run, NULL);
        return CYC_EXIT_OK;
    }
    const struct cyc_cli_live_view view = {run->quiet, run->json, &run->loaded.diags};
    return cyc_cli_live_follow(&run->live, &view);
}

int cyc_cli_run(int argc, char **argv)
{
    struct live_run *run = calloc(1, sizeof *run);
    struct cyc_text command = {0};
    if (run == NULL) {
        (void)fputs("cyclostat: out of memory\n", stderr);
        return CYC_EXIT_HOST;
    }
    run->rate = 1;
    run->rate_word = "1";
    cyc_cli_command(argc, argv, &command); /* before --set is cut at its '=' */
    int exit_code = read_options(argc, argv, run);
    if (exit_code < 0) {
        exit_code = carry_out(run, argv[0], cyc_text_get(&command));
        cyc_cli_release(&run->loaded);
        cyc_cli_live_close(&run->live);
    }
    cyc_text_release(&command);
    free(run->cell_text);
    free(run);
    return exit_code;
}
