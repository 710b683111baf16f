#include "protocol/describe.h"

#include <stdio.h>
#include <string.h>

#define TERM_SIZE 320

void cyc_describe_value(double value, enum cyc_kind kind, struct cyc_text *out)
{
    char buffer[64];
    if (isnan(value)) {
        cyc_text_append(out, "?");
        return;
    }
    cyc_text_append(out, cyc_quantity_text(buffer, sizeof buffer, value, kind));
}

const char *cyc_describe_signal(const struct cyc_sensors *sensors, unsigned signal, unsigned index,
                                enum cyc_kind *kind)
{
    if (signal == CYC_SIGNAL_AUX && sensors != NULL && index < sensors->count) {
        *kind = sensors->items[index].kind;
        return sensors->items[index].name;
    }
    *kind = cyc_signal_kind(signal);
    return cyc_signal_name(signal);
}

/* ---- Conditions: from postfix back to what an author would write ----------------------------- */

struct term {
    char text[TERM_SIZE];
    enum cyc_kind kind;
    double value; /* of a constant, not rendered yet */
    bool constant;
    int strength; /* of its outermost operator; larger binds tighter */
};

static const struct {
    const char *word;
    int strength;
} operators[] = {
    [CYC_OP_ADD] = {"+", 4}, [CYC_OP_SUB] = {"-", 4},   [CYC_OP_MUL] = {"*", 5},
    [CYC_OP_DIV] = {"/", 5}, [CYC_OP_MOD] = {"mod", 5}, [CYC_OP_LT] = {"<", 3},
    [CYC_OP_LE] = {"<=", 3}, [CYC_OP_GT] = {">", 3},    [CYC_OP_GE] = {">=", 3},
    [CYC_OP_EQ] = {"==", 3}, [CYC_OP_NE] = {"~=", 3},   [CYC_OP_AND] = {"and", 2},
    [CYC_OP_OR] = {"or", 1}, [CYC_OP_MIN] = {"min", 9}, [CYC_OP_MAX] = {"max", 9},
};

static enum cyc_kind difference_of(enum cyc_kind kind)
{
    return kind == CYC_KIND_TEMPERATURE ? CYC_KIND_TEMPERATURE_DIFFERENCE : kind;
}

static enum cyc_kind rate_of(enum cyc_kind kind)
{
    return kind == CYC_KIND_VOLTAGE       ? CYC_KIND_VOLTAGE_RATE
           : kind == CYC_KIND_CURRENT     ? CYC_KIND_CURRENT_RATE
           : kind == CYC_KIND_TEMPERATURE ? CYC_KIND_TEMPERATURE_RATE
                                          : CYC_KIND_NUMBER;
}

static void render(struct term *term, enum cyc_kind kind)
{
    if (term->constant) {
        struct cyc_text text = {0};
        cyc_describe_value(term->value, kind, &text);
        (void)cyc_copy(term->text, sizeof term->text, cyc_text_get(&text));
        cyc_text_release(&text);
        term->constant = false;
        term->strength = 9;
        term->kind = kind;
    }
}

static void signal_term(const struct cyc_resolver *resolver, const struct cyc_op *op,
                        struct term *term)
{
    const struct cyc_step *const step = &resolver->step;
    const char *scope = op->scope == CYC_SCOPE_TEST    ? "test."
                        : op->scope == CYC_SCOPE_CYCLE ? "cycle."
                        : op->scope >= CYC_SCOPE_BLOCK ? "block."
                                                       : "";
    const bool counted = op->signal >= CYC_SIGNAL_TIME;
    *term = (struct term){.kind = cyc_signal_kind(op->signal), .strength = 9};
    if (op->signal == CYC_SIGNAL_SLOPE && op->index < step->slope_count) {
        const unsigned of = step->slopes[op->index].signal;
        term->kind = rate_of(cyc_signal_kind(of));
        (void)cyc_copy(term->text, sizeof term->text,
                       of == CYC_SIGNAL_VOLTAGE   ? "dV/dt"
                       : of == CYC_SIGNAL_CURRENT ? "dI/dt"
                                                  : "dT/dt");
        return;
    }
    (void)snprintf(term->text, sizeof term->text, "%s%s", counted ? scope : "",
                   cyc_describe_signal(resolver->sensors, op->signal, op->index, &term->kind));
}

static void unary_term(const struct cyc_op *op, struct term *term)
{
    char text[TERM_SIZE];
    render(term, term->kind);
    (void)cyc_copy(text, sizeof text, term->text);
    const bool call = op->code == CYC_OP_ABS || op->code == CYC_OP_FLOOR;
    (void)snprintf(term->text, sizeof term->text, "%s%s%.*s%s",
                   op->code == CYC_OP_ABS     ? "abs"
                   : op->code == CYC_OP_FLOOR ? "floor"
                   : op->code == CYC_OP_NOT   ? "not "
                                              : "-",
                   call || term->strength < 9 ? "(" : "", TERM_SIZE - 16, text,
                   call || term->strength < 9 ? ")" : "");
    term->strength = 9;
}

static void binary_term(const struct cyc_op *op, struct term *left, struct term *right)
{
    char text[TERM_SIZE];
    const int strength = operators[op->code].strength;
    const bool scaled = op->code == CYC_OP_MUL || op->code == CYC_OP_DIV;
    const enum cyc_kind left_kind = left->kind;
    const enum cyc_kind right_kind = right->kind;
    render(left, scaled || right->constant ? CYC_KIND_NUMBER : right_kind);
    render(right, scaled ? CYC_KIND_NUMBER : left_kind);
    const bool open_left = left->strength < strength;
    const bool open_right = right->strength <= strength && right->strength < 9 && strength != 2;
    if (strength == 9) {
        (void)snprintf(text, sizeof text, "%s(%.140s, %.140s)", operators[op->code].word,
                       left->text, right->text);
    } else {
        (void)snprintf(text, sizeof text, "%s%.140s%s %s %s%.140s%s", open_left ? "(" : "",
                       left->text, open_left ? ")" : "", operators[op->code].word,
                       open_right ? "(" : "", right->text, open_right ? ")" : "");
    }
    (void)cyc_copy(left->text, sizeof left->text, text);
    left->strength = strength;
    left->kind = left_kind == CYC_KIND_NUMBER ? right_kind : left_kind;
}

void cyc_describe_condition(const struct cyc_resolver *resolver,
                            const struct cyc_condition *condition, struct cyc_text *out)
{
    const struct cyc_step *const step = &resolver->step;
    struct term stack[CYC_STACK_MAX];
    unsigned depth = 0;
    for (unsigned i = 0; i < condition->count; i++) {
        const struct cyc_op *const op = &step->ops[condition->first + i];
        const bool unary = op->code == CYC_OP_NEG || op->code == CYC_OP_ABS ||
                           op->code == CYC_OP_FLOOR || op->code == CYC_OP_NOT;
        const bool leaf = op->code == CYC_OP_CONST || op->code == CYC_OP_SIGNAL;
        if ((leaf && depth == CYC_STACK_MAX) || (unary && depth < 1) ||
            (!leaf && !unary && depth < 2)) {
            cyc_text_append(out, "(…)");
            return;
        }
        if (op->code == CYC_OP_CONST) {
            stack[depth++] = (struct term){
                .kind = CYC_KIND_NUMBER, .value = op->value, .constant = true, .strength = 9};
        } else if (op->code == CYC_OP_SIGNAL) {
            signal_term(resolver, op, &stack[depth++]);
        } else if (unary) {
            unary_term(op, &stack[depth - 1]);
        } else {
            depth--;
            binary_term(op, &stack[depth - 1], &stack[depth]);
        }
    }
    cyc_text_append(out, depth == 1 ? stack[0].text : "(…)");
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static enum cyc_kind control_kind(unsigned control)
{
    switch ((enum cyc_control)control) {
    case CYC_CONTROL_OPEN:
        return CYC_KIND_TIME;
    case CYC_CONTROL_CURRENT:
        return CYC_KIND_CURRENT;
    case CYC_CONTROL_VOLTAGE:
        return CYC_KIND_VOLTAGE;
    case CYC_CONTROL_POWER:
        return CYC_KIND_POWER;
    case CYC_CONTROL_LOAD:
        return CYC_KIND_RESISTANCE;
    }
    return CYC_KIND_NUMBER;
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void describe_pulse(const struct cyc_step *step, struct cyc_text *out)
{
    cyc_text_append(out, "pulse");
    for (uint32_t i = 0; i < step->segment_count; i++) {
        const struct cyc_segment *const segment = &step->segments[i];
        cyc_text_append(out, i == 0 ? " " : ", ");
        if (segment->pulse) {
            cyc_text_append(out, segment->value < 0 ? "discharge " : "charge ");
            cyc_describe_value(fabs(segment->value), control_kind(segment->control), out);
        } else {
            cyc_text_append(out, "rest");
        }
        cyc_text_append(out, " ");
        cyc_describe_value(seconds(segment->duration_ns), CYC_KIND_TIME, out);
    }
}

static void describe_sweep(const struct cyc_step *step, struct cyc_text *out)
{
    cyc_text_append(out, "sweep from ");
    if (step->sweep_from_present || step->segment_count == 0) {
        cyc_text_append(out, "the present voltage");
    } else {
        cyc_describe_value(step->segments[0].value, CYC_KIND_VOLTAGE, out);
    }
    for (uint32_t i = 0; i < step->segment_count; i++) {
        const struct cyc_segment *const segment = &step->segments[i];
        cyc_text_append(out, " to ");
        cyc_describe_value(segment->value + segment->slope_per_s * seconds(segment->duration_ns),
                           CYC_KIND_VOLTAGE, out);
    }
    cyc_text_append(out, " at ");
    cyc_describe_value(fabs(step->segments[0].slope_per_s), CYC_KIND_VOLTAGE_RATE, out);
}

static void describe_profile(const struct cyc_step_plan *plan, const struct cyc_step *step,
                             struct cyc_text *out)
{
    const struct cyc_profile *const profile = plan->more->profile;
    const enum cyc_kind kind = control_kind(profile->control);
    cyc_text_format(out, "profile %s: %u points, ", profile->name, profile->count);
    cyc_describe_value(profile->time_s[profile->count - 1] - profile->time_s[0], CYC_KIND_TIME,
                       out);
    cyc_text_append(out, ", ");
    cyc_describe_value(profile->min, kind, out);
    cyc_text_append(out, " to ");
    cyc_describe_value(profile->max, kind, out);
    if (step->repeat_count > 1) {
        cyc_text_format(out, ", %u times", step->repeat_count);
    }
}

static void describe_climate(const struct cyc_step *step, struct cyc_text *out)
{
    const bool heat = step->mode == CYC_MODE_TEMPERATURE;
    cyc_text_append(out, heat ? "temperature " : "pressure ");
    if (step->environment.temperature_off || step->environment.pressure_off) {
        cyc_text_append(out, "off");
    } else {
        cyc_describe_value(heat ? step->environment.temperature_degC
                                : step->environment.pressure_Pa,
                           heat ? CYC_KIND_TEMPERATURE : CYC_KIND_PRESSURE, out);
    }
    if (!isnan(step->environment.ramp_K_per_s)) {
        cyc_text_append(out, " at ");
        cyc_describe_value(step->environment.ramp_K_per_s, CYC_KIND_TEMPERATURE_RATE, out);
    }
}

static void describe_impedance(const struct cyc_step_plan *plan, struct cyc_text *out)
{
    const struct cyc_step_more *const more = plan->more;
    cyc_text_append(out, "impedance ");
    cyc_describe_value(more->amplitude.value,
                       more->galvanostatic ? CYC_KIND_CURRENT : CYC_KIND_VOLTAGE, out);
    cyc_text_append(out, more->rms ? " rms, " : " peak, ");
    cyc_describe_value(more->frequency_from_Hz.value, CYC_KIND_FREQUENCY, out);
    cyc_text_append(out, " to ");
    cyc_describe_value(more->frequency_to_Hz.value, CYC_KIND_FREQUENCY, out);
}

static void describe_flow(const struct cyc_step_plan *plan, const struct cyc_step *step,
                          struct cyc_text *out)
{
    cyc_text_append(out, plan->charging ? "charge " : "discharge ");
    if (step == NULL || step->segment_count == 0) {
        cyc_text_append(out, "(computed when it starts)");
        return;
    }
    cyc_describe_value(fabs(step->segments[0].value), control_kind(step->segments[0].control), out);
    if (!isnan(step->hold_V)) {
        cyc_text_append(out, ", hold ");
        cyc_describe_value(step->hold_V, CYC_KIND_VOLTAGE, out);
    }
}

static void describe_hold(const struct cyc_step *step, struct cyc_text *out)
{
    cyc_text_append(out, "hold ");
    if (step == NULL || step->segment_count == 0) {
        cyc_text_append(out, "(computed when it starts)");
        return;
    }
    cyc_describe_value(step->segments[0].value, CYC_KIND_VOLTAGE, out);
    if (isfinite(step->current_max_A)) {
        cyc_text_append(out, ", at most ");
        cyc_describe_value(step->current_max_A, CYC_KIND_CURRENT, out);
    }
}

void cyc_describe_mode(const struct cyc_step_plan *plan, const struct cyc_step *step,
                       struct cyc_text *out)
{
    const enum cyc_mode mode = (enum cyc_mode)plan->mode;
    if (step == NULL && mode != CYC_MODE_CC && mode != CYC_MODE_CV && mode != CYC_MODE_ASK) {
        cyc_text_format(out, "%s (computed when it starts)",
                        cyc_step_kind_name((enum cyc_step_kind)plan->kind));
        return;
    }
    switch (mode) {
    case CYC_MODE_REST:
        cyc_text_append(out, "rest");
        return;
    case CYC_MODE_CC:
    case CYC_MODE_CCCV:
    case CYC_MODE_CP:
    case CYC_MODE_CPCV:
    case CYC_MODE_CR:
        describe_flow(plan, step, out);
        return;
    case CYC_MODE_CV:
        describe_hold(step, out);
        return;
    case CYC_MODE_SWEEP:
        describe_sweep(step, out);
        return;
    case CYC_MODE_PROFILE:
        describe_profile(plan, step, out);
        return;
    case CYC_MODE_PULSE:
        describe_pulse(step, out);
        return;
    case CYC_MODE_IMPEDANCE:
        describe_impedance(plan, out);
        return;
    case CYC_MODE_TEMPERATURE:
    case CYC_MODE_PRESSURE:
        describe_climate(step, out);
        return;
    case CYC_MODE_ASK:
        cyc_text_format(out, "ask: %s", plan->more->text);
        return;
    }
}

/* ---- Cutoffs, limits, record ----------------------------------------------------------------- */

void cyc_describe_cutoff(const struct cyc_resolver *resolver, unsigned index, struct cyc_text *out)
{
    const struct cyc_step *const step = &resolver->step;
    const struct cyc_cutoff *const cutoff = &step->cutoffs[index];
    const struct cyc_cutoff_plan *const plan = resolver->cutoffs[index];
    cyc_describe_condition(resolver, &cutoff->when, out);
    if (cutoff->hold_only) {
        cyc_text_append(out, " in the hold");
    }
    if (cutoff->lasting_ns > 0) {
        cyc_text_append(out, " for ");
        cyc_describe_value(seconds(cutoff->lasting_ns), CYC_KIND_TIME, out);
    }
    if (cutoff->after_ns > 0) {
        cyc_text_append(out, " after ");
        cyc_describe_value(seconds(cutoff->after_ns), CYC_KIND_TIME, out);
    }
    if (cutoff->action == CYC_FOLLOW_NEXT) {
        return;
    }
    cyc_text_format(out, ", then %s", cyc_follow_up_name(cutoff->action));
    if (plan != NULL && plan->more != NULL && plan->more->target != NULL) {
        cyc_text_format(out, " %s", plan->more->target);
    }
    if (cutoff->action == CYC_FOLLOW_PAUSE) {
        cyc_text_append(out, " until ");
        cyc_describe_condition(resolver, &cutoff->resume, out);
        cyc_text_append(out, ", at most ");
        cyc_describe_value(seconds(cutoff->pause_timeout_ns), CYC_KIND_TIME, out);
    }
}

void cyc_describe_limit(const struct cyc_sensors *sensors, const struct cyc_limit *limit,
                        struct cyc_text *out)
{
    enum cyc_kind kind = CYC_KIND_NUMBER;
    cyc_text_format(out, "%s ", cyc_describe_signal(sensors, limit->signal, limit->index, &kind));
    if (isfinite(limit->low) && isfinite(limit->high)) {
        cyc_describe_value(limit->low, kind, out);
        cyc_text_append(out, " to ");
    } else {
        cyc_text_append(out, isfinite(limit->high) ? "to " : "from ");
    }
    cyc_describe_value(isfinite(limit->high) ? limit->high : limit->low, kind, out);
}

void cyc_describe_record(const struct cyc_sensors *sensors, const struct cyc_record_rule *rule,
                         struct cyc_text *out)
{
    const struct {
        const char *word;
        double value;
        enum cyc_kind kind;
    } parts[] = {
        {"every", seconds(rule->every_ns), CYC_KIND_TIME},
        {"voltage", rule->voltage_V, CYC_KIND_VOLTAGE},
        {"current", rule->current_A, CYC_KIND_CURRENT},
        {"capacity", rule->capacity_Ah, CYC_KIND_CAPACITY},
        {"temperature", rule->temperature_K, CYC_KIND_TEMPERATURE_DIFFERENCE},
        {"pressure", rule->pressure_Pa, CYC_KIND_PRESSURE},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].value > 0.0) {
            cyc_text_format(out, "%s%s ", any ? ", " : "", parts[i].word);
            cyc_describe_value(parts[i].value, parts[i].kind, out);
            any = true;
        }
    }
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        if (rule->aux[i] > 0.0) {
            enum cyc_kind kind = CYC_KIND_NUMBER;
            cyc_text_format(out, "%s%s ", any ? ", " : "",
                            cyc_describe_signal(sensors, CYC_SIGNAL_AUX, i, &kind));
            cyc_describe_value(rule->aux[i], difference_of(kind), out);
            any = true;
        }
    }
    for (unsigned i = 0; i < rule->burst_count; i++) {
        cyc_text_append(out, any ? ", " : "");
        cyc_describe_value(seconds(rule->bursts[i].during_ns), CYC_KIND_TIME, out);
        cyc_text_append(out, " with ");
        cyc_describe_value(seconds(rule->bursts[i].every_ns), CYC_KIND_TIME, out);
        any = true;
    }
    if (!any) {
        cyc_text_append(out, "first and last sample of each step");
    }
}
