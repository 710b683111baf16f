/* The skeletons that drivers/README.md starts from, each against the instrument it describes. */
#include "check/check.h"
#include "device/driver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const struct cyc_driver *const cyc_drivers_builtin[];

/* An instrument of a few lines: whole requests in, answers out. */
struct toy {
    char in[128], out[256];
    size_t in_size, out_size;
    double level[3]; /* VOLT, CURR, VOLT:PROT */
    bool on, broken;
    int ese;
    size_t (*take)(struct toy *toy); /* bytes of `in` that were a request; 0: none yet */
};

static void toy_receive(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    struct toy *const toy = context;
    (void)now_ns;
    CU_ASSERT_FATAL(toy->in_size + size < sizeof toy->in);
    memcpy(toy->in + toy->in_size, bytes, size);
    toy->in_size += size;
    toy->in[toy->in_size] = '\0';
    for (size_t taken = toy->take(toy); taken > 0; taken = toy->take(toy)) {
        toy->in_size -= taken;
        memmove(toy->in, toy->in + taken, toy->in_size + 1);
    }
}

static size_t toy_deliver(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    struct toy *const toy = context;
    const size_t taken = toy->out_size < size ? toy->out_size : size;
    (void)now_ns;
    memcpy(bytes, toy->out, taken);
    toy->out_size -= taken;
    memmove(toy->out, toy->out + taken, toy->out_size);
    return taken;
}

static int64_t toy_next_ns(void *context)
{
    (void)context;
    return INT64_MAX;
}

static void answer(struct toy *toy, const void *bytes, size_t size)
{
    CU_ASSERT_FATAL(toy->out_size + size <= sizeof toy->out);
    memcpy(toy->out + toy->out_size, bytes, size);
    toy->out_size += size;
}

static void answer_text(struct toy *toy, const char *text)
{
    answer(toy, text, strlen(text));
    answer(toy, "\n", 1);
}

struct rack {
    struct cyc_registry *registry;
    const struct cyc_driver *driver;
    struct cyc_bus *bus;
    struct cyc_instrument *instrument;
};

static void rack_open(struct rack *rack, struct toy *toy, const char *path)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    struct cyc_err err = {0};
    const struct cyc_bus_peer peer = {toy, toy_receive, toy_deliver, toy_next_ns, NULL};
    *rack = (struct rack){0};
    CU_ASSERT_EQUAL_FATAL(cyc_registry_open(cyc_drivers_builtin, folders, &rack->registry, &err),
                          CYC_OK);
    const int status = cyc_registry_find(rack->registry, path, &rack->driver, &err);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "  %s\n", err.text);
    }
    CU_ASSERT_EQUAL_FATAL(status, CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_memory(&peer, &rack->driver->bus, 0, &rack->bus, &err),
                          CYC_OK);
    CU_ASSERT_EQUAL_FATAL(
        cyc_instrument_open(rack->driver, rack->bus, NULL, 0, &rack->instrument, &err), CYC_OK);
}

static void rack_close(struct rack *rack)
{
    cyc_instrument_close(rack->instrument);
    cyc_bus_close(rack->bus);
    cyc_registry_close(rack->registry);
}

static int64_t soon(const struct rack *rack)
{
    return cyc_bus_now_ns(rack->bus) + 400 * CYC_MS_NS;
}

static void rack_identify(struct rack *rack, struct cyc_identity *identity)
{
    struct cyc_err err = {0};
    const int status = rack->driver->identify(rack->instrument, identity, soon(rack), &err);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "  %s\n", err.text);
    }
    CU_ASSERT_EQUAL_FATAL(status, CYC_OK);
}

static struct cyc_reading rack_measure(struct rack *rack)
{
    struct cyc_err err = {0};
    struct cyc_reading reading = {0};
    const int status = rack->driver->measure(rack->instrument, 0, &reading, soon(rack), &err);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "  %s\n", err.text);
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
    return reading;
}

/* ---- SCPI ----------------------------------------------------------------------------------- */

static void answer_number(struct toy *toy, double value)
{
    char number[CYC_NUMBER_SIZE];
    answer_text(toy, cyc_number_exact(number, value));
}

static void obey_scpi(struct toy *toy, const char *command)
{
    static const char *const names[] = {"VOLT ", "CURR ", "VOLT:PROT "};
    static const char *const queries[] = {"VOLT?", "CURR?", "VOLT:PROT?"};
    for (int i = 0; i < 3; i++) {
        size_t used;
        if (strncmp(command, names[i], strlen(names[i])) == 0) {
            const char *const at = command + strlen(names[i]);
            (void)cyc_number_parse(at, strlen(at), &toy->level[i], &used);
        } else if (strcmp(command, queries[i]) == 0) {
            answer_number(toy, toy->level[i]);
        }
    }
    if (strcmp(command, "*IDN?") == 0) {
        answer_text(toy, "ME,SUPPLY 1,7,1.0");
    } else if (strcmp(command, "OUTP?") == 0) {
        answer_text(toy, toy->on ? "1" : "0");
    } else if (strncmp(command, "OUTP O", 6) == 0) {
        toy->on = command[6] == 'N';
    } else if (strcmp(command, "MEAS:VOLT?") == 0) {
        answer_text(toy, "+3.700000E+00");
    } else if (strcmp(command, "MEAS:CURR?") == 0) {
        answer_text(toy, toy->broken ? "+9.91E37" : "+1.000000E-01");
    } else if (strncmp(command, "*ESE ", 5) == 0) {
        double value;
        size_t used;
        (void)cyc_number_parse(command + 5, strlen(command + 5), &value, &used);
        toy->ese = (int)value;
    } else if (strcmp(command, "*ESE?") == 0) {
        answer_number(toy, toy->ese);
    } else if (strcmp(command, "SYST:ERR?") == 0) {
        answer_text(toy, "0,\"No error\"");
    }
}

static size_t take_line(struct toy *toy)
{
    char *const end = strchr(toy->in, '\n');
    if (end == NULL) {
        return 0;
    }
    *end = '\0';
    obey_scpi(toy, toy->in);
    return (size_t)(end - toy->in) + 1;
}

static void the_scpi_skeleton_drives_its_supply(void)
{
    struct toy toy = {.take = take_line};
    struct rack rack;
    struct cyc_identity identity = {0};
    struct cyc_err err = {0};
    const struct cyc_protection bounds = {
        .voltage_min_V = 0, .voltage_max_V = 4.3, .current_min_A = 0, .current_max_A = 1};
    const struct cyc_drive drive = {.setpoint = {.control = CYC_CONTROL_CURRENT, .value = 0.1},
                                    .bounds = bounds};
    rack_open(&rack, &toy, CYC_SOURCE_DIR "/drivers/skeletons/scpi.lua");
    rack_identify(&rack, &identity);
    CYC_SAME(identity.model, "SUPPLY 1");
    CU_ASSERT_EQUAL(rack.driver->apply(rack.instrument, 0, &drive, soon(&rack), &err),
                    CYC_E_REFUSED);
    CYC_SAME(err.text, "protect it first");
    CU_ASSERT_EQUAL(rack.driver->protect(rack.instrument, 0, &bounds, soon(&rack), &err), CYC_OK);
    CYC_NEAR(toy.level[2], 4.3, 0);
    CU_ASSERT_EQUAL(rack.driver->apply(rack.instrument, 0, &drive, soon(&rack), &err), CYC_OK);
    CU_ASSERT(toy.on);
    CYC_NEAR(toy.level[1], 0.1, 0);
    struct cyc_reading reading = rack_measure(&rack);
    CYC_NEAR(reading.values[CYC_MEASURAND_VOLTAGE], 3.7, 0);
    CYC_NEAR(reading.values[CYC_MEASURAND_CURRENT], 0.1, 0);
    CU_ASSERT_EQUAL(reading.flags, CYC_SAMPLE_OUTPUT_ON);
    toy.broken = true;
    reading = rack_measure(&rack);
    CU_ASSERT_EQUAL(reading.valid, 1u << CYC_MEASURAND_VOLTAGE);
    CYC_SAME(reading.why, "invalid");
    cyc_bus_out_of_step(rack.bus);
    CU_ASSERT_EQUAL(rack.driver->safe(rack.instrument, 0, soon(&rack), &err), CYC_OK);
    CU_ASSERT_FALSE(toy.on);
    rack_close(&rack);
}

/* ---- Fixed frames --------------------------------------------------------------------------- */

static size_t take_frame(struct toy *toy)
{
    if (toy->in_size < 2) {
        return 0;
    }
    uint8_t reply[6] = {0xAA, (uint8_t)toy->in[1], toy->broken ? 1 : 0, 0x00, 0xFB, 0};
    for (int i = 0; i < 5; i++) {
        reply[5] = (uint8_t)(reply[5] + reply[i]);
    }
    answer(toy, reply, sizeof reply);
    return 2;
}

static void the_frame_skeleton_reads_its_sensor(void)
{
    struct toy toy = {.take = take_frame};
    struct rack rack;
    struct cyc_identity identity = {0};
    rack_open(&rack, &toy, CYC_SOURCE_DIR "/drivers/skeletons/frame.lua");
    rack_identify(&rack, &identity);
    struct cyc_reading reading = rack_measure(&rack);
    CYC_NEAR(reading.values[CYC_MEASURAND_TEMPERATURE], 25.1, 1e-9);
    toy.broken = true;
    reading = rack_measure(&rack);
    CU_ASSERT_EQUAL(reading.valid, 0);
    CYC_SAME(reading.why, "the sensor is broken");
    rack_close(&rack);
}

/* ---- A plug-in ------------------------------------------------------------------------------ */

static size_t take_question(struct toy *toy)
{
    if (toy->in_size < 3) {
        return 0;
    }
    answer_text(toy, "101325.0");
    return 3;
}

static void the_plugin_skeleton_is_loaded_and_reads_its_gauge(void)
{
    struct toy toy = {.take = take_question};
    struct rack rack;
    struct cyc_identity identity = {0};
    rack_open(&rack, &toy, CYC_PLUGIN);
    CYC_SAME(rack.driver->name, "my_gauge");
    rack_identify(&rack, &identity);
    const struct cyc_reading reading = rack_measure(&rack);
    CYC_NEAR(reading.values[CYC_MEASURAND_PRESSURE], 101325, 0);
    rack_close(&rack);
}

const struct cyc_check cyc_check_skeletons[] = {
    CYC_CHECK(the_scpi_skeleton_drives_its_supply),
    CYC_CHECK(the_frame_skeleton_reads_its_sensor),
    CYC_CHECK(the_plugin_skeleton_is_loaded_and_reads_its_gauge),
    {0}};
