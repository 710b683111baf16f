/* Driver of the bench's rack, as a plug-in: loaded by its path, like a lab's own. */
#include "bench/rack.h"
#include "device/driver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const struct cyc_driver cyc_driver_plugin;

static int ask(struct cyc_instrument *instrument, char verb, unsigned output, int64_t deadline_ns,
               char *reply, int64_t *middle_ns, struct cyc_err *err)
{
    static const struct cyc_frame frame = {.kind = CYC_FRAME_LINE, .terminator = "\n"};
    char request[16];
    size_t length = 0;
    const int size = verb == 'I' ? snprintf(request, sizeof request, "I\n")
                                 : snprintf(request, sizeof request, "%c%u\n", verb, output);
    return cyc_bus_exchange(cyc_instrument_bus(instrument), request, (size_t)size, &frame, reply,
                            64, &length, deadline_ns, middle_ns, err);
}

static int expect(struct cyc_instrument *instrument, char verb, unsigned output, const char *answer,
                  int64_t deadline_ns, struct cyc_err *err)
{
    char reply[64];
    const int status = ask(instrument, verb, output, deadline_ns, reply, NULL, err);
    if (status == CYC_OK && strcmp(reply, answer) != 0) {
        return cyc_err_set(err, CYC_E_REPLY, "'%c' was answered '%s'", verb, reply);
    }
    return status;
}

static const struct cyc_driver_option options[] = {
    {"outputs", CYC_KIND_NUMBER, 1, RACK_OUTPUTS_MAX, NULL, "16", "number of outputs"},
    {NULL, CYC_KIND_NUMBER, (double)NAN, (double)NAN, NULL, NULL, NULL},
};

static int rack_open(struct cyc_instrument *instrument, struct cyc_err *err)
{
    (void)instrument;
    (void)err;
    return CYC_OK;
}

static int rack_identify(struct cyc_instrument *instrument, struct cyc_identity *identity,
                         int64_t deadline_ns, struct cyc_err *err)
{
    memset(identity, 0, sizeof *identity);
    (void)cyc_copy(identity->model, sizeof identity->model, "RACK");
    struct cyc_bus *const bus = cyc_instrument_bus(instrument);
    if (cyc_bus_is_in_step(bus)) {
        return expect(instrument, 'I', 0, "RACK,1", deadline_ns, err);
    }
    static const struct cyc_frame frame = {.kind = CYC_FRAME_LINE, .terminator = "\n"};
    char reply[64];
    size_t length = 0;
    int status = cyc_bus_drain(bus, 20 * CYC_MS_NS, deadline_ns, err);
    status = status == CYC_OK ? cyc_bus_write(bus, "I\n", 2, deadline_ns, err) : status;
    status = status == CYC_OK
                 ? cyc_bus_read(bus, &frame, reply, sizeof reply, &length, deadline_ns, err)
                 : status;
    if (status == CYC_OK && strcmp(reply, "RACK,1") != 0) {
        return cyc_err_set(err, CYC_E_IDENTITY, "'%s' is no rack", reply);
    }
    if (status == CYC_OK) {
        cyc_bus_in_step(bus);
    }
    return status;
}

static int rack_capabilities(struct cyc_instrument *instrument,
                             struct cyc_capabilities *capabilities, struct cyc_err *err)
{
    (void)err;
    memset(capabilities, 0, sizeof *capabilities);
    capabilities->roles = CYC_ROLE_CYCLER;
    capabilities->controls = 1u << CYC_CONTROL_OPEN | 1u << CYC_CONTROL_CURRENT;
    capabilities->measurands = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT;
    capabilities->traits = CYC_TRAIT_FOUR_WIRE;
    capabilities->output_count = (unsigned)cyc_instrument_number(instrument, "outputs");
    capabilities->voltage_max_V = 6.0;
    capabilities->current_min_A = -1.0;
    capabilities->current_max_A = 1.0;
    capabilities->power_max_W = 6.0;
    capabilities->current_ranges_A[0] = 0.01;
    capabilities->current_range_count = 1;
    capabilities->temperature_min_degC = capabilities->temperature_max_degC = (double)NAN;
    capabilities->pressure_min_Pa = capabilities->pressure_max_Pa = (double)NAN;
    for (unsigned i = 0; i < CYC_MEASURAND_COUNT; i++) {
        capabilities->resolution[i] = capabilities->accuracy[i] = (double)NAN;
    }
    capabilities->resolution[CYC_MEASURAND_VOLTAGE] = 1e-5;
    capabilities->resolution[CYC_MEASURAND_CURRENT] = 1e-8;
    capabilities->fastest_sample_ns = CYC_MS_NS;
    capabilities->safe_ns = 10 * CYC_MS_NS;
    return CYC_OK;
}

static int rack_protect(struct cyc_instrument *instrument, unsigned output,
                        const struct cyc_protection *protection, int64_t deadline_ns,
                        struct cyc_err *err)
{
    (void)protection;
    return expect(instrument, 'P', output, "1", deadline_ns, err);
}

static int rack_apply(struct cyc_instrument *instrument, unsigned output,
                      const struct cyc_drive *drive, int64_t deadline_ns, struct cyc_err *err)
{
    const bool rests = drive->setpoint.control == CYC_CONTROL_OPEN;
    return expect(instrument, rests ? 'S' : 'A', output, rests ? "0" : "1", deadline_ns, err);
}

static int rack_measure(struct cyc_instrument *instrument, unsigned output,
                        struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err)
{
    char reply[64];
    size_t used = 0;
    memset(reading, 0, sizeof *reading);
    for (unsigned i = 0; i < CYC_MEASURAND_COUNT; i++) {
        reading->values[i] = (double)NAN;
    }
    const int status = ask(instrument, 'M', output, deadline_ns, reply, &reading->t_ns, err);
    if (status != CYC_OK) {
        return status;
    }
    const char *at = reply + 1; /* behind the sign, which is always + */
    if (!cyc_number_parse(at, strlen(at), &reading->values[CYC_MEASURAND_VOLTAGE], &used) ||
        at[used] != ',') {
        return cyc_err_set(err, CYC_E_REPLY, "'%s' is no measurement", reply);
    }
    at += used + 2;
    if (!cyc_number_parse(at, strlen(at), &reading->values[CYC_MEASURAND_CURRENT], &used) ||
        at[used] != ',') {
        return cyc_err_set(err, CYC_E_REPLY, "'%s' is no measurement", reply);
    }
    reading->valid = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT;
    reading->flags = at[used + 1] == '1' ? (uint32_t)CYC_SAMPLE_OUTPUT_ON : 0;
    return CYC_OK;
}

static int rack_safe(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                     struct cyc_err *err)
{
    static const struct cyc_frame frame = {.kind = CYC_FRAME_LINE, .terminator = "\n"};
    struct cyc_bus *const bus = cyc_instrument_bus(instrument);
    if (cyc_bus_is_in_step(bus)) {
        return expect(instrument, 'S', output, "0", deadline_ns, err);
    }
    char request[16];
    char reply[64] = "";
    size_t length = 0;
    const int size = snprintf(request, sizeof request, "\nS%u\n", output);
    int status = cyc_bus_write(bus, request, (size_t)size, deadline_ns, err);
    while (status == CYC_OK && strcmp(reply, "0") != 0) {
        status = cyc_bus_read(bus, &frame, reply, sizeof reply, &length, deadline_ns, err);
    }
    return status;
}

const struct cyc_driver cyc_driver_plugin = {
    .api = CYC_DRIVER_API,
    .name = "bench_rack",
    .title = "The rack of the live benchmarks",
    .models = "RACK",
    .roles = CYC_ROLE_CYCLER,
    .bus = {.baud = 115200, .data_bits = 8, .stop_bits = 1},
    .options = options,
    .open = rack_open,
    .identify = rack_identify,
    .capabilities = rack_capabilities,
    .protect = rack_protect,
    .apply = rack_apply,
    .measure = rack_measure,
    .safe = rack_safe,
};
