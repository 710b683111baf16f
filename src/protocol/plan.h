/* The plan: a YAML protocol compiled to an immutable tree of blocks and steps. Inside src/protocol
 * only.
 *
 *   protocol ─ method ─► node ─► node ─► node          `next` joins the nodes of a list,
 *                                 │                    `parent` leads to the block around
 *                                 └ first ─► node ─► node
 */
#ifndef CYC_PROTOCOL_PLAN_H
#define CYC_PROTOCOL_PLAN_H

#include "protocol/step.h"

#define CYC_PLAN_BLOCKS_MAX 4096u /* of one plan: a run keeps the passes of each */

/* Any item of a list of steps; `kind` says which of the structs below it begins. */
struct cyc_plan_node {
    uint8_t kind;   /* enum cyc_step_kind */
    uint8_t depth;  /* blocks around (that count for block. and pass) */
    uint32_t order; /* in the text: backward jumps go to a smaller one */
    struct cyc_plan_node *next;
    struct cyc_plan_node *parent; /* block, include or if around; NULL: method or finally */
};

/* CHARGE … ASK */
struct cyc_plan_step {
    struct cyc_plan_node node;
    struct cyc_step_plan step;
};

/* A name gets a value. */
struct cyc_assignment {
    int variable; /* CYC_ASSIGN_SOC or an index */
    struct cyc_value value;
    const char *name;
    struct cyc_pos pos;
};
#define CYC_ASSIGN_SOC (-1)

struct cyc_each_list {
    int variable;
    const char *name;
    const struct cyc_value *values; /* as many as the block has passes */
};

/* REPEAT, CYCLES, EACH, INCLUDE, IF */
struct cyc_plan_block {
    struct cyc_plan_node node;
    const char *id;    /* with prefix, or NULL */
    const char *label; /* or NULL */
    struct cyc_pos pos;
    struct cyc_plan_node *first;      /* steps, then, the included method */
    struct cyc_plan_node *otherwise;  /* IF: else */
    const struct cyc_expr *condition; /* IF: the condition; REPEAT, CYCLES: leave_when */
    struct cyc_value count;           /* REPEAT, CYCLES */
    struct cyc_value reference_pass;  /* CYCLES */
    struct cyc_rules rules;
    const struct cyc_each_list *each; /* EACH */
    unsigned each_count;
    unsigned each_length;
    const struct cyc_assignment *assignments; /* INCLUDE: its parameters */
    unsigned assignment_count;
    struct cyc_rules own; /* INCLUDE: limits, record and cutoffs of the included protocol */
    const char *file;     /* INCLUDE */
};

/* LET */
struct cyc_plan_let {
    struct cyc_plan_node node;
    struct cyc_pos pos;
    const struct cyc_assignment *assignments;
    unsigned assignment_count;
};

/* NOTE, GOTO, LEAVE, STOP, FAIL */
struct cyc_plan_flow {
    struct cyc_plan_node node;
    struct cyc_pos pos;
    const char *text;   /* NOTE, STOP, FAIL; "" if none */
    const char *target; /* GOTO, LEAVE: id with prefix; NULL: innermost block */
    const struct cyc_plan_node *target_node;
};

struct cyc_expect_plan {
    const char *name; /* the expression, as written */
    const char *unit;
    enum cyc_kind kind;
    double factor; /* value in the unit × factor = SI */
    const struct cyc_expr *value, *is, *within;
    const char *source;
    struct cyc_pos pos;
};

struct cyc_plan {
    struct cyc_plan_node *method, *finally;
    struct cyc_rules rules;         /* of the protocol */
    struct cyc_rules finally_rules; /* the same without cutoffs */
    const struct cyc_assignment *parameters;
    unsigned parameter_count;
    const struct cyc_expect_plan *expects;
    unsigned expect_count;
    int variable_count;
    uint32_t step_count;
    uint32_t node_count;
    bool keep_cycles; /* some expression reads cycles by number */
    bool soc_set;
};

/* Views of a node; the kind must fit. */
static inline const struct cyc_plan_step *cyc_plan_as_step(const struct cyc_plan_node *node)
{
    return (const struct cyc_plan_step *)(const void *)node;
}
static inline const struct cyc_plan_block *cyc_plan_as_block(const struct cyc_plan_node *node)
{
    return (const struct cyc_plan_block *)(const void *)node;
}
static inline const struct cyc_plan_let *cyc_plan_as_let(const struct cyc_plan_node *node)
{
    return (const struct cyc_plan_let *)(const void *)node;
}
static inline const struct cyc_plan_flow *cyc_plan_as_flow(const struct cyc_plan_node *node)
{
    return (const struct cyc_plan_flow *)(const void *)node;
}

/* A step's or block's id, or NULL; the place of any node. */
const char *cyc_plan_id(const struct cyc_plan_node *node);
struct cyc_pos cyc_plan_pos(const struct cyc_plan_node *node);
/* Calls fn for every node of a list and of the lists inside, in written order. */
void cyc_plan_walk(const struct cyc_plan_node *list,
                   void (*fn)(void *context, const struct cyc_plan_node *node), void *context);

/* A history that knows the parameters and nothing else, for looking at a plan before it runs:
 * values that need more come out as NaN. Release with cyc_plan_preview_release(). */
struct cyc_preview {
    struct cyc_history history;
    struct cyc_expr_env env;
    double *values; /* owned */
};
int cyc_plan_preview_init(struct cyc_preview *preview, const struct cyc_plan *plan,
                          const struct cyc_cell_facts *cell, struct cyc_err *err);
void cyc_plan_preview_release(struct cyc_preview *preview);
/* The number, or NaN where it is not known yet. */
double cyc_preview_value(const struct cyc_preview *preview, const struct cyc_value *value);
/* Cycles of the whole plan; 0: not known. */
uint32_t cyc_plan_cycle_count(const struct cyc_plan *plan, struct cyc_preview *preview);

/* The rest of the header, method and finally of the protocol at `root`. False: mistakes in diags.
 */
bool cyc_plan_compile(struct cyc_build *build, const struct cyc_node *root,
                      const struct cyc_fields *header, const struct cyc_setting *settings,
                      unsigned setting_count, struct cyc_plan *plan);

#endif
