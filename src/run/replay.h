/* A trace decided again: the events in it go to an executor of its own, and what that answers with
 * is held against what stands there, byte for byte. Pure: text in, outcome out.
 *
 * Lines `>` are events, `<` and `=` what followed from them, `@` an executor that was set up by its
 * host (trace.h). An event without answers is decided, but held against nothing: so the last events
 * before the end of a step are kept (session.h).
 */
#ifndef CYC_RUN_REPLAY_H
#define CYC_RUN_REPLAY_H

#include "base/status.h"
#include "core/core.h"

#include <stddef.h>

struct cyc_replay_outcome {
    uint64_t event_count;       /* decided again; the last of them is the one that differs */
    uint32_t step_count;        /* steps that ended */
    uint64_t line;              /* of the first difference; 0: there is none */
    char event[160];            /* the event it belongs to, its beginning */
    char then[1024], now[1024]; /* that line, and what it would be now */
};

/* CYC_E_INPUT: it is no trace, or of another version; the message names the line. */
int cyc_replay(const char *text, size_t size, struct cyc_replay_outcome *outcome,
               struct cyc_err *err);

#endif
