/* The rig file: what is read, and what is made of it. Its diagnostics are in tests/errors/rig. */
#include "check/check.h"

#include "device/rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct cyc_driver *const cyc_drivers_builtin[];

static const char whole[] =
    "cyclostat_rig: 1\n"
    "name: bench\n"
    "institution: LAB\n"
    "runs: data\n"
    "sync: 5 s\n"
    "ports:\n"
    "  a: {address: smu, baud: 19200, flow: xon_xoff, command_gap: 20 ms}\n"
    "  b: {address: \"tcp:192.168.1.20:10001\"}\n"
    "  c: {address: /dev/ttyUSB7, record: wire.txt}\n"
    "instruments:\n"
    "  smu1: {driver: keithley_2400, port: a, poll: 250 ms, serial_number: \"77\",\n"
    "         accept: no_watchdog, options: {nplc: 0.1}}\n"
    "  oven: {driver: espec_p300, port: b, safe: off}\n"
    "  force: {driver: bongshin_bs205, port: c, poll: 2 s}\n"
    "sensors:\n"
    "  air: {instrument: oven, quantity: temperature, calibration: {gain: 1.01, offset: 0.5 K}}\n"
    "  stack: {instrument: force, quantity: pressure, area: 2 cm2, tare: 10 N,\n"
    "          calibration: {gain: 1.1, offset: 1 N}}\n"
    "channels:\n"
    "  A1:\n"
    "    cycler: smu1\n"
    "    chamber: oven\n"
    "    temperature: air\n"
    "    sensors: [stack, air]\n"
    "    limits: {voltage: [0 V, 5 V], current: [-10 mA, 20 mA], temperature: [5 degC, 80 degC]}\n"
    "    calibration: {voltage: {gain: 1.001, offset: -2 mV, date: 2026-01-31, due: 2099-01-31}}\n";

static char folder[64];

static const char *write_rig(const char *text, mode_t mode)
{
    static char path[96];
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof folder, "/tmp/cyclostat-rig-XXXXXX");
        CU_ASSERT(mkdtemp(folder) != NULL);
    }
    (void)snprintf(path, sizeof path, "%s/rig.yaml", folder);
    FILE *const file = fopen(path, "w");
    CU_ASSERT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    CU_ASSERT(chmod(path, mode) == 0);
    return path;
}

struct loaded {
    struct cyc_registry *registry;
    struct cyc_diags *diags;
    struct cyc_rig *rig;
    struct cyc_err err;
    int status;
};

static struct loaded load(const char *text, mode_t mode)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    struct loaded loaded = {.diags = calloc(1, sizeof *loaded.diags)};
    CU_ASSERT(cyc_registry_open(cyc_drivers_builtin, folders, &loaded.registry, &loaded.err) ==
              CYC_OK);
    cyc_diags_init(loaded.diags);
    const char *const path = write_rig(text, mode);
    loaded.status = cyc_rig_load(path, loaded.registry, loaded.diags, &loaded.rig, &loaded.err);
    (void)unlink(path);
    (void)rmdir(folder);
    folder[0] = '\0';
    return loaded;
}

static void release(struct loaded *loaded)
{
    cyc_rig_free(loaded->rig);
    cyc_registry_close(loaded->registry);
    cyc_diags_release(loaded->diags);
    free(loaded->diags);
}

static void everything_stands_where_the_file_says(void)
{
    struct loaded loaded = load(whole, 0600);
    const struct cyc_rig *const rig = loaded.rig;
    CU_ASSERT_FATAL(loaded.status == CYC_OK);
    CU_ASSERT(strcmp(rig->name, "bench") == 0 && strcmp(rig->institution, "LAB") == 0);
    CU_ASSERT(rig->sync_ns == 5 * CYC_S_NS);
    CU_ASSERT(rig->port_count == 3 && rig->instrument_count == 3 && rig->sensor_count == 2);
    const struct cyc_rig_channel *const channel = &rig->channels[0];
    CU_ASSERT(channel->cycler == cyc_rig_find_instrument(rig, "smu1"));
    CU_ASSERT(channel->chamber == cyc_rig_find_instrument(rig, "oven") && channel->press == -1);
    CU_ASSERT(channel->temperature == 0 && channel->pressure == -1 && channel->ambient == -1);
    CU_ASSERT(channel->aux[0] == 1 && channel->aux[1] == 0 && channel->aux[2] == -1);
    CYC_NEAR(channel->limits.current_min_A, -0.01, 1e-15);
    CYC_NEAR(channel->limits.current_max_A, 0.02, 1e-15);
    CU_ASSERT(isnan(channel->limits.pressure_min_Pa));
    CU_ASSERT(rig->instruments[0].accept_no_watchdog && !rig->instruments[0].safe_environment);
    CU_ASSERT(rig->instruments[1].safe_environment);
    CU_ASSERT(rig->instruments[0].setting_count == 1);
    CYC_NEAR(rig->instruments[0].settings[0].number, 0.1, 1e-15);
    CU_ASSERT(cyc_rig_find_channel(rig, "A2") == -1 && cyc_rig_find_port(rig, "c") == 2);
    release(&loaded);
}

static void a_port_is_set_up_as_its_driver_wants_but_for_what_the_rig_says(void)
{
    struct loaded loaded = load(whole, 0600);
    CU_ASSERT_FATAL(loaded.status == CYC_OK);
    const struct cyc_bus_settings *const smu = &loaded.rig->ports[0].bus;
    const struct cyc_bus_settings *const force = &loaded.rig->ports[2].bus;
    CU_ASSERT(smu->baud == 19200 && smu->flow == CYC_FLOW_XON_XOFF && smu->data_bits == 8);
    CU_ASSERT(smu->command_gap_ns == 20 * CYC_MS_NS);
    CU_ASSERT(force->baud == loaded.rig->instruments[2].driver->bus.baud);
    CU_ASSERT(force->parity == loaded.rig->instruments[2].driver->bus.parity);
    release(&loaded);
}

static void relative_paths_begin_at_the_rig_file(void)
{
    struct loaded loaded = load(whole, 0600);
    CU_ASSERT_FATAL(loaded.status == CYC_OK);
    CU_ASSERT(strncmp(loaded.rig->ports[0].address, "/tmp/cyclostat-rig-", 19) == 0);
    CU_ASSERT(strcmp(strrchr(loaded.rig->ports[0].address, '/'), "/smu") == 0);
    CU_ASSERT(strcmp(loaded.rig->ports[1].address, "tcp:192.168.1.20:10001") == 0);
    CU_ASSERT(strcmp(loaded.rig->ports[2].address, "/dev/ttyUSB7") == 0);
    CU_ASSERT(strcmp(strrchr(loaded.rig->ports[2].record, '/'), "/wire.txt") == 0);
    CU_ASSERT(strcmp(strrchr(loaded.rig->runs, '/'), "/data") == 0);
    release(&loaded);
}

static void a_force_becomes_a_pressure(void)
{
    struct loaded loaded = load(whole, 0600);
    CU_ASSERT_FATAL(loaded.status == CYC_OK);
    const struct cyc_rig_sensor *const stack = &loaded.rig->sensors[1];
    struct cyc_reading reading = {.valid = 1u << CYC_MEASURAND_FORCE};
    reading.values[CYC_MEASURAND_FORCE] = 1000.0;
    CU_ASSERT(stack->measurand == CYC_MEASURAND_FORCE && stack->kind == CYC_KIND_PRESSURE);
    /* calibrated 1101 N, less 10 N, over 2e-4 m2 */
    CYC_NEAR(cyc_rig_sensor_value(stack, &reading), 1091.0 / 2e-4, 1e-6);
    reading.valid = 0;
    CU_ASSERT(isnan(cyc_rig_sensor_value(stack, &reading)));
    release(&loaded);
}

static void calibration_goes_both_ways(void)
{
    struct loaded loaded = load(whole, 0600);
    CU_ASSERT_FATAL(loaded.status == CYC_OK);
    const struct cyc_calibration *const voltage = &loaded.rig->channels[0].voltage;
    CYC_NEAR(cyc_calibration_apply(voltage, 4.0), 4.004 - 0.002, 1e-12);
    CYC_NEAR(cyc_calibration_invert(voltage, cyc_calibration_apply(voltage, 3.7)), 3.7, 1e-12);
    const struct cyc_calibration *const current = &loaded.rig->channels[0].current;
    CYC_NEAR(cyc_calibration_apply(current, 0.5), 0.5, 0.0);
    release(&loaded);
}

static void the_channels_part_is_the_same_wherever_its_cables_are_plugged(void)
{
    char moved[sizeof whole];
    struct cyc_text before = {0};
    struct cyc_text after = {0};
    (void)snprintf(moved, sizeof moved, "%s", whole);
    memcpy(strstr(moved, "/dev/ttyUSB7"), "/dev/ttyUSB3", 12);
    struct loaded first = load(whole, 0600);
    struct loaded second = load(moved, 0600);
    CU_ASSERT_FATAL(first.status == CYC_OK && second.status == CYC_OK);
    cyc_rig_channel_json(first.rig, 0, &before);
    cyc_rig_channel_json(second.rig, 0, &after);
    CU_ASSERT(strcmp(cyc_text_get(&before), cyc_text_get(&after)) == 0);
    CU_ASSERT(strstr(cyc_text_get(&before), "\"tare_N\":10") != NULL);
    CU_ASSERT(strcmp(first.rig->sha256, second.rig->sha256) != 0);
    cyc_text_release(&before);
    cyc_text_release(&after);
    release(&first);
    release(&second);
}

static void a_rig_that_others_may_write_is_refused(void)
{
    struct loaded anybody = load(whole, 0602);
    CU_ASSERT(anybody.status == CYC_E_FILE && anybody.rig == NULL);
    CU_ASSERT(strstr(anybody.err.text, "chmod go-w") != NULL);
    release(&anybody);
    struct loaded readable = load(whole, 0644);
    CU_ASSERT(readable.status == CYC_OK);
    release(&readable);
}

const struct cyc_check cyc_check_rig[] = {
    CYC_CHECK(everything_stands_where_the_file_says),
    CYC_CHECK(a_port_is_set_up_as_its_driver_wants_but_for_what_the_rig_says),
    CYC_CHECK(relative_paths_begin_at_the_rig_file),
    CYC_CHECK(a_force_becomes_a_pressure),
    CYC_CHECK(calibration_goes_both_ways),
    CYC_CHECK(the_channels_part_is_the_same_wherever_its_cables_are_plugged),
    CYC_CHECK(a_rig_that_others_may_write_is_refused),
    {0},
};
