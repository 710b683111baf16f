/* What is kept of an event is what differs from the event before it: of some 30 words half a dozen.
 * The executor's state before the first is kept without its zeros. A channel has this in memory all
 * the time, and a daemon has hundreds of channels. */
#include "run/ending.h"

#include "base/pack.h"
#include "run/trace.h"

#include <stdlib.h>
#include <string.h>

/* An event without its pointers, and without padding. */
struct kept {
    int64_t t_ns;
    uint8_t kind, reply, operator_word, finish, has_sample, has_absence, zero[2];
    struct cyc_sample sample;
    struct cyc_absence absence;
};

/* Events from a state on. Two of them follow each other: when the younger is full, the older one is
 * forgotten, so that between 64 and 128 events are at hand. */
struct window {
    struct cyc_text core; /* owned; packed: before the first of them */
    bool in_step;         /* as it was then */
    unsigned count;
    struct cyc_text events; /* owned; packed, each as what differs from the one before */
};

/* What is known once the step has ended. */
struct end {
    struct cyc_actions actions;
    struct cyc_step step;
    struct cyc_segment segments[]; /* of the step */
};

struct cyc_ending {
    struct window windows[2];
    unsigned young;   /* which of them */
    struct kept last; /* of the younger one */
    struct end *end;  /* owned; NULL: it goes on */
};

struct cyc_ending *cyc_ending_new(void)
{
    return calloc(1, sizeof(struct cyc_ending));
}

void cyc_ending_free(struct cyc_ending *ending)
{
    for (unsigned i = 0; ending != NULL && i < 2; i++) {
        cyc_text_release(&ending->windows[i].core);
        cyc_text_release(&ending->windows[i].events);
    }
    if (ending != NULL) {
        free(ending->end);
    }
    free(ending);
}

static void empty(struct window *window)
{
    window->count = 0;
    cyc_text_clear(&window->core);
    cyc_text_clear(&window->events);
}

void cyc_ending_clear(struct cyc_ending *ending)
{
    empty(&ending->windows[0]);
    empty(&ending->windows[1]);
}

/* Bit by bit what differs; the same again brings back the first. */
static struct kept differ(const struct kept *a, const struct kept *b)
{
    uint64_t words[sizeof *a / sizeof(uint64_t)];
    uint64_t others[sizeof *a / sizeof(uint64_t)];
    struct kept difference;
    _Static_assert(sizeof words == sizeof *a, "an event is whole words");
    memcpy(words, a, sizeof *a);
    memcpy(others, b, sizeof *b);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] ^= others[i];
    }
    memcpy(&difference, words, sizeof difference);
    return difference;
}

static struct kept take(const struct cyc_event *event)
{
    struct kept kept;
    memset(&kept, 0, sizeof kept);
    kept.t_ns = event->t_ns;
    kept.kind = (uint8_t)event->kind;
    kept.reply = (uint8_t)event->reply;
    kept.operator_word = (uint8_t)event->operator_word;
    kept.finish = (uint8_t)event->finish;
    if (event->sample != NULL) {
        kept.has_sample = 1;
        kept.sample = *event->sample;
    }
    if (event->absence != NULL) {
        kept.has_absence = 1;
        kept.absence = *event->absence;
    }
    return kept;
}

void cyc_ending_event(struct cyc_ending *ending, const struct cyc_core *core,
                      const struct cyc_step *step, const struct cyc_event *event)
{
    if (event->kind == CYC_EVENT_STEP) {
        cyc_ending_clear(ending);
    }
    if (ending->windows[ending->young].count == CYC_ENDING_EVENTS) {
        ending->young = 1 - ending->young;
        empty(&ending->windows[ending->young]);
    }
    struct window *window = &ending->windows[ending->young];
    if (window->count == 0) {
        cyc_pack_append(&window->core, core, cyc_core_size());
        window->in_step = step != NULL && event->kind != CYC_EVENT_STEP;
        memset(&ending->last, 0, sizeof ending->last);
    }
    const struct kept kept = take(event);
    const struct kept difference = differ(&kept, &ending->last);
    cyc_pack_append(&window->events, &difference, sizeof difference);
    window->count++;
    ending->last = kept;
}

bool cyc_ending_detach(struct cyc_ending *ending, const struct cyc_step *step,
                       const struct cyc_actions *actions)
{
    const size_t size = step->segment_count * sizeof *step->segments;
    struct end *end = malloc(sizeof *end + size);
    if (end == NULL) {
        return false;
    }
    if (size > 0) {
        memcpy(end->segments, step->segments, size);
    }
    end->step = *step;
    end->step.segments = end->segments;
    end->actions = *actions;
    ending->end = end;
    return true;
}

static void put_event(const struct kept *kept, const struct cyc_step *step, struct cyc_text *text)
{
    const struct cyc_event event = {.kind = (enum cyc_event_kind)kept->kind,
                                    .t_ns = kept->t_ns,
                                    .sample = kept->has_sample != 0 ? &kept->sample : NULL,
                                    .reply = (enum cyc_reply)kept->reply,
                                    .operator_word = (enum cyc_operator)kept->operator_word,
                                    .absence = kept->has_absence != 0 ? &kept->absence : NULL,
                                    .finish = (enum cyc_finish)kept->finish};
    cyc_trace_put_event(text, step, &event);
}

static void put_events(const struct cyc_ending *ending, const struct window *window,
                       struct cyc_text *text)
{
    const char *at = cyc_text_get(&window->events);
    const char *const limit = at + window->events.length;
    struct kept last;
    memset(&last, 0, sizeof last);
    text->failed = text->failed || window->events.failed;
    for (unsigned i = 0; i < window->count && !text->failed; i++) {
        struct kept difference;
        text->failed = !cyc_pack_take(&at, limit, &difference, sizeof difference);
        last = differ(&last, &difference);
        put_event(&last, &ending->end->step, text);
    }
}

static void put_state(const struct cyc_ending *ending, const struct window *first,
                      struct cyc_text *text)
{
    struct cyc_core *const core = malloc(cyc_core_size());
    const char *at = cyc_text_get(&first->core);
    if (core == NULL || first->core.failed ||
        !cyc_pack_take(&at, at + first->core.length, core, cyc_core_size())) {
        text->failed = true;
    } else {
        cyc_trace_put_state(text, core, first->in_step ? &ending->end->step : NULL);
    }
    free(core);
}

void cyc_ending_text(const struct cyc_ending *ending, struct cyc_text *text)
{
    const struct window *old = &ending->windows[1 - ending->young];
    const struct window *young = &ending->windows[ending->young];
    cyc_text_append(text, CYC_TRACE_HEADING);
    put_state(ending, old->count > 0 ? old : young, text);
    put_events(ending, old, text);
    put_events(ending, young, text);
    cyc_trace_put_actions(text, &ending->end->actions);
}
