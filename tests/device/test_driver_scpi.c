/* What an instrument may answer where a number is due, and what it is taken for. */
#include "check/check.h"
#include "device/driver.h"
#include "device/scpi.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    enum cyc_scpi_value kind;
    double value;
} number_rows[] = {
    {"0", CYC_SCPI_NUMBER, 0},
    {"1", CYC_SCPI_NUMBER, 1},
    {"+1", CYC_SCPI_NUMBER, 1},
    {"-1", CYC_SCPI_NUMBER, -1},
    {"+1.000236E+00", CYC_SCPI_NUMBER, 1.000236},
    {"-1.000000E-04", CYC_SCPI_NUMBER, -1e-4},
    {" 1.2", CYC_SCPI_NUMBER, 1.2},
    {"1.2 ", CYC_SCPI_NUMBER, 1.2},
    {"\t1.2\r", CYC_SCPI_NUMBER, 1.2},
    {".5", CYC_SCPI_NUMBER, 0.5},
    {"-.5", CYC_SCPI_NUMBER, -0.5},
    {"5.", CYC_SCPI_NUMBER, 5},
    {"5.E2", CYC_SCPI_NUMBER, 500},
    {"1E3", CYC_SCPI_NUMBER, 1000},
    {"1e+3", CYC_SCPI_NUMBER, 1000},
    {"+4.813200E+04", CYC_SCPI_NUMBER, 48132},
    {"9.90E+36", CYC_SCPI_OVERFLOW, NAN},
    {"+9.91E37", CYC_SCPI_INVALID, NAN},
    {"+9.910000E+37", CYC_SCPI_INVALID, NAN},
    {"9.91e+37", CYC_SCPI_INVALID, NAN},
    {"-9.91E37", CYC_SCPI_INVALID, NAN},
    {"+9.9E37", CYC_SCPI_OVERFLOW, NAN},
    {"+9.900000E+37", CYC_SCPI_OVERFLOW, NAN},
    {"-9.9E+37", CYC_SCPI_OVERFLOW, NAN},
    {"9.92E37", CYC_SCPI_OVERFLOW, NAN},
    {"1E38", CYC_SCPI_OVERFLOW, NAN},
    {"1E300", CYC_SCPI_OVERFLOW, NAN},
    {"1E999", CYC_SCPI_NONE, NAN},
    {"INF", CYC_SCPI_OVERFLOW, NAN},
    {"-inf", CYC_SCPI_OVERFLOW, NAN},
    {"Infinity", CYC_SCPI_OVERFLOW, NAN},
    {"NAN", CYC_SCPI_INVALID, NAN},
    {"nan", CYC_SCPI_INVALID, NAN},
    {"", CYC_SCPI_NONE, NAN},
    {" ", CYC_SCPI_NONE, NAN},
    {"+", CYC_SCPI_NONE, NAN},
    {"-", CYC_SCPI_NONE, NAN},
    {".", CYC_SCPI_NONE, NAN},
    {"E3", CYC_SCPI_NONE, NAN},
    {"1E", CYC_SCPI_NONE, NAN},
    {"1E+", CYC_SCPI_NONE, NAN},
    {"--1", CYC_SCPI_NONE, NAN},
    {"+-1", CYC_SCPI_NONE, NAN},
    {"- 1", CYC_SCPI_NONE, NAN},
    {"1.2.3", CYC_SCPI_NONE, NAN},
    {"1,2", CYC_SCPI_NONE, NAN},
    {"1 2", CYC_SCPI_NONE, NAN},
    {"1.2V", CYC_SCPI_NONE, NAN},
    {"80.00 V", CYC_SCPI_NONE, NAN},
    {"V 24.00", CYC_SCPI_NONE, NAN},
    {"0x10", CYC_SCPI_NONE, NAN},
    {"#H10", CYC_SCPI_NONE, NAN},
    {"1e5x", CYC_SCPI_NONE, NAN},
    {"ON", CYC_SCPI_NONE, NAN},
    {"0-113,\"Undefined header\"", CYC_SCPI_NONE, NAN},
    {"-113,\"Undefined header\"", CYC_SCPI_NONE, NAN},
    {"\"1\"", CYC_SCPI_NONE, NAN},
    {"1;2", CYC_SCPI_NONE, NAN},
    {"\xFF\xFF", CYC_SCPI_NONE, NAN},
    {"1\x01", CYC_SCPI_NONE, NAN},
    {"+1.23\xB5", CYC_SCPI_NONE, NAN},
    {"1_000", CYC_SCPI_NONE, NAN},
    {"1'000", CYC_SCPI_NONE, NAN},
    {"0000000000000000000000000000000000000000000000000000000000000000000001", CYC_SCPI_NONE, NAN},
};

static void numbers_are_told_from_all_else(void)
{
    for (size_t i = 0; i < sizeof number_rows / sizeof number_rows[0]; i++) {
        double value = 1234;
        const enum cyc_scpi_value kind =
            cyc_scpi_number(number_rows[i].text, strlen(number_rows[i].text), &value);
        if (kind != number_rows[i].kind) {
            (void)fprintf(stderr, "  '%s' is %d\n", number_rows[i].text, kind);
        }
        CU_ASSERT_EQUAL(kind, number_rows[i].kind);
        CU_ASSERT(isnan(number_rows[i].value) ? isnan(value) : value == number_rows[i].value);
    }
    CU_ASSERT(sizeof number_rows / sizeof number_rows[0] >= 60);
}

static const struct {
    const char *reply, *maker, *model, *serial, *firmware;
} identity_rows[] = {
    {"KEITHLEY INSTRUMENTS INC., MODEL 2400, 1234567, C30/A02 /K/J", "KEITHLEY INSTRUMENTS INC.",
     "MODEL 2400", "1234567", "C30/A02 /K/J"},
    {"ITECH,IT6006C,8001,1.0,2.0,3.0", "ITECH", "IT6006C", "8001", "1.0,2.0,3.0"},
    {"IDN MAKER,M,S", "MAKER", "M", "S", ""},
    {"\"MAKER\",\"M\",\"S\",\"F\"", "MAKER", "M", "S", "F"},
    {"MAKER,M,,", "MAKER", "M", "", ""},
};

static void identities_are_read_from_all_their_shapes(void)
{
    for (size_t i = 0; i < sizeof identity_rows / sizeof identity_rows[0]; i++) {
        struct cyc_identity identity = {0};
        CU_ASSERT_EQUAL(cyc_scpi_identity(identity_rows[i].reply, &identity, NULL), CYC_OK);
        CYC_SAME(identity.maker, identity_rows[i].maker);
        CYC_SAME(identity.model, identity_rows[i].model);
        CYC_SAME(identity.serial_number, identity_rows[i].serial);
        CYC_SAME(identity.firmware, identity_rows[i].firmware);
    }
    struct cyc_identity identity = {0};
    CU_ASSERT_EQUAL(cyc_scpi_identity("+1.0E+00,+2.0E+00", &identity, NULL), CYC_E_IDENTITY);
    CU_ASSERT_EQUAL(cyc_scpi_identity("", &identity, NULL), CYC_E_IDENTITY);
}

/* ---- A small instrument in memory ----------------------------------------------------------- */

struct small {
    char in[256];
    size_t in_size;
    char out[8192];
    size_t out_size;
    int errors; /* entries left in the queue; -1: no end */
    int ese;
    double level;
    bool ignores; /* settings are accepted and not kept */
};

static void answer(struct small *small, const char *text)
{
    const size_t size = strlen(text);
    if (small->out_size + size <= sizeof small->out) {
        memcpy(small->out + small->out_size, text, size);
        small->out_size += size;
    }
}

static void obey(struct small *small)
{
    char text[64], number[CYC_NUMBER_SIZE];
    if (strcmp(small->in, ":SYST:ERR?") == 0) {
        answer(small, small->errors != 0 ? "-222, \"Parameter data out of range\"\n"
                                         : "+0, \"No error\"\n");
        small->errors -= small->errors > 0 ? 1 : 0;
    } else if (strncmp(small->in, "*ESE ", 5) == 0) {
        double value;
        (void)cyc_scpi_number(small->in + 5, strlen(small->in + 5), &value);
        small->ese = (int)value;
    } else if (strcmp(small->in, "*ESE?") == 0) {
        (void)snprintf(text, sizeof text, "%d\n", small->ese);
        answer(small, text);
    } else if (strncmp(small->in, "LEV ", 4) == 0 && !small->ignores) {
        (void)cyc_scpi_number(small->in + 4, strlen(small->in + 4), &small->level);
    } else if (strcmp(small->in, "LEV?") == 0) {
        (void)snprintf(text, sizeof text, "%s\n", cyc_number_exact(number, small->level));
        answer(small, text);
    } else if (strcmp(small->in, "PAIR?") == 0) {
        answer(small, "+1.0E+00,+9.91E+37\n");
    }
}

static void receive(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    struct small *const small = context;
    (void)now_ns;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            small->in[small->in_size] = '\0';
            small->in_size = 0;
            obey(small);
        } else if (small->in_size + 1 < sizeof small->in) {
            small->in[small->in_size++] = (char)bytes[i];
        }
    }
}

static size_t deliver(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    struct small *const small = context;
    const size_t taken = small->out_size < size ? small->out_size : size;
    (void)now_ns;
    memcpy(bytes, small->out, taken);
    small->out_size -= taken;
    memmove(small->out, small->out + taken, small->out_size);
    return taken;
}

static int64_t next_ns(void *context)
{
    (void)context;
    return INT64_MAX;
}

static struct cyc_scpi open_small(struct small *small)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct cyc_bus_peer peer = {small, receive, deliver, next_ns, NULL};
    struct cyc_scpi scpi = {.terminator = "\n"};
    *small = (struct small){0};
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_memory(&peer, &settings, 0, &scpi.bus, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_drain(scpi.bus, CYC_MS_NS, CYC_S_NS, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_scpi_resync(&scpi, 10 * CYC_S_NS, NULL), CYC_OK);
    return scpi;
}

static void what_is_written_is_read_back(void)
{
    static struct small small;
    struct cyc_scpi scpi = open_small(&small);
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_scpi_set_number(&scpi, "LEV", 90.26e-6, 1e-9, 20 * CYC_S_NS, &err), CYC_OK);
    CYC_NEAR(small.level, 90.26e-6, 1e-15);
    small.ignores = true;
    small.errors = 1;
    CU_ASSERT_EQUAL(cyc_scpi_set_number(&scpi, "LEV", 1, 1e-9, 20 * CYC_S_NS, &err), CYC_E_REFUSED);
    CYC_SAME(err.text, "'LEV 1' was not taken: the instrument says 0.00009026 (-222, \"Parameter "
                       "data out of range\")");
    cyc_bus_close(scpi.bus);
}

static void an_error_queue_without_end_is_left_after_fifty_entries(void)
{
    static struct small small;
    struct cyc_scpi scpi = open_small(&small);
    struct cyc_err err = {0};
    char first[64];
    small.errors = 50;
    CU_ASSERT_EQUAL(cyc_scpi_errors(&scpi, first, sizeof first, 20 * CYC_S_NS, &err), CYC_E_BOUND);
    CU_ASSERT_EQUAL(small.errors, 0);
    CYC_SAME(first, "-222, \"Parameter data out of range\"");
    small.errors = 49;
    CU_ASSERT_EQUAL(cyc_scpi_errors(&scpi, first, sizeof first, 20 * CYC_S_NS, &err), CYC_OK);
    cyc_bus_close(scpi.bus);
}

static void a_wrong_count_of_numbers_puts_the_bus_out_of_step(void)
{
    static struct small small;
    struct cyc_scpi scpi = open_small(&small);
    struct cyc_err err = {0};
    char reply[64];
    double values[3];
    enum cyc_scpi_value kinds[3];
    CU_ASSERT_EQUAL(cyc_scpi_query(&scpi, "PAIR?", reply, sizeof reply, 20 * CYC_S_NS, NULL, &err),
                    CYC_OK);
    CU_ASSERT_EQUAL(cyc_scpi_numbers(&scpi, reply, values, kinds, 2, &err), CYC_OK);
    CU_ASSERT_EQUAL(kinds[1], CYC_SCPI_INVALID);
    CU_ASSERT(isnan(values[1]));
    CU_ASSERT(cyc_bus_is_in_step(scpi.bus));
    CU_ASSERT_EQUAL(cyc_scpi_numbers(&scpi, reply, values, kinds, 3, &err), CYC_E_REPLY);
    CU_ASSERT_FALSE(cyc_bus_is_in_step(scpi.bus));
    CU_ASSERT_EQUAL(cyc_scpi_numbers(&scpi, reply, values, kinds, 1, &err), CYC_E_REPLY);
    CU_ASSERT_EQUAL(cyc_scpi_query(&scpi, "LEV?", reply, sizeof reply, 20 * CYC_S_NS, NULL, &err),
                    CYC_E_STALE);
    cyc_bus_close(scpi.bus);
}

static void a_late_answer_is_no_proof_of_step(void)
{
    static struct small small;
    struct cyc_scpi scpi = open_small(&small);
    struct cyc_err err = {0};
    char stale[32];
    for (int guess = 0; guess < 256; guess++) {
        cyc_bus_out_of_step(scpi.bus);
        CU_ASSERT_EQUAL(cyc_bus_drain(scpi.bus, CYC_MS_NS, INT64_MAX, NULL), CYC_OK);
        (void)snprintf(stale, sizeof stale, "%d\n", guess);
        answer(&small, stale); /* it comes after the line was found quiet */
        CU_ASSERT_EQUAL(cyc_scpi_resync(&scpi, INT64_MAX, &err), CYC_E_STALE);
        CU_ASSERT_FALSE(cyc_bus_is_in_step(scpi.bus));
        CU_ASSERT_EQUAL(cyc_bus_drain(scpi.bus, CYC_MS_NS, INT64_MAX, NULL), CYC_OK);
        CU_ASSERT_EQUAL(cyc_scpi_resync(&scpi, INT64_MAX, &err), CYC_OK);
    }
    cyc_bus_close(scpi.bus);
}

const struct cyc_check cyc_check_driver_scpi[] = {
    CYC_CHECK(numbers_are_told_from_all_else),
    CYC_CHECK(identities_are_read_from_all_their_shapes),
    CYC_CHECK(what_is_written_is_read_back),
    CYC_CHECK(an_error_queue_without_end_is_left_after_fifty_entries),
    CYC_CHECK(a_wrong_count_of_numbers_puts_the_bus_out_of_step),
    CYC_CHECK(a_late_answer_is_no_proof_of_step),
    {0}};
