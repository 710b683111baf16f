/* `cyclostat safe` and `cyclostat rearm`. */
#include "base/clock.h"
#include "base/priority.h"
#include "cli/live.h"

#include "device/port.h"
#include "run/supervisor.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_NS                                                                                  \
    (6 * CYC_S_NS) /* a supervisor that kills, waits and helps three times needs less */

static const char safe_help[] =
    "cyclostat safe [RIG] [--why TEXT]\n\n"
    "Switches off every electrical output of the rig, now, whatever runs on it: asks the rig's\n"
    "supervisor; where there is none, ends the processes that hold the ports and switches off\n"
    "directly. Chambers and presses keep their setpoint unless the rig says `safe: off`.\n"
    "Then nothing can be energised until `cyclostat rearm RIG`.\n\n"
    "Prints one line per output: off, or NOT OFF with the reason. What is NOT OFF has to be\n"
    "switched off by hand, at the instrument.\n\n"
    "Exit codes: 0 every output was seen off; 3 at least one was not; 1 or 2 as usual.\n";

static const char rearm_help[] =
    "cyclostat rearm [RIG]\n\n"
    "Takes back the latch that `cyclostat safe` has set. It energises nothing: runs that were\n"
    "stopped wait for a person to go on with them.\n\n"
    "Exit codes: 0 rearmed, 4 files.\n";

static const struct option options[] = {
    {"help", no_argument, NULL, CYC_OPTION_HELP}, {"rig", required_argument, NULL, 'r'},
    {"state", required_argument, NULL, 's'},      {"port", required_argument, NULL, 'p'},
    {"fd", required_argument, NULL, 'f'},         {"strangers", required_argument, NULL, 'x'},
    {"why", required_argument, NULL, 'w'},        {0}};

struct request {
    const char *rig, *port, *why;
    char state[CYC_PATH_SIZE];
    struct cyc_port_left left; /* fd -1: by hand */
    struct cyc_cli_rig loaded;
};

static int read_request(int argc, char **argv, const char *help, struct request *request)
{
    int exit_code = -1;
    struct cyc_err err = {0};
    *request = (struct request){.left.fd = -1, .why = "made safe by hand"};
    for (int option; (option = cyc_cli_option(argc, argv, options, help, &exit_code)) >= 0;) {
        if (option == 'r') {
            request->rig = optarg;
        } else if (option == 's') {
            (void)cyc_copy(request->state, sizeof request->state, optarg);
        } else if (option == 'p') {
            request->port = optarg;
        } else if (option == 'w') {
            request->why = optarg;
        } else if (option == 'x') {
            request->left.strangers = strtoull(optarg, NULL, 16);
        } else {
            request->left.fd = (int)strtol(optarg, NULL, 10);
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (request->rig == NULL || optind < argc) {
        request->rig = cyc_cli_rig_path(argv[0], argc, argv);
    }
    if (request->rig == NULL) {
        return CYC_EXIT_USAGE;
    }
    if (request->state[0] == '\0' &&
        cyc_state_dir(request->rig, request->state, sizeof request->state, &err) != CYC_OK) {
        return cyc_cli_error(&err);
    }
    return -1;
}

/* The supervisor's helper: one port, no latch, nobody to be asked. */
static bool is_helper(const struct request *request)
{
    return request->left.fd >= 0;
}

/* ---- Directly -------------------------------------------------------------------------------- */

/* All ports, or the one that was named. */
static int make_ports_safe(const struct request *request)
{
    const struct cyc_rig *const rig = request->loaded.rig;
    struct cyc_text report = {0};
    bool failed = false;
    for (unsigned i = 0; i < rig->port_count; i++) {
        if (request->port == NULL || strcmp(request->port, rig->ports[i].name) == 0) {
            const struct cyc_port_left *const left = is_helper(request) ? &request->left : NULL;
            failed |= cyc_port_make_safe(rig, i, left, &report, NULL) != CYC_OK;
            cyc_port_forget_seen(request->state, rig->ports[i].name);
        }
    }
    cyc_cli_put(stdout, &report);
    cyc_text_release(&report);
    return failed ? CYC_EXIT_FAULT : CYC_EXIT_OK;
}

/* ---- By the supervisor -----------------------------------------------------------------------
 */

/* Instruments that only report now and then: the supervisor waits for them, and so do its helpers.
 */
static int64_t longest_off_ns(const struct cyc_rig *rig)
{
    int64_t longest = 0;
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        const int64_t safe_ns = rig->instruments[i].capabilities.safe_ns;
        longest = safe_ns > CYC_BUS_CALL_MAX_NS && safe_ns > longest ? safe_ns : longest;
    }
    return longest;
}

/* What is known of a channel's output before its port has answered as a whole. */
struct heard {
    bool told;
    char why[192]; /* it was not off when last tried */
};

static void print_line(const struct cyc_rig *rig, int channel, const struct cyc_message *message)
{
    const struct cyc_rig_channel *const place = &rig->channels[channel];
    (void)printf("%s (channel %s): %s%s\n", rig->instruments[place->cycler].name, place->name,
                 message->status == CYC_OK ? "off" : "NOT OFF: ",
                 message->status == CYC_OK ? "" : message->text);
}

/* One that failed is tried again: the port's word decides. */
static void take_output(const struct cyc_rig *rig, struct heard *heard,
                        const struct cyc_message *message)
{
    if (message->status == CYC_OK && !heard->told) {
        print_line(rig, message->channel, message);
        heard->told = true;
    }
    (void)cyc_copy(heard->why, sizeof heard->why, message->status == CYC_OK ? "" : message->text);
}

/* A port that answered as a whole: its outputs that have not answered by themselves. */
static void print_port(const struct cyc_rig *rig, const struct cyc_message *message,
                       struct heard *heard)
{
    struct cyc_message line = *message;
    const char *const colon = strstr(message->text, ": ");
    char name[CYC_RIG_NAME_SIZE];
    (void)cyc_copy(name, sizeof name, message->text);
    name[strcspn(name, ":")] = '\0';
    for (unsigned i = 0; i < rig->channel_count; i++) {
        const int port = rig->instruments[rig->channels[i].cycler].port;
        if (!heard[i].told && strcmp(rig->ports[port].name, name) == 0) {
            const char *const why = colon != NULL ? colon + 2 : "it was not seen off";
            (void)cyc_copy(line.text, sizeof line.text,
                           heard[i].why[0] != '\0' ? heard[i].why : why);
            print_line(rig, (int)i, &line);
            heard[i].told = true;
        }
    }
}

/* True when the supervisor has answered to the end. */
static bool ask_supervisor(const struct request *request, struct heard *heard, int *exit_code)
{
    const struct cyc_rig *const rig = request->loaded.rig;
    int fd = -1;
    if (cyc_message_connect(request->state, CYC_SUPERVISOR_SOCKET, &fd, NULL) != CYC_OK) {
        return false;
    }
    struct cyc_message message = {
        .kind = CYC_MESSAGE_SAFE_ALL, .channel = -1, .t_ns = cyc_boot_now_ns()};
    (void)cyc_copy(message.text, sizeof message.text, request->why);
    bool ended = false;
    int status = cyc_message_send(fd, &message, -1, NULL);
    const int64_t until = cyc_boot_now_ns() + ANSWER_NS + 4 * longest_off_ns(request->loaded.rig);
    while (status == CYC_OK && !ended) {
        status = cyc_cli_await(fd, &message, until);
        if (status != CYC_OK || message.kind != CYC_MESSAGE_SAFE_DONE) {
            continue;
        }
        const int channel = message.channel;
        if (channel >= 0 && (unsigned)channel < rig->channel_count) {
            take_output(rig, &heard[channel], &message);
        } else if (channel < 0 && message.index == 1) {
            *exit_code = message.status == CYC_OK ? CYC_EXIT_OK : CYC_EXIT_FAULT;
            ended = true;
        } else if (channel < 0) {
            print_port(rig, &message, heard);
        }
    }
    (void)close(fd);
    return ended;
}

/* ---- Verbs ----------------------------------------------------------------------------------- */

static int make_all_safe(const struct request *request)
{
    struct cyc_err err = {0};
    int exit_code = CYC_EXIT_FAULT;
    struct heard *const heard = calloc(CYC_RIG_CHANNELS_MAX, sizeof *heard);
    const bool answered = heard != NULL && ask_supervisor(request, heard, &exit_code);
    free(heard);
    if (answered) {
        return exit_code;
    }
    if (cyc_supervisor_kill_holders(request->state, &err) != CYC_OK) {
        (void)fprintf(stderr, "cyclostat safe: %s\n", err.text);
        (void)make_ports_safe(request);
        return CYC_EXIT_FAULT;
    }
    return make_ports_safe(request);
}

/* The latch is there for everybody before the outputs go off, and on the disk after that: a disk
 * that is slow delays no output off. */
static int safe_by_hand(const struct request *request)
{
    struct cyc_err err = {0};
    if (cyc_latch_set(request->state, request->why, &err) != CYC_OK) {
        (void)fprintf(stderr, "cyclostat safe: %s; going on\n", err.text);
    }
    const int exit_code = make_all_safe(request);
    if (cyc_latch_sync(request->state, &err) != CYC_OK) {
        (void)fprintf(stderr, "cyclostat safe: %s\n", err.text);
    }
    return exit_code;
}

int cyc_cli_safe(int argc, char **argv)
{
    struct request request;
    int exit_code = read_request(argc, argv, safe_help, &request);
    if (exit_code >= 0) {
        return exit_code;
    }
    (void)cyc_go_first();
    exit_code = cyc_cli_rig_open(request.rig, &request.loaded);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = is_helper(&request) ? make_ports_safe(&request) : safe_by_hand(&request);
    }
    cyc_cli_rig_release(&request.loaded);
    return exit_code;
}

int cyc_cli_rearm(int argc, char **argv)
{
    struct request request;
    struct cyc_err err = {0};
    const int exit_code = read_request(argc, argv, rearm_help, &request);
    if (exit_code >= 0) {
        return exit_code;
    }
    if (cyc_latch_clear(request.state, &err) != CYC_OK) {
        return cyc_cli_error(&err);
    }
    int fd = -1;
    if (cyc_message_connect(request.state, CYC_SUPERVISOR_SOCKET, &fd, NULL) == CYC_OK) {
        struct cyc_message message = {
            .kind = CYC_MESSAGE_REARM, .channel = -1, .t_ns = cyc_boot_now_ns()};
        if (cyc_message_send(fd, &message, -1, NULL) == CYC_OK) {
            (void)cyc_cli_await(fd, &message, cyc_boot_now_ns() + CYC_S_NS);
        }
        (void)close(fd);
    }
    (void)puts("rearmed");
    return CYC_EXIT_OK;
}
