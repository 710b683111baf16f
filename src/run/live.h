/* One channel live: real time, and instruments behind port processes.
 *
 *      reading, applied, tripped …            session: executor, source, store
 *   port ──────────────────────────► live ◄──────────────────────────────────►
 *        ◄──────────────────────────  │
 *      apply, environment, safe       └─ setpoints wait until their intent is durable
 *
 * It decides nothing about the protocol and does no I/O of its own: messages come in by function
 * calls with the time, and leave through struct cyc_live_hands. One thread. Times called `now_ns`
 * are CLOCK_BOOTTIME; run time is theirs since the start, times the rate.
 */
#ifndef CYC_RUN_LIVE_H
#define CYC_RUN_LIVE_H

#include "device/message.h"
#include "device/rig.h"
#include "run/plausible.h"
#include "run/resume.h"
#include "run/session.h"

/* An intent not durable by then: SAFE, and see live_away.c. */
#define CYC_INTENT_PATIENCE_NS  (250 * CYC_MS_NS)
#define CYC_COMMAND_PATIENCE_NS (3 * CYC_S_NS) /* a command not answered by then: fault */

/* ---- Readings merged into samples (live_merge.c) ----------------------------------------------
 *
 * The electrical reading is the channel's clock: each one becomes a sample, with the latest value
 * of every other sensor and its age. A channel has one whether a run is on it or not.
 */

#define CYC_MERGE_SENSORS (3 + CYC_AUX_MAX) /* temperature, ambient, pressure, named ones */

struct cyc_merge {
    const struct cyc_rig *rig; /* borrowed */
    unsigned channel;
    double values[CYC_MERGE_SENSORS]; /* NaN: never, or not valid */
    int64_t times_ns[CYC_MERGE_SENSORS];
    struct cyc_reading electrical; /* the latest, as read */
    bool linked;                   /* the cycler has answered, and who it was: */
    struct cyc_identity cycler;
    char other[160]; /* not linked, since another one answers, as the port tells; "": not so */
    bool has_electrical;
};
void cyc_merge_init(struct cyc_merge *merge, const struct cyc_rig *rig, unsigned channel);
/* Takes a READING of any instrument. True: it is an electrical one of this channel, and *sample is
 * filled but for its setpoint number; times in CLOCK_BOOTTIME. */
bool cyc_merge_reading(struct cyc_merge *merge, const struct cyc_message *message,
                       struct cyc_sample *sample);
/* The same of what was read last, whatever its age; NaN before there was anything. */
void cyc_merge_latest(const struct cyc_merge *merge, int64_t now_ns, struct cyc_sample *sample);
/* How old values may be: the longest of three polls and three seconds, for each kind. */
void cyc_merge_patience(const struct cyc_rig *rig, unsigned channel, struct cyc_patience *patience);

/* ---- A run on a channel -----------------------------------------------------------------------
 */

/* What a live run asks of the daemon. */
struct cyc_live_hands {
    void *context;
    /* To the port process of that instrument; never blocks. */
    int (*send)(void *context, int instrument, const struct cyc_message *message,
                struct cyc_err *err);
    /* For those who look on; `alarm`: also for the rig's alarm command. May be NULL. */
    void (*tell)(void *context, int64_t t_ns, const char *text, bool alarm);
    /* "answers on port …", where it does on this rig; else false, and *where untouched. May be
     * NULL. */
    bool (*find)(void *context, const struct cyc_identity *who, char *where, size_t size);
};

struct cyc_live_options {
    struct cyc_merge *merge; /* of the channel; borrowed */
    struct cyc_live_hands hands;
    struct cyc_session_source source;
    struct cyc_session_store store;
    const uint64_t *intent; /* the store's ticket of what must be durable before anything energises:
                               the latest step_begin, or … */
    void (*intend)(void *context); /* … the event or gap posted last; of store.context */
    double rate;                   /* run time per real time */
    int64_t time_ns;               /* run time at the start; 0 but for a resumed run */
    struct cyc_plausible_facts facts;
    double one_c_A;         /* of the cell */
    cyc_trace_put_fn trace; /* of store.context; NULL: none */
    /* Of a run that is gone on with; else NULL. Borrowed until the run is RUNNING. */
    const struct cyc_resume *resume;
    bool was_aside;           /* … by this daemon, which had set it aside */
    struct cyc_run_tail tail; /* rows that were kept */
    const char *rig_now;      /* cyc_rig_channel_json(); borrowed as long */
    void (*gap)(void *context, const struct cyc_gap *gap); /* for the journal; of store.context */
    void (*ending)(void *context, uint32_t step_count, struct cyc_ending *ending); /* session.h */
};

enum cyc_live_state {
    CYC_LIVE_ARMING,    /* protections are being written and read back */
    CYC_LIVE_RETURNING, /* the same for a run that is gone on with, and what happened meanwhile */
    CYC_LIVE_LOADING,   /* the source is asked for its first step */
    CYC_LIVE_RUNNING,
    CYC_LIVE_AWAY,  /* an instrument is gone: circuit open until it is back and armed */
    CYC_LIVE_ASIDE, /* the disk has failed it: circuit open, nothing more is done with it here */
    CYC_LIVE_ENDED  /* the outputs are off; the store may still be busy */
};

struct cyc_live; /* owned by whoever opened it */

int cyc_live_open(const struct cyc_live_options *options, struct cyc_live **live,
                  struct cyc_err *err);
/* Frees; sends nothing. */
void cyc_live_close(struct cyc_live *live);
struct cyc_session *cyc_live_session(struct cyc_live *live);

/* Asks the port to set the instrument up; the run starts when it has answered. */
void cyc_live_start(struct cyc_live *live, int64_t now_ns);
/* READING (also those taken while nobody listened, in order), APPLIED, ARMED, TRIPPED, SAFE_DONE,
 * LINK: whatever concerns the channel. */
void cyc_live_message(struct cyc_live *live, const struct cyc_message *message, int64_t now_ns);
/* The connection to the port of an instrument is gone. One that the channel drives interrupts the
 * run, until its port process is back. */
void cyc_live_lost(struct cyc_live *live, int instrument, int64_t now_ns);
/* The source may have answered. */
void cyc_live_source(struct cyc_live *live, int64_t now_ns);
/* All of the store's tickets up to this one are durable. */
void cyc_live_durable(struct cyc_live *live, uint64_t ticket, int64_t now_ns);
/* Something happened to the computer's clocks, for the run's events. `slept`: nobody was master of
 * the outputs until now. */
void cyc_live_clock(struct cyc_live *live, const char *text, bool slept, int64_t now_ns);
/* The store takes no more; the same where one of its calls has failed. A run that has got anywhere
 * is set aside: its circuit is opened, the executor hears nothing of it, and whoever opened it
 * closes it, to open its folder again when the disk is well. One that has not ends in a fault. */
void cyc_live_disk_failed(struct cyc_live *live, const struct cyc_err *why, int64_t now_ns);
/* Time has passed; to be called at cyc_live_wake_ns(). */
void cyc_live_tick(struct cyc_live *live, int64_t now_ns);
int64_t cyc_live_wake_ns(const struct cyc_live *live); /* INT64_MAX: nothing is due */
/* PAUSE, RESUME (answers an ASK step), SKIP, STOP (with the steps of `finally`). CYC_E_REFUSED says
 * why it makes no sense now. */
int cyc_live_operator(struct cyc_live *live, enum cyc_operator word, const char *who,
                      int64_t now_ns, struct cyc_err *err);
/* `who` restarts the daemon: noted in the journal, for the next one. */
void cyc_live_leave(struct cyc_live *live, const char *who, int64_t now_ns);
/* Ends the run at once, outputs off, without `finally`. OFF is not sent to another instrument that
 * answers in the place of the run's. */
void cyc_live_abort(struct cyc_live *live, const char *why, int64_t now_ns);
/* Then: that it was not, and where to look; else "". */
const char *cyc_live_not_off(const struct cyc_live *live);

/* What is shown of it. */
struct cyc_live_view {
    enum cyc_live_state state;
    enum cyc_state executor;
    bool resting; /* the next step is waited for with the circuit open */
    bool held;    /* after an interruption: waits for an instrument or an operator, see `why` */
    struct cyc_progress progress;
    int64_t left_ns; /* of the step; CYC_NEVER: not known */
    bool begun;      /* the first step runs: what it asks for has been carried out */
    bool energised;  /* a current may have flowed */
    bool armed;      /* its instrument was recognised under the present link, and set up */
    int aside;       /* what the disk has done: CYC_E_NO_SPACE, CYC_E_BOUND, …; else CYC_OK */
    char why[256];   /* of the end, of being held, or set aside */
    enum cyc_finish finish;
};
void cyc_live_view(const struct cyc_live *live, struct cyc_live_view *view);
enum cyc_live_state cyc_live_state(const struct cyc_live *live);
/* Number of the latest reading that became a sample, and its port's epoch. */
uint64_t cyc_live_reading_number(const struct cyc_live *live, uint64_t *epoch);
int64_t cyc_live_run_time_ns(const struct cyc_live *live, int64_t now_ns);
/* What a later host needs to see things as this one does. */
void cyc_live_remember(const struct cyc_live *live, struct cyc_resume_host *host);

#endif
