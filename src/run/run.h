/* Runs: a protocol, a cell and a place to carry it out, joined by a session.
 *
 * The session owns executor, source and run folder and is the same in every host; a host brings
 * the time and carries out the actions. Here: the dry host, a virtual clock and a simulated cell.
 */
#ifndef CYC_RUN_RUN_H
#define CYC_RUN_RUN_H

#include "base/diag.h"
#include "base/status.h"
#include "cell/cell.h"
#include "protocol/protocol.h"
#include "store/store.h"

/* What a progress bar shows. */
struct cyc_progress {
    int64_t t_ns;
    uint32_t cycle_number, cycle_count; /* count 0: unknown */
    uint32_t step_count;
    const struct cyc_step *step;
    double voltage_V, current_A, temperature_degC;
    double step_capacity_Ah;
};
/* Non-zero stops the run in an orderly way ("interrupted"). Called at least every 4,096 samples. */
typedef int (*cyc_progress_fn)(void *context, const struct cyc_progress *progress);

struct cyc_dry_options {
    const struct cyc_protocol *protocol;
    const struct cyc_cell_spec *cell;
    const struct cyc_cell_facts *facts;
    const char *runs_dir;    /* NULL: no run folder is written */
    const char *institution; /* may be NULL */
    const char *command;
    const struct cyc_setting *settings; /* as given to the protocol, for the record */
    unsigned setting_count;
    int64_t sample_ns;      /* 0: find crossings; else sample on this grid without root-finding */
    int64_t start_unix_ns;  /* synthetic anchor */
    const char *trace_path; /* NULL: none; else every event and action, as text */
    int64_t time_max_ns;    /* 0: none; else stop there ("stopped") */
    cyc_progress_fn progress;
    void *progress_context;
};

struct cyc_dry_outcome {
    enum cyc_finish finish;
    bool interrupted;
    char why[512];
    char run_id[CYC_RUN_ID_SIZE];
    char folder[CYC_PATH_SIZE];
    char data_path[CYC_PATH_SIZE];
    int64_t t_ns;
    uint64_t row_count, step_count, sample_count;
    double net_charge_Ah; /* into the simulated cell, as the cell itself counts it */
    struct cyc_fault fault;
};

/* Called with every finished step, cycle and expectation, for tables; any may be NULL. */
struct cyc_dry_listener {
    void *context;
    void (*step)(void *context, const struct cyc_step *step, const struct cyc_result *result);
    void (*cycle)(void *context, const struct cyc_cycle *cycle);
    void (*note)(void *context, int64_t t_ns, const char *text);
    void (*expectation)(void *context, const struct cyc_expectation *row);
};

/* Runs to the end. CYC_OK also when the run ended in a fault or failed: see outcome.finish.
 * CYC_E_UNSUPPORTED: the protocol has an impedance step (nothing was started). */
int cyc_dry_run(const struct cyc_dry_options *options, const struct cyc_dry_listener *listener,
                struct cyc_dry_outcome *outcome, struct cyc_err *err);

/* From a cell file to a spec for cyc_cell_new(); unknown parameters are diagnosed with their
 * place. `file` must outlive the spec. */
int cyc_cell_spec_from_file(const struct cyc_cell_file *file, struct cyc_diags *diags,
                            struct cyc_cell_spec *spec, struct cyc_err *err);

#endif
