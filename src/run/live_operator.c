/* What operators say to a live channel: pause, resume, skip, stop, abort. */
#include "run/live_int.h"

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
        const int status = cyc_session_let_go(live->session, event.t_ns, &failed);
        cyc_live_settle(live, status, &failed);
        return CYC_OK;
    }
    cyc_live_feed(live, &event);
    return CYC_OK;
}

void cyc_live_abort(struct cyc_live *live, const char *why, int64_t now_ns)
{
    struct cyc_err err = {0};
    live->now_ns = now_ns;
    if (live->state == CYC_LIVE_ENDED) {
        return;
    }
    if (live->state == CYC_LIVE_AWAY) {
        cyc_live_away_close(live);
    }
    const int status =
        cyc_session_stop(live->session, cyc_live_run_time_ns(live, now_ns), false, why, &err);
    cyc_live_settle(live, status, &err);
}
