/* The trace: every event that reached the executor and every action it answered with, as text.
 *
 * One line per event or action, numbers exact (shortest text that reads back as the same double),
 * times in integer nanoseconds of run time, so that two traces of the same run are the same bytes:
 *
 *     cyclostat trace 1
 *     > 0 step 1 id 1 cycle 0 cc CC_CHG "formation" ...      an event: `>` time kind ...
 *     < setpoint 1 current 9.026e-05 ...                      an action that followed: `<` kind ...
 *     > 0 sample 1 flags 37 V 3 I 9.026e-05 T 30 ...
 *     < record 1 ...
 *     = until 60000000000 watch voltage 3.01 ...             when the executor wants to be called
 *     > 60000000000 sample ...
 *
 * A value that is not known is written `nan`, no deadline `never`. Where a host has set the
 * executor up by itself (how patient it is; a state to go on from), that stands there too:
 *
 *     @ patience 3000000000 3000000000 3000000000
 *     @ step id 1 ...                                         the step in force; not between two
 *     @ state                                                 cyc_state_save(), line by line
 *     executor 3
 *     ...
 */
#ifndef CYC_RUN_TRACE_H
#define CYC_RUN_TRACE_H

#include "base/status.h"
#include "base/text.h"
#include "core/core.h"

struct cyc_trace;

/* Creates or overwrites the file. */
int cyc_trace_open(const char *path, struct cyc_trace **trace, struct cyc_err *err);
/* Instead of a file: an event with all that followed from it at a time, without a heading. */
typedef void (*cyc_trace_put_fn)(void *context, const char *text, size_t size);
int cyc_trace_open_to(cyc_trace_put_fn put, void *context, struct cyc_trace **trace,
                      struct cyc_err *err);
/* `step` is the step that goes with the event, as for cyc_core_handle(). */
void cyc_trace_event(struct cyc_trace *trace, const struct cyc_step *step,
                     const struct cyc_event *event);
void cyc_trace_actions(struct cyc_trace *trace, const struct cyc_actions *actions);
/* The executor as somebody has set it: what follows was decided from there on. */
void cyc_trace_state(struct cyc_trace *trace, const struct cyc_core *core,
                     const struct cyc_step *step);
/* Closes and frees in any case; CYC_E_FILE when something could not be written. */
int cyc_trace_close(struct cyc_trace *trace, struct cyc_err *err);

/* ---- A trace that others write, be it that of a run which somebody else has begun -------------
 */

/* Opens it behind its last whole event; what follows there was cut short, and is dropped. A new
 * one begins with the heading. */
int cyc_trace_file_open(const char *path, int *fd, struct cyc_err *err);
/* All of it, or nothing and CYC_E_FILE. */
int cyc_trace_file_append(int fd, const char *text, size_t size, struct cyc_err *err);

/* The same lines into a text. */
#define CYC_TRACE_HEADING "cyclostat trace 1\n"
void cyc_trace_put_event(struct cyc_text *text, const struct cyc_step *step,
                         const struct cyc_event *event);
void cyc_trace_put_actions(struct cyc_text *text, const struct cyc_actions *actions);
void cyc_trace_put_state(struct cyc_text *text, const struct cyc_core *core,
                         const struct cyc_step *step);

#endif
