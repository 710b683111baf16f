/* The rig's alarm command: started with the alarm's text as its one argument, never waited for:
 * even to find it can take a disk its time. */
#include "run/daemon_int.h"

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

struct call {
    _Atomic pid_t *pid;
    char command[sizeof((struct cyc_rig *)NULL)->alarm_command];
    char argument[512];
};

static int start(void *context, struct cyc_err *err)
{
    struct call *const call = context;
    char *const arguments[] = {call->command, call->argument, NULL};
    pid_t pid = 0;
    const int number = posix_spawnp(&pid, call->command, NULL, NULL, arguments, environ);
    *call->pid = number == 0 ? pid : 0;
    return number == 0 ? CYC_OK
                       : cyc_err_set(err, CYC_E_FILE, "the alarm command %s cannot be started: %s",
                                     call->command, strerror(number));
}

void cyc_daemon_alarm(struct daemon *daemon, const char *text)
{
    struct call call;
    (void)cyc_copy(call.command, sizeof call.command, daemon->rig->alarm_command);
    (void)cyc_copy(call.argument, sizeof call.argument, text);
    if (call.command[0] == '\0') {
        return;
    }
    for (unsigned i = 0; i < CYC_ALARMS_MAX; i++) {
        if (daemon->alarms[i] == 0) {
            call.pid = &daemon->alarms[i];
            daemon->alarms[i] = -1;
            if (!cyc_errands_post(daemon->callers, start, &call, sizeof call)) {
                daemon->alarms[i] = 0;
            }
            return;
        }
    }
    cyc_daemon_log(daemon, "%d alarm commands run already; not started: %s", CYC_ALARMS_MAX,
                   call.argument);
}

void cyc_daemon_alarm_reap(struct daemon *daemon)
{
    for (unsigned i = 0; i < CYC_ALARMS_MAX; i++) {
        if (daemon->alarms[i] > 0 && waitpid(daemon->alarms[i], NULL, WNOHANG) != 0) {
            daemon->alarms[i] = 0;
        }
    }
}
