/* The session: owns the executor, the source and the run folder of one run, and is the same in
 * every host. A host brings events with their time and carries out what concerns instruments.
 *
 *      host ── event ──► session ──► executor ──► actions ──┬─► RECORD, STEP_DONE …  run folder
 *       ▲                   │  ▲                            ├─► result ► source ► next step
 *       └── apply, safe ────┘  └──────── STEP event ────────┘
 *
 * One thread. After each cyc_session_event() the host finds in cyc_session_wait() when the
 * executor wants to be called again.
 */
#ifndef CYC_RUN_SESSION_H
#define CYC_RUN_SESSION_H

#include "run/run.h"
#include "run/trace.h"

/* What a host does for the session; called from within cyc_session_event(). */
struct cyc_host {
    void *context;
    int (*apply)(void *context, const struct cyc_setpoint *setpoint, struct cyc_err *err);
    int (*environment)(void *context, const struct cyc_environment *environment,
                       struct cyc_err *err);
    int (*safe)(void *context, struct cyc_err *err); /* outputs off */
};

struct cyc_session;

/* Opens source, trace and run folder, but starts nothing. `options` and `listener` (may be NULL)
 * are borrowed until the session is closed. */
int cyc_session_open(const struct cyc_dry_options *options, const struct cyc_dry_listener *listener,
                     const struct cyc_host *host, struct cyc_session **session,
                     struct cyc_err *err);
/* Frees; a run that was not finished stays behind as "interrupted". */
void cyc_session_close(struct cyc_session *session);

/* Asks the source for the first step at run time t_ns. */
int cyc_session_start(struct cyc_session *session, int64_t t_ns, struct cyc_err *err);
/* Hands an event to the executor and carries out the actions, as often as steps follow each other
 * without time passing. Errors are those of host and disk; what goes wrong with cell or protocol
 * is an end of the run, not an error. */
int cyc_session_event(struct cyc_session *session, const struct cyc_event *event,
                      struct cyc_err *err);
/* Ends the run by an operator's word, without asking the source again: nothing of `finally`. */
int cyc_session_stop(struct cyc_session *session, int64_t t_ns, bool interrupted, const char *why,
                     struct cyc_err *err);
bool cyc_session_is_over(const struct cyc_session *session);

/* Deadline, watches and `sampled` as the executor gave them last; borrowed. */
const struct cyc_actions *cyc_session_wait(const struct cyc_session *session);
/* The step that runs, NULL between steps and at the end; borrowed. */
const struct cyc_step *cyc_session_step(const struct cyc_session *session);
enum cyc_state cyc_session_state(const struct cyc_session *session);
void cyc_session_progress(const struct cyc_session *session, struct cyc_progress *progress);

/* Makes all rows so far readable for others. */
int cyc_session_commit(struct cyc_session *session, struct cyc_err *err);
/* After the end: evaluates what the protocol expects, writes how the run ended, fills outcome. */
int cyc_session_finish(struct cyc_session *session, int64_t t_ns, struct cyc_dry_outcome *outcome,
                       struct cyc_err *err);

/* "voltage 4.312 V is above the protocol's limit of 4.3 V": for messages and the journal. */
void cyc_fault_text(const struct cyc_fault *fault, struct cyc_text *out);

#endif
