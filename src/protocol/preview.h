/* Walking a plan before it runs, each step resolved as far as the parameters allow. Inside
 * src/protocol only. */
#ifndef CYC_PROTOCOL_PREVIEW_H
#define CYC_PROTOCOL_PREVIEW_H

#include "protocol/protocol_int.h"

/* What a walk meets; any may be NULL but `step`. */
struct cyc_plan_visitor {
    void *context;
    /* `resolver->step` is the step in numbers; resolver NULL: its setpoint needs results. */
    void (*step)(void *context, const struct cyc_plan_step *plan,
                 const struct cyc_resolver *resolver);
    /* The setpoint is known, and the step would be refused when its turn comes. */
    void (*refused)(void *context, const struct cyc_plan_step *plan, const struct cyc_err *err);
    void (*enter)(void *context, const struct cyc_plan_block *block,
                  const struct cyc_preview *preview);
    void (*otherwise)(void *context, const struct cyc_plan_block *block); /* before `else` */
    void (*leave)(void *context, const struct cyc_plan_block *block);
    void (*flow)(void *context, const struct cyc_plan_node *node); /* let, note, goto, … */
    void (*finally)(void *context); /* the steps of `finally` follow */
    bool once;                      /* `each` with its first values only, not with all of them */
};
int cyc_plan_visit(const struct cyc_plan *plan, const struct cyc_cell_facts *cell,
                   const struct cyc_plan_visitor *visitor, struct cyc_err *err);

#endif
