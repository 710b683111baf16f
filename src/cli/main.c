#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct verb verbs[] = {
    {"check", cyc_cli_check, "read a protocol, say every mistake, print the plan"},
    {"dry-run", cyc_cli_dry_run, "run a protocol on a simulated cell, now"},
    {"runs", cyc_cli_runs, "list the runs"},
    {"show", cyc_cli_show, "show one run: identity, end, steps, events"},
    {"cycles", cyc_cli_cycles, "the table of cycles of a run"},
    {"replay", cyc_cli_replay, "decide a run again and compare"},
    {"cells", cyc_cli_cells, "the simulated cells that come with the program"},
    {"emulate", cyc_cli_emulate, "an instrument that is not there, with a simulated cell"},
    {"schema", cyc_cli_schema, "the JSON Schema of protocols, for editors"},
    {"ports", cyc_cli_ports, "the serial ports of this computer, and who has them"},
    {"rig", cyc_cli_rig, "check a rig file: ports, instruments, channels and their limits"},
    {"identify", cyc_cli_identify, "ask the instruments of a rig who they are; changes nothing"},
    {"measure", cyc_cli_measure, "read every channel of a rig once; changes nothing"},
    {"run", cyc_cli_run, "run a protocol on a channel of a rig, and follow it"},
    {"attach", cyc_cli_attach, "follow a run that goes on"},
    {"status", cyc_cli_status, "what every channel of a rig does and measures now"},
    {"pause", cyc_cli_pause, "open the circuit, keep chamber and pressure"},
    {"resume", cyc_cli_resume, "go on with a paused run, or answer its question"},
    {"skip", cyc_cli_skip, "end the present step and go on with the next"},
    {"stop", cyc_cli_stop, "end a run, or acknowledge the fault that ended it"},
    {"restart", cyc_cli_restart,
     "start a rig, or after an upgrade renew it, and go on with its runs"},
    {"safe", cyc_cli_safe, "switch off all outputs of a rig, now, and latch"},
    {"proof", cyc_cli_proof, "show on each channel that the safe state is reached"},
    {"rearm", cyc_cli_rearm, "take back the latch that `safe` has set"},
    {"shutdown", cyc_cli_shutdown, "end the processes of a rig, with all outputs off"},
    /* Started by the program itself, and not listed. */
    {"daemon", cyc_cli_daemon, NULL},
    {"port", cyc_cli_port, NULL},
    {"supervise", cyc_cli_supervise, NULL},
    {"source", cyc_cli_source, NULL},
    {NULL, NULL, NULL},
};

static void help(FILE *stream)
{
    (void)fputs("cyclostat runs battery tests: a protocol once written is checked, dry-run on a\n"
                "simulated cell, and kept with everything that became of it.\n\n"
                "  cyclostat VERB …            cyclostat VERB --help\n\n",
                stream);
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        if (verb->help != NULL) {
            (void)fprintf(stream, "  %-8s  %s\n", verb->name, verb->help);
        }
    }
    (void)fputs("\n"
                "Start with   cyclostat dry-run protocols/song2024/p02-formation-30degC.yaml\n\n"
                "Results go to stdout, messages to stderr; --json makes results machine-readable.\n"
                "\n"
                "Exit codes\n"
                "    0 all is well: nothing to complain of, or the run is done or was stopped\n"
                "    1 mistakes in a protocol, cell or rig file; nothing was started\n"
                "    2 the command line is wrong\n"
                "    3 the run ended in a fault: a limit or a bound was reached\n"
                "    4 trouble with files, disk, memory, or an instrument that does not answer\n"
                "    5 the run ended failed, by the protocol's own verdict\n"
                "  130 interrupted\n\n"
                "Environment: CYCLOSTAT_RUNS, the folder of the runs (default ./runs); NO_COLOR;\n"
                "CYCLOSTAT_RIG, the rig where none is named; CYCLOSTAT_STATE, where the\n"
                "processes of rigs meet; CYCLOSTAT_DRIVERS, a folder of further drivers.\n",
                stream);
}

static int unknown_verb(const char *word)
{
    const char *names[sizeof verbs / sizeof verbs[0] + 1] = {NULL};
    for (size_t i = 0; verbs[i].name != NULL; i++) {
        names[i] = verbs[i].help != NULL ? verbs[i].name : "";
    }
    const char *nearest = cyc_nearest(word, names);
    (void)fprintf(stderr, "cyclostat: there is no '%s'", word);
    if (nearest != NULL) {
        (void)fprintf(stderr, "; did you mean '%s'?\n", nearest);
    } else {
        (void)fputs("; `cyclostat --help` lists what there is\n", stderr);
    }
    return CYC_EXIT_USAGE;
}

static int dispatch(int argc, char **argv)
{
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        (void)puts("cyclostat " CYC_VERSION);
        return CYC_EXIT_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help(stdout);
        return CYC_EXIT_OK;
    }
    if (strcmp(word, "help") == 0) {
        help(stdout);
        return CYC_EXIT_OK;
    }
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        if (strcmp(word, verb->name) == 0) {
            return verb->run(argc - 1, argv + 1);
        }
    }
    return unknown_verb(word);
}

/* A full disk or a closed pipe behind stdout must not look like success. */
static int flush(int exit_code)
{
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && exit_code == CYC_EXIT_OK) {
        (void)fputs("cyclostat: the output could not be written\n", stderr);
        return CYC_EXIT_HOST;
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return CYC_EXIT_USAGE;
    }
    return flush(dispatch(argc, argv));
}
