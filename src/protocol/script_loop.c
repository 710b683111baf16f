/* cycles(n, {…}): an iterator whose rounds are cycles.
 *
 *     for pass in cycles(20, { id = "formation" }) do … end
 *
 *   first round      the block is entered, its first pass begins
 *   further rounds   the pass that has ended is handed out and judged, the next one begins
 *   leaving          by itself: as above, without a next pass. With break, return or an error: the
 *                    fourth value of the generic for closes the loop; a pass in which charge went
 *                    both ways counts as complete, another one (or one ended by an error) does not
 */
#include "protocol/script_int.h"

#include <math.h>
#include <string.h>

static const char handle_table[] = "cycles";

struct handle {
    uint32_t serial;
};

static struct cyc_script_loop *loop_of(lua_State *L, const struct handle *handle)
{
    struct cyc_script_loop *const loop = &cyc_script_of(L)->loop;
    if (loop->serial != handle->serial) {
        (void)luaL_error(L, "this loop is over");
    }
    return loop;
}

/* ---- The options --------------------------------------------------------------------------------- */

static bool parse_rules(struct cyc_script_source *source, const struct cyc_fields *fields)
{
    struct cyc_build *const build = &source->build;
    struct cyc_rules *const rules = &source->loop.rules;
    const struct cyc_node *const *const node = fields->node;
    const struct cyc_cutoff_owner owner = {.step_kind = CYC_STEP_CYCLES,
                                           .scope = CYC_SCOPE_BLOCK};
    bool sound = true;
    *rules = (struct cyc_rules){.level = CYC_LEVEL_STEP, .timeout_s = CYC_VALUE_NONE};
    if (node[CYC_KEY_LIMITS] != NULL) {
        sound = cyc_limits_parse(build, node[CYC_KEY_LIMITS], &rules->limits);
    }
    if (node[CYC_KEY_RECORD] != NULL) {
        sound = cyc_record_parse(build, node[CYC_KEY_RECORD], &rules->record) && sound;
    }
    if (node[CYC_KEY_TIMEOUT] != NULL) {
        sound = cyc_build_value(build, node[CYC_KEY_TIMEOUT], CYC_KEY_TIMEOUT, &rules->timeout_s,
                                NULL) && sound;
    }
    if (node[CYC_KEY_CUTOFF] == NULL) {
        return sound;
    }
    sound = cyc_cutoffs_parse(build, node[CYC_KEY_CUTOFF], &owner, &rules->cutoffs) && sound;
    for (unsigned i = 0; i < rules->cutoffs.count; i++) {
        const enum cyc_follow_up action = (enum cyc_follow_up)rules->cutoffs.items[i].action;
        if (action == CYC_FOLLOW_LEAVE) {
            struct cyc_diag *const diag =
                cyc_build_error(build, rules->cutoffs.items[i].pos,
                                "a cutoff cannot leave a loop of the program in the middle");
            diag->hint = "say action = \"pause\", \"stop\" or \"fail\"; or give the cutoff to the "
                         "steps and break when a result's reason says so";
            sound = false;
        }
    }
    return sound;
}

static bool parse_options(struct cyc_script_source *source, const struct cyc_node *node)
{
    struct cyc_fields fields;
    struct cyc_build *const build = &source->build;
    struct cyc_script_loop *const loop = &source->loop;
    bool sound = cyc_build_fields(build, node, CYC_STEP_CYCLES, &fields);
    struct cyc_value count = CYC_VALUE_NONE;
    struct cyc_value reference = CYC_VALUE_NONE;
    sound = cyc_build_count(build, fields.node[CYC_KEY_CYCLES], CYC_KEY_CYCLES, 0.0, &count) &&
            sound;
    if (fields.node[CYC_KEY_STEPS] != NULL) {
        (void)cyc_build_error(build, fields.node[CYC_KEY_STEPS]->key_pos,
                              "the steps are the body of the loop");
        sound = false;
    }
    if (fields.node[CYC_KEY_REFERENCE_CYCLE] != NULL) {
        sound = cyc_build_count(build, fields.node[CYC_KEY_REFERENCE_CYCLE],
                                CYC_KEY_REFERENCE_CYCLE, 1.0, &reference) && sound;
    }
    if (fields.node[CYC_KEY_ID] != NULL) {
        sound = cyc_build_id(build, fields.node[CYC_KEY_ID], &loop->id) && sound;
    }
    build->scope.block_depth = 1;
    build->scope.in_cycle = true;
    sound = parse_rules(source, &fields) && sound;
    if (fields.node[CYC_KEY_LEAVE_WHEN] != NULL) {
        build->scope.pass = true;
        loop->condition = cyc_build_condition(build, fields.node[CYC_KEY_LEAVE_WHEN]);
        build->scope.pass = false;
        sound = loop->condition != NULL && sound;
    }
    build->scope.block_depth = 0;
    build->scope.in_cycle = false;
    if (!sound) {
        return false;
    }
    loop->count = isnan(count.value) || count.value > 4e9 ? 0 : (uint32_t)count.value;
    loop->reference_pass = isnan(reference.value) ? 1 : (uint32_t)reference.value;
    return true;
}

/* A function in leave_when is taken out of the options and kept in the registry. */
static void take_function(lua_State *L, struct cyc_script_loop *loop)
{
    if (lua_type(L, 2) != LUA_TTABLE) {
        return;
    }
    lua_pushliteral(L, "leave_when");
    loop->has_function = lua_rawget(L, 2) == LUA_TFUNCTION;
    if (!loop->has_function) {
        lua_pop(L, 1);
        return;
    }
    lua_setfield(L, LUA_REGISTRYINDEX, "cyc.leave");
    lua_newtable(L); /* a copy of the options without it */
    size_t count;
    const struct cyc_lua_key *const keys = cyc_lua_keys(L, 2, &count);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].is_text && strcmp(keys[i].text, "leave_when") == 0) {
            continue;
        }
        cyc_lua_push_key(L, &keys[i]);
        lua_pushvalue(L, -1);
        (void)lua_rawget(L, 2);
        lua_rawset(L, -4);
    }
    lua_pop(L, 1);
    lua_replace(L, 2);
}

/* ---- Rounds -------------------------------------------------------------------------------------- */

static void begin_pass(struct cyc_script_source *source)
{
    struct cyc_script_loop *const loop = &source->loop;
    const struct cyc_sums *const sums = &source->history.test.sums;
    cyc_history_pass_begin(&source->history);
    loop->running = true;
    loop->pass++;
    loop->charge_Ah = sums->charge_Ah;
    loop->discharge_Ah = sums->discharge_Ah;
}

static void enter(lua_State *L, struct cyc_script_source *source)
{
    struct cyc_script_loop *const loop = &source->loop;
    struct cyc_err err = {0};
    const void *const key = loop->id == NULL ? (const void *)(uintptr_t)loop->line : NULL;
    if (cyc_history_enter(&source->history, key, loop->id, true, loop->reference_pass, &err) !=
        CYC_OK) {
        (void)luaL_error(L, "%s", err.text);
    }
    loop->active = true;
    source->rules[1] = &loop->rules;
    source->rule_count = 2;
    source->build.scope.block_depth = 1;
    source->build.scope.in_cycle = true;
    loop->charge_bounded = source->build.charge_bounded;
    loop->bounded = source->build.bounded;
    cyc_compile_bounds(&source->build, &loop->rules.cutoffs);
}

static void leave_scope(struct cyc_script_source *source)
{
    source->build.charge_bounded = source->loop.charge_bounded;
    source->build.bounded = source->loop.bounded;
    source->rule_count = 1;
    source->build.scope.block_depth = 0;
    source->build.scope.in_cycle = false;
}

static void push_cycle(lua_State *L, const struct cyc_passes *passes,
                       const struct cyc_outcome *outcome, bool known)
{
    if (known) {
        cyc_lua_push_outcome(L, outcome, true, passes->id != NULL ? passes->id : "cycles", NULL,
                             0);
    } else {
        lua_pushnil(L);
    }
}

/* leave_when(cycle, first, previous, best) */
static bool ask_function(lua_State *L, struct cyc_script_source *source)
{
    const struct cyc_passes *const passes =
        source->history.levels[source->history.depth - 1].passes;
    (void)lua_getfield(L, LUA_REGISTRYINDEX, "cyc.leave");
    push_cycle(L, passes, &passes->judged, true);
    push_cycle(L, passes, &passes->first, passes->completed > 0);
    push_cycle(L, passes, &passes->previous, passes->completed > 1);
    push_cycle(L, passes, &passes->best, passes->completed > 1);
    source->judging = true;
    lua_call(L, 4, 1);
    source->judging = false;
    const bool leaves = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return leaves;
}

static void end_pass(lua_State *L, struct cyc_script_source *source)
{
    struct cyc_script_loop *const loop = &source->loop;
    struct cyc_err err = {0};
    double value = 0.0;
    loop->running = false;
    int status = cyc_history_pass_end(&source->history, true, &source->cycle, &err);
    source->cycle_queued = true;
    cyc_history_env(&source->history, &source->env);
    if (status == CYC_OK && loop->condition != NULL) {
        status = cyc_expr_value(loop->condition, &source->env, &value, &err);
        loop->leaves = value != 0.0 && !isnan(value);
    } else if (status == CYC_OK && loop->has_function) {
        loop->leaves = ask_function(L, source);
    }
    if (status != CYC_OK) {
        (void)luaL_error(L, "%s", err.text);
    }
    cyc_history_pass_judged(&source->history);
}

static int next_round(lua_State *L, int status, lua_KContext context)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    struct cyc_script_loop *const loop = &source->loop;
    (void)status;
    (void)context;
    if (loop->leaves || loop->pass >= loop->count) {
        cyc_history_leave(&source->history);
        loop->active = false;
        leave_scope(source);
        lua_pushnil(L);
        return 1;
    }
    begin_pass(source);
    lua_pushinteger(L, (lua_Integer)loop->pass);
    return 1;
}

/* Upvalue: the handle. */
static int iterate(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    struct handle *const handle = lua_touserdata(L, lua_upvalueindex(1));
    struct cyc_script_loop *const loop = loop_of(L, handle);
    if (!loop->active) {
        if (loop->pass > 0) {
            return luaL_error(L, "this loop is over");
        }
        enter(L, source);
    } else if (loop->running) {
        end_pass(L, source);
    }
    if (source->cycle_queued) { /* hand it out before anything else can happen */
        source->request = CYC_REQUEST_CYCLE;
        return lua_yieldk(L, 0, 0, next_round);
    }
    return next_round(L, LUA_OK, 0);
}

/* __close: the loop is left. Arguments: the handle, the error or nil. */
static int close_loop(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    const struct handle *const handle = luaL_checkudata(L, 1, handle_table);
    struct cyc_script_loop *const loop = &source->loop;
    struct cyc_err err = {0};
    if (loop->serial != handle->serial || !loop->active) {
        return 0;
    }
    const struct cyc_sums *const sums = &source->history.test.sums;
    const bool both = sums->charge_Ah > loop->charge_Ah && sums->discharge_Ah > loop->discharge_Ah;
    const int status = cyc_script_break_loop(source, both && lua_isnoneornil(L, 2), &err);
    leave_scope(source);
    return status == CYC_OK ? 0 : luaL_error(L, "%s", err.text);
}

static int cycles_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    struct cyc_script_loop *const loop = &source->loop;
    if (!source->begun) {
        return luaL_error(L, "protocol{…} comes first");
    }
    if (loop->active) {
        return luaL_error(L, "cycles inside cycles: use a plain for loop for one of them");
    }
    lua_settop(L, 2);
    const uint32_t serial = loop->serial + 1;
    *loop = (struct cyc_script_loop){.serial = serial, .line = (uint32_t)cyc_lua_line(L)};
    take_function(L, loop);
    cyc_arena_release(&source->loop_arena);
    cyc_arena_init(&source->loop_arena, (size_t)4 << 20);
    source->build.arena = &source->loop_arena;
    source->build.refs = NULL;
    struct cyc_lua_nodes nodes = cyc_script_nodes(L, &source->loop_arena);
    struct cyc_node *const node = cyc_lua_mapping(L, &nodes);
    const struct cyc_script_ear ear = cyc_script_listen(source, nodes.line, "cycles");
    cyc_lua_append(L, node, "cycles", cyc_lua_node(L, 1, &nodes), &nodes);
    if (!lua_isnil(L, 2)) {
        const struct cyc_node *const given = cyc_lua_node(L, 2, &nodes);
        if (given->type != CYC_NODE_MAPPING) {
            return luaL_error(L, "the options of cycles have names: { id = \"main\" }");
        }
        node->child->next = given->child;
        node->child_count += given->child_count;
    }
    if (!parse_options(source, node)) {
        cyc_script_raise(L, ear.count);
        loop->count = 1; /* while it is checked the path goes on */
    }
    cyc_script_said(source, &ear);
    struct handle *const handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->serial = serial;
    luaL_setmetatable(L, handle_table);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, iterate, 1);
    lua_insert(L, -2);
    lua_pushnil(L);
    lua_insert(L, -2);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 4; /* iterate, nil, nil, handle */
}

void cyc_script_open_loop(lua_State *L)
{
    (void)luaL_newmetatable(L, handle_table);
    lua_pushcfunction(L, close_loop);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    lua_pushcfunction(L, cycles_call);
    lua_setglobal(L, "cycles");
}
