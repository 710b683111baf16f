/* The state as text and back, and what becomes of a step whose host was away. The whole suite also
 * runs with CYC_TEST_RELOAD, so that every test is a test of saving and loading; see rig.c. */
#include "rig.h"

#include "store/state.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Every field ------------------------------------------------------------------------------
 */

/* The text of a source file, comments blanked; to be freed. */
static char *read_source(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *text = calloc(1, 1 << 20);
    const size_t size = fread(text, 1, (1 << 20) - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    for (char *at = strstr(text, "/*"); at != NULL; at = strstr(at, "/*")) {
        char *end = strstr(at, "*/");
        memset(at, ' ', (size_t)(end + 2 - at));
    }
    return text;
}

static bool is_saved(const char *name)
{
    const size_t size = strlen(name);
    for (unsigned i = 0; cyc_state_field_name(i) != NULL; i++) {
        const char *field = cyc_state_field_name(i);
        if (strncmp(field, name, size) == 0 && (field[size] == '\0' || field[size] == '.')) {
            return true;
        }
    }
    return false;
}

/* What is made anew from the step, and what the host says after loading. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"atom_count", "code_count", "atoms", "code", "patience"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The last word of a declaration, without the array's size. */
static void name_of(char *name, size_t size, const char *from, const char *end)
{
    const char *bracket = memchr(from, '[', (size_t)(end - from));
    end = bracket != NULL ? bracket : end;
    const char *start = end;
    while (start > from && (isalnum((unsigned char)start[-1]) || start[-1] == '_')) {
        start--;
    }
    (void)snprintf(name, size, "%.*s", (int)(end - start), start);
}

static void every_field_of_the_state_is_saved(void)
{
    char *text = read_source(CYC_SOURCE_DIR "/src/core/core_state.h");
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    const char *at = strstr(text, "struct cyc_core {");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at = strchr(at, '{') + 1;
    const char *last = strstr(at, "\n};");
    unsigned count = 0;
    for (const char *end = strchr(at, ';'); end != NULL && end < last; end = strchr(at, ';')) {
        char name[64];
        name_of(name, sizeof name, at, end);
        if (!is_left_out(name) && !is_saved(name)) {
            printf("\n%s is not saved: add it to the table of save.c\n", name);
            CU_FAIL("a field is not saved");
        }
        at = end + 1;
        count++;
    }
    CU_ASSERT(count > 90);
    CU_ASSERT_FALSE(is_saved("atoms"));
    free(text);
}

/* Members of members: a struct that grows is noticed by its size. */
static void the_structs_within_the_state_have_the_size_that_the_table_covers(void)
{
    CU_ASSERT_EQUAL(sizeof(struct cyc_fault), 32);
    CU_ASSERT_EQUAL(sizeof(struct cyc_setpoint), 40);
    CU_ASSERT_EQUAL(sizeof(struct cyc_environment), 40);
    CU_ASSERT_EQUAL(sizeof(struct cyc_sample), 16 + 8 * (5 + CYC_AUX_MAX + 3 + 4));
    CU_ASSERT_EQUAL(sizeof(struct cyc_sums), 32);
    CU_ASSERT_EQUAL(sizeof(struct cyc_band), 40);
    CU_ASSERT_EQUAL(sizeof(struct cyc_delta), 32);
    CU_ASSERT_EQUAL(sizeof(struct cyc_core_cutoff), 16);
    CU_ASSERT_EQUAL(sizeof(struct cyc_slope_point), 16);
    CU_ASSERT_EQUAL(sizeof(struct cyc_watch), 16);
    CU_ASSERT_EQUAL(sizeof(struct cyc_sum_watch), 16);
}

/* ---- Texts that do not fit --------------------------------------------------------------------
 */

static struct rig *charging(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    cut_capacity(rig, 0.5);
    rig->step.record.every_ns = MINUTE;
    rig_step(rig);
    rig_until(rig, 10 * MINUTE);
    return rig;
}

static void check_refused(const struct rig *rig, const struct cyc_step *step, const char *text)
{
    struct cyc_core core, before;
    struct cyc_err err = {0};
    memset(&core, 0x33, sizeof core);
    before = core;
    const int status = cyc_state_load(&core, step, text, &err);
    (void)rig;
    CU_ASSERT_EQUAL(status, CYC_E_JOURNAL);
    CU_ASSERT(strstr(err.text, "saved state") != NULL);
    CU_ASSERT_EQUAL(memcmp(&core, &before, sizeof core), 0);
}

/* A copy with `find` replaced once; to be freed. */
static char *replaced(const char *text, const char *find, const char *by)
{
    const char *at = strstr(text, find);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    const size_t size = strlen(text) + strlen(by) + 1;
    char *copy = malloc(size);
    (void)snprintf(copy, size, "%.*s%s%s", (int)(at - text), text, by, at + strlen(find));
    return copy;
}

static void a_text_that_does_not_fit_is_refused_as_a_whole(void)
{
    static const char *const edits[][2] = {
        {"executor 3\n", "executor 2\n"},
        {"\nstate 2", "\nstate 7"},
        {"\nstate 2", "\nstate"},
        {"\nstate 2", "\nstate -2"},
        {"\nstate 2", "\nstate 99999999999"},
        {"\nstate 2", "\nstate 99999999999999999999999"},
        {"\nstate 2", "\nstate 2 2"},
        {"\nstate 2", "\nstate x"},
        {"\nstate 2", "\nstaat 2"},
        {"\nnow_ns ", "\nnow_ns  "},
        {"\nfault.kind 0", "\nfault.kind 12"},
        {"\nbad_kind 0", "\nbad_kind 12"},
        {"\nfault.value 0", "\nfault.value 0x"},
        {"\nfault.value 0", "\nfault.value in"},
        {"\nsetpoint.control 1", "\nsetpoint.control 5"},
        {"\nblock_depth 0", "\nblock_depth 17"},
        {"\nband_count 0", "\nband_count 17"},
        {"\nbands.signal 0*16", "\nbands.signal 0*15 19"},
        {"\nbands.signal 0*16", "\nbands.signal 0*17"},
        {"\nbands.signal 0*16", "\nbands.signal 0*0"},
        {"\nbands.signal 0*16", "\nbands.signal 0*-16"},
        {"\nbands.signal 0*16", "\nbands.signal 0*"},
        {"\nbands.signal 0*16", "\nbands.signal 0*15"},
        {"\nentry_pending 0", "\nentry_pending 2"},
        {"\ndelta_count 0", "\ndelta_count 13"},
        {"\ndeltas.signal 0*12", "\ndeltas.signal 0*11 7"},
        {"\ndeltas.index 0*12", "\ndeltas.index 0*11 8"},
        {"\nbands.index 0*16", "\nbands.index 0*15 8"},
        {"\nfault.index 0", "\nfault.index 8"},
        {"\nbad_index 0", "\nbad_index 8"},
        {"\nwatch_count ", "\nwatch_count 9"},
        {"\nsum_count ", "\nsum_count 9"},
        {"\nsum_watches.scope ", "\nsum_watches.scope 19 "},
        {"\nsum_watches.scope 0", "\nsum_watches.scope 19"},
        {"\nsum_watches.signal ", "\nsum_watches.signal 2"},
        {"\npaused_by 0", "\npaused_by 34"},
        {"\nslope_first 0*4", "\nslope_first 0*3 128"},
        {"\nslope_count 0*4", "\nslope_count 0*3 129"},
        {"\nsegment 0", "\nsegment 1"},
        {"\nstate 2", "\nstate 4\nx"},
    };
    struct rig *rig = charging();
    struct cyc_text text = {0};
    cyc_state_save(&rig->core, &text);
    for (unsigned i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char *bent = replaced(cyc_text_get(&text), edits[i][0], edits[i][1]);
        check_refused(rig, &rig->step, bent);
        free(bent);
    }
    for (size_t size = 0; size < text.length; size += 37) {
        char *cut = strndup(cyc_text_get(&text), size);
        check_refused(rig, &rig->step, cut);
        free(cut);
    }
    cyc_text_append(&text, "more\n");
    check_refused(rig, &rig->step, cyc_text_get(&text));
    cyc_text_release(&text);
    rig_free(rig);
}

static void a_state_in_a_step_needs_that_step(void)
{
    struct rig *rig = charging();
    struct cyc_text text = {0};
    cyc_state_save(&rig->core, &text);
    check_refused(rig, NULL, cyc_text_get(&text));
    struct cyc_step other = rig->step;
    other.cutoff_count = CYC_CUTOFFS_MAX + 1;
    check_refused(rig, &other, cyc_text_get(&text));
    enum cyc_state state;
    uint32_t step_count;
    CU_ASSERT(cyc_state_peek(cyc_text_get(&text), &state, &step_count));
    CU_ASSERT_EQUAL(state, CYC_STATE_RUN);
    CU_ASSERT_EQUAL(step_count, 1);
    CU_ASSERT_FALSE(cyc_state_peek("executor", &state, &step_count));
    char *bent = replaced(cyc_text_get(&text), "\nstate 2", "\nstate 7");
    CU_ASSERT_FALSE(cyc_state_peek(bent, &state, &step_count));
    free(bent);
    cyc_text_release(&text);
    rig_free(rig);
}

static void a_pause_needs_its_cutoff(void)
{
    struct rig *rig = charging();
    struct cyc_text text = {0};
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    cyc_state_save(&rig->core, &text);
    char *bent = replaced(cyc_text_get(&text), "\npaused_by 32", "\npaused_by 1");
    check_refused(rig, &rig->step, bent);
    free(bent);
    bent = replaced(cyc_text_get(&text), "\npaused_by 32", "\npaused_by 0");
    struct cyc_core core;
    CU_ASSERT_EQUAL(cyc_state_load(&core, &rig->step, bent, NULL), CYC_OK);
    free(bent);
    cyc_text_release(&text);
    rig_free(rig);
}

static void a_step_without_segments_is_loaded_too(void)
{
    struct rig *rig = rig_new(0.2);
    make_rest(rig);
    rig->step.segment_count = 0;
    rig_step(rig);
    rig_sample(rig);
    struct cyc_text text = {0};
    struct cyc_core core;
    cyc_state_save(&rig->core, &text);
    CU_ASSERT_EQUAL(cyc_state_load(&core, &rig->step, cyc_text_get(&text), NULL), CYC_OK);
    cyc_text_release(&text);
    rig_free(rig);
}

static void numbers_of_all_sizes_come_back(void)
{
    struct rig *rig = rig_new(0.5);
    rig->core.record_count = UINT64_MAX;
    rig->core.now_ns = -INT64_MAX;
    rig->core.breached = UINT32_MAX;
    rig->core.fault.value = INFINITY;
    rig->core.fault.bound = -INFINITY;
    rig->core.last.aux[3] = NAN;
    rig->core.last.aux[4] = -0.0;
    rig->core.last.aux[5] = 5e-324;
    struct cyc_text text = {0};
    struct cyc_core core;
    cyc_state_save(&rig->core, &text);
    CU_ASSERT_EQUAL_FATAL(cyc_state_load(&core, NULL, cyc_text_get(&text), NULL), CYC_OK);
    CU_ASSERT(core.record_count == UINT64_MAX && core.now_ns == -INT64_MAX);
    CU_ASSERT(core.breached == UINT32_MAX && core.fault.value > 1e308 && core.fault.bound < -1e308);
    CU_ASSERT(isnan(core.last.aux[3]) && signbit(core.last.aux[4]) && core.last.aux[5] > 0);
    cyc_text_release(&text);
    rig_free(rig);
}

/* ---- Interruptions ----------------------------------------------------------------------------
 */

static void interrupt(struct rig *rig, double charge_Ah, uint64_t record_count)
{
    const struct cyc_absence absence = {.passed = {.charge_Ah = charge_Ah, .charge_Wh = 1},
                                        .record_count = record_count};
    rig_event(rig, &(struct cyc_event){.kind = CYC_EVENT_OPERATOR,
                                       .t_ns = rig->now_ns,
                                       .operator_word = CYC_OPERATOR_INTERRUPT,
                                       .absence = &absence});
}

/* The host is away for `ns`; the output went off at once. */
static void be_away(struct rig *rig, int64_t ns)
{
    rig->cell.setpoint.control = CYC_CONTROL_OPEN;
    rig_pass(rig, ns);
}

static void an_interrupted_step_goes_on_with_its_charge_and_time_kept(void)
{
    struct rig *rig = charging();
    const int64_t at_ns = rig->core.step_time_ns;
    const double had_Ah = rig->core.total[CYC_SCOPE_STEP].charge_Ah;
    rig->not_exact = true;
    be_away(rig, HOUR);
    interrupt(rig, 0, 0);
    CU_ASSERT(did(rig, CYC_ACTION_PAUSED) && did(rig, CYC_ACTION_SETPOINT));
    CU_ASSERT_EQUAL(rig->paused_tag, CYC_TAG_INTERRUPTION);
    CU_ASSERT_EQUAL(cyc_core_setpoint(&rig->core)->control, CYC_CONTROL_OPEN);
    CU_ASSERT(cyc_core_is_interrupted(&rig->core));
    rig_until(rig, rig->now_ns + 10 * MINUTE);
    CU_ASSERT_EQUAL(rig->core.step_time_ns, at_ns);
    CYC_NEAR(rig->core.total[CYC_SCOPE_STEP].charge_Ah, had_Ah, 0);
    rig_operator(rig, CYC_OPERATOR_CONTINUE);
    CU_ASSERT_FALSE(cyc_core_is_interrupted(&rig->core));
    CU_ASSERT_EQUAL(cyc_core_setpoint(&rig->core)->control, CYC_CONTROL_CURRENT);
    rig_until(rig, 5 * HOUR);
    CU_ASSERT_EQUAL_FATAL(rig->result_count, 1);
    const struct cyc_result *result = rig_result(rig);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_CAPACITY);
    CYC_NEAR((double)result->step_time_ns / 1e9, 1800, 1);
    CU_ASSERT_EQUAL(result->flags, CYC_RESULT_PAUSED | CYC_RESULT_INTERRUPTED);
    rig_free(rig);
}

/* A chamber may have come back from a power cut at its own setpoint. */
static void whoever_resumes_chamber_and_press_are_told_again(void)
{
    static const enum cyc_operator words[] = {CYC_OPERATOR_CONTINUE, CYC_OPERATOR_RESUME,
                                              CYC_OPERATOR_RESTART};
    for (unsigned i = 0; i < 3; i++) {
        struct rig *rig = charging();
        rig->core.environment.temperature_degC = 30.0;
        be_away(rig, MINUTE);
        interrupt(rig, 0, 0);
        CU_ASSERT_EQUAL(rig->environment_count, 0);
        rig_operator(rig, words[i]);
        CU_ASSERT_EQUAL(rig->environment_count, 1);
        CYC_NEAR(rig->environment.temperature_degC, 30.0, 0);
        rig_operator(rig, CYC_OPERATOR_PAUSE);
        rig_operator(rig, CYC_OPERATOR_RESUME); /* nobody was away in a pause */
        CU_ASSERT_EQUAL(rig->environment_count, 1);
        rig_free(rig);
    }
}

static void the_estimate_of_a_gap_is_added_and_told(void)
{
    struct rig *rig = charging();
    const double had_Ah = rig->core.total[CYC_SCOPE_STEP].charge_Ah;
    be_away(rig, MINUTE);
    interrupt(rig, 0.01, 40);
    CYC_NEAR(rig->core.total[CYC_SCOPE_STEP].charge_Ah, had_Ah + 0.01, 1e-15);
    CYC_NEAR(rig->core.total[CYC_SCOPE_TEST].charge_Ah, had_Ah + 0.01, 1e-15);
    rig_operator(rig, CYC_OPERATOR_CONTINUE);
    rig_until(rig, 5 * HOUR);
    CU_ASSERT((rig_result(rig)->flags & CYC_RESULT_ESTIMATED) != 0);
    CU_ASSERT((rig_result(rig)->flags & CYC_RESULT_EXACT) == 0);
    CU_ASSERT_EQUAL(rig->records[11].index, 41); /* rows that others wrote are counted */
    rig_step(rig);
    rig_until(rig, 9 * HOUR);
    CU_ASSERT_EQUAL(rig_result(rig)->flags, CYC_RESULT_EXACT); /* not the next step's business */
    rig_free(rig);
}

static void fewer_rows_than_known_are_no_news(void)
{
    struct rig *rig = charging();
    const uint64_t count = rig->core.record_count;
    const struct cyc_absence absence = {.passed = {.discharge_Ah = 0.001}, .record_count = 1};
    rig_event(rig, &(struct cyc_event){.kind = CYC_EVENT_OPERATOR,
                                       .t_ns = rig->now_ns,
                                       .operator_word = CYC_OPERATOR_INTERRUPT,
                                       .absence = &absence});
    CU_ASSERT_EQUAL(rig->core.record_count, count);
    CYC_NEAR(rig->core.total[CYC_SCOPE_STEP].discharge_Ah, 0.001, 0);
    rig_free(rig);
}

static void a_restarted_step_begins_anew_and_its_charge_stays_in_the_cycle(void)
{
    struct rig *rig = charging();
    const double had_Ah = rig->core.total[CYC_SCOPE_STEP].charge_Ah;
    be_away(rig, MINUTE);
    interrupt(rig, 0, 0);
    rig_sample(rig);
    rig_operator(rig, CYC_OPERATOR_RESTART);
    rig_until(rig, 5 * HOUR);
    CU_ASSERT_EQUAL_FATAL(rig->result_count, 1);
    const struct cyc_result *result = rig_result(rig);
    CU_ASSERT_EQUAL(result->step_count, 1);
    CYC_NEAR(result->sums.charge_Ah, 0.5, 1e-6);
    CYC_NEAR((double)result->step_time_ns / 1e9, 1800, 1e-3);
    CU_ASSERT_EQUAL(result->start_ns, 11 * MINUTE);
    CU_ASSERT_EQUAL(result->flags,
                    CYC_RESULT_EXACT | CYC_RESULT_INTERRUPTED | CYC_RESULT_RESTARTED);
    CYC_NEAR(cyc_core_sums(&rig->core, CYC_SCOPE_TEST)->charge_Ah, had_Ah + 0.5, 1e-6);
    rig_free(rig);
}

static void a_rest_counts_on_while_nobody_looks(void)
{
    struct rig *rig = rig_new(0.5);
    make_rest(rig);
    cut_time(rig, 3600);
    rig_step(rig);
    rig_until(rig, 10 * MINUTE);
    be_away(rig, 30 * MINUTE);
    interrupt(rig, 0, 0);
    rig_operator(rig, CYC_OPERATOR_CONTINUE);
    rig_until(rig, 5 * HOUR);
    CYC_NEAR((double)rig_result(rig)->end_ns / 1e9, 3600, 1);
    rig_free(rig);
}

/* Charges at 1 A, pausing above 45 degC until below 30 degC. */
static struct rig *hot(void)
{
    struct rig *rig = rig_new(0.2);
    rig->cell.temperature_degC = 46;
    rig->cell.cooling_K_per_s = 0.02;
    make_cc(rig, 1.0);
    cut_capacity(rig, 0.1);
    struct cyc_cutoff *cut =
        cutoff(rig, compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_GT, 45), CYC_REASON_TEMPERATURE);
    cut->action = CYC_FOLLOW_PAUSE;
    cut->resume = compare(rig, CYC_SIGNAL_TEMPERATURE, CYC_OP_LT, 30);
    cut->pause_timeout_ns = HOUR;
    rig_step(rig);
    while (rig->paused_count == 0) {
        rig_turn(rig);
    }
    return rig;
}

static void a_pause_by_a_cutoff_waits_on_after_an_interruption(void)
{
    struct rig *rig = hot();
    be_away(rig, 2 * HOUR); /* longer than the pause may last, and cold by now */
    interrupt(rig, 0, 0);
    CU_ASSERT_EQUAL(rig->paused_count, 1);
    rig_until(rig, rig->now_ns + 2 * HOUR);
    rig_deadline(rig, rig->now_ns);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_PAUSED); /* held: nothing ends it */
    rig_operator(rig, CYC_OPERATOR_CONTINUE);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_PAUSED);
    rig_turn(rig);
    rig_turn(rig);
    CU_ASSERT_EQUAL(rig->resumed_count, 1); /* by its own condition */
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
}

static void a_pause_by_the_operator_outlives_an_interruption(void)
{
    struct rig *rig = charging();
    rig_operator(rig, CYC_OPERATOR_PAUSE);
    be_away(rig, MINUTE);
    interrupt(rig, 0, 0);
    rig_operator(rig, CYC_OPERATOR_CONTINUE);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_PAUSED);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    CU_ASSERT_EQUAL(cyc_core_setpoint(&rig->core)->control, CYC_CONTROL_CURRENT);
    rig_free(rig);
}

static void an_operator_may_resume_what_is_held(void)
{
    struct rig *rig = charging();
    be_away(rig, MINUTE);
    interrupt(rig, 0, 0);
    rig_sample(rig);
    rig_operator(rig, CYC_OPERATOR_RESUME);
    CU_ASSERT_FALSE(cyc_core_is_interrupted(&rig->core));
    CU_ASSERT_EQUAL(cyc_core_setpoint(&rig->core)->control, CYC_CONTROL_CURRENT);
    rig_operator(rig, CYC_OPERATOR_CONTINUE); /* say no more */
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    rig_operator(rig, CYC_OPERATOR_RESTART);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    rig_free(rig);
}

static void between_two_steps_the_circuit_is_opened(void)
{
    struct rig *rig = charging();
    (void)rig_until(rig, 5 * HOUR);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE);
    const uint32_t number = cyc_core_setpoint(&rig->core)->number;
    rig_event(rig, &(struct cyc_event){.kind = CYC_EVENT_OPERATOR,
                                       .t_ns = rig->now_ns,
                                       .operator_word = CYC_OPERATOR_INTERRUPT});
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_IDLE);
    CU_ASSERT_EQUAL(cyc_core_setpoint(&rig->core)->control, CYC_CONTROL_OPEN);
    CU_ASSERT_EQUAL(cyc_core_setpoint(&rig->core)->number, number + 1);
    CU_ASSERT_FALSE(cyc_core_is_interrupted(&rig->core));
    CU_ASSERT_EQUAL(cyc_core_step_count(&rig->core), 1);
    CU_ASSERT_EQUAL(cyc_core_last(&rig->core), &rig->core.last);
    double voltage_V, current_A;
    cyc_core_known(&rig->core, &voltage_V, &current_A); /* also after the trapezoid was cut */
    CYC_NEAR(voltage_V, rig->core.last.voltage_V, 0);
    CYC_NEAR(current_A, rig->core.last.current_A, 0);
    rig_free(rig);
}

static void a_fault_is_not_interrupted(void)
{
    struct rig *rig = charging();
    rig_reply(rig, CYC_REPLY_FAILED);
    interrupt(rig, 1, 0);
    CU_ASSERT_EQUAL(rig->actions.count, 0);
    CU_ASSERT_EQUAL(cyc_core_state(&rig->core), CYC_STATE_FAULT);
    rig_free(rig);
}

static void bad_data_before_a_gap_are_no_fault_after_it(void)
{
    struct rig *rig = charging();
    struct cyc_sample sample = rig_peek(rig);
    sample.voltage_V = NAN;
    rig_give(rig, &sample);
    CU_ASSERT(rig->core.bad_since_ns != CYC_NEVER);
    be_away(rig, MINUTE);
    interrupt(rig, 0, 0);
    rig_deadline(rig, rig->now_ns + SECOND);
    CU_ASSERT_EQUAL(rig->safe_count, 0);
    rig_free(rig);
}

static void an_entry_that_was_pending_is_tried_again(void)
{
    struct rig *rig = rig_new(0.2);
    make_cc(rig, 1.0);
    cut_capacity(rig, 0.5);
    rig_step(rig); /* no sample yet: nothing was sent */
    CU_ASSERT_EQUAL(rig->setpoint_count, 0);
    CU_ASSERT_PTR_NULL(cyc_core_last(&rig->core));
    double voltage_V, current_A;
    cyc_core_known(&rig->core, &voltage_V, &current_A);
    CU_ASSERT(isnan(voltage_V) && isnan(current_A));
    rig->core.has_previous = true;
    cyc_core_known(&rig->core, &voltage_V, &current_A);
    CU_ASSERT_FALSE(isnan(voltage_V));
    rig->core.has_previous = false;
    interrupt(rig, 0, 0);
    rig_operator(rig, CYC_OPERATOR_CONTINUE);
    rig_until(rig, HOUR);
    CYC_NEAR(rig_result(rig)->sums.charge_Ah, 0.5, 1e-9);
    rig_free(rig);
}

static void chamber_and_press_are_asked_again(void)
{
    for (int i = 0; i < 4; i++) {
        struct rig *rig = rig_new(0.5);
        make_rest(rig);
        rig->step.mode = i < 2 ? CYC_MODE_TEMPERATURE : CYC_MODE_PRESSURE;
        rig->step.environment = (struct cyc_environment){
            .temperature_degC = i == 0 ? 40.0 : (double)NAN,
            .ramp_K_per_s = NAN,
            .temperature_off = i == 1,
            .pressure_Pa = i == 2 ? 2e6 : (double)NAN,
            .pressure_off = i == 3,
        };
        cut_time(rig, 3600);
        rig_step(rig);
        rig_until(rig, 10 * MINUTE);
        CU_ASSERT_EQUAL(rig->environment_count, 1);
        be_away(rig, MINUTE);
        interrupt(rig, 0, 0);
        rig_sample(rig);
        rig_operator(rig, i % 2 == 0 ? CYC_OPERATOR_CONTINUE : CYC_OPERATOR_RESTART);
        CU_ASSERT_EQUAL(rig->environment_count, 2);
        CU_ASSERT_EQUAL(
            memcmp(&rig->environment, cyc_core_environment(&rig->core), sizeof rig->environment),
            0);
        rig_free(rig);
    }
}

const struct cyc_check cyc_check_save[] = {
    CYC_CHECK(every_field_of_the_state_is_saved),
    CYC_CHECK(the_structs_within_the_state_have_the_size_that_the_table_covers),
    CYC_CHECK(a_text_that_does_not_fit_is_refused_as_a_whole),
    CYC_CHECK(a_state_in_a_step_needs_that_step),
    CYC_CHECK(a_pause_needs_its_cutoff),
    CYC_CHECK(a_step_without_segments_is_loaded_too),
    CYC_CHECK(numbers_of_all_sizes_come_back),
    CYC_CHECK(an_interrupted_step_goes_on_with_its_charge_and_time_kept),
    CYC_CHECK(whoever_resumes_chamber_and_press_are_told_again),
    CYC_CHECK(the_estimate_of_a_gap_is_added_and_told),
    CYC_CHECK(fewer_rows_than_known_are_no_news),
    CYC_CHECK(a_restarted_step_begins_anew_and_its_charge_stays_in_the_cycle),
    CYC_CHECK(a_rest_counts_on_while_nobody_looks),
    CYC_CHECK(a_pause_by_a_cutoff_waits_on_after_an_interruption),
    CYC_CHECK(a_pause_by_the_operator_outlives_an_interruption),
    CYC_CHECK(an_operator_may_resume_what_is_held),
    CYC_CHECK(between_two_steps_the_circuit_is_opened),
    CYC_CHECK(a_fault_is_not_interrupted),
    CYC_CHECK(bad_data_before_a_gap_are_no_fault_after_it),
    CYC_CHECK(an_entry_that_was_pending_is_tried_again),
    CYC_CHECK(chamber_and_press_are_asked_again),
    {0},
};
