/* One child's life: started, heard, killed when silent, reaped, its port made safe, started again
 * within a budget.
 */
#include "base/priority.h"
#include "run/supervisor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_FD 3 /* where a child finds its socket, a helper its port */

/* ---- Starting --------------------------------------------------------------------------------
 */

/* In the child: nothing but the three usual descriptors and number 3. Signals as usual, and out of
 * the terminal's reach: Ctrl-C is for the supervisor, which ends its children in order. Who only
 * switches off goes first from its beginning. */
static void become(const char *const *arguments, int fd, bool first)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    if (fd == CHILD_FD) {
        (void)fcntl(fd, F_SETFD, 0);
    } else {
        (void)dup2(fd, CHILD_FD);
    }
    if (first) {
        (void)cyc_go_first();
    }
    (void)execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static pid_t start_program(const char *const *arguments, int fd, bool first)
{
    const pid_t pid = fork();
    if (pid == 0) {
        become(arguments, fd, first);
    }
    return pid;
}

/* A person's `safe` is for whoever answers there. */
static pid_t start_helper(const struct supervisor *supervisor, const struct child *child)
{
    const struct cyc_supervisor_options *const options = supervisor->options;
    char strangers[20];
    (void)snprintf(strangers, sizeof strangers, "%" PRIx64,
                   child->safe_pending ? 0 : child->strangers);
    const char *const arguments[] = {options->program,
                                     "safe",
                                     "--rig",
                                     options->rig_path,
                                     "--state",
                                     options->state_dir,
                                     "--port",
                                     child->name,
                                     "--fd",
                                     "3",
                                     "--strangers",
                                     strangers,
                                     NULL};
    return start_program(arguments, child->port_fd, true);
}

static pid_t start_child(const struct supervisor *supervisor, const struct child *child, int fd)
{
    const struct cyc_supervisor_options *const options = supervisor->options;
    const char *arguments[16] = {options->program,  child->is_daemon ? "daemon" : "port",
                                 "--rig",           options->rig_path,
                                 "--state",         options->state_dir,
                                 "--supervisor-fd", "3"};
    unsigned count = 8;
    if (!child->is_daemon) {
        arguments[count++] = "--port";
        arguments[count++] = child->name;
    } else if (options->rate != NULL) {
        arguments[count++] = "--rate";
        arguments[count++] = options->rate;
    }
    return start_program(arguments, fd, false);
}

static void enter(struct child *child, enum child_state state, int64_t now)
{
    child->state = state;
    child->since_ns = now;
}

static void start(struct supervisor *supervisor, struct child *child, int64_t now)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        cyc_supervisor_log(supervisor, "%s: no socket for it: %m", child->name);
        child->again_ns = now + CYC_S_NS;
        return;
    }
    const pid_t pid = start_child(supervisor, child, pair[1]);
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        cyc_supervisor_log(supervisor, "%s: cannot be started: %m", child->name);
        child->again_ns = now + CYC_S_NS;
        return;
    }
    child->pid = pid;
    child->fd = pair[0];
    child->heard_ns = now;
    child->until_ns = now + SUPERVISOR_BUSY_MAX_NS; /* reading the rig, opening the port */
    child->beat_ns = 0;
    child->start = cyc_supervisor_start_of(pid);
    child->stuck_told = child->was_told_end = false;
    enter(child, CHILD_RUNNING, now);
    cyc_supervisor_log(supervisor, "%s: process %d starts", child->name, (int)pid);
    cyc_supervisor_write_holders(supervisor);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

void cyc_supervisor_kill(struct supervisor *supervisor, struct child *child, const char *why)
{
    if (child->state != CHILD_RUNNING) {
        return;
    }
    (void)kill(child->pid, SIGKILL);
    enter(child, CHILD_KILLED, cyc_boot_now_ns());
    cyc_supervisor_log(supervisor, "%s: process %d is killed: %s", child->name, (int)child->pid,
                       why);
}

static void close_port(struct child *child)
{
    if (child->port_fd >= 0) {
        (void)close(child->port_fd);
        child->port_fd = -1;
    }
}

/* Three restarts in ten minutes: whatever is wrong, starting once more does not mend it. A daemon
 * that ended in order was asked to, and nothing is wrong. */
static void plan_restart(struct supervisor *supervisor, struct child *child, bool in_order,
                         int64_t now)
{
    if (supervisor->ending) {
        enter(child, CHILD_GIVEN_UP, now);
        return;
    }
    const bool counts = !(child->is_daemon && in_order);
    if (counts && child->restarts_ns[0] != 0 &&
        now - child->restarts_ns[0] < SUPERVISOR_BUDGET_NS) {
        enter(child, CHILD_GIVEN_UP, now);
        child->is_given_up = true;
        cyc_supervisor_log(supervisor, "%s: %d restarts in ten minutes: it stays down, safe",
                           child->name, SUPERVISOR_RESTARTS);
        cyc_supervisor_write_holders(supervisor);
        return;
    }
    if (counts) {
        memmove(child->restarts_ns, child->restarts_ns + 1,
                sizeof child->restarts_ns - sizeof child->restarts_ns[0]);
        child->restarts_ns[SUPERVISOR_RESTARTS - 1] = now;
    }
    child->again_ns = now + SUPERVISOR_PAUSE_NS;
    enter(child, CHILD_DOWN, now);
}

static void help(struct supervisor *supervisor, struct child *child, int64_t now)
{
    enter(child, CHILD_SAFING, now);
    child->helpings++;
    child->helper = start_helper(supervisor, child);
    if (child->helper < 0) {
        child->helper = 0; /* tried again when its time is over */
        cyc_supervisor_log(supervisor, "%s: no helper could be started: %m", child->name);
    }
}

static void log_exit(struct supervisor *supervisor, const struct child *child, int how)
{
    if (WIFSIGNALED(how)) {
        cyc_supervisor_log(supervisor, "%s: process %d ended by signal %d", child->name,
                           (int)child->pid, WTERMSIG(how));
    } else {
        cyc_supervisor_log(supervisor, "%s: process %d ended with %d", child->name, (int)child->pid,
                           WEXITSTATUS(how));
    }
}

static void is_gone(struct supervisor *supervisor, struct child *child, int how, int64_t now)
{
    log_exit(supervisor, child, how);
    if (child->fd >= 0) {
        (void)close(child->fd);
        child->fd = -1;
    }
    child->pid = 0;
    child->helpings = 0;
    child->safe_status = CYC_OK;
    cyc_supervisor_write_holders(supervisor);
    const bool ended_safely = WIFEXITED(how) && WEXITSTATUS(how) == 0;
    if (child->is_daemon || ended_safely || child->port_fd < 0) {
        close_port(child);
        if (!child->is_daemon) {
            cyc_supervisor_safe_done(supervisor, child, ended_safely ? CYC_OK : CYC_E_LOST,
                                     "its process is gone and its port was not open");
            cyc_supervisor_tell_watchers(supervisor, child, ended_safely ? CYC_OK : CYC_E_LOST);
        }
        plan_restart(supervisor, child, ended_safely, now);
        return;
    }
    help(supervisor, child, now);
}

static void helper_is_gone(struct supervisor *supervisor, struct child *child, bool worked,
                           int64_t now)
{
    child->helper = 0;
    cyc_supervisor_log(supervisor, "%s: made safe from outside: %s", child->name,
                       worked ? "off" : "NOT SEEN OFF");
    if (!worked && child->helpings < 3) {
        help(supervisor, child, now);
        return;
    }
    child->safe_status = worked ? CYC_OK : CYC_E_TIMEOUT;
    cyc_supervisor_safe_done(supervisor, child, child->safe_status,
                             worked ? "made safe from outside"
                                    : "could not be made safe from outside");
    cyc_supervisor_tell_watchers(supervisor, child, child->safe_status);
    close_port(child);
    plan_restart(supervisor, child, false, now);
}

/* ---- Tending ---------------------------------------------------------------------------------
 */

static void beat(struct child *child, int64_t now)
{
    if (child->fd >= 0 && now - child->beat_ns >= CYC_HEARTBEAT_NS) {
        const struct cyc_message alive = {.kind = CYC_MESSAGE_ALIVE, .t_ns = now};
        (void)cyc_message_send(child->fd, &alive, -1, NULL);
        child->beat_ns = now;
    }
}

static void tend_process(struct supervisor *supervisor, struct child *child, int64_t now)
{
    int how = 0;
    if (waitpid(child->pid, &how, WNOHANG) == child->pid) {
        is_gone(supervisor, child, how, now);
        return;
    }
    if (child->state == CHILD_KILLED) {
        if (!child->stuck_told && now - child->since_ns > CYC_S_NS) {
            child->stuck_told = true;
            cyc_supervisor_log(supervisor,
                               "%s: the kernel does not end process %d; its port cannot be taken "
                               "over: switch the instrument off by hand",
                               child->name, (int)child->pid);
            cyc_supervisor_safe_done(supervisor, child, CYC_E_BUSY,
                                     "the kernel does not end its process: switch it off by hand");
        }
        return;
    }
    if (now >= child->until_ns) {
        cyc_supervisor_kill(supervisor, child, "no sign of life");
    } else if (child->safe_pending && now - child->safe_ns > SUPERVISOR_SAFE_NS + child->off_ns) {
        cyc_supervisor_kill(supervisor, child, "it has not made safe in time");
    } else {
        beat(child, now);
    }
}

static void tend_helper(struct supervisor *supervisor, struct child *child, int64_t now)
{
    int how = 0;
    if (child->helper > 0 && waitpid(child->helper, &how, WNOHANG) == child->helper) {
        helper_is_gone(supervisor, child, WIFEXITED(how) && WEXITSTATUS(how) == 0, now);
    } else if (now - child->since_ns > SUPERVISOR_HELPER_NS + 3 * child->off_ns) {
        if (child->helper > 0) {
            (void)kill(child->helper, SIGKILL);
            child->since_ns = now; /* it is reaped above */
        } else {
            helper_is_gone(supervisor, child, false, now);
        }
    }
}

void cyc_supervisor_tend(struct supervisor *supervisor, struct child *child, int64_t now)
{
    switch (child->state) {
    case CHILD_DOWN:
        if (supervisor->ending) {
            enter(child, CHILD_GIVEN_UP, now);
        } else if (now >= child->again_ns) {
            start(supervisor, child, now);
        }
        break;
    case CHILD_RUNNING:
    case CHILD_KILLED:
        tend_process(supervisor, child, now);
        break;
    case CHILD_SAFING:
        tend_helper(supervisor, child, now);
        break;
    case CHILD_GIVEN_UP:
        break;
    }
}

int64_t cyc_supervisor_due_ns(const struct child *child)
{
    switch (child->state) {
    case CHILD_DOWN:
        return child->again_ns;
    case CHILD_RUNNING:
        return child->until_ns < child->beat_ns + CYC_HEARTBEAT_NS
                   ? child->until_ns
                   : child->beat_ns + CYC_HEARTBEAT_NS;
    case CHILD_KILLED:
    case CHILD_SAFING:
    case CHILD_GIVEN_UP:
        return CYC_NEVER; /* SIGCHLD wakes, else the next heartbeat */
    }
    return CYC_NEVER;
}

/* ---- Hearing ---------------------------------------------------------------------------------
 */

static void hand_on(struct supervisor *supervisor, const struct child *from,
                    const struct cyc_message *message)
{
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const struct child *const child = &supervisor->children[i];
        if (child != from && !child->is_daemon && child->state == CHILD_RUNNING) {
            (void)cyc_message_send(child->fd, message, -1, NULL);
        }
    }
}

static void is_alive(struct child *child, const struct cyc_message *message)
{
    const int64_t now = cyc_boot_now_ns();
    const int64_t said = message->t_ns < now ? message->t_ns : now;
    const int64_t busy = (int64_t)message->number - said;
    const int64_t bound = busy > CYC_LEASE_NS && busy < SUPERVISOR_BUSY_MAX_NS
                              ? busy + CYC_HEARTBEAT_NS
                              : CYC_LEASE_NS;
    child->heard_ns = said;
    child->until_ns = said + bound;
}

/* True when the port may have one more line now. What was left out is told with the next one. */
static bool may_speak(struct supervisor *supervisor, const struct child *child, struct talk *talk)
{
    const int64_t now = cyc_boot_now_ns();
    if (now - talk->since_ns > SUPERVISOR_WORDS_NS) {
        if (talk->left_out > 0) {
            cyc_supervisor_log(supervisor, "%s: %u more such lines were left out", child->name,
                               talk->left_out);
        }
        *talk = (struct talk){.since_ns = now};
    }
    if (talk->lines >= SUPERVISOR_WORDS_MAX) {
        talk->left_out++;
        return false;
    }
    talk->lines++;
    return true;
}

/* How long an instrument may need until it says that it is off. */
static int64_t bounded_off_ns(uint64_t said)
{
    return said < (uint64_t)SUPERVISOR_OFF_MAX_NS ? (int64_t)said : SUPERVISOR_OFF_MAX_NS;
}

static void port_says(struct supervisor *supervisor, struct child *child,
                      const struct cyc_message *message, int passed_fd)
{
    const char *const name = child->name;
    if (message->kind == CYC_MESSAGE_ALIVE) {
        is_alive(child, message);
    } else if (message->kind == CYC_MESSAGE_PORT_OPEN) {
        close_port(child);
        child->port_fd = passed_fd;
        child->strangers = UINT64_MAX;
        child->off_ns = bounded_off_ns(message->number);
        return;
    } else if (message->kind == CYC_MESSAGE_LINK) {
        child->strangers = message->number;
    } else if (message->kind == CYC_MESSAGE_TRIP || message->kind == CYC_MESSAGE_READING) {
        hand_on(supervisor, child, message);
    } else if (message->kind == CYC_MESSAGE_SAFE_DONE && message->channel < 0) {
        cyc_supervisor_safe_done(supervisor, child, message->status, "");
    } else if (message->kind == CYC_MESSAGE_SAFE_DONE) {
        cyc_supervisor_tell_callers(supervisor, message);
    } else if (message->kind == CYC_MESSAGE_TRIPPED &&
               may_speak(supervisor, child, &child->trips)) {
        cyc_supervisor_log(supervisor, "%s: channel %d made safe: %s", name, message->channel,
                           message->text);
    } else if (message->kind == CYC_MESSAGE_EVENT && may_speak(supervisor, child, &child->events)) {
        cyc_supervisor_log(supervisor, "%s: %s", name, message->text);
    }
    if (passed_fd >= 0) {
        (void)close(passed_fd);
    }
}

void cyc_supervisor_hear(struct supervisor *supervisor, struct child *child)
{
    struct cyc_message message;
    for (unsigned i = 0; child->fd >= 0 && i < SUPERVISOR_DRAIN_MAX; i++) {
        int passed_fd = -1;
        const int status = cyc_message_receive(child->fd, &message, &passed_fd, NULL);
        if (status == CYC_E_TIMEOUT) {
            return;
        }
        if (status == CYC_E_LOST) {
            /* It ends, or has lost its senses: then it is killed, since two must not share a
             * port. */
            const int64_t soon = cyc_boot_now_ns() + SUPERVISOR_EXIT_NS;
            (void)close(child->fd);
            child->fd = -1;
            child->until_ns = soon < child->until_ns ? soon : child->until_ns;
            return;
        }
        if (status == CYC_OK && !child->is_daemon) {
            port_says(supervisor, child, &message, passed_fd);
        } else if (status == CYC_OK && message.kind == CYC_MESSAGE_ALIVE) {
            is_alive(child, &message);
        }
    }
}
