/* `cyclostat shutdown`: ends the processes of a rig. */
#include "base/clock.h"
#include "cli/live.h"

#include "run/supervisor.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_NS (15 * CYC_S_NS) /* a supervisor that kills, waits and helps needs less */

static const char help[] =
    "cyclostat shutdown [RIG] [--runs-stay]\n\n"
    "Ends the processes of a rig: its ports, its daemon, their supervisor. Every electrical\n"
    "output is switched off first; chambers and presses keep their setpoint unless the rig\n"
    "says `safe: off`. Nothing is latched: the next `cyclostat run` starts them again.\n\n"
    "  --runs-stay    also while runs are in progress: they rest, and go on as their\n"
    "                 `after_interruption` says when the rig is started again, by\n"
    "                 `cyclostat restart` or with the next run\n\n"
    "RIG is a rig file; without it, $CYCLOSTAT_RIG. Prints what was ended.\n\n"
    "Exit codes: 0 nothing runs any more, and every output was seen off; 1 a run is in\n"
    "progress, and nothing was done; 3 an output was not seen off; 4 as usual.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"rig", required_argument, NULL, 'r'},
                                        {"runs-stay", no_argument, NULL, 's'},
                                        {0}};

/* ---- Runs in progress ------------------------------------------------------------------------ */

static bool is_in_progress(uint32_t state)
{
    return state != CYC_CHANNEL_FREE && state != CYC_CHANNEL_FAULT;
}

/* Names the channels that have one, "A1, A2"; nothing where no daemon answers. */
static int find_runs(const struct cyc_cli_live *live, struct cyc_text *channels,
                     struct cyc_err *err)
{
    const struct cyc_request request = {.kind = CYC_REQUEST_STATUS};
    struct cyc_response response = {0};
    int fd = -1;
    int status = cyc_control_open(live->state_dir, &fd, NULL);
    if (status != CYC_OK) {
        return CYC_OK; /* no daemon, no run that it would end */
    }
    status = cyc_control_ask(fd, &request, err);
    while (status == CYC_OK && response.kind != CYC_RESPONSE_DONE) {
        status = cyc_control_response(fd, &response, 2 * CYC_S_NS, err);
        if (status == CYC_OK && response.kind == CYC_RESPONSE_CHANNEL &&
            is_in_progress(response.channel.state)) {
            cyc_text_format(channels, "%s%s", channels->length == 0 ? "" : ", ",
                            response.channel.channel);
        }
    }
    (void)close(fd);
    return status;
}

/* The daemon lets them rest before any port goes. */
static int rest_runs(const struct cyc_cli_live *live, struct cyc_err *err)
{
    const struct cyc_request request = {.kind = CYC_REQUEST_UPGRADE};
    return cyc_control_command(live->state_dir, &request, NULL, err);
}

/* ---- The supervisor -------------------------------------------------------------------------- */

static void print_ended(const struct cyc_message *message)
{
    (void)printf("%s: ended%s\n", message->text,
                 message->status == CYC_OK ? "" : ", NOT SEEN OFF: look at its instruments");
}

/* Until the supervisor has said its last word. */
static int end_all(int fd, struct cyc_err *err)
{
    struct cyc_message message = {
        .kind = CYC_MESSAGE_END, .channel = -1, .t_ns = cyc_boot_now_ns()};
    const int64_t until_ns = cyc_boot_now_ns() + ANSWER_NS;
    int status = cyc_message_send(fd, &message, -1, err);
    bool over = false;
    while (status == CYC_OK && !over) {
        status = cyc_cli_await(fd, &message, until_ns);
        if (status == CYC_OK && message.kind == CYC_MESSAGE_END) {
            print_ended(&message);
            over = message.index == 1;
        }
    }
    if (status != CYC_OK) {
        return cyc_err_set(err, status,
                           "the supervisor did not say how it ended; `cyclostat safe` "
                           "makes sure that all outputs are off");
    }
    return message.status;
}

static int shut_down(const struct cyc_cli_live *live, bool runs_stay)
{
    struct cyc_text channels = {0};
    struct cyc_err err = {0};
    int fd = -1;
    int exit_code = CYC_EXIT_OK;
    if (cyc_message_connect(live->state_dir, CYC_SUPERVISOR_SOCKET, &fd, NULL) != CYC_OK) {
        (void)printf("nothing runs on %s\n", live->loaded.rig->name);
        return CYC_EXIT_OK;
    }
    int status = find_runs(live, &channels, &err);
    if (status == CYC_OK && channels.length > 0 && !runs_stay) {
        (void)fprintf(stderr,
                      "cyclostat shutdown: a run is in progress on %s; nothing was done\n"
                      "end it first with `cyclostat stop`, or let it go on at the next start: "
                      "--runs-stay\n",
                      cyc_text_get(&channels));
        exit_code = CYC_EXIT_MISTAKE;
    } else {
        if (status == CYC_OK && channels.length > 0) {
            status = rest_runs(live, &err);
        }
        status = status == CYC_OK ? end_all(fd, &err) : status;
        exit_code = status == CYC_OK ? CYC_EXIT_OK : CYC_EXIT_FAULT;
        if (err.text[0] != '\0') {
            (void)cyc_cli_error(&err);
        }
    }
    (void)close(fd);
    cyc_text_release(&channels);
    return exit_code;
}

int cyc_cli_shutdown(int argc, char **argv)
{
    struct cyc_cli_live live = {0};
    bool runs_stay = false;
    int exit_code = -1;
    for (int option; (option = cyc_cli_option(argc, argv, options, help, &exit_code)) >= 0;) {
        if (option == 'r') {
            live.rig_path = optarg;
        } else {
            runs_stay = true;
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (live.rig_path == NULL || optind < argc) {
        live.rig_path = cyc_cli_rig_path(argv[0], argc, argv);
    }
    if (live.rig_path == NULL) {
        return CYC_EXIT_USAGE;
    }
    exit_code = cyc_cli_live_open(&live, argv[0], false);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = shut_down(&live, runs_stay);
    }
    cyc_cli_live_close(&live);
    return exit_code;
}
