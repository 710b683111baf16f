/* A live session's source and store: the process of the protocol, and the writer's thread. Both
 * tables answer at once, with what is there by now.
 */
#ifndef CYC_RUN_LIVE_PARTS_H
#define CYC_RUN_LIVE_PARTS_H

#include "run/live.h"
#include "run/source_process.h"
#include "run/writer.h"

struct cyc_live_parts {
    struct cyc_writer *writer; /* borrowed */
    unsigned slot;
    bool marked;     /* a state was posted, or stands in the mark of a run that is gone on with */
    uint64_t posted; /* ticket of the latest event or gap */
    uint64_t intent; /* what must be durable before anything energises */
    uint64_t finish; /* of the end; 0: not yet */
    struct cyc_source_process *source; /* owned */
    struct cyc_source_answer *answer;  /* owned */
    struct cyc_live *live;             /* whose state goes into the mark; borrowed */
};

int cyc_live_parts_open(struct cyc_live_parts *parts, const struct cyc_source_start *start,
                        struct cyc_err *err);
void cyc_live_parts_close(struct cyc_live_parts *parts);
struct cyc_session_source cyc_live_parts_source(struct cyc_live_parts *parts);
struct cyc_session_store cyc_live_parts_store(struct cyc_live_parts *parts);
void cyc_live_parts_gap(void *parts, const struct cyc_gap *gap);
void cyc_live_parts_intend(void *parts);
void cyc_live_parts_trace(void *parts, const char *text, size_t size);
void cyc_live_parts_ending(void *parts, uint32_t step_count, struct cyc_ending *ending);

#endif
