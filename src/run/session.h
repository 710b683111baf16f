/* The session: one run between its executor, its source and its store, the same in every host. A
 * host brings events with their time and carries out what concerns instruments.
 *
 *      host ── event ──► session ──► executor ──► actions ──┬─► RECORD, STEP_DONE …  run folder
 *       ▲                   │  ▲                            ├─► result ► source ► next step
 *       └── apply, safe ────┘  └──────── STEP event ────────┘
 *
 * Source and store are two small tables, so that it makes no difference whether they answer at
 * once (a dry run: the source and the run folder themselves, direct.h) or take their time (live: a
 * process and a thread of their own).
 *
 * One thread. After each cyc_session_event() the host finds in cyc_session_wait() when the
 * executor wants to be called again.
 */
#ifndef CYC_RUN_SESSION_H
#define CYC_RUN_SESSION_H

#include "run/ending.h"
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

/* Where steps come from. */
struct cyc_session_source {
    void *context;
    /* Asks for the next item; `result` is that of the last step (NULL: there is none), valid
     * during the call and, where the source answers at once, during the next answer. */
    int (*ask)(void *context, const struct cyc_result *result, struct cyc_err *err);
    /* The item asked for, borrowed until the next ask. CYC_E_TIMEOUT: it is not there yet. Any
     * other error is the source's own and ends the run. */
    int (*answer)(void *context, struct cyc_item *item, struct cyc_err *err);
    unsigned (*expectations)(void *context, const struct cyc_expectation **rows);
    void (*progress)(void *context, struct cyc_source_progress *progress);
};

/* Where everything about the run is kept; as the functions of store.h. */
struct cyc_session_store {
    void *context;
    int (*row)(void *context, const struct cyc_record *record, const char *step_type,
               struct cyc_err *err);
    int (*step_begin)(void *context, const struct cyc_step *step, uint32_t step_count, int64_t t_ns,
                      struct cyc_err *err);
    int (*step_end)(void *context, const struct cyc_step *step, const struct cyc_result *result,
                    struct cyc_err *err);
    int (*cycle)(void *context, const struct cyc_cycle *cycle, struct cyc_err *err);
    int (*event)(void *context, int64_t t_ns, const char *who, const char *what, const char *why,
                 struct cyc_err *err);
    int (*expectation)(void *context, const struct cyc_expectation *row, struct cyc_err *err);
    int (*commit)(void *context, struct cyc_err *err);
    int (*finish)(void *context, const char *end, const char *why, int64_t t_ns,
                  struct cyc_err *err);
};

struct cyc_session_options {
    const struct cyc_host *host;
    const struct cyc_session_source *source;
    const struct cyc_session_store *store;   /* NULL: nothing is kept */
    const struct cyc_dry_listener *listener; /* NULL: nobody listens */
    const struct cyc_sensors *sensors;       /* for their names in messages; NULL: none; copied */
    const char *trace_path;                  /* NULL: none */
    cyc_trace_put_fn trace;                  /* of store.context, instead of a path; NULL: none */
    /* Of store.context: the last events before the end of each step (ending.h), transferred. NULL:
     * they are not kept. */
    void (*ending)(void *context, uint32_t step_count, struct cyc_ending *ending);
};

struct cyc_session;

/* Opens the trace, but starts nothing. The tables are copied; their contexts must outlive the
 * session. */
int cyc_session_open(const struct cyc_session_options *options, struct cyc_session **session,
                     struct cyc_err *err);
/* Frees. What became of the store is its owner's business. */
void cyc_session_close(struct cyc_session *session);

/* The host has set the executor up: how patient it is, a state to go on from. Into the trace. */
void cyc_session_anchor(struct cyc_session *session);
/* Asks the source for the first step at run time t_ns. */
int cyc_session_start(struct cyc_session *session, int64_t t_ns, struct cyc_err *err);
/* Hands an event to the executor and carries out the actions, as often as steps follow each other
 * without time passing. Errors are those of host and disk; what goes wrong with cell or protocol
 * is an end of the run, not an error. */
int cyc_session_event(struct cyc_session *session, const struct cyc_event *event,
                      struct cyc_err *err);
/* Where a run was when its host was gone. */
struct cyc_session_past {
    uint32_t step_count; /* steps that have ended */
    uint64_t row_count;
    bool in_step;     /* the executor was in the midst of the next one, */
    bool begun;       /* or only the journal knows of its begin */
    int64_t start_ns; /* of that step */
    void *context;
    /* Fills the executor; step NULL: between two steps. */
    int (*restore)(void *context, const struct cyc_step *step, struct cyc_core *core,
                   struct cyc_err *err);
};
/* Instead of cyc_session_start(): asks the source for the interrupted step, if there is one, and
 * holds from then on: no further step begins until cyc_session_let_go(). */
int cyc_session_resume(struct cyc_session *session, const struct cyc_session_past *past,
                       struct cyc_err *err);
/* That step has not been answered yet. */
bool cyc_session_is_returning(const struct cyc_session *session);
/* Holds a run that goes on: no further step begins until cyc_session_let_go(). */
void cyc_session_hold(struct cyc_session *session);
int cyc_session_let_go(struct cyc_session *session, int64_t t_ns, struct cyc_err *err);
/* Why the source does not come to where the run was, so that no further step will begin; NULL: it
 * does, as far as is known. */
const char *cyc_session_strayed(const struct cyc_session *session);
/* Goes on where the source had not answered yet: to be called when it may have. */
int cyc_session_items(struct cyc_session *session, int64_t t_ns, struct cyc_err *err);
/* Something outside failed (a command, the disk, the source): the executor faults, and `why` is the
 * reason that is told and journaled. */
int cyc_session_trip(struct cyc_session *session, int64_t t_ns, enum cyc_reply reply,
                     const char *why, struct cyc_err *err);
/* Ends the run by an operator's word, without asking the source again: nothing of `finally`. */
int cyc_session_stop(struct cyc_session *session, int64_t t_ns, bool interrupted, const char *why,
                     struct cyc_err *err);
bool cyc_session_is_over(const struct cyc_session *session);
bool cyc_session_waits_for_source(const struct cyc_session *session);
/* For the mark, and to be restored before the start; borrowed. */
struct cyc_core *cyc_session_core(struct cyc_session *session);

/* Deadline, watches and `sampled` as the executor gave them last; borrowed. */
const struct cyc_actions *cyc_session_wait(const struct cyc_session *session);
/* The step that runs, NULL between steps and at the end; borrowed. */
const struct cyc_step *cyc_session_step(const struct cyc_session *session);
/* What the step that runs asks a person; "": nothing. */
const char *cyc_session_question(const struct cyc_session *session);
enum cyc_state cyc_session_state(const struct cyc_session *session);
void cyc_session_progress(const struct cyc_session *session, struct cyc_progress *progress);

/* Makes all rows so far readable for others. */
int cyc_session_commit(struct cyc_session *session, struct cyc_err *err);
/* After the end: evaluates what the protocol expects and writes how the run ended. */
int cyc_session_finish(struct cyc_session *session, int64_t t_ns, struct cyc_err *err);
/* What the session knows of the outcome: all but the folder and the cell. */
void cyc_session_outcome(const struct cyc_session *session, int64_t t_ns,
                         struct cyc_dry_outcome *outcome);

/* "voltage of 4.312 V is above the protocol's limit of 4.3 V": for messages and the journal. The
 * names of the channel's sensors may be NULL. */
void cyc_fault_text(const struct cyc_fault *fault, const struct cyc_sensors *sensors,
                    struct cyc_text *out);

#endif
