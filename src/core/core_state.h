/* The executor's whole state: what the mark of a run saves and tests look at.
 *
 * Plain data without pointers; everything here is either a fact of the run so far, with a line in
 * the table of save.c, or made from the current step when it began (marked "derived": made anew
 * when a state is loaded). Only src/core writes it.
 */
#ifndef CYC_CORE_CORE_STATE_H
#define CYC_CORE_CORE_STATE_H

#include "core/core.h"

#define CYC_ATOMS_MAX   (CYC_OPS_MAX / 3) /* a comparison takes at least three operations */
#define CYC_BANDS_MAX   16
#define CYC_SUMS_MAX    12                               /* watched sums, */
#define CYC_DIRECTS_MAX (CYC_WATCHES_MAX - CYC_SUMS_MAX) /* and other signals */
#define CYC_DELTAS      (4 + CYC_AUX_MAX) /* voltage, current, temperature, pressure, sensors */
#define CYC_DIRECT      6 /* signals that a sample holds itself, VOLTAGE … PRESSURE */

/* A limit is breached this share of the bound beyond it, and at least so far (in its unit): a
 * setpoint equal to a bound, or a current of zero with a bound of zero, is no breach by rounding.
 */
#define CYC_LIMIT_SLACK 1e-9
#define CYC_LIMIT_LEAST 1e-12
/* "Far beyond", so that one sample is enough: further from the bound than this share of the
 * band's width, or of the bound itself where only one side is bounded. */
#define CYC_LIMIT_FAR 0.05
/* Who holds a pause, where it is no cutoff. */
#define CYC_PAUSED_BY_OPERATOR     CYC_CUTOFFS_MAX
#define CYC_PAUSED_BY_INTERRUPTION (CYC_CUTOFFS_MAX + 1)
/* So many transitions without any time passing are a fault: no progress. */
#define CYC_STILL_MAX 10000
/* After so many wake-ups in short succession that changed nothing, watches are hidden for a time
 * that doubles with each further one. */
#define CYC_DULL_MAX      8
#define CYC_DULL_GAP_NS   CYC_MS_NS
#define CYC_DULL_FIRST_NS INT64_C(1000)

/* One comparison of a condition. With `count` 0 it is "the signal lies in an interval" (or, with
 * CYC_ATOM_OUTSIDE, does not): every comparison of one signal, scaled, shifted and under one
 * abs(), with numbers becomes one, so that what is tested and what is watched is the same double.
 * Times are in ns here. Else the operations first … first + count - 1 are calculated. */
enum cyc_atom_flag {
    CYC_ATOM_LOW_OPEN = 1u << 0,  /* low itself is not inside */
    CYC_ATOM_HIGH_OPEN = 1u << 1, /* high itself is not inside */
    CYC_ATOM_OUTSIDE = 1u << 2
};
struct cyc_atom {
    double low;
    double high;
    uint16_t first;
    uint16_t count;
    uint8_t signal;
    uint8_t scope;
    uint8_t index;
    uint8_t flags; /* enum cyc_atom_flag */
};

/* A compiled condition: code[first …]: an atom's index, or one of the codes below. */
enum cyc_code { CYC_CODE_AND = 0xf0, CYC_CODE_OR, CYC_CODE_NOT };
struct cyc_code_range {
    uint16_t first;
    uint16_t count;
};

struct cyc_core_cutoff {
    int64_t since_ns;             /* with `lasting`: true since; CYC_NEVER: it is not */
    struct cyc_code_range when;   /* derived */
    struct cyc_code_range resume; /* derived */
};

/* The tightest limits of one signal; each side remembers whose it is. */
struct cyc_band {
    double low;       /* breached at or below, slack included */
    double high;      /* breached at or above */
    double low_bound; /* as stated */
    double high_bound;
    uint8_t low_level; /* enum cyc_level */
    uint8_t high_level;
    uint8_t signal;
    uint8_t index; /* of AUX */
};

/* A rule on change: a record is due at or beyond low and high. */
struct cyc_delta {
    double by;
    double low;
    double high;
    uint8_t signal;
    uint8_t index; /* of AUX */
};

struct cyc_sum_watch {
    double value; /* the total at which */
    uint8_t signal;
    uint8_t scope;
};

struct cyc_slope_point {
    int64_t t_ns;
    double value;
};

struct cyc_core {
    /* ---- the run ---- */
    enum cyc_state state;
    struct cyc_patience patience;       /* the host's; set anew after the state was loaded */
    int64_t now_ns;                     /* latest time seen in any event */
    struct cyc_fault fault;             /* first reason; kind NONE: none */
    struct cyc_setpoint setpoint;       /* last one sent; number 0: none yet */
    struct cyc_environment environment; /* all that was asked for so far; NaN: nothing */
    uint32_t step_count;
    uint64_t record_count;
    int64_t still_ns; /* time of the latest transition, and how many there were at it */
    uint32_t still_count;

    /* ---- the latest sample and what is counted from it ---- */
    bool has_sample;
    struct cyc_sample last;
    double direct[CYC_DIRECT];    /* VOLTAGE … PRESSURE of it */
    uint8_t validity[CYC_DIRECT]; /* of these: enum cyc_truth, TRUE, STALE or INVALID */
    bool all_valid;
    bool has_previous;   /* the latest sample with valid voltage and current: end of a trapezoid */
    int64_t previous_ns; /* of it, or of the end of a gap */
    double previous_V;
    double previous_A;
    struct cyc_sums base[CYC_SCOPES_MAX];  /* of finished steps; [STEP] unused */
    struct cyc_sums total[CYC_SCOPES_MAX]; /* [STEP]: the running step; else base + step */
    int64_t scope_start_ns[CYC_SCOPES_MAX];
    uint8_t block_depth;
    int64_t bad_since_ns; /* stale or invalid data since; CYC_NEVER: they are good */
    enum cyc_fault_kind bad_kind;
    uint8_t bad_signal;
    uint8_t bad_index;
    uint32_t breached;        /* bit per signal and sensor that the sample before breached, */
    uint32_t breached_number; /* and its setpoint */
    uint8_t band_count;
    struct cyc_band bands[CYC_BANDS_MAX]; /* from the step, but tested between steps too */

    /* ---- the step ---- */
    bool entry_pending; /* entry not judged yet: no setpoint of this step was sent */
    bool started;       /* a sample under its own setpoint was seen */
    bool clock_on;      /* such a sample was seen since its beginning or the last pause */
    bool hold;          /* CV phase, or a hold alone */
    bool settled_once;  /* its entry has been judged under its own setpoint too */
    bool at_entry;      /* the sample in hand is the first settled one of the step */
    bool exact;         /* all charge so far is the instrument's own */
    bool recorded;      /* the latest sample was recorded in this step */
    bool paused_once;
    bool interrupted;      /* PAUSED, and neither cutoff nor time-out ends it: see INTERRUPT */
    bool interrupted_once; /* this step was */
    bool restarted;        /* this step has begun anew */
    bool estimated;        /* its sums hold an estimate */
    int64_t start_ns;
    int64_t origin_ns; /* of the record grid: run time at step time 0 */
    int64_t clock_ns;  /* run time up to which step time is counted */
    int64_t step_time_ns;
    int64_t hold_time_ns;
    double start_V;
    double peak_V;
    double hold_from_Ah; /* capacity of the step when the hold began */
    uint16_t paused_by;  /* cutoff; or one of the two above */
    int64_t pause_ns;
    struct cyc_core_cutoff cutoffs[CYC_CUTOFFS_MAX];

    /* ---- segments and pulses ---- */
    uint32_t segment;
    uint32_t pass;          /* of the list of segments, from 0 */
    int64_t segment_ns;     /* step time at which the segment begins, on the list's own schedule */
    int64_t segment_end_ns; /* step time; CYC_NEVER */
    double sweep_from_V;    /* with sweep_from_present */
    double sweep_slope_V_per_s;
    bool in_pulse;
    uint32_t pulse_count; /* pulses begun */
    int64_t pulse_ns;     /* run time of the onset */
    double pulse_before_V;
    uint8_t pulse_taken; /* bit per resistance_at that is done */
    bool pulse_seen;     /* there was a sample under the pulse; the latest one: */
    int64_t pulse_seen_ns;
    double pulse_seen_V;
    double pulse_seen_A;
    double resistances_ohm[CYC_RESISTANCES_MAX];

    /* ---- record rule ---- */
    int64_t next_every_ns; /* run time */
    int64_t next_burst_ns;
    uint8_t delta_count; /* rules on change that are on */
    bool deltas_known;   /* the values they count from are numbers */
    struct cyc_delta deltas[CYC_DELTAS];
    double next_capacity_Ah; /* INFINITY: no such rule */

    /* ---- slopes ---- */
    double slopes[CYC_SLOPES_MAX];        /* per second; NaN: not known yet */
    uint16_t slope_first[CYC_SLOPES_MAX]; /* oldest point within the slope's part of the ring */
    uint16_t slope_count[CYC_SLOPES_MAX];
    struct cyc_slope_point points[CYC_SLOPE_POINTS]; /* shared out among the step's slopes */

    /* ---- what is asked of the host ---- */
    bool rewatch; /* the lists of watches are out of date */
    bool rewake;  /* so is wake_ns */
    bool sampled;
    bool ask_now;         /* a setpoint was sent or a step began: a sample is wanted at once */
    uint8_t settle_count; /* samples since then that had not settled */
    uint8_t dull_count;
    int64_t wake_ns;   /* the deadline but for the record rule */
    int64_t demand_ns; /* a sample was asked for by then */
    uint8_t watch_count;
    uint8_t sum_count;
    struct cyc_watch watches[CYC_DIRECTS_MAX]; /* first two for each delta but those of sensors */
    struct cyc_sum_watch sum_watches[CYC_SUMS_MAX];

    /* ---- conditions, derived ---- */
    uint16_t atom_count;
    uint16_t code_count;
    struct cyc_atom atoms[CYC_ATOMS_MAX];
    uint8_t code[CYC_OPS_MAX];
};

#endif
