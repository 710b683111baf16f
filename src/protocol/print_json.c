/* The plan as JSON, for programs: the same as print.c says, in numbers. */
#include "protocol/describe.h"
#include "protocol/preview.h"
#include "protocol/script.h"

#include <string.h>

struct writer {
    struct cyc_json *json;
    struct cyc_text text; /* owned scratch */
};

static void put_number(struct cyc_json *json, const char *key, double value)
{
    cyc_json_key(json, key);
    cyc_json_number(json, value);
}

static void put_string(struct cyc_json *json, const char *key, const char *value)
{
    cyc_json_key(json, key);
    cyc_json_string(json, value);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void put_cutoffs(struct writer *writer, const struct cyc_resolver *resolver)
{
    struct cyc_json *const json = writer->json;
    const struct cyc_step *const step = &resolver->step;
    cyc_json_key(json, "cutoffs");
    cyc_json_open(json, '[');
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        cyc_text_clear(&writer->text);
        cyc_describe_condition(resolver, &step->cutoffs[i].when, &writer->text);
        cyc_json_open(json, '{');
        put_string(json, "when", cyc_text_get(&writer->text));
        put_string(json, "action", cyc_follow_up_name(step->cutoffs[i].action));
        cyc_json_key(json, "inherited");
        cyc_json_bool(json, resolver->owners[i] >= 0);
        if (step->cutoffs[i].lasting_ns > 0) {
            put_number(json, "lasting_s", (double)step->cutoffs[i].lasting_ns / 1e9);
        }
        cyc_json_close(json, '}');
    }
    cyc_json_close(json, ']');
}

static void put_limits(struct writer *writer, const struct cyc_resolver *resolver)
{
    const struct cyc_step *const step = &resolver->step;
    static const char *const levels[] = {"step", "protocol", "channel"};
    struct cyc_json *const json = writer->json;
    cyc_json_key(json, "limits");
    cyc_json_open(json, '[');
    for (unsigned i = 0; i < step->limit_count; i++) {
        enum cyc_kind kind = CYC_KIND_NUMBER;
        cyc_json_open(json, '{');
        put_string(json, "quantity",
                   cyc_describe_signal(resolver->sensors, step->limits[i].signal,
                                       step->limits[i].index, &kind));
        put_string(json, "level", levels[step->limits[i].level % 3]);
        put_number(json, "low", step->limits[i].low);
        put_number(json, "high", step->limits[i].high);
        cyc_json_close(json, '}');
    }
    cyc_json_close(json, ']');
}

static void put_setpoint(struct writer *writer, const struct cyc_step *step)
{
    static const char *const keys[] = {NULL, "current_A", "voltage_V", "power_W", "load_ohm"};
    struct cyc_json *const json = writer->json;
    if (step->segment_count > 0 && keys[step->segments[0].control] != NULL) {
        put_number(json, keys[step->segments[0].control], step->segments[0].value);
    }
    if (!isnan(step->hold_V)) {
        put_number(json, "hold_V", step->hold_V);
    }
    if (!isnan(step->environment.temperature_degC)) {
        put_number(json, "temperature_degC", step->environment.temperature_degC);
    }
    if (!isnan(step->environment.pressure_Pa)) {
        put_number(json, "pressure_Pa", step->environment.pressure_Pa);
    }
}

static void put_step(void *context, const struct cyc_plan_step *plan,
                     const struct cyc_resolver *resolver)
{
    struct writer *const writer = context;
    struct cyc_json *const json = writer->json;
    cyc_json_open(json, '{');
    cyc_json_key(json, "step");
    cyc_json_integer(json, plan->step.number);
    put_string(json, "kind", cyc_step_kind_name((enum cyc_step_kind)plan->step.kind));
    put_string(json, "mode", cyc_mode_name((enum cyc_mode)plan->step.mode));
    put_string(json, "id", plan->step.id);
    cyc_json_key(json, "line");
    cyc_json_integer(json, plan->step.pos.line);
    cyc_json_key(json, "known");
    cyc_json_bool(json, resolver != NULL && resolver->unknown_cutoffs == 0);
    cyc_text_clear(&writer->text);
    cyc_describe_mode(&plan->step, resolver == NULL ? NULL : &resolver->step, &writer->text);
    put_string(json, "text", cyc_text_get(&writer->text));
    if (resolver != NULL) {
        const struct cyc_step *const step = &resolver->step;
        put_string(json, "type", step->type);
        put_setpoint(writer, step);
        put_cutoffs(writer, resolver);
        put_limits(writer, resolver);
        put_number(json, "timeout_s",
                   step->timeout_ns == CYC_NEVER ? NAN : (double)step->timeout_ns / 1e9);
        cyc_json_key(json, "timeout_derived");
        cyc_json_bool(json, step->timeout_derived);
    }
    cyc_json_close(json, '}');
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static void put_enter(void *context, const struct cyc_plan_block *block,
                      const struct cyc_preview *preview)
{
    struct cyc_json *const json = ((struct writer *)context)->json;
    const enum cyc_step_kind kind = (enum cyc_step_kind)block->node.kind;
    cyc_json_open(json, '{');
    put_string(json, "kind", cyc_step_kind_name(kind));
    put_string(json, "id", block->id);
    cyc_json_key(json, "line");
    cyc_json_integer(json, block->pos.line);
    if (kind == CYC_STEP_REPEAT || kind == CYC_STEP_CYCLES) {
        put_number(json, "count", cyc_preview_value(preview, &block->count));
    } else if (kind == CYC_STEP_EACH) {
        cyc_json_key(json, "count");
        cyc_json_integer(json, block->each_length);
    } else if (kind == CYC_STEP_INCLUDE) {
        put_string(json, "file", block->file);
    }
    cyc_json_key(json, kind == CYC_STEP_IF ? "then" : "steps");
    cyc_json_open(json, '[');
}

static void put_otherwise(void *context, const struct cyc_plan_block *block)
{
    struct cyc_json *const json = ((struct writer *)context)->json;
    (void)block;
    cyc_json_close(json, ']');
    cyc_json_key(json, "else");
    cyc_json_open(json, '[');
}

static void put_leave(void *context, const struct cyc_plan_block *block)
{
    struct cyc_json *const json = ((struct writer *)context)->json;
    (void)block;
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

static void put_flow(void *context, const struct cyc_plan_node *node)
{
    struct cyc_json *const json = ((struct writer *)context)->json;
    cyc_json_open(json, '{');
    put_string(json, "kind", cyc_step_kind_name((enum cyc_step_kind)node->kind));
    cyc_json_key(json, "line");
    cyc_json_integer(json, cyc_plan_pos(node).line);
    if (node->kind == CYC_STEP_LET) {
        const struct cyc_plan_let *const let = cyc_plan_as_let(node);
        cyc_json_key(json, "names");
        cyc_json_open(json, '[');
        for (unsigned i = 0; i < let->assignment_count; i++) {
            cyc_json_string(json, let->assignments[i].name);
        }
        cyc_json_close(json, ']');
    } else {
        put_string(json, "text", cyc_plan_as_flow(node)->text);
        put_string(json, "target", cyc_plan_as_flow(node)->target);
    }
    cyc_json_close(json, '}');
}

static void put_finally(void *context)
{
    struct cyc_json *const json = ((struct writer *)context)->json;
    cyc_json_close(json, ']');
    cyc_json_key(json, "finally");
    cyc_json_open(json, '[');
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void put_cell(const struct cyc_protocol *protocol, struct cyc_json *json)
{
    const struct cyc_cell_facts *const cell = &protocol->cell;
    double one_c_A = NAN;
    double nominal_Ah = NAN;
    bool guessed = false;
    (void)cyc_one_c_A(&cell->basis, &one_c_A, &guessed, NULL);
    (void)cyc_nominal_capacity_Ah(&cell->basis, &nominal_Ah, NULL);
    cyc_json_key(json, "cell");
    cyc_json_open(json, '{');
    put_string(json, "name", cell->name);
    put_number(json, "active_mass_g", cell->basis.active_mass_g);
    put_number(json, "area_cm2", cell->basis.area_cm2);
    put_number(json, "one_c_A", one_c_A);
    put_string(json, "one_c_from", isnan(one_c_A) ? NULL : guessed ? "nominal_capacity" : "one_c");
    put_number(json, "nominal_capacity_Ah", nominal_Ah);
    put_string(json, "reference", cell->reference);
    cyc_json_close(json, '}');
}

static void put_demands(const struct cyc_demands *demands, struct cyc_json *json)
{
    cyc_json_key(json, "demands");
    cyc_json_open(json, '{');
    put_number(json, "voltage_min_V", demands->voltage_min_V);
    put_number(json, "voltage_max_V", demands->voltage_max_V);
    put_number(json, "current_min_A", demands->current_min_A);
    put_number(json, "current_max_A", demands->current_max_A);
    put_number(json, "power_max_W", demands->power_max_W);
    put_number(json, "temperature_min_degC", demands->temperature_min_degC);
    put_number(json, "temperature_max_degC", demands->temperature_max_degC);
    put_number(json, "pressure_min_Pa", demands->pressure_min_Pa);
    put_number(json, "pressure_max_Pa", demands->pressure_max_Pa);
    put_number(json, "fastest_sample_s",
               demands->fastest_sample_ns == CYC_NEVER ? NAN
                                                       : (double)demands->fastest_sample_ns / 1e9);
    cyc_json_key(json, "impedance");
    cyc_json_bool(json, demands->impedance.step != 0);
    cyc_json_close(json, '}');
}

static void put_files(const struct cyc_protocol *protocol, struct cyc_json *json)
{
    const struct cyc_protocol_file *files = NULL;
    const unsigned count = cyc_protocol_files(protocol, &files);
    cyc_json_key(json, "files");
    cyc_json_open(json, '[');
    for (unsigned i = 0; i < count; i++) {
        cyc_json_open(json, '{');
        put_string(json, "name", files[i].name);
        put_string(json, "sha256", files[i].sha256);
        cyc_json_close(json, '}');
    }
    cyc_json_close(json, ']');
}

void cyc_protocol_json(const struct cyc_protocol *protocol, struct cyc_json *json)
{
    struct writer writer = {json, {0}};
    const struct cyc_plan_visitor visitor = {
        .context = &writer,
        .step = put_step,
        .enter = put_enter,
        .otherwise = put_otherwise,
        .leave = put_leave,
        .flow = put_flow,
        .finally = put_finally,
        .once = true,
    };
    cyc_json_open(json, '{');
    put_string(json, "name", protocol->name);
    put_string(json, "source", protocol->source_text);
    put_string(json, "form", protocol->script != NULL ? "lua" : "yaml");
    put_cell(protocol, json);
    cyc_json_key(json, "method");
    cyc_json_open(json, '[');
    if (protocol->script != NULL) {
        (void)cyc_script_visit(protocol, &visitor, NULL);
    } else {
        (void)cyc_plan_visit(&protocol->plan, &protocol->cell, &visitor, NULL);
    }
    cyc_json_close(json, ']');
    put_demands(&protocol->demands, json);
    put_files(protocol, json);
    cyc_json_close(json, '}');
    cyc_text_release(&writer.text);
}
