/* `cyclostat port` and `cyclostat supervise`: started by other parts of the program, not by hand.
 */
#include "cli/cli.h"

#include "device/port.h"
#include "run/supervisor.h"

#include <stdlib.h>
#include <unistd.h>

static const char port_help[] =
    "cyclostat port --rig RIG --state FOLDER --port NAME --supervisor-fd N\n\n"
    "The process that owns one port and the instruments on it. `cyclostat run` starts it.\n";

static const char supervise_help[] =
    "cyclostat supervise --rig RIG [--state FOLDER] [--rate N]\n\n"
    "The parent of a rig's processes: one per port, and the daemon. `cyclostat run` starts it "
    "where\n"
    "there is none; a service manager may. SIGTERM makes everything safe and ends it.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"rig", required_argument, NULL, 'r'},
                                        {"state", required_argument, NULL, 's'},
                                        {"port", required_argument, NULL, 'p'},
                                        {"rate", required_argument, NULL, 'R'},
                                        {"supervisor-fd", required_argument, NULL, 'f'},
                                        {0}};

struct words {
    const char *rig, *state, *port, *rate;
    int fd;
};

static int read_words(int argc, char **argv, const char *help, struct words *words)
{
    int exit_code = -1;
    *words = (struct words){.fd = -1};
    for (int option; (option = cyc_cli_option(argc, argv, options, help, &exit_code)) >= 0;) {
        if (option == 'r') {
            words->rig = optarg;
        } else if (option == 's') {
            words->state = optarg;
        } else if (option == 'p') {
            words->port = optarg;
        } else if (option == 'R') {
            words->rate = optarg;
        } else {
            words->fd = (int)strtol(optarg, NULL, 10);
        }
    }
    if (exit_code < 0 && (words->rig == NULL || optind != argc)) {
        exit_code = cyc_cli_usage(argv[0], "--rig is needed, and nothing but options");
    }
    return exit_code;
}

static int state_of(struct words *words, char *dir, size_t size)
{
    struct cyc_err err = {0};
    if (words->state == NULL) {
        if (cyc_state_dir(words->rig, dir, size, &err) != CYC_OK) {
            return cyc_cli_error(&err);
        }
        words->state = dir;
    }
    return CYC_EXIT_OK;
}

int cyc_cli_port(int argc, char **argv)
{
    struct words words;
    char dir[CYC_PATH_SIZE];
    int exit_code = read_words(argc, argv, port_help, &words);
    if (exit_code >= 0) {
        return exit_code;
    }
    if (words.port == NULL) {
        return cyc_cli_usage(argv[0], "--port is needed");
    }
    struct cyc_cli_rig loaded;
    exit_code = cyc_cli_rig_open(words.rig, &loaded);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = state_of(&words, dir, sizeof dir);
    }
    if (exit_code == CYC_EXIT_OK) {
        struct cyc_err err = {0};
        const int port = cyc_rig_find_port(loaded.rig, words.port);
        const struct cyc_port_options run = {.rig = loaded.rig,
                                             .port = (unsigned)port,
                                             .state_dir = words.state,
                                             .supervisor_fd = words.fd,
                                             .stop_fd = -1};
        if (port < 0) {
            exit_code = cyc_cli_usage(argv[0], "the rig has no port '%s'", words.port);
        } else if (cyc_port_run(&run, &err) != CYC_OK) {
            exit_code = cyc_cli_error(&err);
        }
    }
    cyc_cli_rig_release(&loaded);
    return exit_code;
}

int cyc_cli_supervise(int argc, char **argv)
{
    struct words words;
    char dir[CYC_PATH_SIZE];
    char program[CYC_PATH_SIZE];
    int exit_code = read_words(argc, argv, supervise_help, &words);
    if (exit_code >= 0) {
        return exit_code;
    }
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    struct cyc_cli_rig loaded;
    exit_code = cyc_cli_rig_open(words.rig, &loaded);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = state_of(&words, dir, sizeof dir);
    }
    const char *ports[CYC_RIG_PORTS_MAX + 1] = {NULL};
    if (exit_code == CYC_EXIT_OK) {
        struct cyc_err err = {0};
        for (unsigned i = 0; i < loaded.rig->port_count; i++) {
            ports[i] = loaded.rig->ports[i].name;
        }
        const struct cyc_supervisor_options run = {.program = program,
                                                   .rig_path = words.rig,
                                                   .state_dir = words.state,
                                                   .ports = ports,
                                                   .rate = words.rate};
        if (cyc_supervisor_run(&run, &err) != CYC_OK) {
            exit_code = cyc_cli_error(&err);
        }
    }
    cyc_cli_rig_release(&loaded);
    return exit_code;
}
