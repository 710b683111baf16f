/* The last events before the end of a step, with the executor's state before them, so that the end
 * can be decided again without a trace of the whole run.
 *
 *   loop: cyc_ending_event() for each event, cyc_ending_detach() at the end of the step
 *   writer's thread: cyc_ending_text(), since writing numbers takes longer than the loop may
 */
#ifndef CYC_RUN_ENDING_H
#define CYC_RUN_ENDING_H

#include "base/text.h"
#include "core/core.h"

#define CYC_ENDING_EVENTS 64 /* at least so many, where there were */

struct cyc_ending; /* owned by whoever has it */

/* NULL: no memory. */
struct cyc_ending *cyc_ending_new(void);
void cyc_ending_free(struct cyc_ending *ending);
/* Before the executor gets it; `core` and `step` as they are then. */
void cyc_ending_event(struct cyc_ending *ending, const struct cyc_core *core,
                      const struct cyc_step *step, const struct cyc_event *event);
/* The state was set by somebody else: nothing before it counts. */
void cyc_ending_clear(struct cyc_ending *ending);
/* Takes copies of the step and of what its last event came to; the object is complete then, and
 * does not change any more. False: no memory. */
bool cyc_ending_detach(struct cyc_ending *ending, const struct cyc_step *step,
                       const struct cyc_actions *actions);
/* As a trace (trace.h). Any thread. */
void cyc_ending_text(const struct cyc_ending *ending, struct cyc_text *text);

#endif
