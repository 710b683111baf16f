/* A rig file, with two drivers that lead nowhere: a cycler with options and an indicator of force.
 * What can be asked of a rig is asked. */
#include "fuzz.h"

#include "device/rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int open_it(struct cyc_instrument *instrument, struct cyc_err *err)
{
    (void)instrument;
    (void)err;
    return CYC_OK;
}

static int identify(struct cyc_instrument *instrument, struct cyc_identity *identity,
                    int64_t deadline_ns, struct cyc_err *err)
{
    (void)instrument;
    (void)identity;
    (void)deadline_ns;
    return cyc_err_set(err, CYC_E_TIMEOUT, "nobody is there");
}

static int protect(struct cyc_instrument *instrument, unsigned output,
                   const struct cyc_protection *protection, int64_t deadline_ns,
                   struct cyc_err *err)
{
    (void)output;
    (void)protection;
    return identify(instrument, NULL, deadline_ns, err);
}

static int apply(struct cyc_instrument *instrument, unsigned output, const struct cyc_drive *drive,
                 int64_t deadline_ns, struct cyc_err *err)
{
    (void)output;
    (void)drive;
    return identify(instrument, NULL, deadline_ns, err);
}

static int measure(struct cyc_instrument *instrument, unsigned output, struct cyc_reading *reading,
                   int64_t deadline_ns, struct cyc_err *err)
{
    (void)output;
    (void)reading;
    return identify(instrument, NULL, deadline_ns, err);
}

static int make_safe(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                     struct cyc_err *err)
{
    (void)output;
    return identify(instrument, NULL, deadline_ns, err);
}

static int cycler(struct cyc_instrument *instrument, struct cyc_capabilities *capabilities,
                  struct cyc_err *err)
{
    (void)instrument;
    (void)err;
    *capabilities = (struct cyc_capabilities){.roles = CYC_ROLE_CYCLER,
                                              .controls = 1u << CYC_CONTROL_OPEN,
                                              .measurands = 1u << CYC_MEASURAND_VOLTAGE,
                                              .traits = CYC_TRAIT_SHARES_PORT,
                                              .output_count = 4,
                                              .voltage_min_V = -10,
                                              .voltage_max_V = 10,
                                              .current_min_A = -5,
                                              .current_max_A = 5,
                                              .fastest_sample_ns = CYC_MS_NS};
    return CYC_OK;
}

static int indicator(struct cyc_instrument *instrument, struct cyc_capabilities *capabilities,
                     struct cyc_err *err)
{
    (void)instrument;
    (void)err;
    *capabilities = (struct cyc_capabilities){.roles = CYC_ROLE_SENSOR | CYC_ROLE_CHAMBER,
                                              .measurands = 1u << CYC_MEASURAND_FORCE |
                                                            1u << CYC_MEASURAND_TEMPERATURE,
                                              .output_count = 1,
                                              .temperature_max_degC = 100,
                                              .fastest_sample_ns = CYC_MS_NS};
    return CYC_OK;
}

static const struct cyc_driver_option options[] = {
    {"address", CYC_KIND_NUMBER, 0, 31, NULL, "1", "address on the wire"},
    {"unit", CYC_KIND_TEXT, NAN, NAN, "N|kgf", "N", "unit of what is shown"},
    {NULL, CYC_KIND_NUMBER, NAN, NAN, NULL, NULL, NULL}};

#define BUS                                                                                        \
    {                                                                                              \
        .baud = 9600, .data_bits = 8, .stop_bits = 1                                               \
    }
static const struct cyc_driver drivers[] = {{.api = CYC_DRIVER_API,
                                             .name = "cycler",
                                             .title = "a cycler",
                                             .models = "any",
                                             .roles = CYC_ROLE_CYCLER,
                                             .bus = BUS,
                                             .options = options,
                                             .open = open_it,
                                             .identify = identify,
                                             .capabilities = cycler,
                                             .protect = protect,
                                             .apply = apply,
                                             .measure = measure,
                                             .safe = make_safe},
                                            {.api = CYC_DRIVER_API,
                                             .name = "indicator",
                                             .title = "an indicator",
                                             .models = "any",
                                             .roles = CYC_ROLE_SENSOR,
                                             .bus = BUS,
                                             .open = open_it,
                                             .identify = identify,
                                             .capabilities = indicator,
                                             .measure = measure}};
static const struct cyc_driver *const table[] = {&drivers[0], &drivers[1], NULL};

static void ask(const struct cyc_rig *rig)
{
    struct cyc_text text = {0};
    struct cyc_reading reading = {.valid = UINT32_MAX};
    for (unsigned i = 0; i < rig->channel_count; i++) {
        cyc_rig_channel_json(rig, i, &text);
        if (cyc_rig_find_channel(rig, rig->channels[i].name) < 0) {
            abort();
        }
        if (!(rig->channels[i].limits.voltage_min_V < rig->channels[i].limits.voltage_max_V) ||
            !(rig->channels[i].limits.current_min_A < rig->channels[i].limits.current_max_A)) {
            abort(); /* a channel without limits */
        }
    }
    for (unsigned i = 0; i < rig->sensor_count; i++) {
        (void)cyc_rig_sensor_value(&rig->sensors[i], &reading);
    }
    cyc_text_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const nowhere[] = {NULL};
    struct cyc_diags *const diags = malloc(sizeof *diags);
    struct cyc_registry *registry = NULL;
    struct cyc_rig *rig = NULL;
    struct cyc_err err = {0};
    const char *const path = fuzz_file("rig.yaml", data, size);
    if (diags == NULL || chmod(path, 0600) != 0 ||
        cyc_registry_open(table, nowhere, &registry, &err) != CYC_OK) {
        abort();
    }
    cyc_diags_init(diags);
    const int status = cyc_rig_load(path, registry, diags, &rig, &err);
    if (status == CYC_OK) {
        ask(rig);
    } else if (rig != NULL || (diags->error_count == 0 && err.text[0] == '\0')) {
        abort(); /* refused without a word */
    }
    fuzz_show(diags);
    cyc_rig_free(rig);
    cyc_registry_close(registry);
    cyc_diags_release(diags);
    free(diags);
    return 0;
}
