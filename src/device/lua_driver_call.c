/* The functions of struct cyc_driver, for all Lua drivers: what they are given becomes a table,
 * what they return becomes a struct. A value that is not there is nil on one side, NaN on the
 * other.
 */
#include "device/lua_driver_int.h"

#include "core/core.h"

#include <math.h>
#include <string.h>

struct call {
    const char *name;
    unsigned output;
    const void *given, *bounds;
    void *result;
    int (*push)(lua_State *L, const struct call *call);  /* → count of values */
    void (*take)(lua_State *L, const struct call *call); /* the result on top */
};

static int do_call(lua_State *L)
{
    const struct call *const call = lua_touserdata(L, 1);
    cyc_lua_room_push_table(L);
    (void)lua_getfield(L, -1, call->name);
    if (lua_istable(L, -1)) { /* capabilities that depend on nothing */
        call->take(L, call);
        return 0;
    }
    cyc_lua_room_push_self(L);
    lua_call(L, 1 + (call->push != NULL ? call->push(L, call) : 0), 1);
    if (call->take != NULL) {
        call->take(L, call);
    }
    return 0;
}

static int run(struct cyc_instrument *instrument, const struct call *call, int64_t deadline_ns,
               struct cyc_err *err)
{
    struct cyc_lua_room *const room = cyc_instrument_state(instrument);
    room->deadline_ns = deadline_ns;
    room->middle_ns = 0;
    return cyc_lua_room_run(room, do_call, (void *)call, err);
}

/* ---- Values --------------------------------------------------------------------------------- */

static void set_number(lua_State *L, const char *name, double value)
{
    if (!isnan(value)) {
        lua_pushnumber(L, value);
        lua_setfield(L, -2, name);
    }
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool flag)
{
    lua_pushboolean(L, flag);
    lua_setfield(L, -2, name);
}

static void push_bounds(lua_State *L, const struct cyc_protection *bounds)
{
    lua_newtable(L);
    set_number(L, "voltage_min", bounds->voltage_min_V);
    set_number(L, "voltage_max", bounds->voltage_max_V);
    set_number(L, "current_min", bounds->current_min_A);
    set_number(L, "current_max", bounds->current_max_A);
    set_number(L, "temperature_min", bounds->temperature_min_degC);
    set_number(L, "temperature_max", bounds->temperature_max_degC);
    set_number(L, "pressure_min", bounds->pressure_min_Pa);
    set_number(L, "pressure_max", bounds->pressure_max_Pa);
}

static double number_of(lua_State *L, const char *name, double otherwise)
{
    double value = otherwise;
    const int type = lua_getfield(L, -1, name);
    if (type == LUA_TNUMBER) {
        value = lua_tonumber(L, -1);
    } else if (type != LUA_TNIL) {
        (void)luaL_error(L, "%s must be a number", name);
    }
    lua_pop(L, 1);
    return value;
}

static void text_of(lua_State *L, const char *name, char *text, size_t size)
{
    const int type = lua_getfield(L, -1, name);
    if (type != LUA_TNIL && !lua_isstring(L, -1)) {
        (void)luaL_error(L, "%s must be a text", name);
    }
    (void)cyc_copy(text, size, type != LUA_TNIL ? lua_tostring(L, -1) : "");
    lua_pop(L, 1);
}

/* A list of words as bits: the nth word of `names` is 1u << n. */
static uint32_t bits_of(lua_State *L, const char *name, const char *const *names)
{
    uint32_t bits = 0;
    const int type = lua_getfield(L, -1, name);
    if (type != LUA_TTABLE && type != LUA_TNIL) {
        (void)luaL_error(L, "%s must be a list of words", name);
    }
    const lua_Integer count = type == LUA_TTABLE ? (lua_Integer)lua_rawlen(L, -1) : 0;
    for (lua_Integer i = 1; i <= count; i++) {
        (void)lua_rawgeti(L, -1, i);
        bits |= 1u << luaL_checkoption(L, -1, NULL, names);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return bits;
}

static void check_result(lua_State *L, const struct call *call)
{
    if (!lua_istable(L, -1)) {
        (void)luaL_error(L, "%s returns no table", call->name);
    }
}

static const char *const *measurand_names(const char *names[CYC_MEASURAND_COUNT + 1])
{
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        names[i] = cyc_measurand_name((enum cyc_measurand)i);
    }
    names[CYC_MEASURAND_COUNT] = NULL;
    return names;
}

/* ---- Open, close ---------------------------------------------------------------------------- */

static int make_self(lua_State *L)
{
    cyc_lua_room_make_self(L);
    cyc_lua_room_push_table(L);
    if (lua_getfield(L, -1, "open") == LUA_TFUNCTION) {
        cyc_lua_room_push_self(L);
        lua_call(L, 1, 0);
    }
    return 0;
}

static int lua_open(struct cyc_instrument *instrument, struct cyc_err *err)
{
    struct cyc_lua_room *const room = cyc_instrument_state(instrument);
    room->instrument = instrument;
    int status = cyc_lua_room_open(room, cyc_instrument_driver(instrument)->implementation, err);
    if (status == CYC_OK) {
        room->deadline_ns = INT64_MIN; /* nothing is sent */
        status = cyc_lua_room_run(room, make_self, NULL, err);
        if (status != CYC_OK) {
            cyc_lua_room_close(room);
        }
    }
    return status;
}

static void lua_close_instrument(struct cyc_instrument *instrument)
{
    cyc_lua_room_close(cyc_instrument_state(instrument));
}

/* ---- Who it is, what it can do -------------------------------------------------------------- */

static void take_identity(lua_State *L, const struct call *call)
{
    struct cyc_identity *const identity = call->result;
    check_result(L, call);
    text_of(L, "maker", identity->maker, sizeof identity->maker);
    text_of(L, "model", identity->model, sizeof identity->model);
    text_of(L, "serial_number", identity->serial_number, sizeof identity->serial_number);
    text_of(L, "firmware", identity->firmware, sizeof identity->firmware);
    (void)lua_getfield(L, -1, "power_on");
    identity->power_on = lua_toboolean(L, -1);
    lua_pop(L, 1);
}

static int lua_identify(struct cyc_instrument *instrument, struct cyc_identity *identity,
                        int64_t deadline_ns, struct cyc_err *err)
{
    *identity = (struct cyc_identity){0};
    const struct call call = {.name = "identify", .result = identity, .take = take_identity};
    return run(instrument, &call, deadline_ns, err);
}

static void range_of(lua_State *L, const char *name, double *low, double *high)
{
    *low = *high = NAN;
    if (lua_getfield(L, -1, name) == LUA_TTABLE) {
        (void)lua_rawgeti(L, -1, 1);
        (void)lua_rawgeti(L, -2, 2);
        *low = luaL_checknumber(L, -2);
        *high = luaL_checknumber(L, -1);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

static void per_measurand(lua_State *L, const char *name, double *values)
{
    const bool there = lua_getfield(L, -1, name) == LUA_TTABLE;
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        values[i] = there ? number_of(L, cyc_measurand_name((enum cyc_measurand)i), NAN) : NAN;
    }
    lua_pop(L, 1);
}

static void current_ranges(lua_State *L, struct cyc_capabilities *capabilities)
{
    if (lua_getfield(L, -1, "current_ranges") == LUA_TTABLE) {
        const lua_Unsigned count = lua_rawlen(L, -1);
        for (unsigned i = 0; i < count && i < CYC_RANGES_MAX; i++) {
            (void)lua_rawgeti(L, -1, (lua_Integer)i + 1);
            capabilities->current_ranges_A[i] = luaL_checknumber(L, -1);
            capabilities->current_range_count = i + 1;
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static void take_capabilities(lua_State *L, const struct call *call)
{
    static const char *const controls[] = {"open", "current", "voltage", "power", "load", NULL};
    static const char *const traits[] = {"four_wire", "crosses_over", "runs_steps", "own_cutoff",
                                         "streams",   "shares_port",  "ramps",      NULL};
    static const char *const watchdogs[] = {"none", "instrument", "external", NULL};
    struct cyc_capabilities *const result = call->result;
    const char *names[CYC_MEASURAND_COUNT + 1];
    check_result(L, call);
    result->controls = bits_of(L, "controls", controls);
    result->measurands = bits_of(L, "measurands", measurand_names(names));
    result->traits = bits_of(L, "traits", traits);
    if (lua_getfield(L, -1, "watchdog") != LUA_TNIL) {
        result->watchdog = (enum cyc_watchdog)luaL_checkoption(L, -1, NULL, watchdogs);
    }
    lua_pop(L, 1);
    result->output_count = (unsigned)number_of(L, "outputs", 1);
    range_of(L, "voltage", &result->voltage_min_V, &result->voltage_max_V);
    range_of(L, "current", &result->current_min_A, &result->current_max_A);
    range_of(L, "temperature", &result->temperature_min_degC, &result->temperature_max_degC);
    range_of(L, "pressure", &result->pressure_min_Pa, &result->pressure_max_Pa);
    result->power_max_W = number_of(L, "power", NAN);
    current_ranges(L, result);
    per_measurand(L, "resolution", result->resolution);
    per_measurand(L, "accuracy", result->accuracy);
    result->fastest_sample_ns = (int64_t)(number_of(L, "fastest_sample", 1) * (double)CYC_S_NS);
    result->safe_ns = (int64_t)(number_of(L, "safe_time", 0.4) * (double)CYC_S_NS);
}

static int lua_capabilities(struct cyc_instrument *instrument,
                            struct cyc_capabilities *capabilities, struct cyc_err *err)
{
    *capabilities = (struct cyc_capabilities){.roles = cyc_instrument_driver(instrument)->roles};
    const struct call call = {
        .name = "capabilities", .result = capabilities, .take = take_capabilities};
    return run(instrument, &call, INT64_MIN, err);
}

/* ---- Commands ------------------------------------------------------------------------------- */

static int push_output(lua_State *L, const struct call *call)
{
    lua_pushinteger(L, (lua_Integer)call->output);
    return 1;
}

static int push_protection(lua_State *L, const struct call *call)
{
    lua_pushinteger(L, (lua_Integer)call->output);
    push_bounds(L, call->given);
    return 2;
}

static int lua_protect(struct cyc_instrument *instrument, unsigned output,
                       const struct cyc_protection *protection, int64_t deadline_ns,
                       struct cyc_err *err)
{
    const struct call call = {
        .name = "protect", .output = output, .given = protection, .push = push_protection};
    return run(instrument, &call, deadline_ns, err);
}

static int push_drive(lua_State *L, const struct call *call)
{
    const struct cyc_drive *const drive = call->given;
    lua_pushinteger(L, (lua_Integer)call->output);
    lua_newtable(L);
    set_text(L, "control", cyc_control_name(drive->setpoint.control));
    set_number(L, "value", drive->setpoint.value);
    set_number(L, "slope", drive->setpoint.slope_per_s);
    set_number(L, "current_min", drive->setpoint.current_min_A);
    set_number(L, "current_max", drive->setpoint.current_max_A);
    set_number(L, "latest", drive->latest_V);
    set_number(L, "backstop_low", drive->backstop_low_V);
    set_number(L, "backstop_high", drive->backstop_high_V);
    set_number(L, "backstop_after", (double)drive->backstop_after_ns / (double)CYC_S_NS);
    push_bounds(L, &drive->bounds);
    lua_setfield(L, -2, "bounds");
    return 2;
}

static int lua_apply(struct cyc_instrument *instrument, unsigned output,
                     const struct cyc_drive *drive, int64_t deadline_ns, struct cyc_err *err)
{
    const struct call call = {
        .name = "apply", .output = output, .given = drive, .push = push_drive};
    return run(instrument, &call, deadline_ns, err);
}

static int push_environment(lua_State *L, const struct call *call)
{
    const struct cyc_environment *const environment = call->given;
    lua_pushinteger(L, (lua_Integer)call->output);
    lua_newtable(L);
    set_number(L, "temperature", environment->temperature_degC);
    set_number(L, "ramp", environment->ramp_K_per_s);
    set_flag(L, "temperature_off", environment->temperature_off);
    set_number(L, "pressure", environment->pressure_Pa);
    set_flag(L, "pressure_off", environment->pressure_off);
    push_bounds(L, call->bounds);
    return 3;
}

static int lua_environment(struct cyc_instrument *instrument, unsigned output,
                           const struct cyc_environment *environment,
                           const struct cyc_protection *bounds, int64_t deadline_ns,
                           struct cyc_err *err)
{
    const struct call call = {.name = "environment",
                              .output = output,
                              .given = environment,
                              .bounds = bounds,
                              .push = push_environment};
    return run(instrument, &call, deadline_ns, err);
}

static int lua_safe(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                    struct cyc_err *err)
{
    const struct call call = {.name = "safe", .output = output, .push = push_output};
    return run(instrument, &call, deadline_ns, err);
}

static int lua_keepalive(struct cyc_instrument *instrument, int64_t deadline_ns,
                         struct cyc_err *err)
{
    const struct call call = {.name = "keepalive"};
    return run(instrument, &call, deadline_ns, err);
}

static int lua_resync(struct cyc_instrument *instrument, int64_t deadline_ns, struct cyc_err *err)
{
    const struct call call = {.name = "resync"};
    return run(instrument, &call, deadline_ns, err);
}

/* ---- Measuring ------------------------------------------------------------------------------ */

static void take_reading(lua_State *L, const struct call *call)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } flags[] = {{"output_on", CYC_SAMPLE_OUTPUT_ON},
                 {"cv", CYC_SAMPLE_CV},
                 {"ended", CYC_SAMPLE_ENDED},
                 {"protection", CYC_SAMPLE_PROTECTION}};
    struct cyc_reading *const reading = call->result;
    check_result(L, call);
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        const double value = number_of(L, cyc_measurand_name((enum cyc_measurand)i), NAN);
        const bool valid = isfinite(value);
        reading->values[i] = valid ? value : NAN;
        reading->valid |= valid ? 1u << i : 0u;
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        (void)lua_getfield(L, -1, flags[i].name);
        reading->flags |= lua_toboolean(L, -1) ? flags[i].flag : 0u;
        lua_pop(L, 1);
    }
    const double t_s = number_of(L, "t", NAN); /* of a report that came by itself */
    reading->t_ns = isfinite(t_s) ? (int64_t)(t_s * (double)CYC_S_NS) : 0;
    text_of(L, "why", reading->why, sizeof reading->why);
}

static int lua_measure(struct cyc_instrument *instrument, unsigned output,
                       struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err)
{
    const struct cyc_lua_room *const room = cyc_instrument_state(instrument);
    *reading = (struct cyc_reading){0};
    const struct call call = {.name = "measure",
                              .output = output,
                              .result = reading,
                              .push = push_output,
                              .take = take_reading};
    const int status = run(instrument, &call, deadline_ns, err);
    if (reading->t_ns == 0) {
        reading->t_ns =
            room->middle_ns != 0 ? room->middle_ns : cyc_bus_now_ns(cyc_instrument_bus(instrument));
    }
    return status;
}

/* ---- The table ------------------------------------------------------------------------------ */

static bool has(lua_State *L, int table, const char *name)
{
    const int type = lua_getfield(L, table, name);
    const bool fits =
        type == LUA_TFUNCTION || (type == LUA_TTABLE && strcmp(name, "capabilities") == 0);
    lua_pop(L, 1);
    if (type != LUA_TNIL && !fits) {
        (void)luaL_error(L, "%s must be a function", name);
    }
    return type != LUA_TNIL;
}

void cyc_lua_calls(struct cyc_driver *driver, lua_State *L, int table)
{
    driver->open = lua_open;
    driver->close = lua_close_instrument;
    (void)has(L, table, "open");
    driver->identify = has(L, table, "identify") ? lua_identify : NULL;
    driver->capabilities = has(L, table, "capabilities") ? lua_capabilities : NULL;
    driver->protect = has(L, table, "protect") ? lua_protect : NULL;
    driver->apply = has(L, table, "apply") ? lua_apply : NULL;
    driver->environment = has(L, table, "environment") ? lua_environment : NULL;
    driver->measure = has(L, table, "measure") ? lua_measure : NULL;
    driver->safe = has(L, table, "safe") ? lua_safe : NULL;
    driver->keepalive = has(L, table, "keepalive") ? lua_keepalive : NULL;
    driver->resync = has(L, table, "resync") ? lua_resync : NULL;
}
