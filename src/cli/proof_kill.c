/* `cyclostat proof --kill`, and how long ago a channel was proved. */
#include "base/clock.h"
#include "cli/live.h"
#include "cli/proof.h"

#include "run/supervisor.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAYS        30
#define S_PER_DAY   86400.0
#define LINK_NS     (8 * CYC_S_NS) /* until the instrument is found */
#define ANSWER_NS   (12 * CYC_S_NS)
#define CHANNEL_KEY "\"channel\":\""
#define TIME_KEY    "\"time\":\""

/* ---- With a process killed ---------------------------------------------------------------------
 */

/* No run on any channel, and the instrument of this one is there. */
static int wait_for_link(struct cyc_cli_live *live, unsigned index, struct cyc_err *err)
{
    const struct timespec nap = {.tv_nsec = 50 * CYC_MS_NS};
    const struct cyc_rig *const rig = live->loaded.rig;
    const int64_t until_ns = cyc_boot_now_ns() + LINK_NS;
    struct cyc_channel_status status = {0};
    for (unsigned i = 0; i < rig->channel_count; i++) {
        live->channel = (int)i;
        const int asked = cyc_cli_live_status(live, &status, err);
        if (asked != CYC_OK) {
            return asked;
        }
        if (status.run_id[0] != '\0' && status.state != CYC_CHANNEL_FREE &&
            status.state != CYC_CHANNEL_FAULT) {
            return cyc_err_set(err, CYC_E_BUSY, "a run is on channel %s: %s", rig->channels[i].name,
                               status.run_id);
        }
    }
    live->channel = (int)index;
    for (;;) {
        const int asked = cyc_cli_live_status(live, &status, err);
        if (asked != CYC_OK || status.linked) {
            return asked;
        }
        if (cyc_boot_now_ns() > until_ns) {
            return cyc_err_set(err, CYC_E_TIMEOUT, "channel %s: its instrument does not answer",
                               rig->channels[index].name);
        }
        (void)nanosleep(&nap, NULL);
    }
}

/* From the kill to the supervisor's word that the port was made safe. */
static int kill_port(const char *state_dir, const char *port, struct cyc_cli_proof *proof,
                     struct cyc_err *err)
{
    struct cyc_message message = {
        .kind = CYC_MESSAGE_ALIVE, .channel = -1, .t_ns = cyc_boot_now_ns()};
    int fd = -1;
    int status = cyc_message_connect(state_dir, CYC_SUPERVISOR_SOCKET, &fd, err);
    if (status != CYC_OK) {
        return status;
    }
    status = cyc_message_send(fd, &message, -1, err);
    status = status == CYC_OK ? cyc_cli_await(fd, &message, cyc_boot_now_ns() + CYC_S_NS)
                              : status; /* it watches */
    const int pid = cyc_supervisor_find_port(state_dir, port);
    const int64_t begin_ns = cyc_boot_now_ns();
    if (status == CYC_OK && (pid <= 1 || kill(pid, SIGKILL) != 0)) {
        status = cyc_err_set(err, CYC_E_LOST, "no process owns port '%s'", port);
    }
    bool heard = false;
    while (status == CYC_OK && !heard) {
        status = cyc_cli_await(fd, &message, begin_ns + ANSWER_NS);
        heard = status == CYC_OK && message.kind == CYC_MESSAGE_SAFE_DONE && message.index == 2 &&
                strcmp(message.text, port) == 0;
    }
    (void)close(fd);
    *proof = (struct cyc_cli_proof){.is_safe = heard && message.status == CYC_OK,
                                    .was_killed = true,
                                    .took_ns = cyc_boot_now_ns() - begin_ns};
    if (status != CYC_OK && err->status == CYC_OK) {
        (void)cyc_err_set(err, status, "the supervisor does not say what became of it");
    }
    return status;
}

static void end_processes(const char *state_dir)
{
    const struct cyc_message end = {.kind = CYC_MESSAGE_END, .channel = -1};
    int fd = -1;
    if (cyc_message_connect(state_dir, CYC_SUPERVISOR_SOCKET, &fd, NULL) == CYC_OK) {
        (void)cyc_message_send(fd, &end, -1, NULL);
        (void)close(fd);
    }
}

static int prove_killed(struct cyc_cli_live *live, unsigned index)
{
    const struct cyc_rig *const rig = live->loaded.rig;
    const struct cyc_rig_instrument *const cycler = &rig->instruments[rig->channels[index].cycler];
    struct cyc_cli_proof proof = {0};
    struct cyc_err err = {0};
    if (wait_for_link(live, index, &err) != CYC_OK ||
        (kill_port(live->state_dir, rig->ports[cycler->port].name, &proof, &err) != CYC_OK &&
         !proof.was_killed)) {
        return cyc_cli_error(&err);
    }
    return cyc_cli_proof_report(rig, index, live->state_dir, &proof,
                                err.text[0] != '\0' ? err.text
                                                    : "the supervisor has not seen it off");
}

int cyc_cli_proof_killed(const struct cyc_cli_rig *loaded, const char *state_dir, const char *word)
{
    struct cyc_cli_live live = {
        .rig_path = loaded->rig->path, .loaded = *loaded, .channel = -1}; /* borrowed */
    const struct cyc_rig *const rig = loaded->rig;
    const int only = word != NULL ? cyc_rig_find_channel(rig, word) : -1;
    struct cyc_err err = {0};
    (void)cyc_copy(live.state_dir, sizeof live.state_dir, state_dir);
    int fd = -1;
    if (word != NULL && only < 0) {
        return cyc_cli_usage("proof", "the rig has no channel '%s'", word);
    }
    const bool ours =
        cyc_message_connect(live.state_dir, CYC_SUPERVISOR_SOCKET, &fd, NULL) != CYC_OK;
    if (!ours) {
        (void)close(fd);
    }
    if (cyc_cli_live_start(&live, "1", &err) != CYC_OK) {
        return cyc_cli_error(&err);
    }
    int exit_code = CYC_EXIT_OK;
    for (unsigned i = 0; i < rig->channel_count; i++) {
        if (only < 0 || only == (int)i) {
            const int one = prove_killed(&live, i);
            exit_code = exit_code == CYC_EXIT_OK ? one : exit_code;
        }
    }
    if (ours) {
        end_processes(live.state_dir);
    }
    return exit_code;
}

/* ---- How long ago ------------------------------------------------------------------------------
 */

/* Days since a channel was last seen made safe; negative: never, or it failed since. */
static double days_since(const char *state_dir, const char *channel)
{
    char path[CYC_PATH_SIZE + 32];
    char key[CYC_RIG_NAME_SIZE + 16];
    char line[512];
    double days = -1.0;
    (void)snprintf(path, sizeof path, "%s/" CYC_PROOF_JOURNAL, state_dir);
    (void)snprintf(key, sizeof key, CHANNEL_KEY "%s\"", channel);
    FILE *const file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *const at = strstr(line, TIME_KEY);
        struct tm parts = {0};
        if (at == NULL || strstr(line, key) == NULL) {
            continue;
        }
        days = -1.0;
        if (strstr(line, "\"off\"") != NULL &&
            strptime(at + sizeof TIME_KEY - 1, "%Y-%m-%dT%H:%M:%SZ", &parts) != NULL) {
            days = fmax(difftime(time(NULL), timegm(&parts)) / S_PER_DAY, 0.0);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return days;
}

int cyc_cli_live_check_proof(const struct cyc_cli_live *live, struct cyc_err *err)
{
    const char *const channel = live->loaded.rig->channels[live->channel].name;
    const double days = days_since(live->state_dir, channel);
    struct cyc_err words = {0};
    char ago[48] = "it was never shown";
    if (days >= 0.0 && days <= DAYS) {
        return CYC_OK;
    }
    if (days > DAYS) {
        (void)snprintf(ago, sizeof ago, "it was %d days ago that it was shown", (int)days);
    }
    (void)cyc_err_set(&words, CYC_E_REFUSED,
                      "%s that channel %s can be made safe; `cyclostat proof %s` shows it (with "
                      "--kill while the rig's processes run)",
                      ago, channel, live->rig_path);
    if (live->loaded.rig->proof_required) {
        return cyc_err_set(err, CYC_E_REFUSED,
                           "%s; the rig says `proof: required`, so nothing "
                           "was started",
                           words.text);
    }
    (void)fprintf(stderr, "warning: %s\n", words.text);
    return CYC_OK;
}
