#include "cli/live.h"

#include "base/clock.h"
#include "device/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define START_MS 20000

int cyc_cli_live_open(struct cyc_cli_live *live, const char *verb, bool channel)
{
    struct cyc_err err = {0};
    if (live->rig_path == NULL) {
        const char *environment = getenv("CYCLOSTAT_RIG");
        live->rig_path = environment != NULL && environment[0] != '\0' ? environment : NULL;
    }
    if (live->rig_path == NULL) {
        return cyc_cli_usage(verb, "which rig? --rig FILE, or $CYCLOSTAT_RIG");
    }
    live->channel = -1;
    const int exit_code = cyc_cli_rig_open(live->rig_path, &live->loaded);
    if (exit_code != CYC_EXIT_OK) {
        return exit_code;
    }
    if (cyc_state_dir(live->rig_path, live->state_dir, sizeof live->state_dir, &err) != CYC_OK) {
        return cyc_cli_error(&err);
    }
    return channel ? cyc_cli_rig_channel(verb, live->loaded.rig, live->channel_name, &live->channel)
                   : CYC_EXIT_OK;
}

void cyc_cli_live_close(struct cyc_cli_live *live)
{
    cyc_cli_rig_release(&live->loaded);
}

static void nap(void)
{
    const struct timespec time = {.tv_nsec = 20 * 1000000};
    (void)nanosleep(&time, NULL);
}

/* In a session of its own: a closed terminal or its Ctrl-C must not end it. Its words go to a log
 * in the state folder. */
static void become_supervisor(const struct cyc_cli_live *live, const char *rate)
{
    char log[CYC_PATH_SIZE + 16];
    (void)snprintf(log, sizeof log, "%s/log", live->state_dir);
    const int in = open("/dev/null", O_RDONLY);
    const int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (setsid() < 0 || in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
        dup2(out, 2) < 0) {
        _exit(CYC_EXIT_HOST);
    }
    for (int fd = 3; fd < 256; fd++) {
        (void)close(fd);
    }
    (void)execl("/proc/self/exe", "cyclostat", "supervise", "--rig", live->rig_path, "--state",
                live->state_dir, "--rate", rate, (char *)NULL);
    _exit(CYC_EXIT_HOST);
}

int cyc_cli_live_start(struct cyc_cli_live *live, const char *rate, struct cyc_err *err)
{
    int fd = -1;
    if (cyc_control_open(live->state_dir, &fd, NULL) == CYC_OK) {
        (void)close(fd);
        return CYC_OK;
    }
    const pid_t child = fork();
    if (child < 0) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "cannot start the rig's processes: %m");
    }
    if (child == 0) {
        become_supervisor(live, rate);
    }
    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += 20) {
        if (cyc_control_open(live->state_dir, &fd, NULL) == CYC_OK) {
            (void)close(fd);
            return CYC_OK;
        }
        nap();
    }
    return cyc_err_set(err, CYC_E_TIMEOUT,
                       "the rig's processes did not begin within %d s; %s/log says why",
                       START_MS / 1000, live->state_dir);
}

void cyc_cli_live_remedy(const struct cyc_cli_live *live, const struct cyc_channel_status *status,
                         struct cyc_text *out)
{
    const char *rig = live->rig_path;
    const char *channel = status->channel;
    const bool tripped = cyc_trip_is_set(live->state_dir, channel);
    switch ((enum cyc_channel_state)status->state) {
    case CYC_CHANNEL_FAULT:
        cyc_text_format(out, "%s stays off. See to the cause; then\n", channel);
        if (tripped) {
            cyc_text_format(out, "  cyclostat rearm %s\n", rig);
        }
        cyc_text_format(out, "  cyclostat stop --rig %s --channel %s      acknowledges the fault\n",
                        rig, channel);
        return;
    case CYC_CHANNEL_HELD:
        if (tripped) {
            cyc_text_format(out, "  cyclostat rearm %s    first, when the cause is removed\n", rig);
        }
        cyc_text_format(out,
                        "  cyclostat resume --rig %s --channel %s    goes on\n"
                        "  cyclostat stop --rig %s --channel %s      ends the run\n",
                        rig, channel, rig, channel);
        return;
    case CYC_CHANNEL_FREE:
        if (tripped) {
            cyc_text_format(out,
                            "%s stays off: a limit of the channel was broken. See to the cause; "
                            "then\n  cyclostat rearm %s\n",
                            channel, rig);
        }
        return;
    case CYC_CHANNEL_STARTING:
    case CYC_CHANNEL_RUNNING:
    case CYC_CHANNEL_PAUSED:
    case CYC_CHANNEL_WAITING:
    case CYC_CHANNEL_ENDING:
        return;
    }
}

int cyc_cli_await(int fd, struct cyc_message *message, int64_t until_ns)
{
    for (;;) {
        const int status = cyc_message_receive(fd, message, NULL, NULL);
        const int64_t left = until_ns - cyc_boot_now_ns();
        if (status != CYC_E_TIMEOUT || left <= 0) {
            return status;
        }
        struct pollfd news = {.fd = fd, .events = POLLIN};
        (void)poll(&news, 1, (int)(left / CYC_MS_NS) + 1);
    }
}

int cyc_cli_live_status(const struct cyc_cli_live *live, struct cyc_channel_status *status,
                        struct cyc_err *err)
{
    int fd = -1;
    struct cyc_request request = {.kind = CYC_REQUEST_STATUS};
    struct cyc_response response;
    (void)cyc_copy(request.channel, sizeof request.channel,
                   live->loaded.rig->channels[live->channel].name);
    int result = cyc_control_open(live->state_dir, &fd, err);
    if (result != CYC_OK) {
        return result;
    }
    result = cyc_control_ask(fd, &request, err);
    if (result == CYC_OK) {
        result = cyc_control_response(fd, &response, 2 * CYC_S_NS, err);
    }
    (void)close(fd);
    if (result == CYC_OK && response.kind != CYC_RESPONSE_CHANNEL) {
        result = cyc_err_set(err, CYC_E_REPLY, "%s", response.text);
    }
    if (result == CYC_OK) {
        *status = response.channel;
    }
    return result;
}
