/* The daemon's loop.
 *
 *   wait for: any socket, the writer's news, an opened folder, the next thing due, 200 ms
 *   then:     what came, then what is due, then (every 200 ms) leases, confirmations, heartbeat
 *
 * Due times are kept as one minimum over all channels, made anew when it is reached; messages only
 * lower it. A minimum that was meant for a channel whose sample has come since costs one look at
 * all channels, at most every few milliseconds.
 */
#include "run/daemon_int.h"

#include "device/message.h"
#include "run/supervisor.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX  256
#define LOOP_MAX_NS CYC_MS_NS       /* of one thing that came, or of all that is due */
#define SCAN_NS     (2 * CYC_MS_NS) /* at most so often all channels are looked at */

int cyc_daemon_watch(struct daemon *daemon, int fd, enum watch_kind kind, unsigned index,
                     struct cyc_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = watch_of(kind, index)};
    return epoll_ctl(daemon->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0
               ? CYC_OK
               : cyc_err_set(err, CYC_E_FILE, "cannot wait for a descriptor: %m");
}

static int print(void *line, struct cyc_err *err)
{
    (void)err;
    (void)fputs(line, stderr);
    return CYC_OK;
}

/* The standard error may be a file. */
void cyc_daemon_log(const struct daemon *daemon, const char *format, ...)
{
    char text[512];
    char line[sizeof text + CYC_RIG_NAME_SIZE + 16];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)snprintf(line, sizeof line, "daemon of %s: %s\n", daemon->rig->name, text);
    (void)cyc_errands_post(daemon->errands, print, line, strlen(line) + 1);
}

/* ---- What is due ----------------------------------------------------------------------------- */

static void tick_channels(struct daemon *daemon)
{
    if (daemon->now_ns < daemon->wake_ns) {
        return;
    }
    int64_t wake_ns = INT64_MAX;
    for (unsigned i = 0; i < daemon->rig->channel_count; i++) {
        struct channel *channel = &daemon->channels[i];
        if (channel->live != NULL && channel->wake_ns <= daemon->now_ns) {
            cyc_live_tick(channel->live, daemon->now_ns);
            cyc_daemon_channel_changed(daemon, i);
        }
        wake_ns = channel->wake_ns < wake_ns ? channel->wake_ns : wake_ns;
    }
    const int64_t soonest_ns = daemon->now_ns + SCAN_NS;
    daemon->wake_ns = wake_ns > soonest_ns ? wake_ns : soonest_ns;
}

static void tell_supervisor(struct daemon *daemon)
{
    const int fd = daemon->options->supervisor_fd;
    const struct cyc_message alive = {
        .kind = CYC_MESSAGE_ALIVE, .channel = -1, .instrument = -1, .t_ns = daemon->now_ns};
    if (fd >= 0 && cyc_message_send(fd, &alive, -1, NULL) == CYC_E_LOST) {
        daemon->ending = true;
    }
}

static void beat(struct daemon *daemon)
{
    if (daemon->now_ns < daemon->beat_ns) {
        return;
    }
    daemon->beat_ns = daemon->now_ns + CYC_HEARTBEAT_NS;
    tell_supervisor(daemon);
    for (unsigned i = 0; i < daemon->rig->port_count; i++) {
        cyc_daemon_port_beat(daemon, i);
    }
    cyc_daemon_channel_beat(daemon);
    cyc_daemon_client_beat(daemon);
    cyc_daemon_alarm_reap(daemon);
    struct cyc_err err;
    if (cyc_errands_complaint(daemon->errands, &err) ||
        cyc_errands_complaint(daemon->callers, &err)) {
        cyc_daemon_log(daemon, "%s", err.text);
    }
}

/* ---- What came ------------------------------------------------------------------------------- */

static void hear_supervisor(struct daemon *daemon)
{
    struct cyc_message message;
    for (unsigned i = 0; i < CYC_MESSAGES_MAX; i++) {
        const int status =
            cyc_message_receive(daemon->options->supervisor_fd, &message, NULL, NULL);
        if (status == CYC_E_TIMEOUT) {
            return;
        }
        if (status == CYC_E_LOST || (status == CYC_OK && message.kind == CYC_MESSAGE_END)) {
            daemon->ending = true;
            return;
        }
    }
}

static void hear_source(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    if (channel->live != NULL) {
        cyc_live_source(channel->live, daemon->now_ns);
        cyc_daemon_channel_changed(daemon, index);
    }
}

static void hear(struct daemon *daemon, uint64_t watch)
{
    const unsigned index = (unsigned)(watch & UINT32_MAX);
    switch ((enum watch_kind)(watch >> 32)) {
    case WATCH_PORT:
        cyc_daemon_port_hear(daemon, index);
        return;
    case WATCH_SOURCE:
        hear_source(daemon, index);
        return;
    case WATCH_CLIENT:
        cyc_daemon_client_hear(daemon, index);
        return;
    case WATCH_LISTENER:
        cyc_daemon_client_call(daemon);
        return;
    case WATCH_WRITER:
        cyc_daemon_channel_news(daemon);
        return;
    case WATCH_SUPERVISOR:
        hear_supervisor(daemon);
        return;
    case WATCH_OPENER:
        cyc_daemon_channel_openers(daemon);
        return;
    }
}

static int wait_ms(const struct daemon *daemon)
{
    const int64_t until_ns = daemon->wake_ns < daemon->beat_ns ? daemon->wake_ns : daemon->beat_ns;
    const int64_t left_ns = until_ns - cyc_boot_now_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + CYC_MS_NS - 1) / CYC_MS_NS);
}

/* No turn may take long: whoever decides for all waits for nobody. What the scheduler took away
 * while it ran is counted too. */
static void count_turn(struct daemon *daemon, int64_t since_ns)
{
    const int64_t taken_ns = cyc_boot_now_ns() - since_ns;
    daemon->loops++;
    daemon->slow_loops += taken_ns > LOOP_MAX_NS ? 1 : 0;
    daemon->slowest_loop_ns =
        taken_ns > daemon->slowest_loop_ns ? taken_ns : daemon->slowest_loop_ns;
}

static int loop(struct daemon *daemon, struct cyc_err *err)
{
    while (!daemon->ending) {
        struct epoll_event events[EVENTS_MAX];
        const int count = epoll_wait(daemon->epoll_fd, events, EVENTS_MAX, wait_ms(daemon));
        if (count < 0 && errno != EINTR) {
            return cyc_err_set(err, CYC_E_FILE, "the daemon cannot wait: %m");
        }
        daemon->now_ns = cyc_boot_now_ns();
        cyc_daemon_clock_look(daemon); /* before anything is heard that follows from a sleep */
        for (int i = 0; i < count && !daemon->ending; i++) {
            daemon->now_ns = cyc_boot_now_ns();
            hear(daemon, events[i].data.u64);
            count_turn(daemon, daemon->now_ns);
        }
        if (!daemon->ending) {
            daemon->now_ns = cyc_boot_now_ns();
            tick_channels(daemon);
            beat(daemon);
            count_turn(daemon, daemon->now_ns);
        }
    }
    return CYC_OK;
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static int make_room(struct daemon *daemon, struct cyc_err *err)
{
    const struct cyc_rig *rig = daemon->rig;
    daemon->links = calloc(rig->port_count > 0 ? rig->port_count : 1, sizeof *daemon->links);
    daemon->channels =
        calloc(rig->channel_count > 0 ? rig->channel_count : 1, sizeof *daemon->channels);
    if (daemon->links == NULL || daemon->channels == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the channels");
    }
    for (unsigned i = 0; i < rig->port_count; i++) {
        daemon->links[i].fd = -1;
    }
    for (unsigned i = 0; i < rig->channel_count; i++) {
        cyc_daemon_channel_init(daemon, i);
    }
    for (unsigned i = 0; i < CYC_CLIENTS_MAX; i++) {
        daemon->clients[i].fd = -1;
    }
    return cyc_daemon_port_users(daemon, err);
}

static int open_sockets(struct daemon *daemon, struct cyc_err *err)
{
    daemon->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    daemon->opener_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (daemon->epoll_fd < 0 || daemon->opener_fd < 0) {
        return cyc_err_set(err, CYC_E_FILE, "the daemon cannot begin: %m");
    }
    int status =
        cyc_message_listen(daemon->options->state_dir, CYC_DAEMON_SOCKET, &daemon->listener, err);
    if (status == CYC_OK) {
        status = cyc_writer_open(daemon->rig->sync_ns, &daemon->writer, err);
    }
    if (status == CYC_OK) {
        status = cyc_daemon_watch(daemon, daemon->listener, WATCH_LISTENER, 0, err);
    }
    if (status == CYC_OK) {
        status = cyc_daemon_watch(daemon, daemon->opener_fd, WATCH_OPENER, 0, err);
    }
    if (status == CYC_OK) {
        status = cyc_daemon_watch(daemon, cyc_writer_fd(daemon->writer), WATCH_WRITER, 0, err);
    }
    const int supervisor_fd = daemon->options->supervisor_fd;
    if (status == CYC_OK && supervisor_fd >= 0) {
        status = cyc_daemon_watch(daemon, supervisor_fd, WATCH_SUPERVISOR, 0, err);
    }
    return status;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* Outputs off first, then what waits goes to the disk; the runs stay unfinished. */
static void close_all(struct daemon *daemon)
{
    for (unsigned i = 0; daemon->channels != NULL && i < daemon->rig->channel_count; i++) {
        cyc_daemon_channel_release(daemon, i);
    }
    if (daemon->writer != NULL) {
        cyc_writer_close(daemon->writer);
    }
    cyc_errands_close(daemon->callers);
    cyc_errands_close(daemon->errands);
    for (unsigned i = 0; daemon->links != NULL && i < daemon->rig->port_count; i++) {
        close_fd(daemon->links[i].fd);
    }
    for (unsigned i = 0; i < CYC_CLIENTS_MAX; i++) {
        close_fd(daemon->clients[i].fd);
    }
    close_fd(daemon->listener);
    close_fd(daemon->opener_fd);
    close_fd(daemon->epoll_fd);
    free(daemon->links);
    free(daemon->channels);
    free(daemon->users);
    free(daemon->present);
    free(daemon->user_list);
}

/* A run holds half a dozen descriptors; the usual soft limit of 1,024 would be less than 200. */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int cyc_daemon_run(const struct cyc_daemon_options *options, struct cyc_err *err)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the daemon");
    }
    allow_many_files();
    (void)mallopt(M_ARENA_MAX, 2); /* else each thread that opens a run leaves its own behind */
    daemon->options = options;
    daemon->rig = options->rig;
    daemon->epoll_fd = daemon->listener = daemon->opener_fd = -1;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is for the client */
    int status = cyc_errands_open(&daemon->errands, err);
    status = status == CYC_OK ? cyc_errands_open(&daemon->callers, err) : status;
    status = status == CYC_OK ? make_room(daemon, err) : status;
    if (status == CYC_OK) {
        status = open_sockets(daemon, err);
    }
    if (status == CYC_OK) {
        daemon->now_ns = cyc_boot_now_ns();
        for (unsigned i = 0; i < daemon->rig->port_count; i++) {
            cyc_daemon_port_connect(daemon, i);
        }
        cyc_daemon_channel_recover(daemon);
        status = loop(daemon, err);
    }
    close_all(daemon);
    free(daemon);
    return status;
}
