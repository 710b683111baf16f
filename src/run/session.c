/* How a run goes on.
 *
 *              ┌────────────────────────────────────────────────────────────┐
 *              ▼                                                            │
 *   event ─► executor ─► actions in order ─► STEP_DONE? ── no ─► back to the host
 *                                               │ yes
 *                                               ▼
 *                             source: notes and cycles to the run folder,
 *                             then STEP or END, which is the next event ────┘
 *
 * The loop is turned here and not in the executor, so that any number of steps may follow each
 * other in zero time without recursion; executor and source bound that number themselves.
 *
 * A source may take its time: CYC_E_TIMEOUT from its answer ends the turn, samples go on being
 * accounted to nobody's step, and cyc_session_items() takes it up where it was. Where the source
 * answers at once, as in a dry run, the loop never stops in between.
 *
 * Four things end a run: the FINISH action; a fault (there is no operator in a dry run who could
 * acknowledge it); the operator's word; an error of the source, which is handed to the executor as
 * an end in fault, so that outputs go off by the same path as always. Errors of the disk are
 * returned to the host, which gives up: the folder then says "interrupted".
 */
#include "run/session.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cyc_session {
    struct cyc_dry_listener listener;
    struct cyc_host host;
    struct cyc_session_source source;
    struct cyc_session_store store;
    bool kept;                 /* there is a store */
    struct cyc_core *core;     /* owned */
    struct cyc_trace *trace;   /* owned; NULL: none */
    bool anchor;               /* the executor's state is to go into the trace */
    struct cyc_ending *ending; /* owned; NULL: not kept, or no memory */
    void (*take_ending)(void *context, uint32_t step_count, struct cyc_ending *ending);
    const struct cyc_step *step; /* of the source; NULL between steps */
    const char *question;        /* of an ASK step, the source's; NULL: none */
    struct cyc_actions actions;
    struct cyc_sample last; /* the last sample, for showing */
    struct cyc_sensors sensors;
    uint32_t step_count;
    uint64_t row_count, sample_count;
    bool step_done;         /* the source is to be asked */
    bool step_ended;        /* and to be given the result of that step */
    bool asked;             /* it was, and has not answered yet */
    bool held;              /* it is not to be asked, but for … */
    bool returning;         /* … the step of `past` */
    bool unproven;          /* the source has not come to where the run was yet */
    struct cyc_err strayed; /* and it will not; status CYC_OK: that is not known */
    struct cyc_session_past past;
    bool stopping; /* the source is not to be asked again */
    bool interrupted;
    bool over;
    enum cyc_finish finish;
    struct cyc_err why;   /* text only */
    struct cyc_err cause; /* text of a fault that the host knows better than the executor */
};

/* ---- Opening and closing --------------------------------------------------------------------- */

int cyc_session_open(const struct cyc_session_options *options, struct cyc_session **session,
                     struct cyc_err *err)
{
    struct cyc_session *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the run");
    }
    if (options->listener != NULL) {
        opened->listener = *options->listener;
    }
    if (options->sensors != NULL) {
        opened->sensors = *options->sensors;
    }
    opened->take_ending = options->store != NULL ? options->ending : NULL;
    opened->host = *options->host;
    opened->source = *options->source;
    opened->kept = options->store != NULL;
    if (opened->kept) {
        opened->store = *options->store;
    }
    opened->core = calloc(1, cyc_core_size());
    int status = CYC_OK;
    if (opened->core == NULL) {
        status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the executor");
    } else {
        cyc_core_init(opened->core);
    }
    if (status == CYC_OK && options->trace_path != NULL) {
        status = cyc_trace_open(options->trace_path, &opened->trace, err);
    } else if (status == CYC_OK && options->trace != NULL) {
        status = cyc_trace_open_to(options->trace, opened->store.context, &opened->trace, err);
    }
    if (status != CYC_OK) {
        cyc_session_close(opened);
        return status;
    }
    opened->last.voltage_V = NAN;
    *session = opened;
    return CYC_OK;
}

void cyc_session_close(struct cyc_session *session)
{
    if (session == NULL) {
        return;
    }
    (void)cyc_trace_close(session->trace, NULL);
    cyc_ending_free(session->ending);
    free(session->core);
    free(session);
}

/* ---- Actions of the executor ------------------------------------------------------------------
 */

static int log_event(struct cyc_session *session, int64_t t_ns, const char *who, const char *what,
                     const char *why, struct cyc_err *err)
{
    const struct cyc_session_store *store = &session->store;
    return session->kept ? store->event(store->context, t_ns, who, what, why, err) : CYC_OK;
}

/* An event that does not end the run: whoever looks on hears of it at once. */
static int log_note(struct cyc_session *session, int64_t t_ns, const char *who, const char *what,
                    const char *why, struct cyc_err *err)
{
    if (session->listener.note != NULL) {
        session->listener.note(session->listener.context, t_ns, why);
    }
    return log_event(session, t_ns, who, what, why, err);
}

static int put_record(struct cyc_session *session, struct cyc_err *err)
{
    session->row_count++;
    if (!session->kept) {
        return CYC_OK;
    }
    const char *type = session->step != NULL ? session->step->type : "REST";
    return session->store.row(session->store.context, &session->actions.record, type, err);
}

/* Steps that never ran are worth a line: the author may have meant another value. */
static int log_entry(struct cyc_session *session, const struct cyc_step *step,
                     const struct cyc_result *result, struct cyc_err *err)
{
    struct cyc_text text = {0};
    cyc_text_format(&text, "step %" PRIu32, step->id);
    if (step->name[0] != '\0') {
        cyc_text_format(&text, " '%s'", step->name);
    }
    cyc_text_format(&text, " ended at once: its cutoff (%s) was already met",
                    cyc_reason_name(result->reason));
    const int status =
        log_note(session, result->end_ns, "executor", "note", cyc_text_get(&text), err);
    cyc_text_release(&text);
    return status;
}

static int log_fault(struct cyc_session *session, const struct cyc_fault *fault,
                     struct cyc_err *err)
{
    struct cyc_text text = {0};
    if (session->step != NULL) {
        cyc_text_format(&text, "step %" PRIu32, session->step->id);
        cyc_text_format(&text,
                        session->step->name[0] != '\0' ? " '%s': " : "%s: ", session->step->name);
    }
    if (session->cause.text[0] != '\0') {
        cyc_text_append(&text, session->cause.text);
    } else {
        cyc_fault_text(fault, &session->sensors, &text);
    }
    (void)cyc_err_set(&session->why, CYC_E_BOUND, "%s", cyc_text_get(&text));
    const int status =
        log_event(session, fault->t_ns, "executor", "fault", cyc_text_get(&text), err);
    cyc_text_release(&text);
    return status;
}

static void hand_ending_over(struct cyc_session *session, const struct cyc_step *step)
{
    struct cyc_ending *ending = session->ending;
    if (ending == NULL) {
        return;
    }
    session->ending = NULL;
    if (cyc_ending_detach(ending, step, &session->actions)) {
        session->take_ending(session->store.context, session->actions.result.step_count, ending);
    } else {
        cyc_ending_free(ending);
    }
}

static int end_step(struct cyc_session *session, struct cyc_err *err)
{
    const struct cyc_step *step = session->step;
    const struct cyc_result *result = &session->actions.result;
    if (!CYC_ASSERT(step != NULL)) {
        return cyc_err_set(err, CYC_E_BUG, "a step ended that never began");
    }
    int status = CYC_OK;
    if (session->kept) {
        status = session->store.step_end(session->store.context, step, result, err);
        hand_ending_over(session, step);
    }
    if (status == CYC_OK && (result->flags & CYC_RESULT_AT_ENTRY) != 0) {
        status = log_entry(session, step, result, err);
    }
    if (session->listener.step != NULL) {
        session->listener.step(session->listener.context, step, result);
    }
    session->step_done = true;
    session->step_ended = true;
    return status;
}

static int pause_event(struct cyc_session *session, int64_t t_ns, const struct cyc_action *action,
                       struct cyc_err *err)
{
    if (action->kind == CYC_ACTION_RESUMED) {
        return log_note(session, t_ns, "executor", "resume", "the pause is over", err);
    }
    if (action->as.tag == CYC_TAG_INTERRUPTION) {
        return log_note(session, t_ns, "executor", "interrupted",
                        "the step waits with the circuit open", err);
    }
    const bool asked = action->as.tag == CYC_TAG_OPERATOR;
    return log_note(session, t_ns, asked ? "operator" : "protocol", "pause",
                    asked ? "paused by the operator" : "paused by a cutoff", err);
}

static int carry_out(struct cyc_session *session, int64_t t_ns, const struct cyc_action *action,
                     struct cyc_err *err)
{
    const struct cyc_host *host = &session->host;
    switch (action->kind) {
    case CYC_ACTION_SETPOINT:
        return host->apply(host->context, &action->as.setpoint, err);
    case CYC_ACTION_ENVIRONMENT:
        return host->environment(host->context, &action->as.environment, err);
    case CYC_ACTION_SAFE:
        return host->safe(host->context, err);
    case CYC_ACTION_RECORD:
        return put_record(session, err);
    case CYC_ACTION_STEP_DONE:
        return end_step(session, err);
    case CYC_ACTION_PAUSED:
    case CYC_ACTION_RESUMED:
        return pause_event(session, t_ns, action, err);
    case CYC_ACTION_FINISH:
        session->over = true;
        session->finish = action->as.finish;
        return CYC_OK;
    }
    return cyc_err_set(err, CYC_E_BUG, "the executor gave an action that does not exist");
}

void cyc_session_anchor(struct cyc_session *session)
{
    session->anchor = true;
    if (session->ending != NULL) {
        cyc_ending_clear(session->ending);
    }
}

/* For those who decide it again. */
static void look_before(struct cyc_session *session, const struct cyc_event *event)
{
    const struct cyc_step *step = session->step;
    if (session->trace != NULL) {
        if (session->anchor) {
            cyc_trace_state(session->trace, session->core,
                            event->kind != CYC_EVENT_STEP ? step : NULL);
        }
        cyc_trace_event(session->trace, step, event);
    }
    session->anchor = false;
    if (session->take_ending != NULL && session->ending == NULL) {
        session->ending = cyc_ending_new();
    }
    if (session->ending != NULL) {
        cyc_ending_event(session->ending, session->core, step, event);
    }
}

/* One event to the executor, and all it answers with. */
static int feed(struct cyc_session *session, const struct cyc_event *event, struct cyc_err *err)
{
    look_before(session, event);
    const bool faulty = cyc_core_state(session->core) == CYC_STATE_FAULT;
    cyc_core_handle(session->core, session->step, event, &session->actions);
    if (session->trace != NULL) {
        cyc_trace_actions(session->trace, &session->actions);
    }
    int status = CYC_OK;
    if (!faulty && cyc_core_state(session->core) == CYC_STATE_FAULT) {
        status = log_fault(session, cyc_core_fault(session->core), err);
        session->over = true;
        session->finish = CYC_FINISH_FAULT;
    }
    for (unsigned i = 0; status == CYC_OK && i < session->actions.count; i++) {
        status = carry_out(session, event->t_ns, &session->actions.items[i], err);
    }
    return status;
}

/* ---- The source
 * ---------------------------------------------------------------------------------- */

/* The step that was interrupted: the journal knows it, and so may the executor. */
static int return_to(struct cyc_session *session, const struct cyc_step *step, struct cyc_err *err)
{
    const struct cyc_session_past *past = &session->past;
    session->returning = false;
    session->step = step;
    session->step_count++;
    const int status = session->store.step_begin(session->store.context, step, session->step_count,
                                                 past->start_ns, err);
    if (status != CYC_OK) {
        return status;
    }
    if (past->in_step) {
        const int restored = past->restore(past->context, step, session->core, err);
        cyc_session_anchor(session);
        return restored;
    }
    const struct cyc_event event = {.kind = CYC_EVENT_STEP, .t_ns = past->start_ns};
    return feed(session, &event, err);
}

static int begin_step(struct cyc_session *session, const struct cyc_step *step, int64_t t_ns,
                      struct cyc_err *err)
{
    if (session->returning) {
        return return_to(session, step, err);
    }
    session->step = step;
    session->step_count++;
    if (session->kept) {
        const int status =
            session->store.step_begin(session->store.context, step, session->step_count, t_ns, err);
        if (status != CYC_OK) {
            return status;
        }
    }
    const struct cyc_event event = {.kind = CYC_EVENT_STEP, .t_ns = t_ns};
    return feed(session, &event, err);
}

static int end_of_source(struct cyc_session *session, enum cyc_finish finish, const char *why,
                         int64_t t_ns, struct cyc_err *err)
{
    if (session->why.text[0] == '\0' && why != NULL) {
        (void)cyc_err_set(&session->why, CYC_OK, "%s", why);
    }
    session->step = NULL;
    const struct cyc_event event = {.kind = CYC_EVENT_END, .t_ns = t_ns, .finish = finish};
    const int status = feed(session, &event, err);
    session->over = true;
    session->finish = finish;
    return status;
}

static int end_cycle(struct cyc_session *session, const struct cyc_cycle *cycle,
                     struct cyc_err *err)
{
    if (session->listener.cycle != NULL) {
        session->listener.cycle(session->listener.context, cycle);
    }
    return session->kept ? session->store.cycle(session->store.context, cycle, err) : CYC_OK;
}

/* Hands the result over once; from then on the step that ended is the source's own affair. */
static int ask(struct cyc_session *session, struct cyc_err *err)
{
    const struct cyc_result *result = session->step_ended ? &session->actions.result : NULL;
    if (session->asked) {
        return CYC_OK;
    }
    session->asked = true;
    session->step_ended = false;
    session->step = NULL;
    session->question = NULL;
    return session->source.ask(session->source.context, result, err);
}

static int source_failed(struct cyc_session *session, const struct cyc_err *problem, int64_t t_ns,
                         struct cyc_err *err)
{
    session->step_done = false;
    if (session->unproven) { /* the run stays as it is: somebody may put the protocol right */
        session->strayed = *problem;
        return CYC_OK;
    }
    (void)log_event(session, t_ns, "protocol", "error", problem->text, NULL);
    return end_of_source(session, CYC_FINISH_FAULT, problem->text, t_ns, err);
}

static int take_item(struct cyc_session *session, const struct cyc_item *item, int64_t t_ns,
                     struct cyc_err *err)
{
    switch (item->kind) {
    case CYC_ITEM_STEP:
        session->step_done = false;
        session->question = item->text;
        return begin_step(session, item->step, t_ns, err);
    case CYC_ITEM_END:
        session->step_done = false;
        return end_of_source(session, item->finish, item->text, t_ns, err);
    case CYC_ITEM_NOTE: /* one before the step that is returned to stands in the journal */
        return session->returning ? CYC_OK
                                  : log_note(session, t_ns, "protocol", "note", item->text, err);
    case CYC_ITEM_CYCLE:
        return end_cycle(session, &item->cycle, err);
    }
    return cyc_err_set(err, CYC_E_BUG, "the source gave an item that does not exist");
}

/* Notes and cycles may stand between two steps; each is carried out as it comes. */
static int go_on(struct cyc_session *session, int64_t t_ns, struct cyc_err *err)
{
    int status = CYC_OK;
    while (status == CYC_OK && session->step_done && !session->over && !session->stopping &&
           (!session->held || session->returning)) {
        struct cyc_item item = {0};
        struct cyc_err problem = {0};
        int answered = ask(session, &problem);
        if (answered == CYC_OK) {
            answered = session->source.answer(session->source.context, &item, &problem);
        }
        if (answered == CYC_E_TIMEOUT) {
            return CYC_OK; /* the host comes back with cyc_session_items() */
        }
        session->asked = false;
        session->unproven = session->unproven && answered != CYC_OK;
        status = answered == CYC_OK ? take_item(session, &item, t_ns, err)
                                    : source_failed(session, &problem, t_ns, err);
    }
    return status;
}

int cyc_session_start(struct cyc_session *session, int64_t t_ns, struct cyc_err *err)
{
    session->step_done = true;
    return go_on(session, t_ns, err);
}

int cyc_session_resume(struct cyc_session *session, const struct cyc_session_past *past,
                       struct cyc_err *err)
{
    session->past = *past;
    session->held = session->unproven = true;
    session->step_count = past->step_count;
    session->row_count = past->row_count;
    const int status =
        past->in_step ? CYC_OK : past->restore(past->context, NULL, session->core, err);
    if (status != CYC_OK || !(past->in_step || past->begun)) {
        return status;
    }
    session->returning = true;
    session->step_done = true;
    return go_on(session, past->start_ns, err);
}

bool cyc_session_is_returning(const struct cyc_session *session)
{
    return session->returning && !session->over;
}

const char *cyc_session_strayed(const struct cyc_session *session)
{
    return session->strayed.status != CYC_OK ? session->strayed.text : NULL;
}

void cyc_session_hold(struct cyc_session *session)
{
    session->held = true;
}

int cyc_session_let_go(struct cyc_session *session, int64_t t_ns, struct cyc_err *err)
{
    session->held = false;
    session->step_done = session->step_done || cyc_core_state(session->core) == CYC_STATE_IDLE;
    return go_on(session, t_ns, err);
}

int cyc_session_items(struct cyc_session *session, int64_t t_ns, struct cyc_err *err)
{
    return go_on(session, t_ns, err);
}

int cyc_session_event(struct cyc_session *session, const struct cyc_event *event,
                      struct cyc_err *err)
{
    if (event->kind == CYC_EVENT_SAMPLE) {
        session->last = *event->sample;
        session->sample_count++;
    }
    const int status = feed(session, event, err);
    return status != CYC_OK || !session->step_done ? status : go_on(session, event->t_ns, err);
}

int cyc_session_stop(struct cyc_session *session, int64_t t_ns, bool interrupted, const char *why,
                     struct cyc_err *err)
{
    if (session->over) {
        return CYC_OK;
    }
    session->stopping = true;
    session->interrupted = interrupted;
    (void)cyc_err_set(&session->why, CYC_OK, "%s", why);
    const struct cyc_event event = {
        .kind = CYC_EVENT_OPERATOR, .t_ns = t_ns, .operator_word = CYC_OPERATOR_STOP};
    int status = feed(session, &event, err);
    if (status == CYC_OK) {
        status = log_event(session, t_ns, "operator", interrupted ? "interrupt" : "stop", why, err);
    }
    session->over = true;
    session->finish = CYC_FINISH_STOPPED;
    return status;
}

int cyc_session_trip(struct cyc_session *session, int64_t t_ns, enum cyc_reply reply,
                     const char *why, struct cyc_err *err)
{
    if (session->over) {
        return CYC_OK;
    }
    (void)cyc_err_set(&session->cause, CYC_OK, "%s", why);
    const struct cyc_event event = {.kind = CYC_EVENT_REPLY, .t_ns = t_ns, .reply = reply};
    return feed(session, &event, err);
}

/* ---- Looking at a session -----------------------------------------------------------------------
 */

bool cyc_session_waits_for_source(const struct cyc_session *session)
{
    return session->asked && !session->over;
}

struct cyc_core *cyc_session_core(struct cyc_session *session)
{
    return session->core;
}

bool cyc_session_is_over(const struct cyc_session *session)
{
    return session->over;
}

const struct cyc_actions *cyc_session_wait(const struct cyc_session *session)
{
    return &session->actions;
}

const struct cyc_step *cyc_session_step(const struct cyc_session *session)
{
    return session->step;
}

const char *cyc_session_question(const struct cyc_session *session)
{
    const bool asks = session->step != NULL && session->step->mode == CYC_MODE_ASK;
    return asks && session->question != NULL ? session->question : "";
}

enum cyc_state cyc_session_state(const struct cyc_session *session)
{
    return cyc_core_state(session->core);
}

void cyc_session_progress(const struct cyc_session *session, struct cyc_progress *progress)
{
    struct cyc_source_progress plan = {0};
    session->source.progress(session->source.context, &plan);
    const struct cyc_sums *sums = cyc_core_sums(session->core, CYC_SCOPE_STEP);
    *progress = (struct cyc_progress){
        .t_ns = session->last.t_ns,
        .cycle_number = plan.cycle,
        .cycle_count = plan.cycle_count,
        .step_count = session->step_count,
        .step = session->step,
        .voltage_V = session->last.voltage_V,
        .current_A = session->last.current_A,
        .temperature_degC = session->last.temperature_degC,
        .step_capacity_Ah = sums->charge_Ah + sums->discharge_Ah,
    };
}

/* ---- The end
 * --------------------------------------------------------------------------------------- */

int cyc_session_commit(struct cyc_session *session, struct cyc_err *err)
{
    return session->kept ? session->store.commit(session->store.context, err) : CYC_OK;
}

static int put_expectations(struct cyc_session *session, struct cyc_err *err)
{
    const struct cyc_expectation *rows = NULL;
    const unsigned count = session->source.expectations(session->source.context, &rows);
    int status = CYC_OK;
    for (unsigned i = 0; status == CYC_OK && i < count; i++) {
        const struct cyc_expectation *row = &rows[i];
        if (session->listener.expectation != NULL) {
            session->listener.expectation(session->listener.context, row);
        }
        if (session->kept) {
            status = session->store.expectation(session->store.context, row, err);
        }
    }
    return status;
}

int cyc_session_finish(struct cyc_session *session, int64_t t_ns, struct cyc_err *err)
{
    int status = put_expectations(session, err);
    if (status == CYC_OK && session->kept) {
        const char *end = session->interrupted ? "interrupted" : cyc_finish_name(session->finish);
        session->kept = false;
        status = session->store.finish(session->store.context, end, session->why.text, t_ns, err);
    }
    struct cyc_trace *trace = session->trace;
    session->trace = NULL;
    const int traced = cyc_trace_close(trace, status == CYC_OK ? err : NULL);
    return status != CYC_OK ? status : traced;
}

void cyc_session_outcome(const struct cyc_session *session, int64_t t_ns,
                         struct cyc_dry_outcome *outcome)
{
    *outcome = (struct cyc_dry_outcome){
        .finish = session->finish,
        .interrupted = session->interrupted,
        .t_ns = t_ns,
        .row_count = session->row_count,
        .step_count = session->step_count,
        .sample_count = session->sample_count,
        .fault = *cyc_core_fault(session->core),
    };
    (void)cyc_copy(outcome->why, sizeof outcome->why, session->why.text);
}
