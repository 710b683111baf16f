/* The run folder: everything about a run, durable, readable from its first second.
 *
 *   runs/<id>/
 *     <institution>__<cell>__<date>_<nnn>.bdf.csv        the data: a Battery Data Format table
 *     <institution>__<cell>__<date>_<nnn>.bdf.metadata.json
 *     journal.sqlite                                      steps, results, cycles, events, one mark
 *     protocol/…                                          the protocol and all it includes
 *
 * One writer per run, one thread. A row is acknowledged once a mark covers it. The writer holds a
 * lock on the folder; a child that it forks must exec or end before it does, else the run seems to
 * go on. Readers change nothing and may look at any time.
 *
 * Errors: CYC_E_NO_SPACE, CYC_E_FILE, CYC_E_JOURNAL, CYC_E_NO_MEMORY, CYC_E_BOUND. After the first
 * failed write a run takes no more rows: finish it.
 */
#ifndef CYC_STORE_STORE_H
#define CYC_STORE_STORE_H

#include "base/status.h"
#include "base/text.h"
#include "core/core.h"

#include <stddef.h>

#define CYC_RUN_ID_SIZE    96
#define CYC_PATH_SIZE      1024
#define CYC_RUN_TRACE_NAME "trace.txt" /* where there is one: every event and action */

struct cyc_run_file { /* to be copied into the folder */
    const char *name;
    const char *text;
    size_t size;
    const char *sha256;
    const char *place; /* below the copies; NULL: the last part of its name */
};

/* What is known when a run starts. Strings are borrowed during cyc_run_create(). */
struct cyc_run_identity {
    const char *institution; /* "LAB" if NULL */
    const char *cell;
    const char *protocol_name;
    const char *protocol_source;
    const char *kind;    /* "dry" or "live" */
    const char *command; /* command line, for the record */
    const char *settings_json;
    const char *cell_json;
    int64_t start_unix_ns; /* anchor: Unix time of run time 0 */
    double active_mass_g, area_cm2, one_c_A, nominal_capacity_Ah; /* NaN: unknown */
    const char *one_c_from;                                    /* "one_c" or "nominal_capacity" */
    int voltage_decimals, current_decimals, capacity_decimals; /* digits of the data file */
    const struct cyc_run_file *files;
    unsigned file_count;
    bool sync;                    /* live: fsync; dry: never */
    const char *channel;          /* live: its name; else NULL */
    const char *rig_channel_json; /* live: the channel's part of the rig; else NULL */
};

struct cyc_run; /* a run that is being written */

/* Makes runs_dir and a new folder in it. Ids are `<date>-<cell>-<nnn>`, unique. A run that syncs is
 * refused on a network file system. *run is owned by the caller, who ends it with
 * cyc_run_finish(); NULL after an error. */
int cyc_run_create(const char *runs_dir, const struct cyc_run_identity *identity,
                   struct cyc_run **run, struct cyc_err *err);
/* Makes the folder of runs where it is missing; refuses one that is no place for a live run: on a
 * network file system, or without room for the reserve. */
int cyc_runs_dir_check(const char *runs_dir, struct cyc_err *err);
const char *cyc_run_id(const struct cyc_run *run);
const char *cyc_run_folder(const struct cyc_run *run);
const char *cyc_run_data_path(const struct cyc_run *run);

/* One row of data; buffered. Cycle number, step id and type are fixed for one step count. Times are
 * written in milliseconds, temperatures with 3 decimals, pressures with none; energies with the
 * decimals of the capacities. What is not a number leaves its field empty. */
int cyc_run_row(struct cyc_run *run, const struct cyc_record *record, const char *step_type,
                struct cyc_err *err);
/* The step as resolved, then its result; a step that is begun shows in the journal from the next
 * commit on. `step` is borrowed for the call; at the end it may be NULL: the one that was begun
 * last. */
int cyc_run_step_begin(struct cyc_run *run, const struct cyc_step *step, uint32_t step_count,
                       int64_t t_ns, struct cyc_err *err);
int cyc_run_step_end(struct cyc_run *run, const struct cyc_step *step,
                     const struct cyc_result *result, struct cyc_err *err);
int cyc_run_cycle(struct cyc_run *run, const struct cyc_cycle *cycle, struct cyc_err *err);
/* A resolved step as JSON with exact numbers, on one line: the same step gives the same bytes. Left
 * out are the cycle number and what is neutral (NaN, an endless time). text->failed: no memory. */
void cyc_run_step_text(const struct cyc_step *step, struct cyc_text *text);
/* The event log: who ("protocol", "operator", "executor"), what ("note", "pause", …), why. */
int cyc_run_event(struct cyc_run *run, int64_t t_ns, const char *who, const char *what,
                  const char *why, struct cyc_err *err);
/* Unix time of run time 0, where it was not known when the run was made. Before the first row. */
int cyc_run_anchor(struct cyc_run *run, int64_t unix_ns, struct cyc_err *err);
/* An `expect` row at the end. */
int cyc_run_expectation(struct cyc_run *run, const char *name, const char *unit, double value,
                        double is, double tolerance, const char *source, struct cyc_err *err);
/* What a live run needs to go on from its mark: goes into every mark from now on. Copied. */
struct cyc_run_state {
    const char *core;        /* cyc_state_save() */
    const char *host;        /* what the host remembers, named fields of its own; NULL: nothing */
    uint64_t epoch;          /* of the port process that took the last reading, */
    uint64_t reading_number; /* and that reading's number */
};
int cyc_run_state(struct cyc_run *run, const struct cyc_run_state *state, struct cyc_err *err);
/* What a live run did not see. Charges are net, positive into the cell; strings are copied. */
struct cyc_gap {
    int64_t start_ns, end_ns; /* run time */
    uint32_t step_count;      /* the step it fell into */
    const char *cause;
    double estimate_Ah;  /* taken into the sums of the step */
    double bound_Ah;     /* the true charge differs from the estimate by no more than this */
    const char *verdict; /* "continue", "restart", "hold: why" */
};
int cyc_run_gap(struct cyc_run *run, const struct cyc_gap *gap, struct cyc_err *err);
/* The last events before the end of a step, as a trace of their own. */
int cyc_run_ending(struct cyc_run *run, uint32_t step_count, const char *text, struct cyc_err *err);
/* Gives the rows so far to the kernel, without syncing: others see them, no mark covers them. */
int cyc_run_push(struct cyc_run *run, struct cyc_err *err);
/* Flushes rows and commits the journal with the mark. */
int cyc_run_commit(struct cyc_run *run, struct cyc_err *err);
/* After a commit: gives back the memory of the journal that can be made again. */
void cyc_run_rest(struct cyc_run *run);
/* Writes how it ended ("done", "stopped", "failed", "fault", "interrupted") and closes. The folder
 * is valid also without it: a reader then says "interrupted". Frees run in any case. */
int cyc_run_finish(struct cyc_run *run, const char *end, const char *why, int64_t t_ns,
                   struct cyc_err *err);
/* Closes without an outcome and without a last commit: the run can be resumed. Frees run. */
void cyc_run_leave(struct cyc_run *run);

/* ---- Going on with a run that was cut short ----------------------------------------------------
 */

/* What the journal of a live run says; strings are owned by it. */
struct cyc_run_journal {
    char id[CYC_RUN_ID_SIZE];
    char folder[CYC_PATH_SIZE];
    char cell[64], channel[64];
    char *rig_channel_json, *cell_json, *settings_json, *state, *host; /* "" where there is none */
    int64_t start_unix_ns;
    double nominal_capacity_Ah, one_c_A;
    int voltage_decimals, current_decimals, capacity_decimals;
    char first_file[160]; /* name of the first part of the data */
    uint32_t finished_steps;
    uint32_t open_step; /* count of a step without a result; 0: none */
    int64_t open_start_ns;
    char *held_why; /* of the last gap, where a person has not spoken since; "": not held */
    bool restarted; /* nothing was noted since a person restarted its daemon */
    /* the mark */
    char data_file[160]; /* name of the part it stands in */
    uint64_t length, row_count, epoch, reading_number;
    char xxh64[24];
    int64_t t_ns;
    bool same_boot;
};
/* CYC_E_INPUT: it has ended, or is a dry run. CYC_E_BUSY: its writer lives. CYC_E_JOURNAL: damaged,
 * or of another version. Caller releases. */
int cyc_run_journal_read(const char *folder, struct cyc_run_journal *journal, struct cyc_err *err);
void cyc_run_journal_release(struct cyc_run_journal *journal);
/* Whether the copies of the protocol and what it includes are what they were. CYC_E_JOURNAL: no,
 * and which. */
int cyc_run_files_check(const char *folder, struct cyc_err *err);

/* Rows behind the mark that were kept; what the last of them says. */
struct cyc_run_tail {
    uint64_t rows;
    uint64_t index;
    int64_t t_ns;
    double voltage_V, current_A;
    struct cyc_sums test;
};
/* Opens for writing again; locks. The data file is checked against the mark and cut: within one
 * boot at its last line feed, else at the mark; later parts are removed. Rows that are kept are not
 * written a second time: cyc_run_row() leaves out what is not behind them. */
int cyc_run_reopen(const struct cyc_run_journal *journal, struct cyc_run **run,
                   struct cyc_run_tail *tail, struct cyc_err *err);

/* ---- The reserve: a file that gives its space back ------------------------------------------- */

#define CYC_RESERVE_SIZE (64 * 1024 * 1024)
/* Makes `<runs_dir>/.reserve` where it is missing, so that on a full disk there still is room to
 * say so. CYC_E_NO_SPACE: there is not even room for it, and no run should be started. */
int cyc_reserve_make(const char *runs_dir, struct cyc_err *err);
/* Before a run is gone on with: makes it again where it was given back; where the disk was full,
 * sees that there is as much room besides. */
int cyc_reserve_again(const char *run_folder, bool needs_room, struct cyc_err *err);
/* Gives the space back; `run_folder` lies in the folder of runs. */
int cyc_reserve_release(const char *run_folder);

/* ---- Reading ------------------------------------------------------------------------------- */

struct cyc_run_info {
    char id[CYC_RUN_ID_SIZE];
    char folder[CYC_PATH_SIZE];
    char data_file[CYC_PATH_SIZE]; /* the first, where there are several */
    char protocol_name[256], protocol_source[256], cell[64], kind[8];
    char end[16]; /* "" while it runs, "interrupted" when its writer is gone; in a listing also
                     "unreadable", and `why` says why */
    char why[512];
    int64_t start_unix_ns, t_ns; /* run time covered */
    uint64_t row_count;          /* whole rows in the data, also those beyond the last commit */
    uint64_t step_count, cycle_count, event_count;
    double active_mass_g, area_cm2, one_c_A, nominal_capacity_Ah;
    char channel[64]; /* of a live run, else "" */
};

typedef int (*cyc_run_info_fn)(void *context, const struct cyc_run_info *info);
typedef int (*cyc_run_cycle_fn)(void *context, const struct cyc_cycle *cycle);
/* `text` is that of cyc_run_step_text(); `ended` false: the step had no result yet. */
typedef int (*cyc_run_step_fn)(void *context, uint32_t cycle_number, const char *name,
                               const char *type, uint32_t step_id, const char *text,
                               const struct cyc_result *result, bool ended);
typedef int (*cyc_run_event_fn)(void *context, int64_t t_ns, const char *who, const char *what,
                                const char *why);
typedef int (*cyc_run_expectation_fn)(void *context, const char *name, const char *unit,
                                      double value, double is, double tolerance,
                                      const char *source);

/* All runs, newest first. A callback that returns non-zero ends the walk with that value. */
int cyc_runs_each(const char *runs_dir, cyc_run_info_fn fn, void *context, struct cyc_err *err);
/* One run, by id, by a unique beginning of an id, by folder, or "last". */
int cyc_run_find(const char *runs_dir, const char *word, struct cyc_run_info *info,
                 struct cyc_err *err);
/* In order. All strings are borrowed for the callback. */
int cyc_run_each_cycle(const char *folder, cyc_run_cycle_fn fn, void *context, struct cyc_err *err);
int cyc_run_each_step(const char *folder, cyc_run_step_fn fn, void *context, struct cyc_err *err);
typedef int (*cyc_run_ending_fn)(void *context, uint32_t step_count, const char *text, size_t size);
int cyc_run_each_ending(const char *folder, cyc_run_ending_fn fn, void *context,
                        struct cyc_err *err);
int cyc_run_each_event(const char *folder, cyc_run_event_fn fn, void *context, struct cyc_err *err);
int cyc_run_each_expectation(const char *folder, cyc_run_expectation_fn fn, void *context,
                             struct cyc_err *err);

#endif
