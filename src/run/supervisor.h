/* The supervisor: parent of the daemon and of all port processes, knows no instrument, holds a
 * duplicate of every open port.
 *
 *   port process dies, or is silent for CYC_LEASE_NS:  SIGKILL, wait, `cyclostat safe` on the
 *                                    duplicate, start it again
 *   daemon dies or is silent:        SIGKILL, wait, start it again; the ports act on their lease
 *   asked to make safe:              SAFE_ALL to every port; who does not confirm in time is killed
 *                                    and made safe on the duplicate; the latch is set first
 *   three restarts in ten minutes:   that process stays down, safe; the event log says so
 *   itself gone:                     the ports make safe and end, the daemon ends; nobody restarts
 */
#ifndef CYC_RUN_SUPERVISOR_H
#define CYC_RUN_SUPERVISOR_H

#include "base/status.h"
#include "base/text.h"

#include <stdbool.h>

#define CYC_SUPERVISOR_SOCKET "supervisor.sock"
#define CYC_DAEMON_SOCKET     "daemon.sock"

struct cyc_supervisor_options {
    const char *program; /* path of cyclostat, for children: `port`, `daemon`, `safe` */
    const char *rig_path;
    const char *state_dir;
    const char *const *ports; /* names, ended by NULL */
    const char *rate;         /* of the live host, handed to the daemon; NULL: 1 */
};
/* Runs in the foreground until told to end (END on its socket, SIGTERM); makes everything safe
 * first. CYC_E_BUSY: another one runs on this rig. */
int cyc_supervisor_run(const struct cyc_supervisor_options *options, struct cyc_err *err);

/* When there is no supervisor to be asked: kills the processes that are written down in the state
 * folder, the supervisor's among them, if they are still who they were, and waits until the kernel
 * has given them back. CYC_E_BUSY: it does not. */
int cyc_supervisor_kill_holders(const char *state_dir, struct cyc_err *err);
/* Who stays down under the supervisor that runs now, since three restarts in ten minutes did not
 * help: "port smu, daemon". False: nobody. */
bool cyc_supervisor_down(const char *state_dir, struct cyc_text *names);
/* Number of the process that owns a port; 0: none. */
int cyc_supervisor_find_port(const char *state_dir, const char *port);

#endif
