/* The executor: a pure function of (state, step, event) to actions.
 *
 * It knows steps, limits, cutoffs, sums and the record rule; it knows no protocol text, no
 * instrument, no clock and no I/O. Time arrives inside the event as int64 nanoseconds of run time;
 * effects leave as data in struct cyc_actions. It allocates nothing, does not recurse, holds no
 * pointers in its state, and needs no libm beyond fabs, fmin, fmax: the same events give the same
 * actions with gcc and clang, -O0 and -O2.
 *
 *      source ── step ──►  ┌──────────┐ ──► SETPOINT, ENVIRONMENT, SAFE   (to the instruments)
 *      sample, deadline ─► │ executor │ ──► RECORD                        (to the data file)
 *      reply, operator  ─► └──────────┘ ──► STEP_DONE, FINISH             (to source and journal)
 *
 * Order within one sample: accumulate, limits, cutoffs in written order, record, transition.
 *
 * A host calls cyc_core_handle() with one event at a time and carries the actions out in order.
 * After each call `deadline_ns` and `watches` say when the executor must be called again: a host
 * that samples ignores the watches; one that can find crossings (a simulated cell) may jump to the
 * earliest of the deadline and the first crossing. `sampled` set: at least one condition is not a
 * set of thresholds, so samples are needed at most CYC_SAMPLE_GAP_NS apart.
 *
 * The caller passes the current step with each event; it must not change between the STEP event
 * and the action STEP_DONE. Between steps it may be NULL.
 *
 * The time of a SAMPLE event is sample->t_ns. A deadline equal to now asks for a sample at once:
 * after a setpoint the first one under it, at the very first step one before any setpoint
 * (setpoint_number 0). A fault gives, in this order, SAFE, the last RECORD and STEP_DONE of the
 * step that was running (reason FAULT: the source is not asked again), FINISH with FAULT. When a
 * sample that was asked for does not come, a live host sends DEADLINE events instead: they change
 * segments on time and, CYC_STALE_NS after the sample was due, trip a fault.
 *
 * A live host that comes back after it was gone loads the state, hands in the samples that somebody
 * kept for it, and then says INTERRUPT: from any state the circuit is opened, step time and
 * trapezoid end at the last sample, what is known of the gap is added as an estimate, and the step
 * waits until CONTINUE, RESTART or an operator's RESUME, SKIP or STOP. Limits are tested meanwhile.
 */
#ifndef CYC_CORE_CORE_H
#define CYC_CORE_CORE_H

#include "base/quantity.h"
#include "base/status.h"
#include "base/text.h"
#include "core/types.h"

#define CYC_ACTIONS_MAX   8
#define CYC_WATCHES_MAX   40
#define CYC_SLOPE_POINTS  128
#define CYC_SAMPLE_GAP_NS (10 * CYC_S_NS)
#define CYC_LIMIT_CONFIRM_NS                                                                       \
    (100 * CYC_MS_NS) /* a breach is confirmed by a sample this much later */
#define CYC_STALE_NS                                                                               \
    (3 * CYC_S_NS) /* stale or invalid data for longer trip a fault (live); see cyc_patience */

enum cyc_event_kind {
    CYC_EVENT_STEP,     /* `step` is the next one; t_ns is now */
    CYC_EVENT_SAMPLE,   /* `sample` */
    CYC_EVENT_DEADLINE, /* t_ns is now, without a sample */
    CYC_EVENT_REPLY,    /* `reply` to the last SETPOINT */
    CYC_EVENT_OPERATOR, /* `operator_word` */
    CYC_EVENT_END       /* the source has ended: finish (`finish`) */
};

enum cyc_reply { CYC_REPLY_OK, CYC_REPLY_FAILED, CYC_REPLY_STALE, CYC_REPLY_INFEASIBLE };
enum cyc_operator {
    CYC_OPERATOR_PAUSE,
    CYC_OPERATOR_RESUME,
    CYC_OPERATOR_SKIP,
    CYC_OPERATOR_STOP,
    CYC_OPERATOR_ANSWER,      /* to an ASK step */
    CYC_OPERATOR_ACKNOWLEDGE, /* leaves FAULT */
    /* Of a live host that was interrupted: */
    CYC_OPERATOR_INTERRUPT, /* circuit open and wait; `absence` may tell of the gap */
    CYC_OPERATOR_CONTINUE,  /* go on with the step; a pause from before goes on as well */
    CYC_OPERATOR_RESTART    /* the step begins anew; its charge stays in cycle, block and test */
};
enum cyc_finish { CYC_FINISH_DONE, CYC_FINISH_STOPPED, CYC_FINISH_FAILED, CYC_FINISH_FAULT };

/* What an absence of the host came to, as far as is known. */
struct cyc_absence {
    struct cyc_sums passed; /* estimate of what passed since the last sample; all 0: nothing */
    uint64_t record_count;  /* rows written by then; 0: as the executor knows it */
};

struct cyc_event {
    enum cyc_event_kind kind;
    int64_t t_ns;
    const struct cyc_sample *sample; /* borrowed for the call */
    enum cyc_reply reply;
    enum cyc_operator operator_word;
    const struct cyc_absence *absence; /* with INTERRUPT; may be NULL; borrowed */
    enum cyc_finish finish;
};

/* A row of the data: a sample that the record rule chose, with its place in the test. */
struct cyc_record {
    struct cyc_sample sample;
    int64_t step_time_ns;
    uint64_t index; /* Record Index, from 1 */
    uint32_t step_count;
    uint32_t step_id;
    uint32_t cycle_number;
    struct cyc_sums step;
    struct cyc_sums cycle;
    struct cyc_sums test;
};

enum cyc_action_kind {
    CYC_ACTION_SETPOINT,    /* apply `setpoint` */
    CYC_ACTION_ENVIRONMENT, /* apply `environment` */
    CYC_ACTION_SAFE,        /* outputs off, now; exactly one per fault */
    CYC_ACTION_RECORD,      /* write actions.record */
    CYC_ACTION_STEP_DONE,   /* actions.result is complete: ask the source for the next step */
    CYC_ACTION_PAUSED, /* for the journal: a pause began; `tag` of the cutoff, or one of the two */
    CYC_ACTION_RESUMED,
    CYC_ACTION_FINISH /* the run is over: `finish` */
};

#define CYC_TAG_OPERATOR     (-1)
#define CYC_TAG_INTERRUPTION (-2)

struct cyc_action {
    enum cyc_action_kind kind;
    union {
        struct cyc_setpoint setpoint;
        struct cyc_environment environment;
        int32_t tag;
        enum cyc_finish finish;
    } as;
};

/* A threshold whose crossing, in either direction, the executor wants to see. Sums are counted
 * from the present sample: `value` is what remains. */
struct cyc_watch {
    uint8_t signal; /* VOLTAGE, CURRENT, POWER, TEMPERATURE, AMBIENT, PRESSURE or a sum */
    bool magnitude; /* of |signal| */
    double value;
};

/* Filled by cyc_core_handle(). Caller-owned; need not be cleared between calls. */
struct cyc_actions {
    unsigned count;
    struct cyc_action items[CYC_ACTIONS_MAX];
    struct cyc_record record; /* valid with CYC_ACTION_RECORD */
    struct cyc_result result; /* valid with CYC_ACTION_STEP_DONE */
    int64_t deadline_ns;      /* CYC_NEVER: none */
    bool sampled;
    unsigned watch_count;
    struct cyc_watch watches[CYC_WATCHES_MAX];
};

enum cyc_state {
    CYC_STATE_IDLE,   /* waits for a STEP or END */
    CYC_STATE_SETTLE, /* setpoint sent, no settled sample under it yet */
    CYC_STATE_RUN,
    CYC_STATE_HOLD, /* CV phase of CC-CV */
    CYC_STATE_PAUSED,
    CYC_STATE_FAULT, /* only an operator leaves it */
    CYC_STATE_FINISHED
};

/* The whole state: plain data, no pointers, zeroed by cyc_core_init(). Fields are the executor's
 * own; the store writes them by name into the mark. The layout is core_state.h's business. */
struct cyc_core;

/* Bytes of a struct cyc_core, for callers that keep it in their own storage. */
unsigned long cyc_core_size(void);
void cyc_core_init(struct cyc_core *core);
/* How old data may be, in run time, before they count as stale: a host whose instruments are polled
 * seldom, or whose run time is faster than its clock, says so after cyc_core_init(). Each at
 * least CYC_STALE_NS. Not part of what a mark saves. */
struct cyc_patience {
    int64_t sample_ns, temperature_ns, pressure_ns;
};
void cyc_core_set_patience(struct cyc_core *core, const struct cyc_patience *patience);
void cyc_core_patience(const struct cyc_core *core, struct cyc_patience *patience);
void cyc_core_handle(struct cyc_core *core, const struct cyc_step *step,
                     const struct cyc_event *event, struct cyc_actions *actions);

/* For a state that was saved elsewhere: zeroed, with what is derived from `step` (NULL: between
 * steps) filled in; the saved fields go on top of that. False: no such step can be carried out. */
bool cyc_core_prepare(struct cyc_core *core, const struct cyc_step *step);
/* Whether such a state may be gone on with under this step: no number leads out of a table, and in
 * the midst of a step there is one. */
bool cyc_core_is_sound(const struct cyc_core *core, const struct cyc_step *step);

enum cyc_state cyc_core_state(const struct cyc_core *core);
/* Whether the state waits after an INTERRUPT for CONTINUE, RESTART or an operator. */
bool cyc_core_is_interrupted(const struct cyc_core *core);
/* All that was asked of chamber and press so far; NaN: nothing. */
const struct cyc_environment *cyc_core_environment(const struct cyc_core *core);
const struct cyc_fault *cyc_core_fault(const struct cyc_core *core); /* kind NONE: none */
/* The latest sample; NULL: none yet. Its charge belongs to it alone. */
const struct cyc_sample *cyc_core_last(const struct cyc_core *core);
/* Voltage and current of the latest sample in which both were numbers; NaN: there was none. */
void cyc_core_known(const struct cyc_core *core, double *voltage_V, double *current_A);
/* Run time up to which charge was counted: the latest such sample, or the end of a gap after it. */
int64_t cyc_core_counted_ns(const struct cyc_core *core);
const struct cyc_setpoint *cyc_core_setpoint(const struct cyc_core *core);
/* The step's own time: under its own setpoint. */
int64_t cyc_core_step_time_ns(const struct cyc_core *core);
uint32_t cyc_core_step_count(const struct cyc_core *core);
const struct cyc_sums *cyc_core_sums(const struct cyc_core *core, unsigned scope);
/* Adds a net charge that passed at a voltage, with its energy, on its own side. */
void cyc_sums_pass(struct cyc_sums *sums, double net_Ah, double voltage_V);

/* Words for messages, journal and trace: "cc", "voltage", "next", … Never NULL. */
const char *cyc_mode_name(enum cyc_mode mode);
const char *cyc_reason_name(enum cyc_reason reason);
const char *cyc_follow_up_name(enum cyc_follow_up action);
const char *cyc_signal_name(unsigned signal); /*, for example "charge_capacity" */
/* The same, with its place where there are several: "sensor[2]", "slope[0]"; returns text. */
#define CYC_SIGNAL_TEXT 32
const char *cyc_signal_text(char text[CYC_SIGNAL_TEXT], unsigned signal, unsigned index);
const char *cyc_control_name(enum cyc_control control);
const char *cyc_state_name(enum cyc_state state);
const char *cyc_fault_name(enum cyc_fault_kind kind);
const char *cyc_finish_name(enum cyc_finish finish);

/* The kind of a signal, for its unit in messages; NUMBER where it depends (sensors, slopes). */
enum cyc_kind cyc_signal_kind(unsigned signal);

#endif
