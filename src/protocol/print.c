/* The plan for people and as JSON: each step with its numbers in A and V, its bounds, blocks
 * indented; then what the whole asks of a channel. */
#include "protocol/describe.h"
#include "protocol/preview.h"
#include "protocol/script.h"

#include <stdio.h>
#include <string.h>

struct printer {
    const struct cyc_protocol *protocol;
    struct cyc_text *out;
    unsigned depth;
};

static void indent(struct printer *printer)
{
    for (unsigned i = 0; i <= printer->depth; i++) {
        cyc_text_append(printer->out, "  ");
    }
}

/* ---- Steps and blocks ------------------------------------------------------------------------ */

static bool is_own(const struct cyc_resolver *resolver, unsigned i)
{
    return resolver->owners[i] < 0;
}

static void print_ends(struct printer *printer, const struct cyc_resolver *resolver)
{
    const struct cyc_step *const step = &resolver->step;
    bool any = false;
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        if (is_own(resolver, i)) {
            cyc_text_append(printer->out, any ? "; or " : " until ");
            cyc_describe_cutoff(resolver, i, printer->out);
            any = true;
        }
    }
    if (resolver->unknown_cutoffs > 0) {
        cyc_text_append(printer->out, any ? "; or " : " until ");
        cyc_text_append(printer->out, "a cutoff that is computed when it starts");
    }
    if (step->timeout_ns != CYC_NEVER) {
        cyc_text_append(printer->out, "; at most ");
        cyc_describe_value((double)step->timeout_ns / 1e9, CYC_KIND_TIME, printer->out);
        cyc_text_append(printer->out, step->timeout_derived ? " (derived)" : "");
    }
}

static void print_own_rules(struct printer *printer, const struct cyc_step_plan *plan,
                            const struct cyc_step *step)
{
    const struct cyc_sensors *const sensors = &printer->protocol->cell.sensors;
    bool any = false;
    for (unsigned i = 0; plan->more != NULL && i < plan->more->limits.count; i++) {
        cyc_text_append(printer->out, any ? ", " : "; limits: ");
        cyc_describe_limit(sensors, &step->limits[i], printer->out);
        any = true;
    }
    if (plan->more != NULL && plan->more->record != NULL) {
        cyc_text_append(printer->out, "; record: ");
        cyc_describe_record(sensors, &step->record, printer->out);
    }
}

static void print_step(void *context, const struct cyc_plan_step *plan,
                       const struct cyc_resolver *resolver)
{
    struct printer *const printer = context;
    indent(printer);
    cyc_text_format(printer->out, "%u", plan->step.number);
    if (plan->step.id != NULL) {
        cyc_text_format(printer->out, " '%s'", plan->step.id);
    }
    cyc_text_append(printer->out, "  ");
    cyc_describe_mode(&plan->step, resolver == NULL ? NULL : &resolver->step, printer->out);
    if (resolver != NULL) {
        print_ends(printer, resolver);
        print_own_rules(printer, &plan->step, &resolver->step);
    }
    if (plan->step.label != NULL) {
        cyc_text_format(printer->out, "  # %s", plan->step.label);
    }
    cyc_text_append(printer->out, "\n");
}

static void print_count(struct printer *printer, const struct cyc_value *count,
                        const struct cyc_preview *preview)
{
    const double value = cyc_preview_value(preview, count);
    if (isnan(value)) {
        cyc_text_append(printer->out, "(computed)");
    } else {
        cyc_text_number(printer->out, value, 10);
    }
}

static void print_each(struct printer *printer, const struct cyc_plan_block *block)
{
    for (unsigned i = 0; i < block->each_count; i++) {
        cyc_text_format(printer->out, "%s%s", i == 0 ? " " : ", ", block->each[i].name);
    }
    cyc_text_format(printer->out, ": %u passes, shown with the first values", block->each_length);
}

static void print_enter(void *context, const struct cyc_plan_block *block,
                        const struct cyc_preview *preview)
{
    struct printer *const printer = context;
    const enum cyc_step_kind kind = (enum cyc_step_kind)block->node.kind;
    indent(printer);
    cyc_text_append(printer->out, cyc_step_kind_name(kind));
    if (kind == CYC_STEP_REPEAT || kind == CYC_STEP_CYCLES) {
        cyc_text_append(printer->out, " ");
        print_count(printer, &block->count, preview);
        cyc_text_append(printer->out, " times");
    } else if (kind == CYC_STEP_EACH) {
        print_each(printer, block);
    } else if (kind == CYC_STEP_INCLUDE) {
        cyc_text_format(printer->out, " %s", block->file);
    } else if (kind == CYC_STEP_IF) {
        cyc_text_format(printer->out, " the condition in line %u holds", block->pos.line);
    }
    if (block->id != NULL) {
        cyc_text_format(printer->out, " '%s'", block->id);
    }
    if (block->condition != NULL && kind != CYC_STEP_IF) {
        cyc_text_append(printer->out, ", with leave_when");
    }
    if (block->rules.cutoffs.count > 0) {
        cyc_text_format(printer->out, ", with %u cutoff%s of its own", block->rules.cutoffs.count,
                        block->rules.cutoffs.count == 1 ? "" : "s");
    }
    cyc_text_append(printer->out, "\n");
    printer->depth++;
}

static void print_otherwise(void *context, const struct cyc_plan_block *block)
{
    struct printer *const printer = context;
    (void)block;
    printer->depth--;
    indent(printer);
    cyc_text_append(printer->out, "else\n");
    printer->depth++;
}

static void print_leave(void *context, const struct cyc_plan_block *block)
{
    struct printer *const printer = context;
    (void)block;
    printer->depth--;
}

static void print_flow(void *context, const struct cyc_plan_node *node)
{
    struct printer *const printer = context;
    indent(printer);
    cyc_text_append(printer->out, cyc_step_kind_name((enum cyc_step_kind)node->kind));
    if (node->kind == CYC_STEP_LET) {
        const struct cyc_plan_let *const let = cyc_plan_as_let(node);
        for (unsigned i = 0; i < let->assignment_count; i++) {
            cyc_text_format(printer->out, "%s%s", i == 0 ? " " : ", ", let->assignments[i].name);
        }
    } else {
        const struct cyc_plan_flow *const flow = cyc_plan_as_flow(node);
        const char *const text = flow->target != NULL ? flow->target : flow->text;
        if (text != NULL && text[0] != '\0') {
            cyc_text_format(printer->out, " %s", text);
        }
    }
    cyc_text_append(printer->out, "\n");
}

static void print_finally(void *context)
{
    struct printer *const printer = context;
    cyc_text_append(printer->out, "\n  finally\n");
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void print_basis(struct printer *printer, const struct cyc_quantity *quantity)
{
    char text[64];
    cyc_text_append(printer->out,
                    cyc_quantity_text(text, sizeof text, quantity->value, quantity->kind));
    cyc_text_append(printer->out, quantity->basis == CYC_BASIS_PER_MASS   ? "/g"
                                  : quantity->basis == CYC_BASIS_PER_AREA ? "/cm2"
                                                                          : "");
}

static void print_cell(struct printer *printer)
{
    const struct cyc_cell_facts *const cell = &printer->protocol->cell;
    double one_c_A = NAN;
    bool guessed = false;
    cyc_text_format(printer->out, "  cell: %s", cell->name[0] == '\0' ? "any" : cell->name);
    if (!isnan(cell->basis.active_mass_g)) {
        cyc_text_append(printer->out, ", active mass ");
        cyc_describe_value(cell->basis.active_mass_g, CYC_KIND_MASS, printer->out);
    }
    if (cyc_one_c_A(&cell->basis, &one_c_A, &guessed, NULL) == CYC_OK) {
        cyc_text_append(printer->out, ", 1 C is ");
        cyc_describe_value(one_c_A, CYC_KIND_CURRENT, printer->out);
        cyc_text_append(printer->out, guessed ? " (nominal_capacity / 1 h)" : "");
    }
    if (!isnan(cell->basis.nominal_capacity.value)) {
        cyc_text_append(printer->out, ", nominal ");
        print_basis(printer, &cell->basis.nominal_capacity);
    }
    if (cell->reference[0] != '\0') {
        cyc_text_format(printer->out, ", voltages vs %s", cell->reference);
    }
    cyc_text_append(printer->out, "\n");
}

static void print_rules(struct printer *printer)
{
    const struct cyc_plan *const plan = &printer->protocol->plan;
    struct cyc_preview preview;
    if (plan->rules.limits.count == 0 ||
        cyc_plan_preview_init(&preview, plan, &printer->protocol->cell, NULL) != CYC_OK) {
        return;
    }
    cyc_text_append(printer->out, "  limits: ");
    for (unsigned i = 0; i < plan->rules.limits.count; i++) {
        const struct cyc_limit_plan *const limit = &plan->rules.limits.items[i];
        const struct cyc_limit numbers = {
            .signal = limit->signal,
            .index = limit->index,
            .low = cyc_value_stated(&limit->low) ? cyc_preview_value(&preview, &limit->low)
                                                 : -INFINITY,
            .high = cyc_preview_value(&preview, &limit->high),
        };
        cyc_text_append(printer->out, i == 0 ? "" : ", ");
        cyc_describe_limit(&printer->protocol->cell.sensors, &numbers, printer->out);
    }
    cyc_text_append(printer->out, "\n");
    cyc_plan_preview_release(&preview);
}

static void print_range(struct printer *printer, bool *any, double low, double high,
                        enum cyc_kind kind)
{
    if (isnan(low) && isnan(high)) {
        return;
    }
    cyc_text_append(printer->out, *any ? ", " : "");
    *any = true;
    cyc_describe_value(isnan(low) ? high : low, kind, printer->out);
    if (!isnan(low) && !isnan(high) && high > low) {
        cyc_text_append(printer->out, " to ");
        cyc_describe_value(high, kind, printer->out);
    }
}

static void print_demands(struct printer *printer)
{
    const struct cyc_demands *const demands = &printer->protocol->demands;
    bool any = false;
    cyc_text_append(printer->out, "\n  asks for: ");
    print_range(printer, &any, demands->voltage_min_V, demands->voltage_max_V, CYC_KIND_VOLTAGE);
    print_range(printer, &any, demands->current_min_A, demands->current_max_A, CYC_KIND_CURRENT);
    print_range(printer, &any, NAN, demands->power_max_W, CYC_KIND_POWER);
    print_range(printer, &any, demands->temperature_min_degC, demands->temperature_max_degC,
                CYC_KIND_TEMPERATURE);
    print_range(printer, &any, demands->pressure_min_Pa, demands->pressure_max_Pa,
                CYC_KIND_PRESSURE);
    if (demands->fastest_sample_ns != CYC_NEVER) {
        cyc_text_append(printer->out, any ? ", a sample every " : "a sample every ");
        cyc_describe_value((double)demands->fastest_sample_ns / 1e9, CYC_KIND_TIME, printer->out);
        any = true;
    }
    if (demands->impedance.step != 0) {
        cyc_text_append(printer->out, any ? ", impedance" : "impedance");
    }
    cyc_text_append(printer->out, "\n");
}

void cyc_protocol_print(const struct cyc_protocol *protocol, struct cyc_text *out)
{
    struct printer printer = {.protocol = protocol, .out = out};
    const struct cyc_plan_visitor visitor = {
        .context = &printer,
        .step = print_step,
        .enter = print_enter,
        .otherwise = print_otherwise,
        .leave = print_leave,
        .flow = print_flow,
        .finally = print_finally,
        .once = true,
    };
    cyc_text_format(out, "%s\n", protocol->name);
    if (protocol->source_text[0] != '\0') {
        cyc_text_format(out, "  source: %s\n", protocol->source_text);
    }
    print_cell(&printer);
    print_rules(&printer);
    cyc_text_append(out, "\n");
    if (protocol->script != NULL) {
        cyc_text_append(out, "  a Lua program, which decides while it runs; the steps of the path "
                             "that was checked:\n");
        (void)cyc_script_visit(protocol, &visitor, NULL);
    } else {
        (void)cyc_plan_visit(&protocol->plan, &protocol->cell, &visitor, NULL);
    }
    print_demands(&printer);
}
