#include "base/text.h"
#include "check/check.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fixed sequence of 64 random bits (splitmix64). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* What the C library makes of it in the C locale: the reference for everything here. */
static double reference(const char *text)
{
    const locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const double value = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    return value;
}

static void print_reference(char *buffer, size_t size, const char *format, int precision,
                            double value)
{
    const locale_t before = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
    (void)snprintf(buffer, size, format, precision, value);
    (void)uselocale(before);
}

static void check_read(const char *text, double expected, size_t expected_used)
{
    double value = NAN;
    size_t used = 0;
    const bool read = cyc_number_parse(text, strlen(text), &value, &used);
    if (!read || value != expected || used != expected_used ||
        signbit(value) != signbit(expected)) {
        (void)fprintf(stderr, "\n'%s' read as %d, %.17g, %zu bytes\n", text, read, value, used);
        CU_FAIL("number read wrongly");
    }
}

static void numbers_are_read_to_their_end(void)
{
    check_read("4.6 V", 4.6, 3);
    check_read("0", 0.0, 1);
    check_read("-0", -0.0, 2);
    check_read("-12.5e-3mV", -12.5e-3, 8);
    check_read("1e3", 1000.0, 3);
    check_read("1E+3", 1000.0, 4);
    check_read("010", 10.0, 3); /* never octal */
    check_read("0x10", 0.0, 1);
    check_read("5.", 5.0, 1); /* a point needs a digit behind it */
    check_read("5.e3", 5.0, 1);
    check_read("2e", 2.0, 1);
    check_read("2e+", 2.0, 1);
    check_read("2exp", 2.0, 1);
    check_read("1,5", 1.0, 1);
    check_read("1.5.2", 1.5, 3);
    check_read("30 degC", 30.0, 2);
}

static void what_is_no_number_reads_nothing(void)
{
    static const char *const texts[] = {"",    "-",   "+5",   ".5",  "-.5", "e5",  "nan",
                                        "inf", "NaN", "-inf", "abc", " 5",  "--5", "\xC2\xB5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double value = 47.11;
        size_t used = 99;
        CU_ASSERT(!cyc_number_parse(texts[i], strlen(texts[i]), &value, &used));
        CU_ASSERT_EQUAL(used, 0);
        CU_ASSERT_EQUAL(value, 47.11);
    }
}

static void nothing_behind_the_given_size_is_read(void)
{
    double value = 0.0;
    size_t used = 0;
    CU_ASSERT(cyc_number_parse("123.456e7", 5, &value, &used));
    CU_ASSERT_EQUAL(used, 5);
    CU_ASSERT_EQUAL(value, 123.4);
    CU_ASSERT(cyc_number_parse("123.456e7", 4, &value, &used));
    CU_ASSERT_EQUAL(value, 123.0);
    CU_ASSERT(cyc_number_parse("12e34", 4, &value, &used));
    CU_ASSERT_EQUAL(value, 12e3);
}

static void numbers_out_of_range_are_refused(void)
{
    double value = 0.0;
    size_t used = 0;
    CU_ASSERT(!cyc_number_parse("1e309", 5, &value, &used));
    CU_ASSERT_EQUAL(used, 5); /* it is a number, only too large */
    CU_ASSERT(!cyc_number_parse("-1e999999999999999999999", 24, &value, &used));
    CU_ASSERT(cyc_number_parse("1.7976931348623157e308", 22, &value, &used));
    CU_ASSERT_EQUAL(value, DBL_MAX);
    check_read("1e-400", 0.0, 6);
    check_read("0e999999999999999999999", 0.0, 23);
    check_read("5e-324", 5e-324, 6);
}

static void hard_cases_of_rounding_are_read_correctly(void)
{
    static const char *const texts[] = {
        "9007199254740993", /* 2^53 + 1: a tie */
        "9007199254740993.0000000000000000000000000000000000000001",
        "9007199254740992.9999999999999999999999999999999999999999",
        "2.2250738585072011e-308", /* the number that hung PHP and Java */
        "2.2250738585072012e-308",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "6631236846766476e-316",
        "4.9406564584124654e-324",
        "2.4703282292062327208e-324",
        "179769313486231580793728971405301e276",
        "1e23",
        "8.5e22",
        "123456789012345678901234567890",
        "0.1e-5",
        "3.141592653589793238462643383279502884197",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_read(texts[i], reference(texts[i]), strlen(texts[i]));
    }
}

static void very_long_numbers_are_read_correctly(void)
{
    const size_t size = 100000;
    char *text = malloc(size + 16);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    /* One, then half an ulp written out, then zeros, then a single digit that decides. */
    memset(text, '0', size);
    const char *tie = "1.00000000000000011102230246251565404236316680908203125";
    memcpy(text, tie, strlen(tie));
    text[size] = '\0';
    check_read(text, 1.0, size);
    text[size - 1] = '1';
    check_read(text, 1.0 + DBL_EPSILON, size);
    /* Zeros in front and a large exponent cancel. */
    memset(text, '0', size);
    memcpy(text, "0.", 2);
    (void)snprintf(text + size, 16, "5e%zu", size - 1);
    check_read(text, 5.0, strlen(text));
    memset(text, '9', size);
    (void)snprintf(text + size, 16, "e-%zu", size - 1);
    check_read(text, 10.0, strlen(text));
    free(text);
}

static void numbers_as_protocols_have_them_are_read_like_strtod(void)
{
    uint64_t state = 20240101;
    for (int i = 0; i < 200000; i++) {
        const uint64_t random = next_random(&state);
        char text[64];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)(random >> (random & 63u)));
        size_t length = strlen(text);
        if ((random & 1u) != 0 && length > 1) {
            const size_t point = 1 + (size_t)(random >> 8) % (length - 1);
            memmove(text + point + 1, text + point, length - point + 1);
            text[point] = '.';
            length++;
        }
        if ((random & 2u) != 0) {
            (void)snprintf(text + length, sizeof text - length, "e%d",
                           (int)(random >> 16 & 63u) - 32);
        }
        check_read(text, reference(text), strlen(text));
    }
}

static void an_exact_number_reads_back_as_itself(void)
{
    uint64_t state = 42;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next_random(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 4 == 1) {
            value = (double)(int64_t)(bits % 2000000) / 1000.0;
        }
        if (!isfinite(value)) {
            continue;
        }
        char buffer[CYC_NUMBER_SIZE];
        (void)cyc_number_exact(buffer, value);
        check_read(buffer, value, strlen(buffer));
        CU_ASSERT(strchr(buffer, ',') == NULL);
    }
}

static void an_exact_number_is_as_short_as_it_can_be(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.1, "0.1"},
        {1e300, "1e+300"},
        {0.0, "0"},
        {-0.0, "-0"},
        {4.6, "4.6"},
        {1.0 / 3.0, "0.3333333333333333"},
        {5e-324, "5e-324"},
        {1e-310, "1e-310"},
        {100, "100"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-2.5, "-2.5"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {9.026e-05, "9.026e-05"},
    };
    char buffer[CYC_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CYC_SAME(cyc_number_exact(buffer, rows[i].value), rows[i].text);
    }
    CYC_SAME(cyc_number_exact(buffer, NAN), "nan");
    CYC_SAME(cyc_number_exact(buffer, INFINITY), "inf");
    CYC_SAME(cyc_number_exact(buffer, -INFINITY), "-inf");
}

static void a_brief_number_is_plain_and_short(void)
{
    static const struct {
        double value;
        int digits;
        const char *text;
    } rows[] = {
        {0.09026, 6, "0.09026"},
        {4.1, 6, "4.1"},
        {4.0, 6, "4"},
        {123456.789, 6, "123457"},
        {123456.789, 3, "123000"},
        {0.000012345, 3, "0.0000123"},
        {1e-7, 6, "1e-7"},
        {1.234e-9, 3, "1.23e-9"},
        {1e15, 3, "1000000000000000"},
        {1.5e16, 3, "1.5e16"},
        {-2.5, 2, "-2.5"},
        {9.9999, 2, "10"},
        {0.0, 6, "0"},
        {-0.0, 6, "0"},
        {99999.96, 6, "100000"},
        {1.0 / 3.0, 17, "0.33333333333333331"},
        {-1e-300, 1, "-1e-300"},
        {7, 1, "7"},
    };
    char buffer[CYC_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CYC_SAME(cyc_number_brief(buffer, rows[i].value, rows[i].digits), rows[i].text);
    }
    CYC_SAME(cyc_number_brief(buffer, NAN, 6), "-");
    CYC_SAME(cyc_number_brief(buffer, -INFINITY, 6), "-inf");
}

/* printf, but a zero has no sign: a current of -0.000000 A says nothing. */
static void check_fixed(double value, int decimals)
{
    char expected[400];
    print_reference(expected, sizeof expected, "%.*f", decimals, value);
    const char *shown = expected;
    if (expected[0] == '-' && strspn(expected, "-0.") == strlen(expected)) {
        shown = expected + 1;
    }
    char buffer[CYC_NUMBER_SIZE];
    memset(buffer, '#', sizeof buffer);
    const size_t length = cyc_number_fixed(buffer, value, decimals);
    if (length != strlen(shown) || memcmp(buffer, shown, length) != 0) {
        (void)fprintf(stderr, "\n%.17g with %d decimals: '%.*s', printf gives '%s'\n", value,
                      decimals, (int)length, buffer, shown);
        CU_FAIL("fixed number differs from printf");
    }
    CU_ASSERT(length < CYC_NUMBER_SIZE);
    CU_ASSERT_EQUAL(buffer[length], '#');
}

static void fixed_decimals_equal_printf_on_half_a_million_values(void)
{
    uint64_t state = 7;
    for (int i = 0; i < 500000; i++) {
        const uint64_t random = next_random(&state);
        const int decimals = (int)(random & 15u);
        const double unit = (double)(random >> 11) * 0x1p-53;
        /* From 1e-10 to 1e12, both signs. */
        const double value = ((random & 16u) != 0 ? -1.0 : 1.0) * unit *
                             pow(10.0, (double)(random >> 5 & 31u) * 0.7 - 10.0);
        check_fixed(value, decimals);
    }
}

static void ties_and_near_ties_round_as_printf_does(void)
{
    for (int n = -2000; n <= 2000; n++) {
        for (int decimals = 0; decimals <= 6; decimals++) {
            const double tie = ((double)n + 0.5) / pow(10.0, decimals);
            check_fixed(tie, decimals);
            check_fixed(nextafter(tie, 1e9), decimals);
            check_fixed(nextafter(tie, -1e9), decimals);
        }
    }
    check_fixed(0.5, 0);
    check_fixed(1.5, 0);
    check_fixed(2.5, 0);
    check_fixed(0.125, 2);
    check_fixed(0.0045, 3); /* 4.5 after scaling, though the double is a little less */
    check_fixed(1.0005, 3);
}

static void carries_run_into_the_integer_part(void)
{
    check_fixed(0.9999999, 6);
    check_fixed(9.99999951, 6);
    check_fixed(999999.99999951, 6);
    check_fixed(99.95, 1);
    check_fixed(-0.9996, 3);
}

static void large_values_fall_back_on_printf(void)
{
    check_fixed(9e12, 3);
    check_fixed(8.999999e12, 3);
    check_fixed(123456789012345678.0, 2);
    check_fixed(-1e18, 6);
    check_fixed(4503599627.370497, 6); /* around 2^52 after scaling */
    check_fixed(4503599627.370495, 6);
    check_fixed(9.5, 15);
    char buffer[CYC_NUMBER_SIZE];
    CU_ASSERT(cyc_number_fixed(buffer, DBL_MAX, 15) < CYC_NUMBER_SIZE);
    CU_ASSERT_EQUAL(cyc_number_fixed(buffer, INFINITY, 3), 3);
    CU_ASSERT_EQUAL(memcmp(buffer, "inf", 3), 0);
}

static void what_is_not_known_is_left_empty(void)
{
    char buffer[CYC_NUMBER_SIZE] = "#";
    CU_ASSERT_EQUAL(cyc_number_fixed(buffer, NAN, 6), 0);
    CU_ASSERT_EQUAL(buffer[0], '#');
}

static void a_zero_has_no_sign(void)
{
    char buffer[CYC_NUMBER_SIZE];
    CU_ASSERT_EQUAL(cyc_number_fixed(buffer, -1e-9, 6), 8);
    CU_ASSERT_EQUAL(memcmp(buffer, "0.000000", 8), 0);
}

static void durations_are_read_at_a_glance(void)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0 s"},
        {250000000, "250 ms"},
        {1500, "0.0015 ms"},
        {12500000000, "12.5 s"},
        {59999600000, "00:01:00"},
        {59999400000, "59.999 s"},
        {60000000000, "00:01:00"},
        {14706000000000, "04:05:06"},
        {86399400000000, "23:59:59"},
        {86399600000000, "1 d 00:00:00"},
        {273906000000000, "3 d 04:05:06"},
        {-12500000000, "-12.5 s"},
        {-273906000000000, "-3 d 04:05:06"},
        {INT64_MAX, "106751 d 23:47:17"},
        {INT64_MIN, "-106751 d 23:47:17"},
    };
    char buffer[CYC_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CYC_SAME(cyc_duration_text(buffer, rows[i].ns), rows[i].text);
    }
}

const struct cyc_check check_number[] = {
    CYC_CHECK(numbers_are_read_to_their_end),
    CYC_CHECK(what_is_no_number_reads_nothing),
    CYC_CHECK(nothing_behind_the_given_size_is_read),
    CYC_CHECK(numbers_out_of_range_are_refused),
    CYC_CHECK(hard_cases_of_rounding_are_read_correctly),
    CYC_CHECK(very_long_numbers_are_read_correctly),
    CYC_CHECK(numbers_as_protocols_have_them_are_read_like_strtod),
    CYC_CHECK(an_exact_number_reads_back_as_itself),
    CYC_CHECK(an_exact_number_is_as_short_as_it_can_be),
    CYC_CHECK(a_brief_number_is_plain_and_short),
    CYC_CHECK(fixed_decimals_equal_printf_on_half_a_million_values),
    CYC_CHECK(ties_and_near_ties_round_as_printf_does),
    CYC_CHECK(carries_run_into_the_integer_part),
    CYC_CHECK(large_values_fall_back_on_printf),
    CYC_CHECK(what_is_not_known_is_left_empty),
    CYC_CHECK(a_zero_has_no_sign),
    CYC_CHECK(durations_are_read_at_a_glance),
    {0},
};
