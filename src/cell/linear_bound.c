/* A linear cell whose current follows from its own state: I = (u - OCV - v1 - v2 …) / rho.
 *
 * A voltage hold or sweep has u = the setpoint and rho = R0; a load R has u = 0, rho = R0 + R. On
 * one straight piece of the OCV let y0 be the OCV itself, y1 … the RC voltages. Each obeys
 *
 *     dym/dt = gm I - dm ym        g0 = slope / Q, d0 = 0;   gm = Rm / taum, dm = 1 / taum
 *
 * so with x = y / sqrt(g) the system is a diagonal plus one outer product, symmetric, and has real
 * decaying modes. Their rates are the roots of the secular equation
 *
 *     rho + sum of gm / (dm - rate) = 0
 *
 * one between each pair of neighbouring dm and one above the last. In a mode of current
 * alpha exp(-rate t) the state is ym = gm alpha / (dm - rate), and the share of a state y in a mode
 * is alpha = sum of ym / (dm - rate) over norm = sum of gm / (dm - rate)^2. (Golub 1973, Some
 * modified matrix eigenvalue problems, section 5.) The rates are found as distances from the nearer
 * dm, so that the differences keep their digits.
 *
 * The rest is a particular solution: for u = u0 + s t the current g0-fold slope, s / g0; on a flat
 * piece, which has no mode of its own, a straight line through (u0 - OCV) / (rho + sum of R).
 */
#include "cell/linear_int.h"

#include <float.h>
#include <math.h>

#define FLAT_PER_S 1e-12 /* an OCV whose own mode would be slower is flat */

static double gain(const struct cyc_linear *linear, unsigned m, uint32_t segment)
{
    return m == 0 ? linear->slope_V[segment] / linear->capacity_C
                  : linear->r_ohm[m - 1] / linear->rc_tau_s[m - 1];
}

static double own_rate(const struct cyc_linear *linear, unsigned m)
{
    return m == 0 ? 0 : 1 / linear->rc_tau_s[m - 1];
}

/* The secular function at a distance from state `pole`; gap[m] gets dm - rate. */
static double secular(const struct cyc_linear *linear, const struct cyc_linear_modes *modes,
                      unsigned pole, double distance, double *gap, double *derivative)
{
    double value = linear->rho_ohm;
    *derivative = 0;
    for (unsigned m = modes->first; m <= linear->rc_count; m++) {
        const double apart = m == pole ? 0 : own_rate(linear, m) - own_rate(linear, pole);
        const double g = gain(linear, m, modes->segment);
        gap[m] = apart - distance;
        value += g / gap[m];
        *derivative += g / (gap[m] * gap[m]);
    }
    return value;
}

/* The mode between state m and the next: secular rises from minus to plus infinity (or rho). */
static void find_mode(const struct cyc_linear *linear, struct cyc_linear_modes *modes, unsigned m)
{
    double gap[CYC_RC_MAX + 1];
    double derivative = 0;
    unsigned pole = m;
    double low = 0;
    double high = 0;
    if (m < linear->rc_count) {
        const double width = own_rate(linear, m + 1) - own_rate(linear, m);
        high = width / 2;
        if (secular(linear, modes, m, high, gap, &derivative) < 0) { /* nearer to the next */
            pole = m + 1;
            low = -width / 2;
            high = 0;
        }
    } else {
        for (unsigned k = modes->first; k <= linear->rc_count; k++) {
            high += gain(linear, k, modes->segment) / linear->rho_ohm;
        }
    }
    double distance = (low + high) / 2;
    for (unsigned turn = 0; turn < 200; turn++) {
        const double value = secular(linear, modes, pole, distance, gap, &derivative);
        if (value < 0) {
            low = distance;
        } else {
            high = distance;
        }
        /* Newton on distance times secular, which is nearly straight beside the pole. */
        const double slope = value + distance * derivative;
        const double change = -distance * value / slope;
        if (fabs(change) <= 2 * DBL_EPSILON * fabs(distance)) {
            break;
        }
        const double next = distance + change;
        distance = next > low && next < high ? next : (low + high) / 2;
    }
    (void)secular(linear, modes, pole, distance, gap, &derivative);
    const unsigned j = modes->count++;
    modes->rate[j] = own_rate(linear, pole) + distance;
    modes->norm[j] = derivative;
    for (unsigned k = modes->first; k <= linear->rc_count; k++) {
        modes->gap[k][j] = gap[k];
    }
}

static void find_modes(struct cyc_linear *linear, uint32_t segment)
{
    struct cyc_linear_modes *modes = &linear->modes;
    if (modes->segment == segment && modes->rho_ohm == linear->rho_ohm &&
        modes->factor == linear->factor) {
        return;
    }
    double sum_ohm = linear->rho_ohm;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        sum_ohm += linear->r_ohm[i];
    }
    modes->segment = segment;
    modes->rho_ohm = linear->rho_ohm;
    modes->factor = linear->factor;
    modes->count = 0;
    modes->first = gain(linear, 0, segment) < FLAT_PER_S * sum_ohm ? 1 : 0;
    linear->bound_ns = -1;
    for (unsigned m = modes->first; m <= linear->rc_count; m++) {
        find_mode(linear, modes, m);
    }
}

/* Particular solution at t = 0: the current and its slope, and the RC voltages that go with them.
 */
static void steady(struct cyc_linear *linear, const struct cyc_linear_state *from, double *rc_V)
{
    struct cyc_linear_modes *modes = &linear->modes;
    const double s = linear->drive_slope;
    if (modes->first == 0) {
        modes->steady_A = s == 0 ? 0 : s / gain(linear, 0, modes->segment);
        modes->steady_A_per_s = 0;
    } else {
        double sum_ohm = linear->rho_ohm;
        double sum_ohm_s = 0;
        for (unsigned i = 0; i < linear->rc_count; i++) {
            sum_ohm += linear->r_ohm[i];
            sum_ohm_s += linear->r_ohm[i] * linear->rc_tau_s[i];
        }
        modes->steady_A_per_s = s / sum_ohm;
        modes->steady_A =
            (linear->drive_value - from->ocv_V + modes->steady_A_per_s * sum_ohm_s) / sum_ohm;
    }
    for (unsigned i = 0; i < linear->rc_count; i++) {
        rc_V[i] =
            linear->r_ohm[i] * (modes->steady_A - modes->steady_A_per_s * linear->rc_tau_s[i]);
    }
}

void cyc_linear_bound_prepare(struct cyc_linear *linear, const struct cyc_linear_state *from)
{
    struct cyc_linear_modes *modes = &linear->modes;
    double off_V[CYC_RC_MAX + 1];
    const double wanted_A = cyc_linear_wanted_A(linear, cyc_linear_rest_V(linear, from), 0);
    find_modes(linear,
               cyc_linear_segment(linear, from, wanted_A != 0 ? wanted_A : linear->drive_slope));
    steady(linear, from, off_V + 1);
    double ocv_V = linear->drive_value - linear->rho_ohm * modes->steady_A;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        ocv_V -= off_V[i + 1];
        off_V[i + 1] = from->rc_V[i] - off_V[i + 1];
    }
    off_V[0] = from->ocv_V - ocv_V;
    for (unsigned j = 0; j < modes->count; j++) {
        double share = 0;
        for (unsigned m = modes->first; m <= linear->rc_count; m++) {
            share += off_V[m] / modes->gap[m][j];
        }
        modes->amplitude_A[j] = share / modes->norm[j];
    }
}

/* Integral of I^2. */
static double square_of_current(const struct cyc_linear_modes *modes, double h)
{
    double square = modes->steady_A * modes->steady_A * h; /* a load has no ramp */
    for (unsigned j = 0; j < modes->count; j++) {
        const double a = modes->amplitude_A[j];
        square += 2 * modes->steady_A * a * -expm1(-modes->rate[j] * h) / modes->rate[j];
        for (unsigned k = 0; k < modes->count; k++) {
            const double rate = modes->rate[j] + modes->rate[k];
            square += a * modes->amplitude_A[k] * -expm1(-rate * h) / rate;
        }
    }
    return square;
}

/* Integral of t I. */
static double moment_of_current(const struct cyc_linear_modes *modes, double h)
{
    double moment = h * h * (modes->steady_A / 2 + modes->steady_A_per_s * h / 3);
    for (unsigned j = 0; j < modes->count; j++) {
        const double rate = modes->rate[j];
        const double decay = exp(-rate * h);
        moment += modes->amplitude_A[j] * (-expm1(-rate * h) / rate - h * decay) / rate;
    }
    return moment;
}

void cyc_linear_bound_step(struct cyc_linear *linear, const struct cyc_linear_state *from,
                           int64_t span_ns, struct cyc_linear_state *to,
                           struct cyc_linear_passed *passed)
{
    const struct cyc_linear_modes *modes = &linear->modes;
    const double h = (double)span_ns * CYC_S_PER_NS;
    if (span_ns != linear->bound_ns) {
        linear->bound_ns = span_ns;
        for (unsigned j = 0; j < modes->count; j++) {
            linear->bound_decay[j] = expm1(-modes->rate[j] * h);
        }
    }
    double current_A = modes->steady_A + modes->steady_A_per_s * h;
    double charge_C = h * (modes->steady_A + modes->steady_A_per_s * h / 2);
    double mode_A[CYC_RC_MAX + 1];
    for (unsigned j = 0; j < modes->count; j++) {
        const double gone = linear->bound_decay[j];
        mode_A[j] = modes->amplitude_A[j] * (1 + gone);
        current_A += mode_A[j];
        charge_C -= modes->amplitude_A[j] * gone / modes->rate[j];
    }
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double g = linear->r_ohm[i] / linear->rc_tau_s[i];
        double rc_V = linear->r_ohm[i] *
                      (modes->steady_A + modes->steady_A_per_s * (h - linear->rc_tau_s[i]));
        for (unsigned j = 0; j < modes->count; j++) {
            rc_V += g * mode_A[j] / modes->gap[i + 1][j];
        }
        to->rc_V[i] = rc_V;
    }
    cyc_linear_pass(linear, from, charge_C, to);
    passed->charge_C = charge_C;
    passed->end_A = current_A;
    passed->square_A2s = linear->load_ohm > 0 ? square_of_current(modes, h) : 0;
    passed->moment_Cs = linear->drive_slope != 0 ? moment_of_current(modes, h) : 0;
}

void cyc_linear_bound_range(const struct cyc_linear *linear, double *low_A, double *high_A)
{
    const struct cyc_linear_modes *modes = &linear->modes;
    const double h = (double)linear->bound_ns * CYC_S_PER_NS;
    const double drift_A = modes->steady_A_per_s * h;
    *low_A = modes->steady_A + fmin(drift_A, 0);
    *high_A = modes->steady_A + fmax(drift_A, 0);
    for (unsigned j = 0; j < modes->count; j++) {
        const double a = modes->amplitude_A[j];
        const double b = a * (1 + linear->bound_decay[j]);
        *low_A += fmin(a, b);
        *high_A += fmax(a, b);
    }
}
