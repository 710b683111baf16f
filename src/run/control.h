/* What `cyclostat run`, `status` and the others say to the daemon of a rig: fixed-size datagrams
 * on <state>/daemon.sock. Only the daemon's own user and root are heard.
 *
 *   client ── request ──► daemon
 *          ◄── CHANNEL, CHANNEL, … DONE        status
 *          ◄── DONE                            a command
 *          ◄── CHANNEL, TEXT, CHANNEL, … DONE  watch: until the run has ended
 */
#ifndef CYC_RUN_CONTROL_H
#define CYC_RUN_CONTROL_H

#include "device/rig.h"
#include "store/store.h"

#define CYC_CONTROL_VERSION 2

enum cyc_request_kind {
    CYC_REQUEST_STATUS = 1, /* of a channel, or of all */
    CYC_REQUEST_START,      /* the run in `folder`, on a channel; DONE when its first step runs */
    CYC_REQUEST_WATCH,      /* a channel's state several times a second, and what happens */
    CYC_REQUEST_PAUSE,
    CYC_REQUEST_RESUME,
    CYC_REQUEST_SKIP,
    CYC_REQUEST_STOP,   /* with the steps of `finally`; on a latched fault: acknowledges it */
    CYC_REQUEST_ABORT,  /* at once, without them */
    CYC_REQUEST_UPGRADE /* all runs rest and this daemon ends; its successor goes on with them */
};
struct cyc_request {
    uint32_t version;
    uint32_t kind;                   /* enum cyc_request_kind */
    char channel[CYC_RIG_NAME_SIZE]; /* "": all, where that makes sense */
    char folder[CYC_PATH_SIZE];
    char rig_sha256[65];
};

enum cyc_channel_state {
    CYC_CHANNEL_FREE,
    CYC_CHANNEL_STARTING,
    CYC_CHANNEL_RUNNING,
    CYC_CHANNEL_PAUSED,
    CYC_CHANNEL_WAITING, /* open circuit until the next step comes */
    CYC_CHANNEL_HELD,    /* after an interruption: waits for an operator */
    CYC_CHANNEL_ENDING,  /* outputs are off, the disk is still busy */
    CYC_CHANNEL_FAULT    /* latched until `stop` acknowledges it */
};
const char *cyc_channel_state_name(uint32_t state);

struct cyc_channel_status {
    char channel[CYC_RIG_NAME_SIZE];
    uint32_t state; /* enum cyc_channel_state */
    bool linked;    /* its cycler, chamber and press answer and are who they should be */
    char link[192]; /* which of them does not, and why, as far as known */
    char run_id[CYC_RUN_ID_SIZE];
    char folder[CYC_PATH_SIZE];
    char step_name[CYC_ID_SIZE], step_type[16];
    uint32_t cycle_number, cycle_count, step_count;
    int64_t t_ns; /* run time */
    int64_t age_ns;
    double voltage_V, current_A, temperature_degC, ambient_degC, pressure_Pa; /* NaN: none */
    double step_capacity_Ah;
    int64_t left_ns;            /* of the step, in run time; CYC_NEVER: not known */
    uint64_t loops, slow_loops; /* turns of the daemon; those that took over 1 ms */
    int64_t slowest_loop_ns;
    double rate;
    char end[16]; /* how the last run ended */
    char why[256];
};

enum cyc_response_kind { CYC_RESPONSE_DONE = 1, CYC_RESPONSE_CHANNEL, CYC_RESPONSE_TEXT };
struct cyc_response {
    uint32_t version;
    uint32_t kind;  /* enum cyc_response_kind */
    int32_t status; /* DONE: CYC_OK, or why not, with text */
    bool alarm;     /* TEXT */
    int64_t t_ns;   /* TEXT: run time */
    char text[512];
    struct cyc_channel_status channel;
};

/* The client's side. CYC_E_LOST: no daemon runs on this rig. Blocks for 2 s at most. */
int cyc_control_open(const char *state_dir, int *fd, struct cyc_err *err);
int cyc_control_ask(int fd, const struct cyc_request *request, struct cyc_err *err);
/* CYC_E_TIMEOUT: nothing has come in that time. */
int cyc_control_response(int fd, struct cyc_response *response, int64_t timeout_ns,
                         struct cyc_err *err);
/* Asks and waits for DONE, whose status and text become the result's. *done (may be NULL) gets it:
 * one that was carried out may have something to say too. */
int cyc_control_command(const char *state_dir, const struct cyc_request *request,
                        struct cyc_response *done, struct cyc_err *err);

#endif
