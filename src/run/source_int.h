/* The wire between a source process and its parent. Inside src/run only.
 *
 *   parent                                    child
 *     START: paths, settings            ──►   give up rights, load, replay, give up the rest
 *     ASK: result of the last step      ──►   next item
 *           ◄── ANSWER: status, item, step, segments, expectations
 *
 * A stream of frames, a head and so many bytes. Both ends are the same program, so numbers and
 * structs travel as they lie in memory; the head carries a hash of the layout, because the parent
 * may be an older build than the file it starts. The parent believes nothing that it has not
 * checked: sizes, counts, enums and text ends (source_wire.c).
 */
#ifndef CYC_RUN_SOURCE_INT_H
#define CYC_RUN_SOURCE_INT_H

#include "run/source_process.h"

#include <stddef.h>

#define CYC_SOURCE_START_MAX  ((size_t)64 << 10)
#define CYC_SOURCE_ANSWER_MAX ((size_t)12 << 20) /* a profile of 200,000 segments is 8 MB */
#define CYC_SOURCE_LOAD_CPU_S 10                 /* to load and check */
#define CYC_SOURCE_STEP_CPU_S 1                  /* for one item, also while replaying */
#define CYC_SOURCE_MEMORY_MAX ((size_t)64 << 20) /* beyond what the program itself maps */

enum cyc_source_frame_kind { CYC_SOURCE_START = 1, CYC_SOURCE_ASK, CYC_SOURCE_ANSWER };

struct cyc_source_head {
    uint32_t layout; /* cyc_source_layout() */
    uint32_t kind;   /* enum cyc_source_frame_kind */
    uint32_t size;   /* bytes that follow */
    uint32_t zero;
};

/* ASK. */
struct cyc_source_question {
    uint64_t has_result;
    struct cyc_result result;
};

/* ANSWER: this, the segments, the expectations, their texts. */
struct cyc_source_reply {
    int32_t status;
    uint32_t kind, finish;
    uint32_t cycle, cycle_count;
    uint32_t segment_count, expectation_count;
    uint32_t text_size; /* of the texts of the expectations, together */
    struct cyc_cycle cycle_item;
    struct cyc_step step; /* its pointer means nothing */
    char text[512];
};
struct cyc_source_expected {
    double value, is, tolerance;
    uint32_t name, unit, source; /* where they begin among the texts */
    uint32_t zero;
};

uint32_t cyc_source_layout(void);
/* Texts in a row, each with its terminator: how START is packed, after one such struct. */
struct cyc_source_start_head {
    uint32_t setting_count;
    uint32_t sensors_known; /* 0, 1 */
    double voltage_resolution_V, current_resolution_A, temperature_resolution_K;
    struct cyc_sensors sensors;
};
/* The next text of a packed row; NULL: there is none. */
const char *cyc_source_unpack(const char **at, const char *end);

/* Whether a received answer is one that a source can give:
 * `size` bytes at `reply`, which is aligned for doubles. The places of its parts hold only then. */
bool cyc_source_reply_is_sound(const struct cyc_source_reply *reply, size_t size);
const struct cyc_segment *cyc_source_reply_segments(const struct cyc_source_reply *reply);
const struct cyc_source_expected *cyc_source_reply_expected(const struct cyc_source_reply *reply);
const char *cyc_source_reply_texts(const struct cyc_source_reply *reply);

/* What the child gives up; what the kernel does not offer is left out. */
void cyc_sandbox_close_others(int fd);      /* all above fd; below it there is nothing of value */
int cyc_sandbox_enter(struct cyc_err *err); /* before the protocol is read */
void cyc_sandbox_seal(void);                /* once everything is read */
void cyc_sandbox_budget(int seconds);       /* of CPU from now on; then the kernel ends us */

#endif
