/* Bounded strings, growing text, and numbers to and from text without the locale.
 *
 * Nothing here calls printf's %f or strtod with the user's locale: '.' is the decimal point,
 * always.
 */
#ifndef CYC_BASE_TEXT_H
#define CYC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies source into a fixed buffer, always terminated; cuts at a UTF-8 boundary. Returns false
 * when it was cut. */
bool cyc_copy(char *target, size_t size, const char *source);

/* Whether a word and a string of `size` bytes are the same but for the case of ASCII letters; the
 * locale has no say (Turkish has two letters i). */
bool cyc_same_word(const char *word, const char *string, size_t size);

/* A text that grows on the heap. Zero-initialised is empty. After a failed allocation `failed` is
 * set, the text stays terminated and further appends do nothing. */
struct cyc_text {
    char *data; /* owned; NULL while empty */
    size_t length;
    size_t capacity;
    bool failed;
};
void cyc_text_append(struct cyc_text *text, const char *string);
void cyc_text_append_size(struct cyc_text *text, const char *bytes, size_t size);
void cyc_text_format(struct cyc_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* no floating conversions: use cyc_text_number */
/* Appends a number with at most `digits` significant digits, no trailing zeros ("0.09026"). */
void cyc_text_number(struct cyc_text *text, double value, int digits);
void cyc_text_clear(struct cyc_text *text); /* empty, memory kept */
void cyc_text_release(struct cyc_text *text);
const char *cyc_text_get(const struct cyc_text *text); /* "" when empty; borrowed */

/* Reads `[-]digits[.digits][e[+-]digits]` from the start of a string of `size` bytes (no sign '+',
 * no hex, no inf or nan, no octal meaning). *used gets the bytes read, 0 when there is no number.
 * Correctly rounded. Returns false when there is none or it is out of range of a double. */
bool cyc_number_parse(const char *string, size_t size, double *value, size_t *used);

#define CYC_NUMBER_SIZE 40
/* Shortest text that reads back as the same double ("0.1", "1e+300", "nan", "-inf"). */
const char *cyc_number_exact(char buffer[CYC_NUMBER_SIZE], double value);
/* At most `digits` significant digits (1 to 17), without trailing zeros; "-" for NaN. For people.
 */
const char *cyc_number_brief(char buffer[CYC_NUMBER_SIZE], double value, int digits);
/* Fixed decimals (0 to 15) by scaled integers, about 20 times as fast as printf (see
 * tests/bench); NaN gives nothing. Writes at most CYC_NUMBER_SIZE - 1 bytes without terminator and
 * returns their count. Falls back to a locale-free printf for numbers of more than 15 digits
 * or 4e9. */
size_t cyc_number_fixed(char *buffer, double value, int decimals);
/* "3 d 04:05:06", "04:05:06", "12.5 s", "250 ms". For people. */
const char *cyc_duration_text(char buffer[CYC_NUMBER_SIZE], int64_t duration_ns);

/* JSON, written only, into a growing text: commas and escapes are taken care of. Numbers are
 * exact; NaN and infinities become null. Nesting at most 32. */
struct cyc_json {
    struct cyc_text *text;
    unsigned depth;
    uint32_t filled; /* bit per depth: something was written there */
    bool after_key;
};
void cyc_json_init(struct cyc_json *json, struct cyc_text *text);
void cyc_json_open(struct cyc_json *json, char bracket);  /* '{' or '[' */
void cyc_json_close(struct cyc_json *json, char bracket); /* '}' or ']' */
void cyc_json_key(struct cyc_json *json, const char *key);
void cyc_json_string(struct cyc_json *json, const char *value); /* NULL gives null */
void cyc_json_number(struct cyc_json *json, double value);
void cyc_json_integer(struct cyc_json *json, int64_t value);
void cyc_json_bool(struct cyc_json *json, bool value);

/* FNV-1a 64-bit, for hash tables and traces; not for pinning files (see cyc_sha256). */
uint64_t cyc_hash(const void *data, size_t size);
/* SHA-256 as 64 lower-case hex digits. FIPS 180-4. */
void cyc_sha256(const void *data, size_t size, char hex[65]);

#endif
