/* The closed room a Lua driver runs in.
 *
 * A driver is the laboratory's own and means no harm, but it stands between the program and an
 * output that may be on: whatever it does, its call must come back. So there is
 *
 *   memory   a fixed number of bytes for each instrument; a text has a longest length
 *   budget   a number of instructions for each call, with large allocations counted as work; once
 *            it is used up every further instruction fails, and pcall passes that on
 *   time     the deadline of the call, which the bus keeps
 *
 * and no files, no clock, no patterns, no coroutines, no metatables, no loading of code. Numbers
 * look as in the locale "C", whatever the program around it has set.
 */
#include "device/lua_driver_int.h"
#include "device/scpi.h"

#include <lualib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HOOK_COUNT = 500, BYTES_PER_WORK = 32, FIELDS_MAX = 64 };

static const char registry_table[] = "cyc.driver";
static const char registry_self[] = "cyc.self";

static void *allocate(void *context, void *block, size_t old_size, size_t size)
{
    struct cyc_lua_room *const room = context;
    const size_t old = block != NULL ? old_size : 0;
    if (size == 0) {
        free(block);
        room->bytes -= old;
        return NULL;
    }
    if (size > old) {
        const bool text = block == NULL && old_size == LUA_TSTRING;
        room->work += (int64_t)(size / BYTES_PER_WORK);
        if ((text && size > CYC_LUA_DRIVER_TEXT_MAX + 64) ||
            room->bytes - old + size > CYC_LUA_DRIVER_BYTES_MAX) {
            return NULL;
        }
    }
    void *const moved = realloc(block, size);
    if (moved != NULL) {
        room->bytes = room->bytes - old + size;
    }
    return moved;
}

struct cyc_lua_room *cyc_lua_room_of(lua_State *L)
{
    struct cyc_lua_room *room;
    memcpy(&room, lua_getextraspace(L), sizeof room);
    return room;
}

static void count_hook(lua_State *L, lua_Debug *record)
{
    struct cyc_lua_room *const room = cyc_lua_room_of(L);
    (void)record;
    room->work += HOOK_COUNT;
    if (room->work > CYC_LUA_DRIVER_WORK_MAX || room->tripped) {
        room->tripped = true;
        lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
        lua_pushnil(L);
        (void)lua_error(L);
    }
}

int cyc_lua_room_fail(lua_State *L, int status, const char *text)
{
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, status);
    lua_rawseti(L, -2, 1);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, 2);
    return lua_error(L);
}

/* ---- What a driver finds -------------------------------------------------------------------- */

static int room_fail(lua_State *L)
{
    static const char *const kinds[] = {"reply", "refused",     "identity", "stale",
                                        "input", "unsupported", "timeout",  NULL};
    static const int codes[] = {CYC_E_REPLY, CYC_E_REFUSED,     CYC_E_IDENTITY, CYC_E_STALE,
                                CYC_E_INPUT, CYC_E_UNSUPPORTED, CYC_E_TIMEOUT};
    const int kind = luaL_checkoption(L, 1, NULL, kinds);
    const char *const text = luaL_checkstring(L, 2);
    return cyc_lua_room_fail(L, codes[kind], text);
}

/* Lua's own, but that a used-up budget is passed on. */
static int room_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    const int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (cyc_lua_room_of(L)->tripped) {
        lua_pushnil(L);
        return lua_error(L);
    }
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

/* number(text) → value, or nil and "none", "invalid" or "overflow" */
static int room_number(lua_State *L)
{
    size_t size;
    double value;
    const char *const text = luaL_checklstring(L, 1, &size);
    const enum cyc_scpi_value kind = cyc_scpi_number(text, size, &value);
    if (kind == CYC_SCPI_NUMBER) {
        lua_pushnumber(L, value);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, kind == CYC_SCPI_INVALID    ? "invalid"
                      : kind == CYC_SCPI_OVERFLOW ? "overflow"
                                                  : "none");
    return 2;
}

/* split(text, ",") → list of fields; split(text) → words between blanks */
static int room_split(lua_State *L)
{
    size_t size, mark_size = 0;
    const char *const text = luaL_checklstring(L, 1, &size);
    const char *const mark = luaL_optlstring(L, 2, NULL, &mark_size);
    luaL_argcheck(L, mark == NULL || mark_size == 1, 2, "one character");
    lua_newtable(L);
    int count = 0;
    for (size_t at = 0; at <= size && count < FIELDS_MAX; at++) {
        const size_t from = at;
        while (at < size && text[at] != (mark != NULL ? *mark : ' ')) {
            at++;
        }
        if (mark != NULL || at > from) {
            lua_pushlstring(L, text + from, at - from);
            lua_rawseti(L, -2, ++count);
        }
    }
    return 1;
}

static int room_trim(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    lua_pushlstring(L, text, size);
    return 1;
}

/* find(text, part [, from]) → place or nil; plain: there are no patterns */
static int room_find(lua_State *L)
{
    size_t size, part_size;
    const char *const text = luaL_checklstring(L, 1, &size);
    const char *const part = luaL_checklstring(L, 2, &part_size);
    const lua_Integer from = luaL_optinteger(L, 3, 1);
    const size_t offset = from > 0 ? (size_t)from - 1 : 0;
    const char *const found =
        offset <= size ? memmem(text + offset, size - offset, part, part_size) : NULL;
    if (found == NULL) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, (lua_Integer)(found - text) + 1);
    }
    return 1;
}

/* fixed(value, decimals) → text */
static int room_fixed(lua_State *L)
{
    char buffer[CYC_NUMBER_SIZE];
    const double value = luaL_checknumber(L, 1);
    const lua_Integer decimals = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, isfinite(value), 1, "a number");
    luaL_argcheck(L, decimals >= 0 && decimals <= 15, 2, "0 to 15 decimals");
    lua_pushlstring(L, buffer, cyc_number_fixed(buffer, value, (int)decimals));
    return 1;
}

static void drop(lua_State *L, const char *const *names)
{
    for (; *names != NULL; names++) {
        lua_pushnil(L);
        lua_setfield(L, -2, *names);
    }
}

static void open_libraries(lua_State *L)
{
    static const char *const not_base[] = {
        "dofile",         "loadfile",     "load",         "require",
        "collectgarbage", "getmetatable", "setmetatable", "print",
        "warn",           "xpcall",       "_G",           NULL};
    static const char *const not_string[] = {"dump", "gmatch", "gsub", "match",
                                             "find", "rep",    NULL};
    static const char *const not_table[] = {"sort", "move", NULL};
    static const char *const not_math[] = {"random", "randomseed", NULL};
    static const luaL_Reg own[] = {
        {"fail", room_fail}, {"pcall", room_pcall}, {"number", room_number}, {"split", room_split},
        {"trim", room_trim}, {"find", room_find},   {"fixed", room_fixed},   {NULL, NULL}};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    drop(L, not_base);
    luaL_setfuncs(L, own, 0);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    drop(L, not_string);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    drop(L, not_table);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    drop(L, not_math);
    lua_pop(L, 4);
}

/* ---- The state ------------------------------------------------------------------------------ */

void cyc_lua_room_push_table(lua_State *L)
{
    (void)lua_getfield(L, LUA_REGISTRYINDEX, registry_table);
}

void cyc_lua_room_push_self(lua_State *L)
{
    (void)lua_getfield(L, LUA_REGISTRYINDEX, registry_self);
}

void cyc_lua_room_make_self(lua_State *L)
{
    const struct cyc_instrument *const instrument = cyc_lua_room_of(L)->instrument;
    const struct cyc_driver_option *option = cyc_instrument_driver(instrument)->options;
    lua_newtable(L);
    cyc_lua_bus_push(L);
    lua_setfield(L, -2, "bus");
    lua_newtable(L);
    for (; option != NULL && option->name != NULL; option++) {
        if (option->kind == CYC_KIND_TEXT) {
            lua_pushstring(L, cyc_instrument_text(instrument, option->name));
        } else if (option->kind == CYC_KIND_BOOLEAN) {
            lua_pushboolean(L, cyc_instrument_number(instrument, option->name) != 0);
        } else {
            lua_pushnumber(L, cyc_instrument_number(instrument, option->name));
        }
        lua_setfield(L, -2, option->name);
    }
    lua_setfield(L, -2, "options");
    lua_setfield(L, LUA_REGISTRYINDEX, registry_self);
}

static void run_text(lua_State *L, const struct cyc_lua_text *text)
{
    char name[sizeof text->name + 1] = "=";
    (void)cyc_copy(name + 1, sizeof name - 1, text->name);
    if (luaL_loadbufferx(L, text->data, text->size, name, "t") != LUA_OK) {
        (void)lua_error(L);
    }
    lua_call(L, 0, 1);
}

static int furnish(lua_State *L)
{
    const struct cyc_lua_file *const file = lua_touserdata(L, 1);
    open_libraries(L);
    for (unsigned i = 0; i < file->helper_count; i++) {
        char name[sizeof file->helpers[i].name];
        (void)cyc_copy(name, sizeof name, file->helpers[i].name);
        name[strcspn(name, ".")] = '\0';
        run_text(L, &file->helpers[i]);
        lua_setglobal(L, name);
    }
    run_text(L, &file->text);
    if (!lua_istable(L, -1)) {
        return cyc_lua_room_fail(L, CYC_E_INPUT,
                                 "the file returns no table; end it in "
                                 "`return {name = …, …}`");
    }
    lua_setfield(L, LUA_REGISTRYINDEX, registry_table);
    return 0;
}

int cyc_lua_room_open(struct cyc_lua_room *room, const struct cyc_lua_file *file,
                      struct cyc_err *err)
{
    struct cyc_instrument *const instrument = room->instrument;
    *room = (struct cyc_lua_room){.instrument = instrument};
    room->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    room->state = room->locale != (locale_t)0 ? lua_newstate(allocate, room) : NULL;
    if (room->state == NULL) {
        cyc_lua_room_close(room);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a Lua state");
    }
    memcpy(lua_getextraspace(room->state), &room, sizeof room);
    const int status = cyc_lua_room_run(room, furnish, (void *)file, err);
    if (status != CYC_OK) {
        cyc_lua_room_close(room);
    }
    return status;
}

void cyc_lua_room_close(struct cyc_lua_room *room)
{
    if (room->state != NULL) {
        lua_close(room->state);
        room->state = NULL;
    }
    if (room->locale != (locale_t)0) {
        freelocale(room->locale);
        room->locale = (locale_t)0;
    }
}

/* The error on top of the stack: one of ours, or what Lua itself says; nothing is allocated. */
static int explain(struct cyc_lua_room *room, int lua_status, struct cyc_err *err)
{
    lua_State *const L = room->state;
    if (room->tripped) {
        return cyc_err_set(err, CYC_E_BUG,
                           "the Lua driver does more than %lld instructions in "
                           "one call",
                           (long long)CYC_LUA_DRIVER_WORK_MAX);
    }
    if (lua_status == LUA_ERRMEM) {
        return cyc_err_set(err, CYC_E_BUG, "the Lua driver needs more than %zu bytes",
                           CYC_LUA_DRIVER_BYTES_MAX);
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        return cyc_err_set(err, CYC_E_BUG, "%s", lua_tostring(L, -1));
    }
    if (lua_type(L, -1) != LUA_TTABLE) {
        return cyc_err_set(err, CYC_E_BUG, "the Lua driver raised an error without a text");
    }
    (void)lua_rawgeti(L, -1, 1);
    (void)lua_rawgeti(L, -2, 2);
    const lua_Integer status = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : CYC_E_BUG;
    const char *const text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
    return cyc_err_set(err, status < 0 && status > -100 ? (int)status : CYC_E_BUG, "%s", text);
}

int cyc_lua_room_run(struct cyc_lua_room *room, lua_CFunction function, void *argument,
                     struct cyc_err *err)
{
    lua_State *const L = room->state;
    room->work = 0;
    room->tripped = false;
    lua_sethook(L, count_hook, LUA_MASKCOUNT, HOOK_COUNT);
    const locale_t outside = uselocale(room->locale);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, argument);
    const int lua_status = lua_pcall(L, 1, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    int status = CYC_OK;
    if (lua_status != LUA_OK) {
        status = explain(room, lua_status, err);
    }
    lua_settop(L, 0);
    (void)uselocale(outside);
    return status;
}
