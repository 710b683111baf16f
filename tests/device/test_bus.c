/* Buses in virtual time: step, deadlines, pacing, and what a bad instrument can do to them. */
#include "device/far_end.h"

#include "check/check.h"
#include "core/types.h"

#include <stdio.h>
#include <string.h>

#define MS CYC_MS_NS

static struct far_end far; /* large */

static void a_question_gets_its_answer(void)
{
    char reply[64];
    far_init(&far);
    far.answer = far_answer_number;
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(far_ask(bus, "Q7\n", reply, 100 * MS), CYC_OK);
    CYC_SAME(reply, "A7");
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS + MS);
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->exchanges, 1);
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->bytes_in, 3);
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->bytes_out, 3);
    cyc_bus_close(bus);
}

static void a_bus_just_opened_refuses_exchanges_until_it_is_drained_and_proved(void)
{
    char reply[64];
    size_t length = 0;
    far_init(&far);
    far.answer = far_answer_number;
    struct cyc_bus *const bus = far_open(&far, NULL);
    const int64_t end_ns = FAR_START_NS + CYC_S_NS;
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, 100 * MS), CYC_E_STALE);
    cyc_bus_in_step(bus); /* not drained: no proof */
    CU_ASSERT_EQUAL(far_ask(bus, "Q2\n", reply, 100 * MS), CYC_E_STALE);
    CU_ASSERT_EQUAL(far.heard_count, 0);
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, 50 * MS, end_ns, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS + 50 * MS);
    CU_ASSERT_EQUAL(far_ask(bus, "Q3\n", reply, 100 * MS), CYC_E_STALE);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "Q4\n", 3, end_ns, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &far_line, reply, sizeof reply, &length, end_ns, NULL),
                    CYC_OK);
    CYC_SAME(reply, "A4");
    cyc_bus_in_step(bus);
    CU_ASSERT_EQUAL(far_ask(bus, "Q5\n", reply, 100 * MS), CYC_OK);
    CYC_SAME(reply, "A5");
    cyc_bus_close(bus);
}

static void what_a_drain_throws_away_costs_the_step(void)
{
    char reply[64];
    far_init(&far);
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, MS, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT(cyc_bus_is_in_step(bus)); /* nothing came: nothing has changed */
    far_say(&far, cyc_bus_now_ns(bus), "A0\n");
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, MS, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, 100 * MS), CYC_E_STALE);
    cyc_bus_close(bus);
}

static void answer_late(struct far_end *end, int64_t now_ns, const char *line)
{
    char answer[64];
    (void)snprintf(answer, sizeof answer, "A%s\n", line + 1);
    far_say(end, now_ns + (strcmp(line, "Q1") == 0 ? 150 * MS : MS), answer);
}

static void a_late_answer_is_never_taken_for_the_next_one(void)
{
    char reply[64];
    far_init(&far);
    far.answer = answer_late;
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, 100 * MS), CYC_E_TIMEOUT);
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS + 100 * MS);
    CU_ASSERT_FALSE(cyc_bus_is_in_step(bus));
    CU_ASSERT_EQUAL(far_ask(bus, "Q2\n", reply, 100 * MS), CYC_E_STALE);
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, 100 * MS, FAR_START_NS + CYC_S_NS, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS + 250 * MS);
    cyc_bus_in_step(bus);
    CU_ASSERT_EQUAL(far_ask(bus, "Q3\n", reply, 100 * MS), CYC_OK);
    CYC_SAME(reply, "A3");
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->timeouts, 1);
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->extra_bytes, 3);
    cyc_bus_close(bus);
}

static void answer_in_pieces(struct far_end *end, int64_t now_ns, const char *line)
{
    (void)line;
    far_say(end, now_ns + 10 * MS, "+1.0");
    far_say(end, now_ns + 60 * MS, "2E");
    far_say(end, now_ns + 90 * MS, "+00\n");
}

static void an_answer_in_pieces_is_put_together_within_one_deadline(void)
{
    char reply[64];
    struct cyc_err err = {0};
    size_t length = 0;
    far_init(&far);
    far.answer = answer_in_pieces;
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, 91 * MS), CYC_OK);
    CYC_SAME(reply, "+1.02E+00");
    CU_ASSERT_EQUAL(cyc_bus_exchange(bus, "Q\n", 2, &far_line, reply, sizeof reply, &length,
                                     cyc_bus_now_ns(bus) + 89 * MS, NULL, &err),
                    CYC_E_TIMEOUT);
    CYC_SAME(err.text, "memory: no whole reply in time; got \"+1.02E\"");
    cyc_bus_close(bus);
}

static void answer_and_more(struct far_end *end, int64_t now_ns, const char *line)
{
    (void)line;
    far_say(end, now_ns + MS, "0\n-113,\"Undefined header\"\n");
}

static void more_than_the_answer_is_an_error(void)
{
    char reply[64];
    struct cyc_err err = {0};
    size_t length = 0;
    far_init(&far);
    far.answer = answer_and_more;
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(cyc_bus_exchange(bus, "Q\n", 2, &far_line, reply, sizeof reply, &length,
                                     INT64_MAX, NULL, &err),
                    CYC_E_REPLY);
    CYC_SAME(err.text,
             "memory: more than the reply came; got \"-113,\\\"Undefined header\\\"\\n\"");
    CU_ASSERT_FALSE(cyc_bus_is_in_step(bus));
    far_in_step(bus);
    cyc_bus_close(bus);
}

static void what_waits_before_the_question_is_not_its_answer(void)
{
    char reply[64];
    far_init(&far);
    far.answer = far_answer_number;
    struct cyc_bus *const bus = far_open_in_step(&far);
    far_say(&far, FAR_START_NS + 5 * MS, "A0\n");
    cyc_bus_advance(bus, FAR_START_NS + 6 * MS);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, 100 * MS), CYC_E_REPLY);
    CU_ASSERT_EQUAL(far.heard_count, 0); /* nothing was asked */
    CU_ASSERT_FALSE(cyc_bus_is_in_step(bus));
    cyc_bus_close(bus);
}

static void answer_with_echo(struct far_end *end, int64_t now_ns, const char *line)
{
    char echo[64];
    (void)snprintf(echo, sizeof echo, "%s\n", line);
    far_say(end, now_ns + MS, echo);
    far_say(end, now_ns + 3 * MS, "42\n");
}

/* The echo is taken for the reply, and what follows betrays it: at once, or before the next
 * question. */
static void an_echo_is_found_out(void)
{
    char reply[64];
    far_init(&far);
    far.answer = answer_with_echo;
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, 100 * MS), CYC_OK);
    CYC_SAME(reply, "Q1");
    cyc_bus_advance(bus, cyc_bus_now_ns(bus) + 5 * MS);
    CU_ASSERT_EQUAL(far_ask(bus, "Q2\n", reply, 100 * MS), CYC_E_REPLY);
    cyc_bus_close(bus);
}

static void a_mute_instrument_costs_the_deadline_and_not_more(void)
{
    char reply[64];
    struct cyc_err err = {0};
    size_t length = 0;
    far_init(&far);
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(cyc_bus_exchange(bus, "Q\n", 2, &far_line, reply, sizeof reply, &length,
                                     FAR_START_NS + 400 * MS, NULL, &err),
                    CYC_E_TIMEOUT);
    CYC_SAME(err.text, "memory: no reply in time");
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS + 400 * MS);
    cyc_bus_close(bus);
}

/* One byte in 10 ms and never an end: 4096 of them would take 41 s. */
static void one_who_trickles_cannot_stretch_the_deadline(void)
{
    char reply[64];
    size_t length = 0;
    far_init(&far);
    struct cyc_bus *const bus = far_open_in_step(&far);
    far.babble_ns = 10 * MS;
    far.babbled_ns = FAR_START_NS;
    CU_ASSERT_EQUAL(
        cyc_bus_read(bus, &far_line, reply, sizeof reply, &length, FAR_START_NS + 400 * MS, NULL),
        CYC_E_TIMEOUT);
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS + 400 * MS);
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, 50 * MS, FAR_START_NS + CYC_S_NS, NULL), CYC_E_TIMEOUT);
    CU_ASSERT(cyc_bus_now_ns(bus) <= FAR_START_NS + CYC_S_NS);
    cyc_bus_close(bus);
}

static void one_who_babbles_is_cut_off_by_the_byte_budget(void)
{
    static char reply[CYC_BUS_REPLY_MAX + 1];
    struct cyc_err err = {0};
    size_t length = 0;
    far_init(&far);
    struct cyc_bus *const bus = far_open_in_step(&far);
    far.babble_ns = 100;
    far.babbled_ns = FAR_START_NS;
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &far_line, reply, sizeof reply, &length, INT64_MAX, &err),
                    CYC_E_REPLY);
    CU_ASSERT(cyc_bus_counts(bus)->bytes_in <= CYC_BUS_REPLY_MAX);
    const struct cyc_frame frame = {
        .kind = CYC_FRAME_BYTES, .bounded = true, .start = 2, .end = 3, .size = 10};
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &frame, reply, sizeof reply, &length, INT64_MAX, &err),
                    CYC_E_REPLY);
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, MS, INT64_MAX, &err), CYC_E_TIMEOUT);
    CU_ASSERT(cyc_bus_counts(bus)->bytes_in < 1200000);
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->broken_frames, 2);
    cyc_bus_close(bus);
}

static void an_answer_that_does_not_fit_its_buffer_is_an_error(void)
{
    char reply[4];
    size_t length = 0;
    far_init(&far);
    struct cyc_bus *const bus = far_open_in_step(&far);
    far_say(&far, FAR_START_NS + MS, "123\n1234\n");
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &far_line, reply, sizeof reply, &length, INT64_MAX, NULL),
                    CYC_OK);
    CU_ASSERT_EQUAL(length, 3);
    CYC_SAME(reply, "123");
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &far_line, reply, sizeof reply, &length, INT64_MAX, NULL),
                    CYC_E_REPLY);
    cyc_bus_close(bus);
}

/* ---- Pacing -------------------------------------------------------------------------------------
 */

static void nothing_is_written_before_the_port_has_settled(void)
{
    struct cyc_bus_settings settings = cyc_bus_settings_default();
    settings.settle_ns = 2 * CYC_S_NS;
    far_init(&far);
    struct cyc_bus *const bus = far_open(&far, &settings);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "a", 1, FAR_START_NS + CYC_S_NS, NULL), CYC_E_TIMEOUT);
    CU_ASSERT_EQUAL(far.heard_count, 0);
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS); /* known at once, so said at once */
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "a", 1, FAR_START_NS + 3 * CYC_S_NS, NULL), CYC_OK);
    CU_ASSERT_EQUAL(far.heard_ns[0], FAR_START_NS + 2 * CYC_S_NS);
    cyc_bus_close(bus);
}

static void the_bytes_of_a_write_keep_their_gap(void)
{
    struct cyc_bus_settings settings = cyc_bus_settings_default();
    settings.byte_gap_ns = 10 * MS;
    far_init(&far);
    struct cyc_bus *const bus = far_open(&far, &settings);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "abcd", 4, FAR_START_NS + CYC_S_NS, NULL), CYC_OK);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(far.heard_ns[i], FAR_START_NS + (int64_t)i * 10 * MS);
    }
    cyc_bus_close(bus);
}

/* Half a command is worse than none: the next one would be glued to it. */
static void a_command_that_cannot_be_ended_in_time_is_not_begun(void)
{
    char reply[64];
    struct cyc_bus_settings settings = cyc_bus_settings_default();
    settings.byte_gap_ns = 10 * MS;
    far_init(&far);
    struct cyc_bus *const bus = far_open(&far, &settings);
    far_in_step(bus);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1234\n", reply, 49 * MS), CYC_E_TIMEOUT);
    CU_ASSERT_EQUAL(far.heard_count, 0);
    CU_ASSERT(cyc_bus_is_in_step(bus)); /* nothing was asked, so nothing can come late */
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, 0), CYC_E_TIMEOUT);
    CU_ASSERT_EQUAL(far.heard_count, 0);
    CU_ASSERT(cyc_bus_is_in_step(bus));
    cyc_bus_close(bus);
}

static void a_command_keeps_its_distance_from_the_exchange_before(void)
{
    char reply[64];
    struct cyc_bus_settings settings = cyc_bus_settings_default();
    settings.command_gap_ns = 250 * MS;
    far_init(&far);
    far.answer = far_answer_number;
    struct cyc_bus *const bus = far_open(&far, &settings);
    far_in_step(bus);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, CYC_S_NS), CYC_OK);
    CU_ASSERT_EQUAL(far_ask(bus, "Q2\n", reply, CYC_S_NS), CYC_OK);
    CU_ASSERT_EQUAL(far.heard_ns[0], FAR_START_NS);
    CU_ASSERT_EQUAL(far.heard_ns[3], FAR_START_NS + MS + 250 * MS);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "x", 1, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(far.heard_ns[6], FAR_START_NS + 2 * (MS + 250 * MS));
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "y", 1, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(far.heard_ns[7], far.heard_ns[6] + 250 * MS);
    cyc_bus_close(bus);
}

static void the_middle_of_an_exchange_lies_between_question_and_answer(void)
{
    char reply[64];
    size_t length = 0;
    int64_t middle_ns = 0;
    far_init(&far);
    far.answer = answer_in_pieces;
    struct cyc_bus *const bus = far_open_in_step(&far);
    cyc_bus_advance(bus, FAR_START_NS + 1000 * MS);
    CU_ASSERT_EQUAL(cyc_bus_exchange(bus, "Q\n", 2, &far_line, reply, sizeof reply, &length,
                                     INT64_MAX, &middle_ns, NULL),
                    CYC_OK);
    CU_ASSERT_EQUAL(middle_ns, FAR_START_NS + 1045 * MS);
    cyc_bus_close(bus);
}

/* ---- Hanging up ---------------------------------------------------------------------------------
 */

static void a_lost_link_stays_lost(void)
{
    char reply[64];
    size_t length = 0;
    struct cyc_err err = {0};
    for (int state = 0; state < 5; state++) {
        far_init(&far);
        far.answer = state == 4 ? answer_in_pieces : NULL;
        struct cyc_bus *const bus = far_open_in_step(&far);
        far.lost_from_ns = FAR_START_NS + 50 * MS;
        const int64_t end_ns = FAR_START_NS + CYC_S_NS;
        int status = CYC_OK;
        switch (state) {
        case 0: /* before it is asked */
            cyc_bus_advance(bus, far.lost_from_ns);
            status = far_ask(bus, "Q\n", reply, 100 * MS);
            CU_ASSERT_EQUAL(far.heard_count, 0);
            break;
        case 1: /* while it is waited for */
            status = far_ask(bus, "Q\n", reply, 100 * MS);
            break;
        case 2: /* while it is being drained */
            status = cyc_bus_drain(bus, 100 * MS, end_ns, NULL);
            break;
        case 3: /* while nothing but a command is sent */
            cyc_bus_advance(bus, far.lost_from_ns);
            (void)cyc_bus_drain(bus, 0, end_ns, NULL);
            status = cyc_bus_write(bus, "OFF\n", 4, end_ns, NULL);
            break;
        default: /* in the middle of its answer */
            status = far_ask(bus, "Q\n", reply, 100 * MS);
            break;
        }
        CU_ASSERT_EQUAL(status, CYC_E_LOST);
        CU_ASSERT_FALSE(cyc_bus_is_in_step(bus));
        far.lost_from_ns = INT64_MAX; /* coming back is not enough: it may be another one */
        CU_ASSERT_EQUAL(cyc_bus_write(bus, "x\n", 2, end_ns, &err), CYC_E_LOST);
        CYC_SAME(err.text, "memory: the link is lost; it must be opened again");
        CU_ASSERT_EQUAL(cyc_bus_read(bus, &far_line, reply, sizeof reply, &length, end_ns, NULL),
                        CYC_E_LOST);
        CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, 100 * MS), CYC_E_LOST);
        CU_ASSERT_EQUAL(cyc_bus_drain(bus, MS, end_ns, NULL), CYC_E_LOST);
        cyc_bus_close(bus);
    }
}

static void a_hundred_thousand_exchanges_stay_in_step(void)
{
    char question[64];
    char reply[64];
    int wrong = 0;
    far_init(&far);
    far.answer = far_answer_number;
    struct cyc_bus *const bus = far_open_in_step(&far);
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(question, sizeof question, "Q%d\n", i);
        wrong += far_ask(bus, question, reply, 100 * MS) != CYC_OK ||
                 strncmp(reply + 1, question + 1, strlen(reply) - 1) != 0;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(cyc_bus_now_ns(bus), FAR_START_NS + 100000 * MS);
    cyc_bus_close(bus);
}

const struct cyc_check cyc_check_bus[] = {
    CYC_CHECK(a_question_gets_its_answer),
    CYC_CHECK(a_bus_just_opened_refuses_exchanges_until_it_is_drained_and_proved),
    CYC_CHECK(what_a_drain_throws_away_costs_the_step),
    CYC_CHECK(a_late_answer_is_never_taken_for_the_next_one),
    CYC_CHECK(an_answer_in_pieces_is_put_together_within_one_deadline),
    CYC_CHECK(more_than_the_answer_is_an_error),
    CYC_CHECK(what_waits_before_the_question_is_not_its_answer),
    CYC_CHECK(an_echo_is_found_out),
    CYC_CHECK(a_mute_instrument_costs_the_deadline_and_not_more),
    CYC_CHECK(one_who_trickles_cannot_stretch_the_deadline),
    CYC_CHECK(one_who_babbles_is_cut_off_by_the_byte_budget),
    CYC_CHECK(an_answer_that_does_not_fit_its_buffer_is_an_error),
    CYC_CHECK(nothing_is_written_before_the_port_has_settled),
    CYC_CHECK(the_bytes_of_a_write_keep_their_gap),
    CYC_CHECK(a_command_that_cannot_be_ended_in_time_is_not_begun),
    CYC_CHECK(a_command_keeps_its_distance_from_the_exchange_before),
    CYC_CHECK(the_middle_of_an_exchange_lies_between_question_and_answer),
    CYC_CHECK(a_lost_link_stays_lost),
    CYC_CHECK(a_hundred_thousand_exchanges_stay_in_step),
    {0},
};
