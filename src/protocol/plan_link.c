/* What can only be looked up when the whole plan is known: targets of goto and leave, ids in
 * expressions. And the compilation as a whole, with includes. */
#include "protocol/header.h"
#include "protocol/ids.h"
#include "protocol/names.h"
#include "protocol/plan_int.h"
#include "protocol/profile.h"

#include <stddef.h>
#include <string.h>

/* ---- Targets --------------------------------------------------------------------------------- */

static const struct cyc_plan_node *node_of(const struct cyc_id *id)
{
    if (id->block) {
        return id->owner;
    }
    const char *const step = id->owner;
    return (const struct cyc_plan_node *)(const void *)(step -
                                                        offsetof(struct cyc_plan_step, step));
}

/* Two nodes with the same parent may still stand in two lists: method and finally, then and else.
 */
static bool same_list(const struct cyc_plan *plan, const struct cyc_plan_node *a,
                      const struct cyc_plan_node *b)
{
    const struct cyc_plan_node *second = plan->finally;
    if (a->parent != b->parent) {
        return false;
    }
    if (a->parent != NULL) {
        second = a->parent->kind == CYC_STEP_IF ? cyc_plan_as_block(a->parent)->otherwise : NULL;
    }
    return second == NULL || (a->order >= second->order) == (b->order >= second->order);
}

static struct cyc_diag *refuse_target(struct cyc_compiler *compiler, struct cyc_pos pos,
                                      const char *target)
{
    struct cyc_build *const build = compiler->build;
    struct cyc_diag *const diag =
        cyc_build_error(build, pos, "no step or block has the id `%s`", target);
    const char *const near = cyc_ids_nearest(build->ids, target);
    diag->hint = near != NULL ? cyc_diags_format(build->diags, "did you mean `%s`?", near)
                              : "a step gets one by `id: …` beside its other keys";
    return diag;
}

static const struct cyc_plan_node *find_goto(struct cyc_compiler *compiler,
                                             const struct cyc_plan_node *from, const char *target,
                                             struct cyc_pos pos)
{
    const struct cyc_id *const id = cyc_ids_find(compiler->build->ids, target);
    if (id == NULL) {
        (void)refuse_target(compiler, pos, target);
        return NULL;
    }
    const struct cyc_plan_node *const to = node_of(id);
    for (const struct cyc_plan_node *at = from; at != NULL; at = at->parent) {
        if (same_list(compiler->plan, at, to)) {
            return to;
        }
    }
    struct cyc_diag *const diag =
        cyc_build_error(compiler->build, pos, "goto cannot lead into another block: `%s`", target);
    diag->hint = "a target stands in the same list or in a list around it";
    diag->related = id->pos;
    diag->related_text = "the target is here";
    return NULL;
}

/* `inclusive`: a cutoff of the block itself may leave it by its own id. */
static const struct cyc_plan_node *find_leave(struct cyc_compiler *compiler,
                                              const struct cyc_plan_node *from, bool inclusive,
                                              const char *target, struct cyc_pos pos)
{
    const struct cyc_plan_node *at = inclusive ? from : from->parent;
    for (; at != NULL; at = at->parent) {
        const char *const id = cyc_plan_id(at);
        if (at->kind != CYC_STEP_IF && id != NULL && strcmp(id, target) == 0) {
            return at;
        }
    }
    if (cyc_ids_find(compiler->build->ids, target) == NULL) {
        (void)refuse_target(compiler, pos, target);
    } else {
        struct cyc_diag *const diag =
            cyc_build_error(compiler->build, pos, "`%s` is not a block around this", target);
        diag->hint = "leave leads out of a block; goto leads to a step";
    }
    return NULL;
}

static bool link_cutoffs(struct cyc_compiler *compiler, const struct cyc_plan_node *node,
                         const struct cyc_cutoff_plan *cutoffs, unsigned count, bool of_block)
{
    bool sound = true;
    for (unsigned i = 0; i < count; i++) {
        struct cyc_cutoff_more *const more = cutoffs[i].more;
        const bool leaves = cutoffs[i].action == CYC_FOLLOW_LEAVE;
        if (leaves && !of_block && (more == NULL || more->target == NULL) && node->depth == 0) {
            cyc_build_error(compiler->build, cutoffs[i].pos, "leave: no block is around this step")
                ->hint = "to go on write next, to end the run stop or fail";
            sound = false;
        }
        if (more == NULL || more->target == NULL) {
            continue;
        }
        more->target_node =
            leaves ? find_leave(compiler, node, of_block, more->target, more->target_pos)
                   : find_goto(compiler, node, more->target, more->target_pos);
        sound = sound && more->target_node != NULL;
    }
    return sound;
}

static void link_node(void *context, const struct cyc_plan_node *node)
{
    struct cyc_compiler *const compiler = context;
    bool sound = true;
    if (cyc_step_kind_is_electrical((enum cyc_step_kind)node->kind)) {
        const struct cyc_step_plan *const step = &cyc_plan_as_step(node)->step;
        sound = link_cutoffs(compiler, node, step->cutoffs, step->cutoff_count, false);
    } else if (cyc_step_kind_is_block((enum cyc_step_kind)node->kind)) {
        const struct cyc_cutoffs *const cutoffs = &cyc_plan_as_block(node)->rules.cutoffs;
        sound = link_cutoffs(compiler, node, cutoffs->items, cutoffs->count, true);
    } else if (node->kind == CYC_STEP_GOTO || node->kind == CYC_STEP_LEAVE) {
        struct cyc_plan_flow *const flow = (struct cyc_plan_flow *)(uintptr_t)node;
        if (flow->target != NULL) {
            flow->target_node = node->kind == CYC_STEP_GOTO
                                    ? find_goto(compiler, node, flow->target, flow->pos)
                                    : find_leave(compiler, node, false, flow->target, flow->pos);
            sound = flow->target_node != NULL;
        }
    }
    compiler->sound = compiler->sound && sound;
}

/* ---- References ------------------------------------------------------------------------------ */

static bool link_ref(struct cyc_compiler *compiler, const struct cyc_ref *ref)
{
    struct cyc_build *const build = compiler->build;
    if (ref->subject == CYC_SUBJECT_CYCLES_INDEX) {
        compiler->plan->keep_cycles = true;
    }
    if (ref->id == NULL) {
        return true;
    }
    const struct cyc_id *const id = cyc_ids_find(build->ids, ref->id);
    const bool step = ref->subject == CYC_SUBJECT_STEP;
    if (id == NULL) {
        (void)refuse_target(compiler, ref->pos, ref->id);
        return false;
    }
    const struct cyc_plan_node *const node = node_of(id);
    if (step && id->block) {
        struct cyc_diag *const diag =
            cyc_build_error(build, ref->pos, "`%s` is a block, not a step", ref->id);
        diag->hint =
            cyc_diags_format(build->diags, "cycles.%s.last, or give an id to the step", ref->id);
        return false;
    }
    if (!step && node->kind != CYC_STEP_CYCLES && node->kind != CYC_STEP_REPEAT) {
        struct cyc_diag *const diag =
            cyc_build_error(build, ref->pos, "`%s` is not a cycles block", ref->id);
        diag->hint = cyc_diags_format(
            build->diags, "%s%s", id->block ? "give the id to a cycles block, not to " : "step.",
            ref->id);
        return false;
    }
    return true;
}

bool cyc_compile_link(struct cyc_compiler *compiler)
{
    bool sound = true;
    compiler->sound = true;
    for (const struct cyc_ref_note *note = compiler->build->refs; note != NULL; note = note->next) {
        sound = link_ref(compiler, note->ref) && sound;
    }
    cyc_plan_walk(compiler->plan->method, link_node, compiler);
    cyc_plan_walk(compiler->plan->finally, link_node, compiler);
    return sound && compiler->sound;
}

/* ---- Includes -------------------------------------------------------------------------------- */

static const char *folder_of(struct cyc_build *build, const char *name)
{
    const char *const slash = strrchr(name, '/');
    return slash == NULL ? "" : cyc_arena_string(build->arena, name, (size_t)(slash - name) + 1);
}

/* Does the protocol set what 1C means? Then C-rates cannot become currents when it is read. */
static bool sets_one_c(const struct cyc_node *node)
{
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        if (child->type == CYC_NODE_SCALAR) {
            continue;
        }
        const bool let = child->key != NULL && strcmp(child->key, "let") == 0;
        if ((let && cyc_node_get(child, "one_c") != NULL) || sets_one_c(child)) {
            return true;
        }
    }
    return false;
}

/* Voltages without `vs` belong to the unit's own reference; has the cell another one? */
static bool reference_differs(struct cyc_build *build, const struct cyc_node *root)
{
    const struct cyc_node *const reference = cyc_node_get(cyc_node_get(root, "cell"), "reference");
    return reference != NULL && reference->type == CYC_NODE_SCALAR &&
           strcmp(reference->text, build->cell->reference) != 0;
}

static const struct cyc_node *included_root(struct cyc_build *build, const struct cyc_node *node,
                                            struct cyc_file *file)
{
    if (file->tree == NULL) {
        file->diag_file = cyc_diags_add_file(build->diags, file->name, file->text, file->size);
        (void)cyc_tree_parse(file->text, file->size, file->diag_file, build->arena, build->diags,
                             &file->tree, NULL);
        if (file->tree == NULL) {
            (void)cyc_build_error(build, node->pos, "the included protocol has mistakes");
        }
    }
    return file->tree;
}

static bool check_include(struct cyc_compiler *compiler, const struct cyc_node *node,
                          const struct cyc_file *file)
{
    for (const struct cyc_unit *unit = compiler->unit; unit != NULL; unit = unit->outer) {
        if (unit->file == file) {
            (void)cyc_build_error(compiler->build, node->pos, "the protocol includes itself");
            return false;
        }
    }
    if (compiler->include_depth == CYC_INCLUDE_DEPTH_MAX) {
        (void)cyc_build_error(compiler->build, node->pos, "includes are nested deeper than %d",
                              CYC_INCLUDE_DEPTH_MAX);
        return false;
    }
    return true;
}

/* Compiles the method of an included protocol as the list of `block`, in a unit of its own. */
static bool compile_unit(struct cyc_compiler *compiler, const struct cyc_node *root,
                         const struct cyc_node *with, struct cyc_names *outer,
                         struct cyc_plan_block *block)
{
    struct cyc_build *const build = compiler->build;
    struct cyc_fields header;
    if (!cyc_build_fields(build, root, CYC_PLACE_PROTOCOL, &header) ||
        !cyc_header_version(build, root, &header, CYC_KEY_CYCLOSTAT, "cyclostat: 1")) {
        return false;
    }
    bool sound = cyc_header_parameters(compiler, header.node[CYC_KEY_PARAMETERS], with, outer,
                                       &block->assignments, &block->assignment_count);
    struct cyc_rules own = {
        .level = CYC_LEVEL_PROTOCOL, .depth = block->rules.depth, .timeout_s = CYC_VALUE_NONE};
    sound = cyc_header_rules(compiler, &header, root, &own) && sound;
    block->own = own;
    sound = cyc_compile_list(compiler, header.node[CYC_KEY_METHOD], root, "method", &block->node,
                             &block->first) &&
            sound;
    return cyc_header_limits_stated(compiler) && sound;
}

bool cyc_compile_include(struct cyc_compiler *compiler, const struct cyc_fields *fields,
                         struct cyc_plan_block *block)
{
    struct cyc_build *const build = compiler->build;
    const struct cyc_node *const node = fields->node[CYC_KEY_INCLUDE];
    const struct cyc_node *const with = fields->node[CYC_KEY_WITH];
    struct cyc_file *const file = cyc_files_take(build, node, CYC_FILE_SIZE_MAX);
    if (file == NULL || !check_include(compiler, node, file)) {
        return false;
    }
    if (with != NULL && with->type != CYC_NODE_MAPPING) {
        struct cyc_diag *const diag =
            cyc_build_error(build, with->pos, "`with` is names and values");
        diag->hint = "with: {cycle_count: 3}";
        return false;
    }
    const struct cyc_node *const root = included_root(build, node, file);
    struct cyc_names names = {NULL, 0, NULL};
    if (root == NULL || !cyc_names_init(&names, build->arena, build->names->index_count)) {
        return false;
    }
    struct cyc_unit unit = {.file = file, .outer = compiler->unit, .outer_prefix = build->prefix};
    struct cyc_names *const outer_names = build->names;
    const char *const outer_folder = build->folder;
    const char *const outer_prefix = build->prefix;
    const bool outer_refused = build->bare_voltage_refused;
    compiler->unit = &unit;
    compiler->include_depth++;
    build->names = &names;
    build->folder = folder_of(build, file->name);
    if (block->id != NULL) {
        const char *const prefix = cyc_diags_format(build->diags, "%s.", block->id);
        build->prefix = cyc_arena_string(build->arena, prefix, strlen(prefix));
    }
    build->bare_voltage_refused = reference_differs(build, root);
    block->file = file->name;
    const bool sound = compile_unit(compiler, root, with, outer_names, block);
    build->bare_voltage_refused = outer_refused;
    build->prefix = outer_prefix;
    build->folder = outer_folder;
    build->names = outer_names;
    compiler->include_depth--;
    compiler->unit = unit.outer;
    return sound;
}

/* ---- The whole ------------------------------------------------------------------------------- */

bool cyc_plan_compile(struct cyc_build *build, const struct cyc_node *root,
                      const struct cyc_fields *header, const struct cyc_setting *settings,
                      unsigned setting_count, struct cyc_plan *plan)
{
    struct cyc_unit unit = {.file = &build->files->items[0]};
    struct cyc_compiler compiler = {.build = build,
                                    .plan = plan,
                                    .unit = &unit,
                                    .sound = true,
                                    .settings = settings,
                                    .setting_count = setting_count};
    struct cyc_names names = {NULL, 0, NULL};
    plan->variable_count = CYC_NAME_FIRST_FREE;
    if (!cyc_names_init(&names, build->arena, &plan->variable_count)) {
        return false;
    }
    build->names = &names;
    build->one_c_varies = build->scope.one_c_varies = sets_one_c(root);
    build->bare_voltage_refused = reference_differs(build, root);
    bool sound = cyc_header_parameters(&compiler, header->node[CYC_KEY_PARAMETERS], NULL, NULL,
                                       &plan->parameters, &plan->parameter_count);
    plan->rules.timeout_s = CYC_VALUE_NONE;
    sound = cyc_header_rules(&compiler, header, root, &plan->rules) && sound;
    plan->finally_rules = plan->rules;
    plan->finally_rules.cutoffs = (struct cyc_cutoffs){NULL, 0};
    sound = cyc_compile_list(&compiler, header->node[CYC_KEY_METHOD], root, "method", NULL,
                             &plan->method) &&
            sound;
    if (header->node[CYC_KEY_FINALLY] != NULL) {
        build->charge_bounded = build->bounded = false;
        sound = cyc_compile_list(&compiler, header->node[CYC_KEY_FINALLY], root, "finally", NULL,
                                 &plan->finally) &&
                sound;
    }
    sound = cyc_header_limits_stated(&compiler) && sound;
    sound = cyc_header_expects(&compiler, header->node[CYC_KEY_EXPECT]) && sound;
    plan->step_count = build->step_count;
    if (sound) { /* what failed above is not linked: its ids may be missing for that reason */
        sound = cyc_compile_link(&compiler);
    }
    build->names = NULL;
    return sound;
}
