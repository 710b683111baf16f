/* What a host asks of a protocol, with results that a cell would not give. */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Mostly what is usual, at times what is not. */
static double number(uint64_t *state)
{
    static const double odd[] = {0.0, -1.0, 1e300, -1e300, 1e-300, NAN};
    const uint64_t bits = draw(state);
    return bits % 8 == 0 ? odd[bits / 8 % 6] : (double)(bits >> 40) * 1e-6;
}

static void make_result(const struct cyc_step *step, uint64_t *state, uint32_t count,
                        int64_t *now_ns, struct cyc_result *result)
{
    memset(result, 0, sizeof *result);
    const int64_t lasted_ns = (int64_t)(draw(state) % 100) * CYC_S_NS;
    result->step_count = count;
    result->start_ns = *now_ns;
    *now_ns += lasted_ns;
    result->end_ns = *now_ns;
    result->step_time_ns = lasted_ns;
    result->hold_time_ns = lasted_ns / 2;
    result->cutoff = -1;
    result->reason = CYC_REASON_PROFILE;
    result->action = CYC_FOLLOW_NEXT;
    if (step->cutoff_count > 0) {
        const uint32_t which = (uint32_t)(draw(state) % step->cutoff_count);
        result->cutoff = (int16_t)which;
        result->reason = step->cutoffs[which].reason;
        result->action = step->cutoffs[which].action;
        result->tag = step->cutoffs[which].tag;
    }
    result->sums.charge_Ah = fabs(number(state));
    result->sums.discharge_Ah = fabs(number(state));
    result->sums.charge_Wh = fabs(number(state));
    result->sums.discharge_Wh = fabs(number(state));
    result->cc_capacity_Ah = fabs(number(state));
    result->cv_capacity_Ah = fabs(number(state));
    result->voltage_V = number(state);
    result->start_voltage_V = number(state);
    result->peak_V = number(state);
    result->current_A = number(state);
    result->temperature_degC = number(state);
    result->ambient_degC = number(state);
    result->pressure_Pa = number(state);
}

static void pull(struct cyc_source *source, uint64_t state, unsigned count)
{
    struct cyc_result result;
    struct cyc_source_progress progress;
    const struct cyc_expectation *rows = NULL;
    const struct cyc_result *last = NULL;
    int64_t now_ns = 0;
    for (unsigned i = 0; i < count; i++) {
        struct cyc_err err = {0};
        struct cyc_item item;
        if (cyc_source_next(source, last, &item, &err) != CYC_OK || item.kind == CYC_ITEM_END) {
            break;
        }
        last = NULL;
        if (item.kind == CYC_ITEM_STEP) {
            make_result(item.step, &state, i + 1, &now_ns, &result);
            last = &result;
        }
    }
    (void)cyc_source_expectations(source, &rows);
    cyc_source_progress(source, &progress);
}

void fuzz_show(struct cyc_diags *diags)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_diags_print(diags, &text, false);
    cyc_json_init(&json, &text);
    cyc_diags_json(diags, &json);
    cyc_text_release(&text);
}

void fuzz_walk(const struct cyc_protocol *protocol, uint64_t seed, unsigned count)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    struct cyc_source *source = NULL;
    struct cyc_err err = {0};
    const struct cyc_protocol_file *files = NULL;
    cyc_protocol_print(protocol, &text);
    cyc_json_init(&json, &text);
    cyc_protocol_json(protocol, &json);
    cyc_text_release(&text);
    (void)cyc_protocol_files(protocol, &files);
    if (cyc_source_open(protocol, &source, &err) == CYC_OK) {
        pull(source, seed, count);
        cyc_source_close(source);
    }
}

void fuzz_protocol(const char *name, const uint8_t *data, size_t size)
{
    struct cyc_diags *const diags = malloc(sizeof *diags);
    struct cyc_protocol *protocol = NULL;
    struct cyc_err err = {0};
    if (diags == NULL) {
        return;
    }
    cyc_diags_init(diags);
    const struct cyc_protocol_options options = {.path = fuzz_file(name, data, size)};
    const int status = cyc_protocol_load(&options, diags, &protocol, &err);
    if (status != CYC_OK && diags->error_count == 0 && err.text[0] == '\0') {
        abort(); /* refused without a word */
    }
    fuzz_show(diags);
    if (protocol != NULL) {
        fuzz_walk(protocol, cyc_hash(data, size), 100);
        cyc_protocol_free(protocol);
    }
    cyc_diags_release(diags);
    free(diags);
}
