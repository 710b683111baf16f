/* Quantities as values of a script: immutable, with the algebra of kinds.c behind the operators.
 * Plain numbers are the kind NUMBER; a quotient of two quantities of one kind is a plain number. */
#include "protocol/lua_sandbox.h"

#include "base/text.h"
#include "protocol/kinds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char metatable[] = "quantity";

struct quantity {
    double value;
    enum cyc_kind kind;
};

void cyc_lua_push_quantity(lua_State *L, double value, enum cyc_kind kind)
{
    if (!isfinite(value)) {
        (void)luaL_error(L, "a value came out that is not finite");
    }
    if (kind == CYC_KIND_NUMBER) {
        lua_pushnumber(L, value);
        return;
    }
    struct quantity *const quantity = lua_newuserdatauv(L, sizeof *quantity, 0);
    quantity->value = value;
    quantity->kind = kind;
    luaL_setmetatable(L, metatable);
}

bool cyc_lua_quantity(lua_State *L, int index, double *value, enum cyc_kind *kind)
{
    const struct quantity *const quantity = luaL_testudata(L, index, metatable);
    if (quantity != NULL) {
        *value = quantity->value;
        *kind = quantity->kind;
    }
    return quantity != NULL;
}

/* An operand: a quantity or a number, or the mistake is raised. */
static double operand(lua_State *L, int index, struct cyc_dim *dim)
{
    double value = 0.0;
    *dim = (struct cyc_dim){CYC_KIND_NUMBER, false};
    if (cyc_lua_quantity(L, index, &value, &dim->kind)) {
        return value;
    }
    if (lua_type(L, index) == LUA_TNUMBER) {
        return lua_tonumber(L, index);
    }
    if (lua_type(L, index) == LUA_TSTRING) {
        (void)luaL_error(L, "the text \"%s\" has no value to calculate with; write q(\"%s\")",
                         lua_tostring(L, index), lua_tostring(L, index));
    }
    (void)luaL_error(L, "a quantity cannot be combined with %s",
                     lua_isnil(L, index) ? "nil: this value does not exist"
                                         : luaL_typename(L, index));
    return 0.0;
}

static int combine(lua_State *L, enum cyc_op_code code, double *a, double *b,
                   struct cyc_dim *result, double *factor)
{
    struct cyc_dim dim_a;
    struct cyc_dim dim_b;
    struct cyc_kind_fault fault;
    *a = operand(L, 1, &dim_a);
    *b = operand(L, 2, &dim_b);
    if (!cyc_kinds_combine(code, dim_a, dim_b, result, factor, &fault)) {
        return luaL_error(L, "%s; %s", fault.message, fault.hint);
    }
    return 0;
}

static int arithmetic(lua_State *L, enum cyc_op_code code)
{
    double a;
    double b;
    double factor;
    struct cyc_dim dim;
    (void)combine(L, code, &a, &b, &dim, &factor);
    const double value = code == CYC_OP_ADD   ? a + b
                         : code == CYC_OP_SUB ? a - b
                         : code == CYC_OP_MUL ? a * b
                         : code == CYC_OP_DIV ? a / b
                         : code == CYC_OP_MIN ? fmin(a, b)
                         : code == CYC_OP_MAX ? fmax(a, b)
                                              : a - floor(a / b) * b;
    cyc_lua_push_quantity(L, value * factor, dim.kind);
    return 1;
}

static int quantity_add(lua_State *L)
{
    return arithmetic(L, CYC_OP_ADD);
}

static int quantity_sub(lua_State *L)
{
    return arithmetic(L, CYC_OP_SUB);
}

static int quantity_mul(lua_State *L)
{
    return arithmetic(L, CYC_OP_MUL);
}

static int quantity_div(lua_State *L)
{
    return arithmetic(L, CYC_OP_DIV);
}

static int quantity_mod(lua_State *L)
{
    return arithmetic(L, CYC_OP_MOD);
}

static int quantity_idiv(lua_State *L)
{
    (void)arithmetic(L, CYC_OP_DIV);
    if (lua_type(L, -1) != LUA_TNUMBER) {
        return luaL_error(L, "// gives a whole number: divide by a quantity of the same kind");
    }
    lua_pushnumber(L, floor(lua_tonumber(L, -1)));
    return 1;
}

static int quantity_pow(lua_State *L)
{
    return luaL_error(L, "quantities have no powers; multiply");
}

static int compare(lua_State *L, enum cyc_op_code code)
{
    double a;
    double b;
    double factor;
    struct cyc_dim dim;
    (void)combine(L, code, &a, &b, &dim, &factor);
    lua_pushboolean(L, code == CYC_OP_LT ? a < b : code == CYC_OP_LE ? a <= b : a == b);
    return 1;
}

static int quantity_lt(lua_State *L)
{
    return compare(L, CYC_OP_LT);
}

static int quantity_le(lua_State *L)
{
    return compare(L, CYC_OP_LE);
}

static int quantity_eq(lua_State *L)
{
    return compare(L, CYC_OP_EQ);
}

static int unary(lua_State *L, enum cyc_op_code code)
{
    struct cyc_dim dim;
    struct cyc_dim result;
    struct cyc_kind_fault fault;
    const double value = operand(L, 1, &dim);
    if (!cyc_kinds_unary(code, dim, &result, &fault)) {
        return luaL_error(L, "%s; %s", fault.message, fault.hint);
    }
    cyc_lua_push_quantity(L, code == CYC_OP_NEG ? -value : fabs(value), result.kind);
    return 1;
}

static int quantity_unm(lua_State *L)
{
    return unary(L, CYC_OP_NEG);
}

static const char *text_of(lua_State *L, int index, char *buffer, size_t size)
{
    double value = 0.0;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    if (cyc_lua_quantity(L, index, &value, &kind)) {
        return cyc_quantity_text(buffer, size, value, kind);
    }
    return lua_type(L, index) == LUA_TSTRING || lua_type(L, index) == LUA_TNUMBER
               ? lua_tostring(L, index)
               : luaL_typename(L, index);
}

static int quantity_tostring(lua_State *L)
{
    char buffer[64];
    lua_pushstring(L, text_of(L, 1, buffer, sizeof buffer));
    return 1;
}

static int quantity_concat(lua_State *L)
{
    char left[64];
    char right[64];
    lua_settop(L, 2);
    lua_pushstring(L, text_of(L, 1, left, sizeof left));
    lua_pushstring(L, text_of(L, 2, right, sizeof right));
    lua_concat(L, 2);
    return 1;
}

/* x:to("mAh/g") */
static int quantity_to(lua_State *L)
{
    double value = 0.0;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    double factor = 1.0;
    struct cyc_err err = {0};
    const struct cyc_cell_basis none = cyc_cell_basis_none();
    const struct cyc_lua *const lua = cyc_lua_of(L);
    if (!cyc_lua_quantity(L, 1, &value, &kind)) {
        return luaL_error(L, "write x:to(\"mAh/g\") with a colon");
    }
    const char *const unit = luaL_checkstring(L, 2);
    if (cyc_unit_factor(unit, kind, lua->cell != NULL ? lua->cell : &none, &factor, &err) !=
        CYC_OK) {
        return luaL_error(L, "%s", err.text);
    }
    lua_pushnumber(L, value / factor);
    return 1;
}

static int quantity_index(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "to") == 0) {
        lua_pushcfunction(L, quantity_to);
        return 1;
    }
    return luaL_error(L, "a quantity has no fields; x:to(\"mAh/g\") gives its number");
}

static int quantity_newindex(lua_State *L)
{
    return luaL_error(L, "a quantity cannot be changed");
}

/* ---- Functions for numbers and quantities alike -------------------------------------------------- */

static bool plain(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TNUMBER && luaL_testudata(L, index, metatable) == NULL) {
        if (lua_type(L, index) == LUA_TSTRING) {
            (void)luaL_error(L, "the text \"%s\" has no value to calculate with; write q(\"%s\")",
                             lua_tostring(L, index), lua_tostring(L, index));
        }
        (void)luaL_argerror(L, index, "a number or a quantity is due");
    }
    return lua_type(L, index) == LUA_TNUMBER;
}

static int base_abs(lua_State *L)
{
    if (!plain(L, 1)) {
        return unary(L, CYC_OP_ABS);
    }
    if (lua_isinteger(L, 1)) {
        const lua_Integer value = lua_tointeger(L, 1);
        lua_pushinteger(L, value < 0 ? (lua_Integer)(0u - (lua_Unsigned)value) : value);
    } else {
        lua_pushnumber(L, fabs(lua_tonumber(L, 1)));
    }
    return 1;
}

/* The chosen argument itself, so that whole numbers stay whole. */
static int choose(lua_State *L, bool largest)
{
    const int count = lua_gettop(L);
    int best = 1;
    cyc_lua_charge(L, (size_t)count);
    (void)plain(L, 1);
    for (int i = 2; i <= count; i++) {
        (void)plain(L, i);
        const bool less = lua_compare(L, largest ? best : i, largest ? i : best, LUA_OPLT) != 0;
        best = less ? i : best;
    }
    lua_pushvalue(L, best);
    return 1;
}

static int base_min(lua_State *L)
{
    return choose(L, false);
}

static int base_max(lua_State *L)
{
    return choose(L, true);
}

static int base_floor(lua_State *L)
{
    lua_Integer whole;
    if (!plain(L, 1)) {
        return luaL_error(L, "floor takes a bare number; divide by a unit first: "
                             "floor(x / q(\"1 mAh\"))");
    }
    if (lua_isinteger(L, 1)) {
        lua_settop(L, 1);
    } else if (lua_numbertointeger(floor(lua_tonumber(L, 1)), &whole)) {
        lua_pushinteger(L, whole);
    } else {
        lua_pushnumber(L, floor(lua_tonumber(L, 1)));
    }
    return 1;
}

static int base_mod(lua_State *L)
{
    const bool numbers = plain(L, 1) && plain(L, 2);
    if (!numbers) {
        (void)plain(L, 2);
        return arithmetic(L, CYC_OP_MOD);
    }
    lua_settop(L, 2);
    if (lua_tonumber(L, 2) == 0.0) {
        return luaL_error(L, "mod by zero");
    }
    lua_arith(L, LUA_OPMOD);
    return 1;
}

void cyc_lua_open_quantity(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"__add", quantity_add},       {"__sub", quantity_sub},
        {"__mul", quantity_mul},       {"__div", quantity_div},
        {"__mod", quantity_mod},       {"__idiv", quantity_idiv},
        {"__pow", quantity_pow},       {"__unm", quantity_unm},
        {"__lt", quantity_lt},         {"__le", quantity_le},
        {"__eq", quantity_eq},         {"__concat", quantity_concat},
        {"__index", quantity_index},   {"__newindex", quantity_newindex},
        {"__tostring", quantity_tostring}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"abs", base_abs}, {"floor", base_floor},
                                         {"max", base_max}, {"min", base_min},
                                         {"mod", base_mod}, {NULL, NULL}};
    (void)luaL_newmetatable(L, metatable);
    cyc_lua_functions(L, methods);
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    cyc_lua_functions(L, functions);
    lua_pop(L, 1);
    (void)lua_getglobal(L, "math");
    cyc_lua_functions(L, functions);
    lua_pop(L, 1);
}
