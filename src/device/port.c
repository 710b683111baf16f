/* The port process: one loop, one call on the bus at a time.
 *
 *     messages ─► lease, supervisor ─► unsafe outputs off ─► link ─► a command ─► a measurement ─┐
 *        ▲                                                                                       │
 *        └───────────────── heartbeat, readings to the daemon, wait ◄────────────────────────────┘
 *
 * Each pass takes what has come in (never blocking, at most PORT_DRAIN_MAX messages), then does at
 * most one call of each kind on the bus, the one that makes safe first. So nothing that a daemon
 * sends, however much, keeps an output from going off or a limit from being judged, and the
 * heartbeat goes out between any two calls.
 *
 * What an output is:
 *
 *     armed    set up under the present link, protections read back, limits kept when it was done.
 *              Ends with every trip, safe, lost lease, lost link.
 *     on       from before the first byte of a command until `safe` has seen it off. A rest too:
 *              some instruments can only measure a cell with their output on, at 0 A.
 *     unsafe   to be made safe; tried again until it is seen off. While it is unsafe nothing else
 *              is done with it.
 *
 * Who keeps an output on, and what happens when one of them fails (all of them mark it unsafe):
 *
 *     daemon's lease, dated when it was sent     over after CYC_LEASE_NS, or when its socket closes
 *     supervisor's ALIVE, dated likewise         over after CYC_LEASE_NS; then this process ends
 *     the link                                   lost: unsafe, as soon as it is back and identified
 *     a reading within the limits                port_guard.c
 *     the latch                                  a file, asked for before every energising command
 *     a limit broken before                      a file per channel, read at the start
 *     found otherwise than commanded             likewise: the output key was pressed, the power
 *                                                has failed, …; until a person speaks
 *
 * A call lasts at most CYC_BUS_CALL_MAX_NS while any output of the port may be on. With all of them
 * off it may take PORT_SETUP_MAX_NS, which the heartbeat before it announces.
 *
 * What survives this process is a file, <state>/port-<name>.on. It is there while outputs may be
 * on; a process that finds it at its start makes them safe once it has seen who is there. It names
 * the outputs that were seen on: one that is off by then was switched off by somebody else.
 */
#include "base/priority.h"
#include "device/port_int.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS CYC_MS_NS

/* ---- What it says ----------------------------------------------------------------------------
 */

struct cyc_message cyc_port_message(const struct port *port, enum cyc_message_kind kind)
{
    return (struct cyc_message){.kind = kind,
                                .channel = -1,
                                .instrument = -1,
                                .epoch = port->epoch,
                                .t_ns = cyc_boot_now_ns()};
}

bool cyc_port_is_on(const struct port *port)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        if (port->outputs[i].on || port->outputs[i].unsafe) {
            return true;
        }
    }
    return false;
}

void cyc_port_beat(struct port *port, int64_t busy_ns)
{
    const int64_t now = cyc_boot_now_ns();
    const bool is_long = busy_ns > CYC_BUS_CALL_MAX_NS;
    if (port->options->supervisor_fd < 0 ||
        (!is_long && !port->announced && now - port->beat_ns < CYC_HEARTBEAT_NS)) {
        return;
    }
    port->announced = is_long; /* taken back with the next one, at once */
    struct cyc_message alive = cyc_port_message(port, CYC_MESSAGE_ALIVE);
    alive.number = (uint64_t)(now + busy_ns);
    (void)cyc_message_send(port->options->supervisor_fd, &alive, -1, NULL);
    port->beat_ns = now;
    struct cyc_err err;
    if (cyc_errands_complaint(port->errands, &err)) {
        cyc_port_announce(port, CYC_MESSAGE_EVENT, -1, CYC_OK, err.text);
    }
}

int64_t cyc_port_deadline(struct port *port)
{
    const int64_t longest = cyc_port_is_on(port) ? CYC_BUS_CALL_MAX_NS : PORT_SETUP_MAX_NS;
    cyc_port_beat(port, longest);
    return cyc_bus_now_ns(port->bus) + longest;
}

/* What follows for the cells; chambers and indicators keep what they do. */
static const char *consequence(const struct port *port)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        if (port->outputs[i].channel >= 0) {
            return ": outputs off";
        }
    }
    return "";
}

void cyc_port_drop_daemon(struct port *port, const char *why)
{
    if (port->daemon < 0) {
        return;
    }
    (void)close(port->daemon);
    port->daemon = -1;
    port->greeted = false;
    if (port->lease_ns != 0) {
        port->lease_ns = 0;
        char text[128];
        (void)snprintf(text, sizeof text, "%s%s", why, consequence(port));
        cyc_port_announce(port, CYC_MESSAGE_EVENT, -1, CYC_OK, text);
    }
    cyc_port_unsafe_all(port);
}

void cyc_port_tell(struct port *port, const struct cyc_message *message)
{
    if (port->daemon >= 0 && port->greeted &&
        cyc_message_send(port->daemon, message, -1, NULL) != CYC_OK) {
        cyc_port_drop_daemon(port, "the daemon does not take its messages");
    }
}

void cyc_port_announce(struct port *port, enum cyc_message_kind kind, int channel, int status,
                       const char *text)
{
    struct cyc_message message = cyc_port_message(port, kind);
    message.channel = channel;
    message.status = status;
    (void)cyc_copy(message.text, sizeof message.text, text);
    if (port->options->supervisor_fd >= 0) {
        (void)cyc_message_send(port->options->supervisor_fd, &message, -1, NULL);
    }
    cyc_port_tell(port, &message);
}

/* ---- What it is made of ---------------------------------------------------------------------- */

static int channel_of(const struct cyc_rig *rig, unsigned instrument, unsigned output)
{
    for (unsigned i = 0; i < rig->channel_count; i++) {
        if (rig->channels[i].cycler == (int)instrument && rig->channels[i].output == output) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_used(const struct cyc_rig *rig, unsigned instrument, unsigned output)
{
    for (unsigned i = 0; i < rig->sensor_count; i++) {
        if (rig->sensors[i].instrument == (int)instrument && rig->sensors[i].output == output) {
            return true;
        }
    }
    for (unsigned i = 0; i < rig->channel_count; i++) {
        const struct cyc_rig_channel *const channel = &rig->channels[i];
        if ((channel->chamber == (int)instrument && channel->chamber_output == output) ||
            (channel->press == (int)instrument && channel->press_output == output)) {
            return true;
        }
    }
    return channel_of(rig, instrument, output) >= 0;
}

/* The outputs of an instrument that the rig speaks of. */
static int add_unit(struct port *port, unsigned index, struct cyc_err *err)
{
    const struct cyc_rig *const rig = port->rig;
    if (port->unit_count >= PORT_UNITS_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "port '%s' has more than %d instruments",
                           port->settings->name, PORT_UNITS_MAX);
    }
    struct unit *const unit = &port->units[port->unit_count];
    *unit = (struct unit){.index = index,
                          .rig = &rig->instruments[index],
                          .told = 1,
                          .logged = 1,
                          .first = port->output_count};
    for (unsigned number = 0; number < CYC_OUTPUTS_MAX; number++) {
        if (!is_used(rig, index, number)) {
            continue;
        }
        if (port->output_count >= PORT_OUTPUTS_MAX) {
            return cyc_err_set(err, CYC_E_BOUND, "port '%s' has more than %d outputs",
                               port->settings->name, PORT_OUTPUTS_MAX);
        }
        port->outputs[port->output_count++] =
            (struct output){.unit = port->unit_count,
                            .number = number,
                            .channel = channel_of(rig, index, number),
                            .slice_ns = CYC_NEVER};
        unit->count++;
    }
    port->unit_count++;
    return CYC_OK;
}

static int set_up(struct port *port, const struct cyc_port_options *options, struct cyc_err *err)
{
    const int64_t now = cyc_boot_now_ns();
    port->options = options;
    port->rig = options->rig;
    port->settings = &options->rig->ports[options->port];
    port->listener = port->daemon = -1;
    port->epoch = (uint64_t)now;
    port->supervisor_ns = now;
    for (unsigned i = 0; i < port->rig->instrument_count; i++) {
        if (port->rig->instruments[i].port == (int)options->port) {
            const int status = add_unit(port, i, err);
            if (status != CYC_OK) {
                return status;
            }
        }
    }
    port->latched = cyc_latch_is_set(options->state_dir, NULL, 0);
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        output->tripped = output->noted =
            output->channel >= 0 &&
            cyc_trip_is_set(options->state_dir, port->rig->channels[output->channel].name);
        output->found_noted =
            output->channel >= 0 &&
            cyc_found_is_set(options->state_dir, port->rig->channels[output->channel].name,
                             output->found, sizeof output->found);
    }
    int status = cyc_errands_open(&port->errands, err);
    status = status == CYC_OK ? cyc_port_ring_init(port, err) : status;
    status = status == CYC_OK ? cyc_port_guard_init(port, err) : status;
    if (status != CYC_OK) {
        return status;
    }
    if (cyc_port_find_mark(port)) {
        port->marked = true;
        for (unsigned i = 0; i < port->output_count; i++) {
            struct output *const output = &port->outputs[i];
            output->ours = output->unsafe = output->channel >= 0;
        }
    }
    char name[CYC_RIG_NAME_SIZE + 16];
    (void)snprintf(name, sizeof name, "port-%s.sock", port->settings->name);
    return cyc_message_listen(options->state_dir, name, &port->listener, err);
}

static void release(struct port *port)
{
    cyc_port_close(port, NULL);
    if (port->daemon >= 0) {
        (void)close(port->daemon);
    }
    if (port->listener >= 0) {
        (void)close(port->listener);
    }
    cyc_errands_close(port->errands);
    free(port->ring);
    free(port->watches);
    free(port);
}

/* ---- The loop --------------------------------------------------------------------------------
 */

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the next pass is due without any message. */
static int64_t next_pass_ns(const struct port *port, int64_t now)
{
    const bool beats = port->options->supervisor_fd >= 0;
    int64_t next = (beats ? earliest(port->beat_ns, now) : now) + CYC_HEARTBEAT_NS;
    next = earliest(next, port->bus == NULL ? port->reopen_ns : cyc_port_next_poll_ns(port));
    if (port->lease_ns > 0) {
        next = earliest(next, port->lease_ns);
    }
    for (unsigned i = 0; i < port->output_count && port->bus != NULL; i++) {
        const struct output *const output = &port->outputs[i];
        if (output->unsafe) {
            next = earliest(next, cyc_port_off_due_ns(port, output));
        } else if (output->pending) {
            next = now;
        } else if (output->on) {
            next = earliest(next, output->slice_ns);
        }
    }
    return next;
}

enum news { NEWS_STOP, NEWS_SUPERVISOR, NEWS_CALL, NEWS_DAEMON, NEWS_BUS, NEWS_COUNT };

/* A cycler that reports by itself is read when it does, whatever the grid says. */
static bool hears_reports(const struct port *port)
{
    if (port->bus == NULL || !cyc_bus_is_in_step(port->bus)) {
        return false;
    }
    for (unsigned i = 0; i < port->output_count; i++) {
        const struct unit *const unit = &port->units[port->outputs[i].unit];
        if (port->outputs[i].channel >= 0 && unit->state == UNIT_READY &&
            (unit->capabilities.traits & CYC_TRAIT_STREAMS) != 0) {
            return true;
        }
    }
    return false;
}

static void has_reported(struct port *port)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        const struct unit *const unit = &port->units[port->outputs[i].unit];
        if (port->outputs[i].channel >= 0 && (unit->capabilities.traits & CYC_TRAIT_STREAMS) != 0) {
            port->outputs[i].due_ns = 0;
        }
    }
}

/* Waits until the next pass is due or somebody has something to say. Who has not is not asked in
 * that pass: four system calls less per exchange. While exchanges follow each other at once, and
 * are short, nobody is asked more often than every LOOK_NS. */
static void wait_for_news(struct port *port, struct pollfd news[NEWS_COUNT])
{
    const int64_t now = cyc_boot_now_ns();
    const int64_t wait = next_pass_ns(port, now) - now;
    const int64_t rest = wait > 0 ? wait : 0;
    if (rest == 0 && now - port->looked_ns < LOOK_NS) {
        for (unsigned i = 0; i < NEWS_COUNT; i++) {
            news[i].revents = 0;
        }
        return;
    }
    news[NEWS_STOP] = (struct pollfd){.fd = port->options->stop_fd, .events = POLLIN};
    news[NEWS_SUPERVISOR] = (struct pollfd){.fd = port->options->supervisor_fd, .events = POLLIN};
    news[NEWS_CALL] = (struct pollfd){.fd = port->listener, .events = POLLIN};
    news[NEWS_DAEMON] = (struct pollfd){
        .fd = port->daemon, .events = (short)(POLLIN | (cyc_port_has_unsent(port) ? POLLOUT : 0))};
    news[NEWS_BUS] =
        (struct pollfd){.fd = hears_reports(port) ? cyc_bus_fd(port->bus) : -1, .events = POLLIN};
    const struct timespec time = {.tv_sec = rest / CYC_S_NS, .tv_nsec = rest % CYC_S_NS};
    if (ppoll(news, NEWS_COUNT, &time, NULL) < 0) {
        for (unsigned i = 0; i < NEWS_COUNT; i++) {
            news[i].revents = 0; /* interrupted: the next look tells */
        }
    }
    port->looked_ns = rest > 0 ? cyc_boot_now_ns() : now;
}

static void pass(struct port *port, const struct pollfd news[NEWS_COUNT])
{
    if (news[NEWS_SUPERVISOR].revents != 0) {
        cyc_port_hear_supervisor(port);
    }
    if (news[NEWS_CALL].revents != 0) {
        cyc_port_hear_calls(port);
    }
    if ((news[NEWS_DAEMON].revents & ~POLLOUT) != 0) {
        cyc_port_hear_daemon(port);
    }
    if (news[NEWS_BUS].revents != 0) {
        has_reported(port);
    }
    port->ending = port->ending || news[NEWS_STOP].revents != 0;
    const int64_t now = cyc_boot_now_ns();
    cyc_port_check_masters(port, now);
    cyc_port_guard_ages(port, now);
    cyc_port_answer_safe(port);
    cyc_port_note_trips(port);
    if (!cyc_port_make_off(port, now) && !cyc_port_mend(port, now)) {
        (void)cyc_port_act(port, now);
        (void)cyc_port_poll(port, cyc_boot_now_ns());
    }
    cyc_port_pump(port);
    cyc_port_beat(port, 0);
}

/* Ends when everything is off, or the time for that is over: the supervisor, or a person, tries
 * again by other means. */
static void end_safely(struct port *port)
{
    const int64_t until = cyc_boot_now_ns() + CYC_LEASE_NS;
    cyc_port_unsafe_all(port);
    while (cyc_port_is_on(port) && port->bus != NULL && cyc_boot_now_ns() < until) {
        if (!cyc_port_make_off(port, cyc_boot_now_ns())) {
            const struct timespec moment = {.tv_nsec = 10 * CYC_MS_NS};
            (void)nanosleep(&moment, NULL);
        }
        cyc_port_beat(port, 0);
    }
    if (!cyc_port_is_on(port)) {
        cyc_port_mark(port, false);
    }
}

int cyc_port_run(const struct cyc_port_options *options, struct cyc_err *err)
{
    struct port *const port = calloc(1, sizeof *port);
    if (port == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the port process");
    }
    int status = set_up(port, options, err);
    (void)cyc_go_first(); /* the supervisor's log says where it may not */
    while (status == CYC_OK && !port->ending) {
        struct pollfd news[NEWS_COUNT];
        wait_for_news(port, news);
        pass(port, news);
    }
    if (status == CYC_OK) {
        end_safely(port);
        if (cyc_port_is_on(port)) {
            status = cyc_err_set(err, CYC_E_TIMEOUT, "port '%s': not every output was seen off",
                                 port->settings->name);
        }
    }
    release(port);
    return status;
}
