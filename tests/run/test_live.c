/* A live channel, event by event (desk.h). */
#include "check/check.h"
#include "desk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Tests ----------------------------------------------------------------------------------- */

static void a_setpoint_waits_until_its_step_is_durable(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_begin(&desk);
    CU_ASSERT(desk.intent == 1);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN);
    desk_wait_ms(&desk, 50);
    desk_read_cell(&desk, 0, 3.7, 0.0);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_CURRENT);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) == NULL);
    desk_clear_away(&desk);
}

static void while_the_next_step_is_awaited_the_old_setpoint_stays_for_one_sample(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_cut_at(&desk, 0, 4.2);
    desk_drive(&desk);
    desk.now_ns += CYC_MS_NS;
    desk_read_cell(&desk, 1, 4.21, 0.01);
    CU_ASSERT(desk.end_count == 1);
    desk_wait_ms(&desk, 90);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_CURRENT);
    desk_wait_ms(&desk, 20);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.number == 1);
    desk_reply(&desk, CYC_OK);
    desk.step_count = 2; /* it comes after all */
    cyc_live_source(desk.live, desk.now_ns);
    desk_read_cell(&desk, 1, 4.1, 0.0);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_CURRENT);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.value < 0);
    desk_clear_away(&desk);
}

static void a_source_that_stays_silent_is_a_fault(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_cut_at(&desk, 0, 4.2);
    desk_drive(&desk);
    desk.now_ns += CYC_MS_NS;
    desk_read_cell(&desk, 1, 4.21, 0.01);
    desk_wait_ms(&desk, 150);
    desk_reply(&desk, CYC_OK);
    desk_wait_ms(&desk, 1800);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) == NULL);
    desk_wait_ms(&desk, 100);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(desk_has_ended(&desk, "no step"));
    desk_clear_away(&desk);
}

static void a_reading_under_an_older_setpoint_ends_nothing(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_cut_at(&desk, 0, 4.2);
    desk_begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    struct cyc_message late = desk_reading(&desk, 0, 4.3, 0.0);
    desk.now_ns += CYC_MS_NS;
    cyc_live_message(desk.live, &late, desk.now_ns);
    CU_ASSERT(desk.end_count == 0);
    late = desk_reading(&desk, 1, 4.3, 0.01); /* under it, and before the port had it in force */
    desk.now_ns += CYC_MS_NS;
    desk_reply(&desk, CYC_OK);
    cyc_live_message(desk.live, &late, desk.now_ns);
    CU_ASSERT(desk.end_count == 0);
    desk.now_ns += CYC_MS_NS;
    desk_read_cell(&desk, 1, 4.3, 0.01);
    CU_ASSERT(desk.end_count == 1);
    CU_ASSERT(desk.result.reason == CYC_REASON_VOLTAGE);
    desk_clear_away(&desk);
}

static void a_number_of_an_earlier_run_is_nobodys(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_cut_at(&desk, 0, 4.2);
    struct cyc_message armed = {.kind = CYC_MESSAGE_ARMED};
    cyc_live_start(desk.live, desk.now_ns);
    cyc_live_message(desk.live, &armed, desk.now_ns);
    desk_reply(&desk, CYC_OK);
    desk.step_count = 1;
    cyc_live_source(desk.live, desk.now_ns);
    desk_read_cell(&desk, 0, 3.7, 0.0);
    desk.now_ns += CYC_MS_NS;
    desk_read_cell(&desk, 1, 4.3, 0.01); /* setpoint 1 of this run has not gone out */
    CU_ASSERT(desk.end_count == 0);
    desk_clear_away(&desk);
}

static void without_readings_the_run_is_made_safe_and_held_before_three_seconds(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_drive(&desk);
    desk_wait_ms(&desk, 2300);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) == NULL);
    desk_wait_ms(&desk, 700);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(desk_is_held(&desk, "mute"));
    desk_clear_away(&desk);
}

static void so_it_does_at_a_rate_in_real_time(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1000);
    desk_drive(&desk);
    desk_wait_ms(&desk, 2300);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) == NULL);
    desk_wait_ms(&desk, 2200);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(cyc_live_run_time_ns(desk.live, desk.now_ns) > 4000 * CYC_S_NS);
    desk_clear_away(&desk);
}

static void a_setpoint_that_is_refused_is_a_fault_with_the_ports_words(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    desk_reply(&desk, CYC_E_REFUSED);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(desk_has_ended(&desk, "as asked"));
    desk_clear_away(&desk);
}

static void a_command_without_an_answer_makes_safe_and_holds(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    for (unsigned i = 0; i < 32; i++) {
        desk_wait_ms(&desk, 100);
        desk_read_cell(&desk, 0, 3.7, 0.0);
    }
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(desk_is_held(&desk, "not answered"));
    desk_clear_away(&desk);
}

static void a_trip_of_the_port_ends_the_run_and_says_why(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_drive(&desk);
    struct cyc_message tripped = {.kind = CYC_MESSAGE_TRIPPED};
    (void)cyc_copy(tripped.text, sizeof tripped.text, "voltage above 4.5 V");
    cyc_live_message(desk.live, &tripped, desk.now_ns);
    CU_ASSERT(desk_has_ended(&desk, "voltage above 4.5 V"));
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_DISARM) != NULL);
    desk_clear_away(&desk);
}

static void a_pause_goes_out_at_once_and_resuming_once_that_is_durable(void)
{
    static struct desk desk;
    struct cyc_err err = {0};
    desk_lay_out(&desk, 1);
    desk_drive(&desk);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err) ==
              CYC_E_REFUSED);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_PAUSE, "me", desk.now_ns, &err) == CYC_OK);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN);
    desk_reply(&desk, CYC_OK);
    desk.now_ns += CYC_MS_NS;
    desk_read_cell(&desk, 2, 3.7, 0.0);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err) == CYC_OK);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_CURRENT);
    desk_clear_away(&desk);
}

static void a_sweep_is_walked_in_steps_of_a_sample(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk.steps[0].mode = CYC_MODE_SWEEP;
    desk.steps[0].current_min_A = -0.01;
    desk.steps[0].current_max_A = 0.01;
    desk.segments[0] = (struct cyc_segment){.duration_ns = 100 * CYC_S_NS,
                                            .control = CYC_CONTROL_VOLTAGE,
                                            .value = 3.7,
                                            .slope_per_s = 0.01};
    desk_drive(&desk);
    desk_reply(&desk, CYC_OK);
    desk.now_ns += CYC_S_NS;
    desk_read_cell(&desk, 1, 3.7, 0.001);
    const struct cyc_setpoint *setpoint = &desk_last(&desk, CYC_MESSAGE_APPLY)->as.drive.setpoint;
    CU_ASSERT(setpoint->number == 1);
    CYC_NEAR(setpoint->value, 3.71, 1e-4);
    CYC_NEAR(setpoint->slope_per_s, 0, 0);
    desk_clear_away(&desk);
}

static void a_sample_holds_the_chambers_temperature_and_its_age(void)
{
    static struct desk desk;
    struct cyc_sample sample;
    struct cyc_patience patience;
    desk_lay_out(&desk, 1);
    struct cyc_message chamber = {.kind = CYC_MESSAGE_READING, .instrument = 1};
    chamber.as.reading.t_ns = desk.now_ns;
    chamber.as.reading.valid = 1u << CYC_MEASURAND_TEMPERATURE;
    chamber.as.reading.values[CYC_MEASURAND_TEMPERATURE] = 30.5;
    CU_ASSERT(!cyc_merge_reading(&desk.merge, &chamber, &sample));
    desk.now_ns += 4 * CYC_S_NS;
    const struct cyc_message message = desk_reading(&desk, 0, 3.7, 0.0);
    CU_ASSERT(cyc_merge_reading(&desk.merge, &message, &sample));
    CYC_NEAR(sample.temperature_degC, 30.5, 0);
    CYC_NEAR(sample.ambient_degC, 30.5, 0);
    CU_ASSERT(sample.temperature_age_ns == 4 * CYC_S_NS);
    CU_ASSERT(isnan(sample.pressure_Pa) && sample.pressure_age_ns == 0);
    cyc_merge_patience(&desk.rig, 0, &patience);
    CU_ASSERT(patience.sample_ns == 3 * CYC_S_NS);
    CU_ASSERT(patience.temperature_ns == 15 * CYC_S_NS);
    desk_clear_away(&desk);
}

/* ---- Seen, and not seen ---------------------------------------------------------------------- */

static void hear(struct desk *desk, enum cyc_message_kind kind, int status, const char *text)
{
    struct cyc_message message = {.kind = kind, .status = status, .t_ns = desk->now_ns};
    (void)cyc_copy(message.text, sizeof message.text, text);
    cyc_live_message(desk->live, &message, desk->now_ns);
}

static unsigned count(const struct desk *desk, enum cyc_message_kind kind)
{
    unsigned found = 0;
    for (unsigned i = 0; i < desk->sent_count; i++) {
        found += desk->sent[i].kind == (uint32_t)kind;
    }
    return found;
}

/* A charge that is to go on by itself after an interruption. */
static void drive_patiently(struct desk *desk)
{
    desk_lay_out(desk, 1);
    desk->merge.linked = true;
    desk->steps[0].after_interruption = CYC_INTERRUPTION_CONTINUE;
    desk->steps[0].max_gap_ns = 3600 * CYC_S_NS;
    desk_drive(desk);
    desk->sent_count = 0;
}

/* Minutes, in which it is made safe, the cable is pulled, and put in again. */
static void wait_for_long(struct desk *desk)
{
    hear(desk, CYC_MESSAGE_SAFE_DONE, CYC_OK, "");
    desk_wait_ms(desk, 60000);
    desk->merge.linked = false;
    cyc_live_lost(desk->live, 0, desk->now_ns);
    desk_wait_ms(desk, 1000);
    desk->merge.linked = true;
    hear(desk, CYC_MESSAGE_LINK, CYC_OK, "");
    desk_wait_ms(desk, 60000);
}

/* Until a person speaks; then it is set up again, says so in its ARM, and goes on. */
static void waits_for_a_person(struct desk *desk)
{
    static const char why[] = "the output was switched off at the instrument; look at the cell";
    struct cyc_err err = {0};
    CU_ASSERT(desk_is_held(desk, why));
    CU_ASSERT(count(desk, CYC_MESSAGE_APPLY) == 0);
    const unsigned arms = count(desk, CYC_MESSAGE_ARM);
    CU_ASSERT(cyc_live_operator(desk->live, CYC_OPERATOR_RESUME, "me", desk->now_ns, &err) ==
              CYC_OK);
    CU_ASSERT_FATAL(count(desk, CYC_MESSAGE_ARM) == arms + 1);
    CU_ASSERT(desk_last(desk, CYC_MESSAGE_ARM)->index == CYC_ARM_BY_PERSON);
    hear(desk, CYC_MESSAGE_ARMED, CYC_OK, "");
    CU_ASSERT(count(desk, CYC_MESSAGE_APPLY) == 1 && desk_control_of(desk) == CYC_CONTROL_OPEN);
    desk_reply(desk, CYC_OK);
    desk->now_ns += CYC_MS_NS;
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    desk_read_cell(desk, desk_last(desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.number, 3.7, 0);
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    CU_ASSERT(desk_control_of(desk) == CYC_CONTROL_CURRENT);
    desk_clear_away(desk);
}

static void an_output_key_that_was_pressed_holds_the_run_until_a_person_speaks(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    struct cyc_message off = desk_reading(&desk, 1, NAN, NAN);
    off.as.reading.valid = 0;
    off.as.reading.flags = CYC_SAMPLE_ENDED; /* the port sends it before it has looked twice */
    cyc_live_message(desk.live, &off, desk.now_ns);
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_HELD, "the output was switched off at the instrument");
    wait_for_long(&desk);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0);
    waits_for_a_person(&desk);
}

static void so_it_does_when_it_was_pressed_while_the_link_was_lost(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    cyc_live_lost(desk.live, 0, desk.now_ns);
    desk_wait_ms(&desk, 1000);
    desk.merge.linked = true;
    hear(&desk, CYC_MESSAGE_LINK, CYC_OK, "");
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_ARM)->index != CYC_ARM_BY_PERSON);
    hear(&desk, CYC_MESSAGE_ARMED, CYC_E_HELD, "the output was switched off at the instrument");
    wait_for_long(&desk);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 1);
    waits_for_a_person(&desk);
}

static void so_it_does_when_it_was_pressed_while_it_was_to_be_set_up_again(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_LOST, "it could not be read");
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_HELD, "the output was switched off at the instrument");
    hear(&desk, CYC_MESSAGE_ARMED, CYC_E_HELD, "the output was switched off at the instrument");
    wait_for_long(&desk);
    waits_for_a_person(&desk);
}

static void so_it_does_when_a_setpoint_finds_it_so(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk.merge.linked = true;
    desk.steps[0].after_interruption = CYC_INTERRUPTION_CONTINUE;
    desk_begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_CURRENT);
    desk_reply(&desk, CYC_E_HELD);
    desk.sent_count = 0;
    wait_for_long(&desk);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0);
    waits_for_a_person(&desk);
}

static void come_back(struct desk *desk)
{
    cyc_live_tick(desk->live, desk->now_ns);
    CU_ASSERT_FATAL(count(desk, CYC_MESSAGE_ARM) == 1);
    hear(desk, CYC_MESSAGE_SAFE_DONE, CYC_OK, "");
    hear(desk, CYC_MESSAGE_ARMED, CYC_OK, "");
    CU_ASSERT_FATAL(count(desk, CYC_MESSAGE_APPLY) == 1);
    CU_ASSERT(desk_control_of(desk) == CYC_CONTROL_OPEN);
    desk_reply(desk, CYC_OK);
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    desk->now_ns += CYC_MS_NS;
    desk_read_cell(desk, desk_last(desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.number, 3.7, 0);
}

static void what_nobody_has_seen_goes_on_once_the_intent_to_do_so_is_durable(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_LOST, "voltage and current could not be read");
    const uint64_t before = desk.intent;
    come_back(&desk);
    CU_ASSERT(desk.intent > before);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN); /* judged, and wanted */
    cyc_live_durable(desk.live, desk.intent - 1, desk.now_ns);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN);
    cyc_live_durable(desk.live, desk.intent, desk.now_ns);
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_CURRENT);
    CU_ASSERT(desk.end[0] == '\0');
    desk_clear_away(&desk);
}

static void another_instrument_is_not_set_up_before_a_person_speaks(void)
{
    static struct desk desk;
    struct cyc_err err = {0};
    drive_patiently(&desk);
    cyc_live_lost(desk.live, 0, desk.now_ns);
    desk.merge.linked = true;
    (void)cyc_copy(desk.merge.cycler.serial_number, sizeof desk.merge.cycler.serial_number, "2");
    hear(&desk, CYC_MESSAGE_LINK, CYC_OK, "");
    desk_wait_ms(&desk, 60000);
    CU_ASSERT(desk_is_held(&desk, "another serial number answers"));
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0 && count(&desk, CYC_MESSAGE_APPLY) == 0);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err) == CYC_OK);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 1);
    desk_clear_away(&desk);
}

static void nor_one_whose_power_has_failed(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    cyc_live_lost(desk.live, 0, desk.now_ns);
    desk.merge.linked = desk.merge.cycler.power_on = true;
    hear(&desk, CYC_MESSAGE_LINK, CYC_OK, "");
    desk_wait_ms(&desk, 60000);
    CU_ASSERT(desk_is_held(&desk, "switched off or reset"));
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0 && count(&desk, CYC_MESSAGE_APPLY) == 0);
    desk_clear_away(&desk);
}

const struct cyc_check cyc_check_live[] = {
    CYC_CHECK(a_setpoint_waits_until_its_step_is_durable),
    CYC_CHECK(while_the_next_step_is_awaited_the_old_setpoint_stays_for_one_sample),
    CYC_CHECK(a_source_that_stays_silent_is_a_fault),
    CYC_CHECK(a_reading_under_an_older_setpoint_ends_nothing),
    CYC_CHECK(a_number_of_an_earlier_run_is_nobodys),
    CYC_CHECK(without_readings_the_run_is_made_safe_and_held_before_three_seconds),
    CYC_CHECK(so_it_does_at_a_rate_in_real_time),
    CYC_CHECK(a_setpoint_that_is_refused_is_a_fault_with_the_ports_words),
    CYC_CHECK(a_command_without_an_answer_makes_safe_and_holds),
    CYC_CHECK(a_trip_of_the_port_ends_the_run_and_says_why),
    CYC_CHECK(a_pause_goes_out_at_once_and_resuming_once_that_is_durable),
    CYC_CHECK(a_sweep_is_walked_in_steps_of_a_sample),
    CYC_CHECK(a_sample_holds_the_chambers_temperature_and_its_age),
    CYC_CHECK(an_output_key_that_was_pressed_holds_the_run_until_a_person_speaks),
    CYC_CHECK(so_it_does_when_it_was_pressed_while_the_link_was_lost),
    CYC_CHECK(so_it_does_when_it_was_pressed_while_it_was_to_be_set_up_again),
    CYC_CHECK(so_it_does_when_a_setpoint_finds_it_so),
    CYC_CHECK(what_nobody_has_seen_goes_on_once_the_intent_to_do_so_is_durable),
    CYC_CHECK(another_instrument_is_not_set_up_before_a_person_speaks),
    CYC_CHECK(nor_one_whose_power_has_failed),
    {0}};
