/* Slopes: the least-squares line over a moving window.
 *
 * The line is fitted to the curve that joins the samples, not to the samples alone: it minimises
 * the integral of the squared distance over exactly the last `window`. So each sample counts by
 * the time it stands for, and a host that samples unevenly, say at crossings, finds the same slope
 * as one on a grid. With x counted from the middle of a window of width w it is
 *
 *     slope = 12 / w^3 * integral of x * value dx
 *
 * and the integral of each straight piece is Simpson's rule, which is exact here.
 *
 * The ring of CYC_SLOPE_POINTS is shared out evenly among the slopes of the step. A sample becomes
 * a point when it lies window / half the share behind the point before, so a window always fits,
 * however fast the samples come. The latest sample always takes part: it stands at the ring's end
 * and is overwritten until it has become a point by its distance. One point before the window
 * stays, for the value at its beginning.
 *
 * A slope is known when samples cover its window, five of them at least, since the setpoint was
 * settled. The window begins anew after a pause and where a CC-CV step crosses over: a line
 * through a kink means nothing.
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

static void append(struct cyc_core *core, const struct cyc_step *step, unsigned slope, double value)
{
    const unsigned share = share_of(step);
    const int64_t t_ns = core->last.t_ns;
    const int64_t window_ns = step->slopes[slope].window_ns;
    const int64_t spacing_ns = window_ns / (share / 2);
    while (core->slope_count[slope] >= 2 &&
           point(core, share, slope, 1)->t_ns <= t_ns - window_ns) {
        core->slope_first[slope] = (uint16_t)((core->slope_first[slope] + 1u) % share);
        core->slope_count[slope]--;
    }
    const unsigned count = core->slope_count[slope];
    const bool tail_is_close = count >= 2 && point(core, share, slope, count - 1)->t_ns -
                                                     point(core, share, slope, count - 2)->t_ns <
                                                 spacing_ns;
    if (!tail_is_close) {
        core->slope_count[slope]++;
    }
    *point(core, share, slope, core->slope_count[slope] - 1u) =
        (struct cyc_slope_point){t_ns, value};
}

static double fit(struct cyc_core *core, unsigned share, unsigned slope, int64_t window_ns)
{
    const unsigned count = core->slope_count[slope];
    const struct cyc_slope_point *last = point(core, share, slope, count - 1);
    const double half_s = (double)window_ns / 2e9;
    double integral = 0;
    double x = half_s; /* backwards from the latest sample, values relative to its */
    double y = 0;
    for (unsigned i = count - 1; i > 0; i--) {
        const struct cyc_slope_point *p = point(core, share, slope, i - 1);
        double from_x = half_s - (double)(last->t_ns - p->t_ns) / 1e9;
        double from_y = p->value - last->value;
        if (from_x < -half_s) { /* the window begins within this piece */
            from_y = y + (from_y - y) * ((-half_s - x) / (from_x - x));
            from_x = -half_s;
        }
        integral += (x - from_x) / 6 * (from_x * from_y + (from_x + x) * (from_y + y) + x * y);
        x = from_x;
        y = from_y;
    }
    return integral * 1.5 / (half_s * half_s * half_s);
}

void cyc_core_slopes_take(struct cyc_core *core, const struct cyc_step *step)
{
    const unsigned share = share_of(step);
    for (unsigned i = 0; i < step->slope_count; i++) {
        const struct cyc_slope *slope = &step->slopes[i];
        core->slopes[i] = NAN;
        if (cyc_core_validity(core, slope->signal) == CYC_TRUTH_TRUE) {
            append(core, step, i, core->direct[slope->signal]);
        }
        if (core->slope_count[i] >= SLOPE_POINTS_MIN &&
            core->last.t_ns - point(core, share, i, 0)->t_ns >= slope->window_ns) {
            core->slopes[i] = fit(core, share, i, slope->window_ns);
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
    return core->now_ns + gap_ns;
}
