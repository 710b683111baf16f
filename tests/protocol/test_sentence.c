#include "check/check.h"
#include "protocol/sentence.h"

#include <stdio.h>
#include <string.h>

static void write_node(struct cyc_text *out, const struct cyc_node *node)
{
    if (node->key != NULL) {
        cyc_text_format(out, "%s: ", node->key);
    }
    if (node->type == CYC_NODE_SCALAR) {
        cyc_text_append(out, node->text);
        return;
    }
    const bool list = node->type == CYC_NODE_SEQUENCE;
    unsigned count = 0;
    cyc_text_append(out, list ? "[" : "{");
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        cyc_text_append(out, count++ > 0 ? ", " : "");
        write_node(out, child);
    }
    CU_ASSERT_EQUAL(count, node->child_count);
    cyc_text_append(out, list ? "]" : "}");
}

/* The mapping of a sentence, or "column+width: message (hint)". */
static void check(const char *text, const char *expected)
{
    struct cyc_arena arena;
    static struct cyc_diags diags;
    struct cyc_text out = {0};
    cyc_arena_init(&arena, 1u << 16);
    cyc_diags_init(&diags);
    const struct cyc_node *const node = cyc_sentence_parse(
        text, strlen(text), (struct cyc_pos){.line = 1, .column = 1}, &arena, &diags);
    if (node != NULL) {
        CU_ASSERT_EQUAL(diags.count, 0);
        write_node(&out, node);
    } else {
        CU_ASSERT_EQUAL_FATAL(diags.count, 1);
        const struct cyc_diag *const diag = &diags.items[0];
        cyc_text_format(&out, "%u+%u: %s", diag->pos.column, diag->pos.width, diag->message);
        CU_ASSERT_PTR_NOT_NULL(diag->hint != NULL || strstr(diag->message, "blank") != NULL
                                   ? text : NULL);
    }
    CYC_SAME(cyc_text_get(&out), expected);
    cyc_text_release(&out);
    cyc_diags_release(&diags);
    cyc_arena_release(&arena);
}

static void each_clause_becomes_a_key(void)
{
    check("Charge at C/20 for 3 hours or until 4.2 V (5 minute period)",
          "{charge: C/20, cutoff: [3 h, 4.2 V], record: {every: 5 min}}");
    check("Charge at C/20 for 3 hours or until 4.2 V", "{charge: C/20, cutoff: [3 h, 4.2 V]}");
    check("Charge at C/20 until 4.2 V", "{charge: C/20, cutoff: 4.2 V}");
    check("Hold at 4.2 V until C/50", "{hold: 4.2 V, cutoff: C/50}");
    check("Hold at 4.2 V until 50 mA", "{hold: 4.2 V, cutoff: 50 mA}");
    check("Rest for 1 hour (5 minute period)", "{rest: 1 h, record: {every: 5 min}}");
    check("Rest for 1 hour", "{rest: 1 h}");
    check("Discharge at 1 W until > 3.0 V", "{discharge: 1 W, cutoff: voltage > 3.0 V}");
    check("Discharge at 1 W until >3.0V", "{discharge: 1 W, cutoff: voltage > 3.0 V}");
    check("Discharge at 4 Ohm until 2500mV", "{discharge: 4 ohm, cutoff: 2500 mV}");
    check("Discharge at 0.5C for 30 min", "{discharge: 0.5 C, cutoff: 30 min}");
    check("Charge at 1C for 90 m until 4.2V", "{charge: 1 C, cutoff: [90 min, 4.2 V]}");
    check("Rest for 10 hours or until < 3 V", "{rest: 10 h, cutoff: voltage < 3 V}");
    check("Hold at 4.2 V for 30 sec", "{hold: 4.2 V, cutoff: 30 s}");
}

static void each_node_stands_at_its_place(void)
{
    struct cyc_arena arena;
    static struct cyc_diags diags;
    const char *const text = "Charge at C/20 for 3 hours or until 4.2 V (5 minute period)";
    cyc_arena_init(&arena, 1u << 16);
    cyc_diags_init(&diags);
    const struct cyc_node *const node = cyc_sentence_parse(
        text, strlen(text), (struct cyc_pos){.file = 2, .line = 7, .column = 5}, &arena, &diags);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node);
    const struct cyc_node *const setpoint = node->child;
    const struct cyc_node *const ends = setpoint->next;
    const struct cyc_node *const every = ends->next->child;
    CU_ASSERT(setpoint->pos.file == 2 && setpoint->pos.line == 7);
    CU_ASSERT(setpoint->pos.column == 15 && setpoint->pos.width == 4);
    CU_ASSERT(ends->child->pos.column == 24 && ends->child->pos.width == 7);
    CU_ASSERT(ends->child->next->pos.column == 41 && ends->child->next->pos.width == 5);
    CU_ASSERT(every->pos.column == 48 && every->pos.width == 8);
    cyc_diags_release(&diags);
    cyc_arena_release(&arena);
}

static void several_ends_are_refused(void)
{
    check("Hold at 4.2 V until 10 mA or C/50", "27+2: a sentence has one until");
    check("Hold at 4.2 V until 10 mA until C/50", "27+5: a sentence has one until");
    check("Charge at 1C until 4.2 V for 3 hours", "26+3: the time comes before until");
}

static void nothing_is_lost_behind_the_period(void)
{
    check("Charge at 1C for 1 hour (1 minute period) until 4.2V",
          "43+5: nothing may follow the period");
    check("Charge at 1C for 1 hour (1 minute period) or until 4.2V",
          "43+2: nothing may follow the period");
    check("Charge at 1C until 4.2 V please", "26+6: this is not understood here");
    check("Charge at 1C until 4.2 V vs Li/Li+", "26+2: this is not understood here");
}

static void a_charge_never_runs_at_a_voltage_and_a_hold_never_at_a_current(void)
{
    check("Charge at 4.2 V until C/50",
          "11+3: a charge or discharge runs at a current or power, not at a voltage");
    check("Discharge at 2.5 V until C/50",
          "14+3: a charge or discharge runs at a current or power, not at a voltage");
    check("Hold at 1 A until 4.2 V", "9+1: Hold holds a voltage");
    check("Hold at C/2 until 4.2 V", "9+3: Hold holds a voltage");
    check("Charge at 4 Ohm until 4.2 V", "11+1: a constant load only discharges");
}

static void odd_c_rates_are_refused(void)
{
    check("Charge at C 20 until 4.2 V", "11+1: this C-rate has no meaning");
    check("Charge at C20 until 4.2 V", "11+3: this C-rate has no meaning");
    check("Charge at 3C/4 until 4.2 V", "13+2: this is not understood here");
    check("Charge at -C/2 until 4.2 V", "11+4: a number is due here");
    check("Charge at C until 4.2 V", "11+1: this C-rate has no meaning");
    check("Charge at D/2 until 4.2 V", "11+3: a number is due here");
    check("Charge at 5 mC until 4.2 V", "11+1: sentences do not know this unit");
    check("Charge at C/0 until 4.2 V", "13+1: this must be more than zero");
    check("Charge at -1 C until 4.2 V", "11+2: this must be more than zero");
}

static void unknown_units_are_refused(void)
{
    check("Discharge at 1 kW until 3 V", "14+1: sentences do not know this unit");
    check("Charge at 5 uA until 3 V", "11+1: sentences do not know this unit");
    check("Charge at 1 A until 10 mAh", "21+2: sentences do not know this unit");
    check("Rest for 3 day", "10+1: sentences do not know this unit of time");
    check("Rest for 2 hrs", "10+1: sentences do not know this unit of time");
    check("Rest for 1h30m", "12+3: this is not understood here");
    check("Charge at 1 A until 3 W",
          "21+1: a sentence ends at a voltage, a current or a time");
    check("Charge at 1 A until 5 Ohm",
          "21+1: a sentence ends at a voltage, a current or a time");
    check("Discharge at 1 W until >= 3.0 V", "24+2: sentences do not know this comparison");
}

static void a_rest_always_ends(void)
{
    check("Rest", "1+4: a rest needs a time, or it might never end");
    check("Rest until > 3 V", "1+4: a rest needs a time, or it might never end");
    check("Rest for 10 hours or until 3 V",
          "28+1: a rest has no direction in which it would reach a voltage");
    check("Rest for 0 s", "10+1: this must be more than zero");
    check("Rest for -5 s", "10+2: this must be more than zero");
}

static void a_step_without_an_end_is_refused(void)
{
    check("Charge at 1C", "1+6: this step has no end");
    check("Hold at 4.2 V", "1+4: this step has no end");
    check("Charge at 1C for 3 hours or", "26+2: until is missing after or");
    check("Hold at 4.2 V until 4.1 V",
          "21+3: a hold cannot end at a voltage: it is holding one");
    check("Charge at 1C until 50 mA",
          "20+2: only a hold ends at a current: that of the others is constant or zero");
    check("Hold at 4.2 V until < 50 mA", "21+1: tools disagree about the sign of this current");
}

static void the_first_word_is_one_of_four(void)
{
    check("charge at 1 C until 4.2 V", "1+6: no sentence begins with this word");
    check("rest for 1 hour", "1+4: no sentence begins with this word");
    check("Run US06 (A)", "1+3: a drive cycle is no sentence");
    check("Charge 1C until 4.2 V", "7+1: \" at \" is missing here");
    check("Charge at 1C until 4.2 V at 25oC", "31+2: a sentence sets no temperature");
    check("", "1+1: an empty sentence");
}

static void words_stand_one_blank_apart(void)
{
    check("Charge  at 1C until 4.2 V", "7+1: \" at \" is missing here");
    check("Charge at 1C  until 4.2 V", "14+1: words stand one blank apart");
    check("Rest for 1 hour ", "16+1: words stand one blank apart");
    check("Rest for 1 hour (5 minutes)", "27+1: \" period)\" is missing here");
}

static void long_texts_are_no_sentences(void)
{
    static char text[100000];
    memset(text, 'C', sizeof text - 1);
    check(text, "1+1: this is too long for a sentence");
    memset(text, '9', 150);
    memcpy(text, "Rest for ", 9);
    memcpy(text + 150, " s", 3);
    check(text, "10+141: this number is too long");
}

const struct cyc_check cyc_check_sentence[] = {
    CYC_CHECK(each_clause_becomes_a_key),
    CYC_CHECK(each_node_stands_at_its_place),
    CYC_CHECK(several_ends_are_refused),
    CYC_CHECK(nothing_is_lost_behind_the_period),
    CYC_CHECK(a_charge_never_runs_at_a_voltage_and_a_hold_never_at_a_current),
    CYC_CHECK(odd_c_rates_are_refused),
    CYC_CHECK(unknown_units_are_refused),
    CYC_CHECK(a_rest_always_ends),
    CYC_CHECK(a_step_without_an_end_is_refused),
    CYC_CHECK(the_first_word_is_one_of_four),
    CYC_CHECK(words_stand_one_blank_apart),
    CYC_CHECK(long_texts_are_no_sentences),
    {0}};
