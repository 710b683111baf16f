/* The rig's alarm command: started with the alarm's text as its one argument, never waited for. */
#include "run/daemon_int.h"

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

void cyc_daemon_alarm(struct daemon *daemon, const char *text)
{
    char command[sizeof daemon->rig->alarm_command];
    char argument[512];
    (void)cyc_copy(command, sizeof command, daemon->rig->alarm_command);
    (void)cyc_copy(argument, sizeof argument, text);
    if (command[0] == '\0') {
        return;
    }
    for (unsigned i = 0; i < CYC_ALARMS_MAX; i++) {
        if (daemon->alarms[i] == 0) {
            char *const arguments[] = {command, argument, NULL};
            const int number =
                posix_spawnp(&daemon->alarms[i], command, NULL, NULL, arguments, environ);
            if (number != 0) {
                daemon->alarms[i] = 0;
                cyc_daemon_log(daemon, "the alarm command %s cannot be started: %s", command,
                               strerror(number));
            }
            return;
        }
    }
    cyc_daemon_log(daemon, "%d alarm commands run already; not started: %s", CYC_ALARMS_MAX,
                   argument);
}

void cyc_daemon_alarm_reap(struct daemon *daemon)
{
    for (unsigned i = 0; i < CYC_ALARMS_MAX; i++) {
        if (daemon->alarms[i] != 0 && waitpid(daemon->alarms[i], NULL, WNOHANG) != 0) {
            daemon->alarms[i] = 0;
        }
    }
}
