#include "run/trace.h"

#include "base/text.h"
#include "store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE_BUFFER_SIZE 65536u

struct cyc_trace {
    FILE *file; /* NULL: lines go to … */
    cyc_trace_put_fn put;
    void *context;
    struct cyc_text line; /* the lines of the present event */
    bool failed;
};

static const char *reply_name(enum cyc_reply reply)
{
    switch (reply) {
    case CYC_REPLY_OK:
        return "ok";
    case CYC_REPLY_FAILED:
        return "failed";
    case CYC_REPLY_STALE:
        return "stale";
    case CYC_REPLY_INFEASIBLE:
        return "infeasible";
    }
    return "?";
}

static const char *operator_name(enum cyc_operator word)
{
    switch (word) {
    case CYC_OPERATOR_PAUSE:
        return "pause";
    case CYC_OPERATOR_RESUME:
        return "resume";
    case CYC_OPERATOR_SKIP:
        return "skip";
    case CYC_OPERATOR_STOP:
        return "stop";
    case CYC_OPERATOR_ANSWER:
        return "answer";
    case CYC_OPERATOR_ACKNOWLEDGE:
        return "acknowledge";
    case CYC_OPERATOR_INTERRUPT:
        return "interrupt";
    case CYC_OPERATOR_CONTINUE:
        return "continue";
    case CYC_OPERATOR_RESTART:
        return "restart";
    }
    return "?";
}

int cyc_trace_open(const char *path, struct cyc_trace **trace, struct cyc_err *err)
{
    struct cyc_trace *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the trace");
    }
    opened->file = fopen(path, "we");
    if (opened->file == NULL) {
        const int reason = errno;
        free(opened);
        return cyc_err_set(err, CYC_E_FILE, "cannot write the trace '%s': %s", path,
                           strerror(reason));
    }
    (void)setvbuf(opened->file, NULL, _IOFBF, TRACE_BUFFER_SIZE);
    cyc_text_append(&opened->line, CYC_TRACE_HEADING);
    *trace = opened;
    return CYC_OK;
}

int cyc_trace_open_to(cyc_trace_put_fn put, void *context, struct cyc_trace **trace,
                      struct cyc_err *err)
{
    struct cyc_trace *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the trace");
    }
    opened->put = put;
    opened->context = context;
    *trace = opened;
    return CYC_OK;
}

static void put_lines(struct cyc_trace *trace)
{
    const struct cyc_text *line = &trace->line;
    if (line->failed) {
        trace->failed = true;
    } else if (trace->put != NULL) {
        trace->put(trace->context, cyc_text_get(line), line->length);
    } else if (fwrite(cyc_text_get(line), 1, line->length, trace->file) != line->length) {
        trace->failed = true;
    }
    cyc_text_clear(&trace->line);
}

static void put(struct cyc_text *line, const char *name, double value)
{
    char number[CYC_NUMBER_SIZE];
    cyc_text_format(line, " %s %s", name, cyc_number_exact(number, value));
}

static void put_time(struct cyc_text *line, const char *name, int64_t t_ns)
{
    if (t_ns == CYC_NEVER) {
        cyc_text_format(line, " %s never", name);
    } else {
        cyc_text_format(line, " %s %" PRId64, name, t_ns);
    }
}

static void put_sums(struct cyc_text *line, const struct cyc_sums *sums)
{
    put(line, "Q+", sums->charge_Ah);
    put(line, "Q-", sums->discharge_Ah);
    put(line, "E+", sums->charge_Wh);
    put(line, "E-", sums->discharge_Wh);
}

static void put_ops(struct cyc_text *line, const struct cyc_step *step,
                    const struct cyc_condition *condition)
{
    for (unsigned i = 0; i < condition->count; i++) {
        const struct cyc_op *op = &step->ops[condition->first + i];
        if (op->code == CYC_OP_CONST) {
            put(line, "const", op->value);
        } else if (op->code == CYC_OP_SIGNAL) {
            cyc_text_format(line, " %s:%u:%u", cyc_signal_name(op->signal), op->scope, op->index);
        } else {
            cyc_text_format(line, " op:%u", op->code);
        }
    }
}

static void put_cutoff(struct cyc_text *line, const struct cyc_step *step,
                       const struct cyc_cutoff *cutoff)
{
    cyc_text_format(line, "  cutoff %s %s entry %d%s", cyc_reason_name(cutoff->reason),
                    cyc_follow_up_name(cutoff->action), (int)cutoff->entry,
                    cutoff->hold_only ? " hold_only" : "");
    put_time(line, "lasting", cutoff->lasting_ns);
    put_time(line, "after", cutoff->after_ns);
    cyc_text_format(line, " tag %" PRId32 " when", cutoff->tag);
    put_ops(line, step, &cutoff->when);
    if (cutoff->action == CYC_FOLLOW_PAUSE) {
        put_time(line, "timeout", cutoff->pause_timeout_ns);
        cyc_text_append(line, " resume");
        put_ops(line, step, &cutoff->resume);
    }
    cyc_text_append(line, "\n");
}

static void put_record_rule(struct cyc_text *line, const struct cyc_record_rule *rule)
{
    char name[CYC_SIGNAL_TEXT];
    cyc_text_append(line, "  rule");
    put_time(line, "every", rule->every_ns);
    put(line, "V", rule->voltage_V);
    put(line, "I", rule->current_A);
    put(line, "Q", rule->capacity_Ah);
    put(line, "T", rule->temperature_K);
    put(line, "p", rule->pressure_Pa);
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        if (rule->aux[i] > 0.0) {
            put(line, cyc_signal_text(name, CYC_SIGNAL_AUX, i), rule->aux[i]);
        }
    }
    for (unsigned i = 0; i < rule->burst_count; i++) {
        put_time(line, "burst", rule->bursts[i].during_ns);
        put_time(line, "every", rule->bursts[i].every_ns);
    }
    cyc_text_append(line, "\n");
}

static void put_environment(struct cyc_text *line, const struct cyc_environment *environment)
{
    put(line, "T", environment->temperature_degC);
    put(line, "ramp", environment->ramp_K_per_s);
    put(line, "p", environment->pressure_Pa);
    cyc_text_format(line, "%s%s\n", environment->temperature_off ? " T_off" : "",
                    environment->pressure_off ? " p_off" : "");
}

static void put_segments(struct cyc_text *line, const struct cyc_step *step)
{
    for (uint32_t i = 0; i < step->segment_count; i++) {
        const struct cyc_segment *segment = &step->segments[i];
        cyc_text_format(line, "  segment %s", cyc_control_name(segment->control));
        put(line, "value", segment->value);
        put(line, "slope", segment->slope_per_s);
        put_time(line, "during", segment->duration_ns);
        cyc_text_append(line, segment->pulse ? " pulse\n" : "\n");
    }
}

/* A step with all that the executor reads of it, on indented lines of its own. */
static void put_step(struct cyc_text *line, const struct cyc_step *step)
{
    cyc_text_format(line, " id %" PRIu32 " cycle %" PRIu32 "%s %s %s \"%s\"\n", step->id,
                    step->cycle_number, step->in_cycle ? " in" : "", cyc_mode_name(step->mode),
                    step->type, step->name);
    cyc_text_format(line, "  step %s resets %" PRIu32 " depth %u repeat %" PRIu32 "%s",
                    step->charging ? "charging" : "discharging", step->scope_resets,
                    step->block_depth, step->repeat_count,
                    step->sweep_from_present ? " from_present" : "");
    put(line, "hold", step->hold_V);
    put(line, "min", step->current_min_A);
    put(line, "max", step->current_max_A);
    put_time(line, "timeout", step->timeout_ns);
    cyc_text_append(line, step->timeout_derived ? " derived\n" : "\n");
    cyc_text_append(line, "  environment");
    put_environment(line, &step->environment);
    put_segments(line, step);
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        put_cutoff(line, step, &step->cutoffs[i]);
    }
    for (unsigned i = 0; i < step->limit_count; i++) {
        char name[CYC_SIGNAL_TEXT];
        cyc_text_format(line, "  limit %s level %u",
                        cyc_signal_text(name, step->limits[i].signal, step->limits[i].index),
                        step->limits[i].level);
        put(line, "low", step->limits[i].low);
        put(line, "high", step->limits[i].high);
        cyc_text_append(line, "\n");
    }
    for (unsigned i = 0; i < step->slope_count; i++) {
        cyc_text_format(line, "  slope %s", cyc_signal_name(step->slopes[i].signal));
        put_time(line, "over", step->slopes[i].window_ns);
        cyc_text_append(line, "\n");
    }
    put_record_rule(line, &step->record);
    for (unsigned i = 0; i < step->resistance_at_count; i++) {
        cyc_text_format(line, "  resistance_at %" PRId64 "\n", step->resistance_at_ns[i]);
    }
}

static void put_sample(struct cyc_text *line, const struct cyc_sample *sample)
{
    cyc_text_format(line, " %" PRIu32 " flags %" PRIu32, sample->setpoint_number, sample->flags);
    put(line, "V", sample->voltage_V);
    put(line, "I", sample->current_A);
    put(line, "T", sample->temperature_degC);
    put(line, "Ta", sample->ambient_degC);
    put(line, "p", sample->pressure_Pa);
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        if (!isnan(sample->aux[i])) {
            char name[16];
            (void)snprintf(name, sizeof name, "aux:%u", i);
            put(line, name, sample->aux[i]);
        }
    }
    put_time(line, "T_age", sample->temperature_age_ns);
    put_time(line, "p_age", sample->pressure_age_ns);
    if (sample->since_ns != 0) {
        put_time(line, "since", sample->since_ns);
    }
    put_sums(line, &(const struct cyc_sums){sample->charge_Ah, sample->discharge_Ah,
                                            sample->charge_Wh, sample->discharge_Wh});
    cyc_text_append(line, "\n");
}

static void put_absence(struct cyc_text *line, const struct cyc_absence *absence)
{
    if (absence != NULL) {
        cyc_text_format(line, " records %" PRIu64, absence->record_count);
        put_sums(line, &absence->passed);
    }
}

void cyc_trace_put_event(struct cyc_text *line, const struct cyc_step *step,
                         const struct cyc_event *event)
{
    cyc_text_format(line, "> %" PRId64 " ", event->t_ns);
    switch (event->kind) {
    case CYC_EVENT_STEP:
        cyc_text_append(line, "step");
        put_step(line, step);
        break;
    case CYC_EVENT_SAMPLE:
        cyc_text_append(line, "sample");
        put_sample(line, event->sample);
        break;
    case CYC_EVENT_DEADLINE:
        cyc_text_append(line, "deadline\n");
        break;
    case CYC_EVENT_REPLY:
        cyc_text_format(line, "reply %s\n", reply_name(event->reply));
        break;
    case CYC_EVENT_OPERATOR:
        cyc_text_format(line, "operator %s", operator_name(event->operator_word));
        put_absence(line, event->absence);
        cyc_text_append(line, "\n");
        break;
    case CYC_EVENT_END:
        cyc_text_format(line, "end %s\n", cyc_finish_name(event->finish));
        break;
    }
}

void cyc_trace_put_state(struct cyc_text *text, const struct cyc_core *core,
                         const struct cyc_step *step)
{
    struct cyc_patience patience;
    cyc_core_patience(core, &patience);
    cyc_text_format(text, "@ patience %" PRId64 " %" PRId64 " %" PRId64 "\n", patience.sample_ns,
                    patience.temperature_ns, patience.pressure_ns);
    if (step != NULL) {
        cyc_text_append(text, "@ step");
        put_step(text, step);
    }
    cyc_text_append(text, "@ state\n");
    cyc_state_save(core, text);
}

void cyc_trace_event(struct cyc_trace *trace, const struct cyc_step *step,
                     const struct cyc_event *event)
{
    cyc_trace_put_event(&trace->line, step, event);
}

void cyc_trace_state(struct cyc_trace *trace, const struct cyc_core *core,
                     const struct cyc_step *step)
{
    cyc_trace_put_state(&trace->line, core, step);
}

static void put_record(struct cyc_text *line, const struct cyc_record *record)
{
    cyc_text_format(
        line, "< record %" PRIu64 " t %" PRId64 " step %" PRIu32 " id %" PRIu32 " cycle %" PRIu32,
        record->index, record->sample.t_ns, record->step_count, record->step_id,
        record->cycle_number);
    put_time(line, "step_time", record->step_time_ns);
    put_sums(line, &record->test);
    cyc_text_append(line, "\n");
}

static void put_result(struct cyc_text *line, const struct cyc_result *result)
{
    cyc_text_format(line, "< step_done %" PRIu32 " %s cutoff %d %s tag %" PRId32 " flags %" PRIu32,
                    result->step_count, cyc_reason_name(result->reason), result->cutoff,
                    cyc_follow_up_name(result->action), result->tag, result->flags);
    put_time(line, "start", result->start_ns);
    put_time(line, "end", result->end_ns);
    put_time(line, "time", result->step_time_ns);
    put_time(line, "hold", result->hold_time_ns);
    put_sums(line, &result->sums);
    put(line, "V", result->voltage_V);
    put(line, "I", result->current_A);
    put(line, "T", result->temperature_degC);
    put(line, "p", result->pressure_Pa);
    for (unsigned i = 0; i < result->resistance_count; i++) {
        put(line, "R", result->resistances_ohm[i]);
    }
    if (result->fault.kind != CYC_FAULT_NONE) {
        char name[CYC_SIGNAL_TEXT];
        cyc_text_format(line, " fault %s %s level %u", cyc_fault_name(result->fault.kind),
                        cyc_signal_text(name, result->fault.signal, result->fault.index),
                        result->fault.level);
        put(line, "value", result->fault.value);
        put(line, "bound", result->fault.bound);
    }
    cyc_text_append(line, "\n");
}

static void put_setpoint(struct cyc_text *line, const struct cyc_setpoint *setpoint)
{
    cyc_text_format(line, "< setpoint %" PRIu32 " %s", setpoint->number,
                    cyc_control_name(setpoint->control));
    put(line, "value", setpoint->value);
    put(line, "slope", setpoint->slope_per_s);
    put(line, "min", setpoint->current_min_A);
    put(line, "max", setpoint->current_max_A);
    cyc_text_append(line, "\n");
}

static void put_action(struct cyc_text *line, const struct cyc_action *action,
                       const struct cyc_actions *actions)
{
    switch (action->kind) {
    case CYC_ACTION_SETPOINT:
        put_setpoint(line, &action->as.setpoint);
        break;
    case CYC_ACTION_ENVIRONMENT:
        cyc_text_append(line, "< environment");
        put_environment(line, &action->as.environment);
        break;
    case CYC_ACTION_SAFE:
        cyc_text_append(line, "< safe\n");
        break;
    case CYC_ACTION_RECORD:
        put_record(line, &actions->record);
        break;
    case CYC_ACTION_STEP_DONE:
        put_result(line, &actions->result);
        break;
    case CYC_ACTION_PAUSED:
        cyc_text_format(line, "< paused tag %" PRId32 "\n", action->as.tag);
        break;
    case CYC_ACTION_RESUMED:
        cyc_text_append(line, "< resumed\n");
        break;
    case CYC_ACTION_FINISH:
        cyc_text_format(line, "< finish %s\n", cyc_finish_name(action->as.finish));
        break;
    }
}

void cyc_trace_put_actions(struct cyc_text *line, const struct cyc_actions *actions)
{
    for (unsigned i = 0; i < actions->count; i++) {
        put_action(line, &actions->items[i], actions);
    }
    cyc_text_append(line, "=");
    put_time(line, "until", actions->deadline_ns);
    if (actions->sampled) {
        cyc_text_append(line, " sampled");
    }
    for (unsigned i = 0; i < actions->watch_count; i++) {
        const struct cyc_watch *watch = &actions->watches[i];
        cyc_text_format(line, " %s", watch->magnitude ? "abs" : "watch");
        put(line, cyc_signal_name(watch->signal), watch->value);
    }
    cyc_text_append(line, "\n");
}

void cyc_trace_actions(struct cyc_trace *trace, const struct cyc_actions *actions)
{
    cyc_trace_put_actions(&trace->line, actions);
    put_lines(trace);
}

int cyc_trace_close(struct cyc_trace *trace, struct cyc_err *err)
{
    if (trace == NULL) {
        return CYC_OK;
    }
    if (trace->line.length > 0) {
        put_lines(trace);
    }
    const bool closed = trace->file == NULL || fclose(trace->file) == 0;
    const bool failed = trace->failed || !closed;
    cyc_text_release(&trace->line);
    free(trace);
    if (failed) {
        return cyc_err_set(err, CYC_E_FILE, "the trace could not be written completely");
    }
    return CYC_OK;
}

/* ---- A trace that others write --------------------------------------------------------------- */

/* Up to behind the last line of answers that begins with `=`: the last one of its event. */
static size_t whole_size(const char *bytes, size_t size)
{
    const char *feed = size > 0 ? memrchr(bytes, '\n', size) : NULL;
    while (feed != NULL) {
        const char *before = memrchr(bytes, '\n', (size_t)(feed - bytes));
        if ((before != NULL ? before[1] : bytes[0]) == '=') {
            return (size_t)(feed - bytes) + 1;
        }
        feed = before;
    }
    return 0;
}

static bool find_whole(int fd, size_t *whole)
{
    struct stat status;
    *whole = 0;
    if (fstat(fd, &status) != 0) {
        return false;
    }
    if (status.st_size == 0) {
        return true;
    }
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        return false;
    }
    *whole = whole_size(bytes, (size_t)status.st_size);
    (void)munmap(bytes, (size_t)status.st_size);
    return true;
}

int cyc_trace_file_open(const char *path, int *fd, struct cyc_err *err)
{
    size_t whole = 0;
    const int opened = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int status = CYC_OK;
    if (opened < 0 || !find_whole(opened, &whole) || ftruncate(opened, (off_t)whole) != 0) {
        status = cyc_err_set(err, CYC_E_FILE, "cannot write the trace '%s': %m", path);
    } else if (whole == 0) {
        status = cyc_trace_file_append(opened, CYC_TRACE_HEADING, strlen(CYC_TRACE_HEADING), err);
    }
    if (status == CYC_OK) {
        *fd = opened;
    } else if (opened >= 0) {
        (void)close(opened);
    }
    return status;
}

int cyc_trace_file_append(int fd, const char *text, size_t size, struct cyc_err *err)
{
    const off_t before = lseek(fd, 0, SEEK_END);
    ssize_t count = 1;
    for (size_t done = 0; done < size && count > 0; done += count > 0 ? (size_t)count : 0) {
        count = write(fd, text + done, size - done);
    }
    if (before >= 0 && count > 0) {
        return CYC_OK;
    }
    const int number = errno;
    (void)!ftruncate(fd, before);
    return cyc_err_set(err, CYC_E_FILE, "cannot write the trace: %s", strerrordesc_np(number));
}
