/* What the disk does to a run.
 *
 *   slow     an intent is not durable in time: the run is AWAY (live_away.c) until the disk has
 *            caught up
 *   failing  full, in error, or behind by more than the queue holds: the run is set aside. What it
 *            knew that is not on the disk is forgotten on purpose, so that its folder and its
 *            instrument tell what happened, as after a crash of the daemon (resume.h).
 *
 * In both cases the circuit is opened first. A run that has not got anywhere ends instead: whoever
 * has started it is still there.
 */
#include "run/live_int.h"

static bool is_under_way(const struct cyc_live *live)
{
    struct cyc_progress progress;
    cyc_session_progress(live->session, &progress);
    return live->energised || progress.step_count > 1;
}

void cyc_live_disk_is_slow(struct cyc_live *live)
{
    static const char text[] = "disk: the step could not be made durable in %d ms, so its setpoint "
                               "was not sent";
    const int patience_ms = (int)(CYC_INTENT_PATIENCE_NS / CYC_MS_NS);
    if (live->state == CYC_LIVE_RUNNING && is_under_way(live)) {
        live->late_intent = *live->options.intent;
        cyc_live_lose(live, live->rig->channels[live->channel].cycler, text, patience_ms);
    } else {
        cyc_live_trip(live, CYC_REPLY_FAILED, text, patience_ms);
    }
}

void cyc_live_disk_fails(struct cyc_live *live, const struct cyc_err *why)
{
    if (live->aside_status != CYC_OK) {
        return;
    }
    if (!is_under_way(live) || cyc_session_is_over(live->session)) {
        cyc_live_trip(live, CYC_REPLY_FAILED, "disk: %s", why->text);
        return;
    }
    live->aside_status = why->status;
    (void)cyc_copy(live->why, sizeof live->why, why->text);
    cyc_live_gate_safe(live);
}

void cyc_live_disk_failed(struct cyc_live *live, const struct cyc_err *why, int64_t now_ns)
{
    struct cyc_err none = {0};
    live->now_ns = now_ns;
    if (live->state != CYC_LIVE_ENDED) {
        cyc_live_disk_fails(live, why);
        cyc_live_settle(live, CYC_OK, &none);
    }
}
