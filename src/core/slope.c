/* Slopes: the least-squares line over a moving window.
 *
 * The ring of CYC_SLOPE_POINTS is shared out evenly among the slopes of the step. A sample becomes
 * a point when it lies at least two spacings' worth of the window behind the point before
 * (window / half the share), so a window always fits, however fast the samples come. The latest
 * sample always takes part: it stands at the ring's end and is overwritten until it has become a
 * point by its distance.
 *
 * A slope is known when samples have covered its window since the setpoint was settled and at
 * least five points lie in it. The window begins anew after a pause and where a CC-CV step crosses
 * over: a line through a kink means nothing.
 */
#include "core/core_int.h"

#define SLOPE_POINTS_MIN 5
/* A host that jumps in time is asked for so many samples per window at least. */
#define SLOPE_SAMPLES 8

static unsigned share_of(const struct cyc_step *step)
{
    return CYC_SLOPE_POINTS / step->slope_count;
}

void cyc_core_slopes_clear(struct cyc_core *core)
{
    core->slope_start_ns = CYC_NEVER;
    for (unsigned i = 0; i < CYC_SLOPES_MAX; i++) {
        core->slopes[i] = NAN;
        core->slope_first[i] = 0;
        core->slope_count[i] = 0;
    }
}

static struct cyc_slope_point *point(struct cyc_core *core, unsigned share, unsigned slope,
                                     unsigned at)
{
    return &core->points[slope * share + (core->slope_first[slope] + at) % share];
}

static void append(struct cyc_core *core, const struct cyc_step *step, unsigned slope,
                   double value)
{
    const unsigned share = share_of(step);
    const int64_t t_ns = core->last.t_ns;
    const int64_t window_ns = step->slopes[slope].window_ns;
    const int64_t spacing_ns = window_ns / (share / 2);
    while (core->slope_count[slope] > 0 &&
           point(core, share, slope, 0)->t_ns < t_ns - window_ns) {
        core->slope_first[slope] = (uint16_t)((core->slope_first[slope] + 1u) % share);
        core->slope_count[slope]--;
    }
    const unsigned count = core->slope_count[slope];
    const bool tail_is_close =
        count >= 2 && point(core, share, slope, count - 1)->t_ns -
                              point(core, share, slope, count - 2)->t_ns < spacing_ns;
    if (!tail_is_close) {
        core->slope_count[slope]++;
    }
    *point(core, share, slope, core->slope_count[slope] - 1u) =
        (struct cyc_slope_point){t_ns, value};
}

/* Two passes about the means: no digits are lost to a large time or value. */
static double line(struct cyc_core *core, unsigned share, unsigned slope)
{
    const unsigned count = core->slope_count[slope];
    const int64_t from_ns = point(core, share, slope, 0)->t_ns;
    double mean_s = 0;
    double mean = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct cyc_slope_point *p = point(core, share, slope, i);
        mean_s += (double)(p->t_ns - from_ns) / 1e9;
        mean += p->value;
    }
    mean_s /= count;
    mean /= count;
    double products = 0;
    double squares = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct cyc_slope_point *p = point(core, share, slope, i);
        const double s = (double)(p->t_ns - from_ns) / 1e9 - mean_s;
        products += s * (p->value - mean);
        squares += s * s;
    }
    return products / squares;
}

void cyc_core_slopes_take(struct cyc_core *core, const struct cyc_step *step)
{
    if (core->slope_start_ns == CYC_NEVER) {
        core->slope_start_ns = core->last.t_ns;
    }
    for (unsigned i = 0; i < step->slope_count; i++) {
        const struct cyc_slope *slope = &step->slopes[i];
        core->slopes[i] = NAN;
        if (cyc_core_validity(core, slope->signal) == CYC_TRUTH_TRUE) {
            append(core, step, i, core->direct[slope->signal]);
        }
        if (core->last.t_ns - core->slope_start_ns >= slope->window_ns &&
            core->slope_count[i] >= SLOPE_POINTS_MIN) {
            core->slopes[i] = line(core, share_of(step), i);
        }
    }
}

int64_t cyc_core_slopes_wake(const struct cyc_core *core, const struct cyc_step *step)
{
    int64_t gap_ns = CYC_SAMPLE_GAP_NS;
    for (unsigned i = 0; i < step->slope_count; i++) {
        const int64_t own_ns = step->slopes[i].window_ns / SLOPE_SAMPLES;
        gap_ns = own_ns < gap_ns ? own_ns : gap_ns;
    }
    return core->now_ns + (gap_ns > 0 ? gap_ns : 1);
}
