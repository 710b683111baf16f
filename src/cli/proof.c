/* `cyclostat proof`: shows on each channel that the safe state is reached, and writes it down. */
#include "cli/proof.h"
#include "base/clock.h"
#include "base/priority.h"

#include "device/message.h"
#include "device/port.h"
#include "run/supervisor.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "cyclostat proof [RIG] [--channel C]\n\n"
    "Shows on each channel that the safe state is reached: commands the output off as an "
    "emergency\n"
    "would, without asking the instrument who it is, and reads back that it is off. Drives "
    "nothing.\n"
    "Refused while the rig's processes run: end them first.\n\n"
    "  --kill   with the rig's processes, started where they do not run: the process of the port\n"
    "           is killed, and the supervisor has to make the output safe by itself. Refused\n"
    "           while a run is on the rig. A kill is one of three restarts in ten minutes\n\n"
    "To be done before the first run of a channel and every 30 days; `cyclostat run` reminds of\n"
    "it. Each result is appended to proof.jsonl in the state folder.\n\n"
    "Exit codes: 0 shown on every channel asked for, 3 not on all, 4 the rig is in use or files.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"channel", required_argument, NULL, 'c'},
                                        {"state", required_argument, NULL, 's'},
                                        {"kill", no_argument, NULL, 'k'},
                                        {0}};

static void utc(char *text, size_t size)
{
    struct timespec now;
    struct tm parts;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* A line that is lost would make the next start believe an older proof, which is no harm; one that
 * cannot be written is an error. */
static int write_down(const char *state_dir, const char *channel, const char *instrument,
                      const struct cyc_cli_proof *proof, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE + 32];
    char when[40];
    struct cyc_text line = {0};
    struct cyc_json json;
    utc(when, sizeof when);
    cyc_json_init(&json, &line);
    cyc_json_open(&json, '{');
    cyc_cli_key_string(&json, "time", when);
    cyc_cli_key_string(&json, "channel", channel);
    cyc_cli_key_string(&json, "instrument", instrument);
    cyc_cli_key_string(&json, "result", proof->is_safe ? "off" : "not off");
    cyc_cli_key_string(&json, "how", proof->was_killed ? "process killed" : "commanded");
    cyc_cli_key_number(&json, "took_s", (double)proof->took_ns * 1e-9);
    cyc_json_close(&json, '}');
    cyc_text_append(&line, "\n");
    (void)snprintf(path, sizeof path, "%s/" CYC_PROOF_JOURNAL, state_dir);
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const bool written = fd >= 0 && !line.failed &&
                         write(fd, cyc_text_get(&line), line.length) == (ssize_t)line.length &&
                         fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    cyc_text_release(&line);
    return written ? CYC_OK : cyc_err_set(err, CYC_E_FILE, "cannot write %s: %m", path);
}

int cyc_cli_proof_report(const struct cyc_rig *rig, unsigned channel, const char *state_dir,
                         const struct cyc_cli_proof *proof, const char *why)
{
    struct cyc_err failure = {0};
    const char *const name = rig->channels[channel].name;
    const char *const cycler = rig->instruments[rig->channels[channel].cycler].name;
    (void)printf("channel %s (%s): %s%s, %d ms%s\n", name, cycler,
                 proof->is_safe ? "off" : "NOT OFF: ", proof->is_safe ? "" : why,
                 (int)(proof->took_ns / CYC_MS_NS),
                 proof->was_killed ? " after its process was killed" : "");
    if (write_down(state_dir, name, cycler, proof, &failure) != CYC_OK) {
        return cyc_cli_error(&failure);
    }
    return proof->is_safe ? CYC_EXIT_OK : CYC_EXIT_FAULT;
}

static int prove(const struct cyc_rig *rig, unsigned index, const char *state_dir)
{
    const struct cyc_rig_channel *const channel = &rig->channels[index];
    const struct cyc_rig_instrument *const cycler = &rig->instruments[channel->cycler];
    struct cyc_err err = {0};
    const int64_t begin_ns = cyc_boot_now_ns();
    const int status = cyc_port_make_safe(rig, (unsigned)cycler->port, NULL, NULL, &err);
    const struct cyc_cli_proof proof = {.is_safe = status == CYC_OK,
                                        .took_ns = cyc_boot_now_ns() - begin_ns};
    return cyc_cli_proof_report(rig, index, state_dir, &proof, err.text);
}

static int prove_all(const struct cyc_rig *rig, const char *word, const char *state_dir)
{
    int fd = -1;
    if (cyc_message_connect(state_dir, CYC_SUPERVISOR_SOCKET, &fd, NULL) == CYC_OK) {
        (void)close(fd);
        struct cyc_err busy = {0};
        (void)cyc_err_set(
            &busy, CYC_E_BUSY,
            "the rig's processes run, and a proof switches outputs off: end them first "
            "(`cyclostat shutdown %s`), or prove with --kill when no run is on it",
            rig->path);
        return cyc_cli_error(&busy);
    }
    const int only = word != NULL ? cyc_rig_find_channel(rig, word) : -1;
    if (word != NULL && only < 0) {
        return cyc_cli_usage("proof", "the rig has no channel '%s'", word);
    }
    int exit_code = CYC_EXIT_OK;
    for (unsigned i = 0; i < rig->channel_count; i++) {
        if (only < 0 || only == (int)i) {
            const int one = prove(rig, i, state_dir);
            exit_code = exit_code == CYC_EXIT_OK ? one : exit_code;
        }
    }
    return exit_code;
}

int cyc_cli_proof(int argc, char **argv)
{
    const char *channel = NULL;
    char state_dir[CYC_PATH_SIZE] = "";
    struct cyc_err err = {0};
    int exit_code = -1;
    bool kills = false;
    for (int option; (option = cyc_cli_option(argc, argv, options, help, &exit_code)) >= 0;) {
        if (option == 'c') {
            channel = optarg;
        } else if (option == 'k') {
            kills = true;
        } else {
            (void)cyc_copy(state_dir, sizeof state_dir, optarg);
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    const char *const rig = cyc_cli_rig_path(argv[0], argc, argv);
    if (rig == NULL) {
        return CYC_EXIT_USAGE;
    }
    if (state_dir[0] == '\0' && cyc_state_dir(rig, state_dir, sizeof state_dir, &err) != CYC_OK) {
        return cyc_cli_error(&err);
    }
    if (!cyc_go_first()) {
        (void)fprintf(stderr,
                      "note: no real-time priority (%m): where the computer has other work "
                      "to do, outputs may go off later than here; see the readme, Safety\n");
    }
    struct cyc_cli_rig loaded;
    exit_code = cyc_cli_rig_open(rig, &loaded);
    if (exit_code == CYC_EXIT_OK) {
        exit_code = kills ? cyc_cli_proof_killed(&loaded, state_dir, channel)
                          : prove_all(loaded.rig, channel, state_dir);
    }
    cyc_cli_rig_release(&loaded);
    return exit_code;
}
