/* Expressions and conditions: Lua's operators and precedence, quantities with units, the names of
 * the language; every value has a kind and mixing kinds is an error at check time.
 *
 *     text ── cyc_expr_parse ──► typed tree ──┬── cyc_expr_value ──► a number, now
 *                                             └── cyc_expr_compile ─► postfix over the samples
 *
 * Names of the present (voltage, time, cycle.capacity, …) stay signals when compiled; everything
 * else (variables, results of steps and cycles) becomes a constant through the environment at the
 * moment the step starts.
 */
#ifndef CYC_PROTOCOL_EXPR_H
#define CYC_PROTOCOL_EXPR_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/quantity.h"
#include "core/types.h"

/* A result or cycle that a name refers to: last.capacity, step.check.capacity, first.…,
 * cycles.main.last.…, cycles.main[3].…, cycles[7].…. */
enum cyc_subject {
    CYC_SUBJECT_LAST,           /* last finished electrical step */
    CYC_SUBJECT_LAST_CHARGE,
    CYC_SUBJECT_LAST_DISCHARGE,
    CYC_SUBJECT_STEP,           /* step.<id> */
    CYC_SUBJECT_PASS,           /* `cycle` in leave_when: the pass just completed */
    CYC_SUBJECT_FIRST,          /* of the block around */
    CYC_SUBJECT_PREVIOUS,
    CYC_SUBJECT_BEST,
    CYC_SUBJECT_CYCLES_FIRST,   /* cycles.<id>.first */
    CYC_SUBJECT_CYCLES_LAST,
    CYC_SUBJECT_CYCLES_BEST,
    CYC_SUBJECT_CYCLES_INDEX,   /* cycles.<id>[k] or cycles[n]: index */
    CYC_SUBJECT_PASS_COUNT      /* `pass` */
};

/* The fields a subject can have; one table in expr.c gives name and kind of each. */
enum cyc_field {
    CYC_FIELD_NONE,
    /* of steps: the quantities at the end, the sums since the beginning, and: */
    CYC_FIELD_VOLTAGE, CYC_FIELD_CURRENT, CYC_FIELD_POWER, CYC_FIELD_TEMPERATURE,
    CYC_FIELD_AMBIENT_TEMPERATURE, CYC_FIELD_PRESSURE, CYC_FIELD_PEAK,
    CYC_FIELD_TIME, CYC_FIELD_HOLD_TIME,
    CYC_FIELD_CHARGE_CAPACITY, CYC_FIELD_DISCHARGE_CAPACITY, CYC_FIELD_NET_CAPACITY,
    CYC_FIELD_CAPACITY, CYC_FIELD_CHARGE_ENERGY, CYC_FIELD_DISCHARGE_ENERGY, CYC_FIELD_ENERGY,
    CYC_FIELD_MEAN_VOLTAGE, CYC_FIELD_SPECIFIC_CAPACITY, CYC_FIELD_CC_CAPACITY,
    CYC_FIELD_CV_CAPACITY, CYC_FIELD_RESISTANCE, CYC_FIELD_REASON,
    CYC_FIELD_START_VOLTAGE,
    /* of cycles, beside the sums and time: */
    CYC_FIELD_NUMBER, CYC_FIELD_PASS, CYC_FIELD_COULOMBIC_EFFICIENCY,
    CYC_FIELD_ENERGY_EFFICIENCY, CYC_FIELD_MEAN_CHARGE_VOLTAGE,
    CYC_FIELD_MEAN_DISCHARGE_VOLTAGE, CYC_FIELD_RETENTION,
    CYC_FIELD_COUNT
};

struct cyc_ref {
    enum cyc_subject subject;
    enum cyc_field field;
    const char *id;              /* of the step or block; NULL: none */
    const struct cyc_expr *index; /* [k]; NULL: none */
    struct cyc_pos pos;
};

/* What the text may refer to; filled by the caller of cyc_expr_parse(). */
struct cyc_expr_scope {
    const struct cyc_cell_basis *cell; /* literals in C, mA/g, mAh/cm2 become absolute with it */
    const char *reference;             /* reference electrode of voltages without `vs` (or NULL) */
    /* `4.6 V vs Li/Li+` → offset to subtract; error text through err. May be NULL: `vs` refused. */
    int (*reference_offset)(void *context, const char *name, size_t size, double *offset_V,
                            struct cyc_err *err);
    /* A variable or parameter: its index (for cyc_expr_env.variable) and kind; false: no such. */
    bool (*variable)(void *context, const char *name, size_t size, int *index,
                     enum cyc_kind *kind);
    /* A sensor name of cell or rig: index into sample.aux and kind; false: no such. */
    bool (*sensor)(void *context, const char *name, size_t size, int *index, enum cyc_kind *kind);
    void *context;
    bool present;    /* names of the present are allowed (conditions, not setpoints) */
    bool pass;       /* inside leave_when: cycle, first, previous, best are passes */
    bool soc_known;  /* the protocol has said where soc stands */
    bool one_c_varies; /* 1C may change: literals in C are no constants */
    int block_depth; /* blocks around: for `block.` (the innermost) and `pass` */
    bool in_cycle;   /* for `cycle.` */
};

struct cyc_expr; /* owned by the arena */

/* Parses a whole text; the first mistake goes to diags with its place inside pos (line of pos,
 * column advanced). NULL when there was one. A lone quantity is an expression too.
 *
 * Texts: last.reason == "voltage". A rate of current compared with a relative rate
 * (`abs(dI/dt) < 1 %/h`) is taken relative to the magnitude of the present current. */
const struct cyc_expr *cyc_expr_parse(const char *text, size_t size, struct cyc_pos pos,
                                      const struct cyc_expr_scope *scope,
                                      struct cyc_arena *arena, struct cyc_diags *diags);
/* A constant of a kind, already absolute (a value from Lua's q()). */
const struct cyc_expr *cyc_expr_constant(double value, enum cyc_kind kind, struct cyc_pos pos,
                                         struct cyc_arena *arena);
enum cyc_kind cyc_expr_kind(const struct cyc_expr *expr); /* BOOLEAN for conditions */
bool cyc_expr_is_constant(const struct cyc_expr *expr, double *value);
struct cyc_pos cyc_expr_pos(const struct cyc_expr *expr);

/* What is known when a value is computed. Outside leave_when the only fields asked of
 * CYC_SUBJECT_PASS are NUMBER and PASS: those of the cycle that is running. */
struct cyc_expr_env {
    int (*variable)(void *context, int index, double *value, struct cyc_err *err);
    /* NaN for what does not exist yet (say, `previous` in the first pass). */
    int (*reference)(void *context, const struct cyc_ref *ref, double index, double *value,
                     struct cyc_err *err);
    /* A present value outside a step: only asked for by cyc_expr_value(). */
    int (*present)(void *context, const struct cyc_op *signal, double *value,
                   struct cyc_err *err);
    void *context;
    /* soc = soc_at_start + net_capacity of the step / full_capacity_Ah; cyc_expr_value() takes
     * soc_at_start as it is. */
    double soc_at_start, full_capacity_Ah;
    double one_c_A; /* what 1C means now (`let: one_c`); 0 or NaN: as when the text was read */
};

/* The value now. Booleans give 0 or 1; a comparison with NaN is unknown, and a condition that
 * comes out unknown is false (also `not` and `~=` of what does not exist). */
int cyc_expr_value(const struct cyc_expr *expr, const struct cyc_expr_env *env, double *value,
                   struct cyc_err *err);
/* Appends the condition to step->ops (slopes to step->slopes) with all but the present folded.
 * `over_ns`: window of slopes, 0: 5 min; `resolution`: of voltage, current, temperature (for the
 * rule of 4 resolutions). CYC_E_BOUND: it does not fit. */
int cyc_expr_compile(const struct cyc_expr *expr, const struct cyc_expr_env *env, int64_t over_ns,
                     const double resolution[3], struct cyc_step *step,
                     struct cyc_condition *condition, struct cyc_err *err);

/* For the static checks. */
struct cyc_expr_use {
    uint32_t signals; /* bit per enum cyc_signal that is read */
    bool slope;
    bool history; /* reads results or variables */
    /* A comparison of one present signal with a constant: `signal op value`; else signal COUNT. */
    uint8_t signal, scope;
    bool magnitude;
    enum cyc_op_code comparison;
    double value;
    bool names_electrode; /* a voltage in it says `vs` */
    bool bare_potential;  /* it compares a potential with a voltage that does not say `vs` */
};
void cyc_expr_use(const struct cyc_expr *expr, struct cyc_expr_use *use);
/* Calls fn for every reference (for "no step has this id"). */
void cyc_expr_each_ref(const struct cyc_expr *expr,
                       void (*fn)(void *context, const struct cyc_ref *ref), void *context);
/* "discharge_capacity": the word of a field; "" for NONE. */
const char *cyc_field_name(enum cyc_field field);
/* The field of a step's result or of a cycle; false: it has no such field. */
bool cyc_field_find(const char *word, bool of_cycle, enum cyc_field *field, enum cyc_kind *kind);
/* Names that no parameter, variable or id may have; ended by NULL. */
const char *const *cyc_reserved_words(void);

#endif
