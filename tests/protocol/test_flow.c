/* Which step comes next: blocks, branches, jumps, follow-ups, the end. */
#include "check/check.h"
#include "mock.h"

#include <stdio.h>
#include <string.h>

#define HEAD                                                                                       \
    "cell: {one_c: 1 A, nominal_capacity: 1 Ah}\n"                                                 \
    "limits: {voltage: [2 V, 4.3 V], current: 6 A}\n"

static void blocks_repeat_and_cycles_count(void)
{
    CYC_SAME(mock_trace(HEAD "method:\n"
                             "  - cycles: 2\n"
                             "    steps:\n"
                             "      - {charge: 1 C, cutoff: 4.2 V}\n"
                             "      - {discharge: C/2, cutoff: 2.5 V}\n"
                             "  - repeat: 2\n"
                             "    steps:\n"
                             "      - rest: 1 h\n",
                        50),
             "1 CC_CHG 1; 2 CC_DCH -0.5; (cycle 1 pass 1) 1 CC_CHG 1; 2 CC_DCH -0.5; "
             "(cycle 2 pass 2) 3 REST; 3 REST; END done");
}

static void a_count_of_zero_skips_the_block(void)
{
    CYC_SAME(mock_trace("parameters: {n: 0}\nmethod:\n  - repeat: = n\n    steps: [{rest: 1 h}]\n"
                        "  - note: after\n",
                        9),
             "{after} END done");
}

static void settings_change_parameters(void)
{
    const struct cyc_setting settings[] = {{"n", "3"}, {"rates", "[1 C, 2 C]"}};
    static struct mock mock;
    mock_init(&mock);
    mock_load_with(&mock,
                   HEAD "parameters: {n: 1, rates: [0.5 C]}\nmethod:\n"
                        "  - repeat: = n\n    steps: [{rest: 1 h}]\n"
                        "  - each: {rate: = rates}\n    steps:\n"
                        "      - {charge: = rate, cutoff: 4.2 V}\n",
                   NULL, settings, 2);
    mock_run(&mock, 20, NULL, NULL);
    CYC_SAME(cyc_text_get(&mock.trace), "1 REST; 1 REST; 1 REST; 2 CC_CHG 1; 2 CC_CHG 2; END done");
    mock_release(&mock);
}

static void a_setting_must_fit_its_parameter(void)
{
    const struct cyc_setting wrong[] = {{"n", "3 V"}, {"m", "1"}};
    static struct mock mock;
    mock_init(&mock);
    mock_load_with(&mock, "parameters: {n: 1, mm: 2}\nmethod: [{rest: 1 h}]\n", NULL, wrong, 2);
    CYC_SAME(cyc_text_get(&mock.said),
             "0:0 the protocol has no parameter `m` | 1:1 this is a voltage; the parameter is a "
             "number");
    mock_release(&mock);
}

static void each_walks_its_lists_side_by_side(void)
{
    CYC_SAME(mock_trace(HEAD "method:\n  - each: {rate: [1 C, 2 C], time: [1 h, 2 h]}\n    steps:\n"
                             "      - {rest: 1 h}\n",
                        9),
             "5:30 `time` is a word of the language and cannot serve as name");
    CYC_SAME(mock_trace(HEAD "method:\n  - each: {rate: [1 C, 2 C], end_V: [4 V, 4.1 V]}\n"
                             "    steps:\n      - {charge: = rate, hold: = end_V, cutoff: 1 h}\n",
                        9),
             "1 CCCV_CHG 1; 1 CCCV_CHG 2; END done");
    CYC_SAME(mock_trace(HEAD "method:\n  - each: {rate: [1 C, 2 C], end_V: [4 V]}\n"
                             "    steps: [{rest: 1 h}]\n",
                        9),
             "5:37 `end_V` has 1 values, the list before it has 2");
}

/* 40 to the fifth passes would be looked at for hours. */
static void lists_inside_one_another_are_looked_at_with_an_end(void)
{
    static char text[8192];
    size_t used = (size_t)snprintf(text, sizeof text, HEAD "method:\n");
    for (int depth = 0; depth < 5; depth++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%*s- each: {r%d: [1 C",
                                 2 + 4 * depth, "", depth);
        for (int i = 1; i < 40; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, ", 1 C");
        }
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "]}\n%*ssteps:\n", 4 + 4 * depth, "");
    }
    (void)snprintf(text + used, sizeof text - used, "%*s- {charge: = r4, cutoff: 4.2 V}\n", 22, "");
    CU_ASSERT_PTR_NOT_NULL(strstr(mock_trace(text, 3), "1 CC_CHG 1; 1 CC_CHG 1;"));
}

static void branches_are_chosen_when_they_are_reached(void)
{
    CYC_SAME(mock_trace(HEAD "method:\n"
                             "  - {charge: 1 C, cutoff: 4.2 V, id: cc}\n"
                             "  - if: step.cc.capacity > 0.9 Ah\n"
                             "    then: [{note: large}]\n"
                             "    else: [{note: small}]\n"
                             "  - if: last.voltage < 3 V\n"
                             "    then: [{note: low}]\n",
                        9),
             "1 CC_CHG 1; {large} END done");
}

static void a_condition_on_what_does_not_exist_is_false(void)
{
    CYC_SAME(mock_trace("method:\n"
                        "  - if: last_charge.capacity > 0 Ah\n"
                        "    then: [{note: yes}]\n"
                        "    else: [{note: none}]\n",
                        9),
             "{none} END done");
}

static void variables_hold_what_was_measured(void)
{
    CYC_SAME(mock_trace(HEAD "method:\n"
                             "  - {discharge: 0.8 C, cutoff: 2.5 V, id: check}\n"
                             "  - let: {q: = step.check.capacity, rate: = q / 1 h}\n"
                             "  - {charge: = 0.5 * rate, cutoff: = 0.25 * q}\n",
                        9),
             "1 CC_DCH -0.8; 2 CC_CHG 0.4; END done");
}

static void one_c_can_be_set_from_a_measurement(void)
{
    CYC_SAME(mock_trace(HEAD "method:\n"
                             "  - {discharge: 0.8 C, cutoff: 2.5 V}\n"
                             "  - let: {one_c: = last.capacity / 1 h}\n"
                             "  - {charge: 0.5 C, cutoff: 4.2 V}\n"
                             "  - {charge: = 2 * C/4, cutoff: 4.2 V}\n",
                        9),
             "1 CC_DCH -0.8; 2 CC_CHG 0.4; 3 CC_CHG 0.4; END done");
}

static void leave_ends_the_innermost_block_or_a_named_one(void)
{
    CYC_SAME(mock_trace("method:\n"
                        "  - repeat: 3\n    id: outer\n    steps:\n"
                        "      - cycles: 3\n        steps:\n"
                        "          - rest: 1 h\n"
                        "          - if: pass >= 2\n            then: [{leave: }]\n"
                        "          - note: on\n"
                        "      - note: out\n"
                        "      - if: pass >= 2\n        then: [{leave: outer}]\n"
                        "  - note: end\n",
                        40),
             "1 REST; {on} (cycle 1 pass 1) 1 REST; (cycle 2 pass 2 broken) {out} "
             "1 REST; {on} (cycle 3 pass 1) 1 REST; (cycle 4 pass 2 broken) {out} {end} END done");
}

static void goto_leads_back_and_out_of_blocks(void)
{
    CYC_SAME(mock_trace("method:\n"
                        "  - let: {n: 0}\n"
                        "  - {rest: 1 h, id: again}\n"
                        "  - let: {n: = n + 1}\n"
                        "  - cycles: 1\n    steps:\n"
                        "      - if: n < 3\n        then: [{goto: again}]\n"
                        "      - note: through\n",
                        40),
             "1 REST; (cycle 1 pass 1 broken) 1 REST; (cycle 2 pass 1 broken) 1 REST; {through} "
             "(cycle 3 pass 1) END done");
}

static void no_time(void *context, const struct cyc_step *step, struct cyc_result *result)
{
    (void)context;
    (void)step;
    result->end_ns = result->start_ns;
    memset(&result->sums, 0, sizeof result->sums);
}

static void jumps_that_move_nothing_are_a_fault_after_100(void)
{
    static struct mock mock;
    mock_init(&mock);
    mock_load(&mock, "method:\n  - {rest: 0 s, id: again}\n  - goto: again\n");
    mock_run(&mock, 500, no_time, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&mock.trace),
                                  "ERROR line 4: 100 jumps back without charge or time passing"));
    unsigned steps = 0;
    for (const char *at = cyc_text_get(&mock.trace); (at = strstr(at, "REST")) != NULL; at++) {
        steps++;
    }
    CU_ASSERT_EQUAL(steps, 101);
    mock_release(&mock);
}

static void a_loop_without_steps_is_stopped(void)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(mock_trace("method:\n  - repeat: 1000000000\n"
                                             "    steps: [{let: {x: 1}}]\n",
                                             5),
                                  "goes on and on without a step"));
}

static void goto_never_leads_into_a_block(void)
{
    CYC_SAME(mock_said("method:\n"
                       "  - repeat: 2\n    steps:\n      - {rest: 1 h, id: inner}\n"
                       "  - goto: inner\n"),
             "6:11 goto cannot lead into another block: `inner`");
    CYC_SAME(mock_said("method:\n  - {rest: 1 h, id: rest_1}\n  - goto: rest_2\n"),
             "4:11 no step or block has the id `rest_2`");
    CYC_SAME(mock_said("method:\n  - if: test.time > 1 h\n    then: [{rest: 1 h, id: a}]\n"
                       "    else: [{goto: a}]\n"),
             "5:19 goto cannot lead into another block: `a`");
}

/* ---- Follow-ups of cutoffs ------------------------------------------------------------------- */

struct ending {
    unsigned step;   /* execution, from 0 */
    unsigned cutoff; /* that ends it */
    unsigned seen;
};

static void end_by(void *context, const struct cyc_step *step, struct cyc_result *result)
{
    struct ending *const ending = context;
    if (ending->seen++ == ending->step && ending->cutoff < step->cutoff_count) {
        result->cutoff = (int16_t)ending->cutoff;
        result->reason = step->cutoffs[ending->cutoff].reason;
        result->action = step->cutoffs[ending->cutoff].action;
    }
}

static void check_ending(const char *text, unsigned step, unsigned cutoff, const char *expected)
{
    static struct mock mock;
    struct ending ending = {step, cutoff, 0};
    mock_init(&mock);
    mock_load(&mock, text);
    mock_run(&mock, 30, end_by, &ending);
    CYC_SAME(cyc_text_get(&mock.trace), expected);
    mock_release(&mock);
}

static void block_cutoffs_leave_their_block(void)
{
    check_ending("method:\n  - repeat: 3\n    cutoff: voltage <= 2.5 V\n    steps:\n"
                 "      - rest: 1 h\n      - rest: 2 h\n  - note: out\n",
                 3, 1, "1 REST; 2 REST; 1 REST; 2 REST; {out} END done");
}

#define FOLLOW_UPS                                                                                 \
    HEAD "method:\n"                                                                               \
         "  - cycles: 2\n    id: outer\n    steps:\n"                                              \
         "      - charge: 1 C\n"                                                                   \
         "        cutoff: [4.2 V, {when: 1 h, action: leave outer}, "                              \
         "{when: 2 h, action: goto last_rest}, {when: 3 h, action: stop}, "                        \
         "{when: 4 h, action: fail}]\n"                                                            \
         "      - {rest: 1 h}\n"                                                                   \
         "  - note: between\n"                                                                     \
         "  - {rest: 1 min, id: last_rest}\n"                                                      \
         "finally: [{note: finally}, {temperature: 25 degC}, {rest: 1 h}]\n"

static void cutoffs_go_where_they_are_told(void)
{
    check_ending(FOLLOW_UPS, 0, 1,
                 "1 CC_CHG 1; (cycle 1 pass 1 broken) {between} 3 REST; {finally} 4 TEMPERATURE; "
                 "5 REST; END done");
    check_ending(FOLLOW_UPS, 2, 2,
                 "1 CC_CHG 1; 2 REST; (cycle 1 pass 1) 1 CC_CHG 1; (cycle 2 pass 2 broken) "
                 "3 REST; {finally} 4 TEMPERATURE; 5 REST; END done");
}

static void stop_runs_finally_and_fail_only_its_climate_and_notes(void)
{
    check_ending(FOLLOW_UPS, 0, 3,
                 "1 CC_CHG 1; (cycle 1 pass 1 broken) {finally} 4 TEMPERATURE; 5 REST; "
                 "END stopped: step 1: cutoff of time, action stop");
    check_ending(FOLLOW_UPS, 0, 4,
                 "1 CC_CHG 1; (cycle 1 pass 1 broken) {finally} 4 TEMPERATURE; "
                 "END failed: step 1: cutoff of time, action fail");
    CYC_SAME(mock_trace("method:\n  - stop: enough\n  - note: never\nfinally: [{note: last}]\n", 9),
             "{last} END stopped: enough");
}

static void protocol_cutoffs_stop_and_do_not_bind_finally(void)
{
    static struct mock mock;
    struct ending ending = {0, 1, 0};
    mock_init(&mock);
    mock_load(&mock, "cutoff: test.time > 30 min\nmethod:\n  - rest: 1 h\n  - rest: 1 h\n"
                     "finally: [{rest: 1 h}]\n");
    mock_run(&mock, 9, end_by, &ending);
    CYC_SAME(cyc_text_get(&mock.trace),
             "1 REST; 3 REST; END stopped: step 1: cutoff of time, action stop");
    mock_release(&mock);
    const struct cyc_step *const step = mock_step_at(
        "cutoff: test.time > 30 d\nmethod: [{rest: 1 h}]\nfinally: [{rest: 2 h}]\n", 1);
    CU_ASSERT_EQUAL(step->cutoff_count, 1);
}

static void bare_cutoffs_of_the_protocol_count_over_the_test(void)
{
    const struct cyc_step *const step = mock_step("cutoff: 30 d\nmethod: [{rest: 1 h}]\n");
    CU_ASSERT_EQUAL_FATAL(step->cutoff_count, 2);
    CU_ASSERT_EQUAL(step->cutoffs[1].action, CYC_FOLLOW_STOP);
    CU_ASSERT_EQUAL(step->ops[step->cutoffs[1].when.first].scope, CYC_SCOPE_TEST);
}

static void leave_needs_a_block(void)
{
    CYC_SAME(mock_said("method:\n  - {rest: 1 h, cutoff: {when: 1 h, action: leave}}\n"),
             "3:32 leave: no block is around this step");
    CYC_SAME(mock_said("method:\n  - leave:\n"), "3:5 leave: no block is around this step");
    CYC_SAME(mock_said("method:\n  - repeat: 1\n    id: a\n    steps: [{rest: 1 h}]\n"
                       "  - repeat: 1\n    steps: [{leave: a}]\n"),
             "7:21 `a` is not a block around this");
}

/* ---- Includes -------------------------------------------------------------------------------- */

#define INNER                                                                                      \
    "cyclostat: 1\nlimits: {voltage: [1 V, 4.25 V], current: 2 A}\n"                               \
    "parameters: {rate: 0.1 C, n: 2}\nmethod:\n"                                                   \
    "  - cycles: = n\n    id: loop\n    steps:\n"                                                  \
    "      - {charge: = rate, cutoff: 4.2 V, id: cc}\n"                                            \
    "  - if: step.cc.capacity > 0 Ah\n    then: [{note: charged}]\n"

static void includes_see_only_what_is_handed_in(void)
{
    static struct mock mock;
    mock_init(&mock);
    mock_file(&mock, "inner.yaml", INNER);
    mock_load(&mock, HEAD "parameters: {n: 7}\nmethod:\n"
                          "  - let: {fast: 1 C}\n"
                          "  - {include: inner.yaml, id: one, with: {rate: = 0.5 * fast}}\n"
                          "  - {include: inner.yaml, id: two, with: {n: 1}}\n"
                          "  - if: step.one.cc.capacity > step.two.cc.capacity\n"
                          "    then: [{note: more}]\n");
    mock_run(&mock, 30, NULL, NULL);
    CYC_SAME(cyc_text_get(&mock.trace),
             "1 CC_CHG 0.5; (cycle 1 pass 1) 1 CC_CHG 0.5; (cycle 2 pass 2) {charged} "
             "2 CC_CHG 0.1; (cycle 3 pass 1) {charged} {more} END done");
    const struct cyc_protocol_file *files = NULL;
    CU_ASSERT_EQUAL(cyc_protocol_files(mock.protocol, &files), 2);
    CYC_SAME(files[1].name, "inner.yaml");
    CU_ASSERT_EQUAL(strlen(files[1].sha256), 64);
    mock_release(&mock);
}

static void take_first(void *context, const struct cyc_step *step, struct cyc_result *result)
{
    struct cyc_step *const first = context;
    (void)result;
    if (first->id == 0) {
        *first = *step;
    }
}

static void includes_add_their_limits(void)
{
    static struct mock mock;
    static struct cyc_step first;
    mock_init(&mock);
    mock_file(&mock, "inner.yaml", INNER);
    mock_load(&mock, HEAD "method:\n  - {include: inner.yaml, id: one}\n");
    mock_run(&mock, 9, take_first, &first);
    CU_ASSERT_EQUAL_FATAL(first.limit_count, 4);
    CYC_NEAR(first.limits[0].high, 4.25, 1e-12);
    CYC_NEAR(first.limits[2].high, 4.3, 1e-12);
    CU_ASSERT_EQUAL(first.limits[0].level, CYC_LEVEL_PROTOCOL);
    CYC_SAME(first.name, "one.cc");
    mock_release(&mock);
}

static void includes_are_bounded_and_stay_below_the_protocol(void)
{
    static struct mock mock;
    mock_init(&mock);
    mock_file(&mock, "self.yaml", "cyclostat: 1\nmethod:\n  - include: self.yaml\n");
    mock_load(&mock, "method:\n  - include: self.yaml\n  - include: /etc/passwd\n"
                     "  - include: ../x.yaml\n  - include: none.yaml\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&mock.said), "the protocol includes itself"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&mock.said),
                                  "`/etc/passwd` does not stand in the folder of the protocol"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&mock.said),
                                  "`../x.yaml` does not stand in the folder of the protocol"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&mock.said), "cannot open"));
    mock_release(&mock);
}

static void unknown_parameters_of_an_include_are_refused(void)
{
    static struct mock mock;
    mock_init(&mock);
    mock_file(&mock, "inner.yaml", INNER);
    mock_load(&mock, HEAD "method:\n  - {include: inner.yaml, with: {rat: 1 C, n: 1 V}}\n");
    CYC_SAME(cyc_text_get(&mock.said),
             "5:34 the protocol has no parameter `rat` | 5:47 this is a voltage; the parameter is "
             "a number");
    mock_release(&mock);
}

/* ---- Twice ----------------------------------------------------------------------------------- */

static void a_source_fed_the_same_results_goes_the_same_way(void)
{
    char first[4096];
    (void)cyc_copy(first, sizeof first, mock_trace(FOLLOW_UPS, 40));
    CYC_SAME(mock_trace(FOLLOW_UPS, 40), first);
}

const struct cyc_check cyc_check_flow[] = {
    CYC_CHECK(blocks_repeat_and_cycles_count),
    CYC_CHECK(a_count_of_zero_skips_the_block),
    CYC_CHECK(settings_change_parameters),
    CYC_CHECK(a_setting_must_fit_its_parameter),
    CYC_CHECK(each_walks_its_lists_side_by_side),
    CYC_CHECK(lists_inside_one_another_are_looked_at_with_an_end),
    CYC_CHECK(branches_are_chosen_when_they_are_reached),
    CYC_CHECK(a_condition_on_what_does_not_exist_is_false),
    CYC_CHECK(variables_hold_what_was_measured),
    CYC_CHECK(one_c_can_be_set_from_a_measurement),
    CYC_CHECK(leave_ends_the_innermost_block_or_a_named_one),
    CYC_CHECK(goto_leads_back_and_out_of_blocks),
    CYC_CHECK(jumps_that_move_nothing_are_a_fault_after_100),
    CYC_CHECK(a_loop_without_steps_is_stopped),
    CYC_CHECK(goto_never_leads_into_a_block),
    CYC_CHECK(block_cutoffs_leave_their_block),
    CYC_CHECK(cutoffs_go_where_they_are_told),
    CYC_CHECK(stop_runs_finally_and_fail_only_its_climate_and_notes),
    CYC_CHECK(protocol_cutoffs_stop_and_do_not_bind_finally),
    CYC_CHECK(bare_cutoffs_of_the_protocol_count_over_the_test),
    CYC_CHECK(leave_needs_a_block),
    CYC_CHECK(includes_see_only_what_is_handed_in),
    CYC_CHECK(includes_add_their_limits),
    CYC_CHECK(includes_are_bounded_and_stay_below_the_protocol),
    CYC_CHECK(unknown_parameters_of_an_include_are_refused),
    CYC_CHECK(a_source_fed_the_same_results_goes_the_same_way),
    {NULL, NULL},
};
