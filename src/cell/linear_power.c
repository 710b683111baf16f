/* A linear cell under constant power: P = I (E + R0 I), E the rest voltage.
 *
 * E follows from the charge that passed, so the equation is not linear. Over a step of h seconds
 * the current is taken as a parabola through its values at 0, h/2 and h; under a parabola the RC
 * voltages have a closed form (no limit on h from short time constants), and the two unknown values
 * come from P at h/2 and h by iteration, which contracts as the resistance of the step over that
 * of the load. Collocation at these points is of fourth order. Energy needs none of this: it is
 * the integral of P. *
 * The step is chosen by comparing with two half steps.
 */
#include "cell/linear_int.h"
#include "cell/root.h"

#include <math.h>

#define TOLERANCE_A   1e-10 /* of the current, relative */
#define TURNS_MAX     60
#define HALVINGS_MAX  40

double cyc_linear_power_A(double rest_V, double r0_ohm, double power_W)
{
    const double square = rest_V * rest_V + 4 * r0_ohm * power_W;
    if (!(square >= 0) || !(rest_V > 0)) {
        return NAN;
    }
    return 2 * power_W / (rest_V + sqrt(square)); /* the root that does not cancel */
}

/* Integrals of theta^k exp(-x (1 - theta)) over theta from 0 to 1, k = 0, 1, 2. */
static void weights(double x, double weight[3])
{
    if (x > 0.5) {
        weight[0] = -expm1(-x) / x;
        weight[1] = (1 - weight[0]) / x;
        weight[2] = (1 - 2 * weight[1]) / x;
        return;
    }
    for (unsigned k = 0; k < 3; k++) { /* sum of (-x)^n k! / (k + n + 1)! */
        double term = 1.0 / (k + 1);
        weight[k] = term;
        for (unsigned n = 1; n < 16; n++) {
            term *= -x / (double)(k + n + 1);
            weight[k] += term;
        }
    }
}

struct parabola {
    double start, linear, square; /* I = start + linear theta + square theta^2 */
};

/* The state after a parabola of current over h seconds. */
static void follow(const struct cyc_linear *linear, const struct cyc_linear_state *from, double h,
                   struct parabola current, struct cyc_linear_state *to, double *charge_C)
{
    *charge_C = h * (current.start + current.linear / 2 + current.square / 3);
    to->soc = from->soc + *charge_C / linear->capacity_C;
    to->segment = from->segment;
    to->ocv_V = cyc_linear_ocv_V(linear, to->soc, &to->segment);
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double x = h / linear->rc_tau_s[i];
        double weight[3];
        weights(x, weight);
        const double mean = current.start * weight[0] + current.linear * weight[1] +
                            current.square * weight[2];
        to->rc_V[i] = from->rc_V[i] * exp(-x) + linear->r_ohm[i] * x * mean;
    }
}

int cyc_linear_power_step(struct cyc_linear *linear, const struct cyc_linear_state *from,
                          double span_s, struct cyc_linear_state *to, double *charge_C,
                          double *end_A)
{
    const double power_W = linear->drive_value;
    const double rise_W = linear->drive_slope * span_s;
    const double r0 = linear->r0_ohm;
    const double start_A = cyc_linear_power_A(cyc_linear_rest_V(linear, from), r0, power_W);
    double middle_A = start_A;
    double last_A = start_A;
    struct cyc_linear_state middle = *from;
    for (unsigned turn = 0; turn < TURNS_MAX && isfinite(last_A) && isfinite(middle_A); turn++) {
        const double a = 4 * middle_A - 3 * start_A - last_A;
        const double b = 2 * (start_A + last_A) - 4 * middle_A;
        double half_C = 0;
        follow(linear, from, span_s / 2, (struct parabola){start_A, a / 2, b / 4}, &middle,
               &half_C);
        follow(linear, from, span_s, (struct parabola){start_A, a, b}, to, charge_C);
        const double was_middle_A = middle_A;
        const double was_last_A = last_A;
        middle_A = cyc_linear_power_A(cyc_linear_rest_V(linear, &middle), r0,
                                      power_W + rise_W / 2);
        last_A = cyc_linear_power_A(cyc_linear_rest_V(linear, to), r0, power_W + rise_W);
        const double change_A = fabs(middle_A - was_middle_A) + fabs(last_A - was_last_A);
        if (change_A <= 1e-15 * (fabs(start_A) + fabs(last_A))) {
            *end_A = last_A;
            return CYC_OK;
        }
    }
    return CYC_E_INFEASIBLE;
}

/* Whether one step over the span agrees with two of half of it. */
static bool accurate(struct cyc_linear *linear, const struct cyc_linear_state *from, double h)
{
    struct cyc_linear_state whole = *from;
    struct cyc_linear_state half = *from;
    struct cyc_linear_state end = *from;
    double charge_C = 0;
    double whole_A = 0;
    double end_A = 0;
    return cyc_linear_power_step(linear, from, h, &whole, &charge_C, &whole_A) == CYC_OK &&
           cyc_linear_power_step(linear, from, h / 2, &half, &charge_C, &end_A) == CYC_OK &&
           cyc_linear_power_step(linear, &half, h / 2, &end, &charge_C, &end_A) == CYC_OK &&
           fabs(whole_A - end_A) <= TOLERANCE_A * fabs(end_A);
}

struct piece {
    struct cyc_linear *linear;
    const struct cyc_linear_state *from;
    uint32_t segment;
};

/* Zero or more beyond the piece of OCV that the base state is on. */
static double piece_side(void *context, int64_t span_ns)
{
    const struct piece *piece = context;
    const struct cyc_linear *linear = piece->linear;
    struct cyc_linear_state to = *piece->from;
    double charge_C = 0;
    double end_A = 0;
    if (cyc_linear_power_step(piece->linear, piece->from, (double)span_ns * CYC_S_PER_NS, &to,
                              &charge_C, &end_A) != CYC_OK) {
        return 1;
    }
    double side = -1;
    if (piece->segment + 2 < linear->ocv_count) {
        side = fmax(side, to.soc - linear->soc[piece->segment + 1]);
    }
    if (piece->segment > 0) {
        side = fmax(side, linear->soc[piece->segment] - to.soc);
    }
    return side;
}

int64_t cyc_linear_power_reach_ns(struct cyc_linear *linear, const struct cyc_linear_state *from,
                                  int64_t limit_ns)
{
    int64_t span_ns = limit_ns;
    for (unsigned i = 0; i < HALVINGS_MAX && span_ns > CYC_MS_NS &&
                         !accurate(linear, from, (double)span_ns * CYC_S_PER_NS);
         i++) {
        span_ns /= 2;
    }
    struct piece piece = {linear, from, cyc_linear_segment(linear, from, linear->drive_value)};
    const double side = piece_side(&piece, span_ns);
    if (side <= 0) {
        return span_ns;
    }
    return cyc_first_beyond(0, -fabs(side), span_ns, side, piece_side, &piece);
}
