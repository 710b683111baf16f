/* Inside of the port process. See the essay in port.c. */
#ifndef CYC_DEVICE_PORT_INT_H
#define CYC_DEVICE_PORT_INT_H

#include "base/clock.h"
#include "base/errands.h"
#include "device/message.h"
#include "device/port.h"

#include <time.h>

#define PORT_UNITS_MAX    64  /* instruments on one port */
#define PORT_OUTPUTS_MAX  256 /* of all of them */
#define PORT_DRAIN_MAX    64  /* messages taken in one pass */
#define PORT_RING_MAX     65536
#define PORT_SETUP_MAX_NS (1500 * CYC_MS_NS) /* of a call while no output of the port is on */
#define PORT_REOPEN_NS    (500 * CYC_MS_NS)
#define PORT_RETRY_NS     (100 * CYC_MS_NS) /* between tries to make an output safe */
#define PORT_QUIET_NS     (100 * CYC_MS_NS) /* a line that is silent so long is drained */
#define PORT_FRESH_NS     (3 * CYC_S_NS)    /* or three polls: older temperatures are none */
#define PORT_SLICE_NS     (300 * CYC_S_NS)  /* of setpoints that run in the instrument */
#define PORT_MARK_WHO     "who "            /* in the mark: a line that names an instrument */

enum unit_state {
    UNIT_UNKNOWN, /* to be identified */
    UNIT_READY,
    UNIT_WRONG /* somebody else answers there: never written to */
};

/* An instrument of this port. */
struct unit {
    unsigned index; /* in the rig */
    const struct cyc_rig_instrument *rig;
    struct cyc_instrument *instrument; /* owned; NULL while the port is closed */
    struct cyc_capabilities capabilities;
    struct cyc_identity identity; /* as of the first time; "" fields: not known */
    char left[64]; /* serial number of the one that a process before this left on; "": none */
    bool seen;     /* identity was read once */
    bool proved;   /* it was identified on the port as it is open now */
    enum unit_state state;
    int told;              /* status of the latest LINK to this daemon; 1: none yet */
    int logged;            /* likewise to the log */
    unsigned failures;     /* exchanges in a row */
    int64_t identify_ns;   /* not before */
    unsigned first, count; /* its outputs */
};

/* An output of a cycler, or what is set and read of a chamber, press or sensor. First what is
 * looked at in every pass, of every output. */
struct output {
    int64_t due_ns;        /* next poll */
    int64_t took_ns;       /* the latest one */
    int64_t read_ns;       /* last good reading, or when it was switched on; 0: none */
    int64_t retry_ns;      /* made safe not before */
    int64_t slice_ns;      /* when it must be applied again; CYC_NEVER */
    unsigned unit, number; /* number: in the instrument */
    int channel;           /* whose cycler it is; -1 */
    bool armed;            /* protections written and read back under this link */
    bool ours;             /* energised by this process, or by the one before it */
    bool on;               /* from the first byte that may energise until seen off */
    bool unsafe;           /* to be made safe, again and again, until seen off */
    bool pending;          /* a command waits for its turn on the bus */
    bool tripped; /* by a limit: refused until a person rearms, whatever a daemon asks for */
    bool noted;   /* … which is written down */
    bool look;    /* it was on when the link was lost: is it, before it is made safe? */
    bool seen_on; /* … as the mark on the disk says */
    bool asked;   /* the supervisor waits to hear that it is off */

    char found[160];   /* at the instrument, other than commanded: nothing is energised until a
                          person speaks; "": nothing. See CYC_E_HELD in message.h */
    bool found_noted;  /* … which is written down */
    int64_t unsafe_ns; /* first told to be off; 0: not yet */
    uint32_t setpoint_number;
    int64_t since_ns;           /* in the middle of the call that brought it into force, or off */
    struct cyc_drive drive;     /* in force, as the instrument sees it */
    struct cyc_message command; /* the one that is pending */
    struct cyc_reading last;    /* good one */
    unsigned odd;               /* readings in a row whose output state is not the expected one */
    bool rest_seen, rest_on;    /* a rest may have it on or off, but not one after the other */
    bool surrounds;             /* limits of temperature or pressure need what is read here */
    bool elsewhere;             /* … of channels whose output hangs on another port */
};

/* What the limits of a channel need, as far as this process has to do with it. */
struct watch {
    int output;         /* of this port, index; -1: the output hangs on another port */
    int temperature_at; /* instrument of the rig that measures it; -1: no limit, or nobody */
    int pressure_at;
    unsigned temperature_output, pressure_output;
    int64_t temperature_ns, pressure_ns; /* time of the last good value; 0: none */
    uint32_t breached; /* bit per enum cyc_measurand, and POWER: broken in the reading before */
};

struct kept { /* a reading in the ring; its number follows from its place */
    int64_t t_ns, since_ns;
    uint32_t setpoint_number;
    uint16_t output; /* index of the port */
    uint16_t flags;
    uint32_t valid;
    double values[CYC_MEASURAND_COUNT];
};

struct port {
    const struct cyc_port_options *options;
    const struct cyc_rig *rig;
    const struct cyc_rig_port *settings;
    struct cyc_bus *bus; /* owned; NULL: closed */
    int64_t reopen_ns;
    struct unit units[PORT_UNITS_MAX];
    unsigned unit_count;
    struct output outputs[PORT_OUTPUTS_MAX];
    unsigned output_count;
    struct output *seen;         /* the one measured last; NULL: a chamber or press was set since */
    struct watch *watches;       /* per channel of the rig; owned */
    unsigned turn;               /* the output commanded last, so that each has its turn */
    int64_t set_ns;              /* a chamber or press was last set */
    int64_t looked_ns;           /* supervisor, daemon and callers were asked last */
    int64_t aged_ns;             /* readings were looked at for their ages last */
    struct cyc_errands *errands; /* what goes to the state folder */
    bool marked;                 /* the file that says that outputs may be on is there */
    bool has_to_note;            /* an output has tripped, which is not written down */

    uint64_t epoch;
    struct kept *ring; /* owned */
    uint64_t ring_size, newest, oldest, sent;

    int listener, daemon; /* -1: none */
    bool greeted;
    unsigned room;    /* readings that the daemon's socket takes for certain */
    bool hurries;     /* one of those unsent is not to wait for others */
    int64_t lease_ns; /* until */
    bool announced;   /* a long call, to the supervisor */
    bool latched;
    bool asked; /* the supervisor waits to hear that all outputs are off */
    int asked_status;
    bool ending;
    int64_t supervisor_ns, beat_ns; /* last heard of, last told */
};

/* ---- port.c --------------------------------------------------------------------------------- */

/* Says to the supervisor that we live; with busy_ns, that the next call may last so long. Called
 * before every call on the bus. */
void cyc_port_beat(struct port *port, int64_t busy_ns);
/* To the daemon; one that does not take what it must know is dropped. */
void cyc_port_tell(struct port *port, const struct cyc_message *message);
/* TRIPPED and EVENT: to the daemon, and to the supervisor for its log. */
void cyc_port_announce(struct port *port, enum cyc_message_kind kind, int channel, int status,
                       const char *text);
struct cyc_message cyc_port_message(const struct port *port, enum cyc_message_kind kind);
void cyc_port_drop_daemon(struct port *port, const char *why);
/* May any electrical output of the port be on? */
bool cyc_port_is_on(const struct port *port);
/* Deadline of a call, and a heartbeat that announces it. */
int64_t cyc_port_deadline(struct port *port);

/* ---- port_link.c ---------------------------------------------------------------------------- */

/* One step towards an open port with known instruments; true when the bus was used. */
/* For a daemon that is new here. */
void cyc_port_tell_link_again(struct port *port, struct unit *unit);
bool cyc_port_mend(struct port *port, int64_t now);
void cyc_port_close(struct port *port, const struct cyc_err *err);
/* An exchange failed: finds the step again or gives the link up. */
void cyc_port_failed(struct port *port, struct unit *unit, const struct cyc_err *err);

/* ---- cyc_port_poll.c ----------------------------------------------------------------------------
 */

int cyc_port_ring_init(struct port *port, struct cyc_err *err);
/* Measures what is due; true when the bus was used. */
bool cyc_port_poll(struct port *port, int64_t now);
/* Can this output be measured now? */
bool cyc_port_can_poll(const struct port *port, const struct output *output);
/* Is there one that was due then, and has not been measured since though it can be? */
bool cyc_port_is_behind(const struct port *port, int64_t t_ns);
int64_t cyc_port_next_poll_ns(const struct port *port);
int cyc_port_measure(struct port *port, struct output *output, struct cyc_err *err);
void cyc_port_pump(struct port *port); /* readings to the daemon */
bool cyc_port_has_unsent(const struct port *port);
void cyc_port_confirm(struct port *port, uint64_t number);
void cyc_port_resend(struct port *port, uint64_t number);

/* ---- port_guard.c --------------------------------------------------------------------------- */

int cyc_port_guard_init(struct port *port, struct cyc_err *err);
/* Judges a reading taken here, or handed on by another port's process (output -1). */
void cyc_port_guard_reading(struct port *port, unsigned instrument, unsigned output,
                            const struct cyc_reading *reading, bool here);
/* Judges ages: what the limits of channels with an output that is on need must be fresh. */
void cyc_port_guard_ages(struct port *port, int64_t now);
/* May this output be energised so? Fills err with what speaks against it. */
int cyc_port_guard_drive(const struct port *port, const struct output *output,
                         const struct cyc_drive *drive, struct cyc_err *err);
int cyc_port_guard_environment(const struct port *port, unsigned channel,
                               const struct cyc_environment *environment, struct cyc_err *err);
int cyc_port_guard_fresh(const struct port *port, unsigned channel, int64_t now,
                         struct cyc_err *err);
/* Temperature and pressure within the limits, as last measured? */
int cyc_port_guard_surroundings(const struct port *port, unsigned channel, struct cyc_err *err);
/* Within the limits, as last measured? */
int cyc_port_guard_present(const struct port *port, const struct output *output,
                           struct cyc_err *err);

/* ---- cyc_port_act.c -----------------------------------------------------------------------------
 */

/* Marks for being made safe, and disarms. */
void cyc_port_unsafe(struct port *port, struct output *output);
void cyc_port_unsafe_all(struct port *port);
/* Off by the process's own decision: TRIPPED says why. Status: CYC_E_LOST, CYC_E_HELD. */
void cyc_port_trip(struct port *port, struct output *output, int status, const char *why);
/* The same because a limit was broken: latched, or a daemon could push the cell further beyond it
 * with every new start. */
void cyc_port_trip_limit(struct port *port, struct output *output, const char *why);
/* Something was found at the instrument: refused from now on until a person speaks. */
void cyc_port_found(struct port *port, struct output *output, const char *what);
/* Readings that do not tell a state of some time ago, nor of a step that ended by itself. */
bool cyc_port_tells_state(const struct port *port, const struct output *output);
/* Makes one unsafe output safe; true when the bus was used. */
bool cyc_port_make_off(struct port *port, int64_t now);
/* When an output that is to be off is told so next; CYC_NEVER: there is none, or nobody to tell. */
int64_t cyc_port_off_due_ns(const struct port *port, const struct output *output);
/* Tells the supervisor what became of SAFE_ALL, as soon as that is known. */
void cyc_port_answer_safe(struct port *port);
/* Carries out one waiting command; true when the bus was used. */
bool cyc_port_act(struct port *port, int64_t now);
/* Refuses what waits, e.g. because the lease is over. */
void cyc_port_cancel(struct port *port, struct output *output, int status, const char *why);

/* ---- port_mark.c: what is left in the state folder ------------------------------------------- */

/* <state>/port-<name>.on: outputs may be on, whatever becomes of this process. */
void cyc_port_mark(struct port *port, bool on);
/* Who is there, and what was seen, written into the mark anew. */
void cyc_port_mark_anew(struct port *port);
/* This one was seen so: in the mark, for the process after this one. */
void cyc_port_mark_seen(struct port *port, struct output *output, bool on);
/* True: there is one of a process before this one; those that it saw on are to be looked at. */
bool cyc_port_find_mark(struct port *port);
/* Writes down which channels have tripped: off first, then paper. */
void cyc_port_note_trips(struct port *port);
/* A person has looked at what was found. */
void cyc_port_note_forgiven(const struct port *port, const struct output *output);

/* ---- port_talk.c ---------------------------------------------------------------------------- */

void cyc_port_hear_supervisor(struct port *port);
void cyc_port_hear_daemon(struct port *port);
void cyc_port_hear_calls(struct port *port);
/* Lease over, supervisor silent. */
void cyc_port_check_masters(struct port *port, int64_t now);

#endif
