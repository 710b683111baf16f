/* Every word is there, different from the others of its table, and safe for a value that is not. */
#include "rig.h"

typedef const char *(*name_fn)(unsigned value);

static const char *mode(unsigned value)
{
    return cyc_mode_name((enum cyc_mode)value);
}
static const char *reason(unsigned value)
{
    return cyc_reason_name((enum cyc_reason)value);
}
static const char *follow_up(unsigned value)
{
    return cyc_follow_up_name((enum cyc_follow_up)value);
}
static const char *state(unsigned value)
{
    return cyc_state_name((enum cyc_state)value);
}
static const char *fault(unsigned value)
{
    return cyc_fault_name((enum cyc_fault_kind)value);
}
static const char *finish(unsigned value)
{
    return cyc_finish_name((enum cyc_finish)value);
}

static void check_table(name_fn name, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        CU_ASSERT_TRUE(strlen(name(i)) > 1);
        for (unsigned k = 0; k < i; k++) {
            CU_ASSERT_STRING_NOT_EQUAL(name(i), name(k));
        }
    }
    CYC_SAME(name(count), "?");
}

static void all_words_are_there(void)
{
    check_table(mode, CYC_MODE_ASK + 1);
    check_table(reason, CYC_REASON_FAULT + 1);
    check_table(follow_up, CYC_FOLLOW_FAIL + 1);
    check_table(state, CYC_STATE_FINISHED + 1);
    check_table(fault, CYC_FAULT_INVARIANT + 1);
    check_table(finish, CYC_FINISH_FAULT + 1);
    check_table(cyc_signal_name, CYC_SIGNAL_COUNT);
}

static void signals_of_which_there_are_several_carry_their_place(void)
{
    char text[CYC_SIGNAL_TEXT];
    CYC_SAME(cyc_signal_text(text, CYC_SIGNAL_AUX, 7), "sensor[7]");
    CYC_SAME(cyc_signal_text(text, CYC_SIGNAL_SLOPE, 1), "slope[1]");
    CYC_SAME(cyc_signal_text(text, CYC_SIGNAL_VOLTAGE, 1), "voltage");
    CYC_SAME(cyc_signal_text(text, CYC_SIGNAL_COUNT, 0), "?");
}

static void words_are_those_of_the_language(void)
{
    CYC_SAME(cyc_mode_name(CYC_MODE_CCCV), "cccv");
    CYC_SAME(cyc_reason_name(CYC_REASON_CAPACITY), "capacity");
    CYC_SAME(cyc_follow_up_name(CYC_FOLLOW_LEAVE), "leave");
    CYC_SAME(cyc_signal_name(CYC_SIGNAL_CHARGE_CAPACITY), "charge_capacity");
    CYC_SAME(cyc_signal_name(CYC_SIGNAL_AMBIENT), "ambient_temperature");
    CYC_SAME(cyc_finish_name(CYC_FINISH_STOPPED), "stopped");
}

static void size_is_that_of_the_state(void)
{
    CU_ASSERT_EQUAL(cyc_core_size(), sizeof(struct cyc_core));
}

static void every_signal_has_a_kind_and_every_control_a_word(void)
{
    static const enum cyc_kind kinds[CYC_SIGNAL_COUNT] = {
        CYC_KIND_VOLTAGE,     CYC_KIND_CURRENT,  CYC_KIND_POWER,    CYC_KIND_TEMPERATURE,
        CYC_KIND_TEMPERATURE, CYC_KIND_PRESSURE, CYC_KIND_NUMBER,   CYC_KIND_VOLTAGE,
        CYC_KIND_NUMBER,      CYC_KIND_TIME,     CYC_KIND_TIME,     CYC_KIND_CAPACITY,
        CYC_KIND_CAPACITY,    CYC_KIND_CAPACITY, CYC_KIND_CAPACITY, CYC_KIND_ENERGY,
        CYC_KIND_ENERGY,      CYC_KIND_ENERGY,   CYC_KIND_ENERGY};
    static const char *const words[] = {"open", "current", "voltage", "power", "load"};
    for (unsigned signal = 0; signal < CYC_SIGNAL_COUNT; signal++) {
        CU_ASSERT_EQUAL(cyc_signal_kind(signal), kinds[signal]);
    }
    CU_ASSERT_EQUAL(cyc_signal_kind(CYC_SIGNAL_COUNT), CYC_KIND_NUMBER);
    CU_ASSERT_EQUAL(cyc_signal_kind(200), CYC_KIND_NUMBER);
    for (unsigned control = CYC_CONTROL_OPEN; control <= CYC_CONTROL_LOAD; control++) {
        CYC_SAME(cyc_control_name((enum cyc_control)control), words[control]);
    }
    CYC_SAME(cyc_control_name((enum cyc_control)99), "?");
}

const struct cyc_check cyc_check_words[] = {
    CYC_CHECK(all_words_are_there),
    CYC_CHECK(signals_of_which_there_are_several_carry_their_place),
    CYC_CHECK(words_are_those_of_the_language),
    CYC_CHECK(size_is_that_of_the_state),
    CYC_CHECK(every_signal_has_a_kind_and_every_control_a_word),
    {0},
};
