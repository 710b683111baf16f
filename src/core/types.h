/* The plain data that hosts, cells, sources, drivers and the store share: setpoint, sample, step,
 * result. No pointers but where stated; all values SI with the field's own exceptions (Ah, Wh,
 * degC); the unit is the last part of a name. Positive current charges the cell. NaN: not known.
 */
#ifndef CYC_CORE_TYPES_H
#define CYC_CORE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#define CYC_S_NS              INT64_C(1000000000)
#define CYC_MS_NS             INT64_C(1000000)
#define CYC_NEVER             INT64_MAX
#define CYC_AUX_MAX           8   /* named sensors of a channel */
#define CYC_BLOCKS_MAX        16  /* nesting of blocks */
#define CYC_OPS_MAX           320 /* operations of all conditions of a step */
#define CYC_STACK_MAX         16  /* depth of one condition */
#define CYC_CUTOFFS_MAX       32  /* own and inherited */
#define CYC_LIMITS_MAX        40
#define CYC_SLOPES_MAX        4
#define CYC_BURSTS_MAX        8
#define CYC_RESISTANCES_MAX   32 /* values kept of one pulse train */
#define CYC_RESISTANCE_AT_MAX 8
#define CYC_ID_SIZE           64

/* ---- What an instrument is asked to do ------------------------------------------------------ */

enum cyc_control {
    CYC_CONTROL_OPEN,    /* rest, OCV: circuit open */
    CYC_CONTROL_CURRENT, /* value in A, charge positive */
    CYC_CONTROL_VOLTAGE, /* value in V, current within [current_min_A, current_max_A] */
    CYC_CONTROL_POWER,   /* value in W, charge positive */
    CYC_CONTROL_LOAD     /* value in ohm, discharging: I = -V / value */
};

struct cyc_setpoint {
    uint32_t number; /* counts the setpoints of a run from 1; 0: none yet */
    enum cyc_control control;
    double value;
    double slope_per_s;   /* of value from the moment it is applied: sweeps; else 0 */
    double current_min_A; /* compliance of VOLTAGE control, signed */
    double current_max_A;
};

/* Chamber and press. NaN: leave as it is. */
struct cyc_environment {
    double temperature_degC;
    double ramp_K_per_s;  /* NaN: as fast as it goes */
    bool temperature_off; /* release the chamber */
    double pressure_Pa;
    bool pressure_off;
};

/* ---- What a channel measures ----------------------------------------------------------------- */

enum cyc_sample_flag {
    CYC_SAMPLE_OUTPUT_ON = 1u << 0,
    CYC_SAMPLE_CV = 1u << 1,    /* the instrument regulates the voltage */
    CYC_SAMPLE_EXACT = 1u << 2, /* the four charge and energy fields are the instrument's own */
    CYC_SAMPLE_ENDED = 1u << 3, /* the instrument ended the setpoint by itself */
    CYC_SAMPLE_PROTECTION = 1u << 4, /* a protection of the instrument tripped */
    CYC_SAMPLE_SETTLED = 1u << 5     /* the setpoint has settled: entry cutoffs may be judged */
};

struct cyc_sample {
    int64_t t_ns;             /* run time of the electrical reading */
    uint32_t setpoint_number; /* the setpoint it was taken under */
    uint32_t flags;           /* enum cyc_sample_flag */
    double voltage_V;
    double current_A;
    double temperature_degC; /* the cell's sensor, else the chamber's */
    double ambient_degC;     /* chamber */
    double pressure_Pa;
    double aux[CYC_AUX_MAX]; /* named sensors, SI */
    int64_t temperature_age_ns;
    int64_t pressure_age_ns;
    int64_t since_ns; /* run time at which the output was switched to what is read; 0: not known */
    /* Passed since the sample before, all >= 0; with CYC_SAMPLE_EXACT only. */
    double charge_Ah;
    double discharge_Ah;
    double charge_Wh;
    double discharge_Wh;
};

/* Charge and energy, all >= 0. */
struct cyc_sums {
    double charge_Ah;
    double discharge_Ah;
    double charge_Wh;
    double discharge_Wh;
};

/* ---- Conditions ------------------------------------------------------------------------------ */

enum cyc_signal {
    CYC_SIGNAL_VOLTAGE,
    CYC_SIGNAL_CURRENT, /* signed */
    CYC_SIGNAL_POWER,   /* signed, V * I */
    CYC_SIGNAL_TEMPERATURE,
    CYC_SIGNAL_AMBIENT,
    CYC_SIGNAL_PRESSURE,
    CYC_SIGNAL_AUX,   /* with index: named sensor */
    CYC_SIGNAL_PEAK,  /* highest voltage since the step began */
    CYC_SIGNAL_SLOPE, /* with index: step.slopes[index], per second */
    /* The rest are counted in a scope. */
    CYC_SIGNAL_TIME, /* s; step: under its own setpoint; block, cycle, test: run time since entry */
    CYC_SIGNAL_HOLD_TIME, /* s in the CV phase; step only */
    CYC_SIGNAL_CHARGE_CAPACITY,
    CYC_SIGNAL_DISCHARGE_CAPACITY,
    CYC_SIGNAL_NET_CAPACITY, /* charge - discharge */
    CYC_SIGNAL_CAPACITY,     /* charge + discharge */
    CYC_SIGNAL_CHARGE_ENERGY,
    CYC_SIGNAL_DISCHARGE_ENERGY,
    CYC_SIGNAL_NET_ENERGY,
    CYC_SIGNAL_ENERGY, /* charge + discharge */
    CYC_SIGNAL_COUNT
};

/* Where a sum is counted from. Blocks by depth, outermost 0. */
enum cyc_scope { CYC_SCOPE_STEP, CYC_SCOPE_TEST, CYC_SCOPE_CYCLE, CYC_SCOPE_BLOCK };
#define CYC_SCOPES_MAX (CYC_SCOPE_BLOCK + CYC_BLOCKS_MAX)

enum cyc_op_code {
    CYC_OP_CONST,
    CYC_OP_SIGNAL,
    CYC_OP_ADD,
    CYC_OP_SUB,
    CYC_OP_MUL,
    CYC_OP_DIV,
    CYC_OP_MOD, /* Lua's: a - floor(a / b) * b */
    CYC_OP_NEG,
    CYC_OP_ABS,
    CYC_OP_MIN,
    CYC_OP_MAX,
    CYC_OP_FLOOR,
    CYC_OP_LT,
    CYC_OP_LE,
    CYC_OP_GT,
    CYC_OP_GE,
    CYC_OP_EQ,
    CYC_OP_NE,
    CYC_OP_AND,
    CYC_OP_OR,
    CYC_OP_NOT
};

/* One postfix operation. */
struct cyc_op {
    uint8_t code;   /* enum cyc_op_code */
    uint8_t signal; /* enum cyc_signal, for CYC_OP_SIGNAL */
    uint8_t scope;  /* enum cyc_scope, CYC_SCOPE_BLOCK + depth for blocks */
    uint8_t index;  /* of a sensor or slope */
    double value;   /* for CYC_OP_CONST */
};

/* A condition: step.ops[first] … step.ops[first + count - 1]; count 0: none. */
struct cyc_condition {
    uint16_t first;
    uint16_t count;
};

/* A least-squares slope over a window. The window already includes the rule that the asked slope
 * must move the quantity by 4 resolutions; until it has passed with 5 samples the slope is
 * unknown. */
struct cyc_slope {
    uint8_t signal; /* VOLTAGE, CURRENT or TEMPERATURE */
    int64_t window_ns;
};

/* ---- Cutoffs, limits, record rule ---------------------------------------------------------------
 */

enum cyc_follow_up {
    CYC_FOLLOW_NEXT,
    CYC_FOLLOW_LEAVE,
    CYC_FOLLOW_GOTO,
    CYC_FOLLOW_PAUSE, /* carried out by the executor; all others end the step */
    CYC_FOLLOW_STOP,
    CYC_FOLLOW_FAIL
};

/* Why a step ended. */
enum cyc_reason {
    CYC_REASON_NONE,
    CYC_REASON_VOLTAGE,
    CYC_REASON_CURRENT,
    CYC_REASON_TIME,
    CYC_REASON_CAPACITY,
    CYC_REASON_ENERGY,
    CYC_REASON_TEMPERATURE,
    CYC_REASON_PRESSURE,
    CYC_REASON_CONDITION,
    CYC_REASON_OPERATOR, /* skipped or answered by a person */
    CYC_REASON_PROFILE,  /* the profile, sweep or pulse train came to its end */
    CYC_REASON_FAULT     /* see struct cyc_fault */
};

/* When a cutoff may end the step at its entry (protocols/README.md, Entry). */
enum cyc_entry {
    CYC_ENTRY_BEFORE, /* judged on the last sample before current flows */
    CYC_ENTRY_OPEN,   /* the same if the channel is at open circuit, else as SETTLED */
    CYC_ENTRY_SETTLED /* judged from the first settled sample under the step's own setpoint */
};

struct cyc_cutoff {
    struct cyc_condition when;
    enum cyc_reason reason;
    enum cyc_entry entry;
    enum cyc_follow_up action;
    bool hold_only;              /* tested in the CV phase only (bare current cutoffs) */
    int64_t lasting_ns;          /* the condition must hold so long; 0: at once */
    int64_t after_ns;            /* ignored so long since the step began */
    struct cyc_condition resume; /* PAUSE: go on when true */
    int64_t pause_timeout_ns;    /* PAUSE: a fault when it has not resumed by then */
    int32_t tag;                 /* the source's own, handed back in the result */
};

enum cyc_level { CYC_LEVEL_STEP, CYC_LEVEL_PROTOCOL, CYC_LEVEL_CHANNEL };

struct cyc_limit {
    uint8_t signal; /* VOLTAGE, CURRENT, POWER, TEMPERATURE, PRESSURE, AUX, CHARGE_ or
                       DISCHARGE_CAPACITY (scope STEP) */
    uint8_t index;  /* of AUX: which sensor; else 0 */
    uint8_t level;  /* enum cyc_level, for the message only: all are tested */
    double low;     /* -INFINITY: none */
    double high;    /* INFINITY: none */
};

struct cyc_burst {
    int64_t during_ns;
    int64_t every_ns;
};

/* A sample is kept when any rule asks for it; 0: that rule is off. */
struct cyc_record_rule {
    int64_t every_ns;
    double voltage_V;
    double current_A;
    double capacity_Ah;
    double temperature_K;
    double pressure_Pa;
    double aux[CYC_AUX_MAX];                 /* of named sensors, in their own units */
    struct cyc_burst bursts[CYC_BURSTS_MAX]; /* one stretch after the other, from the step's start,
                                                in a pulse train from each pulse's start */
    uint8_t burst_count;
};

/* ---- Steps --------------------------------------------------------------------------------------
 */

enum cyc_mode {
    CYC_MODE_REST,
    CYC_MODE_CC,
    CYC_MODE_CV,   /* hold alone */
    CYC_MODE_CCCV, /* current, then hold */
    CYC_MODE_CP,
    CYC_MODE_CPCV, /* power, then hold */
    CYC_MODE_CR,   /* constant load */
    CYC_MODE_SWEEP,
    CYC_MODE_PROFILE,
    CYC_MODE_PULSE,
    CYC_MODE_IMPEDANCE,
    CYC_MODE_TEMPERATURE, /* rest while the chamber moves */
    CYC_MODE_PRESSURE,
    CYC_MODE_ASK /* rest until a person answers */
};

enum cyc_interruption {
    CYC_INTERRUPTION_HOLD,
    CYC_INTERRUPTION_CONTINUE,
    CYC_INTERRUPTION_RESTART
};

/* A stretch of a step under one setpoint. Plain steps have one of unlimited duration. */
struct cyc_segment {
    int64_t duration_ns; /* CYC_NEVER: until a cutoff */
    enum cyc_control control;
    double value;
    double slope_per_s;
    bool pulse; /* a pulse: resistances are taken from its onset */
};

/* A step, resolved to numbers. Lives in the source until it has ended; `segments` is borrowed from
 * the source for that time. Zero-initialised is a rest without end. */
struct cyc_step {
    enum cyc_mode mode;
    uint32_t id; /* number of the step in the protocol text, from 1: Step ID in the data */
    uint32_t
        cycle_number; /* number of the cycle it belongs to or comes after; 0 before the first */
    bool in_cycle;
    bool charging;           /* direction of charge/discharge steps and of a hold after them */
    char name[CYC_ID_SIZE];  /* the author's id, or "" */
    char label[CYC_ID_SIZE]; /* free text, or "" */
    char type[16]; /* Step Type in the data: CC_CHG, CC_DCH, CCCV_CHG, CV_CHG, REST, … */

    const struct cyc_segment *segments; /* borrowed */
    uint32_t segment_count;
    uint32_t repeat_count; /* the list of segments is walked so often; 0 and 1: once */
    double hold_V;         /* CCCV, CPCV: the voltage at which the hold begins; else NaN */
    double current_min_A;  /* compliance of VOLTAGE control */
    double current_max_A;
    bool sweep_from_present; /* the first segment starts from the voltage at entry instead of its
                                value; its end (value + slope * duration) and the magnitude of its
                                slope stay, its duration and sign follow */
    struct cyc_environment environment; /* NaN: unchanged */

    uint32_t scope_resets; /* bit per scope that begins anew with this step (1u << scope) */
    uint8_t block_depth;   /* blocks around the step */

    struct cyc_op ops[CYC_OPS_MAX];
    uint16_t op_count;
    struct cyc_cutoff cutoffs[CYC_CUTOFFS_MAX]; /* own first, then outwards */
    uint8_t cutoff_count;
    struct cyc_limit limits[CYC_LIMITS_MAX];
    uint8_t limit_count;
    struct cyc_slope slopes[CYC_SLOPES_MAX];
    uint8_t slope_count;
    struct cyc_record_rule record;
    int64_t resistance_at_ns[CYC_RESISTANCE_AT_MAX];
    uint8_t resistance_at_count;

    int64_t
        timeout_ns; /* stated or derived bound on step time; reaching it is a fault; CYC_NEVER */
    bool timeout_derived;
    enum cyc_interruption after_interruption;
    int64_t max_gap_ns;
};

/* ---- Results ------------------------------------------------------------------------------------
 */

enum cyc_fault_kind {
    CYC_FAULT_NONE,
    CYC_FAULT_LIMIT,      /* signal, level, value, bound */
    CYC_FAULT_TIMEOUT,    /* the step's stated timeout */
    CYC_FAULT_BOUND,      /* the step's derived bound */
    CYC_FAULT_PAUSE,      /* a pause did not resume in time */
    CYC_FAULT_STALE,      /* no fresh data */
    CYC_FAULT_INVALID,    /* NaN or overflow where a number is needed */
    CYC_FAULT_REPLY,      /* a command failed */
    CYC_FAULT_PROTECTION, /* the instrument's own protection tripped */
    CYC_FAULT_INFEASIBLE, /* the cell cannot follow the setpoint */
    CYC_FAULT_PROGRESS,   /* zero-time transitions without end */
    CYC_FAULT_INVARIANT   /* a defect of the program */
};

struct cyc_fault {
    enum cyc_fault_kind kind;
    uint8_t signal; /* enum cyc_signal */
    uint8_t index;  /* of AUX: which sensor; else 0 */
    uint8_t level;  /* enum cyc_level */
    double value;
    double bound;
    int64_t t_ns;
};

enum cyc_result_flag {
    CYC_RESULT_AT_ENTRY = 1u << 0,    /* the cutoff was already met when the step began */
    CYC_RESULT_EXACT = 1u << 1,       /* charge and energy are the instrument's own throughout */
    CYC_RESULT_ESTIMATED = 1u << 2,   /* a gap's charge is estimated */
    CYC_RESULT_PAUSED = 1u << 3,      /* it was paused at least once */
    CYC_RESULT_INTERRUPTED = 1u << 4, /* the host was away in the midst of it */
    CYC_RESULT_RESTARTED = 1u << 5    /* it began anew after that: all here counts from then on */
};

/* What became of a step: values at its end and sums since it began. */
struct cyc_result {
    uint32_t step_count; /* executions so far, this one included: Step Count in the data */
    enum cyc_reason reason;
    int16_t cutoff; /* index into step.cutoffs; -1: none (operator, profile end, fault) */
    enum cyc_follow_up action;
    int32_t tag;      /* of that cutoff */
    uint32_t flags;   /* enum cyc_result_flag */
    int64_t start_ns; /* run time */
    int64_t end_ns;
    int64_t step_time_ns; /* under the step's own setpoint */
    int64_t hold_time_ns;
    struct cyc_sums sums;
    double cc_capacity_Ah; /* charge + discharge before and in the hold */
    double cv_capacity_Ah;
    double start_voltage_V;
    double voltage_V, current_A, temperature_degC, ambient_degC, pressure_Pa; /* at the end */
    double peak_V;
    double aux[CYC_AUX_MAX];
    double slopes[CYC_SLOPES_MAX];
    double resistances_ohm[CYC_RESISTANCES_MAX]; /* in order of pulses, then of resistance_at */
    uint8_t resistance_count;
    struct cyc_fault fault;
};

/* A cycle: one pass of a `cycles` block ; NaN where undefined. */
struct cyc_cycle {
    uint32_t number;         /* over the whole run, from 1 */
    uint32_t pass;           /* of its block, from 1 */
    char block[CYC_ID_SIZE]; /* id of the block, or "" */
    bool complete;
    int64_t start_ns, end_ns;
    struct cyc_sums sums;
    double coulombic_efficiency;
    double energy_efficiency;
    double mean_charge_V;
    double mean_discharge_V;
    double retention; /* against the block's reference cycle */
};

#endif
