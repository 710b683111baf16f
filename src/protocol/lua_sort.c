#include "protocol/lua_sandbox.h"

#include <math.h>
#include <string.h>

/* A stable merge sort over a list of the table at 1 into the table at 3, bottom up; the comparator
 * stands at 2 (nil: <). A comparator that contradicts itself gives some order, never a loop. */
enum { LIST = 1, COMPARATOR = 2, SPARE = 3 };

static bool comes_before(lua_State *L, int a, int b)
{
    a = lua_absindex(L, a);
    b = lua_absindex(L, b);
    if (lua_isnil(L, COMPARATOR)) {
        return lua_compare(L, a, b, LUA_OPLT) != 0;
    }
    lua_pushvalue(L, COMPARATOR);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    const bool before = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return before;
}

static void merge(lua_State *L, int source, int target, lua_Integer from, lua_Integer middle,
                  lua_Integer end)
{
    lua_Integer left = from;
    lua_Integer right = middle;
    for (lua_Integer i = from; i < end; i++) {
        bool take_right = left >= middle;
        if (left < middle && right < end) {
            (void)lua_rawgeti(L, source, left);
            (void)lua_rawgeti(L, source, right);
            take_right = comes_before(L, -1, -2);
            lua_pop(L, 2);
        }
        (void)lua_rawgeti(L, source, take_right ? right++ : left++);
        lua_rawseti(L, target, i);
    }
}

static int table_sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    const lua_Integer count = luaL_len(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TFUNCTION);
    }
    lua_settop(L, 2);
    cyc_lua_charge(L, (size_t)count * 2);
    lua_createtable(L, count < 100000 ? (int)count : 0, 0);
    int source = LIST;
    int target = SPARE;
    for (lua_Integer width = 1; width < count; width *= 2) {
        cyc_lua_charge(L, (size_t)count * 2);
        for (lua_Integer from = 1; from <= count; from += 2 * width) {
            const lua_Integer past = count + 1;
            const lua_Integer middle = from + width < past ? from + width : past;
            merge(L, source, target, from, middle,
                  middle + width < past ? middle + width : past);
        }
        const int other = source;
        source = target;
        target = other;
    }
    for (lua_Integer i = 1; source != LIST && i <= count; i++) {
        (void)lua_rawgeti(L, SPARE, i);
        lua_rawseti(L, LIST, i);
    }
    return 0;
}

void cyc_lua_open_sort(lua_State *L)
{
    lua_pushcfunction(L, table_sort);
    lua_setfield(L, -2, "sort");
}
