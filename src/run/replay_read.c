/* The lines that trace.c writes, read back: word by word, in the order in which they are written. A
 * word that is not expected is not skipped but refused, so that nothing is decided on half of an
 * event. Names are found by asking for the name of each value there is. */
#include "run/replay_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words ----------------------------------------------------------------------------------- */

bool cyc_replay_take(struct replay_reader *reader, const char *literal)
{
    const size_t size = strlen(literal);
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, literal, size) != 0) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        reader->line += literal[i] == '\n';
    }
    reader->at += size;
    return true;
}

static bool take_integer(struct replay_reader *reader, int64_t *value)
{
    char digits[24];
    size_t size = 0;
    while (size < sizeof digits - 1 && reader->at + size < reader->end &&
           strchr("-0123456789", reader->at[size]) != NULL) {
        digits[size] = reader->at[size];
        size++;
    }
    digits[size] = '\0';
    char *end = digits;
    *value = strtoll(digits, &end, 10);
    reader->at += end - digits;
    return end != digits;
}

static bool take_unsigned(struct replay_reader *reader, uint32_t *value)
{
    int64_t wide = 0;
    const bool taken = take_integer(reader, &wide) && wide >= 0 && wide <= UINT32_MAX;
    *value = (uint32_t)wide;
    return taken;
}

static bool take_byte(struct replay_reader *reader, uint8_t *value)
{
    int64_t wide = 0;
    const bool taken = take_integer(reader, &wide) && wide >= 0 && wide <= UINT8_MAX;
    *value = (uint8_t)wide;
    return taken;
}

static bool take_number(struct replay_reader *reader, double *value)
{
    size_t used = 0;
    if (cyc_replay_take(reader, "nan")) {
        *value = (double)NAN;
        return true;
    }
    if (cyc_replay_take(reader, "inf") || cyc_replay_take(reader, "-inf")) {
        *value = reader->at[-4] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    const bool taken =
        cyc_number_parse(reader->at, (size_t)(reader->end - reader->at), value, &used);
    reader->at += used;
    return taken;
}

/* " name value" */
static bool number(struct replay_reader *reader, const char *name, double *value)
{
    return cyc_replay_take(reader, " ") && cyc_replay_take(reader, name) &&
           cyc_replay_take(reader, " ") && take_number(reader, value);
}

static bool time_of(struct replay_reader *reader, const char *name, int64_t *t_ns)
{
    if (!cyc_replay_take(reader, " ") || !cyc_replay_take(reader, name) ||
        !cyc_replay_take(reader, " ")) {
        return false;
    }
    if (cyc_replay_take(reader, "never")) {
        *t_ns = CYC_NEVER;
        return true;
    }
    return take_integer(reader, t_ns);
}

static bool sums(struct replay_reader *reader, struct cyc_sums *to)
{
    return number(reader, "Q+", &to->charge_Ah) && number(reader, "Q-", &to->discharge_Ah) &&
           number(reader, "E+", &to->charge_Wh) && number(reader, "E-", &to->discharge_Wh);
}

/* The word up to the next space, colon or line feed, as an index of a table of names. */
typedef const char *(*name_fn)(unsigned value);

static bool named(struct replay_reader *reader, name_fn name, unsigned count, unsigned *value)
{
    size_t size = 0;
    while (reader->at + size < reader->end && strchr(" :\n", reader->at[size]) == NULL) {
        size++;
    }
    for (unsigned i = 0; i < count; i++) {
        const char *word = name(i);
        if (strlen(word) == size && memcmp(word, reader->at, size) == 0) {
            reader->at += size;
            *value = i;
            return true;
        }
    }
    return false;
}

static const char *mode_name(unsigned value)
{
    return cyc_mode_name((enum cyc_mode)value);
}
static const char *reason_name(unsigned value)
{
    return cyc_reason_name((enum cyc_reason)value);
}
static const char *follow_up_name(unsigned value)
{
    return cyc_follow_up_name((enum cyc_follow_up)value);
}
static const char *control_name(unsigned value)
{
    return cyc_control_name((enum cyc_control)value);
}
static const char *finish_name(unsigned value)
{
    return cyc_finish_name((enum cyc_finish)value);
}
static const char *reply_name(unsigned value)
{
    static const char *const names[] = {"ok", "failed", "stale", "infeasible"};
    return names[value];
}
static const char *operator_name(unsigned value)
{
    static const char *const names[] = {"pause",       "resume",    "skip",     "stop",   "answer",
                                        "acknowledge", "interrupt", "continue", "restart"};
    return names[value];
}

/* A signal with its index: "voltage", "aux[1]". */
static bool signal_of(struct replay_reader *reader, uint8_t *signal, uint8_t *index)
{
    char name[CYC_SIGNAL_TEXT];
    for (unsigned i = 0; i < CYC_SIGNAL_COUNT; i++) {
        const bool indexed = i == CYC_SIGNAL_AUX || i == CYC_SIGNAL_SLOPE;
        for (unsigned k = 0; k < (indexed ? 10u : 1u); k++) {
            const size_t size = strlen(cyc_signal_text(name, i, k));
            if ((size_t)(reader->end - reader->at) > size && reader->at[size] == ' ' &&
                memcmp(reader->at, name, size) == 0) {
                reader->at += size;
                *signal = (uint8_t)i;
                *index = (uint8_t)k;
                return true;
            }
        }
    }
    return false;
}

/* ---- A step ---------------------------------------------------------------------------------- */

static bool take_op(struct replay_reader *reader, struct cyc_op *op)
{
    unsigned signal = 0;
    *op = (struct cyc_op){0};
    if (cyc_replay_take(reader, "const ")) {
        op->code = CYC_OP_CONST;
        return take_number(reader, &op->value);
    }
    if (cyc_replay_take(reader, "op:")) {
        return take_byte(reader, &op->code) && op->code > CYC_OP_SIGNAL && op->code <= CYC_OP_NOT;
    }
    op->code = CYC_OP_SIGNAL;
    const bool taken = named(reader, cyc_signal_name, CYC_SIGNAL_COUNT, &signal) &&
                       cyc_replay_take(reader, ":") && take_byte(reader, &op->scope) &&
                       cyc_replay_take(reader, ":") && take_byte(reader, &op->index);
    op->signal = (uint8_t)signal;
    return taken && op->scope < CYC_SCOPES_MAX;
}

/* Operations up to the end of the line or the words of a pause. */
static bool condition(struct replay_reader *reader, struct cyc_step *step, struct cyc_condition *to)
{
    to->first = step->op_count;
    to->count = 0;
    while (reader->at < reader->end && *reader->at == ' ' &&
           !(reader->end - reader->at > 8 && memcmp(reader->at, " timeout", 8) == 0)) {
        reader->at++;
        if (step->op_count >= CYC_OPS_MAX || !take_op(reader, &step->ops[step->op_count])) {
            return false;
        }
        step->op_count++;
        to->count++;
    }
    return true;
}

static bool cutoff(struct replay_reader *reader, struct cyc_step *step)
{
    struct cyc_cutoff *to = &step->cutoffs[step->cutoff_count];
    unsigned reason = 0, action = 0;
    uint8_t entry = 0;
    int64_t tag = 0;
    if (step->cutoff_count >= CYC_CUTOFFS_MAX ||
        !named(reader, reason_name, CYC_REASON_FAULT + 1, &reason) ||
        !cyc_replay_take(reader, " ") ||
        !named(reader, follow_up_name, CYC_FOLLOW_FAIL + 1, &action) ||
        !cyc_replay_take(reader, " entry ") || !take_byte(reader, &entry) ||
        entry > CYC_ENTRY_SETTLED) {
        return false;
    }
    to->reason = (enum cyc_reason)reason;
    to->action = (enum cyc_follow_up)action;
    to->entry = (enum cyc_entry)entry;
    to->hold_only = cyc_replay_take(reader, " hold_only");
    if (!time_of(reader, "lasting", &to->lasting_ns) || !time_of(reader, "after", &to->after_ns) ||
        !cyc_replay_take(reader, " tag ") || !take_integer(reader, &tag) ||
        !cyc_replay_take(reader, " when") || !condition(reader, step, &to->when)) {
        return false;
    }
    to->tag = (int32_t)tag;
    step->cutoff_count++;
    return to->action != CYC_FOLLOW_PAUSE ||
           (time_of(reader, "timeout", &to->pause_timeout_ns) &&
            cyc_replay_take(reader, " resume") && condition(reader, step, &to->resume));
}

static bool limit(struct replay_reader *reader, struct cyc_step *step)
{
    struct cyc_limit *to = &step->limits[step->limit_count];
    return step->limit_count++ < CYC_LIMITS_MAX && signal_of(reader, &to->signal, &to->index) &&
           cyc_replay_take(reader, " level ") && take_byte(reader, &to->level) &&
           number(reader, "low", &to->low) && number(reader, "high", &to->high);
}

static bool slope(struct replay_reader *reader, struct cyc_step *step)
{
    struct cyc_slope *to = &step->slopes[step->slope_count];
    uint8_t index;
    return step->slope_count++ < CYC_SLOPES_MAX && signal_of(reader, &to->signal, &index) &&
           time_of(reader, "over", &to->window_ns);
}

static bool segment(struct replay_reader *reader, struct replayed *replayed)
{
    struct cyc_step *step = &replayed->step;
    if (step->segment_count >= replayed->segment_room) {
        const uint32_t room = replayed->segment_room == 0 ? 64 : 2 * replayed->segment_room;
        struct cyc_segment *more =
            room <= REPLAY_SEGMENTS_MAX
                ? realloc(replayed->segments, room * sizeof *replayed->segments)
                : NULL;
        if (more == NULL) {
            return false;
        }
        replayed->segments = more;
        replayed->segment_room = room;
    }
    struct cyc_segment *to = &replayed->segments[step->segment_count++];
    unsigned control = 0;
    const bool taken = named(reader, control_name, CYC_CONTROL_LOAD + 1, &control) &&
                       number(reader, "value", &to->value) &&
                       number(reader, "slope", &to->slope_per_s) &&
                       time_of(reader, "during", &to->duration_ns);
    to->control = (enum cyc_control)control;
    to->pulse = taken && cyc_replay_take(reader, " pulse");
    return taken;
}

static bool sensors_of_rule(struct replay_reader *reader, struct cyc_record_rule *rule)
{
    while (reader->end - reader->at > 6 && *reader->at == ' ' &&
           memcmp(reader->at, " burst", 6) != 0) {
        uint8_t signal, index;
        reader->at++;
        if (!signal_of(reader, &signal, &index) || signal != CYC_SIGNAL_AUX ||
            index >= CYC_AUX_MAX || !cyc_replay_take(reader, " ") ||
            !take_number(reader, &rule->aux[index])) {
            return false;
        }
    }
    return true;
}

static bool record_rule(struct replay_reader *reader, struct cyc_record_rule *rule)
{
    bool taken = time_of(reader, "every", &rule->every_ns) &&
                 number(reader, "V", &rule->voltage_V) && number(reader, "I", &rule->current_A) &&
                 number(reader, "Q", &rule->capacity_Ah) &&
                 number(reader, "T", &rule->temperature_K) &&
                 number(reader, "p", &rule->pressure_Pa) && sensors_of_rule(reader, rule);
    while (taken && reader->at < reader->end && *reader->at == ' ') {
        struct cyc_burst *burst = &rule->bursts[rule->burst_count];
        taken = rule->burst_count++ < CYC_BURSTS_MAX &&
                time_of(reader, "burst", &burst->during_ns) &&
                time_of(reader, "every", &burst->every_ns);
    }
    return taken;
}

static bool environment(struct replay_reader *reader, struct cyc_environment *to)
{
    const bool taken = number(reader, "T", &to->temperature_degC) &&
                       number(reader, "ramp", &to->ramp_K_per_s) &&
                       number(reader, "p", &to->pressure_Pa);
    to->temperature_off = taken && cyc_replay_take(reader, " T_off");
    to->pressure_off = taken && cyc_replay_take(reader, " p_off");
    return taken;
}

static bool bounds(struct replay_reader *reader, struct cyc_step *step)
{
    step->charging = cyc_replay_take(reader, "charging");
    if (!(step->charging || cyc_replay_take(reader, "discharging")) ||
        !cyc_replay_take(reader, " resets ") || !take_unsigned(reader, &step->scope_resets) ||
        !cyc_replay_take(reader, " depth ") || !take_byte(reader, &step->block_depth) ||
        !cyc_replay_take(reader, " repeat ") || !take_unsigned(reader, &step->repeat_count)) {
        return false;
    }
    step->sweep_from_present = cyc_replay_take(reader, " from_present");
    const bool taken = number(reader, "hold", &step->hold_V) &&
                       number(reader, "min", &step->current_min_A) &&
                       number(reader, "max", &step->current_max_A) &&
                       time_of(reader, "timeout", &step->timeout_ns);
    step->timeout_derived = taken && cyc_replay_take(reader, " derived");
    return taken && step->block_depth <= CYC_BLOCKS_MAX;
}

/* A text without spaces. */
static bool word(struct replay_reader *reader, char *to, size_t size)
{
    size_t length = 0;
    while (reader->at + length < reader->end && strchr(" \n", reader->at[length]) == NULL) {
        length++;
    }
    if (length >= size) {
        return false;
    }
    memcpy(to, reader->at, length);
    to[length] = '\0';
    reader->at += length;
    return true;
}

static bool heading(struct replay_reader *reader, struct cyc_step *step)
{
    unsigned mode = 0;
    if (!cyc_replay_take(reader, " id ") || !take_unsigned(reader, &step->id) ||
        !cyc_replay_take(reader, " cycle ") || !take_unsigned(reader, &step->cycle_number)) {
        return false;
    }
    step->in_cycle = cyc_replay_take(reader, " in");
    if (!cyc_replay_take(reader, " ") || !named(reader, mode_name, CYC_MODE_ASK + 1, &mode) ||
        !cyc_replay_take(reader, " ") || !word(reader, step->type, sizeof step->type) ||
        !cyc_replay_take(reader, " \"")) {
        return false;
    }
    step->mode = (enum cyc_mode)mode;
    const char *feed = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    const size_t size = feed != NULL ? (size_t)(feed - reader->at) : 0;
    if (size == 0 || size > sizeof step->name || feed[-1] != '"') {
        return false;
    }
    memcpy(step->name, reader->at, size - 1);
    step->name[size - 1] = '\0';
    reader->at = feed;
    return true;
}

static bool line_of_step(struct replay_reader *reader, struct replayed *replayed)
{
    struct cyc_step *step = &replayed->step;
    if (cyc_replay_take(reader, "step ")) {
        return bounds(reader, step);
    }
    if (cyc_replay_take(reader, "environment")) {
        return environment(reader, &step->environment);
    }
    if (cyc_replay_take(reader, "segment ")) {
        return segment(reader, replayed);
    }
    if (cyc_replay_take(reader, "cutoff ")) {
        return cutoff(reader, step);
    }
    if (cyc_replay_take(reader, "limit ")) {
        return limit(reader, step);
    }
    if (cyc_replay_take(reader, "slope ")) {
        return slope(reader, step);
    }
    if (cyc_replay_take(reader, "rule")) {
        return record_rule(reader, &step->record);
    }
    return cyc_replay_take(reader, "resistance_at ") &&
           step->resistance_at_count < CYC_RESISTANCE_AT_MAX &&
           take_integer(reader, &step->resistance_at_ns[step->resistance_at_count++]);
}

bool cyc_replay_read_step(struct replay_reader *reader, struct replayed *replayed)
{
    replayed->step = (struct cyc_step){0};
    bool taken = heading(reader, &replayed->step) && cyc_replay_take(reader, "\n");
    while (taken && cyc_replay_take(reader, "  ")) {
        taken = line_of_step(reader, replayed) && cyc_replay_take(reader, "\n");
    }
    replayed->step.segments = replayed->segments;
    replayed->has_step = taken;
    return taken;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static bool sensors(struct replay_reader *reader, struct cyc_sample *sample)
{
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        sample->aux[i] = (double)NAN;
    }
    while (cyc_replay_take(reader, " aux:")) {
        uint8_t index;
        if (!take_byte(reader, &index) || index >= CYC_AUX_MAX || !cyc_replay_take(reader, " ") ||
            !take_number(reader, &sample->aux[index])) {
            return false;
        }
    }
    return true;
}

static bool since(struct replay_reader *reader, struct cyc_sample *to)
{
    return !cyc_replay_take(reader, " since ") || take_integer(reader, &to->since_ns);
}

static bool sample(struct replay_reader *reader, struct cyc_sample *to)
{
    struct cyc_sums passed = {0};
    const bool taken =
        cyc_replay_take(reader, " ") && take_unsigned(reader, &to->setpoint_number) &&
        cyc_replay_take(reader, " flags ") && take_unsigned(reader, &to->flags) &&
        number(reader, "V", &to->voltage_V) && number(reader, "I", &to->current_A) &&
        number(reader, "T", &to->temperature_degC) && number(reader, "Ta", &to->ambient_degC) &&
        number(reader, "p", &to->pressure_Pa) && sensors(reader, to) &&
        time_of(reader, "T_age", &to->temperature_age_ns) &&
        time_of(reader, "p_age", &to->pressure_age_ns) && since(reader, to) &&
        sums(reader, &passed);
    to->charge_Ah = passed.charge_Ah;
    to->discharge_Ah = passed.discharge_Ah;
    to->charge_Wh = passed.charge_Wh;
    to->discharge_Wh = passed.discharge_Wh;
    return taken;
}

static bool operator_word(struct replay_reader *reader, struct replayed *replayed)
{
    unsigned value = 0;
    int64_t records = 0;
    if (!named(reader, operator_name, CYC_OPERATOR_RESTART + 1, &value)) {
        return false;
    }
    replayed->event.operator_word = (enum cyc_operator)value;
    if (!cyc_replay_take(reader, " records ")) {
        return true;
    }
    replayed->event.absence = &replayed->absence;
    const bool taken = take_integer(reader, &records) && sums(reader, &replayed->absence.passed);
    replayed->absence.record_count = (uint64_t)records;
    return taken;
}

static bool kind_of(struct replay_reader *reader, struct replayed *replayed)
{
    struct cyc_event *event = &replayed->event;
    unsigned value = 0;
    bool taken = true;
    if (cyc_replay_take(reader, "sample")) {
        event->kind = CYC_EVENT_SAMPLE;
        taken = sample(reader, &replayed->sample);
        replayed->sample.t_ns = event->t_ns;
        event->sample = &replayed->sample;
    } else if (cyc_replay_take(reader, "deadline")) {
        event->kind = CYC_EVENT_DEADLINE;
    } else if (cyc_replay_take(reader, "reply ")) {
        event->kind = CYC_EVENT_REPLY;
        taken = named(reader, reply_name, CYC_REPLY_INFEASIBLE + 1, &value);
        event->reply = (enum cyc_reply)value;
    } else if (cyc_replay_take(reader, "operator ")) {
        event->kind = CYC_EVENT_OPERATOR;
        taken = operator_word(reader, replayed);
    } else if (cyc_replay_take(reader, "end ")) {
        event->kind = CYC_EVENT_END;
        taken = named(reader, finish_name, CYC_FINISH_FAULT + 1, &value);
        event->finish = (enum cyc_finish)value;
    } else {
        return false;
    }
    return taken && cyc_replay_take(reader, "\n");
}

bool cyc_replay_read_event(struct replay_reader *reader, struct replayed *replayed)
{
    replayed->event = (struct cyc_event){0};
    replayed->sample = (struct cyc_sample){0};
    replayed->absence = (struct cyc_absence){0};
    if (!cyc_replay_take(reader, "> ") || !take_integer(reader, &replayed->event.t_ns) ||
        !cyc_replay_take(reader, " ")) {
        return false;
    }
    if (cyc_replay_take(reader, "step")) {
        replayed->event.kind = CYC_EVENT_STEP;
        return cyc_replay_read_step(reader, replayed);
    }
    return kind_of(reader, replayed);
}

bool cyc_replay_read_patience(struct replay_reader *reader, struct cyc_patience *patience)
{
    return take_integer(reader, &patience->sample_ns) && cyc_replay_take(reader, " ") &&
           take_integer(reader, &patience->temperature_ns) && cyc_replay_take(reader, " ") &&
           take_integer(reader, &patience->pressure_ns) && cyc_replay_take(reader, "\n");
}
