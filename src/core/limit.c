/* Safety limits: the tightest bound of each signal, tested on every sample of a run, between steps
 * and in pauses too.
 *
 * A breach is a value beyond a bound by CYC_LIMIT_SLACK of it or more. One sample can be a
 * glitch, so a breach has to be seen in two samples in a row under the same setpoint; the second
 * is asked for CYC_LIMIT_CONFIRM_NS later. (Where a cutoff has just turned the current round, the
 * first sample under the new setpoint says nothing yet.) A value beyond the bound by more than
 * CYC_LIMIT_FAR of the band's width needs no second opinion. A value that is not there is no value
 * inside the band: it counts as bad data, which trip a fault of their own when they last.
 */
#include "core/core_int.h"

static struct cyc_band *band_of(struct cyc_core *core, const struct cyc_limit *limit)
{
    for (unsigned i = 0; i < core->band_count; i++) {
        if (core->bands[i].signal == limit->signal && core->bands[i].index == limit->index) {
            return &core->bands[i];
        }
    }
    if (core->band_count >= CYC_BANDS_MAX) {
        return NULL;
    }
    struct cyc_band *band = &core->bands[core->band_count++];
    *band = (struct cyc_band){.low_bound = -INFINITY,
                              .high_bound = INFINITY,
                              .signal = limit->signal,
                              .index = limit->index};
    return band;
}

static double slack(double bound)
{
    return CYC_LIMIT_SLACK * fabs(bound) + CYC_LIMIT_LEAST;
}

static bool is_testable(const struct cyc_limit *limit)
{
    const bool sum = limit->signal > CYC_SIGNAL_HOLD_TIME && limit->signal < CYC_SIGNAL_COUNT;
    return (limit->signal <= CYC_SIGNAL_AUX || sum) && limit->index < CYC_AUX_MAX;
}

bool cyc_core_set_limits(struct cyc_core *core, const struct cyc_step *step)
{
    core->band_count = 0;
    for (unsigned i = 0; i < step->limit_count; i++) {
        const struct cyc_limit *limit = &step->limits[i];
        struct cyc_band *band = is_testable(limit) ? band_of(core, limit) : NULL;
        if (band == NULL || isnan(limit->low) || isnan(limit->high)) {
            return false;
        }
        if (limit->low > band->low_bound) {
            band->low_bound = limit->low;
            band->low_level = limit->level;
        }
        if (limit->high < band->high_bound) {
            band->high_bound = limit->high;
            band->high_level = limit->level;
        }
    }
    for (unsigned i = 0; i < core->band_count; i++) {
        struct cyc_band *band = &core->bands[i];
        band->low = band->low_bound - slack(band->low_bound);
        band->high = band->high_bound + slack(band->high_bound);
    }
    return true;
}

static bool is_far(const struct cyc_band *band, double value)
{
    const double bound = value <= band->low ? band->low_bound : band->high_bound;
    const double width = band->high_bound - band->low_bound;
    const double scale = isfinite(width) ? width : fabs(bound);
    return fabs(value - bound) > CYC_LIMIT_FAR * scale;
}

/* The signal's value, noted as bad where it is. */
static enum cyc_truth read_signal(struct cyc_core *core, const struct cyc_band *band, double *value)
{
    const enum cyc_truth truth =
        cyc_core_fetch(core, band->signal, CYC_SCOPE_STEP, band->index, value);
    if (truth != CYC_TRUTH_TRUE) {
        cyc_core_note_bad(core, truth, band->signal, band->index);
    }
    return truth;
}

/* Behind those of the signals come those of the sensors. */
static uint32_t bit_of(const struct cyc_band *band)
{
    _Static_assert(CYC_SIGNAL_COUNT + CYC_AUX_MAX <= 32, "there is a bit for each");
    return 1u << (band->signal == CYC_SIGNAL_AUX ? CYC_SIGNAL_COUNT + band->index : band->signal);
}

bool cyc_core_breach(struct cyc_core *core, struct cyc_fault *fault)
{
    const bool same = core->breached_number == core->last.setpoint_number;
    const uint32_t before = same ? core->breached : 0;
    core->breached = 0;
    core->breached_number = core->last.setpoint_number;
    for (unsigned i = 0; i < core->band_count; i++) {
        const struct cyc_band *band = &core->bands[i];
        const uint32_t bit = bit_of(band);
        double value;
        if (read_signal(core, band, &value) != CYC_TRUTH_TRUE) {
            core->breached |= before & bit; /* neither confirmed nor cleared */
            continue;
        }
        if (value > band->low && value < band->high) {
            continue;
        }
        core->breached |= bit;
        if ((before & bit) != 0 || is_far(band, value)) {
            const bool low = value <= band->low;
            *fault = (struct cyc_fault){.kind = CYC_FAULT_LIMIT,
                                        .signal = band->signal,
                                        .index = band->index,
                                        .level = low ? band->low_level : band->high_level,
                                        .value = value,
                                        .bound = low ? band->low_bound : band->high_bound};
            return true;
        }
    }
    return false;
}
