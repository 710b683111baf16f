/* Shared by the files of a live channel only: live.c decides when, live_gate.c what goes out. */
#ifndef CYC_RUN_LIVE_INT_H
#define CYC_RUN_LIVE_INT_H

#include "run/live.h"

#define CYC_PAST_PATIENCE_NS (30 * CYC_S_NS) /* then the gates are asked with what there is */

/* An absence, of the daemon before this one or of an instrument, until the run goes on. */
struct cyc_live_past {
    /* as it was before */
    const char *cause; /* for people; borrowed, as the next three */
    const char *rig_then, *rig_now, *cell;
    struct cyc_identity then; /* of the cycler */
    uint64_t epoch;           /* of its port process */
    char held_why[256];       /* "": it was not held then */
    bool planned;             /* a person has restarted the daemon */
    /* since then */
    int64_t since_ns, interrupted_ns; /* the circuit was opened; 0: not yet */
    bool fresh, tripped, unknown_time;
    char found[192]; /* at the instrument, other than commanded: held until a person speaks; "" */
    bool by_person;  /* who has spoken: the next ARM says so */
    uint64_t port_epoch; /* of the process of its port now; 0: not known yet */
    bool is_armed;       /* ARM was answered, so */
    int arm_status;
    char arm_text[192];
    struct cyc_sample latest;
    int64_t armed_ns; /* … then */
    bool caught_up;   /* a reading of now has come, and so have all that were kept */
    bool off_seen;
    struct cyc_sample off;
    bool known_seen; /* a reading with a voltage, whatever the executor made of it; the latest */
    struct cyc_sample known;
    struct cyc_gap gap;
    struct cyc_resume_facts facts;
    /* of a daemon */
    struct cyc_merge merge; /* as it was under the mark */
    unsigned count;
    struct cyc_message *readings; /* owned */
    /* of an instrument */
    int instrument;
    bool back;      /* it answers, and is the one that it was */
    bool told;      /* LINK has said so */
    bool judged;    /* held, and not armed: an operator says when to try again */
    bool resumed;   /* and has said so */
    bool arming;    /* ARM was sent at … */
    int64_t arm_ns; /* …, or is to be sent again then */
    int64_t back_ns, off_ns;
};

struct cyc_live_told {
    bool was_on;
    unsigned odd; /* readings in a row that are not as told */
};

struct cyc_live {
    struct cyc_live_options options;
    const struct cyc_rig *rig; /* borrowed */
    unsigned channel;
    enum cyc_live_state state;
    struct cyc_session *session; /* owned */
    int64_t now_ns;              /* of the call that is being carried out */
    int64_t start_ns;            /* CLOCK_BOOTTIME of run time options.time_ns; 0: not yet */
    int64_t period_ns;           /* of the cycler's readings */
    char why[256];

    /* ---- setpoints (live_gate.c) ---- */
    uint64_t durable;             /* ticket */
    uint64_t late_intent;         /* the disk is waited for until it has this one; 0: it is not */
    bool wanted;                  /* the executor's latest setpoint has not gone out yet */
    struct cyc_setpoint setpoint; /* the executor's latest */
    int64_t setpoint_t_ns;        /* run time at which it has its value */
    int64_t wanted_ns;
    bool in_flight;           /* a command waits for its answer */
    struct cyc_setpoint sent; /* that command, or the last one */
    int64_t sent_ns;
    bool in_force;             /* a setpoint of this run was applied */
    struct cyc_setpoint force; /* the last one applied */
    int64_t force_ns;          /* when */
    bool resting;              /* circuit open by us, not by the executor */
    bool energised;            /* a setpoint that is not open went out */
    int64_t awake_ns;          /* the computer had slept until then; 0: it has not */
    int64_t awaited_ns;        /* a next setpoint is awaited since; 0: none */
    bool environment_wanted;
    struct cyc_environment environment;
    unsigned environment_count; /* commands that wait for their answer */
    int64_t environment_ns;

    /* ---- chamber and press, as they were told (live_told.c) ---- */
    int64_t told_ns;              /* the last command was carried out; 0: there was none */
    struct cyc_live_told told[2]; /* since then; chamber, press */

    /* ---- what came in ---- */
    bool fed; /* the executor saw an event that the store does not know of yet */
    uint64_t epoch, reading_number;
    int64_t read_ns;  /* of the last reading that became a sample; 0: none */
    int64_t event_ns; /* of the last event of sample or deadline */
    int64_t event_t_ns;
    int64_t source_ns; /* the source was asked; 0: it was not */

    /* ---- faults that wait until the executor can be told ---- */
    bool tripped;
    enum cyc_reply trip_reply;
    char trip_text[256];

    int aside_status; /* of the disk, for which the run is set aside; CYC_OK: it is not */
    struct cyc_live_past *past; /* owned; NULL: neither returning nor away */
    bool is_armed;              /* protections are set up under the present link */
    struct cyc_identity armed;  /* who was, when the run was last begun or gone on with */
    bool lost;                  /* an instrument is gone: away as soon as the event is over */
    int lost_instrument;
    char lost_text[256];
    char found[192];   /* … because of what was found at it; "": not so */
    bool replaying;    /* nothing goes out */
    bool held;         /* between two steps, until an operator says `resume` */
    bool strayed;      /* the protocol does not come to where the run was: held for good */
    char not_off[256]; /* OFF was not sent at the end, since another instrument answers; "": it was
                        */

    struct cyc_plausible *plausible; /* owned */
    uint32_t plausible_step;         /* step count it was told of */
};

int64_t cyc_live_boot_ns(const struct cyc_live *live, int64_t run_ns);
void cyc_live_trip(struct cyc_live *live, enum cyc_reply reply, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* live.c, for live_past.c */
/* A merged sample's times from CLOCK_BOOTTIME to run time. */
void cyc_live_run_times(const struct cyc_live *live, struct cyc_sample *sample);
void cyc_live_feed(struct cyc_live *live, const struct cyc_event *event);
void cyc_live_settle(struct cyc_live *live, int status, const struct cyc_err *err);
void cyc_live_scale_patience(struct cyc_live *live);

/* live_past.c: returning to a run */
void cyc_live_past_start(struct cyc_live *live);
void cyc_live_past_message(struct cyc_live *live, const struct cyc_message *message);
void cyc_live_past_tick(struct cyc_live *live);
int64_t cyc_live_past_wake_ns(const struct cyc_live *live);

/* live_away.c: waiting for an instrument */
/* Notes it; the first one counts. */
void cyc_live_lose(struct cyc_live *live, int instrument, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Something was found at the cycler, other than commanded: the run is held, whatever it is doing.
 */
void cyc_live_find(struct cyc_live *live, const char *what);
void cyc_live_away_start(struct cyc_live *live);
void cyc_live_away_message(struct cyc_live *live, const struct cyc_message *message);
void cyc_live_away_tick(struct cyc_live *live);
int64_t cyc_live_away_wake_ns(const struct cyc_live *live);
/* NULL: it is tried again at once; else why not. */
const char *cyc_live_away_resume(struct cyc_live *live);
/* The run is to end while the instrument is away. */
void cyc_live_away_close(struct cyc_live *live);

/* live_told.c: a reading of chamber or press; found otherwise than told, the run is held */
void cyc_live_told_reading(struct cyc_live *live, const struct cyc_message *message);
void cyc_live_told_carried_out(struct cyc_live *live, int64_t t_ns);

/* live_left.c: of the step; CYC_NEVER: not known */
int64_t cyc_live_left_ns(const struct cyc_live *live);

/* live_judge.c: both */
/* Run time until which the cell was seen or its charge counted: a sample, another gap, a row that
 * was kept, else the mark. */
int64_t cyc_live_seen_ns(const struct cyc_live *live);
/* Whether its port knows when the output was switched off, after that run time. */
bool cyc_live_is_off_known(const struct cyc_live_past *past, int64_t last_ns);
/* From the last sample on it is a gap; the output was off by then (run time). */
void cyc_live_interrupt(struct cyc_live *live, int64_t off_latest_ns);
/* May the instrument be set up, and its output closed at 0 A to look at the cell? Not another one,
 * nor one that was switched off: that holds the run whatever the cell is like. A person may. */
bool cyc_live_may_arm(const struct cyc_live *live);
/* Is who answers there now the one that was armed, but for its power? */
bool cyc_live_is_own(const struct cyc_live *live);
/* The circuit is open, and the cell was seen so, or cannot be seen. */
void cyc_live_judge(struct cyc_live *live);
/* An operator has let go a run that was held while nothing could be driven. */
void cyc_live_go_on(struct cyc_live *live);
void cyc_live_log_gap(struct cyc_live *live, const char *verdict);
void cyc_live_past_free(struct cyc_live *live);
/* Holds the run for good, with everything of it left as it is. */
void cyc_live_past_stray(struct cyc_live *live, const char *why);

/* To those who look on; `alarm`: also to the rig's alarm command. */
void cyc_live_tell(struct cyc_live *live, const char *text, bool alarm);

/* live_disk.c */
/* A call of the store has failed. */
void cyc_live_disk_fails(struct cyc_live *live, const struct cyc_err *why);
/* An intent is not durable after CYC_INTENT_PATIENCE_NS. */
void cyc_live_disk_is_slow(struct cyc_live *live);

struct cyc_host cyc_live_gate_host(struct cyc_live *live);
/* SAFE, past everything that waits or is in flight. */
void cyc_live_gate_safe(struct cyc_live *live);
/* Sends what may go out by now. */
void cyc_live_gate_pump(struct cyc_live *live);
void cyc_live_gate_applied(struct cyc_live *live, const struct cyc_message *message);
void cyc_live_gate_tick(struct cyc_live *live);
int64_t cyc_live_gate_wake_ns(const struct cyc_live *live);
/* Opens the circuit under no setpoint's number: before the first step. */
void cyc_live_gate_open(struct cyc_live *live);
/* Chamber and press once more to what was asked for last: they may have come back from a power cut
 * with something else in mind. */
void cyc_live_gate_surround(struct cyc_live *live);
/* A reading has come: a sweep goes on by a step. */
void cyc_live_gate_sweep(struct cyc_live *live);
/* To the port of the channel's cycler; SAFE and DISARM not for one that was not recognised. */
void cyc_live_gate_command(struct cyc_live *live, enum cyc_message_kind kind);

#endif
