/* Shared by the files of a live channel only: live.c decides when, live_gate.c what goes out. */
#ifndef CYC_RUN_LIVE_INT_H
#define CYC_RUN_LIVE_INT_H

#include "run/live.h"

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
    int64_t awaited_ns;        /* a next setpoint is awaited since; 0: none */
    bool environment_wanted;
    struct cyc_environment environment;
    unsigned environment_count; /* commands that wait for their answer */
    int64_t environment_ns;

    /* ---- what came in ---- */
    bool fed; /* the executor saw an event that the store does not know of yet */
    uint64_t epoch, reading_number;
    int64_t event_ns; /* of the last event of sample or deadline */
    int64_t event_t_ns;
    int64_t source_ns; /* the source was asked; 0: it was not */

    /* ---- faults that wait until the executor can be told ---- */
    bool tripped;
    enum cyc_reply trip_reply;
    char trip_text[256];

    struct cyc_live_past *past; /* owned; NULL: not returning */
    bool replaying;             /* nothing goes out */
    bool held;                  /* between two steps, until an operator says `resume` */
    bool strayed;               /* the protocol does not come to where the run was: held for good */

    struct cyc_plausible *plausible; /* owned */
    uint32_t plausible_step;         /* step count it was told of */
};

int64_t cyc_live_boot_ns(const struct cyc_live *live, int64_t run_ns);
void cyc_live_trip(struct cyc_live *live, enum cyc_reply reply, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* live.c, for live_past.c */
void cyc_live_feed(struct cyc_live *live, const struct cyc_event *event);
void cyc_live_settle(struct cyc_live *live, int status, const struct cyc_err *err);
void cyc_live_scale_patience(struct cyc_live *live);

/* live_past.c: returning to a run */
void cyc_live_past_start(struct cyc_live *live);
void cyc_live_past_message(struct cyc_live *live, const struct cyc_message *message);
void cyc_live_past_tick(struct cyc_live *live);
int64_t cyc_live_past_wake_ns(const struct cyc_live *live);
void cyc_live_past_free(struct cyc_live *live);
/* Holds the run for good, with everything of it left as it is. */
void cyc_live_past_stray(struct cyc_live *live, const char *why);

/* To those who look on; `alarm`: also to the rig's alarm command. */
void cyc_live_tell(struct cyc_live *live, const char *text, bool alarm);

struct cyc_host cyc_live_gate_host(struct cyc_live *live);
/* Sends what may go out by now. */
void cyc_live_gate_pump(struct cyc_live *live);
void cyc_live_gate_applied(struct cyc_live *live, const struct cyc_message *message);
void cyc_live_gate_tick(struct cyc_live *live);
int64_t cyc_live_gate_wake_ns(const struct cyc_live *live);
/* Opens the circuit under no setpoint's number: before the first step. */
void cyc_live_gate_open(struct cyc_live *live);
/* A reading has come: a sweep goes on by a step. */
void cyc_live_gate_sweep(struct cyc_live *live);
/* To the port of the channel's cycler. */
void cyc_live_gate_command(struct cyc_live *live, enum cyc_message_kind kind);

#endif
