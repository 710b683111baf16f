/* Returning to a run whose daemon was gone.
 *
 *   start      the source comes to the interrupted step, the port sends what it kept and sets the
 *              instrument up again
 *   replay     readings after the mark go through the session, in order of time, as they did or
 *              would have done; nothing goes out. The first one with the output off, where it
 *              should have been on, ends what was the run's own.
 *   interrupt  the rest is a gap; the circuit is opened, and the cell is looked at
 *   judge      the gates: CONTINUE, RESTART, or the run is held until an operator speaks
 *
 * What was decided after the mark was not durable, so it did not reach the instrument, but for the
 * setpoints that belong to a step whose intent was: the hold of a CC-CV, the segments of a profile.
 * Readings say under which setpoint they were taken; where that is ahead of the executor, it is
 * called at that moment as it was called then, without a sample.
 */
#include "run/live_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READINGS_MAX 2048
#define SAFE_NS      (CYC_LEASE_NS + 2 * CYC_BUS_CALL_MAX_NS) /* longest until an output is off */
#define LISTEN_NS    (500 * CYC_MS_NS) /* so long for what was kept to come in */

_Static_assert(CYC_RESUME_SENSORS == CYC_MERGE_SENSORS, "the mark holds the latest of each sensor");

static const struct cyc_rig_channel *channel_of(const struct cyc_live *live)
{
    return &live->rig->channels[live->channel];
}

static int64_t scaled(const struct cyc_live *live, int64_t real_ns)
{
    return (int64_t)((double)real_ns * live->options.rate);
}

static int64_t wall_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

/* Whom the next daemon has to find there: not who was found now, while that is judged. Nor is a
 * power failure that holds the run forgotten with it. */
static struct cyc_identity who_was_armed(const struct cyc_live *live)
{
    struct cyc_identity who =
        live->state == CYC_LIVE_ARMING ? live->options.merge->cycler : live->armed;
    if (live->past != NULL && live->past->arm_status == CYC_E_IDENTITY) {
        who.power_on = false;
    }
    return who;
}

void cyc_live_remember(const struct cyc_live *live, struct cyc_resume_host *host)
{
    const struct cyc_merge *merge = live->options.merge;
    *host = (struct cyc_resume_host){.rate = live->options.rate,
                                     .boot_ns = live->start_ns,
                                     .time_ns = live->options.time_ns,
                                     .t_ns = cyc_live_run_time_ns(live, live->now_ns),
                                     .unix_ns = wall_ns(),
                                     .settle_number = live->force.number,
                                     .settle_ns = live->force_ns,
                                     .awake_ns = live->awake_ns,
                                     .cycler = who_was_armed(live)};
    memcpy(host->values, merge->values, sizeof host->values);
    memcpy(host->times_ns, merge->times_ns, sizeof host->times_ns);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void send_resend(struct cyc_live *live, int instrument, uint64_t number)
{
    const struct cyc_message message = {.kind = CYC_MESSAGE_RESEND,
                                        .channel = (int32_t)live->channel,
                                        .instrument = instrument,
                                        .number = number,
                                        .t_ns = live->now_ns};
    if (instrument >= 0) {
        (void)live->options.hands.send(live->options.hands.context, instrument, &message, NULL);
    }
}

static int sensor_instrument(const struct cyc_live *live, int sensor)
{
    return sensor >= 0 ? live->rig->sensors[sensor].instrument : -1;
}

static void ask_for_readings(struct cyc_live *live)
{
    const struct cyc_rig_channel *channel = channel_of(live);
    send_resend(live, channel->cycler, live->options.resume->journal.reading_number);
    send_resend(live, channel->chamber, 0);
    send_resend(live, channel->press, 0);
    send_resend(live, sensor_instrument(live, channel->temperature), 0);
    send_resend(live, sensor_instrument(live, channel->pressure), 0);
    send_resend(live, sensor_instrument(live, channel->ambient), 0);
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        send_resend(live, sensor_instrument(live, channel->aux[i]), 0);
    }
}

/* Once it is known who is there: nothing closes the output of another instrument. */
static void arm(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    if (!live->options.merge->linked || past->port_epoch == 0) {
        return; /* LINK, or the first reading, comes back to it */
    }
    if (cyc_live_may_arm(live)) {
        past->arming = true;
        cyc_live_gate_command(live, CYC_MESSAGE_ARM);
        return;
    }
    past->is_armed = true; /* answered: the gates say why not */
    past->arm_status = CYC_E_IDENTITY;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static int restore(void *context, const struct cyc_step *step, struct cyc_core *core,
                   struct cyc_err *err)
{
    struct cyc_live *live = context;
    const int status = cyc_resume_restore(live->options.resume, step, core, err);
    cyc_live_scale_patience(live);
    return status;
}

/* Run time goes on: by the same clock within one boot, else from now on anew; also where the mark
 * is from before it began. */
static void set_clock(struct cyc_live *live)
{
    const struct cyc_resume *resume = live->options.resume;
    live->options.rate = resume->host.rate;
    live->options.time_ns = resume->host.time_ns;
    live->start_ns = resume->host.boot_ns;
    if (resume->kind == CYC_ABSENCE_MACHINE || resume->host.boot_ns == 0) {
        const int64_t t_ns = cyc_resume_time_ns(resume, live->now_ns, wall_ns());
        live->past->unknown_time = t_ns == CYC_NEVER;
        live->options.time_ns = t_ns == CYC_NEVER ? resume->journal.t_ns : t_ns;
        live->start_ns = live->now_ns;
    }
}

static void prime(struct cyc_live *live)
{
    const struct cyc_resume *resume = live->options.resume;
    struct cyc_merge *merge = &live->past->merge;
    cyc_merge_init(merge, live->rig, live->channel);
    memcpy(merge->values, resume->host.values, sizeof merge->values);
    memcpy(merge->times_ns, resume->host.times_ns, sizeof merge->times_ns);
    live->epoch = resume->journal.epoch;
    live->reading_number = resume->journal.reading_number;
    live->force.number = resume->host.settle_number;
    live->force_ns = resume->host.settle_ns;
    live->in_force = true;
}

void cyc_live_past_start(struct cyc_live *live)
{
    const struct cyc_resume *resume = live->options.resume;
    struct cyc_err err = {0};
    live->state = CYC_LIVE_RETURNING;
    live->energised = true; /* for all that is known */
    live->armed = resume->host.cycler;
    live->past = calloc(1, sizeof *live->past);
    if (live->past != NULL) {
        live->past->readings = calloc(READINGS_MAX, sizeof *live->past->readings);
    }
    const bool memory = live->past != NULL && live->past->readings != NULL;
    if (!memory || !resume->has_state || resume->changed[0] != '\0') {
        cyc_live_past_stray(live, !memory              ? "there is no memory to return to it"
                                  : !resume->has_state ? "its journal holds no state that this "
                                                         "version reads"
                                                       : resume->changed);
        return;
    }
    live->past->since_ns = live->now_ns;
    live->past->planned = resume->kind == CYC_ABSENCE_PROGRAM && resume->journal.restarted;
    live->past->cause = live->options.was_aside ? "the disk had failed"
                        : live->past->planned   ? "the program was restarted by a person, and gone"
                        : resume->kind == CYC_ABSENCE_PROGRAM
                            ? "the program was gone"
                            : "the machine was off, or started anew";
    live->past->rig_then = resume->journal.rig_channel_json;
    live->past->rig_now = live->options.rig_now;
    live->past->cell = resume->journal.cell;
    live->past->then = live->armed;
    (void)cyc_copy(live->past->held_why, sizeof live->past->held_why, resume->journal.held_why);
    live->past->epoch = resume->journal.epoch;
    set_clock(live);
    prime(live);
    live->replaying = true;
    const struct cyc_session_past past = {
        .step_count = resume->in_step ? resume->step_count - 1 : resume->step_count,
        .row_count = resume->journal.row_count,
        .in_step = resume->in_step,
        .begun = resume->begun,
        .start_ns = resume->journal.open_start_ns,
        .context = live,
        .restore = restore,
    };
    const int status = cyc_session_resume(live->session, &past, &err);
    ask_for_readings(live);
    arm(live);
    cyc_live_settle(live, status, &err);
}

/* ---- Replaying ------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const struct cyc_message *first = a, *second = b;
    if (first->as.reading.t_ns != second->as.reading.t_ns) {
        return first->as.reading.t_ns < second->as.reading.t_ns ? -1 : 1;
    }
    return first->number < second->number ? -1 : first->number > second->number;
}

/* As the host before saw it: see place() in live.c. */
static void place(struct cyc_live *live, const struct cyc_message *message,
                  struct cyc_sample *sample)
{
    const int64_t taken_ns = sample->t_ns;
    if (message->setpoint_number > live->force.number) {
        live->force.number = message->setpoint_number; /* applied before this reading was taken */
        live->force_ns = taken_ns;
    }
    sample->setpoint_number = message->setpoint_number;
    if (message->setpoint_number == live->force.number && taken_ns >= live->force_ns) {
        sample->flags |= CYC_SAMPLE_SETTLED;
    }
    cyc_live_run_times(live, sample);
}

/* The executor sent a setpoint of this step at a moment without a sample. */
static void catch_up(struct cyc_live *live, const struct cyc_sample *sample)
{
    const struct cyc_core *core = cyc_session_core(live->session);
    const int64_t due_ns = cyc_session_wait(live->session)->deadline_ns;
    if (sample->setpoint_number <= cyc_core_setpoint(core)->number || due_ns > sample->t_ns) {
        return;
    }
    const struct cyc_event event = {.kind = CYC_EVENT_DEADLINE, .t_ns = due_ns};
    cyc_live_feed(live, &event);
}

/* False: the output was off, and from here on it is a gap. */
static bool replay_one(struct cyc_live *live, const struct cyc_message *message,
                       struct cyc_sample *sample)
{
    const struct cyc_core *core = cyc_session_core(live->session);
    const struct cyc_sample *last = cyc_core_last(core);
    place(live, message, sample);
    const bool before = sample->t_ns < live->options.time_ns; /* the run's clock began */
    if (before || (last != NULL && sample->t_ns <= last->t_ns)) {
        return true;
    }
    catch_up(live, sample);
    const bool is_off = (sample->flags & CYC_SAMPLE_OUTPUT_ON) == 0;
    const bool blind = is_off && !isfinite(sample->voltage_V); /* its relay is open */
    if (blind && cyc_core_is_interrupted(core)) {
        return true; /* held, and not set up again: nobody looked */
    }
    /* Off before the setpoint came into force is the step before; off after it was on is not. */
    const bool driven = cyc_core_setpoint(core)->control != CYC_CONTROL_OPEN;
    const bool was_on = last != NULL && (last->flags & CYC_SAMPLE_OUTPUT_ON) != 0;
    const bool own = sample->setpoint_number == cyc_core_setpoint(core)->number;
    if (((driven && is_off) || blind) && (own || was_on)) {
        live->past->off_seen = true;
        live->past->off = *sample;
        return false;
    }
    live->reading_number = message->number;
    const struct cyc_event event = {
        .kind = CYC_EVENT_SAMPLE, .t_ns = sample->t_ns, .sample = sample};
    cyc_live_feed(live, &event);
    return !cyc_session_is_over(live->session);
}

/* The output had not been on at all, or had been switched off while the run had a master. */
static void see_off(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    const struct cyc_sample *last = cyc_core_last(cyc_session_core(live->session));
    const bool new = live->reading_number > live->options.resume->journal.reading_number;
    if (!past->off_seen && new &&last != NULL && (last->flags & CYC_SAMPLE_OUTPUT_ON) == 0) {
        past->off_seen = true;
        past->off = *last;
    }
}

static void replay(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    const struct cyc_run_journal *journal = &live->options.resume->journal;
    bool on = true;
    qsort(past->readings, past->count, sizeof *past->readings, by_time);
    for (unsigned i = 0; i < past->count && on; i++) {
        const struct cyc_message *message = &past->readings[i];
        struct cyc_sample sample;
        const bool cell = cyc_merge_reading(&past->merge, message, &sample);
        if (cell && isfinite(sample.voltage_V) && isfinite(sample.current_A)) {
            past->known_seen = true;
            past->known = sample;
        }
        if (cell && message->epoch == journal->epoch && message->number > journal->reading_number) {
            on = replay_one(live, message, &sample);
        }
    }
    see_off(live);
    for (unsigned i = 0; i < past->count; i++) { /* the rest has been seen */
        const struct cyc_message *message = &past->readings[i];
        if (message->instrument == channel_of(live)->cycler) {
            live->epoch = message->epoch;
            live->reading_number = message->number;
        }
    }
    live->replaying = false;
}

/* Nothing is fed to the executor from here on, and so nothing of its state is written. */
void cyc_live_past_stray(struct cyc_live *live, const char *why)
{
    const struct cyc_session_store *store = &live->options.store;
    live->strayed = live->held = true;
    live->fed = live->replaying = false;
    live->state = CYC_LIVE_RUNNING;
    live->options.resume = NULL;
    cyc_live_past_free(live);
    cyc_live_gate_command(live, CYC_MESSAGE_SAFE);
    live->is_armed = false;
    (void)snprintf(live->why, sizeof live->why, "held: %s", why);
    (void)store->event(store->context, cyc_live_run_time_ns(live, live->now_ns), "executor", "hold",
                       why, NULL);
    cyc_live_tell(live, live->why, true);
}

/* ---- Messages and time ----------------------------------------------------------------------- */

/* From when on what was kept has come in. It is sent in order, with what is read while the
 * instrument is being set up behind it, the answer to that sooner or later than both; one that has
 * nothing new to say is not waited for long. */
static int64_t listened_ns(const struct cyc_live_past *past)
{
    const int64_t heard_ns = past->since_ns + LISTEN_NS;
    const int64_t silent_ns = past->armed_ns + LISTEN_NS;
    return past->caught_up || silent_ns < heard_ns ? heard_ns : silent_ns;
}

/* The latest time at which the output can have gone off: seen; else when the lease was over, of a
 * daemon that went on for as long after the last that is known as marks lie apart. While the
 * computer slept nobody's lease ended, and when it was switched off only an instrument's own
 * watchdog or cutoff can have done it before this program came back. */
static int64_t off_latest_ns(const struct cyc_live *live, int64_t last_ns, int64_t now_ns)
{
    const struct cyc_live_past *past = live->past;
    const struct cyc_resume *resume = live->options.resume;
    const struct cyc_capabilities *can =
        &live->rig->instruments[channel_of(live)->cycler].capabilities;
    const bool ends_itself =
        can->watchdog != CYC_WATCHDOG_NONE || (can->traits & CYC_TRAIT_OWN_CUTOFF) != 0;
    if (past->off_seen) {
        return cyc_live_is_off_known(past, last_ns) ? past->off.since_ns : past->off.t_ns;
    }
    if (resume->kind == CYC_ABSENCE_MACHINE && !ends_itself) {
        return now_ns;
    }
    /* It stands by the boot clock, which a reboot begins anew. */
    const bool slept = resume->kind == CYC_ABSENCE_PROGRAM && resume->host.awake_ns > 0;
    const int64_t awake_ns = slept ? cyc_live_run_time_ns(live, resume->host.awake_ns) : last_ns;
    const int64_t off_ns =
        (awake_ns > last_ns ? awake_ns : last_ns) + scaled(live, live->rig->sync_ns + SAFE_NS);
    return off_ns < now_ns ? off_ns : now_ns;
}

/* What kept rows tell, the executor knows better once it has seen their readings. */
static void forget_tail(struct cyc_live *live)
{
    const struct cyc_sample *last = cyc_core_last(cyc_session_core(live->session));
    struct cyc_run_tail *tail = &live->options.tail;
    if (last != NULL && last->t_ns + CYC_MS_NS > tail->t_ns) { /* rows tell milliseconds */
        *tail = (struct cyc_run_tail){0};
    }
}

/* All readings are in: what was the run's own goes through the session, the rest is a gap. */
static void interrupt(struct cyc_live *live)
{
    replay(live);
    forget_tail(live);
    if (cyc_session_is_over(live->session)) {
        return;
    }
    const int64_t now_ns = cyc_live_run_time_ns(live, live->now_ns);
    cyc_live_interrupt(live, off_latest_ns(live, cyc_live_seen_ns(live), now_ns));
}

static void take_reading(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_live_past *past = live->past;
    struct cyc_sample sample;
    if (past->count < READINGS_MAX) {
        past->readings[past->count++] = *message;
    }
    const uint32_t open = cyc_core_setpoint(cyc_session_core(live->session))->number;
    if (cyc_merge_reading(live->options.merge, message, &sample)) {
        /* What is read while the instrument is being set up says nothing. */
        const bool known = isfinite(sample.voltage_V) && isfinite(sample.current_A);
        past->caught_up = past->caught_up || (past->armed_ns != 0 && sample.t_ns >= past->since_ns);
        past->latest = sample;
        if (past->interrupted_ns != 0) { /* seen, and not the executor's: nor is it later */
            live->epoch = message->epoch;
            live->reading_number = message->number;
        }
        past->fresh = past->interrupted_ns != 0 && known && message->setpoint_number == open;
    }
}

/* It may go and come back while it is waited for. */
static void on_link(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_live_past *past = live->past;
    if (message->instrument != channel_of(live)->cycler) {
        return;
    }
    live->is_armed = false;
    past->port_epoch = message->epoch;
    if (message->status != CYC_OK) {
        past->is_armed = past->fresh = past->arming = false;
    } else if (!past->is_armed) {
        arm(live);
    }
}

/* A port process that has not found its instrument yet says so; LINK will ask it again. */
static bool is_too_early(const struct cyc_live *live, int status)
{
    return status != CYC_OK && status != CYC_E_LATCHED && status != CYC_E_IDENTITY &&
           !live->options.merge->linked;
}

void cyc_live_past_message(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_live_past *past = live->past;
    if (past == NULL) {
        return;
    }
    const bool own = message->channel == (int32_t)live->channel;
    if (message->kind == CYC_MESSAGE_READING) {
        take_reading(live, message);
        if (message->instrument == channel_of(live)->cycler && past->port_epoch == 0) {
            past->port_epoch = message->epoch;
            arm(live);
        }
    } else if (message->kind == CYC_MESSAGE_LINK) {
        on_link(live, message);
    } else if (own && message->kind == CYC_MESSAGE_ARMED) {
        past->is_armed = !is_too_early(live, message->status);
        past->arm_status = past->is_armed ? message->status : CYC_OK;
        past->armed_ns = live->now_ns;
        live->is_armed = message->status == CYC_OK;
        (void)cyc_copy(past->arm_text, sizeof past->arm_text, message->text);
        if (past->arm_status == CYC_E_HELD) {
            cyc_live_find(live, message->text);
        }
    } else if (own && message->kind == CYC_MESSAGE_TRIPPED && message->status == CYC_E_HELD) {
        cyc_live_find(live, message->text);
        past->is_armed = true; /* answered */
    } else if (own && message->kind == CYC_MESSAGE_TRIPPED) {
        past->tripped = past->interrupted_ns != 0; /* before that it was the lease */
    } else if (own && message->kind == CYC_MESSAGE_APPLIED) {
        cyc_live_gate_applied(live, message);
    }
    cyc_live_past_tick(live);
}

void cyc_live_past_tick(struct cyc_live *live)
{
    struct cyc_err err = {0};
    if (cyc_session_is_returning(live->session)) {
        const int status =
            cyc_session_items(live->session, cyc_live_run_time_ns(live, live->now_ns), &err);
        cyc_live_settle(live, status, &err);
    }
    const struct cyc_live_past *past = live->past;
    if (past != NULL && cyc_session_is_returning(live->session) &&
        live->now_ns - past->since_ns >= CYC_PAST_PATIENCE_NS) {
        cyc_live_past_stray(live, "the protocol gave no step in 30 s");
        return;
    }
    if (past == NULL || live->state != CYC_LIVE_RETURNING ||
        cyc_session_is_returning(live->session)) {
        return;
    }
    const int64_t waited_ns = live->now_ns - past->since_ns;
    const bool late = waited_ns >= CYC_PAST_PATIENCE_NS;
    const bool listened = past->is_armed && live->now_ns >= listened_ns(past);
    if (past->interrupted_ns == 0 && (listened || late)) {
        interrupt(live);
        return;
    }
    cyc_live_gate_pump(live);
    if (past->interrupted_ns != 0 && (past->fresh || past->arm_status != CYC_OK || late)) {
        cyc_live_judge(live);
    }
}

int64_t cyc_live_past_wake_ns(const struct cyc_live *live)
{
    const struct cyc_live_past *past = live->past;
    if (past == NULL) {
        return INT64_MAX;
    }
    const bool here =
        past->is_armed && past->interrupted_ns == 0 && !cyc_session_is_returning(live->session);
    return here ? listened_ns(past) : past->since_ns + CYC_PAST_PATIENCE_NS;
}
