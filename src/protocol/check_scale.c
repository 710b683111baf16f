/* One step against the cell: is every number of a scale that a person can have meant? The bounds
 * are wide (rules of thumb of cell testing, one place each below), so that a warning means a slip
 * of the pen: mA for A, kV for V, h for min, a capacity of three cells.
 */
#include "protocol/check_int.h"

#define RATE_MOST          20.0   /* C */
#define RATE_LEAST         0.0025 /* C */
#define CAPACITIES_MOST    3.0    /* nominal capacities through a step, in one direction */
#define CAPACITIES_LEAST   0.5    /* as a limit */
#define CAPACITY_LEAST     0.002  /* as a cutoff */
#define LIMIT_MOST_V       100.0
#define MEAN_VOLTAGE_MOST  5.0   /* V, for energies */
#define TEMPERATURE_MOST   150.0 /* degC */
#define TEMPERATURE_LEAST  (-60.0)
#define PRESSURE_MOST      1e9 /* Pa */
#define PRESSURE_LEAST     1e3
#define REST_MOST_S        (5 * 86400.0)
#define PULSE_REST_MOST_S  (10 * 3600.0)
#define STEP_MOST_S        (60 * 86400.0)
#define VOLTAGE_LEAST      0.05 /* V: above zero and below this is a slip of mV for V */
#define FREQUENCY_MOST     1e7
#define FREQUENCY_LEAST    1e-5
#define HOLD_CURRENT_MOST  10.0  /* × the current of the step */
#define HOLD_CURRENT_LEAST 0.001 /* C */
#define SLOPE_MOST_V_PER_S 1e-4  /* 0.36 V/h, as the sign of a relaxed cell */
#define LIMIT_CURRENT_MOST 100.0 /* × the largest current of the protocol */
#define LIMIT_VOLTAGE_FAR  2.0   /* V above the voltages of the protocol */
#define LIMIT_VOLTAGE_LOW  5.0   /* V below them */

static struct cyc_diag *warn(const struct cyc_checker *checker, struct cyc_pos pos, unsigned signal,
                             double value, const char *what)
{
    char text[CYC_CHECK_TEXT];
    struct cyc_diag *const diag = cyc_diags_add(checker->diags, CYC_SEVERITY_WARNING, pos, what,
                                                cyc_check_value(text, signal, value));
    diag->hint = "is the unit right?";
    return diag;
}

/* ---- Setpoints
 * ------------------------------------------------------------------------------------- */

static void check_rate(const struct cyc_check_view *view)
{
    const struct cyc_checker *const checker = view->checker;
    const struct cyc_step *const step = view->step;
    double current_A = cyc_check_current_A(step);
    double least_A = current_A;
    for (uint32_t i = 0; i < step->segment_count && step->mode == CYC_MODE_PULSE; i++) {
        if (step->segments[i].pulse && step->segments[i].control == CYC_CONTROL_CURRENT) {
            least_A = fmin(least_A, fabs(step->segments[i].value));
        }
    }
    if ((step->mode == CYC_MODE_SWEEP || step->mode == CYC_MODE_CV) &&
        isfinite(step->current_max_A)) {
        current_A = least_A = step->current_max_A;
    }
    const double rate = current_A / checker->one_c_A;
    if (rate > RATE_MOST) {
        (void)warn(checker, view->plan->pos, CYC_SIGNAL_CURRENT, current_A,
                   "%s is more than 20 times what 1C is for this cell");
    } else if (least_A / checker->one_c_A < RATE_LEAST && step->mode != CYC_MODE_PROFILE) {
        (void)warn(checker, view->plan->pos, CYC_SIGNAL_CURRENT, least_A,
                   "%s is less than C/400 for this cell");
    }
}

static void check_power(const struct cyc_check_view *view)
{
    const struct cyc_checker *const checker = view->checker;
    const struct cyc_step *const step = view->step;
    const double most_W = RATE_MOST * checker->one_c_A * MEAN_VOLTAGE_MOST;
    for (uint32_t i = 0; i < step->segment_count; i++) {
        if (step->segments[i].control == CYC_CONTROL_POWER &&
            fabs(step->segments[i].value) > most_W) {
            (void)warn(checker, view->plan->pos, CYC_SIGNAL_POWER, step->segments[i].value,
                       "%s would be more than 20C for this cell");
            return;
        }
    }
}

static void check_hold(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    const double hold_V = step->mode == CYC_MODE_CV ? step->segments[0].value : step->hold_V;
    if (fabs(hold_V) < VOLTAGE_LEAST && hold_V != 0.0) {
        (void)warn(view->checker, view->plan->pos, CYC_SIGNAL_VOLTAGE, hold_V, "a hold at %s");
    }
}

static void check_pulse(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    const double capacity_Ah = view->checker->nominal_Ah;
    for (uint32_t i = 0; i < step->segment_count; i++) {
        const struct cyc_segment *const part = &step->segments[i];
        const double passed_Ah = fabs(part->value) * (double)part->duration_ns / 3.6e12;
        if (part->pulse && part->control == CYC_CONTROL_CURRENT && passed_Ah > capacity_Ah) {
            (void)warn(view->checker, view->plan->pos, CYC_SIGNAL_CAPACITY, passed_Ah,
                       "this pulse passes %s, more than the cell holds");
            return;
        }
        if (!part->pulse && part->duration_ns != CYC_NEVER && step->mode == CYC_MODE_PULSE &&
            (double)part->duration_ns / 1e9 > PULSE_REST_MOST_S) {
            (void)warn(view->checker, view->plan->pos, CYC_SIGNAL_TIME,
                       (double)part->duration_ns / 1e9, "a rest of %s after a pulse");
            return;
        }
    }
}

static void check_climate(const struct cyc_check_view *view)
{
    const struct cyc_environment *const environment = &view->step->environment;
    if (environment->temperature_degC > TEMPERATURE_MOST ||
        environment->temperature_degC < TEMPERATURE_LEAST) {
        (void)warn(view->checker, view->plan->pos, CYC_SIGNAL_TEMPERATURE,
                   environment->temperature_degC, "%s is no temperature for a cell");
    }
    if (environment->pressure_Pa > PRESSURE_MOST || environment->pressure_Pa < PRESSURE_LEAST) {
        (void)warn(view->checker, view->plan->pos, CYC_SIGNAL_PRESSURE, environment->pressure_Pa,
                   "%s is no stack pressure");
    }
}

/* ---- Cutoffs
 * --------------------------------------------------------------------------------------- */

static void check_hold_current(const struct cyc_check_view *view, struct cyc_pos pos,
                               const struct cyc_check_atom *atom)
{
    const double set_A = fmax(cyc_check_current_A(view->step), view->step->current_max_A);
    if (!cyc_check_downward(atom)) {
        return;
    }
    if (isfinite(set_A) && set_A > 0.0 && atom->value > HOLD_CURRENT_MOST * set_A) {
        (void)warn(
            view->checker, pos, CYC_SIGNAL_CURRENT, atom->value,
            "a hold that ends at %s, more than ten times the current of the step, ends at once");
    } else if (atom->value < HOLD_CURRENT_LEAST * view->checker->one_c_A) {
        (void)warn(view->checker, pos, CYC_SIGNAL_CURRENT, atom->value,
                   "a hold that ends at %s, less than C/1000, may never end");
    }
}

static void check_amount(const struct cyc_check_view *view, struct cyc_pos pos,
                         const struct cyc_check_atom *atom)
{
    const double capacity_Ah = CAPACITIES_MOST * view->checker->nominal_Ah;
    const bool charge = cyc_signal_kind(atom->signal) == CYC_KIND_CAPACITY;
    const double most = charge ? capacity_Ah : capacity_Ah * MEAN_VOLTAGE_MOST;
    if (atom->value > most) {
        (void)warn(view->checker, pos, atom->signal, atom->value,
                   "%s is more than three times what the cell holds");
    } else if (charge && atom->value < CAPACITY_LEAST * view->checker->nominal_Ah) {
        (void)warn(view->checker, pos, atom->signal, atom->value,
                   "%s is less than 1/500 of what the cell holds");
    }
}

static void check_time(const struct cyc_check_view *view, struct cyc_pos pos,
                       const struct cyc_check_atom *atom)
{
    const struct cyc_step *const step = view->step;
    const double passed_Ah = cyc_check_current_A(step) * atom->value / 3600.0;
    const bool timeout = !step->timeout_derived && step->timeout_ns != CYC_NEVER;
    if (step->mode != CYC_MODE_PROFILE && step->mode != CYC_MODE_PULSE &&
        passed_Ah > CAPACITIES_MOST * view->checker->nominal_Ah && step->mode != CYC_MODE_CCCV) {
        (void)warn(view->checker, pos, CYC_SIGNAL_TIME, atom->value,
                   "in %s this current would pass more than three times what the cell holds");
    } else if ((isnan(cyc_check_current_A(step)) && atom->value > REST_MOST_S && !timeout) ||
               atom->value > STEP_MOST_S) {
        warn(view->checker, pos, CYC_SIGNAL_TIME, atom->value, "%s is a long time for one step")
            ->hint = "if it is meant, state a `timeout` beside it";
    }
}

static void check_slope(const struct cyc_check_view *view, struct cyc_pos pos,
                        const struct cyc_check_atom *atom)
{
    const struct cyc_slope *const slope = &view->step->slopes[atom->index];
    if (slope->signal == CYC_SIGNAL_VOLTAGE && atom->value > SLOPE_MOST_V_PER_S &&
        cyc_check_downward(atom) && view->step->mode == CYC_MODE_REST) {
        char text[CYC_CHECK_TEXT];
        struct cyc_diag *const diag =
            cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING, pos,
                          "a voltage that changes by less than %s says little about rest",
                          cyc_quantity_text(text, sizeof text, atom->value, CYC_KIND_VOLTAGE_RATE));
        diag->hint = "is the unit right? 1 mV/h is common";
    }
}

static void check_voltage(const struct cyc_check_view *view, struct cyc_pos pos,
                          const struct cyc_check_atom *atom)
{
    if (fabs(atom->value) < VOLTAGE_LEAST && atom->value != 0.0 &&
        cyc_check_edge(view->step, 0.0) != 0) {
        (void)warn(view->checker, pos, atom->signal, atom->value, "a cutoff at %s");
    }
}

static void check_atom(const struct cyc_check_view *view, struct cyc_pos pos,
                       const struct cyc_check_atom *atom)
{
    const bool step_sum = cyc_check_is_step_sum(atom);
    switch (cyc_signal_kind(atom->signal)) {
    case CYC_KIND_CURRENT:
        check_hold_current(view, pos, atom);
        break;
    case CYC_KIND_CAPACITY:
    case CYC_KIND_ENERGY:
        if (step_sum) {
            check_amount(view, pos, atom);
        }
        break;
    case CYC_KIND_TIME:
        if (step_sum) {
            check_time(view, pos, atom);
        }
        break;
    case CYC_KIND_TEMPERATURE:
        if (atom->value > TEMPERATURE_MOST || atom->value < TEMPERATURE_LEAST) {
            (void)warn(view->checker, pos, atom->signal, atom->value,
                       "%s is no temperature for a cell");
        }
        break;
    case CYC_KIND_NUMBER:
        if (atom->signal == CYC_SIGNAL_SLOPE) {
            check_slope(view, pos, atom);
        }
        break;
    case CYC_KIND_PRESSURE:
        if (atom->value > PRESSURE_MOST) {
            (void)warn(view->checker, pos, atom->signal, atom->value, "%s is no stack pressure");
        }
        break;
    case CYC_KIND_VOLTAGE:
        check_voltage(view, pos, atom);
        break;
    case CYC_KIND_FRACTION:
    case CYC_KIND_POWER:
    case CYC_KIND_RESISTANCE:
    case CYC_KIND_TEMPERATURE_DIFFERENCE:
    case CYC_KIND_FORCE:
    case CYC_KIND_FREQUENCY:
    case CYC_KIND_MASS:
    case CYC_KIND_AREA:
    case CYC_KIND_VOLTAGE_RATE:
    case CYC_KIND_CURRENT_RATE:
    case CYC_KIND_TEMPERATURE_RATE:
    case CYC_KIND_PRESSURE_RATE:
    case CYC_KIND_FRACTION_RATE:
    case CYC_KIND_BOOLEAN:
    case CYC_KIND_TEXT:
    case CYC_KIND_COUNT:
        break;
    }
}

static void check_frequencies(const struct cyc_check_view *view)
{
    const struct cyc_step_more *const more = view->plan->more;
    if (view->step->mode != CYC_MODE_IMPEDANCE || more == NULL) {
        return;
    }
    const double ends_Hz[2] = {more->frequency_from_Hz.value, more->frequency_to_Hz.value};
    for (unsigned i = 0; i < 2; i++) {
        if (ends_Hz[i] > FREQUENCY_MOST || ends_Hz[i] < FREQUENCY_LEAST) {
            cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
                          "an impedance is measured between 10 uHz and 10 MHz")
                ->hint = "is the unit right?";
            return;
        }
    }
}

/* What can be said of a step whose setpoint only a run can know. */
void cyc_check_constants(struct cyc_checker *checker, const struct cyc_step_plan *plan)
{
    const double most_A = RATE_MOST * checker->one_c_A;
    const bool limited = plan->kind == CYC_STEP_HOLD || plan->kind == CYC_STEP_SWEEP;
    const double current_A = plan->more == NULL || !limited ? NAN : plan->more->current_A.value;
    if (current_A > most_A || current_A < RATE_LEAST * checker->one_c_A) {
        (void)warn(checker, plan->pos, CYC_SIGNAL_CURRENT, current_A,
                   "%s is far from what 1C is for this cell");
    }
    for (unsigned i = 0; i < plan->cutoff_count; i++) {
        const struct cyc_cutoff_plan *const cutoff = &plan->cutoffs[i];
        const double value = cutoff->bare.value;
        const bool current = cutoff->when == NULL && cutoff->signal == CYC_SIGNAL_CURRENT;
        if (current && (value > 0.25 * most_A || value < HOLD_CURRENT_LEAST * checker->one_c_A)) {
            (void)warn(checker, cutoff->pos, CYC_SIGNAL_CURRENT, value, "a hold that ends at %s");
        }
        if (cutoff->when == NULL && cutoff->signal == CYC_SIGNAL_TIME && value > STEP_MOST_S) {
            (void)warn(checker, cutoff->pos, CYC_SIGNAL_TIME, value,
                       "%s is a long time for one step");
        }
    }
}

void cyc_check_scale(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    struct cyc_check_atom atom;
    check_rate(view);
    check_power(view);
    check_hold(view);
    check_pulse(view);
    check_climate(view);
    check_frequencies(view);
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        unsigned at = step->cutoffs[i].when.first;
        while (cyc_check_next_atom(step, &step->cutoffs[i].when, &at, &atom)) {
            const bool climate =
                (step->mode == CYC_MODE_TEMPERATURE || step->mode == CYC_MODE_PRESSURE) &&
                view->resolver->cutoffs[i] == NULL;
            if (!climate) { /* its own band was judged with the setpoint */
                check_atom(view, cyc_check_cutoff_pos(view, i), &atom);
            }
        }
    }
}

/* ---- Limits
 * ---------------------------------------------------------------------------------------- */

static void check_limit(const struct cyc_checker *checker, const struct cyc_limit_plan *limit)
{
    const double low = limit->low.value;
    const double high = limit->high.value;
    switch (limit->signal) {
    case CYC_SIGNAL_VOLTAGE:
        if ((fabs(low) < VOLTAGE_LEAST && low != 0.0) || fabs(high) < VOLTAGE_LEAST) {
            (void)warn(checker, limit->pos, limit->signal, fabs(low) < VOLTAGE_LEAST ? low : high,
                       "a limit of %s");
        } else if (fabs(low) > LIMIT_MOST_V && isfinite(low)) {
            (void)warn(checker, limit->pos, limit->signal, low, "a limit of %s protects no cell");
        } else if (high > LIMIT_MOST_V && isfinite(high)) {
            (void)warn(checker, limit->pos, limit->signal, high, "a limit of %s protects no cell");
        } else if (high > checker->high_V + LIMIT_VOLTAGE_FAR) {
            (void)warn(checker, limit->pos, limit->signal, high,
                       "the upper limit of %s lies far beyond every voltage of this protocol");
        } else if (low < checker->low_V - LIMIT_VOLTAGE_LOW ||
                   (low < 0.0 && checker->low_V > 0.2)) {
            (void)warn(checker, limit->pos, limit->signal, low,
                       "the lower limit of %s lies far beyond every voltage of this protocol");
        }
        break;
    case CYC_SIGNAL_CURRENT:
        if (high > LIMIT_CURRENT_MOST * checker->most_A ||
            high > 5 * RATE_MOST * checker->one_c_A) {
            (void)warn(checker, limit->pos, limit->signal, high,
                       "the limit of %s lies far beyond every current of this protocol");
        }
        break;
    case CYC_SIGNAL_TEMPERATURE:
        if (high > TEMPERATURE_MOST || low < TEMPERATURE_LEAST) {
            (void)warn(checker, limit->pos, limit->signal, high > TEMPERATURE_MOST ? high : low,
                       "a limit of %s protects no cell");
        }
        break;
    case CYC_SIGNAL_PRESSURE:
        if (high > PRESSURE_MOST || low < 0.0) {
            (void)warn(checker, limit->pos, limit->signal, low < 0.0 ? low : high,
                       "a limit of %s protects no cell");
        }
        break;
    case CYC_SIGNAL_CHARGE_CAPACITY:
    case CYC_SIGNAL_DISCHARGE_CAPACITY:
        if (high > CAPACITIES_MOST * checker->nominal_Ah) {
            (void)warn(checker, limit->pos, limit->signal, high,
                       "the limit of %s is more than three times what the cell holds");
        } else if (high < CAPACITIES_LEAST * checker->nominal_Ah) {
            (void)warn(checker, limit->pos, limit->signal, high,
                       "the limit of %s is less than half of what the cell holds");
        }
        break;
    case CYC_SIGNAL_POWER:
        if (high > LIMIT_CURRENT_MOST * checker->most_A * MEAN_VOLTAGE_MOST) {
            (void)warn(checker, limit->pos, limit->signal, high,
                       "the limit of %s lies far beyond every power of this protocol");
        }
        break;
    default:
        break;
    }
}

void cyc_check_limits_scale(const struct cyc_checker *checker, const struct cyc_limits *limits)
{
    for (unsigned i = 0; i < limits->count; i++) {
        check_limit(checker, &limits->items[i]);
    }
}
