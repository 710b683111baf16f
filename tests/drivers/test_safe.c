/* Output off from any state: 240 states by seed for each cycler, in virtual time. */
#include "check/check.h"
#include "drivers/bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define STATES 240

static struct bench bench;

/* splitmix64 */
static uint64_t draw(uint64_t *seed)
{
    *seed += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static unsigned draw_below(uint64_t *seed, unsigned bound)
{
    return (unsigned)(draw(seed) % bound);
}

/* Written past the driver: somebody died in the middle of it. */
static void inject(const void *bytes, size_t size)
{
    (void)cyc_bus_write(bench.bus, bytes, size, bench_deadline(&bench, CYC_S_NS), NULL);
}

static void inject_text(const char *text)
{
    inject(text, strlen(text));
}

static void inject_part(uint64_t *seed, const char *text)
{
    inject(text, 1 + draw_below(seed, (unsigned)strlen(text)));
}

static void disturb_keithley(uint64_t *seed)
{
    static const char *const commands[] = {
        ":SOUR:CURR 0.005", ":SENS:VOLT:PROT 4.5", ":OUTP ON", ":READ?", "*IDN?",
        ":SOUR:FUNC VOLT",  ":SYST:ERR?",          ":OUTP?"};
    static const char *const whole[] = {":READ?\r",
                                        "*IDN?\r",
                                        ":SYST:RWL ON\r",
                                        ":SYST:LOC\r",
                                        ":NO:SUCH THING\r",
                                        ":OUTP ON\r",
                                        "*ESE 7\r*ESE?\r",
                                        ":SOUR:CURR 9E99\r",
                                        "\r\r\r",
                                        ":FORM:ELEM VOLT\r",
                                        ":SOUR:CLE:AUTO ON\r",
                                        "*RST\r",
                                        ":OUTP:SMOD NORM\r",
                                        ":SYST:RSEN OFF\r:OUTP ON\r",
                                        ":READ?;:READ?;:READ?\r"};
    const unsigned count = 1 + draw_below(seed, 4);
    for (unsigned i = 0; i < count; i++) {
        inject_text(whole[draw_below(seed, sizeof whole / sizeof whole[0])]);
    }
    if (draw_below(seed, 2) == 0) {
        for (int i = 0; i < 30; i++) {
            inject_text(":BAD\r"); /* the error queue runs over */
        }
    }
    if (draw_below(seed, 2) == 0) {
        inject_part(seed, commands[draw_below(seed, sizeof commands / sizeof commands[0])]);
    }
}

static void disturb_ebc(uint64_t *seed)
{
    static const char start[] = "\xFA\x01\x00\x32\x01\x3C\x00\x01\x0E\xF8";
    static const char connect[] = "\xFA\x05\x00\x00\x00\x00\x00\x00\x05\xF8";
    static const char disconnect[] = "\xFA\x06\x00\x00\x00\x00\x00\x00\x06\xF8";
    const unsigned count = draw_below(seed, 3);
    for (unsigned i = 0; i < count; i++) {
        inject(draw_below(seed, 2) == 0 ? connect : disconnect, 10);
    }
    inject(start, draw_below(seed, 10));
}

static void disturb(uint64_t *seed)
{
    uint8_t noise[24];
    const bool keithley = strcmp(bench.driver->name, "keithley_2400") == 0;
    if (keithley) {
        disturb_keithley(seed);
    } else {
        disturb_ebc(seed);
    }
    if (draw_below(seed, 3) == 0) {
        const unsigned size = 1 + draw_below(seed, sizeof noise);
        for (unsigned i = 0; i < size; i++) {
            noise[i] = (uint8_t)draw(seed);
        }
        inject(noise, size);
    }
    if (draw_below(seed, 2) == 0) {
        bench_wait(&bench, (int64_t)draw_below(seed, 200) * CYC_MS_NS);
    }
}

static void energise(uint64_t *seed)
{
    struct cyc_err err = {0};
    const bool keithley = strcmp(bench.driver->name, "keithley_2400") == 0;
    const double current_A = keithley ? 0.002 : 0.2;
    bench_ready(&bench);
    switch (draw_below(seed, 4)) {
    case 0:
        (void)bench_current(&bench, current_A, &err);
        break;
    case 1:
        (void)bench_current(&bench, -current_A, &err);
        break;
    case 2:
        (void)bench_voltage(&bench, 3.75, current_A, &err);
        break;
    default:
        (void)bench_rest(&bench, &err);
        break;
    }
    bench_wait(&bench, (int64_t)draw_below(seed, 3000) * CYC_MS_NS);
}

static void make_safe(const struct bench_kind *kind, uint64_t start, int64_t longest_ns)
{
    struct cyc_err err = {0};
    uint64_t seed = start;
    bench_open(&bench, kind, NULL);
    energise(&seed);
    disturb(&seed);
    if (draw_below(&seed, 2) == 0) {
        bench_reopen_driver(&bench, kind); /* another program, which knows nothing of it */
    }
    const int64_t before_ns = cyc_bus_now_ns(bench.bus);
    const int status = bench.driver->safe(bench.instrument, 0, before_ns + longest_ns, &err);
    const int64_t took_ns = cyc_bus_now_ns(bench.bus) - before_ns;
    if (status != CYC_OK || !bench_is_off(&bench) || took_ns > longest_ns) {
        (void)fprintf(stderr, "  %s, seed %" PRIu64 ": %s; the output is %s\n", kind->driver, start,
                      err.text, bench_is_off(&bench) ? "off" : "on");
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
    CU_ASSERT(bench_is_off(&bench));
    CU_ASSERT(took_ns <= longest_ns);
    bench_wait(&bench, 5 * CYC_S_NS);
    CU_ASSERT(bench_is_off(&bench));
    bench_close(&bench);
}

static void a_keithley_is_off_within_half_a_second_from_any_state(void)
{
    for (uint64_t seed = 0; seed < STATES; seed++) {
        make_safe(bench_kind("keithley_2400"), seed, 500 * CYC_MS_NS);
    }
}

static void a_tester_is_off_within_three_reports_from_any_state(void)
{
    for (uint64_t seed = 0; seed < STATES; seed++) {
        make_safe(bench_kind("zketech_ebc"), seed, 6 * CYC_S_NS);
    }
}

/* ---- Chambers and presses ------------------------------------------------------------------- */

static void set_environment(double temperature_degC, double pressure_Pa)
{
    struct cyc_err err = {0};
    const struct cyc_protection bounds = bench_bounds(&bench);
    const struct cyc_environment wanted = {
        .temperature_degC = temperature_degC, .ramp_K_per_s = NAN, .pressure_Pa = pressure_Pa};
    const int status = bench.driver->environment(bench.instrument, 0, &wanted, &bounds,
                                                 bench_deadline(&bench, 10 * CYC_S_NS), &err);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "  %s\n", err.text);
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
}

static void release(const struct bench_kind *kind, const char *const *commands, unsigned count,
                    uint64_t start, const char *truth)
{
    struct cyc_err err = {0};
    uint64_t seed = start;
    bench_open(&bench, kind, NULL);
    bench_ready(&bench);
    set_environment(40, 2e5);
    const unsigned whole = draw_below(&seed, 3);
    for (unsigned i = 0; i < whole; i++) {
        inject_text(commands[draw_below(&seed, count)]);
    }
    inject_part(&seed, commands[draw_below(&seed, count)]);
    if (draw_below(&seed, 2) == 0) {
        bench_reopen_driver(&bench, kind);
    }
    const int status =
        bench.driver->safe(bench.instrument, 0, bench_deadline(&bench, 6 * CYC_S_NS), &err);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "  %s, seed %" PRIu64 ": %s\n", kind->driver, start, err.text);
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
    CU_ASSERT(bench_truth(&bench, truth) >= 1);
    bench_close(&bench);
}

static void a_chamber_is_released_from_any_state(void)
{
    static const char *const commands[] = {"TEMP, S60.0\r\n", "MODE?\r\n", "TEMP?\r\n",
                                           "NONSENSE\r\n", "MODE,CONSTANT\r\n"};
    for (uint64_t seed = 0; seed < STATES; seed++) {
        release(bench_kind("espec_p300"), commands, 5, seed, "received MODE,STANDBY");
    }
}

static void a_press_is_released_from_any_state(void)
{
    static const char *const commands[] = {"AS10\r", "A\r", "A??M*\r", "ABC\r", "AS0.5\r"};
    for (uint64_t seed = 0; seed < STATES; seed++) {
        release(bench_kind("alicat_pc"), commands, 5, seed, "received setpoint 0");
    }
}

const struct cyc_check cyc_check_safe[] = {
    CYC_CHECK(a_keithley_is_off_within_half_a_second_from_any_state),
    CYC_CHECK(a_tester_is_off_within_three_reports_from_any_state),
    CYC_CHECK(a_chamber_is_released_from_any_state),
    CYC_CHECK(a_press_is_released_from_any_state),
    {0}};
