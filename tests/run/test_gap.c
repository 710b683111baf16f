/* What an absence came to: how much charge may have passed unseen, and when the run's clock says it
 * is now. A bound is held against every way in which the current can have gone on. */
#include "check/check.h"
#include "core/core_state.h"
#include "run/resume.h"

#include <math.h>

#define LAST_NS (100 * CYC_S_NS)
#define MOST_A  1.0

/* An executor under setpoint 7 with one sample in it. */
static struct cyc_core under(enum cyc_control control, double value, uint32_t number,
                             double current_A, bool is_on)
{
    struct cyc_core core;
    cyc_core_init(&core);
    core.setpoint = (struct cyc_setpoint){.number = 7,
                                          .control = control,
                                          .value = value,
                                          .current_min_A = -0.2,
                                          .current_max_A = 0.5};
    core.has_sample = true;
    core.last = (struct cyc_sample){.t_ns = LAST_NS,
                                    .setpoint_number = number,
                                    .flags = is_on ? CYC_SAMPLE_OUTPUT_ON : 0,
                                    .voltage_V = 3.5,
                                    .current_A = current_A};
    return core;
}

static struct cyc_gap gap_of(const struct cyc_core *core, const struct cyc_step *step,
                             int64_t early_s, int64_t late_s)
{
    const struct cyc_outage outage = {.now_ns = LAST_NS + 60 * CYC_S_NS,
                                      .step = step,
                                      .seen_ns = LAST_NS,
                                      .off_earliest_ns = LAST_NS + early_s * CYC_S_NS,
                                      .off_latest_ns = LAST_NS + late_s * CYC_S_NS,
                                      .current_max_A = MOST_A};
    struct cyc_absence absence;
    struct cyc_gap gap;
    cyc_resume_gap(core, &outage, &absence, &gap);
    CYC_NEAR(absence.passed.charge_Ah - absence.passed.discharge_Ah, gap.estimate_Ah, 0);
    CU_ASSERT(gap.start_ns >= LAST_NS);
    return gap;
}

/* That much, at any rate between the two. */
static void spans(const struct cyc_gap *gap, double low_As, double high_As)
{
    CU_ASSERT(gap->estimate_Ah - gap->bound_Ah <= low_As / 3600 + 1e-15);
    CU_ASSERT(gap->estimate_Ah + gap->bound_Ah >= high_As / 3600 - 1e-15);
    CU_ASSERT(gap->bound_Ah <= (high_As - low_As) / 3600 + 1e-15);
}

static void a_current_until_a_moment_that_the_port_knows(void)
{
    const struct cyc_core core = under(CYC_CONTROL_CURRENT, 0.3, 7, 0.3, true);
    const struct cyc_gap gap = gap_of(&core, NULL, 4, 4);
    CYC_NEAR(gap.estimate_Ah, 0.3 * 4 / 3600, 1e-15);
    spans(&gap, 0, 1.2); /* it may have crossed over */
}

static void a_current_until_some_time(void)
{
    const struct cyc_core core = under(CYC_CONTROL_CURRENT, -0.3, 7, -0.3, true);
    const struct cyc_gap gap = gap_of(&core, NULL, 0, 4);
    CYC_NEAR(gap.estimate_Ah, -0.15 * 4 / 3600, 1e-15);
    spans(&gap, -1.2, 0);
}

static void a_current_that_was_asked_for_and_not_seen_is_bounded(void)
{
    struct cyc_core core = under(CYC_CONTROL_CURRENT, 0.3, 6, 0, false);
    struct cyc_gap gap = gap_of(&core, NULL, 0, 4);
    CYC_NEAR(gap.estimate_Ah, 0, 0);
    CU_ASSERT(gap.bound_Ah >= 0.3 * 4 / 3600);
    core = under(CYC_CONTROL_CURRENT, 0.3, 6, -0.4, true); /* from the other direction */
    gap = gap_of(&core, NULL, 0, 4);
    CU_ASSERT(gap.estimate_Ah - gap.bound_Ah <= -0.4 * 4 / 3600);
    CU_ASSERT(gap.estimate_Ah + gap.bound_Ah >= 0.3 * 4 / 3600);
}

static void an_open_circuit_that_was_not_seen_open_yet_is_bounded(void)
{
    struct cyc_core core = under(CYC_CONTROL_OPEN, 0, 6, 0.3, true);
    struct cyc_gap gap = gap_of(&core, NULL, 0, 4);
    CYC_NEAR(gap.estimate_Ah, 0.15 * 4 / 3600, 1e-15);
    spans(&gap, 0, 1.2);
    core = under(CYC_CONTROL_OPEN, 0, 7, 1e-9, true); /* an instrument that rests switched on */
    gap = gap_of(&core, NULL, 0, 4);
    CYC_NEAR(gap.bound_Ah, 0, 0);
    core = under(CYC_CONTROL_OPEN, 0, 6, 1e-9, false);
    gap = gap_of(&core, NULL, 0, 4);
    CYC_NEAR(gap.bound_Ah, 0, 0);
}

static void what_was_seen_off_leaves_nothing(void)
{
    const struct cyc_core core = under(CYC_CONTROL_CURRENT, 0.3, 7, 0.3, true);
    const struct cyc_gap gap = gap_of(&core, NULL, 0, 0);
    CYC_NEAR(gap.bound_Ah, 0, 0);
    CYC_NEAR(gap.estimate_Ah, 0, 0);
}

static void what_another_gap_has_counted_is_not_counted_again(void)
{
    struct cyc_core core = under(CYC_CONTROL_CURRENT, 0.3, 7, 0.3, true);
    core.previous_ns = core.last.t_ns + 3 * CYC_S_NS; /* the end of that gap */
    const struct cyc_gap gap = gap_of(&core, NULL, 0, 4);
    CU_ASSERT_EQUAL(gap.start_ns, core.previous_ns);
    spans(&gap, 0, 0.3);
}

/* The mark says that it waits; a word since then may have let it go on. */
static void a_pause_that_may_have_ended_is_bounded_by_its_step(void)
{
    struct cyc_segment segment = {.control = CYC_CONTROL_CURRENT, .value = 0.3};
    const struct cyc_step step = {.segments = &segment, .segment_count = 1};
    const struct cyc_core core = under(CYC_CONTROL_OPEN, 0, 7, 0, true);
    struct cyc_outage outage = {.now_ns = LAST_NS + 60 * CYC_S_NS,
                                .step = &step,
                                .seen_ns = LAST_NS,
                                .off_earliest_ns = LAST_NS,
                                .off_latest_ns = LAST_NS + 4 * CYC_S_NS,
                                .current_max_A = MOST_A};
    struct cyc_absence absence;
    struct cyc_gap gap;
    cyc_resume_gap(&core, &outage, &absence, &gap);
    CYC_NEAR(gap.bound_Ah, 0, 0);
    outage.gone_on = true;
    cyc_resume_gap(&core, &outage, &absence, &gap);
    spans(&gap, 0, 1.2);
    segment.control = CYC_CONTROL_VOLTAGE;
    cyc_resume_gap(&core, &outage, &absence, &gap);
    spans(&gap, -MOST_A * 4, MOST_A * 4);
}

static void segments_that_may_have_followed_are_bounded(void)
{
    struct cyc_segment segments[3] = {{.control = CYC_CONTROL_CURRENT, .value = 0.3},
                                      {.control = CYC_CONTROL_CURRENT, .value = -0.6},
                                      {.control = CYC_CONTROL_OPEN}};
    const struct cyc_step step = {.segments = segments, .segment_count = 3};
    const struct cyc_core core = under(CYC_CONTROL_CURRENT, 0.3, 7, 0.3, true);
    struct cyc_gap gap = gap_of(&core, &step, 0, 4);
    CU_ASSERT(gap.estimate_Ah - gap.bound_Ah <= -0.6 * 4 / 3600);
    segments[2] = (struct cyc_segment){.control = CYC_CONTROL_POWER, .value = 2};
    gap = gap_of(&core, &step, 0, 4);
    CU_ASSERT(gap.estimate_Ah - gap.bound_Ah <= -MOST_A * 4 / 3600);
    CU_ASSERT(gap.estimate_Ah + gap.bound_Ah >= MOST_A * 4 / 3600);
    segments[1].slope_per_s = 0.1; /* a sweep */
    segments[2] = segments[0];
    gap = gap_of(&core, &step, 0, 4);
    CU_ASSERT(gap.estimate_Ah + gap.bound_Ah >= MOST_A * 4 / 3600);
}

static void other_controls_are_bounded_by_what_they_allow(void)
{
    struct cyc_core core = under(CYC_CONTROL_VOLTAGE, 3.6, 7, 0.1, true);
    struct cyc_gap gap = gap_of(&core, NULL, 4, 4);
    CU_ASSERT(gap.estimate_Ah - gap.bound_Ah <= -0.2 * 4 / 3600);
    CU_ASSERT(gap.estimate_Ah + gap.bound_Ah >= 0.5 * 4 / 3600);
    core = under(CYC_CONTROL_POWER, 1.0, 7, 0.28, true);
    gap = gap_of(&core, NULL, 4, 4);
    CU_ASSERT(gap.estimate_Ah + gap.bound_Ah >= 1.25 * 0.28 * 4 / 3600);
    core = under(CYC_CONTROL_LOAD, 10, 6, 0, false); /* nobody knows what it will be */
    gap = gap_of(&core, NULL, 0, 4);
    CU_ASSERT(gap.bound_Ah >= MOST_A * 4 / 3600);
}

static void a_clock_that_had_not_begun_begins_now(void)
{
    struct cyc_resume resume = {.has_state = true, .host = {.rate = 1, .time_ns = 3}};
    for (unsigned i = 0; i < 2; i++) {
        resume.kind = i == 0 ? CYC_ABSENCE_PROGRAM : CYC_ABSENCE_MACHINE;
        resume.journal.open_start_ns = 0;
        CU_ASSERT_EQUAL(cyc_resume_time_ns(&resume, 5000 * CYC_S_NS, 9000 * CYC_S_NS), 3);
        resume.journal.open_start_ns = 8; /* a step that was begun behind the mark */
        CU_ASSERT_EQUAL(cyc_resume_time_ns(&resume, 5000 * CYC_S_NS, 9000 * CYC_S_NS), 8);
    }
}

const struct cyc_check cyc_check_gap[] = {
    CYC_CHECK(a_current_until_a_moment_that_the_port_knows),
    CYC_CHECK(a_current_until_some_time),
    CYC_CHECK(a_current_that_was_asked_for_and_not_seen_is_bounded),
    CYC_CHECK(an_open_circuit_that_was_not_seen_open_yet_is_bounded),
    CYC_CHECK(what_was_seen_off_leaves_nothing),
    CYC_CHECK(what_another_gap_has_counted_is_not_counted_again),
    CYC_CHECK(a_pause_that_may_have_ended_is_bounded_by_its_step),
    CYC_CHECK(segments_that_may_have_followed_are_bounded),
    CYC_CHECK(other_controls_are_bounded_by_what_they_allow),
    CYC_CHECK(a_clock_that_had_not_begun_begins_now),
    {0},
};
