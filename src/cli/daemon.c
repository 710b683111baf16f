#include "run/daemon.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "cyclostat daemon --rig RIG --state FOLDER [--rate N] [--supervisor-fd N]\n\n"
    "Decides for all channels of a rig. The supervisor starts it.\n";

static const struct option options[] = {
    {"help", no_argument, NULL, CYC_OPTION_HELP},    {"rig", required_argument, NULL, 'r'},
    {"state", required_argument, NULL, 's'},         {"rate", required_argument, NULL, 'R'},
    {"supervisor-fd", required_argument, NULL, 'f'}, {0}};

int cyc_cli_daemon(int argc, char **argv)
{
    struct cyc_daemon_options daemon = {.rate = 1, .supervisor_fd = -1};
    const char *rig = NULL;
    int exit_code = -1;
    size_t used = 0;
    for (int option; (option = cyc_cli_option(argc, argv, options, help, &exit_code)) >= 0;) {
        if (option == 'r') {
            rig = optarg;
        } else if (option == 's') {
            daemon.state_dir = optarg;
        } else if (option == 'f') {
            daemon.supervisor_fd = (int)strtol(optarg, NULL, 10);
        } else if (!cyc_number_parse(optarg, strlen(optarg), &daemon.rate, &used) ||
                   !(daemon.rate > 0)) {
            return cyc_cli_usage(argv[0], "--rate takes a number above 0, not '%s'", optarg);
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (rig == NULL || daemon.state_dir == NULL || optind != argc) {
        return cyc_cli_usage(argv[0], "--rig and --state are needed, and nothing but options");
    }
    char program[CYC_PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    daemon.program = program;
    struct cyc_cli_rig loaded;
    struct cyc_err err = {0};
    exit_code = cyc_cli_rig_open(rig, &loaded);
    daemon.rig = loaded.rig;
    if (exit_code == CYC_EXIT_OK && cyc_daemon_run(&daemon, &err) != CYC_OK) {
        exit_code = cyc_cli_error(&err);
    }
    cyc_cli_rig_release(&loaded);
    return exit_code;
}
