#include "run/ending.h"

#include "run/trace.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    struct cyc_event event;
    struct cyc_sample sample;
    struct cyc_absence absence;
};

/* Events from a state on. Two of them follow each other: when the younger is full, the older one is
 * forgotten, so that between 64 and 128 events are at hand. */
struct window {
    struct cyc_core *core; /* owned: before the first of them */
    bool in_step;          /* as it was then */
    unsigned count;
    struct kept events[CYC_ENDING_EVENTS];
};

struct cyc_ending {
    struct window windows[2];
    unsigned young; /* which of them */
    struct cyc_step step;
    struct cyc_segment *segments; /* owned: of the step */
    struct cyc_actions actions;
};

struct cyc_ending *cyc_ending_new(void)
{
    struct cyc_ending *ending = calloc(1, sizeof *ending);
    if (ending == NULL) {
        return NULL;
    }
    ending->windows[0].core = calloc(1, cyc_core_size());
    ending->windows[1].core = calloc(1, cyc_core_size());
    if (ending->windows[0].core == NULL || ending->windows[1].core == NULL) {
        cyc_ending_free(ending);
        return NULL;
    }
    return ending;
}

void cyc_ending_free(struct cyc_ending *ending)
{
    if (ending != NULL) {
        free(ending->windows[0].core);
        free(ending->windows[1].core);
        free(ending->segments);
        free(ending);
    }
}

void cyc_ending_clear(struct cyc_ending *ending)
{
    ending->windows[0].count = ending->windows[1].count = 0;
}

void cyc_ending_event(struct cyc_ending *ending, const struct cyc_core *core,
                      const struct cyc_step *step, const struct cyc_event *event)
{
    if (event->kind == CYC_EVENT_STEP) {
        cyc_ending_clear(ending);
    }
    if (ending->windows[ending->young].count == CYC_ENDING_EVENTS) {
        ending->young = 1 - ending->young;
        ending->windows[ending->young].count = 0;
    }
    struct window *window = &ending->windows[ending->young];
    if (window->count == 0) {
        memcpy(window->core, core, cyc_core_size());
        window->in_step = step != NULL && event->kind != CYC_EVENT_STEP;
    }
    struct kept *kept = &window->events[window->count++];
    kept->event = *event;
    if (event->sample != NULL) {
        kept->sample = *event->sample;
    }
    if (event->absence != NULL) {
        kept->absence = *event->absence;
    }
}

bool cyc_ending_detach(struct cyc_ending *ending, const struct cyc_step *step,
                       const struct cyc_actions *actions)
{
    const size_t size = step->segment_count * sizeof *step->segments;
    ending->segments = malloc(size + 1);
    if (ending->segments == NULL) {
        return false;
    }
    if (size > 0) {
        memcpy(ending->segments, step->segments, size);
    }
    ending->step = *step;
    ending->step.segments = ending->segments;
    ending->actions = *actions;
    return true;
}

static void put_events(const struct cyc_ending *ending, const struct window *window,
                       struct cyc_text *text)
{
    for (unsigned i = 0; i < window->count; i++) {
        struct cyc_event event = window->events[i].event;
        event.sample = event.sample != NULL ? &window->events[i].sample : NULL;
        event.absence = event.absence != NULL ? &window->events[i].absence : NULL;
        cyc_trace_put_event(text, &ending->step, &event);
    }
}

void cyc_ending_text(const struct cyc_ending *ending, struct cyc_text *text)
{
    const struct window *old = &ending->windows[1 - ending->young];
    const struct window *young = &ending->windows[ending->young];
    const struct window *first = old->count > 0 ? old : young;
    cyc_text_append(text, CYC_TRACE_HEADING);
    cyc_trace_put_state(text, first->core, first->in_step ? &ending->step : NULL);
    put_events(ending, old, text);
    put_events(ending, young, text);
    cyc_trace_put_actions(text, &ending->actions);
}
