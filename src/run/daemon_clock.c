/* What happened to the computer's clocks. Runs live by CLOCK_BOOTTIME, which nobody can set.
 *
 *   wall clock set      the runs take no notice: their Unix time is that of their start and the
 *                       run time since; an event says so
 *   computer slept      CLOCK_BOOTTIME went on, CLOCK_MONOTONIC did not. Nobody was master of the
 *                       outputs meanwhile, and the ports make them safe as soon as they wake. What
 *                       the runs missed is a gap like any other, so this daemon ends, and its
 *                       successor returns to them through the gates of an interruption
 *
 * A clock that is slewed moves by far less between two looks than what counts as a jump.
 */
#include "run/daemon_int.h"

#include "device/message.h"

#include <stdio.h>
#include <time.h>

#define JUMP_NS  (200 * CYC_MS_NS)
#define APART_NS (20 * CYC_MS_NS) /* clocks that were read further apart are read again */

static int64_t read_ns(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

static void tell_runs(struct daemon *daemon, const char *text, bool slept)
{
    for (unsigned i = 0; i < daemon->rig->channel_count; i++) {
        if (daemon->channels[i].live != NULL) {
            cyc_live_clock(daemon->channels[i].live, text, slept, daemon->now_ns);
            cyc_daemon_channel_changed(daemon, i);
        }
    }
    cyc_daemon_log(daemon, "%s", text);
}

static void was_set(struct daemon *daemon, int64_t by_ns)
{
    char by[CYC_NUMBER_SIZE];
    char text[200];
    (void)snprintf(text, sizeof text,
                   "the computer's clock was set %s by %s; the run's times are counted from its "
                   "start as before",
                   by_ns > 0 ? "forward" : "back",
                   cyc_duration_text(by, (by_ns > 0 ? by_ns : -by_ns) / CYC_MS_NS * CYC_MS_NS));
    tell_runs(daemon, text, false);
}

static void slept(struct daemon *daemon, int64_t for_ns)
{
    char time[CYC_NUMBER_SIZE];
    char text[160];
    (void)snprintf(text, sizeof text, "the computer slept for %s; outputs are made safe",
                   cyc_duration_text(time, for_ns / CYC_MS_NS * CYC_MS_NS));
    tell_runs(daemon, text, true);
    daemon->ending = true;
}

void cyc_daemon_clock_look(struct daemon *daemon)
{
    const int64_t awake_ns = read_ns(CLOCK_MONOTONIC);
    const int64_t boot_ns = read_ns(CLOCK_BOOTTIME);
    const int64_t wall_ns = read_ns(CLOCK_REALTIME);
    if (read_ns(CLOCK_MONOTONIC) - awake_ns > APART_NS) {
        return;
    }
    const int64_t asleep_ns = boot_ns - awake_ns - daemon->asleep_ns;
    const int64_t set_ns = wall_ns - boot_ns - daemon->wall_ns;
    const bool is_first = daemon->wall_ns == 0;
    daemon->asleep_ns = boot_ns - awake_ns;
    daemon->wall_ns = wall_ns - boot_ns;
    if (!is_first && (set_ns > JUMP_NS || set_ns < -JUMP_NS)) {
        was_set(daemon, set_ns);
    }
    if (!is_first && asleep_ns >= CYC_LEASE_NS) {
        slept(daemon, asleep_ns);
    }
}
