/* A state that comes from outside: made ready for its step, and looked at before it is trusted.
 *
 * What is derived from the step alone, the compiled conditions, is not saved but made anew.
 */
#include "core/core_int.h"

bool cyc_core_prepare(struct cyc_core *core, const struct cyc_step *step)
{
    cyc_core_init(core);
    return step == NULL || cyc_core_step_prepare(core, step);
}

/* No number leads out of a table; the rest is as good as the checksum of the disk. */
static bool is_in_bounds(const struct cyc_core *core)
{
    bool good = core->state <= CYC_STATE_FINISHED && core->fault.kind <= CYC_FAULT_INVARIANT &&
                core->bad_kind <= CYC_FAULT_INVARIANT && core->fault.index < CYC_AUX_MAX &&
                core->bad_index < CYC_AUX_MAX && core->setpoint.control <= CYC_CONTROL_LOAD &&
                core->block_depth <= CYC_BLOCKS_MAX && core->band_count <= CYC_BANDS_MAX &&
                core->delta_count <= CYC_DELTAS && core->watch_count <= CYC_DIRECTS_MAX &&
                core->sum_count <= CYC_SUMS_MAX && core->paused_by <= CYC_PAUSED_BY_INTERRUPTION;
    for (unsigned i = 0; i < CYC_BANDS_MAX; i++) {
        good =
            good && core->bands[i].signal < CYC_SIGNAL_COUNT && core->bands[i].index < CYC_AUX_MAX;
    }
    for (unsigned i = 0; i < CYC_DELTAS; i++) {
        good =
            good && core->deltas[i].signal <= CYC_SIGNAL_AUX && core->deltas[i].index < CYC_AUX_MAX;
    }
    for (unsigned i = 0; i < CYC_SUMS_MAX; i++) {
        good = good && core->sum_watches[i].scope < CYC_SCOPES_MAX &&
               core->sum_watches[i].signal < CYC_SIGNAL_COUNT;
    }
    for (unsigned i = 0; i < CYC_SLOPES_MAX; i++) {
        good = good && core->slope_first[i] < CYC_SLOPE_POINTS &&
               core->slope_count[i] <= CYC_SLOPE_POINTS;
    }
    return good;
}

bool cyc_core_is_sound(const struct cyc_core *core, const struct cyc_step *step)
{
    const bool good = is_in_bounds(core);
    if (!good || !cyc_core_in_step(core)) {
        return good;
    }
    if (step == NULL) {
        return false;
    }
    const uint32_t segments = step->segment_count > 0 ? step->segment_count : 1;
    const bool by_cutoff = core->paused_by < CYC_CUTOFFS_MAX && core->state == CYC_STATE_PAUSED;
    return core->segment < segments && (!by_cutoff || core->paused_by < step->cutoff_count);
}
