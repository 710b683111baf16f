#include "drivers/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct cyc_driver *const cyc_drivers_builtin[];
extern const struct cyc_emulator *const cyc_emulators_builtin[];

const struct bench_kind bench_kinds[] = {
    {"keithley_2400", "keithley_2400", "", ""},
    {"keithley_2400", "keithley_2400", "", "baud=9600"},
    {"espec_p300", "espec_p300", "", ""},
    {"bongshin_bs205", "bongshin_bs205", "", "mode=request"},
    {"alicat_pc", "alicat_pc", "", ""},
    {"zketech_ebc", "zketech_ebc", "model=A20", "model=a20"},
    {NULL, NULL, NULL, NULL},
};

const struct bench_kind *bench_kind(const char *driver)
{
    const struct bench_kind *kind = bench_kinds;
    while (strcmp(kind->driver, driver) != 0) {
        kind++;
    }
    return kind;
}

/* ---- The other end -------------------------------------------------------------------------- */

static void receive(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    struct bench *const bench = context;
    const size_t room = BENCH_SENT_MAX - bench->sent_size;
    const size_t kept = size < room ? size : room;
    memcpy(bench->sent + bench->sent_size, bytes, kept);
    bench->sent_size += kept;
    cyc_emulation_receive(bench->emulation, bench->link, now_ns, bytes, size);
}

static size_t deliver(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    struct bench *const bench = context;
    return cyc_emulation_deliver(bench->emulation, bench->link, now_ns, bytes, size);
}

static int64_t next_ns(void *context)
{
    struct bench *const bench = context;
    return cyc_emulation_next_ns(bench->emulation, bench->link);
}

static bool is_lost(void *context)
{
    struct bench *const bench = context;
    return cyc_emulation_is_lost(bench->emulation, bench->link);
}

/* ---- Opening -------------------------------------------------------------------------------- */

static void must(int status, const struct cyc_err *err)
{
    if (status != CYC_OK) {
        (void)fprintf(stderr, "bench: %s\n", err->text);
        abort();
    }
}

static const struct cyc_emulator *find_emulator(const char *name)
{
    const struct cyc_emulator *const *at = cyc_emulators_builtin;
    while (strcmp((*at)->name, name) != 0) {
        at++;
    }
    return *at;
}

static void open_cell(struct bench *bench, unsigned *cell)
{
    struct cyc_err err = {0};
    struct cyc_cell_spec spec;
    must(cyc_cell_spec_init(&spec, "linear", &err), &err);
    spec.capacity_Ah = 1.8e-3;
    spec.initial_soc = 2.0 / 3;
    spec.ocv_count = 2;
    spec.ocv_soc[0] = 0;
    spec.ocv_soc[1] = 1;
    spec.ocv_V[0] = 2.5;
    spec.ocv_V[1] = 4.3;
    spec.parameters[0].name = "R0";
    spec.parameters[0].value = 20;
    spec.parameter_count = 1;
    must(cyc_emulation_cell(bench->emulation, &spec, cell, &err), &err);
}

static void open_emulation(struct bench *bench, const struct bench_kind *kind, const char *fault)
{
    struct cyc_err err = {0};
    unsigned cell;
    (void)cyc_copy(bench->truth_path, sizeof bench->truth_path, "/tmp/cyclostat-bench-XXXXXX");
    const int fd = mkstemp(bench->truth_path);
    if (fd < 0) {
        abort();
    }
    (void)close(fd);
    const struct cyc_emulation_options options = {
        .rate = 1, .seed = 7, .truth_path = bench->truth_path, .virtual_time = true};
    must(cyc_emulation_new(&options, &bench->emulation, &err), &err);
    open_cell(bench, &cell);
    must(cyc_emulation_link(bench->emulation, "memory", &bench->link, &err), &err);
    must(cyc_emulation_unit(bench->emulation, find_emulator(kind->emulator), bench->link,
                            kind->options, &cell, 1, &bench->unit, &err),
         &err);
    if (fault != NULL) {
        must(cyc_emulation_fault(bench->emulation, fault, &err), &err);
    }
}

static void open_driver(struct bench *bench, const struct bench_kind *kind)
{
    struct cyc_err err = {0};
    char text[256], *at = text;
    struct cyc_driver_setting settings[8];
    unsigned count = 0;
    (void)cyc_copy(text, sizeof text, kind->settings);
    while (*at != '\0') {
        char *const value = strchr(at, '=');
        char *const end = value + strcspn(value, ",");
        const bool more = *end == ',';
        *value = *end = '\0';
        settings[count++] = (struct cyc_driver_setting){at, value + 1, NAN};
        at = end + (more ? 1 : 0);
    }
    must(cyc_instrument_open(bench->driver, bench->bus, settings, count, &bench->instrument, &err),
         &err);
}

void bench_open(struct bench *bench, const struct bench_kind *kind, const char *fault)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    struct cyc_err err = {0};
    *bench = (struct bench){0};
    open_emulation(bench, kind, fault);
    must(cyc_registry_open(cyc_drivers_builtin, folders, &bench->registry, &err), &err);
    must(cyc_registry_find(bench->registry, kind->driver, &bench->driver, &err), &err);
    const struct cyc_bus_peer peer = {bench, receive, deliver, next_ns, is_lost};
    must(cyc_bus_open_memory(&peer, &bench->driver->bus, 0, &bench->bus, &err), &err);
    open_driver(bench, kind);
}

void bench_reopen_driver(struct bench *bench, const struct bench_kind *kind)
{
    cyc_instrument_close(bench->instrument);
    cyc_bus_out_of_step(bench->bus);
    open_driver(bench, kind);
}

void bench_close(struct bench *bench)
{
    cyc_instrument_close(bench->instrument);
    cyc_bus_close(bench->bus);
    cyc_registry_close(bench->registry);
    cyc_emulation_free(bench->emulation);
    (void)unlink(bench->truth_path);
}

struct cyc_protection bench_bounds(const struct bench *bench)
{
    const bool large = strcmp(bench->driver->name, "zketech_ebc") == 0;
    return (struct cyc_protection){
        .voltage_min_V = 0,
        .voltage_max_V = 5,
        .current_min_A = large ? -1 : -0.01,
        .current_max_A = large ? 1 : 0.01,
        .temperature_min_degC = 5,
        .temperature_max_degC = 80,
        .pressure_min_Pa = 0,
        .pressure_max_Pa = 1e6,
    };
}

void bench_ready(struct bench *bench)
{
    struct cyc_err err = {0};
    struct cyc_identity identity;
    const struct cyc_protection bounds = bench_bounds(bench);
    must(bench->driver->identify(bench->instrument, &identity, bench_deadline(bench, 5 * CYC_S_NS),
                                 &err),
         &err);
    if (bench->driver->protect != NULL) {
        must(bench->driver->protect(bench->instrument, 0, &bounds,
                                    bench_deadline(bench, 5 * CYC_S_NS), &err),
             &err);
    }
}

int64_t bench_deadline(const struct bench *bench, int64_t after_ns)
{
    return cyc_bus_now_ns(bench->bus) + after_ns;
}

void bench_wait(struct bench *bench, int64_t by_ns)
{
    cyc_bus_advance(bench->bus, cyc_bus_now_ns(bench->bus) + by_ns);
    cyc_emulation_advance(bench->emulation, cyc_bus_now_ns(bench->bus));
}

/* ---- Looking -------------------------------------------------------------------------------- */

void bench_forget(struct bench *bench)
{
    bench->sent_size = 0;
}

bool bench_has_sent(const struct bench *bench, const char *text)
{
    return memmem(bench->sent, bench->sent_size, text, strlen(text)) != NULL;
}

static unsigned scan(const struct bench *bench, const char *text, unsigned *first)
{
    char line[512];
    unsigned count = 0, number = 0;
    FILE *const stream = fopen(bench->truth_path, "re");
    *first = 0;
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        number++;
        if (strstr(line, text) != NULL) {
            count++;
            *first = *first == 0 ? number : *first;
        }
    }
    if (stream != NULL) {
        (void)fclose(stream);
    }
    return count;
}

unsigned bench_truth(const struct bench *bench, const char *text)
{
    unsigned first;
    return scan(bench, text, &first);
}

unsigned bench_truth_line(const struct bench *bench, const char *text)
{
    unsigned first;
    (void)scan(bench, text, &first);
    return first;
}

bool bench_is_off(const struct bench *bench)
{
    return cyc_unit_truth(bench->unit, 0)->control == CYC_CONTROL_OPEN;
}

/* ---- Setpoints ------------------------------------------------------------------------------ */

static int apply(struct bench *bench, const struct cyc_setpoint *setpoint, struct cyc_err *err)
{
    const struct cyc_drive drive = {.setpoint = *setpoint,
                                    .bounds = bench_bounds(bench),
                                    .latest_V = NAN,
                                    .backstop_low_V = 2.5,
                                    .backstop_high_V = 4.3,
                                    .backstop_after_ns = 300 * CYC_S_NS};
    return bench->driver->apply(bench->instrument, 0, &drive,
                                bench_deadline(bench, 400 * CYC_MS_NS), err);
}

int bench_current(struct bench *bench, double current_A, struct cyc_err *err)
{
    const struct cyc_setpoint setpoint = {.control = CYC_CONTROL_CURRENT, .value = current_A};
    return apply(bench, &setpoint, err);
}

int bench_voltage(struct bench *bench, double voltage_V, double current_A, struct cyc_err *err)
{
    const struct cyc_setpoint setpoint = {.control = CYC_CONTROL_VOLTAGE,
                                          .value = voltage_V,
                                          .current_min_A = 0,
                                          .current_max_A = current_A};
    return apply(bench, &setpoint, err);
}

int bench_rest(struct bench *bench, struct cyc_err *err)
{
    const struct cyc_setpoint setpoint = {.control = CYC_CONTROL_OPEN};
    return apply(bench, &setpoint, err);
}

int bench_mend(struct bench *bench, struct cyc_err *err)
{
    struct cyc_identity identity;
    const int64_t deadline_ns = bench_deadline(bench, 1500 * CYC_MS_NS);
    int status = cyc_bus_drain(bench->bus, 50 * CYC_MS_NS, deadline_ns, err);
    if (status != CYC_OK) {
        return status;
    }
    return bench->driver->resync != NULL
               ? bench->driver->resync(bench->instrument, deadline_ns, err)
               : bench->driver->identify(bench->instrument, &identity, deadline_ns, err);
}
