/* The analytic cell of the bench: closed forms and crossings by bisection on whole nanoseconds. */
#include "cell.h"

#define SLICES 64 /* of an interval, for energy and for charge of either sign */

static double ocv(const struct bench_cell *cell)
{
    return cell->ocv_V + cell->per_Ah_V * cell->q_Ah;
}

/* V per A s */
static double rise(const struct bench_cell *cell)
{
    return cell->per_Ah_V / 3600.0;
}

static double target(const struct bench_cell *cell)
{
    return cell->setpoint.value +
           cell->setpoint.slope_per_s * ((double)(cell->t_ns - cell->applied_ns) / 1e9);
}

static double clamped(const struct bench_cell *cell, double current_A)
{
    return fmin(fmax(current_A, cell->setpoint.current_min_A), cell->setpoint.current_max_A);
}

double bench_current(const struct bench_cell *cell)
{
    const double e_V = ocv(cell);
    switch (cell->setpoint.control) {
    case CYC_CONTROL_OPEN:
        return 0;
    case CYC_CONTROL_CURRENT:
        return cell->setpoint.value;
    case CYC_CONTROL_VOLTAGE:
        return clamped(cell, (target(cell) - e_V) / cell->r0_ohm);
    case CYC_CONTROL_POWER:
        return (-e_V + sqrt(e_V * e_V + 4 * cell->r0_ohm * cell->setpoint.value)) /
               (2 * cell->r0_ohm);
    case CYC_CONTROL_LOAD:
        return -e_V / (cell->r0_ohm + cell->setpoint.value);
    }
    return NAN;
}

double bench_voltage(const struct bench_cell *cell)
{
    return ocv(cell) + cell->rc_V + bench_current(cell) * cell->r0_ohm;
}

/* Charge in A s that flows in s seconds of voltage control without a clamp. */
static double charge_in_hold(const struct bench_cell *cell, double s)
{
    const double tau_s = cell->r0_ohm / rise(cell);
    const double steady_A = cell->setpoint.slope_per_s / rise(cell);
    const double now_A = (target(cell) - ocv(cell)) / cell->r0_ohm;
    return steady_A * s - (now_A - steady_A) * tau_s * expm1(-s / tau_s);
}

/* The seconds for which the clamp still holds the current. */
static double clamped_for(const struct bench_cell *cell)
{
    const double free_A = (target(cell) - ocv(cell)) / cell->r0_ohm;
    const double held_A = clamped(cell, free_A);
    if (fabs(free_A - held_A) <= 1e-12 * fabs(held_A)) {
        return 0;
    }
    if (!(fabs(held_A) > 0)) {
        return INFINITY;
    }
    return (free_A - held_A) * cell->r0_ohm / (rise(cell) * held_A);
}

static double charge_As(const struct bench_cell *cell, double s)
{
    const double now_A = bench_current(cell);
    const bool flat = !(fabs(cell->per_Ah_V) > 0);
    if (cell->setpoint.control == CYC_CONTROL_VOLTAGE && !flat) {
        const double held_s = fmin(clamped_for(cell), s);
        struct bench_cell then = *cell;
        then.q_Ah += held_s > 0 ? now_A * held_s / 3600.0 : 0;
        const double free_s = s - held_s;
        return (held_s > 0 ? now_A * held_s : 0) + (free_s > 0 ? charge_in_hold(&then, free_s) : 0);
    }
    if (cell->setpoint.control == CYC_CONTROL_LOAD && !flat) {
        const double tau_s = (cell->r0_ohm + cell->setpoint.value) / rise(cell);
        return now_A * tau_s * -expm1(-s / tau_s);
    }
    return now_A * s;
}

static void heat(struct bench_cell *cell, double s)
{
    if (fabs(bench_current(cell)) > 0) {
        cell->temperature_degC += cell->heating_K_per_s * s;
    } else if (cell->temperature_degC > cell->ambient_degC) {
        cell->temperature_degC =
            fmax(cell->ambient_degC, cell->temperature_degC - cell->cooling_K_per_s * s);
    }
}

struct bench_cell bench_at(const struct bench_cell *cell, int64_t t_ns)
{
    struct bench_cell then = *cell;
    const double s = (double)(t_ns - cell->t_ns) / 1e9;
    heat(&then, s);
    if (cell->r1_ohm > 0) {
        const double end_V = bench_current(cell) * cell->r1_ohm;
        then.rc_V = end_V + (cell->rc_V - end_V) * exp(-s / cell->tau_s);
    }
    then.q_Ah += charge_As(cell, s) / 3600.0;
    then.t_ns = t_ns;
    return then;
}

static double signal_of(const struct bench_cell *from, const struct bench_cell *cell,
                        const struct cyc_watch *watch)
{
    const double passed_Ah = cell->q_Ah - from->q_Ah;
    double value = NAN;
    switch (watch->signal) {
    case CYC_SIGNAL_VOLTAGE:
        value = bench_voltage(cell);
        break;
    case CYC_SIGNAL_CURRENT:
        value = bench_current(cell);
        break;
    case CYC_SIGNAL_POWER:
        value = bench_voltage(cell) * bench_current(cell);
        break;
    case CYC_SIGNAL_TEMPERATURE:
        value = cell->temperature_degC;
        break;
    case CYC_SIGNAL_AMBIENT:
        value = cell->ambient_degC;
        break;
    case CYC_SIGNAL_PRESSURE:
        value = cell->pressure_Pa;
        break;
    case CYC_SIGNAL_CHARGE_CAPACITY:
        value = fmax(passed_Ah, 0);
        break;
    case CYC_SIGNAL_DISCHARGE_CAPACITY:
        value = fmax(-passed_Ah, 0);
        break;
    case CYC_SIGNAL_NET_CAPACITY:
        value = passed_Ah;
        break;
    case CYC_SIGNAL_CAPACITY:
        value = fabs(passed_Ah);
        break;
    default: { /* energies: V is nearly linear over what is left */
        const double mean_V = 0.5 * (bench_voltage(from) + bench_voltage(cell));
        value =
            watch->signal == CYC_SIGNAL_NET_ENERGY ? mean_V * passed_Ah : fabs(mean_V * passed_Ah);
        break;
    }
    }
    return watch->magnitude ? fabs(value) : value;
}

static bool is_across(double before, double after, double at)
{
    return (before < at && after >= at) || (before > at && after <= at);
}

int64_t bench_crossing(const struct bench_cell *cell, int64_t until_ns,
                       const struct cyc_watch *watches, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const double before = signal_of(cell, cell, &watches[i]);
        int64_t low_ns = cell->t_ns;
        int64_t high_ns = until_ns;
        struct bench_cell then = bench_at(cell, high_ns);
        if (!is_across(before, signal_of(cell, &then, &watches[i]), watches[i].value)) {
            continue;
        }
        while (high_ns - low_ns > 1) {
            const int64_t middle_ns = low_ns + (high_ns - low_ns) / 2;
            then = bench_at(cell, middle_ns);
            if (is_across(before, signal_of(cell, &then, &watches[i]), watches[i].value)) {
                high_ns = middle_ns;
            } else {
                low_ns = middle_ns;
            }
        }
        until_ns = high_ns;
    }
    return until_ns;
}

struct cyc_sums bench_advance(struct bench_cell *cell, int64_t until_ns)
{
    struct cyc_sums sums = {0};
    const struct bench_cell from = *cell;
    struct bench_cell last = from;
    for (int64_t i = 1; i <= SLICES && until_ns > from.t_ns; i++) {
        const int64_t t_ns = from.t_ns + (until_ns - from.t_ns) / SLICES * i;
        const struct bench_cell next = bench_at(&from, i == SLICES ? until_ns : t_ns);
        const double passed_Ah = next.q_Ah - last.q_Ah;
        const double passed_Wh = passed_Ah * 0.5 * (bench_voltage(&last) + bench_voltage(&next));
        if (passed_Ah > 0) {
            sums.charge_Ah += passed_Ah;
            sums.charge_Wh += passed_Wh;
        } else {
            sums.discharge_Ah -= passed_Ah;
            sums.discharge_Wh -= passed_Wh;
        }
        last = next;
    }
    *cell = bench_at(&from, until_ns);
    return sums;
}

void bench_apply(struct bench_cell *cell, const struct cyc_setpoint *setpoint)
{
    cell->setpoint = *setpoint;
    cell->applied_ns = cell->t_ns;
}
