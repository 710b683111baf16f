/* What operators say to a live channel: pause, resume, skip, stop, abort. */
#include "run/live_int.h"

#include <stdio.h>

static int refuse(struct cyc_err *err, const char *why)
{
    return cyc_err_set(err, CYC_E_REFUSED, "%s", why);
}

/* Why a word makes no sense now; NULL: it does. */
static const char *objection(const struct cyc_live *live, enum cyc_operator word)
{
    const enum cyc_state state = cyc_session_state(live->session);
    if (live->state == CYC_LIVE_ENDED) {
        return "the run has ended";
    }
    if (live->state == CYC_LIVE_AWAY) {
        return word == CYC_OPERATOR_RESUME || word == CYC_OPERATOR_ANSWER ||
                       word == CYC_OPERATOR_STOP
                   ? NULL
                   : "it is held; resume or stop it";
    }
    if (live->state != CYC_LIVE_RUNNING) {
        return "the run has not begun yet";
    }
    if (live->strayed) {
        return word == CYC_OPERATOR_STOP ? NULL
                                         : "its protocol does not come to where the run was; put "
                                           "it back and restart, or stop the run";
    }
    const bool between = cyc_session_step(live->session) == NULL;
    if (live->held) {
        return word == CYC_OPERATOR_RESUME || word == CYC_OPERATOR_STOP
                   ? NULL
                   : "it is held between two steps; resume or stop it";
    }
    if (word == CYC_OPERATOR_PAUSE && state == CYC_STATE_PAUSED) {
        return "it is paused already";
    }
    if (word == CYC_OPERATOR_RESUME && state != CYC_STATE_PAUSED) {
        return "it is not paused";
    }
    if ((word == CYC_OPERATOR_PAUSE || word == CYC_OPERATOR_SKIP) && between) {
        return "it is between two steps; try again";
    }
    return NULL;
}

/* What was said stands in the journal before anything energises because of it. */
static void intend(struct cyc_live *live)
{
    if (live->options.intend != NULL) {
        live->options.intend(live->options.store.context);
    }
}

static int while_away(struct cyc_live *live, enum cyc_operator word, struct cyc_err *err)
{
    if (word == CYC_OPERATOR_STOP) { /* nothing can be driven: no steps of `finally` */
        cyc_live_abort(live, "by an operator, while an instrument was gone", live->now_ns);
        return CYC_OK;
    }
    const char *why = cyc_live_away_resume(live);
    return why == NULL ? CYC_OK : refuse(err, why);
}

int cyc_live_operator(struct cyc_live *live, enum cyc_operator word, const char *who,
                      int64_t now_ns, struct cyc_err *err)
{
    static const char *const words[] = {
        [CYC_OPERATOR_PAUSE] = "pause",   [CYC_OPERATOR_RESUME] = "resume",
        [CYC_OPERATOR_SKIP] = "skip",     [CYC_OPERATOR_STOP] = "stop",
        [CYC_OPERATOR_ANSWER] = "answer",
    };
    live->now_ns = now_ns;
    const struct cyc_step *step = cyc_session_step(live->session);
    const bool asks = step != NULL && step->mode == CYC_MODE_ASK;
    const enum cyc_operator meant =
        word == CYC_OPERATOR_RESUME && asks && cyc_session_state(live->session) != CYC_STATE_PAUSED
            ? CYC_OPERATOR_ANSWER
            : word;
    const char *why = objection(live, meant);
    if (why != NULL) {
        return refuse(err, why);
    }
    const struct cyc_session_store *store = &live->options.store;
    const struct cyc_event event = {.kind = CYC_EVENT_OPERATOR,
                                    .t_ns = cyc_live_run_time_ns(live, now_ns),
                                    .operator_word = meant};
    (void)store->event(store->context, event.t_ns, who, "command", words[meant], NULL);
    if (live->strayed) {
        cyc_live_abort(live, live->why, now_ns);
        return CYC_OK;
    }
    intend(live);
    if (live->state == CYC_LIVE_AWAY) {
        return while_away(live, meant, err);
    }
    live->why[0] = '\0';
    if (live->held && meant == CYC_OPERATOR_RESUME) {
        struct cyc_err failed = {0};
        live->held = false;
        live->source_ns = 0;
        cyc_live_gate_surround(live);
        const int status = cyc_session_let_go(live->session, event.t_ns, &failed);
        cyc_live_settle(live, status, &failed);
        return CYC_OK;
    }
    cyc_live_feed(live, &event);
    return CYC_OK;
}

/* Not where something else has happened already that is still to be judged. */
void cyc_live_leave(struct cyc_live *live, const char *who, int64_t now_ns)
{
    const struct cyc_session_store *store = &live->options.store;
    live->now_ns = now_ns;
    if (live->state == CYC_LIVE_RUNNING && !live->strayed && !live->tripped) {
        (void)store->event(store->context, cyc_live_run_time_ns(live, now_ns), who, "restart",
                           "restarted by a person: it rests until the next daemon is there", NULL);
    }
}

/* Who answers in the place of the run's instrument; nothing is added when it is that one, nobody
 * does, or the run has never had one. */
static void put_other(const struct cyc_live *live, struct cyc_text *text)
{
    const struct cyc_merge *merge = live->options.merge;
    const bool sure = live->past == NULL && !live->strayed;
    if (sure || live->is_armed || live->armed.maker[0] == '\0') {
        return;
    }
    if (merge->linked) {
        cyc_resume_differs(&live->armed, &merge->cycler, text);
    } else {
        cyc_text_append(text, merge->other);
    }
}

static void note_not_off(struct cyc_live *live)
{
    const struct cyc_live_hands *hands = &live->options.hands;
    struct cyc_text other = {0};
    char where[96] = "may be anywhere: `cyclostat identify` asks all ports";
    put_other(live, &other);
    if (other.length > 0) {
        if (hands->find != NULL) {
            (void)hands->find(hands->context, &live->armed, where, sizeof where);
        }
        (void)snprintf(live->not_off, sizeof live->not_off,
                       "OFF was not sent: %.120s; see that the output of '%.24s' is off, which %s",
                       cyc_text_get(&other), live->armed.serial_number, where);
    }
    cyc_text_release(&other);
}

const char *cyc_live_not_off(const struct cyc_live *live)
{
    return live->not_off;
}

void cyc_live_abort(struct cyc_live *live, const char *why, int64_t now_ns)
{
    struct cyc_err err = {0};
    live->now_ns = now_ns;
    if (live->state == CYC_LIVE_ENDED) {
        return;
    }
    note_not_off(live);
    if (live->state == CYC_LIVE_AWAY) {
        cyc_live_away_close(live);
    }
    const int64_t t_ns = cyc_live_run_time_ns(live, now_ns);
    const bool off = live->not_off[0] == '\0';
    if (!off) {
        const struct cyc_session_store *store = &live->options.store;
        (void)store->event(store->context, t_ns, "port", "not_off", live->not_off, NULL);
        cyc_live_tell(live, live->not_off, true);
    }
    const int status =
        cyc_session_stop(live->session, t_ns, false, off ? why : live->not_off, &err);
    cyc_live_settle(live, status, &err);
}
