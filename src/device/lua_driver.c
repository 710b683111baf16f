/* What a driver file says of itself. It returns one table:
 *
 *   return {
 *       name = "espec_p300", title = "…", models = "…", roles = {"chamber"},
 *       bus = {baud = 9600, parity = "none", command_gap = 0.3},        -- times in s
 *       options = {{name = "model", choices = "p300|scp220", default = "p300", help = "…"}},
 *       capabilities = {…},                       -- a table, or function(self) → table
 *       open = function(self) end,                -- sends nothing
 *       identify = function(self) return {maker = "…", …} end,
 *       protect, apply, environment, measure, safe, keepalive, resync
 *   }
 *
 * It is run once when the driver is loaded, to see the table, and once for each instrument, in a
 * room of its own. `self` is a table of that instrument, with `bus` and `options` in it.
 */
#include "device/lua_driver.h"

#include "base/diag.h"
#include "device/lua_driver_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 32
#define ARENA_BYTES ((size_t)1 << 20)

static const char *own_string(lua_State *L, struct cyc_lua_file *file, int index)
{
    size_t size;
    const char *const text = luaL_checklstring(L, index, &size);
    const char *const copy = cyc_arena_string(&file->arena, text, size);
    if (copy == NULL) {
        (void)cyc_lua_room_fail(L, CYC_E_NO_MEMORY, "no memory for a driver");
    }
    return copy;
}

/* A field of the table on top: NULL when it is not there. */
static const char *string_field(lua_State *L, struct cyc_lua_file *file, const char *name)
{
    const char *text = NULL;
    if (lua_getfield(L, -1, name) != LUA_TNIL) {
        if (!lua_isstring(L, -1)) {
            (void)luaL_error(L, "%s must be a text", name);
        }
        text = own_string(L, file, -1);
    }
    lua_pop(L, 1);
    return text;
}

static double number_field(lua_State *L, const char *name, double otherwise)
{
    double value = otherwise;
    if (lua_getfield(L, -1, name) != LUA_TNIL) {
        if (!lua_isnumber(L, -1)) {
            (void)luaL_error(L, "%s must be a number", name);
        }
        value = lua_tonumber(L, -1);
    }
    lua_pop(L, 1);
    return value;
}

static int choice_field(lua_State *L, const char *name, const char *const *choices, int otherwise)
{
    int choice = otherwise;
    if (lua_getfield(L, -1, name) != LUA_TNIL) {
        choice = luaL_checkoption(L, -1, NULL, choices);
    }
    lua_pop(L, 1);
    return choice;
}

/* ---- The head ------------------------------------------------------------------------------- */

static uint32_t read_roles(lua_State *L)
{
    static const char *const names[] = {"cycler", "chamber", "press", "sensor", NULL};
    uint32_t roles = 0;
    if (lua_getfield(L, -1, "roles") != LUA_TTABLE) {
        (void)luaL_error(L, "roles must be a list, such as {\"chamber\"}");
    }
    for (int i = 1; i <= 4 && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        roles |= 1u << luaL_checkoption(L, -1, NULL, names);
        lua_pop(L, 1);
    }
    lua_settop(L, 1);
    return roles;
}

static int64_t time_field(lua_State *L, const char *name, int64_t otherwise_ns)
{
    const double seconds = number_field(L, name, (double)otherwise_ns / (double)CYC_S_NS);
    if (!(seconds >= 0 && seconds <= 3600)) {
        (void)luaL_error(L, "%s must lie between 0 s and 3600 s", name);
    }
    return (int64_t)(seconds * (double)CYC_S_NS);
}

static void read_bus(lua_State *L, struct cyc_bus_settings *bus)
{
    static const char *const parities[] = {"none", "even", "odd", NULL};
    static const char *const flows[] = {"none", "xon_xoff", "rts_cts", NULL};
    *bus = cyc_bus_settings_default();
    const int type = lua_getfield(L, -1, "bus");
    if (type == LUA_TTABLE) {
        bus->baud = (int)number_field(L, "baud", bus->baud);
        bus->data_bits = (int)number_field(L, "data_bits", bus->data_bits);
        bus->stop_bits = (int)number_field(L, "stop_bits", bus->stop_bits);
        bus->parity = (enum cyc_parity)choice_field(L, "parity", parities, (int)bus->parity);
        bus->flow = (enum cyc_flow)choice_field(L, "flow", flows, (int)bus->flow);
        bus->settle_ns = time_field(L, "settle", bus->settle_ns);
        bus->byte_gap_ns = time_field(L, "byte_gap", bus->byte_gap_ns);
        bus->command_gap_ns = time_field(L, "command_gap", bus->command_gap_ns);
    } else if (type != LUA_TNIL) {
        (void)luaL_error(L, "bus must be a table, such as {baud = 9600}");
    }
    lua_pop(L, 1);
}

static enum cyc_kind read_kind(lua_State *L)
{
    int kind = CYC_KIND_TEXT;
    if (lua_getfield(L, -1, "kind") != LUA_TNIL) {
        const char *const name = luaL_checkstring(L, -1);
        kind = strcmp(name, "yes_no") == 0 ? CYC_KIND_BOOLEAN : CYC_KIND_TEXT;
        for (int i = 0; i < CYC_KIND_COUNT && kind == CYC_KIND_TEXT; i++) {
            kind = strcmp(name, cyc_kind_name((enum cyc_kind)i)) == 0 ? i : kind;
        }
        if (kind == CYC_KIND_TEXT && strcmp(name, "text") != 0) {
            (void)luaL_error(L,
                             "'%s' is no kind of an option; write text, yes_no, number, time, "
                             "voltage, …",
                             name);
        }
    }
    lua_pop(L, 1);
    return (enum cyc_kind)kind;
}

static struct cyc_driver_option read_option(lua_State *L, struct cyc_lua_file *file)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    struct cyc_driver_option option = {.name = string_field(L, file, "name"),
                                       .kind = read_kind(L),
                                       .low = number_field(L, "low", NAN),
                                       .high = number_field(L, "high", NAN),
                                       .choices = string_field(L, file, "choices"),
                                       .fallback = string_field(L, file, "default"),
                                       .help = string_field(L, file, "help")};
    option.name = option.name != NULL ? option.name : "";
    return option;
}

static void read_options(lua_State *L, struct cyc_lua_file *file)
{
    const int type = lua_getfield(L, -1, "options");
    if (type == LUA_TTABLE) {
        const lua_Unsigned count = lua_rawlen(L, -1);
        struct cyc_driver_option *const options =
            count <= OPTIONS_MAX ? cyc_arena_array(&file->arena, (size_t)count + 1, sizeof *options)
                                 : NULL;
        if (options == NULL) {
            (void)luaL_error(L, "there are over %d options", OPTIONS_MAX);
        }
        for (lua_Unsigned i = 0; i < count && options != NULL; i++) {
            (void)lua_rawgeti(L, -1, (lua_Integer)i + 1);
            options[i] = read_option(L, file);
            lua_pop(L, 1);
        }
        file->driver.options = options;
    } else if (type != LUA_TNIL) {
        (void)luaL_error(L, "options must be a list of tables");
    }
    lua_pop(L, 1);
}

/* A slip in a key would otherwise be a function that is never called. */
static void check_keys(lua_State *L)
{
    static const char *const keys[] = {
        "name",         "title", "models",    "roles",   "bus",   "options",
        "capabilities", "open",  "identify",  "protect", "apply", "environment",
        "measure",      "safe",  "keepalive", "resync",  NULL};
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        const char *const key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        bool known = false;
        for (const char *const *at = keys; *at != NULL && !known; at++) {
            known = strcmp(*at, key) == 0;
        }
        const char *const nearest = known ? NULL : cyc_nearest(key, keys);
        if (!known) {
            (void)luaL_error(L, "a driver has no '%s'%s%s", key, nearest != NULL ? "; write " : "",
                             nearest != NULL ? nearest : "");
        }
        lua_pop(L, 1);
    }
}

static int read_table(lua_State *L)
{
    struct cyc_lua_file *const file = lua_touserdata(L, 1);
    struct cyc_driver *const driver = &file->driver;
    lua_settop(L, 0);
    cyc_lua_room_push_table(L);
    check_keys(L);
    driver->name = string_field(L, file, "name");
    driver->title = string_field(L, file, "title");
    driver->models = string_field(L, file, "models");
    driver->roles = read_roles(L);
    read_bus(L, &driver->bus);
    read_options(L, file);
    cyc_lua_calls(driver, L, 1);
    return 0;
}

/* ---- The file ------------------------------------------------------------------------------- */

static int read_file(struct cyc_lua_file *file, const char *path, struct cyc_lua_text *text,
                     struct cyc_err *err)
{
    FILE *const stream = fopen(path, "re");
    if (stream == NULL) {
        return cyc_err_set(err, CYC_E_FILE, "%s: %s", path, strerror(errno));
    }
    char *const data = cyc_arena_alloc(&file->arena, CYC_LUA_DRIVER_FILE_MAX + 1);
    if (data == NULL) {
        (void)fclose(stream);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "%s: no memory for a driver", path);
    }
    text->size = fread(data, 1, CYC_LUA_DRIVER_FILE_MAX + 1, stream);
    text->data = data;
    const bool failed = ferror(stream) != 0;
    (void)fclose(stream);
    if (failed) {
        return cyc_err_set(err, CYC_E_FILE, "%s: cannot be read", path);
    }
    return text->size <= CYC_LUA_DRIVER_FILE_MAX
               ? CYC_OK
               : cyc_err_set(err, CYC_E_BOUND, "%s: over %zu bytes", path, CYC_LUA_DRIVER_FILE_MAX);
}

/* "drivers/espec_p300/driver.lua" → "espec_p300/driver.lua" */
static const char *short_name(const char *path)
{
    int slashes = 0;
    const char *at = path + strlen(path);
    while (at > path && slashes < 2) {
        at--;
        slashes += *at == '/' ? 1 : 0;
    }
    return slashes == 2 ? at + 1 : path;
}

static int read_helpers(struct cyc_lua_file *file, const char *folder, struct cyc_err *err)
{
    static const char *const names[CYC_LUA_DRIVER_HELPERS] = {"scpi.lua", "frame.lua", "retry.lua"};
    for (unsigned i = 0; i < CYC_LUA_DRIVER_HELPERS; i++) {
        char path[4096];
        struct cyc_lua_text *const text = &file->helpers[i];
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) >= (int)sizeof path) {
            return cyc_err_set(err, CYC_E_FILE, "%s: the path is too long", folder);
        }
        (void)cyc_copy(text->name, sizeof text->name, names[i]);
        const int status = read_file(file, path, text, err);
        if (status != CYC_OK) {
            return status;
        }
        file->helper_count = i + 1;
    }
    return CYC_OK;
}

static int read_driver(struct cyc_lua_file *file, const char *path, const char *helpers,
                       struct cyc_err *err)
{
    struct cyc_lua_room room = {0};
    (void)cyc_copy(file->text.name, sizeof file->text.name, short_name(path));
    int status = helpers != NULL ? read_helpers(file, helpers, err) : CYC_OK;
    if (status == CYC_OK) {
        status = read_file(file, path, &file->text, err);
    }
    if (status == CYC_OK) {
        status = cyc_lua_room_open(&room, file, err);
    }
    if (status == CYC_OK) {
        status = cyc_lua_room_run(&room, read_table, file, err);
        cyc_lua_room_close(&room);
    }
    return status;
}

int cyc_lua_driver_load(const char *path, const char *helpers, struct cyc_driver **driver,
                        struct cyc_err *err)
{
    struct cyc_lua_file *const file = calloc(1, sizeof *file);
    if (file == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a driver");
    }
    cyc_arena_init(&file->arena, ARENA_BYTES);
    file->driver.api = CYC_DRIVER_API;
    file->driver.state_size = sizeof(struct cyc_lua_room);
    file->driver.implementation = file;
    struct cyc_err failure = {0};
    const int status = read_driver(file, path, helpers, &failure);
    if (status != CYC_OK) {
        cyc_lua_driver_free(&file->driver);
        /* A slip in the file is its author's to mend, not a defect of this program. */
        return cyc_err_set(err, status == CYC_E_BUG ? CYC_E_INPUT : status, "%s", failure.text);
    }
    *driver = &file->driver;
    return CYC_OK;
}

void cyc_lua_driver_free(struct cyc_driver *driver)
{
    if (driver != NULL) {
        struct cyc_lua_file *const file = (struct cyc_lua_file *)driver;
        cyc_arena_release(&file->arena);
        free(file);
    }
}
