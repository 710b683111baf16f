/* Following a live run: one line, drawn over and over, on a terminal; else a line at times. */
#include "base/clock.h"
#include "cli/live.h"

#include "device/port.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIPE         "\r\033[K"
#define LINE_EVERY_S 10
#define TRIP_MS      400
#define AWAY_NS      (60 * CYC_S_NS) /* a computer's start of the daemons takes less */
#define AGAIN_NS     (200 * CYC_MS_NS)

static volatile sig_atomic_t left;

static void on_signal(int number)
{
    left = number;
}

struct follower {
    const struct cyc_cli_live *live;
    const struct cyc_cli_live_view *view;
    bool terminal, drawn;
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
    if (status->step_count > 0) {
        put_value(line, cyc_cli_rounded(status->step_capacity_Ah, 5), CYC_KIND_CAPACITY);
    }
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

static void put_remedy(const struct follower *follower)
{
    struct cyc_text remedy = {0};
    cyc_cli_live_remedy(follower->live, &follower->last, &remedy);
    cyc_cli_put(stderr, &remedy);
    cyc_text_release(&remedy);
}

static void show(struct follower *follower, const struct cyc_channel_status *status)
{
    const int64_t now_s = wall_s();
    const bool news = strcmp(status->why, follower->last.why) != 0;
    follower->last = *status;
    follower->known = true;
    if (news && status->state == CYC_CHANNEL_HELD && !follower->view->quiet) {
        wipe(follower);
        (void)fprintf(stderr, "held: %s\n", status->why);
        put_remedy(follower);
    }
    if (follower->view->quiet ||
        (!follower->terminal && now_s - follower->shown_s < LINE_EVERY_S)) {
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

/* To stdout, where it was asked for. */
static void put_json(const struct follower *follower, const char *end, const char *error)
{
    if (follower->view->json) {
        cyc_cli_live_json(&(struct cyc_cli_live_outcome){
            follower->view->diags, error, follower->last.folder, end, follower->last.why});
    }
}

static int detach(struct follower *follower)
{
    wipe(follower);
    put_json(follower, "", NULL);
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

static void put_end(const struct cyc_channel_status *last, bool quiet)
{
    (void)printf("%s%s%s\nrun   %s\n", last->end, last->why[0] != '\0' ? ": " : "", last->why,
                 last->run_id);
    if (!quiet) {
        (void)printf("      cyclostat cycles %s\n", last->folder);
    }
    (void)fflush(stdout);
}

/* The port writes down that a limit was broken once it has tried to switch the output off, which
 * may be a moment after the run has ended. */
static void wait_for_trip(const struct follower *follower)
{
    const struct timespec nap = {.tv_nsec = 20 * CYC_MS_NS};
    for (int waited_ms = 0; follower->last.state == CYC_CHANNEL_FAULT && waited_ms < TRIP_MS &&
                            !cyc_trip_is_set(follower->live->state_dir, follower->last.channel);
         waited_ms += 20) {
        (void)nanosleep(&nap, NULL);
    }
}

static int ended(struct follower *follower)
{
    const struct cyc_channel_status *last = &follower->last;
    const bool none = last->end[0] == '\0';
    wipe(follower);
    put_json(follower, last->end, NULL);
    if (none) {
        (void)fprintf(stderr, "no run is on channel %s%s%s\n", last->channel,
                      last->why[0] != '\0' ? ": " : "", last->why);
    } else if (!follower->view->json) {
        put_end(last, follower->view->quiet);
    }
    wait_for_trip(follower);
    put_remedy(follower);
    if (none) {
        return last->why[0] != '\0' ? CYC_EXIT_FAULT : CYC_EXIT_OK;
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

/* As long as there is a daemon. */
static int follow_one(struct follower *follower, int *exit_code, struct cyc_err *err)
{
    int fd = -1;
    int status = watch(follower, &fd, err);
    if (status == CYC_OK) {
        status = listen_to(follower, fd, exit_code, err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

/* The daemon has died, or was replaced: the run goes on, and so does who follows it. */
static int follow_next(struct follower *follower, int *exit_code, struct cyc_err *err)
{
    const int64_t until_ns = cyc_boot_now_ns() + AWAY_NS;
    const struct timespec nap = {.tv_nsec = AGAIN_NS};
    int status = CYC_E_LOST;
    wipe(follower);
    if (!follower->view->quiet) {
        (void)fprintf(stderr, "the daemon is gone: waiting for the next one\n");
    }
    follower->known = false;
    while (status != CYC_OK && !follower->known && cyc_boot_now_ns() < until_ns) {
        (void)nanosleep(&nap, NULL);
        if (left != 0) {
            *exit_code = detach(follower);
            return CYC_OK;
        }
        status = follow_one(follower, exit_code, err);
    }
    return status;
}

int cyc_cli_live_follow(const struct cyc_cli_live *live, const struct cyc_cli_live_view *view)
{
    struct follower follower = {.live = live, .view = view};
    struct cyc_err err = {0};
    int exit_code = CYC_EXIT_HOST;
    follower.terminal = cyc_cli_is_terminal(stderr) && !view->quiet;
    (void)cyc_copy(follower.last.channel, sizeof follower.last.channel,
                   live->loaded.rig->channels[live->channel].name);
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    int status = follow_one(&follower, &exit_code, &err);
    while (status == CYC_E_LOST && follower.known) {
        status = follow_next(&follower, &exit_code, &err);
    }
    if (status != CYC_OK) {
        wipe(&follower);
        put_json(&follower, "", err.text);
        exit_code = cyc_cli_error(&err);
    }
    return exit_code;
}
