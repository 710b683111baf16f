/* What a script can do to hurt, it does here as a live child, once while it is checked and once
 * when it runs; what only a defect of the interpreter could do is done by the double. */
#include "child.h"

#include <stdio.h>
#include <string.h>

/* ---- Hostile scripts ---------------------------------------------------------------------------
 */

/* At run time only: when a program is checked, a charge ends at its cutoff of 4.2 V. */
#define LUA_LIVE                                                                                   \
    CHILD_LUA "local r = charge('1 C', {cutoff = '4.2 V'})\n"                                      \
              "if r.voltage > '4 V' then rest('1 h') return end\n"

static const char *const hostile[] = {
    "while true do end",
    "repeat until false",
    "::again:: goto again",
    "for i = 1, math.tointeger(2^53) do end",
    "local function f() return f() end f()",
    "while true do pcall(function() while true do end end) end",
    ("local function loop() while true do end end "
     "pcall(pcall, pcall, loop) while true do pcall(loop) end"),
    "local function f() pcall(f) while true do end end f()",
    "local ok = pcall(function() while true do end end) rest('1 h')",
    "local co = coroutine.create(function() while true do end end) coroutine.resume(co)",
    "local co = coroutine.wrap(function() charge('1 A') end) note(co())",
    "setmetatable({}, {__gc = function() while true do end end}) collectgarbage()",
    "local t = setmetatable({}, {__mode = 'k'})",
    "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) note(t.x)",
    "note(('a'):rep(30):find(('a*'):rep(25) .. 'b'))",
    "note((('x'):rep(2000)):match('.-.-.-.-b'))",
    "note((('x'):rep(2000)):gsub('.-.-.-.-b', ''))",
    "for w in ('x'):rep(2000):gmatch('.-b') do end",
    "local s = string.rep('x', 1 << 30)",
    "local s = ('x'):rep(math.tointeger(2^62))",
    "local s = ('x'):rep(4000, ('y'):rep(4000))",
    "local s = 'x' while true do s = s .. s end",
    "note(string.format('%99999d', 1))",
    "note(string.format('%p', {}))",
    "getmetatable('').__index.rep = function() return 'mine' end",
    "local f = child_load(string.dump(function() end)) f()",
    "child_load('while true do end', 'x', 'b')()",
    "debug.sethook() while true do end",
    "debug.getregistry()['cyc.thread'] = nil",
    "xpcall(function() while true do end end, function() while true do end end)",
    "local t = {} while true do t[#t + 1] = {} end",
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
    "local t = {} while true do t = {t} end",
    "local function f(...) return f(1, ...) end f()",
    "local function f() return 1 + f() end f()",
    "local function f(n) return pcall(f, n + 1) end while true do f(1) end",
    "local t = {} for i = 1, 5000 do t[i] = 'abc' end table.concat(t, ('-'):rep(4000))",
    "local f = function() end while true do local g = f f = function() g() end end",
    "local s = ('x'):rep(2000) while true do local t = s .. s end",
    "local t = {} for i = 1, 10000 do t[i] = i end while true do next(t) end",
    "local t = {} for i = 1, 10000 do t[i] = -i end while true do table.sort(t) end",
    "local t = {} for i = 1, 10000 do table.insert(t, 1, i) end",
    "table.sort({3, 2, 1}, function() while true do end end)",
    "table.sort({3, 2, 1}, function() error(('x'):rep(4096)) end)",
    "local s = ('x'):rep(4000) while true do local u = s:upper() end",
    "while true do note('x') end",
    "for i = 1, 1e9 do note(('x'):rep(4000)) end",
    "table.unpack({}, 1, 1e8)",
    "select(-1, table.unpack({}, 1, 1e6))",
    "local t = {} t[1e308] = 1 for i = 1, 1e9 do t[-i] = i end",
    "error({})",
    "error(nil)",
    "error(setmetatable)",
    "error(('x'):rep(4096))",
    "os.execute('kill -9 $PPID')",
    "io.open('/etc/passwd'):read('a')",
    "require('os').exit(0)",
    "include('../../../../etc/passwd')",
    "include('/dev/zero')",
    "rest(q('1e308 h') * 1e10)",
    "charge('nan A', {cutoff = '4 V'})",
    "charge(q(0/0, 'A'), {cutoff = '4 V'})",
    "rest({})",
    "rest(function() while true do end end)",
    "for i in cycles(1e9) do while true do end end",
    "for i in cycles{count = 10, leave_when = function() while true do end end} do rest('1 h') end",
    "let(('x'):rep(4000), '1 A')",
    "for i = 1, 1e9 do let('v' .. i, '1 A') end",
};

/* What the reaped children have used until now. */
static void run_hostile(struct lab *lab, const char *head, const char *script)
{
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    struct cyc_text text = {0};
    struct cyc_result result;
    const struct cyc_result *known = NULL;
    cyc_text_append(&text, head);
    cyc_text_append(&text, script);
    child_write(path, lab, "hostile.lua", cyc_text_get(&text));
    const struct rusage before = child_usage();
    struct cyc_source_process *const process = child_start(path, "");
    int status = CYC_OK;
    bool stopped = false;
    for (uint32_t i = 1; !stopped && i < 20000; i++) {
        status = child_ask(process, known, &answer, &err);
        known = NULL;
        stopped = status != CYC_OK || answer.status != CYC_OK;
        if (!stopped && answer.kind == CYC_ITEM_STEP) {
            child_invent(&answer.step, i, &result); /* ends at 3.6 V to 3.73 V */
            known = &result;
        }
        if (!stopped && answer.kind == CYC_ITEM_END) {
            break;
        }
    }
    const char *const words = status != CYC_OK ? err.text : answer.text;
    if (!stopped || words[0] == '\0') {
        CYC_SAME(script, "to be stopped with words");
    }
    CU_ASSERT_NOT_EQUAL(status, CYC_E_TIMEOUT);
    cyc_source_process_end(process);
    const struct rusage after = child_usage();
    CU_ASSERT(child_cpu_s(&after) - child_cpu_s(&before) <= 2.0 * 1.0);
    cyc_text_release(&text);
}

static void hostile_scripts_are_stopped_when_they_load(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        run_hostile(&lab, CHILD_LUA, hostile[i]);
    }
    lab_release(&lab);
}

static void hostile_scripts_are_stopped_when_they_run(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        run_hostile(&lab, LUA_LIVE, hostile[i]);
    }
    lab_release(&lab);
#if !CYC_SANITIZED
    const struct rusage usage = child_usage();
    CU_ASSERT(usage.ru_maxrss <= 64 * 1024);
#endif
}

static void computing_is_bounded_by_the_kernel(void)
{
    static const char *const modes[] = {"loops", "loops_sealed"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const struct rusage before = child_usage();
        child_expect_loss(modes[i], "is there a loop without a step in it?");
        const struct rusage after = child_usage();
        CU_ASSERT(child_cpu_s(&after) - child_cpu_s(&before) <= 2.0);
    }
#if !CYC_SANITIZED
    child_expect_loss("loops_deaf",
                      "tried what no protocol may"); /* it cannot ask not to be told */
#endif
}

#if !CYC_SANITIZED
static void memory_is_bounded_by_the_kernel(void)
{
    static const char *const modes[] = {"eats_memory", "eats_memory_sealed"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        static struct cyc_source_answer answer;
        struct cyc_err err = {0};
        struct cyc_source_process *const process = child_double(modes[i]);
        CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
        CYC_SAME(answer.text, "no more");
        cyc_source_process_end(process);
    }
    CU_ASSERT(child_usage().ru_maxrss <= 80 * 1024);
    child_expect_loss("eats_stack", "crashed");
}

static void the_world_outside_is_closed(void)
{
    static const char *const modes[] = {"opens_a_file", "opens_a_connection", "runs_a_program",
                                        "forks",        "kills_its_parent",   "removes_a_file"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        child_expect_loss(modes[i], "tried what no protocol may");
    }
}
#endif

const struct cyc_check cyc_check_source_hostile[] = {
    CYC_CHECK(hostile_scripts_are_stopped_when_they_load),
    CYC_CHECK(hostile_scripts_are_stopped_when_they_run),
    CYC_CHECK(computing_is_bounded_by_the_kernel),
#if !CYC_SANITIZED
    CYC_CHECK(memory_is_bounded_by_the_kernel),
    CYC_CHECK(the_world_outside_is_closed),
#endif
    {0}};
