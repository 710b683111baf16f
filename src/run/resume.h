/* Going on with a run after the program, or the machine, was gone.
 *
 *   folder ──► cyc_resume_open()     journal, mark, executor's state, what kind of absence it was
 *   source process with journal_folder: every finished step is compared, the first answer is the
 *              step that was interrupted (or the next one)
 *   cyc_resume_restore()             the executor as it was under the mark
 *   readings after the mark, that the port process still has: through the session, so that what
 *              was decided after the mark is decided again; rows that are in the file by then stay
 *              as they are, the others are added
 *   cyc_resume_interrupt()           the rest is a gap, with an estimate and a bound
 *   cyc_resume_judge()               may it go on by itself? pure: facts in, verdict out
 *   CONTINUE, RESTART or hold        and a gap record with the verdict
 *
 * A gate that fails, or a fact that is not known, holds the run: the circuit stays open until an
 * operator says `resume`, `skip` or `stop`. See facts of each gate below.
 */
#ifndef CYC_RUN_RESUME_H
#define CYC_RUN_RESUME_H

#include "device/driver.h"
#include "run/session.h"
#include "store/store.h"

/* ---- The decision: pure ------------------------------------------------------------------------
 */

#define CYC_RESUME_OCV_BAND_V    0.050            /* against the last sample, */
#define CYC_RESUME_OCV_WITHIN_NS (600 * CYC_S_NS) /* while the outage was no longer */
#define CYC_RESUME_TEMPERATURE_K 5.0              /* where no limits are stated */
#define CYC_RESUME_CURRENT_C     0.05 /* of the nominal capacity per hour: offset at open circuit */
#define CYC_RESUME_UNOBSERVED    0.005 /* of the nominal capacity */

/* All that the gates ask. What is not known is NaN, "" or a status that is not CYC_OK. */
struct cyc_resume_facts {
    /* what the run's folder says */
    int folder_status;              /* of opening it: version, damage, lock */
    int replay_status;              /* of the source: CYC_E_JOURNAL when a step differs */
    const char *folder_text;        /* and why, for the two above */
    bool has_state;                 /* the mark holds an executor that could be loaded */
    bool faulted;                   /* it had faulted before the interruption */
    const char *rig_then, *rig_now; /* cyc_rig_channel_json() */
    const char *cell_then, *cell_now;
    struct cyc_identity then, now; /* of the cycler */
    const char *other;    /* the link is not up, since another one answers; NULL, "": not so */
    bool link_up;         /* it has answered since */
    int arm_status;       /* of setting it up with its protections again */
    const char *arm_text; /* and why not */
    bool latched;
    const char *found; /* at the instrument, other than commanded, by the port; "", NULL: nothing */
    bool protection;   /* the instrument reports that a protection has tripped */
    /* the gap */
    int64_t gap_ns; /* last sample to now, run time */
    double bound_Ah, nominal_Ah;
    /* the cell */
    bool untouched; /* no voltage was read and no charge has passed: nothing to compare with */
    bool was_open;  /* the last sample was taken at open circuit */
    double last_V, last_A, now_V, now_A;
    double resistance_ohm; /* at most, to be expected between load and rest; NaN: none is allowed */
    double last_degC, now_degC, low_degC, high_degC; /* band: of the limits; NaN: none */
    double voltage_min_V, voltage_max_V;             /* of all limits */
    /* the step */
    bool has_step; /* one was interrupted; else it was between two */
    enum cyc_interruption wish;
    int64_t max_gap_ns;
    bool resumable; /* it can be gone on with: no pulse, sweep, profile, impedance */
    /* who ended the daemon */
    bool planned;   /* a person, by `restart`: the wish is for what nobody planned */
    bool same_port; /* the port process that had the instrument then has had it ever since */
};

enum cyc_resume_action { CYC_RESUME_HOLD, CYC_RESUME_CONTINUE, CYC_RESUME_RESTART };
struct cyc_resume_verdict {
    enum cyc_resume_action action;
    char why[256]; /* of a hold: the first gate that failed, for people */
};
void cyc_resume_judge(const struct cyc_resume_facts *facts, struct cyc_resume_verdict *verdict);
/* In which way it is another instrument; nothing is added when it is the same one. */
void cyc_resume_differs(const struct cyc_identity *then, const struct cyc_identity *now,
                        struct cyc_text *text);
const char *cyc_resume_action_name(enum cyc_resume_action action);

/* ---- What a run's folder says -------------------------------------------------------------------
 */

enum cyc_absence_kind {
    CYC_ABSENCE_PROGRAM, /* same boot: what the kernel had been given is there */
    CYC_ABSENCE_MACHINE  /* after a reboot: only what the mark covers */
};

/* What the host put into the mark beside the executor, so that the readings after it become the
 * same samples again. */
#define CYC_RESUME_SENSORS (3 + CYC_AUX_MAX)
struct cyc_resume_host {
    double rate;            /* run time per real time */
    int64_t boot_ns;        /* CLOCK_BOOTTIME at which the run time was … */
    int64_t time_ns;        /* … this */
    int64_t t_ns, unix_ns;  /* run time and wall clock of one moment: goes on behind a reboot */
    uint32_t settle_number; /* the host's own: what it needs to call a sample settled */
    int64_t settle_ns;
    int64_t awake_ns;           /* CLOCK_BOOTTIME when the computer had slept; 0: it has not */
    struct cyc_identity cycler; /* that was armed; the texts and power_on */
    double values[CYC_RESUME_SENSORS]; /* the latest of each sensor, and when */
    int64_t times_ns[CYC_RESUME_SENSORS];
};
void cyc_resume_host_save(const struct cyc_resume_host *host, struct cyc_text *text);
int cyc_resume_host_load(struct cyc_resume_host *host, const char *text, struct cyc_err *err);

/* A run that was in progress. */
struct cyc_resume {
    enum cyc_absence_kind kind;
    struct cyc_run_journal journal; /* see store.h; owned */
    struct cyc_resume_host host;
    bool has_state;    /* state and host of the mark can be read; else hold */
    char changed[256]; /* of the files it was started with: which, and how; "": none; else hold */
    enum cyc_state state; /* of the executor under the mark */
    uint32_t step_count;  /* the last step it knows of */
    /* The step that the source answers first is … */
    bool in_step; /* … in the midst: restore the executor with it; no STEP event */
    bool begun; /* … begun in the journal, but the executor does not know: restore with NULL, then
                   a STEP event at journal.open_start_ns */
                /* neither: new. Restore with NULL; STEP comes when the gates are passed */
};
/* Reads; changes nothing. CYC_E_BUSY: somebody writes it. CYC_E_INPUT: it has ended. */
int cyc_resume_open(const char *folder, struct cyc_resume **resume, struct cyc_err *err);
void cyc_resume_close(struct cyc_resume *resume);
/* The run time of now (both clocks of now): by the boot clock, after a reboot from the mark on by
 * the wall clock. CYC_NEVER: nobody knows, the wall clock went back. */
int64_t cyc_resume_time_ns(const struct cyc_resume *resume, int64_t boot_now_ns,
                           int64_t unix_now_ns);

/* Opens the folder for writing again: see cyc_run_reopen(). The interrupted step has to be handed
 * to the writer again: cyc_writer_step_begin() with journal.open_step and journal.open_start_ns. */
int cyc_resume_reopen(const struct cyc_resume *resume, struct cyc_run **run,
                      struct cyc_run_tail *tail, struct cyc_err *err);
/* The executor under the mark; `step`: the one in force then, NULL between steps. */
int cyc_resume_restore(const struct cyc_resume *resume, const struct cyc_step *step,
                       struct cyc_core *core, struct cyc_err *err);

/* ---- The gap ------------------------------------------------------------------------------------
 */

/* When the output went off, as far as somebody saw it; run times. */
struct cyc_outage {
    int64_t now_ns;
    const struct cyc_step *step; /* in force; NULL: none */
    int64_t seen_ns; /* until then the cell was seen; counts where the executor has no sample */
    int64_t off_earliest_ns, off_latest_ns; /* equal: seen. Not known: the last sample, and that
                                               plus what the lease and a safe take */
    double current_max_A;                   /* the most that can have flowed: of the limits */
    bool gone_on; /* a pause in `core` may have ended since: the mark is older than that word */
    const struct cyc_run_tail *tail; /* kept rows; NULL: none */
};
/* Estimate and bound of the charge from the last sample (or the kept tail's last row) on: the
 * current of that sample flowed until the output went off, somewhere between the two times; at
 * most, and in either direction, what was asked for last may have flowed instead, or nothing. When
 * the samples cover the switching off, both are zero. What kept rows tell beyond the last sample is
 * no part of the gap, but of `absence`. `core`: with all readings in it. `absence`
 * is for the INTERRUPT event, `gap` for the journal (cause and verdict are left NULL). */
void cyc_resume_gap(const struct cyc_core *core, const struct cyc_outage *outage,
                    struct cyc_absence *absence, struct cyc_gap *gap);

#endif
