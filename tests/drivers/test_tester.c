/* What is particular to a tester that runs steps by itself and reports every two seconds. */
#include "check/check.h"
#include "drivers/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SLICE_NS (300 * CYC_S_NS)
#define LOOK_NS  (100 * CYC_MS_NS)

static struct bench bench;

static const struct bench_kind small = {"zketech_ebc", "zketech_ebc", "model=A05", "model=a05"};

static bool went_well(int status, const struct cyc_err *err)
{
    if (status != CYC_OK) {
        (void)fprintf(stderr, "  %s\n", err->text);
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
    return status == CYC_OK;
}

static struct cyc_reading measured(void)
{
    struct cyc_err err = {0};
    struct cyc_reading reading = {0};
    (void)went_well(bench.driver->measure(bench.instrument, 0, &reading,
                                          bench_deadline(&bench, 400 * CYC_MS_NS), &err),
                    &err);
    return reading;
}

static bool is_on(void)
{
    return cyc_unit_truth(bench.unit, 0)->control != CYC_CONTROL_OPEN;
}

/* Looks every tenth of a second, as a port does when bytes come. */
static void look_for(int64_t time_ns)
{
    for (int64_t passed_ns = 0; passed_ns < time_ns; passed_ns += LOOK_NS) {
        bench_wait(&bench, LOOK_NS);
        (void)measured();
    }
}

static void between_two_reports_there_is_nothing_new(void)
{
    unsigned fresh = 0;
    int64_t last_ns = 0;
    struct cyc_err err = {0};
    bench_open(&bench, &small, NULL);
    bench_ready(&bench);
    (void)went_well(bench_mend(&bench, &err), &err);
    for (int i = 0; i < 200; i++) {
        bench_wait(&bench, LOOK_NS);
        const int64_t from_ns = cyc_bus_now_ns(bench.bus);
        const struct cyc_reading reading = measured();
        CU_ASSERT(cyc_bus_now_ns(bench.bus) - from_ns <= 10 * CYC_MS_NS);
        fresh += reading.t_ns != last_ns ? 1 : 0;
        last_ns = reading.t_ns;
        CU_ASSERT(cyc_bus_now_ns(bench.bus) - reading.t_ns <= 2200 * CYC_MS_NS);
    }
    CU_ASSERT(fresh >= 10 && fresh <= 12); /* in 20 s */
    CU_ASSERT(cyc_bus_is_in_step(bench.bus));
    bench_close(&bench);
}

/* The report that was on its way when the current was asked for says 0 A. */
static void a_report_from_before_is_no_reading_of_the_new_setpoint(void)
{
    for (int64_t wait_ms = 0; wait_ms < 2000; wait_ms += 90) {
        struct cyc_err err = {0};
        bench_open(&bench, &small, NULL);
        bench_ready(&bench);
        look_for(CYC_S_NS);
        bench_wait(&bench, wait_ms * CYC_MS_NS); /* nobody looks: one may wait already */
        const struct cyc_reading before = measured();
        bench_wait(&bench, 50 * CYC_MS_NS);
        (void)went_well(bench_current(&bench, -0.005, &err), &err);
        for (int i = 0; i < 30; i++) {
            bench_wait(&bench, LOOK_NS);
            const struct cyc_reading reading = measured();
            CU_ASSERT(reading.t_ns == before.t_ns ||
                      fabs(reading.values[CYC_MEASURAND_CURRENT] + 0.005) < 0.0011);
        }
        CU_ASSERT(measured().t_ns != before.t_ns);
        bench_close(&bench);
    }
}

static void renew(double current_A)
{
    struct cyc_err err = {0};
    const struct cyc_drive drive = {
        .setpoint = {.control = CYC_CONTROL_CURRENT, .value = current_A},
        .bounds = bench_bounds(&bench),
        .latest_V = NAN,
        .backstop_low_V = 0.5,
        .backstop_high_V = 4.3,
        .backstop_after_ns = SLICE_NS};
    (void)went_well(bench.driver->apply(bench.instrument, 0, &drive,
                                        bench_deadline(&bench, 400 * CYC_MS_NS), &err),
                    &err);
}

/* A lease of half an hour, in slices; then nobody renews: it ends within seven minutes. */
static void slices(void)
{
    bench_open(&bench, &small, NULL);
    bench_ready(&bench);
    renew(-0.001);
    look_for(5 * CYC_S_NS);
    const unsigned opened = bench_truth(&bench, "output 0 open");
    for (int slice = 0; slice < 7; slice++) {
        look_for(240 * CYC_S_NS);
        CU_ASSERT(is_on());
        renew(-0.001);
    }
    look_for(5 * CYC_S_NS);
    CU_ASSERT(is_on());
    CU_ASSERT_EQUAL(bench_truth(&bench, "output 0 open"), opened); /* never in between */
    look_for(280 * CYC_S_NS);
    CU_ASSERT(is_on());                 /* a slice is not cut short */
    bench_wait(&bench, 140 * CYC_S_NS); /* and nobody is there any more */
    CU_ASSERT_FALSE(is_on());
    bench_close(&bench);
}

static void a_discharge_goes_on_while_it_is_renewed_and_ends_when_it_is_not(void)
{
    slices();
}

/* Making safe in calls of 400 ms: the stop goes out with the first, once. */
static void a_stop_is_sent_once_and_seen_within_three_reports(void)
{
    struct cyc_err err = {0};
    bench_open(&bench, &small, NULL);
    bench_ready(&bench);
    (void)went_well(bench_current(&bench, -0.005, &err), &err);
    look_for(5 * CYC_S_NS);
    CU_ASSERT(is_on());
    const int64_t from_ns = cyc_bus_now_ns(bench.bus);
    int status = CYC_E_TIMEOUT;
    for (int i = 0; i < 20 && status == CYC_E_TIMEOUT; i++) {
        const int64_t deadline_ns = bench_deadline(&bench, 400 * CYC_MS_NS);
        status = bench.driver->safe(bench.instrument, 0, deadline_ns, &err);
        CU_ASSERT(cyc_bus_now_ns(bench.bus) <= deadline_ns + 10 * CYC_MS_NS);
        CU_ASSERT_FALSE(is_on());
        bench_wait(&bench, LOOK_NS);
    }
    (void)went_well(status, &err);
    CU_ASSERT(cyc_bus_now_ns(bench.bus) - from_ns <= 6500 * CYC_MS_NS);
    CU_ASSERT_EQUAL(bench_truth(&bench, "received 02 "), 1);
    bench_close(&bench);
}

const struct cyc_check cyc_check_tester[] = {
    CYC_CHECK(between_two_reports_there_is_nothing_new),
    CYC_CHECK(a_report_from_before_is_no_reading_of_the_new_setpoint),
    CYC_CHECK(a_discharge_goes_on_while_it_is_renewed_and_ends_when_it_is_not),
    CYC_CHECK(a_stop_is_sent_once_and_seen_within_three_reports),
    {0}};
