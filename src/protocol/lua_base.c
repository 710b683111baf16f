#include "protocol/lua_sandbox.h"

#include "base/diag.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* ---- Keys in order ------------------------------------------------------------------------------- */

static int compare_keys(const struct cyc_lua_key *a, const struct cyc_lua_key *b)
{
    if (a->is_text != b->is_text) {
        return a->is_text ? 1 : -1;
    }
    if (!a->is_text) {
        if (a->is_integer && b->is_integer) {
            return a->integer < b->integer ? -1 : a->integer > b->integer;
        }
        return a->number < b->number ? -1 : a->number > b->number;
    }
    const size_t size = a->size < b->size ? a->size : b->size;
    const int order = memcmp(a->text, b->text, size);
    return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size;
}

static void merge_keys(struct cyc_lua_key *keys, struct cyc_lua_key *spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            const size_t middle = from + width < count ? from + width : count;
            const size_t end = middle + width < count ? middle + width : count;
            size_t left = from;
            size_t right = middle;
            for (size_t i = from; i < end; i++) {
                const bool take_left =
                    left < middle &&
                    (right >= end || compare_keys(&keys[left], &keys[right]) <= 0);
                spare[i] = take_left ? keys[left++] : keys[right++];
            }
        }
        memcpy(keys, spare, count * sizeof *keys);
    }
}

const struct cyc_lua_key *cyc_lua_keys(lua_State *L, int table, size_t *count)
{
    size_t found = 0;
    table = lua_absindex(L, table);
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        found++;
    }
    cyc_lua_charge(L, found * 8 + 8);
    struct cyc_lua_key *const keys = lua_newuserdatauv(L, 2 * found * sizeof *keys + 1, 0);
    size_t i = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        struct cyc_lua_key *const key = &keys[i++];
        memset(key, 0, sizeof *key);
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            key->is_text = true;
            key->text = lua_tolstring(L, -1, &key->size);
        } else if (lua_type(L, -1) == LUA_TNUMBER) {
            key->is_integer = lua_isinteger(L, -1) != 0;
            key->integer = lua_tointeger(L, -1);
            key->number = lua_tonumber(L, -1);
        } else {
            (void)luaL_error(L, "the keys of a table are numbers or texts here, not %s",
                             luaL_typename(L, -1));
        }
    }
    merge_keys(keys, keys + found, found);
    *count = found;
    return keys;
}

void cyc_lua_push_key(lua_State *L, const struct cyc_lua_key *key)
{
    if (key->is_text) {
        lua_pushlstring(L, key->text, key->size);
    } else if (key->is_integer) {
        lua_pushinteger(L, key->integer);
    } else {
        lua_pushnumber(L, key->number);
    }
}

/* Upvalues: the keys as a list, how many were visited. Arguments: the table. */
static int visit_next(lua_State *L)
{
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
    for (;;) {
        at++;
        lua_pushinteger(L, at);
        lua_replace(L, lua_upvalueindex(2));
        if (lua_rawgeti(L, lua_upvalueindex(1), at) == LUA_TNIL) {
            return 1;
        }
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL) {
            return 2;
        }
        lua_settop(L, 1); /* it was removed meanwhile */
    }
}

static int base_pairs(lua_State *L)
{
    size_t count;
    luaL_checktype(L, 1, LUA_TTABLE);
    const struct cyc_lua_key *const keys = cyc_lua_keys(L, 1, &count);
    lua_createtable(L, count < 100000 ? (int)count : 0, 0);
    for (size_t i = 0; i < count; i++) {
        cyc_lua_push_key(L, &keys[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, visit_next, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* next: the key behind the given one in the same order; the work is that of a whole visit. */
static int base_next(lua_State *L)
{
    size_t count;
    struct cyc_lua_key after = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    const bool from_start = lua_isnil(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING) {
        after.is_text = true;
        after.text = lua_tolstring(L, 2, &after.size);
    } else if (!from_start) {
        after.number = luaL_checknumber(L, 2);
        after.is_integer = lua_isinteger(L, 2) != 0;
        after.integer = lua_tointeger(L, 2);
    }
    const struct cyc_lua_key *const keys = cyc_lua_keys(L, 1, &count);
    for (size_t i = 0; i < count; i++) {
        if (from_start || compare_keys(&keys[i], &after) > 0) {
            cyc_lua_push_key(L, &keys[i]);
            lua_pushvalue(L, -1);
            (void)lua_rawget(L, 1);
            return 2;
        }
    }
    lua_pushnil(L);
    return 1;
}

static int visit_list(lua_State *L)
{
    const lua_Integer at = lua_tointeger(L, 2) + 1;
    lua_pushinteger(L, at);
    return lua_rawgeti(L, 1, at) == LUA_TNIL ? 1 : 2;
}

static int base_ipairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushcfunction(L, visit_list);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

/* ---- Errors -------------------------------------------------------------------------------------- */

static int base_error(lua_State *L)
{
    const int level = (int)luaL_optinteger(L, 2, 1);
    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TSTRING && level > 0) {
        luaL_where(L, level);
        lua_pushvalue(L, 1);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int base_assert(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_toboolean(L, 1)) {
        return lua_gettop(L);
    }
    if (lua_isnoneornil(L, 2)) {
        return luaL_error(L, "assertion failed");
    }
    if (lua_type(L, 2) != LUA_TSTRING) {
        lua_settop(L, 2);
        return lua_error(L);
    }
    return luaL_error(L, "%s", lua_tostring(L, 2));
}

/* pcall, but what has used up its budget stays stopped. */
static int end_pcall(lua_State *L, int status, lua_KContext context)
{
    (void)context;
    const bool fine = status == LUA_OK || status == LUA_YIELD;
    if (status == LUA_ERRMEM) {
        cyc_lua_trip(cyc_lua_of(L), cyc_lua_out_of_memory);
    }
    if (cyc_lua_of(L)->tripped) {
        return lua_error(L);
    }
    if (fine) {
        return lua_gettop(L);
    }
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return end_pcall(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, end_pcall), 0);
}

/* ---- Values -------------------------------------------------------------------------------------- */

static int base_select(lua_State *L)
{
    const int count = lua_gettop(L);
    if (lua_type(L, 1) == LUA_TSTRING && strcmp(lua_tostring(L, 1), "#") == 0) {
        lua_pushinteger(L, count - 1);
        return 1;
    }
    lua_Integer from = luaL_checkinteger(L, 1);
    from = from < 0 ? count + from : from > count ? count : from;
    luaL_argcheck(L, from >= 1, 1, "index out of range");
    cyc_lua_charge(L, (size_t)count);
    return count - (int)from;
}

static int base_type(lua_State *L)
{
    luaL_checkany(L, 1);
    const char *word = luaL_typename(L, 1);
    if (luaL_getmetafield(L, 1, "__name") == LUA_TSTRING) {
        word = lua_tostring(L, -1);
    }
    lua_pushstring(L, word);
    return 1;
}

/* Numbers as they are written; never an address. */
static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    if (luaL_callmeta(L, 1, "__tostring")) {
        return 1;
    }
    switch (lua_type(L, 1)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
        (void)lua_tostring(L, 1);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false");
        break;
    default:
        lua_pushstring(L, luaL_typename(L, 1));
        break;
    }
    return 1;
}

static int base_tonumber(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TSTRING) {
        size_t size;
        const char *const text = lua_tolstring(L, 1, &size);
        if (lua_stringtonumber(L, text) != size + 1) {
            lua_pushnil(L);
        }
    } else if (lua_type(L, 1) != LUA_TNUMBER) {
        lua_pushnil(L);
    }
    return 1;
}

/* SplitMix64 (Steele, Lea, Flood 2014): a sequence that depends on the seed alone. */
static uint64_t next_random(struct cyc_lua *lua)
{
    lua->random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = lua->random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* random(): 0 <= x < 1; random(n): 1 … n; random(m, n): m … n */
static int base_random(lua_State *L)
{
    const uint64_t bits = next_random(cyc_lua_of(L));
    if (lua_gettop(L) == 0) {
        lua_pushnumber(L, (double)(bits >> 11) * 0x1p-53);
        return 1;
    }
    const lua_Integer low = lua_gettop(L) > 1 ? luaL_checkinteger(L, 1) : 1;
    const lua_Integer high = luaL_checkinteger(L, lua_gettop(L) > 1 ? 2 : 1);
    luaL_argcheck(L, low <= high, 1, "nothing lies between these");
    const uint64_t span = (uint64_t)high - (uint64_t)low + 1u;
    const uint64_t part = span == 0 ? bits : bits % span;
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + part));
    return 1;
}

/* ---- Names that do not exist --------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *instead;
} absent[] = {
    {"os", "a protocol has no clock, no files and no environment"},
    {"io", "a protocol has no files"},
    {"print", "write note(\"…\"): it goes into the event log"},
    {"require", "include(\"file.yaml\") brings in another protocol"},
    {"dofile", "include(\"file.yaml\") brings in another protocol"},
    {"loadfile", "include(\"file.yaml\") brings in another protocol"},
    {"load", "a protocol runs its own text only"},
    {"loadstring", "a protocol runs its own text only"},
    {"package", "a protocol runs its own text only"},
    {"debug", "a protocol cannot look into the runtime"},
    {"coroutine", "a protocol is one program; each step function waits for its result"},
    {"setmetatable", "tables of a protocol have no metatables"},
    {"getmetatable", "tables of a protocol have no metatables"},
    {"rawset", "tables of a protocol have no metatables; write t[k] = v"},
    {"rawget", "tables of a protocol have no metatables; write t[k]"},
    {"rawequal", "tables of a protocol have no metatables; write a == b"},
    {"rawlen", "tables of a protocol have no metatables; write #t"},
    {"collectgarbage", "memory is looked after"},
    {"xpcall", "write pcall(f, …)"},
    {"utf8", "texts are bytes here"},
    {"_G", "globals are written by their names"},
    {"self", "functions of a protocol are called with a point"},
};

static int missing_global(lua_State *L)
{
    const char *const name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        if (strcmp(name, absent[i].name) == 0) {
            return luaL_error(L, "'%s' does not exist here: %s", name, absent[i].instead);
        }
    }
    size_t count;
    const char *candidates[128];
    const struct cyc_lua_key *const keys = cyc_lua_keys(L, 1, &count);
    size_t kept = 0;
    for (size_t i = 0; i < count && kept < 127; i++) {
        if (keys[i].is_text) {
            candidates[kept++] = keys[i].text;
        }
    }
    candidates[kept] = NULL;
    const char *const near = strlen(name) < 64 ? cyc_nearest(name, candidates) : NULL;
    return near != NULL
               ? luaL_error(L, "'%s' has no value; did you mean %s?", name, near)
               : luaL_error(L, "'%s' has no value: give it one first", name);
}

void cyc_lua_open_base(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"assert", base_assert},     {"error", base_error},       {"ipairs", base_ipairs},
        {"next", base_next},         {"pairs", base_pairs},       {"pcall", base_pcall},
        {"random", base_random},     {"select", base_select},     {"tonumber", base_tonumber},
        {"tostring", base_tostring}, {"type", base_type},         {NULL, NULL},
    };
    lua_pushglobaltable(L);
    cyc_lua_functions(L, functions);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, missing_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}
