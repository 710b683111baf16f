/* The walk of the static checks: one resolved step after the other, and what lists and loops show
 * beyond their steps. The checks of a single step stand in check_meaning.c and check_scale.c.
 *
 * Blocks are walked once, `each` once per pass with its names set: a mistake that shows in several
 * passes is one diagnostic, since it has one place and one text.
 */
#include "protocol/check_int.h"
#include "protocol/preview.h"

#include <string.h>

#define EDGE 0.15 /* part of the voltage limits that counts as their edge */

void cyc_checker_init(struct cyc_checker *checker, const struct cyc_cell_facts *cell,
                      struct cyc_diags *diags)
{
    *checker = (struct cyc_checker){.cell = cell,
                                    .diags = diags,
                                    .one_c_A = NAN,
                                    .nominal_Ah = NAN,
                                    .low_V = NAN,
                                    .high_V = NAN,
                                    .most_A = NAN,
                                    .charge_end_V = NAN,
                                    .discharge_end_V = NAN,
                                    .cc_end_V = NAN,
                                    .full_A = NAN};
    if (cyc_one_c_A(&cell->basis, &checker->one_c_A, NULL, NULL) != CYC_OK) {
        checker->one_c_A = NAN;
    }
    if (cyc_nominal_capacity_Ah(&cell->basis, &checker->nominal_Ah, NULL) != CYC_OK) {
        checker->nominal_Ah = 2.0 * checker->one_c_A;
    }
}

/* ---- Atoms and places --------------------------------------------------------------------------
 */

bool cyc_check_next_atom(const struct cyc_step *step, const struct cyc_condition *condition,
                         unsigned *at, struct cyc_check_atom *atom)
{
    const unsigned end = (unsigned)condition->first + condition->count;
    for (unsigned i = *at < condition->first ? condition->first : *at; i + 2 < end; i++) {
        const struct cyc_op *const op = &step->ops[i];
        const bool magnitude = op[1].code == CYC_OP_ABS;
        const unsigned last = i + 2 + (magnitude ? 1 : 0);
        if (op->code != CYC_OP_SIGNAL || last >= end || step->ops[last - 1].code != CYC_OP_CONST ||
            step->ops[last].code < CYC_OP_LT || step->ops[last].code > CYC_OP_GE) {
            continue;
        }
        *atom = (struct cyc_check_atom){.signal = op->signal,
                                        .scope = op->scope,
                                        .index = op->index,
                                        .comparison = step->ops[last].code,
                                        .magnitude = magnitude,
                                        .value = step->ops[last - 1].value};
        *at = last + 1;
        return true;
    }
    return false;
}

bool cyc_check_only_atom(const struct cyc_step *step, const struct cyc_condition *condition,
                         struct cyc_check_atom *atom)
{
    unsigned at = condition->first;
    return cyc_check_next_atom(step, condition, &at, atom) &&
           at == (unsigned)condition->first + condition->count &&
           condition->count == (atom->magnitude ? 4u : 3u);
}

bool cyc_check_upward(const struct cyc_check_atom *atom)
{
    return atom->comparison == CYC_OP_GT || atom->comparison == CYC_OP_GE;
}

bool cyc_check_downward(const struct cyc_check_atom *atom)
{
    return atom->comparison == CYC_OP_LT || atom->comparison == CYC_OP_LE;
}

bool cyc_check_holds(const struct cyc_check_atom *atom, double value)
{
    const double left = atom->magnitude ? fabs(value) : value;
    return (atom->comparison == CYC_OP_LT && left < atom->value) ||
           (atom->comparison == CYC_OP_LE && left <= atom->value) ||
           (atom->comparison == CYC_OP_GT && left > atom->value) ||
           (atom->comparison == CYC_OP_GE && left >= atom->value);
}

bool cyc_check_is_step_sum(const struct cyc_check_atom *atom)
{
    return atom->signal >= CYC_SIGNAL_TIME && atom->scope == CYC_SCOPE_STEP &&
           atom->signal != CYC_SIGNAL_NET_CAPACITY && atom->signal != CYC_SIGNAL_NET_ENERGY;
}

const char *cyc_check_value(char text[CYC_CHECK_TEXT], unsigned signal, double value)
{
    return cyc_quantity_text(text, CYC_CHECK_TEXT, value, cyc_signal_kind(signal));
}

struct cyc_pos cyc_check_cutoff_pos(const struct cyc_check_view *view, unsigned cutoff)
{
    const struct cyc_cutoff_plan *const plan = view->resolver->cutoffs[cutoff];
    return plan != NULL ? plan->pos : view->plan->pos;
}

int cyc_check_edge(const struct cyc_step *step, double voltage_V)
{
    double low_V = -INFINITY;
    double high_V = INFINITY;
    for (unsigned i = 0; i < step->limit_count; i++) {
        if (step->limits[i].signal == CYC_SIGNAL_VOLTAGE) {
            low_V = fmax(low_V, step->limits[i].low);
            high_V = fmin(high_V, step->limits[i].high);
        }
    }
    const double margin_V = EDGE * (high_V - low_V);
    if (!isfinite(margin_V) || isnan(voltage_V)) {
        return 0;
    }
    return voltage_V < low_V + margin_V ? -1 : voltage_V > high_V - margin_V ? 1 : 0;
}

double cyc_check_current_A(const struct cyc_step *step)
{
    double most_A = NAN;
    for (uint32_t i = 0; i < step->segment_count; i++) {
        if (step->segments[i].control == CYC_CONTROL_CURRENT) {
            most_A = fmax(most_A, fabs(step->segments[i].value)); /* fmax passes NaN over */
        }
    }
    return most_A;
}

/* ---- Steps in their order
 * ------------------------------------------------------------------------ */

/* The voltage at which a charge or discharge ends; NaN: by something else. */
static double end_voltage(const struct cyc_check_view *view, struct cyc_pos *pos)
{
    const struct cyc_step *const step = view->step;
    struct cyc_check_atom atom;
    *pos = view->plan->pos;
    if (step->mode == CYC_MODE_CCCV || step->mode == CYC_MODE_CPCV) {
        return step->hold_V;
    }
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        if (view->resolver->owners[i] < 0 &&
            cyc_check_only_atom(step, &step->cutoffs[i].when, &atom) &&
            atom.signal == CYC_SIGNAL_VOLTAGE && step->cutoffs[i].action != CYC_FOLLOW_FAIL) {
            *pos = cyc_check_cutoff_pos(view, i);
            return atom.value;
        }
    }
    return NAN;
}

static bool check_window(const struct cyc_check_view *view, double end_V, struct cyc_pos pos)
{
    struct cyc_checker *const checker = view->checker;
    const bool charging = view->step->charging;
    const double other_V = charging ? checker->discharge_end_V : checker->charge_end_V;
    const bool crossed = charging ? end_V <= other_V : end_V >= other_V; /* false with NaN */
    if (crossed) {
        char here[CYC_CHECK_TEXT];
        char there[CYC_CHECK_TEXT];
        struct cyc_diag *const diag = cyc_diags_add(
            checker->diags, CYC_SEVERITY_WARNING, pos,
            "this %s ends at %s, where the cell already is after the %s to %s",
            charging ? "charge" : "discharge", cyc_check_value(here, CYC_SIGNAL_VOLTAGE, end_V),
            charging ? "discharge" : "charge", cyc_check_value(there, CYC_SIGNAL_VOLTAGE, other_V));
        diag->hint = "a charge ends above the discharge before it; are the two voltages swapped?";
        diag->related = charging ? checker->discharge_end_pos : checker->charge_end_pos;
        diag->related_text = charging ? "the discharge ends here" : "the charge ends here";
    }
    if (charging) {
        checker->charge_end_V = end_V;
        checker->charge_end_pos = pos;
        checker->discharge_end_V = NAN;
    } else {
        checker->discharge_end_V = end_V;
        checker->discharge_end_pos = pos;
        checker->charge_end_V = NAN;
    }
    return !crossed;
}

/* A charge that ends near the lower limit, a discharge that ends near the upper one. */
static void check_edge(const struct cyc_check_view *view, double end_V, struct cyc_pos pos)
{
    const bool charging = view->step->charging;
    if (cyc_check_edge(view->step, end_V) == (charging ? -1 : 1)) {
        char text[CYC_CHECK_TEXT];
        cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING, pos,
                      "this %s ends at %s, next to the %s limit", charging ? "charge" : "discharge",
                      cyc_check_value(text, CYC_SIGNAL_VOLTAGE, end_V),
                      charging ? "lower" : "upper")
            ->hint = "is it a charge or a discharge?";
    }
}

/* A full cell that is charged on, an empty one that is discharged on, with no less current and to
 * no voltage further on. */
static void check_again(const struct cyc_check_view *view, double end_V)
{
    struct cyc_checker *const checker = view->checker;
    const struct cyc_step *const step = view->step;
    const double current_A = cyc_check_current_A(step);
    const bool reaches = cyc_check_edge(step, end_V) == (step->charging ? 1 : -1);
    const bool further = step->charging ? end_V > checker->full_V : end_V < checker->full_V;
    if (step->charging == checker->full_charging && current_A >= checker->full_A && !further) {
        struct cyc_diag *const diag =
            cyc_diags_add(checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
                          step->charging ? "this charge begins with a full cell"
                                         : "this discharge begins with an empty cell");
        diag->hint = "is it a charge or a discharge?";
        diag->related = checker->full_pos;
        diag->related_text = "it came to its end here";
    }
    checker->full_A = reaches ? current_A : NAN;
    checker->full_V = end_V;
    checker->full_charging = step->charging;
    checker->full_pos = view->plan->pos;
}

static void check_hold_after(const struct cyc_check_view *view)
{
    const struct cyc_checker *const checker = view->checker;
    const double hold_V = view->step->segments[0].value;
    if (fabs(checker->cc_end_V - hold_V) > 1e-6) { /* false with NaN */
        char here[CYC_CHECK_TEXT];
        char there[CYC_CHECK_TEXT];
        struct cyc_diag *const diag =
            cyc_diags_add(checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
                          "this hold is at %s, but the step before ends at %s",
                          cyc_check_value(here, CYC_SIGNAL_VOLTAGE, hold_V),
                          cyc_check_value(there, CYC_SIGNAL_VOLTAGE, checker->cc_end_V));
        diag->hint = "write one step, `charge: …` with `hold: …`, or make the two voltages equal";
        diag->related = checker->cc_end_pos;
        diag->related_text = "the step before ends here";
    }
}

static void use_voltage(struct cyc_checker *checker, double voltage_V)
{
    if (isfinite(voltage_V)) {
        checker->low_V = fmin(checker->low_V, voltage_V);
        checker->high_V = fmax(checker->high_V, voltage_V);
    }
}

/* The state of the cell is not known from here on. */
static void forget(struct cyc_checker *checker)
{
    checker->charge_end_V = checker->discharge_end_V = checker->cc_end_V = checker->full_A = NAN;
}

static void check_order(const struct cyc_check_view *view)
{
    struct cyc_checker *const checker = view->checker;
    const struct cyc_step *const step = view->step;
    struct cyc_pos pos;
    double end_V = NAN;
    switch (step->mode) {
    case CYC_MODE_CC:
    case CYC_MODE_CP:
    case CYC_MODE_CR:
    case CYC_MODE_CCCV:
    case CYC_MODE_CPCV:
        end_V = end_voltage(view, &pos);
        if (check_window(view, end_V, pos)) {
            check_edge(view, end_V, pos);
        }
        check_again(view, end_V);
        checker->cc_end_V = isnan(step->hold_V) ? end_V : NAN;
        checker->cc_end_pos = pos;
        break;
    case CYC_MODE_CV:
        check_hold_after(view);
        end_V = step->segments[0].value;
        checker->cc_end_V = NAN;
        forget(checker);
        break;
    case CYC_MODE_SWEEP:
    case CYC_MODE_PROFILE:
    case CYC_MODE_PULSE:
        forget(checker);
        break;
    case CYC_MODE_REST:
    case CYC_MODE_IMPEDANCE:
    case CYC_MODE_TEMPERATURE:
    case CYC_MODE_PRESSURE:
    case CYC_MODE_ASK:
        checker->cc_end_V = NAN;
        return;
    }
    use_voltage(checker, end_V);
    for (uint32_t i = 0; step->mode == CYC_MODE_SWEEP && i < step->segment_count; i++) {
        const struct cyc_segment *const part = &step->segments[i];
        use_voltage(checker, part->value + part->slope_per_s * (double)part->duration_ns / 1e9);
    }
    checker->most_A = fmax(checker->most_A, cyc_check_current_A(step));
    if (isfinite(step->current_max_A) && step->current_max_A > 0.0) {
        checker->most_A = fmax(checker->most_A, step->current_max_A);
    }
    checker->moves = true;
}

void cyc_check_step(struct cyc_checker *checker, const struct cyc_step_plan *plan,
                    const struct cyc_resolver *resolver)
{
    const struct cyc_check_view view = {checker, plan, &resolver->step, resolver};
    cyc_check_meaning(&view);
    cyc_check_scale(&view);
    check_order(&view);
}

/* ---- The plan
 * -------------------------------------------------------------------------------------- */

static void on_step(void *context, const struct cyc_plan_step *plan,
                    const struct cyc_resolver *resolver)
{
    struct cyc_checker *const checker = context;
    if (checker->demands != NULL) {
        cyc_demands_add_planned(checker->demands, plan, resolver);
    }
    if (resolver == NULL) {
        cyc_check_constants(checker, &plan->step);
        forget(checker);
        return;
    }
    cyc_check_step(checker, &plan->step, resolver);
    if (resolver->unknown_cutoffs > 0) {
        forget(checker);
    }
}

static void on_refused(void *context, const struct cyc_plan_step *plan, const struct cyc_err *err)
{
    struct cyc_checker *const checker = context;
    (void)cyc_diags_add(checker->diags, CYC_SEVERITY_ERROR, plan->step.pos, "%s", err->text);
}

/* Whether anything inside moves charge, waits for a person or climate, or leaves the loop. */
static void note_movement(void *context, const struct cyc_plan_node *node)
{
    bool *const moves = context;
    *moves = *moves || (node->kind != CYC_STEP_REST && node->kind != CYC_STEP_REPEAT &&
                        node->kind != CYC_STEP_CYCLES && node->kind != CYC_STEP_EACH &&
                        node->kind != CYC_STEP_NOTE && node->kind != CYC_STEP_LET &&
                        node->kind != CYC_STEP_IF && node->kind != CYC_STEP_INCLUDE);
}

static void on_enter(void *context, const struct cyc_plan_block *block,
                     const struct cyc_preview *preview)
{
    struct cyc_checker *const checker = context;
    bool moves = false;
    cyc_plan_walk(block->first, note_movement, &moves);
    const bool loops = block->node.kind == CYC_STEP_REPEAT || block->node.kind == CYC_STEP_CYCLES;
    if (loops && !moves && !(cyc_preview_value(preview, &block->count) < 2.0)) {
        cyc_diags_add(checker->diags, CYC_SEVERITY_WARNING, block->pos, "this loop moves no charge")
            ->hint = "a single rest of the whole time does the same";
    }
    if (block->node.kind == CYC_STEP_IF) {
        forget(checker);
    }
}

static void on_other_branch(void *context, const struct cyc_plan_block *block)
{
    (void)block;
    forget(context);
}

static void on_leave(void *context, const struct cyc_plan_block *block)
{
    if (block->node.kind == CYC_STEP_IF) {
        forget(context);
    }
}

static void on_finally(void *context)
{
    forget(context);
}

/* ---- What is never reached
 * ---------------------------------------------------------------------------- */

struct target_search {
    const struct cyc_plan_node *wanted;
    bool found;
};

static void find_target(void *context, const struct cyc_plan_node *node)
{
    struct target_search *const search = context;
    if (node->kind == CYC_STEP_GOTO) {
        search->found = search->found || cyc_plan_as_flow(node)->target_node == search->wanted;
    } else if (node->kind <= CYC_STEP_ASK) {
        const struct cyc_step_plan *const step = &cyc_plan_as_step(node)->step;
        for (unsigned i = 0; i < step->cutoff_count; i++) {
            const struct cyc_cutoff_more *const more = step->cutoffs[i].more;
            search->found = search->found || (more != NULL && more->target_node == search->wanted);
        }
    }
}

/* The step behind one that goes elsewhere; a later one in the list may be the target of a goto. */
static void on_flow(void *context, const struct cyc_plan_node *node)
{
    struct cyc_checker *const checker = context;
    const struct cyc_plan_node *const next = node->next;
    const bool away = node->kind == CYC_STEP_STOP || node->kind == CYC_STEP_FAIL ||
                      node->kind == CYC_STEP_GOTO || node->kind == CYC_STEP_LEAVE;
    if (!away || next == NULL) {
        return;
    }
    struct target_search search = {next, false};
    cyc_plan_walk(checker->method, find_target, &search);
    if (!search.found) {
        struct cyc_diag *const diag = cyc_diags_add(
            checker->diags, CYC_SEVERITY_WARNING, cyc_plan_pos(next), "this step is never reached");
        diag->related = cyc_plan_pos(node);
        diag->related_text = "the run goes elsewhere here";
    }
}

static bool states(const struct cyc_limits *limits, unsigned signal)
{
    bool found = false;
    for (unsigned i = 0; i < limits->count; i++) {
        found = found || limits->items[i].signal == signal;
    }
    return found;
}

/* Included protocols state their own limits; those of the whole are worth stating, too. */
static void check_stated(const struct cyc_checker *checker, const struct cyc_plan *plan)
{
    const bool voltage = states(&plan->rules.limits, CYC_SIGNAL_VOLTAGE);
    const bool current = states(&plan->rules.limits, CYC_SIGNAL_CURRENT);
    if (checker->moves && (!voltage || !current)) {
        cyc_diags_add(checker->diags, CYC_SEVERITY_WARNING, cyc_plan_pos(plan->method),
                      "limits.%s stands only in included protocols",
                      voltage ? "current" : "voltage")
            ->hint = "state the limits of the whole protocol beside its method";
    }
}

void cyc_check_plan(const struct cyc_plan *plan, const struct cyc_cell_facts *cell,
                    struct cyc_diags *diags, struct cyc_demands *demands)
{
    struct cyc_checker checker;
    const struct cyc_plan_visitor visitor = {.context = &checker,
                                             .step = on_step,
                                             .refused = on_refused,
                                             .enter = on_enter,
                                             .otherwise = on_other_branch,
                                             .leave = on_leave,
                                             .flow = on_flow,
                                             .finally = on_finally};
    cyc_checker_init(&checker, cell, diags);
    checker.method = plan->method;
    checker.demands = demands;
    cyc_demands_init(demands);
    if (cyc_plan_visit(plan, cell, &visitor, NULL) != CYC_OK) {
        return; /* no memory: whoever opens the source next will say so */
    }
    cyc_check_limits_scale(&checker, &plan->rules.limits);
    check_stated(&checker, plan);
}
