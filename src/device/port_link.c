/* The link of a port: closed, open, every instrument on it known.
 *
 *     closed ──open by name──► open ──identify each──► ready ──lost──► closed
 *        ▲                      │                        │
 *        └──── try again ◄──────┴── another instrument ◄─┴── time-outs: drain, resync, identify
 *
 * A name may lead to another instrument than before: cables are swapped, numbers change. So after
 * each opening nothing but the question who it is goes out, until the answer fits the serial
 * number of the rig, or where the rig states none, the instrument that was there the first time,
 * which is the one that a process before this may have left on.
 * Another one is asked again from time to time and otherwise left alone. A link that comes back
 * is disarmed; an output that was on when it was lost is made safe as soon as its instrument has
 * been recognised, since nobody was its master in between. One that is found off then was switched
 * off by somebody who stood there (see message.h, CYC_E_HELD).
 */
#include "device/port_int.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void log_link(struct port *port, struct unit *unit, int status, const char *text)
{
    const bool first = unit->logged == 1;
    if (unit->logged == status || port->options->supervisor_fd < 0) {
        return;
    }
    unit->logged = status;
    if (first && status == CYC_OK) {
        return; /* as it should be */
    }
    struct cyc_message event = cyc_port_message(port, CYC_MESSAGE_EVENT);
    (void)snprintf(event.text, sizeof event.text, "%.60s: %s%.110s", unit->rig->name,
                   status == CYC_OK ? "is there again" : "", text);
    (void)cyc_message_send(port->options->supervisor_fd, &event, -1, NULL);
}

/* `who` answers; NULL: nobody does. */
static void tell_link(struct port *port, struct unit *unit, int status, const char *text,
                      const struct cyc_identity *who)
{
    log_link(port, unit, status, text);
    if (unit->told == status) {
        return;
    }
    struct cyc_message message = cyc_port_message(port, CYC_MESSAGE_LINK);
    message.instrument = (int32_t)unit->index;
    message.status = status;
    if (who != NULL) {
        message.as.identity = *who;
    }
    (void)cyc_copy(message.text, sizeof message.text, text);
    unit->told = status;
    cyc_port_tell(port, &message);
}

void cyc_port_tell_link_again(struct port *port, struct unit *unit)
{
    unit->told = 1;
    if (unit->state == UNIT_READY) {
        tell_link(port, unit, CYC_OK, "", &unit->identity);
    } else if (unit->state == UNIT_WRONG) {
        unit->identify_ns = 0; /* who it is is told when it has been asked again */
    }
}

/* Whatever was set up under the link before counts no more. */
static void lose_outputs(struct port *port, struct unit *unit)
{
    for (unsigned i = unit->first; i < unit->first + unit->count; i++) {
        struct output *const output = &port->outputs[i];
        cyc_port_cancel(port, output, CYC_E_LOST, "the link is lost");
        output->armed = false;
        if (output->on) {
            const bool was_on = (output->last.flags & CYC_SAMPLE_OUTPUT_ON) != 0;
            output->look = output->look || (was_on && !output->unsafe);
            cyc_port_unsafe(port, output);
        }
    }
}

void cyc_port_close(struct port *port, const struct cyc_err *err)
{
    for (unsigned i = 0; i < port->unit_count; i++) {
        struct unit *const unit = &port->units[i];
        if (unit->instrument != NULL) {
            cyc_instrument_close(unit->instrument);
            unit->instrument = NULL;
        }
        unit->state = UNIT_UNKNOWN;
        unit->proved = false;
        unit->failures = 0;
        lose_outputs(port, unit);
        if (err != NULL) {
            tell_link(port, unit, CYC_E_LOST, err->text, NULL);
        }
    }
    if (port->bus != NULL) {
        cyc_bus_close(port->bus);
        port->bus = NULL;
        if (port->options->supervisor_fd >= 0) { /* its duplicate leads nowhere now */
            struct cyc_message closed = cyc_port_message(port, CYC_MESSAGE_PORT_OPEN);
            closed.status = CYC_E_LOST;
            (void)cyc_message_send(port->options->supervisor_fd, &closed, -1, NULL);
        }
    }
    port->reopen_ns = cyc_boot_now_ns() + PORT_REOPEN_NS;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int open_instruments(struct port *port, struct cyc_err *err)
{
    for (unsigned i = 0; i < port->unit_count; i++) {
        struct unit *const unit = &port->units[i];
        const int status = cyc_instrument_open(unit->rig->driver, port->bus, unit->rig->settings,
                                               unit->rig->setting_count, &unit->instrument, err);
        if (status != CYC_OK) {
            return status;
        }
        unit->identify_ns = 0;
    }
    return CYC_OK;
}

static void hand_over(struct port *port)
{
    const int fd = cyc_bus_fd(port->bus);
    if (port->options->supervisor_fd < 0 || fd < 0) {
        return;
    }
    struct cyc_message open = cyc_port_message(port, CYC_MESSAGE_PORT_OPEN);
    for (unsigned i = 0; i < port->unit_count; i++) {
        const int64_t safe_ns = port->units[i].rig->capabilities.safe_ns;
        open.number = safe_ns > CYC_BUS_CALL_MAX_NS && safe_ns > (int64_t)open.number
                          ? (uint64_t)safe_ns
                          : open.number;
    }
    (void)cyc_message_send(port->options->supervisor_fd, &open, fd, NULL);
}

static void could_not_open(struct port *port, const struct cyc_err *err)
{
    port->reopen_ns = cyc_boot_now_ns() + PORT_REOPEN_NS;
    for (unsigned i = 0; i < port->unit_count; i++) {
        tell_link(port, &port->units[i], err->status, err->text, NULL);
    }
}

static void open_port(struct port *port)
{
    struct cyc_err err = {0};
    cyc_port_beat(port, PORT_SETUP_MAX_NS);
    int status = cyc_bus_open(port->settings->address, &port->settings->bus, &port->bus, &err);
    if (status != CYC_OK) {
        port->bus = NULL;
        could_not_open(port, &err);
        return;
    }
    if (port->settings->record[0] != '\0') {
        status = cyc_bus_record(port->bus, port->settings->record, &err);
    }
    status = status == CYC_OK ? open_instruments(port, &err) : status;
    if (status != CYC_OK) {
        could_not_open(port, &err);
        cyc_port_close(port, NULL);
        return;
    }
    hand_over(port);
}

/* ---- Identity -------------------------------------------------------------------------------- */

/* The serial number that has to answer; "": any. */
static const char *expected(const struct unit *unit)
{
    const char *const known = unit->seen ? unit->identity.serial_number : unit->left;
    return unit->rig->serial_number[0] != '\0' ? unit->rig->serial_number : known;
}

/* To the supervisor: what it may make safe when this process is gone. */
static void tell_strangers(const struct port *port)
{
    struct cyc_message message = cyc_port_message(port, CYC_MESSAGE_LINK);
    for (unsigned i = 0; i < port->unit_count; i++) {
        message.number |= port->units[i].proved ? 0 : UINT64_C(1) << i;
    }
    if (port->options->supervisor_fd >= 0) {
        (void)cyc_message_send(port->options->supervisor_fd, &message, -1, NULL);
    }
}

static void is_wrong(struct port *port, struct unit *unit, const char *text,
                     const struct cyc_identity *who)
{
    const bool news = unit->proved;
    unit->state = UNIT_WRONG;
    unit->proved = false;
    unit->identify_ns = cyc_boot_now_ns() + 2 * PORT_REOPEN_NS;
    lose_outputs(port, unit);
    if (news) {
        tell_strangers(port);
    }
    tell_link(port, unit, CYC_E_IDENTITY, text, who);
}

/* What was driven is not gone on with by itself, whoever asks. */
static void was_powered_off(struct port *port, const struct unit *unit)
{
    for (unsigned i = unit->first; i < unit->first + unit->count; i++) {
        if (port->outputs[i].ours) {
            cyc_port_found(port, &port->outputs[i], "its power has failed, or it was reset");
        }
    }
}

static void is_known(struct port *port, struct unit *unit, const struct cyc_identity *identity)
{
    const bool was_reset = unit->seen && identity->power_on;
    const bool is_new = !unit->seen;
    unit->identity = *identity;
    unit->seen = unit->proved = true;
    unit->failures = 0;
    struct cyc_err err = {0};
    if (unit->rig->driver->capabilities(unit->instrument, &unit->capabilities, &err) != CYC_OK) {
        is_wrong(port, unit, err.text, identity);
        return;
    }
    unit->state = UNIT_READY;
    tell_strangers(port);
    if (is_new) {
        cyc_port_mark_anew(port);
    }
    if (was_reset) {
        unit->told = unit->told == CYC_OK ? 1 : unit->told; /* there, but not as it was */
        unit->logged = unit->logged == CYC_OK ? CYC_E_LOST : unit->logged;
        lose_outputs(port, unit);
        was_powered_off(port, unit);
    }
    tell_link(port, unit, CYC_OK, was_reset ? "; it was switched on or reset" : "", identity);
}

static void tell_unlike(struct port *port, struct unit *unit, const struct cyc_err *err)
{
    char text[192];
    (void)snprintf(text, sizeof text, "it does not answer as a %.24s does: %.120s",
                   unit->rig->driver->name, err->text);
    tell_link(port, unit, err->status, text, NULL);
}

static void is_another(struct port *port, struct unit *unit, const struct cyc_identity *identity)
{
    const bool left = unit->rig->serial_number[0] == '\0' && !unit->seen;
    char text[192];
    (void)snprintf(text, sizeof text,
                   "another instrument answers: serial number '%.36s' instead of '%.36s'%s",
                   identity->serial_number, expected(unit),
                   left ? ", which was left on; exchanged? state its serial_number" : "");
    is_wrong(port, unit, text, identity);
}

static void identify(struct port *port, struct unit *unit)
{
    struct cyc_identity identity = {0};
    struct cyc_err err = {0};
    cyc_instrument_expect(unit->instrument, expected(unit));
    const int status =
        unit->rig->driver->identify(unit->instrument, &identity, cyc_port_deadline(port), &err);
    unit->identify_ns = cyc_boot_now_ns() + PORT_REOPEN_NS;
    if (status == CYC_OK && cyc_instrument_is_expected(unit->instrument, &identity)) {
        is_known(port, unit, &identity);
    } else if (status == CYC_OK) {
        is_another(port, unit, &identity);
    } else if (status == CYC_E_IDENTITY) {
        is_wrong(port, unit, err.text, &identity);
    } else if (status == CYC_E_LOST || status == CYC_E_IO) {
        cyc_port_close(port, &err);
    } else {
        tell_unlike(port, unit, &err);
    }
}

/* ---- Out of step ------------------------------------------------------------------------------
 */

static void find_step(struct port *port, struct unit *unit)
{
    struct cyc_err err = {0};
    const int64_t deadline = cyc_port_deadline(port);
    /* What streams is never silent; its frames have bounds of their own. */
    const bool streams = (unit->rig->capabilities.traits & CYC_TRAIT_STREAMS) != 0;
    int status = cyc_bus_drain(port->bus, streams ? 0 : PORT_QUIET_NS, deadline, &err);
    if (status == CYC_OK && unit->rig->driver->resync != NULL && unit->state == UNIT_READY) {
        status = unit->rig->driver->resync(unit->instrument, deadline, &err);
        unit->identify_ns = cyc_boot_now_ns() + PORT_RETRY_NS;
        if (status == CYC_OK) {
            return;
        }
    } else if (status == CYC_OK) {
        identify(port, unit);
        return;
    }
    if (status == CYC_E_LOST || status == CYC_E_IO) {
        cyc_port_close(port, &err);
        return;
    }
    unit->identify_ns = cyc_boot_now_ns() + PORT_RETRY_NS;
    cyc_port_failed(port, unit, &err);
}

void cyc_port_failed(struct port *port, struct unit *unit, const struct cyc_err *err)
{
    if (err->status == CYC_E_LOST || err->status == CYC_E_IO) {
        cyc_port_close(port, err);
        return;
    }
    unit->failures++;
    if (unit->state == UNIT_UNKNOWN && !unit->seen) {
        tell_unlike(port, unit, err);
    }
    if (unit->failures < 3 || unit->state != UNIT_READY) {
        return;
    }
    /* Silent: it may have been exchanged or reset, so it has to say again who it is. */
    unit->state = UNIT_UNKNOWN;
    lose_outputs(port, unit);
    tell_link(port, unit, err->status, err->text, NULL);
}

bool cyc_port_mend(struct port *port, int64_t now)
{
    if (port->bus == NULL) {
        if (now < port->reopen_ns) {
            return false;
        }
        open_port(port);
        return true;
    }
    for (unsigned i = 0; i < port->unit_count; i++) {
        struct unit *const unit = &port->units[i];
        if (now < unit->identify_ns) {
            continue;
        }
        if (!cyc_bus_is_in_step(port->bus)) {
            find_step(port, unit);
            return true;
        }
        if (unit->state != UNIT_READY) {
            identify(port, unit);
            return true;
        }
    }
    return false;
}
