/* Looking at a plan before it runs: each step resolved as far as the parameters allow, and what the
 * whole asks of a channel. Every branch of `if` is looked at, repeated blocks once. */
#include "protocol/preview.h"

#include "protocol/names.h"

#include <stdio.h>
#include <string.h>

/* Lists of `each` inside one another multiply; beyond this the rest is as the beginning. */
#define VISITS_MAX 200000u

struct visit {
    struct cyc_preview *preview;
    const struct cyc_cell_facts *cell;
    struct cyc_resolver *resolver;
    const struct cyc_rules *rules[2 * CYC_BLOCKS_MAX + 1];
    unsigned rule_count;
    const struct cyc_plan_visitor *visitor;
    unsigned left; /* nodes and passes that are still looked at */
};

static void visit_list(struct visit *visit, const struct cyc_plan_node *list);

static bool spend(struct visit *visit)
{
    visit->left -= visit->left > 0 ? 1 : 0;
    return visit->left > 0;
}

static void visit_step(struct visit *visit, const struct cyc_plan_step *plan)
{
    struct cyc_history *const history = &visit->preview->history;
    const struct cyc_step_around around = {visit->cell, &visit->preview->env, history, visit->rules,
                                           visit->rule_count};
    cyc_history_env(history, &visit->preview->env);
    struct cyc_err err;
    const bool resolved = cyc_step_resolve(visit->resolver, &plan->step, &around, &err) == CYC_OK;
    if (!resolved && visit->visitor->refused != NULL &&
        !isnan(cyc_preview_value(visit->preview, &plan->step.setpoint))) {
        visit->visitor->refused(visit->visitor->context, plan, &err);
    }
    visit->visitor->step(visit->visitor->context, plan, resolved ? visit->resolver : NULL);
    if (resolved) {
        cyc_history_assume(history, &visit->resolver->step);
    }
}

static void assign(struct visit *visit, const struct cyc_assignment *list, unsigned count)
{
    struct cyc_preview *const preview = visit->preview;
    for (unsigned i = 0; i < count; i++) {
        const double value = cyc_preview_value(preview, &list[i].value);
        if (list[i].variable == CYC_ASSIGN_SOC) {
            cyc_history_set_soc(&preview->history, value);
        } else if (list[i].variable == CYC_NAME_FULL_CAPACITY) {
            preview->history.full_capacity_Ah = value;
        } else if (list[i].variable == CYC_NAME_ONE_C) {
            preview->history.one_c_A = value;
        } else {
            preview->values[list[i].variable] = value;
        }
    }
}

static void visit_passes(struct visit *visit, const struct cyc_plan_block *block)
{
    struct cyc_preview *const preview = visit->preview;
    const unsigned all = block->each_count > 0 ? block->each_length : 1;
    const unsigned passes = visit->visitor->once && all > 1 ? 1 : all;
    for (unsigned pass = 0; pass < passes && spend(visit); pass++) {
        for (unsigned i = 0; i < block->each_count; i++) {
            preview->values[block->each[i].variable] =
                cyc_preview_value(preview, &block->each[i].values[pass]);
        }
        visit_list(visit, block->first);
    }
}

static void visit_block(struct visit *visit, const struct cyc_plan_block *block)
{
    struct cyc_history *const history = &visit->preview->history;
    const unsigned rule_count = visit->rule_count;
    const struct cyc_plan_visitor *const visitor = visit->visitor;
    assign(visit, block->assignments, block->assignment_count);
    if (visitor->enter != NULL) {
        visitor->enter(visitor->context, block, visit->preview);
    }
    if (cyc_history_enter(history, block, block->id, block->node.kind == CYC_STEP_CYCLES, 1,
                          NULL) != CYC_OK) {
        return;
    }
    visit->rules[visit->rule_count++] = &block->rules;
    if (block->node.kind == CYC_STEP_INCLUDE) {
        visit->rules[visit->rule_count++] = &block->own;
    }
    cyc_history_pass_begin(history);
    visit_passes(visit, block);
    history->cycle_running = history->cycle_running && block->node.kind != CYC_STEP_CYCLES;
    cyc_history_leave(history);
    visit->rule_count = rule_count;
    if (visitor->leave != NULL) {
        visitor->leave(visitor->context, block);
    }
}

static void visit_if(struct visit *visit, const struct cyc_plan_block *block)
{
    const struct cyc_plan_visitor *const visitor = visit->visitor;
    if (visitor->enter != NULL) {
        visitor->enter(visitor->context, block, visit->preview);
    }
    visit_list(visit, block->first);
    if (visitor->otherwise != NULL && block->otherwise != NULL) {
        visitor->otherwise(visitor->context, block);
    }
    visit_list(visit, block->otherwise);
    if (visitor->leave != NULL) {
        visitor->leave(visitor->context, block);
    }
}

static void visit_flow(struct visit *visit, const struct cyc_plan_node *node)
{
    if (node->kind == CYC_STEP_LET) {
        const struct cyc_plan_let *const let = cyc_plan_as_let(node);
        assign(visit, let->assignments, let->assignment_count);
    }
    if (visit->visitor->flow != NULL) {
        visit->visitor->flow(visit->visitor->context, node);
    }
}

static void visit_list(struct visit *visit, const struct cyc_plan_node *list)
{
    for (const struct cyc_plan_node *node = list; node != NULL && spend(visit); node = node->next) {
        if (cyc_step_kind_is_electrical((enum cyc_step_kind)node->kind)) {
            visit_step(visit, cyc_plan_as_step(node));
        } else if (cyc_step_kind_is_block((enum cyc_step_kind)node->kind)) {
            visit_block(visit, cyc_plan_as_block(node));
        } else if (node->kind == CYC_STEP_IF) {
            visit_if(visit, cyc_plan_as_block(node));
        } else {
            visit_flow(visit, node);
        }
    }
}

int cyc_plan_visit(const struct cyc_plan *plan, const struct cyc_cell_facts *cell,
                   const struct cyc_plan_visitor *visitor, struct cyc_err *err)
{
    struct cyc_preview preview;
    struct cyc_resolver resolver;
    struct visit visit = {.preview = &preview,
                          .cell = cell,
                          .resolver = &resolver,
                          .visitor = visitor,
                          .left = VISITS_MAX};
    const int status = cyc_plan_preview_init(&preview, plan, cell, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_resolver_init(&resolver);
    resolver.lenient = true;
    resolver.sensors = &cell->sensors;
    visit.rules[0] = &plan->rules;
    visit.rule_count = 1;
    visit_list(&visit, plan->method);
    visit.rules[0] = &plan->finally_rules;
    if (plan->finally != NULL && visitor->finally != NULL) {
        visitor->finally(visitor->context);
    }
    visit_list(&visit, plan->finally);
    cyc_resolver_release(&resolver);
    cyc_plan_preview_release(&preview);
    return CYC_OK;
}

/* ---- Demands --------------------------------------------------------------------------------- */

void cyc_demands_init(struct cyc_demands *demands)
{
    memset(demands, 0, sizeof *demands);
    demands->voltage_min_V = demands->voltage_max_V = NAN;
    demands->current_min_A = demands->current_max_A = NAN;
    demands->power_max_W = NAN;
    demands->temperature_min_degC = demands->temperature_max_degC = NAN;
    demands->pressure_min_Pa = demands->pressure_max_Pa = NAN;
    demands->fastest_sample_ns = CYC_NEVER;
}

static void widen(double *low, double *high, double value)
{
    if (isfinite(value)) {
        *low = isnan(*low) || value < *low ? value : *low;
        *high = isnan(*high) || value > *high ? value : *high;
    }
}

static void add_voltage(struct cyc_demands *demands, double voltage_V)
{
    widen(&demands->voltage_min_V, &demands->voltage_max_V, voltage_V);
}

static void add_current(struct cyc_demands *demands, double current_A)
{
    widen(&demands->current_min_A, &demands->current_max_A, current_A);
}

static void add_segment(struct cyc_demands *demands, const struct cyc_step *step,
                        const struct cyc_segment *segment)
{
    switch (segment->control) {
    case CYC_CONTROL_OPEN:
    case CYC_CONTROL_LOAD:
        return;
    case CYC_CONTROL_CURRENT:
        add_current(demands, segment->value);
        return;
    case CYC_CONTROL_POWER: {
        double ignored = 0.0;
        widen(&ignored, &demands->power_max_W, fabs(segment->value));
        return;
    }
    case CYC_CONTROL_VOLTAGE: {
        const double seconds =
            segment->duration_ns == CYC_NEVER ? 0.0 : (double)segment->duration_ns / 1e9;
        if (!step->sweep_from_present || segment != step->segments) {
            add_voltage(demands, segment->value);
        }
        add_voltage(demands, segment->value + segment->slope_per_s * seconds);
        add_current(demands, step->current_min_A);
        add_current(demands, step->current_max_A);
        return;
    }
    }
}

/* Voltages that bare cutoffs and simple comparisons name: the cell will be taken there. */
static void add_cutoff_voltages(struct cyc_demands *demands, const struct cyc_step *step)
{
    for (unsigned i = 0; i + 2 < step->op_count; i++) {
        const struct cyc_op *const op = &step->ops[i];
        if (op->code == CYC_OP_SIGNAL && op->signal == CYC_SIGNAL_VOLTAGE &&
            op[1].code == CYC_OP_CONST && op[2].code >= CYC_OP_LT && op[2].code <= CYC_OP_GE) {
            add_voltage(demands, op[1].value);
        }
    }
}

static void faster(int64_t *fastest_ns, int64_t every_ns)
{
    if (every_ns > 0 && every_ns < *fastest_ns) {
        *fastest_ns = every_ns;
    }
}

const char *cyc_demand_text(const struct cyc_demand *demand, char *buffer, size_t size)
{
    const bool named = demand->name[0] != '\0';
    char line[32] = "";
    if (demand->pos.line != 0) {
        (void)snprintf(line, sizeof line, " (line %u)", demand->pos.line);
    }
    (void)snprintf(buffer, size, "step %u%s%s%s%s", demand->step, named ? " '" : "", demand->name,
                   named ? "'" : "", line);
    return buffer;
}

static void add_demand(struct cyc_demand *demand, bool asks, uint32_t number, const char *name,
                       struct cyc_pos pos)
{
    if (asks && demand->step == 0) {
        demand->step = number;
        demand->pos = pos;
        (void)cyc_copy(demand->name, sizeof demand->name, name);
    }
}

static bool has_control(const struct cyc_step *step, enum cyc_control control)
{
    for (uint32_t i = 0; i < step->segment_count; i++) {
        if (step->segments[i].control == control) {
            return true;
        }
    }
    return false;
}

void cyc_demands_add_step(struct cyc_demands *demands, const struct cyc_step *step,
                          struct cyc_pos pos)
{
    for (uint32_t i = 0; i < step->segment_count; i++) {
        add_segment(demands, step, &step->segments[i]);
    }
    add_voltage(demands, step->hold_V);
    add_cutoff_voltages(demands, step);
    widen(&demands->temperature_min_degC, &demands->temperature_max_degC,
          step->environment.temperature_degC);
    widen(&demands->pressure_min_Pa, &demands->pressure_max_Pa, step->environment.pressure_Pa);
    faster(&demands->fastest_sample_ns, step->record.every_ns);
    for (unsigned i = 0; i < step->record.burst_count; i++) {
        faster(&demands->fastest_sample_ns, step->record.bursts[i].every_ns);
    }
    add_demand(&demands->impedance, step->mode == CYC_MODE_IMPEDANCE, step->id, step->name, pos);
    add_demand(&demands->power, has_control(step, CYC_CONTROL_POWER), step->id, step->name, pos);
    add_demand(&demands->load, has_control(step, CYC_CONTROL_LOAD), step->id, step->name, pos);
    add_demand(&demands->ramp, !isnan(step->environment.ramp_K_per_s), step->id, step->name, pos);
}

void cyc_demands_add_planned(struct cyc_demands *demands, const struct cyc_plan_step *plan,
                             const struct cyc_resolver *resolver)
{
    if (resolver != NULL) {
        cyc_demands_add_step(demands, &resolver->step, plan->step.pos);
        return;
    }
    /* Its numbers are known only when it runs. */
    const struct cyc_step_plan *const step = &plan->step;
    const char *const name = step->id != NULL ? step->id : "";
    const bool ramps = step->kind == CYC_STEP_TEMPERATURE && step->more != NULL &&
                       cyc_value_stated(&step->more->ramp_K_per_s);
    add_demand(&demands->impedance, step->mode == CYC_MODE_IMPEDANCE, step->number, name,
               step->pos);
    add_demand(&demands->power, step->control == CYC_CONTROL_POWER, step->number, name, step->pos);
    add_demand(&demands->load, step->control == CYC_CONTROL_LOAD, step->number, name, step->pos);
    add_demand(&demands->ramp, ramps, step->number, name, step->pos);
}
