/* Each kind of step in numbers: its segments, its compliance, what it waits for, and the bound on
 * its time.
 *
 * Derived bounds (protocols/README.md): a charge or discharge may take 3 Q/|I| + 1 h, with a hold
 * 24 h more; a hold alone and a rest 72 h; waiting for temperature or pressure 12 h.
 */
#include "protocol/resolve_int.h"

#define HOUR_S    3600.0
#define WITHIN_K  1.0  /* default tolerance of a temperature step */
#define WITHIN_OF 0.02 /* of a pressure step, relative */

/* The upper voltage limit of the step, for bounds of power and load. */
static double voltage_limit(const struct cyc_step *step, bool high)
{
    double bound = NAN;
    for (unsigned i = 0; i < step->limit_count; i++) {
        if (step->limits[i].signal == CYC_SIGNAL_VOLTAGE) {
            const double value = high ? step->limits[i].high : step->limits[i].low;
            bound = isnan(bound) || (high ? value < bound : value > bound) ? value : bound;
        }
    }
    return bound;
}

/* The smallest current that a power or load step can pass for long. */
static double least_current_A(const struct cyc_resolve_work *work)
{
    const double high_V = voltage_limit(work->step, true);
    const double low_V = voltage_limit(work->step, false);
    if (work->plan->control == CYC_CONTROL_CURRENT) {
        return work->setpoint;
    }
    if (work->plan->control == CYC_CONTROL_POWER) {
        return work->setpoint / (isfinite(high_V) ? high_V : 5.0);
    }
    return (isfinite(low_V) && low_V > 0.1 ? low_V : 0.5) / work->setpoint;
}

static void bound(struct cyc_resolve_work *work, double seconds)
{
    if (!work->plan->time_stated && seconds >= 0.0) {
        work->step->timeout_ns = cyc_resolve_ns_of(seconds);
        work->step->timeout_derived = true;
    }
}

static int resolve_charge(struct cyc_resolve_work *work)
{
    struct cyc_step *const step = work->step;
    const double sign = work->plan->charging ? 1.0 : -1.0;
    const bool load = work->plan->control == CYC_CONTROL_LOAD;
    const bool held = step->mode == CYC_MODE_CCCV || step->mode == CYC_MODE_CPCV;
    int status =
        cyc_resolve_magnitude(work, &work->plan->setpoint, NAN, "the setpoint", &work->setpoint);
    if (status != CYC_OK) {
        return status;
    }
    status = cyc_resolve_one_segment(work, (enum cyc_control)work->plan->control,
                                     load ? work->setpoint : sign * work->setpoint);
    if (status == CYC_OK && held) {
        status = cyc_resolve_number(work, &work->plan->hold_V, NAN, &step->hold_V);
        const double most_A =
            work->plan->control == CYC_CONTROL_CURRENT ? work->setpoint : INFINITY;
        step->current_min_A = work->plan->charging ? 0.0 : -most_A;
        step->current_max_A = work->plan->charging ? most_A : 0.0;
    }
    const double capacity_Ah = cyc_cell_bound_Ah(work->around->cell);
    bound(work, (3.0 * capacity_Ah / least_current_A(work) + 1.0 + (held ? 24.0 : 0.0)) * HOUR_S);
    return status;
}

/* The current that a hold may pass: stated, else that of the step before. */
static int compliance(struct cyc_resolve_work *work, double *most_A)
{
    const struct cyc_step_more *const more = work->plan->more;
    *most_A = work->around->history->setpoint_A;
    if (more != NULL && cyc_value_stated(&more->current_A)) {
        return cyc_resolve_magnitude(work, &more->current_A, NAN, "the current", most_A);
    }
    if (isnan(*most_A)) {
        return cyc_err_set(work->err, CYC_E_INPUT,
                           "no step before this hold passed a current; state `current`");
    }
    return CYC_OK;
}

static int resolve_hold(struct cyc_resolve_work *work)
{
    double most_A = NAN;
    int status = cyc_resolve_number(work, &work->plan->setpoint, NAN, &work->setpoint);
    status = status != CYC_OK ? status : compliance(work, &most_A);
    if (status != CYC_OK) {
        return status;
    }
    if (!isfinite(work->setpoint)) {
        return cyc_err_set(work->err, CYC_E_INPUT, "the voltage of the hold came out unknown");
    }
    work->step->current_min_A = -most_A;
    work->step->current_max_A = most_A;
    bound(work, 72.0 * HOUR_S);
    return cyc_resolve_one_segment(work, CYC_CONTROL_VOLTAGE, work->setpoint);
}

static int resolve_rest(struct cyc_resolve_work *work)
{
    int status = cyc_resolve_one_segment(work, CYC_CONTROL_OPEN, 0.0);
    if (status == CYC_OK && cyc_value_stated(&work->plan->setpoint)) {
        int64_t checked_ns = 0;
        status = cyc_resolve_duration(work, &work->plan->setpoint, 0.0, &checked_ns);
        status = status != CYC_OK ? status : cyc_resolve_ends_after(work, (double)checked_ns / 1e9);
    }
    bound(work, 72.0 * HOUR_S);
    return status;
}

static int resolve_pulse(struct cyc_resolve_work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_more *const more = work->plan->more;
    struct cyc_segment *const list = cyc_resolve_segments(work, 2 * more->pulse_count);
    uint32_t used = 0;
    double shortest_s = INFINITY;
    if (list == NULL) {
        return CYC_E_NO_MEMORY;
    }
    for (unsigned i = 0; i < more->pulse_count; i++) {
        const struct cyc_pulse_plan *const pulse = &more->pulses[i];
        double value = 0.0;
        double width_s = 0.0;
        int64_t rest_ns = 0;
        int status = cyc_resolve_magnitude(work, &pulse->value, NAN, "the pulse", &value);
        status = status != CYC_OK
                     ? status
                     : cyc_resolve_magnitude(work, &pulse->width_s, NAN, "the width", &width_s);
        status =
            status != CYC_OK ? status : cyc_resolve_duration(work, &pulse->rest_s, 0.0, &rest_ns);
        if (status != CYC_OK) {
            return status;
        }
        shortest_s = fmin(shortest_s, width_s);
        list[used++] = (struct cyc_segment){.duration_ns = cyc_resolve_ns_of(width_s),
                                            .control = (enum cyc_control)pulse->control,
                                            .value = pulse->charging ? value : -value,
                                            .pulse = true};
        if (rest_ns > 0) {
            list[used++] =
                (struct cyc_segment){.duration_ns = rest_ns, .control = CYC_CONTROL_OPEN};
        }
    }
    step->segment_count = used;
    step->resistance_at_count = 0;
    for (unsigned i = 0; i < more->resistance_at_count; i++) {
        const int status =
            cyc_resolve_duration(work, &more->resistance_at_s[i], 0.0,
                                 &step->resistance_at_ns[step->resistance_at_count++]);
        if (status != CYC_OK) {
            return status;
        }
    }
    if (step->resistance_at_count == 0) {
        step->resistance_at_ns[step->resistance_at_count++] = cyc_resolve_ns_of(shortest_s);
    }
    return cyc_resolve_whole(work, &more->count, "count", &step->repeat_count);
}

static int resolve_sweep(struct cyc_resolve_work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_more *const more = work->plan->more;
    struct cyc_segment *const list = cyc_resolve_segments(work, more->sweep_count);
    double rate = 0.0;
    double from_V = 0.0;
    double most_A = INFINITY;
    if (list == NULL) {
        return CYC_E_NO_MEMORY;
    }
    int status = cyc_resolve_magnitude(work, &more->sweep_rate_V_per_s, NAN, "the rate", &rate);
    step->sweep_from_present = !cyc_value_stated(&more->sweep_from_V);
    status = status != CYC_OK ? status
                              : cyc_resolve_number(work, &more->sweep_from_V,
                                                   work->around->history->present_V, &from_V);
    status = status != CYC_OK
                 ? status
                 : cyc_resolve_magnitude(work, &more->current_A, most_A, "the current", &most_A);
    if (status == CYC_E_INPUT && !cyc_value_stated(&more->current_A)) {
        status = CYC_OK; /* no bound stated: infinite */
    }
    for (unsigned i = 0; i < more->sweep_count && status == CYC_OK; i++) {
        double to_V = 0.0;
        status = cyc_resolve_number(work, &more->sweep_to_V[i], NAN, &to_V);
        if (isnan(from_V)) {
            from_V =
                to_V - rate; /* nothing measured yet: the executor starts at the real voltage */
        }
        list[i] = (struct cyc_segment){
            .duration_ns = cyc_resolve_ns_of(fabs(to_V - from_V) / rate),
            .control = CYC_CONTROL_VOLTAGE,
            .value = from_V,
            .slope_per_s = to_V < from_V ? -rate : rate,
        };
        from_V = to_V;
    }
    step->current_min_A = -most_A;
    step->current_max_A = most_A;
    return status;
}

static int resolve_profile(struct cyc_resolve_work *work)
{
    const struct cyc_step_more *const more = work->plan->more;
    const struct cyc_profile *const profile = more->profile;
    struct cyc_segment *const list = cyc_resolve_segments(work, profile->count - 1);
    double scale = 1.0;
    const int status = cyc_resolve_magnitude(work, &more->scale, 1.0, "scale", &scale);
    if (list == NULL || status != CYC_OK) {
        return list == NULL ? CYC_E_NO_MEMORY : status;
    }
    for (unsigned i = 0; i + 1 < profile->count; i++) {
        const double value = profile->value[i] * profile->factor * scale;
        list[i] = (struct cyc_segment){
            .duration_ns =
                cyc_resolve_ns_of(profile->time_s[i + 1]) - cyc_resolve_ns_of(profile->time_s[i]),
            .control = value == 0.0 ? CYC_CONTROL_OPEN : (enum cyc_control)profile->control,
            .value = value,
        };
    }
    return cyc_resolve_whole(work, &more->count, "times", &work->step->repeat_count);
}

static int resolve_impedance(struct cyc_resolve_work *work)
{
    const struct cyc_step_more *const more = work->plan->more;
    double bias = 0.0;
    const bool stated = cyc_value_stated(&more->bias);
    const int status = cyc_resolve_number(work, &more->bias, 0.0, &bias);
    const enum cyc_control control = !stated              ? CYC_CONTROL_OPEN
                                     : more->bias_current ? CYC_CONTROL_CURRENT
                                                          : CYC_CONTROL_VOLTAGE;
    return status == CYC_OK ? cyc_resolve_one_segment(work, control, bias) : status;
}

/* lower <= signal <= upper for the soak time: two thresholds, so that a host that finds crossings
 * finds them exactly. */
static int wait_within(struct cyc_resolve_work *work, enum cyc_signal signal, double within,
                       enum cyc_reason reason)
{
    int64_t soak_ns = 0;
    const uint16_t first = work->step->op_count;
    int status = cyc_resolve_duration(work, &work->plan->more->soak_s, 0.0, &soak_ns);
    status = status != CYC_OK ? status
                              : cyc_resolve_push_threshold(work, signal, CYC_SCOPE_STEP, false,
                                                           CYC_OP_GE, work->setpoint - within);
    status = status != CYC_OK ? status
                              : cyc_resolve_push_threshold(work, signal, CYC_SCOPE_STEP, false,
                                                           CYC_OP_LE, work->setpoint + within);
    if (status != CYC_OK || !cyc_resolve_push_op(work, CYC_OP_AND, 0, 0, 0.0)) {
        return status != CYC_OK ? status : cyc_resolve_too_many(work, "conditions");
    }
    return cyc_resolve_push_implied(work, reason, first, soak_ns);
}

static int resolve_climate(struct cyc_resolve_work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_more *const more = work->plan->more;
    const bool heat = step->mode == CYC_MODE_TEMPERATURE;
    double within = 0.0;
    int status = cyc_resolve_one_segment(work, CYC_CONTROL_OPEN, 0.0);
    if (more->off) {
        step->environment.temperature_off = heat;
        step->environment.pressure_off = !heat;
        return status == CYC_OK ? cyc_resolve_ends_after(work, 0.0) : status;
    }
    status = status != CYC_OK
                 ? status
                 : cyc_resolve_number(work, &work->plan->setpoint, NAN, &work->setpoint);
    if (status == CYC_OK && !isfinite(work->setpoint)) {
        return cyc_err_set(work->err, CYC_E_INPUT, "the setpoint came out unknown");
    }
    if (heat) {
        step->environment.temperature_degC = work->setpoint;
        status = status != CYC_OK ? status
                                  : cyc_resolve_number(work, &more->ramp_K_per_s, NAN,
                                                       &step->environment.ramp_K_per_s);
    } else {
        step->environment.pressure_Pa = work->setpoint;
    }
    if (status != CYC_OK) {
        return status;
    }
    if (!more->wait) {
        return cyc_resolve_ends_after(work, 0.0);
    }
    status = cyc_resolve_magnitude(work, &more->within,
                                   heat ? WITHIN_K : WITHIN_OF * fabs(work->setpoint), "`within`",
                                   &within);
    bound(work, 12.0 * HOUR_S);
    return status != CYC_OK
               ? status
               : wait_within(work, heat ? CYC_SIGNAL_TEMPERATURE : CYC_SIGNAL_PRESSURE, within,
                             heat ? CYC_REASON_TEMPERATURE : CYC_REASON_PRESSURE);
}

int cyc_resolve_mode(struct cyc_resolve_work *work)
{
    switch (work->step->mode) {
    case CYC_MODE_CC:
    case CYC_MODE_CCCV:
    case CYC_MODE_CP:
    case CYC_MODE_CPCV:
    case CYC_MODE_CR:
        return resolve_charge(work);
    case CYC_MODE_CV:
        return resolve_hold(work);
    case CYC_MODE_REST:
        return resolve_rest(work);
    case CYC_MODE_PULSE:
        return resolve_pulse(work);
    case CYC_MODE_SWEEP:
        return resolve_sweep(work);
    case CYC_MODE_PROFILE:
        return resolve_profile(work);
    case CYC_MODE_IMPEDANCE:
        return resolve_impedance(work);
    case CYC_MODE_TEMPERATURE:
    case CYC_MODE_PRESSURE:
        return resolve_climate(work);
    case CYC_MODE_ASK:
        return cyc_resolve_one_segment(work, CYC_CONTROL_OPEN, 0.0);
    }
    return CYC_E_BUG;
}
