/* Lua drivers: what a wrong one is told, and that none harms the program. */
#include "check/check.h"
#include "device/driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A sound driver around one line of code in `measure`. */
static const char sound[] = "return {\n"
                            "    name = 'test', title = 'Test', models = 'any',\n"
                            "    roles = {'sensor'},\n"
                            "    capabilities = {measurands = {'voltage'}},\n"
                            "    identify = function(self) return {model = 'M', maker = 'N'} end,\n"
                            "    measure = function(self, output)\n"
                            "        %s\n"
                            "    end,\n"
                            "}\n";

struct room {
    char folder[64], path[96];
    struct cyc_registry *registry;
    const struct cyc_driver *driver;
    struct cyc_bus *bus;
    struct cyc_instrument *instrument;
    struct cyc_err err;
};

static void write_driver(struct room *room, const char *text)
{
    (void)cyc_copy(room->folder, sizeof room->folder, "/tmp/cyclostat-lua-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(room->folder));
    (void)snprintf(room->path, sizeof room->path, "%s/test.lua", room->folder);
    FILE *const stream = fopen(room->path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    (void)fputs(text, stream);
    (void)fclose(stream);
}

static void nothing(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)now_ns;
    (void)bytes;
    (void)size;
}

static size_t none(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    (void)context;
    (void)now_ns;
    (void)bytes;
    (void)size;
    return 0;
}

static int64_t never(void *context)
{
    (void)context;
    return INT64_MAX;
}

static int find(struct room *room, const char *text)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    *room = (struct room){0};
    write_driver(room, text);
    CU_ASSERT_EQUAL_FATAL(cyc_registry_open(NULL, folders, &room->registry, &room->err), CYC_OK);
    return cyc_registry_find(room->registry, room->path, &room->driver, &room->err);
}

static void leave(struct room *room)
{
    cyc_instrument_close(room->instrument);
    cyc_bus_close(room->bus);
    cyc_registry_close(room->registry);
    (void)unlink(room->path);
    (void)rmdir(room->folder);
}

static void refused(const char *text, const char *what)
{
    struct room room;
    const int status = find(&room, text);
    CU_ASSERT_EQUAL(status, CYC_E_INPUT);
    if (strstr(room.err.text, what) == NULL) {
        (void)fprintf(stderr, "  not said: %s\n  but: %s\n", what, room.err.text);
        CU_FAIL("the mistake is not named");
    }
    leave(&room);
}

static int measure(struct room *room, const char *code, struct cyc_reading *reading)
{
    char text[4096];
    const struct cyc_bus_peer peer = {NULL, nothing, none, never, NULL};
    (void)snprintf(text, sizeof text, sound, code);
    CU_ASSERT_EQUAL_FATAL(find(room, text), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_memory(&peer, &room->driver->bus, 0, &room->bus, &room->err),
                          CYC_OK);
    CU_ASSERT_EQUAL_FATAL(
        cyc_instrument_open(room->driver, room->bus, NULL, 0, &room->instrument, &room->err),
        CYC_OK);
    return room->driver->measure(room->instrument, 0, reading, CYC_S_NS, &room->err);
}

static void comes_to(const char *code, int status, const char *what)
{
    struct room room;
    struct cyc_reading reading;
    const int found = measure(&room, code, &reading);
    if (found != status || strstr(room.err.text, what) == NULL) {
        (void)fprintf(stderr, "  %s: %s: %s\n", code, cyc_status_name(found), room.err.text);
    }
    CU_ASSERT_EQUAL(found, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(room.err.text, what));
    leave(&room);
}

static void mistakes_of_a_file_are_named(void)
{
    refused("return {", "test.lua:1:");
    refused("return 7", "the file returns no table");
    refused("error('no')", "no");
    refused("return {name = 'a', meassure = function() end}", "a driver has no 'meassure'; write "
                                                              "measure");
    refused("return {name = 'a'}", "roles must be a list");
    refused("return {roles = {'sensor'}}", "name: must be the folder's name");
    refused("return {roles = {'sensors'}}", "invalid option 'sensors'");
    refused("return {roles = {'sensor'}, measure = 7}", "measure must be a function");
    refused("return {roles = {'sensor'}, bus = 7}", "bus must be a table");
    refused("return {roles = {'sensor'}, bus = {baud = 'x'}}", "baud must be a number");
    refused("return {roles = {'sensor'}, bus = {parity = 'x'}}", "invalid option 'x'");
    refused("return {roles = {'sensor'}, bus = {settle = -1}}", "settle must lie between");
    refused("return {roles = {'sensor'}, options = 7}", "options must be a list");
    refused("return {roles = {'sensor'}, options = {{name = 'a', kind = 'volts'}}}",
            "'volts' is no kind of an option");
    refused("return {name = 'a', title = 'a', models = 'a', roles = {'cycler'}}",
            "safe: is missing");
}

static void what_measure_returns_is_checked(void)
{
    struct room room;
    struct cyc_reading reading;
    CU_ASSERT_EQUAL(
        measure(&room, "return {voltage = 3.7, current = 0/0, output_on = true}", &reading),
        CYC_OK);
    CU_ASSERT_EQUAL(reading.valid, 1u << CYC_MEASURAND_VOLTAGE);
    CYC_NEAR(reading.values[CYC_MEASURAND_VOLTAGE], 3.7, 0);
    CU_ASSERT(isnan(reading.values[CYC_MEASURAND_CURRENT]));
    CU_ASSERT_EQUAL(reading.flags, CYC_SAMPLE_OUTPUT_ON);
    leave(&room);
    comes_to("return 7", CYC_E_BUG, "measure returns no table");
    comes_to("return {voltage = 'much'}", CYC_E_BUG, "voltage must be a number");
    comes_to("return {voltage = 1/0, why = 'infinite'}", CYC_OK, "");
}

static void failures_keep_their_status(void)
{
    comes_to("fail('refused', 'no, thanks')", CYC_E_REFUSED, "no, thanks");
    comes_to("fail('stale', 'old')", CYC_E_STALE, "old");
    comes_to("fail('nonsense', 'old')", CYC_E_BUG, "invalid option");
    comes_to("self.bus:read({line = '\\n'})", CYC_E_TIMEOUT, "no reply in time");
    comes_to("self.bus:exchange('x', {line = '\\n'})", CYC_E_STALE, "out of step");
    comes_to("local ok, e = pcall(fail, 'refused', 'a'); error(e)", CYC_E_REFUSED, "a");
    comes_to("error({})", CYC_E_BUG, "");
    comes_to("error(nil)", CYC_E_BUG, "an error without a text");
    comes_to("local x = nil; return x.y", CYC_E_BUG, "test.lua:7:");
}

static void no_call_goes_on_for_ever(void)
{
    comes_to("while true do end", CYC_E_BUG, "more than");
    comes_to("while true do pcall(function() while true do end end) end", CYC_E_BUG, "more than");
    comes_to("local function f() return pcall(f) end while true do f() end", CYC_E_BUG, "");
    comes_to("while true do pcall(self.bus.read, self.bus, {line = '\\n'}) end", CYC_E_BUG,
             "more than");
    comes_to("local function f() return f() + 1 end return f()", CYC_E_BUG, "");
}

static void memory_is_bounded(void)
{
    comes_to("local t = {} for i = 1, 1e9 do t[i] = i end", CYC_E_BUG, "needs more than");
    comes_to("local s = 'x' for i = 1, 60 do s = s .. s end", CYC_E_BUG, "needs more than");
    comes_to("return {voltage = #string.format('%s', string.char(65))}", CYC_OK, "");
}

static void the_room_is_closed(void)
{
    static const char *const names[] = {"io",           "os",
                                        "debug",        "require",
                                        "load",         "dofile",
                                        "package",      "loadfile",
                                        "setmetatable", "getmetatable",
                                        "coroutine",    "collectgarbage",
                                        "print",        "_G",
                                        "string.rep",   "string.find",
                                        "string.gsub",  "string.match",
                                        "string.dump",  "math.random",
                                        "table.sort",   "rawset and nil"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char code[128];
        (void)snprintf(code, sizeof code, "return {voltage = %s == nil and 1 or 2}", names[i]);
        struct room room;
        struct cyc_reading reading;
        CU_ASSERT_EQUAL(measure(&room, code, &reading), CYC_OK);
        if (reading.values[CYC_MEASURAND_VOLTAGE] != 1) {
            (void)fprintf(stderr, "  %s is there\n", names[i]);
        }
        CYC_NEAR(reading.values[CYC_MEASURAND_VOLTAGE], 1, 0);
        leave(&room);
    }
}

static void a_failed_call_leaves_the_driver_as_it_was(void)
{
    struct room room;
    struct cyc_reading reading;
    CU_ASSERT_EQUAL(measure(&room,
                            "self.n = (self.n or 0) + 1 "
                            "if self.n % 2 == 1 then while true do end end "
                            "return {voltage = self.n}",
                            &reading),
                    CYC_E_BUG);
    CU_ASSERT_EQUAL(room.driver->measure(room.instrument, 0, &reading, CYC_S_NS, &room.err),
                    CYC_OK);
    CYC_NEAR(reading.values[CYC_MEASURAND_VOLTAGE], 2, 0);
    leave(&room);
}

static void names_are_found_with_their_nearest(void)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    struct cyc_registry *registry = NULL;
    const struct cyc_driver *driver = NULL;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cyc_registry_open(NULL, folders, &registry, &err), CYC_OK);
    const char *const *const names = cyc_registry_names(registry);
    for (unsigned i = 0; names[i] != NULL && names[i + 1] != NULL; i++) {
        CU_ASSERT(strcmp(names[i], names[i + 1]) < 0);
    }
    CU_ASSERT_EQUAL(cyc_registry_find(registry, "espec_p300", &driver, &err), CYC_OK);
    CYC_SAME(driver->name, "espec_p300");
    const struct cyc_driver *again = NULL;
    CU_ASSERT_EQUAL(cyc_registry_find(registry, "espec_p300", &again, &err), CYC_OK);
    CU_ASSERT_PTR_EQUAL(driver, again);
    CU_ASSERT_EQUAL(cyc_registry_find(registry, "espec_p30", &driver, &err), CYC_E_UNKNOWN_NAME);
    CYC_SAME(err.text, "there is no driver 'espec_p30'; write espec_p300?");
    CU_ASSERT_EQUAL(cyc_registry_find(registry, "/no/such/driver.lua", &driver, &err), CYC_E_FILE);
    CU_ASSERT_EQUAL(cyc_registry_find(registry, "/no/such/driver.so", &driver, &err), CYC_E_FILE);
    cyc_registry_close(registry);
}

const struct cyc_check cyc_check_driver_lua[] = {
    CYC_CHECK(mistakes_of_a_file_are_named),
    CYC_CHECK(what_measure_returns_is_checked),
    CYC_CHECK(failures_keep_their_status),
    CYC_CHECK(no_call_goes_on_for_ever),
    CYC_CHECK(memory_is_bounded),
    CYC_CHECK(the_room_is_closed),
    CYC_CHECK(a_failed_call_leaves_the_driver_as_it_was),
    CYC_CHECK(names_are_found_with_their_nearest),
    {0}};
