/* What goes out to the instruments of a live channel, and when.
 *
 *   executor ── setpoint ──► wanted ── intent durable, nothing in flight ──► APPLY ──► APPLIED
 *                              │                                                          │
 *                              └── OPEN, SAFE: at once                            in force ◄┘
 *
 * A setpoint that energises waits until the step it belongs to stands in the journal; the other
 * setpoints of such a step go out at once. While a next setpoint is awaited, be it that the source
 * has not answered, that the journal is slow or that the instrument is, the old one stays for one
 * sample period at most; then the circuit is opened, under the old number, so that nobody takes
 * readings of this rest for readings of the step to come. An intent that is not durable in
 * CYC_INTENT_PATIENCE_NS interrupts the run like an instrument that is gone (live_away.c).
 *
 * One command is in flight at a time, since a port carries out one at a time; SAFE goes past it.
 * The latest setpoint of the executor replaces one that has not gone out.
 *
 * Sweeps are walked here: an instrument is given constant setpoints, one for each sample.
 */
#include "run/live_int.h"

#include <math.h>
#include <stdio.h>

#define BACKSTOP_NS    (300 * CYC_S_NS) /* longest slice of an instrument that runs by itself */
#define ENVIRONMENT_NS (30 * CYC_S_NS)  /* chambers are slow to answer, and have a port to share */

static const struct cyc_rig_channel *channel_of(const struct cyc_live *live)
{
    return &live->rig->channels[live->channel];
}

static int send_to(struct cyc_live *live, int instrument, struct cyc_message *message)
{
    struct cyc_err err = {0};
    message->channel = (int32_t)live->channel;
    message->instrument = instrument;
    message->t_ns = live->now_ns;
    const int status =
        live->options.hands.send(live->options.hands.context, instrument, message, &err);
    const char *name = live->rig->instruments[instrument].name;
    const bool awaited = live->state == CYC_LIVE_RETURNING || live->state == CYC_LIVE_AWAY;
    if (status == CYC_E_LOST && live->state == CYC_LIVE_RUNNING) {
        cyc_live_lose(live, instrument, "%s: %s", name, err.text);
    } else if (status != CYC_OK && !(status == CYC_E_LOST && awaited)) {
        cyc_live_trip(live, CYC_REPLY_FAILED, "%s cannot be commanded: %s", name, err.text);
    }
    return status;
}

/* While an instrument was gone, or its daemon, another one may have taken its place: OFF is not for
 * that one. The port has made safe what it knew to be on, or will as soon as it is back. */
static bool may_speak(const struct cyc_live *live)
{
    const struct cyc_live_past *past = live->past;
    const bool sure = past == NULL && !live->strayed;
    return sure || live->is_armed || (past != NULL && past->arming) ||
           (live->options.merge->linked && cyc_live_is_own(live));
}

void cyc_live_gate_command(struct cyc_live *live, enum cyc_message_kind kind)
{
    struct cyc_message message = {.kind = kind};
    if (kind != CYC_MESSAGE_ARM && !may_speak(live)) {
        return;
    }
    if (kind == CYC_MESSAGE_ARM && live->state == CYC_LIVE_ARMING) {
        message.index = CYC_ARM_BY_PERSON; /* who has started this run */
    }
    (void)send_to(live, channel_of(live)->cycler, &message);
}

/* ---- Electrical setpoints ---------------------------------------------------------------------
 */

static double tighter_low(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : fmax(a, b);
}

static double tighter_high(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : fmin(a, b);
}

/* Where an instrument that nobody speaks to is to stop: the tightest limit there is. */
static void set_backstops(const struct cyc_live *live, struct cyc_drive *drive)
{
    const struct cyc_step *step = cyc_session_step(live->session);
    drive->backstop_low_V = drive->bounds.voltage_min_V;
    drive->backstop_high_V = drive->bounds.voltage_max_V;
    drive->backstop_after_ns = BACKSTOP_NS;
    for (unsigned i = 0; step != NULL && i < step->limit_count; i++) {
        const struct cyc_limit *limit = &step->limits[i];
        if (limit->signal == CYC_SIGNAL_VOLTAGE) {
            drive->backstop_low_V = tighter_low(drive->backstop_low_V, limit->low);
            drive->backstop_high_V = tighter_high(drive->backstop_high_V, limit->high);
        }
    }
}

static void apply(struct cyc_live *live, const struct cyc_setpoint *setpoint)
{
    const struct cyc_reading *latest = &live->options.merge->electrical;
    struct cyc_message message = {.kind = CYC_MESSAGE_APPLY};
    struct cyc_drive *drive = &message.as.drive;
    drive->setpoint = *setpoint;
    drive->bounds = channel_of(live)->limits;
    drive->latest_V = (latest->valid & (1u << CYC_MEASURAND_VOLTAGE)) != 0
                          ? latest->values[CYC_MEASURAND_VOLTAGE]
                          : (double)NAN;
    set_backstops(live, drive);
    if (send_to(live, channel_of(live)->cycler, &message) == CYC_OK) {
        live->in_flight = true;
        live->sent = *setpoint;
        live->sent_ns = live->now_ns;
        live->energised = live->energised || setpoint->control != CYC_CONTROL_OPEN;
    }
}

/* The executor's setpoint as it is to be by now. */
static struct cyc_setpoint present(const struct cyc_live *live)
{
    struct cyc_setpoint setpoint = live->setpoint;
    const int64_t passed_ns = cyc_live_run_time_ns(live, live->now_ns) - live->setpoint_t_ns;
    setpoint.value += setpoint.slope_per_s * ((double)passed_ns / 1e9);
    setpoint.slope_per_s = 0;
    return setpoint;
}

static bool may_go(const struct cyc_live *live)
{
    return live->setpoint.control == CYC_CONTROL_OPEN || live->durable >= *live->options.intent;
}

/* ---- Chamber and press ------------------------------------------------------------------------
 */

/* A channel that only measures pressure: a person sets it, and the step waits for the reading. */
static void ask_for_pressure(struct cyc_live *live)
{
    char value[64];
    char text[160];
    (void)snprintf(
        text, sizeof text, "set the pressure to %s by hand; the step waits for it",
        cyc_quantity_text(value, sizeof value, live->environment.pressure_Pa, CYC_KIND_PRESSURE));
    cyc_live_tell(live, text, true);
}

static void send_environment(struct cyc_live *live)
{
    const struct cyc_rig_channel *channel = channel_of(live);
    const struct cyc_environment *to = &live->environment;
    struct cyc_message message = {.kind = CYC_MESSAGE_ENVIRONMENT, .as.environment = *to};
    const bool chamber = channel->chamber >= 0;
    const bool press = channel->press >= 0;
    const bool shared = chamber && press &&
                        live->rig->instruments[channel->chamber].port ==
                            live->rig->instruments[channel->press].port;
    const bool same = shared && channel->chamber == channel->press &&
                      channel->chamber_output == channel->press_output;
    live->environment_wanted = false;
    live->environment_ns = live->now_ns;
    if (chamber && send_to(live, channel->chamber, &message) == CYC_OK) {
        live->environment_count += shared && !same ? 2 : 1; /* each device answers */
    }
    if (!press && isfinite(to->pressure_Pa)) {
        ask_for_pressure(live);
    }
    if (press && !shared && send_to(live, channel->press, &message) == CYC_OK) {
        live->environment_count++;
    }
}

/* ---- The session's hands ---------------------------------------------------------------------
 */

static int host_apply(void *context, const struct cyc_setpoint *setpoint, struct cyc_err *err)
{
    (void)err;
    struct cyc_live *live = context;
    if (live->replaying) {
        return CYC_OK; /* it went out when it was decided first */
    }
    live->setpoint = *setpoint;
    live->setpoint_t_ns = cyc_live_run_time_ns(live, live->now_ns);
    live->wanted = true;
    live->wanted_ns = live->now_ns;
    cyc_live_gate_pump(live);
    return CYC_OK;
}

static int host_environment(void *context, const struct cyc_environment *environment,
                            struct cyc_err *err)
{
    (void)err;
    struct cyc_live *live = context;
    if (live->replaying) {
        return CYC_OK;
    }
    /* What has not gone out yet is not forgotten for what comes after it. */
    live->environment = live->environment_wanted
                            ? *cyc_core_environment(cyc_session_core(live->session))
                            : *environment;
    live->environment_wanted = true;
    cyc_live_gate_pump(live);
    return CYC_OK;
}

void cyc_live_gate_surround(struct cyc_live *live)
{
    const struct cyc_environment *asked = cyc_core_environment(cyc_session_core(live->session));
    if (isfinite(asked->temperature_degC) || asked->temperature_off ||
        isfinite(asked->pressure_Pa) || asked->pressure_off) {
        (void)host_environment(live, asked, NULL);
    }
}

void cyc_live_gate_safe(struct cyc_live *live)
{
    live->wanted = live->in_flight = live->environment_wanted = false;
    live->awaited_ns = 0;
    live->force.control = CYC_CONTROL_OPEN;
    cyc_live_gate_command(live, CYC_MESSAGE_SAFE);
}

static int host_safe(void *context, struct cyc_err *err)
{
    (void)err;
    cyc_live_gate_safe(context);
    return CYC_OK;
}

struct cyc_host cyc_live_gate_host(struct cyc_live *live)
{
    return (struct cyc_host){live, host_apply, host_environment, host_safe};
}

/* ---- When --------------------------------------------------------------------------------------
 */

static bool is_driving(const struct cyc_live *live)
{
    return live->in_force && live->force.control != CYC_CONTROL_OPEN;
}

/* Nothing is driven before it has been set up again, or by a run that is set aside. */
static bool waits(const struct cyc_live *live)
{
    const bool away = live->state == CYC_LIVE_RETURNING || live->state == CYC_LIVE_AWAY;
    return (away && !live->is_armed) || live->aside_status != CYC_OK;
}

void cyc_live_gate_pump(struct cyc_live *live)
{
    if (waits(live)) {
        return;
    }
    if (live->environment_wanted && live->environment_count == 0 &&
        live->durable >= *live->options.intent) {
        send_environment(live);
    }
    if (live->wanted && !live->in_flight && may_go(live)) {
        const struct cyc_setpoint setpoint = present(live);
        live->wanted = false;
        live->resting = false;
        live->awaited_ns = 0;
        apply(live, &setpoint);
    }
    const bool awaited =
        (live->wanted || cyc_session_waits_for_source(live->session)) && !live->resting;
    if (!awaited) {
        live->awaited_ns = 0;
    } else if (live->awaited_ns == 0) {
        live->awaited_ns = live->now_ns;
    }
}

/* An instrument that does not answer is gone; one that says no has a reason. */
static void not_applied(struct cyc_live *live, const struct cyc_message *message)
{
    const int status = message->status;
    const bool mute = status == CYC_E_LOST || status == CYC_E_TIMEOUT || status == CYC_E_IO ||
                      status == CYC_E_STALE;
    const bool returns = live->state == CYC_LIVE_RETURNING || live->state == CYC_LIVE_AWAY;
    if (status == CYC_E_HELD && (returns || live->state == CYC_LIVE_RUNNING)) {
        cyc_live_find(live, message->text);
    } else if (returns) {
        live->is_armed = false; /* it was to be opened, and is */
    } else if (mute && live->state == CYC_LIVE_RUNNING) {
        cyc_live_lose(live, channel_of(live)->cycler, "the setpoint was not carried out: %s",
                      message->text);
    } else {
        cyc_live_trip(live, status == CYC_E_INFEASIBLE ? CYC_REPLY_INFEASIBLE : CYC_REPLY_FAILED,
                      "the setpoint was not carried out: %s", message->text);
    }
}

void cyc_live_gate_applied(struct cyc_live *live, const struct cyc_message *message)
{
    if (message->index == CYC_MESSAGE_ENVIRONMENT) {
        live->environment_count -= live->environment_count > 0 ? 1 : 0;
        if (message->status != CYC_OK) {
            cyc_live_trip(live, CYC_REPLY_FAILED, "chamber or press: %s", message->text);
        } else {
            cyc_live_told_carried_out(live, message->t_ns);
        }
        cyc_live_gate_pump(live);
        return;
    }
    if (!live->in_flight || message->as.drive.setpoint.number != live->sent.number) {
        return; /* of a command that SAFE went past */
    }
    live->in_flight = false;
    if (message->status != CYC_OK) {
        not_applied(live, message);
        return;
    }
    const bool anew = !live->in_force || live->sent.number != live->force.number ||
                      live->sent.control != live->force.control;
    if (anew) {
        live->force_ns = message->t_ns;
        if (live->plausible != NULL) {
            cyc_plausible_setpoint(live->plausible, &live->sent,
                                   cyc_live_run_time_ns(live, message->t_ns));
        }
    }
    live->force = live->sent;
    live->in_force = true;
    cyc_live_gate_pump(live);
}

void cyc_live_gate_sweep(struct cyc_live *live)
{
    const bool swept = live->setpoint.slope_per_s < 0 || live->setpoint.slope_per_s > 0;
    if (!swept || live->wanted || live->in_flight || !is_driving(live) || live->resting ||
        live->awaited_ns != 0) {
        return;
    }
    const struct cyc_setpoint setpoint = present(live);
    apply(live, &setpoint);
}

void cyc_live_gate_open(struct cyc_live *live)
{
    const struct cyc_setpoint open = {.control = CYC_CONTROL_OPEN};
    apply(live, &open);
}

static void rest(struct cyc_live *live)
{
    const struct cyc_setpoint open = {.number = live->force.number, .control = CYC_CONTROL_OPEN};
    live->resting = true;
    live->awaited_ns = 0;
    apply(live, &open);
}

void cyc_live_gate_tick(struct cyc_live *live)
{
    const int64_t now_ns = live->now_ns;
    cyc_live_gate_pump(live);
    if (live->awaited_ns != 0 && now_ns - live->awaited_ns >= live->period_ns && !live->in_flight) {
        if (is_driving(live)) {
            rest(live);
        }
    }
    if (live->wanted && !may_go(live) && now_ns - live->wanted_ns >= CYC_INTENT_PATIENCE_NS) {
        cyc_live_disk_is_slow(live);
    }
    if (live->environment_count > 0 && now_ns - live->environment_ns >= ENVIRONMENT_NS) {
        cyc_live_trip(live, CYC_REPLY_STALE, "chamber or press has not answered a command for %d s",
                      (int)(ENVIRONMENT_NS / CYC_S_NS));
    }
    if (live->in_flight && now_ns - live->sent_ns >= CYC_COMMAND_PATIENCE_NS) {
        const char *name = live->rig->instruments[channel_of(live)->cycler].name;
        const int patience_s = (int)(CYC_COMMAND_PATIENCE_NS / CYC_S_NS);
        if (live->state == CYC_LIVE_RUNNING) {
            cyc_live_lose(live, channel_of(live)->cycler, "%s has not answered a command for %d s",
                          name, patience_s);
        } else {
            cyc_live_trip(live, CYC_REPLY_STALE, "%s has not answered a command for %d s", name,
                          patience_s);
        }
    }
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

int64_t cyc_live_gate_wake_ns(const struct cyc_live *live)
{
    int64_t wake_ns = INT64_MAX;
    if (live->awaited_ns != 0 && is_driving(live) && !live->in_flight) {
        wake_ns = earlier(wake_ns, live->awaited_ns + live->period_ns);
    }
    if (live->wanted && !may_go(live)) {
        wake_ns = earlier(wake_ns, live->wanted_ns + CYC_INTENT_PATIENCE_NS);
    }
    if (live->in_flight) {
        wake_ns = earlier(wake_ns, live->sent_ns + CYC_COMMAND_PATIENCE_NS);
    }
    if (live->environment_count > 0) {
        wake_ns = earlier(wake_ns, live->environment_ns + ENVIRONMENT_NS);
    }
    return wake_ns;
}
