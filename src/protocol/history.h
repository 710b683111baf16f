/* What has happened so far, for the names of expressions: results of steps, passes of blocks,
 * cycles, sums per scope, where soc stands. Both sources keep one. Inside src/protocol only.
 *
 *   step ends ──► cyc_history_step     sums of all scopes, last, last_charge, step.<id>
 *   block     ──► cyc_history_enter    scope of the block begins anew
 *   pass      ──► cyc_history_pass_begin … cyc_history_pass_end ──► struct cyc_cycle
 *   block     ──► cyc_history_leave
 */
#ifndef CYC_PROTOCOL_HISTORY_H
#define CYC_PROTOCOL_HISTORY_H

#include "base/arena.h"
#include "protocol/expr.h"
#include "protocol/protocol.h"

/* Fields of a result or pass, by enum cyc_field; NaN: not known. */
struct cyc_outcome {
    double field[CYC_FIELD_COUNT];
};

/* The passes of one block over the whole run. */
struct cyc_passes {
    const char *id; /* borrowed; NULL: none */
    struct cyc_passes *next;
    const void *key;         /* what it belongs to: node of the plan, or NULL for scripts */
    uint32_t completed;      /* passes completed over the whole run */
    uint32_t reference_pass; /* for retention; 0: the first */
    bool counts_cycles;
    double reference_Ah; /* discharge capacity of the reference pass; NaN: not yet */
    struct cyc_outcome first, last, previous, best; /* valid as far as completed goes */
    struct cyc_outcome judged;                      /* `cycle` in leave_when */
    struct cyc_outcome *all;                        /* owned; every completed pass, when kept */
    uint32_t all_capacity;
};

#define CYC_HISTORY_BUCKETS 1024u

/* Sums of a scope, and since when. */
struct cyc_tally {
    struct cyc_sums sums;
    struct cyc_sums before; /* charge passed before the discharges, discharge before the charges */
    int64_t start_ns;
};

struct cyc_level_state { /* one block that is being carried out */
    struct cyc_passes *passes;
    uint32_t pass; /* of this visit, from 1 */
    uint32_t cycle_number;
    struct cyc_tally block, pass_tally;
};

struct cyc_history {
    const struct cyc_cell_facts *cell; /* borrowed */
    struct cyc_outcome last, last_charge, last_discharge;
    bool any, any_charge, any_discharge;
    struct cyc_step_slot { /* step.<id>: open addressing by name */
        const char *id;    /* owned by the arena */
        bool ended;
        struct cyc_outcome outcome;
    } * *slots;
    uint32_t slot_count, slot_capacity;
    struct cyc_arena arena; /* owns ids and outcomes */
    struct cyc_level_state levels[CYC_BLOCKS_MAX];
    unsigned depth;
    struct cyc_passes *blocks[CYC_HISTORY_BUCKETS]; /* owned lists, by the hash of id or key */
    struct cyc_outcome *cycles;                     /* owned; cycles[n] when kept */
    uint32_t cycle_capacity;
    bool keep_all;
    uint32_t cycle_number; /* the count of cycles, never falls */
    bool cycle_running;
    bool charging;           /* direction of the last charge or discharge */
    uint32_t pending_resets; /* scopes that begin anew with the next step */
    struct cyc_tally test, cycle;
    struct cyc_sums waiting; /* charge that no discharge has followed yet, and the reverse */
    int64_t now_ns;
    double setpoint_A; /* magnitude of the last current setpoint, for a hold after it; NaN: none */
    double present_V, present_A, present_degC, present_ambient_degC, present_Pa, present_peak_V;
    double soc_base, soc_net_Ah; /* soc when the net charge of the test was that */
    double full_capacity_Ah;     /* nominal until set; NaN: not known */
    double one_c_A;              /* NaN: not known */
    bool soc_known;
    const double *values; /* of the other variables, by index; borrowed; NaN: none yet */
    int value_count;
};

void cyc_history_init(struct cyc_history *history, const struct cyc_cell_facts *cell,
                      bool keep_all);
void cyc_history_release(struct cyc_history *history);

/* A step has ended. */
/* A step is taken as done without a result: what a hold after it needs to know. For previews. */
void cyc_history_assume(struct cyc_history *history, const struct cyc_step *step);
int cyc_history_step(struct cyc_history *history, const struct cyc_step *step,
                     const struct cyc_result *result, struct cyc_err *err);

/* Blocks nest: enter and leave in pairs; pass_begin and pass_end inside. `key` tells blocks without
 * id apart (may be NULL when id is given). */
int cyc_history_enter(struct cyc_history *history, const void *key, const char *id,
                      bool counts_cycles, uint32_t reference_pass, struct cyc_err *err);
void cyc_history_pass_begin(struct cyc_history *history);
/* Ends the pass of the innermost block: fills `cycle` (of a `repeat` block, too; number 0). A
 * complete pass can afterwards be judged by leave_when; cyc_history_pass_judged() then makes it
 * `previous` and, perhaps, `best`. */
int cyc_history_pass_end(struct cyc_history *history, bool complete, struct cyc_cycle *cycle,
                         struct cyc_err *err);
void cyc_history_pass_judged(struct cyc_history *history);
void cyc_history_leave(struct cyc_history *history);

void cyc_history_set_soc(struct cyc_history *history, double soc);
double cyc_history_soc(const struct cyc_history *history); /* now; NaN: not known */

/* Callbacks for struct cyc_expr_env; context must be the history. */
int cyc_history_reference(void *history, const struct cyc_ref *ref, double index, double *value,
                          struct cyc_err *err);
int cyc_history_present(void *history, const struct cyc_op *signal, double *value,
                        struct cyc_err *err);
int cyc_history_variable(void *history, int index, double *value, struct cyc_err *err);
/* Fills an env whose context is the history. */
void cyc_history_env(struct cyc_history *history, struct cyc_expr_env *env);
/* The outcome of a result, field by field (for Lua's result objects). */
void cyc_outcome_of_result(const struct cyc_step *step, const struct cyc_result *result,
                           const struct cyc_cell_facts *cell, struct cyc_outcome *outcome);

#endif
