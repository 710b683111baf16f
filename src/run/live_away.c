/* A run whose instrument is gone: its port process died, its link was lost, it has become mute.
 *
 *   lost ──► AWAY ── it is back, the same ──► ARM ── armed ──► interrupt ──► judge ──► RUNNING
 *              │          ▲                     │                              │
 *              │          └───── not yet ───────┘ refused                      │ held
 *              └──── stop: the run ends         ▼                              ▼
 *                                       an operator says `resume` ◄──── (executor paused)
 *
 * Nobody drives the cell meanwhile: the port process, or whoever took its place, opens the circuit
 * as soon as it can, and it alone can tell when that was. So the gap is closed only once somebody
 * has seen the output off, which setting it up anew includes; until then its charge is not known.
 * From there on it is as if the daemon had been gone (resume.h): same gates, same verdicts. A
 * chamber or press that is gone leaves the cycler: its circuit is opened at once.
 * A disk that does not take a step in time is waited for likewise, with an instrument that is
 * there.
 *
 * What was held before stays held, and what cannot be armed waits here until an operator has looked
 * at it: a run is never ended by a cable. Nor by a person at the instrument: when the port has
 * found it otherwise than commanded (its output key was pressed, its power has failed; CYC_E_HELD
 * in message.h) it is not set up again, nothing closes its output, and the run is held with the
 * reason. Then only an operator's word goes on; the port refuses every other ARM.
 */
#include "run/live_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_NS (250 * CYC_MS_NS)
#define OFF_NS   (2 * CYC_S_NS)

static const struct cyc_rig_channel *channel_of(const struct cyc_live *live)
{
    return &live->rig->channels[live->channel];
}

void cyc_live_lose(struct cyc_live *live, int instrument, const char *format, ...)
{
    if (live->lost) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(live->lost_text, sizeof live->lost_text, format, arguments);
    va_end(arguments);
    live->lost = true;
    live->lost_instrument = instrument;
}

void cyc_live_find(struct cyc_live *live, const char *what)
{
    struct cyc_live_past *past = live->past;
    if (past == NULL) {
        (void)cyc_copy(live->found, sizeof live->found, what);
        cyc_live_lose(live, channel_of(live)->cycler, "%s: %s",
                      live->rig->instruments[channel_of(live)->cycler].name, what);
        return;
    }
    live->is_armed = past->arming = past->by_person = false;
    past->arm_status = CYC_E_HELD; /* not set up again by itself */
    (void)cyc_copy(past->arm_text, sizeof past->arm_text, what);
    if (past->found[0] == '\0') {
        (void)cyc_copy(past->found, sizeof past->found, what);
    }
    if (past->judged) {
        past->resumed = false;
        (void)cyc_copy(live->why, sizeof live->why, what);
        cyc_live_tell(live, what, true);
    }
}

/* ---- Leaving ----------------------------------------------------------------------------------
 */

static bool is_linked(const struct cyc_live *live, int instrument)
{
    return instrument != channel_of(live)->cycler || live->options.merge->linked;
}

/* What was on its way is not waited for any more; a chamber is told again. */
static void forget_commands(struct cyc_live *live)
{
    live->wanted = live->in_flight = false;
    live->awaited_ns = 0;
    live->environment_wanted = live->environment_wanted || live->environment_count > 0;
    live->environment_count = 0;
}

/* Of a cycler that does not speak to us but may hear. */
static void try_safe(struct cyc_live *live)
{
    const struct cyc_message safe = {.kind = CYC_MESSAGE_SAFE,
                                     .channel = (int32_t)live->channel,
                                     .instrument = channel_of(live)->cycler,
                                     .t_ns = live->now_ns};
    (void)live->options.hands.send(live->options.hands.context, safe.instrument, &safe, NULL);
    live->is_armed = false;
}

static bool waits_for_disk(const struct cyc_live *live)
{
    return live->durable < live->late_intent;
}

static void announce(struct cyc_live *live)
{
    const struct cyc_session_store *store = &live->options.store;
    const bool disk = waits_for_disk(live);
    const char *const what = disk ? "slow" : live->found[0] != '\0' ? "found" : "lost";
    (void)store->event(store->context, cyc_live_run_time_ns(live, live->now_ns),
                       disk ? "disk" : "port", what, live->lost_text, NULL);
    (void)cyc_copy(live->why, sizeof live->why, live->lost_text);
    cyc_live_tell(live, live->lost_text, true);
}

void cyc_live_away_start(struct cyc_live *live)
{
    struct cyc_live_past *past = calloc(1, sizeof *past);
    live->lost = false;
    if (past == NULL) {
        cyc_live_trip(live, CYC_REPLY_STALE, "%s", live->lost_text);
        return;
    }
    const bool held = live->held || cyc_core_is_interrupted(cyc_session_core(live->session));
    past->cause = waits_for_disk(live) ? "the disk was slow" : "an instrument was gone";
    past->rig_then = past->rig_now = past->cell = "as it was";
    past->then = live->armed;
    past->epoch = live->epoch;
    (void)cyc_copy(past->held_why, sizeof past->held_why, held ? live->why : "");
    past->since_ns = past->arm_ns = live->now_ns;
    past->off_ns = INT64_MAX;
    past->instrument = live->lost_instrument;
    past->back = past->instrument == channel_of(live)->cycler && live->options.merge->linked;
    past->back_ns = live->now_ns;
    live->past = past;
    live->state = CYC_LIVE_AWAY;
    cyc_session_hold(live->session);
    forget_commands(live);
    announce(live);
    if (live->found[0] != '\0') {
        past->cause = "the instrument was not found as it was left";
        cyc_live_find(live, live->found);
        live->found[0] = '\0';
    }
    if (past->instrument != channel_of(live)->cycler && live->is_armed) {
        cyc_live_interrupt(live, cyc_live_run_time_ns(live, live->now_ns));
    } else {
        try_safe(live);
    }
}

/* ---- Being set up again -----------------------------------------------------------------------
 */

static void send_arm(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    const struct cyc_message message = {.kind = CYC_MESSAGE_ARM,
                                        .channel = (int32_t)live->channel,
                                        .instrument = channel_of(live)->cycler,
                                        .index = past->by_person ? CYC_ARM_BY_PERSON : 0,
                                        .t_ns = live->now_ns};
    past->by_person = false;
    past->arming = live->options.hands.send(live->options.hands.context, message.instrument,
                                            &message, NULL) == CYC_OK;
    past->arm_ns = live->now_ns + (past->arming ? CYC_COMMAND_PATIENCE_NS : RETRY_NS);
}

static void was_off_by(struct cyc_live_past *past, int64_t t_ns)
{
    past->off_ns = t_ns < past->off_ns ? t_ns : past->off_ns;
}

/* What a moment later may be well: it is being made safe, its sensors have not been read. */
static bool may_pass(const struct cyc_live *live, int status)
{
    const bool for_good = status == CYC_E_LATCHED || status == CYC_E_IDENTITY ||
                          live->now_ns - live->past->back_ns >= CYC_PAST_PATIENCE_NS;
    return !for_good;
}

static void on_armed(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_live_past *past = live->past;
    past->arming = false;
    past->arm_ns = live->now_ns + RETRY_NS;
    if (message->status == CYC_OK) {
        live->is_armed = true;
        past->arm_status = CYC_OK;
        past->tripped = false;
        was_off_by(past, message->t_ns);
        live->wanted = live->wanted || past->interrupted_ns != 0; /* the open circuit, once more */
        return;
    }
    if (message->status == CYC_E_HELD) {
        cyc_live_find(live, message->text);
        return;
    }
    if (!past->back || may_pass(live, message->status)) {
        return;
    }
    past->arm_status = message->status;
    (void)cyc_copy(past->arm_text, sizeof past->arm_text, message->text);
    if (past->judged) { /* so an operator wanted it */
        past->resumed = false;
        (void)cyc_copy(live->why, sizeof live->why, message->text);
        cyc_live_tell(live, message->text, true);
    }
}

static void on_link(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_live_past *past = live->past;
    if (message->instrument == channel_of(live)->cycler) {
        past->told = past->told || message->status == CYC_OK;
        live->is_armed = past->arming = past->fresh = past->by_person = false;
        live->in_flight = false;
        past->arm_ns = live->now_ns;
    }
    if (message->instrument != past->instrument) {
        return;
    }
    past->back = message->status == CYC_OK;
    past->back_ns = live->now_ns;
    if (!past->back && !past->judged) {
        (void)snprintf(live->why, sizeof live->why, "%.60s: %.180s",
                       live->rig->instruments[past->instrument].name, message->text);
    }
}

/* ---- Messages ---------------------------------------------------------------------------------
 */

static void on_reading(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_live_past *past = live->past;
    struct cyc_sample sample;
    if (!cyc_merge_reading(live->options.merge, message, &sample)) {
        return;
    }
    const uint32_t open = cyc_core_setpoint(cyc_session_core(live->session))->number;
    const bool known = isfinite(sample.voltage_V) && isfinite(sample.current_A);
    live->epoch = message->epoch;
    live->reading_number = message->number;
    past->latest = sample;
    past->fresh = past->interrupted_ns != 0 && known && message->setpoint_number == open;
    if ((sample.flags & CYC_SAMPLE_OUTPUT_ON) == 0 && sample.t_ns >= past->since_ns) {
        was_off_by(past, sample.t_ns);
    }
}

void cyc_live_away_message(struct cyc_live *live, const struct cyc_message *message)
{
    const bool own = message->channel == (int32_t)live->channel;
    if (message->kind == CYC_MESSAGE_READING) {
        on_reading(live, message);
    } else if (message->kind == CYC_MESSAGE_LINK) {
        on_link(live, message);
    } else if (own && message->kind == CYC_MESSAGE_ARMED) {
        on_armed(live, message);
    } else if (own && message->kind == CYC_MESSAGE_SAFE_DONE && message->status == CYC_OK) {
        was_off_by(live->past, message->t_ns);
    } else if (own && message->kind == CYC_MESSAGE_TRIPPED && message->status == CYC_E_HELD) {
        cyc_live_find(live, message->text);
    } else if (own && message->kind == CYC_MESSAGE_TRIPPED) {
        live->past->tripped = true;
        live->is_armed = false;
    } else if (own && message->kind == CYC_MESSAGE_APPLIED) {
        cyc_live_gate_applied(live, message);
    }
    cyc_live_away_tick(live);
}

/* ---- Time -------------------------------------------------------------------------------------
 */

static bool is_back(const struct cyc_live *live)
{
    return !waits_for_disk(live) && live->past->back && is_linked(live, live->past->instrument) &&
           is_linked(live, channel_of(live)->cycler);
}

static void set_up(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    if (live->is_armed || past->arm_status != CYC_OK || live->now_ns < past->arm_ns) {
        return;
    }
    if (cyc_live_may_arm(live)) {
        send_arm(live);
    } else {
        past->arm_status = CYC_E_IDENTITY; /* the gates say why */
    }
}

static int64_t off_latest_ns(const struct cyc_live *live)
{
    const int64_t off_ns = live->past->off_ns;
    return cyc_live_run_time_ns(live, off_ns < live->now_ns ? off_ns : live->now_ns);
}

static bool was_looked_at(const struct cyc_live *live)
{
    const struct cyc_live_past *past = live->past;
    return past->fresh || live->now_ns - past->interrupted_ns >= CYC_PAST_PATIENCE_NS;
}

/* What was found is being made safe this moment: when it was off ends the gap. */
static bool waits_for_off(const struct cyc_live *live)
{
    const struct cyc_live_past *past = live->past;
    return past->found[0] != '\0' && past->off_ns == INT64_MAX &&
           live->now_ns - past->since_ns < OFF_NS;
}

void cyc_live_away_tick(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    if (!is_back(live)) {
        return;
    }
    set_up(live);
    const bool refused = !live->is_armed && past->arm_status != CYC_OK;
    if (past->interrupted_ns == 0 && refused && waits_for_off(live)) {
        return;
    }
    if (past->interrupted_ns == 0 && (live->is_armed || refused)) {
        cyc_live_interrupt(live, off_latest_ns(live));
        if (live->state != CYC_LIVE_AWAY) {
            return;
        }
    }
    if (!live->is_armed) {
        if (refused && !past->judged) {
            cyc_live_judge(live);
        }
        return;
    }
    cyc_live_gate_pump(live);
    if (past->judged && past->fresh) {
        cyc_live_go_on(live);
    } else if (!past->judged && was_looked_at(live)) {
        cyc_live_judge(live);
    }
}

int64_t cyc_live_away_wake_ns(const struct cyc_live *live)
{
    const struct cyc_live_past *past = live->past;
    if (!is_back(live)) {
        return INT64_MAX;
    }
    if (!live->is_armed) {
        return past->arm_status == CYC_OK ? past->arm_ns
               : past->judged             ? INT64_MAX
                                          : past->since_ns + OFF_NS;
    }
    return past->judged ? INT64_MAX : past->interrupted_ns + CYC_PAST_PATIENCE_NS;
}

/* ---- Operators --------------------------------------------------------------------------------
 */

const char *cyc_live_away_resume(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    if (!is_back(live)) {
        return waits_for_disk(live) ? "the disk has not caught up yet"
                                    : "its instrument is not there yet";
    }
    past->resumed = past->by_person = true;
    past->found[0] = '\0';
    past->arm_status = CYC_OK;
    past->back_ns = past->arm_ns = live->now_ns;
    cyc_live_away_tick(live);
    return NULL;
}

void cyc_live_away_close(struct cyc_live *live)
{
    if (live->past->interrupted_ns == 0) {
        cyc_live_interrupt(live, off_latest_ns(live));
    }
    if (!live->past->judged) {
        cyc_live_log_gap(live, "stopped");
    }
}
