/* The life of a run on a channel.
 *
 *   open ──► ARMING ── ARMED ──► LOADING ── first item ──► RUNNING ── FINISH, fault ──► ENDED
 *              │                    │                         │
 *              └──── refused, lost ─┴───── lost, tripped ─────┘  (a fault of the run)
 *
 * ARMING: the port identifies the instrument, sets it up with its output off, writes the
 * protections and reads them back; then it rests, since some instruments measure nothing with
 * their output off. LOADING: the source's process reads the protocol. Run time
 * begins when it has answered.
 *
 * A reading of the cycler becomes a SAMPLE event. It counts as taken under a setpoint only if that
 * setpoint belongs to this run, and as settled only if it was taken after the port had said that
 * the setpoint is applied. When the executor wanted to be called and no reading came, it gets a
 * DEADLINE event: at once where it named a time to come (the end of a segment), after two sample
 * periods where it only asks for a sample. A pulse train whose resistances are asked for waits a
 * little longer, so that the sample behind a pulse's end is there to read the last one from.
 *
 * When an instrument is gone while the run is RUNNING, it is AWAY until the instrument is back; see
 * live_away.c.
 *
 * The executor must not be called from within one of its own actions, so what goes wrong there is
 * noted (cyc_live_trip) and handed to it when the event is over. The first such reason counts.
 */
#include "run/fit.h"
#include "run/live_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOADING_NS  (30 * CYC_S_NS)
#define PATIENCE_NS (2 * CYC_S_NS) /* no item from the source by then */

static const struct cyc_rig_channel *channel_of(const struct cyc_live *live)
{
    return &live->rig->channels[live->channel];
}

/* ---- Time ------------------------------------------------------------------------------------ */

int64_t cyc_live_run_time_ns(const struct cyc_live *live, int64_t now_ns)
{
    if (live->start_ns == 0) {
        return live->options.time_ns;
    }
    const int64_t passed_ns = now_ns - live->start_ns;
    return live->options.time_ns + (live->options.rate == 1.0
                                        ? passed_ns
                                        : (int64_t)((double)passed_ns * live->options.rate));
}

int64_t cyc_live_boot_ns(const struct cyc_live *live, int64_t run_ns)
{
    const int64_t passed_ns = run_ns - live->options.time_ns;
    const double real_ns = (double)passed_ns / live->options.rate;
    if (real_ns > 9e17) {
        return INT64_MAX;
    }
    return live->start_ns + (live->options.rate == 1.0 ? passed_ns : (int64_t)real_ns);
}

static int64_t scaled(const struct cyc_live *live, int64_t real_ns)
{
    return (int64_t)((double)real_ns * live->options.rate);
}

/* Nothing more is done about it here. */
static bool is_over(const struct cyc_live *live)
{
    return live->state == CYC_LIVE_ENDED || live->aside_status != CYC_OK;
}

/* ---- Faults ---------------------------------------------------------------------------------- */

void cyc_live_trip(struct cyc_live *live, enum cyc_reply reply, const char *format, ...)
{
    if (live->tripped) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(live->trip_text, sizeof live->trip_text, format, arguments);
    va_end(arguments);
    live->tripped = true;
    live->trip_reply = reply;
}

void cyc_live_tell(struct cyc_live *live, const char *text, bool alarm)
{
    if (live->options.hands.tell != NULL) {
        live->options.hands.tell(live->options.hands.context,
                                 cyc_live_run_time_ns(live, live->now_ns), text, alarm);
    }
}

static void end(struct cyc_live *live)
{
    struct cyc_dry_outcome outcome = {0};
    struct cyc_err err = {0};
    const int64_t t_ns = cyc_live_run_time_ns(live, live->now_ns);
    cyc_session_outcome(live->session, t_ns, &outcome);
    live->state = CYC_LIVE_ENDED;
    (void)cyc_copy(live->why, sizeof live->why, outcome.why);
    if (outcome.finish == CYC_FINISH_FAULT) {
        cyc_live_tell(live, live->why, true);
    }
    cyc_live_gate_command(live, CYC_MESSAGE_DISARM);
    const bool told = live->tripped && strncmp(live->trip_text, "disk:", 5) == 0;
    if (cyc_session_finish(live->session, t_ns, &err) != CYC_OK && !told) {
        cyc_live_tell(live, err.text, true);
    }
}

static void ask_person(struct cyc_live *live)
{
    char text[400];
    const char *question = cyc_session_question(live->session);
    if (question[0] != '\0') {
        (void)snprintf(text, sizeof text, "%s (`cyclostat resume` answers)", question);
        const struct cyc_session_store *store = &live->options.store;
        (void)store->event(store->context, cyc_live_run_time_ns(live, live->now_ns), "protocol",
                           "ask", question, NULL);
        cyc_live_tell(live, text, true);
    }
}

/* The window of voltages stands in every step of a protocol; the first one tells it. */
static void begin_plausible(struct cyc_live *live, const struct cyc_step *step)
{
    struct cyc_plausible_facts *facts = &live->options.facts;
    for (unsigned i = 0; i < step->limit_count; i++) {
        const struct cyc_limit *limit = &step->limits[i];
        if (limit->signal == CYC_SIGNAL_VOLTAGE && limit->level == CYC_LEVEL_PROTOCOL) {
            facts->voltage_min_V = isfinite(limit->low) ? limit->low : (double)NAN;
            facts->voltage_max_V = isfinite(limit->high) ? limit->high : (double)NAN;
        }
    }
    cyc_plausible_init(live->plausible, facts);
    if (live->in_force) {
        cyc_plausible_setpoint(live->plausible, &live->force,
                               cyc_live_run_time_ns(live, live->now_ns));
    }
}

static void see_step(struct cyc_live *live)
{
    struct cyc_progress progress;
    cyc_session_progress(live->session, &progress);
    if (progress.step != NULL && progress.step_count != live->plausible_step) {
        if (live->plausible_step == 0) {
            begin_plausible(live, progress.step);
        }
        live->plausible_step = progress.step_count;
        ask_person(live);
        if (live->plausible != NULL) {
            cyc_plausible_step(live->plausible, progress.step,
                               cyc_live_run_time_ns(live, live->now_ns));
        }
    }
}

/* After every call into the session: what it left behind. */
void cyc_live_settle(struct cyc_live *live, int status, const struct cyc_err *err)
{
    if (status != CYC_OK) {
        cyc_live_disk_fails(live, err);
    }
    if (live->aside_status != CYC_OK) {
        return;
    }
    if (live->tripped && !cyc_session_is_over(live->session)) {
        struct cyc_err ignored = {0};
        (void)cyc_session_trip(live->session, cyc_live_run_time_ns(live, live->now_ns),
                               live->trip_reply, live->trip_text, &ignored);
        live->fed = true;
    }
    const char *strayed = cyc_session_strayed(live->session);
    if (strayed != NULL && !live->strayed) {
        cyc_live_past_stray(live, strayed);
    }
    if (live->lost && live->state == CYC_LIVE_RUNNING && !live->strayed &&
        !cyc_session_is_over(live->session)) {
        cyc_live_away_start(live);
    }
    if (live->fed) { /* after a fault there is nothing more to be done about the disk */
        live->fed = false;
        struct cyc_err failed = {0};
        if (cyc_session_commit(live->session, &failed) != CYC_OK && !live->tripped) {
            cyc_live_settle(live, failed.status, &failed);
            return;
        }
    }
    if (cyc_session_is_over(live->session)) {
        if (live->state != CYC_LIVE_ENDED) {
            end(live);
        }
        return;
    }
    if (!cyc_session_waits_for_source(live->session)) {
        live->source_ns = 0;
    } else if (live->source_ns == 0) {
        live->source_ns = live->now_ns;
    }
    see_step(live);
    cyc_live_gate_pump(live);
}

void cyc_live_feed(struct cyc_live *live, const struct cyc_event *event)
{
    struct cyc_err err = {0};
    live->event_ns = live->now_ns;
    live->event_t_ns = event->t_ns;
    live->fed = true;
    const int status = cyc_session_event(live->session, event, &err);
    cyc_live_settle(live, status, &err);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

void cyc_live_scale_patience(struct cyc_live *live)
{
    struct cyc_patience patience;
    cyc_merge_patience(live->rig, live->channel, &patience);
    patience.sample_ns = scaled(live, patience.sample_ns);
    patience.temperature_ns = scaled(live, patience.temperature_ns);
    patience.pressure_ns = scaled(live, patience.pressure_ns);
    cyc_core_set_patience(cyc_session_core(live->session), &patience);
    cyc_session_anchor(live->session);
}

static void on_note(void *context, int64_t t_ns, const char *text)
{
    (void)t_ns;
    cyc_live_tell(context, text, false);
}

static int open_parts(struct cyc_live *live, struct cyc_err *err)
{
    const struct cyc_host hands = cyc_live_gate_host(live);
    const struct cyc_dry_listener listener = {.context = live, .note = on_note};
    struct cyc_sensors sensors;
    cyc_fit_sensors(live->rig, live->channel, &sensors);
    const struct cyc_session_options session = {
        .host = &hands,
        .source = &live->options.source,
        .store = &live->options.store,
        .listener = &listener,
        .sensors = &sensors,
        .trace = live->options.trace,
        .ending = live->options.ending,
    };
    live->plausible = calloc(1, cyc_plausible_size());
    if (live->plausible == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the run");
    }
    cyc_plausible_init(live->plausible, &live->options.facts);
    const int status = cyc_session_open(&session, &live->session, err);
    if (status == CYC_OK) {
        cyc_live_scale_patience(live);
    }
    return status;
}

int cyc_live_open(const struct cyc_live_options *options, struct cyc_live **live,
                  struct cyc_err *err)
{
    struct cyc_live *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the run");
    }
    opened->options = *options;
    opened->rig = options->merge->rig;
    opened->channel = options->merge->channel;
    opened->period_ns = opened->rig->instruments[channel_of(opened)->cycler].poll_ns;
    const int status = open_parts(opened, err);
    if (status != CYC_OK) {
        cyc_live_close(opened);
        return status;
    }
    *live = opened;
    return CYC_OK;
}

void cyc_live_close(struct cyc_live *live)
{
    if (live == NULL) {
        return;
    }
    cyc_session_close(live->session);
    cyc_live_past_free(live);
    free(live->plausible);
    free(live);
}

struct cyc_session *cyc_live_session(struct cyc_live *live)
{
    return live->session;
}

void cyc_live_start(struct cyc_live *live, int64_t now_ns)
{
    struct cyc_err none = {0};
    live->now_ns = now_ns;
    live->sent_ns = now_ns;
    if (live->options.resume != NULL) {
        cyc_live_past_start(live);
        return;
    }
    cyc_live_gate_command(live, CYC_MESSAGE_ARM);
    cyc_live_settle(live, CYC_OK, &none);
}

/* ---- Messages of the port processes ----------------------------------------------------------
 */

static void check_plausible(struct cyc_live *live, const struct cyc_sample *sample)
{
    struct cyc_alarm_report report;
    if (!cyc_plausible_sample(live->plausible, sample, &report)) {
        return;
    }
    const struct cyc_session_store *store = &live->options.store;
    (void)store->event(store->context, report.t_ns, "plausibility", "alarm", report.text, NULL);
    if (report.trips) {
        cyc_live_trip(live, CYC_REPLY_FAILED, "%s", report.text); /* told with the end of the run */
    } else {
        cyc_live_tell(live, report.text, true);
    }
}

/* Settled is what was taken after the port had said that the setpoint is in force. */
static void place(const struct cyc_live *live, const struct cyc_message *message,
                  struct cyc_sample *sample)
{
    const int64_t taken_ns = sample->t_ns;
    sample->setpoint_number = message->setpoint_number;
    if (live->in_force && message->setpoint_number == live->force.number && !live->resting &&
        taken_ns >= live->force_ns) {
        sample->flags |= CYC_SAMPLE_SETTLED;
    }
    cyc_live_run_times(live, sample);
}

void cyc_live_run_times(const struct cyc_live *live, struct cyc_sample *sample)
{
    const int64_t since_ns = sample->since_ns;
    sample->t_ns = cyc_live_run_time_ns(live, sample->t_ns);
    sample->since_ns = since_ns > 0 ? cyc_live_run_time_ns(live, since_ns) : 0;
    sample->temperature_age_ns = scaled(live, sample->temperature_age_ns);
    sample->pressure_age_ns = scaled(live, sample->pressure_age_ns);
}

/* Off or tripped under a setpoint, of an instrument that ends none by itself: somebody stands
 * there. The port looks once more and says what it is; the executor would only see a fault. */
static bool is_off_by_itself(const struct cyc_live *live, const struct cyc_message *message)
{
    const uint32_t traits = live->rig->instruments[channel_of(live)->cycler].capabilities.traits;
    const uint32_t flags = message->as.reading.flags;
    const bool driven = live->in_force && !live->resting &&
                        live->force.control != CYC_CONTROL_OPEN &&
                        message->setpoint_number == live->force.number;
    return (traits & (CYC_TRAIT_RUNS_STEPS | CYC_TRAIT_STREAMS)) == 0 &&
           ((flags & (CYC_SAMPLE_ENDED | CYC_SAMPLE_PROTECTION)) != 0 ||
            (driven && (flags & CYC_SAMPLE_OUTPUT_ON) == 0));
}

static void on_reading(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_sample sample;
    if (!cyc_merge_reading(live->options.merge, message, &sample)) {
        return;
    }
    if (message->epoch == live->epoch && message->number <= live->reading_number) {
        return; /* sent again */
    }
    live->epoch = message->epoch;
    live->reading_number = message->number;
    if (live->state != CYC_LIVE_RUNNING || live->strayed || is_off_by_itself(live, message)) {
        return;
    }
    live->read_ns = live->now_ns;
    place(live, message, &sample);
    check_plausible(live, &sample);
    const struct cyc_event event = {
        .kind = CYC_EVENT_SAMPLE, .t_ns = sample.t_ns, .sample = &sample};
    cyc_live_feed(live, &event);
    if (live->state == CYC_LIVE_RUNNING) {
        cyc_live_gate_sweep(live);
    }
}

static void on_armed(struct cyc_live *live, const struct cyc_message *message)
{
    struct cyc_err err = {0};
    if (live->state != CYC_LIVE_ARMING) {
        return;
    }
    if (message->status != CYC_OK) {
        cyc_live_trip(live, CYC_REPLY_FAILED, "the start was refused: %s", message->text);
        cyc_live_settle(live, CYC_OK, &err);
        return;
    }
    live->is_armed = true;
    live->armed = live->options.merge->cycler;
    cyc_live_gate_open(live);
    cyc_live_settle(live, CYC_OK, &err);
}

/* The instrument rests, and so it measures the cell: the protocol may begin. */
static void load(struct cyc_live *live)
{
    struct cyc_err err = {0};
    live->state = CYC_LIVE_LOADING;
    const int status = cyc_session_start(live->session, live->options.time_ns, &err);
    cyc_live_settle(live, status, &err);
    if (!cyc_session_waits_for_source(live->session)) {
        cyc_live_source(live, live->now_ns);
    }
}

static bool is_mine(const struct cyc_live *live, int instrument)
{
    const struct cyc_rig_channel *channel = channel_of(live);
    return instrument == channel->cycler || instrument == channel->chamber ||
           instrument == channel->press;
}

static const char *instrument_name(const struct cyc_live *live, int instrument)
{
    return live->rig->instruments[instrument].name;
}

/* Before it has begun it is not begun without its instruments; later it waits for them. */
static void lose(struct cyc_live *live, int instrument, const char *text)
{
    if (live->state == CYC_LIVE_RUNNING) {
        cyc_live_lose(live, instrument, "%s: %s", instrument_name(live, instrument), text);
    } else {
        cyc_live_trip(live, CYC_REPLY_STALE, "%s: %s", instrument_name(live, instrument), text);
    }
}

/* See message.h: nothing was seen, something was, or it is latched. */
static void on_tripped(struct cyc_live *live, const struct cyc_message *message)
{
    if (message->status == CYC_E_LOST) {
        lose(live, channel_of(live)->cycler, message->text);
    } else if (message->status == CYC_E_HELD && live->state == CYC_LIVE_RUNNING) {
        cyc_live_find(live, message->text);
    } else {
        cyc_live_trip(live, CYC_REPLY_FAILED, "the port has made the channel safe: %s",
                      message->text);
    }
}

static void on_link(struct cyc_live *live, const struct cyc_message *message)
{
    const bool cycler = message->instrument == channel_of(live)->cycler;
    if (!is_mine(live, message->instrument)) {
        return;
    }
    if (message->status == CYC_OK) {
        if (cycler && message->as.identity.power_on && live->state == CYC_LIVE_RUNNING) {
            lose(live, message->instrument, "it was switched on or reset");
        }
        return;
    }
    if (cycler && message->status != CYC_E_IDENTITY) {
        lose(live, message->instrument, message->text);
        return;
    }
    const struct cyc_session_store *store = &live->options.store;
    (void)store->event(store->context, cyc_live_run_time_ns(live, live->now_ns), "port", "link",
                       message->text, NULL);
    cyc_live_tell(live, message->text, true);
    if (message->status == CYC_E_IDENTITY) {
        lose(live, message->instrument, message->text);
    }
}

void cyc_live_message(struct cyc_live *live, const struct cyc_message *message, int64_t now_ns)
{
    struct cyc_err none = {0};
    live->now_ns = now_ns;
    const bool own = message->channel == (int32_t)live->channel;
    if (is_over(live)) {
        struct cyc_sample sample;
        if (message->kind == CYC_MESSAGE_READING) {
            (void)cyc_merge_reading(live->options.merge, message, &sample);
        }
        return;
    }
    if (live->state == CYC_LIVE_RETURNING) {
        cyc_live_past_message(live, message);
        return;
    }
    if (live->strayed && message->kind != CYC_MESSAGE_READING) {
        return; /* the circuit is open, and stays so */
    }
    if (live->state == CYC_LIVE_AWAY) {
        cyc_live_away_message(live, message);
        return;
    }
    if (message->kind == CYC_MESSAGE_READING) {
        on_reading(live, message);
        cyc_live_told_reading(live, message);
        return;
    }
    if (message->kind == CYC_MESSAGE_LINK) {
        on_link(live, message);
    } else if (own && message->kind == CYC_MESSAGE_ARMED) {
        on_armed(live, message);
        return;
    } else if (own && message->kind == CYC_MESSAGE_APPLIED) {
        cyc_live_gate_applied(live, message);
        if (live->state == CYC_LIVE_ARMING && live->in_force) {
            load(live);
            return;
        }
    } else if (own && message->kind == CYC_MESSAGE_TRIPPED) {
        on_tripped(live, message);
    }
    cyc_live_settle(live, CYC_OK, &none);
}

void cyc_live_lost(struct cyc_live *live, int instrument, int64_t now_ns)
{
    struct cyc_err none = {0};
    const bool cycler = instrument == channel_of(live)->cycler;
    live->now_ns = now_ns;
    live->options.merge->linked = live->options.merge->linked && !cycler;
    if (is_over(live) || live->strayed || !is_mine(live, instrument)) {
        return;
    }
    if (live->state == CYC_LIVE_RETURNING || live->state == CYC_LIVE_AWAY) {
        const struct cyc_message gone = {.kind = CYC_MESSAGE_LINK,
                                         .channel = -1,
                                         .instrument = instrument,
                                         .status = CYC_E_LOST,
                                         .text = "its port process is gone"};
        cyc_live_message(live, &gone, now_ns);
        return;
    }
    lose(live, instrument, "its port process is gone");
    cyc_live_settle(live, CYC_OK, &none);
}

/* ---- Source, store, time ---------------------------------------------------------------------
 */

void cyc_live_source(struct cyc_live *live, int64_t now_ns)
{
    struct cyc_err err = {0};
    live->now_ns = now_ns;
    if (live->state == CYC_LIVE_RETURNING) {
        cyc_live_past_tick(live);
        return;
    }
    if (live->state != CYC_LIVE_LOADING && live->state != CYC_LIVE_RUNNING) {
        return;
    }
    if (live->state == CYC_LIVE_LOADING) {
        live->start_ns = now_ns; /* again and again, until there is a step */
    }
    const int64_t t_ns = cyc_live_run_time_ns(live, now_ns);
    const int status = cyc_session_items(live->session, t_ns, &err);
    if (cyc_session_step(live->session) != NULL) {
        live->state = CYC_LIVE_RUNNING;
        live->event_t_ns = t_ns;
        live->event_ns = now_ns;
        live->fed = true;
    }
    cyc_live_settle(live, status, &err);
}

void cyc_live_durable(struct cyc_live *live, uint64_t ticket, int64_t now_ns)
{
    struct cyc_err none = {0};
    live->now_ns = now_ns;
    live->durable = ticket > live->durable ? ticket : live->durable;
    if (live->state != CYC_LIVE_ENDED) {
        cyc_live_settle(live, CYC_OK, &none);
    }
    if (live->state == CYC_LIVE_AWAY && live->late_intent != 0) {
        cyc_live_away_tick(live);
    }
}

void cyc_live_clock(struct cyc_live *live, const char *text, bool slept, int64_t now_ns)
{
    struct cyc_err none = {0};
    const struct cyc_session_store *store = &live->options.store;
    live->now_ns = now_ns;
    if (live->state == CYC_LIVE_RUNNING) {
        const int64_t t_ns = cyc_live_run_time_ns(live, now_ns);
        (void)store->event(store->context, t_ns, "clock", slept ? "slept" : "set", text, NULL);
        cyc_live_tell(live, text, slept);
        live->awake_ns = slept ? now_ns : live->awake_ns;
        live->fed = true;
        cyc_live_settle(live, CYC_OK, &none);
    }
}

/* No reading for so long that the executor would soon call it a fault: the instrument is mute. */
static int64_t silent_due_ns(const struct cyc_live *live)
{
    struct cyc_patience patience;
    if (live->state != CYC_LIVE_RUNNING || live->read_ns == 0) {
        return INT64_MAX;
    }
    cyc_merge_patience(live->rig, live->channel, &patience);
    return live->read_ns + patience.sample_ns / 6 * 5;
}

static int64_t source_due_ns(const struct cyc_live *live)
{
    if (live->source_ns == 0 || live->held) {
        return INT64_MAX;
    }
    return live->source_ns + (live->state == CYC_LIVE_LOADING ? LOADING_NS : PATIENCE_NS);
}

/* When the executor is to be called without a sample. */
static int64_t deadline_due_ns(const struct cyc_live *live)
{
    const struct cyc_actions *wait = cyc_session_wait(live->session);
    if (live->state != CYC_LIVE_RUNNING || wait->deadline_ns == CYC_NEVER) {
        return INT64_MAX;
    }
    const bool at_once = wait->deadline_ns <= live->event_t_ns ||
                         cyc_session_state(live->session) == CYC_STATE_SETTLE;
    if (at_once) {
        return live->event_ns + 2 * live->period_ns;
    }
    const struct cyc_step *step = cyc_session_step(live->session);
    const bool reads_behind = step != NULL && step->resistance_at_count > 0;
    return cyc_live_boot_ns(live, wait->deadline_ns) + (reads_behind ? live->period_ns * 5 / 4 : 0);
}

void cyc_live_tick(struct cyc_live *live, int64_t now_ns)
{
    struct cyc_err none = {0};
    live->now_ns = now_ns;
    if (is_over(live) || live->strayed) {
        return;
    }
    if (live->state == CYC_LIVE_RETURNING) {
        cyc_live_past_tick(live);
        return;
    }
    if (live->state == CYC_LIVE_AWAY) {
        cyc_live_away_tick(live);
        return;
    }
    cyc_live_gate_tick(live);
    if (live->state == CYC_LIVE_ARMING && now_ns - live->sent_ns >= LOADING_NS) {
        cyc_live_trip(live, CYC_REPLY_STALE, "the instrument was not set up in %d s",
                      (int)(LOADING_NS / CYC_S_NS));
    }
    if (now_ns >= source_due_ns(live)) {
        cyc_live_trip(live, CYC_REPLY_STALE, "the protocol gave no step in %d s",
                      (int)((source_due_ns(live) - live->source_ns) / CYC_S_NS));
    }
    if (now_ns >= silent_due_ns(live)) {
        lose(live, channel_of(live)->cycler, "it has become mute");
    }
    if (now_ns >= deadline_due_ns(live) && !live->tripped && !live->lost) {
        const struct cyc_event event = {.kind = CYC_EVENT_DEADLINE,
                                        .t_ns = cyc_live_run_time_ns(live, now_ns)};
        cyc_live_feed(live, &event);
        return;
    }
    cyc_live_settle(live, CYC_OK, &none);
}

int64_t cyc_live_wake_ns(const struct cyc_live *live)
{
    if (is_over(live) || live->strayed) {
        return INT64_MAX;
    }
    if (live->state == CYC_LIVE_RETURNING) {
        return cyc_live_past_wake_ns(live);
    }
    if (live->state == CYC_LIVE_AWAY) {
        return cyc_live_away_wake_ns(live);
    }
    int64_t wake_ns = cyc_live_gate_wake_ns(live);
    const int64_t due_ns = deadline_due_ns(live);
    const int64_t source_ns = source_due_ns(live);
    const int64_t silent_ns = silent_due_ns(live);
    wake_ns = silent_ns < wake_ns ? silent_ns : wake_ns;
    wake_ns = due_ns < wake_ns ? due_ns : wake_ns;
    wake_ns = source_ns < wake_ns ? source_ns : wake_ns;
    if (live->state == CYC_LIVE_ARMING && live->sent_ns + LOADING_NS < wake_ns) {
        wake_ns = live->sent_ns + LOADING_NS;
    }
    return wake_ns;
}

/* ---- Looking at it ----------------------------------------------------------------------------
 */

enum cyc_live_state cyc_live_state(const struct cyc_live *live)
{
    return live->aside_status != CYC_OK ? CYC_LIVE_ASIDE : live->state;
}

void cyc_live_view(const struct cyc_live *live, struct cyc_live_view *view)
{
    struct cyc_dry_outcome outcome = {0};
    *view = (struct cyc_live_view){
        .state = cyc_live_state(live),
        .executor = cyc_session_state(live->session),
        .resting = live->resting,
        .held = live->state == CYC_LIVE_AWAY || live->held ||
                (live->state == CYC_LIVE_RUNNING &&
                 cyc_core_is_interrupted(cyc_session_core(live->session))),
        .aside = live->aside_status,
        .begun = live->state == CYC_LIVE_RUNNING && !live->wanted && !live->in_flight &&
                 !live->environment_wanted && live->environment_count == 0,
        .energised = live->energised,
        .armed = live->is_armed,
    };
    cyc_session_outcome(live->session, 0, &outcome);
    view->finish = outcome.finish;
    cyc_session_progress(live->session, &view->progress);
    view->left_ns = cyc_live_left_ns(live);
    view->progress.t_ns = cyc_live_run_time_ns(live, live->now_ns);
    const bool shown = view->held || view->aside != CYC_OK || live->state == CYC_LIVE_ENDED;
    (void)cyc_copy(view->why, sizeof view->why, shown ? live->why : "");
}

uint64_t cyc_live_reading_number(const struct cyc_live *live, uint64_t *epoch)
{
    *epoch = live->epoch;
    return live->reading_number;
}
