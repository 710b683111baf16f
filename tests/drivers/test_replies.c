/* What each instrument may answer to a measurement, and what it is taken for: a value, a valid
 * answer without one, or an error. Never a wrong number.
 */
#include "check/check.h"
#include "drivers/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const struct cyc_driver *const cyc_drivers_builtin[];

#define INVALID INFINITY    /* answered, and says that there is no value */
#define ERROR   (-INFINITY) /* no answer to this question */

struct row {
    const char *reply;
    double value;
};

/* The instrument answers what the table says to the question asked for; before that, as it should.
 */
struct speaker {
    const char *reply; /* to the next question */
    size_t reply_size;
    const char *then; /* to the one after it; NULL: nothing */
    char out[512];
    size_t out_size;
    size_t in_size;
    size_t request_size; /* a question ends with this many bytes, or */
    char request_end;    /* … with this one */
};

static struct speaker speaker;

static void say(const char *bytes, size_t size)
{
    memcpy(speaker.out + speaker.out_size, bytes, size);
    speaker.out_size += size;
}

static void hear(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)now_ns;
    for (size_t i = 0; i < size; i++) {
        speaker.in_size++;
        const bool whole = speaker.request_size > 0 ? speaker.in_size == speaker.request_size
                                                    : bytes[i] == (uint8_t)speaker.request_end;
        if (!whole) {
            continue;
        }
        speaker.in_size = 0;
        if (speaker.reply != NULL) {
            say(speaker.reply, speaker.reply_size);
            speaker.reply = NULL;
        } else if (speaker.then != NULL) {
            say(speaker.then, strlen(speaker.then));
            speaker.then = NULL;
        }
    }
}

static size_t deliver(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    const size_t taken = speaker.out_size < size ? speaker.out_size : size;
    (void)context;
    (void)now_ns;
    memcpy(bytes, speaker.out, taken);
    speaker.out_size -= taken;
    memmove(speaker.out, speaker.out + taken, speaker.out_size);
    return taken;
}

static int64_t never(void *context)
{
    (void)context;
    return INT64_MAX;
}

struct family {
    const char *driver;
    struct cyc_driver_setting settings[2];
    unsigned setting_count;
    size_t request_size;
    char request_end;
    const char *first, *first_then; /* answers to identify */
    const char *then;               /* answer to what measure asks second */
    bool reverse;                   /* the row answers the second question */
    enum cyc_measurand measurand;
};

static double ask(const struct family *family, struct cyc_registry *registry, const char *reply,
                  size_t size)
{
    const struct cyc_bus_peer peer = {NULL, hear, deliver, never, NULL};
    const struct cyc_driver *driver = NULL;
    struct cyc_bus *bus = NULL;
    struct cyc_instrument *instrument = NULL;
    struct cyc_identity identity;
    struct cyc_reading reading;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cyc_registry_find(registry, family->driver, &driver, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_memory(&peer, &driver->bus, 0, &bus, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_instrument_open(driver, bus, family->settings, family->setting_count,
                                              &instrument, &err),
                          CYC_OK);
    speaker = (struct speaker){.request_size = family->request_size,
                               .request_end = family->request_end,
                               .reply = family->first,
                               .reply_size = strlen(family->first),
                               .then = family->first_then};
    if (driver->identify(instrument, &identity, CYC_S_NS, &err) != CYC_OK) {
        (void)fprintf(stderr, "  %s: identify: %s\n", family->driver, err.text);
        CU_FAIL("identify");
    }
    speaker.reply = reply;
    speaker.reply_size = size;
    speaker.then = family->then;
    if (family->reverse) {
        speaker.reply = family->then;
        speaker.reply_size = strlen(family->then);
        speaker.then = reply;
    }
    const int status =
        driver->measure(instrument, 0, &reading, cyc_bus_now_ns(bus) + 2 * CYC_S_NS, &err);
    const bool valid = status == CYC_OK && (reading.valid & 1u << family->measurand) != 0;
    const double value = status != CYC_OK ? ERROR
                         : valid          ? reading.values[family->measurand]
                                          : INVALID;
    cyc_instrument_close(instrument);
    cyc_bus_close(bus);
    return value;
}

static void classify(const struct family *family, const struct row *rows, size_t count,
                     const char *format)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    struct cyc_registry *registry = NULL;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cyc_registry_open(cyc_drivers_builtin, folders, &registry, &err), CYC_OK);
    CU_ASSERT(count >= 60);
    for (size_t i = 0; i < count; i++) {
        char reply[128];
        (void)snprintf(reply, sizeof reply, "%s%s", rows[i].reply, format);
        const double found = ask(family, registry, reply, strlen(reply));
        const double due = rows[i].value;
        const bool same =
            isinf(due) || isinf(found) ? found == due : fabs(found - due) <= 1e-9 * fabs(due);
        if (!same) {
            char text[2][CYC_NUMBER_SIZE];
            (void)fprintf(stderr, "  %s: '%s' is taken for %s instead of %s\n", family->driver,
                          rows[i].reply, cyc_number_exact(text[0], found),
                          cyc_number_exact(text[1], due));
        }
        CU_ASSERT(same);
    }
    cyc_registry_close(registry);
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct row keithley_rows[] = {
    {"+1.000236E+00,+1.0E-04,+7.2826E+01,+4.8132E+04", 1.000236},
    {"-1.000236E+00,+1.0E-04,+7.2826E+01,+4.8132E+04", -1.000236},
    {"1,2E-4,3,48132", 1},
    {" 1 , 2E-4 , 3 , 48132 ", 1},
    {"+0.000000E+00,+0.0E+00,+1.0E-03,+3.2768E+04", 0},
    {".5,1E-4,3,48132", 0.5},
    {"5.,1E-4,3,48132", 5},
    {"+4.2E+00,+9.9E+37,+1.0E+00,+4.8132E+04", 4.2},
    {"+4.2E+00,+9.91E+37,+1.0E+00,+4.8132E+04", 4.2},
    {"+2.1E+02,+1.0E-04,+1.0E+00,+4.8132E+04", 210},
    {"+4.2E+00,+1.0E-04,+1.0E+00,+4.814E+04", 4.2},
    {"+4.2E+00,+1.0E-04,+1.0E+00,+4.233220E+06", 4.2},
    {"+4.2E+00,+1.0E-04,+9.999999E+04,+48132", 4.2},
    {"+9.91E+37,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"+9.910000E+37,+9.910000E+37,+1.0E+00,+4.8132E+04", INVALID},
    {"-9.91E+37,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"+9.9E+37,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"-9.9E+37,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"+9.900000E+37,+9.900000E+37,+1.0E+00,+4.8132E+04", INVALID},
    {"1E300,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"+5.0E+02,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"+4.2E+00,+1.0E-04,+1.0E+00,+4.8133E+04", INVALID},
    {"NAN,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"INF,+1.0E-04,+1.0E+00,+4.8132E+04", INVALID},
    {"", ERROR},
    {" ", ERROR},
    {"1", ERROR},
    {"+1.000236E+00", ERROR},
    {"+1.0E+00,+1.0E-04", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+04,+1.0E+00,+4.8132E+04", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,+4.8132E+04,", ERROR},
    {",+1.0E-04,+1.0E+00,+4.8132E+04", ERROR},
    {"+1.0E+00,,+1.0E+00,+4.8132E+04", ERROR},
    {"+1.0E+00;+1.0E-04;+1.0E+00;+4.8132E+04", ERROR},
    {"+1.0E+00 +1.0E-04 +1.0E+00 +4.8132E+04", ERROR},
    {"+1.0E+00V,+1.0E-04A,+1.0E+00,+4.8132E+04", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,-1", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,+1.7E+07", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,+9.91E+37", ERROR},
    {"+1.0E+00,+1.0E-04,+9.91E+37,+4.8132E+04", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,OK", ERROR},
    {"-113,\"Undefined header\"", ERROR},
    {"0,\"No error\"", ERROR},
    {"0-113,\"Undefined header\"", ERROR},
    {"803,\"Not permitted with output off\"", ERROR},
    {"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30", ERROR},
    {":READ?", ERROR},
    {"0", ERROR},
    {"128", ERROR},
    {"VOLT,CURR,TIME,STAT", ERROR},
    {"HIMP", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,+4.8132E+04 x", ERROR},
    {"x+1.0E+00,+1.0E-04,+1.0E+00,+4.8132E+04", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,+4.81\xB5", ERROR},
    {"+1.0E+00,+1.0E-04,+1.0E+00,+4.8132E", ERROR},
    {"+1.0E+,+1.0E-04,+1.0E+00,+4.8132E+04", ERROR},
    {"1,0E+00,+1.0E-04,+1.0E+00,+4.8132E+04", ERROR},
    {"+-1.0E+00,+1.0E-04,+1.0E+00,+4.8132E+04", ERROR},
    {"0x10,+1.0E-04,+1.0E+00,+4.8132E+04", ERROR},
    {"--,--,--,--", ERROR},
    {"\"1\",\"2\",\"3\",\"4\"", ERROR},
};

static void readings_of_a_keithley_are_classified(void)
{
    static const struct family family = {.driver = "keithley_2400",
                                         .request_end = '\r',
                                         .first = "KEITHLEY,MODEL 2400,1,C30\r",
                                         .first_then = "0\r",
                                         .then = "1\r",
                                         .reverse = true,
                                         .measurand = CYC_MEASURAND_VOLTAGE};
    classify(&family, keithley_rows, COUNT(keithley_rows), "\r");
}

static const struct row force_rows[] = {
    {"\x02"
     "0+32.567\x03",
     32.567},
    {"\x02"
     "0+ 7.487\x03",
     7.487},
    {"\x02"
     "0+  7487\x03",
     7487},
    {"\x02"
     "0+ 748.6\x03",
     748.6},
    {"\x02"
     "0+ 74.86\x03",
     74.86},
    {"\x02"
     "0-32.567\x03",
     -32.567},
    {"\x02"
     "0-     0\x03",
     0},
    {"\x02"
     "0+     0\x03",
     0},
    {"\x02"
     "0+000000\x03",
     0},
    {"\x02"
     "0+000.00\x03",
     0},
    {"\x02"
     "0+999999\x03",
     999999},
    {"\x02"
     "0-99999.\x03",
     -99999},
    {"\x02"
     "0+ .7487\x03",
     0.7487},
    {"\x02"
     "0-    .5\x03",
     -0.5},
    {"\x02"
     "0+     1\x03",
     1},
    {"\x02"
     "0+1     \x03",
     1},
    {"\x02"
     "0+ 1    \x03",
     1},
    {"\x02"
     "0+   1.0\x03",
     1},
    {"\x02"
     "0+0.0001\x03",
     0.0001},
    {"\x02"
     "0-0.0001\x03",
     -0.0001},
    {"0\x02"
     "0+  12.5\x03",
     12.5},
    {"xyz\x02"
     "0+  12.5\x03",
     12.5},
    {"\x02"
     "0+------\x03",
     INVALID},
    {"\x02"
     "0+      \x03",
     INVALID},
    {"\x02"
     "0 32.567\x03",
     INVALID},
    {"\x02"
     "0x32.567\x03",
     INVALID},
    {"\x02"
     "0+  OL  \x03",
     INVALID},
    {"\x02"
     "0-  UL  \x03",
     INVALID},
    {"\x02"
     "0+ ERR 1\x03",
     INVALID},
    {"\x02"
     "0+3 2.56\x03",
     INVALID},
    {"\x02"
     "0+3.2.56\x03",
     INVALID},
    {"\x02"
     "0+-3.256\x03",
     INVALID},
    {"\x02"
     "0++3.256\x03",
     INVALID},
    {"\x02"
     "0+3,2567\x03",
     INVALID},
    {"\x02"
     "0+0x1234\x03",
     INVALID},
    {"\x02"
     "0+1e0001\x03",
     INVALID},
    {"\x02"
     "0+1E+001\x03",
     INVALID},
    {"\x02"
     "0+......\x03",
     INVALID},
    {"\x02"
     "0+     .\x03",
     INVALID},
    {"\x02"
     "0+12345\x7F\x03",
     INVALID},
    {"\x02"
     "0+\xB1\xB2\xB3\xB4\xB5\xB6\x03",
     INVALID},
    {"\x02"
     "0+   nan\x03",
     INVALID},
    {"\x02"
     "0+   inf\x03",
     INVALID},
    {"\x02"
     "0+HOLD  \x03",
     INVALID},
    {"\x02"
     "0+_____1\x03",
     INVALID},
    {"\x02"
     "0+1_0000\x03",
     INVALID},
    {"\x02"
     "1+32.567\x03",
     ERROR},
    {"\x02"
     "?+32.567\x03",
     ERROR},
    {"\x02"
     " +32.567\x03",
     ERROR},
    {"\x02"
     "0+32.567",
     ERROR},
    {"0+32.567\x03", ERROR},
    {"\x02"
     "0+32.56\x03",
     ERROR},
    {"\x02"
     "0+32.5678\x03",
     ERROR},
    {"\x02"
     "0+32.567\x04",
     ERROR},
    {"\x03"
     "0+32.567\x02",
     ERROR},
    {"", ERROR},
    {"\x02", ERROR},
    {"\x02\x03", ERROR},
    {"32.567\r\n", ERROR},
    {"0R", ERROR},
    {"\x02"
     "0+32.567\x03"
     "\x02"
     "0+32.568\x03",
     ERROR},
    {"\x02"
     "0+32.567\x03x",
     ERROR},
    {"\x02"
     "0+32.567\x03\r\n",
     ERROR},
};

static void frames_of_a_force_indicator_are_classified(void)
{
    static const struct family family = {.driver = "bongshin_bs205",
                                         .settings = {{"unit", "N", NAN}},
                                         .setting_count = 1,
                                         .request_size = 2,
                                         .first = "\x02"
                                                  "0+     0\x03",
                                         .measurand = CYC_MEASURAND_FORCE};
    classify(&family, force_rows, COUNT(force_rows), "");
}

static const struct row pressure_rows[] = {
    {"A +050.01 +050.00", 50010},
    {"A +050.01 +050.00 HLD", 50010},
    {"A +050.01 +050.00 HLD LCK", 50010},
    {"A +050.01 +050.00 MOV", 50010},
    {"A +050.01 +050.00 OPL", 50010},
    {"A -000.01 +000.00", -10},
    {"A +000.00 +000.00", 0},
    {"A 050.01 050.00", 50010},
    {"A 50 50", 50000},
    {"A +1.5 +2", 1500},
    {"A  +050.01  +050.00 ", 50010},
    {"A +050.01 ------", 50010},
    {"A +9999.9 +0", 9999900},
    {"A +0.001 +0", 1},
    {"A .5 0", 500},
    {"A 5. 0", 5000},
    {"A +1.0E+01 +0", 10000},
    {"A -14.70 +0", -14700},
    {"A +050.01 +050.00 TOV MOV VOV POV", INVALID}, /* over the range of pressure */
    {"A +050.01 +050.00 ADC", 50010},
    {"A +050.01 +050.00 [HLD]", 50010},
    {"A ------ +050.00", INVALID},
    {"A OVR +050.00", ERROR},
    {"A +05x.01 +050.00", ERROR},
    {"A +-50.01 +050.00", ERROR},
    {"A 50,01 +050.00", ERROR},
    {"A 0x50 +050.00", ERROR},
    {"A nan +050.00", INVALID},
    {"A inf +050.00", INVALID},
    {"A 9.91E37 +050.00", INVALID},
    {"A +50.0.1 +050.00", ERROR},
    {"A +050.01psi +050.00", ERROR},
    {"A + +050.00", ERROR},
    {"A \xB5\xB5 +050.00", ERROR},
    {"A 1e +050.00", ERROR},
    {"A ? ?", ERROR},
    {"?", ERROR},
    {"A ?", ERROR},
    {"", ERROR},
    {" ", ERROR},
    {"A", ERROR},
    {"A +050.01", ERROR},
    {"B +050.01 +050.00", ERROR},
    {"a +050.01 +050.00", ERROR},
    {"AA +050.01 +050.00", ERROR},
    {"+050.01 +050.00", ERROR},
    {"A+050.01 +050.00", ERROR},
    {"A,+050.01,+050.00", ERROR},
    {"A +014.70 +025.00 +000.00 +000.00 000.00 N2", ERROR},
    {"A +050.01 +050.00 +1", ERROR},
    {"A +050.01 +050.00 HLD 5", ERROR},
    {"A +1 +2 +3 +4", ERROR},
    {"A  122 = 34", ERROR},
    {"A M00 Alicat Scientific", ERROR},
    {"A D01 700 Unit ID", ERROR},
    {"\x02\x03\x04", ERROR},
    {"0,\"No error\"", ERROR},
    {"OK", ERROR},
    {"AS5.44", ERROR},
    {"NA:CMD ERR", ERROR},
    {"A\t+050.01\t+050.00", ERROR},
    {"KEITHLEY INSTRUMENTS", ERROR},
};

static void frames_of_a_pressure_controller_are_classified(void)
{
    static const struct family family = {.driver = "alicat_pc",
                                         .settings = {{"pressure_unit", "kPa", NAN}},
                                         .setting_count = 1,
                                         .request_end = '\r',
                                         .first = "A +000.00 +000.00\r",
                                         .measurand = CYC_MEASURAND_PRESSURE};
    classify(&family, pressure_rows, COUNT(pressure_rows), "\r");
}

static const struct row chamber_rows[] = {
    {"23.0,25.0,100.0,-45.0", 23},
    {"-45.5,25.0,100.0,-45.0", -45.5},
    {"0.0,25.0,100.0,-45.0", 0},
    {"+23.0,25.0,100.0,-45.0", 23},
    {" 23.0, 25.0, 100.0, -45.0", 23},
    {"23,25,100,-45", 23},
    {"23.04,25.0,100.0,-45.0", 23.04},
    {"23.0,OFF,100.0,-45.0", 23},
    {"23.0,,100.0,-45.0", 23},
    {"23.0,25.0,,", 23},
    {".5,25.0,100.0,-45.0", 0.5},
    {"180.0,25.0,200.0,-75.0", 180},
    {"23.,25.0,100.0,-45.0", 23},
    {"2.3E1,25.0,100.0,-45.0", 23},
    {"-0.1,25.0,100.0,-45.0", -0.1},
    {"23.0 ,25.0,100.0,-45.0", 23},
    {"0023.0,25.0,100.0,-45.0", 23},
    {"23.0,-25.0,100.0,-45.0", 23},
    {"23.0,25.0,H,L", 23},
    {"23.0,25.0,100.0,-45.0 ", 23},
    {",25.0,100.0,-45.0", INVALID},
    {"----,25.0,100.0,-45.0", INVALID},
    {"850.0,25.0,100.0,-45.0", INVALID}, /* an open sensor */
    {"239.9,25.0,100.0,-45.0", 239.9},
    {"OVER,25.0,100.0,-45.0", INVALID},
    {"UNDER,25.0,100.0,-45.0", INVALID},
    {"23.0C,25.0,100.0,-45.0", INVALID},
    {"nan,25.0,100.0,-45.0", INVALID},
    {"inf,25.0,100.0,-45.0", INVALID},
    {"9.91E37,25.0,100.0,-45.0", INVALID},
    {"9.9E37,25.0,100.0,-45.0", INVALID},
    {"0x17,25.0,100.0,-45.0", INVALID},
    {"2 3.0,25.0,100.0,-45.0", INVALID},
    {"23.0.1,25.0,100.0,-45.0", INVALID},
    {"--23.0,25.0,100.0,-45.0", INVALID},
    {"+,25.0,100.0,-45.0", INVALID},
    {"23\xB0,25.0,100.0,-45.0", INVALID},
    {"1e,25.0,100.0,-45.0", INVALID},
    {"TEMP,25.0,100.0,-45.0", INVALID},
    {"NA:CMD ERR", ERROR},
    {"NA:ADDR ERR", ERROR},
    {"NA:CONT NOT READY-1", ERROR},
    {"NA:DATA NOT READY", ERROR},
    {"NA:PARA ERR", ERROR},
    {"NA:DATA OUT OF RANGE", ERROR},
    {"NA:PROTECT ON", ERROR},
    {"NA:INVALID REQ", ERROR},
    {"NA:CHB NOT READY", ERROR},
    {"NA:", ERROR},
    {"", ERROR},
    {" ", ERROR},
    {"23.0", ERROR},
    {"23.0,25.0", ERROR},
    {"23.0,25.0,100.0", ERROR},
    {"23.0,25.0,100.0,-45.0,", ERROR},
    {"23.0,25.0,100.0,-45.0,1", ERROR},
    {"23.0;25.0;100.0;-45.0", ERROR},
    {"23.0 25.0 100.0 -45.0", ERROR},
    {"CONSTANT", ERROR},
    {"OK:MODE,CONSTANT", ERROR},
    {"OK:TEMP, S60.0", ERROR},
    {"T,S2,190.0", ERROR},
    {"JPTBLU1.23", ERROR},
    {"TEMP?", ERROR},
    {"0,\"No error\"", ERROR},
    {"23,0,25,0,100,0,-45,0", ERROR},
    {"\x02\x03", ERROR},
};

static void answers_of_a_chamber_are_classified(void)
{
    static const struct family family = {.driver = "espec_p300",
                                         .request_end = '\n',
                                         .first = "T,S2,P300,190.0\r\n",
                                         .first_then = "JPTBLU1.23\r\n",
                                         .then = "23.0,,CONSTANT,0\r\n",
                                         .reverse = true,
                                         .measurand = CYC_MEASURAND_TEMPERATURE};
    classify(&family, chamber_rows, COUNT(chamber_rows), "\r\n");
}

/* ---- Reports of a tester: one of them with every byte in turn made wrong -------------------- */

static uint8_t sum(const uint8_t *report)
{
    uint8_t check = 0;
    for (int i = 1; i < 17; i++) {
        check ^= report[i];
    }
    return check >= 0xF0 ? (uint8_t)(check % 240) : check;
}

static double report_value(struct cyc_registry *registry, const uint8_t *report, size_t size)
{
    static const uint8_t good[19] = {0xFA, 0x00, 0, 0, 15, 0, 0, 0, 0,   0,
                                     0,    0,    0, 0, 0,  0, 9, 6, 0xF8};
    const struct cyc_bus_peer peer = {NULL, hear, deliver, never, NULL};
    const struct cyc_driver_setting setting = {"model", "A20", NAN};
    const struct cyc_driver *driver = NULL;
    struct cyc_bus *bus = NULL;
    struct cyc_instrument *instrument = NULL;
    struct cyc_identity identity;
    struct cyc_reading reading;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cyc_registry_find(registry, "zketech_ebc", &driver, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_memory(&peer, &driver->bus, 0, &bus, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_instrument_open(driver, bus, &setting, 1, &instrument, &err), CYC_OK);
    speaker = (struct speaker){.request_size = 10};
    say((const char *)good, sizeof good);
    CU_ASSERT_EQUAL(driver->identify(instrument, &identity, CYC_S_NS, &err), CYC_OK);
    cyc_bus_advance(bus, cyc_bus_now_ns(bus) + 7 * CYC_S_NS);
    CU_ASSERT_EQUAL(driver->measure(instrument, 0, &reading, cyc_bus_now_ns(bus) + CYC_MS_NS, &err),
                    CYC_E_TIMEOUT);
    say((const char *)report, size);
    const int status =
        driver->measure(instrument, 0, &reading, cyc_bus_now_ns(bus) + 100 * CYC_MS_NS, &err);
    cyc_instrument_close(instrument);
    cyc_bus_close(bus);
    return status == CYC_OK ? reading.values[CYC_MEASURAND_VOLTAGE] : ERROR;
}

static void reports_of_a_tester_are_classified(void)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    static const uint8_t captured[19] = {0xFA, 0x0A, 0x00, 0x23, 0x10, 0x1C, 0x00, 0x00, 0x00, 0x00,
                                         0x00, 0x23, 0x01, 0x8C, 0x00, 0x00, 0x09, 0x82, 0xF8};
    struct cyc_registry *registry = NULL;
    struct cyc_err err = {0};
    unsigned count = 0;
    uint8_t report[19];
    CU_ASSERT_EQUAL_FATAL(cyc_registry_open(cyc_drivers_builtin, folders, &registry, &err), CYC_OK);
    CYC_NEAR(report_value(registry, captured, 19), 3.868, 1e-9);
    for (size_t size = 0; size < 19; size++, count++) { /* cut short */
        CU_ASSERT_EQUAL(report_value(registry, captured, size), ERROR);
    }
    for (int i = 1; i < 18; i++, count++) { /* one bit wrong */
        memcpy(report, captured, sizeof report);
        report[i] ^= 0x10;
        CU_ASSERT_EQUAL(report_value(registry, report, 19), ERROR);
    }
    for (int i = 1; i < 17; i++, count++) { /* a byte that is framing, the checksum right */
        memcpy(report, captured, sizeof report);
        report[i] = 0xF5;
        report[17] = sum(report);
        CU_ASSERT_EQUAL(report_value(registry, report, 19), ERROR);
    }
    for (int state = 100; state < 113; state++, count++) { /* between two states */
        memcpy(report, captured, sizeof report);
        report[1] = (uint8_t)state;
        report[17] = sum(report);
        CU_ASSERT_EQUAL(report_value(registry, report, 19), ERROR);
    }
    for (unsigned volts = 0; volts < 20; volts++, count++) { /* and those that are right */
        memcpy(report, captured, sizeof report);
        report[4] = (uint8_t)volts;
        report[17] = sum(report);
        CYC_NEAR(report_value(registry, report, 19), volts * 0.24 + 0.028, 1e-9);
    }
    CU_ASSERT(count >= 60);
    cyc_registry_close(registry);
}

const struct cyc_check cyc_check_replies[] = {
    CYC_CHECK(readings_of_a_keithley_are_classified),
    CYC_CHECK(frames_of_a_force_indicator_are_classified),
    CYC_CHECK(frames_of_a_pressure_controller_are_classified),
    CYC_CHECK(answers_of_a_chamber_are_classified),
    CYC_CHECK(reports_of_a_tester_are_classified),
    {0}};
