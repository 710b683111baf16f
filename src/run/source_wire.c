/* What travels between a source process and its parent, and what the parent believes of it. */
#include "run/source_int.h"

#include <math.h>
#include <string.h>

uint32_t cyc_source_layout(void)
{
    static const char version[] = CYC_VERSION;
    const uint32_t parts[] = {1,
                              sizeof(struct cyc_source_question),
                              sizeof(struct cyc_source_reply),
                              sizeof(struct cyc_source_expected),
                              sizeof(struct cyc_segment),
                              offsetof(struct cyc_step, ops),
                              offsetof(struct cyc_step, record),
                              CYC_SIGNAL_COUNT};
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < sizeof parts; i++) {
        hash = (hash ^ ((const unsigned char *)parts)[i]) * 16777619u;
    }
    for (size_t i = 0; i < sizeof version; i++) {
        hash = (hash ^ (unsigned char)version[i]) * 16777619u;
    }
    return hash;
}

const char *cyc_source_unpack(const char **at, const char *end)
{
    const char *const text = *at;
    const char *const zero = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (zero == NULL) {
        return NULL;
    }
    *at = zero + 1;
    return text;
}

/* ---- Places of the parts ----------------------------------------------------------------------
 */

const struct cyc_segment *cyc_source_reply_segments(const struct cyc_source_reply *reply)
{
    return (const struct cyc_segment *)(const void *)(reply + 1);
}

const struct cyc_source_expected *cyc_source_reply_expected(const struct cyc_source_reply *reply)
{
    return (const struct cyc_source_expected *)(const void *)(cyc_source_reply_segments(reply) +
                                                              reply->segment_count);
}

const char *cyc_source_reply_texts(const struct cyc_source_reply *reply)
{
    return (const char *)(cyc_source_reply_expected(reply) + reply->expectation_count);
}

/* ---- Is it a step? ------------------------------------------------------------------------------
 * Only what would lead the parent astray: indexes, counts, words. What a step asks of a cell is
 * judged by the limits, as always. */

static bool is_bool(const bool *value)
{
    unsigned char byte;
    memcpy(&byte, value, 1);
    return byte <= 1;
}

static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool within(const struct cyc_step *step, const struct cyc_condition *condition)
{
    return (unsigned)condition->first + condition->count <= step->op_count;
}

static bool cutoffs_are_sound(const struct cyc_step *step)
{
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        const struct cyc_cutoff *const cutoff = &step->cutoffs[i];
        if (!within(step, &cutoff->when) || !within(step, &cutoff->resume) ||
            (unsigned)cutoff->reason > CYC_REASON_FAULT ||
            (unsigned)cutoff->entry > CYC_ENTRY_SETTLED ||
            (unsigned)cutoff->action > CYC_FOLLOW_FAIL || !is_bool(&cutoff->hold_only)) {
            return false;
        }
    }
    return true;
}

static bool ops_are_sound(const struct cyc_step *step)
{
    for (unsigned i = 0; i < step->op_count; i++) {
        const struct cyc_op *const op = &step->ops[i];
        if (op->code > CYC_OP_NOT || op->signal >= CYC_SIGNAL_COUNT ||
            op->scope >= CYC_SCOPES_MAX || op->index >= CYC_AUX_MAX) {
            return false;
        }
    }
    return true;
}

static bool lists_are_sound(const struct cyc_step *step)
{
    for (unsigned i = 0; i < step->limit_count; i++) {
        if (step->limits[i].signal >= CYC_SIGNAL_COUNT || step->limits[i].index >= CYC_AUX_MAX ||
            step->limits[i].level > CYC_LEVEL_CHANNEL) {
            return false;
        }
    }
    for (unsigned i = 0; i < step->slope_count; i++) {
        if (step->slopes[i].signal >= CYC_SIGNAL_COUNT) {
            return false;
        }
    }
    return true;
}

static bool step_is_sound(const struct cyc_step *step)
{
    return (unsigned)step->mode <= CYC_MODE_ASK && is_bool(&step->in_cycle) &&
           is_bool(&step->charging) && is_text(step->name, sizeof step->name) &&
           is_text(step->label, sizeof step->label) && is_text(step->type, sizeof step->type) &&
           is_bool(&step->sweep_from_present) && is_bool(&step->timeout_derived) &&
           is_bool(&step->environment.temperature_off) &&
           is_bool(&step->environment.pressure_off) &&
           (unsigned)step->after_interruption <= CYC_INTERRUPTION_RESTART &&
           step->block_depth <= CYC_BLOCKS_MAX && step->op_count <= CYC_OPS_MAX &&
           step->cutoff_count <= CYC_CUTOFFS_MAX && step->limit_count <= CYC_LIMITS_MAX &&
           step->slope_count <= CYC_SLOPES_MAX && step->record.burst_count <= CYC_BURSTS_MAX &&
           step->resistance_at_count <= CYC_RESISTANCE_AT_MAX && ops_are_sound(step) &&
           cutoffs_are_sound(step) && lists_are_sound(step);
}

static bool segments_are_sound(const struct cyc_source_reply *reply)
{
    const struct cyc_segment *const segments = cyc_source_reply_segments(reply);
    for (uint32_t i = 0; i < reply->segment_count; i++) {
        if ((unsigned)segments[i].control > CYC_CONTROL_LOAD || !isfinite(segments[i].value) ||
            !isfinite(segments[i].slope_per_s) || !is_bool(&segments[i].pulse)) {
            return false;
        }
    }
    return true;
}

static bool expectations_are_sound(const struct cyc_source_reply *reply)
{
    const struct cyc_source_expected *const rows = cyc_source_reply_expected(reply);
    const char *const texts = cyc_source_reply_texts(reply);
    if (reply->expectation_count > 0 &&
        (reply->text_size == 0 || texts[reply->text_size - 1] != '\0')) {
        return false;
    }
    for (uint32_t i = 0; i < reply->expectation_count; i++) {
        if (rows[i].name >= reply->text_size || rows[i].unit >= reply->text_size ||
            rows[i].source >= reply->text_size) {
            return false;
        }
    }
    return true;
}

bool cyc_source_reply_is_sound(const struct cyc_source_reply *reply, size_t size)
{
    if (size < sizeof *reply) {
        return false;
    }
    const uint64_t parts = (uint64_t)reply->segment_count * sizeof(struct cyc_segment) +
                           (uint64_t)reply->expectation_count * sizeof(struct cyc_source_expected) +
                           reply->text_size;
    return parts == size - sizeof *reply && reply->kind <= CYC_ITEM_END &&
           reply->finish <= CYC_FINISH_FAULT && is_text(reply->text, sizeof reply->text) &&
           is_bool(&reply->cycle_item.complete) &&
           is_text(reply->cycle_item.block, sizeof reply->cycle_item.block) &&
           (reply->kind != CYC_ITEM_STEP || reply->status != CYC_OK ||
            step_is_sound(&reply->step)) &&
           segments_are_sound(reply) && expectations_are_sound(reply);
}
