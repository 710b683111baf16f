/* Steps between text and executor: parsed to a compact, immutable plan, resolved to a
 * struct cyc_step when their turn comes. Both sources, plan and script, use this. Inside
 * src/protocol only.
 *
 *   node ── cyc_step_parse ──► struct cyc_step_plan ── cyc_step_resolve ──► struct cyc_step
 *           (once, with positions)                     (each time, into one reused buffer,
 *                                                       with the rules of the blocks around)
 */
#ifndef CYC_PROTOCOL_STEP_H
#define CYC_PROTOCOL_STEP_H

#include "protocol/build.h"
#include "protocol/history.h"

/* ---- Cutoffs ------------------------------------------------------------------------------------
 */

struct cyc_cutoff_plan;
struct cyc_plan_node;

struct cyc_cutoff_more {
    struct cyc_value lasting_s, after_s, over_s, pause_timeout_s;
    const struct cyc_expr *resume;
    const struct cyc_cutoff_plan *all; /* conditions that must hold together; NULL: none */
    unsigned all_count;
    const char *target; /* id for leave and goto, with prefix; NULL: none */
    struct cyc_pos target_pos;
    const struct cyc_plan_node *target_node; /* found once the plan is complete */
};

/* One end condition. */
struct cyc_cutoff_plan {
    const struct cyc_expr *when;  /* a condition; NULL: a bare quantity, or `all` */
    struct cyc_value bare;        /* the quantity of a bare cutoff */
    struct cyc_cutoff_more *more; /* NULL: nothing but the above */
    struct cyc_pos pos;
    uint8_t signal;   /* enum cyc_signal of a bare cutoff */
    uint8_t scope;    /* enum cyc_scope of a bare cutoff, CYC_SCOPE_BLOCK + depth for blocks */
    bool at_or_below; /* bare: ends at or below, else at or above */
    bool hold_only;   /* a bare current beside `hold`: tested in the CV phase only */
    uint8_t reason;   /* enum cyc_reason */
    uint8_t entry;    /* enum cyc_entry */
    uint8_t action;   /* enum cyc_follow_up */
};

struct cyc_cutoffs {
    const struct cyc_cutoff_plan *items;
    unsigned count;
};

/* Whose cutoffs they are: decides what a bare quantity means and which action is the default. */
struct cyc_cutoff_owner {
    int step_kind;  /* enum cyc_step_kind; -1: the protocol */
    bool with_hold; /* charge or discharge with `hold` */
    bool charging;
    unsigned scope; /* where a bare time, charge or energy counts */
};
bool cyc_cutoffs_parse(struct cyc_build *build, const struct cyc_node *node,
                       const struct cyc_cutoff_owner *owner, struct cyc_cutoffs *cutoffs);
/* The signals that can end a step, bit per enum cyc_signal; pauses do not count. */
uint32_t cyc_cutoffs_signals(const struct cyc_cutoff_plan *cutoffs, unsigned count);
/* Do these signals end a charge or discharge, or a CC-CV step, for certain? */
bool cyc_cutoffs_bound_charge(uint32_t signals);
bool cyc_cutoffs_bound_hold(uint32_t signals);

/* ---- Limits and record rule ------------------------------------------------------------------ */

struct cyc_limit_plan {
    uint8_t signal;
    uint8_t index;              /* of AUX: which sensor; else 0 */
    struct cyc_value low, high; /* unstated: none */
    struct cyc_pos pos;
};
struct cyc_limits {
    const struct cyc_limit_plan *items;
    unsigned count;
};
bool cyc_limits_parse(struct cyc_build *build, const struct cyc_node *node,
                      struct cyc_limits *limits);

enum cyc_record_key {
    CYC_RECORD_EVERY,
    CYC_RECORD_VOLTAGE,
    CYC_RECORD_CURRENT,
    CYC_RECORD_CAPACITY,
    CYC_RECORD_TEMPERATURE,
    CYC_RECORD_PRESSURE,
    CYC_RECORD_KEY_COUNT
};
/* Only what is stated; 0 for `off`. */
struct cyc_record_plan {
    struct cyc_value value[CYC_RECORD_KEY_COUNT];
    struct cyc_value aux[CYC_AUX_MAX]; /* of named sensors */
    const struct cyc_burst *bursts;
    uint8_t burst_count;
    bool burst_stated;
};
bool cyc_record_parse(struct cyc_build *build, const struct cyc_node *node,
                      const struct cyc_record_plan **record);

/* What the protocol, an include or a block gives to every step inside it. */
struct cyc_rules {
    struct cyc_cutoffs cutoffs;
    struct cyc_limits limits;
    const struct cyc_record_plan *record; /* NULL: says nothing */
    uint8_t level;                        /* enum cyc_level of its limits */
    uint8_t depth;                        /* of its block; unused for the protocol */
    struct cyc_value timeout_s;           /* of a block as a whole; unstated: none */
};

/* ---- Steps ----------------------------------------------------------------------------------- */

struct cyc_pulse_plan {
    struct cyc_value value; /* magnitude */
    struct cyc_value width_s, rest_s;
    bool charging;
    uint8_t control; /* CURRENT or POWER */
};

/* A profile file, read once: values per kind still without scale. */
struct cyc_profile {
    const char *name;
    unsigned count; /* points; the last one only ends it */
    const double *time_s;
    const double *value; /* A, C-rate, mA/g…: times `factor` gives A or W */
    double factor;
    uint8_t control;
    double min, max; /* of value × factor */
};

/* What plain steps do without. */
struct cyc_step_more {
    struct cyc_value timeout_s, max_gap_s;
    const struct cyc_record_plan *record;
    struct cyc_limits limits;
    const char *text;                      /* of ask */
    uint8_t after_interruption;            /* enum cyc_interruption */
    bool wait, off;                        /* temperature, pressure */
    bool rms, galvanostatic, bias_current; /* impedance */
    union {                                /* by kind of step */
        struct {                           /* hold, sweep */
            struct cyc_value current_A;
            struct cyc_value sweep_rate_V_per_s, sweep_from_V;
            const struct cyc_value *sweep_to_V;
            unsigned sweep_count;
        };
        struct { /* temperature, pressure */
            struct cyc_value within, soak_s, ramp_K_per_s;
        };
        struct {                    /* pulse, profile */
            struct cyc_value count; /* how often */
            struct cyc_value scale;
            const struct cyc_pulse_plan *pulses;
            const struct cyc_value *resistance_at_s;
            const struct cyc_profile *profile;
            unsigned pulse_count, resistance_at_count;
        };
        struct { /* impedance */
            struct cyc_value amplitude, frequency_from_Hz, frequency_to_Hz, points_per_decade, bias;
        };
    };
};

/* A step as written: immutable, compact. */
struct cyc_step_plan {
    uint8_t kind;    /* enum cyc_step_kind */
    uint8_t mode;    /* enum cyc_mode */
    uint8_t control; /* enum cyc_control of the setpoint */
    bool charging;
    bool time_stated; /* a time cutoff or timeout bounds it: no derived bound */
    bool in_cycle;
    uint8_t block_depth;
    uint8_t cutoff_count;
    uint32_t number; /* in the text, from 1 */
    struct cyc_pos pos;
    const char *id;            /* with prefix, or NULL */
    const char *label;         /* or NULL */
    struct cyc_value setpoint; /* A, W, ohm, V, s, degC, Pa: magnitude */
    struct cyc_value hold_V;   /* beside charge or discharge; else unstated */
    const struct cyc_cutoff_plan *cutoffs;
    const struct cyc_step_more *more; /* NULL: all of it unstated */
};

/* Reads an electrical step (up to `ask`) from its mapping, whose fields are known to be of this
 * kind. False: there was a mistake (in diags). */
bool cyc_step_parse(struct cyc_build *build, const struct cyc_node *node,
                    const struct cyc_fields *fields, enum cyc_step_kind kind,
                    struct cyc_step_plan *plan);
/* Which kind of step a mapping is, with its fields; a sentence or text scalar is turned into its
 * mapping first (*node changes). -1: a mistake (in diags). */
int cyc_step_identify(struct cyc_build *build, const struct cyc_node **node,
                      struct cyc_fields *fields);

/* The one buffer that steps are resolved into. */
struct cyc_resolver {
    struct cyc_step step;
    struct cyc_segment *segments; /* owned; grows */
    uint32_t segment_capacity;
    /* Of step.cutoffs[i]: the plan it came from, and the rules that it belongs to: index into the
     * chain given to cyc_step_resolve(); -1: the step's own. */
    const struct cyc_cutoff_plan *cutoffs[CYC_CUTOFFS_MAX];
    int16_t owners[CYC_CUTOFFS_MAX];
    struct cyc_pos limit_pos[CYC_LIMITS_MAX]; /* where step.limits[i] was written */
    /* For looking at a plan before it runs: cutoffs whose value is not known yet are left out. */
    bool lenient;
    unsigned unknown_cutoffs;
    const struct cyc_sensors *sensors; /* for their names in texts; NULL: not known */
};
void cyc_resolver_init(struct cyc_resolver *resolver);
void cyc_resolver_release(struct cyc_resolver *resolver);

/* What surrounds a step at its start. */
struct cyc_step_around {
    const struct cyc_cell_facts *cell;
    const struct cyc_expr_env *env;
    struct cyc_history *history;          /* for current before, cycle number, scope resets */
    const struct cyc_rules *const *rules; /* outermost (the protocol) first */
    unsigned rule_count;
};
/* The step in numbers: resolver->step, valid until the next call. CYC_E_INPUT with the step's place
 * in the text when an expression came out wrong. */
int cyc_step_resolve(struct cyc_resolver *resolver, const struct cyc_step_plan *plan,
                     const struct cyc_step_around *around, struct cyc_err *err);

#endif
