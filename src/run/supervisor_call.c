/* Who calls the supervisor: SAFE_ALL, REARM, END, each on a socket of its own. The answers to
 * SAFE_ALL are one SAFE_DONE per output, one per port (channel -1, text: its name), and a last
 * one (channel -1, index 1) with the worst status. When all has ended, whoever is connected gets
 * END for each process, and a last one (index 1) for the supervisor itself. Who has said ALIVE gets
 * a SAFE_DONE (channel -1, index 2, text: its name) for each port that was made safe after its
 * process was gone.
 */
#include "run/supervisor_int.h"

#include "device/port.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void cyc_supervisor_tell_callers(struct supervisor *supervisor, const struct cyc_message *message)
{
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        if (supervisor->caller_waits[i]) {
            (void)cyc_message_send(supervisor->callers[i], message, -1, NULL);
        }
    }
}

void cyc_supervisor_tell_watchers(struct supervisor *supervisor, const struct child *child,
                                  int status)
{
    struct cyc_message done = {
        .kind = CYC_MESSAGE_SAFE_DONE, .channel = -1, .index = 2, .status = status};
    (void)cyc_copy(done.text, sizeof done.text, child->name);
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        if (supervisor->caller_watches[i]) {
            (void)cyc_message_send(supervisor->callers[i], &done, -1, NULL);
        }
    }
}

static void maybe_all_done(struct supervisor *supervisor)
{
    int worst = CYC_OK;
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const struct child *const child = &supervisor->children[i];
        if (child->safe_pending) {
            return;
        }
        worst = worst == CYC_OK && !child->is_daemon ? child->safe_status : worst;
    }
    const struct cyc_message last = {
        .kind = CYC_MESSAGE_SAFE_DONE, .channel = -1, .index = 1, .status = worst};
    cyc_supervisor_tell_callers(supervisor, &last);
    memset(supervisor->caller_waits, 0, sizeof supervisor->caller_waits);
}

void cyc_supervisor_safe_done(struct supervisor *supervisor, struct child *child, int status,
                              const char *text)
{
    if (!child->safe_pending) {
        return;
    }
    child->safe_pending = false;
    child->safe_status = status;
    struct cyc_message done = {.kind = CYC_MESSAGE_SAFE_DONE, .channel = -1, .status = status};
    (void)snprintf(done.text, sizeof done.text, "%s%s%s", child->name, text[0] != '\0' ? ": " : "",
                   text);
    cyc_supervisor_tell_callers(supervisor, &done);
    maybe_all_done(supervisor);
}

struct latch {
    const char *state_dir;
    char why[sizeof((struct cyc_message *)NULL)->text];
};

static int set_latch(void *context, struct cyc_err *err)
{
    const struct latch *const latch = context;
    const int status = cyc_latch_set(latch->state_dir, latch->why, err);
    return status == CYC_OK ? cyc_latch_sync(latch->state_dir, err) : status;
}

/* Each port latches itself with the message. The latch's file is there already, if its asker is
 * `cyclostat safe`. */
static void latch(struct supervisor *supervisor, const char *why)
{
    struct latch wanted = {.state_dir = supervisor->options->state_dir};
    (void)cyc_copy(wanted.why, sizeof wanted.why, why);
    if (!cyc_latch_is_set(wanted.state_dir, NULL, 0)) {
        (void)cyc_errands_post(supervisor->errands, set_latch, &wanted, sizeof wanted);
    }
}

static void make_safe(struct supervisor *supervisor, const char *why)
{
    struct cyc_message safe = {
        .kind = CYC_MESSAGE_SAFE_ALL, .channel = -1, .t_ns = cyc_boot_now_ns()};
    (void)cyc_copy(safe.text, sizeof safe.text, why);
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        struct child *const child = &supervisor->children[i];
        if (child->is_daemon) {
            continue;
        }
        child->safe_status = CYC_OK;
        child->safe_pending = true;
        child->safe_ns = safe.t_ns;
        if (child->state == CHILD_RUNNING) {
            (void)cyc_message_send(child->fd, &safe, -1, NULL);
        } else if (child->state == CHILD_DOWN || child->state == CHILD_GIVEN_UP) {
            cyc_supervisor_safe_done(supervisor, child, CYC_E_LOST, "no process holds its port");
        } /* killed or being made safe: its helper's word counts */
    }
    latch(supervisor, why);
    cyc_supervisor_log(supervisor, "all outputs off: %s", why);
    maybe_all_done(supervisor);
}

static void rearm(struct supervisor *supervisor)
{
    const struct cyc_message message = {.kind = CYC_MESSAGE_REARM, .t_ns = cyc_boot_now_ns()};
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const struct child *const child = &supervisor->children[i];
        if (!child->is_daemon && child->state == CHILD_RUNNING) {
            (void)cyc_message_send(child->fd, &message, -1, NULL);
        }
    }
    cyc_supervisor_log(supervisor, "rearmed by hand");
}

static void caller_says(struct supervisor *supervisor, unsigned index,
                        const struct cyc_message *message)
{
    if (message->kind == CYC_MESSAGE_SAFE_ALL) {
        supervisor->caller_waits[index] = true;
        make_safe(supervisor, message->text[0] != '\0' ? message->text : "made safe by hand");
    } else if (message->kind == CYC_MESSAGE_REARM) {
        rearm(supervisor);
        (void)cyc_message_send(supervisor->callers[index], message, -1, NULL);
    } else if (message->kind == CYC_MESSAGE_ALIVE) {
        supervisor->caller_watches[index] = true;
        (void)cyc_message_send(supervisor->callers[index], message, -1, NULL);
    } else if (message->kind == CYC_MESSAGE_END && !supervisor->ending) {
        supervisor->ending = true;
        supervisor->ending_ns = cyc_boot_now_ns();
        cyc_supervisor_log(supervisor, "ending: asked for");
    }
}

static void hear_caller(struct supervisor *supervisor, unsigned index)
{
    int *const fd = &supervisor->callers[index];
    struct cyc_message message;
    for (unsigned i = 0; *fd >= 0 && i < SUPERVISOR_DRAIN_MAX; i++) {
        const int status = cyc_message_receive(*fd, &message, NULL, NULL);
        if (status == CYC_E_TIMEOUT) {
            return;
        }
        if (status == CYC_OK) {
            caller_says(supervisor, index, &message);
        } else if (status == CYC_E_LOST) {
            (void)close(*fd);
            *fd = -1;
            supervisor->caller_waits[index] = supervisor->caller_watches[index] = false;
        }
    }
}

static void take_caller(struct supervisor *supervisor, int fd)
{
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        if (supervisor->callers[i] < 0) {
            supervisor->callers[i] = fd;
            supervisor->caller_waits[i] = supervisor->caller_watches[i] = false;
            return;
        }
    }
    (void)close(fd);
}

void cyc_supervisor_answer_calls(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        int fd = -1;
        const int status = cyc_message_accept(supervisor->listener, &fd, NULL);
        if (status == CYC_OK) {
            take_caller(supervisor, fd);
        } else if (status != CYC_E_REFUSED) {
            break;
        }
    }
    for (unsigned i = 0; i < SUPERVISOR_CALLERS_MAX; i++) {
        hear_caller(supervisor, i);
    }
}
