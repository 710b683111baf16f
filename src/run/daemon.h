/* The daemon of a rig: one loop that decides for all channels.
 *
 *   port processes ◄──────────►  loop  ◄──────► clients: run, status, pause …
 *   supervisor     ◄───alive───   │  ▲
 *                                 ▼  │ news
 *                      writer's thread, sources' processes, starts' threads
 *
 * Nothing in the loop waits or takes over a millisecond: files are written by the writer's thread,
 * run folders opened by a thread that lives as long as that takes, protocols read and run by a
 * process each. Every number of anything is bounded by the rig or by daemon_int.h.
 *
 * While it lives it renews the lease of every port. It ends when the supervisor tells it to or is
 * gone; the ports then make safe by themselves. Runs stay in their folders, unfinished, and the
 * next daemon goes on with them.
 */
#ifndef CYC_RUN_DAEMON_H
#define CYC_RUN_DAEMON_H

#include "device/rig.h"

struct cyc_daemon_options {
    const char *program; /* path of cyclostat, for the sources' processes */
    const struct cyc_rig *rig;
    const char *state_dir;
    double rate;       /* run time per real time */
    int supervisor_fd; /* -1: none */
};
int cyc_daemon_run(const struct cyc_daemon_options *options, struct cyc_err *err);

#endif
