#include "check/check.h"
#include "protocol/lua_sandbox.h"

#include "base/text.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

struct room {
    struct cyc_lua lua;
    struct cyc_err err;
    int line;
    char said[700];
};

/* What a script returns through say(…), or "line: error". */
static int say(lua_State *L)
{
    struct room *const room = cyc_lua_of(L)->owner;
    size_t size = 0;
    lua_settop(L, 1);
    lua_getglobal(L, "tostring");
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    const char *const text = lua_tolstring(L, -1, &size);
    const size_t used = strlen(room->said);
    (void)snprintf(room->said + used, sizeof room->said - used, "%s%s", used > 0 ? " " : "",
                   text != NULL ? text : "?");
    return 0;
}

static int add_say(lua_State *L)
{
    lua_pushcfunction(L, say);
    lua_setglobal(L, "say");
    return 0;
}

static const char *run_sized(struct room *room, const char *script, size_t size)
{
    bool yielded = false;
    memset(room, 0, sizeof *room);
    CU_ASSERT_EQUAL_FATAL(cyc_lua_open(&room->lua, "script.lua", 1, &room->err), CYC_OK);
    room->lua.owner = room;
    CU_ASSERT_EQUAL(cyc_lua_protect(&room->lua, add_say, NULL, &room->err), CYC_OK);
    int status = cyc_lua_load(&room->lua, script, size, &room->line, &room->err);
    if (status == CYC_OK) {
        status = cyc_lua_resume(&room->lua, 0, &yielded, &room->line, &room->err);
    }
    CU_ASSERT_TRUE(room->lua.bytes <= CYC_LUA_BYTES_MAX);
    CU_ASSERT_TRUE(room->lua.work <= 2 * CYC_LUA_WORK_MAX); /* one call may count all at once */
    cyc_lua_close(&room->lua);
    CU_ASSERT_EQUAL(room->lua.bytes, 0);
    if (status != CYC_OK) {
        CU_ASSERT_EQUAL(room->err.status, status);
        (void)snprintf(room->said, sizeof room->said, "%d: %s", room->line, room->err.text);
    }
    return room->said;
}

static const char *run(struct room *room, const char *script)
{
    return run_sized(room, script, strlen(script));
}

static bool stopped_by_budget(const char *script)
{
    static struct room room;
    (void)run(&room, script);
    if (room.err.status != CYC_E_BUDGET) {
        printf("\nnot stopped by a budget: %s\n  gave: %s\n", script, room.said);
    }
    return room.err.status == CYC_E_BUDGET;
}

/* ---- What breaks determinism ---------------------------------------------------------------------- */

static void clocks_files_and_the_environment_do_not_exist(void)
{
    static const char *const names[] = {
        "os.time()", "os.date()", "os.clock()", "os.getenv('HOME')", "io.open('x')", "print(1)",
        "require('x')", "dofile('x')", "loadfile('x')", "load('return 1')", "loadstring('x')",
        "package.path = 1", "debug.traceback()", "coroutine.wrap(say)", "setmetatable({}, {})",
        "getmetatable('')", "rawset({}, 1, 1)", "collectgarbage()", "xpcall(say, say)", "say(_G)",
        "string.dump(say)", "string.find('a', 'a')", "('a'):gsub('a', 'b')",
        "string.match('a', 'a')", "string.gmatch('a', 'a')", "math.random()", "math.randomseed(1)",
        "math.exp(1)", "math.huge = 1 say(math.sin)"};
    static struct room room;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)run(&room, names[i]);
        if (room.err.status != CYC_E_SCRIPT || strstr(room.err.text, "does not exist") == NULL) {
            CYC_SAME(room.said, names[i]);
        }
    }
}

static void absent_names_say_what_to_write(void)
{
    static struct room room;
    CYC_SAME(run(&room, "local x = 1\nlocal t = os.time()"),
             "2: 'os' does not exist here: a protocol has no clock, no files and no environment");
    CYC_SAME(run(&room, "tostrin(3)"), "1: 'tostrin' has no value; did you mean tostring?");
    CYC_SAME(run(&room, "math.random()"),
             "1: math.random does not exist here; random() follows the seed of the run");
}

static void random_follows_the_seed(void)
{
    static struct room room;
    static char first[sizeof room.said];
    const char *const script = "for i = 1, 5 do say(random(1000)) end say(random()) say(random(3, "
                               "4))";
    (void)cyc_copy(first, sizeof first, run(&room, script));
    CYC_SAME(run(&room, script), first);
    CYC_SAME(run(&room, "for i = 1, 1000 do local x, n = random(), random(6)\n"
                        "if x < 0 or x >= 1 or n < 1 or n > 6 then say('out') end end say('in')"),
             "in");
}

static void pairs_and_next_visit_keys_in_order(void)
{
    static struct room room;
    const char *const order = "-1 1 2.5 3 B a b ba";
    CYC_SAME(run(&room, "local t = {b = 1, a = 1, ba = 1, B = 1, [3] = 1, [2.5] = 1, [1] = 1, "
                        "[-1] = 1} for k in pairs(t) do say(k) end"),
             order);
    CYC_SAME(run(&room, "local t = {[3] = 1, b = 1, [1] = 1, a = 1, ba = 1, B = 1, [-1] = 1, "
                        "[2.5] = 1} local k = next(t) while k do say(k) k = next(t, k) end"),
             order);
    CYC_SAME(run(&room, "local t = {} for i = 100, 1, -1 do t['k' .. i % 10 .. i] = i end "
                        "local last, n, fine = '', 0, true for k in pairs(t) do "
                        "n = n + 1 fine = fine and last < k last = k end say(fine) say(n)"),
             "true 100");
    CYC_SAME(run(&room, "for k in pairs({[{}] = 1}) do end"),
             "1: the keys of a table are numbers or texts here, not table");
    CYC_SAME(run(&room, "local t = {a = 1, b = 2, c = 3} for k in pairs(t) do t.b = nil say(k) "
                        "end"),
             "a c");
}

static void large_tables_can_be_visited(void)
{
    static struct room room;
    CYC_SAME(run(&room, "local t = {} for i = 1, 12000 do t[i] = i end local s = 0\n"
                        "for k, v in pairs(t) do s = s + v end say(s) say(next(t))\n"
                        "table.sort(t, function(a, b) return a > b end) say(t[1])"),
             "72006000 1 12000");
}

static void sort_is_stable_and_survives_any_comparator(void)
{
    static struct room room;
    CYC_SAME(run(&room, "local t = {} for i = 1, 200 do t[i] = {i % 3, i} end\n"
                        "table.sort(t, function(a, b) return a[1] < b[1] end)\n"
                        "local fine = true for i = 2, 200 do local a, b = t[i - 1], t[i]\n"
                        "if a[1] > b[1] or (a[1] == b[1] and a[2] > b[2]) then fine = false end "
                        "end\n"
                        "say(fine) say(#t)"),
             "true 200");
    CYC_SAME(run(&room, "local t = {5, 2, 9, 1} table.sort(t) say(table.concat(t, ','))"),
             "1,2,5,9");
    CYC_SAME(run(&room, "local t = {3, 1, 2} table.sort(t, function() return true end) say(#t)"),
             "3");
    CYC_SAME(run(&room, "table.sort({1, 'a', 2})"), "1: attempt to compare string with number");
}

static void nothing_shows_an_address(void)
{
    static struct room room;
    CYC_SAME(run(&room, "say(tostring({})) say(tostring(say)) say(string.format('%s', {}))"),
             "table function table");
    CYC_SAME(run(&room, "string.format('%p', {})"),
             "1: format knows %s, %d, %f and %g, with at most 15 decimals");
    CYC_SAME(run(&room, "error({})"), "1: the script raised an error that is no text");
}

static void numbers_are_read_and_written_without_the_locale(void)
{
    static struct room room;
    const char *const before = setlocale(LC_ALL, NULL);
    char kept[64];
    (void)cyc_copy(kept, sizeof kept, before != NULL ? before : "C");
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where there is one; else it stays as it is */
    CYC_SAME(run(&room, "say(1.5) say(2.5 .. '') say(string.format('%s', 0.25)) say('Z' < 'a')"),
             "1.5 2.5 0.25 true");
    CYC_SAME(run(&room, "say(string.format('%.2f|%5d|%-4s|%g', 1.5, 42, 'ab', 0.1)) say(1.5) "
                        "say(tonumber('2.25')) say(('Ii'):lower() .. ('iI'):upper())"),
             "1.50|   42|ab  |0.1 1.5 2.25 iiII");
    (void)setlocale(LC_ALL, kept);
}

/* ---- What is measured to escape a budget ------------------------------------------------------------ */

static void endless_loops_are_stopped_with_their_line(void)
{
    static struct room room;
    CYC_SAME(run(&room, "local x = 1\nwhile true do end"),
             "2: the script does too much before its next step: is there a loop without a step in "
             "it?");
    CU_ASSERT_EQUAL(room.err.status, CYC_E_BUDGET);
    CU_ASSERT(stopped_by_budget("repeat until false"));
    CU_ASSERT(stopped_by_budget("::again:: goto again"));
    CU_ASSERT(stopped_by_budget("for i = 1, math.tointeger(2^53) do end"));
    CU_ASSERT(stopped_by_budget("local function f() return f() end f()"));
}

static void a_pcall_cannot_catch_the_budget(void)
{
    CU_ASSERT(stopped_by_budget("while true do pcall(function() while true do end end) end"));
    CU_ASSERT(stopped_by_budget("local function loop() while true do end end\n"
                                "pcall(pcall, pcall, loop) while true do pcall(loop) end"));
    CU_ASSERT(stopped_by_budget("local ok = pcall(function() while true do end end)\n"
                                "while true do end"));
    CU_ASSERT(stopped_by_budget("local ok = pcall(function() while true do end end) say('on')"));
    CU_ASSERT(stopped_by_budget("local function f() pcall(f) while true do end end f()"));
    CU_ASSERT(stopped_by_budget("local t = {} pcall(function() while true do t[#t + 1] = {} end "
                                "end) "
                                "t = nil say('on')"));
}

static void what_escapes_lua_itself_does_not_exist(void)
{
    static const char *const scripts[] = {
        /* a loop in a coroutine, and a coroutine that takes the place of the host */
        "local co = coroutine.create(function() while true do end end) coroutine.resume(co)",
        "local co = coroutine.wrap(function() charge('1 A') end) say(co())",
        /* a finalizer, for which Lua lets go of its hooks; keys that vanish */
        "setmetatable({}, {__gc = function() while true do end end}) collectgarbage()",
        "local t = setmetatable({}, {__mode = 'k'})",
        "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) say(t.x)",
        /* patterns that go back and back */
        "say(('a'):rep(30):find(('a*'):rep(25) .. 'b'))",
        "say((('x'):rep(2000)):match('.-.-.-.-b'))",
        "say((('x'):rep(2000)):gsub('.-.-.-.-b', ''))",
        "for w in ('x'):rep(2000):gmatch('.-b') do end",
        /* the library of all texts */
        "getmetatable('').__index.rep = function() return 'mine' end",
        /* bytecode */
        "local f = load(string.dump(function() end)) f()",
        "load('while true do end', 'x', 'b')()",
        "debug.sethook() while true do end",
        "debug.getregistry()['cyc.thread'] = nil",
        "local ok = xpcall(function() while true do end end, function() while true do end end)",
    };
    static struct room room;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        (void)run(&room, scripts[i]);
        if (room.err.status != CYC_E_SCRIPT || strstr(room.err.text, "does not exist") == NULL) {
            CYC_SAME(room.said, scripts[i]);
        }
    }
}

static void a_script_that_was_stopped_says_nothing_more(void)
{
    static struct room room;
    (void)run(&room, "local ok, why = pcall(function() while true do end end) say('caught')");
    CU_ASSERT_PTR_NULL(strstr(room.said, "caught"));
    (void)run(&room, "for i = 1, 9 do pcall(function() local s = 'x' while true do s = s .. s end "
                     "end) say('caught') end");
    CU_ASSERT_PTR_NULL(strstr(room.said, "caught"));
    (void)run(&room, "table.sort({1, 2, 3}, function(a, b) pcall(function() while true do end end) "
                     "say('caught') return a < b end)");
    CU_ASSERT_PTR_NULL(strstr(room.said, "caught"));
    (void)run(&room, "string.format('%s', {}) pcall(string.rep, 'x', 1 << 40) say('caught')");
    CU_ASSERT_PTR_NULL(strstr(room.said, "caught"));
    CU_ASSERT_EQUAL(room.err.status, CYC_E_BUDGET);
}

static void memory_is_bounded(void)
{
    CU_ASSERT(stopped_by_budget("local t = {} while true do t[#t + 1] = {} end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 1e9 do t[i] = i end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 1e9 do t['k' .. i] = i end"));
    CU_ASSERT(stopped_by_budget("local s = 'x' while true do s = s .. s end"));
    CU_ASSERT(stopped_by_budget("local s = string.rep('x', 1 << 30)"));
    CU_ASSERT(stopped_by_budget("local s = ('x'):rep(math.tointeger(2^62))"));
    CU_ASSERT(stopped_by_budget("local s = ('x'):rep(4000, ('y'):rep(4000))"));
    CU_ASSERT(stopped_by_budget("local function f(...) return f(1, ...) end f()"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 5000 do t[i] = 'abc' end "
                                "table.concat(t, ('-'):rep(4000))"));
    CU_ASSERT(stopped_by_budget("local f = function() end while true do local g = f "
                                "f = function() g() end end"));
}

static void work_hidden_in_one_instruction_is_counted(void)
{
    CU_ASSERT(stopped_by_budget("local s = ('x'):rep(2000) while true do local t = s .. s end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 10000 do t[i] = i end\n"
                                "while true do for k in pairs(t) do break end end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 10000 do t[i] = i end\n"
                                "while true do next(t) end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 10000 do t[i] = -i end\n"
                                "while true do table.sort(t) end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 10000 do table.insert(t, 1, i) end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 10000 do t[i] = i end "
                                "while #t > 0 do table.remove(t, 1) end"));
    CU_ASSERT(stopped_by_budget("table.sort({3, 2, 1}, function() while true do end end)"));
    CU_ASSERT(stopped_by_budget("local s = ('x'):rep(4000) while true do local u = s:upper() end"));
    CU_ASSERT(stopped_by_budget("local s = ('x'):rep(4000) while true do s:reverse():byte() end"));
    CU_ASSERT(stopped_by_budget("local t = {} for i = 1, 16000 do t[i] = i end local k = 0.5\n"
                                "while true do t[k] = 1 t[k] = nil k = k + 1 end"));
    CU_ASSERT(stopped_by_budget("local s = ('x'):rep(4000) local a, b = s .. 'a', s .. 'b'\n"
                                "while true do local c = a < b or a == b end"));
    CU_ASSERT(stopped_by_budget("local function f(...) while true do select('#', ...) end end\n"
                                "f(table.unpack({}, 1, 999))"));
    CU_ASSERT(stopped_by_budget("local function f(n, ...) if n == 0 then return ... end\n"
                                "return f(n - 1, n, ...) end f(100000)"));
    CU_ASSERT(stopped_by_budget("while true do string.format('%99s%99s', 'a', 'b') end"));
    CU_ASSERT(stopped_by_budget("while true do local t = {table.unpack({1, 2, 3})} end"));
}

static void c_functions_refuse_what_would_run_long(void)
{
    static struct room room;
    CYC_SAME(run(&room, "table.unpack({}, 1, 1e8)"), "1: unpack gives at most 1000 values");
    CYC_SAME(run(&room, "string.format('%99999d', 1)"),
             "1: format knows %s, %d, %f and %g, with at most 15 decimals");
    CYC_SAME(run(&room, "table.unpack({}, math.tointeger(-2^63), math.tointeger(2^62))"),
             "1: unpack gives at most 1000 values");
    CYC_SAME(run(&room, "table.concat({}, '', 1, 3)"),
             "1: concat joins texts and numbers, not nil");
}

static void deep_recursion_ends_in_an_error(void)
{
    static struct room room;
    (void)run(&room, "local function f() return 1 + f() end f()");
    CU_ASSERT(room.err.status == CYC_E_SCRIPT || room.err.status == CYC_E_BUDGET);
    static char deep[60000];
    memset(deep, '(', sizeof deep - 1);
    (void)run(&room, deep);
    CU_ASSERT_EQUAL(room.err.status, CYC_E_SYNTAX);
    memset(deep, '{', sizeof deep - 1);
    (void)run(&room, deep);
    CU_ASSERT_EQUAL(room.err.status, CYC_E_SYNTAX);
    CU_ASSERT(stopped_by_budget("local function f() pcall(f) end while true do f() end"));
    (void)run(&room, "local function f() table.sort({1, 2}, f) end f()");
    CU_ASSERT(room.err.status == CYC_E_SCRIPT || room.err.status == CYC_E_BUDGET);
}

static void bytecode_is_never_loaded(void)
{
    static struct room room;
    (void)run(&room, "\x1bLuaS\x00\x19\x93\r\n\x1a\n");
    CU_ASSERT_EQUAL(room.err.status, CYC_E_SYNTAX);
    (void)run_sized(&room, "say(1)\0say(2)", 13);
    CU_ASSERT_EQUAL(room.err.status, CYC_E_SYNTAX);
}

static void libraries_of_one_script_are_its_own(void)
{
    static struct room room;
    CYC_SAME(run(&room, "string.rep = function() return 'mine' end say(('x'):rep(3))"), "xxx");
    CYC_SAME(run(&room, "say(string.rep('x', 3))"), "xxx");
    CYC_SAME(run(&room, "pcall = nil tostring = 3 say(1)"), "1: attempt to call a number value");
}

static void texts_do_not_calculate(void)
{
    static struct room room;
    CYC_SAME(run(&room, "local x = '10 mV' + 1"),
             "1: the text \"10 mV\" has no value to calculate with; write q(\"10 mV\")");
    CYC_SAME(run(&room, "max('1 V', '2 V')"),
             "1: the text \"1 V\" has no value to calculate with; write q(\"1 V\")");
}

static void errors_carry_their_line_and_can_be_caught(void)
{
    static struct room room;
    CYC_SAME(run(&room, "\n\nlocal t = nil\nt.x = 1"),
             "4: attempt to index a nil value (local 't')");
    CYC_SAME(run(&room, "\nerror('no good')"), "2: no good");
    CYC_SAME(run(&room, "for i = 1, 3 charge() end"), "1: 'do' expected near 'charge'");
    CYC_SAME(run(&room, "local ok, why = pcall(error, 'x') say(ok) say(why)"), "false x");
    CYC_SAME(run(&room, "say(select('#', 1, nil, 3)) say(select(-1, 7, 8)) say(type(1)) "
                        "say(pcall(assert, false))"),
             "3 8 number false");
    CYC_SAME(run(&room, "assert(1 > 2, 'why')"), "1: why");
}

static void lists_and_texts_work(void)
{
    static struct room room;
    CYC_SAME(run(&room, "local t = {1, 2, 3} table.insert(t, 4) table.insert(t, 1, 0) "
                        "say(table.concat(t, ' ')) say(table.remove(t)) say(table.remove(t, 1)) "
                        "say(#t) say(table.pack(1, nil).n) say((table.unpack({7, 8})))"),
             "0 1 2 3 4 4 0 3 2 7");
    CYC_SAME(run(&room, "say(('hello'):sub(2, -2)) say(('hello'):sub(-3)) say(('abc'):byte(2)) "
                        "say(string.char(72, 105)) say(('abc'):reverse()) say(#('x'):rep(3, '--')) "
                        "say('[' .. ('abc'):sub(4) .. ('abc'):sub(0, 1) .. ']')"),
             "ell llo 98 Hi cba 7 [a]");
    CYC_SAME(run(&room, "say(floor(-1.5)) say(math.ceil(1.2)) say(abs(-3)) say(max(1, 5, 2)) "
                        "say(min(2, 1)) say(mod(-7, 4)) say(math.sqrt(2)) say(math.fmod(-7, 4)) "
                        "say(math.type(1)) say(math.tointeger(3.0))"),
             "-2 2 3 5 1 1 1.4142135623731 -3.0 integer 3");
}

const struct cyc_check cyc_check_lua_sandbox[] = {
    CYC_CHECK(clocks_files_and_the_environment_do_not_exist),
    CYC_CHECK(absent_names_say_what_to_write),
    CYC_CHECK(random_follows_the_seed),
    CYC_CHECK(pairs_and_next_visit_keys_in_order),
    CYC_CHECK(large_tables_can_be_visited),
    CYC_CHECK(sort_is_stable_and_survives_any_comparator),
    CYC_CHECK(nothing_shows_an_address),
    CYC_CHECK(numbers_are_read_and_written_without_the_locale),
    CYC_CHECK(endless_loops_are_stopped_with_their_line),
    CYC_CHECK(a_pcall_cannot_catch_the_budget),
    CYC_CHECK(what_escapes_lua_itself_does_not_exist),
    CYC_CHECK(a_script_that_was_stopped_says_nothing_more),
    CYC_CHECK(memory_is_bounded),
    CYC_CHECK(work_hidden_in_one_instruction_is_counted),
    CYC_CHECK(c_functions_refuse_what_would_run_long),
    CYC_CHECK(deep_recursion_ends_in_an_error),
    CYC_CHECK(bytecode_is_never_loaded),
    CYC_CHECK(libraries_of_one_script_are_its_own),
    CYC_CHECK(texts_do_not_calculate),
    CYC_CHECK(errors_carry_their_line_and_can_be_caught),
    CYC_CHECK(lists_and_texts_work),
    {0}};
