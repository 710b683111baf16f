/* What the disk does to a live channel (desk.h): see live_disk.c. */
#include "check/check.h"
#include "desk.h"

#include <string.h>

static const struct cyc_err full = {CYC_E_NO_SPACE, "the disk is full"};

static unsigned count_of(const struct desk *desk, enum cyc_message_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < desk->sent_count; i++) {
        count += desk->sent[i].kind == (uint32_t)kind;
    }
    return count;
}

static bool is_aside(const struct desk *desk)
{
    struct cyc_live_view view;
    cyc_live_view(desk->live, &view);
    return view.state == CYC_LIVE_ASIDE && view.aside == CYC_E_NO_SPACE &&
           strcmp(view.why, full.text) == 0;
}

static void an_intent_that_does_not_become_durable_ends_a_run_that_has_not_begun(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_begin(&desk);
    desk_wait_ms(&desk, 240);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) == NULL);
    desk_wait_ms(&desk, 20);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(desk_has_ended(&desk, "disk"));
    CU_ASSERT(desk_control_of(&desk) == CYC_CONTROL_OPEN);
    desk_clear_away(&desk);
}

static void a_disk_that_fails_a_run_that_has_not_begun_ends_it(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_begin(&desk);
    cyc_live_disk_failed(desk.live, &full, desk.now_ns);
    CU_ASSERT(desk_last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(desk_has_ended(&desk, "disk: the disk is full"));
    CU_ASSERT(cyc_live_state(desk.live) == CYC_LIVE_ENDED);
    desk_clear_away(&desk);
}

static void a_disk_that_fails_opens_the_circuit_and_the_run_is_set_aside_as_it_is(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_drive(&desk);
    const unsigned rows = desk.row_count, applied = count_of(&desk, CYC_MESSAGE_APPLY);
    cyc_live_disk_failed(desk.live, &full, desk.now_ns);
    CU_ASSERT(is_aside(&desk));
    CU_ASSERT(count_of(&desk, CYC_MESSAGE_SAFE) == 1);
    CU_ASSERT(desk.end[0] == '\0' && desk.end_count == 0);
    /* Whatever comes now: nothing is driven, and nothing follows from it. */
    desk.now_ns += DESK_PERIOD_NS;
    desk_read_cell(&desk, 1, 4.9, 0.01);
    cyc_live_durable(desk.live, UINT64_MAX, desk.now_ns);
    desk_wait_ms(&desk, 1000);
    CU_ASSERT(is_aside(&desk));
    CU_ASSERT(desk.row_count <= rows + 1 && desk.end_count == 0 && desk.end[0] == '\0');
    CU_ASSERT(count_of(&desk, CYC_MESSAGE_APPLY) == applied);
    desk_clear_away(&desk);
}

/* The disk is found out by the call that wants to write: the end of a step, with the next one at
 * hand. */
static void a_call_of_the_store_that_fails_sets_aside_likewise(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_cut_at(&desk, 0, 4.2);
    desk_drive(&desk);
    desk.step_count = 2;
    const unsigned applied = count_of(&desk, CYC_MESSAGE_APPLY);
    desk.fails = &full;
    desk.now_ns += DESK_PERIOD_NS;
    desk_read_cell(&desk, 1, 4.21, 0.01);
    CU_ASSERT(is_aside(&desk));
    CU_ASSERT(count_of(&desk, CYC_MESSAGE_SAFE) == 1);
    cyc_live_source(desk.live, desk.now_ns);
    desk_wait_ms(&desk, 1000);
    CU_ASSERT(count_of(&desk, CYC_MESSAGE_APPLY) == applied);
    CU_ASSERT(desk.end[0] == '\0');
    desk_clear_away(&desk);
}

/* Nothing can be set aside of a run that an operator has just ended. */
static void a_run_that_is_over_ends_whatever_the_disk_says(void)
{
    static struct desk desk;
    desk_lay_out(&desk, 1);
    desk_drive(&desk);
    desk.fails = &full;
    cyc_live_abort(desk.live, "by a person", desk.now_ns);
    cyc_live_disk_failed(desk.live, &full, desk.now_ns);
    CU_ASSERT(cyc_live_state(desk.live) == CYC_LIVE_ENDED);
    desk_clear_away(&desk);
}

const struct cyc_check cyc_check_disk[] = {
    CYC_CHECK(an_intent_that_does_not_become_durable_ends_a_run_that_has_not_begun),
    CYC_CHECK(a_disk_that_fails_a_run_that_has_not_begun_ends_it),
    CYC_CHECK(a_disk_that_fails_opens_the_circuit_and_the_run_is_set_aside_as_it_is),
    CYC_CHECK(a_call_of_the_store_that_fails_sets_aside_likewise),
    CYC_CHECK(a_run_that_is_over_ends_whatever_the_disk_says),
    {0},
};
