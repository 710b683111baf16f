/* What a person, or a program with --json, sees of a dry run: progress while it goes on, tables at
 * the end. Memory does not grow with the number of cycles, but with --all.
 */
#ifndef CYC_CLI_DRY_VIEW_H
#define CYC_CLI_DRY_VIEW_H

#include "cli/cli.h"

#define CYC_VIEW_HEAD_MAX 40 /* first cycles that are shown */
#define CYC_VIEW_TAIL     5  /* last ones */
#define CYC_VIEW_NOTES    10

struct cyc_dry_view {
    bool json, quiet, all;
    double mass_g, one_c_A; /* NaN: unknown */
    struct cyc_cycle head[CYC_VIEW_HEAD_MAX];
    unsigned head_count;
    struct cyc_cycle tail[CYC_VIEW_TAIL]; /* a ring: cycle k at (k % CYC_VIEW_TAIL) */
    struct cyc_cycle *rest;               /* with --all: those after the head; owned */
    size_t rest_count, rest_capacity;
    uint64_t cycle_count;
    struct cyc_table expectations;
    uint64_t expectation_count, note_count;
    struct cyc_text notes; /* lines, or JSON objects */
    struct cyc_text text;  /* JSON that was not written yet */
    struct cyc_json object;
    bool in_cycles;
    bool bar;   /* a progress bar is drawn, on a terminal */
    bool drawn; /* something has to be wiped */
    int64_t started_ms, shown_ms;
    const volatile int *interrupted; /* set by a signal; borrowed */
};

void cyc_dry_view_init(struct cyc_dry_view *view, const struct cyc_cli_protocol *loaded,
                       const struct cyc_cell_spec *cell);
/* The header: protocol and cell, diagnostics. */
void cyc_dry_view_begin(struct cyc_dry_view *view, struct cyc_cli_protocol *loaded,
                        const char *cell_name);
struct cyc_dry_listener cyc_dry_view_listener(struct cyc_dry_view *view);
/* A cyc_progress_fn; the context is the view. */
int cyc_dry_view_progress(void *context, const struct cyc_progress *progress);
/* Tables and how it ended. `err` when the run could not be carried out, else NULL. */
void cyc_dry_view_end(struct cyc_dry_view *view, const struct cyc_dry_outcome *outcome,
                      const struct cyc_err *err);
void cyc_dry_view_release(struct cyc_dry_view *view);

#endif
