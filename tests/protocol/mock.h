/* Protocols from text, and a mock run of them: steps end as a test says, without a cell. */
#ifndef CYC_TESTS_MOCK_H
#define CYC_TESTS_MOCK_H

#include "protocol/protocol.h"

#include <stddef.h>

#define MOCK_FILES_MAX 4

/* A protocol with its own folder below the system's one for temporary files. */
struct mock {
    struct cyc_diags diags;
    struct cyc_protocol *protocol; /* NULL: see said */
    struct cyc_text said;          /* the diagnostics, without file names and source lines */
    struct cyc_text trace;         /* of mock_run() */
    char folder[64];
    const char *file_names[MOCK_FILES_MAX];
    unsigned file_count;
};

/* What a step comes to; fill what differs from the default: the first cutoff ends it after 1 h,
 * the charge is that of its setpoint, 3.5 V throughout. */
typedef void (*mock_end_fn)(void *context, const struct cyc_step *step, struct cyc_result *result);

void mock_init(struct mock *mock);
/* Another file beside the protocol. */
void mock_file(struct mock *mock, const char *name, const char *text);
/* Loads; the text lacks `cyclostat: 1`, which is put before it. */
void mock_load(struct mock *mock, const char *text);
void mock_load_with(struct mock *mock, const char *text, const struct cyc_cell_facts *cell,
                    const struct cyc_setting *settings, unsigned setting_count);
/* Runs at most so many items; the trace has one word group for each:
 * "1 CC_CHG 0.5;" "(cycle 1 pass 1)" "{note}" "END done". */
void mock_run(struct mock *mock, unsigned items, mock_end_fn end, void *context);
void mock_release(struct mock *mock);

/* Loads and runs with the default ends: the trace, or what was said. Valid until the next call. */
const char *mock_trace(const char *text, unsigned items);
/* Loads: "" or what was said. Valid until the next call. */
const char *mock_said(const char *text);
/* The first step of a protocol, resolved; NULL (and a failed assertion) when it cannot be. Valid
 * until the next call. */
const struct cyc_step *mock_step(const char *text);
/* The index-th step, when all before end at their first cutoff. */
const struct cyc_step *mock_step_at(const char *text, unsigned index);

#endif
