/* Inside of a loaded protocol and of its sources; seen only by src/protocol. */
#ifndef CYC_PROTOCOL_PROTOCOL_INT_H
#define CYC_PROTOCOL_PROTOCOL_INT_H

#include "protocol/plan.h"
#include "protocol/profile.h"

struct cyc_script; /* a Lua protocol, loaded; see script.h */

struct cyc_protocol {
    struct cyc_arena arena; /* owns all that follows and the plan */
    const char *name;
    const char *source_text;
    struct cyc_cell_facts cell; /* in force */
    struct cyc_demands demands;
    struct cyc_plan plan;      /* of a YAML protocol */
    struct cyc_script *script; /* owned; NULL: a plan */
    struct cyc_protocol_file *files;
    unsigned file_count;
};

/* What a source can do; the public functions only hand on. Sources of both kinds begin with a
 * struct cyc_source. */
struct cyc_source_ops {
    int (*next)(struct cyc_source *source, const struct cyc_result *result, struct cyc_item *item,
                struct cyc_err *err);
    unsigned (*expectations)(struct cyc_source *source, const struct cyc_expectation **rows);
    void (*progress)(const struct cyc_source *source, struct cyc_source_progress *progress);
    void (*close)(struct cyc_source *source);
};
struct cyc_source {
    const struct cyc_source_ops *ops;
    const struct cyc_protocol *protocol;
};

int cyc_plan_source_open(const struct cyc_protocol *protocol, struct cyc_source **source,
                         struct cyc_err *err);

/* A row of `expect` in what has come about. */
void cyc_expect_value(const struct cyc_expect_plan *plan, const struct cyc_expr_env *env,
                      struct cyc_expectation *row);

/* A list of nodes that a script hands over (an include, a let, its finally): carried out with the
 * script's own history and values until CYC_ITEM_END. The history is the source's until
 * cyc_list_source_close() gives it back. */
struct cyc_list_options {
    const struct cyc_plan *plan;          /* method: the list; finally: NULL */
    const struct cyc_rules *const *rules; /* in force, outermost first */
    unsigned rule_count;
    struct cyc_history *history;
    double *values;
    bool finally;           /* after `fail` only its climate steps are carried out */
    enum cyc_finish finish; /* with finally: how the script ended */
};
int cyc_list_source_open(const struct cyc_protocol *protocol,
                         const struct cyc_list_options *options, struct cyc_source **source,
                         struct cyc_err *err);
/* The step that it handed out last, as written and in numbers; NULL: none. */
const struct cyc_step_plan *cyc_list_source_step(const struct cyc_source *source,
                                                 const struct cyc_resolver **resolver);
void cyc_list_source_close(struct cyc_source *source, struct cyc_history *history);

/* Why a source ends after a step: "step 3 'up': cutoff of time, action stop". */
void cyc_source_say_why(const struct cyc_step *step, const struct cyc_result *result, char *why,
                        size_t size);

/* Widens the demands by what a resolved step asks; by what its limits and record rule ask. */
void cyc_demands_init(struct cyc_demands *demands);
void cyc_demands_add_step(struct cyc_demands *demands, const struct cyc_step *step,
                          struct cyc_pos pos);
/* The same for a step of a plan before it runs; resolver NULL: its numbers are not known yet. */
void cyc_demands_add_planned(struct cyc_demands *demands, const struct cyc_plan_step *plan,
                             const struct cyc_resolver *resolver);
#endif
