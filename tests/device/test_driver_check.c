/* One fault each in an otherwise sound table, and what is said of it. */
#include "check/check.h"
#include "device/driver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int open_any(struct cyc_instrument *instrument, struct cyc_err *err)
{
    (void)instrument;
    (void)err;
    return CYC_OK;
}

static int identify_any(struct cyc_instrument *instrument, struct cyc_identity *identity,
                        int64_t deadline_ns, struct cyc_err *err)
{
    (void)instrument;
    (void)identity;
    (void)deadline_ns;
    (void)err;
    return CYC_OK;
}

static int capabilities_any(struct cyc_instrument *instrument, struct cyc_capabilities *can,
                            struct cyc_err *err)
{
    (void)instrument;
    (void)can;
    (void)err;
    return CYC_OK;
}

static int protect_any(struct cyc_instrument *instrument, unsigned output,
                       const struct cyc_protection *protection, int64_t deadline_ns,
                       struct cyc_err *err)
{
    (void)instrument;
    (void)output;
    (void)protection;
    (void)deadline_ns;
    (void)err;
    return CYC_OK;
}

static int apply_any(struct cyc_instrument *instrument, unsigned output,
                     const struct cyc_drive *drive, int64_t deadline_ns, struct cyc_err *err)
{
    (void)instrument;
    (void)output;
    (void)drive;
    (void)deadline_ns;
    (void)err;
    return CYC_OK;
}

static int environment_any(struct cyc_instrument *instrument, unsigned output,
                           const struct cyc_environment *environment,
                           const struct cyc_protection *bounds, int64_t deadline_ns,
                           struct cyc_err *err)
{
    (void)instrument;
    (void)output;
    (void)environment;
    (void)bounds;
    (void)deadline_ns;
    (void)err;
    return CYC_OK;
}

static int measure_any(struct cyc_instrument *instrument, unsigned output,
                       struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err)
{
    (void)instrument;
    (void)output;
    (void)reading;
    (void)deadline_ns;
    (void)err;
    return CYC_OK;
}

static int safe_any(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                    struct cyc_err *err)
{
    (void)instrument;
    (void)output;
    (void)deadline_ns;
    (void)err;
    return CYC_OK;
}

static struct cyc_driver_option option_rows[40];

static struct cyc_driver sound(void)
{
    memset(option_rows, 0, sizeof option_rows);
    option_rows[0] = (struct cyc_driver_option){"range", CYC_KIND_CURRENT,          0, 1, NULL,
                                                "10 mA", "the range it measures in"};
    option_rows[1] =
        (struct cyc_driver_option){"end", CYC_KIND_TEXT, NAN, NAN, "LF|CR", "LF", "end of a line"};
    return (struct cyc_driver){
        .api = CYC_DRIVER_API,
        .name = "model_1",
        .title = "Model 1",
        .models = "Model 1",
        .roles = CYC_ROLE_CYCLER,
        .bus = {.baud = 9600, .data_bits = 8, .stop_bits = 1},
        .options = option_rows,
        .state_size = 8,
        .open = open_any,
        .identify = identify_any,
        .capabilities = capabilities_any,
        .protect = protect_any,
        .apply = apply_any,
        .measure = measure_any,
        .safe = safe_any,
    };
}

static void says(const struct cyc_driver *driver, const char *what)
{
    struct cyc_text faults = {0};
    CU_ASSERT_EQUAL(cyc_driver_check(driver, &faults), CYC_E_INPUT);
    if (strstr(cyc_text_get(&faults), what) == NULL) {
        (void)fprintf(stderr, "  not said: %s\n  but: %s", what, cyc_text_get(&faults));
        CU_FAIL("the fault is not named");
    }
    unsigned lines = 0;
    for (const char *at = cyc_text_get(&faults); *at != '\0'; at++) {
        lines += *at == '\n';
    }
    if (lines != 1) {
        (void)fprintf(stderr, "  not one fault but: %s", cyc_text_get(&faults));
    }
    CU_ASSERT_EQUAL(lines, 1);
    cyc_text_release(&faults);
}

static void a_sound_table_has_no_fault(void)
{
    const struct cyc_driver driver = sound();
    struct cyc_text faults = {0};
    CU_ASSERT_EQUAL(cyc_driver_check(&driver, &faults), CYC_OK);
    CYC_SAME(cyc_text_get(&faults), "");
    cyc_text_release(&faults);
}

#define FAULT(change, what)                                                                        \
    do {                                                                                           \
        struct cyc_driver driver = sound();                                                        \
        change;                                                                                    \
        says(&driver, what);                                                                       \
    } while (0)

static void faults_of_the_head_are_named(void)
{
    FAULT(driver.api = 2, "api: is 2");
    FAULT(driver.name = NULL, "name:");
    FAULT(driver.name = "", "name:");
    FAULT(driver.name = "Model 1", "name:");
    FAULT(driver.name = "1model", "name:");
    FAULT(driver.name =
              "a_name_that_is_much_longer_than_the_sixty_four_bytes_that_there_is_room_for",
          "name:");
    FAULT(driver.title = NULL, "title: is missing");
    FAULT(driver.models = "", "models: is missing");
    FAULT((driver.roles = 0, driver.apply = NULL), "roles: must be");
    FAULT(driver.roles |= 1u << 9, "roles:");
    FAULT(driver.state_size = (size_t)1 << 24, "state_size: is over");
}

static void faults_of_the_bus_are_named(void)
{
    FAULT(driver.bus.baud = 0, "bus.baud:");
    FAULT(driver.bus.baud = 9000000, "bus.baud:");
    FAULT(driver.bus.data_bits = 9, "bus.data_bits:");
    FAULT(driver.bus.stop_bits = 0, "bus.stop_bits:");
    FAULT(driver.bus.parity = (enum cyc_parity)7, "bus.parity:");
    FAULT(driver.bus.flow = (enum cyc_flow)7, "bus.flow:");
    FAULT(driver.bus.settle_ns = -1, "bus: a time is negative");
    FAULT(driver.bus.byte_gap_ns = -1, "bus: a time is negative");
    FAULT(driver.bus.command_gap_ns = 60 * CYC_S_NS, "bus: a time is over 10 s");
    FAULT(driver.bus.byte_gap_ns = 2 * CYC_S_NS, "bus: a time is over 10 s");
}

static void faults_of_options_are_named(void)
{
    FAULT(option_rows[0].name = "Range", "option Range: its name");
    FAULT(option_rows[0].name = "poll", "option poll: the rig file uses this name");
    FAULT(option_rows[0].name = "end", "option end: stands there twice");
    FAULT(option_rows[0].help = NULL, "option range: has no help");
    FAULT(option_rows[0].help = "the range.", "option range: its help ends in a full stop");
    FAULT(option_rows[1].kind = (enum cyc_kind)99, "option end: has no kind");
    FAULT((option_rows[0].choices = "a|b"), "option range: has choices, but is no text");
    FAULT((option_rows[0].low = 2, option_rows[0].fallback = NULL),
          "option range: its lower bound is above");
    FAULT(option_rows[0].fallback = "10 V", "fallback: option 'range'");
    FAULT(option_rows[0].fallback = "10 A", "fallback: option 'range': 10 A is too large");
    FAULT(option_rows[0].fallback = "10", "fallback: option 'range'");
    FAULT(option_rows[1].fallback = "CRLF", "fallback: option 'end': 'CRLF' is none of LF|CR");
}

static void too_many_options_are_named(void)
{
    static char names[40][4];
    struct cyc_driver driver = sound();
    for (int i = 0; i < 39; i++) {
        names[i][0] = 'a';
        names[i][1] = (char)('a' + i / 10);
        names[i][2] = (char)('0' + i % 10);
        option_rows[i] =
            (struct cyc_driver_option){names[i], CYC_KIND_TEXT, NAN, NAN, NULL, "", "any text"};
    }
    says(&driver, "options: there are over 32");
}

static void missing_functions_are_named(void)
{
    FAULT(driver.open = NULL, "open: is missing");
    FAULT(driver.identify = NULL, "identify: is missing");
    FAULT(driver.capabilities = NULL, "capabilities: is missing");
    FAULT(driver.measure = NULL, "measure: is missing");
    FAULT(driver.protect = NULL, "protect: is missing");
    FAULT(driver.apply = NULL, "apply: is missing");
    FAULT(driver.safe = NULL, "safe: is missing");
    FAULT((driver.roles = CYC_ROLE_CYCLER | CYC_ROLE_CHAMBER), "environment: is missing");
    FAULT((driver.roles = CYC_ROLE_PRESS, driver.apply = NULL), "environment: is missing");
    FAULT((driver.roles = CYC_ROLE_SENSOR), "apply: is there, but the instrument is no cycler");
    FAULT((driver.environment = environment_any), "environment: is there, but the instrument is");
}

static void all_faults_are_named_at_once(void)
{
    struct cyc_driver driver = sound();
    struct cyc_text faults = {0};
    driver.title = NULL;
    driver.bus.baud = 1;
    driver.measure = NULL;
    option_rows[0].help = NULL;
    CU_ASSERT_EQUAL(cyc_driver_check(&driver, &faults), CYC_E_INPUT);
    CYC_SAME(cyc_text_get(&faults), "title: is missing: what the instrument is called, for people\n"
                                    "bus.baud: must lie between 300 and 4000000\n"
                                    "option range: has no help\n"
                                    "measure: is missing\n");
    cyc_text_release(&faults);
}

/* ---- Settings ------------------------------------------------------------------------------- */

static void settings_are_read_by_kind_and_bounds(void)
{
    const struct cyc_driver driver = sound();
    struct cyc_driver_setting setting = {0};
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "range", "20 mA", &setting, &err), CYC_OK);
    CYC_NEAR(setting.number, 0.02, 1e-12);
    CYC_SAME(setting.text, "20 mA");
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "rang", "20 mA", &setting, &err),
                    CYC_E_UNKNOWN_NAME);
    CYC_SAME(err.text, "model_1 has no option 'rang'; write 'range'?");
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "range", "2 V", &setting, &err), CYC_E_KIND);
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "range", "2 C", &setting, &err), CYC_E_INPUT);
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "range", "-2 mA", &setting, &err),
                    CYC_E_INPUT);
    CYC_SAME(err.text, "option 'range': -2 mA is too small; write 0 A at least");
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "end", "LFCR", &setting, &err), CYC_E_INPUT);
    CYC_SAME(err.text, "option 'end': 'LFCR' is none of LF|CR");
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "end", "", &setting, &err), CYC_E_INPUT);
    CU_ASSERT_EQUAL(cyc_driver_check_setting(&driver, "end", "L", &setting, &err), CYC_E_INPUT);
}

static void an_instrument_has_every_option(void)
{
    const struct cyc_driver driver = sound();
    struct cyc_instrument *instrument = NULL;
    struct cyc_err err = {0};
    const struct cyc_driver_setting given = {"end", "CR", NAN};
    CU_ASSERT_EQUAL_FATAL(cyc_instrument_open(&driver, NULL, &given, 1, &instrument, &err), CYC_OK);
    CYC_SAME(cyc_instrument_text(instrument, "end"), "CR");
    CYC_NEAR(cyc_instrument_number(instrument, "range"), 0.01, 1e-12);
    cyc_instrument_close(instrument);
    option_rows[0].fallback = NULL;
    CU_ASSERT_EQUAL(cyc_instrument_open(&driver, NULL, &given, 1, &instrument, &err), CYC_E_INPUT);
    CYC_SAME(err.text, "option 'range' is missing: the range it measures in");
    const struct cyc_driver_setting wrong = {"ends", "CR", NAN};
    CU_ASSERT_EQUAL(cyc_instrument_open(&driver, NULL, &wrong, 1, &instrument, &err),
                    CYC_E_UNKNOWN_NAME);
}

const struct cyc_check cyc_check_driver_check[] = {
    CYC_CHECK(a_sound_table_has_no_fault),     CYC_CHECK(faults_of_the_head_are_named),
    CYC_CHECK(faults_of_the_bus_are_named),    CYC_CHECK(faults_of_options_are_named),
    CYC_CHECK(too_many_options_are_named),     CYC_CHECK(missing_functions_are_named),
    CYC_CHECK(all_faults_are_named_at_once),   CYC_CHECK(settings_are_read_by_kind_and_bounds),
    CYC_CHECK(an_instrument_has_every_option), {0}};
