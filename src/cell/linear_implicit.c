/* A linear cell under a current that follows from its rest voltage E in a way that has no closed
 * form: constant power, P = I (E + R0 I); or a hold, sweep or load of a cell with hysteresis.
 *
 * Over a step of h seconds the current is taken as a parabola through its values at 0, h/2 and h.
 * Under a parabola the state has a closed form, whatever the time constants, so there is no limit
 * on h from short ones. The two unknown values make the relation hold at h/2 and h: collocation at
 * Lobatto points, of fourth order, solved by Newton with the exact derivatives. Steps are halved
 * until one agrees with two of half its length.
 */
#include "cell/linear_int.h"

#include <math.h>

#define TOLERANCE    1e-12 /* of the current, relative */
#define CLOSE        1e-14
#define TURNS_MAX    30
#define HALVINGS_MAX 40

struct parabola {
    double start, linear, square; /* I = start + linear theta + square theta^2, theta = t/h */
};

/* One of the two points of a step: the state there, linear in the parabola but for the OCV and
 * the hysteresis, and its derivatives by the unknown currents. */
struct place {
    double part; /* of h: 1/2 or 1 */
    double decay[CYC_RC_MAX];
    double weight[CYC_RC_MAX][3]; /* V/A for the coefficients of the parabola */
    double rc_by[2];              /* d(sum of RC voltages) / d(current at h/2, at h) */
    double charge_by[2];
    struct cyc_linear_state state;
    double charge_C;
};

static double power_A(double rest_V, double r0_ohm, double power_W)
{
    const double square = rest_V * rest_V + 4 * r0_ohm * power_W;
    if (!(square >= 0) || !(rest_V > 0)) {
        return NAN;
    }
    return 2 * power_W / (rest_V + sqrt(square)); /* the root that does not cancel */
}

double cyc_linear_wanted_A(const struct cyc_linear *linear, double rest_V, double time_s)
{
    const double target = linear->drive_value + linear->drive_slope * time_s;
    return linear->power ? power_A(rest_V, linear->r0_ohm, target)
                         : (target - rest_V) / linear->rho_ohm;
}

static double wanted_by_rest(const struct cyc_linear *linear, double rest_V, double current_A)
{
    return linear->power ? -current_A / (rest_V + 2 * linear->r0_ohm * current_A)
                         : -1 / linear->rho_ohm;
}

/* Integrals of theta^k exp(-x (1 - theta)) over theta from 0 to 1, k = 0, 1, 2. */
static void integrals(double x, double integral[3])
{
    if (x > 0.5) {
        integral[0] = -expm1(-x) / x;
        integral[1] = (1 - integral[0]) / x;
        integral[2] = (1 - 2 * integral[1]) / x;
        return;
    }
    for (unsigned k = 0; k < 3; k++) { /* sum of (-x)^n k! / (k + n + 1)! */
        double term = 1.0 / (k + 1);
        integral[k] = term;
        for (unsigned n = 1; n < 16; n++) {
            term *= -x / (double)(k + n + 1);
            integral[k] += term;
        }
    }
}

static void prepare(const struct cyc_linear *linear, double h, double part, struct place *place)
{
    place->part = part;
    place->rc_by[0] = 0;
    place->rc_by[1] = 0;
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double x = part * h / linear->rc_tau_s[i];
        double *weight = place->weight[i];
        integrals(x, weight);
        place->decay[i] = exp(-x);
        weight[0] *= linear->r_ohm[i] * x;
        weight[1] *= linear->r_ohm[i] * x * part;
        weight[2] *= linear->r_ohm[i] * x * part * part;
        place->rc_by[0] += 4 * weight[1] - 4 * weight[2];
        place->rc_by[1] += 2 * weight[2] - weight[1];
    }
    const double half = part / 2; /* integrals of theta and theta^2 up to part, times h */
    const double third = part * part / 3;
    place->charge_by[0] = h * part * (4 * half - 4 * third);
    place->charge_by[1] = h * part * (2 * third - half);
}

/* The state under a parabola. */
static void follow(const struct cyc_linear *linear, const struct cyc_linear_state *from, double h,
                   struct parabola current, struct place *place)
{
    const double part = place->part;
    place->charge_C =
        h * part * (current.start + part * (current.linear / 2 + part * current.square / 3));
    cyc_linear_pass(linear, from, place->charge_C, &place->state);
    for (unsigned i = 0; i < linear->rc_count; i++) {
        const double *weight = place->weight[i];
        place->state.rc_V[i] = from->rc_V[i] * place->decay[i] + current.start * weight[0] +
                               current.linear * weight[1] + current.square * weight[2];
    }
}

/* What the current misses the wanted one by, and its derivatives by the two unknowns. */
static double miss(const struct cyc_linear *linear, const struct place *place, double h,
                   double current_A, double by[2])
{
    const double rest_V = cyc_linear_rest_V(linear, &place->state);
    const double wanted_A = cyc_linear_wanted_A(linear, rest_V, place->part * h);
    const double wanted_by = wanted_by_rest(linear, rest_V, wanted_A);
    const double volt_per_C = cyc_linear_volt_per_C(linear, &place->state, place->charge_C);
    for (unsigned k = 0; k < 2; k++) {
        by[k] = -wanted_by * (place->rc_by[k] + volt_per_C * place->charge_by[k]);
    }
    return current_A - wanted_A;
}

int cyc_linear_implicit_step(struct cyc_linear *linear, const struct cyc_linear_state *from,
                             double h, struct cyc_linear_state *to,
                             struct cyc_linear_passed *passed)
{
    struct place middle;
    struct place end;
    const double start_A = cyc_linear_wanted_A(linear, cyc_linear_rest_V(linear, from), 0);
    double middle_A = start_A;
    double end_A = start_A;
    struct parabola current = {start_A, 0, 0};
    prepare(linear, h, 0.5, &middle);
    prepare(linear, h, 1, &end);
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        double by_middle[2];
        double by_end[2];
        current.linear = 4 * middle_A - 3 * start_A - end_A;
        current.square = 2 * (start_A + end_A) - 4 * middle_A;
        follow(linear, from, h, current, &middle);
        follow(linear, from, h, current, &end);
        const double miss_middle = miss(linear, &middle, h, middle_A, by_middle);
        const double miss_end = miss(linear, &end, h, end_A, by_end);
        by_middle[0] += 1;
        by_end[1] += 1;
        const double determinant = by_middle[0] * by_end[1] - by_middle[1] * by_end[0];
        const double move_middle =
            (by_end[1] * miss_middle - by_middle[1] * miss_end) / determinant;
        const double move_end = (by_middle[0] * miss_end - by_end[0] * miss_middle) / determinant;
        if (!isfinite(move_middle) || !isfinite(move_end)) {
            break;
        }
        const double size_A = fabs(start_A) + fabs(end_A) + fabs(middle_A);
        if (fabs(move_middle) + fabs(move_end) <= CLOSE * size_A) {
            *to = end.state;
            const double a = current.linear;
            const double b = current.square;
            passed->charge_C = end.charge_C;
            passed->end_A = end_A;
            passed->moment_Cs = h * h * (start_A / 2 + a / 3 + b / 4);
            passed->square_A2s =
                h * (start_A * (start_A + a) + (2 * start_A * b + a * a) / 3 + b * (a / 2 + b / 5));
            return CYC_OK;
        }
        middle_A -= move_middle;
        end_A -= move_end;
    }
    return CYC_E_INFEASIBLE;
}

/* Whether one step over h agrees with two of half of it. */
static bool accurate(struct cyc_linear *linear, const struct cyc_linear_state *from, double h)
{
    struct cyc_linear_state whole = *from;
    struct cyc_linear_state half = *from;
    struct cyc_linear_state end = *from;
    struct cyc_linear_passed once;
    struct cyc_linear_passed twice;
    const double value = linear->drive_value;
    bool agrees = cyc_linear_implicit_step(linear, from, h, &whole, &once) == CYC_OK &&
                  cyc_linear_implicit_step(linear, from, h / 2, &half, &twice) == CYC_OK;
    if (agrees) {
        linear->drive_value = value + linear->drive_slope * h / 2;
        agrees = cyc_linear_implicit_step(linear, &half, h / 2, &end, &twice) == CYC_OK &&
                 fabs(once.end_A - twice.end_A) <= TOLERANCE * fabs(twice.end_A);
        linear->drive_value = value;
    }
    return agrees;
}

int64_t cyc_linear_implicit_reach_ns(struct cyc_linear *linear, const struct cyc_linear_state *from,
                                     int64_t limit_ns)
{
    for (unsigned i = 0; i < HALVINGS_MAX && limit_ns > CYC_MS_NS &&
                         !accurate(linear, from, (double)limit_ns * CYC_S_PER_NS);
         i++) {
        limit_ns /= 2;
    }
    return limit_ns;
}
