/* The parts of string, table and math that a protocol may use: nothing with patterns, addresses,
 * the locale, the clock or the C library's elementary functions, whose last digit differs between
 * machines. Every function that works in proportion to its arguments counts that work. */
#include "protocol/lua_sandbox.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- string -------------------------------------------------------------------------------------- */

static const char *check_text(lua_State *L, int argument, size_t *size)
{
    const char *const text = luaL_checklstring(L, argument, size);
    cyc_lua_charge(L, *size / 16 + 1);
    return text;
}

/* Positions count from 1, negative ones from the end; the result lies in [0, size]. */
static size_t position(lua_Integer at, size_t size)
{
    if (at >= 0) {
        return (lua_Unsigned)at < size ? (size_t)at : size;
    }
    return (lua_Integer)size + at + 1 > 0 ? (size_t)((lua_Integer)size + at + 1) : 0;
}

static int string_len(lua_State *L)
{
    size_t size;
    (void)check_text(L, 1, &size);
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

static int string_sub(lua_State *L)
{
    size_t size;
    const char *const text = check_text(L, 1, &size);
    size_t from = position(luaL_checkinteger(L, 2), size);
    const size_t to = position(luaL_optinteger(L, 3, -1), size);
    if (luaL_checkinteger(L, 2) > (lua_Integer)size) {
        from = size + 1;
    }
    from = from == 0 ? 1 : from;
    lua_pushlstring(L, text + from - 1, from <= to ? to - from + 1 : 0);
    return 1;
}

static int string_rep(lua_State *L)
{
    size_t size;
    size_t gap_size;
    const char *const text = check_text(L, 1, &size);
    const lua_Integer count = luaL_checkinteger(L, 2);
    const char *const gap = luaL_optlstring(L, 3, "", &gap_size);
    if (count <= 0 || size + gap_size == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)count > CYC_LUA_TEXT_MAX / (size + gap_size)) {
        cyc_lua_trip(cyc_lua_of(L), "a text of the script is longer than 4096 bytes");
        cyc_lua_charge(L, (size_t)CYC_LUA_WORK_MAX + 1);
    }
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = 0; i < count; i++) {
        luaL_addlstring(&buffer, text, size);
        if (i + 1 < count) {
            luaL_addlstring(&buffer, gap, gap_size);
        }
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int change_case(lua_State *L, char from, char to)
{
    size_t size;
    const char *const text = check_text(L, 1, &size);
    luaL_Buffer buffer;
    char *const changed = luaL_buffinitsize(L, &buffer, size);
    for (size_t i = 0; i < size; i++) {
        const bool letter = text[i] >= from && text[i] <= (char)(from + 25);
        changed[i] = letter ? (char)(text[i] - from + to) : text[i];
    }
    luaL_pushresultsize(&buffer, size);
    return 1;
}

static int string_upper(lua_State *L)
{
    return change_case(L, 'a', 'A');
}

static int string_lower(lua_State *L)
{
    return change_case(L, 'A', 'a');
}

static int string_reverse(lua_State *L)
{
    size_t size;
    const char *const text = check_text(L, 1, &size);
    luaL_Buffer buffer;
    char *const turned = luaL_buffinitsize(L, &buffer, size);
    for (size_t i = 0; i < size; i++) {
        turned[i] = text[size - 1 - i];
    }
    luaL_pushresultsize(&buffer, size);
    return 1;
}

static int string_byte(lua_State *L)
{
    size_t size;
    const char *const text = check_text(L, 1, &size);
    const lua_Integer at = luaL_optinteger(L, 2, 1);
    const size_t place = position(at, size);
    if (place == 0 || at > (lua_Integer)size) {
        return 0;
    }
    lua_pushinteger(L, (unsigned char)text[place - 1]);
    return 1;
}

static int string_char(lua_State *L)
{
    const int count = lua_gettop(L);
    cyc_lua_charge(L, (size_t)count);
    luaL_Buffer buffer;
    char *const text = luaL_buffinitsize(L, &buffer, (size_t)count);
    for (int i = 0; i < count; i++) {
        const lua_Integer byte = luaL_checkinteger(L, i + 1);
        luaL_argcheck(L, byte >= 0 && byte <= 255, i + 1, "a byte lies between 0 and 255");
        text[i] = (char)byte;
    }
    luaL_pushresultsize(&buffer, (size_t)count);
    return 1;
}

struct directive {
    bool left, zero;
    int width;     /* 0 … 99 */
    int precision; /* -1: none; 0 … 15 */
    char conversion;
};

static const char *read_number(const char *at, int *number)
{
    *number = 0;
    for (int digits = 0; *at >= '0' && *at <= '9' && digits < 2; digits++) {
        *number = *number * 10 + (*at++ - '0');
    }
    return at;
}

static const char *read_directive(lua_State *L, const char *at, struct directive *directive)
{
    *directive = (struct directive){.precision = -1};
    while (*at == '-' || *at == '0') {
        directive->left = directive->left || *at == '-';
        directive->zero = directive->zero || *at == '0';
        at++;
    }
    at = read_number(at, &directive->width);
    if (*at == '.') {
        at = read_number(at + 1, &directive->precision);
    }
    directive->conversion = *at;
    if (*at == '\0' || strchr("disfg", *at) == NULL || directive->precision > 15) {
        (void)luaL_error(L, "format knows %%s, %%d, %%f and %%g, with at most 15 decimals");
    }
    return at + 1;
}

static void add_padded(luaL_Buffer *buffer, const struct directive *directive, const char *text,
                       size_t size)
{
    const size_t width = (size_t)directive->width;
    const size_t padding = size < width ? width - size : 0;
    const bool zeros = directive->zero && !directive->left && directive->conversion != 's';
    if (zeros && padding > 0 && *text == '-') {
        luaL_addchar(buffer, '-');
        text++;
        size--;
    }
    for (size_t i = 0; i < padding && !directive->left; i++) {
        luaL_addchar(buffer, zeros ? '0' : ' ');
    }
    luaL_addlstring(buffer, text, size);
    for (size_t i = 0; i < padding && directive->left; i++) {
        luaL_addchar(buffer, ' ');
    }
}

static void add_number(lua_State *L, luaL_Buffer *buffer, const struct directive *directive,
                       int argument)
{
    char text[CYC_NUMBER_SIZE];
    size_t size = 0;
    if (directive->conversion == 'd' || directive->conversion == 'i') {
        size = (size_t)snprintf(text, sizeof text, "%" PRId64,
                                (int64_t)luaL_checkinteger(L, argument));
    } else {
        const double value = luaL_checknumber(L, argument);
        const int precision = directive->precision < 0 ? 6 : directive->precision;
        if (!isfinite(value)) {
            (void)luaL_argerror(L, argument, "a finite number is due");
        }
        if (directive->conversion == 'f') {
            size = cyc_number_fixed(text, value, precision);
        } else {
            size = strlen(cyc_number_brief(text, value, precision < 1 ? 1 : precision));
        }
    }
    add_padded(buffer, directive, text, size);
}

/* The text of an argument replaces it, so that it stays alive while the buffer is used. */
static const char *text_of(lua_State *L, int argument, size_t *size)
{
    (void)lua_getglobal(L, "tostring");
    lua_pushvalue(L, argument);
    lua_call(L, 1, 1);
    lua_replace(L, argument);
    return luaL_checklstring(L, argument, size);
}

static int string_format(lua_State *L)
{
    size_t size;
    struct directive directive;
    const char *at = check_text(L, 1, &size);
    const char *const end = at + size;
    const int count = lua_gettop(L);
    int argument = 1;
    for (int i = 2; i <= count; i++) {
        if (lua_type(L, i) != LUA_TNUMBER && lua_type(L, i) != LUA_TSTRING) {
            (void)text_of(L, i, &size);
        }
    }
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    while (at < end) {
        if (*at != '%') {
            luaL_addchar(&buffer, *at++);
            continue;
        }
        at++;
        if (*at == '%') {
            luaL_addchar(&buffer, *at++);
            continue;
        }
        at = read_directive(L, at, &directive);
        luaL_argcheck(L, ++argument <= count, argument, "a value for the format is missing");
        if (directive.conversion == 's') {
            const char *const text = luaL_checklstring(L, argument, &size);
            cyc_lua_charge(L, size / 16 + 1);
            add_padded(&buffer, &directive, text, size);
        } else {
            add_number(L, &buffer, &directive, argument);
        }
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int refuse_arithmetic(lua_State *L)
{
    const int argument = lua_type(L, 1) == LUA_TSTRING ? 1 : 2;
    return luaL_error(L, "the text \"%s\" has no value to calculate with; write q(\"%s\")",
                      lua_tostring(L, argument), lua_tostring(L, argument));
}

/* ---- table --------------------------------------------------------------------------------------- */

static int table_insert(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    const lua_Integer size = luaL_len(L, 1);
    if (lua_gettop(L) == 2) {
        lua_rawseti(L, 1, size + 1);
        return 0;
    }
    luaL_argcheck(L, lua_gettop(L) == 3, 3, "insert(list, value) or insert(list, place, value)");
    const lua_Integer at = luaL_checkinteger(L, 2);
    luaL_argcheck(L, at >= 1 && at <= size + 1, 2, "this place is not in the list");
    cyc_lua_charge(L, (size_t)(size + 1 - at));
    for (lua_Integer i = size; i >= at; i--) {
        (void)lua_rawgeti(L, 1, i);
        lua_rawseti(L, 1, i + 1);
    }
    lua_rawseti(L, 1, at);
    return 0;
}

static int table_remove(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    const lua_Integer size = luaL_len(L, 1);
    const lua_Integer at = luaL_optinteger(L, 2, size);
    if (size == 0 && (at == 0 || at == 1)) {
        lua_pushnil(L);
        return 1;
    }
    luaL_argcheck(L, at >= 1 && at <= size, 2, "this place is not in the list");
    cyc_lua_charge(L, (size_t)(size - at));
    (void)lua_rawgeti(L, 1, at);
    for (lua_Integer i = at; i < size; i++) {
        (void)lua_rawgeti(L, 1, i + 1);
        lua_rawseti(L, 1, i);
    }
    lua_pushnil(L);
    lua_rawseti(L, 1, size);
    return 1;
}

static int table_concat(lua_State *L)
{
    size_t gap_size;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *const gap = luaL_optlstring(L, 2, "", &gap_size);
    const lua_Integer from = luaL_optinteger(L, 3, 1);
    const lua_Integer to = luaL_opt(L, luaL_checkinteger, 4, luaL_len(L, 1));
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = from; i <= to; i++) {
        cyc_lua_charge(L, gap_size / 16 + 1);
        const int type = lua_rawgeti(L, 1, i);
        if (type != LUA_TSTRING && type != LUA_TNUMBER) {
            return luaL_error(L, "concat joins texts and numbers, not %s", luaL_typename(L, -1));
        }
        luaL_addvalue(&buffer);
        if (i < to) {
            luaL_addlstring(&buffer, gap, gap_size);
        }
        if (i == LUA_MAXINTEGER) {
            break;
        }
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int table_pack(lua_State *L)
{
    const int count = lua_gettop(L);
    cyc_lua_charge(L, (size_t)count);
    lua_createtable(L, count, 1);
    lua_insert(L, 1);
    for (int i = count; i >= 1; i--) {
        lua_rawseti(L, 1, i);
    }
    lua_pushinteger(L, count);
    lua_setfield(L, 1, "n");
    return 1;
}

static int table_unpack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    const lua_Integer from = luaL_optinteger(L, 2, 1);
    const lua_Integer to = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
    if (from > to) {
        return 0;
    }
    const lua_Unsigned count = (lua_Unsigned)to - (lua_Unsigned)from;
    if (count >= 1000) {
        return luaL_error(L, "unpack gives at most 1000 values");
    }
    cyc_lua_charge(L, (size_t)count + 1);
    luaL_checkstack(L, (int)count + 1, "too many values");
    for (lua_Unsigned i = 0; i <= count; i++) {
        (void)lua_rawgeti(L, 1, (lua_Integer)((lua_Unsigned)from + i));
    }
    return (int)count + 1;
}

/* ---- math ---------------------------------------------------------------------------------------- */

static int math_sqrt(lua_State *L)
{
    lua_pushnumber(L, sqrt(luaL_checknumber(L, 1))); /* IEEE 754: correctly rounded everywhere */
    return 1;
}

static int push_whole(lua_State *L, double value)
{
    lua_Integer whole;
    if (lua_numbertointeger(value, &whole)) {
        lua_pushinteger(L, whole);
    } else {
        lua_pushnumber(L, value);
    }
    return 1;
}

static int math_ceil(lua_State *L)
{
    if (lua_isinteger(L, 1)) {
        lua_settop(L, 1);
        return 1;
    }
    return push_whole(L, ceil(luaL_checknumber(L, 1)));
}

static int math_tointeger(lua_State *L)
{
    lua_Integer whole;
    const lua_Number value = luaL_checknumber(L, 1);
    if (lua_isinteger(L, 1)) {
        lua_settop(L, 1);
    } else if (floor(value) == value && lua_numbertointeger(value, &whole)) {
        lua_pushinteger(L, whole);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int math_fmod(lua_State *L)
{
    const double divisor = luaL_checknumber(L, 2);
    luaL_argcheck(L, divisor != 0.0, 2, "division by zero");
    lua_pushnumber(L, fmod(luaL_checknumber(L, 1), divisor)); /* exact */
    return 1;
}

static int math_type(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_type(L, 1) != LUA_TNUMBER) {
        lua_pushnil(L);
    } else {
        lua_pushstring(L, lua_isinteger(L, 1) ? "integer" : "float");
    }
    return 1;
}

/* ---- Opening ------------------------------------------------------------------------------------- */

/* Upvalue: the name of the library. */
static int missing_member(lua_State *L)
{
    const char *const library = lua_tostring(L, lua_upvalueindex(1));
    const char *const name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    const bool pattern = strcmp(library, "string") == 0 && strstr("find match gmatch gsub", name);
    const bool chance = strcmp(name, "random") == 0 || strcmp(name, "randomseed") == 0;
    return luaL_error(L, "%s.%s does not exist here%s", library, name,
                      pattern  ? ": there are no text patterns"
                      : chance ? "; random() follows the seed of the run"
                               : "");
}

static void open_library(lua_State *L, const char *name, const luaL_Reg *functions)
{
    lua_newtable(L);
    cyc_lua_functions(L, functions);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, name);
    lua_pushcclosure(L, missing_member, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void cyc_lua_open_lib(lua_State *L)
{
    static const luaL_Reg string_functions[] = {
        {"byte", string_byte}, {"char", string_char},       {"format", string_format},
        {"len", string_len},   {"lower", string_lower},     {"rep", string_rep},
        {"sub", string_sub},   {"reverse", string_reverse}, {"upper", string_upper},
        {NULL, NULL}};
    static const luaL_Reg table_functions[] = {
        {"concat", table_concat}, {"insert", table_insert}, {"pack", table_pack},
        {"remove", table_remove}, {"unpack", table_unpack}, {NULL, NULL}};
    static const luaL_Reg math_functions[] = {
        {"ceil", math_ceil}, {"fmod", math_fmod},           {"sqrt", math_sqrt},
        {"type", math_type}, {"tointeger", math_tointeger}, {NULL, NULL}};
    static const char *const operations[] = {"__add", "__sub", "__mul", "__div",
                                             "__mod", "__unm", "__idiv", "__pow"};
    open_library(L, "string", string_functions);
    lua_setglobal(L, "string");
    open_library(L, "table", table_functions);
    cyc_lua_open_sort(L);
    lua_setglobal(L, "table");
    open_library(L, "math", math_functions);
    lua_pushnumber(L, 3.141592653589793);
    lua_setfield(L, -2, "pi");
    lua_setglobal(L, "math");
    lua_pushliteral(L, ""); /* the metatable of all texts, with a library of its own */
    lua_newtable(L);
    open_library(L, "string", string_functions);
    lua_setfield(L, -2, "__index");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        lua_pushcfunction(L, refuse_arithmetic);
        lua_setfield(L, -2, operations[i]);
    }
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}
