#include "protocol/plan.h"

#include "protocol/names.h"

#include <stdlib.h>
#include <string.h>

static bool is_block_or_if(const struct cyc_plan_node *node)
{
    return node->kind >= CYC_STEP_REPEAT && node->kind <= CYC_STEP_IF;
}

const char *cyc_plan_id(const struct cyc_plan_node *node)
{
    if (cyc_step_kind_is_electrical((enum cyc_step_kind)node->kind)) {
        return cyc_plan_as_step(node)->step.id;
    }
    return is_block_or_if(node) ? cyc_plan_as_block(node)->id : NULL;
}

struct cyc_pos cyc_plan_pos(const struct cyc_plan_node *node)
{
    if (cyc_step_kind_is_electrical((enum cyc_step_kind)node->kind)) {
        return cyc_plan_as_step(node)->step.pos;
    }
    if (is_block_or_if(node)) {
        return cyc_plan_as_block(node)->pos;
    }
    return node->kind == CYC_STEP_LET ? cyc_plan_as_let(node)->pos : cyc_plan_as_flow(node)->pos;
}

/* Recursion as deep as the nesting of the text, which the tree bounds. */
void cyc_plan_walk(const struct cyc_plan_node *list,
                   void (*fn)(void *context, const struct cyc_plan_node *node), void *context)
{
    for (const struct cyc_plan_node *node = list; node != NULL; node = node->next) {
        fn(context, node);
        if (is_block_or_if(node)) {
            cyc_plan_walk(cyc_plan_as_block(node)->first, fn, context);
            cyc_plan_walk(cyc_plan_as_block(node)->otherwise, fn, context);
        }
    }
}

/* ---- Preview --------------------------------------------------------------------------------- */

int cyc_plan_preview_init(struct cyc_preview *preview, const struct cyc_plan *plan,
                          const struct cyc_cell_facts *cell, struct cyc_err *err)
{
    memset(preview, 0, sizeof *preview);
    cyc_history_init(&preview->history, cell, false);
    preview->values = malloc((size_t)(plan->variable_count + 1) * sizeof *preview->values);
    if (preview->values == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for variables");
    }
    for (int i = 0; i < plan->variable_count; i++) {
        preview->values[i] = NAN;
    }
    preview->history.values = preview->values;
    preview->history.value_count = plan->variable_count;
    cyc_history_env(&preview->history, &preview->env);
    for (unsigned i = 0; i < plan->parameter_count; i++) {
        const struct cyc_assignment *const parameter = &plan->parameters[i];
        preview->values[parameter->variable] = cyc_preview_value(preview, &parameter->value);
    }
    return CYC_OK;
}

void cyc_plan_preview_release(struct cyc_preview *preview)
{
    cyc_history_release(&preview->history);
    free(preview->values);
    memset(preview, 0, sizeof *preview);
}

double cyc_preview_value(const struct cyc_preview *preview, const struct cyc_value *value)
{
    double number = NAN;
    return cyc_value_get(value, &preview->env, &number, NULL) == CYC_OK ? number : (double)NAN;
}

/* Cycles of a list; false: not known. */
static bool count_cycles(const struct cyc_plan_node *list, struct cyc_preview *preview,
                         double *total)
{
    for (const struct cyc_plan_node *node = list; node != NULL; node = node->next) {
        const struct cyc_plan_block *const block = cyc_plan_as_block(node);
        double inside = 0.0;
        if (!is_block_or_if(node)) {
            continue;
        }
        for (unsigned i = 0; i < block->assignment_count; i++) {
            const struct cyc_assignment *const parameter = &block->assignments[i];
            preview->values[parameter->variable] = cyc_preview_value(preview, &parameter->value);
        }
        if (!count_cycles(block->first, preview, &inside)) {
            return false;
        }
        if (node->kind == CYC_STEP_IF) {
            double otherwise = 0.0;
            if (!count_cycles(block->otherwise, preview, &otherwise) || inside != otherwise) {
                return false;
            }
        }
        const double passes = node->kind == CYC_STEP_EACH ? block->each_length
                              : node->kind == CYC_STEP_REPEAT || node->kind == CYC_STEP_CYCLES
                                  ? cyc_preview_value(preview, &block->count)
                                  : 1.0;
        if (isnan(passes)) {
            return false;
        }
        *total += passes * (node->kind == CYC_STEP_CYCLES ? 1.0 : inside);
    }
    return true;
}

uint32_t cyc_plan_cycle_count(const struct cyc_plan *plan, struct cyc_preview *preview)
{
    double total = 0.0;
    return count_cycles(plan->method, preview, &total) && total < 4e9 ? (uint32_t)total : 0;
}
