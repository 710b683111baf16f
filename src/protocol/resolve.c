/* From a step's plan to numbers, at the moment when its turn comes.
 *
 * All goes into one buffer that is used again for every step: only what the executor reads is
 * written, so large arrays are reset by their counts. Cutoffs are listed own first, then those of
 * the blocks from the innermost outwards, then the protocol's: the order in which they are tested.
 * Limits of all levels are listed side by side; none replaces another.
 *
 * Derived bounds (protocols/README.md): a charge or discharge may take 3 Q/|I| + 1 h, with a hold
 * 24 h more; a hold alone and a rest 72 h; waiting for temperature or pressure 12 h.
 */
#include "protocol/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S    3600.0
#define WITHIN_K  1.0  /* default tolerance of a temperature step */
#define WITHIN_OF 0.02 /* of a pressure step, relative */

struct work {
    struct cyc_resolver *resolver;
    struct cyc_step *step;
    const struct cyc_step_plan *plan;
    const struct cyc_step_around *around;
    struct cyc_err *err;
    double setpoint;
};

void cyc_resolver_init(struct cyc_resolver *resolver)
{
    memset(resolver, 0, sizeof *resolver);
}

void cyc_resolver_release(struct cyc_resolver *resolver)
{
    free(resolver->segments);
    memset(resolver, 0, sizeof *resolver);
}

/* ---- Small parts --------------------------------------------------------------------------------------- */

static int number(struct work *work, const struct cyc_value *value, double fallback, double *out)
{
    *out = fallback;
    return cyc_value_stated(value) ? cyc_value_get(value, work->around->env, out, work->err)
                                   : CYC_OK;
}

/* A computed number that has to be greater than zero. */
static int magnitude(struct work *work, const struct cyc_value *value, double fallback,
                     const char *what, double *out)
{
    const int status = number(work, value, fallback, out);
    if (status == CYC_OK && !(*out > 0.0 && isfinite(*out))) {
        char text[CYC_NUMBER_SIZE];
        return cyc_err_set(work->err, CYC_E_INPUT, "%s came out as %s and must be greater than zero",
                           what, cyc_number_brief(text, *out, 6));
    }
    return status;
}

static int64_t ns_of(double seconds)
{
    return seconds >= 9e9 ? CYC_NEVER : seconds <= 0.0 ? 0 : (int64_t)(seconds * 1e9 + 0.5);
}

static int duration(struct work *work, const struct cyc_value *value, double fallback_s,
                    int64_t *out_ns)
{
    double seconds = 0.0;
    const int status = number(work, value, fallback_s, &seconds);
    if (status == CYC_OK && !(seconds >= 0.0)) {
        return cyc_err_set(work->err, CYC_E_INPUT, "a time came out negative or unknown");
    }
    *out_ns = ns_of(seconds);
    return status;
}

static int whole(struct work *work, const struct cyc_value *value, const char *what, uint32_t *out)
{
    double count = 1.0;
    const int status = number(work, value, 1.0, &count);
    if (status == CYC_OK && !(count >= 1.0 && count <= 1e9 && count == floor(count))) {
        char text[CYC_NUMBER_SIZE];
        return cyc_err_set(work->err, CYC_E_INPUT, "%s came out as %s; a whole number from 1 is due",
                           what, cyc_number_brief(text, count, 6));
    }
    *out = status == CYC_OK ? (uint32_t)count : 1;
    return status;
}

static struct cyc_segment *segments(struct work *work, uint32_t count)
{
    struct cyc_resolver *const resolver = work->resolver;
    if (count > resolver->segment_capacity) {
        struct cyc_segment *const grown =
            realloc(resolver->segments, count * sizeof *resolver->segments);
        if (grown == NULL) {
            (void)cyc_err_set(work->err, CYC_E_NO_MEMORY, "no memory for the segments of a step");
            return NULL;
        }
        resolver->segments = grown;
        resolver->segment_capacity = count;
    }
    memset(resolver->segments, 0, count * sizeof *resolver->segments);
    work->step->segments = resolver->segments;
    work->step->segment_count = count;
    return resolver->segments;
}

static int one_segment(struct work *work, enum cyc_control control, double value)
{
    struct cyc_segment *const only = segments(work, 1);
    if (only == NULL) {
        return CYC_E_NO_MEMORY;
    }
    *only = (struct cyc_segment){.duration_ns = CYC_NEVER, .control = control, .value = value};
    return CYC_OK;
}

/* ---- Conditions ------------------------------------------------------------------------------------------ */

static bool push_op(struct work *work, enum cyc_op_code code, unsigned signal, unsigned scope,
                    double value)
{
    struct cyc_step *const step = work->step;
    if (step->op_count == CYC_OPS_MAX) {
        return false;
    }
    step->ops[step->op_count++] = (struct cyc_op){
        .code = (uint8_t)code, .signal = (uint8_t)signal, .scope = (uint8_t)scope, .value = value};
    return true;
}

static int too_many(struct work *work, const char *what)
{
    return cyc_err_set(work->err, CYC_E_BOUND, "more %s than a step can have", what);
}

/* signal (or its magnitude) compared with a number. */
static int push_threshold(struct work *work, unsigned signal, unsigned scope, bool absolute,
                          enum cyc_op_code code, double value)
{
    const bool sound = push_op(work, CYC_OP_SIGNAL, signal, scope, 0.0) &&
                       (!absolute || push_op(work, CYC_OP_ABS, 0, 0, 0.0)) &&
                       push_op(work, CYC_OP_CONST, 0, 0, value) && push_op(work, code, 0, 0, 0.0);
    return sound ? CYC_OK : too_many(work, "conditions");
}

static int push_expr(struct work *work, const struct cyc_expr *expr, int64_t over_ns,
                     struct cyc_condition *condition)
{
    const struct cyc_cell_facts *const cell = work->around->cell;
    const double resolution[3] = {cell->voltage_resolution_V, cell->current_resolution_A,
                                  cell->temperature_resolution_K};
    return cyc_expr_compile(expr, work->around->env, over_ns, resolution, work->step, condition,
                            work->err);
}

/* One condition of a cutoff; `all` is handled by its caller. */
static int push_when(struct work *work, const struct cyc_cutoff_plan *plan, int64_t over_ns)
{
    struct cyc_condition ignored;
    double bare = 0.0;
    if (plan->when != NULL) {
        return push_expr(work, plan->when, over_ns, &ignored);
    }
    const int status = number(work, &plan->bare, NAN, &bare);
    if (status != CYC_OK) {
        return status;
    }
    if (isnan(bare)) {
        return cyc_err_set(work->err, CYC_E_INPUT, "a cutoff came out without a value");
    }
    return push_threshold(work, plan->signal, plan->scope, plan->signal == CYC_SIGNAL_CURRENT,
                          plan->at_or_below ? CYC_OP_LE : CYC_OP_GE, bare);
}

static int push_cutoff(struct work *work, const struct cyc_cutoff_plan *plan, int owner)
{
    struct cyc_step *const step = work->step;
    const struct cyc_cutoff_more *const more = plan->more;
    int status = CYC_OK;
    int64_t over_ns = 0;
    if (step->cutoff_count == CYC_CUTOFFS_MAX) {
        return too_many(work, "cutoffs");
    }
    struct cyc_cutoff *const cutoff = &step->cutoffs[step->cutoff_count];
    *cutoff = (struct cyc_cutoff){.reason = (enum cyc_reason)plan->reason,
                                  .entry = (enum cyc_entry)plan->entry,
                                  .action = (enum cyc_follow_up)plan->action,
                                  .hold_only = plan->hold_only,
                                  .tag = step->cutoff_count};
    cutoff->when.first = step->op_count;
    if (more != NULL) {
        status = duration(work, &more->over_s, 0.0, &over_ns);
    }
    if (more == NULL || more->all == NULL) {
        status = status == CYC_OK ? push_when(work, plan, over_ns) : status;
    }
    for (unsigned i = 0; more != NULL && i < more->all_count && status == CYC_OK; i++) {
        status = push_when(work, &more->all[i], over_ns);
        if (status == CYC_OK && i > 0 && !push_op(work, CYC_OP_AND, 0, 0, 0.0)) {
            status = too_many(work, "conditions");
        }
    }
    cutoff->when.count = (uint16_t)(step->op_count - cutoff->when.first);
    if (more != NULL && status == CYC_OK) {
        status = duration(work, &more->lasting_s, 0.0, &cutoff->lasting_ns);
        status = status != CYC_OK ? status : duration(work, &more->after_s, 0.0, &cutoff->after_ns);
    }
    if (plan->action == CYC_FOLLOW_PAUSE && status == CYC_OK) {
        status = duration(work, &more->pause_timeout_s, 0.0, &cutoff->pause_timeout_ns);
        status = status != CYC_OK ? status : push_expr(work, more->resume, over_ns, &cutoff->resume);
    }
    work->resolver->cutoffs[step->cutoff_count] = plan;
    work->resolver->owners[step->cutoff_count] = (int16_t)owner;
    step->cutoff_count++;
    return status;
}

static int push_cutoffs(struct work *work, const struct cyc_cutoff_plan *items, unsigned count,
                        int owner)
{
    int status = CYC_OK;
    for (unsigned i = 0; i < count && status == CYC_OK; i++) {
        struct cyc_step *const step = work->step;
        const uint16_t ops = step->op_count;
        const uint8_t cutoffs = step->cutoff_count;
        const uint8_t slopes = step->slope_count;
        status = push_cutoff(work, &items[i], owner);
        if (status == CYC_E_INPUT && work->resolver->lenient) {
            step->op_count = ops;
            step->cutoff_count = cutoffs;
            step->slope_count = slopes;
            work->resolver->unknown_cutoffs++;
            status = CYC_OK;
        }
    }
    return status;
}

/* A cutoff that the step itself implies: the end of a rest, of waiting for a temperature. */
static int push_implied(struct work *work, enum cyc_reason reason, uint16_t first,
                        int64_t lasting_ns)
{
    struct cyc_step *const step = work->step;
    if (step->cutoff_count == CYC_CUTOFFS_MAX) {
        return too_many(work, "cutoffs");
    }
    step->cutoffs[step->cutoff_count] = (struct cyc_cutoff){
        .when = {first, (uint16_t)(step->op_count - first)},
        .reason = reason,
        .entry = CYC_ENTRY_BEFORE,
        .action = CYC_FOLLOW_NEXT,
        .lasting_ns = lasting_ns,
        .tag = step->cutoff_count,
    };
    work->resolver->cutoffs[step->cutoff_count] = NULL;
    work->resolver->owners[step->cutoff_count] = -1;
    step->cutoff_count++;
    return CYC_OK;
}

static int ends_after(struct work *work, double seconds)
{
    const uint16_t first = work->step->op_count;
    const int status = push_threshold(work, CYC_SIGNAL_TIME, CYC_SCOPE_STEP, false, CYC_OP_GE,
                                      seconds);
    return status == CYC_OK ? push_implied(work, CYC_REASON_TIME, first, 0) : status;
}

/* ---- Limits and record ------------------------------------------------------------------------------------ */

static int push_limits(struct work *work, const struct cyc_limits *limits, enum cyc_level level)
{
    struct cyc_step *const step = work->step;
    for (unsigned i = 0; i < limits->count; i++) {
        const struct cyc_limit_plan *const plan = &limits->items[i];
        double low = 0.0;
        double high = 0.0;
        if (step->limit_count == CYC_LIMITS_MAX) {
            return too_many(work, "limits");
        }
        int status = number(work, &plan->low, -INFINITY, &low);
        status = status != CYC_OK ? status : number(work, &plan->high, INFINITY, &high);
        if (status != CYC_OK) {
            return status;
        }
        if (plan->low.expr != NULL && plan->low.expr == plan->high.expr) {
            low = -high; /* one value bounds both directions */
        }
        if (!(low < high)) {
            return cyc_err_set(work->err, CYC_E_INPUT, "the limits of %s came out empty",
                               cyc_signal_name(plan->signal));
        }
        work->resolver->limit_pos[step->limit_count] = plan->pos;
        step->limits[step->limit_count++] = (struct cyc_limit){plan->signal, (uint8_t)level, low, high};
    }
    return CYC_OK;
}

static int merge_record(struct work *work, const struct cyc_record_plan *plan)
{
    struct cyc_record_rule *const rule = &work->step->record;
    double value[CYC_RECORD_KEY_COUNT];
    if (plan == NULL) {
        return CYC_OK;
    }
    for (unsigned i = 0; i < CYC_RECORD_KEY_COUNT; i++) {
        const int status = number(work, &plan->value[i], NAN, &value[i]);
        if (status != CYC_OK) {
            return status;
        }
    }
    if (!isnan(value[CYC_RECORD_EVERY])) {
        rule->every_ns = ns_of(value[CYC_RECORD_EVERY]);
    }
    double *const rules[CYC_RECORD_KEY_COUNT] = {
        [CYC_RECORD_VOLTAGE] = &rule->voltage_V,         [CYC_RECORD_CURRENT] = &rule->current_A,
        [CYC_RECORD_CAPACITY] = &rule->capacity_Ah,      [CYC_RECORD_TEMPERATURE] = &rule->temperature_K,
        [CYC_RECORD_PRESSURE] = &rule->pressure_Pa,
    };
    for (unsigned i = CYC_RECORD_VOLTAGE; i < CYC_RECORD_KEY_COUNT; i++) {
        if (!isnan(value[i])) {
            *rules[i] = value[i];
        }
    }
    if (plan->burst_stated) {
        rule->burst_count = plan->burst_count;
        for (unsigned i = 0; i < plan->burst_count; i++) {
            rule->bursts[i] = plan->bursts[i];
        }
    }
    return CYC_OK;
}

static int resolve_record(struct work *work)
{
    struct cyc_record_rule *const rule = &work->step->record;
    int status = CYC_OK;
    *rule = (struct cyc_record_rule){.every_ns = 60 * CYC_S_NS, .voltage_V = 0.010};
    for (unsigned i = 0; i < work->around->rule_count && status == CYC_OK; i++) {
        status = merge_record(work, work->around->rules[i]->record);
    }
    if (status == CYC_OK && work->plan->more != NULL) {
        status = merge_record(work, work->plan->more->record);
    }
    return status;
}

/* ---- Modes ------------------------------------------------------------------------------------------------- */

static const char *type_of(enum cyc_mode mode, bool charging)
{
    switch (mode) {
    case CYC_MODE_REST: return "REST";
    case CYC_MODE_CC: return charging ? "CC_CHG" : "CC_DCH";
    case CYC_MODE_CV: return charging ? "CV_CHG" : "CV_DCH";
    case CYC_MODE_CCCV: return charging ? "CCCV_CHG" : "CCCV_DCH";
    case CYC_MODE_CP: return charging ? "CP_CHG" : "CP_DCH";
    case CYC_MODE_CPCV: return charging ? "CPCV_CHG" : "CPCV_DCH";
    case CYC_MODE_CR: return "CR_DCH";
    case CYC_MODE_SWEEP: return "SWEEP";
    case CYC_MODE_PROFILE: return "PROFILE";
    case CYC_MODE_PULSE: return "PULSE";
    case CYC_MODE_IMPEDANCE: return "EIS";
    case CYC_MODE_TEMPERATURE: return "TEMPERATURE";
    case CYC_MODE_PRESSURE: return "PRESSURE";
    case CYC_MODE_ASK: return "ASK";
    }
    return "?";
}

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
static double least_current_A(const struct work *work)
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

static void bound(struct work *work, double seconds)
{
    if (!work->plan->time_stated && seconds >= 0.0) {
        work->step->timeout_ns = ns_of(seconds);
        work->step->timeout_derived = true;
    }
}

static int resolve_charge(struct work *work)
{
    struct cyc_step *const step = work->step;
    const double sign = work->plan->charging ? 1.0 : -1.0;
    const bool load = work->plan->control == CYC_CONTROL_LOAD;
    const bool held = step->mode == CYC_MODE_CCCV || step->mode == CYC_MODE_CPCV;
    int status = magnitude(work, &work->plan->setpoint, NAN, "the setpoint", &work->setpoint);
    if (status != CYC_OK) {
        return status;
    }
    status = one_segment(work, (enum cyc_control)work->plan->control,
                         load ? work->setpoint : sign * work->setpoint);
    if (status == CYC_OK && held) {
        status = number(work, &work->plan->hold_V, NAN, &step->hold_V);
        const double most_A = work->plan->control == CYC_CONTROL_CURRENT ? work->setpoint : INFINITY;
        step->current_min_A = work->plan->charging ? 0.0 : -most_A;
        step->current_max_A = work->plan->charging ? most_A : 0.0;
    }
    const double capacity_Ah = cyc_cell_bound_Ah(work->around->cell);
    bound(work, (3.0 * capacity_Ah / least_current_A(work) + 1.0 + (held ? 24.0 : 0.0)) * HOUR_S);
    return status;
}

/* The current that a hold may pass: stated, else that of the step before. */
static int compliance(struct work *work, double *most_A)
{
    const struct cyc_step_more *const more = work->plan->more;
    *most_A = work->around->history->setpoint_A;
    if (more != NULL && cyc_value_stated(&more->current_A)) {
        return magnitude(work, &more->current_A, NAN, "the current", most_A);
    }
    if (isnan(*most_A)) {
        return cyc_err_set(work->err, CYC_E_INPUT,
                           "no step before this hold passed a current; state `current`");
    }
    return CYC_OK;
}

static int resolve_hold(struct work *work)
{
    double most_A = NAN;
    int status = number(work, &work->plan->setpoint, NAN, &work->setpoint);
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
    return one_segment(work, CYC_CONTROL_VOLTAGE, work->setpoint);
}

static int resolve_rest(struct work *work)
{
    int status = one_segment(work, CYC_CONTROL_OPEN, 0.0);
    if (status == CYC_OK && cyc_value_stated(&work->plan->setpoint)) {
        int64_t checked_ns = 0;
        status = duration(work, &work->plan->setpoint, 0.0, &checked_ns);
        status = status != CYC_OK ? status : ends_after(work, (double)checked_ns / 1e9);
    }
    bound(work, 72.0 * HOUR_S);
    return status;
}

static int resolve_pulse(struct work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_more *const more = work->plan->more;
    struct cyc_segment *const list = segments(work, 2 * more->pulse_count);
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
        int status = magnitude(work, &pulse->value, NAN, "the pulse", &value);
        status = status != CYC_OK ? status
                                  : magnitude(work, &pulse->width_s, NAN, "the width", &width_s);
        status = status != CYC_OK ? status : duration(work, &pulse->rest_s, 0.0, &rest_ns);
        if (status != CYC_OK) {
            return status;
        }
        shortest_s = fmin(shortest_s, width_s);
        list[used++] = (struct cyc_segment){.duration_ns = ns_of(width_s),
                                            .control = (enum cyc_control)pulse->control,
                                            .value = pulse->charging ? value : -value,
                                            .pulse = true};
        if (rest_ns > 0) {
            list[used++] = (struct cyc_segment){.duration_ns = rest_ns, .control = CYC_CONTROL_OPEN};
        }
    }
    step->segment_count = used;
    step->resistance_at_count = 0;
    for (unsigned i = 0; i < more->resistance_at_count; i++) {
        const int status = duration(work, &more->resistance_at_s[i], 0.0,
                                    &step->resistance_at_ns[step->resistance_at_count++]);
        if (status != CYC_OK) {
            return status;
        }
    }
    if (step->resistance_at_count == 0) {
        step->resistance_at_ns[step->resistance_at_count++] = ns_of(shortest_s);
    }
    return whole(work, &more->count, "count", &step->repeat_count);
}

static int resolve_sweep(struct work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_more *const more = work->plan->more;
    struct cyc_segment *const list = segments(work, more->sweep_count);
    double rate = 0.0;
    double from_V = 0.0;
    double most_A = INFINITY;
    if (list == NULL) {
        return CYC_E_NO_MEMORY;
    }
    int status = magnitude(work, &more->sweep_rate_V_per_s, NAN, "the rate", &rate);
    step->sweep_from_present = !cyc_value_stated(&more->sweep_from_V);
    status = status != CYC_OK ? status
                              : number(work, &more->sweep_from_V,
                                       work->around->history->present_V, &from_V);
    status = status != CYC_OK ? status : magnitude(work, &more->current_A, most_A, "the current", &most_A);
    if (status == CYC_E_INPUT && !cyc_value_stated(&more->current_A)) {
        status = CYC_OK; /* no bound stated: infinite */
    }
    for (unsigned i = 0; i < more->sweep_count && status == CYC_OK; i++) {
        double to_V = 0.0;
        status = number(work, &more->sweep_to_V[i], NAN, &to_V);
        if (isnan(from_V)) {
            from_V = to_V - rate; /* nothing measured yet: the executor starts at the real voltage */
        }
        list[i] = (struct cyc_segment){
            .duration_ns = ns_of(fabs(to_V - from_V) / rate),
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

static int resolve_profile(struct work *work)
{
    const struct cyc_step_more *const more = work->plan->more;
    const struct cyc_profile *const profile = more->profile;
    struct cyc_segment *const list = segments(work, profile->count - 1);
    double scale = 1.0;
    const int status = magnitude(work, &more->scale, 1.0, "scale", &scale);
    if (list == NULL || status != CYC_OK) {
        return list == NULL ? CYC_E_NO_MEMORY : status;
    }
    for (unsigned i = 0; i + 1 < profile->count; i++) {
        const double value = profile->value[i] * profile->factor * scale;
        list[i] = (struct cyc_segment){
            .duration_ns = ns_of(profile->time_s[i + 1]) - ns_of(profile->time_s[i]),
            .control = value == 0.0 ? CYC_CONTROL_OPEN : (enum cyc_control)profile->control,
            .value = value,
        };
    }
    return whole(work, &more->count, "times", &work->step->repeat_count);
}

static int resolve_impedance(struct work *work)
{
    const struct cyc_step_more *const more = work->plan->more;
    double bias = 0.0;
    const bool stated = cyc_value_stated(&more->bias);
    const int status = number(work, &more->bias, 0.0, &bias);
    const enum cyc_control control = !stated              ? CYC_CONTROL_OPEN
                                     : more->bias_current ? CYC_CONTROL_CURRENT
                                                          : CYC_CONTROL_VOLTAGE;
    return status == CYC_OK ? one_segment(work, control, bias) : status;
}

/* lower <= signal <= upper for the soak time: two thresholds, so that a host that finds crossings
 * finds them exactly. */
static int wait_within(struct work *work, enum cyc_signal signal, double within,
                       enum cyc_reason reason)
{
    int64_t soak_ns = 0;
    const uint16_t first = work->step->op_count;
    int status = duration(work, &work->plan->more->soak_s, 0.0, &soak_ns);
    status = status != CYC_OK ? status
                              : push_threshold(work, signal, CYC_SCOPE_STEP, false, CYC_OP_GE,
                                               work->setpoint - within);
    status = status != CYC_OK ? status
                              : push_threshold(work, signal, CYC_SCOPE_STEP, false, CYC_OP_LE,
                                               work->setpoint + within);
    if (status != CYC_OK || !push_op(work, CYC_OP_AND, 0, 0, 0.0)) {
        return status != CYC_OK ? status : too_many(work, "conditions");
    }
    return push_implied(work, reason, first, soak_ns);
}

static int resolve_climate(struct work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_more *const more = work->plan->more;
    const bool heat = step->mode == CYC_MODE_TEMPERATURE;
    double within = 0.0;
    int status = one_segment(work, CYC_CONTROL_OPEN, 0.0);
    if (more->off) {
        step->environment.temperature_off = heat;
        step->environment.pressure_off = !heat;
        return status == CYC_OK ? ends_after(work, 0.0) : status;
    }
    status = status != CYC_OK ? status : number(work, &work->plan->setpoint, NAN, &work->setpoint);
    if (status == CYC_OK && !isfinite(work->setpoint)) {
        return cyc_err_set(work->err, CYC_E_INPUT, "the setpoint came out unknown");
    }
    if (heat) {
        step->environment.temperature_degC = work->setpoint;
        status = status != CYC_OK ? status
                                  : number(work, &more->ramp_K_per_s, NAN,
                                           &step->environment.ramp_K_per_s);
    } else {
        step->environment.pressure_Pa = work->setpoint;
    }
    if (status != CYC_OK) {
        return status;
    }
    if (!more->wait) {
        return ends_after(work, 0.0);
    }
    status = magnitude(work, &more->within, heat ? WITHIN_K : WITHIN_OF * fabs(work->setpoint),
                       "`within`", &within);
    bound(work, 12.0 * HOUR_S);
    return status != CYC_OK ? status
                            : wait_within(work, heat ? CYC_SIGNAL_TEMPERATURE : CYC_SIGNAL_PRESSURE,
                                          within,
                                          heat ? CYC_REASON_TEMPERATURE : CYC_REASON_PRESSURE);
}

static int resolve_mode(struct work *work)
{
    switch (work->step->mode) {
    case CYC_MODE_CC:
    case CYC_MODE_CCCV:
    case CYC_MODE_CP:
    case CYC_MODE_CPCV:
    case CYC_MODE_CR: return resolve_charge(work);
    case CYC_MODE_CV: return resolve_hold(work);
    case CYC_MODE_REST: return resolve_rest(work);
    case CYC_MODE_PULSE: return resolve_pulse(work);
    case CYC_MODE_SWEEP: return resolve_sweep(work);
    case CYC_MODE_PROFILE: return resolve_profile(work);
    case CYC_MODE_IMPEDANCE: return resolve_impedance(work);
    case CYC_MODE_TEMPERATURE:
    case CYC_MODE_PRESSURE: return resolve_climate(work);
    case CYC_MODE_ASK: return one_segment(work, CYC_CONTROL_OPEN, 0.0);
    }
    return CYC_E_BUG;
}

/* ---- The whole ------------------------------------------------------------------------------------------------ */

static void reset(struct work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_plan *const plan = work->plan;
    struct cyc_history *const history = work->around->history;
    step->mode = (enum cyc_mode)plan->mode;
    step->id = plan->number;
    step->cycle_number = history->cycle_number;
    step->in_cycle = history->cycle_running;
    step->charging = plan->mode == CYC_MODE_CV ? history->charging : plan->charging;
    (void)cyc_copy(step->name, sizeof step->name, plan->id == NULL ? "" : plan->id);
    (void)cyc_copy(step->label, sizeof step->label, plan->label == NULL ? "" : plan->label);
    (void)cyc_copy(step->type, sizeof step->type, type_of(step->mode, step->charging));
    step->segments = NULL;
    step->segment_count = 0;
    step->repeat_count = 1;
    step->hold_V = NAN;
    step->current_min_A = step->current_max_A = 0.0;
    step->sweep_from_present = false;
    step->environment = (struct cyc_environment){NAN, NAN, false, NAN, false};
    step->scope_resets = history->pending_resets | 1u << CYC_SCOPE_STEP;
    step->block_depth = (uint8_t)history->depth;
    work->resolver->unknown_cutoffs = 0;
    step->op_count = 0;
    step->cutoff_count = step->limit_count = step->slope_count = 0;
    step->resistance_at_count = 0;
    step->timeout_ns = CYC_NEVER;
    step->timeout_derived = false;
    step->after_interruption = CYC_INTERRUPTION_HOLD;
    step->max_gap_ns = CYC_NEVER;
}

static int resolve_rules(struct work *work)
{
    const struct cyc_step_around *const around = work->around;
    const struct cyc_step_more *const more = work->plan->more;
    int status = resolve_record(work);
    if (status == CYC_OK && more != NULL) {
        status = push_limits(work, &more->limits, CYC_LEVEL_STEP);
    }
    for (unsigned i = around->rule_count; i-- > 0 && status == CYC_OK;) {
        status = push_limits(work, &around->rules[i]->limits,
                             (enum cyc_level)around->rules[i]->level);
    }
    return status;
}

static int resolve_common(struct work *work)
{
    struct cyc_step *const step = work->step;
    const struct cyc_step_more *const more = work->plan->more;
    if (more == NULL) {
        return CYC_OK;
    }
    step->after_interruption = (enum cyc_interruption)more->after_interruption;
    int status = CYC_OK;
    if (cyc_value_stated(&more->timeout_s)) {
        step->timeout_derived = false;
        status = duration(work, &more->timeout_s, 0.0, &step->timeout_ns);
    }
    if (status == CYC_OK && cyc_value_stated(&more->max_gap_s)) {
        status = duration(work, &more->max_gap_s, 0.0, &step->max_gap_ns);
    }
    return status;
}

/* What is left of the timeouts of the blocks around bounds the step, too. */
static int resolve_block_timeouts(struct work *work)
{
    const struct cyc_step_around *const around = work->around;
    for (unsigned i = 1; i < around->rule_count; i++) {
        const struct cyc_rules *const rules = around->rules[i];
        int64_t timeout_ns = 0;
        if (!cyc_value_stated(&rules->timeout_s)) {
            continue;
        }
        const int status = duration(work, &rules->timeout_s, 0.0, &timeout_ns);
        if (status != CYC_OK) {
            return status;
        }
        const struct cyc_history *const history = around->history;
        const int64_t passed_ns = history->now_ns - history->levels[rules->depth].block.start_ns;
        const int64_t left_ns = timeout_ns > passed_ns ? timeout_ns - passed_ns : 1;
        if (left_ns < work->step->timeout_ns) {
            work->step->timeout_ns = left_ns;
            work->step->timeout_derived = false;
        }
    }
    return CYC_OK;
}

static int resolve_cutoffs(struct work *work)
{
    const struct cyc_step_around *const around = work->around;
    int status = push_cutoffs(work, work->plan->cutoffs, work->plan->cutoff_count, -1);
    for (unsigned i = around->rule_count; i-- > 0 && status == CYC_OK;) {
        const struct cyc_cutoffs *const cutoffs = &around->rules[i]->cutoffs;
        status = push_cutoffs(work, cutoffs->items, cutoffs->count, (int)i);
    }
    return status;
}

int cyc_step_resolve(struct cyc_resolver *resolver, const struct cyc_step_plan *plan,
                     const struct cyc_step_around *around, struct cyc_err *err)
{
    struct cyc_err inner;
    struct work work = {resolver, &resolver->step, plan, around, &inner, NAN};
    reset(&work);
    int status = resolve_rules(&work);
    status = status != CYC_OK ? status : resolve_mode(&work);
    status = status != CYC_OK ? status : resolve_common(&work);
    status = status != CYC_OK ? status : resolve_block_timeouts(&work);
    status = status != CYC_OK ? status : resolve_cutoffs(&work);
    if (status != CYC_OK) {
        return cyc_err_set(err, status, "line %u, step %u%s%s%s: %s", plan->pos.line, plan->number,
                           plan->id == NULL ? "" : " '", plan->id == NULL ? "" : plan->id,
                           plan->id == NULL ? "" : "'", inner.text);
    }
    around->history->pending_resets = 0;
    return CYC_OK;
}
