/* The port process: owns one port and all instruments on it.
 *
 * It polls its instruments on a common grid of absolute deadlines, keeps the last minute of
 * readings, holds a lease from the daemon, and checks the limits of the channels on what it
 * measures itself, whatever the daemon says:
 *
 *   lease over, daemon gone            electrical outputs off; goes on measuring
 *   supervisor gone or silent          electrical outputs off; ends
 *   a channel limit broken             that channel's output off, latched until a person rearms,
 *                                      whatever is restarted in between;
 *                                      where the output hangs on another port: TRIP through the
 *                                      supervisor
 *   setpoint outside the limits, channel not armed, latch set: refused
 *   link lost                          opened again by its name, identified, then LINK; never
 *                                      energises by itself
 *   output key pressed, power failed,  that channel's output off; nothing is energised until a
 *   a protection tripped, no numbers   person speaks, whatever is restarted in between
 *
 * Nothing is written to an instrument before it has been identified as the one that has to be
 * there, not even to make it safe.
 */
#ifndef CYC_DEVICE_PORT_H
#define CYC_DEVICE_PORT_H

#include "device/rig.h"

struct cyc_port_options {
    const struct cyc_rig *rig;
    unsigned port;
    const char *state_dir;
    int supervisor_fd; /* -1: none (tests); else a SEQPACKET socket */
    int stop_fd;       /* readable: end in the safe state; -1: none */
};
/* Runs until told to end. */
int cyc_port_run(const struct cyc_port_options *options, struct cyc_err *err);

/* What a port process has left behind. */
struct cyc_port_left {
    int fd; /* its port, open */
    /* Instruments that it had not recognised there, by their place on the port (bit 0: the first
     * one in the rig): nothing is written to these. 0: whoever answers. */
    uint64_t strangers;
};
/* Makes all electrical outputs of a port safe, as it was left or (NULL) by opening it. Any state,
 * no identification. *report (may be NULL) gets a line per output. CYC_OK only when every output
 * was seen to be off. */
int cyc_port_make_safe(const struct cyc_rig *rig, unsigned port, const struct cyc_port_left *left,
                       struct cyc_text *report, struct cyc_err *err);
/* Then: the process that comes after it does not wonder who has switched them off. */
void cyc_port_forget_seen(const char *state_dir, const char *port);

/* ---- The latch: <state>/latch ------------------------------------------------------------------
 *
 * A file; while it is there nothing is energised. Written before the outputs go off, and synced
 * after that: no disk delays them.
 */
int cyc_latch_set(const char *state_dir, const char *why, struct cyc_err *err);
int cyc_latch_sync(const char *state_dir, struct cyc_err *err);
int cyc_latch_clear(const char *state_dir, struct cyc_err *err);
/* Unreadable counts as set. *why (may be NULL, size >= 1) gets its text. */
bool cyc_latch_is_set(const char *state_dir, char *why, size_t size);

/* <state>/tripped-<channel>: a limit of that channel was broken, and no person has rearmed since.
 * Outlives the process that saw it; not synced, since that might take longer than its heartbeat
 * allows. cyc_latch_clear() takes it back. */
int cyc_trip_set(const char *state_dir, const char *channel, struct cyc_err *err);
/* Unreadable counts as set. */
bool cyc_trip_is_set(const char *state_dir, const char *channel);

/* <state>/found-<channel>: the instrument was found otherwise than commanded, and no person has
 * spoken since. Not synced either. A start or a `resume` takes it back. */
int cyc_found_set(const char *state_dir, const char *channel, const char *what,
                  struct cyc_err *err);
void cyc_found_clear(const char *state_dir, const char *channel);
/* Unreadable counts as set. *what gets its text, never an empty one when it is set. */
bool cyc_found_is_set(const char *state_dir, const char *channel, char *what, size_t size);

/* The state folder of a rig: $CYCLOSTAT_STATE, else $XDG_STATE_HOME/cyclostat, else
 * ~/.local/state/cyclostat; in it a folder named after the rig file. Made if missing, mode 0700. */
int cyc_state_dir(const char *rig_path, char *dir, size_t size, struct cyc_err *err);

#endif
