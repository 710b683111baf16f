/* Measuring on a common grid, and keeping what was measured.
 *
 * Every output is due at whole multiples of its poll period on CLOCK_BOOTTIME, shifted by one
 * of GRID_SLOTS parts of it by the port's number: ports with the same period do not all wake at
 * once, and a late reading delays no later one. Of several that are due the longest waiting comes
 * first.
 *
 * Readings are numbered from 1 and kept in a ring until the daemon has confirmed them durable,
 * or a minute of newer ones has pushed them out. Sending is a cursor over that ring: a new
 * reading, a slow daemon and a daemon that asks for all of it again are the same thing. To wake the
 * daemon costs as much as an exchange on a fast line, so while more outputs are due readings wait
 * for each other, HOLD_NS at most: on a slow line each one is older than that when it is there. One
 * beyond the voltage limits of the present step, which came with its setpoint, takes all of them
 * along at once.
 */
#include "device/port_int.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define GRID_SLOTS  16
#define HOLD_NS     (5 * CYC_MS_NS)
#define BACKLOG_MAX (256 * 1024) /* bytes that wait in the socket; the rest is for what matters */
#define MESSAGE_MAX 2048         /* bytes of it that one message takes, the kernel's own included */

_Static_assert(2 * sizeof(struct cyc_message) <= MESSAGE_MAX, "the kernel takes as much again");

/* ---- The ring --------------------------------------------------------------------------------
 */

int cyc_port_ring_init(struct port *port, struct cyc_err *err)
{
    uint64_t size = 64;
    for (unsigned i = 0; i < port->output_count; i++) {
        const struct unit *const unit = &port->units[port->outputs[i].unit];
        const int64_t poll_ns = unit->rig->poll_ns > 0 ? unit->rig->poll_ns : CYC_S_NS;
        size += (uint64_t)(CYC_PORT_HISTORY_NS / poll_ns) + 1;
    }
    port->ring_size = size < PORT_RING_MAX ? size : PORT_RING_MAX;
    port->ring = calloc(port->ring_size, sizeof *port->ring);
    port->oldest = 1;
    return port->ring != NULL
               ? CYC_OK
               : cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a minute of readings");
}

static void keep(struct port *port, const struct output *output, const struct cyc_reading *reading)
{
    const uint64_t number = ++port->newest;
    if (number - port->oldest >= port->ring_size) {
        port->oldest = number - port->ring_size + 1;
    }
    struct kept *const kept = &port->ring[number % port->ring_size];
    *kept = (struct kept){.t_ns = reading->t_ns,
                          .since_ns = output->since_ns,
                          .setpoint_number = output->setpoint_number,
                          .output = (uint16_t)(output - port->outputs),
                          .flags = (uint16_t)reading->flags,
                          .valid = reading->valid};
    memcpy(kept->values, reading->values, sizeof kept->values);
}

static struct cyc_message reading_message(const struct port *port, const struct output *output,
                                          const struct kept *kept)
{
    struct cyc_message message = cyc_port_message(port, CYC_MESSAGE_READING);
    message.channel = output->channel;
    message.instrument = (int32_t)port->units[output->unit].index;
    message.output = output->number;
    message.setpoint_number = kept->setpoint_number;
    message.as.reading = (struct cyc_reading){
        .t_ns = kept->t_ns, .flags = kept->flags, .valid = kept->valid, .since_ns = kept->since_ns};
    memcpy(message.as.reading.values, kept->values, sizeof kept->values);
    return message;
}

bool cyc_port_has_unsent(const struct port *port)
{
    return port->daemon >= 0 && port->greeted && port->sent < port->newest;
}

static bool waits_for_more(const struct port *port, int64_t now)
{
    const struct kept *const first = &port->ring[(port->sent + 1) % port->ring_size];
    return !port->hurries && now - first->t_ns < HOLD_NS && cyc_port_is_behind(port, now);
}

/* The kernel is asked only when what it answered last has been used up. */
static bool has_room(struct port *port)
{
    int waiting = 0;
    if (port->room == 0 && ioctl(port->daemon, SIOCOUTQ, &waiting) == 0 && waiting < BACKLOG_MAX) {
        port->room = (unsigned)(BACKLOG_MAX - waiting) / MESSAGE_MAX;
    }
    return port->room > 0;
}

void cyc_port_pump(struct port *port)
{
    struct cyc_message batch[CYC_MESSAGE_BATCH];
    unsigned count = 0;
    if (!cyc_port_has_unsent(port)) {
        return;
    }
    if (port->sent + 1 < port->oldest) {
        port->sent = port->oldest - 1;
    }
    if (waits_for_more(port, cyc_boot_now_ns()) || !has_room(port)) {
        return;
    }
    const uint64_t unsent = port->newest - port->sent;
    const unsigned most = port->room < CYC_MESSAGE_BATCH ? port->room : CYC_MESSAGE_BATCH;
    for (; count < most && count < unsent; count++) {
        const uint64_t number = port->sent + 1 + count;
        const struct kept *const kept = &port->ring[number % port->ring_size];
        batch[count] = reading_message(port, &port->outputs[kept->output], kept);
        batch[count].number = number;
    }
    if (!cyc_message_send_many(port->daemon, batch, count)) {
        port->room = 0; /* full: later; gone: the next look at the socket says so */
        return;
    }
    port->sent += count;
    port->room -= count;
    port->hurries = port->hurries && port->sent < port->newest;
}

void cyc_port_confirm(struct port *port, uint64_t number)
{
    if (number <= port->newest && number >= port->oldest) {
        port->oldest = number + 1;
    }
}

void cyc_port_resend(struct port *port, uint64_t number)
{
    const uint64_t first = number + 1 > port->oldest ? number + 1 : port->oldest;
    if (number < port->newest) {
        port->sent = first - 1;
    }
}

/* ---- Measuring -------------------------------------------------------------------------------
 */

static int64_t next_due_ns(const struct port *port, const struct unit *unit, int64_t now)
{
    const int64_t poll_ns = unit->rig->poll_ns > 0 ? unit->rig->poll_ns : CYC_S_NS;
    const int64_t shift = poll_ns / GRID_SLOTS * (int64_t)(port->options->port % GRID_SLOTS);
    return ((now - shift) / poll_ns + 1) * poll_ns + shift;
}

/* To the ports that hold outputs of channels whose limits need this. */
static void hand_on(struct port *port, const struct output *output)
{
    if (!output->elsewhere || port->options->supervisor_fd < 0) {
        return;
    }
    struct cyc_message message = cyc_port_message(port, CYC_MESSAGE_READING);
    message.instrument = (int32_t)port->units[output->unit].index;
    message.output = output->number;
    message.as.reading = output->last;
    (void)cyc_message_send(port->options->supervisor_fd, &message, -1, NULL);
}

static bool is_urgent(const struct output *output)
{
    const double voltage_V = output->last.values[CYC_MEASURAND_VOLTAGE]; /* NaN: no */
    return output->on &&
           (voltage_V < output->drive.backstop_low_V || voltage_V > output->drive.backstop_high_V);
}

int cyc_port_measure(struct port *port, struct output *output, struct cyc_err *err)
{
    struct unit *const unit = &port->units[output->unit];
    struct cyc_reading reading = {0};
    const int64_t began = cyc_boot_now_ns();
    const int status = unit->rig->driver->measure(unit->instrument, output->number, &reading,
                                                  cyc_port_deadline(port), err);
    const int64_t now = cyc_boot_now_ns();
    output->took_ns = now - began;
    port->seen = output;
    output->due_ns = next_due_ns(port, unit, now);
    if (status != CYC_OK) {
        return status;
    }
    unit->failures = 0;
    if (reading.t_ns == output->last.t_ns) {
        return CYC_OK; /* it talks unasked, and has said nothing since */
    }
    output->last = reading;
    keep(port, output, &reading);
    port->hurries = port->hurries || is_urgent(output);
    cyc_port_guard_reading(port, unit->index, output->number, &reading, true);
    if (output->channel >= 0 && output->on) {
        cyc_port_mark_seen(port, output, (reading.flags & CYC_SAMPLE_OUTPUT_ON) != 0);
    }
    hand_on(port, output);
    return CYC_OK;
}

static bool is_ready(const struct port *port, const struct output *output)
{
    return port->units[output->unit].state == UNIT_READY;
}

static struct output *longest_waiting(struct port *port, int64_t now)
{
    struct output *found = NULL;
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        if (output->due_ns <= now && is_ready(port, output) &&
            (found == NULL || output->due_ns < found->due_ns)) {
            found = output;
        }
    }
    return found;
}

bool cyc_port_can_poll(const struct port *port, const struct output *output)
{
    return port->bus != NULL && cyc_bus_is_in_step(port->bus) && is_ready(port, output);
}

bool cyc_port_is_behind(const struct port *port, int64_t t_ns)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        if (port->outputs[i].due_ns <= t_ns && cyc_port_can_poll(port, &port->outputs[i])) {
            return true;
        }
    }
    return false;
}

bool cyc_port_poll(struct port *port, int64_t now)
{
    if (port->bus == NULL || !cyc_bus_is_in_step(port->bus)) {
        return false;
    }
    struct output *const output = longest_waiting(port, now);
    if (output == NULL) {
        return false;
    }
    struct unit *const unit = &port->units[output->unit];
    struct cyc_err err;
    err.status = CYC_OK; /* the text is only read behind a failure */
    int status = cyc_port_measure(port, output, &err);
    if (status == CYC_OK && output->on && port->lease_ns > now &&
        unit->rig->driver->keepalive != NULL) {
        status = unit->rig->driver->keepalive(unit->instrument, cyc_port_deadline(port), &err);
    }
    if (status == CYC_OK) {
        return true;
    }
    const bool answers = err.status == CYC_E_REPLY || err.status == CYC_E_REFUSED;
    if (err.status == CYC_E_HELD && output->ours && !output->on) {
        cyc_port_found(port, output, err.text);
    } else if ((answers || err.status == CYC_E_HELD) && output->on &&
               cyc_bus_is_in_step(port->bus)) {
        /* it was understood, and says that something is off */
        cyc_port_trip(port, output, CYC_E_HELD, err.text);
    }
    cyc_port_failed(port, unit, &err);
    return true;
}

int64_t cyc_port_next_poll_ns(const struct port *port)
{
    int64_t next = CYC_NEVER;
    const bool in_step = port->bus != NULL && cyc_bus_is_in_step(port->bus);
    for (unsigned i = 0; i < port->output_count && in_step; i++) {
        const struct output *const output = &port->outputs[i];
        if (output->due_ns < next && is_ready(port, output)) {
            next = output->due_ns;
        }
    }
    for (unsigned i = 0; i < port->unit_count; i++) {
        const struct unit *const unit = &port->units[i];
        if ((!in_step || unit->state != UNIT_READY) && unit->identify_ns < next) {
            next = unit->identify_ns;
        }
    }
    return next;
}
