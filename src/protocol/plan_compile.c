/* From the lists of steps in a protocol to its plan.
 *
 * A protocol and each include are units: they have their own names, ids (by prefix), folder and
 * reference electrode. Blocks change what expressions inside may use (`block.`, `cycle.`, `pass`),
 * and give their steps ends that these need not state themselves. All that refers to an id is
 * looked up when the whole is known.
 */
#include "protocol/plan.h"

#include "protocol/header.h"
#include "protocol/ids.h"
#include "protocol/names.h"
#include "protocol/plan_int.h"
#include "protocol/profile.h"

#include <stddef.h>
#include <string.h>

/* ---- Blocks ---------------------------------------------------------------------------------- */

struct saved_scope {
    int block_depth;
    bool in_cycle, charge_bounded, bounded;
};

static struct saved_scope save_scope(const struct cyc_build *build)
{
    return (struct saved_scope){build->scope.block_depth, build->scope.in_cycle,
                                build->charge_bounded, build->bounded};
}

static void restore_scope(struct cyc_build *build, const struct saved_scope *saved)
{
    build->scope.block_depth = saved->block_depth;
    build->scope.in_cycle = saved->in_cycle;
    build->charge_bounded = saved->charge_bounded;
    build->bounded = saved->bounded;
}

void cyc_compile_bounds(struct cyc_build *build, const struct cyc_cutoffs *cutoffs)
{
    const uint32_t signals = cyc_cutoffs_signals(cutoffs->items, cutoffs->count);
    build->charge_bounded = build->charge_bounded || cyc_cutoffs_bound_charge(signals);
    build->bounded = build->bounded || cyc_cutoffs_bound_hold(signals);
}

/* One level deeper; false when it is too deep. */
static bool enter_block(struct cyc_build *build, const struct cyc_node *node)
{
    if (build->scope.block_depth == CYC_BLOCKS_MAX) {
        (void)cyc_build_error(build, node->pos, "blocks are nested deeper than %d", CYC_BLOCKS_MAX);
        return false;
    }
    if (++build->block_count > CYC_PLAN_BLOCKS_MAX) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "more than %u blocks", CYC_PLAN_BLOCKS_MAX);
        diag->hint = "a run keeps the passes of each; let one block repeat, or use `each`";
        return false;
    }
    build->scope.block_depth++;
    return true;
}

static bool refuse_odd_keys(struct cyc_build *build, const struct cyc_fields *fields,
                            const enum cyc_key *keys, unsigned count, enum cyc_step_kind kind)
{
    bool sound = true;
    for (unsigned i = 0; i < count; i++) {
        const struct cyc_node *const node = fields->node[keys[i]];
        if (node != NULL) {
            struct cyc_diag *const diag = cyc_build_error(
                build, node->key_pos, "`%s` has no effect on %s", node->key, cyc_place_name(kind));
            diag->hint = "remove it, or give it to the steps that pass current";
            sound = false;
        }
    }
    return sound;
}

/* id, label, cutoff, limits, record, timeout of a block. Its cutoffs see its own scope. */
static bool compile_rules(struct cyc_compiler *compiler, const struct cyc_fields *fields,
                          struct cyc_plan_block *block)
{
    static const enum cyc_key odd[] = {CYC_KEY_AFTER_INTERRUPTION, CYC_KEY_MAX_GAP};
    struct cyc_build *const build = compiler->build;
    const struct cyc_node *const *const node = fields->node;
    const struct cyc_cutoff_owner owner = {
        .step_kind = block->node.kind,
        .scope = (unsigned)(CYC_SCOPE_BLOCK + build->scope.block_depth - 1),
    };
    bool sound = refuse_odd_keys(build, fields, odd, 2, (enum cyc_step_kind)block->node.kind);
    block->rules.level = CYC_LEVEL_STEP;
    block->rules.depth = (uint8_t)(build->scope.block_depth - 1);
    block->rules.timeout_s = CYC_VALUE_NONE;
    if (node[CYC_KEY_LABEL] != NULL) {
        sound = cyc_build_text(build, node[CYC_KEY_LABEL], &block->label) && sound;
    }
    if (node[CYC_KEY_CUTOFF] != NULL) {
        sound =
            cyc_cutoffs_parse(build, node[CYC_KEY_CUTOFF], &owner, &block->rules.cutoffs) && sound;
        cyc_compile_bounds(build, &block->rules.cutoffs);
    }
    if (node[CYC_KEY_LIMITS] != NULL) {
        sound = cyc_limits_parse(build, node[CYC_KEY_LIMITS], &block->rules.limits) && sound;
    }
    if (node[CYC_KEY_RECORD] != NULL) {
        sound = cyc_record_parse(build, node[CYC_KEY_RECORD], &block->rules.record) && sound;
    }
    if (node[CYC_KEY_TIMEOUT] != NULL) {
        sound = cyc_build_value(build, node[CYC_KEY_TIMEOUT], CYC_KEY_TIMEOUT,
                                &block->rules.timeout_s, NULL) &&
                sound;
    }
    return sound;
}

static bool take_id(struct cyc_build *build, const struct cyc_fields *fields,
                    const struct cyc_plan_node *node, const char **id)
{
    if (fields->node[CYC_KEY_ID] == NULL) {
        return true;
    }
    if (!cyc_ids_take(build, fields->node[CYC_KEY_ID], node, id)) {
        return false;
    }
    struct cyc_id *const entry = (struct cyc_id *)(uintptr_t)cyc_ids_find(build->ids, *id);
    entry->block = true;
    return true;
}

static bool compile_leave_when(struct cyc_build *build, const struct cyc_node *node,
                               struct cyc_plan_block *block)
{
    build->scope.pass = true;
    block->condition = cyc_build_condition(build, node);
    build->scope.pass = false;
    return block->condition != NULL;
}

static bool compile_repeat(struct cyc_compiler *compiler, const struct cyc_fields *fields,
                           struct cyc_plan_block *block)
{
    struct cyc_build *const build = compiler->build;
    const bool counted = block->node.kind == CYC_STEP_CYCLES;
    const enum cyc_key key = counted ? CYC_KEY_CYCLES : CYC_KEY_REPEAT;
    const struct cyc_node *const node = fields->node[key];
    const struct saved_scope saved = save_scope(build);
    bool sound = cyc_build_count(build, node, key, 0.0, &block->count);
    block->reference_pass = CYC_VALUE_NONE;
    if (fields->node[CYC_KEY_REFERENCE_CYCLE] != NULL) {
        sound = cyc_build_count(build, fields->node[CYC_KEY_REFERENCE_CYCLE],
                                CYC_KEY_REFERENCE_CYCLE, 1.0, &block->reference_pass) &&
                sound;
    }
    if (counted && build->scope.in_cycle) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->key_pos, "cycles inside cycles: a cycle has no cycles");
        diag->hint = "make one of them repeat";
        sound = false;
    }
    if (!enter_block(build, node)) {
        return false;
    }
    build->scope.in_cycle = build->scope.in_cycle || counted;
    sound = compile_rules(compiler, fields, block) && sound;
    if (fields->node[CYC_KEY_LEAVE_WHEN] != NULL) {
        sound = compile_leave_when(build, fields->node[CYC_KEY_LEAVE_WHEN], block) && sound;
    }
    sound = cyc_compile_list(compiler, fields->node[CYC_KEY_STEPS], node, "steps", &block->node,
                             &block->first) &&
            sound;
    restore_scope(build, &saved);
    return sound;
}

/* ---- each ------------------------------------------------------------------------------------ */

static bool read_each_values(struct cyc_build *build, const struct cyc_node *node,
                             const struct cyc_value **values, unsigned *count, enum cyc_kind *kind)
{
    if (node->type == CYC_NODE_SCALAR && node->size > 1 && node->text[0] == '=') {
        const char *name = node->text + 1 + strspn(node->text + 1, " ");
        const struct cyc_name *const found = cyc_names_find(build->names, name, strlen(name));
        if (found != NULL && found->list != NULL) {
            *values = found->list;
            *count = found->list_count;
            *kind = found->kind;
            return true;
        }
    }
    if (node->type != CYC_NODE_SEQUENCE) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "`%s` in each must be a list", node->key);
        diag->hint = "[0.1 C, 0.5 C, 1 C], or = and the name of a parameter that is a list";
        return false;
    }
    return cyc_compile_values(build, node, values, count, kind);
}

static bool compile_each(struct cyc_compiler *compiler, const struct cyc_fields *fields,
                         struct cyc_plan_block *block)
{
    struct cyc_build *const build = compiler->build;
    const struct cyc_node *const lists = fields->node[CYC_KEY_EACH];
    const struct saved_scope saved = save_scope(build);
    const unsigned first_name = build->names->count;
    bool sound = true;
    if (lists->type != CYC_NODE_MAPPING || lists->child == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, lists->pos, "each needs names with lists");
        diag->hint = "each: {rate: [0.1 C, 0.5 C, 1 C]}";
        return false;
    }
    struct cyc_each_list *const each =
        cyc_arena_array(build->arena, lists->child_count, sizeof *each);
    if (each == NULL) {
        return false;
    }
    block->each = each;
    for (const struct cyc_node *list = lists->child; list != NULL; list = list->next) {
        unsigned count = 0;
        enum cyc_kind kind = CYC_KIND_NUMBER;
        struct cyc_each_list *const item = &each[block->each_count];
        if (!read_each_values(build, list, &item->values, &count, &kind)) {
            sound = false;
            continue;
        }
        if (block->each_count > 0 && count != block->each_length) {
            struct cyc_diag *const diag =
                cyc_build_error(build, list->pos, "`%s` has %u values, the list before it has %u",
                                list->key, count, block->each_length);
            diag->hint = "the lists of one each go side by side and must be equally long";
            sound = false;
        }
        const struct cyc_name *const name = cyc_names_add(build, list->key, kind, list->key_pos);
        if (name == NULL) {
            sound = false;
            continue;
        }
        block->each_length = count;
        item->variable = name->index;
        item->name = name->name;
        block->each_count++;
    }
    const unsigned last_name = build->names->count;
    if (enter_block(build, lists)) {
        sound = compile_rules(compiler, fields, block) && sound;
        sound = cyc_compile_list(compiler, fields->node[CYC_KEY_STEPS], lists, "steps",
                                 &block->node, &block->first) &&
                sound;
    }
    restore_scope(build, &saved);
    for (unsigned i = first_name; i < last_name; i++) {
        build->names->items[i].name = ""; /* known inside only */
    }
    return sound;
}

/* ---- if, let, flow --------------------------------------------------------------------------- */

static const enum cyc_key flow_odd[] = {CYC_KEY_RECORD, CYC_KEY_LIMITS, CYC_KEY_TIMEOUT,
                                        CYC_KEY_AFTER_INTERRUPTION, CYC_KEY_MAX_GAP};

static bool compile_if(struct cyc_compiler *compiler, const struct cyc_fields *fields,
                       struct cyc_plan_block *block)
{
    struct cyc_build *const build = compiler->build;
    const struct cyc_node *const node = fields->node[CYC_KEY_IF];
    block->condition = cyc_build_condition(build, node);
    bool sound = block->condition != NULL;
    sound = refuse_odd_keys(build, fields, flow_odd, 5, CYC_STEP_IF) && sound;
    sound = cyc_compile_list(compiler, fields->node[CYC_KEY_THEN], node, "then", &block->node,
                             &block->first) &&
            sound;
    if (fields->node[CYC_KEY_ELSE] != NULL) {
        sound = cyc_compile_list(compiler, fields->node[CYC_KEY_ELSE], node, "else", &block->node,
                                 &block->otherwise) &&
                sound;
    }
    return sound;
}

/* The variable that a `let` sets, made if it is new. */
static bool let_target(struct cyc_compiler *compiler, const struct cyc_node *node,
                       enum cyc_kind kind, struct cyc_assignment *assignment)
{
    struct cyc_build *const build = compiler->build;
    if (strcmp(node->key, "soc") == 0) {
        if (kind != CYC_KIND_FRACTION) {
            struct cyc_diag *const diag = cyc_build_error(build, node->pos, "soc is a percentage");
            diag->hint = "let: {soc: 100 %}";
            return false;
        }
        if (!build->full_capacity_seen) {
            struct cyc_diag *const diag =
                cyc_build_error(build, node->key_pos, "soc has no capacity to count against");
            diag->hint = "let: {soc: 100 %, full_capacity: = last.capacity}, or state "
                         "cell.nominal_capacity";
            return false;
        }
        assignment->variable = CYC_ASSIGN_SOC;
        assignment->name = "soc";
        build->scope.soc_known = true;
        return true;
    }
    struct cyc_name *name = cyc_names_find(build->names, node->key, strlen(node->key));
    if (name == NULL) {
        name = cyc_names_add(build, node->key, kind, node->key_pos);
    } else if (name->parameter || name->list != NULL) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->key_pos, "`%s` is a parameter and keeps its value", node->key);
        diag->hint = "let another name have the new value";
        return false;
    } else if (name->kind != kind) {
        (void)cyc_build_error(build, node->pos, "`%s` is a %s and cannot become a %s", node->key,
                              cyc_kind_name(name->kind), cyc_kind_name(kind));
        return false;
    }
    if (name == NULL) {
        return false;
    }
    if (name->index == CYC_NAME_ONE_C && compiler->include_depth > 0) {
        (void)cyc_build_error(build, node->key_pos, "an included protocol cannot set one_c");
        return false;
    }
    assignment->variable = name->index;
    assignment->name = name->name;
    return true;
}

static bool compile_let(struct cyc_compiler *compiler, const struct cyc_fields *fields,
                        struct cyc_plan_let *let)
{
    struct cyc_build *const build = compiler->build;
    const struct cyc_node *const names = fields->node[CYC_KEY_LET];
    bool sound = refuse_odd_keys(build, fields, flow_odd, 5, CYC_STEP_LET);
    if (names->type != CYC_NODE_MAPPING || names->child == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, names->pos, "let needs names and values");
        diag->hint = "let: {q0: = last_discharge.capacity}";
        return false;
    }
    struct cyc_assignment *const list =
        cyc_arena_array(build->arena, names->child_count, sizeof *list);
    if (cyc_node_get(names, "full_capacity") != NULL) {
        build->full_capacity_seen = true;
    }
    let->assignments = list;
    if (list == NULL) {
        return false;
    }
    for (const struct cyc_node *node = names->child; node != NULL; node = node->next) {
        struct cyc_assignment *const assignment = &list[let->assignment_count];
        enum cyc_kind kind = CYC_KIND_NUMBER;
        assignment->pos = node->pos;
        cyc_build_enter(build, node->key, 0);
        if (cyc_build_any(build, node, &assignment->value, &kind) &&
            let_target(compiler, node, kind, assignment)) {
            let->assignment_count++;
        } else {
            sound = false;
        }
        cyc_build_leave(build);
    }
    return sound;
}

static bool compile_flow(struct cyc_compiler *compiler, const struct cyc_node *step,
                         const struct cyc_fields *fields, struct cyc_plan_flow *flow)
{
    static const enum cyc_key keys[] = {CYC_KEY_NOTE, CYC_KEY_GOTO, CYC_KEY_LEAVE, CYC_KEY_STOP,
                                        CYC_KEY_FAIL};
    struct cyc_build *const build = compiler->build;
    const enum cyc_step_kind kind = (enum cyc_step_kind)flow->node.kind;
    const struct cyc_node *const node = fields->node[keys[kind - CYC_STEP_NOTE]];
    const bool named = kind == CYC_STEP_GOTO || kind == CYC_STEP_LEAVE;
    bool sound = refuse_odd_keys(build, fields, flow_odd, 5, kind);
    const char *text = "";
    flow->pos = step->child->key_pos;
    if (node->type != CYC_NODE_SCALAR ||
        ((kind == CYC_STEP_GOTO || kind == CYC_STEP_NOTE) && node->size == 0)) {
        (void)cyc_build_error(build, node->pos, "%s is due here", named ? "an id" : "text");
        return false;
    }
    if (!cyc_build_text(build, node, &text)) {
        return false;
    }
    if (named && text[0] != '\0') {
        const char *const whole = cyc_diags_format(build->diags, "%s%s", build->prefix, text);
        flow->target = cyc_arena_string(build->arena, whole, strlen(whole));
        flow->pos = node->pos;
        return sound && flow->target != NULL;
    }
    if (kind == CYC_STEP_LEAVE && build->scope.block_depth == 0) {
        cyc_build_error(build, node->key_pos, "leave: no block is around this step")->hint =
            "to end the run write stop or fail";
        return false;
    }
    flow->text = text;
    return sound;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static struct cyc_plan_node *new_node(struct cyc_compiler *compiler, enum cyc_step_kind kind,
                                      struct cyc_plan_node *parent)
{
    static const size_t sizes[] = {sizeof(struct cyc_plan_step), sizeof(struct cyc_plan_block),
                                   sizeof(struct cyc_plan_let), sizeof(struct cyc_plan_flow)};
    const unsigned which = cyc_step_kind_is_electrical(kind)                     ? 0
                           : cyc_step_kind_is_block(kind) || kind == CYC_STEP_IF ? 1
                           : kind == CYC_STEP_LET                                ? 2
                                                                                 : 3;
    struct cyc_plan_node *const node = cyc_arena_alloc(compiler->build->arena, sizes[which]);
    if (node != NULL) {
        node->kind = (uint8_t)kind;
        node->depth = (uint8_t)compiler->build->scope.block_depth;
        node->order = compiler->plan->node_count++;
        node->parent = parent;
    }
    return node;
}

static bool passes_current(const struct cyc_step_plan *step)
{
    return step->mode != CYC_MODE_REST && step->mode != CYC_MODE_TEMPERATURE &&
           step->mode != CYC_MODE_PRESSURE && step->mode != CYC_MODE_ASK;
}

static bool compile_electrical(struct cyc_compiler *compiler, const struct cyc_node *step,
                               const struct cyc_fields *fields, enum cyc_step_kind kind,
                               struct cyc_plan_node *node)
{
    struct cyc_plan_step *const plan = (struct cyc_plan_step *)(void *)node;
    const bool sound = cyc_step_parse(compiler->build, step, fields, kind, &plan->step);
    if (passes_current(&plan->step) && compiler->unit->current_pos.line == 0) {
        compiler->unit->current_pos = plan->step.pos;
    }
    return sound;
}

static bool compile_block(struct cyc_compiler *compiler, const struct cyc_node *step,
                          const struct cyc_fields *fields, struct cyc_plan_node *node)
{
    struct cyc_plan_block *const block = (struct cyc_plan_block *)(void *)node;
    block->pos = step->child->key_pos;
    block->count = (struct cyc_value){1.0, NULL};
    block->reference_pass = CYC_VALUE_NONE;
    const bool named = take_id(compiler->build, fields, node, &block->id);
    switch ((enum cyc_step_kind)node->kind) {
    case CYC_STEP_REPEAT:
    case CYC_STEP_CYCLES:
        return compile_repeat(compiler, fields, block) && named;
    case CYC_STEP_EACH:
        return compile_each(compiler, fields, block) && named;
    case CYC_STEP_IF:
        return compile_if(compiler, fields, block) && named;
    case CYC_STEP_INCLUDE: {
        const struct saved_scope saved = save_scope(compiler->build);
        const bool sound = enter_block(compiler->build, step) &&
                           compile_rules(compiler, fields, block) &&
                           cyc_compile_include(compiler, fields, block);
        restore_scope(compiler->build, &saved);
        return sound && named;
    }
    case CYC_STEP_CHARGE:
    case CYC_STEP_DISCHARGE:
    case CYC_STEP_HOLD:
    case CYC_STEP_REST:
    case CYC_STEP_PULSE:
    case CYC_STEP_SWEEP:
    case CYC_STEP_PROFILE:
    case CYC_STEP_IMPEDANCE:
    case CYC_STEP_TEMPERATURE:
    case CYC_STEP_PRESSURE:
    case CYC_STEP_ASK:
    case CYC_STEP_LET:
    case CYC_STEP_NOTE:
    case CYC_STEP_GOTO:
    case CYC_STEP_LEAVE:
    case CYC_STEP_STOP:
    case CYC_STEP_FAIL:
    case CYC_STEP_SENTENCE:
    case CYC_STEP_KIND_COUNT:
        break;
    }
    return false;
}

static struct cyc_plan_node *compile_node(struct cyc_compiler *compiler,
                                          const struct cyc_node *step, struct cyc_plan_node *parent)
{
    struct cyc_build *const build = compiler->build;
    struct cyc_fields fields;
    const int kind = cyc_step_identify(build, &step, &fields);
    if (kind < 0) {
        compiler->sound = false;
        return NULL;
    }
    struct cyc_plan_node *const node = new_node(compiler, (enum cyc_step_kind)kind, parent);
    if (node == NULL) {
        return NULL;
    }
    bool sound = fields.sound;
    if (cyc_step_kind_is_electrical((enum cyc_step_kind)kind)) {
        sound =
            compile_electrical(compiler, step, &fields, (enum cyc_step_kind)kind, node) && sound;
    } else if (cyc_step_kind_is_block((enum cyc_step_kind)kind) || kind == CYC_STEP_IF) {
        sound = compile_block(compiler, step, &fields, node) && sound;
    } else if (kind == CYC_STEP_LET) {
        struct cyc_plan_let *const let = (struct cyc_plan_let *)(void *)node;
        let->pos = step->child->key_pos;
        sound = compile_let(compiler, &fields, let) && sound;
    } else {
        sound =
            compile_flow(compiler, step, &fields, (struct cyc_plan_flow *)(void *)node) && sound;
    }
    compiler->sound = compiler->sound && sound;
    return node;
}

bool cyc_compile_list(struct cyc_compiler *compiler, const struct cyc_node *list,
                      const struct cyc_node *owner, const char *key, struct cyc_plan_node *parent,
                      struct cyc_plan_node **first)
{
    struct cyc_build *const build = compiler->build;
    struct cyc_plan_node **tail = first;
    unsigned index = 0;
    if (list == NULL) {
        struct cyc_diag *const diag = cyc_build_error(
            build, owner->key != NULL ? owner->key_pos : owner->pos, "`%s` is missing", key);
        diag->hint =
            cyc_diags_format(build->diags, "%s: and below it a list, one - for each step", key);
        return false;
    }
    if (list->type != CYC_NODE_SEQUENCE || list->child == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, list->pos, "`%s` must be a list of steps", key);
        diag->hint = "one - for each step";
        return false;
    }
    const bool outer_sound = compiler->sound;
    compiler->sound = true;
    cyc_build_enter(build, key, 0);
    for (const struct cyc_node *item = list->child; item != NULL; item = item->next, index++) {
        cyc_build_enter(build, NULL, index);
        struct cyc_plan_node *const node = compile_node(compiler, item, parent);
        cyc_build_leave(build);
        if (build->arena->failed) {
            break;
        }
        if (node != NULL) {
            *tail = node;
            tail = &node->next;
        }
    }
    cyc_build_leave(build);
    const bool sound = compiler->sound;
    compiler->sound = outer_sound && sound;
    return sound;
}
