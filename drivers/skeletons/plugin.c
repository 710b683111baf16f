/* A driver as a C plug-in:
 *
 *     cc -std=c17 -shared -fPIC -I<cyclostat>/src plugin.c -o my_gauge.so
 *
 * and `driver: /path/to/my_gauge.so` in the rig. It finds the functions of device/bus.h and
 * device/driver.h in the program that loads it.
 *
 *     > "P?\n"         < "101325.0\n"      pressure in Pa
 */
#include "device/driver.h"

#include <math.h>
#include <string.h>

static const struct cyc_frame line = {.kind = CYC_FRAME_LINE, .terminator = "\n"};

static int ask(struct cyc_instrument *instrument, double *pressure_Pa, int64_t deadline_ns,
               int64_t *middle_ns, struct cyc_err *err)
{
    struct cyc_bus *const bus = cyc_instrument_bus(instrument);
    char reply[64];
    size_t size, used = 0;
    int status;
    if (cyc_bus_is_in_step(bus)) {
        status = cyc_bus_exchange(bus, "P?\n", 3, &line, reply, sizeof reply, &size, deadline_ns,
                                  middle_ns, err);
    } else {
        status = cyc_bus_drain(bus, 20 * CYC_MS_NS, deadline_ns, err);
        status = status == CYC_OK ? cyc_bus_write(bus, "P?\n", 3, deadline_ns, err) : status;
        status = status == CYC_OK
                     ? cyc_bus_read(bus, &line, reply, sizeof reply, &size, deadline_ns, err)
                     : status;
        *middle_ns = cyc_bus_now_ns(bus);
    }
    if (status != CYC_OK) {
        return status;
    }
    if (!cyc_number_parse(reply, size, pressure_Pa, &used) || used != size) {
        cyc_bus_out_of_step(bus);
        return cyc_err_set(err, CYC_E_REPLY, "'%s' is no pressure", reply);
    }
    cyc_bus_in_step(bus);
    return CYC_OK;
}

static int gauge_open(struct cyc_instrument *instrument, struct cyc_err *err)
{
    (void)instrument;
    (void)err;
    return CYC_OK;
}

static int gauge_identify(struct cyc_instrument *instrument, struct cyc_identity *identity,
                          int64_t deadline_ns, struct cyc_err *err)
{
    double pressure_Pa;
    int64_t t_ns;
    *identity = (struct cyc_identity){.maker = "", .model = "gauge"};
    return ask(instrument, &pressure_Pa, deadline_ns, &t_ns, err);
}

static int gauge_capabilities(struct cyc_instrument *instrument, struct cyc_capabilities *can,
                              struct cyc_err *err)
{
    (void)instrument;
    (void)err;
    *can = (struct cyc_capabilities){.roles = CYC_ROLE_SENSOR,
                                     .measurands = 1u << CYC_MEASURAND_PRESSURE,
                                     .output_count = 1,
                                     .fastest_sample_ns = 100 * CYC_MS_NS};
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        can->resolution[i] = can->accuracy[i] = NAN;
    }
    return CYC_OK;
}

static int gauge_measure(struct cyc_instrument *instrument, unsigned output,
                         struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err)
{
    double pressure_Pa;
    (void)output;
    *reading = (struct cyc_reading){0};
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        reading->values[i] = NAN;
    }
    const int status = ask(instrument, &pressure_Pa, deadline_ns, &reading->t_ns, err);
    if (status == CYC_OK) {
        reading->values[CYC_MEASURAND_PRESSURE] = pressure_Pa;
        reading->valid = 1u << CYC_MEASURAND_PRESSURE;
    }
    return status;
}

const struct cyc_driver cyc_driver_plugin = {
    .api = CYC_DRIVER_API,
    .name = "my_gauge",
    .title = "My pressure gauge",
    .models = "GAUGE 1",
    .roles = CYC_ROLE_SENSOR,
    .bus = {.baud = 9600, .data_bits = 8, .stop_bits = 1},
    .open = gauge_open,
    .identify = gauge_identify,
    .capabilities = gauge_capabilities,
    .measure = gauge_measure,
};
