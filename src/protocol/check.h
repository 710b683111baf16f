/* Static checks beyond grammar and kinds: does this protocol do what its author can have meant?
 * Inside src/protocol only.
 *
 * Each step is resolved to numbers as it would be at run time (values that only a run can know are
 * left out) and held against its own setpoint, its cutoffs, its bounds and the limits around it;
 * lists are searched for steps that are never reached and loops that move no charge; numbers are
 * held against the cell, so that a unit that is a thousand times off is noticed.
 */
#ifndef CYC_PROTOCOL_CHECK_H
#define CYC_PROTOCOL_CHECK_H

#include "protocol/plan.h"

/* What has been seen of a protocol so far. Plain data. */
struct cyc_checker {
    const struct cyc_cell_facts *cell;
    struct cyc_diags *diags;
    struct cyc_demands *demands; /* NULL: counted elsewhere */
    double one_c_A;    /* NaN: not known */
    double nominal_Ah; /* nominal, else what 1C passes in 2 h; NaN: not known */
    double low_V, high_V, most_A; /* over all steps; NaN: nothing yet */
    double charge_end_V, discharge_end_V; /* of the latest such step; NaN: none */
    struct cyc_pos charge_end_pos, discharge_end_pos;
    double cc_end_V; /* of the step directly before, if it was one without hold; NaN */
    struct cyc_pos cc_end_pos;
    double full_A; /* current of the latest step that filled or emptied the cell; NaN: none */
    double full_V; /* where it ended */
    bool full_charging;
    struct cyc_pos full_pos;
    bool moves; /* a step that passes current was seen */
    const struct cyc_plan_node *method; /* to look for targets of goto; NULL for scripts */
};

void cyc_checker_init(struct cyc_checker *checker, const struct cyc_cell_facts *cell,
                      struct cyc_diags *diags);
/* A step that has just been resolved. */
void cyc_check_step(struct cyc_checker *checker, const struct cyc_step_plan *plan,
                    const struct cyc_resolver *resolver);
/* When all steps were seen: are the protocol's limits of the scale of its steps? */
void cyc_check_limits_scale(const struct cyc_checker *checker, const struct cyc_limits *limits);

/* All of the above for a plan, and its lists; on the way what the whole asks of a channel. */
void cyc_check_plan(const struct cyc_plan *plan, const struct cyc_cell_facts *cell,
                    struct cyc_diags *diags, struct cyc_demands *demands);

#endif
