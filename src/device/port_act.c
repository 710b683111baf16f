/* What the port process does to outputs: arm, apply, set an environment, make safe.
 *
 * Off comes first and is repeated until it was seen. Everything that energises is refused unless
 * all of this holds at that moment: lease, no latch, armed under the present link, setpoint and
 * compliance within the channel's limits, the last reading within them, temperatures and pressures
 * that limits need fresh.
 *
 * A daemon may command without end. What that can cost a measurement is bounded by the order alone:
 * outputs take turns with their commands, after each command one measurement that is due is made,
 * the one that has waited longest first, and chambers and presses, which are slow to set, have a
 * rule of their own: has_to_wait().
 */
#include "device/port_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Off -------------------------------------------------------------------------------------
 */

void cyc_port_unsafe(struct port *port, struct output *output)
{
    if (output->odd > 0 && !output->unsafe && cyc_port_tells_state(port, output)) {
        cyc_port_found(port, output, "the output was not found as it was left");
    }
    cyc_port_cancel(port, output, CYC_E_INTERRUPTED, "made safe before it was carried out");
    output->armed = false;
    output->slice_ns = CYC_NEVER;
    if (!output->unsafe) {
        output->unsafe = true;
        output->retry_ns = 0;
    }
}

void cyc_port_unsafe_all(struct port *port)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        if (output->on) {
            cyc_port_unsafe(port, output);
        } else {
            cyc_port_cancel(port, output, CYC_E_INTERRUPTED, "the lease is over");
            output->armed = false;
        }
    }
}

void cyc_port_found(struct port *port, struct output *output, const char *what)
{
    if (output->found[0] == '\0' && output->channel >= 0) {
        (void)cyc_copy(output->found, sizeof output->found, what);
        output->armed = false;
        port->has_to_note = true;
    }
}

void cyc_port_trip(struct port *port, struct output *output, int status, const char *why)
{
    if (status == CYC_E_HELD) {
        cyc_port_found(port, output, why);
    }
    if (output->unsafe && !output->armed) {
        return; /* the first reason counts */
    }
    cyc_port_unsafe(port, output);
    cyc_port_announce(port, CYC_MESSAGE_TRIPPED, output->channel, status, why);
}

void cyc_port_trip_limit(struct port *port, struct output *output, const char *why)
{
    cyc_port_trip(port, output, CYC_E_LATCHED, why);
    port->has_to_note = port->has_to_note || !output->tripped;
    output->tripped = true;
}

/* Switched in a call that began then and is over: in its middle, as a reading is taken. */
static void switched(struct output *output, int64_t began_ns)
{
    output->since_ns = began_ns + (cyc_boot_now_ns() - began_ns) / 2;
}

/* At once, but after who has waited longer: however often it is commanded, the others have their
 * turn. */
static void measure_soon(struct output *output)
{
    const int64_t now = cyc_boot_now_ns();
    output->due_ns = output->due_ns < now ? output->due_ns : now;
}

static void is_off(struct port *port, struct output *output)
{
    output->unsafe = output->on = false;
    output->unsafe_ns = 0;
    output->odd = 0;
    output->setpoint_number = 0;
    output->drive.setpoint = (struct cyc_setpoint){.control = CYC_CONTROL_OPEN};
    measure_soon(output); /* a reading of the open circuit */
    if (!cyc_port_is_on(port)) {
        cyc_port_mark(port, false);
    }
}

static void tell_supervisor(const struct port *port, int channel, int status, const char *text)
{
    struct cyc_message done = cyc_port_message(port, CYC_MESSAGE_SAFE_DONE);
    done.channel = channel;
    done.status = status;
    (void)cyc_copy(done.text, sizeof done.text, text);
    if (port->options->supervisor_fd >= 0) {
        (void)cyc_message_send(port->options->supervisor_fd, &done, -1, NULL);
    }
}

/* Nobody who obeys us can have switched it off while the link was lost, but a person can, or what
 * ends its steps by itself. A single question: that it goes off is not put off for long. */
static void look(struct port *port, struct output *output)
{
    struct unit *const unit = &port->units[output->unit];
    const bool ends_itself = unit->capabilities.watchdog != CYC_WATCHDOG_NONE ||
                             (unit->capabilities.traits & CYC_TRAIT_OWN_CUTOFF) != 0;
    struct cyc_reading reading = {0};
    struct cyc_err err = {0};
    output->look = false;
    if (unit->state != UNIT_READY || ends_itself || !cyc_port_tells_state(port, output)) {
        return; /* mute: it is told to be off, whatever it is */
    }
    const int status = unit->rig->driver->measure(unit->instrument, output->number, &reading,
                                                  cyc_port_deadline(port), &err);
    if (status == CYC_OK && (reading.flags & CYC_SAMPLE_OUTPUT_ON) == 0) {
        cyc_port_found(port, output, "the output was switched off at the instrument");
    } else if (status == CYC_E_HELD) {
        cyc_port_found(port, output, err.text);
    }
}

static void make_off(struct port *port, struct output *output)
{
    struct unit *const unit = &port->units[output->unit];
    struct cyc_err err = {0};
    if (output->look) {
        look(port, output);
    }
    const int64_t deadline = cyc_port_deadline(port);
    const int64_t began = output->unsafe_ns != 0 ? output->unsafe_ns : cyc_boot_now_ns();
    const int status = unit->rig->driver->safe(unit->instrument, output->number, deadline, &err);
    const int64_t now = cyc_boot_now_ns();
    cyc_port_mark_seen(port, output, false); /* whether it was heard or not: it was told */
    output->retry_ns = now + PORT_RETRY_NS;
    output->unsafe_ns = output->unsafe_ns == 0 ? now : output->unsafe_ns;
    const int64_t patience = unit->capabilities.safe_ns;
    if (status == CYC_E_TIMEOUT && patience > CYC_BUS_CALL_MAX_NS &&
        now - output->unsafe_ns < patience) {
        return; /* told to be off; that it is, is seen when it reports */
    }
    struct cyc_message done = cyc_port_message(port, CYC_MESSAGE_SAFE_DONE);
    done.channel = output->channel;
    done.status = status;
    (void)cyc_copy(done.text, sizeof done.text, err.text);
    if (status == CYC_OK) {
        switched(output, began);
        is_off(port, output);
    } else if (status == CYC_E_LOST || status == CYC_E_IO) {
        cyc_port_close(port, &err);
    }
    tell_supervisor(port, output->channel, status, err.text);
    cyc_port_tell(port, &done);
}

/* Outputs that cannot be reached are answered too; one that is mute is not: whoever asks then
 * kills this process and tries without it. */
void cyc_port_answer_safe(struct port *port)
{
    if (!port->asked) {
        return;
    }
    bool waits = false;
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        const bool wrong = port->units[output->unit].state == UNIT_WRONG;
        if (!output->asked) {
            continue;
        }
        if (output->unsafe && port->bus != NULL && !wrong) {
            waits = true;
            continue;
        }
        output->asked = false;
        if (output->unsafe) {
            port->asked_status = wrong ? CYC_E_IDENTITY : CYC_E_LOST;
            tell_supervisor(port, output->channel, port->asked_status,
                            wrong ? "another instrument answers on its port"
                                  : "the link to the instrument is lost");
        }
    }
    if (!waits) {
        port->asked = false;
        tell_supervisor(port, -1, port->asked_status, port->settings->name);
    }
}

int64_t cyc_port_off_due_ns(const struct port *port, const struct output *output)
{
    const struct unit *const unit = &port->units[output->unit];
    const bool there = port->bus != NULL && unit->proved && unit->state != UNIT_WRONG;
    return output->unsafe && there ? output->retry_ns : CYC_NEVER;
}

bool cyc_port_make_off(struct port *port, int64_t now)
{
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        if (now >= cyc_port_off_due_ns(port, output)) {
            make_off(port, output);
            return true;
        }
    }
    return false;
}

/* ---- Arm -------------------------------------------------------------------------------------
 */

static struct cyc_protection raw_bounds(const struct cyc_rig_channel *channel)
{
    const struct cyc_calibration *const V = &channel->voltage;
    const struct cyc_calibration *const A = &channel->current;
    struct cyc_protection raw = channel->limits;
    raw.voltage_min_V = cyc_calibration_invert(V, raw.voltage_min_V);
    raw.voltage_max_V = cyc_calibration_invert(V, raw.voltage_max_V);
    raw.current_min_A = cyc_calibration_invert(A, raw.current_min_A);
    raw.current_max_A = cyc_calibration_invert(A, raw.current_max_A);
    return raw;
}

static int may_energise(const struct port *port, const struct output *output, struct cyc_err *err)
{
    const struct unit *const unit = &port->units[output->unit];
    const int64_t now = cyc_boot_now_ns();
    char why[128];
    if (port->lease_ns <= now) {
        return cyc_err_set(err, CYC_E_REFUSED, "the daemon holds no lease");
    }
    if (cyc_latch_is_set(port->options->state_dir, why, sizeof why) || port->latched) {
        return cyc_err_set(err, CYC_E_LATCHED, "latched until `cyclostat rearm`: %s",
                           port->latched ? "made safe" : why);
    }
    if (output->tripped) {
        return cyc_err_set(err, CYC_E_LATCHED,
                           "a limit of the channel was broken: look at the cell, then `cyclostat "
                           "rearm`");
    }
    if (output->found[0] != '\0') {
        return cyc_err_set(err, CYC_E_HELD, "%s", output->found);
    }
    if (port->bus == NULL || unit->state != UNIT_READY) {
        return cyc_err_set(err, CYC_E_REFUSED, "%s is not there", unit->rig->name);
    }
    if (output->unsafe) {
        return cyc_err_set(err, CYC_E_BUSY, "the output is being made safe");
    }
    if (output->channel < 0) {
        return CYC_OK;
    }
    const int status = cyc_port_guard_fresh(port, (unsigned)output->channel, now, err);
    return status == CYC_OK ? cyc_port_guard_surroundings(port, (unsigned)output->channel, err)
                            : status;
}

static bool has_dead_man(const struct unit *unit)
{
    const struct cyc_capabilities *const can = &unit->capabilities;
    return can->watchdog != CYC_WATCHDOG_NONE || (can->traits & CYC_TRAIT_OWN_CUTOFF) != 0 ||
           unit->rig->accept_no_watchdog;
}

/* A person has looked at it, and wants to go on. */
static void forgive(const struct port *port, struct output *output)
{
    if (output->found[0] != '\0' && output->channel >= 0) {
        output->found[0] = '\0';
        output->found_noted = false;
        cyc_port_note_forgiven(port, output);
    }
}

static int arm(struct port *port, struct output *output, bool by_person, struct cyc_err *err)
{
    struct unit *const unit = &port->units[output->unit];
    if (by_person) {
        forgive(port, output);
    }
    int status = may_energise(port, output, err);
    if (status != CYC_OK) {
        return status;
    }
    if (!has_dead_man(unit)) {
        return cyc_err_set(err, CYC_E_REFUSED,
                           "%s has no watchdog and no cutoff of its own: if this computer stops, "
                           "it goes on; write `accept: no_watchdog` in the rig if a person or "
                           "hardware sees to that",
                           unit->rig->name);
    }
    status = cyc_port_measure(port, output, err);
    if (status != CYC_OK) {
        return status;
    }
    status = cyc_port_guard_present(port, output, err);
    if (status != CYC_OK) {
        return status;
    }
    const struct cyc_protection bounds = raw_bounds(&port->rig->channels[output->channel]);
    cyc_port_mark(port, true);
    status = unit->rig->driver->protect(unit->instrument, output->number, &bounds,
                                        cyc_port_deadline(port), err);
    output->armed = status == CYC_OK;
    output->ours = output->ours || output->armed;
    return status;
}

/* ---- Apply -----------------------------------------------------------------------------------
 */

/* As the instrument sees it: calibration undone, bounds from the channel whatever was sent. */
static struct cyc_drive raw_drive(const struct port *port, const struct output *output,
                                  const struct cyc_drive *drive)
{
    const struct cyc_rig_channel *const channel = &port->rig->channels[output->channel];
    struct cyc_drive raw = *drive;
    raw.bounds = raw_bounds(channel);
    raw.latest_V = output->last.values[CYC_MEASURAND_VOLTAGE];
    if (raw.setpoint.control == CYC_CONTROL_CURRENT) {
        raw.setpoint.value = cyc_calibration_invert(&channel->current, raw.setpoint.value);
        raw.setpoint.slope_per_s /= channel->current.gain;
    } else if (raw.setpoint.control == CYC_CONTROL_VOLTAGE) {
        raw.setpoint.value = cyc_calibration_invert(&channel->voltage, raw.setpoint.value);
        raw.setpoint.slope_per_s /= channel->voltage.gain;
        raw.setpoint.current_min_A =
            cyc_calibration_invert(&channel->current, raw.setpoint.current_min_A);
        raw.setpoint.current_max_A =
            cyc_calibration_invert(&channel->current, raw.setpoint.current_max_A);
    }
    const double low = cyc_calibration_invert(&channel->voltage, raw.backstop_low_V);
    const double high = cyc_calibration_invert(&channel->voltage, raw.backstop_high_V);
    raw.backstop_low_V = fmax(low, raw.bounds.voltage_min_V); /* NaN: the bound */
    raw.backstop_high_V = fmin(high, raw.bounds.voltage_max_V);
    const bool sliced = raw.backstop_after_ns > 0 && raw.backstop_after_ns < PORT_SLICE_NS;
    raw.backstop_after_ns = sliced ? raw.backstop_after_ns : PORT_SLICE_NS;
    return raw;
}

static int drive_output(struct port *port, struct output *output, const struct cyc_drive *raw,
                        struct cyc_err *err)
{
    struct unit *const unit = &port->units[output->unit];
    if (!output->on) {
        output->read_ns = cyc_boot_now_ns();
    }
    output->on = output->ours = true;
    cyc_port_mark(port, true);
    const int status = unit->rig->driver->apply(unit->instrument, output->number, raw,
                                                cyc_port_deadline(port), err);
    if (status != CYC_OK) {
        cyc_port_unsafe(port, output); /* nobody knows what it does now */
        return status;
    }
    output->drive = *raw;
    output->setpoint_number = raw->setpoint.number;
    output->odd = 0;
    output->rest_seen = false;
    measure_soon(output); /* the first reading under it */
    const bool runs = (unit->capabilities.traits & CYC_TRAIT_RUNS_STEPS) != 0;
    output->slice_ns = runs && raw->setpoint.control != CYC_CONTROL_OPEN
                           ? cyc_boot_now_ns() + raw->backstop_after_ns - raw->backstop_after_ns / 5
                           : CYC_NEVER;
    return CYC_OK;
}

/* A rest that is refused is a wish to have no current: the output goes off instead. */
static int apply(struct port *port, struct output *output, const struct cyc_drive *drive,
                 struct cyc_err *err)
{
    const bool rests = drive->setpoint.control == CYC_CONTROL_OPEN;
    int status = may_energise(port, output, err);
    if (status == CYC_OK && !output->armed) {
        status = cyc_err_set(err, CYC_E_REFUSED, "the channel is not armed");
    }
    status = status == CYC_OK ? cyc_port_guard_drive(port, output, drive, err) : status;
    status = status == CYC_OK && !rests ? cyc_port_guard_present(port, output, err) : status;
    if (status == CYC_OK && output->odd > 0 && cyc_port_tells_state(port, output)) {
        status = cyc_err_set(err, CYC_E_HELD, "the output was not found as it was left");
        cyc_port_unsafe(port, output);
    }
    if (status != CYC_OK) {
        if (rests && output->on) {
            cyc_port_unsafe(port, output);
        }
        return status;
    }
    const struct cyc_drive raw = raw_drive(port, output, drive);
    const int64_t began = cyc_boot_now_ns();
    status = drive_output(port, output, &raw, err);
    if (status == CYC_OK) {
        switched(output, began);
    }
    return status;
}

/* ---- Chamber and press ------------------------------------------------------------------------
 */

static int set_environment(struct port *port, struct output *output,
                           const struct cyc_message *command, struct cyc_err *err)
{
    struct unit *const unit = &port->units[output->unit];
    const struct cyc_rig_channel *const channel = &port->rig->channels[command->channel];
    struct cyc_environment part = command->as.environment;
    int status = may_energise(port, output, err);
    status = status == CYC_OK
                 ? cyc_port_guard_environment(port, (unsigned)command->channel, &part, err)
                 : status;
    if (status != CYC_OK) {
        return status;
    }
    if (unit->rig->driver->environment == NULL) {
        return cyc_err_set(err, CYC_E_UNSUPPORTED, "%s sets nothing", unit->rig->name);
    }
    if (channel->chamber != (int)unit->index || channel->chamber_output != output->number) {
        part.temperature_degC = NAN;
        part.temperature_off = false;
    }
    if (channel->press != (int)unit->index || channel->press_output != output->number) {
        part.pressure_Pa = NAN;
        part.pressure_off = false;
    }
    status = unit->rig->driver->environment(unit->instrument, output->number, &part,
                                            &channel->limits, cyc_port_deadline(port), err);
    port->set_ns = cyc_boot_now_ns();
    port->seen = NULL;
    return status;
}

/* ---- One command at a time ----------------------------------------------------------------------
 */

static void answer(struct port *port, struct output *output, const struct cyc_message *command,
                   int status, const struct cyc_err *err)
{
    const bool arms = command->kind == CYC_MESSAGE_ARM;
    struct cyc_message message =
        cyc_port_message(port, arms ? CYC_MESSAGE_ARMED : CYC_MESSAGE_APPLIED);
    message.channel = command->channel;
    message.instrument = (int32_t)port->units[output->unit].index;
    message.output = output->number;
    message.index = command->kind;
    message.status = status;
    if (command->kind == CYC_MESSAGE_APPLY) {
        message.as.drive.setpoint = command->as.drive.setpoint;
    }
    if (status != CYC_OK) {
        (void)cyc_copy(message.text, sizeof message.text, err->text);
    }
    cyc_port_tell(port, &message);
}

static void carry_out(struct port *port, struct output *output)
{
    const struct cyc_message command = output->command;
    struct cyc_err err = {0};
    int status = CYC_E_BUG;
    output->pending = false;
    if (command.kind == CYC_MESSAGE_ARM) {
        status = arm(port, output, command.index == CYC_ARM_BY_PERSON, &err);
    } else if (command.kind == CYC_MESSAGE_APPLY) {
        status = apply(port, output, &command.as.drive, &err);
    } else if (command.kind == CYC_MESSAGE_ENVIRONMENT) {
        status = set_environment(port, output, &command, &err);
    }
    if (status == CYC_E_HELD) {
        cyc_port_found(port, output, err.text);
    }
    answer(port, output, &command, status, &err);
    if (status == CYC_E_LOST || status == CYC_E_IO || status == CYC_E_TIMEOUT ||
        status == CYC_E_STALE || status == CYC_E_REPLY) {
        cyc_port_failed(port, &port->units[output->unit], &err);
    }
}

/* The same drive once more: what runs in the instrument ends by itself unless we live. */
static void next_slice(struct port *port, struct output *output)
{
    struct cyc_err err = {0};
    const struct cyc_drive drive = output->drive;
    if (port->lease_ns <= cyc_boot_now_ns()) {
        cyc_port_trip(port, output, CYC_E_LOST, "the lease is over");
        return;
    }
    const int status = drive_output(port, output, &drive, &err);
    if (status == CYC_OK) {
        return;
    }
    const bool answers = status == CYC_E_REFUSED || status == CYC_E_REPLY || status == CYC_E_HELD;
    if (answers) {
        cyc_port_found(port, output, err.text);
    }
    cyc_port_announce(port, CYC_MESSAGE_TRIPPED, output->channel, answers ? CYC_E_HELD : CYC_E_LOST,
                      err.text);
}

/* To set a chamber or a press is a slow call, nobody sees what is in it meanwhile, and they can be
 * told something new without end. So it is measured right before, and before the next of these
 * commands everything that was due when this one was done: at most one of them delays a reading. */
static bool has_to_wait(const struct port *port, struct output *output)
{
    if (cyc_port_is_behind(port, port->set_ns)) {
        return true;
    }
    if (port->seen == output || !cyc_port_can_poll(port, output)) {
        return false;
    }
    measure_soon(output);
    return true;
}

bool cyc_port_act(struct port *port, int64_t now)
{
    bool waits = false; /* a chamber or press, whose turn comes before that of the others */
    unsigned index = port->turn;
    for (unsigned i = 0; i < port->output_count; i++) {
        index = index + 1 < port->output_count ? index + 1 : 0;
        struct output *const output = &port->outputs[index];
        const bool sets = output->pending && output->command.kind == CYC_MESSAGE_ENVIRONMENT;
        waits = waits || (sets && has_to_wait(port, output));
        if (output->pending && !(sets && waits)) {
            port->turn = index;
            carry_out(port, output);
            return true;
        }
        if (now >= output->slice_ns && output->on && !output->unsafe) {
            port->turn = index;
            next_slice(port, output);
            return true;
        }
    }
    return false;
}
