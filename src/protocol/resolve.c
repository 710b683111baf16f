/* From a step's plan to numbers, at the moment when its turn comes.
 *
 * All goes into one buffer that is used again for every step: only what the executor reads is
 * written, so large arrays are reset by their counts. Cutoffs are listed own first, then those of
 * the blocks from the innermost outwards, then the protocol's: the order in which they are tested.
 * Limits of all levels are listed side by side; none replaces another.
 */
#include "protocol/describe.h"
#include "protocol/resolve_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cyc_resolver_init(struct cyc_resolver *resolver)
{
    memset(resolver, 0, sizeof *resolver);
}

void cyc_resolver_release(struct cyc_resolver *resolver)
{
    free(resolver->segments);
    memset(resolver, 0, sizeof *resolver);
}

/* ---- Small parts ----------------------------------------------------------------------------- */

int cyc_resolve_number(struct cyc_resolve_work *work, const struct cyc_value *value,
                       double fallback, double *out)
{
    *out = fallback;
    return cyc_value_stated(value) ? cyc_value_get(value, work->around->env, out, work->err)
                                   : CYC_OK;
}

/* A computed number that has to be greater than zero. */
int cyc_resolve_magnitude(struct cyc_resolve_work *work, const struct cyc_value *value,
                          double fallback, const char *what, double *out)
{
    const int status = cyc_resolve_number(work, value, fallback, out);
    if (status == CYC_OK && !(*out > 0.0 && isfinite(*out))) {
        char text[CYC_NUMBER_SIZE];
        return cyc_err_set(work->err, CYC_E_INPUT,
                           "%s came out as %s and must be greater than zero", what,
                           cyc_number_brief(text, *out, 6));
    }
    return status;
}

int64_t cyc_resolve_ns_of(double seconds)
{
    return seconds >= 9e9 ? CYC_NEVER : seconds <= 0.0 ? 0 : (int64_t)(seconds * 1e9 + 0.5);
}

int cyc_resolve_duration(struct cyc_resolve_work *work, const struct cyc_value *value,
                         double fallback_s, int64_t *out_ns)
{
    double seconds = 0.0;
    const int status = cyc_resolve_number(work, value, fallback_s, &seconds);
    if (status == CYC_OK && !(seconds >= 0.0)) {
        return cyc_err_set(work->err, CYC_E_INPUT, "a time came out negative or unknown");
    }
    *out_ns = cyc_resolve_ns_of(seconds);
    return status;
}

int cyc_resolve_whole(struct cyc_resolve_work *work, const struct cyc_value *value,
                      const char *what, uint32_t *out)
{
    double count = 1.0;
    const int status = cyc_resolve_number(work, value, 1.0, &count);
    if (status == CYC_OK && !(count >= 1.0 && count <= 1e9 && count == floor(count))) {
        char text[CYC_NUMBER_SIZE];
        return cyc_err_set(work->err, CYC_E_INPUT,
                           "%s came out as %s; a whole number from 1 is due", what,
                           cyc_number_brief(text, count, 6));
    }
    *out = status == CYC_OK ? (uint32_t)count : 1;
    return status;
}

struct cyc_segment *cyc_resolve_segments(struct cyc_resolve_work *work, uint32_t count)
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

int cyc_resolve_one_segment(struct cyc_resolve_work *work, enum cyc_control control, double value)
{
    struct cyc_segment *const only = cyc_resolve_segments(work, 1);
    if (only == NULL) {
        return CYC_E_NO_MEMORY;
    }
    *only = (struct cyc_segment){.duration_ns = CYC_NEVER, .control = control, .value = value};
    return CYC_OK;
}

/* ---- Conditions ------------------------------------------------------------------------------ */

bool cyc_resolve_push_op(struct cyc_resolve_work *work, enum cyc_op_code code, unsigned signal,
                         unsigned scope, double value)
{
    struct cyc_step *const step = work->step;
    if (step->op_count == CYC_OPS_MAX) {
        return false;
    }
    step->ops[step->op_count++] = (struct cyc_op){
        .code = (uint8_t)code, .signal = (uint8_t)signal, .scope = (uint8_t)scope, .value = value};
    return true;
}

int cyc_resolve_too_many(struct cyc_resolve_work *work, const char *what)
{
    return cyc_err_set(work->err, CYC_E_BOUND, "more %s than a step can have", what);
}

/* signal (or its magnitude) compared with a number. */
int cyc_resolve_push_threshold(struct cyc_resolve_work *work, unsigned signal, unsigned scope,
                               bool absolute, enum cyc_op_code code, double value)
{
    const bool sound = cyc_resolve_push_op(work, CYC_OP_SIGNAL, signal, scope, 0.0) &&
                       (!absolute || cyc_resolve_push_op(work, CYC_OP_ABS, 0, 0, 0.0)) &&
                       cyc_resolve_push_op(work, CYC_OP_CONST, 0, 0, value) &&
                       cyc_resolve_push_op(work, code, 0, 0, 0.0);
    return sound ? CYC_OK : cyc_resolve_too_many(work, "conditions");
}

static int push_expr(struct cyc_resolve_work *work, const struct cyc_expr *expr, int64_t over_ns,
                     struct cyc_condition *condition)
{
    const struct cyc_cell_facts *const cell = work->around->cell;
    const double resolution[3] = {cell->voltage_resolution_V, cell->current_resolution_A,
                                  cell->temperature_resolution_K};
    return cyc_expr_compile(expr, work->around->env, over_ns, resolution, work->step, condition,
                            work->err);
}

/* One condition of a cutoff; `all` is handled by its caller. */
static int push_when(struct cyc_resolve_work *work, const struct cyc_cutoff_plan *plan,
                     int64_t over_ns)
{
    struct cyc_condition ignored;
    double bare = 0.0;
    if (plan->when != NULL) {
        return push_expr(work, plan->when, over_ns, &ignored);
    }
    const int status = cyc_resolve_number(work, &plan->bare, NAN, &bare);
    if (status != CYC_OK) {
        return status;
    }
    if (isnan(bare)) {
        return cyc_err_set(work->err, CYC_E_INPUT, "a cutoff came out without a value");
    }
    return cyc_resolve_push_threshold(work, plan->signal, plan->scope,
                                      plan->signal == CYC_SIGNAL_CURRENT,
                                      plan->at_or_below ? CYC_OP_LE : CYC_OP_GE, bare);
}

static int push_cutoff(struct cyc_resolve_work *work, const struct cyc_cutoff_plan *plan, int owner)
{
    struct cyc_step *const step = work->step;
    const struct cyc_cutoff_more *const more = plan->more;
    int status = CYC_OK;
    int64_t over_ns = 0;
    if (step->cutoff_count == CYC_CUTOFFS_MAX) {
        return cyc_resolve_too_many(work, "cutoffs");
    }
    struct cyc_cutoff *const cutoff = &step->cutoffs[step->cutoff_count];
    *cutoff = (struct cyc_cutoff){.reason = (enum cyc_reason)plan->reason,
                                  .entry = (enum cyc_entry)plan->entry,
                                  .action = (enum cyc_follow_up)plan->action,
                                  .hold_only = plan->hold_only,
                                  .tag = step->cutoff_count};
    cutoff->when.first = step->op_count;
    if (more != NULL) {
        status = cyc_resolve_duration(work, &more->over_s, 0.0, &over_ns);
    }
    if (more == NULL || more->all == NULL) {
        status = status == CYC_OK ? push_when(work, plan, over_ns) : status;
    }
    for (unsigned i = 0; more != NULL && i < more->all_count && status == CYC_OK; i++) {
        status = push_when(work, &more->all[i], over_ns);
        if (status == CYC_OK && i > 0 && !cyc_resolve_push_op(work, CYC_OP_AND, 0, 0, 0.0)) {
            status = cyc_resolve_too_many(work, "conditions");
        }
    }
    cutoff->when.count = (uint16_t)(step->op_count - cutoff->when.first);
    if (more != NULL && status == CYC_OK) {
        status = cyc_resolve_duration(work, &more->lasting_s, 0.0, &cutoff->lasting_ns);
        status = status != CYC_OK
                     ? status
                     : cyc_resolve_duration(work, &more->after_s, 0.0, &cutoff->after_ns);
    }
    if (plan->action == CYC_FOLLOW_PAUSE && status == CYC_OK) {
        status = cyc_resolve_duration(work, &more->pause_timeout_s, 0.0, &cutoff->pause_timeout_ns);
        status =
            status != CYC_OK ? status : push_expr(work, more->resume, over_ns, &cutoff->resume);
    }
    work->resolver->cutoffs[step->cutoff_count] = plan;
    work->resolver->owners[step->cutoff_count] = (int16_t)owner;
    step->cutoff_count++;
    return status;
}

static int push_cutoffs(struct cyc_resolve_work *work, const struct cyc_cutoff_plan *items,
                        unsigned count, int owner)
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
int cyc_resolve_push_implied(struct cyc_resolve_work *work, enum cyc_reason reason, uint16_t first,
                             int64_t lasting_ns)
{
    struct cyc_step *const step = work->step;
    if (step->cutoff_count == CYC_CUTOFFS_MAX) {
        return cyc_resolve_too_many(work, "cutoffs");
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

int cyc_resolve_ends_after(struct cyc_resolve_work *work, double seconds)
{
    const uint16_t first = work->step->op_count;
    const int status = cyc_resolve_push_threshold(work, CYC_SIGNAL_TIME, CYC_SCOPE_STEP, false,
                                                  CYC_OP_GE, seconds);
    return status == CYC_OK ? cyc_resolve_push_implied(work, CYC_REASON_TIME, first, 0) : status;
}

/* ---- Limits and record ----------------------------------------------------------------------- */

static int push_limits(struct cyc_resolve_work *work, const struct cyc_limits *limits,
                       enum cyc_level level)
{
    struct cyc_step *const step = work->step;
    for (unsigned i = 0; i < limits->count; i++) {
        const struct cyc_limit_plan *const plan = &limits->items[i];
        double low = 0.0;
        double high = 0.0;
        enum cyc_kind kind = CYC_KIND_NUMBER;
        if (step->limit_count == CYC_LIMITS_MAX) {
            return cyc_resolve_too_many(work, "limits");
        }
        int status = cyc_resolve_number(work, &plan->low, -INFINITY, &low);
        status = status != CYC_OK ? status : cyc_resolve_number(work, &plan->high, INFINITY, &high);
        if (status != CYC_OK) {
            return status;
        }
        if (plan->low.expr != NULL && plan->low.expr == plan->high.expr) {
            low = -high; /* one value bounds both directions */
        }
        if (!(low < high)) {
            return cyc_err_set(work->err, CYC_E_INPUT, "the limits of %s came out empty",
                               cyc_describe_signal(&work->around->cell->sensors, plan->signal,
                                                   plan->index, &kind));
        }
        work->resolver->limit_pos[step->limit_count] = plan->pos;
        step->limits[step->limit_count++] =
            (struct cyc_limit){plan->signal, plan->index, (uint8_t)level, low, high};
    }
    return CYC_OK;
}

static int merge_sensors(struct cyc_resolve_work *work, const struct cyc_record_plan *plan)
{
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        double value = NAN;
        const int status = cyc_resolve_number(work, &plan->aux[i], NAN, &value);
        if (status != CYC_OK) {
            return status;
        }
        if (!isnan(value)) {
            work->step->record.aux[i] = value;
        }
    }
    return CYC_OK;
}

static int merge_record(struct cyc_resolve_work *work, const struct cyc_record_plan *plan)
{
    struct cyc_record_rule *const rule = &work->step->record;
    double value[CYC_RECORD_KEY_COUNT];
    if (plan == NULL) {
        return CYC_OK;
    }
    for (unsigned i = 0; i < CYC_RECORD_KEY_COUNT; i++) {
        const int status = cyc_resolve_number(work, &plan->value[i], NAN, &value[i]);
        if (status != CYC_OK) {
            return status;
        }
    }
    if (!isnan(value[CYC_RECORD_EVERY])) {
        rule->every_ns = cyc_resolve_ns_of(value[CYC_RECORD_EVERY]);
    }
    double *const rules[CYC_RECORD_KEY_COUNT] = {
        [CYC_RECORD_VOLTAGE] = &rule->voltage_V,    [CYC_RECORD_CURRENT] = &rule->current_A,
        [CYC_RECORD_CAPACITY] = &rule->capacity_Ah, [CYC_RECORD_TEMPERATURE] = &rule->temperature_K,
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
    return merge_sensors(work, plan);
}

static int resolve_record(struct cyc_resolve_work *work)
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

/* ---- The whole ------------------------------------------------------------------------------- */

static const char *type_of(enum cyc_mode mode, bool charging)
{
    switch (mode) {
    case CYC_MODE_REST:
        return "REST";
    case CYC_MODE_CC:
        return charging ? "CC_CHG" : "CC_DCH";
    case CYC_MODE_CV:
        return charging ? "CV_CHG" : "CV_DCH";
    case CYC_MODE_CCCV:
        return charging ? "CCCV_CHG" : "CCCV_DCH";
    case CYC_MODE_CP:
        return charging ? "CP_CHG" : "CP_DCH";
    case CYC_MODE_CPCV:
        return charging ? "CPCV_CHG" : "CPCV_DCH";
    case CYC_MODE_CR:
        return "CR_DCH";
    case CYC_MODE_SWEEP:
        return "SWEEP";
    case CYC_MODE_PROFILE:
        return "PROFILE";
    case CYC_MODE_PULSE:
        return "PULSE";
    case CYC_MODE_IMPEDANCE:
        return "EIS";
    case CYC_MODE_TEMPERATURE:
        return "TEMPERATURE";
    case CYC_MODE_PRESSURE:
        return "PRESSURE";
    case CYC_MODE_ASK:
        return "ASK";
    }
    return "?";
}

static void reset(struct cyc_resolve_work *work)
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

static int resolve_rules(struct cyc_resolve_work *work)
{
    const struct cyc_step_around *const around = work->around;
    const struct cyc_step_more *const more = work->plan->more;
    int status = resolve_record(work);
    if (status == CYC_OK && more != NULL) {
        status = push_limits(work, &more->limits, CYC_LEVEL_STEP);
    }
    for (unsigned i = around->rule_count; i-- > 0 && status == CYC_OK;) {
        status =
            push_limits(work, &around->rules[i]->limits, (enum cyc_level)around->rules[i]->level);
    }
    return status;
}

static int resolve_common(struct cyc_resolve_work *work)
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
        status = cyc_resolve_duration(work, &more->timeout_s, 0.0, &step->timeout_ns);
    }
    if (status == CYC_OK && cyc_value_stated(&more->max_gap_s)) {
        status = cyc_resolve_duration(work, &more->max_gap_s, 0.0, &step->max_gap_ns);
    }
    return status;
}

/* What is left of the timeouts of the blocks around bounds the step, too. */
static int resolve_block_timeouts(struct cyc_resolve_work *work)
{
    const struct cyc_step_around *const around = work->around;
    for (unsigned i = 1; i < around->rule_count; i++) {
        const struct cyc_rules *const rules = around->rules[i];
        int64_t timeout_ns = 0;
        if (!cyc_value_stated(&rules->timeout_s)) {
            continue;
        }
        const int status = cyc_resolve_duration(work, &rules->timeout_s, 0.0, &timeout_ns);
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

static int resolve_cutoffs(struct cyc_resolve_work *work)
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
    struct cyc_resolve_work work = {resolver, &resolver->step, plan, around, &inner, NAN};
    reset(&work);
    int status = resolve_rules(&work);
    status = status != CYC_OK ? status : cyc_resolve_mode(&work);
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
