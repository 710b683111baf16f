/* The gates of resuming: one legal case, and everything that must hold a run. */
#include "check/check.h"
#include "run/resume.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The gates --------------------------------------------------------------------------------
 */

/* A CC step at 4.5 mA of a cell of 1.8 mAh, the host away for three seconds. */
static struct cyc_resume_facts legal(void)
{
    const struct cyc_identity who = {.maker = "KEITHLEY INSTRUMENTS INC.",
                                     .model = "MODEL 2400",
                                     .serial_number = "1234567",
                                     .firmware = "C30"};
    return (struct cyc_resume_facts){
        .has_state = true,
        .rig_then = "{\"cycler\":\"smu1\"}",
        .rig_now = "{\"cycler\":\"smu1\"}",
        .cell_then = "N-LMRO-7",
        .cell_now = "N-LMRO-7",
        .then = who,
        .now = who,
        .link_up = true,
        .gap_ns = 3 * CYC_S_NS,
        .bound_Ah = 1e-6,
        .nominal_Ah = 1.8e-3,
        .last_V = 3.70,
        .last_A = 4.5e-3,
        .now_V = 3.66,
        .now_A = 0,
        .resistance_ohm = NAN,
        .last_degC = 30,
        .now_degC = 29,
        .low_degC = 20,
        .high_degC = 60,
        .voltage_min_V = 2,
        .voltage_max_V = 4.9,
        .has_step = true,
        .wish = CYC_INTERRUPTION_CONTINUE,
        .max_gap_ns = 600 * CYC_S_NS,
        .resumable = true,
        .same_port = true,
    };
}

static void the_legal_case_goes_on_as_the_step_wishes(void)
{
    struct cyc_resume_facts facts = legal();
    struct cyc_resume_verdict verdict;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
    CYC_SAME(verdict.why, "");
    facts.wish = CYC_INTERRUPTION_RESTART;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_RESTART);
    facts.has_step = false;
    facts.wish = CYC_INTERRUPTION_HOLD;
    facts.max_gap_ns = 0;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
}

struct mismatch {
    const char *name; /* of the case, for the report of a failure */
    void (*bend)(struct cyc_resume_facts *facts);
    const char *why; /* what the reason says */
};

#define BEND(name, statement)                                                                      \
    static void name(struct cyc_resume_facts *f)                                                   \
    {                                                                                              \
        statement;                                                                                 \
    }
BEND(the_folder_is_damaged, f->folder_status = CYC_E_JOURNAL; f->folder_text = "newer schema")
BEND(the_folder_says_nothing, f->folder_status = CYC_E_FILE)
BEND(a_step_differs, f->replay_status = CYC_E_JOURNAL; f->folder_text = "step 3 differs")
BEND(the_source_fails, f->replay_status = CYC_E_SCRIPT)
BEND(there_is_no_state, f->has_state = false)
BEND(it_had_faulted, f->faulted = true)
BEND(limits_changed, f->rig_now = "{\"cycler\":\"smu1\",\"limits\":1}")
BEND(the_rig_is_not_known, f->rig_then = "")
BEND(the_rig_is_nothing, f->rig_now = NULL)
BEND(another_cell, f->cell_now = "N-LMRO-8")
BEND(no_cell_is_named, f->cell_now = ""; f->cell_then = "")
BEND(no_link, f->link_up = false)
BEND(another_maker, (void)cyc_copy(f->now.maker, 64, "ACME"))
BEND(another_model, (void)cyc_copy(f->now.model, 64, "MODEL 2410"))
BEND(another_instrument, (void)cyc_copy(f->now.serial_number, 64, "7654321"))
BEND(another_firmware, (void)cyc_copy(f->now.firmware, 64, "C33"))
BEND(power_came_back, f->now.power_on = true)
BEND(the_latch_is_set, f->latched = true)
BEND(a_protection_tripped, f->protection = true)
BEND(it_cannot_be_set_up, f->arm_status = CYC_E_REFUSED; f->arm_text = "not read back")
BEND(too_long, f->gap_ns = 601 * CYC_S_NS)
BEND(nobody_knows_how_long, f->gap_ns = CYC_NEVER)
BEND(the_clock_went_back, f->gap_ns = -1)
BEND(too_much_unseen, f->bound_Ah = 9.1e-6)
BEND(unseen_is_not_known, f->bound_Ah = NAN)
BEND(no_nominal_capacity, f->nominal_Ah = NAN)
BEND(no_current_is_measured, f->now_A = NAN)
BEND(a_current_flows, f->now_A = 4.5e-3)
BEND(no_voltage_is_measured, f->now_V = NAN)
BEND(no_voltage_was_measured, f->last_V = NAN)
BEND(the_voltage_fell, f->now_V = 3.649)
BEND(the_voltage_rose, f->now_V = 3.751)
BEND(the_holder_is_empty, f->now_V = 0.01)
BEND(below_the_limits, f->gap_ns = 599 * CYC_S_NS; f->now_V = 1.9)
BEND(above_the_limits_after_long, f->max_gap_ns = CYC_NEVER - 1; f->gap_ns = 7200 * CYC_S_NS;
     f->now_V = 4.95)
BEND(too_cold, f->now_degC = 19)
BEND(too_hot, f->now_degC = 61)
BEND(no_temperature_any_more, f->now_degC = NAN)
BEND(away_from_where_it_was, f->low_degC = NAN; f->high_degC = NAN; f->now_degC = 24.9)
BEND(hot_from_where_it_was, f->low_degC = NAN; f->high_degC = NAN; f->now_degC = 35.1)
BEND(the_step_says_hold, f->wish = CYC_INTERRUPTION_HOLD)

static const struct mismatch mismatches[] = {
#define CASE(name, why)                                                                            \
    {                                                                                              \
#name, name, why                                                                           \
    }
    CASE(the_folder_is_damaged, "newer schema"),
    CASE(the_folder_says_nothing, "file error"),
    CASE(a_step_differs, "step 3 differs"),
    CASE(the_source_fails, "Lua"),
    CASE(there_is_no_state, "does not hold the state"),
    CASE(it_had_faulted, "fault"),
    CASE(limits_changed, "rig file"),
    CASE(the_rig_is_not_known, "rig file"),
    CASE(the_rig_is_nothing, "rig file"),
    CASE(another_cell, "'N-LMRO-8' now, 'N-LMRO-7' when"),
    CASE(no_cell_is_named, "another cell"),
    CASE(no_link, "does not answer"),
    CASE(another_maker, "another maker"),
    CASE(another_model, "another model"),
    CASE(another_instrument, "another serial number answers: '7654321', it was '1234567'"),
    CASE(another_firmware, "another firmware"),
    CASE(power_came_back, "switched off or reset"),
    CASE(the_latch_is_set, "rearm"),
    CASE(a_protection_tripped, "protection"),
    CASE(it_cannot_be_set_up, "protections: not read back"),
    CASE(too_long, "longer than max_gap"),
    CASE(nobody_knows_how_long, "clock"),
    CASE(the_clock_went_back, "clock"),
    CASE(too_much_unseen, "0.0091 mAh"),
    CASE(unseen_is_not_known, "unseen"),
    CASE(no_nominal_capacity, "nominal"),
    CASE(no_current_is_measured, "current is not measured"),
    CASE(a_current_flows, "4.5 mA"),
    CASE(no_voltage_is_measured, "voltage is not measured"),
    CASE(no_voltage_was_measured, "voltage is not measured"),
    CASE(the_voltage_fell, "between 3.65 V and 3.75 V"),
    CASE(the_voltage_rose, "3.751 V"),
    CASE(the_holder_is_empty, "outside the limits"),
    CASE(below_the_limits, "outside the limits"),
    CASE(above_the_limits_after_long, "outside the limits"),
    CASE(too_cold, "19 degC"),
    CASE(too_hot, "61 degC"),
    CASE(no_temperature_any_more, "not measured"),
    CASE(away_from_where_it_was, "25 degC to 35 degC"),
    CASE(hot_from_where_it_was, "35.1 degC"),
    CASE(the_step_says_hold, "after_interruption: hold"),
};

static void every_mismatch_holds_the_run_and_says_why(void)
{
    for (size_t i = 0; i < sizeof mismatches / sizeof mismatches[0]; i++) {
        struct cyc_resume_facts facts = legal();
        struct cyc_resume_verdict verdict;
        mismatches[i].bend(&facts);
        cyc_resume_judge(&facts, &verdict);
        const bool right =
            verdict.action == CYC_RESUME_HOLD && strstr(verdict.why, mismatches[i].why) != NULL;
        CU_ASSERT(right);
        if (!right) {
            printf("\n%s: %s: %s\n", mismatches[i].name, cyc_resume_action_name(verdict.action),
                   verdict.why);
        }
    }
}

static void what_only_looks_odd_goes_on(void)
{
    struct cyc_resume_verdict verdict;
    struct cyc_resume_facts facts = legal();
    facts.bound_Ah = 0; /* all was seen: no nominal capacity is asked for */
    facts.nominal_Ah = NAN;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
    facts = legal(); /* after long the cell may have relaxed further */
    facts.gap_ns = 3600 * CYC_S_NS;
    facts.max_gap_ns = 7200 * CYC_S_NS;
    facts.now_V = 3.5;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
    facts = legal(); /* it had not looked at the cell yet */
    facts.untouched = true;
    facts.last_V = facts.last_A = NAN;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
    facts.now_V = 1.9;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_HOLD);
    facts = legal(); /* nobody measures the temperature */
    facts.last_degC = NAN;
    facts.now_degC = NAN;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
    facts = legal(); /* 4.5 mA over 40 ohm: 180 mV below under charge, not above */
    facts.resistance_ohm = 40;
    facts.now_V = 3.48;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
    facts.now_V = 3.76;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_HOLD);
    facts.was_open = true;
    facts.now_V = 3.48;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_HOLD);
}

static void what_a_person_restarted_goes_on_whatever_the_step_says(void)
{
    struct cyc_resume_verdict verdict;
    struct cyc_resume_facts facts = legal();
    facts.planned = true;
    facts.wish = CYC_INTERRUPTION_HOLD;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
    CYC_SAME(verdict.why, "");
    facts.wish = CYC_INTERRUPTION_RESTART; /* nothing of the step is lost */
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_CONTINUE);
}

static void what_else_happened_in_a_restart_goes_by_the_usual_rules(void)
{
    struct cyc_resume_verdict verdict;
    for (size_t i = 0; i < sizeof mismatches / sizeof mismatches[0] - 1; i++) { /* but the wish */
        struct cyc_resume_facts facts = legal();
        facts.planned = true;
        mismatches[i].bend(&facts);
        cyc_resume_judge(&facts, &verdict);
        CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_HOLD);
        CU_ASSERT_PTR_NOT_NULL(strstr(verdict.why, mismatches[i].why));
    }
    struct cyc_resume_facts facts = legal();
    facts.planned = true;
    facts.wish = CYC_INTERRUPTION_HOLD;
    facts.same_port = false;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_HOLD);
    CU_ASSERT_PTR_NOT_NULL(strstr(verdict.why, "port was replaced"));
    CU_ASSERT_PTR_NOT_NULL(strstr(verdict.why, "after_interruption: hold"));
    facts.wish = CYC_INTERRUPTION_RESTART;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_RESTART);
    facts.same_port = true;
    facts.resumable = false; /* a pulse that has rested in between is another pulse */
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_RESTART);
    facts.wish = CYC_INTERRUPTION_HOLD;
    cyc_resume_judge(&facts, &verdict);
    CU_ASSERT_EQUAL(verdict.action, CYC_RESUME_HOLD);
    CU_ASSERT_PTR_NOT_NULL(strstr(verdict.why, "of this kind"));
}

/* ---- What the host remembers ------------------------------------------------------------------
 */

static struct cyc_resume_host a_host(void)
{
    struct cyc_resume_host host = {.rate = 1000,
                                   .boot_ns = 123456789012345,
                                   .time_ns = 42,
                                   .t_ns = 43,
                                   .unix_ns = 1767225600123456789,
                                   .settle_number = 7,
                                   .settle_ns = 99,
                                   .cycler = {.maker = "A\nB", .model = "", .firmware = "1.0"}};
    for (unsigned i = 0; i < CYC_RESUME_SENSORS; i++) {
        host.values[i] = i % 2 == 0 ? 20.1 + i : (double)NAN;
        host.times_ns[i] = i % 2 == 0 ? 1000 + i : 0;
    }
    return host;
}

static void what_the_host_remembers_comes_back(void)
{
    const struct cyc_resume_host host = a_host();
    struct cyc_resume_host back;
    struct cyc_text text = {0};
    cyc_resume_host_save(&host, &text);
    CU_ASSERT_EQUAL_FATAL(cyc_resume_host_load(&back, cyc_text_get(&text), NULL), CYC_OK);
    CU_ASSERT(back.rate > 999 && back.rate < 1001);
    CU_ASSERT(back.boot_ns == host.boot_ns && back.time_ns == 42);
    CU_ASSERT(back.t_ns == 43 && back.unix_ns == host.unix_ns);
    CU_ASSERT(back.settle_number == 7 && back.settle_ns == 99);
    CYC_SAME(back.cycler.maker, "A B"); /* one line */
    CYC_SAME(back.cycler.model, "");
    CYC_SAME(back.cycler.firmware, "1.0");
    for (unsigned i = 0; i < CYC_RESUME_SENSORS; i++) {
        CU_ASSERT(isnan(host.values[i]) ? isnan(back.values[i])
                                        : memcmp(&host.values[i], &back.values[i], 8) == 0);
        CU_ASSERT_EQUAL(back.times_ns[i], host.times_ns[i]);
    }
    for (size_t size = 0; size + 1 < text.length; size++) { /* torn anywhere but between sensors */
        char *cut = strndup(cyc_text_get(&text), size);
        struct cyc_resume_host torn;
        if (strstr(cut, "\nsensor ") == NULL && strstr(cut, "1.0\n") == NULL) {
            CU_ASSERT_EQUAL(cyc_resume_host_load(&torn, cut, NULL), CYC_E_JOURNAL);
        }
        free(cut);
    }
    cyc_text_release(&text);
}

const struct cyc_check cyc_check_resume[] = {
    CYC_CHECK(the_legal_case_goes_on_as_the_step_wishes),
    CYC_CHECK(every_mismatch_holds_the_run_and_says_why),
    CYC_CHECK(what_only_looks_odd_goes_on),
    CYC_CHECK(what_a_person_restarted_goes_on_whatever_the_step_says),
    CYC_CHECK(what_else_happened_in_a_restart_goes_by_the_usual_rules),
    CYC_CHECK(what_the_host_remembers_comes_back),
    {0},
};
