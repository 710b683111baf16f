#include "protocol/lua_node.h"

#include "base/diag.h"
#include "base/text.h"
#include "core/core.h"

#include <math.h>
#include <string.h>

static const char metatable[] = "result";

struct result {
    struct cyc_outcome outcome;
    bool of_cycle;
    char name[CYC_ID_SIZE];
    unsigned resistance_count;
    double resistances[];
};

void cyc_lua_push_outcome(lua_State *L, const struct cyc_outcome *outcome, bool of_cycle,
                          const char *name, const double *resistances, unsigned count)
{
    struct result *const result =
        lua_newuserdatauv(L, sizeof *result + count * sizeof *resistances, 0);
    result->outcome = *outcome;
    result->of_cycle = of_cycle;
    (void)cyc_copy(result->name, sizeof result->name, name);
    result->resistance_count = count;
    if (count > 0) {
        memcpy(result->resistances, resistances, count * sizeof *resistances);
    }
    luaL_setmetatable(L, metatable);
}

static int push_resistances(lua_State *L, const struct result *result)
{
    lua_createtable(L, (int)result->resistance_count, 0);
    for (unsigned i = 0; i < result->resistance_count; i++) {
        if (isfinite(result->resistances[i])) {
            cyc_lua_push_quantity(L, result->resistances[i], CYC_KIND_RESISTANCE);
        } else {
            lua_pushboolean(L, 0);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int refuse_field(lua_State *L, const struct result *result, const char *word)
{
    const char *words[CYC_FIELD_COUNT + 1];
    size_t count = 0;
    for (int field = CYC_FIELD_NONE + 1; field < CYC_FIELD_COUNT; field++) {
        enum cyc_field found;
        enum cyc_kind kind;
        const char *const name = cyc_field_name((enum cyc_field)field);
        if (cyc_field_find(name, result->of_cycle, &found, &kind)) {
            words[count++] = name;
        }
    }
    words[count] = NULL;
    const char *const near = strlen(word) < CYC_ID_SIZE ? cyc_nearest(word, words) : NULL;
    return near != NULL
               ? luaL_error(L, "a %s has no field '%s'; did you mean %s?",
                            result->of_cycle ? "cycle" : "result", word, near)
               : luaL_error(L, "a %s has no field '%s'", result->of_cycle ? "cycle" : "result",
                            word);
}

static int result_index(lua_State *L)
{
    const struct result *const result = luaL_checkudata(L, 1, metatable);
    const char *const word = luaL_checkstring(L, 2);
    enum cyc_field field = CYC_FIELD_NONE;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    if (!result->of_cycle && strcmp(word, "resistances") == 0) {
        return push_resistances(L, result);
    }
    if (!cyc_field_find(word, result->of_cycle, &field, &kind)) {
        return refuse_field(L, result, word);
    }
    const double value = result->outcome.field[field];
    if (isnan(value)) {
        lua_pushnil(L);
    } else if (kind == CYC_KIND_TEXT) {
        lua_pushstring(L, cyc_reason_name((enum cyc_reason)(int)value));
    } else {
        cyc_lua_push_quantity(L, value, kind);
    }
    return 1;
}

static int result_newindex(lua_State *L)
{
    return luaL_error(L, "a result cannot be changed");
}

static int result_tostring(lua_State *L)
{
    const struct result *const result = luaL_checkudata(L, 1, metatable);
    lua_pushfstring(L, result->of_cycle ? "cycle of %s" : "result of %s",
                    result->name[0] != '\0' ? result->name : "a step");
    return 1;
}

void cyc_lua_open_outcome(lua_State *L)
{
    static const luaL_Reg methods[] = {{"__index", result_index},
                                       {"__newindex", result_newindex},
                                       {"__tostring", result_tostring},
                                       {NULL, NULL}};
    (void)luaL_newmetatable(L, metatable);
    cyc_lua_functions(L, methods);
    lua_pop(L, 1);
}
