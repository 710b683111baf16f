/* What the dry host adds: time, sampling, answers, ends that are not the protocol's own, and the
 * same bytes every time. */
#include "lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND                                                                                      \
    "  - cycles: 2\n"                                                                              \
    "    steps:\n"                                                                                 \
    "      - {discharge: 1 C, cutoff: 3.2 V}\n"                                                    \
    "      - {rest: 90.5 s}\n"                                                                     \
    "      - {charge: 1 C, hold: 4.1 V, cutoff: 0.1 C}\n"

static void impedance_is_refused_before_anything_starts(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab.options.runs_dir = lab_folder(&lab);
    lab_run(&lab, "  - {rest: 1 h}\n"
                  "  - {impedance: {amplitude: 10 mV, from: 10 kHz, to: 1 Hz, "
                  "points_per_decade: 5}, id: eis}\n");
    CU_ASSERT_EQUAL(lab.status, CYC_E_UNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.err.text, "eis"));
    CU_ASSERT_EQUAL(lab.count, 0);
    CU_ASSERT_EQUAL(lab.outcome.run_id[0], '\0');
    lab_release(&lab);
}

static void a_grid_of_samples_gives_the_same_steps(void)
{
    struct lab exact;
    struct lab sampled;
    lab_init(&exact, 2);
    lab_init(&sampled, 2);
    sampled.options.sample_ns = CYC_S_NS;
    lab_run(&exact, ROUND);
    lab_run(&sampled, ROUND);
    CU_ASSERT_EQUAL(exact.count, 6);
    CU_ASSERT_EQUAL(sampled.count, exact.count);
    for (unsigned i = 0; i < exact.count && i < sampled.count; i++) {
        CU_ASSERT_EQUAL(sampled.results[i].reason, exact.results[i].reason);
    }
    /* the first end has no history: late, and by less than a sample */
    const double late_s = lab_time_s(&sampled, 1) - lab_time_s(&exact, 1);
    CU_ASSERT(late_s > 0.0 && late_s <= 1.0);
    CU_ASSERT_EQUAL(lab_step(&sampled, 1)->end_ns % CYC_S_NS, 0);
    /* time cutoffs are the executor's own deadlines, on no grid */
    CU_ASSERT_EQUAL(lab_step(&sampled, 2)->step_time_ns, 90500 * CYC_MS_NS);
    lab_release(&exact);
    lab_release(&sampled);
}

static void crossings_are_found_within_a_fine_grid(void)
{
    struct lab exact;
    struct lab fine;
    lab_init(&exact, 2);
    lab_init(&fine, 2);
    fine.options.sample_ns = 10 * CYC_MS_NS;
    lab_run(&exact, ROUND);
    lab_run(&fine, ROUND);
    CU_ASSERT_EQUAL(fine.count, exact.count);
    for (unsigned i = 0; i < exact.count && i < fine.count; i++) {
        CYC_NEAR(lab_time_s(&exact, i + 1), lab_time_s(&fine, i + 1), 0.05);
    }
    CU_ASSERT(fine.outcome.sample_count > 10 * exact.outcome.sample_count);
    lab_release(&exact);
    lab_release(&fine);
}

/* The voltage falls by 1 mV in 3 s; a difference to the peak is no threshold, so it is looked at.
 */
static void other_conditions_are_looked_at_every_ten_seconds(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_run(&lab,
            "  - {discharge: 1 C, cutoff: voltage < peak - 107 mV, record: {voltage: off}}\n");
    CU_ASSERT(lab_time_s(&lab, 1) >= 321.0 && lab_time_s(&lab, 1) <= 331.0);
    lab_release(&lab);
}

static void nobody_is_asked_in_a_dry_run(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_run(&lab, "  - {ask: Is the cell in its place?, timeout: 1 h}\n"
                  "  - {rest: 10 s}\n");
    CU_ASSERT_EQUAL(lab.count, 2);
    CU_ASSERT_EQUAL(lab_step(&lab, 1)->reason, CYC_REASON_OPERATOR);
    CU_ASSERT_EQUAL(lab_step(&lab, 1)->step_time_ns, 0);
    CU_ASSERT_EQUAL(lab.outcome.finish, CYC_FINISH_DONE);
    lab_release(&lab);
}

static void the_time_asked_for_ends_the_run(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab.options.time_max_ns = 100 * CYC_S_NS;
    lab_run(&lab, "  - {discharge: 1 C, cutoff: 3.2 V}\n");
    CU_ASSERT_EQUAL(lab.outcome.finish, CYC_FINISH_STOPPED);
    CU_ASSERT_EQUAL(lab.outcome.t_ns, 100 * CYC_S_NS);
    CU_ASSERT_FALSE(lab.outcome.interrupted);
    CYC_SAME(lab.outcome.why, "the time asked for is over");
    lab_release(&lab);
}

static int stop_at_once(void *context, const struct cyc_progress *progress)
{
    unsigned *calls = context;
    (*calls)++;
    return progress->step_count > 3 ? 1 : 0;
}

static void an_interrupted_run_leaves_a_folder_that_says_so(void)
{
    struct lab lab;
    unsigned calls = 0;
    lab_init(&lab, 0);
    lab.options.runs_dir = lab_folder(&lab);
    lab.options.progress = stop_at_once;
    lab.options.progress_context = &calls;
    lab_run(&lab, "  - repeat: 50\n"
                  "    steps:\n"
                  "      - {discharge: 1 C, cutoff: 20 min, record: {every: 1 s}}\n"
                  "      - {charge: 1 C, cutoff: 20 min, record: {every: 1 s}}\n");
    CU_ASSERT(calls > 1);
    CU_ASSERT(lab.outcome.interrupted);
    struct cyc_run_info info;
    CU_ASSERT_EQUAL_FATAL(cyc_run_find(lab.folder, "last", &info, &lab.err), CYC_OK);
    CYC_SAME(info.end, "interrupted");
    CU_ASSERT_EQUAL(info.row_count, lab.outcome.row_count);
    CU_ASSERT_EQUAL(info.t_ns, lab.outcome.t_ns);
    lab_release(&lab);
}

static void the_same_run_gives_the_same_bytes(void)
{
    char trace[2][96];
    char *texts[4] = {NULL};
    size_t sizes[4] = {0};
    struct lab lab;
    lab_init(&lab, 2);
    lab.options.runs_dir = lab_folder(&lab);
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(trace[i], sizeof trace[i], "%s/trace%u", lab.folder, i);
        lab.options.trace_path = trace[i];
        lab_run(&lab, ROUND);
        CU_ASSERT_EQUAL(lab.status, CYC_OK);
        texts[i] = lab_read(trace[i], &sizes[i]);
        texts[2 + i] = lab_read(lab.outcome.data_path, &sizes[2 + i]);
    }
    for (unsigned i = 0; i < 4; i += 2) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(texts[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(texts[i + 1]);
        CU_ASSERT(sizes[i] > 1000);
        CU_ASSERT_EQUAL(sizes[i], sizes[i + 1]);
        CU_ASSERT_EQUAL(memcmp(texts[i], texts[i + 1], sizes[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        free(texts[i]);
    }
    lab_release(&lab);
}

static void a_breach_ends_the_run_and_says_what_was_breached(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_run(&lab, "  - {discharge: 1 C, cutoff: 3.2 V, id: deep,\n"
                  "     limits: {voltage: [3.5 V, 4.5 V]}}\n"
                  "  - {rest: 1 h}\n");
    CU_ASSERT_EQUAL(lab.status, CYC_OK);
    CU_ASSERT_EQUAL(lab.outcome.finish, CYC_FINISH_FAULT);
    CU_ASSERT_EQUAL(lab.outcome.fault.kind, CYC_FAULT_LIMIT);
    CU_ASSERT_EQUAL(lab.count, 1);
    CU_ASSERT_EQUAL(lab_step(&lab, 1)->reason, CYC_REASON_FAULT);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.outcome.why, "'deep'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.outcome.why, "below the step's limit of 3.5 V"));
    lab_release(&lab);
}

static void a_step_that_never_ran_is_noted(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_run(&lab, "  - {rest: 1 min, cutoff: voltage > 4.1 V, id: full}\n"
                  "  - {rest: 1 min}\n");
    CU_ASSERT_EQUAL(lab.count, 2);
    CU_ASSERT_EQUAL(lab_step(&lab, 1)->step_time_ns, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&lab.notes), "'full' ended at once"));
    lab_release(&lab);
}

static void what_was_run_can_be_read_back(void)
{
    struct lab lab;
    struct cyc_run_info info;
    lab_init(&lab, 1);
    lab.options.runs_dir = lab_folder(&lab);
    lab.options.command = "cyclostat dry-run round.yaml";
    lab_run(&lab, ROUND);
    CU_ASSERT_EQUAL_FATAL(cyc_run_find(lab.folder, "last", &info, &lab.err), CYC_OK);
    CYC_SAME(info.end, "done");
    CYC_SAME(info.kind, "dry");
    CYC_SAME(info.protocol_name, "test");
    CU_ASSERT_EQUAL(info.step_count, lab.count);
    CU_ASSERT_EQUAL(info.cycle_count, 2);
    CU_ASSERT_EQUAL(info.row_count, lab.outcome.row_count);
    CYC_NEAR(info.one_c_A, 2.5, 1e-12);
    CYC_SAME(info.id, lab.outcome.run_id);
    lab_release(&lab);
}

static void a_folder_that_cannot_be_made_is_an_error(void)
{
    struct lab lab;
    char path[128];
    lab_init(&lab, 0);
    (void)snprintf(path, sizeof path, "%s/protocol.yaml/runs", lab_folder(&lab));
    lab.options.runs_dir = path;
    lab_run(&lab, "  - {rest: 1 min}\n");
    CU_ASSERT_EQUAL(lab.status, CYC_E_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.err.text, "protocol.yaml"));
    lab_release(&lab);
}

static void a_trace_that_cannot_be_written_is_an_error(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab.options.trace_path = "/nowhere/at/all";
    lab_run(&lab, "  - {rest: 1 min}\n");
    CU_ASSERT_EQUAL(lab.status, CYC_E_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.err.text, "/nowhere/at/all"));
    lab_release(&lab);
}

static void a_trace_that_ends_short_is_an_error(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab.options.trace_path = "/dev/full";
    lab_run(&lab, "  - {rest: 1 min}\n");
    CU_ASSERT_EQUAL(lab.status, CYC_E_FILE);
    lab_release(&lab);
}

static unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;
    for (text = strstr(text, word); text != NULL; text = strstr(text + 1, word)) {
        count++;
    }
    return count;
}

static void the_trace_holds_each_event_and_action_once(void)
{
    struct lab lab;
    char path[128];
    size_t size = 0;
    lab_init(&lab, 1);
    (void)snprintf(path, sizeof path, "%s/trace", lab_folder(&lab));
    lab.options.trace_path = path;
    lab_run(&lab, ROUND);
    char *trace = lab_read(path, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(trace);
    CU_ASSERT_EQUAL(strncmp(trace, "cyclostat trace 1\n", 18), 0);
    CU_ASSERT_EQUAL(count_of(trace, " step id "), lab.count);
    CU_ASSERT_EQUAL(count_of(trace, "\n< step_done "), lab.count);
    CU_ASSERT_EQUAL(count_of(trace, "\n< record "), lab.outcome.row_count);
    CU_ASSERT_EQUAL(count_of(trace, " sample "), lab.outcome.sample_count);
    CU_ASSERT_EQUAL(count_of(trace, "\n< finish done\n"), 1);
    free(trace);
    lab_release(&lab);
}

/* Seven digits of the largest current: 90.3 uA need eleven decimals of an ampere. */
static void a_small_cell_loses_no_digits_in_the_data_file(void)
{
    struct lab lab;
    size_t size = 0;
    lab_init(&lab, 0);
    lab.options.runs_dir = lab_folder(&lab);
    lab_run_whole(&lab, "cyclostat: 1\n"
                        "name: test\n"
                        "cell: {active_mass: 9.03 mg, one_c: 200 mA/g, "
                        "nominal_capacity: 290 mAh/g}\n"
                        "limits: {voltage: [2 V, 5 V], current: 1 C}\n"
                        "method:\n"
                        "  - {discharge: 0.05 C, cutoff: [2.5 V, 1 min]}\n");
    char *rows = lab_read(lab.outcome.data_path, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    CU_ASSERT_PTR_NOT_NULL(strstr(rows, ",-0.00009030000,"));
    free(rows);
    lab_release(&lab);
}

static void a_value_that_comes_out_wrong_ends_the_run_in_a_fault(void)
{
    struct lab lab;
    lab_init(&lab, 0);
    lab_run(&lab, "  - {rest: 1 min, id: before}\n"
                  "  - {discharge: = 1 A * (step.before.time - 1 min) / 1 s, cutoff: 10 s}\n");
    CU_ASSERT_EQUAL(lab.status, CYC_OK);
    CU_ASSERT_EQUAL(lab.outcome.finish, CYC_FINISH_FAULT);
    CU_ASSERT(lab.outcome.why[0] != '\0');
    lab_release(&lab);
}

const struct cyc_check cyc_check_host[] = {
    CYC_CHECK(impedance_is_refused_before_anything_starts),
    CYC_CHECK(a_grid_of_samples_gives_the_same_steps),
    CYC_CHECK(crossings_are_found_within_a_fine_grid),
    CYC_CHECK(other_conditions_are_looked_at_every_ten_seconds),
    CYC_CHECK(nobody_is_asked_in_a_dry_run),
    CYC_CHECK(the_time_asked_for_ends_the_run),
    CYC_CHECK(an_interrupted_run_leaves_a_folder_that_says_so),
    CYC_CHECK(the_same_run_gives_the_same_bytes),
    CYC_CHECK(a_breach_ends_the_run_and_says_what_was_breached),
    CYC_CHECK(a_step_that_never_ran_is_noted),
    CYC_CHECK(what_was_run_can_be_read_back),
    CYC_CHECK(a_folder_that_cannot_be_made_is_an_error),
    CYC_CHECK(a_trace_that_cannot_be_written_is_an_error),
    CYC_CHECK(a_trace_that_ends_short_is_an_error),
    CYC_CHECK(the_trace_holds_each_event_and_action_once),
    CYC_CHECK(a_small_cell_loses_no_digits_in_the_data_file),
    CYC_CHECK(a_value_that_comes_out_wrong_ends_the_run_in_a_fault),
    {0}};
