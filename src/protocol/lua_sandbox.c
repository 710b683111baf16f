/* Why a room and not only a budget.
 *
 * Lua's own means bound a friendly script. A hostile or merely wrong one escapes them:
 *
 *   - pcall catches the error of a count hook, so `while true do pcall(loop) end` never stops.
 *     Here the hook, once tripped, raises at every instruction, and our pcall raises again.
 *   - C functions run without instructions: ("x"):rep(1e9), a pattern with backtracking, sort with
 *     a lying comparator. Here patterns do not exist, and every C function that works in
 *     proportion to its arguments counts that work first.
 *   - `s = s .. s`, comparing long texts, a call with a million values behind `...`, a new key in a
 *     table of a million entries (all are counted anew) are single instructions with unbounded
 *     work. Here texts, values and blocks are bounded, and the allocator counts what it hands out.
 *   - finalizers run with hooks off, and a metatable changes what the program text says. Here
 *     scripts cannot set metatables.
 *   - Lua reads and writes numbers, and compares texts, as the locale has it. Here it runs in the
 *     locale "C", whatever the program around it has set (for this thread only).
 *   - the order of pairs, the text of an address and a sort of equal keys differ from run to run.
 *     Here keys are visited in order, tables and functions have no address, sort is stable.
 *
 * The allocator sees the kind of object in `osize` when there is no old block (Lua 5.4 reference
 * manual, lua_Alloc): that is how long texts are told from large tables.
 */
#include "protocol/lua_sandbox.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOOK_COUNT = 1000,
    BYTES_PER_WORK = 16,
    TEXT_OVERHEAD = 64,
    VARIADIC_MAX = 1000, /* values behind `...` of a function */
    VARIADIC_LEVELS = 3,
    YIELD_WORK = 200 /* for each item that is no step, so that they cannot go on for ever */
};

void cyc_lua_trip(struct cyc_lua *lua, const char *text)
{
    if (!lua->tripped) {
        lua->tripped = true;
        lua->trip_text = text;
    }
}

const char cyc_lua_out_of_memory[] = "the script needs more than 16 MiB of memory";
static const char out_of_work[] = "the script does too much before its next step: is there a loop "
                                  "without a step in it?";

static const char block_too_large[] = "a table of the script has more than 16,000 entries, or its "
                                      "calls are nested too deeply";

static void *allocate(void *context, void *block, size_t old_size, size_t size)
{
    struct cyc_lua *const lua = context;
    const size_t old = block != NULL ? old_size : 0;
    if (size == 0) {
        free(block);
        lua->bytes -= old;
        return NULL;
    }
    const bool ours = block == NULL && old_size == LUA_TUSERDATA; /* made by our own functions */
    if (size > old && lua->armed) {
        lua->work += (int64_t)(size / BYTES_PER_WORK);
        if (block == NULL && old_size == LUA_TSTRING && size > CYC_LUA_TEXT_MAX + TEXT_OVERHEAD) {
            cyc_lua_trip(lua, "a text of the script is longer than 4096 bytes");
        } else if (size > CYC_LUA_BLOCK_MAX && !ours) {
            cyc_lua_trip(lua, block_too_large);
        } else if (lua->work > CYC_LUA_WORK_MAX) {
            cyc_lua_trip(lua, out_of_work);
        }
        if (lua->tripped || lua->bytes - old + size > CYC_LUA_BYTES_MAX) {
            return NULL;
        }
    }
    void *const moved = realloc(block, size);
    if (moved != NULL) {
        lua->bytes = lua->bytes - old + size;
    }
    return moved;
}

struct cyc_lua *cyc_lua_of(lua_State *L)
{
    struct cyc_lua *lua;
    memcpy(&lua, lua_getextraspace(L), sizeof lua);
    return lua;
}

int cyc_lua_line(lua_State *L)
{
    lua_Debug frame;
    for (int level = 0; lua_getstack(L, level, &frame) != 0; level++) {
        if (lua_getinfo(L, "l", &frame) != 0 && frame.currentline > 0) {
            return frame.currentline;
        }
    }
    return 0;
}

static void raise_trip(lua_State *L)
{
    struct cyc_lua *const lua = cyc_lua_of(L);
    if (lua->trip_line == 0) {
        lua->trip_line = cyc_lua_line(L);
    }
    lua_pushnil(L); /* a message would need memory */
    (void)lua_error(L);
}

/* Each call copies the values behind `...`, in one instruction. */
static bool calls_too_wide(lua_State *L)
{
    lua_Debug frame;
    for (int level = 0; level < VARIADIC_LEVELS && lua_getstack(L, level, &frame) != 0; level++) {
        if (lua_getlocal(L, &frame, -(VARIADIC_MAX + 1)) != NULL) {
            lua_pop(L, 1);
            return true;
        }
    }
    return false;
}

static void count_hook(lua_State *L, lua_Debug *record)
{
    struct cyc_lua *const lua = cyc_lua_of(L);
    (void)record;
    lua->work += lua->tripped ? 0 : HOOK_COUNT;
    if (lua->work > CYC_LUA_WORK_MAX) {
        cyc_lua_trip(lua, out_of_work);
    } else if (calls_too_wide(L)) {
        cyc_lua_trip(lua, "a function of the script takes more than 1000 values");
    }
    if (lua->tripped) {
        lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
        raise_trip(L);
    }
}

void cyc_lua_charge(lua_State *L, size_t amount)
{
    struct cyc_lua *const lua = cyc_lua_of(L);
    lua->work += amount < (size_t)CYC_LUA_WORK_MAX ? (int64_t)amount : CYC_LUA_WORK_MAX;
    if (lua->work > CYC_LUA_WORK_MAX) {
        cyc_lua_trip(lua, out_of_work);
        raise_trip(L);
    }
}

void cyc_lua_functions(lua_State *L, const luaL_Reg *functions)
{
    for (const luaL_Reg *row = functions; row->name != NULL; row++) {
        lua_pushcfunction(L, row->func);
        lua_setfield(L, -2, row->name);
    }
}

static int open_room(lua_State *L)
{
    struct cyc_lua *const lua = cyc_lua_of(L);
    cyc_lua_open_base(L);
    cyc_lua_open_lib(L);
    cyc_lua_open_quantity(L);
    lua->thread = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "cyc.thread");
    return 0;
}

int cyc_lua_open(struct cyc_lua *lua, const char *name, uint64_t seed, struct cyc_err *err)
{
    *lua = (struct cyc_lua){.random_state = seed};
    (void)cyc_copy(lua->chunk, sizeof lua->chunk, name);
    lua->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    lua->state = lua->locale != (locale_t)0 ? lua_newstate(allocate, lua) : NULL;
    if (lua->state == NULL) {
        cyc_lua_close(lua);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a Lua state");
    }
    memcpy(lua_getextraspace(lua->state), &lua, sizeof lua);
    lua_pushcfunction(lua->state, open_room);
    if (lua_pcall(lua->state, 0, 0, 0) != LUA_OK) {
        cyc_lua_close(lua);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a Lua state");
    }
    return CYC_OK;
}

void cyc_lua_close(struct cyc_lua *lua)
{
    if (lua->state != NULL) {
        lua->armed = false;
        lua_close(lua->state);
        lua->state = NULL;
    }
    if (lua->locale != (locale_t)0) {
        freelocale(lua->locale);
        lua->locale = (locale_t)0;
    }
}

/* The error on top of L as a status: the budget's own text, or the message without "name:line: ",
 * which goes into *line. */
static int explain(struct cyc_lua *lua, lua_State *L, int lua_status, int *line,
                   struct cyc_err *err)
{
    char prefix[80];
    if (lua_status == LUA_ERRMEM) {
        cyc_lua_trip(lua, cyc_lua_out_of_memory);
    }
    if (lua->tripped) {
        *line = lua->trip_line > 0 ? lua->trip_line : *line;
        return cyc_err_set(err, CYC_E_BUDGET, "%s", lua->trip_text);
    }
    if (lua_type(L, -1) != LUA_TSTRING) {
        return cyc_err_set(err, CYC_E_SCRIPT, "the script raised an error that is no text");
    }
    const char *text = lua_tostring(L, -1);
    (void)snprintf(prefix, sizeof prefix, "%s:", lua->chunk);
    if (strncmp(text, prefix, strlen(prefix)) == 0) {
        char *end = NULL;
        const long number = strtol(text + strlen(prefix), &end, 10);
        if (end != NULL && *end == ':' && number > 0) {
            *line = (int)number;
            text = end + 1;
            text += *text == ' ' ? 1 : 0;
        }
    }
    return cyc_err_set(err, lua_status == LUA_ERRSYNTAX ? CYC_E_SYNTAX : CYC_E_SCRIPT, "%s", text);
}

int cyc_lua_load(struct cyc_lua *lua, const char *text, size_t size, int *line,
                 struct cyc_err *err)
{
    char name[sizeof lua->chunk + 1];
    (void)snprintf(name, sizeof name, "=%s", lua->chunk);
    lua->armed = true;
    lua->work = 0;
    *line = 0;
    lua_sethook(lua->thread, count_hook, LUA_MASKCOUNT, HOOK_COUNT);
    const locale_t outside = uselocale(lua->locale);
    const int status = luaL_loadbufferx(lua->thread, text, size, name, "t");
    (void)uselocale(outside);
    if (status == LUA_OK) {
        return CYC_OK;
    }
    const bool memory = status == LUA_ERRMEM;
    return explain(lua, lua->thread, memory ? LUA_ERRMEM : LUA_ERRSYNTAX, line, err);
}

int cyc_lua_resume(struct cyc_lua *lua, int argument_count, bool *yielded, int *line,
                   struct cyc_err *err)
{
    int result_count = 0;
    *line = 0;
    lua->work += YIELD_WORK;
    if (lua->work > CYC_LUA_WORK_MAX) {
        cyc_lua_trip(lua, out_of_work);
        *line = cyc_lua_line(lua->thread);
        return explain(lua, lua->thread, LUA_ERRRUN, line, err);
    }
    const locale_t outside = uselocale(lua->locale);
    const int status = lua_resume(lua->thread, NULL, argument_count, &result_count);
    (void)uselocale(outside);
    *yielded = status == LUA_YIELD;
    if ((status == LUA_OK || status == LUA_YIELD) && !lua->tripped) {
        lua_pop(lua->thread, result_count);
        return CYC_OK;
    }
    *line = cyc_lua_line(lua->thread);
    return explain(lua, lua->thread, status, line, err);
}

int cyc_lua_protect(struct cyc_lua *lua, lua_CFunction function, void *argument,
                    struct cyc_err *err)
{
    lua_State *const L = lua->state;
    int line = 0;
    lua_pushcfunction(L, function); /* a light C function: nothing is allocated */
    lua_pushlightuserdata(L, argument);
    const int status = lua_pcall(L, 1, 0, 0);
    if (status == LUA_OK) {
        return CYC_OK;
    }
    const int code = explain(lua, L, status, &line, err);
    lua_settop(L, 0);
    return code;
}
