/* The vocabulary of Lua protocols: steps and everything else but `cycles` (script_loop.c). A step
 * function turns its arguments into the mapping that YAML would have and gives it to the same
 * readers, so both forms mean the same. */
#include "protocol/check.h"
#include "protocol/script_int.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Calls --------------------------------------------------------------------------------------- */

/* The source of a call that hands something to the host; the arena for its nodes begins anew. */
static struct cyc_script_source *begin_call(lua_State *L, struct cyc_arena *arena)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    if (!source->begun) {
        (void)luaL_error(L, "protocol{…} comes first");
    }
    if (source->judging) {
        (void)luaL_error(L, "leave_when only judges: no steps inside it");
    }
    if (!lua_isyieldable(L)) {
        (void)luaL_error(L, "a comparator cannot hand out steps");
    }
    const size_t size_max = arena->size_max;
    cyc_arena_release(arena);
    cyc_arena_init(arena, size_max);
    source->build.arena = arena;
    source->build.refs = NULL;
    if (source->own_diags) {
        source->diags->count = source->diags->error_count = source->diags->warning_count = 0;
    }
    return source;
}

/* The start of a line of the script. It is looked for from where the last call stood: calls follow
 * each other. */
static const char *line_start(lua_State *L, struct cyc_script_source *source, uint32_t line)
{
    const struct cyc_file *const file = &source->files.items[0];
    const char *at = source->call_line > 0 ? source->call_from : file->text;
    const char *const end = file->text + file->size;
    uint32_t number = source->call_line > 0 ? source->call_line : 1;
    const uint32_t distance = line > number ? line - number : number - line;
    cyc_lua_charge(L, distance);
    for (; number < line && at < end; number++) {
        const char *const feed = memchr(at, '\n', (size_t)(end - at));
        at = feed != NULL ? feed + 1 : end;
    }
    for (; number > line && at > file->text; number--) {
        const char *const feed = memrchr(file->text, '\n', (size_t)(at - 1 - file->text));
        at = feed != NULL ? feed + 1 : file->text;
    }
    source->call_line = number;
    source->call_from = at;
    return at;
}

struct cyc_lua_nodes cyc_script_nodes(lua_State *L, struct cyc_arena *arena)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    const struct cyc_file *const file = &source->files.items[0];
    struct cyc_lua_nodes nodes = {.arena = arena,
                                  .file = source->build.file,
                                  .line = (uint32_t)cyc_lua_line(L),
                                  .column = 1};
    if (source->options != NULL) {
        nodes.from = line_start(L, source, nodes.line);
        nodes.end = file->text + file->size;
        const char *at = nodes.from;
        while (at < nodes.end && (*at == ' ' || *at == '\t')) {
            at++;
        }
        nodes.column += (uint32_t)(at - nodes.from);
        cyc_lua_charge(L, (size_t)(at - nodes.from) / 16);
    }
    return nodes;
}

/* Files, and what is made of them once, outlive the call. */
static struct cyc_arena *lasting_arena(struct cyc_script_source *source)
{
    return source->made != NULL ? &source->made->arena : &source->lasting;
}

struct cyc_script_ear cyc_script_listen(struct cyc_script_source *source, uint32_t line,
                                        const char *key)
{
    const struct cyc_diags *const diags = source->diags;
    const uint64_t place = line ^ cyc_hash(key, strlen(key));
    const uint32_t slot = (uint32_t)(place % (8u * sizeof source->spoken));
    return (struct cyc_script_ear){diags->count, diags->error_count, diags->warning_count, slot};
}

void cyc_script_said(struct cyc_script_source *source, const struct cyc_script_ear *ear)
{
    struct cyc_diags *const diags = source->diags;
    const uint8_t bit = (uint8_t)(1u << (ear->slot % 8u));
    uint8_t *const spoken = &source->spoken[ear->slot / 8u];
    if (diags->error_count == ear->error_count && diags->warning_count == ear->warning_count) {
        return;
    }
    if ((*spoken & bit) != 0 && source->options != NULL) {
        diags->count = ear->count;
        diags->error_count = ear->error_count;
        diags->warning_count = ear->warning_count;
    }
    *spoken |= bit;
}

void cyc_script_raise(lua_State *L, unsigned before)
{
    const struct cyc_script_source *const source = cyc_script_of(L);
    const struct cyc_diags *const diags = source->diags;
    if (source->options != NULL) {
        return;
    }
    for (unsigned i = before; i < diags->count; i++) {
        const struct cyc_diag *const diag = &diags->items[i];
        if (diag->severity == CYC_SEVERITY_ERROR) {
            (void)(diag->hint != NULL ? luaL_error(L, "%s (%s)", diag->message, diag->hint)
                                      : luaL_error(L, "%s", diag->message));
        }
    }
    (void)luaL_error(L, "this call has a mistake");
}

/* {key: argument 1, …options of argument 2} */
static const struct cyc_node *step_node(lua_State *L, const char *key,
                                        struct cyc_lua_nodes *nodes)
{
    struct cyc_node *const step = cyc_lua_mapping(L, nodes);
    int options = 2;
    if (strcmp(key, "rest") == 0 && lua_gettop(L) == 1 && lua_type(L, 1) == LUA_TTABLE) {
        options = 1; /* rest{cutoff = …} */
    }
    const bool empty = options == 1 || (lua_isnoneornil(L, 1) && strcmp(key, "rest") == 0);
    if (lua_gettop(L) > 2) {
        (void)luaL_error(L, "%s takes a value and one table of options", key);
    }
    cyc_lua_append(L, step, key,
                   empty ? cyc_lua_scalar(L, "", nodes) : cyc_lua_node(L, 1, nodes), nodes);
    if (lua_isnoneornil(L, options)) {
        return step;
    }
    if (lua_type(L, options) != LUA_TTABLE) {
        (void)luaL_error(L, "the options of %s are a table: %s(…, { cutoff = \"4.2 V\" })", key,
                         key);
    }
    struct cyc_node *const given = cyc_lua_node(L, options, nodes);
    if (given->type != CYC_NODE_MAPPING) {
        (void)luaL_error(L, "the options of %s have names: { cutoff = \"4.2 V\" }", key);
    }
    if (cyc_node_get(given, key) != NULL) {
        (void)luaL_error(L, "%s is given twice", key);
    }
    step->child->next = given->child;
    step->child_count += given->child_count;
    return step;
}

/* ---- Steps --------------------------------------------------------------------------------------- */

static int push_result(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    const struct cyc_step *const step = &source->resolver.step;
    struct cyc_outcome outcome;
    cyc_outcome_of_result(step, &source->result, &source->cell, &outcome);
    const unsigned count = source->result.resistance_count < CYC_RESISTANCES_MAX
                               ? source->result.resistance_count
                               : CYC_RESISTANCES_MAX;
    cyc_lua_push_outcome(L, &outcome, false, step->name, source->result.resistances_ohm, count);
    return 1;
}

static int step_done(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    return push_result(L);
}

static bool passes_current(const struct cyc_step_plan *plan)
{
    return plan->mode != CYC_MODE_REST && plan->mode != CYC_MODE_TEMPERATURE &&
           plan->mode != CYC_MODE_PRESSURE && plan->mode != CYC_MODE_ASK;
}

static bool has_limit(const struct cyc_limits *limits, enum cyc_signal signal)
{
    for (unsigned i = 0; i < limits->count; i++) {
        if (limits->items[i].signal == signal) {
            return true;
        }
    }
    return false;
}

/* A protocol that passes current states limits.voltage and limits.current. */
static bool check_limits(struct cyc_script_source *source, const struct cyc_step_plan *plan)
{
    const struct cyc_limits *const limits = &source->base.protocol->plan.rules.limits;
    if (!passes_current(plan) || source->limits_missed) {
        return true;
    }
    const bool voltage = has_limit(limits, CYC_SIGNAL_VOLTAGE);
    if (voltage && has_limit(limits, CYC_SIGNAL_CURRENT)) {
        return true;
    }
    source->limits_missed = true;
    struct cyc_diag *const diag = cyc_build_error(
        &source->build, source->unit.pos, "a protocol that passes current must state limits.%s",
        voltage ? "current" : "voltage");
    diag->hint = voltage ? "limits = { current = \"2 C\" }"
                         : "limits = { voltage = { \"2.5 V\", \"4.3 V\" }, current = \"2 C\" }";
    diag->related = plan->pos;
    diag->related_text = "current is first passed here";
    return false;
}

/* A program leaves its loops by itself. */
static bool check_actions(struct cyc_script_source *source, const struct cyc_cutoff_plan *cutoffs,
                          unsigned count)
{
    bool sound = true;
    for (unsigned i = 0; i < count; i++) {
        if (cutoffs[i].action == CYC_FOLLOW_LEAVE) {
            struct cyc_diag *const diag = cyc_build_error(
                &source->build, cutoffs[i].pos, "a cutoff of a program cannot leave a block");
            diag->hint = "look at the result: if charge(…).reason == \"voltage\" then break end";
            sound = false;
        }
    }
    return sound;
}

static bool parse_step(struct cyc_script_source *source, const struct cyc_node *node,
                       struct cyc_step_plan *plan)
{
    struct cyc_fields fields;
    struct cyc_build *const build = &source->build;
    const int kind = cyc_step_identify(build, &node, &fields);
    if (kind < 0) {
        return false;
    }
    if (!cyc_step_kind_is_electrical((enum cyc_step_kind)kind)) {
        (void)cyc_build_error(build, node->pos, "this is no step");
        return false;
    }
    const uint32_t number = cyc_script_number(source, node->pos.line, (uint32_t)kind);
    build->step_count = number - 1;
    const bool sound = cyc_step_parse(build, node, &fields, (enum cyc_step_kind)kind, plan);
    source->step_count = source->step_count > number ? source->step_count : number;
    const bool follows = check_actions(source, plan->cutoffs, plan->cutoff_count);
    return fields.sound && sound && follows && check_limits(source, plan);
}

static int resolve_step(struct cyc_script_source *source, const struct cyc_step_plan *plan,
                        struct cyc_err *err)
{
    const struct cyc_step_around around = {&source->cell, &source->env, &source->history,
                                           source->rules, source->rule_count};
    cyc_history_env(&source->history, &source->env);
    return cyc_step_resolve(&source->resolver, plan, &around, err);
}

/* Upvalue: the step key. */
static int step_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    (void)begin_call(L, &source->call_arena);
    struct cyc_step_plan *const plan = cyc_arena_alloc(&source->call_arena, sizeof *plan);
    struct cyc_lua_nodes nodes = cyc_script_nodes(L, &source->call_arena);
    const char *const key = lua_tostring(L, lua_upvalueindex(1));
    const struct cyc_script_ear ear = cyc_script_listen(source, nodes.line, key);
    struct cyc_err err = {0};
    if (plan == NULL) {
        return luaL_error(L, "no memory for this call");
    }
    const struct cyc_node *const node = step_node(L, key, &nodes);
    if (strcmp(key, "profile") == 0) {
        source->build.arena = lasting_arena(source);
    }
    if (!parse_step(source, node, plan)) {
        cyc_script_raise(L, ear.count);
        cyc_script_said(source, &ear);
        /* While it is checked the path goes on, to find the other mistakes as well. */
        memset(&source->resolver.step, 0, sizeof source->resolver.step);
        cyc_script_mock(source, NULL, &source->result);
        return push_result(L);
    }
    if (resolve_step(source, plan, &err) != CYC_OK) {
        return luaL_error(L, "%s", err.text);
    }
    if (source->checker != NULL) {
        cyc_check_step(source->checker, plan, &source->resolver);
    }
    cyc_script_said(source, &ear);
    source->plan = plan;
    source->text = plan->more != NULL ? plan->more->text : NULL;
    source->request = CYC_REQUEST_STEP;
    return lua_yieldk(L, 0, 0, step_done);
}

/* ---- Lists: include, let ------------------------------------------------------------------------- */

static int list_done(lua_State *L, int status, lua_KContext context)
{
    (void)L;
    (void)status;
    (void)context;
    return 0;
}

bool cyc_script_compile_list(struct cyc_script_source *source, struct cyc_node *node, bool linked,
                             struct cyc_plan *plan)
{
    struct cyc_node list = {.type = CYC_NODE_SEQUENCE, .pos = node->pos, .child = node,
                            .child_count = 1};
    struct cyc_ids ids = {NULL, 0, 0};
    struct cyc_compiler compiler = {.build = &source->build, .plan = plan, .unit = &source->unit,
                                    .sound = true};
    const unsigned depth = source->build.path_depth;
    *plan = (struct cyc_plan){.variable_count = source->variable_count};
    source->build.ids = &ids;
    bool sound = cyc_compile_list(&compiler, &list, &list, "method", NULL, &plan->method);
    if (sound && linked) {
        sound = cyc_compile_link(&compiler);
    }
    source->build.path_depth = depth;
    source->build.ids = NULL;
    cyc_ids_release(&ids);
    if (source->variable_count > source->history.value_count) {
        (void)cyc_build_error(&source->build, node->pos, "too many names");
        sound = false;
    }
    return sound;
}

static int run_list(lua_State *L, struct cyc_script_source *source)
{
    struct cyc_err err = {0};
    const struct cyc_list_options options = {.plan = &source->list,
                                             .rules = source->rules,
                                             .rule_count = source->rule_count,
                                             .history = &source->history,
                                             .values = source->values};
    if (cyc_list_source_open(source->base.protocol, &options, &source->inner, &err) != CYC_OK) {
        return luaL_error(L, "%s", err.text);
    }
    source->request = CYC_REQUEST_LIST;
    return lua_yieldk(L, 0, 0, list_done);
}

/* Recursion as deep as cyc_lua_node() allows. */
static uint64_t hash_node(const struct cyc_node *node, uint64_t hash)
{
    uint64_t parts[4] = {hash, node->type, 0, 0};
    parts[2] = node->key != NULL ? cyc_hash(node->key, strlen(node->key)) : 0;
    if (node->quantity != NULL) {
        memcpy(&parts[3], &node->quantity->value, sizeof parts[3]);
    } else if (node->text != NULL) {
        parts[3] = cyc_hash(node->text, node->size);
    }
    hash = cyc_hash(parts, sizeof parts);
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        hash = hash_node(child, hash);
    }
    return hash;
}

/* include("file.yaml", { id = …, with = { … } }) */
static int include_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    (void)begin_call(L, &source->call_arena);
    struct cyc_lua_nodes nodes = cyc_script_nodes(L, lasting_arena(source));
    const struct cyc_script_ear ear = cyc_script_listen(source, nodes.line, "include");
    struct cyc_node *const node = (struct cyc_node *)(uintptr_t)step_node(L, "include", &nodes);
    const uint64_t hash = hash_node(node, nodes.line);
    unsigned i = 0;
    while (i < source->include_count && source->includes[i].hash != hash) {
        i++;
    }
    if (i == CYC_SCRIPT_INCLUDES_MAX) {
        return luaL_error(L, "more than %d different includes", CYC_SCRIPT_INCLUDES_MAX);
    }
    if (i == source->include_count) {
        source->build.arena = lasting_arena(source);
        source->build.step_count = source->step_count;
        if (!cyc_script_compile_list(source, node, true, &source->includes[i].plan)) {
            cyc_script_raise(L, ear.count);
            cyc_script_said(source, &ear);
            return 0;
        }
        source->includes[i].hash = hash;
        source->include_count++;
        source->step_count = source->build.step_count;
    }
    source->list = source->includes[i].plan;
    return run_list(L, source);
}

/* let{ soc = "100 %", full_capacity = r.capacity } */
static int let_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    (void)begin_call(L, &source->call_arena);
    struct cyc_lua_nodes nodes = cyc_script_nodes(L, &source->call_arena);
    const struct cyc_script_ear ear = cyc_script_listen(source, nodes.line, "let");
    const unsigned known = source->names.count;
    struct cyc_node *const node = cyc_lua_mapping(L, &nodes);
    cyc_lua_append(L, node, "let", cyc_lua_node(L, 1, &nodes), &nodes);
    const bool sound = cyc_script_compile_list(source, node, false, &source->list);
    for (unsigned i = known; i < source->names.count; i++) {
        struct cyc_name *const name = &source->names.items[i];
        name->name = cyc_arena_string(&source->lasting, name->name, strlen(name->name));
    }
    if (!sound) {
        cyc_script_raise(L, ear.count);
        cyc_script_said(source, &ear);
        return 0;
    }
    return run_list(L, source);
}

/* ---- Notes and ends ------------------------------------------------------------------------------ */

/* A text for the host, which outlives the call. */
static const char *take_text(lua_State *L, struct cyc_script_source *source, int index)
{
    size_t size = 0;
    (void)lua_getglobal(L, "tostring");
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    const char *const text = luaL_checklstring(L, -1, &size);
    const char *const copy = cyc_arena_string(&source->call_arena, text, size);
    lua_pop(L, 1);
    if (copy == NULL) {
        (void)luaL_error(L, "no memory for this call");
    }
    return copy;
}

static int note_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    luaL_checkany(L, 1);
    (void)begin_call(L, &source->call_arena);
    source->text = take_text(L, source, 1);
    source->request = CYC_REQUEST_NOTE;
    return lua_yieldk(L, 0, 0, list_done);
}

/* Upvalue: enum cyc_finish. The call does not return. */
static int end_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    struct cyc_err err = {0};
    const enum cyc_finish how = (enum cyc_finish)lua_tointeger(L, lua_upvalueindex(1));
    (void)begin_call(L, &source->call_arena);
    const char *const why = lua_isnoneornil(L, 1) ? "" : take_text(L, source, 1);
    if (cyc_script_finish(source, how, why, &err) != CYC_OK) {
        return luaL_error(L, "%s", err.text);
    }
    return lua_yield(L, 0);
}

/* ---- Quantities and the header ------------------------------------------------------------------- */

/* q("180 mAh/g"); q("= last.capacity * 50 %") */
static int quantity_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    struct cyc_arena arena;
    struct cyc_err err = {0};
    double value = 0.0;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    size_t size = 0;
    if (lua_type(L, 1) != LUA_TSTRING) {
        if (cyc_lua_quantity(L, 1, &value, &kind)) {
            lua_settop(L, 1);
            return 1;
        }
        return luaL_error(L, "q takes a text with a unit: q(\"180 mAh/g\")");
    }
    const char *text = lua_tolstring(L, 1, &size);
    cyc_lua_charge(L, size + 32);
    const bool computed = size > 0 && text[0] == '=';
    text += computed ? 1 : 0;
    size -= computed ? 1 : 0;
    const unsigned before = source->diags->count;
    const unsigned errors = source->diags->error_count;
    const struct cyc_pos pos = {.file = source->build.file, .line = (uint32_t)cyc_lua_line(L)};
    cyc_arena_init(&arena, 1u << 20);
    const struct cyc_expr *const expr =
        cyc_expr_parse(text, size, pos, &source->build.scope, &arena, source->diags);
    int status = CYC_E_INPUT;
    if (expr != NULL) {
        cyc_history_env(&source->history, &source->env);
        kind = cyc_expr_kind(expr);
        status = cyc_expr_value(expr, &source->env, &value, &err);
    } else if (source->diags->count > before) {
        const struct cyc_diag *const diag = &source->diags->items[before];
        (void)cyc_err_set(&err, CYC_E_INPUT, "%s%s%s%s", diag->message,
                          diag->hint != NULL ? " (" : "", diag->hint != NULL ? diag->hint : "",
                          diag->hint != NULL ? ")" : "");
    }
    source->diags->count = before;
    source->diags->error_count = errors;
    cyc_arena_release(&arena);
    if (status != CYC_OK || err.text[0] != '\0') {
        return luaL_error(L, "q(\"%s\"): %s", lua_tostring(L, 1), err.text);
    }
    if (kind == CYC_KIND_BOOLEAN || kind == CYC_KIND_TEXT) {
        lua_pushboolean(L, value != 0.0);
        return 1;
    }
    if (isnan(value)) {
        lua_pushnil(L); /* what it is computed from does not exist yet */
        return 1;
    }
    if (kind == CYC_KIND_NUMBER && !computed) {
        return luaL_error(L, "q(\"%s\"): a unit is missing", lua_tostring(L, 1));
    }
    cyc_lua_push_quantity(L, value, kind);
    return 1;
}

static int missing_parameter(lua_State *L)
{
    return luaL_error(L, "the protocol has no parameter '%s'",
                      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
}

static void push_parameter(lua_State *L, const struct cyc_script_source *source,
                           const struct cyc_value *value, enum cyc_kind kind)
{
    double number = NAN;
    struct cyc_err err = {0};
    if (cyc_value_get(value, &source->env, &number, &err) != CYC_OK) {
        (void)luaL_error(L, "%s", err.text);
    }
    lua_Integer whole;
    if (kind == CYC_KIND_NUMBER && floor(number) == number &&
        lua_numbertointeger(number, &whole)) {
        lua_pushinteger(L, whole);
    } else {
        cyc_lua_push_quantity(L, number, kind);
    }
}

static int push_parameters(lua_State *L, struct cyc_script_source *source)
{
    const struct cyc_plan *const plan = &source->base.protocol->plan;
    cyc_history_env(&source->history, &source->env);
    for (unsigned i = 0; i < plan->parameter_count; i++) {
        (void)cyc_value_get(&plan->parameters[i].value, &source->env,
                            &source->values[plan->parameters[i].variable], NULL);
    }
    lua_newtable(L);
    for (unsigned i = 0; i < source->names.count; i++) {
        const struct cyc_name *const name = &source->names.items[i];
        if (!name->parameter) {
            continue;
        }
        if (name->list != NULL) {
            lua_createtable(L, (int)name->list_count, 0);
            for (unsigned k = 0; k < name->list_count; k++) {
                push_parameter(L, source, &name->list[k], name->kind);
                lua_rawseti(L, -2, (lua_Integer)k + 1);
            }
        } else {
            const struct cyc_value value = {source->values[name->index], NULL};
            push_parameter(L, source, &value, name->kind);
        }
        lua_setfield(L, -2, name->name);
    }
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, missing_parameter);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 1;
}

/* protocol{ name = …, cell = …, limits = … } */
static int protocol_call(lua_State *L)
{
    struct cyc_script_source *const source = cyc_script_of(L);
    if (source->begun) {
        return luaL_error(L, "protocol{…} is called once");
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    source->begun = true;
    source->begun_line = (uint32_t)cyc_lua_line(L);
    source->unit.pos = (struct cyc_pos){.file = source->build.file,
                                        .line = (uint32_t)cyc_lua_line(L), .column = 1};
    if (source->options != NULL && !cyc_script_compile_header(L, source)) {
        source->header_broken = true;
        return lua_yield(L, 0); /* nothing sensible can follow */
    }
    cyc_lua_of(L)->cell = &source->cell.basis;
    return push_parameters(L, source);
}

void cyc_script_open_words(lua_State *L)
{
    static const char *const steps[] = {"charge",  "discharge", "hold",        "rest",
                                        "pulse",   "sweep",     "profile",     "impedance",
                                        "temperature", "pressure", "ask",      "step"};
    static const luaL_Reg functions[] = {
        {"protocol", protocol_call}, {"q", quantity_call}, {"note", note_call},
        {"include", include_call},   {"let", let_call},    {NULL, NULL}};
    lua_pushglobaltable(L);
    cyc_lua_functions(L, functions);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        lua_pushstring(L, steps[i]);
        lua_pushcclosure(L, step_call, 1);
        lua_setfield(L, -2, steps[i]);
    }
    lua_pushinteger(L, CYC_FINISH_STOPPED);
    lua_pushcclosure(L, end_call, 1);
    lua_setfield(L, -2, "stop");
    lua_pushinteger(L, CYC_FINISH_FAILED);
    lua_pushcclosure(L, end_call, 1);
    lua_setfield(L, -2, "fail");
    lua_pop(L, 1);
}
