/* Following a live run: one line, drawn over and over, on a terminal; else a line at times. */
#include "cli/live.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIPE         "\r\033[K"
#define LINE_EVERY_S 10

static volatile sig_atomic_t left;

static void on_signal(int number)
{
    left = number;
}

struct follower {
    const struct cyc_cli_live *live;
    bool terminal, quiet, drawn;
    int64_t shown_s;
    struct cyc_channel_status last;
    bool known;
};

static int64_t wall_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void put_value(struct cyc_text *line, double value, enum cyc_kind kind)
{
    char text[64];
    if (!isnan(value)) {
        cyc_text_format(line, "  %s", cyc_quantity_text(text, sizeof text, value, kind));
    }
}

/* A1  cycle 2/3  4 CC_CHG formation  01:02:03  3.61 V  90.2 uA  29.9 degC  5 MPa  1.2 mAh */
static void put_line(struct cyc_text *line, const struct cyc_channel_status *status)
{
    char time[CYC_NUMBER_SIZE];
    cyc_text_append(line, status->channel);
    if (status->state != CYC_CHANNEL_RUNNING) {
        cyc_text_format(line, " %s", cyc_channel_state_name(status->state));
    }
    if (status->cycle_number > 0 || status->cycle_count > 0) {
        cyc_text_format(line, "  cycle %" PRIu32, status->cycle_number);
    }
    if (status->cycle_count > 0) {
        cyc_text_format(line, "/%" PRIu32, status->cycle_count);
    }
    if (status->step_count > 0) {
        cyc_text_format(line, "  %" PRIu32 " %s%s%s  %s", status->step_count, status->step_type,
                        status->step_name[0] != '\0' ? " " : "", status->step_name,
                        cyc_duration_text(time, status->t_ns / CYC_S_NS * CYC_S_NS));
    }
    if (status->left_ns != CYC_NEVER) {
        cyc_text_format(line, " (%s left)",
                        cyc_duration_text(time, status->left_ns / CYC_S_NS * CYC_S_NS));
    }
    if (status->age_ns > 3 * CYC_S_NS) {
        cyc_text_append(line, "  (no fresh reading)");
    }
    put_value(line, cyc_cli_rounded(status->voltage_V, 5), CYC_KIND_VOLTAGE);
    put_value(line, cyc_cli_rounded(status->current_A, 5), CYC_KIND_CURRENT);
    put_value(line, cyc_cli_rounded(status->temperature_degC, 4), CYC_KIND_TEMPERATURE);
    put_value(line, cyc_cli_rounded(status->pressure_Pa, 4), CYC_KIND_PRESSURE);
    put_value(line, cyc_cli_rounded(status->step_capacity_Ah, 5), CYC_KIND_CAPACITY);
}

/* So that it does not wrap: whole words only, for half a number would lie. */
static void fit(struct cyc_text *line, size_t length_max)
{
    if (line->failed || line->length <= length_max) {
        return;
    }
    size_t at = length_max;
    while (at > 0 && !(line->data[at] == ' ' && line->data[at - 1] == ' ')) {
        at--;
    }
    line->length = at > 0 ? at - 1 : length_max;
    line->data[line->length] = '\0';
}

static void wipe(struct follower *follower)
{
    if (follower->drawn) {
        (void)fputs(WIPE, stderr);
        follower->drawn = false;
    }
}

static void show(struct follower *follower, const struct cyc_channel_status *status)
{
    const int64_t now_s = wall_s();
    const bool news = strcmp(status->why, follower->last.why) != 0;
    follower->last = *status;
    follower->known = true;
    if (news && status->state == CYC_CHANNEL_HELD && !follower->quiet) {
        wipe(follower);
        (void)fprintf(stderr,
                      "held: %s\n      `cyclostat resume` goes on, `cyclostat stop` ends it\n",
                      status->why);
    }
    if (follower->quiet || (!follower->terminal && now_s - follower->shown_s < LINE_EVERY_S)) {
        return;
    }
    follower->shown_s = now_s;
    struct cyc_text line = {0};
    put_line(&line, status);
    if (follower->terminal) {
        fit(&line, cyc_cli_width(stderr) - 1);
        (void)fputs(WIPE, stderr);
    } else {
        cyc_text_append(&line, "\n");
    }
    cyc_cli_put(stderr, &line);
    cyc_text_release(&line);
    follower->drawn = follower->terminal;
}

static void say(struct follower *follower, const struct cyc_response *response)
{
    char time[CYC_NUMBER_SIZE];
    wipe(follower);
    (void)fprintf(stderr, "%s  %s%s\n",
                  cyc_duration_text(time, response->t_ns / CYC_MS_NS * CYC_MS_NS),
                  response->alarm ? "ALARM: " : "", response->text);
}

static int detach(struct follower *follower)
{
    wipe(follower);
    (void)fprintf(stderr,
                  "detached; the run goes on. Come back with\n"
                  "  cyclostat attach --rig %s --channel %s\n",
                  follower->live->rig_path, follower->last.channel);
    return CYC_EXIT_OK;
}

static int exit_code_of(const char *end)
{
    if (strcmp(end, cyc_finish_name(CYC_FINISH_FAULT)) == 0) {
        return CYC_EXIT_FAULT;
    }
    return strcmp(end, cyc_finish_name(CYC_FINISH_FAILED)) == 0 ? CYC_EXIT_FAILED : CYC_EXIT_OK;
}

static int ended(struct follower *follower)
{
    const struct cyc_channel_status *last = &follower->last;
    wipe(follower);
    if (last->end[0] == '\0') {
        (void)fprintf(stderr, "no run is on channel %s%s%s\n", last->channel,
                      last->why[0] != '\0' ? ": " : "", last->why);
        return last->why[0] != '\0' ? CYC_EXIT_FAULT : CYC_EXIT_OK;
    }
    (void)printf("%s%s%s\nrun   %s\n", last->end, last->why[0] != '\0' ? ": " : "", last->why,
                 last->run_id);
    if (last->state == CYC_CHANNEL_FAULT) {
        (void)printf("The channel is latched: `cyclostat stop --rig %s --channel %s` acknowledges "
                     "the fault.\n",
                     follower->live->rig_path, last->channel);
    }
    if (!follower->quiet) {
        (void)printf("      cyclostat cycles %s\n", last->folder);
    }
    return exit_code_of(last->end);
}

static bool is_idle(const struct cyc_channel_status *status)
{
    return status->state == CYC_CHANNEL_FREE || status->state == CYC_CHANNEL_FAULT;
}

/* Until the end; CYC_E_LOST: the daemon is gone. */
static int listen_to(struct follower *follower, int fd, int *exit_code, struct cyc_err *err)
{
    while (left == 0) {
        struct cyc_response response;
        const int status = cyc_control_response(fd, &response, CYC_S_NS / 2, err);
        if (status == CYC_E_TIMEOUT || status == CYC_E_INTERRUPTED) {
            continue;
        }
        if (status != CYC_OK) {
            return status;
        }
        if (response.kind == CYC_RESPONSE_CHANNEL) {
            show(follower, &response.channel);
        } else if (response.kind == CYC_RESPONSE_TEXT) {
            say(follower, &response);
        }
        if (response.kind == CYC_RESPONSE_DONE ||
            (response.kind == CYC_RESPONSE_CHANNEL && is_idle(&response.channel))) {
            *exit_code = ended(follower);
            return CYC_OK;
        }
    }
    *exit_code = detach(follower);
    return CYC_OK;
}

static int watch(const struct follower *follower, int *fd, struct cyc_err *err)
{
    const struct cyc_cli_live *live = follower->live;
    struct cyc_request request = {.kind = CYC_REQUEST_WATCH};
    (void)cyc_copy(request.channel, sizeof request.channel,
                   live->loaded.rig->channels[live->channel].name);
    const int status = cyc_control_open(live->state_dir, fd, err);
    return status == CYC_OK ? cyc_control_ask(*fd, &request, err) : status;
}

int cyc_cli_live_follow(const struct cyc_cli_live *live, const char *verb, bool quiet)
{
    (void)verb;
    struct follower follower = {.live = live, .quiet = quiet};
    struct cyc_err err = {0};
    int exit_code = CYC_EXIT_HOST;
    follower.terminal = cyc_cli_is_terminal(stderr) && !quiet;
    (void)cyc_copy(follower.last.channel, sizeof follower.last.channel,
                   live->loaded.rig->channels[live->channel].name);
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    int fd = -1;
    int status = watch(&follower, &fd, &err);
    if (status == CYC_OK) {
        status = listen_to(&follower, fd, &exit_code, &err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (status != CYC_OK) {
        wipe(&follower);
        return cyc_cli_error(&err);
    }
    return exit_code;
}
