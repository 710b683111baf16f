/* What the port process hears: from the supervisor, from callers, from the daemon.
 *
 * Whatever a daemon sends, it is taken for no more than a wish: kinds, indexes and numbers are
 * checked here and in port_guard.c, and what does not fit is answered and dropped. Commands that
 * need the bus wait in a slot of their output, one at a time; SAFE empties the slot.
 */
#include "device/port_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- Supervisor ------------------------------------------------------------------------------
 */

static struct output *output_of(struct port *port, int32_t channel)
{
    if (channel < 0 || (unsigned)channel >= port->rig->channel_count) {
        return NULL;
    }
    const int index = port->watches[channel].output;
    return index < 0 ? NULL : &port->outputs[index];
}

static void safe_all(struct port *port, const char *why)
{
    port->latched = port->asked = true;
    port->asked_status = CYC_OK;
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        if (output->channel < 0) {
            continue;
        }
        cyc_port_cancel(port, output, CYC_E_LATCHED, "latched until rearmed");
        if (output->armed || output->on) {
            cyc_port_announce(port, CYC_MESSAGE_TRIPPED, output->channel, CYC_E_LATCHED, why);
        }
        output->asked = true;
        cyc_port_unsafe(port, output);
    }
}

static void rearm(struct port *port)
{
    port->latched = cyc_latch_is_set(port->options->state_dir, NULL, 0);
    for (unsigned i = 0; i < port->output_count && !port->latched; i++) {
        port->outputs[i].tripped = port->outputs[i].noted = false;
    }
}

static void supervisor_says(struct port *port, const struct cyc_message *message)
{
    struct output *output;
    switch ((enum cyc_message_kind)message->kind) {
    case CYC_MESSAGE_ALIVE:
        if (message->t_ns > port->supervisor_ns) {
            const int64_t now = cyc_boot_now_ns();
            port->supervisor_ns = message->t_ns < now ? message->t_ns : now;
        }
        break;
    case CYC_MESSAGE_TRIP:
        output = output_of(port, message->channel);
        if (output != NULL && (output->on || output->armed)) {
            cyc_port_trip_limit(port, output, message->text);
        }
        break;
    case CYC_MESSAGE_READING:
        if (message->instrument >= 0 &&
            (unsigned)message->instrument < port->rig->instrument_count) {
            cyc_port_guard_reading(port, (unsigned)message->instrument, message->output,
                                   &message->as.reading, false);
        }
        break;
    case CYC_MESSAGE_SAFE_ALL:
        safe_all(port, message->text[0] != '\0' ? message->text : "made safe by hand");
        break;
    case CYC_MESSAGE_REARM:
        rearm(port);
        break;
    case CYC_MESSAGE_END:
        port->ending = true;
        break;
    case CYC_MESSAGE_PORT_OPEN:
    case CYC_MESSAGE_HELLO:
    case CYC_MESSAGE_LEASE:
    case CYC_MESSAGE_ARM:
    case CYC_MESSAGE_DISARM:
    case CYC_MESSAGE_APPLY:
    case CYC_MESSAGE_ENVIRONMENT:
    case CYC_MESSAGE_SAFE:
    case CYC_MESSAGE_CONFIRM:
    case CYC_MESSAGE_RESEND:
    case CYC_MESSAGE_WELCOME:
    case CYC_MESSAGE_LINK:
    case CYC_MESSAGE_ARMED:
    case CYC_MESSAGE_APPLIED:
    case CYC_MESSAGE_SAFE_DONE:
    case CYC_MESSAGE_TRIPPED:
    case CYC_MESSAGE_EVENT:
        break; /* nothing of a supervisor's */
    }
}

void cyc_port_hear_supervisor(struct port *port)
{
    const int fd = port->options->supervisor_fd;
    struct cyc_message message;
    for (unsigned i = 0; fd >= 0 && i < PORT_DRAIN_MAX; i++) {
        const int status = cyc_message_receive(fd, &message, NULL, NULL);
        if (status == CYC_E_TIMEOUT) {
            return;
        }
        if (status == CYC_E_LOST) {
            port->ending = true;
            return;
        }
        if (status == CYC_OK) {
            supervisor_says(port, &message);
        }
    }
}

/* ---- Daemon ---------------------------------------------------------------------------------- */

void cyc_port_hear_calls(struct port *port)
{
    for (;;) {
        int fd = -1;
        const int status = cyc_message_accept(port->listener, &fd, NULL);
        if (status == CYC_E_REFUSED) {
            continue;
        }
        if (status != CYC_OK) {
            return;
        }
        cyc_port_drop_daemon(port, "another daemon has called");
        port->daemon = fd;
    }
}

static void hello(struct port *port, const struct cyc_message *message)
{
    struct cyc_message welcome = cyc_port_message(port, CYC_MESSAGE_WELCOME);
    (void)cyc_copy(welcome.text, sizeof welcome.text, port->rig->sha256);
    welcome.index = CYC_MESSAGE_VERSION;
    welcome.number = port->oldest;
    const bool fits =
        message->index == CYC_MESSAGE_VERSION && strcmp(message->text, port->rig->sha256) == 0;
    welcome.status = fits ? CYC_OK : CYC_E_REFUSED;
    port->greeted = true;
    port->room = 0;
    port->sent = port->newest;
    cyc_port_tell(port, &welcome);
    if (!fits) {
        cyc_port_drop_daemon(port, "the daemon has another rig or version");
        return;
    }
    for (unsigned i = 0; i < port->unit_count; i++) {
        cyc_port_tell_link_again(port, &port->units[i]); /* a new daemon is told how each one is */
    }
}

/* The lease counts from when the daemon sent it, not from when it was read here. */
static void renew(struct port *port, const struct cyc_message *message)
{
    const int64_t now = cyc_boot_now_ns();
    const int64_t until = (message->t_ns < now ? message->t_ns : now) + CYC_LEASE_NS;
    if (until > now && until > port->lease_ns) {
        port->lease_ns = until;
    }
}

static void refuse(struct port *port, const struct cyc_message *command, int status,
                   const char *why)
{
    struct cyc_message answer = cyc_port_message(
        port, command->kind == CYC_MESSAGE_ARM ? CYC_MESSAGE_ARMED : CYC_MESSAGE_APPLIED);
    answer.channel = command->channel;
    answer.status = status;
    answer.index = command->kind;
    if (command->kind == CYC_MESSAGE_APPLY) {
        answer.as.drive.setpoint.number = command->as.drive.setpoint.number;
    }
    (void)cyc_copy(answer.text, sizeof answer.text, why);
    cyc_port_tell(port, &answer);
}

void cyc_port_cancel(struct port *port, struct output *output, int status, const char *why)
{
    if (output->pending) {
        output->pending = false;
        refuse(port, &output->command, status, why);
    }
}

static void put(struct port *port, struct output *output, const struct cyc_message *message)
{
    if (output == NULL) {
        refuse(port, message, CYC_E_REFUSED, "no such output on this port");
    } else if (output->pending) {
        refuse(port, message, CYC_E_BUSY, "the command before it is not carried out yet");
    } else {
        output->pending = true;
        output->command = *message;
    }
}

static struct output *find_output(struct port *port, int instrument, unsigned number)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        if ((int)port->units[output->unit].index == instrument && output->number == number) {
            return output;
        }
    }
    return NULL;
}

/* To the chamber and the press of the channel, as far as they are here. */
static void put_environment(struct port *port, const struct cyc_message *message)
{
    if (message->channel < 0 || (unsigned)message->channel >= port->rig->channel_count) {
        refuse(port, message, CYC_E_REFUSED, "no such channel");
        return;
    }
    const struct cyc_rig_channel *const channel = &port->rig->channels[message->channel];
    struct output *const chamber = find_output(port, channel->chamber, channel->chamber_output);
    struct output *const press = find_output(port, channel->press, channel->press_output);
    if (chamber == NULL && press == NULL) {
        refuse(port, message, CYC_E_REFUSED, "no chamber or press of the channel on this port");
        return;
    }
    if (chamber != NULL) {
        put(port, chamber, message);
    }
    if (press != NULL && press != chamber) {
        put(port, press, message);
    }
}

static void make_safe(struct port *port, const struct cyc_message *message)
{
    struct output *const output = output_of(port, message->channel);
    if (output == NULL) {
        refuse(port, message, CYC_E_REFUSED, "no such output on this port");
        return;
    }
    cyc_port_cancel(port, output, CYC_E_INTERRUPTED, "made safe before it was carried out");
    cyc_port_unsafe(port, output);
}

static void daemon_says(struct port *port, const struct cyc_message *message)
{
    if (!port->greeted && message->kind != CYC_MESSAGE_HELLO && message->kind != CYC_MESSAGE_SAFE) {
        return;
    }
    struct output *output;
    switch ((enum cyc_message_kind)message->kind) {
    case CYC_MESSAGE_HELLO:
        hello(port, message);
        break;
    case CYC_MESSAGE_LEASE:
        renew(port, message);
        break;
    case CYC_MESSAGE_ARM:
    case CYC_MESSAGE_APPLY:
        put(port, output_of(port, message->channel), message);
        break;
    case CYC_MESSAGE_DISARM:
        output = output_of(port, message->channel);
        if (output != NULL && (output->on || output->pending)) {
            make_safe(port, message);
        } else if (output != NULL) {
            output->armed = false;
        }
        break;
    case CYC_MESSAGE_ENVIRONMENT:
        put_environment(port, message);
        break;
    case CYC_MESSAGE_SAFE:
        make_safe(port, message);
        break;
    case CYC_MESSAGE_CONFIRM:
        cyc_port_confirm(port, message->number);
        break;
    case CYC_MESSAGE_RESEND:
        cyc_port_resend(port, message->number);
        break;
    case CYC_MESSAGE_ALIVE:
    case CYC_MESSAGE_PORT_OPEN:
    case CYC_MESSAGE_TRIP:
    case CYC_MESSAGE_SAFE_ALL:
    case CYC_MESSAGE_REARM:
    case CYC_MESSAGE_END:
    case CYC_MESSAGE_WELCOME:
    case CYC_MESSAGE_LINK:
    case CYC_MESSAGE_ARMED:
    case CYC_MESSAGE_APPLIED:
    case CYC_MESSAGE_READING:
    case CYC_MESSAGE_SAFE_DONE:
    case CYC_MESSAGE_TRIPPED:
    case CYC_MESSAGE_EVENT:
        break; /* nothing of a daemon's */
    }
}

void cyc_port_hear_daemon(struct port *port)
{
    struct cyc_message message;
    for (unsigned i = 0; port->daemon >= 0 && i < PORT_DRAIN_MAX; i++) {
        const int status = cyc_message_receive(port->daemon, &message, NULL, NULL);
        if (status == CYC_E_TIMEOUT) {
            return;
        }
        if (status == CYC_E_LOST) {
            cyc_port_drop_daemon(port, "the daemon is gone");
        } else if (status == CYC_OK) {
            daemon_says(port, &message);
        }
    }
}

/* ---- Masters --------------------------------------------------------------------------------- */

void cyc_port_check_masters(struct port *port, int64_t now)
{
    if (port->lease_ns > 0 && now >= port->lease_ns) {
        port->lease_ns = 0;
        if (cyc_port_is_on(port)) {
            cyc_port_announce(port, CYC_MESSAGE_EVENT, -1, CYC_OK,
                              "the daemon has not renewed its lease: outputs off");
        }
        cyc_port_unsafe_all(port);
    }
    if (port->options->supervisor_fd >= 0 && now - port->supervisor_ns >= CYC_LEASE_NS) {
        port->ending = true;
    }
}
