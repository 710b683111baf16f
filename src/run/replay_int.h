/* Reading the lines of a trace back (replay_read.c), for replay.c only. */
#ifndef CYC_RUN_REPLAY_INT_H
#define CYC_RUN_REPLAY_INT_H

#include "run/replay.h"

#define REPLAY_SEGMENTS_MAX 65536u

/* An event with all that it points to. */
struct replayed {
    struct cyc_event event;
    struct cyc_sample sample;
    struct cyc_absence absence;
    struct cyc_step step; /* the one in force */
    bool has_step;
    struct cyc_segment *segments; /* owned: of the step */
    uint32_t segment_room;
};

struct replay_reader {
    const char *at, *end; /* of the whole text */
    uint64_t line;        /* of `at`, from 1 */
};

/* The reader stands at a `>` line; it goes behind the event with all its lines. False: it does not
 * understand them. */
bool cyc_replay_read_event(struct replay_reader *reader, struct replayed *replayed);
/* The lines of a step, behind "> t step" or "@ step". */
bool cyc_replay_read_step(struct replay_reader *reader, struct replayed *replayed);
bool cyc_replay_read_patience(struct replay_reader *reader, struct cyc_patience *patience);
/* A literal at the reader's place, and past it. */
bool cyc_replay_take(struct replay_reader *reader, const char *literal);

#endif
