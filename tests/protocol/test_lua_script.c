#include "check/check.h"
#include "mock.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line, so that the script proper begins at line 2. */
#define HEAD                                                                                       \
    "local p = protocol { cell = { one_c = '1 A', nominal_capacity = '1 Ah' }, limits = { "        \
    "voltage = { '2 V', '5 V' }, current = '3 C' }, parameters = { rate = '0.5 C', n = 3, "        \
    "rates = { '1 C', '2 C' } } }\n"

static char kept[16384];

static void load_script(struct mock *mock, const char *text, const struct cyc_setting *settings,
                        unsigned setting_count)
{
    char path[160];
    struct cyc_err err = {0};
    mock_file(mock, "protocol.lua", text);
    (void)snprintf(path, sizeof path, "%s/protocol.lua", mock->folder);
    const struct cyc_protocol_options options = {
        .path = path, .settings = settings, .setting_count = setting_count};
    const int status = cyc_protocol_load(&options, &mock->diags, &mock->protocol, &err);
    cyc_diags_sort(&mock->diags);
    for (unsigned i = 0; i < mock->diags.count; i++) {
        const struct cyc_diag *const diag = &mock->diags.items[i];
        if (diag->severity != CYC_SEVERITY_NOTE) {
            cyc_text_format(&mock->said, "%s%u:%u %s%s", mock->said.length > 0 ? " | " : "",
                            diag->pos.line, diag->pos.column,
                            diag->severity == CYC_SEVERITY_WARNING ? "warning: " : "",
                            diag->message);
        }
    }
    if (status != CYC_OK && mock->diags.error_count == 0) {
        cyc_text_format(&mock->said, "(%s)", err.text);
    }
}

/* What a script does when every step ends at its first cutoff after 1 h: see mock_run(). */
static const char *run_with(const char *text, const struct cyc_setting *settings, unsigned count,
                            mock_end_fn end, void *context)
{
    struct mock *const mock = malloc(sizeof *mock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mock);
    mock_init(mock);
    mock_file(mock, "included.yaml",
              "cyclostat: 1\nlimits: {voltage: [2 V, 5 V], current: 3 C}\n"
              "parameters: {times: 1, amps: 0.1 C}\n"
              "method:\n  - cycles: = times\n    id: inner\n    steps:\n"
              "      - {charge: = amps, cutoff: 4.2 V, id: up}\n"
              "      - {discharge: 0.1 C, cutoff: 3 V}\n");
    load_script(mock, text, settings, count);
    mock_run(mock, 200, end, context);
    (void)cyc_copy(kept, sizeof kept, cyc_text_get(&mock->trace));
    mock_release(mock);
    free(mock);
    return kept;
}

static const char *run(const char *text)
{
    return run_with(text, NULL, 0, NULL, NULL);
}

/* What checking says; "" when all is well. */
static const char *said(const char *text)
{
    struct mock *const mock = malloc(sizeof *mock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mock);
    mock_init(mock);
    load_script(mock, text, NULL, 0);
    (void)cyc_copy(kept, sizeof kept, cyc_text_get(&mock->said));
    mock_release(mock);
    free(mock);
    return kept;
}

/* ---- Steps
 * ------------------------------------------------------------------------------------------- */

static void a_program_hands_out_its_steps(void)
{
    CYC_SAME(run(HEAD "charge('0.5 C', { cutoff = '4.2 V' })\nrest('1 h')\n"
                      "discharge('0.25 C', { cutoff = { '3 V', '2 h' } })\n"
                      "hold('4 V', { current = '0.1 C', cutoff = '1 h' })\n"
                      "step('Charge at 1C until 4.1 V')\n"),
             "1 CC_CHG 0.5; 2 REST; 3 CC_DCH -0.25; 4 CV_DCH 4; 5 CC_CHG 1; END done");
    CYC_SAME(run(HEAD "rest { cutoff = 'abs(dV/dt) < 1 mV/h', timeout = '2 h' }\n"
                      "ask('ready?')\ntemperature('30 degC', { wait = false })\n"),
             "1 REST; 2 ASK; 3 TEMPERATURE; END done");
}

static void results_are_quantities(void)
{
    CYC_SAME(run(HEAD "local r = charge('0.5 C', { cutoff = '4.2 V' })\n"
                      "note(r.capacity:to('mAh') .. ' ' .. r.reason .. ' ' .. r.capacity)\n"
                      "note(tostring(r.capacity > q('0.4 Ah')) .. ' ' .. r.capacity / q('1 Ah'))\n"
                      "note(tostring(r.resistance) .. ' ' .. (r.energy / r.capacity):to('V'))\n"
                      "note(string.format('%.2f', (2 * r.capacity + q('1 Ah')):to('mAh')))\n"
                      "note(max(r.capacity, q('1 Ah')))\n"),
             "1 CC_CHG 0.5; {500.0 voltage 500 mAh} {true 0.5} {nil 4.0} {2000.00} {1 Ah} "
             "END done");
}

static void parameters_come_from_the_call_and_can_be_set(void)
{
    const char *const text = HEAD "for _ in cycles(p.n) do charge(p.rate, { cutoff = '4.2 V' }) "
                                  "discharge(p.rates[1], { cutoff = '3 V' }) end\n"
                                  "charge('1 C', { cutoff = '= p_is_not_a_name' and 'capacity > "
                                  "0.3 Ah' })";
    const struct cyc_setting settings[] = {{"n", "1"}, {"rate", "0.2 C"}, {"rates", "[2 C]"}};
    CYC_SAME(run_with(text, settings, 3, NULL, NULL),
             "1 CC_CHG 0.2; 2 CC_DCH -2; (cycle 1 pass 1) 3 CC_CHG 1; END done");
    CYC_SAME(said(HEAD "local x = p.nothing"), "2:1 the protocol has no parameter 'nothing'");
    CYC_SAME(said(HEAD "note(#p.rates .. ' ' .. p.rates[2]) charge(p.rates[2], { hold = '4 V', "
                       "cutoff "
                       "= '= 1 % * rate * 1 h' })"),
             "");
}

static void steps_have_the_number_of_their_place_in_the_text(void)
{
    CYC_SAME(run(HEAD "local function up(rate)\n  return charge(rate, { cutoff = '4.2 V' })\nend\n"
                      "for i = 1, 2 do up('0.5 C') discharge('1 C', { cutoff = '3 V' }) end\n"
                      "up('0.1 C')"),
             "1 CC_CHG 0.5; 2 CC_DCH -1; 1 CC_CHG 0.5; 2 CC_DCH -1; 1 CC_CHG 0.1; END done");
}

/* ---- Cycles
 * ------------------------------------------------------------------------------------------ */

#define CYCLE       "charge('1 C', { cutoff = '4.2 V' }) discharge('1 C', { cutoff = '3 V' }) "
#define CYCLE_TRACE "1 CC_CHG 1; 2 CC_DCH -1; "

static void cycles_count_their_passes(void)
{
    CYC_SAME(run(HEAD "for k in cycles(2, { id = 'a' }) do note(k) " CYCLE "end"),
             "{1} " CYCLE_TRACE "(cycle 1 pass 1) {2} " CYCLE_TRACE "(cycle 2 pass 2) END done");
    CYC_SAME(run(HEAD "for _ in cycles(0) do " CYCLE "end note('none')"), "{none} END done");
    CYC_SAME(run(HEAD "for i = 1, 2 do for _ in cycles(1, { id = 'a' }) do " CYCLE "end end"),
             CYCLE_TRACE "(cycle 1 pass 1) " CYCLE_TRACE "(cycle 2 pass 1) END done");
}

static void leaving_a_loop_ends_its_pass(void)
{
    CYC_SAME(run(HEAD "for k in cycles(9) do " CYCLE "if k == 2 then break end end\nrest('1 h')"),
             CYCLE_TRACE "(cycle 1 pass 1) " CYCLE_TRACE "(cycle 2 pass 2) 3 REST; END done");
    CYC_SAME(run(HEAD "local function f() for _ in cycles(9) do charge('1 C', { cutoff = '4.2 V' "
                      "}) "
                      "return 1 end end f() note('out')"),
             "1 CC_CHG 1; (cycle 1 pass 1 broken) {out} END done");
    CYC_SAME(run(HEAD "for _ in cycles(9) do " CYCLE "fail('bad') end"),
             CYCLE_TRACE "(cycle 1 pass 1 broken) END failed: bad");
    CYC_SAME(run(HEAD "pcall(function() for _ in cycles(9) do " CYCLE "error('x') end end) "
                      "note('on')"),
             CYCLE_TRACE "(cycle 1 pass 1 broken) {on} END done");
}

static void leave_when_is_a_condition_or_a_function(void)
{
    CYC_SAME(run(HEAD "for _ in cycles(9, { leave_when = 'cycle.number >= 2' }) do " CYCLE "end"),
             CYCLE_TRACE "(cycle 1 pass 1) " CYCLE_TRACE "(cycle 2 pass 2) END done");
    CYC_SAME(
        run(HEAD
            "local seen = 0\nfor _ in cycles(9, { leave_when = function(cycle, first, "
            "previous, best)\n  if previous and best.number == 1 then seen = seen + 1 "
            "end\n  return cycle.number >= 3 and first.retention == q('100 %') end }) do " CYCLE
            "end note(seen)"),
        CYCLE_TRACE "(cycle 1 pass 1) " CYCLE_TRACE "(cycle 2 pass 2) " CYCLE_TRACE
                    "(cycle 3 pass 3) {2} END done");
    CYC_SAME(said(HEAD "for _ in cycles(3, { leave_when = function() rest('1 h') end }) do " CYCLE
                       "end"),
             "2:1 leave_when only judges: no steps inside it");
    CYC_SAME(said(HEAD "for _ in cycles(3, { leave_when = 'cycle.nothing > 1' }) do " CYCLE "end"),
             "2:42 cycle has no field 'nothing'");
}

static void cycles_stand_alone(void)
{
    CYC_SAME(said(HEAD "for _ in cycles(2) do\nfor _ in cycles(2) do " CYCLE "end end"),
             "3:1 cycles inside cycles: use a plain for loop for one of them");
    CYC_SAME(said(HEAD "for _ in cycles('3 h') do " CYCLE "end"),
             "2:17 `cycles` is a bare number, not a time");
    CYC_SAME(said(HEAD "for _ in cycles(2, { steps = {} }) do " CYCLE "end"),
             "2:22 the steps are the body of the loop");
}

static void a_block_cutoff_may_pause_stop_or_fail(void)
{
    CYC_SAME(said(HEAD "for _ in cycles(2, { cutoff = 'temperature > 45 degC' }) do " CYCLE "end"),
             "2:31 a cutoff cannot leave a loop of the program in the middle");
    CYC_SAME(said(HEAD "for _ in cycles(2, { cutoff = { when = 'temperature > 45 degC', action = "
                       "'pause', resume = 'temperature < 30 degC', timeout = '6 h' } }) do " CYCLE
                       "end"),
             "");
    CYC_SAME(said(HEAD "charge('1 C', { cutoff = { '4.2 V', { when = '1 h', action = 'goto x' } } "
                       "})"),
             "2:62 goto has no meaning in a Lua protocol");
    CYC_SAME(said(HEAD "charge('1 C', { cutoff = { '4.2 V', { when = '1 h', action = 'leave' } } "
                       "})"),
             "2:46 a cutoff of a program cannot leave a block");
}

static void cutoffs_around_a_step_spare_it_its_own(void)
{
    const char *const head =
        "protocol { cell = { one_c = '1 A', nominal_capacity = '1 Ah' }, limits = { voltage = { '2 "
        "V', '5 V' }, current = '3 C' }, cutoff = 'voltage <= 2.5 V', finally = { { rest = '1 h' } "
        "} "
        "}\n";
    char text[800];
    (void)snprintf(text, sizeof text, "%s%s", head, "discharge('1 C', { cutoff = '30 min' })");
    CYC_SAME(said(text), "");
    CYC_SAME(run(text), "2 CC_DCH -1; 1 REST; END done");
    CYC_SAME(run(HEAD
                 "for _ in cycles(1, { cutoff = { when = 'voltage <= 2.5 V', action = 'fail' } }) "
                 "do discharge('1 C', { cutoff = '30 min' }) end"),
             "1 CC_DCH -1; (cycle 1 pass 1) END done");
    CYC_SAME(said(HEAD
                  "for _ in cycles(1, { cutoff = { when = 'voltage <= 2.5 V', action = 'fail' } "
                  "}) do rest('1 h') end discharge('1 C', { cutoff = '30 min' })"),
             "2:110 a discharge needs an end by voltage, charge or energy, or `hold`");
}

/* ---- Ends
 * --------------------------------------------------------------------------------------------- */

static void stop_and_fail_do_not_return(void)
{
    CYC_SAME(run(HEAD "rest('1 h') stop('enough') note('never')"), "1 REST; END stopped: enough");
    CYC_SAME(run(HEAD "rest('1 h') pcall(fail, 'bad') note('never')"), "1 REST; END failed: bad");
    CYC_SAME(run(HEAD "stop()"), "END stopped");
}

static void finally_follows_every_end_but_a_fault(void)
{
    const char *const head =
        "protocol { cell = { one_c = '1 A' }, limits = { voltage = { '2 V', '5 V' }, current = "
        "'3 C' }, finally = { { temperature = '25 degC', wait = false }, { rest = '1 h' } } }\n";
    char text[800];
    (void)snprintf(text, sizeof text, "%s%s", head, "rest('2 h')");
    CYC_SAME(run(text), "3 REST; 1 TEMPERATURE; 2 REST; END done");
    (void)snprintf(text, sizeof text, "%s%s", head, "stop('x')");
    CYC_SAME(run(text), "1 TEMPERATURE; 2 REST; END stopped: x");
    (void)snprintf(text, sizeof text, "%s%s", head, "fail('x')");
    CYC_SAME(run(text), "1 TEMPERATURE; END failed: x");
}

static void cutoff_of_the_whole(void *context, const struct cyc_step *step,
                                struct cyc_result *result)
{
    (void)context;
    for (int i = 0; i < step->cutoff_count; i++) {
        if (step->cutoffs[i].action == CYC_FOLLOW_STOP ||
            step->cutoffs[i].action == CYC_FOLLOW_FAIL) {
            result->cutoff = (int16_t)i;
            result->action = step->cutoffs[i].action;
            result->reason = step->cutoffs[i].reason;
        }
    }
}

static void cutoffs_may_end_the_run(void)
{
    CYC_SAME(run_with(HEAD "rest('1 h') charge('1 C', { cutoff = { '4.2 V', { when = '2 h', "
                           "action = "
                           "'fail' } } }) note('never')",
                      NULL, 0, cutoff_of_the_whole, NULL),
             "1 REST; 2 CC_CHG 1; END failed: step 2: cutoff of time, action fail");
}

/* ---- Lists
 * -------------------------------------------------------------------------------------------- */

static void an_include_runs_with_the_history_of_the_script(void)
{
    CYC_SAME(run(HEAD "for _ in cycles(1) do " CYCLE "end\n"
                      "include('included.yaml', { id = 'sub', with = { times = 2, amps = p.rate } "
                      "})\n"
                      "charge('1 C', { cutoff = '= 0.5 * step.sub.up.capacity' })\n"
                      "note(q('= cycles.sub.inner.last.number') .. '')\n"),
             "1 CC_CHG 1; 2 CC_DCH -1; (cycle 1 pass 1) 3 CC_CHG 0.5; 4 CC_DCH -0.1; (cycle 2 pass "
             "1) 3 CC_CHG 0.5; 4 CC_DCH -0.1; (cycle 3 pass 2) 5 CC_CHG 1; {3.0} END done");
    CYC_SAME(run(HEAD "for i = 1, 2 do include('included.yaml', { id = 'sub' }) end"),
             "1 CC_CHG 0.1; 2 CC_DCH -0.1; (cycle 1 pass 1) 1 CC_CHG 0.1; 2 CC_DCH -0.1; (cycle 2 "
             "pass 1) END done");
    CU_ASSERT(strstr(said(HEAD "include('nothing.yaml')"), "No such file or directory") != NULL);
    CYC_SAME(said(HEAD "include('../x.yaml')"),
             "2:9 `../x.yaml` does not stand in the folder of the protocol");
}

static void let_sets_soc_capacity_one_c_and_names(void)
{
    CYC_SAME(run(HEAD "local r = discharge('1 C', { cutoff = '3 V' })\n"
                      "let { soc = '0 %', full_capacity = r.capacity, point = '90 %' }\n"
                      "charge('0.5 C', { cutoff = 'soc >= point' })\n"
                      "let { one_c = '2 A' }\ncharge('0.5 C', { cutoff = '4 V' })\n"
                      "note(q('1 C'):to('A') .. ' ' .. q('= point'))"),
             "1 CC_DCH -1; 2 CC_CHG 0.5; 3 CC_CHG 1; {2.0 90 %} END done");
    CYC_SAME(said(HEAD "charge('0.5 C', { cutoff = 'soc >= 90 %' })"),
             "2:29 the protocol has not said where soc stands");
    CU_ASSERT(strstr(said(HEAD "let { voltage = '3 V' }"), "2:7 `voltage` is a word of "
                                                           "the") != NULL);
}

/* ---- Mistakes
 * ------------------------------------------------------------------------------------------ */

static void mistakes_are_shown_where_they_are_written(void)
{
    CYC_SAME(said(HEAD "charge('0.5 C', {\n  cutof = '4.2 V',\n})"),
             "3:3 unknown key `cutof` in a charge step");
    CYC_SAME(said(HEAD "charge('0.5 C', {\n  cutoff = '4.2 Volt',\n})"),
             "3:12 unknown unit 'Volt'");
    CYC_SAME(said(HEAD "charge(0.5, { cutoff = '4.2 V' })"),
             "2:1 `charge` needs a unit: a current or power is due");
    CYC_SAME(said(HEAD "charge('0.5 C')\ndischarge('1 V', { cutoff = '3 V' })"),
             "2:8 a charge needs an end by voltage, charge or energy, or `hold` | 3:11 `discharge` "
             "is a current or power or resistance, not a voltage");
    CYC_SAME(said(HEAD "chrage('0.5 C')"), "2:1 'chrage' has no value; did you mean charge?");
    CYC_SAME(said(HEAD "local d = rest('1 h').capacity\nif d > 3 then stop() end"),
             "3:1 a bare number cannot be compared with a charge; give the number a unit: Ah, mAh, "
             "uAh, mAh/g, mAh/cm2");
    CYC_SAME(said(HEAD "rest('1 h').capacty = 1"), "2:1 a result cannot be changed");
    CYC_SAME(said(HEAD "note(rest('1 h').capacty)"),
             "2:1 a result has no field 'capacty'; did you mean capacity?");
    CYC_SAME(said(HEAD "step('Charge at 4.2 V until C/50')"),
             "2:17 a charge or discharge runs at a current or power, not at a voltage");
    CYC_SAME(said(HEAD "rest('1 h', 2)"),
             "2:1 the options of rest are a table: rest(…, { cutoff = \"4.2 V\" })");
    CYC_SAME(said(HEAD "charge('1 C', { cutoff = function() end })"),
             "2:1 function cannot be an option: a quantity such as \"4.2 V\", a number, a text or "
             "a "
             "table is due");
    CYC_SAME(said(HEAD "charge('1 C', { '4.2 V', cutoff = '4 V' })"),
             "2:1 a table is either a list without gaps or a set of names with values");
}

static void q_reads_quantities_and_computes(void)
{
    CYC_SAME(run(HEAD "note(q('180 mAh') .. ' ' .. q('0.5 C') .. ' ' .. q('C/20'):to('mA'))\n"
                      "rest('1 h')\nnote(tostring(q('= last.time > 30 min')))\n"
                      "note(tostring(q('= last.resistance')))"),
             "{180 mAh 500 mA 50.0} 1 REST; {true} {nil} END done");
    CYC_SAME(said(HEAD "q('3')"), "2:1 q(\"3\"): a unit is missing");
    CYC_SAME(said(HEAD "q(3)"), "2:1 q takes a text with a unit: q(\"180 mAh/g\")");
    CYC_SAME(said(HEAD "q('4 V vs Li/Li+')"),
             "2:1 q(\"4 V vs Li/Li+\"): this cell has no reference electrode, so vs has no "
             "meaning; "
             "set cell.reference");
    CU_ASSERT(strstr(said(HEAD "q('1 mAh/g')"), "1 mAh/g needs cell.active_mass") != NULL);
    CYC_SAME(said(HEAD "local x = q('1 V') / q('0 V')"), "2:1 a value came out that is not finite");
    CYC_SAME(said(HEAD "local x = q('1 V') + nil"),
             "2:1 a quantity cannot be combined with nil: this value does not exist");
    CYC_SAME(said(HEAD "local x = q('20 degC') * 2"),
             "2:1 a temperature in degC can be neither multiplied nor divided; take a difference "
             "first: temperature - 20 degC is in K");
}

static void the_header_comes_first_and_once(void)
{
    CYC_SAME(said("rest('1 h')"), "1:1 protocol{…} comes first");
    CYC_SAME(said("local x = 1"), "1:1 the script never called protocol{…}");
    CYC_SAME(said(HEAD "protocol {}"), "2:1 protocol{…} is called once");
    CYC_SAME(said("protocol { nmae = 'x' }"), "1:12 unknown key `nmae` in the protocol");
    CYC_SAME(said("protocol { method = { } }"), "1:12 a program has no method: it is the method");
    CYC_SAME(said("protocol { cell = { one_c = '1 A' } }\ncharge('1 C', { cutoff = '4 V', timeout "
                  "= "
                  "'9 h' })"),
             "1:1 a protocol that passes current must state limits.voltage");
}

static void static_checks_see_the_steps_of_the_path(void)
{
    CYC_SAME(said(HEAD "charge('1 C', { cutoff = '5.2 V' })"),
             "2:26 warning: a cutoff at 5.2 V lies outside limits.voltage");
}

static void a_mistake_in_a_loop_is_said_once(void)
{
    CYC_SAME(said(HEAD "for i = 1, 100 do\n  charge('1 C', { cutoff = '5.2 V' })\n"
                       "  discharge('9 C', { cutoff = '3 V' })\n  rest('1 H')\nend"),
             "3:28 warning: a cutoff at 5.2 V lies outside limits.voltage | 4:13 a current of -9 A "
             "lies outside limits.current | 5:8 unknown unit 'H'");
}

static void an_endless_path_is_said(void)
{
    CYC_SAME(said(HEAD "while true do rest('1 h') end"),
             "1:1 warning: this is a program: the first 10000 steps of one path were checked, each "
             "ending at its first cutoff; it did not end by then");
    CYC_SAME(said(HEAD "while true do end"),
             "2:1 the script does too much before its next step: is there a loop without a step in "
             "it?");
    CYC_SAME(said(HEAD "rest('1 h')\nlocal t = {} while true do t[#t + 1] = q('1 V') end"),
             "3:1 a table of the script has more than 16,000 entries, or its calls are nested too "
             "deeply");
}

static void hostile_programs_are_refused(void)
{
    static const struct {
        const char *script, *reason;
    } cases[] = {
        {"while true do note('x') end", "too much"},
        {"while true do let { soc = '1 %' } end", "too much"},
        {"for _ in cycles(1e9) do end", "too much"},
        {"while true do for _ in cycles(1) do end end", "too much"},
        {"while true do for _ in cycles(1) do break end end", "too much"},
        {"while true do q('1 V + 1 V') end", "too much"},
        {"while true do pcall(q, '1 Volt') end", "too much"},
        {"while true do pcall(cycles, 2, { cutof = 'x' }) end", "unknown key"},
        {"for i = 1, 1e9 do let { ['v' .. i] = '1 V' } end", "more than 512 names"},
        {"local t = {} for i = 1, 3000 do t[i] = '4 V' end charge('1 C', { cutoff = t })",
         "more than 32 cutoffs"},
        {"local t = {} for i = 1, 100 do t = { t } end charge('1 C', { cutoff = t })",
         "nested more than 32 deep"},
        {"local t = {} t.cutoff = t charge('1 C', t)", "nested more than 32 deep"},
        {"local t = {} for i = 1, 15000 do t[i] = 1 end charge('1 C', { cutoff = { t, t } })",
         "too large"},
        {"local c = cycles(3) c() local d = cycles(2)", "cycles inside cycles"},
        {"local c = cycles(3) local d = cycles(2) for _ in d do rest('1 h') end c()", "is over"},
        {"table.sort({ 3, 1, 2 }, function(a, b) rest('1 h') return a < b end)",
         "a comparator cannot hand out steps"},
        {"local r = rest('1 h') for k in pairs(r) do end", "table expected, got result"},
        {"charge(nil, { cutoff = '4 V' })", "nil cannot be an option"},
        {"charge('1 C', { cutoff = '4 V', [1] = 2, x = 3 })", "either a list"},
        {"charge('1\\0 C', { cutoff = '4 V' })", "zero byte"},
        {"rest('1 h', { id = 'a b' })", ""},
        {"rest(1e999)", "not finite"},
        {"q('1 h'):to('V')", ""},
        {"local x = q('1 h').to('s')", "with a colon"},
        {"q('1 h').x = 1", "cannot be changed"},
        {"protocol = nil charge = 3 charge('x')", "attempt to call a number value"},
        {"local x = q('1 V') ^ 2", "no powers"},
        {"local x = q('1 V') .. {} .. x", "no value"},
        {"error(q('1 V'))", "no text"},
        {"ask(('x'):rep(5000))", "longer than 4096"},
        {"include('/etc/passwd')", "does not stand in the folder"},
        {"include('protocol.lua')", "includes itself"},
        {"profile('../../etc/passwd')", "does not stand in the folder"},
        {"note(setmetatable)", "does not exist"},
        {"impedance({ amplitude = '5 mV', from = '1 Hz' })", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1000];
        (void)snprintf(text, sizeof text, "%s%s", HEAD, cases[i].script);
        const char *const answer = said(text);
        if (answer[0] == '\0' || strstr(answer, "warning") == answer ||
            strstr(answer, cases[i].reason) == NULL) {
            CYC_SAME(answer, cases[i].script);
        }
    }
}

/* ---- Determinism
 * --------------------------------------------------------------------------------------- */

static void vary(void *context, const struct cyc_step *step, struct cyc_result *result)
{
    unsigned *const count = context;
    (void)step;
    *count += 1;
    result->sums.discharge_Ah *= 1.0 + 0.01 * (double)(*count % 7);
}

static void the_same_results_give_the_same_steps(void)
{
    const char *const text =
        HEAD "local seen = { a = 1, b = 2, c = 3, d = 4 }\nlocal best = q('0 Ah')\n"
             "for k in cycles(20, { id = 'x' }) do\n"
             "  charge(q('1 C') * (0.5 + 0.5 * random()), { cutoff = '4.2 V' })\n"
             "  local d = discharge('1 C', { cutoff = '3 V' }).capacity\n"
             "  if d < best and random(3) == 1 then break end\n  best = max(best, d)\n"
             "  for name, n in pairs(seen) do if k % n == 0 then note(name) end end\nend\n";
    static char first[sizeof kept];
    unsigned count = 0;
    (void)cyc_copy(first, sizeof first, run_with(text, NULL, 0, vary, &count));
    count = 0;
    CYC_SAME(run_with(text, NULL, 0, vary, &count), first);
    CU_ASSERT(strstr(first, "END done") != NULL);
}

static void any_number_of_sources_run_side_by_side(void)
{
    struct mock mock;
    struct cyc_source *sources[2];
    struct cyc_item items[2];
    struct cyc_err err = {0};
    mock_init(&mock);
    load_script(&mock, HEAD "for i = 1, 3 do rest(q('1 h') * i) end", NULL, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mock.protocol);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(cyc_source_open(mock.protocol, &sources[i], &err), CYC_OK);
        CU_ASSERT_EQUAL(cyc_source_next(sources[i], NULL, &items[i], &err), CYC_OK);
        CU_ASSERT_EQUAL(items[i].kind, CYC_ITEM_STEP);
    }
    const struct cyc_result result = {.cutoff = 0, .reason = CYC_REASON_TIME};
    CU_ASSERT_EQUAL(cyc_source_next(sources[0], &result, &items[0], &err), CYC_OK);
    CYC_NEAR(items[0].step->ops[1].value, 7200.0, 0);
    CYC_NEAR(items[1].step->ops[1].value, 3600.0, 0);
    cyc_source_close(sources[0]);
    CU_ASSERT_EQUAL(cyc_source_next(sources[1], &result, &items[1], &err), CYC_OK);
    CYC_NEAR(items[1].step->ops[1].value, 7200.0, 0);
    cyc_source_close(sources[1]);
    mock_release(&mock);
}

static void an_error_in_a_run_says_line_and_reason(void)
{
    /* The path that is checked sees 1 Ah, the run 0.5 Ah. */
    CYC_SAME(run(HEAD "local r = charge('0.5 C', { cutoff = '4.2 V' })\n"
                      "if r.capacity < q('0.9 Ah') then\n  charge('x', { cutoff = '4.2 V' })\nend"),
             "1 CC_CHG 0.5; ERROR protocol.lua:4: 'x' is not a quantity (write a number and its "
             "unit, such as 4.2 V)");
    CYC_SAME(run(HEAD "local r = charge('0.5 C', { cutoff = '4.2 V' })\n"
                      "while r.capacity < q('0.9 Ah') do end"),
             "1 CC_CHG 0.5; ERROR protocol.lua:3: the script does too much before its next step: "
             "is "
             "there a loop without a step in it?");
    CYC_SAME(run(HEAD "local r = charge('0.5 C', { cutoff = '4.2 V' })\n"
                      "if r.capacity < q('0.9 Ah') then include('inc' .. 'luded.yaml') end"),
             "1 CC_CHG 0.5; ERROR protocol.lua:3: `included.yaml` was not read when the protocol "
             "was "
             "checked");
    CYC_SAME(run(HEAD "local r = charge('0.5 C', { cutoff = '4.2 V' })\n"
                      "if r.capacity < q('0.9 Ah') then include('included.yaml') end"),
             "1 CC_CHG 0.5; 2 CC_CHG 0.1; 3 CC_DCH -0.1; (cycle 1 pass 1) END done");
}

static void expectations_are_evaluated_at_the_end(void)
{
    struct mock mock;
    struct cyc_source *source = NULL;
    const struct cyc_expectation *rows = NULL;
    struct cyc_item item = {0};
    struct cyc_err err = {0};
    mock_init(&mock);
    load_script(&mock,
                "protocol { cell = { one_c = '1 A' }, limits = { voltage = { '2 V', '5 V' }, "
                "current "
                "= '3 C' }, expect = { { value = 'step.up.capacity', is = '480 mAh', within = '30 "
                "mAh', source = 'here' } } }\ncharge('0.5 C', { cutoff = '4.2 V', id = 'up' })",
                NULL, 0);
    CYC_SAME(cyc_text_get(&mock.said), "");
    CU_ASSERT_EQUAL_FATAL(cyc_source_open(mock.protocol, &source, &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_source_next(source, NULL, &item, &err), CYC_OK);
    const struct cyc_result result = {.cutoff = 0, .sums = {.charge_Ah = 0.5}};
    CU_ASSERT_EQUAL(cyc_source_next(source, &result, &item, &err), CYC_OK);
    CU_ASSERT_EQUAL(item.kind, CYC_ITEM_END);
    CU_ASSERT_EQUAL_FATAL(cyc_source_expectations(source, &rows), 1);
    CYC_SAME(rows[0].unit, "mAh");
    CYC_NEAR(rows[0].value, 500.0, 1e-9);
    CYC_NEAR(rows[0].is, 480.0, 1e-9);
    cyc_source_close(source);
    mock_release(&mock);
}

/* lua/protocol.lua tells editors what there is; Lua's own functions they know. */
static void the_file_for_editors_has_the_whole_vocabulary_and_nothing_else(void)
{
    static char file[40000];
    static char script[60000];
    FILE *const stream = fopen(CYC_SOURCE_DIR "/lua/protocol.lua", "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    file[fread(file, 1, sizeof file - 1, stream)] = '\0';
    (void)fclose(stream);
    size_t used = (size_t)snprintf(script, sizeof script, "%slocal known = {}\n", HEAD);
    for (const char *at = file; (at = strstr(at, "\nfunction ")) != NULL; at++) {
        const char *const name = at + strlen("\nfunction ");
        const size_t size = strcspn(name, "(");
        if (memchr(name, ':', size) == NULL) {
            used += (size_t)snprintf(script + used, sizeof script - used,
                                     "known['%.*s'] = true if type(%.*s) ~= 'function' then "
                                     "fail('%.*s') end\n",
                                     (int)size, name, (int)size, name, (int)size, name);
        }
    }
    (void)snprintf(script + used, sizeof script - used,
                   "for w in pairs({ assert = 1, error = 1, ipairs = 1, next = 1, pairs = 1, "
                   "pcall = "
                   "1, select = 1, tonumber = 1, tostring = 1, type = 1 }) do known[w] = true end\n"
                   "for name, value in pairs(_ENV) do if type(value) == 'function' and not "
                   "known[name] then fail(name) end end\n");
    CYC_SAME(run(script), "END done");
}

const struct cyc_check cyc_check_lua_script[] = {
    CYC_CHECK(the_file_for_editors_has_the_whole_vocabulary_and_nothing_else),
    CYC_CHECK(a_program_hands_out_its_steps),
    CYC_CHECK(results_are_quantities),
    CYC_CHECK(parameters_come_from_the_call_and_can_be_set),
    CYC_CHECK(steps_have_the_number_of_their_place_in_the_text),
    CYC_CHECK(cycles_count_their_passes),
    CYC_CHECK(leaving_a_loop_ends_its_pass),
    CYC_CHECK(leave_when_is_a_condition_or_a_function),
    CYC_CHECK(cycles_stand_alone),
    CYC_CHECK(a_block_cutoff_may_pause_stop_or_fail),
    CYC_CHECK(cutoffs_around_a_step_spare_it_its_own),
    CYC_CHECK(stop_and_fail_do_not_return),
    CYC_CHECK(finally_follows_every_end_but_a_fault),
    CYC_CHECK(cutoffs_may_end_the_run),
    CYC_CHECK(an_include_runs_with_the_history_of_the_script),
    CYC_CHECK(let_sets_soc_capacity_one_c_and_names),
    CYC_CHECK(mistakes_are_shown_where_they_are_written),
    CYC_CHECK(q_reads_quantities_and_computes),
    CYC_CHECK(the_header_comes_first_and_once),
    CYC_CHECK(static_checks_see_the_steps_of_the_path),
    CYC_CHECK(a_mistake_in_a_loop_is_said_once),
    CYC_CHECK(an_endless_path_is_said),
    CYC_CHECK(hostile_programs_are_refused),
    CYC_CHECK(the_same_results_give_the_same_steps),
    CYC_CHECK(any_number_of_sources_run_side_by_side),
    CYC_CHECK(an_error_in_a_run_says_line_and_reason),
    CYC_CHECK(expectations_are_evaluated_at_the_end),
    {0}};
