/* The supervisor: one loop, no instrument, no bus, no rig.
 *
 *                  exits                    made safe, or nothing was open
 *     RUNNING ───────────────► SAFING ────────────────────────► DOWN ──► RUNNING
 *        │                       ▲  (helper: `cyclostat safe --fd`)│
 *        └─ silent ─► KILLED ────┘                                 └─ budget over ─► GIVEN_UP
 *                     (waits for the kernel)
 *
 * A kill precedes a takeover: the helper starts only when the kernel has given the dead process
 * back, so two never write to one port. What the kernel does not give back (a process stuck in a
 * driver) leaves its port alone; the log says so, and the instrument's own watchdog and the
 * hardware are what is left.
 *
 * It blocks nowhere: sockets are asked without waiting, children are reaped without waiting, and
 * what takes time is done by children. If it stalls nevertheless, its heartbeat does, and the
 * ports make themselves safe.
 *
 * Readings that limits on other ports need, and trips, are handed on to all other ports, unread.
 */
#include "base/priority.h"
#include "run/supervisor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS "events.log"

/* ---- Log ------------------------------------------------------------------------------------- */

static bool log_path(const struct supervisor *supervisor, const char *name, char *path, size_t size)
{
    const int length = snprintf(path, size, "%s/%s", supervisor->options->state_dir, name);
    return length > 0 && (size_t)length < size;
}

/* The old one stays as events.log.1, the one before it goes. */
static void begin_new_log(struct supervisor *supervisor)
{
    char path[1200];
    char old[1200];
    supervisor->log.size = 0;
    if (!log_path(supervisor, EVENTS, path, sizeof path) ||
        !log_path(supervisor, EVENTS ".1", old, sizeof old) || rename(path, old) != 0) {
        return;
    }
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)close(supervisor->log.fd);
        supervisor->log.fd = fd;
    }
}

struct line {
    struct supervisor *supervisor;
    char text[640];
};

static int write_line(void *context, struct cyc_err *err)
{
    const struct line *const line = context;
    struct supervisor *const supervisor = line->supervisor;
    const size_t length = strlen(line->text);
    (void)err;
    if (supervisor->log.size > SUPERVISOR_LOG_MAX) {
        begin_new_log(supervisor);
    }
    if (supervisor->log.fd >= 0 &&
        write(supervisor->log.fd, line->text, length) != (ssize_t)length) {
        (void)fputs(line->text, stderr); /* a full disk: whoever looks at the terminal sees it */
    }
    supervisor->log.size += length;
    return CYC_OK;
}

void cyc_supervisor_log(struct supervisor *supervisor, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct timespec now;
    struct tm parts;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    struct line line = {.supervisor = supervisor};
    (void)snprintf(line.text, sizeof line.text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s\n",
                   parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                   parts.tm_min, parts.tm_sec, (int)(now.tv_nsec / CYC_MS_NS), text);
    (void)cyc_errands_post(supervisor->errands, write_line, &line,
                           offsetof(struct line, text) + strlen(line.text) + 1);
}

/* ---- Setting up ------------------------------------------------------------------------------ */

static int open_in(const char *state_dir, const char *name, int flags, int *fd, struct cyc_err *err)
{
    char path[1200];
    const int length = snprintf(path, sizeof path, "%s/%s", state_dir, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return cyc_err_set(err, CYC_E_BOUND, "the path of the state folder is too long");
    }
    *fd = open(path, flags | O_CREAT | O_CLOEXEC, 0600);
    return *fd >= 0 ? CYC_OK : cyc_err_set(err, CYC_E_FILE, "cannot open %s: %m", path);
}

static int take_lock(struct supervisor *supervisor, struct cyc_err *err)
{
    const char *const state_dir = supervisor->options->state_dir;
    const int status = open_in(state_dir, "supervisor.lock", O_RDWR, &supervisor->lock, err);
    if (status != CYC_OK) {
        return status;
    }
    if (flock(supervisor->lock, LOCK_EX | LOCK_NB) != 0) {
        return cyc_err_set(err, CYC_E_BUSY, "a supervisor runs on this rig already (state %s)",
                           state_dir);
    }
    return CYC_OK;
}

static int take_signals(struct supervisor *supervisor, sigset_t *before, struct cyc_err *err)
{
    sigset_t mask;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &mask, before);
    supervisor->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signals >= 0 ? CYC_OK
                                    : cyc_err_set(err, CYC_E_FILE, "cannot take signals: %m");
}

static int add_child(struct supervisor *supervisor, const char *name, bool is_daemon,
                     struct cyc_err *err)
{
    if (supervisor->child_count >= SUPERVISOR_CHILDREN_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "more than %d ports", SUPERVISOR_CHILDREN_MAX - 1);
    }
    struct child *const child = &supervisor->children[supervisor->child_count++];
    *child = (struct child){.is_daemon = is_daemon, .fd = -1, .port_fd = -1};
    (void)cyc_copy(child->name, sizeof child->name, name);
    return CYC_OK;
}

static int set_up(struct supervisor *supervisor, sigset_t *before, struct cyc_err *err)
{
    const struct cyc_supervisor_options *const options = supervisor->options;
    int status = take_lock(supervisor, err);
    status = status == CYC_OK ? open_in(options->state_dir, EVENTS, O_WRONLY | O_APPEND,
                                        &supervisor->log.fd, err)
                              : status;
    struct stat log;
    if (status == CYC_OK && fstat(supervisor->log.fd, &log) == 0 && log.st_size > 0) {
        supervisor->log.size = (size_t)log.st_size;
    }
    status = status == CYC_OK ? take_signals(supervisor, before, err) : status;
    status = status == CYC_OK ? cyc_errands_open(&supervisor->errands, err) : status;
    status = status == CYC_OK ? cyc_message_listen(options->state_dir, CYC_SUPERVISOR_SOCKET,
                                                   &supervisor->listener, err)
                              : status;
    for (unsigned i = 0; status == CYC_OK && options->ports[i] != NULL; i++) {
        status = add_child(supervisor, options->ports[i], false, err);
    }
    return status == CYC_OK ? add_child(supervisor, "daemon", true, err) : status;
}

static void release(struct supervisor *supervisor, const sigset_t *before)
{
    cyc_errands_close(supervisor->errands);
    const int fds[] = {supervisor->listener, supervisor->signals, supervisor->log.fd,
                       supervisor->lock};
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        if (supervisor->callers[i] >= 0) {
            (void)close(supervisor->callers[i]);
        }
    }
    for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    (void)sigprocmask(SIG_SETMASK, before, NULL);
}

/* ---- The loop -------------------------------------------------------------------------------- */

static void begin_to_end(struct supervisor *supervisor, const char *why)
{
    if (!supervisor->ending) {
        supervisor->ending = true;
        supervisor->ending_ns = cyc_boot_now_ns();
        cyc_supervisor_log(supervisor, "ending: %s", why);
    }
}

static void take_signal_news(struct supervisor *supervisor)
{
    struct signalfd_siginfo news;
    while (read(supervisor->signals, &news, sizeof news) == (ssize_t)sizeof news) {
        if (news.ssi_signo != SIGCHLD) {
            begin_to_end(supervisor, "a signal asks for it");
        }
    }
}

/* The ports first: they make safe and end. The daemon sees them go, and follows. */
static void end_child(struct supervisor *supervisor, struct child *child, int64_t now)
{
    if (child->state != CHILD_RUNNING) {
        return;
    }
    if (!child->was_told_end) {
        const struct cyc_message end = {.kind = CYC_MESSAGE_END, .t_ns = now};
        child->was_told_end = true;
        (void)cyc_message_send(child->fd, &end, -1, NULL);
    } else if (now - supervisor->ending_ns > 2 * CYC_S_NS) {
        cyc_supervisor_kill(supervisor, child, "it does not end");
    }
}

static bool is_over(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const enum child_state state = supervisor->children[i].state;
        if (state != CHILD_GIVEN_UP && state != CHILD_DOWN) {
            return cyc_boot_now_ns() - supervisor->ending_ns > 10 * CYC_S_NS;
        }
    }
    return true;
}

static void wait_for_news(struct supervisor *supervisor)
{
    struct pollfd fds[SUPERVISOR_CHILDREN_MAX + SUPERVISOR_CALLERS_MAX + 2];
    nfds_t count = 0;
    const int64_t now = cyc_boot_now_ns();
    int64_t next = now + CYC_HEARTBEAT_NS;
    fds[count++] = (struct pollfd){.fd = supervisor->signals, .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = supervisor->listener, .events = POLLIN};
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        fds[count++] = (struct pollfd){.fd = supervisor->callers[i], .events = POLLIN};
    }
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const struct child *const child = &supervisor->children[i];
        fds[count++] = (struct pollfd){.fd = child->fd, .events = POLLIN};
        const int64_t due = cyc_supervisor_due_ns(child);
        next = due < next ? due : next;
    }
    if (next <= now) {
        return;
    }
    const struct timespec time = {.tv_sec = (next - now) / CYC_S_NS,
                                  .tv_nsec = (next - now) % CYC_S_NS};
    (void)ppoll(fds, count, &time, NULL);
}

/* A computer that sleeps stops everybody: nobody was silent. Their outputs have had no master, and
 * the ports see to that by themselves. */
static void forgive_sleep(struct supervisor *supervisor)
{
    const int64_t asleep_ns = cyc_boot_now_ns() - supervisor_awake_ns();
    const int64_t slept_ns = asleep_ns - supervisor->asleep_ns;
    supervisor->asleep_ns = asleep_ns;
    if (slept_ns < CYC_HEARTBEAT_NS) {
        return;
    }
    cyc_supervisor_log(supervisor, "the computer slept for %lld s",
                       (long long)(slept_ns / CYC_S_NS));
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        struct child *const child = &supervisor->children[i];
        child->until_ns += slept_ns;
        child->safe_ns += slept_ns;
        child->since_ns += slept_ns;
        child->beat_ns = 0;
    }
}

static void tell_complaint(struct supervisor *supervisor)
{
    struct cyc_err err;
    if (cyc_errands_complaint(supervisor->errands, &err)) {
        cyc_supervisor_log(supervisor, "%s", err.text);
    }
}

static void pass(struct supervisor *supervisor)
{
    tell_complaint(supervisor);
    forgive_sleep(supervisor);
    take_signal_news(supervisor);
    cyc_supervisor_answer_calls(supervisor);
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        struct child *const child = &supervisor->children[i];
        cyc_supervisor_hear(supervisor, child);
        const int64_t now = cyc_boot_now_ns();
        if (supervisor->ending) {
            end_child(supervisor, child, now);
        }
        cyc_supervisor_tend(supervisor, child, now);
    }
}

static bool was_seen_safe(const struct child *child)
{
    const bool ended = child->state == CHILD_GIVEN_UP || child->state == CHILD_DOWN;
    return child->is_daemon || (ended && child->safe_status == CYC_OK);
}

/* Which ports could not be made safe from outside, or are not given back by the kernel. */
static int last_word(struct supervisor *supervisor, struct cyc_err *err)
{
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const struct child *const child = &supervisor->children[i];
        if (!was_seen_safe(child)) {
            return cyc_err_set(err, CYC_E_TIMEOUT, "port '%s' was not seen safe", child->name);
        }
    }
    return CYC_OK;
}

static void tell_ended(const struct supervisor *supervisor, const struct cyc_message *message)
{
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        if (supervisor->callers[i] >= 0) {
            (void)cyc_message_send(supervisor->callers[i], message, -1, NULL);
        }
    }
}

/* To whoever still listens: one END per process, and a last one, index 1, with the worst status. */
static void say_goodbye(const struct supervisor *supervisor, int status)
{
    struct cyc_message message = {.kind = CYC_MESSAGE_END, .channel = -1};
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const struct child *const child = &supervisor->children[i];
        message.status = was_seen_safe(child) ? CYC_OK : CYC_E_TIMEOUT;
        (void)snprintf(message.text, sizeof message.text, "%s%s", child->is_daemon ? "" : "port ",
                       child->name);
        tell_ended(supervisor, &message);
    }
    message.index = 1;
    message.status = status;
    (void)cyc_copy(message.text, sizeof message.text, "supervisor");
    tell_ended(supervisor, &message);
}

static void go_first(struct supervisor *supervisor)
{
    if (!cyc_go_first()) {
        cyc_supervisor_log(supervisor,
                           "no real-time priority: %m; where the computer has other work to do, "
                           "an output may go off late (readme, Safety)");
    }
}

int cyc_supervisor_run(const struct cyc_supervisor_options *options, struct cyc_err *err)
{
    struct supervisor *const supervisor = calloc(1, sizeof *supervisor);
    if (supervisor == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the supervisor");
    }
    *supervisor = (struct supervisor){.options = options,
                                      .signals = -1,
                                      .listener = -1,
                                      .lock = -1,
                                      .log.fd = -1,
                                      .asleep_ns = cyc_boot_now_ns() - supervisor_awake_ns()};
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        supervisor->callers[i] = -1;
    }
    sigset_t before;
    (void)sigprocmask(SIG_BLOCK, NULL, &before);
    int status = set_up(supervisor, &before, err);
    if (status == CYC_OK) {
        cyc_supervisor_log(supervisor, "supervisor starts, process %d", (int)getpid());
        go_first(supervisor);
        do {
            pass(supervisor);
            wait_for_news(supervisor);
        } while (!supervisor->ending || !is_over(supervisor));
        status = last_word(supervisor, err);
        cyc_supervisor_log(supervisor, "supervisor ends%s%s", status == CYC_OK ? "" : ": ",
                           status == CYC_OK || err == NULL ? "" : err->text);
        cyc_supervisor_write_holders(supervisor);
        (void)cyc_errands_wait(supervisor->errands, CYC_S_NS); /* who hears it finds nobody left */
        say_goodbye(supervisor, status);
    }
    release(supervisor, &before);
    free(supervisor);
    return status;
}
