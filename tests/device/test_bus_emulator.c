/* A driver and an emulator in two threads with a pseudo-terminal between them, in real time, on a
 * wire with faults: what is read belongs to the setpoint that was last applied. */
#include "check/check.h"
#include "core/types.h"
#include "device/driver.h"
#include "emulate/emulate.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXCHANGES  1000
#define MEASURE_NS (100 * CYC_MS_NS)
#define APPLY_NS   (2 * CYC_S_NS)
#define TRIES_MAX  200

extern const struct cyc_driver cyc_driver_keithley_2400;
extern const struct cyc_emulator cyc_emulator_keithley_2400;
static const struct cyc_driver *const driver = &cyc_driver_keithley_2400;

static const char *const faults[] = {
    "split:p=0.1",  "mute:p=0.005", "late:p=0.005,by=0.2s", "merge:p=0.005",
    "echo:p=0.005", "noise:p=0.01", "extra:p=0.01",         NULL};

struct bench {
    char folder[32], link[48];
    struct cyc_emulation *emulation;
    struct cyc_unit *unit;
    pthread_t thread;
    volatile int stop;
    struct cyc_bus *bus;
    struct cyc_instrument *instrument;
    unsigned failures;
};

static void *serve(void *context)
{
    struct bench *const bench = context;
    (void)cyc_emulation_serve(bench->emulation, &bench->stop, NULL);
    return NULL;
}

static void start(struct bench *bench)
{
    const struct cyc_emulation_options options = {.rate = 1, .seed = 7};
    const struct cyc_driver_setting setting = {.name = "terminator", .text = "LF"};
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    struct cyc_cell_spec spec;
    unsigned cell = 0;
    unsigned link = 0;
    char where[64];
    (void)cyc_copy(bench->folder, sizeof bench->folder, "/tmp/cyc-emulator-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(bench->folder));
    (void)snprintf(bench->link, sizeof bench->link, "%s/smu", bench->folder);
    (void)snprintf(where, sizeof where, "pty:%s", bench->link);
    CU_ASSERT_FATAL(cyc_cell_spec_init(&spec, "linear", NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_new(&options, &bench->emulation, NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_cell(bench->emulation, &spec, &cell, NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_link(bench->emulation, where, &link, NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_unit(bench->emulation, &cyc_emulator_keithley_2400, link,
                                       "terminator=lf", &cell, 1, &bench->unit, NULL) == CYC_OK);
    for (size_t i = 0; faults[i] != NULL; i++) {
        CU_ASSERT_FATAL(cyc_emulation_fault(bench->emulation, faults[i], NULL) == CYC_OK);
    }
    CU_ASSERT_FATAL(pthread_create(&bench->thread, NULL, serve, bench) == 0);
    CU_ASSERT_FATAL(cyc_bus_open(bench->link, &settings, &bench->bus, NULL) == CYC_OK);
    CU_ASSERT_FATAL(
        cyc_instrument_open(driver, bench->bus, &setting, 1, &bench->instrument, NULL) == CYC_OK);
}

static void finish(struct bench *bench)
{
    cyc_instrument_close(bench->instrument);
    cyc_bus_close(bench->bus);
    bench->stop = 1;
    CU_ASSERT_EQUAL(pthread_join(bench->thread, NULL), 0);
    CU_ASSERT_EQUAL(cyc_unit_truth(bench->unit, 0)->control, CYC_CONTROL_OPEN);
    cyc_emulation_free(bench->emulation);
    (void)unlink(bench->link);
    CU_ASSERT_EQUAL(rmdir(bench->folder), 0);
}

static int64_t in(const struct bench *bench, int64_t time_ns)
{
    return cyc_bus_now_ns(bench->bus) + time_ns;
}

static void make_safe(struct bench *bench)
{
    int status = CYC_E_TIMEOUT;
    for (int i = 0; i < TRIES_MAX && status != CYC_OK; i++) {
        status = driver->safe(bench->instrument, 0, in(bench, APPLY_NS), NULL);
    }
    CU_ASSERT_FATAL(status == CYC_OK);
}

static void drive(struct bench *bench, double current_A)
{
    struct cyc_drive wanted = {.setpoint = {.control = CYC_CONTROL_CURRENT, .value = current_A},
                               .bounds = {0, 4.5, -0.1, 0.1, NAN, NAN, NAN, NAN},
                               .latest_V = NAN};
    int status = driver->apply(bench->instrument, 0, &wanted, in(bench, APPLY_NS), NULL);
    for (int i = 0; i < TRIES_MAX && status != CYC_OK; i++) {
        bench->failures++;
        make_safe(bench);
        status = driver->protect(bench->instrument, 0, &wanted.bounds, in(bench, APPLY_NS), NULL);
        if (status == CYC_OK) {
            status = driver->apply(bench->instrument, 0, &wanted, in(bench, APPLY_NS), NULL);
        }
    }
    CU_ASSERT_FATAL(status == CYC_OK);
}

static void measure(struct bench *bench, double current_A)
{
    struct cyc_reading reading;
    if (driver->measure(bench->instrument, 0, &reading, in(bench, MEASURE_NS), NULL) == CYC_OK) {
        CU_ASSERT((reading.flags & CYC_SAMPLE_OUTPUT_ON) != 0);
        CYC_NEAR(reading.values[CYC_MEASURAND_CURRENT], current_A, 1e-3 * fabs(current_A));
        return;
    }
    bench->failures++;
    int status = CYC_E_TIMEOUT;
    for (int i = 0; i < TRIES_MAX && status != CYC_OK; i++) {
        status = driver->resync(bench->instrument, in(bench, APPLY_NS), NULL);
    }
    CU_ASSERT_FATAL(status == CYC_OK);
}

static void a_thousand_exchanges_over_a_pseudo_terminal_fit_their_setpoints(void)
{
    static struct bench bench;
    struct cyc_identity identity;
    int status = CYC_E_TIMEOUT;
    start(&bench);
    for (int i = 0; i < TRIES_MAX && status != CYC_OK; i++) {
        status = driver->identify(bench.instrument, &identity, in(&bench, APPLY_NS), NULL);
    }
    CU_ASSERT_FATAL(status == CYC_OK);
    for (unsigned round = 0; cyc_bus_counts(bench.bus)->exchanges < EXCHANGES; round++) {
        const double current_A = (round % 2 == 0 ? 1e-3 : -1e-3) * (1 + round % 7);
        drive(&bench, current_A);
        for (int i = 0; i < 20; i++) {
            measure(&bench, current_A);
        }
    }
    CU_ASSERT(bench.failures > 10); /* the wire was bad indeed */
    make_safe(&bench);
    finish(&bench);
}

const struct cyc_check cyc_check_bus_emulator[] = {
    CYC_CHECK(a_thousand_exchanges_over_a_pseudo_terminal_fit_their_setpoints),
    {0},
};
