/* Numbers to and from text, the same on every machine and under every locale.
 *
 * Reading. The digits become an integer m and a power of ten e, value = m × 10^e. When m is below
 * 2^53 and |e| at most 22, both m and 10^|e| are doubles without error, so one multiplication or
 * division rounds once and correctly (Clinger 1990, "How to read floating point numbers
 * accurately"). Everything else goes to strtod in the C locale, in a normalised form of bounded
 * length: beyond 770 digits only "is there anything left" can still decide a rounding (a double
 * needs at most 767), so the rest becomes one more digit.
 *
 * Writing with fixed decimals. p = |value| × 10^decimals is rounded to the integer n, whose digits
 * are written two at a time. p itself is rounded once, at most half an ulp away from the product e.
 * As long as p < 2^52 every p is a multiple of its ulp and so is 0.5; hence the error can change
 * the rounding to an integer only where the fraction of p is exactly 0.5, and there one fma gives
 * the sign of the error. The result is what printf prints, exact ties to even included.
 */
#include "base/text.h"

#include "base/text_int.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POWER_EXACT_MAX 22
#define DIGITS_KEPT_MAX 770
#define EXPONENT_MAX    20000 /* far beyond any double */
#define MANTISSA_MAX    (UINT64_C(1) << 53)
#define SCALED_MAX      4503599627370496.0 /* 2^52 */
#define WHOLE_MAX       4e9                /* fits in 32 bits */
#define DECIMALS_MAX    15

static const double powers[POWER_EXACT_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const int64_t scales[DECIMALS_MAX + 1] = {1,
                                                 10,
                                                 100,
                                                 1000,
                                                 10000,
                                                 100000,
                                                 1000000,
                                                 10000000,
                                                 100000000,
                                                 1000000000,
                                                 10000000000,
                                                 100000000000,
                                                 1000000000000,
                                                 10000000000000,
                                                 100000000000000,
                                                 1000000000000000};

static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

/* ---- Reading ----------------------------------------------------------------------------------
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What stands between the sign and the end of a number. */
struct digits {
    char kept[DIGITS_KEPT_MAX + 2]; /* significant digits, no leading zeros */
    size_t count;
    bool lost;        /* a digit other than 0 did not fit */
    int64_t exponent; /* of the last kept digit */
};

/* Reads digits from *at on; those behind the point lower the exponent. */
static void read_digits(const char *string, size_t size, size_t *at, bool behind_point,
                        struct digits *digits)
{
    for (; *at < size && is_digit(string[*at]); (*at)++) {
        const char c = string[*at];
        const bool leading_zero = digits->count == 0 && c == '0';
        if (!leading_zero && digits->count < DIGITS_KEPT_MAX) {
            digits->kept[digits->count++] = c;
        } else if (!leading_zero) {
            digits->lost = digits->lost || c != '0';
            digits->exponent++;
        }
        if (behind_point) {
            digits->exponent--;
        }
    }
}

/* Reads e[+-]digits at *at, if it stands there. */
static int64_t read_exponent(const char *string, size_t size, size_t *at)
{
    size_t next = *at;
    if (next >= size || (string[next] != 'e' && string[next] != 'E')) {
        return 0;
    }
    next++;
    bool negative = false;
    if (next < size && (string[next] == '+' || string[next] == '-')) {
        negative = string[next] == '-';
        next++;
    }
    if (next >= size || !is_digit(string[next])) {
        return 0;
    }
    int64_t exponent = 0;
    for (; next < size && is_digit(string[next]); next++) {
        if (exponent < INT64_C(1) << 50) {
            exponent = 10 * exponent + (string[next] - '0');
        }
    }
    *at = next;
    return negative ? -exponent : exponent;
}

static bool convert_exactly(const struct digits *digits, double *value)
{
    if (digits->count > 16 || digits->exponent < -POWER_EXACT_MAX ||
        digits->exponent > POWER_EXACT_MAX) {
        return false;
    }
    uint64_t mantissa = 0;
    for (size_t i = 0; i < digits->count; i++) {
        mantissa = 10 * mantissa + (uint64_t)(digits->kept[i] - '0');
    }
    if (mantissa > MANTISSA_MAX) {
        return false;
    }
    const double whole = (double)mantissa;
    *value =
        digits->exponent < 0 ? whole / powers[-digits->exponent] : whole * powers[digits->exponent];
    return true;
}

static double convert_slowly(struct digits *digits)
{
    if (digits->lost) {
        digits->kept[digits->count++] = '1';
        digits->exponent--;
    }
    const int64_t exponent = digits->exponent > EXPONENT_MAX    ? EXPONENT_MAX
                             : digits->exponent < -EXPONENT_MAX ? -EXPONENT_MAX
                                                                : digits->exponent;
    char text[DIGITS_KEPT_MAX + 16];
    (void)cyc_format(text, sizeof text, "%.*se%d", (int)digits->count, digits->kept, (int)exponent);
    const locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const double value = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    return value;
}

bool cyc_number_parse(const char *string, size_t size, double *value, size_t *used)
{
    struct digits digits; /* cleared by hand: most of it is never touched */
    digits.count = 0;
    digits.lost = false;
    digits.exponent = 0;
    size_t at = size > 0 && string[0] == '-' ? 1 : 0;
    const bool negative = at == 1;
    *used = 0;
    if (at >= size || !is_digit(string[at])) {
        return false;
    }
    read_digits(string, size, &at, false, &digits);
    if (at + 1 < size && string[at] == '.' && is_digit(string[at + 1])) {
        at++;
        read_digits(string, size, &at, true, &digits);
    }
    digits.exponent += read_exponent(string, size, &at);
    *used = at;

    double magnitude = 0.0;
    if (digits.count > 0 && !convert_exactly(&digits, &magnitude)) {
        magnitude = convert_slowly(&digits);
    }
    if (!isfinite(magnitude)) {
        return false;
    }
    *value = negative ? -magnitude : magnitude;
    return true;
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

static const char *name_of_non_finite(char buffer[CYC_NUMBER_SIZE], double value)
{
    (void)cyc_copy(buffer, CYC_NUMBER_SIZE, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
    return buffer;
}

const char *cyc_number_exact(char buffer[CYC_NUMBER_SIZE], double value)
{
    if (!isfinite(value)) {
        return name_of_non_finite(buffer, value);
    }
    /* 15 digits always survive the way there and back where the double has its full precision, so
     * %g's own dropping of zeros finds the shortest; only subnormal numbers have fewer. */
    for (int digits = fabs(value) < 2.3e-308 ? 1 : 15; digits <= 17; digits++) {
        const size_t length = cyc_format(buffer, CYC_NUMBER_SIZE, "%.*g", digits, value);
        double back = 0.0;
        size_t used = 0;
        if (cyc_number_parse(buffer, length, &back, &used) && back == value) {
            break;
        }
    }
    return buffer;
}

/* d.ddde+xx as written by printf, in plain notation. */
static void write_plain(char *buffer, const char *digits, int count, int exponent)
{
    size_t at = 0;
    if (exponent < 0) {
        buffer[at++] = '0';
        buffer[at++] = '.';
        for (int zero = -1; zero > exponent; zero--) {
            buffer[at++] = '0';
        }
    }
    for (int i = 0; i < count || i <= exponent; i++) {
        if (i == exponent + 1 && i > 0) {
            buffer[at++] = '.';
        }
        buffer[at++] = i < count ? digits[i] : '0';
    }
    buffer[at] = '\0';
}

const char *cyc_number_brief(char buffer[CYC_NUMBER_SIZE], double value, int digits)
{
    if (isnan(value)) {
        (void)cyc_copy(buffer, CYC_NUMBER_SIZE, "-");
        return buffer;
    }
    if (!isfinite(value)) {
        return name_of_non_finite(buffer, value);
    }
    char scientific[CYC_NUMBER_SIZE];
    (void)cyc_format(scientific, sizeof scientific, "%.*e", digits - 1, fabs(value));
    const char *mark = strchr(scientific, 'e');
    const int exponent = (int)strtol(mark + 1, NULL, 10);
    char kept[CYC_NUMBER_SIZE];
    int count = 0;
    for (const char *c = scientific; c < mark; c++) {
        if (is_digit(*c)) {
            kept[count++] = *c;
        }
    }
    while (count > 1 && kept[count - 1] == '0') {
        count--;
    }
    char *at = buffer;
    if (value < 0) {
        *at++ = '-';
    }
    if (exponent >= -6 && exponent <= 15) {
        write_plain(at, kept, count, exponent);
    } else {
        (void)cyc_format(at, CYC_NUMBER_SIZE - 1, "%c%s%.*se%d", kept[0], count > 1 ? "." : "",
                         count - 1, kept + 1, exponent);
    }
    return buffer;
}

static inline void write_pair(char *buffer, uint32_t number)
{
    memcpy(buffer, digit_pairs + (size_t)2 * number, 2);
}

/* One or two digits. */
static inline size_t write_head(char *buffer, uint32_t number)
{
    if (number < 10) {
        buffer[0] = (char)('0' + number);
        return 1;
    }
    write_pair(buffer, number);
    return 2;
}

/* Writes a number in decimal without leading zeros; returns the bytes written. */
static inline size_t write_whole(char *buffer, uint32_t number)
{
    if (number < 100) {
        return write_head(buffer, number);
    }
    if (number < 10000) {
        const size_t size = write_head(buffer, number / 100);
        write_pair(buffer + size, number % 100);
        return size + 2;
    }
    uint32_t left = number;
    uint32_t pairs[5];
    size_t count = 0;
    for (; left >= 100; left /= 100) {
        pairs[count++] = left % 100;
    }
    size_t size = write_head(buffer, left);
    for (; count > 0; size += 2) {
        write_pair(buffer + size, pairs[--count]);
    }
    return size;
}

/* Writes exactly `decimals` digits, zeros in front. */
static inline void write_digits(char *buffer, uint32_t number, int decimals)
{
    int at = decimals;
    for (; at >= 4; number /= 10000) {
        at -= 4;
        const uint32_t four = number % 10000;
        write_pair(buffer + at, four / 100);
        write_pair(buffer + at + 2, four % 100);
    }
    if (at >= 2) {
        at -= 2;
        write_pair(buffer + at, number % 100);
        number /= 100;
    }
    if (at == 1) {
        buffer[0] = (char)('0' + number);
    }
}

static inline void write_fraction(char *buffer, int64_t number, int decimals)
{
    if (decimals <= 8) {
        write_digits(buffer, (uint32_t)number, decimals);
        return;
    }
    const int first = decimals - 8; /* two halves of 32 bits: divisions of 64 bits are slow */
    write_digits(buffer, (uint32_t)(number / scales[8]), first);
    write_digits(buffer + first, (uint32_t)(number % scales[8]), 8);
}

/* Out of line, like all that is rare here: it would cost the common path its registers. */
__attribute__((noinline, cold)) static size_t write_with_printf(char *buffer, double value,
                                                                int decimals)
{
    char text[CYC_NUMBER_SIZE];
    size_t length = cyc_format(text, sizeof text, "%.*f", decimals, value);
    if (length >= sizeof text) { /* over 1e23 no decimal is significant any more */
        length = cyc_format(text, sizeof text, "%.17g", value);
    }
    memcpy(buffer, text, length);
    return length;
}

/* The fraction came out as exactly one half. */
__attribute__((noinline, cold)) static bool tie_goes_up(double magnitude, double scaled,
                                                        int64_t rounded, int decimals)
{
    const double error = fma(magnitude, powers[decimals], -scaled);
    return error > 0.0 || (error == 0.0 && (rounded & 1) != 0);
}

size_t cyc_number_fixed(char *buffer, double value, int decimals)
{
    const double magnitude = fabs(value);
    const double scaled = magnitude * powers[decimals];
    if (!(scaled < SCALED_MAX && magnitude < WHOLE_MAX)) {
        return isnan(value) ? 0 : write_with_printf(buffer, value, decimals);
    }
    /* Signed integers, because processors convert those from and to double in one instruction. */
    int64_t rounded = (int64_t)scaled;
    const double fraction = scaled - (double)rounded;
    rounded += fraction > 0.5; /* no branch: nobody could predict it */
    if (fraction == 0.5) {
        rounded += tie_goes_up(magnitude, scaled, rounded, decimals) ? 1 : 0;
    }
    /* Without a division: the integer part is known from the value, rounding may carry into it. */
    const int64_t scale = scales[decimals];
    int64_t whole = (int64_t)magnitude;
    int64_t rest = rounded - whole * scale;
    if (rest >= scale) {
        whole++;
        rest -= scale;
    }
    size_t length = 0;
    if (value < 0.0 && rounded != 0) {
        buffer[length++] = '-';
    }
    length += write_whole(buffer + length, (uint32_t)whole);
    if (decimals > 0) {
        buffer[length++] = '.';
        write_fraction(buffer + length, rest, decimals);
        length += (size_t)decimals;
    }
    return length;
}

/* ---- Durations --------------------------------------------------------------------------------
 */

const char *cyc_duration_text(char buffer[CYC_NUMBER_SIZE], int64_t duration_ns)
{
    const char *sign = duration_ns < 0 ? "-" : "";
    const uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
    char number[CYC_NUMBER_SIZE];
    if (ns > 0 && ns < UINT64_C(1000000000)) {
        (void)cyc_number_brief(number, (double)ns * 1e-6, 4);
        (void)cyc_format(buffer, CYC_NUMBER_SIZE, "%s%s ms", sign, number);
        return buffer;
    }
    const uint64_t ms = (ns + 500000u) / 1000000u;
    if (ms < 60000) {
        (void)cyc_number_brief(number, (double)ms * 1e-3, 5);
        (void)cyc_format(buffer, CYC_NUMBER_SIZE, "%s%s s", sign, number);
        return buffer;
    }
    const uint64_t s = (ms + 500u) / 1000u;
    const unsigned hours = (unsigned)(s / 3600 % 24);
    const unsigned minutes = (unsigned)(s / 60 % 60);
    const unsigned seconds = (unsigned)(s % 60);
    if (s >= 86400) {
        (void)cyc_format(buffer, CYC_NUMBER_SIZE, "%s%llu d %02u:%02u:%02u", sign,
                         (unsigned long long)(s / 86400), hours, minutes, seconds);
    } else {
        (void)cyc_format(buffer, CYC_NUMBER_SIZE, "%s%02u:%02u:%02u", sign, hours, minutes,
                         seconds);
    }
    return buffer;
}
