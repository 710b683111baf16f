/* What an absence came to, and whether the run goes on: for a daemon that comes back to a run
 * (live_past.c) and for a run whose instrument comes back (live_away.c).
 *
 *   interrupt  what nobody saw is a gap, with an estimate and a bound; the circuit is opened
 *   judge      once the cell was seen so: CONTINUE, RESTART, or held until an operator speaks
 */
#include "run/live_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct cyc_rig_channel *channel_of(const struct cyc_live *live)
{
    return &live->rig->channels[live->channel];
}

void cyc_live_past_free(struct cyc_live *live)
{
    if (live->past != NULL) {
        free(live->past->readings);
        free(live->past);
        live->past = NULL;
    }
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* What is known before the circuit is opened. */
static void fill_past(const struct cyc_live *live, const struct cyc_sample *last, bool was_open,
                      struct cyc_resume_facts *facts)
{
    const struct cyc_live_past *past = live->past;
    const struct cyc_step *step = cyc_session_step(live->session);
    const bool off_known = past->off_seen && isfinite(past->off.voltage_V);
    const struct cyc_sample *rest = off_known ? &past->off : last;
    facts->has_state = true;
    facts->rig_then = past->rig_then;
    facts->rig_now = past->rig_now;
    facts->cell_then = facts->cell_now = past->cell;
    facts->then = past->then;
    const struct cyc_sums *test = cyc_core_sums(cyc_session_core(live->session), CYC_SCOPE_TEST);
    facts->untouched = (last == NULL || !isfinite(last->voltage_V)) &&
                       live->options.tail.rows == 0 && !past->known_seen &&
                       !(test->charge_Ah > 0) && !(test->discharge_Ah > 0);
    facts->was_open = was_open || off_known;
    facts->last_V = rest != NULL ? rest->voltage_V : (double)NAN;
    facts->last_A = last != NULL ? last->current_A : (double)NAN;
    const struct cyc_run_tail *tail = &live->options.tail;
    if (tail->rows > 0 && isfinite(tail->voltage_V)) { /* later than what the executor knows */
        facts->was_open = false;
        facts->last_V = tail->voltage_V;
        facts->last_A = tail->current_A;
    }
    if (!isfinite(facts->last_V) && past->known_seen) { /* it was being switched when it was read */
        facts->was_open = (past->known.flags & CYC_SAMPLE_OUTPUT_ON) == 0;
        facts->last_V = past->known.voltage_V;
        facts->last_A = past->known.current_A;
    }
    if (!isfinite(facts->last_V)) {
        cyc_core_known(cyc_session_core(live->session), &facts->last_V, &facts->last_A);
    }
    facts->last_degC = last != NULL ? last->temperature_degC : (double)NAN;
    facts->resistance_ohm = 0.2 / live->options.one_c_A; /* no cell drops more than 0.2 V at 1C */
    facts->bound_Ah = past->gap.bound_Ah;
    facts->nominal_Ah = live->options.facts.nominal_capacity_Ah;
    facts->gap_ns = past->unknown_time ? CYC_NEVER : past->gap.end_ns - past->gap.start_ns;
    facts->has_step = step != NULL && cyc_session_state(live->session) != CYC_STATE_IDLE;
    facts->wish = step != NULL ? step->after_interruption : CYC_INTERRUPTION_HOLD;
    facts->max_gap_ns = step != NULL ? step->max_gap_ns : 0;
    facts->resumable =
        step != NULL && (step->mode < CYC_MODE_SWEEP || step->mode > CYC_MODE_IMPEDANCE);
    facts->planned = past->planned;
}

/* What the same port process reported before is none. */
static bool is_news(const struct cyc_live *live)
{
    const struct cyc_live_past *past = live->past;
    return live->state == CYC_LIVE_AWAY ? past->told
                                        : past->port_epoch != past->epoch || !past->then.power_on;
}

bool cyc_live_is_own(const struct cyc_live *live)
{
    const struct cyc_identity *then = &live->armed, *now = &live->options.merge->cycler;
    return strcmp(then->maker, now->maker) == 0 && strcmp(then->model, now->model) == 0 &&
           strcmp(then->serial_number, now->serial_number) == 0 &&
           strcmp(then->firmware, now->firmware) == 0;
}

bool cyc_live_may_arm(const struct cyc_live *live)
{
    const bool reset = live->options.merge->cycler.power_on && is_news(live);
    return live->past->resumed || (cyc_live_is_own(live) && !reset);
}

static void fill_present(const struct cyc_live *live, struct cyc_resume_facts *facts)
{
    const struct cyc_live_past *past = live->past;
    const struct cyc_merge *merge = live->options.merge;
    const struct cyc_protection *limits = &channel_of(live)->limits;
    const struct cyc_step *step = cyc_session_step(live->session);
    facts->now = merge->cycler;
    facts->now.power_on = merge->cycler.power_on && is_news(live);
    facts->same_port = past->epoch != 0 && past->port_epoch == past->epoch;
    facts->link_up = merge->linked && (live->is_armed || past->arm_status != CYC_OK);
    facts->other = merge->linked ? "" : merge->other;
    facts->arm_status = past->arm_status;
    facts->arm_text = past->arm_text;
    facts->latched = past->arm_status == CYC_E_LATCHED;
    facts->found = past->found;
    facts->protection = past->tripped || (past->latest.flags & CYC_SAMPLE_PROTECTION) != 0;
    facts->now_V = past->fresh ? past->latest.voltage_V : (double)NAN;
    facts->now_A = past->fresh ? past->latest.current_A : (double)NAN;
    facts->now_degC = past->fresh ? past->latest.temperature_degC : (double)NAN;
    facts->low_degC = limits->temperature_min_degC;
    facts->high_degC = limits->temperature_max_degC;
    facts->voltage_min_V = limits->voltage_min_V;
    facts->voltage_max_V = limits->voltage_max_V;
    for (unsigned i = 0; step != NULL && i < step->limit_count; i++) {
        if (step->limits[i].signal == CYC_SIGNAL_VOLTAGE) {
            facts->voltage_min_V = fmax(facts->voltage_min_V, step->limits[i].low);
            facts->voltage_max_V = fmin(facts->voltage_max_V, step->limits[i].high);
        }
    }
}

/* `verdict`: of the gap record, also what is told; `event`: of the event log. */
static void log_gap(struct cyc_live *live, const char *verdict, const char *event, bool alarm)
{
    const struct cyc_session_store *store = &live->options.store;
    struct cyc_gap *gap = &live->past->gap;
    char duration[CYC_NUMBER_SIZE];
    gap->cause = live->past->cause;
    gap->verdict = verdict;
    if (live->options.gap != NULL) {
        live->options.gap(store->context, gap);
    }
    (void)store->event(store->context, gap->end_ns, "executor", "gap", event, NULL);
    if (live->options.intend != NULL) { /* it stands in the journal before the step goes on */
        live->options.intend(store->context);
    }
    struct cyc_text told = {0};
    cyc_text_format(&told, "%s for %s: %s", gap->cause,
                    cyc_duration_text(duration, gap->end_ns - gap->start_ns), verdict);
    cyc_live_tell(live, cyc_text_get(&told), alarm);
    cyc_text_release(&told);
}

static void put_verdict(const struct cyc_live *live, const struct cyc_resume_verdict *verdict,
                        const char *why, struct cyc_text *text)
{
    const bool hold = verdict->action == CYC_RESUME_HOLD;
    cyc_text_append(text, cyc_resume_action_name(verdict->action));
    cyc_text_append(text, hold ? ": " : "");
    cyc_text_append(text, hold ? why : "");
    cyc_text_append(text, hold && live->past->resumed ? "; resumed by an operator" : "");
}

/* `why`: as put_why(). */
static void log_verdict(struct cyc_live *live, const struct cyc_resume_verdict *verdict,
                        const char *why)
{
    struct cyc_text text = {0}, event = {0};
    const bool hold = verdict->action == CYC_RESUME_HOLD;
    put_verdict(live, verdict, verdict->why, &text);
    put_verdict(live, verdict, why, &event);
    log_gap(live, cyc_text_get(&text), cyc_text_get(&event), hold && !live->past->resumed);
    cyc_text_release(&text);
    cyc_text_release(&event);
}

void cyc_live_log_gap(struct cyc_live *live, const char *verdict)
{
    log_gap(live, verdict, verdict, false);
}

static void feed_word(struct cyc_live *live, enum cyc_operator word, int64_t t_ns)
{
    const struct cyc_event event = {
        .kind = CYC_EVENT_OPERATOR, .t_ns = t_ns, .operator_word = word};
    cyc_live_feed(live, &event);
}

static enum cyc_operator word_of(const struct cyc_live_past *past, enum cyc_resume_action action)
{
    return action == CYC_RESUME_RESTART ? CYC_OPERATOR_RESTART
           : past->resumed              ? CYC_OPERATOR_RESUME
                                        : CYC_OPERATOR_CONTINUE;
}

/* The run is this host's again. Held between two steps: the session waits; in one: the executor. */
static void go_on(struct cyc_live *live, enum cyc_resume_action action, int64_t t_ns)
{
    struct cyc_err err = {0};
    const bool in_step = live->past->facts.has_step;
    const bool hold = action == CYC_RESUME_HOLD;
    const enum cyc_operator word = word_of(live->past, action);
    live->state = CYC_LIVE_RUNNING;
    live->event_ns = live->now_ns;
    live->event_t_ns = t_ns;
    live->source_ns = 0;
    live->read_ns = live->now_ns;
    live->armed = live->options.merge->cycler;
    cyc_live_past_free(live);
    live->held = hold && !in_step;
    if (!live->held) {
        if (!in_step) { /* else the executor does */
            cyc_live_gate_surround(live);
        }
        const int status = cyc_session_let_go(live->session, t_ns, &err);
        live->fed = true;
        cyc_live_settle(live, status, &err);
    }
    if (!hold && in_step) {
        feed_word(live, word, t_ns);
    }
}

int64_t cyc_live_seen_ns(const struct cyc_live *live)
{
    const struct cyc_sample *last = cyc_core_last(cyc_session_core(live->session));
    const struct cyc_run_tail *tail = &live->options.tail;
    int64_t seen_ns = cyc_live_run_time_ns(live, live->now_ns);
    if (last != NULL) {
        seen_ns = last->t_ns;
    } else if (live->options.resume != NULL) {
        seen_ns = live->options.resume->journal.t_ns;
    }
    const int64_t counted_ns = cyc_core_counted_ns(cyc_session_core(live->session));
    seen_ns = counted_ns > seen_ns ? counted_ns : seen_ns;
    return tail->rows > 0 && tail->t_ns > seen_ns ? tail->t_ns : seen_ns;
}

bool cyc_live_is_off_known(const struct cyc_live_past *past, int64_t last_ns)
{
    return past->off_seen && past->off.since_ns > last_ns && past->off.since_ns <= past->off.t_ns;
}

void cyc_live_interrupt(struct cyc_live *live, int64_t off_latest_ns)
{
    struct cyc_live_past *past = live->past;
    const struct cyc_core *core = cyc_session_core(live->session);
    const struct cyc_sample *last = cyc_core_last(core);
    const int64_t now_ns = cyc_live_run_time_ns(live, live->now_ns);
    const int64_t seen_ns = cyc_live_seen_ns(live);
    const struct cyc_outage outage = {
        .now_ns = now_ns,
        .step = cyc_session_step(live->session),
        .seen_ns = seen_ns,
        .off_earliest_ns = cyc_live_is_off_known(past, seen_ns) ? off_latest_ns : seen_ns,
        .off_latest_ns = off_latest_ns,
        .current_max_A = fmax(fabs(channel_of(live)->limits.current_max_A),
                              fabs(channel_of(live)->limits.current_min_A)),
        .gone_on = live->options.resume != NULL && past->held_why[0] == '\0' &&
                   cyc_session_state(live->session) == CYC_STATE_PAUSED,
        .tail = live->options.tail.rows > 0 ? &live->options.tail : NULL,
    };
    struct cyc_absence absence;
    past->interrupted_ns = live->now_ns;
    cyc_resume_gap(core, &outage, &absence, &past->gap);
    fill_past(live, last, cyc_core_setpoint(core)->control == CYC_CONTROL_OPEN, &past->facts);
    const struct cyc_event event = {.kind = CYC_EVENT_OPERATOR,
                                    .t_ns = now_ns,
                                    .operator_word = CYC_OPERATOR_INTERRUPT,
                                    .absence = &absence};
    cyc_live_feed(live, &event);
}

/* What a person has not let go yet is not let go by a cable that is put in again, nor by a daemon
 * that dies once more. */
static void stay_held(const struct cyc_live_past *past, struct cyc_resume_verdict *verdict)
{
    if (past->held_why[0] != '\0' && verdict->action != CYC_RESUME_HOLD) {
        verdict->action = CYC_RESUME_HOLD;
        (void)cyc_copy(verdict->why, sizeof verdict->why, past->held_why);
    }
}

/* What interrupted it, then why it is held. What was found at the instrument is both already, and
 * so are the words of a run that was held before. */
static void put_why(const struct cyc_live_past *past, const struct cyc_resume_verdict *verdict,
                    struct cyc_text *text)
{
    char duration[CYC_NUMBER_SIZE];
    const size_t found = strlen(past->found);
    const bool said = (found > 0 && strncmp(verdict->why, past->found, found) == 0) ||
                      strcmp(verdict->why, past->held_why) == 0;
    if (!said) {
        cyc_text_append(text, past->cause);
    }
    if (!said && !past->unknown_time) {
        cyc_text_format(text, " for %s",
                        cyc_duration_text(duration, past->gap.end_ns - past->gap.start_ns));
    }
    cyc_text_append(text, said ? "" : ": ");
    cyc_text_append(text, verdict->why);
}

void cyc_live_judge(struct cyc_live *live)
{
    struct cyc_live_past *past = live->past;
    struct cyc_resume_verdict verdict;
    struct cyc_text why = {0};
    fill_present(live, &past->facts);
    cyc_resume_judge(&past->facts, &verdict);
    stay_held(past, &verdict);
    put_why(past, &verdict, &why);
    log_verdict(live, &verdict, cyc_text_get(&why));
    live->options.resume = NULL;
    live->options.tail = (struct cyc_run_tail){0};
    const bool holds = verdict.action == CYC_RESUME_HOLD && !past->resumed;
    (void)cyc_copy(live->why, sizeof live->why, holds ? cyc_text_get(&why) : "");
    cyc_text_release(&why);
    if (verdict.action == CYC_RESUME_HOLD && !live->is_armed) {
        past->judged = true;
        if (live->state == CYC_LIVE_RETURNING) { /* from here on as if the cycler had been gone */
            past->instrument = channel_of(live)->cycler;
            past->back = past->told = live->options.merge->linked;
            past->back_ns = past->arm_ns = live->now_ns;
            past->off_ns = INT64_MAX;
        }
        live->state = CYC_LIVE_AWAY;
        return;
    }
    const enum cyc_resume_action action =
        past->resumed && verdict.action == CYC_RESUME_HOLD ? CYC_RESUME_CONTINUE : verdict.action;
    go_on(live, action, cyc_live_run_time_ns(live, live->now_ns));
}

void cyc_live_go_on(struct cyc_live *live)
{
    live->why[0] = '\0';
    go_on(live, CYC_RESUME_CONTINUE, cyc_live_run_time_ns(live, live->now_ns));
}
