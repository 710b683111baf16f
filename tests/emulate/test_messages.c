/* Each fault of messages and of the instrument has an effect that a host sees. */
#include "emulate/lab.h"

static const char *const idn = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,";

static void keithley(struct lab *lab, const char *fault)
{
    lab_open(lab, &cyc_emulator_keithley_2400, "", 1, 1);
    lab_fault(lab, fault);
}

static void a_split_reply_comes_in_pieces(void)
{
    struct lab lab;
    keithley(&lab, "split:by=0.5");
    CU_ASSERT_TRUE(strlen(lab_ask(&lab, ":OUTP:SMOD?")) < 5);
    lab_wait(&lab, 0.6);
    CU_ASSERT_TRUE(strlen(lab_hear(&lab)) > 1);
    lab_close(&lab);
}

static void a_mute_reply_never_comes_but_the_command_is_carried_out(void)
{
    struct lab lab;
    keithley(&lab, "mute:at=1s,for=1s");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    lab_wait(&lab, 1.5);
    CYC_SAME(lab_ask(&lab, ":OUTP ON;:OUTP?"), "");
    lab_wait(&lab, 1);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "1");
    lab_close(&lab);
}

static void a_dropped_message_is_not_carried_out(void)
{
    struct lab lab;
    keithley(&lab, "drop:after=1,times=1");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    CYC_SAME(lab_ask(&lab, ":OUTP ON"), "");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    lab_close(&lab);
}

static void a_late_reply_comes_before_that_to_the_next_question(void)
{
    struct lab lab;
    keithley(&lab, "late:by=2s,times=1");
    CYC_SAME(lab_ask(&lab, ":OUTP:SMOD?"), "");
    lab_wait(&lab, 1);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "");
    lab_wait(&lab, 1.1);
    CYC_SAME(lab_hear(&lab), "NORM\r0\r");
    lab_close(&lab);
}

static void a_merged_reply_is_glued_to_the_next(void)
{
    struct lab lab;
    keithley(&lab, "merge:times=1");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "00,\"No error\"");
    lab_close(&lab);
}

static void an_echo_comes_before_the_reply(void)
{
    struct lab lab;
    keithley(&lab, "echo");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), ":OUTP?\r0");
    lab_close(&lab);
}

static void noise_changes_one_byte(void)
{
    struct lab lab;
    keithley(&lab, "noise");
    const char *clean = "0,\"No error\"\r";
    unsigned different = 0;
    lab_send(&lab, ":SYST:ERR?");
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL_FATAL(lab.reply_size, strlen(clean));
    for (size_t i = 0; i < lab.reply_size; i++) {
        different += lab.reply[i] != (uint8_t)clean[i] ? 1 : 0;
    }
    CU_ASSERT_EQUAL(different, 1);
    lab_close(&lab);
}

static void a_flipped_bit_makes_another_command(void)
{
    struct lab lab;
    keithley(&lab, "flip:times=1");
    (void)lab_ask(&lab, ":OUTP:SMOD HIMP");
    CYC_SAME(lab_ask(&lab, ":OUTP:SMOD?"), "NORM");
    lab_close(&lab);
}

static void extra_bytes_follow_a_reply(void)
{
    struct lab lab;
    keithley(&lab, "extra:value=5");
    lab_send(&lab, ":OUTP?");
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply_size, 7);
    lab_close(&lab);
}

static void a_cut_reply_has_no_end(void)
{
    struct lab lab;
    keithley(&lab, "cut:value=0.5");
    lab_send(&lab, "*IDN?");
    CU_ASSERT_PTR_NULL(strchr(lab_hear(&lab), '\r'));
    CU_ASSERT_TRUE(lab.reply_size > 20);
    lab_close(&lab);
}

static void a_reply_may_come_twice(void)
{
    struct lab lab;
    keithley(&lab, "twice:times=1");
    lab_send(&lab, ":OUTP?");
    CYC_SAME(lab_hear(&lab), "0\r0\r");
    lab_close(&lab);
}

static void a_babbling_instrument_does_not_stop_by_itself_at_once(void)
{
    struct lab lab;
    keithley(&lab, "babble:by=0.5,times=1");
    lab_send(&lab, ":OUTP?");
    lab_wait(&lab, 0.25);
    (void)lab_hear(&lab);
    CU_ASSERT_TRUE(lab.reply_size > 1000);
    lab_wait(&lab, 1);
    (void)lab_hear(&lab);
    lab_wait(&lab, 1);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply_size, 0);
    lab_close(&lab);
}

static void an_intruder_gets_answers_that_nobody_asked_for(void)
{
    struct lab lab;
    keithley(&lab, "intruder:times=1");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0\r0");
    lab_close(&lab);
}

static void a_slow_instrument_does_not_hear_what_comes_too_soon(void)
{
    struct lab lab;
    keithley(&lab, "slow:by=0.1");
    lab_wait(&lab, 1);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "");
    lab_wait(&lab, 0.2);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    lab_close(&lab);
}

static void a_busy_instrument_does_everything_later(void)
{
    struct lab lab;
    keithley(&lab, "busy:by=2s,times=1");
    CYC_SAME(lab_ask(&lab, ":OUTP ON;:OUTP?"), "");
    CU_ASSERT_EQUAL(cyc_unit_truth(lab.unit, 0)->value, 0);
    lab_wait(&lab, 2.1);
    CYC_SAME(lab_hear(&lab), "1\r");
    lab_close(&lab);
}

static void an_unplugged_link_is_lost_and_comes_back(void)
{
    struct lab lab;
    keithley(&lab, "unplug:at=1,for=1");
    CU_ASSERT_FALSE(cyc_emulation_is_lost(lab.emulation, lab.link));
    lab_wait(&lab, 1.5);
    CU_ASSERT_TRUE(cyc_emulation_is_lost(lab.emulation, lab.link));
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "");
    lab_wait(&lab, 1);
    CU_ASSERT_FALSE(cyc_emulation_is_lost(lab.emulation, lab.link));
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    lab_close(&lab);
}

static void swapped_links_answer_for_each_other(void)
{
    struct lab lab;
    unsigned other = 0;
    const unsigned cells[] = {0};
    lab_open(&lab, &cyc_emulator_keithley_2400, "serial=1111111", 1, 1);
    CU_ASSERT_EQUAL(cyc_emulation_link(lab.emulation, "memory", &other, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_emulation_unit(lab.emulation, &cyc_emulator_keithley_2400, other,
                                       "serial=2222222", cells, 1, NULL, NULL),
                    CYC_OK);
    lab_fault(&lab, "swap:link=0,value=1,at=1,for=1");
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_ask(&lab, "*IDN?"), "1111111"));
    lab_wait(&lab, 1.5);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_ask(&lab, "*IDN?"), "2222222"));
    lab_wait(&lab, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_ask(&lab, "*IDN?"), "1111111"));
    lab_close(&lab);
}

static void power_that_fails_leaves_defaults_and_says_so(void)
{
    struct lab lab;
    keithley(&lab, "reset:at=1,times=1");
    (void)lab_ask(&lab, "*ESR?");
    lab_source_A(&lab, "0.005");
    lab_wait(&lab, 2);
    CYC_SAME(lab_ask(&lab, "*ESR?"), "128");
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    CU_ASSERT_TRUE(fabs(lab_cell_A(&lab)) < 1e-6);
    lab_close(&lab);
}

static void power_may_fail_again_and_again(void)
{
    struct lab lab;
    unsigned resets = 0;
    keithley(&lab, "reset:p=0.5");
    for (unsigned i = 0; i < 1000; i++) {
        lab_wait(&lab, 0.1);
        resets += strcmp(lab_ask(&lab, "*ESR?"), "128") == 0 ? 1 : 0;
    }
    CU_ASSERT_TRUE(resets > 30 && resets < 70); /* one in two seconds, for 100 s */
    lab_close(&lab);
}

static void power_may_return_with_the_output_on(void)
{
    struct lab lab;
    keithley(&lab, "pon_auto:at=1,times=1");
    (void)lab_ask(&lab, "*ESR?");
    lab_source_A(&lab, "0.005");
    lab_wait(&lab, 2);
    CYC_SAME(lab_ask(&lab, "*ESR?"), "128");
    CYC_NEAR(lab_cell_A(&lab), 0.005, 1e-9);
    lab_close(&lab);
}

static void an_ignored_setting_is_not_there_when_read_back(void)
{
    struct lab lab;
    keithley(&lab, "ignore");
    lab_send(&lab, ":SOUR:CURR 0.005");
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR?;:SYST:ERR?"), "+0.000000E+00;0,\"No error\"");
    lab_close(&lab);
}

static void a_message_with_a_mistake_may_be_dropped_whole(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 1);
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR 0.001;:NONSENSE;:OUTP?"), "");
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR?"), "+1.000000E-03");
    lab_fault(&lab, "drop_all");
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR 0.002;:NONSENSE"), "");
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR?"), "+1.000000E-03");
    lab_close(&lab);
}

static void a_read_back_in_the_same_message_may_be_old(void)
{
    struct lab lab;
    keithley(&lab, "stale_rb");
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR 0.002;:SOUR:CURR?"), "+0.000000E+00");
    CYC_SAME(lab_ask(&lab, ":SOUR:CURR?"), "+2.000000E-03");
    lab_close(&lab);
}

static void an_error_queue_fills_up(void)
{
    struct lab lab;
    unsigned count = 0;
    keithley(&lab, "errq:at=1,times=1");
    lab_wait(&lab, 2);
    while (count < 50 && strcmp(lab_ask(&lab, ":SYST:ERR?"), "0,\"No error\"") != 0) {
        count++;
    }
    CU_ASSERT_EQUAL(count, 10);
    lab_close(&lab);
}

static void a_latched_protection_opens_the_output_behind_its_setting(void)
{
    struct lab lab;
    keithley(&lab, "latch:at=1,for=1");
    lab_source_A(&lab, "0.005");
    lab_wait(&lab, 1.5);
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "1");
    CYC_SAME(lab_ask(&lab, ":SYST:ERR?"), "810,\"OUTPUT blocked by Over Temp\"");
    lab_wait(&lab, 1);
    CYC_NEAR(lab_cell_A(&lab), 0.005, 1e-9); /* it comes back as it was programmed */
    lab_close(&lab);
}

static void somebody_at_the_panel_switches_unless_it_is_locked(void)
{
    struct lab lab;
    keithley(&lab, "knob:at=1,times=1");
    lab_source_A(&lab, "0.005");
    lab_wait(&lab, 2);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    lab_close(&lab);
    keithley(&lab, "knob:at=1,times=1");
    lab_source_A(&lab, "0.005");
    lab_send(&lab, ":SYST:RWL ON");
    lab_wait(&lab, 2);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "1");
    lab_close(&lab);
}

static void chance_comes_from_the_seed(void)
{
    struct lab lab;
    unsigned lost[2] = {0};
    for (unsigned round = 0; round < 2; round++) {
        keithley(&lab, "mute:p=0.1");
        for (unsigned i = 0; i < 1000; i++) {
            lost[round] += strcmp(lab_ask(&lab, ":OUTP?"), "") == 0 ? 1 : 0;
        }
        lab_close(&lab);
    }
    CU_ASSERT_TRUE(lost[0] > 70 && lost[0] < 130);
    CU_ASSERT_EQUAL(lost[0], lost[1]);
}

static void an_episode_lasts(void)
{
    struct lab lab;
    keithley(&lab, "mute:p=0.2,for=1s,times=1");
    unsigned heard = 0;
    while (heard < 200 && strcmp(lab_ask(&lab, ":OUTP?"), "0") == 0) {
        heard++;
    }
    CU_ASSERT_TRUE(heard < 200);
    for (unsigned i = 0; i < 9; i++) {
        lab_wait(&lab, 0.1);
        CYC_SAME(lab_ask(&lab, ":OUTP?"), "");
    }
    lab_wait(&lab, 0.2);
    CYC_SAME(lab_ask(&lab, ":OUTP?"), "0");
    lab_close(&lab);
}

static void a_fault_that_cannot_be_is_refused(void)
{
    struct lab lab;
    struct cyc_err err = {0};
    lab_open(&lab, &cyc_emulator_bongshin_bs205, "", 1, 1);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "mutte:p=1", &err), CYC_E_INPUT);
    CYC_SAME(err.text, "fault 'mutte:p=1': there is no fault 'mutte'; did you mean 'mute'?");
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "latch", &err), CYC_E_INPUT);
    CYC_SAME(err.text, "fault 'latch': no instrument here has this fault, so it would do nothing");
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "nan", &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "ovld", &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "stuck_T", &err), CYC_E_INPUT);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "stuck_p", &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "force_lost", &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "mute:q=1", &err), CYC_E_INPUT);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "mute:p=2", &err), CYC_E_INPUT);
    CU_ASSERT_EQUAL(cyc_emulation_fault(lab.emulation, "swap", &err), CYC_E_INPUT);
    lab_close(&lab);
}

static void without_faults_it_says_who_it_is(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_keithley_2400, "", 1, 1);
    CU_ASSERT_EQUAL(strncmp(lab_ask(&lab, "*IDN?"), idn, strlen(idn)), 0);
    lab_close(&lab);
}

const struct cyc_check cyc_check_messages[] = {
    CYC_CHECK(a_split_reply_comes_in_pieces),
    CYC_CHECK(a_mute_reply_never_comes_but_the_command_is_carried_out),
    CYC_CHECK(a_dropped_message_is_not_carried_out),
    CYC_CHECK(a_late_reply_comes_before_that_to_the_next_question),
    CYC_CHECK(a_merged_reply_is_glued_to_the_next),
    CYC_CHECK(an_echo_comes_before_the_reply),
    CYC_CHECK(noise_changes_one_byte),
    CYC_CHECK(a_flipped_bit_makes_another_command),
    CYC_CHECK(extra_bytes_follow_a_reply),
    CYC_CHECK(a_cut_reply_has_no_end),
    CYC_CHECK(a_reply_may_come_twice),
    CYC_CHECK(a_babbling_instrument_does_not_stop_by_itself_at_once),
    CYC_CHECK(an_intruder_gets_answers_that_nobody_asked_for),
    CYC_CHECK(a_slow_instrument_does_not_hear_what_comes_too_soon),
    CYC_CHECK(a_busy_instrument_does_everything_later),
    CYC_CHECK(an_unplugged_link_is_lost_and_comes_back),
    CYC_CHECK(swapped_links_answer_for_each_other),
    CYC_CHECK(power_that_fails_leaves_defaults_and_says_so),
    CYC_CHECK(power_may_fail_again_and_again),
    CYC_CHECK(power_may_return_with_the_output_on),
    CYC_CHECK(an_ignored_setting_is_not_there_when_read_back),
    CYC_CHECK(a_message_with_a_mistake_may_be_dropped_whole),
    CYC_CHECK(a_read_back_in_the_same_message_may_be_old),
    CYC_CHECK(an_error_queue_fills_up),
    CYC_CHECK(a_latched_protection_opens_the_output_behind_its_setting),
    CYC_CHECK(somebody_at_the_panel_switches_unless_it_is_locked),
    CYC_CHECK(chance_comes_from_the_seed),
    CYC_CHECK(an_episode_lasts),
    CYC_CHECK(a_fault_that_cannot_be_is_refused),
    CYC_CHECK(without_faults_it_says_who_it_is),
    {0}};
