/* Between the files of the Lua drivers. The only header of this folder that brings in lua.h.
 *
 *   lua_driver.c       what a driver file says of itself: its table, as a struct cyc_driver
 *   lua_driver_room.c  the closed room it runs in: memory, budget, functions it finds there
 *   lua_driver_bus.c   the bus as Lua sees it
 *   lua_driver_call.c  the functions of struct cyc_driver: what goes in, what comes out
 */
#ifndef CYC_DEVICE_LUA_DRIVER_INT_H
#define CYC_DEVICE_LUA_DRIVER_INT_H

#include "base/arena.h"
#include "device/driver.h"

#include <lauxlib.h>
#include <locale.h>
#include <lua.h>

#define CYC_LUA_DRIVER_BYTES_MAX ((size_t)512 << 10) /* of one instrument's state */
#define CYC_LUA_DRIVER_WORK_MAX  INT64_C(500000)     /* instructions of one call */
#define CYC_LUA_DRIVER_TEXT_MAX  ((size_t)16 << 10)  /* of one string */
#define CYC_LUA_DRIVER_FILE_MAX  ((size_t)128 << 10)
#define CYC_LUA_DRIVER_HELPERS   3

/* A file's text; owned by the driver's arena. */
struct cyc_lua_text {
    char name[64]; /* in messages: "espec_p300/driver.lua", "scpi.lua" */
    const char *data;
    size_t size;
};

/* What a driver file came to. `driver.implementation` points here. */
struct cyc_lua_file {
    struct cyc_driver driver; /* first: it is freed by this address */
    struct cyc_arena arena;
    struct cyc_lua_text text;
    struct cyc_lua_text helpers[CYC_LUA_DRIVER_HELPERS];
    unsigned helper_count;
};

/* One Lua state, of one instrument (or of the reading of a file: no instrument). */
struct cyc_lua_room {
    lua_State *state; /* owned */
    locale_t locale;  /* "C": what numbers look like while Lua runs; owned */
    size_t bytes;     /* in use */
    int64_t work;     /* instructions of this call */
    bool tripped;
    struct cyc_instrument *instrument; /* borrowed; NULL while a file is read */
    int64_t deadline_ns;               /* of this call */
    int64_t middle_ns;                 /* of its last exchange; 0: none */
};

/* Makes the state and runs the driver file in it: its table stays in the registry. */
int cyc_lua_room_open(struct cyc_lua_room *room, const struct cyc_lua_file *file,
                      struct cyc_err *err);
void cyc_lua_room_close(struct cyc_lua_room *room);
struct cyc_lua_room *cyc_lua_room_of(lua_State *L);
/* Runs a C function protected and under a fresh budget, with `argument` as light userdata. */
int cyc_lua_room_run(struct cyc_lua_room *room, lua_CFunction function, void *argument,
                     struct cyc_err *err);
/* Raises {status, text}, which comes out of cyc_lua_room_run() as this status. */
int cyc_lua_room_fail(lua_State *L, int status, const char *text);
/* The driver's table on top of the stack; and `self`, what its functions are called with. */
void cyc_lua_room_push_table(lua_State *L);
void cyc_lua_room_push_self(lua_State *L);
/* Makes `self`: the bus, and the options by name. Called with an instrument. */
void cyc_lua_room_make_self(lua_State *L);

/* The table of bus functions on top of the stack. */
void cyc_lua_bus_push(lua_State *L);

/* The functions of struct cyc_driver that are the same for all Lua drivers. */
void cyc_lua_calls(struct cyc_driver *driver, lua_State *L, int table);

#endif
