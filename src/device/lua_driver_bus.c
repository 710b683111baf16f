/* The bus as a Lua driver sees it; all within the deadline of the present call.
 *
 *   bus:write(bytes)              bus:exchange(bytes, frame) → reply
 *   bus:read(frame [, s]) → reply bus:drain(quiet_s)
 *   bus:in_step()                 bus:out_of_step()             bus:is_in_step()
 *   bus:now() → s                 bus:left() → s until the deadline
 *
 *   frame: {line = "\r\n"}   {bytes = 10, first = 2, last = 3, newest = true}
 *
 * Failures are raised with the status that the bus gives.
 */
#include "device/lua_driver_int.h"

static struct cyc_bus *bus_of(lua_State *L)
{
    struct cyc_lua_room *const room = cyc_lua_room_of(L);
    struct cyc_bus *const bus =
        room->instrument != NULL ? cyc_instrument_bus(room->instrument) : NULL;
    if (bus == NULL) {
        (void)cyc_lua_room_fail(L, CYC_E_BUG, "there is no bus while a driver file is read");
    }
    return bus;
}

static int raise(lua_State *L, const struct cyc_err *err)
{
    return cyc_lua_room_fail(L, err->status, err->text);
}

static int byte_field(lua_State *L, int table, const char *name)
{
    int byte = -1;
    if (lua_getfield(L, table, name) != LUA_TNIL) {
        byte = (int)luaL_checkinteger(L, -1);
        if (byte < 0 || byte > 255) {
            return luaL_error(L, "frame.%s is no byte", name);
        }
    }
    lua_pop(L, 1);
    return byte;
}

static struct cyc_frame line_frame(lua_State *L)
{
    struct cyc_frame frame = {.kind = CYC_FRAME_LINE};
    size_t size;
    const char *const end = luaL_checklstring(L, -1, &size);
    if (size < 1 || size >= sizeof frame.terminator) {
        (void)luaL_error(L, "frame.line is \"\\n\", \"\\r\" or \"\\r\\n\"");
    }
    (void)cyc_copy(frame.terminator, sizeof frame.terminator, end);
    return frame;
}

static struct cyc_frame check_frame(lua_State *L, int table)
{
    luaL_checktype(L, table, LUA_TTABLE);
    if (lua_getfield(L, table, "line") != LUA_TNIL) {
        const struct cyc_frame frame = line_frame(L);
        lua_pop(L, 1);
        return frame;
    }
    lua_pop(L, 1);
    struct cyc_frame frame = {.kind = CYC_FRAME_BYTES};
    (void)lua_getfield(L, table, "bytes");
    const lua_Integer size = luaL_checkinteger(L, -1);
    if (size < 1 || size > CYC_BUS_REPLY_MAX) {
        (void)luaL_error(L, "frame.bytes lies between 1 and %d", CYC_BUS_REPLY_MAX);
    }
    lua_pop(L, 1);
    const int first = byte_field(L, table, "first"), last = byte_field(L, table, "last");
    frame.size = (size_t)size;
    frame.bounded = first >= 0 && last >= 0;
    frame.start = (uint8_t)(first >= 0 ? first : 0);
    frame.end = (uint8_t)(last >= 0 ? last : 0);
    (void)lua_getfield(L, table, "newest");
    frame.newest = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return frame;
}

static int bus_write(lua_State *L)
{
    size_t size;
    struct cyc_err err = {0};
    const char *const bytes = luaL_checklstring(L, 2, &size);
    if (cyc_bus_write(bus_of(L), bytes, size, cyc_lua_room_of(L)->deadline_ns, &err) != CYC_OK) {
        return raise(L, &err);
    }
    return 0;
}

static int bus_read(lua_State *L)
{
    char reply[CYC_BUS_REPLY_MAX + 1];
    size_t length;
    struct cyc_err err = {0};
    struct cyc_lua_room *const room = cyc_lua_room_of(L);
    struct cyc_bus *const bus = bus_of(L);
    const struct cyc_frame frame = check_frame(L, 2);
    const double wait_s = luaL_optnumber(L, 3, 3600);
    luaL_argcheck(L, wait_s >= 0 && wait_s <= 3600, 3, "0 s to 3600 s");
    const int64_t until_ns = cyc_bus_now_ns(bus) + (int64_t)(wait_s * (double)CYC_S_NS);
    const int64_t deadline_ns = until_ns < room->deadline_ns ? until_ns : room->deadline_ns;
    if (cyc_bus_read(bus, &frame, reply, sizeof reply, &length, deadline_ns, &err) != CYC_OK) {
        return raise(L, &err);
    }
    room->middle_ns = cyc_bus_now_ns(bus);
    lua_pushlstring(L, reply, length);
    return 1;
}

static int bus_exchange(lua_State *L)
{
    char reply[CYC_BUS_REPLY_MAX + 1];
    size_t size, length;
    struct cyc_err err = {0};
    struct cyc_lua_room *const room = cyc_lua_room_of(L);
    const char *const bytes = luaL_checklstring(L, 2, &size);
    const struct cyc_frame frame = check_frame(L, 3);
    if (cyc_bus_exchange(bus_of(L), bytes, size, &frame, reply, sizeof reply, &length,
                         room->deadline_ns, &room->middle_ns, &err) != CYC_OK) {
        return raise(L, &err);
    }
    lua_pushlstring(L, reply, length);
    return 1;
}

static int bus_drain(lua_State *L)
{
    struct cyc_err err = {0};
    const double quiet_s = luaL_checknumber(L, 2);
    luaL_argcheck(L, quiet_s >= 0 && quiet_s <= 10, 2, "0 s to 10 s");
    if (cyc_bus_drain(bus_of(L), (int64_t)(quiet_s * (double)CYC_S_NS),
                      cyc_lua_room_of(L)->deadline_ns, &err) != CYC_OK) {
        return raise(L, &err);
    }
    return 0;
}

static int bus_in_step(lua_State *L)
{
    cyc_bus_in_step(bus_of(L));
    return 0;
}

static int bus_out_of_step(lua_State *L)
{
    cyc_bus_out_of_step(bus_of(L));
    return 0;
}

static int bus_is_in_step(lua_State *L)
{
    lua_pushboolean(L, cyc_bus_is_in_step(bus_of(L)));
    return 1;
}

static int bus_now(lua_State *L)
{
    lua_pushnumber(L, (double)cyc_bus_now_ns(bus_of(L)) / (double)CYC_S_NS);
    return 1;
}

static int bus_left(lua_State *L)
{
    const int64_t left_ns = cyc_lua_room_of(L)->deadline_ns - cyc_bus_now_ns(bus_of(L));
    lua_pushnumber(L, (double)left_ns / (double)CYC_S_NS);
    return 1;
}

void cyc_lua_bus_push(lua_State *L)
{
    static const luaL_Reg functions[] = {{"write", bus_write},
                                         {"read", bus_read},
                                         {"exchange", bus_exchange},
                                         {"drain", bus_drain},
                                         {"in_step", bus_in_step},
                                         {"out_of_step", bus_out_of_step},
                                         {"is_in_step", bus_is_in_step},
                                         {"now", bus_now},
                                         {"left", bus_left},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
}
