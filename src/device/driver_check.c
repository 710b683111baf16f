/* One check of a driver's table that names every fault in it, so that whoever writes a driver
 * mends all of them at once. Nothing is sent: what a table can say wrong is found without an
 * instrument.
 */
#include "device/driver.h"

#include <math.h>
#include <string.h>

#define OPTIONS_MAX     32
#define COMMAND_GAP_MAX (10 * CYC_S_NS)
#define STATE_SIZE_MAX  ((size_t)1 << 20)

static const uint32_t all_roles =
    CYC_ROLE_CYCLER | CYC_ROLE_CHAMBER | CYC_ROLE_PRESS | CYC_ROLE_SENSOR;

struct check {
    struct cyc_text *faults;
    unsigned count;
};

static void fault(struct check *check, const char *text, const char *name)
{
    cyc_text_format(check->faults, "%s: %s\n", name, text);
    check->count++;
}

static bool is_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        const bool inner = (*at >= '0' && *at <= '9') || *at == '_';
        if (!(*at >= 'a' && *at <= 'z') && !(inner && at > name)) {
            return false;
        }
    }
    return name[0] != '\0' && strlen(name) < CYC_DRIVER_NAME_SIZE;
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

static void check_head(struct check *check, const struct cyc_driver *driver)
{
    if (driver->name == NULL || !is_name(driver->name)) {
        fault(check, "must be the folder's name: lower-case letters, digits, '_'", "name");
    }
    if (is_empty(driver->title)) {
        fault(check, "is missing: what the instrument is called, for people", "title");
    }
    if (is_empty(driver->models)) {
        fault(check, "is missing: what identify accepts, for people", "models");
    }
    if (driver->roles == 0 || (driver->roles & ~all_roles) != 0) {
        fault(check, "must be one or more of cycler, chamber, press, sensor", "roles");
    }
    if (driver->state_size > STATE_SIZE_MAX) {
        fault(check, "is over 1 MiB", "state_size");
    }
}

static void check_bus(struct check *check, const struct cyc_bus_settings *bus)
{
    if (bus->baud < 300 || bus->baud > 4000000) {
        fault(check, "must lie between 300 and 4000000", "bus.baud");
    }
    if (bus->data_bits != 7 && bus->data_bits != 8) {
        fault(check, "must be 7 or 8", "bus.data_bits");
    }
    if (bus->stop_bits != 1 && bus->stop_bits != 2) {
        fault(check, "must be 1 or 2", "bus.stop_bits");
    }
    if (bus->parity < CYC_PARITY_NONE || bus->parity > CYC_PARITY_ODD) {
        fault(check, "must be none, even or odd", "bus.parity");
    }
    if (bus->flow < CYC_FLOW_NONE || bus->flow > CYC_FLOW_RTS_CTS) {
        fault(check, "must be none, xon_xoff or rts_cts", "bus.flow");
    }
    if (bus->settle_ns < 0 || bus->byte_gap_ns < 0 || bus->command_gap_ns < 0) {
        fault(check, "a time is negative", "bus");
    }
    if (bus->command_gap_ns > COMMAND_GAP_MAX || bus->settle_ns > COMMAND_GAP_MAX ||
        bus->byte_gap_ns > CYC_S_NS) {
        fault(check, "a time is over 10 s (between bytes: 1 s)", "bus");
    }
}

static void check_option(struct check *check, const struct cyc_driver *driver,
                         const struct cyc_driver_option *option)
{
    static const char *const of_the_rig[] = {"driver", "port", "serial_number", "poll",
                                             "accept", "safe", "options",       NULL};
    char name[2 * CYC_DRIVER_NAME_SIZE] = "option ";
    (void)cyc_copy(name + 7, sizeof name - 7, option->name);
    if (!is_name(option->name)) {
        fault(check, "its name must be lower-case letters, digits, '_'", name);
    }
    for (const char *const *taken = of_the_rig; *taken != NULL; taken++) {
        if (strcmp(*taken, option->name) == 0) {
            fault(check, "the rig file uses this name for itself", name);
        }
    }
    for (const struct cyc_driver_option *other = driver->options; other != option; other++) {
        if (strcmp(other->name, option->name) == 0) {
            fault(check, "stands there twice", name);
            return;
        }
    }
    if (is_empty(option->help)) {
        fault(check, "has no help", name);
    } else if (option->help[strlen(option->help) - 1] == '.') {
        fault(check, "its help ends in a full stop", name);
    }
    if ((unsigned)option->kind >= CYC_KIND_COUNT) {
        fault(check, "has no kind that there is", name);
        return;
    }
    if (option->choices != NULL && option->kind != CYC_KIND_TEXT) {
        fault(check, "has choices, but is no text", name);
    }
    if (!isnan(option->low) && !isnan(option->high) && option->low > option->high) {
        fault(check, "its lower bound is above its upper one", name);
    }
    struct cyc_driver_setting setting;
    struct cyc_err err = {0};
    if (option->fallback != NULL && cyc_driver_check_setting(driver, option->name, option->fallback,
                                                             &setting, &err) != CYC_OK) {
        fault(check, err.text, "fallback");
    }
}

static void check_options(struct check *check, const struct cyc_driver *driver)
{
    unsigned count = 0;
    for (const struct cyc_driver_option *option = driver->options;
         option != NULL && option->name != NULL; option++) {
        if (++count > OPTIONS_MAX) {
            fault(check, "there are over 32", "options");
            return;
        }
        check_option(check, driver, option);
    }
}

static void must_have(struct check *check, bool there, const char *name, const char *text)
{
    if (!there) {
        fault(check, text, name);
    }
}

static void check_functions(struct check *check, const struct cyc_driver *driver)
{
    const bool cycler = (driver->roles & CYC_ROLE_CYCLER) != 0;
    const bool sets = (driver->roles & (CYC_ROLE_CHAMBER | CYC_ROLE_PRESS)) != 0;
    must_have(check, driver->open != NULL, "open", "is missing");
    must_have(check, driver->identify != NULL, "identify", "is missing");
    must_have(check, driver->capabilities != NULL, "capabilities", "is missing");
    must_have(check, driver->measure != NULL, "measure", "is missing");
    must_have(check, !cycler || driver->protect != NULL, "protect",
              "is missing: a cycler writes its protections and reads them back");
    must_have(check, !cycler || driver->apply != NULL, "apply",
              "is missing: a cycler carries out setpoints");
    must_have(check, !cycler || driver->safe != NULL, "safe",
              "is missing: a cycler switches its output off from any state");
    must_have(check, cycler || driver->apply == NULL, "apply",
              "is there, but the instrument is no cycler");
    must_have(check, !sets || driver->environment != NULL, "environment",
              "is missing: a chamber or press carries out a setpoint");
    must_have(check, sets || driver->environment == NULL, "environment",
              "is there, but the instrument is neither chamber nor press");
}

int cyc_driver_check(const struct cyc_driver *driver, struct cyc_text *faults)
{
    struct check check = {faults, 0};
    if (driver->api != CYC_DRIVER_API) {
        cyc_text_format(faults, "api: is %u; this program speaks %d\n", (unsigned)driver->api,
                        CYC_DRIVER_API);
        return CYC_E_INPUT; /* the rest of the table may be laid out otherwise */
    }
    check_head(&check, driver);
    check_bus(&check, &driver->bus);
    check_options(&check, driver);
    check_functions(&check, driver);
    return check.count == 0 ? CYC_OK : CYC_E_INPUT;
}
