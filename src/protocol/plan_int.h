/* What the files that compile a plan share. */
#ifndef CYC_PROTOCOL_PLAN_INT_H
#define CYC_PROTOCOL_PLAN_INT_H

#include "protocol/plan.h"

#define CYC_INCLUDE_DEPTH_MAX 8

/* A protocol or an included one. */
struct cyc_unit {
    const struct cyc_file *file; /* NULL: not from a file */
    struct cyc_unit *outer;
    const char *outer_prefix;   /* of ids where the include stands */
    struct cyc_pos current_pos; /* first step that passes current; line 0: none */
    struct cyc_pos pos;         /* of the unit's own limits, else of its start */
    bool limits_voltage, limits_current;
};

struct cyc_compiler {
    struct cyc_build *build;
    struct cyc_plan *plan;
    struct cyc_unit *unit;
    unsigned include_depth;
    bool sound; /* of the list that is being compiled */
    const struct cyc_setting *settings;
    unsigned setting_count;
};

/* A list of steps; `owner` is blamed when it is missing. */
bool cyc_compile_list(struct cyc_compiler *compiler, const struct cyc_node *list,
                      const struct cyc_node *owner, const char *key, struct cyc_plan_node *parent,
                      struct cyc_plan_node **first);
/* The method of another protocol, into the block. */
bool cyc_compile_include(struct cyc_compiler *compiler, const struct cyc_fields *fields,
                         struct cyc_plan_block *block);
/* A list of values of one kind. */
bool cyc_compile_values(struct cyc_build *build, const struct cyc_node *list,
                        const struct cyc_value **values, unsigned *count, enum cyc_kind *kind);
/* What these cutoffs spare the steps inside. */
void cyc_compile_bounds(struct cyc_build *build, const struct cyc_cutoffs *cutoffs);
/* Targets of goto and leave, ids in expressions: all that waited for the whole. */
bool cyc_compile_link(struct cyc_compiler *compiler);

#endif
