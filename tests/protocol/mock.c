#include "mock.h"

#include "check/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mock_init(struct mock *mock)
{
    memset(mock, 0, sizeof *mock);
    cyc_diags_init(&mock->diags);
    (void)cyc_copy(mock->folder, sizeof mock->folder, "/tmp/cyclostat-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(mock->folder));
}

static void write_file(const struct mock *mock, const char *name, const char *head,
                       const char *text)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", mock->folder, name);
    FILE *const file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(head, file);
    (void)fputs(text, file);
    (void)fclose(file);
}

void mock_file(struct mock *mock, const char *name, const char *text)
{
    write_file(mock, name, "", text);
    mock->file_names[mock->file_count++] = name;
}

static void say(struct mock *mock)
{
    cyc_diags_sort(&mock->diags);
    for (unsigned i = 0; i < mock->diags.count; i++) {
        const struct cyc_diag *const diag = &mock->diags.items[i];
        cyc_text_format(&mock->said, "%s%u:%u %s%s", i == 0 ? "" : " | ", diag->pos.line,
                        diag->pos.column, diag->severity == CYC_SEVERITY_WARNING ? "warning: " : "",
                        diag->message);
    }
}

void mock_load_with(struct mock *mock, const char *text, const struct cyc_cell_facts *cell,
                    const struct cyc_setting *settings, unsigned setting_count)
{
    char path[160];
    struct cyc_err err = {0};
    write_file(mock, "protocol.yaml", "cyclostat: 1\n", text);
    (void)snprintf(path, sizeof path, "%s/protocol.yaml", mock->folder);
    const struct cyc_protocol_options options = {
        .path = path, .cell = cell, .settings = settings, .setting_count = setting_count};
    const int status = cyc_protocol_load(&options, &mock->diags, &mock->protocol, &err);
    say(mock);
    if (status != CYC_OK && mock->diags.error_count == 0) {
        cyc_text_format(&mock->said, "(%s)", err.text);
    }
}

void mock_load(struct mock *mock, const char *text)
{
    mock_load_with(mock, text, NULL, NULL, 0);
}

/* ---- Running --------------------------------------------------------------------------------- */

static double setpoint_of(const struct cyc_step *step)
{
    return step->segment_count > 0 && step->segments[0].control == CYC_CONTROL_CURRENT
               ? step->segments[0].value
               : 0.0;
}

static void end_step(const struct cyc_step *step, int64_t start_ns, struct cyc_result *result)
{
    const double charge_Ah = setpoint_of(step);
    memset(result, 0, sizeof *result);
    result->start_ns = start_ns;
    result->end_ns = start_ns + 3600 * CYC_S_NS;
    result->step_time_ns = 3600 * CYC_S_NS;
    result->cutoff = step->cutoff_count > 0 ? 0 : -1;
    result->reason = step->cutoff_count > 0 ? step->cutoffs[0].reason : CYC_REASON_PROFILE;
    result->action = step->cutoff_count > 0 ? step->cutoffs[0].action : CYC_FOLLOW_NEXT;
    result->voltage_V = result->peak_V = result->start_voltage_V = 3.5;
    result->temperature_degC = 25.0;
    result->sums.charge_Ah = charge_Ah > 0.0 ? charge_Ah : 0.0;
    result->sums.discharge_Ah = charge_Ah < 0.0 ? -charge_Ah : 0.0;
    result->sums.charge_Wh = 4.0 * result->sums.charge_Ah;
    result->sums.discharge_Wh = 3.0 * result->sums.discharge_Ah;
    result->cc_capacity_Ah = fabs(charge_Ah);
}

static void trace_step(struct mock *mock, const struct cyc_step *step)
{
    cyc_text_format(&mock->trace, "%u %s", step->id, step->type);
    if (step->segment_count > 0 && step->segments[0].control != CYC_CONTROL_OPEN) {
        cyc_text_append(&mock->trace, " ");
        cyc_text_number(&mock->trace, step->segments[0].value, 6);
    }
    cyc_text_append(&mock->trace, "; ");
}

/* False: nothing more comes. */
static bool trace_item(struct mock *mock, const struct cyc_item *item)
{
    static const char *const ends[] = {"done", "stopped", "failed", "fault"};
    switch (item->kind) {
    case CYC_ITEM_STEP:
        trace_step(mock, item->step);
        return true;
    case CYC_ITEM_NOTE:
        cyc_text_format(&mock->trace, "{%s} ", item->text);
        return true;
    case CYC_ITEM_CYCLE:
        cyc_text_format(&mock->trace, "(cycle %u pass %u%s) ", item->cycle.number, item->cycle.pass,
                        item->cycle.complete ? "" : " broken");
        return true;
    case CYC_ITEM_END:
        cyc_text_format(&mock->trace, "END %s%s%s", ends[item->finish],
                        item->text[0] == '\0' ? "" : ": ", item->text);
        return false;
    }
    return false;
}

void mock_run(struct mock *mock, unsigned items, mock_end_fn end, void *context)
{
    struct cyc_source *source = NULL;
    struct cyc_item item;
    struct cyc_result result;
    struct cyc_err err = {0};
    const struct cyc_result *last = NULL;
    int64_t now_ns = 0;
    if (mock->protocol == NULL || cyc_source_open(mock->protocol, &source, &err) != CYC_OK) {
        cyc_text_format(&mock->trace, "%s%s", cyc_text_get(&mock->said), err.text);
        return;
    }
    for (unsigned i = 0; i < items; i++) {
        if (cyc_source_next(source, last, &item, &err) != CYC_OK) {
            cyc_text_format(&mock->trace, "ERROR %s", err.text);
            break;
        }
        last = NULL;
        if (!trace_item(mock, &item)) {
            break;
        }
        if (item.kind == CYC_ITEM_STEP) {
            end_step(item.step, now_ns, &result);
            if (end != NULL) {
                end(context, item.step, &result);
            }
            now_ns = result.end_ns;
            last = &result;
        }
    }
    cyc_source_close(source);
}

void mock_release(struct mock *mock)
{
    char path[160];
    for (unsigned i = 0; i < mock->file_count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", mock->folder, mock->file_names[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/protocol.yaml", mock->folder);
    (void)unlink(path);
    (void)rmdir(mock->folder);
    cyc_protocol_free(mock->protocol);
    cyc_diags_release(&mock->diags);
    cyc_text_release(&mock->said);
    cyc_text_release(&mock->trace);
}

/* ---- In one go ------------------------------------------------------------------------------- */

static char kept[8192];

const char *mock_trace(const char *text, unsigned items)
{
    struct mock *const mock = malloc(sizeof *mock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mock);
    mock_init(mock);
    mock_load(mock, text);
    mock_run(mock, items, NULL, NULL);
    (void)cyc_copy(kept, sizeof kept, cyc_text_get(&mock->trace));
    mock_release(mock);
    free(mock);
    return kept;
}

const char *mock_said(const char *text)
{
    struct mock *const mock = malloc(sizeof *mock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mock);
    mock_init(mock);
    mock_load(mock, text);
    (void)cyc_copy(kept, sizeof kept, cyc_text_get(&mock->said));
    mock_release(mock);
    free(mock);
    return kept;
}

struct grab {
    unsigned index, seen;
    struct cyc_step step;
    struct cyc_segment segments[64];
    bool found;
};

static void take_step(void *context, const struct cyc_step *step, struct cyc_result *result)
{
    struct grab *const grab = context;
    (void)result;
    if (grab->seen++ == grab->index) {
        grab->found = true;
        grab->step = *step;
        for (uint32_t i = 0; i < step->segment_count && i < 64; i++) {
            grab->segments[i] = step->segments[i];
        }
        grab->step.segments = grab->segments;
    }
}

const struct cyc_step *mock_step_at(const char *text, unsigned index)
{
    static struct grab grab;
    struct mock *const mock = malloc(sizeof *mock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mock);
    memset(&grab, 0, sizeof grab);
    grab.index = index;
    mock_init(mock);
    mock_load(mock, text);
    mock_run(mock, index + 20, take_step, &grab);
    if (!grab.found) {
        (void)fprintf(stderr, "\nno step %u: %s\n", index, cyc_text_get(&mock->trace));
    }
    mock_release(mock);
    free(mock);
    CU_ASSERT_TRUE(grab.found);
    return &grab.step;
}

const struct cyc_step *mock_step(const char *text)
{
    return mock_step_at(text, 0);
}
