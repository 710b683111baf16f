/* Protocols in processes of their own: the same steps as in this process, and what the parent makes
 * of a child that dies, is silent, or talks nonsense. What a defect could do is done by a double of
 * the child (double/source.c). */
#include "child.h"

#include "store/store.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS_MAX 400 /* of one protocol, when both sources are compared */

/* ---- The same steps ---------------------------------------------------------------------------
 */

struct pair {
    struct cyc_source *source; /* in this process */
    struct cyc_source_process *process;
    struct cyc_result result;
    bool has_result;
    uint32_t steps;
    bool over;
    struct cyc_text here, there;
};

static void compare_expectations(struct cyc_source *source, const struct cyc_source_answer *answer)
{
    const struct cyc_expectation *rows = NULL;
    const unsigned count = cyc_source_expectations(source, &rows);
    CU_ASSERT_EQUAL(answer->expectation_count, count);
    for (unsigned i = 0; i < count && i < answer->expectation_count; i++) {
        const struct cyc_expectation *const there = &answer->expectations[i];
        CYC_SAME(there->name, rows[i].name);
        CYC_SAME(there->unit, rows[i].unit);
        CYC_SAME(there->source != NULL ? there->source : "",
                 rows[i].source != NULL ? rows[i].source : "");
        CU_ASSERT(there->is == rows[i].is);
        CU_ASSERT(there->value == rows[i].value || (isnan(there->value) && isnan(rows[i].value)));
    }
}

static void compare_items(struct pair *pair, const struct cyc_item *item,
                          const struct cyc_source_answer *answer)
{
    struct cyc_source_progress progress = {0};
    cyc_source_progress(pair->source, &progress);
    CU_ASSERT_EQUAL(answer->kind, item->kind);
    CU_ASSERT_EQUAL(answer->cycle, progress.cycle);
    CU_ASSERT_EQUAL(answer->cycle_count, progress.cycle_count);
    if (answer->kind != item->kind || item->kind == CYC_ITEM_END) {
        pair->over = true;
    }
    if (answer->kind == CYC_ITEM_END && item->kind == CYC_ITEM_END) {
        CU_ASSERT_EQUAL(answer->finish, item->finish);
        compare_expectations(pair->source, answer);
    } else if (item->kind == CYC_ITEM_CYCLE) {
        CU_ASSERT_EQUAL(answer->cycle_item.number, item->cycle.number);
        CU_ASSERT(answer->cycle_item.sums.charge_Ah == item->cycle.sums.charge_Ah);
        CYC_SAME(answer->cycle_item.block, item->cycle.block);
    } else if (item->kind == CYC_ITEM_NOTE) {
        CU_ASSERT_EQUAL(strncmp(answer->text, item->text, sizeof answer->text - 1), 0);
    } else if (item->kind == CYC_ITEM_STEP && !pair->over) {
        cyc_text_clear(&pair->here);
        cyc_text_clear(&pair->there);
        cyc_run_step_text(item->step, &pair->here);
        cyc_run_step_text(&answer->step, &pair->there);
        CYC_SAME(cyc_text_get(&pair->there), cyc_text_get(&pair->here));
        CU_ASSERT_EQUAL(answer->step.cycle_number, item->step->cycle_number);
        child_invent(item->step, ++pair->steps, &pair->result);
        pair->has_result = true;
    }
}

static void walk_pair(struct pair *pair)
{
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    while (!pair->over && pair->steps < STEPS_MAX) {
        struct cyc_item item = {0};
        const struct cyc_result *const result = pair->has_result ? &pair->result : NULL;
        CU_ASSERT_EQUAL_FATAL(child_ask(pair->process, result, &answer, &err), CYC_OK);
        const int status = cyc_source_next(pair->source, result, &item, &err);
        CU_ASSERT_EQUAL(answer.status, status);
        pair->has_result = false;
        if (status != CYC_OK) {
            CYC_SAME(answer.text, err.text);
            return;
        }
        compare_items(pair, &item, &answer);
    }
}

static unsigned shipped_count, shipped_steps;

static int compare_shipped(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    const char *const dot = strrchr(path, '.');
    (void)status;
    (void)walk;
    if (type != FTW_F || strstr(path, "/cells/") != NULL || dot == NULL ||
        (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".lua") != 0)) {
        return 0;
    }
    struct pair pair = {0};
    struct cyc_err err = {0};
    struct cyc_protocol *const protocol = child_load(path);
    CU_ASSERT_PTR_NOT_NULL(protocol);
    if (protocol == NULL) {
        (void)fprintf(stderr, "\n%s does not load\n", path);
        return 0;
    }
    CU_ASSERT_EQUAL(cyc_source_open(protocol, &pair.source, &err), CYC_OK);
    pair.process = child_start(path, "");
    walk_pair(&pair);
    cyc_source_process_end(pair.process);
    cyc_source_close(pair.source);
    cyc_protocol_free(protocol);
    cyc_text_release(&pair.here);
    cyc_text_release(&pair.there);
    shipped_count++;
    shipped_steps += pair.steps;
    return 0;
}

static void a_process_gives_the_same_steps_for_every_shipped_protocol(void)
{
    shipped_count = shipped_steps = 0;
    (void)nftw(CYC_SOURCE_DIR "/protocols", compare_shipped, 16, FTW_PHYS);
    CU_ASSERT(shipped_count >= 30);
    CU_ASSERT(shipped_steps >= 2000);
}

static void a_mistake_comes_with_its_place(void)
{
    struct lab lab;
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    lab_init(&lab, 0);
    child_write(path, &lab, "wrong.yaml", CHILD_YAML "  - {charge: 1 C, cutof: 4.2 V}\n");
    struct cyc_source_process *const process = child_start(path, "");
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(answer.status, CYC_E_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.text, "wrong.yaml:6:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.text, "cutof"));
    /* and again, should anybody ask */
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(answer.status, CYC_E_INPUT);
    cyc_source_process_end(process);
    lab_release(&lab);
}

static void a_program_that_is_missing_is_an_error(void)
{
    struct cyc_source_process *process = NULL;
    struct cyc_err err = {0};
    const struct cyc_source_start start = {.program = "/nowhere/cyclostat",
                                           .protocol_path = "x.yaml",
                                           .cell_path = "",
                                           .journal_folder = ""};
    CU_ASSERT_EQUAL(cyc_source_process_start(&start, &process, &err), CYC_E_FILE);
    CU_ASSERT_PTR_NULL(process);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/cyclostat"));
}

static void settings_too_large_are_refused(void)
{
    static char value[70000];
    struct cyc_source_process *process = NULL;
    struct cyc_err err = {0};
    memset(value, 'x', sizeof value - 1);
    const struct cyc_setting setting = {.name = "a", .value = value};
    const struct cyc_source_start start = {.program = CYC_PROGRAM,
                                           .protocol_path = "x.yaml",
                                           .cell_path = "",
                                           .settings = &setting,
                                           .setting_count = 1,
                                           .journal_folder = ""};
    CU_ASSERT_EQUAL(cyc_source_process_start(&start, &process, &err), CYC_E_BOUND);
}

static void settings_and_cell_reach_the_protocol(void)
{
    struct lab lab;
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_source_process *process = NULL;
    struct cyc_err err = {0};
    lab_init(&lab, 0);
    child_write(path, &lab, "set.yaml",
                "cyclostat: 1\nparameters: {rate: C/2}\n"
                "limits: {voltage: [2 V, 5 V], current: 10 A}\n"
                "method:\n  - {charge: = rate, cutoff: 4.2 V}\n");
    const struct cyc_setting setting = {.name = "rate", .value = "C/10"};
    const struct cyc_source_start start = {.program = CYC_PROGRAM,
                                           .protocol_path = path,
                                           .cell_path =
                                               CYC_SOURCE_DIR "/protocols/cells/nca-18650.yaml",
                                           .settings = &setting,
                                           .setting_count = 1,
                                           .journal_folder = ""};
    CU_ASSERT_EQUAL_FATAL(cyc_source_process_start(&start, &process, &err), CYC_OK);
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(answer.status, CYC_OK);
    CYC_SAME(answer.text, "");
    CU_ASSERT_EQUAL(answer.step.segment_count, 1);
    CU_ASSERT(answer.step.segments != NULL && answer.step.segments[0].value > 0.1 &&
              answer.step.segments[0].value < 0.5);
    cyc_source_process_end(process);
    lab_release(&lab);
}

/* Four resolutions in the window of a slope of 1 mV/h. */
static void what_the_instrument_resolves_counts_with_and_without_a_cell_file(void)
{
    static const struct {
        double resolution_V;
        const char *cell_path;
        int64_t window_s;
    } cases[] = {{0, "", 1440},
                 {1e-5, "", 144},
                 {1e-5, CYC_SOURCE_DIR "/protocols/cells/nca-18650.yaml", 144}};
    struct lab lab;
    char path[96];
    lab_init(&lab, 0);
    child_write(path, &lab, "slope.yaml",
                "cyclostat: 1\n"
                "method:\n  - {rest: 1 d, cutoff: {when: abs(dV/dt) < 1 mV/h, over: 1 min}}\n");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct cyc_source_answer answer;
        struct cyc_source_process *process = NULL;
        struct cyc_err err = {0};
        const struct cyc_source_start start = {.program = CYC_PROGRAM,
                                               .protocol_path = path,
                                               .cell_path = cases[i].cell_path,
                                               .voltage_resolution_V = cases[i].resolution_V,
                                               .journal_folder = ""};
        CU_ASSERT_EQUAL_FATAL(cyc_source_process_start(&start, &process, &err), CYC_OK);
        CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
        CYC_SAME(answer.text, "");
        CU_ASSERT_EQUAL(answer.step.slope_count, 1);
        CYC_NEAR((double)answer.step.slopes[0].window_ns / 1e9, (double)cases[i].window_s, 1e-3);
        cyc_source_process_end(process);
    }
    lab_release(&lab);
}

static void a_question_at_a_time(void)
{
    struct lab lab;
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    lab_init(&lab, 0);
    child_write(path, &lab, "rest.yaml", CHILD_YAML "  - {rest: 1 h}\n");
    struct cyc_source_process *const process = child_start(path, "");
    CU_ASSERT_EQUAL(cyc_source_process_answer(process, &answer, &err), CYC_E_BUG);
    CU_ASSERT_EQUAL(cyc_source_process_ask(process, NULL, &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_source_process_ask(process, NULL, &err), CYC_E_BUSY);
    CU_ASSERT_EQUAL(child_await(process, &answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(answer.kind, CYC_ITEM_STEP);
    cyc_source_process_end(process);
    lab_release(&lab);
}

/* 9,000 rows of a drive, four hundred times the socket's pieces. */
static void a_long_profile_arrives_whole(void)
{
    struct lab lab;
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    struct cyc_text text = {0};
    lab_init(&lab, 0);
    cyc_text_append(&text, "time / s,current / A\n");
    for (int i = 0; i < 150000; i++) {
        cyc_text_format(&text, "%d,0.%03d\n", i, i % 1000);
    }
    child_write(path, &lab, "drive.csv", cyc_text_get(&text));
    child_write(path, &lab, "drive.yaml",
                CHILD_YAML "  - {profile: drive.csv, cutoff: voltage > 4.2 V}\n");
    struct cyc_source_process *const process = child_start(path, "");
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(answer.status, CYC_OK);
    CYC_SAME(answer.text, "");
    CU_ASSERT(answer.step.segment_count > 100000);
    bool same = true;
    for (uint32_t i = 0; i < answer.step.segment_count && i < 149000; i++) {
        same = same && fabs(answer.step.segments[i].value - 0.001 * (i % 1000)) < 1e-12;
    }
    CU_ASSERT(same);
    cyc_source_process_end(process);
    cyc_text_release(&text);
    lab_release(&lab);
}

static void ten_thousand_steps_fit_into_the_memory(void)
{
    struct lab lab;
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    struct cyc_text text = {0};
    lab_init(&lab, 0);
    cyc_text_append(&text, CHILD_YAML);
    for (int i = 0; i < 5000; i++) {
        cyc_text_append(&text, "  - {charge: 1 C, cutoff: 4.2 V}\n  - {rest: 1 min}\n");
    }
    child_write(path, &lab, "long.yaml", cyc_text_get(&text));
    struct cyc_source_process *const process = child_start(path, "");
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(answer.status, CYC_OK);
    CYC_SAME(answer.text, "");
    cyc_source_process_end(process);
    cyc_text_release(&text);
    lab_release(&lab);
}

static void garbage_is_not_believed(void)
{
    static const char *const modes[] = {"wrong_layout",
                                        "wrong_kind",
                                        "size_of_gigabytes",
                                        "size_too_small",
                                        "noise",
                                        "kind_of_item",
                                        "segments_that_are_not_there",
                                        "segments_beyond_counting",
                                        "bytes_too_many",
                                        "operations_beyond_the_list",
                                        "cutoffs_beyond_the_list",
                                        "limits_beyond_the_list",
                                        "condition_beyond_the_operations",
                                        "operation_that_does_not_exist",
                                        "entry_that_does_not_exist",
                                        "mode_that_does_not_exist",
                                        "interruption_that_does_not_exist",
                                        "name_without_end",
                                        "text_without_end",
                                        "truth_of_seven",
                                        "nan_as_setpoint",
                                        "control_that_does_not_exist",
                                        "expectation_outside_its_texts",
                                        "expectation_without_end"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        child_expect_loss(modes[i], "answered what no protocol answers");
    }
}

static void deaths_are_told_by_their_cause(void)
{
    child_expect_loss("exits", "exit code 7");
    child_expect_loss("crashes", "crashed: Segmentation fault");
    child_expect_loss("is_killed", "was killed");
    child_expect_loss("closes_and_lives_on", "was killed");
}

static void a_silent_process_can_be_ended(void)
{
    static const char *const modes[] = {"silence", "stops_itself", "half_an_answer"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        static struct cyc_source_answer answer;
        struct cyc_err err = {0};
        struct cyc_source_process *const process = child_double(modes[i]);
        const pid_t pid = cyc_source_process_pid(process);
        CU_ASSERT_EQUAL(cyc_source_process_ask(process, NULL, &err), CYC_OK);
        for (unsigned k = 0; k < 5; k++) {
            (void)poll(NULL, 0, 10);
            CU_ASSERT_EQUAL(cyc_source_process_answer(process, &answer, &err), CYC_E_TIMEOUT);
        }
        CU_ASSERT_EQUAL(kill(pid, 0), 0);
        cyc_source_process_end(process);
        CU_ASSERT_EQUAL(kill(pid, 0), -1);
    }
}

static void a_source_that_is_killed_from_outside_is_lost(void)
{
    struct lab lab;
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    lab_init(&lab, 0);
    child_write(path, &lab, "rest.yaml", CHILD_YAML "  - {rest: 1 h}\n");
    struct cyc_source_process *const process = child_start(path, "");
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    (void)kill(cyc_source_process_pid(process), SIGKILL);
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_E_LOST);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "was killed"));
    cyc_source_process_end(process);
    lab_release(&lab);
}

static void an_answer_nobody_asked_for_waits_for_the_next_question(void)
{
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    struct cyc_source_process *const process = child_double("answers_twice");
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_source_process_answer(process, &answer, &err), CYC_E_BUG);
    cyc_source_process_end(process);
}

static void nothing_is_inherited(void)
{
    struct lab lab;
    char path[96];
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    int others[8];
    lab_init(&lab, 0);
    child_write(path, &lab, "rest.yaml", CHILD_YAML "  - {rest: 1 h}\n");
    for (unsigned i = 0; i < 8; i++) {
        others[i] = open(path, O_RDONLY); /* without O_CLOEXEC, on purpose */
    }
    struct cyc_source_process *const process = child_start(path, "");
    CU_ASSERT_EQUAL(child_ask(process, NULL, &answer, &err), CYC_OK);
    for (int fd = 0; fd < 64; fd++) {
        char link[64];
        char target[256] = "";
        (void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)cyc_source_process_pid(process),
                       fd);
        const bool is_open = readlink(link, target, sizeof target - 1) > 0;
        CU_ASSERT_EQUAL(is_open, fd <= 3);
        if (fd < 3) {
            CYC_SAME(target, "/dev/null");
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        (void)close(others[i]);
    }
    cyc_source_process_end(process);
    lab_release(&lab);
}

const struct cyc_check cyc_check_source_process[] = {
    CYC_CHECK(a_process_gives_the_same_steps_for_every_shipped_protocol),
    CYC_CHECK(a_mistake_comes_with_its_place),
    CYC_CHECK(a_program_that_is_missing_is_an_error),
    CYC_CHECK(settings_too_large_are_refused),
    CYC_CHECK(settings_and_cell_reach_the_protocol),
    CYC_CHECK(what_the_instrument_resolves_counts_with_and_without_a_cell_file),
    CYC_CHECK(a_question_at_a_time),
    CYC_CHECK(a_long_profile_arrives_whole),
    CYC_CHECK(ten_thousand_steps_fit_into_the_memory),
    CYC_CHECK(garbage_is_not_believed),
    CYC_CHECK(deaths_are_told_by_their_cause),
    CYC_CHECK(a_silent_process_can_be_ended),
    CYC_CHECK(a_source_that_is_killed_from_outside_is_lost),
    CYC_CHECK(an_answer_nobody_asked_for_waits_for_the_next_question),
    CYC_CHECK(nothing_is_inherited),
    {0}};
