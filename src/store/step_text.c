/* A step as text: what replay compares with the journal, and what a person reads there.
 *
 * One walk over the resolved step feeds one of two writers: JSON with exact numbers, or plain bytes
 * that are 50 times cheaper to make. Equal bytes mean equal text, because both come from the same
 * walk; so the journal looks a step up by its bytes and formats the text only of those it has not
 * seen. Cycle numbers are left out: they differ at each pass of a loop whose steps are the same,
 * and stand in the step's own row.
 *
 * Fields at their neutral value are left out; NaN ("unchanged", "none") and an endless time are
 * neutral. A condition is written as the postfix operations that the executor carries out:
 * "voltage 4.6 >=", "step.capacity block[0].time 3600 * <".
 */
#include "store/store_int.h"

#include <math.h>
#include <string.h>

struct walker {
    struct cyc_text *bytes; /* NULL: JSON is written */
    struct cyc_json json;
};

static const char *const op_words[] = {
    [CYC_OP_CONST] = "const", [CYC_OP_SIGNAL] = "signal", [CYC_OP_ADD] = "+",
    [CYC_OP_SUB] = "-",       [CYC_OP_MUL] = "*",         [CYC_OP_DIV] = "/",
    [CYC_OP_MOD] = "mod",     [CYC_OP_NEG] = "neg",       [CYC_OP_ABS] = "abs",
    [CYC_OP_MIN] = "min",     [CYC_OP_MAX] = "max",       [CYC_OP_FLOOR] = "floor",
    [CYC_OP_LT] = "<",        [CYC_OP_LE] = "<=",         [CYC_OP_GT] = ">",
    [CYC_OP_GE] = ">=",       [CYC_OP_EQ] = "==",         [CYC_OP_NE] = "~=",
    [CYC_OP_AND] = "and",     [CYC_OP_OR] = "or",         [CYC_OP_NOT] = "not",
};

/* ---- The two writers ------------------------------------------------------------------------- */

/* Inline where there is room: a step has about a hundred fields. */
static inline void put_bytes(struct walker *walker, const void *bytes, size_t size)
{
    struct cyc_text *text = walker->bytes;
    if (text->capacity - text->length > size) {
        memcpy(text->data + text->length, bytes, size);
        text->length += size;
    } else {
        cyc_text_append_size(text, bytes, size);
    }
}

static void open_list(struct walker *walker, const char *key, char bracket)
{
    if (walker->bytes != NULL) {
        put_bytes(walker, &bracket, 1);
        return;
    }
    if (key != NULL) {
        cyc_json_key(&walker->json, key);
    }
    cyc_json_open(&walker->json, bracket);
}

static void close_list(struct walker *walker, char bracket)
{
    if (walker->bytes != NULL) {
        put_bytes(walker, &bracket, 1);
    } else {
        cyc_json_close(&walker->json, bracket);
    }
}

static void put_integer(struct walker *walker, const char *key, int64_t value)
{
    if (walker->bytes != NULL) {
        put_bytes(walker, &value, sizeof value);
    } else {
        cyc_json_key(&walker->json, key);
        cyc_json_integer(&walker->json, value);
    }
}

/* A time that may be endless. */
static void put_time(struct walker *walker, const char *key, int64_t value)
{
    if (walker->bytes != NULL || value != CYC_NEVER) {
        put_integer(walker, key, value);
    }
}

static void put_count(struct walker *walker, const char *key, int64_t value)
{
    if (walker->bytes != NULL || value != 0) {
        put_integer(walker, key, value);
    }
}

static void put_number(struct walker *walker, const char *key, double value)
{
    if (walker->bytes != NULL) {
        put_bytes(walker, &value, sizeof value);
    } else if (isfinite(value)) {
        cyc_json_key(&walker->json, key);
        cyc_json_number(&walker->json, value);
    }
}

static void put_word(struct walker *walker, const char *key, const char *value)
{
    if (walker->bytes != NULL) {
        put_bytes(walker, value, strlen(value) + 1);
    } else if (value[0] != '\0') {
        cyc_json_key(&walker->json, key);
        cyc_json_string(&walker->json, value);
    }
}

/* ---- The walk -------------------------------------------------------------------------------- */

static void op_text(struct cyc_text *text, const struct cyc_op *op)
{
    char number[CYC_NUMBER_SIZE];
    if (text->length > 0) {
        cyc_text_append(text, " ");
    }
    if (op->code == CYC_OP_CONST) {
        cyc_text_append(text, cyc_number_exact(number, op->value));
        return;
    }
    if (op->code != CYC_OP_SIGNAL) {
        cyc_text_append(text,
                        op->code < sizeof op_words / sizeof op_words[0] ? op_words[op->code] : "?");
        return;
    }
    static const char *const scopes[] = {"step", "test", "cycle"};
    if (op->scope >= CYC_SCOPE_BLOCK) {
        cyc_text_format(text, "block[%d].", op->scope - CYC_SCOPE_BLOCK);
    } else if (op->signal >= CYC_SIGNAL_TIME) {
        cyc_text_format(text, "%s.", scopes[op->scope]);
    }
    char name[CYC_SIGNAL_TEXT];
    cyc_text_append(text, cyc_signal_text(name, op->signal, op->index));
}

static void put_condition(struct walker *walker, const char *key, const struct cyc_step *step,
                          const struct cyc_condition *condition)
{
    const unsigned end = (unsigned)condition->first + condition->count;
    const bool within = end <= step->op_count && end <= CYC_OPS_MAX;
    if (!CYC_ASSERT(within)) {
        return;
    }
    if (walker->bytes != NULL) {
        put_integer(walker, key, condition->count);
        for (unsigned i = condition->first; i < end; i++) {
            const struct cyc_op *op = &step->ops[i];
            const uint8_t words[4] = {op->code, op->signal, op->scope, op->index};
            put_bytes(walker, words, sizeof words);
            put_bytes(walker, &op->value, sizeof op->value);
        }
        return;
    }
    struct cyc_text text = {0};
    for (unsigned i = condition->first; i < end; i++) {
        op_text(&text, &step->ops[i]);
    }
    put_word(walker, key, cyc_text_get(&text));
    walker->json.text->failed = walker->json.text->failed || text.failed;
    cyc_text_release(&text);
}

static void walk_cutoffs(struct walker *walker, const struct cyc_step *step)
{
    static const char *const entries[] = {"before", "open", "settled"};
    open_list(walker, "cutoffs", '[');
    for (unsigned i = 0; i < step->cutoff_count && i < CYC_CUTOFFS_MAX; i++) {
        const struct cyc_cutoff *cutoff = &step->cutoffs[i];
        open_list(walker, NULL, '{');
        put_condition(walker, "when", step, &cutoff->when);
        put_word(walker, "reason", cyc_reason_name(cutoff->reason));
        put_word(walker, "entry", entries[cutoff->entry]);
        put_word(walker, "action", cyc_follow_up_name(cutoff->action));
        put_count(walker, "hold_only", cutoff->hold_only);
        put_count(walker, "lasting_ns", cutoff->lasting_ns);
        put_count(walker, "after_ns", cutoff->after_ns);
        put_condition(walker, "resume", step, &cutoff->resume);
        put_count(walker, "pause_timeout_ns", cutoff->pause_timeout_ns);
        put_count(walker, "tag", cutoff->tag);
        close_list(walker, '}');
    }
    close_list(walker, ']');
}

static void walk_limits(struct walker *walker, const struct cyc_step *step)
{
    static const char *const levels[] = {"step", "protocol", "channel"};
    open_list(walker, "limits", '[');
    for (unsigned i = 0; i < step->limit_count && i < CYC_LIMITS_MAX; i++) {
        const struct cyc_limit *limit = &step->limits[i];
        char name[CYC_SIGNAL_TEXT];
        open_list(walker, NULL, '{');
        put_word(walker, "of", cyc_signal_text(name, limit->signal, limit->index));
        put_word(walker, "level", levels[limit->level < 3 ? limit->level : 2]);
        put_number(walker, "low", limit->low);
        put_number(walker, "high", limit->high);
        close_list(walker, '}');
    }
    close_list(walker, ']');
}

static void walk_segments(struct walker *walker, const struct cyc_step *step)
{
    open_list(walker, "segments", '[');
    for (uint32_t i = 0; i < step->segment_count; i++) {
        const struct cyc_segment *segment = &step->segments[i];
        open_list(walker, NULL, '{');
        put_time(walker, "duration_ns", segment->duration_ns);
        put_word(walker, "control", cyc_control_name(segment->control));
        put_number(walker, "value", segment->value);
        if (walker->bytes != NULL || segment->slope_per_s != 0.0) {
            put_number(walker, "slope_per_s", segment->slope_per_s);
        }
        put_count(walker, "pulse", segment->pulse);
        close_list(walker, '}');
    }
    close_list(walker, ']');
    put_count(walker, "repeat_count", step->repeat_count);
    put_number(walker, "hold_V", step->hold_V);
    put_number(walker, "current_min_A", step->current_min_A);
    put_number(walker, "current_max_A", step->current_max_A);
    put_count(walker, "sweep_from_present", step->sweep_from_present);
}

static void walk_environment(struct walker *walker, const struct cyc_environment *environment)
{
    open_list(walker, "environment", '{');
    put_number(walker, "temperature_degC", environment->temperature_degC);
    put_number(walker, "ramp_K_per_s", environment->ramp_K_per_s);
    put_count(walker, "temperature_off", environment->temperature_off);
    put_number(walker, "pressure_Pa", environment->pressure_Pa);
    put_count(walker, "pressure_off", environment->pressure_off);
    close_list(walker, '}');
}

static void walk_record(struct walker *walker, const struct cyc_record_rule *rule)
{
    char name[CYC_SIGNAL_TEXT];
    open_list(walker, "record", '{');
    put_count(walker, "every_ns", rule->every_ns);
    put_number(walker, "voltage_V", rule->voltage_V);
    put_number(walker, "current_A", rule->current_A);
    put_number(walker, "capacity_Ah", rule->capacity_Ah);
    put_number(walker, "temperature_K", rule->temperature_K);
    put_number(walker, "pressure_Pa", rule->pressure_Pa);
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        if (walker->bytes != NULL || rule->aux[i] > 0.0) {
            put_number(walker, cyc_signal_text(name, CYC_SIGNAL_AUX, i), rule->aux[i]);
        }
    }
    open_list(walker, "bursts", '[');
    for (unsigned i = 0; i < rule->burst_count && i < CYC_BURSTS_MAX; i++) {
        open_list(walker, NULL, '{');
        put_time(walker, "during_ns", rule->bursts[i].during_ns);
        put_integer(walker, "every_ns", rule->bursts[i].every_ns);
        close_list(walker, '}');
    }
    close_list(walker, ']');
    close_list(walker, '}');
}

static void walk_measurements(struct walker *walker, const struct cyc_step *step)
{
    open_list(walker, "slopes", '[');
    for (unsigned i = 0; i < step->slope_count && i < CYC_SLOPES_MAX; i++) {
        open_list(walker, NULL, '{');
        put_word(walker, "of", cyc_signal_name(step->slopes[i].signal));
        put_integer(walker, "window_ns", step->slopes[i].window_ns);
        close_list(walker, '}');
    }
    close_list(walker, ']');
    open_list(walker, "resistance_at", '[');
    for (unsigned i = 0; i < step->resistance_at_count && i < CYC_RESISTANCE_AT_MAX; i++) {
        open_list(walker, NULL, '{');
        put_integer(walker, "after_ns", step->resistance_at_ns[i]);
        close_list(walker, '}');
    }
    close_list(walker, ']');
    walk_record(walker, &step->record);
}

static void walk_step(struct walker *walker, const struct cyc_step *step)
{
    static const char *const interruptions[] = {"hold", "continue", "restart"};
    open_list(walker, NULL, '{');
    put_integer(walker, "step_id", step->id);
    put_word(walker, "mode", cyc_mode_name(step->mode));
    put_word(walker, "type", step->type);
    put_word(walker, "name", step->name);
    put_word(walker, "label", step->label);
    put_count(walker, "charging", step->charging);
    walk_segments(walker, step);
    walk_environment(walker, &step->environment);
    put_count(walker, "scope_resets", step->scope_resets);
    put_count(walker, "block_depth", step->block_depth);
    walk_cutoffs(walker, step);
    walk_limits(walker, step);
    walk_measurements(walker, step);
    put_time(walker, "timeout_ns", step->timeout_ns);
    put_count(walker, "timeout_derived", step->timeout_derived);
    put_word(walker, "after_interruption", interruptions[step->after_interruption]);
    put_time(walker, "max_gap_ns", step->max_gap_ns);
    close_list(walker, '}');
}

void cyc_step_bytes(const struct cyc_step *step, struct cyc_text *bytes)
{
    struct walker walker = {.bytes = bytes};
    walk_step(&walker, step);
    cyc_text_append_size(bytes, "", 1); /* which terminates the text */
}

void cyc_run_step_text(const struct cyc_step *step, struct cyc_text *text)
{
    struct walker walker = {.bytes = NULL};
    cyc_json_init(&walker.json, text);
    walk_step(&walker, step);
}
