#include "device/driver.h"

#include "base/diag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX 32

struct cyc_instrument {
    const struct cyc_driver *driver;                  /* borrowed */
    struct cyc_bus *bus;                              /* borrowed */
    struct cyc_driver_setting settings[SETTINGS_MAX]; /* one per option, in its order */
    unsigned setting_count;
    char *texts; /* owned: what the settings say */
    void *state; /* owned */
    char expected[64];
};

static unsigned count_options(const struct cyc_driver *driver)
{
    unsigned count = 0;
    while (driver->options != NULL && driver->options[count].name != NULL) {
        count++;
    }
    return count;
}

static const struct cyc_driver_option *find_option(const struct cyc_driver *driver,
                                                   const char *name)
{
    const unsigned count = count_options(driver);
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(driver->options[i].name, name) == 0) {
            return &driver->options[i];
        }
    }
    return NULL;
}

static int unknown_option(const struct cyc_driver *driver, const char *name, struct cyc_err *err)
{
    const char *names[SETTINGS_MAX + 1] = {NULL};
    const unsigned count = count_options(driver);
    for (unsigned i = 0; i < count && i < SETTINGS_MAX; i++) {
        names[i] = driver->options[i].name;
    }
    const char *const nearest = cyc_nearest(name, names);
    if (nearest != NULL) {
        return cyc_err_set(err, CYC_E_UNKNOWN_NAME, "%s has no option '%s'; write '%s'?",
                           driver->name, name, nearest);
    }
    return cyc_err_set(err, CYC_E_UNKNOWN_NAME, "%s has no option '%s'", driver->name, name);
}

static bool is_choice(const char *choices, const char *text)
{
    const size_t size = strlen(text);
    for (const char *at = choices; size > 0; at++) {
        const size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, text, size) == 0) {
            return true;
        }
        at += length;
        if (*at == '\0') {
            break;
        }
    }
    return false;
}

static int read_quantity(const struct cyc_driver_option *option, const char *text, double *number,
                         struct cyc_err *err)
{
    struct cyc_quantity quantity;
    int status = cyc_quantity_parse_as(text, strlen(text), option->kind, &quantity, err);
    if (status != CYC_OK) {
        return status;
    }
    const struct cyc_cell_basis none = cyc_cell_basis_none();
    status = cyc_quantity_resolve(&quantity, &none, number, err);
    if (status != CYC_OK) {
        return status;
    }
    const bool below = !isnan(option->low) && *number < option->low;
    const bool above = !isnan(option->high) && *number > option->high;
    if (!below && !above) {
        return CYC_OK;
    }
    char bound[64];
    return cyc_err_set(
        err, CYC_E_INPUT, "%s is %s; write %s at %s", text, below ? "too small" : "too large",
        cyc_quantity_text(bound, sizeof bound, below ? option->low : option->high, option->kind),
        below ? "least" : "most");
}

static int read_setting(const struct cyc_driver_option *option, const char *text, double *number,
                        struct cyc_err *err)
{
    *number = NAN;
    if (option->kind == CYC_KIND_TEXT) {
        return option->choices == NULL || is_choice(option->choices, text)
                   ? CYC_OK
                   : cyc_err_set(err, CYC_E_INPUT, "'%s' is none of %s", text, option->choices);
    }
    if (option->kind == CYC_KIND_BOOLEAN) {
        const bool yes = strcmp(text, "yes") == 0;
        *number = yes ? 1.0 : 0.0;
        return yes || strcmp(text, "no") == 0
                   ? CYC_OK
                   : cyc_err_set(err, CYC_E_INPUT, "'%s' is neither yes nor no", text);
    }
    return read_quantity(option, text, number, err);
}

int cyc_driver_check_setting(const struct cyc_driver *driver, const char *name, const char *text,
                             struct cyc_driver_setting *setting, struct cyc_err *err)
{
    const struct cyc_driver_option *const option = find_option(driver, name);
    if (option == NULL) {
        return unknown_option(driver, name, err);
    }
    double number;
    const int status = read_setting(option, text, &number, err);
    if (status != CYC_OK) {
        return cyc_err_wrap(err, "option '%s'", name);
    }
    *setting = (struct cyc_driver_setting){option->name, text, number};
    return CYC_OK;
}

static const char *given_text(const struct cyc_driver_setting *settings, unsigned count,
                              const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return settings[i].text;
        }
    }
    return NULL;
}

/* Every option with the value given or its fallback; texts are copied to stay. */
static int take_settings(struct cyc_instrument *instrument,
                         const struct cyc_driver_setting *settings, unsigned count,
                         struct cyc_err *err)
{
    const struct cyc_driver *const driver = instrument->driver;
    const unsigned option_count = count_options(driver);
    if (option_count > SETTINGS_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "%s has over %d options", driver->name, SETTINGS_MAX);
    }
    for (unsigned i = 0; i < count; i++) {
        if (find_option(driver, settings[i].name) == NULL) {
            return unknown_option(driver, settings[i].name, err);
        }
    }
    char *at = instrument->texts;
    for (unsigned i = 0; i < option_count; i++) {
        const struct cyc_driver_option *const option = &driver->options[i];
        const char *text = given_text(settings, count, option->name);
        text = text != NULL ? text : option->fallback;
        if (text == NULL) {
            return cyc_err_set(err, CYC_E_INPUT, "option '%s' is missing: %s", option->name,
                               option->help);
        }
        const size_t size = strlen(text) + 1;
        memcpy(at, text, size);
        const int status =
            cyc_driver_check_setting(driver, option->name, at, &instrument->settings[i], err);
        if (status != CYC_OK) {
            return status;
        }
        at += size;
    }
    instrument->setting_count = option_count;
    return CYC_OK;
}

static size_t texts_size(const struct cyc_driver *driver, const struct cyc_driver_setting *settings,
                         unsigned count)
{
    size_t size = 1;
    for (unsigned i = 0; i < count; i++) {
        size += strlen(settings[i].text) + 1;
    }
    const unsigned option_count = count_options(driver);
    for (unsigned i = 0; i < option_count; i++) {
        const char *const fallback = driver->options[i].fallback;
        size += fallback != NULL ? strlen(fallback) + 1 : 0;
    }
    return size;
}

static void free_instrument(struct cyc_instrument *instrument)
{
    free(instrument->texts);
    free(instrument->state);
    free(instrument);
}

static int open_driver(struct cyc_instrument *instrument, const struct cyc_driver_setting *settings,
                       unsigned setting_count, struct cyc_err *err)
{
    const struct cyc_driver *const driver = instrument->driver;
    instrument->texts = malloc(texts_size(driver, settings, setting_count));
    instrument->state = calloc(1, driver->state_size > 0 ? driver->state_size : 1);
    if (instrument->texts == NULL || instrument->state == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for an instrument");
    }
    const int status = take_settings(instrument, settings, setting_count, err);
    return status == CYC_OK ? driver->open(instrument, err) : status;
}

int cyc_instrument_open(const struct cyc_driver *driver, struct cyc_bus *bus,
                        const struct cyc_driver_setting *settings, unsigned setting_count,
                        struct cyc_instrument **instrument, struct cyc_err *err)
{
    struct cyc_instrument *const made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for an instrument");
    }
    made->driver = driver;
    made->bus = bus;
    const int status = open_driver(made, settings, setting_count, err);
    if (status != CYC_OK) {
        free_instrument(made);
        return status;
    }
    *instrument = made;
    return CYC_OK;
}

void cyc_instrument_close(struct cyc_instrument *instrument)
{
    if (instrument == NULL) {
        return;
    }
    if (instrument->driver->close != NULL) {
        instrument->driver->close(instrument);
    }
    free_instrument(instrument);
}

const struct cyc_driver *cyc_instrument_driver(const struct cyc_instrument *instrument)
{
    return instrument->driver;
}

struct cyc_bus *cyc_instrument_bus(struct cyc_instrument *instrument)
{
    return instrument->bus;
}

void cyc_instrument_expect(struct cyc_instrument *instrument, const char *serial_number)
{
    (void)cyc_copy(instrument->expected, sizeof instrument->expected, serial_number);
}

bool cyc_instrument_is_expected(const struct cyc_instrument *instrument,
                                const struct cyc_identity *identity)
{
    return instrument->expected[0] == '\0' ||
           strcmp(instrument->expected, identity->serial_number) == 0;
}

void *cyc_instrument_state(struct cyc_instrument *instrument)
{
    return instrument->state;
}

static const struct cyc_driver_setting *setting(const struct cyc_instrument *instrument,
                                                const char *name)
{
    for (unsigned i = 0; i < instrument->setting_count; i++) {
        if (strcmp(instrument->settings[i].name, name) == 0) {
            return &instrument->settings[i];
        }
    }
    const bool option_is_declared = false;
    (void)CYC_ASSERT(option_is_declared);
    abort();
}

double cyc_instrument_number(const struct cyc_instrument *instrument, const char *name)
{
    return setting(instrument, name)->number;
}

const char *cyc_instrument_text(const struct cyc_instrument *instrument, const char *name)
{
    return setting(instrument, name)->text;
}
