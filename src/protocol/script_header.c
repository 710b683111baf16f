/* protocol{…}: the header of a Lua protocol, read like that of a YAML one. */
#include "protocol/header.h"
#include "protocol/script_int.h"

#include <string.h>

static bool take_texts(struct cyc_build *build, const struct cyc_fields *header,
                       struct cyc_protocol *protocol)
{
    bool sound = true;
    protocol->name = protocol->source_text = "";
    if (header->node[CYC_KEY_NAME] != NULL) {
        sound = cyc_build_text(build, header->node[CYC_KEY_NAME], &protocol->name);
    }
    if (header->node[CYC_KEY_SOURCE] != NULL) {
        sound = cyc_build_text(build, header->node[CYC_KEY_SOURCE], &protocol->source_text) &&
                sound;
    }
    return sound;
}

static bool refuse_method(struct cyc_build *build, const struct cyc_node *method)
{
    if (method == NULL) {
        return true;
    }
    struct cyc_diag *const diag =
        cyc_build_error(build, method->key_pos, "a program has no method: it is the method");
    diag->hint = "call the steps behind protocol{…}: charge(\"C/3\", { cutoff = \"4.2 V\" })";
    return false;
}

/* Whether the cell is measured against another electrode than the protocol's. */
static bool reference_differs(const struct cyc_node *root, const struct cyc_cell_facts *cell)
{
    const struct cyc_node *const reference =
        cyc_node_get(cyc_node_get(root, "cell"), "reference");
    return reference != NULL && reference->type == CYC_NODE_SCALAR &&
           strcmp(reference->text, cell->reference) != 0;
}

static bool compile_finally(struct cyc_compiler *compiler, const struct cyc_node *root,
                            const struct cyc_fields *header)
{
    struct cyc_build *const build = compiler->build;
    struct cyc_plan *const plan = compiler->plan;
    struct cyc_ids ids = {NULL, 0, 0};
    const bool charge_bounded = build->charge_bounded;
    const bool bounded = build->bounded;
    bool sound = true;
    build->ids = &ids;
    if (header->node[CYC_KEY_FINALLY] != NULL) {
        build->charge_bounded = build->bounded = false;
        sound = cyc_compile_list(compiler, header->node[CYC_KEY_FINALLY], root, "finally", NULL,
                                 &plan->finally) &&
                cyc_compile_link(compiler);
    }
    build->charge_bounded = charge_bounded;
    build->bounded = bounded;
    build->ids = NULL;
    build->refs = NULL;
    cyc_ids_release(&ids);
    /* Ids in expectations are those of the program, which are known when it has run. */
    sound = cyc_header_expects(compiler, header->node[CYC_KEY_EXPECT]) && sound;
    build->refs = NULL;
    return sound;
}

static bool compile(struct cyc_script_source *source, struct cyc_node *root)
{
    struct cyc_build *const build = &source->build;
    struct cyc_protocol *const protocol = source->made;
    struct cyc_plan *const plan = &protocol->plan;
    struct cyc_compiler compiler = {.build = build, .plan = plan, .unit = &source->unit,
                                    .sound = true, .settings = source->options->settings,
                                    .setting_count = source->options->setting_count};
    struct cyc_fields header;
    const struct cyc_pos pos = source->unit.pos;
    bool sound = cyc_build_fields(build, root, CYC_PLACE_PROTOCOL, &header);
    sound = refuse_method(build, header.node[CYC_KEY_METHOD]) && sound;
    sound = take_texts(build, &header, protocol) && sound;
    if (header.node[CYC_KEY_CELL] != NULL) {
        sound = cyc_header_cell(build, header.node[CYC_KEY_CELL], &protocol->cell) && sound;
    }
    cyc_cell_merge(&protocol->cell, source->options);
    source->cell = protocol->cell;
    cyc_history_release(&source->history);
    cyc_history_init(&source->history, &source->cell, true);
    source->history.values = source->values;
    source->history.value_count = (int)(sizeof source->values / sizeof source->values[0]);
    cyc_build_cell_known(build);
    build->bare_voltage_refused = reference_differs(root, &protocol->cell);
    plan->rules.timeout_s = CYC_VALUE_NONE;
    sound = cyc_header_parameters(&compiler, header.node[CYC_KEY_PARAMETERS], NULL, NULL,
                                  &plan->parameters, &plan->parameter_count) && sound;
    sound = cyc_header_rules(&compiler, &header, root, &plan->rules) && sound;
    source->unit.pos = header.node[CYC_KEY_LIMITS] != NULL ? header.node[CYC_KEY_LIMITS]->key_pos
                                                            : pos;
    plan->finally_rules = plan->rules;
    plan->finally_rules.cutoffs = (struct cyc_cutoffs){NULL, 0};
    sound = compile_finally(&compiler, root, &header) && sound;
    plan->step_count = build->step_count;
    plan->variable_count = source->variable_count;
    source->step_count = build->step_count;
    return sound;
}

bool cyc_script_compile_header(lua_State *L, struct cyc_script_source *source)
{
    struct cyc_build *const build = &source->build;
    struct cyc_script *const script = source->script;
    build->arena = &source->made->arena;
    build->refs = NULL;
    struct cyc_lua_nodes nodes = cyc_script_nodes(L, &source->made->arena);
    struct cyc_node *const root = cyc_lua_node(L, 1, &nodes);
    if (root->type != CYC_NODE_MAPPING || root->child_count == 0) {
        (void)luaL_error(L, "protocol takes names with values: protocol { name = \"…\", limits = "
                            "{ … } }");
    }
    const bool sound = compile(source, root) && !source->made->arena.failed;
    struct cyc_name *const kept =
        cyc_arena_array(&source->made->arena, source->names.count, sizeof *kept);
    if (kept == NULL) {
        return false;
    }
    memcpy(kept, source->names.items, source->names.count * sizeof *kept);
    script->names = (struct cyc_names){kept, source->names.count, NULL};
    script->bare_voltage_refused = build->bare_voltage_refused;
    return sound;
}
